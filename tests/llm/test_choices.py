"""Scores of candidate answers: against the plain computation, at every kind of border."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import torch

from coursekit.llm import choices as choices_module
from coursekit.llm.choices import answer_lengths, score_choices

HEAD = "Q: What is the capital of Italy?\nA: Rome\n\nQ: What is the capital of "
PROMPTS = [HEAD + country + "?\nA:" for country in ["France", "Burkina Faso", "Peru", "Chad"]]
CHOICES = [
    [" Paris", " Lyon", " Saint-Pierre-et-Miquelon"],
    [" Ouagadougou"],
    [" Lima", " Quito", " La Paz", " Santiago de Chile", " Bogotá"],
    [" N'Djamena", " Moundou"],
]


def plain_score(lm, prompt, choice):
    """Tokenise together, run the whole text alone, add up the answer's log-probabilities."""
    prompt_ids = lm.tokenizer(prompt).input_ids
    ids = lm.tokenizer(prompt + choice).input_ids
    border = next(
        (i for i, (a, b) in enumerate(zip(prompt_ids, ids, strict=False)) if a != b),
        len(prompt_ids),
    )
    with torch.no_grad():
        log_probs = lm.model(torch.tensor([ids])).logits[0].log_softmax(-1)
    return sum(log_probs[t - 1, ids[t]].item() for t in range(border, len(ids)))


def assert_plain(lm, prompts, choices):
    found = score_choices(lm, prompts, choices)
    assert [len(scores) for scores in found] == [len(options) for options in choices]
    for prompt, options, scores in zip(prompts, choices, found, strict=True):
        expected = torch.tensor([plain_score(lm, prompt, option) for option in options])
        torch.testing.assert_close(scores, expected, atol=1e-4, rtol=0)


def test_equals_the_plain_computation(tiny_lm):
    assert_plain(tiny_lm, PROMPTS, CHOICES)


def test_equals_the_plain_computation_on_the_embedded_model(smollm2):
    # In float64, where batching does not change the last digits: what is left would be our error.
    # All layers are alike, so four of the thirty show it.
    model = deepcopy(smollm2.model)
    del model.model.layers[4:]
    assert_plain(replace(smollm2, model=model.double()), PROMPTS, CHOICES)


def test_float32_costs_less_than_a_ten_thousandth_of_a_nat_a_token(smollm2):
    found = score_choices(smollm2, PROMPTS, CHOICES)
    for prompt, options, scores in zip(PROMPTS, CHOICES, found, strict=True):
        for option, score in zip(options, scores.tolist(), strict=True):
            n_tokens = len(smollm2.tokenizer(option).input_ids)
            assert score == pytest.approx(plain_score(smollm2, prompt, option), abs=1e-4 * n_tokens)


def test_the_embedded_model_knows_paris(smollm2):
    [scores] = score_choices(smollm2, PROMPTS[:1], CHOICES[:1])
    assert scores.argmax() == 0


@pytest.mark.parametrize(
    ("prompts", "choices"),
    [
        (["Hello", "Goodbye, my"], [[" world"], [" love", " dear friend"]]),  # nothing shared
        (["The", "The cat"], [[" cat", " dog"], [" sat"]]),  # one prompt is the other's beginning
        (["Same prompt"] * 3, [[" a"], [" a", " b"], [" a b c"]]),  # one context, many questions
        (["Once upon"], [[" a time", " a time there was", " a"]]),  # one choice begins another
        (["Equal"], [[" yes", " yes"]]),  # two equal choices
    ],
    ids=["unrelated", "nested", "repeated", "prefix", "equal"],
)
def test_prompts_of_every_relation(tiny_lm, prompts, choices):
    assert_plain(tiny_lm, prompts, choices)


@pytest.mark.parametrize(
    ("prompt", "choice"),
    [
        ("The answer is ", "Paris"),  # the space belongs to the token " Paris"
        ("I live in Pa", "ris"),  # the border falls inside a word
        ("Count: 12", "34"),
        ("A line\n", "\nAnother"),
        ("Price: €", "5"),
        ("日本の首", "都は東京"),  # characters of several bytes
        ("Flag: \U0001f1eb", "\U0001f1f7"),  # half an emoji
    ],
)
def test_the_border_is_exact_wherever_it_falls(tiny_lm, prompt, choice):
    assert_plain(tiny_lm, [prompt], [[choice]])


def test_context_and_answer_are_the_tokens_of_the_joint_text(smollm2):
    [candidate] = choices_module.tokenize_candidates(smollm2, ["The answer is "], [["Paris"]])
    assert smollm2.tokenizer.decode(candidate.context) == "The answer is"
    assert smollm2.tokenizer.decode(candidate.answer) == " Paris"


def test_probabilities_of_all_one_token_answers_sum_to_one(tiny_lm):
    # Every token of the vocabulary that continues the prompt as a token of its own.
    vocabulary = [tiny_lm.tokenizer.decode([i]) for i in range(400, 900)]
    words = [word for word in vocabulary if word.startswith(" ") and word.strip().isalpha()]
    [scores] = score_choices(tiny_lm, ["The answer is"], [words])
    ids = tiny_lm.tokenizer("The answer is", return_tensors="pt").input_ids
    probs = tiny_lm.model(ids).logits[0, -1].softmax(-1)
    expected = probs[[tiny_lm.tokenizer(word).input_ids[0] for word in words]]
    torch.testing.assert_close(scores.exp(), expected, atol=1e-6, rtol=1e-4)
    assert len(words) > 100


