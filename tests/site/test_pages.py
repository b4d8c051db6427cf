"""Pages of notebooks and of the API, before Sphinx reads them."""

from __future__ import annotations

import importlib

import nbformat
import pages
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

ALT = "A line that rises from left to right."


def figure(alt):
    data = {"image/png": "aGVsbG8=", "text/plain": alt}
    return new_output("display_data", data, metadata={"image/png": {"alt": alt}})


def notebook(*cells, on_the_map="Part II, calibration."):
    first = new_markdown_cell(
        f"# 99 A title\n\nWhy.\n\n**On the map:** {on_the_map} After it: Part III."
    )
    return new_notebook(cells=[first, *cells])


def test_the_figures_text_is_where_the_builder_of_the_page_looks_for_it():
    cell = new_code_cell("draw()", outputs=[figure(ALT)])
    page = pages.page_of(notebook(cell), "99_a_title.ipynb")
    assert page.cells[1].metadata.mystnb == {"image": {"alt": ALT}}
    assert page.cells[1].outputs == cell.outputs


def test_each_of_two_figures_keeps_its_own_text():
    printed = new_output("stream", name="stdout", text="done\n")
    cell = new_code_cell("draw()", outputs=[figure("first"), figure("second"), printed])
    page = pages.page_of(notebook(cell), "99_a_title.ipynb")
    texts = [part.metadata.mystnb["image"]["alt"] for part in page.cells[1:]]
    assert texts == ["first", "second"]
    assert [len(part.outputs) for part in page.cells[1:]] == [1, 2]
    first, second = (part.source for part in page.cells[1:])
    assert first == "draw()"
    assert second.startswith("#")  # MyST-NB leaves out a cell without source
    assert page.cells[2].metadata.tags == ["remove-input"]


def test_a_cell_without_figure_is_shown_as_it_is():
    cell = new_code_cell("print(1)", outputs=[new_output("stream", name="stdout", text="1\n")])
    page = pages.page_of(notebook(cell), "99_a_title.ipynb")
    assert [part.source for part in page.cells[1:]] == ["print(1)"]
    assert page.cells[1].outputs == cell.outputs
    assert "mystnb" not in page.cells[1].metadata


def test_where_a_widget_would_be_stands_a_word():
    widget = new_code_cell("slider()", metadata={"tags": ["nbval-ignore-output"]})
    plain = new_code_cell("x = 1")
    page = pages.page_of(notebook(widget, plain), "99_a_title.ipynb")
    notes = [cell.source for cell in page.cells if "widget" in cell.source]
    assert len(notes) == 1
    assert page.cells[2].source == notes[0]


def test_links_that_run_the_notebook_follow_the_one_setting(monkeypatch):
    monkeypatch.setattr(pages, "REPOSITORY", "someone/the-course")
    monkeypatch.setattr(pages, "BRANCH", "main")
    line = pages.run_it("08_metrics.ipynb")
    path = "someone/the-course/blob/main/notebooks/08_metrics.ipynb"
    assert f"https://colab.research.google.com/github/{path}" in line
    assert "`!pip install git+https://github.com/someone/the-course " in line
    assert (
        "https://mybinder.org/v2/gh/someone/the-course/main?urlpath=lab/tree/notebooks/08" in line
    )
    assert 'href="../slides/08_metrics.html"' in line


def test_a_checkout_without_address_links_nowhere(monkeypatch):
    monkeypatch.setattr(pages, "REPOSITORY", "")
    assert "http" not in pages.run_it("08_metrics.ipynb")


@pytest.mark.parametrize(
    ("on_the_map", "part"),
    [("the door.", ""), ("Part I, a model.", "I"), ("the last notebook of Part II.", "II")],
)
def test_the_part_is_the_first_that_the_map_names(on_the_map, part):
    first = new_markdown_cell(f"# A title\n\n**On the map:** {on_the_map}")
    assert pages.part_of(new_notebook(cells=[first])) == part
    if part:
        assert pages.part_of(notebook(on_the_map=on_the_map)) == part


def test_an_unknown_part_is_refused():
    with pytest.raises(ValueError, match="Part IIII"):
        pages.part_of(notebook(on_the_map="Part IIII."))


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("The `code` here.", "The ``code`` here."),
        ("Already ``code``.", "Already ``code``."),
        ("A $p_i$ here.", "A :math:`p_i` here."),
        ("A $p\n  q$ here.", "A :math:`p q` here."),
        ("`[a|b]` and |x|", r"``[a|b]`` and \|x\|"),
        ("costs $5 or so", "costs $5 or so"),
        (":math:`p` stays", ":math:`p` stays"),
    ],
)
def test_docstrings_become_restructured_text(written, read):
    assert "\n".join(pages.restructured(written.split("\n"))) == read


def test_a_displayed_formula_and_an_example():
    text = "Sum:\n\n$$a\n= b$$\n\nUse:\n\n    f(`x`)\n\nDone `now`."
    found = "\n".join(pages.restructured(text.split("\n")))
    assert ".. math::\n\n   a = b" in found
    assert "Use::\n\n    f(`x`)\n" in found
    assert "Done ``now``." in found


def test_the_reference_names_what_the_rooms_export():
    for room in pages.rooms_of("coursekit"):
        found = {name for names in pages.public_names(room).values() for name in names}
        for name in getattr(room, "__all__", []):
            value = getattr(room, name)
            assert not callable(value) or name in found or not hasattr(value, "__module__"), name
    calibration = pages.public_names(importlib.import_module("coursekit.calibration"))
    assert "expected_calibration_error" in calibration["coursekit.calibration.errors"]
    assert not any(part.startswith("_") for module in calibration for part in module.split("."))


def test_staging_sorts_the_notebooks_into_parts(tmp_path, monkeypatch):
    monkeypatch.setattr(pages, "rooms_of", lambda package: [])
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "index.md").write_text("# The course\n", encoding="utf-8")
    (docs / "glossary.md").write_text("# Glossary\n", encoding="utf-8")
    changes = "# Changelog\n\nSee [the claims](docs/claims) and [here](docs/slides.md).\n"
    (tmp_path / "CHANGELOG.md").write_text(changes, encoding="utf-8")
    path = tmp_path / "99_a_title.ipynb"
    nbformat.write(notebook(), path)
    pages.stage(docs, [path], tmp_path / "staged")
    index = (tmp_path / "staged" / "index.md").read_text(encoding="utf-8")
    assert ":caption: Part II: calibration\n:maxdepth: 1\n\nnotebooks/99_a_title\n" in index
    assert "Part I:" not in index
    assert "\nglossary\n" in index
    assert "\nchangelog\n" in index
    changelog = (tmp_path / "staged" / "changelog.md").read_text(encoding="utf-8")
    assert "[the claims](claims.md) and [here](slides.md)" in changelog
