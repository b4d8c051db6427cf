"""Figures of learning draw the numbers they are given, and refuse what does not fit."""

from __future__ import annotations

import math

import pytest
import torch

from coursekit.chapters.maximum_likelihood.figures import (
    belief_bars,
    likelihood_curve,
    stated_against_true,
)
from coursekit.plots import training_curves


def line(ax, label):
    [found] = [line for line in ax.lines if line.get_label() == label]
    return found


def test_the_likelihood_curve_is_lowest_at_the_frequency():
    ax = likelihood_curve(3, 4, {"said": 0.5}, "Title")
    curve = ax.lines[0]
    lowest = min(range(len(curve.get_xdata())), key=lambda i: curve.get_ydata()[i])
    assert curve.get_xdata()[lowest] == pytest.approx(0.75, abs=1e-9)
    entropy = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))
    assert ax.lines[1].get_ydata()[0] == pytest.approx(entropy)
    mark = line(ax, "said: p = 0.50")
    assert (mark.get_xdata()[0], mark.get_ydata()[0]) == (0.5, pytest.approx(math.log(2)))
    assert "nats" in ax.get_ylabel()
    assert "probability" in ax.get_xlabel()
    assert ax.get_title(loc="left") == "Title"


@pytest.mark.parametrize("count", [0, 4, 5])
def test_the_likelihood_curve_needs_both_outcomes(count):
    with pytest.raises(ValueError, match=f"below the total, 4, found {count}"):
        likelihood_curve(count, 4, {}, "Title")


@pytest.mark.parametrize("marks", [{"a": 0.0}, {"a": 1.0}, dict.fromkeys("abcde", 0.5)])
def test_marks_must_lie_on_the_curve_and_be_few(marks):
    with pytest.raises(ValueError, match="marks"):
        likelihood_curve(1, 4, marks, "Title")


def test_beliefs_are_stacked_to_one():
    belief = torch.tensor([[0.25, 0.75], [0.5, 0.5], [1.0, 0.0]])
    ax = belief_bars(["sun", "rain", "sun"], belief, ["dry", "wet"], "Belief")
    dry, wet = ax.containers
    assert [bar.get_height() for bar in dry] == [0.25, 0.5, 1.0]
    assert [bar.get_y() + bar.get_height() for bar in wet] == [1, 1, 1]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["sun", "rain", "sun"]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["dry", "wet"]
    assert (ax.get_ylabel(), ax.get_title(loc="left")) == ("belief (probability)", "Belief")


@pytest.mark.parametrize(("shape", "names"), [((2, 3), "ab"), ((3, 2), "ab"), ((2, 7), "abcdefg")])
def test_beliefs_of_another_shape_are_refused(shape, names):
    with pytest.raises(ValueError, match=r"belief must have shape|names must hold 1 to 6"):
        belief_bars(["x", "y"], torch.ones(shape), list(names), "Belief")


def test_training_curves_draw_every_run_and_level():
    lines = {"a": [[3.0, 2.0], [4.0, 1.0]], "b": [[0.5, 0.25]]}
    ax = training_curves([1000, 2000], lines, "loss (nats)", "Learning", levels={"floor": 0.1})
    assert [list(drawn.get_ydata()) for drawn in ax.lines[:3]] == [*lines["a"], *lines["b"]]
    assert list(ax.lines[0].get_xdata()) == [1, 2]
    assert list(line(ax, "floor").get_ydata()) == [0.1, 0.1]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["a", "b", "floor"]
    assert ax.lines[0].get_color() == ax.lines[1].get_color() != ax.lines[2].get_color()
    assert ax.lines[0].get_linestyle() != ax.lines[2].get_linestyle()
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("tokens read (thousands)", "loss (nats)")
    assert ax.get_title(loc="left") == "Learning"


def test_training_curves_draw_on_given_axes_and_logarithmically():
    first = training_curves([1], {"a": [[1.0]]}, "y", "One")
    second = training_curves([1], {"b": [[2.0]]}, "y", "Two", log=True, ax=first)
    assert second is first
    assert first.get_yscale() == "log"


def test_a_run_of_another_length_is_refused():
    with pytest.raises(ValueError, match=r"'a'. must hold runs of 2 values.* found \[2, 1\]"):
        training_curves([1, 2], {"a": [[1.0, 2.0], [1.0]]}, "y", "title")


@pytest.mark.parametrize("lines", [{}, {str(i): [[1.0]] for i in range(5)}])
def test_too_few_or_too_many_lines_are_refused(lines):
    with pytest.raises(ValueError, match=f"must hold 1 to 4 of them, found {len(lines)}"):
        training_curves([1], lines, "y", "title")


def test_stated_against_true_draws_a_panel_a_stage_and_thins():
    stated, true = torch.linspace(0, 1, 10), torch.linspace(1, 0, 10)
    ax = stated_against_true({"early": (stated, true), "late": (true, true)}, "Both", most=5)
    early, late = ax.figure.axes
    assert early is ax
    assert list(early.lines[1].get_xdata()) == stated[::2].tolist()
    assert list(early.lines[1].get_ydata()) == true[::2].tolist()
    assert [a.get_title(loc="left") for a in (early, late)] == ["early", "late"]
    assert early.get_xlabel() == "stated probability"
    assert early.get_ylabel().startswith("true probability")
    assert ax.figure.get_suptitle() == "Both"


def test_stated_against_true_needs_pairs():
    with pytest.raises(ValueError, match=r"'x'. must have shapes"):
        stated_against_true({"x": (torch.ones(2), torch.ones(3))}, "title")
    with pytest.raises(ValueError, match="must hold at least one"):
        stated_against_true({}, "title")
