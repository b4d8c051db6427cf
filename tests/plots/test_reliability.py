from __future__ import annotations

import math

import matplotlib as mpl
import numpy as np
import pytest
import torch
from scipy.stats import binomtest

from coursekit.calibration import ece_interval, expected_calibration_error, reliability_bins
from coursekit.plots import new_axes, reliability_data, reliability_diagram

#: Two used bins out of four: mean confidence 0.4 and 0.9, accuracy 1/2 and 2/3.
CONFIDENCE = [0.35, 0.45, 0.85, 0.9, 0.95]
CORRECT = [1, 0, 1, 1, 0]
FEW = {"n_bins": 4, "n_resamples": 50}


def random_predictions(n=600):
    generator = torch.Generator().manual_seed(0)
    confidence = torch.rand(n, generator=generator, dtype=torch.float64)
    return confidence, torch.rand(n, generator=generator, dtype=torch.float64) < confidence


def parts(ax):
    """The points, the gaps and the diagonal, as numbers."""
    points = ax.containers[0].lines[0].get_xydata()
    bars = np.array(ax.containers[0].lines[2][0].get_segments())
    gaps = next(
        np.array(c.get_segments())
        for c in ax.collections
        if isinstance(c, mpl.collections.LineCollection) and c.get_label() == "gap"
    )
    diagonal = next(line for line in ax.lines if line.get_label() == "calibrated").get_xydata()
    return points, bars, gaps, diagonal


def test_numbers_are_those_of_the_calibration_package():
    confidence, correct = random_predictions()
    data = reliability_data(confidence, correct, n_bins=8, binning="quantile", n_resamples=50)
    bins = reliability_bins(confidence, correct, 8, "quantile")
    assert torch.equal(data.bins.count, bins.count)
    assert torch.equal(data.histogram.count, reliability_bins(confidence, correct, 8).count)
    assert data.ece == expected_calibration_error(confidence, correct, 8, "quantile")
    found = ece_interval(confidence, correct, 8, "quantile", n_simulations=50)
    assert data.debiased_ece == found


@pytest.mark.parametrize("level", [0.8, 0.95])
def test_intervals_of_the_bins_are_wilson_intervals(level):
    data = reliability_data(*random_predictions(), n_bins=5, level=level, n_resamples=10)
    for b in range(5):
        k, n = int(data.bins.correct_count[b]), int(data.bins.count[b])
        expected = binomtest(k, n).proportion_ci(level, method="wilson")
        assert data.low[b].item() == pytest.approx(expected.low, abs=1e-12)
        assert data.high[b].item() == pytest.approx(expected.high, abs=1e-12)


