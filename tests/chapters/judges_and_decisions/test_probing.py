"""What is read of an answer: the same as by other ways, and the same whatever is read beside it."""

from __future__ import annotations

import pytest
import torch

from coursekit.chapters.judges_and_decisions.probing import read_answers
from coursekit.llm import answer_lengths, few_shot_prompts, score_choices

QUESTIONS = [
    "What is the capital of Peru?",
    "Two plus two?",
    "Name a colour of the rainbow, please.",
]
ANSWERS = ["Lima", "four", "red"]


def test_log_probability_and_length_are_those_of_the_scorer(tiny_lm):
    read = read_answers(tiny_lm, QUESTIONS, ANSWERS)
    prompts, choices = few_shot_prompts(QUESTIONS), [[f" {answer}"] for answer in ANSWERS]
    lengths = torch.cat(answer_lengths(tiny_lm, prompts, choices, "tokens"))
    assert torch.equal(read.length, lengths)
    scores = torch.cat(score_choices(tiny_lm, prompts, choices)).double()
    assert (read.log_prob * lengths).tolist() == pytest.approx(scores.tolist(), abs=1e-3)


def test_states_do_not_depend_on_what_is_read_beside_them(tiny_lm):
    together = read_answers(tiny_lm, QUESTIONS, ANSWERS).states
    for i in range(3):
        alone = read_answers(tiny_lm, [QUESTIONS[i]], [ANSWERS[i]]).states[0]
        assert torch.allclose(together[i], alone, atol=1e-4)


def test_states_are_those_at_the_last_token_after_each_block(tiny_lm):
    read = read_answers(tiny_lm, QUESTIONS[:1], ANSWERS[:1])
    ids = tiny_lm.tokenizer("Question: What is the capital of Peru?\nAnswer: Lima").input_ids
    with torch.inference_mode():
        hidden = tiny_lm.model(torch.tensor([ids]), output_hidden_states=True).hidden_states
    assert read.states.shape == (1, len(hidden) - 1, hidden[0].shape[-1])
    assert torch.allclose(read.states[0, 0], hidden[1][0, -1], atol=1e-4)
    assert torch.allclose(read.states[0, -1], hidden[-1][0, -1], atol=1e-4)


def test_lists_of_different_length_are_refused(tiny_lm):
    with pytest.raises(ValueError):
        read_answers(tiny_lm, QUESTIONS, ANSWERS[:2])
