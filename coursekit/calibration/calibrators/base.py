"""What all calibrators have in common: they are scikit-learn classifiers whose X are logits."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from typing import Any, ClassVar, Self

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import NotFittedError
from torch import Tensor

from coursekit.calibration._validation import ArrayLike, as_labels, as_logits, to_tensor

#: So near to 1 rows of probabilities sum, in half precision too.
_NEAR_ONE = 1e-2

#: What is often looked for and would be ambiguous, and what to write instead.
_INSTEAD = {
    "transform": "predict_proba(logits)",
    "fit_transform": "fit(logits, labels).predict_proba(logits)",
    "decision_function": "predict_proba(logits)",
    "predict_log_proba": "predict_proba(logits).log()",
}


class Calibrator(ClassifierMixin, BaseEstimator, ABC):
    """A scikit-learn classifier whose X are logits: a column for each class.

    `clone`, `get_params`, `Pipeline`, `cross_val_predict(..., method="predict_proba")` and
    searches over parameters work as for any classifier; what comes back are tensors. Labels are
    the indices of the columns, so that there is nothing to encode; where scikit-learn encodes them
    itself, every class must occur.

    Attributes:
        classes_: The class indices 0 .. C - 1, an array.
        n_classes_: The number C of classes.
        n_features_in_: The same, under scikit-learn's name.

    Example:
        >>> from sklearn.base import clone
        >>> from coursekit.calibration import TemperatureScaling
        >>> logits, labels = [[4.0, 0.0], [4.0, 0.0], [0.0, 4.0], [0.0, 4.0]], [0, 1, 1, 1]
        >>> clone(TemperatureScaling()).fit(logits, labels).predict(logits)
        tensor([0, 0, 1, 1])
    """

    #: Whether predictions need as many classes as the fit had.
    _fixed_classes: ClassVar[bool] = True
    classes_: np.ndarray
    n_classes_: int
    n_features_in_: int

    def fit(self, logits: ArrayLike, labels: ArrayLike) -> Self:
        """Learn the correction from data that the model was not trained on.

        Rows that look like probabilities raise a `UserWarning`: their logarithm is wanted.

        Args:
            logits: Unnormalised log-probabilities `(N, C)`, finite; log-probabilities will do.
            labels: The true classes `(N,)`, integers in 0 .. C - 1.

        Raises:
            ValueError: If an argument has a wrong shape, is empty, not finite or out of range.
            TypeError: If the labels are not integers.
        """
        self._check_parameters()
        table = self._as_table(logits)
        labels = as_labels(labels, table)
        _warn_of_probabilities(self, to_tensor(logits, "logits"))
        self._fit(table, labels)
        self.n_classes_ = self.n_features_in_ = table.shape[1]
        self.classes_ = np.arange(self.n_classes_)
        return self

    def predict_proba(self, logits: ArrayLike) -> Tensor:
        """Return corrected probabilities `(N, C)`, float64 if the logits are, else float32.

        Rows that look like probabilities raise a `UserWarning`, as in `fit`.

        Raises:
            NotFittedError: If called before `fit`.
            ValueError: If the logits have a wrong shape, are empty or not finite, or have
                another number of classes than those of `fit` (a temperature fits any number).
        """
        if not hasattr(self, "classes_"):
            raise NotFittedError(
                f"this {type(self).__name__} has learned nothing yet: "
                "call fit(logits, labels) on held-out data first"
            )
        table = self._as_table(logits)
        if self._fixed_classes and table.shape[1] != self.n_classes_:
            raise ValueError(
                f"logits must have {self.n_classes_} classes, as in fit, "
                f"found {table.shape[1]}. Fit again on logits of this kind"
            )
        _warn_of_probabilities(self, to_tensor(logits, "logits"))
        dtype = torch.promote_types(table.dtype, torch.float32)
        return self._predict_proba(table.to(dtype)).to(dtype)

    def predict(self, logits: ArrayLike) -> Tensor:
        """Return the most probable class `(N,)` after the correction, int64; errors likewise."""
        return self.predict_proba(logits).argmax(dim=1)

    def __call__(self, logits: ArrayLike) -> Tensor:
        """Return `predict_proba(logits)`, as a module of PyTorch would."""
        return self.predict_proba(logits)

    def __getattr__(self, name: str) -> Any:
        found = f"{type(self).__name__!r} object has no attribute {name!r}"
        if name in _INSTEAD:
            found += f". For corrected probabilities write {_INSTEAD[name]}"
        raise AttributeError(found)

    def _check_parameters(self) -> None:
        """Refuse parameters out of range; at the start, and once more after `set_params`."""

    def _as_table(self, logits: ArrayLike) -> Tensor:
        """Check the logits and bring them into the shape `(N, C)`."""
        return as_logits(logits)

    @abstractmethod
    def _fit(self, logits: Tensor, labels: Tensor) -> None: ...

    @abstractmethod
    def _predict_proba(self, logits: Tensor) -> Tensor: ...


def warn(calibrator: Calibrator, message: str, kind: type[Warning] = RuntimeWarning) -> None:
    """Warn about data; from one level below `fit`, so that the line of its caller is named."""
    warnings.warn(f"{type(calibrator).__name__}: {message}", kind, stacklevel=4)


def _warn_of_probabilities(calibrator: Calibrator, logits: Tensor) -> None:
    """Warn if every row is non-negative and sums to 1, which logits hardly ever do by chance."""
    rows = logits.flatten(0, -2)
    for some in (rows[:1], rows):  # one row tells almost always, and costs nothing
        total = some.sum(dim=1, dtype=torch.float64)
        if (some < 0).any() or ((total - 1).abs() > _NEAR_ONE).any():
            return
    warn(
        calibrator,
        "each row of logits is non-negative and sums to 1, as probabilities do. If that is what "
        "they are, pass their logarithm, probs.log()",
        UserWarning,
    )
