r"""How weights move: AdamW, a learning rate that warms up and dies away, and their settings.

$$\theta \leftarrow \theta - \eta_t \left( \frac{\hat m_t}{\sqrt{\hat v_t} + \epsilon}
+ \lambda \theta \right), \qquad
\eta_t = \eta \, \tfrac12 \left(1 + \cos \pi \frac{t - w}{n - w} \right)$$

$\hat m$ and $\hat v$ are running means of the gradient and of its square. The learning rate grows
for the first $w$ of $n$ steps, while these means are still noise, then falls to 0.

References:
    Loshchilov and Hutter 2019, Decoupled weight decay regularization (AdamW).
    Loshchilov and Hutter 2017, SGDR: stochastic gradient descent with warm restarts (the cosine).
    Goyal et al. 2017, Accurate, large minibatch SGD: training ImageNet in 1 hour (the warm-up).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import nn

from coursekit.lm.gpt import GPT, check_count

Precision = Literal["auto", "float32", "bfloat16", "float16"]


@dataclass(frozen=True)
class TrainingConfig:
    """How to train.

    Args:
        steps: Number of updates.
        batch_size: Sequences in a batch, over all processes together.
        learning_rate: The largest, after the warm-up.
        warmup_steps: Updates in which it grows.
        weight_decay: How much of the weights of the matrices an update takes away, times the
            learning rate.
        betas: How slowly AdamW's means of the gradient and of its square move.
        clip_norm: The longest gradient (Euclidean norm); longer ones are cut to it.
        label_smoothing: Part of the probability that the target gives to all tokens alike.
        evaluate_every: Steps from one record of the history to the next.
        checkpoint_every: Steps from one checkpoint to the next.
        seed: Of the order of the data, and of dropout.
        precision: Of the forward pass: "float32", "bfloat16" or "float16"; "auto" is float32 on the
            CPU, and on a GPU the shortest that it is made for. Weights are always float32.

    Raises:
        TypeError: If a count is not an integer.
        ValueError: If a value is out of its range.
    """

    steps: int = 1000
    batch_size: int = 32
    learning_rate: float = 1e-2
    warmup_steps: int = 50
    weight_decay: float = 0.01
    betas: tuple[float, float] = (0.9, 0.99)
    clip_norm: float = 1.0
    label_smoothing: float = 0.0
    evaluate_every: int = 100
    checkpoint_every: int = 100
    seed: int = 0
    precision: Precision = "auto"

    def __post_init__(self) -> None:
        for name in ("steps", "batch_size", "evaluate_every", "checkpoint_every"):
            check_count(name, getattr(self, name))
        for name in ("warmup_steps", "seed"):
            if getattr(self, name) != 0:
                check_count(name, getattr(self, name))
        for name in ("learning_rate", "clip_norm"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} is {getattr(self, name)}: expected a positive number.")
        if not 0 <= self.weight_decay < math.inf:
            raise ValueError(f"weight_decay is {self.weight_decay}: expected 0 or more.")
        if not 0 <= self.label_smoothing < 1:
            raise ValueError(f"label_smoothing is {self.label_smoothing}: expected [0, 1).")
        if len(self.betas) != 2 or not all(0 <= beta < 1 for beta in self.betas):
            raise ValueError(f"betas is {self.betas}: expected two numbers in [0, 1).")
        if self.precision not in get_args(Precision):
            raise ValueError(
                f"precision is {self.precision!r}: expected one of {get_args(Precision)}."
            )


def learning_rate_at(step: int, config: TrainingConfig) -> float:
    """Learning rate of an update; the first is number 0.

    It grows in a line, so that update `warmup_steps` - 1 has all of it, then falls along half a
    cosine, which would be 0 at update number `steps`.
    """
    if step < config.warmup_steps:
        return config.learning_rate * (step + 1) / config.warmup_steps
    done = (step - config.warmup_steps) / (config.steps - config.warmup_steps)
    return config.learning_rate * (1 + math.cos(math.pi * done)) / 2


def adamw(model: GPT, config: TrainingConfig) -> torch.optim.AdamW:
    """AdamW for the weights of a model, with weight decay for matrices only.

    A bias or a norm's gain has no reason to be near 0. Nor has an embedding: decay would shrink the
    rare tokens', which few gradients restore, and so bend the probabilities of rare words.
    """
    matrices = {
        f"{name}.weight" for name, module in model.named_modules() if isinstance(module, nn.Linear)
    }
    decayed, others = [], []
    for name, parameter in model.named_parameters():  # a tied head goes by its embedding's name
        (decayed if name in matrices else others).append(parameter)
    groups = [
        {"params": decayed, "weight_decay": config.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=config.learning_rate, betas=config.betas, fused=True)
