"""Widget about positions: slide the distance between a query and a key, watch the score."""

from __future__ import annotations

import math

import ipywidgets
import torch
from matplotlib.axes import Axes
from torch import Tensor

from coursekit.chapters.positional_encoding.figures import pair_and_score
from coursekit.lm.positional import apply_rotary, rotary_angles
from coursekit.plots import explore


def rotary_view(
    query: Tensor,
    key: Tensor,
    position: int,
    distance: int,
    pair: int = 0,
    base: float = 10000.0,
) -> Axes:
    """One turned pair of a query and a key, and the score of the whole vectors at each distance.

    Args:
        query: Before turning `(d,)`, d even.
        key: Before turning `(d,)`.
        position: Of the query.
        distance: How far before it the key is; more than `position` counts as `position`.
        pair: Which pair of coordinates, from 0 (the fastest) to d / 2 - 1.
        base: The slowest pair turns by about 1 / base a token.

    Raises:
        ValueError: If there is no such pair.
    """
    half = len(query) // 2
    if not 0 <= pair < half:
        raise ValueError(f"pair must be 0 to {half - 1}, found {pair}.")
    cos, sin = rotary_angles(position + 1, len(query), base)
    keys = apply_rotary(key.expand(position + 1, -1), cos, sin)
    turned = apply_rotary(query[None], cos[-1:], sin[-1:])[0]
    scores = (keys @ turned).flip(0) / math.sqrt(len(query))
    both = torch.tensor([pair, pair + half])
    frequency = base ** (-pair / half)
    distance = min(distance, position)
    return pair_and_score(query[both], key[both], frequency, scores.tolist(), distance)


def rotary_explorer(query: Tensor, key: Tensor) -> None:
    """Slide distance, position, pair and base for one query and key `(d,)`."""
    bases = {f"{base:,}": float(base) for base in (100, 10_000, 100_000, 1_000_000)}
    explore(
        lambda **where: rotary_view(query, key, **where),
        distance=ipywidgets.IntSlider(value=8, min=0, max=200, description="distance"),
        position=ipywidgets.IntSlider(value=200, min=0, max=400, step=10, description="query at"),
        pair=ipywidgets.IntSlider(value=0, min=0, max=len(query) // 2 - 1, description="pair"),
        base=ipywidgets.Dropdown(options=bases, value=10_000.0, description="base"),
    )
