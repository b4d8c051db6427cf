"""A course for nbgrader: what the command writes, and what nbgrader itself makes of it."""

from __future__ import annotations

import ast
import copy
import csv
import os
import re
import subprocess
import sys
from pathlib import Path

import build
import grading
import nbformat
import pytest

from coursekit._language import translation
from coursekit.exercises import _running
from coursekit.exercises.engine import ChoiceExercise, answer_name
from coursekit.exercises.handed_in import MIME, judge

KNOWN = grading.exercises_by_number()
SOURCES = build.sources([])
SEED = 20
BOTH_MARKS = ("### BEGIN SOLUTION", "### BEGIN HIDDEN TESTS")


MADE = [*((path, "en") for path in SOURCES), (build.translated_sources("zh")[0], "zh")]


@pytest.fixture(params=MADE, ids=lambda made: f"{made[0].stem}-{made[1]}", scope="module")
def made(request):
    """The teacher's version of a notebook, and its exercises."""
    path, language = request.param
    exercises, notebook = KNOWN[path.name[:2]], build.unexecuted(path, language)
    return grading.assignment(notebook, path.stem[3:], exercises, SEED, language), exercises


def marked(notebook, what):
    """The cells that nbgrader is told to fill ("solution") or to give points for ("grade")."""
    return {
        cell.metadata.nbgrader.grade_id: cell
        for cell in notebook.cells
        if cell.metadata.get("nbgrader", {}).get(what)
    }


def imports(notebook):
    """What the notebook imports outside of its widgets: all that an answer may count on."""
    found = []
    for cell in notebook.cells:
        if cell.cell_type == "code" and "skip-execution" not in cell.metadata.get("tags", []):
            statements = ast.parse(cell.source).body
            found += [s for s in statements if isinstance(s, (ast.Import, ast.ImportFrom))]
    return "\n".join(map(ast.unparse, found))


def without_solution(source):
    """What the students get: the cell without what stands between the marks."""
    before, _, rest = source.partition("### BEGIN SOLUTION")
    return before + rest.partition("### END SOLUTION")[2]


def test_every_exercise_is_filled_by_the_student_and_graded_once(made):
    notebook, exercises = made
    nbformat.validate(notebook)
    assert sorted(marked(notebook, "solution")) == sorted(exercises)
    assert sorted(marked(notebook, "grade")) == sorted(f"grade_{name}" for name in exercises)
    for cell in marked(notebook, "grade").values():
        assert cell.metadata.nbgrader.locked
        assert cell.metadata.nbgrader.points in {1, 2}
    assert all(cell.get("outputs", []) == [] for cell in notebook.cells)


@pytest.fixture
def handed_in(monkeypatch):
    """Run a graded cell and return what is wrong with what it hands in; "" if nothing is."""
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda data, raw: shown.append(data[MIME]))

    def verdict(cell, names):
        with pytest.raises(AssertionError, match="handed in but not judged"):
            exec(cell.source, names)
        _, exercise, seed = grading.HANDED_IN.search(cell.source).groups()
        return judge(shown[-1], exercise, int(seed))

    return verdict


def test_the_teachers_version_gets_all_points_and_the_students_none(
    made, handed_in, monkeypatch, tmp_path
):
    monkeypatch.setenv("COURSEKIT_PROGRESS", str(tmp_path / "progress.json"))
    monkeypatch.setattr(_running, "_can_fork", lambda: False)  # faster; nbgrader's tests fork
    notebook, _ = made
    start = imports(notebook)
    tests = marked(notebook, "grade")
    for name, cell in marked(notebook, "solution").items():
        teacher, student = {}, {}
        exec(f"{start}\n{cell.source}", teacher)
        assert handed_in(tests[f"grade_{name}"], teacher) == ""
        exec(f"{start}\n{without_solution(cell.source)}", student)
        assert handed_in(tests[f"grade_{name}"], student).startswith("Not attempted yet")


def test_links_lead_to_the_other_assignments(made):
    notebook, _ = made
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    assert "**Next:**" in text or "**下一节" in text
    assert not [line for line in text.splitlines() if "](0" in line or "](1" in line]


def test_widgets_are_not_run_by_the_grader(made):
    notebook, _ = made
    for cell in notebook.cells:
        shows = cell.cell_type == "code" and bool(build.INTERACTIVE.search(cell.source))
        assert shows == ("skip-execution" in cell.metadata.get("tags", []))


