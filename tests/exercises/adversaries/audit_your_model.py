"""20 Audit your model."""

from __future__ import annotations

import math
import statistics

import numpy as np
import torch


def gaps(count, correct, confidence):
    return (confidence - correct).sum(0)


def error(first, second, **options):
    return float((second - first).std(**options) / len(first) ** 0.5)


def merged_by_loop(count, correct, confidence):
    total = sum(map(sum, count.tolist()))
    bins = zip(correct.sum(0).tolist(), confidence.sum(0).tolist())
    return sum(abs(said - right) for right, said in bins) / total


WRONG = {
    "merged_ece": {
        "signed": lambda n, y, c: float(gaps(n, y, c).sum() / n.sum()),
        "signed, then positive": lambda n, y, c: float(gaps(n, y, c).sum().abs() / n.sum()),
        "worst bin": lambda n, y, c: float((gaps(n, y, c).abs() / n.sum(0).clamp(min=1)).max()),
        "first process": lambda n, y, c: float((c - y)[0].abs().sum() / n[0].sum()),
        "squared": lambda n, y, c: float(
            (gaps(n, y, c).square() / n.sum(0).clamp(min=1)).sum() / n.sum()
        ),
        "empty bins divided": lambda n, y, c: float(
            ((gaps(n, y, c) / n.sum(0)).abs() * n.sum(0)).sum() / n.sum()
        ),
        "divided by the right ones": lambda n, y, c: float(gaps(n, y, c).abs().sum() / y.sum()),
        "gaps of the processes": lambda n, y, c: float(
            sum((c - y)[k].sum().abs() for k in range(2)) / n.sum()
        ),
        "six bins": lambda n, y, c: float(gaps(n, y, c)[:6].abs().sum() / n.sum()),
    },
    "paired_error": {
        "of forty": lambda a, b: float((b - a).std() / 40**0.5),
        "root of N - 1": lambda a, b: float((b - a).std() / (len(a) - 1) ** 0.5),
        "variance": lambda a, b: float((b - a).var() / len(a)),
        "distances": lambda a, b: float((b - a).abs().std() / len(a) ** 0.5),
        "difference of errors": lambda a, b: float((b.std() - a.std()).abs() / len(a) ** 0.5),
        "interval": lambda a, b: 1.96 * error(a, b),
        "around nought": lambda a, b: float(
            ((b - a).square().sum() / (len(a) - 1)).sqrt() / len(a) ** 0.5
        ),
        "sum": lambda a, b: float((b + a).std() / len(a) ** 0.5),
    },
}
RIGHT = {
    "merged_ece": {
        "loop": merged_by_loop,
        "numpy": lambda n, y, c: (
            np.abs(c.numpy().sum(0) - y.numpy().sum(0)).sum() / n.numpy().sum()
        ),
        "empty bins left out": lambda n, y, c: float(
            sum(
                n[:, b].sum() / n.sum() * abs(c[:, b].sum() - y[:, b].sum()) / n[:, b].sum()
                for b in range(n.shape[1])
                if n[:, b].sum()
            )
        ),
        "tensor": lambda n, y, c: gaps(n, y, c).abs().sum().div(n.sum()),
    },
    "paired_error": {
        "statistics": lambda first, second: (
            statistics.stdev((second - first).tolist()) / math.sqrt(len(first))
        ),
        "numpy": lambda a, b: np.std(b.numpy() - a.numpy(), ddof=1) / np.sqrt(len(a)),
        "other direction": lambda a, b: error(b, a),
        "from the covariance": lambda a, b: (
            (a.var() + b.var() - 2 * torch.stack([a, b]).cov()[0, 1]).clamp(min=0) / len(a)
        ).sqrt(),
    },
}


def diagnosis_with(**changed):
    """The right diagnosis, but for some letters."""
    from coursekit.chapters.audit_your_model.exercises import blind_diagnosis

    return blind_diagnosis.right | changed


def right_but(letter, field=None, value=None):
    """The right damage of a letter with another field, or another number."""
    from coursekit.chapters.audit_your_model.exercises import blind_diagnosis

    damage, best, _ = blind_diagnosis.right[letter]
    field = field or best
    value = blind_diagnosis.readings[letter][field].estimate if value is None else value
    return diagnosis_with(**{letter: (damage, field, value)})


#: Answers that are no functions: what to give to `check`.
WRONG_ANSWERS = {
    "blind_diagnosis": {
        "an end of the interval": lambda: right_but("A", value=-0.053),
        "the wrong sign": lambda: right_but("A", value=0.034),
        "the number of the next letter": lambda: right_but("B", value=-0.03),
        "in percent": lambda: right_but("E", value=28.2),
        "rounded to one digit": lambda: right_but("D", value=0.2),
        "too few letters": lambda: {"A": ("rounding", "prose gap", -0.03)},
        "a damage twice": lambda: diagnosis_with(B=("leak", "prose gap", 0.037)),
        "an unknown damage": lambda: diagnosis_with(B=("fine", "prose gap", 0.037)),
        "an unknown field": lambda: diagnosis_with(B=("healthy", "gap", 0.037)),
        "no number": lambda: diagnosis_with(B=("healthy", "prose gap", "small")),
        "not a number": lambda: diagnosis_with(B=("healthy", "prose gap", float("nan"))),
        "two parts": lambda: diagnosis_with(B=("healthy", "prose gap")),
        "letters of a list": lambda: list(diagnosis_with().values()),
        "all moved by one": lambda: dict(
            zip("ABCDE", [*list(diagnosis_with().values())[1:], diagnosis_with()["A"]])
        ),
    }
}
#: A known mistake by another way than the one that the exercise keeps.
MISTAKEN_ANSWERS = {
    "blind_diagnosis": {
        "leak by the whole exam": lambda: right_but("C", "exam accuracy"),
        "leak by the fresh edition": lambda: right_but("C", "exam nll, fresh"),
        "health by the accuracy": lambda: right_but("B", "prose accuracy"),
        "noise by the accuracy": lambda: right_but("D", "prose accuracy"),
        "temperature by the likelihood": lambda: right_but("E", "prose nll"),
    }
}
RIGHT_ANSWERS = {
    "blind_diagnosis": {
        "three digits": lambda: right_but("D", value=0.167),
        "another field": lambda: right_but("E", "prose temperature", 1.86),
        "a tensor": lambda: right_but("E", "prose temperature", torch.tensor(1.86)),
        "lists": lambda: {letter: list(entry) for letter, entry in diagnosis_with().items()},
        "another order": lambda: dict(reversed(diagnosis_with().items())),
        "leak by its likelihood": lambda: right_but("C", "exam nll, published"),
        "an integer": lambda: right_but("C", "exam accuracy, published", 1),
    }
}
