"""Widget of the sampling rules: slide temperature, top-k and top-p, see the law bend."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import ipywidgets
import torch
from matplotlib.axes import Axes
from torch import Tensor

from coursekit.chapters.generation.figures import law_bars
from coursekit.lm.generation import adjust_logits
from coursekit.plots import explore


def rule_figure(
    words: Sequence[str],
    truth: Tensor,
    logits: Tensor,
    temperature: float,
    top_k: int,
    top_p: float,
) -> Axes:
    """Draw the law of the next word under a rule beside the truth; the title says how far off.

    Args:
        words: The vocabulary, V words.
        truth: True probabilities of the next word `(V,)`.
        logits: The model's logits `(V,)`.
        temperature: Divides the logits.
        top_k: How many words to keep at most.
        top_p: Probability that the kept words have together.
    """
    bent = adjust_logits(logits.double(), temperature, top_k, top_p).softmax(dim=-1)
    distance = (bent - truth).abs().sum() / 2
    entropy = torch.special.entr(bent).sum()
    title = f"entropy {entropy:.2f} nats, distance from the truth {distance:.2f}"
    return law_bars(words, truth, bent, title, n_words=12)


def rule_explorer(words: Sequence[str], contexts: Mapping[str, tuple[Tensor, Tensor]]) -> None:
    """Choose a text, slide the rule, and see what would be sampled beside the truth.

    Args:
        words: The vocabulary, V words.
        contexts: For each text, the true probabilities and the model's logits of the next word,
            both `(V,)`.
    """
    explore(
        lambda text, **rule: rule_figure(words, *contexts[text], **rule),
        text=ipywidgets.Dropdown(options=list(contexts), description="text"),
        temperature=ipywidgets.FloatSlider(
            value=1.0, min=0.1, max=3.0, step=0.1, description="temperature"
        ),
        top_k=ipywidgets.IntSlider(value=len(words), min=1, max=len(words), description="top-k"),
        top_p=ipywidgets.FloatSlider(value=1.0, min=0.05, max=1.0, step=0.05, description="top-p"),
    )
