r"""How far is confidence from accuracy? Calibration errors, estimated with bins.

A model is calibrated when, of all predictions made with confidence $p$, a fraction $p$ is
correct. With finitely many predictions we group those of similar confidence into bins, and
compare in each bin $b$ the mean confidence with the accuracy:

$$\mathrm{ECE} = \sum_b \frac{n_b}{N} \bigl|\mathrm{acc}(b) - \mathrm{conf}(b)\bigr| .$$

The estimate is never negative, so chance alone pushes it above zero: a perfectly calibrated
model has an ECE > 0. `ece_null_distribution` says how large it then is; a number without it, or
without an interval (`bootstrap_interval`), means little.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from coursekit.calibration._validation import (
    ArrayLike,
    as_confidence,
    as_confidence_and_correct,
    as_count,
    as_generator,
    require_choice,
)

Binning = Literal["uniform", "quantile"]
Norm = Literal["l1", "l2", "max"]

#: Random numbers drawn at a time by `ece_null_distribution`: 32 MB in float64.
_DRAWS_AT_A_TIME = 2**22


@dataclass(frozen=True)
class ReliabilityBins:
    """Sums over the predictions in each of B bins, and the means that follow from them.

    Sums over disjoint sets of predictions that share their `edges` can be added, which is why
    sums are kept rather than means.

    Attributes:
        edges: Borders of the bins `(B + 1,)`, float64; bin b is `(edges[b], edges[b + 1]]`.
        count: Number of predictions `(B,)`, int64.
        confidence_sum: Sum of their confidences `(B,)`, float64.
        correct_count: Number of correct ones `(B,)`, int64.
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
        """Accuracy minus confidence `(B,)`: negative where overconfident, 0 in an empty bin."""
        return (self.correct_count - self.confidence_sum) / self.count.clamp(min=1)

    @property
    def weight(self) -> Tensor:
        """Share of all predictions `(B,)`, float64; sums to one."""
        return self.count.double() / self.count.sum()


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
            the counts differ and some bins are empty.

    Raises:
        ValueError: If an argument has a wrong shape, is empty or out of range.
        TypeError: If an argument does not hold numbers.
    """
    confidence, correct = as_confidence_and_correct(confidence, correct)
    edges, index = _assign_bins(confidence, n_bins, binning)
    n_bins = len(edges) - 1
    count = torch.bincount(index, minlength=n_bins)
    return ReliabilityBins(
        edges=edges.double(),
        count=count,
        confidence_sum=_sum_by_bin(confidence, index, n_bins),
        # Whole numbers below 2**53 are exact in float64.
        correct_count=_sum_by_bin(correct, index, n_bins).long(),
    )


def expected_calibration_error(
    confidence: ArrayLike,
    correct: ArrayLike,
    n_bins: int = 15,
    binning: Binning = "uniform",
    norm: Norm = "l1",
) -> float:
    """Return the expected calibration error (ECE), in [0, 1].

    Libraries disagree on which bin holds a confidence that lies exactly on a border. Here bins
    are right-closed, `(a, b]`, with 0 in the first one, as in scikit-learn and
    uncertainty-calibration. netcal takes `[a, b)` with the last bin closed; torchmetrics and
    relplot put 1.0 in a bin of its own; the code of Guo et al. takes `(a, b]` but drops 0.0.
    Away from the borders all agree.

    Args:
        confidence: Predicted probabilities `(N,)`.
        correct: Whether each prediction came true `(N,)`, bool or 0 and 1.
        n_bins: Number of bins; the estimate depends on it, so state it.
        binning: `"uniform"` or `"quantile"`, see `reliability_bins`.
        norm: `"l1"`, the mean gap weighted by count, which is the ECE; `"l2"`, the root of the
            weighted mean squared gap; `"max"`, the largest gap of any bin (MCE).

    Raises:
        ValueError: If an argument has a wrong shape, is empty, out of range or unknown.
        TypeError: If an argument does not hold numbers.

    Reference:
        M. Pakdaman Naeini, G. Cooper, M. Hauskrecht, "Obtaining well calibrated probabilities
        using Bayesian binning", AAAI 2015; C. Guo et al., "On calibration of modern neural
        networks", ICML 2017; A. Kumar, P. Liang, T. Ma, "Verified uncertainty calibration",
        NeurIPS 2019 (l2).
    """
    require_choice(norm, ("l1", "l2", "max"), "norm")
    bins = reliability_bins(confidence, correct, n_bins, binning)
    return _norm_of_gaps(bins.gap, bins.weight, norm).item()


def ece_null_distribution(
    confidence: ArrayLike,
    n_bins: int = 15,
    binning: Binning = "uniform",
    norm: Norm = "l1",
    n_simulations: int = 1000,
    seed: int = 0,
) -> Tensor:
    """Draw the ECE that a perfectly calibrated model with these confidences would show.

    Each simulation draws anew, for every prediction, whether it comes true, with exactly the
    stated confidence, and estimates the ECE of that. An observed ECE below the 95 % point of
    these draws is no evidence of miscalibration. Predictions are taken as independent; the
    tokens of one document are not, and then the true distribution is wider.

    Args:
        confidence: Predicted probabilities `(N,)`.
        n_bins: Number of bins, as for the ECE it is compared with.
        binning: `"uniform"` or `"quantile"`, likewise.
        norm: `"l1"`, `"l2"` or `"max"`, likewise.
        n_simulations: Number of draws S.
        seed: Seed of the random numbers.

    Returns:
        The estimates `(S,)`, float64, unsorted.

    Raises:
        ValueError: If an argument has a wrong shape, is empty, out of range or unknown.
        TypeError: If an argument does not hold numbers.

    Reference:
        J. Bröcker, L. A. Smith, "Increasing the reliability of reliability diagrams", Weather
        and Forecasting 22, 2007 (consistency resampling).
    """
    require_choice(norm, ("l1", "l2", "max"), "norm")
    n_simulations = as_count(n_simulations, "n_simulations")
    confidence = as_confidence(confidence)
    edges, index = _assign_bins(confidence, n_bins, binning)
    # Bins depend on the confidences alone, so summing the draws in each is one matrix product.
    membership = torch.nn.functional.one_hot(index, len(edges) - 1).double()
    confidence = confidence.double()
    count, confidence_sum = membership.sum(dim=0), confidence @ membership
    generator = as_generator(seed, confidence.device)
    simulations = []
    for block in torch.arange(n_simulations).split(max(1, _DRAWS_AT_A_TIME // len(confidence))):
        drawn = torch.bernoulli(confidence.expand(len(block), -1), generator=generator)
        gap = (drawn @ membership - confidence_sum) / count.clamp(min=1)
        simulations.append(_norm_of_gaps(gap, count / count.sum(), norm))
    return torch.cat(simulations)


def _sum_by_bin(values: Tensor, index: Tensor, n_bins: int) -> Tensor:
    total = torch.zeros(n_bins, dtype=torch.float64, device=values.device)
    return total.scatter_add_(0, index, values.double())


def _norm_of_gaps(gap: Tensor, weight: Tensor, norm: Norm) -> Tensor:
    """Reduce the gaps `(..., B)` of the bins, of weights `(B,)`, to one number `(...)`."""
    if norm == "max":
        return gap.abs().amax(dim=-1)
    if norm == "l2":
        return (weight * gap.square()).sum(dim=-1).sqrt()
    return (weight * gap.abs()).sum(dim=-1)


def _assign_bins(confidence: Tensor, n_bins: int, binning: Binning) -> tuple[Tensor, Tensor]:
    """Return the borders `(B + 1,)`, in the precision of `confidence`, and each one's bin."""
    n_bins = as_count(n_bins, "n_bins")
    require_choice(binning, ("uniform", "quantile"), "binning")
    if binning == "uniform":
        return _uniform_bins(confidence, n_bins)
    edges = _quantile_edges(confidence, n_bins)
    # bucketize takes (a, b] by default; leaving out the ends 0 and 1 puts 0 in the first bin.
    return edges, torch.bucketize(confidence, edges[1:-1])


def _uniform_bins(confidence: Tensor, n_bins: int) -> tuple[Tensor, Tensor]:
    # k / n is the float nearest to the fraction, and so equal to a literal such as 0.3;
    # k * (1 / n) and linspace are not always.
    edges = torch.arange(n_bins + 1, dtype=torch.float64, device=confidence.device) / n_bins
    edges = edges.to(confidence.dtype)
    # Arithmetic finds the bin ten times faster than comparing with the borders. Only close to
    # a border could rounding mislead it, and there we compare.
    position = confidence.double() * n_bins
    upper = position.ceil()
    to_nearest_border = 0.5 - position.sub_(upper).add_(0.5).abs_()
    rounding = n_bins * torch.finfo(confidence.dtype).eps
    close = (to_nearest_border <= rounding).nonzero().squeeze(1)
    index = upper.sub_(1).clamp_(min=0).long()
    index[close] = torch.bucketize(confidence[close], edges[1:-1])
    return edges, index


def _quantile_edges(confidence: Tensor, n_bins: int) -> Tensor:
    """Return borders at order statistics of the data, with 0 and 1 at the ends."""
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
