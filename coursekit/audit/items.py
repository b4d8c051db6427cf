"""What a task of an audit is: items, how a model reads a batch of them, what follows from a record.

A task turns items into *records*, plain numbers and strings that JSON can hold. A record depends on
its item, the model and the seed alone, never on what was read before: so items can be shared out
over processes, finished ones kept on the disk, and the rest read later.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor

from coursekit.calibration.sums import Sums
from coursekit.data.ordering import hash_order
from coursekit.llm.pretrained import LanguageModel

Record = dict[str, Any]
#: What the temperature of a task divides; a task of one's own may say so by a `scale`.
NEXT_TOKEN, OPTIONS, AGREEMENT = (
    "logits of the next token",
    "log-probabilities of the options",
    "log-odds of the share of samples that agree",
)
SMALLEST_LIMIT = 8  #: items of a task; with fewer, halves and intervals mean nothing


@dataclass(frozen=True)
class Item:
    """What is read at once: a window of a text, a text to be sampled, a question.

    Attributes:
        name: Its own, within its task.
        entity: What the bootstrap draws and the halves are made of: a document, a country.
        content: What the task needs to read it.
        labels: The groups that it belongs to, such as `{"continent": "Africa"}`.

    Example:
        >>> Item("capital KE", "KE", {"prompt": "..."}, {"continent": "Africa"})
        Item(name='capital KE', entity='KE', labels={'continent': 'Africa'})
    """

    name: str
    entity: str
    content: Any = field(repr=False)
    labels: dict[str, str] = field(default_factory=dict)


class Task(Protocol):
    """One part of an audit; `audit(lm, tasks=[...])` takes your own beside the names of `TASKS`.

    For questions with options or with free answers, `ChoiceTask` and `AnswerTask` have everything
    and need a list of `Question`. For anything else write a class with all that stands below; its
    items and records are plain numbers and strings, as JSON can hold them.

    Example:
        >>> from coursekit.audit import ChoiceTask, audit
        >>> from coursekit.data import Question
        >>> def times(a, b):
        ...     right, options = str(a * b), (str(a * b), str(a * b + a), str(a * b + 10))
        ...     text, key = f"What is {a} times {b}?", f"{a}x{b}"
        ...     return Question("product", key, key, text, right, options, 0, "products", "sums")
        >>> questions = [times(a, b) for a in range(3, 7) for b in range(3, 7)]
        >>> table = ChoiceTask("times", "Multiplication table", questions)
        >>> report = audit("smollm2-135m-instruct", [table], limit=8, progress=False)
        >>> report.tasks, report.task("times")["items"]
        (['times'], 8)
    """

    name: str  #: letters, digits, "-" and "_"; another one than those of `TASKS`
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


#: What a task must have, and of which kind.
MEMBERS: dict[str, type] = {
    "name": str,
    "title": str,
    "event": str,
    "entity": str,
    "default_limit": int,
    "lightness": int,
    "two_readings": bool,
    "one_prediction": bool,
    "same_for_all": bool,
}
METHODS = ("items", "read", "before", "after", "nll_at")


def require_task(task: Any) -> None:
    """Check that somebody's task has all that an audit asks of one.

    Raises:
        TypeError: If something is missing, or of another kind; the message names it.
        ValueError: If its name or a text would not do in a report.

    Example:
        >>> require_task(Item)
        Traceback (most recent call last):
        TypeError: a task must be an object, found the class Item. Call it first
    """
    kind = type(task).__name__
    if isinstance(task, type):
        raise TypeError(f"a task must be an object, found the class {task.__name__}. Call it first")
    missing = [member for member in (*MEMBERS, *METHODS) if not hasattr(task, member)]
    if missing:
        raise TypeError(f"a task must have {', '.join(missing)} (see Task), found {kind} without")
    for member, wanted in MEMBERS.items():
        found = getattr(task, member)
        if not isinstance(found, wanted) or (wanted is int and isinstance(found, bool)):
            raise TypeError(f"{member} of {kind} must be {wanted.__name__}, found {found!r}")
    for method in METHODS:
        if not callable(getattr(task, method)):
            raise TypeError(f"{method} of {kind} must be a method, found {getattr(task, method)!r}")
    if not re.fullmatch(r"[A-Za-z0-9][\w-]*", task.name, re.ASCII):
        raise ValueError(
            f'name of {kind} must be letters, digits, "-" and "_", found {task.name!r}'
        )
    for member in ("title", "event", "entity"):
        if not getattr(task, member).strip() or not getattr(task, member).isprintable():
            raise ValueError(
                f"{member} of {kind} must be one line of text, found {getattr(task, member)!r}"
            )


def require_items(task: Task, items: Any, limit: int, seed: int) -> None:
    """Check that items can be told apart, and are enough for two halves and their intervals.

    Raises:
        TypeError, ValueError: If not.
    """
    name = f"items of {task.name!r}"
    if not isinstance(items, list) or not all(isinstance(item, Item) for item in items):
        raise TypeError(f"{name} must be a list of Item, found {items!r:.80}")
    for item in items:
        texts = (item.name, item.entity, *item.labels, *item.labels.values())
        if not all(isinstance(text, str) for text in texts):
            raise TypeError(f"name, entity and labels of {name} must be strings, found {item!r}")
    if len({item.name for item in items}) < len(items):
        raise ValueError(f"{name} must have different names, found one twice")
    if not SMALLEST_LIMIT <= len(items) <= limit:
        raise ValueError(
            f"{name} must be at least {SMALLEST_LIMIT} and at most the limit of {limit}, found "
            f"{len(items)}"
        )
    entities, half = {item.entity for item in items}, calibration_half(items, seed)
    if min(len(half), len(entities - half)) < 2:
        raise ValueError(
            f"{name} must belong to at least 4 entities, two for each half, found {len(entities)}"
        )


def require_finite(lm: LanguageModel, numbers: Tensor) -> None:
    """Refuse a model whose probabilities are no numbers, before they become metrics.

    Raises:
        ValueError: If there is a NaN or an infinity; the message says what to try.
    """
    if not numbers.isfinite().all():
        found = "NaN" if numbers.isnan().any() else "infinity"
        cure = (
            "Load it in torch.float32 or torch.bfloat16 (--dtype float32 or bfloat16), whose range "
            "is wider"
            if lm.model.dtype == torch.float16
            else "Its weights are spoilt, or too large: take another copy"
        )
        raise ValueError(
            f"logits of {lm.name!r} must be finite, found {found} in {lm.model.dtype}. {cure}"
        )


def calibration_half(items: Sequence[Item], seed: int) -> set[str]:
    """Half of the entities, for fitting; as near to half of each first label as can be.

    Example:
        >>> items = [Item(f"{place}", f"entity {place // 2}", None) for place in range(8)]
        >>> len(calibration_half(items, seed=0))
        2
    """
    kinds = defaultdict(set)
    seen: set[str] = set()
    for item in items:
        if item.entity not in seen:
            kinds[next(iter(item.labels.values()), "")].add(item.entity)
            seen.add(item.entity)
    ordered = [entity for kind in sorted(kinds) for entity in hash_order(kinds[kind], "half", seed)]
    return set(ordered[::2])


def digest_of(items: Sequence[Item]) -> str:
    """Return a short name for what was asked: other texts, tokens or questions have another one.

    Example:
        >>> digest_of([Item("a", "a", "Why?")]) == digest_of([Item("a", "a", "How?")])
        False
    """
    content = [[item.name, item.entity, item.labels, item.content] for item in items]
    text = json.dumps(content, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
