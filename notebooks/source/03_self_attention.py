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
# # 03 Self-attention
#
# *The cat sat on the mat because it was tired.* To guess a word well, a model must bring the right
# earlier words together: who sat, on what, and what "it" may be. Self-attention is how: every token
# takes a **weighted sum** of what the tokens before it offer, and finds the weights itself.
# You build it in six lines, then watch the heads of a real model at work.
#
# **You will be able to**
# - compute attention by hand from queries, keys and values, and write it for all tokens at once;
# - explain the division by the square root of d, by a measurement;
# - mask the future correctly, and prove that a wrong mask leaks;
# - say what a key-value cache saves, by counting multiplications;
# - read attention maps of a real model, and test by experiment what a map only suggests;
# - watch a small model of two layers learn to copy, and say why one layer does not.
#
# **Time:** about 90 minutes; all cells together run in about a minute on two processor cores.
#
# **On the map:** Part I, a language model from scratch. Before it: positions, without which
# attention sees a bag of tokens. After it: the whole transformer around it.

# %%
import math
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch.utils.flop_counter import FlopCounterMode

from coursekit import calibration as cal, expect, llm, plots, predict
from coursekit.chapters.self_attention import exercises, figures, widget
from coursekit.lm import (
    CausalSelfAttention,
    apply_rotary,
    rotary_angles,
    scaled_dot_product_attention,
)

lm = llm.load()

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Before you start: three questions
#
# Answer from memory: replace each `...` by a letter in quotes. A wrong answer costs nothing and is
# explained.

# %%
exercises.shuffled_without_positions.ask()
exercises.shuffled_without_positions.check(...)

# %%
exercises.what_rotary_keeps.ask()
exercises.what_rotary_keeps.check(...)

# %%
exercises.which_loss_is_lower.ask()
exercises.which_loss_is_lower.check(...)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## One token asks
#
# Four tokens: *cat sat mat tired*. The token *tired* wants to know: who is it about? Each token
# brings three short vectors:
#
# | vector | role | here, its two numbers mean |
# | --- | --- | --- |
# | **query** | what I look for | something living, something flat |
# | **key** | what I offer to be found by | living, flat |
# | **value** | what I hand over if you look at me | who, where |
#
# We choose the numbers by hand; a model learns them.

# %%
key = {"cat": [3, 0], "sat": [0, 0], "mat": [0, 3], "tired": [0, 0]}
value = {"cat": [1, 0], "sat": [0, 0], "mat": [0, 1], "tired": [0, 0]}
query_of_tired = [1, 0]  # "something living, please"

score = {name: sum(q * k for q, k in zip(query_of_tired, key[name], strict=True)) for name in key}
print(score)

# %% [markdown] slideshow={"slide_type": "fragment"}
# The score is the dot product of query and key: large where the offer fits the wish. The softmax
# makes the scores weights: positive, and summing to one,
#
# $$w_s = \frac{e^{\,q \cdot k_s}}{\sum_u e^{\,q \cdot k_u}}, \qquad
# \text{output} = \sum_s w_s \, v_s .$$

# %%
total = sum(math.exp(s) for s in score.values())
weight = {name: math.exp(s) / total for name, s in score.items()}
output = [sum(weight[name] * value[name][i] for name in key) for i in range(2)]

for name in key:
    print(f"{name:6} weight {weight[name]:.2f}   times value {value[name]}")
print(f"weighted sum: who {output[0]:.2f}, where {output[1]:.2f}")
expect("the weights together", sum(weight.values()), 1.0, within=1e-9)
expect("how much of 'cat' arrives at 'tired'", output[0], math.exp(3) / (math.exp(3) + 3), 1e-9)

# %% [markdown]
# **Predict first:** what if *tired* asks twice as loudly, with the query [2, 0]? Replace the `...`
# by a number from 0 to 1, or leave it.

# %%
my_probability = ...
guess = predict(
    "asking-louder", "With [2, 0], 'cat' gets more than 0.99 of the weight.", my_probability
)

# %%
louder = {name: math.exp(2 * s) for name, s in score.items()}
guess.resolve(louder["cat"] / sum(louder.values()) > 0.99)

# %% [markdown]
# *tired* has received mostly *cat*, and the longer the vectors, the sharper the choice (remember
# this for later). But nothing was chosen outright: every token gives a little, so a small change of
# a query changes the output a little, and the whole can be learned by gradients.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## All tokens ask at once
#
# Every token has a query, too. Stack them as rows: $Q$ is $(T, d)$, $K$ is $(T, d)$, $V$ is $(T,
# e)$, for $T$ tokens. All scores are one matrix product: row $t$ of $Q K^\top$ holds what token $t$
# thinks of everyone. Here *sat* asks for both, *cat* and *mat* ask for nothing.

# %%
tokens = list(key)
Q = torch.tensor([[0.0, 0.0], [1.0, 1.0], [0.0, 0.0], [1.0, 0.0]])
K = torch.tensor([key[name] for name in tokens], dtype=torch.float)
V = torch.tensor([value[name] for name in tokens], dtype=torch.float)

weights = (Q @ K.T).softmax(dim=-1)
plots.show(figures.attention_map(weights, tokens, "Who looks at whom", numbers=True))

# %%
expect("row of 'tired', as by hand", (weights[3] @ V - torch.tensor(output)).abs().max(), 0, 1e-6)
expect("every row sums to one", (weights.sum(dim=-1) - 1).abs().max(), 0, 1e-6)

# %% [markdown]
# Read a map by rows. A token with nothing to ask (all scores equal) still spends a weight of one:
# the softmax cannot say "nobody". Keep that in mind for the real model.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Why divide by the square root of d?
#
# Real queries and keys have $d = 64$ numbers or more. If these are independent with mean 0 and
# variance 1, each product $q_i k_i$ has variance 1, and the sum of $d$ of them has variance $d$:
# scores are spread by $\sqrt d$. What does that do to the weights? We measure their *entropy*,
# $-\sum_s w_s \ln w_s$: 0 if one token gets everything, $\ln S$ if all $S$ get the same.
#
# **Predict first.** 2,000 random queries, 64 random keys, $d = 1024$. Replace the `...` by a number
# from 0 to 1, or leave it.

