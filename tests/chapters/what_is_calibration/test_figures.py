"""Figures of forecasters: what is drawn is what was given, and bad input is refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from coursekit.chapters.what_is_calibration.figures import (
    attributes_diagram,
    attributes_panels,
    brier_parts,
    expected_score_curves,
    loss_parts,
)

STATED = torch.tensor([0.2] * 5 + [0.8] * 4 + [0.5], dtype=torch.double)
HAPPENED = torch.tensor([1, 0, 0, 0, 0, 1, 1, 1, 0, 1], dtype=torch.bool)


def points(ax):
    """Place of every point that was drawn."""
    return ax.collections[-1].get_offsets().data


def test_points_are_the_values_and_how_often_it_happened():
    ax = attributes_diagram(STATED, HAPPENED, "Rain", at_least=1)
    np.testing.assert_allclose(points(ax), [[0.2, 0.2], [0.5, 1.0], [0.8, 0.75]])
    sizes = ax.collections[-1].get_sizes()
    assert sizes[0] > sizes[2] > sizes[1]
    lines = {line.get_label(): line for line in ax.lines}
    assert list(lines["base rate"].get_ydata()) == [0.5, 0.5]
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_title(loc="left")) == (
        "stated probability",
        "how often it happened (fraction)",
        "Rain",
    )


def test_rare_values_are_left_out():
    ax = attributes_diagram(STATED, HAPPENED, "Rain", at_least=4)
    np.testing.assert_allclose(points(ax)[:, 0], [0.2, 0.8])


def test_a_probability_above_one_is_refused():
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        attributes_diagram(STATED + 1, HAPPENED, "Rain")


def test_each_forecaster_has_a_panel_and_the_rest_are_hidden():
    ax = attributes_panels({"honest": STATED, "turned": 1 - STATED}, HAPPENED, at_least=1)
    panels = [panel for panel in ax.figure.axes if panel.get_visible()]
    assert [panel.get_title(loc="left") for panel in panels] == ["honest", "turned"]
    np.testing.assert_allclose(points(panels[1]), [[0.2, 0.75], [0.5, 1.0], [0.8, 0.2]])
    [legend] = ax.figure.legends
    assert "base rate" in [text.get_text() for text in legend.get_texts()]


def test_bars_lead_from_the_uncertainty_to_the_score():
    ax = brier_parts({"a": (0.03, 0.05, 0.25), "b": (0.0, 0.1, 0.25)}, "Parts")
    spans = [(bar.get_x(), bar.get_x() + bar.get_width()) for bar in ax.patches]
    np.testing.assert_allclose(spans, [(0.2, 0.25), (0.2, 0.23), (0.15, 0.25), (0.15, 0.15)])
    scores = [line.get_xdata()[0] for line in ax.lines if line.get_marker() == "D"]
    np.testing.assert_allclose(scores, [0.23, 0.15])
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a\n0.230", "b\n0.150"]
    assert ax.yaxis_inverted()
    assert ax.get_xlabel() == "Brier score (lower is better)"


def test_the_lowest_point_is_marked_unless_many_are_as_low():
    stated = torch.tensor([0.1, 0.2, 0.3, 0.4])
    curves = {"bowl": (stated - 0.3) ** 2, "flat": torch.tensor([1.0, 1.0, 2.0, 2.0])}
    first = expected_score_curves(stated, curves, truth=0.3, title="Scores")
    bowl, flat = first.figure.axes
    [mark] = [line for line in bowl.lines if line.get_marker() == "D"]
    assert mark.get_xdata()[0] == pytest.approx(0.3)
    assert mark.get_label() == "lowest at 0.30"
    assert not [line for line in flat.lines if line.get_marker() == "D"]
    assert (bowl.get_title(loc="left"), flat.get_title(loc="left")) == ("bowl", "flat")
    assert first.get_ylabel() == "expected score\n(lower is better)"
    assert first.figure.get_suptitle() == "Scores"


def test_parts_of_a_loss_stand_side_by_side_with_their_sum():
    bars = {"first": {"a": 1.0, "b": 2.0}, "second": {"a": 0.5, "b": 0.0}}
    ax = loss_parts(bars, "loss (nats)", "Loss")
    spans = {c.get_label(): [(bar.get_x(), bar.get_width()) for bar in c] for c in ax.containers}
    assert spans == {"a": [(0, 1), (0, 0.5)], "b": [(1, 2), (0.5, 0)]}
    assert [text.get_text().strip() for text in ax.texts] == ["3.00", "0.50"]
    assert (ax.get_xlabel(), ax.get_title(loc="left")) == ("loss (nats)", "Loss")


@pytest.mark.parametrize(
    "bars", [{}, {"x": {"a": 1}, "y": {"b": 1}}, {"x": dict.fromkeys("abcdef", 1)}]
)
def test_parts_of_a_loss_need_the_same_few_parts(bars):
    with pytest.raises(ValueError, match="same parts"):
        loss_parts(bars, "loss", "title")
