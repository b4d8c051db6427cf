"""Minimise a smooth function of a few thousand numbers: L-BFGS, gradients by autograd."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from scipy.optimize import minimize as scipy_minimize
from torch import Tensor

#: At the optimum the largest slope is below this, in nats for each unit of a parameter.
_SLOPE_TOLERANCE = 1e-5
_MAX_ITERATIONS = 2000


def minimize(
    loss: Callable[[Tensor], Tensor], start: Tensor, lower: Sequence[float | None] | None = None
) -> tuple[Tensor, bool, int]:
    """Return where `loss` is smallest, whether that was reached, and the number of iterations.

    Deterministic and in float64.

    Args:
        loss: Function of the parameters `(P,)` that autograd can differentiate.
        start: First guess `(P,)`; it decides along directions in which the loss is flat.
        lower: A lower bound for each parameter, or None where there is none.
    """

    def value_and_slope(values: np.ndarray) -> tuple[float, np.ndarray]:
        parameters = torch.tensor(values, device=start.device, requires_grad=True)
        with torch.enable_grad():
            value = loss(parameters)
            (slope,) = torch.autograd.grad(value, parameters)
        return value.item(), slope.cpu().numpy()

    found = scipy_minimize(
        value_and_slope,
        start.double().cpu().numpy(),
        jac=True,
        method="L-BFGS-B",
        bounds=None if lower is None else [(bound, None) for bound in lower],
        # No stop on a small gain: a long, flat valley would be left half-way.
        options={
            "ftol": 0.0,
            "gtol": 1e-8,
            "maxiter": _MAX_ITERATIONS,
            "maxfun": 2 * _MAX_ITERATIONS,
        },
    )
    slope = found.jac
    if lower is not None:  # a bound that holds the parameter back is no lack of convergence
        at_bound = [
            bound is not None and x <= bound for bound, x in zip(lower, found.x, strict=True)
        ]
        slope = np.where(at_bound, np.minimum(slope, 0.0), slope)
    converged = bool(np.abs(slope).max() <= _SLOPE_TOLERANCE)
    return torch.from_numpy(found.x).to(start.device), converged, int(found.nit)
