"""The whole calibration report of a causal language model, on a laptop, a GPU or many.

`audit(lm)` lets a model predict prose, code and its own samples, choose among answers and answer
freely, and says of each how often it was right, how sure it was, and what a temperature mends; with
an interval on every number. `compare` sets two such reports side by side.
"""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import transformers
from accelerate.utils import gather_object

from coursekit.audit.asking import ANSWERS, CHOICES
from coursekit.audit.assembling import result_of
from coursekit.audit.comparison import TaskComparison, compare
from coursekit.audit.items import Task, digest_of
from coursekit.audit.journal import Journal
from coursekit.audit.report import FILE, Report
from coursekit.audit.running import OutOfMemoryError, Run, processes
from coursekit.audit.schema import FORMAT, SCHEMA, VERSION
from coursekit.audit.text import CODE, PROSE, SAMPLES
from coursekit.llm.pretrained import LanguageModel

__all__ = [
    "SCHEMA",
    "TASKS",
    "OutOfMemoryError",
    "Report",
    "TaskComparison",
    "audit",
    "compare",
    "default_batch_size",
]

#: Every task by name, in the order in which they are done.
TASKS: dict[str, Task] = {task.name: task for task in (PROSE, CODE, SAMPLES, CHOICES, ANSWERS)}
SMALLEST_LIMIT = 8


def default_batch_size(device: torch.device) -> int:
    """Items to read at once: few keep a processor busy, a GPU wants more."""
    return 4 if device.type == "cpu" else 16


def audit(
    lm: LanguageModel,
    tasks: Sequence[str] | None = None,
    limit: int | Mapping[str, int] | None = None,
    *,
    seed: int = 0,
    batch_size: int | None = None,
    folder: str | Path | None = None,
    resume: bool = False,
    progress: bool = True,
) -> Report:
    """Measure the calibration of a model.

    In the processes that `accelerate launch` starts, each reads its share of the batches, and all
    return the same report. Memory depends on the batch, not on the number of items.

    Args:
        lm: The model.
        tasks: Names of `TASKS`; all of them by default.
        limit: Items of each task, at most; one number for all, or one for some by name. By default
            what suits a laptop (3 minutes or less for the embedded model). More items, narrower
            intervals.
        seed: Chooses items, halves and samples.
        batch_size: Items read at once; by default 4 on a processor, 16 on a GPU.
        folder: Where `report.json` is written. It also keeps finished batches until then.
        resume: Go on from what an interrupted audit has left in the folder.
        progress: Show a progress bar for each task.

    Raises:
        ValueError: An unknown task, a limit or batch size out of range, a tokenizer that cannot
            write the texts, or a folder with another audit in it.
        OutOfMemoryError: A batch did not fit; the message says what to try.
        OSError: The folder cannot be written.
    """
    chosen = _chosen(tasks)
    limits = _limits(limit, chosen)
    batch_size = default_batch_size(lm.device) if batch_size is None else batch_size
    _require_at_least(seed, 0, "seed")
    _require_at_least(batch_size, 1, "batch_size")
    check_tokenizer(lm)
    items = {task.name: task.items(lm, limits[task.name], seed) for task in chosen}
    settings = {
        "model": _model(lm),
        "settings": {
            "seed": seed,
            "limit": limits,
            "items": {name: digest_of(of_task) for name, of_task in items.items()},
        },
    }
    run = Run(lm, seed, batch_size, progress=progress)
    if folder is not None:
        finished = _open(run, Path(folder), settings, resume)
        if finished is not None:
            return finished
    results = {
        task.name: result_of(task, items[task.name], run.records(task, items[task.name]), seed)
        for task in chosen
    }
    report = Report(
        {"format": FORMAT, "version": VERSION, **settings, "software": _software()}
        | {"tasks": results}
    )
    if run.journal is not None and processes().is_main_process:
        report.save(folder)
        run.journal.remove()
    return report


def _chosen(tasks: Sequence[str] | None) -> list[Task]:
    if isinstance(tasks, str):
        raise TypeError(f"tasks must be a list of names, found one string: write [{tasks!r}]")
    names = set(TASKS) if tasks is None else set(tasks)
    if unknown := sorted(names - set(TASKS)):
        raise ValueError(f"tasks has {unknown[0]!r}: expected some of {', '.join(TASKS)}")
    if not names:
        raise ValueError(f"tasks is empty: give some of {', '.join(TASKS)}, or none for all")
    return [task for name, task in TASKS.items() if name in names]


