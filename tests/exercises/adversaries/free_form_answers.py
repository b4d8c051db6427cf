"""13 Free-form answers."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import torch

from coursekit.data import normalise


def share(answer, samples, agree):
    return sum(agree(normalise(s), normalise(answer)) for s in samples) / len(samples)


def shares(clusters):
    return [clusters.count(c) / len(clusters) for c in set(clusters)]


def entropy(p):
    return -sum(x * math.log(x) for x in p)


def brier(stated, correct, fill):
    filled = torch.tensor([fill(p) for p in stated])
    return float((filled - correct.float()).square().mean())


def mean_stated(stated):
    said = [p for p in stated if p is not None]
    return sum(said) / max(len(said), 1)


def ranked(scores, rank):
    return scores.sort().values[max(0, min(rank, len(scores)) - 1)].item()


WRONG = {
    "agreement_of_samples": {
        "lower case only": lambda a, ss: sum(s.lower() == a.lower() for s in ss) / len(ss),
        "stripped only": lambda a, ss: (
            sum(s.strip(" .!").lower() == a.lower() for s in ss) / len(ss)
        ),
        "contained": lambda a, ss: share(a, ss, lambda s, a: a in s),
        "begins alike": lambda a, ss: share(a, ss, lambda s, a: s.startswith(a)),
        "first letter": lambda a, ss: share(a, ss, lambda s, a: s[:1] == a[:1]),
        "of ten": lambda a, ss: sum(normalise(s) == normalise(a) for s in ss) / 10,
        "first sample": lambda a, ss: share(ss[0], ss, lambda s, a: a == s),
        "one with itself": lambda a, ss: share(a, [a, *ss], lambda s, a: a == s),
        "count": lambda a, ss: sum(normalise(s) == normalise(a) for s in ss),
        "answer as it is": lambda a, ss: sum(normalise(s) == a.lower() for s in ss) / len(ss),
    },
    "length_normalised_confidence": {
        "last token left out": lambda lp, text: math.exp(lp[: max(1, len(lp) - 1)].mean()),
        "divided by T - 1": lambda lp, text: math.exp(lp.sum() / max(len(lp) - 1, 1)),
        "weakest": lambda lp, text: math.exp(lp.min()),
        "root": lambda lp, text: math.exp(lp.sum() / len(lp) ** 0.5),
        "logarithm": lambda lp, text: lp.mean().item(),
        "two": lambda lp, text: 2 ** lp.mean().item(),
        "perplexity": lambda lp, text: math.exp(-lp.mean()),
        "median": lambda lp, text: math.exp(lp.median()),
    },
    "entropy_of_clusters": {
        "eight samples": lambda cs: entropy([cs.count(c) / 8 for c in set(cs)]),
        "three clusters": lambda cs: entropy([cs.count(c) / len(cs) for c in range(3) if c in cs]),
        "sign": lambda cs: -entropy(shares(cs)),
        "share of the largest": lambda cs: 1 - max(shares(cs)),
        "over all possible": lambda cs: entropy(shares(cs)) / math.log(max(len(set(cs)), 2)),
        "Gini": lambda cs: 1 - sum(p * p for p in shares(cs)),
        "counts": lambda cs: entropy([cs.count(c) for c in set(cs)]),
        "by sample": lambda cs: -sum(math.log(cs.count(c) / len(cs)) for c in set(cs)) / len(cs),
    },
    "unparsed_confidence": {
        "or": lambda s, y: brier(s, y, lambda p: p or 0.5),
        "mean of the others": lambda s, y: brier(
            s, y, lambda p: mean_stated(s) if p is None else p
        ),
        "counted as sure": lambda s, y: brier(s, y, lambda p: 1.0 if p is None else p),
        "of seven": lambda s, y: brier(s, y, lambda p: 0.5 if p is None else p) * len(s) / 7,
        "distance": lambda s, y: (
            sum(abs((0.5 if p is None else p) - float(c)) for p, c in zip(s, y)) / len(s)
        ),
        "always right": lambda s, y: brier(
            s, torch.ones(len(s)), lambda p: 0.5 if p is None else p
        ),
        "base rate": lambda s, y: brier(
            s, y, lambda p: float(y.double().mean()) if p is None else p
        ),
        "second and fifth": lambda s, y: brier(
            [0.5 if i in (1, 4) else p for i, p in enumerate(s)], y, lambda p: p or 0.0
        ),
    },
}
RIGHT = {
    "agreement_of_samples": {
        "count": lambda answer, samples: (
            [normalise(s) for s in samples].count(normalise(answer)) / len(samples)
        ),
        "numpy": lambda a, ss: np.mean([normalise(s) == normalise(a) for s in ss]),
        "torch": lambda a, ss: (
            torch.tensor([normalise(s) == normalise(a) for s in ss]).float().mean()
        ),
        "Counter": lambda a, ss: Counter(map(normalise, ss))[normalise(a)] / len(ss),
    },
    "length_normalised_confidence": {
        "product": lambda log_probs, text: float(log_probs.exp().prod()) ** (1 / len(log_probs)),
        "numpy": lambda lp, text: np.exp(lp.numpy().mean()),
        "loop": lambda lp, text: math.exp(sum(float(x) for x in lp) / len(lp)),
        "tensor": lambda lp, text: lp.float().mean().exp(),
    },
    "entropy_of_clusters": {
        "Counter": lambda clusters: entropy(n / len(clusters) for n in Counter(clusters).values()),
        "numpy": lambda cs: entropy(np.unique(cs, return_counts=True)[1] / len(cs)),
        "every sample": lambda cs: -sum(math.log(cs.count(c) / len(cs)) for c in cs) / len(cs),
        "difference": lambda cs: (
            math.log(len(cs)) - sum(math.log(cs.count(c)) for c in cs) / len(cs)
        ),
    },
    "unparsed_confidence": {
        "loop": lambda stated, correct: (
            sum(((0.5 if p is None else p) - int(y)) ** 2 for p, y in zip(stated, correct))
            / len(stated)
        ),
        "numpy": lambda s, y: np.square(
            np.where(np.equal(s, None), 0.5, np.array(s)).astype(float) - y.numpy()
        ).mean(),
        "nan": lambda s, y: (
            (torch.tensor([math.nan if p is None else p for p in s]).nan_to_num(0.5) - y.float())
            .square()
            .mean()
        ),
    },
}
