"""Claims of notebook 11: one real model, on texts of five kinds, on its own, raw and in a chat."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from functools import cache

import torch
from torch import Tensor

from coursekit import calibration as cal, data, llm
from docs.claims.ledger import IN_NOTEBOOK, Ledger
from docs.claims.subjects import ids_of, lm

LEDGER = Ledger("next_token_calibration")

# By definition

LEDGER.proved(
    "One pass states a distribution for every token but the first.",
    stands="A causal language model states a whole distribution at every token",
    proof="Each token is predicted exactly once, whatever the window.",
    test="tests/llm/test_next_token.py::test_every_token_but_the_first_is_predicted_once",
)
LEDGER.proved(
    "The ECE of a calibrated model, estimated from outcomes, is above zero: it adds up distances.",
    stands=(
        "An estimated ECE is never zero:",
        "An ECE means nothing without the ECE that chance alone would give",
    ),
    proof="With one bin it is the distance of a binomial share from its chance.",
    test="tests/calibration/test_errors.py::test_null_distribution_for_one_bin_is_binomial",
)
LEDGER.proved(
    "What a split of documents takes for calibration the test never sees.",
    stands="Fit it on the *calibration documents*, which the test never sees.",
    proof="The two parts have no document in common.",
    test="tests/data/test_corpora.py::test_split_is_by_whole_documents_disjoint_and_complete",
)
LEDGER.cited(
    "Networks trained for classification are overconfident, by more.",
    stands="Classifiers trained for many epochs on the same images are another matter",
    source="guo2017calibration",
)
LEDGER.cited(
    "A calibrated language model states false facts at some rate.",
    stands="Each token is an honest guess at what text comes next",
    source="kalai2024calibrated",
)
LEDGER.passing(
    'A measurement that always says "fine" is worth nothing.',
    'that "wisdom" comes last it cannot know',
    why="a rule, and a figure of speech for the surprise printed above it",
)

# What is read


@dataclass(frozen=True)
class Reading:
    """One row for every predicted token `(N,)`; `losses` has a column for each of `GRID`."""

    confidence: Tensor
    correct: Tensor
    surprise: Tensor
    entropy: Tensor
    token: Tensor
    guess: Tensor
    position: Tensor
    group: Tensor
    sharpened: Tensor
    losses: Tensor


GRID = (0.9, 0.95, 1.0, 1.05, 1.1)
DECADES = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0)


def _rows(logits: Tensor, came: Tensor, position: Tensor, group: Tensor) -> Reading:
    """Read logits (N, V) at the tokens that came (N,)."""
    top, guess = logits.max(dim=-1)
    truth = logits.gather(-1, came[:, None])[:, 0]
    totals = {T: (logits / T).logsumexp(dim=-1) for T in (0.7, *GRID)}
    return Reading(
        confidence=(top - totals[1.0]).exp(),
        correct=guess == came,
        surprise=totals[1.0] - truth,
        entropy=totals[1.0] - (logits.softmax(dim=-1) * logits).sum(dim=-1),
        token=came,
        guess=guess,
        position=position,
        group=group,
        sharpened=(top / 0.7 - totals[0.7]).exp(),
        losses=torch.stack([totals[T] - truth / T for T in GRID], dim=-1),
    )


def _joined(readings: Iterable[Reading]) -> Reading:
    parts = list(readings)
    columns = [field.name for field in fields(Reading)]
    return Reading(*(torch.cat([getattr(part, name) for part in parts]) for name in columns))


@cache
def _texts(kind: str) -> list[str]:
    """Return texts of a kind, longer than a few windows."""
    if kind == "prose":
        documents = data.reference_documents(stable=True) + data.dataset_descriptions()
        return [document.text for document in documents if len(document.text) > 1400]
    if kind == "code":
        return [document.text for document in data.source_documents()]
    if kind == "docstrings":
        return [f"{each.summary}\n\n{each.body}" for each in data.docstrings()]
    raise ValueError(f"kind must be prose, code or docstrings, found {kind!r}")


PREFIXES = {
    "nothing": "",
    "end of text": "<|endoftext|>",
    "chat": llm.Chat("Write a page of a manual."),
}


def _prefix(name: str) -> Tensor:
    """Return the ids that stand before a window and are not predicted (L,)."""
    what = PREFIXES[name]
    return torch.tensor(ids_of(what) if what else [], dtype=torch.long)


@cache
def reading(
    kind: str,
    which: int = 0,
    prefix: str = "nothing",
    context: int = 256,
    most: int = 10,
    each: int = 1,
) -> tuple[Reading, cal.VocabularyCalibration]:
    """Read `each` windows of a text, from the one numbered `which`, `most` in all, after a prefix.

    Windows of one text are one group.
    """
    windows, text = llm.token_windows(lm(), _texts(kind), context, per_text=which + each)
    number = torch.tensor([int((text[:i] == text[i]).sum()) for i in range(len(text))])
    chosen = (number >= which).nonzero()[:, 0]
    chosen = chosen[:: max(1, len(chosen) // most)][:most]
    before = _prefix(prefix)
    ids = torch.cat([before.expand(len(chosen), -1), windows[chosen]], dim=1)
    # The first token of the text itself is predicted only where something stands before it.
    skip = max(0, len(before) - 1)
    tiny = cal.VocabularyCalibration(decades=5, bins_per_decade=1)
    groups = iter(text[chosen])
    parts = []
    for logits, came in llm.next_token_logits(lm(), ids, ids.shape[1] - 1):
        for row, token in zip(logits[:, skip:], came[:, skip:], strict=True):
            position = torch.arange(len(token)) + (len(before) == 0)
            parts.append(_rows(row, token, position, next(groups).expand(len(token))))
            tiny.update(row, token)
    return _joined(parts), tiny


@cache
def own_samples(seed: int, prefix: str = "end of text", n: int = 24, length: int = 96) -> Reading:
    """Let the model write n texts at temperature 1; return what it said at each token."""
    generator = torch.Generator().manual_seed(seed)

    @torch.inference_mode()
    def steps() -> Iterator[Reading]:
        last, past = _prefix(prefix).expand(n, -1), None
        for step in range(length):
            out = lm().model(last, past_key_values=past, use_cache=True, logits_to_keep=1)
            past, logits = out.past_key_values, out.logits[:, -1]
            last = torch.multinomial(logits.softmax(dim=-1), 1, generator=generator)
            yield _rows(logits, last[:, 0], torch.full((n,), step), torch.arange(n))

    return _joined(steps())


TEXTS = {
    "prose": {"kind": "prose"},
    "prose, second windows": {"kind": "prose", "which": 1},
    "Python code": {"kind": "code"},
    "code, second windows": {"kind": "code", "which": 1},
    "prose as a reply in a chat": {"kind": "prose", "prefix": "chat"},
    "prose after the mark between texts": {"kind": "prose", "prefix": "end of text"},
    "docstrings of libraries": {"kind": "docstrings"},
}
SAMPLES = {f"seed {seed}": {"seed": seed} for seed in (1, 2, 3)} | {
    "replies in a chat": {"seed": 4, "prefix": "chat"}
}


def _mean(values: Tensor) -> float:
    return values.double().mean().item()


def _gap(read: Reading, inside: Tensor | slice = slice(None)) -> float:
    return cal.gap(read.confidence[inside], read.correct[inside])


# On texts


@LEDGER.measured(
    "Averaged over a window of 256 tokens SmolLM2 is a little surer than right.",
    stands=("surer than right by about two points on prose and on", "By two points, here"),
    refuted_by="a gap outside 0 to 0.04",
    variations=TEXTS,
    quick=IN_NOTEBOOK,
)
def two_points(**of_text: object) -> tuple[bool, str]:
    read, _ = reading(**of_text)
    return 0 < _gap(read) < 0.04, f"gap {_gap(read):+.3f}, accuracy {_mean(read.correct):.2f}"


@LEDGER.measured(
    "Down to one in a hundred thousand, tokens come about as often as the model says.",
    stands=(
        "roughly honest down to tiny probabilities",
        "Over many decades the tiny probabilities mean roughly what they say",
    ),
    refuted_by="a decade of probability in which at least 20 tokens were expected, and less than "
    "half or more than twice as many came",
    variations=TEXTS,
    quick=IN_NOTEBOOK,
)
def tiny_probabilities(**of_text: object) -> tuple[bool, str]:
    bins = reading(**of_text)[1].compute()
    expected, came = bins.expected.sum(0)[1:], bins.observed.sum(0)[1:]
    ratio = [(n / e).item() for e, n in zip(expected, came, strict=True) if e >= 20]
    held = all(0.5 < each < 2 for each in ratio)
    return held, f"came / expected {min(ratio):.2f} to {max(ratio):.2f} in {len(ratio)} decades"


@LEDGER.measured(
    "At T = 0.7 the same model is badly overconfident on the same text.",
    stands="badly overconfident at T = 0.7",
    refuted_by="an ECE below 0.1 at T = 0.7, or below three times that at T = 1",
    variations=TEXTS,
    quick=IN_NOTEBOOK,
)
def sharpened(**of_text: object) -> tuple[bool, str]:
    read, _ = reading(**of_text)
    cold = cal.expected_calibration_error(read.sharpened, read.correct)
    plain = cal.expected_calibration_error(read.confidence, read.correct)
    return cold > max(0.1, 3 * plain), f"ECE {cold:.2f}, and {plain:.2f} at T = 1"


@LEDGER.measured(
    "One temperature for all tokens finds next to nothing to repair.",
    stands="one temperature for all tokens finds next to nothing to",
    refuted_by="a best temperature of 0.9, 0.95, ... 1.1 at an end, or a gain above 0.01 nats",
    variations=TEXTS,
    quick=IN_NOTEBOOK,
)
def nothing_to_repair(**of_text: object) -> tuple[bool, str]:
    loss = reading(**of_text)[0].losses.double().mean(dim=0)
    best, gain = GRID[loss.argmin()], (loss[GRID.index(1.0)] - loss.min()).item()
    return best not in (0.9, 1.1) and gain < 0.01, f"best {best}, gain {gain:.4f} nats"


@LEDGER.measured(
    "At T = 1 the loss rises along 1/T by NLL minus entropy.",
    stands="at T = 1 that is NLL minus entropy",
    refuted_by="a slope more than a millionth from it",
    variations={
        "wide logits": {"scale": 5.0},
        "narrow logits": {"scale": 0.5},
        "two tokens": {"scale": 2.0, "n_tokens": 2},
        "20,000 tokens": {"scale": 2.0, "n_tokens": 20_000},
    },
)
def slope_is_surplus(scale: float, n_tokens: int = 50) -> tuple[bool, str]:
    generator = torch.Generator().manual_seed(0)
    logits = scale * torch.randn(40, n_tokens, generator=generator, dtype=torch.double)
    came = torch.randint(n_tokens, (40,), generator=generator)
    inverse = torch.ones((), dtype=torch.double, requires_grad=True)
    torch.nn.functional.cross_entropy(inverse * logits, came).backward()
    probs = logits.softmax(dim=-1)
    more = cal.negative_log_likelihood(probs, came) - cal.entropy(probs)
    slope = inverse.grad.item()
    return abs(slope - more) < 1e-6, f"slope {slope:+.4f}, NLL minus entropy {more:+.4f}"


@LEDGER.measured(
    "On real text the loss is higher than the entropy that the model expects.",
    stands="On real text the loss is higher by about 0.2 nats",
    refuted_by="a surplus of the loss below 0.1 nats or above 0.3",
    variations=TEXTS,
    quick=IN_NOTEBOOK,
)
def surplus(**of_text: object) -> tuple[bool, str]:
    read, _ = reading(**of_text)
    more = _mean(read.surprise - read.entropy)
    return 0.1 < more < 0.3, f"{more:+.2f} nats, of {_mean(read.surprise):.1f}"


@LEDGER.measured(
    "The model knows which window is hard: confidence follows accuracy from window to window.",
    stands="the model knows which text is hard",
    refuted_by="a correlation of mean confidence and accuracy below 0.5 over the windows",
    variations=TEXTS,
    quick=IN_NOTEBOOK,
)
def knows_what_is_hard(**of_text: object) -> tuple[bool, str]:
    read, _ = reading(**of_text)
    windows = [read.group == each for each in read.group.unique()]
    sure, right = (
        torch.stack([values[inside].double().mean() for inside in windows])
        for values in (read.confidence, read.correct)
    )
    found = torch.corrcoef(torch.stack((sure, right)))[0, 1].item()
    return found > 0.5, f"correlation {found:.2f} over {len(windows)} windows"


# By context


@LEDGER.measured(
    "With 1 to 8 tokens of context the model is more overconfident than on average, cut out of the "
    "middle of a text or at its beginning.",
    stands=(
        "far more overconfidence with hardly any context",
        "At the beginnings the gap is there as well",
    ),
    refuted_by="a gap of no more than the two points of the average",
    variations={
        "prose": {"kind": "prose", "which": 4, "each": 8},
        "prose, later": {"kind": "prose", "which": 20, "each": 8},
        "Python code": {"kind": "code", "which": 4, "each": 8},
        "code, later": {"kind": "code", "which": 20, "each": 8},
        "prose after the mark between texts": {
            "kind": "prose",
            "which": 4,
            "each": 8,
            "prefix": "end of text",
        },
        "prose as a reply in a chat": {"kind": "prose", "which": 4, "each": 4, "prefix": "chat"},
        "docstrings": {"kind": "docstrings", "which": 1},
        "beginnings of docstrings": {"kind": "docstrings"},
    },
    quick=IN_NOTEBOOK,
    was="ten points of overconfidence with hardly any context (four on docstrings, cut)",
)
def hardly_any_context(**of_text: object) -> tuple[bool, str]:
    read, _ = reading(**of_text, context=8, most=140)
    return _gap(read) > 0.02, f"gap {_gap(read):+.3f} over {len(read.correct):,} tokens"


@LEDGER.measured(
    "With more than a hundred tokens of context the gap is small.",
    stands=("none that we could detect with much of it", "we can no longer tell the gap from zero"),
    refuted_by="a gap above 0.03, a third of ten points, with 129 to 256 tokens of context",
    variations=TEXTS,
    quick=IN_NOTEBOOK,
)
def much_context(**of_text: object) -> tuple[bool, str]:
    read, _ = reading(**of_text)
    gap = _gap(read, read.position > 128)
    return abs(gap) < 0.03, f"gap {gap:+.3f}"


# On its own samples


@LEDGER.measured(
    "On its own samples the model is calibrated.",
    stands=(
        "calibrated on its own",
        "What ECE there is, chance explains",
        "On its own samples the two agree",
    ),
    refuted_by="fewer than 1 in 100 calibrated models with a larger ECE, or a loss that differs "
    "from the entropy by more than 0.12 nats",
    variations=SAMPLES,
    quick=IN_NOTEBOOK,
)
def calibrated_on_samples(**of_samples: object) -> tuple[bool, str]:
    read = own_samples(**of_samples)
    ece = cal.expected_calibration_error(read.confidence, read.correct)
    null = cal.ece_null_distribution(read.confidence, n_simulations=300, seed=0)
    larger, more = _mean(null >= ece), _mean(read.surprise - read.entropy)
    return larger >= 0.01 and abs(more) < 0.12, (
        f"ECE {ece:.3f}, larger by chance {larger:.2f}; loss minus entropy {more:+.2f} nats"
    )


@LEDGER.measured(
    "On texts that it begins itself, the model is right a third of the time.",
    stands="right only a third of the",
    refuted_by="an accuracy outside 0.25 to 0.42, or above that on prose",
    variations=SAMPLES,
    quick=IN_NOTEBOOK,
)
def a_third(**of_samples: object) -> tuple[bool, str]:
    accuracy = _mean(own_samples(**of_samples).correct)
    return 0.25 < accuracy < 0.42, f"accuracy {accuracy:.2f}"


@LEDGER.measured(
    "Grouped by the token that came, a calibrated model looks wrong; grouped by the token that "
    "was predicted, it does not.",
    stands=(
        "Group by what was known before the outcome, never by the outcome",
        "Grouped by what came, a perfectly calibrated model looks wrong in both groups",
    ),
    refuted_by="gaps of the tokens that came that are not below -0.02 for common and above 0.02 "
    "for rare ones, or a gap of rare or common predicted tokens further than 0.04 from zero",
    variations=SAMPLES
    | {
        "common: the first 300": {"seed": 1, "n_common": 300},
        "common: the first 3,000": {"seed": 2, "n_common": 3000},
    },
    quick=IN_NOTEBOOK,
)
def grouped(n_common: int = 1000, **of_samples: object) -> tuple[bool, str]:
    read = own_samples(**of_samples)
    came = [_gap(read, (read.token < n_common) == common) for common in (True, False)]
    said = [_gap(read, (read.guess < n_common) == common) for common in (True, False)]
    held = came[0] < -0.02 and came[1] > 0.02 and max(map(abs, said)) < 0.04
    return held, (
        f"came: common {came[0]:+.2f}, rare {came[1]:+.2f}; "
        f"predicted: common {said[0]:+.2f}, rare {said[1]:+.2f}"
    )


@LEDGER.measured(
    "A perfect model with the same confidences shows a good part of the ECE.",
    stands="A perfect model shows about half of that here",
    refuted_by="a mean ECE by chance alone below a third of the one measured",
    variations=TEXTS,
    quick=IN_NOTEBOOK,
)
def half_is_chance(**of_text: object) -> tuple[bool, str]:
    read, _ = reading(**of_text)
    ece = cal.expected_calibration_error(read.confidence, read.correct)
    null = _mean(cal.ece_null_distribution(read.confidence, n_simulations=300, seed=0))
    return null > ece / 3, f"{null:.3f} of {ece:.3f} on {len(read.correct):,} tokens"


LEDGER.withdrawn(
    "The model is overconfident with hardly any context, perhaps, for in training a text began at "
    "its beginning.",
    found="At the beginnings of docstrings the gap is 0.10, further in 0.04.",
)
LEDGER.withdrawn(
    "Its later tuning to follow instructions has not spoiled the probabilities much.",
    found="Nothing: the model before that tuning, the only control, was never read.",
)
