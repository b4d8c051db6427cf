r"""Ask the model how sure it is: by the probability of " True", or in its own words.

Both show the model its answer and ask about it. *P(True)* reads two probabilities off one position
and never listens to what the model says:

$$p = \frac{P(\text{True})}{P(\text{True}) + P(\text{False})} .$$

*Verbalized confidence* lets it write a number. What it writes need not be a number: such an answer
is counted and kept, never dropped, because a model that answers only the questions that suit it
looks better than it is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from coursekit.llm.choices import score_choices
from coursekit.llm.pretrained import LanguageModel
from coursekit.llm.prompts import Prompt, continuations

_NUMBER = re.compile(r"(\d+(?:\.\d+)?)\s*(%|percent)?\.?", re.IGNORECASE)


@dataclass(frozen=True)
class PTrue:
    """What a model thinks of its answers, read off the position after the question.

    Attributes:
        probs: P(True), where only True and False compete `(N,)`.
        mass: The probability of both words together `(N,)`. Where it is small, the model was not
            about to say either, and `probs` compares two words that it did not think of.

    Example:
        >>> PTrue(torch.tensor([0.9]), torch.tensor([0.5])).probs
        tensor([0.9000])
    """

    probs: Tensor
    mass: Tensor


def p_true(
    lm: LanguageModel, prompts: Sequence[Prompt], true: str = "True", false: str = "False"
) -> PTrue:
    """Read P(True) after each prompt.

    Args:
        lm: The model to ask.
        prompts: Texts, or conversations (`Chat`), that show a question with a proposed answer and
            end right before the verdict; best with a few judged examples, right and wrong ones.
        true: The word for a right answer.
        false: The word for a wrong one.

    Raises:
        TypeError: A prompt is no string, or `prompts` a single string.
        ValueError: A prompt is empty, or the two words are the same or say nothing.

    Reference:
        S. Kadavath et al., Language models (mostly) know what they know, arXiv:2207.05221, 2022.

    Example:
        With `lm`, a tiny random model:

        >>> found = p_true(lm, ["The capital of Peru is Lima. True or False?"])
        >>> bool(0 < found.mass < 1), found.probs.shape
        (True, torch.Size([1]))
    """
    for name, word in (("true", true), ("false", false)):
        if not isinstance(word, str) or not word.strip():
            raise ValueError(f"{name} must be a word, found {word!r}.")
    if true.strip() == false.strip():
        raise ValueError(f"true and false must be two different words, found {true!r} twice.")
    words = continuations(prompts, [[true.strip(), false.strip()]] * len(prompts))
    scores = score_choices(lm, prompts, words)
    if not scores:
        return PTrue(torch.zeros(0), torch.zeros(0))
    table = torch.stack(scores)
    return PTrue(table.softmax(dim=1)[:, 0], table.exp().sum(dim=1))


@dataclass(frozen=True)
class StatedConfidences:
    """Confidences that a model put into words, with those that nobody can read.

    Attributes:
        confidence: What was stated, as a probability `(N,)`; NaN where it could not be read.
        parsed: Where it could be read `(N,)`, bool.
        texts: What the model wrote `(N,)`.

    Example:
        >>> read_confidences(["90", "rather sure"]).unparsed
        ('rather sure',)
    """

    confidence: Tensor
    parsed: Tensor
    texts: tuple[str, ...]

    @property
    def unparsed(self) -> tuple[str, ...]:
        """The texts that could not be read, in their order."""
        return tuple(text for text, ok in zip(self.texts, self.parsed, strict=True) if not ok)

    def filled(self, value: float) -> Tensor:
        """Return the confidences `(N,)` with `value` in place of those that could not be read.

        Every answer keeps its place in the evaluation. Which value is a decision to state: 0 says
        that a model which names no number shall not be trusted, 0.5 that we do not know.

        Raises:
            ValueError: `value` is no probability.
        """
        if not 0 <= value <= 1:
            raise ValueError(f"value must be a probability from 0 to 1, found {value}.")
        return torch.where(self.parsed, self.confidence, value)


def parse_confidence(text: str, scale: float = 100.0) -> float | None:
    """Read a confidence strictly: the whole text is one number on the scale asked for.

    "90", "90 %", "90 percent." are 0.9 on a scale of 100. None for everything that leaves a doubt:
    "I am 90 % sure", "90-95", "ninety", "-5", "120", and "0.9", which may mean 0.9 or 0.9 %; with
    its sign, "0.9 %" is 0.009.

    Args:
        text: What the model wrote.
        scale: The number that stands for certainty, as the prompt asked: 100, or 1.

    Raises:
        TypeError: `text` is no string.
        ValueError: `scale` is not positive.

    Reference:
        S. Lin, J. Hilton, O. Evans, Teaching models to express their uncertainty in words, TMLR
        2022; K. Tian et al., Just ask for calibration, EMNLP 2023.

    Example:
        >>> parse_confidence("90 %"), parse_confidence("I am 90 % sure")
        (0.9, None)
    """
    if not isinstance(text, str):
        raise TypeError(f"text must be a string, found {type(text).__name__}: take its .text")
    if not 0 < scale < float("inf"):
        raise ValueError(f"scale must be a positive number such as 100, found {scale}.")
    found = _NUMBER.fullmatch(text.strip())
    if not found:
        return None
    number, sign = float(found[1]), found[2]
    if sign:
        scale = 100.0
    elif scale != 1 and 0 < number < 1:
        return None
    return number / scale if number <= scale else None


def read_confidences(texts: Sequence[str], scale: float = 100.0) -> StatedConfidences:
    """Read what a model wrote about its confidence in many answers; nothing is dropped.

    Args:
        texts: What it wrote `(N,)`.
        scale: As in `parse_confidence`.

    Raises:
        TypeError: A text is no string, or `texts` a single string.
        ValueError: There are no texts.

    Example:
        >>> read_confidences(["90", "rather sure"]).filled(0.5)
        tensor([0.9000, 0.5000], dtype=torch.float64)
    """
    if isinstance(texts, str):
        raise TypeError("texts must be a list of strings, found one string: write [text].")
    if len(texts) == 0:
        raise ValueError(
            "texts must have what the model wrote about at least one answer, found none."
        )
    numbers = [parse_confidence(text, scale) for text in texts]
    return StatedConfidences(
        torch.tensor([float("nan") if n is None else n for n in numbers], dtype=torch.double),
        torch.tensor([n is not None for n in numbers]),
        tuple(texts),
    )
