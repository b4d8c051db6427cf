"""Whatever names a notebook names one that is there: a number, a file, the one that comes next."""

from __future__ import annotations

import importlib
import itertools
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / "notebooks" / "source").glob("[0-9][0-9]_*.py"))
STEMS = [source.stem for source in SOURCES]
NUMBERS = {stem[:2] for stem in STEMS}
FOLDERS = ("benchmarks", "coursekit", "docs", "notebooks", "tests")
TEXTS = sorted(
    path
    for path in [
        *ROOT.glob("*.md"),
        *ROOT.glob("*.py"),
        *(path for name in FOLDERS for path in (ROOT / name).rglob("*.py")),
        *(path for name in FOLDERS for path in (ROOT / name).rglob("*.md")),
    ]
    if "_build" not in path.parts and path != Path(__file__)
)
PLANS = re.findall(
    r"(?s)### ((?:Eight|Fourteen) weeks.*?)(?=\n##)",
    (ROOT / "docs" / "teaching.md").read_text(encoding="utf-8"),
)


def named_numbers(text: str) -> set[str]:
    """Return the numbers that a text calls notebooks: 07 and 09 in "notebooks 07 and 09"."""
    text = re.sub(r"\n[ #]*", " ", text)
    runs = re.findall(r"\b[Nn]otebooks? ((?:\d\d(?:, | and | to | or )?)+)(?!\d)", text)
    parts = re.findall(r"(?:Before|After) it: [^.]*\((\d\d)\)", text)
    return {number for run in [*runs, *parts] for number in re.findall(r"\d\d", run)}


def stale_links(text: str) -> list[str]:
    """Return the links to notebooks that are not there, or that another number announces."""
    links = re.findall(
        r"(?:\[(\d\d)?[^\]\n]*\]\()?(?:notebooks/)?\b(\d\d_\w+)\.(?:ipynb|py)\b", text
    )
    return [
        stem
        for number, stem in links
        if (stem not in STEMS and stem != "NN_name") or (number and number != stem[:2])
    ]


def test_a_stale_reference_is_found():
    assert named_numbers("as notebook 07 and notebooks 08, 09 and\n# 10 to 12 say") == {
        *("07", "08", "09", "10", "12")
    }
    assert named_numbers("Before it: choosing (42).") == {"42"}
    assert stale_links("[14 Silence](14_nowhere.ipynb)") == ["14_nowhere"]
    assert stale_links(f"[14 Silence]({STEMS[0]}.ipynb)") == [STEMS[0]]
    assert not stale_links(f"[00 Start]({STEMS[0]}.ipynb)")


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_notebook_that_is_named_exists(path):
    text = path.read_text(encoding="utf-8")
    assert named_numbers(text) <= NUMBERS
    if path.suffix == ".md" or path in SOURCES:  # the tests of the site make names up
        assert stale_links(text) == []


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_a_chapter_bears_its_notebooks_number_and_title(source):
    number, name = source.stem[:2], source.stem[3:]
    title = re.search(r"(?m)^# # (.+)$", source.read_text(encoding="utf-8"))[1]
    assert title.startswith(f"{number} ")
    chapter = importlib.import_module(f"coursekit.chapters.{name}")
    assert chapter.__doc__.startswith(f"Notebook {title.partition(':')[0].rstrip('?')}")
    for module in Path(chapter.__file__).parent.glob("*.py"):
        first = module.read_text(encoding="utf-8").partition("\n")[0]
        assert set(re.findall(r"\b\d\d\b", first)) <= {number}, module


@pytest.mark.parametrize(("stem", "after"), list(itertools.pairwise(STEMS)))
def test_a_notebook_sends_its_reader_to_the_next_one(stem, after):
    text = (ROOT / "notebooks" / "source" / f"{stem}.py").read_text(encoding="utf-8")
    assert f"({after}.ipynb)" in text.rpartition("**Next:**")[2]


def test_the_maps_show_every_notebook():
    for path in (ROOT / "README.md", SOURCES[0]):
        links = re.findall(
            r"\((?:notebooks/)?(\d\d_\w+)\.ipynb\)", path.read_text(encoding="utf-8")
        )
        shown = [stem for stem in dict.fromkeys(links) if stem != STEMS[0]]
        assert shown == STEMS[1:]


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: plan.split()[0])
def test_the_long_plans_teach_every_notebook(plan):
    assert len(PLANS) == 2
    assert set(re.findall(r"\b\d\d\b", plan)) >= NUMBERS
