from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import version

import pytest

from coursekit import __main__, doctor
from coursekit.llm import embedded


def test_without_a_command_the_help_is_printed(capsys):
    assert __main__.main([]) == 0
    printed = capsys.readouterr().out
    assert "doctor" in printed
    assert "fetch" in printed


def test_version(capsys):
    with pytest.raises(SystemExit) as end:
        __main__.main(["--version"])
    assert end.value.code == 0
    assert capsys.readouterr().out == f"coursekit {version('coursekit')}\n"


def test_an_unknown_command_is_refused(capsys):
    with pytest.raises(SystemExit) as end:
        __main__.main(["cure"])
    assert end.value.code == 2
    assert "invalid choice: 'cure'" in capsys.readouterr().err


def test_help_needs_no_torch():
    code = "import sys, coursekit.__main__ as m; m.main([]); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], stdout=subprocess.DEVNULL).returncode == 0


def test_fetch_says_where_the_model_is_and_how_big(tmp_path, monkeypatch, capsys):
    (tmp_path / "weights").write_bytes(bytes(3_000_000))
    asked = []

    def prepare(*, every_byte):
        asked.append(every_byte)
        return tmp_path

    monkeypatch.setattr(embedded, "prepare", prepare)
    assert __main__.main(["fetch"]) == 0
    assert f"{embedded.NAME} is ready in {tmp_path} (3 MB)" in capsys.readouterr().out
    assert asked == [True]


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (embedded.ModelUnavailableError("no network"), 1, "no network"),
        (KeyboardInterrupt(), 130, "interrupted"),
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


@pytest.mark.parametrize("level", ["ok", "warning", "problem"])
def test_doctor_ends_with_1_only_for_a_problem(monkeypatch, level):
    monkeypatch.setattr(doctor, "CHECKS", [lambda: doctor.Finding(level, "found")])
    assert __main__.main(["doctor"]) == (level == "problem")


def test_a_console_that_cannot_show_a_letter_gets_its_code():
    code = """
from coursekit import __main__, doctor
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
