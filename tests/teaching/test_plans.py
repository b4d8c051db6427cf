"""What the page for lecturers says about plans and commands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "teaching.md").read_text(encoding="utf-8")
NUMBERS = [path.name[:2] for path in sorted((ROOT / "notebooks" / "source").glob("[0-9]*.py"))]


def section(title):
    return PAGE.partition(f"### {title}")[2].partition("\n#")[0]


@pytest.mark.parametrize(("title", "weeks"), [("Four", 4), ("Eight", 8), ("Fourteen", 14)])
def test_a_plan_has_its_weeks(title, weeks):
    rows = re.findall(r"^\| (\d+) \|", section(f"{title} weeks"), flags=re.MULTILINE)
    assert rows == [str(week) for week in range(1, weeks + 1)]


@pytest.mark.parametrize("title", ["Eight", "Fourteen"])
def test_the_long_plans_teach_every_notebook(title):
    cells = section(f"{title} weeks").partition("| 1 |")[2]
    assert [number for number in NUMBERS if not re.search(rf"\b{number}\b", cells)] == []


def test_files_that_it_names_exist():
    named = re.findall(r"\b((?:notebooks|docs|coursekit)/[\w/-]+\.(?:py|txt|ipynb))\b", PAGE)
    missing = [name for name in named if not (ROOT / name).exists() and "NN_" not in name]
    assert len(named) >= 4
    assert missing == []
