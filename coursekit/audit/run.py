"""The whole calibration report of a causal language model, on a laptop, a GPU or many.

`audit(lm)` lets a model predict prose, code and its own samples, choose among answers and answer
freely, and says of each how often it was right, how sure it was, and what a temperature mends; with
an interval on every number. `compare` sets two such reports side by side.
"""

from __future__ import annotations

import platform
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers
from accelerate.utils import gather_object
from transformers import PreTrainedTokenizerBase

from coursekit._checks import as_count, as_seed
from coursekit.audit.asking import ANSWERS, CHOICES, STATED
from coursekit.audit.assembling import result_of
from coursekit.audit.items import (
    SMALLEST_LIMIT,
    Item,
    Task,
    digest_of,
    require_items,
    require_task,
)
from coursekit.audit.journal import Journal
from coursekit.audit.report import FILE, Report
from coursekit.audit.running import Run, processes
from coursekit.audit.schema import FORMAT, VERSION
from coursekit.audit.subject import Model, as_language_model, check_tokenizer, describe
from coursekit.audit.text import CODE, PROSE, SAMPLES
from coursekit.llm._admission import evaluating
from coursekit.llm.pretrained import LanguageModel

#: Every task by name, in the order in which they are done.
TASKS: dict[str, Task] = {
    task.name: task  # type: ignore[misc]  # frozen, which a Protocol of attributes cannot say
    for task in (PROSE, CODE, SAMPLES, CHOICES, ANSWERS, STATED)
}
#: What is done only where it is named: a model that was not tuned for chats states no number.
ON_REQUEST = ("stated",)

Asked = Sequence[str | Task]
Limit = int | Mapping[str, int]


def default_batch_size(device: torch.device) -> int:
    """Items to read at once: few keep a processor busy, a GPU wants more.

    Example:
        >>> default_batch_size(torch.device("cpu"))
        4
    """
    return 4 if device.type == "cpu" else 16


