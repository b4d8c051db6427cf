"""12 Multiple choice."""

from __future__ import annotations

import math

import numpy as np
import torch


def normalised(p):
    return p / p.sum(-1, keepdim=True)


def np_softmax(x):
    x = np.exp(np.asarray(x) - np.max(x, axis=-1, keepdims=True))
    return x / x.sum(-1, keepdims=True)


def totals(tokens):
    return torch.stack([part.sum() for part in tokens])


def parts(table, of_prompts=None, of_questions=None):
    """Variances of prompts, questions and rest, with other means in place of the usual ones."""
    n, m = table.shape
    rows = table.mean(1) if of_prompts is None else of_prompts
    columns = table.mean(0) if of_questions is None else of_questions
    rest = table - rows[:, None] - columns + table.mean()
    left = rest.square().sum() / ((n - 1) * (m - 1))
    return torch.stack([rows.var() - left / m, columns.var() - left / n, left])


def parts_by_mean_squares(table):
    """The textbook's way: sums of squares, mean squares, differences."""
    y = table.numpy()
    n, m = y.shape
    rows = m * ((y.mean(1) - y.mean()) ** 2).sum()
    columns = n * ((y.mean(0) - y.mean()) ** 2).sum()
    rest = (((y - y.mean()) ** 2).sum() - rows - columns) / (n - 1) / (m - 1)
    return np.array([(rows / (n - 1) - rest) / m, (columns / (m - 1) - rest) / n, rest])


def parts_in_loops(table):
    n, m = table.shape
    rows, columns = table.mean(1).tolist(), table.mean(0).tolist()
    total, y = sum(rows) / n, table.tolist()
    squares = [(y[p][q] - rows[p] - columns[q] + total) ** 2 for p in range(n) for q in range(m)]
    rest = sum(squares) / (n - 1) / (m - 1)
    of_rows = sum((r - total) ** 2 for r in rows) / (n - 1) - rest / m
    return torch.tensor(
        [of_rows, sum((c - total) ** 2 for c in columns) / (m - 1) - rest / n, rest]
    )


def by_option(log_probs, orders):
    return log_probs.gather(1, orders.argsort(-1))


def by_option_in_loops(log_probs, orders):
    n = len(orders[0])
    total = [0.0] * n
    for row, order in zip(log_probs.tolist(), orders.tolist()):
        for place, option in enumerate(order):
            total[option] += row[place] / len(orders)
    return total


