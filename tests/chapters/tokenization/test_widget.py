from __future__ import annotations

from html.parser import HTMLParser

import ipywidgets
import pytest

from coursekit.chapters.tokenization import widget as tokens
from coursekit.chapters.tokenization.widget import token_explorer, tokens_html
from coursekit.lm.tokenization import ByteLevelBPE


class Page(HTMLParser):
    """The tags of a page, the styles of its boxes, and the text of each box."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.styles, self.boxes = set(), [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        if tag == "span":
            self.styles.append(dict(attrs)["style"])
            self.boxes.append("")

    def handle_data(self, data):
        if self.boxes:
            self.boxes[-1] += data


def test_each_token_is_a_bordered_box_with_its_text():
    page = Page(tokens_html([b"The", b" r", "雨".encode()[:1]]))
    assert page.boxes == ["The", "␣r", "\\xe9"]
    assert all("border:1px solid" in style for style in page.styles)
    assert len({style.split(";")[0] for style in page.styles}) == 3  # neighbours differ


def test_says_how_many_tokens_and_bytes():
    assert "2 tokens for 4 bytes: 2.00 bytes a token" in tokens_html([b"abc", b"d"])
    assert "0 tokens for 0 bytes" in tokens_html([])


def test_what_is_typed_is_shown_not_run():
    page = Page(tokens_html([b"<script>alert(1)</script>", b'"&']))
    assert page.tags == {"div", "span"}
    assert page.boxes == ["<script>alert(1)</script>", '"&']


@pytest.fixture
def controls(monkeypatch):
    """The text field, the slider and the output of the widget, for 'aaab' with two merges."""
    shown = []
    monkeypatch.setattr(tokens, "display", shown.append)
    token_explorer(ByteLevelBPE.from_merges([(b"a", b"a"), (b"aa", b"a")]), "aaab")
    return shown[0].children


def test_sliding_the_merges_cuts_anew(controls):
    _, slider, output = controls
    assert (slider.min, slider.max) == (0, 2)
    boxes = []
    for slider.value in range(3):
        boxes.append(Page(output.value).boxes)
    assert boxes == [["a", "a", "a", "b"], ["aa", "a", "b"], ["aaa", "b"]]


def test_typing_cuts_anew(controls):
    field, _, output = controls
    field.value = "<b>"
    assert Page(output.value).boxes == ["<", "b", ">"]


def test_half_a_character_is_explained(controls):
    field, _, output = controls
    field.value = "\ud83d"
    assert "lone surrogate" in output.value


def test_controls_are_native_and_labelled(controls):
    field, slider, _ = controls
    # Both take the keyboard: tab to reach them, keys to type or slide.
    assert isinstance(field, ipywidgets.Textarea)
    assert isinstance(slider, ipywidgets.IntSlider)
    assert (field.description, slider.description) == ("text", "merges")
