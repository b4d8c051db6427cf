"""Wrong and right answers to the exercises of notebook 14."""

from __future__ import annotations

import math

import numpy as np
import torch


def ranked(scores, rank):
    return scores.sort().values[max(0, min(rank, len(scores)) - 1)].item()


def first(will_do, thresholds, otherwise=-1):
    places = will_do.nonzero()
    return thresholds[places[0, 0] if len(places) else otherwise].item()


WRONG = {
    "risk_controlled_threshold": {
        "median": lambda x, t, limit: first(x.median(0).values <= limit, t),
        "every loss": lambda x, t, limit: first(x.max(0).values <= limit, t),
        "only losses above zero": lambda x, t, limit: first(
            (x.sum(0) + 1) / ((x > 0).sum(0) + 1) <= limit, t
        ),
        "the last that breaks it": lambda x, t, limit: first(
            (x.sum(0) + 1) / (len(x) + 1) <= limit, t.roll(1)
        ),
        "the first if none will do": lambda x, t, limit: first(
            (x.sum(0) + 1) / (len(x) + 1) <= limit, t, 0
        ),
        "its place": lambda x, t, limit: int(
            ((x.sum(0) + 1) / (len(x) + 1) > limit).sum().clamp(max=len(t) - 1)
        ),
        "share of losses": lambda x, t, limit: first(
            ((x > 0).sum(0) + 1) / (len(x) + 1) <= limit, t
        ),
        "half a question": lambda x, t, limit: first((x.sum(0) + 0.5) / (len(x) + 1) <= limit, t),
    },
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
    "risk_controlled_threshold": {
        "in one line": lambda x, t, limit: t[
            min(int(((x.double().sum(0) + 1) / (len(x) + 1) > limit).sum()), len(t) - 1)
        ],
        "as in the paper": lambda x, t, limit: first(
            len(x) / (len(x) + 1) * x.double().mean(0) + 1 / (len(x) + 1) <= limit, t
        ),
        "the new one as a row": lambda x, t, limit: first(
            torch.cat([x.double(), torch.ones(1, len(t))]).mean(0) <= limit, t
        ),
        "numpy": lambda x, t, limit: next(
            (
                float(value)
                for value, column in zip(t, x.numpy().T, strict=True)
                if (column.sum() + 1) / (len(column) + 1) <= limit
            ),
            float(t[-1]),
        ),
    },
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
