"""06 Generation."""

from __future__ import annotations

import heapq
import math

import numpy as np
import torch


def nucleus(probs, p, keep=None):
    values, ids = probs.sort(descending=True)
    kept = values.cumsum(0) - values < p if keep is None else keep(values, p)
    law = torch.zeros_like(probs)
    law[ids[kept]] = values[kept]
    return law / law.sum()


def nucleus_by_heap(probs, p):
    law, total = [0.0] * len(probs), 0.0
    for value, i in heapq.nlargest(len(probs), [(float(x), i) for i, x in enumerate(probs)]):
        if total >= p:
            break
        law[i], total = value, total + value
    return torch.tensor([x / total for x in law])


def weakened(logits, ids, penalty):
    where = torch.tensor(sorted(set(ids)), dtype=torch.int64)
    some = logits[where]
    return logits.index_copy(0, where, torch.where(some < 0, some * penalty, some / penalty))


def ranked(totals, log_probs):
    pairs = [(r, w) for r in range(len(totals)) for w in range(log_probs.shape[1])]
    return sorted(pairs, key=lambda rw: float(totals[rw[0]] + log_probs[rw]), reverse=True)


def beams(totals, log_probs):
    return [list(rw) for rw in ranked(totals, log_probs)[: len(totals)]]


def missed(p, q):
    return [max(0.0, a - b) for a, b in zip(p, q)]


def hit(weights, dart):
    ends = np.cumsum(weights)
    return int(np.searchsorted(ends, dart * ends[-1], side="right"))


def kept(p, q, w, u):
    return u * q[w] < p[w]


