r"""What a fallible judge says of many answers, put right by a few answers that somebody graded.

A judge calls a right answer right with probability $s$ (its sensitivity) and a wrong one wrong with
probability $c$ (its specificity). Of answers of which a share $a$ is right it calls

$$q = a s + (1 - a) (1 - c)$$

right: the more answers are judged, the surer one is of $q$, which is not $a$. Two ways lead back.
`rogan_gladen` solves for $a$, with $s$ and $c$ from graded answers. `prediction_powered_mean`
starts from the graded answers alone and uses the judge to take out part of their scatter.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from coursekit.calibration._validation import (
    ArrayLike,
    as_correct,
    as_number,
    require_level,
    require_same_length,
    to_tensor,
)
from coursekit.calibration.intervals import LEVEL, Interval


def rogan_gladen(
    gold: ArrayLike, gold_judged: ArrayLike, judged: ArrayLike, *, level: float = LEVEL
) -> Interval:
    r"""Return the share of right answers behind a judge's verdicts, with an interval in [0, 1].

    The estimate is $(q + c - 1) / (s + c - 1)$, cut to [0, 1]. The interval holds every share that
    the verdicts and the graded answers do not contradict (Fieller's way): with
    $d(a) = q - a s - (1 - a) (1 - c)$, those with $d(a)^2 \le z^2 \operatorname{var} d(a)$. So what
    is not known of $s$ and $c$ widens it, up to [0, 1] where the judge may tell nothing. Each
    variance is that of a proportion to which one success and one failure were added.

    Only $s$ and $c$ are taken from the graded answers: they may come from elsewhere, with another
    share of right ones, as long as the judge errs there as it errs here. They are not to be among
    the judged.

    Args:
        gold: Whether graded answers are right `(n,)`, some of them right and some wrong.
        gold_judged: What the judge says of these `(n,)`.
        judged: What the judge says of the answers in question `(N,)`.
        level: Nominal coverage.

    Raises:
        ValueError: If a shape or value is wrong, the graded answers are all right or all wrong, or
            the judge says right equally often of both kinds: then nothing can be solved for.
        TypeError: If an argument does not hold numbers.

    Reference:
        W. J. Rogan, B. Gladen, "Estimating prevalence from the results of a screening test",
        American Journal of Epidemiology 107, 1978; E. C. Fieller, "Some problems in interval
        estimation", Journal of the Royal Statistical Society B 16, 1954.

    Example:
        >>> gold = [1] * 50 + [0] * 50
        >>> gold_judged = [1] * 45 + [0] * 5 + [1] * 10 + [0] * 40  # s = 0.9, c = 0.8
        >>> print(rogan_gladen(gold, gold_judged, [1] * 620 + [0] * 380))
        0.600 [0.488, 0.710]
    """
    require_level(level)
    truth, verdict, said = _checked(gold, gold_judged, judged)
    if bool(truth.all()) or not bool(truth.any()):
        raise ValueError(
            "gold must hold right answers and wrong ones, to see how the judge errs about each, "
            f"found {int(truth.sum())} right of {len(truth)}"
        )
    n_right, n_wrong = int(truth.sum()), int((~truth).sum())
    caught, cleared = int((verdict & truth).sum()), int((~verdict & ~truth).sum())
    sensitivity, specificity = caught / n_right, cleared / n_wrong
    slope = sensitivity + specificity - 1
    if abs(slope) < 1e-12:
        raise ValueError(
            "gold_judged must tell right answers from wrong ones, found that the judge says right "
            f"of {sensitivity:.3g} of both kinds"
        )
    above = said.double().mean().item() + specificity - 1
    of_share, of_right, of_wrong = (
        _variance(hits, n)
        for hits, n in ((int(said.sum()), len(said)), (caught, n_right), (cleared, n_wrong))
    )
    low, high = _fieller(above, slope, of_share, of_right, of_wrong, level)
    estimate = min(max(above / slope, 0.0), 1.0)
    return Interval(estimate, min(low, estimate), max(high, estimate), level)


def prediction_powered_mean(
    gold: ArrayLike,
    gold_judged: ArrayLike,
    judged: ArrayLike,
    *,
    weight: float | None = None,
    level: float = LEVEL,
) -> Interval:
    r"""Return the mean of what graded answers measure, sharpened by a judge of many more.

    With $y$ the grades, $f$ the judge's word on the same answers and $\tilde f$ on the others,

    $$\hat a = \bar y + \lambda \, (\bar{\tilde f} - \bar f) .$$

    Whatever the judge is worth, this is right on average, because the graded answers are a random
    part of all. $\lambda = 1$ is prediction-powered inference. By default $\lambda$ is the value
    that makes the variance least, $\operatorname{cov}(y, f) / ((1 + n / N) \operatorname{var} f)$:
    a judge that knows nothing is then left out.

    Args:
        gold: Grades `(n,)`: whether answers are right, or any numbers.
        gold_judged: What the judge says of these `(n,)`: verdicts, probabilities, or points.
        judged: What it says of answers without a grade, drawn as those were `(N,)`.
        weight: λ; by default the best one. 0 leaves the judge out.
        level: Nominal coverage, by the normal law: with fewer than some 50 grades it is too narrow.

    Raises:
        ValueError: If a shape is wrong, there are fewer than two of either, or a number is not
            finite.
        TypeError: If an argument does not hold numbers.

    Reference:
        A. N. Angelopoulos, S. Bates, C. Fannjiang, M. I. Jordan, T. Zrnic, "Prediction-powered
        inference", Science 382, 2023; A. N. Angelopoulos, J. C. Duchi, T. Zrnic, "PPI++",
        arXiv:2311.01453, 2023, section 3 (the best λ).

    Example:
        >>> gold, gold_judged = [1, 1, 0, 0, 1, 0] * 10, [1, 1, 0, 1, 1, 0] * 10
        >>> print(prediction_powered_mean(gold, gold_judged, [1, 0] * 500))
        0.393 [0.300, 0.487]
    """
    require_level(level)
    truth, verdict, said = (
        _numbers(value, name)
        for value, name in ((gold, "gold"), (gold_judged, "gold_judged"), (judged, "judged"))
    )
    require_same_length(gold=truth, gold_judged=verdict)
    n, n_more = len(truth), len(said)
    if weight is None:
        spread = torch.cat([verdict, said]).var().item()
        together = ((truth - truth.mean()) * (verdict - verdict.mean())).sum().item() / (n - 1)
        weight = together / ((1 + n / n_more) * spread) if spread > 0 else 0.0
    weight = as_number(weight, "weight", -math.inf)
    estimate = (truth.mean() + weight * (said.mean() - verdict.mean())).item()
    variance = (truth - weight * verdict).var().item() / n + weight**2 * said.var().item() / n_more
    half = _quantile(level) * math.sqrt(variance)
    return Interval(estimate, estimate - half, estimate + half, level)


def _checked(
    gold: ArrayLike, gold_judged: ArrayLike, judged: ArrayLike
) -> tuple[Tensor, Tensor, Tensor]:
    truth, verdict, said = (
        as_correct(value, name).cpu()
        for value, name in ((gold, "gold"), (gold_judged, "gold_judged"), (judged, "judged"))
    )
    require_same_length(gold=truth, gold_judged=verdict)
    return truth, verdict, said


def _numbers(value: ArrayLike, name: str) -> Tensor:
    tensor = to_tensor(value, name).cpu().double()
    if tensor.ndim != 1 or len(tensor) < 2:
        raise ValueError(
            f"{name} must have shape (N,) with at least 2 numbers, found shape "
            f"{tuple(tensor.shape)}"
        )
    if not tensor.isfinite().all():
        raise ValueError(f"{name} must be finite, found NaN or infinity")
    return tensor


def _variance(hits: int, n: int) -> float:
    """Return the variance of a proportion, with one success and one failure added."""
    share = (hits + 1) / (n + 2)
    return share * (1 - share) / n


def _fieller(
    above: float, slope: float, of_share: float, of_right: float, of_wrong: float, level: float
) -> tuple[float, float]:
    """Return the ends in [0, 1] of the shares a with (above - a slope)^2 <= z^2 var(a)."""
    z2 = _quantile(level) ** 2
    a = slope**2 - z2 * (of_right + of_wrong)
    b = -2 * above * slope + 2 * z2 * of_wrong
    c = above**2 - z2 * (of_share + of_wrong)
    root = b**2 - 4 * a * c
    if a <= 0 or root < 0:  # the judge may tell nothing: no share is ruled out on both sides
        return 0.0, 1.0
    ends = ((-b - math.sqrt(root)) / (2 * a), (-b + math.sqrt(root)) / (2 * a))
    low, high = (min(max(end, 0.0), 1.0) for end in ends)
    return low, high


def _quantile(level: float) -> float:
    """Return how many standard deviations an interval of this level reaches to either side."""
    return torch.special.ndtri(torch.tensor((1 + level) / 2, dtype=torch.float64)).item()
