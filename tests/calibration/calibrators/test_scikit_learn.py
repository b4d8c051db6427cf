"""Calibrators are scikit-learn classifiers: its own checks, and its tools on logits as X."""

from __future__ import annotations

import re
import warnings

import numpy as np
import pytest
import torch
from sklearn.base import clone, is_classifier
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, KFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import parametrize_with_checks

from coursekit.calibration import (
    BetaCalibration,
    DirichletCalibration,
    EnsembleAverage,
    HistogramBinning,
    IsotonicCalibration,
    MatrixScaling,
    PlattScaling,
    TemperatureScaling,
    VectorScaling,
)

OF_ONE_TABLE = [
    TemperatureScaling(),
    VectorScaling(),
    MatrixScaling(),
    DirichletCalibration(),
    PlattScaling(),
    BetaCalibration(),
    IsotonicCalibration(),
    HistogramBinning(),
]

FEWER_COLUMNS = "its data have more classes than columns, and logits have one for each class"
INTEGERS = "its labels are floats or text, and ours are indices of columns: integers"
WORDING = "refused as it should be, in our words rather than scikit-learn's"
TENSORS = "it calls NumPy's functions on what comes back, which is a tensor"
EXCEPTIONS = {
    "check_array_api_input": "needs the environment variable SCIPY_ARRAY_API",
    "check_classifier_data_not_an_array": FEWER_COLUMNS,
    "check_classifiers_classes": INTEGERS,
    "check_classifiers_one_label": INTEGERS,
    "check_classifiers_regression_target": WORDING,
    "check_classifiers_train": f"{FEWER_COLUMNS}; {TENSORS}",
    "check_complex_data": WORDING,
    "check_dtype_object": "an array of objects is refused, whatever it holds",
    "check_estimators_empty_data_messages": WORDING,
    "check_estimators_fit_returns_self": FEWER_COLUMNS,
    "check_estimators_nan_inf": WORDING,
    "check_estimators_overwrite_params": FEWER_COLUMNS,
    "check_fit2d_1feature": WORDING,
    "check_fit2d_predict1d": WORDING,
    "check_fit_idempotent": TENSORS,
    "check_fit_score_takes_y": "the second argument is called labels, not y",
    "check_n_features_in_after_fitting": WORDING,
    "check_readonly_memmap_input": FEWER_COLUMNS,
    "check_requires_y_none": WORDING,
    "check_supervised_y_2d": "labels (N, 1) are refused rather than flattened with a warning",
    "check_supervised_y_no_nan": WORDING,
}
EARLY = "a wrong parameter is refused where it is written, and again after set_params"
REFUSE_EARLY = (MatrixScaling, DirichletCalibration, HistogramBinning)


def exceptions_of(estimator):
    early = {"check_do_not_raise_errors_in_init_or_set_params": EARLY}
    return EXCEPTIONS | (early if isinstance(estimator, REFUSE_EARLY) else {})


#: One of each kind: the interface, which is checked, stands in their common base.
CHECKED = [TemperatureScaling(), MatrixScaling(), HistogramBinning()]


@parametrize_with_checks(CHECKED, expected_failed_checks=exceptions_of)
@pytest.mark.filterwarnings("ignore")
def test_scikit_learns_own_checks(estimator, check):
    check(estimator)


every_calibrator = pytest.mark.parametrize(
    "calibrator", OF_ONE_TABLE, ids=lambda calibrator: type(calibrator).__name__
)


@every_calibrator
def test_cross_validated_probabilities_are_those_of_the_folds(calibrator, predictions):
    logits, labels = (x.numpy() for x in predictions(n=150, n_classes=3))
    folds = KFold(3)
    found = cross_val_predict(calibrator, logits, labels, cv=folds, method="predict_proba")
    for fit, held_out in folds.split(logits):
        fresh = type(calibrator)().fit(logits[fit], labels[fit])
        assert np.array_equal(found[held_out], fresh.predict_proba(logits[held_out]))
    assert not hasattr(calibrator, "classes_")  # clones were fitted


@every_calibrator
def test_it_ends_a_pipeline_whose_classes_and_score_are_those_of_its_probabilities(
    calibrator, predictions
):
    logits, labels = (x.numpy() for x in predictions(n=150, n_classes=3))
    pipeline = make_pipeline(FunctionTransformer(lambda z: 2 * z), clone(calibrator))
    probs = pipeline.fit(logits, labels).predict_proba(logits)
    assert torch.equal(probs, type(calibrator)().fit(2 * logits, labels)(2 * logits))
    predicted = pipeline.predict(logits)
    assert torch.equal(predicted, probs.argmax(1))
    assert pipeline.score(logits, labels) == (predicted.numpy() == labels).mean()
    assert pipeline.classes_.tolist() == [0, 1, 2]
    assert is_classifier(pipeline)


