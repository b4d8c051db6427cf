"""Data with known truth: languages whose law we know, text on the machine, facts to check.

The languages need PyTorch; it is imported when the first of them is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from coursekit.data.corpora import (
    Docstring,
    Document,
    dataset_descriptions,
    docstrings,
    python_reference,
    python_source,
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
    neighbour_questions,
    quiz,
    shuffled_labels,
)
from coursekit.data.questions import Entity, Question, matches, split_questions
from coursekit.data.tasks import permuted_names, summary_questions, translation_questions

if TYPE_CHECKING:
    from coursekit.data.languages import (
        FactLanguage,
        HiddenMarkovLanguage,
        fact_language,
        grammar,
        weather_diary,
    )

__all__ = [
    "Docstring",
    "Document",
    "Entity",
    "FactLanguage",
    "HiddenMarkovLanguage",
    "Question",
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
    "neighbour_questions",
    "permuted_names",
    "python_reference",
    "python_source",
    "quiz",
    "reference_documents",
    "shuffled_labels",
    "source_documents",
    "split_documents",
    "split_questions",
    "summary_questions",
    "translation_questions",
    "weather_diary",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from coursekit.data import languages

    return getattr(languages, name)
