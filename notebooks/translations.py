"""The prose of a notebook in another language, and whether it still says what the English says.

A translation, `notebooks/source/zh/NN_name.md`, holds prose alone: for each cell of Markdown the id
that `build.py` gives it, in a comment, and below it the translation. The id is a digest of the
English text, so a cell that changes loses its translation: nothing can go stale unseen. Code cells
are taken from the English notebook. What is missing is printed, to be translated, by
`python notebooks/translations.py NN`.

The pages of `docs/zh` are kept in the same way, section by section of `docs`.
"""

from __future__ import annotations

import hashlib
import re
import sys
from pathlib import Path

from nbformat import NotebookNode

DOCS = Path(__file__).resolve().parents[1] / "docs"
#: What marks a cell in a translation: `<!-- 0f5a31c2d4e6 -->`, alone on its line.
MARK = re.compile(r"^<!-- ([0-9a-f]{12}(?:-\d+)?) -->\n", re.MULTILINE)
#: The target of a link of Markdown, as in `[text](target)`.
TARGET = re.compile(r"(?<=\]\()([^)\s#]+)")


def translation_path(source: Path, language: str) -> Path:
    """Where the translation of a source is kept."""
    return source.parent / language / f"{source.stem}.md"


def read(path: Path) -> dict[str, str]:
    """The translated cells by the ids of the English ones; none if there is no such file.

    Raises:
        ValueError: Text stands above the first mark, or a cell is translated twice.
    """
    if not path.exists():
        return {}
    above, *parts = MARK.split(path.read_text(encoding="utf-8"))
    if above.strip():
        raise ValueError(
            f"{path.name}: the first line must be a mark, found {above.strip()!r:.60}."
        )
    ids = parts[::2]
    twice = sorted({id for id in ids if ids.count(id) > 1})
    if twice:
        raise ValueError(f"{path.name}: more than one translation of {', '.join(twice)}.")
    return {id: text.strip() for id, text in zip(ids, parts[1::2], strict=True)}


def sections(page: str) -> dict[str, str]:
    """The sections of a page of `docs` by ids made from their text, as those of cells are.

    The entries of a glossary are no part of it: they have all languages.
    """
    text = page.partition("```{glossary}")[0]
    parts = [
        part.strip() for part in re.split(r"^(?=#+ )", text, flags=re.MULTILINE) if part.strip()
    ]
    return {hashlib.sha256(part.encode()).hexdigest()[:12]: part for part in parts}


def missing(english: NotebookNode, translated: dict[str, str]) -> list[NotebookNode]:
    """The English cells that have no translation, or have changed since they were translated."""
    return [
        cell
        for cell in english.cells
        if cell.cell_type == "markdown" and not translated.get(cell.id)
    ]


def left_over(english: NotebookNode, translated: dict[str, str]) -> list[str]:
    """The ids of translations whose English text is no longer there."""
    standing = {cell.id for cell in english.cells}
    return [id for id in translated if id not in standing]


def translate(english: NotebookNode, translated: dict[str, str], there: set[str]) -> NotebookNode:
    """Put the translated prose in place of the English, which it changes.

    Raises:
        ValueError: A cell has no translation, or has changed since.

    Args:
        english: The notebook as its source says it.
        translated: What `read` gave.
        there: The file names of the notebooks that stand beside this one in its language; links to
            all other files lead one folder up.
    """
    if lacking := missing(english, translated):
        raise ValueError(
            f"every cell must have a translation, found none of {lacking[0].source!r:.60} and "
            f"{len(lacking) - 1} more: `python notebooks/translations.py` prints them."
        )
    for cell in english.cells:
        if cell.cell_type == "markdown":
            cell.source = _with_links_from_below(translated[cell.id], there)
    return english


def _with_links_from_below(text: str, there: set[str]) -> str:
    def moved(match: re.Match[str]) -> str:
        target = match.group()
        stays = target in there or re.match(r"[a-z]+:", target)
        return target if stays else f"../{target}"

    return TARGET.sub(moved, text)


def missing_sections(page: Path) -> dict[str, str]:
    """The sections of a translated page of `docs` that it lacks, by their ids."""
    english = sections((DOCS / page.name).read_text(encoding="utf-8"))
    translated = read(page)
    return {id: text for id, text in english.items() if id not in translated}


def main(prefixes: list[str]) -> int:
    """Print what is to be translated, each piece below its mark, and what is left over; 1 if any.

    Without prefixes that means all notebooks, and the pages of `docs`.
    """
    from build import sources, unexecuted

    found = 0
    for page in [] if prefixes else sorted((DOCS / "zh").glob("*.md")):
        for id, text in missing_sections(page).items():
            print(f"{page.name}\n<!-- {id} -->\n{text}\n")
            found = 1
    for source in sources(prefixes):
        english, path = unexecuted(source), translation_path(source, "zh")
        translated = read(path)
        for cell in missing(english, translated):
            print(f"<!-- {cell.id} -->\n{cell.source}\n")
            found = 1
        for id in left_over(english, translated):
            print(f"{path.name}: nothing in English for {id}", file=sys.stderr)
            found = 1
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
