"""The learner's own diagram: from what `predict` recorded, and nothing else."""

from __future__ import annotations

import pytest

from coursekit import predict
from coursekit.plots import my_predictions, predictions as module


@pytest.fixture
def drawn(tmp_path, monkeypatch):
    """The axes that were shown, with an empty record to begin with."""
    monkeypatch.setenv("COURSEKIT_PROGRESS", str(tmp_path / "progress.json"))
    shown = []
    monkeypatch.setattr(module, "show", lambda ax: shown.append(ax))
    return shown


def test_without_predictions_it_says_how_to_make_one(drawn, capsys):
    predict("unanswered", "It rains.", ...).resolve(True)
    capsys.readouterr()
    my_predictions()
    assert "not predicted anything yet" in capsys.readouterr().out
    assert drawn == []


def test_a_low_probability_is_confidence_in_the_opposite(drawn, capsys):
    predict("first", "It rains.", 0.2).resolve(False)  # 80 % sure of "no", and right
    predict("second", "It snows.", 0.8).resolve(False)  # 80 % sure of "yes", and wrong
    capsys.readouterr()
    my_predictions()
    # (0.8 - 1)² = 0.04 and (0.8 - 0)² = 0.64, in the mean 0.34
    assert "Your Brier score: 0.34." in capsys.readouterr().out
    [ax] = drawn
    assert "2 predictions" in ax.get_title(loc="left")
    assert "80% sure, 50% right" in ax.get_title(loc="left")


def test_a_single_prediction_is_enough(drawn, capsys):
    predict("only", "It rains.", 1.0).resolve(True)
    my_predictions()
    assert "Your Brier score: 0.00." in capsys.readouterr().out
    assert len(drawn) == 1
