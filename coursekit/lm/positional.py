r"""Positions: how a model that looks at all tokens at once learns which came first.

Attention compares every token with every other and has no notion of order: shuffle its input and
its output is shuffled alike. Five ways to tell it where a token stands, for position $t$, pair of
coordinates $i$ and width $d$, with the angles $\theta_{t,i} = t \, / \, 10000^{2i/d}$:

* sinusoidal, added to the embedding: $p_{t,2i} = \sin\theta_{t,i}, p_{t,2i+1} = \cos\theta_{t,i}$;
* learned, added to the embedding: a table of parameters (`torch.nn.Embedding`, see `gpt.py`);
* rotary: turn each pair of coordinates of query and key by $\theta_{t,i}$;
* ALiBi: subtract $m_h \, |t - s|$ from the attention score of tokens $t$ and $s$ in head $h$;
* relative bias: add a learned number $b_{h,\,\mathrm{bucket}(t - s)}$ to that score (T5).

In all but the learned table, a dot product or score sees positions through $t - s$ alone.

For texts longer than any in training, `extended_rotary` slows rotary's angles down.
"""

from __future__ import annotations

import math
from typing import Literal, get_args

import torch
from torch import Tensor

from coursekit._checks import as_count

Extension = Literal["interpolation", "ntk", "yarn"]


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


def relative_buckets(
    distance: Tensor, n_buckets: int = 32, farthest: int = 128, *, both_ways: bool = False
) -> Tensor:
    """Return which of T5's learned biases each distance gets: near ones their own, far ones shared.

    Half of the buckets hold one distance each, 0 to n_buckets / 2 - 1. The others grow with the
    distance, each by the same factor; the last holds everything from about `farthest` on.

    Args:
        distance: Query's position minus key's, whole numbers of any shape.
        n_buckets: Number of biases a head has.
        farthest: From here on, all distances share the last bucket.
        both_ways: Whether the future has buckets of its own, the upper half. Otherwise (a causal
            model) it falls in bucket 0, and the mask hides it.

    Returns:
        Buckets from 0 to n_buckets - 1, in the shape of `distance`.

    Raises:
        ValueError: If there are too few buckets, or `farthest` is not beyond those of one distance.

    Reference:
        Raffel et al. 2020, Exploring the limits of transfer learning with a unified text-to-text
        transformer, section 2.1, and its published code.

    Example:
        >>> relative_buckets(torch.tensor([0, 1, 2, 3, 4, 5, 6, 8, 16, 99]), 8, farthest=16)
        tensor([0, 1, 2, 3, 4, 4, 5, 6, 7, 7])
    """
    n_buckets = as_count(n_buckets, "n_buckets", least=4 if both_ways else 2)
    if both_ways:
        n_buckets //= 2
        future = n_buckets * (distance < 0)
        return future + relative_buckets(distance.abs(), n_buckets, farthest)
    alone = n_buckets // 2
    farthest = as_count(farthest, "farthest", least=alone + 1)
    distance = distance.clamp(min=0)
    # float32 as in T5: at the edge of a bucket, rounding decides.
    growth = torch.log(distance.float() / alone) / math.log(farthest / alone)
    shared = alone + (growth.clamp(min=0) * (n_buckets - alone)).long()
    return distance.where(distance < alone, shared.clamp(max=n_buckets - 1))


def extended_rotary(
    scheme: Extension, factor: float, width: int, base: float = 10000.0, *, trained: int
) -> tuple[Tensor, float]:
    """Return rotary's angles a token, slowed down for texts `factor` times as long as trained.

    * "interpolation": every pair turns `factor` times slower, so that no angle is new.
    * "ntk": a larger base: the fastest pair as before, the slowest `factor` times slower.
    * "yarn": pairs that come round often in training as before, those that never come round
      `factor` times slower, a ramp between; and sharper attention.

    Args:
        scheme: Which of the three.
        factor: How many times longer, at least 1.
        width: Width of one head, even, at least 4.
        base: Of the trained model.
        trained: Number of tokens it was trained on; only YaRN asks.

    Returns:
        The angles `(width / 2,)` in radians a token, float32, and by how much cosine and sine are
        multiplied: 1 but for YaRN, where scores grow by its square.

    Raises:
        ValueError: If the scheme is unknown, the factor below 1, or a size out of range.

    Reference:
        S. Chen et al. 2023, Extending context window of large language models via positional
        interpolation; B. Peng et al. 2023, YaRN, sections 3.1 (NTK-aware) and 3.2 to 3.4. YaRN's
        ramp is linear in the pair's number, as in its authors' code and in transformers.

    Example:
        >>> extended_rotary("interpolation", 4, width=8, base=100, trained=16)[0]
        tensor([0.2500, 0.0791, 0.0250, 0.0079])
        >>> extended_rotary("yarn", 4, width=8, base=100, trained=16)[0]
        tensor([1.0000, 0.0791, 0.0250, 0.0079])
    """
    if scheme not in get_args(Extension):
        raise ValueError(f"scheme must be one of {get_args(Extension)}, found {scheme!r}.")
    if not (math.isfinite(factor) and factor >= 1):
        raise ValueError(f"factor must be a finite number of at least 1, found {factor}.")
    if as_count(width, "width", least=4) % 2:
        raise ValueError(f"width must be even, found {width}. Coordinates come in pairs.")
    if scheme == "ntk":
        return _frequencies(width, base * factor ** (width / (width - 2))), 1.0
    angle = _frequencies(width, base)
    if scheme == "interpolation":
        return angle / factor, 1.0

    def with_turns(turns: float) -> float:
        """Return the number of the pair, not a whole one, that turns so often in training."""
        tokens = as_count(trained, "trained") / (turns * math.tau)
        return width * math.log(tokens) / (2 * math.log(base))

    often, once = max(math.floor(with_turns(32)), 0), min(math.ceil(with_turns(1)), width - 1)
    pair = torch.arange(width // 2)
    slowed = ((pair - often) / max(once - often, 0.001)).clamp(0, 1)
    return angle * (1 - slowed) + angle / factor * slowed, 0.1 * math.log(factor) + 1


def _angles(positions: Tensor, width: int, base: float) -> Tensor:
    """Return position times frequency, `(T, width / 2)`."""
    if as_count(width, "width") % 2:
        raise ValueError(f"width must be even, found {width}. Coordinates come in pairs.")
    return positions[:, None] * _frequencies(width, base, positions.dtype, positions.device)


def _frequencies(
    width: int,
    base: float,
    dtype: torch.dtype = torch.float32,
    device: torch.device | None = None,
) -> Tensor:
    """Return by how much each pair of coordinates turns a token, `(width / 2,)`."""
    exponent = torch.arange(0, width, 2, dtype=dtype, device=device) / width
    return 1.0 / base**exponent


def _positions(length: int, device: torch.device | str | None = None) -> Tensor:
    return torch.arange(as_count(length, "length"), device=device)
