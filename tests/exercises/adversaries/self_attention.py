"""03 Self-attention."""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F


def attention(q, k, v, scale=None):
    scale = q.shape[-1] ** 0.5 if scale is None else scale
    return (q @ k.T / scale).softmax(-1) @ v


def attention_by_loop(q, k, v):
    rows = []
    for one in q:
        weights = [math.exp(float(one @ key) / math.sqrt(len(one))) for key in k]
        rows.append(sum(w * value for w, value in zip(weights, v)) / sum(weights))
    return torch.stack(rows)


def np_softmax(x):
    x = np.exp(x - x.max(-1, keepdims=True))
    return x / x.sum(-1, keepdims=True)


def future(scores):
    return torch.ones_like(scores).triu(1).bool()


def causal_by_loop(scores):
    weights = torch.zeros_like(scores)
    for t in range(len(scores)):
        weights[t, : t + 1] = torch.softmax(scores[t, : t + 1], dim=0)
    return weights


def step(query, key, value, keys, values, scale=None):
    return attention(query, torch.cat([keys, key]), torch.cat([values, value]), scale)


def previous(weights):
    return weights.diagonal(-1, -2, -1).mean(-1)


def by_two_loops(weights):
    best, where = -1.0, None
    for layer, heads in enumerate(weights.tolist()):
        for head, rows in enumerate(heads):
            mean = sum(rows[t][t - 1] for t in range(1, len(rows))) / (len(rows) - 1)
            if mean > best:
                best, where = mean, [layer, head]
    return where


