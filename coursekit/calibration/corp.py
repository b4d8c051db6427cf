r"""Reliability without bins: the best rising curve through the outcomes, and how it splits a score.

Who is surer should be right more often. Of all non-decreasing functions of the confidence one fits
the outcomes best, and the *pool adjacent violators* algorithm finds it: it merges neighbours for as
long as a surer one was right less often. No number of bins is chosen (CORP: consistent, optimally
binned, reproducible). With the recalibrated confidences $\hat p$ and the overall accuracy $\bar a$
any proper score $S$ splits without a remainder:

$$S(p) = \underbrace{S(p) - S(\hat p)}_{\text{miscalibration}}
  - \underbrace{(S(\bar a) - S(\hat p))}_{\text{discrimination}}
  + \underbrace{S(\bar a)}_{\text{uncertainty}} .$$
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from scipy.special import stdtrit
from torch import Tensor

from coursekit.calibration._groups import sum_by_group
from coursekit.calibration._validation import (
    ArrayLike,
    as_confidence_and_correct,
    as_group_index,
    require_choice,
    require_level,
)
from coursekit.calibration.bins import reliability_bins
from coursekit.calibration.intervals import LEVEL, Interval

#: The mean score of predictions `(K,)`, each made so often, that came true so often.
_Score = Callable[[Tensor, Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class CorpReliability:
    """A score, equal to miscalibration - discrimination + uncertainty, and the curve behind it.

    Attributes:
        confidence: The distinct confidences `(K,)`, rising.
        count: How often each was stated `(K,)`.
        recalibrated: What should have been stated in its place `(K,)`, never falling.
        miscalibration: What the score would gain by stating that. At least 0, and above it by
            chance: 0 only if the confidences are the recalibrated ones already.
        discrimination: What the recalibrated confidences gain over always stating the overall
            accuracy. At least 0; higher is better.
        uncertainty: The score of always stating the overall accuracy.

    Example:
        >>> found = corp_reliability([0.9, 0.9, 0.6, 0.6], [1, 1, 1, 0])
        >>> found.recalibrated.tolist()
        [0.5, 1.0]
    """

    confidence: Tensor
    count: Tensor
    recalibrated: Tensor
    miscalibration: float
    discrimination: float
    uncertainty: float

    @property
    def score(self) -> float:
        """The whole score."""
        return self.miscalibration - self.discrimination + self.uncertainty


def corp_reliability(
    confidence: ArrayLike, correct: ArrayLike, score: Literal["brier", "log"] = "brier"
) -> CorpReliability:
    """Recalibrate by isotonic regression, and split a score by it.

    Args:
        confidence: Predicted probabilities `(N,)`.
        correct: Whether each prediction came true `(N,)`, bool or 0 and 1.
        score: `"brier"`, the `binary_brier_score`, or `"log"`, the negative log-likelihood of the
            outcomes in nats. What was stated with 0 and came true makes the latter infinite.

    Raises:
        ValueError: If an argument has a wrong shape, is empty, out of range or unknown.
        TypeError: If an argument does not hold numbers.

    Reference:
        T. Dimitriadis, T. Gneiting, A. I. Jordan, "Stable reliability diagrams for probabilistic
        classifiers", Proceedings of the National Academy of Sciences 118, 2021.

    Example:
        >>> found = corp_reliability([0.9, 0.9, 0.6, 0.6], [1, 1, 1, 0])
        >>> print(f"{found.miscalibration:.4f} {found.discrimination:.4f} {found.uncertainty:.4f}")
        0.0100 0.0625 0.1875
    """
    require_choice(score, ("brier", "log"), "score")
    confidence, correct = as_confidence_and_correct(confidence, correct)
    groups = reliability_bins(confidence.cpu(), correct.cpu(), binning="discrete")
    stated = groups.edges[1:]
    count, hits = groups.count.double(), groups.correct_count.double()
    recalibrated = pool_adjacent_violators(count, hits)
    overall = (hits.sum() / count.sum()).expand_as(stated)
    mean_score: _Score = _brier if score == "brier" else _log
    of_stated, of_recalibrated, of_overall = (
        mean_score(chance, count, hits).item() for chance in (stated, recalibrated, overall)
    )
    return CorpReliability(
        confidence=stated,
        count=groups.count,
        recalibrated=recalibrated,
        miscalibration=of_stated - of_recalibrated,
        discrimination=of_overall - of_recalibrated,
        uncertainty=of_overall,
    )


def pool_adjacent_violators(count: Tensor, hits: Tensor) -> Tensor:
    """Return the non-decreasing accuracies `(K,)`, float64, that fit best.

    Args:
        count: Number of predictions at each of K rising confidences `(K,)`, all above 0.
        hits: Number that came true `(K,)`.

    Example:
        >>> pool_adjacent_violators(torch.tensor([1, 1, 2]), torch.tensor([1, 0, 2])).tolist()
        [0.5, 0.5, 1.0]
    """
    blocks: list[tuple[float, float, int]] = []  # hits, predictions, how many confidences
    for right, n in zip(hits.tolist(), count.tolist(), strict=True):
        block = (right, n, 1)
        while blocks and blocks[-1][0] * block[1] >= block[0] * blocks[-1][1]:
            before = blocks.pop()
            block = (before[0] + block[0], before[1] + block[1], before[2] + block[2])
        blocks.append(block)
    accuracy = torch.tensor([right / n for right, n, _ in blocks], dtype=torch.float64)
    return accuracy.repeat_interleave(torch.tensor([width for *_, width in blocks]))


def _brier(chance: Tensor, count: Tensor, hits: Tensor) -> Tensor:
    missed = count - hits
    return (hits * (1 - chance).square() + missed * chance.square()).sum() / count.sum()


def _log(chance: Tensor, count: Tensor, hits: Tensor) -> Tensor:
    missed = count - hits
    surprise = torch.special.xlogy(hits, chance) + torch.special.xlogy(missed, 1 - chance)
    return -surprise.sum() / count.sum()


@dataclass(frozen=True)
class CalibrationLine:
    """The straight line between the logits that were stated and the logits that come true.

    Attributes:
        in_the_large: The logit that is missing on average, the slope taken as 1: above 0 if the
            model is too modest. A calibrated model has 0.
        intercept: Height of the line where the stated chance is one half. A calibrated model
            has 0.
        slope: A calibrated model has 1; below 1 the confidences are too extreme (1 / slope is
            then a temperature), above 1 not extreme enough.

    Example:
        >>> line = calibration_line([0.2] * 5 + [0.8] * 5, [1, 0, 0, 0, 0] + [1, 1, 1, 1, 0])
        >>> round(line.slope.estimate, 6)
        1.0
    """

    in_the_large: Interval
    intercept: Interval
    slope: Interval


def calibration_line(
    confidence: ArrayLike,
    correct: ArrayLike,
    level: float = LEVEL,
    *,
    groups: ArrayLike | None = None,
) -> CalibrationLine:
    """Fit logit P(correct) = intercept + slope · logit(confidence), by maximum likelihood.

    The intervals are Wald's, for independent predictions: a few hundred of them or more. With
    `groups` they let the predictions of a group depend on each other (the sandwich of sums over
    groups, and Student's t for as many groups): have 30 or more.

    Args:
        confidence: Predicted probabilities `(N,)`, strictly between 0 and 1.
        correct: Whether each prediction came true `(N,)`, bool or 0 and 1.
        level: Nominal coverage of the intervals.
        groups: To which group each prediction belongs `(N,)`, such as its document.

    Raises:
        ValueError: If an argument has a wrong shape, is empty or out of range, there is only one
            group, a confidence is exactly 0 or 1, all confidences or all outcomes are equal, or a
            threshold separates right from wrong without error, so that no line fits best.
        TypeError: If an argument does not hold numbers.

    Reference:
        D. R. Cox, "Two further applications of a model for binary regression", Biometrika 45,
        1958; K.-Y. Liang, S. L. Zeger, "Longitudinal data analysis using generalized linear
        models", Biometrika 73, 1986 (groups).

    Example:
        >>> line = calibration_line([0.2] * 500 + [0.8] * 500, ([1, 0] * 250 + [1, 1, 1, 0] * 125))
        >>> print(f"{line.slope:.2f}")  # far too extreme
        0.40 [0.30, 0.49]
    """
    require_level(level)
    confidence, correct = as_confidence_and_correct(confidence, correct)
    logit, outcome = confidence.double().cpu().logit(), correct.double().cpu()
    if not logit.isfinite().all():
        raise ValueError(
            "confidence must lie strictly between 0 and 1 to have a logit, found 0 or 1. Leave "
            "these out and report them apart"
        )
    if outcome.min() == outcome.max() or logit.min() == logit.max():
        raise ValueError("confidence and correct must both vary, found one that is always equal")
    if _separates(logit, outcome) or _separates(-logit, outcome):
        raise ValueError(
            "correct must not be decided by a threshold of confidence, found one that separates "
            "right from wrong: the line has no finite slope"
        )
    group = None if groups is None else as_group_index(groups, len(logit))
    freedom = math.inf if group is None else int(group.max())
    if freedom < 1:
        raise ValueError("groups must name at least 2 different groups, found 1")
    one = torch.ones_like(logit)
    alone, alone_error = _logistic_fit(one[:, None], outcome, logit, group)
    both, both_error = _logistic_fit(torch.stack([one, logit], dim=1), outcome, 0.0, group)
    z = float(stdtrit(freedom, (1 + level) / 2))

    def interval(estimate: float, error: float) -> Interval:
        return Interval(estimate, estimate - z * error, estimate + z * error, level)

    return CalibrationLine(
        interval(alone[0], alone_error[0]),
        interval(both[0], both_error[0]),
        interval(both[1], both_error[1]),
    )


def _separates(logit: Tensor, outcome: Tensor) -> bool:
    """Tell whether all that came true had at least the logit of all that did not."""
    return bool(logit[outcome == 1].min() >= logit[outcome == 0].max())


def _logistic_fit(
    columns: Tensor, outcome: Tensor, offset: Tensor | float, group: Tensor | None
) -> tuple[list[float], list[float]]:
    """Return the coefficients of a logistic regression and their standard errors (Newton)."""
    weights = columns.new_zeros(columns.shape[1])
    for _ in range(100):
        score, information = _derivatives(columns, outcome, offset, weights)
        step = torch.linalg.solve(information, score)
        before = _log_likelihood(columns, outcome, offset, weights)
        # Halved until the likelihood no longer falls, Newton's method cannot run away.
        while _log_likelihood(columns, outcome, offset, weights + step) < before - 1e-9:
            step = step / 2
        weights = weights + step
        if step.abs().max() < 1e-10:
            break
    _, information = _derivatives(columns, outcome, offset, weights)
    covariance = torch.linalg.inv(information)
    if group is not None:
        residual = outcome - (columns @ weights + offset).sigmoid()
        n_groups = int(group.max()) + 1
        scores = sum_by_group(columns * residual[:, None], group, n_groups)
        covariance = covariance @ scores.T @ scores @ covariance * n_groups / (n_groups - 1)
    return weights.tolist(), covariance.diagonal().sqrt().tolist()


def _derivatives(
    columns: Tensor, outcome: Tensor, offset: Tensor | float, weights: Tensor
) -> tuple[Tensor, Tensor]:
    chance = (columns @ weights + offset).sigmoid()
    information = columns.T @ (columns * (chance * (1 - chance))[:, None])
    return columns.T @ (outcome - chance), information


def _log_likelihood(
    columns: Tensor, outcome: Tensor, offset: Tensor | float, weights: Tensor
) -> float:
    logit = columns @ weights + offset
    return -torch.nn.functional.binary_cross_entropy_with_logits(
        logit, outcome, reduction="sum"
    ).item()
