from __future__ import annotations

import numpy as np
import pytest
import torch
from netcal.scaling import LogisticCalibration
from scipy.optimize import minimize
from scipy.special import log_softmax
from sklearn.linear_model import LogisticRegression

from coursekit.calibration import (
    DirichletCalibration,
    MatrixScaling,
    VectorScaling,
    negative_log_likelihood,
)


def with_imaginary_example(features, labels):
    """One row for every pair of row and class, weighted as (N one-hot + 1 / C) / (N + 1)."""
    n, n_classes = features.shape
    weight = (n * np.eye(n_classes)[labels] + 1 / n_classes) / (n + 1)
    return np.repeat(features, n_classes, axis=0), np.tile(range(n_classes), n), weight.ravel()


def log_probs(logits):
    return torch.log_softmax(logits, dim=1)


@pytest.mark.parametrize(
    ("calibrator", "features"),
    [(MatrixScaling(0, 0), lambda z: z), (DirichletCalibration(0, 0), log_probs)],
    ids=["matrix", "dirichlet"],
)
@pytest.mark.parametrize("n_classes", [3, 5])
def test_without_penalty_it_is_scikit_learns_multinomial_regression(
    calibrator, features, n_classes, predictions
):
    logits, labels = predictions(n=400, n_classes=n_classes, tilt=1.0)
    ours = calibrator.fit(logits, labels).predict_proba(logits).numpy()
    x, y, weight = with_imaginary_example(features(logits).numpy(), labels.numpy())
    # lbfgs of scikit-learn stops early at its default tolerance
    theirs = LogisticRegression(C=np.inf, tol=1e-10, max_iter=10_000).fit(x, y, weight)
    assert ours == pytest.approx(theirs.predict_proba(features(logits).numpy()), abs=1e-5)
    assert calibrator.converged_


@pytest.mark.parametrize("penalties", [(0.0, 0.0), (1.0, 0.01), (20.0, 5.0)])
@pytest.mark.parametrize("family", [MatrixScaling, DirichletCalibration])
def test_odir_equals_scipys_minimum_of_the_objective_in_the_paper(family, penalties, predictions):
    logits, labels = predictions(n=120, n_classes=3, tilt=1.0)
    n, c = logits.shape
    x = (logits if family is MatrixScaling else log_probs(logits)).numpy()
    targets = (n * np.eye(c)[labels.numpy()] + 1 / c) / (n + 1)
    off_diagonal = ~np.eye(c, dtype=bool)

    def objective(parameters):
        w, b = parameters[:9].reshape(3, 3), parameters[9:]
        nll = -(targets * log_softmax(x @ w.T + b, axis=1)).sum() / n
        odir = penalties[0] * (w[off_diagonal] ** 2).sum() / (c * (c - 1))
        return nll + odir + penalties[1] * (b**2).sum() / c

    best = minimize(objective, np.r_[np.eye(3).ravel(), np.zeros(3)], options={"gtol": 1e-7})
    model = family(*penalties).fit(logits, labels)
    ours = np.r_[model.weight_.numpy().ravel(), model.bias_.numpy()]
    assert objective(ours) <= best.fun + 1e-9
    reference = x @ best.x[:9].reshape(3, 3).T + best.x[9:]
    expected = np.exp(log_softmax(reference, axis=1))
    assert model.predict_proba(logits).numpy() == pytest.approx(expected, abs=1e-4)


def test_vector_scaling_equals_scipys_minimum(predictions):
    logits, labels = predictions(n=300, n_classes=4, tilt=1.0)
    n, c = logits.shape
    x = logits.numpy()
    targets = (n * np.eye(c)[labels.numpy()] + 1 / c) / (n + 1)

    def objective(parameters):
        return -(targets * log_softmax(x * parameters[:c] + parameters[c:], axis=1)).sum() / n

    best = minimize(objective, np.r_[np.ones(c), np.zeros(c)], options={"gtol": 1e-8})
    model = VectorScaling().fit(logits, labels)
    assert model.weight_.numpy() == pytest.approx(best.x[:c], abs=1e-4)
    assert model.bias_.numpy() == pytest.approx(best.x[c:] - best.x[c:].mean(), abs=1e-4)


def test_vector_scaling_approaches_netcal_as_the_imaginary_example_loses_weight(predictions):
    """netcal scales the log-probabilities, with no imaginary example: differences fall as 1/N."""
    difference = {}
    for n in (200, 5000):
        logits, labels = predictions(n=n, n_classes=3, tilt=0.5)
        logits = log_probs(logits)
        theirs = LogisticCalibration()
        theirs.fit(logits.exp().numpy(), labels.numpy())
        ours = VectorScaling().fit(logits, labels).predict_proba(logits).numpy()
        difference[n] = np.abs(ours - theirs.transform(logits.exp().numpy())).max()
    assert difference[5000] < 2e-3
    assert difference[5000] < difference[200]


def test_vector_scaling_recovers_factors_and_offsets(predictions):
    logits, _ = predictions(n=60_000, n_classes=3)
    weight = torch.tensor([0.5, 1.0, 1.5], dtype=torch.float64)
    bias = torch.tensor([1.0, -0.5, -0.5], dtype=torch.float64)
    generator = torch.Generator().manual_seed(2)
    probs = torch.softmax(weight * logits + bias, dim=1)
    labels = torch.multinomial(probs, 1, generator=generator).squeeze(1)
    model = VectorScaling().fit(logits, labels)
    assert model.weight_.numpy() == pytest.approx(weight.numpy(), abs=0.04)
    assert model.bias_.numpy() == pytest.approx(bias.numpy(), abs=0.04)


@pytest.mark.parametrize("calibrator", [VectorScaling(), MatrixScaling(0, 0)])
@pytest.mark.parametrize("scale", [1e-4, 1e4])
def test_weights_have_the_inverse_unit_of_the_logits(calibrator, scale, predictions):
    logits, labels = predictions(n=300, n_classes=3)
    plain = calibrator.fit(logits, labels).predict_proba(logits)
    scaled = calibrator.fit(scale * logits, labels).predict_proba(scale * logits)
    assert scaled.numpy() == pytest.approx(plain.numpy(), abs=1e-5)


@pytest.mark.parametrize("family", [MatrixScaling, DirichletCalibration])
def test_a_huge_penalty_leaves_one_factor_for_each_class(family, predictions):
    logits, labels = predictions(n=300, n_classes=3, tilt=1.0)
    model = family(1e4, 1e4).fit(logits, labels)
    off_diagonal = model.weight_ - model.weight_.diag().diag()
    assert off_diagonal.abs().max().item() < 1e-3
    assert model.bias_.abs().max().item() < 1e-3


def test_the_penalty_protects_where_data_are_few(predictions):
    """What the notebook says: 20 classes, 420 numbers, 400 examples."""
    logits, labels = predictions(n=400, n_classes=20)
    new, truth = predictions(n=4000, n_classes=20, seed=1)

    def loss(calibrator):
        return negative_log_likelihood(calibrator.fit(logits, labels).predict_proba(new), truth)

    assert loss(MatrixScaling(100, 0.01)) < loss(MatrixScaling(1, 0.01)) < loss(MatrixScaling(0, 0))


@pytest.mark.parametrize("family", [MatrixScaling, DirichletCalibration])
@pytest.mark.parametrize("name", ["off_diagonal_penalty", "bias_penalty"])
@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf")])
def test_bad_penalties_are_refused(family, name, value):
    with pytest.raises(ValueError, match=f"{name} must be a finite number of at least 0, found"):
        family(**{name: value})
