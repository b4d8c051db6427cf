"""Figures of notebook 16: the plotted numbers, not the pixels."""

from __future__ import annotations

import pytest
import torch

from coursekit.chapters.safety.figures import leak_against_loss, secret_ranks

LOG_PROBS = torch.tensor([0.1, 0.4, 0.2, 0.3]).log()


def test_secrets_are_sorted_and_the_true_one_is_marked_at_its_rank():
    ax = secret_ranks({"once": (LOG_PROBS, 2), "often": (LOG_PROBS, 1)}, "Ranks")
    curve, mark, _, other = ax.lines
    assert list(curve.get_xdata()) == [1, 2, 3, 4]
    assert curve.get_ydata() == pytest.approx([0.4, 0.3, 0.2, 0.1])
    assert (mark.get_xdata()[0], mark.get_ydata()[0]) == (3, pytest.approx(0.2))
    assert (other.get_xdata()[0], other.get_ydata()[0]) == (1, pytest.approx(0.4))
    assert [text.get_text() for text in ax.get_legend().get_texts()] == [
        "once: rank 3, 0.4 bits",
        "often: rank 1, 2.0 bits",
    ]
    assert ax.get_xscale() == ax.get_yscale() == "log"
    assert "probability" in ax.get_ylabel()


@pytest.mark.parametrize("n", [0, 6])
def test_too_few_or_too_many_curves_are_refused(n):
    with pytest.raises(ValueError, match=f"found {n}"):
        secret_ranks({str(i): (LOG_PROBS, 0) for i in range(n)}, "title")


def test_every_training_is_a_point_and_chance_a_line():
    ax = leak_against_loss({"plain": [(0.1, 12.0), (0.2, 4.0)], "noise": [(0.3, 3.0)]}, 1.44, "T")
    plain, noise, chance = ax.lines
    assert list(plain.get_xdata()) == [0.1, 0.2] and list(plain.get_ydata()) == [12.0, 4.0]
    assert plain.get_linestyle() == "None" and plain.get_marker() != noise.get_marker()
    assert set(chance.get_ydata()) == {1.44}
    assert ax.get_ylim()[0] == 0
    assert "nats per token" in ax.get_xlabel() and "bits" in ax.get_ylabel()


@pytest.mark.parametrize("n", [0, 6])
def test_too_few_or_too_many_ways_to_train_are_refused(n):
    with pytest.raises(ValueError, match=f"found {n}"):
        leak_against_loss({str(i): [(0.1, 2.0)] for i in range(n)}, 1.44, "title")
