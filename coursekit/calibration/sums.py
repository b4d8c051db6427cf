r"""What an audit keeps of each item: sums over its predictions, from which every number follows.

An item is a window of text, a sampled text or a question. Whatever it holds, it is reduced to a few
sums as soon as it was read, so memory depends on the batch and never on the data. Sums of items add
up to sums of all, on one machine or on many, and a bootstrap resample is a weighted sum:

$$\text{totals}(w) = \sum_i w_i \, \text{sums}_i, \qquad
  \mathrm{ECE}(w) = \sum_b |\text{confidence}_b - \text{correct}_b| \Big/ \sum_b \text{count}_b .$$
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from coursekit.calibration import ReliabilityBins
from coursekit.calibration._validation import as_generator
from coursekit.calibration.bins import assign_bins, sum_by_bin

N_BINS = 15
EDGES = torch.arange(N_BINS + 1, dtype=torch.float64) / N_BINS
#: Sums with a number for each bin; the last is what chance adds, the sum of p (1 - p).
BINNED = ("count", "correct", "confidence", "variance")
#: Sums with one number: negative log-likelihood (nats), squared distance of confidence and outcome.
PLAIN = ("nll", "squared_error")

Sums = Mapping[str, list[float] | float]

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
    """Sum over the predictions of one item: `confidence`, `correct` and `nll`, each `(N,)`."""
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
    """Stack the sums of several items: a row an item `(I, 4 B + 2)`, float64."""
    rows = [
        [value for name in BINNED for value in item[name]] + [item[name] for name in PLAIN]
        for item in sums
    ]
    return torch.tensor(rows, dtype=torch.float64).reshape(len(rows), N_BINS * len(BINNED) + 2)


def metrics_of(totals: Tensor) -> dict[str, Tensor]:
    """Compute every metric of totals `(..., 4 B + 2)`, each `(...)`."""
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
    """Return the bins of a reliability diagram from totals `(4 B + 2,)`."""
    count, correct, confidence, _ = totals[:-2].unflatten(0, (len(BINNED), N_BINS))
    return ReliabilityBins(EDGES, count.long(), confidence, correct.long())


def ece_by_chance(
    totals: Tensor, level: float = 0.95, n_simulations: int = 2000, seed: int = 0
) -> float:
    """Return the ECE that a calibrated model with these confidences stays below, at `level`.

    In each bin the sum of outcomes is drawn from the normal law with the mean and the variance that
    the confidences state: right for the many tokens of a text. Where the confidences themselves
    were kept, `coursekit.calibration.ece_null_distribution` needs no such approximation.
    """
    binned = totals[:-2].unflatten(0, (len(BINNED), N_BINS))
    count, variance = binned[0], binned[3]
    generator = as_generator(seed)
    draws = torch.randn(n_simulations, N_BINS, dtype=torch.float64, generator=generator)
    simulated = (draws * variance.sqrt()).abs().sum(dim=1) / count.sum()
    return simulated.quantile(level).item()
