"""Figures that compare ways to calibrate: what they heal, and how much data they need."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from matplotlib.axes import Axes
from torch import Tensor

from coursekit.calibration import Interval
from coursekit.plots.style import COLORS, GRAY, new_axes, style

_MARKERS = "osD^vP"


def ece_against_divergence(
    methods: Mapping[str, tuple[Interval, float]], start: str, title: str
) -> Axes:
    """Draw what the diagram sees against what only the known truth sees, a point a method.

    Args:
        methods: For each method its ECE with interval, and its KL divergence in nats.
        start: The one of them that is the model without any repair.
        title: Title of the figure.
    """
    ax = new_axes(8.5, 5.4)
    with style():
        most_ece = max(ece.high for ece, _ in methods.values())
        most = max(divergence for _, divergence in methods.values())
        rightmost = max(ece.high for name, (ece, _) in methods.items() if name != start)
        label_height = -most
        for name, (ece, divergence) in sorted(methods.items(), key=lambda item: item[1][1]):
            color = COLORS["vermillion"] if name == start else COLORS["blue"]
            ax.plot([ece.low, ece.high], [divergence, divergence], color=color, linewidth=1.6)
            ax.plot(ece.estimate, divergence, "o", color=color)
            # Labels in order, but never closer than a line of text.
            label_height = max(divergence, label_height + 0.07 * most)
            ax.annotate(
                name,
                (ece.high, divergence),
                xytext=((ece.high if name == start else rightmost) + 0.06 * most_ece, label_height),
                va="center",
                fontsize=12,
                arrowprops={"arrowstyle": "-", "color": GRAY, "linewidth": 0.8},
            )
        ax.set(
            xlim=(0, 1.3 * most_ece),
            ylim=(0, 1.1 * most),
            xlabel="ECE: what the reliability diagram sees",
            ylabel="KL from the truth (nats a word):\nwhat only the truth can tell",
            title=title,
        )
    return ax


def score_against_data(
    sizes: Sequence[int],
    scores: Mapping[str, Tensor],
    reference: float,
    reference_label: str,
    title: str,
) -> Axes:
    """Draw the test loss of calibrators against how much data they were fitted on.

    Args:
        sizes: Numbers of words to fit on `(K,)`.
        scores: For each method its loss in nats a word, for D draws of the data `(D, K)`; the
            line joins the medians, the whiskers reach from the best draw to the worst.
        reference: A loss to compare with.
        reference_label: What it is.
        title: Title of the figure.
    """
    ax = new_axes(8.0, 5.0)
    with style():
        for (name, losses), color, marker in zip(
            scores.items(), ("blue", "orange", "green", "purple", "sky"), _MARKERS, strict=False
        ):
            middle = losses.median(dim=0).values
            spread = torch.stack((middle - losses.amin(dim=0), losses.amax(dim=0) - middle))
            ax.errorbar(
                sizes,
                middle.tolist(),
                yerr=spread.numpy(),
                fmt=f"{marker}-",
                capsize=4,
                color=COLORS[color],
                label=name,
            )
        ax.axhline(reference, color=GRAY, linestyle="--", label=reference_label)
        ax.set(
            xscale="log",
            xlabel="words in the calibration split",
            ylabel="test NLL (nats a word)",
            title=title,
        )
        ax.legend()
    return ax
