"""Damaged copies are damaged as they say, and the checker of a diagnosis knows what shows one."""

from __future__ import annotations

import pytest
import torch

from coursekit.audit import Report
from coursekit.calibration import Interval
from coursekit.chapters.audit_your_model import diagnosis, patients
from coursekit.chapters.audit_your_model.figures import readings_by_letter
from coursekit.chapters.audit_your_model.patients import EXAM, FRESH, PUBLISHED

PROMPT = "Question: What is the capital of Peru?\nAnswer:"


def logits_of(lm):
    ids = torch.tensor([lm.tokenizer(PROMPT).input_ids])
    with torch.no_grad():
        return lm.model(ids).logits[0]


@pytest.fixture(scope="module")
def healthy(byte_lm):
    return logits_of(byte_lm)


def test_a_sharpened_copy_has_its_logits_multiplied(byte_lm, healthy):
    assert torch.allclose(logits_of(patients.sharpened(byte_lm, 1.5)), 1.5 * healthy, atol=1e-4)


def test_a_rounded_copy_has_few_values_a_row(byte_lm):
    copy = patients.rounded(byte_lm, bits=3)
    for weight in patients._matrices(copy.model):
        assert max(len(row.unique()) for row in weight) <= 7


def test_noise_of_the_last_layer_is_as_large_as_it_says(byte_lm, healthy):
    noise = torch.stack(
        [logits_of(patients.noisy(byte_lm, 1.5, seed)) - healthy for seed in range(8)]
    )
    assert noise.std().item() == pytest.approx(1.5, rel=0.3)
    copy = patients.noisy(byte_lm, 1.5)
    own, old = (lm.model.get_input_embeddings().weight for lm in (copy, byte_lm))
    assert own.equal(old)


def test_the_model_itself_is_never_changed(byte_lm, healthy):
    for damage in ("temperature", "noise", "rounding"):
        diagnosis.DAMAGES[damage](byte_lm, 0)
    assert logits_of(byte_lm).equal(healthy)


def test_leaked_answers_become_likely_and_nothing_below_is_touched(smollm2):
    asked = diagnosis.leaked_items(smollm2)[:4]
    copy = patients.leaked(smollm2, asked, epochs=2, rate=3e-4)
    layers = smollm2.model.model.layers
    assert len(copy.model.model.layers) == len(layers)
    first, last = ([m.model.model.layers[i] for m in (smollm2, copy)] for i in (0, -1))
    assert first[0].mlp.down_proj.weight.equal(first[1].mlp.down_proj.weight)
    assert not last[0].mlp.down_proj.weight.equal(last[1].mlp.down_proj.weight)
    assert not any(weight.requires_grad for weight in copy.model.parameters())
    items = [item for item in EXAM.items(smollm2, 48, 0) if item.content["question"] in asked]
    before, after = (
        sum(
            EXAM.prediction(i, r, 1.0)[2]
            for i, r in zip(items, EXAM.read(lm, items, 0, None), strict=True)
        )
        for lm in (smollm2, copy)
    )
    assert after < before
    with pytest.raises(ValueError, match="questions must hold at least one"):
        patients.leaked(smollm2, [])


def test_the_editions_share_no_country():
    editions = {PUBLISHED: set(), FRESH: set()}
    for question in patients.exam_questions():
        editions[question.group].add(question.split_by[0].name)
    assert editions[PUBLISHED].isdisjoint(editions[FRESH])
    assert min(map(len, editions.values())) > 60
    other = {q.key: q.group for q in patients.exam_questions(seed=1)}
    assert any(other[q.key] != q.group for q in patients.exam_questions())


def test_anonymous_reports_bear_a_letter_and_nothing_else(byte_lm, monkeypatch):
    monkeypatch.setattr(diagnosis, "LIMITS", {"prose": 8, "exam": 40})
    monkeypatch.setitem(diagnosis.DAMAGES, "leak", lambda lm, seed: lm)
    reports = diagnosis.anonymous_reports(byte_lm)
    assert [report.model for report in reports.values()] == list("ABCDE")
    text = "".join(report.to_json() for report in reports.values())
    assert not any(word in text for word in ("sharpened", "noisy", "rounded", "leaked"))
    read = {letter: diagnosis.readings(report) for letter, report in reports.items()}
    assert all(list(fields) == list(diagnosis.FIELDS) for fields in read.values())
    table = diagnosis.table(read).splitlines()
    assert len(table) == 1 + len(diagnosis.FIELDS)
    assert format(read["A"]["prose gap"], ".2f") in table[2]
    with pytest.raises(ValueError, match="task must be one of"):
        diagnosis.readings(Report(reports["A"].data | {"tasks": {}}))


def test_what_is_kept_can_be_diagnosed():
    kept, names = diagnosis.kept_readings(), diagnosis.letters_of()
    assert set(kept) == set(names)
    assert len(set(names.values())) == 5
    for letter, damage in names.items():
        assert diagnosis.showing(kept, letter, damage)
        assert len(diagnosis.showing(kept, letter, damage)) < len(diagnosis.FIELDS)
    assert diagnosis.farthest(kept) == 0
    moved = kept | {"A": kept["A"] | {"prose gap": Interval(1.0, 0.9, 1.1)}}
    assert diagnosis.farthest(moved) == pytest.approx(1.0 - kept["A"]["prose gap"].estimate)


def test_a_health_may_share_its_number_with_one_damage_and_no_more():
    numbers = {"A": 0, "B": 0, "C": 5, "D": 6, "E": 7}
    reports = {k: {"gap": Interval(v, v - 0.1, v + 0.1)} for k, v in numbers.items()}
    assert diagnosis.not_apart(reports, "A", "gap") == ["B"]
    assert diagnosis.showing(reports, "A", "healthy") == ["gap"]
    assert diagnosis.showing(reports, "A", "noise") == []
    reports["C"] = reports["A"]
    assert diagnosis.showing(reports, "A", "healthy") == []


def test_a_figure_of_nothing_is_refused():
    with pytest.raises(ValueError, match="must each hold at least one"):
        readings_by_letter({}, ["gap"])
