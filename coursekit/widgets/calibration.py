"""Widgets about calibration: move a temperature or the bins, watch the reliability diagram."""

from __future__ import annotations

import ipywidgets
from matplotlib.axes import Axes
from torch import Tensor

from coursekit.calibration import negative_log_likelihood, top_label
from coursekit.plots import reliability_diagram
from coursekit.widgets._explore import explore


def diagram_at_temperature(logits: Tensor, labels: Tensor, temperature: float) -> Axes:
    """Return the reliability diagram of logits `(N, C)` divided by a temperature, with its NLL."""
    probs = (logits / temperature).softmax(dim=-1)
    nll = negative_log_likelihood(probs, labels)
    title = f"T = {temperature:.2f}, NLL = {nll:.3f} nats"
    return reliability_diagram(*top_label(probs, labels), title=title, n_resamples=200)


def temperature_slider(logits: Tensor, labels: Tensor) -> None:
    """Slide the temperature of logits `(N, C)` with labels `(N,)`, and see the diagram move."""
    explore(
        lambda temperature: diagram_at_temperature(logits, labels, temperature),
        alt="Reliability diagram at the temperature of the slider: accuracy against confidence.",
        temperature=ipywidgets.FloatSlider(
            value=1.0, min=0.3, max=3.0, step=0.05, description="temperature"
        ),
    )
