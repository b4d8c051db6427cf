"""What an interrupted audit leaves behind, so that it can go on: a line for each finished batch.

A folder holds `unfinished/settings.json`, which says what is being audited, and a file of lines for
each process. A line is on the disk before the next batch begins; one that a kill has torn is cut
off when the file is opened again, and its batch is read once more. When the report is written, the
folder `unfinished` disappears.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

from coursekit._files import write_atomically
from coursekit.audit.items import Record

FOLDER, SETTINGS = "unfinished", "settings.json"


class Journal:
    """The finished batches of one process, and what all have left from before."""

    def __init__(self, folder: Path, rank: int) -> None:
        self.folder = folder / FOLDER
        self.path = self.folder / f"{rank:04d}.jsonl"

    def begin(self, settings: dict[str, Any]) -> None:
        """Say what is audited (by one process, before any appends).

        Raises:
            OSError: If the folder cannot be written.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        write_atomically(self.folder / SETTINGS, json.dumps(settings, indent=1))

    def settings(self) -> dict[str, Any] | None:
        """Return what was being audited here; None where nothing was, or not long enough to say so.

        Raises:
            ValueError: If the file is not one of ours.
        """
        path = self.folder / SETTINGS
        if not path.exists():
            return None
        try:
            return dict(json.loads(path.read_text(encoding="utf-8")))
        except (ValueError, TypeError) as error:
            raise ValueError(
                f"{path} was not written by an audit ({error}): choose another output folder"
            ) from error

    def records(self) -> list[tuple[str, str, Record]]:
        """All whole records of all processes: task, item, record."""
        found = []
        for path in sorted(self.folder.glob("*.jsonl")):
            for line in _whole_lines(path):
                batch = json.loads(line)
                found += [(batch["task"], name, record) for name, record in batch["records"]]
        return found

    def append(self, task: str, names: list[str], records: list[Record]) -> None:
        """Put a finished batch on the disk."""
        self._mend()
        batch = {"task": task, "records": list(zip(names, records, strict=True))}
        with self.path.open("a", encoding="utf-8", newline="\n") as file:
            file.write(json.dumps(batch) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def _mend(self) -> None:
        """Cut off what a kill left of a line."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if self.path.exists() and not self.path.read_bytes().endswith(b"\n"):
            whole = "".join(f"{line}\n" for line in _whole_lines(self.path))
            write_atomically(self.path, whole)

    def remove(self) -> None:
        """Delete all that was left, once the report is there."""
        shutil.rmtree(self.folder, ignore_errors=True)


def _whole_lines(path: Path) -> list[str]:
    *lines, _ = path.read_text(encoding="utf-8", errors="replace").split("\n")
    return lines
