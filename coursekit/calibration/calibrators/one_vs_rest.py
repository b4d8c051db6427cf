r"""Calibrators of a single probability, applied to one class at a time.

Platt scaling, beta calibration, isotonic regression and histogram binning learn a function of one
number, the predicted probability p of an event:

$$\sigma\Bigl(a \ln\frac{p}{1 - p} + c\Bigr), \qquad \sigma(a \ln p - b \ln(1 - p) + c), \qquad
  \text{a rising staircase}, \qquad \text{the frequency in p's bin} .$$

With two classes they learn it for class 1, and class 0 gets the rest. With more, each class has a
function of its own, for "this class or another", and the C results are divided by their sum. A
row in which all of them are 0 becomes uniform, as in scikit-learn.
"""

from __future__ import annotations

from abc import abstractmethod

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from coursekit.calibration._validation import ArrayLike, as_confidence, as_n_bins, require_choice
from coursekit.calibration.bins import Binning, reliability_bins
from coursekit.calibration.calibrators._masks import ruled_out
from coursekit.calibration.calibrators._minimize import minimize
from coursekit.calibration.calibrators.base import Calibrator


def binary_logits(confidence: ArrayLike) -> Tensor:
    """Return probabilities of an event as logits `(N, 2)`, so that every calibrator takes them.

    To calibrate pairs of confidence and correctness:

        calibrator.fit(binary_logits(confidence), correct.long())
        calibrator.predict_proba(binary_logits(confidence))[:, 1]

    Args:
        confidence: Probabilities `(N,)`, strictly between 0 and 1: a logit must be finite.

    Returns:
        ln(1 - p) and ln p, float64.

    Raises:
        ValueError: If the confidence has a wrong shape, is empty, or has values out of range.
        TypeError: If it does not hold numbers.

    Example:
        >>> binary_logits([0.5, 0.9]).softmax(1)
        tensor([[0.5000, 0.5000],
                [0.1000, 0.9000]], dtype=torch.float64)
    """
    p = as_confidence(confidence).double()
    certain = (p == 0) | (p == 1)
    if certain.any():
        raise ValueError(
            f"confidence must lie strictly between 0 and 1, found {p[certain][0].item():g} in "
            f"{int(certain.sum())} of {len(p)} entries. No finite logit says so: decide how sure "
            "certainty is, for example confidence.clamp(0.01, 0.99)"
        )
    return torch.stack((torch.log1p(-p), p.log()), dim=1)


class _OneVsRest(Calibrator):
    """A function of one probability for each class, or for class 1 alone if there are two.

    Subclasses get the K columns that have a function (K = C, or 1 if C = 2), as ln p and
    ln(1 - p), both `(N, K)` in float64.
    """

    def _fit(self, logits: Tensor, labels: Tensor) -> None:
        columns = _columns_with_function(torch.arange(logits.shape[1], device=logits.device)[None])
        masked = ruled_out(logits, labels)
        n_others = masked.sum(dim=1, keepdim=True) - masked.long()
        settled = masked | (n_others == logits.shape[1] - 1)
        self._fit_columns(
            *_log_probabilities(logits),
            labels[:, None] == columns,
            _columns_with_function(settled),
        )

    def _predict_proba(self, logits: Tensor) -> Tensor:
        probs = self._predict_columns(*_log_probabilities(logits))
        if logits.shape[1] == 2:
            return torch.cat((1 - probs, probs), dim=1)
        total = probs.sum(dim=1, keepdim=True)
        return torch.where(total > 0, probs / total, 1 / logits.shape[1])

    @abstractmethod
    def _fit_columns(
        self, log_p: Tensor, log_not_p: Tensor, happened: Tensor, settled: Tensor
    ) -> None:
        """Learn from what happened `(N, K)`, bool, of which masks had settled some before."""

    @abstractmethod
    def _predict_columns(self, log_p: Tensor, log_not_p: Tensor) -> Tensor: ...


def _columns_with_function(table: Tensor) -> Tensor:
    return table[:, 1:] if table.shape[1] == 2 else table


def _log_probabilities(logits: Tensor) -> tuple[Tensor, Tensor]:
    """Return ln p and ln(1 - p), both exact where p is so near 1 that 1 - p rounds to 0."""
    log_p = torch.log_softmax(logits.double(), dim=1)
    top = log_p.argmax(dim=1, keepdim=True)
    log_not_p = torch.log1p(-log_p.exp().scatter(1, top, 0.0))
    log_not_p.scatter_(1, top, log_p.scatter(1, top, -torch.inf).logsumexp(dim=1, keepdim=True))
    return _columns_with_function(log_p), _columns_with_function(log_not_p)


