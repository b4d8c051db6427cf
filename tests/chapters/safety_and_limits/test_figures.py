"""Figures of notebook 15: the plotted numbers, not the pixels."""

from __future__ import annotations

import pytest
import torch

from coursekit.chapters.safety_and_limits.figures import scaling_curves, secret_ranks

LOG_PROBS = torch.tensor([0.1, 0.4, 0.2, 0.3]).log()


def test_secrets_are_sorted_and_the_true_one_is_marked_at_its_rank():
    ax = secret_ranks({"once": (LOG_PROBS, 2), "often": (LOG_PROBS, 1)}, "Ranks")
    curve, mark, _, other = ax.lines
    assert list(curve.get_xdata()) == [1, 2, 3, 4]
    assert curve.get_ydata() == pytest.approx([0.4, 0.3, 0.2, 0.1])
    assert (mark.get_xdata()[0], mark.get_ydata()[0]) == (3, pytest.approx(0.2))
    assert (other.get_xdata()[0], other.get_ydata()[0]) == (1, pytest.approx(0.4))
    assert [text.get_text() for text in ax.get_legend().get_texts()] == [
        "once: rank 3, 0.4 bits",
        "often: rank 1, 2.0 bits",
    ]
    assert ax.get_xscale() == ax.get_yscale() == "log"
    assert "probability" in ax.get_ylabel()


def test_lines_of_losses_may_have_their_own_x():
    lines = {"small": [0.5, 0.2], "large": [0.4, 0.1]}
    ax = scaling_curves([10, 20], lines, "tokens", "nats", "Law", own_x={"large": [30, 60]})
    drawn = {line.get_label(): line for line in ax.lines}
    assert list(drawn["small"].get_xdata()) == [10, 20]
    assert list(drawn["large"].get_xdata()) == [30, 60]
    assert list(drawn["large"].get_ydata()) == [0.4, 0.1]
    assert ax.get_xscale() == ax.get_yscale() == "log"
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_title(loc="left")) == ("tokens", "nats", "Law")


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


@pytest.mark.parametrize("n", [0, 6])
def test_too_few_or_too_many_curves_are_refused(n):
    with pytest.raises(ValueError, match=f"found {n}"):
        secret_ranks({str(i): (LOG_PROBS, 0) for i in range(n)}, "title")
