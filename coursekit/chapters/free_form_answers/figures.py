"""Figures of free answers: what was sampled."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from coursekit.plots.style import COLORS, GRAY, new_axes, style

_LONGEST = 24


def sample_panels(
    samples: Mapping[str, Mapping[str, int]], right: Mapping[str, str], most: int = 5
) -> Axes:
    """Draw how often each answer was sampled, one panel a question; the right one is ticked.

    Args:
        samples: For each question, at most three, its answers and how often each came.
        right: For each question the answer that is right; it need not have come.
        most: Bars a panel; what is left is shown as one bar.

    Returns:
        The axes of the first panel.
    """
    axes = new_axes(4.3 * len(samples), 0.5 * most + 1.6, ncols=len(samples), squeeze=False)[0]
    with style():
        for ax, (question, counts) in zip(axes, samples.items(), strict=True):
            ordered = sorted(counts.items(), key=lambda item: -item[1])
            shown, rest = ordered[:most], ordered[most:]
            names = [_short(f"✓ {n}" if n == right[question] else n) for n, _ in shown]
            values = [count for _, count in shown]
            colors = [COLORS["green" if n == right[question] else "blue"] for n, _ in shown]
            if rest:
                names.append(f"{len(rest)} others")
                values.append(sum(count for _, count in rest))
                colors.append(GRAY)
            bars = ax.barh(range(len(names)), values, color=colors)
            ax.bar_label(bars, padding=3)
            ax.set_yticks(range(len(names)), names)
            ax.set_ylim(most + 0.5, -0.5)  # bars of one width in every panel
            ax.set(xlim=(0, 1.15 * max(sum(counts.values()), 1)), xlabel="samples", title=question)
            ax.xaxis.set_major_locator(MaxNLocator(4, integer=True))
            ax.grid(visible=False, axis="y")
    return axes[0]


def _short(name: str) -> str:
    name = name or "(nothing)"
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"
