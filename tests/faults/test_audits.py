"""Audits that are killed, files that rot, disks that fill, two at once: nothing is lost or wrong.

Every attack ends in the report that an undisturbed audit gives, to the last byte, or in one
sentence that says what is the matter.
"""

from __future__ import annotations

import errno
import json
import os
import random
import shutil
import signal
import warnings
from pathlib import Path

import pytest
import torch

from coursekit import __main__
from coursekit.audit import TASKS, Report, audit, compare
from coursekit.audit.journal import FOLDER, SETTINGS, Journal
from coursekit.audit.page import summary
from coursekit.audit.sealing import seal_of

#: Two tasks, one of which reads its second half at a temperature that the first half gave.
SOME = {"tasks": ["code", "choices"], "limit": 8, "batch_size": 2, "progress": False}


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Children are forked, which the threads of a parallel sum would not survive."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def undisturbed(byte_lm) -> str:
    return audit(byte_lm, **SOME).to_json()


@pytest.fixture(scope="module")
def unfinished(byte_lm, tmp_path_factory) -> Path:
    """A folder with an audit that was interrupted at its last batch."""
    folder = tmp_path_factory.mktemp("unfinished")
    append, batches = Journal.append, []

    def interrupted(self, *batch):
        batches.append(batch)
        if batches[-1][0] == "choices":
            raise KeyboardInterrupt
        append(self, *batch)

    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Journal, "append", interrupted)
        audit(byte_lm, **SOME, folder=folder)
    return folder


def resumed(lm, folder: Path) -> str:
    report = audit(lm, **SOME, folder=folder, resume=True).to_json()
    assert sorted(path.name for path in folder.iterdir()) == ["report.json"]
    assert (folder / "report.json").read_text(encoding="utf-8") == report
    return report


# --- kills


@pytest.mark.parametrize(
    "moments", [(1, 3, 6, 10, 15), pytest.param(range(1, 200), marks=pytest.mark.slow)]
)
def test_killed_as_it_touches_its_folder_it_goes_on_to_the_same_report(
    byte_lm, tmp_path, killed_at, undisturbed, moments, tried
):
    kills = 0
    for moment in moments:
        folder = tmp_path / str(moment)
        if not killed_at(lambda f=folder: audit(byte_lm, **SOME, folder=f), folder, moment):
            assert (folder / "report.json").read_text(encoding="utf-8") == undisturbed
            break
        kills += 1
        assert resumed(byte_lm, folder) == undisturbed
    assert kills > 4
    tried(kills=kills, resumed=kills)


@pytest.mark.slow
def test_killed_again_and_again_it_comes_to_its_end(
    byte_lm, tmp_path, killed_at, undisturbed, tried
):
    rng = random.Random(0)
    kills = 0
    for attempt in range(12):
        folder = tmp_path / str(attempt)
        work = lambda f=folder: audit(byte_lm, **SOME, folder=f, resume=True)  # noqa: E731
        while killed_at(work, folder, rng.randrange(2, 16)):
            kills += 1
        assert (folder / "report.json").read_text(encoding="utf-8") == undisturbed
    tried(kills=kills, reports=12)


# --- files that rot


@pytest.mark.parametrize("tries", [150, pytest.param(3000, marks=pytest.mark.slow)])
def test_a_spoiled_report_is_refused_in_one_sentence(undisturbed, tmp_path, spoil, tries, tried):
    rng = random.Random(1)
    path, original = tmp_path / "report.json", json.loads(undisturbed)
    original.pop("seal")
    refused = 0
    for _ in range(tries):
        path.write_bytes(spoil(undisturbed.encode(), rng))
        try:
            assert Report.read(path).data == original  # white space has no meaning
        except ValueError as error:
            assert str(path) in str(error)
            refused += 1
    assert refused > 0.8 * tries
    tried(reports=tries, refused=refused, silently_wrong=0)


@pytest.mark.parametrize("tries", [150, pytest.param(3000, marks=pytest.mark.slow)])
def test_a_sealed_report_of_another_form_is_refused_in_one_sentence(
    undisturbed, tmp_path, tries, tried
):
    """Whoever changes a report can seal it again: then its form is what protects the reader."""
    rng = random.Random(2)
    path, read = tmp_path / "report.json", 0
    for _ in range(tries):
        data = json.loads(undisturbed)
        data.pop("seal")
        mutate(data, rng)
        path.write_text(json.dumps(data | {"seal": seal_of(data)}), encoding="utf-8")
        try:
            report = Report.read(path)
        except ValueError as error:
            assert str(path) in str(error)
            continue
        read += 1
        try:
            summary(report)
            compare(report, report)
            for task in report.tasks:
                report.points(task), report.held_out(task, "after"), report.groups(task, "kind")
        except ValueError as error:  # such as too few entities
            assert str(error)
    tried(reports=tries, refused=tries - read, read=read)


