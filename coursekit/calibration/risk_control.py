r"""The threshold that keeps an expected loss: conformal prediction for losses other than a miss.

A system with a threshold $\lambda$ loses $L_i(\lambda)$ on question i: at most $B$, and no more as
$\lambda$ rises (a stricter threshold says less, a larger set misses less). On n held-out questions
the mean loss $\hat R_n(\lambda)$ is known. The new question has a loss of its own, at worst $B$. So
the first threshold with

$$\frac{n}{n + 1} \hat R_n(\lambda) + \frac{B}{n + 1} \le \alpha$$

loses at most $\alpha$ on average on a new question that is exchangeable with the held-out ones,
over held-out sets and questions, whatever the model and however small n. With a loss of 1 where a
set misses the truth and 0 elsewhere this is split conformal prediction, with its (n + 1).
"""

from __future__ import annotations

import torch

from coursekit.calibration._validation import ArrayLike, as_number, to_tensor

# Means of the same losses may differ in the last digit; 0.1 is meant.
_ROUNDING = 1e-9


def conformal_risk_threshold(
    losses: ArrayLike, thresholds: ArrayLike, limit: float, bound: float = 1.0
) -> float:
    """Return the first threshold whose expected loss on a new question is at most `limit`.

    Fix the thresholds before you look at the losses. Where too few questions are given (fewer than
    `bound / limit - 1`) or none of the other thresholds will do, it is the last one.

    Args:
        losses: What question i loses at threshold k `(N, K)`, from 0 to `bound`; in no row does it
            rise from left to right. The last threshold never loses more than `limit`, such as one
            at which nothing is said.
        thresholds: The thresholds `(K,)`, in their order.
        limit: The expected loss that may not be exceeded, alpha; in the unit of the losses.
        bound: The most that a question can lose, B.

    Raises:
        ValueError: If the shapes do not fit or are empty, a number is not finite, a loss lies
            outside 0 to `bound`, rises, or exceeds `limit` at the last threshold, or `limit` or
            `bound` is not positive.
        TypeError: If an argument does not hold numbers.

    Reference:
        A. N. Angelopoulos, S. Bates, A. Fisch, L. Lei, T. Schuster, "Conformal risk control", ICLR
        2024, section 1.1 and theorem 1.

    Example:
        >>> losses = [[1.0, 0.5, 0.0], [0.5, 0.5, 0.0], [0.5, 0.0, 0.0]]
        >>> conformal_risk_threshold(losses, [0.0, 0.5, 1.0], limit=0.5)  # (3 * 1/3 + 1) / 4
        0.5
    """
    table = to_tensor(losses, "losses").double()
    steps = to_tensor(thresholds, "thresholds").double()
    limit, bound = as_number(limit, "limit", 0), as_number(bound, "bound", 0)
    if limit <= 0 or bound <= 0:
        raise ValueError(f"limit and bound must be positive, found {limit:g} and {bound:g}")
    if table.ndim != 2 or table.numel() == 0 or steps.shape != table.shape[1:]:
        raise ValueError(
            "losses must have shape (N, K) and thresholds (K,), found shapes "
            f"{tuple(table.shape)} and {tuple(steps.shape)}"
        )
    if not (table.isfinite().all() and steps.isfinite().all()):
        raise ValueError("losses and thresholds must be finite, found NaN or infinity")
    if table.min() < 0 or table.max() > bound:
        raise ValueError(
            f"losses must lie in 0 to bound={bound:g}, found {table.min():g} to {table.max():g}"
        )
    if (table.diff(dim=1) > _ROUNDING).any():
        raise ValueError("losses must not rise from left to right, found a row in which they do")
    if table[:, -1].max() > limit + _ROUNDING:
        raise ValueError(
            f"losses at the last threshold must be at most limit={limit:g}, found "
            f"{table[:, -1].max():g}. Add a threshold at which nothing is lost"
        )
    with_the_next = (table.sum(dim=0) + bound) / (len(table) + 1)
    will_do = with_the_next <= limit + _ROUNDING
    will_do[-1] = True
    return steps[torch.argmax(will_do.int())].item()
