"""Our GPT against GPT2LMHeadModel of transformers: same weights, same shapes, same machine.

Two subjects: a training step (forward, cross-entropy, backward, AdamW) and greedy generation with
a key-value cache. The two models take turns (A B A B ...) in one process, after a warm-up; the
ratio is that of the median times. The losses and the generated tokens of both must agree.

    python benchmarks/gpt.py [--rounds 15] [--threads 2]
"""

import argparse
import time
from collections.abc import Callable
from statistics import median

import torch
from torch import Tensor
from transformers import GPT2LMHeadModel
from transformers.utils import logging

from coursekit.lm.gpt import GPT, GPTConfig, next_token_loss

# vocab_size, context, width, n_layers, n_heads; batch in training. Shapes of this course.
SHAPES = [
    (GPTConfig(512, 64, 64, 2, 4), 64),
    (GPTConfig(512, 64, 128, 4, 4), 32),
    (GPTConfig(1024, 128, 128, 4, 4), 16),
    (GPTConfig(1024, 128, 256, 4, 8), 16),
]


def interleave(
    ours: Callable[[], Tensor], theirs: Callable[[], Tensor], rounds: int
) -> tuple[list[float], list[float], list[tuple[Tensor, Tensor]]]:
    """Seconds of each, taking turns, and what they returned; two rounds of warm-up not counted."""
    times: tuple[list[float], list[float]] = ([], [])
    results = []
    for turn in range(rounds + 2):
        answers = []
        for seconds, work in zip(times, (ours, theirs), strict=True):
            start = time.perf_counter()
            answers.append(work())
            if turn >= 2:
                seconds.append(time.perf_counter() - start)
        results.append((answers[0], answers[1]))
    return *times, results


def training(config: GPTConfig, batch: int, rounds: int) -> tuple[float, float]:
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

    our_seconds, their_seconds, losses = interleave(
        step_of(lambda: next_token_loss(ours(ids), targets), ours),
        # `shift_labels` are targets that need no shifting: exactly the same loss
        step_of(
            lambda: theirs(ids, labels=targets, shift_labels=targets, use_cache=False).loss, theirs
        ),
        rounds,
    )
    for ours_loss, theirs_loss in losses:
        torch.testing.assert_close(ours_loss, theirs_loss, rtol=1e-4, atol=1e-4)
    return median(our_seconds), median(their_seconds)


@torch.inference_mode()
def greedy(model: GPT, ids: Tensor, n_new: int) -> Tensor:
    """Append the most probable token n_new times."""
    cache, new = model.new_cache(ids.shape[1] + n_new), ids
    for _ in range(n_new):
        new = model(new, cache, last_only=True).argmax(-1)
        ids = torch.cat((ids, new), dim=1)
    return ids


@torch.inference_mode()
def greedy_loop(model: GPT2LMHeadModel, ids: Tensor, n_new: int) -> Tensor:
    """The same bare loop for transformers, without what else its `generate` does."""
    cache, new = None, ids
    for _ in range(n_new):
        answer = model(new, past_key_values=cache, use_cache=True, logits_to_keep=1)
        cache, new = answer.past_key_values, answer.logits.argmax(-1)
        ids = torch.cat((ids, new), dim=1)
    return ids


def generation(config: GPTConfig, batch: int, rounds: int) -> tuple[float, float, float]:
    """Median seconds of ours, of `generate`, and of the bare loop over transformers' model."""
    torch.manual_seed(0)
    n_prompt = config.context // 4
    n_new = config.context - n_prompt
    ids = torch.randint(config.vocab_size, (batch, n_prompt))
    ours = GPT(config).eval()
    theirs = ours.to_transformers()

    def generate() -> Tensor:
        return theirs.generate(ids, max_new_tokens=n_new, do_sample=False)

    our_seconds, generate_seconds, texts = interleave(
        lambda: greedy(ours, ids, n_new), generate, rounds
    )
    more_seconds, loop_seconds, more_texts = interleave(
        lambda: greedy(ours, ids, n_new), lambda: greedy_loop(theirs, ids, n_new), rounds
    )
    for our_text, their_text in texts + more_texts:
        assert torch.equal(our_text, their_text), "the models disagree"
    return median(our_seconds + more_seconds), median(generate_seconds), median(loop_seconds)


def main() -> None:
    """Print one line a shape and subject: tokens per second and ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    logging.set_verbosity_error()
    print("Training step (tokens/s)")
    for config, batch in SHAPES:
        ours, theirs = training(config, batch, arguments.rounds)
        tokens = batch * config.context
        print(
            f"  {describe(config)}, batch {batch}: ours {tokens / ours:,.0f}, "
            f"transformers {tokens / theirs:,.0f}, ratio {theirs / ours:.2f}",
            flush=True,
        )
    print("Greedy generation with a cache (new tokens/s)")
    for config, _ in SHAPES:
        for batch in (1, 16):
            ours, generate, loop = generation(config, batch, max(arguments.rounds // 3, 3))
            tokens = batch * (config.context - config.context // 4)
            print(
                f"  {describe(config)}, batch {batch}: ours {tokens / ours:,.0f}, "
                f"generate() {tokens / generate:,.0f}, ratio {generate / ours:.2f}; "
                f"bare loop {tokens / loop:,.0f}, ratio {loop / ours:.2f}",
                flush=True,
            )


def describe(config: GPTConfig) -> str:
    """One line that names a shape."""
    return (
        f"{config.n_layers} layers, width {config.width}, context {config.context}, "
        f"vocabulary {config.vocab_size}"
    )


if __name__ == "__main__":
    main()
