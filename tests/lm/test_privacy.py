"""DP-SGD: each gradient clipped for itself; what is spent, against other accountants."""

from __future__ import annotations

import math

import pytest
import torch
from scipy.optimize import brentq
from scipy.stats import norm

from coursekit.lm import (
    GPT,
    GPTConfig,
    TrainingConfig,
    evaluate_loss,
    next_token_loss,
    per_example_gradients,
    privacy_spent,
    private_gradient,
    train_privately,
)

DOCUMENTS = torch.tensor([[1, 2, 3, 4], [5, 6, -100, -100], [2, 2, 7, -100]])


def small(seed=0, **options):
    shape = GPTConfig(8, context=4, width=8, n_layers=1, n_heads=2, **options)
    return GPT(shape, torch.Generator().manual_seed(seed))


def flat(model):
    return torch.cat([weight.grad.flatten() for weight in model.parameters()])


@pytest.mark.parametrize("positions", ["learned", "rotary", "alibi", "none"])
def test_each_row_is_the_gradient_of_one_document_alone(positions):
    model = small(positions=positions)
    rows = per_example_gradients(model, DOCUMENTS)
    for row, document in zip(rows, DOCUMENTS, strict=True):
        model.zero_grad()
        next_token_loss(model(document[None, :-1].clamp(min=0)), document[None, 1:]).backward()
        assert torch.allclose(row, flat(model), atol=1e-6)


def test_the_model_is_left_as_it_was():
    model = small()
    before = [weight.clone() for weight in model.parameters()]
    per_example_gradients(model, DOCUMENTS)
    assert all(map(torch.equal, before, model.parameters()))
    assert all(weight.grad is None for weight in model.parameters())


@pytest.mark.parametrize(
    ("documents", "error", "message"),
    [
        (torch.ones(2, 3), TypeError, "documents"),
        (torch.full((2, 3), 9), ValueError, "documents"),
        (torch.ones(3, dtype=torch.long), ValueError, r"documents must be \(B, T\)"),
    ],
)
def test_documents_that_do_not_fit_are_refused(documents, error, message):
    with pytest.raises(error, match=message):
        per_example_gradients(small(), documents)


def test_dropout_is_refused():
    with pytest.raises(ValueError, match=r"no dropout, found 0\.1"):
        per_example_gradients(small(dropout=0.1), DOCUMENTS)


def test_one_document_moves_the_sum_by_the_clip_norm_at_most():
    generator = torch.Generator().manual_seed(0)
    gradients = torch.randn(20, 5, generator=generator) * 10 ** torch.linspace(-3, 3, 20)[:, None]
    whole = private_gradient(gradients, clip_norm=0.7, noise=0, batch_size=1)
    for i in range(20):
        others = gradients[torch.arange(20) != i]
        without = private_gradient(others, clip_norm=0.7, noise=0, batch_size=1)
        assert (whole - without).norm() <= 0.7 + 1e-5
    short = gradients[gradients.norm(dim=1) < 0.7]
    unclipped = private_gradient(short, clip_norm=0.7, noise=0, batch_size=len(short))
    assert torch.allclose(unclipped, short.mean(dim=0))


def test_an_empty_batch_and_one_of_zeros_give_noise_alone():
    for gradients in (torch.zeros(0, 40_000), torch.zeros(1, 40_000)):
        noise = private_gradient(gradients, 1.0, 0.5, 8, torch.Generator().manual_seed(0))
        assert noise.std() * 8 == pytest.approx(0.5, rel=0.02)
        assert noise.mean() * 8 == pytest.approx(0, abs=0.02)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((torch.zeros(3), 1.0, 0.0, 1), "gradients must be"),
        ((torch.zeros(1, 3), 0.0, 0.0, 1), "clip_norm must be positive, found 0"),
        ((torch.zeros(1, 3), 1.0, -1.0, 1), "noise must be 0 or more"),
        ((torch.zeros(1, 3), 1.0, math.inf, 1), "noise must be 0 or more and finite"),
        ((torch.zeros(1, 3), 1.0, 0.0, 0), "batch_size must be positive, found 0"),
    ],
)
def test_a_step_that_makes_no_sense_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        private_gradient(*arguments)


