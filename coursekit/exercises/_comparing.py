"""Compare a learner's result with the expected one, and say in words how they differ.

Numbers agree when |found - expected| <= atol + rtol |expected|, the rule of `torch.allclose`; whole
numbers have rtol = 0. Python numbers, NumPy numbers and tensors of shape () count as the same kind,
and so do tensors and arrays, lists and tuples; a tensor will do for a list of the same numbers.
NaN agrees with NaN only.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from typing import Any

from coursekit._language import tr

__all__ = ["a_kind", "difference", "has_blank", "is_data", "kind", "same", "show"]

RTOL = 1e-4
ATOL = 1e-5


def same(expected: Any, found: Any, *, rtol: float = RTOL, atol: float = ATOL) -> bool:
    """Return whether the two agree.

    Example:
        >>> same([0.5, "a"], (0.500001, "a"))
        True
        >>> same(20_000, 20_001)
        False
    """
    return next(_differences(expected, found, rtol, atol), None) is None


def difference(expected: Any, found: Any, *, rtol: float = RTOL, atol: float = ATOL) -> str | None:
    """Say where the two differ first, and how: the kind, the size, or the values; None if nowhere.

    Example:
        >>> difference([[1, 2], [3, 4]], [[1, 2], [4, 3]])
        'at [1, 0]: expected 3, found 4 (and 1 more)'
    """
    differences = list(_differences(expected, found, rtol, atol))
    if not differences:
        return None
    first, more = differences[0], sum(one.places for one in differences) - 1
    words = first.words
    if first.path:
        words = tr("at [{place}]: {difference}", place=", ".join(first.path), difference=words)
    return tr("{difference} (and {more} more)", difference=words, more=more) if more else words


@dataclass(frozen=True)
class _Difference:
    """What differs at one place, or at the first of several, inside nested values.

    Attributes:
        path: The indices and keys that lead there.
    """

    words: str
    path: tuple[str, ...] = ()
    places: int = 1


def _differences(expected: Any, found: Any, rtol: float, atol: float) -> Iterator[_Difference]:
    """Give the differences in order; of a tensor's elements, the first and how many there are."""
    expected, found = _plain(expected), _plain(found)
    if kind(expected) == "list" and kind(found) == "tensor":
        found = found.tolist()
    if kind(expected) != kind(found):
        yield _expected(a_kind(expected), a_kind(found))
        return
    match kind(expected):
        case "tensor":
            yield from _differences_of_tensors(expected, found, rtol, atol)
        case "number":
            if not _numbers_agree(expected, found, rtol, atol):
                yield _values(expected, found)
        case "list":
            if len(expected) != len(found):
                yield _expected(_items(expected), _items(found))
                return
            for index, (one, other) in enumerate(zip(expected, found, strict=True)):
                yield from _inside(str(index), _differences(one, other, rtol, atol))
        case "dict":
            if set(expected) != set(found):
                wanted, there = show(list(expected)), show(list(found))
                yield _Difference(
                    tr("expected the keys {wanted}, found {found}", wanted=wanted, found=there)
                )
                return
            for key in expected:
                values = expected[key], found[key]
                yield from _inside(show(key), _differences(*values, rtol, atol))
        case _:
            if expected != found:
                yield _values(expected, found)


def _inside(place: str, differences: Iterator[_Difference]) -> Iterator[_Difference]:
    for one in differences:
        yield _Difference(one.words, (place, *one.path), one.places)


def _values(expected: Any, found: Any) -> _Difference:
    """Say both values, or of long ones the part that tells them apart."""
    one, other = show(expected), show(found)
    if one == other:
        one, other = repr(expected), repr(found)
        pairs = enumerate(zip(one, other, strict=False))
        start = max(0, next((i for i, (a, b) in pairs if a != b), 0) - 20)
        one, other = (f"{'...' * (start > 0)}{text[start:]:.60}" for text in (one, other))
    if one == other:
        return _Difference(
            tr("found {found}, which prints like what was expected but is not equal", found=other)
        )
    return _expected(one, other)


def _expected(wanted: str, found: str) -> _Difference:
    return _Difference(tr("expected {wanted}, found {found}", wanted=wanted, found=found))


def _numbers_agree(expected: float, found: float, rtol: float, atol: float) -> bool:
    if not (math.isfinite(expected) and math.isfinite(found)):
        return expected == found or (math.isnan(expected) and math.isnan(found))
    reach = atol + (0 if isinstance(expected, int) else rtol * abs(expected))
    return abs(found - expected) <= reach


