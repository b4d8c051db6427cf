"""Figures of positions: the plotted numbers, not the pixels."""

from __future__ import annotations

import math

import pytest
import torch

from coursekit.chapters.positional_encoding.figures import (
    accuracy_by_position,
    bias_heatmaps,
    loss_against_gap,
    pair_and_score,
    position_heatmap,
    products_by_distance,
    turned_pairs,
)

QUERY, KEY = torch.tensor([1.0, 0.0]), torch.tensor([0.0, 2.0])


def title(ax):
    return ax.get_title(loc="left")


def ends(ax):
    """Where the two turned arrows end."""
    return [
        (line.get_xdata()[0], line.get_ydata()[0])
        for line in ax.lines
        if len(line.get_xdata()) == 1
    ]


def test_position_heatmap_shows_the_table():
    table = torch.arange(6.0).view(3, 2) / 6
    ax = position_heatmap(table, "a table")
    assert torch.equal(torch.tensor(ax.collections[0].get_array()), table)
    assert (title(ax), ax.get_xlabel()) == ("a table", "coordinate")
    assert ax.get_ylabel() == "position (tokens)"


def test_position_heatmap_needs_a_matrix():
    with pytest.raises(ValueError, match=r"table must have .*\(positions, width\), found \(3,\)"):
        position_heatmap(torch.zeros(3), "no table")


def test_products_by_distance_starts_at_distance_zero():
    ax = products_by_distance([3.0, 2.0, 2.5], "products")
    assert list(ax.lines[0].get_xdata()) == [0, 1, 2]
    assert list(ax.lines[0].get_ydata()) == [3.0, 2.0, 2.5]
    assert (title(ax), ax.get_ylabel()) == ("products", "dot product")


def test_turned_pairs_turns_counterclockwise_by_position_times_frequency():
    ax = turned_pairs(QUERY, KEY, [(1, 0)], frequency=math.pi / 2)
    assert ends(ax)[0] == pytest.approx((0, 1))  # a quarter turn
    assert ends(ax)[1] == pytest.approx((0, 2))  # position 0: not turned
    assert title(ax) == "distance 1: score 2.00"


def test_turned_pairs_has_the_same_score_at_the_same_distance():
    ax = turned_pairs(QUERY, KEY, [(3, 1), (9, 7), (9, 1)], frequency=0.4)
    titles = [title(panel) for panel in ax.figure.axes]
    assert titles[0] == titles[1] == f"distance 2: score {2 * math.sin(0.8):.2f}"
    assert titles[2].startswith("distance 8")
    assert ends(ax.figure.axes[0]) != ends(ax.figure.axes[1])


def test_turned_pairs_needs_pairs():
    with pytest.raises(ValueError, match=r"key must have shape .*found \(3,\)"):
        turned_pairs(QUERY, torch.zeros(3), [(1, 0)], 0.4)


def test_pair_and_score_marks_the_distance():
    left = pair_and_score(QUERY, KEY, 0.5, [3.0, 2.0, 1.0], distance=1)
    right = left.figure.axes[1]
    curve, mark = right.lines
    assert list(curve.get_ydata()) == [3.0, 2.0, 1.0]
    assert (mark.get_xdata()[0], mark.get_ydata()[0]) == (1, 2.0)
    assert title(right) == "distance 1: score 2.000"
    assert [text.get_text() for text in left.get_legend().get_texts()] == ["query at 2", "key at 1"]


def test_pair_and_score_has_no_key_before_the_text():
    with pytest.raises(ValueError, match="distance must be 0 to the query's position 2, found 3"):
        pair_and_score(QUERY, KEY, 0.5, [3.0, 2.0, 1.0], distance=3)


def test_bias_heatmaps_leave_the_future_empty():
    bias = -torch.arange(1.0, 9.0).view(2, 2, 2)
    ax = bias_heatmaps(bias, heads=[1])
    shown = ax.collections[0].get_array()
    assert shown.mask.tolist() == [[False, True], [False, False]]
    assert shown.compressed().tolist() == [-5.0, -7.0, -8.0]
    assert title(ax) == "head 2"
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("key (position)", "query (position)")


def test_bias_heatmaps_need_square_biases():
    with pytest.raises(ValueError, match=r"bias must have .*\(n_heads, T, T\), found \(2, 3, 4\)"):
        bias_heatmaps(torch.zeros(2, 3, 4), heads=[0])


def test_accuracy_by_position_draws_means_and_the_spread_of_seeds():
    accuracy = torch.tensor([[1.0, 0.5], [0.5, 0.0]])
    ax = accuracy_by_position({"a task": {"rotary": accuracy}}, trained=1, chance={"a task": 0.1})
    mean, border, guessing = ax.lines
    assert list(mean.get_ydata()) == [0.75, 0.25]
    assert border.get_xdata()[0] == 0.5
    assert guessing.get_ydata()[0] == 0.1
    [band] = ax.collections
    heights = {round(y, 6) for _, y in band.get_paths()[0].vertices.tolist()}
    assert heights == {0.0, 0.5, 1.0}
    assert title(ax) == "a task"
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["rotary"]


def test_every_scheme_looks_different_without_colour():
    accuracy = torch.ones(2, 3)
    schemes = ["learned", "sinusoidal", "rotary", "alibi", "none"]
    ax = accuracy_by_position({"a": dict.fromkeys(schemes, accuracy)}, 1, {"a": 0.1})
    lines = {line.get_label(): line for line in ax.lines}
    assert len({lines[scheme].get_marker() for scheme in schemes}) == 5
    assert len({lines[scheme].get_color() for scheme in schemes}) == 5


@pytest.mark.parametrize("n", [0, 5])
def test_no_scheme_is_left_out_without_a_word(n):
    with pytest.raises(ValueError, match=f"found {n}"):
        loss_against_gap([1], {str(i): torch.ones(2, 1) for i in range(n)}, 4.0, 5, title="gap")


def test_loss_against_gap_wants_a_column_for_each_gap():
    with pytest.raises(ValueError, match=r"schemes must have shape \(passages, 2\), .*\(2, 3\)"):
        loss_against_gap([1, 9], {"yarn": torch.ones(2, 3)}, 4.0, 5, title="gap")


def test_loss_against_gap_draws_means_and_marks_first_reading_and_context():
    losses = torch.tensor([[0.2, 4.0], [0.4, 2.0]])
    ax = loss_against_gap([1, 100], {"prose": losses}, first=3.5, context=50, title="gap")
    line, first, context = ax.lines
    assert list(line.get_xdata()) == [1, 100]
    assert list(line.get_ydata()) == pytest.approx([0.3, 3.0])
    assert (first.get_ydata()[0], context.get_xdata()[0]) == (3.5, 50)
    assert "nats" in ax.get_ylabel()
    assert title(ax) == "gap"
