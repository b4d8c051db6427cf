from __future__ import annotations

import numpy as np
import pytest

from coursekit.calibration import calibration_test, ece_interval, expected_calibration_error
from coursekit.calibration.ece_intervals import (
    GroupSums,
    ece_change_interval,
    ece_interval_of_sums,
)


def forecasts(n, gap, seed):
    """Confidences spread over (0.5, 1), and answers that are right less often, by `gap`."""
    rng = np.random.default_rng(seed)
    confidence = 0.5 + 0.5 * rng.random(n)
    return confidence, rng.random(n) < confidence - gap


@pytest.mark.parametrize(("n", "gap"), [(100, 0.0), (100, 0.1), (500, 0.0), (500, 0.1)])
def test_interval_covers_the_truth_as_often_as_it_says(n, gap):
    found = [ece_interval(*forecasts(n, gap, i), n_simulations=100, seed=i) for i in range(120)]
    missed = sum(gap not in interval for interval in found)
    assert missed <= 14  # 6 are expected, with a standard deviation of 2.4
    if gap == 0:
        assert sum(interval.low == 0 for interval in found) == 120 - missed
    else:  # an interval that is always [0, 1] would cover, too
        assert np.mean([interval.high - interval.low for interval in found]) < 3 / n**0.5


def test_estimate_is_less_biased_than_the_ece():
    samples = [forecasts(100, 0.0, i) for i in range(50)]
    debiased = np.mean([ece_interval(*s, n_simulations=100).estimate for s in samples])
    assert debiased < 0.5 * np.mean([expected_calibration_error(*s) for s in samples])


def test_zero_is_inside_exactly_when_the_test_of_calibration_does_not_reject():
    agree = 0
    for i in range(40):
        sample = forecasts(200, 0.05, i)
        p_value = calibration_test(*sample, binning="uniform", norm="l1").p_value
        agree += (0 in ece_interval(*sample)) == (p_value > 0.025)
    assert agree >= 38  # both simulate: on the border they may differ


def test_answers_that_are_all_right_do_not_make_certain():
    found = ece_interval([1.0] * 100, [1] * 100)
    assert found.estimate == found.low == 0
    # An accuracy of 0.963 gives a hundred right answers in 2.5 % of all samples.
    assert found.high == pytest.approx(1 - 0.025**0.01, abs=0.005)


def test_a_wrong_answer_of_full_confidence_shuts_out_zero():
    assert ece_interval([1.0] * 10, [1] * 9 + [0]).low > 0


def test_agreement_better_than_chance_does_not_close_the_interval():
    confidence = np.repeat([0.1, 0.3, 0.5, 0.7, 0.9], 10)
    correct = np.concatenate([np.arange(10) < 10 * p for p in (0.1, 0.3, 0.5, 0.7, 0.9)])
    assert ece_interval(confidence, correct).high > 0.05


def test_copies_within_a_group_do_not_narrow_the_interval():
    confidence, correct = forecasts(200, 0.15, 0)
    once = ece_interval(confidence, correct)
    groups = np.arange(2000) // 10
    copied = ece_interval(confidence.repeat(10), correct.repeat(10), groups=groups)
    naive = ece_interval(confidence.repeat(10), correct.repeat(10))
    assert copied.low == pytest.approx(once.low, abs=0.03)
    assert copied.high == pytest.approx(once.high, abs=0.03)
    assert naive.high - naive.low < 0.6 * (copied.high - copied.low)


