from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from coursekit.calibration import (
    EnsembleAverage,
    IsotonicCalibration,
    TemperatureScaling,
    negative_log_likelihood,
)


@pytest.fixture
def members(predictions):
    """Five models `(5, N, C)` that see the same logits with noise of their own, and the labels."""
    logits, labels = predictions(n=3000, n_classes=4, temperature=1.0)
    noise = torch.randn(5, 3000, 4, generator=torch.Generator().manual_seed(1)).double()
    return logits + 2 * noise, labels


def test_averages_probabilities_not_logits():
    logits = torch.tensor([[[math.log(3), 0.0]], [[0.0, math.log(9)]]])
    probs = EnsembleAverage().fit(logits, [0]).predict_proba(logits)
    assert probs[0].tolist() == pytest.approx([(0.75 + 0.1) / 2, (0.25 + 0.9) / 2])


def test_average_is_never_worse_than_the_mean_member(members):
    """Jensen's inequality, for the negative log-likelihood."""
    logits, labels = members
    alone = [negative_log_likelihood(torch.softmax(z, dim=1), labels) for z in logits]
    pooled = EnsembleAverage().fit(logits, labels).predict_proba(logits)
    assert negative_log_likelihood(pooled, labels) < np.mean(alone)


def test_one_model_is_its_own_average(members):
    one = members[0][:1]
    probs = EnsembleAverage().fit(one, members[1]).predict_proba(one)
    assert probs.numpy() == pytest.approx(torch.softmax(one[0], dim=1).numpy(), abs=1e-12)


def test_calibrators_that_are_pooled_are_not_sure_enough_and_pooling_first_repairs_it(members):
    logits, labels = members
    fits = [TemperatureScaling().fit(z, labels) for z in logits]
    calibrated = torch.stack(
        [fit.predict_proba(z).log() for fit, z in zip(fits, logits, strict=True)]
    )
    temperature = TemperatureScaling().fit(
        EnsembleAverage().fit(calibrated, labels).predict_proba(calibrated).log(), labels
    )
    assert temperature.temperature_ < 0.9
    pooled = EnsembleAverage(TemperatureScaling()).fit(logits, labels).predict_proba(logits)
    again = TemperatureScaling().fit(pooled.log(), labels)
    assert again.temperature_ == pytest.approx(1, abs=1e-6)


def test_small_probabilities_survive_the_average():
    """exp(-800) is 0 in float64; its logarithm is not, and a calibrator needs it."""
    logits = torch.tensor([[[0.0, -800.0]], [[0.0, -900.0]]], dtype=torch.float64)
    table = EnsembleAverage()._as_table(logits)
    assert table[0, 1].item() == pytest.approx(-800 - math.log(2), rel=1e-12)


def test_the_calibrators_own_checks_apply(members):
    model = EnsembleAverage(IsotonicCalibration()).fit(*members)
    with pytest.raises(ValueError, match="logits must have 4 classes, as in fit, found 3"):
        model.predict_proba(torch.zeros(2, 5, 3))


@pytest.mark.parametrize(
    ("logits", "labels", "message"),
    [
        (torch.zeros(2, 3), [0, 1], r"logits must have shape \(M, N, C\).*found shape \(2, 3\)"),
        (torch.zeros(0, 2, 3), [0, 1], r"logits must have shape \(M, N, C\)"),
        (torch.zeros(2, 0, 3), [], "logits must not be empty"),
        (torch.zeros(2, 2, 1), [0, 0], "at least 2 classes"),
        (torch.full((2, 2, 3), float("nan")), [0, 1], "logits must be finite"),
        (torch.zeros(2, 2, 3), [0, 1, 2, 0], "one entry for each of the 2 rows, found 4"),
        (torch.zeros(2, 2, 3), [0, 3], "labels must lie in 0 .. 2"),
    ],
)
def test_bad_ensembles_are_refused(logits, labels, message):
    with pytest.raises(ValueError, match=message):
        EnsembleAverage().fit(logits, np.array(labels, dtype=int))


def test_something_else_than_a_calibrator_is_refused():
    with pytest.raises(TypeError, match="calibrator must be a Calibrator"):
        EnsembleAverage(TemperatureScaling)
