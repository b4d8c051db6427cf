"""20 Audit your model."""

from __future__ import annotations

import math
import statistics

import numpy as np
import torch


def gaps(count, correct, confidence):
    return (confidence - correct).sum(0)


def error(first, second, **options):
    return float((second - first).std(**options) / len(first) ** 0.5)


def merged_by_loop(count, correct, confidence):
    total = sum(map(sum, count.tolist()))
    bins = zip(correct.sum(0).tolist(), confidence.sum(0).tolist())
    return sum(abs(said - right) for right, said in bins) / total


WRONG = {
    "merged_ece": {
        "signed": lambda n, y, c: float(gaps(n, y, c).sum() / n.sum()),
        "signed, then positive": lambda n, y, c: float(gaps(n, y, c).sum().abs() / n.sum()),
        "worst bin": lambda n, y, c: float((gaps(n, y, c).abs() / n.sum(0).clamp(min=1)).max()),
        "first process": lambda n, y, c: float((c - y)[0].abs().sum() / n[0].sum()),
        "squared": lambda n, y, c: float(
            (gaps(n, y, c).square() / n.sum(0).clamp(min=1)).sum() / n.sum()
        ),
        "empty bins divided": lambda n, y, c: float(
            ((gaps(n, y, c) / n.sum(0)).abs() * n.sum(0)).sum() / n.sum()
        ),
        "divided by the right ones": lambda n, y, c: float(gaps(n, y, c).abs().sum() / y.sum()),
        "gaps of the processes": lambda n, y, c: float(
            sum((c - y)[k].sum().abs() for k in range(2)) / n.sum()
        ),
        "six bins": lambda n, y, c: float(gaps(n, y, c)[:6].abs().sum() / n.sum()),
    },
    "paired_error": {
        "of forty": lambda a, b: float((b - a).std() / 40**0.5),
        "root of N - 1": lambda a, b: float((b - a).std() / (len(a) - 1) ** 0.5),
        "variance": lambda a, b: float((b - a).var() / len(a)),
        "distances": lambda a, b: float((b - a).abs().std() / len(a) ** 0.5),
        "difference of errors": lambda a, b: float((b.std() - a.std()).abs() / len(a) ** 0.5),
        "interval": lambda a, b: 1.96 * error(a, b),
        "around nought": lambda a, b: float(
            ((b - a).square().sum() / (len(a) - 1)).sqrt() / len(a) ** 0.5
        ),
        "sum": lambda a, b: float((b + a).std() / len(a) ** 0.5),
    },
}
RIGHT = {
    "merged_ece": {
        "loop": merged_by_loop,
        "numpy": lambda n, y, c: (
            np.abs(c.numpy().sum(0) - y.numpy().sum(0)).sum() / n.numpy().sum()
        ),
        "empty bins left out": lambda n, y, c: float(
            sum(
                n[:, b].sum() / n.sum() * abs(c[:, b].sum() - y[:, b].sum()) / n[:, b].sum()
                for b in range(n.shape[1])
                if n[:, b].sum()
            )
        ),
        "tensor": lambda n, y, c: gaps(n, y, c).abs().sum().div(n.sum()),
    },
    "paired_error": {
        "statistics": lambda first, second: (
            statistics.stdev((second - first).tolist()) / math.sqrt(len(first))
        ),
        "numpy": lambda a, b: np.std(b.numpy() - a.numpy(), ddof=1) / np.sqrt(len(a)),
        "other direction": lambda a, b: error(b, a),
        "from the covariance": lambda a, b: (
            (a.var() + b.var() - 2 * torch.stack([a, b]).cov()[0, 1]).clamp(min=0) / len(a)
        ).sqrt(),
    },
}
