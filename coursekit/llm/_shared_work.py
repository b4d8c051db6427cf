"""Work that many texts share: texts that begin alike are one tree, read once.

A node is a token after all tokens on the way to it from the root, so two texts share the nodes of
their common beginning, and the logits at a node are the law of what follows. `TokenTree` reads the
nodes of many texts side by side in one row: each token attends to its own ancestors (an attention
mask), stands at its own depth (a position id), and finds what was read before in one cache that is
never copied. `WholeTexts` gives the same numbers, more slowly, for models that this does not fit:
it reads every text from its beginning.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Sequence
from copy import copy
from itertools import takewhile
from typing import Any, Protocol, Self, TypeVar
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import Tensor
from transformers import DynamicCache, PreTrainedModel
from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer

from coursekit.llm.pretrained import LanguageModel

Ids = tuple[int, ...]
Item = TypeVar("Item")
ROOT = -1  # the parent of a text's first token
# Tokens that one pass over whole texts may read; shorter texts are padded to the longest.
TOKENS_PER_PASS = 512
# Rows of a vocabulary of 49,152 that fit into a cache: 1.5 MB in float32.
ROWS_IN_CACHE = 8
_supports: WeakKeyDictionary[PreTrainedModel, bool] = WeakKeyDictionary()


class Reader(Protocol):
    """Something that reads nodes, and remembers them; nodes are numbered as they come."""

    def branch(self) -> Self:
        """Return a reader that has read the same; what either reads later, the other has not."""

    def read(self, tokens: Sequence[int], parents: Sequence[int], wanted: Sequence[int]) -> Tensor:
        """Read new nodes, each after its parent, and return the logits `(W, V)` at some of them.

        Args:
            tokens: The token of each new node `(M,)`.
            parents: The number of each one's parent `(M,)`, or `ROOT`; a parent comes first.
            wanted: Numbers of new nodes `(W,)`.
        """


def reader(lm: LanguageModel, longest: int) -> Reader:
    """Return the fastest exact reader of texts that have at most `longest` tokens."""
    config = lm.model.config.get_text_config()
    # In a layer that sees a window only, a tree's token sees all its ancestors.
    windows = [getattr(config, name, None) for name in ("sliding_window", "attention_chunk_size")]
    fits = all(longest <= window for window in windows if window is not None)
    return TokenTree(lm) if fits and supports_prefix_cache(lm.model) else WholeTexts(lm)


def supports_prefix_cache(model: PreTrainedModel) -> bool:
    """Whether what a model has read can serve several continuations, each with its own mask.

    So it is for models that keep keys and values for each token and use the attention masks and
    positions they are given; not for models with a running state, such as Mamba or RWKV. Whether
    it is so is measured, once a model, on a tree of six tokens.

    Example:
        With `lm`, a tiny GPT-2:

        >>> supports_prefix_cache(lm.model)
        True
    """
    if model not in _supports:
        _supports[model] = _keeps_every_token(model) and _reads_a_tree(model)
    return _supports[model]


class TokenTree:
    """A reader for models with attention: all nodes stand in one row, with one cache."""

    def __init__(self, lm: LanguageModel) -> None:
        self.lm = lm
        self.cache = DynamicCache()  # of whole layers, also where the model has sliding windows
        self.sees = np.zeros((0, 0), dtype=bool)  # row by row, the ancestors of a node and itself

    def branch(self) -> TokenTree:
        """Return a reader that has read the same; what either reads later, the other has not."""
        other = copy(self)
        other.cache = copy(self.cache)
        # Layers grow by making new tensors, so the old ones can be shared.
        other.cache.layers = [copy(layer) for layer in self.cache.layers]
        return other

    def read(self, tokens: Sequence[int], parents: Sequence[int], wanted: Sequence[int]) -> Tensor:
        """Read new nodes, and return the logits at some of them; see `Reader`."""
        n_old, n_new = len(self.sees), len(tokens)
        sees = np.zeros((n_old + n_new, n_old + n_new), dtype=bool)
        sees[:n_old, :n_old] = self.sees
        for node, parent in enumerate(parents, n_old):
            if parent != ROOT:
                sees[node] = sees[parent]
            sees[node, node] = True
        self.sees = sees

        device, model = self.lm.device, self.lm.model
        new = torch.from_numpy(sees[n_old:])
        is_chain = bool((new.sum(dim=1) == torch.arange(n_old + 1, n_old + n_new + 1)).all())
        blocked = torch.zeros(new.shape, dtype=model.dtype).masked_fill(~new, -torch.inf)
        output = model(
            input_ids=torch.tensor([list(tokens)], device=device),
            # A chain is an ordinary text, which needs no mask.
            attention_mask=None if is_chain else blocked[None, None].to(device),
            position_ids=(new.sum(dim=1) - 1)[None].to(device),
            past_key_values=self.cache,
            use_cache=True,
            logits_to_keep=torch.tensor(wanted, dtype=torch.long, device=device) - n_old,
        )
        return checked(self.lm, output.logits[0].float())


class WholeTexts:
    """A reader for every causal model: each text is read from its beginning, with no cache."""

    def __init__(self, lm: LanguageModel) -> None:
        self.lm = lm
        self.tokens: list[int] = []
        self.paths: list[Ids] = []  # the nodes from the first token of its text to each node

    def branch(self) -> WholeTexts:
        """Return a reader that has read the same; what either reads later, the other has not."""
        other = copy(self)
        other.tokens, other.paths = list(self.tokens), list(self.paths)
        return other

    def read(self, tokens: Sequence[int], parents: Sequence[int], wanted: Sequence[int]) -> Tensor:
        """Read new nodes, and return the logits at some of them; see `Reader`."""
        for token, parent in zip(tokens, parents, strict=True):
            before = () if parent == ROOT else self.paths[parent]
            self.paths.append((*before, len(self.tokens)))
            self.tokens.append(token)
        if not wanted:
            return torch.empty(0, 0)
        # One pass over a text serves all that is wanted on its way.
        rows: list[tuple[Ids, list[int]]] = []
        unread = set(wanted)
        for node in sorted(unread, key=lambda n: len(self.paths[n]), reverse=True):
            if node in unread:
                path = self.paths[node]
                rows.append((path, [n for n in path if n in unread]))
                unread.difference_update(path)
        found: dict[int, Tensor] = {}
        longest = max(len(path) for path, _ in rows)
        for batch in batches(rows, max(1, TOKENS_PER_PASS // longest)):
            found |= self._pass(batch)
        return checked(self.lm, torch.stack([found[node] for node in wanted]))

    def _pass(self, rows: Sequence[tuple[Ids, list[int]]]) -> dict[int, Tensor]:
        length, most = len(rows[0][0]), max(len(nodes) for _, nodes in rows)
        # What pads a text on the right comes after all that is read of it: no mask is needed.
        ids = torch.zeros(len(rows), length, dtype=torch.long)
        places = torch.zeros(len(rows), most, dtype=torch.long)
        for row, (path, nodes) in enumerate(rows):
            ids[row, : len(path)] = torch.tensor([self.tokens[node] for node in path])
            places[row, : len(nodes)] = torch.tensor([len(self.paths[n]) - 1 for n in nodes])
        device = self.lm.device
        logits = self.lm.model(
            input_ids=ids.to(device), use_cache=False, logits_to_keep=places.to(device)
        ).logits.float()
        return {
            node: logits[row, i]
            for row, (_, nodes) in enumerate(rows)
            for i, node in enumerate(nodes)
        }


class NewNodes:
    """New nodes below the chain of a prefix: texts that begin alike share theirs."""

    def __init__(self, n_prefix: int) -> None:
        self.n_prefix = n_prefix
        self.tokens: list[int] = []
        self.parents: list[int] = []
        self._places: dict[tuple[int, int], int] = {}

    def __len__(self) -> int:
        return len(self.tokens)

    def n_missing(self, ids: Sequence[int]) -> int:
        """How many nodes `add` would make."""
        node = self.n_prefix - 1
        for known, token in enumerate(ids):
            if (node, token) not in self._places:
                return len(ids) - known
            node = self._places[node, token]
        return 0

    def add(self, ids: Sequence[int]) -> list[int]:
        """Return the nodes of a text that goes on from the prefix, made where they are missing."""
        nodes, node = [], self.n_prefix - 1  # which is ROOT where there is no prefix
        for token in ids:
            parent, following = node, self.n_prefix + len(self.tokens)
            node = self._places.setdefault((parent, token), following)
            if node == following:
                self.tokens.append(token)
                self.parents.append(parent)
            nodes.append(node)
        return nodes


def read_prefix(lm: LanguageModel, contexts: Sequence[Ids], longest: int) -> tuple[Ids, Reader]:
    """Read what all contexts begin with; each keeps at least one token of its own."""
    prefix = contexts[0][: min(n_shared(contexts), min(map(len, contexts)) - 1)]
    trunk = reader(lm, longest)
    if prefix:
        trunk.read(prefix, range(ROOT, len(prefix) - 1), [])
    return prefix, trunk


def n_shared(sequences: Iterable[Sequence[int]]) -> int:
    """How many tokens all sequences begin with."""
    columns = zip(*sequences, strict=False)
    return sum(1 for _ in takewhile(lambda column: len(set(column)) == 1, columns))


def log_probs_at(logits: Tensor, rows: Tensor, tokens: Tensor) -> Tensor:
    """Log-probabilities `(N,)` of N tokens, each read off one of the rows of logits `(R, V)`."""
    log_totals = torch.cat([part.logsumexp(dim=-1) for part in cached_parts(logits)])
    return logits[rows, tokens] - log_totals[rows]


def cached_parts(logits: Tensor) -> Sequence[Tensor]:
    """Cut logits `(R, V)` into parts `(r, V)` that are best read one after the other.

    A CPU reads a few rows again and again from its cache, and many from memory, ten times slower.
    """
    return logits.split(ROWS_IN_CACHE if logits.device.type == "cpu" else max(1, len(logits)))


def checked(lm: LanguageModel, logits: Tensor) -> Tensor:
    """Return logits `(..., V)` of which every row is a distribution.

    Raises:
        ValueError: If there is NaN or infinity among them; a token may be impossible.
    """
    top = logits.amax(dim=-1)
    if not top.isfinite().all():
        found = "NaN" if top.isnan().any() else "infinity"
        raise ValueError(
            f"the logits of {lm.name!r} must be finite, found {found}. Load it in another "
            "precision (dtype=torch.float32, or dtype=torch.bfloat16 where memory is short; "
            "--dtype on the command line), or get its weights anew if they are spoilt."
        )
    return logits


def batches(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    """Consecutive parts of at most `size` items."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _keeps_every_token(model: PreTrainedModel) -> bool:
    """Whether a model is of the kind that takes any mask, and has a cache with a row a token."""
    arguments = {"attention_mask", "position_ids", "past_key_values", "logits_to_keep"}
    if (
        not arguments <= inspect.signature(model.forward).parameters.keys()
        or not model._supports_attention_backend
        or model._is_stateful
        or model.config._attn_implementation not in ("sdpa", "eager")
    ):
        return False
    layers = DynamicCache(config=model.config).layers
    return all(type(layer) in (DynamicLayer, DynamicSlidingWindowLayer) for layer in layers)


@torch.inference_mode()
def _reads_a_tree(model: PreTrainedModel) -> bool:
    """Whether the logits of a small tree are those of its texts, read one by one."""
    no_tokenizer: Any = None  # since there is no text
    lm = LanguageModel("", model, no_tokenizer, next(model.parameters()).device)
    tree, whole = TokenTree(lm), WholeTexts(lm)
    found = []
    for one in (tree, whole):
        try:
            one.read([0, 1, 2], [ROOT, 0, 1], [2])
            found.append(one.read([3, 4, 5], [2, 3, 2], [4, 5]))
        except Exception:  # whatever a model does with a mask that it does not know
            return False
    spread = found[1].max() - found[1].min()
    # Half precision trembles.
    tolerance = 1e-4 if model.dtype in (torch.float32, torch.float64) else 0.05
    return bool((found[0] - found[1]).abs().max() <= tolerance * spread)