def audit(
    model: Model,
    tokenizer: PreTrainedTokenizerBase | Asked | None = None,
    tasks: Asked | Limit | None = None,
    limit: Limit | None = None,
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
        model: A `LanguageModel`; what `load` takes: `"smollm2-135m-instruct"`, a folder, a GGUF
            file, a name on the hub; or a causal language model of `transformers` in memory, which
            is held in evaluation mode meanwhile and given back as it was.
        tokenizer: Of a model in memory. Other models bring theirs, and leave its place out:
            `audit(lm, tasks, limit)`.
        tasks: Names of `TASKS`, and tasks of your own (see `Task`); by default all of `TASKS` but
            those of `ON_REQUEST`.
        limit: Items of each task, at most; one number for all, or one for some by name. By default
            what suits a laptop (3 minutes or less for the embedded model). More items, narrower
            intervals.
        seed: Chooses items, halves and samples.
        batch_size: Items read at once; by default 4 on a processor, 16 on a GPU.
        folder: Where `report.json` is written. It also keeps finished batches until then.
        resume: Go on from what an interrupted audit has left in the folder.
        progress: Show a progress bar for each task.

    Raises:
        TypeError: A model without its tokenizer, or a task that lacks something.
        ValueError: An unknown task, a limit or batch size out of range, a tokenizer that cannot
            write the texts, logits that are not finite, or a folder with another audit in it.
        OutOfMemoryError: A batch did not fit; the message says what to try.
        ModelUnavailableError: The model was named and cannot be had.
        OSError: The folder cannot be written.

    Example:
        `Task` has one that goes through; what cannot be is refused before a model is loaded.

        >>> audit("smollm2-135m-instruct", ["prose"], limit=3)
        Traceback (most recent call last):
        ValueError: limit must be at least 8, found 3
    """
    own_tokenizer, asked, at_most = _in_place(tokenizer, tasks, limit)
    plan = Plan.of(asked, at_most, seed, batch_size)
    if folder is not None:
        require_free(folder, resume)
    lm = as_language_model(model, own_tokenizer)
    with evaluating(lm.model):
        return _audit(lm, plan, None if folder is None else Path(folder), resume, progress)


def _in_place(
    tokenizer: PreTrainedTokenizerBase | Asked | None,
    tasks: Asked | Limit | None,
    limit: Limit | None,
) -> tuple[Any, Any, Any]:
    """Put what stands in the place of a tokenizer, or of the tasks, into its own."""
    if tokenizer is None and isinstance(tasks, int | Mapping) and limit is None:
        return None, None, tasks  # audit(lm, None, 8)
    if isinstance(tokenizer, PreTrainedTokenizerBase) or not isinstance(tokenizer, Iterable):
        return tokenizer, tasks, limit
    if tasks is None:
        return None, tokenizer, limit  # audit(lm, ["prose"], limit=8)
    if limit is None:
        return None, tokenizer, tasks  # audit(lm, ["prose"], 8)
    raise TypeError(f"tokenizer must be a tokenizer of transformers, found {tokenizer!r:.80}")


@dataclass(frozen=True)
class Plan:
    """What to ask, checked before a model is loaded for it."""

    tasks: list[Task]
    limits: dict[str, int]
    seed: int
    batch_size: int | None

    @classmethod
    def of(
        cls,
        tasks: Asked | None = None,
        limit: Limit | None = None,
        seed: int = 0,
        batch_size: int | None = None,
    ) -> Plan:
        """Check the arguments of `audit`.

        Raises:
            TypeError, ValueError: As `audit`.

        Example:
            >>> Plan.of(["code", "prose"], 9).limits
            {'prose': 9, 'code': 9}
        """
        chosen = _chosen(tasks)
        if batch_size is not None:
            batch_size = as_count(batch_size, "batch_size")
        return cls(chosen, _limits(limit, chosen), as_seed(seed), batch_size)


def _chosen(tasks: Asked | None) -> list[Task]:
    """Return tasks in the order of `TASKS`, and then those of somebody's own."""
    if tasks is None:
        return [task for name, task in TASKS.items() if name not in ON_REQUEST]
    if isinstance(tasks, str) or not isinstance(tasks, Iterable):
        raise TypeError(f"tasks must be a list, found {tasks!r:.80}. Write tasks=[...]")
    known = ", ".join(TASKS)
    own: dict[str, Task] = {}
    names = set()
    for task in tasks:
        if isinstance(task, str):
            if task not in TASKS:
                raise ValueError(f"tasks must be some of {known}, or a Task, found {task!r}")
            names.add(task)
        elif any(task is ours for ours in TASKS.values()):
            names.add(task.name)
        else:
            require_task(task)
            if task.name in TASKS or own.get(task.name, task) is not task:
                raise ValueError(f"names of tasks must differ, found {task.name!r} twice")
            own[task.name] = task
    if not names and not own:
        raise ValueError(f"tasks must be some of {known}, or None for all, found none")
    return [*(task for name, task in TASKS.items() if name in names), *own.values()]


def _limits(limit: Limit | None, chosen: Sequence[Task]) -> dict[str, int]:
    """Return the limit of each task that is done."""
    limits = {task.name: task.default_limit for task in chosen}
    if isinstance(limit, Mapping):
        if unknown := sorted(set(limit) - set(limits)):
            raise ValueError(
                f"limit must name tasks that are done ({', '.join(limits)}), found {unknown[0]!r}"
            )
        limits |= limit
    elif limit is not None:
        limits = dict.fromkeys(limits, limit)
    return {name: as_count(value, "limit", least=SMALLEST_LIMIT) for name, value in limits.items()}


def require_free(folder: str | Path, resume: bool) -> None:
    """Check that nothing is in a folder that an audit would write over.

    Raises:
        ValueError: If there is, and `resume` does not ask to go on with it.

    Example:
        >>> require_free("no/such/folder", resume=False)
    """
    folder = Path(folder)
    finished = (folder / FILE).exists()
    if not resume and (finished or Journal(folder, 0, {}).is_used()):
        raise ValueError(
            f"folder must be empty, found {'a report' if finished else 'an unfinished audit'} in "
            f"{folder}. Add --resume (resume=True) to go on with it, or choose another folder"
        )


def require_writable(folder: Path, process: int = 0) -> None:
    """Find out before anything is asked whether there will be a place for its report.

    Args:
        folder: Of the report; it is made.
        process: Which of several processes asks.

    Raises:
        OSError: If nothing can be written there.
    """
    probe = folder / f".writable.{process}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise OSError(
            f"cannot write into {folder}: {error.strerror or error}. Choose another --output"
        ) from error


