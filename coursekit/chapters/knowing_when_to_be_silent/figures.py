"""Figures of notebook 14: risk against coverage, and whether a promise is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from scipy.stats import betabinom
from torch import Tensor

from coursekit.calibration import Interval, RiskCoverage
from coursekit.plots.checks import require_values
from coursekit.plots.describing import describe, number, with_ends
from coursekit.plots.style import COLORS, GRAY, new_axes, style, title_above_legend

#: Colour and dashes of each band, in their order.
_BANDS = (("blue", "-"), ("vermillion", "--"), ("green", "-."))


def risk_coverage_bands(
    coverage: Sequence[float], risks: Mapping[str, Sequence[Interval]], title: str
) -> Axes:
    """Draw the risk at each coverage with its interval as a band.

    Args:
        coverage: Shares of the questions that are answered `(K,)`, rising to 1.
        risks: Name of each confidence, at most three, and the risk at each coverage `(K,)`.
        title: Title of the figure.

    Raises:
        ValueError: If a name has not one risk for each coverage.
    """
    require_values(risks, len(coverage), "risks", each="coverage")
    ax = new_axes(7.5, 5.0)
    with style():
        for (name, intervals), (color, dashes) in zip(risks.items(), _BANDS, strict=False):
            low, high = [i.low for i in intervals], [i.high for i in intervals]
            ax.fill_between(coverage, low, high, color=COLORS[color], alpha=0.18)
            middle = [i.estimate for i in intervals]
            ax.plot(coverage, middle, dashes, color=COLORS[color], label=name)
        all_answered = next(iter(risks.values()))[-1].estimate
        ax.axhline(all_answered, color=GRAY, linestyle=":", label="everything answered")
        ax.set(xlim=(0, 1), xlabel="coverage (share of questions answered)")
        ax.set_ylim(bottom=0)
        ax.set_ylabel("risk (share of the answers\nthat are wrong)")
        title_above_legend(ax, title, rows=2)
    few = sorted({0, len(coverage) // 2, len(coverage) - 1})
    said = (
        f"{name}: {', '.join(f'{with_ends(row[i])} at {number(coverage[i])}' for i in few)}."
        for name, row in risks.items()
    )
    describe(ax, f"Risk against coverage, with bands of intervals. {' '.join(said)}")
    return ax


def abstention_curve(curve: RiskCoverage, coverage: float, risk: float, title: str) -> Axes:
    """Draw a risk-coverage curve and the point on it where a threshold puts the model.

    Args:
        curve: The whole curve.
        coverage: Share of the questions that this threshold answers; 0 if none.
        risk: Share of these answers that are wrong; NaN if none is given.
        title: Title of the figure.
    """
    ax = new_axes(7.5, 4.8)
    with style():
        ax.plot(curve.coverage, curve.risk, color=COLORS["blue"], label="every threshold")
        ax.axvline(coverage, color=COLORS["vermillion"], linestyle=":")
        if risk == risk:
            label = "this threshold"
            ax.plot(coverage, risk, "D", color=COLORS["vermillion"], markersize=11, label=label)
        ax.set(xlim=(-0.02, 1.02), xlabel="coverage (share of questions answered)")
        ax.set_ylim(-0.02, max(0.6, curve.risk.max().item() + 0.05))
        ax.set_ylabel("risk (share of the answers\nthat are wrong)")
        title_above_legend(ax, title)
    return ax


def coverage_histogram(
    coverages: Tensor, n_calibration: int, n_test: int, rank: int, title: str
) -> Axes:
    """Draw the coverage of conformal sets over many splits, and the law that theory gives it.

    Args:
        coverages: Share of the test questions whose set held the truth, by split `(S,)`.
        n_calibration: Calibration questions of a split, n.
        n_test: Test questions of a split, m.
        rank: Which smallest calibration score was the quantile, k: the number of covered test
            questions follows BetaBinomial(m, k, n + 1 - k).
        title: Title of the figure.

    Raises:
        ValueError: If the rank is not between 1 and n.
    """
    if not 1 <= rank <= n_calibration:
        raise ValueError(f"rank must be between 1 and {n_calibration}, found {rank}")
    covered = (coverages * n_test).round().long()
    counts = covered.bincount(minlength=n_test + 1) / len(covered)
    law = betabinom(n_test, rank, n_calibration + 1 - rank)
    shown = range(max(int(covered.min()) - 3, 0), n_test + 1)
    values, heights = [i / n_test for i in shown], counts[shown.start :].tolist()
    ax = new_axes(7.5, 4.8)
    with style():
        label = f"observed, {len(covered)} splits"
        ax.bar(values, heights, 0.85 / n_test, color=COLORS["sky"], label=label)
        ax.plot(values, law.pmf(shown), "o-", color=COLORS["blue"], label="theory")
        promised = rank / (n_calibration + 1)
        label = f"promised on average: {promised:.2f}"
        ax.axvline(promised, color=COLORS["vermillion"], linestyle="--", label=label)
        ax.set(xlabel="coverage (share of test questions whose set holds the truth)")
        ax.set_ylabel("share of splits")
        title_above_legend(ax, title, rows=2)
    shares = covered.double() / n_test
    below = (shares < promised).double().mean().item()
    describe(
        ax,
        f"Coverage of {len(covered)} splits: from {number(shares.min().item())} to "
        f"{number(shares.max().item())}, mean {number(shares.mean().item())}, standard deviation "
        f"{number(shares.std(correction=0).item())}; in theory mean {number(law.mean() / n_test)}, "
        f"standard deviation {number(law.std() / n_test)}. {below:.0%} of the splits lie below the "
        f"{number(promised)} that is promised on average.",
    )
    return ax
