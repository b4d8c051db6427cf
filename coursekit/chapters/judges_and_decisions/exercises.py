"""19 Judges and decisions."""

from __future__ import annotations

import torch

from coursekit.exercises.engine import ChoiceExercise, FunctionExercise, Mistake

# Three questions about what came before.

what_more_data_cure = ChoiceExercise(
    name="what_more_data_cure",
    question="An estimate misses the truth by 0.06 on average over all samples that could have "
    "been drawn. You take a hundred times as many answers. What becomes of the 0.06?",
    options={
        "a": "It falls to a tenth: the root of a hundred.",
        "b": "Nothing: bias does not shrink with the sample, and the interval around the wrong "
        "number becomes narrow.",
        "c": "It vanishes: with so much data every estimate is right.",
    },
    correct="b",
    explanations={
        "a": "That is what becomes of the scatter. What is left over on average is bias.",
        "b": "Notebook 09: more data cure variance, and make one surer of what bias leaves.",
        "c": "A scale that shows two grams too much shows them a million times.",
    },
)

when_an_answer_pays = ChoiceExercise(
    name="when_an_answer_pays",
    question="A right answer brings 1 point, silence 0, an error costs 3. From which calibrated "
    "confidence on does it pay to answer?",
    options={"a": "0.5", "b": "0.75", "c": "0.25"},
    correct="b",
    explanations={
        "a": "At 0.5 the answer brings 0.5 - 0.5 * 3 = -1 point on average.",
        "b": "p - (1 - p) * 3 = 0 at p = 3/4 (notebook 17). What a confidence is worth depends "
        "on what an error costs.",
        "c": "At 0.25 three answers of four are errors, of 3 points each.",
    },
)

where_the_letter_stands = ChoiceExercise(
    name="where_the_letter_stands",
    question="A model chooses among lettered options. How do you find out whether it answers the "
    "question or likes a place in the list?",
    options={
        "a": "Look at its confidence: a guess is unsure.",
        "b": "Ask again with the same options in another order.",
        "c": "Ask it to explain its choice.",
    },
    correct="b",
    explanations={
        "a": "It may be very sure of the first letter, whatever stands there.",
        "b": "What it knows stays with the option, what it likes stays with the place (notebook "
        "12).",
        "c": "It will explain any choice.",
    },
)

# What the notebook teaches.


def _solved(judged, sensitivity, specificity):
    return (judged + specificity - 1) / (sensitivity + specificity - 1)


true_share = FunctionExercise(
    name="true_share",
    title="The share of right answers behind a share that a judge calls right",
    reference=_solved,
    inputs=lambda rng: (
        float(rng.uniform(0.45, 0.7)),
        float(rng.uniform(0.8, 0.95)),
        float(rng.uniform(0.65, 0.78)),
    ),
    edges=[(0.66, 0.9, 0.7), (0.8, 0.8, 0.9), (0.25, 1.0, 0.75), (0.5, 0.95, 0.6)],
    mistakes=[
        Mistake(
            name="no correction",
            wrong=lambda judged, sensitivity, specificity: judged,
            message="That is what the judge says. Some of it are wrong answers that it let pass, "
            "and some right ones are missing.",
        ),
        Mistake(
            name="divided by the sensitivity",
            wrong=lambda judged, sensitivity, specificity: judged / sensitivity,
            message="You put back the right answers that the judge missed, but left in the wrong "
            "ones that it called right: take out 1 - specificity first.",
        ),
        Mistake(
            name="specificity as false alarms",
            wrong=lambda judged, sensitivity, specificity: (
                (judged - specificity) / (sensitivity - specificity)
            ),
            message="Specificity is how often a wrong answer is called wrong. Called right by "
            "mistake are 1 - specificity of them.",
        ),
        Mistake(
            name="forward",
            wrong=lambda judged, sensitivity, specificity: (
                judged * sensitivity + (1 - judged) * (1 - specificity)
            ),
            message="You asked what a judge would say if `judged` were the truth. Solve that "
            "equation for the truth.",
        ),
    ],
    hints=[
        "Of a share a that is right the judge calls q = a * s + (1 - a) * (1 - c) right.",
        "q - (1 - c) = a * (s + c - 1).",
    ],
    stub="""
        def my_true_share(judged, sensitivity, specificity):
            \"\"\"Return the share that is right, if the judge calls `judged` of all right.\"\"\"
            ...
    """,
    solution="""
        def my_true_share(judged, sensitivity, specificity):
            return (judged + specificity - 1) / (sensitivity + specificity - 1)
    """,
    insight="The slope s + c - 1 is all that the judge knows. Where it is 0 nothing can be solved "
    "for, and where it is small every error of q is blown up.",
)


