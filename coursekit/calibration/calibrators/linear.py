r"""Linear maps of the logits: vector scaling, matrix scaling and Dirichlet calibration.

Where temperature scaling has one number for everything, these have one for each class, or for
each pair of classes:

$$p_i = \mathrm{softmax}(w \circ z_i + b), \qquad p_i = \mathrm{softmax}(W z_i + b) .$$

They can repair errors that differ from class to class, and learn noise just as well: the more
numbers, the more data. All minimise the negative log-likelihood from the identity onwards. One
imaginary example, its label spread evenly over the classes, joins the data, as Platt proposed:
without it a class that never occurs, or always wins, would send its numbers to infinity. It
leaves out what a row rules out by a logit such as -1e9; what all rows rule out keeps its logit.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from coursekit.calibration._validation import as_number
from coursekit.calibration.calibrators._masks import ruled_out
from coursekit.calibration.calibrators._minimize import minimize
from coursekit.calibration.calibrators.base import Calibrator, warn


class _LinearCalibrator(Calibrator):
    """Softmax of a linear map of the features.

    Attributes:
        weight_: What multiplies the features: `(C,)` or `(C, C)`, float64.
        bias_: What is added for each class `(C,)`, float64; it sums to 0.
        converged_: Whether the optimum was found.
        n_iterations_: Number of L-BFGS steps.
    """

    weight_: Tensor
    bias_: Tensor
    converged_: bool
    n_iterations_: int

    def _fit(self, logits: Tensor, labels: Tensor) -> None:
        masked = ruled_out(logits, labels)
        kept = ~masked.all(dim=0)  # what every row rules out stays as it is: ruled out
        features = self._features(logits).double()[:, kept]
        renumbered = (kept.cumsum(0) - 1)[labels]
        weight, bias = self._fit_kept(features, renumbered, masked[:, kept])
        self.weight_ = self._identity(len(kept)).to(features.device)
        self.weight_[kept if weight.ndim == 1 else kept[:, None] & kept] = weight.flatten()
        self.bias_ = torch.zeros_like(kept, dtype=torch.float64)
        self.bias_[kept] = bias
        if not self.converged_:
            warn(self, f"no optimum was reached in {self.n_iterations_} iterations")

    def _fit_kept(self, features: Tensor, labels: Tensor, masked: Tensor) -> tuple[Tensor, Tensor]:
        """Return weight and bias of features `(N, C)`, of which those masked say nothing."""
        identity = self._identity(features.shape[1]).to(features.device)
        # The optimiser sees the features centred and in units of their own size, which makes its
        # problem round; these are the weight and the bias of the features as they are.
        centre = torch.where(masked, 0.0, features).sum(dim=0) / (~masked).sum(dim=0)
        unit = (features - centre)[~masked].square().mean().sqrt().item() or 1.0
        targets = _with_imaginary_example(labels, masked)

        def unpack(parameters: Tensor) -> tuple[Tensor, Tensor]:
            weight, level = parameters.split([identity.numel(), len(centre)])
            weight = weight.reshape(identity.shape) / unit
            bias = level - _apply(centre, weight)
            return weight, bias - bias.mean()  # softmax does not see the mean

        def loss(parameters: Tensor) -> Tensor:
            weight, bias = unpack(parameters)
            corrected = _apply(features, weight) + bias
            return cross_entropy(corrected, targets) + self._penalty(weight, bias)

        start = torch.cat((unit * identity.flatten(), centre))  # the identity
        found, self.converged_, self.n_iterations_ = minimize(loss, start)
        return unpack(found)

    def _predict_proba(self, logits: Tensor) -> Tensor:
        features = self._features(logits)
        weight, bias = self.weight_.to(features), self.bias_.to(features)
        return torch.softmax(_apply(features, weight) + bias, dim=1)

    def _features(self, logits: Tensor) -> Tensor:
        return logits

    def _identity(self, n_classes: int) -> Tensor:
        return torch.eye(n_classes, dtype=torch.float64)

    def _penalty(self, weight: Tensor, bias: Tensor) -> Tensor | float:
        return 0.0


def _apply(features: Tensor, weight: Tensor) -> Tensor:
    """Multiply features `(..., C)` by a factor for each class `(C,)` or a matrix `(C, C)`."""
    return features * weight if weight.ndim == 1 else features @ weight.T


def _with_imaginary_example(labels: Tensor, masked: Tensor) -> Tensor:
    """Return targets `(N, C)`: labels, and one example in N + 1 spread over what is possible."""
    share = 1 / (len(labels) + 1)
    spread = (~masked).double()
    targets = share * spread / spread.sum(dim=1, keepdim=True)
    return targets.scatter_add_(1, labels[:, None], torch.full_like(targets[:, :1], 1 - share))


class VectorScaling(_LinearCalibrator):
    """Give every class its own factor and offset: softmax(w * z + b).

    Unlike the other calibrators it is not indifferent to a number added to all logits of a row:
    give it the model's own logits or log-probabilities, but the same at fit and at prediction.

    Attributes:
        weight_: Factor of each class `(C,)`, float64.
        bias_: Offset of each class `(C,)`, float64; the offsets sum to 0.
        converged_: Whether the optimum was found.
        n_iterations_: Number of L-BFGS steps.

    Reference:
        C. Guo et al., "On calibration of modern neural networks", ICML 2017, section 4.2.

    Example:
        >>> logits, labels = [[0.0, 4.0], [0.0, 4.0], [0.0, 4.0], [4.0, 0.0]], [1, 1, 0, 0]
        >>> model = VectorScaling().fit(logits, labels)
        >>> round(model.predict_proba([[0.0, 4.0]])[0, 1].item(), 2)
        0.63
    """

    def _identity(self, n_classes: int) -> Tensor:
        return torch.ones(n_classes, dtype=torch.float64)


class MatrixScaling(_LinearCalibrator):
    r"""Let every class look at the logits of all classes: softmax(W z + b).

    With C² + C numbers it overfits soon. Off-diagonal and intercept regularisation (ODIR) adds

    $$\lambda \frac{1}{C (C - 1)} \sum_{i \ne j} W_{ij}^2 + \mu \frac1C \sum_j b_j^2$$

    to the mean negative log-likelihood: it pulls towards a factor for each class, alone. Choose
    the two penalties on data that were not fitted; 0 switches them off. Like `VectorScaling` it
    is not indifferent to a number added to all logits of a row.

    Args:
        off_diagonal_penalty: The factor lambda of the off-diagonal weights, at least 0.
        bias_penalty: The factor mu of the offsets, at least 0.

    Attributes:
        weight_: The matrix W `(C, C)`, float64.
        bias_: Offset of each class `(C,)`, float64; the offsets sum to 0.
        converged_: Whether the optimum was found.
        n_iterations_: Number of L-BFGS steps.

    Raises:
        ValueError: If a penalty is negative or not finite.

    Reference:
        C. Guo et al., ICML 2017, section 4.2; ODIR: M. Kull, M. Perello-Nieto, M. Kängsepp,
        T. Silva Filho, H. Song, P. Flach, "Beyond temperature scaling: obtaining
        well-calibrated multi-class probabilities with Dirichlet calibration", NeurIPS 2019.

    Example:
        >>> logits, labels = [[0.0, 4.0], [0.0, 4.0], [0.0, 4.0], [4.0, 0.0]], [1, 1, 0, 0]
        >>> model = MatrixScaling().fit(logits, labels)
        >>> round(model.predict_proba([[0.0, 4.0]])[0, 1].item(), 2)
        0.63
    """

    def __init__(self, off_diagonal_penalty: float = 1.0, bias_penalty: float = 0.01) -> None:
        self.off_diagonal_penalty = off_diagonal_penalty
        self.bias_penalty = bias_penalty
        self._check_parameters()

    def _check_parameters(self) -> None:
        as_number(self.off_diagonal_penalty, "off_diagonal_penalty", least=0)
        as_number(self.bias_penalty, "bias_penalty", least=0)

    def _penalty(self, weight: Tensor, bias: Tensor) -> Tensor:
        n_classes = max(len(bias), 2)
        off_diagonal = weight.square().sum() - weight.diagonal().square().sum()
        return (
            self.off_diagonal_penalty * off_diagonal / (n_classes * (n_classes - 1))
            + self.bias_penalty * bias.square().mean()
        )


class DirichletCalibration(MatrixScaling):
    """Matrix scaling of the log-probabilities: softmax(W ln p + b).

    It is the right family if, within each class, the predicted probabilities follow a Dirichlet
    distribution. Arguments, attributes, errors and reference as for `MatrixScaling`; a number
    added to all logits of a row changes nothing.

    Example:
        >>> logits, labels = [[0.0, 4.0], [0.0, 4.0], [0.0, 4.0], [4.0, 0.0]], [1, 1, 0, 0]
        >>> model = DirichletCalibration().fit(logits, labels)
        >>> round(model.predict_proba([[0.0, 4.0]])[0, 1].item(), 2)
        0.63
    """

    def _features(self, logits: Tensor) -> Tensor:
        return torch.log_softmax(logits, dim=1)
