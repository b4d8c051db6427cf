"""11 Next-token calibration."""

from __future__ import annotations

import math

import numpy as np
import torch


def answers(logits, targets):
    confidence, top = logits.softmax(-1).max(-1)
    return confidence, top == targets


def answers_by_loop(logits, targets):
    confidence, correct = [], []
    for row, target in zip(logits.tolist(), targets.tolist()):
        weights = [math.exp(x) for x in row]
        confidence.append(max(weights) / sum(weights))
        correct.append(row.index(max(row)) == target)
    return torch.tensor(confidence), torch.tensor(correct)


def came(targets, like):
    return torch.nn.functional.one_hot(targets, like.shape[-1]).double()


def frequency(logits, targets, inside):
    probs = logits.softmax(-1)
    return float(came(targets, probs)[inside(probs)].mean())


def frequency_by_loop(logits, targets, low, high):
    met, there = 0, 0
    for row, target in zip(logits.softmax(-1).tolist(), targets.tolist()):
        for token, p in enumerate(row):
            if low < p <= high:
                met, there = met + 1, there + (token == target)
    return there / met


WRONG = {
    "confidence_and_correct": {
        "surer than one half": lambda x, y: (answers(x, y)[0], answers(x, y)[0] > 0.5),
        "log-probability": lambda x, y: (x.log_softmax(-1).max(-1).values, answers(x, y)[1]),
        "exchanged": lambda x, y: answers(x, y)[::-1],
        "among the best two": lambda x, y: (
            answers(x, y)[0],
            (x.topk(2).indices == y[:, None]).any(-1),
        ),
        "wrong": lambda x, y: (answers(x, y)[0], ~answers(x, y)[1]),
        "margin": lambda x, y: (
            (t := x.softmax(-1).topk(2).values)[:, 0] - t[:, 1],
            answers(x, y)[1],
        ),
        "guess": lambda x, y: (answers(x, y)[0], x.argmax(-1)),
        "shifted": lambda x, y: (answers(x, y)[0], x.argmax(-1) == y.roll(1)),
        "means": lambda x, y: tuple(v.double().mean() for v in answers(x, y)),
        "five tokens": lambda x, y: answers(x[:, :5], y),
        "softmax over everything": lambda x, y: (
            x.flatten().softmax(0).view_as(x).max(-1).values,
            answers(x, y)[1],
        ),
    },
    "perplexity": {
        "of twenty": lambda lp: (-lp.sum() / 20).exp(),
        "median": lambda lp: (-lp.median()).exp(),
        "one less": lambda lp: (-lp.sum() / max(len(lp) - 1, 1)).exp(),
        "loss": lambda lp: -lp.mean(),
        "inverse of the mean": lambda lp: 1 / lp.exp().mean(),
        "at least two": lambda lp: (-lp.mean()).exp().clamp(min=2),
        "bits": lambda lp: 2 ** (-lp.mean() / math.log(2) ** 2),
        "worst": lambda lp: (-lp.min()).exp(),
        "last": lambda lp: (-lp[-1]).exp(),
        "certain tokens left out": lambda lp: (-lp[lp < 0].mean()).nan_to_num(0.0).exp(),
    },
    "frequency_in_bin": {
        "lower end in": lambda x, y, a, b: frequency(x, y, lambda p: (p >= a) & (p <= b)),
        "upper end out": lambda x, y, a, b: frequency(x, y, lambda p: (p > a) & (p < b)),
        "fixed bin": lambda x, y, a, b: frequency(x, y, lambda p: (p > 0.05) & (p <= 0.3)),
        "above": lambda x, y, a, b: frequency(x, y, lambda p: p > a),
        "below": lambda x, y, a, b: frequency(x, y, lambda p: p <= b),
        "either": lambda x, y, a, b: frequency(x, y, lambda p: (p > a) | (p <= b)),
        "mean probability": lambda x, y, a, b: float(
            (p := x.softmax(-1))[(p > a) & (p <= b)].mean()
        ),
        "count": lambda x, y, a, b: float(came(y, p := x.softmax(-1))[(p > a) & (p <= b)].sum()),
        "eight tokens": lambda x, y, a, b: (
            frequency(x, y, lambda p: (p > a) & (p <= b)) * (8 / x.shape[-1])
        ),
        "over positions": lambda x, y, a, b: float(
            came(y, p := x.softmax(0))[(p > a) & (p <= b)].mean()
        ),
    },
}
RIGHT = {
    "confidence_and_correct": {
        "loop": answers_by_loop,
        "numpy": lambda x, y: tuple(v.numpy() for v in answers(x, y)),
        "numbers for truth": lambda x, y: [answers(x, y)[0], answers(x, y)[1].long()],
        "gather": lambda logits, targets: (
            logits.softmax(-1).gather(-1, logits.argmax(-1, keepdim=True))[:, 0],
            logits.argmax(-1).eq(targets).double(),
        ),
    },
    "perplexity": {
        "product": lambda lp: math.prod(math.exp(-float(x)) ** (1 / len(lp)) for x in lp),
        "numpy": lambda log_prob: np.exp(-np.mean(log_prob.numpy())),
        "base two": lambda lp: 2 ** float(-lp.mean() / math.log(2)),
    },
    "frequency_in_bin": {
        "loop": frequency_by_loop,
        "tensor": lambda x, y, low, high: (
            (
                ((p := x.softmax(1)).gather(1, y[:, None]) > low)
                & (p.gather(1, y[:, None]) <= high)
            ).sum()
            / ((p > low) & (p <= high)).sum()
        ),
        "numpy": lambda x, y, a, b: (
            came(y, p := x.softmax(-1)).numpy()[((p > a) & (p <= b)).numpy()].mean()
        ),
        "single precision": lambda x, y, a, b: frequency(
            x.float(), y, lambda p: (p > a) & (p <= b)
        ),
    },
}
