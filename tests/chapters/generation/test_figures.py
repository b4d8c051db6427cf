"""Figures of how a text is chosen: the plotted numbers, not the pixels."""

from __future__ import annotations

import pytest
import torch

from coursekit.calibration import Interval
from coursekit.chapters.generation.figures import (
    decoding_panels,
    law_bars,
    law_grid,
    panels_against_temperature,
    report_matrix,
    surprise_histogram,
    trade_off,
)

WORDS = ["a", "b", "c", "d"]
TRUTH = torch.tensor([0.3, 0.7, 0.0, 0.0])
BENT = torch.tensor([0.1, 0.6, 0.1, 0.2])


def names(ax):
    return [tick.get_text() for tick in ax.get_yticklabels()]


def legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_law_bars_are_ordered_by_the_truth_and_forbidden_words_by_the_law():
    ax = law_bars(WORDS, TRUTH, BENT, "T = 2")
    assert names(ax) == ["b", "a", "d", "c"]
    assert [bar.get_width() for bar in ax.patches] == pytest.approx([0.6, 0.1, 0.2, 0.1])
    assert list(ax.lines[0].get_xdata()) == pytest.approx([0.7, 0.3, 0, 0])
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("probability", "next word")
    assert ax.get_title(loc="left") == "T = 2"
    assert set(legend(ax)) == {"the truth", "what is sampled"}


def test_law_bars_show_the_most_probable_words_only():
    assert names(law_bars(WORDS, TRUTH, BENT, "two", n_words=2)) == ["b", "a"]


@pytest.mark.parametrize("laws", [(TRUTH[:3], BENT), (TRUTH, BENT[None])])
def test_a_law_must_have_a_probability_for_each_word(laws):
    with pytest.raises(ValueError, match=r"must have shape \(4,\), a probability for each word"):
        law_bars(WORDS, *laws, "wrong")


def test_law_grid_has_a_panel_for_each_rule_on_one_scale():
    figure = law_grid(WORDS, TRUTH, {"T = 1": TRUTH, "bent": BENT}, "after a")
    first, second = figure.axes
    assert [ax.get_title(loc="left") for ax in (first, second)] == ["T = 1", "bent"]
    assert [bar.get_width() for bar in second.patches] == pytest.approx([0.6, 0.1, 0.2, 0.1])
    assert names(first) == names(second) == ["b", "a", "d", "c"]
    assert first.get_xlim() == second.get_xlim() == pytest.approx((0, 0.77))
    assert figure.get_suptitle() == "after a"


def test_surprise_histogram_counts_texts_and_marks_single_ones():
    ax = surprise_histogram(torch.linspace(1, 2, 50), {"greedy": 0.7, "beam": 0.5}, "typical")
    assert sum(bar.get_height() for bar in ax.patches) == 50
    assert [line.get_xdata()[0] for line in ax.lines] == [0.7, 0.5]
    assert set(legend(ax)) == {"true texts", "greedy", "beam"}
    assert "nats a word" in ax.get_xlabel()
    assert ax.get_ylabel() == "texts"


MEASURES = {
    "entropy (nats)": {"truth": Interval(1.4, 1.3, 1.5), "T = 0.7": Interval(1.2, 1.1, 1.25)},
    "forbidden": {"truth": Interval(0, 0, 0), "T = 0.7": Interval(2, 1, 3)},
}


def test_decoding_panels_have_a_row_for_each_rule_and_a_line_at_the_marked_one():
    figure = decoding_panels(MEASURES, "truth", "bent")
    entropy, forbidden = figure.axes
    assert names(entropy) == ["truth", "T = 0.7"]
    assert [ax.get_xlabel() for ax in (entropy, forbidden)] == list(MEASURES)
    marked, *rows = [list(line.get_xdata()) for line in entropy.lines]
    assert marked == [1.4, 1.4]
    assert rows == [[1.3, 1.5], [1.4], [1.1, 1.25], [1.2]]
    assert figure.get_suptitle() == "bent"


def test_decoding_panels_need_the_same_rules_in_all():
    with pytest.raises(ValueError, match=r"'forbidden'. must have the rules"):
        decoding_panels(MEASURES | {"forbidden": {"truth": Interval(0, 0, 0)}}, "truth", "bent")
    with pytest.raises(ValueError, match="'greedy' among them"):
        decoding_panels(MEASURES, "greedy", "bent")


def test_report_matrix_writes_every_error_in_its_place():
    ece = {"truth": {"T = 1": 0.01, "T = 0.7": 0.1}, "T = 0.7": {"T = 1": 0.12, "T = 0.7": 0.02}}
    ax = report_matrix(ece, "who is calibrated on what")
    assert ax.collections[0].get_array().tolist() == [
        pytest.approx([0.01, 0.1]),
        pytest.approx([0.12, 0.02]),
    ]
    written = {text.get_position(): text.get_text() for text in ax.texts}
    assert written == {
        (0.5, 0.5): "0.01",
        (1.5, 0.5): "0.10",
        (0.5, 1.5): "0.12",
        (1.5, 1.5): "0.02",
    }
    assert names(ax) == ["truth", "T = 0.7"]
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["T = 1", "T = 0.7"]
    assert "reported" in ax.get_xlabel()


def test_report_matrix_needs_the_same_reports_in_every_row():
    with pytest.raises(ValueError, match="same reports"):
        report_matrix({"a": {"x": 0.1}, "b": {"y": 0.1}}, "wrong")


def test_panels_against_temperature_draw_each_curve_and_mark_the_fitted():
    curves = {"NLL (nats)": [2.0, 1.5, 1.7], "distance": [0.3, 0.1, 0.2]}
    figure = panels_against_temperature([0.5, 1, 2], curves, 1.1, "two uses")
    for ax, (name, values) in zip(figure.axes, curves.items(), strict=True):
        curve, marked = ax.lines
        assert list(curve.get_xdata()) == [0.5, 1, 2]
        assert list(curve.get_ydata()) == values
        assert marked.get_xdata()[0] == 1.1
        assert ax.get_ylabel() == name
    assert "temperature" in figure.axes[-1].get_xlabel()
    assert figure.axes[0].get_title(loc="left") == "two uses"
    assert legend(figure.axes[0]) == ["fitted on held-out text: T = 1.10"]


def test_panels_against_temperature_need_a_value_for_each_temperature():
    with pytest.raises(ValueError, match="must have 2 values, one for each temperature, found 1"):
        panels_against_temperature([1.0, 2.0], {"NLL": [1.0]}, 1.0, "wrong")


def test_trade_off_draws_each_rule_at_each_setting():
    ax = trade_off({"top-p": {"0.9": (0.1, 2.0), "1": (0.2, 4.0)}, "min-p": {"0.1": (0.1, 1)}}, "T")
    assert list(ax.lines[0].get_xdata()) == [0.1, 0.2]
    assert list(ax.lines[0].get_ydata()) == [2.0, 4.0]
    assert [text.get_text() for text in ax.texts] == ["0.9", "1", "0.1"]
    assert legend(ax) == ["top-p", "min-p"]


def test_trade_off_needs_one_to_four_rules():
    with pytest.raises(ValueError, match="one to four rules, found 0"):
        trade_off({}, "wrong")
