"""Predictions with a known error, for all tests of calibrators."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator


def overconfident_predictions(n=2000, n_classes=5, temperature=2.5, seed=0, tilt=0.0):
    """Logits, and labels drawn from softmax(logits / temperature + tilt), which a fit recovers.

    `tilt` favours the later classes by up to that much.
    """
    generator = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(n, n_classes, generator=generator, dtype=torch.float64)
    offset = torch.linspace(-tilt, tilt, n_classes, dtype=torch.float64)
    probs = torch.softmax(logits / temperature + offset, dim=1)
    return logits, torch.multinomial(probs, 1, generator=generator).squeeze(1)


@pytest.fixture(scope="session")
def predictions():
    return overconfident_predictions


class Scores(ClassifierMixin, BaseEstimator):
    """A classifier whose scores are the table it is given, for scikit-learn to calibrate."""

    def __init__(self, n_classes=2):
        self.n_classes = n_classes
        self.classes_ = np.arange(n_classes)

    def fit(self, x, y):
        return self

    def predict(self, x):  # FrozenEstimator asks whether it is there
        return self.classes_[x.argmax(axis=1)]

    def decision_function(self, x):
        return x[:, 1] if self.n_classes == 2 else x


@pytest.fixture(scope="session")
def scikit_learn_probabilities():
    """What scikit-learn makes of scores, for its method "temperature", "sigmoid" or "isotonic"."""

    def calibrated(method, scores, labels):
        frozen = FrozenEstimator(Scores(scores.shape[1]))
        model = CalibratedClassifierCV(frozen, method=method, ensemble=False)
        return model.fit(scores.numpy(), labels.numpy()).predict_proba(scores.numpy())

    return calibrated
