"""The parity matrix: every metric against every trusted implementation of it.

Where numbers differ there is a reason, and each reason has a test in the second half: a case in
which nothing but that reason can tell the two apart, and one in which it is gone.
"""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from netcal.metrics import ACE, ECE, MCE, MMCE
from relplot.metrics import binnedECE, smECE
from sklearn import metrics
from sklearn.calibration import calibration_curve
from torchmetrics.functional import classification as functional
from torchmetrics.functional.text import perplexity as torchmetrics_perplexity

from coursekit.calibration import (
    accuracy,
    auroc,
    binary_brier_score,
    brier_score,
    classwise_calibration_error,
    expected_calibration_error,
    f1_score,
    kernel_calibration_error,
    negative_log_likelihood,
    perplexity,
    precision,
    recall,
    reliability_bins,
    smooth_calibration_error,
    top_label,
)

N, C = 3000, 5


def predictions():
    """Probabilities of five classes and labels; nothing lies on a border.

    Too sure below 0.7, too modest above: gaps of one sign would hide what bins do.
    """
    rng = np.random.default_rng(0)
    probs = rng.dirichlet(np.full(C, 0.6), N)
    truth = probs ** np.where(probs.max(axis=1, keepdims=True) < 0.7, 0.4, 2.0)
    truth /= truth.sum(axis=1, keepdims=True)
    labels = (truth.cumsum(axis=1) < rng.random(N)[:, None]).sum(axis=1).clip(max=C - 1)
    return probs, labels


PROBS, LABELS = predictions()
T_PROBS, T_LABELS = torch.from_numpy(PROBS), torch.from_numpy(LABELS)
PREDICTED = PROBS.argmax(axis=1)
CONFIDENCE, CORRECT = PROBS.max(axis=1), PROBS.argmax(axis=1) == LABELS
POSITIVE = PROBS[:, 0]
IS_POSITIVE = LABELS == 0


def quiet(measure, *arguments):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return measure(*arguments)


def scikit_learn_ece(strategy):
    """The curve has no counts; with continuous confidences a histogram supplies them."""
    happened, mean = calibration_curve(CORRECT, CONFIDENCE, n_bins=15, strategy=strategy)
    if strategy == "quantile":
        return np.abs(happened - mean).mean()  # 3,000 in 15 bins: 200 each
    count = np.histogram(CONFIDENCE, 15, (0, 1))[0]
    return np.abs(happened - mean) @ count[count > 0] / N


def calibration_error(norm):
    return functional.multiclass_calibration_error(T_PROBS, T_LABELS, C, n_bins=15, norm=norm)


#: what, ours, theirs, tolerance (torchmetrics sums in float32; relplot on a grid).
MATRIX = [
    ("accuracy, scikit-learn", accuracy(PROBS, LABELS),
     metrics.accuracy_score(LABELS, PREDICTED), 1e-12),
    ("accuracy, torchmetrics", accuracy(PROBS, LABELS),
     functional.multiclass_accuracy(T_PROBS, T_LABELS, C, average="micro"), 1e-6),
    *[
        (f"{name} {average}, {library}", ours(PREDICTED, LABELS, average=average), theirs, 1e-6)
        for average in ("macro", "micro", "weighted")
        for name, ours, sklearn_one, torchmetrics_one in [
            ("precision", precision, metrics.precision_score, functional.multiclass_precision),
            ("recall", recall, metrics.recall_score, functional.multiclass_recall),
            ("F1", f1_score, metrics.f1_score, functional.multiclass_f1_score),
        ]
        for library, theirs in [
            ("scikit-learn", sklearn_one(LABELS, PREDICTED, average=average)),
            ("torchmetrics", torchmetrics_one(T_PROBS, T_LABELS, C, average=average)),
        ]
    ],
    ("NLL, scikit-learn", negative_log_likelihood(PROBS, LABELS),
     metrics.log_loss(LABELS, PROBS, labels=range(C)), 1e-12),
    ("NLL, torch", negative_log_likelihood(PROBS, LABELS),
     torch.nn.functional.nll_loss(T_PROBS.log(), T_LABELS), 1e-12),
    ("perplexity, torchmetrics", perplexity(PROBS, LABELS),
     torchmetrics_perplexity(T_PROBS.log()[None], T_LABELS[None]), 1e-4),
    ("Brier, scikit-learn", brier_score(PROBS, LABELS),
     metrics.brier_score_loss(LABELS, PROBS, labels=range(C), scale_by_half=False), 1e-12),
    ("binary Brier, scikit-learn", binary_brier_score(POSITIVE, IS_POSITIVE),
     metrics.brier_score_loss(IS_POSITIVE, POSITIVE), 1e-12),
    *[
        (f"ECE {norm}, torchmetrics",
         expected_calibration_error(CONFIDENCE, CORRECT, 15, norm=norm),
         calibration_error(norm), 1e-6)
        for norm in ("l1", "l2", "max")
    ],
    ("ECE, netcal", expected_calibration_error(CONFIDENCE, CORRECT, 15),
     ECE(15).measure(PROBS, LABELS), 1e-12),
    ("ECE max, netcal", expected_calibration_error(CONFIDENCE, CORRECT, 15, norm="max"),
     MCE(15).measure(PROBS, LABELS), 1e-12),
    ("ECE quantile, netcal", expected_calibration_error(CONFIDENCE, CORRECT, 15, "quantile"),
     ECE(15, equal_intervals=False).measure(CONFIDENCE, CORRECT.astype(int)), 1e-12),
    ("ECE, relplot", expected_calibration_error(CONFIDENCE, CORRECT, 15),
     binnedECE(CONFIDENCE, CORRECT.astype(float), 15), 1e-12),
    ("ECE, scikit-learn's curve", expected_calibration_error(CONFIDENCE, CORRECT, 15),
     scikit_learn_ece("uniform"), 1e-12),
    ("ECE quantile, scikit-learn's curve",
     expected_calibration_error(CONFIDENCE, CORRECT, 15, "quantile"),
     scikit_learn_ece("quantile"), 2e-3),  # quantiles interpolated between two confidences
    ("class-wise, netcal", classwise_calibration_error(PROBS, LABELS, 15),
     np.mean([ECE(15).measure(PROBS[:, c], 1 * np.equal(LABELS, c)) for c in range(C)]), 1e-12),
    ("smooth ECE, relplot", smooth_calibration_error(CONFIDENCE, CORRECT),
     smECE(CONFIDENCE, CORRECT.astype(float)), 1e-3),
    ("kernel error, netcal", kernel_calibration_error(CONFIDENCE[:500], CORRECT[:500]),
     MMCE().measure(PROBS[:500], LABELS[:500]), 1e-10),
    ("AUROC, scikit-learn", auroc(CONFIDENCE, CORRECT),
     metrics.roc_auc_score(CORRECT, CONFIDENCE), 1e-12),
    ("AUROC, torchmetrics", auroc(CONFIDENCE, CORRECT),
     functional.binary_auroc(torch.from_numpy(CONFIDENCE), torch.from_numpy(CORRECT).long()),
     1e-6),
]  # fmt: skip


