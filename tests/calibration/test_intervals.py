from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import binomtest, sem, t

from coursekit.calibration import (
    Interval,
    bootstrap_interval,
    effective_sample_size,
    expected_calibration_error,
    gap,
    wilson_interval,
)
from coursekit.calibration.resampling import Resamples
from coursekit.calibration.sums import intervals_of, sums_of, table_of


def mean(values):
    return values.mean()


def test_interval_prints_and_formats():
    interval = Interval(0.0213, 0.0151, 0.0342)
    assert str(interval) == "0.021 [0.015, 0.034]"
    assert f"{interval:.2f}" == "0.02 [0.02, 0.03]"
    assert f"{interval:+.1%}" == "+2.1% [+1.5%, +3.4%]"


def test_interval_contains_its_ends_only():
    interval = Interval(2, 1, 3)
    assert all(value in interval for value in (1, 2, 3))
    assert not any(value in interval for value in (0.99, 3.01))


@pytest.mark.parametrize("level", [0.5, 0.9, 0.95])
def test_interval_of_a_mean_has_the_normal_width(level):
    """For a mean, the bootstrap's spread is known: std / sqrt(N)."""
    values = torch.randn(400, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    interval = bootstrap_interval(mean, values, level=level, n_resamples=3000)
    z = torch.special.ndtri(torch.tensor((1 + level) / 2)).item()
    half_width = z * values.std(correction=0).item() / 400**0.5
    assert interval.estimate == values.mean().item()
    assert interval.level == level
    assert interval.low == pytest.approx(values.mean().item() - half_width, abs=0.1 * half_width)
    assert interval.high == pytest.approx(values.mean().item() + half_width, abs=0.1 * half_width)


def test_interval_covers_the_truth_as_often_as_it_says():
    generator = torch.Generator().manual_seed(1)
    samples = torch.rand(300, 80, generator=generator, dtype=torch.float64)
    covered = sum(
        0.5 in bootstrap_interval(mean, sample, level=0.9, n_resamples=200, seed=i)
        for i, sample in enumerate(samples)
    )
    # Binomial(300, 0.9) has standard deviation 5.2; percentile intervals fall a little short.
    assert 270 - 4 * 5.2 < covered < 270 + 3 * 5.2


def test_arrays_are_resampled_together():
    x = torch.arange(50.0)
    interval = bootstrap_interval(lambda a, b: (a + b).abs().max(), x, -x, n_resamples=50)
    assert (interval.low, interval.high) == (0, 0)


def test_arrays_may_have_any_trailing_shape():
    interval = bootstrap_interval(lambda table: float(table.shape == (5, 3)), torch.zeros(5, 3))
    assert interval.low == 1


def test_seed_decides_the_result():
    values = list(range(30))
    statistic = lambda x: x.double().mean()  # noqa: E731
    assert bootstrap_interval(statistic, values) == bootstrap_interval(statistic, values)
    assert bootstrap_interval(statistic, values) != bootstrap_interval(statistic, values, seed=1)


@pytest.mark.parametrize("kind", ["integers", "strings", "tensor"])
def test_groups_are_drawn_whole(kind):
    """With groups of 1, 2, 3 and 4 rows, every group's rows appear equally often."""
    index = [3, 0, 2, 2, 1, 3, 1, 2, 3, 3]
    groups = {
        "integers": index,
        "strings": [f"document {i}" for i in index],
        "tensor": torch.tensor(index),
    }[kind]
    sizes = []

    def whole_groups(rows):
        times = rows.bincount(minlength=10)
        for g in range(4):
            members = times[torch.tensor(index) == g]
            assert (members == members[0]).all()
        drawn = [times[index.index(g)].item() for g in range(4)]
        assert sum(drawn) == 4
        sizes.append(len(rows))
        return 0.0

    bootstrap_interval(whole_groups, torch.arange(10), groups=groups, n_resamples=200)
    assert min(sizes) < 10 < max(sizes)


def test_groups_widen_the_interval_of_correlated_data():
    """Ten equal copies of each value carry no information: the interval is sqrt(10) wider."""
    values = torch.randn(60, generator=torch.Generator().manual_seed(2)).repeat_interleave(10)
    groups = torch.arange(60).repeat_interleave(10)
    independent = bootstrap_interval(mean, values, n_resamples=1000)
    clustered = bootstrap_interval(mean, values, groups=groups, n_resamples=1000)
    ratio = (clustered.high - clustered.low) / (independent.high - independent.low)
    assert ratio == pytest.approx(10**0.5, rel=0.15)


def test_groups_of_one_row_are_the_ordinary_bootstrap():
    values = torch.randn(40, generator=torch.Generator().manual_seed(3))
    assert bootstrap_interval(mean, values, groups=range(40)) == bootstrap_interval(mean, values)


def test_infinite_statistics_give_infinite_ends():
    values = torch.tensor([1.0] * 9 + [float("inf")])
    interval = bootstrap_interval(mean, values)
    assert (interval.low, interval.high) == (1.0, float("inf"))


def test_ece_interval_of_a_calibrated_model_sits_too_high():
    """The weakness that the docstring warns of."""
    generator = torch.Generator().manual_seed(4)
    confidence = torch.rand(500, generator=generator)
    correct = torch.rand(500, generator=generator) < confidence
    interval = bootstrap_interval(expected_calibration_error, confidence, correct)
    assert interval.low > 0
    assert (interval.low + interval.high) / 2 > interval.estimate


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        ((None, [1, 2]), {}, TypeError, "statistic must be a function"),
        ((mean,), {}, ValueError, "at least one array"),
        ((mean, 3.0), {}, ValueError, r"arrays\[0\] must have rows, found shape \(\)"),
        ((mean, ["a", "b"]), {}, TypeError, r"arrays\[0\] must be a tensor"),
        ((mean, [1.0, 2.0], [1.0]), {}, ValueError, "same length, found .* 2, .* 1"),
        ((mean, [1.0]), {}, ValueError, "at least 2 rows .* found 1"),
        ((mean, []), {}, ValueError, r"arrays\[0\] must have rows, found shape \(0,\)"),
        ((mean, [1.0, 2.0]), {"groups": [1, 1]}, ValueError, "at least 2 different groups"),
        ((mean, [1.0, 2.0]), {"groups": [1, 2, 3]}, ValueError, "groups must have shape"),
        ((mean, [1.0, 2.0]), {"level": 1.0}, ValueError, "level must lie strictly"),
        ((mean, [1.0, 2.0]), {"level": float("nan")}, ValueError, "level must lie strictly"),
        ((mean, [1.0, 2.0]), {"n_resamples": 0}, ValueError, "n_resamples must be at least 1"),
        ((mean, [1.0, 2.0]), {"n_resamples": 10.0}, TypeError, "n_resamples must be a whole"),
        ((mean, [1.0, float("nan")]), {}, ValueError, "statistic .* found NaN on"),
        ((lambda a: None, [1.0, 2.0]), {}, TypeError, "statistic must return one number, found N"),
        ((lambda a: a, [1.0, 2.0]), {}, TypeError, "statistic must return one number, found tens"),
        ((mean, [1.0, 2.0]), {"groups": ["a", None]}, TypeError, "groups must be all numbers or"),
        ((mean, [1.0, 2.0]), {"seed": -1}, ValueError, "seed must be at least 0, found -1"),
        ((mean, [1.0, 2.0]), {"n_resamples": 2**40}, ValueError, "n_resamples must be at most"),
    ],
)
def test_bad_input(arguments, options, error, message):
    with pytest.raises(error, match=message):
        bootstrap_interval(*arguments, **options)


