"""Figures of multiple choice: how a model was asked, and what became of its confidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke
from torch import Tensor

from coursekit.calibration import Interval
from coursekit.plots.describing import describe, number, rows_of_intervals
from coursekit.plots.style import COLORS, GRAY, new_axes, style, title_above_legend

#: Colour and marker of the series of one panel.
_LOOKS = (("blue", "o"), ("orange", "D"))


def prior_bars(answers: Sequence[str], probs: Tensor, title: str) -> Axes:
    """Draw how probable answers are before any question, on a logarithmic axis.

    Args:
        answers: Their texts, from top to bottom.
        probs: Their probabilities `(K,)`, positive.
        title: Title of the figure.
    """
    ax = new_axes(7.5, 0.42 * len(answers) + 1.6)
    with style():
        rows = range(len(answers))
        ax.hlines(rows, probs.min().item() / 10, probs.tolist(), color=COLORS["sky"], linewidth=3)
        ax.plot(probs.tolist(), rows, "o", color=COLORS["blue"])
        ax.set_yticks(rows, list(answers))
        ax.invert_yaxis()
        ax.set(xscale="log", xlabel="probability of the answer (logarithmic)", title=title)
        ax.set_xlim(left=probs.min().item() / 10)
        ax.grid(visible=False, axis="y")
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
