# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown] slideshow={"slide_type": "slide"}
# # 01 Tokenization
#
# A language model never sees a letter. It sees integers, and it states a probability for every
# integer that could come next. What an integer stands for was fixed before the model learned
# anything, by its *tokenizer*. So "the probability of an answer" is a statement about tokens, and
# whoever wants to judge it must know them. Here you build the kind of tokenizer that GPT-2 and many
# models after it use, and see where it bites.
#
# **You will be able to**
# - tell characters, bytes, words and tokens apart;
# - train a byte-pair encoding from scratch and replay it on new text;
# - say what the pattern that cuts words decides, and what it does to numbers;
# - cut a word by BPE, by WordPiece and by a unigram model, and say what each rule needs;
# - say what a larger vocabulary buys, and why losses per token mislead across tokenizers;
# - measure why some languages cost more tokens than others;
# - find tokens of a real model that it never learned;
# - ask a model for the probability of an answer without falling into the space at the end.
#
# **Time:** about 80 minutes; all cells together run in about a minute on two processor cores.
#
# **On the map:** Part I, a language model from scratch. Before it: the start, where you measured
# your own calibration. After it: how a model knows the order of its tokens.

# %%
import inspect
import math
import random
from collections import Counter
from itertools import pairwise

import regex
import torch
from scipy.stats import spearmanr
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from coursekit import calibration as cal, expect, llm, plots, predict
from coursekit.chapters.tokenization import exercises, figures, widget
from coursekit.data import dataset_descriptions, reference_documents, split_documents
from coursekit.lm import ByteLevelBPE, UnigramLM, merge, split_words, word_pieces

lm = llm.load()

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Before you start: three questions
#
# Answer from memory: replace each `...` by a letter in quotes. A wrong answer costs nothing and is
# explained.

# %%
exercises.what_eighty_percent_means.ask()
exercises.what_eighty_percent_means.check(...)

# %%
exercises.what_brier_says.ask()
exercises.what_brier_says.check(...)

# %%
exercises.what_ten_answers_show.ask()
exercises.what_ten_answers_show.check(...)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Characters, bytes, words
#
# A text is a sequence of *characters*. A computer stores each character as one to four *bytes*,
# numbers from 0 to 255, by a rule called UTF-8. Letters of English take one byte, others more.
# (The last text looks like one picture in most places: a family, glued together from several
# characters.)

# %%
family = "👨‍👩‍👧‍👦"
print(f"{'text':16}{'characters':>12}{'bytes':>8}")
for text in ["rain", "naïve café", "дождь", "雨", family]:
    shown = "the family" if text == family else text
    print(f"{shown:16}{len(text):>12}{len(text.encode()):>8}")
print(list("雨".encode()), "are the three bytes of 雨")

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Why not words, why not bytes?
#
# A model needs a fixed list of what it can read and write, its *vocabulary*. Words would be
# natural. Let us see how far a list of words reaches: collect every word of some documents, then
# read others. (A "word" here is a run of letters, digits or signs, with the space before it.)

# %%
documents = reference_documents(stable=True) + dataset_descriptions()
train_documents, test_documents = split_documents(documents, fraction=0.6, seed=0)
train_text = "\n\n".join(document.text for document in train_documents)
test_text = "\n\n".join(document.text for document in test_documents)

print(split_words("Tomorrow it rains, doesn't it?"))
known = set(split_words(train_text))
test_words = split_words(test_text)
unknown = sum(word not in known for word in test_words) / len(test_words)
expect("share of words in new documents that the list does not have", unknown, 0.25, within=0.03)

# %% [markdown]
# A quarter of the new text could not even be written down. (Two thirds of our documents are about
# Python, the others about data: real text is as mixed.) Bytes are the opposite: 256 of them spell
# everything, but a page becomes thousands of steps. **Tokens** are the way between: frequent
# sequences of bytes get a number of their own, and rare words are spelled from pieces.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Merge by merge
#
# *Byte-pair encoding* (BPE) finds the pieces with one rule, repeated:
#
# > find the pair of neighbouring tokens that occurs most often; make it a new token.
#
# We start from bytes, and number them as GPT-2 does. `tokens[i]` is what the number `i` stands for.

# %%
text = "a singer sings, a ringer rings, a king is singing"
start = ByteLevelBPE.from_merges([])  # no merges yet: 256 bytes
tokens = list(start.vocab)
ids = start.encode(text)

pairs = Counter(pairwise(ids))
for (left, right), count in pairs.most_common(5):
    print(f"{tokens[left].decode()!r} + {tokens[right].decode()!r}: {count} times")

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Eight merges
#
# Two pairs lead with the same count, so we need a rule for ties: the pair with the smaller numbers
# wins. Watch the text get shorter.

# %%
for _ in range(8):
    pairs = Counter(pairwise(ids))
    best = min(pairs, key=lambda pair: (-pairs[pair], pair))
    tokens.append(tokens[best[0]] + tokens[best[1]])
    ids = merge(ids, best, new_id=len(tokens) - 1)
    print(f"{tokens[-1].decode()!r:9} {pairs[best]} times, leaves {len(ids)} tokens")

# %%
print("|".join(tokens[i].decode() for i in ids))

# %% [markdown]
# Nobody told the rule about English, and yet *ing* came out, and then *sing*. Some tokens cross the
# border of a word, though: there is nothing about words in the rule. We mend that below.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Exercise 1: apply one merge
#
# The loop above used `merge` from the package. Write it yourself. `ids` is a list of integers,
# `pair` a tuple of two. What should become of `[1, 1, 1]` when `(1, 1)` is merged?


# %%
def my_merge(ids, pair, new_id):
    """Return ids (a list) with each occurrence of pair replaced by new_id."""
    ...


