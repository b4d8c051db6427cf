"""16 Safety."""

from __future__ import annotations

import math

import numpy as np
import torch


def rank(log_probs, secret):
    return int((log_probs > log_probs[secret]).sum()) + 1


def stepped(p, factors, running=True, limit=True):
    order = p.argsort()
    scaled = p[order] * factors
    scaled = scaled.cummax(0).values if running else scaled
    result = torch.empty_like(p)
    result[order] = scaled.clamp(max=1) if limit else scaled
    return result


def down(p):
    return torch.arange(len(p), 0, -1)


def hochberg(p):
    order = p.argsort()
    result = torch.empty_like(p)
    scaled = (p[order] * down(p)).flip(0).cummin(0).values.flip(0)
    result[order] = scaled.clamp(max=1)
    return result


def sidak(p):
    order = p.argsort()
    result = torch.empty_like(p)
    result[order] = (1 - (1 - p[order]) ** down(p)).cummax(0).values
    return result


def holm_by_loop(p):
    adjusted, largest = [0.0] * len(p), 0.0
    for done, i in enumerate(sorted(range(len(p)), key=lambda i: float(p[i]))):
        largest = max(largest, min(1.0, (len(p) - done) * float(p[i])))
        adjusted[i] = largest
    return adjusted


def scaled(g, factor):
    return (g * factor[:, None]).mean(0)


def clipped_by_loop(g, c):
    rows = [row * min(1.0, c / max(float(row.norm()), 1e-30)) for row in g]
    return sum(rows) / len(rows)


WRONG = {
    "exposure": {
        "of 64": lambda lp, s: 6 - math.log2(rank(lp, s)),
        "rank": lambda lp, s: rank(lp, s),
        "minus the logarithm of the rank": lambda lp, s: -math.log2(rank(lp, s)),
        "others only": lambda lp, s: math.log2(max(len(lp) - 1, 1)) - math.log2(rank(lp, s)),
        "share": lambda lp, s: rank(lp, s) / len(lp),
        "whole bits": lambda lp, s: math.floor(math.log2(len(lp) / rank(lp, s))),
        "place": lambda lp, s: math.log2(len(lp)) - math.log2(s + 1),
        "never the best": lambda lp, s: math.log2(len(lp)) - math.log2(max(rank(lp, s), 2)),
        "base ten": lambda lp, s: math.log10(len(lp) / rank(lp, s)),
    },
    "clipped_mean": {
        "sum": lambda g, c: scaled(g, (c / g.norm(dim=1)).clamp(max=1)) * len(g),
        "length in absolute values": lambda g, c: scaled(g, (c / g.abs().sum(1)).clamp(max=1)),
        "length squared": lambda g, c: scaled(g, (c / g.square().sum(1)).clamp(max=1)),
        "largest weight": lambda g, c: scaled(g, (c / g.abs().amax(1)).clamp(max=1)),
        "stretched": lambda g, c: scaled(g, (c / g.norm(dim=1).clamp(min=1e-9)).clamp(min=1)),
        "of length one": lambda g, c: scaled(g, (1 / g.norm(dim=1)).clamp(max=1)),
        "by the longest": lambda g, c: g.mean(0) * min(1.0, c / float(g.norm(dim=1).max())),
        "by columns": lambda g, c: (g * (c / g.norm(dim=0)).clamp(max=1)).mean(0),
        "of those that were clipped": lambda g, c: (
            scaled(g, (c / g.norm(dim=1)).clamp(max=1))
            * len(g)
            / max(int((g.norm(dim=1) > c).sum()), 1)
        ),
        "smoothly": lambda g, c: scaled(g, c / (c + g.norm(dim=1))),
    },
    "holm": {
        "above one": lambda p: stepped(p, down(p), limit=False),
        "of eight": lambda p: stepped(p, 8 - torch.arange(len(p))),
        "Hochberg": hochberg,
        "Sidak": sidak,
        "one less": lambda p: stepped(p, (down(p) - 1).clamp(min=1)),
        "largest first": lambda p: stepped(p, down(p).flip(0)),
        "each by its place": lambda p: (p * down(p)).clamp(max=1),
        "smallest for all": lambda p: (p.min() * len(p)).clamp(max=1).expand(len(p)),
        "ties are one": lambda p: stepped(
            p, torch.tensor([len((p >= x).nonzero()) for x in p.sort().values]), running=False
        ),
    },
    "against_control": {
        "three neutral words": lambda o, n: float((o - n[:3].mean(0)).mean()),
        "divided by five": lambda o, n: float((o - n.mean(0)).sum() / 5),
        "sum": lambda o, n: float((o - n.mean(0)).sum()),
        "median": lambda o, n: float((o - n.median(0).values).mean()),
        "each template": lambda o, n: o - n.mean(0),
        "odds": lambda o, n: float(o.exp().mean() / n.exp().mean()),
        "in its spread": lambda o, n: float((o - n.mean(0)).mean() / (1 + n.std(correction=0))),
        "sum of the neutral words": lambda o, n: float((o - n.sum(0)).mean()),
    },
}
RIGHT = {
    "exposure": {
        "sorted": lambda log_probs, secret: math.log2(
            len(log_probs)
            / (sorted(log_probs.tolist(), reverse=True).index(log_probs[secret].item()) + 1)
        ),
        "numpy": lambda lp, s: -np.log2(np.mean(lp.numpy() >= lp.numpy()[s])),
        "loop": lambda lp, s: math.log(len(lp), 2) - math.log(sum(x >= lp[s] for x in lp), 2),
        "argsort": lambda lp, s: math.log2(
            len(lp) / (lp.argsort(descending=True).tolist().index(s) + 1)
        ),
    },
    "clipped_mean": {
        "loop": clipped_by_loop,
        "where": lambda g, c: scaled(
            g, torch.where(g.norm(dim=1) > c, c / g.norm(dim=1), torch.ones(len(g)))
        ),
        "divided": lambda g, c: (g / (g.norm(dim=1, keepdim=True) / c).clamp(min=1)).mean(0),
        "renorm": lambda g, c: torch.renorm(g, p=2, dim=0, maxnorm=c).mean(0),
        "matrix": lambda g, c: (c / g.norm(dim=1)).clamp(max=1) @ g / len(g),
    },
    "holm": {
        "loop": lambda p: torch.tensor(holm_by_loop(p)),
        "numpy": lambda p: np.array(holm_by_loop(p)),
        "limit last": lambda p: stepped(p, down(p)),
        "single precision": lambda p: stepped(p.float(), down(p)),
        "list": (holm_by_loop, "found a list"),
    },
    "against_control": {
        "difference of means": lambda o, n: float(o.mean() - n.mean()),
        "loop": lambda odds, words: (
            sum(float(o) - sum(map(float, w)) / len(w) for o, w in zip(odds, words.T)) / len(odds)
        ),
        "numpy": lambda o, n: np.mean(o.numpy() - n.numpy().mean(axis=0)),
    },
}
