"""Clusters, agreement and semantic entropy: against closed forms, and what says nothing."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, strategies as st
from scipy.stats import entropy

from coursekit.llm.clusters import (
    agreement,
    canonical,
    cluster_by_similarity,
    cluster_by_string,
    kernel_entropy,
    semantic_entropy,
)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Washington, D.C.", "washington dc", True),
        ("the Hague", "The Hague.", True),
        ("1,234", "1234", True),
        ("12.", "12", True),
        ("3.5", "35", False),
        ("-5", "5", False),
        ("10 Downing Street", "10 downing street ", True),
        ("Tirana", "Tirano", False),
        ("12", "twelve", False),
    ],
)
def test_what_counts_of_an_answer(one, other, same):
    assert (canonical(one) == canonical(other)) is same


@pytest.mark.parametrize("text", ["", "  ", "\t\n", "?!", "..."])
def test_a_text_that_says_nothing_is_no_answer(text):
    assert canonical(text) is None
    assert agreement(text, [text, text, "Paris"]) == 0
    assert agreement("Paris", [text, text, "Paris"]) == pytest.approx(1 / 3)
    assert cluster_by_string([text, "Paris", text]) == [0, 1, 0]


def test_clusters_are_numbered_as_they_appear():
    assert cluster_by_string(["Rome", "Oslo", "rome.", "Bern", "OSLO"]) == [0, 1, 0, 2, 1]
    assert cluster_by_string(["Rome", "Riga"], key=lambda text: text[0]) == [0, 0]


def test_agreement_counts_samples_not_clusters():
    samples = ["Rome", "rome", "Oslo", "Oslo", "ROME.", "Bern"]
    assert agreement("Rome!", samples) == 0.5
    assert agreement("Paris", samples) == 0


def test_agreement_estimates_the_probability_without_bias():
    """The mean over all samples of three answers with known probabilities, each by its chance."""
    chance = {"a": 0.5, "b": 0.3, "c": 0.2}
    mean = sum(chance[x] * chance[y] * agreement("a", [x, y]) for x in chance for y in chance)
    assert mean == pytest.approx(0.5)


@given(st.lists(st.integers(0, 5), min_size=1, max_size=30))
def test_entropy_equals_scipys(clusters):
    counts = torch.tensor(clusters).bincount().double()
    found = semantic_entropy(clusters)
    assert found == pytest.approx(entropy(counts.numpy()), abs=1e-12)
    assert 0 <= found <= math.log(len(clusters)) + 1e-12


def test_entropy_of_one_cluster_and_of_all_different():
    assert semantic_entropy([7] * 10) == 0
    assert semantic_entropy(list(range(10))) == pytest.approx(math.log(10))


@pytest.mark.parametrize(
    "clusters",
    [torch.tensor([0, 1, 1]), np.array([0, 1, 1]), [torch.tensor(k) for k in (0, 1, 1)], (0, 1, 1)],
    ids=["tensor", "array", "list of tensors", "tuple"],
)
def test_equal_numbers_are_one_cluster_whatever_holds_them(clusters):
    assert semantic_entropy(clusters) == pytest.approx(entropy([1, 2]), abs=1e-12)


def test_with_probabilities_a_cluster_weighs_their_sum():
    log_probs = [math.log(p) for p in (0.3, 0.1, 0.4)]  # normalised: 0.5 and 0.5
    assert semantic_entropy(["x", "x", "y"], log_probs) == pytest.approx(math.log(2))
    # Whatever was not sampled is normalised away: a common factor changes nothing.
    shifted = torch.tensor(log_probs) - 50
    assert semantic_entropy(["x", "x", "y"], shifted) == pytest.approx(math.log(2), abs=1e-5)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: cluster_by_string([]), ValueError, "samples must have at least one answer"),
        (lambda: agreement("Paris", []), ValueError, "samples must have at least one answer"),
        (lambda: agreement("Paris", "Paris"), TypeError, r"write \[sample\]"),
        (lambda: cluster_by_string("Paris"), TypeError, r"write \[sample\]"),
        (lambda: cluster_by_string(["Paris", 3]), TypeError, "found int: take its .text"),
        (lambda: agreement(None, ["Paris"]), TypeError, "found NoneType"),
        (
            lambda: semantic_entropy([]),
            ValueError,
            "of at least one sample",
        ),
        (lambda: semantic_entropy([0, 1], [-1.0]), ValueError, r"found shape \(1,\)"),
        (lambda: semantic_entropy([0, 1], [-1.0, 0.5]), ValueError, "at most 0"),
        (lambda: semantic_entropy([0, 1], [-1.0, float("nan")]), ValueError, "finite"),
        (lambda: semantic_entropy([0, 1], [-1.0, -math.inf]), ValueError, "finite"),
    ],
)
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()


# --- Similarity instead of strings ----------------------------------------------------------------


def test_kernel_entropy_in_closed_form():
    for n in (1, 2, 10):
        assert kernel_entropy(torch.ones(n, n)) == 0
        assert kernel_entropy(torch.eye(n)) == pytest.approx(math.log(n))
    for cosine in (0.6, 0.999):  # two samples: the eigenvalues are (1 + c) / 2 and (1 - c) / 2
        p = (1 + cosine) / 2
        wanted = -p * math.log(p) - (1 - p) * math.log(1 - p)
        found = kernel_entropy(torch.tensor([[1, cosine], [cosine, 1]]))
        assert found == pytest.approx(wanted, rel=1e-4)


@pytest.mark.parametrize("clusters", [[0, 0, 1], [0, 1, 0, 2, 2, 2], [0] * 9 + [1]])
def test_kernel_entropy_of_clusters_is_the_semantic_entropy(clusters):
    ids = torch.tensor(clusters)
    kernel = (ids[:, None] == ids).float()
    assert kernel_entropy(kernel) == pytest.approx(semantic_entropy(clusters))


def test_the_scale_of_a_kernel_does_not_matter():
    vectors = torch.randn(5, 3, generator=torch.Generator().manual_seed(0))
    kernel = vectors @ vectors.T  # of rank 3: two eigenvalues are 0 but for rounding
    assert kernel_entropy(7 * kernel) == pytest.approx(kernel_entropy(kernel))
    assert 0 < kernel_entropy(kernel) < math.log(3)


@pytest.mark.parametrize(
    ("kernel", "message"),
    [
        ([[1.0, 0.5]], r"kernel must have shape \(1, 1\), found \(1, 2\)"),
        ([[1.0, 0.5], [0.1, 1.0]], "kernel must be symmetric"),
        ([[1.0, math.nan], [math.nan, 1.0]], "kernel must be symmetric and without NaN"),
        ([[0.0]], "found eigenvalues from 0 to 0"),
        ([[1.0, 2.0], [2.0, 1.0]], "no negative eigenvalue.*found eigenvalues from -1 to 3"),
        ([], r"kernel must have shape \(1, 1\), found \(0,\)"),
    ],
)
def test_what_is_no_kernel(kernel, message):
    with pytest.raises(ValueError, match=message):
        kernel_entropy(torch.tensor(kernel))


def test_each_string_joins_the_first_cluster_whose_head_it_is_like():
    samples = ["Rome", "Peking", "", "Beijing", "beijing.", " ", "Roma", "Oslo"]
    table = torch.full((8, 8), 0.9)  # silence too: it joins nobody all the same
    for city in ([0, 6], [1, 3, 4], [7]):
        for other in {0, 1, 3, 4, 6, 7} - set(city):
            table[city, other] = table[other, city] = 0.1
    assert cluster_by_similarity(samples, table, 0.9) == [0, 1, 2, 1, 1, 2, 0, 3]
    assert cluster_by_similarity(samples, table, 0.91) == [0, 1, 2, 3, 3, 2, 4, 5]
    with pytest.raises(ValueError, match=r"similarity must have shape \(2, 2\), found \(8, 8\)"):
        cluster_by_similarity(samples[:2], table, 0.9)
    with pytest.raises(ValueError, match="threshold must be a number, found nan"):
        cluster_by_similarity(samples, table, math.nan)
