r"""Answers of several rounds, put together until they decide whether somebody is overconfident.

With n answers, mean confidence c and k right ones, the gap is c - k / n. Its interval is c minus
Wilson's interval of the share of right answers. Who looks after each of ten rounds has ten chances
to be fooled, so each look has a level of 1 - 0.05 / 10: all ten hold together in 95 % of cases.
"""

from __future__ import annotations

from collections.abc import Sequence

from coursekit._language import tr
from coursekit.calibration import Interval, wilson_interval
from coursekit.data.facts.bank import N_ROUNDS

LEVEL = 0.95  # of all looks together


def overconfidence(
    confidence: Sequence[float], right: Sequence[bool], *, looks: int = N_ROUNDS
) -> Interval:
    """Return mean confidence minus the share of right answers, with an interval for many looks.

    Args:
        confidence: How sure somebody was of each answer, `(N,)`.
        right: Whether it was right, `(N,)`.
        looks: How often the interval is looked at while answers come in.

    Raises:
        ValueError: If there are no answers, or not one confidence for each, or no look.

    Reference:
        Wilson 1927, Probable inference; the correction for many looks is Bonferroni's.

    Example:
        >>> print(format(overconfidence([0.9] * 100, [True] * 60 + [False] * 40), ".2f"))
        0.30 [0.17, 0.44]
    """
    n = len(right)
    if not n or len(confidence) != n or looks < 1:
        raise ValueError(
            "confidence must have one number for each answer, at least one, and looks be at least "
            f"1, found {len(confidence)} for {n} answers, and {looks} looks."
        )
    said, share = sum(confidence) / n, sum(right) / n
    low, high = wilson_interval([share], [n], level=1 - (1 - LEVEL) / looks)
    return Interval(said - share, said - high.item(), said - low.item())


def verdict(gap: Interval) -> str:
    """Say in a sentence what an interval of overconfidence decides."""
    if gap.low > 0:
        return tr("Decided: you are overconfident, surer than right.")
    if gap.high < 0:
        return tr("Decided: you are underconfident, more often right than you say.")
    return tr("Not decided yet: the interval contains 0. Answer another round.")


def pooled(gap: Interval, n: int) -> str:
    """Say what all rounds together show, as a sentence."""
    return tr(
        "All {n} answers so far: confidence minus accuracy {gap:+.0%}, with an interval from "
        "{low:+.0%} to {high:+.0%}. {verdict}",
        n=n,
        gap=gap.estimate,
        low=gap.low,
        high=gap.high,
        verdict=verdict(gap),
    )