def test_an_exercise_without_a_cell_is_noticed():
    source = next(path for path in SOURCES if path.stem.startswith("00"))
    with pytest.raises(ValueError, match=r"expected .*brier_score.*forgotten"):
        known = KNOWN["00"] | {"forgotten": None}
        grading.assignment(build.unexecuted(source), "start_here", known, SEED)
    with pytest.raises(ValueError, match=r"exercises\.\w+ is checked .* no exercise"):
        grading.assignment(build.unexecuted(source), "start_here", {}, SEED)


def test_a_cell_without_the_stub_is_noticed():
    exercise = KNOWN["00"]["honest_score"]
    with pytest.raises(ValueError, match="honest_score does not hold its stub once"):
        grading.with_solution("my_score = ...", exercise)


def test_an_answer_learned_by_heart_gets_nothing(handed_in):
    exercise = KNOWN["00"]["brier_score"]
    seen = {repr(args): out for args, out in exercise.cases}

    def by_heart(*args):
        """The right output for each input that students see messages about."""
        return seen.get(repr(args), 0.0)

    exercise.grade(by_heart)
    names = {answer_name(exercise.stub): by_heart}
    assert "expected" in handed_in(grading.graded_cell("start_here", exercise, SEED), names)


def test_the_seed_is_the_teachers_or_another_one_for_each_assignment(tmp_path):
    chosen = SOURCES[:2]

    def seeds():
        grading.export(tmp_path, chosen, **options)
        made = [(tmp_path / "source" / path.stem / f"{path.stem}.ipynb") for path in chosen]
        text = [path.read_text(encoding="utf-8") for path in made]
        return [set(re.findall(r"# seed (\d+)", one)) for one in text]

    options = {"seed": 7}
    assert seeds() == [{"7"}, {"7"}]
    options = {}
    drawn = [*seeds(), *seeds()]
    assert [len(one) for one in drawn] == [1, 1, 1, 1]
    assert len(set().union(*drawn)) == 4


def test_an_unknown_notebook_is_refused(tmp_path):
    with pytest.raises(SystemExit, match="No notebook starts with '99'"):
        grading.main([str(tmp_path), "99"])


def test_the_teachers_configuration_is_kept(tmp_path):
    (tmp_path / "nbgrader_config.py").write_text("mine", encoding="utf-8")
    source = next(path for path in SOURCES if path.stem.startswith("00"))
    grading.export(tmp_path, [source])
    assert (tmp_path / "nbgrader_config.py").read_text(encoding="utf-8") == "mine"
    assert (tmp_path / "source" / source.stem / f"{source.stem}.ipynb").exists()


# With nbgrader itself


NAME = "00_start_here"
STUDENTS = ("correct", "wrong", "empty", "cheat")
# What made a student's kernel say that every answer is right.
CHEATS = """
import coursekit.exercises.engine as engine, coursekit.exercises.handed_in as handing
engine.Exercise.grade = engine.Exercise.check = lambda *args, **options: None
handing.judge = lambda *args, **options: ""
handing.hand_in = lambda *args, **options: None
torch.allclose = torch.isclose = lambda *args, **options: torch.tensor(True)
AssertionError = ZeroDivisionError
"""


@pytest.fixture(scope="module", params=["en", "zh"])
def language(request):
    """The language of the course."""
    return request.param


@pytest.fixture(scope="module")
def course(tmp_path_factory, language):
    """A course in which some students handed in notebook 00, graded by nbgrader."""
    pytest.importorskip(
        "nbgrader", reason="no nbgrader: pip install -r notebooks/grading-requirements.txt"
    )
    folder = tmp_path_factory.mktemp("course")
    progress = folder.parent / "teachers_progress.json"
    scripts = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"PATH": scripts, "COURSEKIT_PROGRESS": str(progress)}
    del environment["COURSEKIT_LANGUAGE"]  # the course itself says it

    def run(*command):
        done = subprocess.run(
            [sys.executable, *command], cwd=folder, env=environment, text=True, capture_output=True
        )
        assert done.returncode == 0, done.stdout + done.stderr

    run(grading.__file__, str(folder), "00", "--language", language)
    for student in STUDENTS:
        handed_in = folder / "submitted" / student / NAME / f"{NAME}.ipynb"
        handed_in.parent.mkdir(parents=True)
        nbformat.write(submission(student, read(folder, "release")), handed_in)
    run("-m", "nbgrader", "autograde", NAME, "--create")
    run("-m", "nbgrader", "export", "--to=grades.csv")
    assert not progress.exists()
    return folder


