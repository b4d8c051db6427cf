"""Figures of a transformer draw the numbers they are given, and refuse what does not fit."""

from __future__ import annotations

import pytest
import torch

from coursekit.chapters.transformer.figures import (
    activation_curves,
    guess_table,
    lines_against_depth,
    seeds_against_depth,
)
from coursekit.plots import stacked_shares


def test_lines_are_drawn_as_given():
    lines = {"one": [1.0, 10.0], "two": [5.0, 0.5]}
    ax = lines_against_depth([1, 2], lines, "length", "Growth", xlabel="blocks", log=True)
    assert {line.get_label(): list(line.get_ydata()) for line in ax.lines} == lines
    assert all(list(line.get_xdata()) == [1, 2] for line in ax.lines)
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_yscale()) == ("blocks", "length", "log")
    assert ax.get_title(loc="left") == "Growth"
    # Told apart without colour, too.
    assert len({(line.get_marker(), line.get_linestyle()) for line in ax.lines}) == 2


def test_lines_need_one_value_a_depth():
    with pytest.raises(
        ValueError, match=r"'short'. must have 2 values, one for each depth, found 1"
    ):
        lines_against_depth([1, 2], {"short": [1.0]}, "y", "title")


@pytest.mark.parametrize("n", [0, 5])
def test_too_few_or_too_many_lines_are_refused(n):
    with pytest.raises(ValueError, match=f"found {n}"):
        lines_against_depth([1], {str(i): [1.0] for i in range(n)}, "y", "title")


def test_seeds_are_drawn_as_a_median_and_a_band_from_least_to_most():
    values = torch.tensor([[1.0, 10.0], [4.0, 20.0], [2.0, 90.0]])
    ax = seeds_against_depth([1, 8], {"ours": values}, "gradient", "At birth")
    assert list(ax.lines[0].get_ydata()) == [2, 20]
    corners = ax.collections[0].get_paths()[0].vertices.tolist()
    assert {tuple(corner) for corner in corners} == {(1, 1), (1, 4), (8, 10), (8, 90)}
    assert (ax.get_xlabel(), ax.get_yscale()) == ("number of blocks", "log")


def test_one_network_alone_is_no_set_of_seeds():
    with pytest.raises(ValueError, match=r"'ours' must have shape \(networks, depths\)"):
        seeds_against_depth([1, 8], {"ours": torch.ones(2)}, "y", "title")


def test_activation_curves():
    x = torch.tensor([-1.0, 0.0, 2.0])
    ax = activation_curves(x, {"ReLU": x.relu()}, "Bend")
    [line] = [line for line in ax.lines if line.get_label() == "ReLU"]
    assert list(line.get_ydata()) == [0, 0, 2]
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_title(loc="left")) == (
        "input",
        "output",
        "Bend",
    )


def test_guess_table_puts_the_first_depth_at_the_bottom():
    probs = torch.tensor([[0.1, 0.9], [0.3, 0.4], [0.5, 0.6]])
    guesses = [["a", " b"], ["c", "d"], ["e", "\n"]]
    ax = guess_table(["x", " y"], [0, 5, 9], guesses, probs, "Lens")
    assert [text.get_text() for text in ax.texts] == ["a", "␣b", "c", "d", "e", "⏎"]
    assert torch.equal(torch.tensor(ax.collections[0].get_array()), probs)
    low, high = ax.get_ylim()
    assert low < high
    assert [label.get_text() for label in ax.get_xticklabels()] == ["x", "␣y"]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["0", "5", "9"]
    assert (ax.get_ylabel(), ax.get_title(loc="left")) == ("after block", "Lens")


@pytest.mark.parametrize(
    ("guesses", "probs"),
    [([["a"]], torch.ones(1, 2)), ([["a", "b"]], torch.ones(2, 2)), ([], torch.ones(0, 2))],
)
def test_guess_table_refuses_other_shapes(guesses, probs):
    with pytest.raises(ValueError, match=r"must have shape \(1, 2\)"):
        guess_table(["x", "y"], [0], guesses, probs, "Lens")


def test_stacked_shares_add_up_to_one():
    bars = {"first": {"a": 1, "b": 3, "c": 0}, "second": {"a": 1, "b": 1, "c": 2}}
    ax = stacked_shares(bars, "share", "Parts")
    widths = {c.get_label(): [bar.get_width() for bar in c] for c in ax.containers}
    assert widths == {"a": [0.25, 0.25], "b": [0.75, 0.25], "c": [0, 0.5]}
    assert [bar.get_x() for bar in ax.containers[2]] == [1.0, 0.5]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["first", "second"]
    assert ax.yaxis_inverted()
    # A part of no size gets no label.
    assert [t.get_text() for t in ax.texts] == ["25%", "25%", "75%", "25%", "", "50%"]
    assert (ax.get_xlabel(), ax.get_title(loc="left")) == ("share", "Parts")


@pytest.mark.parametrize(
    "bars", [{}, {"x": {"a": 1}, "y": {"b": 1}}, {"x": dict.fromkeys("abcdefg", 1)}]
)
def test_stacked_shares_need_the_same_few_parts(bars):
    with pytest.raises(ValueError, match="same parts"):
        stacked_shares(bars, "share", "title")