# %%
my_probability = ...
guess = predict(
    "largest-weight-undivided",
    "With d = 1024 and no division, one of 64 keys gets more than 0.9 of the weight on average.",
    my_probability,
)


# %%
def entropy(weights):
    """Mean entropy in nats of weights (N, S); xlogy makes 0 ln 0 = 0."""
    return -torch.special.xlogy(weights, weights).sum(dim=-1).mean().item()


generator = torch.Generator().manual_seed(0)
widths, undivided, divided = [4, 16, 64, 256, 1024], {}, {}
for d in widths:
    scores = torch.randn(2000, d, generator=generator) @ torch.randn(64, d, generator=generator).T
    undivided[d] = scores.softmax(dim=-1)
    divided[d] = (scores / math.sqrt(d)).softmax(dim=-1)
    print(f"d = {d:4}   standard deviation of the scores {scores.std():4.0f}")
guess.resolve(undivided[1024].max(dim=-1).values.mean().item() > 0.9)

# %%
curves = {
    "scores divided by the square root of d": [entropy(divided[d]) for d in widths],
    "scores as they are": [entropy(undivided[d]) for d in widths],
}
plots.show(figures.entropy_curves(widths, curves, math.log(64), "How spread out the weights are"))

# %%
expect(
    "entropy divided, d = 1024", curves["scores divided by the square root of d"][-1], 3.68, 0.06
)
expect("entropy undivided, d = 64", curves["scores as they are"][2], 0.57, within=0.1)
expect("entropy undivided, d = 1024", curves["scores as they are"][-1], 0.13, within=0.04)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### A softmax that is certain cannot learn
#
# The derivative of a weight $w_s$ by its own score is $w_s (1 - w_s)$. Summed over the keys this is
# $1 - \sum_s w_s^2$: how much the weights still answer to a change of scores. Look at the typical
# query (the median one).

# %%
print(f"{'d':>5}{'divided':>10}{'undivided':>12}")
for d in widths:
    answer = [(1 - (w**2).sum(dim=-1)).median() for w in (divided[d], undivided[d])]
    print(f"{d:>5}{answer[0]:>10.2f}{answer[1]:>12.1g}")
expect("sensitivity undivided, d = 1024", answer[1], at_most=0.002)

# %% [markdown]
# Undivided and wide, a typical query has decided before training begins, and hardly any gradient
# tells it otherwise. (Not no gradient at all: the few queries that hesitate between two keys still
# learn.) So attention divides the scores by $\sqrt d$:
#
# $$\mathrm{Attention}(Q, K, V) = \mathrm{softmax}\!\left(\frac{Q K^\top}{\sqrt{d}}\right) V .$$

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Exercise 1: attention


# %%
def my_attention(query, key, value):
    """Return the output (T, e) of queries (T, d), keys (S, d) and values (S, e)."""
    ...


exercises.attend.check(my_attention)

# %% [markdown]
# Stuck? Run `exercises.attend.hint()`, and in the end `.solution()`.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Do not look ahead
#
# A language model predicts the next token. If a token could look at the next one, there would be
# nothing to predict: training loss would fall to nearly zero, and at writing time, when the future
# does not exist, the model would be lost. So token $t$ may look at tokens $0$ to $t$ only. The
# *causal mask* sets all other scores to $-\infty$, **before** the softmax: $e^{-\infty} = 0$, and
# the remaining weights still sum to one.

# %%
scores = Q @ K.T / math.sqrt(2)
future = torch.ones(4, 4, dtype=torch.bool).triu(diagonal=1)
causal = scores.masked_fill(future, -math.inf).softmax(dim=-1)
plots.show(figures.attention_map(causal, tokens, "Nobody sees the future", numbers=True))

# %% [markdown] slideshow={"slide_type": "slide"}
# ### The classic mistake
#
# Someone masks **after** the softmax: `softmax(scores)`, then zeros in place of the future. The
# forbidden weights *are* zero. Is all well?
#
# **Predict first.** Change the key of the last token, *tired*, and nothing else.

# %%
my_probability = ...
guess = predict(
    "mask-after-softmax-leaks",
    "With the mask after the softmax, the output of 'sat', two places earlier, changes.",
    my_probability,
)


# %%
def outputs(K, mask_first):
    """The output (T, e) with the mask before or after the softmax."""
    scores = Q @ K.T / math.sqrt(2)
    if mask_first:
        return scores.masked_fill(future, -math.inf).softmax(dim=-1) @ V
    return scores.softmax(dim=-1).masked_fill(future, 0) @ V


changed = K.clone()
changed[3] = torch.tensor([2.0, 2.0])  # another last token
for mask_first in (True, False):
    moved = (outputs(changed, mask_first) - outputs(K, mask_first)).abs().amax(dim=-1)
    when = "before" if mask_first else "after"
    by_token = {name: round(m.item(), 2) for name, m in zip(tokens, moved, strict=True)}
    print(f"mask {when:6} the softmax:", by_token)

# %%
guess.resolve(bool(moved[1] > 1e-6))
rows = scores.softmax(dim=-1).masked_fill(future, 0).sum(dim=-1)
print("sums of the rows, mask after:", [round(row.item(), 2) for row in rows])

# %% [markdown]
# The future has leaked. Its weight was set to zero, but its score is still in the denominator, so
# the weights of the *past* depend on it; that is also why the rows no longer sum to one. (*cat* has
# the query zero here: no key can change its scores.) A test that looks for zeros above the diagonal
# passes; the test that finds the mistake is the one you just ran: *change the future, compare the
# past*.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Exercise 2: causal weights


