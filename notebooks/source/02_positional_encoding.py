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
# # 02 Positional encoding
#
# "The dog bites the man" and "the man bites the dog" have the same words. The difference is their
# order, and the heart of a language model, *attention*, looks at all tokens at once and knows no
# order. Somebody has to tell it. Here are four of the ways that are in use, built and measured:
# what each one can say, and what it does when a text is longer than any the model was trained on.
#
# **You will be able to**
# - show that attention without positions is blind to order, and when a causal mask helps;
# - build sinusoidal, rotary and ALiBi positions, and say what learned ones are;
# - prove that a rotary score depends on the distance of two tokens alone;
# - test which scheme survives beyond the trained length, and on which task;
# - measure, in a real model, what its positions do.
#
# **Time:** about 60 minutes; all cells together run in about one minute on two processor cores.
#
# **On the map:** Part I, a language model from scratch. Before it: tokens. After it: attention
# itself, of which this notebook needs only one line.

# %%
import math

import torch
from transformers.models.bloom.modeling_bloom import build_alibi_tensor
from transformers.models.llama.modeling_llama import apply_rotary_pos_emb

from coursekit import expect, llm, plots, predict
from coursekit.chapters.positional_encoding import exercises, figures, widget
from coursekit.lm import (
    GPT,
    GPTConfig,
    alibi_bias,
    alibi_slopes,
    apply_rotary,
    next_token_loss,
    rotary_angles,
    sinusoidal,
)

lm = llm.load()

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Before you start: three questions
#
# Answer from memory: replace each `...` by a letter in quotes. A wrong answer costs nothing and is
# explained.

# %%
exercises.what_encoding_replays.ask()
exercises.what_encoding_replays.check(...)

# %%
exercises.what_losses_compare.ask()
exercises.what_losses_compare.check(...)

# %%
exercises.what_fifty_percent_scores.ask()
exercises.what_fifty_percent_scores.check(...)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Attention is blind to order
#
# All of attention in one line (the next notebook takes it apart): each token is a vector, a row of
# $X$. Three matrices make a *query*, a *key* and a *value* of it. The dot product of a query with a
# key is a *score*; the softmax of a row of scores gives weights; and the output is the sum of the
# values with these weights:
#
# $$\mathrm{softmax}\!\left(\frac{(X W_q)(X W_k)^\top}{\sqrt d}\right) X W_v,
# \qquad d = \text{width of the queries.}$$

# %%
generator = torch.Generator().manual_seed(0)
vector = {word: torch.randn(16, generator=generator) for word in ("dog", "bites", "man")}
w_q, w_k, w_v = torch.randn(3, 16, 16, generator=generator) / 4


def attend(sentence):
    """The output for each word (T, 16); nothing says where a word stands."""
    x = torch.stack([vector[word] for word in sentence.split()])
    scores = (x @ w_q) @ (x @ w_k).T / math.sqrt(16)
    return scores.softmax(dim=-1) @ (x @ w_v)


# %% [markdown]
# **Predict first.** Will "dog" get another output in "dog bites man" than in "man bites dog"?
# Replace the `...` by a number from 0 to 1, or leave it.

# %%
my_probability = ...
guess = predict(
    "dog-bites-man",
    "Attention gives 'dog' another output in 'dog bites man' than in 'man bites dog'.",
    my_probability,
)

# %%
dog_first, dog_last = attend("dog bites man")[0], attend("man bites dog")[2]
largest = (dog_first - dog_last).abs().max()
guess.resolve(bool(largest > 1e-5))
expect("largest difference between the two outputs of 'dog'", largest, 0, within=1e-6)

# %% [markdown]
# Who bites whom is lost. The sum has the same terms in another order: shuffle the input of
# attention, and its output is shuffled alike.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Does a causal mask help?
#
# A language model that predicts the next token hides the future: each token sees only those before
# it. Then tokens do differ in *how many* they see. We take small GPTs with random weights and no
# positions at all, shuffle the first five tokens, and look at the prediction after the sixth.
#
# **Predict first:** with two layers, does the prediction still not notice?

# %%
my_probability = ...
guess = predict(
    "two-layers-blind",
    "A causal GPT with two layers and no positions gives the same prediction after a shuffle.",
    my_probability,
)


# %%
def change_after_shuffle(n_layers):
    """Largest change of a probability when the first five of six tokens are shuffled."""
    model = GPT(GPTConfig(20, 6, 16, n_layers, 2, positions="none"), generator.manual_seed(1))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(10 if parameter.ndim == 2 else 1)  # young weights hardly do anything
        probs = model(torch.tensor([[3, 1, 4, 1, 5, 9], [4, 3, 5, 1, 1, 9]]))[:, -1].softmax(-1)
    return (probs[0] - probs[1]).abs().max().item()


