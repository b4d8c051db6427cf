"""Style, the reliability diagram, and what several chapters draw: takes data, returns axes.

What only one notebook draws stands in its own folder, `coursekit.chapters.NAME.figures`.
"""

from __future__ import annotations

from coursekit.plots.answers import answers_diagram
from coursekit.plots.bars import next_token_bars, stacked_shares
from coursekit.plots.binned import binned_diagrams
from coursekit.plots.consistency import consistency_diagram
from coursekit.plots.corp import corp_diagram
from coursekit.plots.interactive import explore, temperature_slider
from coursekit.plots.intervals import (
    accuracy_and_confidence,
    interval_rows,
    lines_with_intervals,
    scores_by_method,
)
from coursekit.plots.lines import temperature_curve, training_curves
from coursekit.plots.predictions import my_predictions
from coursekit.plots.reliability import ReliabilityData, reliability_data, reliability_diagram
from coursekit.plots.style import COLORS, GRAY, new_axes, show, style

__all__ = [
    "COLORS",
    "GRAY",
    "ReliabilityData",
    "accuracy_and_confidence",
    "answers_diagram",
    "binned_diagrams",
    "consistency_diagram",
    "corp_diagram",
    "explore",
    "interval_rows",
    "lines_with_intervals",
    "my_predictions",
    "new_axes",
    "next_token_bars",
    "reliability_data",
    "reliability_diagram",
    "scores_by_method",
    "show",
    "stacked_shares",
    "style",
    "temperature_curve",
    "temperature_slider",
    "training_curves",
]
