"""Figures of notebook 19: curves of what a judge, a probability or a chart is worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes

from coursekit.plots.checks import require_few, require_values
from coursekit.plots.style import COLORS, GRAY, LOOKS, new_axes, style, title_above_legend


def curves(
    x: Sequence[float],
    lines: Mapping[str, Sequence[float]],
    xlabel: str,
    ylabel: str,
    title: str,
    *,
    levels: Mapping[str, float] | None = None,
    log: bool = False,
    ax: Axes | None = None,
) -> Axes:
    """Draw one to five curves over the same numbers, without markers where these are many.

    Args:
        x: Where the curves are known `(K,)`.
        lines: For each name its values `(K,)`.
        xlabel: What x is, with its unit.
        ylabel: What the values are, with their unit.
        title: Title of the figure.
        levels: For each name a height to mark by a gray line, at most two.
        log: Draw x on a logarithmic axis, with a tick at each of its values.
        ax: Where to draw; by default on a new figure.

    Raises:
        ValueError: If there are no lines, too many, or one of another length than x.
    """
    levels = levels or {}
    require_few(lines, len(LOOKS), "lines")
    require_values(lines, len(x), "lines")
    ax = new_axes(7.8, 4.8) if ax is None else ax
    with style():
        for (name, values), (color, marker, dash) in zip(lines.items(), LOOKS, strict=False):
            marks = marker if len(x) <= 12 else ""
            ax.plot(x, values, dash, marker=marks, color=COLORS[color], label=name)
        for (name, height), dash in zip(levels.items(), (":", "--"), strict=False):
            ax.axhline(height, color=GRAY, linestyle=dash, linewidth=1.6, label=name)
        if log:
            ax.set_xscale("log")
            ax.set_xticks(list(x), [f"{value:g}" for value in x])
            ax.minorticks_off()
        ax.set(xlabel=xlabel, ylabel=ylabel)
        title_above_legend(ax, title, rows=-(-(len(lines) + len(levels)) // 2))
    return ax


def judged_against_true(sensitivity: float, specificity: float, title: str) -> Axes:
    """Draw which share a judge calls right, for each true share.

    Args:
        sensitivity: Chance that a right answer is called right.
        specificity: Chance that a wrong answer is called wrong.
        title: Title of the figure.

    Raises:
        ValueError: If one of the two is not in [0, 1].
    """
    for name, value in (("sensitivity", sensitivity), ("specificity", specificity)):
        if not 0 <= value <= 1:
            raise ValueError(f"{name} must lie in [0, 1], found {value:g}")
    shares = [i / 10 for i in range(11)]
    judged = [share * sensitivity + (1 - share) * (1 - specificity) for share in shares]
    lines = {"what the judge says": judged, "an unerring judge": shares}
    return curves(shares, lines, "share that is right", "share called right", title)
