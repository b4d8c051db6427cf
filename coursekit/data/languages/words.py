"""The simplest tokenizer: a token is a word, and words are what spaces separate."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


class WordTokenizer:
    """Words to ids and back.

    Args:
        words: The vocabulary; its order gives the ids.

    Raises:
        ValueError: If it is empty, or a word is repeated, empty or has a space in it.

    Example:
        >>> tokenizer = WordTokenizer(["it", "rained", "."])
        >>> tokenizer.encode("it rained ."), tokenizer.decode([0, 1])
        ([0, 1, 2], 'it rained')
    """

    def __init__(self, words: Sequence[str]) -> None:
        self.words = tuple(words)
        self._ids = {word: i for i, word in enumerate(self.words)}
        if not self.words or len(self._ids) < len(self.words):
            raise ValueError(
                f"words must be distinct, and at least one, found {len(self.words)} words, "
                f"{len(self._ids)} of them distinct."
            )
        for word in self.words:
            if word.split() != [word]:
                raise ValueError(f"words must have no space and not be empty, found {word!r}.")

    @property
    def vocab_size(self) -> int:
        """Number of words."""
        return len(self.words)

    def encode(self, text: str) -> list[int]:
        """Return the ids of the words of a text.

        Raises:
            ValueError: If a word is not in the vocabulary.
        """
        unknown = [word for word in text.split() if word not in self._ids]
        if unknown:
            raise ValueError(
                f"text must be made of the {self.vocab_size} words of this language (see "
                f"tokenizer.words), found {unknown[0]!r}. Signs stand alone: 'it rained .'"
            )
        return [self._ids[word] for word in text.split()]

    def decode(self, ids: Iterable[int]) -> str:
        """Return the words of a list or a tensor `(T,)` of ids, separated by spaces.

        Raises:
            ValueError: If an id is not in the vocabulary.
        """
        numbers = [int(i) for i in ids]
        wrong = [i for i in numbers if not 0 <= i < self.vocab_size]
        if wrong:
            raise ValueError(f"ids must lie in 0 .. {self.vocab_size - 1}, found {wrong[0]}.")
        return " ".join(self.words[i] for i in numbers)
