"""01 Tokenization."""

from __future__ import annotations

import math
from collections import Counter
from itertools import pairwise

from coursekit.exercises.engine import ChoiceExercise, FunctionExercise, Mistake
from coursekit.lm.tokenization import ByteLevelBPE, merge
from coursekit.lm.unigram import UnigramLM

# Three questions about what came before.

what_eighty_percent_means = ChoiceExercise(
    name="what_eighty_percent_means",
    question="A calibrated forecaster says 80 % on a thousand occasions. What do you expect?",
    options={
        "a": "At least 800 of the thousand come true, the more the better.",
        "b": "About 800 of the thousand come true.",
        "c": "All of them come true, since 80 % is more likely than not.",
    },
    correct="b",
    explanations={
        "a": "If 950 came true, 80 % was too modest. Calibration fails on both sides.",
        "b": "Calibrated means: what is said with probability p comes true in a share p of cases.",
        "c": "Then 80 % would have been a very wrong number: 100 % was meant.",
    },
)

what_brier_says = ChoiceExercise(
    name="what_brier_says",
    question="You give a statement the probability 0.9, and it turns out false. "
    "What is your Brier score, (p - y) squared?",
    options={"a": "0.01", "b": "0.1", "c": "0.81"},
    correct="c",
    explanations={
        "a": "That is the score for a statement that is true: (0.9 - 1) squared.",
        "b": "That is how far 0.9 is from 1. But it was false, so y = 0, and the distance is "
        "squared.",
        "c": "(0.9 - 0) squared. Being sure and wrong costs most.",
    },
)

what_ten_answers_show = ChoiceExercise(
    name="what_ten_answers_show",
    question="Ten questions: your mean confidence was 75 %, and 6 answers were right. "
    "What have you learned about yourself?",
    options={
        "a": "I am overconfident by 15 points.",
        "b": "Little: chance alone moves the score of ten answers by that much.",
        "c": "I am calibrated, because 6 and 7.5 round to nearly the same.",
    },
    correct="b",
    explanations={
        "a": "That is the estimate, but with ten answers its interval is tens of points wide.",
        "b": "The standard deviation of a share of ten is about 14 points here. Always ask for "
        "the interval.",
        "c": "Not shown either: being consistent with calibration is no proof of it.",
    },
)

# What the notebook teaches.


def _ids_with_runs(rng):
    """Ids with a run of three, which is where careless merging goes wrong; the last is no pair."""
    middle = rng.integers(1, 3, size=4).tolist()
    return [2, 1, 1, 1, *middle, 2, 1, 1, 1, 3], (1, 1), 9


def _merge_stepping_by_one(ids, pair, new_id):
    merged, i = [], 0
    while i < len(ids):
        merged.append(new_id if tuple(ids[i : i + 2]) == pair else ids[i])
        i += 1
    return merged


def _merge_losing_the_tail(ids, pair, new_id):
    return merge(ids, pair, new_id)[:-1]


apply_merge = FunctionExercise(
    name="apply_merge",
    title="Replace each occurrence of a pair by its new token, from left to right",
    reference=merge,
    inputs=_ids_with_runs,
    edges=[
        ([], (1, 2), 3),
        ([1], (1, 1), 2),
        ([3, 4, 4, 3, 3, 4], (3, 4), 7),  # two tokens that differ, in both orders
        ([11, 1, 1, 12, 1, 1, 1, 1], (1, 1), 256),  # several digits, and a run of four
    ],
    mistakes=[
        Mistake(
            name="overlapping pairs",
            wrong=_merge_stepping_by_one,
            message="You used tokens twice. In 1 1 1 the pair (1, 1) is there once: after a merge "
            "both its tokens are spent, so move on by two.",
        ),
        Mistake(
            name="right to left",
            wrong=lambda ids, pair, new_id: merge(ids[::-1], pair[::-1], new_id)[::-1],
            message="You merged from right to left. In 1 1 1 the first two tokens belong together, "
            "and the third is left over.",
        ),
        Mistake(
            name="lost tail",
            wrong=_merge_losing_the_tail,
            message="The last token is lost. A loop over pairs ends one token before the end; what "
            "stands there must be kept too.",
        ),
    ],
    hints=[
        "Walk with an index i. Do ids[i] and ids[i + 1] form the pair? Mind the end of the list.",
        "If they do, append new_id and move by two; if not, append ids[i] and move by one.",
    ],
    stub="""
        def my_merge(ids, pair, new_id):
            \"\"\"Return ids (a list) with each occurrence of pair replaced by new_id.\"\"\"
            ...
    """,
    solution="""
        def my_merge(ids, pair, new_id):
            merged, i = [], 0
            while i < len(ids):
                found = tuple(ids[i : i + 2]) == pair
                merged.append(new_id if found else ids[i])
                i += 2 if found else 1
            return merged
    """,
    insight="The package's merge has the same few lines.",
)


