"""The one way to draw from a law: throw a dart at its probabilities, laid end to end.

Outcome i covers an interval as long as its probability, so a number that is uniform in [0, 1) falls
into it just that often. Whoever draws brings the numbers: there is no hidden randomness here, and
the same numbers draw the same outcomes on every machine.
"""

from __future__ import annotations

import torch
from torch import Tensor


def throw_darts(laws: Tensor, darts: Tensor) -> Tensor:
    """Return the outcome that each dart hits.

    Args:
        laws: Probabilities `(..., V)`, best in float64; they may sum to a hair off 1.
        darts: Numbers in [0, 1), `(..., n)`: n for each law.

    Returns:
        Indices `(..., n)`, from 0 to V - 1; an outcome of probability 0 is never hit.

    Raises:
        ValueError: If a law holds NaN or infinity, or sums to 0.

    Example:
        >>> throw_darts(torch.tensor([0.2, 0.0, 0.8]), torch.tensor([0.1, 0.2, 0.9]))
        tensor([0, 2, 2])
    """
    ends = laws.cumsum(dim=-1)
    total = ends[..., -1:]
    if not ((total > 0) & (total < torch.inf)).all():
        raise ValueError(
            "laws must be finite with a positive sum, found NaN, infinity or nothing but 0. Did "
            "the model's training diverge, or is its precision too short (try float32)?"
        )
    # The first end beyond the dart; the dart is stretched, as rounding leaves the last end near 1.
    return torch.searchsorted(ends, darts.to(ends) * total, right=True)
