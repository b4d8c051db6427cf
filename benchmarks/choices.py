"""`score_choices` against its peers: `python benchmarks/choices.py [--workloads ...]`.

The same model object, the same questions (capitals of the world, four options, four examples in the
prompt), one process, one after the other, in three workloads of notebook 12:

- text: the names of the options after the question;
- letters: " A" to " D" after the question with its options listed, in the four cyclic orders;
- prior: the names of the options after one neutral question.

Peers are the naive loop (a forward pass for each answer), `model.generate` called once a prompt for
the letters, which can be read off its first step, and lm-evaluation-harness for the text, with the
batch size that is best for it among several. Prints seconds a prompt, ratios, the largest
difference between the scores, and the share of the machine's matrix-product peak (a product of two
square matrices of 2,048 rows, timed right before and after) that `score_choices` reaches from texts
to scores: only products that it asks for count, with weights and logits, nothing else.

`--quick` asks the peers for a few of the prompts only, since a prompt costs them the same however
many there are, and prints the same ratios in under three minutes.
"""

from __future__ import annotations

import argparse
import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import torch

from coursekit.data import capital_questions
from coursekit.llm import (
    LanguageModel,
    cyclic_orders,
    few_shot_prompts,
    lettered_prompts,
    load,
    score_choices,
)

if TYPE_CHECKING:  # the harness is imported only where it runs: the other peers do without it
    from lm_eval.models.huggingface import HFLM

EXAMPLES = [
    ("What is the capital of Bavaria?", ["Munich", "Stuttgart", "Dresden", "Hamburg"], "Munich"),
    ("What is the capital of Catalonia?", ["Seville", "Bilbao", "Barcelona", "Vigo"], "Barcelona"),
    ("What is the capital of Ontario?", ["Winnipeg", "Toronto", "Regina", "Halifax"], "Toronto"),
    ("What is the capital of Queensland?", ["Perth", "Hobart", "Darwin", "Brisbane"], "Brisbane"),
]
QUICK_PROMPTS = 8  # that the peers are asked in the quick form
Work = tuple[list[str], list[list[str]]]
Scores = list[torch.Tensor]


def workload(name: str, n_questions: int) -> Work:
    """Prompts, and the choices of each."""
    questions = capital_questions(n_options=4)[:n_questions]
    asked = [question.question for question in questions]
    names = [[f" {option}" for option in question.options] for question in questions]
    solved = [(question, answer) for question, _, answer in EXAMPLES]
    if name == "text":
        return few_shot_prompts(asked, solved), names
    if name == "prior":
        neutral = few_shot_prompts(["What is the capital of this country?"], solved)
        return neutral * len(asked), names
    prompts = []
    for order in cyclic_orders(4).tolist():
        turned = [[question.options[i] for i in order] for question in questions]
        prompts += lettered_prompts(asked, turned, EXAMPLES)
    return prompts, [[" A", " B", " C", " D"]] * len(prompts)


def naive(lm: LanguageModel, prompts: list[str], choices: list[list[str]]) -> Scores:
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


@torch.inference_mode()
def generate(lm: LanguageModel, prompts: list[str], choices: list[list[str]]) -> Scores:
    """`model.generate` once a prompt, for one token; its choices must be one token each."""
    scores = []
    for prompt, options in zip(prompts, choices, strict=True):
        ids = lm.tokenizer(prompt, return_tensors="pt").input_ids
        step = lm.model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=1,
            do_sample=False,
            output_logits=True,
            return_dict_in_generate=True,
            pad_token_id=lm.tokenizer.eos_token_id,
        )
        log_probs = step.logits[0][0].log_softmax(-1)
        scores.append(log_probs[[lm.tokenizer(option).input_ids[0] for option in options]])
    return scores


def harness(peer: HFLM, prompts: list[str], choices: list[list[str]], batch_size: int) -> Scores:
    """lm-evaluation-harness' `loglikelihood` of the same pairs."""
    from lm_eval.api.instance import Instance

    pairs = [
        (text, choice) for text, options in zip(prompts, choices, strict=True) for choice in options
    ]
    requests = [
        Instance("loglikelihood", doc={}, arguments=pair, idx=i) for i, pair in enumerate(pairs)
    ]
    peer.batch_size_per_gpu = batch_size
    scores = iter(peer.loglikelihood(requests, disable_tqdm=True))
    return [torch.tensor([next(scores)[0] for _ in options]) for options in choices]


