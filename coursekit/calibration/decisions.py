r"""What a probability is worth to somebody who acts on it: cost, loss, and the Murphy diagram.

Whoever uses an answer unchecked loses $L$ if it is wrong; a check costs $C$ and saves the loss.
With $p$ the probability that the answer is right, to check costs $C$ and not to check costs
$(1 - p) L$ on average: it pays to check where $1 - p > C / L$. Only the *cost ratio*
$r = C / L$ counts, and each user has another one.
"""

from __future__ import annotations

import torch
from torch import Tensor

from coursekit.calibration._validation import (
    ArrayLike,
    as_confidence,
    as_confidence_and_correct,
    as_number,
)


def regret(confidence: ArrayLike, correct: ArrayLike, cost_ratios: ArrayLike) -> Tensor:
    r"""Return what each user pays more than one who knows which answers are wrong.

    The user with cost ratio r checks an answer where 1 - confidence > r. A needless check costs r,
    an error that gets through 1 - r: the loss, less the check that would have been due. Their mean
    over answers, in units of the loss, is the *elementary score*; drawn against r it is the Murphy
    diagram. Each proper score averages it over users: twice its integral is the Brier score.

    Args:
        confidence: Probability that each answer is right `(N,)`.
        correct: Whether it is `(N,)`.
        cost_ratios: Cost of a check over the loss by an error `(K,)`, from 0 to 1.

    Returns:
        One number a user `(K,)`, float64.

    Raises:
        ValueError: If a shape or a value is wrong.
        TypeError: If an argument does not hold numbers.

    Reference:
        W. Ehm, T. Gneiting, A. Jordan, F. Krüger, "Of quantiles and expectiles: consistent scoring
        functions, Choquet representations and forecast rankings", Journal of the Royal Statistical
        Society B 78, 2016, section 3; A. H. Murphy, "The value of climatological, categorical and
        probabilistic forecasts in the cost-loss ratio situation", Monthly Weather Review 105, 1977.

    Example:
        >>> regret([0.9, 0.6, 0.6], [True, True, False], [0.05, 0.2, 0.5])
        tensor([0.0333, 0.0667, 0.1667], dtype=torch.float64)
    """
    confidence, correct = as_confidence_and_correct(confidence, correct)
    ratios = as_confidence(cost_ratios, "cost_ratios").double()
    doubt = (1 - confidence.double()).cpu()[:, None]
    wrong = ~correct.cpu()[:, None]
    checks = doubt > ratios
    needless, missed = (checks & ~wrong).double(), (~checks & wrong).double()
    return (needless * ratios + missed * (1 - ratios)).mean(dim=0)


def expense(confidence: ArrayLike, correct: ArrayLike, cost: float, loss: float) -> float:
    """Return what an answer costs on average: checks of what is doubtful, and errors let through.

    Args:
        confidence: Probability that each answer is right `(N,)`.
        correct: Whether it is `(N,)`.
        cost: Of checking one answer, in any unit of money.
        loss: By one error that gets through, in the same unit; at least `cost`.

    Raises:
        ValueError: If a shape or value is wrong, or not 0 <= cost <= loss with loss > 0.
        TypeError: If an argument does not hold numbers.

    Example:
        >>> expense([0.9, 0.6, 0.6], [True, True, False], cost=2, loss=10)  # two checks of three
        1.3333333333333333
    """
    cost, loss = as_number(cost, "cost", 0), as_number(loss, "loss", 0)
    if cost > loss or loss == 0:
        raise ValueError(
            f"loss must be positive and at least the cost, found loss {loss:g} and cost {cost:g}"
        )
    confidence, correct = as_confidence_and_correct(confidence, correct)
    wrong = (~correct).double().mean().item()
    extra = regret(confidence, correct, torch.tensor([cost / loss], dtype=torch.float64)).item()
    return loss * extra + cost * wrong
