from __future__ import annotations

import math
import pickle

import numpy as np
import pytest
import torch
from netcal import binning, scaling
from scipy.optimize import minimize

from coursekit.calibration import (
    BetaCalibration,
    HistogramBinning,
    IsotonicCalibration,
    PlattScaling,
    TemperatureScaling,
    binary_logits,
    reliability_bins,
)

ONE_VS_REST = [PlattScaling, BetaCalibration, IsotonicCalibration, HistogramBinning]


def log_odds(logits):
    p = torch.softmax(logits, dim=1)
    return (p / (1 - p)).log()


@pytest.mark.parametrize("n_classes", [2, 4])
def test_platt_equals_scikit_learn(n_classes, predictions, scikit_learn_probabilities):
    logits, labels = predictions(n=500, n_classes=n_classes, tilt=0.5)
    ours = PlattScaling().fit(logits, labels).predict_proba(logits).numpy()
    # scikit-learn stops at a slope of 1e-6 of the sum
    theirs = scikit_learn_probabilities("sigmoid", log_odds(logits), labels)
    assert ours == pytest.approx(theirs, abs=1e-5)


@pytest.mark.parametrize("n_classes", [2, 4])
def test_isotonic_equals_scikit_learn(n_classes, predictions, scikit_learn_probabilities):
    logits, labels = predictions(n=500, n_classes=n_classes, tilt=0.5)
    ours = IsotonicCalibration().fit(logits, labels).predict_proba(logits).numpy()
    probs = torch.softmax(logits, dim=1)
    assert ours == pytest.approx(scikit_learn_probabilities("isotonic", probs, labels), abs=1e-12)


def test_isotonic_equals_netcal(predictions):
    logits, labels = predictions(n=500, n_classes=2, tilt=0.5)
    p = torch.softmax(logits, dim=1)[:, 1].numpy()
    theirs = binning.IsotonicRegression().fit(p, labels.numpy()).transform(p)
    ours = IsotonicCalibration().fit(logits, labels).predict_proba(logits)[:, 1]
    assert ours.numpy() == pytest.approx(theirs, abs=1e-6)


@pytest.mark.parametrize("n_bins", [5, 15])
def test_histogram_equals_netcal(n_bins, predictions):
    logits, labels = predictions(n=500, n_classes=2, tilt=0.5)
    p = torch.softmax(logits, dim=1)[:, 1].numpy()
    theirs = binning.HistogramBinning(bins=n_bins).fit(p, labels.numpy()).transform(p)
    ours = HistogramBinning(n_bins).fit(logits, labels).predict_proba(logits)[:, 1]
    assert ours.numpy() == pytest.approx(theirs, abs=1e-12)


def test_histogram_differs_from_netcal_only_on_a_border():
    """0.5 lies in the first of two bins, (0, 0.5]. netcal counts it in [0.5, 1] when it fits,
    and then answers with (0, 0.5], where it counted nothing but the 0.25."""
    p, happened = np.array([0.25, 0.5, 0.5, 0.75]), np.array([0, 1, 1, 0])
    theirs = binning.HistogramBinning(bins=2).fit(p, happened).transform(p)
    ours = HistogramBinning(2).fit(binary_logits(p), happened).predict_proba(binary_logits(p))
    assert theirs.tolist() == pytest.approx([0, 0, 0, 2 / 3])
    assert ours[:, 1].tolist() == pytest.approx([2 / 3, 2 / 3, 2 / 3, 0])


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [(PlattScaling, scaling.LogisticCalibration), (BetaCalibration, scaling.BetaCalibration)],
)
def test_netcal_differs_by_platts_targets(ours, theirs, predictions):
    """netcal aims at 0 and 1. Its answer is approached as the imaginary examples lose weight."""
    difference = {}
    for n in (200, 10_000):
        logits, labels = predictions(n=n, n_classes=2, tilt=0.5)
        p = torch.softmax(logits, dim=1)[:, 1].numpy()
        peer = theirs()
        peer.fit(p, labels.numpy())
        mine = ours().fit(logits, labels).predict_proba(logits)[:, 1].numpy()
        difference[n] = np.abs(mine - peer.transform(p).ravel()).max()
    assert difference[10_000] < 1e-3
    assert difference[10_000] < difference[200] / 10


