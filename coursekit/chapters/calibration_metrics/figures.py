"""Figures of calibration metrics: how far an estimate lies from the truth, and how far by chance.

An estimate is a number that changes from sample to sample. These figures therefore take many
estimates of the same thing and show where they lie, beside the true value where it is known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, StrMethodFormatter
from torch import Tensor

from coursekit.calibration import RiskCoverage
from coursekit.plots.describing import describe, number, series
from coursekit.plots.style import COLORS, GRAY, new_axes, style, title_above_legend

#: Colour and marker of each series, in their order.
_SERIES = (("blue", "o"), ("vermillion", "D"), ("green", "s"), ("purple", "^"))


def error_estimates(
    x: Sequence[int],
    estimates: Mapping[str, Tensor],
    true_error: Mapping[str, float],
    xlabel: str,
    title: str,
) -> Axes:
    """Draw the mean and the middle 95 % of many estimates of an error against what they depend on.

    Args:
        x: Sizes of the sample, or numbers of bins `(K,)`; the axis is logarithmic.
        estimates: Name of each model, at most four, and S estimates at each x `(K, S)`.
        true_error: The true value of each model, drawn as a dashed line.
        xlabel: What x is.
        title: Title of the figure.

    Raises:
        ValueError: If the estimates do not have one row for each x.
    """
    for name, values in estimates.items():
        if values.ndim != 2 or len(values) != len(x):
            raise ValueError(
                f"estimates[{name!r}] must have {len(x)} rows, one for each x, found shape "
                f"{tuple(values.shape)}"
            )
    ax = new_axes(8.0, 5.0)
    with style():
        for (name, values), (color, marker) in zip(estimates.items(), _SERIES, strict=False):
            low, high = values.double().quantile(torch.tensor([0.025, 0.975]).double(), dim=1)
            mean = values.mean(dim=1)
            ax.fill_between(x, low.tolist(), high.tolist(), color=COLORS[color], alpha=0.18)
            label = f"{name}: mean, middle 95 %"
            ax.plot(x, mean.tolist(), marker, ls="-", color=COLORS[color], label=label)
            label = f"{name}: true error, {true_error[name]:.2f}"
            ax.axhline(true_error[name], color=COLORS[color], linestyle="--", label=label)
        ax.set(xscale="log", xlabel=xlabel, ylabel="estimated ECE")
        ax.set_ylim(bottom=-0.005)
        ax.set_xticks(list(x), [f"{value:,}" for value in x])
        ax.minorticks_off()
        title_above_legend(ax, title, rows=2)
    said = []
    for name, values in estimates.items():
        line = series(name, x, values.double().mean(dim=1).tolist())
        tails = values.double().quantile(torch.tensor([0.025, 0.975]).double(), dim=1).T
        bands = (
            f"{number(tails[i, 0].item())} to {number(tails[i, 1].item())} at {number(x[i])}"
            for i in (0, -1)
        )
        said.append(
            f"{line} Middle 95 %: {', '.join(bands)}. True error: {number(true_error[name])}."
        )
    describe(ax, f"Mean of the estimated ECE against {xlabel}, logarithmic. {' '.join(said)}")
    return ax


def estimates_histogram(
    estimates: Tensor, true_error: float, title: str, *, ax: Axes | None = None
) -> Axes:
    """Draw how often each estimate came out, their mean, and the true error.

    Args:
        estimates: One for each of S samples `(S,)`.
        true_error: What they estimate.
        title: Title of the figure.
        ax: Where to draw; without it a new figure is made.
    """
    mean = estimates.double().mean().item()
    with style():
        ax = ax if ax is not None else new_axes(7.0, 4.6)
        ax.hist(estimates.tolist(), bins=25, color=COLORS["sky"], edgecolor="white")
        ax.axvline(mean, color=COLORS["blue"], linewidth=3, label=f"their mean, {mean:.3f}")
        label = f"true error, {true_error:.3f}"
        ax.axvline(true_error, color=COLORS["vermillion"], ls="--", linewidth=3, label=label)
        ax.set(xlabel="estimated ECE", ylabel="samples", title=title)
        ax.yaxis.set_major_locator(MaxNLocator(integer=True))
        # From 0 on, so that every position of the widget can be compared with the others.
        ax.set_xlim(-0.01, max(0.4, 1.05 * estimates.max().item()))
        ax.legend(loc="upper right")
    return ax


def rejection_curves(
    sizes: Sequence[int], shares: Mapping[str, Sequence[float]], level: float, title: str
) -> Axes:
    """Draw how often a test of calibration rejects, against the size of the sample.

    Args:
        sizes: Predictions in a sample `(K,)`.
        shares: Name of each model, at most four, and the share of samples rejected `(K,)`.
        level: p-values up to this reject; a calibrated model should be rejected that often.
        title: Title of the figure.
    """
    ax = new_axes(8.0, 4.6)
    with style():
        for (name, share), (color, marker) in zip(shares.items(), _SERIES, strict=False):
            ax.plot(sizes, list(share), marker, ls="-", color=COLORS[color], label=name)
        ax.axhline(level, color=GRAY, linestyle="--", label=f"level of the test, {level:g}")
        ax.set(xscale="log", ylim=(-0.03, 1.03))
        ax.set(xlabel="predictions in the sample, N", ylabel="share of samples rejected")
        ax.set_xticks(list(sizes), [f"{size:,}" for size in sizes])
        ax.minorticks_off()
        title_above_legend(ax, title, rows=2)
    return ax


def risk_coverage_curves(curves: Mapping[str, RiskCoverage], title: str) -> Axes:
    """Draw which share of the answers is wrong when only the surest ones are given.

    Args:
        curves: Name of each model, at most four, and its curve.
        title: Title of the figure.
    """
    ax = new_axes(7.5, 4.8)
    with style():
        for (name, curve), (color, _), dashes in zip(
            curves.items(), _SERIES, ("-", "--", "-.", ":"), strict=False
        ):
            ax.plot(curve.coverage, curve.risk, dashes, color=COLORS[color], label=name)
        last = next(iter(curves.values())).risk[-1].item()
        ax.axhline(last, color=GRAY, linestyle=":", label=f"all answered: {last:.2f}")
        ax.set(xlim=(0, 1), title=title)
        ax.set_ylim(bottom=0)
        ax.set(xlabel="coverage (share of words answered)", ylabel="risk (share of these wrong)")
        ax.xaxis.set_major_formatter(StrMethodFormatter("{x:.1f}"))
        ax.legend(loc="lower right")
    return ax