@pytest.mark.parametrize("limit", [1, 40])
def test_batches_of_any_size_give_the_same_scores(tiny_lm, monkeypatch, limit):
    expected = score_choices(tiny_lm, PROMPTS, CHOICES)
    monkeypatch.setattr(choices_module, "NODES_AT_A_TIME", limit)
    found = score_choices(tiny_lm, PROMPTS, CHOICES)
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(a, b, atol=1e-4, rtol=0)


def test_every_shared_token_is_read_once_and_logits_only_where_they_are_needed(tiny_lm):
    read, asked = [], []

    def spy(module, args, kwargs, output):
        read.append(kwargs["input_ids"].numel())
        asked.append(output.logits.shape[:-1].numel())

    score_choices(tiny_lm, PROMPTS[:1], CHOICES[:1])  # which finds out what the model supports
    hook = tiny_lm.model.register_forward_hook(spy, with_kwargs=True)
    try:
        score_choices(tiny_lm, PROMPTS, CHOICES)
    finally:
        hook.remove()
    candidates = choices_module.tokenize_candidates(tiny_lm, PROMPTS, CHOICES)
    texts = [c.context + c.answer[:-1] for c in candidates]
    assert sum(read) == len({text[:n] for text in texts for n in range(1, len(text) + 1)})
    before = {
        (c.context + c.answer)[:n]
        for c in candidates
        for n in range(len(c.context), len(c.context) + len(c.answer))
    }
    assert sum(asked) == len(before)


def test_all_choices_of_a_prompt_are_given_the_same_condition(smollm2):
    prompt, options = "Question: Is the sky blue?\nAnswer:", ["Yes", "1"]
    with_space = choices_module.tokenize_candidates(smollm2, [prompt + " "], [options])
    without = choices_module.tokenize_candidates(smollm2, [prompt], [[f" {o}" for o in options]])
    # " Yes" is one token and " 1" are two, so the border of one is not that of the other.
    assert [(c.context, c.answer) for c in with_space] == [(c.context, c.answer) for c in without]


def test_prompts_and_choices_may_be_any_iterables(tiny_lm):
    expected = score_choices(tiny_lm, PROMPTS[:2], CHOICES[:2])
    found = score_choices(tiny_lm, np.array(PROMPTS[:2]), (iter(texts) for texts in CHOICES[:2]))
    assert [row.tolist() for row in found] == [row.tolist() for row in expected]


def test_lengths_are_those_of_what_is_scored(smollm2):
    choices = [[" Paris", " Ulaanbaatar"], [" Yaoundé", " N'Djamena"]]
    prompts = ["The capital is", "Capital:"]
    n_tokens = answer_lengths(smollm2, prompts, choices, "tokens")
    ids = [[smollm2.tokenizer(choice).input_ids for choice in options] for options in choices]
    assert [row.tolist() for row in n_tokens] == [[len(i) for i in row] for row in ids]
    n_bytes = answer_lengths(smollm2, prompts, choices, "bytes")
    assert [row.tolist() for row in n_bytes] == [[5, 11], [8, 9]]  # é has two


def test_the_token_at_the_border_counts_to_the_answer(smollm2):
    [lengths] = answer_lengths(smollm2, ["The answer is "], [["Paris"]], "tokens")
    assert lengths.tolist() == [1]
    with pytest.raises(ValueError, match='unit must be "tokens" or "bytes", found \'words\''):
        answer_lengths(smollm2, ["The answer is"], [[" Paris"]], "words")


def test_no_prompts_give_no_scores(tiny_lm):
    assert score_choices(tiny_lm, [], []) == []


@pytest.mark.parametrize(
    ("prompts", "choices", "error", "message"),
    [
        ("prompt", [[" a"]], TypeError, r"write \['prompt'\]"),
        (3, [[" a"]], TypeError, "prompts must be a list of strings, found int"),
        (["prompt"], [" a"], TypeError, r"choices\[0\] must be a list"),
        (["prompt"], [[" a"], [" b"]], ValueError, "same length, found 1 and 2"),
        (
            ["prompt", "x"],
            [[" a"], []],
            ValueError,
            r"choices\[1\] must have at least one",
        ),
        (["prompt"], [[" a", ""]], ValueError, r"choices\[0\]\[1\] must have at least one char"),
        (
            ["prompt"],
            [[" a", " \n"]],
            ValueError,
            r"choices\[0\]\[1\] must have text .* all",
        ),
        ([""], [[" a"]], ValueError, r"prompts\[0\] must have at least one char"),
        (["prompt"], [[3]], TypeError, r"choices\[0\]\[0\] must be a string, found int"),
        (["prompt"], [["\ud800"]], ValueError, r"choices\[0\]\[0\] must be text .* surrogate"),
        ([None], [[" a"]], TypeError, r"prompts\[0\] must be a string"),
        (["P"], [["aris"]], ValueError, "nothing is left to condition on"),
        (["word " * 200], [[" a"]], ValueError, "must have at most the 128 tokens"),
    ],
)
def test_bad_input_is_named(tiny_lm, prompts, choices, error, message):
    with pytest.raises(error, match=message):
        score_choices(tiny_lm, prompts, choices)
