"""10 Calibration methods."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F


def nll(logits, labels, t):
    return float(F.cross_entropy(logits / t, labels))


def best(logits, labels, temperatures, loss=nll, choose=min):
    return choose(temperatures.tolist(), key=lambda t: loss(logits, labels, t))


def brier(logits, labels, t):
    return float(((logits / t).softmax(-1) - F.one_hot(labels, logits.shape[1])).square().sum())


def gap(logits, labels, t):
    confidence, top = (logits / t).softmax(-1).max(-1)
    return abs(float(confidence.mean() - (top == labels).double().mean()))


def place(x, n_bins):
    return (x * n_bins).ceil().long().clamp(min=1) - 1


def table(confidence, correct, n_bins):
    of = place(confidence, n_bins)
    return torch.stack([correct[of == b].double().mean() for b in range(n_bins)])


def binned(confidence, correct, new, n_bins, learned=None):
    learned = table(confidence, correct, n_bins) if learned is None else learned
    return learned[place(new, n_bins)]


def binned_by_loop(confidence, correct, new, n_bins):
    def bin_of(value):
        return next(b for b in range(n_bins) if value <= (b + 1) / n_bins)

    answers = []
    for value in new.tolist():
        pairs = zip(confidence.tolist(), correct)
        inside = [float(y) for c, y in pairs if bin_of(c) == bin_of(value)]
        answers.append(sum(inside) / len(inside))
    return answers


def stairs(came):
    """Isotonic regression by its formula: the highest of the lowest means of stretches."""
    n = len(came)

    def mean(i, j):
        return float(came[i : j + 1].double().mean())

    return [max(min(mean(i, k) for k in range(j, n)) for i in range(j + 1)) for j in range(n)]


def pooled_forwards(came):
    blocks = []
    for value in came.tolist():
        if blocks and blocks[-1][0] > value:
            mean, size = blocks.pop()
            blocks.append(((mean * size + value) / (size + 1), size + 1))
        else:
            blocks.append((value, 1))
    return torch.tensor([mean for mean, size in blocks for _ in range(size)])


WRONG = {
    "best_temperature": {
        "always 2.5": lambda x, y, ts: 2.5,
        "not below one": lambda x, y, ts: best(x, y, ts[ts >= 1]),
        "first eight": lambda x, y, ts: ts[6 if len(ts) > 6 else 0].item(),
        "highest accuracy": lambda x, y, ts: best(
            x, y, ts, lambda x, y, t: -float(((x / t).argmax(-1) == y).double().mean())
        ),
        "probabilities divided": lambda x, y, ts: best(
            x, y, ts, lambda x, y, t: nll(x.softmax(-1), y, t)
        ),
        "smallest change": lambda x, y, ts: best(x, y, ts, lambda x, y, t: abs(t - 1)),
        "largest": lambda x, y, ts: ts.max().item(),
        "smallest": lambda x, y, ts: ts.min().item(),
        "mean": lambda x, y, ts: ts.mean().item(),
        "best guess for the label": lambda x, y, ts: best(x, x.argmax(-1), ts),
    },
    "histogram_binning": {
        "four bins": lambda c, y, new, n: binned(c, y, new, 4),
        "pooled": lambda c, y, new, n: y.double().mean().expand(len(new)),
        "learned from the answer": lambda c, y, new, n: binned(
            c, y, new, n, learned=table(c, c.round().bool(), n)
        ),
        "middle of the bin": lambda c, y, new, n: ((new * n).ceil() - 0.5) / n,
        "share of the right ones": lambda c, y, new, n: binned(
            c,
            y,
            new,
            n,
            learned=place(c[y], n).bincount(minlength=n) / y.sum(),
        ),
        "one added": lambda c, y, new, n: (binned(c, y, new, n) * 20 + 1) / 22,
        "one minus": lambda c, y, new, n: 1 - binned(c, y, new, n),
        "bins turned": lambda c, y, new, n: binned(c, y, new, n, learned=table(c, y, n).flip(0)),
        "itself": lambda c, y, new, n: new.clone(),
    },
    "staircase": {
        "pooled forwards": pooled_forwards,
        "running minimum": lambda y: y.flip(0).cummin(0).values.flip(0),
        "between the two": lambda y: (y.cummax(0).values + y.flip(0).cummin(0).values.flip(0)) / 2,
        "mean of all": lambda y: y.mean().expand(len(y)),
        "running mean": lambda y: y.cumsum(0) / torch.arange(1, len(y) + 1),
        "rising means": lambda y: (y.cumsum(0) / torch.arange(1, len(y) + 1)).cummax(0).values,
        "falling": lambda y: torch.tensor(stairs(y.flip(0))).flip(0),
        "ranks": lambda y: torch.linspace(0, 1, len(y)),
        "never sure": lambda y: torch.tensor(stairs(y)).clamp(0.01, 0.99),
        "rounded": lambda y: torch.tensor(stairs(y)).round(),
    },
    "smoothed": {
        "a fifth": lambda p, e: 0.8 * p + 0.2 / p.shape[-1],
        "five words": lambda p, e: (1 - e) * p + e / 5,
        "by the rows": lambda p, e: (1 - e) * p + e / len(p),
        "words alike": lambda p, e: e * p + (1 - e) / p.shape[-1],
        "mean law": lambda p, e: (1 - e) * p + e * p.mean(0),
        "largest only": lambda p, e: torch.where(
            p == p.max(-1, keepdim=True).values, p * (1 - e), p + e / p.shape[-1]
        ),
        "not below": lambda p, e: p.clamp(min=e / p.shape[-1]),
        "power": lambda p, e: (q := p ** (1 - e)) / q.sum(-1, keepdim=True),
        "half": lambda p, e: (1 - e / 2) * p + e / 2 / p.shape[-1],
        "one-hot first": lambda p, e: (
            (1 - e) * F.one_hot(p.argmax(-1), p.shape[-1]) + e / p.shape[-1]
        ),
    },
}
RIGHT = {
    "best_temperature": {
        "min with a key": best,
        "numpy": lambda x, y, ts: ts.numpy()[np.argmin([nll(x, y, t) for t in ts])],
        "tensor": lambda x, y, ts: torch.tensor(best(x, y, ts)),
        "log-softmax": lambda logits, labels, temperatures: temperatures[
            torch.stack(
                [
                    -(logits / t).log_softmax(1)[torch.arange(len(labels)), labels].sum()
                    for t in temperatures
                ]
            ).argmin()
        ],
    },
    "histogram_binning": {
        "loop": lambda *a: torch.tensor(binned_by_loop(*a)),
        "numpy": lambda *a: np.array(binned_by_loop(*a)),
        "edges": lambda c, y, new, n: table(c, y, n)[
            torch.bucketize(new, torch.arange(1, n, dtype=new.dtype) / n)
        ],
        "list": (binned_by_loop, "found a list"),
    },
    "staircase": {
        "highest of the lowest means": lambda came: torch.tensor(stairs(came)),
        "lowest of the highest means": lambda y: (
            1 - torch.tensor(stairs((1 - y).flip(0)), dtype=torch.float64).flip(0)
        ),
        "numpy": lambda y: np.array(stairs(y)),
        "list": (stairs, "found a list"),
    },
    "smoothed": {
        "toward the middle": lambda p, e: p + e * (1 / p.shape[1] - p),
        "lerp": lambda probs, epsilon: torch.lerp(
            probs, torch.full_like(probs, 1 / probs.shape[1]), epsilon
        ),
        "numpy": lambda p, e: (1 - e) * p.numpy() + np.full(p.shape, e / p.shape[1]),
        "loop": lambda p, e: torch.stack([(1 - e) * row + e / len(row) for row in p]),
    },
}