exercises.apply_merge.check(my_merge)

# %% [markdown]
# Stuck? Run `exercises.apply_merge.hint()`, and in the end `.solution()`.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Words first, then pairs
#
# Real tokenizers first cut the text into words, and no token crosses from one word into the next.
# That also saves work: a word that occurs a thousand times is stored once, with its frequency. So
# counting pairs becomes this:
#
# $$\text{count}(a, b) = \sum_{\text{words } w} \text{frequency}(w) \cdot
# \big(\text{how often } a, b \text{ stand side by side in } w\big).$$

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Exercise 2: count pairs in words
#
# For example, `{("a", "b"): 3, ("b", "a", "b"): 2}` gives `{("a", "b"): 5, ("b", "a"): 2}`.


# %%
def my_count_pairs(words):
    """Return pair counts; words maps a tuple of tokens to its frequency."""
    ...


exercises.count_pairs.check(my_count_pairs)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## The whole trainer


# %%
def train(text, n_merges, cut=split_words):
    """Return the first n merges of a text, as pairs of byte strings."""
    words = [(start.encode(word), n) for word, n in Counter(cut(text)).items()]
    tokens, merges = list(start.vocab), []
    for _ in range(n_merges):
        pairs = Counter()
        for ids, n in words:
            for pair in pairwise(ids):
                pairs[pair] += n
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append((tokens[best[0]], tokens[best[1]]))
        tokens.append(tokens[best[0]] + tokens[best[1]])
        words = [(merge(ids, best, len(tokens) - 1), n) for ids, n in words]
    return merges


some_text = train_text[:20_000]
merges = train(some_text, 100)
print([(left + right).decode() for left, right in train(text, 8)])

# %% [markdown]
# The singers again: now the space comes first in a token, and none reaches into the next word.
#
# **Check:** the package's trainer does the same with less work, because it updates counts instead
# of counting everything again. And the `tokenizers` library, written in Rust by other people,
# learns the same merges from the same text.

# %%
packaged = ByteLevelBPE.train(some_text, vocab_size=256 + 100)

library = Tokenizer(models.BPE())
library.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
alphabet = pre_tokenizers.ByteLevel.alphabet()
library.train_from_iterator(
    [some_text],
    trainers.BpeTrainer(vocab_size=356, initial_alphabet=alphabet, show_progress=False),
)

expect("our merges are the package's", packaged.merges == merges, True)
learned = set(packaged.to_tokenizers().get_vocab())
expect("its tokens are those of `tokenizers`", learned == set(library.get_vocab()), True)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Where to cut is a choice, too
#
# `split_words` hides the choice that shapes all tokens. It is one pattern, GPT-2's: an English ending
# such as *'s*; or letters, digits, or other signs, each with the one space before them; or more
# white space. Written down, it cuts as the library does. Change nothing but what it says of digits:

# %%
ending, signs, white = r"'(?:[sdmt]|ll|ve|re)", r" ?[^\s\p{L}\p{N}]+", r"\s+(?!\S)|\s+"
of_numbers = {
    "GPT-2": r" ?\p{N}+",
    "one by one": r"\p{N}",
    "threes from the left": r"\p{N}{1,3}",
    "threes from the right": r"\p{N}{1,3}(?=(?:\p{N}{3})*(?!\p{N}))",
}
patterns = {
    name: regex.compile(rf"{ending}| ?\p{{L}}+|{numbers}|{signs}|{white}")
    for name, numbers in of_numbers.items()
}
words_by_pattern = patterns["GPT-2"].findall(train_text)
expect("GPT-2's words are the library's", words_by_pattern == split_words(train_text), True)

for name, pattern in patterns.items():
    print(f"{name:22}", "|".join(pattern.findall("It's 1234567+89, then 1234")))

# %% [markdown]
# Cut in threes from the left, the piece *123* counts ten thousands in the first number and tens in the
# last: what a piece is worth depends on the length of its number. From the right it always counts
# ones, thousands or millions, as we write 1,234,567. GPT-3.5 and GPT-4 cut threes from the left; Singh
# and Strouse (2024) found that they add better when commas make them read from the right.

# %% [markdown]
# **Predict first.** Now cut at the ends of lines only, so that a token may hold several words. With the
# same 200 merges, what will the tokens be?

# %%
my_probability = ...
guess = predict(
    "uncut-tokens-cross",
    "Without cutting into words, more than one in ten of the 200 new tokens cross a border of words.",
    my_probability,
)


# %%
def n_tokens(text, merges, cut):
    """How many tokens a text has when the merges are replayed in each of its pieces."""
    vocab = list(start.vocab) + [left + right for left, right in merges]
    id_of = {token: i for i, token in enumerate(vocab)}
    total = 0
    for piece, n in Counter(cut(text)).items():
        ids = start.encode(piece)
        for left, right in merges:
            ids = merge(ids, (id_of[left], id_of[right]), id_of[left + right])
        total += n * len(ids)
    return total


# %%
cuts = {name: pattern.findall for name, pattern in patterns.items()}
cuts["lines only"] = lambda text: text.splitlines(keepends=True)
texts = {
    "prose": test_text[:20_000],
    "code": inspect.getsource(train),
    "numbers": "\n".join(str(n * 7919 % 1_000_003) for n in range(400)),
}
numbers_to_learn = "\n".join(str(n * 104_729 % 1_000_003) for n in range(800))
rate, n_across = {}, {}
print(f"{'bytes a token':22}", *(f"{kind:>8}" for kind in texts), "  tokens across words")
for name, cut in cuts.items():
    learned = train(some_text + numbers_to_learn, 200, cut)
    across = [a + b for a, b in learned if regex.search(rb"[A-Za-z] [A-Za-z]|[A-Za-z] $", a + b)]
    rate[name] = [len(t.encode()) / n_tokens(t, learned, cut) for t in texts.values()]
    n_across[name] = len(across)
    print(f"{name:22}", *(f"{r:8.2f}" for r in rate[name]), f"{len(across):12}")
