"""Shares behind a judge's verdicts: closed forms, another implementation, and measured coverage."""

from __future__ import annotations

import math

import pytest
import torch

from coursekit.calibration import bootstrap_interval, prediction_powered_mean, rogan_gladen
from coursekit.calibration.judged import _fieller


def verdicts(n, generator, share=0.6, s=0.9, c=0.7):
    right = torch.rand(n, generator=generator) < share
    return right, torch.rand(n, generator=generator) < torch.where(right, s, 1 - c)


def table(caught, n_right, cleared, n_wrong):
    """Grades and verdicts with these counts."""
    gold = [1] * n_right + [0] * n_wrong
    judged = [1] * caught + [0] * (n_right - caught) + [0] * cleared + [1] * (n_wrong - cleared)
    return gold, judged


def test_the_estimate_solves_the_judges_equation():
    found = rogan_gladen(*table(45, 50, 40, 50), [1] * 620 + [0] * 380)
    assert found.estimate == pytest.approx((0.62 + 0.8 - 1) / (0.9 + 0.8 - 1))
    assert found.low < found.estimate < found.high


@pytest.mark.parametrize(("share", "end"), [(0.05, 0.0), (0.99, 1.0)])
def test_a_share_outside_is_cut_to_the_end(share, end):
    found = rogan_gladen(
        *table(45, 50, 40, 50), [1] * int(share * 1000) + [0] * int(1001 - share * 1000)
    )
    assert found.estimate == end
    assert 0 <= found.low <= found.high <= 1


def test_an_unerring_judge_is_believed():
    found = rogan_gladen(*table(5000, 5000, 5000, 5000), [1] * 600 + [0] * 400)
    assert found.estimate == pytest.approx(0.6)
    assert found.high - found.low == pytest.approx(2 * 1.96 * math.sqrt(0.24 / 1000), rel=0.02)


def test_every_share_inside_is_not_contradicted_and_none_outside():
    """The quadratic inequality against its definition, on a grid."""
    above, slope, variances = 0.36, 0.6, (0.0001, 0.0009, 0.0025)
    low, high = _fieller(above, slope, *variances, 0.95)
    for i in range(1001):
        a = i / 1000
        variance = variances[0] + a**2 * variances[1] + (1 - a) ** 2 * variances[2]
        inside = (above - a * slope) ** 2 <= 1.959964**2 * variance
        assert inside == (low <= a <= high)


def test_a_judge_that_may_know_nothing_rules_nothing_out():
    found = rogan_gladen(*table(12, 20, 9, 20), [1] * 50 + [0] * 50)
    assert (found.low, found.high) == (0.0, 1.0)


def test_the_narrower_normal_interval_is_near_for_many_grades():
    """With much data Fieller's ends are those of the delta method, written down anew."""
    gold, judged = table(1800, 2000, 1400, 2000)
    found = rogan_gladen(gold, judged, [1] * 6600 + [0] * 3400)
    q, s, c, a = 0.66, 0.9, 0.7, 0.6
    variance = q * (1 - q) / 10_000 + a**2 * s * (1 - s) / 2000 + (1 - a) ** 2 * c * (1 - c) / 2000
    half = 1.96 * math.sqrt(variance) / (s + c - 1)
    assert (found.low, found.high) == pytest.approx((a - half, a + half), abs=0.002)


@pytest.mark.parametrize(
    ("gold", "gold_judged", "message"),
    [
        ([1, 1, 1], [1, 0, 1], "found 3 right of 3"),
        ([0, 0], [1, 0], "found 0 right of 2"),
        ([1, 1, 0, 0], [1, 0, 1, 0], "says right of 0.5 of both kinds"),
        ([1, 0], [1, 0, 1], "gold and gold_judged must have the same length"),
        ([1, 0.5], [1, 0], "gold must hold only True and False"),
    ],
)
def test_what_cannot_be_solved_is_refused(gold, gold_judged, message):
    with pytest.raises(ValueError, match=message):
        rogan_gladen(gold, gold_judged, [1, 0])


def test_weights_zero_and_one_are_the_known_estimates():
    gold, gold_judged = table(45, 50, 40, 50)
    more = [1] * 620 + [0] * 380
    alone = prediction_powered_mean(gold, gold_judged, more, weight=0.0)
    assert alone.estimate == pytest.approx(0.5)
    assert alone.high - alone.estimate == pytest.approx(1.959964 * math.sqrt(0.25 / 99), rel=1e-5)
    full = prediction_powered_mean(gold, gold_judged, more, weight=1.0)
    assert full.estimate == pytest.approx(0.62 + 0.5 - 0.55)
    errors = torch.tensor([0] * 45 + [1] * 5 + [0] * 40 + [-1] * 10).double()
    variance = errors.var() / 100 + 0.62 * 0.38 * 1000 / 999 / 1000
    assert full.high - full.estimate == pytest.approx(1.959964 * math.sqrt(variance), rel=1e-5)


