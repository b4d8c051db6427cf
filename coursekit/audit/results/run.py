"""The calibration report of results that exist: no model is asked, and none is needed."""

from __future__ import annotations

import hashlib
import json
import platform
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from coursekit._checks import as_seed
from coursekit.audit.comparison import TaskComparison, compare
from coursekit.audit.report import Report
from coursekit.audit.results.assembling import result_of
from coursekit.audit.results.formats import Names, Part, format_of
from coursekit.audit.results.predictions import Columns, Gathered
from coursekit.audit.results.reading import Unreadable, chunks, samples_in
from coursekit.audit.schema import FORMAT, VERSION

#: Share of rows that may be unreadable, if nothing else is said.
MOST_UNREADABLE = 0.01
#: Up to this share, an error says how to go on without these rows.
SMALL_LOSS = 0.1


@dataclass(frozen=True)
class ModelResults:
    """Reports of several models, and what each differs in from the first, on shared items.

    Attributes:
        reports: By model.
        comparisons: By model, of every model but the first: its tasks, this model minus the first.
        notes: Why a comparison is missing.

    Example:
        >>> report = Report({"model": {"name": "tiny"}, "tasks": {}})
        >>> list(ModelResults({report.model: report}, {}, []).reports)
        ['tiny']
    """

    reports: dict[str, Report]
    comparisons: dict[str, dict[str, TaskComparison]]
    notes: list[str]


def audit_results(path: str | Path, *, seed: int = 0, **options: Any) -> Report:
    r"""Measure the calibration of one model from a file of its results.

    Read are samples of lm-evaluation-harness (`--log_samples`; a folder of them, too), logs of
    Inspect AI, and any CSV, TSV, JSONL, JSON or Parquet table whose columns are named.

    Args:
        path: The file, or the folder.
        seed: Of halves and resamples.
        **options: As those of `audit_results_by_model`, but for `by`.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it cannot be read, or holds several models; the message says what to do.
        TypeError: If an option is not known.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder) / "quiz.csv"
        ...     _ = path.write_text("confidence,correct\n" + "0.8,yes\n0.6,no\n" * 20)
        ...     print(f"{audit_results(path).metrics('results')['gap'].estimate:.2f}")
        0.20
    """
    found = audit_results_by_model(path, seed=seed, **options)
    if len(found.reports) > 1:
        raise ValueError(
            f"{path} must hold the results of one model, found {', '.join(found.reports)}: use "
            "audit_results_by_model"
        )
    return next(iter(found.reports.values()))


def audit_results_by_model(
    path: str | Path,
    *,
    by: str | None = None,
    confidence: str | None = None,
    correct: str | None = None,
    group: Sequence[str] = (),
    cluster: str | None = None,
    id: str | None = None,
    probs: Sequence[str] = (),
    logprobs: Sequence[str] = (),
    label: str | None = None,
    percent: bool = False,
    unreadable: float = MOST_UNREADABLE,
    seed: int = 0,
) -> ModelResults:
    r"""Measure the calibration of several models from one file, or one folder, of results.

    Args:
        path: The file, or the folder.
        by: Column with the model; by default there is one model, or what the logs say.
        confidence: Column with the probability of the prediction (`"confidence"`).
        correct: Column that says whether it came true (`"correct"`): true or false, 1 or 0, yes or
            no.
        group: Columns whose values are reported one by one.
        cluster: Column that says which rows belong together, such as those about one document.
        id: Column that tells items apart (`"id"`, `"item"`, `"item_id"` or `"question_id"`).
        probs: Columns with the probability of each option, or one column with lists of them.
        logprobs: The same as log-likelihoods; their softmax is taken.
        label: Column with the right option: the name of its column, or its place from 0.
        percent: Whether confidences (or `probs`) are percentages.
        unreadable: Share of rows that may be unreadable before the file is refused.
        seed: Of halves and resamples.

    Raises:
        FileNotFoundError, ValueError: As `audit_results`.

    Example:
        >>> import tempfile
        >>> rows = [f"{model},{i},0.7,{i % 2}" for model in ("old", "new") for i in range(40)]
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder) / "quiz.csv"
        ...     _ = path.write_text("\n".join(["model,id,confidence,correct", *rows]))
        ...     found = audit_results_by_model(path, by="model")
        >>> print(found.comparisons["new"]["results"].difference["accuracy"])
        0.000 [0.000, 0.000]
    """
    names = Names(
        confidence,
        correct,
        tuple(group),
        cluster,
        id,
        by,
        tuple(probs),
        tuple(logprobs),
        label,
        percent,
    )
    path, seed = Path(path), as_seed(seed)
    if not 0 <= unreadable <= 1:
        raise ValueError(f"unreadable must be a share in [0, 1], found {unreadable}")
    results = _Results()
    for file in _files(path):
        results.read(file, names, unreadable)
    results.require_any(path)
    return results.assemble(seed)


