"""The whole audit: what a report says, going on after an interruption, and what is refused."""

from __future__ import annotations

import copy
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from scipy.optimize import minimize_scalar
from torch import nn

from coursekit._files import write_atomically
from coursekit.audit import TASKS, OutOfMemoryError, Report, audit
from coursekit.audit.items import calibration_half
from coursekit.audit.journal import FOLDER, Journal
from coursekit.audit.run import ON_REQUEST
from coursekit.calibration import bootstrap_interval, ece_interval
from coursekit.calibration.sums import METRICS
from coursekit.data import source_documents
from coursekit.llm import load

ALL = {"limit": 8, "batch_size": 1, "progress": False}
#: Fast, and with several batches in each half.
SOME = {"tasks": ["code", "choices"], "limit": 24, "batch_size": 1, "progress": False}


@pytest.fixture(scope="module")
def whole(byte_lm) -> Report:
    return audit(byte_lm, **ALL)


@pytest.fixture(scope="module")
def some(byte_lm) -> Report:
    return audit(byte_lm, **SOME)


# --- what it says


def test_every_task_has_every_number_with_its_interval(whole):
    assert [*whole.tasks, *ON_REQUEST] == list(TASKS)
    for task in whole.tasks:
        for when in ("before", "after"):
            assert METRICS.keys() <= whole.held_out(task, when).keys()
        for name, found in whole.metrics(task).items():
            assert found.low <= found.high, name
            assert found.low - 1e-12 <= found.estimate <= found.high + 1e-12, name
        halves = whole.task(task)["temperature"]
        assert halves["calibration_items"] + halves["held_out_items"] == whole.task(task)["items"]
        assert int(whole.bins(task).count.sum()) == whole.task(task)["predictions"]
        bins, low, high = whole.points(task)
        used = bins.count > 0
        assert (low <= bins.accuracy + 1e-9)[used].all()
        assert (high >= bins.accuracy - 1e-9)[used].all()


def test_numbers_of_questions_can_be_computed_by_hand(byte_lm, some):
    task = TASKS["choices"]
    items = task.items(byte_lm, 24, 0)
    records = task.read(byte_lm, items, 0, None)
    rows = [task.prediction(*pair, 1.0) for pair in zip(items, records, strict=True)]
    confidence = torch.tensor([row[0] for row in rows], dtype=torch.float64)
    correct = torch.tensor([row[1] for row in rows])
    entities = [item.entity for item in items]
    expected = bootstrap_interval(
        lambda c, y: (c.mean() - y.double().mean()).item(),
        confidence,
        correct,
        groups=entities,
        method="t",  # of few entities
    )
    found = some.metrics("choices")["gap"]
    assert [found.estimate, found.low, found.high] == pytest.approx(
        [expected.estimate, expected.low, expected.high], abs=1e-4
    )
    assert len(set(entities)) < 30
    found = some.metrics("choices")["ece"]
    expected = ece_interval(confidence, correct, groups=entities)
    assert (found.estimate, found.low, found.high) == pytest.approx(
        (expected.estimate, expected.low, expected.high), abs=1e-4
    )


class Bigrams(nn.Module):
    """Knows how often a byte follows another in code; its logits are multiplied by `power`."""

    def __init__(self, lm, power: float) -> None:
        super().__init__()
        self.config, self.dtype = lm.model.config, torch.float32
        code = "\n\n".join(document.text for document in source_documents())[:100_000]
        ids = torch.tensor(lm.tokenizer(code).input_ids)
        size = self.config.vocab_size
        counts = torch.bincount(ids[:-1] * size + ids[1:], minlength=size**2).view(size, size)
        self.table = nn.Parameter((counts + 0.1).log() * power, requires_grad=False)

    def forward(self, input_ids, use_cache=False):
        return SimpleNamespace(logits=self.table[input_ids])


