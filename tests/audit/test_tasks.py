"""What a task reads is what the course's other functions read, one item or many at a time."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from coursekit.audit import TASKS, asking
from coursekit.audit.asking import N_SAMPLES
from coursekit.audit.assembling import beside_tokens, result_of
from coursekit.audit.items import calibration_half, digest_of
from coursekit.calibration import negative_log_likelihood
from coursekit.calibration.sums import metrics_of, sums_of, table_of
from coursekit.calibration.temperatures import TEMPERATURES
from coursekit.data.questions import normalise
from coursekit.llm import next_token_predictions, score_choices
from coursekit.llm.answers import greedy_answers, sample_answers

TEXTS = ["prose", "code"]


def close(found, expected):
    for name in expected:
        assert found[name] == pytest.approx(expected[name], abs=2e-4), name


@pytest.mark.parametrize("name", TASKS)
def test_items_are_distinct_and_a_larger_limit_adds_to_them(byte_lm, name):
    task = TASKS[name]
    few, more = task.items(byte_lm, 12, seed=0), task.items(byte_lm, 40, seed=0)
    assert [item.name for item in more[:12]] == [item.name for item in few]
    assert [item.content for item in more[:12]] == [item.content for item in few]
    assert len({item.name for item in more}) == len(more) == 40
    assert digest_of(few) != digest_of(more)
    assert digest_of(few) == digest_of(task.items(byte_lm, 12, seed=0))


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("temperature", [None, 1.7])
def test_windows_are_read_as_next_token_predictions_reads_them(byte_lm, name, temperature):
    task = TASKS[name]
    items = task.items(byte_lm, 3, seed=0)
    records = task.read(byte_lm, items, 0, temperature)
    for item, record in zip(items, records, strict=True):
        ids = torch.tensor(item.content)
        assert len(ids) == 257
        scales = {"before": 1.0} | ({} if temperature is None else {"after": temperature})
        assert record.keys() == scales.keys() | ({"nll_at"} if temperature is None else set())
        for when, scale in scales.items():
            expected = next_token_predictions(byte_lm, ids, temperature=scale)
            close(
                record[when],
                sums_of(expected.confidence, expected.correct, -expected.log_prob.double()),
            )
    if temperature is None:
        nll = [
            -next_token_predictions(byte_lm, ids, temperature=t).log_prob.double().sum().item()
            for t in TEMPERATURES
        ]
        assert record["nll_at"] == pytest.approx(nll, rel=1e-5)


@pytest.mark.parametrize("name", TASKS)
def test_a_record_does_not_depend_on_who_is_read_beside_it(byte_lm, name):
    task = TASKS[name]
    items = task.items(byte_lm, 8, seed=0)
    together = task.read(byte_lm, items, 7, None)
    alone = [task.read(byte_lm, [item], 7, None)[0] for item in items]
    for item, one, other in zip(items, together, alone, strict=True):
        close(task.before(item, one), task.before(item, other))
        assert task.nll_at(item, one) == pytest.approx(task.nll_at(item, other), rel=1e-4)
        assert one.get("said") == other.get("said")
    assert len({str(record) for record in together}) > 4  # and each item has its own


def test_a_batch_that_is_reduced_in_parts_gives_the_same(byte_lm, monkeypatch):
    from coursekit.audit import text

    task, items = TASKS["prose"], TASKS["prose"].items(byte_lm, 3, seed=0)
    whole = task.read(byte_lm, items, 0, 1.2)
    monkeypatch.setattr(text, "NUMBERS_AT_A_TIME", (1, 700))
    for one, other in zip(whole, task.read(byte_lm, items, 0, 1.2), strict=True):
        close(one["before"], other["before"])
        close(one["after"], other["after"])


def test_own_samples_are_calibrated_by_construction(byte_lm):
    task = TASKS["samples"]
    items = task.items(byte_lm, 64, seed=0)
    records = task.read(byte_lm, items, 3, None)
    totals = table_of([task.before(*pair) for pair in zip(items, records, strict=True)]).sum(dim=0)
    found = metrics_of(totals)
    n = 64 * 128
    # Accuracy is a mean of n outcomes whose probabilities are the confidences themselves.
    assert abs(found["gap"].item()) < 4 * (0.25 / n) ** 0.5
    assert found["accuracy"] > 0.02
    other = task.read(byte_lm, items, 4, None)
    assert task.before(items[0], records[0]) != task.before(items[0], other[0])


def test_own_samples_are_drawn_with_the_stated_probability(byte_lm):
    logits = torch.zeros(257)
    logits[[10, 200]] = torch.tensor([7.0, 6.5])
    probs = logits.softmax(0)

    def model(ids, **_):
        """Say the same whatever came before."""
        rows = logits.expand(*ids.shape, -1)
        return SimpleNamespace(logits=rows, past_key_values=None)

    model.config = byte_lm.model.config
    task = TASKS["samples"]
    items = task.items(byte_lm, 64, seed=0)
    records = task.read(replace(byte_lm, model=model), items, 0, None)
    totals = table_of([task.before(*pair) for pair in zip(items, records, strict=True)]).sum(dim=0)
    found = metrics_of(totals)
    n = 64 * 128
    p = probs.max()
    assert found["confidence"].item() == pytest.approx(p.item(), abs=1e-6)
    assert abs(found["accuracy"] - p) < 4 * (p * (1 - p) / n) ** 0.5
    spread = (probs * probs.log().square()).sum() - torch.special.entr(probs).sum() ** 2
    assert abs(found["nll"] - torch.special.entr(probs).sum()) < 4 * (spread / n) ** 0.5


def test_choices_are_the_softmax_of_their_scores(byte_lm):
    task = TASKS["choices"]
    items = task.items(byte_lm, 12, seed=0)
    records = task.read(byte_lm, items, 0, None)
    for item, record in zip(items, records, strict=True):
        question = item.content["question"]
        options = [f" {option}" for option in question.options]
        [scores] = score_choices(byte_lm, [item.content["prompt"]], [options])
        for temperature in (1.0, 2.5):
            probs = (scores.double() / temperature).softmax(0)
            confidence, correct, nll = task.prediction(item, record, temperature)
            assert confidence == pytest.approx(probs.max().item(), abs=1e-4)
            assert correct == (int(probs.argmax()) == question.correct)
            expected = negative_log_likelihood(probs[None], torch.tensor([question.correct]))
            assert nll == pytest.approx(float(expected), abs=1e-3)


def test_examples_are_not_asked_and_kinds_come_in_turn(byte_lm):
    items = TASKS["choices"].items(byte_lm, 40, seed=0)
    kinds = Counter(item.labels["kind"] for item in items)
    assert set(kinds) == {"capital", "currency", "symbol", "addition"}
    assert max(kinds.values()) - min(kinds.values()) <= 2
    for item in items:
        prompt, question = item.content["prompt"], item.content["question"]
        assert prompt.count("Question:") == 5
        assert prompt.count(question.question) == 1
        assert prompt.endswith(f"{question.question}\nAnswer:")
        assert ("continent" in item.labels) == (question.kind in ("capital", "currency"))


def test_a_free_answer_is_the_most_frequent_of_ten(byte_lm):
    task = TASKS["answers"]
    items = task.items(byte_lm, 4, seed=0)
    sharp = replace(byte_lm, model=byte_lm.model)
    records = task.read(sharp, items, 5, None)
    sampled = sample_answers(
        byte_lm, [item.content["prompt"] for item in items], N_SAMPLES, max_new_tokens=16, seed=5
    )
    for record, answers in zip(records, sampled, strict=True):
        counts = Counter(normalise(answer.text) for answer in answers)
        assert record["agreeing"] == max(counts.values()) == counts[normalise(record["said"])]


@pytest.mark.parametrize(("agreeing", "right"), [(10, True), (10, False), (3, True)])
def test_agreement_as_a_probability(agreeing, right):
    task, record = TASKS["answers"], {"agreeing": agreeing, "right": right}
    share = (agreeing + 0.5) / 11
    confidence, correct, nll = task.prediction(None, record, 1.0)
    assert (confidence, correct) == (pytest.approx(share), right)
    assert nll == pytest.approx(-torch.tensor(share if right else 1 - share).log().item())
    odds = (share / (1 - share)) ** 0.5
    assert task.prediction(None, record, 2.0)[0] == pytest.approx(odds / (1 + odds))


@pytest.mark.parametrize("name", TASKS)
def test_halves_divide_entities_and_kinds(byte_lm, name):
    items = TASKS[name].items(byte_lm, 40, seed=0)
    half = calibration_half(items, 0)
    entities = {item.entity for item in items}
    assert half < entities
    assert abs(2 * len(half) - len(entities)) <= 4
    assert half != calibration_half(items, 1)
    kinds = Counter(item.labels.get("kind") for item in items if item.entity in half)
    assert max(kinds.values()) - min(kinds.values()) <= len(items) / 8


def test_a_tokenizer_without_a_beginning_cannot_write_a_text(byte_lm, monkeypatch):
    class Bare:
        bos_token_id = eos_token_id = None

        def get_vocab(self):
            return {"a": 0}

    bare = replace(byte_lm, tokenizer=Bare())
    with pytest.raises(ValueError, match="no token for the beginning or the end of a text"):
        TASKS["samples"].items(bare, 8, 0)


def test_a_stated_confidence_keeps_the_probability_of_its_answer(byte_lm):
    task = TASKS["stated"]
    items = task.items(byte_lm, 8, seed=0)
    records = task.read(byte_lm, items, 0, None)
    for item, record in zip(items, records, strict=True):
        prompt = item.content["prompt"]
        [answer] = greedy_answers(byte_lm, [prompt], max_new_tokens=asking.LONGEST_ANSWER)
        assert record["said"] == answer.text
        if answer.text:
            [score] = score_choices(byte_lm, [prompt], [[f" {answer.text}"]])
            assert record["log_prob"] == pytest.approx(score.item(), abs=1e-4)
        else:
            assert record["log_prob"] is None


def stated_records(n=40):
    """Questions, and records of a model that always states 90 %, and whose tokens know better."""
    items = TASKS["stated"].items(None, n, seed=0)
    records = {
        item.name: {
            "said": "x",
            "right": i % 2 == 0,
            "stated": None if i % 8 == 0 else 0.9,
            "log_prob": math.log(0.7 if i % 2 == 0 else 0.3) if i >= 4 else None,
        }
        for i, item in enumerate(items)
    }
    return items, records


def test_stated_confidence_stands_beside_tokens_on_the_same_answers():
    items, records = stated_records()
    found = beside_tokens(TASKS["stated"], items, records, 0)
    assert (found["items"], found["without_probability"], found["unread"]) == (36, 4, 4)
    # Of 18 right answers 4 are stated with 50 %, the others with 90 %; of the wrong ones all.
    assert found["token"]["metrics"]["brier"]["estimate"] == pytest.approx(0.09)
    stated = (4 * 0.25 + 14 * 0.01 + 18 * 0.81) / 36
    assert found["stated"]["metrics"]["brier"]["estimate"] == pytest.approx(stated)
    assert found["difference"]["brier"]["estimate"] == pytest.approx(0.09 - stated)
    assert found["difference"]["brier"]["high"] < 0
    assert found["stated"]["metrics"]["auroc"]["estimate"] == pytest.approx((14 * 18 / 2) / 324)
    assert found["difference"]["auroc"]["estimate"] == pytest.approx(1 - (14 * 18 / 2) / 324)
    assert found["token"]["raw_ece"] == pytest.approx(0.3)
    result = result_of(TASKS["stated"], items, records, 0)
    assert result["beside"] == found


def test_probabilities_that_are_all_certain_are_no_second_confidence():
    items, records = stated_records()
    for record in records.values():
        record["log_prob"] = -1e-9
    assert beside_tokens(TASKS["stated"], items, records, 0) is None
    assert "beside" not in result_of(TASKS["stated"], items, records, 0)
    for record in records.values():
        record["log_prob"] = None
    assert beside_tokens(TASKS["stated"], items, records, 0) is None
