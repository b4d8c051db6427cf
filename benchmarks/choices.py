"""`score_choices` against lm-evaluation-harness and the naive loop: `python benchmarks/choices.py`.

The same model object, the same questions (capitals of the world, four options, four examples in the
prompt), one process, one after the other. The harness gets the batch size that is best for it among
several. Prints seconds, ratios, and the largest difference between the scores.
"""

from __future__ import annotations

import argparse
import logging
import time
from collections.abc import Callable

import torch
from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM

from coursekit.data.facts import capital_questions
from coursekit.llm import LanguageModel, load, score_choices

EXAMPLES = [("Utopia", "Amaurot"), ("Ruritania", "Strelsau"), ("Oz", "Emerald City")]
EXAMPLES.append(("Gondor", "Minas Tirith"))


def prompt(country: str) -> str:
    """Four examples of countries that do not exist, then the question."""
    examples = "".join(
        f"Question: What is the capital of {name}?\nAnswer: {capital}\n\n"
        for name, capital in EXAMPLES
    )
    return f"{examples}Question: What is the capital of {country}?\nAnswer:"


def naive(lm: LanguageModel, prompts: list[str], choices: list[list[str]]) -> list[torch.Tensor]:
    """One forward pass for every prompt and choice, as in most tutorials."""

    @torch.inference_mode()
    def score(text: str, choice: str) -> float:
        n_context = len(lm.tokenizer(text).input_ids)
        ids = lm.tokenizer(text + choice, return_tensors="pt").input_ids
        log_probs = lm.model(ids).logits.log_softmax(-1)[0, n_context - 1 : -1]
        return log_probs.gather(-1, ids[0, n_context:, None]).sum().item()

    return [
        torch.tensor([score(text, choice) for choice in options])
        for text, options in zip(prompts, choices, strict=True)
    ]


def harness(
    peer: HFLM, prompts: list[str], choices: list[list[str]], batch_size: int
) -> list[torch.Tensor]:
    """lm-evaluation-harness' `loglikelihood` of the same pairs."""
    pairs = [
        (text, choice) for text, options in zip(prompts, choices, strict=True) for choice in options
    ]
    requests = [
        Instance("loglikelihood", doc={}, arguments=pair, idx=i) for i, pair in enumerate(pairs)
    ]
    peer.batch_size_per_gpu = batch_size
    scores = iter(peer.loglikelihood(requests, disable_tqdm=True))
    return [torch.tensor([next(scores)[0] for _ in options]) for options in choices]


def timed(run: Callable[[], list[torch.Tensor]]) -> tuple[float, list[torch.Tensor]]:
    """CPU is shared, so CPU seconds of this process would hide waiting: wall seconds."""
    start = time.perf_counter()
    result = run()
    return time.perf_counter() - start, result


def largest_difference(a: list[torch.Tensor], b: list[torch.Tensor]) -> float:
    """Largest difference of two sets of scores, in nats."""
    return max((x - y).abs().max().item() for x, y in zip(a, b, strict=True))


def main() -> None:
    """Run all three, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--questions", type=int, default=161)
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[1, 8, 32, 64])
    options = parser.parse_args()
    logging.disable(logging.WARNING)

    lm = load(device="cpu")
    questions = capital_questions(n_options=4)[: options.questions]
    prompts = [prompt(question.subject) for question in questions]
    choices = [[" " + option for option in question.options] for question in questions]
    # Each timed run follows a warm-up of its own kind.
    score_choices(lm, prompts[:8], choices[:8])
    ours_s, ours = min(
        (timed(lambda: score_choices(lm, prompts, choices)) for _ in range(3)), key=lambda r: r[0]
    )

    peer = HFLM(pretrained=lm.model, tokenizer=lm.tokenizer, backend="causal")
    trials = {}
    for size in options.batch_sizes:
        harness(peer, prompts[:2], choices[:2], size)
        trials[size] = timed(lambda size=size: harness(peer, prompts, choices, size))
    best = min(trials, key=lambda size: trials[size][0])
    harness_s, theirs = trials[best]

    naive(lm, prompts[:2], choices[:2])
    naive_s, plain = timed(lambda: naive(lm, prompts, choices))

    n_answers = sum(map(len, choices))
    print(f"{len(questions)} questions, {n_answers} answers, {torch.get_num_threads()} threads")
    print(f"{'':34}{'seconds':>10}{'ratio':>8}{'max difference, nats':>24}")
    for name, seconds, scores in [
        ("score_choices", ours_s, ours),
        (f"lm-evaluation-harness, batch {best}", harness_s, theirs),
        ("naive loop", naive_s, plain),
    ]:
        difference = largest_difference(ours, scores)
        print(f"{name:34}{seconds:>10.2f}{seconds / ours_s:>8.1f}{difference:>24.1e}")
    print("harness by batch size:", {size: round(trial[0], 1) for size, trial in trials.items()})


if __name__ == "__main__":
    main()
