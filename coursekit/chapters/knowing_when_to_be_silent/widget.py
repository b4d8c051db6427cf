"""Widget about silence: choose a confidence and a threshold, see what is answered and what errs."""

from __future__ import annotations

from collections.abc import Mapping

import ipywidgets
from matplotlib.axes import Axes
from torch import Tensor

from coursekit.calibration import risk_coverage_curve
from coursekit.chapters.knowing_when_to_be_silent.figures import abstention_curve
from coursekit.plots import explore


def abstention_view(confidence: Tensor, correct: Tensor, threshold: float) -> Axes:
    """Draw the risk-coverage curve, and where a model stands that answers from a threshold on.

    Args:
        confidence: One for each question `(N,)`.
        correct: Whether its answer is right `(N,)`.
        threshold: Answer where the confidence is at least this.

    Raises:
        ValueError: If a tensor has a wrong shape or is out of range.
    """
    curve = risk_coverage_curve(confidence, correct)
    answered = confidence >= threshold
    n_answered, n_wrong = int(answered.sum()), int((answered & ~correct.bool()).sum())
    title = f"Answer from {threshold:.2f} on: {n_answered} of {len(correct)}, {n_wrong} wrong"
    risk = n_wrong / n_answered if n_answered else float("nan")
    return abstention_curve(curve, n_answered / len(correct), risk, title)


def abstention_explorer(confidences: Mapping[str, Tensor], correct: Tensor) -> None:
    """Slide the threshold from which on the model answers; see coverage and risk move.

    Args:
        confidences: Name of each confidence, and its values `(N,)`.
        correct: Whether each answer is right `(N,)`.
    """
    explore(
        lambda confidence, threshold: abstention_view(confidences[confidence], correct, threshold),
        confidence=ipywidgets.Dropdown(options=list(confidences), description="confidence"),
        threshold=ipywidgets.FloatSlider(
            value=0.5, min=0.0, max=1.0, step=0.05, description="threshold"
        ),
    )