def test_copies_within_a_group_do_not_narrow_the_intervals():
    confidence, correct = random_predictions(120)
    once = reliability_data(confidence, correct, n_bins=4, n_resamples=500)
    copies = [tensor.repeat_interleave(10) for tensor in (confidence, correct)]
    grouped = reliability_data(*copies, n_bins=4, groups=np.arange(1200) // 10, n_resamples=500)
    naive = reliability_data(*copies, n_bins=4, n_resamples=2)
    assert grouped.low.tolist() == pytest.approx(once.low.tolist())
    assert grouped.high.tolist() == pytest.approx(once.high.tolist())
    assert (naive.high - naive.low < 0.5 * (grouped.high - grouped.low)).all()
    ends = [(data.debiased_ece.low, data.debiased_ece.high) for data in (grouped, once)]
    assert ends[0] == pytest.approx(ends[1], abs=0.03)


def test_chance_is_what_calibrated_models_show():
    """The note's number is the 95 % point: of calibrated samples about 1 in 20 exceeds it."""
    confidence, _ = random_predictions(300)
    limit = reliability_data(confidence, confidence > 0.5).ece_if_calibrated
    generator = torch.Generator().manual_seed(5)
    draws = (torch.rand(1000, 300, generator=generator, dtype=torch.float64) < confidence).unbind()
    above = sum(expected_calibration_error(confidence, drawn) > limit for drawn in draws)
    assert 20 < above < 90  # expected 50, and the limit itself is an estimate


def test_one_prediction_tells_next_to_nothing():
    data = reliability_data([0.8], [1])
    assert data.ece == pytest.approx(0.2)
    assert data.debiased_ece.low == 0
    assert data.debiased_ece.high > 0.7


def test_one_group_has_an_error_but_no_interval():
    data = reliability_data([0.8, 0.8], [1, 1], groups=["a", "a"])
    assert data.ece == pytest.approx(0.2)
    assert math.isnan(data.debiased_ece.low)
    title = reliability_diagram([0.8, 0.8], [1, 1], groups=["a", "a"]).get_title("left")
    assert title == "ECE = 0.200, N = 2"


@pytest.mark.parametrize("inset", [False, True])
def test_what_is_drawn_is_what_was_computed(inset):
    ax = new_axes() if inset else None
    drawn = reliability_diagram(CONFIDENCE, CORRECT, ax=ax, **FEW)
    points, bars, gaps, diagonal = parts(drawn)
    # Empty bins are not drawn.
    assert points == pytest.approx(np.array([[0.4, 0.5], [0.9, 2 / 3]]))
    data = reliability_data(CONFIDENCE, CORRECT, **FEW)
    used = [1, 3]
    ends = np.stack([data.low[used], data.high[used]], axis=1)
    assert bars[:, :, 1] == pytest.approx(ends)
    assert gaps[:, :, 1] == pytest.approx(np.array([[0.4, 0.5], [0.9, 2 / 3]]))
    assert diagonal.tolist() == [[0, 0], [1, 1]]
    histogram = drawn.child_axes[0] if inset else drawn.figure.axes[1]
    assert [bar.get_height() for bar in histogram.patches] == [0, 2, 0, 3]
    assert [bar.get_x() for bar in histogram.patches] == [0, 0.25, 0.5, 0.75]
    assert not inset or drawn is ax


def test_title_labels_and_legend():
    ax = reliability_diagram(CONFIDENCE, CORRECT, title="Capitals", level=0.9, **FEW)
    data = reliability_data(CONFIDENCE, CORRECT, level=0.9, **FEW)
    assert ax.get_title("left").split("\n") == [
        "Capitals",
        f"ECE = {data.ece:.3f}, N = 5",
        f"without chance: {data.debiased_ece}",
    ]
    assert ax.get_ylabel() == "accuracy (fraction correct)"
    assert ax.figure.axes[1].get_xlabel() == "confidence (predicted probability)"
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == ["calibrated", "gap", "accuracy, 90% interval"]
    assert f"{data.ece_if_calibrated:.3f}" in ax.texts[0].get_text()


def test_points_on_the_rim_are_whole():
    ax = reliability_diagram([0.05, 0.95], [0, 1], **FEW)
    assert not ax.containers[0].lines[0].get_clip_on()


def test_drawing_leaves_global_settings_alone():
    before = dict(mpl.rcParams)
    reliability_diagram(CONFIDENCE, CORRECT, **FEW)
    assert dict(mpl.rcParams) == before


@pytest.mark.parametrize("n", [1, 10, 6000])
def test_text_fits_into_the_figure(n):
    ax = reliability_diagram(*random_predictions(n), title="A title", n_resamples=20)
    figure = ax.figure
    figure.canvas.draw()
    page = figure.bbox
    texts = [ax.title, ax._left_title, ax.yaxis.label, *ax.texts, *ax.get_legend().get_texts()]
    for text in texts:
        box = text.get_window_extent()
        assert box.x0 >= page.x0
        assert box.x1 <= page.x1
        assert box.y1 <= page.y1
    assert ax._left_title.get_window_extent().y0 > ax.get_legend().get_window_extent().y1 - 1


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        (([], []), {}, ValueError, "confidence must not be empty"),
        (([1.2], [1]), {}, ValueError, r"confidence must lie in \[0, 1\]"),
        (([0.5, 0.5], [1]), {}, ValueError, "same length"),
        (([0.5], [1]), {"n_bins": 0}, ValueError, "n_bins must be at least 1"),
        (([0.5], [1]), {"binning": "mass"}, ValueError, "binning must be one of"),
        (([0.5], [1]), {"level": 95}, ValueError, "level must lie strictly"),
        (([0.5], [1]), {"groups": [1, 2]}, ValueError, r"groups must have shape \(1,\)"),
        (([0.5], [1]), {"n_resamples": 0}, ValueError, "must be at least 1"),
    ],
)
def test_bad_input(arguments, options, error, message):
    with pytest.raises(error, match=message):
        reliability_diagram(*arguments, **options)
