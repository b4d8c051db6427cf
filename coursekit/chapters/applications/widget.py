"""Widget about several tasks: one temperature does not suit them all."""

from __future__ import annotations

from collections.abc import Mapping

import ipywidgets
from matplotlib.axes import Axes
from torch import Tensor

from coursekit.calibration import negative_log_likelihood, top_label
from coursekit.plots import consistency_diagram, explore, style
from coursekit.plots.style import title_above_legend

#: Of each task its scores `(N, C)` and its labels `(N,)`.
Tasks = Mapping[str, tuple[Tensor, Tensor]]


def task_view(tasks: Tasks, task: str, temperature: float) -> Axes:
    """Draw the reliability diagram of one task at a temperature, with its numbers in the title.

    Args:
        tasks: Name of each task, its scores `(N, C)` in nats and its labels `(N,)`.
        task: Which of them.
        temperature: Divides the scores; positive.

    Raises:
        ValueError: If there is no such task, or the temperature is not positive.
    """
    if task not in tasks:
        raise ValueError(f"task must be one of {sorted(tasks)}, found {task!r}")
    if not temperature > 0:
        raise ValueError(f"temperature must be positive, found {temperature}")
    scores, labels = tasks[task]
    probs = (scores / temperature).softmax(dim=-1)
    confidence, correct = top_label(probs, labels)
    nll = negative_log_likelihood(probs, labels)
    title = (
        f"{task}, T = {temperature:.1f}, NLL {nll:.2f} nats\n"
        f"accuracy {correct.double().mean():.2f}, mean confidence {confidence.mean():.2f}"
    )
    ax = consistency_diagram(confidence, correct, title, n_bins=8, n_simulations=500)
    with style():
        title_above_legend(ax, title, columns=3)  # inside, the legend would hide low points
    return ax


def task_explorer(tasks: Tasks) -> None:
    """Choose a task, slide the temperature, and see the reliability diagram move.

    Args:
        tasks: As in `task_view`.
    """
    explore(
        lambda task, temperature: task_view(tasks, task, temperature),
        task=ipywidgets.Dropdown(options=list(tasks), description="task"),
        temperature=ipywidgets.FloatSlider(
            value=1.0, min=0.4, max=8.0, step=0.1, description="temperature"
        ),
    )
