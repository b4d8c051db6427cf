"""Figures of calibration metrics: the plotted numbers, not the pixels."""

from __future__ import annotations

import matplotlib.colors
import pytest
import torch

from coursekit.calibration import Interval, consistency_bands, risk_coverage_curve
from coursekit.chapters.calibration_metrics.figures import (
    error_estimates,
    estimates_histogram,
    rejection_curves,
    risk_coverage_curves,
)
from coursekit.plots import COLORS, consistency_diagram, interval_rows


def labels(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_estimates_show_their_mean_their_spread_and_the_truth():
    estimates = torch.stack([torch.arange(101) / 100.0, torch.arange(101) / 200.0])
    ax = error_estimates([100, 1000], {"model": estimates}, {"model": 0.25}, "N", "title")
    mean, truth = ax.lines
    assert list(mean.get_xdata()) == [100, 1000]
    assert list(mean.get_ydata()) == pytest.approx([0.5, 0.25])
    assert truth.get_ydata()[0] == 0.25
    band = ax.collections[0].get_paths()[0].vertices
    assert {y for x, y in band.round(5).tolist() if x == 100} == {0.025, 0.975}
    assert labels(ax) == ["model: mean, middle 95 %", "model: true error, 0.25"]
    assert (ax.get_xscale(), ax.get_xlabel(), ax.get_ylabel()) == ("log", "N", "estimated ECE")
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["100", "1,000"]


@pytest.mark.parametrize("shape", [(3, 5), (2,)])
def test_estimates_need_a_row_for_each_x(shape):
    with pytest.raises(ValueError, match=r"estimates\['model'\] must have 2 rows"):
        error_estimates([1, 2], {"model": torch.zeros(shape)}, {"model": 0.0}, "N", "title")


def test_a_point_outside_its_band_is_marked():
    confidence = torch.tensor([0.25] * 100 + [0.75] * 100)
    correct = torch.cat([torch.arange(100) < 25, torch.arange(100) < 30])
    ax = consistency_diagram(confidence, correct, "title", n_bins=2)
    _, inside, outside = ax.lines
    assert (list(inside.get_xdata()), list(inside.get_ydata())) == ([0.25], [0.25])
    assert (list(outside.get_xdata()), list(outside.get_ydata())) == ([0.75], [0.3])
    assert matplotlib.colors.same_color(outside.get_color(), COLORS["vermillion"])
    bands = consistency_bands(confidence, 2)
    drawn = [segment[:, 1].tolist() for segment in ax.collections[0].get_segments()]
    assert drawn == torch.stack([bands.low, bands.high], dim=1).tolist()
    assert "confidence" in ax.get_xlabel() and "accuracy" in ax.get_ylabel()


def test_empty_bins_have_no_point_and_no_band():
    ax = consistency_diagram(torch.full((50,), 0.5), torch.arange(50) < 25, "title", n_bins=10)
    assert len(ax.collections[0].get_segments()) == 1
    assert labels(ax) == ["calibrated: 95 % band", "inside the band"]


def test_the_histogram_names_mean_and_truth():
    ax = estimates_histogram(torch.tensor([0.1, 0.2, 0.3]), 0.05, "title")
    assert sum(bar.get_height() for bar in ax.patches) == 3
    assert [line.get_xdata()[0] for line in ax.lines] == pytest.approx([0.2, 0.05])
    assert labels(ax) == ["their mean, 0.200", "true error, 0.050"]
    assert ax.get_xlim() == pytest.approx((-0.01, 0.4))


def test_the_histogram_holds_large_estimates_too():
    ax = estimates_histogram(torch.tensor([0.5, 0.8]), 0.6, "title")
    assert ax.get_xlim()[1] > 0.8


def test_rejections_are_drawn_beside_the_level():
    ax = rejection_curves([50, 100], {"bad": [0.4, 0.9], "good": [0.05, 0.04]}, 0.05, "title")
    assert [list(line.get_ydata())[:2] for line in ax.lines] == [
        [0.4, 0.9],
        [0.05, 0.04],
        [0.05, 0.05],
    ]
    assert labels(ax) == ["bad", "good", "level of the test, 0.05"]


def test_risk_is_drawn_against_coverage():
    curve = risk_coverage_curve(torch.tensor([0.9, 0.8, 0.7, 0.6]), torch.tensor([1, 1, 0, 0]))
    ax = risk_coverage_curves({"model": curve}, "title")
    assert list(ax.lines[0].get_xdata()) == [0.25, 0.5, 0.75, 1.0]
    assert list(ax.lines[0].get_ydata()) == pytest.approx([0, 0, 1 / 3, 0.5])
    assert labels(ax) == ["model", "all answered: 0.50"]
    assert ax.get_title(loc="left") == "title"


def test_rows_have_their_interval_and_are_hollow_over_the_reference():
    rows = {"clear": Interval(0.8, 0.7, 0.9), "chance": Interval(0.55, 0.45, 0.65)}
    ax = interval_rows(rows, "AUROC", "Title", (0.5, "coin"))
    spans = [tuple(line.get_xdata()) for line in ax.lines if len(line.get_xdata()) == 2]
    assert spans[:2] == [(0.7, 0.9), (0.45, 0.65)]
    points = [line for line in ax.lines if len(line.get_xdata()) == 1]
    assert [point.get_xdata()[0] for point in points] == [0.8, 0.55]
    assert [point.get_markerfacecolor() for point in points][1] == "white"
    assert points[0].get_markerfacecolor() != "white"
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["clear", "chance"]
    assert labels(ax) == ["coin"]
    assert interval_rows(rows, "AUROC", "Title").get_legend() is None


def test_samples_are_counted_in_whole_numbers():
    ax = estimates_histogram(torch.tensor([0.1, 0.2, 0.3]), 0.05, "title")
    assert all(tick == int(tick) for tick in ax.get_yticks())
