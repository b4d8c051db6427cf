"""Real text that is already on the machine: nothing to download, the same everywhere.

Every Python carries its own language reference (English prose, `pydoc_data.topics`) and the source
of its standard library (code and docstrings); scikit-learn describes its data sets in prose.
Two warnings before you measure a model on them:

- **The model has read it.** These pages are all over the web and almost surely in the training data
  of any language model. Low surprise here is no proof of skill; set fresh data beside it.
- **It repeats itself.** 22 of the reference's 79 topics are word for word part of a longer topic
  ("if" is inside "compound"). Split such topics at random and the test text is in the
  training text. `reference_documents` leaves the repeats out; split its documents, never its
  characters or tokens.

Licences: the reference and the library are the Python Software Foundation's (PSF License 2), the
descriptions scikit-learn's (BSD 3-Clause). What you print of them stays under these: see NOTICE.

The text changes between Python versions. `STABLE_TOPICS` and `SOURCE_MODULES` name the part that
is the same, character for character, in CPython 3.11.2, 3.11.7, 3.12.1 and 3.13.0. Later micro
releases may still reword a sentence: compare numbers across versions with a tolerance.
"""

from __future__ import annotations

import ast
import inspect
import re
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from pydoc_data.topics import topics

from coursekit._checks import as_count
from coursekit.data.ordering import hash_order

# Topics of `reference_documents` that are identical in the versions named above: 50,108 characters.
STABLE_TOPICS = (
    "assert", "bitwise", "bltin-code-objects", "bltin-ellipsis-object", "bltin-null-object",
    "bltin-type-objects", "booleans", "break", "calls", "comparisons", "continue", "del", "global",
    "import", "integers", "lambda", "operator-summary", "pass", "return", "slicings",
    "typesfunctions", "typesmodules", "unary", "yield",
)  # fmt: skip

# Pure Python, tied to no operating system, identical in those versions: 370,206 characters.
SOURCE_MODULES = (
    "asyncio/protocols",
    "concurrent/futures/_base",
    "difflib",
    "email/contentmanager",
    "graphlib",
    "heapq",
    "json/__init__",
    "optparse",
    "pyclbr",
    "string",
    "tomllib/_parser",
    "tracemalloc",
    "urllib/robotparser",
    "weakref",
    "wsgiref/headers",
    "xml/dom/pulldom",
    "xml/etree/ElementPath",
    "xml/sax/saxutils",
)


Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


@dataclass(frozen=True)
class Document:
    """A text with a name: the unit by which data is split.

    Example:
        >>> Document("greeting", "Hello.").name
        'greeting'
    """

    name: str
    text: str


@dataclass(frozen=True)
class Docstring:
    """A documented function or class: its one-line summary, and the body that the line sums up.

    Example:
        >>> Docstring("heapq.merge", "Merge sorted inputs.", "The longer text.").summary
        'Merge sorted inputs.'
    """

    name: str
    summary: str
    body: str


def reference_documents(stable: bool = False) -> list[Document]:
    """Return the topics of the reference, by name, without those contained in a longer one.

    A topic is left out when each of its paragraphs of 80 characters or more is found, word for
    word, in one longer topic that stays (shorter paragraphs are headings and one-line examples).

    Args:
        stable: Only `STABLE_TOPICS`, for numbers that must agree across Python versions.

    Example:
        >>> [document.name for document in reference_documents(stable=True)][:3]
        ['assert', 'bitwise', 'bltin-code-objects']
    """
    kept: dict[str, set[str]] = {}
    for name in sorted(topics, key=lambda name: (-len(topics[name]), name)):
        paragraphs = _paragraphs(topics[name])
        if not any(paragraphs <= longer for longer in kept.values()):
            kept[name] = paragraphs
    names = [name for name in sorted(kept) if name in STABLE_TOPICS or not stable]
    return [Document(name, topics[name]) for name in names]


def _paragraphs(text: str) -> set[str]:
    """Give the words of each longer paragraph: line breaks and underlines differ between copies."""
    words = (" ".join(re.findall(r"\w+", part)) for part in text.split("\n\n"))
    return {part for part in words if len(part) >= 80}


