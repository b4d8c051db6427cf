"""Laws, that is, probabilities that sum to one: as rows of a matrix, drawn from, checked."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import TypeVar

import torch
from torch import Tensor

from coursekit._checks import as_seed

Outcome = TypeVar("Outcome", bound=Hashable)
Law = Mapping[Outcome, float]  # a probability for each outcome

SUM_TOLERANCE = 1e-6


class Sampler:
    """Draws from the rows of a matrix of laws, many rows at once, by inverting their sums.

    Row r's cumulative sums, raised by r, lie in (r, r + 1]: all rows form one sorted list, and one
    search in it for r + u finds the outcome. u is a float32, a multiple of 2^-24: added to r in
    float64 it is not rounded, and cannot slip into the next row.

    Example:
        >>> draw = Sampler(torch.tensor([[0.5, 0.5, 0.0], [0.0, 0.0, 1.0]]).double())
        >>> draw(torch.tensor([0, 0, 1]), torch.tensor([0.25, 0.75, 0.75]))
        tensor([0, 1, 2])
    """

    def __init__(self, laws: Tensor) -> None:
        rows, self.outcomes = laws.nonzero(as_tuple=True)
        sums = laws.cumsum(dim=1) / laws.sum(dim=1, keepdim=True)
        last = torch.ones_like(rows, dtype=torch.bool)
        last[:-1] = rows[1:] != rows[:-1]
        within = torch.where(last, 1.0, sums[rows, self.outcomes])
        self.sums = rows + within

    def __call__(self, rows: Tensor, chance: Tensor) -> Tensor:
        """Draw one outcome for each row, from float32 numbers uniform in [0, 1)."""
        return self.outcomes[torch.searchsorted(self.sums, rows + chance.double(), right=True)]


def zipf(n: int, exponent: float) -> Tensor:
    """Return the law of n outcomes, the k-th proportional to 1 / k^exponent, `(n,)`.

    Example:
        >>> zipf(2, exponent=1.0)
        tensor([0.6667, 0.3333], dtype=torch.float64)
    """
    weights = torch.arange(1, n + 1, dtype=torch.float64) ** -exponent
    return weights / weights.sum()


def check_probability(value: float, name: str, below_one: bool = False) -> None:
    """Refuse what is no probability, or one of 1 where that would freeze the language.

    Example:
        >>> check_probability(1.5, "rate")
        Traceback (most recent call last):
        ValueError: rate must lie in [0, 1], found 1.5.
    """
    if not 0 <= value <= 1 or (below_one and value == 1):
        raise ValueError(f"{name} must lie in [0, 1{')' if below_one else ']'}, found {value}.")


def stationary_law(transition: Tensor) -> Tensor:
    """Return how often each state is visited in the long run, `(S,)`.

    Example:
        >>> stationary_law(torch.tensor([[0.9, 0.1], [0.3, 0.7]]).double())
        tensor([0.7500, 0.2500], dtype=torch.float64)
    """
    # pi (T - 1) = 0 leaves one equation to spare: replace it by sum(pi) = 1.
    equations = (transition - torch.eye(len(transition))).T
    equations[-1] = 1
    right = torch.zeros(len(transition), dtype=torch.float64)
    right[-1] = 1
    return torch.linalg.solve(equations, right).clamp_min(0)


def entropy(laws: Tensor) -> Tensor:
    """Return the entropy of each law `(..., N)`, in nats, `(...)`.

    Example:
        >>> entropy(torch.tensor([[0.5, 0.5], [1.0, 0.0]]))
        tensor([0.6931, 0.0000])
    """
    return torch.special.entr(laws).sum(dim=-1)


def matrix_of(laws: Sequence[Law[Outcome]], column: Mapping[Outcome, int]) -> Tensor:
    """Write laws as the rows of a matrix; `column` gives the place of each outcome.

    Example:
        >>> matrix_of([{"rain": 1.0}, {"sun": 0.25, "rain": 0.75}], {"sun": 0, "rain": 1})
        tensor([[0.0000, 1.0000],
                [0.2500, 0.7500]], dtype=torch.float64)
    """
    matrix = torch.zeros(len(laws), len(column), dtype=torch.float64)
    for row, law in enumerate(laws):
        for outcome, probability in law.items():
            matrix[row, column[outcome]] = probability
    return matrix


def as_law(matrix: Tensor, shape: tuple[int, ...], name: str) -> Tensor:
    """Return laws, the rows of a matrix, in float64; those given in float32 sum to 1 only nearly.

    Raises:
        ValueError: If the shape is another, or a row is no law.

    Example:
        >>> as_law(torch.tensor([0.25, 0.75]), (2,), "start")
        tensor([0.2500, 0.7500], dtype=torch.float64)
    """
    if tuple(matrix.shape) != shape:
        raise ValueError(f"{name} must have shape {shape}, found {tuple(matrix.shape)}.")
    matrix = matrix.to("cpu", torch.float64)
    total = matrix.sum(dim=-1, keepdim=True)
    off = float((total - 1).abs().max())
    if not (matrix >= 0).all() or not off <= SUM_TOLERANCE:
        raise ValueError(
            f"{name} must hold laws: no entry below 0, rows that sum to 1, found the smallest "
            f"entry {float(matrix.min()):g} and a row that is off by {off:g}."
        )
    return matrix / total


def as_generator(seed: int) -> torch.Generator:
    """Return a source of chance for a seed, or say what is wrong with it.

    Example:
        >>> torch.rand(1, generator=as_generator(0))
        tensor([0.4963])
    """
    return torch.Generator().manual_seed(as_seed(seed))