def _words(rng):
    """Return a few words with how often each occurs; one of them holds a pair twice."""
    words = {tuple("banana"): int(rng.integers(2, 6)), tuple("ban"): int(rng.integers(2, 6))}
    for _ in range(2):
        words[tuple(rng.choice(list("abn"), size=4).tolist())] = int(rng.integers(2, 6))
    return (words,)


def _weighted_pairs(words):
    pairs = Counter()
    for word, frequency in words.items():
        for pair in pairwise(word):
            pairs[pair] += frequency
    return dict(pairs)


count_pairs = FunctionExercise(
    name="count_pairs",
    title="Count neighbouring tokens in words that occur several times",
    reference=_weighted_pairs,
    inputs=_words,
    edges=[({},), ({("a",): 3},), ({("a", "a", "a"): 1, ("b", "a"): 2},)],
    mistakes=[
        Mistake(
            name="frequency ignored",
            wrong=lambda words: dict(Counter(pair for word in words for pair in pairwise(word))),
            message="You counted each distinct word once. A word that occurs five times brings "
            "each of its pairs five times.",
        ),
        Mistake(
            name="across words",
            wrong=lambda words: dict(
                Counter(pairwise([t for word, n in words.items() for t in word * n]))
            ),
            message="You counted pairs over the border of two words. No token may cross it, so "
            "take the pairs inside each word alone.",
        ),
        Mistake(
            name="once a word",
            wrong=lambda words: dict(
                Counter(
                    pair
                    for word, n in words.items()
                    for pair in set(pairwise(word))
                    for _ in range(n)
                )
            ),
            message="A pair can be in one word several times: banana holds (a, n) twice. Count "
            "them all.",
        ),
    ],
    hints=[
        "`itertools.pairwise(word)` gives the neighbours inside a word.",
        "Two loops: over words.items(), then over the pairs of the word; add its frequency.",
    ],
    stub="""
        def my_count_pairs(words):
            \"\"\"Return pair counts; words maps a tuple of tokens to its frequency.\"\"\"
            ...
    """,
    solution="""
        from collections import Counter
        from itertools import pairwise

        def my_count_pairs(words):
            pairs = Counter()
            for word, frequency in words.items():
                for pair in pairwise(word):
                    pairs[pair] += frequency
            return pairs
    """,
)


def _word_and_merges(rng):
    """Return a word in which the age of the merges decides; new letters each time."""
    a, b, c, d = rng.permutation(list("abcdefgh"))[:4].tolist()
    return "".join([a, b, c, a, b, d, b, c, d]), [(b, c), (a, b), (a + b, d), (b + c, a)]


def _replay(word, merges):
    bpe = ByteLevelBPE.from_merges([(left.encode(), right.encode()) for left, right in merges])
    return [token.decode() for token in bpe.tokens(word)]


def _longest_match(word, merges):
    known = {left + right for left, right in merges} | set(word)
    tokens = []
    while word:
        end = max(i for i in range(1, len(word) + 1) if word[:i] in known)
        tokens.append(word[:end])
        word = word[end:]
    return tokens


def _one_by_one(word, merges):
    tokens = list(word)
    for pair in merges:
        tokens = merge(tokens, pair, "".join(pair))
    return tokens


def _first_occurrence(word, merges):
    tokens = list(word)
    for pair in merges:
        places = [i for i, found in enumerate(pairwise(tokens)) if found == pair]
        if places:
            tokens[places[0] : places[0] + 2] = ["".join(pair)]
    return tokens


def _leftmost(word, merges):
    tokens, i = list(word), 0
    while i < len(tokens) - 1:
        if (tokens[i], tokens[i + 1]) in merges:
            tokens[i : i + 2] = [tokens[i] + tokens[i + 1]]
            i = 0
        else:
            i += 1
    return tokens


