"""Intervals equal `bootstrap_interval` to the last digit; temperatures those of the exact fit."""

from __future__ import annotations

import pytest
import torch

from coursekit.calibration import (
    TemperatureScaling,
    auroc,
    bootstrap_interval,
    expected_calibration_error,
)
from coursekit.calibration.resampling import (
    TEMPERATURES,
    Resamples,
    best_temperature,
    interval,
)
from coursekit.calibration.sums import metrics_of, sums_of, table_of


@pytest.fixture
def sample():
    """Predictions of 30 entities, several for each, which go right or wrong together."""
    generator = torch.Generator().manual_seed(3)
    entity = torch.randint(30, (400,), generator=generator)
    easy = torch.rand(30, generator=generator)[entity]
    # Few values, so that there are ties.
    confidence = (torch.rand(400, generator=generator) * 20).round().double() / 20
    correct = torch.rand(400, generator=generator) < (confidence + easy) / 2
    return confidence, correct, entity


def test_intervals_are_those_of_the_bootstrap_of_all_predictions(sample):
    confidence, correct, entity = sample
    names = [f"{number:03d}" for number in entity.tolist()]
    rows = [sums_of(c[None], y[None], c[None]) for c, y in zip(confidence, correct, strict=True)]
    totals, resampled = Resamples(names, n_resamples=200, seed=5).totals(table_of(rows))
    estimates, draws = metrics_of(totals), metrics_of(resampled)
    statistics = {
        "gap": lambda c, y: (c.mean() - y.double().mean()).item(),
        "ece": expected_calibration_error,
    }
    for name, statistic in statistics.items():
        found = interval(estimates[name], draws[name])
        expected = bootstrap_interval(
            statistic, confidence, correct, groups=names, n_resamples=200, seed=5
        )
        assert [found.estimate, found.low, found.high] == pytest.approx(
            [expected.estimate, expected.low, expected.high], abs=1e-12
        )


@pytest.mark.parametrize("at_a_time", [1, 10**9])
def test_auroc_too(sample, monkeypatch, at_a_time):
    from coursekit.calibration import resampling

    monkeypatch.setattr(resampling, "_NUMBERS_AT_A_TIME", at_a_time)
    confidence, correct, entity = sample
    names = [f"{number:03d}" for number in entity.tolist()]
    found = interval(*Resamples(names, n_resamples=50).auroc(confidence, correct))
    expected = bootstrap_interval(auroc, confidence, correct, groups=names, n_resamples=50)
    assert [found.estimate, found.low, found.high] == pytest.approx(
        [expected.estimate, expected.low, expected.high], abs=1e-12
    )


def test_auroc_where_a_resample_has_one_class_only():
    confidence, correct = torch.tensor([0.2, 0.9]).double(), torch.tensor([False, True])
    estimate, draws = Resamples(["a", "b"], n_resamples=50).auroc(confidence, correct)
    assert estimate == 1
    assert set(draws.tolist()) == {0.5, 1.0}


@pytest.mark.parametrize("power", [0.4, 1.0, 3.0])
def test_the_temperature_is_that_of_the_exact_fit(power):
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(3000, 6, generator=generator, dtype=torch.float64) * 2
    labels = torch.multinomial(logits.softmax(1), 1, generator=generator).squeeze(1)
    logits = logits * power
    exact = TemperatureScaling().fit(logits, labels).temperature_
    nll = torch.stack(
        [
            torch.nn.functional.cross_entropy(logits / t, labels, reduction="sum")
            for t in TEMPERATURES
        ]
    )
    assert best_temperature(nll).item() == pytest.approx(exact, rel=0.01)
    assert exact == pytest.approx(power, rel=0.1)


def test_no_minimum_inside_gives_the_end():
    rising = torch.tensor(TEMPERATURES).double()
    both = best_temperature(torch.stack([rising, -rising]))
    assert both.tolist() == pytest.approx([TEMPERATURES[0], TEMPERATURES[-1]])


def test_the_temperature_is_continuous():
    # The minimum of (ln T - m)^2 moves with m, also between the points of the fine grid.
    centres = torch.linspace(0.1, 0.102, 9, dtype=torch.float64)
    grid = torch.tensor(TEMPERATURES, dtype=torch.float64).log()
    found = best_temperature((grid[None] - centres[:, None]).square())
    assert torch.allclose(found, centres.exp(), rtol=1e-6)


def test_one_entity_cannot_be_resampled():
    with pytest.raises(ValueError, match="entities holds 1 of them; expected at least 2"):
        Resamples(["a", "a"])
