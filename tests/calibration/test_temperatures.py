"""Temperatures from sums of likelihoods, against the exact fit of the logits."""

from __future__ import annotations

import pytest
import torch

from coursekit.calibration import TemperatureScaling
from coursekit.calibration.temperatures import TEMPERATURES, best_temperature


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
