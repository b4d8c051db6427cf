"""Part II of the course: measure and repair calibration, from nothing but tensors.

Names are looked up when they are first asked for, so importing this room costs nothing: neither
torch, nor scikit-learn, nor torchmetrics (which takes seconds) is loaded before it is needed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from coursekit._faces import lazy_face

if TYPE_CHECKING:
    from coursekit.calibration.bins import ReliabilityBins, gap, reliability_bins
    from coursekit.calibration.brier import brier_interval
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
    from coursekit.calibration.corp import (
        CalibrationLine,
        CorpReliability,
        calibration_line,
        corp_reliability,
    )
    from coursekit.calibration.crossed import CrossedMean, crossed_mean
    from coursekit.calibration.decisions import expense, regret
    from coursekit.calibration.decompositions import (
        ScoreDecomposition,
        TruthDecomposition,
        brier_decomposition,
        known_truth_decomposition,
    )
    from coursekit.calibration.ece_intervals import ece_interval
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
    from coursekit.calibration.judged import prediction_powered_mean, rogan_gladen
    from coursekit.calibration.monitoring import cusum, run_lengths
    from coursekit.calibration.multicalibration import Multicalibration, Patch
    from coursekit.calibration.multiclass import (
        adaptive_calibration_error,
        classwise_calibration_error,
        top_k_calibration_error,
    )
    from coursekit.calibration.planning import answers_needed
    from coursekit.calibration.risk_control import conformal_risk_threshold
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
        auroc,
        risk_coverage_curve,
        selective_accuracy,
        selective_threshold,
    )
    from coursekit.calibration.smooth import kernel_calibration_error, smooth_calibration_error
    from coursekit.calibration.streaming import StreamingReliability, StreamingScores
    from coursekit.calibration.vocabulary import VocabularyBins, VocabularyCalibration

#: The names of each module.
_NAMES = {
    "bins": ("ReliabilityBins", "gap", "reliability_bins"),
    "calibrators": (
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
    ),
    "brier": ("brier_interval",),
    "classification": ("f1_score", "precision", "recall"),
    "comparisons": ("group_p_values", "holm_adjusted"),
    "conformal": ("ConformalSets", "coverage", "mean_set_size"),
    "consistency": (
        "CalibrationTest",
        "ConsistencyBands",
        "CrossedMean",
        "calibration_test",
        "consistency_bands",
        "ece_null_distribution",
    ),
    "corp": ("CalibrationLine", "CorpReliability", "calibration_line", "corp_reliability"),
    "crossed": ("CrossedMean", "crossed_mean"),
    "decompositions": (
        "ScoreDecomposition",
        "TruthDecomposition",
        "brier_decomposition",
        "known_truth_decomposition",
    ),
    "decisions": ("expense", "regret"),
    "ece_intervals": ("ece_interval",),
    "errors": (
        "debiased_calibration_error",
        "expected_calibration_error",
        "probability_error",
        "sweep_calibration_error",
        "true_calibration_error",
    ),
    "intervals": ("Interval", "bootstrap_interval", "effective_sample_size", "wilson_interval"),
    "judged": ("prediction_powered_mean", "rogan_gladen"),
    "monitoring": ("cusum", "run_lengths"),
    "multicalibration": ("Multicalibration", "Patch"),
    "multiclass": (
        "adaptive_calibration_error",
        "classwise_calibration_error",
        "top_k_calibration_error",
    ),
    "planning": ("answers_needed",),
    "risk_control": ("conformal_risk_threshold",),
    "scores": (
        "accuracy",
        "binary_brier_score",
        "brier_score",
        "entropy",
        "kl_divergence",
        "negative_log_likelihood",
        "perplexity",
        "top_label",
    ),
    "selective": (
        "RiskCoverage",
        "auroc",
        "risk_coverage_curve",
        "selective_accuracy",
        "selective_threshold",
    ),
    "smooth": ("kernel_calibration_error", "smooth_calibration_error"),
    "streaming": ("StreamingReliability", "StreamingScores"),
    "vocabulary": ("VocabularyBins", "VocabularyCalibration"),
}
_HOMES = {name: module for module, names in _NAMES.items() for name in names}

__all__ = [
    "BetaCalibration",
    "CalibrationLine",
    "CalibrationTest",
    "Calibrator",
    "ConformalSets",
    "ConsistencyBands",
    "CorpReliability",
    "CrossedMean",
    "DirichletCalibration",
    "EnsembleAverage",
    "HistogramBinning",
    "Interval",
    "IsotonicCalibration",
    "MatrixScaling",
    "Multicalibration",
    "Patch",
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
    "answers_needed",
    "auroc",
    "binary_brier_score",
    "binary_logits",
    "bootstrap_interval",
    "brier_decomposition",
    "brier_interval",
    "brier_score",
    "calibration_line",
    "calibration_test",
    "classwise_calibration_error",
    "conformal_risk_threshold",
    "consistency_bands",
    "corp_reliability",
    "coverage",
    "crossed_mean",
    "cusum",
    "debiased_calibration_error",
    "ece_interval",
    "ece_null_distribution",
    "effective_sample_size",
    "entropy",
    "expected_calibration_error",
    "expense",
    "f1_score",
    "gap",
    "group_p_values",
    "holm_adjusted",
    "kernel_calibration_error",
    "kl_divergence",
    "known_truth_decomposition",
    "mean_set_size",
    "negative_log_likelihood",
    "perplexity",
    "precision",
    "prediction_powered_mean",
    "probability_error",
    "recall",
    "regret",
    "reliability_bins",
    "risk_coverage_curve",
    "rogan_gladen",
    "run_lengths",
    "selective_accuracy",
    "selective_threshold",
    "smooth_calibration_error",
    "sweep_calibration_error",
    "top_k_calibration_error",
    "top_label",
    "true_calibration_error",
    "wilson_interval",
]

__getattr__, __dir__ = lazy_face(__name__, _HOMES)
