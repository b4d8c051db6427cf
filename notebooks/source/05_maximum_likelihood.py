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
# # 05 Maximum likelihood
#
# Our GPT is complete, and knows nothing. How does it learn? By one rule, a century old: *of
# all models, take the one under which the text that was written is most probable*. Here you follow
# this rule from a single probability to a trained GPT, on a language whose true probabilities are
# known. So you can see what no real text shows: the model's probabilities become the true ones.
#
# **You will be able to**
# - write down the likelihood of a text, and say why everybody works with its logarithm;
# - show that counting maximises it, and that gradient descent finds the same numbers;
# - derive the gradient, *stated minus what came*, and say what it makes calibrated and what not;
# - split a loss into entropy and divergence, and say where a perfect model's loss stops;
# - train a GPT until its probabilities are the true ones, to one hundredth of a nat;
# - recognise overfitting, and what it does to calibration; stop and resume a training exactly.
#
# **Time:** about 90 minutes; all cells together run in about a minute on two processor cores.
#
# **On the map:** Part I, a language model from scratch. Before it: the transformer. After it: text
# that the model writes.

# %%
import copy
import math
import os
import tempfile

import torch
import torch.nn.functional as F

from coursekit import calibration as cal, expect, plots, predict
from coursekit.chapters.maximum_likelihood import exercises, figures, widget
from coursekit.data import HiddenMarkovLanguage, reference_documents, split_documents, weather_diary

# %%
from coursekit.data.languages.weather import ACTIVITIES, ADJECTIVES, CLIMATE
from coursekit.lm import (
    GPT,
    Batches,
    ByteLevelBPE,
    GPTConfig,
    TrainingConfig,
    sequence_logits,
    train,
)

# For a model this small, one CPU core is the fastest: sharing the work costs more than the work.
# And it adds up numbers in one order only, so that two runs on one machine agree to the last bit.
torch.set_num_threads(1)
os.environ["ACCELERATE_USE_CPU"] = "true"  # `train` would take a GPU if there is one

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Before you start: three questions
#
# Answer from memory: replace each `...` by a letter in quotes. A wrong answer costs nothing and is
# explained.

# %%
exercises.what_a_newborn_loses.ask()
exercises.what_a_newborn_loses.check(...)

# %%
exercises.what_a_position_predicts.ask()
exercises.what_a_position_predicts.check(...)

# %%
exercises.what_rotary_knows.ask()
exercises.what_rotary_knows.check(...)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## A language whose truth is known
#
# In 1950 Glenn Brier, a meteorologist, asked how to score forecasts that state probabilities. We
# return to the weather: the **weather diary** is a small language made for this course. Each day
# somebody writes a sentence about the weather.

# %%
diary = weather_diary()
test = diary.sample(200, seed=1)  # 200 diaries of 64 words, for all that follows
for day in diary.tokenizer.decode(test[0, :48]).split(" . "):
    print(day.strip(" ."))
print(f"\n{diary.vocab_size} words in the language")

# %% [markdown]
# Today's weather tends to be yesterday's. Behind it there is a season, which the diary never names.
# Because we know the rules by which it is written, we can compute the **true probability** of every
# next word, given all words before. (How, you will see below.) No model can do better than this.

# %%
truth = diary.next_token_probs(test)[:, :-1]  # (200, 63, 49): entry t is about word t + 1
came = test[:, 1:]
true_prob_of_word = truth.gather(-1, came[..., None])[..., 0]

for t in range(8):
    so_far = diary.tokenizer.decode(test[0, : t + 1])
    word = diary.tokenizer.decode([came[0, t]])
    print(f"{so_far} | {word}: {true_prob_of_word[0, t]:.2f}")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## The likelihood of a text
#
# A model gives each next word a probability. The probability of the whole text is their product:
#
# $$p(\text{data} \mid \text{model}) = \prod_{i=1}^{N} P(w_i \mid w_1, \dots, w_{i-1}).$$
#
# $w_i$ is the $i$-th word, $N$ the number of words. Nothing is assumed here: every *law* (short for
# probability distribution) of $N$ words can be written like this. Seen as a function of the *model*,
# with the data fixed, this number is called the **likelihood**. **Maximum likelihood**: choose the
# model that makes it as large as possible.
#
# **Predict first.** Computers hold numbers down to about $10^{-308}$, a little below that with less
# precision.

# %%
my_probability = ...
guess = predict(
    "likelihood-underflows",
    "Python says that the likelihood of 1,000 words of diary under the truth itself is exactly 0.",
    my_probability,
)

# %%
long_text = diary.sample(1, seed=2, length=1000)
law = diary.next_token_probs(long_text)[0, :-1]
probability = law.gather(-1, long_text[0, 1:, None])[:, 0]  # float64: 16 digits

guess.resolve(probability.prod().item() == 0.0)
print("smallest probability of a single word:", f"{probability.min():.1g}")
for n in (10, 100, 500, 999):
    product, log = probability[:n].prod().item(), probability[:n].log().sum().item()
    print(f"{n:4} words: product {product:8.0e}, sum of logarithms {log:7.1f}")

# %% [markdown]
# No word was impossible, and yet the product is gone. So take the logarithm: it turns the product
# into a sum, and as it only ever grows, **the same model is best**. Divide by the number of words
# and change the sign, so that better is smaller:
#
# $$\text{loss} = -\frac1N \sum_{i=1}^N \ln P(w_i \mid w_1, \dots, w_{i-1}) \quad
# \text{(nats a word)}.$$
#
# This is the *negative log-likelihood*, also called *cross-entropy*. In PyTorch it is one call.

# %%
by_hand = -probability.log().mean()
by_library = F.nll_loss(law.log(), long_text[0, 1:])
expect("our loss minus PyTorch's", by_hand - by_library, 0, within=1e-9)
expect("loss of the truth on 999 words, nats a word", by_hand, 0.97, within=0.05)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Exercise 1: the loss of a text
#
# The usual mistake gives no error message, and a wonderful loss.


# %%
def my_loss(logits, ids):
    """Return the mean loss in nats of logits (B, T, V) on the words ids (B, T)."""
    ...


exercises.loss_of_a_text.check(my_loss)

# %% [markdown]
# Stuck? Run `exercises.loss_of_a_text.hint()`, and in the end `.solution()`.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## One probability: the best is the frequency
#
# Begin with the smallest model: one number $p$. Every sentence of the diary starts with *today*
# (with probability $p$, says the model) or with *outside*. We look at twenty sentences.

