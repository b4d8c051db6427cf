r"""What a score is made of: calibration, and how much the forecasts tell apart.

Group forecasts by what they state. With weight $w_b$, mean confidence $c_b$ and accuracy $a_b$ of
group $b$, and the overall accuracy $\bar a$, Murphy's identity splits the Brier score,

$$\sum_b w_b (c_b - a_b)^2 \;-\; \sum_b w_b (a_b - \bar a)^2 \;+\; \bar a (1 - \bar a) ,$$

into reliability, minus resolution, plus uncertainty. Any proper score splits like this; for the
logarithm, squared distances become KL divergences (`known_truth_decomposition`).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from coursekit.calibration._validation import ArrayLike, as_confidence_and_correct, as_true_probs
from coursekit.calibration.bins import Binning, reliability_bins
from coursekit.calibration.scores import binary_brier_score


@dataclass(frozen=True)
class ScoreDecomposition:
    """A score, equal to reliability - resolution + uncertainty + remainder.

    Attributes:
        reliability: Distance of confidence from accuracy; 0 if calibrated. Lower is better.
        resolution: How far the accuracies of the bins differ from the overall one. Higher is
            better.
        uncertainty: The score of always stating the overall accuracy, which no forecast changes.
        remainder: What differing confidences within a bin add; 0 with `binning="discrete"`.

    Example:
        >>> ScoreDecomposition(0.01, 0.05, 0.25, 0.0).refinement
        0.2
    """

    reliability: float
    resolution: float
    uncertainty: float
    remainder: float

    @property
    def score(self) -> float:
        """The whole score."""
        return self.refinement + self.reliability + self.remainder

    @property
    def refinement(self) -> float:
        """What is left after perfect calibration: uncertainty - resolution."""
        return self.uncertainty - self.resolution


def brier_decomposition(
    confidence: ArrayLike,
    correct: ArrayLike,
    n_bins: int = 15,
    binning: Binning = "uniform",
) -> ScoreDecomposition:
    """Split the `binary_brier_score` into reliability, resolution and uncertainty (Murphy).

    Args:
        confidence: Predicted probabilities `(N,)`.
        correct: Whether each prediction came true `(N,)`, bool or 0 and 1.
        n_bins: Number of bins, see `reliability_bins`.
        binning: `"discrete"` gives Murphy's own, exact identity; with `"uniform"` or
            `"quantile"` a remainder is left, as confidences differ within a bin.

    Raises:
        ValueError: If an argument has a wrong shape, is empty, out of range or unknown.
        TypeError: If an argument does not hold numbers.

    Reference:
        A. H. Murphy, "A new vector partition of the probability score", Journal of Applied
        Meteorology 12, 1973; D. B. Stephenson et al., "Two extra components in the Brier score
        decomposition", Weather and Forecasting 23, 2008 (the remainder).

    Example:
        >>> confidence, correct = [0.8] * 4 + [0.2] * 4, [1, 1, 1, 0, 0, 0, 0, 1]
        >>> found = brier_decomposition(confidence, correct, binning="discrete")
        >>> round(found.reliability, 4), round(found.resolution, 4), round(found.uncertainty, 4)
        (0.0025, 0.0625, 0.25)
    """
    confidence, correct = as_confidence_and_correct(confidence, correct)
    bins = reliability_bins(confidence, correct, n_bins, binning)
    overall = correct.double().mean()
    reliability = (bins.weight * bins.gap.square()).sum()
    resolution = (bins.weight * (bins.accuracy - overall).square()).sum()
    uncertainty = overall * (1 - overall)
    explained = reliability - resolution + uncertainty
    remainder = binary_brier_score(confidence, correct) - explained.item()
    return ScoreDecomposition(
        reliability.item(),
        resolution.item(),
        uncertainty.item(),
        0.0 if binning == "discrete" else remainder,
    )


@dataclass(frozen=True)
class TruthDecomposition:
    """Expected negative log-likelihood, in nats: calibration + grouping + irreducible.

    Attributes:
        calibration: Mean KL divergence of the stated from the calibrated probabilities.
        grouping: Mean KL divergence of the calibrated from the true ones: truths that differ,
            but get the same prediction.
        irreducible: Mean entropy of the truth, which no model beats.

    Example:
        >>> TruthDecomposition(calibration=0.1, grouping=0.2, irreducible=0.5).refinement
        0.7
    """

    calibration: float
    grouping: float
    irreducible: float

    @property
    def refinement(self) -> float:
        """What is left after perfect calibration: grouping + irreducible."""
        return self.grouping + self.irreducible

    @property
    def score(self) -> float:
        """The expected negative log-likelihood."""
        return self.calibration + self.refinement


def known_truth_decomposition(probs: ArrayLike, true_probs: ArrayLike) -> TruthDecomposition:
    """Split the expected log score of a model of a language whose probabilities are known.

    Rows that are predicted exactly alike form a group, and the mean truth of the group is what a
    calibrated model would state. One prediction for everything (the unigram model) has no
    calibration loss, only grouping; predictions that all differ have no grouping, only
    calibration loss.

    Args:
        probs: Predicted probabilities `(N, C)`; each row sums to 1 within 1e-4.
        true_probs: The true ones `(N, C)`, likewise.

    Raises:
        ValueError: If an argument has a wrong shape, is empty or not a probability.
        TypeError: If an argument does not hold numbers.

    Reference:
        M. Kull, P. Flach, "Novel decompositions of proper scoring rules for classification",
        ECML PKDD 2015.

    Example:
        >>> probs, truth = [[0.5, 0.5]] * 2, [[0.9, 0.1], [0.1, 0.9]]
        >>> found = known_truth_decomposition(probs, truth)  # calibrated, and of no use
        >>> round(found.calibration, 3), round(found.grouping, 3), round(found.irreducible, 3)
        (0.0, 0.368, 0.325)
    """
    probs, truth = as_true_probs(probs, true_probs)
    stated, group = probs.unique(dim=0, return_inverse=True)
    stated, truth = stated.double(), truth.double()
    size = torch.bincount(group)
    weight = size.double() / size.sum()
    calibrated = torch.zeros_like(stated).index_add_(0, group, truth) / size[:, None]
    entropy = _cross_entropy(truth, truth).mean().item()
    refinement = (weight * _cross_entropy(calibrated, calibrated)).sum().item()
    score = (weight * _cross_entropy(calibrated, stated)).sum().item()
    return TruthDecomposition(
        calibration=max(score - refinement, 0.0),
        grouping=max(refinement - entropy, 0.0),
        irreducible=entropy,
    )


def _cross_entropy(truth: Tensor, stated: Tensor) -> Tensor:
    """Return -sum of truth ln stated over the last axis; 0 ln 0 is 0."""
    return -torch.special.xlogy(truth, stated).sum(dim=-1)
