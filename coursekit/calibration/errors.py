r"""How far is confidence from accuracy? Calibration errors, estimated with bins.

A model is calibrated when, of all predictions made with confidence $p$, a fraction $p$ is
correct. With finitely many predictions we group those of similar confidence into bins, and
compare in each bin $b$ the mean confidence with the accuracy:

$$\mathrm{ECE} = \sum_b \frac{n_b}{N} \bigl|\mathrm{acc}(b) - \mathrm{conf}(b)\bigr| .$$

The estimate is never negative, so chance alone pushes it above zero: a perfectly calibrated
model has an ECE > 0. `ece_null_distribution` says how large it then is; a number without it, or
without an interval (`bootstrap_interval`), means little. `debiased_calibration_error` subtracts
what chance adds, and where the truth is known, `true_calibration_error` needs no outcomes.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from coursekit.calibration._validation import (
    ArrayLike,
    as_confidence,
    as_confidence_and_correct,
    require_choice,
    require_same_length,
)
from coursekit.calibration.bins import (
    Binning,
    assign_bins,
    reliability_bins,
    residual_sums,
    sum_by_bin,
)

Norm = Literal["l1", "l2", "max"]


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
        binning: `"uniform"`, `"quantile"` or `"discrete"`, see `reliability_bins`.
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

    Example:
        >>> confidence, correct = [0.9, 0.8, 0.7, 0.6], [True, True, False, True]
        >>> round(expected_calibration_error(confidence, correct), 3)
        0.35
    """
    require_choice(norm, ("l1", "l2", "max"), "norm")
    if norm == "l1":  # the sums of the residuals are enough, and faster than counts and means
        confidence, correct = as_confidence_and_correct(confidence, correct)
        sums = residual_sums(confidence, correct, n_bins, binning)
        return sums.abs().sum().item() / len(confidence)
    bins = reliability_bins(confidence, correct, n_bins, binning)
    return norm_of_gaps(bins.gap, bins.weight, norm).item()


def debiased_calibration_error(
    confidence: ArrayLike,
    correct: ArrayLike,
    n_bins: int = 15,
    binning: Binning = "quantile",
    squared: bool = False,
) -> float:
    """Return the l2 calibration error less what chance adds to it.

    In a bin of n predictions with accuracy a, chance adds a (1 - a) / (n - 1) to the squared gap
    on average. The difference is an unbiased estimate of the mean squared gap, and so it may be
    negative; its root is then taken as 0. A bin with a single prediction says nothing about
    chance and counts as 0.

    Args:
        confidence: Predicted probabilities `(N,)`.
        correct: Whether each prediction came true `(N,)`, bool or 0 and 1.
        n_bins: Number of bins.
        binning: `"uniform"`, `"quantile"` or `"discrete"`, see `reliability_bins`.
        squared: Return the unbiased estimate of the square, which may be negative, rather than
            its root.

    Raises:
        ValueError: If an argument has a wrong shape, is empty, out of range or unknown.
        TypeError: If an argument does not hold numbers.

    Reference:
        A. Kumar, P. Liang, T. Ma, "Verified uncertainty calibration", NeurIPS 2019, section 5;
        C. A. T. Ferro, T. E. Fricker, "A bias-corrected decomposition of the Brier score",
        Quarterly Journal of the Royal Meteorological Society 138, 2012.

    Example:
        >>> round(debiased_calibration_error([0.9] * 10, [True] * 5 + [False] * 5), 3)
        0.364
    """
    bins = reliability_bins(confidence, correct, n_bins, binning)
    by_chance = bins.accuracy * (1 - bins.accuracy) / (bins.count - 1).clamp(min=1)
    of_bins = (bins.gap.square() - by_chance).masked_fill(bins.count < 2, 0)
    square = (bins.weight * of_bins).sum().item()
    return square if squared else max(square, 0.0) ** 0.5


