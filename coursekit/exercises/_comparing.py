"""Compare a learner's result with the expected one, and say in words how they differ.

Numbers agree when |got - expected| <= atol + rtol |expected|, the rule of `torch.allclose`; whole
numbers have rtol = 0. Python numbers, NumPy numbers and tensors of shape () count as the same kind,
and so do tensors and arrays, lists and tuples. NaN agrees with NaN only.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Set
from typing import Any

__all__ = ["a_kind", "difference", "has_blank", "is_data", "kind", "same", "show"]

RTOL = 1e-4
ATOL = 1e-5


def same(expected: Any, got: Any, *, rtol: float = RTOL, atol: float = ATOL) -> bool:
    """Whether the two agree."""
    return difference(expected, got, rtol=rtol, atol=atol) is None


def difference(expected: Any, got: Any, *, rtol: float = RTOL, atol: float = ATOL) -> str | None:
    """How `got` differs from `expected`: kind first, then shape, then values; None if none."""
    expected, got = _plain(expected), _plain(got)
    if kind(expected) != kind(got):
        return f"expected {a_kind(expected)}, got {a_kind(got)}"
    match kind(expected):
        case "tensor":
            if expected.shape != got.shape:
                return f"expected the shape {tuple(expected.shape)}, got {tuple(got.shape)}"
            agree = _tensors_agree(expected, got, rtol, atol)
        case "number":
            agree = _numbers_agree(expected, got, rtol, atol)
        case "list":
            if len(expected) != len(got):
                return f"expected {_items(expected)}, got {_items(got)}"
            pairs = zip(expected, got, strict=True)
            agree = all(same(one, other, rtol=rtol, atol=atol) for one, other in pairs)
        case "dict":
            if set(expected) != set(got):
                return f"expected the keys {show(list(expected))}, got {show(list(got))}"
            agree = all(same(expected[k], got[k], rtol=rtol, atol=atol) for k in expected)
        case _:
            agree = bool(expected == got)
    return None if agree else f"expected {show(expected)}, got {show(got)}"


def _numbers_agree(expected: float, got: float, rtol: float, atol: float) -> bool:
    if not (math.isfinite(expected) and math.isfinite(got)):
        return expected == got or (math.isnan(expected) and math.isnan(got))
    reach = atol + (0 if isinstance(expected, int) else rtol * abs(expected))
    return abs(got - expected) <= reach


def _tensors_agree(expected: Any, got: Any, rtol: float, atol: float) -> bool:
    import torch

    if not (expected.is_floating_point() or expected.is_complex()):
        rtol = 0
    wide = torch.complex128 if expected.is_complex() or got.is_complex() else torch.float64
    return torch.allclose(got.to(wide), expected.to(wide), rtol=rtol, atol=atol, equal_nan=True)


def _plain(value: Any) -> Any:
    """Numbers of every library as Python numbers, arrays as tensors, the rest as it is."""
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
    """Return what a value counts as: "number", "tensor", "list", "dict", or its type's name."""
    value = _plain(value)
    if isinstance(value, (bool, int, float)):
        return "number"
    if hasattr(value, "detach"):
        return "tensor"
    if isinstance(value, (list, tuple)):
        return "list"
    return "dict" if isinstance(value, Mapping) else type(value).__name__


def is_data(value: Any) -> bool:
    """Whether values of this kind can be compared by content (a model, say, cannot)."""
    return kind(value) in {"number", "tensor", "list", "dict", "str"} or isinstance(value, Set)


def a_kind(value: Any) -> str:
    """Return the kind of a value as a noun: "a tensor of shape (2, 3)"."""
    value = _plain(value)
    if hasattr(value, "detach"):
        return f"a tensor of shape {tuple(value.shape)}"
    if kind(value) == "number":
        return "a number"
    name = type(value).__name__
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def _items(values: Any) -> str:
    return f"{len(values)} item{'s' * (len(values) != 1)}"


def show(value: Any, limit: int = 80) -> str:
    """Return a value in one short line, tensors in four digits; a large tensor by its shape."""
    value = _plain(value)
    text = " ".join(_text(value, digits=6).split())
    if len(text) <= limit:
        return text
    return a_kind(value) if hasattr(value, "detach") else f"{text[: limit - 3]}..."


def _text(value: Any, digits: int) -> str:
    value = _plain(value)
    if hasattr(value, "detach"):
        return _text(value.tolist(), digits=4) if value.numel() <= 100 else a_kind(value)
    if isinstance(value, float):
        return f"{value:.{digits}g}"
    if isinstance(value, (list, tuple)):
        inner = ", ".join(_text(item, digits) for item in value[:100])
        return f"[{inner}]" if isinstance(value, list) else f"({inner})"
    return repr(value)


def has_blank(value: Any) -> bool:
    """Whether a result still holds the `...` of a stub."""
    if isinstance(value, (list, tuple)):
        return any(has_blank(item) for item in value)
    return value is ...
