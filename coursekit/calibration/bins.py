r"""Predictions grouped by confidence: the numbers behind the reliability diagram and the ECE.

With finitely many predictions, calibration is judged on groups of similar confidence. Three sums
over each group, the number of predictions, of correct ones, and of confidence, are all that the
diagram and the binned errors need. Sums of disjoint sets of predictions can be added, so a large
evaluation can be cut into shards (`StreamingReliability`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from coursekit.calibration._validation import (
    ArrayLike,
    as_confidence_and_correct,
    as_n_bins,
    require_choice,
)

Binning = Literal["uniform", "quantile", "discrete"]

#: Predictions in a block: with all that is computed from them, they stay in a core's cache.
_BLOCK = 2**15


@dataclass(frozen=True)
class ReliabilityBins:
    """Sums over the predictions in each of B bins, and the means that follow from them.

    Attributes:
        edges: Borders of the bins `(B + 1,)`, float64; bin b is `(edges[b], edges[b + 1]]`.
        count: Number of predictions `(B,)`, int64.
        confidence_sum: Sum of their confidences `(B,)`, float64.
        correct_count: Number of correct ones `(B,)`, int64.

    Example:
        >>> bins = reliability_bins([0.9, 0.7, 0.2], [True, False, False], n_bins=2)
        >>> [round(gap, 3) for gap in bins.gap.tolist()]
        [0.2, 0.3]
    """

    edges: Tensor
    count: Tensor
    confidence_sum: Tensor
    correct_count: Tensor

    @property
    def confidence(self) -> Tensor:
        """Mean confidence `(B,)`, float64; 0 in an empty bin, which `count` tells apart."""
        return self.confidence_sum / self.count.clamp(min=1)

    @property
    def accuracy(self) -> Tensor:
        """Fraction correct `(B,)`, float64; 0 in an empty bin, which `count` tells apart."""
        return self.correct_count.double() / self.count.clamp(min=1)

    @property
    def gap(self) -> Tensor:
        """Confidence minus accuracy `(B,)`: above zero where overconfident, 0 in an empty bin."""
        return (self.confidence_sum - self.correct_count) / self.count.clamp(min=1)

    @property
    def weight(self) -> Tensor:
        """Share of all predictions `(B,)`, float64; sums to one."""
        return self.count.double() / self.count.sum()


def gap(confidence: ArrayLike, correct: ArrayLike) -> float:
    """Return mean confidence minus accuracy: above zero where surer than right.

    The sign is the same in the bins, in the reports of an audit, and wherever else the course says
    *gap*: what a model claims, less what it delivers.

    Args:
        confidence: Predicted probabilities `(N,)`.
        correct: Whether each prediction came true `(N,)`, bool or 0 and 1.

    Raises:
        ValueError: If an argument has a wrong shape, is empty or out of range.
        TypeError: If an argument does not hold numbers.

    Example:
        >>> round(gap([0.9, 0.7], [True, False]), 3)
        0.3
    """
    confidence, correct = as_confidence_and_correct(confidence, correct)
    return (confidence.double().mean() - correct.double().mean()).item()


def reliability_bins(
    confidence: ArrayLike,
    correct: ArrayLike,
    n_bins: int = 15,
    binning: Binning = "uniform",
) -> ReliabilityBins:
    """Group predictions by confidence; the numbers behind the ECE and the reliability diagram.

    Bins are right-closed, `(a, b]`, and 0 falls in the first. Borders have the precision of
    `confidence`: 0.2 in float32 lies on the border 0.2, not a rounding error above it.

    Args:
        confidence: Predicted probabilities `(N,)`.
        correct: Whether each prediction came true `(N,)`, bool or 0 and 1.
        n_bins: Number of bins B; some may stay empty.
        binning: `"uniform"`, bins of equal width, or `"quantile"`, bins of (nearly) equal
            count. Equal confidences are never split between quantile bins, so with many ties
            the counts differ and some bins are empty. `"discrete"`: one bin for each value
            that occurs, for confidences that take few values, such as a verbalized "0.9";
            `n_bins` is then not used, and each bin ends at its value.

    Raises:
        ValueError: If an argument has a wrong shape, is empty or out of range.
        TypeError: If an argument does not hold numbers.

    Example:
        >>> bins = reliability_bins([0.9, 0.7, 0.2], [True, False, False], n_bins=2)
        >>> bins.count.tolist(), bins.accuracy.tolist()
        ([1, 2], [0.0, 0.5])
    """
    confidence, correct = as_confidence_and_correct(confidence, correct)
    if binning == "uniform" and _is_fast(confidence, as_n_bins(n_bins)):
        return _uniform_sums(confidence, correct, int(n_bins))
    edges, index = assign_bins(confidence, n_bins, binning)
    n_bins = len(edges) - 1
    count = torch.bincount(index, minlength=n_bins)
    return ReliabilityBins(
        edges=edges.double(),
        count=count,
        confidence_sum=sum_by_bin(confidence, index, n_bins),
        # Whole numbers below 2**53 are exact in float64.
        correct_count=sum_by_bin(correct, index, n_bins).long(),
    )


def sum_by_bin(values: Tensor, index: Tensor, n_bins: int) -> Tensor:
    """Return the sums `(B,)`, float64, of the values `(N,)` in each bin.

    Example:
        >>> sum_by_bin(torch.tensor([0.5, 0.25, 1.0]), torch.tensor([0, 1, 1]), 2).tolist()
        [0.5, 1.25]
    """
    total = torch.zeros(n_bins, dtype=torch.float64, device=values.device)
    return total.scatter_add_(0, index, values.double())


def assign_bins(confidence: Tensor, n_bins: int, binning: Binning) -> tuple[Tensor, Tensor]:
    """Return the borders `(B + 1,)`, in the precision of `confidence`, and each one's bin.

    Example:
        >>> edges, index = assign_bins(torch.tensor([0.0, 0.5, 0.75]), 2, "uniform")
        >>> edges.tolist(), index.tolist()
        ([0.0, 0.5, 1.0], [0, 0, 1])
    """
    n_bins = as_n_bins(n_bins)
    require_choice(binning, ("uniform", "quantile", "discrete"), "binning")
    if binning == "uniform":
        return _uniform_bins(confidence, n_bins)
    if binning == "discrete":
        values, index = confidence.unique(return_inverse=True)
        return torch.cat([values.new_zeros(1), values]), index
    edges = quantile_edges(confidence, n_bins)
    # bucketize takes (a, b] by default; leaving out the ends 0 and 1 puts 0 in the first bin.
    return edges, torch.bucketize(confidence.contiguous(), edges[1:-1])


def _uniform_bins(confidence: Tensor, n_bins: int) -> tuple[Tensor, Tensor]:
    edges = _uniform_edges(confidence, n_bins)
    # Arithmetic finds the bin many times faster than comparing with all borders. It names the
    # right bin or, on a border and a rounding error below it, the next: one comparison tells.
    values = confidence.double()
    index = (values * n_bins).long()
    return edges, (index - (values <= edges.double()[index]).long()).clamp(min=0)


def _uniform_sums(confidence: Tensor, correct: Tensor, n_bins: int) -> ReliabilityBins:
    """Bin as `_uniform_bins` does and sum, a block at a time."""
    # One slot for the wrong and one for the correct predictions of each bin.
    counts = np.zeros(2 * n_bins + 2, dtype=np.int64)
    sums = torch.zeros(n_bins + 1, dtype=torch.float64)
    for part, index in _uniform_blocks(confidence, n_bins):
        sums.scatter_add_(0, torch.from_numpy(index), confidence[part].double())
        index += index
        index += correct[part].numpy()
        counts += np.bincount(index, minlength=len(counts))
    of_bins = _without_zero_bin(torch.from_numpy(counts).reshape(-1, 2))
    return ReliabilityBins(
        edges=_uniform_edges(confidence, n_bins).double(),
        count=of_bins.sum(dim=1),
        confidence_sum=_without_zero_bin(sums),
        correct_count=of_bins[:, 1].clone(),
    )


def residual_sums(confidence: Tensor, correct: Tensor, n_bins: int, binning: Binning) -> Tensor:
    """Return the sum of correct minus confidence in each bin `(B,)`, float64.

    Example:
        >>> confidence, correct = torch.tensor([0.25, 0.75]), torch.tensor([True, True])
        >>> residual_sums(confidence, correct, 2, "uniform").tolist()
        [0.75, 0.25]
    """
    if binning == "uniform" and _is_fast(confidence, as_n_bins(n_bins)):
        sums, residuals = torch.zeros(n_bins + 1, dtype=torch.float64), np.empty(_BLOCK)
        outcomes, values = correct.numpy(), confidence.numpy()
        for part, number in _uniform_blocks(confidence, n_bins):
            residual = residuals[: len(number)]
            residual[:] = outcomes[part]
            residual -= values[part]
            sums.scatter_add_(0, torch.from_numpy(number), torch.from_numpy(residual))
        return _without_zero_bin(sums)
    edges, index = assign_bins(confidence, n_bins, binning)
    return sum_by_bin(correct.double() - confidence.double(), index, len(edges) - 1)


def _uniform_blocks(confidence: Tensor, n_bins: int) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield each block of float32 or float64 confidences, as a slice, with its bins plus one.

    Bin 0 is that of confidence 0, which is not above the left border of any bin. In these types
    a border is the number of its bin divided by n_bins, so that it need not be looked up.
    """
    values = confidence.contiguous().numpy()
    scale = values.dtype.type(n_bins)
    # Written again and again: fresh memory would cost more than the arithmetic.
    numbers, borders = (np.empty(_BLOCK, values.dtype) for _ in range(2))
    indices = np.empty(_BLOCK, np.int64)
    for start in range(0, len(values), _BLOCK):
        part = slice(start, start + _BLOCK)
        block = values[part]
        number, border, index = (b[: len(block)] for b in (numbers, borders, indices))
        np.floor(np.multiply(block, scale, out=number), out=number)
        np.divide(number, scale, out=border)
        number += (block > border).view(np.uint8)
        index[:] = number
        yield part, index


