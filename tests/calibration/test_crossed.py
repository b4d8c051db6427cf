"""The mean of a crossed table: against formulas by hand, the bootstrap and known variances."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from coursekit.calibration import bootstrap_interval, crossed_mean

TABLE = [[1, 1, 0, 1], [1, 1, 0, 0], [1, 0, 0, 0]]


def test_by_hand():
    found = crossed_mean(TABLE)
    assert (found.mean, found.n_rows, found.n_columns) == (0.5, 3, 4)
    # Row means 3/4, 2/4, 1/4; column means 1, 2/3, 0, 1/3; 12 entries deviate by 1/2.
    of_rows, of_columns = 4 * 2 / 16 / 2, 3 * (1 / 4 + 1 / 36 + 1 / 4 + 1 / 36) / 3
    rest = (3 - 2 * of_rows - 3 * of_columns) / 6
    assert found.mean_squares == pytest.approx((of_rows, of_columns, rest))
    assert found.variances == pytest.approx(((of_rows - rest) / 4, (of_columns - rest) / 3, rest))


@pytest.mark.parametrize(("over", "dim"), [("rows", 1), ("columns", 0)])
def test_over_one_of_them_it_is_students_interval_of_the_means(over, dim):
    table = torch.tensor(np.random.default_rng(0).normal(size=(6, 9)))
    found = crossed_mean(table).interval(over, level=0.9)
    expected = bootstrap_interval(torch.mean, table.mean(dim=dim), method="t", level=0.9)
    assert [found.low, found.high] == pytest.approx([expected.low, expected.high])


def simulated(rng, sd_rows, sd_columns, shape=(8, 24)):
    rows, columns = rng.normal(0, sd_rows, (shape[0], 1)), rng.normal(0, sd_columns, shape[1])
    return rows + columns + rng.normal(size=shape)


@pytest.mark.parametrize("sds", [(0.5, 0.5), (1, 0), (0, 1)])
def test_new_rows_and_columns_fall_into_it_as_often_as_it_says(sds):
    rng = np.random.default_rng(0)
    tables = [crossed_mean(simulated(rng, *sds)) for _ in range(400)]
    assert np.mean([0 in table.interval() for table in tables]) == pytest.approx(0.955, abs=0.025)
    variances = np.mean([table.variances for table in tables], axis=0)
    assert variances == pytest.approx([sds[0] ** 2, sds[1] ** 2, 1], abs=0.06)
    if sds[0] == 1:  # what only the questions vary says too little
        assert np.mean([0 in table.interval("columns") for table in tables]) < 0.5


def test_no_variance_is_no_width():
    found = crossed_mean([[0.5, 0.5], [0.5, 0.5]])
    assert found.variances == (0, 0, 0)
    assert (found.interval().low, found.interval().high) == (0.5, 0.5)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ([[1, 0]], r"at least two rows and two columns.* found shape \(1, 2\)"),
        ([1, 0], r"found shape \(2,\)"),
        ([[1, 0], [1, float("nan")]], "finite numbers"),
    ],
)
def test_bad_tables_are_named(table, message):
    with pytest.raises(ValueError, match=message):
        crossed_mean(table)
    with pytest.raises(ValueError, match="over must be"):
        crossed_mean(TABLE).interval("prompts")
