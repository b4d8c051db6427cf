"""The temperature that suits best, from sums of likelihoods at a few known ones.

A text of any length leaves one number for each temperature of a grid, and these numbers add up over
texts, processes and resamples. `TemperatureScaling` fits logits that were kept, exactly.
"""

from __future__ import annotations

import torch
from scipy.interpolate import CubicSpline
from torch import Tensor

#: Temperatures at which the likelihood is read off: 1/4 to 8, three to an octave.
OCTAVE = 3
TEMPERATURES = tuple(2.0 ** (k / OCTAVE) for k in range(-2 * OCTAVE, 3 * OCTAVE + 1))


def best_temperature(nll: Tensor) -> Tensor:
    """Temperatures that minimise likelihoods known at `TEMPERATURES`, `(..., G)` to `(...)`.

    Between the known points the curve over ln T is a cubic spline; its minimum is within one per
    cent of the exact one for curves as smooth as these. No minimum inside the range gives its end.

    Example:
        >>> nll = torch.tensor(TEMPERATURES, dtype=torch.float64).log().square()
        >>> round(best_temperature(nll).item(), 6)
        1.0
    """
    known = torch.tensor(TEMPERATURES, dtype=torch.float64).log()
    fine = torch.linspace(known[0], known[-1], 2001, dtype=torch.float64)
    curve = torch.from_numpy(CubicSpline(known.numpy(), nll.numpy(), axis=-1)(fine.numpy()))
    best = curve.argmin(dim=-1, keepdim=True)
    # The parabola through the lowest point and its neighbours, so that the result is continuous.
    middle = best.clamp(1, len(fine) - 2)
    left, centre, right = (curve.gather(-1, middle + k) for k in (-1, 0, 1))
    bend = (left - 2 * centre + right).clamp(min=1e-300)
    shift = ((left - right) / (2 * bend)).clamp(-1, 1) * (best == middle)
    return (fine[best] + shift * (fine[1] - fine[0])).exp().squeeze(-1)
