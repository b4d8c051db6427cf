r"""Before the questions are asked: how many answers it takes to see a gap.

The accuracy of N answers that are right with chance $a$ scatters by $\sqrt{a (1 - a) / N}$. A gap
$d$ is seen when it stands out of that, twice: out of what a calibrated model would show (at the
level of the test), and far enough that it does so in most samples (the power).
"""

from __future__ import annotations

import math

import torch

from coursekit.calibration._validation import as_number
from coursekit.calibration.intervals import Interval


def answers_needed(
    gap: float,
    confidence: float = 0.8,
    *,
    level: float = 0.95,
    power: float = 0.8,
    design_effect: float = 1.0,
) -> int:
    r"""Return how many answers show that confidence and accuracy differ by `gap`.

    With c the confidence, a = c - gap the accuracy and z the quantiles of the normal law,

    $$N = \Bigl(\frac{z_{(1 + \text{level}) / 2} \sqrt{c (1 - c)} + z_{\text{power}}
      \sqrt{a (1 - a)}}{\text{gap}}\Bigr)^2 .$$

    Half the gap takes four times the answers. Where answers state different confidences around
    this mean, a little fewer suffice; to see the gap of *one bin*, so many must fall into it.

    Args:
        gap: Mean confidence minus accuracy, as in `gap`: above 0 where too sure. Not 0.
        confidence: Mean confidence, strictly between 0 and 1.
        level: 1 minus the share of calibrated models that raise a false alarm (two-sided).
        power: Share of samples in which the gap is to be noticed.
        design_effect: Answers that are worth one independent answer: 1 for separate questions,
            N / `effective_sample_size` where they come from documents.

    Raises:
        ValueError: If a number is out of range, or no accuracy lies `gap` away.
        TypeError: If an argument is not a number.

    Reference:
        J. L. Fleiss, B. Levin, M. C. Paik, "Statistical Methods for Rates and Proportions", 3rd
        edition, 2003, section 2.5.

    Example:
        >>> answers_needed(0.1), answers_needed(0.05), answers_needed(0.01)
        (137, 528, 12697)
    """
    for name, value in (("level", level), ("power", power)):
        _require_share(value, name)
    _require_share(confidence, "confidence")
    gap, worth = as_number(gap, "gap", -1), as_number(design_effect, "design_effect", 1)
    accuracy = confidence - gap
    if gap == 0 or not 0 <= accuracy <= 1:
        raise ValueError(
            f"gap must not be 0 and must leave an accuracy in [0, 1], found {gap:g} at the "
            f"confidence {confidence:g}"
        )
    of_level, of_power = (_quantile(share) for share in ((1 + level) / 2, power))
    scatter = of_level * _deviation(confidence) + of_power * _deviation(accuracy)
    return math.ceil(worth * (scatter / gap) ** 2)


def answers_to_decide(
    interval: Interval, limit: float, n: int, *, power: float = 0.8
) -> int | None:
    r"""Return about how many answers put a limit outside the interval; None if none ever would.

    Intervals shrink with the root of N. With h the half of this one that reaches to the limit, and
    d the distance of the estimate from it, the same quantiles as in `answers_needed` give

    $$N = n \Bigl(\frac{z_{(1 + \text{level}) / 2} + z_{\text{power}}}
      {z_{(1 + \text{level}) / 2}} \cdot \frac{h}{d}\Bigr)^2 .$$

    Args:
        interval: What n answers gave.
        limit: The value that is to be decided.
        n: Number of these answers.
        power: Share of samples in which it is to be decided, if the estimate is the truth.

    Example:
        >>> from coursekit.calibration import Interval
        >>> answers_to_decide(Interval(0.1, 0.0, 0.2), limit=0.05, n=100)
        818
    """
    distance = abs(interval.estimate - limit)
    end = interval.low if limit < interval.estimate else interval.high
    half = abs(end - interval.estimate)
    if distance == 0 or half == 0:
        return None
    z_level, z_power = (_quantile(share) for share in ((1 + interval.level) / 2, power))
    return max(n, math.ceil(n * ((z_level + z_power) / z_level * half / distance) ** 2))


def _quantile(share: float) -> float:
    """Return the quantile of the normal law."""
    return torch.special.ndtri(torch.tensor(share, dtype=torch.float64)).item()


def _deviation(chance: float) -> float:
    """Return the standard deviation of one answer that is right with this chance."""
    return math.sqrt(chance * (1 - chance))


def _require_share(value: float, name: str) -> None:
    if not 0 < as_number(value, name, 0) < 1:
        raise ValueError(f"{name} must lie strictly between 0 and 1, found {value:g}")
