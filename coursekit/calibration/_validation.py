"""Checks of arguments, in one place, so that every public function refuses the same mistakes.

Each check returns the argument as a tensor in the form the caller computes with, or raises an
error that names the argument, what was found, what was expected and what to do. Nothing is
silently repaired: a NaN or a probability of 1.2 is a bug upstream, and clipping would hide it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Real
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor

from coursekit._checks import as_count as as_count, as_seed

#: What the public functions accept: a tensor, a NumPy array or a (nested) list of numbers.
ArrayLike: TypeAlias = Tensor | np.ndarray | list[Any] | tuple[Any, ...]

#: How far the probabilities of one row may sum from 1. Softmax in float32 stays within 1e-6;
#: in half precision it does not, and its probabilities are too coarse for these statistics.
SUM_TOLERANCE = 1e-4

#: More bins than this are a slip of the finger, and 2^40 of them would not fit into memory.
MOST_BINS = 2**24
#: More draws than this change no digit that is shown, and would fill the memory.
MOST_DRAWS = 2**20

#: A value this near to [0, 1] is a rounding error rather than a logit or a percentage.
_ROUNDING = 1e-3

_WIDE_UNSIGNED = (torch.uint16, torch.uint32, torch.uint64)
_NARROW_FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


def to_tensor(value: ArrayLike | float, name: str) -> Tensor:
    """Return numbers as a tensor, without a copy where possible."""
    tensor = value if isinstance(value, Tensor) else _from_numpy(value, name)
    if tensor.is_complex():
        raise TypeError(f"{name} must hold real numbers, found {tensor.dtype}")
    if tensor.layout != torch.strided:
        raise TypeError(
            f"{name} must be a dense tensor, found {tensor.layout}. Call .to_dense() first"
        )
    if tensor.is_meta or tensor.is_quantized or tensor.is_nested:
        kind = "meta" if tensor.is_meta else "quantized" if tensor.is_quantized else "nested"
        raise TypeError(f"{name} must be an ordinary tensor of numbers, found a {kind} tensor")
    if tensor.is_floating_point() and tensor.dtype not in _NARROW_FLOATS:
        raise TypeError(
            f"{name} must have 16 bits a number or more, found {tensor.dtype}. Call .float() first"
        )
    # The MPS backend has no float64, in which all sums are taken.
    tensor = tensor.detach().cpu() if tensor.device.type == "mps" else tensor.detach()
    return _as_int64(tensor, name) if tensor.dtype in _WIDE_UNSIGNED else tensor


def _from_numpy(value: Any, name: str) -> Tensor:
    """Return what is no tensor as one, through NumPy: a list of floats keeps its 64 bits."""
    if isinstance(value, np.ma.MaskedArray):  # what it hides would be counted
        raise TypeError(
            f"{name} must be an array without a mask, found a masked array. Keep the entries that "
            "count, with .compressed() or by an index"
        )
    if hasattr(value, "toarray"):
        raise TypeError(
            f"{name} must be dense, found a sparse {type(value).__name__}. Call .toarray() first"
        )
    try:
        return torch.from_numpy(np.require(value, requirements=["C", "W"]))
    except (TypeError, ValueError, RuntimeError) as error:
        raise TypeError(
            f"{name} must be a tensor, an array or a list of numbers, "
            f"found {type(value).__name__}: {error}"
        ) from error


def _as_int64(tensor: Tensor, name: str) -> Tensor:
    """Return unsigned numbers, with which torch hardly computes, as int64."""
    numbers = tensor.to(torch.int64)
    if (numbers < 0).any():
        raise ValueError(f"{name} must be below 2^63, found larger numbers in {tensor.dtype}")
    return numbers


def as_confidence(value: ArrayLike, name: str = "confidence") -> Tensor:
    """Return probabilities `(N,)` as a floating-point tensor."""
    confidence = to_tensor(value, name)
    if confidence.ndim == 2 and confidence.shape[1] > 1 and name == "confidence":
        raise ValueError(
            f"confidence must have shape (N,), found shape {tuple(confidence.shape)}. From "
            "probabilities (N, C): confidence, correct = top_label(probs, labels)"
        )
    _require_shape(confidence, 1, "(N,)", name)
    if not confidence.is_floating_point():
        confidence = confidence.double()
    _require_unit_interval(confidence, name)
    return confidence


def as_correct(value: ArrayLike, name: str = "correct") -> Tensor:
    """Return outcomes `(N,)`, given as booleans or as zeros and ones, as a bool tensor."""
    correct = to_tensor(value, name)
    _require_shape(correct, 1, "(N,)", name)
    if correct.dtype == torch.bool:
        return correct
    binary = (correct == 0) | (correct == 1)
    if not binary.all():
        raise ValueError(
            f"{name} must hold only True and False, or 1 and 0, "
            f"found {_exactly(correct[~binary][0].item())}. Compare prediction and truth first: "
            "confidence, correct = top_label(probs, labels)"
        )
    return correct == 1


def as_confidence_and_correct(confidence: ArrayLike, correct: ArrayLike) -> tuple[Tensor, Tensor]:
    """Return predictions and outcomes of the same length, on the same device."""
    confidence, correct = as_confidence(confidence), as_correct(correct)
    require_same_length(confidence=confidence, correct=correct)
    return confidence, correct.to(confidence.device)


def as_probs_and_labels(probs: ArrayLike, labels: ArrayLike) -> tuple[Tensor, Tensor]:
    """Return probabilities `(N, C)` whose rows sum to one, and class indices `(N,)`."""
    probs = as_probs(probs)
    return probs, as_labels(labels, probs)


def as_true_probs(probs: ArrayLike, true_probs: ArrayLike) -> tuple[Tensor, Tensor]:
    """Return predicted and true probabilities, both `(N, C)`, on the same device."""
    probs, truth = as_probs(probs), as_probs(true_probs, "true_probs")
    if probs.shape != truth.shape:
        raise ValueError(
            "probs and true_probs must have the same shape, found "
            f"{tuple(probs.shape)} and {tuple(truth.shape)}"
        )
    return probs, truth.to(probs.device)


def as_probs(value: ArrayLike, name: str = "probs") -> Tensor:
    """Return probabilities `(N, C)` whose rows sum to one."""
    probs = as_rows(value, name)
    _require_unit_interval(probs, name)
    total = probs.sum(dim=1, dtype=torch.promote_types(probs.dtype, torch.float32))
    farthest = total[(total - 1).abs().argmax()].item()
    if abs(farthest - 1) > SUM_TOLERANCE:
        raise ValueError(
            f"each row of {name} must sum to 1 within {SUM_TOLERANCE:g}, found a row that sums "
            f"to {farthest:.9g}. Apply softmax over the last axis, in float32 or better; a "
            f"rounding error goes with {name} / {name}.sum(1, keepdim=True)"
        )
    return probs


def as_logits_and_labels(logits: ArrayLike, labels: ArrayLike) -> tuple[Tensor, Tensor]:
    """Return finite logits `(N, C)` and class indices `(N,)`."""
    logits = as_logits(logits)
    return logits, as_labels(labels, logits)


def as_logits(value: ArrayLike, name: str = "logits") -> Tensor:
    """Return finite logits `(N, C)` as a floating-point tensor."""
    logits = as_rows(value, name)
    _finite_range(logits, name)
    return logits


def as_rows(value: ArrayLike, name: str) -> Tensor:
    """Return `(N, C)`, with at least two classes, as a floating-point tensor."""
    rows = to_tensor(value, name)
    _require_shape(rows, 2, "(N, C)", name)
    if rows.shape[1] < 2:
        raise ValueError(f"{name} must have at least 2 classes, found shape {tuple(rows.shape)}")
    return rows if rows.is_floating_point() else rows.double()


def as_labels(value: ArrayLike, rows: Tensor, name: str = "labels") -> Tensor:
    """Return class indices `(N,)` as int64, one for each of the rows `(N, C)`."""
    labels = to_tensor(value, name)
    _require_shape(labels, 1, "(N,)", name)
    if labels.is_floating_point() or labels.dtype == torch.bool:
        raise TypeError(f"{name} must be integers (class indices), found {labels.dtype}")
    labels = labels.to(rows.device, torch.int64)
    if len(labels) != len(rows):
        raise ValueError(
            f"{name} must have one entry for each of the {len(rows)} rows, found {len(labels)}"
        )
    low, high = (bound.item() for bound in labels.aminmax())
    if low < 0 or high >= rows.shape[1]:
        raise ValueError(
            f"{name} must lie in 0 .. {rows.shape[1] - 1} for {rows.shape[1]} classes, "
            f"found {low if low < 0 else high}"
        )
    return labels


def as_classes(predicted: ArrayLike, labels: ArrayLike) -> tuple[Tensor, Tensor]:
    """Return predicted and true class indices `(N,)` as int64, on the same device.

    In place of predicted classes there may be probabilities `(N, C)`, of which the first largest
    is the prediction.
    """
    predicted = to_tensor(predicted, "predicted")
    if predicted.ndim == 2 and (predicted.is_floating_point() or predicted.shape[1] > 1):
        probs, labels = as_probs_and_labels(predicted, labels)
        return probs.argmax(dim=1), labels
    predicted = _as_indices(predicted, "predicted", " Or give probabilities (N, C)")
    labels = _as_indices(labels, "labels")
    require_same_length(predicted=predicted, labels=labels)
    return predicted, labels.to(predicted.device)


def _as_indices(value: ArrayLike, name: str, advice: str = "") -> Tensor:
    """Return class indices `(N,)` as int64."""
    indices = to_tensor(value, name)
    _require_shape(indices, 1, "(N,)", name)
    if indices.is_floating_point() or indices.dtype == torch.bool:
        stop = "." if advice else ""
        raise TypeError(
            f"{name} must be integers (class indices), found {indices.dtype}{stop}{advice}"
        )
    if indices.min() < 0:
        raise ValueError(f"{name} must not be negative, found {indices.min().item()}")
    return indices.long()


def as_group_index(value: ArrayLike | Sequence[Any], n_rows: int, name: str = "groups") -> Tensor:
    """Return groups `(N,)`, given as numbers or strings, numbered from 0 on the CPU."""
    groups = np.asarray(value.cpu() if isinstance(value, Tensor) else value)
    if groups.shape != (n_rows,):
        raise ValueError(
            f"{name} must have shape ({n_rows},), one entry a row, found shape {groups.shape}"
        )
    if groups.dtype.kind in "iu" and groups.size:  # small numbers are counted, not sorted
        lowest = groups.min()
        span = int(groups.max()) - int(lowest) + 1
        if span <= 4 * n_rows:
            place = (groups - lowest).astype(np.int64)
            seen = np.bincount(place, minlength=span) > 0
            return torch.from_numpy((seen.cumsum() - 1)[place])
    # NaN equals nothing, not even itself, but would be sorted into one group.
    if groups.dtype.kind == "f" and np.isnan(groups).any():
        raise ValueError(f"{name} must be numbers or strings, found NaN. Leave such rows out")
    try:
        return torch.from_numpy(np.unique(groups, return_inverse=True)[1])
    except TypeError as error:
        kinds = ", ".join(sorted({type(group).__name__ for group in groups.tolist()}))
        raise TypeError(
            f"{name} must be all numbers or all strings, found {kinds}. Leave out the rows of no "
            "group, or name one for them"
        ) from error


def as_n_bins(value: Any, name: str = "n_bins") -> int:
    """Return a number of bins: at least one, and no more than fit into memory."""
    return as_count(value, name, most=MOST_BINS)


def as_n_draws(value: Any, name: str) -> int:
    """Return a number of resamples, simulations or permutations that can be held in memory."""
    return as_count(value, name, most=MOST_DRAWS)


def as_number(value: Any, name: str, least: float) -> float:
    """Return a finite number of at least `least`.

    Raises:
        TypeError: If it is not a real number.
        ValueError: If it is too small, infinite or NaN.
    """
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name} must be a number, found {value!r}")
    if not least <= float(value) < math.inf:
        raise ValueError(f"{name} must be a finite number of at least {least:g}, found {value!r}")
    return float(value)


def as_generator(seed: int, device: torch.device | str = "cpu") -> torch.Generator:
    """Return a generator for `seed` whose stream is not that of `torch.manual_seed(seed)`.

    Data made in a notebook after `manual_seed(0)` would otherwise be compared with the very
    random numbers they were made from, which is far from independent.
    """
    mixed = np.random.SeedSequence([as_seed(seed), 0x5EED]).generate_state(1, np.uint64)
    return torch.Generator(device).manual_seed(int(mixed[0]))


def require_choice(value: str, choices: tuple[str, ...], name: str) -> None:
    """Refuse an option that is not one of `choices`."""
    if not isinstance(value, str) or value not in choices:
        expected = ", ".join(repr(choice) for choice in choices)
        raise ValueError(f"{name} must be one of {expected}, found {value!r}")


def require_level(level: float) -> None:
    """Refuse a confidence level outside the open interval (0, 1)."""
    if isinstance(level, bool) or not isinstance(level, Real):
        raise TypeError(f"level must be a number, such as 0.95, found {level!r}")
    if not 0 < level < 1:
        raise ValueError(f"level must lie strictly between 0 and 1, such as 0.95, found {level}")


def require_same_length(**tensors: Tensor) -> None:
    """Refuse tensors, passed by the name of their argument, whose first axes differ."""
    if len({len(tensor) for tensor in tensors.values()}) > 1:
        found = ", ".join(f"{name} {len(tensor)}" for name, tensor in tensors.items())
        raise ValueError(f"{' and '.join(tensors)} must have the same length, found {found}")


def _require_shape(tensor: Tensor, ndim: int, shape: str, name: str) -> None:
    if tensor.ndim != ndim:
        raise ValueError(f"{name} must have shape {shape}, found shape {tuple(tensor.shape)}")
    if tensor.numel() == 0:
        raise ValueError(f"{name} must not be empty, found shape {tuple(tensor.shape)}")


def _finite_range(tensor: Tensor, name: str) -> tuple[float, float]:
    """Return the extremes, in one pass and with no temporary; NaN and infinity show in them."""
    low, high = (bound.item() for bound in tensor.aminmax())
    if not np.isfinite([low, high]).all():
        found = next(bound for bound in (low, high) if not np.isfinite(bound))
        raise ValueError(f"{name} must be finite, found {found}. Look for it where {name} is made")
    return low, high


def _require_unit_interval(tensor: Tensor, name: str) -> None:
    low, high = _finite_range(tensor, name)
    if low < 0 or high > 1:
        found = low if low < 0 else high
        advice = "For logits apply softmax first, for percentages divide by 100"
        if low >= -_ROUNDING and high <= 1 + _ROUNDING:
            advice = f"If this is a rounding error, clamp it: {name}.clamp(0, 1)"
        raise ValueError(f"{name} must lie in [0, 1], found {_exactly(found)}. {advice}")


def _exactly(number: float) -> str:
    """Write a number in short where that says all, and in full where it does not."""
    short = f"{number:g}"
    return short if float(short) == number else repr(number)
