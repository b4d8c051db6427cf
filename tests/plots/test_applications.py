"""Figures of several tasks: the plotted numbers, not the pixels."""

import matplotlib.pyplot as plt
import pytest
import torch

from coursekit.calibration import Interval
from coursekit.plots import gap_rows, overlap_against_likelihood


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


def test_overlaps_share_their_likelihood_and_scale():
    likelihood = torch.tensor([-2.0, -1.0])
    first, second = torch.tensor([0.1, 0.4]), torch.tensor([0.2, 0.3])
    panels = {"own": (first, "rank correlation 0.4"), "others": (second, "and 0.3")}
    ax = overlap_against_likelihood(likelihood, panels, "written")
    left, right = ax.figure.axes
    assert ax is left
    for axes, overlap in ((left, first), (right, second)):
        [points] = axes.lines
        assert list(points.get_xdata()) == [-2.0, -1.0]
        assert list(points.get_ydata()) == overlap.tolist()
        assert axes.get_ylim() == (0, 1)
        assert "nats" in axes.get_xlabel()
    assert right.get_title(loc="left") == "others\nand 0.3"
    assert ax.figure.get_suptitle() == "written"
