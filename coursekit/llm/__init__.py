"""Part III: ask a pretrained language model, and read its confidence."""

from coursekit.llm.choice_scores import (
    average_over_orders,
    batch_calibration,
    choice_probs,
    contextual_calibration,
    cyclic_orders,
    length_normalised,
    pmi_scores,
)
from coursekit.llm.choices import answer_lengths, score_choices
from coursekit.llm.next_token import (
    NextTokenPredictions,
    next_token_logits,
    next_token_predictions,
    token_windows,
)
from coursekit.llm.pretrained import LanguageModel, ModelUnavailableError, load
from coursekit.llm.prompts import few_shot_prompts, lettered, lettered_prompts
from coursekit.llm.spellings import score_spellings

__all__ = [
    "LanguageModel",
    "ModelUnavailableError",
    "NextTokenPredictions",
    "answer_lengths",
    "average_over_orders",
    "batch_calibration",
    "choice_probs",
    "contextual_calibration",
    "cyclic_orders",
    "few_shot_prompts",
    "length_normalised",
    "lettered",
    "lettered_prompts",
    "load",
    "next_token_logits",
    "next_token_predictions",
    "pmi_scores",
    "score_choices",
    "score_spellings",
    "token_windows",
]
