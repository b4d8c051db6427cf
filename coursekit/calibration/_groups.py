"""Sums for each group of rows, such as the documents that tokens belong to."""

from __future__ import annotations

import torch
from torch import Tensor

from coursekit.calibration._validation import ArrayLike, to_tensor


def sum_by_group(values: Tensor, groups: Tensor, n_groups: int) -> Tensor:
    """Add the rows of `values (N, B)` that belong to each group: `(G, B)`."""
    total = values.new_zeros(n_groups, values.shape[1])
    return total.index_add_(0, groups, values)


def as_groups(value: ArrayLike | None, n_groups: int, rows: Tensor) -> Tensor:
    """Return one group number a row `(N,)`, int64; all 0 if there is but one."""
    if value is None:
        if n_groups > 1:
            raise ValueError(f"groups (N,) must be given, since n_groups is {n_groups}")
        return torch.zeros(len(rows), dtype=torch.int64, device=rows.device)
    groups = as_whole_numbers(value, "groups", rows)
    if groups.max() >= n_groups:
        raise ValueError(
            f"groups must lie in 0 .. {n_groups - 1}, found {groups.max()}. Set n_groups to the "
            "number of groups of the whole data set"
        )
    return groups


def as_whole_numbers(value: ArrayLike, name: str, rows: Tensor) -> Tensor:
    """Return one whole number of at least 0 for each row `(N,)`, int64."""
    numbers = to_tensor(value, name)
    if numbers.is_floating_point() or numbers.dtype == torch.bool:
        raise TypeError(f"{name} must be integers, found {numbers.dtype}")
    if numbers.shape != (len(rows),):
        raise ValueError(
            f"{name} must have shape ({len(rows)},), one entry a row, found {tuple(numbers.shape)}"
        )
    if numbers.min() < 0:
        raise ValueError(f"{name} must not be negative, found {numbers.min()}")
    return numbers.to(rows.device, torch.int64)
