"""The one durable writer: a file is there as a whole, or as it was before."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


def write_atomically(path: str | os.PathLike[str], content: str | bytes) -> None:
    r"""Write a file in place of the one before, whole or not at all.

    The content is on the disk before it takes the name, should the power fail. Text is UTF-8 with
    `\n` at the ends of lines, on every system.

    Args:
        path: Where; its folder must exist.
        content: Text or bytes.

    Raises:
        OSError: If it cannot be written; the message names the file. What was there before is then
            untouched, and nothing is left beside it.
    """
    path = Path(path)
    data = content.encode("utf-8") if isinstance(content, str) else content
    # One name for all unfinished copies: what a killed process left is overwritten by the next.
    partial = path.with_name(f".{path.name}.partial")
    try:
        with partial.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except OSError as error:
        if error.filename is None:  # "No space left on device": say where
            error.filename = str(path)
        raise
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