# %%
def my_causal_weights(scores):
    """Return the weights (T, T) of scores (T, T): token t sees tokens 0 to t."""
    ...


exercises.causal_weights.check(my_causal_weights)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## The whole of it, in six lines
#
# `...` in front of the last two dimensions may be anything: texts of a batch, heads of a layer.


# %%
def attention(query, key, value, causal=False):
    scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])  # (..., T, S)
    if causal:
        future = torch.ones_like(scores, dtype=torch.bool).triu(diagonal=1)
        scores = scores.masked_fill(future, -math.inf)
    weights = scores.softmax(dim=-1)
    return weights @ value, weights


# %% [markdown]
# **Check:** on random input it equals PyTorch's own function, and the package's.

# %%
generator = torch.Generator().manual_seed(1)
query, key, value = torch.randn(3, 2, 9, 18, 64, generator=generator)  # 2 texts, 9 heads, 18 tokens
for causal in (False, True):
    mine, _ = attention(query, key, value, causal)
    torchs = F.scaled_dot_product_attention(query, key, value, is_causal=causal)
    packages, _ = scaled_dot_product_attention(query, key, value, causal)
    expect(f"PyTorch's, causal={causal}: largest difference", (mine - torchs).abs().max(), 0, 1e-5)
    expect(f"ours, causal={causal}: largest difference", (mine - packages).abs().max(), 0, 1e-5)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Many heads
#
# One softmax gives one weighted average. To keep *who* and *where* apart, a token needs two. So the
# width is cut into slices, and each **head** does its own attention in its own slice:
#
# 1. three learned matrices make query, key and value from each token's vector $x$:
#    $q = W_Q x$, $k = W_K x$, $v = W_V x$ (plus a bias, in GPT-2);
# 2. head $h$ takes coordinates $h d$ to $(h + 1) d$ of each;
# 3. the heads' outputs are put side by side again, and a last matrix mixes them.
#
# Same width, more than one look. And what does it cost?

# %%
layer = CausalSelfAttention(width=48, n_heads=4, context=10)
x = torch.randn(10, 48, generator=generator)


def split(x, n_heads):
    return torch.stack(x.chunk(n_heads, dim=-1))  # (n_heads, T, d)


with torch.no_grad():
    query, key, value = (split(part, 4) for part in layer.qkv(x).chunk(3, dim=-1))
    mixed, _ = attention(query, key, value, causal=True)
    by_hand = layer.projection(torch.cat(list(mixed), dim=-1))  # side by side, then mixed
    packaged = layer(x[None])[0]
expect("by hand against the package's layer", (by_hand - packaged).abs().max(), 0, within=1e-5)

# %%
my_probability = ...
guess = predict(
    "more-heads-more-parameters",
    "With width 48, eight heads need more parameters than one.",
    my_probability,
)

# %%
counts = {}
for n_heads in (1, 2, 4, 8):
    other = CausalSelfAttention(width=48, n_heads=n_heads, context=10)
    counts[n_heads] = sum(p.numel() for p in other.parameters())
guess.resolve(counts[8] > counts[1])
print(counts)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Exercise 3: cut the width into heads
#
# `chunk` and `stack` copy. Fast code only looks at the same memory in another shape, with `view`
# and `transpose`. It is also where the shape can be right and the contents wrong.


# %%
def my_split_heads(x, n_heads):
    """Return x (T, width) as (n_heads, T, d), where d = width / n_heads."""
    ...


exercises.split_heads.check(my_split_heads)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## The key-value cache
#
# A model writes one token after another. Does it have to read everything again for each? With a
# causal mask, no: a token's key and value depend on the past alone, so they never change again.
# Keep them. A new token then needs its own query, key and value, and one row of scores.
#
# We write 64 tokens with one head of width 64, both ways, and let PyTorch count the multiply-adds.

# %%
d = 64
W = torch.randn(d, 3 * d, generator=generator) / math.sqrt(d)
x = torch.randn(64, d, generator=generator)


def read_again(x):
    """The last token's output, from the vectors of all tokens so far."""
    query, key, value = (x @ W).chunk(3, dim=-1)
    return attention(query, key, value, causal=True)[0][-1:]


def read_one(x_new, cache):
    """The new token's output; cache holds the keys and values of those before it."""
    query, key, value = (x_new @ W).chunk(3, dim=-1)
    cache = tuple(torch.cat([old, new]) for old, new in zip(cache, (key, value), strict=True))
    return attention(query, *cache)[0], cache


# %% [markdown]
# Look at `read_one`: there is no mask. Whatever is in the cache is the past, and the newest token
# may see all of it. (PyTorch's `is_causal=True` would take the single query for the *first* token.)

# %%
my_probability = ...
guess = predict(
    "cache-saves",
    "Without the cache, 64 tokens take more than 60 times the multiply-adds.",
    my_probability,
)

# %%
lengths = [1, 2, 4, 8, 16, 32, 64]
counted = {"read everything again": [], "key-value cache": []}
cache, again, cached, total = (torch.empty(0, d), torch.empty(0, d)), [], [], [0, 0]
for t in range(1, 65):
    with FlopCounterMode(display=False) as flops:
        again.append(read_again(x[:t]))
    total[0] += flops.get_total_flops() // 2  # it counts a multiply-add as two operations
    with FlopCounterMode(display=False) as flops:
        output, cache = read_one(x[t - 1 : t], cache)
    cached.append(output)
    total[1] += flops.get_total_flops() // 2
    if t in lengths:
        for name, so_far in zip(counted, total, strict=True):
            counted[name].append(so_far)

# %%
guess.resolve(total[0] > 60 * total[1])
expect("same outputs", (torch.cat(again) - torch.cat(cached)).abs().max(), 0, within=1e-5)
by_formula = [
    sum(3 * d * d * t + 2 * d * t * t for t in range(1, 65)),
    sum(3 * d * d + 2 * d * t for t in range(1, 65)),
]
expect("multiply-adds without a cache, as by formula", total[0] == by_formula[0], True)
expect("multiply-adds with the cache, as by formula", total[1] == by_formula[1], True)
expect("how many times more without, 64 tokens", total[0] / total[1], 35, within=0.5)

