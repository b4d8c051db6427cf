"""The one durable writer: a file is there as a whole, or as it was before."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


def write_atomically(
    path: str | os.PathLike[str], content: str | bytes, *, mode: int | None = None
) -> None:
    r"""Write a file in place of the one before, whole or not at all.

    The content is on the disk before it takes the name, should the power fail. Text is UTF-8 with
    `\n` at the ends of lines, on every system. Two that write the same file take turns by a lock
    of their own.

    Args:
        path: Where; its folder must exist.
        content: Text or bytes.
        mode: Who may read and write it, such as 0o600 for its owner alone; as usual if None.

    Raises:
        OSError: If it cannot be written; the message names the file. What was there before is then
            untouched, and nothing is left beside it.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_atomically(Path(folder) / "note.txt", "whole")
        ...     (Path(folder) / "note.txt").read_text()
        'whole'
    """
    path = Path(path)
    data = content.encode("utf-8") if isinstance(content, str) else content
    # One name for all unfinished copies: what a killed process left is overwritten by the next.
    partial = path.with_name(f".{path.name}.partial")
    try:
        with partial.open("wb") as file:
            if mode is not None:
                os.chmod(partial, mode)  # before there is anything to read
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except OSError as error:
        if error.errno is not None and error.filename is None:  # "No space left on device": where?
            error.filename = str(path)
        raise
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
