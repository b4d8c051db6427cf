"""Figures of notebook 20: what several reports say of the same thing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from coursekit.calibration import Interval
from coursekit.plots.describing import describe
from coursekit.plots.style import COLORS, new_axes, style

#: What a reading is measured in, by task and metric.
UNITS = {
    "accuracy": "probability",
    "gap": "probability",
    "prose nll": "nats per token",
    "exam nll": "nats per question",
}


def readings_by_letter(
    readings: Mapping[str, Mapping[str, Interval]], fields: Sequence[str]
) -> Axes:
    """Draw some numbers of several reports with their intervals, a panel a number.

    Args:
        readings: By the letter of a report, its numbers by their names.
        fields: Which of them.

    Raises:
        ValueError: If there is no report or no field.

    Example:
        >>> ax = readings_by_letter({"A": {"prose gap": Interval(0.1, 0.0, 0.2)}}, ["prose gap"])
        >>> ax.get_title(loc="left")
        'prose gap'
    """
    if not readings or not fields:
        raise ValueError("readings and fields must each hold at least one, found none")
    letters = list(readings)
    columns = min(2, len(fields))
    rows = -(-len(fields) // columns)
    axes = new_axes(
        5.2 * columns, (0.45 * len(letters) + 1.4) * rows, ncols=columns, nrows=rows, squeeze=False
    )
    with style():
        for ax, field in zip(axes.flat, fields, strict=False):
            for y, letter in enumerate(letters):
                found = readings[letter][field]
                ax.plot([found.low, found.high], [y, y], color=COLORS["blue"])
                ax.plot(found.estimate, y, "o", color=COLORS["blue"])
            ax.set_yticks(range(len(letters)), letters)
            ax.set_ylim(len(letters) - 0.5, -0.5)
            ax.set(title=field, xlabel=_unit(field))
            ax.xaxis.set_major_locator(MaxNLocator(5))
            ax.grid(visible=False, axis="y")
            describe(ax, _in_words({letter: readings[letter][field] for letter in letters}))
        for ax in axes.flat[len(fields) :]:
            ax.remove()
    return axes[0, 0]


def _unit(field: str) -> str:
    name = field.partition(",")[0]
    metric = name.split()[-1]
    return f"{metric} ({UNITS.get(name, UNITS.get(metric, 'no unit'))})"


def _in_words(found: Mapping[str, Interval]) -> str:
    each = "; ".join(f"{letter} {interval:.2f}" for letter, interval in found.items())
    return f"By report: {each}."
