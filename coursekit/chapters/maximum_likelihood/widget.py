"""Widget about maximum likelihood: slide a probability, and see the loss of the data."""

from __future__ import annotations

import ipywidgets
from matplotlib.axes import Axes
from torch import Tensor

from coursekit.chapters.maximum_likelihood.figures import likelihood_curve
from coursekit.plots import explore


def likelihood_view(outcomes: Tensor, p: float, n: int) -> Axes:
    """Return the loss of the first `n` of the outcomes `(N,)`, bool, with the stated `p` marked."""
    count = int(outcomes[:n].sum())
    likelihood = p**count * (1 - p) ** (n - count)
    title = f"Happened {count} times of {n}. Likelihood: {likelihood:.1e}"
    return likelihood_curve(count, n, {"you say": p, "the frequency": count / n}, title)


def likelihood_explorer(outcomes: Tensor) -> None:
    """Slide the stated probability of an event, and how many outcomes `(N,)` are known.

    Args:
        outcomes: Whether the event happened, bool, at least 20; the first ten hold both kinds.
    """
    sizes = [n for n in (10, 20, 100, 500, 2000) if n <= len(outcomes)]
    explore(
        lambda p, n: likelihood_view(outcomes, p, n),
        p=ipywidgets.FloatSlider(value=0.5, min=0.02, max=0.98, step=0.02, description="p"),
        n=ipywidgets.SelectionSlider(value=20, options=sizes, description="outcomes"),
    )
