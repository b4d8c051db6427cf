"""The exercises of the course: one module for each notebook, and the engine that checks answers.

In a notebook: `from coursekit.exercises import next_token_calibration as exercises`.
`coursekit.exercises.progress()` shows what is done. How to write exercises: `engine`.
"""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType

from coursekit import progress as _progress
from coursekit.exercises.engine import Exercise

__all__ = ["all_exercises", "exercises_of", "modules", "progress", "title_of"]


def modules() -> list[ModuleType]:
    """Every exercise module, in the order of the notebooks (their titles begin with a number)."""
    names = [m.name for m in pkgutil.iter_modules(__path__) if not m.name.startswith("_")]
    found = [importlib.import_module(f"{__name__}.{name}") for name in names if name != "engine"]
    return sorted(found, key=title_of)


def title_of(module: ModuleType) -> str:
    """Return the notebook's number and title: the first line of the module's docstring."""
    return (module.__doc__ or "").strip().partition("\n")[0].rstrip(".")


def exercises_of(module: ModuleType) -> list[Exercise]:
    """Return the exercises of one notebook, in the order of definition."""
    return [value for value in vars(module).values() if isinstance(value, Exercise)]


def all_exercises() -> dict[str, list[Exercise]]:
    """Return the exercises of every notebook, by the name of its module."""
    return {_notebook(module): exercises_of(module) for module in modules()}


def _notebook(module: ModuleType) -> str:
    return module.__name__.rpartition(".")[2]


def progress() -> None:
    """Print how many exercises are done and tried, notebook by notebook."""
    recorded = _progress.read()["exercises"]
    rows = []
    for module in modules():
        exercises = exercises_of(module)
        entries = recorded.get(_notebook(module), {})
        mine = [entries[exercise.name] for exercise in exercises if exercise.name in entries]
        done = sum(entry["done"] for entry in mine)
        tried = sum(entry["tries"] > 0 for entry in mine)
        rows.append((title_of(module).partition(":")[0], done, tried, len(exercises)))
    rows.append(("All notebooks", *(sum(row[i] for row in rows) for i in (1, 2, 3))))
    width = max(len(row[0]) for row in rows)
    print(f"{'':{width}}   done  tried  total")
    for title, *counts in rows:
        print(f"{title:{width}}" + "".join(f"{count:7d}" for count in counts))
