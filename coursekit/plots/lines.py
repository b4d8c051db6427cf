"""Curves that several chapters draw: of a training, and of a temperature."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from torch import Tensor

from coursekit.plots.checks import require_few
from coursekit.plots.style import COLORS, GRAY, new_axes, style, title_above_legend

_LINES = [("blue", "-"), ("vermillion", "--"), ("green", "-."), ("purple", ":")]


_DASHES: tuple[Any, ...] = ("--", ":", "-.", (0, (6, 2, 1, 2, 1, 2)))


def training_curves(
    tokens: Sequence[float],
    lines: Mapping[str, Sequence[Sequence[float]]],
    ylabel: str,
    title: str,
    *,
    levels: Mapping[str, float] | None = None,
    log: bool = False,
    ax: Axes | None = None,
) -> Axes:
    """Draw how quantities change with the number of tokens read, one thin line for each run.

    Args:
        tokens: Tokens read at each record `(K,)`.
        lines: For each name its runs, each with K values; at most four names.
        ylabel: What is drawn, with its unit.
        title: Title of the figure.
        levels: For each name a value to mark by a horizontal line, at most four.
        log: Draw the values on a logarithmic axis.
        ax: Where to draw; by default on a new figure.

    Raises:
        ValueError: If there are no lines, too many, or a run has another length.

    Example:
        >>> ax = training_curves([1000, 2000], {"loss": [[3.0, 2.5]]}, "nats a token", "One run")
        >>> ax.lines[0].get_xdata().tolist()
        [1.0, 2.0]
    """
    levels = levels or {}
    require_few(lines, len(_LINES), "lines")
    if len(levels) > len(_DASHES):
        raise ValueError(f"levels must hold at most {len(_DASHES)}, found {len(levels)}.")
    for name, runs in lines.items():
        if not runs or any(len(run) != len(tokens) for run in runs):
            lengths = [len(run) for run in runs]
            raise ValueError(
                f"lines[{name!r}] must hold runs of {len(tokens)} values, one for each record, "
                f"found {lengths}."
            )
    ax = new_axes(7.5, 4.8) if ax is None else ax
    thousands = [n / 1000 for n in tokens]
    with style():
        for (name, runs), (color, dash) in zip(lines.items(), _LINES, strict=False):
            for i, run in enumerate(runs):
                label = name if i == 0 else None
                width = 2.2 if len(runs) == 1 else 1.5
                ax.plot(thousands, run, dash, color=COLORS[color], linewidth=width, label=label)
        for (name, level), pattern in zip(levels.items(), _DASHES, strict=False):
            ax.axhline(level, color=GRAY, linestyle=pattern, linewidth=1.6, label=name)
        if log:
            ax.set_yscale("log")
        ax.set(xlabel="tokens read (thousands)", ylabel=ylabel, title=title)
        ax.legend()
    return ax


def temperature_curve(temperatures: Tensor, nll: Tensor, best: float, title: str) -> Axes:
    """Draw the negative log-likelihood against the temperature, and mark the best.

    Args:
        temperatures: The ones tried `(K,)`.
        nll: Mean negative log-likelihood at each, in nats a token `(K,)`.
        best: The one of them to mark.
        title: Title of the figure.

    Example:
        >>> import torch
        >>> ax = temperature_curve(torch.tensor([0.5, 1.0]), torch.tensor([2.1, 2.0]), 1.0, "NLL")
        >>> ax.get_title(loc="left")
        'NLL'
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
