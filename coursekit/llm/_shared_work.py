"""Work that many prompts share: a common beginning is read once, and its cache copied to each."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from copy import copy
from itertools import takewhile

import torch
from torch import Tensor
from transformers import Cache, DynamicCache

from coursekit.llm.pretrained import LanguageModel

Ids = tuple[int, ...]


def shared_prefix(lm: LanguageModel, contexts: Collection[Ids]) -> tuple[Ids, Cache | None]:
    """Tokens that every context begins with, and their key-value cache `(1, ...)`."""
    # Every context keeps at least one token of its own, off which its answers are read.
    n_prefix = min(n_shared(contexts), min(map(len, contexts)) - 1)
    prefix = next(iter(contexts))[:n_prefix]
    if not prefix:
        return (), None
    cache = DynamicCache(config=lm.model.config)
    ids = torch.tensor([prefix], device=lm.device)
    lm.model(ids, past_key_values=cache, use_cache=True, logits_to_keep=1)
    return prefix, cache


def n_shared(sequences: Iterable[Sequence[int]]) -> int:
    """How many tokens all sequences begin with."""
    columns = zip(*sequences, strict=False)
    return sum(1 for _ in takewhile(lambda column: len(set(column)) == 1, columns))


def rows_of(cache: Cache | None, rows: Tensor) -> Cache | None:
    """Return a new cache made of the given rows, with repeats; the original stays as it is."""
    if cache is None:
        return None
    # Copying the layers but not their tensors is enough: selecting rows makes new tensors.
    new = copy(cache)
    new.layers = [copy(layer) for layer in cache.layers]
    for layer in new.layers:
        # A model that is spread over several devices keeps each layer's cache on the layer's own.
        keys = getattr(layer, "keys", None)
        layer.batch_select_indices(rows if keys is None else rows.to(keys.device))
    return new


def batches(items: Sequence, size: int) -> Iterator[Sequence]:
    """Consecutive parts of at most `size` items."""
    for start in range(0, len(items), size):
        yield items[start : start + size]
