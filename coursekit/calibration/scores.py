r"""How good are predicted probabilities? One number for a whole set of predictions.

Accuracy looks only at the most probable class. The negative log-likelihood and the Brier score
look at the probabilities too, and they are *proper*: their expectation is smallest for the true
probabilities, so a model cannot gain by stating anything but what it believes:

$$\mathrm{NLL} = -\frac1N \sum_i \ln p_i(y_i), \qquad
  \mathrm{Brier} = \frac1N \sum_i \sum_c \bigl(p_i(c) - [c = y_i]\bigr)^2 .$$
"""

from __future__ import annotations

import math
import sys

import torch
from torch import Tensor

from coursekit.calibration._blocks import row_blocks
from coursekit.calibration._validation import (
    ArrayLike,
    as_classes,
    as_confidence_and_correct,
    as_probs,
    as_probs_and_labels,
    as_true_probs,
)


def top_label(probs: ArrayLike, labels: ArrayLike) -> tuple[Tensor, Tensor]:
    """Reduce each prediction to its most probable class: how sure, and was it right.

    Args:
        probs: Probabilities `(N, C)`; each row sums to 1 within 1e-4.
        labels: The true classes `(N,)`, integers in 0 .. C - 1.

    Returns:
        `confidence (N,)`, the largest probability, and `correct (N,)`, bool. Among equally
        probable classes the first one is the prediction.

    Raises:
        ValueError: If an argument has a wrong shape, is empty or not a probability, or a label
            is out of range.
        TypeError: If the labels are not integers.

    Example:
        >>> probs, labels = [[0.7, 0.2, 0.1], [0.2, 0.5, 0.3]], [0, 2]
        >>> confidence, correct = top_label(probs, labels)
        >>> correct.tolist()
        [True, False]
    """
    probs, labels = as_probs_and_labels(probs, labels)
    confidence, predicted = probs.max(dim=1)
    return confidence, predicted == labels


def accuracy(predicted: ArrayLike, labels: ArrayLike) -> float:
    """Return the fraction of predictions that are right.

    Args:
        predicted: Predicted classes `(N,)`, integers; or probabilities `(N, C)`, of which the
            first largest is the prediction.
        labels: The true classes `(N,)`, integers.

    Raises:
        ValueError: If an argument has a wrong shape, is empty or out of range.
        TypeError: If the classes are not integers.

    Example:
        >>> accuracy([0, 1, 1, 0], [0, 1, 0, 0])
        0.75
        >>> accuracy([[0.9, 0.1], [0.2, 0.8]], [0, 0])
        0.5
    """
    predicted, labels = as_classes(predicted, labels)
    return (predicted == labels).double().mean().item()


def negative_log_likelihood(probs: ArrayLike, labels: ArrayLike) -> float:
    """Return the mean negative log-probability of the truth, in nats.

    Also called log loss and cross-entropy. Lies in [0, inf]: a single truth that was given
    probability 0 makes it infinite. Nothing is clipped, because that is what the score says
    about a model which calls the truth impossible.

    Args:
        probs: Probabilities `(N, C)`; each row sums to 1 within 1e-4.
        labels: The true classes `(N,)`, integers in 0 .. C - 1.

    Raises:
        ValueError, TypeError: As `top_label`.

    Reference:
        I. J. Good, "Rational decisions", Journal of the Royal Statistical Society B 14, 1952.

    Example:
        >>> probs, labels = [[0.7, 0.2, 0.1], [0.2, 0.5, 0.3]], [0, 2]
        >>> round(negative_log_likelihood(probs, labels), 3)
        0.78
    """
    probs, labels = as_probs_and_labels(probs, labels)
    of_truth = probs.gather(1, labels[:, None]).double()
    return of_truth.log().mean().neg().item() + 0.0  # the sum turns -0.0 into 0.0


def perplexity(probs: ArrayLike, labels: ArrayLike) -> float:
    """Return exp of the `negative_log_likelihood`: as unsure as among that many equal choices.

    Lies in [1, inf]; a uniform guess over C classes has perplexity C.

    Args:
        probs: Probabilities `(N, C)`; each row sums to 1 within 1e-4.
        labels: The true classes `(N,)`, integers in 0 .. C - 1.

    Raises:
        ValueError, TypeError: As `top_label`.

    Reference:
        F. Jelinek, R. L. Mercer, L. R. Bahl, J. K. Baker, "Perplexity: a measure of the
        difficulty of speech recognition tasks", Journal of the Acoustical Society of America 62,
        1977.

    Example:
        >>> round(perplexity([[0.25, 0.25, 0.25, 0.25]], [3]), 3)
        4.0
    """
    nll = negative_log_likelihood(probs, labels)
    return math.exp(nll) if nll < math.log(sys.float_info.max) else math.inf


