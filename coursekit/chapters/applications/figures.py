"""Figures of several tasks: what one temperature does to each, what a likelihood follows."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.axes import Axes
from torch import Tensor

from coursekit.calibration import Interval
from coursekit.plots.describing import describe, rows_of_intervals
from coursekit.plots.style import COLORS, GRAY, new_axes, style, title_above_legend

#: Colour and marker of each series, in their order.
_LOOKS = (("orange", "D"), ("blue", "o"), ("green", "s"))


def gap_rows(series: Mapping[str, Mapping[str, Interval]], title: str) -> Axes:
    """Draw the gap between confidence and accuracy of each task, before and after a repair.

    Args:
        series: Name of each way to calibrate, at most three, and its gap for every task; all have
            the same tasks, drawn from top to bottom.
        title: Title of the figure.
    """
    tasks = list(next(iter(series.values())))
    ax = new_axes(8.0, 0.6 * len(tasks) + 2.0)
    shifts = [0.2 * (i - (len(series) - 1) / 2) for i in range(len(series))]
    with style():
        ax.axvline(0, color=GRAY, linestyle="--")
        for (name, gaps), (color, marker), shift in zip(
            series.items(), _LOOKS, shifts, strict=False
        ):
            for row, task in enumerate(tasks):
                y, gap = row + shift, gaps[task]
                ax.plot([gap.low, gap.high], [y, y], color=COLORS[color])
                label = name if row == 0 else None
                ax.plot(gap.estimate, y, marker, color=COLORS[color], label=label)
        ax.set_yticks(range(len(tasks)), tasks)
        ax.set_ylim(len(tasks) - 0.5, -0.5)
        ax.set(xlabel="mean confidence minus accuracy  (right of 0: surer than right)")
        ax.grid(visible=False, axis="y")
        title_above_legend(ax, title, columns=3)
    zero = (0.0, "no gap")
    said = (f"{name}: {rows_of_intervals(gaps, zero, most=6)}" for name, gaps in series.items())
    describe(ax, f"Mean confidence minus accuracy, with intervals. {' '.join(said)}")
    return ax


def overlap_against_likelihood(
    series: Mapping[str, tuple[Tensor, Tensor]], baseline: tuple[float, str], title: str
) -> Axes:
    """Draw how much written texts agree with a reference, against how likely the model found them.

    Args:
        series: Name of each group of texts, at most three, their log-probabilities a token
            `(N,)` in nats, and their overlaps with the reference `(N,)`, from 0 to 1.
        baseline: The mean overlap of a simple rule, and what the rule is.
        title: Title of the figure.
    """
    ax = new_axes(8.0, 5.0)
    with style():
        for (name, (likelihood, overlap)), (color, marker) in zip(
            series.items(), _LOOKS, strict=False
        ):
            label = f"{name} (n = {len(overlap)})"
            look = {"color": COLORS[color], "alpha": 0.75, "label": label}
            ax.plot(likelihood.tolist(), overlap.tolist(), marker, **look)
        ax.axhline(baseline[0], color=GRAY, linestyle="--", label=baseline[1])
        ax.set(
            xlabel="log-probability of the written line (nats a token)",
            ylabel="overlap with the author's line\n(chrF, 0 to 1)",
        )
        ax.set_ylim(bottom=0)
        title_above_legend(ax, title, rows=2)
    return ax
