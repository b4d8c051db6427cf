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
# # 09 Bias and variance
#
# Train the same kind of model on another sample of text, and it will say something else. How far is
# it from the truth because of what it *is*, and how far because of what it happened to *read*? The
# first part is called **bias**, the second **variance**. Variance can be measured in any
# language: train twice and compare, no truth is needed. What cannot be told apart without the truth is
# bias and **noise**: whether the models are all wrong alike, or the language itself leaves the choice
# open. Of our language we know the true probabilities, so here you measure all three, and find out
# which of them makes models overconfident.
#
# **You will be able to**
# - split the error of many models into bias and variance, and check that nothing is missing;
# - read the U-shape: say why the best size of a model depends on how much it has read;
# - trade variance for bias by smoothing, and explain what the prior has to do with it;
# - do the same for the KL divergence, where the average must be taken in another way;
# - connect variance with overconfidence, and predict what an ensemble gains before you train it.
#
# **Time:** about 60 minutes; all cells together run in about a minute on two processor cores.
#
# **On the map:** Part II, calibration. Before it: how calibration is measured. After it: how it is
# repaired.

# %%
import functools

import torch

from coursekit import calibration as cal, expect, plots, predict
from coursekit.chapters.bias_and_variance import exercises, figures, widget
from coursekit.data import grammar
from coursekit.lm import GPT, GPTConfig, NGram, TrainingConfig, sequence_logits, train

torch.set_num_threads(1)  # the models are tiny: more threads would only wait for each other

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Before you start: three questions
#
# Answer from memory: replace each `...` by a letter in quotes. A wrong answer costs nothing and is
# explained.

# %%
exercises.what_a_good_ece_is.ask()
exercises.what_a_good_ece_is.check(...)

# %%
exercises.what_calibrated_leaves_open.ask()
exercises.what_calibrated_leaves_open.check(...)

# %%
exercises.what_loss_is_made_of.ask()
exercises.what_loss_is_made_of.check(...)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## A language with a known truth, and models that count
#
# The language is the *grammar* of this course: sentences with agreement, brackets and a hidden
# topic. It can tell us the true probability $p$ of each next word, given all words before. (The
# probabilities of all words at one place are a *distribution*; what a model states there is its
# *forecast*. We call either a *law*, for short.)

# %%
language = grammar()
V = language.vocab_size
test = language.sample(40, seed=1_000_000)
truth = language.next_token_probs(test)[:, :-1].flatten(0, 1)  # (N, V), the laws p
came = test[:, 1:].flatten()  # (N,), the words that did come

print(language.tokenizer.decode(test[0, :24]))
print(f"{len(truth):,} test positions, {V} words")

# %% [markdown] slideshow={"slide_type": "slide"}
# ### The model: an n-gram
#
# An **n-gram model** of order $k$ looks only at the last $k$ words, the context $c$. It counts how
# often each word $w$ followed, $n(c, w)$, and adds some *smoothing* $s$, so that nothing gets zero:
#
# $$q_k(w \mid c) = \frac{n(c, w) + s \, q_{k-1}(w \mid c')}{n(c) + s} .$$
#
# The smoothing says how many words of evidence the *prior* is worth. The prior is the model of the
# next lower order, which sees the shorter context $c'$; below order 0 it is the uniform law. By
# hand, for order 1 and the word "of":

# %%
text = language.sample(100, seed=0)
of, course = language.tokenizer.encode("of course")
followers = text[:, 1:][text[:, :-1] == of]
n_course, n_of = (followers == course).sum(), len(followers)
q_0 = ((text == course).sum() + 1 / V) / (text.numel() + 1)
by_hand = (n_course + 1 * q_0) / (n_of + 1)

model = NGram(V, order=1, smoothing=1.0, backoff=True).fit(text)
packaged = model.next_token_probs(torch.tensor([of]))[0]
print(f"'of' was followed by 'course' {n_course} times of {n_of}")
expect("our count and the package's model differ by", packaged[course] - by_hand, 0, within=1e-6)
expect("all its probabilities together", packaged.sum(), 1, within=1e-9)

# %% [markdown]
# The package does the same for every context at once (`coursekit.lm.NGram`). Now train not one but
# thirty of a kind, each on a text of its own.


# %%
def many_models(order, sequences, smoothing=1.0, backoff=True, n_models=30):
    """Laws (M, N, V) at the test positions: M models, each trained on its own sample."""
    laws = []
    for seed in range(n_models):
        model = NGram(V, order, smoothing, backoff=backoff)
        model.fit(language.sample(sequences, seed=seed))
        laws.append(model.next_token_probs(test)[:, :-1].flatten(0, 1))
    return torch.stack(laws)


# %% [markdown] slideshow={"slide_type": "slide"}
# ## One question, thirty answers
#
# After "in fact some dogs", how probable is "that"? Each of thirty models of each order has read
# 100 sequences of 64 words of its own.

