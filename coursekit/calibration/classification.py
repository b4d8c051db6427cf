r"""How good are predicted classes? Precision, recall and F1, from counts alone.

Of what was called class $c$, precision is the fraction that is; of what is class $c$, recall is
the fraction that was called so; F1 is their harmonic mean:

$$F_1 = \frac{2\, \mathrm{TP}}{2\, \mathrm{TP} + \mathrm{FP} + \mathrm{FN}} .$$

They see only which class was predicted. Averaging over classes is a choice, and so is which of
two classes is the positive one: both are arguments here, never guesses.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from coursekit._checks import as_count
from coursekit.calibration._validation import ArrayLike, as_classes, require_choice

Average = Literal["macro", "micro", "weighted", "binary"]
_AVERAGES = ("macro", "micro", "weighted", "binary")


def precision(
    predicted: ArrayLike,
    labels: ArrayLike,
    *,
    average: Average = "macro",
    positive: int | None = None,
) -> float:
    """Return the fraction of predictions of a class that are right, averaged over classes.

    A class that is never predicted has precision 0 (scikit-learn's `zero_division=0`). Classes
    are those that occur in `predicted` or in `labels`.

    Args:
        predicted: Predicted classes `(N,)`, integers; or probabilities `(N, C)`, of which the
            first largest is the prediction.
        labels: The true classes `(N,)`, integers.
        average: `"macro"`, the mean over classes; `"weighted"`, weighted by how often each class
            is true; `"micro"`, over all predictions together, which is the accuracy;
            `"binary"`, of the class `positive` alone.
        positive: The class that `"binary"` is about; it need not occur. Required there, and
            refused elsewhere.

    Raises:
        ValueError: If the shapes differ, an argument is empty or negative, or `average` and
            `positive` do not fit together.
        TypeError: If the classes are not integers.

    Reference:
        C. J. van Rijsbergen, "Information Retrieval", 2nd edition, 1979, chapter 7.

    Example:
        >>> round(precision([0, 0, 1, 1], [0, 1, 1, 1]), 3)
        0.75
    """
    counts = _Counts(predicted, labels, average, positive)
    return _average(_ratio(counts.right, counts.predicted), counts, average)


def recall(
    predicted: ArrayLike,
    labels: ArrayLike,
    *,
    average: Average = "macro",
    positive: int | None = None,
) -> float:
    """Return the fraction of each true class that was found, averaged over classes.

    A class that is never true has recall 0. Arguments and errors as in `precision`.

    Example:
        >>> round(recall([0, 0, 1, 1], [0, 1, 1, 1]), 3)
        0.833
    """
    counts = _Counts(predicted, labels, average, positive)
    return _average(_ratio(counts.right, counts.true), counts, average)


def f1_score(
    predicted: ArrayLike,
    labels: ArrayLike,
    *,
    average: Average = "macro",
    positive: int | None = None,
) -> float:
    """Return the harmonic mean of precision and recall of each class, averaged over classes.

    A class that is neither predicted nor true, which only `positive` can be, has F1 = 0.
    Arguments and errors as in `precision`.

    Example:
        >>> round(f1_score([0, 0, 1, 1], [0, 1, 1, 1], average="binary", positive=1), 3)
        0.8
    """
    counts = _Counts(predicted, labels, average, positive)
    return _average(_ratio(2 * counts.right, counts.predicted + counts.true), counts, average)


class _Counts:
    """How often each class `(K,)` was rightly predicted, was predicted, and was true."""

    def __init__(
        self, predicted: ArrayLike, labels: ArrayLike, average: str, positive: int | None
    ) -> None:
        require_choice(average, _AVERAGES, "average")
        predicted, labels = as_classes(predicted, labels)
        if average == "binary":
            if positive is None:
                raise ValueError('average="binary" needs positive, the class it is about')
            positive = as_count(positive, "positive", least=0)
            hit, is_true = predicted == positive, labels == positive
            self.right, self.predicted, self.true = (
                mask.sum()[None] for mask in (hit & is_true, hit, is_true)
            )
            return
        if positive is not None:
            raise ValueError(f'positive is for average="binary", found average={average!r}')
        classes, index = torch.cat([predicted, labels]).unique(return_inverse=True)
        called, truth = index.chunk(2)
        self.predicted = called.bincount(minlength=len(classes))
        self.true = truth.bincount(minlength=len(classes))
        self.right = truth[called == truth].bincount(minlength=len(classes))
        if average == "micro":
            self.right, self.predicted, self.true = (
                count.sum()[None] for count in (self.right, self.predicted, self.true)
            )


def _ratio(numerator: Tensor, denominator: Tensor) -> Tensor:
    return numerator.double() / denominator.clamp(min=1)


def _average(of_class: Tensor, counts: _Counts, average: str) -> float:
    if average == "weighted":
        return ((of_class * counts.true).sum() / counts.true.sum()).item()
    return of_class.mean().item()
