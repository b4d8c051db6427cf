"""The first reliability diagram a learner meets: how often right, against how sure.

It names no error measure, shows only the range of confidence that can occur, marks what guessing
gives, and says how many answers stand behind each point: `reliability_diagram` without the terms
that a newcomer does not know yet.
"""

from __future__ import annotations

import torch
from matplotlib.axes import Axes
from matplotlib.ticker import MultipleLocator, PercentFormatter

from coursekit.calibration import wilson_interval
from coursekit.calibration._validation import ArrayLike, as_confidence_and_correct
from coursekit.plots.describing import describe
from coursekit.plots.reliability import _draw_points, _in_words, binned_data
from coursekit.plots.style import COLORS, GRAY, new_axes, style


def answers_diagram(
    confidence: ArrayLike,
    correct: ArrayLike,
    title: str,
    *,
    chance: float = 0.5,
    ax: Axes | None = None,
) -> Axes:
    """Draw how often answers were right against how sure their giver was, in steps of 10 %.

    Answers with a confidence above 60 % and up to 70 % are one point, and so on. The second line
    of the title gives mean confidence and the share of right answers with its 95 % interval.

    Args:
        confidence: Stated probabilities `(N,)` of being right.
        correct: Whether each answer was right `(N,)`, bool or 0 and 1.
        title: First line of the title.
        chance: How often pure guessing is right; the axis of confidence begins there.
        ax: Where to draw, without a legend; a new figure with a legend if not given.

    Raises:
        ValueError: If an argument has a wrong shape, is empty, or has values out of range.
        TypeError: If an argument does not hold numbers.

    Example:
        >>> ax = answers_diagram([0.9, 0.6, 0.6], [True, True, False], "You, 3 answers")
        >>> ax.get_xlabel()
        'how sure (confidence)'
    """
    confidence, correct = as_confidence_and_correct(confidence, correct)
    if not 0 <= chance < 1:
        raise ValueError(f"chance must be at least 0 and below 1, found {chance}")
    own_figure = ax is None
    data = binned_data(confidence, correct, n_bins=10)
    with style():
        ax = new_axes(7.5, 6.2) if ax is None else ax
        ax.axhline(chance, color=COLORS["black"], linestyle=":", linewidth=1.6, label="guessing")
        _draw_points(ax, data)
        for x, count in zip(data.bins.confidence.tolist(), data.bins.count.tolist(), strict=True):
            if count:
                ax.text(x, -0.08, f"{count:,}", ha="center", va="center", color=GRAY)
        ax.set(xlim=(chance - 0.04, 1.04), ylim=(-0.14, 1.02))
        ax.set(xlabel="how sure (confidence)", ylabel="how often right (accuracy)")
        ax.set_title(f"{title}\n{_summary(confidence, correct)}", pad=30 if own_figure else 8)
        ax.yaxis.set_major_locator(MultipleLocator(0.2))
        for axis in (ax.xaxis, ax.yaxis):
            axis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        legend = ax.get_legend()
        if legend is not None and not own_figure:
            legend.remove()
        if own_figure:
            ax.legend(
                loc="lower left", bbox_to_anchor=(0, 1), ncols=4, columnspacing=0.9, borderpad=0.2
            )
    counts = ", ".join(f"{count:,}" for count in data.bins.count.tolist() if count)
    full = f"{_in_words(data)} Answers a point: {counts}. Guessing: {chance:.0%}."
    describe(ax, full, brief=_in_words(data, most=0))
    return ax


def _summary(confidence: torch.Tensor, correct: torch.Tensor) -> str:
    right = correct.double().mean()
    low, high = (end.item() for end in wilson_interval(right[None], [len(correct)]))
    sure = confidence.double().mean()
    return f"{sure:.0%} sure, {right:.0%} right [{low:.0%}, {high:.0%}]"