# %%
beginning = torch.tensor(language.tokenizer.encode("in fact some dogs"))
that = language.tokenizer.encode("that")[0]
true_that = language.next_token_probs(beginning)[-1, that].item()

answers = {}
for order in (0, 1, 3):
    models = [
        NGram(V, order, 1.0, backoff=True).fit(language.sample(100, seed=i)) for i in range(30)
    ]
    laws = torch.stack([model.next_token_probs(beginning)[-1] for model in models])
    answers[f"order {order}"] = laws[:, that]

plots.show(
    figures.answers_of_many(
        answers, true_that, "probability of 'that'", "Thirty models answer: 'in fact some dogs ...'"
    )
)

# %%
off = {name: values.mean().item() - true_that for name, values in answers.items()}
spread = {name: values.std().item() for name, values in answers.items()}
for name in answers:
    print(f"{name}: mean is off by {off[name]:+.2f}, single models spread by {spread[name]:.2f}")

# %% [markdown] slideshow={"slide_type": "fragment"}
# - **Bias** is how far the *mean* of the models (the diamond) is from the truth. It belongs to the
#   kind of model: order 0 cannot know what came before, whatever it reads.
# - **Variance** is how far the single models (the dots) scatter around *their own mean*. It comes
#   from the sample that each of them happened to read.
#
# You will only ever train one of the dots, and one dot shows neither. Two dots already show the
# variance; the bias shows only beside the dashed line, the truth.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Nothing is missing: error = bias² + variance
#
# Let $q$ be what a model says, $\bar q = \mathrm{E}[q]$ the mean over training sets, $p$ the truth.
# Write $q - p = (q - \bar q) + (\bar q - p)$ and square. The mixed term has mean zero, since
# $\mathrm{E}[q - \bar q] = 0$:
#
# $$\mathrm{E}(q - p)^2 = \underbrace{(\bar q - p)^2}_{\text{bias}^2} +
# \underbrace{\mathrm{E}(q - \bar q)^2}_{\text{variance}} .$$
#
# ### Exercise 1: the two parts of one answer


# %%
def my_bias_and_variance(answers, truth):
    """Return bias squared and variance of answers (M,) around a truth (a number)."""
    ...


exercises.bias_and_variance.check(my_bias_and_variance)

# %% [markdown]
# Stuck? Run `exercises.bias_and_variance.hint()`, and in the end `.solution()`.
#
# For whole laws the squares are summed over the words and averaged over the positions.


# %%
def squared_parts(laws, truth):
    """Bias squared and variance of the laws (M, N, V) of M models."""
    centre = laws.mean(dim=0)
    bias_squared = (centre - truth).square().sum(dim=-1).mean()
    variance = (laws - centre).square().sum(dim=-1).mean()
    return bias_squared, variance


laws = many_models(order=3, sequences=100)
bias_squared, variance = squared_parts(laws, truth)
error = (laws - truth).square().sum(dim=-1).mean()
print(f"error {error:.3f} = bias² {bias_squared:.3f} + variance {variance:.3f}")
expect("what the two parts leave of the error", error - bias_squared - variance, 0, within=1e-12)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### And the noise
#
# Of a real language nobody sees $p$; we see words. The Brier score compares $q$ with the word that
# came. Its expectation has a third part, the **noise** $1 - \sum_w p_w^2$, which the language makes
# and no model can avoid:
#
# $$\mathrm{E}[\text{Brier}] = \text{noise} + \text{bias}^2 + \text{variance} .$$

# %%
noise = (1 - truth.square().sum(dim=-1)).mean()
brier = torch.tensor([cal.brier_score(law, came) for law in laws]).mean()
print(f"Brier score, from the words: {brier:.2f}")
print(f"{noise:.2f} noise + {bias_squared:.2f} bias² + {variance:.2f} variance")
expect("the words' chance, Brier minus the three parts", brier - noise - error, 0, within=0.03)

# %% [markdown]
# Suppose we had the words alone. The models still disagree: the variance can be had without $p$, from
# the laws of the thirty. The Brier score minus that variance is noise *plus* bias², and no number
# of models parts the two: a world with more noise and less bias would look the same. (Two words that
# follow one and the same beginning would be enough; but a long beginning hardly ever comes twice.)

# %%
without_truth = brier - variance
expect("Brier minus variance, no truth used", without_truth, 0.65, within=0.03)
expect("what it hides: noise", noise, 0.63, within=0.02)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Thirty models are not all there are
#
# $\bar q$ is the mean over *all* training sets; we have 30. Their mean still wobbles, and the
# wobble counts as bias: too much by variance / 30. There is a neat way out. Two models that read
# different texts share nothing but their bias, so the product of their errors is the bias on
# average:
#
# $$\mathrm{E}\big[(q - p)(q' - p)\big] = (\bar q - p)^2 .$$
#
# *Bias is what two independent models get wrong alike.*


