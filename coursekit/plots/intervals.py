"""Estimates with their intervals: rows, pairs of points, lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from coursekit.calibration import Interval
from coursekit.plots.checks import require_few, require_values
from coursekit.plots.describing import describe, estimates, named, number, rows_of_intervals, series
from coursekit.plots.style import COLORS, GRAY, LOOKS, new_axes, style, title_above_legend

_LINES = LOOKS[:4]
#: Colour and marker of the series of one panel.
_POINTS = (("blue", "o"), ("orange", "D"))


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

    Example:
        >>> groups = {"easy": Interval(0.9, 0.8, 1.0), "hard": Interval(0.5, 0.4, 0.6)}
        >>> ax = accuracy_and_confidence(groups, groups, "Two groups")
        >>> [label.get_text() for label in ax.get_yticklabels()]
        ['easy', 'hard']
    """
    ax = new_axes(7.5, 0.8 * len(accuracy) + 2.0)
    both = [(accuracy, -0.12, "blue", "o", "accuracy")]
    both.append((confidence, 0.12, "orange", "D", "mean confidence"))
    with style():
        for values, offset, color, marker, label in both:
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
    # Of many groups the estimates alone: two intervals each are too much to listen to.
    said = rows_of_intervals if len(accuracy) <= 6 else estimates
    describe(ax, f"Accuracy: {said(accuracy)} Mean confidence: {said(confidence)}")
    return ax


def interval_rows(
    rows: Mapping[str, Interval],
    xlabel: str,
    title: str,
    reference: tuple[float, str] | None = None,
    row_height: float = 0.6,
) -> Axes:
    """Draw one estimate with its interval for each name, from top to bottom.

    Args:
        rows: Name and estimate; one interval that excludes the reference is drawn full, one that
            includes it hollow.
        xlabel: What is estimated, with its unit.
        title: Title of the figure.
        reference: A value to compare with, and its name in the legend.
        row_height: In inches; less where there are many rows.

    Example:
        >>> rows = {"gap": Interval(0.05, 0.01, 0.09)}
        >>> ax = interval_rows(rows, "confidence minus accuracy", "A gap", reference=(0.0, "none"))
        >>> ax.get_xlabel()
        'confidence minus accuracy'
    """
    ax = new_axes(7.5, row_height * len(rows) + 1.9)
    with style():
        for y, interval in enumerate(rows.values()):
            hollow = reference is not None and reference[0] in interval
            ax.plot([interval.low, interval.high], [y, y], color=COLORS["blue"])
            fill = "white" if hollow else COLORS["blue"]
            ax.plot(interval.estimate, y, "o", color=COLORS["blue"], markerfacecolor=fill)
        if reference is not None:
            ax.axvline(reference[0], color=GRAY, linestyle="--", label=reference[1])
        ax.set_yticks(range(len(rows)), list(rows))
        ax.set_ylim(len(rows) - 0.5, -0.5)
        ax.set(xlabel=xlabel)
        ax.xaxis.set_major_locator(MaxNLocator(6))
        ax.grid(visible=False, axis="y")
        if reference is None:
            ax.set_title(title)
        else:
            title_above_legend(ax, title)
    describe(ax, f"{xlabel}, with intervals: {rows_of_intervals(rows, reference)}")
    return ax


def lines_with_intervals(
    names: Sequence[str],
    lines: Mapping[str, Sequence[Interval | float]],
    xlabel: str,
    ylabel: str,
    title: str,
    *,
    zero: str = "",
    ax: Axes | None = None,
) -> Axes:
    """Draw values, some of them with an interval, from left to right.

    Args:
        names: What stands below the K points.
        lines: For each name of a line its values `(K,)`; at most four lines.
        xlabel: What the names are.
        ylabel: What is drawn, with its unit.
        title: Title of the figure.
        zero: What a value of zero means, written at its line; empty for no line.
        ax: Where to draw; by default on a new figure.

    Raises:
        ValueError: If there are no lines or more than four, or one has another length.

    Example:
        >>> lines = {"error": [Interval(0.3, 0.2, 0.4), Interval(0.2, 0.1, 0.3)]}
        >>> ax = lines_with_intervals(["small", "large"], lines, "model", "nats", "Two models")
        >>> ax.lines[0].get_ydata().tolist()
        [0.3, 0.2]
    """
    require_few(lines, len(_LINES), "lines")
    require_values(lines, len(names), "lines")
    ax = new_axes(8.0, 4.8) if ax is None else ax
    with style():
        if zero:
            ax.axhline(0, color=GRAY, linestyle="--", linewidth=1.6, label=zero)
        for (name, values), (color, marker, dash) in zip(lines.items(), _LINES, strict=False):
            middle = [v.estimate if isinstance(v, Interval) else v for v in values]
            ax.plot(range(len(names)), middle, dash, marker=marker, color=COLORS[color], label=name)
            for i, value in enumerate(values):
                if isinstance(value, Interval):
                    ax.plot([i, i], [value.low, value.high], color=COLORS[color], linewidth=1.6)
        ax.set_xticks(range(len(names)), names)
        ax.set(xlabel=xlabel, ylabel=ylabel)
        title_above_legend(ax, title, columns=4)
    said = [f"{ylabel} against {xlabel}."]
    said += [_line(name, names, values) for name, values in lines.items()]
    describe(ax, " ".join(said))
    return ax


