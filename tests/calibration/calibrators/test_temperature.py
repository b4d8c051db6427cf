from __future__ import annotations

import math
import warnings

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given
from netcal.scaling import TemperatureScaling as NetcalTemperature
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax
from torch.utils._python_dispatch import TorchDispatchMode

from coursekit.calibration import TemperatureScaling, _blocks, negative_log_likelihood


def scipy_temperature(logits, labels):
    logits, labels = logits.double().numpy(), labels.numpy()

    def loss(log_t):
        return -log_softmax(logits / np.exp(log_t), axis=1)[np.arange(len(labels)), labels].mean()

    return math.exp(minimize_scalar(loss, bounds=(-12, 12), options={"xatol": 1e-10}).x)


@pytest.mark.parametrize("temperature", [0.4, 1.0, 2.5, 8.0])
@pytest.mark.parametrize("n_classes", [2, 20])
def test_equals_the_optimum_that_scipy_finds(temperature, n_classes, predictions):
    logits, labels = predictions(temperature=temperature, n_classes=n_classes)
    model = TemperatureScaling().fit(logits, labels)
    # scipy compares values of the loss, which pins the optimum down to about 1e-8 in ln T.
    assert model.temperature_ == pytest.approx(scipy_temperature(logits, labels), rel=1e-6)
    assert model.converged_
    assert model.n_iterations_ < 15


def test_slope_vanishes_at_the_optimum(predictions):
    logits, labels = predictions()
    fitted = TemperatureScaling().fit(logits, labels).temperature_
    t = torch.tensor(fitted, dtype=torch.float64, requires_grad=True)
    torch.nn.functional.cross_entropy(logits / t, labels).backward()
    assert abs(t.grad.item()) < 1e-10


def test_recovers_the_temperature_of_the_data(predictions):
    logits, labels = predictions(n=40_000)
    assert TemperatureScaling().fit(logits, labels).temperature_ == pytest.approx(2.5, rel=0.02)


def test_two_classes_of_one_margin_have_a_closed_form():
    """Margin m, accuracy 3/4: the probability must be 3/4, so T = m / ln 3."""
    model = TemperatureScaling().fit([[5.0, 0.0]] * 4, [0, 0, 0, 1])
    assert model.temperature_ == pytest.approx(5 / math.log(3), rel=1e-12)
    assert model.predict_proba([[5.0, 0.0]])[0].tolist() == pytest.approx([0.75, 0.25])


@pytest.mark.parametrize("scale", [1e-6, 1e-2, 1e3, 1e6])
def test_temperature_has_the_unit_of_the_logits(scale, predictions):
    logits, labels = predictions(n=300)
    plain, scaled = (TemperatureScaling().fit(z, labels) for z in (logits, scale * logits))
    assert scaled.temperature_ == pytest.approx(scale * plain.temperature_, rel=1e-9)


def test_adding_a_number_to_a_row_changes_nothing(predictions):
    logits, labels = predictions(n=300)
    offset = torch.linspace(-100, 100, 300, dtype=torch.float64)[:, None]
    plain, shifted = (TemperatureScaling().fit(z, labels) for z in (logits, logits + offset))
    assert shifted.temperature_ == pytest.approx(plain.temperature_, rel=1e-9)


def test_temperature_of_log_probabilities_is_that_of_logits(predictions):
    logits, labels = predictions(n=300)
    expected = TemperatureScaling().fit(logits, labels).temperature_
    found = TemperatureScaling().fit(torch.log_softmax(logits, dim=1), labels).temperature_
    assert found == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_narrow_types_lose_nothing(dtype, predictions):
    logits, labels = predictions(n=500)
    logits = logits.to(dtype)
    model = TemperatureScaling().fit(logits, labels)
    wide = TemperatureScaling().fit(logits.double(), labels)
    # float32 arithmetic, summed over the rows in float64
    assert model.temperature_ == pytest.approx(wide.temperature_, rel=1e-6)
    probs = model.predict_proba(logits)
    assert probs.dtype == torch.float32
    assert math.isfinite(negative_log_likelihood(probs, labels))


def test_fit_is_deterministic_and_independent_of_blocks(monkeypatch, predictions):
    logits, labels = predictions(n=200)
    first, again = (TemperatureScaling().fit(logits, labels).temperature_ for _ in range(2))
    assert first == again
    monkeypatch.setattr(_blocks, "BLOCK_SIZE", 13)
    assert TemperatureScaling().fit(logits, labels).temperature_ == pytest.approx(first, rel=1e-12)


@given(seed=st.integers(0, 10_000), log_scale=st.floats(-3, 3))
def test_temperature_keeps_the_ranking_and_lowers_the_loss(predictions, seed, log_scale):
    logits, labels = predictions(n=40, n_classes=3, seed=seed)
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


def test_one_mistake_is_enough_for_an_optimum(predictions):
    logits, labels = predictions(n=400)
    labels = logits.argmax(dim=1)
    labels[0] = logits[0].argmin()
    model = TemperatureScaling().fit(logits, labels)
    assert model.temperature_ == pytest.approx(scipy_temperature(logits, labels), rel=1e-5)


def test_logits_that_point_away_from_the_truth_end_almost_uniform(predictions):
    logits, _ = predictions(n=100, n_classes=4)
    with pytest.warns(RuntimeWarning, match="no better than chance"):
        model = TemperatureScaling().fit(logits, logits.argmin(dim=1))
    assert not model.converged_
    assert model.temperature_ > 0
    assert model.predict_proba(logits).numpy() == pytest.approx(0.25, abs=1e-3)


