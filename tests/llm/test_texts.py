"""What stands before a text, what ends one, and what is none."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import torch
from tokenizers import processors

from coursekit.llm import (
    greedy_answers,
    next_token_predictions,
    sample_answers,
    score_choices,
    token_windows,
)
from coursekit.llm._texts import as_texts, encode, marks_around
from coursekit.llm.choices import tokenize_candidates
from coursekit.llm.next_token import next_token_logits


def marked(lm, template):
    """The same tokenizer with marks "[" before and "]" after a text, as the template says."""
    tokenizer = deepcopy(lm.tokenizer)
    marks = [(mark, tokenizer.convert_tokens_to_ids(mark)) for mark in "[{]"]
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single=template, special_tokens=marks
    )
    return replace(lm, tokenizer=tokenizer)


@pytest.fixture(params=["[ $A", "[ { $A", "[ $A ]", "$A ]", "$A"])
def marked_lm(request, byte_lm):
    return marked(byte_lm, request.param), request.param.split("$")[0].replace(" ", "")


def test_a_text_begins_with_its_marks_once_and_ends_with_none(marked_lm):
    lm, head = marked_lm
    decoded = [lm.tokenizer.decode(ids) for ids in encode(lm, ["a text", head + "a text"])]
    assert decoded == [head + "a text"] * 2
    assert lm.tokenizer.decode(marks_around(lm).before) == head


def test_left_over_padding_and_truncation_change_nothing(byte_lm):
    tokenizer = deepcopy(byte_lm.tokenizer)
    tokenizer.backend_tokenizer.enable_padding(length=20)
    tokenizer.backend_tokenizer.enable_truncation(3)
    lm = replace(byte_lm, tokenizer=tokenizer)
    assert encode(lm, ["a text", "two"]) == encode(byte_lm, ["a text", "two"])


def test_scores_and_answers_are_those_after_the_marks(byte_lm):
    lm = marked(byte_lm, "[ $A ]")
    expected = score_choices(byte_lm, ["[Capital:"], [[" Lima", " Rome"]])
    for prompt in ("Capital:", "[Capital:"):
        found = score_choices(lm, [prompt], [[" Lima", " Rome"]])
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)
        answers = greedy_answers(lm, [prompt], max_new_tokens=3)
        assert answers[0].log_prob == pytest.approx(
            greedy_answers(byte_lm, ["[Capital:"], max_new_tokens=3)[0].log_prob, abs=1e-5
        )
    [candidate, _] = tokenize_candidates(lm, ["Capital:"], [[" Lima", " Rome"]])
    assert lm.tokenizer.decode(candidate.context + candidate.answer) == "[Capital: Lima"


def test_every_window_begins_with_the_marks_and_none_is_predicted(marked_lm):
    lm, head = marked_lm
    text = "abcdefghijklmnopq"
    windows, _ = token_windows(lm, [text], context=5, per_text=9)
    n_new = 6 - len(head)
    said = [lm.tokenizer.decode(window) for window in windows]
    assert said == [head + text[s : s + n_new] for s in range(0, len(text) - n_new + 1, n_new)]
    found = next_token_predictions(lm, text, context=5)
    assert lm.tokenizer.decode(found.token) == (text if head else text[1:])
    # Ids that begin with the marks are such a text, other ids are read as they are.
    ids = torch.tensor(encode(lm, [text]))
    assert next_token_predictions(lm, ids, context=5).log_prob.tolist() == found.log_prob.tolist()
    as_is = next_token_predictions(
        lm, torch.tensor(lm.tokenizer("xyzuvw", add_special_tokens=False).input_ids)
    )
    assert lm.tokenizer.decode(as_is.token) == "yzuvw"


def test_a_window_is_read_after_its_marks(byte_lm):
    lm = marked(byte_lm, "[ $A")
    [(logits, targets), *_] = list(next_token_logits(lm, "abcdefgh", context=4))
    assert [lm.tokenizer.decode(row) for row in targets] == ["abcd", "efgh"]
    ids = torch.tensor([byte_lm.tokenizer("[efg").input_ids])
    torch.testing.assert_close(logits[1], byte_lm.model(ids).logits[0], atol=1e-5, rtol=0)


def test_every_end_of_a_text_is_known(byte_lm):
    model, tokenizer = deepcopy(byte_lm.model), deepcopy(byte_lm.tokenizer)
    model.generation_config.eos_token_id, model.config.eos_token_id = None, None
    lm = replace(byte_lm, model=model, tokenizer=tokenizer)
    assert marks_around(lm).ends == set()
    tokenizer.eos_token = "a"
    model.generation_config.eos_token_id, model.config.eos_token_id = [7, 9], 11
    assert marks_around(lm).ends == {tokenizer.eos_token_id, 7, 9, 11}


def test_an_answer_stops_at_every_end_and_does_not_say_it(byte_lm):
    printable = "".join(map(chr, range(33, 127)))
    model = deepcopy(byte_lm.model)
    model.generation_config.eos_token_id = byte_lm.tokenizer(printable).input_ids
    lm = replace(byte_lm, model=model)
    samples = sample_answers(lm, ["Capital:"], 20, stop="\0", max_new_tokens=3)[0]
    assert not set(printable) & {letter for answer in samples for letter in answer.text}
    assert {answer.finished for answer in samples} == {True, False}
    assert all(answer.n_tokens == 3 for answer in samples if not answer.finished)


@pytest.mark.parametrize("texts", [("a", "b"), np.array(["a", "b"]), (t for t in "ab")])
def test_any_iterable_of_strings_is_a_list_of_texts(texts):
    assert as_texts(texts, "prompts") == ["a", "b"]


@pytest.mark.parametrize(
    ("texts", "error", "message"),
    [
        ("ab", TypeError, r"prompts must be a list of strings, found one string: write \['ab'\]"),
        (3, TypeError, "prompts must be a list of strings, found int"),
        (["a", 3], TypeError, r"prompts\[1\] must be a string, found int"),
        (["a", ""], ValueError, r"prompts\[1\] must have at least one character"),
        (["a\ud800"], ValueError, r"prompts\[0\] must be text that UTF-8 can write"),
    ],
)
def test_what_is_no_text_is_refused(texts, error, message):
    with pytest.raises(error, match=message):
        as_texts(texts, "prompts")
