"""16 Safety."""

from __future__ import annotations

import math

import torch

from coursekit.exercises.engine import ChoiceExercise, FunctionExercise, Mistake

# Three questions about what came before.

what_one_temperature_hides = ChoiceExercise(
    name="what_one_temperature_hides",
    question="A model is too sure on one task and too modest on another. You fit one temperature "
    "on both together. What can happen?",
    options={
        "a": "The gap over all answers together vanishes, and both tasks keep one of their own.",
        "b": "Both tasks become calibrated, since a temperature keeps the order of the answers.",
        "c": "The accuracy of the worse task falls.",
    },
    correct="a",
    explanations={
        "a": "Opposite errors cancel in the average, and one number cannot move two tasks in two "
        "directions. That is why calibration is reported by task, and today by group.",
        "b": "It does keep the order, but the two tasks need two different temperatures.",
        "c": "A temperature never changes which option is on top, so it cannot change accuracy.",
    },
)

what_agreement_shows = ChoiceExercise(
    name="what_agreement_shows",
    question="You ask a model the same question ten times, and nine answers mean the same. What "
    "does that say?",
    options={
        "a": "That the answer is true with a probability of about nine in ten.",
        "b": "That the model gives about nine tenths of its probability to this meaning.",
        "c": "That the model has read this answer in its training text.",
    },
    correct="b",
    explanations={
        "a": "Only if the model is calibrated, which has to be measured.",
        "b": "Samples show what the model finds probable. Whether that is right is another "
        "question, and today's is a third one: where it has it from.",
        "c": "It may have, or it may have made up what is alike. To tell these apart one needs a "
        "control.",
    },
)

what_refusing_needs = ChoiceExercise(
    name="what_refusing_needs",
    question="A model refuses to answer where its confidence is lowest. When does that lower its "
    "error rate on the questions it does answer?",
    options={
        "a": "When its confidence is calibrated on average.",
        "b": "When right answers tend to have higher confidence than wrong ones.",
        "c": "Always: fewer answers, fewer errors.",
    },
    correct="b",
    explanations={
        "a": "A model that states its accuracy for every answer is calibrated on average, and its "
        "refusals are blind.",
        "b": "Only the order counts for that, which the AUROC of the confidence measures.",
        "c": "Fewer errors, yes, but their share falls only if the wrong ones are refused first.",
    },
)

# What the notebook teaches.


def _exposure(log_probs, secret):
    rank = sum(1 for x in log_probs.tolist() if x >= float(log_probs[secret]))
    return math.log(len(log_probs) / rank, 2)


def _candidates(rng):
    """Log-probabilities of 64 candidates; the true one is among the better half, never on top."""
    log_probs = torch.tensor(rng.normal(-7, 1.5, size=64))
    secret = int(log_probs.argsort(descending=True)[int(rng.integers(2, 20))])
    return log_probs, secret


exposure = FunctionExercise(
    name="exposure",
    title="The exposure of a secret among all candidates, in bits",
    reference=_exposure,
    inputs=_candidates,
    edges=[
        (torch.tensor([-1.0, -2.0, -5.0, -3.0]), 0),  # the most probable one
        (torch.tensor([-1.0, -2.0, -5.0, -3.0, -4.0]), 2),  # the least
    ],
    mistakes=[
        Mistake(
            name="natural logarithm",
            wrong=lambda log_probs, secret: (
                math.log(len(log_probs)) - math.log(int((log_probs > log_probs[secret]).sum()) + 1)
            ),
            message="Exposure is in bits: take logarithms to base 2, not natural ones.",
        ),
        Mistake(
            name="rank from 0",
            wrong=lambda log_probs, secret: (
                math.log2(len(log_probs)) - math.log2(int((log_probs > log_probs[secret]).sum()))
            ),
            message="You counted ranks from 0. The most probable secret has rank 1, or its "
            "exposure would be infinite.",
        ),
        Mistake(
            name="least probable first",
            wrong=lambda log_probs, secret: (
                math.log2(len(log_probs))
                - math.log2(int((log_probs < log_probs[secret]).sum()) + 1)
            ),
            message="You counted the candidates that are less probable. Rank 1 is the most "
            "probable one, so count those above.",
        ),
        Mistake(
            name="probability for rank",
            wrong=lambda log_probs, secret: (
                math.log2(len(log_probs)) + float(log_probs[secret]) / math.log(2)
            ),
            message="You used the secret's probability. Exposure looks at its rank only: how many "
            "candidates a guesser would try before it.",
        ),
    ],
    hints=[
        "How many candidates have a larger log-probability than the secret?",
        "rank = that number + 1, and the result is log2(R) - log2(rank).",
    ],
    stub="""
        def my_exposure(log_probs, secret):
            \"\"\"Return the exposure in bits of candidate `secret` among log_probs (R,).\"\"\"
            ...
    """,
    solution="""
        def my_exposure(log_probs, secret):
            rank = (log_probs > log_probs[secret]).sum().item() + 1
            return math.log2(len(log_probs)) - math.log2(rank)
    """,
    insight="Each bit halves the number of guesses that an attacker needs.",
)