guess.resolve(change_after_shuffle(2) < 1e-5)
expect("one layer: change of the prediction", change_after_shuffle(1), 0, within=1e-6)
expect("two layers: change of the prediction", change_after_shuffle(2), at_least=0.01)

# %% [markdown]
# One layer is blind. In the second layer, what a token carries depends on which tokens it saw in
# the first, so some order leaks in through the mask. Language models without positions do learn
# to use it (Haviv et al. 2022); below we measure how far a small one gets. Everybody else states
# positions openly.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## First way: learn a table
#
# GPT-2 has a second embedding: a row of parameters for each *position*, added to the row of the
# token. Nothing could be simpler. What does the model know of positions that no training text
# reached? Its table has 64 rows here; it reads 16 tokens; then we ask which rows got a gradient.

# %%
model = GPT(GPTConfig(12, 64, 32, 1, 4, positions="learned"), generator.manual_seed(0))
ids = torch.randint(12, (8, 16), generator=generator)
next_token_loss(model(ids), ids).backward()

gradient = model.position_embedding.weight.grad
print(f"table of positions: {tuple(gradient.shape)}")
expect("rows that training with 16 tokens moves", (gradient.norm(dim=1) > 0).sum(), 16)

# %% [markdown]
# The other 48 rows stay what they were at the start: noise. And a 65th token has no row at all.
#
# **Modify:** read 40 tokens instead of 16, and run the cell again. Which of its lines complains?

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Second way: waves
#
# The first transformer (Vaswani et al. 2017) computed its table, for any length. Think of clocks:
# one hand turns fast, the next slower, the last hardly at all. Position $t$ is what all the hands
# show. Pair $i$ of a table of width $d$ holds the sine and cosine of one hand:
#
# $$p_{t,2i} = \sin(t\,\omega_i), \quad p_{t,2i+1} = \cos(t\,\omega_i), \qquad
# \omega_i = 10000^{-2i/d} \text{ radians a token.}$$
#
# Built number by number:

