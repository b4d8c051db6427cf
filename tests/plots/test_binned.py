"""Reliability diagrams of an audit: the points that are drawn are those of the bins."""

from __future__ import annotations

import matplotlib.pyplot as plt
import pytest
import torch

from coursekit.calibration import reliability_bins
from coursekit.plots import binned_diagrams


@pytest.fixture
def points():
    generator = torch.Generator().manual_seed(0)
    confidence = torch.rand(300, generator=generator)
    bins = reliability_bins(confidence, torch.rand(300, generator=generator) < confidence, 5)
    return bins, (bins.accuracy - 0.1).clamp(min=0), (bins.accuracy + 0.05).clamp(max=1)


def test_each_panel_shows_its_bins(points):
    bins, low, high = points
    ax = binned_diagrams({"first": points, "second": points}, "Two models")
    figure = ax.get_figure(root=True)
    assert [panel.get_title(loc="left") for panel in figure.axes] == [
        "first, N = 300",
        "second, N = 300",
    ]
    assert figure.get_suptitle() == "Two models"
    for panel in figure.axes:
        drawn = next(line for line in panel.lines if line.get_marker() == "o")
        assert drawn.get_xdata() == pytest.approx(bins.confidence.tolist())
        assert drawn.get_ydata() == pytest.approx(bins.accuracy.tolist())
        assert panel.get_xlabel() == "confidence (probability)"
        [bars] = [c for c in panel.collections if c.get_label() != "gap" and len(c.get_segments())]
        ends = torch.tensor([[bar[0][1], bar[1][1]] for bar in bars.get_segments()])
        assert torch.allclose(ends, torch.stack([low, high], dim=1), atol=1e-6)
    assert "accuracy" in figure.axes[0].get_ylabel()
    assert len(figure.legends) == 1
    plt.close(figure)


def test_nothing_to_draw(points):
    with pytest.raises(ValueError, match="panels must hold at least one"):
        binned_diagrams({})
