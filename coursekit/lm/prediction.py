r"""What a trained model says about text that is there: its law of each next token, and its loss.

$$\text{loss} = -\frac{1}{n} \sum_t \log P(w_{t+1} \mid w_1 \dots w_t)$$

in nats a token. No gradients, no dropout, and the model is left as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from coursekit._checks import as_count
from coursekit.lm.batches import PADDING, as_sequences, check_tokens, inputs_and_targets
from coursekit.lm.gpt import GPT, Decoder

# A GPT, a Llama, or anything that gives logits (B, T, V) for ids (B, T).
Model = Callable[[Tensor], Tensor]


@torch.no_grad()
def sequence_logits(model: Model, tokens: Tensor, batch_size: int = 64) -> Tensor:
    """Return logits of each token but the first, from those before it.

    Entry t reads tokens 0 to t and speaks of token t + 1. For functions of predictions `(N, V)` and
    labels `(N,)`: `logits.flatten(0, 1)` and `tokens[:, 1:].flatten()`.

    Args:
        model: A `GPT`, a `Llama`, or a callable from ids `(B, T)` to logits `(B, T, V)`.
        tokens: Ids `(N, T)`, T at least 2.
        batch_size: Sequences to read at once.

    Returns:
        Logits `(N, T - 1, V)`, float32, on the device of `tokens`.

    Raises:
        TypeError: If tokens are not integers.
        ValueError: If tokens are not `(N, T)`, or do not fit the model.

    Example:
        >>> def repeat(ids):  # a model that bets on hearing the last token again
        ...     return torch.nn.functional.one_hot(ids, 3) * 5.0
        >>> sequence_logits(repeat, torch.tensor([[0, 2, 1]]))
        tensor([[[5., 0., 0.],
                 [0., 0., 5.]]])
    """
    batch_size = as_count(batch_size, "batch_size")
    if isinstance(model, Decoder):
        check_tokens("tokens", tokens, model.config)
    if tokens.ndim != 2 or tokens.shape[1] < 2 or len(tokens) == 0:
        raise ValueError(
            "tokens must have shape (N, T), at least one sequence of at least two tokens, found "
            f"{tuple(tokens.shape)}. For one sequence, add the batch: tokens[None]."
        )
    device = device_of(model)
    with evaluating(model):
        return torch.cat(
            [
                model(inputs_and_targets(batch)[0].to(device)).float().to(tokens.device)
                for batch in tokens.split(batch_size)
            ]
        )


def evaluate_loss(model: GPT, data: Tensor, batch_size: int = 64) -> float:
    """Return the mean negative log-likelihood of each token but the first, in nats.

    Args:
        model: A GPT.
        data: Sequences `(N, T)`, or a stream `(N,)`, read in windows of the context's length.
        batch_size: Sequences to read at once.

    Raises:
        TypeError: If data are not integers.
        ValueError: If data do not fit the model.

    Example:
        >>> from coursekit.lm.gpt import GPTConfig
        >>> model = GPT(GPTConfig(vocab_size=8, context=4, width=4, n_layers=1, n_heads=1))
        >>> _ = nn.init.zeros_(model.head.weight)  # now all eight tokens are equally probable
        >>> round(evaluate_loss(model, torch.tensor([[1, 2, 3]])), 4)
        2.0794
    """
    batch_size = as_count(batch_size, "batch_size")
    check_tokens("data", data, model.config)
    nats, n_tokens = total_loss(model, as_sequences(data, model.config.context), batch_size)
    return nats / n_tokens


@torch.no_grad()
def total_loss(model: GPT, sequences: Tensor, batch_size: int) -> tuple[float, int]:
    """Return the negative log-likelihood of sequences `(n, T)` in nats, and how many tokens count.

    Example:
        >>> from coursekit.lm.gpt import GPTConfig
        >>> model = GPT(GPTConfig(vocab_size=8, context=4, width=4, n_layers=1, n_heads=1))
        >>> nats, n_tokens = total_loss(model, torch.tensor([[1, 2, 3], [4, 5, -100]]), 2)
        >>> n_tokens
        3
    """
    nats, n_tokens = 0.0, 0
    with evaluating(model):
        for batch in sequences.split(batch_size):
            inputs, targets = inputs_and_targets(batch.to(device_of(model)))
            logits = model(inputs).float().flatten(0, 1)
            nats += F.cross_entropy(logits, targets.flatten(), reduction="sum").item()
            n_tokens += int((targets != PADDING).sum())
    return nats, n_tokens


@contextmanager
def evaluating(model: Model) -> Iterator[None]:
    """Turn dropout off for a while: it is for training.

    Example:
        >>> model = nn.Dropout(0.5)
        >>> with evaluating(model):
        ...     model.training
        False
        >>> model.training
        True
    """
    if not isinstance(model, nn.Module) or not model.training:
        yield
        return
    model.eval()
    try:
        yield
    finally:
        model.train()


def device_of(model: Model) -> torch.device:
    """Return where the parameters are; the CPU if there are none.

    Example:
        >>> device_of(lambda ids: ids)
        device(type='cpu')
    """
    parameter = next(model.parameters(), None) if isinstance(model, nn.Module) else None
    return torch.device("cpu") if parameter is None else parameter.device
