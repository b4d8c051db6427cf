"""The calibration report of a served model: what is asked, what it costs, and how it is kept.

`audit_served(address)` finds out what the server can do, asks each task in the best way that there
is, many requests at a time, and keeps every answer on the disk before the report is written, so
that nothing that was paid for is lost.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from typing import Any

from tqdm.auto import tqdm

from coursekit._checks import as_count, as_seed
from coursekit.audit.asking import Questions
from coursekit.audit.assembling import result_of
from coursekit.audit.items import SMALLEST_LIMIT, Item, digest_of, require_items
from coursekit.audit.journal import Journal
from coursekit.audit.report import FILE, Report
from coursekit.audit.run import require_free, require_same, software
from coursekit.audit.running import Records, plain_records
from coursekit.audit.schema import FORMAT, VERSION
from coursekit.audit.served.client import Client, ServerError, address_of, key_from
from coursekit.audit.served.probing import Probing, connect, fingerprint, probe
from coursekit.audit.served.server import Server
from coursekit.audit.served.tasks import BY_NAME, Asking, asking_of, require_same_scores

#: What only weights can be asked, and why.
ONLY_WEIGHTS = (
    "the next token of prose, code and own samples: it needs the probabilities of all tokens, "
    "which no server sends"
)
N_AGAIN = 8  #: items of a task that are asked once more at the end
Asked = Sequence[str | Questions]
Limit = int | Mapping[str, int]


def audit_served(
    address: str,
    *,
    model: str | None = None,
    tasks: Asked | None = None,
    limit: Limit | None = None,
    seed: int = 0,
    key_variable: str | None = None,
    concurrency: int = 4,
    timeout: float = 120.0,
    with_logprobs: bool = True,
    folder: str | Path | None = None,
    resume: bool = False,
    progress: bool = True,
) -> Report:
    """Measure the calibration of a model behind an OpenAI-compatible address.

    Args:
        address: Of the server, such as `"http://127.0.0.1:8080/v1"`.
        model: Its name there; may be left out where there is only one.
        tasks: Some of "choices", "answers" and "stated", all by default; and questions of your own
            (`ChoiceTask`, `AnswerTask`, or what `task_of` makes).
        limit: Items of each task, at most; one number for all, or one for some by name.
        seed: Chooses items, halves and samples.
        key_variable: The environment variable that holds the key; by default `OPENAI_API_KEY`, if
            there is one. The key is sent to the server, and stands in no file and no message.
        concurrency: How many requests are under way at a time.
        timeout: Seconds that one attempt of a request may take.
        with_logprobs: Whether to use log-probabilities where the server gives them.
        folder: Where `report.json` is written. It also keeps every answer until then.
        resume: Go on from what an interrupted audit has left in the folder.
        progress: Show a progress bar for each task.

    Raises:
        TypeError: An argument of another kind.
        ValueError: An address, task, limit or number that cannot be, or a folder with another audit
            in it.
        ServerError: The server gives no answers, none that can be measured, or log-probabilities
            that contradict each other.
        OSError: The folder cannot be written.

    Example:
        What cannot be is refused before anything is sent.

        >>> audit_served("http://127.0.0.1:8080/v1", limit=3)
        Traceback (most recent call last):
        ValueError: limit must be at least 8, found 3
    """
    chosen, limits = choose(tasks, limit)
    as_seed(seed)
    if folder is not None:
        require_free(folder, resume)
    client = open_client(address, key_variable, concurrency, timeout)
    plan = Plan.of(client, model, chosen, limits, seed, with_logprobs)
    return plan.carry_out(None if folder is None else Path(folder), resume, progress)


def open_client(address: str, key_variable: str | None, concurrency: int, timeout: float) -> Client:
    """Return what speaks with a server, after all checks that need none.

    Raises:
        TypeError, ValueError: As `audit_served`.

    Example:
        >>> open_client("http://127.0.0.1:8080", None, 2, 60).address
        'http://127.0.0.1:8080/v1'
    """
    if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not 0 < timeout < 1e6:
        raise ValueError(f"timeout must be a positive number of seconds, found {timeout!r}")
    connections = as_count(concurrency, "concurrency", most=1000)
    return Client(address_of(address), key_from(key_variable), float(timeout), connections)


def choose(
    tasks: Asked | None = None, limit: Limit | None = None
) -> tuple[list[Questions], dict[str, int]]:
    """Return what is asked, and of each the items at most.

    Raises:
        TypeError, ValueError: As `audit_served`.

    Example:
        >>> choose(["answers", "choices"], 9)[1]
        {'answers': 9, 'choices': 9}
    """
    chosen = _chosen(tasks)
    limits = {task.name: task.default_limit for task in chosen}
    given: Mapping[str, int] = (
        limit
        if isinstance(limit, Mapping)
        else {}
        if limit is None
        else dict.fromkeys(limits, limit)
    )
    if unknown := sorted(set(given) - set(limits)):
        raise ValueError(
            f"limit must name tasks that are done ({', '.join(limits)}), found {unknown[0]!r}"
        )
    limits |= {
        name: as_count(value, "limit", least=SMALLEST_LIMIT) for name, value in given.items()
    }
    return chosen, limits


def _chosen(tasks: Asked | None) -> list[Questions]:
    if tasks is None:
        return list(BY_NAME.values())
    if isinstance(tasks, str) or not isinstance(tasks, Iterable):
        raise TypeError(f"tasks must be a list, found {tasks!r:.80}. Write tasks=[...]")
    chosen: dict[str, Questions] = {}
    for asked in tasks:
        if isinstance(asked, str) and asked not in BY_NAME:
            raise ValueError(
                f"tasks of a served model must be some of {', '.join(BY_NAME)}, or questions of "
                f"your own, found {asked!r}. Only weights can be asked for {ONLY_WEIGHTS}"
            )
        task = BY_NAME[asked] if isinstance(asked, str) else asked
        if not isinstance(task, Questions):
            raise TypeError(
                f"tasks of a served model must be names, ChoiceTask or AnswerTask, found "
                f"{asked!r:.80}. Only weights can be asked for {ONLY_WEIGHTS}"
            )
        if chosen.setdefault(task.name, task) is not task:
            raise ValueError(f"names of tasks must differ, found {task.name!r} twice")
    if not chosen:
        raise ValueError(f"tasks must be some of {', '.join(BY_NAME)}, found none")
    return list(chosen.values())


@dataclass
class Plan:
    """What will be asked of a server that is known by now.

    Attributes:
        server: The server.
        probing: What was found out about it.
        askings: How each task is asked.
        items: What is asked, by the name of the task.
        limits: The items of each task, at most.
        seed: Of items, halves and samples.
    """

    server: Server
    probing: Probing
    askings: list[Asking]
    items: dict[str, list[Item]]
    limits: dict[str, int]
    seed: int

    @classmethod
    def of(
        cls,
        client: Client,
        model: str | None,
        tasks: Sequence[Questions],
        limits: Mapping[str, int],
        seed: int,
        with_logprobs: bool,
    ) -> Plan:
        """Find out what the server can do, and choose how to ask.

        Raises:
            ServerError: As `audit_served`.
        """
        server = connect(client, model)
        probing = probe(server, with_logprobs=with_logprobs)
        chosen = [asking_of(server, task) for task in tasks]
        at_most, items = {}, {}
        for asked, asking in zip(tasks, chosen, strict=True):
            task, most = asking.task, limits[asked.name]
            at_most[task.name], items[task.name] = most, task.items(None, most, seed)
            require_items(task, items[task.name], most, seed)
        return cls(server, probing, chosen, items, at_most, seed)

    @property
    def cost(self) -> tuple[int, int, int]:
        """Requests, tokens that the server reads, and tokens that it writes at most; about."""
        costs = [
            asking.cost(item)
            for asking in self.askings
            for item in (*self.items[asking.task.name], *self._again(asking))
        ]
        requests, letters, written = (sum(column) for column in zip(*costs, strict=True))
        return requests, round(letters * self.server.can.tokens_per_letter), written

    def describe(self) -> str:
        """Say what the server can do, how it will be asked, and what that costs."""
        server, found = self.server, self.probing
        requests, read, written = self.cost
        lines = [f"{server.model}, served by {server.name} at {server.client.address}:"]
        lines += [f"  {line}" for line in (*found.can, *found.cannot)]
        lines += ["Scored in two ways, which agree:", *(f"  {line}" for line in found.control)]
        lines = lines if found.control else lines[:-1]
        for asking in self.askings:
            n_items = len(self.items[asking.task.name])
            lines.append(f"{asking.task.title} ({n_items} items): {asking.how}.")
        lines += [
            f"Not measured: {ONLY_WEIGHTS}.",
            f"About {requests:,} requests: {read:,} tokens to read, at most {written:,} to write.",
        ]
        return "\n".join(lines)

    def settings(self, tasks: Iterable[str] | None = None) -> dict[str, Any]:
        """Return what makes this audit this audit: model, seed, and items of some tasks, or all."""
        server, names = self.server, list(self.items if tasks is None else tasks)
        return {
            "model": {
                "kind": "served",
                "name": server.model,
                "server": server.name,
                "fingerprint": fingerprint(server),
                **server.facts,
            },
            "settings": {
                "seed": self.seed,
                "limit": {name: self.limits[name] for name in names},
                "items": {name: digest_of(self.items[name]) for name in names},
                "asked": {a.task.name: a.how for a in self.askings if a.task.name in names},
            },
        }

    def carry_out(self, folder: Path | None, resume: bool, progress: bool) -> Report:
        """Ask everything, and return the report.

        Raises:
            ServerError, ValueError, OSError: As `audit_served`.
        """
        done: dict[str, Records] = {}
        with ExitStack() as stack:
            journal = None
            if folder is not None:
                taken = self._take(folder, resume, stack)
                if isinstance(taken, Report):
                    return taken
                journal = taken
                for task, name, record in journal.records():
                    done.setdefault(task, {})[name] = record
            records = {
                asking.task.name: self._ask(
                    asking, done.get(asking.task.name, {}), journal, progress
                )
                for asking in self.askings
            }
            self._require_unchanged(records)
            report = self._report(records)
            if folder is not None:
                report.save(folder)
        if journal is not None:
            journal.remove()
        return report

    def _take(self, folder: Path, resume: bool, stack: ExitStack) -> Journal | Report:
        """Take the folder for this audit; return a report that is already finished."""
        # The address may change from run to run; what stands behind it may not.
        settings = self.settings()
        journal = Journal(folder, 0, settings)
        require_free(folder, resume)
        if (folder / FILE).exists():
            report = Report.read(folder)
            # What could not be measured is not in it.
            require_same(folder, report.data, self.settings(set(report.tasks) & set(self.items)))
            journal.remove()
            return report
        if earlier := journal.settings():
            require_same(folder, earlier, settings)
        stack.enter_context(journal.held())
        require_free(folder, resume)
        journal.begin()
        return journal

    def _ask(
        self, asking: Asking, done: Records, journal: Journal | None, progress: bool
    ) -> Records:
        """Ask what is missing, several items at a time, and keep each answer at once."""
        task, items = asking.task, self.items[asking.task.name]
        missing = [item for item in items if item.name not in done]
        found = dict(done)
        shown = progress and bool(missing)
        with (
            ThreadPoolExecutor(self.server.client.connections) as pool,
            tqdm(total=len(missing), desc=task.title, unit="item", disable=not shown) as bar,
        ):
            waiting: dict[Future[Any], Item] = {
                pool.submit(asking.read, self.server, item, self.seed): item for item in missing
            }

            def keep(finished: Iterable[Future[Any]]) -> None:
                for future in finished:
                    item = waiting.pop(future)
                    [record] = plain_records(task, [item], [future.result()])
                    if journal is not None:
                        journal.append(task.name, [item.name], [record])
                    found[item.name] = record
                    bar.update()

            try:
                while waiting:
                    keep(wait(waiting, return_when=FIRST_COMPLETED).done)
            except BaseException:
                # What was not begun will not be; what is under way is waited for, and kept. But
                # a server may ask for minutes of patience, and then nothing is under way.
                self.server.client.stop()
                pool.shutdown(wait=True, cancel_futures=True)
                fine = [f for f in waiting if not f.cancelled() and f.exception() is None]
                keep(fine)
                raise
        return {item.name: found[item.name] for item in items}

    def _again(self, asking: Asking) -> list[Item]:
        """Return the items that are asked once more at the end, spread over all."""
        items = self.items[asking.task.name] if asking.is_certain else []
        places = {round(part * (len(items) - 1) / (N_AGAIN - 1)) for part in range(N_AGAIN)}
        return [items[place] for place in sorted(places)] if items else []

    def _require_unchanged(self, records: Mapping[str, Records]) -> None:
        """Ask a few questions again: what was checked at the beginning may hold no more.

        Raises:
            ServerError: If their scores are others by now.
        """
        for asking in self.askings:
            items, name = self._again(asking), asking.task.name
            with ThreadPoolExecutor(self.server.client.connections) as pool:
                asked = pool.map(asking.read, repeat(self.server), items, repeat(self.seed))
                again = list(asked)
            for item, record in zip(items, again, strict=True):
                require_same_scores(item, records[name][item.name], record)

    def _report(self, records: Mapping[str, Records]) -> Report:
        notes = [f"Not measured: {ONLY_WEIGHTS}."]
        results = {}
        for asking in self.askings:
            name = asking.task.name
            items = self.items[name]
            try:
                counts = asking.count([records[name][item.name] for item in items])
            except ServerError as error:
                notes.append(f"Not measured: {asking.task.title}. {error}.")
                continue
            result = result_of(asking.task, items, records[name], self.seed)
            results[name] = result | {"asked": {"how": asking.how, **counts}}
        if not results:
            raise ServerError("nothing could be measured. " + " ".join(notes[1:]))
        found = self.probing
        return Report(
            {"format": FORMAT, "version": VERSION, **self.settings(results), "software": software()}
            | {
                "served": {"can": found.can, "cannot": found.cannot, "control": found.control},
                "notes": notes,
                "tasks": results,
            }
        )
