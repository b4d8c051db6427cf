r"""As surprised as expected? Entropy against loss, early in a text and late.

The entropy of a stated distribution is the surprise that the model itself expects. If it is
calibrated, what it meets is on average just that:

$$\frac1N \sum_t H(p_t) \approx -\frac1N \sum_t \ln p_t(w_t) .$$

A model whose entropy is the smaller of the two is overconfident. Looked at by position, the gap
tells whether the model gets worse or better at knowing what it knows as its context grows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from coursekit.calibration._blocks import row_blocks
from coursekit.calibration._groups import as_groups, as_whole_numbers, sum_by_group
from coursekit.calibration._validation import (
    ArrayLike,
    as_count,
    as_logits_and_labels,
)
from coursekit.calibration.intervals import Interval, bootstrap_interval
from coursekit.calibration.streaming import SumsMetric


class EntropyRate(NamedTuple):
    """How surprised a model was and expected to be, by P ranges of position, for each of G groups.

    Attributes:
        positions: Number of positions `(G, P)`, int64.
        entropy_sum: Sum of the entropies of the stated distributions `(G, P)`, nats, float64.
        nll_sum: Sum of the negative log-probabilities of what came `(G, P)`, nats, float64.
    """

    positions: Tensor
    entropy_sum: Tensor
    nll_sum: Tensor

    @property
    def entropy(self) -> Tensor:
        """Mean entropy `(P,)`, nats: the expected surprise; 0 where `positions` is."""
        return self.entropy_sum.sum(0) / self.positions.sum(0).clamp(min=1)

    @property
    def nll(self) -> Tensor:
        """Mean negative log-likelihood `(P,)`, nats: the surprise; 0 where `positions` is."""
        return self.nll_sum.sum(0) / self.positions.sum(0).clamp(min=1)

    @property
    def gap(self) -> Tensor:
        """Entropy minus surprise `(P,)`, nats: negative where the model is overconfident."""
        return self.entropy - self.nll

    def gap_interval(
        self, index: int, level: float = 0.95, n_resamples: int = 1000, seed: int = 0
    ) -> Interval:
        """Return the gap of one range of position, with an interval that resamples whole groups.

        Raises:
            ValueError: If fewer than two groups have positions in that range.
        """
        seen = self.positions[:, index] > 0
        return bootstrap_interval(
            lambda positions, excess: (excess.sum() / positions.sum()).item(),
            self.positions[seen, index],
            (self.entropy_sum - self.nll_sum)[seen, index],
            level=level,
            n_resamples=n_resamples,
            seed=seed,
        )


class EntropyRateCalibration(SumsMetric):
    """Mean entropy against negative log-likelihood, by ranges of position.

    Braverman et al. found that the entropy of what language models write grows with its length,
    away from their loss on real text: errors of calibration add up. A gap near 0 at every position
    says that this model, on this text, is on average as surprised as it expects to be.

    Args:
        borders: Rising positions that end a range: `(8, 32)` makes 1 .. 8, 9 .. 32, and from 33.
        n_groups: As in `VocabularyCalibration`.

    Raises:
        ValueError, TypeError: If `borders` do not rise, or `n_groups` is less than one.

    Reference:
        M. Braverman et al., "Calibration, entropy rates, and memory in language models",
        ICML 2020.
    """

    _configuration = ("borders", "n_groups")
    positions: Tensor
    entropy_sum: Tensor
    nll_sum: Tensor

    def __init__(
        self, borders: Sequence[int] = (8, 32, 128), n_groups: int = 1, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.borders = tuple(as_count(border, "borders") for border in borders)
        if not self.borders or sorted(set(self.borders)) != list(self.borders):
            raise ValueError(f"borders must be one or more rising numbers, found {self.borders}")
        self.n_groups = as_count(n_groups, "n_groups")
        shape = (self.n_groups, len(self.borders) + 1)
        self._add_sums("positions", shape=shape, dtype=torch.int64)
        self._add_sums("entropy_sum", "nll_sum", shape=shape, dtype=torch.float64)

    def update(
        self,
        logits: ArrayLike,
        labels: ArrayLike,
        position: ArrayLike,
        groups: ArrayLike | None = None,
    ) -> None:
        """Add positions.

        Args:
            logits: Unnormalised log-probabilities `(N, V)`, finite; log-probabilities will do.
            labels: The token that came at each `(N,)`, integers in 0 .. V - 1.
            position: How many tokens the model saw before each `(N,)`, whole numbers from 0.
            groups: As in `VocabularyCalibration.update`.

        Raises:
            ValueError, TypeError: As `VocabularyCalibration.update`.
        """
        logits, labels = as_logits_and_labels(logits, labels)
        groups = as_groups(groups, self.n_groups, logits)
        position = as_whole_numbers(position, "position", logits)
        borders = torch.tensor(self.borders, dtype=torch.int64, device=logits.device)
        inside = one_hot(torch.bucketize(position, borders), len(borders) + 1)
        blocks = [_entropy_and_nll(*block) for block in row_blocks(logits, labels)]
        entropy, nll = (torch.cat(column)[:, None] for column in zip(*blocks, strict=True))
        self._accumulate(
            positions=sum_by_group(inside, groups, self.n_groups),
            entropy_sum=sum_by_group(inside * entropy, groups, self.n_groups),
            nll_sum=sum_by_group(inside * nll, groups, self.n_groups),
        )

    def compute(self) -> EntropyRate:
        """Return the sums of all positions so far, of all processes."""
        self._require_data(self.positions)
        return EntropyRate(self.positions, self.entropy_sum, self.nll_sum)


def _entropy_and_nll(rows: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Return the entropy of each row of logits and the surprise at its label, `(N,)`, nats."""
    log_probs = rows.log_softmax(1)
    nll = -log_probs.gather(1, labels[:, None]).squeeze(1)
    return torch.special.entr(log_probs.exp_()).sum(1), nll
