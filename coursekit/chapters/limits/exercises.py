"""17 Limits."""

from __future__ import annotations

import torch

from coursekit.exercises.engine import ChoiceExercise, FunctionExercise, Mistake

# Three questions about what came before.

what_a_threshold_promises = ChoiceExercise(
    name="what_a_threshold_promises",
    question="On 100 calibration questions you look for the lowest threshold above which at most a "
    "fifth of the answers are wrong. What may you promise about new questions of the same kind?",
    options={
        "a": "At most a fifth of the answers will be wrong: that is how the threshold was chosen.",
        "b": "Nothing yet. For a promise an upper bound on the risk must keep the limit, and must "
        "allow for how many thresholds were tried.",
        "c": "Exactly a fifth of the answers will be wrong.",
    },
    correct="b",
    explanations={
        "a": "The lowest risk among many thresholds on 100 questions is in part luck, and luck "
        "does not come along to new questions.",
        "b": "A hope becomes a promise by a bound that holds with a stated probability, over all "
        "thresholds that were looked at.",
        "c": "A fifth was the limit on these questions; what new ones bring differs by chance, and "
        "is higher on average, since you chose.",
    },
)

what_a_blind_rule_shows = ChoiceExercise(
    name="what_a_blind_rule_shows",
    question="A model picks the right one of four translations in 80 % of cases. A rule that never "
    "looks at the sentence to be translated does so in 75 %. What does the 80 % show?",
    options={
        "a": "That the model translates well: 80 % is far above the 25 % of a guess.",
        "b": "That the model translates badly: the rule is nearly as good.",
        "c": "Little about translating: most of it can be had without.",
    },
    correct="c",
    explanations={
        "a": "A guess is not the only thing to beat. What the options give away must be "
        "subtracted, too.",
        "b": "That the rule succeeds says something about the task, not about the model.",
        "c": "A control in the model's place says what the task measures. Today an exact speaker "
        "takes the model's place.",
    },
)

what_exposure_counts = ChoiceExercise(
    name="what_exposure_counts",
    question="A secret number was planted in the training text. Among 1,024 candidates the trained "
    "model finds it the most probable. What is its exposure, and what does that say?",
    options={
        "a": "10 bits: who asks the model needs one guess in place of a thousand.",
        "b": "1,024 bits: one for each candidate that it beats.",
        "c": "10 bits: the model gives the secret a probability of 1 in 10.",
    },
    correct="a",
    explanations={
        "a": "Exposure is the logarithm of candidates over rank, here log2(1024 / 1).",
        "b": "Exposure is a logarithm: each bit halves what is left to guess.",
        "c": "Exposure knows the rank alone. The most probable of a thousand may still be very "
        "improbable.",
    },
)

# What the notebook teaches.


def _slope(x, y):
    x, y = x - x.mean(), y - y.mean()
    return float((x * y).sum() / (x * x).sum())


def _losses(rng):
    sizes = torch.tensor([1e4, 4e4, 1.6e5, 6.4e5], dtype=torch.float64)
    floor = float(rng.uniform(1.0, 1.6))
    noise = torch.tensor(rng.normal(0, 0.03, size=4)).exp()
    losses = floor + 300 * sizes ** -float(rng.uniform(0.5, 0.8)) * noise
    return sizes, losses, floor


scaling_exponent = FunctionExercise(
    name="scaling_exponent",
    title="The exponent with which a loss falls toward its floor",
    reference=lambda sizes, losses, floor: -_slope(sizes.log10(), (losses - floor).log10()),
    inputs=_losses,
    edges=[
        (
            torch.tensor([10.0, 100.0, 200.0, 5_000.0, 1e6], dtype=torch.float64),
            torch.tensor([9.0, 6.5, 4.0, 3.2, 2.1], dtype=torch.float64),
            2.0,
        ),
        (torch.tensor([1.0, 4.0]), torch.tensor([6.0, 3.0]), 0.0),
    ],
    mistakes=[
        Mistake(
            name="floor forgotten",
            wrong=lambda sizes, losses, floor: -_slope(sizes.log(), losses.log()),
            message="You fitted the loss itself. It cannot fall below the entropy of the language: "
            "fit what lies above the floor, losses - floor.",
        ),
        Mistake(
            name="one axis not logarithmic",
            wrong=lambda sizes, losses, floor: -_slope(sizes.log(), losses - floor),
            message="A power law is a straight line only when both axes are logarithmic: take the "
            "logarithm of losses - floor, too.",
        ),
        Mistake(
            name="sign",
            wrong=lambda sizes, losses, floor: _slope(sizes.log(), (losses - floor).log()),
            message="The slope is negative, the exponent b in sizes^(-b) is positive.",
        ),
    ],
    hints=[
        "If losses - floor = a * sizes^(-b), then log(losses - floor) = log a - b log(sizes).",
        "The slope of a line: with x and y minus their means, (x * y).sum() / (x * x).sum().",
    ],
    stub="""
        def my_scaling_exponent(sizes, losses, floor):
            \"\"\"Return b of losses - floor = a * sizes^(-b), by least squares in logs.\"\"\"
            ...
    """,
    solution="""
        def my_scaling_exponent(sizes, losses, floor):
            x, y = sizes.log(), (losses - floor).log()
            x, y = x - x.mean(), y - y.mean()
            return -((x * y).sum() / (x * x).sum()).item()
    """,
)

good_turing = FunctionExercise(
    name="good_turing",
    title="Good and Turing's estimate of how often a fact will come that was never read",
    reference=lambda counts: counts.tolist().count(1) / sum(counts.tolist()),
    inputs=lambda rng: (
        torch.tensor([0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 3, *rng.integers(4, 9, size=6)]),
    ),
    edges=[(torch.tensor([0, 5, 2]),), (torch.tensor([1, 1]),), (torch.tensor([30, 1, 0, 1, 1]),)],
    mistakes=[
        Mistake(
            name="share of the facts",
            wrong=lambda counts: ((counts == 1).sum() / len(counts)).item(),
            message="You divided by the number of facts. Divide by the number of sentences read, "
            "counts.sum().",
        ),
        Mistake(
            name="facts never read",
            wrong=lambda counts: ((counts == 0).sum() / len(counts)).item(),
            message="In real life nobody knows how many facts were never read. The estimate looks "
            "at those read exactly once.",
        ),
        Mistake(
            name="facts read twice",
            wrong=lambda counts: (2 * (counts == 2).sum() / counts.sum()).item(),
            message="That is the share of the reading that told facts read twice. A new fact is "
            "announced by the facts read once.",
        ),
        Mistake(
            name="rare facts",
            wrong=lambda counts: ((counts <= 1).sum() / counts.sum()).item(),
            message="You counted the facts never read as well: only those read exactly once.",
        ),
    ],
    hints=[
        "How many of the facts were read exactly once?",
        "`(counts == 1).sum() / counts.sum()`.",
    ],
    stub="""
        def my_good_turing(counts):
            \"\"\"Return the estimate from counts (F,): how often each of F facts was read.\"\"\"
            ...
    """,
    solution="""
        def my_good_turing(counts):
            return ((counts == 1).sum() / counts.sum()).item()
    """,
    insight="Take each sentence out of the reading in turn: it is news exactly if its fact was "
    "read once. That is all there is to the estimate.",
)
