"""What a task of an audit is: items, how a model reads a batch of them, what follows from a record.

A task turns items into *records*, plain numbers and strings that JSON can hold. A record depends on
its item, the model and the seed alone, never on what was read before: so items can be shared out
over processes, finished ones kept on the disk, and the rest read later.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from coursekit.calibration.sums import Sums
from coursekit.data.ordering import hash_order
from coursekit.llm.pretrained import LanguageModel

Record = dict[str, Any]


@dataclass(frozen=True)
class Item:
    """What is read at once: a window of a text, a text to be sampled, a question.

    Attributes:
        name: Its own, within its task.
        entity: What the bootstrap draws and the halves are made of: a document, a country.
        content: What the task needs to read it.
        labels: The groups that it belongs to, such as `{"continent": "Africa"}`.
    """

    name: str
    entity: str
    content: Any = field(repr=False)
    labels: dict[str, str] = field(default_factory=dict)


class Task(Protocol):
    """One part of an audit."""

    name: str
    title: str
    event: str  #: what comes true or not: the thing that a confidence is about
    entity: str  #: what is drawn by the bootstrap, in a word
    default_limit: int
    lightness: int  #: how many items are read together where one window of text would be
    two_readings: bool  #: whether the temperature must be known before the held-out half is read
    one_prediction: bool  #: whether an item is one prediction, so that its confidence is kept
    same_for_all: bool  #: whether every model gets the same items, so that two can be compared

    def items(self, lm: LanguageModel, limit: int, seed: int) -> list[Item]:
        """Return at most `limit` items; the first ones of a larger limit are those of a smaller."""

    def read(
        self, lm: LanguageModel, items: Sequence[Item], seed: int, temperature: float | None
    ) -> list[Record]:
        """Return a record for each item of one batch."""

    def before(self, item: Item, record: Record) -> Sums:
        """Return the sums of an item for the model as it is."""

    def after(self, item: Item, record: Record, temperature: float) -> Sums:
        """Return the sums of a held-out item once the temperature has been applied."""

    def nll_at(self, item: Item, record: Record) -> list[float]:
        """Return the negative log-likelihood of an item at each of `TEMPERATURES`, in nats."""


def calibration_half(items: Sequence[Item], seed: int) -> set[str]:
    """Half of the entities, for fitting; as near to half of each first label as can be."""
    kinds = defaultdict(set)
    seen: set[str] = set()
    for item in items:
        if item.entity not in seen:
            kinds[next(iter(item.labels.values()), "")].add(item.entity)
            seen.add(item.entity)
    ordered = [entity for kind in sorted(kinds) for entity in hash_order(kinds[kind], "half", seed)]
    return set(ordered[::2])


def digest_of(items: Sequence[Item]) -> str:
    """Return a short name for what was asked: other texts, tokens or questions have another one."""
    content = [[item.name, item.entity, item.labels, item.content] for item in items]
    text = json.dumps(content, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
