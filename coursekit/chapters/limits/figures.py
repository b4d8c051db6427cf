"""Figures of notebook 17: what size and data buy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator

from coursekit.plots.checks import require_few, require_values
from coursekit.plots.style import COLORS, GRAY, LOOKS, new_axes, style, title_above_legend


def scaling_curves(
    x: Sequence[float],
    lines: Mapping[str, Sequence[float]],
    xlabel: str,
    ylabel: str,
    title: str,
    *,
    own_x: Mapping[str, Sequence[float]] | None = None,
    log: bool = True,
    ax: Axes | None = None,
) -> Axes:
    """Draw how a loss falls with what is spent on it, both axes logarithmic or neither.

    Args:
        x: tokens, parameters or operations `(K,)`.
        lines: For each kind of model its values `(K,)`; at most five kinds.
        xlabel: What x is, with its unit.
        ylabel: The loss, with its unit.
        title: Title of the figure.
        own_x: Other values of x for single lines.
        log: Logarithmic axes, on which a power law is a straight line; linear ones show what each
            further step brings.
        ax: Where to draw; by default on a new figure.

    Raises:
        ValueError: If there are no lines or more than five, a line has another length than its x,
            or a value is not above 0 on logarithmic axes.
    """
    require_few(lines, len(LOOKS), "lines")
    ax = new_axes(8.0, 5.0) if ax is None else ax
    with style():
        for (name, values), (color, marker, dash) in zip(lines.items(), LOOKS, strict=False):
            places = (own_x or {}).get(name, x)
            require_values({name: values}, len(places), "lines")
            if log and (least := min(*values, *places)) <= 0:
                raise ValueError(
                    f"lines[{name!r}] must be above 0 on logarithmic axes, found {least}."
                )
            ax.plot(places, values, dash, marker=marker, color=COLORS[color], label=name)
        scale = "log" if log else "linear"
        ax.set(xscale=scale, yscale=scale, xlabel=xlabel, ylabel=ylabel)
        if log and not own_x:
            ax.set_xticks(list(x), [f"{value:,.0f}" for value in x])
            ax.xaxis.set_minor_locator(NullLocator())
        ax.grid(which="minor", color=GRAY, alpha=0.12)
        title_above_legend(ax, title, rows=-(-len(lines) // 2))
    return ax
