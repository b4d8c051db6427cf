r"""Temperature scaling: divide all logits by one number.

This makes every prediction less sure (T > 1) or surer (T < 1) and never changes which class is
the most probable:

$$p_i(c) = \frac{e^{z_{ic} / T}}{\sum_k e^{z_{ik} / T}}, \qquad
  T = \arg\min_{T > 0} \; -\frac1N \sum_i \ln p_i(y_i) .$$

Where the slope of this likelihood is zero, the logit that the model expects equals the one that
the truth has, on average: $\sum_i \mathrm{E}_{c \sim p_i}[z_{ic}] = \sum_i z_{i y_i}$. The left
side falls as T grows, so there is one solution, and each step of Newton's method towards it
needs one pass over the data.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from coursekit.calibration import _blocks
from coursekit.calibration.calibrators.base import Calibrator, warn

#: Longest step in ln T: where the slope is almost flat, Newton's own step overshoots.
_LONGEST_STEP = 2.0
#: Bisection alone, the worst case, needs about 30.
_MAX_ITERATIONS = 100
#: Large tables start from the temperature of every 16th row, if that leaves this many numbers.
_THINNING, _THINNED_SIZE = 16, 2**20


class TemperatureScaling(Calibrator):
    """Divide all logits by one temperature, chosen to minimise the negative log-likelihood.

    A safeguarded Newton's method finds the optimum on ln T, so that T > 0 always, a few rows at
    a time, and identically in every run. It computes in float64 if the logits are, else in
    float32 with sums over rows in float64. Two kinds of data have no optimum; both raise a
    `RuntimeWarning` and are answered so:

    - *Too easy*: the truth has the largest logit in every row, and the likelihood only grows as
      T falls to 0. But N successes do not prove that failure is impossible: one imaginary
      example, its label spread evenly over the classes, is added to the data. For two classes
      this gives a truth of margin m in every row the probability (N + 1/2) / (N + 1).
    - *Uninformative*: the truth has on average no larger logit than the mean class, and T would
      grow without end. T becomes 1000 times the logits' mean range (largest minus smallest in a
      row), where probabilities are all but uniform, or 1 if all logits are equal, where no T
      matters.

    Predictions may have another number of classes than the data of the fit.

    Attributes:
        temperature_: What was learned: T > 1 where the model was overconfident.
        converged_: Whether an optimum was found; False for uninformative data.
        n_iterations_: Number of Newton or bisection steps, each a pass over all rows.

    Reference:
        C. Guo, G. Pleiss, Y. Sun, K. Weinberger, "On calibration of modern neural networks",
        ICML 2017. The imaginary example follows J. Platt, "Probabilistic outputs for support
        vector machines", 1999, section 2.2.

    Example:
        >>> logits, labels = [[0.0, 4.0], [0.0, 4.0], [0.0, 4.0], [4.0, 0.0]], [1, 1, 0, 0]
        >>> round(TemperatureScaling().fit(logits, labels).temperature_, 2)
        3.64
    """

    _fixed_classes = False
    temperature_: float
    converged_: bool
    n_iterations_: int

    def _fit(self, logits: Tensor, labels: Tensor) -> None:
        table = _Table(logits, labels)
        observed = table.of_truth
        if table.of_truth <= table.of_mean_class:
            warn(self, "labels agree with the logits no better than chance; no temperature helps")
            self.temperature_ = 1000 * table.spread or 1.0
            self.converged_, self.n_iterations_ = False, 0
            return
        if table.of_truth == 0:
            warn(
                self,
                "every label has the largest logit, which any low temperature fits; one example "
                "with an evenly spread label was added. Fit on more, or harder, data",
            )
            observed = table.of_mean_class / (len(labels) + 1)
        guess = _first_guess(logits, labels)
        log_t, self.converged_, self.n_iterations_ = _solve(table, observed, guess)
        self.temperature_ = math.exp(log_t)
        if not self.converged_:
            warn(self, f"the temperature did not settle in {_MAX_ITERATIONS} iterations")

    def _predict_proba(self, logits: Tensor) -> Tensor:
        return torch.softmax(logits / self.temperature_, dim=1)


class _Table:
    """Logits `(N, C)`, measured from the largest in their row: d = z - max z <= 0.

    Attributes:
        of_truth: Mean of d at the true classes; 0 if they all have the largest logit.
        of_mean_class: Mean of d over all classes, which the model expects at T = infinity.
        spread: Mean of the largest logit minus the smallest.
    """

    def __init__(self, logits: Tensor, labels: Tensor) -> None:
        self._logits = logits
        self.n_classes = logits.shape[1]
        self._dtype = torch.promote_types(logits.dtype, torch.float32)
        self._rows = min(len(logits), max(1, _blocks.BLOCK_SIZE // logits.shape[1]))
        # Two working copies of a block, small enough to stay close to the processor's core.
        self._buffers = torch.empty(
            2, self._rows, logits.shape[1], dtype=self._dtype, device=logits.device
        )
        self._top = torch.empty(len(logits), 1, dtype=self._dtype, device=logits.device)
        sums = torch.zeros(3, dtype=torch.float64, device=logits.device)
        for block, z in self._blocks():
            top = torch.amax(z, dim=1, keepdim=True, out=self._top[block])
            truth = z.gather(1, labels[block, None])
            means = z.mean(dim=1, keepdim=True)
            bottom = z.amin(dim=1, keepdim=True)
            offsets = torch.cat((truth, means, bottom), dim=1).double() - top.double()
            sums += offsets.sum(dim=0)
        self.of_truth, self.of_mean_class, lowest = (sums / len(logits)).tolist()
        self.spread = -lowest
        # Newton stops after a step of the square root of this precision, which leaves about that.
        self.tolerance = math.sqrt(torch.finfo(self._dtype).eps)

    def expect(self, temperature: float) -> tuple[float, float]:
        """Return the mean and the variance of d under softmax(d / T), averaged over the rows."""
        sums = torch.zeros(2, dtype=torch.float64, device=self._logits.device)
        for block, z in self._blocks():
            d, weights = self._buffers[:, : len(z)]
            torch.sub(z, self._top[block], out=d)
            torch.mul(d, 1 / temperature, out=weights).exp_()
            total = weights.sum(dim=1)
            mean = weights.mul_(d).sum(dim=1) / total
            square = weights.mul_(d).sum(dim=1) / total
            sums += torch.stack((mean, square - mean.square()), dim=1).sum(dim=0)
        mean, variance = (sums / len(self._logits)).tolist()
        return mean, variance

    def _blocks(self) -> Iterator[tuple[slice, Tensor]]:
        for start in range(0, len(self._logits), self._rows):
            block = slice(start, start + self._rows)
            yield block, self._logits[block].to(self._dtype)


def _first_guess(logits: Tensor, labels: Tensor) -> float:
    """Return ln T of a few of the rows, or of T = 1, a good guess for a trained model."""
    few = slice(None, None, _THINNING)
    if logits[few].numel() < _THINNED_SIZE:
        return 0.0
    table = _Table(logits[few], labels[few])
    if not table.of_mean_class < table.of_truth < 0:
        return 0.0
    return _solve(table, table.of_truth, 0.0)[0]


def _solve(table: _Table, observed: float, log_t: float) -> tuple[float, bool, int]:
    """Find ln T where the expected d equals the observed one; was it found, in how many steps."""
    # What is expected is at least -T ln C, so no lower temperature can explain what is observed.
    low, high = math.log(-observed / math.log(table.n_classes)), math.inf
    log_t = max(log_t, low)
    for n_steps in range(1, _MAX_ITERATIONS + 1):
        temperature = math.exp(log_t)
        expected, variance = table.expect(temperature)
        excess = expected - observed
        # The expectation falls as T grows, so the sign tells on which side the solution lies.
        low, high = (log_t, high) if excess > 0 else (low, log_t)
        step = excess * temperature / max(variance, 1e-300)
        step = min(max(step, -_LONGEST_STEP), _LONGEST_STEP)
        if abs(step) > table.tolerance and not low < log_t + step < high:
            step = (low + high) / 2 - log_t
        log_t += step
        if abs(step) <= table.tolerance:
            return log_t, True, n_steps
    return log_t, False, _MAX_ITERATIONS
