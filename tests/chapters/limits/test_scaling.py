"""Scaling of notebook 17: on losses that are made by a known law."""

from __future__ import annotations

import numpy as np
import pytest

from coursekit.chapters.limits import scaling
from coursekit.chapters.limits.scaling import Runs


@pytest.fixture
def runs():
    sizes = np.repeat([1e3, 1e4, 1e5], 8)
    tokens = np.tile(np.repeat([1e4, 1e5, 1e6, 1e7], 2), 3)
    return Runs(sizes, tokens, 1.5 + 30 * sizes**-0.5 + 800 * tokens**-0.7)


@pytest.mark.parametrize("floor", [None, 1.5])
def test_a_law_is_found_again(runs, floor):
    law = scaling.fit_law(runs, floor)
    assert (law.alpha, law.beta, law.floor) == pytest.approx((0.5, 0.7, 1.5), abs=0.01)
    assert abs(law.residuals).max() < 1e-4
    assert law.losses(runs.sizes, runs.tokens) == pytest.approx(runs.losses, rel=1e-4)


def test_residuals_are_measured_minus_fitted(runs):
    higher = Runs(runs.sizes, runs.tokens, runs.losses * np.where(runs.tokens == 1e4, 1.1, 1.0))
    law = scaling.fit_law(higher, 1.5)
    assert law.residuals == pytest.approx(
        np.log(higher.losses) - np.log(law.losses(runs.sizes, runs.tokens))
    )


def test_a_wrong_floor_given_is_kept(runs):
    assert scaling.fit_law(runs, 1.2).floor == 1.2


def test_cells_hold_the_runs_of_one_size_and_length(runs):
    cells = runs.cells()
    assert [len(cell) for cell in cells] == [2] * 12
    assert sorted(np.concatenate(cells)) == list(range(24))
    assert all(np.ptp(runs.sizes[cell]) == np.ptp(runs.tokens[cell]) == 0 for cell in cells)


def test_resampling_keeps_the_cells_and_repeats_runs():
    runs = Runs(np.repeat([1.0, 2.0], 3), np.ones(6), np.arange(6.0))
    drawn = runs.resampled(np.random.default_rng(0))
    assert drawn.sizes.tolist() == runs.sizes.tolist()
    assert set(drawn.losses[:3]) <= {0, 1, 2}
    assert set(drawn.losses[3:]) <= {3, 4, 5}
    assert drawn.losses.tolist() != runs.losses.tolist()


def test_intervals_are_those_of_noise_between_runs(runs):
    noise = np.random.default_rng(0).normal(scale=0.02, size=24)
    found = scaling.law_intervals(
        Runs(runs.sizes, runs.tokens, runs.losses * np.exp(noise)), n_resamples=40
    )
    assert found["floor"].low < found["floor"].estimate < found["floor"].high
    assert abs(found["floor"].estimate - 1.5) < 0.1


def test_every_size_is_trained_for_each_of_its_lengths_with_each_seed():
    asked = []
    runs = scaling.all_runs(
        range(2), {8: (10, 20), 16: (10,)}, loss=lambda *which: asked.append(which) or 2.0
    )
    assert asked == [(8, 10, 0), (8, 10, 1), (8, 20, 0), (8, 20, 1), (16, 10, 0), (16, 10, 1)]
    assert runs.tokens.tolist() == [10080, 10080, 20160, 20160, 10080, 10080]


def test_excess_at_a_budget_is_read_off_between_lengths_and_not_beyond():
    sizes, tokens = np.array([10.0, 10, 10, 10, 50, 50]), np.array([1e1, 1e1, 1e3, 1e3, 1e3, 1e3])
    runs = Runs(sizes, tokens, np.array([2.0, 3.0, 1.01, 1.02, 1.5, 1.5]))
    found = scaling.excess_at_compute(runs, 1.0, 6 * 10 * 100)
    assert list(found) == [10]
    assert found[10] == pytest.approx([0.1, 0.2])
    assert list(scaling.excess_at_compute(runs, 1.0, 6 * 10 * 1e3)) == [10]
    assert scaling.excess_at_compute(runs, 1.0, 6 * 10 * 9) == {}


def test_training_brings_a_loss_down_and_not_below_the_floor():
    floor = scaling.entropy_of_grammar()
    early, late = (scaling.loss_after(8, steps, seed=0) for steps in (5, 60))
    assert floor < late < early
    assert scaling.loss_after(8, 5, seed=0) == early
    assert scaling.loss_after(8, 5, seed=1) != early