# %%
length, width = 128, 64
table = torch.zeros(length, width)
for t in range(length):
    for i in range(width // 2):
        frequency = 10000 ** (-2 * i / width)
        table[t, 2 * i] = math.sin(t * frequency)
        table[t, 2 * i + 1] = math.cos(t * frequency)

expect("difference to the package's", (table - sinusoidal(length, width)).abs().max(), 0, 1e-6)

# %% slideshow={"slide_type": "subslide"}
plots.show(
    figures.position_heatmap(table, "Sinusoidal positions: fast hands left, slow hands right")
)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Exercise 1: the table without loops


# %%
def my_sinusoidal(length, width):
    """Return the table (length, width); replace each ... below."""
    position = torch.arange(length)[:, None]
    exponent = ...
    angle = position / 10000**exponent
    return torch.stack((angle.sin(), ...), dim=-1).flatten(1)


exercises.sinusoidal_table.check(my_sinusoidal)

# %% [markdown]
# Stuck? Run `exercises.sinusoidal_table.hint()`, and in the end `.solution()`.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Why waves: the dot product knows the distance
#
# Compare positions $t$ and $s$ by their dot product. For each hand
# $\sin a \sin b + \cos a \cos b = \cos(a - b)$, so
#
# $$p_t \cdot p_s = \sum_i \cos\big((t - s)\,\omega_i\big).$$
#
# Only the *distance* $t - s$ is left. Two tokens side by side look alike wherever they stand.
#
# **Predict first:** does the dot product get smaller with every step of distance?

# %%
my_probability = ...
guess = predict(
    "dot-product-falls",
    "Up to distance 100, each further step makes the dot product of two positions smaller.",
    my_probability,
)

# %%
table = sinusoidal(512, 64)
products = table @ table.T
frequency = 10000.0 ** (-torch.arange(32) / 32)
by_formula = torch.stack([(n * frequency).cos().sum() for n in range(101)])

spread = max((products.diagonal(n).max() - products.diagonal(n).min()).item() for n in range(101))
expect("largest spread over all places, distances to 100", spread, 0, within=1e-4)
expect("difference to the formula", (products[0, :101] - by_formula).abs().max(), 0, within=1e-4)
guess.resolve(bool((by_formula.diff() < 0).all()))

# %%
plots.show(
    figures.products_by_distance(by_formula.tolist(), "Two sinusoidal positions of width 64")
)

# %%
expect("dot product of a position with itself", by_formula[0], 32)
expect("dot product at distance 30", by_formula[30], 17.1, within=0.1)
expect("dot product at distance 57", by_formula[57], 18.8, within=0.1)

# %% [markdown]
# The nearest positions are the most alike. Further out the number goes up and down: distance 57
# looks nearer than distance 30. It starts at 32, half the width, since $\sin^2 + \cos^2 = 1$ for
# each of 32 hands.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### A step is a matrix
#
# This is why the authors chose waves: moving $k$ tokens on turns each hand by the angle
# $k\,\omega_i$, wherever it stood. Turning is linear, so *one* matrix $M_k$ takes every position to
# the one $k$ tokens later:
#
# $$p_{t+k} = M_k \, p_t \quad \text{for every } t, \qquad
# M_k \text{ made of blocks } \begin{pmatrix} \cos k\omega_i & \sin k\omega_i \\ -\sin k\omega_i &
# \cos k\omega_i \end{pmatrix}.$$
#
# A layer could learn $M_{-1}$, "the token before", once and use it everywhere.


# %%
def step(k):
    """The matrix M_k (64, 64) that takes each position k tokens further."""
    cos, sin = (k * frequency).cos(), (k * frequency).sin()
    blocks = torch.stack((cos, sin, -sin, cos), dim=-1).view(32, 2, 2)
    return torch.block_diag(*blocks)


for k in (1, 7, 100):
    off = (table[k:] - table[:-k] @ step(k).T).abs().max()
    expect(f"{k} on, all places: largest difference", off, 0, within=1e-4)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### But attention does not compare $p$ with $p$
#
# Between the two stand the learned matrices: the score contains $p_t W_q W_k^\top p_s$. Take a
# random matrix in the middle, keep the distance at 4, and move the pair along the text.
#
# **Predict first:** is the product still the same everywhere?

# %%
my_probability = ...
guess = predict(
    "matrix-keeps-distance",
    "With a random matrix in the middle, the product still depends on the distance alone.",
    my_probability,
)

# %%
middle = torch.randn(64, 64, generator=generator.manual_seed(0)) / 8
bent = (table[4:] @ middle * table[:-4]).sum(dim=1)
for t in (4, 10, 20, 40):
    print(f"positions {t} and {t - 4}: plain {products[t, t - 4]:.1f}, bent {bent[t - 4]:.1f}")
expect(
    "spread of the plain product", products.diagonal(4).max() - products.diagonal(4).min(), 0, 1e-4
)
expect("spread of the bent product", bent.max() - bent.min(), at_least=10)
guess.resolve(bool(bent.max() - bent.min() < 1e-4))

# %% [markdown]
# The nice property is gone. A model *may* learn matrices that keep it, but nothing makes it. (And
# the token's own vector is in the same sum.) Could one put the positions where no matrix comes
# after them?

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Third way: turn
#
# *Rotary* positions (Su et al. 2021) are not added. After the matrices, each pair of coordinates of
# query and key is *turned*, like the hand of a clock, by its position times $\omega_i$. The dot
# product of two arrows depends on their lengths and the angle between them. Turn both by the same,
# and it stays.

# %%
query, key = torch.tensor([1.0, 0.2]), torch.tensor([0.7, 0.6])
plots.show(figures.turned_pairs(query, key, [(3, 1), (9, 7), (9, 1)], frequency=0.4))

# %% [markdown]
# Left and middle: other places, same distance, same score. Right: another distance, another score.
# The pale lines are the arrows before turning. As a formula, with $R_a$ for turning by the angle
# $a$:
#
# $$(R_{t\omega}\, q) \cdot (R_{s\omega}\, k) = q \cdot (R_{(s - t)\omega}\, k).$$
#
# **Proof.** A dot product is a matrix product, $(R_{t\omega} q) \cdot (R_{s\omega} k) = q^\top
# R_{t\omega}^\top R_{s\omega}\, k$. The transpose of a rotation turns back, $R_a^\top = R_{-a}$,
# and two turns add up, $R_{-t\omega} R_{s\omega} = R_{(s-t)\omega}$. A head's score is the sum over
# its pairs, so it depends on $s - t$ alone, too. (These are the blocks of $M_k$ from above, now
# where no learned matrix can come between them.)
#
# **Modify:** set the frequency to 0.8. Which two scores will stay equal, whatever you choose?

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Built: a rotation is a multiplication
#
# Read a pair as a complex number; then turning by an angle $a$ is multiplying by $e^{ia}$. We pair
# coordinate $i$ with $i + d/2$, as the `transformers` library does for Llama and SmolLM2. (The
# paper and Meta's own code of Llama pair neighbours: the same thing after reordering the
# coordinates, but weights that were trained with one order must be reordered for the other.)


# %%
def rotate(x, positions, base=10000.0):
    """Turn each pair of x (T, d) by its position (T,)."""
    half = x.shape[-1] // 2
    angle = positions[:, None] * base ** (-torch.arange(half) / half)
    pairs = torch.complex(*x.chunk(2, dim=-1)) * torch.exp(1j * angle)
    return torch.cat((pairs.real, pairs.imag), dim=-1)


# %% [markdown]
# **Check:** against the package, which multiplies out sine and cosine, and against `transformers`
# with the rotary module of SmolLM2 itself. Its base is 100,000 instead of 10,000.

# %%
base = lm.model.config.rope_parameters["rope_theta"]
x = torch.randn(100, 64, generator=generator.manual_seed(0))
ours = rotate(x, torch.arange(100), base)
packaged = apply_rotary(x, *rotary_angles(100, 64, base))

places = torch.arange(100, device=lm.device)[None]
cos, sin = lm.model.model.rotary_emb(x.to(lm.device), places)
theirs, _ = apply_rotary_pos_emb(x[None, None], x[None, None], cos.cpu(), sin.cpu())

expect("SmolLM2's base", base, 100_000)
expect("difference to the package", (ours - packaged).abs().max(), 0, within=1e-4)
expect("difference to transformers", (theirs[0, 0] - packaged).abs().max(), 0, within=1e-5)
expect("largest change of a length", (ours.norm(dim=1) - x.norm(dim=1)).abs().max(), 0, 1e-5)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### The property that the waves lost
#
# Now with random queries and keys that stand for $X W_q$ and $X W_k$, whatever the matrices were.
# Move a pair along the text; the score must not change.

# %%
q, k = torch.nn.functional.normalize(torch.randn(2, 64, generator=generator), dim=-1)
turned_q = rotate(q.expand(500, -1), torch.arange(500))
turned_k = rotate(k.expand(500, -1), torch.arange(500))
scores = turned_q @ turned_k.T

spreads = [(scores.diagonal(-n).max() - scores.diagonal(-n).min()).item() for n in range(400)]
expect("largest spread of a score, distances to 399", max(spreads), 0, within=1e-5)

# %% [markdown]
# **Modify:** turn only the queries (leave `rotate` out of `turned_k`), and the check fails. Why?

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Exercise 2: without complex numbers
#
# This is how it stands in every library. Half of it is there.


# %%
def my_rotate(x, angle):
    """Return x (T, d), each pair (i, i + d/2) turned by angle (T, d/2)."""
    first, second = x.chunk(2, dim=-1)
    cos, sin = angle.cos(), angle.sin()
    new_first = ...
    new_second = second * cos + first * sin
    return torch.cat((new_first, new_second), dim=-1)


exercises.rotate.check(my_rotate)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Exercise 3: what is turned?

# %%
exercises.what_is_turned.ask()
exercises.what_is_turned.check(...)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Fourth way: a price on distance
#
# ALiBi, *attention with linear biases* (Press et al. 2022), leaves the vectors alone. It subtracts
# from each score a price: the head's slope $m_h$ times the distance. Of 8 heads the first has slope
# 1/2, each next one half of that. (A fifth way stands between the two: T5 adds a *learned* number
# for each head and distance, far distances sharing one; Raffel et al. 2020 call it relative
# position bias. We do not build it.)

# %%
bias = alibi_bias(length=32, n_heads=8)
plots.show(figures.bias_heatmaps(bias, heads=[0, 3, 7]))

# %% [markdown] slideshow={"slide_type": "fragment"}
# With equal scores, a token at distance $n$ gets $e^{-m n}$ times the weight of the newest one: the
# weight halves every $\ln 2 / m$ tokens. Some heads are near-sighted, some far-sighted.

# %%
for head, slope in enumerate(alibi_slopes(8).tolist(), start=1):
    print(f"head {head}: slope 1/{1 / slope:<4.0f} halves every {math.log(2) / slope:6.1f} tokens")

# %% [markdown]
# **Check:** BLOOM, a model with ALiBi, *adds* slope times the key's position instead. Within a row
# the two differ by a constant, and a softmax does not see constants: the weights must be equal.

# %%
theirs = build_alibi_tensor(torch.ones(1, 32), num_heads=8, dtype=torch.float32)  # (8, 1, 32)
row = torch.randn(8, 32, generator=generator)  # scores of the last token in each head
ours, theirs = (row + bias[:, -1]).softmax(-1), (row + theirs[:, 0]).softmax(-1)
expect("largest difference of a weight", (ours - theirs).abs().max(), 0, within=1e-5)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Exercise 4: weights under ALiBi
#
# One query, the last token, looks at all `T` tokens, itself included.


# %%
def my_alibi_weights(scores, slopes):
    """Return weights (heads, T) from scores (heads, T) and slopes (heads,)."""
    ...


exercises.alibi_weights.check(my_alibi_weights)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Which one survives a longer text?
#
# Train on 16 tokens, test on 64. Two tasks on random tokens from 0 to 11; the answer is due at
# every position:
#
# - **two back**: name the token exactly two places earlier;
# - **latest small**: name the most recent token below 4 (it may be the token itself).
#
# The first needs an exact distance, the second a preference for the near.

# %%
IGNORED = -100  # positions without an answer: next_token_loss leaves them out


def two_back(ids):
    """The token two places earlier."""
    return torch.cat((torch.full_like(ids[:, :2], IGNORED), ids[:, :-2]), dim=1)


def latest_small(ids):
    """The most recent token below 4."""
    where = torch.arange(ids.shape[1]).where(ids < 4, -1).cummax(dim=1).values
    return ids.gather(1, where.clamp(min=0)).where(where >= 0, IGNORED)


print(ids := torch.tensor([[7, 2, 9, 1, 1, 8]]), two_back(ids), latest_small(ids), sep="\n")

# %% [markdown] slideshow={"slide_type": "slide"}
# ### The experiment
#
# One layer of width 32, so that only the scheme can know the order; 200 steps; three seeds each.
# All five get the same data, seed by seed.


# %%
def train(positions, task, seed, steps=200):
    """Train one layer on sequences of 16 tokens."""
    generator = torch.Generator().manual_seed(seed)
    config = GPTConfig(12, 64, 32, 1, 4, positions=positions, tie_weights=False)
    model = GPT(config, torch.Generator().manual_seed(seed))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, total_iters=steps)
    for _ in range(steps):
        ids = torch.randint(12, (32, 16), generator=generator)
        loss = next_token_loss(model(ids), task(ids))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return model