@contextmanager
def resumable() -> Iterator[None]:
    """Say how to go on where somebody interrupts."""
    try:
        yield
    except KeyboardInterrupt as interrupt:
        raise KeyboardInterrupt(
            "Interrupted. Add --resume to the same command to go on."
        ) from interrupt


def _audit(
    lm: LanguageModel, plan: Plan, folder: Path | None, resume: bool, progress: bool
) -> Report:
    check_tokenizer(lm)
    items = {task.name: _items(task, lm, plan) for task in plan.tasks}
    settings = {
        "model": describe(lm),
        "settings": {
            "seed": plan.seed,
            "limit": plan.limits,
            "items": {name: digest_of(of_task) for name, of_task in items.items()},
        },
    }
    run = Run(lm, plan.seed, plan.batch_size or default_batch_size(lm.device), progress=progress)
    with ExitStack() as stack:
        if folder is not None:
            finished = _open(run, folder, settings, resume, stack)
            if finished is not None:
                return finished
        results = {
            task.name: result_of(
                task, items[task.name], run.records(task, items[task.name]), plan.seed
            )
            for task in plan.tasks
        }
        report = Report(
            {"format": FORMAT, "version": VERSION, **settings, "software": software()}
            | {"tasks": results}
        )
        if folder is not None and processes().is_main_process:
            report.save(folder)
    if run.journal is not None and processes().is_main_process:
        run.journal.remove()
    return report


def _items(task: Task, lm: LanguageModel, plan: Plan) -> list[Item]:
    limit = plan.limits[task.name]
    items = task.items(lm, limit, plan.seed)
    require_items(task, items, limit, plan.seed)
    return items


def _open(
    run: Run, folder: Path, settings: dict[str, Any], resume: bool, stack: ExitStack
) -> Report | None:
    """Take the folder for this audit, and take over what it holds; return a finished report."""
    state = processes()
    # The folder of a model may be called by another name; what is in it may not differ.
    asked = settings | {"model": settings["model"] | {"name": ""}}
    journal = Journal(folder, state.process_index, asked)
    require_free(folder, resume)
    if (folder / FILE).exists():
        report = Report.read(folder)
        require_same(folder, report.data, settings)
        state.wait_for_everyone()
        if state.is_main_process:
            journal.remove()  # a kill right after the report was written has left it
        return report
    if earlier := journal.settings():
        require_same(folder, earlier, settings)
    state.wait_for_everyone()  # nobody writes before everybody has looked
    if state.is_main_process:
        stack.enter_context(journal.held())
        require_free(folder, resume)  # another audit may have ended between the look and the lock
        journal.begin()
    state.wait_for_everyone()
    for task, name, record in gather_object(journal.records()):
        run.done.setdefault(task, {})[name] = record
    run.journal = journal
    return None


def require_same(folder: Path, earlier: dict[str, Any], now: dict[str, Any]) -> None:
    """Refuse to go on with the audit of something else.

    Raises:
        ValueError: If a model, an option or an item was another one.

    Example:
        >>> settings = {"model": {"fingerprint": "1f"}, "settings": {"seed": 0}}
        >>> require_same(Path("audit"), settings, settings)
    """
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


def software() -> dict[str, str]:
    """Return the versions of what computed a report.

    Example:
        >>> list(software())
        ['python', 'torch', 'transformers']
    """
    return {
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "transformers": transformers.__version__,
    }
