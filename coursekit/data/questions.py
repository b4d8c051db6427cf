"""The form of a question, whether an answer is right, and how questions are split.

Right means: the whole answer is an accepted name once case, accents and punctuation are put aside.
"Tirano" is not Tirana, and an answer that lists three cities knows none.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from coursekit.data.ordering import hash_order


@dataclass(frozen=True)
class Question:
    """A question with its right answer, offered options and provenance."""

    kind: str  #: "capital", "area", "population" or "mass"
    key: str  #: what it is about: "FR", or "BR-KE" for a comparison
    subject: str  #: for a sentence, with its article: "the Philippines", "Brazil or Kenya"
    question: str
    answer: str
    options: tuple[str, ...]
    correct: int  #: index of the answer in `options`
    group: str  #: continent of a capital's country; the kind for comparisons
    source: str
    population: int | None = None  #: inhabitants of a capital's country: how well known it is
    ratio: float | None = None  #: larger over smaller quantity: near 1 is hard, large is easy
    aliases: tuple[str, ...] = ()  #: other accepted spellings


def normalise(text: str) -> str:
    """Reduce a name to what counts: no case, accents, apostrophes, full stops, leading "the".

    Other punctuation becomes a space, "&" becomes "and", and "St" becomes "Saint".
    """
    # Decompose before folding the case: some letters ("𝓐") have no lower case until then.
    letters = unicodedata.normalize("NFKD", text).casefold().replace("&", " and ")
    kept = (c for c in letters if not unicodedata.combining(c) and c not in "'’‘ʻʼ`´.")
    words = "".join(c if c.isalnum() else " " for c in kept).split()
    words = ["saint" if word == "st" else word for word in words]
    return " ".join(words[1:] if words[:1] == ["the"] else words)


def matches(answer: str, question: Question) -> bool:
    """Whether a free answer is the right one: the whole answer, or the answer and the country.

    Compared are whole names after `normalise`: "tirana." and "Tirana, Albania" are right, "Tirano"
    (a town in Italy), "Tirana or Durres" and "not Tirana" are not. Take the name out of a longer
    sentence first: to look for it anywhere in a text finds "Rome" in "Romeo" and in "not Rome".

    Raises:
        TypeError: `answer` is no string.
    """
    if not isinstance(answer, str):
        raise TypeError(f"answer is a {type(answer).__name__}; expected the text of one answer")
    names = [normalise(name) for name in (question.answer, *question.aliases)]
    with_country = [f"{name} {normalise(question.subject)}" for name in names]
    return normalise(answer) in (*names, *with_country)


def split_questions(
    questions: Sequence[Question], fraction: float = 0.5, seed: int = 0
) -> tuple[list[Question], list[Question]]:
    """Split questions by entity into calibration and test, each group by the same fraction.

    A question's options do not change, so answers scored once can be split with many seeds.

    Args:
        questions: with distinct keys.
        fraction: share of each group that goes to calibration (rounded).
        seed: another seed, another split.

    Raises:
        ValueError: repeated keys, or `fraction` outside (0, 1).
    """
    keys = [question.key for question in questions]
    if len(set(keys)) < len(keys):
        raise ValueError("questions has two with the same key; both could land on different sides")
    if not 0 < fraction < 1:
        raise ValueError(f"fraction is {fraction}; expected a number between 0 and 1, as 0.5")
    calibration: set[str] = set()
    for group in {question.group for question in questions}:
        members = [question.key for question in questions if question.group == group]
        ordered = hash_order(members, "split_questions", seed)
        calibration.update(ordered[: round(fraction * len(members))])
    return (
        [question for question in questions if question.key in calibration],
        [question for question in questions if question.key not in calibration],
    )
