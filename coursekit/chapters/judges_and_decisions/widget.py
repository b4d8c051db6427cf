"""Widget about a judge: move its two error rates, and see how it bends what it measures."""

from __future__ import annotations

import ipywidgets
from matplotlib.axes import Axes

from coursekit.chapters.judges_and_decisions.figures import judged_against_true
from coursekit.plots import explore


def judge_view(sensitivity: float, specificity: float, true_share: float) -> Axes:
    """Draw what a judge says of every share, and tell in the title what it makes of one.

    Args:
        sensitivity: Chance that a right answer is called right.
        specificity: Chance that a wrong answer is called wrong.
        true_share: Share of answers that is right.

    Raises:
        ValueError: If a number is not in [0, 1].
    """
    judged = true_share * sensitivity + (1 - true_share) * (1 - specificity)
    title = f"{true_share:.2f} right, {judged:.2f} called right"
    ax = judged_against_true(sensitivity, specificity, title)
    ax.plot([true_share], [judged], "*", color="black", markersize=16)
    return ax


def judge_explorer() -> None:
    """Slide sensitivity, specificity and the true share; see what the judge reports."""

    def slider(name: str, value: float) -> ipywidgets.FloatSlider:
        return ipywidgets.FloatSlider(value=value, min=0.0, max=1.0, step=0.05, description=name)

    explore(
        judge_view,
        sensitivity=slider("sensitivity", 0.9),
        specificity=slider("specificity", 0.7),
        true_share=slider("true share", 0.6),
    )
