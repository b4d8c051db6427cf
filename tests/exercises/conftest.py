"""An exercise module as an author writes it, and a progress file of its own for every test."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest

EXAMPLE = '''
"""99 Example.

With one exercise of every kind.
"""

import torch

from coursekit.exercises.engine import ChoiceExercise, FunctionExercise, Mistake, ValueExercise

mean_confidence = FunctionExercise(
    name="mean_confidence",
    title="The mean confidence of the top label",
    reference=lambda probs: probs.max(dim=-1).values.mean(),
    inputs=lambda rng: (torch.tensor(rng.dirichlet([1.0, 1.0, 1.0], size=2)),),
    mistakes=[
        Mistake(
            name="over samples",
            wrong=lambda probs: probs.max(dim=0).values.mean(),
            message="You took the maximum over the samples, not over the classes.",
        ),
        Mistake(
            name="mean of everything",
            wrong=lambda probs: probs.mean(),
            message="The mean of all probabilities is one over the number of classes.",
        ),
    ],
    hints=["Which axis of probs holds the classes?", "Take the maximum over it, then the mean."],
    stub="""
        def my_mean_confidence(probs):
            top = probs.max(dim=...)
            return top.values.mean()
        """,
    solution="""
        def my_mean_confidence(probs):
            return probs.max(dim=-1).values.mean()
        """,
    insight="That is one half of every calibration error.",
)

log_of_a_third = ValueExercise(
    name="log_of_a_third",
    title="The NLL of a fair guess among three, in nats",
    answer=lambda: 1.0986,
    tolerance=0.001,
    mistakes=[
        Mistake(name="bits", wrong=1.585, message="This is in bits: use the natural logarithm."),
        Mistake(name="sign", wrong=lambda: -1.0986, message="The NLL is minus the logarithm."),
    ],
    hints=["What is the logarithm of one third?"],
    solution="my_log_of_a_third = -math.log(1 / 3)",
)

proper = ChoiceExercise(
    name="proper",
    question="Which of these is a proper score?",
    options={"a": "accuracy", "b": "the Brier score", "c": "the ECE"},
    correct="b",
    explanations={
        "a": "Accuracy does not see the probability at all.",
        "b": "Its expectation is best where the forecast is the true probability.",
        "c": "The base rate as the forecast has an ECE of zero, too.",
    },
)
'''


@pytest.fixture(autouse=True)
def own_progress(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSEKIT_PROGRESS", str(tmp_path / "progress.json"))


@pytest.fixture
def example(monkeypatch) -> ModuleType:
    module = ModuleType("coursekit.chapters.example.exercises")
    exec(EXAMPLE, vars(module))
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return module
