"""Question tasks of an audit: choose among answers, or give one in the model's own words.

Every question stands after the same answered examples. A choice is scored by the log-probability of
the answer's text, and the softmax over the options is the confidence. A free answer is sampled
several times; the most frequent one counts, and its share among the samples is the confidence.

References:
    Brown et al. (2020), "Language models are few-shot learners", NeurIPS (the prompt).
    Wang et al. (2023), "Self-consistency improves chain of thought reasoning in language models",
    ICLR (agreement among samples).
    Tian et al. (2023), "Just ask for calibration", EMNLP (stated confidence).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import Tensor

from coursekit.audit.items import AGREEMENT, OPTIONS, Item, Record, require_finite
from coursekit.calibration.sums import Sums, sums_of
from coursekit.calibration.temperatures import TEMPERATURES
from coursekit.data import (
    Question,
    arithmetic_questions,
    capital_questions,
    currency_questions,
    element_questions,
    matches,
)
from coursekit.data.ordering import hash_order
from coursekit.data.questions import normalise
from coursekit.llm.answers import greedy_answers, sample_answers
from coursekit.llm.choices import score_choices
from coursekit.llm.clusters import cluster_by_string
from coursekit.llm.pretrained import LanguageModel
from coursekit.llm.prompts import few_shot_prompts
from coursekit.llm.self_evaluation import parse_confidence

N_SUMS = 150  # sums of two numbers of two digits
N_EXAMPLES = 4
N_SAMPLES = 10
LONGEST_ANSWER = 16  # tokens
LONGEST_NUMBER = 8  # tokens
#: What is asked of a chat, which would otherwise explain itself.
IN_CHAT = "Answer the last question as the ones before it: with the answer alone.\n\n{prompt}"
HOW_SURE = (
    "How sure is it that this answer is right, in percent? Write a number from 0 to 100, and "
    "nothing else."
)
HOW_SURE_IN_TEXT = f"{{prompt}} {{said}}\n{HOW_SURE}\nAnswer:"
UNREAD = 0.5  #: stands for a stated confidence that nobody can read
#: A stated percentage is a whole number: 100 means at least 99.5.
STATED_LIMITS = (0.005, 0.995)


@dataclass(frozen=True)
class Questions:
    """Questions with one right answer; how they are put, a subclass says.

    Args:
        name: A word for the command line and for `Report.task`.
        title: A few words for people.
        questions: What to ask, or a function that gives it for a seed. The first `N_EXAMPLES`, one
            of each kind in turn, become the answered examples, and what is asked has nothing to do
            with what these are about.
    """

    name: str
    title: str
    questions: Sequence[Question] | Callable[[int], Sequence[Question]] = field(repr=False)
    event: str
    default_limit: int = 200
    entity: str = "subject of the question"
    two_readings: bool = False
    lightness: int = 4
    one_prediction: bool = True
    same_for_all: bool = True

    def items(self, lm: LanguageModel, limit: int, seed: int) -> list[Item]:
        """Questions of all kinds in turn; those of the examples are not asked."""
        questions = self.questions(seed) if callable(self.questions) else self.questions
        self.require_questions(questions)
        examples, asked = _examples_and_questions(questions, seed)
        pairs = [self.put(question) for question in examples]
        prompts = few_shot_prompts([self.put(question)[0] for question in asked[:limit]], pairs)
        return [
            Item(
                f"{question.kind} {question.key}",
                _entity(question),
                {"number": number, "prompt": prompt, "question": question},
                _labels(question),
            )
            for number, (question, prompt) in enumerate(zip(asked, prompts, strict=False))
        ]

    def put(self, question: Question) -> tuple[str, str]:
        """Return the text of a question as it is put, and its answer as it is wanted."""
        return question.question, question.answer

    def require_questions(self, questions: Sequence[Question]) -> None:
        """Check that there is something to ask.

        Raises:
            TypeError, ValueError: If not.
        """
        if not questions:
            raise ValueError("questions must hold at least one, found none")
        for question in questions:
            if not isinstance(question, Question):
                raise TypeError(f"questions must be a list of Question, found {question!r:.80}")

    def before(self, item: Item, record: Record) -> Sums:
        """Return sums of the one prediction, as the model states it."""
        return self.after(item, record, 1.0)

    def after(self, item: Item, record: Record, temperature: float) -> Sums:
        """Return sums of the one prediction at a temperature."""
        confidence, correct, nll = self.prediction(item, record, temperature)
        return sums_of(torch.tensor([confidence]), torch.tensor([correct]), torch.tensor([nll]))

    def nll_at(self, item: Item, record: Record) -> list[float]:
        """Negative log-likelihood at each temperature, in nats."""
        return [self.prediction(item, record, temperature)[2] for temperature in TEMPERATURES]

    def prediction(
        self, item: Item, record: Record, temperature: float
    ) -> tuple[float, bool, float]:
        """Confidence, whether it came true, and negative log-likelihood in nats."""
        raise NotImplementedError


@dataclass(frozen=True)
class ChoiceTask(Questions):
    """One of several options, scored by the log-probability of its text.

    Example:
        >>> from coursekit.data import capital_questions
        >>> task = ChoiceTask("capitals", "Capitals", capital_questions())
        >>> [item] = task.items(None, limit=1, seed=0)
        >>> item.content["prompt"].count("Question: ")
        5
    """

    scale: ClassVar[str] = OPTIONS
    event: str = "the option with the most probable text is the right one"

    def require_questions(self, questions: Sequence[Question]) -> None:
        """Check that each question has options, the right one among them."""
        super().require_questions(questions)
        for question in questions:
            if len(question.options) < 2 or not 0 <= question.correct < len(question.options):
                raise ValueError(
                    "correct must be the place of the right one among at least two options, found "
                    f"{question.correct} among {len(question.options)} in {question.question!r}"
                )

    def read(
        self, lm: LanguageModel, items: Sequence[Item], seed: int, temperature: float | None
    ) -> list[Record]:
        """Return the scores of all options."""
        questions = [item.content["question"] for item in items]
        scores = score_choices(
            lm,
            [item.content["prompt"] for item in items],
            [[f" {option}" for option in question.options] for question in questions],
        )
        for of_one in scores:
            require_finite(lm, of_one)
        return [{"scores": of_one.double().tolist()} for of_one in scores]

    def prediction(
        self, item: Item, record: Record, temperature: float
    ) -> tuple[float, bool, float]:
        """From the softmax over the options."""
        scores: Tensor = torch.tensor(record["scores"], dtype=torch.float64)
        log_probs = (scores / temperature).log_softmax(dim=0)
        chosen, right = int(log_probs.argmax()), item.content["question"].correct
        return log_probs[chosen].exp().item(), chosen == right, -log_probs[right].item()


@dataclass(frozen=True)
class AnswerTask(Questions):
    """An answer in the model's own words, sampled several times.

    The confidence is (k + 1/2) / (n + 1) for an answer that k of n samples gave: the share, kept
    away from 0 and 1, which a few samples cannot prove (H. Jeffreys' rule).

    Example:
        >>> from coursekit.data import element_questions
        >>> task = AnswerTask("elements", "Elements", element_questions())
        >>> len(task.items(None, limit=8, seed=0))
        8
    """

    scale: ClassVar[str] = AGREEMENT
    event: str = "the most frequent of ten samples is right"
    default_limit: int = 100

    def read(
        self, lm: LanguageModel, items: Sequence[Item], seed: int, temperature: float | None
    ) -> list[Record]:
        """Return the most frequent answer, how many samples gave it, and whether it is right."""
        sampled = sample_answers(
            lm,
            [item.content["prompt"] for item in items],
            N_SAMPLES,
            max_new_tokens=LONGEST_ANSWER,
            seed=seed,
            numbers=[item.content["number"] for item in items],
        )
        return [
            record_of_samples([answer.text for answer in answers], item.content["question"])
            for item, answers in zip(items, sampled, strict=True)
        ]

    def prediction(
        self, item: Item, record: Record, temperature: float
    ) -> tuple[float, bool, float]:
        """From the agreement, which a temperature moves on the scale of log-odds."""
        share = torch.tensor((record["agreeing"] + 0.5) / (N_SAMPLES + 1), dtype=torch.float64)
        logit = share.logit() / temperature
        confidence, right = logit.sigmoid().item(), record["right"]
        nll = torch.nn.functional.softplus(-logit if right else logit).item()
        return confidence, right, nll


@dataclass(frozen=True)
class Stated(Questions):
    """The probability that a model states for its own answer, in words.

    The answer is the most probable one, token by token; then the model is asked how sure that is:
    weights in a text that they continue, a server in a chat if it has one. What it states as 0 or
    100 % counts as half a percent away from there, and what nobody can read as 50 %: every answer
    stays in the evaluation. Beside it stands the probability of the answer's tokens, where it is
    known.

    Example:
        >>> STATED.prediction(None, {"stated": None, "right": True}, 1.0)[:2]
        (0.5, True)
    """

    event: str = "the answer that the model gives is right"
    default_limit: int = 100

    def read(
        self, lm: LanguageModel, items: Sequence[Item], seed: int, temperature: float | None
    ) -> list[Record]:
        """Return each answer, what was stated of it, and the log-probability of its text."""
        prompts = [item.content["prompt"] for item in items]
        found = greedy_answers(lm, prompts, max_new_tokens=LONGEST_ANSWER)
        answers = [answer.text for answer in found]
        # Where nothing was said there is no text to score; one that says something takes its place.
        scores = score_choices(lm, prompts, [[f" {text or '(nothing)'}"] for text in answers])
        again = [
            HOW_SURE_IN_TEXT.format(prompt=prompt, said=text)
            for prompt, text in zip(prompts, answers, strict=True)
        ]
        stated = greedy_answers(lm, again, max_new_tokens=LONGEST_NUMBER)
        return [
            record_of_stated(
                text, item.content["question"], number.text, score.item() if text else None
            )
            for item, text, number, score in zip(items, answers, stated, scores, strict=True)
        ]

    def prediction(
        self, item: Item, record: Record, temperature: float
    ) -> tuple[float, bool, float]:
        """From what was stated, which a temperature moves on the scale of log-odds."""
        low, high = STATED_LIMITS
        stated = UNREAD if record["stated"] is None else record["stated"]
        share = torch.tensor(min(max(stated, low), high), dtype=torch.float64)
        logit = share.logit() / temperature
        right = record["right"]
        nll = torch.nn.functional.softplus(-logit if right else logit).item()
        return logit.sigmoid().item(), right, nll


def record_of_stated(said: str, question: Question, stated: str, log_prob: float | None) -> Record:
    """Return what is kept of an answer and of what was stated about it.

    Args:
        said: The answer.
        question: What was asked.
        stated: What the model wrote when asked how sure it is.
        log_prob: Of the answer's text, in nats, if it is known.

    Example:
        >>> from coursekit.data import capital_questions
        >>> peru = next(question for question in capital_questions() if question.key == "PE")
        >>> record_of_stated("Lima", peru, "90 %", -0.5)["stated"]
        0.9
    """
    stated = stated[:80]
    record = {"said": said, "right": matches(said, question), "text": stated}
    return record | {"stated": parse_confidence(stated), "log_prob": log_prob}


def counts_of_stated(records: Sequence[Record]) -> dict[str, Any]:
    """Return how many stated confidences nobody could read, and what stood there most often.

    Example:
        >>> counts_of_stated([{"stated": None, "text": "rather"}, {"stated": 0.9, "text": "90"}])
        {'items': 2, 'unread': 1, 'unread_such_as': ['rather']}
    """
    unread = [record["text"] for record in records if record["stated"] is None]
    most = Counter(unread).most_common(3)
    return {"items": len(records), "unread": len(unread), "unread_such_as": [t for t, _ in most]}


def record_of_samples(texts: Sequence[str], question: Question) -> Record:
    """Return the most frequent answer, how many samples gave it, and whether it is right.

    Example:
        >>> from coursekit.data import capital_questions
        >>> peru = next(question for question in capital_questions() if question.key == "PE")
        >>> record_of_samples(["Lima", "Quito", "lima."], peru)
        {'said': 'Lima', 'agreeing': 2, 'right': True}
    """
    clusters = cluster_by_string(texts, key=normalise)
    # Of equally frequent ones the first that was said; `most_common` keeps this order.
    [(most, agreeing)] = Counter(clusters).most_common(1)
    said = texts[clusters.index(most)]
    return {"said": said, "agreeing": agreeing, "right": matches(said, question)}


def course_questions(seed: int) -> list[Question]:
    """Return the questions of the course: facts about the world, and sums.

    Nobody has written the sums down for a model to learn: they are the fresh ones.

    Example:
        >>> sorted({question.kind for question in course_questions(seed=0)})
        ['addition', 'capital', 'currency', 'symbol']
    """
    return [
        *capital_questions(seed=seed),
        *currency_questions(seed=seed),
        *element_questions(seed=seed),
        *arithmetic_questions(N_SUMS, digits=2, seed=seed),
    ]


def _examples_and_questions(
    questions: Sequence[Question], seed: int
) -> tuple[list[Question], list[Question]]:
    """Answered examples, and the questions to ask: about none of the examples' entities."""
    kinds: dict[str, list[Question]] = {}
    for question in questions:
        kinds.setdefault(question.kind, []).append(question)
    ordered = [hash_order(kind, "audit", seed, name=lambda q: q.key) for kind in kinds.values()]
    in_turn = [
        question
        for place in range(max(map(len, ordered)))
        for kind in ordered
        for question in kind[place : place + 1]
    ]
    examples = in_turn[:N_EXAMPLES]
    taken = {_entity(question) for question in examples}
    return examples, [question for question in in_turn if _entity(question) not in taken]


def _entity(question: Question) -> str:
    return question.split_by[0].name


def _labels(question: Question) -> dict[str, str]:
    labels = {"kind": question.kind}
    if question.grouped_by:
        labels[question.grouped_by] = question.group
    return labels | ({"continent": question.group} if question.population is not None else {})


STATED = Stated("stated", "Stated confidence", course_questions)
CHOICES = ChoiceTask("choices", "Choices", course_questions)
ANSWERS = AnswerTask("answers", "Free answers", course_questions)
