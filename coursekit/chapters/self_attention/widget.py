"""Widget about attention: pick a layer, a head and a token, and see where it looks."""

from __future__ import annotations

from collections.abc import Sequence

import ipywidgets
from matplotlib.axes import Axes
from torch import Tensor

from coursekit.chapters.self_attention.figures import attention_map
from coursekit.plots import explore


def head_map(weights: Tensor, tokens: Sequence[str], layer: int, head: int, token: int) -> Axes:
    """Return the map of one head, with the row of one token framed and its strongest look named.

    Args:
        weights: `(layers, heads, T, T)`.
        tokens: Texts of the T tokens.
        layer: Counted from 0, as are head and token.
        head: Which head of the layer.
        token: The token that looks.
    """
    row = weights[layer, head, token]
    best = int(row.argmax())
    title = f"Layer {layer}, head {head}:\n{tokens[token]!r} looks most at {tokens[best]!r}"
    title += f" ({row[best]:.2f})"
    return attention_map(weights[layer, head], tokens, title, marked=token)


def attention_explorer(
    weights: Tensor, tokens: Sequence[str], layer: int = 0, head: int = 0, token: int = -1
) -> None:
    """Pick layer, head and token of attention weights `(layers, heads, T, T)`; see the map.

    Args:
        weights: Of every head on one text.
        tokens: Texts of its T tokens.
        layer: Where the sliders start, as are head and token.
        head: Which head of the layer.
        token: The token that looks; -1 is the last.

    Raises:
        ValueError: If `weights` does not have these four dimensions.
    """
    n = len(tokens)
    if weights.ndim != 4 or weights.shape[2:] != (n, n):
        raise ValueError(
            f"weights must have shape (layers, heads, {n}, {n}) for {n} tokens, found "
            f"{tuple(weights.shape)}."
        )
    n_layers, n_heads = weights.shape[:2]
    explore(
        lambda layer, head, token: head_map(weights, tokens, layer, head, token),
        layer=ipywidgets.IntSlider(value=layer, min=0, max=n_layers - 1, description="layer"),
        head=ipywidgets.IntSlider(value=head, min=0, max=n_heads - 1, description="head"),
        token=ipywidgets.Dropdown(
            options=[(f"{i}: {token!r}", i) for i, token in enumerate(tokens)],
            value=token % n,
            description="token",
        ),
    )
