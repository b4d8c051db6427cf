from __future__ import annotations

import math

import pytest
import torch
from scipy import stats

from coursekit.calibration import ConformalSets, coverage, mean_set_size
from coursekit.calibration.conformal import ConformalSets as Sets

KINDS = [("threshold", None), ("adaptive", None), ("adaptive", 0)]


def sample(n, seed=0, n_classes=5, sharpen=1.0):
    """Probabilities of a model, and labels drawn from them sharpened: 1 makes it calibrated."""
    generator = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(n, n_classes, dtype=torch.float64, generator=generator)
    truth = (sharpen * logits).softmax(1)
    return logits.softmax(1), torch.multinomial(truth, 1, generator=generator).squeeze(1)


def test_threshold_by_hand():
    # Scores of the truth: 0.1, 0.4, 0.2, 0.7. Rank ceil(5 * 0.6) = 3 of them is 0.4.
    probs = [[0.9, 0.1], [0.4, 0.6], [0.8, 0.2], [0.3, 0.7]]
    sets = ConformalSets(level=0.6).fit(probs, [0, 1, 0, 0])
    assert sets.quantile_ == pytest.approx(0.4)
    found = sets.predict_sets([[0.65, 0.35], [0.5, 0.5], [0.1, 0.9]])
    assert found.tolist() == [[True, False], [False, False], [False, True]]


def test_adaptive_by_hand():
    # The truth stands first, second, first, last: mass above it 0, 0.5, 0, 0.9.
    probs = [[0.5, 0.3, 0.2], [0.3, 0.5, 0.2], [0.1, 0.3, 0.6], [0.2, 0.1, 0.7]]
    sets = ConformalSets(level=0.6, score="adaptive").fit(probs, [0, 0, 2, 1])
    assert sets.quantile_ == pytest.approx(0.5)
    found = sets.predict_sets([[0.1, 0.2, 0.7], [0.3, 0.4, 0.3], [0.45, 0.3, 0.25]])
    assert found.tolist() == [[False, False, True], [True, True, False], [True, True, False]]


def test_adaptive_sets_of_a_certain_model_that_is_right_hold_its_class():
    sets = ConformalSets(0.9, "adaptive").fit([[1.0, 0, 0]] * 20, [0] * 20)
    assert sets.predict_sets([[1.0, 0, 0]]).tolist() == [[True, False, False]]


def test_adaptive_sets_of_a_certain_model_that_is_wrong_hold_the_impossible_too():
    """A fifth of the truths were called impossible; less than everything breaks the promise."""
    sets = ConformalSets(0.9, "adaptive").fit([[1.0, 0, 0]] * 20, [0] * 16 + [1] * 4)
    assert sets.predict_sets([[1.0, 0, 0]]).all()


@pytest.mark.parametrize("level", [0.3, 0.6, 0.9])
def test_adaptive_sets_without_a_seed_grow_from_the_top_and_are_never_empty(level):
    probs, labels = sample(500)
    fresh, _ = sample(500, seed=1)
    fitted = ConformalSets(level, "adaptive").fit(probs, labels)
    sets = fitted.predict_sets(fresh)
    assert sets.gather(1, fresh.argmax(1, keepdim=True)).all()
    for row, chosen in zip(fresh, sets, strict=True):
        held = row[chosen].sum() - row[chosen].min()
        assert held <= fitted.quantile_ + 1e-12  # without its last class it had not enough
        assert chosen.all() or row[chosen].sum() > fitted.quantile_ - 1e-12
        assert chosen.all() or row[chosen].min() >= row[~chosen].max()


def test_easy_questions_get_smaller_adaptive_sets_than_hard_ones():
    fitted = ConformalSets(0.9, "adaptive").fit(*sample(500))
    easy, hard = fitted.predict_sets(
        [[0.96, 0.01, 0.01, 0.01, 0.01], [0.24, 0.19, 0.19, 0.19, 0.19]]
    )
    assert 1 <= easy.sum() < hard.sum()


def test_a_random_share_shrinks_adaptive_sets():
    """Where the top class alone is right more often than promised; only chance can then say no."""
    probs, labels = sample(4000)
    fresh, truth = sample(4000, seed=1)
    whole = ConformalSets(0.5, "adaptive").fit(probs, labels).predict_sets(fresh)
    share = ConformalSets(0.5, "adaptive", seed=0).fit(probs, labels).predict_sets(fresh)
    assert whole.equal(torch.nn.functional.one_hot(fresh.argmax(1), 5).bool())
    assert coverage(share, truth) == pytest.approx(0.5, abs=0.03)
    assert mean_set_size(share) < mean_set_size(whole)


@pytest.mark.parametrize(("score", "seed"), KINDS)
@pytest.mark.parametrize(("level", "n"), [(0.9, 9), (0.9, 40), (0.8, 17), (0.55, 100)])
def test_coverage_follows_its_exact_law(score, seed, level, n):
    """Over calibration sets, the number of m new labels covered is beta-binomial (Vovk 2012)."""
    m, n_splits = 50, 400
    covered = []
    for split in range(n_splits):
        # So many classes that the first alone is right less often than any of the levels.
        probs, labels = sample(n + m, seed=split, n_classes=40)
        sets = Sets(level, score, None if seed is None else split).fit(probs[:n], labels[:n])
        covered.append(round(m * coverage(sets.predict_sets(probs[n:]), labels[n:])))
    rank = math.ceil((n + 1) * level - 1e-9)
    law = stats.betabinom(m, rank, n + 1 - rank)
    z = (sum(covered) / n_splits - law.mean()) / (law.std() / n_splits**0.5)
    assert abs(z) < 3.5
    expected = [law.ppf(q) for q in (0.1, 0.25, 0.5, 0.75, 0.9)]
    for point in expected:
        below = sum(c <= point for c in covered)
        assert stats.binomtest(below, n_splits, law.cdf(point)).pvalue > 1e-4


