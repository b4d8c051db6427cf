"""What every figure asks of its data, so that a wrong shape is named before anything is drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sized

from torch import Tensor


def require_shape(tensor: Tensor, shape: tuple[int | str, ...], name: str, why: str = "") -> None:
    """Refuse a tensor of another shape; a string in `shape` stands for any length.

    Args:
        tensor: What was given.
        shape: What it must be, such as `(3, "T")`.
        name: The argument that it is.
        why: What the axes hold, for the message.

    Raises:
        ValueError: If the number of axes differs, or one that is given as a number.
    """
    fits = len(tensor.shape) == len(shape) and all(
        isinstance(wanted, str) or wanted == found
        for wanted, found in zip(shape, tensor.shape, strict=True)
    )
    if not fits:
        wanted = ", ".join(map(str, shape)) + ("," if len(shape) == 1 else "")
        raise ValueError(
            f"{name} must have shape ({wanted}){why and ', '}{why}, found {tuple(tensor.shape)}."
        )


def require_few(series: Sized, most: int, name: str) -> None:
    """Refuse nothing at all, and more than there are colours to tell apart.

    Raises:
        ValueError: If there are none, or more than `most`.
    """
    if not 1 <= len(series) <= most:
        raise ValueError(f"{name} must hold 1 to {most} of them, found {len(series)}.")


def require_values(series: Mapping[str, Sized], n: int, name: str, each: str = "") -> None:
    """Refuse series of another length than there are places to draw them at.

    Raises:
        ValueError: If one has not `n` values; it is named.
    """
    for key, values in series.items():
        if len(values) != n:
            raise ValueError(
                f"{name}[{key!r}] must have {n} values{each and ', one for each '}{each}, "
                f"found {len(values)}."
            )


def same_parts(bars: Mapping[str, Mapping[str, float]], most: int, name: str) -> list[str]:
    """Return the parts that all stacked bars have, of which there are at most `most` colours.

    Raises:
        ValueError: If there are no bars, they have different parts, or more than `most`.
    """
    parts = [list(bar) for bar in bars.values()]
    if not parts or any(part != parts[0] for part in parts) or len(parts[0]) > most:
        raise ValueError(
            f"{name} must hold one or more, all with the same parts and at most {most} of them, "
            f"found {parts}."
        )
    return parts[0]
