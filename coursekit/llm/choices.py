"""Log-probability of candidate answers: ask a model by looking, not by listening.

The probability a model gives to an answer a_1 .. a_n after a prompt is the product of
P(a_i | prompt, a_1 .. a_{i-1}); its logarithm is a sum. Many answers share a prompt and many
prompts share their beginning, so each shared piece is computed once, kept in the key-value cache,
and reused; and logits are computed only at the positions where a probability is read.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

import torch
from torch import Tensor
from transformers import Cache

from coursekit.llm._shared_work import Ids, batches, n_shared, rows_of, shared_prefix
from coursekit.llm.pretrained import LanguageModel

# Tokens whose keys and values one batch may hold; for SmolLM2-135M 8,192 tokens are 380 MB.
TOKENS_PER_BATCH = 8192
# Rows of logits one batch may ask for; 256 x 49,152 float32 is 50 MB.
LOGIT_ROWS_PER_BATCH = 256


@dataclass(frozen=True)
class Candidate:
    """One answer to be scored: where it stands in the result, what it follows, its tokens."""

    place: tuple[int, int]
    context: Ids
    answer: Ids


@torch.inference_mode()
def score_choices(
    lm: LanguageModel, prompts: Sequence[str], choices: Sequence[Sequence[str]]
) -> list[Tensor]:
    """Log-probability of every candidate continuation, given its prompt.

    Prompt and choice are tokenised *together*, as the model would have read them. Where the border
    falls inside a token (a prompt that ends in a space, or in half a word), that token belongs to
    the answer, and the context ends before it.

    The event scored is that the text goes on with these tokens, *whatever follows*: " New" also
    counts every text that begins with " New York". Choices of which one begins another do not
    exclude each other; add what ends an answer, such as a new line, to tell them apart
    (`score_spellings` insists on it). Two equal choices get the same score.

    Args:
        lm: The model to ask.
        prompts: The texts to continue.
        choices: For each prompt its candidate continuations, usually starting with a space.

    Returns:
        For each prompt a float32 tensor `(n_choices,)` on the CPU: the summed log-probability of
        each choice's tokens, in nats. These are not normalised over the choices.

    Raises:
        TypeError: If a prompt or a choice is not a string, or `prompts` is a single string.
        ValueError: If the lengths differ, a prompt is empty, a choice is empty or all whitespace, a
            prompt has no choice, or prompt and choice do not fit into the model's context.
    """
    candidates = tokenize_candidates(lm, prompts, choices)
    if not candidates:
        return []
    scores = [torch.zeros(len(options)) for options in choices]
    prefix_ids, prefix_cache = shared_prefix(lm, {candidate.context for candidate in candidates})

    by_length = defaultdict(list)
    for context, group in _group_by_context(candidates).items():
        by_length[len(context)].append((context, group))
    for length, contexts in by_length.items():
        # Rows of one length need no padding, hence no attention mask: right for any causal model.
        answers_per_context = max(len(group) for _, group in contexts)
        rows = max(1, TOKENS_PER_BATCH // (length * answers_per_context))
        for batch in batches(contexts, min(rows, LOGIT_ROWS_PER_BATCH)):
            _score_batch(lm, batch, len(prefix_ids), prefix_cache, scores)
    return scores


def answer_lengths(
    lm: LanguageModel, prompts: Sequence[str], choices: Sequence[Sequence[str]], unit: str
) -> list[Tensor]:
    """How long every candidate continuation is, to divide its score by.

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
    """
    if unit not in ("tokens", "bytes"):
        raise ValueError(f'unit must be "tokens" or "bytes", found {unit!r}.')
    lengths = [torch.zeros(len(options), dtype=torch.long) for options in choices]
    for candidate in tokenize_candidates(lm, prompts, choices):
        i, j = candidate.place
        text = choices[i][j].strip().encode()
        lengths[i][j] = len(candidate.answer) if unit == "tokens" else len(text)
    return lengths


def _score_batch(
    lm: LanguageModel,
    batch: list[tuple[Ids, list[Candidate]]],
    n_prefix: int,
    prefix_cache: Cache | None,
    scores: list[Tensor],
) -> None:
    """Score all candidates of contexts of one length, adding to `scores` in place."""
    rests = torch.tensor([context[n_prefix:] for context, _ in batch], device=lm.device)
    copies = torch.zeros(len(batch), dtype=torch.long, device=lm.device)  # of the only row, 0
    output = lm.model(
        rests, past_key_values=rows_of(prefix_cache, copies), use_cache=True, logits_to_keep=1
    )
    cache = output.past_key_values

    # The first token of every answer is read off the end of its context.
    log_probs = output.logits[:, -1].float().log_softmax(dim=-1)
    by_length = defaultdict(list)
    for row, (_, group) in enumerate(batch):
        for candidate in group:
            i, j = candidate.place
            scores[i][j] = log_probs[row, candidate.answer[0]]
            by_length[len(candidate.answer)].append((row, candidate))
    by_length.pop(1, None)

    # Longer answers go on from the cache, again one length at a time; the last token is only read.
    for length, members in by_length.items():
        for part in batches(members, max(1, LOGIT_ROWS_PER_BATCH // (length - 1))):
            answers = torch.tensor([c.answer for _, c in part], device=lm.device)
            rows = torch.tensor([row for row, _ in part], device=lm.device)
            output = lm.model(answers[:, :-1], past_key_values=rows_of(cache, rows), use_cache=True)
            logits, targets = output.logits.float(), answers[:, 1:].unsqueeze(-1)
            log_probs = logits.gather(-1, targets).squeeze(-1) - logits.logsumexp(dim=-1)
            for (_, candidate), total in zip(part, log_probs.sum(dim=-1).tolist(), strict=True):
                i, j = candidate.place
                scores[i][j] += total


def tokenize_candidates(
    lm: LanguageModel, prompts: Sequence[str], choices: Sequence[Sequence[str]]
) -> list[Candidate]:
    """Check the input and split every prompt + choice into context and answer tokens."""
    _check_texts(prompts, choices)
    joined = [
        prompt + choice
        for prompt, options in zip(prompts, choices, strict=True)
        for choice in options
    ]
    if not joined:  # which the tokenizer would refuse
        return []
    prompt_ids = lm.tokenizer(list(prompts)).input_ids
    joined_ids = iter(lm.tokenizer(joined).input_ids)
    limit = lm.context_limit

    candidates = []
    for i, options in enumerate(choices):
        for j, ids in enumerate(islice(joined_ids, len(options))):
            border = n_shared([prompt_ids[i], ids])
            if border == 0:
                raise ValueError(
                    f"prompts[{i}] = {prompts[i]!r} merges into one token with choices[{i}][{j}] = "
                    f"{options[j]!r}, so nothing is left to condition on. Make the prompt longer, "
                    f"or put a space before the choice."
                )
            if border == len(ids):
                raise ValueError(
                    f"choices[{i}][{j}] = {options[j]!r} adds no token to its prompt: this "
                    f"tokenizer drops it. Give an answer that has text in it."
                )
            if limit is not None and len(ids) > limit:
                raise ValueError(
                    f"prompts[{i}] with choices[{i}][{j}] has {len(ids)} tokens, but the model "
                    f"reads at most {limit}. Shorten the prompt."
                )
            candidates.append(Candidate((i, j), tuple(ids[:border]), tuple(ids[border:])))
    return candidates


def _check_texts(prompts: Sequence[str], choices: Sequence[Sequence[str]]) -> None:
    if isinstance(prompts, str):
        raise TypeError("prompts must be a list of strings, found one string: write [prompt].")
    if len(prompts) != len(choices):
        raise ValueError(
            f"prompts and choices must have the same length, found {len(prompts)} and "
            f"{len(choices)}: give each prompt its own list of choices."
        )
    for i, (prompt, options) in enumerate(zip(prompts, choices, strict=True)):
        if isinstance(options, str):
            raise TypeError(f"choices[{i}] must be a list of strings, found one string.")
        if len(options) == 0:
            raise ValueError(f"choices[{i}] is empty: give at least one candidate answer.")
        for name, text in [(f"prompts[{i}]", prompt)] + [
            (f"choices[{i}][{j}]", option) for j, option in enumerate(options)
        ]:
            if not isinstance(text, str):
                raise TypeError(f"{name} must be a string, found {type(text).__name__}.")
            if text == "":
                raise ValueError(f"{name} is empty: give at least one character.")
        for j, option in enumerate(options):
            if option.isspace():
                raise ValueError(
                    f"choices[{i}][{j}] = {option!r} is all whitespace: give an answer that has "
                    "text in it."
                )


def _group_by_context(candidates: Iterable[Candidate]) -> dict[Ids, list[Candidate]]:
    groups = defaultdict(list)
    for candidate in candidates:
        groups[candidate.context].append(candidate)
    return groups
