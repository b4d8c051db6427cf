"""Claims of notebook 12: one model, asked in many ways, all that is no factor drawn anew."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import torch
from torch import Tensor

from coursekit import calibration as cal, llm
from coursekit.chapters.multiple_choice import asking
from coursekit.data import (
    Question,
    benchmarks,
    capital_questions,
    invented_countries,
    split_questions,
)
from docs.claims.ledger import IN_NOTEBOOK, Ledger
from docs.claims.subjects import lm

LEDGER = Ledger("multiple_choice")

# By definition

LEDGER.proved(
    "Every text that begins with an answer's longer form begins with the answer.",
    stands="So asked to choose between the two, the first can never lose.",
    proof="Options that contain each other are refused, since one softmax cannot hold both.",
    test="tests/llm/test_spellings.py::test_an_end_tells_new_from_new_york",
)
LEDGER.proved(
    "The softmax over the options has a winner at every temperature, and it is the same one.",
    stands=(
        "It compares, and something always wins; no temperature can turn that into",
        '*"Calibration repairs a bad prompt."* It repairs the confidence.',
    ),
    proof="A temperature keeps the ranking.",
    test="tests/calibration/calibrators/test_temperature.py"
    "::test_temperature_keeps_the_ranking_and_lowers_the_loss",
)
LEDGER.passing(
    "The model never changes, only the question does.",
    "Two checks that cost nothing.",
    "Always the names are scored, never the letters.",
    why="what the notebook does, and not what it found",
)

# What is asked

N_FEW = 20
GROUPS = ("the notebook's 20", "20 other questions", "20 more questions")


@cache
def _questions() -> list[Question]:
    return capital_questions(n_options=4)


@cache
def _few(group: int) -> list[int]:
    """Return the places of 20 questions, ten of each half; no two groups share one."""
    questions = _questions()
    place = {question.key: i for i, question in enumerate(questions)}
    halves = reversed(split_questions(questions, fraction=0.5, seed=0))
    first = 10 * group
    return [place[q.key] for half in halves for q in half[first : first + N_FEW // 2]]


def _labels(rows: list[int]) -> Tensor:
    return torch.tensor([_questions()[i].correct for i in rows])


@cache
def _crossed(seed: int, group: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return scores (16, 20, 4), confidence and correctness (16, 20) of the crossed ways."""
    rows = _few(group)
    asked = [_questions()[i] for i in rows]
    scores = torch.stack([asking.ask(lm(), way, asked) for way in asking.crossed_ways(seed)])
    sure, chosen = scores.softmax(dim=-1).max(dim=-1)
    return scores, sure.double(), (chosen == _labels(rows)).double()


@cache
def _asked(way: asking.Way) -> Tensor:
    """Return the scores (161, 4) of all questions asked in one way."""
    return asking.ask(lm(), way, _questions())


@cache
def _by_letter(way: asking.Way, group: int) -> Tensor:
    return asking.ask(lm(), way, [_questions()[i] for i in _few(group)])


def _mean(values: Tensor) -> float:
    return values.double().mean().item()


#: Everything that is no factor is drawn anew by each seed; other questions for one draw.
DRAWS: dict[str, dict[str, Any]] = {
    **{f"all else drawn by seed {seed}": {"seed": seed, "group": 0} for seed in range(4)},
    GROUPS[1]: {"seed": 0, "group": 1},
    GROUPS[2]: {"seed": 0, "group": 2},
}
BY_NAME = asking.Way(n_examples=4)
#: Ways of asking for the name, without a list.
NAMED: dict[str, asking.Way] = {
    "raw text, 4 examples": BY_NAME,
    "chat, 4 examples": replace(BY_NAME, chat=True),
    "other words": replace(BY_NAME, wording=asking.WORDINGS[1], layout=asking.LAYOUTS[1]),
    "other examples": replace(BY_NAME, regions=(4, 5, 6, 7)),
    "a sentence begins the reply": replace(BY_NAME, sentence=True),
}
BY_LETTER = asking.Way(listed=True, answer_with="letter")
#: Ways of asking for the letter.
LETTERED: dict[str, asking.Way] = {
    "raw text, no examples": BY_LETTER,
    "raw text, 4 examples": replace(BY_LETTER, n_examples=4),
    "chat, no examples": replace(BY_LETTER, chat=True),
    "chat, 4 examples": replace(BY_LETTER, chat=True, n_examples=4),
    "raw text, other words": replace(
        BY_LETTER, n_examples=4, wording=asking.WORDINGS[2], layout=asking.LAYOUTS[1]
    ),
    "chat, other examples": replace(BY_LETTER, chat=True, n_examples=4, regions=(4, 5, 6, 7)),
}

