"""A class masked by -1e9 neither disturbs a fit nor comes to life by it."""

from __future__ import annotations

import pytest
import torch

from coursekit.calibration import (
    BetaCalibration,
    DirichletCalibration,
    MatrixScaling,
    PlattScaling,
    TemperatureScaling,
    VectorScaling,
    negative_log_likelihood,
)

MASKS = [-1e4, -1e9, torch.finfo(torch.float32).min]
LINEAR = [VectorScaling, MatrixScaling, DirichletCalibration]
LOGISTIC = [PlattScaling, BetaCalibration]


def overconfident(hidden, mask, n=300):
    """Float32 logits of five classes, masked where hidden, and labels drawn from 0.4 times them."""
    generator = torch.Generator().manual_seed(1)
    logits = torch.randn(n, 5, generator=generator) * 2
    truth = (logits * 0.4).masked_fill(hidden, -torch.inf).softmax(1)
    labels = torch.multinomial(truth, 1, generator=generator).squeeze(1)
    return logits.masked_fill(hidden, mask), labels


def loss(probs, labels):
    return negative_log_likelihood(probs, labels)


@pytest.mark.parametrize("calibrator", LINEAR)
@pytest.mark.parametrize("mask", MASKS)
def test_a_class_that_all_rows_rule_out_is_as_if_it_were_not_there(calibrator, mask):
    hidden = torch.zeros(300, 5, dtype=torch.bool)
    hidden[:, 2] = True
    logits, labels = overconfident(hidden, mask)
    others = [0, 1, 3, 4]
    model = calibrator().fit(logits, labels)
    without = calibrator().fit(logits[:, others], torch.tensor([0, 1, -1, 2, 3])[labels])
    probs = model.predict_proba(logits)
    assert torch.equal(probs[:, 2], torch.zeros(300))
    expected = without.predict_proba(logits[:, others])
    assert probs[:, others].numpy() == pytest.approx(expected.numpy(), abs=1e-6)
    assert model.converged_
    assert model.bias_[2] == 0
    assert model.bias_.sum().item() == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("calibrator", [VectorScaling, *LOGISTIC])
@pytest.mark.parametrize("share", ["all rows", "every other row"])
def test_how_low_a_mask_lies_does_not_matter(calibrator, share):
    hidden = torch.zeros(300, 5, dtype=torch.bool)
    hidden[:: 1 if share == "all rows" else 2, 2] = True
    found = []
    for mask in MASKS:
        logits, labels = overconfident(hidden, mask)
        probs = calibrator().fit(logits, labels).predict_proba(logits)
        assert probs[hidden].max() == 0
        found.append(loss(probs, labels))
    assert found == pytest.approx([found[0]] * 3, abs=1e-6)
    assert found[0] < loss(logits.softmax(1), labels) - 0.05


@pytest.mark.parametrize("calibrator", [TemperatureScaling, *LINEAR, *LOGISTIC])
@pytest.mark.parametrize("mask", [-100.0, *MASKS])
@pytest.mark.parametrize("n", [20, 300])
def test_no_fit_ends_worse_than_the_logits_as_they_are(calibrator, mask, n):
    hidden = torch.zeros(n, 5, dtype=torch.bool)
    hidden[:, 4] = True
    logits, labels = overconfident(hidden, mask, n)
    fitted = calibrator().fit(logits, labels).predict_proba(logits)
    assert loss(fitted, labels) <= loss(logits.softmax(1), labels)


@pytest.mark.parametrize("calibrator", [*LINEAR, *LOGISTIC])
def test_two_columns_of_which_one_is_masked_leave_certainty(calibrator):
    """Whatever was masked stays so; the rows with a choice decide about the rest."""
    hidden = torch.zeros(300, 5, dtype=torch.bool)
    hidden[:, 2:] = True
    hidden[::3, 1] = True
    logits, labels = overconfident(hidden, -1e9)
    logits, hidden = logits[:, :2], hidden[:, :2]
    probs = calibrator().fit(logits, labels).predict_proba(logits)
    assert probs[hidden].max() < 1e-6
    assert loss(probs, labels) <= loss(logits.softmax(1), labels)


@pytest.mark.parametrize("calibrator", [VectorScaling, *LOGISTIC])
def test_a_mask_on_the_truth_is_no_mask(calibrator):
    """A label that the logits call impossible is evidence, and the fit must believe in it."""
    hidden = torch.zeros(300, 5, dtype=torch.bool)
    hidden[:, 4] = True
    logits, labels = overconfident(hidden, -1e4)
    labels[:30] = 4
    probs = calibrator().fit(logits, labels).predict_proba(logits)
    assert 0.05 < probs[:, 4].mean().item() < 0.15
