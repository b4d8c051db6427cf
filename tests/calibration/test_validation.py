"""Every public function refuses every kind of bad input, and names the argument."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array

from coursekit.calibration import (
    ConformalSets,
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
TABLE_FUNCTIONS = [top_label, negative_log_likelihood, brier_score]
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
        "row of probs must sum to 1 within 0.0001, found .* sums to 0.9",
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
    ({"n_bins": True}, TypeError, "n_bins must be a whole number, found True"),
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


#: What holds numbers, but not as these statistics can take them; and what the message says of it.
ODD_TENSORS = {
    "sparse": (torch.tensor([0.9, 0.8]).to_sparse(), r"a dense tensor, found torch.sparse_coo. .*"),
    "without data": (torch.empty(2, device="meta"), "an ordinary tensor of numbers, found a meta"),
    "nested": (torch.nested.nested_tensor([torch.ones(1), torch.ones(2)]), "found a nested tensor"),
    "eight bits": (torch.ones(2).to(torch.float8_e4m3fn), "16 bits .* found torch.float8_e4m3fn"),
    "sparse array": (csr_array([[0.9, 0.8]]), r"dense, found a sparse csr_array. Call .toarray"),
    "masked": (np.ma.array([0.9, 0.8], mask=[0, 1]), "without a mask, found a masked array"),
    "objects": (np.array([0.9, None]), "a tensor, an array or a list of numbers, found ndarray"),
    "too long": ([2**70, 1], "a tensor, an array or a list of numbers, found list"),
    "generator": ((x for x in [0.9, 0.8]), "a tensor, an array or a list .* found generator"),
}


@pytest.mark.parametrize("kind", ODD_TENSORS)
@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
def test_tensors_that_cannot_be_computed_with_are_refused_by_name(kind):
    odd, message = ODD_TENSORS[kind]
    with pytest.raises(TypeError, match=f"^confidence must .*{message}"):
        expected_calibration_error(odd, [1, 0])
    with pytest.raises(TypeError, match=f"^labels must .*{message}"):
        accuracy([0, 1], odd)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32, np.uint64])
def test_unsigned_numbers_are_whole_numbers(dtype):
    unsigned = np.array([1, 0, 1], dtype)
    for numbers in (unsigned, torch.from_numpy(unsigned)):
        assert accuracy(numbers, [1, 1, 1]) == pytest.approx(2 / 3)
        assert accuracy([[0.3, 0.7]] * 3, numbers) == pytest.approx(2 / 3)
        assert expected_calibration_error([0.5] * 3, numbers) == pytest.approx(2 / 3 - 0.5)


def test_unsigned_numbers_that_would_turn_negative_are_refused():
    with pytest.raises(ValueError, match=r"labels must be below 2\^63, found larger numbers"):
        accuracy([0, 1], np.array([2**64 - 1, 0], np.uint64))


@pytest.mark.parametrize("function", PAIR_FUNCTIONS)
def test_probabilities_in_place_of_confidence_meet_the_line_that_reduces_them(function):
    probs, labels = torch.tensor([[0.9, 0.1], [0.2, 0.8]]), torch.tensor([0, 0])
    cure = "confidence, correct = top_label(probs, labels)"
    with pytest.raises(ValueError, match=r"found shape \(2, 2\). From prob") as e:
        function(probs, labels)
    assert str(e.value).endswith(cure)
    names = {"top_label": top_label, "probs": probs, "labels": labels}
    exec(cure, names)
    function(names["confidence"], names["correct"])


@pytest.mark.parametrize(
    ("confidence", "found"),
    [
        (torch.tensor([1.0000001]), "1.0000001192092896"),
        ([1.0000000000000002], "1.0000000000000002"),
        ([-1e-17], "-1e-17"),
        ([1.0009], "1.0009"),
    ],
)
def test_a_rounding_error_is_shown_as_it_is_with_its_cure(confidence, found):
    message = f"must lie in [0, 1], found {found}. If this is a rounding error, clamp it"
    with pytest.raises(ValueError, match=re.escape(message)):
        expected_calibration_error(confidence, [1])
    expected_calibration_error(torch.as_tensor(confidence).clamp(0, 1), [1])  # the cure


def test_a_sum_just_beyond_the_tolerance_does_not_look_like_the_tolerance():
    probs = torch.tensor([[0.3, 0.7]], dtype=torch.float64) * 1.00010001
    with pytest.raises(ValueError, match=r"sums to 1\.00010001\. .* probs / probs.sum\(1, keepdim"):
        brier_score(probs, [0])
    brier_score(probs / probs.sum(1, keepdim=True), [0])  # the cure


@pytest.mark.parametrize("binning", ["uniform", "quantile"])
def test_more_bins_than_memory_are_refused(binning):
    with pytest.raises(ValueError, match=f"n_bins must be at most {2**24}, found {2**40}"):
        expected_calibration_error([0.5], [1], 2**40, binning)


@pytest.mark.parametrize("value", [["l1"], np.array(["l1", "l2"]), None, 1])
def test_a_choice_that_is_no_text_is_refused(value):
    with pytest.raises(ValueError, match="norm must be one of 'l1', 'l2', 'max', found"):
        expected_calibration_error([0.5], [1], norm=value)


@pytest.mark.parametrize("level", ["0.9", True, None, [0.9]])
def test_a_level_that_is_no_number_is_refused(level):
    with pytest.raises(TypeError, match=r"level must be a number, such as 0\.95, found"):
        ConformalSets(level=level)
