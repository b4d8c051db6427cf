"""Every public function refuses every kind of bad input, and names the argument."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from coursekit.calibration import (
    TemperatureScaling,
    accuracy,
    binary_brier_score,
    brier_score,
    ece_null_distribution,
    effective_sample_size,
    expected_calibration_error,
    negative_log_likelihood,
    reliability_bins,
    top_label,
)

NAN, INF = float("nan"), float("inf")
TABLE_FUNCTIONS = [top_label, accuracy, negative_log_likelihood, brier_score]
PAIR_FUNCTIONS = [binary_brier_score, reliability_bins, expected_calibration_error]

BAD_TABLES = [
    ([0.5, 0.5], [0, 1], ValueError, r"probs must have shape \(N, C\), found shape \(2,\)"),
    (np.zeros((0, 3)), [], ValueError, "probs must not be empty"),
    ([[1.0], [1.0]], [0, 0], ValueError, "probs must have at least 2 classes"),
    ([[0.5, NAN]], [0], ValueError, "probs must be finite, found nan"),
    ([[0.5, INF]], [0], ValueError, "probs must be finite, found inf"),
    ([[-0.25, 1.25]], [0], ValueError, r"probs must lie in \[0, 1\], found -0.25"),
    ([[2.0, 1.0]], [0], ValueError, r"probs must lie in \[0, 1\], found 2. For logits apply"),
    (
        [[0.5, 0.4]],
        [0],
        ValueError,
        "row of probs must sum to 1 within 0.0001, found .* off by 0.1",
    ),
    ([["a", "b"]], [0], TypeError, "probs must be a tensor"),
    ([[0.5, 0.5], [1.0]], [0, 1], TypeError, "probs must be a tensor"),
    (None, [0], TypeError, "probs must be a tensor"),
    (torch.ones(1, 2, dtype=torch.complex64), [0], TypeError, "probs must hold real numbers"),
    ([[0.5, 0.5]], [2], ValueError, "labels must lie in 0 .. 1 for 2 classes, found 2"),
    ([[0.5, 0.5]], [-1], ValueError, "labels must lie in 0 .. 1 for 2 classes, found -1"),
    ([[0.5, 0.5]], [0.0], TypeError, "labels must be integers .* found torch.float64"),
    ([[0.5, 0.5]], [True], TypeError, "labels must be integers .* found torch.bool"),
    (
        [[0.5, 0.5]],
        [0, 1],
        ValueError,
        "labels must have one entry for each of the 1 rows, found 2",
    ),
    ([[0.5, 0.5]], [[0]], ValueError, r"labels must have shape \(N,\), found shape \(1, 1\)"),
]

BAD_PAIRS = [
    ([[0.5]], [1], ValueError, r"confidence must have shape \(N,\), found shape \(1, 1\)"),
    ([], [], ValueError, "confidence must not be empty"),
    ([0.5, NAN], [1, 0], ValueError, "confidence must be finite, found nan"),
    ([-INF], [1], ValueError, "confidence must be finite, found -inf"),
    ([1.0000001], [1], ValueError, r"confidence must lie in \[0, 1\]"),
    ([-1e-9], [1], ValueError, r"confidence must lie in \[0, 1\]"),
    ([85.0], [1], ValueError, "for percentages divide by 100"),
    (["high"], [1], TypeError, "confidence must be a tensor"),
    ([0.5], [2], ValueError, "correct must hold only True and False, or 1 and 0, found 2"),
    ([0.5], [NAN], ValueError, "correct must hold only True and False, or 1 and 0, found nan"),
    ([0.5], [[1]], ValueError, r"correct must have shape \(N,\)"),
    ([0.5], ["yes"], TypeError, "correct must be a tensor"),
    ([0.5, 0.5], [1], ValueError, "same length, found confidence 2, correct 1"),
]

BAD_OPTIONS = [
    ({"n_bins": 0}, ValueError, "n_bins must be at least 1, found 0"),
    ({"n_bins": 2.5}, TypeError, "n_bins must be a whole number, found 2.5"),
    ({"n_bins": "auto"}, TypeError, "n_bins must be a whole number, found 'auto'"),
    (
        {"binning": "mass"},
        ValueError,
        "binning must be one of 'uniform', 'quantile', 'discrete', found 'mass'",
    ),
    ({"norm": "l3"}, ValueError, "norm must be one of 'l1', 'l2', 'max', found 'l3'"),
]


@pytest.mark.parametrize("function", TABLE_FUNCTIONS)
@pytest.mark.parametrize(("probs", "labels", "error", "message"), BAD_TABLES)
def test_probabilities_and_labels(function, probs, labels, error, message):
    with pytest.raises(error, match=message):
        function(probs, labels)


@pytest.mark.parametrize("function", PAIR_FUNCTIONS)
@pytest.mark.parametrize(("confidence", "correct", "error", "message"), BAD_PAIRS)
def test_confidence_and_correct(function, confidence, correct, error, message):
    with pytest.raises(error, match=message):
        function(confidence, correct)


@pytest.mark.parametrize(("options", "error", "message"), BAD_OPTIONS)
def test_options_of_the_calibration_error(options, error, message):
    with pytest.raises(error, match=message):
        expected_calibration_error([0.5], [1], **options)
    with pytest.raises(error, match=message):
        ece_null_distribution([0.5], **options)


def test_null_distribution_checks_its_own_arguments():
    with pytest.raises(ValueError, match="confidence must be finite"):
        ece_null_distribution([NAN])
    with pytest.raises(ValueError, match="n_simulations must be at least 1"):
        ece_null_distribution([0.5], n_simulations=0)
    with pytest.raises(ValueError, match="seed must be at least 0, found -1"):
        ece_null_distribution([0.5], seed=-1)
    with pytest.raises(TypeError, match="seed must be a whole number, found None"):
        ece_null_distribution([0.5], seed=None)


@pytest.mark.parametrize(
    ("logits", "labels", "error", "message"),
    [
        ([1.0, 2.0], [0], ValueError, r"logits must have shape \(N, C\)"),
        ([[1.0, NAN]], [0], ValueError, "logits must be finite, found nan"),
        ([[1.0, -INF]], [0], ValueError, "logits must be finite, found -inf"),
        ([[1.0, 2.0]], [5], ValueError, "labels must lie in 0 .. 1"),
        ([[1.0, 2.0]], [0.5], TypeError, "labels must be integers"),
        ([["x", "y"]], [0], TypeError, "logits must be a tensor"),
    ],
)
def test_temperature_scaling(logits, labels, error, message):
    with pytest.raises(error, match=message):
        TemperatureScaling().fit(logits, labels)


def test_prediction_checks_its_logits():
    model = TemperatureScaling().fit([[5.0, 0.0]] * 4, [0, 0, 0, 1])
    with pytest.raises(ValueError, match="logits must be finite"):
        model.predict_proba([[1.0, NAN]])


def test_effective_sample_size_checks_its_arguments():
    with pytest.raises(ValueError, match=r"groups must have shape \(2,\)"):
        effective_sample_size([1, 0], [1])
    with pytest.raises(ValueError, match="correct must not be empty"):
        effective_sample_size([], [])
    with pytest.raises(TypeError, match=r"groups must be all .* found NoneType, str\. Leave out"):
        effective_sample_size([1, 0, 1], ["a", None, "b"])
    with pytest.raises(ValueError, match="groups must be numbers or strings, found NaN"):
        effective_sample_size([1, 0, 1], [1.0, NAN, NAN])


@pytest.mark.parametrize("n_bins", [True, np.True_])
def test_true_is_no_count(n_bins):
    with pytest.raises(TypeError, match="n_bins must be a whole number"):
        reliability_bins([0.5], [1], n_bins)


def test_sums_within_the_tolerance_are_accepted():
    assert accuracy([[0.50005, 0.5]], [0]) == 1


def test_gradients_do_not_reach_the_statistics():
    confidence = torch.tensor([0.5, 0.7], requires_grad=True)
    assert not reliability_bins(confidence, [1, 0]).confidence_sum.requires_grad