@pytest.mark.parametrize(
    ("ours", "theirs", "tolerance"), [row[1:] for row in MATRIX], ids=[row[0] for row in MATRIX]
)
def test_equal(ours, theirs, tolerance):
    assert ours == pytest.approx(float(theirs), abs=tolerance)


# Reasons to differ.

#: Six forecasts on borders of ten bins, as people state them.
STATED, HAPPENED = np.array([0.1, 0.2, 0.25, 0.7, 0.8, 0.85]), np.array([1, 1, 0, 0, 1, 0])


def torchmetrics_ece(confidence, correct, n_bins, norm="l1"):
    return functional.binary_calibration_error(
        torch.as_tensor(confidence), torch.as_tensor(correct).long(), n_bins=n_bins, norm=norm
    ).item()


def test_edges_netcal():
    """Ours is (a, b], netcal's [a, b): a border goes down here, and up there."""
    ours = expected_calibration_error(STATED, HAPPENED, 10)
    assert ours == pytest.approx((0.9 + 0.8 + 0.25 + 0.7 + 0.2 + 0.85) / 6)
    # There 0.2 shares a bin with 0.25, and 0.8 with 0.85, and their gaps cancel.
    together = abs(0.8 - 0.25) + abs(0.2 - 0.85)
    assert ECE(10).measure(STATED, HAPPENED) == pytest.approx((0.9 + 0.7 + together) / 6)
    # Off the borders the difference is gone.
    shifted = STATED - 1e-6
    assert expected_calibration_error(shifted, HAPPENED, 10) == pytest.approx(
        ECE(10).measure(shifted, HAPPENED), abs=1e-12
    )


def test_edges_torchmetrics_and_relplot():
    """Both put 1.0 into a bin of its own; ours shares the last bin with 0.95."""
    confidence, correct = np.array([0.95, 1.0]), np.array([1, 0])
    ours = expected_calibration_error(confidence, correct, 10)
    assert ours == pytest.approx(abs(0.5 - 0.975))
    alone = (0.05 + 1.0) / 2
    assert torchmetrics_ece(confidence, correct, 10) == pytest.approx(alone, abs=1e-6)
    assert binnedECE(confidence, correct.astype(float), 10) == pytest.approx(alone)
    below = np.array([0.95, 1 - 1e-6])
    assert torchmetrics_ece(below, correct, 10) == pytest.approx(
        expected_calibration_error(below, correct, 10), abs=1e-5
    )


