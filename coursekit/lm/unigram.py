"""The unigram language model of pieces: of all ways to cut a word, take the most probable.

Every piece x of the vocabulary has a probability p(x), and a way to cut a word has the product of
its pieces' probabilities. A word of n characters can be cut in up to 2^(n - 1) ways; going through
its n places once finds the best (Viterbi), or the sum over all (forward):

    best[j] = max over i < j of best[i] + ln p(word[i:j]),    best[0] = 0.

Training repeats two steps of expectation-maximisation (EM): count how often each piece is expected
under the present probabilities, over all ways to cut; make the counts the new probabilities. No
step lowers the likelihood of the text.

Reference: Kudo (2018), "Subword Regularization: Improving Neural Network Translation Models with
Multiple Subword Candidates". (His training also drops pieces, step by step; ours keeps them all.)
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping

from tokenizers import Tokenizer, models

__all__ = ["UnigramLM"]

_NEVER = -math.inf


class UnigramLM:
    """Pieces with probabilities; cuts a word in the most probable way.

    Attributes:
        log_probs: The natural logarithm of each piece's probability; they need not sum to one.

    Example:
        >>> model = UnigramLM.from_counts({"a": 1, "b": 1, "ab": 2})
        >>> model.segment("abb")
        ['ab', 'b']
    """

    def __init__(self, log_probs: Mapping[str, float]) -> None:
        """Take pieces, none of them empty, with finite logarithms of their probabilities.

        Raises:
            ValueError: If there is no piece, an empty one, or a number that is not finite.
        """
        self.log_probs = {piece: float(value) for piece, value in log_probs.items()}
        if not self.log_probs or "" in self.log_probs:
            raise ValueError(
                f"log_probs must have pieces of at least one character, found {list(log_probs)!r}."
            )
        for piece, value in self.log_probs.items():
            if not math.isfinite(value):
                raise ValueError(f"log_probs must be finite, found {value} for {piece!r}.")
        self._longest = max(map(len, self.log_probs))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self.log_probs)} pieces)"

    @classmethod
    def from_counts(cls, counts: Mapping[str, float]) -> UnigramLM:
        """Give each piece the share of its count: the maximum-likelihood probabilities.

        Raises:
            ValueError: If a count is not a finite number above 0.
        """
        for piece, count in counts.items():
            if not 0 < count < math.inf:
                raise ValueError(f"counts must be above 0, found {count} for {piece!r}.")
        total = sum(counts.values())
        return cls({piece: math.log(count / total) for piece, count in counts.items()})

    def segment(self, word: str) -> list[str]:
        """Return the most probable pieces of a word; of equals, the longer last piece (Viterbi).

        Raises:
            TypeError: If `word` is not a string.
            ValueError: If the pieces cannot spell it.
        """
        best, came_from = [0.0], [0]
        for end in range(1, len(_as_word(word)) + 1):
            found = [(best[i] + value, -i) for i, value in self._ending_at(word, end)]
            score, start = max(found, default=(_NEVER, 0))
            best.append(score)
            came_from.append(-start)
        self._require_spelled(word, best[-1])
        pieces, end = list[str](), len(word)
        while end:
            pieces.append(word[came_from[end] : end])
            end = came_from[end]
        return pieces[::-1]

    def log_likelihood(self, word: str) -> float:
        """Return the logarithm of the word's probability, summed over all ways to cut it.

        Raises:
            TypeError, ValueError: As `segment`.
        """
        total = self._forward(_as_word(word))[-1]
        self._require_spelled(word, total)
        return total

    def expected_counts(self, word: str) -> dict[str, float]:
        """Return how often each piece is expected in the word, over all ways to cut it (E step).

        Raises:
            TypeError, ValueError: As `segment`.
        """
        before = self._forward(_as_word(word))
        whole = before[-1]
        self._require_spelled(word, whole)
        after = [_NEVER] * len(word) + [0.0]
        counts = dict[str, float]()
        for end in range(len(word), 0, -1):  # whatever leads from `end` to the end is summed by now
            for start, value in self._ending_at(word, end):
                after[start] = _log_add(after[start], value + after[end])
                share = math.exp(before[start] + value + after[end] - whole)
                piece = word[start:end]
                counts[piece] = counts.get(piece, 0.0) + share
        return counts

    def em_step(self, word_counts: Mapping[str, int]) -> UnigramLM:
        """Return the model after one step of EM; a piece that is never expected is left out.

        Args:
            word_counts: Words that the pieces can spell, and how often each occurs.

        Raises:
            TypeError, ValueError: As `segment`.
        """
        total = defaultdict[str, float](float)
        for word, n in word_counts.items():
            for piece, count in self.expected_counts(word).items():
                total[piece] += n * count
        return type(self).from_counts({piece: n for piece, n in total.items() if n > 1e-300})

    def to_tokenizers(self) -> Tokenizer:
        """Return the same model as an object of the `tokenizers` library."""
        return Tokenizer(models.Unigram(list(self.log_probs.items())))

    def _ending_at(self, word: str, end: int) -> list[tuple[int, float]]:
        """Return where pieces that end here start, and the logarithm of each one's probability."""
        starts = range(max(0, end - self._longest), end)
        found = ((i, self.log_probs.get(word[i:end])) for i in starts)
        return [(i, value) for i, value in found if value is not None]

    def _forward(self, word: str) -> list[float]:
        """Return the logarithm of the sum over all ways to cut each beginning of the word."""
        sums = [0.0]
        for end in range(1, len(word) + 1):
            total = _NEVER
            for start, value in self._ending_at(word, end):
                total = _log_add(total, sums[start] + value)
            sums.append(total)
        return sums

    def _require_spelled(self, word: str, score: float) -> None:
        if score == _NEVER:
            raise ValueError(
                f"word must be spelled by the pieces of the vocabulary, found {word!r}."
            )


def _as_word(word: str) -> str:
    if not isinstance(word, str):
        raise TypeError(f"word must be a string, found {type(word).__name__}.")
    return word


def _log_add(a: float, b: float) -> float:
    low, high = sorted((a, b))
    return high if low == _NEVER else high + math.log1p(math.exp(low - high))