def mutate(data: dict, rng: random.Random) -> None:
    """Change, delete or add something somewhere in a tree."""
    values = [None, True, -1, 0.5, "", "x", [], {}, [1], {"a": 1}, 10**400, "\x1b[2J"]
    node, depth = data, rng.randrange(1, 8)
    for _ in range(depth):
        inner = [
            child
            for child in (node.values() if isinstance(node, dict) else node)
            if isinstance(child, dict | list) and child
        ]
        if not inner:
            break
        node = rng.choice(inner)
    key = rng.choice(list(node)) if isinstance(node, dict) else rng.randrange(len(node))
    if rng.random() < 0.3:
        del node[key]
    elif isinstance(node, dict) and rng.random() < 0.2:
        node["unknown"] = rng.choice(values)
    else:
        node[key] = rng.choice(values)


@pytest.mark.parametrize(
    "text",
    ["[" * 100_000, '{"a":' * 100_000, "1" * 10_000, "\x00" * 99, '{"format": NaN}', "\ud800"],
    ids=["deep list", "deep object", "long number", "zeros", "NaN", "surrogate"],
)
def test_hostile_json_is_refused_in_one_sentence(tmp_path, text, capsys):
    (tmp_path / "report.json").write_bytes(text.encode("utf-8", "surrogatepass"))
    assert __main__.main(["audit", "--compare", str(tmp_path), str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"audit: {tmp_path / 'report.json'} is ")
    assert "Traceback" not in said


def test_a_report_that_is_deep_within_is_refused(undisturbed, tmp_path):
    deep = '{"a":' * 5000 + "1" + "}" * 5000
    (tmp_path / "report.json").write_text(
        undisturbed.replace('"tasks": {', f'"x": {deep}, "tasks": {{'), encoding="utf-8"
    )
    with pytest.raises(ValueError, match="damaged"):
        Report.read(tmp_path)


def test_a_report_larger_than_any_is_refused_before_it_is_read(tmp_path):
    with (tmp_path / "report.json").open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(
        ValueError, match=r"at most 200,000,000 bytes long, found 1,099,511,627,776"
    ):
        Report.read(tmp_path)


@pytest.mark.parametrize("tries", [150, pytest.param(3000, marks=pytest.mark.slow)])
def test_a_spoiled_journal_gives_no_record_that_was_not_written(
    byte_lm, unfinished, tmp_path, spoil, tries, tried
):
    rng = random.Random(3)
    folder = Path(shutil.copytree(unfinished, tmp_path / "copy"))
    lines, settings = folder / FOLDER / "0000.jsonl", folder / FOLDER / SETTINGS
    content, before = lines.read_bytes(), settings.read_bytes()
    asked = Journal(folder, 0, {}).settings()
    journal = Journal(folder, 0, asked)
    written = journal.records()
    assert len(written) == 8
    lost = refused = 0
    for _ in range(tries):
        lines.write_bytes(spoil(content, rng))
        settings.write_bytes(spoil(before, rng))
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            found = journal.records()
        assert all(record in written for record in found)
        lost += len({name for _, name, _ in written} - {name for _, name, _ in found}) > 0
        assert all(f"{lines}, line " in str(warning.message) for warning in warned)
        try:
            assert journal.settings() == asked
        except ValueError as error:
            assert str(settings) in str(error)
            refused += 1
    assert min(lost, refused) > 0.7 * tries
    tried(journals=tries, with_lines_left_out=lost, settings_refused=refused, silently_wrong=0)


@pytest.mark.parametrize("tries", [3, pytest.param(150, marks=pytest.mark.slow)])
def test_an_audit_goes_on_from_a_spoiled_journal_to_the_same_report(
    byte_lm, unfinished, undisturbed, tmp_path, spoil, tries, tried
):
    rng = random.Random(4)
    for attempt in range(tries):
        folder = Path(shutil.copytree(unfinished, tmp_path / str(attempt)))
        lines = folder / FOLDER / "0000.jsonl"
        lines.write_bytes(spoil(lines.read_bytes(), rng))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert resumed(byte_lm, folder) == undisturbed
    tried(journals=tries, same_report=tries)


def test_a_damaged_line_is_named_and_its_batch_read_again(
    byte_lm, unfinished, undisturbed, tmp_path
):
    folder = Path(shutil.copytree(unfinished, tmp_path / "copy"))
    lines = folder / FOLDER / "0000.jsonl"
    first, second, *rest = lines.read_bytes().splitlines(keepends=True)
    lines.write_bytes(first + second.replace(b"0.", b"0.1", 1) + b"".join(rest))
    with pytest.warns(UserWarning, match=r"0000\.jsonl, line 2 is damaged or of another audit"):
        assert resumed(byte_lm, folder) == undisturbed


# --- records of somebody else


@pytest.mark.parametrize("change", [{"seed": 1}, {"limit": 9}])
def test_an_orphan_journal_of_another_audit_is_not_used(byte_lm, undisturbed, tmp_path, change):
    other, folder = tmp_path / "other", tmp_path / "own"
    append = Journal.append
    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):

        def append_and_stop(self, task, *batch):
            append(self, task, *batch)
            if task == "choices":
                raise KeyboardInterrupt

        patch.setattr(Journal, "append", append_and_stop)
        audit(byte_lm, **SOME | change, folder=other)
    orphan = next((other / FOLDER).glob("*.jsonl"))
    (folder / FOLDER).mkdir(parents=True)
    shutil.copy(orphan, folder / FOLDER)
    with pytest.raises(ValueError, match="folder must be empty, found an unfinished audit"):
        audit(byte_lm, **SOME, folder=folder)
    with pytest.warns(UserWarning, match="of another audit: it is left out"):
        assert resumed(byte_lm, folder) == undisturbed