# Sixteen ways


@LEDGER.measured(
    "Over sixteen ways of asking, accuracy spans at least half, and confidence moves far less.",
    stands="The same model on the same questions is right one time in four or nine times in ten",
    refuted_by="an accuracy that spans less than 0.5, or a confidence that spans two thirds of it",
    variations=DRAWS,
    quick=IN_NOTEBOOK,
)
def accuracy_moves_more(seed, group):
    _, sure, right = _crossed(seed, group)
    hits, sureness = right.mean(dim=1), sure.mean(dim=1)
    spans = [(each.max() - each.min()).item() for each in (hits, sureness)]
    return spans[0] >= 0.5 and spans[1] <= 2 / 3 * spans[0], (
        f"accuracy {hits.min():.2f} to {hits.max():.2f}, "
        f"confidence {sureness.min():.2f} to {sureness.max():.2f}"
    )


def _effect(seed: int, group: int, factor: str) -> cal.CrossedMean:
    return cal.crossed_mean(asking.effects(_crossed(seed, group)[2])[factor])


@LEDGER.measured(
    "Over the prompts, listing the options costs accuracy, beyond chance over both.",
    stands=(
        "- **The list** costs this model accuracy:",
        "Over the prompts, the list hurt and a sentence to begin with helped;",
    ),
    refuted_by="an interval over questions and prompts that reaches 0",
    variations=DRAWS,
    quick=IN_NOTEBOOK,
)
def the_list_hurts(seed, group):
    found = _effect(seed, group, "list").interval("both")
    return found.high < 0, f"{found:.2f}"


@LEDGER.measured(
    "Over the prompts, a sentence for the reply to begin with raises the accuracy.",
    stands="Over the prompts, the list hurt and a sentence to begin with helped;",
    refuted_by="a mean over the prompts that is not above 0",
    variations=DRAWS,
    quick=IN_NOTEBOOK,
)
def a_sentence_helps(seed, group):
    found = _effect(seed, group, "reply begins").interval("both")
    return found.estimate > 0, f"{found:.2f}"


@LEDGER.measured(
    "Of the chat format and of examples no effect on accuracy is detected over the prompts.",
    stands="of the chat format and of examples no effect was detected.",
    refuted_by="an interval over questions and prompts that excludes 0",
    variations=DRAWS,
    quick=IN_NOTEBOOK,
)
def format_and_examples_undetected(seed, group):
    found = {f: _effect(seed, group, f).interval("both") for f in ("format", "examples")}
    return all(0.0 in each for each in found.values()), ", ".join(
        f"{name} {each:.2f}" for name, each in found.items()
    )


@LEDGER.measured(
    "The same change of template helps in one pair of prompts and harms in another.",
    stands='*"I changed the template and it got better, so the template helps."*',
    refuted_by="eight pairs of ways in which the format changes accuracy in one direction only",
    variations=DRAWS,
    quick=IN_NOTEBOOK,
)
def a_template_helps_here_and_harms_there(seed, group):
    pairs = asking.effects(_crossed(seed, group)[2])["format"].mean(dim=1)
    return bool(pairs.min() < 0 < pairs.max()), f"{pairs.min():+.2f} to {pairs.max():+.2f}"


