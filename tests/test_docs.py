"""What README, CONTRIBUTING and the docs name exists: a path in prose goes stale in silence."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
OURS = ("README", "CONTRIBUTING", "CHANGELOG", "CODE_OF_CONDUCT", "SECURITY")
PAGES = [
    *(f"{name}.md" for name in OURS),
    *(f"docs/{p.name}" for p in (ROOT / "docs").glob("*.md")),
]
#: `coursekit/lm/gpt.py`, `lm/gpt.py` or `tests/chapters/`: in backticks, with a slash.
QUOTED = re.compile(r"`([\w.-]+/[\w./-]*)`")
LINKED = re.compile(r"\]\((?!https?:|#|mailto:)([^)\s#]+)[^)]*\)|<img src=\"([^\"]+)\"")
#: What a command makes, and what is somebody else's.
MADE = re.compile(
    r"(build|runs|release|source|submitted|claims\.md|changelog\.md|colab\.research)\b"
)
#: A name that stands for many: `notebooks/source/NN_name.py`.
PLACEHOLDER = re.compile(r"NN|NAME|FOLDER|STUDENT|NOTEBOOK")


def paths_in(text: str) -> set[str]:
    """Every path of ours that a page names in backticks, and every file that it links to."""
    quoted = {path.rstrip("/") for path in QUOTED.findall(text)}
    linked = {one or other for one, other in LINKED.findall(text)}
    return {p for p in quoted | linked if not MADE.match(p) and not PLACEHOLDER.search(p)}


def missing(paths: set[str], page: Path) -> set[str]:
    """The paths that are neither in the repository, nor in the package, nor beside the page."""
    places = (ROOT, ROOT / "coursekit", page.parent)
    return {path for path in paths if not any((place / path).exists() for place in places)}


@pytest.mark.parametrize("name", PAGES)
def test_what_a_page_names_exists(name):
    page = ROOT / name
    assert missing(paths_in(page.read_text(encoding="utf-8")), page) == set()


def test_the_map_names_the_folder_and_the_tests_of_every_chapter():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for notebook in (ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"):
        assert f"(notebooks/{notebook.name})" in readme
        chapter = notebook.stem[3:]
        assert (ROOT / "coursekit" / "chapters" / chapter / "exercises.py").exists()
        assert (ROOT / "tests" / "chapters" / chapter).is_dir()


def test_a_stale_path_is_noticed():
    text = "See `coursekit/lm/gpt.py`, `lm/nothing.py`, [a page](docs/none.md) and `a / b`."
    assert paths_in(text) == {"coursekit/lm/gpt.py", "lm/nothing.py", "docs/none.md"}
    assert missing(paths_in(text), ROOT / "README.md") == {"lm/nothing.py", "docs/none.md"}
