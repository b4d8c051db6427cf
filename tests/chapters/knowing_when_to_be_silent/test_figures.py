"""Figures of notebook 14: the plotted numbers, not the pixels."""

from __future__ import annotations

import pytest
import torch
from scipy.stats import betabinom

from coursekit.calibration import Interval, RiskCoverage
from coursekit.chapters.knowing_when_to_be_silent.figures import (
    abstention_curve,
    coverage_histogram,
    risk_coverage_bands,
)


def test_bands_lie_between_the_ends():
    intervals = [Interval(0.1, 0.0, 0.2), Interval(0.5, 0.4, 0.6)]
    ax = risk_coverage_bands([0.5, 1.0], {"a": intervals}, "Title")
    line = ax.lines[0]
    assert line.get_xdata().tolist() == [0.5, 1.0]
    assert list(line.get_ydata()) == [0.1, 0.5]
    corners = ax.collections[0].get_paths()[0].vertices
    assert corners[:, 1].min() == 0.0 and corners[:, 1].max() == 0.6
    with pytest.raises(ValueError, match="must have 3 values, one for each coverage, found 2"):
        risk_coverage_bands([0.1, 0.5, 1.0], {"a": intervals}, "Title")


def test_the_point_on_the_curve():
    curve = RiskCoverage(torch.tensor([0.5, 1.0]), torch.tensor([0.1, 0.3]), torch.tensor([2, 1]))
    ax = abstention_curve(curve, 0.5, 0.1, "Title")
    assert (ax.lines[2].get_xdata()[0], ax.lines[2].get_ydata()[0]) == (0.5, 0.1)
    assert len(abstention_curve(curve, 0.0, float("nan"), "Title").lines) == 2


def test_the_histogram_stands_beside_the_law():
    coverages = torch.tensor([0.8, 0.9, 0.9, 1.0])
    ax = coverage_histogram(coverages, 19, 10, 18, "Title")
    heights = {round(bar.get_x() + bar.get_width() / 2, 3): bar.get_height() for bar in ax.patches}
    assert heights[0.9] == 0.5 and heights[0.8] == 0.25 and heights[1.0] == 0.25
    law = dict(zip(*ax.lines[0].get_data(), strict=True))
    drawn = {round(float(x), 3): float(y) for x, y in law.items()}
    assert drawn[0.9] == pytest.approx(betabinom.pmf(9, 10, 18, 2))
    with pytest.raises(ValueError, match="rank must be between 1 and 19"):
        coverage_histogram(coverages, 19, 10, 20, "Title")
