"""Log-probability of candidate answers: ask a model by looking, not by listening.

The probability a model gives to an answer a_1 .. a_n after a prompt is the product of
P(a_i | prompt, a_1 .. a_{i-1}); its logarithm is a sum. Many answers share a prompt and many
prompts share their beginning, so all texts are read as one tree, each shared piece once; and logits
are computed only at the nodes where a probability is read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import torch
from torch import Tensor

from coursekit.llm._shared_work import (
    Ids,
    NewNodes,
    Reader,
    log_probs_at,
    n_shared,
    read_prefix,
)
from coursekit.llm._texts import as_prompts, as_texts, encode
from coursekit.llm.pretrained import LanguageModel
from coursekit.llm.prompts import Prompt

# Tokens read at once. More would do no better on a CPU: what a token costs falls until about 200,
# and rises with the square of the number, since each looks at all others. Each may ask for a row of
# logits; 512 x 49,152 float32 is 100 MB.
NODES_AT_A_TIME = 512


@dataclass(frozen=True)
class Candidate:
    """One answer to be scored: where it stands in the result, what it follows, its tokens."""

    place: tuple[int, int]
    context: Ids
    answer: Ids


@torch.inference_mode()
def score_choices(
    lm: LanguageModel, prompts: Iterable[Prompt], choices: Iterable[Iterable[str]]
) -> list[Tensor]:
    """Return the log-probability of every candidate continuation, given its prompt.

    Prompt and choice are tokenised *together*, as the model would have read them, after what the
    tokenizer puts before a text (BOS). Where the border falls inside a token (a prompt that ends in
    a space, or in half a word), that token belongs to the answer, and the context ends before it,
    for all choices of the prompt alike: they are given the same condition.

    The event scored is that the text goes on with these tokens, *whatever follows*: " New" also
    counts every text that begins with " New York". Choices of which one begins another do not
    exclude each other; add what ends an answer, such as a new line, to tell them apart
    (`score_spellings` insists on it). Two equal choices get the same score.

    Args:
        lm: The model to ask.
        prompts: The texts to continue, or conversations (`Chat`).
        choices: For each prompt its candidate continuations, usually starting with a space, but not
            where a reply is yet to begin (`continuations` knows).

    Returns:
        For each prompt a float32 tensor `(n_choices,)` on the CPU: the summed log-probability of
        each choice's tokens, in nats. These are not normalised over the choices.

    Raises:
        TypeError: If a prompt or a choice is not a string, or `prompts` is a single string.
        ValueError: If the lengths differ, a prompt is empty, a choice is empty or all whitespace, a
            prompt has no choice, prompt and choice do not fit into the model's context, or the
            model's logits are NaN.

    Example:
        With `lm`, a tiny random model:

        >>> [scores] = score_choices(lm, ["The capital of Peru is"], [[" Lima", " Quito"]])
        >>> scores.shape, bool((scores < 0).all())
        (torch.Size([2]), True)
    """
    candidates = tokenize_candidates(lm, prompts, choices)
    if not candidates:
        return []
    scores: list[list[float]] = []
    for candidate in candidates:
        if candidate.place[1] == 0:
            scores.append([])
        scores[-1].append(0.0)
    # In the order of their tokens, texts that begin alike are neighbours.
    candidates.sort(key=lambda c: c.context + c.answer)
    longest = max(len(c.context) + len(c.answer) for c in candidates) - 1
    prefix, trunk = read_prefix(lm, [c.context for c in candidates], longest)
    for batch, nodes in _trees(candidates, len(prefix)):
        found = _read(trunk.branch(), batch, nodes, len(prefix))
        for candidate, score in zip(batch, found, strict=True):
            i, j = candidate.place
            scores[i][j] = score
    return [torch.tensor(of_one) for of_one in scores]


def answer_lengths(
    lm: LanguageModel, prompts: Iterable[Prompt], choices: Iterable[Iterable[str]], unit: str
) -> list[Tensor]:
    """Return how long every candidate continuation is, to divide its score by.

    Args:
        lm: The model whose tokens are counted.
        prompts: As in `score_choices`.
        choices: As in `score_choices`.
        unit: "tokens", those that `score_choices` adds up, or "bytes", of the UTF-8 text without
            space around it. Tokens depend on the tokenizer, bytes do not.

    Returns:
        For each prompt an integer tensor `(n_choices,)`.

    Raises:
        TypeError, ValueError: As `score_choices`, or an unknown unit.

    Example:
        With `lm`, a tiny model whose tokens are bytes:

        >>> answer_lengths(lm, ["The capital of Peru is"], [[" Lima", " Quito"]], "bytes")
        [tensor([4, 5])]
        >>> answer_lengths(lm, ["The capital of Peru is"], [[" Lima", " Quito"]], "tokens")
        [tensor([5, 6])]
    """
    if unit not in ("tokens", "bytes"):
        raise ValueError(f'unit must be "tokens" or "bytes", found {unit!r}.')
    prompts, choices = _as_lists(prompts, choices)
    if unit == "bytes":
        return [
            torch.tensor([len(text.strip().encode()) for text in options]) for options in choices
        ]
    lengths = [torch.zeros(len(options), dtype=torch.long) for options in choices]
    for candidate in tokenize_candidates(lm, prompts, choices):
        i, j = candidate.place
        lengths[i][j] = len(candidate.answer)
    return lengths


def _trees(
    candidates: Iterable[Candidate], n_prefix: int
) -> Iterator[tuple[list[Candidate], NewNodes]]:
    """Cut sorted candidates into trees of at most `NODES_AT_A_TIME` nodes below the prefix."""
    batch: list[Candidate] = []
    nodes = NewNodes(n_prefix)
    for candidate in candidates:
        read = _read_of(candidate, n_prefix)
        if batch and len(nodes) + nodes.n_missing(read) > NODES_AT_A_TIME:
            yield batch, nodes
            batch, nodes = [], NewNodes(n_prefix)
        nodes.add(read)
        batch.append(candidate)
    yield batch, nodes


def _read(
    reader: Reader, batch: Sequence[Candidate], nodes: NewNodes, n_prefix: int
) -> list[float]:
    """Return the score of every candidate of one tree."""
    # Each token of an answer is read off the node before it; the last token is read off only.
    before = [nodes.add(_read_of(c, n_prefix))[-len(c.answer) :] for c in batch]
    wanted = sorted({node for of_one in before for node in of_one})
    row_of = {node: row for row, node in enumerate(wanted)}
    logits = reader.read(nodes.tokens, nodes.parents, wanted)
    rows = torch.tensor([row_of[node] for of_one in before for node in of_one])
    tokens = torch.tensor([token for c in batch for token in c.answer])
    log_probs = log_probs_at(logits, rows.to(logits.device), tokens.to(logits.device))
    return [part.sum().item() for part in log_probs.cpu().split([len(c.answer) for c in batch])]


def _read_of(candidate: Candidate, n_prefix: int) -> Ids:
    """Return what has to be read of a candidate below the prefix."""
    return candidate.context[n_prefix:] + candidate.answer[:-1]


def tokenize_candidates(
    lm: LanguageModel, prompts: Iterable[Prompt], choices: Iterable[Iterable[str]]
) -> list[Candidate]:
    """Check the input and split every prompt + choice into context and answer tokens."""
    prompts, choices = _as_lists(prompts, choices)
    repeated = [prompt for prompt, listed in zip(prompts, choices, strict=True) for _ in listed]
    prompt_ids = encode(lm, prompts)
    joined_ids = iter(encode(lm, repeated, [choice for listed in choices for choice in listed]))
    candidates = []
    for i, options in enumerate(choices):
        texts = list(islice(joined_ids, len(options)))
        borders = [n_shared([prompt_ids[i], ids]) for ids in texts]
        for j, (ids, border) in enumerate(zip(texts, borders, strict=True)):
            _check_border(lm, prompts[i], options[j], ids, border, (i, j))
        # One condition for all: a token that one choice merges with is an answer's for the others.
        border = min(borders)
        candidates += [Candidate((i, j), ids[:border], ids[border:]) for j, ids in enumerate(texts)]
    return candidates


def _check_border(
    lm: LanguageModel, prompt: Prompt, choice: str, ids: Ids, border: int, place: tuple[int, int]
) -> None:
    """Refuse a choice that leaves nothing to read, adds nothing, or does not fit."""
    i, j = place
    if border == 0:
        raise ValueError(
            f"prompts[{i}] must keep a token of its own, found that {prompt!r} merges into one "
            f"token with choices[{i}][{j}] = {choice!r}: nothing is left to condition on. Make the "
            "prompt longer, or put a space before the choice."
        )
    if border == len(ids):
        raise ValueError(
            f"choices[{i}][{j}] must add a token to its prompt, found {choice!r}, which this "
            "tokenizer drops. Give an answer that has text in it."
        )
    limit = lm.context_limit
    if limit is not None and len(ids) > limit:
        raise ValueError(
            f"prompts[{i}] with choices[{i}][{j}] must have at most the {limit} tokens that the "
            f"model reads at once, found {len(ids)}. Shorten the prompt."
        )


def _as_lists(
    prompts: Iterable[Prompt], choices: Iterable[Iterable[str]]
) -> tuple[list[Prompt], list[list[str]]]:
    """Return prompts and their choices as lists, after all checks that need no model."""
    prompts = as_prompts(prompts, "prompts")
    if isinstance(choices, str):
        raise TypeError("choices must be a list of lists of strings, found one string.")
    listed = [as_texts(options, f"choices[{i}]") for i, options in enumerate(choices)]
    if len(prompts) != len(listed):
        raise ValueError(
            f"prompts and choices must have the same length, found {len(prompts)} and "
            f"{len(listed)}. Give each prompt its own list of choices."
        )
    for i, options in enumerate(listed):
        if not options:
            raise ValueError(f"choices[{i}] must have at least one candidate answer, found none.")
        for j, option in enumerate(options):
            if option.isspace():
                raise ValueError(
                    f"choices[{i}][{j}] must have text in it, found {option!r}: all whitespace."
                )
    return prompts, listed
