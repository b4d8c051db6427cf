"""What is kept of each row: numbers in arrays, some thirty bytes a row and no text."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from coursekit.audit.results.values import Floats, Keys, keys_of_numbers

Flags: TypeAlias = NDArray[np.bool_]
Codes: TypeAlias = NDArray[np.int32]
Texts: TypeAlias = NDArray[np.object_]
#: A column with more values than this is no group, but a name for each row.
MOST_GROUPS = 200


@dataclass(frozen=True)
class Columns:
    """Predictions by one model of one task: N rows.

    Attributes:
        confidence: Of the prediction `(N,)`.
        correct: Whether it came true `(N,)`.
        log_probs: Of all K options `(N, K)`, where they are known; -inf for one there is not.
        gold: Which options are right `(N, K)`.
        ids: What tells items apart `(N,)`, where anything does.
        clusters: What belongs together `(N,)`, where anything does.
        groups: For each label, the text of each row `(N,)`.
    """

    confidence: Floats
    correct: Flags
    log_probs: Floats | None = None
    gold: Flags | None = None
    ids: Keys | None = None
    clusters: Keys | None = None
    groups: dict[str, Texts] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.confidence)

    def rows(self, chosen: Any) -> Columns:
        """Return some rows: a mask, or their places."""
        return Columns(
            self.confidence[chosen],
            self.correct[chosen],
            None if self.log_probs is None else self.log_probs[chosen],
            None if self.gold is None else self.gold[chosen],
            None if self.ids is None else self.ids[chosen],
            None if self.clusters is None else self.clusters[chosen],
            {label: of[chosen] for label, of in self.groups.items()},
        )

    @property
    def entities(self) -> Keys:
        """What varies independently `(N,)`: the clusters, or else each item."""
        if self.clusters is not None:
            return self.clusters
        if self.ids is not None:
            return self.ids
        return keys_of_numbers(np.arange(len(self), dtype=np.uint64))


class Gathered:
    """Columns that grow chunk by chunk."""

    def __init__(self) -> None:
        self.parts: list[Columns] = []
        self.codes: dict[str, dict[str, int]] = defaultdict(dict)
        self.groups: dict[str, list[Codes]] = defaultdict(list)

    def add(self, part: Columns) -> None:
        """Add a chunk; of its groups numbers are kept.

        Raises:
            ValueError: If a label has too many groups.
        """
        for label, of_label in part.groups.items():
            texts = of_label.tolist()
            known = self.codes[label]
            for text in dict.fromkeys(texts):
                known.setdefault(text, len(known))
            if len(known) > MOST_GROUPS:
                raise ValueError(
                    f"group {label!r} must have at most {MOST_GROUPS} values, found more: it seems "
                    "to name items, not groups. (Rows that belong together are a --cluster)"
                )
            codes = np.fromiter(map(known.__getitem__, texts), np.int32, len(texts))
            self.groups[label].append(codes)
        self.parts.append(
            Columns(
                part.confidence, part.correct, part.log_probs, part.gold, part.ids, part.clusters
            )
        )

    def columns(self) -> Columns:
        """Return all chunks as one."""
        whole: dict[str, Any] = {
            name: _joined([getattr(part, name) for part in self.parts])
            for name in ("confidence", "correct", "log_probs", "gold", "ids", "clusters")
        }
        self.parts.clear()
        groups = {
            label: np.array(list(self.codes[label]), dtype=object)[np.concatenate(codes)]
            for label, codes in self.groups.items()
        }
        return Columns(**whole, groups=groups)


def _joined(parts: list[Any]) -> Any:
    """Join arrays; of tables with more and fewer options, the missing ones become impossible."""
    if any(part is None for part in parts):
        return None
    if parts[0].ndim == 2:
        width = max(part.shape[1] for part in parts)
        fill = False if parts[0].dtype == np.bool_ else -np.inf
        parts = [
            np.pad(part, ((0, 0), (0, width - part.shape[1])), constant_values=fill)
            for part in parts
        ]
    return np.concatenate(parts)


def of_log_probs(log_probs: Floats, gold: Flags) -> tuple[Floats, Flags]:
    """Return confidence and correctness `(N,)` of the most probable option of each row.

    Example:
        >>> log_probs, gold = np.log([[0.25, 0.75]]), np.array([[False, True]])
        >>> [column.tolist() for column in of_log_probs(log_probs, gold)]
        [[0.75], [True]]
    """
    chosen = log_probs.argmax(axis=1)[:, None]
    confidence = np.exp(np.take_along_axis(log_probs, chosen, axis=1)[:, 0])
    return confidence.clip(max=1), np.take_along_axis(gold, chosen, axis=1)[:, 0]


def normalised(log_likelihoods: Floats, temperature: float = 1.0) -> Floats:
    """Return log-probabilities `(N, K)` whose probabilities add up to 1 in each row.

    Example:
        >>> np.exp(normalised(np.array([[1.0, 1.0]]))).tolist()
        [[0.5, 0.5]]
    """
    scaled = log_likelihoods / temperature
    scaled = scaled - scaled.max(axis=1, keepdims=True)
    found: Floats = scaled - np.log(np.exp(scaled).sum(axis=1, keepdims=True))
    return found


def nll_of(log_probs: Floats, gold: Flags) -> Floats:
    """Return the negative log-likelihood `(N,)` of what is right, in nats; perhaps infinite.

    Example:
        >>> nll_of(np.log([[0.25, 0.75]]), np.array([[True, True]])).tolist()
        [-0.0]
    """
    with np.errstate(divide="ignore"):
        found: Floats = -np.log(np.where(gold, np.exp(log_probs), 0).sum(axis=1).clip(max=1))
    return found
