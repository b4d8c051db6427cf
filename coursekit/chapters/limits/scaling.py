"""Notebook 17: how far above its floor a small GPT ends, and the law that is fitted to many."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import least_squares
from torch import Tensor

from coursekit.calibration import Interval
from coursekit.data import grammar
from coursekit.lm import GPT, GPTConfig, TrainingConfig, parameter_count, sequence_logits, train

Values = NDArray[np.float64]
BATCH, LENGTH = 16, 63  # sequences in a step, and predicted tokens in each
#: The widths of the models and after how many steps each is measured: the small ones cost little.
STEPS = {8: (40, 120, 360, 1080), 16: (40, 120, 360, 1080), 32: (40, 120, 360), 64: (40, 120, 360)}


def shape_of(width: int, n_layers: int = 1) -> GPTConfig:
    """Return the shape of the GPT of that width for the grammar, with heads of width 8 to 16.

    Example:
        >>> parameter_count(shape_of(8))
        1312
    """
    heads = max(1, width // 16)
    return GPTConfig(grammar().vocab_size, LENGTH + 1, width, n_layers, heads, positions="rotary")


@cache
def _test() -> tuple[Tensor, Tensor]:
    """Return 100 test sequences and the grammar's own law of each next token."""
    sequences = grammar().sample(100, seed=999)
    return sequences, grammar().next_token_probs(sequences)[:, :-1]


def entropy_of_grammar() -> float:
    """Return the floor: the loss of the grammar itself on the test positions, nats a token.

    Example:
        >>> round(entropy_of_grammar(), 3)
        1.387
    """
    return torch.special.entr(_test()[1]).sum(dim=-1).mean().item()


