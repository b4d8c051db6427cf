"""Figures of notebook 15: what a model kept of a secret, and what size and data buy."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator
from torch import Tensor

from coursekit.plots.checks import require_few, require_values
from coursekit.plots.describing import describe, number
from coursekit.plots.style import COLORS, GRAY, new_axes, style, title_above_legend

#: Colour, marker and line of the curves of one figure.
_LOOKS = (
    ("blue", "o", "-"),
    ("vermillion", "s", "--"),
    ("green", "D", "-."),
    ("purple", "^", ":"),
    ("orange", "v", "-"),
)


def secret_ranks(curves: Mapping[str, tuple[Tensor, int]], title: str) -> Axes:
    """Draw the probability of every candidate secret, sorted, and mark the one that is true.

    Args:
        curves: For each canary the log-probabilities of its R candidates in nats `(R,)`, and the
            index of its true secret; at most five.
        title: Title of the figure.

    Raises:
        ValueError: If there is no curve, or there are more than five.
    """
    require_few(curves, len(_LOOKS), "curves")
    ax = new_axes(8.0, 5.2)
    said = []
    with style():
        for (name, (log_probs, true)), (color, marker, dash) in zip(
            curves.items(), _LOOKS, strict=False
        ):
            ordered = log_probs.sort(descending=True).values.exp()
            rank = int((log_probs > log_probs[true]).sum()) + 1
            ax.plot(range(1, len(ordered) + 1), ordered.tolist(), dash, color=COLORS[color], lw=1.6)
            bits = math.log2(len(ordered)) - math.log2(rank)
            ax.plot(
                rank,
                log_probs[true].exp().item(),
                marker,
                color=COLORS[color],
                markersize=12,
                clip_on=False,
                zorder=3,
                label=f"{name}: rank {rank:,}, {bits:.1f} bits",
            )
            said.append(
                f"{name}: rank {rank:,} of {len(ordered):,}, {bits:.1f} bits, probability "
                f"{number(log_probs[true].exp().item())}; the most probable has "
                f"{number(ordered[0].item())}."
            )
        ax.set(xscale="log", yscale="log")
        ax.set(xlabel="rank of the secret (1 = most probable)")
        ax.set_ylabel("probability of the secret")
        title_above_legend(ax, title, rows=-(-len(curves) // 2))
    describe(
        ax,
        f"Probability of every secret against its rank, the true one marked. {' '.join(said)}",
    )
    return ax


def scaling_curves(
    x: Sequence[float],
    lines: Mapping[str, Sequence[float]],
    xlabel: str,
    ylabel: str,
    title: str,
    *,
    own_x: Mapping[str, Sequence[float]] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw how a loss falls with what is spent on it, both axes logarithmic.

    Args:
        x: tokens, parameters or operations `(K,)`.
        lines: For each kind of model its values `(K,)`; at most five kinds.
        xlabel: What x is, with its unit.
        ylabel: The loss, with its unit.
        title: Title of the figure.
        own_x: Other values of x for single lines.
        ax: Where to draw; by default on a new figure.

    Raises:
        ValueError: If there are no lines or more than five, a line has another length than its x,
            or a value is not above 0.
    """
    require_few(lines, len(_LOOKS), "lines")
    ax = new_axes(8.0, 5.0) if ax is None else ax
    with style():
        for (name, values), (color, marker, dash) in zip(lines.items(), _LOOKS, strict=False):
            places = (own_x or {}).get(name, x)
            require_values({name: values}, len(places), "lines")
            if (least := min(*values, *places)) <= 0:
                raise ValueError(
                    f"lines[{name!r}] must be above 0 on logarithmic axes, found {least}."
                )
            ax.plot(places, values, dash, marker=marker, color=COLORS[color], label=name)
        ax.set(xscale="log", yscale="log", xlabel=xlabel, ylabel=ylabel)
        if not own_x:
            ax.set_xticks(list(x), [f"{value:,.0f}" for value in x])
            ax.xaxis.set_minor_locator(NullLocator())
        ax.grid(which="minor", color=GRAY, alpha=0.12)
        title_above_legend(ax, title, rows=-(-len(lines) // 2))
    return ax