# %%
def products(laws, truth):
    """(M, M): product of the errors of each two models, summed over words, mean over positions."""
    errors = (laws - truth).flatten(1)
    return errors @ errors.T / len(truth)


def bias_of(products, models):
    """Bias squared, from pairs of different models."""
    different = models[:, None] != models
    return products[models][:, models][different].mean()


everyone = torch.arange(30)
pairs = products(laws, truth)
fair_bias = bias_of(pairs, everyone)
print(f"bias² from the mean of 30: {bias_squared:.3f}, from pairs: {fair_bias:.3f}")
expect("the difference, over variance / 29", (bias_squared - fair_bias) / (variance / 29), 1, 1e-9)
expect("bias² if we had only two models", squared_parts(laws[:2], truth)[0], 0.055, within=0.01)

# %% [markdown]
# From two models the naive bias would be three times too large: half of their variance hides in it.
# From here on we use pairs. Everything needed is in that little table of products, so an interval
# over training sets is cheap, too: leave out one model after the other (the jackknife, with Student's
# t, which holds its 95 % with few models, too).


# %%
def parts(laws, truth):
    """Bias squared, variance (numbers), and intervals of bias squared and of the whole error."""
    table, models = products(laws, truth), torch.arange(len(laws))
    bias = cal.bootstrap_interval(lambda chosen: bias_of(table, chosen), models, method="t")
    error = cal.bootstrap_interval(torch.mean, table.diagonal(), method="t")
    return bias.estimate, error.estimate - bias.estimate, bias, error


# %% [markdown] slideshow={"slide_type": "slide"}
# ## The U-shape
#
# Order 5 sees all that order 1 sees, and more. **Predict first:** with 20 sequences to learn from
# (1,280 words), which order is best?

# %%
my_probability = ...
guess = predict(
    "longer-context-better",
    "After 1,280 words, models of order 5 have a smaller error than models of order 1.",
    my_probability,
)

# %%
sizes = (20, 100, 500)
results = {}
for sequences in sizes:
    for order in range(6):
        results[sequences, order] = parts(many_models(order, sequences), truth)
error_of = {which: bias + variance for which, (bias, variance, *_) in results.items()}
guess.resolve(error_of[20, 5] < error_of[20, 1])

# %%
panels = plots.new_axes(13.5, 4.8, ncols=3, sharey=True)
for ax, sequences in zip(panels, sizes, strict=True):
    bias, variance, in_bias, in_error = zip(
        *(results[sequences, order] for order in range(6)), strict=True
    )
    figures.error_parts(
        [str(order) for order in range(6)],
        bias,
        variance,
        "order",
        "squared error of the law" if ax is panels[0] else "",
        f"{sequences * 64:,} words",
        bias_interval=in_bias,
        error_interval=in_error,
        legend=ax is panels[0],
        ax=ax,
    )
plots.show(panels[0])

# %%
for sequences in sizes:
    best = min(range(6), key=lambda order: error_of[sequences, order])
    expect(f"best order for {sequences * 64:,} words", best, 3 if sequences == 500 else 1)
expect("bias², order 1, 32,000 words", results[500, 1][0], 0.059, within=0.003)
expect("variance, order 5, 1,280 words", results[20, 5][1], 0.20, within=0.01)

# %% [markdown] slideshow={"slide_type": "fragment"}
# Each panel is a U: too little context on the left (bias), too many contexts for the data on the
# right (variance). *There is no best model, only a best model for an amount of data.*
#
# The black strokes are 95 % intervals over training sets, of the bias (left) and of the whole
# error. The test positions are the same in all, so they say nothing about other test text.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### What do more data do?

# %%
smaller = results[100, 1][1] / results[500, 1][1]
expect("variance of order 1, 6,400 against 32,000 words", smaller, 5.0, within=1.0)
change = results[500, 1][0] - results[100, 1][0]
expect("change of its bias² between the two", change, 0.0, within=0.002)

# %% [markdown]
# Five times the data, a fifth of the variance, and the bias does not move. At orders 2 to 5 it
# falls a little, since the smoothing, which is a source of bias, weighs less beside more counts.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Exercise 2: more and more text

# %%
exercises.what_more_data_does.ask()
exercises.what_more_data_does.check(...)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Smoothing: buy less variance with bias
#
# Take order 5 after 6,400 words, which suffers from variance, and turn up the smoothing: more words
# of evidence for the prior.

# %%
strengths = (0.1, 1, 10, 100, 1000)
smoothed = {s: many_models(5, 100, smoothing=s) for s in strengths}
uniform_prior = {s: many_models(5, 100, smoothing=s, backoff=False) for s in strengths}

