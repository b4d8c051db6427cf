"""What all calibrators have in common."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from typing import ClassVar, Self

import torch
from torch import Tensor

from coursekit.calibration._validation import ArrayLike, as_labels, as_logits


class Calibrator(ABC):
    """What all calibrators have in common: checked arguments, and no prediction before a fit."""

    #: Whether predictions need as many classes as the fit had.
    _fixed_classes: ClassVar[bool] = True

    def fit(self, logits: ArrayLike, labels: ArrayLike) -> Self:
        """Learn the correction from data that the model was not trained on.

        Args:
            logits: Unnormalised log-probabilities `(N, C)`, finite; log-probabilities will do.
            labels: The true classes `(N,)`, integers in 0 .. C - 1.

        Raises:
            ValueError: If an argument has a wrong shape, is empty, not finite or out of range.
            TypeError: If the labels are not integers.
        """
        logits = self._as_table(logits)
        labels = as_labels(labels, logits)
        self._fit(logits, labels)
        self.n_classes_ = logits.shape[1]
        return self

    def predict_proba(self, logits: ArrayLike) -> Tensor:
        """Return corrected probabilities `(N, C)`, float64 if the logits are, else float32.

        Raises:
            RuntimeError: If called before `fit`.
            ValueError: If the logits have a wrong shape, are empty or not finite, or have
                another number of classes than those of `fit` (a temperature fits any number).
        """
        if not any(name.endswith("_") for name in vars(self)):
            raise RuntimeError(
                f"this {type(self).__name__} has learned nothing yet: "
                "call fit(logits, labels) on held-out data first"
            )
        logits = self._as_table(logits)
        if self._fixed_classes and logits.shape[1] != self.n_classes_:
            raise ValueError(
                f"logits must have {self.n_classes_} classes, as in fit; "
                f"found {logits.shape[1]}. Fit again on logits of this kind"
            )
        dtype = torch.promote_types(logits.dtype, torch.float32)
        return self._predict_proba(logits.to(dtype)).to(dtype)

    def _as_table(self, logits: ArrayLike) -> Tensor:
        """Check the logits and bring them into the shape `(N, C)`."""
        return as_logits(logits)

    @abstractmethod
    def _fit(self, logits: Tensor, labels: Tensor) -> None: ...

    @abstractmethod
    def _predict_proba(self, logits: Tensor) -> Tensor: ...


def warn(calibrator: Calibrator, message: str) -> None:
    """Warn about a fit; to be called from `_fit`, so that the line that called `fit` is named."""
    warnings.warn(f"{type(calibrator).__name__}: {message}", RuntimeWarning, stacklevel=4)
