"""Widget about tokens: type a text, slide the number of merges, see how the text is cut."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import ipywidgets
from IPython.display import display

from coursekit.lm.tokenization import ByteLevelBPE
from coursekit.plots.tokens import TINTS, visible


def tokens_html(tokens: Sequence[bytes]) -> str:
    r"""Return a text as HTML, each token in a bordered box: the colour helps, the border decides.

    Args:
        tokens: As `ByteLevelBPE.tokens` gives them; parts of characters are shown as `\xe5`.
    """
    boxes = [
        f'<span style="background:{TINTS[i % len(TINTS)]};color:#000;border:1px solid #555;'
        f'border-radius:4px;padding:1px 3px;margin:2px;display:inline-block">'
        f"{escape(visible(token))}</span>"
        for i, token in enumerate(tokens)
    ]
    n_bytes = sum(map(len, tokens))
    summary = f"{len(tokens)} tokens for {n_bytes} bytes"
    if tokens:
        summary += f": {n_bytes / len(tokens):.2f} bytes a token"
    # role="status" makes a screen reader say the new count when a control has moved.
    return (
        f'<div role="status">{summary}</div>'
        f'<div style="font-family:monospace;font-size:1.2em;line-height:1.9">{"".join(boxes)}</div>'
    )


def token_explorer(bpe: ByteLevelBPE, text: str) -> None:
    """Type a text and slide the number of merges, from none (bytes) to all that `bpe` has.

    Args:
        bpe: A trained tokenizer; its first merges are replayed.
        text: What stands in the field at the start.
    """
    field = ipywidgets.Textarea(value=text, description="text")
    slider = ipywidgets.IntSlider(value=0, min=0, max=len(bpe.merges), step=1, description="merges")
    output = ipywidgets.HTML()

    def cut(_: object = None) -> None:
        tokenizer = ByteLevelBPE.from_merges(bpe.merges[: slider.value])
        try:
            output.value = tokens_html(tokenizer.tokens(field.value))
        except ValueError as error:  # half a character, pasted
            output.value = f"<p>{escape(str(error))}</p>"

    for control in (field, slider):
        control.observe(cut, names="value")
    cut()
    display(ipywidgets.VBox([field, slider, output]))