def test_training_learns_and_the_same_seed_gives_the_same_weights():
    data = torch.arange(400).view(80, 5) % 8
    config = TrainingConfig(steps=60, batch_size=16, warmup_steps=5)
    models = [small(), small(), small()]
    for model, noise in zip(models, (0.1, 0.1, 0.2), strict=True):
        train_privately(model, data, config, clip_norm=1.0, noise=noise)
    assert evaluate_loss(models[0], data) < 1.2  # it began at log 8 = 2.08
    same, other = (
        all(map(torch.equal, models[0].parameters(), model.parameters())) for model in models[1:]
    )
    assert same and not other


def test_batches_larger_than_the_data_are_refused():
    with pytest.raises(ValueError, match="at most the 3 documents, found 4"):
        train_privately(small(), DOCUMENTS, TrainingConfig(1, 4), clip_norm=1, noise=1)


def test_noise_cannot_be_outrun():
    """With noise far above the clip norm nothing is learned."""
    data = torch.arange(400).view(80, 5) % 8
    model = small()
    config = TrainingConfig(steps=60, batch_size=16, warmup_steps=5)
    train_privately(model, data, config, clip_norm=1e-3, noise=10.0)
    assert evaluate_loss(model, data) > 1.8


# What is spent. The middle column is the RDP accountant of dp-accounting 0.6.0 at the same orders;
# the last is its accountant by privacy loss distributions, which is tighter.
@pytest.mark.parametrize(
    ("noise", "rate", "steps", "delta", "renyi", "tight"),
    [
        (1.0, 0.01, 1000, 1e-05, 2.1077530754515745, 1.8282436455855091),
        (1.0, 0.03535911602209945, 200, 0.0001, 3.2222894906885955, 2.745678201084832),
        (0.5, 0.03535911602209945, 200, 0.0001, 20.79649029336359, 15.75831292995047),
        (2.0, 0.0707182320441989, 200, 0.0001, 2.1653666589867977, 1.930220240319514),
        (4.0, 1.0, 10, 1e-5, 3.6278518728252274, 3.341409517638289),
        (0.7, 0.1, 50, 1e-3, 8.762552066664302, 7.0481512618653115),
    ],
)
def test_another_accountant_finds_the_same(noise, rate, steps, delta, renyi, tight):
    spent = privacy_spent(noise, rate, steps, delta)
    assert spent == pytest.approx(renyi, rel=1e-9)
    assert tight < spent < 1.4 * tight


def exact_gaussian(noise, steps, delta):
    """The epsilon of Gaussian steps without sampling, in closed form (Balle and Wang 2018)."""
    mu = math.sqrt(steps) / noise

    def excess(epsilon):
        return (
            norm.cdf(mu / 2 - epsilon / mu)
            - math.exp(epsilon) * norm.cdf(-mu / 2 - epsilon / mu)
            - delta
        )

    return brentq(excess, 0, 100)


@pytest.mark.parametrize("noise", [1.0, 3.0, 10.0])
@pytest.mark.parametrize("steps", [1, 20])
def test_without_sampling_it_is_a_little_above_the_exact_number(noise, steps):
    exact = exact_gaussian(noise, steps, 1e-5)
    assert exact <= privacy_spent(noise, 1.0, steps, 1e-5) <= 1.2 * exact


def test_more_noise_less_reading_and_a_larger_delta_spend_less():
    spent = [privacy_spent(noise, 0.05, 100, 1e-5) for noise in (0.5, 1, 2, 4)]
    assert spent == sorted(spent, reverse=True)
    spent = [privacy_spent(1, rate, 100, 1e-5) for rate in (0.01, 0.1, 0.5, 1)]
    assert spent == sorted(spent)
    spent = [privacy_spent(1, 0.05, 100, delta) for delta in (1e-3, 1e-5, 1e-9)]
    assert spent == sorted(spent)
    assert privacy_spent(1, 0.05, 0, 1e-5) == 0
    assert privacy_spent(0, 0.05, 10, 1e-5) == math.inf


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((-1, 0.1, 10, 1e-5), "noise must be 0 or more, found -1"),
        ((1, 0, 10, 1e-5), "rate must lie in"),
        ((1, 1.1, 10, 1e-5), "rate must lie in"),
        ((1, 0.1, -1, 1e-5), "steps must be 0 or more, found -1"),
        ((1, 0.1, 10, 0), "delta must lie in"),
    ],
)
def test_an_account_that_makes_no_sense_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        privacy_spent(*arguments)
