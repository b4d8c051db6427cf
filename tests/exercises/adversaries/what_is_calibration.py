"""07 What is calibration."""

from __future__ import annotations

import math

import numpy as np
import torch


def parts(stated, happened, of_bin=lambda p: p, spread=None, keep=lambda p, f: True):
    """Return the three parts by a walk over the values; what is wrong can be switched on."""
    p, y = stated.tolist(), [float(h) for h in happened]
    base, reliability, resolution = sum(y) / len(y), 0.0, 0.0
    for value in set(map(of_bin, p)):
        inside = [i for i, q in enumerate(p) if of_bin(q) == value]
        said = sum(p[i] for i in inside) / len(inside)
        frequency = sum(y[i] for i in inside) / len(inside)
        if keep(said, frequency):
            reliability += len(inside) / len(p) * (said - frequency) ** 2
            resolution += len(inside) / len(p) * (frequency - base) ** 2
    return reliability, resolution, base * (1 - base) if spread is None else spread(base)


def numpy_parts(stated, happened):
    p, y = stated.numpy(), happened.numpy().astype(float)
    _, place = np.unique(p, return_inverse=True)
    often = (np.bincount(place, y) / np.bincount(place))[place]
    return np.mean((p - often) ** 2), np.mean((often - y.mean()) ** 2), y.var()


def score(stated, truth):
    return -truth * math.log(stated) - (1 - truth) * math.log(1 - stated)


def gaps(stated, happened, group, groups=None):
    groups = group.unique().tolist() if groups is None else groups
    difference = stated - happened.double()
    return torch.stack([difference[group == g].mean() for g in groups])


WRONG = {
    "murphy_parts": {
        "tenths": lambda p, y: parts(p, y, of_bin=lambda q: round(q, 1)),
        "standard deviation": lambda p, y: parts(p, y, spread=lambda b: (b * (1 - b)) ** 0.5),
        "base rate squared": lambda p, y: parts(p, y, spread=lambda b: b**2),
        "sure statements left out": lambda p, y: parts(p, y, keep=lambda q, f: 0 < q < 1),
        "never happened left out": lambda p, y: parts(p, y, keep=lambda q, f: f > 0),
        "always happened left out": lambda p, y: parts(p, y, keep=lambda q, f: f < 1),
        "exchanged": lambda p, y: tuple(parts(p, y)[i] for i in (1, 0, 2)),
        "sample formula": lambda p, y: (*parts(p, y)[:2], y.double().var()),
        "halves": lambda p, y: parts(p, y, of_bin=lambda q: q > 0.5),
        "two parts": lambda p, y: parts(p, y)[:2],
        "from the statement's mean": lambda p, y: (
            *parts(p, y)[:2],
            float(p.mean() * (1 - p.mean())),
        ),
        "score": lambda p, y: parts(p, y)[0] - parts(p, y)[1] + parts(p, y)[2],
    },
    "expected_log_score": {
        "surer side": lambda p, t: score(max(p, 1 - p), t),
        "divergence": lambda p, t: score(p, t) - score(t, t),
        "Brier": lambda p, t: t * (1 - p) ** 2 + (1 - t) * p**2,
        "of the mean": lambda p, t: -math.log(t * p + (1 - t) * (1 - p)),
        "never surer than 0.95": lambda p, t: score(min(max(p, 0.05), 0.95), t),
        "one half each": lambda p, t: score(p, 0.5),
        "entropy of the truth": lambda p, t: score(t, t),
        "truth below one half": lambda p, t: score(p, min(t, 1 - t)),
        "likelier outcome": lambda p, t: -math.log(p if t > 0.5 else 1 - p),
        "sun only": lambda p, t: -(1 - t) * math.log(1 - p),
    },
    "gaps_by_group": {
        "three groups": lambda p, y, g: gaps(p, y, g, range(3)),
        "as they come": lambda p, y, g: gaps(p, y, g, dict.fromkeys(g.tolist())),
        "largest first": lambda p, y, g: gaps(p, y, g).flip(0),
        "frequency of all": lambda p, y, g: torch.stack(
            [p[g == k].mean() - y.double().mean() for k in g.unique()]
        ),
        "statement of all": lambda p, y, g: torch.stack(
            [p.mean() - y[g == k].double().mean() for k in g.unique()]
        ),
        "median": lambda p, y, g: torch.stack(
            [p[g == k].median() - y[g == k].double().mean() for k in g.unique()]
        ),
        "positive": lambda p, y, g: gaps(p, y, g).abs(),
        "squared": lambda p, y, g: gaps(p, y, g) ** 2,
        "from nought on": lambda p, y, g: gaps(p, y, g, range(int(g.max()) + 1)),
        "sum": lambda p, y, g: gaps(p, y, g) * torch.unique(g, return_counts=True)[1],
        "as text": lambda p, y, g: gaps(p, y, g, sorted(set(g.tolist()), key=str)),
        "of fourteen": lambda p, y, g: torch.stack(
            [(p - y.double())[g == k].sum() / (g == k).sum() * len(p) / 14 for k in g.unique()]
        ),
    },
}
RIGHT = {
    "murphy_parts": {
        "loop": parts,
        "numpy": numpy_parts,
        "list": lambda p, y: list(parts(p, y)),
        "one tensor": lambda p, y: torch.tensor(parts(p, y)),
    },
    "expected_log_score": {
        "mean of two": lambda said, true: sum(
            weight * -math.log(p) for weight, p in ((true, said), (1 - true, 1 - said))
        ),
        "numpy": lambda p, t: -np.dot([t, 1 - t], np.log([p, 1 - p])),
        "torch": lambda p, t: torch.nn.functional.binary_cross_entropy(
            torch.tensor(p), torch.tensor(t)
        ),
        "entropy and divergence": lambda p, t: (
            score(t, t) + t * math.log(t / p) + (1 - t) * math.log((1 - t) / (1 - p))
        ),
    },
    "gaps_by_group": {
        "one mean": gaps,
        "numpy": lambda p, y, g: np.array(
            [p.numpy()[g == k].mean() - y.numpy()[g == k].mean() for k in np.unique(g)]
        ),
        "loop": lambda stated, happened, group: torch.tensor(
            [
                sum(float(p) - float(y) for p, y, h in zip(stated, happened, group) if h == k)
                / sum(h == k for h in group.tolist())
                for k in sorted(set(group.tolist()))
            ]
        ),
        "list": (lambda p, y, g: gaps(p, y, g).tolist(), "found a list"),
    },
}
