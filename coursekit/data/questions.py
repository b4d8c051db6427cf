"""The form of a question, whether an answer is right, and how questions are split.

Right means: the whole answer is an accepted name once case, accents and punctuation are put aside,
or, where the answer is a number, the same number. "Tirano" is not Tirana, and an answer that lists
three cities knows none.

Every question says which *entities* it is about (a country, an element), and a split divides
entities, not questions: half of the countries calibrate, the others test, whatever is asked.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from coursekit.data.ordering import hash_order


@dataclass(frozen=True)
class Entity:
    """What a question is about, with the peers among which a split divides.

    `peers`, itself among them, are always the same for one entity (countries of its continent), so
    that a split does not depend on what is asked. Entities without peers, such as sums, are divided
    among those of their group that happen to be asked.

    Example:
        >>> Entity("Fe", peers=("Fe", "Cu")).name
        'Fe'
    """

    name: str  #: "FR", "Fe", "12+7"
    peers: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True)
class Question:
    """A question with its right answer, offered options and provenance.

    Difficulty is known before anyone answers, grows with hardness, and is comparable within one
    kind: countries, -log10 of the inhabitants; pairs, -log10 of the ratio; symbols, 0 to 2 by how
    little they follow from the name; atomic numbers, the number; sums, the steps taught at school.

    Example:
        >>> from coursekit.data import capital_questions
        >>> question = capital_questions()[0]
        >>> question.stem, question.answer
        ('The capital of the United Arab Emirates is', 'Abu Dhabi')
    """

    kind: str  #: "capital", "currency", "symbol", "addition", "area", ...
    key: str  #: what it is about: "FR", or "BR-KE" for a comparison; unique within its kind
    subject: str  #: for a sentence, with its article: "the Philippines", "Brazil or Kenya"
    question: str  #: "What is the capital of France?"
    answer: str  #: empty where no answer is right (`control_questions`)
    options: tuple[str, ...]
    correct: int  #: index of the answer in `options`
    group: str  #: continent of a country; part of the table of an element; the kind for comparisons
    source: str
    population: int | None = None  #: inhabitants of the country: how well known it is
    ratio: float | None = None  #: larger over smaller quantity: near 1 is hard, large is easy
    aliases: tuple[str, ...] = ()  #: other accepted answers and spellings
    difficulty: float | None = None  #: larger is harder, see above; None for controls
    stem: str = ""  #: a sentence that the answer ends: "The capital of France is"
    entities: tuple[Entity, ...] = ()  #: what a split keeps together; none stands for the key
    #: what `group` is, in a word, for a report: "subject"; empty where a report shows no groups
    grouped_by: str = field(default="", repr=False)

    @property
    def split_by(self) -> tuple[Entity, ...]:
        """What a split divides: the entities, or the key where none is given."""
        return self.entities or (Entity(self.key),)


# --- is an answer right? --------------------------------------------------------------------------

_NUMBER = re.compile(r"([+-]?)(\d{1,3}(?:[, \u00a0\u202f]\d{3})+|\d+)(?:\.0*)?")


def normalise(text: str) -> str:
    """Reduce a name to what counts: no case, accents, apostrophes, full stops, leading "the".

    Other punctuation becomes a space, "&" becomes "and", and "St" becomes "Saint".

    Example:
        >>> normalise("The Côte d'Ivoire"), normalise("St. John's")
        ('cote divoire', 'saint johns')
    """
    # Decompose before folding the case: some letters ("𝓐") have no lower case until then.
    letters = unicodedata.normalize("NFKD", text).casefold().replace("&", " and ")
    kept = (c for c in letters if not unicodedata.combining(c) and c not in "'’‘ʻʼ`´.")
    words = "".join(c if c.isalnum() else " " for c in kept).split()
    words = ["saint" if word == "st" else word for word in words]
    return " ".join(words[1:] if words[:1] == ["the"] else words)


def as_number(text: str) -> int | None:
    """Read a whole number, or None where there is another thing.

    Example:
        >>> as_number("1,234"), as_number(" 1234.00"), as_number("12 apples")
        (1234, 1234, None)
    """
    found = _NUMBER.fullmatch(text.strip().replace("\N{MINUS SIGN}", "-"))
    if not found:
        return None
    return int(found[1] + re.sub(r"\D", "", found[2]))


def matches(answer: str, question: Question) -> bool:
    """Whether a free answer is right: the whole answer, alone or with what was asked.

    Compared are whole names after `normalise`: "tirana.", "Tirana, Albania" and "The capital of
    Albania is Tirana." are right, "Tirano" (a town in Italy), "Tirana or Durres" and "not Tirana"
    are not. Of case one thing counts: CO, two capitals, is not cobalt (Co) but two atoms. Numbers
    are compared as numbers: "1,234" is 1234, "12345" is not. Take the answer out of a longer text
    first: to look for it anywhere in a text finds "Rome" in "Romeo" and in "not Rome".

    Raises:
        TypeError: `answer` is no string.

    Example:
        >>> from coursekit.data import capital_questions
        >>> albania = next(question for question in capital_questions() if question.key == "AL")
        >>> [matches(answer, albania) for answer in ("tirana.", "Tirana, Albania", "Tirano")]
        [True, True, False]
    """
    if not isinstance(answer, str):
        raise TypeError(f"answer must be the text of one answer, found a {type(answer).__name__}")
    answer = answer.strip()
    if question.stem and answer.casefold().startswith(question.stem.casefold()):
        answer = answer[len(question.stem) :]
    number = as_number(question.answer)
    if number is not None:
        return as_number(answer) == number
    if question.kind == "symbol" and len(question.answer) == 2 and answer.lstrip()[:2].isupper():
        return False
    given = normalise(answer)
    names = {normalise(name) for name in (question.answer, *question.aliases)} - {""}
    return given in names | {f"{name} {normalise(question.subject)}" for name in names}


# --- splits ---------------------------------------------------------------------------------------


def split_questions(
    questions: Sequence[Question], fraction: float = 0.5, seed: int = 0
) -> tuple[list[Question], list[Question]]:
    """Split questions by entity into calibration and test, each group by the same fraction.

    With one fraction and seed an entity is on the same side whatever it is asked about and in
    whatever list: what is fitted on capitals can be tested on currencies of other countries. The
    continents of capital questions are divided exactly (rounded), those of other kinds nearly.
    A question's options do not change, so answers scored once can be split with many seeds.

    Args:
        questions: With distinct keys within each kind.
        fraction: Share of each group that goes to calibration.
        seed: Another seed, another split.

    Raises:
        ValueError: Repeated keys, `fraction` outside (0, 1), or a question about two entities that
            fall on different sides (draw pairs within one side: `comparison_questions`, `split`).

    Example:
        >>> from coursekit.data import capital_questions
        >>> calibration, test = split_questions(capital_questions())
        >>> len(calibration), len(test)
        (80, 81)
    """
    keys = [(question.kind, question.key) for question in questions]
    if len(set(keys)) < len(keys):
        raise ValueError(
            "questions must have distinct keys within each kind, found two that are the same and "
            "could land on different sides"
        )
    if not 0 < fraction < 1:
        raise ValueError(f"fraction must lie between 0 and 1, as 0.5, found {fraction}")
    asked: dict[str, set[str]] = defaultdict(set)  # entities without peers, by group
    for question in questions:
        asked[question.group] |= {entity.name for entity in question.split_by if not entity.peers}
    among = {group: tuple(sorted(names)) for group, names in asked.items()}
    sides: tuple[list[Question], list[Question]] = ([], [])
    for question in questions:
        first = {
            entity.name: in_calibration(
                entity.name, entity.peers or among[question.group], fraction, seed
            )
            for entity in question.split_by
        }
        if len(set(first.values())) > 1:
            raise ValueError(
                "questions must each be about entities on one side of the split, found "
                f"{question.key!r}, about {' and '.join(first)} on different sides. Ask "
                "comparison_questions for pairs within one side, with split='calibration' or "
                "'test' and the same seed."
            )
        sides[0 if all(first.values()) else 1].append(question)
    return sides


def in_calibration(name: str, peers: tuple[str, ...], fraction: float = 0.5, seed: int = 0) -> bool:
    """Whether an entity belongs to the first part: the given fraction of its peers, by hash.

    Example:
        >>> sum(in_calibration(name, tuple("abcdef"), fraction=0.5) for name in "abcdef")
        3
    """
    return name in _first_part(peers, fraction, seed)


@lru_cache(maxsize=1024)  # the same few peers for every question of a list
def _first_part(peers: tuple[str, ...], fraction: float, seed: int) -> frozenset[str]:
    ordered = hash_order(peers, "split_questions", seed)
    return frozenset(ordered[: round(fraction * len(peers))])


def check_split(split: str) -> None:
    """Refuse what is no name of a split.

    Example:
        >>> check_split("train")
        Traceback (most recent call last):
        ValueError: split must be 'all', 'calibration' or 'test', found 'train'
    """
    if split not in ("all", "calibration", "test"):
        raise ValueError(f"split must be 'all', 'calibration' or 'test', found {split!r}")


def choose_split(questions: list[Question], split: str, seed: int) -> list[Question]:
    """Return all questions, or one half: those of "calibration" or of "test".

    Raises:
        ValueError: An unknown split.

    Example:
        >>> from coursekit.data import capital_questions
        >>> questions = capital_questions()
        >>> choose_split(questions, "test", seed=0) == capital_questions(split="test")
        True
    """
    check_split(split)
    if split == "all":
        return questions
    return split_questions(questions, seed=seed)[0 if split == "calibration" else 1]
