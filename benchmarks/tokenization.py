"""Our byte-level BPE against a full rescan for every merge, and against the `tokenizers` library.

The text is the Python language reference that ships with Python (`pydoc_data.topics`). Training:
the plain algorithm, as in karpathy's minbpe (RegexTokenizer), counts the pairs of the whole text
and rebuilds it for every merge; written here anew, it must learn the same merges as ours. Encoding:
against `tokenizers` (Rust) with the same merges, which must give the same ids. All run in one
process, taking turns; ratios are of median times.

    python benchmarks/tokenization.py [--vocab-size 1024] [--rounds 5]
"""

from __future__ import annotations

import argparse
import platform
import time
from collections.abc import Callable
from itertools import pairwise
from pydoc_data.topics import topics
from statistics import median
from typing import TypeVar

from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from coursekit.lm.tokenization import ByteLevelBPE, merge, split_words

Result = TypeVar("Result")


def full_rescan_merges(text: str, n_merges: int) -> list[tuple[bytes, bytes]]:
    """Learn merges the plain way: every merge looks at every word of the text again."""
    tokens = sorted(ByteLevelBPE.from_merges([]).vocab.items(), key=lambda item: item[1])
    spelling = [token for token, _ in tokens]
    id_of_byte = {token[0]: i for token, i in tokens}
    words = [[id_of_byte[byte] for byte in word.encode()] for word in split_words(text)]
    merges = []
    for _ in range(n_merges):
        pair_counts: dict[tuple[int, int], int] = {}
        for ids in words:
            for pair in pairwise(ids):
                pair_counts[pair] = pair_counts.get(pair, 0) + 1
        if not pair_counts:
            break
        best = min(pair_counts, key=lambda pair: (-pair_counts[pair], pair))
        words = [merge(ids, best, len(spelling)) for ids in words]
        left, right = (spelling[i] for i in best)
        merges.append((left, right))
        spelling.append(left + right)
    return merges


def tokenizers_train(text: str, vocab_size: int) -> Tokenizer:
    """Train with the `tokenizers` library, from the same 256 bytes."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator([text], trainer)
    return tokenizer


def timed(work: Callable[[], Result]) -> tuple[float, Result]:
    """Seconds that the work took, and its result."""
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def training(text: str, vocab_size: int, rounds: int) -> ByteLevelBPE:
    """Print how much faster than the full rescan we learn the same merges."""
    ours, theirs = [], []
    for _ in range(rounds):
        seconds, bpe = timed(lambda: ByteLevelBPE.train(text, vocab_size))
        ours.append(seconds)
        theirs.append(timed(lambda: tokenizers_train(text, vocab_size))[0])
    seconds, plain_merges = timed(lambda: full_rescan_merges(text, vocab_size - 256))
    assert plain_merges == bpe.merges
    fast = median(ours)
    print(f"training, ours:        {fast:8.2f} s")
    print(f"training, full rescan: {seconds:8.2f} s   ours is {seconds / fast:.0f} times as fast")
    print(
        f"training, tokenizers:  {median(theirs):8.2f} s   ours takes "
        f"{fast / median(theirs):.1f} times as long"
    )
    return bpe


def encoding(bpe: ByteLevelBPE, text: str, rounds: int) -> None:
    """Print our speed of encoding in ratio to `tokenizers`, with empty and with filled caches."""
    times: dict[str, list[float]] = {"cold": [], "warm": []}
    rust_times: dict[str, list[float]] = {"cold": [], "warm": []}
    for _ in range(rounds):
        ours = ByteLevelBPE.from_merges(bpe.merges)
        rust = bpe.to_tokenizers()
        for state in times:
            seconds, ids = timed(lambda: ours.encode(text))  # noqa: B023
            times[state].append(seconds)
            seconds, rust_ids = timed(lambda: rust.encode(text).ids)  # noqa: B023
            rust_times[state].append(seconds)
            assert ids == rust_ids
    for state in times:
        fast, rust_fast = median(times[state]), median(rust_times[state])
        print(
            f"encoding, {state} cache: ours {len(text) / fast / 1e6:.2f}, tokenizers "
            f"{len(text) / rust_fast / 1e6:.2f} million characters/s: ratio {rust_fast / fast:.2f}"
        )


def main() -> None:
    """Run both comparisons."""
    parser = argparse.ArgumentParser(description="Byte-level BPE against a full rescan.")
    parser.add_argument("--vocab-size", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    text = "".join(topics[name] for name in sorted(topics))
    print(f"Python {platform.python_version()}, {platform.machine()}; {len(text):,} characters")
    bpe = training(text, arguments.vocab_size, arguments.rounds)
    encoding(bpe, text, arguments.rounds)


if __name__ == "__main__":
    main()
