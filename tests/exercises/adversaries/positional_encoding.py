"""02 Positional encoding."""

from __future__ import annotations

import math

import numpy as np
import torch


def table(length, width, base=10_000, start=0):
    angle = torch.arange(start, length + start)[:, None] / base ** (
        torch.arange(0, width, 2) / width
    )
    return torch.stack((angle.sin(), angle.cos()), -1).flatten(1)


def table_by_loops(length, width):
    rows = np.zeros((length, width))
    for t in range(length):
        for column in range(width):
            angle = t * math.exp(-math.log(10_000) * (column - column % 2) / width)
            rows[t, column] = math.cos(angle) if column % 2 else math.sin(angle)
    return rows


def table_by_slices(length, width):
    rows = torch.zeros(length, width)
    frequency = torch.exp(torch.arange(0, width, 2) * (-math.log(10000.0) / width))
    rows[:, 0::2] = torch.sin(torch.arange(length).unsqueeze(1) * frequency)
    rows[:, 1::2] = torch.cos(torch.arange(length).unsqueeze(1) * frequency)
    return rows


def turned(x, angle, half=None):
    half = x.shape[-1] // 2 if half is None else half
    a, b = x[:, :half], x[:, half:]
    return torch.cat((a * angle.cos() - b * angle.sin(), a * angle.sin() + b * angle.cos()), -1)


def turned_by_matrix(x, angle):
    out, half = torch.zeros_like(x), x.shape[1] // 2
    for t in range(len(x)):
        for i in range(half):
            c, s = math.cos(angle[t, i]), math.sin(angle[t, i])
            matrix = torch.tensor([[c, -s], [s, c]], dtype=x.dtype)
            out[t, [i, i + half]] = matrix @ x[t, [i, i + half]]
    return out


def alibi(scores, slopes, far=None):
    far = torch.arange(scores.shape[-1]).flip(0) if far is None else far
    return (scores - slopes[:, None] * far).softmax(-1)


WRONG = {
    "sinusoidal_table": {
        "base 1000": lambda n, d: table(n, d, 1000),
        "last frequency exact": lambda n, d: torch.stack(
            [
                f(torch.arange(n)[:, None] / 10000 ** torch.linspace(0, 1, d // 2)[None])
                for f in (torch.sin, torch.cos)
            ],
            -1,
        ).flatten(1),
        "turned": lambda n, d: table(n, d).T,
        "width of eight": lambda n, d: table(n, 8)[:, :d],
        "one frequency": lambda n, d: table(n, 2).repeat(1, d // 2),
        "sines only": lambda n, d: table(n, d)[:, ::2].repeat_interleave(2, -1),
        "degrees": lambda n, d: torch.stack(
            [
                f(torch.deg2rad(torch.arange(n)[:, None] / 10000 ** (torch.arange(0, d, 2) / d)))
                for f in (torch.sin, torch.cos)
            ],
            -1,
        ).flatten(1),
        "short tables only": lambda n, d: table(min(n, 5), d),
    },
    "rotate": {
        "halves of two": lambda x, a: turned(x, a, 2),
        "first token's angle": lambda x, a: turned(x, a[:1]),
        "first pair's angle": lambda x, a: turned(x, a[:, :1]),
        "halves swapped": lambda x, a: turned(x, a).roll(x.shape[-1] // 2, -1),
        "half the angle": lambda x, a: turned(x, a / 2),
        "small angles": lambda x, a: turned(x, a.clamp(max=1.3)),
        "positive cosine": lambda x, a: torch.cat(
            (
                x.chunk(2, -1)[0] * a.cos().abs() - x.chunk(2, -1)[1] * a.sin(),
                x.chunk(2, -1)[0] * a.sin() + x.chunk(2, -1)[1] * a.cos().abs(),
            ),
            -1,
        ),
        "sine from the cosine": lambda x, a: turned(x, a.cos().acos()),
        "not turned": lambda x, a: x.clone(),
    },
    "alibi_weights": {
        "five tokens": lambda s, m: alibi(s, m, torch.arange(4, -1, -1)),
        "over the heads": lambda s, m: (s - m[:, None] * torch.arange(s.shape[1]).flip(0)).softmax(
            0
        ),
        "first slope": lambda s, m: alibi(s, m[:1]),
        "squared distance": lambda s, m: alibi(s, m, torch.arange(s.shape[1]).flip(0) ** 2),
        "no scores": lambda s, m: alibi(torch.zeros_like(s), m),
        "no distance": lambda s, m: s.softmax(-1),
        "slopes turned": lambda s, m: alibi(s, m.flip(0)),
        "two heads": lambda s, m: alibi(s, m)[:2],
    },
    "slow_the_guilty": {
        "base ten turns": lambda w, s, n: torch.where(n * w < 10 * math.tau, w / s, w),
        "half a turn": lambda w, s, n: torch.where(n * w < math.pi, w / s, w),
        "stopped": lambda w, s, n: torch.where(n * w < math.tau, 0, w),
        "slower half": lambda w, s, n: torch.cat((w[: len(w) // 2], w[len(w) // 2 :] / s)),
        "slowed twice": lambda w, s, n: torch.where(n * w < math.tau, w / s**2, w),
        "at most once round": lambda w, s, n: torch.where(
            n * w < math.tau, w / s, w.clamp(max=math.tau / n)
        ),
        "new base": lambda w, s, n: w * float(s) ** (-torch.arange(len(w)) / max(len(w) - 1, 1)),
    },
}
RIGHT = {
    "sinusoidal_table": {
        "loops": table_by_loops,
        "slices": table_by_slices,
        "double precision": lambda n, d: table(n, d).double(),
        "lists": (lambda n, d: table(n, d).tolist(), "found a list"),
    },
    "rotate": {
        "matrices": turned_by_matrix,
        "rotate half": lambda x, a: (
            x * a.cos().repeat(1, 2)
            + torch.cat((-x.chunk(2, -1)[1], x.chunk(2, -1)[0]), -1) * a.sin().repeat(1, 2)
        ),
        "numpy": lambda x, a: turned(x, a).numpy(),
    },
    "alibi_weights": {
        "bias rises": lambda s, m: (s + m[:, None] * torch.arange(s.shape[1])).softmax(1),
        "loop": lambda scores, slopes: torch.stack(
            [
                torch.softmax(
                    torch.stack([x - m * (len(row) - 1 - j) for j, x in enumerate(row)]), 0
                )
                for row, m in zip(scores, slopes)
            ]
        ),
        "numpy": lambda s, m: alibi(s, m).numpy(),
    },
    "slow_the_guilty": {
        "divisor": lambda w, s, n: w / torch.where(n * w < math.tau, s, 1),
        "wavelength": lambda w, s, n: torch.tensor(
            [x / s if 2 * math.pi / x > n else x for x in w.tolist()]
        ),
        "numpy": lambda w, s, n: np.where(w.numpy() * n < 2 * np.pi, w.numpy() / s, w.numpy()),
        "mask": lambda w, s, n: w * (n * w >= math.tau) + w / s * (n * w < math.tau),
    },
}
