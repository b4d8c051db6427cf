"""The widget of maximum likelihood: built without a browser, moved, and the curve changes."""

from __future__ import annotations

import pytest
import torch

from coursekit.chapters.maximum_likelihood.widget import likelihood_explorer, likelihood_view
from coursekit.plots import interactive

OUTCOMES = torch.tensor([True, True, False, True] * 30)  # 120 of them


def test_the_view_marks_what_is_said_and_what_happened():
    ax = likelihood_view(OUTCOMES, 0.5, 4)
    assert {"you say: p = 0.50", "the frequency: p = 0.75"} <= {x.get_label() for x in ax.lines}
    assert ax.get_title(loc="left") == "Happened 3 times of 4. Likelihood: 6.2e-02"


def test_only_the_first_outcomes_count():
    with pytest.raises(ValueError, match="below the total, 2, found 2"):
        likelihood_view(OUTCOMES, 0.5, 2)


@pytest.fixture
def controls(monkeypatch):
    """The two controls, and the list of what was drawn for them."""
    boxes, drawn = [], []
    monkeypatch.setattr(interactive, "display", boxes.append)
    monkeypatch.setattr(interactive, "show", lambda ax: drawn.append(ax.get_title(loc="left")))
    likelihood_explorer(OUTCOMES)
    return boxes[0].children, drawn


def test_moving_a_control_draws_anew(controls):
    (p, n, _), drawn = controls
    assert drawn == ["Happened 15 times of 20. Likelihood: 9.5e-07"]
    p.value = 0.76
    n.value = 100
    assert len(drawn) == 3
    assert drawn[1] != drawn[0]
    assert drawn[2].startswith("Happened 75 times of 100.")


def test_no_more_outcomes_are_offered_than_there_are(controls):
    (_, n, _), _ = controls
    assert list(n.options) == [10, 20, 100]