WRONG = {
    "letter_probs": {
        "first tokens": lambda lp, ids: lp[: len(ids)].softmax(0),
        "sorted ids": lambda lp, ids: lp[ids.sort().values].softmax(0),
        "first four ids": lambda lp, ids: lp[ids[:4]].softmax(0),
        "logarithms": lambda lp, ids: lp[ids].log_softmax(0),
        "divided by the best letter": lambda lp, ids: (lp[ids] - lp[ids].max()).exp(),
        "logarithms shared": lambda lp, ids: lp[ids] / lp[ids].sum(),
        "four of them": lambda lp, ids: lp[ids].exp() / lp[ids].exp().mean() / 4,
        "over the vocabulary": lambda lp, ids: lp.softmax(0),
    },
    "answer_probs": {
        "last token": lambda ts: torch.stack([t[-1] for t in ts]).softmax(0),
        "weakest token": lambda ts: torch.stack([t.min() for t in ts]).softmax(0),
        "root of the length": lambda ts: torch.stack([t.sum() / len(t) ** 0.5 for t in ts]).softmax(
            0
        ),
        "softmax of products": lambda ts: totals(ts).exp().softmax(0),
        "first four tokens": lambda ts: totals([t[:4] for t in ts]).softmax(0),
        "first four answers": lambda ts: totals(ts[:4]).softmax(0),
        "logarithms": lambda ts: totals(ts).log_softmax(0),
        "means of probabilities": lambda ts: normalised(torch.stack([t.exp().mean() for t in ts])),
    },
    "contextual": {
        "geometric mean": lambda p, c: normalised(p / c.log().mean(0).exp()),
        "first empty question": lambda p, c: normalised(p / c[0]),
        "all in one sum": lambda p, c: (p / c.mean(0)) / (p / c.mean(0)).sum(),
        "softmax": lambda p, c: (p / c.mean(0)).softmax(-1),
        "median": lambda p, c: normalised(p / c.median(0).values),
        "over the questions": lambda p, c: (p / c.mean(0)) / (p / c.mean(0)).sum(0),
        "first three": lambda p, c: normalised(p / c[:3].mean(0)),
        "own prior": lambda p, c: normalised(p / p.mean(0)),
    },
    "over_orders": {
        "mean of probabilities": lambda lp, o: by_option(lp, o).exp().mean(0).log(),
        "normalised again": lambda lp, o: by_option(lp, o).mean(0).log_softmax(0),
        "first order": lambda lp, o: by_option(lp, o)[0],
        "best order": lambda lp, o: by_option(lp, o).max(0).values,
        "divided by three": lambda lp, o: by_option(lp, o).sum(0) / 3,
        "divided by the options": lambda lp, o: by_option(lp, o).sum(0) / lp.shape[1],
        "first order for all": lambda lp, o: lp.gather(1, o[:1].argsort(-1).expand_as(o)).mean(0),
        "probabilities": lambda lp, o: by_option(lp, o).exp().mean(0),
    },
    "variance_parts": {
        "divided by the numbers": lambda t: torch.stack(
            [t.mean(1).var(correction=0), t.mean(0).var(correction=0), parts(t)[2]]
        ),
        "standard deviations": lambda t: parts(t).clamp(min=0).sqrt(),
        "shares": lambda t: parts(t) / parts(t).sum(),
        "rest is all": lambda t: torch.stack([*parts(t)[:2], t.var()]),
        "total mean not put back": lambda t: parts(t + 1) + torch.tensor([0.0, 0, 1]),
        "medians": lambda t: parts(t, of_prompts=t.median(1).values),
        "mean squares": lambda t: torch.stack(
            [t.shape[1] * t.mean(1).var(), t.shape[0] * t.mean(0).var(), parts(t)[2]]
        ),
        "variances within": lambda t: torch.stack([t.var(0).mean(), t.var(1).mean(), parts(t)[2]]),
    },
    "divided_by_prior": {
        "prior twice": lambda s, p: (s - 2 * p).softmax(-1),
        "mean prior of the option": lambda s, p: (s - p.mean(0)).softmax(-1),
        "first prior": lambda s, p: (s - p[0]).softmax(-1),
        "quotients": lambda s, p: (s - p).exp(),
        "over the questions": lambda s, p: (s - p).softmax(0),
        "added": lambda s, p: (s + p).softmax(-1),
        "log": lambda s, p: (s - p).log_softmax(-1),
    },
}
RIGHT = {
    "letter_probs": {
        "loop": lambda lp, ids: torch.tensor(
            [math.exp(lp[i]) / sum(math.exp(lp[j]) for j in ids) for i in ids]
        ),
        "numpy": lambda log_probs, letters: np_softmax(log_probs.numpy()[letters.numpy()]),
        "single precision": lambda lp, ids: lp.float().exp()[ids] / lp.float().exp()[ids].sum(),
        "list": (lambda lp, ids: lp[ids].softmax(0).tolist(), "found a list"),
    },
    "answer_probs": {
        "products": lambda ts: normalised(torch.stack([t.exp().prod() for t in ts])),
        "numpy": lambda tokens: np_softmax([float(t.sum()) for t in tokens]),
        "loop": lambda parts: torch.tensor([math.exp(sum(p)) for p in parts]).div(
            sum(math.exp(sum(p)) for p in parts)
        ),
    },
    "contextual": {
        "logarithms": lambda p, c: (p.log() - c.mean(0).log()).softmax(-1),
        "numpy": lambda p, c: normalised(torch.tensor(p.numpy() / c.numpy().mean(0))).numpy(),
        "loop": lambda probs, empty: torch.stack(
            [row / empty.mean(0) / sum(row / empty.mean(0)) for row in probs]
        ),
    },
    "over_orders": {
        "scatter": lambda lp, o: torch.zeros_like(lp).scatter(1, o, lp).mean(0),
        "loops": lambda lp, o: torch.tensor(by_option_in_loops(lp, o)),
        "numpy": lambda lp, o: np.take_along_axis(lp.numpy(), o.numpy().argsort(1), 1).mean(0),
        "list": (by_option_in_loops, "found a list"),
    },
    "variance_parts": {
        "mean squares": parts_by_mean_squares,
        "loops": parts_in_loops,
        "list": (lambda t: parts(t).tolist(), "found a list"),
    },
    "divided_by_prior": {
        "quotients": lambda s, p: normalised(s.exp() / p.exp()),
        "numpy": lambda scores, before: np_softmax(scores.numpy() - before.numpy()),
        "loop": lambda s, p: torch.stack([(a - b).softmax(0) for a, b in zip(s, p)]),
    },
}