guess.resolve(n_across["lines only"] > 20)
expect("prose, uncut over cut", rate["lines only"][0] / rate["GPT-2"][0], 1, within=0.1)
expect("numbers, one by one", rate["one by one"][2], 1.0, within=0.01)

# %% [markdown]
# Uncut, new prose becomes about as short; what differs is the *kind* of token: many are
# a word's end with the space after it, or pieces of two words, and what a model predicts with them is
# no word. Numbers are where the pattern sets the price: one by one, each digit costs a token. (The prose
# gains by it: merges that numbers no longer take are left for words.)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Encoding new text: replay the merges
#
# The list of merges *is* the tokenizer. A new word is spelled in bytes; then the merges are
# replayed in the order in which they were learned. Nothing is counted any more.
#
# ### Exercise 3: encode a word


# %%
def my_encode(word, merges):
    """Return the tokens of a word; merges are pairs of strings, oldest first."""
    ...


exercises.replay_merges.check(my_encode)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### The same sentence, more and more merges
#
# Train once, on the whole training text; then look at the tokenizer as it was after 0, 20, 100, 500
# merges.

# %%
bpe = ByteLevelBPE.train(train_text, vocab_size=8192)
sentence = "The statement is an expression of rain."
rows = {f"{n} merges": ByteLevelBPE.from_merges(bpe.merges[:n]) for n in (0, 20, 100, 500)}
plots.show(
    figures.token_strips(
        {name: tokenizer.tokens(sentence) for name, tokenizer in rows.items()},
        "From bytes to words",
    )
)

# %% [markdown]
# Words of the training text have become tokens; *rain* is not one of its topics and stays in
# pieces. **A token is not a word**: it may be a letter, a part of a word, a word with its space.
#
# **Check:** give the same merges to `tokenizers`, and compare ids on documents that neither saw.

# %%
ours, theirs = bpe.encode(test_text), bpe.to_tokenizers().encode(test_text).ids
expect("ids of the test documents are the same", ours == theirs, True)
expect("decoding gives the text back", bpe.decode(ours) == test_text, True)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## The same pieces, two other rules
#
# BPE needs its list in order. Two other rules in wide use do not.
#
# - **WordPiece** (Schuster and Nakajima 2012; in BERT) needs only the set of pieces: from the left,
#   always the longest. A piece inside a word is marked `##`.
# - **The unigram model** (Kudo 2018; in T5 and many others) gives each piece a probability $p(x)$,
#   and takes the cut with the largest product $\prod_i p(x_i)$: it looks at the word as a whole.
#
# We give all three the same pieces, those of 100 merges, and the same words.

# %%
lower_case = r"\b[a-z]+\b"
words = Counter(regex.findall(lower_case, some_text))
pieces = [token.decode() for token in packaged.vocab if token.isalpha() and token.islower()]
marked = {*pieces, *("##" + piece for piece in pieces)}

piece_counts = Counter(pieces)  # one for each, so that none has the probability 0
for word, n in words.items():
    for token in packaged.tokens(word):
        piece_counts[token.decode()] += n
unigram = UnigramLM.from_counts(piece_counts)
rules = {
    "BPE": lambda word: [token.decode() for token in packaged.tokens(word)],
    "WordPiece": lambda word: [p.removeprefix("##") for p in word_pieces(word, marked)],
    "unigram": unigram.segment,
}
for name, rule in rules.items():
    print(f"{name:10}", "   ".join("|".join(rule(w)) for w in ("interesting", "underscore")))

# %% [markdown]
# Same pieces, three cuts. **Check:** the `tokenizers` library, with the same vocabulary, on every
# word of the new text.

# %%
new_words = Counter(regex.findall(lower_case, test_text[:20_000]))
ids = {piece: i for i, piece in enumerate(["[UNK]", *sorted(marked)])}
theirs = Tokenizer(models.WordPiece(ids, unk_token="[UNK]"))
same = all(theirs.encode(w).tokens == word_pieces(w, marked) for w in new_words)
expect("WordPiece as in `tokenizers`", same, True)
theirs = unigram.to_tokenizers()
same = all(theirs.encode(w).tokens == unigram.segment(w) for w in new_words)
expect("unigram as in `tokenizers`", same, True)

total = sum(new_words.values())
per_word = {
    name: sum(n * len(rule(w)) for w, n in new_words.items()) / total
    for name, rule in rules.items()
}
print({name: round(n, 2) for name, n in per_word.items()}, "tokens a word")
expect("most over fewest", max(per_word.values()) / min(per_word.values()), 1, within=0.02)

# %% [markdown]
# The price is the same within two in a hundred; what differs is *where* words are cut.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Exercise 4: the most probable cut
#
# A word of $n$ letters can be cut in $2^{n-1}$ ways. You need not try them: the best cut of the first
# $j$ letters is the best cut of the first $i$, and then one piece. (This is the *Viterbi* algorithm.)


# %%
def my_best_cut(word, log_probs):
    """Return the most probable pieces (a list); log_probs maps pieces to ln p."""
    ...


exercises.best_cut.check(my_best_cut)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Where the probabilities come from: one step of EM
#
# We took the counts of BPE's pieces, but the model would cut some words otherwise.
# *Expectation-maximisation* mends that: count each piece over **all** cuts, each weighed by its
# probability under the model (E); the shares of these counts are the new probabilities (M). No step
# can lower the likelihood of the text.
#
# For short words one can simply list the cuts.