panels = plots.new_axes(12.0, 4.8, ncols=2, sharey=True)
for ax, family, prior in zip(
    panels, (smoothed, uniform_prior), ("the lower order", "the uniform law"), strict=True
):
    bias, variance, in_bias, in_error = zip(
        *(parts(laws, truth) for laws in family.values()), strict=True
    )
    figures.error_parts(
        [f"{s:g}" for s in strengths],
        bias,
        variance,
        "smoothing (words of evidence)",
        "squared error of the law" if ax is panels[0] else "",
        f"Prior: {prior}",
        bias_interval=in_bias,
        error_interval=in_error,
        legend=ax is panels[0],
        ax=ax,
    )
plots.show(panels[0])

# %%
totals = {s: (laws - truth).square().sum(-1).mean() for s, laws in smoothed.items()}
best = min(totals, key=totals.get)
expect("best smoothing of these, prior the lower order", best, 10)
expect("its error against that of smoothing 0.1", totals[best] / totals[0.1], at_most=0.35)
lowest = min((laws - truth).square().sum(-1).mean() for laws in uniform_prior.values())
expect("lowest error with the uniform prior", lowest, at_least=0.25)

# %% [markdown] slideshow={"slide_type": "fragment"}
# On the left smoothing trades one part for the other, and somewhere between is a good bargain. On
# the right the same rule, with a bad prior, is a bad bargain at any strength: **what you shrink
# towards is what you are biased towards.** So "a more complex model has less bias" is not a law
# either: with the uniform prior, order 5 has a larger bias than order 1, since most of its contexts
# were never read.

# %%
order_1 = squared_parts(many_models(1, 100, backoff=False), truth)[0]
order_5 = squared_parts(uniform_prior[1], truth)[0]
expect("bias² of order 5 over order 1, uniform prior, s = 1", order_5 / order_1, at_least=3)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## The same for the KL divergence
#
# Language models are judged by their log-likelihood, so by $\mathrm{KL}(p \,\|\, q)$, which is no
# square. A number first. Two words, truth 0.5 and 0.5; one model gives the first word 0.9, another
# 0.1. Each is $\frac12 \ln \frac{0.5}{0.9} + \frac12 \ln \frac{0.5}{0.1} = 0.51$ nats from the truth.
# Multiplied and rooted, the two give $\sqrt{0.9 \cdot 0.1} = 0.3$ to each word; divided by the sum, 0.6,
# that is 0.5 and 0.5, the truth itself. So between them they have no bias; all 0.51 nats are
# variance; and $-\ln 0.6$ is just this 0.51.

# %%
two = torch.tensor([[0.9, 0.1], [0.1, 0.9]]).double()
half = torch.tensor([0.5, 0.5]).double()
of_each = (half * (half / two).log()).sum(dim=-1)
product = two.prod(dim=0).sqrt()
expect("KL of each of the two models", of_each.mean(), 0.51, within=0.002)
expect(
    "the same from the sum of the roots, -ln 0.6", -product.sum().log() - of_each.mean(), 0, 1e-9
)

# %% [markdown]
# It is always so. There is an exact split, with another centre (Heskes 1998): the normalised
# **geometric** mean $\tilde q \propto \exp \mathrm{E}[\ln q]$,
#
# $$\mathrm{E}\,\mathrm{KL}(p \,\|\, q) =
# \underbrace{\mathrm{KL}(p \,\|\, \tilde q)}_{\text{bias}} +
# \underbrace{\mathrm{E}\,\mathrm{KL}(\tilde q \,\|\, q)}_{\text{variance}},
# \qquad \text{variance} = -\ln \sum_w \exp \mathrm{E}[\ln q_w] .$$
#
# The variance does not contain $p$: models that disagree have it, whatever the truth is.
#
# ### Exercise 3: the central law


# %%
def my_central_law(laws):
    """Return the normalised geometric mean (V,) of the laws (M, V) of M models."""
    ...


exercises.central_law.check(my_central_law)


# %%
def kl(p, q):
    """Kullback-Leibler divergence of laws (..., N, V), mean over all positions, in nats."""
    return (torch.xlogy(p, p) - torch.xlogy(p, q)).sum(dim=-1).mean()


def kl_parts(laws, truth):
    """Bias and variance of the laws (M, N, V) of M models, in nats."""
    log_means = laws.log().mean(dim=0)
    variance = -log_means.logsumexp(dim=-1).mean()
    return kl(truth, log_means.softmax(dim=-1)), variance


laws = many_models(order=3, sequences=100)
bias, variance = kl_parts(laws, truth)
centre = laws.log().mean(dim=0).softmax(dim=-1)
print(f"KL {kl(truth, laws):.3f} = bias {bias:.3f} + variance {variance:.3f} nats")
expect("what the two parts leave of the KL", kl(truth, laws) - bias - variance, 0, within=1e-12)
expect("variance minus the mean KL from the centre", variance - kl(centre, laws), 0, within=1e-12)

