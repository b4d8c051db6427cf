"""Multicalibration: what a patch does, when it ends, and what it promises on other items."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch

from coursekit.calibration import Multicalibration, gap


def two_overlapping_groups(n, seed):
    """Confidence 0.6 everywhere; truth 0.2 to 0.9 by two overlapping groups."""
    generator = torch.Generator().manual_seed(seed)
    first, second = torch.rand(2, n, generator=generator) < 0.5
    truth = 0.4 + 0.3 * first - 0.2 * second
    right = torch.rand(n, generator=generator) < truth
    return torch.full((n,), 0.6), right, torch.stack([first, second]), truth


def test_one_patch_moves_the_cell_to_its_accuracy_and_nothing_else():
    sure = torch.tensor([0.5, 0.5, 0.5, 0.5, 0.9])
    right = torch.tensor([True, True, True, False, True])
    groups = torch.tensor([[True, True, True, True, False]])
    repair = Multicalibration(n_bins=4, tolerance=0.01).fit(sure, right, groups)
    assert repair.patches_ == [(0, 2, 0.25, 4)]
    assert repair.predict(sure, groups).tolist() == pytest.approx([0.75] * 4 + [0.9])


def test_ends_when_no_cell_is_violated_by_more_than_the_tolerance():
    sure, right, groups, _ = two_overlapping_groups(2000, 0)
    repair = Multicalibration(n_bins=10, tolerance=0.005).fit(sure, right, groups)
    p = repair.predict(sure, groups)
    number = (p * 10).long().clamp(max=9)
    for group in groups:
        for b in range(10):
            inside = group & (number == b)
            assert abs((p - right.double())[inside].sum()) / 2000 <= 0.005
    assert 0 < len(repair.patches_) < 50


def test_every_patch_lowers_the_brier_score_of_the_items_it_was_found_on():
    sure, right, groups, _ = two_overlapping_groups(300, 1)
    repair = Multicalibration(n_bins=5, tolerance=0.0, max_patches=30).fit(sure, right, groups)
    patches, scores = repair.patches_, []
    for n in range(len(patches) + 1):
        repair.patches_ = patches[:n]
        scores.append((repair.predict(sure, groups) - right.double()).square().mean().item())
    assert all(after <= before + 1e-12 for before, after in pairwise(scores))
    assert scores[-1] < scores[0] - 0.02


def test_with_many_items_it_holds_in_overlapping_groups_of_new_items():
    repair = Multicalibration(n_bins=10, tolerance=0.002).fit(*two_overlapping_groups(20000, 2)[:3])
    sure, right, groups, truth = two_overlapping_groups(20000, 3)
    p = repair.predict(sure, groups)
    assert max(abs(gap(sure[group], right[group])) for group in groups) > 0.1
    assert all(abs(gap(p[group], right[group])) < 0.015 for group in groups)
    assert (p - truth).square().mean() < (sure - truth).square().mean() / 2
    assert (p[~groups.any(dim=0)] == sure[0]).all()  # who is in no group is promised nothing


def test_a_calibrated_confidence_is_left_alone():
    sure, right, groups = torch.tensor([0.5, 0.5]), torch.tensor([True, False]), torch.ones(1, 2)
    repair = Multicalibration(tolerance=0.0).fit(sure, right, groups)
    assert repair.patches_ == []
    assert repair.predict(sure, groups).tolist() == [0.5, 0.5]


def test_confidences_stay_probabilities():
    sure = torch.tensor([0.05, 0.15, 0.95])
    repair = Multicalibration(n_bins=1, tolerance=0.0, max_patches=20)
    p = repair.fit(sure, [False, False, False], torch.ones(1, 3)).predict(sure, torch.ones(1, 3))
    assert ((p >= 0) & (p <= 1)).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tolerance": -0.1}, "tolerance must be a finite number of at least 0"),
        ({"tolerance": float("nan")}, "tolerance must be a finite number of at least 0"),
        ({"n_bins": 0}, "n_bins"),
        ({"max_patches": 0}, "max_patches"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        Multicalibration(**options)


@pytest.mark.parametrize(
    ("sure", "right", "groups", "message"),
    [
        ([0.5], [True], [True], r"groups \(G, N\)"),
        ([0.5, 0.5], [True, True], [[True]], r"groups \(G, N\)"),
        ([0.5, 0.5], [True], [[True, True]], r"correct must have shape \(2,\)"),
        ([1.5], [True], [[True]], r"\[0, 1\]"),
        ([float("nan")], [True], [[True]], r"\[0, 1\]"),
        ([], [], [[]], r"groups \(G, N\), not empty"),
        ([0.5], [0.7], [[True]], "correct must hold only True and False"),
        ([0.5], [float("nan")], [[True]], "correct must hold only True and False"),
        ([0.5], [True], [[2]], "groups must hold only True and False"),
    ],
)
def test_bad_items(sure, right, groups, message):
    with pytest.raises(ValueError, match=message):
        Multicalibration().fit(sure, right, groups)