def dataset_descriptions() -> list[Document]:
    """Return scikit-learn's descriptions of its data sets as prose, in alphabetical order.

    Fourteen texts, 43,000 characters, the same wherever the same scikit-learn is installed, which
    requirements.txt pins.

    Example:
        >>> dataset_descriptions()[0].name
        'breast_cancer'
    """
    folder = files("sklearn.datasets.descr")
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".rst"))
    return [
        Document(name.removesuffix(".rst"), folder.joinpath(name).read_text(encoding="utf-8"))
        for name in names
    ]


def source_documents() -> list[Document]:
    """Return the source of `SOURCE_MODULES`, one document a file, in alphabetical order.

    Raises:
        FileNotFoundError: This Python was installed without the source of its standard library.

    Example:
        >>> source_documents()[2].name
        'difflib'
    """
    library = Path(sysconfig.get_path("stdlib"))
    documents = []
    for module in SOURCE_MODULES:
        path = library / f"{module}.py"
        if not path.is_file():
            raise FileNotFoundError(
                "Python must be installed with the source of its standard library, found no "
                f"{module!r} (an embedded or frozen build?). Use a Python from python.org, your "
                "system's packages or conda."
            )
        # Reading as text turns Windows line ends into "\n": the same characters everywhere.
        documents.append(Document(module, path.read_text(encoding="utf-8")))
    return documents


def docstrings(minimum_body: int = 80) -> list[Docstring]:
    """Return the docstrings of `SOURCE_MODULES` that have a summary line and a body.

    The summary is the first line where a blank line follows, as PEP 257 asks; the body is the rest.
    Pairs of text and true summary, made by people: labelled data for summarization.

    Args:
        minimum_body: Shortest body, in characters.

    Raises:
        TypeError, ValueError: If it is no whole number of at least 1.

    Example:
        >>> docstrings()[0].name
        'asyncio/protocols.BaseProtocol'
    """
    minimum_body = as_count(minimum_body, "minimum_body")
    found = []
    for document in source_documents():
        for path, node in definitions(ast.parse(document.text), document.name):
            summary, blank, body = (ast.get_docstring(node) or "").partition("\n\n")
            if blank and "\n" not in summary and len(body.strip()) >= minimum_body:
                found.append(Docstring(path, summary.strip(), inspect.cleandoc(body)))
    return found


def definitions(node: ast.AST, path: str) -> list[tuple[str, Definition]]:
    """List the functions and classes under a node, each with its dotted path.

    Example:
        >>> [name for name, _ in definitions(ast.parse("def purr(): ..."), "pets.cat")]
        ['pets.cat.purr']
    """
    found: list[tuple[str, Definition]] = []
    for child in ast.iter_child_nodes(node):
        if isinstance(child, Definition):
            inner = f"{path}.{child.name}"
            found += [(inner, child), *definitions(child, inner)]
    return found


def split_documents(
    documents: Sequence[Document], fraction: float = 0.8, seed: int = 0
) -> tuple[list[Document], list[Document]]:
    """Split documents into training and test, whole documents only.

    Tokens of one document depend on each other, so a split by token or window lets the training
    text tell about the test text. Each part keeps the order of `documents`.

    Args:
        documents: At least two, with distinct names.
        fraction: Share of the documents (not of the characters) that goes to training.
        seed: Another seed, another split.

    Raises:
        ValueError: Fewer than two documents, repeated names, `fraction` outside (0, 1).

    Example:
        >>> documents = [Document(name, "") for name in "abcde"]
        >>> training, test = split_documents(documents)
        >>> len(training), len(test)
        (4, 1)
    """
    names = [document.name for document in documents]
    if len(names) < 2:
        raise ValueError(f"documents must be at least 2 to split, found {len(names)}")
    if len(set(names)) < len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise ValueError(f"documents must have distinct names, found more than once {twice}")
    if not 0 < fraction < 1:
        raise ValueError(f"fraction must lie between 0 and 1, as 0.8, found {fraction}")
    n_train = min(max(round(fraction * len(names)), 1), len(names) - 1)
    train = set(hash_order(names, "split_documents", seed)[:n_train])
    return (
        [document for document in documents if document.name in train],
        [document for document in documents if document.name not in train],
    )