@pytest.mark.parametrize("seed", range(4))
def test_beta_equals_scipys_constrained_minimum(seed, predictions):
    logits, labels = predictions(n=80, n_classes=2, temperature=20.0, seed=seed)
    p = torch.softmax(logits, dim=1)[:, 1].numpy()
    happened = labels.numpy() == 1
    n1, n0 = happened.sum(), (~happened).sum()
    targets = np.where(happened, (n1 + 1) / (n1 + 2), 1 / (n0 + 2))

    def objective(x):
        score = x[0] * np.log(p) - x[1] * np.log1p(-p) + x[2]
        return (np.logaddexp(0, score) - targets * score).mean()

    best = minimize(
        objective,
        [1, 1, 0],
        method="SLSQP",
        bounds=[(0, None), (0, None), (None, None)],
        options={"ftol": 1e-14, "maxiter": 1000},
    )
    model = BetaCalibration().fit(logits, labels)
    found = [*model.coefficient_[0].tolist(), model.intercept_[0].item()]
    assert objective(found) <= best.fun + 1e-10
    assert found == pytest.approx(best.x, abs=2e-3)
    assert min(found[:2]) >= 0
    assert model.converged_


def test_beta_holds_a_negative_coefficient_at_zero():
    """The event gets rarer as p grows: the best rising function is flat, at its frequency."""
    p = np.linspace(0.05, 0.95, 200)
    happened = (np.arange(200) % 10 < 10 * (1 - p)).astype(int)
    model = BetaCalibration().fit(binary_logits(p), happened)
    assert model.coefficient_.tolist() == [[0.0, 0.0]]
    # with Platt's targets: (N1 (N1 + 1) / (N1 + 2) + N0 / (N0 + 2)) / N
    n1 = happened.sum()
    frequency = (n1 * (n1 + 1) / (n1 + 2) + (200 - n1) / (202 - n1)) / 200
    answer = model.predict_proba(binary_logits(p))[:, 1].numpy()
    assert answer == pytest.approx(frequency, abs=1e-6)
    assert model.converged_


def test_platt_undoes_a_known_distortion():
    """ln(q / (1 - q)) = 2 ln(p / (1 - p)) - 1 for the true p: the way back is half, plus half."""
    generator = torch.Generator().manual_seed(0)
    truth = torch.rand(100_000, generator=generator, dtype=torch.float64)
    happened = torch.bernoulli(truth, generator=generator).long()
    told = torch.sigmoid(2 * torch.logit(truth) - 1)
    model = PlattScaling().fit(binary_logits(told), happened)
    assert model.coefficient_.item() == pytest.approx(0.5, abs=0.01)
    assert model.intercept_.item() == pytest.approx(0.5, abs=0.02)


def test_beta_undoes_a_power():
    """Told p = truth ** 3: ln truth = ln p / 3, which no function of the log-odds alone gives."""
    generator = torch.Generator().manual_seed(0)
    truth = torch.rand(50_000, generator=generator, dtype=torch.float64)
    happened = torch.bernoulli(truth, generator=generator).long()
    told = binary_logits(truth**3)

    def error(calibrator):
        answer = calibrator.fit(told, happened).predict_proba(told)[:, 1]
        return (answer - truth).abs().mean().item()

    assert error(BetaCalibration()) < 0.01
    assert error(BetaCalibration()) < error(PlattScaling()) / 2


def test_isotonic_is_hand_computed_and_rises():
    """Frequencies 0, 1, 0, 1 at rising p: the fall in the middle is pooled to 1/2."""
    p = torch.tensor([0.1, 0.3, 0.5, 0.9], dtype=torch.float64)
    model = IsotonicCalibration().fit(binary_logits(p), [0, 1, 0, 1])
    answer = model.predict_proba(binary_logits(p))[:, 1]
    assert answer.tolist() == pytest.approx([0, 0.5, 0.5, 1])
    grid = torch.linspace(0.01, 0.99, 99, dtype=torch.float64)
    assert (model.predict_proba(binary_logits(grid))[:, 1].diff() >= 0).all()
    # linear between 0.1 and 0.3
    middle = model.predict_proba(binary_logits([0.2]))[0, 1].item()
    assert middle == pytest.approx(0.25)


@pytest.mark.parametrize("how", ["uniform", "quantile"])
def test_histogram_answers_with_the_accuracy_of_the_diagram(how, predictions):
    logits, labels = predictions(n=1000, n_classes=2)
    p = torch.softmax(logits, dim=1)[:, 1]
    bins = reliability_bins(p, labels == 1, 10, how)
    answer = HistogramBinning(10, how).fit(logits, labels).predict_proba(logits)[:, 1]
    values = set(answer.tolist())
    assert values == set(bins.accuracy[bins.count > 0].tolist())
    # calibrated on its own data, by construction: answers of equal value come true that often
    for value in values:
        assert (labels[answer == value] == 1).double().mean().item() == pytest.approx(value)


