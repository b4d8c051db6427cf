"""A widget about audits: pick a task, see the diagrams of several reports side by side."""

from __future__ import annotations

from collections.abc import Mapping

import ipywidgets
from matplotlib.axes import Axes

from coursekit.audit import Report
from coursekit.plots import binned_diagrams, explore


def diagrams_of(reports: Mapping[str, Report], task: str) -> Axes:
    """Draw the reliability diagrams of one task in several reports, by the names of models."""
    title = next(iter(reports.values())).task(task)["title"]
    return binned_diagrams({name: report.points(task) for name, report in reports.items()}, title)


def report_explorer(reports: Mapping[str, Report]) -> None:
    """Choose a task that all reports have, and see how calibrated each model is on it.

    Raises:
        ValueError: If there is no report, or no task that all have.
    """
    if not reports:
        raise ValueError("reports must hold at least one, by the name of its model, found none")
    first, *others = reports.values()
    shared = [task for task in first.tasks if all(task in other.tasks for other in others)]
    if not shared:
        raise ValueError(
            "reports must have a task in common, found none. Audit the models on the same tasks"
        )
    explore(
        lambda task: diagrams_of(reports, task),
        task=ipywidgets.Dropdown(options=shared, description="task"),
    )
