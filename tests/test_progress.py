"""The progress file: nothing is lost, whatever happens to it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from coursekit import progress

GUESS = {"probability": 0.7, "outcome": True}


@pytest.fixture
def file(tmp_path, monkeypatch):
    where = tmp_path / "deep" / "progress.json"
    monkeypatch.setenv("COURSEKIT_PROGRESS", str(where))
    return where


def add_guess(name, guess=GUESS):
    progress.update(lambda data: data["predictions"].update({name: dict(guess)}))


def test_nothing_yet_reads_as_empty_and_creates_nothing(file):
    assert progress.read() == {"version": 1, "predictions": {}, "exercises": {}}
    assert not file.parent.exists()


def test_what_is_written_is_read_back_by_another_process(file):
    add_guess("größer ½")
    code = "from coursekit import progress; print(ascii(progress.read()['predictions']))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ascii({"größer ½": GUESS})


def test_where_the_file_is(file, monkeypatch, tmp_path):
    import platformdirs

    assert progress.path() == file
    monkeypatch.setenv("COURSEKIT_PROGRESS", "~/mine.json")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert progress.path() == tmp_path / "mine.json"
    monkeypatch.setattr(platformdirs, "user_data_dir", lambda name, **_: str(tmp_path / name))
    for unset in ("", None):
        if unset is None:
            monkeypatch.delenv("COURSEKIT_PROGRESS")
        else:
            monkeypatch.setenv("COURSEKIT_PROGRESS", unset)
        assert progress.path() == tmp_path / "coursekit" / "progress.json"


def test_two_writers_at_once_keep_each_others_entries(file):
    code = (
        "import sys; from coursekit import progress\n"
        "for i in range(20):\n"
        "    entry = {f'{sys.argv[1]}{i}': {'probability': 0.5, 'outcome': False}}\n"
        "    progress.update(lambda data: data['predictions'].update(entry))\n"
    )
    writers = [subprocess.Popen([sys.executable, "-c", code, name]) for name in "abc"]
    assert [writer.wait(timeout=600) for writer in writers] == [0, 0, 0]
    expected = {f"{name}{i}" for name in "abc" for i in range(20)}
    assert set(progress.read()["predictions"]) == expected


def test_threads_keep_each_others_entries(file):
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(add_guess, (str(i) for i in range(40))))
    assert len(progress.read()["predictions"]) == 40


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b'{"version": 1, "predi',
        b"\xff\xfe\x00",
        b"[]",
        b"null",
        b"{}",
        b"[" * 100_000,
        *(
            json.dumps({"version": 1, "exercises": {}, "predictions": {"a": guess}}).encode()
            for guess in (
                {"probability": float("nan"), "outcome": True},
                {"probability": 7, "outcome": True},
                {"probability": -0.1, "outcome": True},
                {"probability": 0.7, "outcome": "yes"},
                {"probability": 0.7},
                3,
            )
        ),
        b'{"version": 1, "predictions": {}, "exercises": {"n": {"e": {"tries": "x"}}}}',
        b'{"version": 1, "predictions": {}, "exercises": {"n": []}}',
        b'{"version": 1, "predictions": {}}',
    ],
)
def test_a_damaged_file_is_set_aside_and_kept(file, capsys, damage):
    file.parent.mkdir()
    file.write_bytes(damage)
    add_guess("new")
    assert list(progress.read()["predictions"]) == ["new"]
    assert (file.parent / "progress.json.bak-1").read_bytes() == damage
    assert "damaged; it is kept as progress.json.bak-1" in capsys.readouterr().err
    file.write_bytes(b"again")
    assert progress.read()["predictions"] == {}
    assert (file.parent / "progress.json.bak-1").read_bytes() == damage
    assert (file.parent / "progress.json.bak-2").read_bytes() == b"again"


def test_a_file_of_a_newer_version_is_left_alone(file, capsys):
    file.parent.mkdir()
    newer = json.dumps({"version": 2, "predictions": "something else"})
    file.write_text(newer, encoding="utf-8")
    add_guess("new")
    assert list(progress.read()["predictions"]) == ["new"]
    assert file.read_text(encoding="utf-8") == newer
    assert "newer coursekit (schema 2)" in capsys.readouterr().err


def test_where_nothing_can_be_written_the_session_remembers_and_warns_once(
    tmp_path, monkeypatch, capsys
):
    blocker = tmp_path / "a file, not a folder"
    blocker.write_text("", encoding="utf-8")
    monkeypatch.setenv("COURSEKIT_PROGRESS", str(blocker / "progress.json"))
    add_guess("one")
    add_guess("two")
    assert list(progress.read()["predictions"]) == ["one", "two"]
    warning = capsys.readouterr().err
    assert warning.count("\n") == 1
    assert "progress cannot be saved" in warning
    blocker.unlink()  # the place becomes writable: everything is saved with the next change
    add_guess("three")
    saved = json.loads((blocker / "progress.json").read_text(encoding="utf-8"))
    assert list(saved["predictions"]) == ["one", "two", "three"]


def test_a_full_disk_leaves_the_old_file_whole(file, monkeypatch, capsys):
    add_guess("old")
    before = file.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        add_guess("new")
    assert file.read_bytes() == before
    assert not list(file.parent.glob("*.partial"))
    assert "No space left on device" in capsys.readouterr().err
    assert set(progress.read()["predictions"]) == {"old", "new"}


@pytest.mark.skipif(
    sys.platform == "win32" or getattr(os, "geteuid", lambda: 0)() == 0,
    reason="needs a folder that this user may not write",
)
def test_a_folder_that_may_only_be_read_is_still_read(file, capsys):
    add_guess("old")
    (file.parent / f"{file.name}.lock").unlink(missing_ok=True)
    file.parent.chmod(0o500)
    try:
        add_guess("new")
        assert set(progress.read()["predictions"]) == {"old", "new"}
    finally:
        file.parent.chmod(0o700)
    assert "cannot be saved" in capsys.readouterr().err


def test_without_a_lock_the_file_is_still_read(file, monkeypatch):
    add_guess("old")

    def no_lock(_):
        raise PermissionError("no lock here")

    monkeypatch.setattr(progress, "_lock", no_lock)
    assert list(progress.read()["predictions"]) == ["old"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_only_the_learner_may_read_the_file(file):
    progress.update(lambda data: None)
    assert file.stat().st_mode & 0o777 == 0o600
