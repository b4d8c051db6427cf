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

from coursekit._checks import as_count, as_seed
from coursekit.lm.gpt import GPT

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
        TypeError: If a count is not a whole number.
        ValueError: If a value is out of its range.

    Example:
        >>> TrainingConfig(steps=300, learning_rate=3e-3).warmup_steps
        50
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
            self._keep(name, as_count(getattr(self, name), name))
        self._keep("warmup_steps", as_count(self.warmup_steps, "warmup_steps", least=0))
        self._keep("seed", as_seed(self.seed))
        for name in ("learning_rate", "clip_norm"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be a positive number, found {getattr(self, name)}.")
        if not 0 <= self.weight_decay < math.inf:
            raise ValueError(f"weight_decay must be 0 or more, found {self.weight_decay}.")
        if not 0 <= self.label_smoothing < 1:
            raise ValueError(f"label_smoothing must lie in [0, 1), found {self.label_smoothing}.")
        if len(self.betas) != 2 or not all(0 <= beta < 1 for beta in self.betas):
            raise ValueError(f"betas must be two numbers in [0, 1), found {self.betas}.")
        if self.precision not in get_args(Precision):
            raise ValueError(
                f"precision must be one of {get_args(Precision)}, found {self.precision!r}."
            )

    def _keep(self, name: str, number: int) -> None:
        """Store a number as a plain int, which a checkpoint can hold; NumPy's it cannot."""
        object.__setattr__(self, name, number)


def learning_rate_at(step: int, config: TrainingConfig) -> float:
    """Return the learning rate of an update; the first is number 0.

    It grows in a line, so that update `warmup_steps` - 1 has all of it, then falls along half a
    cosine, which would be 0 at update number `steps`.

    Example:
        >>> config = TrainingConfig(steps=100, learning_rate=0.1, warmup_steps=20)
        >>> [round(learning_rate_at(step, config), 3) for step in (0, 19, 60, 99)]
        [0.005, 0.1, 0.05, 0.0]
    """
    if step < config.warmup_steps:
        return config.learning_rate * (step + 1) / config.warmup_steps
    done = (step - config.warmup_steps) / (config.steps - config.warmup_steps)
    return config.learning_rate * (1 + math.cos(math.pi * done)) / 2


def adamw(model: GPT, config: TrainingConfig) -> torch.optim.AdamW:
    """Return AdamW for the weights of a model, with weight decay for matrices only.

    A bias or a norm's gain has no reason to be near 0. Nor has an embedding: decay would shrink the
    rare tokens', which few gradients restore, and so bend the probabilities of rare words.

    Example:
        >>> from coursekit.lm.gpt import GPTConfig
        >>> model = GPT(GPTConfig(vocab_size=8, context=4, width=4, n_layers=1, n_heads=1))
        >>> [group["weight_decay"] for group in adamw(model, TrainingConfig()).param_groups]
        [0.01, 0.0]
    """
    matrices = {
        f"{name}.weight" for name, module in model.named_modules() if isinstance(module, nn.Linear)
    }
    decayed: list[nn.Parameter] = []
    others: list[nn.Parameter] = []
    for name, parameter in model.named_parameters():  # a tied head goes by its embedding's name
        (decayed if name in matrices else others).append(parameter)
    groups = [
        {"params": decayed, "weight_decay": config.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=config.learning_rate, betas=config.betas, fused=True)
