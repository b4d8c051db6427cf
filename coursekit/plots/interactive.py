"""What a learner moves: a figure function with a control for each argument."""

from __future__ import annotations

from collections.abc import Callable

import ipywidgets
from IPython.display import display
from matplotlib.axes import Axes
from torch import Tensor

from coursekit.calibration import negative_log_likelihood, top_label
from coursekit.plots.reliability import reliability_diagram
from coursekit.plots.style import show


def explore(draw: Callable[..., Axes], **controls: ipywidgets.Widget) -> None:
    """Show controls, and under them a figure that is drawn and described anew at every move.

    Args:
        draw: Takes the controls' values by name and returns the axes it drew.
        **controls: One widget for each argument of `draw`.

    Example:
        >>> from coursekit.plots import new_axes
        >>> slider = ipywidgets.IntSlider(value=1, min=0, max=3)
        >>> explore(lambda n: new_axes(n + 1, 2), n=slider)  # doctest: +SKIP
    """
    for control in controls.values():
        # Redraw when the slider is let go, not at every pixel: a laptop keeps up.
        if hasattr(control, "continuous_update"):
            control.continuous_update = False
    figure = ipywidgets.interactive_output(lambda **values: show(draw(**values)), controls)
    display(ipywidgets.VBox([*controls.values(), figure]))


def diagram_at_temperature(logits: Tensor, labels: Tensor, temperature: float) -> Axes:
    """Return the reliability diagram of logits `(N, C)` divided by a temperature, with its NLL."""
    probs = (logits / temperature).softmax(dim=-1)
    nll = negative_log_likelihood(probs, labels)
    title = f"T = {temperature:.2f}, NLL = {nll:.3f} nats"
    return reliability_diagram(*top_label(probs, labels), title=title, n_resamples=200)


def temperature_slider(logits: Tensor, labels: Tensor) -> None:
    """Slide the temperature of logits `(N, C)` with labels `(N,)`, and see the diagram move.

    Example:
        >>> import torch
        >>> logits, labels = torch.randn(50, 3), torch.randint(3, (50,))
        >>> temperature_slider(logits, labels)  # doctest: +SKIP
    """
    explore(
        lambda temperature: diagram_at_temperature(logits, labels, temperature),
        temperature=ipywidgets.FloatSlider(
            value=1.0, min=0.3, max=3.0, step=0.05, description="temperature"
        ),
    )
