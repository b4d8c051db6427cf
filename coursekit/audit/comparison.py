"""Two reports side by side: what one model does better than the other, on the same items.

Both models read the same items, and most of what varies from resample to resample is how hard
these are. So each resample is given to both, and the difference is taken inside it: a paired
bootstrap (or, with fewer than 30 entities, Student's t of paired differences), whose intervals are
far narrower than two separate ones suggest. The ECE is compared without what chance adds to either.

Reference:
    P. Koehn, "Statistical significance tests for machine translation evaluation", EMNLP 2004.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch

from coursekit.audit.assembling import predictions_of
from coursekit.audit.report import Report
from coursekit.calibration import Interval
from coursekit.calibration.intervals import interval_of_samples, wilson_interval
from coursekit.calibration.resampling import samples_of
from coursekit.calibration.sums import changes_of


@dataclass(frozen=True)
class TaskComparison:
    """One task of two reports.

    Attributes:
        title: Of the task.
        first: The metrics of the first model, by name.
        second: Those of the second.
        difference: Second minus first, with its paired interval.
        items: Number of items that both were asked.

    Example:
        >>> one, other = Interval(0.50, 0.45, 0.55), Interval(0.52, 0.47, 0.57)
        >>> paired = Interval(0.02, 0.01, 0.03)  # narrower than both
        >>> found = TaskComparison("Code", {"nll": one}, {"nll": other}, {"nll": paired}, 9)
        >>> 0 in found.difference["nll"]
        False
    """

    title: str
    first: dict[str, Interval]
    second: dict[str, Interval]
    difference: dict[str, Interval]
    items: int


def compare(
    first: Report, second: Report, tasks: Sequence[str] | None = None
) -> dict[str, TaskComparison]:
    """Compare two reports, task by task; both must have asked the same items.

    Own samples differ between models by their nature, and are left out.

    Args:
        first: The report to start from.
        second: The other; differences are second minus first.
        tasks: Which ones; by default all that both have.

    Raises:
        ValueError: If they have no task in common, or a task with other items.

    Example:
        >>> first, second = (Report({"tasks": {name: {}}}) for name in ("prose", "code"))
        >>> compare(first, second, ["prose"])
        Traceback (most recent call last):
        ValueError: tasks must be some that both reports have (none), found 'prose'
    """
    common = [task for task in first.tasks if task in second.tasks]
    chosen = list(common if tasks is None else tasks)
    for task in chosen:
        if task not in common:
            raise ValueError(
                f"tasks must be some that both reports have ({', '.join(common) or 'none'}), found "
                f"{task!r}"
            )
    chosen = [task for task in chosen if first.task(task)["same_for_all"]]
    if not chosen:
        raise ValueError(
            "reports must have a task in common that can be compared, found "
            f"{', '.join(first.tasks)} in the first and {', '.join(second.tasks)} in the second "
            "(own samples are other texts for each model, and results without a column that tells "
            "items apart cannot be paired)"
        )
    return {task: _compare_task(task, first, second) for task in chosen}


def _compare_task(task: str, first: Report, second: Report) -> TaskComparison:
    digests = [report.data["settings"]["items"][task] for report in (first, second)]
    one, other = first.task(task), second.task(task)
    names = one["by_item"]["name"]
    if digests[0] != digests[1] or names != other["by_item"]["name"]:
        raise ValueError(
            f"task {task!r} must have the same items in both reports, found others ({one['items']} "
            f"and {other['items']} of them). Nothing can be paired. "
            + _why(task, first, second)
            + " Tasks with the same items can be compared alone (--tasks)."
        )
    samples = samples_of(one["by_item"]["entity"], first.data["settings"]["seed"])
    old, new = (
        torch.tensor(found["by_item"]["sums"], dtype=torch.float64) for found in (one, other)
    )
    difference = {
        name: change
        for name, change in changes_of(old, new, samples).items()
        if name in one["metrics"] and name in other["metrics"]
    }
    if difference["accuracy"].low == difference["accuracy"].high == 0 and not old.equal(new):
        difference |= _of_equals(difference, samples.n_groups)
    # Where a row of sums holds several predictions, their order is lost.
    alone = all(len(found["by_item"]["name"]) == found["predictions"] for found in (one, other))
    if alone and "auroc" in one["metrics"] and "auroc" in other["metrics"]:
        a, b = (samples.auroc(*predictions_of(table)) for table in (old, new))
        difference["auroc"] = interval_of_samples(b[0] - a[0], b[1] - a[1], samples)
    return TaskComparison(
        one["title"], first.metrics(task), second.metrics(task), difference, one["items"]
    )


def _of_equals(difference: Mapping[str, Interval], n: int) -> dict[str, Interval]:
    """Return accuracy and gap of models of which none was right where the other was wrong.

    No resample holds what was never seen. So few differences may be there as Wilson's interval of
    n answers allows.

    Example:
        >>> none = Interval(0.0, 0.0, 0.0)
        >>> print(_of_equals({"accuracy": none, "gap": none}, 40)["accuracy"])
        0.000 [-0.088, 0.088]
    """
    unseen = wilson_interval(0.0, n)[1].item()
    return {
        name: replace(found, low=found.low - unseen, high=found.high + unseen)
        for name, found in difference.items()
        if name in ("accuracy", "gap")
    }


def _why(task: str, first: Report, second: Report) -> str:
    one, other = (report.data["settings"] for report in (first, second))
    if one["limit"][task] != other["limit"][task]:
        return f"The limit was {one['limit'][task]} and {other['limit'][task]}."
    if one["seed"] != other["seed"]:
        return f"The seed was {one['seed']} and {other['seed']}."
    return "The models may cut text into other tokens, or other versions gave other texts."
