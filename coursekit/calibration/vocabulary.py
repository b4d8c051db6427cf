r"""Every probability of a language model, not only the largest: down to one in a million.

At each position t a language model states a probability $p_{tv}$ for every entry v of its
vocabulary, and one of them comes. All these pairs are sorted by probability into bins over many
decades, and in each bin we compare how many came with how many were to be expected:

$$\text{expected}_b = \sum_{(t, v) \in b} p_{tv}, \qquad
  \text{observed}_b = \#\{(t, v) \in b : v \text{ came at } t\} .$$
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor

from coursekit.calibration._blocks import row_blocks
from coursekit.calibration._groups import as_groups, sum_by_group
from coursekit.calibration._validation import (
    ArrayLike,
    as_count,
    as_logits_and_labels,
)
from coursekit.calibration.intervals import Interval, bootstrap_interval
from coursekit.calibration.streaming import SumsMetric, holds_no_rows

#: Sums for each of more groups would fill the memory.
MOST_GROUPS = 2**20


class VocabularyBins(NamedTuple):
    """What was expected and what came, in B bins of probability, for each of G groups.

    Attributes:
        edges: Borders of the bins `(B + 1,)`; bin b is `(edges[b], edges[b + 1]]`, and the first
            one, from 0, holds whatever is smaller than the lowest decade.
        pairs: Number of pairs of a position and a vocabulary entry `(G, B)`, int64.
        expected: Sum of their probabilities `(G, B)`, float64.
        observed: How many of them came `(G, B)`, int64.
        variance: Variance of `observed` if all probabilities were the true ones `(G, B)`, float64.
            Positions may depend on each other: a sum of forecast errors has the sum of their
            conditional variances.

    Example:
        >>> metric = VocabularyCalibration(decades=1, bins_per_decade=1)
        >>> metric.update([[0.0, 0.0, 0.0]], [2])  # three pairs of probability 1/3
        >>> bins = metric.compute()
        >>> round(bins.probability[1].item(), 3), round(bins.ratio(0.1, 1), 3)
        (0.333, 1.0)
    """

    edges: Tensor
    pairs: Tensor
    expected: Tensor
    observed: Tensor
    variance: Tensor

    @property
    def probability(self) -> Tensor:
        """Mean stated probability `(B,)`; 0 in an empty bin, which `pairs` tells apart."""
        return self.expected.sum(0) / self.pairs.sum(0).clamp(min=1)

    @property
    def frequency(self) -> Tensor:
        """How often a pair came `(B,)`; 0 in an empty bin, which `pairs` tells apart."""
        return self.observed.sum(0).double() / self.pairs.sum(0).clamp(min=1)

    def ratio(self, low: float = 0.0, high: float = 1.0) -> float:
        """Return observed / expected over the bins between two edges: 1 if calibrated.

        Raises:
            ValueError: If `low` or `high` is not an edge, or nothing was expected between them.
        """
        inside = self._between(low, high)
        return _ratio(self.observed[:, inside], self.expected[:, inside])

    def ratio_interval(
        self,
        low: float = 0.0,
        high: float = 1.0,
        level: float = 0.95,
        n_resamples: int = 1000,
        seed: int = 0,
    ) -> Interval:
        """Return `ratio` with a bootstrap interval that resamples whole groups (documents).

        Raises:
            ValueError: As `ratio`; or if fewer than two groups have data.
        """
        inside = self._between(low, high)
        seen = self.pairs.sum(1) > 0
        return bootstrap_interval(
            _ratio,
            self.observed[seen][:, inside],
            self.expected[seen][:, inside],
            level=level,
            n_resamples=n_resamples,
            seed=seed,
        )

    def _between(self, low: float, high: float) -> slice:
        first, last = (self._edge(value, name) for value, name in ((low, "low"), (high, "high")))
        if first >= last:
            raise ValueError(f"low must be smaller than high, found {low:g} and {high:g}")
        return slice(first, last)

    def _edge(self, value: float, name: str) -> int:
        near = (self.edges - value).abs() <= 1e-9 * self.edges
        if not near.any():
            raise ValueError(f"{name} must be one of the edges of the bins, found {value:g}")
        return int(near.nonzero()[0])


def _ratio(observed: Tensor, expected: Tensor) -> float:
    if not expected.sum() > 0:
        raise ValueError("the bins must hold some probability for a ratio, found none. Take more")
    return (observed.sum() / expected.sum()).item()


class VocabularyCalibration(SumsMetric):
    """Calibration of every pair of a position and a vocabulary entry, in memory of a few bins.

    20,000 positions of a vocabulary of 49,152 are a billion forecasts; what is kept of them are
    four sums for each bin. A pair within rounding of a border may fall on either side of it.

    Args:
        decades: The smallest border is 10 to the power of minus this.
        bins_per_decade: Bins between a probability and ten times it.
        n_groups: Number of groups (documents), if sums are to be kept for each: an interval needs
            them, as tokens of one document are not independent.

    Raises:
        ValueError, TypeError: If an argument is not a whole number of at least one.

    Example:
        >>> metric = VocabularyCalibration(decades=1, bins_per_decade=1)
        >>> metric.update([[0.0, 0.0, 0.0]], [2])  # three pairs of probability 1/3
        >>> metric.compute().pairs.tolist(), metric.compute().observed.tolist()
        ([[0, 3]], [[0, 1]])
    """

    _configuration = ("decades", "bins_per_decade", "n_groups")
    pairs: Tensor
    observed: Tensor
    expected: Tensor
    variance: Tensor

    def __init__(
        self, decades: int = 6, bins_per_decade: int = 4, n_groups: int = 1, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        # Below 1e-300 the borders are no normal floats any more.
        self.decades = as_count(decades, "decades", most=300)
        self.bins_per_decade = as_count(bins_per_decade, "bins_per_decade", most=1000)
        self.n_groups = as_count(n_groups, "n_groups", most=MOST_GROUPS)
        self.n_bins = self.decades * self.bins_per_decade + 1
        shape = (self.n_groups, self.n_bins)
        self._add_sums("pairs", "observed", shape=shape, dtype=torch.int64)
        self._add_sums("expected", "variance", shape=shape, dtype=torch.float64)

    def update(self, logits: ArrayLike, labels: ArrayLike, groups: ArrayLike | None = None) -> None:
        """Add positions.

        Args:
            logits: Unnormalised log-probabilities `(N, V)`, finite; log-probabilities will do.
            labels: The token that came at each `(N,)`, integers in 0 .. V - 1.
            groups: The group of each position `(N,)`, integers in 0 .. n_groups - 1, the same
                numbers in every process; needed if `n_groups` is more than one.

        Raises:
            ValueError: If an argument has a wrong shape, is not finite or out of range, or `groups`
                is missing.
            TypeError: If labels or groups are not integers.
        """
        if holds_no_rows(logits=logits, labels=labels):
            return
        logits, labels = as_logits_and_labels(logits, labels)
        groups = as_groups(groups, self.n_groups, logits)
        tables = [self._count_rows(*block) for block in row_blocks(logits, labels)]
        pairs, observed, expected = (torch.cat(table) for table in zip(*tables, strict=True))
        # Of all entries of one bin at most one comes at a position: a coin with this probability.
        variance = (expected * (1 - expected)).clamp_(min=0)
        self._accumulate(
            pairs=sum_by_group(pairs, groups, self.n_groups),
            observed=sum_by_group(observed, groups, self.n_groups),
            expected=sum_by_group(expected, groups, self.n_groups),
            variance=sum_by_group(variance, groups, self.n_groups),
        )

    def _count_rows(self, rows: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return pairs, observed and expected of each row `(N, B)`."""
        n_bins, shape = self.n_bins, (len(rows), self.n_bins)
        log_probs = rows.log_softmax(1)
        # In these units, the border above bin b is at b, and that above the last one is ln 1.
        index = log_probs * (self.bins_per_decade / math.log(10)) + (n_bins - 1)
        index = index.ceil_().clamp_(0, n_bins - 1).long()
        came = index.gather(1, labels[:, None])
        # Rows get bins of their own, so that one bincount serves them all.
        index += n_bins * torch.arange(len(rows), device=index.device)[:, None]
        index, probs = index.flatten(), log_probs.exp_().flatten()
        pairs = index.bincount(minlength=len(rows) * n_bins).view(shape)
        expected = index.bincount(probs, minlength=len(rows) * n_bins).view(shape)
        return pairs, torch.zeros_like(pairs).scatter_(1, came, 1), expected

    def compute(self) -> VocabularyBins:
        """Return the sums of all positions so far, of all processes."""
        self._require_data(self.pairs)
        exponents = torch.arange(1 - self.n_bins, 1, dtype=torch.float64) / self.bins_per_decade
        edges = torch.cat([torch.zeros(1, dtype=torch.float64), 10.0**exponents])
        edges = edges.to(self.pairs.device)
        return VocabularyBins(edges, self.pairs, self.expected, self.observed, self.variance)
