"""The rotary explorer: built without a browser, moved, and the figure changes."""

from __future__ import annotations

import math

import pytest
import torch

from coursekit.chapters.positional_encoding.widget import rotary_explorer, rotary_view
from coursekit.plots import interactive

QUERY = torch.tensor([1.0, 0.5, -0.3, 2.0])
KEY = torch.tensor([0.2, -1.0, 0.7, 0.4])


def scores(position, **settings):
    """The curve on the right: the score at each distance."""
    return rotary_view(QUERY, KEY, position, 0, **settings).figure.axes[1].lines[0].get_ydata()


def test_scores_are_the_complex_form_of_the_paper():
    q, k = torch.complex(QUERY[:2], QUERY[2:]), torch.complex(KEY[:2], KEY[2:])
    frequency = torch.tensor([1.0, 10000.0**-0.5])
    for distance, score in enumerate(scores(20)):
        turned = q * k.conj() * torch.exp(1j * frequency * distance)
        assert score == pytest.approx(turned.real.sum().item() / 2, abs=1e-5)


def test_moving_the_query_moves_no_score():
    assert list(scores(300)[:21]) == pytest.approx(list(scores(20)), abs=1e-4)


def test_the_pair_and_the_base_give_the_frequency():
    left = rotary_view(QUERY, KEY, 20, 3, pair=1, base=100.0)
    assert left.get_title(loc="left") == "this pair: 0.1 rad a token"
    arrow = left.lines[1]  # the query (0.5, 2.0) at position 20, turned by 2 rad
    assert arrow.get_xdata()[1] == pytest.approx(0.5 * math.cos(2) - 2.0 * math.sin(2))


def test_a_key_never_stands_before_the_text():
    ax = rotary_view(QUERY, KEY, 5, 100).figure.axes[1]
    assert ax.get_title(loc="left").startswith("distance 5:")


@pytest.mark.parametrize("pair", [-1, 2])
def test_there_are_half_as_many_pairs_as_coordinates(pair):
    with pytest.raises(ValueError, match=f"pair must be 0 to 1, found {pair}"):
        rotary_view(QUERY, KEY, 5, 1, pair=pair)


def test_sliding_draws_the_figure_anew(monkeypatch):
    shown, drawn = [], []
    monkeypatch.setattr(interactive, "display", shown.append)
    monkeypatch.setattr(interactive, "show", lambda ax: drawn.append(ax.figure.axes[1]))
    rotary_explorer(QUERY, KEY)
    distance, position, pair, base, _ = shown[0].children
    distance.value, position.value, base.value = 0, 0, 100.0
    assert pair.max == 1
    titles = [ax.get_title(loc="left").split(":")[0] for ax in drawn]
    assert titles == ["distance 8", "distance 0", "distance 0", "distance 0"]
    assert len(drawn[-1].lines[0].get_xdata()) == 1
