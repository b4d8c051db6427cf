"""A repair to deploy: what is saved comes back and does what was proven; nothing else is taken."""

from __future__ import annotations

import json
from copy import deepcopy

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from coursekit import __main__
from coursekit.audit import Repair, Report, audit, load_calibrator
from coursekit.audit.sealing import sealed, unsealed


@pytest.fixture(scope="module")
def report(byte_lm) -> Report:
    return audit(byte_lm, ["code", "choices", "answers"], 12, progress=False)


@pytest.fixture(scope="module")
def calibrator(report) -> Repair:
    return Repair.of(report, "code")


def with_change(report, task, high) -> Report:
    data = deepcopy(report.data)
    data["tasks"][task]["temperature"]["change"]["nll"] = {
        "estimate": -0.1,
        "low": -0.2,
        "high": high,
    }
    return Report(data)


@pytest.mark.parametrize("task", ["code", "choices", "answers"])
def test_it_comes_back_as_it_was_saved(report, byte_lm, tmp_path, task):
    saved = Repair.of(report, task)
    path = saved.save(tmp_path / "repair.json", force=True)
    found = load_calibrator(path, model=byte_lm, task=task)
    assert found.data == saved.data
    assert found.temperature == report.temperature(task).estimate
    assert found.nll_change == report.held_out(task, "change")["nll"]
    assert [file.name for file in tmp_path.iterdir()] == ["repair.json"]
    assert load_calibrator(path, model=byte_lm.model).data == saved.data
    assert ("prompt" in found.data["task"]) == (task != "code")
    assert found.data["task"]["items"] == report.data["settings"]["items"][task]


def test_probabilities_are_those_of_the_divided_logits(report, calibrator):
    logits = torch.tensor([[2.0, -1.0, 0.5], [0.0, 3.0, -float("inf")]])
    found = Repair.of(report, "choices")
    assert found.predict_proba(logits).equal((logits / found.temperature).softmax(dim=-1))
    assert found.predict_proba([[1, 0]]).dtype == torch.float64
    size = calibrator.data["model"]["vocabulary"]
    assert calibrator.predict_proba(torch.zeros(2, 3, size)).shape == (2, 3, size)
    with pytest.raises(ValueError, match=f"each of the {size:,} tokens .* found 3"):
        calibrator.predict_proba(logits)
    with pytest.raises(ValueError, match=r"must be numbers, .*found NaN"):
        found.predict_proba([[float("nan"), 1.0]])
    with pytest.raises(ValueError, match=r"with at least 2 classes, found \(2, 1\)"):
        found.predict_proba([[0.1], [0.2]])


def test_generation_with_the_processor_is_generation_at_the_temperature(byte_lm, calibrator):
    """The same darts hit the same tokens, and the laws are the same."""
    assert abs(calibrator.temperature - 1) > 0.1
    ids = torch.tensor([[65, 66, 67]])
    found = []
    for options in (
        {"logits_processor": [calibrator.logits_processor()]},
        {"temperature": calibrator.temperature},
        {},
    ):
        torch.manual_seed(0)
        output = byte_lm.model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            do_sample=True,
            max_new_tokens=24,
            top_k=0,
            pad_token_id=0,
            eos_token_id=None,
            output_scores=True,
            return_dict_in_generate=True,
            **options,
        )
        found.append((output.sequences, torch.stack(output.scores)))
    (ours, our_scores), (theirs, their_scores), (plain, _) = found
    assert ours.equal(theirs)
    assert our_scores.equal(their_scores)
    assert not ours.equal(plain)


def test_only_next_tokens_have_a_processor(report):
    with pytest.raises(ValueError, match="divides log-probabilities of the options: use predict"):
        Repair.of(report, "choices").logits_processor()


def test_without_a_sure_gain_nothing_is_saved(report, tmp_path):
    path = tmp_path / "repair.json"
    unsure = Repair.of(with_change(report, "code", 0.01), "code")
    with pytest.raises(ValueError, match=r"found a change .* of -0.100 \[-0.200, \+0.010\] nats"):
        unsure.save(path)
    assert not path.exists()
    unsure.save(path, force=True)
    assert not load_calibrator(path).is_proven
    sure = Repair.of(with_change(report, "code", -0.01), "code")
    sure.save(path)
    assert load_calibrator(path).is_proven


