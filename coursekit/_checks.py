"""The one check of a whole number: every count, size and seed of the package goes through here.

Every message reads "NAME must be ..., found ...", so that whoever reads one knows where to look.
"""

from __future__ import annotations

import operator
from typing import Any

#: torch takes seeds below this.
SEED_LIMIT = 2**64


def as_count(value: Any, name: str, *, least: int = 1, most: int | None = None) -> int:
    """Return a whole number that is neither too small nor too large.

    Whatever counts as a whole number in Python passes, `np.int64(3)` and an integer tensor of one
    element too; `True` and `3.0` do not, as they are mistakes more often than counts.

    Raises:
        TypeError: If it is not a whole number.
        ValueError: If it is below `least` or above `most`.

    Example:
        >>> as_count(3, "n_bins")
        3
        >>> as_count(0, "n_bins")
        Traceback (most recent call last):
        ValueError: n_bins must be at least 1, found 0
    """
    kind = str(getattr(value, "dtype", ""))  # of NumPy or torch, neither of which is imported here
    if isinstance(value, bool) or "bool" in kind:
        raise TypeError(f"{name} must be a whole number, found {value!r}")
    try:
        count = operator.index(value)
    except TypeError as error:
        raise TypeError(f"{name} must be a whole number, found {value!r}") from error
    if count < least:
        raise ValueError(f"{name} must be at least {least}, found {count}")
    if most is not None and count > most:
        raise ValueError(f"{name} must be at most {most}, found {count}")
    return count


def as_seed(value: Any, name: str = "seed") -> int:
    """Return a seed: a whole number from 0 up to 2^64 - 1.

    Raises:
        TypeError: If it is not a whole number.
        ValueError: If it is out of range.
    """
    return as_count(value, name, least=0, most=SEED_LIMIT - 1)
