"""Part II of the course: measure and repair calibration, from nothing but tensors."""

from coursekit.calibration.calibrators import Calibrator, TemperatureScaling
from coursekit.calibration.errors import (
    ReliabilityBins,
    ece_null_distribution,
    expected_calibration_error,
    reliability_bins,
)
from coursekit.calibration.intervals import (
    Interval,
    bootstrap_interval,
    effective_sample_size,
    wilson_interval,
)
from coursekit.calibration.scores import (
    accuracy,
    binary_brier_score,
    brier_score,
    negative_log_likelihood,
    top_label,
)

__all__ = [
    "Calibrator",
    "Interval",
    "ReliabilityBins",
    "TemperatureScaling",
    "accuracy",
    "binary_brier_score",
    "bootstrap_interval",
    "brier_score",
    "ece_null_distribution",
    "effective_sample_size",
    "expected_calibration_error",
    "negative_log_likelihood",
    "reliability_bins",
    "top_label",
    "wilson_interval",
]
