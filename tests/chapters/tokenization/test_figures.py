from __future__ import annotations

from itertools import pairwise

import pytest
from matplotlib.patches import FancyBboxPatch

from coursekit.chapters.tokenization.figures import language_dots, token_strips, vocabulary_curves
from coursekit.lm.tokenization import ByteLevelBPE
from coursekit.plots.tokens import TINTS, visible


@pytest.mark.parametrize(
    ("token", "shown"),
    [
        (b" the", "␣the"),
        (b"\n\t", "⏎\\x09"),
        ("雨".encode(), "雨"),
        ("雨".encode()[:2], "\\xe9\\x9b"),
    ],
)
def test_every_token_can_be_seen(token, shown):
    assert visible(token) == shown


def test_a_string_is_refused():
    with pytest.raises(TypeError, match="token must be bytes"):
        visible("the")


def test_strips_have_one_box_a_token_and_its_text():
    rows = {"bytes": [b"a", b" ", b"b"], "all": [b"a b"]}
    ax = token_strips(rows, "Two ways")
    assert [text.get_text() for text in ax.texts] == ["a", "␣", "b", "a␣b"]
    boxes = [patch for patch in ax.patches if isinstance(patch, FancyBboxPatch)]
    assert [box.get_width() for box in boxes] == [1, 1, 1, 3]
    for left, right in pairwise(boxes[:3]):
        assert left.get_x() + left.get_width() < right.get_x()
    names = [label.get_text() for label in ax.get_yticklabels()]
    assert names == ["bytes: 3 tokens", "all: 1 token"]
    assert ax.get_title(loc="left") == "Two ways"
    assert "box a token" in ax.get_xlabel()


def test_strips_stay_inside_the_axes():
    text = "The statement is an expression."
    ax = token_strips({"0 merges": ByteLevelBPE.from_merges([]).tokens(text)}, "Bytes")
    last = ax.patches[-1]
    assert last.get_x() + last.get_width() <= ax.get_xlim()[1]


def luminance(color):
    """Relative luminance of WCAG 2.1."""
    parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("tint", TINTS)
def test_black_letters_are_easy_to_read_on_every_tint(tint):
    assert (luminance(tint) + 0.05) / 0.05 >= 7  # the stricter of WCAG's two levels


@pytest.mark.parametrize("rows", [{}, {"empty": []}])
def test_strips_need_tokens(rows):
    with pytest.raises(ValueError, match="rows"):
        token_strips(rows, "None")


def test_vocabulary_curves_draw_the_given_numbers():
    ax = vocabulary_curves(
        [256, 512, 1024], {"one": [1, 2, 3], "two": [3, 2, 1]}, "bytes per token", "Two curves"
    )
    assert {line.get_label(): list(line.get_ydata()) for line in ax.lines} == {
        "one": [1, 2, 3],
        "two": [3, 2, 1],
    }
    assert list(ax.lines[0].get_xdata()) == [256, 512, 1024]
    assert (ax.get_xscale(), ax.get_xlabel()) == ("log", "vocabulary (tokens)")
    assert (ax.get_ylabel(), ax.get_title(loc="left")) == ("bytes per token", "Two curves")
    assert len({line.get_marker() for line in ax.lines}) == 2


def test_vocabulary_curves_refuse_other_lengths():
    with pytest.raises(ValueError, match=r"'one'. must have 3 values, one for each size, found 2"):
        vocabulary_curves([1, 2, 3], {"one": [1, 2]}, "y", "title")


def test_language_dots_draw_the_given_numbers_from_top_to_bottom():
    series = {"bytes": {"English": 1.0, "Chinese": 3.0}, "tokens": {"English": 0.2, "Chinese": 1.9}}
    ax = language_dots(series, "number per character", "Cost")
    assert {line.get_label(): list(line.get_xdata()) for line in ax.lines} == {
        "bytes": [1.0, 3.0],
        "tokens": [0.2, 1.9],
    }
    assert [label.get_text() for label in ax.get_yticklabels()] == ["English", "Chinese"]
    assert ax.yaxis_inverted()
    assert ax.get_xlim()[0] == 0
    assert (ax.get_xlabel(), ax.get_title(loc="left")) == ("number per character", "Cost")


def test_language_dots_refuse_different_languages():
    with pytest.raises(ValueError, match=r"'b'. must have"):
        language_dots({"a": {"English": 1}, "b": {"Chinese": 1}}, "x", "title")


@pytest.mark.parametrize("n", [0, 5])
def test_too_few_or_too_many_series_are_refused(n):
    series = {str(i): {"English": 1} for i in range(n)}
    with pytest.raises(ValueError, match=f"must hold 1 to 4 of them, found {n}"):
        language_dots(series, "x", "title")
