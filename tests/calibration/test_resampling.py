"""All resamples at once equal one resample after the other: same draws, same interval."""

from __future__ import annotations

import math
from functools import partial

import pytest
import torch

from coursekit.calibration import (
    accuracy,
    auroc,
    binary_brier_score,
    bootstrap_interval,
    brier_score,
    expected_calibration_error,
    gap,
    negative_log_likelihood,
    of_sums,
    resampling,
)
from coursekit.calibration._validation import as_generator
from coursekit.calibration.intervals import percentile_interval
from coursekit.calibration.resampling import Resamples
from coursekit.calibration.sums import intervals_of, sums_of, table_of

STATISTICS = {
    "ece": expected_calibration_error,
    "ece, 7 bins": partial(expected_calibration_error, n_bins=7),
    "l2": partial(expected_calibration_error, norm="l2"),
    "max": partial(expected_calibration_error, norm="max"),
    "discrete": partial(expected_calibration_error, binning="discrete"),
    "gap": gap,
    "brier": binary_brier_score,
    "auroc": auroc,
}


@pytest.fixture
def sample():
    """Predictions of 30 entities, several for each, which go right or wrong together."""
    generator = torch.Generator().manual_seed(3)
    entity = torch.randint(30, (400,), generator=generator)
    easy = torch.rand(30, generator=generator)[entity]
    # Few values, so that there are ties.
    confidence = (torch.rand(400, generator=generator) * 20).round().double() / 20
    correct = torch.rand(400, generator=generator) < (confidence + easy) / 2
    return confidence, correct, entity


def one_by_one(statistic, *arrays, groups=None, n_resamples=200, seed=5):
    """The bootstrap as textbooks have it: draw groups, put their rows together, compute."""
    groups = torch.arange(len(arrays[0])) if groups is None else groups
    members = [(groups == group).nonzero().flatten() for group in groups.unique()]
    generator = as_generator(seed)
    values = []
    for _ in range(n_resamples):
        drawn = torch.randint(len(members), (len(members),), generator=generator)
        rows = torch.cat([members[group] for group in drawn])
        values.append(statistic(*(array[rows] for array in arrays)))
    return percentile_interval(statistic(*arrays), torch.tensor(values, dtype=torch.float64))


def ends(interval):
    return [interval.estimate, interval.low, interval.high]


