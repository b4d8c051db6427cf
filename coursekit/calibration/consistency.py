r"""What would a calibrated model show, by chance alone? Simulations of one that is.

If every confidence is a true probability, the outcomes can be drawn again: each prediction comes
true with exactly the probability it states. Many such draws show how large a calibration error
(`ece_null_distribution`), how far a point from the diagonal (`consistency_bands`), chance alone
produces; `calibration_test` asks whether what was observed goes beyond.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from coursekit.calibration._validation import (
    ArrayLike,
    as_confidence,
    as_confidence_and_correct,
    as_generator,
    as_group_index,
    as_n_draws,
    require_choice,
    require_level,
)
from coursekit.calibration.bins import Binning, assign_bins, sum_by_bin
from coursekit.calibration.errors import Norm, norm_of_gaps

#: Random numbers drawn at a time: 32 MB in float64.
_DRAWS_AT_A_TIME = 2**22


def ece_null_distribution(
    confidence: ArrayLike,
    n_bins: int = 15,
    binning: Binning = "uniform",
    norm: Norm = "l1",
    n_simulations: int = 1000,
    seed: int = 0,
) -> Tensor:
    """Draw the ECE that a perfectly calibrated model with these confidences would show.

    Each simulation draws anew, for every prediction, whether it comes true, with exactly the
    stated confidence, and estimates the ECE of that. An observed ECE below the 95 % point of
    these draws is no evidence of miscalibration. Predictions are taken as independent; the
    tokens of one document are not, and then the true distribution is wider.

    Args:
        confidence: Predicted probabilities `(N,)`.
        n_bins: Number of bins, as for the ECE it is compared with.
        binning: `"uniform"`, `"quantile"` or `"discrete"`, likewise.
        norm: `"l1"`, `"l2"` or `"max"`, likewise.
        n_simulations: Number of draws S.
        seed: Seed of the random numbers.

    Returns:
        The estimates `(S,)`, float64, unsorted.

    Raises:
        ValueError: If an argument has a wrong shape, is empty, out of range or unknown.
        TypeError: If an argument does not hold numbers.

    Reference:
        J. Bröcker, L. A. Smith, "Increasing the reliability of reliability diagrams", Weather
        and Forecasting 22, 2007 (consistency resampling).

    Example:
        >>> draws = ece_null_distribution([0.9] * 100)  # calibrated, and yet never 0
        >>> round(draws.mean().item(), 2)
        0.02
    """
    require_choice(norm, ("l1", "l2", "max"), "norm")
    residual, count = _simulated_residuals(
        as_confidence(confidence), n_bins, binning, n_simulations, seed
    )
    return norm_of_gaps(residual, count / count.sum(), norm)


@dataclass(frozen=True)
class ConsistencyBands:
    """Where the accuracy of each of B bins lies if the model is calibrated.

    Attributes:
        low: Lower ends `(B,)`; 0 for an empty bin.
        high: Upper ends `(B,)`; 1 for an empty bin.
        level: Share of calibrated samples in which a bin's accuracy lies inside.

    Example:
        >>> bands = consistency_bands([0.5] * 100, n_bins=1)
        >>> bands.level
        0.95
    """

    low: Tensor
    high: Tensor
    level: float


def consistency_bands(
    confidence: ArrayLike,
    n_bins: int = 15,
    binning: Binning = "uniform",
    level: float = 0.95,
    n_simulations: int = 1000,
    seed: int = 0,
) -> ConsistencyBands:
    """Return, for each bin, where its accuracy would lie if the model were calibrated.

    Drawn around the diagonal they answer another question than an interval around the point: not
    where the accuracy is, but whether the distance from the diagonal needs an explanation. Each
    bin has its own `level`: of 15 calibrated bins, one outside its 95 % band is no surprise.

    Args:
        confidence: Predicted probabilities `(N,)`; outcomes are not needed.
        n_bins: Number of bins B, see `reliability_bins`.
        binning: `"uniform"`, `"quantile"` or `"discrete"`, likewise.
        level: Nominal coverage of each bin.
        n_simulations: Number of simulated samples.
        seed: Seed of the random numbers.

    Raises:
        ValueError: If an argument has a wrong shape, is empty, out of range or unknown.
        TypeError: If an argument does not hold numbers.

    Reference:
        J. Bröcker, L. A. Smith, "Increasing the reliability of reliability diagrams", Weather
        and Forecasting 22, 2007.

    Example:
        >>> bands = consistency_bands([0.5] * 100, n_bins=1)
        >>> 0.35 < bands.low.item() < 0.45 < 0.55 < bands.high.item() < 0.65
        True
    """
    require_level(level)
    confidence = as_confidence(confidence)
    residual, count = _simulated_residuals(confidence, n_bins, binning, n_simulations, seed)
    edges, index = assign_bins(confidence, n_bins, binning)
    centre = sum_by_bin(confidence, index, len(edges) - 1) / count.clamp(min=1)
    tail = (1 - level) / 2
    low = centre + residual.quantile(tail, dim=0, interpolation="lower")
    high = centre + residual.quantile(1 - tail, dim=0, interpolation="higher")
    empty = count == 0
    return ConsistencyBands(
        low=low.clamp(0, 1).masked_fill(empty, 0),
        high=high.clamp(0, 1).masked_fill(empty, 1),
        level=level,
    )


@dataclass(frozen=True)
class CalibrationTest:
    """The answer of `calibration_test`.

    Attributes:
        statistic: The calibration error that was observed.
        p_value: How often a calibrated model shows at least as much; in (0, 1].
        expected: Mean of the statistic over calibrated samples: what chance alone produces.

    Example:
        >>> calibration_test([0.9] * 20, [True] * 10 + [False] * 10, n_simulations=99).p_value
        0.01
    """

    statistic: float
    p_value: float
    expected: float


def calibration_test(
    confidence: ArrayLike,
    correct: ArrayLike,
    statistic: Callable[[Tensor, Tensor], float] | None = None,
    *,
    n_bins: int = 15,
    binning: Binning = "quantile",
    norm: Norm = "l2",
    groups: ArrayLike | None = None,
    n_simulations: int = 1000,
    seed: int = 0,
) -> CalibrationTest:
    """Test whether the model may be calibrated; a small p-value says that it is not.

    The observed error is ranked among those of `n_simulations` calibrated samples of the same
    confidences. Of calibrated models, a share of at most 0.05 gets a p-value below 0.05,
    whatever the size of the sample: the test is exact for independent predictions. A large
    p-value does not prove calibration; a small sample hides much.

    With `groups`, predictions of one group may depend on each other in any way. Outcomes cannot
    then be drawn one by one; instead the differences between outcome and confidence are kept,
    and for each group as a whole their sign is drawn (wild cluster bootstrap). This holds
    approximately, and better the more groups there are: have at least 30.

    Args:
        confidence: Predicted probabilities `(N,)`.
        correct: Whether each prediction came true `(N,)`, bool or 0 and 1.
        statistic: A function of `confidence (N,)` and `correct (N,)` that grows with
            miscalibration, such as `smooth_calibration_error`. By default the binned error that
            the next three arguments describe, which is much faster.
        n_bins: Number of bins.
        binning: `"uniform"`, `"quantile"` or `"discrete"`.
        norm: `"l1"`, `"l2"` or `"max"`.
        groups: To which group each prediction belongs `(N,)`, such as its document.
        n_simulations: Number of simulated samples; the smallest p-value is 1 / (this + 1).
        seed: Seed of the random numbers.

    Raises:
        ValueError: If an argument has a wrong shape, is empty, out of range or unknown, if both
            `statistic` and `groups` are given, or there is only one group.
        TypeError: If an argument does not hold numbers, or `statistic` is not a function.

    Reference:
        J. Bröcker, L. A. Smith, "Increasing the reliability of reliability diagrams", Weather
        and Forecasting 22, 2007; A. C. Cameron, J. B. Gelbach, D. L. Miller, "Bootstrap-based
        improvements for inference with clustered errors", Review of Economics and Statistics
        90, 2008 (groups).

    Example:
        >>> found = calibration_test([0.9] * 20, [True] * 10 + [False] * 10, n_simulations=99)
        >>> round(found.statistic, 3), found.p_value
        (0.4, 0.01)
    """
    require_choice(norm, ("l1", "l2", "max"), "norm")
    confidence, correct = as_confidence_and_correct(confidence, correct)
    if statistic is not None:
        if groups is not None:
            raise ValueError(
                "groups must be left out where statistic is given, found both. They work with the "
                "binned error only"
            )
        if not callable(statistic):
            raise TypeError(f"statistic must be a function or None, found {statistic!r}")
        observed = float(statistic(confidence, correct))
        null = _simulated_statistics(confidence, statistic, n_simulations, seed)
    else:
        residual, count = _observed_residuals(confidence, correct, n_bins, binning)
        weight = count / count.sum()
        observed = norm_of_gaps(residual, weight, norm).item()
        if groups is None:
            residuals, _ = _simulated_residuals(confidence, n_bins, binning, n_simulations, seed)
        else:
            index = as_group_index(groups, len(confidence)).to(confidence.device)
            residuals = _sign_flipped_residuals(
                confidence, correct, index, n_bins, binning, n_simulations, seed
            )
        null = norm_of_gaps(residuals, weight, norm)
    # Equal statistics may differ by rounding; counting them as larger keeps the level.
    as_large = (null >= observed - 1e-12).sum().item()
    return CalibrationTest(observed, (1 + as_large) / (1 + len(null)), null.mean().item())


def _simulated_residuals(
    confidence: Tensor, n_bins: int, binning: Binning, n_simulations: int, seed: int
) -> tuple[Tensor, Tensor]:
    """Return mean residuals `(S, B)` of S calibrated samples, and the counts of the bins `(B,)`."""
    n_simulations = as_n_draws(n_simulations, "n_simulations")
    edges, index = assign_bins(confidence, n_bins, binning)
    # Bins depend on the confidences alone, so summing the draws in each is one matrix product.
    membership = torch.nn.functional.one_hot(index, len(edges) - 1).double()
    confidence = confidence.double()
    count, confidence_sum = membership.sum(dim=0), confidence @ membership
    generator = as_generator(seed, confidence.device)
    residuals = []
    for block in torch.arange(n_simulations).split(max(1, _DRAWS_AT_A_TIME // len(confidence))):
        drawn = torch.bernoulli(confidence.expand(len(block), -1), generator=generator)
        residuals.append((drawn @ membership - confidence_sum) / count.clamp(min=1))
    return torch.cat(residuals), count


def _simulated_statistics(
    confidence: Tensor,
    statistic: Callable[[Tensor, Tensor], float],
    n_simulations: int,
    seed: int,
) -> Tensor:
    generator = as_generator(seed, confidence.device)
    probability = confidence.double()
    return torch.tensor(
        [
            float(statistic(confidence, torch.bernoulli(probability, generator=generator).bool()))
            for _ in range(as_n_draws(n_simulations, "n_simulations"))
        ],
        dtype=torch.float64,
    )


def _observed_residuals(
    confidence: Tensor, correct: Tensor, n_bins: int, binning: Binning
) -> tuple[Tensor, Tensor]:
    """Return the mean of correct minus confidence in each bin `(B,)`, and the counts `(B,)`."""
    edges, index = assign_bins(confidence, n_bins, binning)
    n_bins = len(edges) - 1
    count = torch.bincount(index, minlength=n_bins)
    residual = correct.double() - confidence.double()
    return sum_by_bin(residual, index, n_bins) / count.clamp(min=1), count.double()


def _sign_flipped_residuals(
    confidence: Tensor,
    correct: Tensor,
    group: Tensor,
    n_bins: int,
    binning: Binning,
    n_simulations: int,
    seed: int,
) -> Tensor:
    """Return mean residuals `(S, B)` after those of whole groups changed sign at random."""
    n_simulations, n_groups = as_n_draws(n_simulations, "n_simulations"), int(group.max()) + 1
    if n_groups < 2:
        raise ValueError(f"groups must name at least 2 different groups, found {n_groups}")
    edges, index = assign_bins(confidence, n_bins, binning)
    n_bins = len(edges) - 1
    residual = correct.double() - confidence.double()
    by_group = sum_by_bin(residual, group * n_bins + index, n_groups * n_bins)
    generator = as_generator(seed, confidence.device)
    half = torch.full((n_simulations, n_groups), 0.5, dtype=torch.float64, device=group.device)
    sign = 2 * torch.bernoulli(half, generator=generator) - 1
    count = torch.bincount(index, minlength=n_bins)
    return sign @ by_group.reshape(n_groups, n_bins) / count.clamp(min=1)
