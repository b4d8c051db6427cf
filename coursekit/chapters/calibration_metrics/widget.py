"""Widget about an estimate that wanders: change the number of predictions and of bins.

The model's true chances are known, so the estimate can be made again and again on fresh samples,
and be compared with what it estimates.
"""

from __future__ import annotations

from collections.abc import Mapping

import ipywidgets
import torch
from matplotlib.axes import Axes
from torch import Tensor

from coursekit.calibration import expected_calibration_error, true_calibration_error
from coursekit.chapters.calibration_metrics.figures import estimates_histogram
from coursekit.plots import consistency_diagram, explore, new_axes

SAMPLES = 200


def estimate_view(
    confidence: Tensor, true_probability: Tensor, n: int, n_bins: int, seed: int = 0
) -> Axes:
    """Draw the diagram of one sample, and the ECE of this and of 199 more such samples.

    Args:
        confidence: What the model states about each of the predictions to draw from `(M,)`.
        true_probability: With which probability each comes true `(M,)`.
        n: Predictions in a sample.
        n_bins: Bins of equal width.
        seed: Seed of the first sample.

    Raises:
        ValueError: If a tensor is not `(M,)` or out of range, or a number is below 1.
    """
    true_error = true_calibration_error(confidence, true_probability, n_bins)
    if n < 1:
        raise ValueError(f"n must be at least 1, found {n}")
    generator = torch.Generator().manual_seed(seed)
    samples = [_draw(confidence, true_probability, n, generator) for _ in range(SAMPLES)]
    errors = [expected_calibration_error(*sample, n_bins) for sample in samples]
    estimates = torch.tensor(errors, dtype=torch.float64)
    diagram, histogram = new_axes(13.5, 5.4, ncols=2, width_ratios=(1, 1.25))
    title = f"One sample: N = {n:,}, {n_bins} bins, ECE {estimates[0]:.3f}"
    consistency_diagram(*samples[0], title, n_bins=n_bins, n_simulations=300, ax=diagram)
    estimates_histogram(estimates, true_error, f"The ECE of {SAMPLES} such samples", ax=histogram)
    return diagram


def _draw(
    confidence: Tensor, true_probability: Tensor, n: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Return n of the confidences `(n,)`, and what happens this time `(n,)`."""
    drawn = torch.randint(len(confidence), (n,), generator=generator)
    luck = torch.rand(n, dtype=torch.float64, generator=generator)
    return confidence[drawn], luck < true_probability[drawn]


def estimate_explorer(models: Mapping[str, tuple[Tensor, Tensor]]) -> None:
    """Choose a model, the number of predictions and of bins, and see the estimate wander.

    Args:
        models: Name of each model, its confidences `(M,)` and true probabilities `(M,)`.
    """
    explore(
        lambda model, n, n_bins, seed: estimate_view(*models[model], n, n_bins, seed),
        model=ipywidgets.Dropdown(options=list(models), description="model"),
        n=ipywidgets.SelectionSlider(
            options=[50, 100, 300, 1000, 3000, 10_000], value=300, description="N"
        ),
        n_bins=ipywidgets.IntSlider(value=15, min=1, max=100, description="bins"),
        seed=ipywidgets.IntSlider(value=0, min=0, max=20, description="sample"),
    )
