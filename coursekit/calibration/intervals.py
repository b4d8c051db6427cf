"""How sure are we of a number? Intervals for whatever was measured on a sample.

The bootstrap asks what the number would have been on another sample of the same size, and makes
such samples by drawing, with replacement, from the one there is. What is drawn must be
independent: tokens of one document are not, so whole documents are drawn (`groups`).
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import torch
from scipy.special import stdtrit
from torch import Tensor

from coursekit.calibration._groups import sum_by_group
from coursekit.calibration._validation import (
    ArrayLike,
    as_correct,
    as_group_index,
    require_choice,
    require_level,
    require_same_length,
    to_tensor,
)
from coursekit.calibration.bins import gap
from coursekit.calibration.of_sums import resampled_values
from coursekit.calibration.resampling import LeaveOneOut, Resamples
from coursekit.calibration.selective import auroc

#: Nominal coverage where none is asked for.
LEVEL = 0.95
_ADVICE = (
    "Give it a value for rare cases (such as a resample with one class only), or use more data"
)


@dataclass(frozen=True)
class Interval:
    """An estimate with the interval that says how far to trust it.

    Prints as `0.021 [0.015, 0.034]`; a format applies to each number: `f"{interval:.2f}"`.

    Attributes:
        estimate: The value on the sample itself.
        low: Lower end.
        high: Upper end.
        level: How often such intervals are meant to contain the truth, such as 0.95.

    Example:
        >>> print(Interval(0.0213, 0.0151, 0.0342))
        0.021 [0.015, 0.034]
        >>> 0.02 in Interval(0.0213, 0.0151, 0.0342)
        True
    """

    estimate: float
    low: float
    high: float
    level: float = LEVEL

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high

    def __format__(self, spec: str) -> str:
        spec = spec or ".3f"
        return f"{self.estimate:{spec}} [{self.low:{spec}}, {self.high:{spec}}]"

    def __str__(self) -> str:
        return format(self, "")


def bootstrap_interval(
    statistic: Callable[..., Any],
    *arrays: ArrayLike,
    groups: ArrayLike | None = None,
    level: float = LEVEL,
    n_resamples: int = 1000,
    seed: int = 0,
    method: Literal["percentile", "t"] = "percentile",
) -> Interval:
    """Return `statistic(*arrays)` with a percentile bootstrap interval.

    The ends are the values between which the middle `level` of the resampled statistics lies,
    rounded outward to values that the statistic took.

    With fewer than about 30 rows (or groups) such an interval is too narrow, and `method="t"` is
    better: Student's t around the estimate, with the standard error of the jackknife. Of 95 %
    intervals of a mean of 8, 10, 12 and 30 normal values, 88, 91, 92 and 92 % of the percentile
    ones contained the truth, and 94, 95, 95 and 94 % of Student's (in 1,000 trials each); of
    skewed (lognormal) values, 83, 84, 87 and 90 %, and 89, 88, 90 and 91 %. (BCa intervals did as
    the percentile ones.)

    `expected_calibration_error` (with bins that do not depend on the sample), `gap`, `auroc`,
    `binary_brier_score`, `torch.mean` (in float64), and `accuracy`, `negative_log_likelihood` and
    `brier_score` of a table of probabilities are computed for all resamples at once, from sums or
    counts: up to hundreds of times faster with groups, on the same draws, and equal up to
    rounding. Bind options with `functools.partial`, not in a lambda, to profit.

    Weaknesses: resampling repeats whatever bias the statistic has. The ECE is biased upward, and
    each resample adds the same bias once more, so its interval sits too high: it all but never
    contains 0, even for a calibrated model, and with few data it may lie above the estimate
    itself. For an interval of an ECE take `ece_interval`.

    And where all answers are right, or all wrong, no resample holds another. The mean of such
    zeros or ones then gets Wilson's interval for as many answers as there are rows (or groups),
    and so does the accuracy in `gap`; of anything else whose interval has no width, a warning
    says so. (The mean of differences that are all 0 looks the same, but may be negative: give
    both columns instead.) `auroc` is 1/2 on a resample of one class, and a warning says on how
    many.

    Args:
        statistic: A function of tensors that returns a number.
        *arrays: What it is computed from, each with N rows, resampled together.
        groups: To which group each row belongs `(N,)`, numbers or strings (say, the document
            of a token). Whole groups are drawn instead of rows: the cluster bootstrap.
        level: Share of the resampled statistics inside the interval.
        n_resamples: Number of resamples.
        seed: Seed of the random numbers.
        method: `"percentile"`, or `"t"`, which leaves out each row (or group) once and needs
            neither `n_resamples` nor `seed`.

    Raises:
        ValueError: If the arrays differ in length, there are fewer than two rows (or groups)
            to draw from, an option is out of range, or the statistic is NaN, or not defined, on
            a resample.
        TypeError: If the arrays do not hold numbers, or `statistic` is not a function, or does
            not return a number.

    Reference:
        B. Efron, R. Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13;
        A. C. Davison, D. V. Hinkley, "Bootstrap Methods and their Application", 1997,
        section 3.8 (groups).

    Example:
        >>> confidence, correct = torch.tensor([0.9, 0.6, 0.8, 0.7]), torch.tensor([1, 0, 1, 1])
        >>> print(bootstrap_interval(gap, confidence, correct, groups=["a", "a", "b", "b"]))
        0.000 [-0.250, 0.250]
        >>> print(bootstrap_interval(lambda x: x.double().mean(), [1, 1, 1, 1]))  # Wilson's
        1.000 [0.510, 1.000]
    """
    if not callable(statistic):
        raise TypeError(f"statistic must be a function of the arrays, found {statistic!r}")
    require_level(level)
    require_choice(method, ("percentile", "t"), "method")
    tensors = _as_tensors(arrays)
    n_rows = len(tensors[0])
    drawn_from = n_rows if groups is None else as_group_index(groups, n_rows)
    resamples = Resamples(drawn_from, n_resamples, seed)
    function = statistic.func if isinstance(statistic, partial) else statistic

    estimate = _number(statistic(*tensors))
    if method == "t":
        left_out = _one_left_out(statistic, tensors, resamples.index)
        found = jackknife_interval(estimate, left_out, level)
        return _with_width(found, function, tensors, resamples.n_groups)
    resampled = resampled_values(statistic, tensors, resamples)
    if resampled is None:
        resampled = _row_by_row(statistic, tensors, resamples)
    if resampled.isnan().any():
        raise ValueError(
            f"statistic must be a number on every resample, found NaN on "
            f"{resampled.isnan().sum()} of {len(resampled)}. {_ADVICE}"
        )
    found = percentile_interval(estimate, resampled, level)
    if function is auroc:
        _warn_of_one_class(tensors[1], resamples)
    return _with_width(found, function, tensors, resamples.n_groups)


def percentile_interval(
    estimate: float | Tensor, resampled: Tensor, level: float = LEVEL
) -> Interval:
    """Return an estimate with the interval that its bootstrap resamples `(R,)` span.

    The ends are resampled values themselves, the outer ones where a quantile falls between two.

    Example:
        >>> print(percentile_interval(2.0, torch.arange(5).double(), level=0.5))
        2.000 [1.000, 3.000]
    """
    tail = (1 - level) / 2
    return Interval(
        estimate=float(estimate),
        low=resampled.quantile(tail, interpolation="lower").item(),
        high=resampled.quantile(1 - tail, interpolation="higher").item(),
        level=level,
    )


def jackknife_interval(
    estimate: float | Tensor, left_out: Tensor, level: float = LEVEL
) -> Interval:
    """Return an estimate with Student's t interval, from what it is without each unit `(G,)`.

    Reference:
        B. Efron, R. Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 11.

    Example:
        >>> print(jackknife_interval(2.0, torch.tensor([2.5, 2.0, 1.5])))  # the mean of 1, 2, 3
        2.000 [-0.484, 4.484]
    """
    n = len(left_out)
    error = ((n - 1) ** 2 / n * left_out.double().var()).sqrt().item()
    half = float(stdtrit(n - 1, (1 + level) / 2)) * error
    return Interval(float(estimate), float(estimate) - half, float(estimate) + half, level)


def interval_of_samples(
    estimate: float | Tensor, values: Tensor, samples: Resamples, level: float = LEVEL
) -> Interval:
    """Return an estimate with the interval that suits its values on samples `(R,)`.

    Student's t where each sample leaves out one group, and else the percentile interval.

    Example:
        >>> samples = LeaveOneOut(3)
        >>> print(interval_of_samples(2.0, torch.tensor([2.5, 2.0, 1.5]), samples))
        2.000 [-0.484, 4.484]
    """
    of = jackknife_interval if isinstance(samples, LeaveOneOut) else percentile_interval
    return of(estimate, values, level)


def gap_of_one_sided(found: Interval, accuracy: float, n: float) -> Interval:
    """Return the interval of a gap where all answers are right, or all wrong.

    Resampling has moved the confidence alone; here the accuracy may be anything in Wilson's
    interval too.

    Args:
        found: The gap with the percentile interval.
        accuracy: 0 or 1.
        n: Number of independent answers.

    Example:
        >>> print(gap_of_one_sided(Interval(-0.2, -0.25, -0.15), accuracy=1, n=10))
        -0.200 [-0.250, 0.128]
    """
    low, high = (end.item() for end in wilson_interval(accuracy, n, found.level))
    return Interval(
        estimate=found.estimate,
        low=found.low - (high - accuracy),
        high=found.high + (accuracy - low),
        level=found.level,
    )


def wilson_interval(
    proportion: ArrayLike | float, n: ArrayLike | float, level: float = LEVEL
) -> tuple[Tensor, Tensor]:
    """Return Wilson's score interval `(low, high)` of an observed proportion.

    Unlike `p ± 2 sqrt(p (1 - p) / n)` it never leaves [0, 1] and stays honest for few trials
    and for proportions of 0 and 1. Where n is 0 it is [0, 1]: nothing is known.

    Args:
        proportion: Observed fractions `(B,)`, or one number.
        n: Number of independent trials behind each, of the same shape; need not be whole, so that
            an effective sample size can be given.
        level: Nominal coverage.

    Raises:
        ValueError: If the shapes differ, or a value or `level` is out of range.
        TypeError: If an argument does not hold numbers.

    Reference:
        E. B. Wilson, "Probable inference, the law of succession, and statistical inference",
        Journal of the American Statistical Association 22, 1927.

    Example:
        >>> low, high = wilson_interval(0.0, 10)
        >>> print(f"{low:.3f} {high:.3f}")
        0.000 0.278
    """
    require_level(level)
    proportion, n = (
        to_tensor(value, name).cpu().double()
        for value, name in ((proportion, "proportion"), (n, "n"))
    )
    if proportion.shape != n.shape:
        raise ValueError(
            f"proportion and n must have the same shape, found {tuple(proportion.shape)} and "
            f"{tuple(n.shape)}"
        )
    if not ((proportion >= 0) & (proportion <= 1)).all():
        raise ValueError("proportion must lie in [0, 1], found values outside or NaN")
    if not ((n >= 0) & n.isfinite()).all():
        raise ValueError("n must be finite and not negative, found values outside or NaN")
    z = torch.special.ndtri(torch.tensor((1 + level) / 2, dtype=torch.float64))
    # Multiplied through by n, Wilson's formula holds for n = 0 as well.
    centre = (n * proportion + z**2 / 2) / (n + z**2)
    half = z / (n + z**2) * (n * proportion * (1 - proportion) + z**2 / 4).sqrt()
    # At these ends the formula gives 0 and 1 exactly, but for rounding.
    low = (centre - half).clamp(min=0).masked_fill((proportion == 0) | (n == 0), 0)
    high = (centre + half).clamp(max=1).masked_fill((proportion == 1) | (n == 0), 1)
    return low, high


def effective_sample_size(correct: ArrayLike, groups: ArrayLike) -> float:
    """Return how many independent outcomes tell as much about their mean as these do.

    Outcomes of one group (the tokens of a document) resemble each other, and a hundred of them
    may be worth only ten. This is N divided by the design effect, the variance of the mean when
    whole groups vary together over its variance for independent outcomes. It lies between 1
    and N; where all outcomes are equal it is the number of groups.

    Args:
        correct: Outcomes `(N,)`, bool or 0 and 1.
        groups: To which group each belongs `(N,)`, numbers or strings.

    Raises:
        ValueError: If the shapes differ, or `correct` is empty or not binary.
        TypeError: If `correct` does not hold numbers.

    Reference:
        L. Kish, "Survey Sampling", 1965, section 8.2.

    Example:
        >>> effective_sample_size([1, 1, 1, 0, 0, 0], ["a", "a", "a", "b", "b", "b"])
        2.0
    """
    correct = as_correct(correct).cpu()
    index = as_group_index(groups, len(correct))
    deviation = correct.double() - correct.double().mean()
    of_groups = sum_by_group(deviation[:, None], index, int(index.max()) + 1)
    if not deviation.any() or len(of_groups) == 1:
        return float(len(of_groups))
    design_effect = of_groups.square().sum() / deviation.square().sum()
    return min(len(correct) / max(design_effect.item(), 1.0), float(len(correct)))


def _as_tensors(arrays: tuple[ArrayLike, ...]) -> list[Tensor]:
    if not arrays:
        raise ValueError("arrays must hold at least one array to resample, found none")
    names = [f"arrays[{i}]" for i in range(len(arrays))]
    tensors = [to_tensor(array, name) for array, name in zip(arrays, names, strict=True)]
    for tensor, name in zip(tensors, names, strict=True):
        if tensor.ndim == 0 or len(tensor) == 0:
            raise ValueError(f"{name} must have rows, found shape {tuple(tensor.shape)}")
    require_same_length(**dict(zip(names, tensors, strict=True)))
    return tensors


def _number(value: Any) -> float:
    """Return what a statistic gave as a number."""
    try:
        return float(value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise TypeError(f"statistic must return one number, found {value!r}") from error


def _row_by_row(
    statistic: Callable[..., Any], tensors: list[Tensor], resamples: Resamples
) -> Tensor:
    """Compute any statistic on the rows of each resample `(R,)`, one after the other."""
    return _on_each(statistic, tensors, resamples.rows(), resamples.n_resamples)


def _one_left_out(statistic: Callable[..., Any], tensors: list[Tensor], index: Tensor) -> Tensor:
    """Compute any statistic without each of the groups `(G,)`, one after the other."""
    n_groups = int(index.max()) + 1
    kept = ((index != group).nonzero()[:, 0] for group in range(n_groups))
    return _on_each(statistic, tensors, kept, n_groups)


def _on_each(
    statistic: Callable[..., Any], tensors: list[Tensor], samples: Iterable[Tensor], n: int
) -> Tensor:
    """Compute any statistic on each of n samples, given by their rows `(n,)`."""
    values = torch.empty(n, dtype=torch.float64)
    for i, rows in enumerate(samples):
        drawn = [tensor[rows.to(tensor.device)] for tensor in tensors]
        try:
            values[i] = _number(statistic(*drawn))
        except (ValueError, ArithmeticError) as error:  # that the whole sample has not met
            raise ValueError(
                f"statistic must be a number on every resample, found on resample {i + 1} of "
                f"{n}: {error}. {_ADVICE}"
            ) from error
    return values


def _warn_of_one_class(correct: Tensor, resamples: Resamples) -> None:
    """Say on how many resamples the AUROC was not measured, but taken as 1/2."""
    correct = as_correct(correct).cpu().double()
    _, totals = resamples.totals(torch.stack([correct, torch.ones_like(correct)], dim=1))
    n_alone = int(((totals[:, 0] == 0) | (totals[:, 0] == totals[:, 1])).sum())
    if n_alone:
        warnings.warn(
            f"{n_alone} of {len(totals)} resamples hold right answers only, or wrong ones only: "
            "their AUROC is taken as 1/2. With so few of one kind the interval is rough",
            stacklevel=3,
        )


def _with_width(
    found: Interval, statistic: Callable[..., Any], tensors: list[Tensor], n: int
) -> Interval:
    """Return the interval, or a wider one where all n answers agree and resampling cannot tell."""
    outcome = tensors[-1]
    agree = outcome.ndim == 1 and bool((outcome == outcome[0]).all()) and outcome[0] in (0, 1)
    if agree and statistic is gap:
        return gap_of_one_sided(found, float(outcome[0]), n)
    if not agree or found.low < found.high:
        return found
    if len(tensors) == 1 and _is_mean(statistic, outcome):
        low, high = wilson_interval(found.estimate, n, found.level)
        return Interval(found.estimate, low.item(), high.item(), found.level)
    if not outcome.is_floating_point():  # right or wrong, not a measurement that may well be 0
        warnings.warn(
            f"the interval has no width: all answers agree, and every resample gives "
            f"{found.estimate:g}. That is no certainty: use more data, or say how many there were",
            stacklevel=3,
        )
    return found


def _is_mean(statistic: Callable[..., Any], outcome: Tensor) -> bool:
    """Tell whether a statistic is the mean, on outcomes that agree, and on others too."""
    mixed = outcome.clone()
    mixed[: (len(mixed) + 1) // 2] = 1 - int(outcome[0])
    try:
        values = [float(statistic(column)) for column in (outcome, mixed)]
    except (ValueError, ArithmeticError):
        return False
    means = [column.double().mean().item() for column in (outcome, mixed)]
    return all(math.isclose(*pair, abs_tol=1e-6) for pair in zip(values, means, strict=True))
