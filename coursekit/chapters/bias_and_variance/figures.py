"""Figures of bias and variance: what many models say, and what their error is made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from torch import Tensor

from coursekit.calibration import Interval
from coursekit.plots.describing import describe, named, number, series
from coursekit.plots.style import COLORS, LOOKS, new_axes, style, title_above_legend

_LOOKS = LOOKS[:4]


def answers_of_many(answers: Mapping[str, Tensor], truth: float, xlabel: str, title: str) -> Axes:
    """Draw what many models answered to one question: a row of dots for each kind of model.

    Args:
        answers: For each kind, from top to bottom, the answers of its models `(M,)`.
        truth: The right answer.
        xlabel: What was asked, with its unit.
        title: Title of the figure.
    """
    ax = new_axes(8.0, 0.8 * len(answers) + 2.2)
    with style():
        ax.axvline(truth, color=COLORS["black"], linestyle="--", label=f"truth: {truth:.2f}")
        for row, values in enumerate(answers.values()):
            labels = ("one model", "mean of the models") if row == 0 else (None, None)
            ax.plot(
                values.tolist(),
                [row] * len(values),
                "o",
                color=COLORS["sky"],
                alpha=0.5,
                label=labels[0],
            )
            ax.plot(
                values.mean().item(), row, "D", color=COLORS["vermillion"], ms=11, label=labels[1]
            )
        ax.set_yticks(range(len(answers)), list(answers))
        ax.set_ylim(len(answers) - 0.5, -0.5)
        ax.set(xlabel=xlabel)
        ax.grid(visible=False, axis="y")
        title_above_legend(ax, title, columns=4)
    said = (
        f"{name}: mean {number(values.double().mean().item())}, from "
        f"{number(values.min().item())} to {number(values.max().item())}."
        for name, values in answers.items()
    )
    n = max(map(len, answers.values()))
    describe(ax, f"{xlabel}. Truth {number(truth)}. Answers of {n} models. {' '.join(said)}")
    return ax


def error_parts(
    names: Sequence[str],
    bias: Sequence[float],
    variance: Sequence[float],
    xlabel: str,
    ylabel: str,
    title: str,
    *,
    bias_interval: Sequence[Interval] = (),
    error_interval: Sequence[Interval] = (),
    bias_name: str = "bias²",
    marked: int | None = None,
    legend: bool = True,
    ax: Axes | None = None,
) -> Axes:
    """Draw errors as bars of two parts: the bias below, the variance on it.

    Args:
        names: Of the K bars, from left to right.
        bias: Lower part of each `(K,)`.
        variance: Upper part of each `(K,)`.
        xlabel: What the names are.
        ylabel: The error, with its unit.
        title: Title of the figure.
        bias_interval: Intervals of the lower parts, or none.
        error_interval: Intervals of the sums, or none.
        bias_name: What the lower part is called.
        marked: Which bar to frame, counted from 0.
        legend: Name the parts above the bars; one panel of a row is enough.
        ax: Where to draw; by default on a new figure.

    Raises:
        ValueError: If the lengths differ.
    """
    lengths = {len(names), len(bias), len(variance)}
    lengths |= {len(given) for given in (bias_interval, error_interval) if given}
    if len(lengths) > 1:
        raise ValueError(
            f"names must have as many entries as bias, variance and the intervals, if given, found "
            f"{len(names)} for {len(bias)} and {len(variance)}."
        )
    ax = new_axes(8.0, 4.8) if ax is None else ax
    x = range(len(names))
    with style():
        ax.bar(x, bias, color=COLORS["blue"], label=bias_name)
        bars = ax.bar(x, variance, bottom=bias, color=COLORS["orange"], label="variance")
        for place, intervals in ((-0.15, bias_interval), (0.15, error_interval)):
            for i, interval in enumerate(intervals):
                ends = [interval.low, interval.high]
                ax.plot([i + place] * 2, ends, color=COLORS["black"], linewidth=1.6)
        if marked is not None:
            bars[marked].set(edgecolor=COLORS["black"], linewidth=3)
        ax.set_xticks(x, names)
        ax.set(xlabel=xlabel, ylabel=ylabel)
        ax.grid(visible=False, axis="x")
        title_above_legend(ax, title, columns=4)  # at one height in all panels of a row
        if not legend and (drawn := ax.get_legend()) is not None:
            drawn.remove()
    both = ((bias_name, bias), ("variance", variance))
    places = {float(i): name for i, name in enumerate(names)}
    full = " ".join(f"{what}: {named(list(zip(names, part, strict=True)))}." for what, part in both)
    brief = " ".join(series(what, x, part, places, detail=0) for what, part in both)
    total = [lower + upper for lower, upper in zip(bias, variance, strict=True)]
    least = min(x, key=total.__getitem__)
    end = f"Least sum: {number(total[least])} at {names[least]}."
    if marked is not None:
        end += f" Framed: {names[marked]}."
    head = f"{ylabel or 'The error'} in two parts, by {xlabel}."
    describe(ax, f"{head} {full} {end}", brief=f"{brief} {end}")
    return ax


def ensemble_lines(
    members: Sequence[int],
    measured: Mapping[str, Sequence[float]],
    predicted: Mapping[str, tuple[float, float]],
    ylabel: str,
    title: str,
) -> Axes:
    """Draw the error of averages of models against one over their number: a straight line.

    Args:
        members: How many models were averaged `(K,)`.
        measured: For each kind of ensemble, its errors `(K,)`; at most four kinds.
        predicted: For each kind, its bias squared and its variance.
        ylabel: The error, with its unit.
        title: Title of the figure.
    """
    ax = new_axes(8.0, 4.8)
    with style():
        for (name, errors), (color, marker, dash) in zip(measured.items(), _LOOKS, strict=False):
            bias, variance = predicted[name]
            ax.plot([0, 1], [bias, bias + variance], dash, color=COLORS[color])
            ax.plot([1 / m for m in members], errors, marker, color=COLORS[color], label=name)
            ax.plot(0, bias, marker, color=COLORS[color], fillstyle="none", clip_on=False)
        ticks = {0: "∞\n(bias²)"} | {1 / m: f"{m}" for m in members}
        ax.set_xticks(list(ticks), list(ticks.values()))
        ax.set_xlim(0, 1.04)
        ax.set_ylim(bottom=0)
        ax.set(xlabel="number of models averaged (axis: one over it)", ylabel=ylabel)
        title_above_legend(ax, title, columns=4)
    said = (
        f"{series(name, members, errors)} Predicted: {number(sum(predicted[name]))} for one, "
        f"{number(predicted[name][0])} for infinitely many."
        for name, errors in measured.items()
    )
    describe(ax, f"{ylabel}, by the number of models. {' '.join(said)}")
    return ax
