"""Figures of multiple choice: how a model was asked, and what became of its confidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import mean

from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke
from torch import Tensor

from coursekit.calibration import CrossedMean, Interval
from coursekit.plots.describing import describe, number, rows_of_intervals
from coursekit.plots.style import COLORS, GRAY, new_axes, style, title_above_legend

#: Colour and marker of the series of one panel.
_LOOKS = (("blue", "o"), ("orange", "D"))


def specification_curve(
    accuracy: Sequence[Interval],
    confidence: Sequence[float],
    levels: Mapping[str, Sequence[bool]],
    names: Mapping[str, tuple[str, str]],
    title: str,
) -> Axes:
    """Draw every way of asking, from the worst to the best, and below it what it consists of.

    Args:
        accuracy: Of each way, with its interval over questions.
        confidence: Of each way, the mean.
        levels: For each factor, whether each way has its second level.
        names: For each factor what its two levels are called.
        title: Title of the figure.

    Reference:
        U. Simonsohn, J. P. Simmons and L. D. Nelson, Specification curve analysis, Nature Human
        Behaviour 4, 2020.
    """
    upper, lower = new_axes(9.0, 6.6, nrows=2, sharex=True, height_ratios=(2.1, 1))
    order = sorted(range(len(accuracy)), key=lambda way: accuracy[way].estimate)
    with style():
        for x, way in enumerate(order):
            found = accuracy[way]
            upper.plot([x, x], [found.low, found.high], color=COLORS["blue"])
            (color, marker), (other, diamond) = _LOOKS
            label = ("accuracy", "mean confidence") if x == 0 else (None, None)
            upper.plot(x, found.estimate, marker, color=COLORS[color], label=label[0])
            upper.plot(x, confidence[way], diamond, color=COLORS[other], label=label[1])
        upper.axhline(0.25, color=GRAY, linestyle="--", label="blind guess")
        upper.set(ylim=(0, 1.04), ylabel="probability, or\nfraction of questions")
        title_above_legend(upper, title, columns=3)
        for row, has in enumerate(levels.values()):
            for x, way in enumerate(order):
                fill = COLORS["blue"] if has[way] else "white"
                lower.plot(x, row, "s", color=COLORS["blue"], markerfacecolor=fill, ms=8)
        lower.set_yticks(
            range(len(levels)),
            [
                f"{factor}: {names[factor][1]} (full),\n{names[factor][0]} (hollow)"
                for factor in levels
            ],
            fontsize="small",
        )
        lower.set(ylim=(len(levels) - 0.5, -0.5), xlabel="ways of asking, from worst to best")
        lower.set_xticks([])
        lower.grid(visible=False)
    estimates = [found.estimate for found in accuracy]
    said = [
        f"Accuracy rises from {number(min(estimates))} to {number(max(estimates))}, mean "
        f"confidence lies between {number(min(confidence))} and {number(max(confidence))}."
    ]
    for factor, has in levels.items():
        means = [
            number(mean([x for x, y in zip(estimates, has, strict=True) if y is level]))
            for level in (False, True)
        ]
        first, second = names[factor]
        said.append(f"{factor}: {first} {means[0]}, {second} {means[1]} on average.")
    describe(upper, " ".join(said))
    describe(lower, "")
    return upper


def effects_over(effects: Mapping[str, CrossedMean], xlabel: str, title: str) -> Axes:
    """Draw the effect of each factor twice: with other questions, and with other prompts as well.

    Args:
        effects: For each factor, the mean of a table of differences (prompts, questions).
        xlabel: What the differences are of.
        title: Title of the figure.
    """
    ax = new_axes(7.5, 0.8 * len(effects) + 2.2)
    with style():
        for row, found in enumerate(effects.values()):
            for interval, offset, (color, marker), label in (
                (found.interval("columns"), -0.12, _LOOKS[0], "other questions, the same prompts"),
                (found.interval("both"), 0.12, _LOOKS[1], "other questions and other prompts"),
            ):
                y = row + offset
                ax.plot([interval.low, interval.high], [y, y], color=COLORS[color])
                ax.plot(
                    interval.estimate, y, marker, color=COLORS[color],
                    label=label if row == 0 else None,
                )  # fmt: skip
        ax.axvline(0, color=GRAY, linestyle="--")
        ax.set_yticks(range(len(effects)), list(effects))
        ax.set(ylim=(len(effects) - 0.5, -0.5), xlabel=xlabel)
        ax.grid(visible=False, axis="y")
        title_above_legend(ax, title, columns=1, rows=2)
    narrow = {name: found.interval("columns") for name, found in effects.items()}
    wide = {name: found.interval("both") for name, found in effects.items()}
    describe(
        ax,
        f"Over questions: {rows_of_intervals(narrow)} "
        f"Over questions and prompts: {rows_of_intervals(wide)}",
    )
    return ax


def spread_over_splits(
    values: Mapping[str, Tensor], of_one: Mapping[str, float], xlabel: str, title: str
) -> Axes:
    """Draw what many random splits of the same questions give, and what one of them gave.

    Args:
        values: Name of each method, at most two, and its value in each of S splits `(S,)`.
        of_one: The value of each method in the one split shown elsewhere.
        xlabel: What the values are.
        title: Title of the figure.
    """
    ax = new_axes(7.5, 4.6)
    low = min(part.min().item() for part in values.values())
    high = max(part.max().item() for part in values.values())
    with style():
        for (name, part), (color, marker) in zip(values.items(), _LOOKS, strict=False):
            mean = part.double().mean().item()
            ax.hist(
                part.tolist(), bins=25, range=(low, high), color=COLORS[color], alpha=0.5,
                label=f"{name}: mean {mean:.3f}",
            )  # fmt: skip
            ax.plot(
                of_one[name], 0.5, marker, color=COLORS[color], mec="black", ms=12, clip_on=False,
                zorder=4, label=f"the one split: {of_one[name]:.3f}",
            )  # fmt: skip
        ax.set(xlabel=xlabel, ylabel="splits")
        title_above_legend(ax, title, rows=2)
    said = (
        f"{name}: from {number(part.min().item())} to {number(part.max().item())}, mean "
        f"{number(part.double().mean().item())}; the one split {number(of_one[name])}."
        for name, part in values.items()
    )
    n = max(map(len, values.values()))
    describe(ax, f"Histograms of {xlabel} over {n} splits. {' '.join(said)}")
    return ax


def asked_panels(
    accuracy: Interval, confidence: Interval, shares: Mapping[str, float], title: str
) -> Axes:
    """Draw how one way of asking came out: right, sure, and at which place the answers stood.

    Args:
        accuracy: Fraction of questions answered right.
        confidence: Mean confidence.
        shares: For each place in the list of options, the share of answers that came from there.
        title: How the model was asked.
    """
    left, right = new_axes(10.0, 3.8, ncols=2)
    with style():
        for row, (value, (color, marker)) in enumerate(
            zip((accuracy, confidence), _LOOKS, strict=True)
        ):
            left.plot([value.low, value.high], [row, row], color=COLORS[color])
            left.plot(value.estimate, row, marker, color=COLORS[color], ms=11)
            written = left.text(
                value.estimate, row - 0.16, f"{value.estimate:.2f}", ha="center", va="bottom"
            )
            # Readable also where the line of chance runs behind it.
            written.set_path_effects([withStroke(linewidth=4, foreground="white")])
        left.axvline(1 / len(shares), color=GRAY, linestyle="--")
        left.text(1 / len(shares) + 0.01, 1.42, "chance", color=GRAY, va="bottom")
        left.set_yticks([0, 1], ["accuracy", "mean\nconfidence"])
        left.set(xlim=(0, 1.02), ylim=(1.5, -0.6), xlabel="probability, or fraction of questions")
        left.grid(visible=False, axis="y")
        left.set_title(title)
        bars = right.bar(range(len(shares)), list(shares.values()), color=COLORS["sky"])
        right.bar_label(bars, [f"{share:.0%}" for share in shares.values()])
        right.axhline(1 / len(shares), color=GRAY, linestyle="--")
        right.set_xticks(range(len(shares)), list(shares))
        right.set(ylim=(0, 1.08), xlabel="place in the list", ylabel="share of answers")
        right.set_title("Where the chosen answer stood")
    both = {"accuracy": accuracy, "mean confidence": confidence}
    describe(left, f"{rows_of_intervals(both)} Chance: {number(1 / len(shares))}.")
    return left
