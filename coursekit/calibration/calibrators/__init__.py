r"""Repair probabilities after training: learn, on held-out data, how to correct them.

All calibrators share one interface, as in scikit-learn: `fit(logits, labels)`, then
`predict_proba(logits)`; what was learned ends in an underscore. They differ in how much they may
change, which is also how much data they need (C classes):

| calibrator | what it learns | numbers | keeps the most probable class |
| --- | --- | --- | --- |
| `TemperatureScaling` | $\mathrm{softmax}(z / T)$ | 1 | yes |
| `VectorScaling` | $\mathrm{softmax}(w \circ z + b)$ | 2 C | no |
| `MatrixScaling` | $\mathrm{softmax}(W z + b)$ | C² + C | no |
| `DirichletCalibration` | $\mathrm{softmax}(W \ln p + b)$ | C² + C | no |
| `PlattScaling` | $\sigma(a \ln\frac{p}{1 - p} + c)$ for each class | 2 C | no |
| `BetaCalibration` | $\sigma(a \ln p - b \ln(1 - p) + c)$ for each class | 3 C | no |
| `IsotonicCalibration` | any non-decreasing function of p, for each class | up to N C | no |
| `HistogramBinning` | one frequency for each bin of p, for each class | bins · C | no |
| `EnsembleAverage` | nothing: the mean of several models' probabilities | 0 | |

The four that work on one probability are made for an event that happens or not: for pairs of
confidence and correctness see `binary_logits`.
"""

from __future__ import annotations

from coursekit.calibration.calibrators.base import Calibrator
from coursekit.calibration.calibrators.ensemble import EnsembleAverage
from coursekit.calibration.calibrators.linear import (
    DirichletCalibration,
    MatrixScaling,
    VectorScaling,
)
from coursekit.calibration.calibrators.one_vs_rest import (
    BetaCalibration,
    HistogramBinning,
    IsotonicCalibration,
    PlattScaling,
    binary_logits,
)
from coursekit.calibration.calibrators.temperature import TemperatureScaling

__all__ = [
    "BetaCalibration",
    "Calibrator",
    "DirichletCalibration",
    "EnsembleAverage",
    "HistogramBinning",
    "IsotonicCalibration",
    "MatrixScaling",
    "PlattScaling",
    "TemperatureScaling",
    "VectorScaling",
    "binary_logits",
]
