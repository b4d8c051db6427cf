"""The reliability diagram without bins: the plotted numbers, not the pixels."""

from __future__ import annotations

import torch

from coursekit.plots import corp_diagram


def test_corp_curve_leaves_the_band_of_a_calibrated_model():
    confidence = torch.tensor([0.3] * 100 + [0.7] * 100, dtype=torch.float64)
    correct = torch.cat([torch.arange(100) < 30, torch.arange(100) < 40])
    ax = corp_diagram(confidence, correct, "title")
    curve = ax.lines[1].get_xydata()
    assert curve.tolist() == [[0.3, 0.3], [0.7, 0.4]]
    band = ax.collections[0].get_paths()[0].vertices
    at = {x: band[band[:, 0].round(6) == x][:, 1] for x in (0.3, 0.7)}
    assert at[0.3].min() < 0.3 < at[0.3].max()
    assert 0.5 < at[0.7].min() < 0.7 < at[0.7].max()
    # A gap of 0.3 in half of the answers: its square, halved.
    assert ax.get_title("left") == "title\nmiscalibration 0.045, discrimination 0.003"