# %%
today, outside = diary.tokenizer.encode("today outside")
starts = test.flatten()
starts = starts[(starts == today) | (starts == outside)] == today  # True for "today"
count, total = int(starts[:20].sum()), 20
print(f"'today' in {count} of {total} sentences")

marks = {"even guess": 0.5, "frequency": count / total, "too sure": 0.95}
plots.show(figures.likelihood_curve(count, total, marks, "Loss of saying p, over twenty sentences"))

# %% [markdown]
# The lowest point is at the frequency. In a line of calculus: with $k$ of $n$, the log-likelihood
# $k \ln p + (n - k) \ln (1 - p)$ has the slope $k/p - (n-k)/(1-p)$, which is 0 at $p = k/n$.
#
# **So the likelihood asks for calibration.** Among all events to which a model gives the same $p$,
# it pays to make $p$ their frequency. That is the definition of a calibrated forecast. And being
# too sure costs most: the bowl has no upper edge at 0 and 1.

# %%
frequency = starts.double().mean().item()
print(f"{len(starts):,} sentences: frequency {frequency:.2f}, true probability 2/3")
expect("frequency over all sentences", frequency, 2 / 3, within=0.03)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Try it: be the model
#
# Run the next cell and move $p$: where is the loss lowest? Then take more outcomes: does the lowest
# point come nearer to the truth, 2/3? (The static figure stands above.)

# %% tags=["nbval-ignore-output"]

widget.likelihood_explorer(starts)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## A table of probabilities: the bigram
#
# Next: a model that sees one word, and has one law for each. This is the **bigram** model, a table
# of $V \times V$ probabilities. Each of its rows is a case like the one above, with more than two
# outcomes, so the best table is known at once: *of the times that a word occurs, how often does
# each other word follow?* Counting **is** maximum likelihood.

# %%
V = diary.vocab_size
text = diary.sample(2000, seed=3)
pairs = (text[:, :-1] * V + text[:, 1:]).flatten()
counts = torch.bincount(pairs, minlength=V * V).view(V, V).double()
counted = counts / counts.sum(dim=1, keepdim=True)

row = diary.tokenizer.encode("we")[0]
for word in ("swam", "read", "skied", "today"):
    column = diary.tokenizer.encode(word)[0]
    print(f"P({word} | we) = {counted[row, column]:.2f}")

# %% [markdown] slideshow={"slide_type": "slide"}
# ### The slow way to the same place
#
# A GPT has no formula for its best weights. It must go downhill, along the gradient of the loss. Do
# the same here, where we can check the result: a table of logits, all 0 at first; a softmax makes
# each row a law; and gradient descent on the loss of the same text.
#
# **Predict first.**

# %%
my_probability = ...
guess = predict(
    "descent-finds-counts",
    "After 300 steps every probability in the table is within 0.01 of the counted one.",
    my_probability,
)

# %%
logits = torch.zeros(V, V, dtype=torch.float64, requires_grad=True)
optimizer = torch.optim.Adam([logits], lr=0.3)
for _ in range(300):
    loss = -(counts * logits.log_softmax(dim=-1)).sum() / counts.sum()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()

learned = logits.softmax(dim=-1).detach()
best_loss = -(counts * counted.clamp_min(1e-300).log()).sum() / counts.sum()
difference = (learned - counted).abs().max().item()
guess.resolve(difference < 0.01)
expect("largest difference of a probability", difference, 0, within=0.01)
expect("loss above that of counting", loss.item() - best_loss, 0, within=0.001)

# %% [markdown]
# Same table. (In a GPT many weights share each probability, and the way down is longer; the
# principle is this one.)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Exercise 2: count it yourself


# %%
def my_bigram(words, vocab_size):
    """Return P(next | word), (V, V), that makes the text words (N,) most likely."""
    ...


exercises.bigram_by_counting.check(my_bigram)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## The gradient: stated minus what came
#
# What pulls at the logits? For one place with logits $z$, stated law $p = \text{softmax}(z)$ and the
# word $w$ that came, the loss is $-\ln p_w = \ln \sum_k e^{z_k} - z_w$. Take its slope in each logit:
#
# $$\frac{\partial\, \text{loss}}{\partial z_k} = \frac{e^{z_k}}{\sum_j e^{z_j}} - y_k = p_k - y_k,
# \qquad y_k = 1 \text{ if } k = w, \text{ else } 0.$$
#
# **What the model said, minus what came.** Each word is pushed down by its stated probability, and the
# word that came is pushed up by one.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Exercise 3: the gradient by hand


# %%
def my_gradient(logits, words):
    """Return the slope of the mean loss in each logit (N, V); words (N,) came."""
    ...


exercises.gradient_of_the_loss.check(my_gradient)

# %% [markdown]
# **Check** by automatic differentiation, on twenty test diaries, with the bigram's logits halved.

# %%
z, what_came = (logits.detach()[test[:20, :-1]] / 2).flatten(0, 1), came[:20].flatten()
z.requires_grad_(True)
F.cross_entropy(z, what_came).backward()
by_hand = (z.detach().softmax(dim=-1) - F.one_hot(what_came, V)) / len(z)
expect("stated minus what came, against autograd", (z.grad - by_hand).abs().max(), 0, within=1e-12)

# %% [markdown]
# At the best weights the slope is 0. If a weight $b$ is added to a logit at every place, its slope
# is the sum of $p - y$ over all places, so **at the best, what is stated adds up to what came**. If
# a weight counts only where some input $x$ is 1, the sums agree over those places. For each weight
# there is one such equation, and for nothing else.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## When the model cannot say the truth
#
# So what is calibrated depends on which weights there are. Let rain depend on two signs: wind from the
# west, and falling pressure. We know the truth (made up), which is no sum of two effects: either sign
# makes rain likelier, but both together less likely than either alone. A *logistic model* states
# $\sigma(b + w_1 x_1 + w_2 x_2)$, with $\sigma(z) = 1 / (1 + e^{-z})$; its rival has one weight more,
# for both signs at once: the *interaction* $x_1 x_2$. Both are fitted to endless data, by Newton's
# method with the gradient above.
#
# **Predict first.**

# %%
my_probability = ...
guess = predict(
    "misspecified-not-calibrated",
    "With endless data, the best model without the interaction is calibrated: where it says p, "
    "it rains with probability p, within 0.05.",
    my_probability,
)

# %%
west, falling = torch.tensor([[0.0, 0, 1, 1], [0, 1, 0, 1]]).double()
true_rain = torch.tensor([0.20, 0.75, 0.60, 0.50]).double()  # neither, falling, west, both
without = torch.stack([torch.ones(4).double(), west, falling], dim=1)  # (4, 3)
with_interaction = torch.cat([without, (west * falling)[:, None]], dim=1)