def _line(name: str, names: Sequence[str], values: Sequence[Interval | float]) -> str:
    """Say the values of one line, with the ends of the intervals where they are few."""
    ends = {n: v for n, v in zip(names, values, strict=True) if isinstance(v, Interval)}
    if len(ends) == len(values) <= 4 and len(set(names)) == len(names):
        return f"{name}: {rows_of_intervals(ends)}"
    middle = [v.estimate if isinstance(v, Interval) else v for v in values]
    return series(name, range(len(middle)), middle, dict(enumerate(names)))


def scores_by_method(
    panels: Mapping[str, Mapping[str, Mapping[str, Interval]]],
    marks: Mapping[str, Mapping[str, float]],
    guessing: Mapping[str, float],
    title: str,
) -> Axes:
    """Draw several scores of several methods side by side, each with its interval.

    Args:
        panels: From left to right, what each panel measures (with its unit) and its series, at
            most two; a series has an interval for each method. All have the same methods.
        marks: For a panel, a value for each method to compare with, drawn as a gray tick, such as
            what chance alone would give. A panel may be absent.
        guessing: For a panel, what a blind guess gets, drawn as a dashed line; or absent.
        title: Title of the figure.

    Example:
        >>> scores = {"accuracy": {"": {"letter": Interval(0.5, 0.4, 0.6)}}}
        >>> ax = scores_by_method(scores, {}, {"accuracy": 0.25}, "One way of asking")
        >>> [label.get_text() for label in ax.get_yticklabels()]
        ['letter']
    """
    methods = list(next(iter(next(iter(panels.values())).values())))
    size = (3.3 + 2.7 * len(panels), 0.5 * len(methods) + 2.0)
    axes = new_axes(*size, ncols=len(panels), sharey=True, squeeze=False)[0]
    with style():
        for ax, (measure, of_each) in zip(axes, panels.items(), strict=True):
            for (name, values), (color, marker), shift in zip(
                of_each.items(),
                _POINTS,
                (-0.14, 0.14) if len(of_each) > 1 else (0.0,),
                strict=False,
            ):
                for row, method in enumerate(methods):
                    y, value = row + shift, values[method]
                    ax.plot([value.low, value.high], [y, y], color=COLORS[color])
                    label = name if row == 0 and len(of_each) > 1 else None
                    ax.plot(value.estimate, y, marker, color=COLORS[color], label=label)
            for row, method in enumerate(methods if measure in marks else []):
                ax.plot(
                    marks[measure][method], row, "|", color=GRAY, ms=16, mew=2.5,
                    label="if calibrated: below this" if row == 0 else None,
                )  # fmt: skip
            if measure in guessing:
                ax.axvline(guessing[measure], color=GRAY, ls="--", lw=1.6, label="blind guess")
            ax.set_xlabel(measure)
            ax.xaxis.set_major_locator(MaxNLocator(4))
            ax.grid(visible=False, axis="y")
            if ax.get_legend_handles_labels()[0]:
                ax.legend(loc="lower left", bbox_to_anchor=(-0.05, 1), borderpad=0.1)
            describe(ax, _panel(measure, of_each, marks.get(measure), guessing.get(measure)))
        axes[0].set_yticks(range(len(methods)), methods)
        axes[0].set_ylim(len(methods) - 0.5, -0.5)
        axes[0].figure.suptitle(title, x=0.01, ha="left", fontsize=15)
    return axes[0]


def _panel(
    measure: str,
    of_each: Mapping[str, Mapping[str, Interval]],
    marks: Mapping[str, float] | None,
    guess: float | None,
) -> str:
    said = []
    for name, values in of_each.items():
        head = f"{name}: " if len(of_each) > 1 else ""
        said.append(f"{head}{estimates(values)}")
    if marks is not None:
        said.append(f"If calibrated, below: {named(marks)}.")
    if guess is not None:
        said.append(f"A blind guess: {number(guess)}.")
    return f"{measure}. {' '.join(said)}"