WRONG = {
    "attend": {
        "scale of three": lambda q, k, v: attention(q, k, v, math.sqrt(3)),
        "root of the values' width": lambda q, k, v: attention(q, k, v, v.shape[-1] ** 0.5),
        "root of the keys' number": lambda q, k, v: attention(q, k, v, len(k) ** 0.5),
        "hard": lambda q, k, v: v[(q @ k.T).argmax(-1)],
        "mean of values": lambda q, k, v: v.mean(0).expand(len(q), -1),
        "scaled after the softmax": lambda q, k, v: (q @ k.T).softmax(-1) @ v / q.shape[-1] ** 0.5,
        "causal": lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True),
        "not normalised": lambda q, k, v: (q @ k.T / q.shape[-1] ** 0.5).exp() @ v,
    },
    "causal_weights": {
        "minus 15 added": lambda s: (s - 15 * future(s)).softmax(-1),
        "minus 15 filled in": lambda s: s.masked_fill(future(s), -15).softmax(-1),
        "minus 100": lambda s: (s - 100 * future(s)).softmax(-1),
        "mask of four": lambda s: causal_by_loop(s) if len(s) == 4 else s.softmax(-1),
        "over the queries": lambda s: s.masked_fill(future(s), -math.inf).softmax(0),
        "transposed": lambda s: causal_by_loop(s).T,
        "even over the past": lambda s: causal_by_loop(torch.zeros_like(s)),
        "hard": lambda s: F.one_hot(s.masked_fill(future(s), -math.inf).argmax(-1), len(s)) * 1.0,
    },
    "split_heads": {
        "always two": lambda x, n: torch.stack(x.chunk(2, -1)),
        "other end first": lambda x, n: torch.stack(x.chunk(n, -1)).flip(0),
        "tokens cut": lambda x, n: torch.stack(x.repeat(n, 1).chunk(n, 0)),
        "heads turned": lambda x, n: torch.stack(x.chunk(n, -1)).mT,
        "width of three": lambda x, n: x.reshape(len(x), -1, 3).transpose(0, 1),
        "all to each": lambda x, n: x.expand(n, -1, -1),
    },
    "cached_step": {
        "scale of three": lambda *a: step(*a, scale=math.sqrt(3)),
        "root of the length": lambda *a: step(*a, scale=(len(a[3]) + 1) ** 0.5),
        "no scale": lambda *a: step(*a, scale=1),
        "flat": lambda *a: step(*a)[0],
        "oldest dropped": lambda q, k, v, ks, vs: step(q, k, v, ks[1:], vs[1:]),
        "key as query": lambda q, k, v, ks, vs: step(k, k, v, ks, vs),
        "mean with the past": lambda q, k, v, ks, vs: (attention(q, ks, vs) + v) / 2,
        "cache of five": lambda q, k, v, ks, vs: step(q, k, v, ks[:5], vs[:5]),
    },
    "find_previous_token_head": {
        "four heads": lambda w: divmod(previous(w).argmax().item(), 4),
        "divided by the layers": lambda w: divmod(previous(w).argmax().item(), len(w)),
        "last token": lambda w: divmod(w[..., -1, -2].argmax().item(), w.shape[1]),
        "two back": lambda w: divmod(w.diagonal(-2, -2, -1).sum(-1).argmax().item(), w.shape[1]),
        "first token": lambda w: divmod(w[..., 1:, 0].mean(-1).argmax().item(), w.shape[1]),
        "best head of the first layer": lambda w: (0, previous(w)[0].argmax().item()),
        "index": lambda w: previous(w).argmax().item(),
        "best of each axis": lambda w: (
            previous(w).mean(1).argmax().item(),
            previous(w).mean(0).argmax().item(),
        ),
    },
    "induction_score": {
        "all but the first row": lambda w, p: w.diagonal(1 - p).sum() / (len(w) - p),
        "last row": lambda w, p: w[-1, len(w) - p],
        "over all rows": lambda w, p: w.diagonal(1 - p)[1:].sum() / len(w),
        "previous token": lambda w, p: w.diagonal(-1).mean(),
        "transposed": lambda w, p: w.diagonal(p - 1)[1:].mean(),
        "largest": lambda w, p: w.diagonal(1 - p)[1:].max(),
    },
}
RIGHT = {
    "attend": {
        "PyTorch's": lambda q, k, v: F.scaled_dot_product_attention(q, k, v),
        "loop": attention_by_loop,
        "numpy": lambda q, k, v: (
            np_softmax(q.numpy() @ k.numpy().T / q.shape[1] ** 0.5) @ v.numpy()
        ),
        "einsum": lambda query, key, value: torch.einsum(
            "ts,se->te",
            torch.einsum("td,sd->ts", query, key).div(query.size(1) ** 0.5).softmax(1),
            value,
        ),
        "single precision": lambda q, k, v: attention(q.float(), k.float(), v.float()),
        "lists": (lambda q, k, v: attention(q, k, v).tolist(), "expected a tensor of shape"),
    },
    "causal_weights": {
        "loop": causal_by_loop,
        "minus a billion": lambda s: (s - 1e9 * future(s)).softmax(-1),
        "divided again": lambda s: (
            s.softmax(-1).tril() / s.softmax(-1).tril().sum(-1, keepdim=True)
        ),
        "where": lambda s: torch.where(future(s), float("-inf"), s).softmax(1),
        "numpy": lambda s: np_softmax(np.where(future(s).numpy(), -np.inf, s.numpy())),
    },
    "split_heads": {
        "slices": lambda x, n: torch.stack(
            [x[:, i * x.shape[1] // n : (i + 1) * x.shape[1] // n] for i in range(n)]
        ),
        "permute": lambda x, heads: x.unflatten(-1, (heads, -1)).permute(1, 0, 2),
        "numpy": lambda x, n: np.stack(np.split(x.numpy(), n, axis=1)),
        "list of heads": (lambda x, n: list(x.chunk(n, -1)), "expected a tensor of shape"),
    },
    "cached_step": {
        "newest first": lambda q, k, v, ks, vs: attention(
            q, torch.cat([k, ks]), torch.cat([v, vs])
        ),
        "PyTorch's": lambda q, k, v, ks, vs: F.scaled_dot_product_attention(
            q, torch.vstack([ks, k]), torch.vstack([vs, v])
        ),
        "numpy": lambda q, k, v, ks, vs: (
            np_softmax(q.numpy() @ np.vstack([ks, k]).T / q.shape[1] ** 0.5) @ np.vstack([vs, v])
        ),
    },
    "find_previous_token_head": {
        "loops": by_two_loops,
        "numpy": lambda w: np.unravel_index(previous(w).numpy().argmax(), w.shape[:2]),
        "tensor": lambda w: torch.tensor(by_two_loops(w)),
        "tensors": lambda w: torch.unravel_index(previous(w).argmax(), w.shape[:2]),
    },
    "induction_score": {
        "rows": lambda w, p: torch.stack([w[t, t - p + 1] for t in range(p, len(w))]).mean(),
        "index": lambda w, p: w[torch.arange(p, len(w)), torch.arange(p, len(w)) - p + 1].mean(),
        "diagonal of the lower rows": lambda w, p: w[p:, 1:].diagonal().mean(),
        "float": lambda w, p: float(w.diagonal(1 - p)[1:].sum()) / (len(w) - p),
    },
}
