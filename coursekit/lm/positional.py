r"""Positions: how a model that looks at all tokens at once learns which came first.

Attention compares every token with every other and has no notion of order: shuffle its input and
its output is shuffled alike. Four ways to tell it where a token stands, for position $t$, pair of
coordinates $i$ and width $d$, with the angles $\theta_{t,i} = t \, / \, 10000^{2i/d}$:

* sinusoidal, added to the embedding: $p_{t,2i} = \sin\theta_{t,i}, p_{t,2i+1} = \cos\theta_{t,i}$;
* learned, added to the embedding: a table of parameters (`torch.nn.Embedding`, see `gpt.py`);
* rotary: turn each pair of coordinates of query and key by $\theta_{t,i}$;
* ALiBi: subtract $m_h \, |t - s|$ from the attention score of tokens $t$ and $s$ in head $h$.

In the first and the last two, a dot product or score sees positions through $t - s$ alone.
"""

from __future__ import annotations

import torch
from torch import Tensor

from coursekit._checks import as_count


def sinusoidal(length: int, width: int, base: float = 10000.0) -> Tensor:
    """Return sine and cosine of positions 0 to length - 1 at geometrically spaced frequencies.

    Args:
        length: Number of positions.
        width: Width of the embedding it is added to, even: sines and cosines come in pairs.
        base: The slowest frequency is about 1 / base.

    Returns:
        A table `(length, width)`, float32; even columns are sines, odd columns cosines.

    Raises:
        ValueError: If the length is not positive or the width is not positive and even.

    Reference:
        Vaswani et al. 2017, Attention is all you need, section 3.5.

    Example:
        >>> sinusoidal(length=2, width=4)
        tensor([[0.0000, 1.0000, 0.0000, 1.0000],
                [0.8415, 0.5403, 0.0100, 0.9999]])
    """
    # float64 until the end: an angle of a thousand radians has only four decimals in float32.
    angle = _angles(_positions(length).double(), width, base)
    return torch.stack((angle.sin(), angle.cos()), dim=-1).flatten(1).float()


def rotary_angles(
    positions: int | Tensor, width: int, base: float = 10000.0
) -> tuple[Tensor, Tensor]:
    """Return cosine and sine of the angles by which rotary embedding turns pairs of coordinates.

    Args:
        positions: The positions `(T,)`, or their number, which stands for 0 to T - 1.
        width: Width of one head, even.
        base: The slowest frequency is about 1 / base.

    Returns:
        `(cos, sin)`, each `(T, width / 2)`, float32 as in transformers (float64 if positions are).

    Raises:
        ValueError: If there is no position or the width is not positive and even.

    Reference:
        Su et al. 2021, RoFormer: enhanced transformer with rotary position embedding, equation 15.

    Example:
        >>> cos, sin = rotary_angles(3, width=4)
        >>> cos.shape, sin[1]
        (torch.Size([3, 2]), tensor([0.8415, 0.0100]))
    """
    if not isinstance(positions, Tensor):
        positions = _positions(positions)
    if positions.dtype != torch.float64:
        positions = positions.float()
    angle = _angles(positions, width, base)
    return angle.cos(), angle.sin()


def apply_rotary(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn each pair of coordinates of a query or a key by the angle of its position.

    Coordinate i is paired with i + width / 2, as in Llama and transformers. The paper pairs
    neighbours, 2i with 2i + 1. The two differ by a fixed reordering of the coordinates, and
    reordering query and key alike changes no dot product; but weights trained with one convention
    need their query and key rows reordered before they serve the other.

    Args:
        x: Queries or keys `(..., T, width)`.
        cos: Cosines `(T, width / 2)` from `rotary_angles`.
        sin: Sines `(T, width / 2)`.

    Returns:
        The turned vectors `(..., T, width)`, in the type of `x`: same lengths, new directions.

    Raises:
        ValueError: If the angles do not fit `x`.

    Example:
        >>> def turned(x, position):
        ...     return apply_rotary(x, *rotary_angles(torch.tensor([position]), width=4))
        >>> query, key = torch.randn(1, 4), torch.randn(1, 4)
        >>> early, late = turned(query, 2) @ turned(key, 0).T, turned(query, 7) @ turned(key, 5).T
        >>> torch.allclose(early, late, atol=1e-5)  # the distance alone counts
        True
    """
    if x.shape[-2:] != (cos.shape[-2], 2 * cos.shape[-1]):
        raise ValueError(
            "x must have shape (..., T, width) and cos (T, width / 2), found "
            f"{tuple(x.shape)} and {tuple(cos.shape)}. Build cos with rotary_angles(T, width)."
        )
    first, second = x.chunk(2, dim=-1)
    turned = torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1)
    return turned.to(x.dtype)


def alibi_slopes(n_heads: int, device: torch.device | str | None = None) -> Tensor:
    """Return how strongly each head dislikes distance: a geometric sequence from 2^(-8/n) to 2^-8.

    Where n_heads is no power of two, the sequence of the power below is filled up with every other
    slope of the power above, as the authors do.

    Args:
        n_heads: Number of heads.
        device: Where to put the slopes.

    Returns:
        Slopes `(n_heads,)`, positive, float32.

    Raises:
        ValueError: If n_heads is not positive.

    Reference:
        Press, Smith and Lewis 2022, Train short, test long, section 3 and its published code.

    Example:
        >>> alibi_slopes(4)
        tensor([0.2500, 0.0625, 0.0156, 0.0039])
    """
    n_heads = as_count(n_heads, "n_heads")
    below = 2 ** (n_heads.bit_length() - 1)
    steps = torch.arange(1, below + 1, device=device) / below
    between = (2 * torch.arange(n_heads - below, device=device) + 1) / (2 * below)
    return 2.0 ** (-8.0 * torch.cat((steps, between)))


def alibi_bias(
    length: int, n_heads: int, *, start: int = 0, device: torch.device | str | None = None
) -> Tensor:
    """Return what ALiBi adds to the attention scores: minus the slope times the distance.

    Args:
        length: Number of keys; queries are the positions from `start` to length - 1.
        n_heads: Number of heads.
        start: Position of the first query: what a key-value cache already holds.
        device: Where to put the bias.

    Returns:
        Bias `(n_heads, length - start, length)`, zero where query and key are the same token.

    Raises:
        ValueError: If length or n_heads is not positive, or start is not in [0, length).

    Example:
        >>> alibi_bias(length=3, n_heads=8)[0]
        tensor([[-0.0000, -0.5000, -1.0000],
                [-0.5000, -0.0000, -0.5000],
                [-1.0000, -0.5000, -0.0000]])
    """
    key = _positions(length, device)
    start = as_count(start, "start", least=0, most=length - 1)
    distance = (key[start:, None] - key).abs()
    return -alibi_slopes(n_heads, device)[:, None, None] * distance


def _angles(positions: Tensor, width: int, base: float) -> Tensor:
    """Return position times frequency, `(T, width / 2)`."""
    if as_count(width, "width") % 2:
        raise ValueError(f"width must be even, found {width}. Coordinates come in pairs.")
    exponent = torch.arange(0, width, 2, dtype=positions.dtype, device=positions.device) / width
    return positions[:, None] * (1.0 / base**exponent)


def _positions(length: int, device: torch.device | str | None = None) -> Tensor:
    return torch.arange(as_count(length, "length"), device=device)