def exact_temperature(lm) -> float:
    """Of the bigrams, on the calibration half of 24 windows, by a minimiser that knows no grid."""
    items = TASKS["code"].items(lm, 24, 0)
    half = calibration_half(items, 0)
    ids = torch.tensor([item.content for item in items if item.entity in half])
    logits = Bigrams(lm, 1).table[ids[:, :-1]].double().flatten(0, 1)

    def nll(temperature):
        return nn.functional.cross_entropy(logits / temperature, ids[:, 1:].flatten()).item()

    return minimize_scalar(nll, bounds=(0.3, 4), method="bounded").x


def test_a_sharpened_model_is_found_out_and_mended(byte_lm):
    settings = {"tasks": ["code"], "limit": 24, "progress": False}
    plain, sharp = (
        audit(replace(byte_lm, model=Bigrams(byte_lm, power)), **settings) for power in (1, 2)
    )
    assert plain.temperature("code").estimate == pytest.approx(exact_temperature(byte_lm), rel=0.01)
    ratio = sharp.temperature("code").estimate / plain.temperature("code").estimate
    assert ratio == pytest.approx(2, rel=0.01)
    assert sharp.metrics("code")["gap"].low > plain.metrics("code")["gap"].high + 0.1
    for name in METRICS:
        healed, unhurt = (r.held_out("code", "after")[name].estimate for r in (sharp, plain))
        assert healed == pytest.approx(unhurt, abs=0.005), name
    assert sharp.held_out("code", "change")["nll"].high < 0


def test_the_same_audit_is_the_same_to_the_last_byte(byte_lm, some):
    assert audit(byte_lm, **SOME).to_json() == some.to_json()
    assert audit(byte_lm, **SOME, seed=1).to_json() != some.to_json()


def test_batches_of_another_size_give_the_same_numbers(byte_lm, whole):
    other = audit(byte_lm, **ALL | {"batch_size": 3})
    for task in whole.tasks:
        for name, found in whole.metrics(task).items():
            assert other.metrics(task)[name].estimate == pytest.approx(found.estimate, abs=1e-4)


def test_limits_by_task(byte_lm):
    report = audit(byte_lm, ["code", "choices"], {"choices": 9, "code": 8}, progress=False)
    assert [report.task(task)["items"] for task in report.tasks] == [8, 9]


def test_half_precision_is_near(byte_model, some):
    half = audit(load(str(byte_model), device="cpu", dtype=torch.bfloat16), **SOME)
    assert half.data["model"]["dtype"] == "bfloat16"
    for task in some.tasks:
        found, expected = (r.metrics(task)["nll"].estimate for r in (half, some))
        assert found == pytest.approx(expected, rel=0.02)
        assert found != expected


# --- interruptions


def stop_after(monkeypatch, n_batches: int) -> None:
    """Let the audit be interrupted when it wants to keep the batch after these."""
    keep, kept = Journal.append, []

    def append(self, *batch):
        if len(kept) == n_batches:
            raise KeyboardInterrupt
        kept.append(batch)
        keep(self, *batch)

    monkeypatch.setattr(Journal, "append", append)


