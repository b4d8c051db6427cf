"""Every figure of the course: takes data, returns matplotlib axes."""

from __future__ import annotations

from coursekit.plots.applications import gap_rows, overlap_against_likelihood
from coursekit.plots.attention import (
    attention_map,
    entropy_curves,
    head_grid,
    multiply_add_curves,
)
from coursekit.plots.audit import binned_diagrams
from coursekit.plots.bias_variance import (
    answers_of_many,
    ensemble_lines,
    error_parts,
    lines_with_intervals,
)
from coursekit.plots.calibration import ReliabilityData, reliability_data, reliability_diagram
from coursekit.plots.calibrators import ece_against_divergence, score_against_data
from coursekit.plots.forecasts import (
    attributes_diagram,
    attributes_panels,
    brier_parts,
    expected_score_curves,
    loss_parts,
)
from coursekit.plots.free_form_answers import (
    abstention_curve,
    coverage_histogram,
    risk_coverage_bands,
    sample_panels,
)
from coursekit.plots.generation import (
    decoding_panels,
    law_bars,
    law_grid,
    panels_against_temperature,
    report_matrix,
    surprise_histogram,
)
from coursekit.plots.language_model import (
    accuracy_and_confidence,
    frequency_against_probability,
    next_token_bars,
    null_histogram,
    temperature_curve,
)
from coursekit.plots.metrics import (
    consistency_diagram,
    error_estimates,
    estimates_histogram,
    interval_rows,
    rejection_curves,
    risk_coverage_curves,
)
from coursekit.plots.multiple_choice import (
    asked_panels,
    prior_bars,
    scores_by_method,
    spread_over_splits,
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
from coursekit.plots.safety_and_limits import scaling_curves, secret_ranks
from coursekit.plots.style import COLORS, GRAY, new_axes, show, style
from coursekit.plots.tokens import language_dots, token_strips, vocabulary_curves
from coursekit.plots.training import (
    belief_bars,
    likelihood_curve,
    stated_against_true,
    training_curves,
)
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
    "abstention_curve",
    "accuracy_and_confidence",
    "accuracy_by_position",
    "activation_curves",
    "answers_diagram",
    "answers_of_many",
    "asked_panels",
    "attention_map",
    "attributes_diagram",
    "attributes_panels",
    "belief_bars",
    "bias_heatmaps",
    "binned_diagrams",
    "brier_parts",
    "consistency_diagram",
    "coverage_histogram",
    "decoding_panels",
    "ece_against_divergence",
    "ensemble_lines",
    "entropy_curves",
    "error_estimates",
    "error_parts",
    "estimates_histogram",
    "expected_score_curves",
    "frequency_against_probability",
    "gap_rows",
    "guess_table",
    "head_grid",
    "interval_rows",
    "language_dots",
    "law_bars",
    "law_grid",
    "likelihood_curve",
    "lines_against_depth",
    "lines_with_intervals",
    "loss_against_gap",
    "loss_parts",
    "multiply_add_curves",
    "new_axes",
    "next_token_bars",
    "null_histogram",
    "overlap_against_likelihood",
    "pair_and_score",
    "panels_against_temperature",
    "position_heatmap",
    "prior_bars",
    "products_by_distance",
    "rejection_curves",
    "reliability_data",
    "reliability_diagram",
    "report_matrix",
    "risk_coverage_bands",
    "risk_coverage_curves",
    "sample_panels",
    "scaling_curves",
    "score_against_data",
    "scores_by_method",
    "secret_ranks",
    "show",
    "spread_over_splits",
    "stacked_shares",
    "stated_against_true",
    "style",
    "surprise_histogram",
    "temperature_curve",
    "token_strips",
    "training_curves",
    "turned_pairs",
    "vocabulary_curves",
]
