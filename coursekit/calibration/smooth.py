r"""Calibration errors without bins: smoothed, and by a kernel.

Bins have borders, and an error that jumps when a prediction crosses one. Both errors here change
smoothly. They start from the residuals $r_i = y_i - c_i$, outcome minus confidence, and ask
whether residuals of nearby confidences agree in sign:

$$\mathrm{smECE}_\sigma = \int_0^1 \Bigl|\frac1N \sum_i K_\sigma(c_i, t)\, r_i\Bigr| \, dt,
  \qquad
  \mathrm{KCE}^2 = \frac1{N^2} \sum_{i, j} r_i\, r_j\, e^{-|c_i - c_j| / h} .$$
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from coursekit.calibration._validation import ArrayLike, as_confidence_and_correct, as_number

#: Points of the grid on which residuals are smoothed. A power of two, for the Fourier transform.
_GRID = 2**14
#: Halvings of [0, 1], which contains the bandwidth that equals its own error.
_BISECTIONS = 40
#: exp(1 / h) must be a float64, with room to spare.
_SMALLEST_BANDWIDTH = 1e-2


def smooth_calibration_error(
    confidence: ArrayLike, correct: ArrayLike, bandwidth: float | None = None
) -> float:
    """Return the smooth calibration error (smECE).

    A bandwidth takes the place of the bins, and by default it needs no choice: smoothing more
    makes the error smaller, and the one bandwidth at which error and bandwidth are equal is used.
    The result is within a constant factor of how far the confidences are from calibrated ones.

    Args:
        confidence: Predicted probabilities `(N,)`.
        correct: Whether each prediction came true `(N,)`, bool or 0 and 1.
        bandwidth: Standard deviation of the Gaussian kernel, reflected at 0 and 1; at least
            0.001. Without it, the one that equals the error.

    Raises:
        ValueError: If an argument has a wrong shape, is empty, or has values out of range.
        TypeError: If an argument does not hold numbers.

    Reference:
        J. Błasiok, P. Nakkiran, "Smooth ECE: principled reliability diagrams via kernel
        smoothing", ICLR 2024 (arXiv 2309.12236), definition 9. Their package relplot stops at
        a bandwidth within 1/1024; here the equation is solved.

    Example:
        >>> round(smooth_calibration_error([0.9, 0.9, 0.9, 0.9], [1, 1, 1, 0]), 3)
        0.15
    """
    if bandwidth is not None:
        bandwidth = as_number(bandwidth, "bandwidth", least=1e-3)
    spectrum = _residual_spectrum(*_residuals(confidence, correct))
    if bandwidth is not None:
        return _smoothed_error(spectrum, bandwidth)
    low, high = 0.0, 1.0
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        low, high = (middle, high) if _smoothed_error(spectrum, middle) > middle else (low, middle)
    return _smoothed_error(spectrum, high)


def kernel_calibration_error(
    confidence: ArrayLike,
    correct: ArrayLike,
    bandwidth: float = 0.4,
    *,
    debiased: bool = False,
    squared: bool = False,
) -> float:
    """Return the kernel calibration error (MMCE, SKCE) with a Laplace kernel.

    Every pair of predictions is compared, yet sorting makes it cost N log N. The plain estimate
    contains each prediction paired with itself, which adds chance. `debiased` leaves those pairs
    out: the square is then right on average, and may be negative; its root is taken as 0.

    Args:
        confidence: Predicted probabilities `(N,)`.
        correct: Whether each prediction came true `(N,)`, bool or 0 and 1.
        bandwidth: Scale h of the kernel exp(-|distance| / h), at least 0.01.
        debiased: Leave out the pairs of a prediction with itself. Needs two predictions.
        squared: Return the square.

    Raises:
        ValueError: If an argument has a wrong shape, is empty, or has values out of range.
        TypeError: If an argument does not hold numbers.

    Reference:
        A. Kumar, S. Sarawagi, U. Jain, "Trainable calibration measures for neural networks from
        kernel mean embeddings", ICML 2018 (MMCE); D. Widmann, F. Lindsten, D. Zachariah,
        "Calibration tests in multi-class classification", NeurIPS 2019 (unbiased).

    Example:
        >>> round(kernel_calibration_error([0.9, 0.9, 0.9, 0.9], [1, 1, 1, 0]), 3)
        0.15
    """
    bandwidth = as_number(bandwidth, "bandwidth", least=_SMALLEST_BANDWIDTH)
    confidence, residual = _residuals(confidence, correct)
    n = len(residual)
    if debiased and n < 2:
        raise ValueError("at least 2 predictions are needed for a debiased error, found 1")
    confidence, order = confidence.sort()
    residual = residual[order]
    # For c_j <= c_i the kernel is a product, exp(c_j / h) exp(-c_i / h): one running sum.
    scale = (confidence / bandwidth).exp()
    below = (residual * scale).cumsum(0) - residual * scale
    pairs = 2 * (residual * below / scale).sum()
    own = residual.square().sum()
    square = (pairs / (n * (n - 1)) if debiased else (pairs + own) / n**2).item()
    return square if squared else max(square, 0.0) ** 0.5


def _residuals(confidence: ArrayLike, correct: ArrayLike) -> tuple[Tensor, Tensor]:
    """Return confidence and outcome minus confidence `(N,)`, both float64."""
    confidence, correct = as_confidence_and_correct(confidence, correct)
    confidence = confidence.double()
    return confidence, correct.double() - confidence


def _residual_spectrum(confidence: Tensor, residual: Tensor) -> Tensor:
    """Return the cosine series `(_GRID + 1,)` of the residuals, shared out on a grid over [0, 1].

    Each residual goes to the two grid points beside it, in proportion. Reflected at 0 and 1 the
    residuals have period 2, and the Fourier transform of a reflected row holds only cosines.
    """
    position = confidence * _GRID
    left = position.long().clamp(max=_GRID - 1)
    share = position - left
    grid = torch.zeros(_GRID + 1, dtype=torch.float64, device=confidence.device)
    grid.index_add_(0, left, residual * (1 - share)).index_add_(0, left + 1, residual * share)
    # The ends are their own mirror images: what lies there counts twice.
    grid[0] *= 2
    grid[-1] *= 2
    return torch.fft.rfft(torch.cat([grid, grid[1:-1].flip(0)])).real / len(confidence)


def _smoothed_error(spectrum: Tensor, bandwidth: float) -> float:
    """Return the integral of the absolute smoothed residual over [0, 1]."""
    frequency = math.pi * torch.arange(_GRID + 1, dtype=torch.float64, device=spectrum.device)
    damped = spectrum * torch.exp(-0.5 * (frequency * bandwidth).square())
    smoothed = torch.fft.irfft(damped, n=2 * _GRID)[: _GRID + 1].abs()
    error = (smoothed.sum() - (smoothed[0] + smoothed[-1]) / 2).item()
    return min(error, 1.0)  # which rounding may exceed in the last digit
