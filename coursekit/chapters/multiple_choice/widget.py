"""Ask a model the same questions in another way, live, and see its accuracy and confidence move."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import ipywidgets
import torch
from matplotlib.axes import Axes
from torch import Tensor

from coursekit.calibration import bootstrap_interval
from coursekit.chapters.multiple_choice.figures import asked_panels
from coursekit.data import Question
from coursekit.llm import (
    LanguageModel,
    cyclic_orders,
    few_shot_prompts,
    lettered_prompts,
    pmi_scores,
    score_choices,
)
from coursekit.plots import explore

LETTERS = "ABCDEFGHIJ"
#: Ways of asking, as the learner reads them.
WAYS = ("letter", "text, options listed", "text", "text / prior")
TEMPLATES = {
    "Question: ... Answer: ...": "Question: {question}\nAnswer: {answer}",
    "Q: ... A: ...": "Q: {question}\nA: {answer}",
    "question and answer on one line": "{question} {answer}",
}
#: A question of the same form that asks about no country.
NEUTRAL = "What is the capital of this country?"

Example = tuple[str, Sequence[str], str]


def asked_scores(
    lm: LanguageModel,
    questions: Sequence[Question],
    examples: Sequence[Example],
    way: str,
    template: str,
    order: int = 0,
) -> Tensor:
    """Scores `(N, C)` of the options, in the questions' own order, for one way of asking.

    Args:
        lm: The model to ask.
        questions: All with the same number of options C.
        examples: Triples of question, options and answer that stand before each question.
        way: One of `WAYS`.
        template: As in `few_shot_prompts`.
        order: By how many places the options are turned before they are listed.

    Raises:
        ValueError: If `way` is unknown.
    """
    if way not in WAYS:
        raise ValueError(f"way must be one of {', '.join(map(repr, WAYS))}, found {way!r}.")
    n_options = len(questions[0].options)
    turned = cyclic_orders(n_options)[order % n_options]
    asked = [question.question for question in questions]
    options = [[question.options[i] for i in turned] for question in questions]
    answers = [[f" {option}" for option in listed] for listed in options]
    if way in ("letter", "text, options listed"):
        answer_with: Literal["letter", "text"] = "letter" if way == "letter" else "text"
        prompts = lettered_prompts(
            asked, options, examples, answer_with=answer_with, letters=LETTERS, template=template
        )
        if way == "letter":
            answers = [[f" {letter}" for letter in LETTERS[:n_options]]] * len(asked)
        scores = torch.stack(score_choices(lm, prompts, answers))
    else:
        pairs = [(question, answer) for question, _, answer in examples]
        prompts = few_shot_prompts(asked, pairs, template)
        scores = torch.stack(score_choices(lm, prompts, answers))
        if way == "text / prior":
            neutral = few_shot_prompts([NEUTRAL], pairs, template) * len(asked)
            scores = pmi_scores(scores, score_choices(lm, neutral, answers))
    return scores[:, turned.argsort()]


def asked_view(
    lm: LanguageModel,
    questions: Sequence[Question],
    examples: Sequence[Example],
    way: str = "letter",
    n_examples: int = 4,
    template: str = TEMPLATES["Question: ... Answer: ..."],
    order: int = 0,
) -> Axes:
    """Draw accuracy, mean confidence, and where the chosen answers stood."""
    scores = asked_scores(lm, questions, examples[:n_examples], way, template, order)
    confidence, chosen = scores.softmax(dim=-1).max(dim=-1)
    correct = chosen == torch.tensor([question.correct for question in questions])
    n_options = scores.shape[1]
    place = (chosen - order) % n_options
    counts = place.bincount(minlength=n_options)
    return asked_panels(
        bootstrap_interval(_mean, correct),
        bootstrap_interval(_mean, confidence),
        dict(zip(LETTERS, (counts / len(place)).tolist(), strict=False)),
        f"{way}, {n_examples} examples, {len(questions)} questions",
    )


def prompt_explorer(
    lm: LanguageModel, questions: Sequence[Question], examples: Sequence[Example]
) -> None:
    """Change the way of asking, and ask again: every figure is a new run of the model.

    Args:
        lm: The model to ask.
        questions: A few, say 24: each change asks them all.
        examples: Triples of question, options and answer; the first ones are used.
    """
    explore(
        lambda **how: asked_view(lm, questions, examples, **how),
        way=ipywidgets.Dropdown(options=WAYS, value="letter", description="ask for"),
        n_examples=ipywidgets.IntSlider(
            value=len(examples), min=0, max=len(examples), description="examples"
        ),
        template=ipywidgets.Dropdown(options=TEMPLATES, description="template"),
        order=ipywidgets.IntSlider(
            value=0, min=0, max=len(questions[0].options) - 1, description="turn list by"
        ),
    )


def _mean(values: Tensor) -> float:
    return values.double().mean().item()