def test_a_search_finds_the_penalty_with_the_smallest_loss(predictions):
    logits, labels = (x.numpy() for x in predictions(n=120, n_classes=4))
    grid, folds = [0.0, 1.0, 100.0], KFold(3)
    search = GridSearchCV(
        MatrixScaling(), {"off_diagonal_penalty": grid}, scoring="neg_log_loss", cv=folds
    ).fit(logits, labels)
    for penalty, found in zip(grid, search.cv_results_["mean_test_score"], strict=True):
        losses = [
            log_loss(labels[out], MatrixScaling(penalty).fit(logits[fit], labels[fit])(logits[out]))
            for fit, out in folds.split(logits)
        ]
        assert -found == pytest.approx(np.mean(losses), rel=1e-9)


def test_parameters_are_kept_as_given_cloned_and_set():
    model = EnsembleAverage(MatrixScaling(2, bias_penalty=0))
    copy = clone(model)
    assert copy is not model
    assert copy.get_params() == {
        "calibrator": copy.calibrator,
        "calibrator__off_diagonal_penalty": 2,
        "calibrator__bias_penalty": 0,
    }
    assert copy.set_params(calibrator__bias_penalty=3).calibrator.bias_penalty == 3
    assert repr(HistogramBinning(n_bins=7)) == "HistogramBinning(n_bins=7)"


@pytest.mark.parametrize(
    ("model", "parameters", "error", "message"),
    [
        (HistogramBinning(), {"n_bins": 0}, ValueError, "n_bins must be at least 1"),
        (HistogramBinning(), {"n_bins": True}, TypeError, "n_bins must be a whole number"),
        (HistogramBinning(), {"binning": "discrete"}, ValueError, "binning must be one of"),
        (MatrixScaling(), {"bias_penalty": -1}, ValueError, "bias_penalty must be a finite"),
        (MatrixScaling(), {"bias_penalty": "1"}, TypeError, "bias_penalty must be a number"),
        (EnsembleAverage(), {"calibrator": 1}, TypeError, "calibrator must be a Calibrator"),
    ],
)
def test_parameters_that_were_set_are_checked_by_fit(model, parameters, error, message):
    with pytest.raises(error, match=message):
        type(model)(**parameters)
    model.set_params(**parameters)
    with pytest.raises(error, match=message):
        model.fit([[0.0, 2.0]] * 4, [0, 1, 1, 1])


@pytest.mark.parametrize(
    ("name", "cure"),
    [
        ("transform", "predict_proba(logits)"),
        ("fit_transform", "fit(logits, labels).predict_proba(logits)"),
        ("predict_log_proba", "predict_proba(logits).log()"),
    ],
)
def test_a_guess_that_fails_names_what_to_write(name, cure):
    with pytest.raises(
        AttributeError, match=re.escape(f"no attribute {name!r}. For corrected")
    ) as e:
        getattr(TemperatureScaling(), name)
    assert str(e.value).endswith(cure)
    with pytest.raises(AttributeError, match=r"no attribute 'temprature_'$"):
        _ = TemperatureScaling().temprature_


@every_calibrator
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_probabilities_in_place_of_logits_raise_a_warning_that_names_the_cure(
    calibrator, predictions
):
    logits, labels = predictions(n=100, n_classes=3)
    probs = logits.softmax(1)
    for given in (probs, probs.half(), probs.tolist()):
        with pytest.warns(UserWarning, match=r"pass their logarithm, probs\.log\(\)") as caught:
            clone(calibrator).fit(given, labels)
        assert {warning.filename for warning in caught} == {__file__}
    with pytest.warns(UserWarning, match="sums to 1, as probabilities do"):
        fitted = clone(calibrator).fit(logits, labels)
        fitted.predict_proba(probs)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        fitted.fit(probs.log(), labels)(probs.log())
        one_that_sums_to_two = torch.cat((probs, torch.tensor([[0.0, 0.0, 2.0]])))
        fitted.fit(one_that_sums_to_two, [*labels, 2])


def test_probabilities_in_an_ensemble_raise_the_warning_too(predictions):
    logits, labels = predictions(n=100, n_classes=3)
    probs = logits.softmax(1).expand(2, -1, -1)
    with pytest.warns(UserWarning, match="EnsembleAverage: each row of logits"):
        EnsembleAverage(TemperatureScaling()).fit(probs, labels)
