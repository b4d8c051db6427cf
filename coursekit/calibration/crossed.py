r"""The mean of a crossed table: every question asked with every prompt, and both are only samples.

An interval that resamples questions says what other questions would give *with these prompts*. Had
somebody worded the prompts in another way, the mean would move too. In a table y_pq of P prompts
(rows) and Q questions (columns), the two-way analysis of variance takes the movements apart:

$$y_{pq} = \mu + a_p + b_q + e_{pq}, \qquad
\operatorname{Var}(\bar y) = \frac{\sigma_a^2}{P} + \frac{\sigma_b^2}{Q} + \frac{\sigma_e^2}{PQ} .$$

More questions cannot make the first term small: only more prompts can.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from scipy.special import stdtrit

from coursekit.calibration._validation import (
    ArrayLike,
    require_choice,
    require_level,
    to_tensor,
)
from coursekit.calibration.intervals import LEVEL, Interval

Over = Literal["rows", "columns", "both"]


@dataclass(frozen=True)
class CrossedMean:
    """The mean of a crossed table, and how much its rows, its columns and the rest vary.

    Attributes:
        mean: Mean of all entries.
        n_rows: Number of rows P, such as prompts.
        n_columns: Number of columns Q, such as questions.
        mean_squares: Of rows, of columns and of the rest, as in an analysis of variance.

    Example:
        >>> table = [[1, 1, 0, 1], [1, 1, 0, 0], [1, 0, 0, 0]]
        >>> print(f"{crossed_mean(table).interval('columns'):.2f}")
        0.50 [-0.18, 1.18]
    """

    mean: float
    n_rows: int
    n_columns: int
    mean_squares: tuple[float, float, float]

    @property
    def variances(self) -> tuple[float, float, float]:
        """Variance of a row's effect, of a column's, and of what is left of one entry.

        Estimated without bias by differences of mean squares, except that a negative one is 0.
        """
        of_rows, of_columns, rest = self.mean_squares
        return (
            max(of_rows - rest, 0) / self.n_columns,
            max(of_columns - rest, 0) / self.n_rows,
            rest,
        )

    def interval(self, over: Over = "both", level: float = LEVEL) -> Interval:
        """Return the mean with Student's t interval.

        Args:
            over: What would be drawn anew: "columns" (other questions, the same prompts), "rows"
                (other prompts, the same questions), or "both".
            level: How often such intervals are meant to contain the truth.

        Raises:
            ValueError: If `over` is unknown, or `level` no number between 0 and 1.

        Example:
            >>> table = [[1, 1, 0, 1], [1, 1, 0, 0], [1, 0, 0, 0]]
            >>> print(f"{crossed_mean(table).interval('rows'):.2f}")
            0.50 [-0.12, 1.12]
        """
        require_choice(over, ("rows", "columns", "both"), "over")
        require_level(level)
        of_rows, of_columns, rest = self.mean_squares
        degrees = (self.n_rows - 1, self.n_columns - 1)
        if over == "rows":
            total, freedom = of_rows, float(degrees[0])
        elif over == "columns":
            total, freedom = of_columns, float(degrees[1])
        else:
            # Never narrower than over one of them, which sampling error alone could make it.
            total = max(of_rows + of_columns - rest, of_rows, of_columns)
            parts = zip(
                (of_rows, of_columns, rest), (*degrees, degrees[0] * degrees[1]), strict=True
            )
            spread = sum(part**2 / free for part, free in parts)
            freedom = total**2 / spread if spread else 1.0
        error = (total / (self.n_rows * self.n_columns)) ** 0.5
        half = float(stdtrit(freedom, (1 + level) / 2)) * error
        return Interval(self.mean, self.mean - half, self.mean + half, level)


def crossed_mean(table: ArrayLike) -> CrossedMean:
    """Mean of a table in which every row meets every column, with both as sources of chance.

    Of a difference between two ways of asking, give the table of differences, paired entry by
    entry.

    Args:
        table: Values `(P, Q)`, such as right (1) or wrong (0) of Q questions under P prompts.

    Raises:
        ValueError: If the table has fewer than two rows or columns, or a value is not finite.
        TypeError: If it does not hold numbers.

    Reference:
        S. R. Searle, G. Casella, C. E. McCulloch, "Variance Components", 1992, chapter 4;
        F. E. Satterthwaite, "An approximate distribution of estimates of variance components",
        Biometrics Bulletin 2, 1946 (the degrees of freedom).

    Example:
        >>> prompts_alike = [[1, 0, 0, 1], [1, 0, 0, 1], [1, 0, 0, 1]]
        >>> of_prompts, of_questions, rest = crossed_mean(prompts_alike).variances
        >>> of_prompts, round(of_questions, 2), rest
        (0.0, 0.33, 0.0)
    """
    values = to_tensor(table, "table").double()
    if values.ndim != 2 or min(values.shape) < 2:
        raise ValueError(
            "table must have at least two rows and two columns, every row crossed with every "
            f"column, found shape {tuple(values.shape)}"
        )
    if not values.isfinite().all():
        raise ValueError("table must hold finite numbers, found NaN or infinity: no entry may lack")
    n_rows, n_columns = values.shape
    mean = values.mean()
    rows, columns = values.mean(dim=1) - mean, values.mean(dim=0) - mean
    rest = values - mean - rows[:, None] - columns
    squares = (
        n_columns * rows.square().sum() / (n_rows - 1),
        n_rows * columns.square().sum() / (n_columns - 1),
        rest.square().sum() / ((n_rows - 1) * (n_columns - 1)),
    )
    of_rows, of_columns, of_rest = (square.item() for square in squares)
    return CrossedMean(mean.item(), n_rows, n_columns, (of_rows, of_columns, of_rest))