def timed(run: Callable[..., Scores], *args: object) -> tuple[float, Scores]:
    """CPU is shared, so CPU seconds of this process would hide waiting: wall seconds."""
    start = time.perf_counter()
    result = run(*args)
    return time.perf_counter() - start, result


def share_of_peak(lm: LanguageModel, work: Work) -> float:
    """Return the share of the peak of matrix products that `score_choices` reaches.

    In CPU seconds of this process on both sides, so that other programs do not count.
    """

    def peak() -> float:
        a = torch.ones(2048, 2048)
        a @ a  # a warm-up
        start = time.process_time()
        a @ a
        return 2048**3 / (time.process_time() - start)

    count = 0
    vocabulary = lm.model.get_output_embeddings().weight.numel()
    layers = sum(w.numel() for w in lm.model.parameters() if w.ndim == 2) - vocabulary

    def add(module: torch.nn.Module, args: tuple, inputs: dict, output: object) -> None:
        nonlocal count
        rows = output.logits.shape[0] * output.logits.shape[1]
        count += inputs["input_ids"].numel() * layers + rows * vocabulary

    before = peak()
    hook = lm.model.register_forward_hook(add, with_kwargs=True)
    start = time.process_time()
    score_choices(lm, *work)
    seconds = time.process_time() - start
    hook.remove()
    return count / seconds / ((before + peak()) / 2)


def largest_difference(a: Scores, b: Scores) -> float:
    """Largest difference of two sets of scores, in nats."""
    return max((x - y).abs().max().item() for x, y in zip(a, b, strict=True))


def best_of_harness(
    lm: LanguageModel, work: Work, batch_sizes: list[int]
) -> tuple[str, float, Scores]:
    """The harness with each batch size, after a warm-up of that size: the fastest."""
    from lm_eval.models.huggingface import HFLM

    peer = HFLM(pretrained=lm.model, tokenizer=lm.tokenizer, backend="causal")
    trials = {}
    for size in batch_sizes:
        harness(peer, work[0][:2], work[1][:2], size)
        trials[size] = timed(harness, peer, *work, size)
    best = min(trials, key=lambda size: trials[size][0])
    return f"lm-evaluation-harness, batch {best}", *trials[best]


def main() -> None:
    """Run what was asked for, and print a table for each workload."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workloads", nargs="+", default=["text", "letters", "prior"])
    parser.add_argument("--questions", type=int, default=161, help="letters use a quarter of them")
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[1, 8, 32, 64])
    parser.add_argument("--without-harness", action="store_true", help="if it is not installed")
    parser.add_argument("--quick", action="store_true", help="few prompts for the slow peers")
    options = parser.parse_args()
    logging.disable(logging.WARNING)

    lm = load(device="cpu")
    for name in options.workloads:
        n_questions = options.questions // 4 if name == "letters" else options.questions
        work = workload(name, n_questions)
        few = [part[:4] for part in work]  # a warm-up for each
        score_choices(lm, *few)
        ours = min(
            (timed(score_choices, lm, *work) for _ in range(1 if options.quick else 3)),
            key=lambda found: found[0],
        )
        # What the peers are asked: all prompts, or a few of them from end to end.
        step = max(1, len(work[0]) // QUICK_PROMPTS) if options.quick else 1
        some = (work[0][::step], work[1][::step])
        rows = [("score_choices", len(work[0]), ours[0], ours[1][::step])]
        n_some = len(some[0])
        if name == "text" and not options.without_harness:
            peer, *found = best_of_harness(lm, some, options.batch_sizes)
            rows.append((peer, n_some, *found))
        if name == "letters":
            generate(lm, *few)
            rows.append(("model.generate, once a prompt", n_some, *timed(generate, lm, *some)))
        naive(lm, *few)
        rows.append(("naive loop", n_some, *timed(naive, lm, *some)))

        n_answers = sum(map(len, work[1]))
        print(f"\n{name}: {len(work[0])} prompts, {n_answers} answers")
        print(f"{'':34}{'seconds a prompt':>18}{'ratio':>8}{'max difference, nats':>24}")
        for peer, n_prompts, seconds, scores in rows:
            difference = largest_difference(rows[0][3], scores)
            ratio = (seconds / n_prompts) / (ours[0] / len(work[0]))
            print(f"{peer:34}{seconds / n_prompts:>18.3f}{ratio:>8.1f}{difference:>24.1e}")
        print(f"share of the peak of matrix products: {share_of_peak(lm, work):.2f}")
    print(f"\n{torch.get_num_threads()} threads")


if __name__ == "__main__":
    main()