exam = torch.randint(12, (512, 64), generator=torch.Generator().manual_seed(100))


def accuracy(model, task):
    """The accuracy on longer texts, at each of 64 positions (64,)."""
    wanted = task(exam)
    with torch.no_grad():
        right = model(exam).argmax(dim=-1) == wanted
    return right.sum(dim=0) / (wanted != IGNORED).sum(dim=0)  # 0 / 0 = NaN where none is due


# %% [markdown]
# **Predict first.** Rotary scores know distances, not places. Will it do *two back* on longer
# texts?

# %%
my_probability = ...
guess = predict(
    "rotary-extrapolates",
    "Trained on 16 tokens, rotary is still right 90 % of the time at positions 48 to 63.",
    my_probability,
)

# %%
n_threads = torch.get_num_threads()
torch.set_num_threads(1)  # for models this small, a second thread only waits for the first
tasks = {"two back": two_back, "latest small": latest_small}
schemes = ("learned", "sinusoidal", "rotary", "alibi", "none")
models = {
    (name, scheme, seed): train(scheme, task, seed)
    for name, task in tasks.items()
    for scheme in schemes
    for seed in range(3)
}
results = {
    name: {
        scheme: torch.stack([accuracy(models[name, scheme, seed], task) for seed in range(3)])
        for scheme in schemes
    }
    for name, task in tasks.items()
}
guess.resolve(bool(results["two back"]["rotary"][:, 48:].mean() >= 0.9))

