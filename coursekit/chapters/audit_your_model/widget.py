"""A widget about audits: pick a task, see the diagrams of several reports side by side."""

from __future__ import annotations

from collections.abc import Mapping

import ipywidgets
from matplotlib.axes import Axes

from coursekit.audit import Report
from coursekit.plots import binned_diagrams, explore

FEW = 500


def diagrams_of(reports: Mapping[str, Report], task: str) -> Axes:
    """Draw the reliability diagrams of one task in several reports, by the names of models.

    Of fewer than `FEW` predictions three bins become one: an interval of one answer says nothing.
    """
    first = next(iter(reports.values())).task(task)
    merged = 3 if first["predictions"] < FEW else 1
    points = {name: report.points(task, merged) for name, report in reports.items()}
    return binned_diagrams(points, first["title"])


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
