"""Figures that compare ways to calibrate: what they heal, and how much data they need."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, NullLocator, StrMethodFormatter
from torch import Tensor

from coursekit.plots.describing import describe, named, number, series
from coursekit.plots.style import COLORS, new_axes, style, title_above_legend

#: The parts of a divergence, in the order in which they are stacked, with their colours.
PARTS = {
    "miscalibration of the top word": "vermillion",
    "information missing at the top word": "blue",
    "the other words": "sky",
}
_MARKERS = "osD^vP"


def divergence_parts(methods: Mapping[str, Tensor], title: str) -> Axes:
    """Draw of what the divergence from the truth is made: a bar a method, best on top.

    A method whose divergence is infinite has no bar, and says so.

    Args:
        methods: For each method the three `PARTS` in nats, for each of S runs `(S, 3)`; the bar
            shows the mean, a dot the total of each run if there are several.
        title: Title of the figure.

    Example:
        >>> ax = divergence_parts({"temperature": torch.tensor([[0.0, 0.25, 0.5]])}, "Parts")
        >>> [round(float(bar.get_width()), 2) for bar in ax.patches]
        [0.0, 0.25, 0.5]
    """
    ordered = sorted(methods.items(), key=lambda item: item[1].sum(dim=1).mean().item())
    ax = new_axes(9.5, 0.5 * len(methods) + 2.0)
    with style():
        for row, (_, runs) in enumerate(ordered):
            totals = runs.sum(dim=1)
            if not totals.isfinite().all():
                ax.text(0.01, row, "infinite", va="center", fontsize=12)
                continue
            left = 0.0
            for width, (part, color) in zip(runs.mean(dim=0).tolist(), PARTS.items(), strict=True):
                label = part if row == 0 else None
                ax.barh(row, width, left=left, height=0.62, color=COLORS[color], label=label)
                left += width
            if len(runs) > 1:
                ax.plot(totals.tolist(), [row] * len(runs), "o", color="black", markersize=4)
        ax.set_yticks(range(len(ordered)), [name for name, _ in ordered])
        ax.set_ylim(len(ordered) - 0.5, -0.5)
        ax.set(xlabel="KL from the truth (nats a word)")
        ax.grid(visible=False, axis="y")
        title_above_legend(ax, title, columns=2, rows=2)
    means = [(name, runs.double().mean(dim=0)) for name, runs in ordered]
    drawn = [pair for pair in means if pair[1].isfinite().all()]
    sums = {name: math.inf for name, _ in means}
    sums |= {name: parts.sum().item() for name, parts in drawn}
    said = [f"KL from the truth in nats a word, best first: {named(sums, 12)}."]
    for name, parts in (drawn[0], drawn[-1]) if len(drawn) > 1 else drawn:
        said.append(f"Of {name}: {named(list(zip(PARTS, parts.tolist(), strict=True)))}.")
    describe(ax, " ".join(said))
    return ax


def parts_by_step(steps: Sequence[int], runs: Tensor, title: str) -> Axes:
    """Draw how the three parts of the divergence change during training.

    Args:
        steps: When they were measured `(K,)`.
        runs: The `PARTS` in nats, for each of S runs `(S, K, 3)`; each is a mark, and the line
            joins the means.
        title: Title of the figure.

    Example:
        >>> ax = parts_by_step([100, 200], torch.zeros(3, 2, 3), "Three runs")
        >>> len(ax.get_legend().get_texts())
        3
    """
    ax = new_axes(8.0, 4.8)
    with style():
        for i, ((part, color), marker) in enumerate(zip(PARTS.items(), _MARKERS, strict=False)):
            ax.plot(steps, runs[:, :, i].mean(dim=0).tolist(), color=COLORS[color])
            marks = {"color": COLORS[color], "markersize": 5}
            for run, values in enumerate(runs[:, :, i].tolist()):
                ax.plot(steps, values, marker, label=None if run else part, **marks)
        ax.set(xlabel="training steps", ylabel="KL from the truth (nats a word)")
        ax.set_ylim(bottom=0)
        title_above_legend(ax, title, columns=2, rows=2)
    means = runs.double().mean(dim=0).T.tolist()
    said = (series(part, steps, line, detail=1) for part, line in zip(PARTS, means, strict=True))
    describe(ax, f"KL from the truth in nats a word, by training step: {' '.join(said)}")
    return ax


def score_against_data(
    sizes: Sequence[int],
    scores: Mapping[str, Tensor],
    reference: float,
    reference_label: str,
    title: str,
) -> Axes:
    """Draw the test loss of calibrators against how much data they were fitted on.

    Args:
        sizes: Numbers of words to fit on `(K,)`.
        scores: For each method its loss in nats a word, for D draws of the data `(D, K)`, NaN
            where a draw was not tried; each draw is a mark, and the line joins the means.
        reference: A loss to compare with.
        reference_label: What it is.
        title: Title of the figure.

    Example:
        >>> ax = score_against_data([10, 100], {"vector": torch.ones(3, 2)}, 2.0, "before", "Data")
        >>> [label.get_text() for label in ax.get_xticklabels()]
        ['10', '100']
    """
    ax = new_axes(8.5, 5.2)
    with style():
        for (name, losses), color, marker in zip(
            scores.items(), ("blue", "orange", "green", "purple", "sky"), _MARKERS, strict=False
        ):
            middle = losses.nanmean(dim=0)
            ax.plot(sizes, middle.tolist(), "-", color=COLORS[color])
            ax.plot(
                torch.tensor(sizes).expand_as(losses).flatten().tolist(),
                losses.flatten().tolist(),
                marker,
                color=COLORS[color],
                markersize=6,
                label=name,
            )
        ax.axhline(reference, color="black", linestyle="--", label=reference_label)
        ax.set(
            xscale="log",
            xlabel="words in the calibration split",
            ylabel="test NLL (nats a word)",
        )
        # A mark at each size and nowhere else: those of a logarithmic axis would run together.
        ax.xaxis.set_major_locator(FixedLocator(list(sizes)))
        ax.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
        ax.xaxis.set_minor_locator(NullLocator())
        title_above_legend(ax, title, columns=3, rows=2)
    said = (
        series(name, sizes, losses.double().nanmean(dim=0).tolist(), detail=1)
        for name, losses in scores.items()
    )
    describe(
        ax,
        f"Mean test NLL in nats a word, by words in the calibration split: {' '.join(said)} "
        f"{reference_label}: {number(reference)}.",
    )
    return ax
