r"""Training by maximum likelihood: change the weights so that what was said becomes more probable.

$$\min_\theta \; -\frac{1}{n} \sum_t \log P_\theta(w_{t+1} \mid w_1 \dots w_t)$$

Each step reads a batch, takes the gradient of this loss, cuts it if it is too long, and lets AdamW
move the weights. The loss of a perfect model is the entropy rate of the language, and no other
model has it: so training that succeeds also calibrates.

References:
    Pascanu et al. 2013, On the difficulty of training recurrent neural networks (clipping).
    Szegedy et al. 2016, Rethinking the inception architecture (label smoothing).
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
import torch
import torch.nn.functional as F
from accelerate import Accelerator
from torch import Tensor
from tqdm.auto import tqdm

from coursekit.lm.batches import PADDING, Batches, as_sequences, check_tokens, inputs_and_targets
from coursekit.lm.checkpoints import (
    FILE,
    PathLike,
    load_checkpoint,
    load_gpt,
    own_folder,
    restore_model,
    restore_optimizer,
    save_checkpoint,
)
from coursekit.lm.gpt import GPT
from coursekit.lm.interrupts import Interrupt
from coursekit.lm.optimization import TrainingConfig, adamw, learning_rate_at
from coursekit.lm.prediction import evaluate_loss, evaluating, total_loss

if TYPE_CHECKING:
    from coursekit.lm.tokenization import ByteLevelBPE

__all__ = ["History", "TrainingConfig", "evaluate_loss", "load_gpt", "train"]

Evaluate = Callable[[GPT], Mapping[str, float]]

# On a GPU, reading a number waits for all the work before it, and processes wait for each other; so
# losses are read a few at a time.
STEPS_BETWEEN_READS = 10


@dataclass
class History:
    """What happened, as plain data.

    Attributes:
        records: One each `evaluate_every` steps and after the last, with `step`, `tokens` (targets
            read so far), `train_loss` (nats a token, mean since the record before), `learning_rate`
            (of the last update), `validation_loss` (if asked for), and what `evaluate` returned.
        interrupted: Whether training was stopped before its end.

    Example:
        >>> History([{"step": 10, "train_loss": 2.0}, {"step": 20, "train_loss": 1.5}]).last_step
        20
    """

    records: list[dict[str, float]] = field(default_factory=list)
    interrupted: bool = False

    @property
    def last_step(self) -> int:
        """Step of the last record; 0 if there is none."""
        return int(self.records[-1]["step"]) if self.records else 0

    def column(self, name: str) -> list[float]:
        """Return one number of all records, such as `history.column("train_loss")`.

        Raises:
            ValueError: If a record has no number of this name.
        """
        for record in self.records:
            if name not in record:
                raise ValueError(f"name must be one of {list(record)}, found {name!r}.")
        return [record[name] for record in self.records]


def train(
    model: GPT,
    data: Tensor,
    config: TrainingConfig | None = None,
    *,
    validation: Tensor | None = None,
    evaluate: Evaluate | None = None,
    folder: PathLike | None = None,
    resume: bool = True,
    progress: bool = True,
    tokenizer: ByteLevelBPE | None = None,
) -> History:
    """Train a model in place by maximum likelihood.

    The same call runs in one process, on its GPU if it has one, or in the processes that
    `accelerate launch` or `accelerate.notebook_launcher` starts; ACCELERATE_USE_CPU=1 keeps it off
    the GPU. Afterwards the model is back on its device and in its mode. The same seed gives the
    same weights, on one machine's CPU with as many threads bit for bit.

    With a folder, training can be cut off at any time: the same call goes on from the last
    checkpoint, and ends as if nothing had happened. Ctrl-C (in a notebook:
    interrupt) stops after the present step and saves; a second one stops at once.

    Args:
        model: Its weights are changed.
        data: Sequences `(N, T)`, at most context + 1 tokens each, read in shuffled epochs and
            padded at the end with -100; or one stream `(N,)`, of which random windows are read.
        config: How to train; `TrainingConfig()` if None.
        validation: Tokens in the same forms, for `validation_loss` in the history.
        evaluate: Called with the model at each record; the numbers it returns join the history. In
            several processes, each of them calls it.
        folder: Where to keep the checkpoint, and look for one.
        resume: Go on from the checkpoint in the folder, if there is one.
        progress: Show a progress bar.
        tokenizer: Of the data, to be kept in the folder with the weights that it belongs to.

    Returns:
        The history.

    Raises:
        TypeError: If the model is no GPT of float32, or data are not integers.
        ValueError: If data do not fit the model, the batch cannot be shared among the processes, or
            the checkpoint is damaged or belongs to another training.
        OSError: If the folder cannot be written.
        RuntimeError: If processes were launched that do not find each other.
        FloatingPointError: If the loss is no longer finite. The last checkpoint stays.

    Example:
        >>> from coursekit.lm.gpt import GPTConfig
        >>> model = GPT(GPTConfig(vocab_size=8, context=4, width=8, n_layers=1, n_heads=2))
        >>> config = TrainingConfig(steps=100, evaluate_every=50)
        >>> history = train(model, torch.arange(400) % 8, config, progress=False)
        >>> history.column("train_loss")[-1] < 0.5  # nats; it began with log 8 = 2.08
        True
    """
    config = config or TrainingConfig()
    if not isinstance(model, GPT):
        raise TypeError(f"model must be a GPT of coursekit.lm, found {type(model).__name__}.")
    dtype = model.head.weight.dtype
    if dtype != torch.float32:
        raise TypeError(
            f"model must have weights of float32, found {dtype}. Use model.float(); the config's "
            "precision shortens the forward pass where that pays."
        )
    check_tokens("data", data, model.config)
    if validation is not None:
        check_tokens("validation", validation, model.config)
    accelerator = Accelerator(mixed_precision="no")  # the forward pass alone is shortened, below
    n_processes = accelerator.num_processes
    launched = int(os.environ.get("WORLD_SIZE", 1))
    if launched != n_processes:
        raise RuntimeError(
            f"{launched} processes were launched, but accelerate sees {n_processes}, for want of "
            "GPUs: set the environment variable ACCELERATE_USE_CPU=1 to train on the CPU."
        )
    if config.batch_size % n_processes:
        raise ValueError(
            f"batch_size must be a multiple of the {n_processes} processes, each of which takes an "
            f"equal part of every batch, found {config.batch_size}."
        )
    folder = None if folder is None else Path(folder)
    home, mode = next(model.parameters()).device, model.training
    with ExitStack() as stack:
        gpus = [accelerator.device] if accelerator.device.type == "cuda" else []
        stack.enter_context(torch.random.fork_rng(gpus))  # the caller's randomness stays as it is
        if folder is not None and accelerator.is_main_process:
            stack.enter_context(own_folder(folder))
        accelerator.wait_for_everyone()
        run = _Run(accelerator, model, data, config, validation, evaluate)
        stack.callback(run.give_back, home, mode)
        if folder is not None and resume and (folder / FILE).exists():
            run.resume(folder)
        if folder is not None and tokenizer is not None and accelerator.is_main_process:
            tokenizer.save_pretrained(folder)  # now that nobody else is in it
        hidden = not (progress and accelerator.is_main_process)
        bar = stack.enter_context(
            tqdm(total=config.steps, initial=run.step, unit="step", disable=hidden)
        )
        return run.to_the_end(folder, bar, stack.enter_context(Interrupt()))


class _Run:
    """One training, between two steps of which everything is consistent."""

    def __init__(
        self,
        accelerator: Accelerator,
        model: GPT,
        data: Tensor,
        config: TrainingConfig,
        validation: Tensor | None,
        evaluate: Evaluate | None,
    ) -> None:
        self.accelerator, self.model, self.data, self.config = accelerator, model, data, config
        self.evaluate = evaluate
        context = model.config.context
        self.batches = Batches(data, config.batch_size, context, config.seed)
        self.validation = None if validation is None else as_sequences(validation, context)
        self.parallel = accelerator.prepare_model(model).train()  # on the device, and all in step
        self.optimizer = adamw(model, config)
        device = accelerator.device
        short = _short_dtype(config.precision, device)
        self.autocast = torch.autocast(device.type, dtype=short, enabled=short is not None)
        self.scaler = torch.amp.GradScaler(device.type, enabled=short is torch.float16)
        alone = device.type == "cpu" and accelerator.num_processes == 1
        self.steps_between_reads = 1 if alone else STEPS_BETWEEN_READS
        self.unread: list[tuple[Tensor, int]] = []  # of the last steps: loss in nats, targets
        self.step, self.tokens = 0, 0
        self.nats_since_record, self.tokens_since_record = 0.0, 0
        self.history = History()

    def to_the_end(self, folder: Path | None, bar: tqdm, interrupt: Interrupt) -> History:
        """Train, record and save until all steps are done or an interrupt comes."""
        config, changed = self.config, False
        while True:
            at_end = self.step == config.steps
            recording = self.step > 0 and (at_end or self.step % config.evaluate_every == 0)
            # what was cut off between a step and its record makes up for it when it is resumed
            recording &= self.history.last_step != self.step
            saving = at_end or self.step % config.checkpoint_every == 0
            interrupted = False
            if recording or saving or self.step % self.steps_between_reads == 0:
                interrupted = self.read_losses(bar, interrupt.requested)
            if recording and not interrupted:
                try:
                    self.record()
                    changed = True
                except KeyboardInterrupt:
                    interrupted = True
            if folder is not None and changed and (saving or interrupted):
                self.save(folder)
                changed = False
            if at_end or interrupted:
                self.history.interrupted = interrupted
                return self.history
            self.advance()
            changed = True
            bar.update()

    def advance(self) -> None:
        """Make one step."""
        n, process = self.accelerator.num_processes, self.accelerator.process_index
        device = self.accelerator.device
        _seed(device, self.config.seed, self.step, process)
        batch = self.batches[self.step]
        n_targets = int((batch[:, 1:] != PADDING).sum())  # of all processes
        inputs, targets = inputs_and_targets(batch[process::n].to(device, non_blocking=True))
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate_at(self.step, self.config)
        self.optimizer.zero_grad()
        with self.autocast:
            logits = self.parallel(inputs)
        nats = F.cross_entropy(
            logits.float().flatten(0, 1),
            targets.flatten(),
            reduction="sum",
            label_smoothing=self.config.label_smoothing,
        )
        # Processes average their gradients. The mean over the whole batch is wanted, of which one
        # may hold more targets than another: so each divides by what all hold, times n.
        self.scaler.scale(nats * (n / n_targets)).backward()
        self.scaler.unscale_(self.optimizer)
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.config.clip_norm)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.unread.append((nats.detach(), n_targets))
        self.step += 1
        self.tokens += n_targets

    def read_losses(self, bar: tqdm, interrupted: bool) -> bool:
        """Add up the losses since the last reading, and agree whether any process must stop.

        Raises:
            FloatingPointError: If one of them is not finite.
        """
        flag = torch.tensor(float(interrupted), device=self.accelerator.device)
        report = torch.stack([*(nats for nats, _ in self.unread), flag])
        *losses, flags = self.accelerator.reduce(report, "sum").tolist()
        for back, (nats, (_, n_targets)) in enumerate(zip(losses, self.unread, strict=True)):
            if not math.isfinite(nats):
                self.give_up(f"loss is {nats}", self.step - len(losses) + back)
            self.nats_since_record += nats
            self.tokens_since_record += n_targets
            bar.set_postfix_str(f"loss {nats / n_targets:.3f}", refresh=False)
        self.unread.clear()
        return flags > 0

    def record(self) -> None:
        """Add a record to the history."""
        record = {
            "step": self.step,
            "tokens": self.tokens,
            "train_loss": self.nats_since_record / self.tokens_since_record,
            "learning_rate": learning_rate_at(self.step - 1, self.config),
        }
        if self.validation is not None:
            record["validation_loss"] = self.validation_loss(self.validation)
        if self.evaluate is not None:
            with evaluating(self.model), torch.no_grad():
                found = {name: float(value) for name, value in self.evaluate(self.model).items()}
            if taken := record.keys() & found.keys():
                raise ValueError(
                    "evaluate must return names that the history has not yet, found "
                    f"{min(taken)!r}."
                )
            record |= found
        self.history.records.append(record)
        self.nats_since_record, self.tokens_since_record = 0.0, 0

    def validation_loss(self, sequences: Tensor) -> float:
        """Return the loss of the validation data, which the processes share, in nats a token."""
        n, process = self.accelerator.num_processes, self.accelerator.process_index
        mine = total_loss(self.model, sequences[process::n], self.config.batch_size)
        sums = torch.tensor(mine, device=self.accelerator.device)
        nats, n_tokens = self.accelerator.reduce(sums, "sum").tolist()
        return nats / n_tokens

    def save(self, folder: Path) -> None:
        """Write a checkpoint, unless the weights are ruined."""
        if not all(parameter.isfinite().all() for parameter in self.model.parameters()):
            self.give_up("a weight is not finite", self.step - 1)
        if self.accelerator.is_main_process:
            progress = {
                **self.settings,
                "step": self.step,
                "tokens": self.tokens,
                "nats_since_record": self.nats_since_record,
                "tokens_since_record": self.tokens_since_record,
                "records": self.history.records,
                "scaler": self.scaler.state_dict(),
            }
            save_checkpoint(folder, self.model, self.optimizer, progress)

    def resume(self, folder: Path) -> None:
        """Go back to the checkpoint of a folder.

        Raises:
            ValueError: If it is damaged, or of another training.
        """
        tensors, header = load_checkpoint(folder)
        progress = header["progress"]
        self.refuse_other(folder, {"model": header["model"], **progress})
        restore_model(self.model, tensors)
        restore_optimizer(self.optimizer, self.model, tensors)
        self.step, self.tokens = progress["step"], progress["tokens"]
        self.nats_since_record = progress["nats_since_record"]
        self.tokens_since_record = progress["tokens_since_record"]
        self.history.records = progress["records"]
        self.scaler.load_state_dict(progress["scaler"])

    @cached_property
    def settings(self) -> dict[str, dict[str, Any]]:
        """What must be the same when training is resumed, as JSON has it."""
        training = asdict(self.config)
        del training["checkpoint_every"]  # changes nothing but the safety
        digest = hashlib.sha256(self.data.cpu().contiguous().view(torch.uint8).numpy().data)
        data = {"shape": self.data.shape, "sha256": digest.hexdigest()[:16]}
        return json.loads(json.dumps({"training": training, "data": data}))

    def refuse_other(self, folder: Path, found: dict[str, dict[str, Any]]) -> None:
        """Raise a ValueError that names what differs from the training of a checkpoint."""
        differences = [
            f"{part} {name}: {found[part].get(name)!r} there, {value!r} here"
            for part, expected in {"model": vars(self.model.config), **self.settings}.items()
            for name, value in expected.items()
            if found[part].get(name) != value
        ]
        if differences:
            raise ValueError(
                f"folder must hold a checkpoint of this training, found {folder} with that of "
                f"another training ({'; '.join(differences)}). Choose another folder, make them "
                f"the same, or delete {FILE} to start over."
            )

    def give_up(self, what: str, step: int) -> NoReturn:
        """Raise the FloatingPointError that explains a training that diverged."""
        rate = learning_rate_at(step, self.config)
        raise FloatingPointError(
            f"Training diverged: at step {step}, with a learning rate of {rate:.3g}, the {what}. "
            f"Try a smaller learning_rate than {self.config.learning_rate:g}, more warmup_steps "
            f"than {self.config.warmup_steps}, or a smaller clip_norm than "
            f"{self.config.clip_norm:g}. The weights are spoilt; a checkpoint in the folder, if "
            "there is one, is from before."
        )

    def give_back(self, home: torch.device, mode: bool) -> None:
        """Leave the model as it came, but for its weights."""
        self.optimizer.zero_grad()
        # a mark by which accelerate would skip it when several processes train it later
        vars(self.model).pop("_is_accelerate_prepared", None)
        self.model.to(home).train(mode)


def _seed(device: torch.device, *numbers: int) -> None:
    """Let dropout at this step depend on these numbers alone, not on what was drawn before."""
    seed = int(np.random.SeedSequence(numbers).generate_state(1)[0])
    torch.default_generator.manual_seed(seed)
    if device.type != "cpu":
        getattr(torch, device.type).manual_seed(seed)


def _short_dtype(precision: str, device: torch.device) -> torch.dtype | None:
    """Return the dtype of the forward pass, or None for that of the weights."""
    if precision != "auto":
        return None if precision == "float32" else getattr(torch, precision)
    if device.type != "cuda":
        return None
    native = torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.bfloat16 if native else torch.float16
