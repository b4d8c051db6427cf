"""The chapters of the course, one folder a notebook, of the notebook's own name.

In a notebook: `from coursekit.chapters.self_attention import exercises, figures, widget`.
`exercises` holds what is checked, `figures` what only this notebook draws, `widget` what its
learner moves; what two chapters need stands in `coursekit.plots`. `progress()` shows what is done.
"""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType

from coursekit import progress as _progress
from coursekit.exercises.engine import Exercise

__all__ = ["all_exercises", "exercises_of", "modules", "progress", "title_of"]


def modules() -> list[ModuleType]:
    """Return the exercises of every chapter, in the order of the notebooks.

    Their titles, the first lines of their docstrings, begin with the notebook's number.
    """
    names = [chapter.name for chapter in pkgutil.iter_modules(__path__) if chapter.ispkg]
    found = [importlib.import_module(f"{__name__}.{name}.exercises") for name in names]
    return sorted(found, key=title_of)


def title_of(module: ModuleType) -> str:
    """Return the notebook's number and title: the first line of the module's docstring."""
    return (module.__doc__ or "").strip().partition("\n")[0].rstrip(".")


def exercises_of(module: ModuleType) -> list[Exercise]:
    """Return the exercises of one notebook, in the order of definition."""
    return [value for value in vars(module).values() if isinstance(value, Exercise)]


def all_exercises() -> dict[str, list[Exercise]]:
    """Return the exercises of every notebook, by the name of its chapter."""
    return {_notebook(module): exercises_of(module) for module in modules()}


def _notebook(module: ModuleType) -> str:
    """Return the name of the chapter that a module of exercises belongs to."""
    return module.__name__.split(".")[-2]


def progress() -> None:
    """Print how many exercises are done and tried, notebook by notebook."""
    recorded = _progress.read()["exercises"]
    rows: list[tuple[str, int, int, int]] = []
    for module in modules():
        exercises = exercises_of(module)
        entries = recorded.get(_notebook(module), {})
        mine = [entries[exercise.name] for exercise in exercises if exercise.name in entries]
        done = sum(bool(entry["done"]) for entry in mine)
        tried = sum(entry["tries"] > 0 for entry in mine)
        rows.append((title_of(module).partition(":")[0], done, tried, len(exercises)))
    done, tried, total = (sum(counts) for counts in list(zip(*rows, strict=True))[1:])
    rows.append(("All notebooks", done, tried, total))
    width = max(len(row[0]) for row in rows)
    print(f"{'':{width}}   done  tried  total")
    for title, *counts in rows:
        print(f"{title:{width}}" + "".join(f"{count:7d}" for count in counts))
