"""Token-level confidence: what a language model believes at every position of a text.

A causal language model gives, at each position t, a distribution over the whole vocabulary,
p(w_t | w_1 .. w_{t-1}). Its *confidence* is the largest of these probabilities, and it is *correct*
when the token that holds it is the one that really comes next. Both are read here window by
window, so memory depends on the window and the vocabulary, never on the length of the text.

Where a tokenizer puts a mark before a text (BOS), as Llama's and Gemma's do, a model has never read
anything without it: then every window begins with it, and it is only context, never predicted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from coursekit._checks import as_count
from coursekit.llm._shared_work import Ids, cached_parts, checked
from coursekit.llm._texts import as_texts, encode, marks_around
from coursekit.llm.pretrained import LanguageModel
from coursekit.llm.prompts import Chat

# Logits of one block are the largest thing in memory: 512 x 49,152 float32 is 100 MB.
TOKENS_PER_BLOCK = 512


@dataclass(frozen=True)
class NextTokenPredictions:
    """One row for every predicted token; every tensor has shape `(N,)` and lives on the CPU.

    Example:
        With `lm`, a tiny random model:

        >>> found = next_token_predictions(lm, "The cat sat.")
        >>> len(found), found.position.tolist()[:3]
        (11, [1, 2, 3])
    """

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
    lm: LanguageModel, texts: Iterable[str], context: int = 256, per_text: int = 3
) -> tuple[Tensor, Tensor]:
    """Take a few windows from each of many texts: an equal say for each, whatever its length.

    Args:
        lm: The model whose tokenizer is used.
        texts: The documents. One shorter than a window gives none.
        context: Inputs in a window, as in `next_token_logits`.
        per_text: Windows to take from the beginning of each text, at most.

    Returns:
        Token ids `(W, context + 1)`, and for each window the index of its text `(W,)`: windows
        of one text are related, so resample and split by text. Each begins with what the tokenizer
        puts before a text, if anything.

    Raises:
        TypeError: If a text is no string, or a number not whole.
        ValueError: If no text is long enough, or `per_text` or `context` is not positive.

    Example:
        With `lm`, a tiny model whose tokens are bytes:

        >>> windows, text_index = token_windows(lm, ["abcdefgh", "xyz"], context=2, per_text=2)
        >>> [lm.tokenizer.decode(window) for window in windows], text_index.tolist()
        (['abc', 'def', 'xyz'], [0, 0, 1])
    """
    head = marks_around(lm).before
    _check_context(lm, context, head)
    per_text = as_count(per_text, "per_text")
    n_new = context + 1 - len(head)
    windows: list[Ids] = []
    text_index: list[int] = []
    texts = as_texts(texts, "texts")
    for index, ids in enumerate(encode(lm, texts)):
        starts = range(len(head), len(ids) - n_new + 1, n_new)[:per_text]
        windows += [head + ids[start : start + n_new] for start in starts]
        text_index += [index] * len(starts)
    if not windows:
        raise ValueError(
            f"texts must have one of at least the {context + 1} tokens of a window, found none "
            f"among {len(texts)}. Give longer texts, or a smaller context."
        )
    return torch.tensor(windows), torch.tensor(text_index)


@torch.inference_mode()
def next_token_logits(
    lm: LanguageModel, text: str | Chat | Tensor, context: int = 256
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the logits of a text block by block, with the tokens that really came.

    The tokens are cut into windows of `context` inputs, each predicting the `context` tokens
    that follow its own; so every token but the first of the text is predicted exactly once, from
    1 to `context` tokens of what precedes it. Where the text begins with what the tokenizer puts
    before one, as every string does, each window begins with it too.

    Args:
        lm: The model to ask.
        text: A string, a `Chat`, or token ids `(T,)`, or several documents of one length `(D, T)`,
            which are never read across their border. Token ids are read as they are.
        context: Inputs in a window, from 1 to the model's own limit.

    Yields:
        `(logits (W, L, V), targets (W, L))`: W windows of L tokens, on the model's device. Some
        hundred tokens a block, whatever the length of the text.

    Raises:
        TypeError: If `text` is neither a string or a `Chat` nor a tensor of integers.
        ValueError: If `text` has fewer than two tokens, `context` is out of range, or the logits
            are NaN.

    Example:
        With `lm`, a tiny model of 257 tokens:

        >>> for logits, targets in next_token_logits(lm, "The cat sat.", context=4):
        ...     print(tuple(logits.shape), tuple(targets.shape))
        (2, 4, 257) (2, 4)
        (1, 3, 257) (1, 3)
    """
    ids = _token_ids(lm, text)
    head = marks_around(lm, is_chat=isinstance(text, Chat)).before
    if not bool((ids[:, : len(head)] == torch.tensor(head, device=ids.device)).all()):
        head = ()
    _check_context(lm, context, head)
    # The last mark predicts the first token of the window; those before it predict marks.
    first = max(0, len(head) - 1)
    for block in _blocks(ids, context, len(head)):
        block = block.to(lm.device)
        logits = lm.model(input_ids=block[:, :-1], use_cache=False).logits
        yield checked(lm, logits[:, first:]), block[:, first + 1 :]


