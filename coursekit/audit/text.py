"""Next-token tasks of an audit: prose and code that exist, and the model's own samples.

The event is the same in all three: the token that the model finds most likely is the one that
comes. Own samples are the control: drawn at temperature 1, they follow the model's probabilities by
construction, so there a sound measurement must find calibration.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from coursekit._chance import throw_darts
from coursekit.audit.items import NEXT_TOKEN, Item, Record, require_finite
from coursekit.calibration.sums import Sums, sums_of
from coursekit.calibration.temperatures import OCTAVE, TEMPERATURES
from coursekit.data import (
    Document,
    dataset_descriptions,
    reference_documents,
    source_documents,
)
from coursekit.data.ordering import hash_order
from coursekit.llm.next_token import token_windows
from coursekit.llm.pretrained import LanguageModel

CONTEXT = 256  # tokens of context in a window of text
SAMPLE = 128  # tokens of a sampled text
#: Logits that are reduced together: much on a GPU, on a CPU what stays close to its core (2 MB).
NUMBERS_AT_A_TIME = (2**26, 2**19)


@dataclass(frozen=True)
class NextTokens:
    """Next-token calibration; what its texts are, a subclass says."""

    scale: ClassVar[str] = NEXT_TOKEN
    name: str
    title: str
    default_limit: int
    entity: str
    same_for_all: bool = True
    event: str = "the most likely token is the one that comes next"
    two_readings: bool = True
    lightness: int = 1
    one_prediction: bool = False

    def before(self, item: Item, record: Record) -> Sums:
        """Return sums of the window as it was read."""
        return record["before"]

    def after(self, item: Item, record: Record, temperature: float) -> Sums:
        """Return sums of the window at the fitted temperature."""
        return record["after"]

    def nll_at(self, item: Item, record: Record) -> list[float]:
        """Negative log-likelihood of the window at each temperature, in nats."""
        return record["nll_at"]


class Texts(NextTokens):
    """Windows of texts that exist: an equal say for each document, whatever its length."""

    def documents(self) -> list[list[tuple[Document, str]]]:
        """Documents with their source; of the first list all windows come before the next."""
        if self.name == "code":
            return [[(document, "standard library") for document in source_documents()]]
        stable = [(document, "language reference") for document in reference_documents(stable=True)]
        stable += [(document, "data set descriptions") for document in dataset_descriptions()]
        known = {document.name for document, _ in stable}
        others = [(d, "language reference") for d in reference_documents() if d.name not in known]
        return [stable, others]

    def items(self, lm: LanguageModel, limit: int, seed: int) -> list[Item]:
        """Return the first window of each document, then the second ones, and so on."""
        context = min(CONTEXT, (lm.context_limit or CONTEXT + 1) - 1)
        found: list[Item] = []
        for documents in self.documents():
            if len(found) < limit:
                found += self._windows(lm, documents, context, limit, seed)
        return found[:limit]

    def _windows(
        self,
        lm: LanguageModel,
        documents: list[tuple[Document, str]],
        context: int,
        limit: int,
        seed: int,
    ) -> list[Item]:
        documents = hash_order(documents, "audit", seed, name=lambda pair: pair[0].name)
        texts = [document.text for document, _ in documents]
        windows, places = token_windows(lm, texts, context, per_text=limit)
        seen = [0] * len(documents)
        rounds = []
        for ids, place in zip(windows.tolist(), places.tolist(), strict=True):
            document, source = documents[place]
            name = f"{document.name} #{seen[place]}"
            rounds.append((seen[place], place, Item(name, document.name, ids, {"source": source})))
            seen[place] += 1
        return [item for _, _, item in sorted(rounds, key=lambda entry: entry[:2])]

    @torch.inference_mode()
    def read(
        self, lm: LanguageModel, items: Sequence[Item], seed: int, temperature: float | None
    ) -> list[Record]:
        """Read windows of one length side by side."""
        ids = torch.tensor([item.content for item in items], device=lm.device)
        logits = lm.model(input_ids=ids[:, :-1], use_cache=False).logits
        return _Reading(lm, len(items), temperature).add(logits, ids[:, 1:]).records()


class OwnSamples(NextTokens):
    """Texts that the model writes itself, from the mark that stands between two texts."""

    def items(self, lm: LanguageModel, limit: int, seed: int) -> list[Item]:
        """Numbers: the text of number i depends on the model, the seed and i."""
        self.start_token(lm)
        return [Item(f"sample {i}", f"sample {i}", i) for i in range(limit)]

    def start_token(self, lm: LanguageModel) -> int:
        """Return the token after which anything may begin."""
        tokenizer = lm.tokenizer
        vocabulary = tokenizer.get_vocab()
        marks = (vocabulary.get("<|endoftext|>"), tokenizer.bos_token_id, tokenizer.eos_token_id)
        for mark in marks:
            if mark is not None:
                return mark
        raise ValueError(
            f"the tokenizer of {lm.name!r} has no token for the beginning or the end of a text, "
            f"from which the model could write its own: leave out the task {self.name!r}."
        )

    @torch.inference_mode()
    def read(
        self, lm: LanguageModel, items: Sequence[Item], seed: int, temperature: float | None
    ) -> list[Record]:
        """Write texts side by side, and read each step's probabilities while they are there."""
        length = min(SAMPLE, (lm.context_limit or SAMPLE + 1) - 1)
        darts = torch.tensor(
            np.stack([np.random.default_rng([seed, item.content]).random(length) for item in items])
        )
        last = torch.full((len(items), 1), self.start_token(lm), device=lm.device)
        cache, reading = None, _Reading(lm, len(items), temperature)
        for step in range(length):
            output = lm.model(last, past_key_values=cache, use_cache=True)
            cache, logits = output.past_key_values, output.logits[:, -1].float()
            # On the CPU, where float64 always exists: a dart falls where it does everywhere.
            laws = logits.cpu().double().softmax(dim=-1)
            last = throw_darts(laws, darts[:, step, None]).to(lm.device)
            reading.add(logits[:, None], last)
        return reading.records()


