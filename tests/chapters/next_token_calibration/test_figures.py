"""Figures of what a language model believes: the plotted numbers, not the pixels."""

from __future__ import annotations

import matplotlib.pyplot as plt
import pytest
import torch

from coursekit.calibration import Interval
from coursekit.chapters.next_token_calibration.figures import (
    frequency_against_probability,
    null_histogram,
)
from coursekit.plots import accuracy_and_confidence, next_token_bars, temperature_curve


@pytest.fixture(autouse=True)
def closed_figures():
    yield
    plt.close("all")


def labels(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_next_token_bars_show_spaces_and_probabilities():
    ax = next_token_bars([" Paris", "\n", "a"], torch.tensor([0.6, 0.3, 0.05]), "France ...")
    assert [bar.get_width() for bar in ax.patches] == pytest.approx([0.6, 0.3, 0.05])
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["␣Paris", "⏎", "a"]
    assert [text.get_text() for text in ax.texts] == ["0.60", "0.30", "0.05"]
    assert ax.get_xlabel() == "probability"
    assert ax.get_title(loc="left") == "France ..."


def test_equal_looking_tokens_get_a_bar_each():
    ax = next_token_bars(["a", "a"], torch.tensor([0.2, 0.1]), "two")
    assert [bar.get_width() for bar in ax.patches] == pytest.approx([0.2, 0.1])


def test_null_histogram_marks_the_95_percent_point_and_the_observed():
    null = torch.arange(101) / 1000.0
    ax = null_histogram(null, {"model": 0.2}, "null")
    positions = [line.get_xdata()[0] for line in ax.lines]
    assert positions == pytest.approx([0.095, 0.2])
    assert labels(ax) == ["95 % of them lie left", "model: 0.200"]
    assert sum(bar.get_height() for bar in ax.patches) == 101


def test_accuracy_and_confidence_has_a_row_for_each_group():
    accuracy = {"prose": Interval(0.4, 0.3, 0.5), "code": Interval(0.6, 0.55, 0.65)}
    confidence = {"prose": Interval(0.45, 0.4, 0.5), "code": Interval(0.61, 0.6, 0.62)}
    ax = accuracy_and_confidence(accuracy, confidence, "two texts", of="answers")
    assert ax.get_xlabel() == "probability, or fraction of answers"
    intervals = [tuple(line.get_xdata()) for line in ax.lines if len(line.get_xdata()) == 2]
    points = [line.get_xdata()[0] for line in ax.lines if len(line.get_xdata()) == 1]
    assert intervals == [(0.3, 0.5), (0.55, 0.65), (0.4, 0.5), (0.6, 0.62)]
    assert points == [0.4, 0.6, 0.45, 0.61]
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["prose", "code"]
    assert labels(ax) == ["accuracy", "mean confidence"]


def test_temperature_curve_marks_one_and_the_best():
    ax = temperature_curve(torch.tensor([0.5, 1.0, 2.0]), torch.tensor([3.0, 2.0, 2.5]), 1.0, "T")
    curve, one, best = ax.lines
    assert list(curve.get_ydata()) == [3.0, 2.0, 2.5]
    assert one.get_xdata()[0] == 1.0
    assert (best.get_xdata()[0], best.get_ydata()[0]) == (1.0, 2.0)
    assert "nats" in ax.get_ylabel()


def test_frequencies_have_poisson_intervals_and_empty_bins_are_left_out():
    ax = frequency_against_probability(
        torch.tensor([1e-4, 1e-2, 0.5]),
        torch.tensor([0.0, 0.012, 0.45]),
        torch.tensor([0, 100, 4]),
        "decades",
    )
    points, _, [bars] = ax.containers[0]
    assert list(points.get_xdata()) == pytest.approx([1e-2, 0.5])
    low, high = bars.get_segments()[0][:, 1]
    # A hundred events, square root 10, give or take 0.98: (9.02, 10.98) squared over a hundred.
    assert low == pytest.approx(0.012 * 9.02**2 / 100, rel=1e-4)
    assert high == pytest.approx(0.012 * 10.98**2 / 100, rel=1e-4)
    assert ax.get_xscale() == ax.get_yscale() == "log"
