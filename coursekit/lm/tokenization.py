"""Byte-level byte-pair encoding (BPE): from a string to integers and back, losing nothing.

A text is cut into words, a word into its UTF-8 bytes: 256 tokens that can spell every string. Then
the most frequent pair of neighbouring tokens becomes a token of its own, again and again:

    (a, b) = argmax over pairs of count(a, b),    new token = bytes(a) + bytes(b).

The ordered list of these merges is the whole tokenizer: encoding replays it, oldest merge first.

Reference: Sennrich, Haddow and Birch (2016), "Neural Machine Translation of Rare Words with Subword
Units"; on bytes: Radford et al. (2019), "Language Models are Unsupervised Multitask Learners".
"""

from __future__ import annotations

import json
import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from heapq import heapify, heappop, heappush
from itertools import pairwise
from pathlib import Path
from typing import Any

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers

from coursekit._checks import as_count
from coursekit._files import write_atomically

__all__ = ["GPT2_PATTERN", "ByteLevelBPE", "merge", "split_words"]

# GPT-2's words: a contraction, or letters, or digits, or other signs, each with the space before
# it. The last space of a run is left to the word that follows.
GPT2_PATTERN = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
# We let `tokenizers` run it, because engines that know different versions of Unicode disagree on
# which new characters are letters, and then the ids would differ from those of the saved file.
_SPLITTER = pre_tokenizers.Split(Regex(GPT2_PATTERN), behavior="isolated")

# JSON holds no raw bytes, so GPT-2's files write a visible character for each: "A" is itself, the
# space is "Ġ". The order, printable bytes first, is also the order of GPT-2's first 256 ids.
_PRINTABLE = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), 256)]
_HIDDEN = [byte for byte in range(256) if byte not in _PRINTABLE]
_CHAR_OF_BYTE = {byte: chr(byte) for byte in _PRINTABLE} | {
    byte: chr(256 + i) for i, byte in enumerate(_HIDDEN)
}
_BYTE_OF_CHAR = {char: byte for byte, char in _CHAR_OF_BYTE.items()}
_BYTES = [bytes([byte]) for byte in _CHAR_OF_BYTE]

Pair = tuple[int, int]  # ids of two neighbours
Merge = tuple[bytes, bytes]  # the same two, written out

_NOTHING = -1  # no token: a gap, or what was merged into its neighbour

# At most this many words are remembered with their ids, none of them longer than this.
_CACHE_WORDS, _CACHE_CHARS = 65_536, 64


def split_words(text: str) -> list[str]:
    """Cut a text into GPT-2's words; no token ever crosses from one into the next.

    Example:
        >>> split_words("Don't panic: 42!")
        ['Don', "'t", ' panic', ':', ' 42', '!']
    """
    return [word for word, _ in _SPLITTER.pre_tokenize_str(text)]


def merge(ids: Sequence[int], pair: Pair, new_id: int) -> list[int]:
    """Replace each occurrence of `pair` in `ids` by `new_id`, from left to right.

    Example:
        >>> merge([1, 2, 3, 1, 2], (1, 2), new_id=256)
        [256, 3, 256]
    """
    left, right = pair
    merged, i = list[int](), 0
    while i < len(ids):
        if ids[i] == left and i + 1 < len(ids) and ids[i + 1] == right:
            merged.append(new_id)
            i += 2
        else:
            merged.append(ids[i])
            i += 1
    return merged


