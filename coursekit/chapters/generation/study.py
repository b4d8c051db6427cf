"""A study of the rules on SmolLM2: what each writes after the same openings, raw and in a chat.

Writing 954 texts takes some minutes, so they are kept in `written.json`, with their prompts; the
notebook writes a few of them anew. `python -m coursekit.chapters.generation.study` writes all.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from coursekit import llm
from coursekit.data import dataset_descriptions, docstrings, reference_documents
from coursekit.llm._texts import encode
from coursekit.lm.generation import adjust_logits, greedy, penalise_repetition, sample, tokens_seen

#: What the rules of the study do: options of `adjust_logits`, or of the penalty.
RULES: dict[str, dict[str, float]] = {
    "greedy": {"top_k": 1},
    "greedy, penalty 1.2": {"top_k": 1, "penalty": 1.2},
    "T = 1": {},
    "T = 0.7": {"temperature": 0.7},
    "top-p 0.9": {"top_p": 0.9},
    "min-p 0.1": {"min_p": 0.1},
}
#: How an opening is put to the model: None continues it as raw text, a request asks in a chat.
FORMATS: dict[str, str | None] = {
    "raw text": None,
    "chat": "Write a page of a manual.",
    "another chat": "Please write a short text about something that you find interesting.",
}
N_PROMPTS, N_TOKENS = 53, 48
FILE = Path(__file__).with_name("written.json")


@dataclass(frozen=True)
class Text:
    """A text that SmolLM2 wrote.

    Attributes:
        rule: A name in `RULES`.
        format: A name in `FORMATS`.
        opening: What it goes on from.
        ids: The tokens it added, the one that ends a text among them if it came.
        log_prob: Mean log-probability of these tokens under the model's own law, in nats.
    """

    rule: str
    format: str
    opening: str
    ids: tuple[int, ...]
    log_prob: float


PLAIN = re.compile(r"(?<=[.] )[A-Z][A-Za-z ,']{30,120}[.](?= )")


def sentences(texts: Iterable[str] | None = None) -> list[str]:
    """Return plain sentences, up to two of each text, none twice; of Python's reference if None."""
    if texts is None:
        texts = [page.text for page in reference_documents(stable=True)]
    found = [each for text in texts for each in PLAIN.findall(" ".join(text.split()))[:2]]
    return list(dict.fromkeys(found))


def openings(n: int = 18) -> list[str]:
    """Return the first five words of plain sentences: n of each of three kinds, none twice."""
    kinds = (
        None,
        [page.text for page in dataset_descriptions()],
        [each.body for each in docstrings()],
    )
    found = []
    for texts in kinds:
        firsts = dict.fromkeys(" ".join(each.split()[:5]) for each in sentences(texts))
        found += list(firsts)[:n]
    return list(dict.fromkeys(found))


@torch.inference_mode()
def write(
    lm: llm.LanguageModel,
    texts: Sequence[str],
    rule: str,
    form: str,
    *,
    n_tokens: int = N_TOKENS,
    seed: int = 0,
) -> list[Text]:
    """Let the model go on with each opening by a rule, all of them side by side.

    Args:
        lm: The model.
        texts: The openings.
        rule: A name in `RULES`.
        form: A name in `FORMATS`.
        n_tokens: The largest number of tokens to add.
        seed: For what is drawn.
    """
    options = dict(RULES[rule])
    penalty = options.pop("penalty", 1.0)
    request = FORMATS[form]
    prompts = [text if request is None else llm.Chat(request, reply=text) for text in texts]
    rows = [list(ids) for ids in encode(lm, prompts)]
    end = lm.tokenizer.eos_token_id
    longest = max(map(len, rows))
    ids = torch.tensor([[end] * (longest - len(row)) + row for row in rows])
    mask = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in rows])
    seen = torch.stack([tokens_seen(torch.tensor([r]), len(lm.tokenizer))[0, -1] for r in rows])
    generator = torch.Generator().manual_seed(seed)
    added, log_probs, cache, step = [], [], None, ids
    for _ in range(n_tokens):
        at = (mask.cumsum(dim=1) - 1)[:, -step.shape[1] :].clamp(min=0)
        output = lm.model(
            step.to(lm.device),
            attention_mask=mask.to(lm.device),
            position_ids=at.to(lm.device),
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        )
        cache, logits = output.past_key_values, output.logits[:, -1].float().cpu()
        bent = penalise_repetition(logits, seen, penalty)
        if options.get("top_k") == 1:
            token = greedy(bent)
        else:
            darts = torch.rand(len(rows), generator=generator, dtype=torch.float64)
            token = sample(adjust_logits(bent, **options), darts)  # type: ignore[arg-type]
        step = token[:, None]
        seen.scatter_(-1, step, True)
        mask = torch.cat([mask, torch.ones_like(step)], dim=1)
        log_probs.append(logits.log_softmax(dim=-1).gather(-1, step)[:, 0])
        added.append(token)
    written_ones = []
    for text, row, sure in zip(
        texts, torch.stack(added, 1), torch.stack(log_probs, 1), strict=True
    ):
        said, log_prob = _up_to_the_end(row, sure, end)
        written_ones.append(Text(rule, form, text, said, log_prob))
    return written_ones


def _up_to_the_end(row: Tensor, log_probs: Tensor, end: int) -> tuple[tuple[int, ...], float]:
    """Return the tokens up to the end of the text, and their mean log-probability."""
    ids = row.tolist()
    n = ids.index(end) + 1 if end in ids else len(ids)
    return tuple(ids[:n]), round(log_probs[:n].mean().item(), 4)


def write_all(lm: llm.LanguageModel, seed: int = 0) -> Iterator[Text]:
    """Write the whole study: every rule in every format."""
    texts = openings()
    for form in FORMATS:
        for rule in RULES:
            yield from write(lm, texts, rule, form, seed=seed)


@cache
def written() -> tuple[Text, ...]:
    """Return the texts that are kept.

    Example:
        >>> len(written()) == len(RULES) * len(FORMATS) * N_PROMPTS
        True
    """
    rows = json.loads(FILE.read_text(encoding="utf-8"))
    return tuple(
        Text(rule, form, opening, tuple(ids), log_prob)
        for rule, form, opening, ids, log_prob in rows
    )


if __name__ == "__main__":
    kept = [
        json.dumps([t.rule, t.format, t.opening, t.ids, t.log_prob], separators=(",", ":"))
        for t in write_all(llm.load(device="cpu"))
    ]
    FILE.write_text("[\n" + ",\n".join(kept) + "\n]\n", encoding="utf-8")