@LEDGER.measured(
    "Prompts vary about as much as questions do, and an interval over questions alone is many "
    "times too narrow for one prompt and a thousand questions.",
    stands=(
        "Prompts are a sample, too. Here they vary as much as questions do:",
        '*"Ten thousand questions, so the interval is tiny."* Over questions.',
    ),
    refuted_by="a variance of prompts below half of that of questions, or an interval that "
    "grows less than four times",
    variations=DRAWS,
    quick=IN_NOTEBOOK,
)
def prompts_are_a_sample(seed, group):
    prompts, questions, rest = cal.crossed_mean(_crossed(seed, group)[2]).variances
    within = (questions + rest) / 1000
    wider = ((prompts + within) / within) ** 0.5
    return prompts >= questions / 2 and wider >= 4, (
        f"variance of prompts {prompts:.3f}, of questions {questions:.3f}; "
        f"{wider:.0f} times as wide"
    )


# Letters


@LEDGER.measured(
    "Asked for a letter the model is right less than half of the time, and prefers a place.",
    stands="By letter it chose a place, not an answer, in both formats.",
    refuted_by="an accuracy of one half, or no place chosen by 40 % where the right one is each "
    "place about equally often",
    variations={
        **{name: {"way": name, "group": 0} for name in LETTERED},
        f"chat, 4 examples, {GROUPS[1]}": {"way": "chat, 4 examples", "group": 1},
        f"raw text, 4 examples, {GROUPS[1]}": {"way": "raw text, 4 examples", "group": 1},
    },
    quick=IN_NOTEBOOK,
)
def a_place_not_an_answer(way, group):
    scores = _by_letter(LETTERED[way], group)
    chosen = scores.argmax(dim=-1)
    share = chosen.bincount(minlength=4).max().item() / len(chosen)
    right = _mean(chosen == _labels(_few(group)))
    return right < 0.5 and share >= 0.4, f"right {right:.2f}, favourite place {share:.2f}"


@LEDGER.measured(
    "With no examples in raw text, what goes to the letters is a small part of the probability, "
    "and most of it goes to one letter.",
    stands='*"The model said A with 85 %, so it believes A."* 85 % of the '
    "little that went to letters.",
    refuted_by="a fifth of the probability on letters, or a confidence below 0.6",
    variations={
        GROUPS[0]: {"change": {}, "group": 0},
        GROUPS[1]: {"change": {}, "group": 1},
        "another wording": {"change": {"wording": asking.WORDINGS[2]}, "group": 0},
        "another layout": {"change": {"layout": asking.LAYOUTS[1]}, "group": 0},
        "the list turned": {"change": {"turn": 1}, "group": 0},
    },
    quick=IN_NOTEBOOK,
)
def of_the_little_that_went_to_letters(change, group):
    scores = _by_letter(replace(BY_LETTER, **change), group)
    together, sure = _mean(scores.exp().sum(dim=-1)), _mean(scores.softmax(dim=-1).amax(dim=-1))
    return together < 0.2 and sure > 0.6, f"on letters {together:.2f}, of that on one {sure:.2f}"


@LEDGER.measured(
    "Averaged over four orders of the list, the preference is gone: confidence near a quarter, and "
    "right less than half of the time.",
    stands="Such a preference can be divided out; what was left was nearly calibrated and useless.",
    refuted_by="an accuracy of one half, a confidence above 0.45, or a gap whose interval "
    "excludes 0",
    variations={
        name: {"way": name}
        for name in ("raw text, 4 examples", "chat, 4 examples", "raw text, other words")
    }
    | {"chat, other examples": {"way": "chat, other examples"}},
    quick=IN_NOTEBOOK,
)
def divided_out_and_useless(way):
    orders = [_by_letter(replace(LETTERED[way], turn=turn), 0) for turn in range(4)]
    mean = torch.stack(orders).log_softmax(dim=-1).mean(dim=0)
    sure, right = cal.top_label(llm.choice_probs(mean), _labels(_few(0)))
    gap = cal.bootstrap_interval(cal.gap, sure, right)
    held = _mean(right) < 0.5 and _mean(sure) <= 0.45 and 0.0 in gap
    return held, f"right {_mean(right):.2f}, sure {_mean(sure):.2f}, gap {gap:.2f}"


# Names


