"""01 Tokenization."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from functools import cache
from itertools import groupby, pairwise

import numpy as np
import torch

from coursekit.lm.tokenization import merge


def either_order(ids, pair, new_id):
    merged, i = [], 0
    while i < len(ids):
        found = len(ids) > i + 1 and set(ids[i : i + 2]) == set(pair)
        merged.append(new_id if found else ids[i])
        i += 2 if found else 1
    return merged


def first_only(ids, pair, new_id):
    for i, found in enumerate(pairwise(ids)):
        if found == pair:
            return [*ids[:i], new_id, *ids[i + 2 :]]
    return list(ids)


def as_text(ids, pair, new_id):
    text = " ".join(map(str, ids)).replace(f"{pair[0]} {pair[1]}", str(new_id))
    return [int(word) for word in text.split()]


def in_place(ids, pair, new_id):
    i = 0
    while i < len(ids) - 1:
        if (ids[i], ids[i + 1]) == pair:
            ids[i : i + 2] = [new_id]
        i += 1
    return ids


def runs_collapse(ids, pair, new_id):
    if pair[0] != pair[1]:
        return merge(ids, pair, new_id)
    merged = []
    for value, run in groupby(ids):
        run = list(run)
        merged += [new_id] if value == pair[0] and len(run) > 1 else run
    return merged


def recursive(ids, pair, new_id):
    if len(ids) < 2:
        return list(ids)
    if tuple(ids[:2]) == tuple(pair):
        return [new_id, *recursive(ids[2:], pair, new_id)]
    return [ids[0], *recursive(ids[1:], pair, new_id)]


def with_stack(tokens, two, new):
    out, spent = [], False
    for token in tokens:
        if out and not spent and (out[-1], token) == two:
            out[-1], spent = new, True
        else:
            out.append(token)
            spent = False
    return tuple(out)


def pairs_of(words, pairs=pairwise):
    total = defaultdict(int)
    for word, n in words.items():
        for pair in pairs(word):
            total[pair] += n
    return dict(total)


def without_overlap(word):
    i = 0
    while i < len(word) - 1:
        yield word[i], word[i + 1]
        i += 2 if word[i : i + 2] == word[i + 1 : i + 3] else 1


def joined(tokens, pair, reverse=False):
    if reverse:
        return merge(tokens[::-1], pair[::-1], "".join(pair))[::-1]
    return merge(tokens, pair, "".join(pair))


def replay(word, merges, reverse=False):
    tokens = list(word)
    for pair in merges:
        tokens = joined(tokens, pair, reverse)
    return tokens


def stops_at_a_missing_merge(word, merges):
    tokens = list(word)
    for pair in merges:
        if pair not in pairwise(tokens):
            break
        tokens = joined(tokens, pair)
    return tokens


def joins_what_spells_a_token(word, merges):
    tokens = list(word)
    for left, right in merges:
        i = 0
        while i < len(tokens) - 1:
            if tokens[i] + tokens[i + 1] == left + right:
                tokens[i : i + 2] = [left + right]
            i += 1
    return tokens


def lowest_rank_first(word, merges):
    rank, tokens = {pair: i for i, pair in enumerate(merges)}, list(word)
    while known := [pair for pair in pairwise(tokens) if pair in rank]:
        tokens = joined(tokens, min(known, key=rank.get))
    return tokens


def again_until_nothing_changes(word, merges):
    tokens, before = list(word), None
    while tokens != before:
        before = tokens
        for pair in merges:
            tokens = joined(tokens, pair)
    return tokens


def cuts(word, log_probs):
    if not word:
        yield []
    for end in range(1, len(word) + 1):
        if word[:end] in log_probs:
            yield from ([word[:end], *rest] for rest in cuts(word[end:], log_probs))


def by_score(score):
    def best(word, log_probs):
        return max(cuts(word, log_probs), key=lambda pieces: score(pieces, log_probs))

    return best


def total(pieces, log_probs):
    return sum(log_probs[piece] for piece in pieces)


def mean(pieces, log_probs):
    return total(pieces, log_probs) / max(1, len(pieces))


def product(pieces, log_probs):
    return math.prod(log_probs[piece] for piece in pieces)


def viterbi(word, log_probs):
    score, start = [0.0] + [-math.inf] * len(word), [0] * (len(word) + 1)
    for i in range(len(word)):
        for j in range(i + 1, len(word) + 1):
            value = score[i] + log_probs.get(word[i:j], -math.inf)
            if value > score[j]:
                score[j], start[j] = value, i
    pieces, end = [], len(word)
    while end:
        pieces, end = [word[start[end] : end], *pieces], start[end]
    return pieces


def memoised(word, log_probs):
    @cache
    def rest(i):
        if i == len(word):
            return 0.0, ()
        found = []
        for j in range(i + 1, len(word) + 1):
            if word[i:j] in log_probs:
                value, pieces = rest(j)
                found.append((value + log_probs[word[i:j]], (word[i:j], *pieces)))
        return max(found, default=(-math.inf, ()))

    return list(rest(0)[1])


def two_pieces_at_most(word, log_probs):
    few = [pieces for pieces in cuts(word, log_probs) if len(pieces) <= 2]
    return max(few, key=lambda pieces: total(pieces, log_probs), default=[word])


def from_the_right(word, log_probs):
    pieces = []
    while word:
        start = min(i for i in range(len(word)) if word[i:] in log_probs)
        pieces, word = [word[start:], *pieces], word[:start]
    return pieces


WRONG = {
    "apply_merge": {
        "either order": either_order,
        "first occurrence": first_only,
        "text": as_text,
        "in place": in_place,
        "always nine": lambda ids, pair, new_id: merge(ids, pair, 9),
        "first twice": lambda ids, pair, new_id: merge(ids, (pair[0], pair[0]), new_id),
        "runs collapse": runs_collapse,
        "all the same": lambda ids, pair, new_id: [new_id if t in pair else t for t in ids],
    },
    "count_pairs": {
        "unordered": lambda words: pairs_of(
            words, lambda w: (tuple(sorted(p)) for p in pairwise(w))
        ),
        "no overlap": lambda words: pairs_of(words, without_overlap),
        "first pair": lambda words: pairs_of(words, lambda w: [w[:2]] if len(w) > 1 else []),
        "rare words left out": lambda words: pairs_of({w: n for w, n in words.items() if n > 1}),
        "round the corner": lambda words: pairs_of(words, lambda w: pairwise([*w, w[0]])),
        "every two": lambda words: pairs_of(words, lambda w: zip(w[::2], w[1::2])),
        "no twins": lambda words: pairs_of(
            words, lambda w: (p for p in pairwise(w) if p[0] != p[1])
        ),
        "joined": lambda words: pairs_of(words, lambda w: (a + b for a, b in pairwise(w))),
    },
    "replay_merges": {
        "right to left": lambda word, merges: replay(word, merges, reverse=True),
        "stops at a missing merge": stops_at_a_missing_merge,
        "joins what spells a token": joins_what_spells_a_token,
        "shortest merges first": lambda w, ms: replay(w, sorted(ms, key=lambda m: len("".join(m)))),
        "alphabetical": lambda word, merges: replay(word, sorted(merges)),
        "oldest merge only": lambda word, merges: replay(word, merges[:1]),
        "letters": lambda word, merges: list(word),
    },
    "best_cut": {
        "mean": by_score(mean),
        "product of logarithms": by_score(product),
        "longest from the right": from_the_right,
        "two pieces at most": two_pieces_at_most,
        "letters": lambda word, log_probs: list(word),
        "most pieces of the best": lambda w, lp: by_score(lambda p, lp: len(p) + total(p, lp))(
            w, lp
        ),
        "last piece lost": lambda word, log_probs: viterbi(word, log_probs)[:-1],
    },
    "bits_per_byte": {
        "bits of a byte": lambda nats, tokens, size: nats * tokens / math.log(2) / (8 * size),
        "times ln 2": lambda nats, tokens, size: nats * tokens * math.log(2) / size,
        "first token not predicted": lambda n, t, size: n * (t - 1) / math.log(2) / size,
        "at most eight": lambda n, t, size: min(8.0, n * t / math.log(2) / size),
        "base ten": lambda nats, tokens, size: nats * tokens / math.log(10) / size,
        "whole bits": lambda n, t, size: round(n * t / math.log(2)) / size,
        "shorter than bytes": lambda n, t, size: n / math.log(2) * min(t / size, 0.9),
    },
}
RIGHT = {
    "apply_merge": {
        "recursive": recursive,
        "stack and tuple": with_stack,
        "array": lambda ids, pair, new_id: np.array(recursive(ids, pair, new_id), dtype=int),
        "tensor": lambda ids, pair, new_id: torch.tensor(recursive(ids, pair, new_id)),
    },
    "count_pairs": {
        "zip": lambda words: pairs_of(words, lambda w: zip(w, w[1:])),
        "Counter": lambda ws: sum(
            (Counter({p: n * c for p, c in Counter(pairwise(w)).items()}) for w, n in ws.items()),
            Counter(),
        ),
        "arrays": lambda ws: {p: np.int64(n) for p, n in pairs_of(ws).items()},
        "list of items": (lambda words: list(pairs_of(words).items()), "expected a dict"),
    },
    "replay_merges": {
        "lowest rank first": lowest_rank_first,
        "until nothing changes": again_until_nothing_changes,
        "tuple": lambda word, merges: tuple(replay(word, merges)),
        "text": (lambda word, merges: " ".join(replay(word, merges)), "found a str"),
    },
    "best_cut": {
        "Viterbi": viterbi,
        "from the right, remembered": memoised,
        "every cut": by_score(total),
        "by probabilities": by_score(lambda ps, lp: math.prod(math.exp(lp[p]) for p in ps)),
        "tuple": lambda word, log_probs: tuple(viterbi(word, log_probs)),
    },
    "bits_per_byte": {
        "log2": lambda nats, tokens, size: tokens * math.log2(math.exp(nats)) / size,
        "numpy": lambda a, b, c: np.float64(a) * b / c / np.log(2),
        "torch": lambda a, b, c: torch.tensor(a) * b / c / torch.tensor(2.0).log(),
    },
}