def read(folder, *parts):
    return nbformat.read(folder.joinpath(*parts, NAME, f"{NAME}.ipynb"), as_version=4)


def submission(student, notebook):
    """What a student hands in. To save time, only imports, exercises and widgets are left."""
    exercises = KNOWN[NAME[:2]]
    notebook.cells = [
        cell
        for cell in notebook.cells
        if "nbgrader" in cell.metadata
        or cell.source.startswith("import ")
        or "skip-execution" in cell.metadata.get("tags", [])
    ]
    for name, cell in marked(notebook, "solution").items():
        check = f"exercises.{name}.check("
        assert check in cell.source
        if student != "empty":
            answer = right(exercises[name]) if student == "correct" else wrong(exercises[name])
            cell.source = cell.source.replace(check, f"{answer}\n{check}")
    graded = list(marked(notebook, "grade").values())
    if student == "cheat":
        first = next(cell for cell in notebook.cells if "import torch" in cell.source)
        first.source += CHEATS
        graded[0].metadata["tags"] = ["skip-execution"]
        graded[1].source = "# nothing is tested here"
    if student == "correct":  # in good faith: one graded cell is gone, one is there twice
        notebook.cells.remove(graded[0])
        notebook.cells.append(copy.deepcopy(graded[1]))
    return notebook


def right(exercise):
    if isinstance(exercise, ChoiceExercise):
        return f"my_{exercise.name} = {exercise.correct!r}"
    return exercise.solution_source


def wrong(exercise):
    """The first known mistake, under the name of the answer."""
    if isinstance(exercise, ChoiceExercise):
        return f"my_{exercise.name} = {exercise.mistakes[0].wrong!r}"
    mistake = f"exercises.{exercise.name}.mistakes[0]"
    return f"{answer_name(exercise.stub)} = exercises.{exercise.name}.wrong_answer({mistake})"


def test_the_students_version_holds_no_solution(course):
    released, source = read(course, "release"), read(course, "source")
    text = "\n".join(cell.source for cell in released.cells)
    assert not [mark for mark in BOTH_MARKS if mark in text]
    for name, cell in marked(released, "solution").items():
        assert right(KNOWN["00"][name]) in marked(source, "solution")[name].source
        assert right(KNOWN["00"][name]) not in cell.source
    assert [cell.source for cell in marked(released, "grade").values()] == [
        cell.source.splitlines()[0] for cell in marked(source, "grade").values()
    ]


def test_right_answers_get_all_points_and_all_others_none(course):
    with (course / "grades.csv").open() as file:
        grades = {row["student_id"]: row for row in csv.DictReader(file)}
    points = [
        cell.metadata.nbgrader.points for cell in marked(read(course, "source"), "grade").values()
    ]
    assert {float(row["max_score"]) for row in grades.values()} == {sum(points)}
    scores = {student: float(grades[student]["score"]) for student in STUDENTS}
    assert scores == {"correct": sum(points), "wrong": 0, "empty": 0, "cheat": 0}


def test_the_graded_notebook_says_what_is_wrong(course, language):
    found = {student: errors(read(course, "autograded", student)) for student in STUDENTS[:3]}
    assert found["correct"] == {}
    assert sorted(found["wrong"]) == sorted(f"grade_{name}" for name in KNOWN["00"])
    for name, exercise in KNOWN["00"].items():
        message = translation(exercise.mistakes[0].message, language)
        assert message in found["wrong"][f"grade_{name}"]
    not_attempted = {"en": "Not attempted yet", "zh": "还没有作答"}[language]
    assert all(not_attempted in message for message in found["empty"].values())
    assert len(found["empty"]) == len(KNOWN["00"])


def errors(notebook):
    """What the cells of a graded notebook raised."""
    return {
        cell.metadata.get("nbgrader", {}).get("grade_id", cell.source): output.evalue
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if output.output_type == "error"
    }