# %%
plots.show(figures.multiply_add_curves(lengths, counted, "Writing with and without a cache"))

# %% [markdown]
# Writing token $t$ costs $3 d^2 t + 2 d t^2$ without a cache and $3 d^2 + 2 d t$ with it: $t$ times
# less at step $t$, so about half of 64 times less in all. Queries are not kept: a past token's
# query has been answered and is never asked again.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Exercise 4: one step with a cache


# %%
def my_cached_step(query, key, value, keys, values):
    """Return the output (1, e) of a new token.

    Its query and key are (1, d), its value (1, e); the cache has keys (S, d) and
    values (S, e).
    """
    ...


exercises.cached_step.check(my_cached_step)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Inside a real model
#
# SmolLM2 has 30 layers of 9 heads, each of width 64. (Three heads share one key and one value,
# which makes its cache three times smaller: *grouped queries*. Each still has its own weights.) Its
# fast code never holds the weights, so we ask for the plain one, called "eager", and set it back.


# %%
def read_weights(ids):
    """Weights (layers, heads, T, T), logits (T, V) and cache of one text, ids (1, T)."""
    fast = lm.model.config._attn_implementation
    lm.model.set_attn_implementation("eager")
    with torch.inference_mode():
        out = lm.model(ids.to(lm.device), output_attentions=True, use_cache=True)
    lm.model.set_attn_implementation(fast)
    return torch.cat(out.attentions).cpu(), out.logits[0].cpu(), out.past_key_values


text = "The cat sat on the mat because it was tired, and the dog looked at it."
ids = lm.tokenizer(text, return_tensors="pt").input_ids
tokens = [lm.tokenizer.decode([i]) for i in ids[0]]
weights, logits, cache = read_weights(ids)
print(f"(layers, heads, queries, keys) = {tuple(weights.shape)}")
expect("every row of every head sums to one", (weights.sum(-1) - 1).abs().max(), 0, within=1e-4)
expect("largest weight on the future", weights.triu(diagonal=1).max(), 0)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Its cache, in numbers
#
# Feed the same text one token at a time, with the library's cache: the model reads 18 tokens in
# all. Starting again each time it would read $1 + 2 + \dots + 18 = 171$.

# %%
past, n_read = None, 0
with torch.inference_mode():
    for new in ids.to(lm.device).split(1, dim=1):
        out = lm.model(new, past_key_values=past, use_cache=True)
        past, n_read = out.past_key_values, n_read + new.shape[1]

difference = (out.logits[0, -1].cpu() - logits[-1]).abs().max()
expect("largest difference of the last logits", difference, 0, within=1e-3)
expect("tokens read", n_read, 18)
n_bytes = sum(layer.keys.nbytes + layer.values.nbytes for layer in past.layers)
expect("bytes of cache for each token, in float32", n_bytes / 18, 2 * 30 * 3 * 64 * 4)

# %% [markdown]
# Two (key and value) times 30 layers times 3 shared heads times 64 numbers times 4 bytes: 46 kB a
# token. The price of speed is memory, and it grows with the text.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### One map
#
# Layers and heads are counted from 0. Before you read on: what does this head seem to be after?

# %%
layer, head = 13, 8
plots.show(
    figures.attention_map(weights[layer, head], tokens, f"SmolLM2, layer {layer}, head {head}")
)

# %% [markdown]
# Everything above the diagonal is white: the mask. Below it, " sat", " on", " it" and " tired" look
# at " cat", and " looked" at " dog". A head that asks "who is this about?", it seems (though " was"
# looks at " mat"). We shall put that reading to the test.
#
# **Modify:** put another layer and head into the cell and run it again. Which column do most heads
# share?

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Why do so many look at "The"?
#
# **Predict first.** Take all 270 heads and all tokens from the fifth on. If a token spread its
# weight evenly over what it may see, the first token would get 0.10 on average.

# %%
my_probability = ...
guess = predict(
    "attention-sink",
    "Averaged over all heads, the first token gets more than 0.3 of the weight.",
    my_probability,
)

# %%
on_first = weights[:, :, 4:, 0].mean(dim=-1)  # (layers, heads)
guess.resolve(on_first.mean().item() > 0.3)
even = sum(1 / (t + 1) for t in range(4, 18)) / 14
print(f"if spread evenly: {even:.2f}")
expect("weight on the first token, all heads", on_first.mean(), 0.465, within=0.01)
expect("heads of 270 that put more than half there", (on_first > 0.5).sum(), 102, within=3)

# %%
plots.show(figures.head_grid(on_first, "weight on the first token", "Where the sinks are"))

# %% [markdown] slideshow={"slide_type": "slide"}
# ### A place to put weight that does nothing
#
# "The" is no important word. Try another first token: the sink stays at the first *place*. And look
# at what it hands over: the length of its value vectors, against those of the other tokens.

# %%
for first in (" dog", " three", "\n"):
    other = ids.clone()
    [other[0, 0]] = lm.tokenizer(first).input_ids  # each of the three is one token
    print(f"first token {first!r:8}: {read_weights(other)[0][:, :, 4:, 0].mean():.2f}")

length = torch.stack([layer.values[0].norm(dim=-1).cpu() for layer in cache.layers])  # (L, 3, T)
shrunk = length[:, :, 0].mean() / length[:, :, 1:].mean()
expect("length of the first token's values against the others'", shrunk, 0.28, within=0.03)

# %% [markdown]
# Its values are less than a third as long as those of other tokens. A head that finds nothing must
# still spend a weight of one; the model learned to park it where it adds little. Xiao et al. (2024)
# call this an **attention sink**. So a large weight need not mean a large contribution: what is
# summed is weight *times value*.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Finding a head by measurement
#
# With 270 maps, looking is hopeless; measure. Which head looks most steadily at the previous token?
#
# ### Exercise 5: find it


