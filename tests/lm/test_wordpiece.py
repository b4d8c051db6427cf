"""WordPiece against `tokenizers`."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st
from tokenizers import Tokenizer, models

from coursekit.lm import word_pieces

LETTERS = "aé"  # few, so that often several pieces fit
pieces = st.builds(
    str.__add__, st.sampled_from(["", "##"]), st.text(LETTERS, min_size=1, max_size=3)
)


@given(vocab=st.sets(pieces, min_size=4), word=st.text(LETTERS, min_size=1, max_size=10))
def test_pieces_are_those_of_tokenizers(vocab, word):
    ids = {piece: i for i, piece in enumerate(["[UNK]", *sorted(vocab)])}
    theirs = Tokenizer(models.WordPiece(ids, unk_token="[UNK]"))
    assert word_pieces(word, vocab) == theirs.encode(word).tokens


def test_it_never_looks_back():
    assert word_pieces("abc", {"ab", "a", "##bc"}) == ["[UNK]"]  # "a", "##bc" would have done


def test_other_marks_and_nothing():
    assert word_pieces("ab", {"a", "@b"}, mark="@") == ["a", "@b"]
    assert word_pieces("b", {"a"}, unknown="?") == ["?"]
    assert word_pieces("", {"a"}) == []


def test_what_is_no_word_is_refused():
    with pytest.raises(TypeError, match="word must be a string, found list"):
        word_pieces(["a"], {"a"})
