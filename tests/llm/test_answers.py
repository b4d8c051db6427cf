"""Sampled answers: against the law of the model, against generation one at a time, bad input."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch
from scipy.stats import chisquare

from coursekit.llm import answers as answers_module
from coursekit.llm.answers import greedy_answers, sample_answers

HEAD = "Q: What is the capital of Italy?\nA: Rome\n\nQ: What is the capital of "
PROMPTS = [HEAD + country + "?\nA:" for country in ["France", "Burkina Faso", "Peru", "Chad"]]


def sampled_alone(lm, prompt, darts, temperature, max_new_tokens, stop="\n"):
    """One answer, by running the whole text through the model anew for each token."""
    ids = lm.tokenizer(prompt).input_ids
    tokens, log_prob = [], 0.0
    for step in range(max_new_tokens):
        with torch.no_grad():
            logits = lm.model(torch.tensor([ids + tokens])).logits[0, -1].double()
        ends = (logits / temperature).softmax(-1).cumsum(-1)
        token = int((ends <= darts[step]).sum())
        tokens.append(token)
        log_prob += logits.log_softmax(-1)[token].item()
        if token == lm.tokenizer.eos_token_id or stop in lm.tokenizer.decode([token]):
            break
    return tokens, log_prob


@pytest.mark.parametrize("temperature", [0.7, 1.0])
def test_equals_sampling_one_at_a_time(tiny_lm, temperature):
    found = sample_answers(
        tiny_lm, PROMPTS, 3, temperature=temperature, max_new_tokens=6, seed=4, stop="e"
    )
    for i, prompt in enumerate(PROMPTS):
        for j in range(3):
            darts = np.random.default_rng([4, i, j]).random(6)
            tokens, log_prob = sampled_alone(tiny_lm, prompt, darts, temperature, 6, stop="e")
            answer = found[i][j]
            text = tiny_lm.tokenizer.decode(tokens, skip_special_tokens=True)
            assert answer.text == text.split("e")[0].strip()
            assert answer.n_tokens == len(tokens)
            assert answer.log_prob == pytest.approx(log_prob, abs=1e-4)
            assert answer.log_prob_per_token == pytest.approx(log_prob / len(tokens), abs=1e-4)


def test_greedy_equals_generate(smollm2):
    found = greedy_answers(smollm2, PROMPTS, max_new_tokens=8)
    for prompt, answer in zip(PROMPTS, found, strict=True):
        ids = smollm2.tokenizer(prompt, return_tensors="pt").input_ids
        with torch.no_grad():
            out = smollm2.model.generate(ids, do_sample=False, max_new_tokens=8, pad_token_id=0)
        text = smollm2.tokenizer.decode(out[0, ids.shape[1] :], skip_special_tokens=True)
        assert answer.text == text.split("\n")[0].strip()


def test_frequencies_agree_with_the_probabilities(smollm2):
    """Chi-square over the first token of 2,000 answers; rare tokens count as one class."""
    samples = sample_answers(smollm2, PROMPTS[2:3], 2000, max_new_tokens=1, seed=1)[0]
    ids = smollm2.tokenizer(PROMPTS[2], return_tensors="pt").input_ids
    with torch.no_grad():
        probs = smollm2.model(ids).logits[0, -1].double().softmax(-1)
    top = probs.topk(12)
    seen = Counter(round(answer.log_prob, 3) for answer in samples)
    observed = [seen[round(p.log().item(), 3)] for p in top.values]
    expected = (2000 * top.values).tolist()
    observed.append(2000 - sum(observed))
    expected.append(2000 - sum(expected))
    assert chisquare(observed, expected).pvalue > 0.001


def test_more_samples_leave_the_first_ones(tiny_lm):
    few = sample_answers(tiny_lm, PROMPTS, 2, max_new_tokens=5, seed=3)
    many = sample_answers(tiny_lm, PROMPTS, 5, max_new_tokens=5, seed=3)
    assert [[a.text for a in some] for some in few] == [[a.text for a in some[:2]] for some in many]
    other = sample_answers(tiny_lm, PROMPTS, 2, max_new_tokens=5, seed=2)
    assert [[a.text for a in some] for some in few] != [[a.text for a in some] for some in other]


def test_prompts_keep_their_answers_in_parts_if_they_keep_their_numbers(tiny_lm):
    whole = sample_answers(tiny_lm, PROMPTS, 3, max_new_tokens=5, seed=3)
    order = [*range(1, len(PROMPTS)), 0]
    parts = sample_answers(
        tiny_lm, [PROMPTS[i] for i in order], 3, max_new_tokens=5, seed=3, numbers=order
    )
    texts = [[answer.text for answer in parts[order.index(i)]] for i in range(len(PROMPTS))]
    assert texts == [[answer.text for answer in some] for some in whole]


@pytest.mark.parametrize("limit", [1, 150, 10**6])
def test_batches_of_any_size_give_the_same_answers(tiny_lm, monkeypatch, limit):
    expected = sample_answers(tiny_lm, PROMPTS, 3, max_new_tokens=4)
    monkeypatch.setattr(answers_module, "NODES_PER_TREE", limit)
    found = sample_answers(tiny_lm, PROMPTS, 3, max_new_tokens=4)
    assert [[a.text for a in some] for some in found] == [
        [a.text for a in some] for some in expected
    ]


def test_samples_that_agree_share_their_work(smollm2, monkeypatch):
    """The model reads each place of the tree once: far fewer rows than samples times tokens."""
    rows = []
    forward = type(smollm2.model).forward

    def counting(self, input_ids, *args, **kwargs):
        rows.append(input_ids.shape[0])
        return forward(self, input_ids, *args, **kwargs)

    monkeypatch.setattr(type(smollm2.model), "forward", counting)
    [samples] = sample_answers(smollm2, PROMPTS[:1], 50, max_new_tokens=8, temperature=0.3)
    assert sum(rows) < 0.2 * sum(a.n_tokens for a in samples)


def test_the_stop_and_the_cut(tiny_lm):
    [samples] = sample_answers(tiny_lm, PROMPTS[:1], 40, max_new_tokens=3, stop="a", seed=5)
    assert {a.finished for a in samples} == {True, False}
    assert all("a" not in a.text for a in samples)
    assert all(a.n_tokens == 3 for a in samples if not a.finished)


def test_no_prompts_give_no_answers(tiny_lm):
    assert sample_answers(tiny_lm, [], 3) == []
    assert greedy_answers(tiny_lm, []) == []


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"prompts": "Hello"}, TypeError, r"write \['Hello'\]"),
        ({"prompts": [3]}, TypeError, r"prompts\[0\] must be a string, found int"),
        ({"prompts": ["ok", " \n"]}, ValueError, r"prompts\[1\] must have text to continue"),
        ({"prompts": ["The answer is "]}, ValueError, "found a space at its end"),
        (
            {"prompts": ["word " * 200 + "end"]},
            ValueError,
            r"most the 128 tokens .* found 201",
        ),
        ({"n_samples": 0}, ValueError, "n_samples must be at least 1, found 0"),
        ({"n_samples": 2.5}, TypeError, "n_samples must be a whole number"),
        ({"max_new_tokens": 0}, ValueError, "max_new_tokens must be at least 1"),
        ({"temperature": 0}, ValueError, "use greedy_answers"),
        ({"temperature": float("nan")}, ValueError, "temperature must be a positive number"),
        ({"stop": ""}, ValueError, "stop must be one character"),
        ({"stop": "END"}, ValueError, "stop must be one character"),
        ({"seed": -1}, ValueError, "seed"),
        ({"numbers": [0]}, ValueError, "numbers must hold one for each"),
        ({"numbers": [-1] * len(PROMPTS)}, ValueError, r"numbers\[0\] must be at least 0"),
    ],
)
def test_bad_input(tiny_lm, change, error, message):
    arguments = {"prompts": PROMPTS, "n_samples": 2} | change
    with pytest.raises(error, match=message):
        sample_answers(tiny_lm, **arguments)