# %%
def ways(word):
    """Every way to cut a word into pieces."""
    if not word:
        yield []
    for end in range(1, len(word) + 1):
        if word[:end] in pieces:
            yield from ([word[:end], *rest] for rest in ways(word[end:]))


expected = Counter()
short = {word: n for word, n in words.items() if len(word) <= 7}
for word, n in short.items():
    cut_probs = [(c, math.exp(sum(unigram.log_probs[p] for p in c))) for c in ways(word)]
    whole = sum(p for _, p in cut_probs)  # the probability of the word: all cuts together
    for found, p in cut_probs:
        for piece in found:
            expected[piece] += n * p / whole
by_hand, packaged_step = UnigramLM.from_counts(expected), unigram.em_step(short)
worst = max(abs(by_hand.log_probs[p] - v) for p, v in packaged_step.log_probs.items())
expect("our step and the package's differ by", worst, 0, within=1e-9)

# %% [markdown]
# The package does not list cuts: it sums them as Viterbi takes their largest, from both ends
# (*forward-backward*). So it can take all words, and repeat.

# %%
model, learning = unigram, []
for _ in range(6):
    learning.append(sum(n * model.log_likelihood(w) for w, n in words.items()) / words.total())
    model = model.em_step(words)
print("ln p a word:", " ".join(f"{value:.3f}" for value in learning))
expect("smallest gain of a step", min(b - a for a, b in pairwise(learning)), at_least=0)
print("|".join(unigram.segment("interesting")), "becomes", "|".join(model.segment("interesting")))

# %% [markdown]
# Real trainers start with far too many pieces and drop, between steps, those that are missed least.
# The rest of this notebook stays with BPE, which SmolLM2 uses.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## What a larger vocabulary buys
#
# Every merge shortens the text. *Compression* is measured in bytes per token, on the text that the
# tokenizer learned from and on documents that it never saw.
#
# **Predict first:** with its largest vocabulary our tokenizer reaches more than 4 bytes per token
# on its training text. On new documents, too?

# %%
my_probability = ...
guess = predict(
    "compression-held-out",
    "With its largest vocabulary our tokenizer reaches 4 bytes per token on held-out documents.",
    my_probability,
)

# %%
sizes = [256, 320, 384, 512, 768, 1024, 1536, 2048, 3072, bpe.vocab_size]
curves = {"training documents": [], "held-out documents": []}
for size in sizes:
    tokenizer = ByteLevelBPE.from_merges(bpe.merges[: size - 256])
    for name, text in zip(curves, (train_text, test_text), strict=True):
        curves[name].append(len(text.encode()) / len(tokenizer.encode(text)))

guess.resolve(curves["held-out documents"][-1] >= 4)

# %%
plots.show(
    figures.vocabulary_curves(sizes, curves, "bytes per token", "Compression against vocabulary")
)

# %%
expect("bytes per token, held out, 1,024 tokens", curves["held-out documents"][5], 2.3, within=0.15)
expect("bytes per token, held out, at the end", curves["held-out documents"][-1], 2.9, within=0.2)
expect("bytes per token, training, at the end", curves["training documents"][-1], 4.6, within=0.2)
expect("vocabulary at which nothing is left to merge", bpe.vocab_size, 3668, within=150)

# %% [markdown]
# We asked for 8,192 tokens, but training stopped earlier: by then every word of the training text
# was a single token. The last merges spell rare words of just these documents and help no other
# text. A tokenizer can overfit, too.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Fewer tokens, better model?
#
# Take the simplest language model: it gives every token the probability with which it occurred in
# training, whatever came before (one is added to each count, so that none is zero). Its loss on the
# held-out documents, $-\log_2 p$, averaged over tokens, is in *bits per token*.
#
# **Predict first:** with a larger vocabulary the text has fewer tokens. Does the loss per token
# fall? Replace the `...` by a number from 0 to 1, or leave it.

# %%
my_probability = ...
guess = predict(
    "loss-per-token-falls",
    "The loss in bits per token is lower with the largest vocabulary than with bytes alone.",
    my_probability,
)


# %%
def bits(tokenizer):
    """Bits per token and bits per byte of the held-out text, under training frequencies."""
    counts = Counter(seen := tokenizer.encode(train_text))
    n_all = len(seen) + tokenizer.vocab_size
    ids = tokenizer.encode(test_text)
    total = sum(-math.log2((counts[i] + 1) / n_all) for i in ids)
    return total / len(ids), total / len(test_text.encode())


losses = [bits(ByteLevelBPE.from_merges(bpe.merges[: size - 256])) for size in sizes]
per_token, per_byte = zip(*losses, strict=True)
guess.resolve(per_token[-1] < per_token[0])

# %%
plots.show(
    figures.vocabulary_curves(
        sizes,
        {"bits per token": per_token, "bits per byte": per_byte},
        "loss on held-out documents (bits)",
        "One model family, two ways to count",
    )
)

# %%
expect("bits per token, 256 tokens", per_token[0], 4.9, within=0.2)
expect("bits per token, largest vocabulary", per_token[-1], 10.4, within=0.4)
expect("bits per byte, largest vocabulary", per_byte[-1], 3.55, within=0.2)
expect("bits per byte, largest against best", per_byte[-1] - min(per_byte), 0.05, within=0.045)

# %% [markdown]
# The two curves tell opposite stories about the same models. A token of a large vocabulary carries
# more text, so each is harder to guess; that says nothing about the model. **Losses and
# perplexities per token cannot be compared across tokenizers; per byte they can.** And per byte the
# last thousand tokens bring nothing: here the loss ends a little higher than its best; with other
# documents in the training half it may end a little lower, by less than 3 %. The text has the
# fewest tokens there, and many of them were seen once or never in training.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Exercise 5: compare two models fairly
#
# A paper gives the mean loss of its model in nats per token. (A nat is the unit of the natural
# logarithm; $\ln 2$ nats are one bit.) You also know how many tokens and bytes the text has.


