"""The widget of the wandering estimate: built without a browser, moved, and the figure changes."""

from __future__ import annotations

import pytest
import torch

from coursekit.chapters.calibration_metrics.widget import estimate_explorer, estimate_view
from coursekit.plots import interactive

TRUTH = torch.linspace(0.05, 0.95, 400, dtype=torch.double)
TOO_SURE = (TRUTH + 0.2).clamp(max=1)


def mean_and_truth(ax):
    """The two lines of the histogram."""
    return [line.get_xdata()[0] for line in ax.figure.axes[1].lines]


def test_one_bin_has_hardly_any_bias_and_a_hundred_have_much():
    few, _ = mean_and_truth(estimate_view(TRUTH, TRUTH, n=400, n_bins=1))
    many, truth = mean_and_truth(estimate_view(TRUTH, TRUTH, n=400, n_bins=100))
    # With one bin the gap is normal: its mean size is sqrt(2 / pi) of its standard deviation.
    deviation = ((TRUTH * (1 - TRUTH)).mean() / 400).sqrt().item()
    assert few == pytest.approx((2 / torch.pi) ** 0.5 * deviation, rel=0.25)
    assert many > 5 * few
    assert truth == pytest.approx(0, abs=1e-12)


def test_the_true_error_is_known():
    mean, truth = mean_and_truth(estimate_view(TOO_SURE, TRUTH, n=3000, n_bins=10))
    assert truth == pytest.approx((TOO_SURE - TRUTH).mean().item(), abs=1e-6)
    assert mean == pytest.approx(truth, abs=0.01)


def test_the_sample_changes_with_its_seed_alone():
    views = [estimate_view(TRUTH, TRUTH, n=50, n_bins=5, seed=seed) for seed in (0, 0, 1)]
    same, again, other = (ax.get_title(loc="left") for ax in views)
    assert same == again != other
    assert same.startswith("One sample: N = 50, 5 bins, ECE 0.")


@pytest.mark.parametrize(
    ("wrong", "name"),
    [({"n": 0}, "n must"), ({"n_bins": 0}, "n_bins"), ({"true_probability": TRUTH[:3]}, "length")],
)
def test_bad_input_is_refused(wrong, name):
    fine = {"confidence": TRUTH, "true_probability": TRUTH, "n": 10, "n_bins": 5}
    with pytest.raises(ValueError, match=name):
        estimate_view(**(fine | wrong))


def test_moving_a_control_draws_anew(monkeypatch, displayed):
    drawn = []
    monkeypatch.setattr(interactive, "show", lambda ax: drawn.append(mean_and_truth(ax)))
    estimate_explorer({"honest": (TRUTH, TRUTH), "too sure": (TOO_SURE, TRUTH)})
    model, n, n_bins, seed, _ = displayed[0].children
    assert [c.description for c in (model, n, n_bins, seed)] == ["model", "N", "bins", "sample"]
    n.value, n_bins.value, model.value = 3000, 5, "too sure"
    means, truths = zip(*drawn, strict=True)
    assert means[0] > means[1] > means[2]  # more data, fewer bins
    assert truths[:3] == pytest.approx([0, 0, 0], abs=1e-12) and truths[3] > 0.15
