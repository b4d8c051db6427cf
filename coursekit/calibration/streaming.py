r"""The same statistics, batch by batch and across processes, as `torchmetrics` metrics.

Every number here follows from sums over predictions. Sums can be updated with one batch at a
time, saved, restored, and added over processes, so memory never grows with the data and the
result does not depend on how they were cut into batches:

$$\text{state}(A \cup B) = \text{state}(A) + \text{state}(B) .$$

Counts are int64 and sums float64, and they stay so: counts are exact, and sums added in another
order differ in their last bits at most. A count in float32 stops at 2^24: one more prediction
changes nothing, and the result of a long run is quietly wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple, cast

import torch
from torch import Tensor
from torchmetrics import Metric

from coursekit.calibration._blocks import row_blocks, score_rows
from coursekit.calibration._validation import (
    ArrayLike,
    as_logits_and_labels,
    as_n_bins,
    as_probs_and_labels,
    require_choice,
    to_tensor,
)
from coursekit.calibration.bins import ReliabilityBins, reliability_bins
from coursekit.calibration.errors import Norm, norm_of_gaps
from coursekit.calibration.scores import top_label


class SumsMetric(Metric):
    """A metric whose state is int64 counts and float64 sums, and nothing else.

    What torchmetrics gives: `update` with a batch, `compute`, `reset`, `forward`, `merge_state`,
    `state_dict`, synchronisation over processes. What is added: `.to(torch.float16)` moves the
    metric but never rounds its sums; states are saved; states of another configuration are
    refused; restored or merged states are computed anew; no data is an error, not a NaN; and a
    batch that is refused, or holds no rows, leaves the state as it was.

    Example:
        >>> class Count(SumsMetric):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self._add_sums("n", dtype=torch.int64)
        ...
        ...     def update(self, values):
        ...         self._accumulate(n=torch.tensor(len(values)))
        ...
        ...     def compute(self):
        ...         return self.n
        >>> metric = Count()
        >>> metric.update([1, 2, 3])
        >>> metric.half().compute()  # not rounded
        tensor(3)
    """

    is_differentiable = False
    full_state_update = False
    #: Attributes that must agree for states to be added.
    _configuration: ClassVar[tuple[str, ...]] = ()

    def _add_sums(self, *names: str, shape: tuple[int, ...] = (), dtype: torch.dtype) -> None:
        for name in names:
            self.add_state(name, torch.zeros(shape, dtype=dtype), "sum", persistent=True)

    def _accumulate(self, **sums: Tensor) -> None:
        for name, value in sums.items():
            # Not in place: a state that was handed out or loaded may be shared.
            state = getattr(self, name)
            setattr(self, name, state + value.to(state.device, state.dtype))

    def _require_data(self, count: Tensor) -> None:
        if not count.any():
            raise ValueError(
                f"{type(self).__name__} must have seen data, found none. Call update first"
            )

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Add a batch and return what `compute` says of it alone; all or nothing."""
        state, n_updates = self._copy_state_dict(), self._update_count
        try:
            return super().forward(*args, **kwargs)
        except Exception:
            # torchmetrics has put the state aside by now, and its switches.
            for name, value in state.items():
                setattr(self, name, value)
            self._update_count, self._computed, self._enable_grad = n_updates, None, False
            self._to_sync, self._should_unsync = self.sync_on_compute, True
            raise

    def merge_state(self, incoming_state: dict[str, Any] | Metric) -> None:
        """Add the state of another metric of the same configuration, say of another shard.

        Raises:
            ValueError: If it is of another class, or configured differently.
        """
        if isinstance(incoming_state, type(self)):
            for name in self._configuration:
                ours, theirs = getattr(self, name), getattr(incoming_state, name)
                if ours != theirs:
                    raise ValueError(
                        f"incoming_state must have the same {name}, found {theirs}, not {ours}"
                    )
            incoming_state = incoming_state.metric_state
        if isinstance(incoming_state, dict):
            incoming_state = {k: self._checked(k, v) for k, v in incoming_state.items()}
        super().merge_state(incoming_state)
        self._forget_computed()

    def _forget_computed(self) -> None:
        """Let the next `compute` look at the state, which did not come through `update`."""
        self._computed = None
        self._update_count = max(1, self._update_count)

    def _apply(self, fn: Callable[[Tensor], Tensor], exclude_state: Any = "") -> torch.nn.Module:
        # Whatever fn does to dtypes, follow it to its device only. MPS has no float64.
        device = fn(torch.zeros(1, device=self.device)).device
        device = torch.device("cpu") if device.type == "mps" else device
        return super()._apply(lambda tensor: tensor.to(device), exclude_state)

    def _load_from_state_dict(
        self,
        state_dict: dict[str, Any],
        prefix: str,
        local_metadata: dict[str, Any],
        strict: bool,
        missing_keys: list[str],
        *args: Any,
    ) -> None:
        for name, persistent in self._persistent.items():
            if prefix + name in state_dict:
                state_dict[prefix + name] = self._checked(name, state_dict[prefix + name])
                self._forget_computed()
            elif persistent:
                missing_keys.append(prefix + name)
        super()._load_from_state_dict(
            state_dict, prefix, local_metadata, strict, missing_keys, *args
        )

    def _checked(self, name: str, value: Tensor) -> Tensor:
        """Return a state that may be added to ours, on our device."""
        default = cast(Tensor | None, self._defaults.get(name))  # never a list: see _add_sums
        if default is None:
            raise ValueError(f"state must be one of {', '.join(self._defaults)}, found {name!r}")
        if (value.shape, value.dtype) != (default.shape, default.dtype):
            raise ValueError(
                f"state {name!r} must be {default.dtype} of shape {tuple(default.shape)}, found "
                f"{value.dtype} of shape {tuple(value.shape)}. Use a metric with the arguments of "
                "the one that it comes from"
            )
        return value.to(default.device)