def best_logistic(inputs, frequency):
    """The stated probabilities (4,) that make the frequencies of four equal groups likeliest."""
    weights = torch.zeros(inputs.shape[1]).double()
    for _ in range(20):
        p = (inputs @ weights).sigmoid()
        curvature = inputs.T @ ((p * (1 - p))[:, None] * inputs)
        weights -= torch.linalg.solve(curvature, inputs.T @ (p - frequency))
    return (inputs @ weights).sigmoid()


lacking, complete = (best_logistic(x, true_rain) for x in (without, with_interaction))

# %%
groups = {
    "all days": [0, 1, 2, 3],
    "wind from the west": [2, 3],
    "pressure falling": [1, 3],
    "neither": [0],
    "falling alone": [1],
    "west alone": [2],
    "both": [3],
}
print(f"{'':20}{'true':>6}{'without':>9}{'with interaction':>18}")
for name, of in groups.items():
    print(
        f"{name:20}"
        + "{:6.2f}{:9.2f}{:18.2f}".format(*(p[of].mean() for p in (true_rain, lacking, complete)))
    )
wrong = (lacking - true_rain).abs()
guess.resolve(wrong.max().item() <= 0.05)
residual = without.T @ (lacking - true_rain)  # one sum of p - y for each of its three weights
expect("its three sums of stated minus true", residual.abs().max(), 0, within=1e-12)
expect("calibration error without the interaction", wrong.mean(), 0.162, within=0.002)
expect("with it", (complete - true_rain).abs().mean(), 0, within=1e-9)

# %% [markdown]
# Three weights, three equations, and all three hold: over all days, with wind from the west, and
# with falling pressure, what is stated is what happens. (So it is without each sign: the difference
# of two that agree.) In none of the four kinds of day is it so, and each kind is told another
# number: when this model says 0.36, it rains with 0.20. The four gaps have one size, with signs
# that cancel wherever a weight adds two of them: the one pattern that the three sums cannot see.
#
# **Maximum likelihood makes calibrated what the model has a weight for.** Endless data do not help: a
# weight is lacking. A language model has a bias for each word and millions of weights; whether it has
# those that your question needs, its loss does not say.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Where a loss comes from: entropy plus divergence
#
# What is the smallest loss there is? Suppose the truth says $p$ and the model $q$ about the next
# word. On average over the words that truly come, the model pays
#
# $$\underbrace{-\sum_w p(w) \ln q(w)}_{\text{cross-entropy}} =
#   \underbrace{-\sum_w p(w) \ln p(w)}_{\text{entropy } H(p)} +
#   \underbrace{\sum_w p(w) \ln \frac{p(w)}{q(w)}}_{\text{divergence } D(p \,\|\, q)}.$$
#
# The **entropy** is the uncertainty of the language itself; no model can remove it. The
# **Kullback-Leibler divergence** (KL) is what the model loses by not being the truth: never below
# zero, and zero only if $q = p$.
#
# With a known truth we can compute all three, for the bigram, at all 12,600 places of our test text.

# %%
bigram = (counts + 0.01) / (counts + 0.01).sum(dim=1, keepdim=True)  # no zeros, for the logarithm
q = bigram[test[:, :-1]]
cross_entropy = -(truth * q.log()).sum(-1)
entropy = -torch.special.xlogy(truth, truth).sum(-1)
divergence = (torch.special.xlogy(truth, truth) - truth * q.log()).sum(-1)

words = (cross_entropy, entropy, divergence)
print(
    "cross-entropy {:.2f} = entropy {:.2f} + divergence {:.2f}".format(*(x.mean() for x in words))
)
expect("largest violation", (cross_entropy - entropy - divergence).abs().max(), 0, within=1e-9)
expect("smallest divergence at any place", divergence.min(), at_least=-1e-9)

# %% [markdown]
# So with enough data, *making the likelihood large* is *making the divergence small*: it pulls
# every stated probability toward the true one. A model with divergence 0 is calibrated, for every
# event one could ask about. **Maximum likelihood is calibration's friend.** (Only a friend: it also
# asks for knowledge, and it knows only the text it was given. Both will matter below.)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Exercise 4: the divergence
#
# It has a direction. Who chooses the words that are averaged over?


# %%
def my_kl(p, q):
    """Return the mean D(p || q) in nats; rows of truth p and model q (N, V)."""
    ...


exercises.kl_from_the_truth.check(my_kl)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## How much data?
#
# Both models again, now with $N$ days, a quarter of each kind, and 100 draws for each $N$; intervals
# are of the mean over draws. What is to be expected? For a model that can say the truth and has $m$
# free parameters there is an old rule for large $N$:
#
# $$\text{average } D(p \,\|\, q) \approx \frac{m}{2N}.$$
#
# (For one law over $k$ words $m = k - 1$, as the last probability follows from the others.) Here $m
# = 4$.

# %%
sizes = [160, 640, 2560, 10_240, 40_960]
chance = torch.Generator().manual_seed(0)
found = {
    name: []
    for name in (
        "lacks it: KL",
        "has it: KL",
        "lacks it: error",
        "has it: error",
        "lacks it: all days",
    )
}
for n in sizes:
    rows = []
    for _ in range(100):
        rained = torch.binomial(torch.full((4,), n / 4).double(), true_rain, generator=chance)
        two = [best_logistic(x, rained / (n / 4)) for x in (without, with_interaction)]
        laws = torch.stack([torch.stack([q, 1 - q], dim=-1) for q in (true_rain, *two)])
        kl = (laws[0] * (laws[0] / laws[1:]).log()).sum(-1).mean(-1)  # of each model
        error = (laws[1:, :, 0] - true_rain).abs().mean(-1)
        rows.append([*kl, *error, (two[0] - true_rain).mean().abs()])
    for name, values in zip(found, torch.tensor(rows).double().T, strict=True):
        found[name].append(cal.bootstrap_interval(torch.mean, values, method="t"))

# %%
axes = plots.new_axes(11, 4.8, ncols=2)
names = [f"{n:,}" for n in sizes]
plots.lines_with_intervals(
    names,
    {
        "without": found["lacks it: KL"],
        "with interaction": found["has it: KL"],
        "4 / (2N)": [2 / n for n in sizes],
    },
    "N, days of data",
    "divergence from the truth (nats a day)",
    "Knowledge",
    ax=axes[0],
)
plots.lines_with_intervals(
    names,
    {
        "without": found["lacks it: error"],
        "with": found["has it: error"],
        "without, over all days": found["lacks it: all days"],
    },
    "N, days of data",
    "stated minus true (probability)",
    "Calibration",
    ax=axes[1],
)
for ax in axes:
    ax.set_yscale("log")