replay_merges = FunctionExercise(
    name="replay_merges",
    title="Encode a word: replay the merges, oldest first",
    reference=_replay,
    inputs=_word_and_merges,
    edges=[
        ("a", [("a", "b")]),
        ("aaaaa", [("a", "a"), ("aa", "aa")]),
        ("cab", [("x", "y"), ("a", "b")]),  # a merge that the word does not need
        ("abcd", [("a", "b"), ("ab", "c"), ("c", "d")]),  # a longer token is the older one
        ("abc", [("b", "c"), ("a", "b"), ("ab", "c")]),  # a, bc spell abc, but are not that pair
        ("xyz", [("y", "z"), ("x", "yz"), ("x", "y")]),
    ],
    mistakes=[
        Mistake(
            name="longest match",
            wrong=_longest_match,
            message="You took the longest known token from the left. That is WordPiece's rule. "
            "BPE replays its merges in the order of training, so an older merge wins.",
        ),
        Mistake(
            name="leftmost pair",
            wrong=_leftmost,
            message="You joined the leftmost pair that any merge knows. The age of a merge comes "
            "first, the place in the word second: join the oldest merge wherever it stands.",
        ),
        Mistake(
            name="newest first",
            wrong=lambda word, merges: _one_by_one(word, merges[::-1]),
            message="You began with the newest merge. It joins tokens that only the older merges "
            "make, so replay from the oldest.",
        ),
        Mistake(
            name="first occurrence only",
            wrong=_first_occurrence,
            message="You merged only the first occurrence of each pair. In training every "
            "occurrence was merged.",
        ),
    ],
    hints=[
        "Start from list(word). For each merge, oldest first, join all its occurrences.",
        "The inner part is exercise 1 with strings: the new token is left + right.",
    ],
    stub="""
        def my_encode(word, merges):
            \"\"\"Return the tokens of a word; merges are pairs of strings, oldest first.\"\"\"
            ...
    """,
    solution="""
        def my_encode(word, merges):
            tokens = list(word)
            for pair in merges:
                i = 0
                while i < len(tokens) - 1:
                    if (tokens[i], tokens[i + 1]) == pair:
                        tokens[i : i + 2] = ["".join(pair)]
                    i += 1
            return tokens
    """,
    insight="Nothing is counted in the new text: the order of the merges is all there is.",
)


def _word_and_pieces(rng):
    """Return a word and pieces of which neither the longest nor the fewest are the best cut."""
    a, b, c, d = rng.permutation(list("abcdefgh"))[:4].tolist()
    log_probs = {letter: float(rng.uniform(-4.5, -4)) for letter in (a, b, c, d)}
    log_probs |= {a + b: -2.0, c + d: -2.1, a + b + c: -2.2, b + c: float(rng.uniform(-3, -2.5))}
    log_probs |= {a + b + c + d: float(rng.uniform(-6, -5))}
    return "".join([a, b, c, d, b, c, a]), log_probs


def _best_cut(word, log_probs):
    return UnigramLM(log_probs).segment(word) if word else []


def _fewest_pieces(word, log_probs):
    return _best_cut(word, dict.fromkeys(log_probs, -1.0))


def _longest_piece(word, log_probs):
    tokens = []
    while word:
        end = max(i for i in range(1, len(word) + 1) if word[:i] in log_probs)
        tokens.append(word[:end])
        word = word[end:]
    return tokens


def _most_probable_piece(word, log_probs):
    tokens = []
    while word:
        starts = [word[:i] for i in range(1, len(word) + 1) if word[:i] in log_probs]
        tokens.append(max(starts, key=log_probs.__getitem__))
        word = word[len(tokens[-1]) :]
    return tokens


best_cut = FunctionExercise(
    name="best_cut",
    title="The most probable cut of a word (Viterbi)",
    reference=_best_cut,
    inputs=_word_and_pieces,
    edges=[
        ("", {"a": -1.0}),
        ("a", {"a": -1.0}),
        ("aaaa", {"a": -2.0, "aa": -2.5, "aaa": -4.0}),
        ("abc", {"a": -1.0, "b": -1.0, "c": -1.0, "abc": -4.0}),  # the whole word is not the best
        ("abc", {"a": -1.0, "b": -1.0, "c": -1.0, "bc": -5.0}),
        ("ab", {"a": -1.2, "b": -1.2, "ab": -2.0}),
        ("abcde", dict.fromkeys("abcde", -1.0) | {"abc": -4.0, "de": -3.0, "cde": -9.0}),
        ("abcd", {"a": -9.0, "b": -9.0, "c": -9.0, "d": -9.0, "ab": -1.0, "cd": -1.0, "abc": -0.5}),
    ],
    mistakes=[
        Mistake(
            name="longest piece",
            wrong=_longest_piece,
            message="You took the longest piece from the left: that is WordPiece. Here the product "
            "of all probabilities decides, and a shorter first piece can leave a better rest.",
        ),
        Mistake(
            name="most probable piece",
            wrong=_most_probable_piece,
            message="You took the most probable piece at each place, and never looked back. What "
            "counts is the product over the whole word.",
        ),
        Mistake(
            name="fewest pieces",
            wrong=_fewest_pieces,
            message="That is the cut with the fewest pieces. Two likely pieces can beat one "
            "unlikely one: add up the logarithms.",
        ),
        Mistake(
            name="smallest product",
            wrong=lambda word, log_probs: _best_cut(word, {x: -p for x, p in log_probs.items()}),
            message="You found the least probable cut. Logarithms of probabilities are negative: "
            "the best sum is the one nearest to 0, the largest.",
        ),
    ],
    hints=[
        "Keep pairs (score, pieces): best[0] = (0, []), and best[j] for the first j letters.",
        "best[j] is the largest of best[i] + ln p of word[i:j], over all i < j with such a piece.",
    ],
    stub="""
        def my_best_cut(word, log_probs):
            \"\"\"Return the most probable pieces (a list); log_probs maps pieces to ln p.\"\"\"
            ...
    """,
    solution="""
        def my_best_cut(word, log_probs):
            best = [(0.0, [])]
            for j in range(1, len(word) + 1):
                found = [
                    (best[i][0] + log_probs[word[i:j]], [*best[i][1], word[i:j]])
                    for i in range(j)
                    if word[i:j] in log_probs and best[i] is not None
                ]
                best.append(max(found, default=None))
            return best[-1][1]
    """,
    insight="2^(n - 1) cuts, and only n times n / 2 pieces were looked at.",
)