class _Reading:
    """The sums of a batch of windows, filled a block of positions at a time.

    Without a temperature the likelihood at each of `TEMPERATURES` is read as well (the calibration
    half); with one, the sums at this temperature (the held-out half).
    """

    def __init__(self, lm: LanguageModel, n_windows: int, temperature: float | None) -> None:
        self.lm = lm
        self.n_windows = n_windows
        self.temperature = temperature
        self.states = (1.0,) if temperature is None else (1.0, temperature)
        self.rows: list[dict[str, Tensor]] = []  # columns of consecutive rows, on the device
        self.shape: list[tuple[int, int]] = []

    def add(self, logits: Tensor, targets: Tensor) -> _Reading:
        """Add logits `(W, L, V)` and the tokens that came `(W, L)`."""
        self.shape.append((targets.shape[0], targets.shape[1]))
        numbers = NUMBERS_AT_A_TIME[logits.device.type == "cpu"]
        at_once = max(1, numbers // logits.shape[-1])
        rows = zip(
            logits.flatten(0, 1).split(at_once), targets.flatten().split(at_once), strict=True
        )
        self.rows += [self._reduce(part.float(), truth) for part, truth in rows]
        return self

    def _reduce(self, logits: Tensor, targets: Tensor) -> dict[str, Tensor]:
        """Reduce logits `(N, V)` to columns `(N, ...)`."""
        top, guess = logits.max(dim=-1)
        below = logits - top[:, None]
        truth = below.gather(-1, targets[:, None]).squeeze(-1)
        columns = {"correct": guess == targets, "truth": truth}
        for state, temperature in enumerate(self.states):
            columns[f"log_total {state}"] = (below / temperature).exp_().sum(dim=-1).log()
        if self.temperature is None:
            columns["log_totals"] = torch.stack(_log_totals(below), dim=1)
        return columns

    def records(self) -> list[Record]:
        """Return a record for each window."""
        # Only now to the CPU, all at once, as a GPU must not wait for each.
        columns = {
            name: self._by_window(torch.cat([part[name] for part in self.rows]).cpu())
            for name in self.rows[0]
        }
        records: list[Record] = [{} for _ in range(self.n_windows)]
        for state, temperature in enumerate(self.states):
            log_total = columns[f"log_total {state}"]
            confidence = (-log_total).exp()
            nll = log_total.double() - columns["truth"].double() / temperature
            require_finite(self.lm, nll)
            windows = zip(confidence, columns["correct"], nll, records, strict=True)
            for *window, record in windows:
                record[("before", "after")[state]] = sums_of(*window)
        if self.temperature is None:
            temperatures = torch.tensor(TEMPERATURES, dtype=torch.float64)
            truth = columns["truth"].double()[..., None] / temperatures
            nll_at = (columns["log_totals"].double() - truth).sum(dim=1)
            for nll, record in zip(nll_at.tolist(), records, strict=True):
                record["nll_at"] = nll
        return records

    def _by_window(self, column: Tensor) -> Tensor:
        """Rows `(sum of W L, ...)`, block after block, as windows `(W, sum of L, ...)`."""
        parts = column.split([windows * length for windows, length in self.shape])
        shaped = [part.unflatten(0, shape) for part, shape in zip(parts, self.shape, strict=True)]
        return torch.cat(shaped, dim=1)


def _log_totals(below: Tensor) -> list[Tensor]:
    """Return the log of the sum of exp(below / T), at each of `TEMPERATURES`, of rows `(N, V)`.

    exp(z / T) is the square of exp(z / 2T): an octave costs a multiplication, not an exponential.
    """
    found: list[Tensor] = [torch.empty(0)] * len(TEMPERATURES)
    for highest in range(len(TEMPERATURES) - OCTAVE, len(TEMPERATURES)):
        weights = (below / TEMPERATURES[highest]).exp_()
        for place in range(highest, -1, -OCTAVE):
            found[place] = weights.sum(dim=-1).log()
            weights.square_()
    return found


PROSE = Texts("prose", "Next token, prose", 40, "document")
CODE = Texts("code", "Next token, code", 36, "document")
SAMPLES = OwnSamples(
    "samples", "Next token, own samples", 32, "sampled text", same_for_all=False, lightness=4
)
