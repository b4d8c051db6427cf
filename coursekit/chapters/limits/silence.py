"""Notebook 17: a GPT that reads facts, and one that learns when to say that it does not know."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from coursekit.data.languages.facts import FactLanguage
from coursekit.lm import GPT, GPTConfig, TrainingConfig, train
from coursekit.lm.training import Evaluate, History


@dataclass(frozen=True)
class Reader:
    """A GPT that read sentences of a fact language.

    Attributes:
        model: Its vocabulary has one word more than the language, `unknown`, which it never read.
        counts: How often it read each fact `(F,)`.
        history: Of the training.
        facts: The language.
    """

    model: GPT
    counts: Tensor
    history: History
    facts: FactLanguage

    @property
    def unknown(self) -> int:
        """The id of the word "unknown"."""
        return self.facts.vocab_size


def read_facts(
    facts: FactLanguage,
    seed: int,
    *,
    sentences: int = 600,
    steps: int = 600,
    width: int = 64,
    fresh: Tensor | None = None,
) -> Reader:
    """Let a GPT of one layer read sentences, over and over, and watch what it says.

    Args:
        facts: The language.
        seed: Of the reading and of the first weights.
        sentences: How many are drawn.
        steps: Updates, of 32 sentences each.
        width: Of the residual stream.
        fresh: Sentences for a validation loss.

    Example:
        >>> from coursekit.data import fact_language
        >>> reader = read_facts(fact_language(9, n_capitals=3), 0, sentences=32, steps=30, width=8)
        >>> int(reader.counts.sum()), reader.history.last_step
        (32, 30)
    """
    reading = facts.sample(sentences, seed=seed, length=7)
    counts = facts.counts(reading)
    shape = GPTConfig(facts.vocab_size + 1, context=8, width=width, n_layers=1, n_heads=4)
    model = GPT(shape, torch.Generator().manual_seed(seed))
    config = TrainingConfig(steps, evaluate_every=30, seed=seed)
    history = train(
        model,
        reading,
        config,
        validation=fresh,
        evaluate=_watching(facts, counts),
        progress=False,
    )
    return Reader(model, counts, history, facts)


def _watching(facts: FactLanguage, counts: Tensor) -> Evaluate:
    """Return what to record in training: false sentences, and confidence, by exact sums."""
    unread, weight = counts == 0, facts.fact_probs

    def evaluate(model: GPT) -> Mapping[str, float]:
        laws = model(facts.prompts).double().softmax(dim=-1)
        country = laws[0, 2, facts.prompts[:, 3]]  # how often it speaks of each country
        truth = laws[:, -1].gather(1, facts.answers[:, None])[:, 0]
        sure, top = laws[:, -1].max(dim=-1)
        right = (top == facts.answers).double()
        return {
            "false": (country * (1 - truth)).sum().item(),
            "new": country[unread].sum().item(),
            "confidence": (weight * sure).sum().item(),
            "accuracy": (weight * right).sum().item(),
            "confidence, never read": sure[unread].mean().item(),
            "accuracy, never read": right[unread].mean().item(),
        }

    return evaluate


@torch.no_grad()
def answers(reader: Reader, questions: Tensor, model: GPT | None = None) -> tuple[Tensor, Tensor]:
    """Ask for capitals: return the most probable word for each question, and its probability.

    Args:
        reader: Who is asked.
        questions: Which facts `(Q,)`.
        model: Asked in place of the reader's own.

    Example:
        >>> from coursekit.data import fact_language
        >>> reader = read_facts(fact_language(9, n_capitals=3), 0, sentences=32, steps=30, width=8)
        >>> said, sure = answers(reader, torch.arange(9))
        >>> said.shape, bool((sure <= 1).all())
        (torch.Size([9]), True)
    """
    logits = (model or reader.model)(reader.facts.prompts[questions], last_only=True)[:, -1]
    sure, said = logits.double().softmax(dim=-1).max(dim=-1)
    return said, sure


def mean_score(right: Tensor, silent: Tensor, t: float) -> float:
    """Return the mean score: 1 for a right answer, -t / (1 - t) for a wrong one, 0 for silence.

    Args:
        right: Whether each answer was right `(Q,)`; of no matter where silent.
        silent: Whether there was none `(Q,)`.
        t: The confidence from which an answer is wanted, 0 to below 1; 0 is binary grading.

    Raises:
        ValueError: If t is below 0, or 1 or more.

    Example:
        >>> right, silent = torch.tensor([True, False, False]), torch.tensor([False, False, True])
        >>> round(mean_score(right, silent, 0.75), 3)
        -0.667
    """
    if not 0 <= t < 1:
        raise ValueError(f"t must be at least 0 and below 1, found {t}")
    false = ~right & ~silent
    return ((right & ~silent).double() - false.double() * t / (1 - t)).mean().item()


def practise(
    reader: Reader,
    questions: Tensor,
    t: float,
    *,
    only_the_word: bool,
    steps: int = 100,
    learning_rate: float | None = None,
) -> GPT:
    """Train a copy of a reader for the expected score of its answers, and return it.

    Its law gives each word a probability; the expected score is that of the right capital, minus
    t / (1 - t) times that of all others but "unknown". That word starts as the capitals' mean.

    Args:
        reader: Stays as it is.
        questions: Facts that are asked in practice `(Q,)`.
        t: As in `mean_score`.
        only_the_word: Change nothing but the weights of "unknown", or everything.
        steps: Updates, each on all questions.
        learning_rate: By default 0.03 for the word, 0.001 for everything.

    Example:
        >>> from coursekit.data import fact_language
        >>> reader = read_facts(fact_language(9, n_capitals=3), 0, sentences=32, steps=30, width=8)
        >>> model = practise(reader, torch.arange(9), 0.5, only_the_word=True, steps=2)
        >>> bool((model.head.weight[:-1] == reader.model.head.weight[:-1]).all())
        True
    """
    facts, unknown = reader.facts, reader.unknown
    model = copy.deepcopy(reader.model)
    row = model.head.weight
    with torch.no_grad():
        row[unknown] = row[facts.answers.unique()].mean(dim=0)
    rate = learning_rate or (3e-2 if only_the_word else 1e-3)
    parameters = [row] if only_the_word else list(model.parameters())
    optimizer = torch.optim.AdamW(parameters, lr=rate, weight_decay=0)
    for _ in range(steps):
        law = model(facts.prompts[questions], last_only=True)[:, -1].softmax(dim=-1)
        right = law.gather(1, facts.answers[questions, None])[:, 0]
        false = 1 - right - law[:, unknown]
        score = ((1 - t) * right - t * false).mean()  # times 1 - t, so that no t takes larger steps
        optimizer.zero_grad()
        (-score).backward()
        if only_the_word:
            row.grad[:unknown] = 0  # type: ignore[index]
        optimizer.step()
    return model
