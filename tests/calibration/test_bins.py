from __future__ import annotations

from fractions import Fraction

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given

from coursekit.calibration import (
    StreamingReliability,
    bins as module,
    ece_null_distribution,
    expected_calibration_error,
    gap,
    reliability_bins,
)
from coursekit.calibration.sums import bins_of, metrics_of, sums_of, table_of


def random_predictions(n, seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    confidence = torch.rand(n, generator=generator, dtype=dtype)
    return confidence, torch.rand(n, generator=generator, dtype=dtype) < confidence


def test_discrete_bins_are_the_values():
    bins = reliability_bins([0.9, 0.5, 0.9, 1.0, 0.9], [1, 0, 1, 1, 0], binning="discrete")
    assert bins.edges.tolist() == [0, 0.5, 0.9, 1.0]
    assert bins.count.tolist() == [1, 3, 1]
    assert bins.correct_count.tolist() == [0, 2, 1]
    assert bins.confidence.tolist() == pytest.approx([0.5, 0.9, 1.0], rel=1e-15)


def test_discrete_error_is_the_exact_answer_by_value():
    """Values on borders and close together, which no number of uniform bins keeps apart."""
    rng = np.random.default_rng(0)
    values = np.array([0.0, 0.5, 0.9, 0.95, 0.99, 1.0])
    confidence = rng.choice(values, 500)
    # Too modest at 0.95, too sure at 0.99: in one bin, they would cancel.
    correct = rng.random(500) < np.where(confidence == 0.99, 0.8, 1.0)
    exact = sum(
        Fraction(int((confidence == v).sum()), 500)
        * abs(Fraction(correct[confidence == v].mean()) - Fraction(v))
        for v in values
    )
    found = expected_calibration_error(confidence, correct, binning="discrete")
    assert found == pytest.approx(float(exact), abs=1e-15)
    assert expected_calibration_error(confidence, correct) < found - 0.01


def test_discrete_edges_say_which_values_they_hold():
    confidence = torch.tensor([0.0, 0.3, 1.0, 0.3, 0.8])
    bins = reliability_bins(confidence, [1, 0, 1, 1, 0], binning="discrete")
    index = torch.bucketize(confidence.double(), bins.edges[1:-1])
    assert index.bincount(minlength=4).tolist() == bins.count.tolist()


@pytest.mark.parametrize("n", [1, 100, 2**15, 2**15 + 1, 100_000])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("n_bins", [1, 7, 15, 100])
def test_blocks_equal_one_piece(n, dtype, n_bins):
    """The fast path, and the plain one that half precision and other devices take."""
    confidence, correct = random_predictions(n, dtype=dtype)
    confidence[:: max(1, n // 50)] = (torch.arange(0, n, max(1, n // 50)) % (n_bins + 1)) / n_bins
    fast = reliability_bins(confidence, correct, n_bins)
    edges, index = module.assign_bins(confidence, n_bins, "uniform")
    assert torch.equal(fast.edges, edges.double())
    assert torch.equal(fast.count, index.bincount(minlength=n_bins))
    assert torch.equal(fast.correct_count, index[correct].bincount(minlength=n_bins))
    sums = module.sum_by_bin(confidence, index, n_bins)
    assert fast.confidence_sum.tolist() == pytest.approx(sums.tolist(), rel=1e-13)
    error = (fast.weight * fast.gap.abs()).sum().item()
    assert expected_calibration_error(confidence, correct, n_bins) == pytest.approx(
        error, abs=1e-14
    )


@given(st.integers(1, 300), st.data())
def test_borders_for_any_number_of_bins(n_bins, data):
    """Around a border, floats are told apart that differ in the last bit."""
    dtype = data.draw(st.sampled_from([np.float32, np.float64]))
    border = dtype(data.draw(st.integers(0, n_bins)) / n_bins)
    around = np.array([np.nextafter(border, dtype(0)), border, np.nextafter(border, dtype(1))])
    edges = (np.arange(n_bins + 1) / n_bins).astype(dtype)
    expected = np.maximum(np.searchsorted(edges, around, side="left") - 1, 0)
    for value, b in zip(around, expected, strict=True):
        count = reliability_bins(np.array([value]), [1], n_bins).count
        assert count.nonzero().item() == b


def test_a_million_bins_of_few_predictions():
    bins = reliability_bins(torch.tensor([0.25, 0.75]), [0, 1], n_bins=2**21)
    assert bins.count.nonzero().flatten().tolist() == [2**19 - 1, 3 * 2**19 - 1]


@pytest.mark.parametrize("binning", ["uniform", "quantile", "discrete"])
@pytest.mark.parametrize(
    "function",
    [reliability_bins, expected_calibration_error, lambda c, _, *a: ece_null_distribution(c, *a)],
)
def test_more_bins_than_memory_holds_are_refused(function, binning):
    with pytest.raises(ValueError, match="n_bins must be at most 16777216, found 1099511627776"):
        function([0.25, 0.75], [0, 1], 2**40, binning)


def test_strided_and_reversed_arrays():
    confidence, correct = random_predictions(1000)
    table = torch.stack([confidence, correct.double()], dim=1)
    found = reliability_bins(table[:, 0], table[:, 1] == 1)
    assert torch.equal(found.count, reliability_bins(confidence, correct).count)


def test_the_gap_has_one_sign_everywhere():
    """Confidence minus accuracy: above zero where surer than right."""
    sure = torch.full((4,), 0.9), torch.tensor([True, False, False, False])
    modest = torch.full((4,), 0.2), torch.tensor([True, True, False, True])
    for (confidence, correct), expected in ((sure, 0.65), (modest, -0.55)):
        streaming = StreamingReliability()
        streaming.update(confidence, correct)
        table = table_of([sums_of(confidence, correct, torch.zeros(4))])
        found = {
            "function": gap(confidence, correct),
            "bins": reliability_bins(confidence, correct, n_bins=1).gap.item(),
            "streaming": streaming.bins().gap.sum().item(),
            "report": metrics_of(table[0])["gap"].item(),
            "bins of a report": bins_of(table[0]).gap.sum().item(),
        }
        assert found == pytest.approx(dict.fromkeys(found, expected), abs=1e-7)
