"""The glossary: every term in two languages, in order, and explained."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))
TEXT = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
ENTRIES = re.search(r"```\{glossary\}\n(.*?)```", TEXT, re.DOTALL)[1].strip().split("\n\n")


def test_each_term_has_an_english_and_a_chinese_name_and_a_sentence():
    assert len(ENTRIES) > 50
    for entry in ENTRIES:
        english, chinese, *explained = entry.split("\n")
        assert re.fullmatch(r"[A-Za-z0-9 -]+", english)
        assert re.search(r"[\u4e00-\u9fff]", chinese)
        assert explained, entry
        assert all(line.startswith("  ") for line in explained)
        assert explained[-1].endswith(".")


def test_terms_are_sorted_and_different():
    terms = [entry.partition("\n")[0].lower() for entry in ENTRIES]
    assert terms == sorted(set(terms))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_prose_of_notebooks_leaves_chinese_names_to_the_glossary(path):
    cells = nbformat.read(path, as_version=4).cells
    prose = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    assert not re.findall(r"[\u4e00-\u9fff]+", prose)
