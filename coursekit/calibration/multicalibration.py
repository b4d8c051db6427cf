r"""Calibrate a confidence in many groups at once, groups that overlap among them.

A confidence is *multicalibrated* for a family of groups if, in every group and at every level of
confidence, it is about as often right as it says. Hébert-Johnson et al. get there by patches: find
the group and the bin of confidence with the largest violation, shift the confidences in there by
what is missing, look again. A patch of size $s$ over a share $w$ of the items lowers their Brier
score by $w s^2$, so that the search must end; on items that were not used, nothing is promised.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from coursekit.calibration._validation import (
    ArrayLike,
    as_correct,
    as_n_bins,
    as_n_draws,
    as_number,
    to_tensor,
)


class Patch(NamedTuple):
    """A shift of all confidences in one bin of one group.

    Example:
        >>> Patch(group=0, bin=2, shift=0.25, n_items=4).shift
        0.25
    """

    group: int  #: number of the group, the row of `groups`
    bin: int  #: number of the bin, 0 for the lowest confidences
    shift: float  #: what is added to the confidences, from -1 to 1
    n_items: int  #: on how many items it was found


class Multicalibration:
    """Patch confidences where a group and a bin of confidence miss the accuracy most.

    The violation of a cell (group and bin) is its share of all items, times the distance of its
    mean confidence from its accuracy. Confidences stay within [0, 1]. A small tolerance with small
    groups fits the noise of the items: choose it on others than those you report.

    Args:
        n_bins: Number of equally wide bins of confidence.
        tolerance: No cell is patched whose violation is at most this; not negative.
        max_patches: At most so many patches.

    Raises:
        ValueError: If the tolerance is negative or not finite, or a count is not positive.
        TypeError: If the tolerance is no number, or a count no whole number.

    Reference:
        Ú. Hébert-Johnson, M. Kim, O. Reingold, G. Rothblum, "Multicalibration: calibration for the
        (computationally-identifiable) masses", ICML 2018.

    Example:
        >>> sure, right = [0.9] * 6, [True, True, True, False, False, False]
        >>> groups = [[True, True, True, False, False, False]]
        >>> repair = Multicalibration(n_bins=5, tolerance=0.01).fit(sure, right, groups)
        >>> [round(p, 3) for p in repair.predict(sure, groups).tolist()]
        [1.0, 1.0, 1.0, 0.9, 0.9, 0.9]
    """

    patches_: list[Patch]  #: in the order in which they are applied

    def __init__(self, n_bins: int = 5, tolerance: float = 0.01, max_patches: int = 200) -> None:
        self.n_bins = as_n_bins(n_bins)
        self.tolerance = as_number(tolerance, "tolerance", least=0)
        self.max_patches = as_n_draws(max_patches, "max_patches")

    def fit(self, confidence: ArrayLike, correct: ArrayLike, groups: ArrayLike) -> Multicalibration:
        """Find the patches.

        Args:
            confidence: Probabilities `(N,)`.
            correct: Whether each answer is right `(N,)`, bool or 0 and 1.
            groups: Which items belong to each group `(G, N)`, bool; groups may overlap.

        Raises:
            ValueError: If shapes do not fit, a confidence lies outside [0, 1], or an outcome or a
                membership is neither 0 nor 1.
            TypeError: If an argument does not hold numbers.
        """
        p, members = _checked(confidence, groups)
        right = as_correct(correct).to(p)
        if right.shape != p.shape:
            raise ValueError(
                f"correct must have shape {tuple(p.shape)}, found {tuple(right.shape)}"
            )
        self.patches_ = []
        for _ in range(self.max_patches):
            cells = self._cells(p, members)
            missing = (cells * (right - p)).sum(dim=-1)
            violation = missing.abs() / len(p)
            if violation.max() <= self.tolerance:
                break
            group, which = divmod(int(violation.argmax()), self.n_bins)
            n_items = int(cells[group, which].sum())
            patch = Patch(group, which, missing[group, which].item() / n_items, n_items)
            self.patches_.append(patch)
            p = self._patched(p, members, patch)
        return self

    def predict(self, confidence: ArrayLike, groups: ArrayLike) -> Tensor:
        """Return the confidences `(N,)` after all patches, in float64.

        Args:
            confidence: Probabilities `(N,)`.
            groups: The same groups as in `fit`, of these items `(G, N)`.

        Raises:
            ValueError: If shapes do not fit, or a confidence lies outside [0, 1].
            TypeError: If an argument does not hold numbers.
            AttributeError: Before `fit`.
        """
        p, members = _checked(confidence, groups)
        for patch in self.patches_:
            p = self._patched(p, members, patch)
        return p

    def _cells(self, p: Tensor, members: Tensor) -> Tensor:
        """Which items are in each group and bin `(G, n_bins, N)`."""
        number = (p * self.n_bins).long().clamp(max=self.n_bins - 1)
        return members[:, None] & (number == torch.arange(self.n_bins)[:, None])

    def _patched(self, p: Tensor, members: Tensor, patch: Patch) -> Tensor:
        inside = self._cells(p, members)[patch.group, patch.bin]
        return torch.where(inside, (p + patch.shift).clamp(0, 1), p)


def _checked(confidence: ArrayLike, groups: ArrayLike) -> tuple[Tensor, Tensor]:
    p, members = to_tensor(confidence, "confidence").double(), to_tensor(groups, "groups")
    if p.ndim != 1 or members.ndim != 2 or members.shape[1] != len(p) or not members.numel():
        raise ValueError(
            "confidence must have shape (N,) and groups (G, N), not empty, found "
            f"{tuple(p.shape)} and {tuple(members.shape)}"
        )
    if not ((p >= 0) & (p <= 1)).all():
        raise ValueError("confidence must lie in [0, 1], found values outside or NaN")
    flags = as_correct(members.flatten(), "groups")
    return p, flags.view(members.shape).to(p.device)
