"""Summarization with labels that people wrote: the one-line summary of a docstring, and its text.

PEP 257 asks for a summary line, a blank line, and the rest, which the line sums up. Three libraries
are taken: Python's standard library (the modules that are the same in Python 3.11 to 3.13), and
scikit-learn and SciPy, whose versions are pinned. Three warnings:

- **The model has read them.** All three are on the web many times over, with the true summaries.
- **One summary of many.** A line may be wrong for not being the author's, and still be good.
- **Words give it away.** The line often repeats words of the text: count them before you praise
  a model (notebook 15 does).

Licences: Python's docstrings are the Python Software Foundation's (PSF License 2), those of
scikit-learn and SciPy their developers' (BSD 3-Clause). What you print of them stays under these.
"""

from __future__ import annotations

import ast
import difflib
import importlib.util
import re
from collections.abc import Iterator
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

from coursekit._checks import as_count
from coursekit.data.corpora import definitions, docstrings
from coursekit.data.facts.options import check_n_options, mixed_options
from coursekit.data.ordering import hash_order
from coursekit.data.questions import Entity, Question, choose_split, normalise

STANDARD_LIBRARY = "Python's standard library"

# Folders of each package whose public functions and classes have docstrings in running prose.
_FOLDERS = {
    "scikit-learn": (
        "sklearn",
        "cluster covariance datasets decomposition ensemble feature_extraction feature_selection "
        "impute linear_model manifold metrics mixture model_selection neighbors preprocessing svm "
        "tree utils",
    ),
    "SciPy": (
        "scipy",
        "cluster integrate interpolate linalg ndimage optimize signal spatial special stats",
    ),
}
LIBRARIES = (STANDARD_LIBRARY, *_FOLDERS)

# Where running prose ends: a section, an option list, an example, a formula, a table, a directive.
_END = re.compile(
    r"^(?:.+\n[-=~]{3,}|\.\. |[-*] |>>>|:\w|\w+:$|={3,})|:math:|::|\[\d+\]_", re.MULTILINE
)
_POINTER = re.compile(r"(?:Read more in|See|For more[^.]*, see)[^.]*:ref:`[^`]*`[^.]*\.")
_ROLE = re.compile(r":[\w:]+:(?=`)")
_MARKUP = re.compile(r"`+~?|\*\*")


class _Summary(NamedTuple):
    """A summary line and the text it sums up; `document` is the source file."""

    library: str
    name: str
    document: str
    line: str
    text: str


def _prose(body: str) -> str:
    """Give the running prose at the beginning of a docstring's body, free of markup."""
    end = _END.search(body)
    text = _POINTER.sub("", body[: end.start()] if end else body)
    text = " ".join(_MARKUP.sub("", _ROLE.sub("", text)).split())
    if end:  # whole sentences only: what the end cut through is left out
        text = text[: text.rfind(". ") + 1] if not text.endswith(".") else text
    return text


def _of_package(library: str) -> Iterator[_Summary]:
    """Give the docstrings of a package's public functions and classes, read from its source."""
    package, folders = _FOLDERS[library]
    spec = importlib.util.find_spec(package)
    assert spec is not None and spec.submodule_search_locations  # requirements.txt has it
    root = Path(spec.submodule_search_locations[0])
    for path in sorted(
        file for folder in folders.split() for file in (root / folder).rglob("*.py")
    ):
        document = path.relative_to(root.parent).with_suffix("").as_posix()
        if "/tests/" in document:
            continue
        for name, node in definitions(ast.parse(path.read_text(encoding="utf-8")), document):
            inner = name.removeprefix(f"{document}.")
            summary, blank, body = (ast.get_docstring(node) or "").partition("\n\n")
            if blank and "\n" not in summary and inner.isidentifier() and inner[0] != "_":
                yield _Summary(library, name, document, summary.strip(), body)


def _of_standard_library() -> Iterator[_Summary]:
    for each in docstrings():
        document = each.name.split(".")[0]
        yield _Summary(STANDARD_LIBRARY, each.name, document, each.summary, each.body)


