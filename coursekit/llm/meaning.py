r"""Do two answers mean the same? Asked of the language model itself, in both directions.

"Peking" and "Beijing" share hardly a letter. Whether they mean the same is put to the model in two
ways: as a question (the log-odds of " Yes" against " No"), or by what it expects: does having read
one answer make the other, as another name of it, more probable?

$$r(b \mid a) = \ln P(b \mid \text{question, } a \text{, also called})
  - \ln P(b \mid \text{question}) .$$

The relation should hold both ways, so the smaller of both directions counts. A small model is a
poor judge (notebook 13 measures how poor): check it on pairs you know before you rely on it. A
model trained on pairs of sentences does better: `coursekit.llm.embeddings`, or a classifier of
entailment as in the papers.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from coursekit.llm.choices import score_choices
from coursekit.llm.clusters import canonical, cluster_by_similarity, cluster_by_string
from coursekit.llm.pretrained import LanguageModel
from coursekit.llm.prompts import few_shot_prompts

Pair = tuple[str, str]
_FORM = "Question: {question}\nAnswer 1: {first}\nAnswer 2: {second}\nSame meaning?"
_EXAMPLES = (
    ("What is the capital of Poland?", "Warsaw", "Warszawa", "Yes"),
    ("What is the capital of Japan?", "Tokyo", "Osaka", "No"),
    ("What is 2 + 2?", "4", "four", "Yes"),
    ("What is the capital of Peru?", "Lima", "Quito", "No"),
)


def meaning_by_question(
    lm: LanguageModel, questions: Sequence[str], pairs: Sequence[Pair]
) -> Tensor:
    """Ask the model whether two answers mean the same: log-odds of "Yes", the smaller of both ways.

    Args:
        lm: The model to ask, after four answered examples.
        questions: What each pair answers `(N,)`.
        pairs: The two answers to each question `(N,)`.

    Returns:
        Log-odds in nats `(N,)`; larger means rather the same.

    Raises:
        TypeError: A text is no string, or an argument a single string.
        ValueError: Different lengths, or an answer that says nothing.

    Reference:
        L. Kuhn, Y. Gal, S. Farquhar, Semantic uncertainty, ICLR 2023: the same question, asked of
        a classifier of entailment.

    Example:
        With `lm`, a tiny random model, whose opinion is worth nothing:

        >>> meaning_by_question(lm, ["What is the capital of Peru?"], [("Lima", "Quito")]).shape
        torch.Size([1])
    """
    both = _both_ways(questions, pairs)
    if not both:
        return torch.zeros(0)
    shots = [(_form(question, a, b), verdict) for question, a, b, verdict in _EXAMPLES]
    asked = [_form(question, a, b) for question, a, b in both]
    prompts = few_shot_prompts(asked, shots, template="{question} {answer}")
    scores = torch.stack(score_choices(lm, prompts, [[" Yes", " No"]] * len(prompts)))
    return (scores[:, 0] - scores[:, 1]).view(2, -1).amin(dim=0)


def meaning_by_ratio(
    lm: LanguageModel, questions: Sequence[str], pairs: Sequence[Pair], link: str = ", also called"
) -> Tensor:
    """How much more probable one answer is as another name of the other: the smaller of both ways.

    Args:
        lm: The model to ask.
        questions: What each pair answers `(N,)`.
        pairs: The two answers to each question `(N,)`.
        link: What stands between the two answers.

    Returns:
        Log-ratios in nats `(N,)`; larger means rather the same.

    Raises:
        TypeError, ValueError: As `meaning_by_question`; also if `link` says nothing.

    Example:
        With `lm`, a tiny random model, whose opinion is worth nothing:

        >>> meaning_by_ratio(lm, ["What is the capital of Peru?"], [("Lima", "Quito")]).shape
        torch.Size([1])
    """
    if not isinstance(link, str) or not link.strip() or link[-1].isspace():
        raise ValueError(f"link must be a text that ends in no space, found {link!r}.")
    both = _both_ways(questions, pairs)
    if not both:
        return torch.zeros(0)
    before = [f"Question: {question}\nAnswer:" for question, _, _ in both]
    after = [f"{start} {a}{link}" for start, (_, a, _) in zip(before, both, strict=True)]
    second = [[f" {b}"] for _, _, b in both]
    given_first = torch.cat(score_choices(lm, after, second))
    alone = torch.cat(score_choices(lm, before, second))
    return (given_first - alone).view(2, -1).amin(dim=0)


def cluster_by_meaning(
    lm: LanguageModel, question: str, samples: Sequence[str], threshold: float
) -> list[int]:
    """Put samples into one cluster where the model's ratio says that they mean the same.

    Samples of one normalised string are together from the start. Then each string joins the first
    cluster whose first member it means the same as (`meaning_by_ratio` at or above the threshold),
    or begins a new one. Samples that say nothing stay by themselves.

    Args:
        lm: The model to ask.
        question: What the samples answer.
        samples: Their texts.
        threshold: From which ratio on two answers count as the same, in nats; choose it on pairs
            of which you know the truth.

    Returns:
        The cluster of each sample, numbered from 0 in the order of appearance.

    Raises:
        TypeError, ValueError: As `cluster_by_string` and `meaning_by_ratio`.

    Example:
        With `lm`, a tiny random model, whose opinion is worth nothing:

        >>> asked = "What is the capital of Peru?"
        >>> cluster_by_meaning(lm, asked, ["Lima", "lima.", "Quito"], threshold=1e9)
        [0, 0, 1]
    """
    strings = cluster_by_string(samples)
    first_of: dict[int, str] = {}
    for string, text in zip(strings, samples, strict=True):
        first_of.setdefault(string, text)
    speaking = [s for s, text in first_of.items() if canonical(text) is not None]
    pairs = [(s, t) for i, s in enumerate(speaking) for t in speaking[:i]]
    texts = [(first_of[s], first_of[t]) for s, t in pairs]
    ratios = meaning_by_ratio(lm, [question] * len(pairs), texts)
    table = torch.full((len(first_of), len(first_of)), -torch.inf)
    for (s, t), ratio in zip(pairs, ratios, strict=True):
        table[s, t] = table[t, s] = ratio
    return cluster_by_similarity(samples, table[strings][:, strings], threshold)


def _form(question: str, first: str, second: str) -> str:
    return _FORM.format(question=question, first=first, second=second)


def _both_ways(questions: Sequence[str], pairs: Sequence[Pair]) -> list[tuple[str, str, str]]:
    """Every pair in its order, then every pair the other way round, with its question."""
    if isinstance(questions, str) or isinstance(pairs, str):
        raise TypeError("questions and pairs must be lists, one entry for each pair of answers.")
    if len(questions) != len(pairs):
        raise ValueError(
            f"questions and pairs must have the same length, found {len(questions)} and "
            f"{len(pairs)}: give each pair the question that it answers."
        )
    for i, pair in enumerate(pairs):
        if isinstance(pair, str) or len(pair) != 2:
            raise TypeError(f"pairs[{i}] must be two answers, found {pair!r}.")
        if any(canonical(text) is None for text in pair):
            raise ValueError(f"pairs[{i}] must be two answers that say something, found {pair!r}.")
    forth = [(question, a, b) for question, (a, b) in zip(questions, pairs, strict=True)]
    return forth + [(question, b, a) for question, a, b in forth]
