"""Figures of forecasters: what they state, what happens, and what that costs them.

The attributes diagram is a reliability diagram that also shows the base rate. A point's distance
from the diagonal is what reliability charges for, its distance from the base rate is what
resolution pays for.

Reference:
    W. Hsu, A. Murphy, "The attributes diagram: a geometrical framework for assessing the quality of
    probability forecasts", International Journal of Forecasting 2, 1986.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from coursekit.calibration import reliability_bins, wilson_interval
from coursekit.plots.checks import same_parts
from coursekit.plots.describing import against_diagonal, describe, named, number
from coursekit.plots.style import COLORS, GRAY, new_axes, style, title_above_legend

_PARTS = ("blue", "orange", "vermillion", "green", "purple")


def attributes_diagram(
    stated: Tensor,
    happened: Tensor,
    title: str,
    *,
    at_least: int = 50,
    legend: bool = True,
    ax: Axes | None = None,
) -> Axes:
    """Draw how often the event happened against each value that was stated.

    The area of a point is its share of the forecasts; the bar through it is Wilson's 95 % interval,
    which takes the forecasts as independent.

    Args:
        stated: Probabilities `(N,)` that take few different values.
        happened: Whether the event happened `(N,)`.
        title: Title of the figure.
        at_least: How often a value must have been stated to be drawn: rare ones are all interval.
        legend: Whether to explain the lines.
        ax: Where to draw; without it a new figure is made.
    """
    bins = reliability_bins(stated, happened, binning="discrete")
    base_rate = happened.double().mean().item()
    ends = wilson_interval(bins.accuracy, bins.count)
    columns = (bins.confidence, bins.accuracy, bins.weight, *ends)
    value, often, weight, low, high = (column[bins.count >= at_least].numpy() for column in columns)
    # Rounding may leave an end a hair on the wrong side of a frequency of 0 or 1.
    errors = np.maximum([often - low, high - often], 0)
    with style():
        ax = ax if ax is not None else new_axes(6.4, 6.4)
        ax.plot([0, 1], [0, 1], "--", color=GRAY, linewidth=1.6, label="calibrated")
        ax.axhline(base_rate, color=COLORS["green"], linestyle=":", label="base rate")
        ax.vlines(value, value, often, color=COLORS["orange"], linewidth=4, alpha=0.55, label="gap")
        ax.errorbar(
            value,
            often,
            yerr=errors,
            fmt="none",
            ecolor=COLORS["blue"],
            capsize=2,
            linewidth=1.3,
            label="95 % interval",
        )
        ax.scatter(
            value,
            often,
            s=16 + 500 * weight,
            color=COLORS["blue"],
            edgecolor="white",
            zorder=3,
            label="observed",
        )
        ax.set(xlim=(-0.04, 1.04), ylim=(-0.04, 1.04), title=title)
        ax.set(xlabel="stated probability", ylabel="how often it happened (fraction)")
        if legend:
            title_above_legend(ax, title, columns=3, rows=2)
    points = [values.tolist() for values in (value, often, low, high)]
    names = "stated and observed"
    full, brief = (against_diagonal(*points, names=names, most=most) for most in (3, 0))
    describe(ax, f"Attributes diagram, {full} Base rate: {number(base_rate)}.", brief=brief)
    return ax


def attributes_panels(
    forecasters: Mapping[str, Tensor], happened: Tensor, *, at_least: int = 50
) -> Axes:
    """Draw an attributes diagram of each forecaster, three in a row; returns the first axes.

    Args:
        forecasters: What each stated `(N,)`.
        happened: Whether the event happened `(N,)`, the same for all.
        at_least: As in `attributes_diagram`.
    """
    n_rows = -(-len(forecasters) // 3)
    grid = new_axes(12.5, 4.4 * n_rows, nrows=n_rows, ncols=3, sharex=True, sharey=True)
    axes = list(grid.flat)
    for ax, (name, stated) in zip(axes, forecasters.items(), strict=False):
        attributes_diagram(stated, happened, name, at_least=at_least, legend=False, ax=ax)
        ax.label_outer()
    for ax in axes[len(forecasters) :]:
        ax.set_visible(False)
    with style():
        handles, labels = axes[len(forecasters) - 1].get_legend_handles_labels()
        axes[0].figure.legend(handles, labels, loc="outside upper left", ncols=5)
    return axes[0]


def brier_parts(
    parts: Mapping[str, Sequence[float]], title: str, *, ax: Axes | None = None
) -> Axes:
    """Draw how reliability and resolution lead from the uncertainty to the Brier score.

    Args:
        parts: For each forecaster, from top to bottom: reliability, resolution and uncertainty.
        title: Title of the figure.
        ax: Where to draw; without it a new figure is made.
    """
    names = [_with_score(name, *three) for name, three in parts.items()]
    with style():
        ax = ax if ax is not None else new_axes(9.5, 0.8 * len(parts) + 1.9)
        for row, (reliability, resolution, uncertainty) in enumerate(parts.values()):
            best = uncertainty - resolution
            label = {"green": "resolution: gained", "vermillion": "reliability: lost"}
            steps = (("green", -0.18, best, resolution), ("vermillion", 0.18, best, reliability))
            for color, offset, left, width in steps:
                ax.barh(
                    row + offset,
                    width,
                    left=left,
                    height=0.32,
                    color=COLORS[color],
                    label=label[color] if row == 0 else None,
                )
            ax.plot(
                best + reliability,
                row + 0.18,
                "D",
                color=COLORS["black"],
                label="Brier score" if row == 0 else None,
            )
        ax.axvline(uncertainty, color=GRAY, linestyle="--", label="uncertainty")
        ax.set_yticks(range(len(names)), names)
        ax.invert_yaxis()
        ends = [max(r - s, 0) + u for r, s, u in parts.values()]
        ax.set_xlim(0, 1.05 * max(ends))
        ax.xaxis.set_major_locator(MaxNLocator(6))
        ax.set(xlabel="Brier score (lower is better)")
        ax.grid(visible=False, axis="y")
        title_above_legend(ax, title, columns=4)
    said = (
        f"{name}: resolution {number(resolution)}, reliability {number(reliability)}, Brier score "
        f"{number(reliability - resolution + uncertainty)}."
        for name, (reliability, resolution, uncertainty) in parts.items()
    )
    starts = {name: three[2] for name, three in parts.items()}
    same = len({number(start) for start in starts.values()}) == 1
    start = number(next(iter(starts.values()))) if same else named(starts)
    describe(ax, f"From the uncertainty, {start}, to the Brier score. {' '.join(said)}")
    return ax


def expected_score_curves(
    stated: Tensor, curves: Mapping[str, Tensor], truth: float, title: str
) -> Axes:
    """Draw what each score is expected to be against what is stated; returns the first axes.

    The lowest point of each curve is marked, unless many points are as low.

    Args:
        stated: Probabilities that could be stated `(K,)`.
        curves: Name of each score and its expectation `(K,)`.
        truth: The true probability.
        title: Title of the figure.
    """
    axes = np.atleast_1d(new_axes(4.3 * len(curves), 4.3, ncols=len(curves)))
    with style():
        for ax, (name, values) in zip(axes, curves.items(), strict=True):
            ax.plot(stated.tolist(), values.tolist(), color=COLORS["blue"])
            ax.axvline(truth, color=COLORS["green"], linestyle=":", label="the truth")
            lowest = (values <= values.min() + 1e-9).nonzero().flatten()
            if len(lowest) == 1:
                at = int(lowest)
                best = stated[at].item()
                label = f"lowest at {best:.2f}"
                ax.plot(best, values[at].item(), "D", color=COLORS["vermillion"], label=label)
            ax.set(xlabel="stated probability", title=name, xlim=(0, 1))
            ax.legend(loc="best", frameon=True, framealpha=0.9, edgecolor="white")
        axes[0].set_ylabel("expected score\n(lower is better)")
        axes[0].figure.suptitle(title, x=0.01, ha="left", fontsize=15)
    return axes[0]


def loss_parts(bars: Mapping[str, Mapping[str, float]], xlabel: str, title: str) -> Axes:
    """Draw what a loss is made of: one bar a forecaster, the parts side by side, in their units.

    Args:
        bars: For each forecaster, from top to bottom, its parts; all have the same parts.
        xlabel: The loss with its unit.
        title: Title of the figure.

    Raises:
        ValueError: If there are no bars, they have different parts, or too many for the colours.
    """
    parts = same_parts(bars, len(_PARTS), "bars")
    ax = new_axes(9.5, 0.62 * len(bars) + 2.0)
    with style():
        left = np.zeros(len(bars))
        for part, color in zip(parts, _PARTS, strict=False):
            width = np.array([bar[part] for bar in bars.values()])
            ax.barh(range(len(bars)), width, left=left, label=part, color=COLORS[color])
            left += width
        # Above the last bar there is room for what they add up to.
        for row, total in enumerate(left):
            ax.text(total, row, f"  {total:.2f}", va="center")
        ax.set_yticks(range(len(bars)), list(bars))
        ax.invert_yaxis()
        ax.set_xlim(0, 1.12 * left.max())
        ax.set_xlabel(xlabel)
        ax.grid(visible=False, axis="y")
        title_above_legend(ax, title, columns=3)
    return ax


def _with_score(name: str, reliability: float, resolution: float, uncertainty: float) -> str:
    return f"{name}\n{reliability - resolution + uncertainty:.3f}"
