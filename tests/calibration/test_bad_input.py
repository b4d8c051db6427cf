"""Every metric meets every kind of odd input: it has a documented value, or a clear error.

Nothing returns NaN, and nothing fails with an error from inside NumPy or torch.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch

from coursekit import calibration as c

NAN, INF = math.nan, math.inf

#: Functions of `confidence (N,)` and `correct (N,)`.
OF_PAIRS = {
    "binary_brier_score": c.binary_brier_score,
    "reliability_bins": c.reliability_bins,
    "ece": c.expected_calibration_error,
    "ece quantile": lambda p, y: c.expected_calibration_error(p, y, binning="quantile"),
    "ece discrete": lambda p, y: c.expected_calibration_error(p, y, binning="discrete"),
    "ece l2": lambda p, y: c.expected_calibration_error(p, y, norm="l2"),
    "ece max": lambda p, y: c.expected_calibration_error(p, y, norm="max"),
    "debiased": c.debiased_calibration_error,
    "sweep": c.sweep_calibration_error,
    "smooth": c.smooth_calibration_error,
    "kernel": c.kernel_calibration_error,
    "brier_decomposition": c.brier_decomposition,
    "gap": c.gap,
    "calibration_test": lambda p, y: c.calibration_test(p, y, n_simulations=9),
}

#: Functions of `probs (N, C)` and `labels (N,)`.
OF_TABLES = {
    "top_label": c.top_label,
    "accuracy": c.accuracy,
    "negative_log_likelihood": c.negative_log_likelihood,
    "perplexity": c.perplexity,
    "brier_score": c.brier_score,
    "classwise": c.classwise_calibration_error,
    "adaptive": c.adaptive_calibration_error,
    "top_k": lambda p, y: c.top_k_calibration_error(p, y, 1),
}

#: Functions of two tables of probabilities.
OF_TWO_TABLES = {
    "kl_divergence": lambda p, q: c.kl_divergence(q, p),
    "known_truth_decomposition": c.known_truth_decomposition,
}

#: Functions of `confidence (N,)` and `true_probability (N,)`.
OF_TRUTHS = {
    "true_calibration_error": c.true_calibration_error,
    "probability_error": c.probability_error,
}

#: Functions of `confidence (N,)` alone.
OF_CONFIDENCE = {
    "ece_null_distribution": lambda p: c.ece_null_distribution(p, n_simulations=5),
    "consistency_bands": lambda p: c.consistency_bands(p, n_simulations=5),
}

#: kind: confidence, correct, and what the message must hold.
BAD_PAIRS = {
    "shape": ([[0.5]], [1], r"confidence must have shape \(N,\)"),
    "scalar": (0.5, 1, r"confidence must have shape \(N,\)"),
    "empty": ([], [], "confidence must not be empty"),
    "NaN": ([0.5, NAN], [1, 0], "confidence must be finite, found nan"),
    "infinity": ([0.5, INF], [1, 0], "confidence must be finite, found inf"),
    "negative": ([0.5, -0.1], [1, 0], r"confidence must lie in \[0, 1\], found -0.1"),
    "above one": ([0.5, 1.5], [1, 0], r"confidence must lie in \[0, 1\], found 1.5"),
    "outcome out of range": ([0.5, 0.6], [1, 2], "correct must hold only .* found 2"),
    "outcome NaN": ([0.5, 0.6], [1, NAN], "correct must hold only .* found nan"),
    "lengths": ([0.5, 0.6], [1], "same length, found confidence 2, correct 1"),
}

BAD_TABLES = {
    "shape": ([0.5, 0.5], [1, 0], r"probs must have shape \(N, C\)"),
    "empty": (np.zeros((0, 2)), [], "probs must not be empty"),
    "no columns": (np.zeros((2, 0)), [0, 0], "probs must not be empty"),
    "one column": ([[1.0]], [0], "probs must have at least 2 classes"),
    "NaN": ([[0.5, NAN]], [0], "probs must be finite, found nan"),
    "infinity": ([[0.5, INF]], [0], "probs must be finite, found inf"),
    "negative": ([[-0.5, 1.5]], [0], r"probs must lie in \[0, 1\], found -0.5"),
    "logits": ([[2.0, 3.0]], [0], r"probs must lie in \[0, 1\], found 3. For logits apply softmax"),
    "sum": ([[0.5, 0.6]], [0], "each row of probs must sum to 1"),
    "label too large": ([[0.5, 0.5]], [2], "labels must lie in 0 .. 1 .* found 2"),
    "label negative": ([[0.5, 0.5]], [-1], "labels must lie in 0 .. 1 .* found -1"),
    "lengths": ([[0.5, 0.5]], [0, 1], "labels must have one entry for each of the 1 rows"),
}

BAD_TYPES = ["text", None, [["a"]], torch.ones(2, dtype=torch.complex64), {"a": 1}]


def numbers(result):
    """All numbers in a result: a float, a tensor, a tuple or a dataclass of these."""
    if dataclasses.is_dataclass(result):
        parts = [getattr(result, field.name) for field in dataclasses.fields(result)]
        derived = [n for n in ("gap", "accuracy", "confidence", "weight") if hasattr(result, n)]
        return [x for part in parts + [getattr(result, n) for n in derived] for x in numbers(part)]
    if isinstance(result, tuple):
        return [x for part in result for x in numbers(part)]
    return torch.as_tensor(result).double().flatten().tolist()


@pytest.mark.parametrize("kind", BAD_PAIRS)
@pytest.mark.parametrize("name", OF_PAIRS)
def test_pairs(name, kind):
    confidence, correct, message = BAD_PAIRS[kind]
    with pytest.raises(ValueError, match=message):
        OF_PAIRS[name](confidence, correct)


@pytest.mark.parametrize("kind", BAD_TABLES)
@pytest.mark.parametrize("name", OF_TABLES)
def test_tables(name, kind):
    probs, labels, message = BAD_TABLES[kind]
    error = ValueError
    if (name, kind) == ("accuracy", "shape"):  # a row of numbers might have been classes
        error, message = TypeError, "predicted must be integers .* Or give probabilities"
    with pytest.raises(error, match=message):
        OF_TABLES[name](probs, labels)


@pytest.mark.parametrize("kind", [kind for kind in BAD_TABLES if "label" not in kind][:-1])
@pytest.mark.parametrize("name", [*OF_TWO_TABLES, "entropy"])
def test_two_tables(name, kind):
    probs, _, message = BAD_TABLES[kind]
    with pytest.raises(ValueError, match=message):
        c.entropy(probs) if name == "entropy" else OF_TWO_TABLES[name](probs, [[0.5, 0.5]])
    if name != "entropy":
        with pytest.raises(ValueError, match=message.replace("probs", "true_probs")):
            OF_TWO_TABLES[name]([[0.5, 0.5]], probs)


@pytest.mark.parametrize("kind", [kind for kind in BAD_PAIRS if "outcome" not in kind])
@pytest.mark.parametrize("name", [*OF_TRUTHS, *OF_CONFIDENCE])
def test_truths_and_confidences(name, kind):
    confidence, _, message = BAD_PAIRS[kind]
    if kind == "lengths":
        if name in OF_TRUTHS:
            with pytest.raises(ValueError, match="same length, found confidence 2, true_prob"):
                OF_TRUTHS[name](confidence, [0.5])
        return
    with pytest.raises(ValueError, match=message):
        OF_CONFIDENCE[name](confidence) if name in OF_CONFIDENCE else OF_TRUTHS[name](
            confidence, [0.5]
        )
    if name in OF_TRUTHS:
        with pytest.raises(ValueError, match=message.replace("confidence", "true_probability")):
            OF_TRUTHS[name]([0.5], confidence)


@pytest.mark.parametrize("bad", BAD_TYPES, ids=lambda bad: type(bad).__name__)
@pytest.mark.parametrize(
    ("function", "good"),
    [(f, [1, 0]) for f in OF_PAIRS.values()]
    + [(f, [0, 1]) for f in OF_TABLES.values()]
    + [(f, [[0.5, 0.5]]) for f in OF_TWO_TABLES.values()]
    + [(f, [0.5, 0.5]) for f in OF_TRUTHS.values()],
    ids=[*OF_PAIRS, *OF_TABLES, *OF_TWO_TABLES, *OF_TRUTHS],
)
def test_types(function, good, bad):
    with pytest.raises(TypeError, match=r"must be a tensor, an array or|must hold real numbers"):
        function(bad, good)


@pytest.mark.parametrize("labels", [[0.0, 1.0], [True, False]])
@pytest.mark.parametrize("name", OF_TABLES)
def test_labels_that_are_no_integers(name, labels):
    with pytest.raises(TypeError, match="labels must be integers"):
        OF_TABLES[name]([[0.5, 0.5], [0.2, 0.8]], labels)


#: Unusual and legal: a value each, never NaN.
RARE_PAIRS = {
    "all correct": ([0.6, 0.7, 0.9], [1, 1, 1]),
    "all wrong": ([0.6, 0.7, 0.9], [0, 0, 0]),
    "constant": ([0.7] * 10, [1] * 7 + [0] * 3),
    "one": ([0.7], [1]),
    "certain and right": ([1.0, 0.0], [1, 0]),
    "certain and wrong": ([1.0, 0.0], [0, 1]),
    "the smallest number": ([5e-324, 1.0], [0, 1]),
}

#: What each of them is, with the default options.
VALUES = {
    "all correct": {"ece": 4 / 15, "ece max": 0.4, "binary_brier_score": 0.26 / 3, "debiased":
                    0.0, "sweep": 4 / 15},
    "all wrong": {"ece": 11 / 15, "ece max": 0.9, "binary_brier_score": 1.66 / 3},
    "constant": {"ece": 0.0, "ece max": 0.0, "binary_brier_score": 0.21, "debiased": 0.0,
                 "sweep": 0.0, "smooth": 0.0},
    "one": {"ece": 0.3, "ece l2": 0.3, "binary_brier_score": 0.09, "debiased": 0.0, "sweep": 0.3,
            "smooth": 0.3, "kernel": 0.3},
    "certain and right": {name: 0.0 for name in OF_PAIRS if "ece" in name},
    "certain and wrong": {name: 1.0 for name in OF_PAIRS if "ece" in name},
    "the smallest number": {"ece": 0.0, "binary_brier_score": 0.0},
}  # fmt: skip


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("kind", RARE_PAIRS)
@pytest.mark.parametrize("name", OF_PAIRS)
def test_rare_pairs_have_values(name, kind, dtype):
    confidence, correct = RARE_PAIRS[kind]
    result = OF_PAIRS[name](torch.tensor(confidence, dtype=dtype), correct)
    assert not any(math.isnan(x) for x in numbers(result))
    if name in VALUES[kind]:
        assert result == pytest.approx(VALUES[kind][name], abs=8 * torch.finfo(dtype).eps + 1e-9)


@pytest.mark.parametrize(
    ("probs", "labels"),
    [
        ([[0.3, 0.7]], [1]),
        ([[0.3, 0.7]] * 5, [1] * 5),
        ([[0.3, 0.7]] * 5, [0] * 5),
        ([[0.5, 0.5]] * 4, [0, 1, 0, 1]),
        ([[1.0, 0.0], [0.0, 1.0]], [0, 1]),
        ([[1.0, 0.0], [0.0, 1.0]], [1, 0]),
        ([[0.2, 0.3, 0.5]] * 3, [2, 2, 2]),
    ],
    ids=["one", "all correct", "one class", "constant", "certain", "impossible", "absent classes"],
)
@pytest.mark.parametrize("name", OF_TABLES)
def test_rare_tables_have_values(name, probs, labels):
    assert not any(math.isnan(x) for x in numbers(OF_TABLES[name](probs, labels)))


@pytest.mark.parametrize("name", OF_CONFIDENCE)
@pytest.mark.parametrize("confidence", [[0.7], [0.7] * 5, [0.0, 1.0], [1.0]])
def test_rare_confidences_have_values(name, confidence):
    assert not any(math.isnan(x) for x in numbers(OF_CONFIDENCE[name](confidence)))


def test_the_table_misses_no_metric():
    """Whoever adds a metric to the package adds it here, or to the tests of its own module."""
    here = {*OF_PAIRS, *OF_TABLES, *OF_TWO_TABLES, *OF_TRUTHS, *OF_CONFIDENCE, "entropy"}
    errors = {name.removesuffix("_calibration_error") for name in c.__all__ if "_error" in name}
    short = {"expected": "ece", "true": "true_calibration_error"}
    assert {short.get(name, name) for name in errors} <= here