def holds_no_rows(**arrays: ArrayLike) -> bool:
    """Tell whether a batch is empty, as a shard or a mask may leave it: its sums are 0.

    Example:
        >>> holds_no_rows(probs=torch.zeros(0, 3), labels=[])
        True
    """
    return all(to_tensor(array, name).shape[:1] == (0,) for name, array in arrays.items())


class StreamingReliability(SumsMetric):
    """The calibration error and the reliability diagram of any number of predictions.

    `compute` gives the ECE, `bins` what the diagram is drawn from; both equal
    `expected_calibration_error` and `reliability_bins` of all predictions at once. Bins are
    uniform: those of equal count are known only when all data are.

    Args:
        n_bins: Number of bins.
        norm: `"l1"`, `"l2"` or `"max"`, as in `expected_calibration_error`.

    Raises:
        ValueError, TypeError: If an argument is out of range or unknown.

    Example:
        >>> metric = StreamingReliability()
        >>> metric.update([0.9, 0.8], [True, False])
        >>> metric.update([0.7], [True])
        >>> round(metric.compute().item(), 3)
        0.4
        >>> metric.reset()
        >>> metric.update([[0.1, 0.9], [0.8, 0.2]], [1, 1])  # probabilities and labels
        >>> round(metric.compute().item(), 3)
        0.45
    """

    _configuration = ("n_bins",)
    count: Tensor
    confidence_sum: Tensor
    correct_count: Tensor

    def __init__(self, n_bins: int = 15, norm: Norm = "l1", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        require_choice(norm, ("l1", "l2", "max"), "norm")
        self.n_bins, self.norm = as_n_bins(n_bins), norm
        self._add_sums("count", "correct_count", shape=(self.n_bins,), dtype=torch.int64)
        self._add_sums("confidence_sum", shape=(self.n_bins,), dtype=torch.float64)

    def update(
        self,
        confidence: ArrayLike | None = None,
        correct: ArrayLike | None = None,
        *,
        probs: ArrayLike | None = None,
        logits: ArrayLike | None = None,
        labels: ArrayLike | None = None,
    ) -> None:
        """Add predictions: `confidence (N,)` and `correct (N,)`, or what they follow from.

        `update(probs, labels)` takes a table, of which the top label counts; it is told from
        confidences by its two axes. So one `MetricCollection` of this and `StreamingScores` is
        updated with `(probs, labels)`, or by name with all that its metrics want; of these
        names, confidence and correctness go before the others here.

        Args:
            confidence: Predicted probabilities `(N,)`; or probabilities `(N, C)`.
            correct: Whether each came true `(N,)`; or, with a table, the true classes `(N,)`.
            probs: Probabilities `(N, C)`; each row sums to 1 within 1e-4.
            logits: Unnormalised log-probabilities `(N, C)`, finite.
            labels: The true classes `(N,)`, integers in 0 .. C - 1.

        Raises:
            ValueError: If an argument is missing, or has a wrong shape or is out of range.
            TypeError: If an argument does not hold numbers, or the labels are not integers.
        """
        if confidence is not None and to_tensor(confidence, "confidence").ndim == 2:
            confidence, correct, probs, labels = None, None, confidence, correct
        if confidence is None:
            if (table := _the_table(logits, probs, labels)) is None:
                return
            confidence, correct = _top_labels(*table)
        elif correct is None:
            raise ValueError("correct must be given with confidence, found None")
        elif holds_no_rows(confidence=confidence, correct=correct):
            return
        bins = reliability_bins(confidence, correct, self.n_bins)
        self._accumulate(
            count=bins.count, confidence_sum=bins.confidence_sum, correct_count=bins.correct_count
        )

    def compute(self) -> Tensor:
        """Return the calibration error of all predictions so far, of all processes."""
        bins = self._bins()
        return norm_of_gaps(bins.gap, bins.weight, self.norm)

    def bins(self) -> ReliabilityBins:
        """Return the bins of all predictions so far, of all processes (each must call this)."""
        with self.sync_context(dist_sync_fn=self.dist_sync_fn, should_sync=self._to_sync):
            return self._bins()

    def _bins(self) -> ReliabilityBins:
        self._require_data(self.count)
        edges = torch.arange(self.n_bins + 1, dtype=torch.float64) / self.n_bins
        edges = edges.to(self.count.device)
        return ReliabilityBins(edges, self.count, self.confidence_sum, self.correct_count)


class StreamingScores(SumsMetric):
    """Accuracy, negative log-likelihood, Brier score and mean entropy.

    Of probabilities, or, by name, of logits: which, is never guessed, as values in [0, 1] may be
    either. Rows are taken to float64 a few at a time, so that a whole vocabulary needs
    little memory.

    Example:
        >>> metric = StreamingScores()
        >>> metric.update([[0.5, 0.5], [0.25, 0.75]], [0, 1])
        >>> round(metric.compute()["brier_score"].item(), 4)
        0.3125
    """

    count: Tensor
    correct_count: Tensor
    nll_sum: Tensor
    brier_sum: Tensor
    entropy_sum: Tensor

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._add_sums("count", "correct_count", dtype=torch.int64)
        self._add_sums("nll_sum", "brier_sum", "entropy_sum", dtype=torch.float64)

    def update(
        self,
        probs: ArrayLike | None = None,
        labels: ArrayLike | None = None,
        *,
        logits: ArrayLike | None = None,
    ) -> None:
        """Add predictions.

        Args:
            probs: Probabilities `(N, C)`; each row sums to 1 within 1e-4.
            labels: The true classes `(N,)`, integers in 0 .. C - 1.
            logits: In place of `probs`, unnormalised log-probabilities `(N, C)`, finite.

        Raises:
            ValueError: If both or neither of `logits` and `probs` are given, or an argument has a
                wrong shape or is out of range.
            TypeError: If the labels are not integers.
        """
        if (table := _the_table(logits, probs, labels)) is None:
            return
        columns = [
            score_rows(rows, truth, table.are_logits)
            for rows, truth in row_blocks(table.rows, table.labels)
        ]
        correct, nll, brier, entropy = (
            torch.cat(column).sum() for column in zip(*columns, strict=True)
        )
        self._accumulate(
            count=torch.tensor(len(table.labels)),
            correct_count=correct,
            nll_sum=nll,
            brier_sum=brier,
            entropy_sum=entropy,
        )

    def compute(self) -> dict[str, Tensor]:
        """Return `accuracy`, `negative_log_likelihood` and `entropy` (nats), `brier_score`."""
        self._require_data(self.count)
        return {
            "accuracy": self.correct_count.double() / self.count,
            "negative_log_likelihood": self.nll_sum / self.count,
            "brier_score": self.brier_sum / self.count,
            "entropy": self.entropy_sum / self.count,
        }


class _Table(NamedTuple):
    """Logits or probabilities `(N, C)` with the true classes `(N,)`."""

    rows: Tensor
    labels: Tensor
    are_logits: bool


def _the_table(
    logits: ArrayLike | None, probs: ArrayLike | None, labels: ArrayLike | None
) -> _Table | None:
    """Return the one table that was given, checked; None if it has no rows."""
    if (logits is None) == (probs is None):
        found = "neither" if logits is None else "both"
        raise ValueError(f"either probs or logits must be given, found {found}")
    if labels is None:
        raise ValueError(
            f"labels must be given with {'logits' if probs is None else 'probs'}, found None"
        )
    name, table = ("probs", probs) if logits is None else ("logits", logits)
    assert table is not None  # one of the two, see above
    if holds_no_rows(**{name: table}, labels=labels):
        return None
    check = as_probs_and_labels if logits is None else as_logits_and_labels
    return _Table(*check(table, labels), are_logits=logits is not None)


def _top_labels(rows: Tensor, labels: Tensor, are_logits: bool) -> tuple[Tensor, Tensor]:
    """Return confidence and correctness `(N,)` of the most probable classes."""
    if not are_logits:
        return top_label(rows, labels)
    blocks = [top_label(part.softmax(1), truth) for part, truth in row_blocks(rows, labels)]
    confidence, correct = (torch.cat(column) for column in zip(*blocks, strict=True))
    return confidence, correct
