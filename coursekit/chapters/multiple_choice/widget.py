"""Ask a model the same questions in another way, live, and see its accuracy and confidence move."""

from __future__ import annotations

from collections.abc import Sequence

import ipywidgets
import torch
from matplotlib.axes import Axes
from torch import Tensor

from coursekit.calibration import bootstrap_interval
from coursekit.chapters.multiple_choice.asking import LETTERS, WORDINGS, Way, ask
from coursekit.chapters.multiple_choice.figures import asked_panels
from coursekit.data import Question
from coursekit.llm import LanguageModel
from coursekit.plots import explore

FORMATS = (("raw text", False), ("the model's chat format", True))
BEGINNINGS = (("with the answer", False), ("The capital of ... is", True))


def asked_view(lm: LanguageModel, questions: Sequence[Question], way: Way) -> Axes:
    """Draw accuracy, mean confidence, and where the chosen answers stood in the list.

    Args:
        lm: The model to ask.
        questions: Questions about capitals with four options each.
        way: How to ask them.
    """
    scores = ask(lm, way, questions)
    confidence, chosen = scores.softmax(dim=-1).max(dim=-1)
    correct = chosen == torch.tensor([question.correct for question in questions])
    n_options = scores.shape[1]
    counts = ((chosen - way.turn) % n_options).bincount(minlength=n_options)
    return asked_panels(
        bootstrap_interval(_mean, correct),
        bootstrap_interval(_mean, confidence),
        dict(zip(LETTERS, (counts / len(chosen)).tolist(), strict=True)),
        f"{'chat' if way.chat else 'raw text'}, {'a' if way.listed else 'no'} list, "
        f"{way.n_examples} examples",
    )


def prompt_explorer(lm: LanguageModel, questions: Sequence[Question]) -> None:
    """Change the way of asking, and ask again: every figure is a new run of the model.

    Args:
        lm: The model to ask.
        questions: A few, say 16: each change asks them all.
    """
    controls = {
        "chat": ipywidgets.Dropdown(options=FORMATS, value=True, description="format"),
        "listed": ipywidgets.Checkbox(value=True, description="list the options"),
        "n_examples": ipywidgets.IntSlider(value=0, min=0, max=4, description="examples"),
        "sentence": ipywidgets.Dropdown(
            options=BEGINNINGS, value=False, description="reply begins"
        ),
        "answer_with": ipywidgets.Dropdown(
            options=("text", "letter"), value="text", description="answer with"
        ),
        "wording": ipywidgets.Dropdown(options=WORDINGS, description="wording"),
        "turn": ipywidgets.IntSlider(
            value=0, min=0, max=len(LETTERS) - 1, description="turn list by"
        ),
    }
    explore(
        lambda **choices: asked_view(lm, questions, Way(**choices)),
        **controls,
    )


def _mean(values: Tensor) -> float:
    return values.double().mean().item()