@cache
def _summaries(library: str) -> tuple[_Summary, ...]:
    """Give the summaries of a library that are asked: a line of 20 to 90 characters, enough text.

    Left out: a line or text that was there before, a line that is no sentence or has markup in it,
    and one that its own text repeats word for word.
    """
    found = _of_standard_library() if library == STANDARD_LIBRARY else _of_package(library)
    kept: list[_Summary] = []
    seen: set[str] = set()
    for each in found:
        text, line = _prose(each.text), _MARKUP.sub("", each.line)
        keys = {normalise(line), normalise(text)}
        if (
            20 <= len(line) <= 90
            and line.endswith(".")
            and ":" not in line
            and len(text) >= _SHORTEST_TEXT
            and normalise(line) not in normalise(text)
            and not keys & seen
        ):
            seen |= keys
            kept.append(each._replace(line=line, text=text))
    return tuple(kept)


_SHORTEST_TEXT = 200


def summary_questions(
    n_options: int = 4,
    seed: int = 0,
    split: str = "all",
    n_per_library: int = 30,
    max_characters: int = 300,
) -> list[Question]:
    """Return texts of docstrings to sum up in one line, as many of each of three libraries.

    The question is the text, its answer the true summary; the group is the library, the entity the
    source file. Wrong options are summaries from other files of the same library that do not
    resemble the true one or each other (`difflib` similarity below 0.7).

    Args:
        n_options: 2 to 6.
        seed: Chooses items, options, their order, and the split.
        split: "all", "calibration" or "test": halves of the source files of each library, so that
            two docstrings of one file are on the same side.
        n_per_library: Texts of each library, 2 to 36.
        max_characters: Where a text is cut, at the last space before; at least 100.

    Raises:
        TypeError: A number is not whole.
        ValueError: An argument out of range, or an unknown split.

    Example:
        >>> question = summary_questions(n_per_library=2)[0]
        >>> question.group, question.options[question.correct] == question.answer
        ("Python's standard library", True)
    """
    check_n_options(n_options, 6, "as the wrong ones must not resemble each other")
    n_per_library = as_count(n_per_library, "n_per_library", least=2, most=36)
    max_characters = as_count(max_characters, "max_characters", least=100)
    questions = []
    for library in LIBRARIES:
        pool = _summaries(library)
        documents = tuple(sorted({each.document for each in pool}))
        drawn = hash_order(pool, "summaries", seed, name=lambda each: each.name)[:n_per_library]
        for each in drawn:
            wrong = _wrong_lines(each, pool, n_options - 1, seed)
            options, correct = mixed_options("summaries", each.line, wrong, seed, each.name)
            questions.append(
                Question(
                    kind="summary",
                    key=each.name,
                    subject=each.name,
                    question=_cut(each.text, max_characters),
                    answer=each.line,
                    options=options,
                    correct=correct,
                    group=library,
                    source=_source(library, each.document),
                    entities=(Entity(each.document, documents),),
                )
            )
    return choose_split(questions, split, seed)


def _wrong_lines(right: _Summary, pool: tuple[_Summary, ...], n: int, seed: int) -> list[str]:
    """Give n summaries of other files, none like the right one or like each other."""
    others = [each for each in pool if each.document != right.document]
    chosen: list[str] = []
    for each in hash_order(others, "wrong lines", seed, right.name, name=lambda each: each.name):
        if len(chosen) == n:
            break
        if all(_unlike(each.line, line) for line in (right.line, *chosen)):
            chosen.append(each.line)
    return chosen


def _unlike(first: str, second: str) -> bool:
    return difflib.SequenceMatcher(None, normalise(first), normalise(second)).ratio() < 0.7


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most + 1].rpartition(" ")[0]


def _source(library: str, document: str) -> str:
    if library == STANDARD_LIBRARY:
        return f"{library}, {document}.py"
    return f"{library} {version(library)}, {document}.py"
