from __future__ import annotations

import pytest
import torch
from hypothesis import given, strategies as st

from coursekit.data.languages import WordTokenizer

TOKENIZER = WordTokenizer(["it", "rained", "."])


def test_ids_are_places_in_the_vocabulary():
    assert TOKENIZER.vocab_size == 3
    assert TOKENIZER.words == ("it", "rained", ".")
    assert TOKENIZER.encode("  rained it\n. ") == [1, 0, 2]
    assert TOKENIZER.decode([1, 0, 2]) == "rained it ."
    assert TOKENIZER.decode(torch.tensor([0, 2])) == "it ."
    assert TOKENIZER.encode("") == []


@given(st.lists(st.integers(0, 2)))
def test_decode_then_encode_returns_the_ids(ids):
    assert TOKENIZER.encode(TOKENIZER.decode(ids)) == ids


def test_what_is_unknown_is_refused():
    with pytest.raises(ValueError, match=r"made of the 3 words of this language .*found 'snowed'"):
        TOKENIZER.encode("it snowed .")
    for wrong in (3, -1):
        with pytest.raises(ValueError, match=rf"0 \.\. 2, found {wrong}"):
            TOKENIZER.decode([0, wrong])


@pytest.mark.parametrize("words", [[], ["a", "a"], ["a", ""], ["a", "b c"], ["a\n"]])
def test_what_is_no_vocabulary_is_refused(words):
    with pytest.raises(ValueError, match="words must"):
        WordTokenizer(words)
