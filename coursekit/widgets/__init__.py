"""What a learner moves. The figure that stands above each widget is its static form."""

from __future__ import annotations

from coursekit.widgets._explore import explore
from coursekit.widgets.applications import task_explorer, task_view
from coursekit.widgets.attention import attention_explorer, head_map
from coursekit.widgets.audit import diagrams_of, report_explorer
from coursekit.widgets.bias_variance import order_explorer, order_view
from coursekit.widgets.calibration import temperature_slider
from coursekit.widgets.forecasts import dial_view, forecaster_dial
from coursekit.widgets.free_form_answers import abstention_explorer, abstention_view
from coursekit.widgets.generation import rule_explorer, rule_figure
from coursekit.widgets.metrics import estimate_explorer, estimate_view
from coursekit.widgets.multiple_choice import asked_view, prompt_explorer
from coursekit.widgets.positions import rotary_explorer, rotary_view
from coursekit.widgets.predictions import my_predictions
from coursekit.widgets.quiz import ConfidenceQuiz
from coursekit.widgets.safety_and_limits import canary_explorer, canary_view
from coursekit.widgets.tokens import token_explorer, tokens_html
from coursekit.widgets.training import likelihood_explorer, likelihood_view
from coursekit.widgets.transformer import size_explorer, size_figure

__all__ = [
    "ConfidenceQuiz",
    "abstention_explorer",
    "abstention_view",
    "asked_view",
    "attention_explorer",
    "canary_explorer",
    "canary_view",
    "diagrams_of",
    "dial_view",
    "estimate_explorer",
    "estimate_view",
    "explore",
    "forecaster_dial",
    "head_map",
    "likelihood_explorer",
    "likelihood_view",
    "my_predictions",
    "order_explorer",
    "order_view",
    "prompt_explorer",
    "report_explorer",
    "rotary_explorer",
    "rotary_view",
    "rule_explorer",
    "rule_figure",
    "size_explorer",
    "size_figure",
    "task_explorer",
    "task_view",
    "temperature_slider",
    "token_explorer",
    "tokens_html",
]
