r"""Train a language model for a reward, with the expectation summed instead of sampled.

Asked x, a model says y with probability $\pi_\theta(y \mid x)$, and gets a reward r(x, y). Where
all that it can say fits in a table, the goal of reinforcement learning is a sum,

$$J(\theta) = \sum_x w(x) \sum_y \pi_\theta(y \mid x)
    \Big( r(x, y) - \beta \log \frac{\pi_\theta(y \mid x)}{\pi_0(y \mid x)} \Big),$$

and its gradient has no noise. The second term is a leash: $\beta$ times the Kullback-Leibler
divergence from the model $\pi_0$ that training began with. Over all laws, whatever network could
say them, the maximum is known: $\pi^*(y \mid x) \propto \pi_0(y \mid x) \exp(r(x, y) / \beta)$.

Reference:
    Williams 1992, Simple statistical gradient-following algorithms for connectionist reinforcement
    learning, for the gradient. Korbak, Perez and Buckley 2022, RL with KL penalties is better
    viewed as Bayesian inference, for the optimum.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping
from typing import TypeVar

import torch
from torch import Tensor, nn

from coursekit._checks import as_count
from coursekit.lm.training import History

Model = TypeVar("Model", bound=nn.Module)


def expected_reward(log_policy: Tensor, reward: Tensor, weights: Tensor | None = None) -> Tensor:
    """Return the expected reward of a policy, a scalar with a gradient.

    Args:
        log_policy: Log-probability of whatever can be said `(N, ...)`, in nats; each of the N
            tables sums to 1 as probabilities.
        reward: What it brings `(N, ...)`.
        weights: How often each of the N questions is asked `(N,)`; by default all alike.

    Raises:
        ValueError: If the shapes differ.

    Example:
        >>> policy = torch.tensor([[0.75, 0.25]])
        >>> expected_reward(policy.log(), torch.tensor([[1.0, 0.0]]))
        tensor(0.7500)
    """
    _require_tables(log_policy, reward, "reward")
    return _mean(_summed(log_policy.exp() * reward), weights)


def policy_divergence(
    log_policy: Tensor, reference: Tensor, weights: Tensor | None = None
) -> Tensor:
    """Return the mean Kullback-Leibler divergence KL(policy || reference), in nats.

    Args:
        log_policy: Log-probabilities `(N, ...)`.
        reference: Those of the other policy `(N, ...)`.
        weights: How often each question is asked `(N,)`; by default all alike.

    Raises:
        ValueError: If the shapes differ.

    Example:
        >>> sure, fair = torch.tensor([[0.9, 0.1]]).log(), torch.tensor([[0.5, 0.5]]).log()
        >>> policy_divergence(sure, fair)
        tensor(0.3681)
    """
    _require_tables(log_policy, reference, "reference")
    return _mean(_summed(log_policy.exp() * (log_policy - reference)), weights)


def regularised_optimum(reference: Tensor, reward: Tensor, beta: float) -> Tensor:
    """Return the best policy on a leash: log of pi_0 exp(r / beta), made to sum to 1.

    No law has a larger expected reward minus beta times the divergence from the reference.

    Args:
        reference: Log-probabilities of the policy that training began with `(N, ...)`.
        reward: What can be got `(N, ...)`.
        beta: How short the leash is; above 0.

    Returns:
        Log-probabilities `(N, ...)`.

    Raises:
        ValueError: If the shapes differ, or beta is not above 0.

    Example:
        >>> fair = torch.tensor([[0.5, 0.5]]).log()
        >>> regularised_optimum(fair, torch.tensor([[1.0, 0.0]]), beta=1.0).exp()
        tensor([[0.7311, 0.2689]])
    """
    _require_tables(reference, reward, "reward")
    if not 0 < beta < math.inf:
        raise ValueError(f"beta must be above 0 and finite, found {beta}.")
    tilted = (reference + reward / beta).flatten(1)
    return tilted.log_softmax(dim=1).view_as(reference)


def train_policy(
    model: Model,
    policy: Callable[[Model], Tensor],
    reward: Tensor,
    *,
    weights: Tensor | None = None,
    beta: float = 0.0,
    steps: int = 100,
    learning_rate: float = 5e-3,
    evaluate: Callable[[Model], Mapping[str, float]] | None = None,
    evaluate_every: int = 10,
) -> tuple[Model, History]:
    """Train a copy of a model for its expected reward, and return it.

    Each step sums over all questions and all that can be said to them.

    Args:
        model: Where training begins, and what the leash holds to; it stays as it is.
        policy: What a model says to the N questions: log-probabilities `(N, ...)`.
        reward: `(N, ...)`.
        weights: How often each question is asked `(N,)`; by default all alike.
        beta: Of the leash; 0 for none.
        steps: Updates by AdamW, without weight decay.
        learning_rate: Of all of them.
        evaluate: What to record, before the first step and each `evaluate_every` after it.
        evaluate_every: Steps between two records.

    Returns:
        The trained copy, and a `History` of records with `step` and what `evaluate` returned.

    Raises:
        ValueError: If beta is negative or not finite, a shape does not fit, or there is no step.
        TypeError: If steps or evaluate_every are no whole numbers.

    Example:
        >>> coin = nn.Linear(1, 2, bias=False)
        >>> def says(model):
        ...     return model(torch.ones(1, 1)).log_softmax(dim=-1)
        >>> better, _ = train_policy(coin, says, torch.tensor([[1.0, 0.0]]), learning_rate=0.1)
        >>> bool(says(better)[0, 0].exp() > 0.9)
        True
    """
    steps = as_count(steps, "steps")
    evaluate_every = as_count(evaluate_every, "evaluate_every")
    if not 0 <= beta < math.inf:
        raise ValueError(f"beta must be at least 0 and finite, found {beta}.")
    trained, records = copy.deepcopy(model), []
    with torch.no_grad():
        reference = policy(model)
    optimizer = torch.optim.AdamW(trained.parameters(), lr=learning_rate, weight_decay=0)
    for step in range(steps + 1):
        if evaluate and step % evaluate_every == 0:
            with torch.no_grad():
                records.append({"step": float(step), **evaluate(trained)})
        if step == steps:
            break
        says = policy(trained)
        goal = expected_reward(says, reward, weights)
        if beta:
            goal = goal - beta * policy_divergence(says, reference, weights)
        optimizer.zero_grad()
        (-goal).backward()
        optimizer.step()
    return trained, History(records)


def _summed(table: Tensor) -> Tensor:
    """Sum over all that can be said: `(N,)`."""
    return table.flatten(1).sum(dim=1)


def _mean(values: Tensor, weights: Tensor | None) -> Tensor:
    if weights is None:
        return values.mean()
    if weights.shape != values.shape:
        raise ValueError(
            f"weights must have shape {tuple(values.shape)}, one for each question, found "
            f"{tuple(weights.shape)}."
        )
    return (weights * values).sum() / weights.sum()


def _require_tables(log_policy: Tensor, other: Tensor, name: str) -> None:
    if log_policy.ndim < 2 or other.shape != log_policy.shape:
        raise ValueError(
            f"{name} must have the shape of the policy, (N, ...) with at least two axes, found "
            f"{tuple(other.shape)} for {tuple(log_policy.shape)}."
        )