class _Logistic(_OneVsRest):
    """Logistic regression on features of one probability, with Platt's targets.

    Platt takes (N1 + 1) / (N1 + 2) and 1 / (N0 + 2) for the N1 events that happened and the N0
    that did not, in place of 1 and 0: the frequencies with one imaginary example of each. They
    keep the optimum finite when events can be told apart without error, or all are of one kind.
    """

    coefficient_: Tensor
    intercept_: Tensor
    converged_: bool
    n_iterations_: int

    #: Lower bounds of the coefficients.
    _lower: tuple[float | None, ...]

    def _fit_columns(
        self, log_p: Tensor, log_not_p: Tensor, happened: Tensor, settled: Tensor
    ) -> None:
        features = self._features(log_p, log_not_p)
        fits = [
            _fit_logistic(features[:, column], happened[:, column], settled[:, column], self._lower)
            for column in range(features.shape[1])
        ]
        found, converged, n_iterations = zip(*fits, strict=True)
        table = torch.stack(found)
        self.coefficient_, self.intercept_ = table[:, :-1], table[:, -1]
        self.converged_, self.n_iterations_ = all(converged), max(n_iterations)

    def _predict_columns(self, log_p: Tensor, log_not_p: Tensor) -> Tensor:
        features = self._features(log_p, log_not_p)
        return torch.sigmoid((features * self.coefficient_).sum(dim=2) + self.intercept_)

    @abstractmethod
    def _features(self, log_p: Tensor, log_not_p: Tensor) -> Tensor:
        """Return what the logistic regression sees: `(N, K, F)`."""


def _fit_logistic(
    features: Tensor, happened: Tensor, settled: Tensor, lower: tuple[float | None, ...]
) -> tuple[Tensor, bool, int]:
    """Return the coefficients and the intercept `(F + 1,)` of features `(N, F)`."""
    n_happened = int(happened.sum())
    n_other = len(happened) - n_happened
    targets = torch.where(happened, (n_happened + 1) / (n_happened + 2), 1 / (n_other + 2)).double()
    targets = torch.where(settled, happened.double(), targets)
    # In units of the features' own size the optimiser meets the same problem at any scale.
    unit = features[~settled].square().sum(dim=0).div(len(features)).sqrt()
    unit = torch.where(unit > 0, unit, 1.0)

    def loss(parameters: Tensor) -> Tensor:
        corrected = features @ (parameters[:-1] / unit) + parameters[-1]
        return binary_cross_entropy_with_logits(corrected, targets)

    start = torch.cat((unit, unit.new_zeros(1)))  # the identity
    found, converged, n_iterations = minimize(loss, start, (*lower, None))
    return torch.cat((found[:-1] / unit, found[-1:])), converged, n_iterations


class PlattScaling(_Logistic):
    """Give every class a logistic function of its log-odds: sigmoid(a ln(p / (1 - p)) + c).

    With two classes the log-odds are the difference of the logits, and a is 1/T. With more, each
    class has its own; see the module's text for how they are combined.

    Attributes:
        coefficient_: The slope a for each class `(K, 1)`, float64; K = C, or 1 if C = 2.
        intercept_: The offset c for each class `(K,)`, float64.
        converged_: Whether every class reached its optimum.
        n_iterations_: The largest number of L-BFGS steps of a class.

    Reference:
        J. Platt, "Probabilistic outputs for support vector machines", 1999, whose targets are
        used; one against the rest: B. Zadrozny, C. Elkan, "Transforming classifier scores into
        accurate multiclass probability estimates", KDD 2002.

    Example:
        >>> logits, labels = [[0.0, 4.0], [0.0, 4.0], [0.0, 4.0], [4.0, 0.0]], [1, 1, 0, 0]
        >>> model = PlattScaling().fit(logits, labels)
        >>> round(model.predict_proba([[0.0, 4.0]])[0, 1].item(), 2)
        0.58
    """

    _lower = (None,)

    def _features(self, log_p: Tensor, log_not_p: Tensor) -> Tensor:
        return (log_p - log_not_p)[:, :, None]


class BetaCalibration(_Logistic):
    """Let confidence near 0 and near 1 be corrected differently: sigmoid(a ln p - b ln(1-p) + c).

    It is the right family if the probabilities predicted for events, and those predicted for
    non-events, both follow beta distributions. a = b is `PlattScaling`, a = b = 1 and c = 0 the
    identity, which Platt's own scores could not express. a and b are at least 0, so that the
    function never falls.

    Attributes:
        coefficient_: The numbers a and b for each class `(K, 2)`, float64; K = C, or 1 if C = 2.
        intercept_: The offset c for each class `(K,)`, float64.
        converged_: Whether every class reached its optimum.
        n_iterations_: The largest number of L-BFGS steps of a class.

    Reference:
        M. Kull, T. Silva Filho, P. Flach, "Beta calibration: a well-founded and easily
        implemented improvement on logistic calibration for binary classifiers", AISTATS 2017.
        Unlike there, the targets are Platt's, so that separable data have an answer.

    Example:
        >>> logits, labels = [[0.0, 4.0], [0.0, 4.0], [0.0, 4.0], [4.0, 0.0]], [1, 1, 0, 0]
        >>> model = BetaCalibration().fit(logits, labels)
        >>> round(model.predict_proba([[0.0, 4.0]])[0, 1].item(), 2)
        0.58
    """

    _lower = (0.0, 0.0)

    def _features(self, log_p: Tensor, log_not_p: Tensor) -> Tensor:
        return torch.stack((log_p, -log_not_p), dim=2)


