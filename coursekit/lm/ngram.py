r"""N-gram models: count which words followed the same few words before, and smooth the counts.

A model of order $k$ looks at the last $k$ words, the context $c$. Of $n(c)$ times that it has read
$c$, the word $w$ came next $n(c, w)$ times, and it predicts

$$q_k(w \mid c) = \frac{n(c, w) + s \, q_{\text{prior}}(w)}{n(c) + s},$$

where the smoothing $s > 0$ says how many words of evidence the prior is worth. The prior is uniform
(additive smoothing), or, with `backoff`, what the model of order $k - 1$ says; that of order 0 has
the uniform one.

Reference:
    MacKay and Peto 1995, A hierarchical Dirichlet language model. Chen and Goodman 1999, An
    empirical study of smoothing techniques for language modeling.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from coursekit._checks import as_count

MAX_CODE = 2**63 - 1  # a context is kept as one int64, a number in base V + 1


@dataclass(frozen=True)
class _Counts:
    """How often each word `(P,)` followed each context `(P,)`, for the P pairs that were read."""

    context: Tensor
    word: Tensor
    count: Tensor


class NGram:
    """A language model of counts; it predicts in the layout of a GPT.

    Args:
        vocab_size: Number of words, V.
        order: How many words before it looks at; 0 for word frequencies alone.
        smoothing: How many words of evidence the prior is worth, s; above 0.
        backoff: Take the model of the next lower order for the prior, not the uniform law.

    Raises:
        TypeError: If a size is no whole number.
        ValueError: If an argument is out of its range, or contexts of this order are too many to
            be numbered.

    Example:
        >>> bigram = NGram(vocab_size=3, order=1).fit(torch.tensor([0, 1, 0, 1, 0, 2]))
        >>> bigram.next_token_probs(torch.tensor([0]))  # after 0 came 1, 1 and 2
        tensor([[0.0833, 0.5833, 0.3333]], dtype=torch.float64)
    """

    def __init__(
        self, vocab_size: int, order: int, smoothing: float = 1.0, *, backoff: bool = False
    ) -> None:
        self.vocab_size = as_count(vocab_size, "vocab_size")
        self.order = as_count(order, "order", least=0)
        if not (0 < smoothing < math.inf):
            raise ValueError(
                f"smoothing must be a finite number above 0, found {smoothing}. Without any, what "
                "follows an unread context has no probability."
            )
        if (self.vocab_size + 1) ** (self.order + 1) > MAX_CODE:
            raise ValueError(
                f"order must be lower, found {self.order}: {self.vocab_size} words have more "
                "contexts of that length than there are int64 numbers."
            )
        self.smoothing = smoothing
        self.backoff = backoff
        self._counts: list[_Counts] = []

    def fit(self, tokens: Tensor) -> Self:
        """Count. What was counted before is forgotten.

        Args:
            tokens: Ids `(T,)` or `(n, T)`. A sequence begins anew: its first words are counted
                after a context that says so.

        Raises:
            TypeError: If tokens are not integers.
            ValueError: If the shape or an id is wrong.
        """
        tokens = self._as_batch(tokens)
        self._counts = []
        for order in self._orders:
            context = self._contexts(tokens, order)[:, :-1].flatten()
            pairs = context * self.vocab_size + tokens.flatten()
            pairs, count = pairs.unique(return_counts=True)
            self._counts.append(
                _Counts(pairs // self.vocab_size, pairs % self.vocab_size, count.double())
            )
        return self

    def next_token_probs(self, tokens: Tensor) -> Tensor:
        """Return the law of the word after each position, given the words up to it.

        Entry t reads tokens up to t and speaks of token t + 1, as the logits of a GPT do.

        Args:
            tokens: Ids `(T,)` or `(n, T)`, each sequence from its beginning.

        Returns:
            Probabilities `(T, V)` or `(n, T, V)`, float64.

        Raises:
            RuntimeError: If the model was not fitted.
            TypeError: If tokens are not integers.
            ValueError: If the shape or an id is wrong.
        """
        if not self._counts:
            raise RuntimeError("This model has counted nothing yet: call fit(tokens) first.")
        batch = self._as_batch(tokens)
        uniform = torch.ones(self.vocab_size, dtype=torch.float64) / self.vocab_size
        probs = uniform.expand(batch.numel(), -1)
        for order, counts in zip(self._orders, self._counts, strict=True):
            seen = self._look_up(counts, self._contexts(batch, order)[:, 1:].flatten())
            total = seen.sum(dim=1, keepdim=True) + self.smoothing
            probs = (seen + self.smoothing * probs) / total
        return probs.view(*tokens.shape, self.vocab_size)

    @property
    def _orders(self) -> range:
        """The orders that are counted: with `backoff` all, from the prior of all priors upwards."""
        return range(0 if self.backoff else self.order, self.order + 1)

    def _contexts(self, tokens: Tensor, order: int) -> Tensor:
        """Return the number of the context before each position and after the last `(n, T + 1)`."""
        base = self.vocab_size + 1
        before = tokens.new_full((len(tokens), order), self.vocab_size)  # the mark of a beginning
        padded = torch.cat([before, tokens], dim=1)
        n_contexts = tokens.shape[1] + 1
        code = torch.zeros(len(tokens), n_contexts, dtype=torch.int64)
        for i in range(order):
            code = code * base + padded[:, i : i + n_contexts]
        return code

    def _look_up(self, counts: _Counts, contexts: Tensor) -> Tensor:
        """How often each word followed each of the contexts `(Q,)`, `(Q, V)`."""
        asked, row = contexts.unique(return_inverse=True)
        place = torch.searchsorted(asked, counts.context).clamp(max=len(asked) - 1)
        hit = asked[place] == counts.context
        table = torch.zeros(len(asked), self.vocab_size, dtype=torch.float64)
        table[place[hit], counts.word[hit]] = counts.count[hit]
        return table[row]

    def _as_batch(self, tokens: Tensor) -> Tensor:
        if not isinstance(tokens, Tensor) or tokens.dtype not in (torch.int64, torch.int32):
            found = tokens.dtype if isinstance(tokens, Tensor) else type(tokens).__name__
            raise TypeError(f"tokens must be a tensor of token ids, int64 or int32, found {found}.")
        if tokens.ndim not in (1, 2) or tokens.numel() == 0:
            raise ValueError(
                f"tokens must have shape (T,) or (n, T), not empty, found {tuple(tokens.shape)}."
            )
        low, high = (int(bound) for bound in tokens.aminmax())
        if low < 0 or high >= self.vocab_size:
            raise ValueError(
                f"tokens must lie in 0 .. {self.vocab_size - 1}, found {low if low < 0 else high}. "
                "Is this the tokenizer that the model was made for?"
            )
        return torch.atleast_2d(tokens.cpu().long())
