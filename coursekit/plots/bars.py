"""Bars that several chapters draw: the next token, and shares of a whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from torch import Tensor

from coursekit.plots.checks import same_parts
from coursekit.plots.style import COLORS, new_axes, style
from coursekit.plots.tokens import visible


def next_token_bars(tokens: Sequence[str], probs: Tensor, title: str) -> Axes:
    """Draw the most likely next tokens as bars, best on top.

    Args:
        tokens: Their texts; a space is shown as `␣` and a new line as `⏎`.
        probs: Their probabilities `(K,)`.
        title: What is being continued.

    Example:
        >>> import torch
        >>> ax = next_token_bars([" Lima", " Paris"], torch.tensor([0.7, 0.1]), "After 'Peru is'")
        >>> [label.get_text() for label in ax.get_yticklabels()]
        ['␣Lima', '␣Paris']
    """
    ax = new_axes(7.5, 0.55 * len(tokens) + 1.6)
    names = [visible(token.encode()) for token in tokens]
    with style():
        bars = ax.barh(range(len(names)), probs.tolist(), color=COLORS["blue"])
        ax.bar_label(bars, [f"{p:.2f}" for p in probs.tolist()], padding=4)
        # Labels, not categories: two tokens may look the same.
        ax.set_yticks(range(len(names)), names)
        ax.invert_yaxis()
        ax.set(xlim=(0, 1), xlabel="probability", ylabel="next token", title=title)
        ax.grid(visible=False, axis="y")
    return ax


_PARTS = ("blue", "orange", "green", "purple", "sky", "yellow")


def stacked_shares(bars: Mapping[str, Mapping[str, float]], xlabel: str, title: str) -> Axes:
    """Draw how totals are made of parts: one bar a total, as shares, the total beside its name.

    Args:
        bars: For each total, from top to bottom, its name and its parts; all have the same parts.
        xlabel: What is shared out.
        title: Title of the figure.

    Raises:
        ValueError: If there are no bars, they have different parts, or too many for the colours.

    Example:
        >>> ax = stacked_shares({"small": {"attention": 1.0, "MLP": 3.0}}, "share", "Parameters")
        >>> [round(float(bar.get_width()), 2) for bar in ax.patches]
        [0.25, 0.75]
    """
    parts = same_parts(bars, len(_PARTS), "bars")
    ax = new_axes(8.5, 0.75 * len(bars) + 2.1)
    with style():
        left = [0.0] * len(bars)
        for part, color in zip(parts, _PARTS, strict=False):
            shares = [bar[part] / sum(bar.values()) for bar in bars.values()]
            drawn = ax.barh(
                range(len(bars)), shares, left=left, label=part, color=COLORS[color], ec="white"
            )
            # A label needs room: narrow parts are read off the axis.
            labels = [f"{share:.0%}" if share > 0.06 else "" for share in shares]
            ink = "white" if color in ("blue", "green") else "black"
            ax.bar_label(drawn, labels, label_type="center", color=ink)
            left = [a + b for a, b in zip(left, shares, strict=True)]
        ax.set_yticks(range(len(bars)), list(bars))
        ax.invert_yaxis()
        ax.set(xlim=(0, 1), xlabel=xlabel)
        ax.xaxis.set_major_formatter(lambda share, _: f"{share:.0%}")
        ax.grid(visible=False, axis="y")
        ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3)
        ax.set_title(title, pad=28 + 20 * ((len(parts) - 1) // 3))
    return ax
