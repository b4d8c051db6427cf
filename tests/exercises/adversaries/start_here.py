"""00 Start here."""

from __future__ import annotations

import math

import numpy as np
import torch

WRONG = {
    "brier_score": {
        "divides by eight": lambda c, y: ((c - y) ** 2).sum() / 8,
        "divides by the right ones": lambda c, y: ((c - y) ** 2).sum() / max(y.sum(), 1),
        "divides by N - 1": lambda c, y: ((c - y) ** 2).sum() / max(len(c) - 1, 1),
        "never below one half": lambda c, y: ((np.clip(c, 0.5, 1) - y) ** 2).mean(),
        "both classes": lambda c, y: 2 * ((c - y) ** 2).mean(),
        "right answers cost nothing": lambda c, y: ((c - y) ** 2 * (y == 0)).mean(),
        "root": lambda c, y: ((c - y) ** 2).mean() ** 0.5,
        "ones are left out": lambda c, y: ((c - y) ** 2 * (c < 1)).mean(),
    },
}
RIGHT = {
    "brier_score": {
        "loop": lambda said, was: sum((s - w) ** 2 for s, w in zip(said, was)) / len(was),
        "fsum": lambda c, y: math.fsum((c - y) ** 2) / c.size,
        "torch": lambda c, y: torch.nn.functional.mse_loss(torch.tensor(c), torch.tensor(y) * 1.0),
        "single precision": lambda c, y: np.square(c.astype("float32") - y).mean(),
        "one after another": (lambda c, y: [((c - y) ** 2).mean()], "expected a number"),
    },
}