def _without_zero_bin(of_bins: Tensor) -> Tensor:
    of_bins[1] += of_bins[0]
    return of_bins[1:]


def _is_fast(confidence: Tensor, n_bins: int) -> bool:
    """Tell whether `_uniform_blocks` applies: each bin's number must fit the type with ease."""
    wide = confidence.dtype in (torch.float32, torch.float64)
    return wide and confidence.device.type == "cpu" and n_bins <= 2**20


def _uniform_edges(confidence: Tensor, n_bins: int) -> Tensor:
    # k / n is the float nearest to the fraction, and so equal to a literal such as 0.3;
    # k * (1 / n) and linspace are not always.
    edges = torch.arange(n_bins + 1, dtype=torch.float64, device=confidence.device) / n_bins
    return edges.to(confidence.dtype)


def quantile_edges(confidence: Tensor, n_bins: int) -> Tensor:
    """Return borders at order statistics of the data, with 0 and 1 at the ends.

    Example:
        >>> quantile_edges(torch.tensor([0.25, 0.5, 0.75, 0.875]), 2).tolist()
        [0.0, 0.5, 1.0]
    """
    n = len(confidence)
    if confidence.device.type == "cpu" and confidence.dtype in (torch.float32, torch.float64):
        ordered = torch.from_numpy(np.sort(confidence.numpy()))  # many times faster than torch
    else:
        ordered = confidence.sort().values
    # The first k / B of the data end at rank ceil(k N / B), here in whole numbers.
    ranks = (torch.arange(n_bins + 1, device=confidence.device) * n + n_bins - 1) // n_bins
    edges = ordered[(ranks - 1).clamp(min=0)]
    edges[0], edges[-1] = 0, 1
    return edges
