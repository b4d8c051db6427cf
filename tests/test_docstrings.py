"""One voice: what a room exports has an example that runs, and errors all read the same way."""

from __future__ import annotations

import ast
import importlib
import inspect
from pathlib import Path

import pytest

import coursekit

PACKAGE = Path(coursekit.__file__).parent
ROOMS = ("lm", "calibration", "data", "llm", "plots", "audit")
EXPORTED = [
    f"coursekit.{room}.{name}"
    for room in ROOMS
    for name in importlib.import_module(f"coursekit.{room}").__all__
]


def value_of(path: str) -> object:
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name)


def is_shown(value: object) -> bool:
    """Whether an example is owed: by functions and by classes that somebody makes."""
    if inspect.isclass(value):
        return not issubclass(value, BaseException)
    return inspect.isfunction(value)


@pytest.mark.parametrize("path", EXPORTED)
def test_what_a_room_exports_has_an_example_that_runs(path):
    value = value_of(path)
    if is_shown(value):
        assert ">>> " in inspect.getdoc(value), f"{path} needs an Example that `pytest` runs"


def messages(source: str) -> list[tuple[int, str]]:
    """Line and text of every ValueError and TypeError that a module raises with a text."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            kind = getattr(node.exc.func, "id", "")
            if kind in ("ValueError", "TypeError") and node.exc.args:
                text = literal(node.exc.args[0])
                found += [(node.lineno, text)] if text else []
    return found


def literal(node: ast.expr) -> str:
    """The words of a string or an f-string, with {} for what is filled in."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(literal(value) or "{}" for value in node.values)
    return ""


def is_in_form(message: str) -> bool:
    """NAME must be ..., found ...; a sentence of another kind says what to do instead."""
    foreign = (": expected", "; expected", ", expected ", ", got", "; got", "; found")
    return not any(form in message for form in foreign)


MODULES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_errors_say_what_must_be_and_what_was_found(path):
    source = path.read_text(encoding="utf-8")
    assert [(line, text) for line, text in messages(source) if not is_in_form(text)] == []
    assert "``" not in source.replace("```", "")


def test_another_form_is_noticed():
    source = 'def f(n):\n    raise ValueError(f"n is {n}: expected at least 1")'
    assert messages(source) == [(2, "n is {}: expected at least 1")]
    assert not is_in_form(messages(source)[0][1])
    assert is_in_form("n must be at least 1, found {}")