class _Results:
    """What was read so far."""

    def __init__(self) -> None:
        self.gathered: dict[str, dict[str, Gathered]] = {}
        self.words: dict[str, Part] = {}
        self.notes: dict[str, list[str]] = {}
        self.others: list[str] = []  # notes about files in which no predictions were found
        self.digest = hashlib.sha256()

    def read(self, file: Path, names: Names, most_unreadable: float) -> None:
        """Read one file."""
        unreadable, n_rows, reader = Unreadable(), 0, None
        models = set()
        for chunk in chunks(file, unreadable):
            if reader is None and chunk.names:
                reader = format_of(file, chunk, names, _model_of(file))
            n_rows += len(chunk.rows)
            n_before = unreadable.count
            for part in reader.parts(chunk, unreadable) if reader and chunk.rows else ():
                if len(part.columns):
                    self._add(part)
                    models.add(part.model)
            n_rows -= unreadable.count - n_before  # counted there already
        n_rows += unreadable.count
        if not n_rows:
            raise ValueError(f"{file} must hold results, found no row")
        notes = [f"{file.name}: {note}" for note in ([] if reader is None else reader.finish())]
        if unreadable.count:
            said = f"{file.name}: {unreadable.sentence(n_rows)}"
            if unreadable.count > most_unreadable * n_rows:
                share = unreadable.count / n_rows
                # Where much is unreadable, what is left is no fair sample of anything.
                cure = (
                    f"Mend the file, or accept the loss with --unreadable {_rounded_up(share)}"
                    if share <= SMALL_LOSS
                    else "Mend the file, or name other columns"
                )
                raise ValueError(f"{said}. At most {most_unreadable:.3g} of them may be so. {cure}")
            notes.append(f"{said}. They are left out of all numbers.")
        for model in models:
            self.notes.setdefault(model, []).extend(notes)
        if not models:
            self.others += notes
        with file.open("rb") as content:
            self.digest.update(hashlib.file_digest(content, "sha256").digest())

    def _add(self, part: Part) -> None:
        task = re.sub(r"[^A-Za-z0-9_-]+", "-", part.task).strip("-_") or "results"
        self.words.setdefault(task, part)
        of_model = self.gathered.setdefault(part.model, {})
        of_model.setdefault(task, Gathered()).add(part.columns)

    def require_any(self, path: Path) -> None:
        """Refuse a file in which nothing can be measured."""
        if not self.gathered:
            said = " ".join(self.others) or "no row could be used."
            raise ValueError(f"{path} must hold answers with a confidence, found none. {said}")

    def assemble(self, seed: int) -> ModelResults:
        """Return the reports and their comparison."""
        columns = {
            model: {task: gathered.columns() for task, gathered in tasks.items()}
            for model, tasks in self.gathered.items()
        }
        reports = {
            model: self._report(model, tasks, seed, self.notes[model] + self.others)
            for model, tasks in columns.items()
        }
        first, *others = reports
        comparisons: dict[str, dict[str, TaskComparison]] = {}
        notes: list[str] = []
        for other in others:
            try:
                comparisons[other] = self._compare(first, other, columns, seed)
            except ValueError as error:
                notes.append(f"{other} cannot be compared with {first}: {error}")
        return ModelResults(reports, comparisons, notes)

    def _report(
        self, model: str, tasks: dict[str, Columns], seed: int, notes: Sequence[str]
    ) -> Report:
        results = {}
        notes = list(notes)
        for task, columns in tasks.items():
            words = self.words[task]
            notes += _duplicates(columns, words.title)
            results[task], said = result_of(columns, words.title, words.event, words.entity, seed)
            notes += said
        about: dict[str, Any] = {
            "format": FORMAT,
            "version": VERSION,
            "model": {
                "kind": "results",
                "name": model,
                "fingerprint": self.digest.hexdigest(),
            },
            "settings": {
                "seed": seed,
                "limit": {task: len(of) for task, of in tasks.items()},
                "items": {task: _digest_of(of) for task, of in tasks.items()},
            },
            "software": {
                "python": platform.python_version(),
                "torch": str(torch.__version__),
                "numpy": np.__version__,
            },
            "tasks": results,
        }
        return Report(about | ({"notes": notes} if notes else {}))

    def _compare(
        self, first: str, other: str, columns: dict[str, dict[str, Columns]], seed: int
    ) -> dict[str, TaskComparison]:
        """Compare two models on the items that both have."""
        shared: list[dict[str, Columns]] = [{}, {}]
        for task, one in columns[first].items():
            two = columns[other].get(task)
            if two is None:
                continue
            if one.ids is None or two.ids is None:
                raise ValueError("nothing tells their items apart. Name the column: --id")
            shared[0][task] = one.rows(np.isin(one.ids, two.ids))
            shared[1][task] = two.rows(np.isin(two.ids, one.ids))
        if not shared[0]:
            raise ValueError("they have no task in common")
        return compare(
            self._report(first, shared[0], seed, ()), self._report(other, shared[1], seed, ())
        )


