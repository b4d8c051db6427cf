"""The rules that every notebook keeps, so that what learners open is whole and up to date."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

import nbformat
import pytest
from nbconvert import HTMLExporter, SlidesExporter

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
SECTIONS = ["What you learned", "Common misconceptions", "Further reading"]
# Paths, addresses of objects and dates would differ on every machine.
MACHINE_DEPENDENT = re.compile(
    r"/tmp/|/home/|/root/|/Users/|[A-Z]:\\|\b0x[0-9a-f]{6,}|\b20\d\d-\d\d-\d\d\b"
)

sys.path.insert(0, str(ROOT / "notebooks"))
import build  # noqa: E402 (it stands in that folder)


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def path(request):
    return request.param


@pytest.fixture
def notebook(path):
    return nbformat.read(path, as_version=4)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def prose(notebook):
    return "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


def outputs(notebook):
    return [output for cell in code_cells(notebook) for output in cell.outputs]


def texts(output):
    """All text that an output shows."""
    return [output.get("text", "")] + [
        value for kind, value in output.get("data", {}).items() if kind.startswith("text/")
    ]


def test_there_are_notebooks_and_each_source_has_one():
    assert NOTEBOOKS
    assert [path.stem for path in NOTEBOOKS] == [source.stem for source in build.sources([])]


def test_agrees_with_its_source(path):
    assert build.differences(ROOT / "notebooks" / "source" / f"{path.stem}.py") == []


def test_a_changed_source_is_noticed(path, tmp_path, monkeypatch):
    source = tmp_path / f"{path.stem}.py"
    text = (ROOT / "notebooks" / "source" / source.name).read_text(encoding="utf-8")
    source.write_text(text.replace("You will be able to", "You may"), encoding="utf-8")
    assert len(build.differences(source)) == 1


def test_every_code_cell_ran_in_order(notebook):
    counts = [cell.execution_count for cell in code_cells(notebook) if cell.source.strip()]
    assert counts == list(range(1, len(counts) + 1))


def test_no_cell_failed_or_warned(notebook):
    assert [o for o in outputs(notebook) if o.output_type == "error"] == []
    assert [o.text for o in outputs(notebook) if o.get("name") == "stderr"] == []


def test_no_widget_state_is_saved(notebook):
    assert "widgets" not in notebook.metadata
    assert not any(build.WIDGET_VIEW in o.get("data", {}) for o in outputs(notebook))


def test_cells_that_may_change_are_not_compared(notebook):
    for cell in code_cells(notebook):
        # Neither are the learner's progress, which every new notebook changes.
        if build.INTERACTIVE.search(cell.source) or re.search(r"^progress\(\)", cell.source, re.M):
            assert "nbval-ignore-output" in cell.metadata.get("tags", []), cell.source


def test_the_builder_knows_every_widget(notebook):
    for cell in code_cells(notebook):
        if not cell.outputs and re.search(r"^widget\.", cell.source, re.M):
            assert build.INTERACTIVE.search(cell.source), cell.source


def test_every_figure_has_alt_text(notebook):
    figures = [o for o in outputs(notebook) if "image/png" in o.get("data", {})]
    for figure in figures:
        alt = figure.metadata.get("image/png", {}).get("alt", "")
        assert len(alt) >= 40
        assert figure.data["text/plain"] == f"Figure: {alt}"
        assert "text/html" not in figure.data  # the same pixels again
    assert len(figures) >= 1


def test_descriptions_come_from_the_data_and_notes_hold_no_number(notebook):
    for cell in code_cells(notebook):
        for call in ast.walk(ast.parse(re.sub(r"^%.*$", "", cell.source, flags=re.MULTILINE))):
            given = {key.arg: key.value for key in getattr(call, "keywords", ())}
            assert "alt" not in given, cell.source
            note = given.get("note")
            assert note is None or not re.search(r"\d", ast.literal_eval(note)), cell.source


def test_no_markdown_image_lacks_alt_text(notebook):
    assert re.findall(r"!\[\s*\]\(|<img(?![^>]*\balt=)", prose(notebook)) == []


def test_nothing_machine_dependent_is_printed(notebook):
    found = [text for o in outputs(notebook) for text in texts(o) if MACHINE_DEPENDENT.search(text)]
    assert found == []


def test_opens_and_closes_as_the_others(path, notebook):
    first, last = notebook.cells[0].source, notebook.cells[-1].source
    assert first.startswith("# ")
    assert "**You will be able to**" in first
    assert re.search(r"\*\*Time:?\*\*", first)
    assert "**On the map" in first
    assert "**Next:**" in last
    headings = re.findall(r"^## (.+)$", prose(notebook), flags=re.MULTILINE)
    assert [heading for heading in headings if heading in SECTIONS] == SECTIONS
    if not path.stem.startswith("00"):
        assert headings[0].startswith("Before you start")


def test_every_section_is_a_slide(notebook):
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and re.match(r"#{1,2} ", cell.source):
            assert cell.metadata.get("slideshow", {}).get("slide_type") == "slide", cell.source[:60]


def test_states_headline_numbers(notebook):
    calls = [
        node.func.id
        for cell in code_cells(notebook)
        for node in ast.walk(ast.parse(re.sub(r"^%.*$", "", cell.source, flags=re.MULTILINE)))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    ]
    assert calls.count("expect") >= 3
    assert calls.count("predict") >= 1
    assert calls.count("print") + calls.count("show") >= 1


def test_imports_are_few_and_from_the_face_of_each_room(path, notebook):
    imports = [
        node
        for cell in code_cells(notebook)
        for node in ast.walk(ast.parse(re.sub(r"^%.*$", "", cell.source, flags=re.MULTILINE)))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("coursekit")
    ]
    rooms = [node.module for node in imports]
    assert rooms.count("coursekit") == 1
    assert rooms.count(f"coursekit.chapters.{path.stem[3:]}") == 1
    assert len(rooms) <= 7
    # Calibration, llm and plots are named where they are used: cal.top_label, plots.show.
    assert {room.split(".")[1] for room in rooms if room != "coursekit"} <= {
        "audit",
        "chapters",
        "data",
        "lm",
    }


def test_code_cells_are_short(notebook):
    long = [cell.source for cell in code_cells(notebook) if len(cell.source.splitlines()) > 30]
    assert long == []


def test_links_between_notebooks_lead_somewhere(path, notebook):
    names = {source.name for source in NOTEBOOKS}
    linked = re.findall(r"\]\(([0-9]{2}_\w+\.ipynb)\)", prose(notebook))
    assert [name for name in linked if name not in names] == []


@pytest.mark.parametrize("exporter", [HTMLExporter, SlidesExporter])
def test_can_be_printed_and_projected(exporter, notebook):
    page, _ = exporter().from_notebook_node(notebook)
    assert page.count("<img") >= 1


def test_the_readme_and_ci_give_the_same_command():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (command,) = {line for line in readme.splitlines() if line.endswith("&& pytest")}
    *install, test = command.split(" && ")
    # In a folder of its own, with checks of packages, style and types in between, and nothing else.
    run = (ROOT / ".ci" / "run").read_text(encoding="utf-8").replace(".ci/venv", ".venv")
    steps = [line for line in run.splitlines() if line and not line.startswith("#")]
    prepare = ["set -euo pipefail", 'cd "$(dirname "$0")/.."', "rm -rf .venv"]
    expected = [*prepare, *install, "pip check", "ruff check", "ruff format --check"]
    expected += ["mypy", test]
    assert steps[: len(expected)] == expected


def test_the_map_in_the_readme_names_every_notebook():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for path in NOTEBOOKS:
        assert f"(notebooks/{path.name})" in readme
