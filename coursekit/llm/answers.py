"""Answers in the model's own words: sampled, many to a question, with their log-probabilities.

Ten samples of one answer mostly begin alike: "Par", "Paris", "Paris.". Samples that agree so far
stand at the same node of a tree, where the law of the next token is the same; so each *node* goes
through the model once, however many samples stand on it, and a sure model costs little more for
ten answers than for one. Every sample still throws its own dart: the answers are independent draws
from the model, exactly as if each had been generated alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from coursekit._chance import throw_darts
from coursekit._checks import as_count, as_seed
from coursekit.llm._shared_work import Ids, NewNodes, Reader, read_prefix
from coursekit.llm._texts import as_prompts, encode, is_chat, marks_around
from coursekit.llm.pretrained import LanguageModel
from coursekit.llm.prompts import Prompt

# Nodes a tree may get if no two samples ever agree; mostly they are far fewer. More would cost more
# than it saves, since each new token looks at all of them.
NODES_PER_TREE = 2048


@dataclass(frozen=True)
class Answer:
    """One answer in the model's own words.

    Attributes:
        text: What it said, up to the stop, without space around it; may be empty.
        log_prob: log-probability of all its tokens, the stopping one included, in nats. It is the
            model's own, at temperature 1, whatever the answer was sampled with.
        n_tokens: How many tokens these are.
        finished: Whether it came to a stop; False where `max_new_tokens` cut it off.

    Example:
        >>> Answer("Lima", log_prob=-1.5, n_tokens=3, finished=True).log_prob_per_token
        -0.5
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
    prompts: Iterable[Prompt],
    n_samples: int,
    *,
    temperature: float = 1.0,
    stop: str = "\n",
    max_new_tokens: int = 24,
    seed: int = 0,
    numbers: Iterable[int] | None = None,
) -> list[list[Answer]]:
    r"""Let the model answer each prompt several times, independently.

    The darts of an answer depend on the seed, its prompt's number and its own number, so asking for
    more samples leaves the first ones as they are. Rounding differs between machines:
    where a dart falls within 1e-6 of a border, another one may see another word.

    Args:
        lm: The model to ask.
        prompts: The texts to continue, or conversations (`Chat`); best with a few answered examples
            in the form wanted.
        n_samples: Answers to each prompt.
        temperature: Divides the logits before sampling. 1 keeps the model's probabilities.
        stop: A character that ends the answer; so does every end-of-text token of the model.
        max_new_tokens: Where an answer is cut off if nothing stops it.
        seed: Another seed, other answers.
        numbers: One for each prompt; by default its place in the list. Prompts that are asked in
            several calls keep their answers if each keeps its number.

    Returns:
        For each prompt its `n_samples` answers.

    Raises:
        TypeError: If a prompt is no string, `prompts` is a single string, or a count no integer.
        ValueError: If a prompt is empty or does not fit into the model's context with its answer, a
            count is below 1, the temperature is not positive, `stop` is not one character, or the
            model's logits are NaN.

    Example:
        With `lm`, a tiny random model:

        >>> [answers] = sample_answers(lm, ["The capital of Peru is"], 3, max_new_tokens=4)
        >>> len(answers), all(answer.log_prob < 0 for answer in answers)
        (3, True)
    """
    n_samples = as_count(n_samples, "n_samples")
    max_new_tokens = as_count(max_new_tokens, "max_new_tokens")
    seed = as_seed(seed)
    if not 0 < temperature < float("inf"):
        raise ValueError(
            f"temperature must be a positive number, found {temperature}. For the most probable "
            "token at every step use greedy_answers."
        )
    prompts = _as_prompts(prompts)
    numbers = list(range(len(prompts)) if numbers is None else numbers)
    if len(numbers) != len(prompts):
        raise ValueError(
            f"numbers must hold one for each of the {len(prompts)} prompts, found {len(numbers)}."
        )
    numbers = [as_count(number, f"numbers[{i}]", least=0) for i, number in enumerate(numbers)]
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
    lm: LanguageModel, prompts: Iterable[Prompt], *, stop: str = "\n", max_new_tokens: int = 24
) -> list[Answer]:
    """Let the model answer each prompt with the most probable token at every step.

    Args:
        lm: The model to ask.
        prompts: The texts to continue, or conversations (`Chat`).
        stop: A character that ends the answer, as in `sample_answers`.
        max_new_tokens: Where an answer is cut off if nothing stops it.

    Raises:
        TypeError, ValueError: As `sample_answers`.

    Example:
        With `lm`, a tiny random model:

        >>> [answer] = greedy_answers(lm, ["The capital of Peru is"], max_new_tokens=4)
        >>> answer.n_tokens <= 4
        True
    """
    max_new_tokens = as_count(max_new_tokens, "max_new_tokens")
    prompts = _as_prompts(prompts)

    def choose(log_probs: Tensor, samples: Sequence[Sample], _: int) -> list[int]:
        return [int(log_probs.argmax())] * len(samples)

    return [only for [only] in _answers(lm, prompts, 1, choose, stop, max_new_tokens)]


Sample = tuple[int, int]  # the place of its prompt, and its number
# Tokens for the samples that stand on one node: (log-probabilities (V,), samples, step).
Choose = Callable[[Tensor, Sequence[Sample], int], list[int]]


@dataclass
class _Draft:
    """An answer in the making."""

    ids: list[int] = field(default_factory=list)
    log_prob: float = 0.0
    finished: bool = False


