"""The learner's small local file: which exercises are done, and what the learner predicted.

It is JSON on this machine and goes nowhere. `COURSEKIT_PROGRESS` names the file; otherwise it is
`progress.json` in the user's data folder. A change is a function that edits the data in place: it
runs on what the file holds *now*, under a lock, so two open notebooks keep each other's entries.
Where nothing can be written, the changes are kept for the session and tried again with the next.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from coursekit._files import write_atomically
from coursekit._language import tr

__all__ = ["NEW_EXERCISE", "path", "read", "update"]

SCHEMA = 1
NEW_EXERCISE = {"tries": 0, "done": False, "hints": 0, "solution_seen": False}
LOCK_SECONDS = 1.0

Data = dict[str, Any]
Change = Callable[[Data], None]

_unsaved: defaultdict[Path, list[Change]] = defaultdict(list)
_warned: set[Path] = set()


def path() -> Path:
    """Where the progress file is (or will be)."""
    chosen = os.environ.get("COURSEKIT_PROGRESS")
    if chosen:
        return Path(chosen).expanduser().absolute()
    import platformdirs

    return Path(platformdirs.user_data_dir("coursekit", appauthor=False)) / "progress.json"


def read() -> Data:
    """Everything recorded: `{"version", "predictions": {name: ...}, "exercises": {notebook: ...}}`.

    A missing file reads as empty. A damaged one is renamed, never deleted, and reads as empty.
    """
    where = path()
    data = _empty()
    with contextlib.suppress(OSError, RuntimeError):
        data = _read_file(where)
    for change in _unsaved[where]:
        change(data)
    return data


def update(change: Callable[[Data], None]) -> None:
    """Apply `change` (edits the data in place) to the file. A failure to write only warns, once."""
    where = path()
    _unsaved[where].append(change)
    try:
        where.parent.mkdir(parents=True, exist_ok=True)
        with _lock(where):
            data = _load(where)
            waiting = list(_unsaved[where])
            for one in waiting:
                one(data)
            _write(where, data)
            del _unsaved[where][: len(waiting)]  # another thread may have added more meanwhile
    except (OSError, RuntimeError) as error:  # filelock says RuntimeError where locks do not exist
        _warn_once(where, error)


def _read_file(where: Path) -> Data:
    if not where.exists():
        return _empty()
    try:
        with _lock(where):
            return _load(where)
    except (OSError, RuntimeError):
        return _load(where)  # in a folder that may only be read no lock is possible, nor needed


@contextlib.contextmanager
def _lock(where: Path) -> Iterator[None]:
    import filelock

    with filelock.FileLock(f"{where}.lock", timeout=LOCK_SECONDS):
        yield


def _empty() -> Data:
    return {"version": SCHEMA, "predictions": {}, "exercises": {}}


def _load(where: Path) -> Data:
    try:
        data = json.loads(where.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return _empty()
    except (ValueError, RecursionError):  # not JSON, not UTF-8, or nested beyond reason
        data = None
    if isinstance(data, dict) and isinstance(data.get("version"), int) and data["version"] > SCHEMA:
        raise OSError(f"the file was written by a newer coursekit (schema {data['version']})")
    if _is_sound(data):
        return data
    _set_aside(where)
    return _empty()


def _is_sound(data: Any) -> bool:
    """Whether the data has the shape that the rest of the package relies on."""
    try:
        return (
            data["version"] == SCHEMA
            and all(
                0 <= entry["probability"] <= 1 and isinstance(entry["outcome"], bool)
                for entry in data["predictions"].values()
            )
            and all(
                type(entry.get(field)) is type(default)
                for notebook in data["exercises"].values()
                for entry in notebook.values()
                for field, default in NEW_EXERCISE.items()
            )
        )
    except (TypeError, KeyError, AttributeError):
        return False


def _set_aside(where: Path) -> None:
    number = 1
    while (kept := where.with_name(f"{where.name}.bak-{number}")).exists():
        number += 1
    where.rename(kept)
    _say(
        tr(
            "the progress file was damaged; it is kept as {name} and a new one is begun.",
            name=kept.name,
        )
    )


def _write(where: Path, data: Data) -> None:
    """Write the file, which is the learner's own: nobody else on the machine may read it."""
    write_atomically(where, json.dumps(data, indent=1, ensure_ascii=False), mode=0o600)


def _warn_once(where: Path, error: Exception) -> None:
    if where not in _warned:
        _warned.add(where)
        reason = getattr(error, "strerror", None) or error
        _say(
            tr(
                "progress cannot be saved ({reason}); it is kept until this session ends.",
                reason=reason,
            )
        )


def _say(message: str) -> None:
    print(f"coursekit: {message}", file=sys.stderr)