# %%
def my_bits_per_byte(nats_per_token, n_tokens, n_bytes):
    """Return bits per byte of a text, from the mean loss of its tokens in nats."""
    ...


exercises.bits_per_byte.check(my_bits_per_byte)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## SmolLM2's real tokenizer
#
# SmolLM2 was trained with a byte-level BPE of the same kind, and 49,152 tokens. Each of these texts
# is cut by it.


# %%
def encode(text):
    return lm.tokenizer(text).input_ids


for text in [" Paris", "Paris", "paris", " strawberry", "strawberry", " 2024", "人工智能"]:
    print(f"{text!r:14} {encode(text)}  {'|'.join(lm.tokenizer.decode([i]) for i in encode(text))}")

# %% [markdown]
# " Paris" with its space is one token, "Paris" another, "paris" is two. To the model they are
# numbers without any likeness; that they mean the same it had to learn. "strawberry" at the
# beginning of a text has three pieces, none of which says how many r's there are. Digits stand
# alone, and some Chinese characters fall into pieces of one or two bytes, which cannot be shown
# alone (�).
#
# (The one picture of the family is eighteen tokens.)

# %%
expect("tokens of the family", len(encode(family)), 18)
expect("size of SmolLM2's vocabulary", len(lm.tokenizer), 49_152)
names = [lm.tokenizer.decode([i]) for i in range(len(lm.tokenizer))]
expect("tokens with an ASCII digit", sum(bool(regex.search("[0-9]", n)) for n in names), 10)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Does the cut matter to its arithmetic?
#
# Ten tokens have a digit: a number has *one* spelling in this vocabulary, digit by digit. So the same
# digits can be cut otherwise only by writing something between them. And the *signs* can be cut
# otherwise with no change of the text: " +" as a space and a plus.
#
# Thirty sums of two-digit numbers, each after two solved examples. We ask for the probability of the
# right sum: how often SmolLM2 would write it, if it drew its answer.

# %%
all_sums = [(a, b) for a in range(10, 90) for b in range(10, 100 - a)]
examples, asked = (lambda drawn: (drawn[:2], drawn[2:]))(random.Random(0).sample(all_sums, 32))
pulled_apart = {encode(s)[0]: encode(" ") + encode(s.strip()) for s in (" +", " =")}


def prob_of_sums(write, pull_apart_signs=False):
    """The probability (30,) of each right sum, with the numbers written by `write`."""
    rows = []
    for pair in asked:
        lines = [f"{write(str(a))} + {write(str(b))} = {a + b}\n" for a, b in (*examples, pair)]
        ids = encode("".join(lines))
        if pull_apart_signs:
            ids = [part for i in ids for part in pulled_apart.get(i, [i])]
        rows.append(ids)
    ids = torch.tensor(rows)
    with torch.inference_mode():
        logits = lm.model(ids[:, :-1], logits_to_keep=3).logits  # two digits, end of the line
    return logits.log_softmax(-1).gather(-1, ids[:, -3:, None]).sum(dim=(1, 2)).exp()


# %% [markdown]
# **Predict first.**

# %%
my_probability = ...
guess = predict(
    "spaced-digits",
    "With a space between the digits (4 7 + 2 5 = 72) the right sum keeps half of its probability.",
    my_probability,
)

# %%
usual = prob_of_sums(str)
others = {
    "same text, signs cut apart": prob_of_sums(str, pull_apart_signs=True),
    "a space between the digits": prob_of_sums(" ".join),
    "a comma between the digits": prob_of_sums(",".join),
    "a zero in front": prob_of_sums("0".__add__),
}
guess.resolve((others["a space between the digits"].mean() >= usual.mean() / 2).item())
change = {
    name: cal.bootstrap_interval(torch.mean, p - usual, level=1 - 0.05 / len(others))
    for name, p in others.items()
}  # paired: the same sums; 95 % for all four intervals together
expect("probability of the right sum, as usual", usual.mean(), 0.17, within=0.06)
for name, p in others.items():
    print(f"{name:28} {p.mean():.2f}   change {change[name]:.2f}")

# %%
plots.show(
    plots.interval_rows(
        change,
        "change of the probability of the right sum",
        "Thirty sums, written otherwise",
        reference=(0.0, "as usual"),
    )
)

# %% [markdown]
# With spaces between the digits next to nothing is left; with a zero in front as well, where no digit
# was parted from its neighbour. (Commas cost less here.) It is not the cut alone: **the model adds in
# the form in which it learned to add.** To pull apart the signs, with no change of the text, does
# nothing here that chance could not do. And threes from the right against the left? SmolLM2, with no
# token of three digits, cannot be asked.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Tokens that nobody taught
#
# The list of tokens is made first, from one text; the model learns from another. A token that is
# hardly in the second is never learned. Land and Bartolo (2024) find such tokens from the weights:
# start from rows of the embedding that cannot have been learned, and look what lies near.
#
# SmolLM2 has marks for GitHub and Jupyter. Eleven of them have one and the same row:
# nothing has ever set them apart.

# %%
marks = "<file_sep><gh_stars><issue_start><issue_comment><issue_closed><jupyter_start>"
unused = encode(
    marks + "<jupyter_text><jupyter_code><jupyter_output><jupyter_script><empty_output>"
)
embedding = lm.model.get_input_embeddings().weight.detach()  # (49,152, 576), of four bits
center = embedding[unused].mean(dim=0)
distance = 1 - torch.cosine_similarity(embedding, center, dim=1)
expect("largest distance of the eleven", distance[unused].max(), 0, within=1e-4)