# %% [markdown]
# **Predict first.** For the squared error, order 5 had *less* bias than order 1, after 6,400 words.

# %%
my_probability = ...
guess = predict(
    "kl-bias-falls-too",
    "In KL, too, order 5 has less bias than order 1, after 6,400 words.",
    my_probability,
)

# %%
by_order = [many_models(order, 100) for order in range(6)]
bias, variance = (
    [x.item() for x in part]
    for part in zip(*(kl_parts(laws, truth) for laws in by_order), strict=True)
)
whole = [
    cal.bootstrap_interval(torch.mean, torch.stack([kl(truth, law) for law in laws]), method="t")
    for laws in by_order
]
guess.resolve(bias[5] < bias[1])
plots.show(
    figures.error_parts(
        [str(order) for order in range(6)],
        bias,
        variance,
        "order: words that the model looks at",
        "KL divergence from the truth (nats)",
        "The same models, judged by KL (6,400 words)",
        bias_name="bias",
        error_interval=whole,
    )
)

# %%
expect("KL bias of order 5 minus that of order 1", bias[5] - bias[1], 0.055, within=0.02)
expect("KL variance, order 5", variance[5], 0.77, within=0.05)

many = {order: kl_parts(many_models(order, 100, n_models=120), truth)[0] for order in (1, 5)}
expect("the same difference with 120 models each", many[5] - many[1], 0.03, within=0.015)

# %% [markdown] slideshow={"slide_type": "fragment"}
# The same models: the squared bias fell to a quarter from order 1 to 5, and the bias in KL does not
# fall at all. Why? A geometric mean does not forget: where some models gave a word almost nothing,
# because they never read it there, the centre gives it little, too. Bias and variance belong to
# models *and to a loss*. Both losses agree on the U.
#
# (With few models the KL bias comes out too large as well. There is no trick with pairs here; 120
# models in place of 30 change the number, not the conclusion.)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Variance makes overconfident
#
# Where does this touch calibration? A model picks the word to which it gives most. When its numbers
# scatter, the word on top is there partly because its number was too high by chance: the *optimizer's
# curse* (Smith and Winkler 2006). So its confidence should be too high, the more so, the more
# variance.
#
# ### Exercise 4: overconfidence, without noise
#
# With the true law we need no words: compare the confidence with the true probability of the word
# that the model is most sure of.


# %%
def my_overconfidence(probs, truth):
    """Return mean confidence minus the true probability of the words that the laws
    probs (N, V) are most sure of; truth (N, V) holds the true laws."""
    ...


exercises.overconfidence.check(my_overconfidence)


# %%
def gaps(laws, truth):
    """Overconfidence of each of the models whose laws are (M, N, V): (M,)."""
    confidence, top = laws.max(dim=-1, keepdim=True)
    return (confidence - truth.expand_as(laws).gather(-1, top)).mean(dim=(1, 2))


def mean_interval(values):
    return cal.bootstrap_interval(torch.mean, values, method="t")


plots.show(
    plots.lines_with_intervals(
        [str(order) for order in range(6)],
        {
            "overconfidence": [mean_interval(gaps(laws, truth)) for laws in by_order],
            "variance": [results[100, order][1] for order in range(6)],
            "bias²": [results[100, order][0] for order in range(6)],
        },
        "order: words that the model looks at",
        "probability, or squared error",
        "What does overconfidence follow? (6,400 words)",
        zero="calibrated on average",
    )
)

# %%
mean_gap = [gaps(laws, truth).mean().item() for laws in by_order]
largest = max(error_of[100, order] for order in range(6))
expect("overconfidence of order 0", mean_gap[0], 0.0, within=0.02)
expect("order 0 has the largest error of all", error_of[100, 0] == largest, True)
expect("overconfidence of order 5", mean_gap[5], 0.23, within=0.02)

# %% [markdown] slideshow={"slide_type": "fragment"}
# Overconfidence follows the variance. Order 0 says the same at every position, and is right as
# often as it says: **all bias, calibrated, useless.** Order 5 knows most and overstates what it
# knows. Ask it about the word that *another* of the thirty prefers, and it is right on average: what
# made it too sure was the choosing.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Can smoothing make it calibrated?
#
# Less variance, less overconfidence. And too much bias of the flattening kind should make a model
# too modest. **Predict first:**

# %%
my_probability = ...
guess = predict(
    "calibrated-is-best",
    "Of the five strengths, the one with overconfidence nearest to 0 also has the lowest KL.",
    my_probability,
)

