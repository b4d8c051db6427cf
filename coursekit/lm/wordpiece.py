"""WordPiece: cut a word from the left, always the longest piece that the vocabulary has.

A piece that continues a word is marked, as in BERT's vocabulary: "playing" is "play", "##ing". The
rule needs a list of pieces and nothing else: no order, as in byte-pair encoding, and no
probabilities, as in the unigram model. It never looks back: a long first piece can leave a rest
that cannot be spelled, and then the whole word is unknown.

References: Schuster and Nakajima (2012), "Japanese and Korean Voice Search"; the longest match:
Devlin et al. (2019), "BERT: Pre-training of Deep Bidirectional Transformers for Language
Understanding".
"""

from __future__ import annotations

from collections.abc import Container

__all__ = ["word_pieces"]


def word_pieces(
    word: str, vocab: Container[str], *, unknown: str = "[UNK]", mark: str = "##"
) -> list[str]:
    """Cut a word into its longest pieces from the left.

    Args:
        word: A string without spaces.
        vocab: Pieces; those that continue a word begin with `mark`.
        unknown: What stands for a word that cannot be spelled in this way.
        mark: What pieces inside a word begin with.

    Raises:
        TypeError: If `word` is not a string.

    Example:
        >>> word_pieces("playing", {"play", "pl", "##ing", "##i", "##aying"})
        ['play', '##ing']
        >>> word_pieces("played", {"play", "##ing"})
        ['[UNK]']
    """
    if not isinstance(word, str):
        raise TypeError(f"word must be a string, found {type(word).__name__}.")
    pieces, start = list[str](), 0
    while start < len(word):
        prefix = mark if start else ""
        ends = range(len(word), start, -1)
        end = next((end for end in ends if prefix + word[start:end] in vocab), None)
        if end is None:
            return [unknown]
        pieces.append(prefix + word[start:end])
        start = end
    return pieces
