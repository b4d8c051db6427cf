"""How an audit gets its records: batch by batch, over any number of processes, and resumably.

The items of a task are cut into batches in one fixed order, and process r of n reads every n-th
batch. Who reads a batch changes nothing in it, so one process and many give the same numbers; they
are brought together by `accelerate`, which also started the processes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from accelerate import PartialState
from accelerate.utils import gather_object, parse_flag_from_env
from tqdm.auto import tqdm

from coursekit.audit.items import Item, Record, Task, calibration_half
from coursekit.audit.journal import Journal
from coursekit.calibration.temperatures import best_temperature
from coursekit.llm._border import is_out_of_memory
from coursekit.llm._shared_work import batches
from coursekit.llm.pretrained import LanguageModel

Records = dict[str, Record]  # by the name of the item
Wanted = tuple[list[Item], float | None]


class OutOfMemoryError(RuntimeError):
    """A batch did not fit into memory; the message says what to try."""


@dataclass
class Run:
    """Everything that reading needs to know."""

    lm: LanguageModel
    seed: int
    batch_size: int
    journal: Journal | None = None
    progress: bool = True
    done: dict[str, Records] = field(default_factory=dict)  #: by task, from before

    def records(self, task: Task, items: Sequence[Item]) -> Records:
        """Return the records of all items of a task, the same in every process."""
        if not task.two_readings:
            return self._read(task, items, None)
        fitted = calibration_half(items, self.seed)
        first = [item for item in items if item.entity in fitted]
        second = [item for item in items if item.entity not in fitted]
        found = self._read(task, first, None)
        return found | self._read(task, second, fit_temperature(task, first, found))

    def _read(self, task: Task, items: Sequence[Item], temperature: float | None) -> Records:
        before = self.done.get(task.name, {})
        # A batch is read as a whole, so that what was interrupted ends with the same numbers.
        missing = [
            batch
            for batch in batches(items, self.batch_size * task.lightness)
            if any(item.name not in before for item in batch)
        ]
        state = processes()
        mine = missing[state.process_index :: state.num_processes]
        ours: list[tuple[str, Record]] = []
        total = sum(map(len, mine))
        shown = self.progress and state.is_main_process and total > 0
        with tqdm(total=total, desc=task.title, unit="item", disable=not shown) as bar:
            for batch in mine:
                with advising_on_memory(self.batch_size):
                    records = task.read(self.lm, batch, self.seed, temperature)
                records = plain_records(task, batch, records)
                names = [item.name for item in batch]
                if self.journal is not None:
                    self.journal.append(task.name, names, records)
                ours += zip(names, records, strict=True)
                bar.update(len(batch))
        found = before | dict(gather_object(ours))
        return {item.name: found[item.name] for item in items}


def plain_records(task: Task, batch: Sequence[Item], records: Any) -> list[Record]:
    """Return records as the journal would give them back, so that going on changes nothing.

    Raises:
        TypeError, ValueError: If they are not one dictionary an item, of plain and finite values.

    Example:
        >>> from coursekit.audit.asking import CHOICES
        >>> plain_records(CHOICES, [Item("a", "a", None)], [{"scores": (0.5,)}])
        [{'scores': [0.5]}]
    """
    name = f"records of {task.name!r}"
    if not isinstance(records, list) or len(records) != len(batch):
        found = len(records) if isinstance(records, list) else f"{records!r:.80}"
        raise ValueError(f"{name} must be a list of one an item ({len(batch)}), found {found}")
    try:
        plain = json.loads(json.dumps(records, allow_nan=False))
    except TypeError as error:
        raise TypeError(f"{name} must be plain numbers and strings, found: {error}") from error
    except ValueError as error:
        raise ValueError(f"{name} must be finite numbers, found NaN or infinity") from error
    if not all(isinstance(record, dict) for record in plain):
        raise TypeError(f"{name} must be dictionaries, found {records[0]!r:.80}")
    return plain


def processes() -> PartialState:
    """Return the processes that `accelerate launch` started, with this one; or this one alone."""
    return PartialState(cpu=parse_flag_from_env("ACCELERATE_USE_CPU"))


def fit_temperature(task: Task, items: Sequence[Item], records: Records) -> float:
    """Return the temperature that suits the calibration half best."""
    nll = torch.tensor(
        [task.nll_at(item, records[item.name]) for item in items], dtype=torch.float64
    )
    return best_temperature(nll.sum(dim=0)).item()


@contextmanager
def advising_on_memory(batch_size: int) -> Iterator[None]:
    """Turn whatever says that memory is full into an `OutOfMemoryError` that says what to try."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        if batch_size > 1:
            advice = f"try a batch size of {batch_size // 2} (--batch-size {batch_size // 2})"
        else:
            advice = (
                "even one item at a time is too much: load the model in half precision (--dtype "
                "bfloat16), or over several devices (--device auto)"
            )
        raise OutOfMemoryError(
            f"a batch of {batch_size} did not fit into memory: {advice}. What was finished is "
            "kept if there is an output folder: go on with --resume."
        ) from error
