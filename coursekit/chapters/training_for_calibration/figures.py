"""Figures of notebook 18: what a reward is worth, what training does, and the truth beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from torch import Tensor

from coursekit.plots.checks import require_few, require_values
from coursekit.plots.describing import describe, named, number
from coursekit.plots.style import COLORS, GRAY, LOOKS, new_axes, style, title_above_legend


def curves(
    x: Sequence[float],
    lines: Mapping[str, Sequence[Sequence[float]]],
    xlabel: str,
    ylabel: str,
    title: str,
    *,
    points: Mapping[str, tuple[Sequence[float], Sequence[float]]] | None = None,
    log: bool = False,
    ax: Axes | None = None,
) -> Axes:
    """Draw lines, each the mean of its runs, in a band from the lowest run to the highest.

    Args:
        x: Where they are known `(K,)`.
        lines: For each name its runs, each with K values; at most five names.
        xlabel: What x is, with its unit.
        ylabel: What is drawn, with its unit.
        title: Title of the figure.
        points: Single measurements, by name: places and values.
        log: A logarithmic x axis.
        ax: Where to draw; by default on a new figure.

    Raises:
        ValueError: If there are no lines or more than five, or a run has not K values.

    Example:
        >>> ax = curves([0, 1], {"a": [[0, 1], [0, 3]]}, "steps", "nats", "T")
        >>> ax.lines[0].get_ydata().tolist()
        [0.0, 2.0]
    """
    require_few(lines, len(LOOKS), "lines")
    for name, runs in lines.items():
        require_values({f"{name}, run {i}": run for i, run in enumerate(runs)}, len(x), "lines")
    ax = new_axes(7.5, 4.8) if ax is None else ax
    said = []
    with style():
        for (name, runs), (color, _, dash) in zip(lines.items(), LOOKS, strict=False):
            table = np.asarray(runs, dtype=float)
            mean = table.mean(axis=0)
            ax.plot(x, mean, dash, color=COLORS[color], label=name)
            if len(table) > 1:
                low, high = table.min(axis=0), table.max(axis=0)
                ax.fill_between(x, low, high, color=COLORS[color], alpha=0.18, linewidth=0)
            said.append(f"{name} from {number(mean[0])} to {number(mean[-1])}")
        for i, (name, (places, values)) in enumerate((points or {}).items()):
            ax.plot(places, values, "oDs^"[i % 4], color="black", markersize=7, label=name)
            said.append(f"{name}: " + ", ".join(number(float(value)) for value in values))
        ax.set(xscale="log" if log else "linear", xlabel=xlabel, ylabel=ylabel)
        title_above_legend(ax, title, rows=-(-(len(lines) + len(points or {})) // 2))
    ends = f"Over {xlabel} from {number(float(x[0]))} to {number(float(x[-1]))}, {ylabel}: "
    describe(ax, ends + "; ".join(said) + ".")
    return ax


def against_truth(
    truth: Tensor, confidence: Mapping[str, Tensor], title: str, *, ax: Axes | None = None
) -> Axes:
    """Draw each question's confidence against the true probability of its answer.

    Args:
        truth: True probability of the answer `(N,)`.
        confidence: What a confidence says of it `(N,)`; at most four of them.
        title: Title of the panel.
        ax: Where to draw; by default on a new figure.

    Raises:
        ValueError: If there is no confidence or more than four, or one has another length.

    Example:
        >>> import torch
        >>> half = torch.tensor([0.5, 0.5])
        >>> ax = against_truth(half, {"token": torch.tensor([0.9, 1.0])}, "Sharpened")
        >>> ax.get_ylabel()
        'confidence'
    """
    require_few(confidence, 4, "confidence")
    require_values(confidence, len(truth), "confidence")
    ax = new_axes(5.2, 5.2) if ax is None else ax
    with style():
        ax.plot([0, 1], [0, 1], "--", color=GRAY, label="the truth")
        for (name, values), (color, marker, _) in zip(confidence.items(), LOOKS, strict=False):
            ax.plot(
                truth.tolist(),
                values.tolist(),
                marker,
                color=COLORS[color],
                alpha=0.55,
                markersize=5,
                label=name,
            )
        ax.set(xlim=(0, 1), ylim=(-0.02, 1.03), aspect="equal")
        ax.set(xlabel="true probability of the answer", ylabel="confidence")
        title_above_legend(ax, title, columns=1, rows=1 + len(confidence))
    off = {name: (values - truth).abs().mean().item() for name, values in confidence.items()}
    describe(ax, f"{len(truth)} questions, each once. Mean distance from the truth: {named(off)}.")
    return ax
