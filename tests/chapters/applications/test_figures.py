"""Figures of several tasks: the plotted numbers, not the pixels."""

from __future__ import annotations

import matplotlib.pyplot as plt
import pytest
import torch

from coursekit.calibration import Interval
from coursekit.chapters.applications.figures import gap_rows, overlap_against_likelihood


@pytest.fixture(autouse=True)
def closed_figures():
    yield
    plt.close("all")


def test_gap_rows_draw_every_gap_with_its_interval():
    pooled = {"French": Interval(0.1, 0.0, 0.2), "Chinese": Interval(0.3, 0.2, 0.4)}
    own = {"French": Interval(0.0, -0.1, 0.1), "Chinese": Interval(0.2, 0.1, 0.3)}
    ax = gap_rows({"one": pooled, "each": own}, "gaps")
    intervals = [tuple(line.get_xdata()) for line in ax.lines if len(line.get_xdata()) == 2]
    points = [line.get_xdata()[0] for line in ax.lines if len(line.get_xdata()) == 1]
    assert intervals == [(0, 0), (0.0, 0.2), (0.2, 0.4), (-0.1, 0.1), (0.1, 0.3)]
    assert points == [0.1, 0.3, 0.0, 0.2]
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["French", "Chinese"]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["one", "each"]
    heights = [line.get_ydata()[0] for line in ax.lines if len(line.get_xdata()) == 1]
    assert len(set(heights)) == 4, "no point hides another"
    bottom, top = ax.get_ylim()
    assert bottom > top, "the first task is on top"


def test_overlaps_lie_over_their_likelihoods():
    series = {
        "copies": (torch.tensor([-0.5, -0.25]), torch.tensor([0.125, 0.25])),
        "own words": (torch.tensor([-1.5]), torch.tensor([0.5])),
    }
    ax = overlap_against_likelihood(series, (0.3, "a rule"), "written")
    points = [(line.get_xdata(), line.get_ydata()) for line in ax.lines]
    assert [list(x) for x, _ in points[:2]] == [[-0.5, -0.25], [-1.5]]
    assert [list(y) for _, y in points[:2]] == [[0.125, 0.25], [0.5]]
    assert set(points[2][1]) == {0.3}
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == ["copies (n = 2)", "own words (n = 1)", "a rule"]
    assert "nats" in ax.get_xlabel() and ax.get_ylim()[0] == 0
    assert ax.get_title(loc="left") == "written"