def test_no_other_weight_gives_a_narrower_interval():
    generator = torch.Generator().manual_seed(0)
    gold, gold_judged = verdicts(4_000, generator)
    more = verdicts(20_000, generator)[1]
    best = prediction_powered_mean(gold, gold_judged, more)
    for weight in (0.0, 0.3, 0.6, 0.9, 1.2):
        other = prediction_powered_mean(gold, gold_judged, more, weight=weight)
        assert best.high - best.low <= (other.high - other.low) * (1 + 1e-3)


def test_a_judge_that_always_says_the_same_is_left_out():
    gold = [1, 0, 1, 1]
    found = prediction_powered_mean(gold, [1, 1, 1, 1], [1, 1, 1])
    assert found == prediction_powered_mean(gold, [1, 1, 1, 1], [1, 1, 1], weight=0.0)


def test_measurements_and_points_are_taken_as_well():
    generator = torch.Generator().manual_seed(1)
    truth = torch.randn(200, generator=generator).double()
    seen = truth + 0.5 * torch.randn(200, generator=generator) + 3
    more = torch.randn(5_000, generator=generator).double() * 1.118 + 3
    found = prediction_powered_mean(truth, seen, more)
    assert 0 in found
    alone = prediction_powered_mean(truth, seen, more, weight=0.0)
    assert found.high - found.low < 0.7 * (alone.high - alone.low)


@pytest.mark.parametrize("method", [rogan_gladen, prediction_powered_mean])
def test_intervals_agree_with_the_bootstrap_of_the_grades(method):
    """With verdicts without end only the grades scatter."""
    generator = torch.Generator().manual_seed(2)
    gold, gold_judged = verdicts(400, generator)
    more = verdicts(200_000, generator)[1]
    found = method(gold, gold_judged, more)
    redrawn = bootstrap_interval(
        lambda y, f: method(y, f, more).estimate, gold, gold_judged, n_resamples=200
    )
    assert (found.low, found.high) == pytest.approx((redrawn.low, redrawn.high), abs=0.02)


@pytest.mark.parametrize("method", [rogan_gladen, prediction_powered_mean])
def test_the_truth_is_inside_about_as_often_as_promised(method):
    generator = torch.Generator().manual_seed(3)
    inside = 0
    for _ in range(400):
        graded, (_, judged) = verdicts(100, generator), verdicts(2_000, generator)
        inside += 0.6 in method(*graded, judged)
    assert 0.91 <= inside / 400 <= 0.99  # four standard errors about 0.95


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1], [1], [1, 0]), r"gold must have shape \(N,\) with at least 2"),
        (([1, 0], [1, 0], [1]), "judged must have shape"),
        (([1, 0, 1], [1, 0], [1, 0]), "same length"),
        (([1, math.nan], [1, 0], [1, 0]), "gold must be finite"),
    ],
)
def test_bad_numbers_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        prediction_powered_mean(*arguments)
    with pytest.raises(ValueError, match="level"):
        prediction_powered_mean([1, 0], [1, 0], [1, 0], level=1.5)
    with pytest.raises(ValueError, match="weight must be a finite number"):
        prediction_powered_mean([1, 0], [1, 0], [1, 0], weight=math.inf)


@pytest.mark.parametrize("accuracy", [0.6, 0.8, 0.95])
def test_endless_verdicts_are_worth_what_their_correlation_says(accuracy):
    """With the best weight the variance falls by the factor 1 - rho^2, for s = c in closed form."""
    generator, a = torch.Generator().manual_seed(4), 0.6
    gold, gold_judged = verdicts(40_000, generator, a, accuracy, accuracy)
    more = verdicts(4_000_000, generator, a, accuracy, accuracy)[1]
    best = prediction_powered_mean(gold, gold_judged, more)
    alone = prediction_powered_mean(gold, gold_judged, more, weight=0.0)
    q = a * accuracy + (1 - a) * (1 - accuracy)
    rho2 = a * (1 - a) * (2 * accuracy - 1) ** 2 / (q * (1 - q))
    ratio = ((best.high - best.low) / (alone.high - alone.low)) ** 2
    assert ratio == pytest.approx(1 - rho2, abs=0.02)
