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
            raise ValueError(f"groups (N,) must be given for n_groups of {n_groups}, found None")
        return torch.zeros(len(rows), dtype=torch.int64, device=rows.device)
    groups = to_tensor(value, "groups")
    if groups.is_floating_point() or groups.dtype == torch.bool:
        raise TypeError(f"groups must be integers, found {groups.dtype}")
    if groups.shape != (len(rows),):
        raise ValueError(
            f"groups must have shape ({len(rows)},), one entry a row, found {tuple(groups.shape)}"
        )
    if groups.min() < 0 or groups.max() >= n_groups:
        found = groups.min() if groups.min() < 0 else groups.max()
        raise ValueError(
            f"groups must lie in 0 .. {n_groups - 1}, found {found}. Set n_groups to the number of "
            "groups of the whole data set"
        )
    return groups.to(rows.device, torch.int64)
