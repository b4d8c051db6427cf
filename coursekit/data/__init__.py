"""Data with known truth: text that is already on the machine, and facts that can be checked."""

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
    capital_questions,
    comparison_questions,
    countries_left_out,
    invented_countries,
    quiz,
)
from coursekit.data.questions import Question, matches, split_questions

__all__ = [
    "Docstring",
    "Document",
    "Question",
    "capital_questions",
    "comparison_questions",
    "countries_left_out",
    "dataset_descriptions",
    "docstrings",
    "invented_countries",
    "matches",
    "python_reference",
    "python_source",
    "quiz",
    "reference_documents",
    "source_documents",
    "split_documents",
    "split_questions",
]
