"""Part III: ask a pretrained language model, and read its confidence."""

from __future__ import annotations

from typing import NoReturn

from coursekit.llm.answers import Answer, greedy_answers, sample_answers
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
from coursekit.llm.clusters import (
    agreement,
    canonical,
    cluster_by_similarity,
    cluster_by_string,
    kernel_entropy,
    semantic_entropy,
)
from coursekit.llm.embedded import ModelUnavailableError
from coursekit.llm.embeddings import embed, meaning_by_embedding, similarity_kernels
from coursekit.llm.meaning import cluster_by_meaning, meaning_by_question, meaning_by_ratio
from coursekit.llm.next_token import (
    NextTokenPredictions,
    next_token_logits,
    next_token_predictions,
    token_windows,
)
from coursekit.llm.pretrained import LanguageModel, load
from coursekit.llm.prompts import (
    Chat,
    Prompt,
    chat_prompts,
    continuations,
    few_shot_prompts,
    lettered,
    lettered_prompts,
)
from coursekit.llm.self_evaluation import (
    PTrue,
    StatedConfidences,
    p_true,
    parse_confidence,
    read_confidences,
)
from coursekit.llm.silencing import losses_without_each_head
from coursekit.llm.spellings import score_spellings

__all__ = [
    "Answer",
    "Chat",
    "LanguageModel",
    "ModelUnavailableError",
    "NextTokenPredictions",
    "PTrue",
    "Prompt",
    "StatedConfidences",
    "agreement",
    "answer_lengths",
    "average_over_orders",
    "batch_calibration",
    "canonical",
    "chat_prompts",
    "choice_probs",
    "cluster_by_meaning",
    "cluster_by_similarity",
    "cluster_by_string",
    "contextual_calibration",
    "continuations",
    "cyclic_orders",
    "embed",
    "few_shot_prompts",
    "greedy_answers",
    "kernel_entropy",
    "length_normalised",
    "lettered",
    "lettered_prompts",
    "load",
    "losses_without_each_head",
    "meaning_by_embedding",
    "meaning_by_question",
    "meaning_by_ratio",
    "next_token_logits",
    "next_token_predictions",
    "p_true",
    "parse_confidence",
    "pmi_scores",
    "read_confidences",
    "sample_answers",
    "score_choices",
    "score_spellings",
    "semantic_entropy",
    "similarity_kernels",
    "token_windows",
]


def __getattr__(name: str) -> NoReturn:
    if name == "audit":  # where it stood once, and where many look first
        raise ImportError("audit is a room of its own: from coursekit.audit import audit")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
