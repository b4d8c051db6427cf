"""Wrong and right answers to the exercises of notebook 18."""

from __future__ import annotations

import numpy as np
import torch


def by_autograd(probs, rewards):
    logits = probs.log().requires_grad_()
    (logits.softmax(0) * rewards).sum().backward()
    return logits.grad


def by_jacobian(probs, rewards):
    return (torch.diag(probs) - torch.outer(probs, probs)) @ rewards


def expected(p, yes, no):
    return p * yes + (1 - p) * no


WRONG = {
    "policy_gradient": {
        "expected reward": lambda p, r: (p * r).sum(),
        "squared probabilities": lambda p, r: p**2 * (r - (p * r).sum()),
        "variance": lambda p, r: p * (1 - p) * r,
        "best only": lambda p, r: p * (r - r.max()),
        "of the log": lambda p, r: (r - (p * r).sum()) / p,
        "normalised": lambda p, r: p * (r - (p * r).sum()) / p.max(),
        "no baseline in the last": lambda p, r: p * torch.cat([(r - (p * r).sum())[:-1], r[-1:]]),
        "sign of the advantage": lambda p, r: p * (r - (p * r).sum()).sign(),
    },
    "best_confidence": {
        "p": lambda p, levels, yes, no: p,
        "place": lambda p, levels, yes, no: int(expected(p, yes, no).argmax()),
        "worst": lambda p, levels, yes, no: float(levels[expected(p, yes, no).argmin()]),
        "turned over": lambda p, levels, yes, no: float(levels[expected(1 - p, yes, no).argmax()]),
        "middle": lambda p, levels, yes, no: float(levels.median()),
        "as if wrong": lambda p, levels, yes, no: float(levels[no.argmax()]),
        "most": lambda p, levels, yes, no: float(levels.max() if p > 0.5 else levels.min()),
        "next level": lambda p, levels, yes, no: float(levels[levels <= p].max()),
    },
    "leashed_policy": {
        "mixture": lambda q, r, b: (b * q + r.softmax(0)) / (1 + b),
        "minus": lambda q, r, b: (q.log() - r / b).softmax(0),
        "beta on both": lambda q, r, b: ((q.log() + r) / b).softmax(0),
        "beta on the reference": lambda q, r, b: (q.log() / b + r).softmax(0),
        "linear": lambda q, r, b: q * (1 + r / b) / (q * (1 + r / b)).sum(),
        "best only": lambda q, r, b: torch.nn.functional.one_hot(r.argmax(), len(r)).double(),
        "reference": lambda q, r, b: q,
        "base two": lambda q, r, b: q * 2 ** (r / b) / (q * 2 ** (r / b)).sum(),
    },
}
RIGHT = {
    "policy_gradient": {
        "autograd": by_autograd,
        "jacobian": by_jacobian,
        "numpy": lambda p, r: p.numpy() * (r.numpy() - p.numpy() @ r.numpy()),
        "covariance": lambda p, r: p * r - p * (p @ r),
    },
    "best_confidence": {
        "loop": lambda p, levels, yes, no: max(
            zip(levels.tolist(), yes.tolist(), no.tolist(), strict=True),
            key=lambda row: p * row[1] + (1 - p) * row[2],
        )[0],
        "numpy": lambda p, levels, yes, no: levels.numpy()[
            np.argmax(p * yes.numpy() + (1 - p) * no.numpy())
        ],
        "stacked": lambda p, levels, yes, no: levels[
            (torch.tensor([p, 1 - p]).double() @ torch.stack([yes, no]).double()).argmax()
        ],
    },
    "leashed_policy": {
        "quotient": lambda q, r, b: q * torch.exp(r / b) / (q * torch.exp(r / b)).sum(),
        "numpy": lambda q, r, b: (
            (w := q.numpy() * np.exp((r.numpy() - r.numpy().max()) / b)) / w.sum()
        ),
        "logsumexp": lambda q, r, b: (q.log() + r / b - torch.logsumexp(q.log() + r / b, 0)).exp(),
    },
}
