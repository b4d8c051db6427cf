r"""Answer or abstain? What confidence is good for when a model may stay silent.

A model that answers only when its confidence reaches a threshold answers a fraction of all
questions, its *coverage*, and errs on a fraction of those, its *risk*. Lowering the threshold
walks along the risk-coverage curve. Only the order of the confidences matters here, not their
values: a model can be badly calibrated and still know well what it does not know.

$$\mathrm{AUROC} = P(c_{\text{right}} > c_{\text{wrong}}) + \tfrac12 P(c_{\text{right}} =
  c_{\text{wrong}}) .$$

Equal confidences have no order. Sorting gives them one by accident, and then the result depends
on how the rows happen to be arranged; here tied predictions are always treated alike.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor

from coursekit.calibration._validation import (
    ArrayLike,
    as_confidence,
    as_confidence_and_correct,
)


@dataclass(frozen=True)
class RiskCoverage:
    """The risk-coverage curve: one point for each distinct confidence, the surest first.

    Attributes:
        coverage: Fraction of predictions with at least that confidence `(K,)`; rises to 1.
        risk: Fraction of those that are wrong `(K,)`; ends at the error rate.
        threshold: The confidence itself `(K,)`, falling: answer at or above it.

    Example:
        >>> risk_coverage_curve([0.9, 0.8], [True, False]).threshold.tolist()
        [0.9, 0.8]
    """

    coverage: Tensor
    risk: Tensor
    threshold: Tensor


def auroc(confidence: ArrayLike, correct: ArrayLike) -> float:
    """Return how well confidence tells right from wrong: 1 perfectly, 0.5 not at all.

    The probability that a correct prediction has more confidence than a wrong one, ties counted
    half: the area under the ROC curve, and the Mann-Whitney statistic divided by its maximum.

    Args:
        confidence: Predicted probabilities `(N,)`.
        correct: Whether each prediction came true `(N,)`, bool or 0 and 1.

    Raises:
        ValueError: If all predictions are correct or all are wrong, as there is no pair to
            compare; or if an argument has a wrong shape, is empty or out of range.
        TypeError: If an argument does not hold numbers.

    Reference:
        J. A. Hanley, B. J. McNeil, "The meaning and use of the area under a receiver operating
        characteristic (ROC) curve", Radiology 143, 1982.

    Example:
        >>> auroc([0.9, 0.6, 0.7, 0.2], [True, True, False, False])
        0.75
    """
    ties = _ties(confidence, correct)
    found = auroc_of_counts(ties.right, ties.wrong).item()
    if math.isnan(found):
        raise ValueError(
            "correct must hold both right and wrong predictions, since auroc compares one with "
            f"the other, found {ties.right.sum()} right and {ties.wrong.sum()} wrong"
        )
    return found


def auroc_of_counts(right: Tensor, wrong: Tensor) -> Tensor:
    """Return the AUROC `(...)` of counts of predictions by confidence `(..., K)`, surest first.

    NaN where there is no right or no wrong one, and so no pair to compare.

    Example:
        >>> import torch
        >>> right, wrong = torch.tensor([3, 1]), torch.tensor([1, 3])  # sure, unsure
        >>> auroc_of_counts(right, wrong).item()
        0.75
    """
    # Every wrong prediction loses to the right ones above it; times two, all counts are whole.
    right_above = right.cumsum(dim=-1) - right
    twice_won = (wrong * (2 * right_above + right)).sum(dim=-1)
    return twice_won.double() / (2.0 * right.sum(dim=-1).double() * wrong.sum(dim=-1))


def risk_coverage_curve(confidence: ArrayLike, correct: ArrayLike) -> RiskCoverage:
    """Return coverage and risk for every threshold that the confidences allow.

    Args:
        confidence: Predicted probabilities `(N,)`.
        correct: Whether each prediction came true `(N,)`, bool or 0 and 1.

    Raises:
        ValueError: If an argument has a wrong shape, is empty or out of range.
        TypeError: If an argument does not hold numbers.

    Reference:
        R. El-Yaniv, Y. Wiener, "On the foundations of noise-free selective classification",
        Journal of Machine Learning Research 11, 2010.

    Example:
        >>> curve = risk_coverage_curve([0.9, 0.8, 0.7, 0.6], [True, True, False, True])
        >>> curve.coverage.tolist()
        [0.25, 0.5, 0.75, 1.0]
        >>> [round(risk, 2) for risk in curve.risk.tolist()]
        [0.0, 0.0, 0.33, 0.25]
    """
    ties = _ties(confidence, correct)
    answered = ties.size.cumsum(0)
    return RiskCoverage(
        coverage=answered.double() / answered[-1],
        risk=ties.wrong.cumsum(0).double() / answered,
        threshold=ties.confidence,
    )


def selective_threshold(confidence: ArrayLike, coverage: float) -> float:
    """Return the highest threshold that still answers a fraction `coverage` of the questions.

    Answer where `confidence >= threshold`. Equal confidences are answered together, so with ties
    more than that fraction may be answered. It needs no outcomes: choose it on any data that
    resembles what is to come.

    Args:
        confidence: Predicted probabilities `(N,)`.
        coverage: Fraction of questions to answer, in (0, 1].

    Raises:
        ValueError: If `confidence` has a wrong shape, is empty or out of range, or `coverage` is.
        TypeError: If `confidence` does not hold numbers.

    Example:
        >>> selective_threshold([0.9, 0.8, 0.7, 0.6], coverage=0.5)
        0.8
    """
    if not 0 < coverage <= 1:
        raise ValueError(f"coverage must lie in (0, 1], such as 0.8, found {coverage}")
    confidence = as_confidence(confidence)
    # 0.07 * 100 is 7.000000000000001 in floating point; seven answers are meant.
    n_answered = max(1, math.ceil(coverage * len(confidence) - 1e-9))
    return confidence.double().kthvalue(len(confidence) - n_answered + 1).values.item()


def selective_accuracy(confidence: ArrayLike, correct: ArrayLike, coverage: float) -> float:
    """Return the accuracy on the surest predictions, a fraction `coverage` of all.

    Equal confidences are answered together, see `selective_threshold`.

    Args:
        confidence: Predicted probabilities `(N,)`.
        correct: Whether each prediction came true `(N,)`, bool or 0 and 1.
        coverage: Fraction of questions to answer, in (0, 1].

    Raises:
        ValueError: If an argument has a wrong shape, is empty or out of range.
        TypeError: If an argument does not hold numbers.

    Example:
        >>> selective_accuracy([0.9, 0.8, 0.7, 0.6], [True, True, False, False], coverage=0.5)
        1.0
    """
    confidence, correct = as_confidence_and_correct(confidence, correct)
    answered = confidence >= selective_threshold(confidence, coverage)
    return correct[answered].double().mean().item()


@dataclass(frozen=True)
class _Ties:
    """Predictions counted by distinct confidence, the surest first; every tensor is `(K,)`."""

    confidence: Tensor
    right: Tensor
    wrong: Tensor

    @property
    def size(self) -> Tensor:
        return self.right + self.wrong


def _ties(confidence: ArrayLike, correct: ArrayLike) -> _Ties:
    confidence, correct = as_confidence_and_correct(confidence, correct)
    confidence, order = confidence.sort(descending=True)
    distinct, size = confidence.unique_consecutive(return_counts=True)
    right_up_to = correct[order].cumsum(0)[size.cumsum(0) - 1]
    right = right_up_to.diff(prepend=right_up_to.new_zeros(1))
    return _Ties(distinct, right, size - right)
