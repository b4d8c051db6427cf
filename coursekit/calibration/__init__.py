"""Part II of the course: measure and repair calibration, from nothing but tensors.

The streaming metrics need torchmetrics, which takes seconds to import; it is imported when the
first of them is asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from coursekit.calibration.bins import ReliabilityBins, merge_bins, reliability_bins
from coursekit.calibration.calibrators import (
    BetaCalibration,
    Calibrator,
    DirichletCalibration,
    EnsembleAverage,
    HistogramBinning,
    IsotonicCalibration,
    MatrixScaling,
    PlattScaling,
    TemperatureScaling,
    VectorScaling,
    binary_logits,
)
from coursekit.calibration.classification import f1_score, precision, recall
from coursekit.calibration.comparisons import group_p_values, holm_adjusted
from coursekit.calibration.conformal import ConformalSets, coverage, mean_set_size
from coursekit.calibration.consistency import (
    CalibrationTest,
    ConsistencyBands,
    calibration_test,
    consistency_bands,
    ece_null_distribution,
)
from coursekit.calibration.decompositions import (
    ScoreDecomposition,
    TruthDecomposition,
    brier_decomposition,
    known_truth_decomposition,
    log_score_decomposition,
)
from coursekit.calibration.errors import (
    debiased_calibration_error,
    expected_calibration_error,
    probability_error,
    sweep_calibration_error,
    true_calibration_error,
)
from coursekit.calibration.intervals import (
    Interval,
    bootstrap_interval,
    effective_sample_size,
    wilson_interval,
)
from coursekit.calibration.multiclass import (
    adaptive_calibration_error,
    classwise_calibration_error,
    top_k_calibration_error,
)
from coursekit.calibration.scores import (
    accuracy,
    binary_brier_score,
    brier_score,
    entropy,
    kl_divergence,
    negative_log_likelihood,
    perplexity,
    top_label,
)
from coursekit.calibration.selective import (
    RiskCoverage,
    aurc,
    auroc,
    excess_aurc,
    risk_coverage_curve,
    selective_accuracy,
    selective_threshold,
)
from coursekit.calibration.smooth import kernel_calibration_error, smooth_calibration_error

if TYPE_CHECKING:
    from coursekit.calibration.sequences import EntropyRate, EntropyRateCalibration
    from coursekit.calibration.streaming import StreamingReliability, StreamingScores
    from coursekit.calibration.vocabulary import VocabularyBins, VocabularyCalibration

#: Where the names live that need torchmetrics.
_STREAMING = {
    "EntropyRate": "sequences",
    "EntropyRateCalibration": "sequences",
    "StreamingReliability": "streaming",
    "StreamingScores": "streaming",
    "VocabularyBins": "vocabulary",
    "VocabularyCalibration": "vocabulary",
}

__all__ = [
    "BetaCalibration",
    "CalibrationTest",
    "Calibrator",
    "ConformalSets",
    "ConsistencyBands",
    "DirichletCalibration",
    "EnsembleAverage",
    "EntropyRate",
    "EntropyRateCalibration",
    "HistogramBinning",
    "Interval",
    "IsotonicCalibration",
    "MatrixScaling",
    "PlattScaling",
    "ReliabilityBins",
    "RiskCoverage",
    "ScoreDecomposition",
    "StreamingReliability",
    "StreamingScores",
    "TemperatureScaling",
    "TruthDecomposition",
    "VectorScaling",
    "VocabularyBins",
    "VocabularyCalibration",
    "accuracy",
    "adaptive_calibration_error",
    "aurc",
    "auroc",
    "binary_brier_score",
    "binary_logits",
    "bootstrap_interval",
    "brier_decomposition",
    "brier_score",
    "calibration_test",
    "classwise_calibration_error",
    "consistency_bands",
    "coverage",
    "debiased_calibration_error",
    "ece_null_distribution",
    "effective_sample_size",
    "entropy",
    "excess_aurc",
    "expected_calibration_error",
    "f1_score",
    "group_p_values",
    "holm_adjusted",
    "kernel_calibration_error",
    "kl_divergence",
    "known_truth_decomposition",
    "log_score_decomposition",
    "mean_set_size",
    "merge_bins",
    "negative_log_likelihood",
    "perplexity",
    "precision",
    "probability_error",
    "recall",
    "reliability_bins",
    "risk_coverage_curve",
    "selective_accuracy",
    "selective_threshold",
    "smooth_calibration_error",
    "sweep_calibration_error",
    "top_k_calibration_error",
    "top_label",
    "true_calibration_error",
    "wilson_interval",
]


def __getattr__(name: str) -> Any:
    if name not in _STREAMING:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"coursekit.calibration.{_STREAMING[name]}"), name)
