"""Figures of what a language model believes about the next token, alone and over many."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from matplotlib.axes import Axes
from torch import Tensor

from coursekit.calibration import Interval
from coursekit.plots.style import COLORS, GRAY, new_axes, style, title_above_legend
from coursekit.plots.tokens import visible


def next_token_bars(tokens: Sequence[str], probs: Tensor, title: str) -> Axes:
    """Draw the most likely next tokens as bars, best on top.

    Args:
        tokens: Their texts; a space is shown as `␣` and a new line as `⏎`.
        probs: Their probabilities `(K,)`.
        title: What is being continued.
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


def accuracy_and_confidence(
    accuracy: Mapping[str, Interval],
    confidence: Mapping[str, Interval],
    title: str,
    of: str = "tokens",
) -> Axes:
    """Draw, for each group, how often the model is right and how sure it is, with intervals.

    Args:
        accuracy: For each group, from top to bottom, its accuracy.
        confidence: The same groups, their mean confidence.
        title: Title of the figure.
        of: What was counted.
    """
    ax = new_axes(7.5, 0.8 * len(accuracy) + 2.0)
    series = [(accuracy, -0.12, "blue", "o", "accuracy")]
    series.append((confidence, 0.12, "orange", "D", "mean confidence"))
    with style():
        for values, offset, color, marker, label in series:
            for row, interval in enumerate(values.values()):
                y = row + offset
                ax.plot([interval.low, interval.high], [y, y], color=COLORS[color])
                ax.plot(
                    interval.estimate,
                    y,
                    marker,
                    color=COLORS[color],
                    label=label if row == 0 else None,
                )
        ax.set_yticks(range(len(accuracy)), list(accuracy))
        ax.invert_yaxis()
        ax.set(xlabel=f"probability, or fraction of {of}")
        ax.grid(visible=False, axis="y")
        title_above_legend(ax, title)
    return ax


def temperature_curve(temperatures: Tensor, nll: Tensor, best: float, title: str) -> Axes:
    """Draw the negative log-likelihood against the temperature, and mark the best.

    Args:
        temperatures: The ones tried `(K,)`.
        nll: Mean negative log-likelihood at each, in nats a token `(K,)`.
        best: The one of them to mark.
        title: Title of the figure.
    """
    ax = new_axes(7.5, 4.6)
    with style():
        ax.plot(temperatures.tolist(), nll.tolist(), "o-", color=COLORS["blue"])
        ax.axvline(1.0, color=GRAY, linestyle="--", label="the model as it is, T = 1")
        lowest = nll[(temperatures - best).abs().argmin()].item()
        label = f"the best of these, T = {best:.2f}"
        ax.plot(best, lowest, "D", color=COLORS["vermillion"], markersize=12, label=label)
        ax.set(
            xlabel="temperature T (the logits are divided by it)",
            ylabel="negative log-likelihood\n(nats a token)",
        )
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
    return ax