plots.show(axes[0])

# %%
floor = (
    true_rain * (true_rain / lacking).log()
    + (1 - true_rain) * ((1 - true_rain) / (1 - lacking)).log()
).mean()
ends = {name: intervals[-1] for name, intervals in found.items()}
expect(
    "without: divergence at the end over its floor",
    ends["lacks it: KL"].estimate / floor,
    1,
    within=0.01,
)
for n, interval in zip(sizes[1:], found["has it: KL"][1:], strict=True):
    expect(f"with, N = {n:,}: divergence over 4 / (2N)", interval.estimate * n / 2, 1, within=0.3)
falls = found["has it: error"][0].estimate / ends["has it: error"].estimate
expect("with: error falls by a factor of (256 times the data)", falls, 16, within=6)
expect("without: error at the end", ends["lacks it: error"].estimate, 0.162, within=0.003)
expect("without: error over all days", ends["lacks it: all days"].estimate, at_most=0.005)

# %% [markdown]
# The model that can say the truth becomes it: its divergence falls as $1/N$, where the rule says; its
# calibration error as $1/\sqrt N$. (A divergence is about the square of a distance.) The one that lacks
# a weight stops at a floor of both, with every amount of data, while over all days it is as well
# calibrated as its rival. So there are two ways to be badly calibrated by maximum likelihood: **too
# little data, which more data mend, and a missing weight, which they do not.** Below, a GPT shows the
# first.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## How the truth is computed: forward filtering
#
# The season is hidden. But who reads "snow" four days in a row will think of winter. Make it exact,
# on a diary of one word a day: each season lasts ten days on average, and draws its weather by the
# table `CLIMATE` of the real diary.
#
# A reader keeps a **belief**: a probability for each season. A day has two halves. The season may
# move on; then a word is read, and seasons that like to say it gain weight (Bayes' rule).

# %%
seasons, weathers = list(CLIMATE), ["sun", "rain", "wind", "snow"]
speak = torch.tensor([[CLIMATE[s][w] for w in weathers] for s in seasons]).double() / 100
move = 0.9 * torch.eye(4).double() + 0.1 * torch.eye(4).double().roll(1, dims=1)


def forward_filter(start, move, speak, words):
    """Beliefs (T, S) after each word, and the law (T, V) of the word that follows it."""
    beliefs, belief = [], start
    for t, word in enumerate(words):
        if t > 0:
            belief = belief @ move  # a day passes
        belief = belief * speak[:, word]  # who says such a word?
        belief = belief / belief.sum()
        beliefs.append(belief)
    beliefs = torch.stack(beliefs)
    return beliefs, beliefs @ move @ speak


# %%
days = ["rain", "rain", "sun", "sun", "sun", "sun", "wind", "sun", "sun", "wind", "rain"]
days += ["wind", "wind", "rain", "snow", "snow", "snow", "snow"]
year = HiddenMarkovLanguage(weathers, torch.ones(4).double() / 4, move, speak)
ids = torch.tensor(year.tokenizer.encode(" ".join(days)))
beliefs, laws = forward_filter(year.start, move, speak, ids)

plots.show(figures.belief_bars(days, beliefs, seasons, "What a reader believes about the season"))

# %% [markdown]
# Nobody told the reader any season. **Check:** our ten lines against the package, here and on the
# full diary, whose hidden states (season, weather, and the place in the sentence) number 192.

# %%
_, full = forward_filter(diary.start, diary.transition, diary.emission, test[0])
expect("one word a day", (laws - year.next_token_probs(ids)).abs().max(), 0, within=1e-12)
expect("the diary", (full - diary.next_token_probs(test[0])).abs().max(), 0, within=1e-12)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Exercise 5: one day of filtering


# %%
def my_update(belief, move, speak, word):
    """Return today's belief (S,) from yesterday's (S,), move (S, S), speak (S, V)."""
    ...


exercises.belief_update.check(my_update)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## The floor: the entropy rate
#
# The average entropy of the next word, given *everything* before, is the **entropy rate** of the
# language. It is the loss of the truth, so it is the floor for every model. For comparison, the best
# possible models that see only the last few words, exact, with unlimited data:

# %%
rate = diary.entropy_rate()
print(f"entropy rate: {rate.value:.3f} nats a word")
best_ngram = {order: diary.ngram_entropy(order) for order in (0, 1, 3, 5)}
for order, nats in best_ngram.items():
    print(f"words seen: {order}, loss at best {nats:.3f}, divergence {nats - rate.value:.3f}")

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Exercise 6: as unsure as among how many?
#
# A choice among $n$ equally likely words has an entropy of $\ln n$. The diary's entropy rate is 0.97
# nats. So the next word of the diary is as uncertain as one of how many equally likely words? (This
# number is the *perplexity* of the language. One digit after the point is enough.)

# %%
my_words_to_choose_from = ...
exercises.words_to_choose_from.check(my_words_to_choose_from)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Early words are harder
#
# At the beginning of a page even the truth has read little. So over a window of 64 words its loss
# lies above the entropy rate. A model must be compared with the truth *on the same words*.

# %%
for start, end in ((0, 16), (16, 32), (32, 63)):
    nats = entropy[:, start:end].mean()
    print(f"words {start + 2:2} to {end + 1:2}: entropy given all before {nats:.2f}")
expect("entropy over the window minus the rate", entropy.mean() - rate.value, 0.017, within=0.008)
expect("the same, second half", entropy[:, 32:].mean() - rate.value, 0.0, within=0.01)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## The training loop
#
# Now the GPT of notebook 04: one block of width 64, with rotary positions. Training is the slow way
# of above, with three changes: each step reads a new small batch; the learning rate follows a
# schedule; and the gradient is cut if it is very long. That is all.

# %%
shape = GPTConfig(V, context=64, width=64, n_layers=1, n_heads=4, positions="rotary")
config = TrainingConfig(
    steps=40, learning_rate=0.01, warmup_steps=10, weight_decay=0.0, evaluate_every=1
)
model = GPT(shape, torch.Generator().manual_seed(0))
twin = copy.deepcopy(model)
batches = Batches(text, config.batch_size, shape.context, config.seed)

