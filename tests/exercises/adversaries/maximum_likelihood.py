"""05 Maximum likelihood."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import torch
import torch.nn.functional as F


def picked(logits, ids):
    return logits.log_softmax(-1)[:, :-1].gather(-1, ids[:, 1:, None])[..., 0]


def loss_by_loop(logits, ids):
    nats = []
    for rows, words in zip(logits, ids):
        for row, word in zip(rows, words[1:]):
            nats.append(-math.log(math.exp(row[word]) / sum(math.exp(x) for x in row)))
    return sum(nats) / len(nats)


def counted(words, v):
    table = torch.zeros(v, v)
    for a, b in zip(words[:-1], words[1:]):
        table[a, b] += 1
    return table


def bigram_by_counter(words, v):
    words = words.tolist()
    pairs, before = Counter(zip(words, words[1:])), Counter(words[:-1])
    return np.array([[pairs[a, b] / before[a] for b in range(v)] for a in range(v)])


def kl(p, q):
    return (p * (p / q).log()).sum(-1)


def updated(belief, move, speak, word):
    joint = belief @ move * speak[:, word]
    return joint / joint.sum()


def updated_by_loops(belief, move, speak, word):
    states = range(len(belief))
    joint = [
        sum(float(belief[i] * move[i, j]) for i in states) * float(speak[j, word]) for j in states
    ]
    return torch.tensor([x / sum(joint) for x in joint])


def residual(x, w):
    return x.softmax(-1) - F.one_hot(w, x.shape[-1])


def by_autograd(x, w):
    z = x.clone().requires_grad_(True)
    F.cross_entropy(z, w).backward()
    return z.grad


def place_by_place(x, w):
    rows = []
    for row, word in zip(x.tolist(), w.tolist()):
        total = sum(math.exp(z) for z in row)
        rows.append([(math.exp(z) / total - (k == word)) / len(w) for k, z in enumerate(row)])
    return torch.tensor(rows)


def by_differences(x, w, step=1e-5):
    x = x.double()
    slopes = torch.zeros_like(x)
    for i in range(len(x)):
        for k in range(x.shape[1]):
            ahead, behind = x.clone(), x.clone()
            ahead[i, k] += step
            behind[i, k] -= step
            slopes[i, k] = (F.cross_entropy(ahead, w) - F.cross_entropy(behind, w)) / (2 * step)
    return slopes


WRONG = {
    "loss_of_a_text": {
        "backwards": lambda x, i: F.cross_entropy(x[:, 1:].flatten(0, 1), i[:, :-1].flatten()),
        "across the border": lambda x, i: F.cross_entropy(x.flatten(0, 1)[:-1], i.flatten()[1:]),
        "bits": lambda x, i: -picked(x, i).mean() / math.log(2),
        "last word": lambda x, i: -picked(x, i)[:, -1].mean(),
        "first text": lambda x, i: -picked(x, i)[0].mean(),
        "sum of a text": lambda x, i: -picked(x, i).sum(1).mean(),
        "of five": lambda x, i: -picked(x, i).sum() / (len(i) * 5),
        "perplexity": lambda x, i: (-picked(x, i).mean()).exp(),
        "logits": lambda x, i: -x[:, :-1].gather(-1, i[:, 1:, None]).mean(),
        "wrong share": lambda x, i: (x[:, :-1].argmax(-1) != i[:, 1:]).double().mean(),
        "softmax twice": lambda x, i: -picked(x.softmax(-1), i).mean(),
        "over the words": lambda x, i: -x.log_softmax(1)[:, :-1].gather(-1, i[:, 1:, None]).mean(),
        "three texts": lambda x, i: -picked(x, i).sum() / (3 * (i.shape[1] - 1)),
    },
    "bigram_by_counting": {
        "all words": lambda w, v: counted(w, v) / w.bincount(minlength=v)[:, None],
        "round the corner": lambda w, v: (
            counted(torch.cat([w, w[:1]]), v)
            / counted(torch.cat([w, w[:1]]), v).sum(1, keepdim=True)
        ),
        "four words": lambda w, v: counted(w, 4) / counted(w, 4).sum(1, keepdim=True),
        "turned": lambda w, v: (counted(w, v) / counted(w, v).sum(1, keepdim=True)).T,
        "word alone": lambda w, v: (w[1:].bincount(minlength=v) / (len(w) - 1)).expand(v, v),
        "seen or not": lambda w, v: (counted(w, v) > 0) / (counted(w, v) > 0).sum(1, keepdim=True),
        "softmax": lambda w, v: counted(w, v).softmax(-1),
        "both directions": lambda w, v: (
            (counted(w, v) + counted(w, v).T)
            / (counted(w, v) + counted(w, v).T).sum(1, keepdim=True)
        ),
        "every second pair": lambda w, v: (
            (t := counted(w, v) * 0).index_put_((w[:-1:2], w[1::2]), torch.tensor(1.0), True)
            / t.sum(1, keepdim=True)
        ),
        "a word is not itself": lambda w, v: (
            (t := counted(w, v) * (1 - torch.eye(v))) / t.sum(1, keepdim=True)
        ),
    },
    "gradient_of_the_loss": {
        "over all numbers": lambda x, w: residual(x, w) / x.numel(),
        "of six": lambda x, w: residual(x, w) / 6,
        "softmax over places": lambda x, w: (x.softmax(0) - F.one_hot(w, x.shape[-1])) / len(w),
        "logits": lambda x, w: (x - F.one_hot(w, x.shape[-1])) / len(w),
        "mean over places": lambda x, w: residual(x, w).mean(0).expand(x.shape),
        "stated alone": lambda x, w: x.softmax(-1) / len(w),
        "size alone": lambda x, w: residual(x, w).abs() / len(w),
        "best guess": lambda x, w: residual(x, x.argmax(-1)) / len(w),
    },
    "kl_from_the_truth": {
        "sum": lambda p, q: kl(p, q).sum(),
        "of three": lambda p, q: kl(p, q).sum() / 3,
        "distances": lambda p, q: (p * (p / q).log()).abs().sum(-1).mean(),
        "worst row": lambda p, q: kl(p, q).max(),
        "symmetric": lambda p, q: (kl(p, q) + kl(q, p)).mean() / 2,
        "means first": lambda p, q: kl(p.mean(0), q.mean(0)),
        "half distance": lambda p, q: (p - q).abs().sum(-1).mean() / 2,
        "squared": lambda p, q: (p - q).square().sum(-1).mean(),
        "entropy": lambda p, q: -(p * p.log()).sum(-1).mean(),
        "never less than a hundredth": lambda p, q: kl(p, q).clamp(min=0.01).mean(),
    },
    "belief_update": {
        "row of the word": lambda b, m, s, w: (
            (j := b @ m * s[min(w, len(s) - 1)][: len(b)]) / j.sum()
        ),
        "softmax": lambda b, m, s, w: (b @ m * s[:, w]).softmax(0),
        "best state": lambda b, m, s, w: F.one_hot(updated(b, m, s, w).argmax(), len(b)) * 1.0,
        "no belief": lambda b, m, s, w: (j := m.mean(0) * s[:, w]) / j.sum(),
        "word only": lambda b, m, s, w: s[:, w] / s[:, w].sum(),
        "averaged": lambda b, m, s, w: (b @ m + s[:, w] / s[:, w].sum()) / 2,
        "square root": lambda b, m, s, w: (j := (b @ m * s[:, w]).sqrt()) / j.sum(),
        "never nought": lambda b, m, s, w: (j := (b @ m * s[:, w]).clamp(min=0.01)) / j.sum(),
        "two days": lambda b, m, s, w: updated(b @ m, m, s, w),
        "first word": lambda b, m, s, w: updated(b, m, s, 0),
    },
}
RIGHT = {
    "loss_of_a_text": {
        "cross-entropy": lambda x, i: F.cross_entropy(x[:, :-1].flatten(0, 1), i[:, 1:].flatten()),
        "loop": loss_by_loop,
        "numpy": lambda x, i: (
            -np.mean(
                np.take_along_axis(
                    x.log_softmax(-1).numpy()[:, :-1], i.numpy()[:, 1:, None], axis=-1
                )
            )
        ),
        "softmax": lambda logits, words: (
            -logits.softmax(2)[:, :-1].gather(2, words[:, 1:, None]).log().mean().item()
        ),
    },
    "bigram_by_counting": {
        "counter": bigram_by_counter,
        "loop": lambda w, v: counted(w, v) / counted(w, v).sum(1, keepdim=True),
        "one-hot": lambda words, size: (
            (t := F.one_hot(words[:-1], size).double().T @ F.one_hot(words[1:], size).double())
            / t.sum(1, keepdim=True)
        ),
        "lists": (lambda w, v: bigram_by_counter(w, v).tolist(), "found a list"),
    },
    "gradient_of_the_loss": {
        "by hand": lambda x, w: residual(x, w) / len(w),
        "autograd": by_autograd,
        "place by place": place_by_place,
        "differences": by_differences,
    },
    "kl_from_the_truth": {
        "loop": lambda p, q: (
            sum(float(a) * math.log(a / b) for x, y in zip(p, q) for a, b in zip(x, y)) / len(p)
        ),
        "numpy": lambda p, q: np.sum(p.numpy() * np.log(p.numpy() / q.numpy()), axis=1).mean(),
        "PyTorch's": lambda p, q: F.kl_div(q.log(), p, reduction="batchmean"),
        "cross-entropy less entropy": lambda p, q: (p * p.log() - p * q.log()).sum(1).mean(),
    },
    "belief_update": {
        "loops": updated_by_loops,
        "numpy": lambda b, m, s, w: (j := (b.numpy() @ m.numpy()) * s.numpy()[:, w]) / np.sum(j),
        "other letters": lambda old, walk, talk, heard: updated(old, walk, talk, heard).float(),
        "list": (lambda *a: updated_by_loops(*a).tolist(), "found a list"),
    },
}
