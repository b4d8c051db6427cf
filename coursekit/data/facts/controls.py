"""Negative controls: questions that nobody can answer.

A learner expects two things of a control. Whatever answers it is right at *chance* level, 1 in
n_options; if it is not, the answer leaks. And a model that knows what it knows says so: its
confidence falls to chance too. The first must hold for any model. Whether the second does is the
question.
"""

from __future__ import annotations

import difflib

from coursekit._checks import as_count
from coursekit.data.facts.capitals import capitals_by_continent, check_capital_options
from coursekit.data.facts.countries import package
from coursekit.data.ordering import hash_order
from coursekit.data.questions import Entity, Question, normalise

_STARTS = (
    "Bel", "Dra", "Fen", "Gal", "Hes", "Kor", "Lum", "Nev", "Pel", "Quel", "Sel", "Ver", "Zan",
)  # fmt: skip
_MIDDLES = ("a", "bo", "dri", "fu", "gi", "la", "me", "no", "pu", "ra", "shi", "to", "vu", "zo")
_ENDS = ("dia", "land", "mark", "nia", "rra", "stan", "thia", "vania", "via", "wick")


def invented_countries(n: int, seed: int = 0) -> list[str]:
    """Return names of countries that do not exist: a negative control.

    There is no right answer to "What is the capital of Quelzostan?", so a model that knows what it
    knows gives every answer a low probability. Names that resemble a real country, territory or
    capital (`difflib` similarity of 0.75 or more) are left out.

    Args:
        n: How many, at most 500.
        seed: Another seed, other names.

    Raises:
        TypeError, ValueError: `n` is no whole number, or out of range.

    Example:
        >>> invented_countries(2)
        ['Draputhia', 'Quelshiland']
    """
    n = as_count(n, "n", most=500)
    real = {
        normalise(entry[field]) for entry in package().values() for field in ("name", "capital")
    }
    names = [start + middle + end for start in _STARTS for middle in _MIDDLES for end in _ENDS]
    chosen: list[str] = []
    for name in hash_order(names, "invented countries", seed):
        if len(chosen) == n:
            break
        if not difflib.get_close_matches(name.casefold(), real, n=1, cutoff=0.75):
            chosen.append(name)
    return chosen


def control_questions(n: int, n_options: int = 4, seed: int = 0) -> list[Question]:
    """Return questions without a right answer: "What is the capital of Quelzostan?".

    They look exactly like `capital_questions`, with capitals of one continent as options. Multiple
    choice: `correct` is drawn by lot, so every answerer is right once in n_options on average, and
    a calibrated confidence is 1 / n_options. Free answers: `answer` is empty and `matches` accepts
    nothing, so accuracy is 0, and a calibrated confidence is 0 (or "I don't know").

    Args:
        n: How many, at most 500.
        n_options: As in `capital_questions`.
        seed: Chooses names, options, and the lots.

    Raises:
        TypeError, ValueError: `n` or `n_options` is no whole number, or out of range.

    Example:
        >>> control_questions(1)[0].question
        'What is the capital of Draputhia?'
    """
    check_capital_options(n_options)
    capitals = capitals_by_continent()
    questions = []
    for name in invented_countries(n, seed):
        continent = hash_order(capitals, "continent", seed, name)[0]
        drawn = hash_order(capitals[continent], "capitals of nowhere", seed, name)[:n_options]
        questions.append(
            Question(
                kind="invented capital",
                key=name,
                subject=name,
                question=f"What is the capital of {name}?",
                answer="",
                options=tuple(drawn),
                correct=hash_order(range(n_options), "lot", seed, name)[0],
                group="invented country",
                source="invented; no answer is right",
                stem=f"The capital of {name} is",
                entities=(Entity(name),),
            )
        )
    return questions
