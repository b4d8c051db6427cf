"""20 Audit your model."""

from __future__ import annotations

import torch

from coursekit.chapters.audit_your_model.diagnosis import (
    DiagnosisExercise,
    kept_readings,
    letters_of,
)
from coursekit.exercises.engine import ChoiceExercise, FunctionExercise, Mistake

# Three questions about what came before.

why_many_groups = ChoiceExercise(
    name="why_many_groups",
    question="A table shows the gap of confidence and accuracy for twenty groups, each with its "
    "95 % interval. One interval misses zero. What do you know?",
    options={
        "a": "That the model is miscalibrated for this group.",
        "b": "Little: of twenty groups that are all alike, about one interval misses zero by "
        "chance.",
        "c": "That the intervals were computed wrongly.",
    },
    correct="b",
    explanations={
        "a": "With one group you could say so. With twenty looks, one surprise is expected; a "
        "correction for many comparisons asks for more.",
        "b": "A 95 % interval is wrong one time in twenty, and here it had twenty times.",
        "c": "They do what they promise: each is right 95 % of the time.",
    },
)

what_size_buys = ChoiceExercise(
    name="what_size_buys",
    question="A small model and a large one are both calibrated on next tokens. What do you know "
    "about their likelihoods?",
    options={
        "a": "They are the same: both say what is true.",
        "b": "Nothing yet: a model may know little and say so.",
        "c": "That of the small one is better, as it has less to be wrong about.",
    },
    correct="b",
    explanations={
        "a": "Calibration compares what is stated with what happens. It does not ask how much was "
        "known.",
        "b": "Size bought likelihood, that is knowledge; calibration is about what is said of it. "
        "A report needs both.",
        "c": "Likelihood rewards being sure and right, so whoever knows less has less of it.",
    },
)

what_belongs_to_calibration = ChoiceExercise(
    name="what_belongs_to_calibration",
    question="The same model was calibrated on tokens and overconfident on choices. To what does "
    "calibration belong?",
    options={
        "a": "To the model alone.",
        "b": "To the model and its temperature.",
        "c": "To the model, the event, the prompt and the data together.",
    },
    correct="c",
    explanations={
        "a": "Then one number would do. Notebook 12 changed the prompt alone, and the numbers "
        "moved.",
        "b": "One temperature did not suit all tasks.",
        "c": "So a report names all four, and holds for no others.",
    },
)

# What the notebook teaches.


def _two_shards(rng):
    """Return counts, correct ones and confidences of two processes, each (2, B)."""
    count = torch.tensor(rng.integers(5, 60, size=(2, 6)))
    count[1, :2] = 0  # a bin that one process never met
    confidence = count * torch.tensor(rng.uniform(0.1, 0.9, size=(2, 6)))
    correct = (count * torch.tensor(rng.uniform(0.1, 0.9, size=(2, 6)))).long()
    return count, correct, confidence


def _ece(count, correct, confidence):
    gaps = (confidence.sum(dim=0) - correct.sum(dim=0)).abs()
    return float(gaps.sum() / count.sum())


def _ece_of_one(count, correct, confidence):
    return (confidence - correct).abs().sum() / count.sum()


merged_ece = FunctionExercise(
    name="merged_ece",
    title="The ECE of all predictions, from the sums of two processes",
    reference=_ece,
    inputs=_two_shards,
    edges=[
        (  # a bin that nobody met, and more bins
            torch.tensor([[4, 0, 2, 1, 0, 3, 0, 8], [0, 0, 2, 5, 0, 1, 9, 2]]),
            torch.tensor([[1, 0, 2, 0, 0, 3, 0, 5], [0, 0, 1, 5, 0, 0, 6, 2]]),
            torch.tensor([[0.6, 0, 1.0, 0.5, 0, 1.9, 0, 7.5], [0, 0, 1.1, 2.4, 0, 0.7, 7.5, 1.9]]),
        ),
        (torch.tensor([[2], [3]]), torch.tensor([[2], [0]]), torch.tensor([[1.0], [1.0]])),
    ],
    mistakes=[
        Mistake(
            name="mean of two errors",
            wrong=lambda count, correct, confidence: float(
                sum(_ece_of_one(*shard) for shard in zip(count, correct, confidence, strict=True))
                / 2
            ),
            message="You computed an ECE for each process and averaged them. The ECE is no mean "
            "over predictions: add the sums of both first, then take the distances.",
        ),
        Mistake(
            name="distance before the sum",
            wrong=lambda count, correct, confidence: float(
                (confidence - correct).abs().sum() / count.sum()
            ),
            message="You took the distance in each process and added them. A bin that one process "
            "finds too high and the other too low is fine: add over the processes, then abs().",
        ),
        Mistake(
            name="bins without weights",
            wrong=lambda count, correct, confidence: float(
                ((confidence.sum(0) - correct.sum(0)).abs() / count.sum(0).clamp(min=1)).mean()
            ),
            message="Each bin counted the same. Its weight is its share of all predictions, so "
            "divide the sum of the distances by the number of all predictions.",
        ),
    ],
    hints=[
        "`.sum(dim=0)` adds the two processes, bin by bin.",
        "In a bin, confidence minus correct is already the count times the gap.",
    ],
    stub="""
        def my_merged_ece(count, correct, confidence):
            \"\"\"Return the ECE of sums (2, B): a row a process, a column a bin.\"\"\"
            ...
    """,
    solution="""
        def my_merged_ece(count, correct, confidence):
            gaps = (confidence.sum(dim=0) - correct.sum(dim=0)).abs()
            return (gaps.sum() / count.sum()).item()
    """,
    insight="What can be added can be computed on any number of machines.",
)


