r"""A few sums over predictions, from which every number of a report follows.

A text or a question, whatever it holds, is reduced to these sums as soon as it was read, so memory
depends on the batch and never on the data. Sums of items add up to sums of all, on one machine or
on many, and a bootstrap resample is a weighted sum:

$$\text{totals}(w) = \sum_i w_i \, \text{sums}_i, \qquad
  \mathrm{ECE}(w) = \sum_b |\text{confidence}_b - \text{correct}_b| \Big/ \sum_b \text{count}_b .$$
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from coursekit.calibration.bins import ReliabilityBins, assign_bins, sum_by_bin
from coursekit.calibration.consistency import ece_null_of_sums
from coursekit.calibration.intervals import (
    Interval,
    gap_of_one_sided,
    percentile_interval,
    wilson_interval,
)
from coursekit.calibration.resampling import Resamples

N_BINS = 15
EDGES = torch.arange(N_BINS + 1, dtype=torch.float64) / N_BINS
#: Sums with a number for each bin; the last is what chance adds, the sum of p (1 - p).
BINNED = ("count", "correct", "confidence", "variance")
#: Sums with one number: negative log-likelihood (nats), squared distance of confidence and outcome.
PLAIN = ("nll", "squared_error")

Sums = Mapping[str, Any]  # lists of floats for what is binned, floats for the others

#: Every number that follows from the sums, and what it is.
METRICS = {
    "accuracy": "fraction of predictions that came true",
    "confidence": "mean probability of the predictions",
    "gap": "mean confidence minus accuracy: above zero where the model is surer than right",
    "ece": "expected calibration error, 15 bins of equal width",
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
        "variance": confidence * (1 - confidence),
    }
    binned = {name: sum_by_bin(column, index, N_BINS).tolist() for name, column in columns.items()}
    return binned | {
        "nll": nll.double().sum().item(),
        "squared_error": (confidence - correct).square().sum().item(),
    }


def table_of(sums: Sequence[Sums]) -> Tensor:
    """Stack the sums of several items: a row an item `(I, 4 B + 2)`, float64.

    Example:
        >>> one = sums_of(torch.tensor([0.75]), torch.tensor([True]), torch.zeros(1))
        >>> table_of([one, one]).shape
        torch.Size([2, 62])
    """
    rows = [
        [value for name in BINNED for value in item[name]] + [item[name] for name in PLAIN]
        for item in sums
    ]
    return torch.tensor(rows, dtype=torch.float64).reshape(len(rows), N_BINS * len(BINNED) + 2)


def metrics_of(totals: Tensor) -> dict[str, Tensor]:
    """Compute every metric of totals `(..., 4 B + 2)`, each `(...)`.

    Example:
        >>> sums = sums_of(torch.tensor([0.75, 0.5]), torch.tensor([True, False]), torch.zeros(2))
        >>> metrics_of(table_of([sums])[0])["gap"].item()
        0.125
    """
    binned = totals[..., :-2].unflatten(-1, (len(BINNED), N_BINS))
    count, correct, confidence, _ = binned.unbind(-2)
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
    """Return the bins of a reliability diagram from totals `(4 B + 2,)`.

    Example:
        >>> sums = sums_of(torch.tensor([0.75, 0.5]), torch.tensor([True, False]), torch.zeros(2))
        >>> bins_of(table_of([sums])[0]).count.sum().item()
        2
    """
    count, correct, confidence, _ = totals[:-2].unflatten(0, (len(BINNED), N_BINS))
    return ReliabilityBins(EDGES, count.long(), confidence, correct.long())


def intervals_of(table: Tensor, resamples: Resamples) -> dict[str, Interval]:
    """Compute every metric of a table of sums `(I, 4 B + 2)`, each with its interval.

    Where all answers are right, or all wrong, no resample holds another: the accuracy then has
    Wilson's interval, for as many answers as there are groups, and the gap and the ECE with it
    (which are one there, but for the sign).

    Example:
        >>> right = sums_of(torch.tensor([0.75]), torch.tensor([True]), torch.zeros(1))
        >>> found = intervals_of(table_of([right] * 9), Resamples(9))
        >>> print(found["accuracy"], found["gap"], found["ece"], sep="; ")
        1.000 [0.701, 1.000]; -0.250 [-0.250, 0.049]; 0.250 [0.000, 0.250]
    """
    totals, resampled = resamples.totals(table)
    estimates, draws = metrics_of(totals), metrics_of(resampled)
    found = {name: percentile_interval(estimates[name], draws[name]) for name in estimates}
    accuracy = found["accuracy"].estimate
    if 0 < accuracy < 1:
        return found
    n, level = resamples.n_groups, found["accuracy"].level
    low, high = (end.item() for end in wilson_interval(accuracy, n, level))
    found["accuracy"] = Interval(accuracy, low, high, level)
    found["gap"] = gap_of_one_sided(found["gap"], accuracy, n)
    low, high = found["gap"].low, found["gap"].high
    nearest = 0.0 if 0 in found["gap"] else min(abs(low), abs(high))
    found["ece"] = Interval(found["ece"].estimate, nearest, max(abs(low), abs(high)), level)
    return found


def ece_by_chance(
    totals: Tensor, level: float = 0.95, n_simulations: int = 2000, seed: int = 0
) -> float:
    """Return the ECE that a calibrated model with these confidences stays below, at `level`.

    As `ece_null_of_sums`, from totals `(4 B + 2,)`.

    Example:
        >>> correct = torch.tensor([True, False] * 200)
        >>> sums = sums_of(torch.full((400,), 0.5), correct, torch.zeros(400))
        >>> round(ece_by_chance(table_of([sums])[0]), 2)
        0.05
    """
    count, _, _, variance = totals[:-2].unflatten(0, (len(BINNED), N_BINS))
    return ece_null_of_sums(count, variance, n_simulations, seed).quantile(level).item()