what_deduplication_leaves = ChoiceExercise(
    name="what_deduplication_leaves",
    question="A private letter stands on 40 pages of a crawl, each time under another headline. "
    "Exact duplicates of pages are removed. What remains?",
    options={
        "a": "One copy of the letter.",
        "b": "All 40 copies: no page equals another.",
        "c": "None: a duplicated text is removed altogether.",
    },
    correct="b",
    explanations={
        "a": "It would, if whole pages were the same. One other word makes another page.",
        "b": "Exact deduplication compares whole documents. Finding repeated passages needs "
        "substrings or fuzzy matching, and even one copy left is one copy read.",
        "c": "One copy of each document stays, and the model still reads it.",
    },
)


def _clipped_mean(gradients, clip_norm):
    total = torch.zeros_like(gradients[0])
    for gradient in gradients:
        length = math.sqrt(sum(x * x for x in gradient.tolist()))
        total += gradient * (clip_norm / length if length > clip_norm else 1.0)
    return total / len(gradients)


def _gradients(rng):
    """Gradients of which some are longer than the clip norm and some shorter, on one side."""
    directions = torch.tensor(rng.normal(1, 0.5, size=(6, 4)))
    lengths = torch.tensor([0.2, 0.5, 0.8, 1.5, 4.0, 9.0])[:, None] * float(rng.uniform(0.8, 1.2))
    return directions / directions.norm(dim=1, keepdim=True) * lengths, 1.0


clipped_mean = FunctionExercise(
    name="clipped_mean",
    title="The mean of gradients, each of which is clipped",
    reference=_clipped_mean,
    inputs=_gradients,
    edges=[
        (torch.tensor([[0.0, 0.0], [3.0, 4.0]]), 2.5),  # one document has nothing to say
        (torch.tensor([[30.0, -40.0]]), 0.5),
        (torch.tensor([[0.3, 0.1], [-0.2, 0.2], [0.1, 0.0]]), 5.0),  # nothing to clip
    ],
    mistakes=[
        Mistake(
            name="the mean clipped",
            wrong=lambda gradients, clip_norm: (
                gradients.mean(0) * (clip_norm / gradients.mean(0).norm()).clamp(max=1)
            ),
            message="You clipped the mean. One document may still be most of it: clip the gradient "
            "of each document first, then average.",
        ),
        Mistake(
            name="each weight",
            wrong=lambda gradients, clip_norm: gradients.clamp(-clip_norm, clip_norm).mean(0),
            message="You limited each weight. Then a gradient of P weights may be sqrt(P) times "
            "too long, and points elsewhere: scale the whole row by one number.",
        ),
        Mistake(
            name="all made as long",
            wrong=lambda gradients, clip_norm: (
                gradients / gradients.norm(dim=1, keepdim=True).clamp(min=1e-12) * clip_norm
            ).mean(0),
            message="You gave all gradients the same length. Short ones must stay as they are: the "
            "factor is 1 at most.",
        ),
        Mistake(
            name="long ones left out",
            wrong=lambda gradients, clip_norm: (
                gradients * (gradients.norm(dim=1, keepdim=True) <= clip_norm)
            ).mean(0),
            message="You left long gradients out. They are cut to length clip_norm, and count.",
        ),
    ],
    hints=[
        "`gradients.norm(dim=1, keepdim=True)` has the length of each row.",
        "Multiply each row by clip_norm / length, clamped to 1 at most; then `.mean(dim=0)`.",
    ],
    stub="""
        def my_clipped_mean(gradients, clip_norm):
            \"\"\"Return the mean (P,) of gradients (B, P), each of length clip_norm at most.\"\"\"
            ...
    """,
    solution="""
        def my_clipped_mean(gradients, clip_norm):
            lengths = gradients.norm(dim=1, keepdim=True)
            return (gradients * (clip_norm / lengths).clamp(max=1)).mean(dim=0)
    """,
    insight="Now no document moves the sum by more than clip_norm: that is what noise can hide.",
)


def _holm(p_values):
    """By the definition of the step-down test: for each, the smallest level that rejects it."""
    m, order = len(p_values), p_values.argsort().tolist()
    adjusted = torch.zeros_like(p_values)
    for place, i in enumerate(order):
        needed = [(m - j) * float(p_values[order[j]]) for j in range(place + 1)]
        adjusted[i] = min(1.0, max(needed))
    return adjusted


def _p_values(rng):
    """Eight p-values: two nearly the same, so that the running maximum matters."""
    p = torch.tensor(rng.uniform(0.001, 0.05, size=8))
    p[1] = p[0] * 1.01
    p[2] = p[0] * 1.02
    return (p,)


