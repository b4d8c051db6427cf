"""What a model holds of an answer it has just read: hidden states, its own probability, the length.

One forward pass a text gives all three. Short texts are read together, padded on the right: what
stands behind a token cannot change its state.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from coursekit.llm import LanguageModel, continuations, few_shot_prompts
from coursekit.llm.choices import Candidate, tokenize_candidates

#: Texts of similar length that are read together.
TOGETHER = 16


@dataclass(frozen=True)
class Read:
    """What was read of N answers.

    Attributes:
        states: Hidden state at the last token of each answer, after each block `(N, L, D)`.
        log_prob: Log-probability a token of the answer, in nats `(N,)`.
        length: Tokens of the answer `(N,)`.
    """

    states: Tensor
    log_prob: Tensor
    length: Tensor


@torch.inference_mode()
def read_answers(lm: LanguageModel, questions: Sequence[str], answers: Sequence[str]) -> Read:
    """Let the model read "Question: ... Answer: ..." and keep what it holds at the end.

    Args:
        lm: The model.
        questions: What is asked `(N,)`.
        answers: One answer to each, right or wrong.

    Raises:
        ValueError: If the lengths differ, or a text is empty.
    """
    prompts = few_shot_prompts(questions)
    options = continuations(prompts, [[answer] for answer in answers])
    texts = tokenize_candidates(lm, prompts, options)
    order = sorted(range(len(texts)), key=lambda i: len(texts[i].context + texts[i].answer))
    rows: list[tuple[Tensor, float]] = [(torch.empty(0), 0.0)] * len(texts)
    for start in range(0, len(order), TOGETHER):
        chosen = order[start : start + TOGETHER]
        for i, row in zip(chosen, _read(lm, [texts[i] for i in chosen]), strict=True):
            rows[i] = row
    length = torch.tensor([len(text.answer) for text in texts])
    total = torch.tensor([row[1] for row in rows], dtype=torch.float64)
    return Read(torch.stack([row[0] for row in rows]), total / length, length)


def _read(lm: LanguageModel, texts: Sequence[Candidate]) -> list[tuple[Tensor, float]]:
    """Return the last states `(L, D)` and the log-probability of the answer of each text."""
    ids = [torch.tensor(text.context + text.answer) for text in texts]
    padded = torch.nn.utils.rnn.pad_sequence(ids, batch_first=True).to(lm.device)
    found = lm.model(padded, output_hidden_states=True)
    states = torch.stack(found.hidden_states[1:], dim=1).float().cpu()  # (texts, L, T, D)
    rows = []
    for i, text in enumerate(texts):
        first, end = len(text.context), len(ids[i])
        log_probs = found.logits[i, first - 1 : end - 1].float().log_softmax(dim=-1).cpu()
        total = log_probs.gather(1, ids[i][first:, None]).sum().item()
        rows.append((states[i, :, end - 1], total))
    return rows
