"""Notebook 18: a diary of the weather, and a GPT that forecasts and says how sure it is.

The diary has one word a day, in a season that nobody names. A question is four days; the true
probability of each weather on the fifth is known. There are 256 such questions, four answers and
ten levels of confidence: all expectations are sums.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from coursekit.data import HiddenMarkovLanguage
from coursekit.data.languages.laws import stationary_law
from coursekit.data.languages.weather import CLIMATE, SEASONS, WEATHERS
from coursekit.lm import GPT, GPTConfig, TrainingConfig, policy_divergence, train, train_policy
from coursekit.lm.training import History

DAYS = 4  #: of a question
N_WORDS = len(WEATHERS)
UNKNOWN = N_WORDS  #: the id of "unknown"
LEVELS = torch.arange(5, 100, 10) / 100  #: of confidence; their ids follow
VOCABULARY = (*WEATHERS, "unknown", *(f"{level:.0%}" for level in LEVELS.tolist()))
SHARE_UNKNOWN = 0.1  #: of the forecasts in the reading
#: Probability that the weather stays, by weather: sun and snow last, rain and wind pass.
LASTS = (0.8, 0.3, 0.0, 0.8)

#: What an answer of truth 1 or 0 brings that was given at a confidence.
Rule = Callable[[Tensor, Tensor], Tensor]


def short_diary(
    *, season_lasts: float = 0.95, lasts: Sequence[float] = LASTS
) -> HiddenMarkovLanguage:
    """Return the diary: a word a day, with the climate of the course's weather language.

    Args:
        season_lasts: Probability that the season stays for another day.
        lasts: Probability that each weather stays `(4,)`; otherwise the season's climate decides.

    Example:
        >>> diary = short_diary()
        >>> diary.tokenizer.decode(diary.sample(1, seed=0, length=5)[0])
        'snow snow rain sun sun'
    """
    stay = torch.eye(N_WORDS, dtype=torch.float64)
    climate = [[CLIMATE[s][w] / 100 for w in WEATHERS] for s in SEASONS]
    same = torch.tensor(lasts, dtype=torch.float64)[:, None]
    seasons = torch.eye(len(SEASONS), dtype=torch.float64)
    seasons = season_lasts * seasons + (1 - season_lasts) * seasons.roll(1, dims=1)
    # From (season, weather) to (season, weather): the new season decides what may follow.
    move = (1 - same) * torch.tensor(climate, dtype=torch.float64)[:, None] + same * stay
    transition = (seasons[:, None, :, None] * move.transpose(0, 1)[None]).flatten(2).flatten(0, 1)
    emission = stay.repeat(len(SEASONS), 1)
    return HiddenMarkovLanguage(WEATHERS, stationary_law(transition), transition, emission)


@dataclass(frozen=True)
class World:
    """A diary, and all questions of four days that can be asked about it.

    Attributes:
        diary: The language.
        practice: Which questions rewards are given for: a random half.

    Example:
        >>> world = World(short_diary(), torch.arange(128))
        >>> world.truth.shape, round(world.weights.sum().item(), 6)
        (torch.Size([256, 4]), 1.0)
    """

    diary: HiddenMarkovLanguage
    practice: Tensor

    @cached_property
    def questions(self) -> Tensor:
        """All that four days can be, `(256, 4)`."""
        return torch.tensor(list(itertools.product(range(N_WORDS), repeat=DAYS)))

    @cached_property
    def _laws(self) -> Tensor:
        return self.diary.next_token_probs(self.questions)

    @cached_property
    def truth(self) -> Tensor:
        """The true probability of each weather on the fifth day, `(256, 4)`."""
        return self._laws[:, -1].float()

    @cached_property
    def weights(self) -> Tensor:
        """How often each question comes, `(256,)`; the sum is 1."""
        later = self._laws[:, :-1].gather(2, self.questions[:, 1:, None])[..., 0]
        return (self.diary.first_token_probs[self.questions[:, 0]] * later.prod(dim=1)).float()

    @cached_property
    def examination(self) -> Tensor:
        """The other half of the questions."""
        rest = torch.ones(len(self.questions), dtype=torch.bool)
        rest[self.practice] = False
        return rest.nonzero()[:, 0]

    def read(self, n: int, *, seed: int) -> Tensor:
        """Draw what a forecaster reads: four days, the fifth as a forecast, and a confidence.

        The confidence is drawn by chance and means nothing, and one forecast in ten is "unknown".

        Returns:
            Token ids `(n, 6)`.
        """
        chance = torch.Generator().manual_seed(seed)
        days = self.diary.sample(n, seed=seed, length=DAYS + 1)
        days[torch.rand(n, generator=chance) < SHARE_UNKNOWN, DAYS] = UNKNOWN
        levels = torch.randint(len(LEVELS), (n, 1), generator=chance)
        return torch.cat([days, UNKNOWN + 1 + levels], dim=1)

    def rewards(self, rule: Rule, *, unknown: bool = False) -> Tensor:
        """Return what each answer brings at each confidence, on average over the weather to come.

        Args:
            rule: `rule(right, confidence)`, of tensors; right is 1 or 0.
            unknown: Allow "unknown" as a fifth answer, which brings 0.

        Returns:
            `(256, answers, 10)`.

        Example:
            >>> world = World(short_diary(), torch.arange(128))
            >>> brings = world.rewards(lambda right, confidence: right - (confidence - right) ** 2)
            >>> brings.shape
            torch.Size([256, 4, 10])
        """
        yes, no = torch.ones(1), torch.zeros(1)
        p = self.truth[..., None]
        table = (p * rule(yes, LEVELS) + (1 - p) * rule(no, LEVELS)).expand(-1, -1, len(LEVELS))
        if unknown:
            table = torch.cat([table, torch.zeros_like(table[:, :1])], dim=1)
        return table


def the_world(
    *, seed: int = 0, lasts: Sequence[float] = LASTS, season_lasts: float = 0.95
) -> World:
    """Return a world, half of whose questions are for practice.

    Args:
        seed: Which half.
        lasts: Probability that each weather stays `(4,)`.
        season_lasts: Probability that the season stays.

    Example:
        >>> len(the_world().examination)
        128
    """
    diary = short_diary(season_lasts=season_lasts, lasts=lasts)
    order = torch.randperm(N_WORDS**DAYS, generator=torch.Generator().manual_seed(seed))
    return World(diary, order[: len(order) // 2])


def pretrained(
    world: World, seed: int, *, readings: int = 8_000, steps: int = 250, width: int = 32
) -> GPT:
    """Train a GPT of one layer by maximum likelihood on the diary, with forecasts and confidences.

    Args:
        world: Where the reading comes from.
        seed: Of the first weights and of the reading.
        readings: How many there are.
        steps: Updates, of 32 readings each.
        width: Of the residual stream.
    """
    shape = GPTConfig(len(VOCABULARY), context=DAYS + 2, width=width, n_layers=1, n_heads=4)
    model = GPT(shape, torch.Generator().manual_seed(seed))
    reading = world.read(readings, seed=1_000 + seed)
    train(model, reading, TrainingConfig(steps, seed=seed), progress=False)
    return model


def log_policy(model: GPT, questions: Tensor, *, unknown: bool = False) -> Tensor:
    """Return what a model says: the log-probability of each answer at each confidence.

    Other words are left out, and the rest sums to 1: first the answer, then, given the answer, the
    confidence.

    Args:
        model: Who is asked.
        questions: Days `(N, 4)`.
        unknown: Let it say "unknown", too.

    Returns:
        `(N, answers, 10)`, in nats.
    """
    n, k = len(questions), N_WORDS + unknown
    said = torch.arange(k).repeat(n)[:, None]
    logits = model(torch.cat([questions.repeat_interleave(k, dim=0), said], dim=1))
    logits = logits.view(n, k, DAYS + 1, -1)
    answer = logits[:, 0, DAYS - 1, :k].log_softmax(dim=-1)
    confidence = logits[:, :, DAYS, UNKNOWN + 1 :].log_softmax(dim=-1)
    return answer[..., None] + confidence


@dataclass(frozen=True)
class Spoken:
    """What a policy says to each of N questions, and what is true.

    Attributes:
        answer_probs: Probability of each weather, `(N, 4)`, and of "unknown" where it may be said.
        stated: Probability of each level of confidence, given the weather that was named
            `(N, 4, 10)`.
        truth: `(N, 4)`.
        weights: How often each question comes `(N,)`; the sum is 1.

    Example:
        >>> law = torch.full((1, 4, 10), 1 / 40).log()
        >>> spoken = Spoken.of(law, torch.tensor([[0.7, 0.1, 0.1, 0.1]]), torch.ones(1))
        >>> round(spoken.stated_confidence.item(), 2), round(spoken.accuracy, 2)
        (0.5, 0.25)
    """

    answer_probs: Tensor
    stated: Tensor
    truth: Tensor
    weights: Tensor

    @classmethod
    def of(cls, says: Tensor, truth: Tensor, weights: Tensor) -> Spoken:
        """Read a table of log-probabilities `(N, answers, 10)`."""
        law = says.detach().exp()
        answer = law.sum(dim=-1)
        stated = law[:, :N_WORDS] / answer[:, :N_WORDS, None]
        return cls(answer, stated, truth, weights / weights.sum())

    def mean(self, values: Tensor) -> float:
        """Average over questions `(N,)`, as often as each comes."""
        return (self.weights * values).sum().item()

    @property
    def top(self) -> Tensor:
        """The most probable weather `(N, 1)`."""
        return self.answer_probs[:, :N_WORDS].argmax(dim=1, keepdim=True)

    @property
    def token_probability(self) -> Tensor:
        """How probable the most probable weather is to the model `(N,)`."""
        return self.answer_probs.gather(1, self.top)[:, 0]

    @property
    def stated_confidence(self) -> Tensor:
        """The confidence that it states in its most probable weather, on average `(N,)`."""
        return self._stated_of_top @ LEVELS

    @property
    def _stated_of_top(self) -> Tensor:
        return self.stated[torch.arange(len(self.stated)), self.top[:, 0]]

    @property
    def true_probability(self) -> Tensor:
        """How probable its most probable weather is `(N,)`."""
        return self.truth.gather(1, self.top)[:, 0]

    @property
    def accuracy(self) -> float:
        """How often an answer that is drawn from the policy is right."""
        return self.mean((self.answer_probs[:, :N_WORDS] * self.truth).sum(dim=1))

    @property
    def entropy(self) -> float:
        """Of the answer, in nats."""
        return self.mean(torch.special.entr(self.answer_probs).sum(dim=1))

    @property
    def silence(self) -> float:
        """How often it says "unknown"."""
        return self.mean(self.answer_probs[:, N_WORDS:].sum(dim=1))

    @property
    def constant_distance(self) -> float:
        """The least distance that one level, stated always, would have."""
        off = (LEVELS - self.true_probability[:, None]).abs()
        return (self.weights @ off).min().item()

    @property
    def token_distance(self) -> float:
        """Mean distance of the token probability from the true one."""
        return self.mean((self.token_probability - self.true_probability).abs())

    @property
    def stated_distance(self) -> float:
        """Mean distance of each level that it may state from the true probability."""
        off = (LEVELS - self.true_probability[:, None]).abs()
        return self.mean((self._stated_of_top * off).sum(dim=1))


def examined(world: World, model: GPT, *, unknown: bool = False) -> Spoken:
    """Ask a model the questions of the examination."""
    rows = world.examination
    with torch.no_grad():
        says = log_policy(model, world.questions[rows], unknown=unknown)
    return Spoken.of(says, world.truth[rows], world.weights[rows])


def practised(
    world: World,
    model: GPT,
    rule: Rule | Tensor,
    *,
    beta: float = 0.0,
    unknown: bool = False,
    steps: int = 100,
    learning_rate: float = 5e-3,
    watched: bool = False,
) -> tuple[GPT, History]:
    """Train a copy of a forecaster for its reward on the practice questions.

    Args:
        world: Whose questions.
        model: Where training begins; it stays as it is.
        rule: Of the reward, or the rewards themselves `(256, answers, 10)`.
        beta: Of the leash.
        unknown: Let it say "unknown", too.
        steps: Updates, each on all practice questions.
        learning_rate: Of AdamW.
        watched: Record every tenth step how it does in the examination.
    """
    rows, asked = world.practice, world.examination
    rewards = rule if isinstance(rule, Tensor) else world.rewards(rule, unknown=unknown)
    with torch.no_grad():
        before = log_policy(model, world.questions[asked], unknown=unknown)

    def evaluate(trained: GPT) -> Mapping[str, float]:
        says = log_policy(trained, world.questions[asked], unknown=unknown)
        spoken = Spoken.of(says, world.truth[asked], world.weights[asked])
        moved = policy_divergence(says, before, world.weights[asked])
        return {
            "accuracy": spoken.accuracy,
            "token probability": spoken.mean(spoken.token_probability),
            "token distance": spoken.token_distance,
            "stated confidence": spoken.mean(spoken.stated_confidence),
            "stated distance": spoken.stated_distance,
            "entropy": spoken.entropy,
            "divergence": moved.item(),
        }

    return train_policy(
        model,
        lambda trained: log_policy(trained, world.questions[rows], unknown=unknown),
        rewards[rows],
        weights=world.weights[rows],
        beta=beta,
        steps=steps,
        learning_rate=learning_rate,
        evaluate=evaluate if watched else None,
    )