# %% [markdown] slideshow={"slide_type": "slide"}
# ### The picture
#
# Grey dashes: what is right without knowing any order. For *two back* that is 1/12. For *latest
# small* it is 1/2: in a third of the cases the token itself is small, and is the answer; else one
# guesses among four.

# %%
plots.show(
    figures.accuracy_by_position(
        results, trained=16, chance={"two back": 1 / 12, "latest small": 1 / 3 + 2 / 3 / 4}
    )
)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### What it shows

# %%
two, latest = results["two back"], results["latest small"]


def within(right, start, stop):
    """The accuracy of each seed over the positions from start to stop - 1 (S,)."""
    return right[:, start:stop].mean(dim=1)


print("Two back")
expect("learned, worst seed, 4 to 15", within(two["learned"], 4, 16).min(), at_least=0.95)
expect("learned, best seed, 20 to 63", within(two["learned"], 20, 64).max(), at_most=0.2)
expect("sinusoidal, best seed, 20 to 63", within(two["sinusoidal"], 20, 64).max(), at_most=0.2)
expect("rotary, worst seed, 16 to 37", within(two["rotary"], 16, 38).min(), at_least=0.9)
expect("rotary, best seed, 41 to 63", within(two["rotary"], 41, 64).max(), at_most=0.25)
expect("ALiBi, mean of seeds, 4 to 15", within(two["alibi"], 4, 16).mean(), 0.6, within=0.06)
expect("ALiBi, mean of seeds, 48 to 63", within(two["alibi"], 48, 64).mean(), 0.37, within=0.05)
expect("none, worst seed, 4 to 15", within(two["none"], 4, 16).min(), at_least=0.2)

# %%
print("Latest small")
expect("learned, best seed, 24 to 63", within(latest["learned"], 24, 64).max(), at_most=0.56)
expect("rotary, best seed, 48 to 63", within(latest["rotary"], 48, 64).max(), at_most=0.65)
expect("ALiBi, worst seed, 48 to 63", within(latest["alibi"], 48, 64).min(), at_least=0.88)
for scheme in ("learned", "rotary"):
    gain = within(latest["none"], 48, 64).mean() - within(latest[scheme], 48, 64).mean()
    expect(f"none, 48 to 63, better than {scheme} by", gain, at_least=0.02)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Two controls
