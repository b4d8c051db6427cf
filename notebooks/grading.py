"""Make a course for nbgrader of the notebooks: `python notebooks/grading.py FOLDER [NN ...]`.

Each notebook becomes an assignment of its own. In the teacher's version every exercise holds its
solution, between the marks that nbgrader cuts out for the students, and is followed by a cell whose
hidden part hands the answer in. It is judged outside of the student's kernel (`judging.py`), on the
inputs that students see their messages for and on others, drawn by a seed that only the hidden part
holds. Where nbgrader is installed, the students' version is made as well. A folder that already
holds a course is brought up to date: what students handed in and the gradebook stay as they are.
With `--language zh` the notebooks, and what the checks say, are Chinese.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import re
import secrets
import sys
from pathlib import Path

import nbformat
from build import INTERACTIVE, sources, unexecuted
from nbformat import NotebookNode

from coursekit._language import LANGUAGES
from coursekit.chapters import exercises_of, modules, title_of
from coursekit.exercises.engine import ChoiceExercise, Exercise, answer_name

CHECK = re.compile(r"^exercises\.(\w+)\.check\((.*)\)$", re.MULTILINE)
# The line of a graded cell that says what is judged, and on which inputs.
HANDED_IN = re.compile(r'^hand_in\((\w+), "(\w+\.\w+)"\)  # seed (\d+)$', re.MULTILINE)
CONFIGURATION = f'''"""How nbgrader grades this course. Written once; yours to change."""

import os
import sys
import tempfile

sys.path.append({str(Path(__file__).resolve().parent)!r})
import judging  # noqa: E402 (it stands in that folder)

c = get_config()  # noqa: F821 (nbgrader provides it)
c.CourseDirectory.course_id = "calibration"
# The stub that a student starts from stands above each solution; nothing need replace it.
c.ClearSolutions.code_stub = {{"python": ""}}
# The longest cell trains or asks a language model.
c.Execute.timeout = 3600
# Answers are judged here, not in the students' kernels; without this nobody gets points.
c.Autograde.autograde_preprocessors = judging.AUTOGRADE
# A graded cell that a student deleted comes back; of one that was copied, the last counts.
c.Autograde.sanitize_preprocessors = judging.SANITIZE
c.OverwriteCells.add_missing_cells = True
# What students do must not end up in the grader's own record of progress.
os.environ["COURSEKIT_PROGRESS"] = os.path.join(tempfile.mkdtemp(), "progress.json")
'''
# The last line of the configuration, and a cell of an assignment that is not in English: it stands
# in a folder of its own name, from which the course cannot tell the language.
SPEAK = 'os.environ["COURSEKIT_LANGUAGE"] = "{language}"'
# What a graded cell says, in each language for one point and for more.
COMMENTS = {
    "en": [
        f'# {points} where the check above says "Correct."' for points in ("1 point", "2 points")
    ],
    "zh": [f"# 上面的检查说“正确”时，得 {points} 分" for points in (1, 2)],
}


def exercises_by_number() -> dict[str, dict[str, Exercise]]:
    """The exercises of each notebook by their names, by the notebook's two digits."""
    return {
        title_of(module)[:2]: {exercise.name: exercise for exercise in exercises_of(module)}
        for module in modules()
    }


def assignment(
    notebook: NotebookNode,
    chapter: str,
    exercises: dict[str, Exercise],
    seed: int,
    language: str = "en",
) -> NotebookNode:
    """The teacher's version of a chapter's notebook, which it changes.

    Raises:
        ValueError: if an exercise has no cell of its own, or a cell an exercise that is unknown.
    """
    cells: list[NotebookNode] = []
    graded: list[str] = []
    for cell in notebook.cells:
        cells.append(cell)
        if cell.cell_type == "markdown":
            # Every assignment is a folder of its own.
            link = r"\]\((?:\.\./)?(\d\d_\w+)\.ipynb\)"
            cell.source = re.sub(link, r"](../\1/\1.ipynb)", cell.source)
            continue
        if INTERACTIVE.search(cell.source):
            # Nobody moves a slider while a notebook is graded, and some would wait for a browser.
            cell.metadata["tags"] = [*cell.metadata.get("tags", []), "skip-execution"]
        for name, _ in CHECK.findall(cell.source):
            if name not in exercises:
                raise ValueError(f"exercises.{name} is checked in a cell, but is no exercise.")
            graded.append(name)
            cell.source = with_solution(cell.source, exercises[name])
            cell.metadata["nbgrader"] = _metadata(name, solution=True)
            cells.append(graded_cell(chapter, exercises[name], seed, language))
    if sorted(graded) != sorted(exercises):
        raise ValueError(f"exercises checked in cells: {graded}; expected {list(exercises)} once.")
    if language != "en":
        speak = f"import os\n\n{SPEAK.format(language=language)}"
        cells.insert(1, nbformat.v4.new_code_cell(speak, id="language"))
    notebook.cells = cells
    return notebook


