"""Carry an answer out of a student's notebook, and judge it where the student cannot reach.

A student's kernel can be made to say anything, so when a course is graded it says nothing about
its answers: `hand_in` puts each one, pickled, into the output of its cell, and gives no points.
`judge` reads it in the grader's process, in which no cell of the student has run. What is left to
a cheat is the answer itself, whose code runs while it is judged, in a process of its own.
"""

from __future__ import annotations

import base64
import functools
import importlib
from typing import Any

from coursekit._language import tr
from coursekit.exercises._base import SECONDS, not_yet
from coursekit.exercises._running import run_limited
from coursekit.exercises.engine import Exercise, FunctionExercise

__all__ = ["MIME", "hand_in", "judge"]

MIME = "application/x-coursekit-answer"
LARGEST = 10_000_000  # bytes


def hand_in(answer: Any, exercise: str) -> None:
    """Put the answer into the output of this cell, for `judge`.

    Args:
        answer: What the student would give to `check`.
        exercise: Chapter and name, as "start_here.brier_score".

    Raises:
        ValueError: If the answer is larger than 10 MB, as one that carries a model along.
        AssertionError: Always, so that a cell that nobody judges gives no points.

    Example:
        >>> hand_in(0.25, "start_here.honest_score")  # doctest: +SKIP
        AssertionError: start_here.honest_score is handed in but not judged. ...
    """
    import cloudpickle
    from IPython.display import display

    pickled = cloudpickle.dumps(answer)
    if len(pickled) > LARGEST:
        raise ValueError(
            f"the answer to {exercise} must take at most {LARGEST / 1e6:g} MB, "
            f"found {len(pickled) / 1e6:.0f} MB. Let it use its arguments only."
        )
    display({MIME: base64.b64encode(pickled).decode()}, raw=True)
    raise AssertionError(
        f"{exercise} is handed in but not judged. Does nbgrader_config.py name the judge?"
    )


def judge(handed_in: str | None, exercise: str, seed: int) -> str:
    """Return what is wrong with an answer that `hand_in` has put out; "" if it is right.

    A function is judged on the inputs whose messages the student saw, and on others.

    Args:
        handed_in: The text of type `MIME`, or None if there is none.
        exercise: Chapter and name, as "start_here.brier_score".
        seed: Of the other inputs, which no student should know.

    Example:
        >>> import base64, pickle
        >>> answer = base64.b64encode(pickle.dumps("z")).decode()
        >>> judge(answer, "start_here.calibrated_or_accurate", seed=0)
        'Not yet: answer with one of the letters a, b, c.'
    """
    if handed_in is None:
        return tr("Nothing was handed in.")
    asked = _asked(exercise, seed)

    def message() -> str:
        import cloudpickle

        answer = cloudpickle.loads(base64.b64decode(handed_in))
        try:
            for one in asked:
                one.grade(answer)
        except AssertionError as error:
            return str(error)
        return ""

    run = run_limited(message, (len(asked) + 1) * SECONDS)
    if isinstance(run.value, str):
        return run.value
    why = run.error or tr("it did not finish")
    return not_yet(tr("the answer could not be judged ({why}).", why=why)).message


@functools.cache
def _asked(exercise: str, seed: int) -> tuple[Exercise, ...]:
    """Return the exercise, and again on other inputs if it has any, ready to be asked."""
    chapter, _, name = exercise.partition(".")
    found = getattr(importlib.import_module(f"coursekit.chapters.{chapter}.exercises"), name)
    asked = [found]
    if isinstance(found, FunctionExercise):
        asked.append(found.with_other_inputs(seed))
    for one in asked:
        one.prepare()
    return tuple(asked)
