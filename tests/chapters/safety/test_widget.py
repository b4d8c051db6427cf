"""The canary explorer: built without a browser, moved, and the figure changes."""

from __future__ import annotations

import pytest
import torch

from coursekit.chapters.safety.widget import canary_explorer, canary_view
from coursekit.plots import interactive

MODELS = {
    "as it was": torch.arange(20.0).view(4, 5).log_softmax(dim=-1),
    "without duplicates": torch.zeros(4, 5).log_softmax(dim=-1) - torch.arange(5.0),
}
SECRETS, REPETITIONS = [4, 0, 1, 2], [0, 0, 16, 16]


def labels(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_the_secret_of_the_chosen_canary_is_ranked_in_each_model():
    ax = canary_view(MODELS, SECRETS, REPETITIONS, canary=2)
    assert labels(ax) == ["as it was: rank 4, 0.3 bits", "without duplicates: rank 2, 1.3 bits"]
    assert "planted 16 times" in ax.get_title(loc="left")


@pytest.mark.parametrize("canary", [-1, 4])
def test_a_canary_that_is_not_there_is_refused(canary):
    with pytest.raises(ValueError, match=f"canary must be 0 to 3, found {canary}"):
        canary_view(MODELS, SECRETS, REPETITIONS, canary)


def test_moving_draws_another_canary(displayed, monkeypatch):
    drawn = []
    monkeypatch.setattr(interactive, "show", lambda ax: drawn.append(ax.get_title(loc="left")))
    canary_explorer(MODELS, SECRETS, REPETITIONS)
    planted, which, _ = displayed[0].children
    which.value, planted.value = 1, 0
    assert [title.split(",")[0] for title in drawn] == ["Canary 2", "Canary 3", "Canary 1"]
    assert "planted 0 times" in drawn[-1]
