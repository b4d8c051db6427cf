r"""Intervals of everything in a report, by drawing whole entities anew.

Tokens of one document go wrong together, and so do two questions about one country. The cluster
bootstrap draws documents and countries, with replacement; a resample is then nothing but a weight
for each entity, and all resamples of all metrics are one product of matrices. The draws are those
of `coursekit.calibration.bootstrap_interval`, and so are the intervals, to the last digit.

Reference:
    A. C. Davison, D. V. Hinkley, "Bootstrap Methods and their Application", 1997, section 3.8.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from scipy.interpolate import CubicSpline
from torch import Tensor

from coursekit.calibration import Interval
from coursekit.calibration._validation import as_generator, as_group_index
from coursekit.calibration.intervals import percentile_interval

LEVEL = 0.95
N_RESAMPLES = 1000
#: Temperatures at which the likelihood is read off: 1/4 to 8, three to an octave.
OCTAVE = 3
TEMPERATURES = tuple(2.0 ** (k / OCTAVE) for k in range(-2 * OCTAVE, 3 * OCTAVE + 1))
#: Numbers that one block of a resampled table may hold: 64 MB in float64.
_NUMBERS_AT_A_TIME = 2**23


class Resamples:
    """Resamples of entities: how often each row counts, in each of R draws.

    Args:
        entities: To which entity each row belongs, by name `(N,)`.
        n_resamples: R.
        seed: Of the draws.

    Raises:
        ValueError: If there are fewer than two entities.
    """

    def __init__(self, entities: Sequence[str], n_resamples: int = N_RESAMPLES, seed: int = 0):
        self.index = as_group_index(entities, len(entities), "entities")
        n = int(self.index.max()) + 1
        if n < 2:
            raise ValueError(f"entities holds {n} of them; expected at least 2 to draw from")
        generator = as_generator(seed)
        drawn = torch.stack(
            [torch.randint(n, (n,), generator=generator) for _ in range(n_resamples)]
        )
        self.weights = torch.zeros(n_resamples, n, dtype=torch.float64)
        self.weights.scatter_add_(1, drawn, torch.ones_like(drawn, dtype=torch.float64))

    def totals(self, table: Tensor) -> tuple[Tensor, Tensor]:
        """Sum rows `(N, K)`: over all of them `(K,)`, and over each resample `(R, K)`."""
        by_entity = torch.zeros(self.weights.shape[1], table.shape[1], dtype=torch.float64)
        by_entity.index_add_(0, self.index, table)
        return by_entity.sum(dim=0), self.weights @ by_entity

    def auroc(self, confidence: Tensor, correct: Tensor) -> tuple[Tensor, Tensor]:
        """AUROC of all rows, and of each resample `(R,)`; 1/2 where all are right, or all wrong."""
        levels, level = confidence.unique(return_inverse=True)
        ones = torch.ones(1, len(confidence), dtype=torch.float64)
        at_once = max(1, _NUMBERS_AT_A_TIME // len(confidence))
        parts = [self.weights[i : i + at_once] for i in range(0, len(self.weights), at_once)]
        resampled = [
            _weighted_auroc(part[:, self.index], level, len(levels), correct) for part in parts
        ]
        return _weighted_auroc(ones, level, len(levels), correct)[0], torch.cat(resampled)


def _weighted_auroc(weights: Tensor, level: Tensor, n_levels: int, correct: Tensor) -> Tensor:
    right, wrong = (
        torch.zeros(len(weights), n_levels, dtype=torch.float64).index_add_(1, level, part)
        for part in (weights * correct, weights * ~correct)
    )
    n_right, n_wrong = right.sum(dim=1), wrong.sum(dim=1)
    above = n_right[:, None] - right.cumsum(dim=1)
    won = (wrong * (above + right / 2)).sum(dim=1)
    pairs = n_right * n_wrong
    return torch.where(pairs > 0, won / pairs.clamp(min=1), 0.5)


def interval(estimate: Tensor, resampled: Tensor) -> Interval:
    """Percentile interval of an estimate from its resamples `(R,)`, as `bootstrap_interval`."""
    return percentile_interval(float(estimate), resampled, LEVEL)


def best_temperature(nll: Tensor) -> Tensor:
    """Temperatures that minimise likelihoods known at `TEMPERATURES`, `(..., G)` to `(...)`.

    Between the known points the curve over ln T is a cubic spline; its minimum is within one per
    cent of the exact one for curves as smooth as these. No minimum inside the range gives its end.
    """
    known = torch.tensor(TEMPERATURES, dtype=torch.float64).log()
    fine = torch.linspace(known[0], known[-1], 2001, dtype=torch.float64)
    curve = torch.from_numpy(CubicSpline(known.numpy(), nll.numpy(), axis=-1)(fine.numpy()))
    best = curve.argmin(dim=-1, keepdim=True)
    # The parabola through the lowest point and its neighbours, so that the result is continuous.
    middle = best.clamp(1, len(fine) - 2)
    left, centre, right = (curve.gather(-1, middle + k) for k in (-1, 0, 1))
    bend = (left - 2 * centre + right).clamp(min=1e-300)
    shift = ((left - right) / (2 * bend)).clamp(-1, 1) * (best == middle)
    return (fine[best] + shift * (fine[1] - fine[0])).exp().squeeze(-1)
