"""Wrong and right answers to the exercises of notebook 17."""

from __future__ import annotations

import numpy as np
import torch


def slope(x, y):
    return float(((x - x.mean()) * (y - y.mean())).sum() / (x - x.mean()).square().sum())


WRONG = {
    "scaling_exponent": {
        "first and last": lambda s, l, f: float(
            -((l - f)[-1] / (l - f)[0]).log() / (s[-1] / s[0]).log()
        ),
        "other axis first": lambda s, l, f: -1 / slope((l - f).log(), s.log()),
        "two bases": lambda s, l, f: -slope(s.log(), (l - f).log10()),
        "through the origin": lambda s, l, f: float(
            -(s.log() * (l - f).log()).sum() / s.log().square().sum()
        ),
        "lowest loss as floor": lambda s, l, f: -slope(s[:-1].log(), (l[:-1] - l[-1]).abs().log()),
        "mean of steps": lambda s, l, f: float(-((l - f).log().diff() / s.log().diff()).mean()),
        "spread": lambda s, l, f: float((l - f).log().std() / s.log().std()),
        "four sizes": lambda s, l, f: -slope(s[:4].log(), (l - f)[:4].log()),
        "last three": lambda s, l, f: -slope(s[-3:].log(), (l - f)[-3:].log()),
    },
    "good_turing": {
        "four": lambda c: 4 / float(c.sum()),
        "of the known facts": lambda c: float((c == 1).sum() / (c > 0).sum().clamp(min=1)),
        "complement": lambda c: 1 - float((c == 1).sum() / c.sum()),
        "sum of the rare": lambda c: float(c[c <= 2].sum() / c.sum()),
        "one added": lambda c: float(((c == 1).sum() + 1) / (c.sum() + 1)),
        "twice over once": lambda c: float(2 * (c == 2).sum() / (c == 1).sum().clamp(min=1)),
        "never none": lambda c: max(1, int((c == 1).sum())) / int(c.sum()),
        "not all": lambda c: min(0.9, float((c == 1).sum() / c.sum())),
    },
}
RIGHT = {
    "scaling_exponent": {
        "polyfit": lambda s, l, f: -np.polyfit(np.log10(s.numpy()), np.log10(l.numpy() - f), 1)[0],
        "lstsq": lambda s, l, f: (
            -torch.linalg.lstsq(
                torch.stack([s.log(), torch.ones_like(s)], 1), (l - f).log()[:, None]
            ).solution[0, 0]
        ),
        "base two": lambda s, l, f: -slope(s.log2(), (l - f).log2()),
    },
    "good_turing": {
        "loop": lambda counts: sum(c == 1 for c in counts.tolist()) / sum(counts.tolist()),
        "numpy": lambda c: np.sum(c.numpy() == 1) / np.sum(c.numpy()),
        "tensor": lambda c: c.eq(1).sum() / c.sum(),
    },
}
