"""How far to trust an AUROC: from one pass over the predictions, grouped or not.

A right prediction is worth the share of wrong ones that it stands above, a wrong one the share of
right ones that stand above it; the AUROC is the mean of either, and how its worths scatter over the
groups says how it would on other samples.

Reference:
    E. R. DeLong, D. M. DeLong, D. L. Clarke-Pearson, "Comparing the areas under two or more
    correlated receiver operating characteristic curves: a nonparametric approach", Biometrics 44,
    1988; of groups: N. A. Obuchowski, "Nonparametric analysis of clustered ROC curve data",
    Biometrics 53, 1997.
"""

from __future__ import annotations

import torch
from scipy.special import stdtrit
from torch import Tensor

from coursekit.calibration._groups import sum_by_group
from coursekit.calibration.intervals import LEVEL, Interval, wilson_interval


def auroc_interval(
    confidence: Tensor, correct: Tensor, index: Tensor, level: float = LEVEL
) -> Interval | None:
    """Return the AUROC with its interval; None where all are right or all wrong.

    Where no pair is in the wrong order nothing scatters: the interval is then Wilson's, for as many
    trials as there are predictions of the rarer kind.

    Args:
        confidence: Predicted probabilities `(N,)`.
        correct: Whether each prediction came true `(N,)`.
        index: The number of each one's group `(N,)`, from 0.
        level: Nominal coverage.

    Example:
        >>> confidence, correct = torch.arange(8) / 8, torch.tensor([0, 1] * 4)
        >>> print(auroc_interval(confidence, correct, torch.arange(8)))
        0.625 [0.125, 1.000]
    """
    confidence, right = confidence.double(), correct.bool()
    n_right, n_wrong = int(right.sum()), int((~right).sum())
    if min(n_right, n_wrong) == 0:
        return None
    worth = torch.empty_like(confidence)
    worth[right] = _share_below(confidence[right], confidence[~right])
    worth[~right] = 1 - _share_below(confidence[~right], confidence[right])
    estimate = worth[right].mean()
    scatter = (worth - estimate) / torch.where(right, n_right, n_wrong)
    n_groups = int(index.max()) + 1
    of_groups = sum_by_group(scatter[:, None], index, n_groups)
    error = (of_groups.square().sum() * n_groups / max(n_groups - 1, 1)).sqrt().item()
    value = estimate.item()
    if error == 0:
        low, high = (end.item() for end in wilson_interval(value, min(n_right, n_wrong), level))
        return Interval(value, low, high, level)
    half = float(stdtrit(max(n_groups - 1, 1), (1 + level) / 2)) * error
    return Interval(value, max(value - half, 0.0), min(value + half, 1.0), level)


def _share_below(values: Tensor, others: Tensor) -> Tensor:
    """Return for each value the share of the others below it, equal ones counted half."""
    others = others.sort().values
    below = torch.searchsorted(others, values) + torch.searchsorted(others, values, right=True)
    return below.double() / (2 * len(others))