class IsotonicCalibration(_OneVsRest):
    """Learn any function of p that never falls, by least squares.

    No shape is assumed, so it needs thousands of examples; it may answer exactly 0 or 1, which
    makes the negative log-likelihood of a surprise infinite. Between the probabilities it has
    seen it interpolates linearly, outside them it is constant.

    Reference:
        B. Zadrozny, C. Elkan, KDD 2002; the fit is scikit-learn's `IsotonicRegression`.

    Example:
        >>> logits, labels = [[0.0, 4.0], [0.0, 4.0], [0.0, 4.0], [4.0, 0.0]], [1, 1, 0, 0]
        >>> model = IsotonicCalibration().fit(logits, labels)
        >>> round(model.predict_proba([[0.0, 4.0]])[0, 1].item(), 2)
        0.67
    """

    def _fit_columns(
        self, log_p: Tensor, log_not_p: Tensor, happened: Tensor, settled: Tensor
    ) -> None:
        from sklearn.isotonic import IsotonicRegression  # takes a second, and few need it

        p, outcomes = log_p.exp().cpu().numpy(), happened.double().cpu().numpy()
        self.regressions_ = [
            IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(x, y)
            for x, y in zip(p.T, outcomes.T, strict=True)
        ]

    def _predict_columns(self, log_p: Tensor, log_not_p: Tensor) -> Tensor:
        p = log_p.exp().cpu().numpy()
        columns = [fit.predict(x) for fit, x in zip(self.regressions_, p.T, strict=True)]
        return torch.from_numpy(np.stack(columns, axis=1)).to(log_p.device)


class HistogramBinning(_OneVsRest):
    """Answer with how often the event happened in the bin of p: a reliability diagram, applied.

    A bin that was empty at the fit answers with its middle.

    Args:
        n_bins: Number of bins.
        binning: "uniform" for bins of equal width, or "quantile" for bins that hold equally many
            examples, as in the paper.

    Attributes:
        edges_: Borders of the bins of each class, K tensors `(B + 1,)`, float64; right-closed.
        frequency_: The answer in each bin, K tensors `(B,)`, float64.

    Raises:
        ValueError: If `n_bins` is less than 1, or `binning` is not one of the two.

    Reference:
        B. Zadrozny, C. Elkan, "Obtaining calibrated probability estimates from decision trees
        and naive Bayesian classifiers", ICML 2001.

    Example:
        >>> logits, labels = [[0.0, 4.0], [0.0, 4.0], [0.0, 4.0], [4.0, 0.0]], [1, 1, 0, 0]
        >>> model = HistogramBinning(n_bins=5).fit(logits, labels)
        >>> round(model.predict_proba([[0.0, 4.0]])[0, 1].item(), 2)
        0.67
    """

    edges_: list[Tensor]
    frequency_: list[Tensor]

    def __init__(self, n_bins: int = 15, binning: Binning = "uniform") -> None:
        self.n_bins, self.binning = n_bins, binning
        self._check_parameters()

    def _check_parameters(self) -> None:
        as_n_bins(self.n_bins)
        require_choice(self.binning, ("uniform", "quantile"), "binning")

    def _fit_columns(
        self, log_p: Tensor, log_not_p: Tensor, happened: Tensor, settled: Tensor
    ) -> None:
        diagrams = [
            reliability_bins(p, y, self.n_bins, self.binning)
            for p, y in zip(log_p.exp().T, happened.T, strict=True)
        ]
        self.edges_ = [bins.edges for bins in diagrams]
        self.frequency_ = [
            torch.where(bins.count > 0, bins.accuracy, (bins.edges[1:] + bins.edges[:-1]) / 2)
            for bins in diagrams
        ]

    def _predict_columns(self, log_p: Tensor, log_not_p: Tensor) -> Tensor:
        columns = [
            frequency[torch.bucketize(p, edges[1:-1])]
            for p, edges, frequency in zip(
                log_p.exp().T.contiguous(), self.edges_, self.frequency_, strict=True
            )
        ]
        return torch.stack(columns, dim=1)