# %%
gap_of = {s: mean_interval(gaps(laws, truth)) for s, laws in smoothed.items()}
kl_of = {s: kl(truth, laws).item() for s, laws in smoothed.items()}
most_honest = min(gap_of, key=lambda s: abs(gap_of[s].estimate))
lowest_kl = min(kl_of, key=kl_of.get)
guess.resolve(most_honest == lowest_kl)

panels = plots.new_axes(12.0, 4.8, ncols=2)
names = [f"{s:g}" for s in strengths]
plots.lines_with_intervals(
    names,
    {"order 5": list(gap_of.values())},
    "smoothing (words of evidence)",
    "mean confidence minus truth",
    "Overconfidence",
    zero="calibrated on average",
    ax=panels[0],
)
plots.lines_with_intervals(
    names,
    {"order 5": list(kl_of.values())},
    "smoothing (words of evidence)",
    "KL from the truth (nats)",
    "Distance from the truth",
    ax=panels[1],
)
plots.show(panels[0])

# %%
print(f"nearest to calibrated: smoothing {most_honest:g}; lowest KL: smoothing {lowest_kl:g}")
expect("overconfidence at smoothing 0.1", gap_of[0.1].estimate, 0.30, within=0.03)
expect("overconfidence at smoothing 1,000", gap_of[1000].estimate, at_most=-0.05)

# %% [markdown]
# Turn one knob, and the same model goes from boastful to timid. Along this knob, the strength that
# is most honest on average is also the best of the five: KL punishes boasting and timidity alike.
# Between *kinds* of models calibration decides nothing: order 0 was honest, too, and far from the
# truth.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Try it: order, data, smoothing
#
# Run the next cell and move the sliders. Find a setting in which order 5 is the best. (The figures
# above are single views of this.)

# %% tags=["nbval-ignore-output"]


@functools.cache
def parts_of(order, sequences, smoothing, backoff):
    table = products(many_models(order, sequences, smoothing, backoff, n_models=8), truth)
    bias = bias_of(table, torch.arange(8)).item()
    return bias, table.diagonal().mean().item() - bias


widget.order_explorer(parts_of)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## And GPTs?
#
# A GPT has a second source of chance: besides its text, the *seed* of its first weights and of the
# order of its batches. Let eight small GPTs read the same 50 sequences (3,200 words) with different
# seeds, and eight more a text of their own each. They train until they nearly know their text by
# heart.


# %%
@functools.cache
def gpt_law(text_seed, seed, sequences=50):
    """Train a small GPT; return its laws (N, V) at the test positions."""
    text = language.sample(sequences, seed=text_seed)
    shape = GPTConfig(vocab_size=V, context=64, width=32, n_layers=1, n_heads=4)
    model = GPT(shape, torch.Generator().manual_seed(seed))
    train(model, text, TrainingConfig(steps=300, batch_size=16, seed=seed), progress=False)
    return sequence_logits(model, test).double().softmax(dim=-1).flatten(0, 1)


own_text = torch.stack([gpt_law(i, i) for i in range(8)])
same_text = torch.stack([gpt_law(0, i) for i in range(8)])

# %% [markdown] slideshow={"slide_type": "slide"}
# **Negative control.** With the same text *and* the same seed there is nothing left to vary, so the
# variance must be 0. If it were not, we would be measuring something else.

# %%
again = gpt_law.__wrapped__(0, 0)  # not from the cache: trained once more
twice = torch.stack([gpt_law(0, 0), again])
expect("variance of a GPT trained twice alike", squared_parts(twice, truth)[1], 0, within=1e-12)

# %%
bias_own, variance_own, *interval_own = parts(own_text, truth)
bias_same, variance_same, *interval_same = parts(same_text, truth)
in_bias, in_error = zip(interval_own, interval_same, strict=True)

plots.show(
    figures.error_parts(
        ["own text,\nown seed", "same text,\nown seed"],
        [bias_own, bias_same],
        [variance_own, variance_same],
        "what differs between the models",
        "squared error of the law",
        "Eight GPTs, 3,200 words each",
        bias_interval=in_bias,
        error_interval=in_error,
    )
)

# %%
expect("bias² over the whole error, own texts", bias_own / (bias_own + variance_own), at_most=0.3)
expect(
    "variance from the seed alone, over the whole", variance_same / variance_own, 0.8, within=0.2
)
expect("what the same text misleads all of them into", bias_same - bias_own, at_least=0.02)

# %% [markdown] slideshow={"slide_type": "fragment"}
# Much of the variance is there with the text held fixed: here most of it, with twice the text two
# fifths. These GPTs fill what the text leaves open
# each in their own way. What their one text misleads them all into has moved to the "bias": shared
# error.
#
# *What counts as bias depends on what you vary.*

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Ensembles: averaging takes variance away
#
# Let $M$ models vote: average their probabilities. What they all get wrong stays; what each gets
# wrong in its own way shrinks to one $M$-th.
#
# ### Exercise 5: predict an ensemble's error


