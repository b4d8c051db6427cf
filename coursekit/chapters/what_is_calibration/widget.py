"""Widget about a forecaster: turn sharpness and bias, see the diagram and the Brier score's parts.

The forecaster knows the true probability p but states another: in log-odds, ln(p / (1 - p)), its
statement is `power` times the truth plus `bias`. Power 1 and bias 0 is honesty.
"""

from __future__ import annotations

import math

import ipywidgets
import torch
from matplotlib.axes import Axes
from torch import Tensor

from coursekit.calibration import brier_decomposition
from coursekit.chapters.what_is_calibration.figures import attributes_diagram, brier_parts
from coursekit.plots import explore, new_axes

STEPS = 50  # from 0 to 1: forecasters speak in steps of two percent


def turned(truth: Tensor, power: float, bias: float) -> Tensor:
    """Return what a forecaster states who turns the truth `(N,)` in log-odds, to the nearest 2 %.

    Raises:
        ValueError: If power or bias is not finite.
    """
    if not (math.isfinite(power) and math.isfinite(bias)):
        raise ValueError(f"power and bias must be finite, found {power} and {bias}")
    stated = torch.sigmoid(power * torch.logit(truth) + bias)
    return (STEPS * stated).round() / STEPS


def dial_view(truth: Tensor, happened: Tensor, power: float, bias: float) -> Axes:
    """Return the attributes diagram of a turned forecaster beside the parts of its Brier score.

    Args:
        truth: True probabilities `(N,)`, between 0 and 1.
        happened: Whether the event happened `(N,)`.
        power: Above 1 surer than the truth, below 1 less sure, negative turned round.
        bias: Above 0 the event is stated too often, below 0 too seldom.
    """
    stated = turned(truth, power, bias)
    parts = {}
    for name, forecast in {"honest": turned(truth, 1, 0), "dial": stated}.items():
        found = brier_decomposition(forecast, happened, binning="discrete")
        parts[name] = (found.reliability, found.resolution, found.uncertainty)
    diagram, bars = new_axes(14.5, 5.2, ncols=2, width_ratios=(1, 1.6))
    attributes_diagram(stated, happened, f"Power {power:.2f}, bias {bias:+.2f}", ax=diagram)
    brier_parts(parts, "What the score is made of", ax=bars)
    return diagram


def forecaster_dial(truth: Tensor, happened: Tensor) -> None:
    """Turn the power and the bias of a forecaster, and see diagram and score move.

    Args:
        truth: True probabilities `(N,)`, between 0 and 1.
        happened: Whether the event happened `(N,)`.
    """
    explore(
        lambda power, bias: dial_view(truth, happened, power, bias),
        power=ipywidgets.FloatSlider(value=2.0, min=-1.0, max=4.0, step=0.25, description="power"),
        bias=ipywidgets.FloatSlider(value=0.0, min=-2.0, max=2.0, step=0.25, description="bias"),
    )
