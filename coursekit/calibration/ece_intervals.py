r"""Between which values does the true ECE lie? An interval that a calibrated model's 0 can be in.

A bootstrap of the ECE repeats its upward bias, and so shuts out the 0 of a calibrated model. Here
the question is turned round: *suppose* the ECE were so large; would a sample then show what ours
shows? All values for which the answer is yes are the interval (inversion of a test). That of 0 is
the test of calibration: 0 lies inside where chance alone may explain the observed ECE.

To toss coins for an ECE one needs the gap of every bin, not only their mean. The gaps tried are
the observed ones, $g_b$, each moved by the same number of its standard errors $s_b$,

$$g_b(\lambda) = \operatorname{sign}(g_b) \max(|g_b| - \lambda s_b, 0) ,$$

toward 0, where the small ones, which may be chance, vanish first; or, with $\lambda < 0$, away
from it.

Nothing is needed for it but sums over the predictions of each group in each bin, so it serves a
table of answers as well as a report that has kept no answer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import stdtrit
from torch import Tensor

from coursekit._checks import as_seed
from coursekit.calibration._groups import sum_by_group
from coursekit.calibration._validation import (
    ArrayLike,
    as_confidence_and_correct,
    as_group_index,
    as_n_draws,
    require_level,
)
from coursekit.calibration.bins import Binning, assign_bins, reliability_bins, sum_by_bin
from coursekit.calibration.intervals import LEVEL, Interval

Numbers: TypeAlias = NDArray[np.float64]
#: From the gaps of a model `(B,)` to the ECEs of its samples `(S,)`.
Simulate: TypeAlias = Callable[[Numbers], Numbers]

#: Standard errors by which all gaps are moved: at either end no sample resembles the observed one.
_FARTHEST_IN, _FARTHEST_OUT = 6.0, -4.0
#: Halvings of that range, to an eighth of a percent of a standard error.
_HALVINGS = 13
#: More groups than these are put together at random, so that signs and memory stay few.
_MOST_GROUPS = 4096


@dataclass(frozen=True)
class GroupSums:
    """Sums over the predictions of each of G independent groups in each of B bins.

    Attributes:
        count: Number of predictions `(G, B)`, float64.
        confidence: Sum of their confidences `(G, B)`, float64.
        correct: How many came true `(G, B)`, float64.

    Example:
        >>> GroupSums.of([0.9, 0.7, 0.8], [1, 0, 1], ["a", "a", "b"], n_bins=1).correct.tolist()
        [[1.0], [1.0]]
    """

    count: Tensor
    confidence: Tensor
    correct: Tensor

    @classmethod
    def of(
        cls,
        confidence: ArrayLike,
        correct: ArrayLike,
        groups: ArrayLike,
        n_bins: int = 15,
        binning: Binning = "uniform",
    ) -> GroupSums:
        """Sum over predictions; arguments and errors as those of `ece_interval`."""
        confidence, correct = as_confidence_and_correct(confidence, correct)
        confidence, correct = confidence.cpu(), correct.cpu().double()
        edges, index = assign_bins(confidence, n_bins, binning)
        group = as_group_index(groups, len(confidence))
        shape = (int(group.max()) + 1, len(edges) - 1)
        cell = group * shape[1] + index
        columns = (torch.ones_like(correct), confidence.double(), correct)
        return cls(*(sum_by_bin(c, cell, shape[0] * shape[1]).view(shape) for c in columns))

    def __post_init__(self) -> None:
        if len(self.count) < 2:
            raise ValueError(
                f"groups must name at least 2 different groups, found {len(self.count)}"
            )

    @property
    def are_single(self) -> bool:
        """Whether every group is one prediction."""
        return bool((self.count.sum(dim=1) == 1).all())


def ece_interval(
    confidence: ArrayLike,
    correct: ArrayLike,
    n_bins: int = 15,
    binning: Binning = "uniform",
    *,
    groups: ArrayLike | None = None,
    level: float = LEVEL,
    n_simulations: int = 1000,
    seed: int = 0,
) -> Interval:
    """Return the ECE without what chance adds, with an interval for the true one.

    The truth that is meant is the ECE of the same bins with endlessly many predictions. The
    estimate is the ECE of which half of all samples would show more than this one; the ends are
    those of which only (1 - level) / 2 would show as much, or as little. The estimate and the
    lower end are 0 where a calibrated model shows as much so often.

    Measured on 400 samples each of N = 100, 500 and 2,000: of 95 % intervals, 96 to 99 % contain
    the 0 of calibrated models (97.5 % are meant: only the lower end can miss it), and 93.0 to
    99.5 % the truth of models that are off by 2 to 20 points, everywhere, in one bin, or up and
    down by turns (92 to 98 % in 300 samples each of `benchmarks/coverage.py`). With entities
    of five dependent answers each (`groups` given; 300 samples of 500 and 2,000 answers, of models
    off by 5 to 15 points) it was 94 to 99 %, and with ten or more entities of fifty answers 97 to
    100 %.

    Args:
        confidence: Predicted probabilities `(N,)`.
        correct: Whether each prediction came true `(N,)`, bool or 0 and 1.
        n_bins: Number of bins.
        binning: `"uniform"`, `"quantile"` or `"discrete"`, see `reliability_bins`.
        groups: To which group each prediction belongs `(N,)`, such as its document. Coins cannot
            then be tossed one by one; instead the deviations of whole groups keep their size
            and get a random sign (wild cluster bootstrap), and are stretched as Student's t asks
            where groups are few.
        level: Nominal coverage.
        n_simulations: Samples that are simulated for each ECE that is tried.
        seed: Seed of the random numbers.

    Raises:
        ValueError: If an argument has a wrong shape, is empty, out of range or unknown, or there
            is only one group.
        TypeError: If an argument does not hold numbers.

    Reference:
        A. C. Davison, D. V. Hinkley, "Bootstrap Methods and their Application", 1997, section
        5.5 (inversion of tests by simulation); for another interval, of the l2 error: Y. Sun,
        P. Chaudhari, I. J. Barnett, E. Dobriban, "A confidence interval for the l2 expected
        calibration error", arXiv:2408.08998, 2024.

    Example:
        >>> calibrated = ece_interval([0.75] * 40, [1, 1, 1, 0] * 10)
        >>> 0 in calibrated, calibrated.estimate
        (True, 0.0)
        >>> print(f"{ece_interval([0.9] * 400, [1, 0] * 200):.1f}")
        0.4 [0.4, 0.4]
    """
    require_level(level)
    if groups is not None:
        sums = GroupSums.of(confidence, correct, groups, n_bins, binning)
        return ece_interval_of_sums(sums, level=level, n_simulations=n_simulations, seed=seed)
    confidence, correct = as_confidence_and_correct(confidence, correct)
    bins = reliability_bins(confidence.cpu(), correct.cpu(), n_bins, binning)
    used = _UsedBins(bins.count, bins.confidence_sum, bins.correct_count)
    n_simulations, seed = as_n_draws(n_simulations, "n_simulations"), as_seed(seed)
    return _inverted(used, _coins(used, n_simulations, seed), level)[0]


def ece_interval_of_sums(
    sums: GroupSums, *, level: float = LEVEL, n_simulations: int = 1000, seed: int = 0
) -> Interval:
    """Return what `ece_interval` returns, from sums over groups; other arguments as there.

    Example:
        >>> calibrated = GroupSums.of([0.75] * 40, [1, 1, 1, 0] * 10, groups=range(40))
        >>> ece_interval_of_sums(calibrated) == ece_interval([0.75] * 40, [1, 1, 1, 0] * 10)
        True
    """
    require_level(level)
    n_simulations, seed = as_n_draws(n_simulations, "n_simulations"), as_seed(seed)
    return _of_sums(sums, level, n_simulations, seed)[1]


def ece_change_interval(
    before: GroupSums,
    after: GroupSums,
    *,
    level: float = LEVEL,
    n_simulations: int = 1000,
    seed: int = 0,
) -> Interval:
    """Return how much larger the ECE is after than before, of the same groups, with its interval.

    The estimate is the difference of the two estimates of `ece_interval_of_sums`, in which chance
    no longer counts. Pairs of models are then simulated, both with the gaps of these estimates,
    with those of the lower ends, or of the upper ends: the deviations of a group get the same sign
    on both sides, so what both share cancels (paired). How far and how lopsidedly the simulated
    differences lie about the simulated truth, so far lies the observed difference about the true
    one (basic bootstrap); of the three pairs the farthest counts.

    This one is approximate: of 95 % intervals, 91 to 98 % contained the true change of models
    whose confidences were lowered by 10 or 15 points, in 100 samples each of 100 and 500 answers,
    and 92 to 98 % in 300 samples each of 500 and 2,000 (`benchmarks/coverage.py`).

    Args:
        before: Sums of one side.
        after: Sums of the other, with the same groups in the same order.
        level: Nominal coverage.
        n_simulations: Number of simulated samples.
        seed: Seed of the random numbers.

    Raises:
        ValueError: If the numbers of groups differ, or an option is out of range.

    Reference:
        A. C. Davison, D. V. Hinkley, "Bootstrap Methods and their Application", 1997, section
        5.2 (basic bootstrap).

    Example:
        >>> correct, groups = [1, 0] * 200, range(400)
        >>> sure = GroupSums.of([0.9] * 400, correct, groups)
        >>> modest = GroupSums.of([0.55] * 400, correct, groups)
        >>> print(f"{ece_change_interval(sure, modest):.2f}")
        -0.35 [-0.45, -0.35]
    """
    require_level(level)
    n_simulations, seed = as_n_draws(n_simulations, "n_simulations"), as_seed(seed)
    if len(before.count) != len(after.count):
        raise ValueError(
            f"before and after must have the same groups, found {len(before.count)} and "
            f"{len(after.count)}"
        )
    observed, change, error = 0.0, 0.0, np.zeros((3, n_simulations))
    for sign, sums in ((-1, before), (1, after)):
        bins, found, truths = _of_sums(sums, level, n_simulations, seed)
        simulate = _signs(bins, sums, n_simulations, seed)
        observed += sign * bins.observed
        change += sign * found.estimate
        error += sign * np.stack([simulate(gaps) - bins.ece(gaps) for gaps in truths])
    tail = (1 - level) / 2
    low, high = observed - np.quantile(error, [1 - tail, tail], axis=1)
    return Interval(change, min(*low, change), max(*high, change), level)


def _of_sums(
    sums: GroupSums, level: float, n_simulations: int, seed: int
) -> tuple[_UsedBins, Interval, list[Numbers]]:
    """Return the bins of all groups, the interval, and the gaps of its estimate and ends."""
    bins = _UsedBins(*(part.sum(dim=0) for part in (sums.count, sums.confidence, sums.correct)))
    simulate = (
        _coins(bins, n_simulations, seed)
        if sums.are_single
        else _signs(bins, sums, n_simulations, seed)
    )
    return bins, *_inverted(bins, simulate, level)


def _inverted(bins: _UsedBins, simulate: Simulate, level: float) -> tuple[Interval, list[Numbers]]:
    """Return the interval, and the gaps `(B,)` that have the ECEs of its estimate and its ends."""
    by_chance = np.median(simulate(np.zeros_like(bins.gap)))
    # A sample luckier than most calibrated ones does not speak for a smaller ECE than they do.
    at_most = max(bins.observed, float(by_chance))
    tail = (1 - level) / 2
    # Equal errors may differ by rounding; counting them on both sides keeps the level.
    shown = partial(_share_as_large, simulate, bins.observed - 1e-12)

    def rare(gaps: Numbers) -> bool:
        return _share_as_large(simulate, at_most + 1e-12, gaps) >= 1 - tail

    gaps = [
        bins.smallest(lambda gaps: shown(gaps) >= 0.5, bins.moved_apart),
        bins.smallest(lambda gaps: shown(gaps) > tail, bins.moved_apart),
        max((bins.smallest(rare, moved) for moved in (bins.moved_apart, bins.alike)), key=bins.ece),
    ]
    estimate, low, high = map(bins.ece, gaps)
    return Interval(estimate, low, high, level), gaps


class _UsedBins:
    """The bins that hold predictions, and what the truth may be in them."""

    def __init__(self, count: Tensor, confidence: Tensor, correct: Tensor) -> None:
        self.used = count > 0
        self.count: Numbers = count[self.used].double().numpy()
        self.n = float(self.count.sum())
        self.weight = self.count / self.n
        self.confidence: Numbers = confidence[self.used].numpy() / self.count
        self.gap: Numbers = self.confidence - correct[self.used].double().numpy() / self.count
        self.observed = self.ece(self.gap)
        # Two answers of either kind are added (Agresti and Coull), so that none is 0.
        chance = (self.count * self.confidence + 2) / (self.count + 4)
        self.standard_error: Numbers = np.sqrt(chance * (1 - chance) / self.count)

    def ece(self, gap: Numbers) -> float:
        """Return the ECE of a model with these gaps."""
        return float(self.weight @ np.abs(gap))

    def moved_apart(self, shift: float) -> Numbers:
        """Return the gaps, each moved by as many standard errors toward 0."""
        sign = np.where(self.gap >= 0, 1, -1)
        return self._possible(sign * np.maximum(np.abs(self.gap) - shift * self.standard_error, 0))

    def alike(self, shift: float) -> Numbers:
        """Return gaps of one size and sign, the ECE moved likewise: chance adds least to these."""
        sign = 1 if self.weight @ self.gap >= 0 else -1
        size = max(self.observed - shift * float(self.weight @ self.standard_error), 0)
        return self._possible(np.full_like(self.gap, sign * size))

    def _possible(self, gap: Numbers) -> Numbers:
        """Turn round what would push an accuracy out of [0, 1], if there is more room, or stop."""
        room = np.where(gap > 0, self.confidence, 1 - self.confidence)
        turned = (np.abs(gap) > room) & (room < 0.5)
        size = np.minimum(np.abs(gap), np.where(turned, 1 - room, room))
        return np.where(turned, -size, size) * np.where(gap > 0, 1, -1)

    def smallest(
        self, reached: Callable[[Numbers], bool], moved: Callable[[float], Numbers]
    ) -> Numbers:
        """Return the smallest gaps that reach what is asked, or the largest ones tried."""
        none = np.zeros_like(self.gap)
        if reached(none):
            return none
        near, far = _FARTHEST_IN, _FARTHEST_OUT
        for _ in range(_HALVINGS):
            middle = (near + far) / 2
            near, far = (near, middle) if reached(moved(middle)) else (middle, far)
        return moved(far)


def _share_as_large(simulate: Simulate, observed: float, gap: Numbers) -> float:
    """Return the share of the samples of a model with these gaps whose ECE is as large."""
    return float((simulate(gap) >= observed).mean())


def _coins(bins: _UsedBins, n_simulations: int, seed: int) -> Simulate:
    """Return a function that tosses a coin for each prediction and measures the ECEs `(S,)`."""
    drawn = np.random.default_rng(seed).multinomial(int(bins.n), bins.weight, size=n_simulations)

    def simulate(gap: Numbers) -> Numbers:
        accuracy = (bins.confidence - gap).clip(0, 1)  # but for rounding it lies there
        # Always the same luck, so that two truths differ by nothing else.
        correct = np.random.default_rng(seed + 1).binomial(drawn, accuracy)
        ece: Numbers = np.abs(drawn * bins.confidence - correct).sum(axis=1) / bins.n
        return ece

    return simulate


def _signs(bins: _UsedBins, sums: GroupSums, n_simulations: int, seed: int) -> Simulate:
    """Return a function that gives the deviations of each group a random sign, likewise.

    The bins learn how far they vary so, if that is more than coins would.
    """
    of_groups = _deviations(bins, sums)
    n_groups = len(of_groups)
    generator = np.random.default_rng(seed)
    sign = generator.choice([-1.0, 1.0], size=(n_simulations, n_groups))
    deviation = sign @ of_groups
    # Where all answers agree they show less chance than independent ones have: it is added.
    independent = bins.weight * bins.confidence * (1 - bins.confidence) / bins.n
    together = np.square(of_groups).sum(axis=0)
    missing = np.maximum(independent - together, 0)
    # All bins are drawn, used or not: the two sides of a change then share their luck.
    luck = generator.standard_normal((n_simulations, len(bins.used)))
    deviation += luck[:, bins.used.numpy()] * np.sqrt(missing)
    # As in Student's t: few groups do not know well how far they vary.
    freedom = n_groups - 1
    deviation *= np.sqrt(freedom / generator.chisquare(freedom, size=(n_simulations, 1)))
    stretch = float(stdtrit(freedom, 0.975) / stdtrit(np.inf, 0.975))
    of_gap = stretch * np.sqrt(together + missing) / bins.weight
    bins.standard_error = np.maximum(bins.standard_error, of_gap)

    def simulate(gap: Numbers) -> Numbers:
        ece: Numbers = np.abs(bins.weight * gap + deviation).sum(axis=1)
        return ece

    return simulate


def _deviations(bins: _UsedBins, sums: GroupSums) -> Numbers:
    """Return how far the gaps of each group, of all predictions, are from its share `(G, B)`."""
    residual, size = sums.confidence - sums.correct, sums.count.sum(dim=1, keepdim=True)
    if len(residual) > _MOST_GROUPS:
        order = torch.randperm(len(residual), generator=torch.Generator().manual_seed(0))
        place = order % _MOST_GROUPS
        residual, size = (sum_by_group(part, place, _MOST_GROUPS) for part in (residual, size))
    n_groups = len(residual)
    share = size.numpy() * (bins.weight * bins.gap) / bins.n
    found: Numbers = residual[:, bins.used].numpy() / bins.n - share
    return found * (n_groups / (n_groups - 1)) ** 0.5
