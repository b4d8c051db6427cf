"""An answer leaves a kernel and is judged elsewhere; whatever goes wrong, it gets no points."""

from __future__ import annotations

import base64

import cloudpickle
import pytest
import torch

from coursekit.chapters.start_here import exercises
from coursekit.exercises import _running, handed_in
from coursekit.exercises.handed_in import MIME, hand_in, judge

BRIER = "start_here.brier_score"


def packed(answer):
    return base64.b64encode(cloudpickle.dumps(answer)).decode()


def right_answer():
    names = {"torch": torch}
    exec(exercises.brier_score.solution_source, names)
    return names["my_brier_score"]


def test_an_answer_survives_the_way_and_the_cell_gives_no_points(monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda data, raw: shown.append(data))
    with pytest.raises(AssertionError, match=r"start_here\.brier_score is handed in but not"):
        hand_in(right_answer(), BRIER)
    (data,) = shown
    assert judge(data[MIME], BRIER, seed=3) == ""


def test_an_answer_that_carries_a_model_along_is_refused(monkeypatch):
    monkeypatch.setattr(handed_in, "LARGEST", 10_000)
    with pytest.raises(ValueError, match=r"must take at most 0.01 MB, found \d+ MB"):
        hand_in(torch.zeros(1_000_000), BRIER)


class Bomb:
    """What raises where it is unpickled."""

    def __reduce__(self):
        return (eval, ("1 / 0",))


class Exit:
    """What ends the process in which it is unpickled."""

    def __reduce__(self):
        return (eval, ("__import__('os')._exit(0)",))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "Nothing was handed in."),
        ("no pickle", "could not be judged"),
        (packed(Bomb()), "could not be judged (ZeroDivisionError)"),
        (packed(...), "Not attempted yet."),
        (packed(lambda probs, outcomes: 0.5), "Not yet: expected"),
    ],
)
def test_whatever_is_wrong_is_said(text, words):
    assert words in judge(text, BRIER, seed=3)


@pytest.mark.skipif(not _running._can_fork(), reason="a process is to be had on Linux, on the CPU")
def test_an_answer_that_ends_its_process_gets_no_points():
    assert "could not be judged (exit code 0)" in judge(packed(Exit()), BRIER, seed=3)
