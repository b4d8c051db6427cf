from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import binomtest

from coursekit.calibration import binary_brier_score
from coursekit.calibration.brier import brier_interval


def test_certain_answers_have_the_interval_of_a_proportion():
    """At 100 % every wrong answer costs 1, so the score is the share of wrong answers."""
    found = brier_interval([1.0] * 10, [1] * 8 + [0] * 2)
    wilson = binomtest(2, 10).proportion_ci(method="wilson")
    assert found.estimate == pytest.approx(0.2)
    assert (found.low, found.high) == pytest.approx((wilson.low, wilson.high))


def test_equal_confidences_by_hand():
    """At 80 % a right answer costs 0.04 and a wrong one 0.64."""
    found = brier_interval([0.8] * 5, [1, 1, 1, 0, 0], level=0.9)
    wilson = binomtest(2, 5).proportion_ci(0.9, method="wilson")
    assert found.estimate == pytest.approx(0.28)
    assert (found.low, found.high) == pytest.approx(
        (0.04 + 0.6 * wilson.low, 0.04 + 0.6 * wilson.high)
    )
    assert found.level == 0.9


def test_all_right_does_not_prove_perfection():
    found = brier_interval([1.0] * 10, [True] * 10)
    assert (found.estimate, found.low) == (0, 0)
    assert found.high > 0.25


def test_half_is_always_a_quarter():
    found = brier_interval([0.5] * 4, [1, 0, 0, 0])
    assert (found.estimate, found.low, found.high) == (0.25, 0.25, 0.25)


def test_a_forecast_and_its_opposite_are_the_same():
    confidence, correct = np.array([0.9, 0.65, 0.55, 1.0]), np.array([1, 0, 1, 1])
    same, mixed = brier_interval(confidence, correct), confidence.copy()
    mixed[:2], flipped = 1 - mixed[:2], correct.copy()
    flipped[:2] = 1 - flipped[:2]
    other = brier_interval(mixed, flipped)
    assert (other.low, other.high) == pytest.approx((same.low, same.high))
    assert same.estimate == pytest.approx(binary_brier_score(confidence, correct))


@pytest.mark.parametrize("n", [5, 10, 100])
@pytest.mark.parametrize("truly", [lambda c: c, lambda c: 0.25 + c / 2], ids=["calibrated", "over"])
def test_intervals_contain_the_long_run_score(n, truly):
    rng, hits, trials = np.random.default_rng(0), 0, 400
    for _ in range(trials):
        says = rng.choice([0.5, 0.6, 0.7, 0.8, 0.9, 1.0], size=n)
        p = truly(says)
        long_run = (p * (1 - says) ** 2 + (1 - p) * says**2).mean()
        found = brier_interval(says, rng.random(n) < p)
        hits += found.low - 1e-12 <= long_run <= found.high + 1e-12
    # 95 % of 400, less three standard deviations.
    assert hits >= 0.95 * trials - 3 * math.sqrt(0.95 * 0.05 * trials)


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        (([], []), {}, ValueError, "confidence must not be empty"),
        (([1.2], [1]), {}, ValueError, r"confidence must lie in \[0, 1\]"),
        (([0.7, 0.7], [1]), {}, ValueError, "same length"),
        (([0.7], [2]), {}, ValueError, "correct must hold only"),
        (([0.7], [1]), {"level": 95}, ValueError, "level must lie"),
        ((["a"], [1]), {}, TypeError, "confidence"),
    ],
)
def test_bad_input(arguments, options, error, message):
    with pytest.raises(error, match=message):
        brier_interval(*arguments, **options)
