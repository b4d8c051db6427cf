"""What every calibrator must do, and what it must refuse."""

from __future__ import annotations

import math

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given
from sklearn.exceptions import NotFittedError

from coursekit.calibration import (
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
    brier_score,
    negative_log_likelihood,
)


class EnsembleOfOne(EnsembleAverage):
    """An ensemble that takes logits as the others do, so that the same tests apply."""

    def __init__(self):
        super().__init__(TemperatureScaling())

    def _as_table(self, logits):
        return super()._as_table(torch.as_tensor(np.asarray(logits))[None])


BY_LIKELIHOOD = [
    TemperatureScaling,
    VectorScaling,
    MatrixScaling,
    DirichletCalibration,
    PlattScaling,
    BetaCalibration,
]
BY_FREQUENCY = [IsotonicCalibration, HistogramBinning]
ALL = [*BY_LIKELIHOOD, *BY_FREQUENCY, EnsembleOfOne]
#: These see the logits themselves; the others only the probabilities that they stand for.
SEE_OFFSETS = [VectorScaling, MatrixScaling]
FIXED_CLASSES = [c for c in ALL if c not in (TemperatureScaling, EnsembleOfOne)]

NAN, INF = float("nan"), float("inf")
BAD_FITS = [
    ([0.5, 0.5], [0, 1], ValueError, r"logits must have shape"),
    (np.zeros((0, 3)), np.zeros(0, dtype=int), ValueError, "logits must not be empty"),
    ([[1.0], [1.0]], [0, 0], ValueError, "logits must have at least 2 classes"),
    ([[0.5, NAN]], [0], ValueError, "logits must be finite, found nan"),
    ([[0.5, -INF]], [0], ValueError, "logits must be finite, found -inf"),
    ([[0.5, 0.5]], [2], ValueError, "labels must lie in 0 .. 1 for 2 classes, found 2"),
    ([[0.5, 0.5]], [-1], ValueError, "labels must lie in 0 .. 1 for 2 classes, found -1"),
    ([[0.5, 0.5]], [0.0], TypeError, "labels must be integers"),
    ([[0.5, 0.5]], [True], TypeError, "labels must be integers"),
    ([[0.5, 0.5]], [0, 1], ValueError, "labels must have one entry for each of the 1 rows"),
]

every_calibrator = pytest.mark.parametrize("calibrator", ALL)


@every_calibrator
@pytest.mark.parametrize(("logits", "labels", "error", "message"), BAD_FITS)
def test_bad_data_is_refused(calibrator, logits, labels, error, message):
    with pytest.raises(error, match=message):
        calibrator().fit(logits, labels)


@every_calibrator
def test_prediction_before_fit_is_refused(calibrator):
    with pytest.raises(
        NotFittedError, match=f"{calibrator.__name__} has learned nothing yet: call"
    ):
        calibrator().predict_proba([[1.0, 2.0]])


@every_calibrator
@pytest.mark.parametrize(
    ("logits", "message"), [([[NAN, 0.0, 1.0]], "finite"), ([0.0, 1.0], "shape")]
)
def test_bad_logits_are_refused_at_prediction(calibrator, logits, message, predictions):
    model = calibrator().fit(*predictions(n=100, n_classes=3))
    with pytest.raises(ValueError, match=f"logits must .*{message}"):
        model.predict_proba(logits)


@pytest.mark.parametrize("calibrator", FIXED_CLASSES)
def test_another_number_of_classes_is_refused(calibrator, predictions):
    model = calibrator().fit(*predictions(n=100, n_classes=3))
    with pytest.raises(ValueError, match="logits must have 3 classes, as in fit, found 4"):
        model.predict_proba(torch.zeros(2, 4))


@pytest.mark.parametrize("calibrator", [TemperatureScaling, EnsembleOfOne])
def test_a_temperature_fits_any_number_of_classes(calibrator, predictions):
    model = calibrator().fit(*predictions(n=100, n_classes=3))
    probs = model.predict_proba(torch.zeros(2, 4))
    assert probs.numpy() == pytest.approx(0.25)


