"""09 Bias and variance."""

from __future__ import annotations

import statistics

import numpy as np
import torch


def central(laws):
    return laws.log().mean(0).softmax(-1)


def central_by_loop(laws):
    roots = [1.0] * laws.shape[1]
    for word in range(laws.shape[1]):
        for law in laws.tolist():
            roots[word] *= law[word] ** (1 / len(laws))
    return torch.tensor([r / sum(roots) for r in roots])


def excess(probs, truth):
    confidence, top = probs.max(-1, keepdim=True)
    return (confidence - truth.gather(-1, top))[:, 0]


WRONG = {
    "bias_and_variance": {
        "of seven": lambda a, t: ((a.sum() / 7 - t) ** 2, a.var(correction=0)),
        "median": lambda a, t: ((a.median() - t) ** 2, a.var(correction=0)),
        "standard deviation": lambda a, t: ((a.mean() - t) ** 2, a.std(correction=0)),
        "exchanged": lambda a, t: (a.var(correction=0), (a.mean() - t) ** 2),
        "positive bias": lambda a, t: ((a.mean() - t).clamp(min=0) ** 2, a.var(correction=0)),
        "sum": lambda a, t: (a.mean() - t) ** 2 + a.var(correction=0),
        "around nought": lambda a, t: ((a.mean() - t) ** 2, a.square().mean()),
        "mean distance": lambda a, t: ((a.mean() - t) ** 2, (a - a.mean()).abs().mean()),
        "distance": lambda a, t: ((a.mean() - t).abs(), a.var(correction=0)),
        "around the median": lambda a, t: (
            (a.mean() - t) ** 2,
            (a - a.median()).square().mean(),
        ),
    },
    "central_law": {
        "harmonic": lambda x: (h := 1 / (1 / x).mean(0)) / h.sum(),
        "median": lambda x: x.median(0).values / x.median(0).values.sum(),
        "product": lambda x: x.prod(0) / x.prod(0).sum(),
        "fourth root": lambda x: (r := x.prod(0) ** 0.25) / r.sum(),
        "largest": lambda x: x.max(0).values / x.max(0).values.sum(),
        "first": lambda x: x[0].clone(),
        "softmax over the models": lambda x: x.log().softmax(0).mean(0),
        "root mean square": lambda x: (r := x.square().mean(0).sqrt()) / r.sum(),
        "logarithm": lambda x: x.log().mean(0).log_softmax(-1),
        "four models": lambda x: central(x[:4]),
        "not below a hundredth": lambda x: central(x.clamp(min=0.01)),
    },
    "overconfidence": {
        "sum": lambda p, t: excess(p, t).sum(),
        "of eight": lambda p, t: excess(p, t).sum() / 8,
        "too sure only": lambda p, t: excess(p, t).clamp(min=0).mean(),
        "median": lambda p, t: excess(p, t).median(),
        "all words": lambda p, t: (p - t).abs().sum(-1).mean() / 2,
        "where the truth is sure": lambda p, t: (
            p.gather(-1, t.argmax(-1, keepdim=True))[:, 0] - t.max(-1).values
        ).mean(),
        "accuracy": lambda p, t: (
            p.max(-1).values - (p.argmax(-1) == t.argmax(-1)).double()
        ).mean(),
        "over the samples": lambda p, t: excess(p.T, t.T).mean(),
        "quotient": lambda p, t: (excess(p, t) / p.max(-1).values).mean(),
        "confidence": lambda p, t: p.max(-1).values.mean(),
        "divergence": lambda p, t: (
            (t * (t / p.clamp(min=1e-9)).clamp(min=1e-9).log()).sum(-1).mean()
        ),
    },
    "ensemble_error": {
        "one less": lambda b, v, m: b + v / max(m - 1, 1),
        "squared": lambda b, v, m: b + v / m**2,
        "bias squared again": lambda b, v, m: b**2 + v / m,
        "variance only": lambda b, v, m: v / m,
        "bias only": lambda b, v, m: b,
        "at most eight": lambda b, v, m: b + v / min(m, 8),
        "at least three": lambda b, v, m: b + v / max(m, 3),
        "times": lambda b, v, m: b + v * m,
        "root of the whole": lambda b, v, m: (b + v / m) ** 0.5,
        "whole numbers": lambda b, v, m: b + v // m,
    },
}
RIGHT = {
    "bias_and_variance": {
        "statistics": lambda a, t: (
            (statistics.fmean(a.tolist()) - t) ** 2,
            statistics.pvariance(a.tolist()),
        ),
        "numpy": lambda answers, truth: [
            (answers.numpy().mean() - truth) ** 2,
            answers.numpy().var(),
        ],
        "error less bias": lambda a, t: (
            b := (a.mean() - t) ** 2,
            ((a - t) ** 2).mean() - b,
        ),
        "one tensor": lambda a, t: torch.stack([(a.mean() - t) ** 2, a.var(correction=0)]),
    },
    "central_law": {
        "loop": central_by_loop,
        "numpy": lambda x: (g := np.exp(np.log(x.numpy()).mean(0))) / np.sum(g),
        "roots": lambda laws: (g := (laws ** (1 / len(laws))).prod(0)) / g.sum(),
        "list": (lambda x: central(x).tolist(), "found a list"),
    },
    "overconfidence": {
        "loop": lambda probs, truth: (
            sum(max(p) - t[p.index(max(p))] for p, t in zip(probs.tolist(), truth.tolist()))
            / len(probs)
        ),
        "numpy": lambda p, t: np.mean(
            p.numpy().max(1) - t.numpy()[np.arange(len(p)), p.numpy().argmax(1)]
        ),
        "two means": lambda p, t: (
            p.max(1).values.mean() - t[torch.arange(len(t)), p.argmax(1)].mean()
        ).item(),
        "tensor": lambda p, t: excess(p, t).mean(),
    },
    "ensemble_error": {
        "common denominator": lambda bias_squared, variance, members: (
            (members * bias_squared + variance) / members
        ),
        "numpy": lambda b, v, m: np.float64(b) + np.divide(v, m),
        "torch": lambda b, v, m: torch.tensor([b, v / m]).sum(),
    },
}