@LEDGER.measured(
    "Divided by its length in tokens and in bytes, the same score gives less and less confidence.",
    stands="The length of the answer acts like a temperature: three units, three confidences.",
    refuted_by="two of the three confidences within 0.05 of each other, or in another order",
    variations={name: {"way": name} for name in NAMED},
    quick=IN_NOTEBOOK,
)
def length_is_a_temperature(way):
    questions, asked = _questions(), NAMED[way]
    options = [question.options for question in questions]
    prompts = asked.prompts([question.subject for question in questions], options)
    answers = llm.continuations(prompts, options)
    scores = [_asked(asked)] + [
        llm.length_normalised(
            _asked(asked), torch.stack(llm.answer_lengths(lm(), prompts, answers, unit=unit))
        )
        for unit in ("tokens", "bytes")
    ]
    sure = [_mean(llm.choice_probs(each).amax(dim=-1)) for each in scores]
    return sure[0] > sure[1] + 0.05 and sure[1] > sure[2] + 0.05, ", ".join(
        f"{value:.2f}" for value in sure
    )


def _nll(scores: Tensor, labels: Tensor) -> Tensor:
    return -llm.choice_probs(scores).log().gather(-1, labels.unsqueeze(-1)).squeeze(-1)


@LEDGER.measured(
    "Dividing by the prior lowers the NLL on average over the prompts, and 20 questions cannot "
    "exclude that it is chance; nor can 161 that the accuracy is.",
    stands=(
        "and these data cannot exclude that it is chance.*",
        "More are right, but 161 questions cannot tell that from chance.",
    ),
    refuted_by="an interval over questions and prompts that excludes 0",
    variations={name: draw for name, draw in DRAWS.items() if draw["group"] < 2},
    quick=IN_NOTEBOOK,
)
def a_prior_may_help(seed, group):
    scores = _crossed(seed, group)[0]
    rows, ways = _few(group), asking.crossed_ways(seed)
    asked = [_questions()[i] for i in rows]
    change = torch.stack(
        [
            _nll(scores[k] - asking.prior(lm(), way, asked), _labels(rows))
            - _nll(scores[k], _labels(rows))
            for k, way in enumerate(ways)
            if not way.listed
        ]
    )
    found = cal.crossed_mean(change).interval("both")
    return 0.0 in found, f"{found:.2f} nats"


@LEDGER.measured(
    "A temperature fitted on half of the questions lowers the NLL on the other half.",
    stands="A temperature fitted on 80 questions lowered the NLL in nearly all splits of the same "
    "task.",
    refuted_by="more than one split of ten in which the NLL rises",
    variations={
        name: {"way": name}
        for name in ("raw text, 4 examples", "chat, 4 examples", "other words", "other examples")
    },
    quick=IN_NOTEBOOK,
)
def a_temperature_helps_on_the_same_task(way):
    questions, scores = _questions(), _asked(NAMED[way])
    labels = _labels(list(range(len(questions))))
    place = {question.key: i for i, question in enumerate(questions)}
    fell = []
    for seed in range(60):
        fit, judge = (
            torch.tensor([place[question.key] for question in half])
            for half in split_questions(questions, fraction=0.5, seed=seed)
        )
        T = cal.TemperatureScaling().fit(scores[fit], labels[fit]).temperature_
        fell.append(
            _mean(_nll(scores[judge] / T, labels[judge]) - _nll(scores[judge], labels[judge])) < 0
        )
    share = sum(fell) / len(fell)
    return share >= 0.9, f"in {share:.2f} of 60 splits"


# Harder questions


@cache
def _plainly(name: str, chat: bool) -> tuple[Tensor, Tensor]:
    """Return scores and labels of a set asked with no list, no examples and no first words."""
    if name == "capitals":
        listed = [_questions()[i] for i in (*_few(0), *_few(1))]
    else:
        loaded = benchmarks.load(name, limit=80)
        width = max({len(q.options) for q in loaded}, key=[len(q.options) for q in loaded].count)
        listed = [question for question in loaded if len(question.options) == width][:40]
    asked = [question.question for question in listed]
    prompts = llm.chat_prompts(asked) if chat else llm.few_shot_prompts(asked)
    options = llm.continuations(prompts, [question.options for question in listed])
    scores = torch.stack(llm.score_choices(lm(), prompts, options))
    return scores, torch.tensor([question.correct for question in listed])


