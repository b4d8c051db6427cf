r"""Which tokens a model reads at which step of its training.

The answer depends on the seed and the step alone, and on nothing that happened before. So training
that was cut off goes on without missing or repeating a sequence, and each of several processes
knows by itself which part of the common batch is its own.

Data come in two forms: sequences `(N, T)`, read in shuffled epochs, or one long stream `(N,)`, of
which random windows are read. A sequence may end in padding, -100: no token is there, and no loss.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from coursekit._checks import as_count, as_seed
from coursekit.lm.gpt import Shape

PADDING = -100  # PyTorch's own sign for a target that does not count


def check_tokens(name: str, tokens: Tensor, config: Shape) -> None:
    """Refuse what a model of this shape cannot be trained on.

    Raises:
        TypeError: If tokens are no tensor of integers.
        ValueError: If the shape is wrong, too short or too long for the context, an id is not below
            vocab_size, or padding stands anywhere but at the end.

    Example:
        >>> from coursekit.lm.gpt import GPTConfig
        >>> config = GPTConfig(vocab_size=8, context=4, width=4, n_layers=1, n_heads=1)
        >>> check_tokens("data", torch.tensor([[1, 2, 9]]), config)
        Traceback (most recent call last):
        ValueError: data must lie in 0 .. vocab_size - 1 = 7, found 9. Is this the model's own ...
    """
    if not isinstance(tokens, Tensor) or tokens.dtype not in (torch.int64, torch.int32):
        found = tokens.dtype if isinstance(tokens, Tensor) else type(tokens).__name__
        raise TypeError(f"{name} must be a tensor of token ids, int64 or int32, found {found}.")
    if tokens.ndim not in (1, 2) or tokens.numel() == 0:
        raise ValueError(
            f"{name} must be sequences (N, T) or one stream (N,) of token ids, not empty, "
            f"found shape {tuple(tokens.shape)}."
        )
    _check_length(name, tokens, config.context)
    low, high = (int(bound) for bound in tokens.aminmax())
    if high >= config.vocab_size or (low < 0 and low != PADDING):
        raise ValueError(
            f"{name} must lie in 0 .. vocab_size - 1 = {config.vocab_size - 1}, found "
            f"{high if high >= config.vocab_size else low}. Is this the model's own tokenizer?"
        )
    if low == PADDING:
        _check_padding(name, tokens)


def _check_length(name: str, tokens: Tensor, context: int) -> None:
    length = tokens.shape[-1]
    if tokens.ndim == 1 and length < context + 1:
        raise ValueError(
            f"{name} must be a stream of at least context + 1 = {context + 1} tokens, for one "
            f"window, found {length}. Take more text, or a model with a shorter context."
        )
    if tokens.ndim == 2 and not 2 <= length <= context + 1:
        raise ValueError(
            f"{name} must be sequences of 2 to context + 1 = {context + 1} tokens, since each is "
            f"read at once and its last token is only predicted, found {length}. Cut them, or "
            "flatten them into one stream."
        )


def _check_padding(name: str, tokens: Tensor) -> None:
    is_padding = tokens == PADDING
    goes_on = is_padding[..., :-1] & ~is_padding[..., 1:]
    if tokens.ndim == 1 or goes_on.any() or is_padding[:, :2].any():
        raise ValueError(
            f"{name} must have padding ({PADDING}) only at the end of sequences (N, T), after at "
            "least two tokens, found it before one."
        )


def as_sequences(tokens: Tensor, context: int) -> Tensor:
    """Cut the tokens into sequences `(n, T)` that predict each but the very first exactly once.

    A stream becomes windows of context + 1 that share their end tokens; the last one is padded.

    Example:
        >>> as_sequences(torch.arange(6), context=3)
        tensor([[   0,    1,    2,    3],
                [   3,    4,    5, -100]])
    """
    if tokens.ndim == 2:
        return tokens
    missing = -(len(tokens) - 1) % context
    padded = torch.cat([tokens, tokens.new_full((missing,), PADDING)])
    return padded.unfold(0, context + 1, context)


def inputs_and_targets(sequences: Tensor) -> tuple[Tensor, Tensor]:
    """Return what the model reads and should predict, both `(B, T - 1)`, of sequences `(B, T)`.

    Padding is read as token 0, which does no harm: nothing that counts comes after it.

    Example:
        >>> inputs_and_targets(torch.tensor([[3, 4, 5, -100]]))
        (tensor([[3, 4, 5]]), tensor([[   4,    5, -100]]))
    """
    sequences = sequences.long()  # cross_entropy knows no other integers
    return sequences[:, :-1].clamp_min(0), sequences[:, 1:]


class Batches:
    """The batch of each step: `batches[step]`, sequences `(size, T)`.

    Args:
        data: Sequences `(N, T)` or a stream `(N,)`.
        size: Sequences in a batch.
        context: The windows of a stream have context + 1 tokens.
        seed: Of the order, not negative.

    Raises:
        TypeError: If a number is not whole.
        ValueError: If one is out of its range.

    Example:
        >>> batches = Batches(torch.arange(12).view(6, 2), size=2, context=4, seed=0)
        >>> tuple(batches[0].shape)
        (2, 2)
        >>> epoch = torch.cat([batches[step] for step in range(3)])
        >>> epoch.flatten().sort().values.tolist() == list(range(12))  # each sequence once
        True
    """

    def __init__(self, data: Tensor, size: int, context: int, seed: int) -> None:
        self.size, self.seed = as_count(size, "size"), as_seed(seed)
        self._is_stream = data.ndim == 1
        self._rows = data.unfold(0, context + 1, 1) if self._is_stream else data
        self._epoch, self._order = -1, np.empty(0, dtype=np.int64)

    def __getitem__(self, step: int) -> Tensor:
        n = len(self._rows)
        if self._is_stream:
            rows = np.random.default_rng((self.seed, step)).integers(n, size=self.size)
        else:
            # all epochs stand in one line, and each batch is the next piece of it
            places = np.arange(step * self.size, (step + 1) * self.size)
            epochs = range(places[0] // n, places[-1] // n + 1)
            rows = np.concatenate([self._shuffled(e)[places[places // n == e] % n] for e in epochs])
        return self._rows[torch.from_numpy(rows)]

    def _shuffled(self, epoch: int) -> NDArray[np.int64]:
        if epoch != self._epoch:
            rng = np.random.default_rng((self.seed, epoch))
            self._epoch, self._order = epoch, rng.permutation(len(self._rows))
        return self._order
