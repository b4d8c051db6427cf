from __future__ import annotations

from itertools import product

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given
from sklearn.metrics import roc_auc_score
from torchmetrics.functional.classification import binary_auroc

from coursekit.calibration import (
    auroc,
    risk_coverage_curve,
    selective_accuracy,
    selective_threshold,
)

#: Predictions with their outcomes, with many ties.
predictions = st.lists(
    st.tuples(st.one_of(st.floats(0, 1), st.sampled_from([0.1, 0.2, 0.9])), st.booleans()),
    min_size=1,
    max_size=40,
)


def random_predictions(n, seed=0, n_values=None):
    """Predictions whose confidence tells something, on `n_values` distinct levels if given."""
    generator = torch.Generator().manual_seed(seed)
    confidence = torch.rand(n, generator=generator, dtype=torch.float64)
    if n_values:
        confidence = (confidence * n_values).ceil() / n_values
    return confidence, torch.rand(n, generator=generator, dtype=torch.float64) < confidence


# ------------------------------------------------------------------------------------- AUROC


def test_auroc_by_hand():
    # Right: 0.9, 0.5. Wrong: 0.5, 0.1. Of four pairs three are won and one is a draw.
    assert auroc([0.9, 0.5, 0.5, 0.1], [1, 1, 0, 0]) == 3.5 / 4


@given(data=predictions.filter(lambda rows: len({right for _, right in rows}) == 2))
def test_auroc_counts_all_pairs(data):
    right = [confidence for confidence, correct in data if correct]
    wrong = [confidence for confidence, correct in data if not correct]
    won = sum((a > b) + (a == b) / 2 for a, b in product(right, wrong))
    assert auroc(*zip(*data, strict=True)) == pytest.approx(won / len(right) / len(wrong))


@pytest.mark.parametrize("n_values", [None, 2, 7, 100])
def test_auroc_parity(n_values):
    confidence, correct = random_predictions(3000, n_values=n_values)
    found = auroc(confidence, correct)
    assert found == pytest.approx(roc_auc_score(correct, confidence), abs=1e-12)
    assert found == pytest.approx(binary_auroc(confidence, correct.long()).item(), abs=1e-6)


@pytest.mark.parametrize("outcome", [0, 1])
def test_auroc_of_one_class_is_refused(outcome):
    with pytest.raises(ValueError, match=r"both right and wrong predictions.*found"):
        auroc([0.2, 0.7], [outcome] * 2)


def test_constant_confidence_tells_nothing():
    assert auroc([0.7] * 5, [1, 0, 1, 1, 0]) == 0.5


# ---------------------------------------------------------------------------- risk and coverage


def test_risk_coverage_by_hand():
    curve = risk_coverage_curve([0.6, 0.9, 0.6, 0.8, 0.1], [1, 1, 0, 0, 1])
    assert curve.threshold.tolist() == [0.9, 0.8, 0.6, 0.1]
    assert curve.coverage.tolist() == pytest.approx([0.2, 0.4, 0.8, 1])
    assert curve.risk.tolist() == pytest.approx([0, 1 / 2, 2 / 4, 2 / 5])


@given(data=predictions)
def test_the_curve_is_what_each_threshold_gives(data):
    confidence, correct = (torch.tensor(column) for column in zip(*data, strict=True))
    curve = risk_coverage_curve(confidence, correct)
    assert set(curve.threshold.tolist()) == set(confidence.tolist())
    for coverage, risk, threshold in zip(curve.coverage, curve.risk, curve.threshold, strict=True):
        answered = confidence >= threshold
        assert coverage.item() == pytest.approx(answered.double().mean().item())
        assert risk.item() == pytest.approx((~correct[answered]).double().mean().item())


@given(data=predictions, seed=st.integers(0, 1000))
def test_the_order_of_rows_does_not_matter(data, seed):
    confidence, correct = (torch.tensor(column) for column in zip(*data, strict=True))
    order = torch.randperm(len(data), generator=torch.Generator().manual_seed(seed))
    curve, shuffled = (risk_coverage_curve(confidence[i], correct[i]) for i in (slice(None), order))
    assert torch.equal(shuffled.risk, curve.risk)
    assert torch.equal(shuffled.coverage, curve.coverage)


# --------------------------------------------------------------------------- selective accuracy


def test_selective_accuracy_by_hand():
    confidence, correct = [0.9, 0.8, 0.8, 0.4, 0.1], [1, 1, 0, 1, 0]
    assert selective_threshold(confidence, 0.2) == 0.9
    assert selective_accuracy(confidence, correct, 0.2) == 1
    # Two of five are asked for, and the tie at 0.8 brings a third.
    assert selective_threshold(confidence, 0.4) == 0.8
    assert selective_accuracy(confidence, correct, 0.4) == pytest.approx(2 / 3)
    assert selective_accuracy(confidence, correct, 1) == pytest.approx(3 / 5)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_the_threshold_answers_exactly_the_fraction(dtype):
    confidence = (torch.randperm(100) / 128).to(dtype)
    for percent in range(1, 101):
        answered = confidence >= selective_threshold(confidence, percent / 100)
        assert answered.sum() == percent


@given(data=predictions, coverage=st.floats(0.01, 1))
def test_selective_accuracy_lies_on_the_curve(data, coverage):
    confidence, correct = zip(*data, strict=True)
    curve = risk_coverage_curve(confidence, correct)
    at = (curve.threshold == selective_threshold(confidence, coverage)).nonzero().item()
    assert curve.coverage[at] >= coverage - 1e-9
    assert at == 0 or curve.coverage[at - 1] < coverage
    found = selective_accuracy(confidence, correct, coverage)
    assert found == pytest.approx(1 - curve.risk[at].item())


# ------------------------------------------------------------------------------------ bad input

EVERY = [auroc, risk_coverage_curve, lambda c, y: selective_accuracy(c, y, 0.5)]


@pytest.mark.parametrize("function", EVERY)
@pytest.mark.parametrize(
    ("confidence", "correct", "message"),
    [
        ([], [], "confidence must not be empty"),
        ([0.5, float("nan")], [0, 1], "confidence must be finite"),
        ([0.5, float("inf")], [0, 1], "confidence must be finite"),
        ([0.5, 1.2], [0, 1], r"confidence must lie in \[0, 1\]"),
        ([0.5, -0.2], [0, 1], r"confidence must lie in \[0, 1\]"),
        ([0.5, 0.2], [0, 2], "correct must hold only True and False"),
        ([0.5, 0.2], [0, 1, 1], "same length"),
        ([[0.5, 0.2]], [0, 1], r"confidence must have shape \(N,\)"),
    ],
)
def test_bad_input(function, confidence, correct, message):
    with pytest.raises(ValueError, match=message):
        function(confidence, correct)


@pytest.mark.parametrize("coverage", [0, -0.1, 1.01, float("nan")])
def test_coverage_out_of_range(coverage):
    with pytest.raises(ValueError, match=r"coverage must lie in \(0, 1\]"):
        selective_threshold([0.5, 0.2], coverage)


@pytest.mark.parametrize("correct", [0, 1])
def test_a_single_prediction(correct):
    curve = risk_coverage_curve([0.7], [correct])
    assert (curve.coverage.tolist(), curve.risk.tolist()) == ([1], [1 - correct])
    assert selective_accuracy([0.7], [correct], 0.1) == correct
