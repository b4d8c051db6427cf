"""What learners hand in: correct functions in other clothes pass, wrong ones never do."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from coursekit.chapters.calibration_metrics import exercises


def verdict(exercise, answer, capsys):
    exercise.check(answer)
    return " ".join(capsys.readouterr().out.split())


def ece_over(bin_of, n_slots=0):
    """The ECE over the bins that a function gives; `n_slots` more or fewer than asked for."""

    def answer(confidence, correct, n_bins):
        bins, total = bin_of(confidence, n_bins), 0.0
        for b in range(n_bins + n_slots):
            inside = bins == b
            if inside.any():
                gap = correct[inside].double().mean() - confidence[inside].mean()
                total += inside.double().mean() * gap.abs()
        return total

    return answer


def by_comparison(confidence, correct, n_bins):
    total = 0.0
    for b in range(n_bins):
        above, upto = b / n_bins, (b + 1) / n_bins
        rows = [
            (p, y)
            for p, y in zip(confidence.tolist(), correct.tolist(), strict=True)
            if above < p <= upto or (b == 0 and p == 0)
        ]
        total += abs(sum(y - p for p, y in rows)) / len(confidence)
    return total


def in_numpy(confidence, correct, n_bins):
    edges = np.arange(1, n_bins) / n_bins
    bins = np.digitize(confidence.numpy(), edges, right=True)
    residual = correct.numpy() - confidence.numpy()
    return np.abs(np.bincount(bins, weights=residual)).sum() / len(bins)


def right_closed(confidence, n_bins):
    return torch.bucketize(confidence, torch.arange(1, n_bins).double() / n_bins)


def digitized(confidence, n_bins):
    return torch.tensor(np.digitize(confidence.numpy(), np.linspace(0, 1, n_bins + 1)) - 1)


@pytest.mark.parametrize("answer", [by_comparison, in_numpy, ece_over(right_closed)])
def test_a_correct_ece_passes_in_any_style(answer, capsys):
    assert verdict(exercises.ece, answer, capsys).startswith("Correct.")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (ece_over(digitized), "exactly 1 are in none of your bins"),
        (ece_over(lambda p, n: (p * n).floor().long()), "exactly 1 are in none of your bins"),
        (ece_over(digitized, n_slots=1), "exactly 1 have a bin of their own"),
        (
            ece_over(lambda p, n: (p * n).floor().long().clamp(max=n - 1)),
            "exactly on a border is in the bin to the right",
        ),
        (ece_over(lambda p, n: (p * n).ceil().long() - 1), "exactly 0 are in none of your bins"),
        (
            ece_over(lambda p, n: (p * n).ceil().long(), n_slots=1),
            "exactly 0 have a bin of their own",
        ),
        (ece_over(lambda p, n: (p * n).round().long(), n_slots=1), "expected"),
    ],
)
def test_an_ece_that_errs_on_a_border_is_told_where(answer, reason, capsys):
    found = verdict(exercises.ece, answer, capsys)
    assert found.startswith("Not yet:")
    assert reason in found


def nll_in_numpy(probs, labels):
    return -np.log(probs.numpy()[np.arange(len(labels)), labels.numpy()]).mean()


def nll_in_a_loop(probs, labels):
    return -sum(float(row[y].log()) for row, y in zip(probs, labels, strict=True)) / len(labels)


def f1_by_counting(predicted, happened):
    pairs = list(zip(predicted.tolist(), happened.tolist(), strict=True))
    hits = sum(p and h for p, h in pairs)
    return 2 * hits / (2 * hits + sum(p != h for p, h in pairs))


@pytest.mark.parametrize(
    ("exercise", "answer"),
    [
        (exercises.nll, nll_in_numpy),
        (exercises.nll, nll_in_a_loop),
        (exercises.nll, lambda probs, labels: -probs.log().gather(1, labels[:, None]).mean()),
        (exercises.f1, f1_by_counting),
        (
            exercises.f1,
            lambda p, h: 2 / ((p & h).sum() / p.sum()).pow(-1).add(h.sum() / (p & h).sum()),
        ),
        (exercises.f1, lambda p, h: (p & h).sum() / ((p & h).sum() + (p ^ h).sum() / 2)),
    ],
)
def test_correct_variants_of_the_other_functions_pass(exercise, answer, capsys):
    assert verdict(exercise, answer, capsys).startswith("Correct.")


@pytest.mark.parametrize(
    ("exercise", "answer"),
    [
        (exercises.nll, lambda probs, labels: -probs[:, labels].log().mean()),
        (exercises.nll, lambda probs, labels: 1 - probs.gather(1, labels[:, None]).mean()),
        (exercises.nll, lambda probs, labels: -(probs * probs.log()).sum(dim=1).mean()),
        (exercises.f1, lambda p, h: (p & h).sum() / (p | h).sum()),
        (exercises.f1, lambda p, h: (p & h).sum() / (p.sum() + h.sum())),
        (exercises.f1, lambda p, h: (((p & h).sum() / p.sum()) * ((p & h).sum() / h.sum())).sqrt()),
    ],
)
def test_wrong_variants_of_the_other_functions_do_not(exercise, answer, capsys):
    assert verdict(exercise, answer, capsys).startswith("Not yet:")