class ByteLevelBPE:
    """A byte-level BPE tokenizer, made by `train`, `from_merges` or `from_pretrained`.

    Every string round-trips: `decode(encode(text)) == text`.

    Attributes:
        vocab: The id of each ordinary token, a byte string.
        merges: Pairs of byte strings, oldest (most urgent) first.
        special_tokens: The id of each token that is matched whole, before anything is split.

    Example:
        >>> tokenizer = ByteLevelBPE.train("low lower lowest", vocab_size=258)
        >>> tokenizer.tokens("slow")
        [b's', b'low']
        >>> tokenizer.decode(tokenizer.encode("slow"))
        'slow'
    """

    def __init__(
        self, vocab: Mapping[bytes, int], merges: Iterable[Merge], special_tokens: Mapping[str, int]
    ) -> None:
        """Most callers want one of the three makers above; here every id is given."""
        self.vocab = dict(vocab)
        self.merges = list(merges)
        self.special_tokens = dict(special_tokens)
        if clash := self.special_tokens.keys() & {_to_chars(token) for token in vocab}:
            raise ValueError(
                "special_tokens must be texts that no ordinary token is spelled like in the file, "
                f"such as '<|endoftext|>', found {min(clash)!r}."
            )
        token_of_id = {i: token for token, i in vocab.items()}
        token_of_id |= {i: token.encode() for token, i in self.special_tokens.items()}
        if sorted(token_of_id) != list(range(len(vocab) + len(special_tokens))):
            raise ValueError(
                "vocab must have ids 0, 1, 2, ... with no gap and none used twice, found others."
            )
        self._token_bytes = [token_of_id[i] for i in range(len(token_of_id))]
        self._id_of_byte = {token[0]: i for token, i in vocab.items() if len(token) == 1}
        self._rank: dict[Pair, int] = {}
        self._merged_id: dict[Pair, int] = {}
        for rank, (left, right) in enumerate(self.merges):
            if not {left, right, left + right} <= vocab.keys():
                raise ValueError(
                    f"merges must be in vocab, found merge {rank}, {left!r} + {right!r}, outside."
                )
            pair = vocab[left], vocab[right]
            self._rank[pair], self._merged_id[pair] = rank, vocab[left + right]
        self._special_pattern = _any_of(self.special_tokens)
        self._cache: dict[str, list[int]] = {}

    def __repr__(self) -> str:
        special = list(self.special_tokens)
        return f"{type(self).__name__}(vocab_size={self.vocab_size}, special_tokens={special})"

    @property
    def vocab_size(self) -> int:
        """Number of tokens: bytes, merges and special tokens."""
        return len(self._token_bytes)

    @classmethod
    def train(cls, text: str, vocab_size: int, special_tokens: Sequence[str] = ()) -> ByteLevelBPE:
        """Learn the merges of a text.

        The most frequent pair is merged first; of equally frequent pairs, the one with the smaller
        ids (compared as tuples). `tokenizers.trainers.BpeTrainer` has the same rule and learns the
        same merges. Special tokens found in the text are boundaries and teach nothing.

        Args:
            text: At least one character.
            vocab_size: 256 bytes + special tokens + merges. When each word of the text has become
                a single token there is nothing left to merge, and training stops early, as in
                `tokenizers`: the tokenizer's `vocab_size` is then smaller than this.
            special_tokens: For example ["<|endoftext|>"]; they get the last ids.

        Raises:
            TypeError: For arguments of another type.
            ValueError: If the text is empty or holds a lone surrogate, `vocab_size` is too small,
                or special tokens are empty, repeated or clash with a learned token.
        """
        special_tokens = _check_special_tokens(special_tokens)
        least = 256 + len(special_tokens)
        n_merges = as_count(vocab_size, "vocab_size", least=0) - least
        if n_merges < 0:
            raise ValueError(
                f"vocab_size must be at least {least}, found {vocab_size}: 256 bytes and "
                f"{len(special_tokens)} special tokens, then one for each merge."
            )
        _utf8(text)
        if not text:
            raise ValueError("text must have at least one character, found none.")
        parts = _any_of(special_tokens).split(text)[::2]
        word_counts = Counter(word for part in parts for word in split_words(part))
        return cls.from_merges(_learn_merges(word_counts, n_merges), special_tokens)

    @classmethod
    def from_merges(
        cls, merges: Iterable[Merge], special_tokens: Sequence[str] = ()
    ) -> ByteLevelBPE:
        """Build the tokenizer from its merges, with ids in GPT-2's order.

        Ids 0 to 255 are the bytes (printable ones first: "!" is 0), then one id for each merge,
        then the special tokens. `from_merges(bpe.merges[:n])` is the tokenizer as it was after
        `n` merges of its training.
        """
        merges = list(merges)
        vocab = {token: i for i, token in enumerate(_BYTES)}
        for left, right in merges:
            vocab.setdefault(left + right, len(vocab))
        special_tokens = _check_special_tokens(special_tokens)
        return cls(vocab, merges, {token: len(vocab) + i for i, token in enumerate(special_tokens)})

    def encode(self, text: str) -> list[int]:
        """Turn a text into token ids; the text of a special token becomes its one id.

        Raises:
            TypeError: If `text` is not a string.
            ValueError: If it holds a lone surrogate (half a character), saying where.
        """
        _utf8(text)
        ids: list[int] = []
        for i, part in enumerate(self._special_pattern.split(text)):
            if i % 2:  # every second part is what the pattern found between two ordinary ones
                ids.append(self.special_tokens[part])
            else:
                for word in split_words(part):
                    ids.extend(self._cache.get(word) or self._encode_word(word))
        return ids

    def _encode_word(self, word: str) -> list[int]:
        data = word.encode()
        if missing := set(data) - self._id_of_byte.keys():
            raise ValueError(
                "text must be spelled with the bytes of this vocabulary, which train did not make, "
                f"found {min(missing):#04x} in {word!r}."
            )
        ids = _replay([self._id_of_byte[byte] for byte in data], self._rank, self._merged_id)
        if len(word) <= _CACHE_CHARS:
            if len(self._cache) >= _CACHE_WORDS:
                self._cache.clear()
            self._cache[word] = ids
        return ids

    def token_bytes(self, token_id: int) -> bytes:
        """Return the bytes that a token stands for; they may be a part of a character.

        Raises:
            TypeError: If `token_id` is not a whole number.
            ValueError: If it is negative or not below `vocab_size`.
        """
        try:
            index = as_count(token_id, "token id", least=0, most=self.vocab_size - 1)
        except ValueError as error:
            raise ValueError(f"{error}. Was it made by another tokenizer?") from None
        return self._token_bytes[index]

    def tokens(self, text: str) -> list[bytes]:
        """Show how a text is cut: the bytes of each token, whose concatenation is the text."""
        return [self._token_bytes[i] for i in self.encode(text)]

    def decode(self, ids: Iterable[int]) -> str:
        """Turn token ids (a list, or a one-dimensional tensor or array) into text.

        Ids in arbitrary order may spell bytes that are not UTF-8. Each such sequence becomes the
        replacement character U+FFFD, as in `tokenizers`; so `decode` alone cannot be inverted.

        Raises:
            TypeError, ValueError: For ids that `token_bytes` refuses.
        """
        ids = ids.tolist() if hasattr(ids, "tolist") else ids
        return b"".join(map(self.token_bytes, ids)).decode("utf-8", errors="replace")

    def to_tokenizers(self) -> Tokenizer:
        """Return the same tokenizer as an object of the `tokenizers` library."""
        vocab = {_to_chars(token): i for token, i in self.vocab.items()} | self.special_tokens
        merges = [(_to_chars(left), _to_chars(right)) for left, right in self.merges]
        tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=merges))
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = decoders.ByteLevel()
        tokenizer.add_special_tokens(list(self.special_tokens))
        return tokenizer

    def save_pretrained(self, folder: str | os.PathLike[str]) -> None:
        """Write `tokenizer.json` and `tokenizer_config.json`, made if need be, into a folder.

        `transformers.AutoTokenizer.from_pretrained(folder)` then gives the same ids.
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        config = {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "clean_up_tokenization_spaces": False,
        }
        write_atomically(folder / "tokenizer.json", self.to_tokenizers().to_str(pretty=True))
        write_atomically(folder / "tokenizer_config.json", json.dumps(config, indent=2))

    @classmethod
    def from_pretrained(cls, folder: str | os.PathLike[str]) -> ByteLevelBPE:
        """Read the `tokenizer.json` of a folder: ours, GPT-2's, or another of its kind.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If it is not JSON, or describes another kind of tokenizer.
        """
        path = Path(folder) / "tokenizer.json"
        if not path.is_file():
            raise FileNotFoundError(
                f"folder must hold a tokenizer.json, found no {path}. Write one with "
                "save_pretrained(folder), or name a local folder that holds one."
            )
        try:
            spec = json.loads(path.read_text(encoding="utf-8"))
            _check_same_kind(spec)
            special_tokens = {token["content"]: token["id"] for token in spec["added_tokens"]}
            vocab = {
                _to_bytes(chars): i
                for chars, i in spec["model"]["vocab"].items()
                if chars not in special_tokens
            }
            # Older files write a merge as one string, "a b".
            pairs = (m.split(" ") if isinstance(m, str) else m for m in spec["model"]["merges"])
            merges = [(_to_bytes(left), _to_bytes(right)) for left, right in pairs]
            return cls(vocab, merges, special_tokens)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(
                f"folder must hold a tokenizer that ByteLevelBPE can read, found {path} with "
                f"{error!r}. Was it written by save_pretrained?"
            ) from error


def _learn_merges(word_counts: Mapping[str, int], n_merges: int) -> list[Merge]:
    """Find the most frequent pair and merge it, `n_merges` times.

    All words stand in one row, with a gap before, between and after them, and a linked list knows
    each token's neighbours. A merge changes the counts of the pairs beside it alone, so it costs as
    much as the pair has places, however long the words are; a heap finds the largest count.
    """
    tokens = list(_BYTES)
    id_of_byte = {token[0]: i for i, token in enumerate(tokens)}
    ids, frequency = [_NOTHING], [0]
    for word, count in word_counts.items():
        spelled = [id_of_byte[byte] for byte in word.encode()]
        ids += [*spelled, _NOTHING]
        frequency += [count] * (len(spelled) + 1)
    after, before = [*range(1, len(ids) + 1)], [*range(-1, len(ids) - 1)]

    pair_counts: Counter[Pair] = Counter()
    places: defaultdict[Pair, list[int]] = defaultdict(list)  # of the left one, from left to right
    for i, pair in enumerate(pairwise(ids)):
        if _NOTHING not in pair:
            pair_counts[pair] += frequency[i]
            places[pair].append(i)
    heap = [(-count, pair) for pair, count in pair_counts.items()]
    heapify(heap)

    merges: list[Merge] = []
    while len(merges) < n_merges and heap:
        count, best = heappop(heap)
        if -count != pair_counts[best]:
            continue  # the count has changed since this entry was made; a newer entry has it
        (left, right), new = best, len(tokens)
        merges.append((tokens[left], tokens[right]))
        tokens.append(tokens[left] + tokens[right])
        change: Counter[Pair] = Counter()
        for i in places.pop(best):
            j = after[i]
            if (ids[i], ids[j]) != best:
                continue  # one of the two was merged meanwhile, as in "aaa"
            change[best] -= frequency[i]
            h, k = before[i], after[j]
            if ids[h] != _NOTHING:
                change[ids[h], left] -= frequency[i]
                change[ids[h], new] += frequency[i]
                places[ids[h], new].append(h)
            if ids[k] != _NOTHING:
                change[right, ids[k]] -= frequency[i]
                change[new, ids[k]] += frequency[i]
                places[new, ids[k]].append(i)
            ids[i], ids[j] = new, _NOTHING
            after[i], before[k] = k, i
        for pair, difference in change.items():
            if difference:
                pair_counts[pair] += difference
                if pair_counts[pair] > 0:
                    heappush(heap, (-pair_counts[pair], pair))
    return merges


def _replay(
    ids: Sequence[int], rank: Mapping[Pair, int], merged_id: Mapping[Pair, int]
) -> list[int]:
    """Apply the merges to the ids of one word, the lowest rank first.

    The same as calling `merge` for every pair in the order of training, but in O(n log n): a heap
    knows which of the present pairs comes first, a linked list knows each token's neighbours.
    """
    n = len(ids)
    ids = [*ids, _NOTHING]  # at n, which is also index -1: it ends the word on both sides
    after, before = [*range(1, n + 1), n], [*range(-1, n)]

    def candidate(i: int) -> tuple[int, int] | None:
        place = rank.get((ids[i], ids[after[i]]))
        return None if place is None else (place, i)

    heap = [found for i in range(n) if (found := candidate(i))]
    heapify(heap)
    while heap:
        found = heappop(heap)
        i = found[1]
        if found != candidate(i):
            continue  # the token at i, or the one after it, was merged with another meanwhile
        j = after[i]
        ids[i], ids[j] = merged_id[ids[i], ids[j]], _NOTHING
        after[i], before[after[j]] = after[j], i
        for k in (before[i], i):
            if new := candidate(k):
                heappush(heap, new)
    return [token for token in ids if token != _NOTHING]


def _to_chars(token: bytes) -> str:
    return "".join(_CHAR_OF_BYTE[byte] for byte in token)


def _to_bytes(chars: str) -> bytes:
    return bytes(_BYTE_OF_CHAR[char] for char in chars)


def _any_of(special_tokens: Iterable[str]) -> re.Pattern[str]:
    """Compile a pattern that finds special tokens, the longest where several start together."""
    longest_first = sorted(special_tokens, key=len, reverse=True)
    return re.compile(f"({'|'.join(map(re.escape, longest_first))})" if longest_first else r"(?!)")


def _utf8(text: str, name: str = "text") -> bytes:
    """Encode a text, or explain why that is impossible."""
    if not isinstance(text, str):
        raise TypeError(f"{name} must be a string, found {type(text).__name__}.")
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(
            f"{name} must be whole characters, found the lone surrogate "
            f"U+{ord(text[error.start]):04X} at index {error.start}. It is half of a character and "
            "has no UTF-8 bytes: repair the text where it was read, or drop it with "
            "text.encode('utf-8', 'ignore').decode()."
        ) from None


def _check_special_tokens(special_tokens: Sequence[str]) -> list[str]:
    if isinstance(special_tokens, str) or not isinstance(special_tokens, Iterable):
        raise TypeError(f"special_tokens must be a list of strings, found {special_tokens!r}.")
    special_tokens = list(special_tokens)
    for token in special_tokens:
        if not _utf8(token, "special_tokens"):
            raise ValueError(
                "special_tokens must not be empty, found '', which is everywhere in a text."
            )
    if len(set(special_tokens)) < len(special_tokens):
        raise ValueError(f"special_tokens must be distinct, found {special_tokens!r}.")
    return special_tokens


def _check_same_kind(spec: Mapping[str, Any]) -> None:
    """Refuse a file whose settings give other ids than this module would."""
    model, splitter = spec["model"], spec["pre_tokenizer"] or {}
    kind = model.get("type"), splitter.get("type"), splitter.get("use_regex", True)
    if kind != ("BPE", "ByteLevel", True):
        raise ValueError(f"it must be a BPE model after GPT-2's ByteLevel splitter, found {kind}")
    settings = {key: spec.get(key) for key in ("normalizer", "truncation", "padding")}
    settings["add_prefix_space"] = splitter.get("add_prefix_space", True)
    settings["post_processor"] = (spec.get("post_processor") or {}).get("special_tokens")
    for key in ("dropout", "ignore_merges", "continuing_subword_prefix", "end_of_word_suffix"):
        settings[key] = model.get(key)
    for key in ("lstrip", "rstrip", "single_word"):
        settings[key] = any(token.get(key) for token in spec["added_tokens"])
    if used := [key for key, value in settings.items() if value]:
        raise ValueError(f"it must not use what ByteLevelBPE does not have, found {used}")