@every_calibrator
@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize(
    "data", ["one class only", "all correct", "all wrong", "constant", "a single sample", "huge"]
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_extreme_data_give_probabilities(calibrator, n_classes, data, predictions):
    logits, labels = predictions(n=60, n_classes=n_classes)
    fits = {
        "one class only": (logits, torch.ones_like(labels)),
        "all correct": (logits, logits.argmax(dim=1)),
        "all wrong": (logits, logits.argmin(dim=1)),
        "constant": (torch.full_like(logits, 7.0), labels),
        "a single sample": (logits[:1], labels[:1]),
        "huge": (1e4 * logits, labels),
    }
    model = calibrator().fit(*fits[data])
    probs = model.predict_proba(fits[data][0])
    assert probs.isfinite().all()
    assert probs.min() >= 0
    assert probs.sum(dim=1).numpy() == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("calibrator", BY_LIKELIHOOD)
@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_likelihood_fits_never_claim_certainty(calibrator, n_classes, predictions):
    """All 60 answers were right, but the 61st may be wrong: no truth gets probability 1."""
    logits, _ = predictions(n=60, n_classes=n_classes)
    model = calibrator().fit(logits, logits.argmax(dim=1))
    assert model.converged_
    mean_of_top = model.predict_proba(logits).amax(dim=1).mean().item()
    assert 0.75 < mean_of_top < 0.98


@every_calibrator
def test_fit_is_deterministic_returns_itself_and_leaves_its_data_alone(calibrator, predictions):
    logits, labels = predictions(n=200)
    before = logits.clone(), labels.clone()
    model = calibrator()
    assert model.fit(logits, labels) is model
    again = calibrator().fit(logits, labels)
    assert torch.equal(model.predict_proba(logits), again.predict_proba(logits))
    assert torch.equal(logits, before[0])
    assert torch.equal(labels, before[1])


@every_calibrator
def test_a_second_fit_forgets_the_first(calibrator, predictions):
    data = predictions(n=200)
    fresh = calibrator().fit(*data)
    reused = calibrator().fit(*predictions(n=100, n_classes=3, seed=1)).fit(*data)
    assert torch.equal(fresh.predict_proba(data[0]), reused.predict_proba(data[0]))


@every_calibrator
@pytest.mark.parametrize("n_classes", [2, 4])
def test_order_of_the_rows_does_not_matter(calibrator, n_classes, predictions):
    logits, labels = predictions(n=300, n_classes=n_classes)
    order = torch.randperm(300, generator=torch.Generator().manual_seed(1))
    plain = calibrator().fit(logits, labels).predict_proba(logits)
    shuffled = calibrator().fit(logits[order], labels[order]).predict_proba(logits)
    assert shuffled.numpy() == pytest.approx(plain.numpy(), abs=1e-6)


@every_calibrator
def test_adding_a_number_to_a_row_matters_only_where_the_logits_themselves_are_seen(
    calibrator, predictions
):
    logits, labels = predictions(n=300)
    offset = torch.linspace(-100, 100, 300, dtype=torch.float64)[:, None]
    plain = calibrator().fit(logits, labels).predict_proba(logits)
    shifted = calibrator().fit(logits + offset, labels).predict_proba(logits + offset)
    difference = (plain - shifted).abs().max().item()
    assert difference > 0.01 if calibrator in SEE_OFFSETS else difference < 1e-6


@every_calibrator
@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_types_of_numbers(calibrator, dtype, predictions):
    logits, labels = predictions(n=200)
    probs = calibrator().fit(logits.to(dtype), labels).predict_proba(logits.to(dtype))
    assert probs.dtype == torch.promote_types(dtype, torch.float32)
    assert probs.sum(dim=1).numpy() == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("calibrator", BY_LIKELIHOOD)
@given(seed=st.integers(0, 10_000), log_scale=st.floats(-2, 2))
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_two_classes_never_lose_likelihood(calibrator, predictions, seed, log_scale):
    """The identity is in every family, so the fit is at least as good on its own data.

    That holds for the likelihood it maximises, which may count an imaginary example (Platt has
    one of each class): the allowance is what two such examples can cost in 200.
    """
    logits, labels = predictions(n=200, n_classes=2, seed=seed)
    logits = logits * math.exp(log_scale)
    raw = negative_log_likelihood(torch.softmax(logits, dim=1), labels)
    fitted = calibrator().fit(logits, labels).predict_proba(logits)
    assert negative_log_likelihood(fitted, labels) <= raw + 0.01


@pytest.mark.parametrize("calibrator", BY_FREQUENCY)
@given(seed=st.integers(0, 10_000))
def test_two_classes_never_lose_brier_score(calibrator, predictions, seed):
    """Isotonic regression beats every rising function of p, the means every constant in a bin."""
    logits, labels = predictions(n=200, n_classes=2, seed=seed)
    fitted = calibrator().fit(logits, labels).predict_proba(logits)
    p = torch.softmax(logits, dim=1)
    if calibrator is HistogramBinning:  # what p loses within bins is not the binning's merit
        middle = (torch.ceil(p[:, 1] * 15).clamp(min=1) - 0.5) / 15
        p = torch.stack((1 - middle, middle), dim=1)
    assert brier_score(fitted, labels) <= brier_score(p, labels) + 1e-12


@every_calibrator
@pytest.mark.parametrize("n_classes", [2, 4])
def test_calibrated_predictions_stay_put(calibrator, n_classes, predictions):
    logits, labels = predictions(n=20_000, n_classes=n_classes, temperature=1.0)
    probs = calibrator().fit(logits, labels).predict_proba(logits)
    moved = (probs - torch.softmax(logits, dim=1)).abs().mean().item()
    # Histograms answer alike in a whole bin of width 1/15; the rest only wobbles with the data.
    assert moved < (0.03 if calibrator is HistogramBinning else 0.012)


@every_calibrator
def test_overconfidence_is_repaired(calibrator, predictions):
    model = calibrator().fit(*predictions(n=20_000, temperature=2.5))
    logits, _ = predictions(n=2000, temperature=2.5, seed=1)
    truth = torch.softmax(logits / 2.5, dim=1)
    before = (torch.softmax(logits, dim=1) - truth).abs().mean().item()
    after = (model.predict_proba(logits) - truth).abs().mean().item()
    # Within a bin a histogram cannot tell predictions apart; and one-against-rest families do
    # not contain the truth, softmax(z / T), for 5 classes.
    assert after < (0.4 if calibrator is HistogramBinning else 0.2) * before


def test_warning_points_at_the_line_that_called_fit():
    with pytest.warns(RuntimeWarning) as caught:
        TemperatureScaling().fit([[0.0, 1.0]], [1])
    assert caught[0].filename == __file__


def test_own_calibrators_share_the_interface():
    class Uniform(Calibrator):
        def _fit(self, logits, labels):
            self.answer_ = 1 / logits.shape[1]

        def _predict_proba(self, logits):
            return torch.full_like(logits, self.answer_)

    with pytest.raises(NotFittedError, match="Uniform has learned nothing"):
        Uniform().predict_proba([[1.0, 2.0]])
    model = Uniform().fit([[1.0, 2.0]], [0])
    assert model.predict_proba([[1, 2]]).tolist() == [[0.5, 0.5]]
    with pytest.raises(ValueError, match="labels must lie in"):
        model.fit([[1.0, 2.0]], [2])