@pytest.mark.parametrize("at_a_time", [1, 10**9])
@pytest.mark.parametrize("grouped", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", STATISTICS)
def test_intervals_are_those_of_one_resample_after_the_other(
    sample, name, dtype, grouped, at_a_time, monkeypatch
):
    confidence, correct, entity = sample
    confidence, statistic = confidence.to(dtype), STATISTICS[name]
    groups = entity if grouped else None
    monkeypatch.setattr(resampling, "_NUMBERS_AT_A_TIME", at_a_time)
    found = bootstrap_interval(
        statistic, confidence, correct, groups=groups, n_resamples=200, seed=5
    )
    expected = one_by_one(statistic, confidence, correct, groups=groups)
    assert ends(found) == pytest.approx(ends(expected), abs=1e-12)
    assert found.low < found.high


@pytest.mark.parametrize("name", STATISTICS)
def test_they_are_found_without_the_rows(sample, name, monkeypatch):
    """Else the test above compares a loop with a loop."""
    monkeypatch.setattr(Resamples, "rows", None)
    confidence, correct, entity = sample
    bootstrap_interval(STATISTICS[name], confidence, correct, groups=entity, n_resamples=9)


@pytest.mark.parametrize("statistic", [accuracy, negative_log_likelihood, brier_score])
def test_means_over_a_table_are_found_without_the_rows(sample, statistic, monkeypatch):
    _, correct, entity = sample
    generator = torch.Generator().manual_seed(0)
    probs = torch.randn(400, 3, generator=generator).softmax(1)
    labels = correct.long() + 1
    expected = one_by_one(statistic, probs, labels, groups=entity)
    classes = bootstrap_interval(accuracy, probs.argmax(1), labels, groups=entity, n_resamples=9)
    assert classes.estimate == accuracy(probs, labels)
    monkeypatch.setattr(Resamples, "rows", None)
    found = bootstrap_interval(statistic, probs, labels, groups=entity, n_resamples=200, seed=5)
    assert ends(found) == pytest.approx(ends(expected), abs=1e-12)


def test_a_truth_called_impossible_stays_infinite():
    probs = [[1.0, 0.0]] + [[0.5, 0.5]] * 9
    found = bootstrap_interval(negative_log_likelihood, probs, [1] * 10)
    assert (found.estimate, found.high) == (float("inf"), float("inf"))
    assert found.low == pytest.approx(math.log(2))


def test_a_mean_is_found_without_the_rows_where_it_rounds_alike(sample, monkeypatch):
    values, _, entity = sample
    expected = one_by_one(lambda x: x.mean().item(), values, groups=entity)
    in_single = bootstrap_interval(torch.mean, values.float(), groups=entity, n_resamples=200)
    assert in_single.low != pytest.approx(expected.low, abs=1e-12)
    monkeypatch.setattr(Resamples, "rows", None)
    found = bootstrap_interval(torch.mean, values, groups=entity, n_resamples=200, seed=5)
    assert ends(found) == pytest.approx(ends(expected), abs=1e-12)


@pytest.mark.parametrize(
    "statistic",
    [
        partial(expected_calibration_error, binning="quantile"),  # borders move with the sample
        lambda c, y: gap(c, y),
        partial(lambda k, c, y: k * gap(c, y), 2),
    ],
)
def test_anything_else_is_computed_row_by_row(sample, statistic):
    confidence, correct, entity = sample
    found = bootstrap_interval(
        statistic, confidence, correct, groups=entity, n_resamples=50, seed=5
    )
    expected = one_by_one(statistic, confidence, correct, groups=entity, n_resamples=50)
    assert ends(found) == ends(expected)


def test_more_cells_than_memory_holds_are_not_summed(sample, monkeypatch):
    monkeypatch.setattr(of_sums, "_MOST_CELLS", 400)
    confidence, correct, entity = sample
    ece = expected_calibration_error
    found = bootstrap_interval(ece, confidence, correct, groups=entity, n_resamples=20, seed=5)
    expected = one_by_one(ece, confidence, correct, groups=entity, n_resamples=20)
    assert ends(found) == ends(expected)


def test_an_infinite_value_is_no_nan():
    values = torch.tensor([1.0] * 9 + [float("inf")], dtype=torch.float64)
    assert bootstrap_interval(torch.mean, values).high == float("inf")


def test_a_report_has_the_intervals_of_all_predictions(sample):
    confidence, correct, entity = sample
    names = [f"{number:03d}" for number in entity.tolist()]
    rows = [sums_of(c[None], y[None], c[None]) for c, y in zip(confidence, correct, strict=True)]
    found = intervals_of(table_of(rows), Resamples(names, n_resamples=200, seed=5))
    statistics = {
        "gap": gap,
        "brier": binary_brier_score,
        "accuracy": lambda _, y: y.double().mean().item(),
    }
    for name, statistic in statistics.items():
        expected = one_by_one(statistic, confidence, correct, groups=entity)
        assert ends(found[name]) == pytest.approx(ends(expected), abs=1e-12)


def test_auroc_where_a_resample_has_one_class_only():
    confidence, correct = torch.tensor([0.2, 0.9]).double(), torch.tensor([False, True])
    estimate, draws = Resamples(["a", "b"], n_resamples=50).auroc(confidence, correct)
    assert estimate == 1
    assert set(draws.tolist()) == {0.5, 1.0}


def test_a_resample_of_one_class_is_spoken_of():
    confidence, correct = [0.9, 0.8, 0.95, 0.7, 0.85, 0.6, 0.99, 0.3], [1] * 7 + [0]
    with pytest.warns(UserWarning, match=r"3\d\d of 1000 resamples hold right answers only"):
        found = bootstrap_interval(auroc, confidence, correct)
    assert ends(found) == [1, 0.5, 1]
    with pytest.raises(ValueError, match=r"on resample .* of 1000: correct must hold both"):
        bootstrap_interval(lambda c, y: auroc(c, y), confidence, correct)


def test_one_group_cannot_be_resampled():
    with pytest.raises(ValueError, match="at least 2 different groups to draw from, found 1"):
        Resamples(["a", "a"])


@pytest.mark.parametrize(
    ("groups", "expected"),
    [
        ([3, 1, 3, 7], [1, 0, 1, 2]),
        ([-5, 10**12, -5, 0], [0, 2, 0, 1]),
        (torch.tensor([3, 1, 3, 255], dtype=torch.uint8), [1, 0, 1, 2]),
        (["b", "a", "b", "c"], [1, 0, 1, 2]),
        ([0.5, 0.25, 0.5, 1.0], [1, 0, 1, 2]),
        ([True, False, True, True], [1, 0, 1, 1]),
    ],
)
def test_groups_are_numbered_in_their_order(groups, expected):
    assert Resamples(groups).index.tolist() == expected
