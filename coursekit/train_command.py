"""`python -m coursekit train`: a small GPT, trained on a known language or on a text of yours.

The same command goes on from where it was cut off, and runs in many processes when it is started by
`accelerate launch --multi_gpu --num_processes 2 -m coursekit train ...`; without GPUs, with the
environment variable ACCELERATE_USE_CPU=1. (The launcher's own --cpu starts one process only.)
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from accelerate import Accelerator, PartialState
from torch import Tensor

from coursekit._console import exit_code, say
from coursekit.data.languages import HiddenMarkovLanguage, grammar, weather_diary
from coursekit.lm.checkpoints import FILE
from coursekit.lm.gpt import GPT, GPTConfig
from coursekit.lm.prediction import sequence_logits
from coursekit.lm.tokenization import ByteLevelBPE
from coursekit.lm.training import History, TrainingConfig, train

LANGUAGES: dict[str, Callable[[], HiddenMarkovLanguage]] = {
    "weather": weather_diary,
    "grammar": grammar,
}
SEQUENCES = 100_000  # of a language, at most; then they are read again
JUDGED = 200  # sequences of a language that are held out
HELD_OUT = 0.1  # of a text: its end
TEXT_VOCAB = 1024  # tokens, at most, of the tokenizer of a text
SMALL = 256  # a narrower model is fastest on one thread, and its numbers are then the same anywhere


@dataclass(frozen=True)
class Task:
    """What to learn: tokens to train on, others to judge by, and whence they came.

    The truth of a language is known; a text has a tokenizer of its own.
    """

    vocab_size: int
    data: Tensor
    held_out: Tensor
    language: HiddenMarkovLanguage | None = None
    tokenizer: ByteLevelBPE | None = None


def run(options: Namespace) -> int:
    """Train as the command line says, and return the exit code."""
    is_main = Accelerator(mixed_precision="no").is_main_process

    def work() -> int:
        told = _train(options)
        if is_main:
            say(told)
        return 0

    try:
        return exit_code("train", work, debug=options.debug, speaks=is_main)
    finally:
        PartialState().destroy_process_group()


def _train(options: Namespace) -> str:
    """Train, and tell how well it went."""
    if options.width < SMALL:
        torch.set_num_threads(1)
    folder = Path(options.output)
    config = TrainingConfig(
        steps=options.steps,
        batch_size=options.batch_size,
        learning_rate=options.learning_rate,
        seed=options.seed,
        checkpoint_every=options.checkpoint_every,
    )
    if options.source in LANGUAGES:
        task = _from_language(LANGUAGES[options.source](), options.context, config)
    else:
        task = _from_text(options.source, folder)
    shape = GPTConfig(
        task.vocab_size, options.context, options.width, options.layers, options.heads
    )
    model = GPT(shape, torch.Generator().manual_seed(config.seed))
    history = train(
        model,
        task.data,
        config,
        validation=task.held_out,
        folder=folder,
        tokenizer=task.tokenizer,
    )
    if history.interrupted:
        raise KeyboardInterrupt(f"Interrupted. The same command goes on from what {folder} holds.")
    return "\n".join(_judge(model, task, history, folder))


def _from_language(language: HiddenMarkovLanguage, context: int, config: TrainingConfig) -> Task:
    n = min(config.steps * config.batch_size, SEQUENCES)
    data = language.sample(n, seed=2 * config.seed, length=context + 1)
    held_out = language.sample(JUDGED, seed=2 * config.seed + 1, length=context + 1)
    return Task(language.vocab_size, data, held_out, language)


def _from_text(source: str, folder: Path) -> Task:
    """Return a text as one stream, cut by a tokenizer of its own."""
    if not Path(source).is_file():
        raise FileNotFoundError(
            f"source must be {', '.join(LANGUAGES)} or the name of a text file, found {source!r}, "
            "which is neither."
        )
    try:
        text = Path(source).read_text(encoding="utf-8-sig")  # the mark that Windows sets is no text
    except UnicodeDecodeError as error:
        raise ValueError(
            f"source must be UTF-8 text, found {source!r} ({error}). Convert it first."
        ) from error
    border = round(len(text) * (1 - HELD_OUT))
    if (folder / FILE).exists():  # cut off earlier: the tokenizer is there, too
        tokenizer = ByteLevelBPE.from_pretrained(folder)
    else:
        tokenizer = ByteLevelBPE.train(text[:border], TEXT_VOCAB)
    data, held_out = (
        torch.tensor(tokenizer.encode(part), dtype=torch.int64)
        for part in (text[:border], text[border:])
    )
    return Task(tokenizer.vocab_size, data, held_out, tokenizer=tokenizer)


def _judge(model: GPT, task: Task, history: History, folder: Path) -> Iterator[str]:
    last = history.records[-1]
    yield f"Trained for {last['step']} steps on {last['tokens']:,} tokens; kept in {folder}."
    yield f"Loss in training {last['train_loss']:.4f}, on held-out data " + (
        f"{last['validation_loss']:.4f} nats a token."
    )
    if task.language is None:
        return
    targets = task.held_out[:, 1:, None]
    truth = task.language.next_token_probs(task.held_out)[:, :-1]
    floor = -truth.gather(-1, targets).log().mean()
    log_probs = sequence_logits(model, task.held_out).double().log_softmax(dim=-1)
    kl = (torch.special.xlogy(truth, truth) - truth * log_probs).sum(dim=-1).mean()
    rate = task.language.entropy_rate()
    yield f"The true probabilities have {floor:.4f} on the same data; KL to the truth {kl:.4f}."
    yield f"Entropy rate of the language {rate.value:.4f} [{rate.low:.4f}, {rate.high:.4f}]."
