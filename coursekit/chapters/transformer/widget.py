"""Widget about a transformer's size: slide its shape, see where parameters and work go."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import ipywidgets
from matplotlib.axes import Axes

from coursekit.lm.gpt import GPTConfig
from coursekit.plots import explore, stacked_shares

Count = Callable[[GPTConfig], Mapping[str, float]]

CONTEXT = 1024  # tokens, as GPT-2's


def size_figure(
    counts: Mapping[str, Count], width: int, layers: int, heads: int, vocabulary: int
) -> Axes:
    """One bar for each kind of count, for a GPT of the given shape.

    Args:
        counts: For each name, such as "parameters", a function that splits it into parts; the
            parts of all are the same.
        width: Of the residual stream, a multiple of `heads`.
        layers: Number of blocks.
        heads: In each block.
        vocabulary: Number of tokens.
    """
    config = GPTConfig(vocabulary, CONTEXT, width, layers, heads)
    parts = {name: count(config) for name, count in counts.items()}
    bars = {f"{_short(sum(of_this.values()))}\n{name}": of_this for name, of_this in parts.items()}
    title = f"Width {width}, {layers} layers, {heads} heads, {vocabulary:,} tokens"
    return stacked_shares(bars, "share of the total", title)


def size_explorer(counts: Mapping[str, Count]) -> None:
    """Slide width, layers, heads and vocabulary of a GPT, and see the bars.

    Args:
        counts: As in `size_figure`.
    """
    explore(
        lambda **shape: size_figure(counts, **shape),
        width=ipywidgets.IntSlider(value=768, min=64, max=4096, step=64, description="width"),
        layers=ipywidgets.IntSlider(value=12, min=1, max=96, description="layers"),
        # Powers of two up to 64 divide every width of the slider.
        heads=ipywidgets.SelectionSlider(
            value=8, options=[2**i for i in range(7)], description="heads"
        ),
        vocabulary=ipywidgets.SelectionSlider(
            value=50257,
            options=[256, 1000, 8000, 32000, 50257, 100000, 256000],
            description="vocabulary",
        ),
    )


def _short(number: float) -> str:
    """Three digits and a letter: 124439808 is 124 M."""
    for unit, letter in ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= unit:
            return f"{number / unit:.3g} {letter}"
    return f"{number:.3g}"
