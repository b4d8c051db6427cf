"""What a probability is worth to who acts on it: against loops, by hand, and the Brier score."""

from __future__ import annotations

import pytest
import torch

from coursekit.calibration import binary_brier_score, expense, regret

CONFIDENCE = torch.tensor([0.95, 0.8, 0.8, 0.55, 0.3, 0.1]).double()
CORRECT = torch.tensor([True, True, False, True, False, False])


def one_by_one(confidence, correct, r):
    """The definition, answer by answer: what is paid, minus what somebody who knows would pay."""
    paid = [r if 1 - p > r else float(not y) for p, y in zip(confidence, correct, strict=True)]
    knowing = [0.0 if y else r for y in correct]
    return (sum(paid) - sum(knowing)) / len(paid)


@pytest.mark.parametrize("r", [0.0, 0.1, 0.3, 0.5, 0.77, 0.95, 1.0])
def test_regret_is_the_bill_minus_that_of_who_knows(r):
    expected = one_by_one(CONFIDENCE.tolist(), CORRECT.tolist(), r)
    assert regret(CONFIDENCE, CORRECT, [r]).item() == pytest.approx(expected)


def test_twice_the_area_is_the_brier_score():
    generator = torch.Generator().manual_seed(0)
    p = torch.rand(500, generator=generator).double()
    y = torch.rand(500, generator=generator) < 0.6
    ratios = (torch.arange(20_000).double() + 0.5) / 20_000
    area = regret(p, y, ratios).mean().item()
    assert 2 * area == pytest.approx(binary_brier_score(p, y), abs=1e-4)


def test_true_probabilities_are_best_for_every_user():
    generator = torch.Generator().manual_seed(1)
    p = torch.rand(200_000, generator=generator).double()
    y = torch.rand(200_000, generator=generator) < p
    ratios = torch.tensor([0.1, 0.3, 0.5, 0.7, 0.9]).double()
    honest = regret(p, y, ratios)
    for other in (p.square(), p.sqrt(), 0.5 * p + 0.25):
        assert (regret(other, y, ratios) >= honest - 0.001).all()


def test_a_bill_by_hand():
    paid = [0, 0, 10, 3, 3, 3]  # checked where the doubt exceeds 0.3
    assert expense(CONFIDENCE, CORRECT, cost=3, loss=10) == pytest.approx(sum(paid) / 6)
    assert expense(CONFIDENCE, CORRECT, cost=0, loss=10) == 0  # everything is checked for nothing
    assert expense(CONFIDENCE, CORRECT, cost=10, loss=10) == pytest.approx(5)  # nothing is checked


@pytest.mark.parametrize(
    ("prices", "message"),
    [
        ((3, 2), "loss must be positive and at least the cost, found loss 2 and cost 3"),
        ((0, 0), "loss must be positive"),
        ((-1, 2), "cost must be a finite number of at least 0"),
        ((1, float("nan")), "loss must be a finite number"),
    ],
)
def test_impossible_prices_are_refused(prices, message):
    with pytest.raises(ValueError, match=message):
        expense(CONFIDENCE, CORRECT, *prices)


def test_ratios_outside_and_lengths_that_differ_are_refused():
    with pytest.raises(ValueError, match=r"cost_ratios must lie in \[0, 1\]"):
        regret(CONFIDENCE, CORRECT, [1.5])
    with pytest.raises(ValueError, match="same length"):
        regret(CONFIDENCE, CORRECT[:3], [0.5])
