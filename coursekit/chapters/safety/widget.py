"""Widget about memorization: choose a canary, and see where its secret stands among all others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import ipywidgets
from matplotlib.axes import Axes
from torch import Tensor

from coursekit.chapters.safety.figures import secret_ranks
from coursekit.plots import explore


def canary_view(
    models: Mapping[str, Tensor], secrets: Sequence[int], repetitions: Sequence[int], canary: int
) -> Axes:
    """Return the ranks of all secrets of one canary, in each model.

    Args:
        models: For each model, at most five, the log-probabilities of all secrets `(C, R)`, nats.
        secrets: The planted secret of each canary `(C,)`.
        repetitions: How often each canary was planted `(C,)`.
        canary: The one to show, counted from 0.

    Raises:
        ValueError: If there is no such canary.
    """
    if not 0 <= canary < len(secrets):
        raise ValueError(f"canary must be 0 to {len(secrets) - 1}, found {canary}.")
    times = int(repetitions[canary])
    curves = {name: (log_probs[canary], int(secrets[canary])) for name, log_probs in models.items()}
    return secret_ranks(
        curves, f"Canary {canary}, planted {times} time{'s' * (times != 1)}, among its candidates"
    )


def canary_explorer(
    models: Mapping[str, Tensor], secrets: Sequence[int], repetitions: Sequence[int]
) -> None:
    """Choose how often a canary was planted, and which one, and see its secret's rank.

    Args:
        models: For each model the log-probabilities of all secrets `(C, R)`, in nats.
        secrets: The planted secret of each canary `(C,)`.
        repetitions: How often each canary was planted `(C,)`, as many of each number.
    """
    times = sorted({int(n) for n in repetitions})
    members = {n: [i for i, r in enumerate(repetitions) if int(r) == n] for n in times}
    fewest = min(len(group) for group in members.values())
    explore(
        lambda planted, which: canary_view(models, secrets, repetitions, members[planted][which]),
        planted=ipywidgets.SelectionSlider(options=times, value=times[-1], description="planted"),
        which=ipywidgets.IntSlider(value=0, min=0, max=fewest - 1, description="canary"),
    )
