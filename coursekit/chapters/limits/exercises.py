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

penalty_threshold = FunctionExercise(
    name="penalty_threshold",
    title="The confidence from which an answer pays",
    reference=lambda penalty: penalty / (1 + penalty),
    inputs=lambda rng: (float(rng.choice([0.25, 0.5, 2.0, 3.0, 4.0, 9.0])),),
    edges=[(0.0,), (1.0,), (99.0,), (0.1,)],
    mistakes=[
        Mistake(
            name="the other way round",
            wrong=lambda penalty: 1 / (1 + penalty),
            message="The dearer an error, the surer one should be: your threshold falls. Write "
            "down what an answer with confidence p brings on average, and set it to zero.",
        ),
        Mistake(
            name="always one half",
            wrong=lambda penalty: 0.5,
            message="One half is right where an error costs as much as a right answer brings. "
            "What if it costs three points?",
        ),
        Mistake(
            name="inverse of the rule",
            wrong=lambda penalty: penalty / (1 - penalty) if penalty != 1 else float("inf"),
            message="That is the form t / (1 - t), which makes a penalty of a threshold. You need "
            "the way back: solve penalty = t / (1 - t) for t.",
        ),
    ],
    hints=[
        "Confidence p brings p * 1 - (1 - p) * penalty on average, silence brings 0.",
        "p - (1 - p) * penalty = 0 where p * (1 + penalty) = penalty.",
    ],
    stub="""
        def my_threshold(penalty):
            \"\"\"Return from which confidence an answer pays, if an error costs `penalty`.\"\"\"
            ...
    """,
    solution="""
        def my_threshold(penalty):
            return penalty / (1 + penalty)
    """,
    insight="Without a penalty the threshold is 0: whoever is graded right or wrong should always "
    "guess.",
)


def _score(confidence, right, t, penalty=None, wrong=None):
    """Mean score of who speaks above t; every part may be replaced by a wrong one."""
    cost = t / (1 - t) if penalty is None else penalty
    points = [
        (1.0 if is_right else -cost) if sure > t else 0.0
        for sure, is_right in zip(confidence.tolist(), right.tolist(), strict=True)
    ]
    return points if wrong else sum(points) / len(points)


def _of_spoken(confidence, right, t):
    points = _score(confidence, right, t, wrong=True)
    return sum(points) / max(1, sum(sure > t for sure in confidence.tolist()))


def _answers_and_level(rng):
    """Twelve answers, some surer than t and some not, of which some of each kind are right."""
    confidence = torch.tensor(rng.uniform(0.05, 0.95, size=12))
    confidence[:4] = torch.tensor([0.1, 0.15, 0.97, 0.96])
    right = torch.tensor(rng.uniform(size=12) < 0.6)
    right[:4] = torch.tensor([True, False, True, False])
    return confidence, right, float(rng.choice([0.5, 0.75, 0.9]))


score_with_silence = FunctionExercise(
    name="score_with_silence",
    title="The mean score of a model that is silent below a threshold",
    reference=_score,
    inputs=_answers_and_level,
    edges=[
        (torch.tensor([0.9, 0.2, 0.4]), torch.tensor([False, True, False]), 0.0),
        (torch.tensor([0.3, 0.2]), torch.tensor([True, False]), 0.5),
        (torch.tensor([0.9, 0.8, 0.99]), torch.tensor([False, False, True]), 0.75),
    ],
    mistakes=[
        Mistake(
            name="answers alone",
            wrong=_of_spoken,
            message="You divided by the number of answers. Silence brings 0 points, and it counts: "
            "divide by the number of questions.",
        ),
        Mistake(
            name="no penalty",
            wrong=lambda confidence, right, t: _score(confidence, right, t, penalty=0.0),
            message="A wrong answer brings minus t / (1 - t) points, not 0.",
        ),
        Mistake(
            name="penalty t",
            wrong=lambda confidence, right, t: _score(confidence, right, t, penalty=t),
            message="A wrong answer costs t / (1 - t), not t: at t = 0.9 nine points.",
        ),
        Mistake(
            name="never silent",
            wrong=lambda confidence, right, t: _score(confidence + 1, right, t),
            message="You scored every answer. Below the threshold the model is silent and gets 0.",
        ),
    ],
    hints=[
        "Which answers are given? `confidence > t`. What does a right one bring, what a wrong one?",
        "`points = torch.where(right, 1.0, -t / (1 - t))`, then 0 where it is silent.",
    ],
    stub="""
        def my_score(confidence, right, t):
            \"\"\"Return the mean score from confidence (Q,) and right (Q,), silent up to t.\"\"\"
            ...
    """,
    solution="""
        import torch


        def my_score(confidence, right, t):
            points = torch.where(right, 1.0, -t / (1 - t))
            return torch.where(confidence > t, points, 0.0).mean().item()
    """,
)