@pytest.mark.parametrize(("score", "seed"), KINDS)
@pytest.mark.parametrize("sharpen", [0.3, 3.0])
def test_a_miscalibrated_model_is_covered_as_well(score, seed, sharpen):
    probs, labels = sample(40_000, sharpen=sharpen)
    sets = Sets(0.9, score, seed).fit(probs[::2], labels[::2])
    found = coverage(sets.predict_sets(probs[1::2]), labels[1::2])
    assert found == pytest.approx(0.9, abs=0.015)


@pytest.mark.parametrize(("score", "seed"), KINDS)
def test_shifted_labels_lose_coverage(score, seed):
    probs, labels = sample(4000)
    sets = Sets(0.9, score, seed).fit(probs[:2000], labels[:2000])
    shifted = (labels[2000:] + 1) % probs.shape[1]
    assert coverage(sets.predict_sets(probs[2000:]), shifted) < 0.6


@pytest.mark.parametrize("score", ["threshold", "adaptive"])
def test_the_order_of_examples_does_not_matter(score):
    probs, labels = sample(300)
    order = torch.randperm(300, generator=torch.Generator().manual_seed(0))
    quantiles = {
        Sets(0.9, score).fit(*data).quantile_
        for data in [(probs, labels), (probs[order], labels[order])]
    }
    assert len(quantiles) == 1


@pytest.mark.parametrize("score", ["threshold", "adaptive"])
def test_exactly_rank_many_of_the_held_out_truths_are_covered(score):
    probs, labels = sample(99)
    n_right = (probs.argmax(1) == labels).sum().item() if score == "adaptive" else 0
    for level in (0.07, 0.5, 0.9):
        sets = Sets(level, score).fit(probs, labels).predict_sets(probs)
        # An adaptive set always holds the first class.
        assert coverage(sets, labels) * 99 == pytest.approx(max(100 * level, n_right))


@pytest.mark.parametrize(("score", "seed"), KINDS)
@pytest.mark.parametrize("level", [0.5, 0.9, 0.95])
def test_with_too_few_examples_sets_hold_everything(score, seed, level):
    needed = round(level / (1 - level))
    probs, labels = sample(needed)
    assert math.isfinite(Sets(level, score, seed).fit(probs, labels).quantile_)
    if needed > 1:
        with pytest.warns(RuntimeWarning, match=f"needs at least {needed} examples"):
            sets = Sets(level, score, seed).fit(probs[1:], labels[1:])
        assert sets.predict_sets(probs).all()


def test_a_seed_repeats_the_sets():
    probs, labels = sample(200)
    first, again, other = (
        Sets(0.9, "adaptive", seed).fit(probs, labels).predict_sets(probs) for seed in (3, 3, 4)
    )
    assert first.equal(again)
    assert not first.equal(other)


def test_float32_and_float64_give_the_same_sets():
    probs, labels = sample(500)
    probs = probs.float()
    for score in ("threshold", "adaptive"):
        sets = Sets(0.9, score).fit(probs, labels).predict_sets(probs)
        assert sets.equal(Sets(0.9, score).fit(probs.double(), labels).predict_sets(probs))


def test_coverage_and_size_by_hand():
    sets = [[True, True], [False, True], [False, False]]
    assert coverage(sets, [1, 0, 0]) == pytest.approx(1 / 3)
    assert mean_set_size(sets) == 1


def test_not_fitted():
    with pytest.raises(RuntimeError, match="call fit"):
        ConformalSets().predict_sets([[0.5, 0.5]])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"level": 1}, "level must lie strictly between"),
        ({"level": 0}, "level must lie strictly between"),
        ({"score": "aps"}, "score must be one of"),
        ({"seed": 0}, "seed belongs to score='adaptive'"),
        ({"score": "adaptive", "seed": -1}, "seed must be at least 0"),
    ],
)
def test_bad_options(arguments, message):
    with pytest.raises(ValueError, match=message):
        ConformalSets(**arguments)


@pytest.mark.parametrize(
    ("probs", "message"),
    [
        ([], "probs must have shape"),
        ([0.5, 0.5], "probs must have shape"),
        ([[0.5, 0.6]], "sum to 1"),
        ([[0.5, float("nan")]], "probs must be finite"),
        ([[1.5, -0.5]], "probs must lie in"),
        ([[1.0]], "at least 2 classes"),
    ],
)
def test_bad_probabilities(probs, message):
    fitted = ConformalSets(level=0.5).fit([[0.5, 0.5]], [0])
    for function in (fitted.predict_sets, lambda probs: fitted.fit(probs, [0] * len(probs))):
        with pytest.raises(ValueError, match=message):
            function(probs)


@pytest.mark.parametrize(
    ("sets", "labels", "error", "message"),
    [
        ([[1, 0]], [0], TypeError, "sets must be booleans"),
        ([True, False], [0], ValueError, "sets must have shape"),
        ([[True, False]], [2], ValueError, "labels must lie in 0 .. 1"),
        ([[True, False]], [0, 1], ValueError, "one entry for each"),
        ([[True, False]], [0.0], TypeError, "labels must be integers"),
    ],
)
def test_bad_sets(sets, labels, error, message):
    with pytest.raises(error, match=message):
        coverage(sets, labels)
