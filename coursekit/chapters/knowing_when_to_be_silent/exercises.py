"""14 Knowing when to be silent."""

from __future__ import annotations

import math

import numpy as np
import torch

from coursekit.exercises.engine import ChoiceExercise, FunctionExercise, Mistake

where_to_pick_the_threshold = ChoiceExercise(
    name="where_to_pick_the_threshold",
    question="The model shall answer only from some confidence on, so that at most a fifth of its "
    "answers are wrong. On which questions do you look for the threshold, and where do you report "
    "coverage and risk?",
    options={
        "a": "Look and report on the test half: it is the half that counts.",
        "b": "Look on the calibration half, report on the test half.",
        "c": "Look and report on both halves together: more data, less noise.",
    },
    correct="b",
    explanations={
        "a": "Then the threshold knows the outcomes that it is judged by, and the reported risk is "
        "at most a fifth by construction. On new questions it will not be.",
        "b": "The test half did not help to choose, so it says what will happen to new questions.",
        "c": "The threshold would have been picked on the very outcomes that judge it; that there "
        "are more of them makes the error smaller, not zero.",
    },
)


def _scores_and_level(rng):
    return torch.tensor(rng.uniform(size=24)), float(rng.choice([0.8, 0.9]))


def _smallest(scores, rank):
    return float(scores.sort().values[rank - 1])


def _higher_at_the_corrected_level(scores, level):
    corrected = math.ceil((len(scores) + 1) * level) / len(scores)
    return float(np.quantile(scores.numpy(), corrected, method="higher"))


conformal_quantile = FunctionExercise(
    name="conformal_quantile",
    title="The conformal quantile of calibration scores",
    reference=lambda scores, level: _smallest(scores, math.ceil((len(scores) + 1) * level)),
    inputs=_scores_and_level,
    edges=[
        (torch.tensor([0.9, 0.3, 0.5, 0.1, 0.8, 0.2, 0.7, 0.6]), 0.75),
        (torch.tensor([0.6, 0.2, 0.9, 0.4, 0.1, 0.7, 0.3]), 0.6),
        (torch.arange(24).flip(0) / 24, 0.9),
        (torch.tensor([0.4, 0.9, 0.1]), 0.6),
    ],
    mistakes=[
        Mistake(
            name="without the correction",
            wrong=lambda scores, level: _smallest(scores, math.ceil(len(scores) * level)),
            message="You took the rank among n scores. The new question's score is the (n + 1)-th: "
            "without the + 1 the sets hold the truth too seldom.",
        ),
        Mistake(
            name="interpolated",
            wrong=lambda scores, level: float(scores.quantile(level)),
            message="torch.quantile interpolates between two scores, and knows nothing of the new "
            "one. Take a score itself: the ceil((n + 1) * level)-th smallest.",
        ),
        Mistake(
            name="higher at the level",
            wrong=lambda scores, level: float(scores.quantile(level, interpolation="higher")),
            message='method="higher" does pick one of the scores, but for n of them: it knows '
            "nothing of the new one. Take the ceil((n + 1) * level)-th smallest yourself.",
        ),
        Mistake(
            name="higher at the corrected level",
            wrong=_higher_at_the_corrected_level,
            message='Your level is right, ceil((n + 1) * level) / n, but method="higher" counts '
            "from 0 to n - 1 and so lands one score too high. Take the k-th smallest itself, or "
            'method="inverted_cdf".',
        ),
        Mistake(
            name="lower tail",
            wrong=lambda scores, level: _smallest(
                scores, math.ceil((len(scores) + 1) * (1 - level))
            ),
            message="That is the lower tail: sets of what looks less strange than *few* truths. "
            "Most truths shall fit in, so the rank is near n.",
        ),
    ],
    hints=[
        "Which rank k among the n sorted scores? The new score makes them n + 1.",
        "k = ceil((n + 1) * level), and the k-th smallest is `scores.sort().values[k - 1]`.",
    ],
    stub="""
        def my_quantile(scores, level):
            \"\"\"Return up to which score a class enters the set; scores (n,) of truths.\"\"\"
            ...
    """,
    solution="""
        import math


        def my_quantile(scores, level):
            k = math.ceil((len(scores) + 1) * level)
            return scores.sort().values[k - 1].item()
    """,
    insight="The rank of a new score among n + 1 is uniform: that is the whole proof.",
)