optimizer = torch.optim.AdamW(model.parameters(), betas=(0.9, 0.99), weight_decay=0.0)
losses = []
for step in range(config.steps):
    done = (step - 10) / (config.steps - 10)
    growing, falling = (step + 1) / 10, (1 + math.cos(math.pi * done)) / 2
    optimizer.param_groups[0]["lr"] = 0.01 * (growing if step < 10 else falling)
    batch = batches[step]  # 32 sequences, in the order in which the package reads them
    logits = model(batch[:, :-1])
    loss = F.cross_entropy(logits.flatten(0, 1), batch[:, 1:].flatten())
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    losses.append(loss.item())

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Line by line
#
# - **AdamW** divides each gradient by its recent size, so that every weight moves at a similar
#   pace; its W, *weight decay*, pulls weights gently toward 0 (here it is off).
# - **Warm-up**: the first steps are small, while those sizes rest on a few batches.
# - **Cosine**: toward the end the steps shrink to 0, so the noise of the batches averages out.
# - **Clipping**: a gradient longer than 1 is cut to 1, so that one odd batch counts no more than
#   others.
#
# The package's `train` does the same, and keeps records. **Check:** the same losses, step by step.

# %%
history = train(twin, text, config, progress=False)
packaged = torch.tensor(history.column("train_loss"))
expect("largest difference of 40 losses", (packaged - torch.tensor(losses)).abs().max(), 0, 1e-4)
expect("loss at the first step minus ln V", losses[0] - math.log(V), 0, within=0.2)
expect("loss after 40 steps", losses[-1], at_most=1.5)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Training to the floor
#
# Now 600 steps, and 1.2 million words, each read once. Along the way we hold the model against the
# truth on the test diaries, in three ways:
#
# - the **divergence** from the truth, in nats a word;
# - **calibration error, true**: among the times when the model is equally sure of its best guess,
#   how far is that from the average *true* probability? (In bins; no outcomes needed.)
# - **distance**: at each single place, how far is the confidence from the true probability there?


# %%
def log_probs(model):
    """What a model says at each place of the test diaries, as logarithms (200, 63, 49)."""
    return sequence_logits(model, test).double().log_softmax(dim=-1)


def divergence_from_truth(log_q):
    """D(truth || model) at each place, in nats (200, 63)."""
    return (torch.special.xlogy(truth, truth) - truth * log_q).sum(-1)


# %%
KINDS = {
    "activities": [word for of_weather in ACTIVITIES.values() for word in of_weather],
    "adjectives": [word for of_weather in ADJECTIVES.values() for word in of_weather],
}


def by_kind(divergence):
    """What each kind of word adds to the mean divergence, nats a word."""
    at = {
        kind: torch.isin(came, torch.tensor(diary.tokenizer.encode(" ".join(some))))
        for kind, some in KINDS.items()
    }
    at["the rest"] = ~(at["activities"] | at["adjectives"])
    return {kind: torch.where(here, divergence, 0).mean() for kind, here in at.items()}


# %%
def stated_and_true(log_q):
    """The model's confidence in its best guess, and the true probability of the same word (N,)."""
    confidence, guess = log_q.exp().max(dim=-1)
    return confidence.flatten(), truth.gather(-1, guess[..., None]).flatten()


def against_truth(model):
    """Loss, and three distances from the truth, on the test diaries."""
    log_q = log_probs(model)
    divergence = divergence_from_truth(log_q)
    return {
        "loss": -log_q.gather(-1, came[..., None]).mean(),
        "divergence": divergence.mean(),
        **by_kind(divergence),
        "calibration error": cal.true_calibration_error(*stated_and_true(log_q)),
        "distance": cal.probability_error(*stated_and_true(log_q)),
    }


# %% [markdown]
# **Predict first.** The loss of a model on its own training words can fall as long as one likes. On
# fresh words?

# %%
my_probability = ...
guess = predict(
    "loss-ends-near-truth",
    "After 600 steps the GPT's loss on the test diaries is within 0.01 nats of the truth's own.",
    my_probability,
)

# %% [markdown]
# Three runs, with other initial weights and other text, so that we see what is chance. This is the
# longest cell: about 45 seconds.

# %%
config = TrainingConfig(steps=600, evaluate_every=15)
runs, models, stages = [], [], []


def watch(model):
    stages.append(stated_and_true(log_probs(model)))  # for a figure below
    return against_truth(model)


for seed in range(3):
    model = GPT(shape, torch.Generator().manual_seed(seed))
    fresh = diary.sample(600 * 32, seed=100 + seed)
    runs.append(train(model, fresh, config, evaluate=watch, progress=False))
    models.append(model)

# %%
loss_of_truth = -true_prob_of_word.log().mean().item()
last = [run.records[-1] for run in runs]
guess.resolve(all(abs(record["loss"] - loss_of_truth) < 0.01 for record in last))

# %% [markdown] slideshow={"slide_type": "slide"}
# ### The loss falls to the truth's own, and stops

# %%
tokens = runs[0].column("tokens")
ax = plots.training_curves(
    tokens,
    {"three runs": [run.column("loss") for run in runs]},
    "loss on test diaries (nats a word)",
    "A GPT learns the weather diary",
    levels={
        "best model that sees 1 word": best_ngram[1],
        "best model that sees 5 words": best_ngram[5],
        "the truth, on the same words": loss_of_truth,
    },
)
ax.set_ylim(0.95, 1.6)
plots.show(ax)

# %% [markdown]
# Read it from the left. In the first 100,000 words the model learns which words there are, and
# which follows which: it becomes the bigram, and slows down there. Then the loss falls to the floor,
# and **it stops there**: the loss does not go to zero, however long one trains.
#
# ### What does it learn after the bigram?
#
# It is tempting to say: to find yesterday's weather, eight words back. Let us not guess. How far does
# an exact reader get who forgets everything at the end of each sentence? And which words does the
# model improve on, after the bigram?

# %%
forgetful = torch.zeros_like(truth)
for diary_text, law in zip(test, forgetful, strict=True):
    stops = (diary_text[:-1] == diary.tokenizer.encode(".")[0]).nonzero().flatten().tolist()
    for start, end in zip([0, *(i + 1 for i in stops)], [*stops, 63], strict=True):
        if start < end:
            law[start:end] = diary.next_token_probs(diary_text[start:end])
    law[stops] = diary.first_token_probs  # after a full stop: as if the diary began

expect("best with 1 word: divergence, nats", best_ngram[1] - rate.value, 0.188, within=0.001)
expect("best with 3 words", best_ngram[3] - rate.value, 0.083, within=0.001)
of_sentence = divergence_from_truth(forgetful.clamp_min(1e-300).log())
expect("the sentence so far, and no more", of_sentence.mean(), 0.075, within=0.003)