plain = [i for i, name in enumerate(names) if regex.fullmatch("[A-Za-z]{2,}", name)]
suspects = sorted(plain, key=lambda i: distance[i].item())[:24]
print("nearest: ", ", ".join(names[i] for i in suspects[:8]))
smallest = sorted(range(len(names)), key=lambda i: embedding[i].norm().item())[:8]
print("smallest:", ", ".join(names[i].strip() for i in smallest))

# %% [markdown]
# The nearest look like pieces of computer code of one project each. (The *length* of a row, which
# serves in other models, finds nothing here: the shortest rows are first names.)
#
# **Predict first.** Land and Bartolo then ask the model to repeat the token. As a control we take,
# for each suspect, another token of letters, of the same length as far as there is one, drawn by
# chance.

# %%
my_probability = ...
guess = predict(
    "suspects-repeated",
    "Asked to repeat it, SmolLM2's first choice is the token for at least 6 of the 24 suspects.",
    my_probability,
)

# %%
before, after = encode('Please repeat the string: "'), encode('"\nThe string: "')


def repeats(tokens):
    """Log-probability (n,) of each token where it should be repeated, and if it comes first."""
    prompts = torch.tensor([[*before, token, *after] for token in tokens])
    with torch.inference_mode():
        logits = lm.model(prompts, logits_to_keep=1).logits[:, -1]
    log_probs = logits.log_softmax(-1)[range(len(tokens)), tokens]
    return log_probs, (logits.argmax(-1) == torch.tensor(tokens)).double()


rest = [i for i in plain if i not in suspects]
random.Random(0).shuffle(rest)
matched = []
for i in suspects:
    matched.append(min(rest, key=lambda j: abs(len(names[j]) - len(names[i]))))
    rest.remove(matched[-1])

of_suspects, first = repeats(suspects)
of_matched, first_of_matched = repeats(matched)
guess.resolve(first.sum().item() >= 6)
expect("suspects that it repeats", first.mean(), 0, within=0.09)
expect("matched tokens that it repeats", first_of_matched.mean(), 0.5, within=0.25)
apart = cal.bootstrap_interval(torch.mean, of_suspects - of_matched, method="t")
expect("log-probability, suspect minus matched: upper end", apart.high, at_most=-2)

# %% [markdown]
# It repeats none of them, and about half of the matched tokens. Is the distance a scale of how well
# *any* token is known? Take a hundred tokens of letters by chance.

# %%
some = random.Random(1).sample(plain, 100)
well, first = repeats(some)
rank_correlation = cal.bootstrap_interval(
    lambda *ranked: spearmanr(*ranked)[0], distance[some], well
)
print(
    f"repeated: {first.mean():.2f}; rank correlation, distance and log-probability: {rank_correlation:.2f}"
)
expect("rank correlation", rank_correlation.estimate, 0.3, within=0.25)
expect("its lower end", rank_correlation.low, at_least=0)

# %% [markdown]
# A weak one. At its near end the distance finds what is not known; among ordinary tokens it says
# little. (The weights here are rounded to four bits, which blurs small distances.) For calibration
# it means: a vocabulary holds tokens of which the model knows nothing, and states a probability for
# each of them all the same.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Same meaning, different price
#
# One weather forecast in eleven languages. How many bytes and how many tokens does it take?
#
# **Predict first:** Chinese is the usual example of an expensive language. Does any other of the
# eleven cost more?

# %%
my_probability = ...
guess = predict(
    "more-than-chinese",
    "In some of the other languages the same forecast needs more tokens than in Chinese.",
    my_probability,
)

# %%
forecast = {
    "English": "Tomorrow morning it will rain, but in the evening the sun will shine.",
    "French": "Demain matin il pleuvra, mais le soir le soleil brillera.",
    "Spanish": "Mañana por la mañana lloverá, pero por la tarde brillará el sol.",
    "German": "Morgen früh wird es regnen, aber am Abend wird die Sonne scheinen.",
    "Finnish": "Huomenaamulla sataa, mutta illalla aurinko paistaa.",
    "Russian": "Завтра утром будет дождь, но вечером будет светить солнце.",
    "Greek": "Αύριο το πρωί θα βρέξει, αλλά το απόγευμα θα λάμψει ο ήλιος.",
    "Hindi": "कल सुबह बारिश होगी, लेकिन शाम को धूप निकलेगी।",
    "Chinese": "明天早上会下雨，但傍晚会出太阳。",
    "Japanese": "明日の朝は雨が降りますが、夕方には日が差すでしょう。",
    "Korean": "내일 아침에는 비가 오겠지만 저녁에는 해가 나겠습니다.",
}

# %%
characters = {name: len(text) for name, text in forecast.items()}
n_bytes = {name: len(text.encode()) for name, text in forecast.items()}
n_tokens = {name: len(encode(text)) for name, text in forecast.items()}
guess.resolve(max(n_tokens.values()) > n_tokens["Chinese"])

plots.show(
    figures.language_dots(
        {
            "bytes": {name: n_bytes[name] / characters[name] for name in forecast},
            "tokens": {name: n_tokens[name] / characters[name] for name in forecast},
        },
        "number per character",
        "SmolLM2: bytes and tokens per character",
    )
)

# %%
plots.show(
    figures.language_dots(
        {"tokens": n_tokens},
        "tokens for the whole sentence",
        "SmolLM2: the same forecast, in tokens",
    )
)

# %%
per_character = {name: n_tokens[name] / characters[name] for name in forecast}
ratio = per_character["Chinese"] / per_character["English"]
expect("Chinese against English, tokens per character", ratio, 8.1, within=0.05)
ratio = n_tokens["Chinese"] / n_tokens["English"]
expect("Chinese against English, tokens for the sentence", ratio, 1.88, within=0.01)
expect("tokens of Korean", n_tokens["Korean"], 67)

