"""08 Calibration metrics."""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F


def chosen(probs, labels):
    return probs[torch.arange(len(labels)), labels]


def counts(predicted, happened):
    hits = int((predicted & happened).sum())
    return hits, int(predicted.sum()), int(happened.sum())


def f1_of(predicted, happened, beta=1.0):
    hits, said, were = counts(predicted, happened)
    return (1 + beta**2) * hits / (said + beta**2 * were)


def f1_from_quotients(predicted, happened):
    hits, said, were = counts(predicted, happened)
    return 2 * (hits / said) * (hits / were) / (hits / said + hits / were)


def ece_by_loop(confidence, correct, n_bins, weight=lambda n, total: n / total):
    total, error = len(confidence), 0.0
    for b in range(n_bins):
        inside = (confidence > b / n_bins) & (confidence <= (b + 1) / n_bins)
        inside |= (confidence == 0) & (b == 0)
        n = int(inside.sum())
        if n:
            gap = float(correct[inside].double().mean() - confidence[inside].mean())
            error += weight(n, total) * abs(gap)
    return error


def equal_mass(confidence, correct, n_bins):
    order = confidence.argsort()
    gaps = [
        (correct[o].double() - confidence[o]).sum().abs()
        for o in order.tensor_split(n_bins)
        if len(o)
    ]
    return float(sum(gaps) / len(confidence))


def numpy_ece(confidence, correct, n_bins):
    confidence, correct = confidence.numpy(), correct.numpy()
    place = np.maximum(np.ceil(confidence * n_bins), 1).astype(int)
    return np.abs(np.bincount(place, correct - confidence)).sum() / len(confidence)


WRONG = {
    "nll": {
        "of six": lambda p, y: -chosen(p, y).log().sum() / 6,
        "over the vocabulary": lambda p, y: -chosen(p, y).log().sum() / p.numel(),
        "first four words": lambda p, y: -p[torch.arange(len(y)), y.clamp(max=3)].log().mean(),
        "median": lambda p, y: -chosen(p, y).log().median(),
        "perplexity": lambda p, y: (-chosen(p, y).log().mean()).exp(),
        "Brier": lambda p, y: (p - F.one_hot(y, p.shape[1])).square().sum(-1).mean(),
        "both outcomes": lambda p, y: F.binary_cross_entropy(p, F.one_hot(y, p.shape[1]).to(p)),
        "entropy": lambda p, y: -(p * p.log()).sum(-1).mean(),
        "best guesses only": lambda p, y: (
            -(chosen(p, y).log() * (p.argmax(-1) == y)).sum() / len(y)
        ),
        "never below a half": lambda p, y: -chosen(p, y).clamp(min=0.5).log().mean(),
        "one less": lambda p, y: -chosen(p, y).log().sum() / max(len(y) - 1, 1),
    },
    "f1": {
        "Jaccard": lambda p, y: float((p & y).sum() / (p | y).sum()),
        "geometric mean": lambda p, y: float((p & y).sum() / (p.sum() * y.sum()).sqrt()),
        "no hit divided": f1_from_quotients,
        "twice the weight of recall": lambda p, y: f1_of(p, y, 2.0),
        "half of it": lambda p, y: f1_of(p, y) / 2,
        "mean of both classes": lambda p, y: (
            (f1_of(p, y) + f1_of(~p, ~y) if (~p).any() or (~y).any() else 2.0) / 2
        ),
        "smaller": lambda p, y: min(float((p & y).sum() / x.sum()) for x in (p, y)),
        "hits": lambda p, y: float((p & y).sum()),
        "negatives are hits": lambda p, y: float(2 * (p == y).sum() / (p.sum() + y.sum())),
        "of twelve": lambda p, y: float(2 * (p & y).sum() / 12),
    },
    "ece": {
        "eight bins": lambda c, y, n: ece_by_loop(c, y, 8),
        "equal mass": equal_mass,
        "item by item": lambda c, y, n: float((c - y.double()).abs().mean()),
        "root of the weights": lambda c, y, n: ece_by_loop(c, y, n, lambda k, t: (k / t) ** 0.5),
        "sums": lambda c, y, n: ece_by_loop(c, y, n, lambda k, t: k),
        "of fifty": lambda c, y, n: ece_by_loop(c, y, n, lambda k, t: k / 50),
        "one bin less": lambda c, y, n: ece_by_loop(c, y, max(n - 1, 1)),
        "rounded": lambda c, y, n: ece_by_loop((c * 10).round() / 10, y, n),
        "single ones left out": lambda c, y, n: ece_by_loop(
            c, y, n, lambda k, t: k / t if k > 1 else 0.0
        ),
        "too sure only": lambda c, y, n: float(((c - y.double()).mean()).clamp(min=0)),
    },
}
RIGHT = {
    "nll": {
        "loop": lambda probs, labels: (
            -sum(math.log(row[word]) for row, word in zip(probs, labels)) / len(labels)
        ),
        "numpy": lambda p, y: -np.log(p.numpy()[np.arange(len(y)), y.numpy()]).mean(),
        "cross-entropy of logarithms": lambda p, y: F.cross_entropy(p.log(), y),
        "gather": lambda p, y: p.log().gather(1, y.unsqueeze(1)).neg().mean().item(),
    },
    "f1": {
        "loop": lambda predicted, happened: (
            2
            * sum(a and b for a, b in zip(predicted.tolist(), happened.tolist()))
            / (sum(predicted.tolist()) + sum(happened.tolist()))
        ),
        "numpy": lambda p, y: 2 * np.sum(p.numpy() & y.numpy()) / np.sum([p.numpy(), y.numpy()]),
        "harmonic mean": lambda p, y: f1_from_quotients(p, y) if (p & y).any() else 0.0,
        "false ones": lambda p, y: (p & y).sum() / ((p & y).sum() + (p ^ y).sum() / 2),
    },
    "ece": {
        "loop": ece_by_loop,
        "numpy": numpy_ece,
        "tensor": lambda c, y, n: torch.tensor(ece_by_loop(c, y, n)),
    },
}
