"""Templates of occupations: whole, without repeats, and controlled."""

from __future__ import annotations

import pytest

from coursekit.data.occupations import NEUTRAL, OCCUPATIONS, PRONOUNS, TEMPLATES, filled


def test_every_word_stands_in_every_template():
    prompts = filled(["nurse", "pilot"])
    assert len(prompts) == 2 * len(TEMPLATES)
    assert prompts[0] == "The nurse said that"
    assert [p.replace("pilot", "nurse") for p in prompts[len(TEMPLATES) :]] == prompts[
        : len(TEMPLATES)
    ]


def test_words_and_templates_are_distinct_and_controls_are_no_occupations():
    for texts in (OCCUPATIONS, NEUTRAL, TEMPLATES, PRONOUNS):
        assert len(set(texts)) == len(texts)
    assert not set(OCCUPATIONS) & set(NEUTRAL)
    # An article of "a" or "an" would depend on the word, so no template has one before it.
    assert all("a {}" not in template.lower() for template in TEMPLATES)
    for template in TEMPLATES:  # nothing in a template tells who is meant
        assert not set(template.lower().split()) & {"he", "she", "they", "his", "her", "their"}


@pytest.mark.parametrize(
    ("words", "templates", "error", "message"),
    [
        ("nurse", TEMPLATES, TypeError, "words must be a list"),
        (["nurse"], "The {} said", TypeError, "templates must be a list"),
        ([" "], TEMPLATES, ValueError, "say something"),
        (["nurse"], ["The nurse said"], ValueError, "exactly one place"),
        (["nurse"], ["{} and {}"], ValueError, "exactly one place"),
    ],
)
def test_what_cannot_be_filled_is_refused(words, templates, error, message):
    with pytest.raises(error, match=message):
        filled(words, templates)