HARD = ("commonsense_qa", "arc_challenge", "medmcqa")
HARDER = {
    f"{name}, {form}": {"name": name, "chat": form == "chat"}
    for name in HARD
    for form in ("raw text", "chat")
}


@LEDGER.measured(
    "From capitals to a harder set, confidence falls less than half as much as accuracy, and the "
    "gap grows beyond chance.",
    stands="and neither does the confidence: the hard-easy effect.",
    refuted_by="a confidence that falls by half of what accuracy does, or a gap that may not "
    "have grown",
    variations=HARDER,
    quick=IN_NOTEBOOK,
)
def hard_and_easy(name, chat):
    outcomes = []
    for each in ("capitals", name):
        scores, labels = _plainly(each, chat)
        outcomes.append(cal.top_label(llm.choice_probs(scores), labels))
    falls = [_mean(outcomes[0][part]) - _mean(outcomes[1][part]) for part in (1, 0)]
    sure, hit = (torch.cat([each[part].double() for each in outcomes]) for part in (0, 1))
    is_hard = torch.arange(len(sure)) >= len(outcomes[0][0])
    growth = cal.bootstrap_interval(
        lambda s, h, hard: _mean((s - h)[hard]) - _mean((s - h)[~hard]), sure, hit, is_hard
    )
    held = falls[1] < falls[0] / 2 and growth.low > 0
    return held, f"accuracy falls {falls[0]:.2f}, confidence {falls[1]:.2f}; gap grows {growth:.2f}"


@LEDGER.measured(
    "The temperature of the capitals leaves the model too sure of harder questions.",
    stands=(
        "A temperature (one number) cannot know that the questions became harder.",
        "It does not know when the task becomes harder,",
        '*"Calibrated once, calibrated everywhere."* Calibrated on that task, asked in that way.',
    ),
    refuted_by="a gap on the harder set whose interval contains 0",
    variations=HARDER,
    quick=IN_NOTEBOOK,
)
def not_for_harder_ones(name, chat):
    temperature = cal.TemperatureScaling().fit(*_plainly("capitals", chat)).temperature_
    scores, labels = _plainly(name, chat)
    gap = cal.bootstrap_interval(
        cal.gap, *cal.top_label(llm.choice_probs(scores / temperature), labels)
    )
    return gap.low > 0, f"gap {gap:.2f} at the capitals' own temperature {temperature:.1f}"


# Countries that do not exist


@LEDGER.measured(
    "The sum that the softmax divides out tells real countries from invented ones, where the "
    "confidence among the options stays high.",
    stands="Only the sum that the softmax divides out could tell invented countries from real "
    "ones.",
    refuted_by="an AUROC of the sum of 0.7 or less, or a mean confidence on invented ones of 0.5",
    variations={
        **{
            name: {"way": name, "group": 0}
            for name in NAMED
            if name != "a sentence begins the reply"
        },
        GROUPS[1]: {"way": "raw text, 4 examples", "group": 1},
    },
    quick=IN_NOTEBOOK,
)
def only_the_sum_knows(way, group):
    rows = _few(group) + _few(2)
    real = [_questions()[i] for i in rows]
    names = invented_countries(len(real))
    invented = [replace(q, subject=name) for q, name in zip(real, names, strict=True)]
    known, unknown = (asking.ask(lm(), NAMED[way], each) for each in (real, invented))
    together = torch.cat([scores.exp().sum(dim=-1) for scores in (known, unknown)]).clamp(max=1)
    exists = torch.arange(2 * len(real)) < len(real)
    auroc, sure = cal.auroc(together, exists), _mean(llm.choice_probs(unknown).amax(dim=-1))
    return auroc > 0.7 and sure > 0.5, f"AUROC {auroc:.2f}; sure of invented ones {sure:.2f}"
