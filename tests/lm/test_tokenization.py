"""Byte-level BPE against hand computation, `tokenizers`, `transformers` and the plain algorithm."""

from __future__ import annotations

import json
import os
import pickle
import runpy
from pathlib import Path
from pydoc_data.topics import topics

import numpy as np
import pytest
import regex
import torch
from hypothesis import given, settings, strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers
from transformers import AutoTokenizer, GPT2Config

from coursekit.lm import tokenization
from coursekit.lm.tokenization import ByteLevelBPE, merge, split_words

END, START = "<|endoftext|>", "<|start|>"

# The first sentence of the Universal Declaration of Human Rights, or its beginning.
SCRIPTS = {
    "latin": "All human beings are born free and equal in dignity. Égaux, größer, œuvre.",
    "greek": "Όλοι οι άνθρωποι γεννιούνται ελεύθεροι και ίσοι στην αξιοπρέπεια και τα δικαιώματα.",
    "cyrillic": "Все люди рождаются свободными и равными в своём достоинстве и правах.",
    "arabic": "يولد جميع الناس أحرارًا متساوين في الكرامة والحقوق.",
    "hebrew": "כל בני האדם נולדו בני חורין ושווים בערכם ובזכויותיהם.",
    "devanagari": "सभी मनुष्यों को गौरव और अधिकारों के मामले में जन्मजात स्वतन्त्रता प्राप्त है।",
    "tamil": "மனிதப் பிறவியினர் சகலரும் சுதந்திரமாகவே பிறக்கின்றனர்.",
    "thai": "มนุษย์ทั้งหลายเกิดมามีอิสระและเสมอภาคกันในเกียรติศักดิ์และสิทธิ",
    "hangul": "모든 인간은 태어날 때부터 자유로우며 그 존엄과 권리에 있어 동등하다.",
    "han": "人人生而自由,在尊严和权利上一律平等。",
    "kana": "すべての人間は、生まれながらにして自由であり、カタカナもある。",
    "georgian": "ყველა ადამიანი იბადება თავისუფალი და თანასწორი.",
    "amharic": "የሰው ልጅ ሁሉ ሲወለድ ነጻና በክብርና በመብትም እኩልነት ያለው ነው።",
}
ODDITIES = {
    "emoji": "👍🏽 👩‍👩‍👧‍👦 🏳️‍🌈 🇫🇮🇯🇵 ☃️ e\u0301 Z͑ͫ̓",
    "control": "".join(map(chr, [*range(0x20), *range(0x7F, 0xA1), 0xAD, 0x200B, 0x202E, 0xFEFF])),
    "edges": "\ud7ff\ue000\uffff\U00010000\U0010ffff",
    "spaces": "  a   b\t\tc\n\n \r\n d\u3000e\u00a0\u2003f   ",
    "contractions": "I'll don't we've 'S it's they're'd ''s",
    "numbers": "3.14 1,000 ½ ٣٤ Ⅷ x²",
    "special": f"a{END}b {END}{START} {END[:-1]} {START}|>",
    "nothing": "",
}
TEXTS = SCRIPTS | ODDITIES

wide = settings(max_examples=300)  # there are many scripts, and an example takes a millisecond


@pytest.fixture(scope="module")
def bpe() -> ByteLevelBPE:
    """A tokenizer with merges in every script above, and with two special tokens."""
    return ByteLevelBPE.train(" ".join(SCRIPTS.values()) * 2, 900, [END, START])