# %% [markdown]
# Per character Chinese looks eight times as dear as English; for the same meaning it is not quite
# twice, because a Chinese character says more than a letter. *Choose the denominator before you
# compare.* But in every other language of our list the same forecast costs more than in English:
# more money where one pays by the token, fewer words that fit into the model's context, and more
# steps at which it can go wrong. One sentence shows the direction, not the exact ratio; Petrov et
# al. (2023) measured many.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Is it the script, or the vocabulary?
#
# Train two tiny tokenizers with 60 merges each: one on eight English weather notes, one on the same
# notes in Chinese. Then encode the forecast, which is in neither.

# %%
english = (
    "Today it rains in the morning. Today the sun shines in the evening. It rained all day "
    "yesterday. In the evening the wind will be cold. Tomorrow the wind will be warm. In the "
    "morning the sun will shine. Tomorrow evening it will rain again. It was cold, but the sun "
    "was shining."
)
chinese = (
    "今天早上下雨。今天傍晚出太阳。昨天下了一天雨。傍晚的风会很冷。"
    "明天的风会很暖。早上会出太阳。明天傍晚又会下雨。天很冷，但出太阳了。"
)

print(f"{'trained on':12}{'English':>9}{'Chinese':>9}   tokens of the forecast")
for name, notes in {"English": english, "Chinese": chinese}.items():
    small = ByteLevelBPE.train(notes, vocab_size=256 + 60)
    counts = [len(small.encode(forecast[language])) for language in ("English", "Chinese")]
    print(f"{name:12}{counts[0]:>9}{counts[1]:>9}")

# %% [markdown]
# The disadvantage turns round. A vocabulary is cheap for the language that it was trained on, and
# falls back to bytes for any other. It is a decision of those who chose the training text.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Exercise 6: which is the dearest?

# %%
exercises.dearest_text.ask()
exercises.dearest_text.check(...)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## What is "the probability of an answer"?
#
# A model states probabilities of *tokens*. After "The capital of France is" two of them spell the
# right answer, with a space and without.


# %%
def next_token_probs(ids):
    """The model's probabilities of the next token, after a list of ids."""
    with torch.inference_mode():
        logits = lm.model(torch.tensor([ids], device=lm.device)).logits
    return logits[0, -1].softmax(dim=-1).cpu()


probs = next_token_probs(encode("The capital of France is"))
(with_space,), (without_space,) = encode(" Paris"), encode("Paris")
expect("probability of ' Paris'", probs[with_space], 0.77, within=0.02)
expect("probability of 'Paris'", probs[without_space], 0.0005, within=0.0003)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### A space too many
#
# Now end the prompt with a space: "The capital of France is␣". To a person nothing has changed.

# %%
my_probability = ...
guess = predict(
    "space-too-many",
    "After the prompt with a space at its end, the most likely next token begins with 'Paris'.",
    my_probability,
)

# %%
prompt = "The capital of France is "
probs = next_token_probs(encode(prompt))
top = probs.topk(6)
names = [lm.tokenizer.decode([i]) for i in top.indices]
guess.resolve(names[0].strip().startswith("Paris"))

plots.show(plots.next_token_bars(names, top.values, "The capital of France is␣ ..."))

# %%
expect("the six most likely tokens are digits", all(name.isdigit() for name in names), True)
expect("probability of 'Paris' after the space", probs[without_space], 0.0007, within=0.0005)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Where does a lone space occur?
#
# The prompt now ends in the token for a single space. Look where this token occurs in real text,
# and what follows it.

# %%
for text in ["is Paris", "is ", "is 7"]:
    print(f"{text!r:11} {encode(text)}")

(lone_space,) = encode(" ")
after_space = [b for a, b in pairwise(encode(test_text)) if a == lone_space]
digits = sum(lm.tokenizer.decode([i]).isdigit() for i in after_space) / len(after_space)
expect("share of lone spaces that a digit follows", digits, 0.67, within=0.08)

# %% [markdown]
# Before a word the space is *part of the word's token*; a lone space mostly stands before a digit.
# The model knows this and answers accordingly: it is not confused, it was asked something else.
# Encoding the two parts of a text is not the same as encoding the whole:
# `encode(a) + encode(b)` may differ from `encode(a + b)`.
#
# `score_choices`, which later notebooks use to score answers, therefore encodes prompt and answer
# *together*, and splits afterwards. With it the space does no harm, wherever you put it.

# %%
good, careless = llm.score_choices(
    lm, ["The capital of France is", "The capital of France is "], [[" Paris"], ["Paris"]]
)
expect("' Paris' after the prompt", good.exp(), 0.77, within=0.02)
expect("'Paris' after the prompt with a space", careless.exp(), 0.77, within=0.02)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Exercise 7: why the space hurts

# %%
exercises.why_space_hurts.ask()
exercises.why_space_hurts.check(...)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### An answer of several tokens
#
# " Addis Ababa" is four tokens. The probability of the answer is the product of the probabilities
# of its tokens, each given all before it. By hand:

# %%
ids, product = encode("The capital of Ethiopia is"), 1.0
for token in encode(" Addis Ababa"):
    p = next_token_probs(ids)[token].item()
    product *= p
    print(f"{lm.tokenizer.decode([token])!r:8} {p:.2f}   product so far {product:.3f}")
    ids.append(token)

(score,) = llm.score_choices(lm, ["The capital of Ethiopia is"], [[" Addis Ababa"]])
expect("by hand and by score_choices differ by", abs(score.exp().item() - product), 0, within=1e-4)

