"""Claims of notebook 08: estimates of calibration, where the truth they aim at is known."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor

from coursekit import calibration as cal
from coursekit.data import grammar, weather_diary
from docs.claims.ledger import IN_NOTEBOOK, Ledger

LEDGER = Ledger("calibration_metrics")
POWERS = {"oracle": 1.0, "slightly sharpened": 1.2, "sharpened": 2.0}


@cache
def _laws(language: str) -> tuple[Tensor, Tensor]:
    """Return the exact law (N, V) of each next word of 500 texts, and the words that came (N,)."""
    source = {"grammar": grammar, "diary": weather_diary}[language]()
    texts = source.sample(500, seed=8)
    return source.next_token_probs(texts)[:, :-1].flatten(0, 1), texts[:, 1:].flatten()


@cache
def _top(language: str, power: float) -> tuple[Tensor, Tensor]:
    """Return what a model states whose laws are raised to a power, and the true chance (N,)."""
    probs, _ = _laws(language)
    stated = (probs**power / (probs**power).sum(dim=1, keepdim=True)).amax(dim=1)
    return stated.round(decimals=9), probs.amax(dim=1).round(decimals=9)


def _sample(
    model: str, n: int, generator: torch.Generator, language: str = "grammar"
) -> tuple[Tensor, Tensor]:
    """Return n statements of a model and whether each came true, drawn afresh."""
    confidence, chance = _top(language, POWERS[model])
    drawn = torch.randint(len(confidence), (n,), generator=generator)
    luck = torch.rand(n, dtype=torch.double, generator=generator)
    return confidence[drawn], luck < chance[drawn]


def _mean(
    error: Callable[[Tensor, Tensor], float],
    model: str,
    n: int,
    language: str = "grammar",
    seed: int = 0,
    times: int = 60,
) -> float:
    """Return the mean of an estimate over samples of n."""
    generator = torch.Generator().manual_seed(seed)
    total = sum(error(*_sample(model, n, generator, language)) for _ in range(times))
    return total / times


def _true(model: str, language: str = "grammar", **kind: object) -> float:
    return cal.true_calibration_error(*_top(language, POWERS[model]), **kind)


ECE = cal.expected_calibration_error
_LANGUAGES = {"grammar": {}, "diary": {"language": "diary"}}

# What libraries and arithmetic settle

LEDGER.proved(
    "On statements of few values the error of bins depends on whose bins; value by value it does "
    "not, and libraries can differ twofold.",
    stands=(
        "An ECE is an estimate with choices in it",
        "So a calibration error is never just a number",
        "A result without its convention cannot be compared with anything",
    ),
    proof="Four libraries are run on the same 600 answers.",
    test="tests/calibration/test_parity.py::test_few_values_need_discrete_bins",
)
LEDGER.proved(
    "Where a library puts 1.0 decides whether two groups cancel.",
    stands="fifty of 0.95 always",
    proof="The libraries are run on statements at the end of the scale.",
    test="tests/calibration/test_parity.py::test_edges_torchmetrics_and_relplot",
)
LEDGER.proved(
    "CORP needs no bins and splits the Brier score into parts that are never negative.",
    stands="CORP needs no bins and splits the Brier score",
    proof="The parts add up, and the curve is scikit-learn's.",
    test="tests/calibration/test_corp.py::test_parts_add_up_to_the_score_and_are_never_negative",
)
LEDGER.proved(
    "At a confidence of 80 %, a gap of 5 points needs some 500 answers to be seen in 80 % of all "
    "cases, a gap of 1 point nearly 13,000; near 50 % it needs more, near 100 % fewer.",
    stands="Plan: at a confidence of 80 %",
    proof="Simulated samples of the planned size show the gap as often as planned.",
    test="tests/calibration/test_planning.py::test_so_many_answers_have_the_power_that_was_asked_for",
)
LEDGER.proved(
    "F1 depends on which class is called positive.",
    stands='"F1 is a better accuracy."',
    proof="The same predictions have two values of F1.",
    test="tests/calibration/test_classification.py::test_the_positive_class_matters",
)

# The bias


@LEDGER.measured(
    "A perfect model has an ECE of about 0.11 with 100 words, 0.035 with 1,000 and 0.01 with "
    "10,000: a tenth of the bias with a hundred times the words.",
    stands=(
        "It is biased upward, as $1 / \\sqrt{N}$",
        "A perfect one shows that with 1,000 words",
    ),
    refuted_by="a mean ECE of the oracle outside 0.08 to 0.14, 0.025 to 0.045 or 0.008 to 0.014",
    variations=_LANGUAGES
    | {
        "seed 1": {"seed": 1},
        "diary, seed 1": {"language": "diary", "seed": 1},
        "quantile bins": {"binning": "quantile"},
        "10 bins": {"n_bins": 10},
        "20 bins": {"n_bins": 20},
    },
    quick=IN_NOTEBOOK,
)
def perfect_model_has_an_error(
    language: str = "grammar", seed: int = 0, n_bins: int = 15, binning: str = "uniform"
) -> tuple[bool, str]:
    def error(confidence: Tensor, correct: Tensor) -> float:
        return ECE(confidence, correct, n_bins, binning)

    found = [_mean(error, "oracle", n, language, seed) for n in (100, 1000, 10_000)]
    ranges = ((0.08, 0.14), (0.025, 0.045), (0.008, 0.014))
    held = all(low < value < high for value, (low, high) in zip(found, ranges, strict=True))
    return held, ", ".join(f"{value:.3f}" for value in found)


@LEDGER.measured(
    "Four times the bins make the bias of a perfect model larger, and less than twice as large "
    "where confidences crowd in few bins.",
    stands=(
        "and the more bins, the larger",
        "More bins, more bias",
        "*Report the number of bins",
        "four times the bins make the bias about one and a half times as large",
    ),
    refuted_by="four times the bins and not at least 1.05 times the bias (chance moves the mean by "
    "some 3 %), or 1.9 times or more",
    variations={
        f"{language}, {n_bins} to {4 * n_bins} bins, {n:,} words": {
            "language": language,
            "n_bins": n_bins,
            "n": n,
        }
        for language in ("grammar", "diary")
        for n_bins, n in ((5, 1000), (10, 1000), (10, 10_000), (25, 10_000))
    },
    was="It is biased upward, in proportion to the root of B / N.",
)
def more_bins_more_bias(language: str, n_bins: int, n: int) -> tuple[bool, str]:
    few, many = (
        _mean(lambda c, y, b=b: ECE(c, y, b), "oracle", n, language) for b in (n_bins, 4 * n_bins)
    )
    return 1.05 < many / few < 1.9, f"{few:.4f} to {many:.4f}, {many / few:.2f} times"


@LEDGER.measured(
    "The smaller the true error, the more the ECE overstates it.",
    stands="An ECE is most misleading exactly where a model is good",
    refuted_by="a bias that does not fall from the oracle to the slightly and on to the fully "
    "sharpened",
    variations={
        f"{name}, {n} words": {"n": n, **options}
        for name, options in (
            *_LANGUAGES.items(),
            ("quantile bins", {"binning": "quantile"}),
            ("5 bins", {"n_bins": 5}),
        )
        for n in (100, 1000)
    },
)
def bias_falls_with_the_error(
    n: int, language: str = "grammar", n_bins: int = 15, binning: str = "uniform"
) -> tuple[bool, str]:
    def error(confidence: Tensor, correct: Tensor) -> float:
        return ECE(confidence, correct, n_bins, binning)

    bias = [
        _mean(error, model, n, language, times=200)
        - _true(model, language, n_bins=n_bins, binning=binning)
        for model in POWERS
    ]
    return bias[0] > bias[1] > bias[2], "bias " + ", ".join(f"{value:+.3f}" for value in bias)


ZOO = {
    "ECE": ECE,
    "quantile": lambda c, y: ECE(c, y, binning="quantile"),
    "MCE": lambda c, y: ECE(c, y, norm="max"),
    "l2": lambda c, y: ECE(c, y, norm="l2"),
    "debiased": cal.debiased_calibration_error,
    "sweep": cal.sweep_calibration_error,
    "smooth": cal.smooth_calibration_error,
}
_SIZES = {
    f"{language}, {n} words": {"language": language, "n": n}
    for language in ("grammar", "diary")
    for n in (300, 1000, 3000)
}


@cache
def _zoo(language: str, n: int, model: str) -> dict[str, float]:
    return {name: _mean(error, model, n, language, times=30) for name, error in ZOO.items()}


@LEDGER.measured(
    "Of all errors the MCE of a perfect model is the largest by far.",
    stands="**MCE** is the worst by far",
    refuted_by="an MCE of the oracle less than twice every other error of it",
    variations=_SIZES,
)
def mce_is_the_worst(language: str, n: int) -> tuple[bool, str]:
    found = dict(_zoo(language, n, "oracle"))
    mce = found.pop("MCE")
    return mce > 2 * max(found.values()), f"MCE {mce:.2f}, the next {max(found.values()):.2f}"


@LEDGER.measured(
    "Of the MCE of a model that is off by five points or less, most is noise.",
    stands="A good model's MCE is mostly noise",
    refuted_by="a mean MCE of which the true largest gap is more than half",
    variations={
        f"{language}, {model}, {n} words": {"language": language, "model": model, "n": n}
        for language in ("grammar", "diary")
        for model in ("oracle", "slightly sharpened")
        for n in (100, 300, 1000)
    }
    | {
        f"{language}, slightly sharpened, 1,000 words, 30 bins": {
            "language": language,
            "model": "slightly sharpened",
            "n": 1000,
            "n_bins": 30,
        }
        for language in ("grammar", "diary")
    },
    was="MCE is mostly noise (of the sharpened model's with 1,000 words it is 0.04 of 0.37).",
)
def mce_is_noise(language: str, model: str, n: int, n_bins: int = 15) -> tuple[bool, str]:
    found = _mean(lambda c, y: ECE(c, y, n_bins, norm="max"), model, n, language)
    true = _true(model, language, n_bins=n_bins, norm="max")
    return true < found / 2, f"MCE {found:.2f}, true {true:.2f}"


@LEDGER.measured(
    "Quantile bins do not mend the bias.",
    stands="**Quantile bins** do not mend the bias",
    refuted_by="an ECE of the oracle with quantile bins below 0.8 of that with equal widths",
    variations=_SIZES,
)
def quantile_bins_do_not_mend(language: str, n: int) -> tuple[bool, str]:
    found = _zoo(language, n, "oracle")
    ratio = found["quantile"] / found["ECE"]
    return ratio > 0.8, f"{ratio:.2f} of it"


@LEDGER.measured(
    "For a perfect model the debiased, sweep and smooth errors are nearer to 0 than the ECE and, "
    "for the first, than the l2 error that it corrects; on the sharpened model none loses more "
    "than a tenth.",
    stands=(
        "debiased, sweep and smooth errors mend part of the bias",
        "**Debiased, sweep, smooth** are nearer to 0",
    ),
    refuted_by="one of them above the ECE for the oracle, or more than a tenth below its own "
    "value of 30,000 words for the sharpened model",
    variations=_SIZES,
)
def some_mend_part(language: str, n: int) -> tuple[bool, str]:
    oracle, sharpened = _zoo(language, n, "oracle"), _zoo(language, n, "sharpened")
    large = _large(language)
    kinds = ("debiased", "sweep", "smooth")
    held = oracle["debiased"] < oracle["l2"] and all(
        oracle[kind] < oracle["ECE"] and sharpened[kind] > 0.9 * large[kind] for kind in kinds
    )
    return held, f"oracle: ECE {oracle['ECE']:.3f}, l2 {oracle['l2']:.3f}, " + ", ".join(
        f"{kind} {oracle[kind]:.3f} (sharpened {sharpened[kind] / large[kind]:.2f})"
        for kind in kinds
    )


@cache
def _large(language: str) -> dict[str, float]:
    drawn = _sample("sharpened", 30_000, torch.Generator().manual_seed(1), language)
    return {kind: ZOO[kind](*drawn) for kind in ("debiased", "sweep", "smooth")}


@LEDGER.measured(
    "Numbers of different errors cannot be compared: on one and the same sharpened model they "
    "differ by far more than chance.",
    stands=("none can be compared with another kind", "Never compare the number of one with that"),
    refuted_by="a sample of 30,000 words on which the largest error is not half as much again as "
    "the smallest (asked for twice as much at first, two of the four variations found 1.9)",
    variations={
        f"{language}, {model}": {"language": language, "model": model}
        for language in ("grammar", "diary")
        for model in ("slightly sharpened", "sharpened")
    },
)
def other_kinds_other_numbers(language: str, model: str) -> tuple[bool, str]:
    drawn = _sample(model, 30_000, torch.Generator().manual_seed(1), language)
    found = {name: error(*drawn) for name, error in ZOO.items()}
    found["kernel"] = cal.kernel_calibration_error(
        *(column[:3000] for column in drawn), debiased=True
    )
    low, high = min(found, key=found.get), max(found, key=found.get)
    held = found[high] > 1.5 * found[low]
    return held, f"from {low} {found[low]:.3f} to {high} {found[high]:.3f}"


# Intervals and tests


def _alarms(model: str, n: int, language: str, times: int, seed: int = 0, **kind: str) -> int:
    """Return in how many samples the test at 5 % says that a model is not calibrated."""
    generator = torch.Generator().manual_seed(seed)
    tests = (
        cal.calibration_test(*_sample(model, n, generator, language), n_simulations=199, **kind)
        for _ in range(times)
    )
    return sum(test.p_value <= 0.05 for test in tests)


@LEDGER.measured(
    "A bootstrap interval of the ECE of a perfect model does not contain the truth, 0; its middle "
    "lies above the estimate, as that lies above the truth.",
    stands=(
        "The bootstrap of an ECE repeats its bias",
        '"The interval excludes 0, so it is miscalibrated."',
    ),
    refuted_by="an interval in 20 that contains 0, or resamples that are not higher than the "
    "estimate on average",
    variations={
        f"{language}, {n} words": {"language": language, "n": n}
        for language in ("grammar", "diary")
        for n in (100, 500, 3000)
    }
    | {"quantile bins": {"binning": "quantile"}, "5 bins": {"n_bins": 5}},
    quick=IN_NOTEBOOK,
)
def bootstrap_repeats_the_bias(
    language: str = "grammar", n: int = 500, n_bins: int = 15, binning: str = "uniform"
) -> tuple[bool, str]:
    generator = torch.Generator().manual_seed(0)
    contains, shift = 0, 0.0
    for _ in range(20):
        c, y = _sample("oracle", n, generator, language)
        found = cal.bootstrap_interval(
            lambda c, y: ECE(c, y, n_bins, binning), c, y, n_resamples=100
        )
        contains += 0 in found
        shift += ((found.low + found.high) / 2 - found.estimate) / found.estimate / 20
    return contains == 0 and shift > 0, f"{contains} of 20 contain 0; middle {shift:+.0%}"


@LEDGER.measured(
    "The interval made by tossing coins for every ECE that might be true contains the truth as "
    "often as it should, or more.",
    stands="and you have an interval that contains the truth",
    refuted_by="fewer than 90 of 100 intervals that contain the truth (95 are meant, less two "
    "standard errors)",
    variations={
        f"{language}, {model}, {n} words": {"language": language, "model": model, "n": n}
        for language, model, n in (
            ("grammar", "oracle", 500),
            ("grammar", "sharpened", 500),
            ("grammar", "slightly sharpened", 500),
            ("grammar", "slightly sharpened", 100),
            ("grammar", "slightly sharpened", 2000),
            ("diary", "oracle", 500),
            ("diary", "slightly sharpened", 500),
            ("diary", "sharpened", 100),
            ("diary", "sharpened", 500),
        )
    },
    quick=IN_NOTEBOOK,
)
def valid_interval(language: str, model: str, n: int) -> tuple[bool, str]:
    generator, truth = torch.Generator().manual_seed(0), _true(model, language)
    covered = sum(
        truth in cal.ece_interval(*_sample(model, n, generator, language), seed=seed)
        for seed in range(100)
    )
    return covered >= 90, f"{covered} of 100 contain {truth:.3f}"


@LEDGER.measured(
    "The test of calibration raises a false alarm about once in twenty times, whatever the size, "
    "the bins, the norm and the language.",
    stands="and you have a test whose false alarms came out at 5 %",
    refuted_by="more than 31 false alarms in 400 (5 % and 2.5 standard errors)",
    variations={
        f"{language}, {n} words, {binning} bins, {norm}": {
            "language": language,
            "n": n,
            "binning": binning,
            "norm": norm,
        }
        for language in ("grammar", "diary")
        for n in (50, 500)
        for binning, norm in (("uniform", "l1"), ("quantile", "l2"))
    },
    quick=IN_NOTEBOOK,
)
def false_alarms(language: str, n: int, binning: str, norm: str) -> tuple[bool, str]:
    alarms = _alarms("oracle", n, language, 400, binning=binning, norm=norm)
    return alarms <= 31, f"{alarms / 400:.1%}"


@LEDGER.measured(
    "A model that is off by five points is seldom caught with 100 words.",
    stands=('"p = 0.4, so it is calibrated."',),
    refuted_by="a slightly sharpened model that is caught in more than a third of the samples",
    variations={
        "grammar": {},
        "seed 1": {"seed": 1},
        "uniform bins, l1": {"binning": "uniform", "norm": "l1"},
        "diary": {"language": "diary"},
        "50 words": {"n": 50},
    },
)
def seldom_caught(
    seed: int = 0, n: int = 100, language: str = "grammar", **kind: str
) -> tuple[bool, str]:
    caught = _alarms("slightly sharpened", n, language, 100, seed, **kind)
    return caught <= 33, f"{caught} of 100 caught"


@LEDGER.measured(
    "A perfect model's diagram, with a 95 % band for each bin, often has a point outside.",
    stands=(
        "one point outside is no finding",
        '"A point lies outside its band, so it is miscalibrated."',
        "In more than one diagram of four (of 100 words, in about one of five)",
    ),
    refuted_by="a point outside in fewer than a quarter of 100 diagrams; of 100 words, in fewer "
    "than 10, twice what the band of a single bin promises",
    variations={
        f"{language}, {n} words": {"language": language, "n": n}
        for language in ("grammar", "diary")
        for n in (100, 500, 3000)
    }
    | {
        "10 bins": {"n_bins": 10},
        "20 bins": {"n_bins": 20},
        "quantile bins": {"binning": "quantile"},
    },
    was="In more than one diagram of four (whatever its size).",
)
def a_point_outside(
    language: str = "grammar", n: int = 500, n_bins: int = 15, binning: str = "uniform"
) -> tuple[bool, str]:
    generator, diagrams = torch.Generator().manual_seed(0), 0
    for _ in range(100):
        c, y = _sample("oracle", n, generator, language)
        bands = cal.consistency_bands(c, n_bins, binning, n_simulations=200)
        bins = cal.reliability_bins(c, y, n_bins, binning)
        out = (bins.accuracy < bands.low) | (bins.accuracy > bands.high)
        diagrams += bool(out[bins.count > 0].any())
    return diagrams >= (10 if n == 100 else 25), f"{diagrams} of 100"


# Documents


@LEDGER.measured(
    "Where texts have topics, intervals that resample words are too narrow; those that resample "
    "texts hold.",
    stands="Resample documents, not words.",
    quick=IN_NOTEBOOK,
    refuted_by="words with a coverage of 0.9 or more, or texts with less",
    variations={
        "dogs and sleep, 100 texts": {"words": "dog dogs sleep sleeps"},
        "40 texts": {"words": "dog dogs sleep sleeps", "n": 40},
        "300 texts": {"words": "dog dogs sleep sleeps", "n": 300},
        "dogs alone": {"words": "dog dogs"},
        "diary, rain": {"words": "rainy wet damp dull", "language": "diary"},
        "diary, snow": {"words": "snowy white icy frosty", "language": "diary"},
    },
)
def resample_documents(words: str, n: int = 100, language: str = "grammar") -> tuple[bool, str]:
    covered = _coverage(words, n, language)
    held = covered["words"] < 0.9 <= covered["texts"]
    return held, ", ".join(f"{unit} {share:.0%}" for unit, share in covered.items())


def _coverage(words: str, n: int, language: str) -> dict[str, float]:
    """Return how often intervals of a share of words contain it, by what they resample."""
    source = {"grammar": grammar, "diary": weather_diary}[language]()
    came = torch.isin(
        source.sample(3000, seed=9), torch.tensor(source.tokenizer.encode(words))
    ).double()
    base_rate = came.mean().item()
    row = torch.arange(n).repeat_interleave(came.shape[1])
    generator = torch.Generator().manual_seed(0)
    contains = {"words": 0, "texts": 0}
    for seed in range(120):
        outcomes = came[torch.randint(len(came), (n,), generator=generator)].flatten()
        for unit, groups in (("words", None), ("texts", row)):
            contains[unit] += base_rate in cal.bootstrap_interval(
                torch.mean, outcomes, groups=groups, n_resamples=150, seed=seed
            )
    return {unit: times / 120 for unit, times in contains.items()}


# What sees calibration, and what does not


@LEDGER.measured(
    "A rising function of the confidence leaves the AUROC as it is and can change the ECE by far.",
    stands=("AUROC sees the order alone", '"Good AUROC, so the confidences can be trusted."'),
    refuted_by="an AUROC changed by more than 0.0001, or an ECE of the oracle changed by less than "
    "0.05",
    variations={
        f"{language}, odds to the power {power:g}": {"language": language, "power": power}
        for language in ("grammar", "diary")
        for power in (0.5, 2, 4)
    },
)
def auroc_sees_the_order(language: str, power: float) -> tuple[bool, str]:
    probs, labels = _laws(language)
    confidence, correct = cal.top_label(probs, labels)
    inside = (confidence > 0) & (confidence < 1)
    # Ties are ties: probabilities that are equal may differ in the sixteenth digit.
    confidence, correct = confidence[inside].double().round(decimals=9), correct[inside]
    turned = torch.sigmoid(power * confidence.logit())
    auroc = [cal.auroc(c, correct) for c in (confidence, turned)]
    error = [ECE(c, correct) for c in (confidence, turned)]
    held = abs(auroc[0] - auroc[1]) < 1e-4 and error[1] - error[0] > 0.05
    return held, f"AUROC {auroc[0]:.4f} to {auroc[1]:.4f}, ECE {error[0]:.3f} to {error[1]:.3f}"


@LEDGER.measured(
    "F1 judges one threshold: a perfect forecaster of a rare word has F1 = 0 at one half and "
    "more at a lower one.",
    stands=("F1 one threshold alone", "the best forecaster there is can have 0"),
    refuted_by="an F1 above 0.05 at the threshold 0.5, or none above 0.1 at the threshold 0.1",
    variations={f"'once', seed {seed}": {"word": "once", "seed": seed} for seed in (8, 9, 10)}
    | {
        f"diary, '{word}'": {"word": word, "seed": 8, "language": "diary"}
        for word in ("very", "looked", "wet")
    },
    quick=IN_NOTEBOOK,
)
def f1_sees_a_threshold(word: str, seed: int, language: str = "grammar") -> tuple[bool, str]:
    source = {"grammar": grammar, "diary": weather_diary}[language]()
    texts = source.sample(300, seed=seed)
    chance = source.next_token_probs(texts)[:, :-1, source.tokenizer.encode(word)[0]].flatten()
    came = (texts[:, 1:] == source.tokenizer.encode(word)[0]).flatten().long()
    high, low = (
        cal.f1_score((chance > at).long(), came, average="binary", positive=1) for at in (0.5, 0.1)
    )
    return high < 0.05 and low > 0.1, f"{high:.2f} at 0.5, {low:.2f} at 0.1"


@LEDGER.measured(
    "The ECE sees nothing of what a model knows: the word frequencies have one as small as the "
    "oracle's.",
    stands="the ECE nothing of what a model knows",
    refuted_by="an ECE of the word frequencies above 0.015 or above the oracle's 0.015, or an "
    "accuracy of theirs above half of the oracle's",
    variations={
        f"{language}, seed {seed}": {"language": language, "seed": seed}
        for language in ("grammar", "diary")
        for seed in (8, 9)
    },
)
def ece_sees_no_knowledge(language: str, seed: int) -> tuple[bool, str]:
    source = {"grammar": grammar, "diary": weather_diary}[language]()
    texts = source.sample(500, seed=seed)
    probs, labels = source.next_token_probs(texts)[:, :-1].flatten(0, 1), texts[:, 1:].flatten()
    frequencies = (source.stationary @ source.emission).expand_as(probs)
    both = [cal.top_label(stated, labels) for stated in (probs, frequencies)]
    error = [ECE(*each) for each in both]
    right = [correct.double().mean().item() for _, correct in both]
    held = max(error) < 0.015 and right[1] < right[0] / 2
    return (
        held,
        f"ECE {error[0]:.3f} and {error[1]:.3f}, accuracy {right[0]:.2f} and {right[1]:.2f}",
    )


@LEDGER.measured(
    "Sharpening costs miscalibration and hardly any discrimination.",
    stands="Sharpening costs miscalibration and next to no discrimination",
    refuted_by="a discrimination lost that is more than a tenth of the miscalibration gained",
    variations={
        f"{language}, power {power:g}": {"language": language, "power": power}
        for language in ("grammar", "diary")
        for power in (1.5, 2, 4)
    },
)
def sharpening_costs(language: str, power: float) -> tuple[bool, str]:
    correct = cal.top_label(*_laws(language))[1]
    honest, sharp = (
        cal.corp_reliability(_top(language, each)[0], correct) for each in (1.0, power)
    )
    lost = honest.discrimination - sharp.discrimination
    gained = sharp.miscalibration - honest.miscalibration
    return lost < gained / 10, f"miscalibration +{gained:.4f}, discrimination -{lost:.4f}"


@LEDGER.measured(
    "Slope and intercept say how the confidences err: the oracle has 1 and 0, and who raises "
    "distributions to a power differs in one or both; too sharp, the slope is below 1; flattened, "
    "it may stay at 1, and the intercept is above 0.",
    stands=(
        "slope and intercept say how the confidences err",
        "Below 1 the confidences are too extreme",
        "who flattens whole distributions can have a slope of 1",
    ),
    refuted_by="intervals of the oracle without 1 or 0, of the sharpened with a slope of 1, or of "
    "the flattened with an intercept of 0",
    variations={
        f"{language}, power {power:g}": {"language": language, "power": power}
        for language in ("grammar", "diary")
        for power in (0.5, 0.7, 1, 1.5, 2)
    },
    was="Below 1 the confidences are too extreme (flattening was not tried: with the diary it "
    "leaves the slope at 1.01).",
)
def slope_says_how(language: str, power: float) -> tuple[bool, str]:
    correct = cal.top_label(*_laws(language))[1]
    confidence, _ = _top(language, power)
    inside = (confidence > 0) & (confidence < 1)
    line = cal.calibration_line(confidence[inside], correct[inside])
    if power == 1:
        held = 1 in line.slope and 0 in line.intercept
    else:
        held = line.slope.high < 1 if power > 1 else line.intercept.low > 0
    return held, f"intercept {line.intercept:.2f}, slope {line.slope:.2f}"


@LEDGER.measured(
    "Judged by the expected perplexity of a short text, the best statement is more modest than "
    "the truth, and the less so the longer the text.",
    stands=(
        '"Perplexity is proper, being the exponential of the NLL."',
        "a single bad surprise costs too much",
    ),
    refuted_by="a best statement at the truth or above it, or farther from it for the longer text",
    variations={
        f"truth {truth:g}, {n} and {4 * n} words": {"truth": truth, "n": n}
        for truth, n in ((0.9, 1), (0.6, 1), (0.99, 1), (0.9, 5), (0.7, 5), (0.99, 20))
    },
)
def perplexity_is_not_proper(truth: float, n: int) -> tuple[bool, str]:
    stated = torch.linspace(0.5, 0.9999, 5000, dtype=torch.double)

    def best(n: int) -> float:
        score = truth * stated ** (-1 / n) + (1 - truth) * (1 - stated) ** (-1 / n)
        return stated[score.argmin()].item()

    short, longer = best(n), best(4 * n)
    return short < longer < truth, f"best {short:.3f}, {longer:.3f}, truth {truth:g}"


LEDGER.passing(
    "Never believe that; try it.",
    "**False alarms** first",
    why="advice, and how many samples a share needs",
)
