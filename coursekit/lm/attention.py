r"""Self-attention: every token asks a question and takes a weighted sum of what others answer.

$$\mathrm{Attention}(Q, K, V) = \mathrm{softmax}\!\left(\frac{Q K^\top}{\sqrt{d}} + B\right) V$$

Row $t$ of $Q$ is what token $t$ looks for, row $s$ of $K$ what token $s$ offers, row $s$ of $V$
what it hands over; the softmax makes each row of weights sum to one. $B$ is $-\infty$ for tokens
of the future (a model that predicts the next token must not see it), and may hold a bias for
distance.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from coursekit._checks import as_count
from coursekit.lm.positional import alibi_bias, apply_rotary, relative_buckets, rotary_angles


def causal_mask(length: int, *, start: int = 0, device: torch.device | str | None = None) -> Tensor:
    """Return who may look at whom: query t at the keys 0 to t.

    Args:
        length: Number of keys; queries are the positions from `start` to length - 1.
        start: Position of the first query: what a key-value cache already holds.
        device: Where to put the mask.

    Returns:
        Booleans `(length - start, length)`, True where attention is allowed.

    Example:
        >>> causal_mask(3).int()
        tensor([[1, 0, 0],
                [1, 1, 0],
                [1, 1, 1]], dtype=torch.int32)
    """
    position = torch.arange(length, device=device)
    return position <= position[start:, None]


def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    causal: bool = False,
    bias: Tensor | None = None,
    dropout: float = 0.0,
) -> tuple[Tensor, Tensor]:
    """Return attention and its weights: the formula written out, one line a step.

    With `causal`, the queries are the last T of the S tokens, as when a cache holds the others.
    (`torch.nn.functional.scaled_dot_product_attention` takes them for the first T.)

    Args:
        query: `(..., T, d)`.
        key: `(..., S, d)`.
        value: `(..., S, e)`.
        causal: Hide the future.
        bias: Added to the scores; broadcast to `(..., T, S)`.
        dropout: Probability of dropping a weight in the sum (training only).

    Returns:
        The output `(..., T, e)`, and the weights `(..., T, S)`, whose rows sum to one.

    Raises:
        ValueError: If the shapes do not fit, or `causal` with more queries than keys.

    Reference:
        Vaswani et al. 2017, Attention is all you need, equation 1.

    Example:
        >>> query, key = torch.zeros(2, 4), torch.ones(2, 4)  # every score is 0
        >>> value = torch.tensor([[1.0], [3.0]])
        >>> output, weights = scaled_dot_product_attention(query, key, value, causal=True)
        >>> output.flatten().tolist(), weights.tolist()
        ([1.0, 2.0], [[1.0, 0.0], [0.5, 0.5]])
    """
    _check_shapes(query, key, value, causal)
    n_queries, n_keys = query.shape[-2], key.shape[-2]
    scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])  # (..., T, S)
    if bias is not None:
        scores = scores + bias
    if causal:  # before the softmax: exp(-inf) = 0, and the other weights still sum to one
        allowed = causal_mask(n_keys, start=n_keys - n_queries, device=query.device)
        scores = scores.masked_fill(~allowed, -math.inf)
    weights = scores.softmax(dim=-1)
    return F.dropout(weights, dropout) @ value, weights


class KeyValueCache:
    """Keys and values of the tokens one layer has read, so that a new token costs one row.

    The buffers are allocated once, on the first call, for `capacity` tokens: appending writes in
    place, where `torch.cat` would copy all that came before at every step. It holds no gradients.

    Args:
        capacity: The largest number of tokens it will hold.

    Raises:
        TypeError: If the capacity is no whole number.
        ValueError: If it is below 1.

    Example:
        >>> cache = KeyValueCache(8)
        >>> keys, values = cache.append(torch.zeros(1, 2, 3, 4), torch.zeros(1, 2, 3, 4))
        >>> keys, values = cache.append(torch.ones(1, 2, 1, 4), torch.ones(1, 2, 1, 4))
        >>> tuple(keys.shape), cache.length
        ((1, 2, 4, 4), 4)
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = as_count(capacity, "capacity")
        self.length = 0  # tokens held
        self.keys: Tensor | None = None  # (B, heads, capacity, d)
        self.values: Tensor | None = None

    def append(self, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Store the keys and values `(B, heads, T, d)` of new tokens; return those of all tokens.

        Raises:
            ValueError: If the cache is full, or the tokens belong to a batch of another shape.
            RuntimeError: If gradients are being recorded.
        """
        batch, heads, n_new, width = key.shape
        if key.requires_grad:
            raise RuntimeError(
                "The key-value cache holds no gradients: read with it under torch.no_grad(), "
                "or train without a cache."
            )
        if self.keys is None or self.values is None:
            self.keys = key.new_empty(batch, heads, self.capacity, width)
            self.values = torch.empty_like(self.keys)
        elif key.shape[:2] != self.keys.shape[:2] or width != self.keys.shape[3]:
            raise ValueError(
                "key must have the (batch, heads, tokens, width) of the cache, "
                f"{tuple(self.keys.shape)} with any number of tokens, found {tuple(key.shape)}. "
                "Start each batch with a fresh cache."
            )
        end = self.length + n_new
        if end > self.capacity:
            raise ValueError(
                f"capacity must be at least {end} for the {self.length} tokens that the cache "
                f"holds and {n_new} more, found {self.capacity}. Make a larger cache, or read "
                "fewer tokens."
            )
        self.keys[:, :, self.length : end] = key
        self.values[:, :, self.length : end] = value
        self.length = end
        return self.keys[:, :, :end], self.values[:, :, :end]

    def cut(self, length: int) -> None:
        """Forget all but the first `length` tokens: the next ones are written over them.

        Raises:
            ValueError: If it is below 0 or more than the cache holds.

        Example:
            >>> cache = KeyValueCache(8)
            >>> keys, values = cache.append(torch.zeros(1, 2, 3, 4), torch.zeros(1, 2, 3, 4))
            >>> cache.cut(1)
            >>> cache.length
            1
        """
        if not 0 <= length <= self.length:
            raise ValueError(f"length must be 0 to {self.length}, which it holds, found {length}.")
        self.length = length

    def select(self, rows: Tensor) -> None:
        """Let row i go on from what was row `rows[i]`: ids of rows `(new B,)`.

        Beam search drops some texts and forks others, and their keys and values follow.
        """
        if self.keys is not None and self.values is not None:
            self.keys, self.values = self.keys[rows], self.values[rows]


class CausalSelfAttention(nn.Module):
    """Many heads of attention side by side, each over its own slice of the width.

    Args:
        width: Width of the tokens' vectors, a multiple of n_heads.
        n_heads: Number of heads; each has width d = width / n_heads.
        context: The largest number of tokens it will see.
        dropout: Probability of dropping an attention weight or an output, in training.
        positions: What the heads know about order: "none", "rotary", "alibi" or "relative", a
            learned bias for each head and bucket of distances, all zero at first.
        buckets: With "relative", how many buckets, and the distance from which on all share the
            last, as `relative_buckets` takes them.

    Raises:
        TypeError: If a size is no whole number.
        ValueError: If width is not divisible by n_heads, or d is odd with rotary positions.

    Example:
        >>> attention = CausalSelfAttention(width=8, n_heads=2, context=16)
        >>> mixed, weights = attention(torch.randn(1, 5, 8), return_weights=True)
        >>> tuple(mixed.shape), tuple(weights.shape)
        ((1, 5, 8), (1, 2, 5, 5))
    """

    cos: Tensor
    sin: Tensor
    bucket: Tensor

    def __init__(
        self,
        width: int,
        n_heads: int,
        context: int,
        dropout: float = 0.0,
        positions: Literal["none", "rotary", "alibi", "relative"] = "none",
        buckets: tuple[int, int] = (32, 128),
    ) -> None:
        super().__init__()
        known = ("none", "rotary", "alibi", "relative")
        if positions not in known:
            raise ValueError(f"positions must be one of {known}, found {positions!r}.")
        check_heads(width, n_heads, rotary=positions == "rotary")
        self.n_heads, self.positions = n_heads, positions
        self.context = as_count(context, "context")
        self.qkv = nn.Linear(width, 3 * width)  # one matrix product for all three, and all heads
        self.projection = nn.Linear(width, width)
        self.dropout = nn.Dropout(dropout)
        if positions == "rotary":
            cos, sin = rotary_angles(context, width // n_heads)
            self.register_buffer("cos", cos, persistent=False)
            self.register_buffer("sin", sin, persistent=False)
        if positions == "relative":
            bucket = relative_buckets(torch.arange(self.context), *buckets)
            self.register_buffer("bucket", bucket, persistent=False)  # of each distance
            self.relative_bias = nn.Parameter(torch.zeros(n_heads, buckets[0]))

    def forward(
        self, x: Tensor, cache: KeyValueCache | None = None, return_weights: bool = False
    ) -> Tensor | tuple[Tensor, Tensor]:
        """Mix each token with those before it.

        Args:
            x: Tokens `(B, T, width)`.
            cache: What was read before; the T tokens follow it, and are added to it.
            return_weights: Also return the weights `(B, n_heads, T, S)`, where S counts the
                tokens in the cache too. Slower: the fast kernels never hold them all.

        Returns:
            The mixed tokens `(B, T, width)`, or `(tokens, weights)`.

        Raises:
            ValueError: If x is not `(B, T, width)`, or has more tokens than the context holds.
        """
        if x.ndim != 3 or x.shape[2] != self.projection.in_features:
            raise ValueError(
                f"x must have shape (batch, tokens, {self.projection.in_features}), "
                f"found {tuple(x.shape)}."
            )
        batch, length, width = x.shape
        start = 0 if cache is None else cache.length
        check_context(start, length, self.context)
        heads = self.qkv(x).view(batch, length, 3, self.n_heads, width // self.n_heads)
        query, key, value = heads.permute(2, 0, 3, 1, 4)  # each (B, heads, T, d)
        if self.positions == "rotary":
            cos, sin = self.cos[start : start + length], self.sin[start : start + length]
            query, key = apply_rotary(query, cos, sin), apply_rotary(key, cos, sin)
        if cache is not None:
            key, value = cache.append(key, value)
        bias = None
        if self.positions == "alibi":
            bias = alibi_bias(start + length, self.n_heads, start=start, device=x.device)
        if self.positions == "relative":
            place = torch.arange(start + length, device=x.device)
            distance = (place[start:, None] - place).clamp(min=0)  # the mask hides the future
            bias = self.relative_bias[:, self.bucket[distance]]
        dropout = self.dropout.p if self.training else 0.0
        if return_weights:
            mixed, weights = scaled_dot_product_attention(query, key, value, True, bias, dropout)
        else:
            mixed = fast_causal_attention(query, key, value, bias, dropout)
        joined = mixed.transpose(1, 2).reshape(batch, length, width)  # heads side by side again
        output = self.dropout(self.projection(joined))
        return (output, weights) if return_weights else output


def fast_causal_attention(
    query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None = None, dropout: float = 0.0
) -> Tensor:
    """Return the output of `scaled_dot_product_attention`, causal, by PyTorch's fused kernels.

    Args:
        query: `(..., T, d)`, the last T of the S tokens.
        key: `(..., S, d)`.
        value: `(..., S, e)`.
        bias: Added to the scores; broadcast to `(..., T, S)`.
        dropout: Probability of dropping a weight in the sum (training only).

    Returns:
        `(..., T, e)`.

    Example:
        >>> query, key, value = torch.randn(3, 1, 2, 5, 4)
        >>> slow, _ = scaled_dot_product_attention(query, key, value, causal=True)
        >>> torch.allclose(fast_causal_attention(query, key, value), slow, atol=1e-6)
        True
    """
    n_queries, n_keys = query.shape[-2], key.shape[-2]
    if bias is None and n_queries == n_keys:  # the kernels know this mask: nothing to build
        return F.scaled_dot_product_attention(query, key, value, dropout_p=dropout, is_causal=True)
    mask = None
    if n_queries > 1:  # the last token alone may look at all: it needs no mask
        mask = causal_mask(n_keys, start=n_keys - n_queries, device=query.device)
    if bias is not None:
        bias = bias.to(query.dtype)
        mask = bias if mask is None else bias.masked_fill(~mask, -math.inf)
    return F.scaled_dot_product_attention(query, key, value, attn_mask=mask, dropout_p=dropout)


def check_heads(width: int, n_heads: int, rotary: bool) -> None:
    """Refuse a width that cannot be shared among the heads.

    Raises:
        TypeError: If one of the two is no whole number.
        ValueError: If one is below 1, width is no multiple of n_heads, or a head's width is odd
            although rotary positions turn pairs of coordinates.

    Example:
        >>> check_heads(10, 4, rotary=False)
        Traceback (most recent call last):
        ValueError: width must be a multiple of n_heads = 4, found 10. The heads share it equally.
    """
    width, n_heads = as_count(width, "width"), as_count(n_heads, "n_heads")
    if width % n_heads:
        raise ValueError(
            f"width must be a multiple of n_heads = {n_heads}, found {width}. "
            "The heads share it equally."
        )
    if rotary and width // n_heads % 2:
        raise ValueError(
            "width / n_heads must be even for rotary positions, which turn pairs of coordinates, "
            f"found {width // n_heads}."
        )


def check_context(start: int, length: int, context: int) -> None:
    """Refuse `length` tokens that, after the first `start`, exceed the context.

    Raises:
        ValueError: If they do.

    Example:
        >>> check_context(start=0, length=9, context=8)
        Traceback (most recent call last):
        ValueError: tokens must be at most the context of 8, found 9. Shorten the text, or build ...
    """
    if start + length > context:
        cached = f" after {start} in the cache" if start else ""
        raise ValueError(
            f"tokens must be at most the context of {context}, found {length}{cached}. "
            "Shorten the text, or build the model with a longer context."
        )


def _check_shapes(query: Tensor, key: Tensor, value: Tensor, causal: bool) -> None:
    if min(query.ndim, key.ndim, value.ndim) < 2 or (
        query.shape[-1] != key.shape[-1] or key.shape[-2] != value.shape[-2]
    ):
        raise ValueError(
            "query, key and value must have shapes (..., T, d), (..., S, d) and (..., S, e), "
            f"found {tuple(query.shape)}, {tuple(key.shape)} and {tuple(value.shape)}."
        )
    if causal and query.shape[-2] > key.shape[-2]:
        raise ValueError(
            f"query must have at most as many rows as the {key.shape[-2]} keys, found "
            f"{query.shape[-2]}. With causal=True the queries are the last of the tokens."
        )
