r"""Training with differential privacy: a bound on what any one document can change.

A training is $(\varepsilon, \delta)$-differentially private if for every set $S$ of models that it
may end with, and any two data sets of which one has a document more,

$$P(\text{model} \in S) \le e^{\varepsilon} \, P'(\text{model} \in S) + \delta.$$

DP-SGD gets there by two changes of the gradient. Each document's gradient $g_i$ is cut to length
$C$, so that no document moves the sum by more; then noise that is as large as that is added:

$$\tilde g = \frac1B \Bigl(\sum_i g_i \min\bigl(1, C / \lVert g_i \rVert\bigr)
+ \sigma C \, z \Bigr), \qquad z \sim N(0, I).$$

Each document joins a batch with the same chance $q$, independently, which the guarantee counts on;
$B$ is the size that batches have on average.

References:
    Abadi et al. 2016, Deep learning with differential privacy.
    Mironov et al. 2019, Rényi differential privacy of the sampled Gaussian mechanism.
    Canonne et al. 2020, The discrete Gaussian for differential privacy (from Rényi to epsilon).
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.func import functional_call, grad, vmap
from torch.nn.attention import SDPBackend, sdpa_kernel

from coursekit.lm.batches import PADDING, check_tokens
from coursekit.lm.gpt import GPT
from coursekit.lm.optimization import TrainingConfig, adamw, learning_rate_at

#: Orders of Rényi's divergence of which the best is taken.
ORDERS = (*range(2, 65), 80, 96, 128, 192, 256, 512)


def per_example_gradients(model: GPT, documents: Tensor) -> Tensor:
    """Return the gradient of each document's own loss, as one row each.

    Args:
        model: A GPT without dropout.
        documents: Ids `(B, T)`, padded at the end with -100.

    Returns:
        `(B, P)`, nats per token and unit of weight: the P weights in the order of
        `model.parameters()`. The mean of the rows is the gradient of the mean of the B losses.

    Raises:
        TypeError, ValueError: If the documents do not fit the model, or it has dropout.

    Example:
        >>> from coursekit.lm.gpt import GPTConfig
        >>> model = GPT(GPTConfig(vocab_size=8, context=4, width=4, n_layers=1, n_heads=1))
        >>> per_example_gradients(model, torch.tensor([[1, 2, 3], [4, 5, -100]])).shape
        torch.Size([2, 300])
    """
    if documents.ndim != 2:
        raise ValueError(f"documents must be (B, T), found shape {tuple(documents.shape)}.")
    check_tokens("documents", documents, model.config)
    if model.config.dropout:
        raise ValueError(f"model must have no dropout, found {model.config.dropout}.")
    weights = {name: weight.detach() for name, weight in model.named_parameters()}

    def loss(weights: dict[str, Tensor], document: Tensor) -> Tensor:
        inputs = document[None, :-1].clamp(min=0)  # what stands in the padding is never read
        logits = functional_call(model, weights, (inputs,))
        return F.cross_entropy(logits[0], document[1:], ignore_index=PADDING)

    with sdpa_kernel(SDPBackend.MATH):  # the fused kernels know no vmap
        rows = vmap(grad(loss), in_dims=(None, 0))(weights, documents)
    return torch.cat([row.flatten(1) for row in rows.values()], dim=1)


def private_gradient(
    gradients: Tensor,
    clip_norm: float,
    noise: float,
    batch_size: float,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Return the mean of clipped gradients with noise, the step of DP-SGD.

    Args:
        gradients: Of each document `(B, P)`; B may be 0.
        clip_norm: The longest a document's gradient may be, C; infinity for no clipping.
        noise: Standard deviation of the noise that the sum gets in each weight, sigma times C; 0
            for none.
        batch_size: What the sum is divided by: the size of a batch on average.
        generator: Source of the noise.

    Returns:
        `(P,)`.

    Raises:
        ValueError: If a number is out of range.

    Reference:
        Abadi et al. 2016, Deep learning with differential privacy, algorithm 1.

    Example:
        >>> long_and_short = torch.tensor([[30.0, 40.0], [0.3, 0.4]])
        >>> private_gradient(long_and_short, clip_norm=1.0, noise=0.0, batch_size=2)
        tensor([0.4500, 0.6000])
    """
    if gradients.ndim != 2:
        raise ValueError(f"gradients must be (B, P), found shape {tuple(gradients.shape)}.")
    for name, value in (("clip_norm", clip_norm), ("batch_size", batch_size)):
        if not value > 0:
            raise ValueError(f"{name} must be positive, found {value}.")
    if not 0 <= noise < math.inf:
        raise ValueError(f"noise must be 0 or more and finite, found {noise}.")
    scale = (clip_norm / gradients.norm(dim=1)).clamp(max=1)
    total = (gradients * scale[:, None]).sum(dim=0)
    if noise > 0:
        total = total + noise * torch.randn(total.shape, generator=generator)
    return total / batch_size


