"""A repair to deploy: a temperature that an audit has fitted on one half and proven on the other.

    calibrator = Repair.of(report, "prose")
    calibrator.save("prose.json")                 # refused where the held-out half gained nothing
    ...
    calibrator = load_calibrator("prose.json", model=lm, task="prose")
    lm.model.generate(..., do_sample=True, logits_processor=[calibrator.logits_processor()])

The file says for which model and task it holds; for another one there is no proof, and loading it
is an error.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import LogitsProcessor, PreTrainedModel

from coursekit._files import write_atomically
from coursekit.audit.items import NEXT_TOKEN
from coursekit.audit.report import Report
from coursekit.audit.schema import CALIBRATOR_FORMAT, CALIBRATOR_VERSION, validate_calibrator
from coursekit.audit.sealing import read_sealed, sealed
from coursekit.audit.subject import fingerprint
from coursekit.calibration import Interval
from coursekit.llm.pretrained import LanguageModel


class TemperatureProcessor(LogitsProcessor):
    """Divides the logits of the next token by a temperature, inside `generate`.

    Args:
        temperature: Above 0.
        vocabulary: How many logits the model gives; others are refused.

    Example:
        >>> processor = TemperatureProcessor(2.0, vocabulary=3)
        >>> processor(torch.tensor([[0]]), torch.tensor([[2.0, 4.0, 0.0]])).tolist()
        [[1.0, 2.0, 0.0]]
    """

    def __init__(self, temperature: float, vocabulary: int) -> None:
        self.temperature = temperature
        self.vocabulary = vocabulary

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """Return scores `(N, V)` divided by the temperature."""
        _require_vocabulary(scores, self.vocabulary)
        return scores / self.temperature


@dataclass(frozen=True)
class Repair:
    """A temperature, for which model and task it holds, and what the held-out half gained by it.

    Attributes:
        data: All of it, as in the file but for the seal; `schema.CALIBRATOR_SCHEMA` says what each
            entry is.

    Example:
        >>> calibrator = Repair(
        ...     {
        ...         "parameters": {"temperature": 2.0},
        ...         "task": {"scale": "log-probabilities of the options"},
        ...         "nll_change": {"estimate": -0.3, "low": -0.4, "high": -0.2},
        ...     }
        ... )
        >>> print(calibrator)
        temperature 2.00, -0.300 [-0.400, -0.200] nats on the held-out half
        >>> calibrator.predict_proba([[4.0, 0.0]]).round(decimals=3).tolist()
        [[0.881, 0.119]]
    """

    data: dict[str, Any] = field(repr=False)

    @classmethod
    def of(cls, report: Report, task: str) -> Repair:
        """Take the repair of one task out of a report.

        Raises:
            ValueError: If the task was not done, does not say what its temperature divides, or was
                not done by a model whose weights were read.
        """
        found = report.task(task)
        if report.data["model"]["kind"] != "weights":
            raise ValueError(
                f"report must be of a model whose weights were read, found {report.model!r}: for "
                "nothing else can be checked later whether it is the same"
            )
        if "scale" not in found:
            raise ValueError(
                f"task {task!r} must say what its temperature divides to be repaired elsewhere: "
                "give it a `scale`, such as 'logits of the next token', and audit again"
            )
        model, repair = report.data["model"], found["temperature"]
        settings = report.data["settings"]
        return cls(
            {
                "format": CALIBRATOR_FORMAT,
                "version": CALIBRATOR_VERSION,
                "method": "temperature",
                "parameters": {"temperature": repair["value"]["estimate"]},
                "model": {
                    name: model[name] for name in ("name", "fingerprint", "vocabulary", "weights")
                },
                "task": {
                    "name": task,
                    "items": settings["items"][task],
                    "seed": settings["seed"],
                    "calibration_items": repair["calibration_items"],
                    "held_out_items": repair["held_out_items"],
                }
                | {name: found[name] for name in ("event", "scale", "prompt") if name in found},
                "nll_change": repair["change"]["nll"],
                "software": report.data["software"],
            }
        )

    def __str__(self) -> str:
        return (
            f"temperature {self.temperature:.2f}, {self.nll_change:+.3f} nats on the held-out half"
        )

    @property
    def temperature(self) -> float:
        """What divides the logits."""
        return self.data["parameters"]["temperature"]

    @property
    def nll_change(self) -> Interval:
        """Negative log-likelihood of the held-out half, after minus before, in nats."""
        return Interval(*(self.data["nll_change"][part] for part in ("estimate", "low", "high")))

    @property
    def is_proven(self) -> bool:
        """Whether the whole interval of the change is a gain."""
        return self.nll_change.high < 0

    def predict_proba(self, logits: Tensor | Any) -> Tensor:
        """Return calibrated probabilities, of the shape of the logits.

        Args:
            logits: What the model gives `(..., C)`, before any softmax: of a task of next tokens,
                for every token of the vocabulary; of choices, the log-probability of each option;
                of free answers, the log-odds of the share of samples that agree, and 0, so that
                the first probability is the confidence.

        Raises:
            ValueError: If there are fewer than two, another number than the vocabulary has, or one
                is NaN or +infinity.
        """
        if not isinstance(logits, Tensor):
            logits = torch.as_tensor(logits, dtype=torch.float64)
        if logits.dtype not in (torch.float32, torch.float64):  # in halves a softmax is coarse
            logits = logits.float()
        if logits.ndim == 0 or logits.shape[-1] < 2:
            raise ValueError(
                f"logits must have shape (..., C) with at least 2 classes, found "
                f"{tuple(logits.shape)}"
            )
        if self._is_of_next_tokens:
            _require_vocabulary(logits, self.data["model"]["vocabulary"])
        if logits.isnan().any() or logits.isposinf().any():
            raise ValueError("logits must be numbers, or -infinity where masked, found NaN or +inf")
        return (logits / self.temperature).softmax(dim=-1)

    def logits_processor(self) -> TemperatureProcessor:
        """Return what `generate(logits_processor=[...])` of `transformers` takes.

        Raises:
            ValueError: If the temperature is not one of next tokens.
        """
        if not self._is_of_next_tokens:
            raise ValueError(
                f"a logits processor must come from a task of next tokens, found one that divides "
                f"{self.data['task']['scale']}: use predict_proba"
            )
        return TemperatureProcessor(self.temperature, self.data["model"]["vocabulary"])

    @property
    def _is_of_next_tokens(self) -> bool:
        return self.data["task"]["scale"] == NEXT_TOKEN

    def require(
        self, model: LanguageModel | PreTrainedModel | None = None, task: str | None = None
    ) -> None:
        """Check that the repair was proven for this very model, and for this task.

        Raises:
            ValueError: If not; the message says which differs.
        """
        if task is not None and task != self.data["task"]["name"]:
            raise ValueError(
                f"task must be {self.data['task']['name']!r}, for which the calibrator was fitted, "
                f"found {task!r}"
            )
        if model is not None and fingerprint(model) != self.data["model"]["fingerprint"]:
            raise ValueError(
                f"model must be {self.data['model']['name']!r} "
                f"({self.data['model']['weights']}), for which the calibrator was fitted, found "
                "another fingerprint: its weights or its configuration differ. Audit this model, "
                "and save a calibrator of its own"
            )

    def save(self, path: str | Path, *, force: bool = False) -> Path:
        """Write the calibrator as sealed JSON, whole or not at all; returns its path.

        Args:
            path: Of the file.
            force: Write it even if the held-out half did not gain for sure.

        Raises:
            ValueError: If there is no sure gain.
            OSError: If it cannot be written.
        """
        if not self.is_proven and not force:
            raise ValueError(
                "a calibrator must have made the held-out half more likely for sure, found a "
                f"change of the negative log-likelihood of {self.nll_change:+.3f} nats: nothing is "
                f"saved. Audit more items, or save it nevertheless with --force (force=True)"
            )
        path = Path(path)
        write_atomically(path, sealed(self.data))
        return path


def load_calibrator(
    path: str | Path,
    *,
    model: LanguageModel | PreTrainedModel | None = None,
    task: str | None = None,
) -> Repair:
    """Read a saved calibrator, and check that it is for this model and task.

    Args:
        path: Of the file that `--save-calibrator` or `Repair.save` wrote.
        model: What it will be used with; its weights are read once, about a second for each GB.
        task: What it will be used for.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is damaged, of another kind or version, or for another model or task.

    Example:
        >>> load_calibrator("no/such/file.json")
        Traceback (most recent call last):
        FileNotFoundError: no/such/file.json: found no such calibrator; `python -m coursekit audit
        MODEL --tasks TASK --save-calibrator FILE` writes one
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f"{path}: found no such calibrator; `python -m coursekit audit MODEL --tasks TASK "
            "--save-calibrator FILE` writes one"
        )
    content = read_sealed(
        path,
        form=CALIBRATOR_FORMAT,
        version=CALIBRATOR_VERSION,
        what="calibrator",
        validate=validate_calibrator,
        again="Save it again",
    )
    found = Repair(content)
    found.require(model, task)
    return found


def _require_vocabulary(logits: Tensor, vocabulary: int) -> None:
    if logits.shape[-1] != vocabulary:
        raise ValueError(
            f"logits must have one entry for each of the {vocabulary:,} tokens of the model that "
            f"was audited, found {logits.shape[-1]:,}"
        )
