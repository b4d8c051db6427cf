"""Every figure of the course: takes data, returns matplotlib axes."""

from coursekit.plots.attention import (
    attention_map,
    entropy_curves,
    head_grid,
    multiply_add_curves,
)
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
    loss_against_gap,
    pair_and_score,
    position_heatmap,
    products_by_distance,
    turned_pairs,
)
from coursekit.plots.quiz import answers_diagram
from coursekit.plots.style import COLORS, GRAY, new_axes, show, style
from coursekit.plots.tokens import language_dots, token_strips, vocabulary_curves
from coursekit.plots.transformer import (
    activation_curves,
    guess_table,
    lines_against_depth,
    stacked_shares,
)

__all__ = [
    "COLORS",
    "GRAY",
    "ReliabilityData",
    "accuracy_and_confidence",
    "accuracy_by_position",
    "activation_curves",
    "answers_diagram",
    "attention_map",
    "bias_heatmaps",
    "entropy_curves",
    "frequency_against_probability",
    "guess_table",
    "head_grid",
    "language_dots",
    "lines_against_depth",
    "loss_against_gap",
    "multiply_add_curves",
    "new_axes",
    "next_token_bars",
    "null_histogram",
    "pair_and_score",
    "position_heatmap",
    "products_by_distance",
    "reliability_data",
    "reliability_diagram",
    "show",
    "stacked_shares",
    "style",
    "temperature_curve",
    "token_strips",
    "turned_pairs",
    "vocabulary_curves",
]
