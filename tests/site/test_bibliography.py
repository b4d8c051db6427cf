"""Every work that the course recommends or takes something from is in the bibliography."""

from __future__ import annotations

import ast
import re
import unicodedata
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "notebooks" / "source").glob("*.py"))
MODULES = sorted((ROOT / "coursekit").rglob("*.py"))


def plain(text):
    """Letters and digits alone, without accents, TeX or case: enough to compare titles."""
    text = re.sub(r"\\[lL]\b(\{\})?", "l", text.replace("ł", "l").replace("Ł", "L"))
    text = re.sub(r"\\[`'^\"~=.cuvHk]", "", text)
    letters = unicodedata.normalize("NFKD", text)
    return re.sub(r"[^a-z0-9]", "", letters.lower())


def entries():
    """(title, surnames, year) of each entry of the bibliography."""
    text = (ROOT / "docs" / "references.bib").read_text(encoding="utf-8")
    found = []
    for line in text.splitlines():
        if line.startswith("@"):
            field = {k: v for k, v in re.findall(r"(\w+) = \{(.*?)\}(?:, (?=\w+ =)|\}$)", line)}
            family = [name.partition(",")[0] for name in field["author"].split(" and ")]
            names = [plain(name.split()[-1]) for name in family]
            found.append((plain(field["title"]), names, field["year"]))
    return found


ENTRIES = entries()


def further_reading(source):
    """The bullets under "Further reading", each on one line."""
    text = re.sub(r"^# ?", "", source.read_text(encoding="utf-8"), flags=re.MULTILINE)
    section = re.search(r"^## Further reading\n(.*?)^(?:%%|## )", text, re.DOTALL | re.MULTILINE)
    bullets = re.split(r"\n- ", "\n" + section[1].strip())
    return [" ".join(bullet.split()) for bullet in bullets if bullet.strip()]


def cited(section):
    """Years that a text names and no entry explains: its author must be named as well."""
    words = plain(section)
    not_years = (
        r"arXiv[: ]\d{4}\.\d+|https?://\S+|\*[^*]+\*|\"[^\"]+\""  # numbers, addresses, titles
    )
    years = re.findall(r"\b(?:1[6-9]|20)\d\d\b", re.sub(not_years, "", section))
    known = {year for _, names, year in ENTRIES if any(name in words for name in names)}
    return [year for year in years if year not in known]


def test_entries_are_whole_and_different():
    lines = (ROOT / "docs" / "references.bib").read_text(encoding="utf-8").count("\n@")
    assert len(ENTRIES) == lines > 80
    titles = [title for title, _, _ in ENTRIES]
    assert len(set(titles)) == len(titles)


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_further_reading_is_in_the_bibliography(source):
    bullets = further_reading(source)
    assert bullets
    for bullet in bullets:
        emphasised = re.findall(r"(?<!\*)\*([^*]+)\*(?!\*)", bullet)
        titles = [plain(title) for title in emphasised]
        known = [
            t for t in titles if any(e.startswith(t) or t.startswith(e) for e, _, _ in ENTRIES)
        ]
        assert known, f"docs/references.bib lacks: {bullet}"
        assert cited(bullet) == [], f"no entry of this author and year: {bullet}"


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_sources_named_in_docstrings_are_in_the_bibliography(module):
    tree = ast.parse(module.read_text(encoding="utf-8"))
    kinds = ast.Module | ast.FunctionDef | ast.ClassDef
    for node in ast.walk(tree):
        text = ast.get_docstring(node) if isinstance(node, kinds) else None
        for section in re.findall(
            r"^References?:(.*?)(?:\n\n|\Z)", text or "", re.DOTALL | re.MULTILINE
        ):
            assert cited(section) == [], f"docs/references.bib lacks: {' '.join(section.split())}"
