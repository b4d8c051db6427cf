"""Claims of notebook 00: what calibration means, what ten answers say, and a first real model."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from torch import Tensor

from coursekit import calibration as cal, llm
from coursekit.chapters.start_here.rounds import overconfidence
from coursekit.data import capital_questions, question_bank
from docs.claims.ledger import IN_NOTEBOOK, Ledger
from docs.claims.subjects import lm

LEDGER = Ledger("start_here")

LEDGER.proved(
    "Calibrated means right as often as sure: forecasts can have no calibration error and be "
    "right half the time.",
    stands=(
        "Calibrated means: right as often as sure",
        '"Calibrated means accurate."',
        "One in ten of them should fail",
    ),
    proof="A coin that says 50 % is the example; of forecasts at 90 % one in ten fails.",
    test="tests/calibration/test_errors.py::test_a_calibrated_population_has_no_error",
)
LEDGER.proved(
    "The Brier score of always saying 50 % is 0.25, whatever happens; 0 is perfect.",
    stands="The Brier score is the mean of",
    proof="Half squared is a quarter, for a right answer and for a wrong one.",
    test="tests/calibration/test_brier.py::test_half_is_always_a_quarter",
)
LEDGER.cited(
    "The Brier score was made so that a forecaster gains nothing by stating other numbers than "
    "they believe.",
    stands="wanted a score that a forecaster cannot cheat",
    source="brier1950verification",
)
LEDGER.proved(
    "Six right of ten, at 80 % sure, is what a calibrated person may get.",
    stands='"I got 6 of 10 at 80 % sure, so I am overconfident."',
    proof="Wilson's interval of 6 of 10 goes from 0.31 to 0.83 and contains 0.8.",
    test="tests/calibration/test_intervals.py::test_wilson_interval_equals_scipy",
)
LEDGER.proved(
    "Run All reaches the end whether or not anything was answered.",
    stands="the course never waits for you",
    proof="A blank is told from an answer, and nothing later depends on it.",
    test="tests/exercises/test_engine.py::test_every_kind_of_blank_is_not_attempted",
)
LEDGER.passing(
    "A wrong answer costs nothing.",
    "Here is what one answer costs:",
    why="the rule of the exercises, and the heading of a table",
)


def simulated_answers(n: int, seed: int, missing: float, says: str) -> tuple[Tensor, Tensor]:
    """Return confidences and outcomes of a person who keeps 1 - `missing` of what they claim."""
    random = np.random.default_rng(seed)
    sure = {
        "in steps": random.integers(5, 11, n) / 10,
        "anything": random.uniform(0.5, 1, n),
        "nearly certain": random.uniform(0.9, 1, n),
    }[says]
    truly = 0.5 + (1 - missing) * (sure - 0.5)
    return torch.from_numpy(sure), torch.from_numpy(random.random(n) < truly)


@LEDGER.measured(
    "Who claims twice the knowledge that they have pays as much as who knows nothing; the same "
    "person, honest, pays less.",
    stands="Overconfidence can cost as much as not knowing anything",
    refuted_by="a Brier score of 20,000 answers more than 0.01 from 0.25, or one of the honest "
    "statements above 0.245",
    variations={f"seed {seed}": {"seed": seed} for seed in range(4)}
    | {
        "any confidence": {"says": "anything"},
        "nearly certain": {"says": "nearly certain"},
    },
)
def overconfidence_costs(
    seed: int = 0, says: str = "in steps", missing: float = 0.5
) -> tuple[bool, str]:
    sure, right = simulated_answers(20_000, seed, missing, says)
    honest = 0.5 + (1 - missing) * (sure - 0.5)
    claimed, owned = cal.binary_brier_score(sure, right), cal.binary_brier_score(honest, right)
    return abs(claimed - 0.25) < 0.01 and owned < 0.245, f"{claimed:.3f}, honest {owned:.3f}"


@LEDGER.measured(
    "A hundred times as many answers make the interval eight to ten times narrower.",
    stands=(
        "A hundred times as many make an interval eight to ten times narrower",
        "make the interval about *ten* times narrower (eight to ten",
    ),
    refuted_by="a ratio of the mean widths, over 40 people, that does not round to 8, 9 or 10",
    variations={
        "40 people": {},
        "40 others": {"first_seed": 100},
        "20 against 2,000": {"n": 20},
        "100 against 10,000": {"n": 100},
        "calibrated people": {"missing": 0.0},
        "any confidence": {"says": "anything"},
    },
    was="A hundred times as many make an interval about ten times narrower.",
)
def hundred_times_the_answers(
    first_seed: int = 0, n: int = 10, missing: float = 0.5, says: str = "in steps"
) -> tuple[bool, str]:
    width = {}
    for size in (n, 100 * n):
        people = [simulated_answers(size, first_seed + i, missing, says) for i in range(40)]
        ends = [cal.brier_interval(*person) for person in people]
        width[size] = sum(end.high - end.low for end in ends) / len(ends)
    ratio = width[n] / width[100 * n]
    return 7.5 <= ratio < 10.5, f"{ratio:.1f} times narrower"


@LEDGER.measured(
    "Intervals made for one look, looked at ten times, accuse more than 5 % of honest people of "
    "overconfidence; those made for ten looks at most 5 %, and find most of the overconfident.",
    stands=(
        "Who looks again and again needs a wider interval",
        "Looked at ten times, intervals made for one look accuse",
    ),
    refuted_by="of 300 honest people, fewer than 5 % ever accused at one look, or more than 5 % at "
    "ten; or fewer than half of those of whose claim half is missing",
    variations={f"seed {seed}": {"seed": seed} for seed in range(3)}
    | {"any confidence": {"says": "anything"}},
)
def many_looks(seed: int = 0, says: str = "in steps") -> tuple[bool, str]:
    def accused(missing: float, looks: int) -> float:
        found = 0
        for i in range(300):
            sure, right = (
                x.tolist() for x in simulated_answers(100, 1000 * seed + i, missing, says)
            )
            gaps = (overconfidence(sure[:n], right[:n], looks=looks) for n in range(10, 101, 10))
            found += any(gap.low > 0 for gap in gaps)
        return found / 300

    one, ten, caught = accused(0.0, 1), accused(0.0, 10), accused(0.5, 10)
    held = one >= 0.05 >= ten and caught >= 0.5
    return held, f"honest {one:.3f} at one look, {ten:.3f} at ten; overconfident {caught:.2f}"


# SmolLM2 and the capitals

PROMPTS = {
    "a sentence": "The capital of {} is",
    "another sentence": "{}'s capital city is",
    "a passage before it": "Every country has a capital. Here is one more. The capital of {} is",
    "question and answer": "Question: What is the capital of {}?\nAnswer:",
    "an example first": "The capital of France is Paris. The capital of {} is",
}


@cache
def _capitals(prompt: str, split: str = "calibration", seed: int = 0) -> tuple[Tensor, Tensor]:
    """Return confidence and correctness of SmolLM2 on capitals, asked in one way."""
    asked = capital_questions(split=split, seed=seed)
    subjects = [q.subject for q in asked]
    if prompt == "chat":
        asking = llm.chat_prompts(
            [f"What is the capital of {subject}?" for subject in subjects],
            reply=[f"The capital of {subject} is" for subject in subjects],
        )
    else:
        asking = [PROMPTS[prompt].format(subject) for subject in subjects]
    scores = llm.score_choices(lm(), asking, llm.continuations(asking, [q.options for q in asked]))
    confidence, answer = torch.stack(scores).softmax(dim=-1).max(dim=-1)
    return confidence, answer == torch.tensor([q.correct for q in asked])


_WAYS = {name: {"prompt": name} for name in (*PROMPTS, "chat")} | {
    "the other half of the countries": {"prompt": "a sentence", "split": "test"},
    "other wrong options": {"prompt": "a sentence", "seed": 1},
}


@LEDGER.measured(
    "SmolLM2 knows most of the 80 capitals, and is surer of them than it should be.",
    stands="SmolLM2 knows most of the 80 capitals, and is surer of them than it should be",
    refuted_by="an accuracy of at most one half, or a gap (confidence minus accuracy) of at most 0",
    variations=_WAYS,
)
def knows_and_is_too_sure(**asked: object) -> tuple[bool, str]:
    confidence, correct = _capitals(**asked)
    gap = cal.bootstrap_interval(cal.gap, confidence, correct, n_resamples=500)
    accuracy = correct.double().mean().item()
    return accuracy > 0.5 and gap.estimate > 0, f"accuracy {accuracy:.2f}, gap {gap:.2f}"


@LEDGER.measured(
    "Some of its wrong answers come with more than 90 % confidence.",
    stands='"A model that is sure is right."',
    refuted_by="no wrong answer among those given with more than 90 %",
    variations=_WAYS,
)
def sure_and_wrong(**asked: object) -> tuple[bool, str]:
    confidence, correct = _capitals(**asked)
    sure = confidence > 0.9
    wrong = int((sure & ~correct).sum())
    return wrong > 0, f"{wrong} wrong of {int(sure.sum())} sure ones"


@LEDGER.measured(
    "On the bank of 100 questions SmolLM2 is little better than a coin, and far surer than right.",
    stands="Asked either way, SmolLM2 is right hardly more often than a coin",
    refuted_by="fewer than 48 or more than 68 right, or a gap whose interval begins below 0.05",
    variations={
        "raw text": {"way": "raw"},
        "chat": {"way": "chat"},
        "raw text, answers not named": {"way": "raw", "named": False},
        "chat, answers not named": {"way": "chat", "named": False},
    },
    quick=IN_NOTEBOOK,
)
def the_bank(way: str, named: bool = True) -> tuple[bool, str]:
    bank = question_bank()
    asked = [f"{q.question} ({' or '.join(q.options)})" if named else q.question for q in bank]
    prompts = (
        llm.few_shot_prompts(asked)
        if way == "raw"
        else llm.chat_prompts(asked, reply="The answer is")
    )
    scores = llm.score_choices(lm(), prompts, llm.continuations(prompts, [q.options for q in bank]))
    confidence, answer = torch.stack(scores).softmax(dim=-1).max(dim=-1)
    right = answer == torch.tensor([q.correct for q in bank])
    gap = overconfidence(confidence.tolist(), right.tolist(), looks=1)
    n = int(right.sum())
    return 48 <= n <= 68 and gap.low >= 0.05, f"{n} right, surer by {gap:.2f}"
