"""The forecaster's dial: built without a browser, turned, and the figure changes."""

from __future__ import annotations

import math

import ipywidgets
import pytest
import torch

from coursekit.chapters.what_is_calibration.widget import dial_view, forecaster_dial, turned
from coursekit.plots import interactive


@pytest.fixture
def rain():
    truth = torch.tensor([0.1, 0.2, 0.4, 0.9], dtype=torch.double).repeat(200)
    generator = torch.Generator().manual_seed(0)
    return truth, torch.rand(len(truth), generator=generator) < truth


def scores(ax):
    """The two Brier scores under the names of the bars."""
    _, bars = ax.figure.axes
    return [float(label.get_text().split("\n")[1]) for label in bars.get_yticklabels()]


def test_a_power_acts_on_the_odds_and_a_bias_adds_to_their_logarithm():
    truth = torch.tensor([0.2, 0.5, 0.8], dtype=torch.double)
    # Odds of 1 : 4 squared are 1 : 16, or 0.0588; times e they are e : 4, or 0.405.
    assert turned(truth, 2, 0).tolist() == [0.06, 0.5, 0.94]
    assert turned(truth, 1, 1)[0].item() == 0.4
    assert turned(truth, -1, 0).tolist() == [0.8, 0.5, 0.2]
    assert turned(truth, 0, 0).tolist() == [0.5, 0.5, 0.5]


@pytest.mark.parametrize(("power", "bias"), [(math.nan, 0), (1, math.inf)])
def test_what_is_not_finite_is_refused(power, bias):
    with pytest.raises(ValueError, match="finite"):
        turned(torch.tensor([0.5]), power, bias)


def test_honesty_scores_best_and_is_its_own_reference(rain):
    honest, dial = scores(dial_view(*rain, power=1, bias=0))
    assert honest == dial
    for power, bias in ((2, 0), (0.5, 0), (1, 1), (-1, 0)):
        honest, dial = scores(dial_view(*rain, power=power, bias=bias))
        assert dial > honest


def test_turning_the_dial_draws_the_figure_anew(displayed, rain, monkeypatch):
    drawn = []
    monkeypatch.setattr(interactive, "show", lambda ax: drawn.append(ax.get_title(loc="left")))
    forecaster_dial(*rain)
    power, bias, output = displayed[0].children
    assert isinstance(output, ipywidgets.Output)
    assert not power.continuous_update
    power.value, bias.value = 0.5, -1.0
    assert drawn == [
        "Power 2.00, bias +0.00",
        "Power 0.50, bias +0.00",
        "Power 0.50, bias -1.00",
    ]
