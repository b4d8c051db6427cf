"""What a learner moves. The figure that stands above each widget is its static form."""

from coursekit.widgets._explore import explore
from coursekit.widgets.attention import attention_explorer, head_map
from coursekit.widgets.calibration import temperature_slider
from coursekit.widgets.positions import rotary_explorer, rotary_view
from coursekit.widgets.predictions import my_predictions
from coursekit.widgets.quiz import ConfidenceQuiz
from coursekit.widgets.tokens import token_explorer, tokens_html
from coursekit.widgets.transformer import size_explorer, size_figure

__all__ = [
    "ConfidenceQuiz",
    "attention_explorer",
    "explore",
    "head_map",
    "my_predictions",
    "rotary_explorer",
    "rotary_view",
    "size_explorer",
    "size_figure",
    "temperature_slider",
    "token_explorer",
    "tokens_html",
]