WRONG = {
    "most_new_tokens": {
        "first prompt": lambda ps, n: n - len(ps[0]),
        "last prompt": lambda ps, n: n - len(ps[-1]),
        "mean length": lambda ps, n: n - sum(map(len, ps)) // len(ps),
        "distinct tokens": lambda ps, n: n - max(len(set(p)) for p in ps),
        "noughts are padding": lambda ps, n: n - max(sum(t != 0 for t in p) for p in ps),
        "largest prompt": lambda ps, n: n - len(max(ps)),
        "one for the end": lambda ps, n: n - max(map(len, ps)) - 1,
        "at least one": lambda ps, n: max(1, n - max(map(len, ps))),
        "number of prompts": lambda ps, n: n - len(ps),
        "largest id": lambda ps, n: n - max(map(max, ps)),
    },
    "tempered_probs": {
        "power not shared": lambda x, t: x.softmax(-1) ** (1 / t),
        "temperature forgotten": lambda x, t: x.softmax(-1),
        "squared": lambda x, t: (x / t**2).softmax(-1),
        "logarithms": lambda x, t: (x / t).log_softmax(-1),
        "not below one half": lambda x, t: (x / max(t, 0.5)).softmax(-1),
        "not above one": lambda x, t: (x / min(t, 1.0)).softmax(-1),
        "over everything": lambda x, t: (x / t).flatten().softmax(0).view_as(x),
        "added": lambda x, t: (x + t).softmax(-1),
        "softmax twice": lambda x, t: (x.softmax(-1) / t).softmax(-1),
        "positive logits": lambda x, t: (x.clamp(min=0) / t).softmax(-1),
    },
    "top_p_probs": {
        "one too many at the border": lambda q, p: nucleus(q, p, lambda v, p: v.cumsum(0) - v <= p),
        "min-p": lambda q, p: (k := q * (q >= p * q.max())) / k.sum(),
        "softmax": lambda q, p: (nucleus(q, p).log()).exp().softmax(-1),
        "three words": lambda q, p: nucleus(q, p, lambda v, p: torch.arange(len(v)) < 3),
        "share of the words": lambda q, p: nucleus(
            q, p, lambda v, p: torch.arange(len(v)) < p * len(v)
        ),
        "sorted": lambda q, p: nucleus(q, p).sort(descending=True).values,
        "even": lambda q, p: (k := (nucleus(q, p) > 0).double()) / k.sum(),
        "in the old order": lambda q, p: (k := q * (q.cumsum(0) - q < p)) / k.sum(),
        "at least two": lambda q, p: nucleus(
            q, p, lambda v, p: (v.cumsum(0) - v < p) | (torch.arange(len(v)) < 2)
        ),
        "never all": lambda q, p: nucleus(q, min(p, 0.9)),
        "least probable first": lambda q, p: (k := q * (q <= q.median())) / k.sum(),
    },
    "min_p_probs": {
        "strictly above": lambda q, p: (k := q * (q > p * q.max())) / k.sum(),
        "softmax": lambda q, p: q.masked_fill(q < p * q.max(), -math.inf).softmax(0),
        "share of the smallest": lambda q, p: (k := q * (q * p >= q.min())) / k.sum(),
        "distance from the best": lambda q, p: (k := q * (q >= q.max() - p)) / k.sum(),
        "one minus p": lambda q, p: (k := q * (q >= (1 - p) * q.max())) / k.sum(),
        "even": lambda q, p: (k := (q >= p * q.max()).double()) / k.sum(),
        "of the mean": lambda q, p: (k := q * (q >= p * q.mean())) / k.sum(),
        "at least two": lambda q, p: (
            (k := q * (q >= torch.minimum(p * q.max(), q.sort().values[-2]))) / k.sum()
        ),
    },
    "penalised": {
        "subtracted": lambda z, ids, t: torch.stack(
            [x - t if i in ids else x for i, x in enumerate(z)]
        ),
        "upside down": lambda z, ids, t: torch.stack(
            [(x * t if x > 0 else x / t) if i in ids else x for i, x in enumerate(z)]
        ),
        "absolute": lambda z, ids, t: torch.stack(
            [abs(x) / t if i in ids else x for i, x in enumerate(z)]
        ),
        "last word only": lambda z, ids, t: weakened(z, ids[-1:], t),
        "first word only": lambda z, ids, t: weakened(z, ids[:1], t),
        "new words": lambda z, ids, t: weakened(z, [i for i in range(len(z)) if i not in ids], t),
        "squared": lambda z, ids, t: weakened(z, ids, t * t),
        "nothing": lambda z, ids, t: z,
        "forbidden": lambda z, ids, t: torch.stack(
            [torch.full_like(x, -1e9) if i in ids else x for i, x in enumerate(z)]
        ),
        "positive ones alone": lambda z, ids, t: torch.stack(
            [x / t if i in ids and x > 0 else x for i, x in enumerate(z)]
        ),
        "border above zero": lambda z, ids, t: torch.stack(
            [(x / t if x > 0.4 else x * t) if i in ids else x for i, x in enumerate(z)]
        ),
        "border below zero": lambda z, ids, t: torch.stack(
            [(x / t if x > -0.3 else x * t) if i in ids else x for i, x in enumerate(z)]
        ),
    },
    "beam_step": {
        "word before row": lambda s, x: [[w, r] for r, w in beams(s, x)],
        "worst first": lambda s, x: beams(s, x)[::-1],
        "best text only": lambda s, x: [
            [int(s.argmax()), w] for w in x[s.argmax()].topk(len(s)).indices.tolist()
        ],
        "divided by K": lambda s, x: [
            list(divmod(i, len(s)))
            for i in (s[:, None] + x).flatten().topk(len(s)).indices.tolist()
        ],
        "five words": lambda s, x: [
            list(divmod(i, 5)) for i in (s[:, None] + x).flatten().topk(len(s)).indices.tolist()
        ],
        "three texts": lambda s, x: [list(rw) for rw in ranked(s, x)[:3]],
        "totals as a row": lambda s, x: beams(s, x * 0 + x.sum() + s[:, None]),
        "half of the past": lambda s, x: beams(s / 2, x),
        "index": lambda s, x: (s[:, None] + x).flatten().topk(len(s)).indices.tolist(),
        "lowest": lambda s, x: [list(rw) for rw in ranked(s, x)[::-1][: len(s)]],
    },
    "expected_surprise": {
        "bits": lambda b, t: -(b * t.log2()).sum(-1).mean(),
        "divergence": lambda b, t: (b * (b / t).log()).sum(-1).mean(),
        "of three": lambda b, t: -(b * t.log()).sum() / 3,
        "best word": lambda b, t: -t.log().gather(-1, b.argmax(-1, keepdim=True)).mean(),
        "sign": lambda b, t: (b * t.log()).sum(-1).mean(),
        "entropy of the truth": lambda b, t: -(t * t.log()).sum(-1).mean(),
        "logarithm of the mean": lambda b, t: -(b * t).sum(-1).mean().log(),
        "mean over words": lambda b, t: -(b * t.log()).mean(),
        "worst position": lambda b, t: -(b * t.log()).sum(-1).min(),
        "logarithm last": lambda b, t: -(b * t).sum(-1).log().mean(),
        "four words": lambda b, t: -(b * t.log()).mean() * 4,
    },
    "checked": {
        "always kept": lambda p, q, w, u, d: w,
        "never kept": lambda p, q, w, u, d: hit(missed(p, q), d),
        "kept if likelier": lambda p, q, w, u, d: w if p[w] >= q[w] else hit(missed(p, q), d),
        "kept above": lambda p, q, w, u, d: w if u * q[w] > p[w] else hit(missed(p, q), d),
        "the likeliest instead": lambda p, q, w, u, d: w if kept(p, q, w, u) else int(np.argmax(p)),
        "the most missed instead": lambda p, q, w, u, d: (
            w if kept(p, q, w, u) else int(np.argmax(missed(p, q)))
        ),
        "upside down": lambda p, q, w, u, d: w if u * p[w] < q[w] else hit(missed(p, q), d),
        "distance instead": lambda p, q, w, u, d: (
            w if kept(p, q, w, u) else hit([abs(a - b) for a, b in zip(p, q)], d)
        ),
        "p without the word": lambda p, q, w, u, d: (
            w if kept(p, q, w, u) else hit([0 if i == w else x for i, x in enumerate(p)], d)
        ),
        "missed over q": lambda p, q, w, u, d: (
            w if kept(p, q, w, u) else hit([x / (b + 1e-9) for x, b in zip(missed(p, q), q)], d)
        ),
        "one dart for both": lambda p, q, w, u, d: w if kept(p, q, w, u) else hit(missed(p, q), u),
    },
}
RIGHT = {
    "most_new_tokens": {
        "loop": lambda texts, limit: min(limit - len(text) for text in texts),
        "numpy": lambda ps, n: n - np.max([len(p) for p in ps]),
        "tensor": lambda ps, n: torch.tensor(n) - max(len(p) for p in ps),
        "sorted": lambda ps, n: n - len(sorted(ps, key=len)[-1]),
    },
    "tempered_probs": {
        "power": lambda x, t: (k := x.softmax(-1) ** (1 / t)) / k.sum(-1, keepdim=True),
        "exponentials": lambda x, t: (k := (x / t).exp()) / k.sum(1, keepdim=True),
        "numpy": lambda x, t: (k := np.exp(x.numpy() / t)) / k.sum(1, keepdims=True),
        "loop": lambda logits, temperature: torch.stack(
            [torch.softmax(row / temperature, 0) for row in logits]
        ),
        "lists": (lambda x, t: (x / t).softmax(-1).tolist(), "found a list"),
    },
    "top_p_probs": {
        "heap": nucleus_by_heap,
        "numpy": lambda q, p: nucleus(q, p).numpy(),
        "mask": lambda q, p: (
            (k := torch.stack([x if q[q > x].sum() < p else x * 0 for x in q])) / k.sum()
        ),
        "logits": lambda q, p: q.log().masked_fill(nucleus(q, p) == 0, -math.inf).softmax(0),
        "list": (lambda q, p: nucleus_by_heap(q, p).tolist(), "found a list"),
    },
    "min_p_probs": {
        "loop": lambda q, p: (
            torch.tensor([float(x) if x >= p * max(q) else 0.0 for x in q])
            / sum(float(x) for x in q if x >= p * max(q))
        ),
        "numpy": lambda q, p: (
            (k := np.where(q.numpy() >= p * q.numpy().max(), q.numpy(), 0)) / k.sum()
        ),
        "logits": lambda q, p: q.log().masked_fill(q < p * q.max(), -math.inf).softmax(0),
        "multiplied": lambda q, p: (k := q * (q >= p * q.amax())) / k.sum(),
    },
    "penalised": {
        "loop": lambda z, ids, t: torch.stack(
            [(x / t if x > 0 else x * t) if i in ids else x for i, x in enumerate(z)]
        ),
        "minimum": lambda z, ids, t: torch.where(
            torch.isin(torch.arange(len(z)), torch.tensor(ids)), torch.minimum(z / t, z * t), z
        ),
        "numpy": lambda z, ids, t: np.where(
            np.isin(np.arange(len(z)), ids), np.where(z > 0, z / t, z * t), z
        ),
        "index": lambda z, ids, t: weakened(z, ids, t),
    },
    "beam_step": {
        "sorted": beams,
        "tuples": lambda s, x: tuple(ranked(s, x)[: len(s)]),
        "numpy": lambda s, x: np.array(beams(s, x)),
        "tensor": lambda s, x: torch.stack(
            torch.unravel_index((s[:, None] + x).flatten().topk(len(s)).indices, x.shape), 1
        ),
        "argsort": lambda totals, last: [
            [i // last.shape[1], i % last.shape[1]]
            for i in (totals.unsqueeze(1) + last).view(-1).argsort(descending=True)[: len(totals)]
        ],
    },
    "expected_surprise": {
        "loop": lambda rule, true: (
            -sum(float(a) * math.log(b) for x, y in zip(rule, true) for a, b in zip(x, y))
            / len(rule)
        ),
        "numpy": lambda b, t: -np.sum(b.numpy() * np.log(t.numpy())) / len(b),
        "cross-entropy": lambda b, t: torch.nn.functional.cross_entropy(t.log(), b),
        "positions first": lambda b, t: -(b * t.log()).mean(0).sum().item(),
    },
    "checked": {
        "numpy": lambda p, q, w, u, d: (
            w if u < p[w] / q[w] else hit(np.clip(np.array(p) - np.array(q), 0, None), d)
        ),
        "minimum": lambda p, q, w, u, d: (
            w if u < min(1, p[w] / q[w]) else hit([a - min(a, b) for a, b in zip(p, q)], d)
        ),
        "torch": lambda p, q, w, u, d: (
            w
            if kept(p, q, w, u)
            else int(
                torch.searchsorted(
                    torch.tensor(missed(p, q)).double().cumsum(0),
                    torch.tensor(d * sum(missed(p, q))).double(),
                    right=True,
                )
            )
        ),
    },
}
