from __future__ import annotations

import math

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given
from relplot.metrics import smECE, smECE_sigma
from scipy.integrate import quad

from coursekit.calibration import kernel_calibration_error, smooth_calibration_error

forecasts = st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=2, max_size=30)


def random_predictions(n, seed=0):
    rng = np.random.default_rng(seed)
    confidence = rng.random(n)
    return confidence, rng.random(n) < confidence**1.7


@pytest.mark.parametrize("confidence", [0.0, 0.5, 0.7, 1.0])
def test_one_confidence_has_its_gap_as_error(confidence):
    """The kernel integrates to one, reflected at the ends: smoothing spreads the gap, no more."""
    correct = [1, 1, 1, 0]
    gap = abs(0.75 - confidence)
    assert smooth_calibration_error([confidence] * 4, correct) == pytest.approx(gap, abs=1e-9)
    for bandwidth in (0.01, 0.1, 1.0):
        found = smooth_calibration_error([confidence] * 4, correct, bandwidth)
        assert found == pytest.approx(gap, abs=1e-9)


def test_perfect_predictions_have_no_error():
    assert smooth_calibration_error([0.0, 1.0, 1.0], [0, 1, 1]) == 0
    assert kernel_calibration_error([0.0, 1.0, 1.0], [0, 1, 1]) == 0


@pytest.mark.parametrize("bandwidth", [0.02, 0.1, 0.5])
def test_equals_the_integral(bandwidth):
    """Two opposite residuals, smoothed and integrated by an independent quadrature."""
    confidence, correct = [0.3, 0.6], [1, 0]

    def kernel(c, t):
        """The Gaussian, with its images in the mirrors at 0 and 1."""
        images = [s * c + 2 * m for m in range(-6, 7) for s in (1, -1)]
        return sum(math.exp(-((t - i) ** 2) / (2 * bandwidth**2)) for i in images) / (
            bandwidth * math.sqrt(2 * math.pi)
        )

    def smoothed(t):
        return abs(0.7 * kernel(0.3, t) - 0.6 * kernel(0.6, t)) / 2

    integral = quad(smoothed, 0, 1, points=[0.3, 0.45, 0.6], limit=400, epsabs=1e-10)[0]
    found = smooth_calibration_error(confidence, correct, bandwidth)
    assert found == pytest.approx(integral, abs=1e-6)


def test_the_bandwidth_is_the_error():
    confidence, correct = random_predictions(200)
    error = smooth_calibration_error(confidence, correct)
    assert smooth_calibration_error(confidence, correct, error) == pytest.approx(error, abs=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_parity_with_relplot(seed):
    """relplot finds the bandwidth to 1/1024, and on a coarser grid."""
    confidence, correct = random_predictions(1000, seed)
    assert smooth_calibration_error(confidence, correct) == pytest.approx(
        smECE(confidence, correct.astype(float)), abs=1e-3
    )
    for bandwidth in (0.03, 0.1, 0.3):
        assert smooth_calibration_error(confidence, correct, bandwidth) == pytest.approx(
            smECE_sigma(confidence, correct.astype(float), bandwidth), abs=5e-4
        )


@given(data=forecasts)
def test_smoothing_more_makes_the_error_smaller(data):
    confidence, correct = zip(*data, strict=True)
    errors = [smooth_calibration_error(confidence, correct, b) for b in (0.01, 0.1, 1.0)]
    assert errors[0] >= errors[1] - 1e-6
    assert errors[1] >= errors[2] - 1e-6
    # At the largest bandwidth only the overall gap is left.
    overall = abs(np.mean(correct) - np.mean(confidence))
    assert errors[2] >= overall - 1e-9
    assert 0 <= smooth_calibration_error(confidence, correct) <= 1


def pairwise(confidence, correct, bandwidth, debiased):
    """The definition, over all pairs."""
    c, r = np.asarray(confidence), np.asarray(correct) - np.asarray(confidence)
    products = np.exp(-np.abs(c[:, None] - c) / bandwidth) * r * r[:, None]
    n = len(c)
    if debiased:
        return (products.sum() - np.trace(products)) / (n * (n - 1))
    return products.sum() / n**2


@given(data=forecasts, bandwidth=st.sampled_from([0.01, 0.1, 0.4, 5]), debiased=st.booleans())
def test_kernel_error_is_the_double_sum(data, bandwidth, debiased):
    confidence, correct = zip(*data, strict=True)
    found = kernel_calibration_error(
        confidence, correct, bandwidth, debiased=debiased, squared=True
    )
    assert found == pytest.approx(pairwise(confidence, correct, bandwidth, debiased), abs=1e-12)


def test_kernel_error_of_one_confidence_is_its_gap():
    assert kernel_calibration_error([0.5] * 10, [1] * 8 + [0] * 2) == pytest.approx(0.3)


def test_debiased_kernel_error_is_right_on_average():
    """Over all outcomes of three calibrated predictions, weighted by how likely they are."""
    confidence = np.array([0.2, 0.5, 0.9])
    mean = {True: 0.0, False: 0.0}
    for code in range(8):
        correct = np.array([code >> i & 1 for i in range(3)])
        likely = np.where(correct, confidence, 1 - confidence).prod()
        for debiased in mean:
            mean[debiased] += likely * kernel_calibration_error(
                confidence, correct, debiased=debiased, squared=True
            )
    assert mean[True] == pytest.approx(0, abs=1e-15)
    # What chance adds: each prediction paired with itself.
    assert mean[False] == pytest.approx((confidence * (1 - confidence)).sum() / 9, rel=1e-12)


def test_roots_are_never_of_negative_numbers():
    confidence, correct = [0.5, 0.5], [1, 0]
    squared = kernel_calibration_error(confidence, correct, debiased=True, squared=True)
    assert squared == pytest.approx(-0.25)
    assert kernel_calibration_error(confidence, correct, debiased=True) == 0


@pytest.mark.parametrize("function", [smooth_calibration_error, kernel_calibration_error])
@pytest.mark.parametrize("bandwidth", [0, -1, math.nan, math.inf, -math.inf, 1e-4])
def test_a_bandwidth_that_gives_no_kernel_is_refused(function, bandwidth):
    with pytest.raises(ValueError, match="bandwidth must be a finite number of at least"):
        function([0.5], [1], bandwidth)


@pytest.mark.parametrize("function", [smooth_calibration_error, kernel_calibration_error])
@pytest.mark.parametrize("bandwidth", ["wide", True, [0.1], 1j])
def test_a_bandwidth_that_is_no_number_is_refused(function, bandwidth):
    with pytest.raises(TypeError, match="bandwidth must be a number, found"):
        function([0.5], [1], bandwidth)


@pytest.mark.parametrize("bandwidth", [np.float32(0.5), np.int64(3), 1e300])
def test_any_finite_bandwidth_has_a_finite_error(bandwidth):
    assert smooth_calibration_error([0.5, 0.9], [1, 1], bandwidth) == pytest.approx(0.3, abs=0.01)
    assert 0 < kernel_calibration_error([0.5, 0.9], [1, 1], bandwidth) <= 0.3 + 1e-9


def test_one_prediction_cannot_be_debiased():
    with pytest.raises(ValueError, match="at least 2 predictions"):
        kernel_calibration_error([0.5], [1], debiased=True)
