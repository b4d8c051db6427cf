"""Claims of notebook 01: what tokens are, what they cost, and what a probability of text means."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from functools import cache
from itertools import pairwise

import torch
from babel import Locale

from coursekit.data import dataset_descriptions, reference_documents, split_documents
from coursekit.data.corpora import source_documents
from coursekit.lm import ByteLevelBPE
from docs.claims.ledger import Ledger
from docs.claims.subjects import lm

LEDGER = Ledger("tokenization")

LEDGER.proved(
    "Byte-level BPE merges the most frequent pair again and again; encoding replays the merges.",
    stands="Byte-level BPE starts from 256 bytes and merges the most frequent pair",
    proof="Merges and ids are those of another library, on prose and on every script.",
    test="tests/lm/test_tokenization.py::test_training_equals_tokenizers_on_prose",
)
LEDGER.proved(
    "Counts that are updated give the same merges as counting everything again.",
    stands="because it updates counts instead of counting everything again",
    proof="Only words that hold the merged pair change.",
    test="tests/lm/test_tokenization.py::test_training_equals_the_full_rescan",
)
LEDGER.proved(
    "A token may be a piece of a word or of a character; no letter reaches the model.",
    stands=(
        '"A token is a word."',
        '"The model reads letters."',
        "A language model never sees a letter",
        "which cannot be shown alone",
    ),
    proof="Tokens are numbers of byte strings; half a character is no text.",
    test="tests/lm/test_tokenization.py::test_half_a_character_decodes_to_the_replacement_character",
)
LEDGER.passing(
    "measure why some languages cost more tokens",
    "on documents that it never saw",
    why="what the reader will do, and which documents are held out",
)


# Compression


@cache
def _halves(seed: int, kind: str) -> tuple[str, str]:
    """Return a text to learn from and one that is held out."""
    documents = {
        "all": lambda: reference_documents(stable=True) + dataset_descriptions(),
        "Python alone": lambda: reference_documents(stable=True),
        "data alone": dataset_descriptions,
        "code": lambda: source_documents()[:60],
    }[kind]()
    halves = split_documents(documents, fraction=0.6, seed=seed)
    return tuple("\n\n".join(d.text for d in part)[:300_000] for part in halves)


@cache
def _trained(seed: int, kind: str) -> ByteLevelBPE:
    return ByteLevelBPE.train(_halves(seed, kind)[0], vocab_size=8192)


def _first(bpe: ByteLevelBPE, size: int) -> ByteLevelBPE:
    """Return the tokenizer as it was when it had this many tokens."""
    return ByteLevelBPE.from_merges(bpe.merges[: size - 256])


def _bytes_per_token(bpe: ByteLevelBPE, text: str) -> float:
    return len(text.encode()) / len(bpe.encode(text))


_SPLITS = {f"split {seed}": {"seed": seed, "kind": "all"} for seed in range(3)} | {
    "Python alone": {"seed": 0, "kind": "Python alone"},
    "code": {"seed": 0, "kind": "code"},
}


@LEDGER.measured(
    "What a tokenizer was trained on comes out shorter than other documents of the same kind.",
    stands="What it was trained on is short, everything else is long",
    refuted_by="at least as many bytes per token on held-out documents as on those of training",
    variations=_SPLITS,
    quick="split 1",
)
def short_where_trained(seed: int, kind: str) -> tuple[bool, str]:
    train, test = (_bytes_per_token(_trained(seed, kind), text) for text in _halves(seed, kind))
    return test < train, f"{train:.1f} bytes a token in training, {test:.1f} held out"


@LEDGER.measured(
    "A larger vocabulary compresses new documents more, with less and less gain.",
    stands="A larger vocabulary compresses more, with less and less gain",
    refuted_by="a doubling of the vocabulary, from 512 on, that gains nothing, or more than the "
    "doubling before",
    variations=_SPLITS,
    quick="split 1",
)
def less_and_less_gain(seed: int, kind: str) -> tuple[bool, str]:
    bpe, (_, test) = _trained(seed, kind), _halves(seed, kind)
    sizes = [size for size in (256, 512, 1024, 2048, 4096) if size <= bpe.vocab_size]
    rates = [_bytes_per_token(_first(bpe, size), test) for size in sizes]
    gains = [b / a for a, b in pairwise(rates)]
    held = all(gain > 1 for gain in gains) and gains == sorted(gains, reverse=True)
    return held, ", ".join(f"{size}: {rate:.2f}" for size, rate in zip(sizes, rates, strict=True))


def _bits(bpe: ByteLevelBPE, train: str, test: str, added: float) -> tuple[float, float]:
    """Return bits per token and per byte of a text, under the frequencies of another."""
    seen, ids = bpe.encode(train), bpe.encode(test)
    counts, total = Counter(seen), len(seen) + added * bpe.vocab_size
    bits = sum(-math.log2((counts[i] + added) / total) for i in ids)
    return bits / len(ids), bits / len(test.encode())


@LEDGER.measured(
    "With a larger vocabulary the loss per token rises while the loss per byte falls: per token, "
    "models with different tokenizers cannot be compared.",
    stands=(
        "losses are comparable per byte, never per token",
        "cannot be compared across tokenizers; per byte they can",
    ),
    refuted_by="a loss per token that is not higher, or a loss per byte not lower, with 2,048 "
    "tokens than with bytes",
    variations=_SPLITS | {"smoothing 0.1": {"seed": 0, "kind": "all", "added": 0.1}},
    quick="split 1",
)
def per_token_and_per_byte(seed: int, kind: str, added: float = 1.0) -> tuple[bool, str]:
    bpe = _trained(seed, kind)
    small = _bits(_first(bpe, 256), *_halves(seed, kind), added)
    large = _bits(_first(bpe, 2048), *_halves(seed, kind), added)
    held = large[0] > small[0] and large[1] < small[1]
    return held, (
        f"per token {small[0]:.1f} to {large[0]:.1f}, per byte {small[1]:.2f} to {large[1]:.2f}"
    )


@LEDGER.measured(
    "Beyond 2,048 tokens a larger vocabulary gives fewer tokens and hardly a lower loss per byte, "
    "or a higher one.",
    stands=(
        '"Fewer tokens is a better model."',
        "And per byte the last thousand tokens bring nothing",
        "many of them were seen once or never in training",
    ),
    refuted_by="a loss per byte that is more than 3 % lower with all tokens than with 2,048, or no "
    "fewer tokens",
    variations=_SPLITS | {"smoothing 0.1": {"seed": 0, "kind": "all", "added": 0.1}},
    quick="split 1",
    was="The largest vocabulary gave the fewest tokens, and not the lowest loss per byte.",
)
def largest_is_not_better(seed: int, kind: str, added: float = 1.0) -> tuple[bool, str]:
    bpe, (train, test) = _trained(seed, kind), _halves(seed, kind)
    some = _first(bpe, 2048)
    loss, of_all = (_bits(each, train, test, added)[1] for each in (some, bpe))
    fewer = len(bpe.encode(test)) / len(some.encode(test))
    held = of_all > 0.97 * loss and fewer < 1
    return held, f"{fewer:.2f} times the tokens, loss per byte {loss:.3f} to {of_all:.3f}"


# Languages

LISTS = ("territories", "languages", "months")
NAMES = {
    "French": "fr",
    "Spanish": "es",
    "German": "de",
    "Finnish": "fi",
    "Russian": "ru",
    "Greek": "el",
    "Hindi": "hi",
    "Chinese": "zh",
    "Japanese": "ja",
    "Korean": "ko",
}


def _names(locale: str, kind: str) -> list[str]:
    """Return the same things, named in one language: of countries, of languages, or of months."""
    found = Locale.parse(locale)
    if kind == "months":
        return [str(found.months["format"]["wide"][month]) for month in range(1, 13)]
    english = getattr(Locale.parse("en"), kind)
    shared = [
        key
        for key in sorted(english)
        if all(key in getattr(Locale.parse(code), kind) for code in NAMES.values())
    ]
    chosen = [key for key in shared if key.isalpha() and len(key) <= 3]
    return [str(getattr(found, kind)[key]) for key in chosen]


def _n_tokens(texts: Sequence[str]) -> int:
    return sum(len(ids) for ids in lm().tokenizer([f" {text}" for text in texts]).input_ids)


@LEDGER.measured(
    "The same meaning costs SmolLM2 more tokens in every other language of the list than in "
    "English.",
    stands="in every other language of our list the same forecast costs more than in English",
    refuted_by="one of ten languages in which names of the same things take no more tokens",
    variations={kind: {"kind": kind} for kind in LISTS},
)
def dearer_than_english(kind: str) -> tuple[bool, str]:
    english = _n_tokens(_names("en", kind))
    ratio = {name: _n_tokens(_names(code, kind)) / english for name, code in NAMES.items()}
    least, most = min(ratio, key=ratio.get), max(ratio, key=ratio.get)
    return ratio[least] > 1, f"{least} {ratio[least]:.2f} to {most} {ratio[most]:.2f} times"


@LEDGER.measured(
    "The same meaning takes fewer Chinese characters than English letters, so per character "
    "Chinese looks dearer than it is.",
    stands="because a Chinese character says more than a letter",
    refuted_by="as many characters as in English, or more",
    variations={kind: {"kind": kind} for kind in LISTS},
)
def denominator_decides(kind: str) -> tuple[bool, str]:
    english, chinese = _names("en", kind), _names("zh", kind)
    meaning = _n_tokens(chinese) / _n_tokens(english)
    characters = len("".join(chinese)) / len("".join(english))
    return characters < 1, (
        f"{characters:.2f} times the characters; tokens: {meaning / characters:.1f} times per "
        f"character, {meaning:.1f} times per meaning"
    )


@LEDGER.measured(
    "A vocabulary is cheap for the language that it was trained on: trained on Chinese, English "
    "is the dearer one.",
    stands='"Chinese is expensive by nature."',
    refuted_by="after training on names of one language, fewer tokens per meaning in the other",
    variations={
        "60 merges": {"code": "zh", "n_merges": 60},
        "120 merges": {"code": "zh", "n_merges": 120},
        "250 merges": {"code": "zh", "n_merges": 250},
        "Japanese": {"code": "ja", "n_merges": 250},
        "Russian": {"code": "ru", "n_merges": 250},
        "Greek": {"code": "el", "n_merges": 250},
        "Hindi": {"code": "hi", "n_merges": 250},
    },
)
def vocabulary_decides(code: str, n_merges: int) -> tuple[bool, str]:
    count = {}
    for trained in ("en", code):
        learned = _names(trained, "languages")
        bpe = ByteLevelBPE.train(", ".join(learned), vocab_size=256 + n_merges)
        for read in ("en", code):
            count[trained, read] = sum(
                len(bpe.encode(name)) for name in _names(read, "territories")
            )
    held = count["en", "en"] < count["en", code] and count[code, code] < count[code, "en"]
    return held, (
        f"trained on English {count['en', 'en']} and {count['en', code]} tokens, "
        f"on the other {count[code, 'en']} and {count[code, code]}"
    )


# Spaces


@torch.inference_mode()
def _next(prompt: str) -> torch.Tensor:
    ids = lm().tokenizer(prompt, return_tensors="pt").input_ids
    return lm().model(ids, logits_to_keep=1).logits[0, -1].softmax(dim=-1)


@LEDGER.measured(
    "A space at the end of a prompt changes what is asked: the answer that was most likely is "
    "hardly given any more.",
    stands=(
        "begin answers with a space, and never end a prompt with one",
        '"A space at the end is nothing."',
    ),
    refuted_by="a most likely next word that keeps a tenth of its probability when the prompt ends "
    "with its space",
    variations={
        name: {"prompt": prompt}
        for name, prompt in {
            "France": "The capital of France is",
            "Italy": "The capital of Italy is",
            "Japan": "The capital of Japan is",
            "a color": "The color of the sky on a clear day is",
            "a day": "The day after Monday is",
            "a person": "Romeo and Juliet was written by William",
            "question and answer": "Q: What is the capital of France?\nA:",
            "chat": "<|im_start|>user\nWhat is the capital of France?<|im_end|>\n"
            "<|im_start|>assistant\nThe capital of France is",
        }.items()
    },
    quick="France",
)
def space_too_many(prompt: str) -> tuple[bool, str]:
    probs = _next(prompt)
    words = (lm().tokenizer.decode([i]) for i in probs.topk(20).indices)
    word = next(word for word in words if re.fullmatch(" [A-Za-z]+", word))
    ((spaced,), (bare, *_)) = lm().tokenizer([word, word.strip()]).input_ids
    before, after = probs[spaced].item(), _next(prompt + " ")[bare].item()
    return after < before / 10, f"{word!r} {before:.2f}, after a space {after:.4f}"
