"""From columns of predictions to what a report says about one task."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from coursekit.audit.assembling import (
    SMALLEST_GROUP,
    Numbers,
    bins_as_numbers,
    numbers_of,
    raw_ece,
    temperature_interval,
)
from coursekit.audit.items import SMALLEST_LIMIT
from coursekit.audit.results.predictions import Columns, nll_of, normalised, of_log_probs
from coursekit.audit.results.values import Floats
from coursekit.calibration import Interval
from coursekit.calibration.auroc_intervals import auroc_interval
from coursekit.calibration.bins import assign_bins
from coursekit.calibration.resampling import samples_of
from coursekit.calibration.sums import N_BINS, changes_of, intervals_of
from coursekit.calibration.temperatures import TEMPERATURES

#: More entities than these are put together at random: their sums scatter as much.
MOST_BLOCKS = 2000


class Blocks:
    """What is resampled: the entities, or where they are many, some of them together.

    Args:
        columns: The predictions.

    Attributes:
        index: The block of each row `(N,)`, from 0.
        names: Of the blocks, the same for the same entities in every file.
        n_entities: How many entities there are.
    """

    def __init__(self, columns: Columns) -> None:
        entities, index = np.unique(columns.entities, return_inverse=True)
        self.n_entities = len(entities)
        if self.n_entities > MOST_BLOCKS:
            places, of_entity = np.unique(entities % MOST_BLOCKS, return_inverse=True)
            self.names = [f"block {place}" for place in places]
            index = of_entity[index]
        else:
            self.names = [f"{entity:016x}" for entity in entities]
        self.index: NDArray[np.int64] = index.astype(np.int64)

    def __len__(self) -> int:
        return len(self.names)


def result_of(
    columns: Columns, title: str, event: str, entity: str, seed: int
) -> tuple[Numbers, list[str]]:
    """Return all that a report says about one task, and what its reader must be told.

    Raises:
        ValueError: If there are too few rows, or too few entities.
    """
    blocks = Blocks(columns)
    if len(columns) < SMALLEST_LIMIT or len(blocks) < 4:
        raise ValueError(
            f"{title} must have at least {SMALLEST_LIMIT} rows of at least 4 entities ({entity}), "
            f"found {len(columns)} of {blocks.n_entities}"
        )
    notes = []
    nll = None
    if columns.log_probs is not None and columns.gold is not None:
        nll = nll_of(columns.log_probs, columns.gold)
        if n_impossible := int(np.isinf(nll).sum()):
            notes.append(
                f"{title}: rows that give what is right the probability 0: {n_impossible:,}. Their "
                "likelihood is 0, so the NLL is infinite, and left out with the temperature."
            )
            nll = None
    if columns.correct.all() or not columns.correct.any():
        kind = "right" if columns.correct[0] else "wrong"
        notes.append(
            f"{title}: every prediction is {kind}, so how well confidence tells right from wrong "
            "(AUROC) cannot be measured."
        )
    table = table_of_rows(columns.confidence, columns.correct, nll, blocks.index, len(blocks))
    totals = table.sum(dim=0)
    result: Numbers = {
        "title": title,
        "event": event,
        "entity": entity,
        "items": len(columns),
        "entities": blocks.n_entities,
        "predictions": len(columns),
        "same_for_all": columns.ids is not None,
        "metrics": numbers_of(_metrics(columns, table, blocks.index, nll is not None, seed)),
        "bins": bins_as_numbers(totals),
        "groups": _groups(columns, nll, blocks, seed),
        "by_item": {"name": blocks.names, "entity": blocks.names, "sums": table.tolist()},
    }
    if nll is not None:
        result["temperature"] = _temperature(columns, nll, blocks, seed)
    return result, notes


def table_of_rows(
    confidence: Floats, correct: Any, nll: Floats | None, index: Any, n_blocks: int
) -> Tensor:
    """Return the sums of each block `(G, 3 B + 2)`, as `coursekit.calibration.sums` wants them."""
    right = correct.astype(np.float64)
    place = index * N_BINS + assign_bins(torch.from_numpy(confidence), N_BINS, "uniform")[1].numpy()
    binned = [
        np.bincount(place, weights, n_blocks * N_BINS).reshape(n_blocks, N_BINS)
        for weights in (None, right, confidence)
    ]
    likelihood = np.zeros_like(confidence) if nll is None else nll
    plain = [
        np.bincount(index, weights, n_blocks)[:, None]
        for weights in (likelihood, (confidence - right) ** 2)
    ]
    return torch.from_numpy(np.concatenate([*binned, *plain], axis=1).astype(np.float64))


def _metrics(
    columns: Columns, table: Tensor, index: Any, with_nll: bool, seed: int
) -> dict[str, Interval]:
    found = intervals_of(table, samples_of(range(len(table)), seed))
    if not with_nll:
        del found["nll"]
    auroc = auroc_interval(
        torch.from_numpy(columns.confidence),
        torch.from_numpy(columns.correct),
        torch.from_numpy(index),
    )
    return found | ({} if auroc is None else {"auroc": auroc})


def _groups(columns: Columns, nll: Floats | None, blocks: Blocks, seed: int) -> Numbers:
    """For each label and each of its values with enough rows, the metrics."""
    groups: Numbers = {}
    for label, texts in columns.groups.items():
        for value in sorted(set(texts.tolist())):
            rows = np.flatnonzero(texts == value)
            used, index = np.unique(blocks.index[rows], return_inverse=True)
            if len(rows) in range(SMALLEST_GROUP) or len(rows) == len(columns) or len(used) < 2:
                continue
            part = columns.rows(rows)
            of_part = None if nll is None else nll[rows]
            table = table_of_rows(part.confidence, part.correct, of_part, index, len(used))
            groups.setdefault(label, {})[value] = {
                "items": len(rows),
                "entities": len(np.unique(part.entities))
                if columns.clusters is not None
                else len(rows),
                "metrics": numbers_of(_metrics(part, table, index, nll is not None, seed)),
                "raw_ece": raw_ece(table),
            }
    return groups


def _temperature(columns: Columns, nll: Floats, blocks: Blocks, seed: int) -> Numbers:
    """Return the temperature of one half of the blocks, and what it does to the other half."""
    log_probs, gold = columns.log_probs, columns.gold
    assert log_probs is not None and gold is not None
    order = np.random.default_rng(seed).permutation(len(blocks))
    fitted = np.isin(blocks.index, order[::2])
    fit_rows, other_rows = np.flatnonzero(fitted), np.flatnonzero(~fitted)

    at = [nll_of(normalised(log_probs[fit_rows], t), gold[fit_rows]) for t in TEMPERATURES]
    likelihoods = torch.from_numpy(np.stack(at, axis=1))
    temperature = temperature_interval(likelihoods, blocks.index[fit_rows], seed)
    value = temperature.estimate

    used, index = np.unique(blocks.index[other_rows], return_inverse=True)
    now = columns.rows(other_rows)
    cooled = normalised(log_probs[other_rows], value)
    confidence, correct = of_log_probs(cooled, gold[other_rows])
    then = Columns(confidence, correct)
    sides = [
        (now, table_of_rows(now.confidence, now.correct, nll[other_rows], index, len(used))),
        (
            then,
            table_of_rows(confidence, correct, nll_of(cooled, gold[other_rows]), index, len(used)),
        ),
    ]
    change = changes_of(sides[0][1], sides[1][1], samples_of(range(len(used)), seed))
    return {
        "value": numbers_of({"value": temperature})["value"],
        "at_end_of_range": not TEMPERATURES[0] * 1.001 < value < TEMPERATURES[-1] * 0.999,
        "calibration_items": len(fit_rows),
        "held_out_items": len(other_rows),
        "before": numbers_of(_metrics(sides[0][0], sides[0][1], index, True, seed)),
        "after": numbers_of(_metrics(sides[1][0], sides[1][1], index, True, seed)),
        "change": numbers_of(change),
        "raw_ece_before": raw_ece(sides[0][1]),
        "bins_after": bins_as_numbers(sides[1][1].sum(dim=0)),
    }