def _files(path: Path) -> list[Path]:
    """Return the file, or the samples of a folder, one run of each task and model.

    Raises:
        FileNotFoundError, ValueError: If there is none, or several.
    """
    if not path.is_dir():
        return [path]
    found = samples_in(path)
    if not found:
        raise FileNotFoundError(f"{path}: found no samples_*.jsonl of lm-evaluation-harness")
    runs: dict[tuple[Path, str], Path] = {}
    for file in found:
        key = (file.parent, re.sub(r"_\d{4}-\d{2}-\d{2}T.*$", "", file.stem))
        if key in runs:
            raise ValueError(
                f"{path} must hold one run of each task, found {runs[key].name} and {file.name}: "
                "name one of the files, or move the other away"
            )
        runs[key] = file
    return found


def _model_of(file: Path) -> str:
    """Return the model that the harness has noted beside its samples, or else the file's name.

    Notes of the same run count; those of others only where all are about one model.
    """
    names: dict[Path, str] = {}
    if not file.name.startswith("samples_"):
        return file.stem
    for summary in file.parent.glob("results_*.json"):
        try:
            name = json.loads(summary.read_text(encoding="utf-8"))["model_name"]
        except (OSError, ValueError, KeyError, TypeError):
            continue
        if isinstance(name, str) and name.strip():
            names[summary] = Path(name).name if name.startswith(("/", ".")) else name
    of_run = [name for summary, name in names.items() if file.stem.endswith(summary.stem[7:])]
    found = set(of_run or names.values())
    return found.pop() if len(found) == 1 else file.stem


def _digest_of(columns: Columns) -> str:
    """Return a short name for the items, in whatever order they stand."""
    if columns.ids is None:
        return f"{len(columns)} rows"
    digest = hashlib.sha256(np.sort(columns.ids).tobytes())
    digest.update(np.unique(columns.entities).tobytes())
    return digest.hexdigest()[:16]


def _duplicates(columns: Columns, title: str) -> list[str]:
    if columns.ids is None:
        return []
    again = len(columns) - len(np.unique(columns.ids))
    if not again:
        return []
    return [
        f"{title}: rows that repeat the item of another one: {again:,}. All are counted, and "
        "those of one item are resampled together; where they are copies by mistake, remove them."
    ]


def _rounded_up(share: float) -> str:
    """Return a share that is at least this one, with few digits.

    Example:
        >>> _rounded_up(0.0312), _rounded_up(1.0)
        ('0.04', '1.00')
    """
    return f"{min(-(-share * 100 // 1) / 100, 1.0):.2f}"
