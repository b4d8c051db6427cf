"""Figures of notebook 16: what a model kept of a secret, and what it cost to forget."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from torch import Tensor

from coursekit.plots.checks import require_few
from coursekit.plots.describing import cloud, describe, number
from coursekit.plots.style import COLORS, LOOKS, new_axes, style, title_above_legend


def secret_ranks(curves: Mapping[str, tuple[Tensor, int]], title: str) -> Axes:
    """Draw the probability of every candidate secret, sorted, and mark the one that is true.

    Args:
        curves: For each canary the log-probabilities of its R candidates in nats `(R,)`, and the
            index of its true secret; at most five.
        title: Title of the figure.

    Raises:
        ValueError: If there is no curve, or there are more than five.
    """
    require_few(curves, len(LOOKS), "curves")
    ax = new_axes(8.0, 5.2)
    said = []
    with style():
        for (name, (log_probs, true)), (color, marker, dash) in zip(
            curves.items(), LOOKS, strict=False
        ):
            ordered = log_probs.sort(descending=True).values.exp()
            rank = int((log_probs > log_probs[true]).sum()) + 1
            ax.plot(range(1, len(ordered) + 1), ordered.tolist(), dash, color=COLORS[color], lw=1.6)
            bits = math.log2(len(ordered)) - math.log2(rank)
            ax.plot(
                rank,
                log_probs[true].exp().item(),
                marker,
                color=COLORS[color],
                markersize=12,
                clip_on=False,
                zorder=3,
                label=f"{name}: rank {rank:,}, {bits:.1f} bits",
            )
            said.append(
                f"{name}: rank {rank:,} of {len(ordered):,}, {bits:.1f} bits, probability "
                f"{number(log_probs[true].exp().item())}; the most probable has "
                f"{number(ordered[0].item())}."
            )
        ax.set(xscale="log", yscale="log")
        ax.set(xlabel="rank of the secret (1 = most probable)")
        ax.set_ylabel("probability of the secret")
        title_above_legend(ax, title, rows=-(-len(curves) // 2))
    describe(
        ax,
        f"Probability of every secret against its rank, the true one marked. {' '.join(said)}",
    )
    return ax


def leak_against_loss(
    runs: Mapping[str, Sequence[tuple[float, float]]], chance: float, title: str
) -> Axes:
    """Draw what leaks against what is left to learn, a point for each training.

    Args:
        runs: For each way to train, at most five, the loss above the entropy in nats per token and
            the mean exposure in bits of each of its trainings.
        chance: Exposure of a secret that was never planted, in bits.
        title: Title of the figure.

    Raises:
        ValueError: If there is no way, or there are more than five.

    Example:
        >>> ax = leak_against_loss({"plain": [(0.1, 12.0), (0.2, 4.0)]}, 1.44, "Two trainings")
        >>> ax.get_xlabel()
        'loss above the entropy (nats per token)'
    """
    require_few(runs, len(LOOKS), "runs")
    ax = new_axes(8.5, 5.4)
    with style():
        for (name, points), (color, marker, _) in zip(runs.items(), LOOKS, strict=False):
            losses, bits = zip(*points, strict=True)
            ax.plot(losses, bits, marker, color=COLORS[color], markersize=9, label=name)
        ax.axhline(chance, color="0.4", linestyle="--", label=f"chance: {chance:.2f} bits")
        ax.set(xlabel="loss above the entropy (nats per token)", ylabel="exposure (bits)")
        ax.set_ylim(bottom=0)
        title_above_legend(ax, title, rows=-(-(len(runs) + 1) // 2))
    said = " ".join(cloud(name, *zip(*points, strict=True)) for name, points in runs.items())
    describe(
        ax, f"Exposure against the loss above the entropy. {said} Chance: {number(chance)} bits."
    )
    return ax