def loss_after(
    width: int, steps: int, seed: int, *, learning_rate: float = 1e-2, n_layers: int = 1
) -> float:
    """Train one GPT on fresh sentences of the grammar, each read once; return its loss.

    The loss is the expected one at 100 test sequences, an exact sum over what may come next, so it
    holds no luck of the test tokens and is never below `entropy_of_grammar()`.

    Args:
        width: Of the residual stream.
        steps: Updates, of 16 sequences (1,008 predicted tokens) each.
        seed: Of the first weights and of the text.
        learning_rate: The largest, after a warm-up of a tenth of the steps.
        n_layers: Number of layers.

    Returns:
        Nats a token.

    Example:
        >>> loss_after(8, 10, seed=0) > entropy_of_grammar()
        True
    """
    model = GPT(shape_of(width, n_layers), torch.Generator().manual_seed(seed))
    text = grammar().sample(BATCH * steps, seed=1000 + seed)
    config = TrainingConfig(
        steps,
        BATCH,
        learning_rate=learning_rate,
        warmup_steps=max(1, steps // 10),
        evaluate_every=steps,
        seed=seed,
    )
    train(model, text, config, progress=False)
    sequences, truth = _test()
    log_q = sequence_logits(model, sequences).double().log_softmax(dim=-1)
    return -(truth * log_q).sum(dim=-1).mean().item()


@dataclass(frozen=True)
class Runs:
    """Runs of several sizes and lengths, a row a run and a cell `(N, D)` a group of rows.

    Attributes:
        sizes: Parameters of each run `(R,)`.
        tokens: Tokens that it read `(R,)`.
        losses: Its loss `(R,)`, nats a token.

    Example:
        >>> runs = Runs(np.array([10.0, 10.0]), np.array([5.0, 9.0]), np.array([2.0, 1.5]))
        >>> len(runs.without(runs.tokens < 6).losses)
        1
    """

    sizes: Values
    tokens: Values
    losses: Values

    def without(self, rows: NDArray[np.bool_]) -> Runs:
        """Return the runs but for some."""
        return self._at(np.flatnonzero(~rows))

    def cells(self) -> list[NDArray[np.intp]]:
        """Return the rows of each size and length together, in order of size, then length."""
        pairs = np.stack([self.sizes, self.tokens], axis=1)
        return [np.flatnonzero((pairs == cell).all(axis=1)) for cell in np.unique(pairs, axis=0)]

    def resampled(self, generator: np.random.Generator) -> Runs:
        """Draw as many runs of each cell again, with replacement: another set of seeds."""
        return self._at(
            np.concatenate([generator.choice(rows, len(rows)) for rows in self.cells()])
        )

    def _at(self, rows: NDArray[np.intp]) -> Runs:
        return Runs(self.sizes[rows], self.tokens[rows], self.losses[rows])


def all_runs(
    seeds: range,
    steps: Mapping[int, tuple[int, ...]] | None = None,
    loss: Callable[[int, int, int], float] = loss_after,
) -> Runs:
    """Train every size for every length with every seed.

    Args:
        seeds: One run of each cell for each.
        steps: For each width, the lengths; `STEPS` if None.
        loss: What to call with width, steps and seed.

    Example:
        >>> all_runs(range(1), {8: (10, 20)}, loss=lambda width, steps, seed: 2.0).tokens.tolist()
        [10080.0, 20160.0]
    """
    rows = [
        (parameter_count(shape_of(width)), BATCH * LENGTH * n, loss(width, n, seed))
        for width, lengths in (steps or STEPS).items()
        for n in lengths
        for seed in seeds
    ]
    return Runs(*np.array(rows, dtype=float).T)


@dataclass(frozen=True)
class Law:
    r"""$L = E + A N^{-\alpha} + B D^{-\beta}$, fitted.

    Attributes:
        numbers: log A, alpha, log B, beta, E `(5,)`.
        residuals: log of the measured loss minus log of the law's, for each run `(R,)`.
    """

    numbers: Values
    residuals: Values

    @property
    def alpha(self) -> float:
        """Exponent of the parameters."""
        return float(self.numbers[1])

    @property
    def beta(self) -> float:
        """Exponent of the tokens."""
        return float(self.numbers[3])

    @property
    def floor(self) -> float:
        """The loss that no size and no text gets below, nats a token."""
        return float(self.numbers[4])

    def losses(self, sizes: Values, tokens: Values) -> Values:
        """Return what the law says `(R,)`."""
        log_a, alpha, log_b, beta, floor = self.numbers
        above = np.exp(log_a - alpha * np.log(sizes)) + np.exp(log_b - beta * np.log(tokens))
        return np.asarray(floor + above)


def fit_law(runs: Runs, floor: float | None = None) -> Law:
    """Fit the law by least squares on the logarithm of the loss, with the floor known or free.

    Known or not, the objective is the same: only the number of unknowns differs.

    Args:
        runs: At least six runs, of several sizes and lengths.
        floor: E; fitted, too, if None.

    Reference:
        J. Hoffmann et al., 2022, approach 3 (there with Huber's loss in place of the square).

    Example:
        >>> sizes, tokens = np.repeat([1e3, 1e4, 1e5], 3), np.tile([1e4, 1e5, 1e6], 3)
        >>> runs = Runs(sizes, tokens, 1.5 + 30 * sizes**-0.5 + 800 * tokens**-0.7)
        >>> law = fit_law(runs)
        >>> round(law.alpha, 2), round(law.beta, 2), round(law.floor, 2)
        (0.5, 0.7, 1.5)
    """
    n, d, log_loss = np.log(runs.sizes), np.log(runs.tokens), np.log(runs.losses)
    free = floor is None

    def errors(x: Values) -> Values:
        level = x[4] if free else floor
        return np.log(level + np.exp(x[0] - x[1] * n) + np.exp(x[2] - x[3] * d)) - log_loss

    bounds = [-20, 0, -20, 0] + [0] * free, [60, 5, 60, 5] + [runs.losses.min()] * free
    starts = ([6, 1, 12 * b, b] + [0.9 * runs.losses.min()] * free for b in (0.7, 1.5))
    best = min((least_squares(errors, start, bounds=bounds) for start in starts), key=_cost)
    numbers = best.x if floor is None else np.append(best.x, floor)
    return Law(numbers, -best.fun)


def _cost(found: object) -> float:
    return float(found.cost)  # type: ignore[attr-defined]


def law_intervals(
    runs: Runs, floor: float | None = None, *, n_resamples: int = 100, seed: int = 0
) -> dict[str, Interval]:
    """Return alpha, beta and the floor with 95 % intervals of a bootstrap over runs.

    Runs of one cell are drawn again with replacement, so an interval says what other seeds would
    have changed, and nothing about whether the law is right.

    Example:
        >>> sizes, tokens = np.repeat([1e3, 1e4, 1e5], 4), np.tile([1e4, 1e4, 1e5, 1e6], 3)
        >>> runs = Runs(sizes, tokens, 1.5 + 30 * sizes**-0.5 + 800 * tokens**-0.7)
        >>> print(f"{law_intervals(runs, 1.5, n_resamples=5)['beta']:.2f}")
        0.70 [0.70, 0.70]
    """
    generator = np.random.default_rng(seed)
    fits = [fit_law(runs.resampled(generator), floor).numbers for _ in range(n_resamples)]
    low, high = np.quantile(fits, [0.025, 0.975], axis=0)
    middle = fit_law(runs, floor).numbers
    places = {"alpha": 1, "beta": 3, "floor": 4}
    return {
        name: Interval(float(middle[i]), float(low[i]), float(high[i]))
        for name, i in places.items()
    }


def excess_at_compute(runs: Runs, floor: float, budget: float) -> dict[int, Values]:
    """Return the excess loss of each size that reaches a budget of 6 N D, on its own curve.

    Between two lengths the curve is a straight line in logarithms. Sizes whose runs all cost more,
    or all less, than the budget are left out: there is nothing to read off.

    Args:
        runs: The same seeds in each cell, in the same order.
        floor: The known floor.
        budget: In operations.

    Returns:
        For each size (in parameters) the excess of each seed `(S,)`, nats a token.

    Example:
        >>> runs = Runs(np.full(2, 10.0), np.array([10.0, 1000.0]), np.array([2.0, 1.01]))
        >>> excess_at_compute(runs, 1.0, 6 * 10 * 100)[10].round(2).tolist()
        [0.1]
    """
    found = {}
    for size in np.unique(runs.sizes):
        rows = [cell for cell in runs.cells() if runs.sizes[cell[0]] == size]
        log_cost = np.log([6 * size * runs.tokens[cell[0]] for cell in rows])
        log_excess = np.log(np.stack([runs.losses[cell] - floor for cell in rows]))
        # A budget that is one of the lengths itself must not fall out by rounding.
        if log_cost[0] - 1e-9 <= np.log(budget) <= log_cost[-1] + 1e-9:
            found[int(size)] = np.exp(
                [np.interp(np.log(budget), log_cost, column) for column in log_excess.T]
            )
    return found
