from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import torch

from coursekit.calibration import ConformalSets, conformal_risk_threshold

THRESHOLDS = [0.0, 0.25, 0.5, 1.0]


def first_that_will_do(losses, thresholds, limit, bound):
    """The rule of the paper in fractions, one threshold after the other."""
    for k, threshold in enumerate(thresholds[:-1]):
        if sum(Fraction(row[k]) for row in losses) + bound <= Fraction(limit) * (len(losses) + 1):
            return threshold
    return thresholds[-1]


@pytest.mark.parametrize("seed", range(40))
def test_agrees_with_the_rule_in_fractions(seed):
    rng = np.random.default_rng(seed)
    n, bound = int(rng.integers(1, 30)), int(rng.integers(1, 4))
    losses = -np.sort(-rng.integers(0, 8 * bound + 1, (n, 4)) / 8, axis=1)
    losses[:, -1] = 0
    limit = int(rng.integers(1, 8)) / 8
    expected = first_that_will_do(losses.tolist(), THRESHOLDS, limit, bound)
    assert conformal_risk_threshold(losses, THRESHOLDS, limit, bound) == expected


@pytest.mark.parametrize("n", [5, 9, 10, 19, 30])
def test_with_misses_it_is_split_conformal_prediction(n):
    scores = torch.rand(n, dtype=torch.double, generator=torch.Generator().manual_seed(n))
    probs = torch.stack([1 - scores, scores], dim=1)
    grid = torch.cat([scores.sort().values, torch.tensor([2.0])])
    found = conformal_risk_threshold(scores[:, None] > grid, grid, 0.2)
    quantile = ConformalSets(level=0.8).fit(probs, torch.zeros(n, dtype=torch.long)).quantile_
    assert found == pytest.approx(quantile)


@pytest.mark.parametrize("n", [4, 10, 30])
def test_the_expected_loss_is_exact_and_the_uncorrected_one_too_large(n):
    """With a miss as loss, scores uniform: the k-th smallest of n leaves out 1 - k / (n + 1)."""
    generator, limit, n_draws = torch.Generator().manual_seed(n), 0.1, 1000
    grid = torch.arange(1001, dtype=torch.double) / 1000
    scores = torch.rand(n_draws, n, 1, dtype=torch.double, generator=generator)
    corrected = [conformal_risk_threshold(each > grid, grid, limit) for each in scores]
    plain = [grid[((each > grid).double().mean(0) <= limit)].min().item() for each in scores]
    k = -int(-(n + 1) * (1 - limit) // 1)
    for found, rank in ((corrected, min(k, n + 1)), (plain, -int(-n * (1 - limit) // 1))):
        lost = 1 - torch.tensor(found).double()
        exact = 1 - rank / (n + 1)
        assert abs(lost.mean() - exact) < 4 * lost.std() / n_draws**0.5 + 0.001
    assert 1 - min(k, n + 1) / (n + 1) <= limit < exact


def test_a_graded_loss_is_kept_over_all_orders_of_a_small_world():
    """Six questions; each in turn is the new one: the mean loss over all six is at most alpha."""
    rng = np.random.default_rng(0)
    for _ in range(200):
        losses = -np.sort(-rng.integers(0, 6, (6, 4)) / 5, axis=1)
        losses[:, -1] = 0
        limit = rng.choice([0.2, 0.3, 0.5])
        lost = []
        for new in range(6):
            held_out = np.delete(losses, new, axis=0)
            chosen = conformal_risk_threshold(held_out, THRESHOLDS, limit)
            lost.append(losses[new, THRESHOLDS.index(chosen)])
        assert np.mean(lost) <= limit + 1e-12


def test_too_few_questions_are_answered_by_the_last_threshold():
    assert conformal_risk_threshold([[0.0, 0.0]] * 9, [0, 1], 0.1) == 0
    assert conformal_risk_threshold([[0.0, 0.0]] * 8, [0, 1], 0.1) == 1


@pytest.mark.parametrize(
    ("losses", "thresholds", "options", "message"),
    [
        ([0.5, 0.0], [0, 1], {}, r"losses must have shape \(N, K\)"),
        ([[0.5, 0.0]], [0, 1, 2], {}, r"thresholds \(K,\), found shapes \(1, 2\) and \(3,\)"),
        (torch.zeros(0, 2), [0, 1], {}, "losses must have shape"),
        ([[float("nan"), 0.0]], [0, 1], {}, "must be finite"),
        ([[1.5, 0.0]], [0, 1], {}, "losses must lie in 0 to bound=1, found 0 to 1.5"),
        ([[-0.5, -0.5]], [0, 1], {}, "losses must lie in 0 to bound"),
        ([[0.0, 0.1]], [0, 1], {}, "losses must not rise"),
        ([[0.5, 0.5]], [0, 1], {}, "at the last threshold must be at most limit=0.2, found 0.5"),
        ([[0.5, 0.0]], [0, 1], {"limit": 0.0}, "limit and bound must be positive"),
        ([[0.5, 0.0]], [0, 1], {"bound": -1.0}, "bound must be a finite number of at least 0"),
    ],
)
def test_bad_input(losses, thresholds, options, message):
    with pytest.raises(ValueError, match=message):
        conformal_risk_threshold(losses, thresholds, **{"limit": 0.2, **options})