# %%
def my_ensemble_error(bias_squared, variance, members):
    """Return the expected squared error of the average of `members` models."""
    ...


exercises.ensemble_error.check(my_ensemble_error)

# %%
my_probability = ...
guess = predict(
    "ensemble-halves-overconfidence",
    "Averaging eight GPTs of the same text takes away more than half of their overconfidence.",
    my_probability,
)


# %%
def ensembles(laws, members):
    """Laws of the 8 / members ensembles that eight models form, each the mean of its members."""
    return laws.unflatten(0, (-1, members)).mean(dim=1)


members = (1, 2, 4, 8)
families = {"own text": own_text, "same text": same_text}
squared = {
    name: [(ensembles(laws, m) - truth).square().sum(-1).mean().item() for m in members]
    for name, laws in families.items()
}
overconfident = {
    name: [gaps(ensembles(laws, m), truth).mean().item() for m in members]
    for name, laws in families.items()
}
guess.resolve(overconfident["same text"][-1] < overconfident["same text"][0] / 2)

# %%
plots.show(
    figures.ensemble_lines(
        members,
        squared,
        {"own text": (bias_own, variance_own), "same text": (bias_same, variance_same)},
        "squared error of the law",
        "An average of M models: bias² + variance / M",
    )
)

# %%
for name, bias, variance in (
    ("own text", bias_own, variance_own),
    ("same text", bias_same, variance_same),
):
    wrong = max(abs(e - (bias + variance / m)) for e, m in zip(squared[name], members, strict=True))
    expect(f"{name}: largest miss of the line, over the variance", wrong / variance, at_most=0.05)

# %% [markdown] slideshow={"slide_type": "fragment"}
# The lines were computed from single models and their pairs, and the averages of 2 and of 4 lie on
# them. (Those of 1 and 8 must, by algebra: we have no more than these eight models.) Extended to
# the left, a line ends at the bias: no number of voters goes below.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### What the vote does for calibration
#
# Now everything that a user would measure (NLL and ECE, from the words that came) beside what only
# we can know (KL and the calibration error, from the true law). The first $M$ of the same-text
# models:


# %%
def report(law):
    """What one law (N, V) is worth: measured on the words, and against the truth."""
    confidence, top = law.max(dim=-1)
    correct = top == came
    at_top = truth.gather(-1, top[:, None]).squeeze(-1)
    sentence = torch.arange(len(came)) // (test.shape[1] - 1)
    return {
        "NLL": -law.gather(-1, came[:, None]).log().mean().item(),
        "KL": kl(truth, law).item(),
        "ECE": cal.ece_interval(confidence, correct, groups=sentence),
        "true error": cal.true_calibration_error(confidence, at_top),
    }


votes = [report(same_text[:m].mean(dim=0)) for m in members]

# %%
panels = plots.new_axes(12.0, 4.8, ncols=2)
plots.lines_with_intervals(
    [str(m) for m in members],
    {
        "NLL (from the words)": [vote["NLL"] for vote in votes],
        "KL (from the truth)": [vote["KL"] for vote in votes],
    },
    "models averaged",
    "nats a word",
    "Distance from the truth",
    ax=panels[0],
)
plots.lines_with_intervals(
    [str(m) for m in members],
    {
        "ECE (from the words)": [vote["ECE"] for vote in votes],
        "true (from the truth)": [vote["true error"] for vote in votes],
    },
    "models averaged",
    "calibration error",
    "Calibration",
    ax=panels[1],
)
panels[1].set_ylim(bottom=0)
plots.show(panels[0])

# %%
expect("KL of eight over that of one", votes[-1]["KL"] / votes[0]["KL"], 0.38, within=0.1)
both = [vote["true error"] for vote in votes]
expect("true calibration error of one GPT", both[0], 0.36, within=0.08)
expect("of eight, over that of one", both[-1] / both[0], 0.32, within=0.09)
closest = max(abs(vote["ECE"].estimate - vote["true error"]) for vote in votes)
expect("largest difference of ECE and true calibration error", closest, at_most=0.04)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### The gain is the variance, to the last digit
#
# For the squared error the average of these eight gains exactly their own variance, their
# *ambiguity* (Krogh and Vedelsby 1995). In KL the same holds for the geometric mean, that is for
# averaged logits. What averaged *probabilities* gain is never negative either, but is another
# number.

# %%
single = (same_text - truth).square().sum(dim=-1).mean()
voted = (same_text.mean(dim=0) - truth).square().sum(dim=-1).mean()
_, ambiguity = squared_parts(same_text, truth)
expect("squared error: gain minus variance", single - voted - ambiguity, 0, within=1e-12)