bits_per_byte = FunctionExercise(
    name="bits_per_byte",
    title="The loss of a model in bits per byte, comparable across tokenizers",
    reference=lambda nats_per_token, n_tokens, n_bytes: (
        math.log2(math.e) * nats_per_token * n_tokens / n_bytes
    ),
    inputs=lambda rng: (
        float(rng.uniform(2, 4)),
        int(rng.integers(200, 400)),
        int(rng.integers(900, 1500)),
    ),
    edges=[
        (0.0, 5, 9),
        (9.0, 4, 4),
        (2.5, 30, 20),
    ],  # certain; byte by byte; more tokens than bytes
    mistakes=[
        Mistake(
            name="per token",
            wrong=lambda nats_per_token, n_tokens, n_bytes: nats_per_token / math.log(2),
            message="That is bits per token, and a token of one tokenizer is not a token of "
            "another. Divide the bits of the whole text by its bytes.",
        ),
        Mistake(
            name="nats",
            wrong=lambda nats_per_token, n_tokens, n_bytes: nats_per_token * n_tokens / n_bytes,
            message="That is nats per byte. A bit is ln 2 = 0.69 nats, so divide by ln 2.",
        ),
        Mistake(
            name="upside down",
            wrong=lambda nats_per_token, n_tokens, n_bytes: (
                nats_per_token / math.log(2) * n_bytes / n_tokens
            ),
            message="Tokens and bytes are swapped. The whole text costs nats_per_token times "
            "n_tokens; then share it among the bytes.",
        ),
    ],
    hints=[
        "How many nats does the whole text cost? How many bits is that?",
        "nats / math.log(2) gives bits; divide by the number of bytes.",
    ],
    stub="""
        def my_bits_per_byte(nats_per_token, n_tokens, n_bytes):
            \"\"\"Return bits per byte of a text, from the mean loss of its tokens in nats.\"\"\"
            ...
    """,
    solution="""
        def my_bits_per_byte(nats_per_token, n_tokens, n_bytes):
            return nats_per_token * n_tokens / math.log(2) / n_bytes
    """,
)

dearest_text = ChoiceExercise(
    name="dearest_text",
    question="A service charges by the token and uses SmolLM2's vocabulary. The same notice goes "
    "out in English (69 characters), Chinese (16) and Korean (30). Which is the dearest?",
    options={
        "a": "English, because it has the most characters.",
        "b": "Chinese, because each of its characters has three bytes.",
        "c": "Korean, because the vocabulary knows hardly any of its byte sequences.",
    },
    correct="c",
    explanations={
        "a": "English has the most characters but the fewest tokens: whole words are in the "
        "vocabulary.",
        "b": "A Chinese character has three bytes, but there are few characters, and the common "
        "ones are single tokens. Look at tokens for the same meaning.",
        "c": "Nearly one token a byte. A vocabulary trained on Korean would turn this round.",
    },
)

why_space_hurts = ChoiceExercise(
    name="why_space_hurts",
    question="Why does the model not answer ' Paris' after 'The capital of France is ' with a "
    "space at the end?",
    options={
        "a": "The longer prompt has more tokens, so the model forgets the question.",
        "b": "In training the space belongs to the next word's token, so a lone space token was "
        "followed by something else, such as a digit.",
        "c": "Models ignore spaces, so the answer was already given.",
    },
    correct="b",
    explanations={
        "a": "One token more is nothing: the model can read thousands.",
        "b": "End a prompt without a space and begin the answer with one.",
        "c": "A space is a byte like any other, and the lone space is a token with an id.",
    },
)
