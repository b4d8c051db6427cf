r"""Sets that contain the truth as often as promised, from any model, calibrated or not.

Split conformal prediction asks on n held-out examples how strange each true class looked, by a
*score* $s_i$, and then predicts every class that looks no stranger than most truths did:

$$\hat q = s_{(k)}, \quad k = \lceil (n + 1)\,\mathrm{level} \rceil, \qquad
  \text{set}(x) = \{\, c : s(x, c) \le \hat q \,\} .$$

If the held-out examples and the new one are exchangeable (drawn alike, in no particular order),
the set contains the truth with probability at least `level`, whatever the model and however small
n: the rank of a new score among n + 1 is uniform. The promise is for the average over held-out
sets and questions; for one held-out set the coverage is itself random, and follows
Beta(k, n + 1 - k). It says nothing about any one kind of question, and ends where data shift.
"""

from __future__ import annotations

import math
import warnings
from typing import Literal, Self

import torch
from torch import Tensor

from coursekit.calibration._validation import (
    ArrayLike,
    as_generator,
    as_labels,
    as_probs,
    as_probs_and_labels,
    require_choice,
    require_level,
    to_tensor,
)


class ConformalSets:
    """Prediction sets with a guaranteed coverage: `fit` on held-out data, then `predict_sets`.

    Two scores say how strange a class looks:

    - `"threshold"`: 1 - p. The sets are the smallest on average. A question on which the model
      is unsure everywhere may get an empty set.
    - `"adaptive"`: the probability of all classes more probable than this one, so that a set
      goes down from the most probable class until it holds more than the quantile. Easy questions
      get small sets, hard ones large sets, and none is empty. Where the most probable class alone
      is right as often as promised, sets hold that class and cover more than promised. With
      `seed` a random share of the class itself counts too, as in the paper, and coverage is
      exact; a set may then be empty.

    With fewer than `level / (1 - level)` held-out examples (9 for 0.9) no finite quantile keeps
    the promise. Then every set holds all classes, which does keep it, and `fit` raises a
    `RuntimeWarning`.

    Args:
        level: How often a set shall contain the truth, in (0, 1).
        score: `"threshold"` or `"adaptive"`.
        seed: Randomises the adaptive score; None leaves it deterministic.

    Attributes:
        quantile_: The largest score that enters a set; infinite with too few examples.

    Raises:
        ValueError: If an option is out of range, or `seed` is given to `"threshold"`.
        TypeError: If `level` is no number, or `seed` no whole number.

    Reference:
        M. Sadinle, J. Lei, L. Wasserman, "Least ambiguous set-valued classifiers with bounded
        error levels", Journal of the American Statistical Association 114, 2019 (threshold);
        Y. Romano, M. Sesia, E. Candès, "Classification with valid and adaptive coverage",
        NeurIPS 2020 (adaptive: there the smallest level at which a class enters is its score,
        which without randomisation is the probability above it); V. Vovk, "Conditional validity
        of inductive conformal predictors", ACML 2012 (the Beta distribution).

    Example:
        >>> held_out = [[0.7, 0.2, 0.1], [0.5, 0.3, 0.2], [0.6, 0.3, 0.1], [0.4, 0.4, 0.2]]
        >>> sets = ConformalSets(level=0.75).fit(held_out, [0, 1, 0, 1])
        >>> sets.predict_sets([[0.9, 0.05, 0.05], [0.45, 0.4, 0.15]])
        tensor([[ True, False, False],
                [ True,  True, False]])
    """

    quantile_: float

    def __init__(
        self,
        level: float = 0.9,
        score: Literal["threshold", "adaptive"] = "threshold",
        seed: int | None = None,
    ) -> None:
        require_level(level)
        require_choice(score, ("threshold", "adaptive"), "score")
        if score == "threshold" and seed is not None:
            raise ValueError(f"seed belongs to score='adaptive', found seed={seed} without it")
        self.level, self.score, self.seed = level, score, seed
        self._generator = None if seed is None else as_generator(seed)

    def fit(self, probs: ArrayLike, labels: ArrayLike) -> Self:
        """Learn the quantile from data that neither trained nor tuned the model.

        Args:
            probs: Probabilities `(N, C)`; each row sums to 1 within 1e-4.
            labels: The true classes `(N,)`, integers in 0 .. C - 1.

        Raises:
            ValueError: If an argument has a wrong shape, is empty or not a probability, or a label
                is out of range.
            TypeError: If the labels are not integers.
        """
        probs, labels = as_probs_and_labels(probs, labels)
        of_truth = self._scores(probs).gather(1, labels[:, None]).squeeze(1)
        # (99 + 1) * 0.07 is 7.000000000000001 in floating point; rank 7 is meant.
        rank = math.ceil((len(of_truth) + 1) * self.level - 1e-9)
        if rank <= len(of_truth):
            self.quantile_ = of_truth.kthvalue(rank).values.item()
        else:
            self.quantile_ = math.inf
            warnings.warn(
                f"every set will hold all classes: level {self.level} needs at least "
                f"{math.ceil(self.level / (1 - self.level) - 1e-9)} examples, found {len(labels)}",
                RuntimeWarning,
                stacklevel=2,
            )
        return self

    def predict_sets(self, probs: ArrayLike) -> Tensor:
        """Return which classes enter each set, bool `(N, C)`.

        Raises:
            RuntimeError: If called before `fit`.
            ValueError: If `probs (N, C)` has a wrong shape, is empty or not a probability.
        """
        if not hasattr(self, "quantile_"):
            raise RuntimeError("no quantile yet: call fit(probs, labels) on held-out data first")
        return self._scores(as_probs(probs)) <= self.quantile_

    def _scores(self, probs: Tensor) -> Tensor:
        """Return how strange each class looks `(N, C)`, float64."""
        probs = probs.double()
        if self.score == "threshold":
            return 1 - probs
        ordered, order = probs.sort(dim=1, descending=True, stable=True)
        above = torch.nn.functional.pad(ordered.cumsum(1)[:, :-1], (1, 0))
        if self._generator is not None:
            share = torch.rand(len(probs), 1, dtype=torch.float64, generator=self._generator)
            above += (1 - share.to(probs.device)) * ordered
        return torch.empty_like(above).scatter_(1, order, above)