def next_token_predictions(
    lm: LanguageModel, text: str | Chat | Tensor, context: int = 256, temperature: float = 1.0
) -> NextTokenPredictions:
    """Confidence, correctness, log-probability, entropy and rank at every token of a text.

    Args:
        lm: The model to ask.
        text: A string, a `Chat`, or token ids `(T,)`, or several documents of one length `(D, T)`.
        context: Inputs in a window, as in `next_token_logits`.
        temperature: Divides the logits; 1 leaves the model as it is.

    Returns:
        `NextTokenPredictions`, tensors `(N,)` with N the number of predicted tokens: T - 1 for
        one document.

    Raises:
        TypeError, ValueError: As `next_token_logits`; also if `temperature` is not positive.

    Example:
        With `lm`, a tiny random model:

        >>> found = next_token_predictions(lm, "The cat sat.")
        >>> bool((found.log_prob <= found.confidence.log()).all())
        True
    """
    if not temperature > 0:
        raise ValueError(f"temperature must be a positive number, found {temperature!r}.")
    blocks, first_window = [], 0
    for logits, targets in next_token_logits(lm, text, context):
        blocks.append(_read_block(logits, targets, first_window, temperature))
        first_window += len(targets)
    columns = {
        field.name: torch.cat([getattr(block, field.name) for block in blocks])
        for field in fields(NextTokenPredictions)
    }
    return NextTokenPredictions(**columns)


def _read_block(
    logits: Tensor, targets: Tensor, first_window: int, temperature: float
) -> NextTokenPredictions:
    """Reduce one block of logits `(W, L, V)` to one row a token."""
    n_windows, length = targets.shape
    token = targets.flatten()
    rows = logits.flatten(0, 1)
    parts = zip(cached_parts(rows), cached_parts(token), strict=True)
    read = [_read_rows(part, came, temperature) for part, came in parts]
    columns = {name: torch.cat([part[name] for part in read]) for name in read[0]}
    window = torch.arange(first_window, first_window + n_windows).unsqueeze(1)
    position = torch.arange(1, length + 1).unsqueeze(0)
    columns |= dict(
        correct=columns["guess"] == token,
        token=token,
        position=position.expand(n_windows, length).flatten(),
        window=window.expand(n_windows, length).flatten(),
    )
    return NextTokenPredictions(**{name: column.cpu() for name, column in columns.items()})


def _read_rows(logits: Tensor, tokens: Tensor, temperature: float) -> dict[str, Tensor]:
    """Reduce the logits `(R, V)` of R tokens to what is read off them, each `(R,)`."""
    logits = logits.float() if temperature == 1 else logits.float() / temperature
    top, guess = logits.max(dim=-1)
    truth = logits.gather(-1, tokens.unsqueeze(-1))
    log_total = logits.logsumexp(dim=-1)
    return dict(
        confidence=(top - log_total).exp(),
        guess=guess,
        log_prob=truth.squeeze(-1) - log_total,
        rank=(logits > truth).sum(dim=-1),
        # p log p, with 0 log 0 = 0: a log-probability of minus infinity must not turn into NaN.
        entropy=torch.special.entr(logits.softmax(dim=-1)).sum(dim=-1),
    )


def _blocks(documents: Tensor, context: int, n_head: int = 0) -> Iterator[Tensor]:
    """Cut `(D, T)` token ids into blocks of windows `(W, L + 1)`: L inputs, one target more.

    The first `n_head` tokens of a document, those that the tokenizer puts before a text, begin
    every window. Where there are none, neighbours share a token: the last target of one is the
    first input of the next.
    """
    n_shared = max(1, n_head)
    step = context + 1 - n_shared  # tokens that only one window has
    n_full = (documents.shape[1] - n_shared) // step
    windows_per_block = max(1, TOKENS_PER_BLOCK // context)
    head = documents[:, :n_head]
    if n_full:
        start = documents[:, n_head : n_shared + n_full * step]
        full = start.unfold(1, context + 1 - n_head, step).flatten(0, 1)
        full = torch.cat([head.repeat_interleave(n_full, dim=0), full], dim=1)
        yield from full.split(windows_per_block)
    rest = torch.cat([head, documents[:, n_head + n_full * step :]], dim=1)
    if rest.shape[1] > n_shared:
        yield from rest.split(max(1, TOKENS_PER_BLOCK // (rest.shape[1] - 1)))


def _token_ids(lm: LanguageModel, text: str | Chat | Tensor) -> Tensor:
    """Token ids `(D, T)` of a string, a conversation or a tensor, with T at least 2."""
    if isinstance(text, str | Chat):
        ids = torch.tensor(encode(lm, [text]), dtype=torch.long)
    elif isinstance(text, Tensor) and not text.is_floating_point() and text.dtype != torch.bool:
        ids = text.long()
    else:
        found = f"a tensor of {text.dtype}" if isinstance(text, Tensor) else type(text).__name__
        raise TypeError(f"text must be a string, a Chat or a tensor of token ids, found {found}.")
    if ids.dim() == 1:
        ids = ids.unsqueeze(0)
    if ids.dim() != 2:
        raise ValueError(f"text must have shape (T,) or (D, T), found {tuple(ids.shape)}.")
    if ids.shape[0] == 0 or ids.shape[1] < 2:
        raise ValueError(
            f"text must hold at least two tokens, since the first is only context, found "
            f"{ids.shape[-1] if len(ids) else 0}. Give a longer text."
        )
    vocab_size = lm.model.config.get_text_config().vocab_size
    low, high = (bound.item() for bound in ids.aminmax())
    if low < 0 or high >= vocab_size:
        raise ValueError(
            f"text must hold token ids of the vocabulary, 0 .. {vocab_size - 1}, found "
            f"{low if low < 0 else high}."
        )
    return ids


def _check_context(lm: LanguageModel, context: int, head: Ids) -> None:
    # Beside its marks a window holds one token at least.
    as_count(context, "context", least=max(1, len(head)), most=lm.context_limit)
