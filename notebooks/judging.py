"""What `nbgrader_config.py` adds to the steps of `autograde`: the judge, and a mend.

The judge runs after the student's notebook, in nbgrader's process, and replaces what each graded
cell put out in the student's kernel by what `coursekit.exercises.handed_in.judge` finds. Exercise
and seed stand in the cell's source, which nbgrader takes from the gradebook, not from the student.
"""

from __future__ import annotations

from grading import HANDED_IN
from nbformat import NotebookNode
from nbformat.v4 import new_output
from nbgrader.converters import Autograde
from nbgrader.preprocessors import DeduplicateIds, Execute, NbGraderPreprocessor
from nbgrader.utils import is_grade

from coursekit.exercises.handed_in import MIME, judge


class Judge(NbGraderPreprocessor):
    """Give each graded cell of the course the output that its answer deserves."""

    def preprocess_cell(
        self, cell: NotebookNode, resources: dict, cell_index: int
    ) -> tuple[NotebookNode, dict]:
        """Replace the outputs of a graded cell: an error, or nothing if the answer is right."""
        asked = HANDED_IN.search(cell.source) if is_grade(cell) else None
        if asked:
            _, exercise, seed = asked.groups()
            wrong = judge(handed_in(cell), exercise, int(seed))
            error = new_output("error", ename="AssertionError", evalue=wrong, traceback=[wrong])
            cell.outputs = [error] if wrong else []
        return cell, resources


class ForgetCopies(NbGraderPreprocessor):
    """Make an ordinary cell of a copied one, over which the search for deleted ones stumbles."""

    def preprocess_cell(
        self, cell: NotebookNode, resources: dict, cell_index: int
    ) -> tuple[NotebookNode, dict]:
        """Remove what nbgrader's `DeduplicateIds` has emptied."""
        if cell.metadata.get("nbgrader") == {}:
            del cell.metadata["nbgrader"]
        return cell, resources


def handed_in(cell: NotebookNode) -> str | None:
    """Return the answer in the outputs of a cell, if there is one."""
    shown = (output.get("data", {}) for output in cell.get("outputs", []))
    return next((data[MIME] for data in shown if MIME in data), None)


def steps(name: str, after: type, added: type) -> list[type]:
    """Return nbgrader's own list of steps with one added; a list, as its files are read twice."""
    own = Autograde.class_traits()[name].default()
    place = own.index(after) + 1
    return [*own[:place], added, *own[place:]]


SANITIZE = steps("sanitize_preprocessors", DeduplicateIds, ForgetCopies)
AUTOGRADE = steps("autograde_preprocessors", Execute, Judge)
