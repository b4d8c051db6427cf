"""Claims of notebook 14: thresholds, sets and risk control, on free answers of one real model."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from math import ceil

import torch
from scipy.stats import binom
from torch import Tensor

from coursekit import calibration as cal, data, llm
from docs.claims.ledger import IN_NOTEBOOK, Ledger
from docs.claims.subjects import lm

LEDGER = Ledger("knowing_when_to_be_silent")

# By definition

LEDGER.proved(
    "Conformal sets keep their promise on average over questions and splits; one split scatters.",
    stands=(
        "Conformal sets keep their promise on average over questions and splits",
        "My split covered 84 %, so the method failed.",
    ),
    proof="The number of covered test questions is beta-binomial.",
    test="tests/calibration/test_conformal.py::test_coverage_follows_its_exact_law",
)
LEDGER.proved(
    "Any model gets its coverage; what a bad one pays is the size of its sets.",
    stands="Conformal prediction makes a bad model good.",
    proof="The coverage of a model that is too sure, or too modest, is the one promised.",
    test="tests/calibration/test_conformal.py::test_a_miscalibrated_model_is_covered_as_well",
)
LEDGER.proved(
    "Where exchangeability is broken, coverage may be lost.",
    stands=(
        "It works for every group, since it needs no assumption.",
        "A 90 % set is right for nine in ten of my questions.",
    ),
    proof="Labels that are shifted in the test data alone are covered far less than promised.",
    test="tests/calibration/test_conformal.py::test_shifted_labels_lose_coverage",
)
LEDGER.proved(
    "Conformal risk control keeps the expected loss of a new exchangeable question.",
    stands="Conformal risk control keeps an expected loss of free answers",
    proof="In a small world in which each question in turn is the new one, the mean loss over all "
    "is at most alpha.",
    test="tests/calibration/test_risk_control.py::"
    "test_a_graded_loss_is_kept_over_all_orders_of_a_small_world",
)

# What is asked


@dataclass(frozen=True)
class World:
    """Free answers of the model about all countries but four, and scores of ten candidates."""

    confidence: Tensor  #: likelihood a token of the greedy answers (N,)
    right: Tensor  #: whether they are right (N,)
    probs: Tensor  #: of ten capitals of the continent (N, 10)
    labels: Tensor  #: which of these is right (N,)
    losses: Tensor  #: share of the samples that are wrong and said, by threshold (N, K)
    third: Tensor  #: of the inhabitants: 0 few, 2 many (N,)
    continent: Tensor  #: numbered by name (N,)


EXAMPLES = ("PL", "JP", "KE", "PE")


@cache
def world(shown: tuple[str, ...] = EXAMPLES, chat: bool = False) -> World:
    """Ask the model for all capitals after examples, in a chat or as raw text."""
    capitals = {question.key: question for question in data.capital_questions(n_options=10)}
    examples = [(capitals[code].question, capitals[code].answer) for code in shown]
    questions = [question for code, question in capitals.items() if code not in shown]
    asked = [question.question for question in questions]
    if chat:
        prompts = [llm.Chat(each, examples=tuple(examples)) for each in asked]
    else:
        prompts = llm.few_shot_prompts(asked, examples)
    answers = llm.greedy_answers(lm(), prompts, max_new_tokens=12)
    samples = llm.sample_answers(lm(), prompts, 5, max_new_tokens=12)
    before = "" if chat else " "
    options = [[before + option for option in question.options] for question in questions]
    sure = torch.tensor([[s.log_prob_per_token for s in each] for each in samples]).exp()
    wrong = torch.tensor(
        [[not data.matches(s.text, q) for s in d] for d, q in zip(samples, questions, strict=True)]
    )
    said = sure[:, :, None] >= THRESHOLDS
    people = torch.tensor([question.population for question in questions]).double()
    names = sorted({question.group for question in questions})
    return World(
        confidence=torch.tensor([answer.log_prob_per_token for answer in answers]).exp(),
        right=torch.tensor(
            [data.matches(a.text, q) for a, q in zip(answers, questions, strict=True)]
        ),
        probs=torch.stack(llm.score_choices(lm(), prompts, options)).softmax(dim=1),
        labels=torch.tensor([question.correct for question in questions]),
        losses=(said & wrong[:, :, None]).double().mean(dim=1),
        third=torch.bucketize(people, people.quantile(torch.tensor([1 / 3, 2 / 3]).double())),
        continent=torch.tensor([names.index(question.group) for question in questions]),
    )


THRESHOLDS = torch.cat([torch.arange(101) / 100, torch.tensor([2.0])])
WORLDS = {
    "as in the notebook": {},
    "other examples": {"shown": ("FR", "IN", "EG", "CO")},
    "in a chat": {"chat": True},
}
SPLITS = {"other splits": {"first": 1000}, "still other splits": {"first": 2000}}


def _mean(values: Tensor) -> float:
    return values.double().mean().item()


def _halves(n: int, seed: int) -> tuple[Tensor, Tensor]:
    order = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
    return order[: n // 2], order[n // 2 :]


def _sets(asked: World, fit: Tensor, use: Tensor, group: Tensor) -> Tensor:
    """Return sets (m, 10) of 90 %, with a quantile for each group."""
    sets = torch.ones(len(use), 10, dtype=torch.bool)
    for g in group.unique():
        mine, theirs = fit[group[fit] == g], group[use] == g
        scores, k = 1 - asked.probs[mine, asked.labels[mine]], ceil(0.9 * (len(mine) + 1))
        if k <= len(mine):
            sets[theirs] = 1 - asked.probs[use[theirs]] <= scores.sort().values[k - 1]
    return sets


def _held(asked: World, sets: Tensor, use: Tensor) -> Tensor:
    return sets.gather(1, asked.labels[use, None])[:, 0].double()


def _over_splits(asked: World, group: Tensor, first: int) -> tuple[Tensor, Tensor]:
    """Return coverage and size of the set of each country, on average over 200 splits (N,)."""
    held = torch.full((200, len(group)), torch.nan, dtype=torch.double)
    sizes = held.clone()
    for row in range(200):
        fit, use = _halves(len(group), first + row)
        sets = _sets(asked, fit, use, group)
        held[row, use], sizes[row, use] = _held(asked, sets, use), sets.sum(1).double()
    return held.nanmean(dim=0), sizes.nanmean(dim=0)


# Thresholds


@LEDGER.measured(
    "When the surer half is answered, its risk is lower than that of all, and some of the surest "
    "fifth are wrong.",
    stands=(
        "Silence below a threshold lowers the share of errors",
        "Abstention cures what the model does not know",
    ),
    refuted_by="a risk at half coverage above nine tenths of that at full coverage, or no error "
    "among the surest fifth",
    variations=WORLDS,
    quick=IN_NOTEBOOK,
    was="halves the errors, without a word on how the model is asked (in a chat by a ninth)",
)
def fewer_errors(**of_world: object) -> tuple[bool, str]:
    asked = world(**of_world)
    fifth, half, whole = (
        1 - cal.selective_accuracy(asked.confidence, asked.right, share) for share in (0.2, 0.5, 1)
    )
    held = half < 0.9 * whole and fifth > 0
    return held, f"risk {fifth:.2f} of a fifth, {half:.2f} of half, {whole:.2f} of all"


def _hoped(confidence: Tensor, right: Tensor, limit: float) -> float:
    curve = cal.risk_coverage_curve(confidence, right)
    kept = curve.threshold[curve.risk <= limit]
    return kept[-1].item() if len(kept) else 2.0


def _promised(confidence: Tensor, right: Tensor, limit: float) -> float:
    lowest = 2.0
    for step in range(16, -1, -1):
        said = confidence >= step / 20
        if binom.cdf((said & ~right).sum().item(), said.sum().item(), limit) > 0.1:
            break
        lowest = step / 20
    return lowest


@LEDGER.measured(
    "A threshold that kept the limit breaks it in the world more often than one time in ten; a "
    "tested one does not, and answers less.",
    stands=(
        "A threshold that kept its limit on the calibration questions is a hope",
        "The chance to end with a broken limit is then at most 10 %",
    ),
    refuted_by="a hope broken in less than a tenth of 500 draws, a promise broken in more, or one "
    "that answers more than the hope",
    variations=WORLDS
    | {"limit 0.2": {"limit": 0.2}, "limit 0.4": {"limit": 0.4}, "40 questions": {"n": 40}}
    | {"seed 1": {"seed": 1}},
    quick=IN_NOTEBOOK,
)
def hope_and_promise(
    limit: float = 0.3, n: int = 78, seed: int = 0, **of_world: object
) -> tuple[bool, str]:
    asked = world(**of_world)
    generator = torch.Generator().manual_seed(seed)
    broken, answered = torch.zeros(2, 500), torch.zeros(2, 500)
    for draw, rows in enumerate(torch.randint(len(asked.right), (500, n), generator=generator)):
        for rule, choose in enumerate((_hoped, _promised)):
            said = asked.confidence >= choose(asked.confidence[rows], asked.right[rows], limit)
            broken[rule, draw] = (said & ~asked.right).sum() > limit * said.sum()
            answered[rule, draw] = _mean(said)
    (hope, promise), (much, less) = broken.mean(dim=1).tolist(), answered.mean(dim=1).tolist()
    return hope > 0.1 >= promise and less < much, (
        f"hope broken in {hope:.2f}, answers {much:.2f}; promise in {promise:.2f}, {less:.2f}"
    )


# Sets


@LEDGER.measured(
    "One quantile for all covers populous countries more often than small ones.",
    stands=("and for no group in particular", "the countries are not treated alike"),
    refuted_by="a difference of coverage whose interval reaches zero",
    variations=WORLDS | SPLITS,
    quick=IN_NOTEBOOK,
)
def not_alike(first: int = 0, **of_world: object) -> tuple[bool, str]:
    asked = world(**of_world)
    held, _ = _over_splits(asked, torch.zeros_like(asked.third), first)
    found = cal.bootstrap_interval(
        lambda h, t: _mean(h[t == 2]) - _mean(h[t == 0]), held, asked.third
    )
    return found.low > 0, f"many minus few inhabitants {found:.2f}"


@LEDGER.measured(
    "A quantile a group keeps the promise for each third, with larger sets for small countries and "
    "everything in the sets of a continent with fewer than nine calibration questions.",
    stands="A quantile a group keeps it for each group that you named",
    refuted_by="a third covered less than 0.88 of the time, sets of small countries no larger than "
    "those of populous ones, or a set of the smallest continent without one of the ten",
    variations=WORLDS | SPLITS,
    quick=IN_NOTEBOOK,
)
def a_quantile_a_group(first: int = 0, **of_world: object) -> tuple[bool, str]:
    asked = world(**of_world)
    held, sizes = _over_splits(asked, asked.third, first)
    covered = [_mean(held[asked.third == t]) for t in range(3)]
    few, many = (_mean(sizes[asked.third == t]) for t in (0, 2))
    smallest = asked.continent.bincount().argmin()
    everything = _mean(_over_splits(asked, asked.continent, first)[1][asked.continent == smallest])
    return min(covered) >= 0.88 and few > many and everything > 9.5, (
        f"lowest coverage {min(covered):.2f}, sizes {few:.1f} and {many:.1f}; "
        f"smallest continent {everything:.1f}"
    )


# Free answers


def _uncorrected(losses: Tensor, limit: float) -> float:
    return THRESHOLDS[(losses.mean(dim=0) <= limit).nonzero()[0, 0]].item()


def _controlled(losses: Tensor, limit: float) -> float:
    return cal.conformal_risk_threshold(losses, THRESHOLDS, limit)


@LEDGER.measured(
    "With ten calibration questions the mean loss alone leads above the limit; with the new "
    "question counted at its worst it stays below.",
    stands="what makes it a promise is to count the new question, at its worst",
    refuted_by="an expected loss over 1,000 draws of ten that is not above the limit without the "
    "correction, or above it with it",
    variations=WORLDS | {"limit 0.2": {"limit": 0.2}, "limit 0.15": {"limit": 0.15}},
    quick=IN_NOTEBOOK,
)
def the_new_question(limit: float = 0.1, **of_world: object) -> tuple[bool, str]:
    losses = world(**of_world).losses
    generator, lost = torch.Generator().manual_seed(0), torch.zeros(2, 1000)
    for draw in range(1000):
        order = torch.randperm(len(losses), generator=generator)
        for rule, choose in enumerate((_uncorrected, _controlled)):
            column = choose(losses[order[:10]], limit) == THRESHOLDS
            lost[rule, draw] = _mean(losses[order[10:]][:, column])
    without, kept = lost.mean(dim=1).tolist()
    return without > limit >= kept, f"limit {limit}: {without:.3f} without, {kept:.3f} with"


@LEDGER.measured(
    "Risk control keeps its limit on average; more than one calibration set in ten leads above it.",
    stands=(
        "It is a promise about the average: some calibration sets lead above it",
        "Risk control keeps the limit with the data I have.",
    ),
    refuted_by="a mean of the true loss above the limit over 1,000 calibration sets, or fewer than "
    "one in ten above it",
    variations=WORLDS
    | {"limit 0.2": {"limit": 0.2}, "40 questions": {"n": 40}, "seed 1": {"seed": 1}},
    quick=IN_NOTEBOOK,
)
def single_sets(
    limit: float = 0.1, n: int = 78, seed: int = 0, **of_world: object
) -> tuple[bool, str]:
    losses = world(**of_world).losses
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randint(len(losses), (1000, n), generator=generator)
    chosen = torch.tensor([_controlled(losses[rows], limit) for rows in drawn])
    lost = losses.mean(dim=0)[(chosen[:, None] == THRESHOLDS).int().argmax(dim=1)]
    above, mean = _mean(lost > limit), _mean(lost)
    return mean <= limit and above > 0.1, f"limit {limit}: mean {mean:.3f}, {above:.2f} above it"


@LEDGER.measured(
    "Sets calibrated on Europe hold the truth elsewhere less often than promised.",
    stands="Data of another kind break these promises",
    refuted_by="a coverage elsewhere of 0.9 or more",
    variations=WORLDS,
    quick=IN_NOTEBOOK,
)
def from_europe(**of_world: object) -> tuple[bool, str]:
    asked = world(**of_world)
    inside = asked.continent == EUROPE
    fit, use = inside.nonzero()[:, 0], (~inside).nonzero()[:, 0]
    covered = _mean(_held(asked, _sets(asked, fit, use, torch.zeros_like(asked.third)), use))
    column = _controlled(asked.losses[fit], 0.1) == THRESHOLDS
    harm = _mean(asked.losses[use][:, column])
    return covered < 0.9, f"coverage {covered:.2f}; risk control's loss {harm:.2f}, limit 0.10"


#: Africa, Asia, Europe, North America, Oceania, South America.
EUROPE = 2

LEDGER.withdrawn(
    "A threshold with an upper bound, from the 20 surest answers down, keeps its limit.",
    found="Its steps were the confidences of the calibration data, not fixed beforehand; it was "
    "judged by the observed risk of small test halves. The steps are fixed now, and the true risk "
    "is looked up in a world that is known.",
)
