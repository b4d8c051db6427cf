"""Many comparisons: Holm by its definition, the permutation test against SciPy's, their levels."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, strategies as st
from scipy.stats import permutation_test

from coursekit.calibration import group_p_values, holm_adjusted

PROBABILITIES = st.lists(st.floats(min_value=0, max_value=1), min_size=1, max_size=12)


def rejected_by_holm(p, level):
    """Holm 1979, as he wrote it: go up from the smallest, stop at the first that fails."""
    rejected = [False] * len(p)
    for step, i in enumerate(sorted(range(len(p)), key=lambda i: p[i])):
        if p[i] > level / (len(p) - step):
            break
        rejected[i] = True
    return rejected


@given(p=PROBABILITIES, level=st.floats(min_value=0.001, max_value=0.5))
def test_adjusted_p_values_reject_what_the_procedure_rejects(p, level):
    adjusted = holm_adjusted(p)
    unsure = (adjusted - level).abs() < 1e-9  # a tie that rounding decides
    expected = torch.tensor(rejected_by_holm(p, level))
    assert torch.equal((adjusted <= level)[~unsure], expected[~unsure])


def test_a_worked_example():
    assert holm_adjusted([0.01, 0.04, 0.03, 0.005]).tolist() == pytest.approx(
        [0.03, 0.06, 0.06, 0.02]
    )
    assert holm_adjusted([0.7]).tolist() == [0.7]
    assert holm_adjusted([0.9, 0.8]).tolist() == [1.0, 1.0]


@given(p=PROBABILITIES)
def test_adjusting_lies_between_nothing_and_bonferroni_and_keeps_the_order(p):
    adjusted, p = holm_adjusted(p), torch.tensor(p, dtype=torch.double)
    assert (adjusted >= p).all()
    assert (adjusted <= (len(p) * p).clamp(max=1) + 1e-12).all()
    assert (adjusted[p.argsort()].diff() >= 0).all()


def test_the_permutation_test_agrees_with_scipy():
    rng = np.random.default_rng(0)
    values = rng.normal(size=40)
    members = np.stack([np.arange(40) < 12, np.arange(40) % 2 == 0, np.arange(40) >= 33])
    values[members[0]] += 0.6
    ours = group_p_values(values, members, n_permutations=20_000)
    for p, inside in zip(ours.tolist(), members, strict=True):
        theirs = permutation_test(
            (values[inside], values[~inside]),
            lambda x, y, axis: np.abs(x.mean(axis=axis) - y.mean(axis=axis)),
            vectorized=True,
            alternative="greater",
            n_resamples=20_000,
            rng=1,
        ).pvalue
        assert p == pytest.approx(theirs, abs=0.015)
    assert ours[0] < 0.2


def test_a_small_sample_is_exact():
    # Of the 10 ways to choose 2 of 5, two make a difference as large: the two ends.
    p = group_p_values([1.0, 2.0, 3.0, 4.0, 5.0], [[True, True, False, False, False]], 50_000)
    assert p.item() == pytest.approx(0.2, abs=0.01)


def test_levels_hold_where_nothing_differs():
    generator = torch.Generator().manual_seed(0)
    members = torch.stack([torch.arange(60) // 12 == g for g in range(5)])
    single, any_holm, n_trials = 0, 0, 300
    for trial in range(n_trials):
        values = torch.randn(60, generator=generator).exp()  # skewed: the test does not mind
        p = group_p_values(values, members, n_permutations=200, seed=trial)
        single += int((p < 0.05).sum())
        any_holm += bool((holm_adjusted(p) < 0.05).any())
    assert single / (5 * n_trials) == pytest.approx(0.05, abs=0.02)
    assert any_holm / n_trials < 0.09


def test_a_true_difference_is_found_and_the_seed_decides():
    values = torch.tensor([0.0, 1.0] * 15 + [3.0, 4.0] * 5)
    members = torch.stack([torch.arange(40) >= 30, torch.arange(40) // 2 % 2 == 0])
    p = group_p_values(values, members, n_permutations=999)
    assert p[0].item() == pytest.approx(0.001)
    assert torch.equal(p, group_p_values(values, members, n_permutations=999))
    assert p[1] > 0.2


@pytest.mark.parametrize(
    ("p", "message"),
    [([], "not empty"), ([[0.1]], "shape"), ([0.1, 1.2], "outside"), ([float("nan")], "NaN")],
)
def test_p_values_that_are_none_are_refused(p, message):
    with pytest.raises(ValueError, match=message):
        holm_adjusted(p)


@pytest.mark.parametrize(
    ("values", "members", "message"),
    [
        ([1.0, 2.0], [[True, False, True]], r"members \(G, N\)"),
        ([1.0, 2.0], [True, False], r"members \(G, N\)"),
        ([1.0, float("inf")], [[True, False]], "finite"),
        ([1.0, 2.0], [[True, True]], "between 1 and 1 of the 2 items"),
        ([1.0, 2.0], [[False, False]], "between 1 and 1"),
    ],
)
def test_groups_that_cannot_be_compared_are_refused(values, members, message):
    with pytest.raises(ValueError, match=message):
        group_p_values(values, members)
    with pytest.raises(ValueError, match="n_permutations"):
        group_p_values([1.0, 2.0], [[True, False]], n_permutations=0)
