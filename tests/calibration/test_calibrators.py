import math

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from coursekit.calibration import TemperatureScaling, _blocks, negative_log_likelihood
from coursekit.calibration.calibrators import Calibrator


def overconfident_predictions(n=2000, n_classes=5, temperature=2.5, seed=0):
    """Logits whose labels were drawn at `temperature`, which a fit must recover."""
    generator = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(n, n_classes, generator=generator, dtype=torch.float64)
    probs = torch.softmax(logits / temperature, dim=1)
    return logits, torch.multinomial(probs, 1, generator=generator).squeeze(1)


def scipy_temperature(logits, labels):
    logits, labels = logits.double().numpy(), labels.numpy()

    def loss(log_t):
        return -log_softmax(logits / np.exp(log_t), axis=1)[np.arange(len(labels)), labels].mean()

    return math.exp(minimize_scalar(loss, bounds=(-12, 12), options={"xatol": 1e-10}).x)


@pytest.mark.parametrize("temperature", [0.4, 1.0, 2.5, 8.0])
@pytest.mark.parametrize("n_classes", [2, 20])
def test_equals_the_optimum_that_scipy_finds(temperature, n_classes):
    logits, labels = overconfident_predictions(temperature=temperature, n_classes=n_classes)
    model = TemperatureScaling().fit(logits, labels)
    # scipy compares values of the loss, which pins the optimum down to about 1e-8 in ln T.
    assert model.temperature_ == pytest.approx(scipy_temperature(logits, labels), rel=1e-6)
    assert model.converged_
    assert model.n_iterations_ < 15


def test_slope_vanishes_at_the_optimum():
    logits, labels = overconfident_predictions()
    fitted = TemperatureScaling().fit(logits, labels).temperature_
    t = torch.tensor(fitted, dtype=torch.float64, requires_grad=True)
    torch.nn.functional.cross_entropy(logits / t, labels).backward()
    assert abs(t.grad.item()) < 1e-10


def test_recovers_the_temperature_of_the_data():
    logits, labels = overconfident_predictions(n=40_000)
    assert TemperatureScaling().fit(logits, labels).temperature_ == pytest.approx(2.5, rel=0.02)


def test_two_classes_of_one_margin_have_a_closed_form():
    """Margin m, accuracy 3/4: the probability must be 3/4, so T = m / ln 3."""
    model = TemperatureScaling().fit([[5.0, 0.0]] * 4, [0, 0, 0, 1])
    assert model.temperature_ == pytest.approx(5 / math.log(3), rel=1e-12)
    assert model.predict_proba([[5.0, 0.0]])[0].tolist() == pytest.approx([0.75, 0.25])


@pytest.mark.parametrize("scale", [1e-6, 1e-2, 1e3, 1e6])
def test_temperature_has_the_unit_of_the_logits(scale):
    logits, labels = overconfident_predictions(n=300)
    plain, scaled = (TemperatureScaling().fit(z, labels) for z in (logits, scale * logits))
    assert scaled.temperature_ == pytest.approx(scale * plain.temperature_, rel=1e-9)


def test_adding_a_number_to_a_row_changes_nothing():
    logits, labels = overconfident_predictions(n=300)
    offset = torch.linspace(-100, 100, 300, dtype=torch.float64)[:, None]
    plain, shifted = (TemperatureScaling().fit(z, labels) for z in (logits, logits + offset))
    assert shifted.temperature_ == pytest.approx(plain.temperature_, rel=1e-9)


def test_temperature_of_log_probabilities_is_that_of_logits():
    logits, labels = overconfident_predictions(n=300)
    expected = TemperatureScaling().fit(logits, labels).temperature_
    found = TemperatureScaling().fit(torch.log_softmax(logits, dim=1), labels).temperature_
    assert found == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_narrow_types_are_fitted_in_float64(dtype):
    logits, labels = overconfident_predictions(n=500)
    logits = logits.to(dtype)
    model = TemperatureScaling().fit(logits, labels)
    wide = TemperatureScaling().fit(logits.double(), labels)
    assert model.temperature_ == pytest.approx(wide.temperature_, rel=1e-12)
    probs = model.predict_proba(logits)
    assert probs.dtype == torch.float32
    assert math.isfinite(negative_log_likelihood(probs, labels))