@pytest.mark.parametrize("n_batches", [0, 13, 25])
def test_an_interrupted_audit_goes_on_to_the_same_report(
    byte_lm, some, tmp_path, monkeypatch, n_batches
):
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        stop_after(patch, n_batches)
        audit(byte_lm, **SOME, folder=tmp_path)
    assert not (tmp_path / "report.json").exists()
    journal = next((tmp_path / FOLDER).glob("*.jsonl"), None)
    if journal is not None:  # as if the power had failed while a line was written
        with journal.open("a", encoding="utf-8") as file:
            file.write('{"task": "code", "rec')

    read = []
    for task in (TASKS["code"], TASKS["choices"]):
        original = type(task).read

        def counted(self, lm, items, *rest, original=original):
            read.extend(item.name for item in items)
            return original(self, lm, items, *rest)

        monkeypatch.setattr(type(task), "read", counted)
    resumed = audit(byte_lm, **SOME, folder=tmp_path, resume=True)
    assert resumed.to_json() == some.to_json()
    # 24 windows are 24 batches, 24 questions are 6: what was kept is not read again.
    kept = min(n_batches, 24) + 4 * max(0, n_batches - 24)
    assert len(read) == len(set(read)) == 48 - kept
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report.json"]
    assert Report.read(tmp_path).to_json() == some.to_json()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_a_kill_in_the_middle_loses_at_most_a_batch(byte_model, some, tmp_path):
    folder = tmp_path / "out"
    code = f"""
import time
from coursekit.llm import load
from coursekit.audit import audit, running
append = running.Journal.append
batches = iter(range(7))
def halfway(self, *batch):
    append(self, *batch)
    if next(batches) == 6:
        time.sleep(600)
running.Journal.append = halfway
audit(load({str(byte_model)!r}, device="cpu"), **{SOME!r}, folder={str(folder)!r})
"""
    process = subprocess.Popen([sys.executable, "-c", code])
    journal = folder / FOLDER / "0000.jsonl"
    deadline = time.monotonic() + 600
    while not journal.exists() or journal.read_text(encoding="utf-8").count("\n") < 5:
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (folder / "report.json").exists()
    resumed = audit(load(str(byte_model), device="cpu"), **SOME, folder=folder, resume=True)
    # Another process may use another number of threads, hence not the last byte.
    for task in some.tasks:
        for name, found in some.metrics(task).items():
            assert resumed.metrics(task)[name].estimate == pytest.approx(found.estimate, abs=1e-6)


def test_a_finished_audit_is_read_not_repeated(byte_lm, some, tmp_path, monkeypatch):
    audit(byte_lm, **SOME, folder=tmp_path)
    monkeypatch.setattr(type(TASKS["code"]), "read", None)
    assert audit(byte_lm, **SOME, folder=tmp_path, resume=True).to_json() == some.to_json()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"seed": 1}, "seed was 0, and is now 1"),
        ({"limit": 9}, "limit was .*24.* and is now .*9"),
        ({"tasks": ["code"]}, r"limit was .*choices.* and is now \{'code': 24\}"),
    ],
)
@pytest.mark.parametrize("finished", [True, False])
def test_another_audit_is_not_gone_on_with(byte_lm, tmp_path, monkeypatch, change, said, finished):
    with monkeypatch.context() as patch:
        if not finished:
            stop_after(patch, 2)
        with pytest.raises(KeyboardInterrupt) if not finished else monkeypatch.context():
            audit(byte_lm, **SOME, folder=tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(ValueError, match=f"holds the audit of something else: {said}"):
        audit(byte_lm, **SOME | change, folder=tmp_path, resume=True)
    assert before == {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}


def test_another_model_is_not_gone_on_with(byte_lm, tmp_path, monkeypatch):
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        stop_after(patch, 2)
        audit(byte_lm, **SOME, folder=tmp_path)
    model = type(byte_lm.model)(byte_lm.model.config).eval().requires_grad_(False)
    with pytest.raises(ValueError, match="fingerprint was"):
        audit(replace(byte_lm, model=model), **SOME, folder=tmp_path, resume=True)


def test_what_is_there_is_not_written_over(byte_lm, tmp_path):
    audit(byte_lm, **SOME, folder=tmp_path)
    with pytest.raises(ValueError, match=r"folder must be empty, found a report in .*Add --resume"):
        audit(byte_lm, **SOME, folder=tmp_path)


def test_a_folder_of_somebody_else_is_refused(byte_lm, tmp_path):
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / "settings.json").write_text("[1", encoding="utf-8")
    with pytest.raises(ValueError, match="was not written by an audit"):
        audit(byte_lm, **SOME, folder=tmp_path, resume=True)


