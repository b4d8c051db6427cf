"""The widget of several tasks."""

from __future__ import annotations

import pytest
import torch

from coursekit.chapters.applications.widget import task_explorer, task_view
from coursekit.plots import interactive

GENERATOR = torch.Generator().manual_seed(0)
SCORES = torch.randn(60, 4, generator=GENERATOR) * 3
TASKS = {
    "easy": (SCORES, SCORES.argmax(dim=-1)),
    "by luck": (SCORES, torch.randint(4, (60,), generator=GENERATOR)),
}


def title(ax):
    return ax.get_title(loc="left")


def test_the_title_tells_task_temperature_and_numbers():
    confidence = (SCORES / 2).softmax(dim=-1).max(dim=-1).values.mean()
    nll = torch.nn.functional.cross_entropy(SCORES / 2, TASKS["easy"][1])
    text = title(task_view(TASKS, "easy", 2.0))
    assert text.startswith(f"easy, T = 2.0, NLL {nll:.2f} nats\n")
    assert text.endswith(f"accuracy 1.00, mean confidence {confidence:.2f}")


def test_a_temperature_changes_confidence_and_no_answer():
    low, high = (title(task_view(TASKS, "by luck", t)) for t in (0.5, 8.0))
    accuracy = [text.split("accuracy ")[1][:4] for text in (low, high)]
    confidence = [float(text[-4:]) for text in (low, high)]
    assert accuracy[0] == accuracy[1]
    assert confidence[0] > 0.75 and confidence[1] < 0.5


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"task": "French"}, r"task must be one of .* found 'French'"),
        ({"temperature": 0}, "temperature must be positive"),
        ({"temperature": float("nan")}, "temperature must be positive"),
    ],
)
def test_bad_input_is_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        task_view(**({"tasks": TASKS, "task": "easy", "temperature": 1.0} | wrong))


def test_moving_a_control_draws_anew(monkeypatch, displayed):
    drawn = []
    monkeypatch.setattr(interactive, "show", lambda ax: drawn.append(title(ax)))
    task_explorer(TASKS)
    task, temperature, _ = displayed[0].children
    assert list(task.options) == ["easy", "by luck"]
    temperature.value, task.value = 3.0, "by luck"
    starts = [text.split(", NLL")[0] for text in drawn]
    assert starts == ["easy, T = 1.0", "easy, T = 3.0", "by luck, T = 3.0"]
