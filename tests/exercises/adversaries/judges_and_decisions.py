"""Wrong and right answers to the exercises of notebook 19."""

from __future__ import annotations

import numpy as np
import torch


def solved(q, s, c):
    return (q + c - 1) / (s + c - 1)


def bisected(q, s, c):
    """The share of which the judge says q, found without solving."""
    low, high = -2.0, 3.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if middle * s + (1 - middle) * (1 - c) < q else (low, middle)
    return high


def paid(sure, right, cost, loss):
    """What each answer costs who checks where the doubt exceeds cost / loss."""
    return torch.where(1 - sure > cost / loss, cost, loss * (~right).double())


WRONG = {
    "true_share": {
        "not divided": lambda q, s, c: q + c - 1,
        "only the false alarms": lambda q, s, c: q - (1 - c),
        "rates exchanged": lambda q, s, c: (q + s - 1) / (s + c - 1),
        "one minus": lambda q, s, c: 1 - solved(q, s, c),
        "half the way": lambda q, s, c: (q + solved(q, s, c)) / 2,
        "accuracy for both": lambda q, s, c: solved(q, (s + c) / 2, (s + c) / 2),
        "over the mean": lambda q, s, c: q / ((s + c) / 2),
        "precision": lambda q, s, c: q * s / (q * s + (1 - q) * (1 - c)),
    },
    "powered_mean": {
        "agreement": lambda y, f, more: float((y == f).double().mean()),
        "half weight": lambda y, f, more: float(y.mean() + 0.5 * (more.mean() - f.mean())),
        "product of the means": lambda y, f, more: float(more.mean() * y.mean()),
        "ratio": lambda y, f, more: float(more.mean() * y.mean() / f.mean().clamp(min=0.01)),
        "size of the error": lambda y, f, more: float(more.mean() + (y - f).abs().mean()),
        "judge of all": lambda y, f, more: float(torch.cat([f, more]).mean() + (y - f).mean()),
        "sum of the errors": lambda y, f, more: float(more.mean() + (y - f).sum()),
        "first grade": lambda y, f, more: float(more.mean() + (y - f)[0]),
    },
    "probability_behind": {
        "share of the chance": lambda m, n: m * (1 - 1 / n),
        "one option fewer": lambda m, n: 1 / (n - 1) + (1 - 1 / (n - 1)) * m,
        "one option more": lambda m, n: 1 / (n + 1) + (1 - 1 / (n + 1)) * m,
        "half of it": lambda m, n: (1 + m) / 2,
        "squared": lambda m, n: 1 / n + (1 - 1 / n) * m**2,
        "at least the chance": lambda m, n: m.clamp(min=1 / n),
        "at most 0.99": lambda m, n: ((1 + (n - 1) * m) / n).clamp(max=0.99),
        "the rest": lambda m, n: 1 - (1 + (n - 1) * m) / n,
    },
    "mean_expense": {
        "sum": lambda p, y, c, v: float(paid(p, y, c, v).sum()),
        "of the checked": lambda p, y, c, v: float(c * (1 - p > c / v).double().mean()),
        "of the errors": lambda p, y, c, v: float(v * ((1 - p <= c / v) & ~y).double().mean()),
        "both always": lambda p, y, c, v: float(c + v * (~y).double().mean()),
        "expected": lambda p, y, c, v: float(torch.where(1 - p > c / v, c, v * (1 - p)).mean()),
        "regret": lambda p, y, c, v: float((paid(p, y, c, v) - c * (~y).double()).mean()),
        "per loss": lambda p, y, c, v: float(paid(p, y, c, v).mean() / v),
    },
}
RIGHT = {
    "true_share": {
        "false alarms first": lambda q, s, c: (q - (1 - c)) / (s - (1 - c)),
        "bisection": bisected,
        "two equations": lambda q, s, c: np.linalg.solve([[s, 1 - c], [1, 1]], [q, 1])[0],
    },
    "powered_mean": {
        "grades first": lambda y, f, more: y.mean() + (more.mean() - f.mean()),
        "numpy": lambda y, f, more: np.mean(more.numpy()) - np.mean(f.numpy() - y.numpy()),
        "loop": lambda y, f, more: (
            sum(more.tolist()) / len(more)
            + sum(a - b for a, b in zip(y.tolist(), f.tolist(), strict=True)) / len(y)
        ),
    },
    "probability_behind": {
        "chance and the rest": lambda m, n: 1 / n + (1 - 1 / n) * m,
        "numpy": lambda m, n: (1 + (n - 1) * m.numpy()) / n,
        "interpolated": lambda m, n: torch.lerp(torch.full_like(m, 1 / n), torch.ones_like(m), m),
    },
    "mean_expense": {
        "loop": lambda p, y, c, v: (
            sum(
                c if 1 - sure > c / v else (0 if ok else v)
                for sure, ok in zip(p.tolist(), y.tolist(), strict=True)
            )
            / len(p)
        ),
        "counts": lambda p, y, c, v: (
            (c * (1 - p > c / v).sum() + v * ((1 - p <= c / v) & ~y).sum()) / len(p)
        ),
        "numpy": lambda p, y, c, v: np.where(
            1 - p.numpy() > c / v, c, np.where(y.numpy(), 0, v)
        ).mean(),
    },
}
