"""Token-level confidence: what a language model believes at every position of a text.

A causal language model gives, at each position t, a distribution over the whole vocabulary,
p(w_t | w_1 .. w_{t-1}). Its *confidence* is the largest of these probabilities, and it is *correct*
when the token that holds it is the one that really comes next. Both are read here window by
window, so memory depends on the window and the vocabulary, never on the length of the text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from coursekit.llm.pretrained import LanguageModel

# Logits of one block are the largest thing in memory: 512 x 49,152 float32 is 100 MB.
TOKENS_PER_BLOCK = 512


@dataclass(frozen=True)
class NextTokenPredictions:
    """One row for every predicted token; every tensor has shape `(N,)` and lives on the CPU."""

    confidence: Tensor
    """Probability of the most likely token, in [0, 1]."""
    correct: Tensor
    """Whether the most likely token is the one that came, bool."""
    log_prob: Tensor
    """Log-probability of the token that came, in nats."""
    entropy: Tensor
    """Entropy of the whole predicted distribution, in nats."""
    rank: Tensor
    """How many tokens the model found more likely than the one that came; 0 is the best."""
    token: Tensor
    """Id of the token that came."""
    guess: Tensor
    """Id of the most likely token."""
    position: Tensor
    """How many tokens of context the prediction could see, 1 .. context."""
    window: Tensor
    """Index of the window it belongs to: neighbours are dependent, so resample whole windows."""

    def __len__(self) -> int:
        return len(self.confidence)


def token_windows(
    lm: LanguageModel, texts: Sequence[str], context: int = 256, per_text: int = 3
) -> tuple[Tensor, Tensor]:
    """Take a few windows from each of many texts: an equal say for each, whatever its length.

    Args:
        lm: The model whose tokenizer is used.
        texts: The documents. One shorter than a window gives none.
        context: Inputs in a window, as in `next_token_logits`.
        per_text: Windows to take from the beginning of each text, at most.

    Returns:
        Token ids `(W, context + 1)`, and for each window the index of its text `(W,)`: windows
        of one text are related, so resample and split by text.

    Raises:
        ValueError: If no text is long enough, or `per_text` or `context` is not positive.
    """
    _check_context(lm, context)
    if per_text < 1:
        raise ValueError(f"per_text must be at least 1, found {per_text}.")
    windows, text_index = [], []
    for index, text in enumerate(texts):
        ids = lm.tokenizer(text, verbose=False).input_ids
        starts = range(0, len(ids) - context, context + 1)[:per_text]
        windows += [ids[start : start + context + 1] for start in starts]
        text_index += [index] * len(starts)
    if not windows:
        raise ValueError(
            f"none of the {len(texts)} texts has the {context + 1} tokens of one window. Give "
            f"longer texts, or a smaller context."
        )
    return torch.tensor(windows), torch.tensor(text_index)


@torch.inference_mode()
def next_token_logits(
    lm: LanguageModel, text: str | Tensor, context: int = 256
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the logits of a text block by block, with the tokens that really came.

    The tokens are cut into windows of `context` inputs, each predicting the `context` tokens
    that follow its own; so every token but the first of the text is predicted exactly once, from
    1 to `context` tokens of what precedes it.

    Args:
        lm: The model to ask.
        text: A string, or token ids `(T,)`, or several documents of one length `(D, T)`, which
            are never read across their border.
        context: Inputs in a window, from 1 to the model's own limit.

    Yields:
        `(logits (W, L, V), targets (W, L))`: W windows of L tokens, on the model's device. Some
        hundred tokens a block, whatever the length of the text.

    Raises:
        TypeError: If `text` is neither a string nor a tensor of integers.
        ValueError: If `text` has fewer than two tokens, or `context` is out of range.
    """
    ids = _token_ids(lm, text)
    _check_context(lm, context)
    for block in _blocks(ids, context):
        block = block.to(lm.device)
        yield lm.model(input_ids=block[:, :-1], use_cache=False).logits, block[:, 1:]


