"""Figures of notebook 01: tokens of texts, and what they cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch

from coursekit.plots.checks import require_few, require_values
from coursekit.plots.describing import counted, describe
from coursekit.plots.style import COLORS, GRAY, new_axes, style
from coursekit.plots.tokens import TINTS, visible

_MARKERS = ("o", "s", "D", "^")
_SAID = 14  # tokens of a row in the description


def token_strips(rows: Mapping[str, Sequence[bytes]], title: str) -> Axes:
    """Draw one text cut in several ways, each token in a box of its own.

    Args:
        rows: Name of each way, from top to bottom, and its tokens.
        title: Title of the figure.

    Raises:
        ValueError: If there are no rows, or a row has no tokens.
    """
    if not rows or not all(rows.values()):
        raise ValueError(f"rows must hold names with tokens, found {dict(rows)}.")
    gap = 0.25  # between boxes, in characters
    names = [f"{name}: {len(row)} token{'s' * (len(row) != 1)}" for name, row in rows.items()]
    ax = new_axes(10.5, 0.62 * len(rows) + 1.1)
    right = 0.0
    with style():
        for row, tokens in enumerate(rows.values()):
            x = 0.0
            for i, text in enumerate(map(visible, tokens)):
                box = FancyBboxPatch(
                    (x, row - 0.32),
                    len(text),
                    0.64,
                    boxstyle="round,pad=0,rounding_size=0.12",
                    facecolor=TINTS[i % len(TINTS)],
                    edgecolor=GRAY,
                )
                ax.add_patch(box)
                middle = x + len(text) / 2
                ax.text(
                    middle, row, text, ha="center", va="center", family="monospace", fontsize=11
                )
                x += len(text) + gap
            right = max(right, x)
        ax.set_yticks(range(len(rows)), names)
        ax.set_xticks([])
        ax.set(xlim=(-gap, right), ylim=(len(rows) - 0.4, -0.6), title=title)
        ax.set_xlabel("the same text, one box a token (␣ is a space)")
        ax.grid(visible=False)
        for side in ("left", "bottom"):
            ax.spines[side].set_visible(False)
        ax.tick_params(length=0)
    said = []
    for name, cut in rows.items():
        shown = " | ".join(map(visible, cut[:_SAID]))
        more = f" | and {len(cut) - _SAID} more" if len(cut) > _SAID else ""
        said.append(f"{name}, {counted(len(cut), 'token')}: {shown}{more}.")
    describe(ax, f"The same text in boxes, one a token; ␣ is a space. {' '.join(said)}")
    return ax


def vocabulary_curves(
    sizes: Sequence[int], curves: Mapping[str, Sequence[float]], ylabel: str, title: str
) -> Axes:
    """Draw quantities against the size of the vocabulary, which is on a logarithmic axis.

    Args:
        sizes: Sizes of the vocabulary, in tokens.
        curves: Name and values of each quantity, one value for each size; at most four.
        ylabel: What the values are, with their unit.
        title: Title of the figure.

    Raises:
        ValueError: If a curve has another length than `sizes`, or there are more than four.
    """
    require_few(curves, len(_MARKERS), "curves")
    require_values(curves, len(sizes), "curves", each="size")
    ax = new_axes(7.5, 4.8)
    with style():
        for (name, values), marker in zip(curves.items(), _MARKERS, strict=False):
            ax.plot(sizes, values, marker=marker, label=name)
        ax.set_xscale("log", base=2)
        ax.set_xticks(sizes[::2], [f"{size:,}" for size in sizes[::2]])
        ax.set(xlabel="vocabulary (tokens)", ylabel=ylabel, title=title)
        ax.legend()
    return ax


def language_dots(series: Mapping[str, Mapping[str, float]], xlabel: str, title: str) -> Axes:
    """Draw one or more numbers for each language, a row a language.

    Args:
        series: Name of each number, and its value for each language, from top to bottom; at most
            four numbers, all for the same languages.
        xlabel: What the numbers are, with their unit.
        title: Title of the figure.

    Raises:
        ValueError: If the languages differ from number to number, or there are too many numbers.
    """
    require_few(series, len(_MARKERS), "series")
    languages = list(next(iter(series.values())))
    for name, values in series.items():
        if list(values) != languages:
            raise ValueError(f"series[{name!r}] must have {languages}, found {list(values)}.")
    ax = new_axes(7.5, 0.38 * len(languages) + 1.8)
    colors = [COLORS["blue"], COLORS["vermillion"], COLORS["green"], COLORS["black"]]
    rows = range(len(languages))
    with style():
        for (name, values), marker, color in zip(series.items(), _MARKERS, colors, strict=False):
            ax.plot(list(values.values()), rows, marker, color=color, label=name)
        ax.set_yticks(rows, languages)
        ax.invert_yaxis()
        ax.set(xlabel=xlabel, title=title)
        ax.set_xlim(left=0)
        if len(series) > 1:
            ax.legend()
    return ax
