"""Labelled items for two applications of language models: translation and summarization.

Both give the `Question` that the facts have, so the third application, question answering, is
`coursekit.data.facts`: all three are asked, split and judged alike. Nothing is downloaded. The
translations are names of the Unicode CLDR (package `babel`), the summaries are docstrings, which
people wrote as one line and a text that the line sums up.

A split divides *entities*, never items: Egypt is on the same side in all five languages (and in
questions about its capital), and so are all docstrings of one source file.
"""

from __future__ import annotations

from coursekit.data.tasks.summarization import summary_questions
from coursekit.data.tasks.translation import (
    LANGUAGES,
    names_left_out,
    permuted_names,
    translation_questions,
)

__all__ = [
    "LANGUAGES",
    "names_left_out",
    "permuted_names",
    "summary_questions",
    "translation_questions",
]