def _paired_losses(rng):
    """Losses of two models on the same items: hard items are hard for both."""
    difficulty = rng.gamma(2.0, 1.0, size=40)
    first = torch.tensor(difficulty + rng.normal(scale=0.2, size=40))
    second = torch.tensor(difficulty + 0.1 + rng.normal(scale=0.2, size=40))
    return first, second


paired_error = FunctionExercise(
    name="paired_error",
    title="The standard error of a difference between two models on the same items",
    reference=lambda first, second: float((second - first).std() / len(first) ** 0.5),
    inputs=_paired_losses,
    edges=[
        (torch.tensor([1.0, 4.0]), torch.tensor([1.5, 3.5])),
        (torch.tensor([0.5, 9.0, 2.0, 0.0, 3.0]), torch.tensor([0.0, 9.5, 2.0, 1.0, 3.2])),
        (torch.tensor([1.0, 2.0, 5.0]), torch.tensor([1.5, 2.5, 5.5])),  # the same difference
    ],
    mistakes=[
        Mistake(
            name="two separate errors",
            wrong=lambda first, second: float(((first.var() + second.var()) / len(first)).sqrt()),
            message="That is right for two models on *different* items. Here a hard item is hard "
            "for both, and cancels: take the difference item by item, then its spread.",
        ),
        Mistake(
            name="spread of one item",
            wrong=lambda first, second: float((second - first).std()),
            message="That is how much the difference varies from item to item. The mean of N items "
            "varies less: divide by the square root of N.",
        ),
        Mistake(
            name="population formula",
            wrong=lambda first, second: float(
                (second - first).std(correction=0) / len(first) ** 0.5
            ),
            message="Your spread divides by N, as NumPy's .std() does. The mean was estimated from "
            "the same items, so divide by N - 1: torch's default, `ddof=1` in NumPy.",
        ),
        Mistake(
            name="divided by N",
            wrong=lambda first, second: float((second - first).std() / len(first)),
            message="You divided by N. Variances shrink by N, so a standard error by its square "
            "root.",
        ),
    ],
    hints=["First one number an item: `second - first`.", "Then `.std()`, and the root of N."],
    stub="""
        def my_paired_error(first, second):
            \"\"\"Return the standard error of the mean of second - first, each (N,).\"\"\"
            ...
    """,
    solution="""
        def my_paired_error(first, second):
            return ((second - first).std() / len(first) ** 0.5).item()
    """,
)

what_accuracy_misses = ChoiceExercise(
    name="what_accuracy_misses",
    question="A colleague doubles all logits of a model and reports: same accuracy on next tokens, "
    "so nothing is lost. What did the benchmark miss?",
    options={
        "a": "Nothing: the order of the tokens is what counts.",
        "b": "That the probabilities no longer say how often the model is right.",
        "c": "That the model has become less accurate on rare tokens.",
    },
    correct="b",
    explanations={
        "a": "For a single greedy guess, yes. For every use of the probability, no: refusing, "
        "ranking answers, sampling, deciding.",
        "b": "Accuracy sees the top token only. A proper score sees it at once.",
        "c": "The most likely token is the same everywhere, rare or not.",
    },
)

which_claim = ChoiceExercise(
    name="which_claim",
    question="A report says, for 100 free answers: gap +0.05 [-0.02, +0.12], ECE 0.04 [0.00, "
    "0.13]. Which sentence may you write?",
    options={
        "a": "The model is calibrated on free answers.",
        "b": "The model is overconfident by five points on free answers.",
        "c": "No miscalibration was detected with 100 answers; a gap of up to 12 points is not "
        "excluded.",
    },
    correct="c",
    explanations={
        "a": "Not detected is not the same as absent: the interval reaches to 0.12.",
        "b": "Zero lies inside the interval, so even the sign is open.",
        "c": "It says what was seen, with how much data, and what it leaves open.",
    },
)

blind_diagnosis = DiagnosisExercise(
    name="blind_diagnosis",
    title="What was done to each of five models, and the number that shows it",
    readings=kept_readings(),
    damages=letters_of(),
    hints=[
        "Begin with prose. Who is as accurate as the best? Who is surer than right, and who less "
        "sure?",
        "A wrong temperature keeps the accuracy, noise loses it and stays sure, rounding loses it "
        "and becomes less sure. Then compare the two editions of the exam, letter by letter.",
        "A number shows a damage if the interval of its report overlaps no other one in that line.",
    ],
    insight="You named every damage, and each with a number that shows it.",
)
