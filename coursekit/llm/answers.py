"""Answers in the model's own words: sampled, many to a question, with their log-probabilities.

Ten samples of one answer mostly begin alike: "Par", "Paris", "Paris.". Samples that agree so far
stand at the same place in a tree, where the law of the next token is the same; so each *place* goes
through the model once, however many samples stand on it, and a sure model costs little more for
ten answers than for one. Every sample still throws its own dart: the answers are independent draws
from the model, exactly as if each had been generated alone.
"""

from __future__ import annotations

import operator
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor
from transformers import Cache, PreTrainedTokenizerBase

from coursekit._chance import throw_darts
from coursekit.llm._shared_work import Ids, batches, rows_of, shared_prefix
from coursekit.llm.pretrained import LanguageModel

# Tokens whose keys and values a batch may hold if no two samples ever agree; mostly it is far less.
TOKENS_PER_BATCH = 16_384


@dataclass(frozen=True)
class Answer:
    """One answer in the model's own words.

    Attributes:
        text: What it said, up to the stop, without space around it; may be empty.
        log_prob: log-probability of all its tokens, the stopping one included, in nats. It is the
            model's own, at temperature 1, whatever the answer was sampled with.
        n_tokens: How many tokens these are.
        finished: Whether it came to a stop; False where `max_new_tokens` cut it off.
    """

    text: str
    log_prob: float
    n_tokens: int
    finished: bool

    @property
    def log_prob_per_token(self) -> float:
        """Length-normalised log-probability, in nats a token."""
        return self.log_prob / self.n_tokens


@torch.inference_mode()
def sample_answers(
    lm: LanguageModel,
    prompts: Sequence[str],
    n_samples: int,
    *,
    temperature: float = 1.0,
    stop: str = "\n",
    max_new_tokens: int = 24,
    seed: int = 0,
    numbers: Sequence[int] | None = None,
) -> list[list[Answer]]:
    r"""Let the model answer each prompt several times, independently.

    The darts of an answer depend on the seed, its prompt's number and its own number, so asking for
    more samples leaves the first ones as they are. Rounding differs between machines:
    where a dart falls within 1e-6 of a border, another one may see another word.

    Args:
        lm: The model to ask.
        prompts: The texts to continue; best with a few answered examples in the form wanted.
        n_samples: Answers to each prompt.
        temperature: Divides the logits before sampling. 1 keeps the model's probabilities.
        stop: A character that ends the answer; so does the model's end-of-text token.
        max_new_tokens: Where an answer is cut off if nothing stops it.
        seed: Another seed, other answers.
        numbers: One for each prompt; by default its place in the list. Prompts that are asked in
            several calls keep their answers if each keeps its number.

    Returns:
        For each prompt its `n_samples` answers.

    Raises:
        TypeError: If a prompt is no string, `prompts` is a single string, or a count no integer.
        ValueError: If a prompt is empty or does not fit into the model's context with its answer, a
            count is below 1, the temperature is not positive, or `stop` is not one character.
    """
    n_samples = _as_count(n_samples, "n_samples")
    max_new_tokens = _as_count(max_new_tokens, "max_new_tokens")
    if not 0 < temperature < float("inf"):
        raise ValueError(
            f"temperature must be a positive number, found {temperature}. For the most probable "
            "token at every step use greedy_answers."
        )
    if operator.index(seed) < 0:
        raise ValueError(f"seed must not be negative, found {seed}.")
    numbers = range(len(prompts)) if numbers is None else numbers
    if len(numbers) != len(prompts) or any(operator.index(number) < 0 for number in numbers):
        raise ValueError(
            f"numbers must hold one for each of the {len(prompts)} prompts, none negative; "
            f"found {list(numbers)}."
        )
    # A stream for each sample, so that the first ones stay when more are asked for.
    darts = {
        (i, j): np.random.default_rng([seed, number, j]).random(max_new_tokens)
        for i, number in enumerate(numbers)
        for j in range(n_samples)
    }

    def choose(log_probs: Tensor, samples: Sequence[Sample], step: int) -> list[int]:
        law = (log_probs.double() / temperature).softmax(dim=-1)
        thrown = torch.tensor([darts[sample][step] for sample in samples], dtype=law.dtype)
        return throw_darts(law, thrown).tolist()

    return _answers(lm, prompts, n_samples, choose, stop, max_new_tokens)


@torch.inference_mode()
def greedy_answers(
    lm: LanguageModel, prompts: Sequence[str], *, stop: str = "\n", max_new_tokens: int = 24
) -> list[Answer]:
    """Let the model answer each prompt with the most probable token at every step.

    Args:
        lm: The model to ask.
        prompts: The texts to continue.
        stop: A character that ends the answer, as in `sample_answers`.
        max_new_tokens: Where an answer is cut off if nothing stops it.

    Raises:
        TypeError, ValueError: As `sample_answers`.
    """
    max_new_tokens = _as_count(max_new_tokens, "max_new_tokens")

    def choose(log_probs: Tensor, samples: Sequence[Sample], _: int) -> list[int]:
        return [int(log_probs.argmax())] * len(samples)

    return [only for [only] in _answers(lm, prompts, 1, choose, stop, max_new_tokens)]


Sample = tuple[int, int]  # the place of its prompt, and its number
# Tokens for the samples that stand at one place: (log-probabilities (V,), samples, step).
Choose = Callable[[Tensor, Sequence[Sample], int], list[int]]


