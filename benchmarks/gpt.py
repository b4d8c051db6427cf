"""Our GPT and Llama against those of transformers: same weights, same shapes, same machine.

Three subjects: a training step of GPT-2 (forward, cross-entropy, backward, AdamW), its greedy
generation with a key-value cache, and the same of SmolLM2, the course's own model. The two models
take turns (A B A B ...) in one process, after a warm-up; the ratio is that of the median times. The
losses and the generated tokens of both must agree.

    python benchmarks/gpt.py [--rounds 15] [--threads 2] [--only smollm2]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from statistics import median
from typing import cast

import torch
from torch import Tensor
from transformers import GPT2LMHeadModel, LlamaForCausalLM
from transformers.utils import logging

from coursekit import llm
from coursekit.lm.gpt import GPT, GPTConfig, next_token_loss
from coursekit.lm.llama import Llama

# vocab_size, context, width, n_layers, n_heads; batch in training. Shapes of this course.
SHAPES = [
    (GPTConfig(512, 64, 64, 2, 4), 64),
    (GPTConfig(512, 64, 128, 4, 4), 32),
    (GPTConfig(1024, 128, 128, 4, 4), 16),
    (GPTConfig(1024, 128, 256, 4, 8), 16),
]

SMOLLM2_NEW = 64  # tokens after its prompt


def interleave(rounds: int, *works: Callable[[], Tensor]) -> list[float]:
    """Median seconds of each, taking turns; two rounds of warm-up, and all must agree."""
    seconds: list[list[float]] = [[] for _ in works]
    for turn in range(rounds + 2):
        answers = []
        for times, work in zip(seconds, works, strict=True):
            start = time.perf_counter()
            answers.append(work())
            if turn >= 2:
                times.append(time.perf_counter() - start)
        for answer in answers[1:]:
            torch.testing.assert_close(answers[0], answer, rtol=1e-4, atol=1e-4)
    return [median(times) for times in seconds]


def training(config: GPTConfig, batch: int, rounds: int) -> list[float]:
    """Median seconds of one optimiser step of ours and of theirs."""
    torch.manual_seed(0)
    ids = torch.randint(config.vocab_size, (batch, config.context))
    targets = torch.randint(config.vocab_size, (batch, config.context))
    ours = GPT(config)
    theirs = ours.to_transformers()

    def step_of(loss_of: Callable[[], Tensor], model: torch.nn.Module) -> Callable[[], Tensor]:
        optimizer = torch.optim.AdamW(model.parameters(), lr=3e-4, fused=True)  # for both

        def step() -> Tensor:
            optimizer.zero_grad()
            loss = loss_of()
            loss.backward()
            optimizer.step()
            return loss.detach()

        return step

    def their_loss() -> Tensor:
        # `shift_labels` are targets that need no shifting: exactly the same loss
        return theirs(ids, labels=targets, shift_labels=targets, use_cache=False).loss

    return interleave(
        rounds,
        step_of(lambda: next_token_loss(ours(ids), targets), ours),
        step_of(their_loss, theirs),
    )


@torch.inference_mode()
def greedy(model: GPT | Llama, ids: Tensor, n_new: int) -> Tensor:
    """Append the most probable token n_new times."""
    cache, new = model.new_cache(ids.shape[1] + n_new), ids
    for _ in range(n_new):
        new = model(new, cache, last_only=True).argmax(-1)
        ids = torch.cat((ids, new), dim=1)
    return ids


@torch.inference_mode()
def greedy_loop(model: GPT2LMHeadModel | LlamaForCausalLM, ids: Tensor, n_new: int) -> Tensor:
    """The same bare loop for transformers, without what else its `generate` does."""
    cache, new = None, ids
    for _ in range(n_new):
        answer = model(new, past_key_values=cache, use_cache=True, logits_to_keep=1)
        cache, new = answer.past_key_values, answer.logits.argmax(-1)
        ids = torch.cat((ids, new), dim=1)
    return ids


def generation(
    ours: GPT | Llama,
    theirs: GPT2LMHeadModel | LlamaForCausalLM,
    ids: Tensor,
    n_new: int,
    rounds: int,
) -> str:
    """New tokens per second of ours, of `generate`, and of the bare loop over their model."""
    seconds = interleave(
        rounds,
        lambda: greedy(ours, ids, n_new),
        lambda: theirs.generate(ids, max_new_tokens=n_new, do_sample=False),
        lambda: greedy_loop(theirs, ids, n_new),
    )
    ours_, generate, loop = seconds
    tokens = len(ids) * n_new
    return (
        f"ours {tokens / ours_:,.0f}, generate() {tokens / generate:,.0f}, ratio "
        f"{generate / ours_:.2f}; bare loop {tokens / loop:,.0f}, ratio {loop / ours_:.2f}"
    )


def main() -> None:
    """Print one line a shape and subject: tokens per second and ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only", choices=["smollm2"], help="leave the GPT-2 subjects out")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    logging.set_verbosity_error()
    few = max(arguments.rounds // 3, 3)
    if arguments.only != "smollm2":
        gpt2(arguments.rounds, few)
    lm = llm.load()
    ours = Llama.from_transformers(cast(LlamaForCausalLM, lm.model)).cpu()
    theirs = ours.to_transformers()  # the same weights, and no token ends a text
    print("Greedy generation of SmolLM2 with a cache (new tokens/s)")
    for batch in (1, 8):
        ids = lm.tokenizer("The capital of France is", return_tensors="pt").input_ids
        print(
            f"  batch {batch}, {SMOLLM2_NEW} tokens: "
            + generation(ours, theirs, ids.repeat(batch, 1), SMOLLM2_NEW, few),
            flush=True,
        )


def gpt2(rounds: int, few: int) -> None:
    """Print one line a shape: training, then generation."""
    print("Training step (tokens/s)")
    for config, batch in SHAPES:
        ours, theirs = training(config, batch, rounds)
        tokens = batch * config.context
        print(
            f"  {describe(config)}, batch {batch}: ours {tokens / ours:,.0f}, "
            f"transformers {tokens / theirs:,.0f}, ratio {theirs / ours:.2f}",
            flush=True,
        )
    print("Greedy generation with a cache (new tokens/s)")
    for config, _ in SHAPES:
        for batch in (1, 16):
            torch.manual_seed(0)
            n_prompt = config.context // 4
            ids = torch.randint(config.vocab_size, (batch, n_prompt))
            model = GPT(config).eval()
            line = generation(model, model.to_transformers(), ids, config.context - n_prompt, few)
            print(f"  {describe(config)}, batch {batch}: {line}", flush=True)


def describe(config: GPTConfig) -> str:
    """One line that names a shape."""
    return (
        f"{config.n_layers} layers, width {config.width}, context {config.context}, "
        f"vocabulary {config.vocab_size}"
    )


if __name__ == "__main__":
    main()
