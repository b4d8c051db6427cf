"""14 Knowing when to be silent."""

from __future__ import annotations

import math

import numpy as np
import torch

from coursekit.exercises.engine import ChoiceExercise, FunctionExercise, Mistake

# Three questions about what came before.

what_repair_leaves = ChoiceExercise(
    name="what_repair_leaves",
    question="Platt scaling with a positive slope repaired a confidence whose gap was large. The "
    "model answers the half of the questions on which that confidence is highest. How do its "
    "errors there change by the repair?",
    options={
        "a": "They become fewer: the confidence is honest now.",
        "b": "Not at all: the order of the questions is the same, and so is the half.",
        "c": "They become more: the repair lowers the confidence.",
    },
    correct="b",
    explanations={
        "a": "Honest numbers in the same order choose the same questions. What you gain is to know "
        "how many errors to expect.",
        "b": "A rising function keeps the order. Calibration says what a confidence means, order "
        "says which questions to leave out.",
        "c": "Lower or higher, for all of them: the half that is surest stays the surest.",
    },
)

what_agreement_misses = ChoiceExercise(
    name="what_agreement_misses",
    question="A model answers where at least nine of its ten samples agree. Which errors remain?",
    options={
        "a": "Those that it makes up anew each time.",
        "b": "Those that it makes every time.",
        "c": "None: nobody makes up the same thing nine times.",
    },
    correct="b",
    explanations={
        "a": "These show at once: ten samples, ten cities.",
        "b": "Nearly every sample said that the capital of Australia is Sydney.",
        "c": "A common mistake is in the training texts, and is repeated as faithfully as a fact.",
    },
)

what_none_wrong_says = ChoiceExercise(
    name="what_none_wrong_says",
    question="A model answered 20 questions, none wrong. What do you say about its error rate on "
    "such questions?",
    options={
        "a": "It is zero.",
        "b": "It may well be as high as a tenth: that would show no error in 20 one time in eight.",
        "c": "Nothing: 20 are too few to say anything.",
    },
    correct="b",
    explanations={
        "a": "That is the rate *seen*. 0.9 to the power 20 is 0.12.",
        "b": "0.9 to the power 20 is 0.12. A rate of a third, though, would show none one time in "
        "3,300: that one is ruled out.",
        "c": "They rule out high rates: a third would show no error in 20 one time in 3,300.",
    },
)

# What the notebook teaches.

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


def _losses_and_limit(rng):
    """Return graded losses (n, 6) that fall along a row to 0, their thresholds and a limit."""
    n = int(rng.integers(8, 30))
    losses = -np.sort(-rng.integers(0, 5, (n, 6)) / 4, axis=1)
    losses[:, -1] = 0
    thresholds = torch.tensor([0.0, 0.2, 0.4, 0.6, 0.8, 1.0])
    return torch.tensor(losses), thresholds, float(rng.choice([0.15, 0.35, 0.55]))


def _first(will_do, thresholds):
    """Return the first threshold that will do, the last if none does."""
    found = [t for t, yes in zip(thresholds.tolist(), will_do.tolist(), strict=True) if yes]
    return found[0] if found else thresholds[-1].item()


def _with(rule):
    """Return a solution that asks of the losses of each threshold `rule(mean, n, limit)`."""

    def solution(losses, thresholds, limit):
        return _first(rule(losses.double().mean(0), len(losses), limit), thresholds)

    return solution


_TEN_TIMES = torch.tensor([[1.0, 0.0, 0.0]] + [[0.0, 0.0, 0.0]] * 9)

risk_controlled_threshold = FunctionExercise(
    name="risk_controlled_threshold",
    title="The threshold of conformal risk control, for losses between 0 and 1",
    reference=_with(lambda mean, n, limit: (n * mean + 1) / (n + 1) <= limit),
    inputs=_losses_and_limit,
    edges=[
        # The mean loss is at the limit and the term for the new question breaks it.
        (_TEN_TIMES, torch.tensor([0.0, 0.5, 1.0]), 0.125),
        # Too few for any promise: only the last threshold is left.
        (torch.zeros(4, 3), torch.tensor([0.1, 0.5, 0.9]), 0.1),
        (torch.tensor([[0.5, 0.25, 0.0]] * 12), torch.tensor([0.1, 0.3, 0.9]), 0.33),
        (torch.tensor([[1.0, 0.5, 0.0]] * 3), torch.tensor([0.2, 0.6, 0.7]), 0.7),
    ],
    mistakes=[
        Mistake(
            name="without the new question",
            wrong=_with(lambda mean, n, limit: mean <= limit),
            message="You compared the mean loss of the n questions with the limit. The new one has "
            "a loss too, at worst 1: add it, and divide by n + 1.",
        ),
        Mistake(
            name="one added to the mean",
            wrong=_with(lambda mean, n, limit: mean + 1 / (n + 1) <= limit),
            message="The worst loss of the new question is one of n + 1, and so is each of the "
            "others: their mean counts n / (n + 1) only.",
        ),
        Mistake(
            name="divided by n",
            wrong=_with(lambda mean, n, limit: mean + 1 / n <= limit),
            message="With the new question there are n + 1 losses: divide their sum by n + 1.",
        ),
        Mistake(
            name="the strictest",
            wrong=lambda losses, thresholds, limit: thresholds[-1].item(),
            message="The last threshold keeps any limit and says nothing. Take the *first* that "
            "keeps this one.",
        ),
    ],
    hints=[
        "How large could the mean of all n + 1 losses be, the new one included?",
        "`worst = (losses.sum(0) + 1) / (len(losses) + 1)`; the first threshold with "
        "`worst <= limit`, and the last one if there is none.",
    ],
    stub="""
        def my_threshold(losses, thresholds, limit):
            \"\"\"Return the first of K thresholds that will do; losses (n, K) fall in a row.\"\"\"
            ...
    """,
    solution="""
        def my_threshold(losses, thresholds, limit):
            worst = (losses.sum(0) + 1) / (len(losses) + 1)
            for threshold, loss in zip(thresholds.tolist(), worst.tolist()):
                if loss <= limit:
                    return threshold
            return thresholds[-1].item()
    """,
    insight="Again it is the (n + 1)-th question that makes a promise of a hope.",
)
