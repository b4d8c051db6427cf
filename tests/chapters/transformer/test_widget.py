"""The widget of a transformer's size: built without a browser, moved, and the bars change."""

from __future__ import annotations

import ipywidgets
import pytest

from coursekit.chapters.transformer.widget import size_explorer, size_figure
from coursekit.plots import interactive

COUNTS = {
    "parameters": lambda c: {
        "tokens": c.vocab_size * c.width,
        "blocks": 12 * c.n_layers * c.width**2,
    },
    "work": lambda c: {"tokens": 3, "blocks": 1},
}


def test_the_bars_are_the_counts_of_the_shape():
    ax = size_figure(COUNTS, width=64, layers=2, heads=4, vocabulary=1000)
    tokens, blocks = 64_000, 98_304
    shares = {c.get_label(): [bar.get_width() for bar in c] for c in ax.containers}
    assert shares["tokens"] == pytest.approx([tokens / (tokens + blocks), 0.75])
    names = [label.get_text() for label in ax.get_yticklabels()]
    assert names == ["162 k\nparameters", "4\nwork"]
    assert ax.get_title(loc="left") == "Width 64, 2 layers, 4 heads, 1,000 tokens"


def test_a_width_that_heads_cannot_share_is_refused():
    with pytest.raises(ValueError, match="multiple of n_heads"):
        size_figure(COUNTS, width=64, layers=2, heads=5, vocabulary=1000)


@pytest.fixture
def controls(monkeypatch):
    """The four controls, and the list of what was drawn for them."""
    boxes, drawn = [], []
    monkeypatch.setattr(interactive, "display", boxes.append)
    monkeypatch.setattr(interactive, "show", lambda ax: drawn.append(ax.get_title(loc="left")))
    size_explorer(COUNTS)
    return boxes[0].children, drawn


def test_moving_a_control_draws_anew(controls):
    (width, layers, heads, vocabulary, output), drawn = controls
    assert isinstance(output, ipywidgets.Output)
    width.value, layers.value, heads.value, vocabulary.value = 128, 3, 2, 256
    assert drawn[0] == "Width 768, 12 layers, 8 heads, 50,257 tokens"
    assert drawn[-1] == "Width 128, 3 layers, 2 heads, 256 tokens"
    assert len(drawn) == 5


def test_every_setting_is_a_possible_model(controls):
    (width, _, heads, _, _), _ = controls
    widths = range(width.min, width.max + 1, width.step)
    assert all(w % h == 0 for w in widths for h in heads.options)


def test_controls_wait_until_they_are_let_go(controls):
    (*sliders, _), _ = controls
    assert not any(slider.continuous_update for slider in sliders)
    assert [slider.description for slider in sliders] == ["width", "layers", "heads", "vocabulary"]
