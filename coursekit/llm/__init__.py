"""Part III: ask a pretrained language model, and read its confidence."""

from coursekit.llm.choices import score_choices
from coursekit.llm.next_token import (
    NextTokenPredictions,
    next_token_logits,
    next_token_predictions,
    token_windows,
)
from coursekit.llm.pretrained import LanguageModel, ModelUnavailableError, load
from coursekit.llm.prompts import few_shot_prompts, lettered

__all__ = [
    "LanguageModel",
    "ModelUnavailableError",
    "NextTokenPredictions",
    "few_shot_prompts",
    "lettered",
    "load",
    "next_token_logits",
    "next_token_predictions",
    "score_choices",
    "token_windows",
]
