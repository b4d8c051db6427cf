r"""Repair probabilities after training: learn, on held-out data, how to correct them.

All calibrators share one interface, as in scikit-learn: `fit(logits, labels)`, then
`predict_proba(logits)`; what was learned ends in an underscore. Temperature scaling divides all
logits by one number, which makes every prediction less sure (T > 1) or surer (T < 1) and never
changes which class is the most probable:

$$p_i(c) = \frac{e^{z_{ic} / T}}{\sum_k e^{z_{ik} / T}}, \qquad
  T = \arg\min_{T > 0} \; -\frac1N \sum_i \ln p_i(y_i) .$$
"""

import math
import warnings
from abc import ABC, abstractmethod
from typing import Self

import torch
from torch import Tensor

from coursekit.calibration._blocks import row_blocks
from coursekit.calibration._validation import ArrayLike, as_logits, as_logits_and_labels

#: The temperature is sought up to this factor below and above the mean range of the logits.
_SEARCH_FACTOR = 1000.0
#: Last step in ln T. Newton's method converges quadratically: what remains is far smaller.
_TOLERANCE = 1e-8
#: Longest step in ln T: where the slope is almost flat, Newton's own step overshoots.
_LONGEST_STEP = 2.0
#: Bisection alone, the worst case, needs about 30.
_MAX_ITERATIONS = 100


class Calibrator(ABC):
    """What all calibrators have in common: checked arguments, and no prediction before a fit."""

    def fit(self, logits: ArrayLike, labels: ArrayLike) -> Self:
        """Learn the correction from data that the model was not trained on.

        Args:
            logits: Unnormalised log-probabilities `(N, C)`, finite; log-probabilities will do.
            labels: The true classes `(N,)`, integers in 0 .. C - 1.

        Raises:
            ValueError: If an argument has a wrong shape, is empty, not finite or out of range.
            TypeError: If the labels are not integers.
        """
        self._fit(*as_logits_and_labels(logits, labels))
        return self

    def predict_proba(self, logits: ArrayLike) -> Tensor:
        """Return corrected probabilities `(N, C)`, float64 if the logits are, else float32.

        Raises:
            RuntimeError: If called before `fit`.
            ValueError: If the logits have a wrong shape, are empty or not finite.
        """
        if not any(name.endswith("_") for name in vars(self)):
            raise RuntimeError(
                f"this {type(self).__name__} has learned nothing yet: "
                "call fit(logits, labels) on held-out data first"
            )
        logits = as_logits(logits)
        return self._predict_proba(logits.to(torch.promote_types(logits.dtype, torch.float32)))

    @abstractmethod
    def _fit(self, logits: Tensor, labels: Tensor) -> None: ...

    @abstractmethod
    def _predict_proba(self, logits: Tensor) -> Tensor: ...


class TemperatureScaling(Calibrator):
    """Divide all logits by one temperature, chosen to minimise the negative log-likelihood.

    The optimum is unique. A safeguarded Newton's method finds it on ln T, so that T > 0 always,
    in float64, a few rows at a time, and identically in every run. T is sought within a factor
    of 1000 of the logits' mean range (largest minus smallest in a row). Two kinds of data have
    no optimum there; both raise a `RuntimeWarning` and are answered so:

    - *Too easy*: the truth has the largest logit in every row, and the likelihood only grows as
      T falls to 0. But N successes do not prove that failure is impossible: one imaginary
      example, its label spread evenly over the classes, is added to the data. For two classes
      this gives a truth of margin m in every row the probability (N + 1/2) / (N + 1).
    - *Uninformative*: the truth has on average no larger logit than other classes, and T would
      grow without end. T stays at the upper end, where probabilities are all but uniform, or at
      1 if all logits are equal, where no T matters.

    Attributes:
        temperature_: What was learned: T > 1 where the model was overconfident.
        converged_: Whether an optimum was found; False for uninformative data.
        n_iterations_: Number of Newton or bisection steps that it took.

    Reference:
        C. Guo, G. Pleiss, Y. Sun, K. Weinberger, "On calibration of modern neural networks",
        ICML 2017. The imaginary example follows J. Platt, "Probabilistic outputs for support
        vector machines", 1999, section 2.2.
    """

    temperature_: float
    converged_: bool
    n_iterations_: int

    def _fit(self, logits: Tensor, labels: Tensor) -> None:
        spread = (logits.amax(dim=1).double() - logits.amin(dim=1).double()).mean().item()
        coldest, hottest = spread / _SEARCH_FACTOR, spread * _SEARCH_FACTOR
        if spread == 0 or _slope(logits, labels, hottest)[0] >= 0:
            _warn("labels agree with the logits no better than chance; no temperature helps")
            self.temperature_, self.converged_, self.n_iterations_ = hottest or 1.0, False, 0
            return
        smoothing = 0.0
        if _slope(logits, labels, coldest)[0] <= 0:
            _warn(
                "every label has the largest logit, which any low temperature fits; one example "
                "with an evenly spread label was added. Fit on more, or harder, data"
            )
            smoothing = 1 / (len(labels) + 1)
        self._solve(logits, labels, math.log(coldest), math.log(hottest), smoothing)

    def _solve(
        self, logits: Tensor, labels: Tensor, low: float, high: float, smoothing: float
    ) -> None:
        """Find ln T between `low` and `high` where the slope of the likelihood is zero."""
        log_t = min(max(0.0, low), high)  # T = 1 is a good guess for a trained model
        self.converged_ = False
        for self.n_iterations_ in range(1, _MAX_ITERATIONS + 1):
            slope, change = _slope(logits, labels, math.exp(log_t), smoothing)
            # The slope falls as T grows, so its sign tells on which side the optimum lies.
            low, high = (log_t, high) if slope > 0 else (low, log_t)
            step = min(max(slope / max(change, 1e-300), -_LONGEST_STEP), _LONGEST_STEP)
            if abs(step) > _TOLERANCE and not low < log_t + step < high:
                step = (low + high) / 2 - log_t
            log_t += step
            if abs(step) <= _TOLERANCE:
                self.converged_ = True
                break
        self.temperature_ = math.exp(log_t)
        if not self.converged_:
            _warn(f"the temperature did not settle in {_MAX_ITERATIONS} iterations")

    def _predict_proba(self, logits: Tensor) -> Tensor:
        return torch.softmax(logits / self.temperature_, dim=1)


def _slope(
    logits: Tensor, labels: Tensor, temperature: float, smoothing: float = 0.0
) -> tuple[float, float]:
    """Return the slope of the mean NLL in b = 1/T, and how fast it falls with ln T.

    With the logits measured from that of the truth, d = z - z_y, the slope is the mean of E[d]
    and its derivative in b the mean of Var[d], both under the probabilities softmax(d / T).
    Smoothing spreads that share of every label evenly over the classes.
    """
    slope = torch.zeros((), dtype=torch.float64, device=logits.device)
    variance = slope.clone()
    for rows, truth in row_blocks(logits, labels):
        rows -= rows.gather(1, truth[:, None])
        probs = torch.softmax(rows / temperature, dim=1)
        mean = (probs * rows).sum(dim=1)
        slope += (mean - smoothing * rows.mean(dim=1)).sum()
        variance += (probs * (rows - mean[:, None]).square()).sum()
    return slope.item() / len(labels), variance.item() / len(labels) / temperature


def _warn(message: str) -> None:
    # Four frames up is the line that called fit.
    warnings.warn(f"TemperatureScaling: {message}", RuntimeWarning, stacklevel=4)
