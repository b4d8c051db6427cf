r"""Speculative decoding: a cheap model drafts, the model checks, and the law stays the model's own.

A draft model with the law $q$ proposes K tokens, one after another. The target, of law $p$, reads
them all at once, which costs it little more than one token. A drafted token $x$ is kept with
probability $\min(1, p(x) / q(x))$. At the first one that is not, the text goes on with a token
from what the draft had too little of, $\max(0, p - q)$ made to sum to one; if all are kept, with
one from $p$. What comes out has the law $p$, whatever the draft:

$$\min(p(x), q(x)) + \Bigl(1 - \sum_v \min(p(v), q(v))\Bigr)
\frac{\max(0, p(x) - q(x))}{\sum_v \max(0, p(v) - q(v))} = p(x).$$

The share that is kept, $\sum_v \min(p(v), q(v))$, is how much the two laws overlap.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from coursekit._chance import throw_darts
from coursekit._checks import as_count
from coursekit.lm.attention import KeyValueCache
from coursekit.lm.generation import as_generator, check_prompt, check_stop
from coursekit.lm.gpt import Decoder
from coursekit.lm.prediction import Model, device_of, evaluating


class Kept(NamedTuple):
    """What the target makes of B drafts of K tokens.

    Example:
        >>> Kept(torch.tensor([[5, 7, -1]]), torch.tensor([1])).n_kept
        tensor([1])
    """

    tokens: Tensor  # (B, K + 1): the drafted tokens that are kept, one more, and then -1
    n_kept: Tensor  # (B,): how many of the drafted are kept, 0 to K


def keep_drafted(target: Tensor, draft: Tensor, drafted: Tensor, uniform: Tensor) -> Kept:
    """Keep drafted tokens as far as the target would have it, and add one of its own.

    Args:
        target: Probabilities `(B, K + 1, V)` of the target: before each drafted token, and after
            the last.
        draft: Probabilities `(B, K, V)` from which the tokens were drafted.
        drafted: Ids `(B, K)`.
        uniform: Numbers in [0, 1), `(B, K + 1)`: one for each drafted token, and one for the token
            that is added. The caller draws them, so there is no hidden randomness here.

    Returns:
        The tokens, and how many of the drafted were kept.

    Raises:
        ValueError: If the shapes do not fit, or a drafted token has probability 0 in the draft.

    Reference:
        Leviathan, Kalman and Matias 2023, Fast inference from transformers via speculative
        decoding, algorithm 1; Chen et al. 2023, Accelerating large language model decoding with
        speculative sampling.

    Example:
        >>> p = torch.tensor([[[0.5, 0.5], [0.9, 0.1]]])
        >>> q = torch.tensor([[[1.0, 0.0]]])
        >>> keep_drafted(p, q, torch.tensor([[0]]), torch.tensor([[0.4, 0.95]])).tokens  # kept
        tensor([[0, 1]])
        >>> keep_drafted(p, q, torch.tensor([[0]]), torch.tensor([[0.6, 0.95]])).tokens  # replaced
        tensor([[ 1, -1]])
    """
    n_texts, n_drafted = drafted.shape
    shapes = (tuple(target.shape[:2]), tuple(draft.shape[:2]), tuple(uniform.shape))
    wanted = ((n_texts, n_drafted + 1), (n_texts, n_drafted), (n_texts, n_drafted + 1))
    if shapes != wanted or target.shape[-1] != draft.shape[-1]:
        raise ValueError(
            f"for drafted {tuple(drafted.shape)}, target must be (B, K + 1, V), draft (B, K, V) "
            f"and uniform (B, K + 1), found {tuple(target.shape)}, {tuple(draft.shape)} and "
            f"{tuple(uniform.shape)}."
        )
    target, draft = target.double(), draft.double()
    p, q = (law[:, :n_drafted].gather(-1, drafted[..., None])[..., 0] for law in (target, draft))
    if not (q > 0).all():
        raise ValueError(
            "drafted must be drawn from draft, found a token that has probability 0 there."
        )
    kept = uniform[:, :-1] * q < p
    n_kept = kept.long().cumprod(dim=-1).sum(dim=-1)
    # Where the added token stands: after the last that is kept. A draft that is all kept misses
    # nothing there, as if it had probability 0 everywhere.
    at = n_kept[:, None, None].expand(-1, -1, target.shape[-1])
    nothing = torch.zeros_like(target[:, :1])
    missed = target.gather(1, at) - torch.cat([draft, nothing], dim=1).gather(1, at)
    # Equal laws reject nothing but by rounding; then nothing is missed, and the law itself serves.
    missed = missed.clamp(min=0)
    missed = torch.where(missed.sum(dim=-1, keepdim=True) > 0, missed, target.gather(1, at))
    added = throw_darts(missed[:, 0], uniform[:, -1:])
    places = torch.arange(n_drafted + 1, device=drafted.device)
    tokens = torch.cat([drafted, added], dim=-1)
    tokens = torch.where(places == n_kept[:, None], added, tokens)
    return Kept(tokens.masked_fill(places > n_kept[:, None], -1), n_kept)


class Speculation(NamedTuple):
    """A text, and what it cost.

    Example:
        >>> Speculation(ids=[4, 5, 6], n_calls=1, n_drafted=2, n_kept=2).tokens_per_call
        3.0
    """

    ids: list[int]  # that were added, without the prompt
    n_calls: int  # how often the target was asked
    n_drafted: int  # tokens that were drafted
    n_kept: int  # those of them that were kept

    @property
    def tokens_per_call(self) -> float:
        """Tokens added for each call of the target; without a draft it is 1."""
        return len(self.ids) / self.n_calls


@torch.no_grad()
def speculate(
    target: Model,
    draft: Model,
    prompt: Sequence[int] | Tensor,
    max_new_tokens: int,
    *,
    n_drafted: int = 4,
    seed: int | torch.Generator | None = None,
    stop: Collection[int] = (),
) -> Speculation:
    """Sample a continuation from the target's own law, with fewer calls of the target.

    Args:
        target: A `GPT`, a `Llama`, or a callable from ids `(B, T)` to logits `(B, T, V)`.
        draft: The like with the same vocabulary, and cheaper; it need not be right.
        prompt: Ids, at least one.
        max_new_tokens: The largest number of tokens to add.
        n_drafted: How many tokens are drafted before the target is asked.
        seed: A seed, or a generator on the CPU; PyTorch's global one if None.
        stop: Ids that end a text.

    Returns:
        The added ids, a stop token being the last, with the calls and the tokens that were kept.

    Raises:
        TypeError: If an id, a seed or a number of tokens is not a whole number.
        ValueError: If a number is out of its range, the prompt is empty or the context too short,
            or the two vocabularies differ.

    Reference:
        As for `keep_drafted`.

    Example:
        >>> def count(ids):  # a model that always goes on to the next number
        ...     return torch.nn.functional.one_hot((ids + 1) % 10, 10).double().log()
        >>> speculate(count, count, [1, 2], max_new_tokens=5, seed=0)
        Speculation(ids=[3, 4, 5, 6, 7], n_calls=1, n_drafted=4, n_kept=4)
    """
    max_new_tokens = as_count(max_new_tokens, "max_new_tokens")
    n_drafted = as_count(n_drafted, "n_drafted")
    text = check_prompt("prompt", prompt, target, max_new_tokens)
    check_prompt("prompt", prompt, draft, max_new_tokens)
    ends, generator = check_stop(stop), as_generator(seed)
    start, n_calls, total_drafted, total_kept = len(text), 0, 0, 0
    end = start + max_new_tokens
    with evaluating(target), evaluating(draft):
        check, guess = _Rereader(target, end), _Rereader(draft, end)
        while len(text) < end and not (len(text) > start and text[-1] in ends):
            k = min(n_drafted, end - len(text) - 1)
            uniform = torch.rand(2 * k + 1, generator=generator, dtype=torch.float64)
            proposed, laws = list(text), []
            for dart in uniform[:k]:
                laws.append(guess(proposed, 1))
                proposed.append(int(throw_darts(laws[-1], dart[None, None])))
            law = check(proposed, k + 1)
            drafted = torch.tensor([proposed[len(text) :]], dtype=torch.int64)
            q = torch.cat(laws) if laws else law[:0]
            if law.shape[-1] != q.shape[-1]:
                raise ValueError(
                    f"draft must have the vocabulary of target, {law.shape[-1]} tokens, found "
                    f"{q.shape[-1]}."
                )
            tokens, n_kept = keep_drafted(law[None], q[None], drafted, uniform[None, k:])
            added = tokens[0, : int(n_kept) + 1].tolist()
            stops = [i for i, token in enumerate(added) if token in ends]
            text += added[: stops[0] + 1] if stops else added
            n_calls, total_drafted = n_calls + 1, total_drafted + k
            total_kept += int(n_kept)
    return Speculation(text[start:], n_calls, total_drafted, total_kept)


class _Rereader:
    """Gives laws of the next tokens of a text that may have been cut back since the last time."""

    def __init__(self, model: Model, capacity: int) -> None:
        self.model, self.device = model, device_of(model)
        self.cache: list[KeyValueCache] = []
        self.read: list[int] = []
        if isinstance(model, Decoder):
            self.cache = model.new_cache(capacity)
            self.model = partial(model, cache=self.cache)

    def __call__(self, text: list[int], n: int) -> Tensor:
        """Return the probabilities `(n, V)` after each of the last n tokens."""
        known = 0
        if self.cache:
            # Read again from where the text has changed, and at least what is asked for.
            same = [a == b for a, b in zip(text, self.read, strict=False)]
            known = min(same.index(False) if False in same else len(same), len(text) - n)
            for layer in self.cache:
                layer.cut(known)
        ids = torch.tensor([text[known:]], device=self.device)
        self.read = list(text)
        return self.model(ids)[0, -n:].cpu().double().softmax(dim=-1)
