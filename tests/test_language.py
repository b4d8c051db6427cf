"""Which language the course speaks, and that every message is said in it."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given, strategies as st

from coursekit import _language
from coursekit._language import language, tr, tr_filled, wrapped

PLACES = ("COURSEKIT_LANGUAGE", "JPY_SESSION_NAME", "LC_ALL", "LC_MESSAGES", "LANG")


@pytest.fixture
def nothing_says(monkeypatch):
    for name in PLACES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(_language.locale, "getlocale", lambda: (None, None))
    monkeypatch.delitem(sys.modules, "ipykernel", raising=False)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({}, "en"),
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "de_DE.UTF-8"}, "en"),
        ({"LC_ALL": "C.UTF-8", "LANG": "zh_CN.UTF-8"}, "en"),
        ({"LANG": "zh_CN.UTF-8", "JPY_SESSION_NAME": "/course/notebooks/05.ipynb"}, "en"),
        ({"JPY_SESSION_NAME": "/course/notebooks/zh/05.ipynb"}, "zh"),
        ({"COURSEKIT_LANGUAGE": "en", "JPY_SESSION_NAME": "notebooks/zh/05.ipynb"}, "en"),
        ({"COURSEKIT_LANGUAGE": "zh", "LANG": "en_US.UTF-8"}, "zh"),
    ],
)
def test_the_nearest_word_counts(nothing_says, monkeypatch, said, expected):
    for name, value in said.items():
        monkeypatch.setenv(name, value)
    assert language() == expected


def test_a_locale_of_windows_is_understood(nothing_says, monkeypatch):
    monkeypatch.setattr(
        _language.locale, "getlocale", lambda: ("Chinese (Simplified)_China", "936")
    )
    assert language() == "zh"


def test_an_unknown_language_is_named(monkeypatch):
    monkeypatch.setenv("COURSEKIT_LANGUAGE", "klingon")
    with pytest.raises(ValueError, match="must be en or zh, found 'klingon'"):
        language()


def test_a_message_without_translation_stays_english(monkeypatch):
    monkeypatch.setenv("COURSEKIT_LANGUAGE", "zh")
    assert tr("no catalogue has this: {it}", it=3) == "no catalogue has this: 3"


def test_an_empty_message_stays_empty(monkeypatch):
    monkeypatch.setenv("COURSEKIT_LANGUAGE", "zh")
    assert tr("") == ""


def test_english_loads_no_catalogue():
    code = "from coursekit._language import tr; tr('x'); import sys; print('babel' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout == "False\n"


@given(st.text(alphabet="校准置信度，。（） ab1`", min_size=1), st.integers(6, 40))
def test_wrapping_loses_nothing_but_spaces(text, width):
    lines = wrapped(text, width).split("\n")
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert not any(line[:1] in _language.CLOSING for line in lines[1:] if line)


def test_a_filled_text_gets_the_message_that_says_most(monkeypatch):
    monkeypatch.setenv("COURSEKIT_LANGUAGE", "zh")
    known = {
        "{name} falls": "{name} 下降",
        "{name}: the ECE falls": "{name}：ECE 下降",
        "{name}": "?",
        "{a} against {b}, then {a}": "{a} 对 {b}，再 {a}",
    }
    monkeypatch.setattr(_language, "_catalogue", lambda language: known)
    _language._forms.cache_clear()
    assert tr_filled("seed 3: the ECE falls") == "seed 3：ECE 下降"
    assert tr_filled("the NLL falls") == "the NLL 下降"
    assert tr_filled("raw against chat, then raw") == "raw 对 chat，再 raw"
    assert tr_filled("raw against chat, then PMI") == "raw against chat, then PMI"
    assert tr_filled("nothing of the kind") == "nothing of the kind"
    _language._forms.cache_clear()
