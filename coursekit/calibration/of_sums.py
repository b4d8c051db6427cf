"""Statistics that follow from sums over rows: the bootstrap needs no row of a resample for them.

The mean of anything, and the calibration error whose bins do not move with the sample, are found
for all resamples at once; the AUROC from how often each row counts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from types import FunctionType
from typing import Any

import torch
from torch import Tensor

from coursekit.calibration._blocks import row_blocks, score_rows
from coursekit.calibration._validation import as_confidence_and_correct, as_probs_and_labels
from coursekit.calibration.bins import Binning, assign_bins, gap, sum_by_bin
from coursekit.calibration.errors import Norm, expected_calibration_error, norm_of_gaps
from coursekit.calibration.resampling import Resamples
from coursekit.calibration.scores import (
    accuracy,
    binary_brier_score,
    brier_score,
    negative_log_likelihood,
)
from coursekit.calibration.selective import auroc

#: Cells of group and bin that may be summed at once: 256 MB in float64. Beyond, row by row.
_MOST_CELLS = 2**25


def resampled_values(
    statistic: Callable[..., Any], arrays: Sequence[Tensor], resamples: Resamples
) -> Tensor | None:
    """Return a statistic on every resample `(R,)`, or None if it must be computed row by row.

    Known are functions of this package, also with options bound by `functools.partial`, and
    `torch.mean` of a column in float64 (in float32 it would round otherwise).

    Example:
        >>> arrays = torch.tensor([0.9, 0.7]), torch.tensor([True, False])
        >>> resampled_values(gap, arrays, Resamples(2, n_resamples=200)).unique().numpy().round(3)
        array([-0.1,  0.3,  0.7])
        >>> resampled_values(lambda c, y: gap(c, y), arrays, Resamples(2)) is None
        True
    """
    options: dict[str, Any] = {}
    if isinstance(statistic, partial) and not statistic.args:
        options, statistic = statistic.keywords, statistic.func
    if statistic is torch.mean:
        is_column = len(arrays) == 1 and arrays[0].dtype == torch.float64 and arrays[0].ndim == 1
        return _means(arrays[0].cpu(), resamples) if is_column and not options else None
    if not isinstance(statistic, FunctionType):
        return None
    if statistic in _OF_TABLES and arrays[0].ndim == 2 and not options:
        probs, labels = arrays
        return _means_of_tables(resamples, probs, labels, _OF_TABLES[statistic])
    if statistic not in _KNOWN:
        return None
    confidence, correct = (column.cpu() for column in as_confidence_and_correct(*arrays))
    return _KNOWN[statistic](resamples, confidence, correct, **options)


def _means(values: Tensor, resamples: Resamples) -> Tensor | None:
    """Return the mean of one number a row `(N,)`, on every resample."""
    if not values.isfinite().all():  # 0 times infinity is no number
        return None
    _, totals = resamples.totals(torch.stack([values, torch.ones_like(values)], dim=1))
    return totals[:, 0] / totals[:, 1]


def _means_of_tables(
    resamples: Resamples, probs: Tensor, labels: Tensor, column: int
) -> Tensor | None:
    probs, labels = as_probs_and_labels(probs, labels)
    scores = [score_rows(*block, are_logits=False)[column] for block in row_blocks(probs, labels)]
    return _means(torch.cat(scores).cpu().double(), resamples)


def _gaps(resamples: Resamples, confidence: Tensor, correct: Tensor) -> Tensor | None:
    return _means(confidence.double() - correct.double(), resamples)


def _brier_scores(resamples: Resamples, confidence: Tensor, correct: Tensor) -> Tensor | None:
    return _means((confidence.double() - correct.double()).square(), resamples)


def _aurocs(resamples: Resamples, confidence: Tensor, correct: Tensor) -> Tensor:
    return resamples.auroc(confidence, correct)[1]


def _calibration_errors(
    resamples: Resamples,
    confidence: Tensor,
    correct: Tensor,
    n_bins: int = 15,
    binning: Binning = "uniform",
    norm: Norm = "l1",
) -> Tensor | None:
    if binning == "quantile":  # the borders depend on the sample
        return None
    edges, index = assign_bins(confidence, n_bins, binning)
    shape = (resamples.n_groups, len(edges) - 1)
    if shape[0] * shape[1] > _MOST_CELLS:
        return None
    residual = confidence.double() - correct.double()
    cell = resamples.index * shape[1] + index
    table = [
        sum_by_bin(column, cell, shape[0] * shape[1]).view(shape)
        for column in (residual, torch.ones_like(residual))
    ]
    _, totals = resamples.totals_of_groups(torch.cat(table, dim=1))
    residual, count = totals.unflatten(1, (2, -1)).unbind(dim=1)
    return norm_of_gaps(residual / count.clamp(min=1), count / count.sum(dim=1, keepdim=True), norm)


#: Means over the rows of a table of probabilities, by their place in `score_rows`.
_OF_TABLES: dict[Callable[..., Any], int] = {
    accuracy: 0,
    negative_log_likelihood: 1,
    brier_score: 2,
}
#: How each function of confidence and correctness is resampled.
_KNOWN: dict[Callable[..., Any], Callable[..., Tensor | None]] = {
    gap: _gaps,
    binary_brier_score: _brier_scores,
    auroc: _aurocs,
    expected_calibration_error: _calibration_errors,
}
