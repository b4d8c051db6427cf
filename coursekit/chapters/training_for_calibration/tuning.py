"""Notebook 18: fine-tune the last layers of a real model on questions with options.

The frozen layers below are run once, and what they hand up is kept: a step of training then costs
the last layers alone. An answer is the first token of an option, which is one forward pass a
question; only questions whose options begin differently are asked.
"""

from __future__ import annotations

import copy
import random
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from coursekit.data import Question, benchmarks
from coursekit.llm import LanguageModel

if TYPE_CHECKING:
    from peft import PeftModel

LAST_LAYERS = 2
N_OPTIONS = 4
#: Which matrices of a layer get an adapter.
ADAPTED = ("q_proj", "v_proj", "o_proj", "up_proj", "down_proj")
PROMPT = "Question: {}\nAnswer:"

#: Mean loss of scores `(N, 4)` and labels `(N,)`.
Loss = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Asked:
    """Questions as they reach the last layers.

    Attributes:
        hidden: What the layers below hand up `(N, T, width)`, aligned at its end.
        mask: 1 where there is a token, 0 before the first one `(N, T)`.
        options: First token of each option `(N, 4)`.
        labels: Which one is right `(N,)`.
    """

    hidden: Tensor
    mask: Tensor
    options: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)


def short_questions(
    lm: LanguageModel, n: int, *, name: str = "arc_easy", longest: int = 24
) -> list[Question]:
    """Return n questions of a public set that are short and whose four options begin differently.

    Args:
        lm: Its tokenizer counts.
        n: How many, in the order of `benchmarks.load`.
        name: Of the set.
        longest: Tokens of the prompt, at most.

    Raises:
        ValueError: If the set has fewer.
    """
    found = [
        question
        for question in benchmarks.load(name)
        if len(question.options) == N_OPTIONS
        and len(set(_first_tokens(lm, question))) == N_OPTIONS
        and len(_prompt(lm, question)) <= longest
    ]
    if len(found) < n:
        raise ValueError(
            f"n must be at most {len(found)}, the short questions of {name}, found {n}"
        )
    return found[:n]


@torch.no_grad()
def ask(
    lm: LanguageModel, questions: Sequence[Question], *, layers: int = LAST_LAYERS, batch: int = 40
) -> Asked:
    """Run all but the last layers once.

    Args:
        lm: A model of the Llama family, such as the embedded one.
        questions: With four options each.
        layers: How many stay above.
        batch: Questions at a time.
    """
    ids = [_prompt(lm, question) for question in questions]
    tokens = max(map(len, ids))
    padded = torch.tensor([[0] * (tokens - len(row)) + row for row in ids])
    mask = torch.tensor([[0] * (tokens - len(row)) + [1] * len(row) for row in ids])
    hidden = torch.zeros(len(ids), tokens, lm.model.config.hidden_size)
    for rows in mask.sum(dim=1).argsort().split(batch):  # alike in length
        t = int(mask[rows].sum(dim=1).max())
        states = lm.model.get_decoder()(
            input_ids=padded[rows, -t:].to(lm.device),
            attention_mask=mask[rows, -t:].to(lm.device),
            position_ids=_positions(mask[rows, -t:]).to(lm.device),
            output_hidden_states=True,
            use_cache=False,
        ).hidden_states
        hidden[rows, -t:] = states[-1 - layers].cpu()
    return Asked(
        hidden,
        mask,
        torch.tensor([_first_tokens(lm, question) for question in questions]),
        torch.tensor([question.correct for question in questions]),
    )


class LastLayers(nn.Module):
    """The last layers of a model, with or without adapters: from hidden states to scores.

    Args:
        lm: Its weights are copied; it stays as it is.
        layers: How many.
        rank: Of the adapters; 0 for none.
        seed: Of their first weights.
    """

    def __init__(
        self, lm: LanguageModel, *, layers: int = LAST_LAYERS, rank: int = 8, seed: int = 0
    ) -> None:
        super().__init__()
        whole = lm.model.get_decoder()
        config = copy.deepcopy(whole.config)
        # No embeddings: what comes in is not tokens.
        config.num_hidden_layers, config.vocab_size, config.pad_token_id = layers, 1, None
        if getattr(config, "layer_types", None):
            config.layer_types = config.layer_types[-layers:]
        top = type(whole)(config).eval()
        for mine, theirs in zip(top.layers, whole.layers[-layers:], strict=True):
            mine.load_state_dict(theirs.state_dict())
        top.norm.load_state_dict(whole.norm.state_dict())
        top.requires_grad_(False)
        if rank:
            top = _adapted(top, rank, seed)
        self.top = top
        head: Tensor = lm.model.get_output_embeddings().weight
        self.head = head.detach().cpu()

    def forward(self, asked: Asked, rows: Tensor) -> Tensor:
        """Return the scores `(n, 4)` of the options of some questions, in nats up to a constant."""
        mask = asked.mask[rows]
        t = int(mask.sum(dim=1).max())
        last = self.top(
            inputs_embeds=asked.hidden[rows, -t:],
            attention_mask=mask[:, -t:],
            position_ids=_positions(mask[:, -t:]),
            use_cache=False,
        ).last_hidden_state[:, -1]
        return torch.einsum("nd,nkd->nk", last, self.head[asked.options[rows]])

    @torch.no_grad()
    def scores(self, asked: Asked, rows: Tensor) -> Tensor:
        """Return the same, many at a time and without a gradient, in float64."""
        return torch.cat([self(asked, part) for part in rows.split(100)]).double()


def fine_tune(
    model: LastLayers,
    asked: Asked,
    rows: Tensor,
    loss: Loss,
    *,
    seed: int = 0,
    epochs: int = 3,
    learning_rate: float = 1e-3,
    batch: int = 40,
) -> LastLayers:
    """Train the adapters of `model` in place, and return it.

    Args:
        model: With adapters.
        asked: All questions.
        rows: Those to train on.
        loss: To be lowered.
        seed: Of the order.
        epochs: How often each question is seen.
        learning_rate: Of AdamW, without weight decay.
        batch: Questions a step.
    """
    adapters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(adapters, lr=learning_rate, weight_decay=0)
    chance = torch.Generator().manual_seed(seed)
    for _ in range(epochs):
        for part in rows[torch.randperm(len(rows), generator=chance)].split(batch):
            optimizer.zero_grad()
            loss(model(asked, part), asked.labels[part]).backward()
            optimizer.step()
    return model


def _adapted(top: nn.Module, rank: int, seed: int) -> PeftModel:
    from peft import LoraConfig, get_peft_model  # takes seconds: only where it is needed

    config = LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=list(ADAPTED))
    state = random.getstate()
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # peft asks by an older name
        torch.manual_seed(seed)
        adapted = get_peft_model(top, config)
    random.setstate(state)
    return adapted


def _positions(mask: Tensor) -> Tensor:
    return (mask.cumsum(dim=1) - 1).clamp(min=0)


def _prompt(lm: LanguageModel, question: Question) -> list[int]:
    return lm.tokenizer(PROMPT.format(question.question)).input_ids


def _first_tokens(lm: LanguageModel, question: Question) -> list[int]:
    texts = [f" {option}" for option in question.options]
    encoded = lm.tokenizer(texts, add_special_tokens=False).input_ids
    return [ids[0] for ids in encoded]