log_pool = same_text.log().mean(dim=0).softmax(dim=-1)
_, ambiguity = kl_parts(same_text, truth)
gain = kl(truth, same_text) - kl(truth, log_pool)
expect("KL, averaged logits: gain minus variance", gain - ambiguity, 0, within=1e-12)
other_gain = kl(truth, same_text) - kl(truth, same_text.mean(dim=0))
expect("KL, averaged probabilities: their gain over that", other_gain / gain, at_least=1.0)

# %% [markdown]
# Here averaged probabilities gain more: where one member says "never" and another says "perhaps",
# the arithmetic mean keeps the "perhaps". That is also the cure for overconfidence.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### An honest comparison
#
# Eight models with eight texts have read eight times as much as one. What would *one* GPT have made
# of as many words? One such GPT might be lucky, so we train four, each with a text and a seed of its
# own, for as many steps as each of the eight.

# %%
kl_vote = kl(truth, own_text.mean(dim=0)).item()
kl_one = [kl(truth, gpt_law(100 + i, i, sequences=400)).item() for i in range(4)]
over_vote = torch.tensor(kl_one) / kl_vote
expect("KL of one GPT on 400 sequences, over that of eight: mean of 4", over_vote.mean(), 0.3, 0.08)
expect("the worst of the four", over_vote.max(), at_most=0.45)

# %% [markdown]
# Every one of the four comes far closer to the truth than the vote, with an eighth of the computing.
# (Where each member has read more, the vote comes nearer.) If you have more text, train on it. Ensembles are for the variance that is left when the text is
# used up, such as that of the seed, and cost $M$ times the computing.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Exercise 6: what helps?

# %%
exercises.what_to_do.ask()
exercises.what_to_do.check(...)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## What you learned
#
# - Bias is what the *average* model gets wrong; variance is how single models scatter around that
#   average, and can be measured without the truth. Bias and noise cannot be parted without it. For the squared error they add up to the error, and the noise of the words comes on
#   top.
# - Bias is what two independent models get wrong alike: so it can be measured fairly from pairs.
# - More context: less bias, more variance; hence the U, whose bottom moves right, if it moves, with
#   more data.
# - Data lower variance, not the bias of the kind of model. Smoothing buys less variance with bias
#   towards its prior, and the prior decides whether that is a bargain.
# - KL splits as exactly, around the geometric mean, with other parts: they belong to the loss, too.
# - Turn one knob, and overconfidence follows variance. All bias and no variance can be calibrated, and useless.
# - An ensemble's squared error is bias² + variance / M, known before it is trained.
#
# ## Common misconceptions
#
# - *"High variance means rarely wrong, but unsteady."* So says the article from which this course
#   grew. Variance is error like bias: with the same total, one is just as far from the truth on
#   average.
# - *"A biased model is wrong in certain cases."* Every model is. Bias is what *all* models of a
#   kind, whatever they read, get wrong on average.
# - *"More data reduce bias."* They reduce variance; bias only as far as it came from smoothing.
# - *"A bigger model has less bias and more variance, always."* Often, here. With the uniform prior
#   the bias grew with the order, and very large networks can get better again beyond the point
#   where they fit their data perfectly (double descent), which we did not test here.
# - *"Ensembles make any model better calibrated."* They take overconfidence away. A model that is
#   too modest gets more modest still.
# - *"Bias means unfairness."* That is another word, spelt the same. A model can be fair and biased
#   in this sense, or unfair without.
#
# ## Further reading
#
# - S. Geman, E. Bienenstock, R. Doursat, *Neural networks and the bias/variance dilemma*, Neural
#   Computation 4, 1992.
# - T. Heskes, *Bias/variance decompositions for likelihood-based estimators*, Neural Computation
#   10, 1998: the split of the KL divergence.
# - A. Krogh, J. Vedelsby, *Neural network ensembles, cross validation, and active learning*, NIPS
#   1994.
# - B. Lakshminarayanan, A. Pritzel, C. Blundell, *Simple and scalable predictive uncertainty
#   estimation using deep ensembles*, NeurIPS 2017.
# - M. Belkin, D. Hsu, S. Ma, S. Mandal, *Reconciling modern machine-learning practice and the
#   classical bias-variance trade-off*, PNAS 116, 2019: double descent.
# - J. E. Smith, R. L. Winkler, *The optimizer's curse: skepticism and postdecision surprise in
#   decision analysis*, Management Science 52, 2006.
# - D. J. C. MacKay, L. C. Bauman Peto, *A hierarchical Dirichlet language model*, Natural Language
#   Engineering 1, 1995: the smoothing used here.

# %% tags=["nbval-ignore-output"]
from coursekit.chapters import progress

progress()

# %% [markdown]
# **Next:** [10 Calibration methods](10_calibration_methods.ipynb): the overfit model as a patient,
# and what each cure mends.