@pytest.fixture(scope="module")
def folder(bpe: ByteLevelBPE, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("saved") / "made" / "on the way"
    bpe.save_pretrained(path)
    return path


@pytest.fixture(scope="module")
def rust(folder: Path) -> Tokenizer:
    return Tokenizer.from_file(str(folder / "tokenizer.json"))


def rust_trained(text: str, vocab_size: int, alphabet: bool = True, special=()) -> Tokenizer:
    """What the `tokenizers` library learns from the text."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet() if alphabet else [],
        special_tokens=list(special),
        show_progress=False,
    )
    tokenizer.train_from_iterator([text], trainer)
    return tokenizer


def model_of(tokenizer: Tokenizer) -> dict:
    return json.loads(tokenizer.to_str())["model"]


# Text in which pairs overlap, tie and straddle characters: few letters, long runs, many bytes each.
knotty_text = st.text(alphabet="aab é中", min_size=1, max_size=60)
text_with_special = st.lists(
    st.one_of(st.text(max_size=8), st.sampled_from([END, START, *TEXTS.values()])), max_size=6
).map("".join)


# --- splitting and merging ---------------------------------------------------------------------


def test_words_of_gpt2():
    words = ["I", "'ll", " pay", " ", " $", "5", ",", " OK", "?", "\n"]
    assert split_words("I'll pay  $5, OK?\n") == words


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_words_are_those_of_the_published_pattern(text: str):
    published = r"""'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"""
    assert split_words(text) == regex.findall(published, text)


def test_characters_are_split_as_the_saved_file_splits_them():
    # All of the first plane less the surrogates, and one in a hundred of the others.
    codes = [*range(0xD800), *range(0xE000, 0x10000), *range(0x10000, 0x110000, 101)]
    text = "".join(f"a{c}1{c} {c}." for c in map(chr, codes))
    bounds = [end for _, (_, end) in pre_tokenizers.ByteLevel(False).pre_tokenize_str(text)]
    assert np.array_equal(np.cumsum([len(word) for word in split_words(text)]), bounds)


@pytest.mark.parametrize(
    ("ids", "expected"),
    [([1, 1, 1], [9, 1]), ([1, 1, 1, 1], [9, 9]), ([2, 1, 1], [2, 9]), ([1], [1]), ([], [])],
)
def test_merge_goes_from_left_to_right(ids: list[int], expected: list[int]):
    assert merge(ids, (1, 1), 9) == expected


# --- training ----------------------------------------------------------------------------------


def test_training_by_hand():
    # aa 4 times; then (a, b) and (aa, a) twice each, and "a" has the smaller id; then aa + ab.
    bpe = ByteLevelBPE.train("aaabdaaabac", 259)
    assert bpe.merges == [(b"a", b"a"), (b"a", b"b"), (b"aa", b"ab")]
    assert bpe.tokens("aaabdaaabac") == [b"aaab", b"d", b"aaab", b"a", b"c"]


def test_ids_are_laid_out_as_in_gpt2():
    bpe = ByteLevelBPE.train("aa", 300, [END])
    # GPT-2 gives these ids to these bytes.
    assert bpe.encode("!A\n ") == [0, 32, 198, 220]
    assert bpe.encode(f"aa{END}") == [256, 257]
    assert bpe.special_tokens == {END: 257}


def test_training_stops_when_nothing_is_left_to_merge():
    bpe = ByteLevelBPE.train("ab ab", 10_000)
    assert bpe.merges == [(b"a", b"b"), (b" ", b"ab")]
    assert bpe.vocab_size == 258
    assert ByteLevelBPE.train("a", 1000).vocab_size == 256


@pytest.mark.parametrize("text", SCRIPTS.values(), ids=SCRIPTS)
def test_training_equals_tokenizers_in_every_script(text: str):
    assert model_of(ByteLevelBPE.train(text, 400).to_tokenizers()) == model_of(
        rust_trained(text, 400)
    )


def test_training_equals_tokenizers_on_prose():
    text = "".join(topics[name] for name in sorted(topics))
    ours = ByteLevelBPE.train(text, 1024)
    assert ours.vocab_size == 1024
    assert model_of(ours.to_tokenizers()) == model_of(rust_trained(text, 1024))


@wide
@given(knotty_text)
def test_training_equals_tokenizers_with_ties_and_overlaps(text: str):
    ours, theirs = ByteLevelBPE.train(text, 300).to_tokenizers(), rust_trained(text, 300)
    assert model_of(ours) == model_of(theirs)


def test_training_equals_the_full_rescan():
    benchmark = Path(__file__).parents[2] / "benchmarks" / "tokenization.py"
    plain = runpy.run_path(str(benchmark))["full_rescan_merges"]
    text = topics["assignment"] + SCRIPTS["thai"] + "aaaaaa" * 20
    assert ByteLevelBPE.train(text, 256 + 150).merges == plain(text, 150)


@pytest.mark.parametrize("letters", ["a", "ab", "abcdefghijklmnopqrstuvwxyz"])
def test_training_on_one_endless_word_equals_tokenizers(letters: str):
    # Where a merge goes through the whole word that holds it, this takes minutes.
    text = "".join(np.random.default_rng(0).choice(list(letters), 40_000))
    ours = ByteLevelBPE.train(text, 1000).to_tokenizers()
    assert model_of(ours) == model_of(rust_trained(text, 1000))


def test_special_tokens_in_the_text_are_boundaries_and_teach_nothing():
    text = "the cat" + END + "cat the"
    with_special = ByteLevelBPE.train(text * 9, 300, [END])
    assert not any(b"<" in token or b"endo" in token for token in with_special.vocab if token[1:])
    assert with_special.tokens(text) == [b"the", b" cat", END.encode(), b"cat", b" the"]


def test_first_merges_are_the_tokenizer_of_a_shorter_training():
    text = SCRIPTS["latin"]
    short, long = ByteLevelBPE.train(text, 280, [END]), ByteLevelBPE.train(text, 300, [END])
    cut = ByteLevelBPE.from_merges(long.merges[: 280 - 257], [END])
    assert (cut.vocab, cut.merges, cut.special_tokens) == (
        short.vocab,
        short.merges,
        short.special_tokens,
    )


# --- encoding and decoding ---------------------------------------------------------------------


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_ids_equal_tokenizers_and_transformers(text: str, bpe: ByteLevelBPE, folder: Path, rust):
    ids = bpe.encode(text)
    assert ids == rust.encode(text).ids
    assert ids == AutoTokenizer.from_pretrained(folder)(text)["input_ids"]
    assert bpe.decode(ids) == text == rust.decode(ids, skip_special_tokens=False)
    assert b"".join(bpe.tokens(text)) == text.encode()


@wide
@given(text=text_with_special)
def test_ids_equal_tokenizers_on_random_text(text: str, bpe: ByteLevelBPE, rust: Tokenizer):
    assert bpe.encode(text) == rust.encode(text).ids


@settings(max_examples=1000)  # a third of a millisecond each
@given(text=st.text())
def test_every_string_round_trips(text: str, bpe: ByteLevelBPE):
    assert bpe.decode(bpe.encode(text)) == text


@wide
@given(data=st.data())
def test_encoding_is_the_replay_of_merges_in_order(data: st.DataObject):
    text = data.draw(knotty_text)
    bpe = ByteLevelBPE.train(data.draw(knotty_text), 290)
    expected = []
    for word in split_words(text):
        ids = [bpe.vocab[bytes([byte])] for byte in word.encode()]
        for left, right in bpe.merges:
            ids = merge(ids, (bpe.vocab[left], bpe.vocab[right]), bpe.vocab[left + right])
        expected += ids
    assert bpe.encode(text) == expected


@wide
@given(ids=st.lists(st.integers(0, 899), max_size=40))
def test_arbitrary_ids_decode_as_in_tokenizers(ids: list[int], bpe: ByteLevelBPE, rust: Tokenizer):
    assert bpe.vocab_size == 900
    assert bpe.decode(ids) == rust.decode(ids, skip_special_tokens=False)


def test_half_a_character_decodes_to_the_replacement_character():
    bpe = ByteLevelBPE.from_merges([])
    ids = bpe.encode("é!")
    assert bpe.decode(ids[1:]) == "\ufffd!"
    assert [bpe.token_bytes(i) for i in ids] == [b"\xc3", b"\xa9", b"!"]


def test_longest_special_token_wins():
    bpe = ByteLevelBPE.train("abc", 300, ["<a>", "<a><b>", "<b>"])
    text = "<a><b><a><a><b> <b><a>"
    assert bpe.tokens(text) == [b"<a><b>", b"<a>", b"<a><b>", b" ", b"<b>", b"<a>"]
    assert bpe.encode(text) == bpe.to_tokenizers().encode(text).ids


def test_decode_takes_tensors_and_arrays(bpe: ByteLevelBPE):
    ids = bpe.encode(SCRIPTS["han"])
    for container in (torch.tensor(ids), np.array(ids), tuple(ids), iter(ids)):
        assert bpe.decode(container) == SCRIPTS["han"]


def test_a_very_long_word_is_as_good_as_any(bpe: ByteLevelBPE, rust: Tokenizer):
    letters = np.random.default_rng(0).choice(list("aeinrtадои人生"), 50_000)
    text = "".join(letters)
    assert bpe.encode(text) == rust.encode(text).ids


def test_cache_is_bounded_and_changes_nothing(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(tokenization, "_CACHE_WORDS", 5)
    text = " ".join(topics["assignment"].split()[:200]) + " " + "x" * 1000
    bpe = ByteLevelBPE.train(text, 300)
    first = bpe.encode(text)
    assert 1 <= len(bpe._cache) <= 5
    assert max(map(len, bpe._cache)) <= tokenization._CACHE_CHARS
    assert bpe.encode(text) == first == bpe.to_tokenizers().encode(text).ids


def test_pickle(bpe: ByteLevelBPE):
    copy = pickle.loads(pickle.dumps(bpe))
    assert copy.encode(TEXTS["special"]) == bpe.encode(TEXTS["special"])


# --- files -------------------------------------------------------------------------------------


def test_saved_and_loaded_is_the_same(bpe: ByteLevelBPE, folder: Path):
    loaded = ByteLevelBPE.from_pretrained(str(folder))
    assert (loaded.vocab, loaded.merges) == (bpe.vocab, bpe.merges)
    assert loaded.special_tokens == bpe.special_tokens == {END: 898, START: 899}
    assert repr(loaded) == f"ByteLevelBPE(vocab_size=900, special_tokens=['{END}', '{START}'])"


def test_transformers_writes_what_we_read(bpe: ByteLevelBPE, folder: Path, tmp_path: Path):
    AutoTokenizer.from_pretrained(folder).save_pretrained(tmp_path)
    loaded = ByteLevelBPE.from_pretrained(tmp_path)
    assert (loaded.vocab, loaded.special_tokens) == (bpe.vocab, bpe.special_tokens)


@pytest.mark.parametrize("special", [[], [START]])
def test_a_model_in_the_same_folder_does_not_change_the_tokenizer(tmp_path: Path, special: list):
    bpe = ByteLevelBPE.train(SCRIPTS["latin"], 300, special)
    bpe.save_pretrained(tmp_path)
    GPT2Config(vocab_size=300).save_pretrained(tmp_path)
    loaded = AutoTokenizer.from_pretrained(tmp_path)
    assert len(loaded) == 300
    assert loaded(TEXTS["special"])["input_ids"] == bpe.encode(TEXTS["special"])


def test_reads_a_file_of_tokenizers_with_special_tokens_first(tmp_path: Path):
    # SmolLM2's order: special tokens 0, 1, ..., then only those bytes that the corpus held.
    theirs = rust_trained(SCRIPTS["latin"] * 2, 300, alphabet=False, special=[END, START])
    theirs.post_processor = processors.ByteLevel(trim_offsets=False)
    theirs.save(str(tmp_path / "tokenizer.json"))
    bpe = ByteLevelBPE.from_pretrained(tmp_path)
    text = f"{START}born free{END} and equal"
    assert bpe.encode(text) == theirs.encode(text).ids
    assert bpe.encode(START) == [1]
    with pytest.raises(ValueError, match=r"text must be spelled .*found 0x95 in ' 한'"):
        bpe.encode("free 한")
    assert theirs.encode("한").ids == []  # what `tokenizers` does: it loses the text in silence


def test_reads_merges_written_as_one_string(bpe: ByteLevelBPE, folder: Path, tmp_path: Path):
    spec = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    spec["model"]["merges"] = [" ".join(pair) for pair in spec["model"]["merges"]]
    (tmp_path / "tokenizer.json").write_text(json.dumps(spec), encoding="utf-8")
    assert ByteLevelBPE.from_pretrained(tmp_path).merges == bpe.merges


def test_a_failed_save_leaves_the_old_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    ByteLevelBPE.train("old old", 260).save_pretrained(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert set(before) == {"tokenizer.json", "tokenizer_config.json"}

    def full_disk(*_: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(os, "replace", full_disk)
    with pytest.raises(OSError, match="No space"):
        ByteLevelBPE.train("new new", 260).save_pretrained(tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


# --- bad input ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("", 300), ValueError, "text must have at least one character, found none"),
        ((b"abc", 300), TypeError, "text must be a string, found bytes"),
        (("abc", 255), ValueError, "vocab_size must be at least 256, found 255"),
        (("abc", 257, ["<a>", "<b>"]), ValueError, "at least 258, found 257: 256 bytes and 2"),
        (("abc", 300.0), TypeError, "vocab_size must be a whole number, found 300.0"),
        (("abc", True), TypeError, "vocab_size must be a whole number, found True"),
        (("abc", "300"), TypeError, "vocab_size must be a whole number, found '300'"),
        (("abc", 300, END), TypeError, "special_tokens must be a list of strings"),
        (("abc", 300, 7), TypeError, "special_tokens must be .*found 7"),
        (("abc", 300, [7]), TypeError, "special_tokens must be a string, found int"),
        (("abc", 300, [""]), ValueError, "special_tokens must not be empty"),
        (("abc", 300, [END, END]), ValueError, "special_tokens must be distinct"),
        (("abc", 300, ["\udc00"]), ValueError, r"special_tokens must .* U\+DC00 at index 0"),
        (("abc", 300, ["a"]), ValueError, "special_tokens must be texts .*found 'a'"),
        (("abc", 300, ["Ġ"]), ValueError, "special_tokens must be texts .*found 'Ġ'"),
        (("ab\ud800c", 300), ValueError, r"text must .* U\+D800 at index 2"),
    ],
)
def test_train_refuses(arguments: tuple, error: type[Exception], message: str):
    with pytest.raises(error, match=message):
        ByteLevelBPE.train(*arguments)


def test_numpy_integer_is_an_integer():
    assert ByteLevelBPE.train("ab", np.int64(300)).vocab_size == 257


def test_encode_refuses_lone_surrogates_and_says_where(bpe: ByteLevelBPE):
    with pytest.raises(ValueError, match=r"lone surrogate U\+DE00 at index 4\. .*repair the text"):
        bpe.encode("good\ude00")
    with pytest.raises(ValueError, match=r"U\+D83D at index 0"):
        bpe.encode("\ud83d\ude00")  # two halves in Python's string are still not a character
    assert bpe.decode(bpe.encode("😀")) == "😀"


@pytest.mark.parametrize("text", [b"bytes", None, ["a", "list"], 3])
def test_encode_refuses_other_types(bpe: ByteLevelBPE, text: object):
    with pytest.raises(TypeError, match=f"text must be a string, found {type(text).__name__}"):
        bpe.encode(text)


@pytest.mark.parametrize("bad", [-1, 900, 10**9])
def test_ids_outside_the_vocabulary_are_refused(bpe: ByteLevelBPE, bad: int):
    with pytest.raises(ValueError, match=rf"token id must be .*, found {bad}\. Was it made by"):
        bpe.decode([1, bad])
    with pytest.raises(ValueError, match="token id must be"):
        bpe.token_bytes(bad)


@pytest.mark.parametrize("bad", [[1.0], ["a"], [None], [True], [[1, 2]], torch.ones(2)])
def test_ids_of_other_types_are_refused(bpe: ByteLevelBPE, bad: object):
    with pytest.raises(TypeError, match="token id must be a whole number, found"):
        bpe.decode(bad)


def test_from_merges_refuses_a_merge_of_unknown_tokens():
    with pytest.raises(ValueError, match=r"found merge 0, b'ab' \+ b'c', outside"):
        ByteLevelBPE.from_merges([(b"ab", b"c")])


def test_ids_must_be_contiguous():
    with pytest.raises(ValueError, match="vocab must have ids 0, 1, 2"):
        ByteLevelBPE({b"a": 0, b"b": 1}, [], {END: 1})


def test_a_folder_without_files_is_refused(tmp_path: Path):
    with pytest.raises(FileNotFoundError, match=r"found no .*tokenizer\.json\. Write one"):
        ByteLevelBPE.from_pretrained(tmp_path)


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", "null", '{"model": {}}', "\ufeff"])
def test_a_file_that_is_no_tokenizer_is_refused(tmp_path: Path, content: str):
    (tmp_path / "tokenizer.json").write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match=r"must hold a tokenizer .*found .*tokenizer\.json with"):
        ByteLevelBPE.from_pretrained(tmp_path)


def test_bytes_that_are_no_text_are_refused(tmp_path: Path):
    (tmp_path / "tokenizer.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match="folder must hold a tokenizer"):
        ByteLevelBPE.from_pretrained(tmp_path)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("model", "type"), "Unigram", "Unigram"),
        (("model", "dropout"), 0.1, "dropout"),
        (("model", "ignore_merges"), True, "ignore_merges"),
        (("model", "end_of_word_suffix"), "</w>", "end_of_word_suffix"),
        (("model", "merges"), [["Q", "Z"]], "merge 0, b'Q' \\+ b'Z'"),
        (("model", "vocab", "a"), 7, "no gap and none used twice"),
        (("model", "vocab", "中"), 900, "中"),
        (("normalizer",), {"type": "Lowercase"}, "normalizer"),
        (("pre_tokenizer",), None, "ByteLevel"),
        (("pre_tokenizer", "add_prefix_space"), True, "add_prefix_space"),
        (("pre_tokenizer", "use_regex"), False, "ByteLevel"),
        (("added_tokens", 0, "lstrip"), True, "lstrip"),
        (("post_processor",), {"special_tokens": {START: {}}}, "post_processor"),
    ],
)
def test_a_tokenizer_of_another_kind_is_refused(
    folder: Path, tmp_path: Path, path: tuple, value: object, message: str
):
    spec = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    place = spec
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    (tmp_path / "tokenizer.json").write_text(json.dumps(spec), encoding="utf-8")
    with pytest.raises(ValueError, match=f"that ByteLevelBPE can read, found .*{message}"):
        ByteLevelBPE.from_pretrained(tmp_path)
