from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from coursekit.calibration import VocabularyCalibration
from coursekit.calibration._blocks import BLOCK_SIZE


def zipf_logits(n, vocabulary, seed=0):
    """Stated distributions whose probabilities spread over more than six decades."""
    generator = torch.Generator().manual_seed(seed)
    of_rank = -2.2 * torch.arange(1.0, vocabulary + 1, dtype=torch.float64).log()
    return of_rank + torch.randn(n, vocabulary, dtype=torch.float64, generator=generator)


def came_from(logits, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return torch.multinomial(logits.softmax(1), 1, generator=generator).squeeze(1)


def test_by_hand():
    metric = VocabularyCalibration(decades=2, bins_per_decade=1)
    probs = torch.tensor([[0.9, 0.05, 0.049, 0.001], [0.05, 0.05, 0.2, 0.7]], dtype=torch.float64)
    metric.update(probs.log(), [1, 3])
    bins = metric.compute()
    assert bins.edges.tolist() == pytest.approx([0, 0.01, 0.1, 1])
    assert bins.pairs.tolist() == [[1, 4, 3]]
    assert bins.observed.tolist() == [[0, 1, 1]]
    assert bins.expected[0].tolist() == pytest.approx([0.001, 0.199, 1.8])
    assert bins.variance[0].tolist() == pytest.approx(
        [0.001 * 0.999, 0.099 * 0.901 + 0.1 * 0.9, 0.9 * 0.1 + 0.9 * 0.1]
    )
    assert bins.probability.tolist() == pytest.approx([0.001, 0.199 / 4, 0.6])
    assert bins.frequency.tolist() == pytest.approx([0, 1 / 4, 1 / 3])
    assert bins.ratio() == pytest.approx(1)
    assert bins.ratio(0.01, 0.1) == pytest.approx(1 / 0.199)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("n", "vocabulary"), [(40, 300), (3, BLOCK_SIZE + 1)])
def test_equals_the_plain_histogram(n, vocabulary, dtype):
    """Against NumPy on all pairs at once; also where one row is larger than a block."""
    logits = zipf_logits(n, vocabulary).to(dtype)
    labels = came_from(logits.double())
    groups = torch.arange(n) % 3
    metric = VocabularyCalibration(decades=5, bins_per_decade=3, n_groups=3)
    metric.update(logits, labels, groups)
    bins = metric.compute()

    probs = logits.double().softmax(1).numpy()
    came = torch.nn.functional.one_hot(labels, vocabulary).numpy()
    edges = np.concatenate([[0], 10 ** (np.arange(-15, 1) / 3)])
    for group in range(3):
        p, y = probs[groups == group], came[groups == group]
        for b in range(16):
            inside = (p > edges[b]) & (p <= edges[b + 1])
            stated = np.where(inside, p, 0).sum(1)
            assert bins.pairs[group, b] == inside.sum()
            assert bins.observed[group, b] == y[inside].sum()
            assert bins.expected[group, b].item() == pytest.approx(stated.sum(), rel=1e-9)
            variance = (stated * (1 - stated)).sum()
            assert bins.variance[group, b].item() == pytest.approx(variance, rel=1e-9, abs=1e-12)
    assert bins.pairs.sum() == n * vocabulary
    assert bins.observed.sum() == n
    assert bins.expected.sum().item() == pytest.approx(n)


def test_positive_control_labels_from_the_model_itself():
    """A model is calibrated on its own samples: each decade is, and its interval says so."""
    logits = zipf_logits(20_000, 600)
    metric = VocabularyCalibration(decades=4, bins_per_decade=2, n_groups=100)
    metric.update(logits, came_from(logits), torch.arange(20_000) % 100)
    bins = metric.compute()
    observed, expected = bins.observed.sum(0), bins.expected.sum(0)
    assert (observed > 10).all()
    z = (observed - expected) / bins.variance.sum(0).sqrt()
    assert z.abs().max() < 3
    for low in (0, 1e-4, 1e-3, 1e-2, 1e-1):
        interval = bins.ratio_interval(low, max(1e-4, 10 * low), level=0.99)
        assert 1 in interval
        assert interval.high < 2 * interval.low


@pytest.mark.parametrize(("temperature", "overconfident"), [(0.7, True), (1.4, False)])
def test_negative_control_a_wrong_temperature(temperature, overconfident):
    logits = zipf_logits(5000, 600)
    metric = VocabularyCalibration(decades=4, bins_per_decade=2)
    metric.update(logits / temperature, came_from(logits))
    bins = metric.compute()
    # Sharpened, large probabilities are too large and small ones too small.
    assert (bins.ratio(0.1, 1) < 0.95) == overconfident
    assert (bins.ratio(0, 1e-3) > 1.3) == overconfident
    z = (bins.observed - bins.expected).sum(0) / bins.variance.sum(0).sqrt()
    assert z.abs().max() > 10


