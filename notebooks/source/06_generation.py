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
# # 06 Generation
#
# A language model states probabilities; a text is made by choosing. Between the two stands a small
# rule: take the most probable word, or draw one, or draw from a few. It looks like a detail. But
# every rule except one *bends* the probabilities that the model learned, and then they no longer
# say how likely anything is. Here you start from a snippet that breaks, write all the usual rules
# yourself, and measure what each does to a language whose truth you know.
#
# **You will be able to**
# - read the error of a well-known snippet, mend it, and say what each of its options counts;
# - write greedy decoding, temperature, top-k, top-p, min-p, a repetition penalty, beam search and
#   minimum Bayes risk, each in a few lines;
# - measure how far each rule bends the probabilities, with intervals;
# - make it faster with a draft that is checked, and show that not one probability changes;
# - say of which text a decoder's reported probabilities are true, and of which not;
# - tell the temperature of sampling from the temperature of calibration.
#
# **Time:** about two hours; all cells together run in about a minute and a half on two cores.
#
# **On the map:** Part I, a language model from scratch. Before it: maximum likelihood, which made
# the probabilities good. After it: what exactly a *calibrated* probability is (Part II).

# %%
import contextlib
import copy
import json
import logging
import math
import os
import sys
import tempfile

import torch
import transformers
from scipy.stats import chisquare
from transformers import (
    GPT2Tokenizer,
    MinPLogitsWarper,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

# %%
from coursekit import calibration as cal, expect, llm, plots, predict
from coursekit.chapters.generation import exercises, figures, study, widget
from coursekit.data import grammar
from coursekit.lm import (
    GPT,
    GPTConfig,
    NGram,
    TrainingConfig,
    adjust_logits,
    apply_temperature,
    beam_search,
    generate,
    keep_min_p,
    keep_top_k,
    keep_top_p,
    penalise_repetition,
    sample,
    speculate,
    tokens_seen,
    train,
)

# %%

transformers.logging.disable_progress_bar()
lm = llm.load()

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Before you start: three questions
#
# Answer from memory: replace each `...` by a letter in quotes. A wrong answer costs nothing and is
# explained.

# %%
exercises.what_floor_the_loss_has.ask()
exercises.what_floor_the_loss_has.check(...)

# %%
exercises.what_the_cache_keeps.ask()
exercises.what_the_cache_keeps.check(...)

# %%
exercises.what_a_calibrated_guess_is.ask()
exercises.what_a_calibrated_guess_is.check(...)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## A snippet that breaks
#
# (This section and its warnings are about one library's options. If you know them, go on to *A
# model whose truth we know*.)
#
# The article that this course grew from shows in a few lines how to make text with GPT-2. Here they
# are, letter for letter, as one string:

# %%
ARTICLE = """
from transformers import GPT2LMHeadModel, GPT2Tokenizer

tokenizer = GPT2Tokenizer.from_pretrained('gpt2')
model = GPT2LMHeadModel.from_pretrained('gpt2')

input_text = "The quick brown fox jumps"
input_ids = tokenizer.encode(input_text, return_tensors='pt')

output = model.generate(input_ids, max_length=50, num_return_sequences=5)
for i, seq in enumerate(output):
    print(f"Sequence {i}: {tokenizer.decode(seq, skip_special_tokens=True)}")
"""

# %% [markdown] slideshow={"slide_type": "fragment"}
# It asks for a model named `gpt2`. `from_pretrained` looks for a *folder* of that name first, and
# only then on the Hugging Face hub. So that the snippet runs anywhere, untouched and without
# network, we put such a folder where it will look: a model in GPT-2's format (our own GPT of
# notebook 04, small and untrained) and a tokenizer of GPT-2's kind (with SmolLM2's merges).

# %%
folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
bpe = json.loads(lm.tokenizer.backend_tokenizer.to_str())["model"]
gpt2_tokenizer = GPT2Tokenizer(vocab=bpe["vocab"], merges=[tuple(m) for m in bpe["merges"]])
untrained = GPT(GPTConfig(len(gpt2_tokenizer), context=1024, width=16, n_layers=1, n_heads=1))

gpt2_tokenizer.save_pretrained(f"{folder.name}/gpt2")
untrained.to_transformers().save_pretrained(f"{folder.name}/gpt2")

# %% [markdown]
# **Predict first.** Replace the `...` by a probability from 0 to 1, or leave it.

# %%
my_probability = ...
guess = predict("article-snippet", "The snippet prints five sequences.", my_probability)

# %%
works = True
with contextlib.chdir(folder.name):
    try:
        exec(ARTICLE)
    except ValueError as error:
        works = False
        print(f"ValueError: {error}")
guess.resolve(works)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### What the message says
#
# *Greedy* decoding takes the most probable token, every time. Nothing in it is left to chance, so
# it has one answer: five sequences would be five copies. `generate` decodes greedily unless it is
# told otherwise, and refuses before it computes anything. So it cannot be the weights: SmolLM2, a
# trained model, must refuse just as well. The article's lines after the loading, as a function:


# %%
def article_call(model, tokenizer, **options):
    """The article's lines after the loading, and options that it does not have."""
    input_text = "The quick brown fox jumps"
    input_ids = tokenizer.encode(input_text, return_tensors="pt").to(model.device)
    output = model.generate(input_ids, max_length=50, num_return_sequences=5, **options)
    return [tokenizer.decode(seq, skip_special_tokens=True) for seq in output]


try:
    article_call(lm.model, lm.tokenizer)
except ValueError as error:
    print(f"ValueError: {error}")

# %% [markdown] slideshow={"slide_type": "slide"}
# ### A question: which repair?
#
# Three options of `generate`, all taken apart further down. `do_sample=True` *draws* each token
# with its probability. By itself it draws from the fifty most probable tokens only; `top_k=0` keeps
# them all. And `num_beams=5` draws nothing: it searches for a probable text by keeping the five
# best beginnings so far.

# %%
exercises.why_five_failed.ask()
exercises.why_five_failed.check(...)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Mended
#
# What the author wanted is five texts *drawn* from the model: `do_sample=True`. (Your texts differ
# from those printed here if your machine's random numbers do.)

# %% tags=["nbval-ignore-output"]
torch.manual_seed(0)
sequences = article_call(lm.model, lm.tokenizer, do_sample=True)
for i, sequence in enumerate(sequences):
    print(f"Sequence {i}: {sequence!r}\n")

# %%
expect("different sequences among the five", len(set(sequences)), 5)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### What `max_length` counts
#
# The prompt has five tokens. Twelve of *what*?

# %%
ids = lm.tokenizer("The quick brown fox jumps", return_tensors="pt").to(lm.device)
whole = lm.model.generate(**ids, max_length=12)[0]
more = lm.model.generate(**ids, max_new_tokens=12)[0]
print(repr(lm.tokenizer.decode(whole)))
print(repr(lm.tokenizer.decode(more)))

expect("tokens of the prompt", ids.input_ids.shape[1], 5)
expect("all tokens, with max_length=12", len(whole), 12)
expect("all tokens, with max_new_tokens=12", len(more), 17)

# %% [markdown]
# `max_length` counts the whole text, prompt included: the article's 50 leave 45 for the model.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Exercise 1: count
#
# Stuck? Run `exercises.most_new_tokens.hint()`, and in the end `.solution()`.


# %%
def my_most_new_tokens(prompts, max_length):
    """Return how many tokens each text of a padded batch of lists of ids can get."""
    ...


exercises.most_new_tokens.check(my_most_new_tokens)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### The warnings: padding and its mask
#
# A batch is a rectangle, prompts are not: short ones are *padded* with a filler token, and an
# *attention mask* tells the model which tokens are real. GPT-2 has no filler, so people take its
# end token; SmolLM2 does the same. On which side, and what if the mask is forgotten?
#
# **Predict first:**

# %%
my_probability = ...
guess = predict(
    "padding-on-the-right",
    "Padded on the right, with the mask, all three prompts get the continuation that they get "
    "alone.",
    my_probability,
)

# %%
prompts = [
    "The capital of France is",
    "My favourite animal is",
    "The sun rises in the east and sets in the",
]
rows = [lm.tokenizer(prompt).input_ids for prompt in prompts]
SHORT = {"max_new_tokens": 8, "do_sample": False}
END = lm.tokenizer.eos_token_id  # the token that ends a text


def continued(batch, **options):
    """What is added to each row of a batch of ids, up to the token that ends a text."""
    output = lm.model.generate(batch.to(lm.device), **SHORT, **options)[:, batch.shape[1] :]
    ends = [row.index(END) + 1 if END in row else len(row) for row in output.tolist()]
    return [row[:end] for row, end in zip(output.tolist(), ends, strict=True)]


alone = [continued(torch.tensor([row]))[0] for row in rows]
for prompt, row in zip(prompts, alone, strict=True):
    print(f"{prompt} ...{lm.tokenizer.decode(row)!r}")

# %%
transformers.logging.disable_default_handler()  # the library's warnings: onto this page
transformers.logging.add_handler(to_page := logging.StreamHandler(sys.stdout))

same = {}
for side in ("left", "right"):
    batch = lm.tokenizer(prompts, return_tensors="pt", padding=True, padding_side=side)
    for mask in ("with the mask", "without"):
        given = {"attention_mask": batch.attention_mask.to(lm.device)} if "with " in mask else {}
        found = continued(batch.input_ids, **given)
        same[side, mask] = sum(a == b for a, b in zip(found, alone, strict=True))

transformers.logging.remove_handler(to_page)
guess.resolve(same["right", "with the mask"] == 3)
for (side, mask), n in same.items():
    print(f"padded on the {side}, {mask}: {n} of 3 as alone")

# %% [markdown] slideshow={"slide_type": "fragment"}
# Only one of the four is right: **on the left, with the mask**. Without the mask the model reads
# the filler as text; on the right it must continue after the filler. Nothing crashes, the texts
# look like texts, they are just other ones: that is what the warnings are about. (Version 4 of the
# library printed them for a single prompt, too, such as the article's. There they are harmless: one
# row needs no padding.)
#
# Our own `generate` takes lists of different lengths and pads nothing:

# %%
found = generate(
    lambda ids: lm.model(ids.to(lm.device)).logits, rows, 8, method="greedy", stop=[END]
)
expect("the same continuations, without padding", found == alone, True)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## A model whose truth we know
#
# How good is a rule for choosing words? On English nobody can say, for nobody knows the true
# probabilities. So, as in notebook 05, we train a small GPT by maximum likelihood on a language that
# we do know. This one is called the *grammar*: 53 words, sentences whose parts agree in number over
# any distance, and the exact probability of every next word. (One thread is fastest for so small a
# model, and reproducible.) A **law** is short here for a *probability distribution* over the next
# word: one probability for each of the 53.

# %%
threads = torch.get_num_threads()
torch.set_num_threads(1)
os.environ["ACCELERATE_USE_CPU"] = "true"  # `train` would take a GPU if there is one

language = grammar()
words = language.tokenizer.words
shape = GPTConfig(language.vocab_size, context=64, width=64, n_layers=2, n_heads=4)
model = GPT(shape, torch.Generator().manual_seed(0))
history = train(model, language.sample(700 * 32, seed=1), TrainingConfig(steps=700), progress=False)
model.eval()
print(f"{language.vocab_size} words: {' '.join(words[:8])} ...")

# %% [markdown]
# **Predict first.** Here are 300 true texts that the model has not seen. On the very same texts the
# truth has a loss, too.

# %%
my_probability = ...
guess = predict(
    "below-the-truth",
    "On true texts the model's loss is lower than that of the truth itself.",
    my_probability,
)

# %%
held_out = language.sample(300, seed=2)  # 64 words each
true_law = language.next_token_probs(held_out)[:, :-1]
with torch.no_grad():
    log_q = model(held_out)[:, :-1].double().log_softmax(dim=-1)
kl = (torch.special.xlogy(true_law, true_law) - true_law * log_q).sum(dim=-1).mean()

came = held_out[:, 1:, None]
loss = {"model": -log_q.gather(-1, came).mean(), "truth": -true_law.gather(-1, came).log().mean()}
guess.resolve(bool(loss["model"] < loss["truth"]))
print("a true text:", language.tokenizer.decode(held_out[0, :20]), "...")
expect("loss of the truth, nats a word", loss["truth"], 1.38, within=0.02)
expect("KL from the truth to the model, nats a word", kl, at_most=0.02)

# %% [markdown]
# Nobody beats the truth, but the model is nearly there: about a hundredth of a nat a word away.
# Whatever goes badly wrong from here on is not the model's fault.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Greedy: always the most probable word
#
# Ask for the logits of the next word, take the largest, append it, repeat.


# %%
@torch.no_grad()
def my_greedy(model, prompt, n):
    """The n words that greedy decoding adds to a prompt."""
    ids = torch.tensor([prompt])
    for _ in range(n):
        logits = model(ids)[:, -1]  # of the word after the last
        ids = torch.cat([ids, logits.argmax(dim=-1, keepdim=True)], dim=1)
    return ids[0, len(prompt) :].tolist()


# %% [markdown]
# **Check:** eight prompts, 40 words each, against the package, which keeps a key-value cache, and
# against `transformers`, to which we hand our weights.

# %%
prompts = [text[:n].tolist() for n, text in enumerate(language.sample(8, seed=4), start=1)]
exported = model.to_transformers()


def library(prompt, **options):
    """What `transformers` adds to a prompt with our weights."""
    ids = torch.tensor([prompt])
    output = exported.generate(ids, attention_mask=torch.ones_like(ids), **options)
    return output[0, len(prompt) :].tolist()


ours = [my_greedy(model, prompt, 40) for prompt in prompts]
theirs = [library(prompt, max_new_tokens=40, do_sample=False) for prompt in prompts]
expect("same as the package", ours == generate(model, prompts, 40, method="greedy"), True)
expect("same as transformers, token for token", ours == theirs, True)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### What does it say?
#
# **Predict first:** language models that decode greedily are known to repeat themselves (Holtzman
# et al. 2020). Is it the network's fault? We also decode the *truth itself* greedily: no network,
# the exact probabilities.

# %%
my_probability = ...
guess = predict(
    "greedy-truth-repeats",
    "Decoded greedily, the exact truth says the same sentence over and over, too.",
    my_probability,
)


# %%
def exact_truth(ids):
    """The true law of every next word, as logits: a model without a fault."""
    return language.next_token_probs(ids).log()


prompt = language.tokenizer.encode("the")
by_model = my_greedy(model, prompt, 35)
by_truth = my_greedy(exact_truth, prompt, 35)

print("model: the", language.tokenizer.decode(by_model))
print("truth: the", language.tokenizer.decode(by_truth))
guess.resolve(by_truth[:8] == by_truth[8:16] == by_truth[16:24])  # a sentence of eight words

# %% [markdown]
# Word for word the same: *here* the model is innocent. A faultless model, asked for its most
# probable word each time, can go round in circles.
#
# Mind what this shows, and what not. A sentence of the grammar does not depend on those before it (but
# for a topic that they share), so saying one again costs nothing. Real text is not like that: people seldom say a
# sentence twice. So this acquits greedy models of English of nothing. We come back to it with
# SmolLM2.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Temperature
#
# To *sample* is to draw the next word with the probabilities that the model states. A temperature
# $\tau$ bends them first: with logits $z$,
#
# $$P(w) \propto e^{z_w / \tau} \propto p(w)^{1 / \tau}.$$
#
# Below 1 the probable gets more probable, above 1 everything gets more alike. At 1 nothing happens.


# %%
def bend_by_temperature(logits, temperature):
    return logits / temperature


def draw(logits, generator):
    return torch.multinomial(logits.softmax(dim=-1), 1, generator=generator)[..., 0]


# %% [markdown]
# **Check** on the logits of a hundred texts, against the package and against the *warpers* of
# `transformers`, which are its names for these rules.

# %%
with torch.no_grad():
    logits = model(held_out[:100])[:, :-1].flatten(0, 1)  # (6300, 53)


def largest_difference(a, b):
    """Between the laws that two sets of logits make."""
    return (a.softmax(dim=-1) - b.softmax(dim=-1)).abs().max()


ours = bend_by_temperature(logits, 0.7)
warped = TemperatureLogitsWarper(0.7)(None, logits)
expect("against the package", largest_difference(ours, apply_temperature(logits, 0.7)), 0, 1e-6)
expect("against transformers", largest_difference(ours, warped), 0, within=1e-6)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Exercise 2: the law at a temperature


# %%
def my_tempered_probs(logits, temperature):
    """Return the probabilities (N, V) that logits (N, V) give at this temperature."""
    ...


exercises.tempered_probs.check(my_tempered_probs)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Does drawing draw with the right probabilities?
#
# That looks obvious, and is the kind of thing that is wrong for years. A **chi-square test** asks:
# if these were the probabilities, how likely is it that the counts miss them by this much? We draw
# 20,000 words after one beginning, with our `draw` and with the package's `sample`, and for a
# negative control compare counts with the law of a slightly wrong temperature.


# %%
def p_value(drawn, probs):
    """Chi-square test of drawn words against a law; words expected fewer than 5 times together."""
    expected = probs.double() * len(drawn)
    count = drawn.bincount(minlength=len(probs)).double()
    rare = expected < 5
    sums = [torch.cat([x[~rare], x[rare].sum()[None]]) for x in (count, expected)]
    return chisquare(*(x[sums[1] > 0].tolist() for x in sums)).pvalue


beginning = torch.tensor([language.tokenizer.encode("the dogs that the king loves")])
with torch.no_grad():
    one = model(beginning)[0, -1].double()
many, generator = one.expand(20_000, -1), torch.Generator().manual_seed(5)

drawn = draw(many, generator)
packaged = sample(many, torch.rand(20_000, generator=generator, dtype=torch.float64))
expect("p-value of our draws", p_value(drawn, one.softmax(-1)), at_least=0.001)
expect("p-value of the package's draws", p_value(packaged, one.softmax(-1)), at_least=0.001)
expect("against the law at 0.9", p_value(drawn, (one / 0.9).softmax(-1)), at_most=1e-6)

# %% [markdown]
# Drawing at temperature 1 keeps the model's probabilities, and the test would have noticed a
# temperature of 0.9.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Top-k and top-p: cut off the tail
#
# A model gives every word *some* probability, nonsense too, and over a long text the sum of all
# that nonsense comes up. Two rules cut it off. **Top-k** keeps the $k$ most probable words (Fan et
# al. 2018). **Top-p** keeps the *nucleus*, the fewest words that have probability $p$ together
# (Holtzman et al. 2020): two where the model is sure, twenty where it is not. What is cut gets the
# logit $-\infty$; the softmax shares its probability out among the rest.


# %%
def bend_by_top_k(logits, k):
    kth_largest = logits.topk(k).values[:, -1:]
    return logits.masked_fill(logits < kth_largest, -torch.inf)


def bend_by_top_p(logits, p):
    probs, ids = logits.softmax(dim=-1).sort(descending=True)
    before = probs.cumsum(dim=-1) - probs  # what the more probable words have together
    out = (before >= p).scatter(-1, ids, before >= p)  # back to the order of the vocabulary
    return logits.masked_fill(out, -torch.inf)


top_k, top_p = bend_by_top_k(logits, 5), bend_by_top_p(logits, 0.8)
expect("top-k, package", largest_difference(top_k, keep_top_k(logits, 5)), 0, within=1e-6)
expect("top-k, transformers", largest_difference(top_k, TopKLogitsWarper(5)(None, logits)), 0, 1e-6)
expect("top-p, package", largest_difference(top_p, keep_top_p(logits, 0.8)), 0, within=1e-6)
theirs = TopPLogitsWarper(0.8)(None, logits)
expect("top-p, transformers", largest_difference(top_p, theirs), 0, within=1e-6)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Exercise 3: the nucleus


# %%
def my_top_p_probs(probs, p):
    """Return the law (V,) that top-p samples from, given the model's law (V,)."""
    ...


exercises.top_p_probs.check(my_top_p_probs)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Min-p: compare with the best
#
# **Min-p** (Nguyen et al. 2024) keeps the words that are at least $p$ times as probable as the most
# probable one. Where the model is sure, few pass; where it is not, many. One comparison, no sorting:


# %%
def bend_by_min_p(logits, p):
    threshold = logits.max(dim=-1, keepdim=True).values + math.log(p)
    return logits.masked_fill(logits < threshold, -torch.inf)


min_p = bend_by_min_p(logits, 0.1)
expect("min-p, package", largest_difference(min_p, keep_min_p(logits, 0.1)), 0, within=1e-6)
theirs = MinPLogitsWarper(0.1)(None, logits)
expect("min-p, transformers", largest_difference(min_p, theirs), 0, within=1e-6)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Exercise 4: min-p


# %%
def my_min_p_probs(probs, p):
    """Return the law (V,) that min-p samples from, given the model's law (V,)."""
    ...


exercises.min_p_probs.check(my_min_p_probs)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## A repetition penalty, and two traps
#
# To keep a model from going round in circles, CTRL (Keskar et al. 2019) divides the logits of all words
# that the text has already by a penalty, such as 1.2. **The first trap:** a logit may be negative, and
# dividing makes a negative number *larger*. So libraries multiply there.


# %%
def bend_by_penalty(logits, seen, penalty):
    """Weaken the words that are marked in seen, booleans (N, V)."""
    weaker = torch.where(logits > 0, logits / penalty, logits * penalty)
    return torch.where(seen, weaker, logits)


past, following = held_out[:100, :20], logits.view(100, 63, -1)[:, 19]
seen = tokens_seen(past, language.vocab_size)[:, -1]
ours = bend_by_penalty(following, seen, 1.2)
theirs = RepetitionPenaltyLogitsProcessor(1.2)(past, following.clone())
package = penalise_repetition(following, seen, 1.2)
expect("penalty, package", largest_difference(ours, package), 0, within=1e-6)
expect("penalty, transformers", largest_difference(ours, theirs), 0, within=1e-6)

# %% [markdown]
# **The second trap.** Add a constant to all logits, and the softmax states the same law. The logarithms
# of the probabilities are such logits, too.
#
# **Predict first:**

# %%
my_probability = ...
guess = predict(
    "penalty-of-one-law",
    "A penalty of 1.2 does the same to a law whether it is given as the model's logits or as "
    "log-probabilities.",
    my_probability,
)


# %%
def moved(logits, penalty=1.2):
    """How far a penalty moves each law, in total variation; mean over the texts."""
    bent = bend_by_penalty(logits, seen, penalty).softmax(dim=-1)
    return (bent - logits.softmax(dim=-1)).abs().sum(dim=-1).mean().item() / 2


of_logits, of_log_probs = moved(following), moved(following.log_softmax(dim=-1))
guess.resolve(abs(of_logits - of_log_probs) < 0.01)
expect("moved by a penalty of 1.2, given logits", of_logits, 0.23, within=0.06)
expect("the same laws as log-probabilities", of_log_probs, 0.05, within=0.03)
expect("a penalty of 1, the control", moved(following, penalty=1.0), 0)

# %% [markdown]
# The same option, several times as strong: 1.2 means nothing until one knows where the model's zero is,
# and training never fixed that. (`transformers` penalises logits when it samples and log-probabilities
# in beam search.)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Exercise 5: the penalty


# %%
def my_penalised(logits, ids, penalty):
    """Return logits (V,), those of the words in the list ids made smaller."""
    ...


exercises.penalised.check(my_penalised)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### One law, bent five ways
#
# After *the dogs that the king loves* the verb must be a plural; "sleeps" would agree with the
# king. Diamonds are the truth, bars what each rule samples.

# %%
PANELS = {
    "T = 1": {},
    "T = 0.5": {"temperature": 0.5},
    "T = 2": {"temperature": 2.0},
    "top-k 4": {"top_k": 4},
    "top-p 0.8": {"top_p": 0.8},
}
truth_here = language.next_token_probs(beginning)[0, -1]
bent = {rule: adjust_logits(one, **options).softmax(-1) for rule, options in PANELS.items()}
plots.show(figures.law_grid(words, truth_here, bent, "the dogs that the king loves ..."))

# %%
distance = {rule: (law - truth_here).abs().sum().item() / 2 for rule, law in bent.items()}
expect("T = 1, distance from the truth", distance["T = 1"], at_most=0.06)
for rule in list(PANELS)[1:]:
    expect(f"{rule}, distance from the truth", distance[rule], at_least=0.08)

# %% [markdown]
# The **distance** (total variation) is half the sum of all differences: the share of draws that one
# would have to change to get the truth. Only the first panel keeps the probabilities. The others
# are wrong on purpose.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### A rule you did not ask for
#
# **Predict first.** `do_sample=True` and nothing else: is that the model's own law?

# %%
my_probability = ...
guess = predict(
    "do-sample-alone",
    "In transformers, do_sample=True without other options samples from the model's own law.",
    my_probability,
)

# %%
options = {"max_new_tokens": 3, "do_sample": True, "output_scores": True}
output = exported.generate(beginning, **options, return_dict_in_generate=True)
n_cut = [int(scores.isinf().sum()) for scores in output.scores]
guess.resolve(max(n_cut) == 0)
print("words cut off, of 53:", n_cut)

ids = lm.tokenizer("It was the best of times, it was the worst of times, it was the age of wisdom")
with torch.inference_mode():
    english = lm.model(torch.tensor([ids.input_ids], device=lm.device)).logits[0].softmax(dim=-1)
lost = 1 - english.topk(50).values.sum(dim=-1).mean()
expect("SmolLM2: probability outside the 50 most probable", lost, 0.127, within=0.005)

# %% [markdown]
# It silently adds **top-k 50**, unless the model's own files say otherwise. Of our 53 words that
# cuts three. Of SmolLM2's 49,152 it cuts all but fifty, and an eighth of the probability on this
# line. Who wants the model's own law must write `top_k=0`.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Beam search: the most probable text
#
# Greedy decoding looks one word ahead. A word that looks best now may lead nowhere. **Beam search**
# keeps the $K$ most probable texts so far; each grows by every word of the vocabulary, and of all
# these children the best $K$ stay.


# %%
@torch.no_grad()
def my_beam_search(model, prompt, n, n_beams):
    """The most probable continuation by n words that is found, and its log-probability."""
    texts, totals = torch.tensor([prompt]), torch.zeros(1)
    for _ in range(n):
        log_probs = model(texts)[:, -1].log_softmax(dim=-1)
        children = totals[:, None] + log_probs  # (texts, words): all of them compete
        n_kept = min(n_beams, int(children.isfinite().sum()))  # no impossible text among them
        totals, index = children.flatten().topk(n_kept)
        parent, word = index // children.shape[1], index % children.shape[1]
        texts = torch.cat([texts[parent], word[:, None]], dim=1)
    return texts[0, len(prompt) :].tolist(), totals[0].item()


# %% [markdown]
# **Check:** four beams, against the package and `transformers`.

# %%
for prompt in prompts[:4]:
    text, log_prob = my_beam_search(model, prompt, 20, n_beams=4)
    best = beam_search(model, prompt, 20, n_beams=4)[0]
    theirs = library(prompt, max_new_tokens=20, num_beams=4, do_sample=False)
    expect("same as the package and as transformers", text == best.ids == theirs, True)
    expect("log-probability against the package's", log_prob - best.log_prob, 0, within=1e-3)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Exercise 6: one step of it


# %%
def my_beam_step(totals, log_probs):
    """Return the K best children [[row of the parent, word], ...], the best first.

    K texts have log-probabilities totals (K,); log_probs (K, V) are of their next words.
    """
    ...


exercises.beam_step.check(my_beam_step)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### More probable, and then?
#
# **Predict first:** beam search with eight beams, 63 words. Compare with 300 true texts.

# %%
my_probability = ...
guess = predict(
    "beam-beats-every-true-text",
    "The text that beam search finds is more probable, under the truth, than every one of 300 true "
    "texts of its length.",
    my_probability,
)


# %%
def surprise(texts):
    """Mean surprise of each text (N,) under the truth, from its second word on, nats a word."""
    law = language.next_token_probs(texts)[:, :-1]
    return -law.gather(-1, texts[:, 1:, None])[..., 0].log().mean(dim=1)


prompt = language.tokenizer.encode("the")
_, greedy_log_prob = my_beam_search(model, prompt, 63, n_beams=1)
by_beam, beam_log_prob = my_beam_search(model, prompt, 63, n_beams=8)
of_beam = surprise(torch.tensor([prompt + by_beam])).item()

expect("log-probability, eight beams minus one", beam_log_prob - greedy_log_prob, at_least=0.1)
guess.resolve(of_beam < surprise(held_out).min().item())

# %% tags=["nbval-ignore-output"]
print("the", language.tokenizer.decode(by_beam[:30]), "...")

# %%
marks = {"beam search": of_beam, "the entropy rate": language.entropy_rate().value}
plots.show(
    figures.surprise_histogram(
        surprise(held_out), marks, "The most probable text is not a typical text"
    )
)

# %%
expect("mean surprise of true texts, nats a word", surprise(held_out).mean(), 1.38, within=0.03)
expect("smallest of 300", surprise(held_out).min(), at_least=1.0)
expect("beam search", of_beam, 0.89, within=0.06)

# %% [markdown]
# Each single true text is far less probable than the beam's, and yet true texts all lie near the
# entropy rate and none lies where beam search ends. It is like throwing a loaded coin a thousand
# times: all heads is the most probable single sequence, and nobody has ever seen it.
#
# So maximising probability is wrong for a text that should look like those the model learned from.
# Is it right, then, where *one* good answer is wanted, as in translation? Not even there. Stahlberg
# and Byrne (2019) searched exactly: for more than half of their sentences the most probable
# translation was the empty one. Eikema and Aziz (2020) found that the most probable translation has
# so little probability that it says little about the rest. Beam search does work for translation,
# but it seldom finds the most probable text; Meister et al. (2020) ask what it is good at instead.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### How long? A length penalty
#
# Every word makes a text less probable, so a search that may stop prefers short texts. The remedy: rank
# the finished ones by $\log P / n^{\alpha}$, with $n$ words. $\alpha = 0$ is the probability itself,
# $\alpha = 1$ the mean of a word (Wu et al. 2016 have a smoother form). No value of it is right: it is one
# more thing that is chosen, not measured.

# %%
STOP = language.tokenizer.encode(".")[0]
firsts = sorted({text[0].item() for text in held_out})
options = {"max_new_tokens": 30, "num_beams": 4, "do_sample": False, "eos_token_id": STOP}
mean_length, same = {}, []
for alpha in (0.0, 1.0, 3.0):
    best = [
        beam_search(model, [first], 30, 4, stop=[STOP], length_penalty=alpha)[0] for first in firsts
    ]
    mean_length[alpha] = sum(len(beam.ids) for beam in best) / len(best)
    same += [abs(beam.score - beam.log_prob / len(beam.ids) ** alpha) < 1e-9 for beam in best]
    same += [library(firsts[:1], length_penalty=alpha, **options) == best[0].ids]
of_true = [t.tolist().index(STOP) for t in held_out if STOP in t]
mean_length["true"] = sum(of_true) / len(of_true)
print({name: round(length, 1) for name, length in mean_length.items()})
expect("scores by the formula, texts as transformers", all(same), True)
expect("the strongest penalty is longer", mean_length[3.0] > mean_length[0.0], True)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Not the most probable text, the most useful: minimum Bayes risk
#
# Say what makes one text a good answer if another was meant: here the share of words that agree, place
# by place. Then draw texts, and pick the one that agrees best with the *others*. That is **minimum
# Bayes risk** decoding (Kumar and Byrne 2004; Eikema and Aziz 2020): few lines, no search.


# %%
def agreement(texts, others):
    """Share of equal words, for each pair of texts (N, n) and others (M, n): (N, M)."""
    return (texts[:, None] == others[None]).double().mean(dim=-1)


def minimum_bayes_risk(texts):
    """The text of a sample (N, n) that agrees best with all of it."""
    return texts[agreement(texts, texts).mean(dim=1).argmax()]


# The check, by brute force: of all texts of three words the best must have the most frequent words.
three = torch.randint(3, (50, 3), generator=torch.Generator().manual_seed(0))
every_text = torch.cartesian_prod(*3 * [torch.arange(3)])
best = every_text[agreement(every_text, three).mean(dim=1).argmax()]
expect("the most frequent words", bool((best == three.mode(dim=0).values).all()), True)
picked = minimum_bayes_risk(three)
risk = [agreement(one[None], three).mean().item() for one in (*three, picked)]
expect("the pick is the best of the sample", risk[-1] == max(risk), True)

# %% [markdown]
# Now eight words after each of 24 beginnings. Judges are 100 fresh texts, drawn from the exact truth.
#
# **Predict first:**

# %%
my_probability = ...
guess = predict(
    "mbr-beats-beam",
    "The pick among 100 drawn texts agrees better with fresh true texts than what beam search finds, "
    "with an interval above 0.",
    my_probability,
)

# %%
contexts = [t[: 3 + i % 12].tolist() for i, t in enumerate(language.sample(24, seed=14))]
found = {"drawn": [], "beam search": [], "minimum Bayes risk": []}
for i, text in enumerate(contexts):
    judges = torch.tensor(generate(exact_truth, [text] * 100, 8, seed=100 + i))
    drawn = torch.tensor(generate(model, [text] * 100, 8, seed=i))
    beam = torch.tensor(beam_search(model, text, 8, 8)[0].ids)
    picks = {
        "drawn": drawn[0],
        "beam search": beam,
        "minimum Bayes risk": minimum_bayes_risk(drawn),
    }
    for name, pick in picks.items():
        found[name].append(agreement(pick[None], judges).mean().item())
agreed = {name: torch.tensor(values) for name, values in found.items()}
gain = cal.bootstrap_interval(torch.mean, agreed["minimum Bayes risk"] - agreed["beam search"])
guess.resolve(gain.low > 0)

# %% tags=["nbval-ignore-output"]
for name, values in agreed.items():
    print(f"{name:20}{cal.bootstrap_interval(torch.mean, values):.2f} of the words agree")
print(f"minimum Bayes risk minus beam search {gain:.3f}")

# %%
mean = {name: values.mean().item() for name, values in agreed.items()}
expect("agreement of a single draw", mean["drawn"], 0.17, within=0.04)
expect("of minimum Bayes risk", mean["minimum Bayes risk"], 0.26, within=0.04)
expect("minimum Bayes risk minus beam search", gain.estimate, 0, within=0.03)

# %% [markdown]
# Both agree far better with what others would say than a single draw does, and minimum Bayes risk did
# it without a search. Is it better than beam search? Not here, or hardly: over eight words the interval
# of the difference touches zero. (In the ledger, with 40 other beginnings, it is 0.01 to 0.02 better; over
# sixteen words 0.01 *worse*, for it can only pick what was drawn, and a hundred draws of sixteen words
# seldom hold a good one.) Its point is another: *you* say what a good answer is.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### The optimizer's curse, and its control
#
# Beam search looks for texts that the *model* likes. Whoever searches for the largest estimate finds
# an *over*estimate, on average, even if no estimate is biased: the **optimizer's curse** (Smith and
# Winkler 2006; its cousin at auctions is the winner's curse). So the model should overrate the texts
# it picks. But does that come from *its* picking? The control: let the **exact truth** pick, by the
# same search. Then the model selects nothing.
#
# **Predict first.** 48 prompts, 40 words each.

# %%
my_probability = ...
guess = predict(
    "picked-by-truth-overrated",
    "The model overrates also the texts that the truth picks, by more than 0.01 nats a word.",
    my_probability,
)


# %%
def overrated(texts, from_word):
    """By how much the model rates words more probable than the truth does, on average, nats."""
    came = texts[:, from_word:, None]
    with torch.no_grad():
        by_model = model(texts)[:, from_word - 1 : -1].double().log_softmax(dim=-1)
    by_truth = language.next_token_probs(texts)[:, from_word - 1 : -1].log()
    return (by_model - by_truth).gather(-1, came)[..., 0].mean(dim=1)


beginnings = [text[: 1 + i % 16].tolist() for i, text in enumerate(language.sample(48, seed=4))]
pickers = {"the truth": exact_truth, "the model": model}
rows = {"true texts": overrated(held_out, 1)}
ends = {}
for name, law in pickers.items():
    found = [prompt + my_beam_search(law, prompt, 40, 8)[0] for prompt in beginnings]
    rows[name] = torch.cat([overrated(torch.tensor([text]), len(text) - 40) for text in found])
    ends[name] = [" ".join(sorted({words[i] for i in text[-20:]})) for text in found]
guess.resolve(rows["the truth"].mean().item() > 0.01)

# %% tags=["nbval-ignore-output"]
own = rows["the model"]
rows["the model's own minus the truth"] = own - rows["the truth"]
print("nats a word by which the model overrates what was picked by ...")
for name, values in rows.items():
    groups = None if name == "true texts" else ends["the model"]
    print(f"{name:35}{cal.bootstrap_interval(torch.mean, values, groups=groups):.3f}")
print("different endings of 48:", {name: len(set(found)) for name, found in ends.items()})

# %%
average = {name: values.mean().item() for name, values in rows.items()}
expect("overrated, true texts, nats a word", average["true texts"], 0, within=0.015)
expect("picked by the truth", average["the truth"], 0.034, within=0.01)
expect("picked by the model itself", average["the model"], 0.066, within=0.015)
expect("its own minus the truth's", average["the model's own minus the truth"], at_least=0.015)

# %% [markdown]
# What the *truth* picks is overrated, too: half of the effect is there before the model has picked
# anything. All these texts go round in circles, and that is a kind of text that the model overrates.
# (The prompts end in a handful of circles, so the intervals resample circles, not prompts; with so few
# they are still somewhat too narrow.)
#
# A second control, in the ledger of this course: let another model pick, of the same kind, with other
# initial weights, trained on other text. Of the picks of three such models the model overrates those of
# the others by 0.040 to 0.062, its own by 0.052 to 0.066. What is left for the picking alone is a
# hundredth of a nat or two. So "because it picked them" was, for most of it, the wrong reason.
#
# That is no law. A model with half the training overrated its own picks, too, by 0.02, but
# *under*rated those of the truth and of another model, by 0.09 and 0.07: there it was all in the
# picking. Run the control on the model that you have.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Decoding bends the distribution
#
# Now measure it. Each rule writes 300 texts of 64 words from true first words. Against the exact
# truth we ask of every word (as long as all words before it can occur, for after an impossible
# word the truth has nothing to say):
#
# | measure | question |
# | --- | --- |
# | entropy | how undecided is the law that the word is drawn from? |
# | surprise | how surprised is the truth at the word that came? (Allowed words only) |
# | distance | how far is that law from the truth? |
# | forbidden | how much of it goes to words that the grammar forbids? |
#
# At a forbidden word the truth's surprise is infinite, and so would be the average. So these words
# are left out of the surprise, which makes it look better than it is; we count them below.

# %%
RULES = {
    "T = 1": {},
    "T = 0.7": {"temperature": 0.7},
    "T = 1.3": {"temperature": 1.3},
    "top-k 5": {"top_k": 5},
    "top-p 0.8": {"top_p": 0.8},
    "top-p 0.99": {"top_p": 0.99},
    "min-p 0.1": {"min_p": 0.1},
    "greedy": {"top_k": 1},  # one word left: the most probable
}
starts = language.sample(300, seed=3)[:, :1]


def write(model, **rule):
    """300 texts (300, 64) that the model writes by a rule."""
    return torch.cat([starts, torch.tensor(generate(model, starts, 63, seed=6, **rule))], dim=1)


def bent_law(model, texts, **rule):
    """The laws (N, 63, V) from which a rule draws the second word of texts, the third, ..."""
    with torch.no_grad():
        logits = model(texts)[:, :-1].double()
    return adjust_logits(logits, **rule).softmax(dim=-1)


# %%
def true_laws(texts):
    """The true laws (N, 63, V), and where all words so far are allowed: elsewhere there is none."""
    allowed = language.is_grammatical(texts)[:, :-1]
    laws = torch.zeros(*allowed.shape, language.vocab_size, dtype=torch.float64)
    for text, law, n in zip(texts, laws, allowed.sum(dim=1), strict=True):
        law[:n] = language.next_token_probs(text[:n])
    return laws, allowed


def judge(texts, bent):
    """Each measure with its interval over texts; bent (N, 63, V) are the laws they came from."""
    truth, allowed = true_laws(texts)
    came = truth.gather(-1, texts[:, 1:, None])[..., 0]
    values = {
        "entropy (nats)": (torch.special.entr(bent).sum(dim=-1), allowed),
        "surprise, allowed (nats)": (-came.log(), allowed & (came > 0)),
        "distance": ((bent - truth).abs().sum(dim=-1) / 2, allowed),
        "forbidden (in 1,000 words)": (1000 * (bent * (truth == 0)).sum(dim=-1), allowed),
    }
    return {
        name: cal.bootstrap_interval(
            lambda total, n: (total.sum() / n.sum()).item(),
            torch.where(counts, value, 0).sum(dim=1),
            counts.sum(dim=1),
            n_resamples=300,
        )
        for name, (value, counts) in values.items()
    }


# %% [markdown] slideshow={"slide_type": "slide"}
# **Predict first.** A lower temperature makes fewer mistakes. Is what it writes then *closer* to
# the language?

# %%
my_probability = ...
guess = predict(
    "cold-is-closer",
    "Sampling at T = 0.7 is closer to the true probabilities than sampling at T = 1.",
    my_probability,
)

# %%
texts = {rule: write(model, **options) for rule, options in RULES.items()}
judged = {"the truth": judge(held_out, true_law)}
for rule, options in RULES.items():
    judged[rule] = judge(texts[rule], bent_law(model, texts[rule], **options))

guess.resolve(judged["T = 0.7"]["distance"].estimate < judged["T = 1"]["distance"].estimate)

# %% tags=["nbval-ignore-output"]
measures = list(judged["the truth"])
print(" " * 10 + "".join(f"{name:>28}" for name in measures))
for rule, values in judged.items():
    print(f"{rule:10}" + "".join(f"{format(values[name], '.2f'):>28}" for name in measures))

# %% tags=["nbval-ignore-output"]
print("words left out of the surprise, for it is infinite:")
for rule in RULES:
    allowed = language.is_grammatical(texts[rule])
    left_out = (allowed[:, :-1] & ~allowed[:, 1:]).sum() / allowed[:, :-1].sum()
    print(f"{rule:10}{1000 * left_out:4.0f} in 1,000")

# %%
by_measure = {name: {rule: judged[rule][name] for rule in judged} for name in measures}
plots.show(figures.decoding_panels(by_measure, "the truth", "What each rule does to the language"))

# %%
value = {rule: {name: judged[rule][name].estimate for name in measures} for rule in judged}
expect("entropy, the truth", value["the truth"]["entropy (nats)"], 1.38, within=0.03)
expect("entropy, T = 1", value["T = 1"]["entropy (nats)"], 1.40, within=0.05)
expect("entropy, T = 0.7", value["T = 0.7"]["entropy (nats)"], 1.20, within=0.06)
expect("surprise, T = 0.7", value["T = 0.7"]["surprise, allowed (nats)"], 1.25, within=0.06)
expect("distance, T = 1", value["T = 1"]["distance"], at_most=0.06)
for rule in ("T = 0.7", "top-k 5", "top-p 0.8"):
    expect(f"distance, {rule}", value[rule]["distance"], at_least=0.08)
forbidden = {rule: value[rule]["forbidden (in 1,000 words)"] for rule in judged}
expect("forbidden in 1,000, T = 1", forbidden["T = 1"], 1.6, within=1.2)
expect("forbidden in 1,000, T = 1.3", forbidden["T = 1.3"], 8.5, within=4)
expect("forbidden in 1,000, T = 0.7", forbidden["T = 0.7"], at_most=1.2)
expect("forbidden in 1,000, top-p 0.99", forbidden["top-p 0.99"], at_most=0.6)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Safer text, bent probabilities
#
# Read the rows against each other. At T = 1 entropy and surprise are those of the truth but for one
# or two hundredths, and a word or two in a thousand is forbidden: the price of a model that is not
# quite the truth. T = 0.7 and top-p 0.8 remove most of these slips, and pay by lying about everything
# else: their distance from the truth is several times as large. But look at top-p 0.99: it cuts off a
# hundredth, most of the slips are in it, and the distance does not grow. Only T = 1 has the *model's*
# probabilities; a gentle cut may be as close to the *truth*.
#
# Over a whole text, rare slips add up:

# %%
clean = {r: language.is_grammatical(t)[:, -1].double().mean().item() for r, t in texts.items()}
expect("texts of 64 words without a slip, T = 1", clean["T = 1"], 0.9, within=0.06)
expect("T = 1.3", clean["T = 1.3"], 0.53, within=0.15)
expect("T = 0.7", clean["T = 0.7"], 0.96, within=0.03)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Is min-p better than top-p?
#
# Its authors say so, above all at high temperatures. Schaeffer et al. (2025) went through the same
# evidence and found no advantage over other rules that are tuned as carefully. So tune both: move each
# through its settings, and judge slips and distance *together*. On true texts, no drawing needed.
#
# **Predict first:**

# %%
my_probability = ...
guess = predict(
    "min-p-when-hot",
    "At T = 2, the best setting of min-p is closer to the truth than the best one of top-p.",
    my_probability,
)


# %%
def on_true_texts(law):
    """Distance from the truth and slips in 1,000 words, mean over the held-out texts."""
    distance = (law - true_law).abs().sum(dim=-1).mean() / 2
    return distance.item(), 1000 * (law * (true_law == 0)).sum(dim=-1).mean().item()


sweep = {"top_p": (0.7, 0.8, 0.9, 0.99, 1.0), "min_p": (0.3, 0.2, 0.1, 0.02, 0.005)}
curves = {
    f"{rule.replace('_', '-')}, T = {T:g}": {
        f"{value:g}": on_true_texts(bent_law(model, held_out, temperature=T, **{rule: value}))
        for value in values
    }
    for T in (1.0, 2.0)
    for rule, values in sweep.items()
}
best = {rule: min(curves[f"{rule}, T = 2"].values()) for rule in ("top-p", "min-p")}
guess.resolve(best["min-p"][0] < best["top-p"][0])

# %%
plots.show(figures.trade_off(curves, "Slips against distance: to the lower left is better"))

# %%
plain, nearly = curves["top-p, T = 1"]["1"], curves["top-p, T = 1"]["0.99"]
expect("slips, nothing cut", plain[1], 1.7, within=0.6)
expect("slips, top-p 0.99", nearly[1], at_most=0.5)
expect("distance, top-p 0.99 minus nothing cut", nearly[0] - plain[0], 0, within=0.005)
expect(
    "T = 1, min-p 0.02 minus top-p 0.99", curves["min-p, T = 1"]["0.02"][0] - nearly[0], 0, 0.005
)
for rule, target in {"top-p": 0.18, "min-p": 0.157}.items():
    expect(f"T = 2, smallest distance of {rule}", best[rule][0], target, within=0.012)
expect("slips there, top-p", best["top-p"][1], 5.5, within=2.5)
expect("slips there, min-p", best["min-p"][1], at_most=0.3)

# %% [markdown]
# At T = 1 the two curves are one: no advantage. At T = 2 min-p *is* better, as its authors say: its best
# setting is closer and leaves hardly a slip, where that of top-p leaves five in 1,000. But look where
# these points lie. Every one is several times as far from the truth as a gentle cut at T = 1, which
# leaves few slips, too. Who need not be hot gains nothing. (A second model, trained on other text, says the same. What it means for a story is a question
# of taste that no truth here decides.)
#
# The negative control: bend the *exact truth*, which has no slips to lose.

# %%
log_truth, seen = true_law.log(), tokens_seen(held_out, language.vocab_size)[:, :-1]
with torch.no_grad():
    logits_here = model(held_out)[:, :-1].double()
bent_truths = {rule: adjust_logits(log_truth, **options) for rule, options in RULES.items()}
bent_truths["penalty 1.2"] = penalise_repetition(log_truth, seen, 1.2)
for rule, bent_logits in bent_truths.items():
    print(f"{rule:12} distance {on_true_texts(bent_logits.softmax(dim=-1))[0]:.3f}")
penalty_on_model = on_true_texts(penalise_repetition(logits_here, seen, 1.2).softmax(dim=-1))
expect("the truth unbent", on_true_texts(bent_truths["T = 1"].softmax(dim=-1))[0], 0, within=1e-9)
expect("the model with a penalty of 1.2", penalty_on_model[0], 0.23, within=0.04)
expect("its slips in 1,000", penalty_on_model[1], 2.7, within=0.8)

# %% [markdown]
# Unbent, the truth is no distance from itself; every rule that does something moves it away. And the
# penalty, which promises livelier text, is one of the worst: a grammar *must* repeat "the" and its full
# stops. It takes the model eight times as far from the truth, and slips grow, too.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Exercise 7: whose surprise?
#
# The table's surprise is an average over words that were drawn. It can be had without drawing.


# %%
def my_expected_surprise(bent, truth):
    """Return the mean surprise of truth (N, V) at words drawn by bent (N, V)."""
    ...


exercises.expected_surprise.check(my_expected_surprise)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Is what the decoder reports calibrated?
#
# Many programs print, beside each generated word, the probability "of the model". Which one? The
# library has two, and the one called *scores* is the bent one:

# %%
torch.manual_seed(0)
output = exported.generate(
    beginning,
    **{"do_sample": True, "temperature": 0.7, "top_k": 0, "max_new_tokens": 1},
    **{"output_scores": True, "output_logits": True, "return_dict_in_generate": True},
)
scores, raw = output.scores[0][0].double(), output.logits[0][0].double()
expect("output_logits: the model's own", largest_difference(raw, one), 0, within=1e-5)
expect("output_scores: what was sampled", largest_difference(scores, one / 0.7), 0, within=1e-5)
expect("their distance from each other", largest_difference(scores, raw), at_least=0.03)

# %% [markdown] slideshow={"slide_type": "fragment"}
# So take three *reports* (T = 1, T = 0.7, top-p 0.8) and three kinds of *text* (true texts, and
# those written by T = 0.7 and by top-p 0.8). At every word: the confidence of the report's best
# guess, and whether that word came.
#
# **Predict first.** T = 0.7 sharpens the probabilities. On *true* text it should be overconfident.
# And on the text that it wrote itself?

# %%
my_probability = ...
guess = predict(
    "own-text-calibrated",
    "On the texts written at T = 0.7, the probabilities at T = 0.7 are better calibrated than the "
    "model's own.",
    my_probability,
)

# %%
REPORTS = ("T = 1", "T = 0.7", "top-p 0.8")
TEXTS = {"true": held_out, "by T = 0.7": texts["T = 0.7"], "by top-p 0.8": texts["top-p 0.8"]}


def read(ids, rule):
    """Confidence (N,) of a rule's best guess at every word of the texts, and whether it came."""
    law = bent_law(model, ids, **RULES[rule])
    return cal.top_label(law.flatten(0, 1), ids[:, 1:].flatten())


ece = {
    kind: {rule: cal.expected_calibration_error(*read(ids, rule)) for rule in REPORTS}
    for kind, ids in TEXTS.items()
}
guess.resolve(ece["by T = 0.7"]["T = 0.7"] < ece["by T = 0.7"]["T = 1"])

# %%
plots.show(figures.report_matrix(ece, "Calibration error (ECE) of a report, on a text"))

# %%
null = cal.ece_null_distribution(read(held_out, "T = 1")[0], n_simulations=200).quantile(0.95)
expect("what chance alone stays below, 95 times in 100", null, 0.012, within=0.003)
for kind, rule in zip(TEXTS, REPORTS, strict=True):
    expect(f"text {kind}, report {rule}", ece[kind][rule], at_most=0.02)
expect("text true, report T = 0.7", ece["true"]["T = 0.7"], 0.10, within=0.02)
expect("text by T = 0.7, report T = 1", ece["by T = 0.7"]["T = 1"], 0.10, within=0.02)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Two questions, two answers
#
# Along the diagonal all is well: a decoder's probabilities are *true of its own texts*. "What will
# this decoder say next?" T = 0.7 answers that perfectly for T = 0.7. But "what comes next in the
# language?" is answered by the model's own law alone, the corner above on the left. Reported as
# that, the probabilities at T = 0.7 are ten points off. **Calibration belongs to a pair: who states
# the probability, and of which text.**

# %%
of_text = torch.arange(300).repeat_interleave(63)  # words of one text are not independent
axes = plots.new_axes(12.5, 6.2, ncols=2)
for ax, rule in zip(axes, ("T = 1", "T = 0.7"), strict=True):
    plots.reliability_diagram(
        *read(held_out, rule), groups=of_text, title=f"Reported at {rule}, true texts", ax=ax
    )
plots.show(axes[0])

# %% [markdown] slideshow={"slide_type": "slide"}
# ## One temperature, two meanings
#
# Dividing logits by a number also *repairs* models: **temperature scaling** (Guo et al. 2017) fits
# that number on held-out text so that the probabilities become honest. Is it the same thing?
#
# Make a model that is too sure: double every logit. (The gain and bias of the last norm, doubled,
# do just that.) Later training can do such a thing to real models, if it rewards them for what they
# find probable anyway.

# %%
sharp = copy.deepcopy(model)
with torch.no_grad():
    sharp.final_norm.weight.mul_(2)
    sharp.final_norm.bias.mul_(2)
    doubled = (sharp(held_out[:10]) - 2 * model(held_out[:10])).abs().max()
expect("logits are doubled, up to", doubled, 0, within=1e-4)

# %% [markdown]
# **Predict first:** fit a temperature to this model on held-out true texts.

# %%
my_probability = ...
guess = predict("fitted-two", "The fitted temperature lies between 1.9 and 2.1.", my_probability)

# %%
fit_texts = language.sample(300, seed=8)  # neither trained on nor tested on
labels = fit_texts[:, 1:].flatten()


def fitted_temperature(model):
    with torch.no_grad():
        logits = model(fit_texts)[:, :-1].flatten(0, 1)
    return cal.TemperatureScaling().fit(logits, labels).temperature_


repair = fitted_temperature(sharp)
guess.resolve(1.9 < repair < 2.1)
expect("fitted to the sharp model", repair, 2, within=0.1)
expect("fitted to the model as it was trained", fitted_temperature(model), 1, within=0.05)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Sampling with the fitted temperature
#
# If the sharp model is sampled at T = 2, with the same random numbers as the trained model at T =
# 1, what comes?

# %%
by_sharp = write(sharp, temperature=2.0)
expect("share of words that agree", (by_sharp == texts["T = 1"]).double().mean(), at_least=0.98)

repaired = write(sharp, temperature=repair)
judged_repaired = judge(repaired, bent_law(sharp, repaired, temperature=repair))
judged_sharp = judge(by := write(sharp), bent_law(sharp, by))
expect("distance from the truth, sampled at 1", judged_sharp["distance"].estimate, at_least=0.15)
expect("at the fitted temperature", judged_repaired["distance"].estimate, at_most=0.06)

# %% [markdown]
# The same texts, word for word, unless rounding decides one: two and one half cancel. Here the temperature of sampling and the
# temperature of calibration *are* one number: the number that turns the model's law into the truth.
# Is it so at other temperatures?

# %%
temperatures = [1.0, 1.4, 1.8, 2.0, 2.4, 3.0]
curves = {"NLL on true text\n(nats a word)": [], "distance\nfrom the truth": []}
curves["forbidden words\n(in 1,000)"] = []
for T in temperatures:
    law = bent_law(sharp, held_out, temperature=T).flatten(0, 1)
    written = write(sharp, temperature=T)
    measured = judge(written, bent_law(sharp, written, temperature=T))
    row = [cal.negative_log_likelihood(law, held_out[:, 1:].flatten())]
    row += [measured[name].estimate for name in ("distance", "forbidden (in 1,000 words)")]
    for values, number in zip(curves.values(), row, strict=True):
        values.append(number)

# %%
plots.show(
    figures.panels_against_temperature(
        temperatures, curves, repair, "The sharp model: what a temperature does"
    )
)

# %%
loss, distances, slips = curves.values()
expect("temperature of the lowest loss", temperatures[loss.index(min(loss))], 2, within=0.2)
nearest = temperatures[distances.index(min(distances))]
expect("temperature of the smallest distance", nearest, 2, within=0.2)
expect("slips grow with every step", slips == sorted(slips), True)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### The answer
#
# The *operation* is the same, the *purpose* is not.
#
# - The temperature of **calibration** is measured: data fix it, at the bottom of the upper two
#   curves. It makes what the model *states* true.
# - The temperature of **sampling** is chosen: the lowest curve has no bottom inside the range
#   that we tried. Colder is safer and duller, as far as you like.
# - They are the same number in one case: when the text that you sample should be distributed as
#   the text that you calibrated on. Then sample at the fitted temperature; for a calibrated model,
#   at 1.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Exercise 8: which temperature for what?

# %%
exercises.which_temperature.ask()
exercises.which_temperature.check(...)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Faster, and the same law: draft and check
#
# So far each word took one pass through the model. A pass over five words can take hardly longer than
# over one, so let something cheap *draft* a few words, and let the model check them all at once. Does the
# text suffer? Not if the check is right (Leviathan et al. 2023; Chen et al. 2023). The draft has the
# law $q$, the model $p$:
#
# - keep a drafted word $x$ with probability $\min(1, p(x) / q(x))$;
# - otherwise draw a word from what the draft had too little of, $\max(0, p - q)$, made to sum to one.
#
# The draft here is as poor as can be: a table of word pairs, which looks at the last word only.
#
# **Predict first:**

# %%
my_probability = ...
guess = predict(
    "pairs-are-kept",
    "On true texts, the model keeps more than half of the words that the table of pairs drafts.",
    my_probability,
)

# %%
pairs = NGram(language.vocab_size, order=1).fit(language.sample(2000, seed=1))
with torch.no_grad():
    one_law = model(beginning)[0, -1].double().softmax(-1)
p, q = one_law, pairs.next_token_probs(beginning)[0, -1]


def check(p, q, drafted, generator, missed=None):
    """Words (n,) of law p, made of words drafted from q (n,)."""
    kept = torch.rand(len(drafted), generator=generator) * q[drafted] < p[drafted]
    missed = (p - q).clamp(min=0) if missed is None else missed
    instead = missed.multinomial(len(drafted), replacement=True, generator=generator)
    return torch.where(kept, drafted, instead), kept


# %% [markdown]
# The test from above, on 20,000 words, and a negative control: a check that seems just as reasonable.
# It keeps by the same rule, and draws what it does not keep from the model's own law $p$.

# %%
generator = torch.Generator().manual_seed(6)
drafted = q.multinomial(20_000, replacement=True, generator=generator)
right_rule, kept = check(p, q, drafted, generator)
wrong_rule, _ = check(p, q, drafted, generator, missed=p)
expect("p-value of the drafts, unchecked", p_value(drafted, p), at_most=1e-6)
expect("p-value of draft and check", p_value(right_rule, p), at_least=0.001)
expect("p-value of the reasonable check", p_value(wrong_rule, p), at_most=1e-6)
overlap = torch.minimum(p, q).sum()
expect("share kept minus overlap of the laws", kept.double().mean() - overlap, 0, within=0.015)

# %% [markdown]
# Draft and check gives the model's own law. The reasonable rule does not: words that the draft likes
# get a second chance they should not have.
#
# How many words are kept is how much the two laws *overlap*: $\sum_x \min(p(x), q(x))$, which is one
# minus their distance in total variation. On true texts:

# %%
with torch.no_grad():
    model_laws = model(held_out)[:, :-1].double().softmax(-1)
overlaps = torch.minimum(model_laws, pairs.next_token_probs(held_out)[:, :-1]).sum(dim=-1)
kept_share = cal.bootstrap_interval(torch.mean, overlaps.mean(dim=1))  # texts are drawn, not words
guess.resolve(kept_share.estimate > 0.5)
print(f"overlap of pairs and model, on true texts: {kept_share:.2f}")
expect("overlap of pairs and model", kept_share.estimate, 0.8, within=0.05)

# %% [markdown]
# Four words in five, from a table. And how many words does one pass of the model now yield? If each
# drafted word were kept with the same chance $a$, independent of the others, K drafted words would give
# $1 + a + a^2 + \dots + a^K$: those that are kept in a row, and the one that the model adds.

# %%
lengths, first_words = [1, 2, 4, 8], [text[:4].tolist() for text in language.sample(16, seed=4)]


def words_per_pass(law, n_drafted):
    """Words that one pass of the model yields, with an interval over texts of 40 words."""
    draft = lambda ids: law(ids).log()  # noqa: E731
    runs = [
        speculate(model, draft, text, 40, n_drafted=n_drafted, seed=i)
        for i, text in enumerate(first_words)
    ]
    table = torch.tensor([[len(run.ids), run.n_calls] for run in runs]).double()
    return cal.bootstrap_interval(lambda words, calls: (words.sum() / calls.sum()).item(), *table.T)


frequencies = NGram(language.vocab_size, order=0).fit(language.sample(2000, seed=1))
lines = {
    "draft: word pairs": [words_per_pass(pairs.next_token_probs, n) for n in lengths],
    "if each were kept alike": [sum(kept_share.estimate**i for i in range(n + 1)) for n in lengths],
    "draft: word frequencies": [words_per_pass(frequencies.next_token_probs, n) for n in lengths],
}
plots.show(
    plots.lines_with_intervals(
        [str(n) for n in lengths],
        lines,
        "words drafted at a time, K",
        "words per pass of the model",
        "What a draft is worth",
    )
)

# %%
four = lines["draft: word pairs"][2]
expect("words per pass, pairs, four drafted", four.estimate, 3.3, within=0.4)
expect("the same with word frequencies", lines["draft: word frequencies"][2].estimate, at_most=1.4)

# %% [markdown]
# Three words a pass instead of one, and not one probability changed. A worse draft makes it slower,
# never wrong. Whether passes are *time* is another question: a drafted word that is thrown away was read
# for nothing, and the draft takes time, too. (Leviathan et al. report two to three times the speed for a
# model of 11 billion parameters on their accelerators.)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Exercise 9: keep or replace
#
# One drafted word, two laws as lists of V probabilities, and two numbers in [0, 1): `u` decides whether
# the word is kept, `dart` which one comes instead. Lay the missed probabilities end to end, as `sample`
# does.


# %%
def my_checked(p, q, word, u, dart):
    """Return the word that comes out; p and q are lists, word an index."""
    ...


exercises.checked.check(my_checked)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## A real model: SmolLM2
#
# Greedy first, with the token that ends a text: SmolLM2 was taught to say `<|im_end|>` when it is
# done, and `stop` heeds it.

# %%
torch.set_num_threads(threads)
question = lm.tokenizer("My favourite animal is").input_ids
[answer] = generate(
    lambda ids: lm.model(ids.to(lm.device)).logits, [question], 30, method="greedy", stop=[END]
)
print(repr(lm.tokenizer.decode(answer)))
expect("tokens until it stopped, of 30", len(answer), 10)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### 53 openings, six rules, three formats
#
# Now many texts: 53 openings of five words, each continued by six rules for up to 48 tokens, as raw text
# and as the model's reply in a chat, after two different requests. That takes minutes, so these texts are
# kept with the course. You write a few of them anew, and see that they are the same.

# %%
few = study.openings()[:4]
anew = [text for form in study.FORMATS for text in study.write(lm, few, "greedy", form)]
kept = {(text.rule, text.format, text.opening): text for text in study.written()}
ours = [kept["greedy", text.format, text.opening] for text in anew]
alike = sum(a.ids == b.ids for a, b in zip(anew, ours, strict=True))
expect("of 12 texts, written as they are kept", alike, 12, within=2)  # rounding may part them
expect("texts kept", len(kept), 53 * 6 * 3)

# %% [markdown]
# Three measures: the share of four-token sequences that the same text has said before; the share of
# its tokens that are different ones; and how probable the model itself finds the text, at T = 1.
#
# **Predict first:**

# %%
my_probability = ...
guess = predict(
    "smollm2-repeats",
    "Greedily, at least a tenth of SmolLM2's four-token sequences are repetitions, in all formats.",
    my_probability,
)


# %%
def repeated(text, n=4):
    """Share of the n-token sequences of a text that occurred before in it."""
    grams = [text.ids[i : i + n] for i in range(len(text.ids) - n + 1)]
    return 1 - len(set(grams)) / len(grams) if grams else 0.0


MEASURES = {
    "repeated sequences": repeated,
    "different tokens": lambda text: len(set(text.ids)) / len(text.ids),
    "log-probability (nats a token)": lambda text: text.log_prob,
}


# %%
def measured(form):
    """Of each measure the interval of each rule, over the openings."""
    return {
        name: {
            rule: cal.bootstrap_interval(
                torch.mean,
                torch.tensor(
                    [measure(t) for t in kept.values() if (t.rule, t.format) == (rule, form)]
                ),
            )
            for rule in study.RULES
        }
        for name, measure in MEASURES.items()
    }


by_format = {form: measured(form) for form in study.FORMATS}
guess.resolve(
    all(found["repeated sequences"]["greedy"].estimate >= 0.1 for found in by_format.values())
)

# %%
for form in ("raw text", "chat"):
    plots.show(figures.decoding_panels(by_format[form], "T = 1", f"SmolLM2, {form}"))

# %% tags=["nbval-ignore-output"]
for form, found in by_format.items():
    print(form)
    for rule in study.RULES:
        print(f"   {rule:20}" + "  ".join(f"{found[name][rule]:.2f}" for name in MEASURES))

# %%
for rule in study.RULES:
    text = kept[rule, "chat", few[3]]
    print(f"{rule}: {few[3]}|{lm.tokenizer.decode(text.ids)!r}\n")


# %%
def difference(measure, rule, other, form):
    """Interval of a measure under one rule minus another, over the same openings."""
    pairs = [
        MEASURES[measure](kept[rule, form, o]) - MEASURES[measure](kept[other, form, o])
        for o in study.openings()
    ]
    return cal.bootstrap_interval(torch.mean, torch.tensor(pairs))


sure, again, other = "log-probability (nats a token)", "repeated sequences", "different tokens"
for form in study.FORMATS:
    more = difference(again, "greedy", "T = 1", form)
    expect(f"{form}: greedy repeats more than T = 1, lower end", more.low, at_least=0.02)
    varied = difference(other, "greedy, penalty 1.2", "T = 1", form)
    expect(f"{form}: more different words with the penalty", varied.low, at_least=0.05)
    likelier = difference(sure, "min-p 0.1", "top-p 0.9", form)
    expect(f"{form}: min-p minus top-p, nats a token", likelier.estimate, 0.95, within=0.2)
expect(
    "chat: min-p repeats more", difference(again, "min-p 0.1", "top-p 0.9", "chat").low, 0.02, 0.02
)

# %% [markdown]
# What holds in all three formats:
#
# - Greedily SmolLM2 repeats itself far more than drawn at T = 1.
# - The penalty stops that, and overshoots: more different tokens than the model's own law has at T = 1.
# - Min-p 0.1 writes what the model finds far more probable than top-p 0.9 does, by about a nat a token. It
#   lies near T = 0.7: with these usual settings it is the *colder* rule. Whoever compares the two there
#   compares temperatures.
#
# What does not: how much greedy decoding repeats (0.28 after one request, 0.09 after the other, raw text
# between), and whether min-p repeats more than top-p: after one request it does, in the other two formats
# the intervals of the difference hold zero. "The chat format repeats more" would be a sentence about one
# request.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Does saying it again cost anything?
#
# Does each copy cost SmolLM2 anything? In the grammar it did not. Give SmolLM2 plain sentences five times
# in a row, and ask how probable it finds each copy. Beside it our small model and the truth, with
# sentences of the grammar.


# %%
def log_prob_of_copies(law, ids, copies=5):
    """Mean log-probability of a token in each copy of a sentence that follows itself, nats."""
    row = torch.tensor([ids * copies])
    with torch.no_grad():
        log_probs = law(row).double().log_softmax(dim=-1)[0, :-1]
    of_token = log_probs.gather(-1, row[0, 1:, None])[:, 0]
    each = torch.cat([torch.tensor([math.nan]), of_token]).view(copies, len(ids))
    return each[:, 1:].mean(dim=1)  # without first tokens: nothing stands before the very first


of_grammar = [text[: text.tolist().index(STOP) + 1].tolist() for text in held_out if STOP in text]
of_grammar = [sentence for sentence in of_grammar if len(sentence) <= 10][:26]
of_english = [lm.tokenizer(" " + sentence).input_ids for sentence in study.sentences()]
tried = {
    "the grammar's truth": (exact_truth, of_grammar),
    "our model": (model, of_grammar),
    "SmolLM2, English": (lambda ids: lm.model(ids.to(lm.device)).logits.cpu(), of_english),
}
copies = {
    name: torch.stack([log_prob_of_copies(law, ids) for ids in sentences])
    for name, (law, sentences) in tried.items()
}

# %% tags=["nbval-ignore-output"]
print("nats a token in copy     2     3     4     5")
for name, values in copies.items():
    print(f"{name:20}" + "".join(f"{x:6.2f}" for x in values.mean(dim=0)[1:]))

# %% tags=["nbval-ignore-output"]
for name, values in copies.items():
    gain = cal.bootstrap_interval(torch.mean, values[:, -1] - values[:, 1])
    print(f"{name}: fifth copy minus second, {gain:.2f} nats a token")
    if "SmolLM2" in name:
        expect("SmolLM2 gains, lower end of the interval", gain.low, at_least=0.3)
    else:
        expect(f"{name} gains, upper end of the interval", gain.high, at_most=0.1)

# %% [markdown]
# In the grammar the fifth copy is hardly more probable than the second, by a few hundredths of a nat:
# copies tell the topic, and the model adds a little. SmolLM2 gains a whole nat a token: **each copy
# makes the next more probable**. Holtzman et al.
# (2020) saw this in GPT-2, Xu et al. (2022) called it self-reinforcement. Is it a fault? Whoever has
# said a sentence four times may well say it again; without the truth about English nobody can tell
# how probable the fifth should be. But it is another thing than what the grammar showed: there the
# circle costs nothing, here it deepens.
#
# T = 1 goes round in no circles, but wanders: it really draws unlikely words as often as the model
# states them. Many people use something in between, and which is a choice of taste. Read the six texts
# above once more. Which would you publish? And whose probabilities would you print beside it?

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Try it: bend the law
#
# Choose a beginning, move temperature, top-k and top-p. Can you find a setting other than T = 1 with
# everything kept that is closer to the truth? Does it stay so at another beginning? (The five panels
# above are its static form.)

# %% tags=["nbval-ignore-output"]

contexts = {}
for text in ("the dogs that the king loves", "the", "of", "some ships ( perhaps"):
    ids = torch.tensor([language.tokenizer.encode(text)])
    with torch.no_grad():
        contexts[text] = (language.next_token_probs(ids)[0, -1], model(ids)[0, -1])
widget.rule_explorer(words, contexts)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## What you learned
#
# - `generate` is greedy unless told otherwise, so it has one answer; `do_sample=True` draws, and
#   silently keeps the fifty most probable tokens only. `max_length` counts the prompt.
# - In a batch: pad on the left, pass the mask. Nothing crashes otherwise, and padded prompts get other
#   texts.
# - Greedy, temperature, top-k, top-p, min-p, the penalty and beam search are a few lines each, and equal
#   the library's.
# - Sampling at T = 1 keeps the model's probabilities (the chi-square test agrees). Every other rule
#   bends them. Those that cool or cut hard buy fewer slips with less variety, and take a well-trained
#   model farther from the truth. A gentle cut, a hundredth, does not: it takes off most slips for
#   nothing (of a model with half the training about two in five).
# - Min-p is better than top-p where the law was flattened first (T = 2), and no better at T = 1.
# - A repetition penalty acts on numbers whose zero means nothing: the same law as log-probabilities is
#   penalised differently. In a language that must repeat some words it makes things worse.
# - A draft that is checked by the right rule changes no probability, however poor it is; it yields more
#   words a pass the more its law and the model's overlap.
# - The most probable text is not a typical one, even for the exact truth; and of the texts that a
#   search picks the model is too sure. Is that from the picking? Let others pick. For our model half of
#   it was there when the exact truth picked, most of it when another model did; for a model with half
#   the training, nothing.
# - A decoder's probabilities are true of its own texts, not of the world.
# - The calibration temperature is measured, the sampling temperature is chosen.
#
# ## Common misconceptions
#
# - *"A model that repeats itself is a bad model."* Not necessarily: in a language where repeating
#   costs nothing the exact truth does it, too, if decoded greedily. In English, repeating is rare,
#   and SmolLM2 finds a sentence the more probable the more often it has just been said.
# - *"More beams, better text."* More probable text. It becomes less typical.
# - *"A repetition penalty of 1.2 means the same for every model."* It depends on where a model's logits
#   have their zero.
# - *"Low temperature is more accurate."* Fewer slips, and probabilities that no longer mean what
#   they say.
# - *"A faster model must be a worse one."* Draft and check draws from the very same law.
# - *"The scores that generate returns are the model's probabilities."* They are what is left after
#   temperature, top-k and top-p.
# - *"Calibrated means T = 1."* It means that the *fitted* temperature is 1. What you sample at is
#   another matter.
#
# ## Further reading
#
# - A. Holtzman, J. Buys, L. Du, M. Forbes, Y. Choi, *The curious case of neural text degeneration*,
#   ICLR 2020.
# - A. Fan, M. Lewis, Y. Dauphin, *Hierarchical neural story generation*, ACL 2018.
# - M. N. Nguyen et al., *Turning up the heat: min-p sampling for creative and coherent LLM outputs*,
#   arXiv:2407.01082, 2024; R. Schaeffer et al., *Turning down the heat: a critical analysis of min-p
#   sampling in language models*, arXiv:2506.13681, 2025. Read both.
# - N. S. Keskar, B. McCann, L. R. Varshney, C. Xiong, R. Socher, *CTRL: a conditional transformer
#   language model for controllable generation*, arXiv:1909.05858, 2019.
# - S. Kumar, W. Byrne, *Minimum Bayes-risk decoding for statistical machine translation*, HLT-NAACL
#   2004.
# - Y. Wu et al., *Google's neural machine translation system: bridging the gap between human and machine
#   translation*, arXiv:1609.08144, 2016.
# - J. E. Smith, R. L. Winkler, *The optimizer's curse*, Management Science 52, 2006.
# - Y. Leviathan, M. Kalman, Y. Matias, *Fast inference from transformers via speculative decoding*,
#   ICML 2023; C. Chen et al., *Accelerating large language model decoding with speculative sampling*,
#   arXiv:2302.01318, 2023.
# - J. Xu, X. Liu, J. Yan, D. Cai, H. Li, J. Li, *Learning to break the loop: analyzing and mitigating
#   repetitions for neural text generation*, NeurIPS 2022.
# - C. Meister, R. Cotterell, T. Vieira, *If beam search is the answer, what was the question?*,
#   EMNLP 2020.
# - F. Stahlberg, B. Byrne, *On NMT search errors and model errors: cat got your tongue?*,
#   EMNLP-IJCNLP 2019; B. Eikema, W. Aziz, *Is MAP decoding all you need? The inadequacy of the mode
#   in neural machine translation*, COLING 2020.
# - C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger, *On calibration of modern neural networks*, ICML 2017.
# - A. Radford, J. Wu, R. Child, D. Luan, D. Amodei, I. Sutskever, *Language models are unsupervised
#   multitask learners*, 2019.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## And you?
#
# Your predictions so far, as a diagram. Are you sharpened or flattened?

# %% tags=["nbval-ignore-output"]
from coursekit.chapters import progress

plots.my_predictions()
progress()

# %% [markdown]
# **Next:** [07 What is calibration?](07_what_is_calibration.ipynb)
