"""Sameness of meaning, asked of a model: against its own probabilities, and how clusters grow."""

from __future__ import annotations

import pytest
import torch

from coursekit.llm import meaning
from coursekit.llm.choices import score_choices
from coursekit.llm.meaning import cluster_by_meaning, meaning_by_question, meaning_by_ratio

Q = "What is the capital of China?"


def log_prob(lm, prompt, answer):
    """By one plain forward pass."""
    n = len(lm.tokenizer(prompt).input_ids)
    ids = lm.tokenizer(prompt + answer, return_tensors="pt").input_ids
    with torch.no_grad():
        table = lm.model(ids).logits[0, n - 1 : -1].log_softmax(-1)
    return table.gather(1, ids[0, n:, None]).sum().item()


def test_the_ratio_is_the_smaller_of_both_directions(tiny_lm):
    start = f"Question: {Q}\nAnswer:"

    def ratio(a, b):
        return log_prob(tiny_lm, f"{start} {a}, or", f" {b}") - log_prob(tiny_lm, start, f" {b}")

    found = meaning_by_ratio(tiny_lm, [Q], [("Beijing", "Peking")], link=", or")
    forth, back = ratio("Beijing", "Peking"), ratio("Peking", "Beijing")
    assert found.tolist() == pytest.approx([min(forth, back)], abs=1e-3)
    assert abs(forth - back) > 1e-2


def test_both_judges_do_not_mind_the_order_of_a_pair(tiny_lm, monkeypatch):
    monkeypatch.setattr(meaning, "_EXAMPLES", meaning._EXAMPLES[:1])  # the tiny ones read little
    for judge in (meaning_by_ratio, meaning_by_question):
        one = judge(tiny_lm, [Q, Q], [("Beijing", "Peking"), ("Beijing", "Rome")])
        other = judge(tiny_lm, [Q, Q], [("Peking", "Beijing"), ("Rome", "Beijing")])
        assert one.tolist() == pytest.approx(other.tolist(), abs=1e-4)
        assert one[0] != one[1]


def test_by_question_compares_yes_with_no(tiny_lm, monkeypatch):
    asked = []

    def recording(lm, prompts, choices):
        asked.extend(zip(prompts, choices, strict=True))
        return score_choices(lm, prompts, choices)

    monkeypatch.setattr(meaning, "_EXAMPLES", meaning._EXAMPLES[:1])
    monkeypatch.setattr(meaning, "score_choices", recording)
    [found] = meaning_by_question(tiny_lm, [Q], [("Beijing", "Peking")]).tolist()
    assert [choices for _, choices in asked] == [[" Yes", " No"]] * 2
    odds = [log_prob(tiny_lm, p, " Yes") - log_prob(tiny_lm, p, " No") for p, _ in asked]
    assert found == pytest.approx(min(odds), abs=1e-3)
    assert "Answer 1: Beijing\nAnswer 2: Peking" in asked[0][0]
    assert "Answer 1: Peking\nAnswer 2: Beijing" in asked[1][0]


@pytest.fixture
def known_ratios(monkeypatch):
    """A judge that knows: names of one city have ratio 2, all others -2."""
    city = {"Beijing": "B", "Peking": "B", "beijing.": "B", "Rome": "R", "Roma": "R"}

    def judge(lm, questions, pairs):
        return torch.tensor([2.0 if city.get(a) == city.get(b) else -2.0 for a, b in pairs])

    monkeypatch.setattr(meaning, "meaning_by_ratio", judge)


def test_clusters_join_what_means_the_same(known_ratios):
    samples = ["Rome", "Beijing", "", "Peking", "beijing.", "Oslo", "Roma", " "]
    assert cluster_by_meaning(None, Q, samples, 0.0) == [0, 1, 2, 1, 1, 3, 0, 2]


def test_the_threshold_decides(known_ratios):
    samples = ["Rome", "Roma", "Oslo"]
    assert cluster_by_meaning(None, Q, samples, 2.0) == [0, 0, 1]
    assert cluster_by_meaning(None, Q, samples, 2.1) == [0, 1, 2]
    assert cluster_by_meaning(None, Q, samples, -5.0) == [0, 0, 0]


def test_one_string_asks_nobody():
    assert cluster_by_meaning(None, Q, ["Rome", "rome."], 0.0) == [0, 0]
    assert cluster_by_meaning(None, Q, ["", "Rome"], 0.0) == [0, 1]


def test_no_pairs_have_no_ratios():
    assert meaning_by_ratio(None, [], []).shape == (0,)
    assert meaning_by_question(None, [], []).shape == (0,)


@pytest.mark.parametrize("judge", [meaning_by_ratio, meaning_by_question])
@pytest.mark.parametrize(
    ("questions", "pairs", "error", "message"),
    [
        (Q, [("a", "b")], TypeError, "must be lists"),
        ([Q], [], ValueError, "found 1 and 0"),
        ([Q], ["ab"], TypeError, r"pairs\[0\] must be two answers"),
        ([Q], [("a", "b", "c")], TypeError, r"pairs\[0\] must be two answers"),
        ([Q], [("a", " ")], ValueError, r"pairs\[0\] must be two answers that say something"),
        ([Q], [("a", 3)], TypeError, "found int"),
    ],
)
def test_bad_input(judge, questions, pairs, error, message):
    with pytest.raises(error, match=message):
        judge(None, questions, pairs)


@pytest.mark.parametrize("link", ["", "  ", ", also called ", 3])
def test_a_bad_link(link):
    with pytest.raises(ValueError, match="link must be"):
        meaning_by_ratio(None, [Q], [("a", "b")], link=link)


def test_no_samples():
    with pytest.raises(ValueError, match="samples must have at least one answer"):
        cluster_by_meaning(None, Q, [], 0.0)