def _answers(
    lm: LanguageModel,
    prompts: Sequence[Prompt],
    n_samples: int,
    choose: Choose,
    stop: str,
    max_new_tokens: int,
) -> list[list[Answer]]:
    if not isinstance(stop, str) or len(stop) != 1:
        raise ValueError(f"stop must be one character, such as a new line, found {stop!r}.")
    contexts = encode(lm, prompts)
    if not contexts:
        return []
    longest = max(map(len, contexts)) + max_new_tokens
    _check_limit(lm, contexts, max_new_tokens)
    kinds = {kind: _Stops(lm, stop, kind) for kind in set(map(is_chat, prompts))}
    stops = [kinds[is_chat(prompt)] for prompt in prompts]
    prefix, trunk = read_prefix(lm, contexts, longest)
    drafts = {(i, j): _Draft() for i in range(len(contexts)) for j in range(n_samples)}
    rests = [context[len(prefix) :] for context in contexts]
    for places in _trees(rests, n_samples * max_new_tokens):
        nodes = NewNodes(len(prefix))
        # The samples that stand on each node.
        standing: dict[int, list[Sample]] = defaultdict(list)
        for place in places:
            standing[nodes.add(rests[place])[-1]] += [(place, j) for j in range(n_samples)]
        _grow(trunk.branch(), nodes, standing, drafts, choose, stops, max_new_tokens)
    return [
        [_finish(drafts[i, j], stops[i]) for j in range(n_samples)] for i in range(len(contexts))
    ]


def _trees(rests: Sequence[Ids], n_new: int) -> Iterator[list[int]]:
    """Cut the places of prompts, those that begin alike side by side, into trees of bounded size.

    Args:
        rests: What is to be read of each prompt.
        n_new: How many nodes the answers to one prompt may get.
    """
    places: list[int] = []
    size = 0
    for place in sorted(range(len(rests)), key=rests.__getitem__):
        n_nodes = len(rests[place]) + n_new
        if places and size + n_nodes > NODES_PER_TREE:
            yield places
            places, size = [], 0
        places.append(place)
        size += n_nodes
    yield places


def _grow(
    reader: Reader,
    nodes: NewNodes,
    standing: dict[int, list[Sample]],
    drafts: dict[Sample, _Draft],
    choose: Choose,
    stops: Sequence[_Stops],
    max_new_tokens: int,
) -> None:
    """Write the drafts of one tree, a token a step.

    `standing` says who stands on which node, `stops` what ends the answers to each prompt.
    """
    tokens, parents = nodes.tokens, nodes.parents
    n_read = nodes.n_prefix + len(nodes)
    for step in range(max_new_tokens):
        logits = reader.read(tokens, parents, list(standing)).cpu()

        branches = defaultdict(list)  # (node, token) -> the samples that take it
        for of_node, (node, samples) in zip(logits, standing.items(), strict=True):
            row = of_node.log_softmax(dim=-1)  # one by one, in the processor's cache
            for sample, token in zip(samples, choose(row, samples, step), strict=True):
                draft = drafts[sample]
                draft.ids.append(token)
                draft.log_prob += row[token].item()
                draft.finished = token in stops[sample[0]]
                if not draft.finished:
                    branches[node, token].append(sample)
        if not branches:
            return
        parents, tokens = ([pair[k] for pair in branches] for k in range(2))
        standing = dict(enumerate(branches.values(), n_read))
        n_read += len(standing)


class _Stops:
    """The tokens that end an answer: those with the stop in them, and every end of a text."""

    def __init__(self, lm: LanguageModel, stop: str, of_chats: bool) -> None:
        self.tokenizer, self.stop = lm.tokenizer, stop
        self.ends = marks_around(lm, is_chat=of_chats).ends
        self.known = dict.fromkeys(self.ends, True)

    def __contains__(self, token: int) -> bool:
        if token not in self.known:
            self.known[token] = self.stop in self.tokenizer.decode([token])
        return self.known[token]


def _finish(draft: _Draft, stops: _Stops) -> Answer:
    said = [token for token in draft.ids if token not in stops.ends]
    text = str(stops.tokenizer.decode(said, skip_special_tokens=True))
    return Answer(text.split(stops.stop)[0].strip(), draft.log_prob, len(draft.ids), draft.finished)


def _as_prompts(prompts: Iterable[Prompt]) -> list[Prompt]:
    prompts = as_prompts(prompts, "prompts")
    for i, prompt in enumerate(prompts):
        if not isinstance(prompt, str):  # a conversation was checked when it was made
            continue
        if prompt.isspace():
            raise ValueError(f"prompts[{i}] must have text to continue, found {prompt!r}.")
        if prompt[-1].isspace() and prompt[-1] != "\n":
            raise ValueError(
                f"prompts[{i}] must end in its last word, found a space at its end. The space "
                "belongs to the token of the next word: the model would have to answer from a text "
                "it never saw. Drop the space."
            )
    return prompts


def _check_limit(lm: LanguageModel, contexts: Sequence[Ids], max_new_tokens: int) -> None:
    limit = lm.context_limit
    for i, context in enumerate(contexts):
        if limit is not None and len(context) + max_new_tokens > limit:
            raise ValueError(
                f"prompts[{i}] with max_new_tokens = {max_new_tokens} must have at most the "
                f"{limit} tokens that the model reads at once, found {len(context)} + "
                f"{max_new_tokens}. Shorten one of them."
            )