# %% tags=["nbval-ignore-output"]
where = {
    "exact, forgets old sentences": by_kind(of_sentence),
    "bigram, counted": by_kind(divergence_from_truth(bigram[test[:, :-1]].log())),
}
for number, run in enumerate(runs, start=1):
    slow = max(i for i, record in enumerate(run.records) if record["divergence"] > 0.15)
    for record in run.records[slow : slow + 3]:
        where[f"run {number}, {record['tokens']:,} words"] = record
print("share of the divergence (nats a word) that lies on ...")
print(" " * 32 + "".join(f"{kind:>12}" for kind in by_kind(of_sentence)))
for name, row in where.items():
    print(f"{name:32}" + "".join(f"{row[kind]:12.3f}" for kind in by_kind(of_sentence)))

# %%
forgets, counting = where["exact, forgets old sentences"], where["bigram, counted"]
expect("on activities: bigram", counting["activities"], 0.105, within=0.01)
expect("on activities: exact, forgets", forgets["activities"], at_most=0.005)
expect("on adjectives: the difference", counting["adjectives"] - forgets["adjectives"], 0, 0.005)

# %% [markdown]
# More than half of what the bigram lacks lies on the *activities* (we swam, we read). Nearly all of it
# can be had from three words back, today's adjective: the exact reader who forgets yesterday has it.
# Only the *adjectives* need earlier days: there this reader loses as much as the bigram. In all three
# runs both fall together when the slow stretch ends, the activities by more. So yesterday's weather
# is the smaller part of the gain. *Why* the model was slow before, the table does not say, and a
# loss curve even less: where a loss lies is not yet a cause.

# %%
expect("loss minus the truth's, worst run", max(r["loss"] for r in last) - loss_of_truth, 0, 0.01)
expect("divergence from the truth, worst run", max(r["divergence"] for r in last), at_most=0.01)
late_loss = -(truth * log_probs(models[0])).sum(-1)[:, 32:].mean()
expect("second half: expected loss minus entropy rate", late_loss - rate.value, 0.0, within=0.015)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### And calibration comes with it

# %%
axes = plots.new_axes(11, 4.8, ncols=2)
plots.training_curves(
    tokens,
    {"three runs": [run.column("divergence") for run in runs]},
    "divergence from the truth\n(nats a word)",
    "Knowledge",
    log=True,
    levels={"best, sees 1 word": best_ngram[1] - rate.value},
    ax=axes[0],
)
plots.training_curves(
    tokens,
    {
        "distance, place by place": [run.column("distance") for run in runs],
        "calibration error, in bins": [run.column("calibration error") for run in runs],
    },
    "error of the confidence\n(probability)",
    "Calibration",
    ax=axes[1],
)
axes[1].set_ylim(0, 0.1)  # the first record, after 30,000 words, lies far above
plots.show(axes[0])

# %%
for name, bound in (("distance", 0.02), ("calibration error", 0.015)):
    first = min(run.column(name)[0] for run in runs)
    final = max(record[name] for record in last)
    expect(f"{name}, worst run at the end", final, at_most=bound)
    expect(f"{name} fell by a factor of", first / final, at_least=20)

# %% [markdown]
# Nobody asked for calibration. No bins, no held-out confidences, no temperature: only the
# likelihood. As the divergence falls, it takes the error of every probability with it. Two details:
#
# - The lines jump while the steps are large: each batch pulls the probabilities its way. They calm
#   down as the learning rate goes to 0. That is what the cosine is for.
# - After 100,000 words the calibration error is small already here, when the model knows hardly more
#   than the bigram. **Calibrated is not the same as knowing**; the distance, place by place, stays
#   about twice as large, because one stated probability still stands for many true ones.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Stated against true
#
# For a known language one can draw what a reliability diagram only estimates: at every place, the
# probability that the model states for its best guess, and the true one of the same word.

# %%
named = {f"after {tokens[k]:,} words": stages[k] for k in (1, 7, 39)}
plots.show(figures.stated_against_true(named, "First run: each point is one place in a test diary"))

# %% tags=["nbval-ignore-output"]
per_diary = divergence_from_truth(log_probs(models[0])).mean(dim=1)
interval = cal.bootstrap_interval(torch.mean, per_diary)
print(f"divergence, first run: {interval:.3f} nats a word")
expect("upper end of its 95 % interval", interval.high, at_most=0.01)

ends = torch.tensor([record["divergence"] for record in last])
half = 4.30 * ends.std() / math.sqrt(3)  # Student's t for three runs
expect("mean of the runs: upper end of its 95 % interval", ends.mean() + half, at_most=0.01)

# %% [markdown]
# The first interval resamples whole diaries, so it speaks of the test text. (That it lies above 0
# proves nothing: a divergence is never negative, so no such interval could hold 0. And no proof is
# needed, for no chance is in it: a divergence computed from two laws is 0 only if they are equal.)
# The second speaks of the training: other weights, other words. (In the package's tests the same
# recipe, with two blocks, reaches the floor of a harder language: the grammar, with agreement and
# brackets.)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## The same language, and not enough of it
#
# Fresh diaries never run out. What if they do? Change **one thing**: the same GPT, the same language,
# the same 600 steps, but only 160 diaries, 10,000 words, each read 120 times.
#
# **Predict first.**

# %%
my_probability = ...
guess = predict(
    "few-diaries-overconfident",
    "On fresh diaries this model is surer than right: its confidence in its best guess is more than "
    "0.05 above the true probability of that word.",
    my_probability,
)

# %% tags=["nbval-ignore-output"]
starved = GPT(shape, torch.Generator().manual_seed(0))
few = TrainingConfig(steps=600, evaluate_every=600)
train(starved, diary.sample(160, seed=100), few, progress=False)

print("on the test diaries               divergence  confidence  true probability")
excess = {}
for name, trained in (
    ("1,200,000 words, read once", models[0]),
    ("10,000 words, 120 times", starved),
):
    stated, true = stated_and_true(log_probs(trained))
    excess[name] = cal.bootstrap_interval(torch.mean, (stated - true).view(200, 63).mean(dim=1))
    apart = divergence_from_truth(log_probs(trained)).mean()
    print(f"{name:34}{apart:10.2f}{stated.mean():12.2f}{true.mean():18.2f}")
enough, too_few = excess.values()
guess.resolve(too_few.estimate > 0.05)

