"""The attention explorer: built without a browser, moved, and the figure changes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from coursekit.chapters.self_attention.widget import attention_explorer, head_map
from coursekit.plots import interactive

TOKENS = ["The", " cat", " sat"]


@pytest.fixture
def weights():
    scores = torch.randn(2, 3, 3, 3, generator=torch.Generator().manual_seed(0))
    return scores.softmax(dim=-1)


def test_the_title_names_the_strongest_look(weights):
    weights[1, 2, 0] = torch.tensor([0.1, 0.7, 0.2])
    ax = head_map(weights, TOKENS, layer=1, head=2, token=0)
    assert ax.get_title(loc="left") == "Layer 1, head 2:\n'The' looks most at ' cat' (0.70)"
    np.testing.assert_array_equal(ax.collections[0].get_array(), weights[1, 2])
    [frame] = ax.patches
    assert frame.get_y() == 0


def test_the_controls_cover_every_layer_head_and_token(displayed, weights):
    attention_explorer(weights, TOKENS, layer=1)
    layer, head, token, _ = displayed[0].children
    assert (layer.min, layer.max, layer.value) == (0, 1, 1)
    assert (head.min, head.max, head.value) == (0, 2, 0)
    assert [value for _, value in token.options] == [0, 1, 2]
    assert token.value == 2


def test_moving_a_control_draws_another_map(displayed, weights, monkeypatch):
    drawn = []
    monkeypatch.setattr(interactive, "show", lambda ax: drawn.append(ax))
    attention_explorer(weights, TOKENS)
    layer, head, token, _ = displayed[0].children
    layer.value, head.value, token.value = 1, 2, 0
    maps = [ax.collections[0].get_array() for ax in drawn]
    for seen, expected in zip(maps, weights[[0, 1, 1, 1], [0, 0, 2, 2]], strict=True):
        np.testing.assert_array_equal(seen, expected)
    assert [ax.patches[0].get_y() for ax in drawn] == [2, 2, 2, 0]


def test_weights_of_another_shape_are_refused(weights):
    with pytest.raises(ValueError, match=r"weights must have shape \(layers, heads, 3, 3\)"):
        attention_explorer(weights[0], TOKENS)
    with pytest.raises(ValueError, match=r"weights must have shape \(layers, heads, 2, 2\)"):
        attention_explorer(weights, TOKENS[:2])
