from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import binom

from coursekit.calibration import (
    calibration_test,
    consistency_bands,
    expected_calibration_error,
    kernel_calibration_error,
    reliability_bins,
)


def confidences(n, seed=0):
    return np.random.default_rng(seed).beta(4, 1.5, n)


def test_band_of_one_confidence_is_binomial():
    bands = consistency_bands([0.7] * 20, n_bins=1, level=0.9, n_simulations=20_000)
    exact = binom(20, 0.7).ppf([0.05, 0.95]) / 20
    assert bands.low.item() == pytest.approx(exact[0], abs=1e-12)
    assert bands.high.item() == pytest.approx(exact[1], abs=1e-12)
    assert bands.level == 0.9


def test_empty_bins_may_be_anywhere():
    bands = consistency_bands([0.9] * 10, n_bins=2)
    assert (bands.low[0].item(), bands.high[0].item()) == (0, 1)
    assert bands.low[1] > 0.3


@pytest.mark.parametrize("binning", ["uniform", "quantile"])
def test_bands_hold_what_calibrated_models_show(binning):
    confidence, rng, inside = confidences(2000), np.random.default_rng(1), 0
    bands = consistency_bands(confidence, 10, binning, level=0.9, n_simulations=2000)
    used = reliability_bins(confidence, confidence > 0, 10, binning).count > 0
    for _ in range(200):
        bins = reliability_bins(confidence, rng.random(2000) < confidence, 10, binning)
        low, high = bands.low - 1e-12, bands.high + 1e-12
        inside += ((bins.accuracy >= low) & (bins.accuracy <= high))[used].sum().item()
    total = 200 * used.sum().item()
    # The ends are whole counts, so that a band holds a little more than it says.
    assert 0.9 - 4 * (0.09 / total) ** 0.5 < inside / total < 0.96


@pytest.mark.parametrize("n", [20, 200])
def test_false_alarms_are_as_rare_as_stated(n):
    """Of 400 calibrated models, 5 % and 20 % have p-values below that."""
    rng, confidence = np.random.default_rng(2), confidences(n)
    p_values = np.array(
        [
            calibration_test(
                confidence, rng.random(n) < confidence, n_simulations=199, seed=i
            ).p_value
            for i in range(400)
        ]
    )
    for level in (0.05, 0.2):
        error = (level * (1 - level) / 400) ** 0.5
        assert abs((p_values <= level).mean() - level) < 4 * error


def test_power_against_overconfidence():
    rng, confidence = np.random.default_rng(3), confidences(1000)
    rejected = [
        calibration_test(
            confidence, rng.random(1000) < confidence**1.5, n_simulations=199, seed=i
        ).p_value
        <= 0.05
        for i in range(50)
    ]
    assert np.mean(rejected) > 0.9


@pytest.mark.parametrize("statistic", [kernel_calibration_error, expected_calibration_error])
def test_any_statistic_can_be_tested(statistic):
    rng, confidence = np.random.default_rng(4), confidences(300)
    calm = calibration_test(confidence, rng.random(300) < confidence, statistic, n_simulations=99)
    alarm = calibration_test(
        confidence, rng.random(300) < confidence**2, statistic, n_simulations=99
    )
    assert alarm.p_value == pytest.approx(1 / 100)
    assert calm.p_value > 0.05
    assert alarm.statistic > calm.statistic
    assert 0 < calm.expected < alarm.statistic


def test_given_statistic_equals_the_built_in_one():
    """The same test, by two ways of simulating: p-values agree up to Monte Carlo error."""
    confidence = confidences(100)
    correct = np.random.default_rng(5).random(100) < confidence**1.2
    fast = calibration_test(confidence, correct, n_bins=10, norm="l1", n_simulations=2000)
    slow = calibration_test(
        confidence,
        correct,
        lambda c, y: expected_calibration_error(c, y, 10, "quantile"),
        n_simulations=2000,
    )
    assert fast.statistic == pytest.approx(slow.statistic, abs=1e-12)
    assert fast.p_value == pytest.approx(slow.p_value, abs=0.06)
    assert fast.expected == pytest.approx(slow.expected, rel=0.05)


def documents(n_documents, size, rng):
    """Outcomes that all documents share within: calibrated, and far from independent."""
    confidence = np.repeat(rng.beta(4, 1.5, n_documents), size)
    correct = np.repeat(rng.random(n_documents), size) < confidence
    return confidence, correct, np.repeat(np.arange(n_documents), size)


def test_documents_raise_no_false_alarm_when_they_are_told():
    rng, rejected = np.random.default_rng(6), {True: 0, False: 0}
    for i in range(200):
        confidence, correct, groups = documents(60, 10, rng)
        for told in rejected:
            result = calibration_test(
                confidence,
                correct,
                n_bins=5,
                groups=groups if told else None,
                n_simulations=199,
                seed=i,
            )
            rejected[told] += result.p_value <= 0.05
    # Copies taken for independent outcomes almost always look miscalibrated.
    assert rejected[False] > 150
    # Wild cluster signs hold their level approximately: 10 expected of 200.
    assert rejected[True] <= 10 + 4 * (200 * 0.05 * 0.95) ** 0.5


def test_documents_leave_power():
    rng = np.random.default_rng(7)
    confidence, _, groups = documents(100, 10, rng)
    correct = rng.random(1000) < confidence**2
    result = calibration_test(confidence, correct, n_bins=5, groups=groups, n_simulations=199)
    assert result.p_value == pytest.approx(1 / 200)


def test_certain_and_right_is_no_evidence():
    """All simulations equal what was observed, and ties count against rejecting."""
    result = calibration_test([1.0, 0.0, 1.0], [1, 0, 1])
    assert (result.statistic, result.p_value) == (0, 1)


def test_certain_and_wrong_is_impossible():
    result = calibration_test([1.0], [0], n_simulations=99)
    assert (result.statistic, result.p_value) == (1, 1 / 100)


def test_the_seed_decides():
    confidence = torch.tensor(confidences(50))
    correct = confidence > 0.6
    assert calibration_test(confidence, correct) == calibration_test(confidence, correct)
    assert consistency_bands(confidence).low.equal(consistency_bands(confidence).low)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"statistic": "ece"}, TypeError, "statistic must be a function"),
        (
            {"statistic": kernel_calibration_error, "groups": [1, 2]},
            ValueError,
            "groups must be left out where statistic is given, found both",
        ),
        ({"groups": [1, 1]}, ValueError, "at least 2 different groups"),
        ({"groups": [1]}, ValueError, r"groups must have shape \(2,\)"),
        ({"n_simulations": 0}, ValueError, "n_simulations must be at least 1"),
        ({"n_simulations": 2**40}, ValueError, "n_simulations must be at most 1048576"),
        ({"norm": "l3"}, ValueError, "norm must be one of"),
        ({"binning": "mass"}, ValueError, "binning must be one of"),
        ({"seed": -1}, ValueError, "seed must be at least 0"),
    ],
)
def test_bad_options(options, error, message):
    with pytest.raises(error, match=message):
        calibration_test([0.5, 0.6], [1, 0], **options)


def test_bands_check_their_arguments():
    with pytest.raises(ValueError, match="level must lie strictly"):
        consistency_bands([0.5], level=95)
    with pytest.raises(ValueError, match="confidence must be finite"):
        consistency_bands([float("nan")])
