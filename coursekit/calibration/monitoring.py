r"""Watching calibration as answers come in: a control chart of confidence minus correctness.

While a model is calibrated, $x_t = c_t - y_t$ (confidence minus 1 or 0) is 0 on average. The
one-sided CUSUM adds up what exceeds a slack $k$ and never falls below 0,

$$S_0 = 0, \qquad S_t = \max(0,\; S_{t-1} + x_t - k) ,$$

and alarms where $S_t > h$. A shift of more than $k$ makes it climb. How long it stays silent
without any shift, its *average run length*, is measured, not guessed.
"""

from __future__ import annotations

import torch
from torch import Tensor

from coursekit.calibration._validation import ArrayLike, as_number, to_tensor


def cusum(excess: ArrayLike, slack: float) -> Tensor:
    """Return the CUSUM after each value, of one stream or of many at once.

    Args:
        excess: Confidence minus correctness, in the order of time `(T,)`, or of R streams `(R, T)`.
        slack: What each value may exceed 0 by, k: half the shift that is to be noticed.

    Raises:
        ValueError: If the shape is wrong, a number is not finite, or the slack negative.
        TypeError: If an argument does not hold numbers.

    Reference:
        E. S. Page, "Continuous inspection schemes", Biometrika 41, 1954.

    Example:
        >>> cusum([0.5, -0.75, 0.5, 0.5], slack=0.125)
        tensor([0.3750, 0.0000, 0.3750, 0.7500], dtype=torch.float64)
    """
    values = to_tensor(excess, "excess").double()
    if values.ndim not in (1, 2) or values.numel() == 0:
        raise ValueError(f"excess must have shape (T,) or (R, T), found {tuple(values.shape)}")
    if not values.isfinite().all():
        raise ValueError("excess must be finite, found NaN or infinity")
    # S is the random walk minus its lowest point so far, which is at most its start, 0.
    walk = (values - as_number(slack, "slack", 0)).cumsum(dim=-1)
    return walk - walk.cummin(dim=-1).values.clamp(max=0)


def run_lengths(excess: ArrayLike, slack: float, limit: float) -> Tensor:
    """Return after how many values each stream first alarms; T + 1 where it never does.

    Args:
        excess: As in `cusum`, `(T,)` or `(R, T)`.
        slack: As in `cusum`.
        limit: The chart alarms above this, h.

    Raises:
        ValueError, TypeError: As `cusum`; also if the limit is negative.

    Example:
        >>> run_lengths([[0.5, 0.5, 0.5], [-0.5, -0.5, -0.5]], slack=0.125, limit=0.5)
        tensor([2, 4])
    """
    path = cusum(excess, slack)
    alarms = path > as_number(limit, "limit", 0)
    never = torch.ones_like(alarms[..., :1])
    return torch.cat([alarms, never], dim=-1).int().argmax(dim=-1) + 1
