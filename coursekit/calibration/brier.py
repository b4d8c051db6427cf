r"""How far to trust the Brier score of a few yes-or-no forecasts.

With the stated probabilities $c_i \ge 1/2$ given, chance only decides which of the more likely
outcomes come true, $y_i$. The mean of $(c_i - y_i)^2$ is then a fixed part plus a weighted share
of surprises, and a share has Wilson's interval:
$\frac1n \sum (1 - c_i)^2 + \frac1n \sum (2 c_i - 1)(1 - y_i)$.
"""

from __future__ import annotations

import torch

from coursekit.calibration._validation import ArrayLike, as_confidence_and_correct, require_level
from coursekit.calibration.intervals import Interval, wilson_interval
from coursekit.calibration.scores import binary_brier_score


def brier_interval(confidence: ArrayLike, correct: ArrayLike, level: float = 0.95) -> Interval:
    """Return the Brier score of yes-or-no forecasts with an interval that also suits ten of them.

    Ten right answers out of ten at 100 % do not prove a long-run score of 0, and a bootstrap would
    say they do. Always stating 50 % gives 0.25 whatever happens, so there the interval is a point.

    Args:
        confidence: Stated probabilities `(N,)` of independent events.
        correct: Whether each event happened `(N,)`, bool or 0 and 1.
        level: Nominal coverage.

    Raises:
        ValueError: If an argument has a wrong shape, is empty, or has values out of range.
        TypeError: If an argument does not hold numbers.

    Reference:
        E. B. Wilson, "Probable inference, the law of succession, and statistical inference",
        Journal of the American Statistical Association 22, 1927; L. Kish, "Survey sampling", 1965,
        section 11.7 (size of a weighted sample).

    Example:
        >>> interval = brier_interval([0.9] * 10, [True] * 10)
        >>> round(interval.low, 3), round(interval.high, 3)
        (0.01, 0.232)
    """
    require_level(level)
    score = binary_brier_score(confidence, correct)
    confidence, correct = as_confidence_and_correct(confidence, correct)
    confidence = confidence.double()
    # To say 30 % of an event is to say 70 % of its opposite: the squared distance is the same.
    surprised = torch.where(confidence >= 0.5, ~correct, correct).double()
    confidence = torch.maximum(confidence, 1 - confidence)

    weight = 2 * confidence - 1
    if weight.sum() == 0:
        return Interval(score, score, score, level)
    share = (weight * surprised).sum() / weight.sum()
    n_effective = weight.sum() ** 2 / weight.square().sum()
    low, high = wilson_interval(share[None], n_effective[None], level)
    fixed = (1 - confidence).square().mean().item()
    scale = weight.mean().item()
    return Interval(score, fixed + scale * low.item(), fixed + scale * high.item(), level)
