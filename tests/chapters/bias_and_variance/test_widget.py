"""The order explorer: built without a browser, moved, and the figure changes."""

from __future__ import annotations

import pytest

from coursekit.chapters.bias_and_variance.widget import order_explorer, order_view
from coursekit.plots import interactive


def parts(order, sequences, smoothing, backoff):
    """Parts from which one can tell what was asked for."""
    return order + smoothing, sequences + 0.5 * backoff


def heights(ax):
    return [bar.get_height() for bar in ax.patches]


def test_every_order_has_its_two_parts():
    ax = order_view(parts, order=2, sequences=20, smoothing=0.1, backoff=True)
    assert heights(ax)[:6] == pytest.approx([order + 0.1 for order in range(6)])
    assert heights(ax)[6:] == pytest.approx([20.5] * 6)
    assert ax.get_title(loc="left") == "1,280 words, order 2: 2.100 + 20.500 = 22.600"
    assert ax.get_xlabel().startswith("order")
    assert ax.get_ylabel() == "squared error of the law"


def test_the_chosen_order_is_framed():
    ax = order_view(parts, order=4, sequences=20, smoothing=1.0, backoff=False)
    assert [i for i, bar in enumerate(ax.patches) if bar.get_linewidth() == 3] == [6 + 4]


@pytest.mark.parametrize("order", [-1, 6])
def test_an_order_that_is_not_drawn_is_refused(order):
    with pytest.raises(ValueError, match=f"order must be 0 to 5, found {order}"):
        order_view(parts, order=order, sequences=20, smoothing=1.0, backoff=True)


def test_moving_draws_the_figure_anew(displayed, monkeypatch):
    drawn = []
    monkeypatch.setattr(interactive, "show", lambda ax: drawn.append(ax))
    order_explorer(parts, sequences=(5, 100))
    order, sequences, smoothing, prior, _ = displayed[0].children
    order.value, sequences.value, smoothing.value, prior.value = 3, 100, 10.0, False
    assert [ax.get_title(loc="left") for ax in drawn] == [
        "320 words, order 1: 2.000 + 5.500 = 7.500",
        "320 words, order 3: 4.000 + 5.500 = 9.500",
        "6,400 words, order 3: 4.000 + 100.500 = 104.500",
        "6,400 words, order 3: 13.000 + 100.500 = 113.500",
        "6,400 words, order 3: 13.000 + 100.000 = 113.000",
    ]