def test_a_torn_line_harms_no_other(tmp_path):
    journal = Journal(tmp_path, 0, {})
    journal.begin()
    journal.append("code", ["a", "b"], [{"x": 1}, {"x": 2}])
    with journal.path.open("a", encoding="utf-8") as file:
        file.write('{"task": "code", "rec')
    assert journal.records() == [("code", "a", {"x": 1}), ("code", "b", {"x": 2})]
    journal.append("code", ["c"], [{"x": 3}])
    other = Journal(tmp_path, 1, {})
    other.append("choices", ["d"], [{"x": 0.1}])
    assert journal.records()[2:] == [("code", "c", {"x": 3}), ("choices", "d", {"x": 0.1})]
    other.remove()
    assert list(tmp_path.iterdir()) == []


def test_a_file_appears_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "file"
    path.write_text("old", encoding="utf-8")

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_atomically(path, "new")
    assert path.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [path]


# --- many processes (the real ones are in tests/test_audit_command.py)


def test_each_process_reads_its_share_and_all_are_read_once(byte_lm, monkeypatch):
    from coursekit.audit import running

    task = TASKS["choices"]
    items = task.items(byte_lm, 44, 0)  # eleven batches
    shares = []
    for place in range(3):
        state = SimpleNamespace(process_index=place, num_processes=3, is_main_process=place == 0)
        gathered = []

        def gather(ours, gathered=gathered):
            gathered += [name for name, _ in ours]
            return [(item.name, {}) for item in items]

        monkeypatch.setattr(running, "processes", lambda state=state: state)
        monkeypatch.setattr(running, "gather_object", gather)
        running.Run(byte_lm, 0, 1, progress=False).records(task, items)
        shares.append(gathered)
    assert [len(share) for share in shares] == [16, 16, 12]
    assert sorted(name for share in shares for name in share) == sorted(item.name for item in items)


# --- what is refused


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"tasks": ["poetry"]}, ValueError, "tasks must be some of prose, code.*found 'poetry'"),
        ({"tasks": []}, ValueError, "tasks must be some of prose, code.*found none"),
        ({"tasks": "prose"}, TypeError, r"tasks must be a list, found 'prose'. Write tasks=\["),
        ({"tasks": TASKS["prose"]}, TypeError, "tasks must be a list, found Texts"),
        ({"limit": 7}, ValueError, "limit must be at least 8, found 7"),
        ({"limit": 8.0}, TypeError, "limit must be a whole number"),
        (
            {"limit": {"prose": 8}},
            ValueError,
            r"\(code, choices\), found 'prose'",
        ),
        ({"batch_size": 0}, ValueError, "batch_size must be at least 1, found 0"),
        ({"seed": -1}, ValueError, "seed must be at least 0, found -1"),
    ],
)
def test_bad_arguments(byte_lm, change, error, said):
    with pytest.raises(error, match=said):
        audit(byte_lm, **SOME | change)


def test_a_tokenizer_that_cannot_write_is_refused(byte_lm):
    class Deaf:
        def __call__(self, *_, **__):
            return type("Encoding", (), {"input_ids": [0, 1]})

        def decode(self, *_, **__):
            return "sun rain"

    with pytest.raises(
        ValueError, match=r"cannot write the texts of the audit.*without 'Question'"
    ):
        audit(replace(byte_lm, tokenizer=Deaf()), **SOME)


def test_a_tokenizer_of_another_model_is_refused(byte_lm, smollm2):
    with pytest.raises(ValueError, match="they do not belong together"):
        audit(replace(byte_lm, tokenizer=smollm2.tokenizer), **SOME)


@pytest.mark.parametrize("name", TASKS)
def test_logits_of_nan_never_become_a_report(byte_lm, name):
    spoilt = copy.deepcopy(byte_lm.model)
    spoilt.transformer.ln_f.weight.data[0] = float("nan")
    with pytest.raises(ValueError, match=r"must be finite.* found NaN"):
        audit(replace(byte_lm, model=spoilt), [name], 8, progress=False)


