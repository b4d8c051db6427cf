"""What works here works on Windows and macOS: read off the code, where it cannot be run here."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("benchmarks", "coursekit", "docs", "notebooks", "tests", ".ci")
FILES = sorted(
    path
    for path in [*ROOT.glob("*.py"), *(p for name in FOLDERS for p in (ROOT / name).rglob("*.py"))]
    if not {"venv", "build"} & set(path.relative_to(ROOT).parts)
)
TEXT_MODES = re.compile(r"[rwax]t?\+?")


def without_encoding(source: str) -> list[ast.Call]:
    """Calls that read or write text in whatever encoding the system happens to have.

    Windows has another one than Linux, and then a file with an umlaut cannot be read.
    """
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call) or any(
            k.arg in ("encoding", None) for k in node.keywords
        ):
            continue
        place = node.func
        name = place.attr if isinstance(place, ast.Attribute) else getattr(place, "id", "")
        n = len(node.args)
        if isinstance(place, ast.Attribute) and name in ("read_text", "write_text"):
            bare = n == (name == "write_text")
        elif name in ("open", "fdopen"):
            # open(path, mode) and os.fdopen(file, mode), but path.open(mode).
            at = 0 if name == "open" and isinstance(place, ast.Attribute) else 1
            modes = [k.value for k in node.keywords if k.arg == "mode"] + node.args[at : at + 1]
            values = [getattr(mode, "value", None) for mode in modes]
            bare = all(isinstance(v, str) and TEXT_MODES.fullmatch(v) is not None for v in values)
            bare &= not (isinstance(place, ast.Attribute) and name == "open" and not values)
        else:
            bare = False
        if bare:
            found.append(node)
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_text_is_read_and_written_in_an_encoding_that_is_named(path):
    found = without_encoding(path.read_text(encoding="utf-8"))
    assert [f"line {call.lineno}: {ast.unparse(call)}" for call in found] == []


@pytest.mark.parametrize(
    ("source", "n"),
    [
        ("path.read_text()", 1),
        ("path.write_text(words)", 1),
        ("open(path)", 1),
        ("open(path, 'w')", 1),
        ("path.open('r')", 1),
        ("os.fdopen(file, 'w')", 1),
        ("path.read_text(encoding='utf-8')", 0),
        ("path.read_text('utf-8')", 0),
        ("path.write_text(words, 'utf-8')", 0),
        ("open(path, 'rb')", 0),
        ("open(path, mode='xb')", 0),
        ("archive.open('name.json')", 0),
        ("open(path, **options)", 0),
    ],
)
def test_a_call_without_encoding_is_found(source, n):
    assert len(without_encoding(source)) == n


#: Windows refuses these in a name, whatever stands after the dot.
RESERVED = {"con", "prn", "aux", "nul", *(f"{p}{i}" for p in ("com", "lpt") for i in range(1, 10))}


def unportable(names: list[str]) -> list[str]:
    """Paths that a checkout on Windows or macOS refuses, or keeps only one of."""
    lower = [name.lower() for name in names]
    return [
        name
        for name in names
        if re.search(r'[<>:"\\|?*\x00-\x1f]|[. ](/|$)', name)
        or any(part.partition(".")[0] in RESERVED for part in name.lower().split("/"))
        or lower.count(name.lower()) > 1
        or len(name) > 120  # of the 260 that Windows allows with the folder before it
        or not name.isascii()
    ]


def test_every_file_can_be_checked_out_on_windows_and_macos():
    done = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, encoding="utf-8"
    )
    if done.returncode:
        pytest.skip("this is no checkout of git")
    names = [name for name in done.stdout.split("\0") if name]
    assert len(names) > 300
    assert unportable(names) == []


def test_a_name_that_travels_badly_is_found():
    bad = ["a/aux.py", "what?.md", "Readme.md", "README.md", "end.", "long/" * 25, "über.md"]
    assert unportable([*bad, "tests/test_files.py"]) == bad
