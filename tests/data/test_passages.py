"""Passages and their controls: the same works, about as long, and no text twice."""

from __future__ import annotations

import pytest

from coursekit.data.passages import FAMOUS, IMITATED, ODD, PLAIN, REWORDED, SAME_AUTHOR

CONTROLS = {"same author": SAME_AUTHOR, "imitated": IMITATED, "reworded": REWORDED}


@pytest.mark.parametrize("name", CONTROLS)
def test_a_control_has_the_same_works_and_about_their_length(name):
    assert list(CONTROLS[name]) == list(FAMOUS)
    words, famous = (
        sum(len(text.split()) for text in texts.values()) for texts in (CONTROLS[name], FAMOUS)
    )
    assert abs(words / famous - 1) < 0.1


def test_no_text_is_there_twice_and_none_is_too_short_to_read():
    texts = [text for each in (FAMOUS, *CONTROLS.values()) for text in each.values()]
    texts += [*ODD, *PLAIN]
    assert len(set(texts)) == len(texts) == 4 * 12 + 16
    assert all(20 <= len(text.split()) <= 60 for text in texts)


@pytest.mark.parametrize("control", [IMITATED, SAME_AUTHOR, REWORDED])
def test_no_control_quotes_a_famous_passage(control):
    for key, famous in FAMOUS.items():
        words = famous.lower().split()
        fives = {" ".join(words[i : i + 5]) for i in range(len(words) - 4)}
        assert not [five for five in fives if five in control[key].lower()]


def test_an_odd_sentence_and_its_plain_twin_share_their_frame():
    for odd, plain in zip(ODD, PLAIN, strict=True):
        assert odd.split()[0] == plain.split()[0]
        assert abs(len(odd.split()) - len(plain.split())) <= 3
