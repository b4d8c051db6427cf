"""The temperature slider: built without a browser, moved, and the figure changes."""

from __future__ import annotations

import sys

import ipywidgets
import matplotlib.pyplot as plt
import pytest
import torch

from coursekit.calibration import TemperatureScaling, negative_log_likelihood
from coursekit.plots import explore, temperature_slider
from coursekit.plots.interactive import diagram_at_temperature


@pytest.fixture
def logits_and_labels():
    generator = torch.Generator().manual_seed(0)
    logits = 2 * torch.randn(400, 5, generator=generator)
    labels = torch.multinomial((logits / 1.5).softmax(-1), 1, generator=generator).squeeze(1)
    return logits, labels


def test_the_diagram_shows_the_temperature_and_its_loss(logits_and_labels):
    logits, labels = logits_and_labels
    ax = diagram_at_temperature(logits, labels, 1.5)
    nll = negative_log_likelihood((logits / 1.5).softmax(-1), labels)
    assert f"T = 1.50, NLL = {nll:.3f} nats" in ax.get_title(loc="left")


def test_the_loss_is_lowest_at_the_fitted_temperature(logits_and_labels):
    logits, labels = logits_and_labels
    best = TemperatureScaling().fit(logits, labels).temperature_

    def loss(temperature):
        title = diagram_at_temperature(logits, labels, temperature).get_title(loc="left")
        return float(title.split("NLL = ")[1].split()[0])

    assert loss(best) < min(loss(best * 0.6), loss(best / 0.6))


def test_the_slider_covers_one_and_waits_until_it_is_let_go(displayed, logits_and_labels):
    temperature_slider(*logits_and_labels)
    [box] = displayed
    slider, figure = box.children
    assert isinstance(figure, ipywidgets.Output)
    assert slider.min < 1.0 < slider.max
    assert slider.value == 1.0
    assert not slider.continuous_update


def test_moving_a_control_draws_the_figure_anew(displayed):
    drawn = []

    def draw(bins):
        drawn.append(bins)
        return plt.subplots()[1]

    explore(draw, bins=ipywidgets.IntSlider(5, 1, 20))
    displayed[0].children[0].value = 12
    assert drawn == [5, 12]


def test_every_move_is_described_anew(monkeypatch, displayed):
    texts = []
    monkeypatch.setattr(
        sys.modules["coursekit.plots.style"], "display", lambda image: texts.append(image.alt)
    )

    def draw(top):
        ax = plt.subplots()[1]
        ax.plot([0, 1], [0, top], label="line")
        return ax

    explore(draw, top=ipywidgets.IntSlider(5, 1, 20))
    displayed[0].children[0].value = 12
    assert texts == ["line: 0 at 0, 5 at 1.", "line: 0 at 0, 12 at 1."]