def test_another_model_or_task_is_refused(byte_lm, calibrator, tmp_path):
    path = calibrator.save(tmp_path / "repair.json", force=True)
    config = byte_lm.model.config
    other = GPT2LMHeadModel(GPT2Config(**config.to_dict())).eval()
    with pytest.raises(ValueError, match=r"model must be .*another fingerprint: its weights or"):
        load_calibrator(path, model=other)
    with pytest.raises(ValueError, match=r"task must be 'code', .*, found 'prose'"):
        load_calibrator(path, task="prose")
    with pytest.raises(ValueError, match="must be one of code, choices, answers, found 'prose'"):
        Repair.of(Report({"tasks": dict.fromkeys(("code", "choices", "answers"))}), "prose")


def damaged_seal(text):
    return text.replace('"temperature": ', '"temperature": 1', 1)


def other_version(text):
    return sealed(unsealed(json.loads(text)) | {"version": 2})


def no_temperature(text):
    return sealed(unsealed(json.loads(text)) | {"parameters": {}})


def cold(text):
    return sealed(unsealed(json.loads(text)) | {"parameters": {"temperature": -2.0}})


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (damaged_seal, "is damaged: it was changed after it was written"),
        (lambda text: text[: len(text) // 2], "is damaged or no calibrator"),
        (lambda _: "", "is damaged or no calibrator"),
        (lambda _: "{}", "is no calibrator: its format is not"),
        (other_version, "has version 2, and this version of the course reads 1: save it again"),
        (no_temperature, "parameters must have 'temperature'"),
        (cold, "parameters/temperature must be above 0, found -2.0"),
    ],
)
def test_damage_is_named(calibrator, tmp_path, damage, said):
    path = calibrator.save(tmp_path / "repair.json", force=True)
    path.write_text(damage(path.read_text(encoding="utf-8")), encoding="utf-8")
    with pytest.raises(ValueError, match=said):
        load_calibrator(path)


def test_a_task_that_does_not_say_what_it_divides_is_refused(report):
    data = deepcopy(report.data)
    del data["tasks"]["code"]["scale"]
    with pytest.raises(ValueError, match="task 'code' must say what its temperature divides"):
        Repair.of(Report(data), "code")


# --- the command


@pytest.fixture
def command(byte_model, tmp_path, monkeypatch):
    from coursekit.audit import page

    monkeypatch.setenv("ACCELERATE_USE_CPU", "true")
    monkeypatch.setattr(page, "write_html", lambda report, folder: None)
    arguments = ["audit", str(byte_model), f"--output={tmp_path / 'out'}", "--limit=8"]
    return lambda *options: __main__.main([*arguments, "--device=cpu", *options])


def test_the_command_keeps_what_was_proven(command, byte_lm, tmp_path, capsys):
    file = tmp_path / "repair.json"
    assert command("--tasks", "code", f"--save-calibrator={file}") == 0
    found = load_calibrator(file, model=byte_lm, task="code")
    assert found.is_proven
    assert f"Written: {file}, {found}." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--save-calibrator=x.json"], "keeps the repair of one task, found prose, code, samples"),
        (["--tasks", "code", "--save-calibrator=no/x.json"], "a folder that exists, found no/x"),
        (["--force"], "--force is for --save-calibrator FILE"),
    ],
)
def test_what_cannot_be_kept_is_refused_before_the_model_is_loaded(
    command, monkeypatch, capsys, options, said
):
    monkeypatch.setattr("coursekit.llm.pretrained.load", None)
    assert command(*options) == 1
    assert said in capsys.readouterr().err


def test_the_command_refuses_without_gain_unless_forced(
    command, report, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr("coursekit.audit.audit", lambda *_, **__: only(report))
    file = tmp_path / "repair.json"
    options = ("--tasks", "code", f"--save-calibrator={file}", "--resume")
    assert command(*options, "--fail-if", "ece > 0.99") == 1
    printed = capsys.readouterr()
    assert "ece > 0.99: kept" in printed.out  # what the build asks for comes first
    assert "nothing is saved" in printed.err
    assert not file.exists()
    assert command(*options, "--force") == 0
    assert file.exists()


def only(report):
    found = with_change(report, "code", 0.01).data
    return Report(found | {"tasks": {"code": found["tasks"]["code"]}})