def test_an_empty_bin_answers_with_its_middle():
    model = HistogramBinning(4).fit(binary_logits([0.1, 0.2, 0.9]), [1, 0, 1])
    answer = model.predict_proba(binary_logits([0.05, 0.3, 0.6, 0.99]))[:, 1]
    assert answer.tolist() == pytest.approx([0.5, 0.375, 0.625, 1.0])


def test_a_row_of_zeros_becomes_uniform():
    """No class ever happened at a probability below 1/2, and now all three have 1/3."""
    model = HistogramBinning(2).fit(5 * torch.eye(3), [0, 1, 2])
    assert model.predict_proba(torch.zeros(1, 3)).numpy() == pytest.approx(1 / 3)


@pytest.mark.parametrize("calibrator", ONE_VS_REST)
def test_classes_are_fitted_one_against_the_rest_then_normalised(calibrator, predictions):
    logits, labels = predictions(n=400, n_classes=3, tilt=0.5)
    p = torch.softmax(logits, dim=1)
    alone = torch.stack(
        [
            calibrator()
            .fit(binary_logits(p[:, c]), (labels == c).long())
            .predict_proba(binary_logits(p[:, c]))[:, 1]
            for c in range(3)
        ],
        dim=1,
    )
    together = calibrator().fit(logits, labels).predict_proba(logits)
    expected = alone / alone.sum(dim=1, keepdim=True)
    assert together.numpy() == pytest.approx(expected.numpy(), abs=1e-6)


@pytest.mark.parametrize("calibrator", [PlattScaling, BetaCalibration, IsotonicCalibration])
def test_which_of_two_classes_is_called_1_does_not_matter(calibrator, predictions):
    logits, labels = predictions(n=300, n_classes=2, tilt=0.5)
    plain = calibrator().fit(logits, labels).predict_proba(logits)
    swapped = calibrator().fit(logits.flip(1), 1 - labels).predict_proba(logits.flip(1)).flip(1)
    assert swapped.numpy() == pytest.approx(plain.numpy(), abs=1e-5)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_probabilities_that_round_to_one_stay_apart(n_classes):
    """At margins of 50 and 100 both probabilities are 1.0 in float64; their log-odds are not."""
    logits = torch.zeros(4, n_classes, dtype=torch.float64)
    logits[:, 1] = torch.tensor([50.0, 50.0, 100.0, 100.0])
    model = PlattScaling().fit(logits, [0, 1, 1, 1])
    low, high = model.predict_proba(logits)[[0, 3], 1].tolist()
    assert high - low > 0.1


@pytest.mark.parametrize("calibrator", ONE_VS_REST)
def test_fitted_calibrators_can_be_stored(calibrator, predictions):
    logits, labels = predictions(n=100, n_classes=3)
    model = calibrator().fit(logits, labels)
    copy = pickle.loads(pickle.dumps(model))
    assert torch.equal(copy.predict_proba(logits), model.predict_proba(logits))


def test_binary_logits_are_logarithms_of_both_probabilities():
    logits = binary_logits([0.25, 0.5])
    assert logits.dtype == torch.float64
    assert logits[0].tolist() == pytest.approx([math.log(0.75), math.log(0.25)], rel=1e-15)
    assert torch.softmax(logits, dim=1)[:, 1].tolist() == pytest.approx([0.25, 0.5])


def test_pairs_of_confidence_and_correctness_have_a_temperature():
    """Told 0.9, true 0.75: T is the ratio of the log-odds, ln 9 / ln 3 = 2."""
    confidence, correct = [0.9] * 4, [1, 1, 1, 0]
    model = TemperatureScaling().fit(binary_logits(confidence), correct)
    assert model.temperature_ == pytest.approx(2, rel=1e-12)


@pytest.mark.parametrize("certain", [0.0, 1.0])
def test_certainty_has_no_logit(certain):
    with pytest.raises(ValueError, match=f"strictly between 0 and 1, found {certain:g} in 1 of 2"):
        binary_logits([0.5, certain])


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"n_bins": 0}, ValueError, "n_bins must be at least 1"),
        ({"n_bins": 2.5}, TypeError, "n_bins must be a whole number"),
        ({"binning": "log"}, ValueError, "binning must be one of 'uniform', 'quantile'"),
    ],
)
def test_bad_bins_are_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        HistogramBinning(**arguments)