# %% [markdown]
# Nearly all of the doubt is in the first token; once " Ad" is written, the rest follows. Every
# further token can only lower the product, so answers of many tokens score lower for being long.
# Notebook 12 will have to deal with that.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## From ids back to text
#
# Ids of a text decode to the text. But a model may write any ids in any order, and then three
# things can happen. **First**, half a character: the bytes are no UTF-8, and � takes their place.

# %%
small = ByteLevelBPE.from_merges([])
print(repr(small.decode(small.encode("雨"))), repr(small.decode(small.encode("雨")[:2])))

# %% [markdown]
# So a program that prints token by token must hold unfinished characters back. **Second**, one text
# has several spellings, of which the tokenizer uses one: " Paris" could also be written " Par" +
# "is". Does the model give the unusual spelling a fair share?

# %%
my_probability = ...
guess = predict(
    "unusual-spelling",
    "After 'The capital of France is', ' Par' + 'is' is a hundred times less likely than ' Paris'.",
    my_probability,
)

# %%
usual, unusual = encode(" Paris"), encode(" Par") + encode("is")
print(usual, unusual, lm.tokenizer.decode(usual) == lm.tokenizer.decode(unusual))

ids = encode("The capital of France is")
first = next_token_probs(ids)
second = next_token_probs([*ids, unusual[0]])
p_unusual = (first[unusual[0]] * second[unusual[1]]).item()
guess.resolve(p_unusual <= first[usual[0]].item() / 100)
expect("probability of ' Paris' spelled ' Par' + 'is'", p_unusual, 1.3e-5, within=1e-5)

# %% [markdown]
# Strictly, the probability of the *text* is the sum over all its spellings. The model learned from
# the usual one alone, so the others add next to nothing here, and everyone leaves them out.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Special tokens
#
# **Third**, some ids stand for no text at all: they mark where a message begins and ends. They are
# matched whole, before anything is cut into words.

# %%
for name in lm.tokenizer.all_special_tokens:
    print(f"{name:14} {encode(name)}")

message = [{"role": "user", "content": "Will it rain?"}]
print(lm.tokenizer.apply_chat_template(message, tokenize=False, add_generation_prompt=True))

# %% [markdown]
# That is all a chat is: one text with marks in it, and the model goes on where the assistant's turn
# begins. It also means that a user who *types* `<|im_end|>` can end their own turn, unless the
# program in between prevents it.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Try it: type, and slide the merges
#
# Run the next cell. Type your name, a number, a word from another language; slide from 0 merges to
# all of them. (The figure *From bytes to words* above shows the same for one sentence.) The
# tokenizer is ours, trained on the training documents above: which words does it know?

# %% tags=["nbval-ignore-output"]

widget.token_explorer(bpe, "The statement is an expression of rain. 明天 2024")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## What you learned
#
# - Byte-level BPE starts from 256 bytes and merges the most frequent pair, again and again. The
#   ordered list of merges is the tokenizer; encoding replays it.
# - It can write every text. What it was trained on is short, everything else is long.
# - The pattern that cuts words first decides what a token can be, and what a number costs. A model adds
#   in the form in which it learned to add.
# - WordPiece takes the longest piece, a unigram model the most probable cut; EM learns its
#   probabilities.
# - A real vocabulary holds tokens that the model never learned; its embedding betrays them.
# - A larger vocabulary compresses more, with less and less gain; losses are comparable per byte,
#   never per token.
# - A model's probabilities are about tokens. " Paris" and "Paris" are different events; begin
#   answers with a space, and never end a prompt with one.
#
# ## Common misconceptions
#
# - *"A token is a word."* It is a frequent sequence of bytes: often a word with its space, often a
#   piece, sometimes a third of a character.
# - *"Fewer tokens is a better model."* The largest vocabulary gave the fewest tokens, and hardly a
#   lower loss per byte than one of half its size, or a higher one.
# - *"The model reads letters."* It reads numbers. That "strawberry" has three r's is not in them.
# - *"Chinese is expensive by nature."* With a vocabulary trained on Chinese, English is.
# - *"A model that adds 47 and 25 adds 047 and 025."* The digits are the same, the tokens are not,
#   and the right sum is all but lost.
# - *"Every token in the vocabulary means something to the model."* SmolLM2 could not repeat a single
#   one of two dozen.
# - *"A space at the end is nothing."* It is a token, and it changes what is asked.
#
# ## Further reading
#
# - R. Sennrich, B. Haddow, A. Birch, *Neural machine translation of rare words with subword units*,
#   ACL 2016.
# - A. Radford et al., *Language models are unsupervised multitask learners*, OpenAI, 2019.
# - M. Schuster, K. Nakajima, *Japanese and Korean voice search*, ICASSP 2012 (WordPiece).
# - T. Kudo, *Subword regularization: improving neural network translation models with multiple subword
#   candidates*, ACL 2018 (the unigram model).
# - A. K. Singh, D. J. Strouse, *Tokenization counts: the impact of tokenization on arithmetic in
#   frontier LLMs*, arXiv:2402.14903, 2024.
# - S. Land, M. Bartolo, *Fishing for Magikarp: automatically detecting under-trained tokens in large
#   language models*, EMNLP 2024.
# - A. Petrov, E. La Malfa, P. H. S. Torr, A. Bibi, *Language model tokenizers introduce unfairness
#   between languages*, NeurIPS 2023.
# - K. Cao, L. Rimell, *You should evaluate your language model on marginal likelihood over
#   tokenisations*, EMNLP 2021.

# %% tags=["nbval-ignore-output"]
from coursekit.chapters import progress

progress()

# %% [markdown]
# **Next:** [02 Positional encoding](02_positional_encoding.ipynb), where tokens get an order.