@pytest.mark.parametrize("level", [0.8, 0.95, 0.99])
def test_wilson_interval_equals_scipy(level):
    successes, trials = np.array([0, 1, 5, 37, 10]), np.array([4, 1, 9, 100, 10])
    low, high = wilson_interval(successes / trials, trials, level)
    for i, (k, n) in enumerate(zip(successes, trials, strict=True)):
        theirs = binomtest(int(k), int(n)).proportion_ci(level, method="wilson")
        assert low[i].item() == pytest.approx(theirs.low, abs=1e-12)
        assert high[i].item() == pytest.approx(theirs.high, abs=1e-12)


def test_wilson_interval_without_trials_knows_nothing():
    for proportion in (0.0, 0.3, 1.0):
        low, high = wilson_interval([proportion], [0])
        assert (low.item(), high.item()) == (0, 1)


@pytest.mark.parametrize("n", [1, 3, 10, 99, 1e6])
def test_wilson_interval_ends_exactly_where_all_agree(n):
    assert wilson_interval(0, n)[0] == 0
    assert wilson_interval(1, n)[1] == 1


def test_wilson_interval_takes_plain_numbers():
    low, high = wilson_interval(0.5, 10)
    assert (low.shape, high.shape) == ((), ())
    assert low.item() == wilson_interval([0.5], [10])[0].item()