def test_the_stated_variance_is_that_of_calibrated_outcomes():
    logits = zipf_logits(30, 50)
    metrics = [VocabularyCalibration(decades=3, bins_per_decade=1) for _ in range(800)]
    for seed, metric in enumerate(metrics):
        metric.update(logits, came_from(logits, seed))
    observed = torch.stack([metric.observed[0].double() for metric in metrics])
    stated = metrics[0].variance[0]
    # The sample variance of 800 draws has a relative standard error of about 0.05, or a little
    # more where counts are small.
    torch.testing.assert_close(observed.var(dim=0), stated, rtol=0.25, atol=0)


def test_the_interval_resamples_groups():
    """Duplicating every token of a document adds no information, and the interval knows."""
    logits = zipf_logits(400, 50)
    labels = came_from(logits)
    width = {}
    for copies in (1, 4):
        metric = VocabularyCalibration(decades=2, n_groups=400)
        groups = torch.arange(400).repeat(copies)
        metric.update(logits.repeat(copies, 1), labels.repeat(copies), groups)
        interval = metric.compute().ratio_interval(0.1, 1)
        width[copies] = interval.high - interval.low
    assert width[4] == pytest.approx(width[1], rel=1e-9)


def test_groups_without_data_are_left_out_of_the_interval():
    logits = zipf_logits(50, 30)
    intervals = []
    for n_groups in (50, 1000):
        metric = VocabularyCalibration(n_groups=n_groups)
        metric.update(logits, came_from(logits), torch.arange(50))
        intervals.append(metric.compute().ratio_interval(0.1, 1))
    assert intervals[0] == intervals[1]


def test_certainty_and_impossibility():
    metric = VocabularyCalibration(decades=2, bins_per_decade=1)
    metric.update([[1000.0, 0.0], [0.0, 1000.0]], [0, 0])
    bins = metric.compute()
    assert bins.pairs.tolist() == [[2, 0, 2]]
    assert bins.observed.tolist() == [[1, 0, 1]]
    assert bins.expected.tolist() == [[0, 0, 2]]
    assert bins.variance.tolist() == [[0, 0, 0]]
    assert bins.probability.isfinite().all() and bins.frequency.isfinite().all()
    with pytest.raises(ValueError, match="the bins must hold some probability"):
        bins.ratio(0.01, 0.1)


def test_memory_does_not_depend_on_the_data():
    metric = VocabularyCalibration()
    metric.update(zipf_logits(50, 1000), torch.zeros(50, dtype=torch.long))
    assert sum(value.numel() for value in metric.metric_state.values()) == 4 * 25


def test_edges_are_asked_for_exactly():
    metric = VocabularyCalibration()
    metric.update([[0.0, 0.0]], [0])
    bins = metric.compute()
    assert bins.ratio(1e-6, 1) == 1
    assert bins.ratio(10 ** (-0.75), 1) == 1
    for low, high, message in [
        (0.2, 1, "low must be one of the edges"),
        (0.1, 2, "high must be one of the edges"),
        (float("nan"), 1, "low must be one of the edges"),
        (0.1, 0.1, "low must be smaller than high"),
    ]:
        with pytest.raises(ValueError, match=message):
            bins.ratio(low, high)


@pytest.mark.parametrize(
    ("groups", "error", "message"),
    [
        (None, ValueError, r"groups \(N,\) must be given for n_groups of 4, found None"),
        ([0, 4], ValueError, r"groups must lie in 0 .. 3, found 4"),
        ([0, -1], ValueError, r"groups must lie in 0 .. 3, found -1"),
        ([0], ValueError, "one entry a row"),
        ([0.0, 1.0], TypeError, "groups must be integers"),
    ],
)
def test_bad_groups(groups, error, message):
    metric = VocabularyCalibration(n_groups=4)
    with pytest.raises(error, match=message):
        metric.update([[0.0, 1.0], [1.0, 0.0]], [0, 1], groups)


@pytest.mark.parametrize(
    ("logits", "labels", "message"),
    [
        ([[0.0, math.inf]], [0], "logits must be finite"),
        ([[0.0, math.nan]], [0], "logits must be finite"),
        ([0.0, 1.0], [0], "logits must have shape"),
        ([[0.0, 1.0]], [2], "labels must lie in"),
        ([[0.0, 1.0]], [0, 1], "one entry for each"),
    ],
)
def test_bad_input(logits, labels, message):
    with pytest.raises(ValueError, match=message):
        VocabularyCalibration().update(logits, labels)


@pytest.mark.parametrize("name", ["decades", "bins_per_decade", "n_groups"])
def test_bad_options(name):
    with pytest.raises(ValueError, match=f"{name} must be at least 1"):
        VocabularyCalibration(**{name: 0})
    with pytest.raises(ValueError, match=f"{name} must be at most"):
        VocabularyCalibration(**{name: 2**40})
