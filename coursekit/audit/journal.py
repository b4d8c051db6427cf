"""What an interrupted audit leaves behind, so that it can go on: a line for each finished batch.

A folder holds `unfinished/settings.json`, which says what is being audited, and a file of lines for
each process. A line is on the disk before the next batch begins, and begins with a seal over itself
and the settings: a line that was damaged, or that another audit left, is not taken for a record,
and its batch is read again. When the report is written, the folder `unfinished` disappears.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from coursekit._files import write_atomically
from coursekit.audit.items import Record
from coursekit.audit.sealing import parsed, seal_of, sealed, unsealed

FOLDER, SETTINGS, LOCK = "unfinished", "settings.json", "audit.lock"


class Journal:
    """The finished batches of one process, and what all have left from before.

    Args:
        folder: Where the report will be.
        rank: Of the process.
        settings: What is audited; records of anything else are not taken.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     journal = Journal(Path(folder), 0, {"seed": 1})
        ...     with journal.held():
        ...         journal.begin()
        ...         journal.append("code", ["a"], [{"right": True}])
        ...     journal.records()
        [('code', 'a', {'right': True})]
    """

    def __init__(self, folder: Path, rank: int, settings: dict[str, Any]) -> None:
        self.folder = folder / FOLDER
        self.path = self.folder / f"{rank:04d}.jsonl"
        self._settings = settings
        self._seal = seal_of(settings)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep other audits out of the folder. A killed process lets go of it.

        Raises:
            ValueError: If another audit is writing into it.
            OSError: If it cannot be written.
        """
        lock = FileLock(self.folder / LOCK, timeout=0)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock.acquire()
        except Timeout as error:
            raise ValueError(
                f"folder must be free, found another audit writing into {self.folder.parent}. Wait "
                "for it, or choose another folder"
            ) from error
        except (OSError, NotImplementedError) as error:
            raise OSError(f"cannot write into {self.folder}: {error}") from error
        try:
            yield
        finally:
            lock.release()

    def begin(self) -> None:
        """Say what is audited (by one process, before any appends).

        Raises:
            OSError: If the folder cannot be written.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        write_atomically(self.folder / SETTINGS, sealed(self._settings))

    def is_used(self) -> bool:
        """Whether an audit has left anything here."""
        return (self.folder / SETTINGS).exists() or any(self.folder.glob("*.jsonl"))

    def settings(self) -> dict[str, Any] | None:
        """Return what was being audited here; None where nothing was, or not long enough to say so.

        Raises:
            ValueError: If the file is not one of ours, or was changed.
        """
        path = self.folder / SETTINGS
        if not path.exists():
            return None
        try:
            return unsealed(parsed(path))
        except ValueError as error:
            raise ValueError(
                f"{path} was not written by an audit, or is damaged: {error}. Delete {self.folder} "
                "to begin anew, or choose another output folder"
            ) from error

    def records(self) -> list[tuple[str, str, Record]]:
        """All whole records of all processes: task, item, record.

        Lines that are damaged or belong to another audit are left out, with a warning.
        """
        found = []
        for path in sorted(self.folder.glob("*.jsonl")):
            *lines, _ = path.read_bytes().split(b"\n")  # the last one a kill may have torn
            for number, line in enumerate(lines, 1):
                seal, _, text = line.partition(b" ")
                if seal != self._seal_of_line(text):
                    warnings.warn(
                        f"{path}, line {number} is damaged or of another audit: it is left out, "
                        "and its batch is read again",
                        stacklevel=2,
                    )
                    continue
                batch = json.loads(text)
                found += [(batch["task"], name, record) for name, record in batch["records"]]
        return found

    def append(self, task: str, names: list[str], records: list[Record]) -> None:
        """Put a finished batch on the disk.

        Raises:
            OSError: If it cannot be written; the message names the file.
        """
        batch = {"task": task, "records": list(zip(names, records, strict=True))}
        text = json.dumps(batch, allow_nan=False).encode()
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            with self.path.open("a+b") as file:
                _cut_torn_line(file)
                file.write(self._seal_of_line(text) + b" " + text + b"\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            if error.filename is None:  # "No space left on device": say where
                error.filename = str(self.path)
            raise

    def remove(self) -> None:
        """Delete all that was left, once the report is there."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _seal_of_line(self, text: bytes) -> bytes:
        return hashlib.sha256(self._seal.encode() + text).hexdigest().encode()


def _cut_torn_line(file: Any) -> None:
    """Cut off what a kill left of a line."""
    if file.seek(0, os.SEEK_END):
        file.seek(-1, os.SEEK_END)
        if file.read(1) != b"\n":
            file.seek(0)
            file.truncate(file.read().rfind(b"\n") + 1)