# ------------------------------------------------------------- all answers agree, or too few differ


@pytest.mark.parametrize("answer", [0, 1])
@pytest.mark.parametrize("dtype", [torch.bool, torch.int64, torch.float32, torch.float64])
@pytest.mark.parametrize(
    "statistic", [torch.mean, lambda x: x.double().mean(), lambda x: x.double().mean().item()]
)
def test_a_proportion_of_answers_that_agree_has_wilsons_interval(answer, dtype, statistic):
    answers = torch.full((30,), answer, dtype=dtype)
    if statistic is torch.mean and not dtype.is_floating_point:  # which it refuses
        answers = answers.double()
    for groups, n in ((None, 30), ([i // 3 for i in range(30)], 10)):
        found = bootstrap_interval(statistic, answers, groups=groups, n_resamples=20, level=0.9)
        low, high = wilson_interval(answer, n, 0.9)
        assert (found.estimate, found.low, found.high) == (answer, low, high)
        assert found.level == 0.9


def test_the_gap_of_answers_that_agree_says_how_few_they_were():
    confidence = torch.linspace(0.5, 0.9, 12, dtype=torch.float64)
    low, _ = wilson_interval(1, 12)
    found = bootstrap_interval(gap, confidence, [True] * 12)
    alone = bootstrap_interval(torch.mean, confidence - 1)
    assert found.low == pytest.approx(alone.low)
    assert found.high == pytest.approx(alone.high + 1 - low.item())
    found = bootstrap_interval(gap, confidence, [False] * 12)
    alone = bootstrap_interval(torch.mean, confidence)
    assert found.low == pytest.approx(alone.low - (1 - low.item()))
    assert found.high == pytest.approx(alone.high)


def test_a_report_says_it_too():
    right = sums_of(torch.tensor([0.75]), torch.tensor([True]), torch.zeros(1))
    wrong = sums_of(torch.tensor([0.75]), torch.tensor([False]), torch.zeros(1))
    _, high = wilson_interval(0, 9)
    for item, accuracy, of_gap in ((right, 1, -0.25), (wrong, 0, 0.75)):
        found = intervals_of(table_of([item] * 9), Resamples(9))
        assert found["accuracy"].high - found["accuracy"].low == pytest.approx(high.item())
        assert found["gap"].high - found["gap"].low == pytest.approx(high.item())
        assert of_gap in found["gap"]
        assert accuracy in found["accuracy"]
        assert found["ece"].high >= abs(of_gap)
        assert found["ece"].low <= (0 if 0 in found["gap"] else 0.75 - high.item()) + 1e-12


def test_an_interval_without_width_is_spoken_of():
    with pytest.warns(UserWarning, match="has no width: all answers agree"):
        bootstrap_interval(lambda a, b: a.double().mean() - b.double().mean(), [1, 1], [1, 1])


@pytest.mark.parametrize("statistic", [torch.median, torch.max])
def test_what_is_no_mean_gets_no_interval_of_a_mean(statistic):
    with pytest.warns(UserWarning, match="has no width"):
        found = bootstrap_interval(statistic, [1, 1, 1])
    assert found.low == found.high == 1


def test_measurements_may_all_be_zero(recwarn):
    assert bootstrap_interval(lambda a, b: (a + b).mean(), torch.ones(9), torch.zeros(9)).low == 1
    assert not recwarn.list


@pytest.mark.parametrize(
    ("proportion", "n", "message"),
    [
        ([1.5], [3], r"proportion must lie in \[0, 1\]"),
        ([float("nan")], [3], r"proportion must lie in \[0, 1\]"),
        ([0.5], [-1], "n must be finite and not negative"),
        ([0.5], [float("inf")], "n must be finite and not negative"),
        ([0.5], [1, 2], r"proportion and n must have the same shape, found \(1,\) and \(2,\)"),
        (0.5, [1], r"proportion and n must have the same shape, found \(\) and \(1,\)"),
    ],
)
def test_wilson_interval_refuses(proportion, n, message):
    with pytest.raises(ValueError, match=message):
        wilson_interval(proportion, n)


def test_effective_sample_size_of_independent_rows_is_their_number():
    assert effective_sample_size([1, 0, 0, 1, 1], range(5)) == pytest.approx(5)


def test_effective_sample_size_of_copies_is_the_number_of_originals():
    assert effective_sample_size([1] * 4 + [0] * 8 + [1] * 4, np.arange(16) // 4) == pytest.approx(
        4
    )


def test_effective_sample_size_stays_in_its_limits():
    assert effective_sample_size([1, 1, 1, 1], ["a", "a", "b", "b"]) == 2
    assert effective_sample_size([1, 0, 1, 0], ["a"] * 4) == 1
    # Outcomes that balance inside each group vary less than independent ones: N at most.
    assert effective_sample_size([1, 0, 1, 0], ["a", "a", "b", "b"]) == 4


def test_students_interval_of_a_mean_is_the_textbook_one():
    values = [0.2, 0.5, 0.9, 0.4, 0.6, 0.1, 0.7, 0.3]
    found = bootstrap_interval(mean, torch.tensor(values).double(), method="t")
    low, high = t.interval(0.95, 7, np.mean(values), sem(values))
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-7)


def test_students_interval_leaves_out_whole_groups():
    values = torch.tensor([0.0, 1.0, 2.0, 5.0]).double()
    once = bootstrap_interval(mean, values, method="t")
    copies = values.repeat_interleave(5)
    grouped = bootstrap_interval(mean, copies, groups=np.arange(20) // 5, method="t")
    assert (grouped.low, grouped.high) == pytest.approx((once.low, once.high))


def test_of_few_values_students_interval_covers_the_truth_and_percentiles_do_not():
    samples = torch.randn(400, 8, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    covered = {
        method: sum(
            0 in bootstrap_interval(torch.mean, one, method=method, n_resamples=200, seed=i)
            for i, one in enumerate(samples)
        )
        for method in ("percentile", "t")
    }
    assert covered["t"] > 360  # 380 are expected, with a standard deviation of 4.4
    assert covered["percentile"] < covered["t"] - 10


def test_agreeing_answers_have_wilsons_interval_by_either_method():
    values = torch.ones(10, dtype=torch.float64)
    assert bootstrap_interval(mean, values, method="t") == bootstrap_interval(mean, values)


def test_an_unknown_method_is_refused():
    with pytest.raises(ValueError, match="method must be one of 'percentile', 't', found 'bca'"):
        bootstrap_interval(mean, torch.ones(3), method="bca")