def test_a_report_that_a_hand_has_changed_is_neither_compared_nor_gone_on_with(
    byte_lm, byte_model, undisturbed, tmp_path, capsys
):
    report = audit(byte_lm, **SOME, folder=tmp_path)
    accuracy = report.metrics("choices")["accuracy"].estimate
    text = undisturbed.replace(f'"estimate": {accuracy}', '"estimate": 0.875', 1)
    assert text != undisturbed
    (tmp_path / "report.json").write_text(text, encoding="utf-8")
    assert __main__.main(["audit", "--compare", str(tmp_path), str(tmp_path)]) == 1
    assert "was changed after it was written: its seal does not fit" in capsys.readouterr().err
    with pytest.raises(ValueError, match="was changed after it was written"):
        audit(byte_lm, **SOME, folder=tmp_path, resume=True)


# --- a full disk


@pytest.mark.parametrize("moments", [(1, 4, 7), pytest.param(range(1, 8), marks=pytest.mark.slow)])
def test_a_disk_that_is_full_is_named_and_nothing_is_lost(
    byte_lm, undisturbed, tmp_path, moments, tried
):
    fsync = os.fsync
    for moment in moments:
        folder, calls = tmp_path / str(moment), []

        def full(descriptor, calls=calls, moment=moment):
            calls.append(descriptor)
            if len(calls) == moment:
                raise OSError(errno.ENOSPC, "No space left on device")
            fsync(descriptor)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, "fsync", full)
            with pytest.raises(OSError, match=r"No space left on device: '.*(json|jsonl)'"):
                audit(byte_lm, **SOME, folder=folder)
        assert not list(folder.rglob("*.partial"))
        assert resumed(byte_lm, folder) == undisturbed
    tried(full_disks=len(moments), same_report=len(moments))


@pytest.mark.parametrize("size", ["8k", pytest.param("16k", marks=pytest.mark.slow), "24k"])
def test_a_real_disk_that_is_full(byte_lm, undisturbed, small_disk, size):
    folder = small_disk(size)
    with pytest.raises(OSError, match="No space left on device"):
        audit(byte_lm, **SOME, folder=folder)
    assert not (folder / "report.json").exists()
    small_disk("10m")
    assert resumed(byte_lm, folder) == undisturbed


# --- two writers


def test_a_second_audit_is_kept_out_while_the_first_writes(byte_lm, tmp_path, undisturbed):
    if not hasattr(os, "fork"):
        pytest.skip("no fork on this system")
    folder, ready = tmp_path / "out", tmp_path / "ready"
    child = os.fork()
    if child == 0:
        append = Journal.append

        def paused(self, *batch):
            append(self, *batch)
            ready.touch()
            signal.pause()

        Journal.append = paused
        try:
            audit(byte_lm, **SOME, folder=folder)
        finally:
            os._exit(1)
    while not ready.exists():
        assert os.waitpid(child, os.WNOHANG) == (0, 0)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with pytest.raises(ValueError, match="folder must be free, found another audit writing"):
        audit(byte_lm, **SOME, folder=folder, resume=True)
    with pytest.raises(ValueError, match="folder must be empty, found an unfinished audit"):
        audit(byte_lm, **SOME, folder=folder)
    assert before == {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    assert resumed(byte_lm, folder) == undisturbed


@pytest.mark.parametrize("tries", [1, pytest.param(20, marks=pytest.mark.slow)])
def test_of_four_that_start_together_one_writes(byte_lm, tmp_path, undisturbed, tries, tried):
    if not hasattr(os, "fork"):
        pytest.skip("no fork on this system")
    refused = 0
    for attempt in range(tries):
        folder, children = tmp_path / str(attempt), []
        for _ in range(4):
            child = os.fork()
            if child == 0:
                code = 2
                try:
                    audit(byte_lm, **SOME, folder=folder)
                    code = 0
                except ValueError as error:
                    code = 1 if "folder must be" in str(error) else 2
                finally:
                    os._exit(code)
            children.append(child)
        codes = [os.WEXITSTATUS(os.waitpid(child, 0)[1]) for child in children]
        assert sorted(codes) == [0, 1, 1, 1]
        refused += 3
        assert (folder / "report.json").read_text(encoding="utf-8") == undisturbed
    tried(audits=4 * tries, written=tries, refused=refused)


def test_the_tasks_are_as_small_as_they_are_meant_to_be(byte_lm):
    """Else every try would take minutes."""
    assert [len(TASKS[name].items(byte_lm, 8, 0)) for name in SOME["tasks"]] == [8, 8]