def sweep_calibration_error(confidence: ArrayLike, correct: ArrayLike, norm: Norm = "l1") -> float:
    """Return the ECE with as many quantile bins as keep the accuracies in rising order.

    A useful confidence is higher where accuracy is higher. Bins that break this order are too
    small, and what they show is noise: the number of bins is raised from 1 until that happens,
    and the last number before it is used.

    Args:
        confidence: Predicted probabilities `(N,)`.
        correct: Whether each prediction came true `(N,)`, bool or 0 and 1.
        norm: `"l1"`, `"l2"` or `"max"`, as in `expected_calibration_error`.

    Raises:
        ValueError: If an argument has a wrong shape, is empty, out of range or unknown.
        TypeError: If an argument does not hold numbers.

    Reference:
        R. Roelofs, N. Cain, J. Shlens, M. C. Mozer, "Mitigating bias in calibration error
        estimation", AISTATS 2022, algorithm 1. There equal confidences may be split between
        bins; here they never are (see `reliability_bins`), so their order does not matter.

    Example:
        >>> confidence, correct = [0.9, 0.8, 0.7, 0.6], [True, True, False, True]
        >>> round(sweep_calibration_error(confidence, correct), 3)
        0.15
    """
    require_choice(norm, ("l1", "l2", "max"), "norm")
    confidence, correct = as_confidence_and_correct(confidence, correct)
    confidence, order = confidence.sort()
    correct, n = correct[order], len(confidence)
    hits_before = torch.nn.functional.pad(correct.cumsum(0), (1, 0))
    n_ties = confidence.unique_consecutive(return_counts=True)[1]
    finest = n_ties.cumsum(0)  # every value in a bin of its own
    end_of_ties = finest.repeat_interleave(n_ties)

    def ends_of(n_bins: int) -> Tensor:
        """Return the ranks at which the bins end: the k-th where k / B of the data are passed."""
        k = torch.arange(1, n_bins + 1, device=confidence.device)
        return end_of_ties[(k * n + n_bins - 1) // n_bins - 1].unique_consecutive()

    def keep_order(ends: Tensor) -> bool:
        ends = torch.nn.functional.pad(ends, (1, 0))
        accuracy = hits_before[ends].diff() / ends.diff()
        return bool((accuracy.diff() >= 0).all())

    ends = finest  # if even these keep the order, so does whatever is coarser
    if not keep_order(finest):
        n_bins = 1
        while keep_order(ends_of(n_bins + 1)):
            n_bins += 1
        ends = ends_of(n_bins)
    residual_before = torch.nn.functional.pad((correct.double() - confidence).cumsum(0), (1, 0))
    ends = torch.nn.functional.pad(ends, (1, 0))
    count = ends.diff().double()
    return norm_of_gaps(residual_before[ends].diff() / count, count / n, norm).item()


def true_calibration_error(
    confidence: ArrayLike,
    true_probability: ArrayLike,
    n_bins: int = 15,
    binning: Binning = "uniform",
    norm: Norm = "l1",
) -> float:
    """Return the calibration error when the true probability of each event is known.

    The mean true probability takes the place of the accuracy of each bin, so no chance is left:
    calibrated confidences have an error of 0 up to what differs within a bin. With
    `binning="discrete"` it is exactly E |E[truth | confidence] - confidence|, the definition of
    the ECE. It cannot see truths that differ among equal confidences: `probability_error` can.

    Args:
        confidence: Predicted probabilities `(N,)`.
        true_probability: Probability with which each event truly happens `(N,)`.
        n_bins: Number of bins, as for the estimate that it is compared with.
        binning: `"uniform"`, `"quantile"` or `"discrete"`, likewise.
        norm: `"l1"`, `"l2"` or `"max"`, likewise.

    Raises:
        ValueError: If an argument has a wrong shape, is empty, out of range or unknown.
        TypeError: If an argument does not hold numbers.

    Example:
        >>> round(true_calibration_error([0.9, 0.9, 0.6], [0.7, 0.9, 0.6]), 3)
        0.067
    """
    require_choice(norm, ("l1", "l2", "max"), "norm")
    confidence, truth = _as_confidence_and_truth(confidence, true_probability)
    edges, index = assign_bins(confidence, n_bins, binning)
    n_bins = len(edges) - 1
    count = torch.bincount(index, minlength=n_bins).double()
    gap = sum_by_bin(truth.double() - confidence.double(), index, n_bins) / count.clamp(min=1)
    return norm_of_gaps(gap, count / count.sum(), norm).item()


def probability_error(
    confidence: ArrayLike, true_probability: ArrayLike, norm: Norm = "l1"
) -> float:
    """Return how far each confidence is from the true probability of its own event.

    Stricter than calibration: a forecaster who always states the base rate is calibrated, yet
    wrong about every single event. At least as large as `true_calibration_error` in any binning.

    Args:
        confidence: Predicted probabilities `(N,)`.
        true_probability: Probability with which each event truly happens `(N,)`.
        norm: `"l1"`, the mean distance; `"l2"`, its root mean square; `"max"`, the largest.

    Raises:
        ValueError: If an argument has a wrong shape, is empty, out of range or unknown.
        TypeError: If an argument does not hold numbers.

    Example:
        >>> round(probability_error([0.9, 0.9, 0.6], [0.7, 0.9, 0.6]), 3)
        0.067
    """
    require_choice(norm, ("l1", "l2", "max"), "norm")
    confidence, truth = _as_confidence_and_truth(confidence, true_probability)
    distance = truth.double() - confidence.double()
    return norm_of_gaps(distance, torch.ones_like(distance) / len(distance), norm).item()


def _as_confidence_and_truth(
    confidence: ArrayLike, true_probability: ArrayLike
) -> tuple[Tensor, Tensor]:
    confidence = as_confidence(confidence)
    truth = as_confidence(true_probability, "true_probability")
    require_same_length(confidence=confidence, true_probability=truth)
    return confidence, truth.to(confidence.device)


def norm_of_gaps(gap: Tensor, weight: Tensor, norm: Norm) -> Tensor:
    """Reduce the gaps `(..., B)` of the bins, of weights `(B,)`, to one number `(...)`."""
    if norm == "max":
        return gap.abs().amax(dim=-1)
    if norm == "l2":
        return (weight * gap.square()).sum(dim=-1).sqrt()
    return (weight * gap.abs()).sum(dim=-1)