@dataclass
class _Draft:
    """An answer in the making."""

    ids: list[int] = field(default_factory=list)
    log_prob: float = 0.0
    finished: bool = False


def _answers(
    lm: LanguageModel,
    prompts: Sequence[str],
    n_samples: int,
    choose: Choose,
    stop: str,
    max_new_tokens: int,
) -> list[list[Answer]]:
    if not isinstance(stop, str) or len(stop) != 1:
        raise ValueError(f"stop must be one character, such as a new line, found {stop!r}.")
    contexts = _tokenize(lm, prompts, max_new_tokens)
    if not contexts:
        return []
    stops = _Stops(lm.tokenizer, stop)
    prefix, prefix_cache = shared_prefix(lm, set(contexts))
    drafts = {(i, j): _Draft() for i in range(len(contexts)) for j in range(n_samples)}

    by_length = defaultdict(list)
    for place, context in enumerate(contexts):
        by_length[len(context)].append(place)
    for length, places in by_length.items():
        # Rows of one length need no padding, hence no attention mask: right for any causal model.
        at_once = max(1, TOKENS_PER_BATCH // ((length + max_new_tokens) * n_samples))
        for batch in batches(places, at_once):
            rests = [contexts[place][len(prefix) :] for place in batch]
            samples = [[(place, j) for j in range(n_samples)] for place in batch]
            copies = torch.zeros(len(batch), dtype=torch.long, device=lm.device)  # of the only row
            cache = rows_of(prefix_cache, copies)
            _grow(lm, rests, cache, samples, drafts, choose, stops, max_new_tokens)
    return [
        [_finish(lm, drafts[i, j], stop) for j in range(n_samples)] for i in range(len(contexts))
    ]


def _grow(
    lm: LanguageModel,
    inputs: Sequence[Sequence[int]],
    cache: Cache | None,
    standing: list[list[Sample]],
    drafts: dict[Sample, _Draft],
    choose: Choose,
    stops: _Stops,
    max_new_tokens: int,
) -> None:
    """Write the drafts of one batch: row r is a place of the tree, where `standing[r]` stand."""
    for step in range(max_new_tokens):
        ids = torch.tensor(inputs, device=lm.device)
        output = lm.model(ids, past_key_values=cache, use_cache=True, logits_to_keep=1)
        log_probs = output.logits[:, -1].float().log_softmax(dim=-1).cpu()

        branches = defaultdict(list)  # (row, token) -> the samples that take it
        for row, samples in enumerate(standing):
            for sample, token in zip(samples, choose(log_probs[row], samples, step), strict=True):
                draft = drafts[sample]
                draft.ids.append(token)
                draft.log_prob += log_probs[row, token].item()
                draft.finished = token in stops
                if not draft.finished:
                    branches[row, token].append(sample)
        if not branches:
            return
        standing = list(branches.values())
        inputs = [[token] for _, token in branches]
        rows = torch.tensor([row for row, _ in branches], device=lm.device)
        cache = rows_of(output.past_key_values, rows)


class _Stops:
    """The tokens that end an answer: those with the stop in them, and the end of the text."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, stop: str) -> None:
        self.tokenizer, self.stop = tokenizer, stop
        self.known = {tokenizer.eos_token_id: True}

    def __contains__(self, token: int) -> bool:
        if token not in self.known:
            self.known[token] = self.stop in self.tokenizer.decode([token])
        return self.known[token]


def _finish(lm: LanguageModel, draft: _Draft, stop: str) -> Answer:
    text = lm.tokenizer.decode(draft.ids, skip_special_tokens=True).split(stop)[0].strip()
    return Answer(text, draft.log_prob, len(draft.ids), draft.finished)


def _tokenize(lm: LanguageModel, prompts: Sequence[str], max_new_tokens: int) -> list[Ids]:
    if isinstance(prompts, str):
        raise TypeError("prompts must be a list of strings, found one string: write [prompt].")
    for i, prompt in enumerate(prompts):
        if not isinstance(prompt, str):
            raise TypeError(f"prompts[{i}] must be a string, found {type(prompt).__name__}.")
        if not prompt.strip():
            raise ValueError(f"prompts[{i}] = {prompt!r} says nothing: give a text to continue.")
        if prompt[-1].isspace() and prompt[-1] != "\n":
            raise ValueError(
                f"prompts[{i}] ends in a space, but the space belongs to the token of the next "
                "word: the model would have to answer from a text it never saw. Drop the space."
            )
    if not prompts:
        return []
    contexts = [tuple(ids) for ids in lm.tokenizer(list(prompts)).input_ids]
    limit = lm.context_limit
    for i, context in enumerate(contexts):
        if limit is not None and len(context) + max_new_tokens > limit:
            raise ValueError(
                f"prompts[{i}] has {len(context)} tokens; with max_new_tokens = {max_new_tokens} "
                f"that is more than the {limit} the model reads at once. Shorten one of them."
            )
    return contexts


def _as_count(value: int, name: str) -> int:
    try:
        count = operator.index(value)
    except TypeError as error:
        raise TypeError(f"{name} must be a whole number, found {value!r}") from error
    if count < 1:
        raise ValueError(f"{name} must be at least 1, found {count}")
    return count