def _benjamini_hochberg(p):
    order = p.argsort()
    ranks = torch.arange(1, len(p) + 1, dtype=p.dtype)
    scaled = (p[order] * len(p) / ranks).flip(0).cummin(0).values.flip(0)
    result = torch.empty_like(p)
    result[order] = scaled.clamp(max=1)
    return result


def _without_maximum(p):
    order = p.argsort()
    result = torch.empty_like(p)
    result[order] = (p[order] * torch.arange(len(p), 0, -1)).clamp(max=1)
    return result


holm = FunctionExercise(
    name="holm",
    title="P-values corrected for their number, by Holm's method",
    reference=_holm,
    inputs=_p_values,
    edges=[
        (torch.tensor([0.7, 0.04, 0.9]),),  # some would be above 1
        (torch.tensor([0.01, 0.3, 0.01, 0.0, 0.01]),),
        (torch.tensor([0.02]),),
    ],
    mistakes=[
        Mistake(
            name="Bonferroni",
            wrong=lambda p_values: (p_values * len(p_values)).clamp(max=1),
            message="You multiplied every p-value by m: that is Bonferroni, which is safe but "
            "gives power away. In rising order Holm multiplies by m, m - 1, ..., 1.",
        ),
        Mistake(
            name="no running maximum",
            wrong=_without_maximum,
            message="A larger p-value must not end up below a smaller one: after multiplying, take "
            "the running maximum (cummax) in rising order.",
        ),
        Mistake(
            name="Benjamini-Hochberg",
            wrong=_benjamini_hochberg,
            message="That is Benjamini and Hochberg's method: it limits the share of false "
            "findings. Holm limits the chance of any false finding.",
        ),
        Mistake(
            name="not in the old order",
            wrong=lambda p_values: (
                (p_values.sort().values * torch.arange(len(p_values), 0, -1))
                .clamp(max=1)
                .cummax(0)
                .values
            ),
            message="The numbers are right but sorted: give each back to the comparison it belongs "
            "to.",
        ),
    ],
    hints=[
        "`order = p_values.argsort()`; the smallest is multiplied by m, the next by m - 1.",
        "Then `.clamp(max=1).cummax(0).values`, and `adjusted[order] = ...` puts them back.",
    ],
    stub="""
        def my_holm(p_values):
            \"\"\"Return Holm's adjusted p-values (m,) of p-values (m,), in the given order.\"\"\"
            ...
    """,
    solution="""
        def my_holm(p_values):
            order = p_values.argsort()
            factors = torch.arange(len(p_values), 0, -1)
            adjusted = torch.empty_like(p_values)
            adjusted[order] = (factors * p_values[order]).clamp(max=1).cummax(0).values
            return adjusted
    """,
)


def _against_control(log_odds, neutral):
    return float(
        sum(float(log_odds[t]) - float(neutral[:, t].mean()) for t in range(len(log_odds)))
        / len(log_odds)
    )


against_control = FunctionExercise(
    name="against_control",
    title="Log-odds of two pronouns after a word, against neutral words in the same templates",
    reference=_against_control,
    inputs=lambda rng: (
        torch.tensor(rng.normal(1.0, 0.5, size=5)),
        torch.tensor(rng.normal(0.6, 0.5, size=(3, 5))),
    ),
    edges=[
        (torch.tensor([2.0, -1.0]), torch.tensor([[1.0, 0.5], [0.0, 2.0], [-3.0, 1.0], [0.4, 7]])),
        (torch.tensor([1.5]), torch.tensor([[0.5]])),
    ],
    mistakes=[
        Mistake(
            name="no control",
            wrong=lambda log_odds, neutral: log_odds.mean().item(),
            message="You left the control out. The templates themselves favour a pronoun: subtract "
            "what the neutral words get in the same templates.",
        ),
        Mistake(
            name="one neutral word",
            wrong=lambda log_odds, neutral: (log_odds - neutral[0]).mean().item(),
            message="You used one neutral word. No word is neutral by itself: average over all of "
            "them.",
        ),
        Mistake(
            name="quotient",
            wrong=lambda log_odds, neutral: (log_odds / neutral.mean(0)).mean().item(),
            message="These are logarithms: to divide odds by odds, subtract their logarithms.",
        ),
        Mistake(
            name="other way round",
            wrong=lambda log_odds, neutral: (neutral.mean(0) - log_odds).mean().item(),
            message="The sign is the wrong way round: positive should mean more than after a "
            "neutral word.",
        ),
    ],
    hints=[
        "`neutral.mean(dim=0)` is what a neutral word gets in each template.",
        "Subtract it from log_odds template by template, then take the mean.",
    ],
    stub="""
        def my_against_control(log_odds, neutral):
            \"\"\"Return the mean over T templates of log_odds (T,) against neutral (M, T).\"\"\"
            ...
    """,
    solution="""
        def my_against_control(log_odds, neutral):
            return (log_odds - neutral.mean(dim=0)).mean().item()
    """,
)
