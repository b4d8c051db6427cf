"""What a learner does in JupyterLab, done by a program in a real browser."""

from __future__ import annotations

import json
import re

import pytest

TEN = 10


def test_the_first_notebook(notebook):
    notebook.open("00")
    notebook.run_all()

    # Answer the quiz, and see one's own diagram. At first nothing is chosen.
    quiz = notebook.cell("QuestionRounds(bank)")
    result = quiz.locator("img[alt^='Your 10 answers; ']")
    assert quiz.get_by_role("radio").count() == 2 * TEN
    assert result.count() == 0
    for number in range(TEN):
        quiz.get_by_role("radio").nth(2 * number).check()
        handle = quiz.get_by_role("slider").nth(number)
        for _ in range(5):
            handle.press("ArrowRight")
    quiz.get_by_role("button", name="Show how I did").click()
    result.wait_for()
    assert "You answered 10 of 10 questions." in quiz.inner_text()
    notebook.until(lambda: "You were 75% sure on average" in quiz.inner_text())

    # One who comes back finds the next round, and what the answers so far say together.
    quiz = notebook.rerun("QuestionRounds(bank)")
    quiz.get_by_text("Round 2 of 10").wait_for()
    quiz.get_by_text("All 10 answers so far").wait_for()

    # Solve an exercise, wrongly at first.
    check = "exercises.calibrated_or_accurate.check"
    wrong = notebook.rerun(f"{check}(...)", f'{check}("a")')
    wrong.get_by_text("Not yet: It said that it would be wrong half of the time.").wait_for()
    assert recorded(notebook) == {"tries": 1, "done": False}
    assert done_in_table(notebook) == 0
    right = notebook.rerun(f'{check}("a")', f'{check}("b")')
    right.get_by_text("Correct. It is right as often as it says.").wait_for()
    assert recorded(notebook) == {"tries": 2, "done": True}
    assert done_in_table(notebook) == 1

    assert serious_findings_of_axe(notebook.page) == []
    assert notebook.asked_outside == []


def serious_findings_of_axe(page):
    """What is hard to use in what the notebook shows, as far as it is ours to mend.

    Left out are the frame of JupyterLab itself and the handles of sliders, to which ipywidgets
    gives no name; they can be moved by keyboard, and the text beside them says what they are.
    """
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    shown = {
        "include": [[".jp-OutputArea-output"], [".jp-RenderedMarkdown"]],
        "exclude": [[".noUi-handle"]],
    }
    violations = axe.run(page, context=shown).response["violations"]
    serious = [v for v in violations if v["impact"] in ("serious", "critical")]
    return [(v["id"], [node["html"][:120] for node in v["nodes"][:3]]) for v in serious]


def recorded(notebook):
    """How the progress file remembers the exercise."""
    exercises = json.loads(notebook.lab.progress.read_text(encoding="utf-8"))["exercises"][
        "start_here"
    ]
    return {key: exercises["calibrated_or_accurate"][key] for key in ("tries", "done")}


def done_in_table(notebook):
    """How many exercises of the first notebook are done, as its last cell shows it."""
    cell = notebook.rerun("progress()")
    table = cell.locator(".jp-OutputArea-output").last
    table.wait_for()
    return int(re.search(r"^00 Start here +(\d+)", table.inner_text(), re.MULTILINE)[1])


@pytest.mark.parametrize(
    ("number", "widget", "slider", "key", "quicker"),
    [
        ("01", "token_explorer(", "merges", "End", ("", "")),
        ("08", "estimate_explorer(", "bins", "ArrowRight", ("", "")),
        ("10", "temperature_slider(", "temperature", "ArrowRight", ("steps=600", "steps=20")),
        ("12", "prompt_explorer(", "examples", "ArrowRight", ("few[:12]", "few[:4]")),
    ],
    ids=["01", "08", "10", "12"],
)
def test_a_slider_moves_the_figure(notebook, number, widget, slider, key, quicker):
    # A model that trained for a moment, and a few questions, are as good for this.
    notebook.open(number, needed_for=widget, quicker=quicker)
    notebook.run_all()
    cell = notebook.cell(widget)
    row = cell.locator(".widget-slider", has_text=slider).first
    # A picture, or coloured tokens.
    figure = cell.locator(".jupyter-widgets").last.locator("img, .widget-html-content")
    figure.wait_for()
    first = figure.evaluate("shown => shown.outerHTML")
    row.get_by_role("slider").press(key)
    # Another one, not the old one drawn again, and not the moment without any.
    notebook.until(
        lambda: figure.count() == 1 and figure.evaluate("shown => shown.outerHTML") != first
    )
    assert notebook.asked_outside == []
