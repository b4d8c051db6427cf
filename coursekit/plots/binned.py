"""The reliability diagrams of an audit, which keeps the sums of bins and not the predictions."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.axes import Axes
from torch import Tensor

from coursekit.calibration import ReliabilityBins
from coursekit.plots.describing import describe
from coursekit.plots.reliability import BinnedData, _draw_points, _in_words
from coursekit.plots.style import new_axes, style

Points = tuple[ReliabilityBins, Tensor, Tensor]


def binned_diagrams(panels: Mapping[str, Points], title: str | None = None) -> Axes:
    """Draw reliability diagrams side by side from bins, each with its number of predictions.

    Args:
        panels: For each heading the bins, and the lower and upper ends of the intervals (95 %) of
            their accuracies `(B,)`.
        title: Above all panels; none for a single one.

    Raises:
        ValueError: If there is no panel.

    Example:
        >>> from coursekit.calibration import reliability_bins
        >>> bins = reliability_bins([0.9, 0.2], [True, False])
        >>> binned_diagrams({"a model": (bins, bins.accuracy, bins.accuracy)}) is not None
        True
    """
    if not panels:
        raise ValueError("panels must hold at least one diagram, found none")
    axes = new_axes(0.6 + 5.0 * len(panels), 5.4, ncols=len(panels), sharey=True, squeeze=False)[0]
    with style():
        for ax, (heading, points) in zip(axes, panels.items(), strict=True):
            data = BinnedData(*points, level=0.95)
            _draw_points(ax, data)
            describe(ax, _in_words(data), brief=_in_words(data, most=0))
            ax.get_legend().remove()
            ax.set_title(f"{heading}, N = {int(points[0].count.sum()):,}")
            ax.set_xlabel("confidence (probability)")
        for ax in axes[1:]:
            ax.set_ylabel("")
        figure = axes[0].get_figure(root=True)
        handles, labels = axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=3)
        if title is not None:
            figure.suptitle(title, x=0.02, ha="left", fontsize=15)
    return axes[0]
