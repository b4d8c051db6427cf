from __future__ import annotations

import itertools

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given
from torch.utils._python_dispatch import TorchDispatchMode
from torchmetrics.functional.classification import (
    binary_calibration_error,
    multiclass_calibration_error,
)

from coursekit.calibration import (
    debiased_calibration_error,
    ece_null_distribution,
    expected_calibration_error,
    probability_error,
    reliability_bins,
    sweep_calibration_error,
    top_label,
    true_calibration_error,
)

BINNINGS = ["uniform", "quantile"]
NORMS = ["l1", "l2", "max"]

#: Predictions with their outcomes, with many ties and values on borders.
predictions = st.lists(
    st.tuples(
        st.one_of(st.floats(0, 1), st.sampled_from([0.0, 0.1, 0.2, 0.3, 0.7, 1.0])), st.booleans()
    ),
    min_size=1,
    max_size=60,
)


def random_predictions(n, seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    confidence = torch.rand(n, generator=generator, dtype=dtype)
    return confidence, torch.rand(n, generator=generator, dtype=dtype) < confidence**2


def test_hand_computed():
    confidence = [0.1, 0.3, 0.6, 0.8, 0.8]
    correct = [0, 1, 1, 1, 0]
    bins = reliability_bins(confidence, correct, n_bins=4)
    assert bins.edges.tolist() == [0, 0.25, 0.5, 0.75, 1]
    assert bins.count.tolist() == [1, 1, 1, 2]
    assert bins.confidence.tolist() == pytest.approx([0.1, 0.3, 0.6, 0.8])
    assert bins.accuracy.tolist() == [0, 1, 1, 0.5]
    assert bins.gap.tolist() == pytest.approx([0.1, -0.7, -0.4, 0.3])
    assert bins.weight.tolist() == [0.2, 0.2, 0.2, 0.4]
    assert (bins.count.dtype, bins.correct_count.dtype) == (torch.int64, torch.int64)
    assert bins.confidence_sum.dtype == torch.float64

    def ece(norm):
        return expected_calibration_error(confidence, correct, n_bins=4, norm=norm)

    assert ece("l1") == pytest.approx(0.2 * (0.1 + 0.7 + 0.4) + 0.4 * 0.3)
    assert ece("l2") == pytest.approx((0.2 * (0.01 + 0.49 + 0.16) + 0.4 * 0.09) ** 0.5)
    assert ece("max") == pytest.approx(0.7)


def test_empty_bins_hold_zeros():
    bins = reliability_bins([0.95], [1], n_bins=3)
    for values in (bins.count, bins.confidence, bins.accuracy, bins.gap):
        assert values[:2].tolist() == [0, 0]
    assert expected_calibration_error([0.95], [1], n_bins=3, norm="max") == pytest.approx(0.05)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("n_bins", [2, 3, 5, 10, 15, 49, 100])
def test_bins_are_right_closed_on_every_border(n_bins, dtype):
    """A border belongs to the bin on its left; the next float above, to the one on its right."""
    borders = torch.tensor([k / n_bins for k in range(1, n_bins)], dtype=dtype)
    above = torch.nextafter(borders, torch.ones_like(borders))
    outcomes = torch.zeros(n_bins - 1, dtype=torch.bool)
    count = reliability_bins(borders, outcomes, n_bins).count
    assert count.tolist() == [1] * (n_bins - 1) + [0]
    count = reliability_bins(above, outcomes, n_bins).count
    assert count.tolist() == [0] + [1] * (n_bins - 1)


@pytest.mark.parametrize("binning", BINNINGS)
def test_zero_and_one_belong_to_the_outer_bins(binning):
    count = reliability_bins([0.0, 0.5, 1.0], [0, 1, 1], 3, binning).count
    assert count.tolist() == [1, 1, 1]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("binning", BINNINGS)
def test_equals_comparison_with_the_borders(dtype, binning):
    confidence, correct = random_predictions(20_000)
    confidence = confidence.to(dtype)
    bins = reliability_bins(confidence, correct, 15, binning)
    values, edges = confidence.double().numpy(), bins.edges.numpy()
    for b in range(15):
        inside = (values > edges[b]) & (values <= edges[b + 1])
        if b == 0:
            inside |= values == 0
        assert bins.count[b] == inside.sum()
        assert bins.correct_count[b] == correct.numpy()[inside].sum()
        assert bins.confidence_sum[b].item() == pytest.approx(values[inside].sum(), rel=1e-12)


def test_quantile_bins_have_equal_counts_without_ties():
    confidence, correct = random_predictions(1000)
    assert reliability_bins(confidence, correct, 8, "quantile").count.tolist() == [125] * 8
    uneven = reliability_bins(confidence[:10], correct[:10], 4, "quantile").count
    # Cut at the ranks ceil(k 10 / 4): 3, 5, 8, 10.
    assert uneven.tolist() == [3, 2, 3, 2]


def test_quantile_bins_do_not_split_ties():
    bins = reliability_bins([0.2] * 7 + [0.9] * 3, [1] * 10, 5, "quantile")
    assert sorted(bins.count.tolist()) == [0, 0, 0, 3, 7]
    assert expected_calibration_error([0.5] * 9, [1, 0, 1] * 3, 4, "quantile") == pytest.approx(
        2 / 3 - 0.5
    )


@given(data=predictions, binning=st.sampled_from(BINNINGS), n_bins=st.integers(1, 20))
def test_bins_partition_the_predictions(data, binning, n_bins):
    confidence, correct = zip(*data, strict=True)
    bins = reliability_bins(confidence, correct, n_bins, binning)
    assert len(bins.count) == n_bins
    assert bins.count.sum() == len(data)
    assert bins.correct_count.sum() == sum(correct)
    assert bins.confidence_sum.sum().item() == pytest.approx(sum(confidence))
    assert (bins.edges.diff() >= 0).all()


@given(data=predictions, binning=st.sampled_from(BINNINGS), n_bins=st.integers(1, 20))
def test_norms_are_ordered_and_in_the_unit_interval(data, binning, n_bins):
    confidence, correct = zip(*data, strict=True)
    l1, l2, largest = (
        expected_calibration_error(confidence, correct, n_bins, binning, norm) for norm in NORMS
    )
    assert 0 <= l1 <= l2 + 1e-12 <= largest + 2e-12 <= 1 + 3e-12


@given(data=predictions, binning=st.sampled_from(BINNINGS), seed=st.integers(0, 1000))
def test_order_of_predictions_does_not_matter(data, binning, seed):
    def ece(rows):
        return expected_calibration_error(*zip(*rows, strict=True), n_bins=7, binning=binning)

    shuffled = [data[i] for i in np.random.default_rng(seed).permutation(len(data))]
    assert ece(shuffled) == pytest.approx(ece(data), abs=1e-12)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("n_bins", [5, 15, 20])
def test_parity_with_torchmetrics(norm, n_bins):
    confidence, correct = random_predictions(3000)
    assert expected_calibration_error(confidence, correct, n_bins, norm=norm) == pytest.approx(
        binary_calibration_error(confidence, correct.long(), n_bins=n_bins, norm=norm).item(),
        abs=1e-6,  # torchmetrics sums in float32
    )


def test_parity_with_torchmetrics_for_many_classes():
    generator = torch.Generator().manual_seed(3)
    probs = torch.randn(2000, 6, generator=generator, dtype=torch.float64).mul(2).softmax(dim=1)
    labels = torch.randint(6, (2000,), generator=generator)
    ours = expected_calibration_error(*top_label(probs, labels), n_bins=10)
    theirs = multiclass_calibration_error(probs, labels, num_classes=6, n_bins=10)
    assert ours == pytest.approx(theirs.item(), abs=1e-6)


def test_parity_with_netcal():
    metrics = pytest.importorskip("netcal.metrics")
    confidence, correct = random_predictions(3000)
    theirs = metrics.ECE(bins=15).measure(confidence.numpy(), correct.long().numpy())
    assert expected_calibration_error(confidence, correct) == pytest.approx(theirs, abs=1e-12)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("binning", BINNINGS)
def test_null_distribution_is_that_of_the_estimate(binning, norm):
    """Equal in mean to estimates on labels that were drawn, and binned, one sample at a time."""
    confidence = random_predictions(300)[0]
    null = ece_null_distribution(confidence, 10, binning, norm, n_simulations=2000)
    generator = torch.Generator().manual_seed(7)
    direct = torch.tensor(
        [
            expected_calibration_error(
                confidence,
                torch.rand(300, generator=generator, dtype=torch.float64) < confidence,
                10,
                binning,
                norm,
            )
            for _ in range(500)
        ],
        dtype=torch.float64,
    )
    standard_error = (null.var() / len(null) + direct.var() / len(direct)).sqrt()
    assert abs(null.mean() - direct.mean()) < 4 * standard_error
    assert null.std().item() == pytest.approx(direct.std().item(), rel=0.15)


def test_null_distribution_for_one_bin_is_binomial():
    """One bin, confidence 1/2, N = 4: the ECE is |k/4 - 1/2| with k ~ Binomial(4, 1/2)."""
    null = ece_null_distribution([0.5] * 4, n_bins=1, n_simulations=40_000)
    assert null.shape == (40_000,)
    for value, probability in ((0.0, 6 / 16), (0.25, 8 / 16), (0.5, 2 / 16)):
        error = (probability * (1 - probability) / 40_000) ** 0.5
        assert abs((null == value).double().mean().item() - probability) < 4 * error


def test_null_distribution_follows_the_seed():
    confidence = random_predictions(50)[0]
    first, again, other = (
        ece_null_distribution(confidence, n_simulations=20, seed=seed) for seed in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_null_distribution_is_independent_of_data_made_with_the_same_seed():
    """Drawn from one stream, confidences and outcomes would agree in the first simulation."""
    confidence = torch.rand(300, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    null = ece_null_distribution(confidence, n_bins=10, n_simulations=100, seed=0)
    assert null.max() < 4 * null.mean()


def test_certain_predictions_have_no_chance():
    assert ece_null_distribution([0.0, 1.0, 1.0], n_simulations=10).tolist() == [0] * 10


@given(
    counts=st.lists(st.tuples(st.integers(1, 20), st.integers(1, 20)), min_size=1, max_size=8),
    binning=st.sampled_from([*BINNINGS, "discrete"]),
    norm=st.sampled_from(NORMS),
    n_bins=st.integers(1, 20),
)
def test_a_calibrated_population_has_no_error(counts, binning, norm, n_bins):
    """Of n predictions with confidence k / n exactly k are correct, for every k / n."""
    confidence, correct = [], []
    for a, b in counts:
        k, n = min(a, b), max(a, b)
        confidence += [k / n] * n
        correct += [1] * k + [0] * (n - k)
    found = expected_calibration_error(confidence, correct, n_bins, binning, norm)
    assert found == pytest.approx(0, abs=1e-12)
    assert debiased_calibration_error(confidence, correct, n_bins, binning) == 0


def test_debiased_by_hand():
    """Bins of 4 and of 2: squared gaps 0.01 and 0.16, chance 3/16/3 and 1/4/1."""
    confidence, correct = [0.65] * 4 + [0.9] * 2, [1, 1, 1, 0, 1, 0]
    expected = (4 * (0.01 - 0.1875 / 3) + 2 * (0.16 - 0.25)) / 6
    found = debiased_calibration_error(confidence, correct, 10, "uniform", squared=True)
    assert found == pytest.approx(expected)
    assert debiased_calibration_error(confidence, correct, 10, "uniform") == 0


def test_single_predictions_say_nothing_about_chance():
    assert debiased_calibration_error([0.2, 0.7], [1, 0], squared=True) == 0


def test_debiased_square_is_right_on_average():
    """Over all outcomes of a bin of three at 0.5 that truly come true at 0.8: the gap is 0.3."""
    mean, plain = 0.0, 0.0
    for k, times in enumerate([1, 3, 3, 1]):
        likely = times * 0.8**k * 0.2 ** (3 - k)
        correct = [1] * k + [0] * (3 - k)
        mean += likely * debiased_calibration_error([0.5] * 3, correct, 1, squared=True)
        plain += likely * expected_calibration_error([0.5] * 3, correct, 1, norm="l2") ** 2
    assert mean == pytest.approx(0.3**2, abs=1e-12)
    assert plain == pytest.approx(0.3**2 + 0.8 * 0.2 / 3, abs=1e-12)


def reference_sweep(confidence, correct):
    """Algorithm 1 of Roelofs et al. for confidences that all differ."""
    order = np.argsort(confidence)
    confidence, correct = confidence[order], correct[order].astype(float)
    n, error = len(confidence), 0.0
    for n_bins in range(1, n + 1):
        cuts = [-(-k * n // n_bins) for k in range(n_bins + 1)]
        parts = [slice(a, b) for a, b in itertools.pairwise(cuts)]
        accuracy = [correct[part].mean() for part in parts]
        if any(a > b for a, b in itertools.pairwise(accuracy)):
            break
        gaps = [abs(correct[p].sum() - confidence[p].sum()) for p in parts]
        error = sum(gaps) / n
    return error


@pytest.mark.parametrize("seed", range(10))
def test_sweep_follows_the_algorithm(seed):
    rng = np.random.default_rng(seed)
    confidence = rng.random(rng.integers(1, 200))
    correct = rng.random(len(confidence)) < confidence**2
    expected = reference_sweep(confidence, correct)
    assert sweep_calibration_error(confidence, correct) == pytest.approx(expected, abs=1e-12)


def test_sweep_of_ordered_outcomes_uses_a_bin_for_each():
    confidence = np.linspace(0, 1, 100_000)
    found = sweep_calibration_error(confidence, confidence > 0.5)
    assert found == pytest.approx(0.25, abs=1e-5)


class Sorts(TorchDispatchMode):
    """Counts how often anything is sorted."""

    n = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.n += "sort" in str(func)
        return func(*args, **(kwargs or {}))


def test_sweep_sorts_once_however_many_bins_it_tries():
    """One wrong answer near the bottom: the order holds until each prediction has its bin."""
    confidence, correct = torch.linspace(0.5, 1, 300), torch.ones(300, dtype=torch.bool)
    correct[1] = False
    with Sorts() as sorts:
        found = sweep_calibration_error(confidence, correct)
    assert sorts.n == 1
    assert found == pytest.approx(reference_sweep(confidence.numpy(), correct.numpy()), abs=1e-6)


@pytest.mark.parametrize("seed", range(10))
def test_sweep_with_ties_is_that_of_its_quantile_bins(seed):
    """The first number of bins whose successor breaks the order, by the public functions."""
    rng = np.random.default_rng(seed)
    confidence = rng.integers(1, 12, 80) / 12
    correct = rng.random(80) < confidence**2
    discrete = reliability_bins(confidence, correct, binning="discrete")
    if (discrete.accuracy.diff() >= 0).all():
        n_bins, binning = 1, "discrete"
    else:
        n_bins, binning = 1, "quantile"
        while True:
            bins = reliability_bins(confidence, correct, n_bins + 1, "quantile")
            if (bins.accuracy[bins.count > 0].diff() < 0).any():
                break
            n_bins += 1
    expected = expected_calibration_error(confidence, correct, n_bins, binning)
    assert sweep_calibration_error(confidence, correct) == pytest.approx(expected, abs=1e-12)


def test_sweep_does_not_depend_on_the_order_of_ties():
    confidence = np.repeat([0.2, 0.4, 0.6, 0.8], 5)
    rng = np.random.default_rng(0)
    correct = rng.random(20) < confidence
    order = rng.permutation(20)
    first = sweep_calibration_error(confidence, correct)
    assert sweep_calibration_error(confidence[order], correct[order]) == first


def test_true_error_by_hand():
    confidence, truth = [0.5, 0.5, 0.9, 0.9], [0.3, 0.7, 0.8, 0.6]
    # The first two are right on average, the others 0.2 too sure.
    assert true_calibration_error(confidence, truth, binning="discrete") == pytest.approx(0.1)
    assert true_calibration_error(confidence, truth, n_bins=1) == pytest.approx(0.1)
    assert true_calibration_error(confidence, truth, norm="max") == pytest.approx(0.2)
    assert probability_error(confidence, truth) == pytest.approx((0.2 + 0.2 + 0.1 + 0.3) / 4)
    assert probability_error(confidence, truth, "l2") == pytest.approx(
        ((0.04 + 0.04 + 0.01 + 0.09) / 4) ** 0.5
    )
    assert probability_error(confidence, truth, "max") == pytest.approx(0.3)


def test_the_estimate_approaches_the_true_error():
    """The ECE of many outcomes is the true error of the same bins, up to chance."""
    confidence = random_predictions(400_000)[0]
    truth = confidence**1.5
    correct = torch.rand(400_000, generator=torch.Generator().manual_seed(9)) < truth
    assert expected_calibration_error(confidence, correct) == pytest.approx(
        true_calibration_error(confidence, truth), abs=3e-3
    )
    # The integral of c - c^1.5 over [0, 1].
    assert true_calibration_error(confidence, truth) == pytest.approx(1 / 2 - 1 / 2.5, abs=1e-3)


@given(
    data=st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=30),
    binning=st.sampled_from([*BINNINGS, "discrete"]),
    norm=st.sampled_from(NORMS),
)
def test_true_errors_are_ordered(data, binning, norm):
    confidence, truth = zip(*data, strict=True)
    within_bins = true_calibration_error(confidence, truth, 5, binning, norm)
    assert 0 <= within_bins <= probability_error(confidence, truth, norm) + 1e-12
    assert true_calibration_error(truth, truth, 5, binning, norm) == 0