def _grades(rng):
    """Return grades and verdicts of few answers, and verdicts of more."""
    gold = torch.tensor(rng.uniform(size=20) < 0.5).double()
    noise = torch.tensor(rng.uniform(size=20) < 0.25)
    gold_judged = torch.where(noise, 1 - gold, gold)
    gold_judged[:3], gold[:3] = 1.0, torch.tensor([0.0, 0.0, 1.0])
    judged = torch.tensor(rng.uniform(size=60) < 0.8).double()
    return gold, gold_judged, judged


powered_mean = FunctionExercise(
    name="powered_mean",
    title="The prediction-powered mean",
    reference=lambda gold, gold_judged, judged: float(judged.mean() + (gold - gold_judged).mean()),
    inputs=_grades,
    edges=[
        (
            torch.tensor([1.0, 0.0, 0.0]),
            torch.tensor([1.0, 1.0, 0.0]),
            torch.tensor([1.0, 1.0, 1.0, 0.0]),
        ),
        (
            torch.tensor([0.2, 0.9]),
            torch.tensor([0.5, 0.7]),
            torch.tensor([0.1, 0.4, 0.9, 0.8, 0.3]),
        ),
    ],
    mistakes=[
        Mistake(
            name="the judge alone",
            wrong=lambda gold, gold_judged, judged: float(judged.mean()),
            message="The judge's own error is still in it. On the graded answers you can see it: "
            "add gold minus gold_judged.",
        ),
        Mistake(
            name="the grades alone",
            wrong=lambda gold, gold_judged, judged: float(gold.mean()),
            message="Right on average, but the judge's verdicts on the other answers are unused.",
        ),
        Mistake(
            name="the error with the wrong sign",
            wrong=lambda gold, gold_judged, judged: float(
                judged.mean() + (gold_judged - gold).mean()
            ),
            message="Where the judge is too friendly, gold_judged - gold is above 0, and must be "
            "taken away.",
        ),
        Mistake(
            name="pooled",
            wrong=lambda gold, gold_judged, judged: float(torch.cat([gold, judged]).mean()),
            message="You put grades and verdicts into one heap: the judge's bias is only diluted.",
        ),
    ],
    hints=[
        "How far is the judge off on average, on the answers whose grade you know?",
        "`judged.mean() + (gold - gold_judged).mean()`.",
    ],
    stub="""
        def my_powered_mean(gold, gold_judged, judged):
            \"\"\"Return the mean grade: grades (n,), verdicts on them (n,), on others (N,).\"\"\"
            ...
    """,
    solution="""
        def my_powered_mean(gold, gold_judged, judged):
            return (judged.mean() + (gold - gold_judged).mean()).item()
    """,
    insight="The second term, the rectifier, is the judge's bias as the graded answers show it.",
)


def _margins(rng):
    return (torch.tensor(rng.uniform(0.1, 0.9, size=6)), int(rng.integers(3, 9)))