def test_fit_is_deterministic_and_independent_of_blocks(monkeypatch):
    logits, labels = overconfident_predictions(n=200)
    first, again = (TemperatureScaling().fit(logits, labels).temperature_ for _ in range(2))
    assert first == again
    monkeypatch.setattr(_blocks, "BLOCK_SIZE", 13)
    assert TemperatureScaling().fit(logits, labels).temperature_ == pytest.approx(first, rel=1e-12)


def test_fit_leaves_the_logits_alone():
    logits, labels = overconfident_predictions(n=20)
    before = logits.clone()
    TemperatureScaling().fit(logits, labels).predict_proba(logits)
    assert torch.equal(logits, before)


@given(st.integers(0, 10_000), st.floats(-3, 3))
@settings(max_examples=60)
def test_temperature_keeps_the_ranking_and_lowers_the_loss(seed, log_scale):
    logits, labels = overconfident_predictions(n=40, n_classes=3, seed=seed)
    logits = logits * math.exp(log_scale)
    model = TemperatureScaling().fit(logits, labels)
    probs = model.predict_proba(logits)
    assert torch.equal(probs.argmax(dim=1), logits.argmax(dim=1))
    before = negative_log_likelihood(torch.softmax(logits, dim=1), labels)
    assert negative_log_likelihood(probs, labels) <= before + 1e-12
    assert model.temperature_ > 0
    assert model.n_iterations_ < 40


@pytest.mark.parametrize("n", [1, 9, 999])
def test_too_easy_data_gets_one_imaginary_example(n):
    """Two classes, margin m: the truth gets (N + 1/2) / (N + 1), so T = m / ln(2 N + 1)."""
    with pytest.warns(RuntimeWarning, match="every label has the largest logit"):
        model = TemperatureScaling().fit([[0.0, 2.0]] * n, [1] * n)
    assert model.temperature_ == pytest.approx(2 / math.log(2 * n + 1), rel=1e-9)
    assert model.converged_


def test_one_mistake_is_enough_for_an_optimum():
    logits, labels = overconfident_predictions(n=400)
    labels = logits.argmax(dim=1)
    labels[0] = logits[0].argmin()
    model = TemperatureScaling().fit(logits, labels)
    assert model.temperature_ == pytest.approx(scipy_temperature(logits, labels), rel=1e-5)


def test_logits_that_point_away_from_the_truth_end_almost_uniform():
    logits, _ = overconfident_predictions(n=100, n_classes=4)
    with pytest.warns(RuntimeWarning, match="no better than chance"):
        model = TemperatureScaling().fit(logits, logits.argmin(dim=1))
    assert not model.converged_
    assert model.temperature_ > 0
    assert model.predict_proba(logits).numpy() == pytest.approx(0.25, abs=1e-3)


def test_constant_logits_leave_the_temperature_at_one():
    with pytest.warns(RuntimeWarning, match="no better than chance"):
        model = TemperatureScaling().fit(torch.full((5, 3), 7.0), [0, 1, 2, 0, 1])
    assert (model.temperature_, model.converged_) == (1.0, False)


def test_prediction_before_fit_is_refused():
    with pytest.raises(RuntimeError, match="TemperatureScaling has learned nothing yet: call fit"):
        TemperatureScaling().predict_proba([[1.0, 2.0]])


def test_warning_points_at_the_line_that_called_fit():
    with pytest.warns(RuntimeWarning) as caught:
        TemperatureScaling().fit([[0.0, 1.0]], [1])
    assert caught[0].filename == __file__


def test_other_calibrators_share_the_interface():
    class Uniform(Calibrator):
        def _fit(self, logits, labels):
            self.n_classes_ = logits.shape[1]

        def _predict_proba(self, logits):
            return torch.full_like(logits, 1 / self.n_classes_)

    with pytest.raises(RuntimeError, match="Uniform has learned nothing"):
        Uniform().predict_proba([[1.0, 2.0]])
    model = Uniform().fit([[1.0, 2.0]], [0])
    assert model.predict_proba([[1, 2]]).tolist() == [[0.5, 0.5]]
    with pytest.raises(ValueError, match="labels must lie in"):
        model.fit([[1.0, 2.0]], [2])
