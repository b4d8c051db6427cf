r"""One answer, several spellings: the probability of "Paris, however written".

The model gives probability to strings, and " Paris", " paris" and " PARIS" are three of them. If
the texts that begin with each are different texts, their probabilities add up:

    P(answer) = sum over its spellings of P(the text goes on with this spelling).

" Paris" and " Paris." are *not* different: whatever begins with the second begins with the first,
so its probability is counted there already.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import torch
from torch import Tensor

from coursekit.llm._shared_work import Ids
from coursekit.llm.choices import Candidate, score_choices, tokenize_candidates
from coursekit.llm.pretrained import LanguageModel
from coursekit.llm.prompts import Prompt


def score_spellings(
    lm: LanguageModel, prompts: Sequence[Prompt], answers: Sequence[Sequence[Sequence[str]]]
) -> list[Tensor]:
    r"""Log-probability of every answer, summed over its spellings, none counted twice.

    A spelling whose tokens begin with those of another spelling of the same answer is left out:
    it is contained in it. (So is one that is there twice.) Where spellings of *different* answers
    contain each other, as " New" contains " New York", no sum can tell the two apart, and an error
    says so: end every spelling with what follows an answer, such as a new line; " New\n" and
    " New York\n" exclude each other. Each spelling is read as the tokenizer cuts it; the same
    letters cut in another way are a different text to the model, and not counted.

    Args:
        lm: The model to ask.
        prompts: The texts to continue, or conversations (`Chat`).
        answers: For each prompt its answers, and for each answer its spellings.

    Returns:
        For each prompt a float32 tensor `(n_answers,)` on the CPU, in nats.

    Raises:
        TypeError: If an answer is one string instead of a list of spellings, or as `score_choices`.
        ValueError: If an answer has no spelling, two answers of a prompt share a spelling or one
            contains the other, or as `score_choices`.

    Reference:
        A. Holtzman et al., Surface form competition, EMNLP 2021.

    Example:
        With `lm`, a tiny random model:

        >>> answers = [["Lima", "LIMA"], ["Quito"]]
        >>> [scores] = score_spellings(lm, ["The capital of Peru is "], [answers])
        >>> scores.shape
        torch.Size([2])
    """
    for i, options in enumerate(answers):
        for j, spellings in enumerate(options):
            if isinstance(spellings, str):
                raise TypeError(
                    f"answers[{i}][{j}] must be a list of spellings, found one string: write "
                    f"[{spellings!r}]."
                )
            if len(spellings) == 0:
                raise ValueError(f"answers[{i}][{j}] must have at least one spelling, found none.")
    flat = [[text for spellings in options for text in spellings] for options in answers]
    # For each flat place, the answer it spells.
    answer_of = [
        [j for j, spellings in enumerate(options) for _ in spellings] for options in answers
    ]
    kept: list[list[int]] = [[] for _ in prompts]
    by_prompt = defaultdict(list)
    for candidate in tokenize_candidates(lm, prompts, flat):
        by_prompt[candidate.place[0]].append(candidate)
    for i, candidates in by_prompt.items():
        kept[i] = _outermost(candidates, flat[i], answer_of[i], i)

    chosen = [[flat[i][place] for place in places] for i, places in enumerate(kept)]
    totals = [torch.full((len(options),), -torch.inf) for options in answers]
    for i, scores in enumerate(score_choices(lm, prompts, chosen)):
        for place, score in zip(kept[i], scores, strict=True):
            j = answer_of[i][place]
            totals[i][j] = totals[i][j].logaddexp(score)
    return totals


def _outermost(
    candidates: Sequence[Candidate], texts: Sequence[str], answer_of: Sequence[int], i: int
) -> list[int]:
    """Places of the spellings that no other one contains."""
    kept: list[int] = []
    seen: dict[Ids, int] = {}
    # Shorter ones first: only they can contain others; sorting is stable, so the first twin stays.
    for candidate in sorted(candidates, key=lambda c: len(c.context) + len(c.answer)):
        ids, place = candidate.context + candidate.answer, candidate.place[1]
        outer = next((seen[ids[:n]] for n in range(1, len(ids) + 1) if ids[:n] in seen), None)
        if outer is None:
            seen[ids] = place
            kept.append(place)
        elif answer_of[outer] != answer_of[place]:
            raise ValueError(
                f"answers[{i}][{answer_of[outer]}] has the spelling {texts[outer]!r} and "
                f"answers[{i}][{answer_of[place]}] has {texts[place]!r}: a text that goes on with "
                "the second also goes on with the first, so they are not two answers. Make them "
                "different, or end every spelling with what follows an answer, such as a new line."
            )
    return sorted(kept)
