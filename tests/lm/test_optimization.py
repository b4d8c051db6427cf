"""How weights move: the schedule's closed form, and which weights decay."""

from __future__ import annotations

import math

import pytest
import torch

from coursekit.lm.gpt import GPT, GPTConfig
from coursekit.lm.optimization import TrainingConfig, adamw, learning_rate_at


def test_the_schedule_by_hand():
    config = TrainingConfig(steps=12, warmup_steps=4, learning_rate=0.8)
    warm_up = [0.2, 0.4, 0.6, 0.8]
    cosine = [0.8 * math.cos(math.pi * t / 16) ** 2 for t in range(8)]  # (1 + cos 2x) / 2 = cos^2 x
    rates = [learning_rate_at(step, config) for step in range(12)]
    assert rates == pytest.approx(warm_up + cosine, rel=1e-12)
    assert learning_rate_at(12, config) == 0


def test_the_cosine_is_that_of_pytorch():
    config = TrainingConfig(steps=30, warmup_steps=0, learning_rate=0.3)
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=30)
    for step in range(30):
        assert learning_rate_at(step, config) == pytest.approx(schedule.get_last_lr()[0], abs=1e-9)
        optimizer.step()
        schedule.step()


def test_training_may_be_all_warm_up():
    config = TrainingConfig(steps=2, warmup_steps=4, learning_rate=1.0)
    assert [learning_rate_at(step, config) for step in range(2)] == [0.25, 0.5]


@pytest.mark.parametrize("tied", [True, False])
def test_matrices_decay_and_nothing_else(tied):
    model = GPT(GPTConfig(7, 4, width=4, n_layers=1, n_heads=1, tie_weights=tied))
    optimizer = adamw(model, TrainingConfig(weight_decay=0.5, learning_rate=0.1))
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()  # without a gradient, decay alone moves the weights: by 1 - 0.1 * 0.5
    matrices = {"attention.qkv", "attention.projection", "mlp.0", "mlp.2"}
    decays = {f"blocks.0.{name}.weight" for name in matrices} | (set() if tied else {"head.weight"})
    for name, parameter in model.named_parameters():
        factor = 0.95 if name in decays else 1.0
        torch.testing.assert_close(parameter.detach(), factor * before[name])


@pytest.mark.parametrize(
    ("settings", "error", "said"),
    [
        ({"steps": 0}, ValueError, "steps must .*found 0"),
        ({"steps": 1.5}, TypeError, "steps must .*found 1.5"),
        ({"batch_size": 0}, ValueError, "batch_size must .*found 0"),
        ({"evaluate_every": 0}, ValueError, "evaluate_every must .*found 0"),
        ({"checkpoint_every": True}, TypeError, "checkpoint_every must .*found True"),
        ({"warmup_steps": -1}, ValueError, "warmup_steps must .*found -1"),
        ({"seed": -1}, ValueError, "seed must .*found -1"),
        ({"learning_rate": 0.0}, ValueError, "learning_rate must .*found 0.0"),
        ({"learning_rate": math.nan}, ValueError, "learning_rate must .*found nan"),
        ({"learning_rate": math.inf}, ValueError, "learning_rate must .*found inf"),
        ({"clip_norm": 0.0}, ValueError, "clip_norm must .*found 0.0"),
        ({"weight_decay": -0.1}, ValueError, "weight_decay must .*found -0.1"),
        ({"betas": (0.9, 1.0)}, ValueError, "betas must be two numbers"),
        ({"betas": (0.9,)}, ValueError, "betas must be two numbers"),
        ({"label_smoothing": 1.0}, ValueError, "label_smoothing must .*found 1.0"),
        ({"precision": "int8"}, ValueError, "precision must .*found 'int8'"),
    ],
)
def test_settings_out_of_range_are_refused(settings, error, said):
    with pytest.raises(error, match=said):
        TrainingConfig(**settings)
