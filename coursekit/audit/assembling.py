"""From records to numbers: metrics with intervals, groups, and what a temperature mends."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from coursekit.audit.asking import AnswerTask, Questions, Stated
from coursekit.audit.items import Item, Task, calibration_half
from coursekit.audit.running import Records
from coursekit.calibration import Interval
from coursekit.calibration.intervals import interval_of_samples
from coursekit.calibration.resampling import samples_of
from coursekit.calibration.sums import (
    BINNED,
    N_BINS,
    Sums,
    bins_of,
    changes_of,
    intervals_of,
    metrics_of,
    sums_of,
    table_of,
    within,
)
from coursekit.calibration.temperatures import TEMPERATURES, best_temperature

Numbers = dict[str, Any]
#: A group of fewer items says too little to be shown.
SMALLEST_GROUP = 10
CERTAIN = 1e-6  #: from 1, and nearer: a probability that no longer tells answers apart
N_SHOWN = 20  #: answers of which the words are kept: the surest wrong ones


def result_of(task: Task, items: Sequence[Item], records: Records, seed: int) -> Numbers:
    """Everything that a report says about one task, as JSON can hold it."""
    table = table_of([task.before(item, records[item.name]) for item in items])
    entities = [item.entity for item in items]
    totals = table.sum(dim=0)
    result = {
        "title": task.title,
        "event": task.event,
        "entity": task.entity,
        "items": len(items),
        "entities": len(set(entities)),
        "predictions": int(totals[:N_BINS].sum()),
        "same_for_all": task.same_for_all,
        "metrics": numbers_of(metrics_with_intervals(task, table, entities, seed)),
        "bins": bins_as_numbers(totals),
        "groups": _groups(task, items, table, seed),
        "temperature": _temperature(task, items, records, seed),
        "by_item": {
            "name": [item.name for item in items],
            "entity": entities,
            "sums": table.tolist(),
        },
    }
    wrong = _surest_wrong(items, records) if isinstance(task, AnswerTask) else []
    first = items[0].content
    prompt = first.get("prompt") if isinstance(first, dict) else None
    prompt = prompt if isinstance(prompt, str) else None  # a conversation is no text
    optional = {
        "scale": getattr(task, "scale", None),
        "prompt": prompt,
        "surest_wrong": wrong,
        "beside": beside_tokens(task, items, records, seed) if isinstance(task, Stated) else None,
    }
    return result | {name: value for name, value in optional.items() if value}


def beside_tokens(
    task: Stated, items: Sequence[Item], records: Records, seed: int
) -> Numbers | None:
    """Set stated confidence beside the probability of the tokens of the same answers.

    The differences are paired. None where too few answers have both, or where the probabilities say
    nothing, as those of servers that call each token of a greedy answer certain.
    """
    both = [item for item in items if records[item.name].get("log_prob") is not None]
    entities = [item.entity for item in both]
    log_probs = [records[item.name]["log_prob"] for item in both]
    if len(both) < SMALLEST_GROUP or len(set(entities)) < 2 or min(log_probs) > -CERTAIN:
        return None
    right = [records[item.name]["right"] for item in both]
    sides = {
        "stated": table_of([task.before(item, records[item.name]) for item in both]),
        "token": table_of(list(map(_sums_of_answer, log_probs, right))),
    }
    samples = samples_of(entities, seed)
    difference = changes_of(sides["stated"], sides["token"], samples)
    for name in ("accuracy", "nll"):  # the answers are the same, and the NLL rests on what is cut
        del difference[name]
    if any(right) and not all(right):
        one, other = (samples.auroc(*predictions_of(table)) for table in sides.values())
        difference["auroc"] = interval_of_samples(other[0] - one[0], other[1] - one[1], samples)
    return {
        "items": len(both),
        "unread": sum(records[item.name]["stated"] is None for item in both),
        "without_probability": len(items) - len(both),
        **{
            name: {
                "metrics": numbers_of(metrics_with_intervals(task, table, entities, seed)),
                "raw_ece": raw_ece(table),
            }
            for name, table in sides.items()
        },
        "difference": numbers_of(difference),
    }


def _sums_of_answer(log_prob: float, right: bool) -> Sums:
    """Return the sums of one answer whose confidence is the probability of its tokens."""
    confidence = torch.tensor([math.exp(log_prob)], dtype=torch.float64)
    wrong = -math.log(max(-math.expm1(log_prob), CERTAIN))
    return sums_of(confidence, torch.tensor([right]), torch.tensor([-log_prob if right else wrong]))


def metrics_with_intervals(
    task: Task | Questions, table: Tensor, entities: Sequence[str], seed: int
) -> dict[str, Interval]:
    """Every metric of a table of sums, with intervals for other entities like these."""
    samples = samples_of(entities, seed)
    found = intervals_of(table, samples)
    if task.one_prediction:
        confidence, correct = predictions_of(table)
        if correct.any() and not correct.all():
            found["auroc"] = within(
                "auroc", interval_of_samples(*samples.auroc(confidence, correct), samples)
            )
    return found


def predictions_of(table: Tensor) -> tuple[Tensor, Tensor]:
    """Confidence and correctness `(I,)` of items that are one prediction each."""
    binned = table[:, :-2].unflatten(1, (len(BINNED), N_BINS)).sum(dim=2)
    return binned[:, BINNED.index("confidence")], binned[:, BINNED.index("correct")] > 0


def numbers_of(intervals: Mapping[str, Interval]) -> Numbers:
    """Intervals as JSON can hold them."""
    return {
        name: {"estimate": found.estimate, "low": found.low, "high": found.high}
        for name, found in intervals.items()
    }


def raw_ece(table: Tensor) -> float:
    """Return the ECE of a table of sums `(I, 3 B + 2)` as other tools compute it, with chance."""
    return metrics_of(table.sum(dim=0))["ece"].item()


def bins_as_numbers(totals: Tensor) -> Numbers:
    """Bins of totals `(3 B + 2,)`, as JSON can hold them."""
    bins = bins_of(totals)
    return {
        "count": bins.count.tolist(),
        "confidence_sum": bins.confidence_sum.tolist(),
        "correct_count": bins.correct_count.tolist(),
    }


def _groups(task: Task, items: Sequence[Item], table: Tensor, seed: int) -> Numbers:
    """For each label and each of its values with enough items, the metrics."""
    groups: Numbers = {}
    for label in sorted({label for item in items for label in item.labels}):
        values = sorted({item.labels[label] for item in items if label in item.labels})
        for value in values:
            rows = [i for i, item in enumerate(items) if item.labels.get(label) == value]
            entities = [items[i].entity for i in rows]
            if len(values) < 2 or len(rows) < SMALLEST_GROUP or len(set(entities)) < 2:
                continue
            metrics = metrics_with_intervals(task, table[rows], entities, seed)
            groups.setdefault(label, {})[value] = {
                "items": len(rows),
                "entities": len(set(entities)),
                "metrics": numbers_of(metrics),
                "raw_ece": raw_ece(table[rows]),
            }
    return groups


def _temperature(task: Task, items: Sequence[Item], records: Records, seed: int) -> Numbers:
    """Return the temperature of the calibration half, and what it does to the held-out half."""
    fitted = calibration_half(items, seed)
    calibration = [item for item in items if item.entity in fitted]
    held_out = [item for item in items if item.entity not in fitted]

    nll = torch.tensor(
        [task.nll_at(item, records[item.name]) for item in calibration], dtype=torch.float64
    )
    temperature = temperature_interval(nll, [item.entity for item in calibration], seed)
    value = temperature.estimate

    entities = [item.entity for item in held_out]
    before = table_of([task.before(item, records[item.name]) for item in held_out])
    after = table_of([task.after(item, records[item.name], value) for item in held_out])
    change = changes_of(before, after, samples_of(entities, seed))
    return {
        "value": numbers_of({"value": temperature})["value"],
        "at_end_of_range": not TEMPERATURES[0] * 1.001 < value < TEMPERATURES[-1] * 0.999,
        "calibration_items": len(calibration),
        "held_out_items": len(held_out),
        "before": numbers_of(metrics_with_intervals(task, before, entities, seed)),
        "after": numbers_of(metrics_with_intervals(task, after, entities, seed)),
        "change": numbers_of(change),
        "raw_ece_before": raw_ece(before),
        "bins_after": bins_as_numbers(after.sum(dim=0)),
    }


def temperature_interval(nll: Tensor, entities: Any, seed: int) -> Interval:
    """Return the temperature that suits best, from likelihoods `(I, T)`; never outside the range.

    The interval is made on the scale of ln T, on which half and twice are equally far from 1.
    """
    samples = samples_of(entities, seed)
    whole, drawn = (best_temperature(totals).log() for totals in samples.totals(nll))
    found = interval_of_samples(whole, drawn, samples)
    low, high = (
        max(found.low, math.log(TEMPERATURES[0])),
        min(found.high, math.log(TEMPERATURES[-1])),
    )
    return Interval(math.exp(found.estimate), math.exp(low), math.exp(high), found.level)


def _surest_wrong(items: Sequence[Item], records: Records) -> list[Numbers]:
    """Return the wrong free answers with the highest confidence, in words."""
    wrong = [
        {
            "question": item.content["question"].question,
            "said": records[item.name]["said"],
            "right": item.content["question"].answer,
            "agreeing": records[item.name]["agreeing"],
        }
        for item in items
        if not records[item.name]["right"]
    ]
    return sorted(wrong, key=lambda answer: -answer["agreeing"])[:N_SHOWN]
