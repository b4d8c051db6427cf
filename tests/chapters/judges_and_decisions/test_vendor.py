"""The vendor's decider: fetched by its hash, run from the wheel, and what its fields mean."""

from __future__ import annotations

import sys

import pytest

from coursekit.chapters.judges_and_decisions import vendor

OPTIONS = ["nitrogen fixation", "oxygen fixation", "pollen fixation"]
STATE = "Bacteria change nitrogen gas to nitrates; that is called nitrogen fixation."


@pytest.fixture(scope="module")
def decider():
    return vendor.load_decider()


def test_confidence_is_the_margin_over_chance_and_no_probability(decider):
    reply = vendor.decide(decider, STATE, "What is this called?", OPTIONS)
    probs = reply["probabilities"]
    assert list(probs) == OPTIONS and sum(probs.values()) == pytest.approx(1, abs=2e-4)
    assert reply["choice"] == max(probs, key=probs.get) == OPTIONS[0]
    margin = (3 * max(probs.values()) - 1) / 2
    assert reply["confidence"] == pytest.approx(margin, abs=2e-4)
    assert reply["confidence"] < max(probs.values()) - 0.004


def test_the_order_of_the_options_does_not_matter(decider):
    replies = [
        vendor.decide(decider, STATE, "What is this called?", options)["probabilities"]
        for options in (OPTIONS, OPTIONS[::-1])
    ]
    assert replies[0] == pytest.approx(replies[1], abs=2e-4)


def test_an_unknown_model_is_refused_by_name():
    with pytest.raises(ValueError, match=r"sparrow-nano-general-v1\.1, .*found 'sparrow-giant'"):
        vendor.load_decider("sparrow-giant")


def test_the_wheel_leaves_the_search_path_as_it_was(decider):
    assert not any(vendor.WHEEL.file in path for path in sys.path)