def test_constant_logits_leave_the_temperature_at_one():
    with pytest.warns(RuntimeWarning, match="no better than chance"):
        model = TemperatureScaling().fit(torch.full((5, 3), 7.0), [0, 1, 2, 0, 1])
    assert (model.temperature_, model.converged_) == (1.0, False)


def test_equals_scikit_learn(predictions, scikit_learn_probabilities):
    logits, labels = predictions(n=2000)
    ours = TemperatureScaling().fit(logits, labels).predict_proba(logits)
    theirs = scikit_learn_probabilities("temperature", logits, labels)
    assert ours.numpy() == pytest.approx(theirs, abs=1e-6)


def test_equals_netcal_in_float64_and_shows_that_its_float32_does_not_move(predictions):
    """netcal hands the optimiser float32 numbers, whose differences vanish: it stays at T = 1."""
    logits, labels = predictions(n=2000)
    found = {}
    for dtype in (torch.float64, torch.float32):
        probs = torch.softmax(logits, dim=1).to(dtype).numpy()
        peer = NetcalTemperature()
        peer.fit(probs, labels.numpy())
        found[dtype] = 1 / peer.temperature.item()  # netcal's "temperature" is the factor 1 / T
    ours = TemperatureScaling().fit(logits, labels).temperature_
    narrow = TemperatureScaling().fit(logits.float(), labels).temperature_
    assert found[torch.float64] == pytest.approx(ours, rel=1e-4)
    assert narrow == pytest.approx(ours, rel=1e-6)
    assert found[torch.float32] == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("power", [2, 4])
def test_truth_sharpened_to_a_power_has_that_temperature(power, predictions):
    """q = p ** k / sum p ** k means logits multiplied by k, so T = k gives p back."""
    logits, labels = predictions(n=60_000, temperature=1.0)
    found = TemperatureScaling().fit(power * torch.log_softmax(logits, dim=1), labels).temperature_
    assert found == pytest.approx(power, rel=0.02)


def test_the_expected_logit_equals_the_observed_one(predictions):
    """The optimality condition, written out."""
    logits, labels = predictions(n=500)
    probs = TemperatureScaling().fit(logits, labels).predict_proba(logits)
    expected = (probs * logits).sum(dim=1).mean().item()
    observed = logits.gather(1, labels[:, None]).mean().item()
    assert expected == pytest.approx(observed, abs=1e-10)


@pytest.fixture(scope="module")
def large_table():
    """20,000 rows of 1,000 logits in float32, 80 MB: enough to start from a part of the rows."""
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(20_000, 1000, generator=generator).mul_(3)
    probs = torch.cat([torch.softmax(rows / 1.7, dim=1) for rows in logits.split(2000)])
    return logits, torch.multinomial(probs, 1, generator=generator).squeeze(1)


def test_large_tables_need_few_passes_and_lose_no_accuracy(large_table):
    logits, labels = large_table
    model = TemperatureScaling().fit(logits, labels)
    assert model.temperature_ == pytest.approx(1.7, rel=0.01)
    assert model.n_iterations_ <= 3

    def loss_and_slope(temperature):
        """In float64, by autograd, as nothing in the package computes it."""
        b = torch.tensor(1 / temperature, dtype=torch.float64, requires_grad=True)
        loss = 0.0
        for rows, truth in zip(logits.split(2000), labels.split(2000), strict=True):
            part = torch.nn.functional.cross_entropy(b * rows.double(), truth, reduction="sum")
            (part / len(logits)).backward()
            loss += part.item() / len(logits)
        return loss, b.grad.item()

    _, slope = loss_and_slope(model.temperature_)
    step = 1e-3
    curvature = (loss_and_slope(1 / (1 / model.temperature_ + step))[1] - slope) / step
    distance_in_b = abs(slope / curvature)
    assert distance_in_b * model.temperature_**2 < 1e-6  # of T from the optimum
    assert slope**2 / curvature / 2 < 1e-12  # of the loss from its minimum, in nats


class LargestTensor(TorchDispatchMode):
    """Remembers the size of the largest tensor that was made, other than views of `given`."""

    def __init__(self, given):
        super().__init__()
        self.given, self.n_bytes = given.untyped_storage().data_ptr(), 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        for tensor in result if isinstance(result, (tuple, list)) else (result,):
            if isinstance(tensor, torch.Tensor):
                storage = tensor.untyped_storage()
                if storage.data_ptr() != self.given:
                    self.n_bytes = max(self.n_bytes, storage.nbytes())
        return result


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_no_temporary_grows_with_the_table(large_table, dtype):
    logits, labels = large_table[0][:5000].to(dtype), large_table[1][:5000]
    with LargestTensor(logits) as made:
        TemperatureScaling().fit(logits, labels)
    # two working copies of a block
    assert made.n_bytes <= 2 * _blocks.BLOCK_SIZE * max(4, dtype.itemsize)


def test_a_masked_class_does_not_disturb_the_fit(predictions):
    """Vocabularies are masked with the most negative float32; it must not swamp the sums."""
    logits, labels = predictions(n=500, n_classes=5)
    masked = torch.cat((logits, torch.full((500, 1), -3.4e38)), dim=1)
    expected = TemperatureScaling().fit(logits, labels).temperature_
    for dtype in (torch.float32, torch.float64):
        found = TemperatureScaling().fit(masked.to(dtype), labels).temperature_
        assert found == pytest.approx(expected, rel=1e-6)


@given(st.integers(0, 10_000))
def test_temperature_is_positive_whatever_the_data(seed):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(6, 3, generator=generator).round()  # many ties
    labels = torch.randint(3, (6,), generator=generator)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        model = TemperatureScaling().fit(logits, labels)
    assert 0 < model.temperature_ < math.inf
    assert model.predict_proba(logits).isfinite().all()
