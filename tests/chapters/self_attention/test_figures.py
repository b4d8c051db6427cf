"""Figures of attention: the plotted numbers, titles and labels, not the pixels."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from coursekit.chapters.self_attention.figures import (
    attention_map,
    entropy_curves,
    head_grid,
    multiply_add_curves,
    phase_change,
)

WEIGHTS = torch.tensor([[1.0, 0.0], [0.25, 0.75]])


def test_the_map_shows_the_weights_rows_look_at_columns():
    ax = attention_map(WEIGHTS, [" a", "\n"], "a head", numbers=True)
    [image] = ax.collections
    np.testing.assert_array_equal(image.get_array(), WEIGHTS)
    assert image.get_clim() == (0, 1)
    written = {text.get_position(): text.get_text() for text in ax.texts}
    assert written == {
        (0.5, 0.5): "1.00",
        (1.5, 0.5): "0.00",
        (0.5, 1.5): "0.25",
        (1.5, 1.5): "0.75",
    }
    assert [label.get_text() for label in ax.get_yticklabels()] == ["␣a", "⏎"]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["␣a", "⏎"]
    assert "key" in ax.get_xlabel()
    assert "query" in ax.get_ylabel()
    assert ax.get_title(loc="left") == "a head"


def test_the_map_frames_one_whole_row():
    assert not attention_map(WEIGHTS, ["a", "b"], "none").patches
    [frame] = attention_map(WEIGHTS, ["a", "b"], "second", marked=1).patches
    assert frame.get_bbox().bounds == (0, 1, 2, 1)


@pytest.mark.parametrize("shape", [(2, 3), (3, 3), (1, 2, 2)])
def test_a_map_of_another_shape_is_refused(shape):
    with pytest.raises(ValueError, match=r"weights must have shape \(2, 2\).* found"):
        attention_map(torch.zeros(shape), ["a", "b"], "wrong")


@pytest.mark.parametrize("row", [-1, 2])
def test_a_row_that_is_not_there_is_refused(row):
    with pytest.raises(ValueError, match="marked must be a row from 0 to 1"):
        attention_map(WEIGHTS, ["a", "b"], "wrong", marked=row)


def test_the_grid_has_a_column_a_layer_and_a_row_a_head():
    values = torch.arange(6).reshape(3, 2) / 10.0
    ax = head_grid(values, "weight", "heads")
    np.testing.assert_array_equal(ax.collections[0].get_array(), values.T)
    assert ax.get_xlabel().startswith("layer")
    assert ax.get_ylabel() == "head"
    with pytest.raises(ValueError, match=r"values must have shape \(layers, heads\)"):
        head_grid(values[0], "weight", "heads")


def test_entropies_are_drawn_under_that_of_equal_weights():
    ax = entropy_curves([4, 16], {"divided": [1.0, 0.9], "not": [0.8, 0.2]}, math.log(4), "spread")
    divided, undivided, equal = ax.lines
    assert list(divided.get_ydata()) == [1.0, 0.9]
    assert list(undivided.get_ydata()) == [0.8, 0.2]
    assert equal.get_ydata()[0] == math.log(4) < ax.get_ylim()[1]
    assert "nats" in ax.get_ylabel()
    assert [label.get_text() for label in ax.get_xticklabels()] == ["4", "16"]


def test_multiply_adds_are_drawn_on_logarithmic_axes():
    ax = multiply_add_curves([1, 2], {"again": [10, 40], "cache": [10, 20]}, "cost")
    assert [list(line.get_ydata()) for line in ax.lines] == [[10, 40], [10, 20]]
    assert ax.get_xscale() == ax.get_yscale() == "log"
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["again", "cache"]


def test_a_curve_of_another_length_is_refused():
    with pytest.raises(ValueError, match=r"curves\['cache'\] must have 2 values, found 1"):
        multiply_add_curves([1, 2], {"again": [1, 2], "cache": [1]}, "cost")
    with pytest.raises(ValueError, match=r"curves\['divided'\] must have 2 values, found 3"):
        entropy_curves([1, 2], {"divided": [1, 2, 3]}, 1.0, "spread")


def test_phase_change_draws_each_seed_and_the_mean():
    losses, scores = torch.tensor([[3.0, 2.0], [1.0, 2.0]]), torch.tensor([[0.1, 0.1], [0.9, 0.5]])
    left = phase_change([0, 10], {"two layers": losses}, {"previous": scores}, "a fall")
    right = left.figure.axes[1]
    assert [list(line.get_ydata()) for line in left.lines] == [[3, 1], [2, 2], [2.5, 1.5]]
    assert list(right.lines[-1].get_ydata()) == pytest.approx([0.1, 0.7])
    assert left.get_title(loc="left") == "a fall"
    assert "nats" in left.get_ylabel()


def test_phase_change_wants_a_row_for_each_step():
    with pytest.raises(ValueError, match="values must have shape"):
        phase_change([0, 10], {"two": torch.ones(3, 5)}, {"previous": torch.ones(2, 5)}, "T")
