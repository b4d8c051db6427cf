"""The reliability diagram with the band in which a calibrated model would lie."""

from __future__ import annotations

from matplotlib.axes import Axes
from torch import Tensor

from coursekit.calibration import consistency_bands, reliability_bins
from coursekit.plots.describing import against_diagonal, describe
from coursekit.plots.style import COLORS, GRAY, new_axes, style


def consistency_diagram(
    confidence: Tensor,
    correct: Tensor,
    title: str,
    *,
    n_bins: int = 15,
    n_simulations: int = 1000,
    ax: Axes | None = None,
) -> Axes:
    """Draw a reliability diagram with the band in which a calibrated model's points would lie.

    Args:
        confidence: Predicted probabilities `(N,)`.
        correct: Whether each came true `(N,)`.
        title: Title of the figure.
        n_bins: Number of bins of equal width.
        n_simulations: How many calibrated samples are drawn for the band.
        ax: Where to draw; without it a new figure is made.

    Example:
        >>> import torch
        >>> confidence = torch.tensor([0.9, 0.8, 0.7, 0.6])
        >>> came = torch.tensor([1, 1, 0, 1])
        >>> ax = consistency_diagram(confidence, came, "Four answers", n_bins=2)
        >>> ax.get_title(loc="left")
        'Four answers'
    """
    bins = reliability_bins(confidence, correct, n_bins)
    bands = consistency_bands(confidence, n_bins, level=0.95, n_simulations=n_simulations)
    used = bins.count > 0
    where, accuracy = bins.confidence[used], bins.accuracy[used]
    low, high = bands.low[used], bands.high[used]
    outside = (accuracy < low) | (accuracy > high)
    with style():
        ax = ax if ax is not None else new_axes(6.4, 6.0)
        ax.plot([0, 1], [0, 1], "--", color=GRAY, linewidth=1.6)
        ax.vlines(
            where,
            low,
            high,
            color=COLORS["sky"],
            linewidth=10,
            alpha=0.6,
            label="calibrated: 95 % band",
        )
        groups = ((~outside, "blue", "o", "inside the band"), (outside, "vermillion", "D", "out"))
        for these, color, marker, label in groups:
            if these.any():
                ax.plot(
                    where[these],
                    accuracy[these],
                    marker,
                    color=COLORS[color],
                    label=label,
                    zorder=3,
                )
        ax.set(xlim=(0, 1), ylim=(-0.02, 1.02), title=title)
        ax.set(xlabel="confidence (predicted probability)", ylabel="accuracy (fraction correct)")
        ax.legend(loc="lower right", frameon=True, framealpha=0.9, edgecolor="white")
    describe(
        ax,
        f"Reliability diagram, {against_diagonal(where.tolist(), accuracy.tolist())} "
        f"{int(outside.sum())} of {len(where)} points lie outside the 95 % band of a calibrated "
        "model.",
    )
    return ax