def with_solution(source: str, exercise: Exercise) -> str:
    """A cell of an exercise with the solution between stub and check."""
    stub, solution, name = exercise.stub, exercise.solution_source, _answer_name(exercise)
    if isinstance(exercise, ChoiceExercise):
        stub, solution = f"{name} = ...", f"{name} = {exercise.correct!r}"
        source = source.replace(exercise.stub, f"{stub}\n\nexercises.{exercise.name}.check({name})")
    if source.count(stub) != 1:
        raise ValueError(f"the cell of exercises.{exercise.name} does not hold its stub once.")
    return source.replace(stub, f"{stub}\n### BEGIN SOLUTION\n{solution}\n### END SOLUTION")


def graded_cell(chapter: str, exercise: Exercise, seed: int, language: str = "en") -> NotebookNode:
    """The cell that gives points. What it does is hidden, so that *Run All* reaches the end."""
    points = 1 if isinstance(exercise, ChoiceExercise) else 2
    comment = COMMENTS[language][points - 1]
    hidden = [
        "### BEGIN HIDDEN TESTS",
        "from coursekit.exercises.handed_in import hand_in",
        "",
        f'hand_in({_answer_name(exercise)}, "{chapter}.{exercise.name}")  # seed {seed}',
        "### END HIDDEN TESTS",
    ]
    cell = nbformat.v4.new_code_cell(
        "\n".join([comment, *hidden]), id=f"grade-{exercise.name}"[:64]
    )
    cell.metadata["nbgrader"] = _metadata(f"grade_{exercise.name}", points=points)
    return cell


def _answer_name(exercise: Exercise) -> str:
    if isinstance(exercise, ChoiceExercise):
        return f"my_{exercise.name}"
    return answer_name(exercise.stub)


def _metadata(grade_id: str, *, solution: bool = False, points: int | None = None) -> dict:
    """What nbgrader wants to know of a cell: the student fills it, or else it gives points."""
    found = {
        "schema_version": 3,
        "grade_id": grade_id,
        "solution": solution,
        "grade": not solution,
        "locked": not solution,
        "task": False,
    }
    return found if solution else found | {"points": points, "cell_type": "code"}


def export(folder: Path, chosen: list[Path], seed: int | None = None, language: str = "en") -> None:
    """Write the teacher's version of some sources and, unless it is there, the configuration.

    Args:
        folder: Of the course.
        chosen: The sources of its notebooks.
        seed: Of the inputs that students do not know; by default another one for each assignment.
        language: Of the notebooks, and of what students are told about their answers.

    Raises:
        SystemExit: if a notebook and its exercises do not fit each other.
    """
    known = exercises_by_number()
    for path in chosen:
        try:
            drawn = secrets.randbelow(2**32) if seed is None else seed
            exercises = known.get(path.name[:2], {})
            notebook = unexecuted(path, language)
            made = assignment(notebook, path.stem[3:], exercises, drawn, language)
        except ValueError as error:
            raise SystemExit(f"{path.name}: {error}") from error
        target = folder / "source" / path.stem / f"{path.stem}.ipynb"
        target.parent.mkdir(parents=True, exist_ok=True)
        nbformat.validate(made)
        nbformat.write(made, target)
    configuration = folder / "nbgrader_config.py"
    if not configuration.exists():
        text = f"{CONFIGURATION}{SPEAK.format(language=language)}\n"
        configuration.write_text(text, encoding="utf-8")


def release(folder: Path, names: list[str]) -> None:
    """Let nbgrader make the students' version of the assignments.

    Raises:
        SystemExit: if nbgrader could not.
    """
    from nbgrader.apps import NbGraderAPI
    from traitlets.config import Config, PyFileConfigLoader

    # nbgrader starts a helper by its name, also where the environment is not activated.
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    config = Config(PyFileConfigLoader("nbgrader_config.py", path=str(folder)).load_config())
    config.CourseDirectory.root = str(folder)
    api = NbGraderAPI(config=config)
    for name in names:
        outcome = api.generate_assignment(name, force=True)
        if not outcome["success"]:
            raise SystemExit(f"nbgrader could not release {name}:\n{outcome['log']}")


def main(arguments: list[str]) -> int:
    """Write the course, and say what to do next."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="of the nbgrader course; made if need be")
    parser.add_argument("prefix", nargs="*", help="which notebooks, as 00 or 11_next; default all")
    parser.add_argument(
        "--seed",
        type=int,
        help="of the inputs that students do not know; by default drawn anew for each assignment",
    )
    parser.add_argument("--language", choices=LANGUAGES, default="en", help="default: en")
    options = parser.parse_args(arguments)
    folder = options.folder.resolve()
    chosen = sources(options.prefix)
    export(folder, chosen, options.seed, options.language)
    print(f"{len(chosen)} assignments with solutions: {folder / 'source'}")
    if importlib.util.find_spec("nbgrader") is None:
        print("For the students' version, install nbgrader and run this again:")
        print("pip install -r notebooks/grading-requirements.txt")
        return 0
    release(folder, [path.stem for path in chosen])
    print(f"The same without solutions, for the students: {folder / 'release'}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
