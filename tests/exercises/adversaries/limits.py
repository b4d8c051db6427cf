"""Wrong and right answers to the exercises of notebook 17."""

from __future__ import annotations

import numpy as np
import torch


def slope(x, y):
    return float(((x - x.mean()) * (y - y.mean())).sum() / (x - x.mean()).square().sum())


def points(sure, right, t):
    """What each answer brings, 0 where there is none."""
    return torch.where(sure > t, torch.where(right, 1.0, -t / (1 - t)), 0.0)


def bisected(gain, low=0.0, high=1.0):
    """Where a rising function crosses zero."""
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if gain(middle) < 0 else (low, middle)
    return high


WRONG = {
    "scaling_exponent": {
        "first and last": lambda s, l, f: float(
            -((l - f)[-1] / (l - f)[0]).log() / (s[-1] / s[0]).log()
        ),
        "other axis first": lambda s, l, f: -1 / slope((l - f).log(), s.log()),
        "two bases": lambda s, l, f: -slope(s.log(), (l - f).log10()),
        "through the origin": lambda s, l, f: float(
            -(s.log() * (l - f).log()).sum() / s.log().square().sum()
        ),
        "lowest loss as floor": lambda s, l, f: -slope(s[:-1].log(), (l[:-1] - l[-1]).abs().log()),
        "mean of steps": lambda s, l, f: float(-((l - f).log().diff() / s.log().diff()).mean()),
        "spread": lambda s, l, f: float((l - f).log().std() / s.log().std()),
        "four sizes": lambda s, l, f: -slope(s[:4].log(), (l - f)[:4].log()),
        "last three": lambda s, l, f: -slope(s[-3:].log(), (l - f)[-3:].log()),
    },
    "good_turing": {
        "four": lambda c: 4 / float(c.sum()),
        "of the known facts": lambda c: float((c == 1).sum() / (c > 0).sum().clamp(min=1)),
        "complement": lambda c: 1 - float((c == 1).sum() / c.sum()),
        "sum of the rare": lambda c: float(c[c <= 2].sum() / c.sum()),
        "one added": lambda c: float(((c == 1).sum() + 1) / (c.sum() + 1)),
        "twice over once": lambda c: float(2 * (c == 2).sum() / (c == 1).sum().clamp(min=1)),
        "never none": lambda c: max(1, int((c == 1).sum())) / int(c.sum()),
        "not all": lambda c: min(0.9, float((c == 1).sum() / c.sum())),
    },
    "penalty_threshold": {
        "the penalty": lambda c: c,
        "at most one": lambda c: min(c, 1.0),
        "its inverse": lambda c: 1 / c if c else 0.0,
        "squared": lambda c: c * c / (1 + c * c),
        "two more": lambda c: c / (2 + c),
        "root": lambda c: (c / (1 + c)) ** 0.5,
        "never below a tenth": lambda c: max(0.1, c / (1 + c)),
        "never above 0.95": lambda c: min(0.95, c / (1 + c)),
    },
    "score_with_silence": {
        "sum": lambda s, r, t: float(points(s, r, t).sum()),
        "silence is an error": lambda s, r, t: float(
            torch.where(s > t, points(s, r, t), -1).mean()
        ),
        "silence is half right": lambda s, r, t: float(
            torch.where(s > t, points(s, r, t), 0.5).mean()
        ),
        "below the threshold": lambda s, r, t: float(
            torch.where(s < t, torch.where(r, 1.0, -t / (1 - t)), 0.0).mean()
        ),
        "one point lost": lambda s, r, t: float(
            torch.where(s > t, torch.where(r, 1.0, -1.0), 0.0).mean()
        ),
        "spoken where right": lambda s, r, t: float(((s > t) == r).double().mean()),
        "turned over": lambda s, r, t: float(
            torch.where(s > t, torch.where(r, 1.0, -(1 - t) / max(t, 0.01)), 0.0).mean()
        ),
        "median": lambda s, r, t: float(points(s, r, t).median()),
    },
}
RIGHT = {
    "scaling_exponent": {
        "polyfit": lambda s, l, f: -np.polyfit(np.log10(s.numpy()), np.log10(l.numpy() - f), 1)[0],
        "lstsq": lambda s, l, f: (
            -torch.linalg.lstsq(
                torch.stack([s.log(), torch.ones_like(s)], 1), (l - f).log()[:, None]
            ).solution[0, 0]
        ),
        "base two": lambda s, l, f: -slope(s.log2(), (l - f).log2()),
    },
    "good_turing": {
        "loop": lambda counts: sum(c == 1 for c in counts.tolist()) / sum(counts.tolist()),
        "numpy": lambda c: np.sum(c.numpy() == 1) / np.sum(c.numpy()),
        "tensor": lambda c: c.eq(1).sum() / c.sum(),
    },
    "penalty_threshold": {
        "from one": lambda c: 1 - 1 / (1 + c),
        "numpy": lambda c: np.divide(c, 1 + c),
        "tensor": lambda c: torch.tensor(c, dtype=torch.float64) / (1 + c),
        "bisection": lambda c: bisected(lambda p: p - (1 - p) * c),
    },
    "score_with_silence": {
        "loop": lambda s, r, t: (
            sum((1 if ok else -t / (1 - t)) for p, ok in zip(s, r, strict=True) if p > t) / len(s)
        ),
        "numpy": lambda s, r, t: np.where(
            s.numpy() > t, np.where(r.numpy(), 1, -t / (1 - t)), 0
        ).mean(),
        "counts": lambda s, r, t: (
            (((s > t) & r).sum() - t / (1 - t) * ((s > t) & ~r).sum()) / len(s)
        ),
    },
}