def _differences_of_tensors(
    expected: Any, found: Any, rtol: float, atol: float
) -> Iterator[_Difference]:
    import torch

    if expected.shape != found.shape:
        shapes = {"wanted": tuple(expected.shape), "found": tuple(found.shape)}
        yield _Difference(tr("expected the shape {wanted}, found {found}", **shapes))
        return
    if not (expected.is_floating_point() or expected.is_complex()):
        rtol = 0
    wide = torch.complex128 if expected.is_complex() or found.is_complex() else torch.float64
    agree = torch.isclose(found.to(wide), expected.to(wide), rtol=rtol, atol=atol, equal_nan=True)
    places = (~agree).nonzero().tolist()
    if places:
        first = tuple(places[0])
        words = _values(expected[first].item(), found[first].item()).words
        yield _Difference(words, tuple(map(str, first)), len(places))


def _plain(value: Any) -> Any:
    """Return numbers of every library as Python numbers, arrays as tensors, the rest as it is."""
    if hasattr(value, "detach"):
        return value.item() if value.ndim == 0 else value.detach().cpu()
    if hasattr(value, "dtype") and hasattr(value, "tolist"):
        if value.ndim == 0:
            return value.item()
        if value.dtype.kind in "biufc":
            import torch

            return torch.from_numpy(value.copy())
    return value


def kind(value: Any) -> str:
    """Return what a value counts as: "number", "tensor", "list", "dict", or its type's name.

    Example:
        >>> kind((1, 2)), kind(0.5), kind("x")
        ('list', 'number', 'str')
    """
    value = _plain(value)
    if isinstance(value, (bool, int, float)):
        return "number"
    if hasattr(value, "detach"):
        return "tensor"
    if isinstance(value, (list, tuple)):
        return "list"
    return "dict" if isinstance(value, Mapping) else type(value).__name__


def is_data(value: Any) -> bool:
    """Return whether values of this kind can be compared by content (a model, say, cannot).

    Example:
        >>> is_data({1, 2}), is_data(object())
        (True, False)
    """
    return kind(value) in {"number", "tensor", "list", "dict", "str"} or isinstance(value, Set)


def a_kind(value: Any) -> str:
    """Return the kind of a value as a noun.

    Example:
        >>> a_kind(0.5), a_kind([1]), a_kind(None)
        ('a number', 'a list', 'None')
    """
    value = _plain(value)
    if value is None:
        return "None"
    if hasattr(value, "detach"):
        return tr("a tensor of shape {shape}", shape=tuple(value.shape))
    if kind(value) == "number":
        return tr("a number")
    name = type(value).__name__
    return tr("an {kind}" if name[0] in "aeiou" else "a {kind}", kind=name)


def _items(values: Any) -> str:
    return tr("1 item") if len(values) == 1 else tr("{count} items", count=len(values))


def show(value: Any, limit: int = 80) -> str:
    """Return a value in one short line, tensors in four digits; a large tensor by its shape.

    Example:
        >>> show([1 / 3, "a"])
        "[0.333333, 'a']"
        >>> show(list(range(1000)), limit=20)
        '[0, 1, 2, 3, 4, 5...'
    """
    value = _plain(value)
    text = ""
    for piece in _pieces(value, digits=6):
        text += re.sub(r"\s+", " ", piece)
        if len(text) > limit:
            break
    if len(text) <= limit:
        return text
    return a_kind(value) if hasattr(value, "detach") else f"{text[: limit - 3]}..."


def _pieces(value: Any, digits: int) -> Iterator[str]:
    """Give the text of a value bit by bit: it may be longer than anybody will read."""
    value = _plain(value)
    if hasattr(value, "detach"):
        if value.numel() <= 100:
            yield from _pieces(value.tolist(), digits=4)
        else:
            yield a_kind(value)
    elif isinstance(value, float):
        yield f"{value:.{digits}g}"
    elif isinstance(value, (list, tuple)):
        before, after = "[]" if isinstance(value, list) else "()"
        yield before
        for index, item in enumerate(value):
            yield ", " * (index > 0)
            yield from _pieces(item, digits)
        yield after
    else:
        yield repr(value)


def has_blank(value: Any) -> bool:
    """Return whether a result still holds the `...` of a stub.

    Example:
        >>> has_blank([1, (2, ...)])
        True
    """
    todo, seen = [value], set()  # a list may hold another one twice, or itself
    while todo:
        item = todo.pop()
        if item is ...:
            return True
        if isinstance(item, (list, tuple)) and id(item) not in seen:
            seen.add(id(item))
            todo.extend(item)
    return False