def next_token_predictions(
    lm: LanguageModel, text: str | Tensor, context: int = 256, temperature: float = 1.0
) -> NextTokenPredictions:
    """Confidence, correctness, log-probability, entropy and rank at every token of a text.

    Args:
        lm: The model to ask.
        text: A string, or token ids `(T,)`, or several documents of one length `(D, T)`.
        context: Inputs in a window, as in `next_token_logits`.
        temperature: Divides the logits; 1 leaves the model as it is.

    Returns:
        `NextTokenPredictions`, tensors `(N,)` with N the number of predicted tokens: T - 1 for
        one document.

    Raises:
        TypeError, ValueError: As `next_token_logits`; also if `temperature` is not positive.
    """
    if not temperature > 0:
        raise ValueError(f"temperature must be a positive number, found {temperature!r}.")
    blocks, first_window = [], 0
    for logits, targets in next_token_logits(lm, text, context):
        blocks.append(_read_block(logits / temperature, targets, first_window))
        first_window += len(targets)
    columns = {
        field.name: torch.cat([getattr(block, field.name) for block in blocks])
        for field in fields(NextTokenPredictions)
    }
    return NextTokenPredictions(**columns)


def _read_block(logits: Tensor, targets: Tensor, first_window: int) -> NextTokenPredictions:
    """Reduce one block of logits `(W, L, V)` to one row a token."""
    log_probs = logits.float().log_softmax(dim=-1)
    top_log_prob, guess = log_probs.max(dim=-1)
    log_prob = log_probs.gather(-1, targets.unsqueeze(-1))
    rank = (log_probs > log_prob).sum(dim=-1)
    # p log p, with 0 log 0 = 0: a log-probability of minus infinity must not turn into NaN.
    entropy = torch.special.entr(log_probs.exp()).sum(dim=-1)

    n_windows, length = targets.shape
    window = torch.arange(first_window, first_window + n_windows).unsqueeze(1)
    position = torch.arange(1, length + 1).unsqueeze(0)
    columns = dict(
        confidence=top_log_prob.exp(),
        correct=guess == targets,
        log_prob=log_prob.squeeze(-1),
        entropy=entropy,
        rank=rank,
        token=targets,
        guess=guess,
        position=position.expand(n_windows, length),
        window=window.expand(n_windows, length),
    )
    return NextTokenPredictions(**{name: t.flatten().cpu() for name, t in columns.items()})


def _blocks(documents: Tensor, context: int) -> Iterator[Tensor]:
    """Cut `(D, T)` token ids into blocks of windows `(W, L + 1)`: L inputs, one target more."""
    n_predicted = documents.shape[1] - 1
    n_full = n_predicted // context
    windows_per_block = max(1, TOKENS_PER_BLOCK // context)
    if n_full:
        # Neighbours share one token: the last target of one is the first input of the next.
        full = documents[:, : n_full * context + 1].unfold(1, context + 1, context).flatten(0, 1)
        yield from full.split(windows_per_block)
    if n_predicted % context:
        rest = documents[:, n_full * context :]
        yield from rest.split(max(1, TOKENS_PER_BLOCK // (rest.shape[1] - 1)))


def _token_ids(lm: LanguageModel, text: str | Tensor) -> Tensor:
    """Token ids `(D, T)` of a string or a tensor, with T at least 2."""
    if isinstance(text, str):
        # `verbose=False`: the tokenizer would warn that the text is longer than the model's limit.
        ids = lm.tokenizer(text, return_tensors="pt", verbose=False).input_ids.long()
    elif isinstance(text, Tensor) and not text.is_floating_point() and text.dtype != torch.bool:
        ids = text.long()
    else:
        found = f"a tensor of {text.dtype}" if isinstance(text, Tensor) else type(text).__name__
        raise TypeError(f"text must be a string or a tensor of token ids, found {found}.")
    if ids.dim() == 1:
        ids = ids.unsqueeze(0)
    if ids.dim() != 2:
        raise ValueError(f"text must have shape (T,) or (D, T), found {tuple(ids.shape)}.")
    if ids.shape[0] == 0 or ids.shape[1] < 2:
        raise ValueError(
            f"text must hold at least two tokens, since the first is only context, found "
            f"{ids.numel()}. Give a longer text."
        )
    vocab_size = lm.model.config.vocab_size
    if ids.min() < 0 or ids.max() >= vocab_size:
        raise ValueError(f"text holds token ids outside the vocabulary, 0 .. {vocab_size - 1}.")
    return ids


def _check_context(lm: LanguageModel, context: int) -> None:
    limit = lm.context_limit
    if not isinstance(context, int) or context < 1 or (limit is not None and context > limit):
        raise ValueError(
            f"context must be a whole number of tokens from 1 to {limit or 'the model limit'}, "
            f"found {context!r}."
        )
