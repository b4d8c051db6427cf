from __future__ import annotations

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given
from sklearn import metrics
from torchmetrics.functional.classification import multiclass_f1_score

from coursekit.calibration import f1_score, precision, recall

FUNCTIONS = {precision: metrics.precision_score, recall: metrics.recall_score}
FUNCTIONS[f1_score] = metrics.f1_score
pairs = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=40)


def test_hand_computed():
    predicted, labels = [0, 0, 1, 1, 2], [0, 1, 1, 1, 0]
    # Class 0: 1 of 2 predicted, 1 of 2 true. Class 1: 2 of 2, 2 of 3. Class 2: 0 of 1, none true.
    assert precision(predicted, labels) == pytest.approx((1 / 2 + 1 + 0) / 3)
    assert recall(predicted, labels) == pytest.approx((1 / 2 + 2 / 3 + 0) / 3)
    assert f1_score(predicted, labels) == pytest.approx((1 / 2 + 4 / 5 + 0) / 3)
    assert f1_score(predicted, labels, average="weighted") == pytest.approx(
        (2 * 1 / 2 + 3 * 4 / 5) / 5
    )
    assert f1_score(predicted, labels, average="micro") == pytest.approx(3 / 5)
    assert f1_score(predicted, labels, average="binary", positive=1) == pytest.approx(4 / 5)


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("average", ["macro", "micro", "weighted"])
@given(data=pairs)
def test_equals_scikit_learn(function, average, data):
    predicted, labels = zip(*data, strict=True)
    theirs = FUNCTIONS[function](labels, predicted, average=average, zero_division=0)
    assert function(predicted, labels, average=average) == pytest.approx(theirs, abs=1e-12)


@pytest.mark.parametrize("function", FUNCTIONS)
@given(data=pairs, positive=st.integers(0, 4))
def test_binary_equals_scikit_learn(function, data, positive):
    predicted, labels = zip(*data, strict=True)
    theirs = FUNCTIONS[function](
        [label == positive for label in labels],
        [p == positive for p in predicted],
        zero_division=0,
    )
    found = function(predicted, labels, average="binary", positive=positive)
    assert found == pytest.approx(theirs, abs=1e-12)


def test_equals_torchmetrics():
    generator = torch.Generator().manual_seed(0)
    predicted, labels = torch.randint(4, (2, 300), generator=generator)
    for average in ("macro", "micro", "weighted"):
        theirs = multiclass_f1_score(predicted, labels, num_classes=4, average=average).item()
        assert f1_score(predicted, labels, average=average) == pytest.approx(theirs, abs=1e-6)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_probabilities_stand_for_their_first_largest_class(function):
    probs, labels = (
        [[0.6, 0.3, 0.1], [0.4, 0.4, 0.2], [0.0, 0.1, 0.9], [0.2, 0.5, 0.3]],
        [0, 1, 2, 1],
    )
    assert function(probs, labels) == function([0, 0, 2, 1], labels)


def test_the_positive_class_matters():
    """Nine of ten are class 0, and always saying 0 finds all of them and none of class 1."""
    predicted, labels = [0] * 10, [0] * 9 + [1]
    assert f1_score(predicted, labels, average="binary", positive=0) == pytest.approx(18 / 19)
    assert f1_score(predicted, labels, average="binary", positive=1) == 0


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize(
    ("predicted", "labels", "options", "error", "message"),
    [
        ([], [], {}, ValueError, "predicted must not be empty"),
        ([0], [0, 1], {}, ValueError, "same length, found predicted 1, labels 2"),
        ([[0]], [0], {}, ValueError, r"predicted must have shape \(N,\)"),
        ([0.5], [1], {}, TypeError, "predicted must be integers"),
        ([0], [True], {}, TypeError, "labels must be integers"),
        ([-1], [0], {}, ValueError, "predicted must not be negative, found -1"),
        (["cat"], [0], {}, TypeError, "predicted must be a tensor"),
        ([0], [1], {"average": "mean"}, ValueError, "average must be one of 'macro'"),
        ([0], [1], {"average": "binary"}, ValueError, "needs positive"),
        ([0], [1], {"positive": 1}, ValueError, 'positive is for average="binary"'),
        ([0], [1], {"average": "binary", "positive": -1}, ValueError, "positive must be at least"),
        ([0], [1], {"average": "binary", "positive": "1"}, TypeError, "positive must be a whole"),
        ([[0.5, 0.6]], [0], {}, ValueError, "each row of probs must sum to 1"),
    ],
)
def test_bad_input(function, predicted, labels, options, error, message):
    with pytest.raises(error, match=message):
        function(predicted, labels, **options)
