"""The pooled interval finds a known overconfidence, however often it is looked at."""

from __future__ import annotations

import numpy as np
import pytest

from coursekit.calibration import Interval
from coursekit.chapters.start_here.rounds import overconfidence, verdict


def person(random: np.random.Generator, missing: float, n: int = 100):
    """A simulated learner: says, what was right, and the true chance of each."""
    says = random.choice([0.5, 0.6, 0.7, 0.8, 0.9, 1.0], n)
    truly = 0.5 + (1 - missing) * (says - 0.5)
    return says, random.random(n) < truly, truly


@pytest.mark.parametrize("missing", [0.0, 0.5, 1.0, -0.0])
def test_all_looks_together_cover_the_truth(missing):
    random = np.random.default_rng(0)
    missed = decided = 0
    for _ in range(400):
        says, right, truly = person(random, missing)
        looks = [overconfidence(says[:n], right[:n]) for n in range(10, 101, 10)]
        true = [(says[:n] - truly[:n]).mean() for n in range(10, 101, 10)]
        missed += any(not gap.low <= t <= gap.high for gap, t in zip(looks, true, strict=True))
        decided += any(gap.low > 0 for gap in looks)
    assert missed / 400 <= 0.05
    assert decided / 400 <= 0.05 if missing == 0 else decided / 400 > 0.2 * missing


def test_one_look_at_a_time_would_be_fooled_too_often():
    random, fooled = np.random.default_rng(1), 0
    for _ in range(400):
        says, right, _ = person(random, 0.0)
        looks = [overconfidence(says[:n], right[:n], looks=1) for n in range(10, 101, 10)]
        fooled += any(gap.low > 0 or gap.high < 0 for gap in looks)
    assert fooled / 400 > 0.05


def test_who_is_always_sure_and_right_is_not_decided():
    gap = overconfidence([1.0] * 10, [True] * 10)
    assert gap.estimate == 0 and gap.low <= 0 < gap.high
    assert verdict(gap).startswith("Not decided")


def test_the_verdicts():
    assert "overconfident, surer" in verdict(Interval(0.2, 0.1, 0.3))
    assert "underconfident" in verdict(Interval(-0.2, -0.3, -0.1))


@pytest.mark.parametrize(("said", "right"), [([], []), ([0.5], [True, False])])
def test_bad_input_is_named(said, right):
    with pytest.raises(ValueError, match="one number for each answer"):
        overconfidence(said, right)
