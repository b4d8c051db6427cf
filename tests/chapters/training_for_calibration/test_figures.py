"""Figures of notebook 18 draw what they are given, and refuse what does not fit."""

from __future__ import annotations

import pytest
import torch

from coursekit.chapters.training_for_calibration import figures


def test_curves_are_means_with_a_band_and_points():
    runs = {"a": [[0.0, 1.0], [2.0, 3.0]], "b": [[5.0, 6.0]]}
    ax = figures.curves(
        [1, 10], runs, "steps", "nats", "T", points={"seen": ([1], [4.0])}, log=True
    )
    assert [line.get_ydata().tolist() for line in ax.lines] == [[1.0, 2.0], [5.0, 6.0], [4.0]]
    assert len(ax.collections) == 1  # one run has no band
    assert ax.get_xscale() == "log"


def test_each_confidence_stands_against_the_truth():
    truth = torch.tensor([0.2, 0.6])
    ax = figures.against_truth(truth, {"token": torch.tensor([0.9, 1.0])}, "T")
    assert ax.lines[1].get_xdata().tolist() == pytest.approx([0.2, 0.6])
    assert ax.lines[1].get_ydata().tolist() == pytest.approx([0.9, 1.0])


@pytest.mark.parametrize(
    "call",
    [
        lambda: figures.curves([1], {}, "x", "y", "T"),
        lambda: figures.curves([1, 2], {"a": [[1.0]]}, "x", "y", "T"),
        lambda: figures.against_truth(torch.ones(2), {}, "T"),
        lambda: figures.against_truth(torch.ones(2), {"a": torch.ones(3)}, "T"),
    ],
)
def test_what_does_not_fit_is_refused(call):
    with pytest.raises(ValueError, match="must"):
        call()
