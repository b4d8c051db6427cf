"""Figures of what a language model believes about the next token, alone and over many."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from matplotlib.axes import Axes
from torch import Tensor

from coursekit.plots.describing import counted, describe, series
from coursekit.plots.style import COLORS, GRAY, new_axes, style, title_above_legend


def null_histogram(null: Tensor, observed: Mapping[str, float], title: str) -> Axes:
    """Draw what an estimate does by chance alone, and where observed values fall.

    Args:
        null: Values of the estimate under the null hypothesis `(S,)`.
        observed: Name and value of each observed estimate, at most three.
        title: Title of the figure.
    """
    ax = new_axes(7.5, 4.6)
    colors = [COLORS["blue"], COLORS["vermillion"], COLORS["green"]]
    with style():
        ax.hist(null.tolist(), bins=30, color=COLORS["sky"], edgecolor="white")
        ax.axvline(
            null.quantile(0.95).item(), color=GRAY, linestyle="--", label="95 % of them lie left"
        )
        for (name, value), color in zip(observed.items(), colors, strict=False):
            ax.axvline(value, color=color, linewidth=3, label=f"{name}: {value:.3f}")
        ax.set(xlabel="ECE", ylabel="simulated models")
        title_above_legend(ax, title)
    return ax


def frequency_against_probability(
    probability: Tensor, frequency: Tensor, count: Tensor, title: str
) -> Axes:
    """Draw observed frequency against predicted probability on logarithmic axes, over decades.

    Args:
        probability: Mean predicted probability of each bin `(B,)`.
        frequency: Fraction of its predictions that came true `(B,)`; bins with 0 are left out.
        count: How many of its predictions came true `(B,)`; the interval is Poisson's.
        title: Title of the figure.
    """
    used = count > 0
    probability, frequency, count = probability[used], frequency[used], count[used].double()
    ax = new_axes(7.0, 6.4)
    low = float(10.0 ** torch.floor(probability.min().log10()))
    # The square root of a Poisson count has standard deviation 1/2, whatever the count.
    spread = [(count.sqrt() + side * 0.98).clamp(min=0) ** 2 / count for side in (-1, 1)]
    errors = torch.stack([frequency * (1 - spread[0]), frequency * (spread[1] - 1)])
    with style():
        ax.plot([low, 1], [low, 1], "--", color=GRAY, label="calibrated")
        ax.errorbar(
            probability.tolist(),
            frequency.tolist(),
            yerr=errors.tolist(),
            fmt="o",
            color=COLORS["blue"],
            capsize=3,
            label="observed, 95 % interval",
        )
        ax.set(
            xscale="log",
            yscale="log",
            xlabel="predicted probability of a token",
            ylabel="how often that token came\n(fraction)",
            title=title,
        )
        ax.legend()
    missed = int(
        ((frequency - errors[0] > probability) | (frequency + errors[1] < probability)).sum()
    )
    curve = series("", probability.tolist(), frequency.tolist())
    describe(
        ax,
        f"How often a token came against its predicted probability, both axes logarithmic, "
        f"{counted(len(probability), 'point')}: {curve} {missed} of {len(probability)} intervals "
        "miss the diagonal of a calibrated model.",
    )
    return ax
