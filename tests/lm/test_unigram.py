"""The unigram model of pieces against `tokenizers` and against counting every way to cut."""

from __future__ import annotations

import math
from collections import Counter

import pytest
from hypothesis import given, strategies as st

from coursekit.lm import UnigramLM

LETTERS = "abé"
words = st.text(LETTERS, max_size=9)
longer = st.text(LETTERS, min_size=2, max_size=4)


@st.composite
def a_model(draw):
    """Every letter, so that each word can be spelled, and some longer pieces; ties included."""
    pieces = [*LETTERS, *draw(st.lists(longer, unique=True, max_size=10))]
    values = st.one_of(st.sampled_from([-1.0, -2.0, -4.0]), st.floats(-9, -0.1))
    return UnigramLM({piece: draw(values) for piece in pieces})


def every_way(word, pieces):
    """Every list of pieces that spells the word."""
    if not word:
        yield []
    for end in range(1, len(word) + 1):
        if word[:end] in pieces:
            yield from ([word[:end], *rest] for rest in every_way(word[end:], pieces))


@given(model=a_model(), word=words)
def test_segments_are_those_of_tokenizers(model, word):
    ours, theirs = model.segment(word), model.to_tokenizers().encode(word).tokens
    # Where two ways are equally probable, rounding may decide, so only their scores must agree.
    score = [sum(model.log_probs[piece] for piece in pieces) for pieces in (ours, theirs)]
    assert "".join(ours) == "".join(theirs) == word
    assert score[0] == pytest.approx(score[1], abs=1e-9)


@given(model=a_model(), word=words)
def test_sums_and_counts_are_those_over_every_way(model, word):
    ways = [
        (pieces, math.exp(sum(model.log_probs[piece] for piece in pieces)))
        for pieces in every_way(word, model.log_probs)
    ]
    whole = sum(p for _, p in ways)
    assert model.log_likelihood(word) == pytest.approx(math.log(whole), abs=1e-9)
    expected = Counter()
    for pieces, p in ways:
        for piece in pieces:
            expected[piece] += p / whole
    assert model.expected_counts(word) == pytest.approx(dict(expected))
    best = max(p for _, p in ways)
    found = math.exp(sum(model.log_probs[piece] for piece in model.segment(word)))
    assert found == pytest.approx(best)


@given(model=a_model(), text=st.dictionaries(words.filter(bool), st.integers(1, 9), min_size=1))
def test_no_step_of_em_lowers_the_likelihood(model, text):
    def likelihood(model):
        return sum(n * model.log_likelihood(word) for word, n in text.items())

    once = model.em_step(text)
    twice = once.em_step(text)
    assert sum(map(math.exp, once.log_probs.values())) == pytest.approx(1)
    assert likelihood(twice) >= likelihood(once) - 1e-9 * abs(likelihood(once))


def test_of_equal_ways_the_longer_last_piece_as_in_tokenizers():
    model = UnigramLM({"a": -1.0, "aa": -1.0})
    assert model.segment("aaa") == model.to_tokenizers().encode("aaa").tokens == ["a", "aa"]


def test_a_long_word_does_not_take_exponential_time():
    model = UnigramLM({"a": -1.0, "aa": -1.5, "aaa": -2.0})
    assert sum(map(len, model.segment("a" * 2000))) == 2000
    assert sum(model.expected_counts("a" * 200).values()) < 200


@pytest.mark.parametrize("log_probs", [{}, {"": -1.0}, {"a": -math.inf}, {"a": math.nan}])
def test_bad_pieces_are_refused(log_probs):
    with pytest.raises(ValueError, match="log_probs must"):
        UnigramLM(log_probs)


@pytest.mark.parametrize("count", [0, -1, math.inf, math.nan])
def test_bad_counts_are_refused(count):
    with pytest.raises(ValueError, match="counts must be above 0"):
        UnigramLM.from_counts({"a": count})


@pytest.mark.parametrize("ask", ["segment", "log_likelihood", "expected_counts"])
def test_words_that_cannot_be_spelled_are_refused(ask):
    model = UnigramLM({"a": -1.0})
    with pytest.raises(ValueError, match=r"word must be spelled.*'ab'"):
        getattr(model, ask)("ab")
    with pytest.raises(TypeError, match="word must be a string, found int"):
        getattr(model, ask)(7)