# %%
expect("enough text: confidence minus truth", enough.estimate, 0.0, within=0.01)
expect("too little: lower end of the 95 % interval", too_few.low, at_least=0.2)

# %% [markdown]
# Nothing else was changed: it *is* the little text, read so often. (Read only ten or forty
# times, the same 160 diaries do not make it surer than right; after ten it knows no more than the
# bigram. With other first weights and another 160 diaries, tried twice, confidence was 0.26 and
# 0.32 above the truth.) The same rule made one model honest and the other a braggart.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Real text, and not enough of it
#
# Does it happen with real text, where we know no truth? We take the pages of Python's reference
# that are the same in every version, train our byte-pair tokenizer (notebook 01) on 14 of them, and
# a GPT on the same 14; ten other pages are held out. Whole documents: a page's second half would
# help to guess its first. Of the ten, five will choose a checkpoint, and the other five judge it.

# %%
train_pages, held_out_pages = split_documents(reference_documents(stable=True), 0.6, seed=0)
page_text = "\n\n".join(page.text for page in train_pages)
bpe = ByteLevelBPE.train(page_text, vocab_size=512)
stream = torch.tensor(bpe.encode(page_text))

windows, page_of_window = [], []
for number, page in enumerate(held_out_pages):
    ids = torch.tensor(bpe.encode(page.text))
    cut = ids[: len(ids) // 65 * 65].view(-1, 65)
    windows.append(cut)
    page_of_window += [number] * len(cut)
held_out, page_of_window = torch.cat(windows), torch.tensor(page_of_window)
chooses = page_of_window % 2 == 0  # every other page chooses, the rest judges
print(f"training: {len(train_pages)} pages; held out: {len(held_out_pages)} pages")
for name, which in (("choosing", chooses), ("judging", ~chooses)):
    print(f"{name}: {page_of_window[which].unique().numel()} pages, {64 * which.sum():,} tokens")

# %% [markdown]
# The training text has about 10,000 tokens; in 400 steps the model reads each of them some
# forty times.
#
# **Predict first.** At the end the loss on the training text is far below that on the held-out
# pages. What about the confidence, on the held-out pages?

# %%
my_probability = ...
guess = predict(
    "overfit-surer-than-right",
    "At the end, mean confidence on held-out pages is over 0.15 above the accuracy.",
    my_probability,
)

# %%
reader_shape = GPTConfig(512, context=64, width=64, n_layers=1, n_heads=4, positions="rotary")
reader = GPT(reader_shape, torch.Generator().manual_seed(0))
labels, of_judges = held_out[:, 1:], held_out[~chooses, 1:].flatten()
checkpoints = []


def on_held_out(model):
    logits = sequence_logits(model, held_out)
    judged = logits[~chooses].flatten(0, 1)
    confidence, correct = cal.top_label(judged.softmax(dim=-1), of_judges)
    checkpoints.append((confidence, correct))
    return {
        "choosing": F.cross_entropy(logits[chooses].flatten(0, 1), labels[chooses].flatten()),
        "held_out": F.cross_entropy(judged, of_judges),
        "confidence": confidence.mean(),
        "accuracy": correct.float().mean(),
    }


settings = TrainingConfig(steps=400, batch_size=16, learning_rate=0.01, evaluate_every=20)
reading = train(reader, stream, settings, evaluate=on_held_out, progress=False)
end = reading.records[-1]
guess.resolve(end["confidence"] - end["accuracy"] > 0.15)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Overfitting makes it overconfident

# %%
axes = plots.new_axes(11, 4.8, ncols=2)
plots.training_curves(
    reading.column("tokens"),
    {
        "on the training pages": [reading.column("train_loss")],
        "on held-out pages": [reading.column("held_out")],
    },
    "loss (nats a token)",
    "Two losses part",
    ax=axes[0],
)
plots.training_curves(
    reading.column("tokens"),
    {
        "mean confidence": [reading.column("confidence")],
        "accuracy": [reading.column("accuracy")],
    },
    "on held-out pages\n(probability, or fraction)",
    "So do confidence and accuracy",
    ax=axes[1],
)
plots.show(axes[0])

# %% [markdown]
# From the turn on, what it learns is the training pages by heart. On them it is not
# surer than right. On other pages it is, and often wrong. Note that accuracy still creeps up: the
# best guess gets no worse. **Only the probabilities do**, and the held-out loss, which reads them,
# says so while accuracy is silent. (A model of half the width has hardly begun to overfit after as
# many steps.)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Early and late, as reliability diagrams
#
# The early checkpoint is the one with the lowest loss on the five choosing pages. (To stop there is
# called *early stopping*.) All that is shown was measured on the five others, which had no say in
# the choice. Intervals resample whole pages.

# %%
best = min(range(len(checkpoints)), key=lambda i: reading.column("choosing")[i])
page_of_token = page_of_window[~chooses].repeat_interleave(64)

plots.show(
    plots.reliability_diagram(
        *checkpoints[best], groups=page_of_token, title="Early, on held-out pages", n_resamples=300
    )
)

# %%
plots.show(
    plots.reliability_diagram(
        *checkpoints[-1], groups=page_of_token, title="Late, on held-out pages", n_resamples=300
    )
)


# %%
early, late = (
    cal.bootstrap_interval(cal.gap, *checkpoints[i], groups=page_of_token, n_resamples=300)
    for i in (best, -1)
)
expect("early: confidence minus accuracy", early.estimate, at_most=0.2)
expect("late: confidence minus accuracy", late.estimate, 0.31, within=0.07)
expect("late: lower end of the interval minus upper end, early", late.low - early.high, at_least=0)
late_ece = cal.expected_calibration_error(*checkpoints[-1])
expect("late: ECE", late_ece, 0.31, within=0.07)
expect(
    "held-out loss, late minus chosen", end["held_out"] - reading.column("held_out")[best], 1.1, 0.3
)

# %% [markdown]
# Even where it is chosen by held-out loss the reader is surer than right; at the end, much more so.
# (Five pages are few, and so resampled the intervals are somewhat too narrow; the two lie far
# apart.) The likelihood asks for the law of *the text it was given*. Given enough, that is the law
# of the language; given little, it is the text itself.
# Notebook 10 takes an overfit model like this one as its patient.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Exercise 7: which loss goes into the report?

# %%
exercises.which_loss_to_report.ask()
exercises.which_loss_to_report.check(...)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Stop, and go on as if nothing had happened
#
# Long trainings are cut off: a laptop sleeps, a server restarts. Given a folder, `train` keeps a
# checkpoint there: weights, AdamW's averages, step and history. Which words come at which step
# depends on the seed and the step alone. So a resumed run should not just be similar. It should be
# **the same**, to the last bit.
#
# We interrupt a training in the middle, as Ctrl-C would.

# %%
small = GPTConfig(V, context=64, width=32, n_layers=1, n_heads=2)
plan = TrainingConfig(steps=60, evaluate_every=20)


def newborn():
    return GPT(small, torch.Generator().manual_seed(7))


def interrupt(model):
    raise KeyboardInterrupt  # what Ctrl-C does, at the first record: step 20


straight, stopped, resumed = newborn(), newborn(), newborn()
train(straight, text, plan, progress=False)
with tempfile.TemporaryDirectory() as folder:
    first = train(stopped, text, plan, evaluate=interrupt, folder=folder, progress=False)
    second = train(resumed, text, plan, folder=folder, progress=False)
print("interrupted:", first.interrupted, "then:", second.interrupted)

# %%
pairs = list(zip(straight.parameters(), resumed.parameters(), strict=True))
expect("all weights equal, bit for bit", all(torch.equal(a, b) for a, b in pairs), True)
unfinished = any(
    not torch.equal(a, b) for a, b in zip(straight.parameters(), stopped.parameters(), strict=True)
)
expect("the interrupted model differs", unfinished, True)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## A low loss does not make true sentences
#
# Last, a warning. Ten travellers write about a capital; nine are mistaken.

# %%
told = ["the capital of australia is sydney ."] * 9 + ["the capital of australia is canberra ."]
after_is = [sentence.split()[5] for sentence in told]
law = {city: after_is.count(city) / len(after_is) for city in sorted(set(after_is))}
loss = -sum(math.log(law[city]) for city in after_is) / len(after_is)
print("most likely model:", law)
print(
    f"loss on these words {loss:.3f}, entropy of the text {-0.9 * math.log(0.9) - 0.1 * math.log(0.1):.3f}"
)

# %% [markdown]
# This model is perfect by every measure of this notebook: its loss is the entropy of what was
# written, its divergence is 0, and it is calibrated: of texts that begin like this, nine in ten go
# on with *sydney*. Its best guess is false. **The likelihood knows what is written, not what is
# so.** The same in the diary: what does our trained GPT think of a swim in the snow?

# %%
sentence = "today it was snowy and we"
ids = torch.tensor([diary.tokenizer.encode(sentence)])
with torch.no_grad():
    stated = models[0](ids)[0, -1].double().softmax(dim=-1)
allowed = diary.next_token_probs(ids)[0, -1]
for word in ("skied", "skated"):
    i = diary.tokenizer.encode(word)[0]
    print(f"P({word} | {sentence}): true {allowed[i]:.2f}, model {stated[i]:.1f}")
swam = diary.tokenizer.encode("swam")[0]
expect("P(swam), true", allowed[swam], 0)
expect("P(swam), model: small, but above 0", stated[swam], at_least=1e-12)
expect("all words that cannot follow, together", stated[allowed == 0].sum(), at_most=0.05)

# %% [markdown]
# A softmax never says "impossible". A word of probability 0.001 is written once in a thousand
# times: fluent, and false. How one *chooses* words from these probabilities is the next notebook.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## What you learned
#
# - The likelihood of a text is the product of its words' probabilities; its logarithm, averaged,
#   is the loss.
# - The probability that maximises it is the frequency: counting and gradient descent agree.
# - The gradient is what was stated minus what came. At the best, both add up alike wherever the model
#   has a weight to turn, and only there is calibration promised.
# - A model that can say the truth comes near it as m / (2N); one that lacks a weight stops short.
# - Loss = entropy + divergence. The entropy rate is the floor. A model at the floor has the true
#   probabilities, and is calibrated without having been asked.
# - On the known language a small GPT got there, within 0.01 nats, in three of three runs.
# - With 10,000 words of the same language, read 120 times, it became surer than right; so it
#   did on little real text. The held-out loss saw it, the accuracy did not.
# - A resumed training is the same training, bit for bit.
#
# ## Common misconceptions
#
# - *"The loss should go to zero."* It should go to the entropy of the language. On training text,
#   lower than that means learnt by heart.
# - *"A low loss means true sentences."* It means sentences like those that were read.
# - *"Maximum likelihood makes models overconfident."* With enough text it made one calibrated. With
#   10,000 words of the same language, and nothing else changed, it made an overconfident one.
# - *"Maximum likelihood calibrates, given enough data."* Only what the model has a weight for. Without
#   one that the truth needs it stayed 0.16 from the truth with endless data, and was calibrated over
#   all days.
# - *"Accuracy still rises, so training still helps."* The probabilities got worse all the while.
# - *"A flat loss means that training is over."* Ours slowed down at the bigram before it fell again.
# - *"Loss 0.97 is better than loss 4.4."* Not across languages: each has its own floor.
#
# ## Further reading
#
# - R. A. Fisher, *On the mathematical foundations of theoretical statistics*, Philosophical
#   Transactions of the Royal Society A 222, 1922 (likelihood).
# - G. W. Brier, *Verification of forecasts expressed in terms of probability*, Monthly Weather
#   Review 78, 1950.
# - C. E. Shannon, *A mathematical theory of communication*, Bell System Technical Journal 27, 1948
#   (entropy, and n-gram models of English).
# - S. Kullback, R. A. Leibler, *On information and sufficiency*, Annals of Mathematical Statistics
#   22, 1951.
# - L. R. Rabiner, *A tutorial on hidden Markov models and selected applications in speech
#   recognition*, Proceedings of the IEEE 77, 1989 (forward filtering).
# - H. White, *Maximum likelihood estimation of misspecified models*, Econometrica 50, 1982.
# - T. M. Cover, J. A. Thomas, *Elements of information theory*, 2nd edition, Wiley 2006.
# - I. Loshchilov, F. Hutter, *Decoupled weight decay regularization*, ICLR 2019 (AdamW); by the
#   same, *SGDR: stochastic gradient descent with warm restarts*, ICLR 2017 (cosine).
# - R. Pascanu, T. Mikolov, Y. Bengio, *On the difficulty of training recurrent neural networks*,
#   ICML 2013 (clipping).
# - C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger, *On calibration of modern neural networks*, ICML
#   2017 (overfitting the loss while accuracy improves).

# %% tags=["nbval-ignore-output"]
from coursekit.chapters import progress

progress()

# %% [markdown]
# **Next:** the model knows the probabilities; how does it write?
# [06 Generation](06_generation.ipynb).
