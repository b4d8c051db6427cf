"""Training for a reward: the sum against autograd by hand, samples and the known optimum."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings, strategies as st

from coursekit.lm import (
    expected_reward,
    policy_divergence,
    regularised_optimum,
    train_policy,
)


def tables(seed, n=3, k=5):
    chance = torch.Generator().manual_seed(seed)
    logits = torch.randn(n, k, generator=chance, dtype=torch.float64)
    return logits, torch.rand(n, k, generator=chance, dtype=torch.float64)


@given(st.integers(0, 1_000))
@settings(max_examples=20, deadline=None)
def test_the_gradient_is_probability_times_advantage(seed):
    logits, reward = tables(seed)
    weights = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64)
    logits.requires_grad_()
    expected_reward(logits.log_softmax(dim=1), reward, weights).backward()
    probs = logits.detach().softmax(dim=1)
    advantage = reward - (probs * reward).sum(dim=1, keepdim=True)
    assert torch.allclose(logits.grad, weights[:, None] * probs * advantage)


def test_the_sum_is_the_mean_of_what_is_drawn():
    logits, reward = tables(0, n=1)
    probs = logits.softmax(dim=1)
    drawn = torch.multinomial(probs[0], 200_000, True, generator=torch.Generator().manual_seed(0))
    assert expected_reward(probs.log(), reward) == pytest.approx(
        reward[0, drawn].mean().item(), abs=0.01
    )


@given(st.integers(0, 1_000), st.sampled_from([0.1, 0.5, 2.0]))
@settings(max_examples=20, deadline=None)
def test_no_policy_on_a_leash_is_better_than_the_formula(seed, beta):
    logits, reward = tables(seed)
    reference, other = logits.log_softmax(dim=1), tables(seed + 1)[0].log_softmax(dim=1)

    def goal(policy):
        return expected_reward(policy, reward) - beta * policy_divergence(policy, reference)

    best = regularised_optimum(reference, reward, beta)
    assert torch.allclose(best.exp().sum(dim=1), torch.ones(3, dtype=torch.float64))
    assert goal(best) >= goal(other) - 1e-12
    assert goal(best) >= goal(reference) - 1e-12
    # At the optimum the goal is beta times the log of the normaliser.
    normaliser = (reference.exp() * (reward / beta).exp()).sum(dim=1).log().mean()
    assert goal(best) == pytest.approx((beta * normaliser).item())


def test_a_reward_of_log_truth_sharpens_it_by_a_temperature():
    truth = tables(0)[0].softmax(dim=1)
    best = regularised_optimum(truth.log(), truth.log(), beta=0.5)
    assert torch.allclose(best, (3 * truth.log()).log_softmax(dim=1))


def test_axes_after_the_first_are_one_table():
    logits, reward = tables(0, k=6)
    flat, cube = logits.log_softmax(dim=1), (3, 2, 3)
    assert expected_reward(flat.view(cube), reward.view(cube)) == expected_reward(flat, reward)
    best = regularised_optimum(flat.view(cube), reward.view(cube), 1.0)
    assert torch.equal(best.flatten(1), regularised_optimum(flat, reward, 1.0))


class Table(torch.nn.Module):
    def __init__(self, logits):
        super().__init__()
        self.logits = torch.nn.Parameter(logits.clone())


def says(model):
    return model.logits.log_softmax(dim=1)


@pytest.mark.parametrize("beta", [0.3, 1.0])
def test_training_gets_to_the_formula_where_the_network_is_a_table(beta):
    logits, reward = tables(0)
    model = Table(logits)
    trained, history = train_policy(
        model,
        says,
        reward,
        beta=beta,
        steps=600,
        learning_rate=0.05,
        evaluate=lambda m: {"reward": expected_reward(says(m), reward).item()},
        evaluate_every=200,
    )
    assert torch.allclose(
        says(trained).exp(), regularised_optimum(says(model), reward, beta).exp(), atol=1e-3
    )
    assert torch.equal(model.logits, logits)  # a copy was trained
    assert history.column("step") == [0, 200, 400, 600]
    assert history.column("reward")[-1] > history.column("reward")[0]


def test_without_a_leash_the_best_answer_takes_all():
    logits, reward = tables(0)
    trained, _ = train_policy(Table(logits), says, reward, steps=800, learning_rate=0.1)
    assert (says(trained).exp().gather(1, reward.argmax(1, keepdim=True)) > 0.95).all()


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda p, r: expected_reward(p, r[:, 1:]), ValueError, "reward must have the shape"),
        (lambda p, r: expected_reward(p[0], r[0]), ValueError, "at least two axes"),
        (lambda p, r: expected_reward(p, r, torch.ones(2)), ValueError, "weights must have shape"),
        (lambda p, r: policy_divergence(p, p[:1]), ValueError, "reference must have the shape"),
        (lambda p, r: regularised_optimum(p, r, 0.0), ValueError, "beta must be above 0"),
        (lambda p, r: regularised_optimum(p, r, float("nan")), ValueError, "beta must be above 0"),
        (
            lambda p, r: train_policy(Table(p), says, r, beta=-1.0),
            ValueError,
            "beta must be at least 0",
        ),
        (lambda p, r: train_policy(Table(p), says, r, steps=0), ValueError, "steps must be"),
        (lambda p, r: train_policy(Table(p), says, r, steps=1.5), TypeError, "steps must be"),
    ],
)
def test_bad_input_is_refused(call, error, words):
    logits, reward = tables(0)
    with pytest.raises(error, match=words):
        call(logits.log_softmax(dim=1), reward)