def _limits(limit: int | Mapping[str, int] | None, chosen: Sequence[Task]) -> dict[str, int]:
    """Return the limit of each task that is done."""
    limits = {task.name: task.default_limit for task in chosen}
    if isinstance(limit, Mapping):
        if unknown := sorted(set(limit) - set(limits)):
            raise ValueError(f"limit names {unknown[0]!r}: the tasks are {', '.join(limits)}")
        limits |= limit
    elif limit is not None:
        limits = dict.fromkeys(limits, limit)
    for value in limits.values():
        _require_at_least(value, SMALLEST_LIMIT, "limit")
    return limits


def _require_at_least(value: int, least: int, name: str) -> None:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{name} must be a whole number, found {value!r}")
    if value < least:
        why = ", or halves and intervals mean nothing" if name == "limit" else ""
        raise ValueError(f"{name} is {value}: expected at least {least}{why}")


def check_tokenizer(lm: LanguageModel) -> None:
    """Check that a tokenizer can write what the audit asks.

    Raises:
        ValueError: If words, digits or new lines are lost.
    """
    probe = "Question: What is the capital of Peru?\nAnswer: Lima, 12"
    ids = lm.tokenizer(probe, add_special_tokens=False).input_ids
    back = lm.tokenizer.decode(ids, clean_up_tokenization_spaces=False)
    lost = [word for word in ("Question", "capital", "Peru", "12", "\n") if word not in back]
    if lost:
        raise ValueError(
            f"the tokenizer of {lm.name!r} cannot write the texts of the audit: {probe!r} comes "
            f"back as {back!r}, without {', '.join(map(repr, lost))}. Audit a model whose "
            "vocabulary covers English text."
        )
    if max(ids) >= lm.model.config.get_text_config().vocab_size:
        raise ValueError(
            f"the tokenizer of {lm.name!r} gives token {max(ids)}, but the model knows only "
            f"{lm.model.config.get_text_config().vocab_size}: they do not belong together."
        )


def _open(run: Run, folder: Path, settings: dict[str, Any], resume: bool) -> Report | None:
    """Prepare the folder, and take over what it holds; a finished report is returned."""
    state = processes()
    run.journal = Journal(folder, state.process_index)
    before = run.journal.settings()
    finished = (folder / FILE).exists()
    if (finished or before) and not resume:
        raise ValueError(
            f"{folder} already holds {'a report' if finished else 'an unfinished audit'}: add "
            "--resume (resume=True) to go on with it, or choose another folder"
        )
    report = Report.read(folder) if finished else None
    for earlier in (before, report and report.data):
        if earlier:
            _require_same(folder, earlier, settings)
    state.wait_for_everyone()  # nobody writes before everybody has looked
    if report is None:
        if state.is_main_process:
            run.journal.begin(settings)
        state.wait_for_everyone()
        for task, name, record in gather_object(run.journal.records()):
            run.done.setdefault(task, {})[name] = record
    return report


def _require_same(folder: Path, earlier: dict[str, Any], now: dict[str, Any]) -> None:
    """Refuse to go on with the audit of something else."""
    for part in ("model", "settings"):
        for name in now[part]:
            # A folder may be called by another name; what is in it may not differ.
            if name == "name" or earlier.get(part, {}).get(name) == now[part][name]:
                continue
            found, wanted = earlier.get(part, {}).get(name), now[part][name]
            if name == "items":
                found, wanted = (sorted(of) for of in (found or {}, wanted))
            reason = (
                f"{name} was {found}, and is now {wanted}"
                if found != wanted
                else "the texts or questions have changed with other versions"
            )
            raise ValueError(
                f"{folder} holds the audit of something else: {reason}. Give the same model and "
                "options, or choose another folder"
            )


def _model(lm: LanguageModel) -> dict[str, Any]:
    return {
        "name": lm.name,
        "fingerprint": fingerprint(lm),
        "parameters": sum(weight.numel() for weight in lm.model.parameters()),
        "vocabulary": lm.model.config.get_text_config().vocab_size,
        "dtype": str(lm.model.dtype).removeprefix("torch."),
    }


def fingerprint(lm: LanguageModel) -> str:
    """Return a short name for a model's shape and weights: the ends of each tensor, hashed."""
    config = lm.model.config.to_dict()
    for name in ("_name_or_path", "transformers_version", "dtype", "torch_dtype"):
        config.pop(name, None)
    digest = hashlib.sha256(json.dumps(config, sort_keys=True, default=str).encode())
    for name, weight in lm.model.named_parameters():
        ends = [] if weight.is_meta else [*_ends(weight)]
        digest.update(json.dumps([name, list(weight.shape), ends]).encode())
    return digest.hexdigest()[:16]


def _ends(weight: torch.Tensor) -> list[float]:
    flat = weight.detach().flatten()
    return torch.cat([flat[:8], flat[-8:]]).float().cpu().tolist()


def _software() -> dict[str, str]:
    return {
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "transformers": transformers.__version__,
    }
