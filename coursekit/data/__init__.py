"""Data with known truth: languages whose law we know, text on the machine, facts to check.

Names are looked up when they are first asked for: importing this room costs nothing, and the
languages alone need PyTorch. Tables stand in modules of their own: `from coursekit.data import
occupations, passages`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from coursekit._faces import lazy_face

if TYPE_CHECKING:
    from coursekit.data.corpora import (
        Docstring,
        Document,
        dataset_descriptions,
        docstrings,
        reference_documents,
        source_documents,
        split_documents,
    )
    from coursekit.data.facts import (
        arithmetic_questions,
        capital_questions,
        comparison_questions,
        control_questions,
        countries_left_out,
        currency_questions,
        element_questions,
        invented_countries,
        question_bank,
        quiz,
    )
    from coursekit.data.languages import (
        FactLanguage,
        HiddenMarkovLanguage,
        WordTokenizer,
        fact_language,
        grammar,
        weather_diary,
    )
    from coursekit.data.questions import Entity, Question, matches, normalise, split_questions
    from coursekit.data.tasks import (
        names_left_out,
        permuted_names,
        summary_questions,
        translation_questions,
    )

#: In which module each name lives.
_HOMES = {
    "Docstring": "corpora",
    "Document": "corpora",
    "Entity": "questions",
    "FactLanguage": "languages",
    "HiddenMarkovLanguage": "languages",
    "Question": "questions",
    "WordTokenizer": "languages",
    "arithmetic_questions": "facts",
    "capital_questions": "facts",
    "comparison_questions": "facts",
    "control_questions": "facts",
    "countries_left_out": "facts",
    "currency_questions": "facts",
    "dataset_descriptions": "corpora",
    "docstrings": "corpora",
    "element_questions": "facts",
    "fact_language": "languages",
    "grammar": "languages",
    "invented_countries": "facts",
    "matches": "questions",
    "names_left_out": "tasks",
    "normalise": "questions",
    "permuted_names": "tasks",
    "question_bank": "facts",
    "quiz": "facts",
    "reference_documents": "corpora",
    "source_documents": "corpora",
    "split_documents": "corpora",
    "split_questions": "questions",
    "summary_questions": "tasks",
    "translation_questions": "tasks",
    "weather_diary": "languages",
}

__all__ = [
    "Docstring",
    "Document",
    "Entity",
    "FactLanguage",
    "HiddenMarkovLanguage",
    "Question",
    "WordTokenizer",
    "arithmetic_questions",
    "capital_questions",
    "comparison_questions",
    "control_questions",
    "countries_left_out",
    "currency_questions",
    "dataset_descriptions",
    "docstrings",
    "element_questions",
    "fact_language",
    "grammar",
    "invented_countries",
    "matches",
    "names_left_out",
    "normalise",
    "permuted_names",
    "question_bank",
    "quiz",
    "reference_documents",
    "source_documents",
    "split_documents",
    "split_questions",
    "summary_questions",
    "translation_questions",
    "weather_diary",
]

__getattr__, __dir__ = lazy_face(__name__, _HOMES)
