from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from coursekit.calibration import answers_needed


@pytest.mark.parametrize(("gap", "confidence"), [(0.1, 0.8), (0.05, 0.7), (-0.05, 0.6)])
@pytest.mark.parametrize("power", [0.8, 0.9])
def test_so_many_answers_have_the_power_that_was_asked_for(gap, confidence, power):
    """By the binomial law itself: how often the accuracy leaves what a calibrated model shows."""
    n = answers_needed(gap, confidence, power=power)
    right = np.arange(n + 1)
    z = (right / n - confidence) / (confidence * (1 - confidence) / n) ** 0.5
    seen = binom.pmf(right, n, confidence - gap)[np.abs(z) > 1.959964].sum()
    assert seen == pytest.approx(power, abs=0.025)


def test_half_the_gap_needs_four_times_the_answers():
    assert answers_needed(0.01, 0.5) / answers_needed(0.02, 0.5) == pytest.approx(4, rel=0.01)


def test_dependent_answers_count_less():
    assert answers_needed(0.1, design_effect=3) == pytest.approx(3 * answers_needed(0.1), abs=3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"gap": 0}, "gap must not be 0"),
        ({"gap": 0.9}, "must leave an accuracy"),
        ({"gap": -0.3}, "must leave an accuracy"),
        ({"gap": 0.1, "confidence": 1.0}, "confidence must lie strictly between 0 and 1"),
        ({"gap": 0.1, "power": 1}, "power must lie strictly"),
        ({"gap": 0.1, "design_effect": 0.5}, "design_effect must be a finite number of at least 1"),
    ],
)
def test_what_cannot_be_planned_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        answers_needed(**arguments)
