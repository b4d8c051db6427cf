from __future__ import annotations

import numpy as np
import pytest
import torch

from coursekit.calibration import (
    _blocks as blocks,
    adaptive_calibration_error,
    classwise_calibration_error,
    expected_calibration_error,
    top_k_calibration_error,
    top_label,
)

PROBS = [[0.7, 0.2, 0.1], [0.2, 0.5, 0.3], [0.1, 0.1, 0.8], [0.6, 0.4, 0.0]]
LABELS = [0, 2, 2, 1]


def random_predictions(n, n_classes, seed=0):
    rng = np.random.default_rng(seed)
    probs = rng.dirichlet(np.full(n_classes, 0.5), n)
    return probs, np.array([rng.choice(n_classes, p=row) for row in probs])


def test_classwise_by_hand():
    """One bin: the gap of each class is its frequency less its mean probability."""
    gaps = [abs(1 / 4 - 1.6 / 4), abs(1 / 4 - 1.2 / 4), abs(2 / 4 - 1.2 / 4)]
    assert classwise_calibration_error(PROBS, LABELS, n_bins=1) == pytest.approx(sum(gaps) / 3)
    squares = classwise_calibration_error(PROBS, LABELS, n_bins=1, norm="l2")
    assert squares == pytest.approx(sum(gaps) / 3)


@pytest.mark.parametrize("binning", ["uniform", "quantile", "discrete"])
def test_classwise_is_the_mean_over_classes(binning):
    probs, labels = random_predictions(300, 4)
    each = [expected_calibration_error(probs[:, c], labels == c, 7, binning) for c in range(4)]
    found = classwise_calibration_error(probs, labels, 7, binning)
    assert found == pytest.approx(np.mean(each), rel=1e-12)


def test_two_columns_top_label_and_classwise_differ():
    """Always 0.6 for class 0, which is true 8 times of 10."""
    probs, labels = [[0.6, 0.4]] * 5 + [[0.4, 0.6]] * 5, [0] * 5 + [0] * 3 + [1] * 2
    assert expected_calibration_error(*top_label(probs, labels)) == pytest.approx(0.1)
    assert classwise_calibration_error(probs, labels) == pytest.approx((0.4 + 0.2) / 2)


def nixon(probs, labels, n_ranges):
    """Equation 3 of the paper, word for word, for N divisible by the number of ranges."""
    n_classes = probs.shape[1]
    total = 0.0
    for k in range(n_classes):
        order = np.argsort(probs[:, k])
        for part in np.split(order, n_ranges):
            total += abs((labels[part] == k).mean() - probs[part, k].mean())
    return total / (n_classes * n_ranges)


def test_adaptive_error_is_that_of_the_paper():
    probs, labels = random_predictions(300, 5)
    for n_bins in (1, 10, 15):
        found = adaptive_calibration_error(probs, labels, n_bins)
        assert found == pytest.approx(nixon(probs, labels, n_bins), rel=1e-12)


def test_adaptive_error_of_constant_probabilities():
    found = adaptive_calibration_error([[0.7, 0.3]] * 10, [0] * 5 + [1] * 5, n_bins=4)
    assert found == pytest.approx(0.2)


def test_top_1_is_the_top_label():
    probs, labels = random_predictions(500, 6)
    assert top_k_calibration_error(probs, labels, 1) == pytest.approx(
        expected_calibration_error(*top_label(probs, labels)), abs=1e-15
    )


def test_all_classes_together_are_certain():
    probs, labels = random_predictions(50, 6)
    assert top_k_calibration_error(probs, labels, 6) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("k", [2, 3])
def test_top_k_by_sorting(k, monkeypatch):
    probs, labels = random_predictions(200, 5)
    monkeypatch.setattr(blocks, "BLOCK_SIZE", 35)
    order = np.argsort(-probs, axis=1, kind="stable")[:, :k]
    confidence = np.take_along_axis(probs, order, axis=1).sum(axis=1)
    correct = (order == labels[:, None]).any(axis=1)
    assert top_k_calibration_error(probs, labels, k, 10) == pytest.approx(
        expected_calibration_error(np.minimum(confidence, 1), correct, 10), abs=1e-14
    )


def test_ties_take_the_first_classes():
    probs = [[0.25, 0.25, 0.25, 0.25]] * 4
    # The first two classes are predicted, at 0.5; the truth is among them half the time.
    assert top_k_calibration_error(probs, [0, 1, 2, 3], 2) == pytest.approx(0)
    assert top_k_calibration_error(probs, [0, 1, 1, 0], 2) == pytest.approx(0.5)


def test_top_k_keeps_to_borders_in_float32():
    probs = torch.tensor([[0.1, 0.2, 0.3, 0.4]]).repeat(3, 1)
    assert top_k_calibration_error(probs, [3, 2, 0], 2, n_bins=10) == pytest.approx(
        0.7 - 2 / 3, abs=1e-6
    )


@pytest.mark.parametrize(
    ("k", "error", "message"),
    [
        (0, ValueError, "k must be at least 1"),
        (4, ValueError, "k must be at most 3, found 4"),
        (1.5, TypeError, "k must be a whole number"),
    ],
)
def test_top_k_refuses(k, error, message):
    with pytest.raises(error, match=message):
        top_k_calibration_error(PROBS, LABELS, k)


def test_a_population_calibrated_in_every_way_has_no_error():
    """Each of two predictions comes true exactly as stated, class by class."""
    probs = [[0.5, 0.3, 0.2]] * 10 + [[0.1, 0.1, 0.8]] * 10
    labels = [0] * 5 + [1] * 3 + [2] * 2 + [0] + [1] + [2] * 8
    assert classwise_calibration_error(probs, labels, binning="discrete") < 1e-15
    for k in (1, 2, 3):
        assert top_k_calibration_error(probs, labels, k, binning="discrete") < 1e-12
