"""The reliability diagram without bins: isotonic recalibration, and what it would gain (CORP)."""

from __future__ import annotations

import torch
from matplotlib.axes import Axes
from torch import Tensor

from coursekit.calibration import corp_reliability
from coursekit.plots.describing import describe, series
from coursekit.plots.style import COLORS, GRAY, new_axes, style


def corp_diagram(
    confidence: Tensor,
    correct: Tensor,
    title: str,
    *,
    n_simulations: int = 200,
    seed: int = 0,
    ax: Axes | None = None,
) -> Axes:
    """Draw what should have been stated against what was, without bins, and what it would gain.

    The band holds the curves of a calibrated model, at each confidence 95 % of them.

    The band is for predictions that come true independently of each other.

    Args:
        confidence: Predicted probabilities `(N,)`.
        correct: Whether each came true `(N,)`.
        title: First line of the title; the second gives the parts of the Brier score.
        n_simulations: How many calibrated samples are drawn for the band.
        seed: Seed of these samples.
        ax: Where to draw; without it a new figure is made.

    Reference:
        T. Dimitriadis, T. Gneiting, A. I. Jordan, "Stable reliability diagrams for probabilistic
        classifiers", Proceedings of the National Academy of Sciences 118, 2021.

    Example:
        >>> confidence, correct = torch.tensor([0.9, 0.9, 0.6, 0.6]), torch.tensor([1, 1, 1, 0])
        >>> print(corp_diagram(confidence, correct, "A forecaster").get_title("left"))
        A forecaster
        miscalibration 0.010, discrimination 0.062
    """
    found = corp_reliability(confidence, correct)
    generator = torch.Generator().manual_seed(seed)
    tossed = torch.rand(n_simulations, len(confidence), dtype=torch.float64, generator=generator)
    curves = [corp_reliability(confidence, row).recalibrated for row in tossed < confidence]
    tails = torch.tensor([0.025, 0.975], dtype=torch.float64)
    low, high = torch.stack(curves).quantile(tails, dim=0)
    with style():
        ax = ax if ax is not None else new_axes(6.4, 6.0)
        ax.plot([0, 1], [0, 1], "--", color=GRAY, linewidth=1.6)
        ax.fill_between(
            found.confidence, low, high, color=COLORS["sky"], alpha=0.5, label="calibrated: 95 %"
        )
        ax.plot(found.confidence, found.recalibrated, color=COLORS["blue"], label="recalibrated")
        parts = (
            f"miscalibration {found.miscalibration:.3f}, discrimination {found.discrimination:.3f}"
        )
        ax.set(xlim=(0, 1), ylim=(-0.02, 1.02), title=f"{title}\n{parts}")
        ax.set(xlabel="confidence (predicted probability)", ylabel="recalibrated probability")
        ax.legend(loc="upper left")
    outside = ((found.recalibrated < low) | (found.recalibrated > high)).double().mean().item()
    curve = series("The recalibrated curve", found.confidence, found.recalibrated)
    describe(
        ax,
        f"Recalibrated probability against confidence. {curve} For {outside:.0%} of the "
        "predictions it lies outside the band of a calibrated model.",
    )
    return ax