def test_few_values_need_discrete_bins():
    """Verbalized confidences: one set of answers, and as many errors as libraries and bins."""
    confidence = np.repeat([0.7, 0.8, 0.9, 0.95, 1.0], 20)
    right = [17, 12, 16, 20, 17]
    correct = np.concatenate([[1] * k + [0] * (20 - k) for k in right])
    exact = np.mean([abs(k / 20 - v) for k, v in zip(right, [0.7, 0.8, 0.9, 0.95, 1], strict=True)])
    found = expected_calibration_error(confidence, correct, binning="discrete")
    assert found == pytest.approx(exact, abs=1e-12)
    binned = {
        round(value, 3)
        for n_bins in (5, 10, 15)
        for value in (
            expected_calibration_error(confidence, correct, n_bins),
            ECE(n_bins).measure(confidence, correct),
            torchmetrics_ece(confidence, correct, n_bins),
        )
    }
    assert len(binned) >= 3
    assert max(binned) > 2 * min(binned)


def test_empty_bins():
    """netcal's ACE and ours agree that empty bins do not count; weights are what differ."""
    confidence, correct = np.array([0.15] + [0.85] * 9), np.array([1] + [1] * 9)
    bins = reliability_bins(confidence, correct, 10)
    unweighted = bins.gap[bins.count > 0].abs().mean().item()
    assert ACE(10).measure(confidence, correct) == pytest.approx(unweighted)
    assert unweighted == pytest.approx((0.85 + 0.15) / 2)
    assert expected_calibration_error(confidence, correct, 10) == pytest.approx(
        (0.85 + 9 * 0.15) / 10
    )


def test_default_bins():
    """One call without options: 15 bins here and in torchmetrics, 10 in netcal and relplot."""
    ours, outcome = expected_calibration_error(CONFIDENCE, CORRECT), CORRECT.astype(float)
    assert functional.multiclass_calibration_error(T_PROBS, T_LABELS, C).item() == pytest.approx(
        ours, abs=1e-6
    )
    ten = expected_calibration_error(CONFIDENCE, CORRECT, n_bins=10)
    assert ten != pytest.approx(ours, abs=1e-6)
    assert ECE().measure(PROBS, LABELS) == pytest.approx(ten, abs=1e-12)
    assert binnedECE(CONFIDENCE, outcome) == pytest.approx(ten, abs=1e-12)


def test_two_columns():
    """netcal takes the second column for the positive class; torchmetrics the top label."""
    probs = np.stack([1 - POSITIVE, POSITIVE], axis=1)
    labels = IS_POSITIVE.astype(int)
    top = expected_calibration_error(*top_label(probs, labels))
    positive = expected_calibration_error(POSITIVE, IS_POSITIVE)
    assert ECE(15).measure(probs, labels) == pytest.approx(positive, abs=1e-12)
    theirs = functional.multiclass_calibration_error(
        torch.from_numpy(probs), torch.from_numpy(labels), 2
    )
    assert theirs.item() == pytest.approx(top, abs=1e-6)
    assert top != pytest.approx(positive, abs=1e-3)
    # One of them being calibrated says nothing about the other column; class-wise takes both.
    assert classwise_calibration_error(probs, labels) == pytest.approx(
        (positive + expected_calibration_error(1 - POSITIVE, ~IS_POSITIVE)) / 2
    )


def test_logits_that_look_like_probabilities():
    """torchmetrics takes numbers within [0, 1] for probabilities, and applies a sigmoid else."""
    logits, correct = torch.tensor([0.2, 0.9, 0.4]), torch.tensor([0, 1, 1])
    ours = expected_calibration_error(logits.sigmoid(), correct, 10)
    assert torchmetrics_ece(logits, correct, 10) != pytest.approx(ours, abs=0.05)
    # A single logit outside, and all are taken for what they are.
    more, outcome = torch.cat([logits, torch.tensor([3.0])]), torch.cat([correct, correct[:1]])
    assert torchmetrics_ece(more, outcome, 10) == pytest.approx(
        expected_calibration_error(more.sigmoid(), outcome, 10), abs=1e-6
    )


def test_one_nan():
    """One NaN in a thousand: torchmetrics and netcal answer with a number, we refuse."""
    confidence = CONFIDENCE[:1000].copy()
    confidence[500] = np.nan
    correct = CORRECT[:1000].astype(int)
    with pytest.raises(ValueError, match="confidence must be finite, found nan"):
        expected_calibration_error(confidence, correct)
    theirs = quiet(torchmetrics_ece, confidence, correct, 15)
    assert theirs != pytest.approx(expected_calibration_error(CONFIDENCE[:1000], correct), abs=1e-3)


def test_counts_in_float32_stop():
    """Twenty million predictions at 0.75, of which 0.88 are right: torchmetrics sees no error.

    A float32 that holds 2**24 stays so when 1 is added, and 0.75 and 1 are lost in the sums.
    """
    n = 20_000_000
    confidence, correct = torch.full((n,), 0.75), (torch.arange(n) % 25 < 22).long()
    assert expected_calibration_error(confidence, correct) == pytest.approx(0.13, abs=1e-12)
    theirs = functional.binary_calibration_error(confidence, correct, validate_args=False)
    assert abs(theirs.item() - 0.13) > 0.05
    # In float64 it counts as we do.
    theirs = functional.binary_calibration_error(
        confidence[: n // 10].double(), correct[: n // 10], validate_args=False
    )
    assert theirs.item() == pytest.approx(0.13, abs=1e-9)