#
# **Is it the far tokens that rotary stumbles over?** Change that and nothing else: let the same
# models read only the last 16 tokens before each answer.

# %%
windows = exam.unfold(1, 16, 1)  # (512, 49, 16): each ends at one of the positions 15 to 63
for seed in range(3):
    with torch.no_grad():
        last = models["two back", "rotary", seed](windows.reshape(-1, 16))[:, -1].argmax(dim=-1)
    right = (last.view(512, 49) == two_back(exam)[:, 15:]).double().mean(dim=0)
    expect(f"rotary, seed {seed}, last 16 tokens only: worst position", right.min(), at_least=0.95)

# %% [markdown]
# **Is ALiBi unable to say "two back", or not yet done learning?** Give it ten times the steps.

# %%
longer = torch.stack(
    [accuracy(train("alibi", two_back, seed, steps=2000), two_back) for seed in range(2)]
)
torch.set_num_threads(n_threads)
expect("2,000 steps, mean of two seeds, 4 to 15", within(longer, 4, 16).mean(), 0.8, within=0.05)
expect("2,000 steps, mean of two seeds, 48 to 63", within(longer, 48, 64).mean(), 0.43, within=0.06)

# %% [markdown]
# - **Learned** and **sinusoidal** break down within a few positions of the last one trained. The
#   table of waves can be *computed* for any position, but the model does not understand it. (On
#   *latest small* one seed of three comes back for a while near position 50: the band.)
# - **Rotary** is right up to position 38 on *two back*, and lost from 40 on, in all three seeds.
#   (How far it goes on is a matter of sizes: trained on 32 tokens, or with a width of 64, it is lost
#   before twice the trained length.) With the far tokens taken away it is right everywhere: it is their scores that go wrong. A text
#   of 64 tokens has *distances* of up to 63, and in training there were none above 15.
# - **ALiBi** had not learned "exactly two back" after 200 steps: 0.6. After 2,000 it is 0.8 (after
#   6,000, which takes too long here, 0.92). So one layer can say it, but slowly: no head alone
#   prefers distance two to distance one. And part of what it learned is
#   lost in longer texts. *Latest small*, for which nearness is enough, it does there as well.
# - **None** beats guessing: it can choose among the tokens it saw, but not by place. At the end of
#   *latest small* it is even ahead of learned and rotary: no positions can be better than positions
#   that the model misunderstands. (Not at every size: with a width of 64 rotary is ahead.)
#
# This is one layer, width 32, two toy tasks, 200 steps. It shows that *extrapolation depends on the
# scheme and on the task*, and that no scheme won both. It does not rank them for large models.
#
# **Modify:** give the models two layers (the 1 after 32 in `config`). Does *none* gain, as the
# leak through the causal mask promised?

# %% [markdown] slideshow={"slide_type": "slide"}
# ## A real model: SmolLM2
#
# SmolLM2 has 30 layers with rotary positions, base 100,000, heads of width 64, and its
# configuration names a context of 8,192 tokens. We can hand it any positions we like.

# %%
config = lm.model.config
print(f"context {config.max_position_embeddings:,}, base {base:,.0f}, width {config.head_dim}")

passages = {
    "boat": "A small boat left the harbour before sunrise. Its captain had counted nine lanterns "
    "along the pier, and each one went dark as the boat passed. Nobody on board asked why; they "
    "had been told to watch the water, not the shore.",
    "library": "The committee met twice in March to discuss the new library. Two members wanted a "
    "reading garden on the roof, three wanted more desks, and the architect, who had to pay for "
    "neither, said that both were possible.",
    "dough": "To make the dough, mix four cups of flour with a spoon of salt and a little warm "
    "water. Let it rest under a cloth for an hour, then roll it thin, cut it into squares, and "
    "bake them until the edges are brown.",
}
n = 44  # tokens of the shortest
ids = torch.tensor([lm.tokenizer(text).input_ids[:n] for text in passages.values()])


def losses(ids, positions):
    """Surprise at each token but the first (B, T - 1), in nats, with positions (T,)."""
    ids = ids.to(lm.device)
    positions = positions.to(lm.device).expand_as(ids)
    with torch.inference_mode():
        log_probs = lm.model(ids, position_ids=positions).logits[:, :-1].log_softmax(dim=-1)
    return -log_probs.gather(-1, ids[:, 1:, None]).squeeze(-1).cpu()


# %% [markdown]
# **Predict first.** Number the tokens from 1,000 instead of 0. Does the model get worse?

