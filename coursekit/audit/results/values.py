"""Confidences and outcomes as people write them; what is neither is said, not guessed."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Hashable, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Keys: TypeAlias = NDArray[np.uint64]
#: Why a row cannot be read, by its place.
Reasons: TypeAlias = dict[int, str]

#: A sum of rounded probabilities may be off by so much.
ROUNDING = 0.011
_TRUTHS: dict[Hashable, bool] = {
    **dict.fromkeys((1, "1", "1.0", "true", "t", "yes", "y", "correct", "right"), True),
    **dict.fromkeys((0, "0", "0.0", "false", "f", "no", "n", "incorrect", "wrong"), False),
}


def as_numbers(values: Sequence[Any], what: str) -> tuple[Floats, Reasons]:
    """Return numbers `(N,)`, NaN where there is none, and why.

    Example:
        >>> as_numbers(["0.5", "high"], "confidence")
        (array([0.5, nan]), {1: "confidence must be a number, found 'high'"})
    """
    if bool not in set(map(type, values)):  # True is no number here, though Python takes it so
        try:
            numbers = np.fromiter(map(float, values), np.float64, len(values))
            places = np.flatnonzero(~np.isfinite(numbers)).tolist()
            return numbers, {place: _reason(values[place], what) for place in places}
        except (TypeError, ValueError, OverflowError):
            pass
    found = np.full(len(values), np.nan)
    reasons = {}
    for place, value in enumerate(values):
        number = _number(value)
        if number is None:
            reasons[place] = _reason(value, what)
        else:
            found[place] = number
    return found, reasons


def _number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _reason(value: Any, what: str) -> str:
    if value is None or (isinstance(value, str) and not value.strip()):
        return f"it has no {what}"
    text = str(value)
    hint = ""
    if "%" in text:
        hint = " (percentages? add --percent)"
    elif isinstance(value, str) and _number(value.replace(",", ".")) is not None:
        hint = " (write a decimal point)"
    return f"{what} must be a number, found {value!r:.60}{hint}"


def as_confidences(values: Sequence[Any], *, percent: bool) -> tuple[Floats, Reasons]:
    """Return confidences `(N,)` in [0, 1], NaN where there is none, and why.

    Args:
        values: Numbers or texts.
        percent: Whether they are percentages, such as 70, "70" or "70 %".

    Example:
        >>> as_confidences(["70 %", "7"], percent=True)[0].tolist()
        [0.7, 0.07]
    """
    if percent:
        values = [v.rstrip().removesuffix("%") if isinstance(v, str) else v for v in values]
    found, reasons = as_numbers(values, "confidence")
    found = found / 100 if percent else found
    with np.errstate(invalid="ignore"):
        outside = np.flatnonzero((found < 0) | (found > 1 + 1e-6)).tolist()
    for place in outside:
        value = values[place]
        hint = " (percentages? add --percent)" if 1 < found[place] <= 100 and not percent else ""
        limits = "0 and 100" if percent else "0 and 1"
        reasons[place] = f"confidence must lie between {limits}, found {value!s:.60}{hint}"
        found[place] = np.nan
    return found.clip(max=1), reasons


def as_truths(values: Sequence[Any]) -> tuple[Floats, Reasons]:
    """Return outcomes `(N,)`, 1 for right, 0 for wrong and NaN for neither, and why.

    Example:
        >>> as_truths(["TRUE", 0, "yes"])[0].tolist()
        [1.0, 0.0, 1.0]
    """
    known: dict[Any, float] = {}

    def truth(value: Any) -> float:
        try:
            if value in known:
                return known[value]
        except TypeError:  # a list, which no dictionary holds
            return math.nan
        key = value.strip().lower() if isinstance(value, str) else value
        known[value] = float(_TRUTHS.get(key, math.nan))
        return known[value]

    found = np.fromiter(map(truth, values), np.float64, len(values))
    return found, {
        place: "it does not say whether it was right"
        if values[place] in (None, "")
        else f"correct must be true or false, 1 or 0, yes or no, found {values[place]!r:.60}"
        for place in np.flatnonzero(np.isnan(found)).tolist()
    }


def as_keys(values: Sequence[Any]) -> Keys:
    """Return a number of 64 bits for each text `(N,)`, the same on every machine.

    Example:
        >>> one, other, again = as_keys(["a", "b", "a"]).tolist()
        >>> one == again != other
        True
    """
    texts = [value if isinstance(value, str) else str(value) for value in values]
    known = {
        text: int.from_bytes(
            hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=8).digest()
        )
        for text in set(texts)
    }
    return np.fromiter(map(known.__getitem__, texts), np.uint64, len(texts))


def keys_of_numbers(numbers: NDArray[np.uint64]) -> Keys:
    """Return a number of 64 bits for each whole number `(N,)`, as if drawn at random.

    Reference:
        G. L. Steele, D. Lea, C. H. Flood, "Fast splittable pseudorandom number generators",
        OOPSLA 2014.

    Example:
        >>> len(set(keys_of_numbers(np.arange(100, dtype=np.uint64)).tolist()))
        100
    """
    with np.errstate(over="ignore"):
        key = (numbers + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        key = (key ^ (key >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        key = (key ^ (key >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return key ^ (key >> np.uint64(31))
