"""Files of results, read a few thousand rows at a time, each with the line on which it ends."""

from __future__ import annotations

import csv
import json
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from pathlib import Path
from typing import Any

from coursekit._console import printable

ROWS_AT_A_TIME = 2**15
#: A JSON file is parsed as a whole, so it must fit; lines of JSON may be any number.
LARGEST_JSON = 500_000_000
_LONGEST_FIELD = 10_000_000
_SHOWN = 5

#: What stands where a row has nothing under a name.
MISSING: Any = None


@dataclass(frozen=True)
class Chunk:
    """Some rows of a file: lists with a place for each of `names`, or dictionaries.

    Example:
        >>> Chunk([2, 3], ("a", "b"), [["1", "x"], ["2", "y"]]).column("b")
        ['x', 'y']
    """

    lines: list[int]  #: the number of each row's (last) line; of a record where there are no lines
    names: tuple[str, ...]  #: the columns of a table; of dictionaries, those of the first one
    rows: Sequence[Any]

    def column(self, name: str) -> list[Any]:
        """Return what stands under a name in each row."""
        if self.rows and isinstance(self.rows[0], dict):
            return [row.get(name, MISSING) for row in self.rows]
        return list(map(itemgetter(self.names.index(name)), self.rows))


@dataclass
class Unreadable:
    """Rows that could not be read: how many, and of the first few where and why.

    Example:
        >>> unreadable = Unreadable()
        >>> unreadable.add(7, "it has no confidence")
        >>> unreadable.sentence(100)
        '1 of 100 rows could not be read: line 7 (it has no confidence)'
    """

    count: int = 0
    first: list[str] = field(default_factory=list)
    place: str = "line"

    def add(self, line: int, reason: str) -> None:
        """Count a row."""
        self.count += 1
        if len(self.first) < _SHOWN:
            self.first.append(f"{self.place} {line} ({printable(reason)})")

    def sentence(self, of: int) -> str:
        """Say how many they were, of how many rows."""
        more = f" and {self.count - len(self.first):,} more" if self.count > len(self.first) else ""
        shown = "; ".join(self.first)
        return f"{self.count:,} of {of:,} rows could not be read: {shown}{more}"


def samples_in(folder: Path) -> list[Path]:
    """Return the samples of lm-evaluation-harness in its output folder, or in that of one model.

    Example:
        >>> samples_in(Path("no/such/folder"))
        []
    """
    return sorted([*folder.glob("samples_*.jsonl"), *folder.glob("*/samples_*.jsonl")])


