"""14 Applications."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import torch
import torch.nn.functional as F


def gaps(confidence, correct, task, tasks=range(3)):
    return [float((confidence - correct.double())[task == k].mean()) for k in tasks]


def nll(scores, labels, own):
    return float(F.cross_entropy(scores / own.unsqueeze(-1), labels))


def f1(shared, written, true):
    return 2 * shared / (len(written.split()) + len(true.split()))


def shared_by_loop(written, true):
    left, shared = true.split(), 0
    for word in written.split():
        if word in left:
            left.remove(word)
            shared += 1
    return shared


def f1_from_quotients(written, true):
    shared = (Counter(written.split()) & Counter(true.split())).total()
    precision, recall = shared / len(written.split()), shared / len(true.split())
    return 2 * precision * recall / (precision + recall)


def longest_common(a, b):
    row = [0] * (len(b) + 1)
    for x in a:
        before = 0
        for j, y in enumerate(b):
            before, row[j + 1] = row[j + 1], before + 1 if x == y else max(row[j], row[j + 1])
    return row[-1]


WRONG = {
    "gap_by_task": {
        "of forty": lambda c, y, t: [float((c - y.double())[t == k].sum() / 40) for k in range(3)],
        "third of all": lambda c, y, t: [3 * g for g in [float((c - y.double()).mean())] * 3],
        "median": lambda c, y, t: [
            float(c[t == k].median() - y[t == k].double().mean()) for k in range(3)
        ],
        "squared": lambda c, y, t: [g**2 for g in gaps(c, y, t)],
        "distances": lambda c, y, t: [abs(g) for g in gaps(c, y, t)],
        "most frequent first": lambda c, y, t: gaps(c, y, t, t.bincount().argsort().flip(0)),
        "as they come": lambda c, y, t: gaps(c, y, t, dict.fromkeys(t.tolist())),
        "sums": lambda c, y, t: [float((c - y.double())[t == k].sum()) for k in range(3)],
        "accuracy of all": lambda c, y, t: [
            float(c[t == k].mean() - y.double().mean()) for k in range(3)
        ],
    },
    "nll_with_own_temperature": {
        "two tasks": lambda s, y, t, temps: nll(s, y, temps[t.clamp(max=1)]),
        "sum": lambda s, y, t, temps: nll(s, y, temps[t]) * len(y),
        "temperature of the label": lambda s, y, t, temps: nll(s, y, temps[y % len(temps)]),
        "temperature one": lambda s, y, t, temps: nll(s, y, torch.ones(len(t))),
        "squared": lambda s, y, t, temps: nll(s, y, temps[t] ** 2),
        "bits": lambda s, y, t, temps: nll(s, y, temps[t]) / math.log(2),
        "other way round": lambda s, y, t, temps: nll(s, y, temps.flip(0)[t]),
        "sign": lambda s, y, t, temps: -nll(s, y, temps[t]),
    },
    "overlap": {
        "product of counts": lambda w, t: f1(
            sum(n * Counter(t.split())[x] for x, n in Counter(w.split()).items()), w, t
        ),
        "one of each": lambda w, t: f1(len(set(w.split()) & set(t.split())), w, t),
        "letters": lambda w, t: 2 * (Counter(w) & Counter(t)).total() / (len(w) + len(t)),
        "no overlap divided": f1_from_quotients,
        "larger line": lambda w, t: shared_by_loop(w, t) / max(len(w.split()), len(t.split())),
        "union": lambda w, t: (
            shared_by_loop(w, t) / (Counter(w.split()) | Counter(t.split())).total()
        ),
        "pieces of the line": lambda w, t: f1(sum(x in t for x in w.split()), w, t),
        "in order": lambda w, t: f1(longest_common(w.split(), t.split()), w, t),
        "same place": lambda w, t: f1(sum(a == b for a, b in zip(w.split(), t.split())), w, t),
        "forgets the case": lambda w, t: f1(shared_by_loop(w.lower(), t.lower()), w, t),
    },
}
RIGHT = {
    "gap_by_task": {
        "two means": lambda confidence, correct, task: [
            confidence[task == k].mean() - correct[task == k].float().mean() for k in range(3)
        ],
        "numpy": lambda c, y, t: [(c.numpy() - y.numpy())[t.numpy() == k].mean() for k in range(3)],
        "tensor": lambda c, y, t: torch.tensor(gaps(c, y, t)),
        "bincount": lambda c, y, t: tuple(
            np.bincount(t, c - y.double(), minlength=3) / np.bincount(t, minlength=3)
        ),
    },
    "nll_with_own_temperature": {
        "loop": lambda scores, labels, task, temperatures: (
            -sum(
                float((s / temperatures[k]).log_softmax(0)[y])
                for s, y, k in zip(scores, labels, task)
            )
            / len(labels)
        ),
        "by task, weighted": lambda s, y, t, temps: (
            sum(
                float(F.cross_entropy(s[t == k] / temps[k], y[t == k], reduction="sum"))
                for k in t.unique()
            )
            / len(y)
        ),
        "numpy": lambda s, y, t, temps: np.mean(
            [
                np.log(np.exp(row).sum()) - row[label]
                for row, label in zip(s.numpy() / temps.numpy()[t.numpy()][:, None], y)
            ]
        ),
        "softmax": lambda s, y, t, temps: (
            -(s / temps[t][:, None]).softmax(1)[torch.arange(len(y)), y].log().mean()
        ),
    },
    "overlap": {
        "loop": lambda mine, theirs: f1(shared_by_loop(mine, theirs), mine, theirs),
        "count": lambda w, t: f1(
            sum(min(w.split().count(x), t.split().count(x)) for x in set(w.split())), w, t
        ),
        "numpy": lambda w, t: np.float32(f1(shared_by_loop(t, w), w, t)),
        "harmonic": lambda w, t: f1_from_quotients(w, t) if set(w.split()) & set(t.split()) else 0,
    },
}