@torch.no_grad()
def train_privately(
    model: GPT,
    documents: Tensor,
    config: TrainingConfig,
    *,
    clip_norm: float,
    noise: float,
) -> None:
    """Train a model in place by AdamW on private gradients, on the CPU.

    AdamW does with a private gradient what it likes, since what is computed from it alone gives
    nothing more away. `clip_norm=inf, noise=0` is training without privacy on the same batches.

    Args:
        model: A GPT without dropout; its weights are changed.
        documents: Ids `(N, T)`, padded at the end with -100.
        config: Steps, learning rate, seed; `batch_size` is the size on average, and its own
            `clip_norm` is not used.
        clip_norm: The longest a document's gradient may be.
        noise: Standard deviation of the noise that the sum of gradients gets in each weight.

    Raises:
        TypeError, ValueError: If an argument is out of range, or batches are larger than the data.

    Reference:
        Abadi et al. 2016, Deep learning with differential privacy.

    Example:
        >>> from coursekit.lm.gpt import GPTConfig
        >>> model = GPT(GPTConfig(vocab_size=8, context=4, width=8, n_layers=1, n_heads=2))
        >>> config = TrainingConfig(steps=2, batch_size=4, warmup_steps=1)
        >>> train_privately(model, torch.arange(40).view(8, 5) % 8, config, clip_norm=1, noise=1)
    """
    check_tokens("documents", documents, model.config)
    rate = config.batch_size / len(documents)
    if rate > 1:
        raise ValueError(
            f"batch_size must be at most the {len(documents)} documents, found {config.batch_size}."
        )
    darts = torch.Generator().manual_seed(config.seed)
    optimizer = adamw(model, config)
    parameters = list(model.parameters())
    for step in range(config.steps):
        batch = documents[torch.rand(len(documents), generator=darts) < rate]
        if len(batch) == 0:
            gradients = torch.zeros(1, sum(weight.numel() for weight in parameters))
        else:
            gradients = per_example_gradients(model, batch)
        mean = private_gradient(gradients, clip_norm, noise, config.batch_size, darts)
        for weight, part in zip(
            parameters, mean.split([weight.numel() for weight in parameters]), strict=True
        ):
            weight.grad = part.view_as(weight)
        for group in optimizer.param_groups:
            group["lr"] = learning_rate_at(step, config)
        optimizer.step()
    optimizer.zero_grad()


def privacy_spent(noise: float, rate: float, steps: int, delta: float) -> float:
    r"""Return the epsilon that DP-SGD guarantees, by Rényi's divergence.

    For an order $\alpha$ a step spends

    $$\frac{1}{\alpha - 1} \log \sum_{k=0}^{\alpha} \binom{\alpha}{k} (1 - q)^{\alpha - k} q^k
    e^{k (k - 1) / 2 \sigma^2},$$

    steps add up, and of all orders the one that gives the smallest epsilon is taken. It is an upper
    bound: the exact number is a little smaller.

    Args:
        noise: Standard deviation of the noise divided by the clip norm, sigma.
        rate: Chance of a document to be in a batch, q.
        steps: Number of updates.
        delta: With at most this probability the bound may fail.

    Returns:
        Epsilon, in nats; infinity without noise.

    Raises:
        ValueError: If a number is out of range.

    References:
        Mironov et al. 2019, Rényi differential privacy of the sampled Gaussian mechanism.
        Canonne et al. 2020, The discrete Gaussian for differential privacy (proposition 12).

    Example:
        >>> round(privacy_spent(noise=1.0, rate=0.01, steps=1000, delta=1e-5), 2)
        2.11
    """
    if not 0 <= noise < math.inf:
        raise ValueError(f"noise must be 0 or more, found {noise}.")
    if not 0 < rate <= 1:
        raise ValueError(f"rate must lie in (0, 1], found {rate}.")
    if steps < 0:
        raise ValueError(f"steps must be 0 or more, found {steps}.")
    if not 0 < delta < 1:
        raise ValueError(f"delta must lie in (0, 1), found {delta}.")
    if steps == 0:
        return 0.0
    if noise == 0:
        return math.inf
    found = []
    for order in ORDERS:
        spent = steps * _renyi(noise, rate, order)
        found.append(
            spent + math.log1p(-1 / order) - (math.log(delta) + math.log(order)) / (order - 1)
        )
    return max(0.0, min(found))


def _renyi(noise: float, rate: float, order: int) -> float:
    """Return what one step spends of Rényi's divergence of this order, nats."""
    k = torch.arange(order + 1, dtype=torch.float64)
    n = torch.tensor(float(order), dtype=torch.float64)
    choose = torch.lgamma(n + 1) - torch.lgamma(k + 1) - torch.lgamma(n - k + 1)
    stays = torch.xlogy(n - k, torch.tensor(1 - rate, dtype=torch.float64))
    terms = choose + stays + k * math.log(rate) + k * (k - 1) / (2 * noise**2)
    return terms.logsumexp(dim=0).item() / (order - 1)
