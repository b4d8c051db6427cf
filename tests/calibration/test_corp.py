from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from coursekit.calibration import (
    binary_brier_score,
    calibration_line,
    corp_reliability,
)


def forecasts(n=400, seed=0, digits=2):
    rng = np.random.default_rng(seed)
    confidence = rng.random(n).round(digits).clip(0.01, 0.99)
    return confidence, rng.random(n) < confidence**2


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("digits", [1, 2, 9])
def test_curve_is_that_of_scikit_learn(seed, digits):
    confidence, correct = forecasts(seed=seed, digits=digits)
    found = corp_reliability(confidence, correct)
    theirs = IsotonicRegression().fit(confidence, correct.astype(float))
    assert found.confidence.tolist() == np.unique(confidence).tolist()
    assert found.recalibrated.numpy() == pytest.approx(theirs.predict(found.confidence), abs=1e-12)


@pytest.mark.parametrize("score", ["brier", "log"])
def test_parts_add_up_to_the_score_and_are_never_negative(score):
    confidence, correct = forecasts()
    found = corp_reliability(confidence, correct, score)
    likelihood = np.where(correct, confidence, 1 - confidence)
    whole = {"brier": binary_brier_score(confidence, correct), "log": -np.log(likelihood).mean()}
    assert found.score == pytest.approx(whole[score], abs=1e-12)
    assert found.miscalibration > 0.01
    assert found.discrimination > 0.01
    overall = correct.mean()
    entropy = -overall * np.log(overall) - (1 - overall) * np.log(1 - overall)
    uncertainty = {"brier": overall * (1 - overall), "log": entropy}
    assert found.uncertainty == pytest.approx(uncertainty[score], abs=1e-12)


def test_parts_in_closed_form():
    """0.8 comes true always and 0.4 half the time: 1 and 1/2 should have been said."""
    found = corp_reliability([0.8, 0.8, 0.4, 0.4], [1, 1, 0, 1])
    assert found.miscalibration == pytest.approx((0.2**2 + 0.1**2) / 2)
    assert found.discrimination == pytest.approx(0.25**2)
    assert found.uncertainty == pytest.approx(0.75 * 0.25)


def test_a_rising_function_changes_miscalibration_alone():
    confidence, correct = forecasts()
    found, bent = corp_reliability(confidence, correct), corp_reliability(confidence**0.5, correct)
    assert bent.discrimination == pytest.approx(found.discrimination, abs=1e-12)
    assert bent.miscalibration > found.miscalibration


def test_a_falling_forecaster_has_no_discrimination():
    found = corp_reliability([0.9, 0.9, 0.1, 0.1], [0, 0, 1, 1])
    assert found.recalibrated.tolist() == [0.5, 0.5]
    assert found.discrimination == 0


def test_what_was_impossible_and_came_true_is_infinitely_surprising():
    assert corp_reliability([0.0, 0.5], [1, 0], "log").miscalibration == float("inf")


def test_line_is_that_of_scikit_learn():
    confidence, correct = forecasts()
    found = calibration_line(confidence, correct)
    logit = np.log(confidence / (1 - confidence))[:, None]
    theirs = LogisticRegression(C=1e12, tol=1e-10).fit(logit, correct)
    assert found.intercept.estimate == pytest.approx(theirs.intercept_[0], abs=1e-5)
    assert found.slope.estimate == pytest.approx(theirs.coef_[0, 0], abs=1e-5)


def test_line_through_two_points_in_closed_form():
    """With two confidences the line goes through both: the accuracies are fitted exactly."""
    found = calibration_line([0.2] * 10 + [0.9] * 10, [1] * 3 + [0] * 7 + [1] * 8 + [0] * 2)
    x, y = (torch.tensor(two, dtype=torch.float64).logit() for two in ([0.2, 0.9], [0.3, 0.8]))
    slope = (y[1] - y[0]) / (x[1] - x[0])
    assert found.slope.estimate == pytest.approx(slope.item(), abs=1e-8)
    assert found.intercept.estimate == pytest.approx((y[0] - slope * x[0]).item(), abs=1e-8)
    # Each logit has the variance 1 / (n p (1 - p)), and the slope their sum over the distance.
    error = (1 / (10 * 0.3 * 0.7) + 1 / (10 * 0.8 * 0.2)) ** 0.5 / (x[1] - x[0]).item()
    assert found.slope.high - found.slope.estimate == pytest.approx(1.96 * error, rel=1e-4)


def test_in_the_large_makes_the_mean_right():
    confidence, correct = forecasts()
    shift = calibration_line(confidence, correct).in_the_large.estimate
    moved = (torch.tensor(confidence).logit() + shift).sigmoid()
    assert moved.mean().item() == pytest.approx(correct.mean(), abs=1e-9)


def test_intervals_of_the_line_cover_the_truth():
    rng, covered = np.random.default_rng(7), 0
    for _ in range(100):
        confidence = 0.05 + 0.9 * rng.random(300)
        line = calibration_line(confidence, rng.random(300) < confidence)
        covered += (1 in line.slope) + (0 in line.intercept) + (0 in line.in_the_large)
    assert 300 * 0.95 - 4 * 5 < covered < 300


@pytest.mark.parametrize(
    ("confidence", "correct", "message"),
    [
        ([1.0, 0.5], [1, 0], "strictly between 0 and 1"),
        ([0.6, 0.5], [1, 1], "must both vary"),
        ([0.5, 0.5], [1, 0], "must both vary"),
        ([0.4, 0.5, 0.6], [0, 1, 1], "separates right from wrong"),
        ([0.4, 0.5, 0.6], [1, 0, 0], "separates right from wrong"),
    ],
)
def test_where_no_line_fits_best_none_is_given(confidence, correct, message):
    with pytest.raises(ValueError, match=message):
        calibration_line(confidence, correct)


# --- the line of groups


def test_copies_within_a_group_do_not_narrow_the_line():
    confidence, correct = forecasts(300)
    once = calibration_line(confidence, correct)
    groups = np.arange(300).repeat(8)
    copied = calibration_line(confidence.repeat(8), correct.repeat(8), groups=groups)
    naive = calibration_line(confidence.repeat(8), correct.repeat(8))
    for name in ("in_the_large", "intercept", "slope"):
        one, grouped, narrow = (getattr(line, name) for line in (once, copied, naive))
        assert grouped.estimate == pytest.approx(one.estimate, abs=1e-9)
        ratio = (grouped.high - grouped.low) / (one.high - one.low)
        assert ratio == pytest.approx(1, abs=0.15)
        assert narrow.high - narrow.low < 0.5 * (grouped.high - grouped.low)


def test_intervals_of_the_line_of_dependent_answers_cover_the_truth():
    missed = np.zeros((2, 2))
    for seed in range(100):
        rng = np.random.default_rng(seed)
        group = np.arange(40).repeat(10)
        confidence = rng.uniform(0.1, 0.9, 400)
        shared = rng.random(400) < 0.6  # the luck of the group, and not of the answer alone
        luck = np.where(shared, rng.random(40)[group], rng.random(400))
        for place, groups in enumerate((group, None)):
            line = calibration_line(confidence, luck < confidence, groups=groups)
            missed[place] += [0 not in line.in_the_large, 1 not in line.slope]
    assert missed[0].max() <= 11  # 5 are expected, with a standard deviation of 2.2
    assert missed[1, 0] >= 25  # as if all were independent


def test_one_group_has_no_line():
    with pytest.raises(ValueError, match="at least 2 different groups, found 1"):
        calibration_line(*forecasts(), groups=["a"] * 400)
