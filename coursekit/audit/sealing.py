"""JSON that says whether it is still what was written: a digest of its own content stands in it.

A seal finds what a bad disk, a broken transfer or a hand has changed. It keeps nobody out who can
compute another one: it is no signature.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

SEAL = "seal"
MOST_DIGITS = 18  #: of a whole number, which then fits into 64 bits
LARGEST = 200_000_000  #: bytes; a report has about one thousand an item


def seal_of(data: Any) -> str:
    """Return the SHA-256 of data that JSON can hold, whatever the order of its keys.

    Example:
        >>> seal_of({"a": 1, "b": 2}) == seal_of({"b": 2, "a": 1})
        True
    """
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def sealed(data: dict[str, Any]) -> str:
    """Return data as JSON text with its seal; one line an entry, to be compared by eye.

    Example:
        >>> print(sealed({"a": 1})[:18])
        {
         "a": 1,
         "seal"
    """
    return json.dumps(data | {SEAL: seal_of(data)}, indent=1, allow_nan=False) + "\n"


def parsed(path: Path) -> dict[str, Any]:
    """Read a JSON object, its seal not yet looked at.

    Raises:
        ValueError: If the file is too large, no JSON, or JSON of something else than an object.
        OSError: If it cannot be read.
    """
    size = path.stat().st_size
    if size > LARGEST:
        raise ValueError(f"it must be at most {LARGEST:,} bytes long, found {size:,}")
    try:
        data = json.loads(path.read_bytes(), parse_constant=_refuse, parse_int=_as_int)
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error
    if not isinstance(data, dict):
        raise ValueError(f"it must hold an object, found {type(data).__name__}")
    return data


def read_sealed(
    path: Path,
    *,
    form: str,
    version: int,
    what: str,
    validate: Callable[[dict[str, Any]], None],
    again: str,
) -> dict[str, Any]:
    """Read a sealed file of one form and version; return its content, which is what was written.

    Args:
        path: Of a file that is there.
        form: What its entry "format" must say.
        version: What its entry "version" must say.
        what: What a message calls such a file: "report".
        validate: Raises a `ValueError` if the content has another form.
        again: What to do about a file that will not do: "Audit the model again".

    Raises:
        ValueError: If it is damaged, of another form or of another version.
    """
    try:
        data = parsed(path)
    except ValueError as error:
        raise ValueError(f"{path} is damaged or no {what}: {error}") from error
    if data.get("format") != form:
        raise ValueError(f"{path} is no {what}: its format is not {form!r}")
    if data.get("version") != version:
        raise ValueError(
            f"{path} has version {data.get('version')!r}, and this version of the course reads "
            f"{version}: {again[0].lower()}{again[1:]}"
        )
    try:
        validate(data)  # before the seal: it says what is wrong, and not only that something is
        return unsealed(data)
    except ValueError as error:
        raise ValueError(f"{path} is damaged: {error}. {again}") from error


def unsealed(data: dict[str, Any]) -> dict[str, Any]:
    """Return parsed data without its seal, which must fit.

    Raises:
        ValueError: If the data has changed since it was sealed.

    Example:
        >>> unsealed({"a": 1, "seal": "0123"})
        Traceback (most recent call last):
        ValueError: it was changed after it was written: its seal does not fit its content
    """
    content = {name: value for name, value in data.items() if name != SEAL}
    try:
        fits = data.get(SEAL) == seal_of(content)
    except RecursionError:
        fits = False
    if not fits:
        raise ValueError("it was changed after it was written: its seal does not fit its content")
    return content


def _as_int(digits: str) -> int:
    if len(digits) > MOST_DIGITS:
        raise ValueError(f"its whole numbers must have at most {MOST_DIGITS} digits, found more")
    return int(digits)


def _refuse(constant: str) -> None:
    raise ValueError(f"its numbers must be finite, found {constant}")