def test_groups_that_all_agree_do_not_make_certain():
    found = ece_interval([0.9] * 200, [1] * 200, groups=np.arange(200) // 10)
    assert found.low < 0.08
    assert found.high > 0.12


def test_equal_gaps_that_often_look_so_small_are_inside():
    """Ten values, said 40 times each: five were right as often as said, five by 0.2 too seldom."""
    values = np.arange(10) / 20 + 0.4
    right = np.round(40 * (values - [0, 0.2] * 5))
    correct = np.concatenate([np.arange(40) < k for k in right])
    found = ece_interval(values.repeat(40), correct, binning="discrete", n_simulations=4000)

    rng = np.random.default_rng(0)
    observed = np.abs(right / 40 - values).mean()
    for gap in np.arange(0.1, 0.2, 0.002):  # of all ten values: how often do they show so little?
        shown = np.abs(rng.binomial(40, values - gap, size=(20_000, 10)) / 40 - values).mean(axis=1)
        if (shown <= observed + 1e-12).mean() > 0.03:
            assert gap in found


def test_level_seed_and_binning_are_used():
    sample = forecasts(300, 0.1, 3)
    narrow, wide = ece_interval(*sample, level=0.5), ece_interval(*sample, level=0.99)
    assert wide.low < narrow.low < narrow.estimate < narrow.high < wide.high
    assert ece_interval(*sample, seed=1) == ece_interval(*sample, seed=1)
    assert ece_interval(*sample, seed=1) != ece_interval(*sample, seed=2)
    one_bin, value_by_value = (
        ece_interval([0.2, 0.8] * 200, [1, 0, 0, 1] * 100, 1, binning)
        for binning in ("uniform", "discrete")
    )
    assert one_bin.estimate == 0  # what is too high cancels what is too low
    assert value_by_value.estimate == pytest.approx(0.3, abs=0.01)


def test_one_group_is_refused():
    with pytest.raises(ValueError, match="groups must name at least 2 different groups, found 1"):
        ece_interval([0.5, 0.6], [0, 1], groups=["a", "a"])
    with pytest.raises(ValueError, match="n_simulations must be"):
        ece_interval([0.5, 0.6], [0, 1], n_simulations=0)


# --- sums over groups


def clustered(n_groups, gap, seed, size=5):
    """Groups of answers that are mostly right together: a group's luck is one number for all."""
    rng = np.random.default_rng(seed)
    confidence = 0.6 + 0.3 * rng.random(n_groups * size)
    group = np.arange(n_groups).repeat(size)
    own = rng.random(n_groups * size) < 0.7
    luck = np.where(own, rng.random(n_groups * size), rng.random(n_groups)[group])
    return confidence, luck < confidence - gap, group


@pytest.mark.parametrize(("n_groups", "gap"), [(12, 0.0), (12, 0.15), (100, 0.0), (100, 0.15)])
def test_dependent_answers_are_covered_as_often_as_said(n_groups, gap):
    missed = 0
    for seed in range(80):
        sums = GroupSums.of(*clustered(n_groups, gap, seed))
        missed += gap not in ece_interval_of_sums(sums, n_simulations=200, seed=seed)
    assert missed <= 9  # 4 are expected, with a standard deviation of 2


def test_sums_give_what_the_predictions_give():
    sample = clustered(40, 0.1, 0)
    expected = ece_interval(*sample[:2], groups=sample[2])
    assert ece_interval_of_sums(GroupSums.of(*sample)) == expected
    alone = GroupSums.of(*sample[:2], groups=np.arange(200))
    found, expected = ece_interval_of_sums(alone), ece_interval(*sample[:2])
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_many_groups_are_put_together_without_a_change():
    confidence, correct, group = clustered(6000, 0.1, 0, size=2)
    many = ece_interval(confidence, correct, groups=group, n_simulations=200)
    naive = ece_interval(confidence, correct, n_simulations=200)
    assert 0.1 in many
    assert 1 < (many.high - many.low) / (naive.high - naive.low) < 1.6


def test_few_groups_say_little():
    """Six entities cannot tell where the error lies; the interval holds its estimate, and much."""
    confidence, correct = [0.5, 0.87] + [0.97] * 6, [0, 0, 1, 1, 0, 0, 0, 0]
    found = ece_interval(confidence, correct, groups=[0, 1, 2, 3, 4, 5, 4, 5])
    assert found.low < found.estimate < found.high
    assert found.high > 0.8


@pytest.mark.parametrize(("before", "after"), [(0.15, 0.0), (0.1, 0.1)])
def test_a_change_is_covered(before, after):
    missed = 0
    for seed in range(60):
        confidence, correct, group = clustered(60, before, seed)
        sides = (confidence, confidence - (before - after))
        sums = [GroupSums.of(side, correct, group) for side in sides]
        found = ece_change_interval(*sums, n_simulations=200, seed=seed)
        missed += after - before not in found
    assert missed <= 9
    if before == after:  # the same answers twice
        assert missed == 0
        assert (found.low, found.estimate, found.high) == (0, 0, 0)


def test_a_change_needs_the_same_groups():
    one, other = (GroupSums.of([0.5] * n, [1] * n, range(n)) for n in (3, 4))
    with pytest.raises(ValueError, match="must have the same groups, found 3 and 4"):
        ece_change_interval(one, other)