def coverage(sets: ArrayLike, labels: ArrayLike) -> float:
    """Return the fraction of `sets (N, C)` that contain their label.

    Args:
        sets: Which classes each set holds `(N, C)`, bool.
        labels: The true classes `(N,)`, integers in 0 .. C - 1.

    Raises:
        ValueError: If an argument has a wrong shape, is empty, or a label is out of range.
        TypeError: If `sets` are not booleans or the labels not integers.

    Example:
        >>> coverage([[True, True, False], [False, False, True]], [1, 0])
        0.5
    """
    sets = _as_sets(sets)
    labels = as_labels(labels, sets)
    return sets.gather(1, labels[:, None]).double().mean().item()


def mean_set_size(sets: ArrayLike) -> float:
    """Return how many classes `sets (N, C)` hold on average: the price of their coverage.

    Raises:
        ValueError, TypeError: As `coverage`.

    Example:
        >>> mean_set_size([[True, True, False], [False, False, True]])
        1.5
    """
    return _as_sets(sets).sum(1).double().mean().item()


def _as_sets(value: ArrayLike) -> Tensor:
    sets = to_tensor(value, "sets")
    if sets.dtype != torch.bool:
        raise TypeError(f"sets must be booleans, as predict_sets returns, found {sets.dtype}")
    if sets.ndim != 2 or sets.numel() == 0:
        raise ValueError(f"sets must have shape (N, C), found shape {tuple(sets.shape)}")
    return sets
