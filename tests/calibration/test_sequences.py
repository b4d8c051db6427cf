from __future__ import annotations

import pytest
import torch

from coursekit.calibration import EntropyRateCalibration


def positions(n, length=40, seed=0):
    """Logits `(N, V)`, sharper late in a text, with labels from them, positions and documents."""
    generator = torch.Generator().manual_seed(seed)
    position = torch.arange(n) % length
    logits = torch.randn(n, 20, dtype=torch.float64, generator=generator)
    logits *= (1 + position / 10)[:, None]
    labels = torch.multinomial(logits.softmax(1), 1, generator=generator).squeeze(1)
    return logits, labels, position, torch.arange(n) // length


def test_equals_the_plain_means():
    logits, labels, position, _ = positions(2000)
    metric = EntropyRateCalibration(borders=(1, 8, 20))
    metric.update(logits, labels, position)
    found = metric.compute()
    distribution = torch.distributions.Categorical(logits=logits)
    for index, (low, high) in enumerate([(0, 1), (2, 8), (9, 20), (21, 39)]):
        inside = (position >= low) & (position <= high)
        entropy = distribution.entropy()[inside].mean().item()
        nll = -distribution.log_prob(labels)[inside].mean().item()
        assert found.positions[0, index] == inside.sum()
        assert found.entropy[index].item() == pytest.approx(entropy, rel=1e-12)
        assert found.nll[index].item() == pytest.approx(nll, rel=1e-12)
        assert found.gap[index].item() == pytest.approx(entropy - nll, abs=1e-12)


@pytest.mark.parametrize(("temperature", "sign"), [(1.0, 0), (0.7, -1), (1.4, 1)])
def test_a_model_is_as_surprised_as_it_expects_to_be_on_its_own_samples(temperature, sign):
    logits, labels, position, document = positions(8000)
    metric = EntropyRateCalibration(borders=(8,), n_groups=200)
    metric.update(logits / temperature, labels, position, document)
    for index in range(2):
        interval = metric.compute().gap_interval(index, level=0.999)
        if sign:
            assert interval.low * sign > 0 and interval.high * sign > 0
        else:
            assert 0 in interval
            assert interval.high - interval.low < 0.3


def test_uniform_distributions_by_hand():
    metric = EntropyRateCalibration(borders=(1,))
    metric.update(torch.zeros(3, 4), [0, 1, 2], [0, 1, 2])
    found = metric.compute()
    log4 = torch.tensor(4.0).double().log().item()
    assert found.positions.tolist() == [[2, 1]]
    assert found.entropy.tolist() == pytest.approx([log4, log4])
    assert found.gap.tolist() == pytest.approx([0, 0], abs=1e-15)


def test_an_empty_range_holds_zeros_and_has_no_interval():
    metric = EntropyRateCalibration(borders=(1,))
    metric.update(torch.zeros(1, 4), [0], [0])
    assert metric.compute().gap.tolist() == [0, 0]
    with pytest.raises(ValueError, match="at least 2 rows"):
        metric.compute().gap_interval(0)
    with pytest.raises(ValueError, match="must have rows"):
        metric.compute().gap_interval(1)


@pytest.mark.parametrize("borders", [(), (8, 8), (9, 8), (0, -1)])
def test_bad_borders(borders):
    with pytest.raises(ValueError, match="borders must"):
        EntropyRateCalibration(borders=borders)


@pytest.mark.parametrize(
    ("position", "error", "message"),
    [
        ([-1], ValueError, "position must not be negative"),
        ([0, 1], ValueError, "one entry a row"),
        ([0.5], TypeError, "position must be integers"),
    ],
)
def test_bad_positions(position, error, message):
    with pytest.raises(error, match=message):
        EntropyRateCalibration().update([[0.0, 1.0]], [0], position)