# %%
my_probability = ...
guess = predict(
    "start-at-thousand",
    "SmolLM2's loss on a passage changes by more than 0.05 nats if positions start at 1,000.",
    my_probability,
)

# %%
natural = torch.arange(n)
numberings = {
    "0, 1, 2, ...": natural,
    "1000, 1001, ...": natural + 1000,
    "0, 2, 4, ...": 2 * natural,
    "all 0": 0 * natural,
    "backwards": natural.flip(0),
    "shuffled": torch.randperm(n, generator=generator.manual_seed(2)),
}
loss = {name: losses(ids, positions).mean(dim=1) for name, positions in numberings.items()}
more = {name: values - loss["0, 1, 2, ..."] for name, values in loss.items()}  # of each passage
guess.resolve(bool(more["1000, 1001, ..."].abs().max() > 0.05))
print(f"{'nats a token more':20}" + "".join(f"{name:>9}" for name in passages))
for name, values in more.items():
    print(f"{name:20}" + "".join(f"{value:>9.1f}" for value in values.abs()))

# %%
expect("starting at 1,000, largest change", more["1000, 1001, ..."].abs().max(), 0, within=0.002)
expect("all positions 0, mean of the passages", more["all 0"].mean(), 1.43, within=0.15)
expect("shuffled, mean of the passages", more["shuffled"].mean(), 2.05, within=0.2)
orders = [torch.randperm(n, generator=generator.manual_seed(seed)) for seed in range(5)]
shuffled = torch.stack([losses(ids, order).mean(dim=1) for order in orders]) - loss["0, 1, 2, ..."]
worse = (shuffled > more["all 0"]).double().mean()
expect("share of 15 shuffles that cost more than all 0", worse, at_least=0.85)

# %% [markdown]
# The place does not matter at all, only distances do: the property that we proved for one score
# holds for the whole model. Stretched distances cost a little, no distances at all cost much
# more. In prose like ours a wrong *order* mostly costs even more than no positions, although the
# tokens were handed over in their natural order and the causal mask was as always. (On pages of a
# manual it may cost less.) But not every wrong order: a text numbered backwards is wrong in each
# sign, yet in two of the three passages it costs less than all zeros.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Exercise 5: slow hands
#
# Pair $i$ of 32 turns by $100000^{-2i/64}$ radians a token. How many of the 32 turn full circle at
# least once within the 8,192 tokens of the context?

# %%
my_full_turns = ...
exercises.full_turns.check(my_full_turns)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### How far can SmolLM2 reach back?
#
# A test of distance that needs no long text: give the model a passage twice, and skip some
# positions in between, as if there were a long silence. If it can look across the gap, the second
# copy costs next to nothing. We use our three passages, and three rows of random tokens that it
# cannot possibly guess.

# %%
gaps = [1, 30, 300, 1000, 2000, 3000, 4000, 5000, 6000, 7000, 8192, 16_000, 32_000]
rows = torch.randint(1000, 20_000, (3, n), generator=generator.manual_seed(0))
once = torch.cat((ids, rows))
twice = torch.cat((once, once), dim=1)

second = {}
for gap in gaps:
    positions = torch.cat((natural, natural + n + gap))
    second[gap] = losses(twice, positions)[:, n:].mean(dim=1)  # (6,): passages, then random rows
first = losses(once, natural).mean(dim=1)

# %%
table = torch.stack(list(second.values()))
lines = {name: table[:, i].tolist() for i, name in enumerate(passages)}
lines["random tokens"] = table[:, 3:].mean(dim=1).tolist()
title = "Copying across a gap"
plots.show(figures.loss_against_gap(gaps, lines, config.max_position_embeddings, title))

# %%
print("Passages, in nats a token")
expect("first reading, mean of three", first[:3].mean(), 3.72, within=0.1)
expect("second copy, gap 1, mean", second[1][:3].mean(), 0.25, within=0.05)
expect("second copy, gap 1,000, mean", second[1000][:3].mean(), 0.42, within=0.05)
expect("second copy, gap 4,000, worst of three", second[4000][:3].max(), at_most=0.8)
expect("second copy, gap 5,000, best of three", second[5000][:3].min(), at_most=0.8)
expect("second copy, gap 5,000, worst of three", second[5000][:3].max(), at_least=3)
expect("gap 7,000, second copy minus first, best", (second[7000] - first)[:3].min(), at_least=-0.5)

# %%
print("Random tokens, in nats a token")
expect("first reading, mean of three", first[3:].mean(), 13.4, within=0.3)
expect("even guess, ln V", math.log(len(lm.tokenizer)), 10.8, within=0.01)
expect("second copy, gap 1, mean", second[1][3:].mean(), 2.24, within=0.3)
expect("second copy, gap 3,000, mean", second[3000][3:].mean(), 3.2, within=0.4)
expect("second copy, gap 8,192, least of three", second[8192][3:].min(), at_least=11)