def entropy(probs: ArrayLike) -> float:
    """Return the mean entropy of the predictions `probs (N, C)`, in nats, in [0, ln C].

    It is the negative log-likelihood that the model itself expects. Over a calibrated model's
    data the two agree.

    Raises:
        ValueError, TypeError: As `top_label`.

    Reference:
        C. E. Shannon, "A mathematical theory of communication", Bell System Technical Journal
        27, 1948.

    Example:
        >>> round(entropy([[0.5, 0.5], [1.0, 0.0]]), 3)
        0.347
    """
    probs = as_probs(probs)
    total = torch.zeros((), dtype=torch.float64, device=probs.device)
    for rows, _ in row_blocks(probs, probs):
        total += torch.special.entr(rows).sum()
    return total.item() / len(probs)


def kl_divergence(true_probs: ArrayLike, probs: ArrayLike) -> float:
    """Return the mean KL divergence of the predictions from the truth, in nats.

    The expected negative log-likelihood is the truth's entropy plus this, which is 0 only if
    both are equal. Infinite where something possible is given probability 0.

    Args:
        true_probs: True probabilities `(N, C)`; each row sums to 1 within 1e-4. They come first,
            as in KL(true || predicted).
        probs: Predicted probabilities `(N, C)`, likewise.

    Raises:
        ValueError: If an argument has a wrong shape, is empty or not a probability.
        TypeError: If an argument does not hold numbers.

    Reference:
        S. Kullback, R. A. Leibler, "On information and sufficiency", Annals of Mathematical
        Statistics 22, 1951.

    Example:
        >>> round(kl_divergence([[0.5, 0.5]], [[0.9, 0.1]]), 3)
        0.511
    """
    probs, true_probs = as_true_probs(probs, true_probs)
    total = torch.zeros((), dtype=torch.float64, device=probs.device)
    for stated, truth in row_blocks(probs, true_probs):
        truth = truth.double()
        total -= torch.special.entr(truth).sum() + torch.special.xlogy(truth, stated).sum()
    # Rounding of equal rows may leave a hair below 0.
    return max(total.item() / len(probs), 0.0)


def brier_score(probs: ArrayLike, labels: ArrayLike) -> float:
    """Return the squared distance of the probabilities from the truth, summed over classes.

    Averaged over samples; lies in [0, 2]. With two classes it is twice `binary_brier_score`.

    Args:
        probs: Probabilities `(N, C)`; each row sums to 1 within 1e-4.
        labels: The true classes `(N,)`, integers in 0 .. C - 1.

    Raises:
        ValueError, TypeError: As `top_label`.

    Reference:
        G. W. Brier, "Verification of forecasts expressed in terms of probability", Monthly
        Weather Review 78, 1950, equation 2.

    Example:
        >>> probs, labels = [[0.7, 0.2, 0.1], [0.2, 0.5, 0.3]], [0, 2]
        >>> round(brier_score(probs, labels), 3)
        0.46
    """
    probs, labels = as_probs_and_labels(probs, labels)
    total = torch.zeros((), dtype=torch.float64, device=probs.device)
    for rows, truth in row_blocks(probs, labels):
        rows.scatter_add_(1, truth[:, None], -torch.ones_like(truth, dtype=rows.dtype)[:, None])
        total += rows.square_().sum()
    return total.item() / len(probs)


def binary_brier_score(confidence: ArrayLike, correct: ArrayLike) -> float:
    """Return the mean squared distance between a probability and what happened, in [0, 1].

    Args:
        confidence: Predicted probabilities `(N,)` of an event.
        correct: Whether the event happened `(N,)`, bool or 0 and 1.

    Raises:
        ValueError: If an argument has a wrong shape, is empty, or has values out of range.
        TypeError: If an argument does not hold numbers.

    Example:
        >>> confidence, correct = [0.9, 0.8, 0.7, 0.6], [True, True, False, True]
        >>> round(binary_brier_score(confidence, correct), 3)
        0.175
    """
    confidence, correct = as_confidence_and_correct(confidence, correct)
    return (confidence.double() - correct.double()).square().mean().item()
