r"""Calibration beyond the top label: every class, or the k most probable ones.

A model may be calibrated on its first choice and wrong on all others. Class-wise calibration asks
of each class $c$ in turn: where the model gives it probability $p$, does it come true with $p$?
Top-k calibration asks it of the event that the truth is among the k most probable classes.
"""

from __future__ import annotations

import torch

from coursekit._checks import as_count
from coursekit.calibration._blocks import row_blocks
from coursekit.calibration._validation import ArrayLike, as_probs_and_labels
from coursekit.calibration.bins import Binning, reliability_bins
from coursekit.calibration.errors import Norm, expected_calibration_error


def classwise_calibration_error(
    probs: ArrayLike,
    labels: ArrayLike,
    n_bins: int = 15,
    binning: Binning = "uniform",
    norm: Norm = "l1",
) -> float:
    """Return the calibration error of each class as an event of its own, averaged over classes.

    With many classes most probabilities are near 0, and so is this number: compare it only
    between models with the same classes. It is not the `expected_calibration_error` of the top
    label; libraries that are given two columns differ in which of the two they mean.

    Args:
        probs: Probabilities `(N, C)`; each row sums to 1 within 1e-4.
        labels: The true classes `(N,)`, integers in 0 .. C - 1.
        n_bins: Number of bins of each class.
        binning: `"uniform"`, `"quantile"` or `"discrete"`, see `reliability_bins`.
        norm: `"l1"`, `"l2"` or `"max"`, as in `expected_calibration_error`.

    Raises:
        ValueError, TypeError: As `top_label`; or if an option is out of range or unknown.

    Reference:
        M. Kull et al., "Beyond temperature scaling", NeurIPS 2019, section 2 (classwise-ECE);
        called SCE in J. Nixon et al., "Measuring calibration in deep learning", CVPR Workshops
        2019.

    Example:
        >>> probs, labels = [[0.7, 0.2, 0.1], [0.2, 0.5, 0.3]], [0, 2]
        >>> round(classwise_calibration_error(probs, labels), 3)
        0.333
    """
    probs, labels = as_probs_and_labels(probs, labels)
    errors = [
        expected_calibration_error(column, labels == c, n_bins, binning, norm)
        for c, column in enumerate(probs.unbind(dim=1))
    ]
    return sum(errors) / len(errors)


def adaptive_calibration_error(probs: ArrayLike, labels: ArrayLike, n_bins: int = 15) -> float:
    """Return the class-wise error with quantile bins that all count the same (ACE).

    "ACE" has three meanings in libraries: this one; the mean gap of bins of equal width, for the
    top label only (netcal); and the ECE with quantile bins. Here, as in the paper, the gaps are
    averaged over all classes and all bins, without weights. Equal probabilities are never split
    between bins, and bins that stay empty for that reason are left out of the average.

    Args:
        probs: Probabilities `(N, C)`; each row sums to 1 within 1e-4.
        labels: The true classes `(N,)`, integers in 0 .. C - 1.
        n_bins: Number of bins of each class.

    Raises:
        ValueError, TypeError: As `top_label`; or if `n_bins` is not a whole number of at least 1.

    Reference:
        J. Nixon, M. Dusenberry, L. Zhang, G. Jerfel, D. Tran, "Measuring calibration in deep
        learning", CVPR Workshops 2019, equation 3.

    Example:
        >>> probs, labels = [[0.7, 0.2, 0.1], [0.2, 0.5, 0.3]], [0, 2]
        >>> round(adaptive_calibration_error(probs, labels, n_bins=1), 3)
        0.233
    """
    probs, labels = as_probs_and_labels(probs, labels)
    errors = []
    for c, column in enumerate(probs.unbind(dim=1)):
        bins = reliability_bins(column, labels == c, n_bins, "quantile")
        errors.append(bins.gap[bins.count > 0].abs().mean().item())
    return sum(errors) / len(errors)


def top_k_calibration_error(
    probs: ArrayLike,
    labels: ArrayLike,
    k: int,
    n_bins: int = 15,
    binning: Binning = "uniform",
    norm: Norm = "l1",
) -> float:
    """Return the calibration error of the claim that the truth is among the top k classes.

    The confidence of that claim is the sum of the k largest probabilities. With k = 1 it is the
    usual top-label error, with k = C it is 0.

    Args:
        probs: Probabilities `(N, C)`; each row sums to 1 within 1e-4.
        labels: The true classes `(N,)`, integers in 0 .. C - 1.
        k: Number of classes in the claim, 1 .. C. Among equally probable classes the first ones
            are taken, as in `top_label`.
        n_bins: Number of bins.
        binning: `"uniform"`, `"quantile"` or `"discrete"`, see `reliability_bins`.
        norm: `"l1"`, `"l2"` or `"max"`, as in `expected_calibration_error`.

    Raises:
        ValueError, TypeError: As `top_label`; or if an option is out of range or unknown.

    Reference:
        K. Gupta et al., "Calibration of neural networks using splines", ICLR 2021 (there called
        within-top-r).

    Example:
        >>> probs, labels = [[0.7, 0.2, 0.1], [0.2, 0.5, 0.3]], [0, 2]
        >>> round(top_k_calibration_error(probs, labels, k=2), 3)
        0.15
    """
    probs, labels = as_probs_and_labels(probs, labels)
    k = as_count(k, "k", most=probs.shape[1])
    confidence, correct = [], []
    for rows, truth in row_blocks(probs, labels):
        of_truth = rows.gather(1, truth[:, None])
        before = torch.arange(rows.shape[1], device=rows.device) < truth[:, None]
        rank = ((rows > of_truth) | ((rows == of_truth) & before)).sum(dim=1)
        correct.append(rank < k)
        # Rows may sum to a rounding error above 1.
        confidence.append(rows.topk(k, dim=1).values.sum(dim=1).clamp(max=1))
    # Back to the precision of the input, so that a border such as 0.2 is met exactly.
    claims = torch.cat(confidence).to(probs.dtype)
    return expected_calibration_error(claims, torch.cat(correct), n_bins, binning, norm)
