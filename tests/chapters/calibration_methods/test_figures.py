"""Figures that compare calibrators: the plotted numbers, not the pixels."""

from __future__ import annotations

import pytest
import torch

from coursekit.calibration import Interval
from coursekit.chapters.calibration_methods.figures import (
    ece_against_divergence,
    score_against_data,
)
from coursekit.plots import COLORS

METHODS = {
    "as it is": (Interval(0.25, 0.24, 0.27), 1.0),
    "matrix": (Interval(0.040, 0.03, 0.05), 0.25),
    "Dirichlet": (Interval(0.041, 0.03, 0.06), 0.25),
}


def test_each_method_is_a_point_with_the_interval_of_its_ece():
    ax = ece_against_divergence(METHODS, "as it is", "Two views")
    points = {
        (line.get_xdata()[0], line.get_ydata()[0]): line.get_color()
        for line in ax.lines
        if len(line.get_xdata()) == 1
    }
    assert points == {
        (0.25, 1.0): COLORS["vermillion"],
        (0.040, 0.25): COLORS["blue"],
        (0.041, 0.25): COLORS["blue"],
    }
    spans = [tuple(line.get_xdata()) for line in ax.lines if len(line.get_xdata()) == 2]
    assert sorted(spans) == [(0.03, 0.05), (0.03, 0.06), (0.24, 0.27)]
    assert ax.get_title(loc="left") == "Two views"
    assert "ECE" in ax.get_xlabel()
    assert "nats" in ax.get_ylabel()


def test_names_of_equal_methods_do_not_cover_each_other():
    ax = ece_against_divergence(METHODS, "as it is", "Two views")
    heights = {text.get_text(): text.xyann[1] for text in ax.texts}
    assert set(heights) == set(METHODS)
    low, high = sorted((heights["matrix"], heights["Dirichlet"]))
    assert high - low >= 0.05


def test_lines_join_the_medians_and_whiskers_reach_the_extremes():
    losses = torch.tensor([[2.0, 1.5], [2.6, 1.6], [2.1, 1.9]])
    ax = score_against_data([10, 100], {"vector": losses}, 2.4, "before", "Data")
    [container] = ax.containers
    line, _, [bars] = container.lines
    assert line.get_xdata().tolist() == [10, 100]
    assert line.get_ydata().tolist() == pytest.approx([2.1, 1.6])
    ends = [segment[:, 1].tolist() for segment in bars.get_segments()]
    assert ends[0] == pytest.approx([2.0, 2.6])
    assert ends[1] == pytest.approx([1.5, 1.9])
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["before", "vector"]
    assert ax.get_xscale() == "log"
    assert "nats" in ax.get_ylabel()