probability_behind = FunctionExercise(
    name="probability_behind",
    title="The probability behind a rescaled margin",
    reference=lambda margin, n_options: (1 + (n_options - 1) * margin) / n_options,
    inputs=_margins,
    edges=[
        (torch.tensor([0.0, 1.0]), 4),
        (torch.tensor([0.2, 0.6]), 2),
        (torch.tensor([0.5]), 10),
    ],
    mistakes=[
        Mistake(
            name="the margin itself",
            wrong=lambda margin, n_options: margin,
            message="At a margin of 0 the model is as sure as a blind guess: 1 / n_options, and "
            "not 0.",
        ),
        Mistake(
            name="the chance added",
            wrong=lambda margin, n_options: margin + 1 / n_options,
            message="A margin of 1 must give the probability 1; yours gives more. Stretch what "
            "lies between chance and certainty.",
        ),
        Mistake(
            name="applied again",
            wrong=lambda margin, n_options: (n_options * margin - 1) / (n_options - 1),
            message="That rescales once more. Solve margin = (n p - 1) / (n - 1) for p.",
        ),
        Mistake(
            name="always four options",
            wrong=lambda margin, n_options: 0.25 + 0.75 * margin,
            message="Right for four options. How much chance is there among n_options?",
        ),
    ],
    hints=[
        "margin = (n p - 1) / (n - 1): which p gives the margin 0, which one 1?",
        "p = (1 + (n - 1) * margin) / n.",
    ],
    stub="""
        def my_probability_behind(margin, n_options):
            \"\"\"Return the probabilities (Q,) of which margin (Q,) is (n p - 1) / (n - 1).\"\"\"
            ...
    """,
    solution="""
        def my_probability_behind(margin, n_options):
            return (1 + (n_options - 1) * margin) / n_options
    """,
)


def _paid(confidence, correct, cost, loss, limit=None):
    """Return the mean expense of who checks where the doubt exceeds a limit."""
    limit = cost / loss if limit is None else limit
    paid = [
        cost if 1 - sure > limit else (0.0 if right else loss)
        for sure, right in zip(confidence.tolist(), correct.tolist(), strict=True)
    ]
    return sum(paid) / len(paid)


def _bills(rng):
    """Return answers on both sides of every limit, some of each right, and two prices."""
    confidence = torch.tensor(rng.uniform(0.05, 0.95, size=14))
    confidence[:6] = torch.tensor([0.1, 0.12, 0.55, 0.57, 0.97, 0.96])
    correct = torch.tensor(rng.uniform(size=14) < 0.6)
    correct[:6] = torch.tensor([True, False, True, False, True, False])
    return confidence, correct, float(rng.choice([1.0, 2.0, 3.0])), 10.0


mean_expense = FunctionExercise(
    name="mean_expense",
    title="What an answer costs somebody who checks the doubtful ones",
    reference=_paid,
    inputs=_bills,
    edges=[
        (torch.tensor([0.9, 0.2, 0.6]), torch.tensor([False, True, True]), 5.0, 10.0),
        (torch.tensor([0.99, 0.98]), torch.tensor([True, False]), 1.0, 20.0),
        (torch.tensor([0.3, 0.1, 0.2]), torch.tensor([False, False, True]), 1.0, 4.0),
    ],
    mistakes=[
        Mistake(
            name="check at one half",
            wrong=lambda confidence, correct, cost, loss: _paid(
                confidence, correct, cost, loss, 0.5
            ),
            message="One half is the limit of somebody to whom a check costs half an error. Here "
            "the limit of the doubt is cost / loss.",
        ),
        Mistake(
            name="confidence for doubt",
            wrong=lambda confidence, correct, cost, loss: _paid(
                1 - confidence, correct, cost, loss
            ),
            message="You checked what the model is sure of. The doubt is 1 - confidence.",
        ),
        Mistake(
            name="the error paid twice",
            wrong=lambda confidence, correct, cost, loss: (
                _paid(confidence, correct, cost, loss)
                + loss * float(((1 - confidence > cost / loss) & ~correct).double().mean())
            ),
            message="A checked answer costs the check and nothing else: the error is found.",
        ),
        Mistake(
            name="never a check",
            wrong=lambda confidence, correct, cost, loss: _paid(
                confidence, correct, cost, loss, 1.0
            ),
            message="You used every answer unchecked. Where the doubt exceeds cost / loss a check "
            "is cheaper.",
        ),
    ],
    hints=[
        "Three kinds of answer: checked, used and right, used and wrong. What does each cost?",
        "`torch.where(1 - confidence > cost / loss, cost, loss * ~correct).mean()`.",
    ],
    stub="""
        def my_expense(confidence, correct, cost, loss):
            \"\"\"Return the mean expense; confidence and correct (Q,), checked in doubt.\"\"\"
            ...
    """,
    solution="""
        import torch


        def my_expense(confidence, correct, cost, loss):
            checks = 1 - confidence > cost / loss
            return torch.where(checks, cost, loss * (~correct).double()).mean().item()
    """,
    insight="The threshold comes from the prices, the probability from the model. Only where the "
    "probability is calibrated do they fit.",
)
