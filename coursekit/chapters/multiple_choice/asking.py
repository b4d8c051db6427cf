"""Ways of asking for a capital: four factors that are crossed, and what is drawn at random.

A prompt is a bundle of choices. Four of them are crossed here, two levels each: the format (raw
text or the model's own chat format), the list of options, solved examples, and how the reply
begins. Whoever writes a prompt also makes choices that nobody means to study: the wording, which
examples, the order of the list. Those are drawn at random for each prompt, so that none of them is
tied to a factor.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Literal

import torch
from torch import Tensor

from coursekit.data import Question
from coursekit.llm import (
    LanguageModel,
    Prompt,
    chat_prompts,
    continuations,
    few_shot_prompts,
    lettered,
    score_choices,
)

#: A region, four cities, and its capital, which is the first. (None is a country.)
REGIONS = (
    ("Bavaria", ("Munich", "Stuttgart", "Dresden", "Hamburg")),
    ("Catalonia", ("Barcelona", "Seville", "Bilbao", "Vigo")),
    ("Ontario", ("Toronto", "Winnipeg", "Regina", "Halifax")),
    ("Queensland", ("Brisbane", "Perth", "Hobart", "Darwin")),
    ("Tuscany", ("Florence", "Pisa", "Siena", "Lucca")),
    ("Texas", ("Austin", "Houston", "Dallas", "El Paso")),
    ("Scotland", ("Edinburgh", "Glasgow", "Aberdeen", "Dundee")),
    ("Brittany", ("Rennes", "Brest", "Nantes", "Quimper")),
)
WORDINGS = (
    "What is the capital of {}?",
    "Name the capital of {}.",
    "Which city is the capital of {}?",
)
#: How raw text is laid out; a conversation has the layout of its template.
LAYOUTS = ("Question: {question}\nAnswer: {answer}", "Q: {question}\nA: {answer}")
LETTERS = "ABCD"
#: What asks for no country in particular: it stands where a country's name would.
NEUTRAL = "this country"
#: The factors, each with its two levels, in the order of `crossed_ways`.
FACTORS = {
    "format": ("raw text", "chat"),
    "list": ("no list", "list"),
    "examples": ("none", "four"),
    "reply begins": ("bare", "a sentence"),
}


@dataclass(frozen=True)
class Way:
    """One way of asking.

    Attributes:
        chat: Whether the model's own chat format is used.
        listed: Whether the four options are listed below the question, a letter before each.
        n_examples: How many solved examples stand before the question.
        sentence: Whether the reply begins "The capital of X is".
        answer_with: What the answer is: the text of an option, or its letter.
        wording: The question, with {} for the country.
        layout: How raw text is laid out, as in `few_shot_prompts`.
        opening: In a conversation, how a reply begins that begins with no sentence; may be empty.
        turn: By how many places the options are turned before they are listed.
        regions: Which of `REGIONS` the examples are taken from, in order.

    Example:
        >>> Way(chat=True, sentence=True).begins("Peru")
        'The capital of Peru is'
    """

    chat: bool = False
    listed: bool = False
    n_examples: int = 0
    sentence: bool = False
    answer_with: Literal["text", "letter"] = "text"
    wording: str = WORDINGS[0]
    layout: str = LAYOUTS[0]
    opening: str = ""
    turn: int = 0
    regions: tuple[int, ...] = (0, 1, 2, 3)

    def begins(self, subject: str) -> str:
        """Return how the reply to a question about a country begins."""
        if self.sentence:
            return f"The capital of {subject} is"
        return self.opening if self.chat else ""

    def asks(self, subject: str, options: Sequence[str]) -> str:
        """Return the question about a country, with its options where they are listed."""
        question = self.wording.format(subject)
        return lettered(question, options, LETTERS) if self.listed else question

    def prompts(self, subjects: Sequence[str], options: Sequence[Sequence[str]]) -> list[Prompt]:
        """Return what the model is to continue, one prompt a country.

        Args:
            subjects: The countries.
            options: The options of each, in their own order, before the turn.
        """
        shots = []
        for shot, region in enumerate(self.regions[: self.n_examples]):
            name, cities = REGIONS[region]
            # In four examples the right one stands once at each place.
            listed = _turned(cities, -shot % len(cities))
            answer = LETTERS[listed.index(cities[0])] if self.answer_with == "letter" else cities[0]
            shots.append((self.asks(name, listed), f"{self.begins(name)} {answer}".strip()))
        asked = [
            self.asks(subject, _turned(listed, self.turn))
            for subject, listed in zip(subjects, options, strict=True)
        ]
        begun = [self.begins(subject) for subject in subjects]
        if self.chat:
            return list(chat_prompts(asked, shots, reply=begun))
        raw = few_shot_prompts(asked, shots, self.layout)
        return [f"{prompt} {start}".rstrip() for prompt, start in zip(raw, begun, strict=True)]


def ask(lm: LanguageModel, way: Way, questions: Sequence[Question]) -> Tensor:
    """Log-probabilities `(N, 4)` of the options in their own order, whatever the list's order is.

    Args:
        lm: The model to ask.
        way: How to ask.
        questions: Questions about capitals with four options each.
    """
    subjects = [question.subject for question in questions]
    options = [question.options for question in questions]
    prompts = way.prompts(subjects, options)
    if way.answer_with == "text":
        return torch.stack(score_choices(lm, prompts, continuations(prompts, options)))
    letters = continuations(prompts, [LETTERS] * len(prompts))
    return torch.stack(score_choices(lm, prompts, letters)).roll(way.turn, dims=-1)


def prior(lm: LanguageModel, way: Way, questions: Sequence[Question]) -> Tensor:
    """Log-probabilities `(N, 4)` of the options after a question in the same form about no country.

    Raises:
        ValueError: If the way lists the options: then no question is without a country's options.
    """
    if way.listed:
        raise ValueError("way must not list the options to have one prior for all, found a list")
    [prompt] = way.prompts([NEUTRAL], [LETTERS])
    names = sorted({option for question in questions for option in question.options})
    [scores] = score_choices(lm, [prompt], continuations([prompt], [names]))
    score_of = dict(zip(names, scores.tolist(), strict=True))
    return torch.tensor([[score_of[option] for option in q.options] for q in questions])


def crossed_ways(seed: int = 0) -> list[Way]:
    """Return sixteen ways of asking: every combination of the four factors.

    All else (wording, layout, opening, order of the list, examples) is drawn for each.

    Example:
        >>> ways = crossed_ways()
        >>> len(ways), sum(way.chat for way in ways), sum(way.chat and way.listed for way in ways)
        (16, 8, 4)
    """
    draw = random.Random(seed)
    return [
        Way(
            chat=chat,
            listed=listed,
            n_examples=n_examples,
            sentence=sentence,
            wording=draw.choice(WORDINGS),
            layout=draw.choice(LAYOUTS),
            opening=draw.choice(("", "Answer:")),
            turn=draw.randrange(len(LETTERS)),
            regions=tuple(draw.sample(range(len(REGIONS)), 4)),
        )
        for chat, listed, n_examples, sentence in product(
            (False, True), (False, True), (0, 4), (False, True)
        )
    ]


def effects(values: Tensor) -> dict[str, Tensor]:
    """For each factor the differences `(8, N)`: second level minus first, the other three equal.

    Args:
        values: A value for each of `crossed_ways` and each question `(16, N)`.

    Example:
        >>> list(effects(torch.zeros(16, 3)))
        ['format', 'list', 'examples', 'reply begins']
    """
    cube = values.double().unflatten(0, (2,) * len(FACTORS))
    return {
        factor: (cube.select(k, 1) - cube.select(k, 0)).flatten(0, len(FACTORS) - 2)
        for k, factor in enumerate(FACTORS)
    }


def effect_by_list(values: Tensor, factor: str) -> dict[str, Tensor]:
    """Return the differences `(4, N)` that one factor makes without the list, and those with it.

    Args:
        values: As in `effects`.
        factor: One of `FACTORS`, but not the list itself.

    Example:
        >>> list(effect_by_list(torch.zeros(16, 3), "format"))
        ['no list', 'list']
    """
    by_list = values.double().unflatten(0, (2,) * len(FACTORS)).movedim(1, 0)
    k = ["list", *(name for name in FACTORS if name != "list")].index(factor)
    changed = by_list.select(k, 1) - by_list.select(k, 0)
    return {name: part.flatten(0, 1) for name, part in zip(FACTORS["list"], changed, strict=True)}


def _turned(options: Sequence[str], turn: int) -> list[str]:
    return [*options[turn:], *options[:turn]]
