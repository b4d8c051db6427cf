"""Figures of notebook 17: the plotted numbers, not the pixels."""

from __future__ import annotations

import pytest

from coursekit.chapters.limits.figures import scaling_curves


def test_lines_of_losses_may_have_their_own_x():
    lines = {"small": [0.5, 0.2], "large": [0.4, 0.1]}
    ax = scaling_curves([10, 20], lines, "tokens", "nats", "Law", own_x={"large": [30, 60]})
    drawn = {line.get_label(): line for line in ax.lines}
    assert list(drawn["small"].get_xdata()) == [10, 20]
    assert list(drawn["large"].get_xdata()) == [30, 60]
    assert list(drawn["large"].get_ydata()) == [0.4, 0.1]
    assert ax.get_xscale() == ax.get_yscale() == "log"
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_title(loc="left")) == ("tokens", "nats", "Law")


def test_axes_may_be_linear_and_then_hold_zero():
    ax = scaling_curves([10, 20], {"small": [0.5, 0.0]}, "tokens", "nats", "Law", log=False)
    assert ax.get_xscale() == ax.get_yscale() == "linear"
    assert list(ax.lines[0].get_ydata()) == [0.5, 0.0]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ({}, "lines must hold 1 to 5"),
        ({str(i): [1.0, 1.0] for i in range(6)}, "found 6"),
        ({"a": [1.0]}, r"lines\['a'\] must have 2 values, found 1"),
        ({"a": [1.0, 0.0]}, "above 0"),
    ],
)
def test_lines_that_cannot_be_drawn_are_refused(lines, message):
    with pytest.raises(ValueError, match=message):
        scaling_curves([1, 2], lines, "x", "y", "title")