# %%
def my_previous_token_head(weights):
    """Return (layer, head) with the largest mean weight on the previous token.

    weights is (layers, heads, T, T); the first token has no previous one.
    """
    ...


exercises.find_previous_token_head.check(my_previous_token_head)

# %%
on_previous = weights.diagonal(-1, -2, -1).mean(dim=-1)  # (layers, heads)
for i in on_previous.flatten().topk(4).indices.tolist():
    layer, head = divmod(i, 9)
    print(f"layer {layer:2}, head {head}: {on_previous[layer, head]:.2f}")
expect("weight on the previous token, layer 16, head 0", on_previous[16, 0], 0.75, within=0.02)

# %%
plots.show(
    figures.attention_map(weights[16, 0], tokens, "Layer 16, head 0:\nthe token before", marked=7)
)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## A map is a hint; silence is an experiment
#
# What is such a head good for? Take it away and see. Inside `with silenced(heads)`, the output of
# chosen heads is set to zero before they are mixed.


# %%
@contextmanager
def silenced(heads):
    """Silence some heads, pairs (layer, head), of SmolLM2."""

    def silencer(head):
        def silence(module, inputs):
            mixed = inputs[0].clone()  # the heads' outputs, side by side
            mixed[..., 64 * head : 64 * (head + 1)] = 0
            return (mixed,)

        return silence

    layers = lm.model.model.layers
    hooks = [layers[i].self_attn.o_proj.register_forward_pre_hook(silencer(h)) for i, h in heads]
    yield
    for hook in hooks:
        hook.remove()


def logits_without(heads, ids):
    """Logits (B, T, V) of ids (B, T) with some heads silenced."""
    with silenced(heads), torch.inference_mode():
        return lm.model(ids.to(lm.device)).logits.cpu()


# %% [markdown] slideshow={"slide_type": "slide"}
# ### Remembering what came next
#
# Four lists of 25 random tokens, each followed by the same 25 again. No grammar helps, but the
# second time the model could know: *last time, this token was followed by that one*. The loss is
# the mean of $-\ln p$ of the token that came, in nats; guessing among all 49,152 tokens evenly
# costs 10.8.

# %%
generator = torch.Generator().manual_seed(0)
once = torch.randint(1000, 20000, (4, 25), generator=generator)
twice = torch.cat([once, once], dim=1)


def losses(heads=()):
    """Mean loss on the first and on the second copy of each list, in nats a token: (4,), (4,)."""
    log_probs = logits_without(heads, twice)[:, :-1].log_softmax(dim=-1)
    loss = -log_probs.gather(-1, twice[:, 1:, None])[..., 0]
    return loss[:, :24].mean(dim=1), loss[:, 25:].mean(dim=1)


my_probability = ...
guess = predict(
    "second-copy-easier",
    "On the second copy the loss is less than half of that on the first.",
    my_probability,
)

# %%
first_copy, second_copy = losses()
guess.resolve(bool((second_copy < first_copy / 2).all()))
best = logits_without([], twice)[:, 25:-1].argmax(dim=-1)
hits = (best == twice[:, 26:]).double().mean(dim=1)
print("best guess right on the second copy:", [f"{share:.1f}" for share in hits.tolist()])
expect("loss on the first copy, mean of four lists", first_copy.mean(), 13.5, within=0.5)
expect("loss on the second copy, mean", second_copy.mean(), 2.3, within=0.3)
expect("best guess right on the second copy, mean", hits.mean(), 0.76, within=0.06)

# %% [markdown]
# On the first copy it does worse than an even guess (it is no text it expects); on the second its
# best guess is right for three tokens in four, after one reading, with no training. Which heads do
# it? An **induction head** (Olsson et al. 2022) looks at the token that *followed* the earlier
# copy, 24 places back.


# %%
def on_follower(heads=()):
    """Each head's mean weight on the follower, with some silenced: (4 lists, layers, heads)."""
    with silenced(heads):
        weights = torch.stack([read_weights(row[None])[0] for row in twice])
    return weights.diagonal(-24, -2, -1)[..., 1:].mean(dim=-1)


follower = on_follower()
for i in follower.mean(dim=0).flatten().topk(4).indices.tolist():
    layer, head = divmod(i, 9)
    print(f"layer {layer}, head {head}: {follower[:, layer, head].mean():.1f} on the follower")

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Who is needed?
#
# To find "the token after the earlier copy", some earlier layer must have told each token who stood
# before it. Our head of layer 16 sits just below layers 17 and 18. Coincidence?
#
# **Predict first:** silence this *one* head of 270.

# %%
my_probability = ...
guess = predict(
    "previous-token-head-matters",
    "Without head 0 of layer 16, the loss on the second copy more than doubles.",
    my_probability,
)

# %%
groups = {
    "nobody": [],
    "the previous-token head (16, 0)": [(16, 0)],
    "the four induction heads": [(18, 6), (17, 5), (17, 3), (17, 4)],
    "four others of the same layers": [(18, 0), (17, 0), (17, 1), (17, 2)],
}
print(f"{'silenced':34}{'first copy':>11}{'second copy':>13}")
for name, heads in groups.items():
    loss_1, loss_2 = losses(heads)
    print(f"{name:34}{loss_1.mean():>11.0f}{loss_2.mean():>13.0f}")

# %%
without = losses([(16, 0)])[1]
guess.resolve(bool((without > 2 * second_copy).all()))
expect("loss on the second copy without (16, 0), mean", without.mean(), 6.6, within=0.4)
expect("the same, smallest of the four lists", without.min(), at_least=5)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### All 270
#
# We chose this head by its map. How special is it among *all* heads? Silence each in turn, on two
# new lists of 16 tokens: 270 experiments. (`losses_without_each_head` reads the layers below a
# silenced head only once, which halves the work.)
#
# **Predict first:** the ten worst of the 270 will be tried again, on eight lists more.

