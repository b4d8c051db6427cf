r"""Average the probabilities of several models, and calibrate the average if need be.

$$p_i(c) = \frac1M \sum_{m=1}^M \mathrm{softmax}(z_i^{(m)})(c)$$

Where members disagree the average is less sure than they are, which is often what overconfident
members need, and its loss is never larger than their mean loss.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from coursekit.calibration._validation import ArrayLike, as_logits, to_tensor
from coursekit.calibration.calibrators.base import Calibrator


class EnsembleAverage(Calibrator):
    """Average the probabilities of M models: logits are `(M, N, C)` at fit and at prediction.

    The average itself learns nothing. Members that are each well calibrated average to a
    prediction that is not sure enough; so pool first, then calibrate, which is what `calibrator`
    does with the logarithm of the average.

    Args:
        calibrator: What to fit on the average, for example `TemperatureScaling()`; None for the
            plain average.

    Raises:
        TypeError: If `calibrator` is not a `Calibrator`.

    Reference:
        B. Lakshminarayanan, A. Pritzel, C. Blundell, "Simple and scalable predictive uncertainty
        estimation using deep ensembles", NeurIPS 2017; pool, then calibrate: R. Rahaman,
        A. H. Thiery, "Uncertainty quantification and deep ensembles", NeurIPS 2021.

    Example:
        >>> logits = [[[0.0, 2.0]], [[2.0, 0.0]]]  # two models that disagree about one example
        >>> EnsembleAverage().fit(logits, [1]).predict_proba(logits).tolist()
        [[0.5, 0.5]]
    """

    _fixed_classes = False  # if the calibrator has a fixed number, it says so itself

    def __init__(self, calibrator: Calibrator | None = None) -> None:
        self.calibrator = calibrator
        self._check_parameters()

    def _check_parameters(self) -> None:
        if not isinstance(self.calibrator, Calibrator | None):
            raise TypeError(
                "calibrator must be a Calibrator such as TemperatureScaling(), or None, "
                f"found {self.calibrator!r}"
            )

    def _as_table(self, logits: ArrayLike) -> Tensor:
        """Return the logarithm of the average of the models' probabilities `(N, C)`."""
        logits = to_tensor(logits, "logits")
        if logits.ndim != 3 or len(logits) == 0:
            raise ValueError(
                "logits must have shape (M, N, C), a table for each model, "
                f"found shape {tuple(logits.shape)}. For one model use logits[None]"
            )
        tables = as_logits(logits.flatten(0, 1)).unflatten(0, logits.shape[:2])
        dtype = torch.promote_types(tables.dtype, torch.float32)
        log_probs = torch.log_softmax(tables.to(dtype), dim=2)
        return log_probs.logsumexp(dim=0) - math.log(len(logits))

    def _fit(self, logits: Tensor, labels: Tensor) -> None:
        if self.calibrator is not None:
            self.calibrator.fit(logits, labels)

    def _predict_proba(self, logits: Tensor) -> Tensor:
        if self.calibrator is not None:
            return self.calibrator.predict_proba(logits)
        return torch.softmax(logits, dim=1)
