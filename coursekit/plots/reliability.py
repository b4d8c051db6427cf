"""The reliability diagram: whether a model is right as often as it is sure.

Predictions of similar confidence are grouped into bins, and each bin becomes a point: mean
confidence to the right, fraction correct upward. A calibrated model lies on the diagonal, up to
chance, which the intervals show; below it a model is surer than it is right.

The numbers come from `binned_data` and `reliability_data`, apart from the drawing, so that they
can be tested.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, StrMethodFormatter
from torch import Tensor

from coursekit.calibration import (
    Interval,
    ReliabilityBins,
    ece_interval,
    ece_null_distribution,
    effective_sample_size,
    expected_calibration_error,
    reliability_bins,
    wilson_interval,
)
from coursekit.calibration._validation import (
    ArrayLike,
    as_confidence_and_correct,
    as_group_index,
)
from coursekit.calibration.bins import Binning
from coursekit.plots.describing import against_diagonal, describe, number
from coursekit.plots.style import COLORS, GRAY, new_axes, style


@dataclass(frozen=True)
class BinnedData:
    """The points of a reliability diagram.

    Attributes:
        bins: Counts, mean confidences and accuracies of the B bins, some perhaps empty.
        low: Lower ends of the intervals of the accuracies `(B,)`; 0 for an empty bin.
        high: Upper ends `(B,)`; 1 for an empty bin.
        level: Nominal coverage of the intervals.
    """

    bins: ReliabilityBins
    low: Tensor
    high: Tensor
    level: float


@dataclass(frozen=True)
class ReliabilityData(BinnedData):
    """All that a reliability diagram shows, before it is drawn.

    Attributes:
        histogram: As many bins of equal width, whatever `bins` are.
        ece: The expected calibration error, as these bins show it.
        debiased_ece: The same without what chance adds, with an interval for the true one (see
            `ece_interval`); NaN if all predictions belong to a single group.
        ece_if_calibrated: What a calibrated model with these confidences would stay below, in
            a share `level` of all samples.

    Example:
        >>> data = reliability_data([0.9, 0.8, 0.7, 0.6], [1, 1, 0, 1], n_bins=2)
        >>> round(data.ece, 2), data.debiased_ece.estimate
        (0.0, 0.0)
    """

    histogram: ReliabilityBins
    ece: float
    debiased_ece: Interval
    ece_if_calibrated: float


def binned_data(
    confidence: ArrayLike,
    correct: ArrayLike,
    *,
    n_bins: int = 15,
    binning: Binning = "uniform",
    groups: ArrayLike | None = None,
    level: float = 0.95,
) -> BinnedData:
    """Compute the points of a reliability diagram; arguments as in `reliability_diagram`."""
    confidence, correct = as_confidence_and_correct(confidence, correct)
    confidence, correct = confidence.cpu(), correct.cpu()
    bins = reliability_bins(confidence, correct, n_bins, binning)
    n_independent = bins.count.double()
    if groups is not None:
        group = as_group_index(groups, len(confidence))
        n_independent = _independent_counts(bins, confidence, correct, group)
    low, high = wilson_interval(bins.accuracy, n_independent, level)
    return BinnedData(bins, low, high, level)


def reliability_data(
    confidence: ArrayLike,
    correct: ArrayLike,
    *,
    n_bins: int = 15,
    binning: Binning = "uniform",
    groups: ArrayLike | None = None,
    level: float = 0.95,
    n_resamples: int = 1000,
    seed: int = 0,
) -> ReliabilityData:
    """Compute the numbers of a reliability diagram; arguments as in `reliability_diagram`.

    Example:
        >>> data = reliability_data([0.9, 0.8, 0.7, 0.6], [1, 1, 0, 1], n_bins=2)
        >>> data.bins.count.tolist()
        [0, 4]
    """
    confidence, correct = as_confidence_and_correct(confidence, correct)
    confidence, correct = confidence.cpu(), correct.cpu()
    points = binned_data(
        confidence, correct, n_bins=n_bins, binning=binning, groups=groups, level=level
    )
    group = None if groups is None else as_group_index(groups, len(confidence))
    if group is None or group.max() > 0:
        interval = ece_interval(
            confidence,
            correct,
            n_bins,
            binning,
            groups=group,
            level=level,
            n_simulations=n_resamples,
            seed=seed,
        )
    else:
        interval = Interval(math.nan, math.nan, math.nan, level)
    null = ece_null_distribution(confidence, n_bins, binning, n_simulations=n_resamples, seed=seed)
    return ReliabilityData(
        bins=points.bins,
        low=points.low,
        high=points.high,
        level=level,
        histogram=reliability_bins(confidence, correct, n_bins),
        ece=expected_calibration_error(confidence, correct, n_bins, binning),
        debiased_ece=interval,
        ece_if_calibrated=null.quantile(level).item(),
    )


def reliability_diagram(
    confidence: ArrayLike,
    correct: ArrayLike,
    *,
    n_bins: int = 15,
    binning: Binning = "uniform",
    groups: ArrayLike | None = None,
    level: float = 0.95,
    title: str | None = None,
    ax: Axes | None = None,
    n_resamples: int = 1000,
    seed: int = 0,
) -> Axes:
    """Draw accuracy against confidence, with intervals, and the histogram of confidence.

    Under the title stand the ECE of these bins and, as chance alone makes it larger
    than 0, what is left without chance, with an interval for the true one (`ece_interval`): 0
    lies inside where chance may explain all. A note in the corner says which ECE a calibrated
    model would show.

    Args:
        confidence: Predicted probabilities `(N,)`.
        correct: Whether each prediction came true `(N,)`, bool or 0 and 1.
        n_bins: Number of bins.
        binning: `"uniform"`, `"quantile"` or `"discrete"`, see
            `coursekit.calibration.reliability_bins`.
        groups: To which group each prediction belongs `(N,)`, such as its document. Then the
            interval lets whole groups vary, and the Wilson interval of a bin's accuracy counts
            its `effective_sample_size`.
        level: Nominal coverage of all intervals.
        title: First line of the title.
        ax: Where to draw; the histogram then lies inside, along the bottom. Without it a new
            figure is made, with the histogram below.
        n_resamples: Number of samples that are simulated, of a calibrated model and of others.
        seed: Seed of the random numbers.

    Returns:
        The axes of the diagram; `axes.figure` is the figure.

    Raises:
        ValueError: If an argument has a wrong shape, is empty, out of range or unknown.
        TypeError: If an argument does not hold numbers.

    Reference:
        M. DeGroot, S. Fienberg, "The comparison and evaluation of forecasters", The
        Statistician 32, 1983; J. Bröcker, L. A. Smith, "Increasing the reliability of
        reliability diagrams", Weather and Forecasting 22, 2007.

    Example:
        >>> ax = reliability_diagram([0.9, 0.8, 0.7, 0.6], [1, 1, 0, 1], title="A forecaster")
        >>> ax.get_ylabel()
        'accuracy (fraction correct)'
    """
    data = reliability_data(
        confidence,
        correct,
        n_bins=n_bins,
        binning=binning,
        groups=groups,
        level=level,
        n_resamples=n_resamples,
        seed=seed,
    )
    own_figure = ax is None
    with style():
        if ax is None:
            ax, below = new_axes(7.0, 7.2, nrows=2, sharex=True, height_ratios=(4, 1))
            _draw_histogram(below, data)
            below.set_xlabel("confidence (predicted probability)")
            below.set_ylabel("predictions")
            below.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
            below.yaxis.set_major_locator(MaxNLocator(2, integer=True))
            describe(below, "")  # told with the diagram
        else:
            inside = ax.inset_axes((0, 0, 1, 0.16), sharex=ax, zorder=0)
            _draw_histogram(inside, data)
            inside.axis("off")
            ax.set_xlabel("confidence (predicted probability)")
        _draw_points(ax, data)
        ax.set_title("\n".join(([title] if title else []) + [_summary(data)]), pad=30)
        ax.text(
            0.985,
            0.03 if own_figure else 0.215,
            f"by chance alone: ECE up to {data.ece_if_calibrated:.3f}",
            horizontalalignment="right",
            color=GRAY,
        )
    often = int(data.histogram.count.argmax())
    low, high = data.histogram.edges[often : often + 2].tolist()
    describe(
        ax,
        f"{_in_words(data)} By chance alone the ECE is up to {number(data.ece_if_calibrated)}. "
        f"Most predictions, {number(data.histogram.count[often].item())}, have a confidence "
        f"between {number(low)} and {number(high)}.",
        brief=_in_words(data, most=0),
    )
    return ax


def _in_words(data: BinnedData, most: int = 5) -> str:
    """Say how the points lie about the diagonal; up to `most` are listed."""
    used = data.bins.count > 0
    points = (data.bins.confidence, data.bins.accuracy, data.low, data.high)
    x, y, low, high = (values[used].tolist() for values in points)
    return f"Reliability diagram, {against_diagonal(x, y, low, high, most=most)}"


def _independent_counts(
    bins: ReliabilityBins, confidence: Tensor, correct: Tensor, group: Tensor
) -> Tensor:
    """Return the effective sample size of each bin `(B,)`."""
    index = torch.bucketize(confidence.double(), bins.edges[1:-1])
    sizes = torch.zeros(len(bins.count), dtype=torch.float64)
    for b in bins.count.nonzero().flatten():
        sizes[b] = effective_sample_size(correct[index == b], group[index == b])
    return sizes


def _summary(data: ReliabilityData) -> str:
    shown = f"ECE = {data.ece:.3f}, N = {data.bins.count.sum():,}"
    if math.isnan(data.debiased_ece.low):
        return shown
    return f"{shown}\nwithout chance: {data.debiased_ece}"


def _draw_points(ax: Axes, data: BinnedData) -> None:
    used = data.bins.count > 0
    confidence, accuracy, low, high = (
        values[used].numpy()
        for values in (data.bins.confidence, data.bins.accuracy, data.low, data.high)
    )
    ax.plot([0, 1], [0, 1], "--", color=GRAY, linewidth=1.6, label="calibrated")
    ax.vlines(
        confidence,
        confidence,
        accuracy,
        color=COLORS["orange"],
        linewidth=9,
        alpha=0.55,
        label="gap",
    )
    ax.errorbar(
        confidence,
        accuracy,
        # Rounding may leave an end a hair on the wrong side of an accuracy of 0 or 1.
        yerr=np.maximum([accuracy - low, high - accuracy], 0),
        fmt="o",
        color=COLORS["blue"],
        ecolor=COLORS["blue"],
        elinewidth=1.8,
        capsize=4,
        clip_on=False,
        label=f"accuracy, {data.level:.0%} interval",
    )
    ax.set(xlim=(0, 1), ylim=(0, 1), ylabel="accuracy (fraction correct)")
    # Between title and axes, where it can hide no point.
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3, columnspacing=1.5, borderpad=0.2)


def _draw_histogram(ax: Axes, data: ReliabilityData) -> None:
    edges = data.histogram.edges.numpy()
    ax.bar(
        edges[:-1],
        data.histogram.count.numpy(),
        width=np.diff(edges),
        align="edge",
        color=COLORS["sky"],
        edgecolor="white",
        linewidth=1,
    )
