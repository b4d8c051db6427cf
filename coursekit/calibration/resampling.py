r"""The bootstrap: what a number would have been on other samples, drawn from the one there is.

Whole groups of rows are drawn with replacement (tokens of one document go wrong together), and a
resample is then nothing but a weight for each group. Whatever follows from sums over rows is
computed for all R resamples at once, as one product of matrices:

$$\text{totals} = W S, \qquad W_{rg} = \text{how often resample } r \text{ holds group } g, \quad
  S_{gk} = \text{sum of column } k \text{ over group } g .$$

Any other statistic is computed on the rows of one resample after the other, from the same draws.

Reference:
    A. C. Davison, D. V. Hinkley, "Bootstrap Methods and their Application", 1997, section 3.8.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from coursekit.calibration._groups import sum_by_group
from coursekit.calibration._validation import ArrayLike, as_generator, as_group_index, as_n_draws
from coursekit.calibration.selective import auroc_of_counts

#: Numbers in a block of resamples: 32 MB in float64.
_NUMBERS_AT_A_TIME = 2**22
#: With fewer groups, a percentile interval is too narrow, and Student's t is better.
FEWEST_GROUPS = 30


class Resamples:
    """R resamples of N rows: which groups each holds, decided by the seed alone.

    Two statistics on the same resamples are paired: their difference has an interval of its own.

    Args:
        groups: To which group each row belongs `(N,)`, numbers or strings; or the number of rows,
            to draw them one by one.
        n_resamples: R.
        seed: Seed of the draws.

    Raises:
        ValueError: If there are fewer than two groups (or rows) to draw from.
        TypeError: If the groups are neither numbers nor strings.

    Example:
        >>> resamples = Resamples(["a", "a", "b"], n_resamples=100)
        >>> total, resampled = resamples.totals(torch.tensor([[1.0], [2.0], [4.0]]))
        >>> total.item(), resampled.unique().tolist()  # both groups, or one of them twice
        (7.0, [6.0, 7.0, 8.0])
    """

    def __init__(
        self, groups: ArrayLike | Sequence[Any] | int, n_resamples: int = 1000, seed: int = 0
    ) -> None:
        if isinstance(groups, int):
            self.index, needed = torch.arange(groups), "arrays must have at least 2 rows"
        else:
            self.index = as_group_index(groups, len(groups))
            needed = "groups must name at least 2 different groups"
        self.n_groups = int(self.index.max()) + 1 if len(self.index) else 0
        self.n_resamples = as_n_draws(n_resamples, "n_resamples")
        self.seed = seed
        if self.n_groups < 2:
            raise ValueError(f"{needed} to draw from, found {self.n_groups}")

    @property
    def one_row_each(self) -> bool:
        """Whether every group is a single row."""
        return len(self.index) == self.n_groups

    def totals(self, table: Tensor) -> tuple[Tensor, Tensor]:
        """Sum rows `(N, K)`: over all of them `(K,)`, and over each resample `(R, K)`."""
        return self.totals_of_groups(sum_by_group(table.double(), self.index, self.n_groups))

    def totals_of_groups(self, table: Tensor) -> tuple[Tensor, Tensor]:
        """Sum what was summed over each group before `(G, K)`, likewise."""
        return table.sum(dim=0), torch.cat([weights @ table for weights in self.weights()])

    def auroc(self, confidence: Tensor, correct: Tensor) -> tuple[Tensor, Tensor]:
        """Return the AUROC of all rows, and of each resample `(R,)`.

        It is 1/2 where all are right, or all wrong: such a resample tells nothing of the order.
        """
        order = confidence.argsort(descending=True)
        size = confidence[order].unique_consecutive(return_counts=True)[1]
        ends, right = size.cumsum(0) - 1, correct[order].double()

        def of(weights: Tensor) -> Tensor:
            """AUROC of rows that count so often `(R, N)`, the surest first."""
            none = weights.new_zeros(len(weights), 1)
            up_to = ((weights * kind).cumsum(dim=1)[:, ends] for kind in (right, 1 - right))
            return auroc_of_counts(*(count.diff(dim=1, prepend=none) for count in up_to))

        group = self.index[order]
        numbers_each = 4 * len(group) // self.n_groups
        resampled = [of(weights[:, group]) for weights in self.weights(numbers_each)]
        whole = of(torch.ones(1, len(group), dtype=torch.float64))[0]
        return whole.nan_to_num(0.5), torch.cat(resampled).nan_to_num(0.5)

    def weights(self, numbers_each: int = 1) -> Iterator[Tensor]:
        """Yield blocks `(r, G)`, float64: how often each resample holds each group.

        Args:
            numbers_each: Numbers that the caller computes from each weight, to be held in memory.
        """
        for drawn in self._draws(numbers_each):
            # Each resample counts in a range of its own, so that one bincount serves them all.
            drawn += self.n_groups * torch.arange(len(drawn))[:, None]
            count = drawn.flatten().bincount(minlength=drawn.numel())
            yield count.view_as(drawn).double()

    def rows(self) -> Iterator[Tensor]:
        """Yield the row numbers that each resample holds, in the order in which they were drawn."""
        size = self.index.bincount()
        start = size.cumsum(0) - size
        sorted_rows = self.index.argsort(stable=True)
        for drawn in (one for block in self._draws() for one in block):
            if self.one_row_each:
                yield sorted_rows[drawn]
                continue
            drawn_size = size[drawn]
            first = start[drawn] - (drawn_size.cumsum(0) - drawn_size)
            place = torch.arange(int(drawn_size.sum()))
            yield sorted_rows[first.repeat_interleave(drawn_size) + place]

    def _draws(self, numbers_each: int = 1) -> Iterator[Tensor]:
        """Yield blocks `(r, G)` of the groups that were drawn, always the same ones."""
        generator = as_generator(self.seed)
        at_once = max(1, _NUMBERS_AT_A_TIME // (self.n_groups * numbers_each))
        for start in range(0, self.n_resamples, at_once):
            size = (min(at_once, self.n_resamples - start), self.n_groups)
            yield torch.randint(self.n_groups, size, generator=generator)


class LeaveOneOut(Resamples):
    """As many samples as there are groups, each without one of them: the jackknife.

    Example:
        >>> without = LeaveOneOut(["a", "a", "b"])
        >>> without.totals(torch.tensor([[1.0], [2.0], [4.0]]))[1].tolist()
        [[4.0], [3.0]]
    """

    def __init__(self, groups: ArrayLike | Sequence[Any] | int, seed: int = 0) -> None:
        super().__init__(groups, seed=seed)
        self.n_resamples = self.n_groups

    def weights(self, numbers_each: int = 1) -> Iterator[Tensor]:
        """Yield one block `(G, G)`: each group counts once, but for the one that is left out."""
        yield 1 - torch.eye(self.n_groups, dtype=torch.float64)


def samples_of(groups: ArrayLike | Sequence[Any], seed: int = 0) -> Resamples:
    """Return what an interval is made of: `Resamples`, or `LeaveOneOut` of fewer than 30 groups.

    Example:
        >>> type(samples_of(range(29))).__name__, type(samples_of(range(30))).__name__
        ('LeaveOneOut', 'Resamples')
    """
    drawn = Resamples(groups, seed=seed)
    return drawn if drawn.n_groups >= FEWEST_GROUPS else LeaveOneOut(groups, seed)
