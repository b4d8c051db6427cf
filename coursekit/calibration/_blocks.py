"""Wide tables in bounded memory: `(N, C)` a few rows at a time.

A language model gives 49,152 numbers for every token. In float64 a thousand tokens take 400 MB,
so whatever needs a working copy of the table takes it block by block.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

#: Numbers in a block: 512 kB in float64, which a processor core keeps close by.
BLOCK_SIZE = 2**16


def row_blocks(table: Tensor, labels: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield `(rows, labels)` of consecutive rows of `table (N, C)` with their `labels (N,)`.

    The rows are a float64 copy, free to be overwritten.
    """
    n_rows = max(1, BLOCK_SIZE // table.shape[1])
    for start in range(0, len(table), n_rows):
        block = slice(start, start + n_rows)
        yield table[block].to(torch.float64, copy=True), labels[block]


def score_rows(rows: Tensor, labels: Tensor, are_logits: bool) -> tuple[Tensor, ...]:
    """Return correct, negative log-probability, Brier score and entropy, each `(N,)`.

    Of logits, or else of probabilities, `(N, C)` in float64, with the true classes `(N,)`.
    """
    log_probs = rows.log_softmax(1) if are_logits else rows.log()
    probs = log_probs.exp() if are_logits else rows
    truth = labels[:, None]
    # The squared distance from the truth: (1 - p_y)^2 and the squares of all others.
    brier = probs.square().sum(1) + 1 - 2 * probs.gather(1, truth).squeeze(1)
    entropy = torch.special.entr(probs).sum(1)
    return probs.argmax(1) == labels, -log_probs.gather(1, truth).squeeze(1), brier, entropy
