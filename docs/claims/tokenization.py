"""Claims of notebook 01: what tokens are, what they cost, and what a probability of text means."""

from __future__ import annotations

import math
import random
import re
from collections import Counter
from collections.abc import Sequence
from functools import cache
from itertools import pairwise

import torch
from babel import Locale
from scipy.stats import spearmanr

from coursekit.data import dataset_descriptions, reference_documents, split_documents
from coursekit.data.corpora import source_documents
from coursekit.lm import ByteLevelBPE, UnigramLM, word_pieces
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
LEDGER.proved(
    "WordPiece takes the longest piece from the left and never looks back.",
    stands="from the left, always the longest",
    proof="Pieces are those of another library, over random vocabularies and words.",
    test="tests/lm/test_wordpiece.py::test_pieces_are_those_of_tokenizers",
)
LEDGER.proved(
    "A unigram model takes the cut with the largest product; Viterbi finds it.",
    stands=("a unigram model the most probable cut", "You need not try them: the best cut"),
    proof="Pieces are those of another library, and of trying every cut.",
    test="tests/lm/test_unigram.py::test_segments_are_those_of_tokenizers",
)
LEDGER.proved(
    "No step of EM lowers the likelihood.",
    stands=("No step can lower the likelihood of the text", "EM learns its probabilities"),
    proof="Jensen's inequality; tried over random vocabularies and texts.",
    test="tests/lm/test_unigram.py::test_no_step_of_em_lowers_the_likelihood",
)
LEDGER.cited(
    "GPT-3.5 and GPT-4 cut threes from the left, and add better when commas group from the right.",
    stands="found that they add better when commas make them read from the right",
    source="singh2024tokenization",
)
LEDGER.cited(
    "Rows near those that cannot have been learned belong to tokens that were hardly seen.",
    stands=(
        "A token that is hardly in the second is never learned",
        "start from rows of the embedding that cannot have been learned",
    ),
    source="land2024fishing",
)
LEDGER.passing(
    "From the right it always counts ones, thousands or millions",
    "one by one, each digit costs a token",
    "It is not the cut alone",
    "SmolLM2, with no token of three digits, cannot be asked",
    why="places of digits, seen in the outputs above",
)
LEDGER.passing(
    "find tokens of a real model that it never learned",
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


# The same pieces, other rules


@LEDGER.measured(
    "With the same pieces, BPE, WordPiece and a unigram model need nearly as many tokens.",
    stands="The price is the same within two in a hundred",
    refuted_by="a rule that needs over 2 % more tokens than another on held-out documents",
    variations={
        f"{n} merges, split {seed}": {"n_merges": n, "seed": seed, "kind": "all"}
        for n, seed in ((100, 0), (100, 1), (100, 2), (300, 0))
    }
    | {"100 merges, code": {"n_merges": 100, "seed": 0, "kind": "code"}},
    quick="100 merges, split 1",
)
def same_price(n_merges: int, seed: int, kind: str) -> tuple[bool, str]:
    learned, new = (
        Counter(re.findall(r"\b[a-z]+\b", text[:20_000])) for text in _halves(seed, kind)
    )
    bpe = ByteLevelBPE.train(_halves(seed, kind)[0][:20_000], vocab_size=256 + n_merges)
    pieces = [token.decode() for token in bpe.vocab if token.isalpha() and token.islower()]
    counts, marked = Counter(pieces), {*pieces, *("##" + piece for piece in pieces)}
    for word, n in learned.items():
        for token in bpe.tokens(word):
            counts[token.decode()] += n
    unigram = UnigramLM.from_counts(counts)
    total = {
        "BPE": sum(n * len(bpe.tokens(word)) for word, n in new.items()),
        "WordPiece": sum(n * len(word_pieces(word, marked)) for word, n in new.items()),
        "unigram": sum(n * len(unigram.segment(word)) for word, n in new.items()),
    }
    apart = max(total.values()) / min(total.values()) - 1
    return apart < 0.02, f"{total}, {apart:.1%} apart"


# Sums


def _sums(ask: str, seed: int, write, pull_apart: bool = False, n: int = 24) -> torch.Tensor:
    """Return the probability of each right sum, with the numbers written by `write`."""
    encode = lambda text: lm().tokenizer(text).input_ids  # noqa: E731
    parts = {encode(sign)[0]: encode(" ") + encode(sign[1:]) for sign in (" +", " =")}
    pairs = [(a, b) for a in range(10, 90) for b in range(10, 100 - a)]
    drawn, rows = random.Random(seed).sample(pairs, n + 2), []
    for pair in drawn[2:]:
        lines = [
            f"{ask.format(write(str(a)), write(str(b)))} {a + b}\n" for a, b in (*drawn[:2], pair)
        ]
        ids = encode("".join(lines))
        rows.append([p for i in ids for p in (parts.get(i, [i]) if pull_apart else [i])])
    ids = torch.tensor(rows)
    with torch.inference_mode():
        logits = lm().model(ids[:, :-1], logits_to_keep=3).logits
    return logits.log_softmax(dim=-1).gather(-1, ids[:, -3:, None]).sum(dim=(1, 2)).exp()


_ASKED = {
    "sign, seed 1": {"ask": "{} + {} =", "seed": 1},
    "sign, seed 2": {"ask": "{} + {} =", "seed": 2},
    "words": {"ask": "{} plus {} is", "seed": 3},
    "question": {"ask": "Q: What is {} + {}?\nA:", "seed": 4},
}


@LEDGER.measured(
    "SmolLM2's probability of a right sum falls to less than half when its digits are written with "
    "spaces between them or a zero in front: it adds in the form in which it learned to.",
    stands=(
        "the model adds in the form in which it learned to add",
        "A model adds in the form in which it learned to add",
        '"A model that adds 47 and 25 adds 047 and 025."',
    ),
    refuted_by="one of the two ways in which the right sum keeps half of its probability",
    variations=_ASKED,
    quick="sign, seed 1",
)
def adds_as_it_learned(ask: str, seed: int) -> tuple[bool, str]:
    usual, spaced, zero = (
        _sums(ask, seed, write).mean().item() for write in (str, " ".join, "0".__add__)
    )
    held = max(spaced, zero) < usual / 2
    return held, f"{usual:.3f} as usual, {spaced:.3f} with spaces, {zero:.3f} with a zero"


# Tokens that nobody taught

_MARKS = (
    "<file_sep><gh_stars><issue_start><issue_comment><issue_closed><jupyter_start>"
    "<jupyter_text><jupyter_code><jupyter_output><jupyter_script><empty_output>"
)


@cache
def _tokens_and_distances() -> tuple[list[str], list[int], torch.Tensor]:
    """Return all names, the tokens of letters alone, and distances from the unused marks."""
    names = [lm().tokenizer.decode([i]) for i in range(len(lm().tokenizer))]
    rows = lm().model.get_input_embeddings().weight.detach()
    center = rows[lm().tokenizer(_MARKS).input_ids].mean(dim=0)
    plain = [i for i, name in enumerate(names) if re.fullmatch("[A-Za-z]{2,}", name)]
    return names, plain, 1 - torch.cosine_similarity(rows, center, dim=1)


def _repeats(tokens: list[int], prompt: tuple[str, str]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the log-probability of each token where it should be repeated, and if it is first."""
    before, after = lm().tokenizer(list(prompt)).input_ids
    with torch.inference_mode():
        ids = torch.tensor([[*before, token, *after] for token in tokens])
        logits = lm().model(ids, logits_to_keep=1).logits[:, -1]
    found = logits.log_softmax(dim=-1)[range(len(tokens)), tokens]
    return found, (logits.argmax(dim=-1) == torch.tensor(tokens)).double()


_STRING = 'Please repeat the string: "', '"\nThe string: "'
_CHAT = (
    '<|im_start|>user\nWrite "',
    '" again.<|im_end|>\n<|im_start|>assistant\n"',
)
_LIST = '"', '" is a word. Again: "'


@LEDGER.measured(
    "Tokens whose row lies nearest to those of unused marks are hardly ever repeated, tokens of "
    "the same length often.",
    stands=(
        "It repeats none of them, and about half of the matched tokens",
        '"Every token in the vocabulary means something to the model."',
        "A real vocabulary holds tokens that the model never learned",
    ),
    refuted_by="more than one in ten of the suspects repeated, or of the matched tokens at most "
    "one in ten, or less than three times as many",
    variations={
        "seed 1": {"prompt": _STRING, "seed": 1},
        "seed 2": {"prompt": _STRING, "seed": 2},
        "chat": {"prompt": _CHAT, "seed": 3},
        "a word": {"prompt": _LIST, "seed": 4},
    },
    quick="seed 1",
)
def never_learned(prompt: tuple[str, str], seed: int) -> tuple[bool, str]:
    names, plain, distance = _tokens_and_distances()
    suspects = sorted(plain, key=lambda i: distance[i].item())[:24]
    rest = [i for i in plain if i not in suspects]
    random.Random(seed).shuffle(rest)
    matched = []
    for i in suspects:
        matched.append(min(rest, key=lambda j: abs(len(names[j]) - len(names[i]))))
        rest.remove(matched[-1])
    share, of_matched = (_repeats(each, prompt)[1].mean().item() for each in (suspects, matched))
    held = share <= 0.1 and of_matched >= 3 * share and of_matched > 0.1
    return held, f"{share:.2f} of suspects repeated, {of_matched:.2f} of matched"


@LEDGER.measured(
    "Over all tokens of letters, the distance goes only weakly with how well they are repeated.",
    stands="At its near end the distance finds what is not known; among ordinary tokens it says",
    refuted_by="a rank correlation of 0.6 or more",
    variations={f"seed {seed}": {"seed": seed} for seed in (2, 3, 4)},
    quick="seed 2",
)
def weak_scale(seed: int) -> tuple[bool, str]:
    _, plain, distance = _tokens_and_distances()
    some = random.Random(seed).sample(plain, 60)
    rank = spearmanr(distance[some], _repeats(some, _STRING)[0])[0]
    return rank < 0.6, f"rank correlation {rank:.2f}"


@LEDGER.measured(
    "The length of its row does not give such a token away in SmolLM2.",
    stands="finds nothing here: the shortest rows are first names",
    refuted_by="a suspect among the shortest tenth of rows",
    variations={f"{n} suspects": {"n": n} for n in (12, 24, 48)},
)
def length_finds_nothing(n: int) -> tuple[bool, str]:
    _, plain, distance = _tokens_and_distances()
    suspects = sorted(plain, key=lambda i: distance[i].item())[:n]
    length = lm().model.get_input_embeddings().weight.detach().norm(dim=1)
    shortest = (length[suspects] < length.quantile(0.1)).double().mean().item()
    return shortest == 0, f"{shortest:.2f} of them among the shortest tenth"
