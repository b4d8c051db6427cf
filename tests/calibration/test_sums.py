"""Sums of items give the numbers that `coursekit.calibration` computes from all predictions."""

from __future__ import annotations

import pytest
import torch

from coursekit.calibration import (
    StreamingReliability,
    binary_brier_score,
    expected_calibration_error,
    reliability_bins,
)
from coursekit.calibration.resampling import Resamples
from coursekit.calibration.sums import bins_of, intervals_of, metrics_of, sums_of, table_of


@pytest.fixture
def predictions():
    generator = torch.Generator().manual_seed(1)
    confidence = torch.rand(4000, generator=generator, dtype=torch.float64) ** 2
    correct = torch.rand(4000, generator=generator) < confidence * 0.8
    nll = torch.rand(4000, generator=generator, dtype=torch.float64)
    return confidence, correct, nll


def table(predictions, n_items=40):
    parts = zip(*(column.chunk(n_items) for column in predictions), strict=True)
    return table_of([sums_of(*part) for part in parts])


def test_metrics_are_those_of_all_predictions(predictions):
    confidence, correct, nll = predictions
    found = metrics_of(table(predictions).sum(dim=0))
    accuracy = correct.double().mean()
    assert found["accuracy"].item() == pytest.approx(accuracy.item(), abs=1e-12)
    assert found["gap"].item() == pytest.approx((confidence.mean() - accuracy).item(), abs=1e-12)
    assert found["nll"].item() == pytest.approx(nll.mean().item(), abs=1e-12)
    assert found["ece"].item() == pytest.approx(
        expected_calibration_error(confidence, correct), abs=1e-12
    )
    assert found["brier"].item() == pytest.approx(
        float(binary_brier_score(confidence, correct)), abs=1e-12
    )


def test_bins_are_those_of_all_predictions_and_of_merged_metrics(predictions):
    confidence, correct, _ = predictions
    found = bins_of(table(predictions).sum(dim=0))
    expected = reliability_bins(confidence, correct)
    shards = [StreamingReliability(), StreamingReliability()]
    shards[0].update(confidence[:1234], correct[:1234])
    shards[1].update(confidence[1234:], correct[1234:])
    shards[0].merge_state(shards[1])
    for other in (expected, shards[0].bins()):
        assert torch.equal(found.count, other.count)
        assert torch.equal(found.correct_count, other.correct_count)
        assert torch.allclose(found.confidence_sum, other.confidence_sum, rtol=0, atol=1e-9)
        assert torch.equal(found.edges, other.edges)


def test_many_totals_at_once_are_each_alone(predictions):
    rows = table(predictions)
    both = metrics_of(torch.stack([rows[:20].sum(dim=0), rows[20:].sum(dim=0)]))
    for name, value in metrics_of(rows[20:].sum(dim=0)).items():
        assert both[name][1] == value


def test_a_softmax_that_ends_a_hair_above_one_is_no_error():
    sums = sums_of(torch.tensor([1 + 1e-7]), torch.tensor([True]), torch.tensor([0.0]))
    assert sums["confidence"][-1] == 1


@pytest.mark.parametrize(("chance", "right"), [(0.9, True), (0.9, False), (0.2, True)])
def test_a_brier_score_of_outcomes_that_are_all_alike_holds_what_others_would_give(chance, right):
    """Of ten such answers, 0.278 may be of the other kind (Wilson); no resample holds one."""
    one = sums_of(torch.tensor([chance]), torch.tensor([right]), torch.zeros(1))
    found = intervals_of(table_of([one] * 10), Resamples(10))["brier"]
    here, other = (chance - right) ** 2, (chance - (not right)) ** 2
    ends = sorted([here, here + 0.2775 * (other - here)])
    assert [found.low, found.high] == pytest.approx(ends, abs=1e-3)
