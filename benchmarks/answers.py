"""`sample_answers` against one `model.generate` a question: `python benchmarks/answers.py`.

The same model object, the same prompts (capitals of the world after four examples), ten answers to
each at temperature 1, cut at the end of the line. `generate` gets its own way of sampling many
answers at once (`num_return_sequences`) and stops at every token that holds a new line. Prints
seconds and their ratio, and whether both draw from one distribution: for a few questions, many more
answers from each, compared by a chi-square test of how often each answer came.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Callable

import torch
from scipy.stats import chi2_contingency

from coursekit.data import capital_questions
from coursekit.llm import LanguageModel, canonical, few_shot_prompts, load, sample_answers

EXAMPLES = ("PL", "JP", "KE", "PE")
MAX_NEW_TOKENS = 12
RARE = 20  # answers that came less often than this, in both together, count as one


def prompts(n_questions: int) -> list[str]:
    """Prompts about `n_questions` countries, after four answered examples."""
    questions = {question.key: question for question in capital_questions()}
    shown = [questions.pop(code) for code in EXAMPLES]
    examples = [(question.question, question.answer) for question in shown]
    asked = [question.question for question in questions.values()]
    return few_shot_prompts(asked[:n_questions], examples)


class Generator:
    """Sampling by `model.generate`, as its documentation says."""

    def __init__(self, lm: LanguageModel) -> None:
        self.lm = lm
        tokens = lm.tokenizer.batch_decode([[i] for i in range(len(lm.tokenizer))])
        stops = [i for i, text in enumerate(tokens) if "\n" in text]
        self.stops = [lm.tokenizer.eos_token_id, *stops]

    def sample(self, prompt: str, n_samples: int) -> list[str]:
        """Return the texts of `n_samples` answers to one question."""
        ids = self.lm.tokenizer(prompt, return_tensors="pt").input_ids.to(self.lm.device)
        with torch.inference_mode():
            found = self.lm.model.generate(
                ids,
                attention_mask=torch.ones_like(ids),
                do_sample=True,
                temperature=1.0,
                top_k=0,
                top_p=1.0,
                num_return_sequences=n_samples,
                max_new_tokens=MAX_NEW_TOKENS,
                eos_token_id=self.stops,
                pad_token_id=self.lm.tokenizer.eos_token_id,
            )
        new = self.lm.tokenizer.batch_decode(found[:, ids.shape[1] :], skip_special_tokens=True)
        return [text.split("\n")[0].strip() for text in new]


def timed(run: Callable[[], object]) -> float:
    """Return wall seconds."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def p_value(ours: list[str], theirs: list[str]) -> float:
    """Return the p-value of "both were drawn from one distribution" (chi-square)."""
    counts = [Counter(canonical(text) for text in texts) for texts in (ours, theirs)]
    common = [answer for answer, n in (counts[0] + counts[1]).items() if n >= RARE]
    table = [[count[answer] for answer in common] for count in counts]
    for row, texts in zip(table, (ours, theirs), strict=True):
        row.append(len(texts) - sum(row))
    used = [column for column in zip(*table, strict=True) if sum(column)]
    if len(used) < 2:  # both always say the same
        return 1.0
    return float(chi2_contingency(list(zip(*used, strict=True))).pvalue)


def main() -> None:
    """Time both, compare their distributions, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--questions", type=int, default=40)
    parser.add_argument("--samples", type=int, default=10)
    parser.add_argument("--compared", type=int, default=4, help="questions to compare, 0 for none")
    parser.add_argument("--draws", type=int, default=400, help="answers to each of these")
    options = parser.parse_args()

    lm = load()
    torch.manual_seed(0)
    asked, peer = prompts(options.questions), Generator(lm)
    sample_answers(lm, asked[:2], options.samples, max_new_tokens=MAX_NEW_TOKENS)
    peer.sample(asked[0], options.samples)
    ours = timed(lambda: sample_answers(lm, asked, options.samples, max_new_tokens=MAX_NEW_TOKENS))
    theirs = timed(lambda: [peer.sample(prompt, options.samples) for prompt in asked])
    print(f"{len(asked)} questions, {options.samples} answers to each, on {lm.device}")
    print(f"{'':18}{'seconds a question':>20}{'ratio':>8}")
    print(f"{'sample_answers':18}{ours / len(asked):>20.3f}{1:>8.1f}")
    print(f"{'model.generate':18}{theirs / len(asked):>20.3f}{theirs / ours:>8.1f}")

    if options.compared:
        chosen = asked[:: max(1, len(asked) // options.compared)][: options.compared]
        drawn = sample_answers(lm, chosen, options.draws, max_new_tokens=MAX_NEW_TOKENS, seed=1)
        values = [
            p_value([answer.text for answer in answers], peer.sample(prompt, options.draws))
            for prompt, answers in zip(chosen, drawn, strict=True)
        ]
        print("p-values of one distribution:", ", ".join(f"{value:.2f}" for value in values))


if __name__ == "__main__":
    main()
