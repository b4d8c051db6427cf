"""What a learner moves. The figure that stands above each widget is its static form."""

from coursekit.widgets.calibration import temperature_slider
from coursekit.widgets.explore import explore
from coursekit.widgets.quiz import ConfidenceQuiz
from coursekit.widgets.tokens import token_explorer, tokens_html

__all__ = ["ConfidenceQuiz", "explore", "temperature_slider", "token_explorer", "tokens_html"]