# %% [markdown]
# Up to 4,000 skipped positions all three passages are copied. (A jump of a thousand makes the copy
# dearer here, 0.42 nats after 0.25. That is these three: of ten others eight became cheaper.) Then
# the reach **depends on the passage**: at
# 5,000 one is copied as before and two are lost, at 6,000 these come partly back. At 7,000 all cost
# about as much as on first reading: the first copy is still in the input, token for token, and the
# model cannot use it. That is *inside* the 8,192 tokens that the configuration names, so the named
# context is not the cause. What is, we have not measured. (Jumps like ours are in no training text;
# and texts in which something 7,000 tokens back matters are rare.)
#
# Random tokens are harder, 2 nats where our passages cost a quarter of one, and a gap makes some
# rows much dearer and others not. (On first reading they cost 13.4 nats, *more* than the 10.8 of an even guess:
# the model expects English, and is sure of it.)
#
# So "relative" is not "unlimited". Rotary is indifferent to *places*; how far it reaches is an
# empirical matter. Our small model went on to more than twice the distances it was trained on, a
# wider one did not, and SmolLM2 stops before the length that its configuration names.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Try it: slide the distance, watch the score
#
# A query and the same vector as key, of width 64; the query stands at position 200, the key before
# it. On the left one pair of coordinates, on the right the score of the whole vectors. (A query and
# key alike: what a head does that looks for "a token such as me".)

# %% tags=["nbval-ignore-output"]

vector_64 = torch.randn(64, generator=generator.manual_seed(0))
plots.show(widget.rotary_view(vector_64, vector_64, position=200, distance=8))

# %% [markdown]
# Run the next cell, and move the sliders.
#
# - Slide *query at*. What changes on the left, and what never changes on the right?
# - Slide *pair* from 0 to 31. Which pairs can tell distance 1 from 2? Which 100 from 200?
# - Choose base 100, then 1,000,000. Why do models for long texts take a large base?

# %% tags=["nbval-ignore-output"]

widget.rotary_explorer(vector_64, vector_64)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## What you learned
#
# | scheme | where it acts | parameters | what it can say | beyond trained lengths (here) |
# | --- | --- | --- | --- | --- |
# | learned | added to tokens | one row a position | which place | failed at once |
# | sinusoidal | added to tokens | none | which place | failed at once |
# | rotary | turns queries and keys | none | which distance | went on to 38, failed from 40 (sizes matter) |
# | ALiBi | subtracted from scores | none | how near | held, where nearness is enough |
#
# - Attention without positions returns the same for every order. A causal mask tells later layers a
#   little.
# - The dot product of two sinusoidal positions depends on their distance alone, until a matrix
#   comes between them. Rotary turns after the matrices and so keeps the property.
# - SmolLM2 does not care where a text starts. How far it copies depends on the passage:
#   across 1,000 positions all, across 4,000 most, across 7,000 hardly any, though its configuration
#   says 8,192.
#
# ## Common misconceptions
#
# - *"The network will learn the order anyway."* One layer cannot: the input does not hold it. Deep
#   causal models can, in part.
# - *"Sinusoidal positions work at any length, because they have a formula."* The formula does; the
#   model that was trained on 16 of them does not.
# - *"Rotary changes what a token says."* It turns queries and keys, never values, and no length.
# - *"Rotary is relative, so length does not matter."* Places do not matter; large distances do.
# - *"A context of 8,192 tokens means that the model can use what stands 8,192 tokens back."* It
#   names the longest text that is meant to be read. Test how far it reaches.
# - *"A position code tells the model the absolute place."* Learned and sinusoidal tables do; rotary
#   and ALiBi tell distances only.
#
# ## Further reading
#
# - A. Vaswani et al., *Attention is all you need*, NeurIPS 2017, section 3.5.
# - J. Su et al., *RoFormer: enhanced transformer with rotary position embedding*, arXiv:2104.09864,
#   2021.
# - O. Press, N. A. Smith, M. Lewis, *Train short, test long: attention with linear biases enables
#   input length extrapolation*, ICLR 2022.
# - C. Raffel et al., *Exploring the limits of transfer learning with a unified text-to-text
#   transformer*, JMLR 2020 (T5; its relative position bias is in section 2.1).
# - A. Haviv, O. Ram, O. Press, P. Izsak, O. Levy, *Transformer language models without positional
#   encodings still learn positional information*, Findings of EMNLP 2022.
# - A. Kazemnejad et al., *The impact of positional encoding on length generalization in
#   transformers*, NeurIPS 2023.

# %% tags=["nbval-ignore-output"]
from coursekit.chapters import progress

progress()

# %% [markdown]
# **Next:** [03 Self-attention](03_self_attention.ipynb), where queries, keys and values come into
# their own.
