from __future__ import annotations

import math

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given
from scipy.special import rel_entr
from scipy.stats import entropy as scipy_entropy

from coursekit.calibration import (
    binary_brier_score,
    brier_decomposition,
    entropy,
    kl_divergence,
    known_truth_decomposition,
)

forecasts = st.lists(
    st.tuples(st.one_of(st.floats(0, 1), st.sampled_from([0.1, 0.25, 0.5, 0.9])), st.booleans()),
    min_size=1,
    max_size=40,
)
BINNINGS = ["uniform", "quantile", "discrete"]


def random_probs(n, n_classes, seed):
    return np.random.default_rng(seed).dirichlet(np.ones(n_classes), n)


def test_hand_computed():
    """0.8 came true 3 of 4 times, 0.2 one of 4."""
    confidence, correct = [0.8] * 4 + [0.2] * 4, [1, 1, 1, 0, 0, 0, 0, 1]
    found = brier_decomposition(confidence, correct, binning="discrete")
    assert found.reliability == pytest.approx(0.05**2)
    assert found.resolution == pytest.approx(0.25**2)
    assert found.uncertainty == pytest.approx(0.25)
    assert found.remainder == 0


@given(data=forecasts)
def test_discrete_identity_of_the_brier_score(data):
    confidence, correct = zip(*data, strict=True)
    found = brier_decomposition(confidence, correct, binning="discrete")
    assert found.remainder == 0
    assert found.score == pytest.approx(binary_brier_score(confidence, correct), abs=1e-12)


@given(data=forecasts, binning=st.sampled_from(BINNINGS), n_bins=st.integers(1, 12))
def test_remainder_is_what_varies_within_bins(data, binning, n_bins):
    """Stephenson's two components: within-bin variance less twice the within-bin covariance."""
    confidence, correct = map(np.array, zip(*data, strict=True))
    found = brier_decomposition(confidence, correct, n_bins, binning)
    if binning == "uniform":
        edges = np.arange(1, n_bins) / n_bins
    elif binning == "quantile":
        ranks = -(-np.arange(1, n_bins) * len(confidence) // n_bins)
        edges = np.sort(confidence)[np.maximum(ranks - 1, 0)]
    else:
        edges = np.unique(confidence)[:-1]
    index, expected = np.searchsorted(edges, confidence), 0.0
    for b in np.unique(index):
        c, y = confidence[index == b], correct[index == b]
        within = ((c - c.mean()) ** 2).sum() - 2 * ((c - c.mean()) * (y - y.mean())).sum()
        expected += within / len(confidence)
    assert found.remainder == pytest.approx(expected, abs=1e-12)


def test_known_truth_of_a_constant_prediction_is_all_grouping():
    """The unigram model: calibrated, and useless."""
    truth = random_probs(50, 4, seed=0)
    unigram = np.tile(truth.mean(axis=0), (50, 1))
    found = known_truth_decomposition(unigram, truth)
    assert found.calibration == pytest.approx(0, abs=1e-12)
    expected = rel_entr(truth, unigram).sum(axis=1).mean()
    assert found.grouping == pytest.approx(expected, rel=1e-12)
    assert found.irreducible == pytest.approx(scipy_entropy(truth, axis=1).mean(), rel=1e-12)


def test_known_truth_of_distinct_predictions_is_all_calibration():
    truth, probs = random_probs(50, 4, seed=0), random_probs(50, 4, seed=1)
    found = known_truth_decomposition(probs, truth)
    assert found.calibration == pytest.approx(rel_entr(truth, probs).sum(axis=1).mean(), rel=1e-12)
    assert found.grouping == pytest.approx(0, abs=1e-12)
    assert found.refinement == pytest.approx(found.irreducible, abs=1e-12)


@given(st.integers(0, 1000), st.integers(1, 30), st.integers(1, 5))
def test_known_truth_identity(seed, n, n_groups):
    rng = np.random.default_rng(seed)
    truth = rng.dirichlet(np.ones(3), n)
    probs = rng.dirichlet(np.ones(3), n_groups)[rng.integers(n_groups, size=n)]
    found = known_truth_decomposition(probs, truth)
    total = entropy(truth) + kl_divergence(truth, probs)
    assert found.score == pytest.approx(total, abs=1e-10)
    assert min(found.calibration, found.grouping, found.irreducible) >= 0


def test_impossible_truth_is_infinite_and_not_nan():
    found = known_truth_decomposition([[1.0, 0.0]], [[0.5, 0.5]])
    assert found.calibration == math.inf
    assert found.refinement == pytest.approx(math.log(2))
    assert known_truth_decomposition([[1.0, 0.0]], [[1.0, 0.0]]).score == 0