@pytest.mark.parametrize(
    ("dtype", "advice"), [(torch.float16, "--dtype float32 or bfloat16"), (torch.float32, "copy")]
)
def test_logits_of_nan_are_answered_with_what_to_try(byte_lm, dtype, advice):
    overflowing = copy.deepcopy(byte_lm.model).to(dtype)
    overflowing.transformer.ln_f.bias.data[:] = torch.finfo(dtype).max
    with pytest.raises(ValueError, match=f"must be finite, found .* in {dtype}.*{advice}"):
        audit(replace(byte_lm, model=overflowing), ["code"], 8, progress=False)


@pytest.mark.parametrize(
    ("batch_size", "advice"), [(6, r"try a batch size of 3 \(--batch-size 3\)"), (1, "bfloat16")]
)
@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory."),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
        MemoryError(),
    ],
)
def test_out_of_memory_is_answered_with_what_to_try(
    byte_lm, tmp_path, monkeypatch, batch_size, advice, error
):
    def full(*_):
        raise error

    monkeypatch.setattr(type(TASKS["code"]), "read", full)
    with pytest.raises(OutOfMemoryError, match=advice):
        audit(byte_lm, **SOME | {"batch_size": batch_size}, folder=tmp_path)
    assert not (tmp_path / "report.json").exists()


def test_other_errors_are_not_taken_for_it(byte_lm, monkeypatch):
    def broken(*_):
        raise RuntimeError("shapes do not fit")

    monkeypatch.setattr(type(TASKS["code"]), "read", broken)
    with pytest.raises(RuntimeError, match="shapes do not fit"):
        audit(byte_lm, **SOME)


@pytest.mark.parametrize(
    ("smaller", "read_again"),
    [
        (1, [1] * 16),
        (3, [3] * 6),
    ],  # 8 of the first half are done, which 3 does not divide
)
def test_after_out_of_memory_a_smaller_batch_goes_on(
    byte_lm, tmp_path, monkeypatch, some, smaller, read_again
):
    read, calls = type(TASKS["code"]).read, []

    def sometimes(self, lm, items, *rest):
        calls.append(len(items))
        if len(calls) == 3:
            raise MemoryError
        return read(self, lm, items, *rest)

    monkeypatch.setattr(type(TASKS["code"]), "read", sometimes)
    with pytest.raises(OutOfMemoryError):
        audit(byte_lm, **SOME | {"batch_size": 4}, folder=tmp_path)
    settings = SOME | {"batch_size": smaller}
    report = audit(byte_lm, **settings, folder=tmp_path, resume=True)
    assert calls[:3] == [4, 4, 4]
    assert calls[3:] == read_again
    assert report.metrics("code")["nll"].estimate == pytest.approx(
        some.metrics("code")["nll"].estimate, abs=1e-5
    )


def test_memory_is_that_of_a_batch(byte_lm, monkeypatch):
    sizes = []
    read = type(TASKS["code"]).read

    def measured(self, lm, items, *rest):
        sizes.append(len(items))
        return read(self, lm, items, *rest)

    monkeypatch.setattr(type(TASKS["code"]), "read", measured)
    report = audit(byte_lm, ["code"], 20, batch_size=3, progress=False)
    assert max(sizes) == 3
    # What is kept of an item is a few sums, not its 256 predictions.
    assert len(json.dumps(report.task("code")["by_item"]["sums"][0])) < 1500


def test_the_fingerprint_tells_models_apart_but_not_their_folders(byte_lm, byte_model, tmp_path):
    import shutil

    copy = shutil.copytree(byte_model, tmp_path / "elsewhere")
    other = load(str(copy), device="cpu")
    settings = SOME | {"tasks": ["code"], "limit": 8}
    one, two = audit(byte_lm, **settings), audit(other, **settings)
    assert one.data["model"]["fingerprint"] == two.data["model"]["fingerprint"]
    assert two.data["model"]["name"] == "elsewhere"
    assert one.data["model"]["name"] == byte_model.name
