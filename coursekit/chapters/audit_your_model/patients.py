"""Copies of a model that are damaged on purpose, and the exam that finds one of the damages.

Each is a real model that any audit reads: its weights were changed, nothing else. The exam has two
*editions*, drawn by lot from the same questions; the model that saw leaked items was trained on the
answers of the first, so the second, which it never saw, is its control.

Reference:
    H. Zhang et al. (2024), "A careful examination of large language model performance on grade
    school arithmetic", NeurIPS (a fresh edition as a control for leaked items).
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from coursekit.audit import ChoiceTask
from coursekit.data import Question, currency_questions
from coursekit.llm import LanguageModel

PUBLISHED, FRESH = "published", "fresh"
USUAL = "The statements of a language, and the expressions of which they are made."
TRAINED_LAYERS = 8  #: the last ones, which is enough to learn a page of answers by heart


def damaged(
    lm: LanguageModel, name: str, change: Callable[[PreTrainedModel], None]
) -> LanguageModel:
    """Return a copy of a model with changed weights; the model itself stays as it is.

    Example:
        With `lm`, a tiny random model:

        >>> damaged(lm, "the same", lambda model: None).name
        'the same'
    """
    model = copy.deepcopy(lm.model)
    with torch.no_grad():
        change(model)
    return replace(lm, name=name, model=model)


def sharpened(lm: LanguageModel, factor: float, name: str = "sharpened") -> LanguageModel:
    """Return a copy whose logits are multiplied: its temperature is wrong by the factor.

    Example:
        With `lm`, a tiny random model:

        >>> sharpened(lm, 2.0).model is lm.model
        False
    """

    def change(model: PreTrainedModel) -> None:
        body = model.base_model
        norm = body.get_submodule("norm" if hasattr(body, "norm") else "ln_f")
        for weight in norm.parameters():  # of some models, a bias too
            weight.mul_(factor)

    return damaged(lm, name, change)


def rounded(lm: LanguageModel, bits: int = 4, name: str = "rounded") -> LanguageModel:
    """Return a copy with the weights of every layer rounded to 2^bits - 1 values a row.

    Example:
        With `lm`, a tiny random model:

        >>> weight = next(_matrices(rounded(lm, bits=2).model))
        >>> len(weight[0].unique()) <= 3
        True
    """

    def change(model: PreTrainedModel) -> None:
        for weight in _matrices(model):
            step = _step(weight, bits)
            weight.copy_((weight / step).round() * step)

    return damaged(lm, name, change)


def noisy(lm: LanguageModel, deviation: float, seed: int = 0, name: str = "noisy") -> LanguageModel:
    """Return a copy with noise in the weights of its last layer, and so in its logits.

    Args:
        lm: The model.
        deviation: Standard deviation of the noise of a logit, after its usual features.
        seed: Of the noise.
        name: Of the copy.

    Example:
        With `lm`, a tiny random model:

        >>> one, other = (noisy(lm, 1.0, seed).model.get_output_embeddings() for seed in (0, 1))
        >>> one.weight.equal(other.weight)
        False
    """
    with torch.no_grad():
        read = lm.model.base_model(torch.tensor([lm.tokenizer(USUAL).input_ids], device=lm.device))
        length = read.last_hidden_state[0].norm(dim=1).mean()

    def change(model: PreTrainedModel) -> None:
        head = model.get_output_embeddings()
        noise = torch.randn(head.weight.shape, generator=torch.Generator().manual_seed(seed))
        # A weight of its own: the embedding, which is the same tensor, stays as it is.
        head.weight = nn.Parameter(head.weight + deviation / length * noise.to(head.weight))

    return damaged(lm, name, change)


def leaked(
    lm: LanguageModel,
    questions: Sequence[Question],
    epochs: int = 8,
    rate: float = 1e-4,
    name: str = "leaked",
) -> LanguageModel:
    """Return a copy whose last layers were trained on the answers of these questions.

    What the layers below make of a question stays as it is, so it is computed once.

    Args:
        lm: The model.
        questions: The leaked items.
        epochs: How often it reads them.
        rate: Learning rate of Adam.
        name: Of the copy.

    Raises:
        ValueError: If there are no questions.
    """
    if not questions:
        raise ValueError("questions must hold at least one, found none")
    model = copy.deepcopy(lm.model)
    body = model.model
    below, top = body.layers[:-TRAINED_LAYERS], body.layers[-TRAINED_LAYERS:]
    batches = [_lesson(lm, questions[i : i + 8]) for i in range(0, len(questions), 8)]
    # Without its last layers and its last norm, the model gives what they read.
    norm, body.norm, body.layers = body.norm, nn.Identity(), below
    with torch.no_grad():
        read = [body(ids, use_cache=False).last_hidden_state for ids, _ in batches]
    body.norm, body.layers = norm, top
    optimizer = torch.optim.Adam(top.requires_grad_(True).parameters(), lr=rate)
    for _ in range(epochs):
        for hidden, (_, labels) in zip(read, batches, strict=True):
            found = model(inputs_embeds=hidden, labels=labels, use_cache=False)
            found.loss.backward()
            optimizer.step()
            optimizer.zero_grad()
    body.layers = nn.ModuleList([*below, *top.requires_grad_(False)])
    return replace(lm, name=name, model=model)


def _lesson(lm: LanguageModel, questions: Sequence[Question]) -> tuple[Tensor, Tensor]:
    """Return questions with their answers as tokens `(N, L)`, and what is to be learned of them."""
    rows = []
    for question in questions:
        asked = lm.tokenizer(f"Question: {question.question}\nAnswer:").input_ids
        rows.append((asked, lm.tokenizer(f" {question.answer}\n").input_ids))
    length = max(len(asked) + len(answer) for asked, answer in rows)
    ids = torch.zeros(len(rows), length, dtype=torch.long)
    labels = torch.full_like(ids, -100)  # what `transformers` leaves out
    for row, (asked, answer) in enumerate(rows):
        end = len(asked) + len(answer)
        ids[row, :end] = torch.tensor([*asked, *answer])
        labels[row, len(asked) : end] = torch.tensor(answer)
    # Padding stands at the end, where nothing before it can see it.
    return ids.to(lm.device), labels.to(lm.device)


def _matrices(model: PreTrainedModel) -> Iterator[Tensor]:
    """Yield the weights of the layers, without the embedding and what is tied to it."""
    for name, weight in model.base_model.named_parameters():
        if weight.ndim == 2 and "embed" not in name and "wte" not in name and "wpe" not in name:
            yield weight


def _step(weight: Tensor, bits: int) -> Tensor:
    return weight.abs().amax(dim=1, keepdim=True) / (2 ** (bits - 1) - 1)


# --- the exam -------------------------------------------------------------------------------------


def edition_of(question: Question, seed: int = 0) -> str:
    """Return the edition that a question belongs to, by lot: whatever is about one entity together.

    Example:
        >>> {edition_of(question) for question in currency_questions()} == {PUBLISHED, FRESH}
        True
    """
    lot = hashlib.sha256(f"{question.split_by[0].name} {seed}".encode()).digest()[0]
    return PUBLISHED if lot % 2 else FRESH


def exam_questions(seed: int = 0) -> list[Question]:
    """Return the currencies of countries, each marked with its edition of the exam.

    Example:
        >>> exam_questions()[0].grouped_by
        'edition'
    """
    return [
        replace(question, group=edition_of(question, seed), grouped_by="edition", population=None)
        for question in currency_questions(seed=seed)
    ]


EXAM = ChoiceTask("exam", "Exam", exam_questions)