def chunks(path: Path, unreadable: Unreadable) -> Iterator[Chunk]:
    """Yield the rows of a file; one that is no row is counted in `unreadable`.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is empty, or not what its name says.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: there is no such file of results")
    if path.stat().st_size == 0:
        raise ValueError(f"{path} must hold results, found an empty file")
    reader = {
        ".jsonl": _json_lines,
        ".json": _json,
        ".eval": _inspect_archive,
        ".parquet": _parquet,
    }.get(path.suffix.lower(), _table)
    try:
        yield from reader(path, unreadable)
    except UnicodeError as error:
        raise ValueError(
            f"{path} must be text in UTF-8, found other bytes ({error.reason}). Save it as "
            f"{'CSV UTF-8' if reader is _table else 'UTF-8'}"
            if isinstance(error, UnicodeDecodeError)
            else f"{path} must be text in UTF-8: {error}"
        ) from error


def _encoding(path: Path) -> str:
    """Return how a text is written: Excel marks both ways that it knows."""
    with path.open("rb") as file:
        return "utf-16" if file.read(2) in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"


def _table(path: Path, unreadable: Unreadable) -> Iterator[Chunk]:
    csv.field_size_limit(_LONGEST_FIELD)
    with path.open(encoding=_encoding(path), newline="") as file:
        start = file.readline()
        file.seek(0)
        delimiter = "\t" if path.suffix.lower() == ".tsv" else max(",;\t", key=start.count)
        reader = csv.reader(file, delimiter=delimiter, strict=True)
        try:
            names = tuple(name.strip() for name in next(reader, ()))
            if not any(names):
                raise ValueError(f"{path} must begin with the names of its columns, found none")
            lines: list[int] = []
            rows: list[list[str]] = []
            for row in reader:
                if len(row) == len(names):
                    lines.append(reader.line_num)
                    rows.append(row)
                elif row:  # not an empty line
                    reason = f"it has {len(row)} fields, and the first line {len(names)}"
                    unreadable.add(reader.line_num, reason)
                if len(rows) == ROWS_AT_A_TIME:
                    yield Chunk(lines, names, rows)
                    lines, rows = [], []
        except csv.Error as error:
            raise ValueError(f"{path} is no table: line {reader.line_num}: {error}") from error
    yield Chunk(lines, names, rows)


def _json_lines(path: Path, unreadable: Unreadable) -> Iterator[Chunk]:
    lines: list[int] = []
    rows: list[dict[str, Any]] = []
    with path.open(encoding=_encoding(path)) as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                record = json.loads(line)
            except (ValueError, RecursionError) as error:
                unreadable.add(number, f"it is no JSON: {str(error)[:80]}")
                continue
            if not isinstance(record, dict):
                reason = f"it must be an object with names, found {type(record).__name__}"
                unreadable.add(number, reason)
                continue
            lines.append(number)
            rows.append(record)
            if len(rows) == ROWS_AT_A_TIME:
                yield Chunk(lines, tuple(rows[0]), rows)
                lines, rows = [], []
    yield Chunk(lines, tuple(rows[0]) if rows else (), rows)


def _json(path: Path, unreadable: Unreadable) -> Iterator[Chunk]:
    if (size := path.stat().st_size) > LARGEST_JSON:
        raise ValueError(
            f"{path} must be at most {LARGEST_JSON:,} bytes long, found {size:,}. Write one record "
            "a line into a file that ends in .jsonl: there is no limit then"
        )
    unreadable.place = "record"
    try:
        data = json.loads(path.read_text(encoding=_encoding(path)))
    except UnicodeError:
        raise
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is no JSON: {error}") from error
    if isinstance(data, dict) and data.get("format") == "coursekit-audit":
        raise ValueError(
            f"{path} is the report of an audit, not the results that one is made of. --compare "
            "reads two reports"
        )
    if isinstance(data, dict) and isinstance(data.get("samples"), list):
        data = [sample | {"eval": data.get("eval", {})} for sample in data["samples"]]
    if not isinstance(data, list) or not all(isinstance(record, dict) for record in data):
        raise ValueError(
            f"{path} must hold a list of records, such as pandas writes with "
            'to_json(orient="records"), or a log of Inspect'
        )
    yield Chunk(list(range(1, len(data) + 1)), tuple(data[0]) if data else (), data)


def _inspect_archive(path: Path, unreadable: Unreadable) -> Iterator[Chunk]:
    unreadable.place = "sample"
    try:
        with zipfile.ZipFile(path) as archive:
            header = json.loads(archive.read("header.json"))
            names = [name for name in archive.namelist() if name.startswith("samples/")]
            samples = [json.loads(archive.read(name)) | {"eval": header["eval"]} for name in names]
    except (KeyError, ValueError, NotImplementedError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"{path} cannot be read as a log of Inspect ({error}). Convert it: "
            "inspect log convert --to json --output-dir FOLDER LOG"
        ) from error
    yield Chunk(list(range(1, len(samples) + 1)), tuple(samples[0]) if samples else (), samples)


def _parquet(path: Path, unreadable: Unreadable) -> Iterator[Chunk]:
    try:
        from pyarrow import ArrowException, parquet
    except ImportError as error:
        raise ValueError(
            f"{path}: reading Parquet needs pyarrow, which is not installed: pip install pyarrow, "
            "or save the table as CSV"
        ) from error
    unreadable.place = "row"
    start = 1
    try:
        for batch in parquet.ParquetFile(path).iter_batches(ROWS_AT_A_TIME):
            rows = batch.to_pylist()
            yield Chunk(list(range(start, start + len(rows))), tuple(batch.schema.names), rows)
            start += len(rows)
    except (ArrowException, OSError) as error:
        raise ValueError(f"{path} is no Parquet file, or a damaged one: {error}") from error
