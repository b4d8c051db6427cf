r"""A few sums over predictions, from which every number of a report follows.

A text or a question, whatever it holds, is reduced to these sums as soon as it was read, so memory
depends on the batch and never on the data. Sums of items add up to sums of all, on one machine or
on many, and a bootstrap resample is a weighted sum:

$$\text{totals}(w) = \sum_i w_i \, \text{sums}_i, \qquad
  \mathrm{ECE}(w) = \sum_b |\text{confidence}_b - \text{correct}_b| \Big/ \sum_b \text{count}_b .$$
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from coursekit.calibration._groups import sum_by_group
from coursekit.calibration.bins import ReliabilityBins, assign_bins, sum_by_bin
from coursekit.calibration.ece_intervals import (
    GroupSums,
    ece_change_interval,
    ece_interval_of_sums,
)
from coursekit.calibration.intervals import (
    Interval,
    gap_of_one_sided,
    interval_of_samples,
    wilson_interval,
)
from coursekit.calibration.resampling import Resamples

N_BINS = 15
EDGES = torch.arange(N_BINS + 1, dtype=torch.float64) / N_BINS
#: Sums with a number for each bin.
BINNED = ("count", "correct", "confidence")
#: Sums with one number: negative log-likelihood (nats), squared distance of confidence and outcome.
PLAIN = ("nll", "squared_error")

Sums = Mapping[str, Any]  # lists of floats for what is binned, floats for the others

#: Every number that follows from the sums, and what it is.
METRICS = {
    "accuracy": "fraction of predictions that came true",
    "confidence": "mean probability of the predictions",
    "gap": "mean confidence minus accuracy: above zero where the model is surer than right",
    "ece": "expected calibration error, 15 bins of equal width, without what chance adds",
    "nll": "negative log-likelihood of what is true, in nats a prediction",
    "brier": "mean squared distance of confidence and outcome (Brier score of the prediction)",
}


def sums_of(confidence: Tensor, correct: Tensor, nll: Tensor) -> Sums:
    """Sum over the predictions of one item: `confidence`, `correct` and `nll`, each `(N,)`.

    Example:
        >>> sums = sums_of(torch.tensor([0.75, 0.5]), torch.tensor([True, False]), torch.zeros(2))
        >>> sums["count"].index(1), sum(sums["confidence"]), sums["squared_error"]
        (7, 1.25, 0.3125)
    """
    # A softmax in float32 may end a rounding error above 1.
    confidence, correct = confidence.double().clamp(max=1), correct.double()
    _, index = assign_bins(confidence, N_BINS, "uniform")
    columns = {
        "count": torch.ones_like(confidence),
        "correct": correct,
        "confidence": confidence,
    }
    binned = {name: sum_by_bin(column, index, N_BINS).tolist() for name, column in columns.items()}
    return binned | {
        "nll": nll.double().sum().item(),
        "squared_error": (confidence - correct).square().sum().item(),
    }


def table_of(sums: Sequence[Sums]) -> Tensor:
    """Stack the sums of several items: a row an item `(I, 3 B + 2)`, float64.

    Example:
        >>> one = sums_of(torch.tensor([0.75]), torch.tensor([True]), torch.zeros(1))
        >>> table_of([one, one]).shape
        torch.Size([2, 47])
    """
    rows = [
        [value for name in BINNED for value in item[name]] + [item[name] for name in PLAIN]
        for item in sums
    ]
    return torch.tensor(rows, dtype=torch.float64).reshape(len(rows), N_BINS * len(BINNED) + 2)


def metrics_of(totals: Tensor) -> dict[str, Tensor]:
    """Compute every metric of totals `(..., 3 B + 2)`, each `(...)`.

    The ECE is the usual one, in which chance counts; `intervals_of` takes it away.

    Example:
        >>> sums = sums_of(torch.tensor([0.75, 0.5]), torch.tensor([True, False]), torch.zeros(2))
        >>> metrics_of(table_of([sums])[0])["gap"].item()
        0.125
    """
    binned = totals[..., :-2].unflatten(-1, (len(BINNED), N_BINS))
    count, correct, confidence = binned.unbind(-2)
    n = count.sum(dim=-1)
    return {
        "accuracy": correct.sum(dim=-1) / n,
        "confidence": confidence.sum(dim=-1) / n,
        "gap": (confidence - correct).sum(dim=-1) / n,
        "ece": (confidence - correct).abs().sum(dim=-1) / n,
        "nll": totals[..., -2] / n,
        "brier": totals[..., -1] / n,
    }


def bins_of(totals: Tensor) -> ReliabilityBins:
    """Return the bins of a reliability diagram from totals `(3 B + 2,)`.

    Example:
        >>> sums = sums_of(torch.tensor([0.75, 0.5]), torch.tensor([True, False]), torch.zeros(2))
        >>> bins_of(table_of([sums])[0]).count.sum().item()
        2
    """
    count, correct, confidence = totals[:-2].unflatten(0, (len(BINNED), N_BINS))
    return ReliabilityBins(EDGES, count.long(), confidence, correct.long())


def group_sums_of(table: Tensor, samples: Resamples) -> GroupSums:
    """Return the sums of each group in each bin, from a table of items `(I, 3 B + 2)`.

    Example:
        >>> one = sums_of(torch.tensor([0.75, 0.5]), torch.tensor([True, False]), torch.zeros(2))
        >>> group_sums_of(table_of([one] * 4), Resamples(["a", "a", "b", "b"])).count.sum(dim=1)
        tensor([4., 4.], dtype=torch.float64)
    """
    total = sum_by_group(table[:, :-2], samples.index, samples.n_groups)
    count, correct, confidence = total.unflatten(1, (len(BINNED), N_BINS)).unbind(1)
    return GroupSums(count, confidence, correct)


def intervals_of(table: Tensor, samples: Resamples) -> dict[str, Interval]:
    """Compute every metric of a table of sums `(I, 3 B + 2)`, each with its interval.

    The ECE is that of `ece_interval`, without what chance adds. The others have percentile
    intervals, or Student's t where `samples` leave out one group each, as `samples_of` does of
    fewer than 30; cut off where no such metric can be.

    Where all answers are right, or all wrong, no resample holds another: the accuracy then has
    Wilson's interval, for as many answers as there are groups, and the gap, the ECE and the Brier
    score are widened by it.

    Example:
        >>> right = sums_of(torch.tensor([0.75]), torch.tensor([True]), torch.zeros(1))
        >>> found = intervals_of(table_of([right] * 9), Resamples(9))
        >>> print(found["accuracy"], found["gap"], sep="; ")
        1.000 [0.701, 1.000]; -0.250 [-0.250, 0.049]
    """
    totals, resampled = samples.totals(table)
    estimates, draws = metrics_of(totals), metrics_of(resampled)
    found = {
        name: within(name, interval_of_samples(estimates[name], draws[name], samples))
        for name in estimates
    }
    ece = ece_interval_of_sums(group_sums_of(table, samples), seed=samples.seed)
    accuracy = found["accuracy"].estimate
    if 0 < accuracy < 1:
        return found | {"ece": ece}
    n, level = samples.n_groups, found["accuracy"].level
    low, high = (end.item() for end in wilson_interval(accuracy, n, level))
    found["accuracy"] = Interval(accuracy, low, high, level)
    found["gap"] = gap = gap_of_one_sided(found["gap"], accuracy, n)
    # An answer of confidence c that comes out the other way adds (2c - 1) or (1 - 2c).
    added = (2 * found["confidence"].estimate - 1) * (accuracy - low if accuracy else low - high)
    brier = found["brier"]
    found["brier"] = within(
        "brier",
        replace(brier, low=brier.low + min(added, 0.0), high=brier.high + max(added, 0.0)),
    )
    nearest, farthest = sorted((abs(gap.low), abs(gap.high)))
    nearest = 0.0 if 0 in gap else nearest
    ends = min(ece.low, nearest), max(ece.high, farthest)
    return found | {"ece": Interval(ece.estimate, *ends, level)}


def changes_of(before: Tensor, after: Tensor, samples: Resamples) -> dict[str, Interval]:
    """Compute after minus before for every metric, of tables of the same items `(I, 3 B + 2)`.

    Paired: both sides see the same resamples. The change of the ECE is that of
    `ece_change_interval`: the difference of what is left of both without chance.

    Example:
        >>> correct, nll = torch.tensor([True, False]), torch.zeros(2)
        >>> sides = (sums_of(torch.full((2,), chance), correct, nll) for chance in (1.0, 0.5))
        >>> before, after = (table_of([side] * 40) for side in sides)
        >>> print(changes_of(before, after, Resamples(40))["gap"])
        -0.500 [-0.500, -0.500]
    """
    (old, old_draws), (new, new_draws) = (
        [metrics_of(totals) for totals in samples.totals(table)] for table in (before, after)
    )
    found = {
        name: interval_of_samples(new[name] - old[name], new_draws[name] - draws, samples)
        for name, draws in old_draws.items()
    }
    sides = (group_sums_of(table, samples) for table in (before, after))
    return found | {"ece": ece_change_interval(*sides, seed=samples.seed)}


#: Between which values a metric lies; the gap by its sign, all others above 0.
_LARGEST = {"nll": math.inf}


def within(name: str, found: Interval) -> Interval:
    """Return an interval without what the metric of this name cannot be.

    Example:
        >>> print(within("accuracy", Interval(0.9, 0.7, 1.1)))
        0.900 [0.700, 1.000]
    """
    smallest, largest = (-1.0 if name == "gap" else 0.0), _LARGEST.get(name, 1.0)
    return replace(found, low=max(found.low, smallest), high=min(found.high, largest))
