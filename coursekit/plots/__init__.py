"""Every figure of the course: takes data, returns matplotlib axes."""

from coursekit.plots.calibration import ReliabilityData, reliability_data, reliability_diagram
from coursekit.plots.language_model import (
    accuracy_and_confidence,
    frequency_against_probability,
    next_token_bars,
    null_histogram,
    temperature_curve,
)
from coursekit.plots.positions import (
    accuracy_by_position,
    bias_heatmaps,
    lines_against_distance,
    loss_against_gap,
    pair_and_score,
    position_heatmap,
    turned_pairs,
)
from coursekit.plots.quiz import answers_diagram
from coursekit.plots.style import COLORS, GRAY, new_axes, show, style
from coursekit.plots.tokens import language_dots, token_strips, vocabulary_curves

__all__ = [
    "COLORS",
    "GRAY",
    "ReliabilityData",
    "accuracy_and_confidence",
    "accuracy_by_position",
    "answers_diagram",
    "bias_heatmaps",
    "frequency_against_probability",
    "language_dots",
    "lines_against_distance",
    "loss_against_gap",
    "new_axes",
    "next_token_bars",
    "null_histogram",
    "pair_and_score",
    "position_heatmap",
    "reliability_data",
    "reliability_diagram",
    "show",
    "style",
    "temperature_curve",
    "token_strips",
    "turned_pairs",
    "vocabulary_curves",
]
