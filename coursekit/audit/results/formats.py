"""What the rows of a file mean: a table with named columns, or a log that is known.

Each format turns a chunk of raw rows into `Part`s, columns of predictions of one model and task,
and counts what it cannot read. The harness chooses by log-likelihood (`acc`), and by log-likelihood
divided by the number of characters of the choice (`acc_norm`). The logs of Inspect are described
at https://inspect.aisi.org.uk.

Reference:
    Gao et al., "A framework for few-shot language model evaluation", Zenodo, 2023.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from coursekit.audit.results.predictions import (
    Columns,
    Flags,
    Texts,
    normalised,
    of_log_probs,
)
from coursekit.audit.results.reading import Chunk, Unreadable
from coursekit.audit.results.values import (
    ROUNDING,
    Floats,
    Reasons,
    as_confidences,
    as_keys,
    as_numbers,
    as_truths,
)

#: The name of the one task of a table.
TASK = "results"
#: Column names that need not be given.
CONFIDENCE, CORRECT, IDS = "confidence", "correct", ("id", "item", "item_id", "question_id")


@dataclass(frozen=True)
class Names:
    """Which columns of a table hold what.

    Attributes:
        confidence: Probability of the prediction.
        correct: Whether it came true.
        group: Kinds of items, each to be reported alone.
        cluster: What belongs together, such as the document of a question.
        id: What tells items apart.
        by: The model, where there are several.
        probs: A probability for each option; or one column with lists of them.
        logprobs: The same as log-likelihoods.
        label: The right option: its column's name, or its place from 0.
        percent: Whether confidences are percentages.
    """

    confidence: str | None = None
    correct: str | None = None
    group: tuple[str, ...] = ()
    cluster: str | None = None
    id: str | None = None
    by: str | None = None
    probs: tuple[str, ...] = ()
    logprobs: tuple[str, ...] = ()
    label: str | None = None
    percent: bool = False

    @property
    def any_given(self) -> bool:
        """Whether the caller has named what holds the predictions."""
        return bool(self.confidence or self.correct or self.probs or self.logprobs)


@dataclass(frozen=True)
class Part:
    """Columns of one model and task, with the words for them."""

    model: str
    task: str
    columns: Columns
    title: str
    event: str
    entity: str


class Format(Protocol):
    """How the rows of a file are read."""

    def finish(self) -> list[str]:
        """Return what a reader must be told, once all rows were read.

        Raises:
            ValueError: If all of them together cannot be meant so.
        """

    def parts(self, chunk: Chunk, unreadable: Unreadable) -> Iterator[Part]:
        """Yield what a chunk holds."""


def format_of(path: Path, first: Chunk, names: Names, model: str) -> Format:
    """Return what reads this file, by what its first rows look like.

    Raises:
        ValueError: If a column that was named is not there, or nothing says what to read.
    """
    found = set(first.names)
    if not names.any_given:
        if {"doc_id", "target", "arguments", "filtered_resps"} <= found:
            return Harness(model, _task_of(path), names)
        if {"scores", "epoch", "eval"} <= found:
            return Inspect(names)
    return Table(path, first.names, names, model)


def _task_of(path: Path) -> str:
    """Return the task of `samples_TASK_TIME.jsonl`.

    Example:
        >>> _task_of(Path("samples_arc_easy_2026-01-02T03-04-05.678.jsonl"))
        'arc_easy'
    """
    stem = path.stem.removeprefix("samples_")
    head, _, tail = stem.rpartition("_")
    return head if head and tail[:4].isdigit() else stem


def _as_texts(values: Sequence[Any]) -> Texts:
    """Return texts `(N,)` of a group."""
    texts = ["(none)" if value in (None, "") else str(value) for value in values]
    return np.array(texts, dtype=object)


def _refuse_names(names: Names, log: str) -> None:
    """Refuse what a log says by itself."""
    for option, given in (("--by", names.by), ("--id", names.id), ("--percent", names.percent)):
        if given:
            raise ValueError(f"{option} is for tables, and {log} is known: leave it out")


def _looked_up(record: dict[str, Any], part: str, name: str) -> Any:
    """Return what a log says about an item under a name.

    Raises:
        ValueError: If it says nothing.
    """
    about = record.get(part) or {}
    if name not in about:
        known = ", ".join(map(str, about)) or "none"
        raise ValueError(f"{name!r} must be one of what {part!r} holds ({known})")
    return about[name]


# --- tables ---------------------------------------------------------------------------------------


class Table:
    """Any table, by the names of its columns."""

    def __init__(self, path: Path, found: Sequence[str], names: Names, model: str) -> None:
        self.n_small = self.n_large = 0  # percentages up to 1, and above
        self.n_scored = self.n_never_below = self.n_above = self.n_shares = 0  # of log-likelihoods
        self.model, self.title = model, path.stem
        self.found = found
        self.options = names.probs or names.logprobs
        self.names = names
        self._require_meaning()
        self.confidence = names.confidence or CONFIDENCE
        self.correct = names.correct or CORRECT
        self.id = names.id or next((name for name in IDS if name in found), None)
        needed = [("--id", self.id), ("--by", names.by), ("--cluster", names.cluster)]
        needed += [("--group", name) for name in names.group]
        if self.options:
            option = "--probs" if names.probs else "--logprobs"
            needed += [(option, name) for name in self.options] + [("--label", names.label)]
        else:
            needed += [("--confidence", self.confidence), ("--correct", self.correct)]
        for option, name in needed:
            if name is not None and list(found).count(name) != 1:
                times = "it twice" if name in found else ", ".join(map(repr, found[:30])) or "none"
                raise ValueError(
                    f"{option} must name a column of {path.name} ({name!r} is asked for), found "
                    f"{times}"
                )

    def finish(self) -> list[str]:
        """Return doubts about percentages that look like shares, and about log-likelihoods."""
        if self.names.logprobs:
            return self._doubts_about_scores()
        if not self.n_small:
            return []
        said = f"{self.n_small:,} confidences lie between 0 and 1 %"
        if not self.n_large:
            raise ValueError(
                f"{said}, and none above: they are no percentages. Leave out --percent"
            )
        return [f"{said}, and {self.n_large:,} above. If they are shares, the file mixes the two."]

    def _doubts_about_scores(self) -> list[str]:
        """Refuse what is no log-likelihood; say so where only some rows hold what none can be."""
        if not self.n_scored:
            return []
        rows = f"{self.n_scored:,} rows"
        if self.n_shares == self.n_scored:
            raise ValueError(
                f"--logprobs must name logarithms, found numbers from 0 to 1 that add up to 1 in "
                f"all of {rows}: they are probabilities. Use --probs"
            )
        if self.n_never_below == self.n_scored:
            raise ValueError(
                f"--logprobs must name log-likelihoods, which are 0 or below, found none below 0 "
                f"in {rows}. Of negative log-likelihoods change the sign; of other scores subtract "
                "the greatest of each row"
            )
        if not self.n_above:
            return []
        return [
            f"of {rows}, {self.n_above:,} hold a log-likelihood above 0, which no probability has. "
            "All are read as scores: the softmax of a row is its probabilities."
        ]

    def _require_meaning(self) -> None:
        names = self.names
        if names.probs and names.logprobs:
            raise ValueError("--probs and --logprobs cannot be given together: choose one")
        if self.options and (names.confidence or names.correct):
            raise ValueError(
                "--confidence and --correct follow from --probs (or --logprobs) and --label: give "
                "either pair alone"
            )
        if len(set(self.options)) < len(self.options):
            raise ValueError(
                "--probs (or --logprobs) must name a column for each option, found one of them "
                f"twice in {', '.join(self.options)}"
            )
        if bool(self.options) != (names.label is not None):
            raise ValueError(
                "--label must be given with --probs or --logprobs: the column with the right option"
            )

    def parts(self, chunk: Chunk, unreadable: Unreadable) -> Iterator[Part]:
        """Yield the predictions of each model."""
        if not chunk.rows:
            return
        reasons: Reasons = {}
        log_probs, gold = None, None
        if self.options:
            log_probs, gold = self._options(chunk, reasons)
            confidence, correct = of_log_probs(log_probs, gold)
        else:
            confidence, why = as_confidences(
                chunk.column(self.confidence), percent=self.names.percent
            )
            if self.names.percent:
                self.n_small += int(((confidence > 0) & (confidence <= 0.01)).sum())
                self.n_large += int((confidence > 0.01).sum())
            outcome, why_not = as_truths(chunk.column(self.correct))
            reasons |= why_not | why
            correct = outcome > 0.5
        columns = Columns(
            confidence,
            correct,
            log_probs,
            gold,
            self._keys(chunk, self.id, reasons),
            self._keys(chunk, self.names.cluster, reasons),
            {label: _as_texts(chunk.column(label)) for label in self.names.group},
        )
        self._require_given(chunk, self.names.by, reasons)
        for place in sorted(reasons):
            unreadable.add(chunk.lines[place], reasons[place])
        kept = np.ones(len(chunk.rows), dtype=bool)
        kept[list(reasons)] = False
        yield from self._by_model(chunk, columns, kept)

    def _by_model(self, chunk: Chunk, columns: Columns, kept: Flags) -> Iterator[Part]:
        if self.names.by is None:
            yield self._part(self.model, columns if kept.all() else columns.rows(kept))
            return
        models = np.array([str(name) for name in chunk.column(self.names.by)], dtype=object)
        for model in dict.fromkeys(models.tolist()):
            yield self._part(model, columns.rows(kept & (models == model)))

    def _part(self, model: str, columns: Columns) -> Part:
        event = "the most probable option is the right one" if self.options else "it came out right"
        entity = self.names.cluster or self.id or "row"
        # Always of one name, so that reports of two files can be compared.
        return Part(model, TASK, columns, self.title, event, entity)

    def _keys(self, chunk: Chunk, name: str | None, reasons: Reasons) -> Any:
        if name is None:
            return None
        self._require_given(chunk, name, reasons)
        return as_keys(chunk.column(name))

    def _require_given(self, chunk: Chunk, name: str | None, reasons: Reasons) -> None:
        for place, value in enumerate(() if name is None else chunk.column(name)):
            if value is None or value == "":
                reasons.setdefault(place, f"it has no {name}")

    def _options(self, chunk: Chunk, reasons: Reasons) -> tuple[Floats, Flags]:
        """Return log-probabilities `(N, K)` and which options are right."""
        what = "probability" if self.names.probs else "log-likelihood"
        if len(self.options) > 1:
            columns = []
            for name in self.options:
                numbers, why = as_numbers(chunk.column(name), f"{what} {name!r}")
                columns.append(numbers)
                reasons |= why
            values = np.stack(columns, axis=1)
            widths = [len(self.options)] * len(values)
        else:
            values, widths = self._lists(chunk.column(self.options[0]), what, reasons)
        gold = self._gold(chunk.column(self.names.label or ""), widths, reasons)
        if self.names.probs:
            values = self._checked(values / (100 if self.names.percent else 1), reasons)
            with np.errstate(divide="ignore"):
                values = np.log(values)
        else:
            self._count_scores(np.delete(values, list(reasons), axis=0))
        values[list(reasons)] = 0.0
        return normalised(values), gold

    def _count_scores(self, values: Floats) -> None:
        """Count rows of log-likelihoods `(N, K)` that may be something else."""
        there = values > -np.inf  # lists may be shorter than others
        total = np.where(there, values, 0).sum(axis=1)
        never_below = ((values >= 0) | ~there).all(axis=1)
        self.n_scored += len(values)
        self.n_never_below += int(never_below.sum())
        self.n_shares += int((never_below & (np.abs(total - 1) <= ROUNDING)).sum())
        self.n_above += int((values > 0).any(axis=1).sum())

    def _lists(self, cells: list[Any], what: str, reasons: Reasons) -> tuple[Floats, list[int]]:
        """Read one column with a list in each row, and how long each of them is."""
        found: list[list[float]] = []
        for place, cell in enumerate(cells):
            try:
                values = json.loads(cell) if isinstance(cell, str) else cell
                row = [float(value) for value in values]
                if len(row) < 2 or not all(map(math.isfinite, row)):
                    raise ValueError
            except (TypeError, ValueError, OverflowError, RecursionError):
                reasons[place] = f"it must hold a list of each {what}, found {cell!s:.60}"
                row = [0.0, 0.0]
            found.append(row)
        widths = list(map(len, found))
        missing = 0.0 if self.names.probs else -math.inf
        return _padded(found, missing), widths

    def _checked(self, probs: Floats, reasons: Reasons) -> Floats:
        """Find rows whose probabilities do not add up; smaller differences are rounding."""
        total = probs.sum(axis=1)
        with np.errstate(invalid="ignore"):
            bad = (probs < 0).any(axis=1) | (np.abs(total - 1) > ROUNDING)
        for place in np.flatnonzero(bad).tolist():
            hint = " (percentages? add --percent)" if 99 <= total[place] <= 101 else ""
            said = f"probabilities must be at least 0 and add up to 1, found {total[place]:.4g}"
            reasons.setdefault(place, said + hint)
        return np.where(bad[:, None], 0.5, probs)

    def _gold(self, labels: list[Any], widths: list[int], reasons: Reasons) -> Flags:
        """Read the right option: the name of its column, or its place among those of its row."""
        width = max(widths)
        places: dict[Any, int] = {str(place): place for place in range(width)}
        named = dict(zip(self.options, range(width), strict=True)) if len(self.options) > 1 else {}
        # Of columns that are called 1 and 2, a label of 1 means the first one.
        places = named if named.keys() & places.keys() else places | named
        gold = np.zeros((len(labels), width), dtype=bool)
        for row, label in enumerate(labels):
            text = str(int(label)) if isinstance(label, float) and label == label // 1 else label
            place = places.get(str(text).strip())
            if place is None or place >= widths[row] or isinstance(label, bool):
                known = [*(named or ["its place"])]
                known += [f"or 0 to {widths[row] - 1}"] if len(places) > len(named) else []
                reasons.setdefault(
                    row, f"label must be one of {', '.join(known)}, found {label!r:.60}"
                )
            else:
                gold[row, place] = True
        return gold


# --- lm-evaluation-harness ------------------------------------------------------------------------


@dataclass
class _Choices:
    """Multiple-choice rows of one chunk."""

    ids: list[str] = field(default_factory=list)
    likelihoods: list[list[float]] = field(default_factory=list)
    texts: list[list[str]] = field(default_factory=list)
    gold: list[set[int]] = field(default_factory=list)
    acc_norm: list[float | None] = field(default_factory=list)
    clusters: list[Any] = field(default_factory=list)
    groups: dict[str, list[Any]] = field(default_factory=lambda: defaultdict(list))


class Harness:
    """Samples of lm-evaluation-harness (`--log_samples`).

    A multiple-choice row holds the log-likelihood of every choice: their softmax is the confidence.
    Where `acc_norm` was logged, a second task reads them divided by the length of the choice.
    Generated answers carry no confidence, so all that can be said of them is how many were right.
    """

    def __init__(self, model: str, task: str, names: Names) -> None:
        _refuse_names(names, "a log of lm-evaluation-harness")
        self.names = names
        self.model, self.task = model, task
        self.generated: dict[str, list[float]] = defaultdict(list)  # by filter
        self.norm_is_lost = False

    def finish(self) -> list[str]:
        """Return what was found, and what was not, beside the predictions."""
        found = []
        if self.norm_is_lost:
            found.append(f"{self.task}: acc_norm cannot be computed again from this log.")
        for name, right in self.generated.items():
            how = f", filter {name}" if len(self.generated) > 1 else ""
            found.append(
                f"{self.task}: {len(right):,} generated answers, of which "
                f"{sum(right) / len(right):.4f} match exactly (exact_match{how}). Their log "
                "holds no confidence, so their calibration cannot be measured."
            )
        return found

    def parts(self, chunk: Chunk, unreadable: Unreadable) -> Iterator[Part]:
        """Yield the choices by likelihood, and by likelihood a character."""
        rows = _Choices()
        for line, record in zip(chunk.lines, chunk.rows, strict=True):
            try:
                self._read(record, rows)
            except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
                reason = str(error) if isinstance(error, ValueError) else f"{error!r} is missing"
                unreadable.add(line, reason)
        if not rows.ids:
            return
        likelihoods, gold = _padded(rows.likelihoods), _masks(rows)
        yield self._part(rows, likelihoods, gold, self.task, "")
        lengths = self._lengths(rows, likelihoods, gold)
        if lengths is not None:
            yield self._part(
                rows, likelihoods / lengths, gold, f"{self.task}-norm", " a character (acc_norm)"
            )

    def _part(self, rows: _Choices, likelihoods: Floats, gold: Flags, task: str, how: str) -> Part:
        log_probs = normalised(likelihoods)
        # The harness chooses by what was logged: the softmax may make equal what differed a little.
        chosen = likelihoods.argmax(axis=1)[:, None]
        confidence = np.exp(np.take_along_axis(log_probs, chosen, axis=1)[:, 0]).clip(max=1)
        correct = np.take_along_axis(gold, chosen, axis=1)[:, 0]
        columns = Columns(
            confidence,
            correct,
            log_probs,
            gold,
            as_keys(rows.ids),
            as_keys(rows.clusters) if self.names.cluster else None,
            {label: _as_texts(values) for label, values in rows.groups.items()},
        )
        event = f"the choice with the greatest log-likelihood{how} is the right one"
        return Part(self.model, task, columns, task, event, self.names.cluster or "question")

    def _read(self, record: dict[str, Any], rows: _Choices) -> None:
        arguments = list(record["arguments"].values())
        answers = record["filtered_resps"]
        if not (isinstance(answers[0], list) and len(answers[0]) == 2 and len(answers) > 1):
            self._generated(record)
            return
        likelihoods = [float(answer[0]) for answer in answers]
        if "acc_mutual_info" in record:  # the second half has no question
            likelihoods = likelihoods[: len(likelihoods) // 2]
        if not all(map(math.isfinite, likelihoods)):
            raise ValueError("a log-likelihood is not finite")
        texts = [str(argument["arg_1"]) for argument in arguments[: len(likelihoods)]]
        acc = record.get("acc")
        gold = _gold_of(str(record["target"]), texts, likelihoods, acc)
        groups = {label: _looked_up(record, "doc", label) for label in self.names.group}
        if self.names.cluster:
            rows.clusters.append(_looked_up(record, "doc", self.names.cluster))
        for label, value in groups.items():
            rows.groups[label].append(value)
        rows.ids.append(str(record.get("doc_hash") or record["doc_id"]))
        rows.likelihoods.append(likelihoods)
        rows.texts.append(texts)
        rows.gold.append(gold)
        norm = record.get("acc_norm")
        rows.acc_norm.append(None if norm is None else float(norm))

    def _generated(self, record: dict[str, Any]) -> None:
        if "exact_match" not in record:
            known = ", ".join(record.get("metrics", [])) or "none"
            raise ValueError(f"its answers were judged by {known}; acc and exact_match can be read")
        self.generated[str(record.get("filter"))].append(float(record["exact_match"]))

    def _lengths(self, rows: _Choices, likelihoods: Floats, gold: Flags) -> Floats | None:
        """Return the characters of each choice `(N, K)`, without what stands before every choice.

        The log does not say which blank belongs to a choice: the `acc_norm` that it holds does.
        """
        if any(norm is None for norm in rows.acc_norm):
            return None
        logged = np.array(rows.acc_norm, dtype=float)
        every = [text for texts in rows.texts for text in texts]
        shared = 1 if all(text.startswith((" ", "\n")) for text in every) else 0
        for cut in dict.fromkeys((shared, 0)):
            lengths = _padded([[max(len(t) - cut, 1) for t in texts] for texts in rows.texts], 1.0)
            chosen = (likelihoods / lengths).argmax(axis=1)[:, None]
            if (np.take_along_axis(gold, chosen, axis=1)[:, 0] == logged).all():
                return lengths
        self.norm_is_lost = True
        return None


def _gold_of(target: str, texts: Sequence[str], likelihoods: Sequence[float], acc: Any) -> set[int]:
    """Return the places of the right choices, which a log names by place or by text.

    Example:
        >>> _gold_of("1", [" a", " b"], [-1.0, -2.0], 0.0), _gold_of("a", [" a", " b"], [1, 0], 1)
        ({1}, {0})
    """
    possible: list[set[int]] = []
    try:
        read = json.loads(target)
    except ValueError:
        read = None
    places = read if isinstance(read, list) else [read]
    if all(type(place) is int and 0 <= place < len(texts) for place in places):
        possible.append(set(places))
    named = {place for place, text in enumerate(texts) if text.strip() == target.strip()}
    if named:
        possible.append(named)
    chosen = max(range(len(likelihoods)), key=likelihoods.__getitem__)
    fitting = [gold for gold in possible if acc is None or float(acc) == (chosen in gold)]
    if not possible:
        raise ValueError(f"target must be one of the {len(texts)} choices, found {target!r:.60}")
    if not fitting:
        raise ValueError(f"its acc of {acc} does not follow from its log-likelihoods and target")
    return fitting[0]


def _padded(rows: Sequence[Sequence[float]], missing: float = -math.inf) -> Floats:
    width = max(map(len, rows))
    return np.array([[*row, *[missing] * (width - len(row))] for row in rows], dtype=np.float64)


def _masks(rows: _Choices) -> Flags:
    width = max(map(len, rows.likelihoods))
    return np.array([[place in gold for place in range(width)] for gold in rows.gold])


# --- Inspect --------------------------------------------------------------------------------------

_SCORES = {"C": True, "I": False, "N": False}


class Inspect:
    """Logs of Inspect AI: a confidence that the scorer stored, or the probability of the answer.

    The confidence is `confidence` in the metadata of the score or of the sample; or else, where the
    model gave log-probabilities, the probability of all it wrote. Epochs of a sample belong
    together.
    """

    def __init__(self, names: Names) -> None:
        _refuse_names(names, "a log of Inspect")
        self.names = names

    def finish(self) -> list[str]:
        """Return nothing: a log of Inspect leaves no doubt."""
        return []

    def parts(self, chunk: Chunk, unreadable: Unreadable) -> Iterator[Part]:
        """Yield the predictions of each model, task and scorer."""
        found: dict[tuple[str, str, str], list[Any]] = defaultdict(list)
        for line, sample in zip(chunk.lines, chunk.rows, strict=True):
            try:
                for scorer, *row in self._read(sample):
                    about = sample["eval"]
                    key = (str(about.get("model", "model")), str(about.get("task", "task")), scorer)
                    found[key].append(row)
            except (KeyError, TypeError, AttributeError) as error:
                unreadable.add(line, f"it is no sample of Inspect: {error!r}")
            except ValueError as error:
                unreadable.add(line, str(error))
        scorers = defaultdict(set)
        for model, task, scorer in found:
            scorers[model, task].add(scorer)
        for (model, task, scorer), rows in found.items():
            confidence, correct, samples, runs, groups = zip(*rows, strict=True)
            name = task if len(scorers[model, task]) == 1 else f"{task}-{scorer}"
            columns = Columns(
                np.array(confidence),
                np.array(correct) > 0.5,
                ids=as_keys(runs),
                clusters=as_keys(samples),
                groups={
                    label: _as_texts(values)
                    for label, values in zip(
                        self.names.group, zip(*groups, strict=True), strict=bool(self.names.group)
                    )
                },
            )
            entity = self.names.cluster or "sample"
            yield Part(model, name, columns, name, "the answer was scored as right", entity)

    def _read(self, sample: dict[str, Any]) -> Iterator[tuple[Any, ...]]:
        if sample.get("error"):
            raise ValueError("it ended with an error")
        if not sample.get("scores"):
            raise ValueError("it has no score")
        for scorer, score in sample["scores"].items():
            value = score["value"]
            right = _SCORES.get(value) if isinstance(value, str) else None
            outcome, why = as_truths([value if right is None else right])
            if why:
                raise ValueError(f"score {scorer!r} must be right or wrong, found {value!r:.60}")
            confidence, why = as_confidences([_stated(sample, score)], percent=False)
            if why:
                raise ValueError(why[0] + " (its metadata has none, and no logprobs were kept)")
            run = f"{sample['id']} {sample['epoch']}"
            groups = [_looked_up(sample, "metadata", label) for label in self.names.group]
            together = (
                _looked_up(sample, "metadata", self.names.cluster)
                if self.names.cluster
                else sample["id"]
            )
            yield scorer, float(confidence[0]), float(outcome[0]), together, run, groups


def _stated(sample: dict[str, Any], score: dict[str, Any]) -> Any:
    """Return the confidence of a sample, whatever it is; None where there is none."""
    for metadata in (score.get("metadata"), sample.get("metadata")):
        if isinstance(metadata, dict) and metadata.get("confidence") is not None:
            return metadata["confidence"]
    choices = (sample.get("output") or {}).get("choices") or [{}]
    tokens = (choices[0].get("logprobs") or {}).get("content") or []
    return math.exp(sum(token["logprob"] for token in tokens)) if tokens else None
