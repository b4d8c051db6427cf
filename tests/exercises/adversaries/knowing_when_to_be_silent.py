"""Wrong and right answers to the exercises of notebook 14."""

from __future__ import annotations

import math

import numpy as np


def ranked(scores, rank):
    return scores.sort().values[max(0, min(rank, len(scores)) - 1)].item()


WRONG = {
    "conformal_quantile": {
        "floor": lambda s, level: ranked(s, math.floor((len(s) + 1) * level)),
        "rounded": lambda s, level: ranked(s, round((len(s) + 1) * level)),
        "largest": lambda s, level: s.max().item(),
        "lower": lambda s, level: float(np.quantile(s.numpy(), level, method="lower")),
        "nearest": lambda s, level: float(np.quantile(s.numpy(), level, method="nearest")),
        "level": lambda s, level: level,
        "not sorted": lambda s, level: s[min(len(s), math.ceil((len(s) + 1) * level)) - 1].item(),
        "always 0.9": lambda s, level: ranked(s, math.ceil((len(s) + 1) * 0.9)),
        "of 24": lambda s, level: ranked(s, math.ceil(25 * level)),
    },
}
RIGHT = {
    "conformal_quantile": {
        "sorted": lambda scores, level: sorted(scores.tolist())[
            math.ceil((len(scores) + 1) * level) - 1
        ],
        "kthvalue": lambda s, level: s.kthvalue(math.ceil((len(s) + 1) * level)).values,
        "numpy": lambda s, level: np.sort(s.numpy())[int(np.ceil((s.numel() + 1) * level)) - 1],
        "inverted distribution": lambda s, level: np.quantile(
            s.numpy(), math.ceil((len(s) + 1) * level) / len(s), method="inverted_cdf"
        ),
    },
}