# %%
my_probability = ...
guess = predict(
    "worst-heads-again",
    "Each of the ten worst heads costs at least half as much on the new lists as on the first.",
    my_probability,
)


# %%
def two_copies(n_lists, seed):
    """Lists of 16 random tokens, each twice (n_lists, 32)."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(1000, 20000, (n_lists, 16), generator=generator).repeat(1, 2)


def loss_of_second(heads, ids):
    """Mean loss on the second copy of each list from its second token on (N,)."""
    logits = logits_without(heads, ids)[:, 16:-1]
    return F.cross_entropy(logits.mT, ids[:, 17:], reduction="none").mean(dim=1)


screened = two_copies(2, seed=1)
costs = llm.losses_without_each_head(lm, screened, start=17) - loss_of_second([], screened)
costs = costs.mean(dim=-1)  # (layers, heads)
worst = [divmod(i, 9) for i in costs.flatten().topk(10).indices.tolist()]
expect("median cost of a head, in nats a token", costs.median(), 0, within=0.1)
expect("heads of 270 that cost more than 1 nat", (costs > 1).sum(), at_most=12)
expect("neighbours of (16, 0), most", costs[16, 1:].max(), at_most=0.5)

# %% [markdown] slideshow={"slide_type": "subslide"}
# The largest of 270 numbers are large by luck, too: hence the new lists. Ten questions are asked at
# once, each with a chance of a false yes. Intervals that shall hold all ten with 95 % must each hold
# with $1 - 0.05 / 10$ = 99.5 % (Bonferroni).

# %%
fresh = two_copies(8, seed=2)
whole, again = loss_of_second([], fresh), {}
print("head     two lists   eight new lists: cost, nats a token")
for layer, head in worst:
    more = loss_of_second([(layer, head)], fresh) - whole
    again[layer, head] = cal.bootstrap_interval(torch.mean, more, level=0.995, method="t")
    print(f"{(layer, head)!s:9}{costs[layer, head]:>9.1f}   {again[layer, head]:.1f}")
guess.resolve(all(cost.estimate > costs[head] / 2 for head, cost in again.items()))
expect("(16, 0) on new lists, lower end", again[16, 0].low, at_least=2)
expect("heads of ten whose interval holds 0", sum(c.low < 0 for c in again.values()), 6, within=2)

# %% [markdown]
# Head (16, 0) is the worst of all 270 on the first lists, and again on the new ones. But of the ten
# that looked so needed, six may cost nothing: (0, 2) seemed nearly as bad as (16, 0), and on new
# lists next to nothing is left of it. **Whoever searches among many must try again on new data.**
# (With other lists to begin with it was six again, or one; (16, 0) was the worst each time.) Four
# stay: ours, two of the induction heads, and (1, 3), far below. Some of the others, such as (1, 4),
# cost much on some lists and little on others; eight lists are too few for them.
#
# So the head is *needed*. Being needed says nothing of what for.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Needed for what?
#
# The idea: head (16, 0) writes "I came after ..." into each token, and the induction heads *search*
# for it. Then without (16, 0) they should no longer find the follower. That can be measured:
# silence one head, and read where the other four look.

# %%
induction = groups["the four induction heads"]
found = {}
print(f"{'weight on the follower, silenced':34}" + "".join(f"{head!s:>9}" for head in induction))
for name, heads in {
    "nobody": [],
    "(16, 0)": [(16, 0)],
    "(16, 1)": [(16, 1)],
    "(1, 3)": [(1, 3)],
}.items():
    now = on_follower(heads)
    found[name] = torch.stack([now[:, layer, head] for layer, head in induction], dim=1)
    print(f"{name:34}" + "".join(f"{weight:>9.1f}" for weight in found[name].mean(dim=0)))

expect("nobody silenced, least of 4 heads and 4 lists", found["nobody"].min(), at_least=0.65)
expect("without (16, 0), the three of layer 17, most", found["(16, 0)"][:, 1:].max(), at_most=0.12)
expect("without (16, 0), head (18, 6), most", found["(16, 0)"][:, 0].max(), at_most=0.45)
expect("without (16, 1), least", found["(16, 1)"].min(), at_least=0.65)

# %% [markdown]
# Without (16, 0) the three induction heads of layer 17 lose the follower altogether, and (18, 6)
# two thirds of its weight on it; its neighbour makes no difference. So they do depend on what (16,
# 0) writes. (Head (1, 3), far below, weakens the search without ending it.) The maps suggested a
# connection, the first experiment showed need, and only the second showed **what for**.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Exercise 6: an induction score
#
# A list repeats after `period` tokens. From row `period` on, the token has stood in the text
# before; how much weight goes, on average, to the token that *followed* it then?


# %%
def my_induction_score(weights, period):
    """Return the mean weight (T, T) on the follower, over rows `period` to T - 1."""
    ...


exercises.induction_score.check(my_induction_score)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Watch them grow
#
# Where does such a pair of heads come from? Train the smallest model that could have one: two
# layers of one head each, nothing but attention, 16 words, lists of 24 that repeat after 6 to 12.
# The period varies, so no *distance* to look back is right for all: the model must find the place
# by what stands there. Five models learn side by side, each with its own weights and lists: the
# first axis is the seed.

# %%
SEEDS, WORDS, LENGTH, WIDTH = 5, 16, 24, 32
place = torch.arange(LENGTH)
turn = rotary_angles(LENGTH, WIDTH)


def repeating(generator, n=32):
    """Lists (SEEDS, n, LENGTH) and after how many tokens each repeats (SEEDS, n, 1)."""
    ids = torch.randint(WORDS, (SEEDS, n, LENGTH), generator=generator)
    period = torch.randint(6, 13, (SEEDS, n, 1), generator=generator)
    return ids.gather(-1, place % period), period


def newborn(n_layers, generator):
    """The matrices of a model, for all seeds: (SEEDS, rows, columns)."""
    shapes = {"embed": (WORDS, WIDTH), "unembed": (WIDTH, WORDS)}
    shapes |= {f"{name}{i}": (WIDTH, WIDTH) for i in range(n_layers) for name in "qkvo"}
    part = {n: torch.randn(SEEDS, *shape, generator=generator) for n, shape in shapes.items()}
    scale = {name: 1 if name == "embed" else 1 / math.sqrt(WIDTH) for name in part}
    return {name: (scale[name] * matrix).requires_grad_() for name, matrix in part.items()}


# %% [markdown] slideshow={"slide_type": "subslide"}
# The whole model: `attention` from above, with the rotary positions of notebook 02, and what each
# layer finds is *added* to the token's vector.


# %%
def read(part, ids, silent=()):
    """Logits (SEEDS, n, T, WORDS), and the weights of each layer (SEEDS, n, T, T)."""
    x, looks = part["embed"][torch.arange(SEEDS)[:, None, None], ids], []
    for i in range((len(part) - 2) // 4):
        query, key, value = (x @ part[f"{name}{i}"][:, None] for name in "qkv")
        query, key = apply_rotary(query, *turn), apply_rotary(key, *turn)
        mixed, look = attention(query, key, value, causal=True)
        x = x + (i not in silent) * mixed @ part[f"o{i}"][:, None]
        looks.append(look)
    return x @ part["unembed"][:, None], looks


def scores(part, generator, silent=()):
    """Of each seed (3, SEEDS): loss where the list repeats, previous-token and induction score."""
    ids, period = repeating(generator)
    with torch.no_grad():
        logits, looks = read(part, ids, silent)
    loss = F.cross_entropy(logits[..., :-1, :].movedim(-1, 1), ids[..., 1:], reduction="none")
    known = (place[:-1] >= period).double()  # the next token has been seen
    follower = (place[:-1] + 1 - period).clamp(min=0)[..., None]
    induction = looks[-1][..., :-1, :].gather(-1, follower.expand(-1, -1, LENGTH - 1, 1))[..., 0]
    previous = looks[0].diagonal(-1, -2, -1).mean(dim=(1, 2))
    over = [(each * known).sum(dim=(1, 2)) / known.sum(dim=(1, 2)) for each in (loss, induction)]
    return torch.stack([over[0], previous, over[1]])


# %% [markdown]
# **Predict first.** Will the loss fall evenly, or in a fall?

# %%
my_probability = ...
guess = predict(
    "one-fall",
    "Of what the loss falls between steps 40 and 400, more than half falls within 80 steps.",
    my_probability,
)


# %%
def grow(n_layers, steps=400, every=10, seed=0):
    """Train; return the matrices, and `scores` every ten steps (K, 3, SEEDS)."""
    generator = torch.Generator().manual_seed(seed)
    part, history = newborn(n_layers, generator), []
    optimizer = torch.optim.AdamW(part.values(), lr=1e-2)
    for step in range(steps + 1):
        if step % every == 0:
            history.append(scores(part, torch.Generator().manual_seed(1000 + step)))
        ids, _ = repeating(generator)
        logits, _ = read(part, ids)
        loss = F.cross_entropy(logits[..., :-1, :].flatten(0, 2), ids[..., 1:].flatten())
        optimizer.zero_grad()
        (SEEDS * loss).backward()  # each seed its own mean
        optimizer.step()
    return part, torch.stack(history)


n_threads = torch.get_num_threads()
torch.set_num_threads(1)
two_layers, course_of_two = grow(2)
one_layer, course_of_one = grow(1)
torch.set_num_threads(n_threads)

# %%
plots.show(
    figures.phase_change(
        list(range(0, 401, 10)),
        {"two layers": course_of_two[:, 0], "one layer": course_of_one[:, 0]},
        {
            "layer 0 of two, the previous token": course_of_two[:, 1],
            "layer 1 of two, the follower": course_of_two[:, 2],
            "one layer, the follower": course_of_one[:, 2],
        },
        "Five models learn to copy",
    )
)

# %%
loss = course_of_two[:, 0].mean(dim=1)  # every ten steps
fall = (loss[4:-8] - loss[12:]).max() / (loss[4] - loss[-1])
guess.resolve(bool(fall > 0.5))
print(f"share of that fall within the best 80 steps: {fall:.2f}")
for name, course in {"two layers": course_of_two, "one layer": course_of_one}.items():
    end = cal.bootstrap_interval(torch.mean, course[-1, 0], method="t")
    print(f"{name}, loss in the end, mean of five seeds: {end:.1f}")
expect("one layer, step 400, lowest loss of five", course_of_one[-1, 0].min(), at_least=1.8)
expect("two layers, step 400, highest loss of five", course_of_two[-1, 0].max(), at_most=1.4)
expect("two layers, the follower, least of five", course_of_two[-1, 2].min(), at_least=0.35)
expect("one layer, the follower, most of five", course_of_one[-1, 2].max(), at_most=0.22)

# %% [markdown]
# At first the models learn which words there are. Then, within some 80 steps, the loss falls, and
# both scores rise *together*: the head of layer 0 turns to the previous token, the head of layer
# 1 to the follower. Neither is of use without the other. Olsson et al. (2022) saw such a fall in
# language models of many sizes, and called it a *phase change*.
#
# **One layer never finds the follower**: it ends at 2.2 nats, which is an even guess among nine
# words. To match "this token came after *that* one", some layer must have written down what came
# before, and there is no layer below.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### The same experiment on the small pair
#
# Silence layer 0, and read where layer 1 looks: what SmolLM2 showed, in a model of which we know
# every number.

# %%
test = {
    name: scores(two_layers, torch.Generator().manual_seed(5), silent)
    for name, silent in {"nobody": (), "layer 0": (0,), "layer 1": (1,)}.items()
}
for name, (loss, _, induction) in test.items():
    print(
        f"silenced {name:8} loss {loss.mean():.1f}, weight on the follower {induction.mean():.2f}"
    )
expect("nobody, weight on the follower, least of five", test["nobody"][2].min(), at_least=0.35)
expect("without layer 0, most of five", test["layer 0"][2].max(), at_most=0.2)

# %% [markdown]
# Without layer 0, layer 1 no longer finds the follower, as in SmolLM2. The pair was not designed:
# gradient descent found it, in all five models.
#
# **Modify:** let all lists repeat after exactly 8 tokens. Does one layer manage now? Why?

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Attention is not explanation
#
# Back to the cat. In layer 13, head 8, " it" puts 0.80 of its weight on " cat". It is tempting to
# say: *the model has understood that the tired one is the cat*. Test it: write "soft" in place of
# "tired". Now "it" is the mat.
#
# **Predict first.**

# %%
my_probability = ...
guess = predict(
    "it-looks-at-cat",
    "With 'soft', this head puts less weight from ' it' on ' cat' than with 'tired'.",
    my_probability,
)

# %%
soft = lm.tokenizer(text.replace("tired", "soft"), return_tensors="pt").input_ids
it, cat = tokens.index(" it"), tokens.index(" cat")
with_soft = read_weights(soft)[0][13, 8, it, cat]
guess.resolve(bool(with_soft < weights[13, 8, it, cat] - 1e-3))
expect("weight of ' it' on ' cat', tired", weights[13, 8, it, cat], 0.80, within=0.02)
expect("the same weight, soft: difference", with_soft - weights[13, 8, it, cat], 0, within=1e-4)

# %% [markdown]
# Not a digit moves, and none can: at " it" the model has not read on. The causal mask makes the
# beautiful explanation impossible, and the map alone would never have told you.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Large weight, large effect?
#
# Silence one head, and measure how much the prediction right after " it" changes: the KL divergence
# $\sum_v p_v \ln (p_v / p'_v)$ in nats, from the probabilities $p$ of the whole model to $p'$
# without the head. Three of the 270 heads, chosen to make a point:

# %%
log_p = logits[it].log_softmax(dim=-1)
effect = {}
print("head        weight on ' cat'   change of the prediction (nats)")
for head in [(13, 8), (9, 2), (1, 3)]:
    log_q = logits_without([head], ids)[0, it].log_softmax(dim=-1)
    effect[head] = (log_p.exp() * (log_p - log_q)).sum().item()
    print(f"{head!s:10}{weights[head][it, cat]:>18.2f}{effect[head]:>34.2f}")
expect("the head that hardly looks matters more", effect[1, 3] > 5 * effect[13, 8], True)

# %% [markdown]
# Head (9, 2) puts nearly half its weight on " cat" and changes nothing. Head (1, 3) hardly looks
# there and changes most. Jain and Wallace (2019) found that very different weights can give the
# same prediction, and concluded that attention is *not explanation*; Wiegreffe and Pinter (2019)
# answered that it depends on what one asks of an explanation, and gave tests. Our rule: **a map is
# where to look, an intervention is what to believe.** And even that with care: a silenced head puts
# the model in a state it never met in training, and other heads may stand in for it.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Exercise 7: what may you conclude?

# %%
exercises.what_a_map_shows.ask()
exercises.what_a_map_shows.check(...)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Try it: walk through the heads
#
# Run the next cell, then pick a layer, a head and a token. Can you find a head in which tokens look
# at themselves? One in which the comma matters? Is there a layer without a sink? (The map above,
# with a framed row, is the same figure.)

# %% tags=["nbval-ignore-output"]

widget.attention_explorer(weights, tokens, layer=13, head=8, token=it)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## What you learned
#
# - Attention is a weighted sum of values; the weights come from query times key, are positive, and
#   sum to one.
# - Dot products grow with the square root of d; dividing by it keeps the softmax from deciding
#   before it has learned.
# - Mask before the softmax; test a mask by changing the future and comparing the past.
# - Heads cost no parameters, only slices; a cache makes writing cheap in operations, and costs
#   memory.
# - In SmolLM2 almost half of all weight was parked on the first token of our sentence; one head
#   that looks one place back is needed to repeat a list, and without it the induction heads do not
#   find the place.
# - Two layers of attention learn to copy a list in a few hundred steps, most of it in a short
#   fall in which both heads form; one layer does not.
#
# ## Common misconceptions
#
# - *"A large weight means an important word."* The first token has the largest weights and the
#   shortest values.
# - *"The weights explain the answer."* They say where a head read, not what the model did with it.
# - *"A mask may be applied anywhere."* After the softmax it leaks the future through the
#   denominator.
# - *"More heads, more parameters."* The same matrices, cut differently.
# - *"A head can do any job if it is trained long enough."* Finding the follower took two heads, one
#   above the other.
# - *"The cache stores the answers."* It stores keys and values; every new token still looks at all.
#
# ## Further reading
#
# - A. Vaswani et al., *Attention is all you need*, NeurIPS 2017.
# - C. Olsson et al., *In-context learning and induction heads*, arXiv:2209.11895, 2022.
# - G. Xiao, Y. Tian, B. Chen, S. Han, M. Lewis, *Efficient streaming language models with attention
#   sinks*, ICLR 2024.
# - G. Kobayashi, T. Kuribayashi, S. Yokoi, K. Inui, *Attention is not only a weight: analyzing
#   transformers with vector norms*, EMNLP 2020.
# - S. Jain, B. C. Wallace, *Attention is not explanation*, NAACL 2019.
# - S. Wiegreffe, Y. Pinter, *Attention is not not explanation*, EMNLP-IJCNLP 2019.
# - J. Ainslie et al., *GQA: training generalized multi-query transformer models from multi-head
#   checkpoints*, EMNLP 2023.

# %% tags=["nbval-ignore-output"]
from coursekit.chapters import progress

progress()

# %% [markdown]
# **Next:** [04 The transformer](04_transformer.ipynb), where attention gets its partners: fully
# connected layers, norms and the residual stream.
