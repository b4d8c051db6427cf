"""How sure are we of a number? Intervals for whatever was measured on a sample.

The bootstrap asks what the number would have been on another sample of the same size, and makes
such samples by drawing, with replacement, from the one there is. What is drawn must be
independent: tokens of one document are not, so whole documents are drawn (`groups`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from coursekit.calibration._validation import (
    ArrayLike,
    as_correct,
    as_count,
    as_generator,
    as_group_index,
    require_level,
    require_same_length,
    to_tensor,
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
    """

    estimate: float
    low: float
    high: float
    level: float = 0.95

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high

    def __format__(self, spec: str) -> str:
        spec = spec or ".3f"
        return f"{self.estimate:{spec}} [{self.low:{spec}}, {self.high:{spec}}]"

    def __str__(self) -> str:
        return format(self, "")


def bootstrap_interval(
    statistic: Callable[..., float],
    *arrays: ArrayLike,
    groups: ArrayLike | None = None,
    level: float = 0.95,
    n_resamples: int = 1000,
    seed: int = 0,
) -> Interval:
    """Return `statistic(*arrays)` with a percentile bootstrap interval.

    The ends are the values between which the middle `level` of the resampled statistics lies,
    rounded outward to values that the statistic took.

    Weakness: resampling repeats whatever bias the statistic has. The ECE is biased upward, and
    each resample adds the same bias once more, so its interval sits too high: it all but never
    contains 0, even for a calibrated model, and with few data it may lie above the estimate
    itself. Compare an ECE with `ece_null_distribution` to ask whether it differs from zero.

    Args:
        statistic: A function of tensors that returns a number.
        *arrays: What it is computed from, each with N rows, resampled together.
        groups: To which group each row belongs `(N,)`, numbers or strings (say, the document
            of a token). Whole groups are drawn instead of rows: the cluster bootstrap.
        level: Share of the resampled statistics inside the interval.
        n_resamples: Number of resamples.
        seed: Seed of the random numbers.

    Raises:
        ValueError: If the arrays differ in length, there are fewer than two rows (or groups)
            to draw from, an option is out of range, or the statistic is NaN on a resample.
        TypeError: If the arrays do not hold numbers, or `statistic` is not a function.

    Reference:
        B. Efron, R. Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13;
        A. C. Davison, D. V. Hinkley, "Bootstrap Methods and their Application", 1997,
        section 3.8 (groups).
    """
    if not callable(statistic):
        raise TypeError(f"statistic must be a function of the arrays, found {statistic!r}")
    require_level(level)
    n_resamples = as_count(n_resamples, "n_resamples")
    tensors = _as_tensors(arrays)
    n_rows = len(tensors[0])
    index = torch.arange(n_rows) if groups is None else as_group_index(groups, n_rows)
    n_groups = int(index.max()) + 1
    if n_groups < 2:
        what = "rows" if groups is None else "different groups"
        raise ValueError(f"at least 2 {what} are needed to draw from, found {n_groups}")
    members = _Groups(index)

    generator = as_generator(seed)
    resampled = torch.empty(n_resamples, dtype=torch.float64)
    for i in range(n_resamples):
        rows = members.draw(generator)
        resampled[i] = float(statistic(*(tensor[rows.to(tensor.device)] for tensor in tensors)))
    if resampled.isnan().any():
        raise ValueError(
            f"statistic must be a number on every resample, found NaN on "
            f"{resampled.isnan().sum()} of {n_resamples}. Give it a value for rare cases "
            "(such as a resample with one class only), or use more data"
        )
    return percentile_interval(float(statistic(*tensors)), resampled, level)


def percentile_interval(estimate: float, resampled: Tensor, level: float = 0.95) -> Interval:
    """Return an estimate with the interval that its bootstrap resamples `(R,)` span.

    The ends are resampled values themselves, the outer ones where a quantile falls between two.
    """
    tail = (1 - level) / 2
    return Interval(
        estimate=estimate,
        low=resampled.quantile(tail, interpolation="lower").item(),
        high=resampled.quantile(1 - tail, interpolation="higher").item(),
        level=level,
    )


def wilson_interval(
    proportion: ArrayLike, n: ArrayLike, level: float = 0.95
) -> tuple[Tensor, Tensor]:
    """Return Wilson's score interval `(low, high)` of an observed proportion.

    Unlike `p ± 2 sqrt(p (1 - p) / n)` it never leaves [0, 1] and stays honest for few trials
    and for proportions of 0 and 1. Where n is 0 it is [0, 1]: nothing is known.

    Args:
        proportion: Observed fractions `(B,)`.
        n: Number of independent trials behind each `(B,)`; need not be whole, so that an
            effective sample size can be given.
        level: Nominal coverage.

    Raises:
        ValueError: If the lengths differ, or a value or `level` is out of range.
        TypeError: If an argument does not hold numbers.

    Reference:
        E. B. Wilson, "Probable inference, the law of succession, and statistical inference",
        Journal of the American Statistical Association 22, 1927.
    """
    require_level(level)
    proportion, n = to_tensor(proportion, "proportion").double(), to_tensor(n, "n").double()
    require_same_length(proportion=proportion, n=n)
    if not ((proportion >= 0) & (proportion <= 1)).all():
        raise ValueError("proportion must lie in [0, 1], found values outside or NaN")
    if not ((n >= 0) & n.isfinite()).all():
        raise ValueError("n must not be negative, infinite or NaN")
    z = torch.special.ndtri(torch.tensor((1 + level) / 2, dtype=torch.float64))
    # Multiplied through by n, Wilson's formula holds for n = 0 as well.
    centre = (n * proportion + z**2 / 2) / (n + z**2)
    half = z / (n + z**2) * (n * proportion * (1 - proportion) + z**2 / 4).sqrt()
    return (centre - half).clamp(min=0), (centre + half).clamp(max=1)


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
    """
    correct = as_correct(correct).cpu()
    index = as_group_index(groups, len(correct))
    deviation = correct.double() - correct.double().mean()
    of_groups = torch.zeros(int(index.max()) + 1, dtype=torch.float64)
    of_groups.index_add_(0, index, deviation)
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


class _Groups:
    """Rows sorted by group: group g is `rows[start[g] : start[g] + size[g]]`."""

    def __init__(self, index: Tensor) -> None:
        self.rows = index.argsort(stable=True)
        self.size = index.bincount()
        self.start = self.size.cumsum(0) - self.size

    def draw(self, generator: torch.Generator) -> Tensor:
        """Return the row numbers of as many groups as there are, drawn with replacement."""
        drawn = torch.randint(len(self.size), (len(self.size),), generator=generator)
        if len(self.rows) == len(self.size):  # each group is one row
            return self.rows[drawn]
        size = self.size[drawn]
        first = self.start[drawn] - (size.cumsum(0) - size)
        return self.rows[first.repeat_interleave(size) + torch.arange(int(size.sum()))]
