"""How a notebook is cut into slides, and what the speaker is told."""

from __future__ import annotations

import base64
import re
import subprocess
import sys
from pathlib import Path

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from slides import decks, outline, speaker

ROOT = Path(__file__).parents[2]
TITLE = """# 99 A title

Why it matters.

**You will be able to**
- do this;
- do that.

**Time:** about 50 minutes; the cells run in one.

**On the map:** Part II."""


def lecture(*cells):
    return outline.slides_of(new_notebook(cells=[new_markdown_cell(TITLE), *cells]))


def printed(text):
    return new_output("stream", name="stdout", text=text)


def picture(alt="A line that rises."):
    data = {"image/png": base64.b64encode(b"picture").decode(), "text/plain": alt}
    return new_output("display_data", data, metadata={"image/png": {"alt": alt}})


def kinds(slide):
    return [piece.kind for piece in slide.pieces]


def test_title_and_aims_are_slides_of_their_own():
    first, aims = lecture()
    assert (first.heading, first.starts) == ("99 A title", "title")
    assert [piece.text for piece in first.pieces] == ["Why it matters."]
    assert aims.heading == "You will be able to"
    assert aims.pieces[0].text == "- do this;\n- do that."
    assert any("50 minutes" in note for note in first.notes)


def test_headings_begin_sections_and_parts_of_them():
    cells = [new_markdown_cell("## One\n\nText."), new_markdown_cell("### Exercise 1\n\nMore.")]
    *_, one, exercise = lecture(*cells)
    assert (one.heading, one.starts) == ("One", "section")
    assert (exercise.heading, exercise.starts) == ("Exercise 1", "part")


def test_a_figure_stands_alone_and_the_call_that_draws_it_is_left_out():
    cell = new_code_cell("ax = diagram(x)\nshow(ax)", outputs=[picture()])
    *_, text, figure, after = lecture(
        new_markdown_cell("## One\n\nText."), cell, new_markdown_cell("After it.")
    )
    assert (kinds(text), kinds(figure), kinds(after)) == (["prose"], ["html"], ["prose"])
    assert 'alt="A line that rises."' in figure.pieces[0].text
    assert figure.pieces[0].see == ["A line that rises."]


def test_code_that_is_the_lesson_stays_beside_its_figure():
    cell = new_code_cell("for x in data:\n    fit(x)\nshow(draw(x))", outputs=[picture()])
    *_, code, figure = lecture(new_markdown_cell("## One"), cell)
    assert (kinds(code), kinds(figure)) == (["code"], ["html"])
    assert code.pieces[0].text == "for x in data:\n    fit(x)"


def test_code_and_what_it_prints_share_a_slide():
    cell = new_code_cell("print(1 < 2)", outputs=[printed("True\n")])
    *_, slide = lecture(new_markdown_cell("## One"), cell)
    assert kinds(slide) == ["code", "html"]
    assert "True" in slide.pieces[1].text


def test_imports_hints_and_progress_are_left_out():
    cells = [
        new_code_cell("import torch\nlm = load()"),
        new_code_cell("exercises.nll.hint()", outputs=[printed("Hint 1 of 2")]),
        new_code_cell("progress()", outputs=[printed("00 Start here")]),
        new_markdown_cell("Stuck? Run `exercises.nll.hint()`."),
    ]
    *_, slide = lecture(new_markdown_cell("## One"), *cells)
    assert slide.pieces == []


def test_a_prediction_is_asked_and_nothing_stands_after_it():
    bet = new_code_cell('g = predict("x", "It is < 1.", ...)', outputs=[printed("It is < 1.\nNo")])
    *_, asked, told = lecture(
        new_markdown_cell("## One\n\n**Predict first:** is it?"),
        bet,
        new_code_cell("print(g)", outputs=[printed("True")]),
    )
    assert "It is &lt; 1." in asked.pieces[-1].text
    assert any("“It is < 1.”" in question for question in asked.pieces[-1].ask)
    assert kinds(told) == ["code", "html"]


def test_what_an_estimator_predicts_is_no_question_to_the_class():
    cell = new_code_cell("theirs = model.predict(logits)", outputs=[printed("a result")])
    *_, slide = lecture(new_markdown_cell("## One"), cell)
    assert kinds(slide) == ["code", "html"]


def test_the_words_before_a_prediction_go_with_it_to_the_next_slide():
    text = "## One\n\n" + "word " * 170 + "\n\n**Predict first:** is it?"
    bet = new_code_cell('predict("x", "It is.", ...)', outputs=[printed("It is.")])
    *_, before, asked = lecture(new_markdown_cell(text), bet)
    assert kinds(before) == ["prose"]
    assert [piece.kind for piece in asked.pieces] == ["prose", "html"]
    assert asked.pieces[0].text == "**Predict first:** is it?"


def test_a_question_shows_its_options_and_not_the_checkers_answer():
    text = "Which of\nthese?\na) This.\nb) That,\n   or <so>.\nNot attempted yet. Put your answer."
    cell = new_code_cell("exercises.q.ask()\nexercises.q.check(...)", outputs=[printed(text)])
    *_, slide = lecture(new_markdown_cell("## One"), cell)
    shown = slide.pieces[0].text
    assert "<p>Which of these?</p>" in shown
    assert "<li>That, or &lt;so&gt;.</li>" in shown
    assert "Not attempted" not in shown
    assert slide.pieces[0].ask


