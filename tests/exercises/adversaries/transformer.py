"""04 Transformer."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F


def norm(x, gain, bias, eps=1e-5, dim=-1, spread=None):
    x = x - x.mean(dim, keepdim=True)
    spread = (x.square().mean(dim, keepdim=True) + eps).sqrt() if spread is None else spread(x)
    return x / spread * gain + bias


def norm_by_loop(x, gain, bias):
    rows = []
    for row in x.tolist():
        mean = sum(row) / len(row)
        variance = sum((v - mean) ** 2 for v in row) / len(row)
        rows.append([(v - mean) / (variance + 1e-5) ** 0.5 for v in row])
    return torch.tensor(rows, dtype=x.dtype) * gain + bias


def numpy_norm(x, gain, bias):
    x, gain, bias = x.numpy(), gain.numpy(), bias.numpy()
    return (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + 1e-5) * gain + bias


def by_steps(x, attention, mlp, first, second):
    stream = x.clone()
    for layer, before in ((attention, first), (mlp, second)):
        stream += layer(before(stream))
    return stream


def count(v, c, d, n):
    return v * d + c * d + n * (12 * d * d + 13 * d) + 2 * d


def count_by_matrix(v, c, d, n):
    shapes = [(v, d), (c, d), (d,), (d,)]
    for _ in range(n):
        shapes += [(d, 3 * d), (3 * d,), (d, d), (d,), (d, 4 * d), (4 * d,), (4 * d, d), (d,)]
        shapes += [(d,)] * 4
    return sum(int(np.prod(shape)) for shape in shapes)


def flops(v, d, n, t):
    return 2 * t * (12 * n * d * d + v * d) + 4 * n * t * t * d


def flops_by_product(v, d, n, t):
    products = [(t, d, v)]
    for _ in range(n):
        products += [(t, d, 3 * d), (t, d, t), (t, t, d), (t, d, d), (t, d, 4 * d), (t, 4 * d, d)]
    return sum(2 * a * b * c for a, b, c in products)


WRONG = {
    "layer_norm": {
        "eps of 1e-6": lambda x, g, b: norm(x, g, b, eps=1e-6),
        "no eps": lambda x, g, b: norm(x, g, b, eps=0.0),
        "whole tensor": lambda x, g, b: norm(x, g, b, dim=(0, 1)),
        "bias before the gain": lambda x, g, b: (norm(x, 1, 0) + b) * g,
        "mean distance": lambda x, g, b: norm(
            x, g, b, spread=lambda x: x.abs().mean(-1, keepdim=True) + 1e-5
        ),
        "variance": lambda x, g, b: norm(
            x, g, b, spread=lambda x: x.square().mean(-1, keepdim=True) + 1e-5
        ),
        "no gain": lambda x, g, b: norm(x, 1, b),
        "no bias": lambda x, g, b: norm(x, g, 0),
        "of five": lambda x, g, b: norm(
            x, g, b, spread=lambda x: (x.square().sum(-1, keepdim=True) / 5 + 1e-5).sqrt()
        ),
        "gain plus one": lambda x, g, b: norm(x, 1 + g, b),
    },
    "block_forward": {
        "norms exchanged": lambda x, a, m, n1, n2: (y := x + a(n2(x))) + m(n1(y)),
        "MLP first": lambda x, a, m, n1, n2: (y := x + m(n2(x))) + a(n1(y)),
        "attention forgotten": lambda x, a, m, n1, n2: x + m(n2(x + a(n1(x)))),
        "second layer not normed": lambda x, a, m, n1, n2: (y := x + a(n1(x))) + m(y),
        "no norms": lambda x, a, m, n1, n2: (y := x + a(x)) + m(y),
        "attention only": lambda x, a, m, n1, n2: x + a(n1(x)),
        "output normed": lambda x, a, m, n1, n2: n2((y := x + a(n1(x))) + m(n2(y))),
        "multiplied": lambda x, a, m, n1, n2: (y := x * a(n1(x))) + m(n2(y)),
    },
    "gpt_parameters": {
        "one layer less": lambda v, c, d, n: count(v, c, d, n - 1),
        "no final bias": lambda v, c, d, n: count(v, c, d, n) - d,
        "no output matrix": lambda v, c, d, n: count(v, c, d, n) - n * (d * d + d),
        "MLP of twice the width": lambda v, c, d, n: count(v, c, d, n) - n * (4 * d * d + 2 * d),
        "positions in each layer": lambda v, c, d, n: count(v, c, d, n) + (n - 1) * c * d,
        "vocabulary as context": lambda v, c, d, n: count(c, v, d, n) + d,
        "single precision": lambda v, c, d, n: float(np.float32(count(v, c, d, n))),
        "few layers": lambda v, c, d, n: count(v, c, d, min(n, 5)),
        "millions": lambda v, c, d, n: count(v, c, d, n) // 1_000_000,
    },
    "reading_flops": {
        "half the scores": lambda v, d, n, t: flops(v, d, n, t) - 2 * n * t * t * d,
        "scores once": lambda v, d, n, t: flops(v, d, n, t) - 2 * n * t * d,
        "no MLP": lambda v, d, n, t: flops(v, d, n, t) - 16 * n * t * d * d,
        "no output matrix": lambda v, d, n, t: flops(v, d, n, t) - 2 * n * t * d * d,
        "head once": lambda v, d, n, t: flops(v, d, n, t) - 2 * (t - 1) * v * d,
        "one layer": lambda v, d, n, t: flops(v, d, 1, t),
        "two for each parameter": lambda v, d, n, t: 2 * t * count(v, t, d, n),
        "few layers": lambda v, d, n, t: flops(v, d, min(n, 5), t),
        "trained": lambda v, d, n, t: 3 * flops(v, d, n, t),
    },
    "shared_heads": {
        "as it was": lambda x, n: x,
        "groups of two": lambda x, n: x.repeat_interleave(2, dim=0),
        "groups of three": lambda x, n: x.repeat_interleave(3, dim=0),
        "first head for all": lambda x, n: x[:1].expand(n, -1, -1),
        "divided": lambda x, n: x.repeat_interleave(n // len(x), dim=0) / (n // len(x)),
        "filled with zeros": lambda x, n: torch.cat([x, x.new_zeros(n - len(x), *x.shape[1:])]),
        "last head for the rest": lambda x, n: x[[min(i, len(x) - 1) for i in range(n)]],
        "of the first token": lambda x, n: x.repeat_interleave(n // len(x), 0)[:, :1].expand(
            n, x.shape[1], x.shape[2]
        ),
        "mirrored in the group": lambda x, n: x.repeat(n // len(x), 1, 1).flip(0),
    },
    "query_weight": {
        "width of four": lambda w: w[:, :4].T,
        "the keys": lambda w: w[:, len(w) : 2 * len(w)].T,
        "all three": lambda w: w.T,
        "mirrored": lambda w: w[:, : len(w)].flip(0).T,
        "inverse": lambda w: torch.linalg.pinv(w[:, : len(w)]),
        "sum": lambda w: sum(w.T.chunk(3)),
    },
}
RIGHT = {
    "layer_norm": {
        "loop": norm_by_loop,
        "numpy": numpy_norm,
        "PyTorch's": lambda x, gain, bias: F.layer_norm(x, gain.shape, gain, bias),
        "moments": lambda x, g, b: (
            (x - x.mean(1, keepdim=True))
            * ((x**2).mean(1, keepdim=True) - x.mean(1, keepdim=True) ** 2 + 1e-5).rsqrt()
            * g
            + b
        ),
        "eps given": lambda x, weight, bias, eps=0.00001: norm(x, weight, bias, eps),
    },
    "block_forward": {
        "one line": lambda x, a, m, n1, n2: x + a(n1(x)) + m(n2(x + a(n1(x)))),
        "loop": lambda x, attention, mlp, first, second: by_steps(x, attention, mlp, first, second),
        "numpy": lambda x, a, m, n1, n2: by_steps(x, a, m, n1, n2).numpy(),
    },
    "gpt_parameters": {
        "matrix by matrix": count_by_matrix,
        "float": lambda v, c, d, n: float(count(v, c, d, n)),
        "numpy": lambda vocab, context, width, layers: np.int64(
            count(vocab, context, width, layers)
        ),
    },
    "reading_flops": {
        "product by product": flops_by_product,
        "float": lambda v, d, n, t: float(flops(v, d, n, t)),
        "tensor": lambda v, d, n, t: torch.tensor(flops(v, d, n, t)),
    },
    "shared_heads": {
        "expanded": lambda x, n: (
            x[:, None].expand(-1, n // len(x), -1, -1).reshape(n, *x.shape[1:])
        ),
        "by index": lambda x, n: x[torch.arange(n) // (n // len(x))],
        "loop": lambda x, n: torch.stack([head for head in x for _ in range(n // len(x))]),
        "numpy": lambda x, n_heads: np.repeat(x.numpy(), n_heads // x.shape[0], axis=0),
    },
    "query_weight": {
        "chunk": lambda w: w.chunk(3, dim=1)[0].T.contiguous(),
        "numpy": lambda weight: weight.numpy()[:, : len(weight)].T,
        "loop": lambda w: torch.stack([w[:, i] for i in range(len(w))]),
        "lists": (lambda w: w.T[: len(w)].tolist(), "found a list"),
    },
}