def test_what_does_not_fit_goes_on_under_the_same_heading():
    paragraphs = "\n\n".join(["word " * 90] * 5)
    *_, first, second, third = lecture(new_markdown_cell(f"## One\n\n{paragraphs}"))
    assert [s.heading for s in (first, second, third)] == ["One"] * 3
    assert [s.starts for s in (first, second, third)] == ["section", "", ""]
    for slide in (first, second, third):
        assert sum(piece.height for piece in slide.pieces) <= outline.ROOM


def test_long_code_is_cut_between_statements_and_loses_nothing():
    source = "\n\n".join(f"def f{i}():\n    return {i}\n\n    # end" for i in range(8))
    pieces = outline.code(source, minutes=0)
    assert len(pieces) > 1
    assert "".join("\n".join(p.text for p in pieces).split()) == "".join(source.split())
    assert all(piece.text.startswith("def ") for piece in pieces)


def test_long_output_is_cut_into_slides():
    text = "\n".join(f"line {i}" for i in range(50))
    pieces = outline.output(text)
    assert len(pieces) == 3
    assert all(f"line {i}" in "".join(piece.text for piece in pieces) for i in range(50))


def test_a_long_table_is_cut_between_its_groups_and_keeps_its_head():
    groups = [3, 7, 8]
    rows = [
        f"| {f'group {g}' if not i else ''} | {g}.{i} |"
        for g, n in enumerate(groups)
        for i in range(n)
    ]
    head = "| part | row |\n| --- | --- |"
    pieces = outline.table("\n".join([head, *rows]))
    assert [piece.text.count("\n") - 1 for piece in pieces] == [3 + 7, 8]
    assert all(piece.text.startswith(head + "\n| group") for piece in pieces)
    assert [row for piece in pieces for row in piece.text.splitlines()[2:]] == rows
    assert outline.table("\n".join([head, *rows[:8]])) == [
        outline.prose("\n".join([head, *rows[:8]]))
    ]


def test_formulas_and_fenced_code_are_not_cut():
    source = "Text.\n\n```\na\n\nb\n```\n\n$$\nx\n\ny\n$$\n\nEnd."
    assert outline.blocks_of(source) == ["Text.", "```\na\n\nb\n```", "$$\nx\n\ny\n$$", "End."]


@pytest.mark.parametrize(("kind", "seen"), [("skip", False), ("notes", False), ("slide", True)])
def test_kinds_of_slide_that_nbconvert_knows_are_respected(kind, seen):
    cell = new_markdown_cell("Say this.", metadata={"slideshow": {"slide_type": kind}})
    slides = lecture(new_markdown_cell("## One\n\nText."), cell)
    assert ("Say this." in [p.text for s in slides for p in s.pieces]) == seen
    assert ("Say this." in slides[-1].notes) == (kind == "notes")


def test_the_clock_shares_out_the_notebooks_time():
    cells = [new_markdown_cell(f"## Section {i}\n\n" + "word " * 100) for i in range(10)]
    slides = lecture(*cells)
    minutes = [int(note.split("Minute ")[1].split(" ")[0]) for note in speaker.notes_of(slides)]
    assert minutes[0] == 0
    assert minutes == sorted(minutes)
    assert 40 <= minutes[-1] < 50
    assert all("of 50." in note for note in speaker.notes_of(slides))


def test_questions_in_the_text_reach_the_speaker():
    slides = lecture(new_markdown_cell("## One\n\nIt rises. Why does it rise? Look."))
    assert "Ask: Why does it rise?" in speaker.notes_of(slides)[-1]


def test_a_deck_is_whole_html_with_nested_sections():
    pytest.importorskip("a11y_pygments", reason="pip install -r docs/requirements.txt")
    cells = [new_markdown_cell("## One\n\nText.\n\n### Two\n\nMore.")]
    notebook = new_notebook(cells=[new_markdown_cell(TITLE), *cells])
    exporter = decks.SlidesExporter(config=decks.configuration())
    page, resources = exporter.from_notebook_node(notebook, {"metadata": {"name": "99"}})
    assert "<title>99 A title</title>" in page
    between = '</aside></section></section><section><section class="section">'
    assert page.replace("\n", "").count(between) == 1
    assert page.count("<section") == 2 + 4
    assert page.count('<aside class="notes">') == 4
    asked_for = set(re.findall(r'(?:src|href)="(assets/[^"]+)"', page))
    assert asked_for
    assert asked_for <= set(resources["outputs"])


def test_nbconvert_makes_the_same_decks(built, tmp_path):
    command = [sys.executable, "-m", "jupyter", "nbconvert", "--to", "slides"]
    command += ["--config", "docs/slides/nbconvert_config.py", "--output-dir", str(tmp_path)]
    command += ["notebooks/00_start_here.ipynb"]
    subprocess.run(command, check=True, capture_output=True, cwd=ROOT)
    made = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.*")}
    assert made == {"00_start_here.html", *decks.assets()}
    for name in made:
        assert (tmp_path / name).read_bytes() == (built / "slides" / name).read_bytes()


def test_without_what_slides_need_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "sphinx_revealjs", None)
    with pytest.raises(ImportError, match=r"pip install -r docs/requirements\.txt"):
        decks.assets.__wrapped__()
