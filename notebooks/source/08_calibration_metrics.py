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
# # 08 Calibration metrics
#
# One library reports an expected calibration error of 0.05. Another, given the same 600 answers,
# says 0.11. And a forecaster who knows the exact truth gets 0.11 as well. Are the numbers wrong? No:
# they are *estimates*, made with choices that nobody wrote down. In this notebook you learn to make such
# numbers, to see through them, and to report one that can be trusted.
#
# **You will be able to**
# - compute accuracy, precision, recall, F1, NLL, perplexity, Brier score and ECE by hand, and say when
#   F1 misleads;
# - say by how much an ECE is too high, and how it depends on the sample and on the bins;
# - tell apart ECE, MCE, class-wise, adaptive, debiased, sweep and smooth errors by what they estimate;
# - give an ECE an interval that contains the truth, and test calibration with a false-alarm rate that
#   you have checked yourself;
# - read a reliability diagram without bins, and plan how many answers a question needs;
# - separate calibration from ranking (AUROC, risk-coverage);
# - explain why two libraries disagree.
#
# **Time:** about 95 minutes; all cells together run in less than a minute.
#
# **On the map:** the second notebook of Part II. Before it: what calibration is. After it: where
# wrong probabilities come from (09), and how they are repaired (10).

# %%
import math

import numpy as np
import relplot
import sklearn.metrics
import torch
import torchmetrics.functional.classification as torchmetrics
from netcal.metrics import ECE, MCE
from sklearn.calibration import calibration_curve
from sklearn.isotonic import IsotonicRegression

# %%
from coursekit import calibration as cal, expect, plots, predict
from coursekit.chapters.calibration_metrics import exercises, figures, widget
from coursekit.data import grammar

torch.set_num_threads(1)  # small arrays: a second thread waits more than it works

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Before you start: three questions
#
# Answer from memory: replace each `...` by a letter in quotes. A wrong answer costs nothing and is
# explained.

# %%
exercises.what_the_liar_knows.ask()
exercises.what_the_liar_knows.check(...)

# %%
exercises.who_is_calibrated.ask()
exercises.who_is_calibrated.check(...)

# %%
exercises.what_the_loss_floor_is.ask()
exercises.what_the_loss_floor_is.check(...)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## A broken result
#
# A chatbot was told to end each answer with its confidence. It says only "80 %", "85 %", "90 %",
# "95 %" or "100 %". Here are 600 of its answers, and how many of each were right.

# %%
said = torch.tensor([0.80, 0.85, 0.90, 0.95, 1.00], dtype=torch.double)
times = torch.tensor([80, 120, 240, 100, 60])
right = torch.tensor([60, 114, 182, 100, 51])

chatbot = said.repeat_interleave(times)
was_right = torch.cat([torch.arange(n) < k for n, k in zip(times, right, strict=True)])
for p, n, k in zip(said, times, right, strict=True):
    print(f"said {p:4.0%}  {n:3} times, right {k / n:4.0%}")

# %% [markdown]
# You recall the **expected calibration error** from notebook 07: the mean distance between what was
# said and how often it happened. Libraries first sort the statements into *bins*. Three of them, and
# ours, are asked for it: at their own default, and with 10 and 20 bins.
#
# **Predict first:** the same 600 answers, the same number of bins.

# %%
my_probability = ...
guess = predict(
    "libraries-agree-on-ece",
    "With 20 bins, the four libraries agree on the ECE to within 0.01.",
    my_probability,
)


# %%
def relplot_ece(confidence, correct, n_bins):
    return relplot.metrics.binnedECE(confidence.numpy(), correct.double().numpy(), nbins=n_bins)


def torchmetrics_ece(confidence, correct, n_bins):
    return torchmetrics.binary_calibration_error(confidence, correct.long(), n_bins=n_bins).item()


def netcal_ece(confidence, correct, n_bins):
    return ECE(n_bins).measure(confidence.numpy(), correct.long().numpy())


libraries = {
    "netcal": (netcal_ece, 10),
    "relplot": (relplot_ece, 10),
    "torchmetrics": (torchmetrics_ece, 15),
    "coursekit": (cal.expected_calibration_error, 15),
}

# %%
print(f"{'':13} default  10 bins  20 bins")
for name, (ece, default) in libraries.items():
    columns = [ece(chatbot, was_right, n_bins) for n_bins in (default, 10, 20)]
    print(f"{name:13}" + "".join(f"{value:9.3f}" for value in columns))

twenty = [ece(chatbot, was_right, 20) for ece, _ in libraries.values()]
guess.resolve(max(twenty) - min(twenty) < 0.01)

# %% [markdown]
# More than a factor of two, for one set of answers. With so few different statements no bins are
# needed at all. Exactly, value by value:

# %%
exact = (times / 600 * (right / times - said).abs()).sum()
ours = cal.expected_calibration_error(chatbot, was_right, binning="discrete")
expect("ECE, value by value", exact, 64 / 600, within=1e-6)
expect('ours with binning="discrete"', ours, 64 / 600, within=1e-6)
expect("largest minus smallest of the last column", max(twenty) - min(twenty), at_least=0.02)

# %% [markdown]
# What happened? "85 %" was right too often and "90 %" too seldom. Whoever puts these two into one bin
# lets them cancel; whoever cuts elsewhere lets others cancel. With 20 bins every statement lies
# *exactly on the border* of two bins, and on which side it falls is decided by the habits of a library
# and by rounding in the sixteenth digit.
#
# So a calibration error is never just a number. In the rest of this notebook we take it apart, on
# data of which we know the truth.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Two models with a known truth
#
# The language is the **grammar** of notebook 06: 53 words, and after every beginning of a text the
# exact probability of each next word. Two models read it:
#
# - the **oracle** states the true probabilities: it is perfectly calibrated;
# - the **sharpened** one squares them and divides by the sum: same best word, much too sure.
#
# The *confidence* is the probability of the most likely word, and `correct` says whether it came.

# %%
language = grammar()
texts = language.sample(500, seed=8)
probs = language.next_token_probs(texts)[:, :-1].flatten(0, 1)  # (N, V)
probs = probs.round(decimals=9)  # so that equal ones are equal on every machine
labels = texts[:, 1:].flatten()
text_of = torch.arange(len(texts)).repeat_interleave(texts.shape[1] - 1)
sharpened_probs = (probs**2 / (probs**2).sum(dim=1, keepdim=True)).round(decimals=9)

oracle, correct = cal.top_label(probs, labels)
sharpened, also_correct = cal.top_label(sharpened_probs, labels)
true_chance = oracle  # of the most likely word, which is the same for both models

print(f"{len(labels):,} words, accuracy of both models {correct.double().mean():.2f}")
print(f"mean confidence: oracle {oracle.mean():.2f}, sharpened {sharpened.mean():.2f}")
expect("words on which the two are right together", (correct == also_correct).double().mean(), 1.0)

# %% [markdown]
# From now on we can do what nobody can in real life: draw a fresh sample of any size, let each best
# word come with its *true* chance, and know what every estimate should have been.


# %%
def sample(confidence, n, generator):
    """n predictions at random, and whether each comes true this time."""
    drawn = torch.randint(len(confidence), (n,), generator=generator)
    luck = torch.rand(n, dtype=torch.double, generator=generator)
    return confidence[drawn], luck < true_chance[drawn]


models = {"oracle": oracle, "sharpened": sharpened}
true_ece = {
    name: cal.true_calibration_error(confidence, true_chance) for name, confidence in models.items()
}
expect("true calibration error of the oracle", true_ece["oracle"], 0, within=1e-9)
expect("true calibration error of the sharpened", true_ece["sharpened"], 0.212, within=0.005)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Scores you have met, a line each
#
# $p_i(v)$ is the stated probability of word $v$ at position $i$, and $y_i$ the word that came.
#
# | score | formula | best | proper |
# | --- | --- | --- | --- |
# | accuracy | share of $y_i = \arg\max_v p_i(v)$ | 1 | not strictly |
# | negative log-likelihood | $-\frac1N \sum_i \ln p_i(y_i)$, in nats | 0 | yes |
# | perplexity | $\exp(\mathrm{NLL})$ | 1 | in the long run only: see below |
# | Brier | $\frac1N \sum_i \sum_v (p_i(v) - [v = y_i])^2$ | 0 | yes |
#
# Written out, and **checked** against scikit-learn.

# %%
one_hot = torch.nn.functional.one_hot(labels, probs.shape[1]).double()
print(f"{'':10} accuracy  NLL (nats)  perplexity  Brier")
for name, p in (("oracle", probs), ("sharpened", sharpened_probs)):
    accuracy = (p.argmax(dim=1) == labels).double().mean()
    nll = -p[torch.arange(len(p)), labels].log().mean()
    brier = ((p - one_hot) ** 2).sum(dim=1).mean()
    print(f"{name:10}{accuracy:9.3f}{nll:12.3f}{nll.exp():12.2f}{brier:7.3f}")

    classes = range(p.shape[1])
    assert abs(nll - sklearn.metrics.log_loss(labels, p, labels=classes)) < 1e-9
    assert abs(accuracy - sklearn.metrics.accuracy_score(labels, p.argmax(dim=1))) < 1e-12
    assert abs(nll - cal.negative_log_likelihood(p, labels)) < 1e-9
    assert abs(brier - cal.brier_score(p, labels)) < 1e-9

# %% [markdown]
# And perplexity? It orders models as the NLL does, on the same text. But *proper* is a property of the
# expectation, and the expectation of an exponential is another thing. Somebody is judged by the
# perplexity of $N$ words, of which each is "yes" with the true chance 0.9. What should they state?

# %%
stated = torch.linspace(0.5, 0.999, 500, dtype=torch.double)
for n, target in ((1, 0.75), (5, 0.86), (20, 0.89)):
    # The words are independent, so the expectation of the product is a product.
    expected = (0.9 * stated ** (-1 / n) + 0.1 * (1 - stated) ** (-1 / n)) ** n
    expect(f"best statement, perplexity of {n} words", stated[expected.argmin()], target, 0.005)
expected_nll = -(0.9 * stated.log() + 0.1 * (1 - stated).log())
expect("best statement, NLL", stated[expected_nll.argmin()], 0.9, within=0.001)

# %% [markdown]
# Judged by the perplexity of a short text it pays to be more modest than the truth: a single bad
# surprise costs too much. Report the NLL, and perplexity as a way of saying it.
#
# In the table accuracy sees no difference; the proper scores do. But they mix two things: how much a model knows
# and whether its numbers are honest. The calibration errors below look at the second alone.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Exercise 1: the negative log-likelihood
#
# The most usual mistake in all of language modelling hides here. Write it.


# %%
def my_nll(probs, labels):
    """Return the mean NLL, in nats, of probs (N, V) and labels (N,)."""
    ...


exercises.nll.check(my_nll)

# %% [markdown]
# Stuck? Run `exercises.nll.hint()`, and in the end `.solution()`.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Precision, recall and F1
#
# For one class, say the word "once": **precision** is the share of the times it was predicted that
# it came, **recall** the share of the times it came that it was predicted. **F1** is their harmonic
# mean, high only if both are.
#
# $$P = \frac{TP}{TP + FP}, \qquad R = \frac{TP}{TP + FN}, \qquad
#   F_1 = \frac{2 P R}{P + R} = \frac{2\,TP}{2\,TP + FP + FN}$$
#
# With 53 classes they can be averaged in several ways, and each gives another number.

# %%
predicted = probs.argmax(dim=1)
for average in ("micro", "macro", "weighted"):
    ours = cal.f1_score(predicted, labels, average=average)
    theirs = sklearn.metrics.f1_score(labels, predicted, average=average, zero_division=0)
    assert abs(ours - theirs) < 1e-12
    print(f"{average:>8} F1 of the oracle: {ours:.2f}")

# %% [markdown]
# *Micro* counts all predictions together and is the accuracy. *Macro* gives each of the 53 words the
# same say, *weighted* as much as it occurs. Nobody can predict this language better than the oracle;
# its macro F1 only says that rare words are rarely the best guess.
#
# **Predict first:** after "at" comes "last" (85 %) or "once" (15 %). The oracle states exactly that.
# What is its F1 for the word "once"?

# %%
my_probability = ...
guess = predict(
    "oracle-f1-rare",
    "Predicting 'once' when it is the most likely word, the oracle's F1 for it is above 0.2.",
    my_probability,
)

# %%
once = language.tokenizer.encode("once")[0]
came, chance = labels == once, probs[:, once]


def f1_at(threshold):
    """F1 of the word "once", predicted wherever its probability is above the threshold."""
    return cal.f1_score((chance > threshold).long(), came.long(), average="binary", positive=1)


guess.resolve(f1_at(0.5) > 0.2)
print(
    f"'once' is {came.double().mean():.1%} of all words, and the oracle expects {chance.mean():.1%}"
)
print(f"F1 if it is predicted above 50 %: {f1_at(0.5):.2f}, above 10 %: {f1_at(0.1):.2f}")
expect("F1 at the threshold 0.5", f1_at(0.5), 0.0)
expect("F1 at the threshold 0.1", f1_at(0.1), 0.24, within=0.06)

# %% [markdown]
# A forecaster with perfect knowledge and perfect probabilities has F1 = 0, and gets a better one by
# crying "once!" where it is wrong more than four times in five. F1 judges the *decision* at one
# threshold, not the probabilities. It also forgets the true negatives, so it changes when the two classes swap names:

# %%
happens = torch.tensor([True] * 90 + [False] * 10)
always_yes = torch.ones(100, dtype=torch.long)
for positive, meaning in ((1, "the common class"), (0, "the rare class")):
    f1 = cal.f1_score(always_yes, happens.long(), average="binary", positive=positive)
    print(f"always 'yes', positive means {meaning}: F1 = {f1:.2f}")

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Exercise 2: F1


# %%
def my_f1(predicted, happened):
    """Return the F1 of the class True; predicted (N,) and happened (N,) are bool."""
    ...


exercises.f1.check(my_f1)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## The reliability diagram, by hand
#
# Confidences are rarely equal, so we group similar ones: $B$ bins of equal width. Bin $b$ holds the
# confidences in $(\frac{b-1}{B}, \frac{b}{B}]$, and the first one 0 as well. For each we need how many there are, how sure they
# are on average, and how often they were right.

# %%
n_bins = 15
some, happened = sample(sharpened, 2000, torch.Generator().manual_seed(1))

bin_of = ((some * n_bins).ceil().long() - 1).clamp(min=0)  # 0 belongs to the first bin
count = bin_of.bincount(minlength=n_bins)
confidence_in_bin = bin_of.bincount(weights=some, minlength=n_bins) / count
accuracy_in_bin = bin_of.bincount(weights=happened.double(), minlength=n_bins) / count

ax = plots.new_axes(6.0, 5.4)
ax.plot([0, 1], [0, 1], "--", color="gray")
ax.plot(confidence_in_bin, accuracy_in_bin, "o")
ax.set(xlabel="mean confidence in the bin", ylabel="accuracy in the bin (fraction correct)")
ax.set(title="2,000 words, sharpened model, by hand", xlim=(0, 1), ylim=(0, 1))
plots.show(ax)

# %% [markdown]
# The package draws the same points, with intervals, the histogram, and what chance alone would give.
# **Check:** the numbers agree, also with scikit-learn's `calibration_curve` (which drops empty bins).

# %%
plots.show(
    plots.reliability_diagram(some, happened, n_bins=n_bins, title="The same, with intervals")
)
bins = cal.reliability_bins(some, happened, n_bins)
used = count > 0
frequency, mean_confidence = calibration_curve(happened, some, n_bins=n_bins)
expect("bins with predictions", int(used.sum()), len(frequency))
expect("difference from the package", (bins.accuracy - accuracy_in_bin)[used].abs().max(), 0, 1e-9)
expect(
    "difference from scikit-learn", np.abs(frequency - accuracy_in_bin[used].numpy()).max(), 0, 1e-9
)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## The ECE, by hand
#
# The mean gap, each bin weighted by its share of the $N$ predictions:
#
# $$\mathrm{ECE} = \sum_{b=1}^{B} \frac{n_b}{N} \, \bigl| \mathrm{acc}(b) - \mathrm{conf}(b) \bigr|$$


# %%
def ece_by_hand(confidence, correct, n_bins):
    bin_of = ((confidence * n_bins).ceil().long() - 1).clamp(min=0)
    total = 0.0
    for b in bin_of.unique():
        inside = bin_of == b
        gap = correct[inside].double().mean() - confidence[inside].mean()
        total += inside.double().mean() * gap.abs()
    return total.item()


by_hand = ece_by_hand(some, happened, 15)
for name, (ece, _) in libraries.items():
    expect(f"{name} minus ours by hand", ece(some, happened, 15) - by_hand, 0, within=1e-6)
expect("ECE of the sharpened, 2,000 words", by_hand, 0.21, within=0.025)
edges = torch.tensor([0.0, 0.1, 0.2, 0.6, 1.0]).double(), torch.tensor([1, 0, 1, 0, 0]).bool()
difference = ece_by_hand(*edges, 5) - cal.expected_calibration_error(*edges, 5)
expect("on 0, 1 and borders, by hand minus ours", difference, 0, within=1e-6)

# %% [markdown]
# This time all agree. Confidences that are spread out rarely lie on a border. Disagreement needs
# round numbers, and those come from chatbots and from people.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Exercise 3: the ECE
#
# Write it yourself; 0 belongs to the first bin. Twelve wrong ways look right, and five of these are
# wrong only at 0, at 1 or on a border. The checker knows them.


# %%
def my_ece(confidence, correct, n_bins):
    """Return the ECE of confidence (N,), correct (N,), with n_bins bins (a, b]."""
    ...


exercises.ece.check(my_ece)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## The perfect model has an error
#
# The second broken result. The oracle's true calibration error is 0. Draw 100 words and estimate it.
#
# **Predict first:**

# %%
my_probability = ...
guess = predict(
    "oracle-ece-100",
    "On 100 words, the oracle's ECE with 15 bins is below 0.05.",
    my_probability,
)

# %%
generator = torch.Generator().manual_seed(2)
ten_times = [
    cal.expected_calibration_error(*sample(oracle, 100, generator), n_bins=15) for _ in range(10)
]
print("ten samples of 100:", ", ".join(f"{value:.2f}" for value in ten_times))
guess.resolve(ten_times[0] < 0.05)

# %% [markdown]
# Why? With seven predictions in a bin the accuracy misses its expectation by chance, sometimes up,
# sometimes down. The ECE takes *absolute values*, so these misses do not cancel: they add up. The
# estimate is **biased upward**. How fast does it fall as samples grow?

# %%
sizes = [100, 300, 1000, 3000, 10_000, 30_000]
estimates = {}
for name, confidence in models.items():
    rows = [
        [cal.expected_calibration_error(*sample(confidence, n, generator)) for _ in range(200)]
        for n in sizes
    ]
    estimates[name] = torch.tensor(rows, dtype=torch.double)

plots.show(
    figures.error_estimates(
        sizes, estimates, true_ece, "predictions in the sample, N", "Estimated ECE, 15 bins"
    )
)

# %%
for n, values in zip(sizes, estimates["oracle"], strict=True):
    low, high = values.quantile(torch.tensor([0.025, 0.975]).double())
    print(f"oracle, N = {n:6,}: mean ECE {values.mean():.3f}, middle 95 % {low:.2f} to {high:.2f}")
for n, target, within in ((100, 0.112, 0.008), (1000, 0.035, 0.003), (10_000, 0.011, 0.001)):
    mean = estimates["oracle"][sizes.index(n)].mean()
    expect(f"mean ECE of the oracle, N = {n:,}", mean, target, within)

# %% [markdown]
# A hundred times the data, a tenth of the bias. That is no accident. In a bin with $n_b$ predictions
# of true chance $p_b$ the gap is nearly normal with variance $p_b (1 - p_b) / n_b$, and the mean
# absolute value of a normal variable is $\sqrt{2/\pi}$ of its standard deviation:
#
# $$E[\mathrm{ECE}] \approx \sqrt{\frac2\pi} \; \sum_b \frac{n_b}{N} \sqrt{\frac{p_b (1-p_b)}{n_b}}
#   \;\propto\; \sqrt{\frac{B}{N}} .$$
#
# **Check** the simulation by the formula. (Within a bin we take the mean of $p (1 - p)$. The last
# step takes all bins for equally full.)

# %%
bin_of = ((oracle * 15).ceil().long() - 1).clamp(min=0)
share = bin_of.bincount(minlength=15) / len(oracle)
variance = bin_of.bincount(weights=oracle * (1 - oracle), minlength=15) / len(oracle) / share
variance = variance.nan_to_num()
for n in (1000, 10_000):
    theory = math.sqrt(2 / math.pi) * (share * (variance / (share * n).clamp(min=1)).sqrt()).sum()
    simulated = estimates["oracle"][sizes.index(n)].mean()
    expect(f"simulated over theory, N = {n:,}", simulated / theory, 1.0, within=0.06)

# %% [markdown]
# The sharpened model has a large true error, and there the bias nearly vanishes: gaps that all point
# down do not pretend. *An ECE is most misleading exactly where a model is good.*

# %% [markdown] slideshow={"slide_type": "slide"}
# ## How many bins?
#
# Were all bins equally full, the formula would say $\sqrt{B}$. Here confidences crowd in few of them, and
# four times the bins make the bias about one and a half times as large. Fewer bins hide: with a single
# bin all that is left is the overall gap, confidence minus accuracy.

# %%
bin_numbers = [1, 2, 5, 10, 20, 50, 100]
by_bins = {name: torch.zeros(len(bin_numbers), 100) for name in models}
for name, confidence in models.items():
    for j in range(100):
        drawn = sample(confidence, 1000, generator)
        for i, n_bins in enumerate(bin_numbers):
            by_bins[name][i, j] = cal.expected_calibration_error(*drawn, n_bins)

plots.show(
    figures.error_estimates(
        bin_numbers, by_bins, true_ece, "bins of equal width", "Estimated ECE of 1,000 words"
    )
)
expect("oracle, 1 bin", by_bins["oracle"][0].mean(), 0.012, within=0.004)
expect("oracle, 100 bins", by_bins["oracle"][-1].mean(), 0.061, within=0.006)

# %% [markdown]
# Same data, same model, and any value between 0.01 and 0.06. A difference of 0.02 between two papers
# may be nothing but bins. *Report the number of bins and the number of predictions, always.*

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Try it: watch the estimate wander
#
# Below is one position: the oracle, N = 300, 15 bins. Run the cell after it and move. Where does the
# mean of 200 samples meet the true error? How small can you make N before oracle and sharpened can no
# longer be told apart?

# %%
plots.show(widget.estimate_view(oracle, true_chance, n=300, n_bins=15))

# %% tags=["nbval-ignore-output"]

widget.estimate_explorer({name: (confidence, true_chance) for name, confidence in models.items()})

# %% [markdown] slideshow={"slide_type": "slide"}
# ## A zoo of calibration errors
#
# Each was invented to mend something.
#
# | error | what it changes | aims at |
# | --- | --- | --- |
# | ECE, quantile bins | bins with equally many predictions | no empty or thin bins |
# | MCE | the *largest* gap of all bins | the worst case |
# | l2 | root of the mean *squared* gap | Brier's reliability |
# | debiased l2 | subtracts what chance adds to the squares | the bias |
# | sweep | as many bins as keep accuracies rising | the choice of bins |
# | smooth (smECE) | a kernel instead of bins, its width chosen by the error itself | the borders |
# | kernel (debiased) | compares all pairs of predictions | the bias, and the borders |
#
# All of them, on the same 60 samples of 1,000 words, beside one sample of 30,000 in which little is
# left of chance.

# %%
zoo = {
    "ECE, 15 uniform bins": cal.expected_calibration_error,
    "ECE, 15 quantile bins": lambda c, y: cal.expected_calibration_error(c, y, binning="quantile"),
    "MCE": lambda c, y: cal.expected_calibration_error(c, y, norm="max"),
    "l2": lambda c, y: cal.expected_calibration_error(c, y, norm="l2"),
    "debiased l2": cal.debiased_calibration_error,
    "sweep": cal.sweep_calibration_error,
    "smooth (smECE)": cal.smooth_calibration_error,
    "kernel, debiased": lambda c, y: cal.kernel_calibration_error(c, y, debiased=True),
}
small = {name: [sample(c, 1000, generator) for _ in range(60)] for name, c in models.items()}
large = {name: sample(c, 30_000, generator) for name, c in models.items()}

print(f"{'':22}{'oracle':>14}{'30,000':>9}{'sharpened':>17}{'30,000':>9}")
for key, error in zoo.items():
    line = f"{key:22}"
    for name in models:
        values = torch.tensor([error(*drawn) for drawn in small[name]], dtype=torch.double)
        line += f"{values.mean():9.2f} ± {values.std():.2f}{error(*large[name]):8.2f} "
    print(line.rstrip())

# %%
for norm, within in (("l1", 0.01), ("l2", 0.01), ("max", 0.04)):
    exact = cal.true_calibration_error(sharpened, true_chance, norm=norm)
    seen = cal.expected_calibration_error(*large["sharpened"], norm=norm)
    expect(f"sharpened, {norm}: 30,000 words minus the truth", seen - exact, 0, within)

# %% [markdown]
# Mean and standard deviation over the samples. For the oracle every entry should be 0.
#
# - **MCE** is the worst by far: the largest of many noisy gaps is mostly noise.
# - **Quantile bins** do not mend the bias: nearly as many bins, nearly as much chance.
# - **Debiased, sweep, smooth** are nearer to 0, and lose nothing on the sharpened model.
# - **l2 and kernel** are in the same unit, a probability, but are other means of it: of squares, and of
#   pairs. Never compare the number of one with that of another.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### More than the top word
#
# All of these look at one event, "the most likely word comes". **Class-wise** errors take each word's
# probability as a forecast of its own and average over the words; **ACE** does so with quantile bins
# of equal weight.

# %%
print(f"{'':12}class-wise     ACE")
for name, p in (("oracle", probs), ("sharpened", sharpened_probs)):
    of_classes = cal.classwise_calibration_error(p, labels)
    adaptive = cal.adaptive_calibration_error(p, labels)
    print(f"{name:12}{of_classes:10.4f}{adaptive:8.4f}")

# %% [markdown]
# Small numbers, even for the sharpened model: of 53 words most are stated with nearly 0 almost
# everywhere, and get it right for free. Compare a class-wise error only with others over the *same*
# classes.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### What no library has: the k most likely words
#
# A keyboard offers three words. Is "one of these three comes" an honest 90 %? Its confidence is the
# sum of the three largest probabilities; everything else stays the same.

# %%
for k in (1, 2, 3, 10):
    of_oracle = cal.top_k_calibration_error(probs, labels, k)
    of_sharpened = cal.top_k_calibration_error(sharpened_probs, labels, k)
    print(f"k = {k:2}: oracle {of_oracle:.3f}, sharpened {of_sharpened:.2f}")

# Check. A stable sort leaves equally probable words in their order, as the package does.
p, order = sharpened_probs.sort(dim=1, descending=True, stable=True)
claimed = p[:, :3].sum(dim=1).clamp(max=1)  # rounding may leave a hair above
came_true = (order[:, :3] == labels[:, None]).any(dim=1)
package = cal.top_k_calibration_error(sharpened_probs, labels, k=3)
expect("top 3, package minus by hand", package - ece_by_hand(claimed, came_true, 15), 0, 1e-4)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### No bins at all: CORP
#
# Who is surer should be right more often. Of all *rising* curves through the outcomes take the best:
# wherever a surer group was right less often than a less sure one, merge the two, and state for both
# what they have in common (*pool adjacent violators*). That curve is the diagram, and nobody had to
# choose bins. It also splits the Brier score $S$, with no remainder (Dimitriadis, Gneiting and
# Jordan 2021): with $\hat p$ what the curve says and $\bar a$ the accuracy of all,
#
# $$S(p) = \underbrace{S(p) - S(\hat p)}_{\text{miscalibration}}
#   - \underbrace{(S(\bar a) - S(\hat p))}_{\text{discrimination}}
#   + \underbrace{S(\bar a)}_{\text{uncertainty}} .$$

# %%
left, right = plots.new_axes(12.5, 5.8, ncols=2)
for ax, (name, confidence) in zip((left, right), models.items(), strict=True):
    drawn = sample(confidence, 1000, torch.Generator().manual_seed(3))
    plots.corp_diagram(*drawn, f"{name}, 1,000 words", ax=ax)
plots.show(left)

# %%
for name, confidence in models.items():
    found = cal.corp_reliability(confidence, correct)
    theirs = IsotonicRegression().fit(confidence, correct.double()).predict(found.confidence)
    off = np.abs(theirs - found.recalibrated.numpy()).max()
    expect(f"{name}: curve, ours minus scikit-learn's", off, 0, within=1e-6)
    off = found.score - cal.binary_brier_score(confidence, correct)
    expect(f"{name}: sum of the parts minus the Brier score", off, 0, within=1e-6)
    print(f"{name:10} miscalibration {found.miscalibration:.3f}", end=", ")
    print(f"discrimination {found.discrimination:.3f}, uncertainty {found.uncertainty:.3f}")

# %% [markdown]
# Sharpening costs miscalibration and next to no discrimination. (With only 1,000 words, in the diagram,
# the oracle shows a little miscalibration, too: the curve is fitted to the very outcomes that it is
# judged by.)
#
# The shortest summary of all is a straight line through the *logits*: an **intercept** that should be
# 0 and a **slope** that should be 1, fitted by maximum likelihood (Cox 1958). Below 1 the confidences
# are too extreme. Read both: who flattens whole distributions can have a slope of 1, and then it is the
# intercept that tells.

# %%
lines = {}
for name, confidence in models.items():
    inside = (confidence > 0) & (confidence < 1)  # only these have a logit
    lines[name] = cal.calibration_line(confidence[inside], correct[inside])
    print(f"{name:10} intercept {lines[name].intercept:.2f}, slope {lines[name].slope:.2f}")
expect("slope of the oracle", lines["oracle"].slope.estimate, 1.0, within=0.05)
expect("slope of the sharpened", lines["sharpened"].slope.estimate, at_most=0.7)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## How sure is the estimate?
#
# The usual answer is the **bootstrap**: draw N of the N predictions with replacement, compute the ECE
# again, repeat, and take the middle 95 %.
#
# **Predict first:** make such an interval from each of 100 samples of 500 words. For the sharpened
# model, do about 95 of them contain the true 0.21? And for the oracle, how many contain the true 0?

# %%
my_probability = ...
guess = predict(
    "bootstrap-covers-zero",
    "For the oracle, more than half of the bootstrap intervals contain the true ECE, 0.",
    my_probability,
)

# %%
covered = {}
for name, confidence in models.items():
    intervals = [
        cal.bootstrap_interval(
            cal.expected_calibration_error, *sample(confidence, 500, generator), n_resamples=200
        )
        for _ in range(100)
    ]
    covered[name] = sum(true_ece[name] in interval for interval in intervals)
    mean_low = sum(interval.low for interval in intervals) / 100
    print(f"{name:10} true {true_ece[name]:.2f}, covered {covered[name]:3} times in 100,", end=" ")
    print(f"mean lower end {mean_low:.2f}, for example {intervals[0]:.2f}")
guess.resolve(covered["oracle"] > 50)

# %%
expect("intervals of the oracle that contain 0", covered["oracle"], 0)
expect("intervals of the sharpened that contain its error", covered["sharpened"], at_least=80)

# %% [markdown]
# Each resample is a sample of a sample: the bias comes in *twice*. Where the true error is large this
# hardly matters. Where it is small the interval excludes the truth with certainty. **A bootstrap
# interval of an ECE that excludes 0 says nothing.**

# %% [markdown] slideshow={"slide_type": "slide"}
# ### An interval that contains the truth
#
# Turn the question round. *Suppose* the true ECE were 0.05: toss coins for a model with such gaps, many
# times. Does it show an ECE like ours? If only one sample in forty shows as much (or as little), 0.05
# is out. All values that are not out are the interval, and the value of which half of all samples
# show more is the ECE *without chance*. This is what stands over every reliability diagram of the
# course. But an interval is worth what its coverage is, so count.

# %%
valid = {}
for name, confidence in models.items():
    intervals = [
        cal.ece_interval(*sample(confidence, 500, torch.Generator().manual_seed(seed)), seed=seed)
        for seed in range(200)
    ]
    valid[name] = sum(true_ece[name] in interval for interval in intervals) / 200
    estimate = sum(interval.estimate for interval in intervals) / 200
    width = sum(interval.high - interval.low for interval in intervals) / 200
    print(f"{name:10} true {true_ece[name]:.2f}, mean estimate {estimate:.2f}", end=", ")
    print(f"mean width {width:.2f}, for example {intervals[0]:.2f}")
expect("valid intervals of the oracle that contain 0", valid["oracle"], 0.975, within=0.035)
expect("valid intervals of the sharpened that contain 0.21", valid["sharpened"], 0.95, within=0.045)

# %% [markdown]
# For a calibrated model 97.5 % is meant: 0 is the end of the scale, so only the lower end can miss it.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### How many answers do I need?
#
# Better asked *before*. An accuracy $a$ scatters by $\sqrt{a(1-a)/N}$, so a gap of $d$ needs a number
# of answers proportional to $1/d^2$: half the gap, four times the answers.

# %%
for d in (0.2, 0.1, 0.05, 0.02, 0.01):
    print(f"to see a gap of {d:3.0%} at 80 % confidence: {cal.answers_needed(d, 0.8):6,} answers")

n = cal.answers_needed(0.05, 0.8, power=0.8)
luck = np.random.default_rng(5)
share_right = luck.binomial(n, 0.75, size=20_000) / n  # 0.75 come true where 0.8 was said
z = (share_right - 0.8) / math.sqrt(0.8 * 0.2 / n)
expect("share of samples that show the gap of 5 %", (abs(z) > 1.96).mean(), 0.8, within=0.02)

# %% [markdown]
# That is for *one* gap. To see it in one of 15 bins, so many answers must fall into that bin.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## What would a calibrated model show?
#
# The same thought, for 0 alone. *Suppose* the confidences were honest. Then we can toss the coins
# ourselves: each prediction comes true with exactly the probability it states. Many such tosses show
# what chance alone would do. In the diagram they give **consistency bands** (Bröcker and Smith 2007): where the
# points of a calibrated model lie.

# %%
left, right = plots.new_axes(12.5, 5.4, ncols=2)
for ax, (name, confidence) in zip((left, right), models.items(), strict=True):
    plots.consistency_diagram(*sample(confidence, 500, generator), f"{name}, 500 words", ax=ax)
plots.show(left)

# %% [markdown]
# Each band is made for *its own* bin: it holds 95 % of the calibrated points there. A diagram has a
# dozen of them. How often does the *oracle* show at least one point outside?


# %%
def outside_of_bands(confidence, happened):
    bands = cal.consistency_bands(confidence, n_simulations=300)
    bins = cal.reliability_bins(confidence, happened)
    out = (bins.accuracy < bands.low) | (bins.accuracy > bands.high)
    return int(out[bins.count > 0].sum())


luck = torch.Generator().manual_seed(4)
outside = torch.tensor([outside_of_bands(*sample(oracle, 500, luck)) for _ in range(300)])
expect("oracle: diagrams with a point outside", (outside > 0).double().mean(), 0.36, within=0.1)

# %% [markdown]
# In more than one diagram of four (of 100 words, in about one of five). *One point outside its band is no finding.* Take all bins together
# instead, as a number: the share of tosses with an error at least as large as the observed one is a
# **p-value**. In the fewest lines:


# %%
def p_value_by_hand(confidence, correct, n_tosses, generator):
    observed = cal.expected_calibration_error(confidence, correct)
    as_large = 0
    for _ in range(n_tosses):
        tossed = torch.rand(len(confidence), dtype=torch.double, generator=generator) < confidence
        as_large += cal.expected_calibration_error(confidence, tossed) >= observed
    return (1 + as_large) / (1 + n_tosses)


for name, confidence in models.items():
    drawn = sample(confidence, 500, generator)
    by_hand = p_value_by_hand(*drawn, 1000, generator)
    package = cal.calibration_test(*drawn, binning="uniform", norm="l1").p_value
    expect(f"{name}: p-value, package minus by hand", package - by_hand, 0, within=0.05)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Does the test keep its promise?
#
# A test at level 0.05 may raise a false alarm in 5 % of the cases in which nothing is wrong. Never
# believe that; try it. And when something *is* wrong, how often does it notice? Three models: the
# oracle, the sharpened, and a *slightly* sharpened one (the power 1.2). The package's own choice is
# another error than the one by hand: quantile bins and the l2 norm.

# %%
power = 1.2
slightly = probs**power / (probs**power).sum(dim=1, keepdim=True)
slightly = slightly.amax(dim=1)
all_three = {"sharpened": sharpened, "slightly sharpened": slightly, "oracle": oracle}
test_sizes = [50, 100, 300, 1000, 3000]
rejected = {name: [] for name in all_three}
for name, confidence in all_three.items():
    for n in test_sizes:
        tests = [
            cal.calibration_test(*sample(confidence, n, generator), n_simulations=200)
            for _ in range(100)
        ]
        rejected[name].append(sum(test.p_value <= 0.05 for test in tests) / 100)

# %%
plots.show(
    figures.rejection_curves(test_sizes, rejected, 0.05, "How often the test says 'not calibrated'")
)

# %% [markdown]
# **False alarms** first, of both, with a thousand samples, because 5 % of a hundred is no number:

# %%
kinds = {"by hand": {"binning": "uniform", "norm": "l1"}, "package": {}}
alarms = dict.fromkeys(kinds, 0)
for _ in range(1000):
    drawn = sample(oracle, 200, generator)
    for kind, options in kinds.items():
        test = cal.calibration_test(*drawn, n_simulations=199, **options)
        alarms[kind] += test.p_value <= 0.05
error = cal.true_calibration_error(slightly, true_chance)
expect("false alarms, uniform bins and l1, as by hand", alarms["by hand"] / 1000, 0.05, 0.015)
expect("false alarms, quantile bins and l2", alarms["package"] / 1000, 0.05, 0.015)
expect("sharpened, N = 300, rejected", rejected["sharpened"][2], at_least=0.95)
expect("true calibration error of the slightly sharpened", error, 0.053, within=0.004)

# %% [markdown]
# The tolerance is twice the standard error of a share of 1,000. Both are honest; but look at the
# slightly sharpened model, which is off by five points: with 100 words it is seldom caught. *"No
# significant miscalibration" with few data means only "few data".*

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Exercise 4: read the test

# %%
exercises.reading_a_p_value.ask()
exercises.reading_a_p_value.check(...)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Words of one text are not independent
#
# Everything so far drew single words. Real evaluations have whole documents, and within one document
# a model tends to be wrong in the same way.
#
# An example: somebody who knows only word frequencies states the same chance at every position, that
# the next word is about *dogs or sleep*. Over all texts that is exactly calibrated. But a text has a
# topic, so in some texts it happens more often all the way through. We draw 100 texts of a large
# library, again and again, and ask for a 95 % interval of the share above the base rate, whose true value is 0.

# %%
library = language.sample(3000, seed=9)
dogs = torch.tensor(language.tokenizer.encode("dog dogs sleep sleeps"))
about_dogs = torch.isin(library, dogs).double()
base_rate = about_dogs.mean().item()


def above_base_rate(outcomes):
    return outcomes.mean().item() - base_rate


row = torch.arange(100).repeat_interleave(library.shape[1])
contains = {"words": 0, "texts": 0}
for seed in range(150):
    drawn = torch.randint(len(library), (100,), generator=generator)
    outcomes = about_dogs[drawn].flatten()
    for unit, groups in (("words", None), ("texts", row)):
        interval = cal.bootstrap_interval(
            above_base_rate, outcomes, groups=groups, n_resamples=150, seed=seed
        )
        contains[unit] += 0 in interval

# %%
for unit, n in contains.items():
    print(f"intervals that resample {unit}: {n / 150:.0%} contain the true gap")
effective = cal.effective_sample_size(
    about_dogs.flatten(), torch.arange(3000).repeat_interleave(64)
)
expect("words that a word is worth", effective / about_dogs.numel(), 0.33, within=0.06)
expect("coverage when words are resampled", contains["words"] / 150, 0.75, within=0.1)
expect("coverage when texts are resampled", contains["texts"] / 150, 0.95, within=0.04)

# %% [markdown]
# Resampling words promises 95 % and delivers far less: 6,400 words of 100 texts are worth
# only a third as many independent ones. **Resample what is independent: documents, people, questions.**
# In the package every interval and the test take `groups=`.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Ranking is another thing
#
# A model that may stay silent needs its confidence for something else: to be *higher when it is
# right*. **AUROC** is the chance that a right answer has more confidence than a wrong one; ½ is
# useless, 1 perfect.
#
# **Predict first:** the sharpened model's ECE is 0.21, the oracle's 0. By how much is its AUROC lower?

# %%
my_probability = ...
guess = predict(
    "sharpened-auroc",
    "The sharpened model's AUROC is lower than the oracle's by more than 0.05.",
    my_probability,
)

# %%
ranking = {name: cal.auroc(confidence, correct) for name, confidence in models.items()}
for name, confidence in models.items():
    theirs = sklearn.metrics.roc_auc_score(correct, confidence)
    expect(f"{name}: AUROC minus scikit-learn's", ranking[name] - theirs, 0, within=1e-9)
guess.resolve(ranking["oracle"] - ranking["sharpened"] > 0.05)

squared_odds = oracle**2 / (oracle**2 + (1 - oracle) ** 2)  # a rising function of the confidence
after = cal.auroc(squared_odds, correct)
expect("AUROC of the oracle", ranking["oracle"], 0.75, within=0.01)
expect("AUROC of the sharpened", ranking["sharpened"], 0.74, within=0.01)
expect("AUROC change by a rising function of confidence", after - ranking["oracle"], 0, 1e-4)
expect("its ECE", cal.expected_calibration_error(squared_odds, correct), 0.11, within=0.03)

# %% [markdown]
# AUROC sees only the *order*. A rising function of the confidence keeps it, whatever it does to
# calibration. (Sharpening whole distributions moves a few predictions past each other, so a
# little changed above.) The **risk-coverage** curve says the same in a useful way: answer only the
# surest share of the questions (*coverage*), and count how many of these are wrong (*risk*).

# %%
curves = {name: cal.risk_coverage_curve(confidence, correct) for name, confidence in models.items()}
plots.show(figures.risk_coverage_curves(curves, "Answer only when sure"))

# %%
for name, confidence in models.items():
    half = cal.selective_accuracy(confidence, correct, coverage=0.5)
    print(f"{name:10} accuracy of the surest half: {half:.2f}")
expect("accuracy of all", correct.double().mean(), 0.505, within=0.01)
expect("sharpened: accuracy of the surest half", half, 0.68, within=0.02)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Exercise 5: which number for which question?

# %%
exercises.which_metric.ask()
exercises.which_metric.check(...)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Who agrees with whom
#
# On spread-out confidences, the package against others, computed now: the largest absolute difference
# over ten samples of 2,000 words.

# %%
tm = torchmetrics.binary_calibration_error
ours = zoo | {"Brier": cal.binary_brier_score, "AUROC": cal.auroc}
theirs = {
    ("ECE, 15 uniform bins", "torchmetrics"): lambda c, y: tm(c, y, 15, "l1"),
    ("ECE, 15 uniform bins", "netcal"): lambda c, y: netcal_ece(c, y, 15),
    ("ECE, 15 uniform bins", "relplot"): lambda c, y: relplot_ece(c, y, 15),
    ("l2", "torchmetrics"): lambda c, y: tm(c, y, 15, "l2"),
    ("MCE", "torchmetrics"): lambda c, y: tm(c, y, 15, "max"),
    ("MCE", "netcal"): lambda c, y: MCE(15).measure(c.numpy(), y.numpy()),
    ("smooth (smECE)", "relplot"): lambda c, y: relplot.smECE(c.numpy(), y.numpy()),
    ("Brier", "scikit-learn"): lambda c, y: sklearn.metrics.brier_score_loss(y, c),
    ("AUROC", "scikit-learn"): lambda c, y: sklearn.metrics.roc_auc_score(y, c),
}

# %%
samples = [sample(sharpened, 2000, torch.Generator().manual_seed(s)) for s in range(10)]
for (error, library), function in theirs.items():
    off = max(abs(ours[error](c, y) - float(function(c, y.long()))) for c, y in samples)
    expect(f"{error}, {library}", off, 0, within=1e-3 if "smooth" in error else 1e-6)

# %% [markdown]
# (For smECE, relplot searches the bandwidth in steps of about 1/1,000; we solve for it.) On spread-out
# numbers there is one ECE. Now flip it, case by case.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Six ways to get another number
#
# **1. A border.** Is 0.8 the end of one bin (ours, scikit-learn) or the start of the next (netcal,
# torchmetrics, relplot)? And in single precision 0.9 is not the same number as in double.

# %%
print("the chatbot, 10 bins    double precision    single precision")
for name, (ece, _) in libraries.items():
    double, single = ece(chatbot, was_right, 10), ece(chatbot.float(), was_right, 10)
    print(f"{name:>20}{double:20.3f}{single:20.3f}")

# %% [markdown]
# **2. Exactly 1.** torchmetrics and relplot give 1.0 a bin of its own; the others put it with 0.95.
# Fifty statements of 1.0 are right 45 times, fifty of 0.95 always: together they cancel.

# %%
sure = torch.tensor([1.0] * 50 + [0.95] * 50, dtype=torch.double)
sure_right = torch.tensor([True] * 45 + [False] * 5 + [True] * 50)
for name, (ece, _) in libraries.items():
    print(f"{name:>13}: {ece(sure, sure_right, 10):.3f}")

# %% [markdown]
# **3. Two columns.** Binary probabilities as a table of two columns: is the forecast "class 1 comes",
# or "the more likely class comes"? Here a model is far too high on class 1.

# %%
p = torch.rand(2000, generator=generator, dtype=torch.double)
y = (torch.rand(2000, generator=generator) < p**2).long()
two_columns = torch.stack([1 - p, p], dim=1)
of_top = torchmetrics.multiclass_calibration_error(two_columns, y, num_classes=2, n_bins=10).item()
of_class_1 = ECE(10).measure(two_columns.numpy(), y.numpy())
print(f"torchmetrics, multiclass: {of_top:.2f}   netcal: {of_class_1:.2f}")
ours = cal.expected_calibration_error(*cal.top_label(two_columns, y), 10)
expect("ours on the top label, minus torchmetrics", ours - of_top, 0, within=1e-5)
ours = cal.expected_calibration_error(two_columns[:, 1], y, 10)
expect("ours on class 1, minus netcal", ours - of_class_1, 0, within=1e-9)

# %% [markdown]
# Too high on class 1 is too low on class 0; at the top label the two cancel. Neither library is wrong.
# They answer different questions, and the input looks the same.
#
# **4. Logits that look like probabilities.** torchmetrics takes numbers in [0, 1] for probabilities
# and anything else for logits. Add a single value:

# %%
logits = torch.rand(1000, generator=generator, dtype=torch.double)
y = (torch.rand(1000, generator=generator) < logits.sigmoid()).long()
one_more = torch.cat([logits, torch.tensor([1.01])]), torch.cat([y, torch.tensor([1])])
print(f"1,000 logits in [0, 1]:      {torchmetrics_ece(logits, y, 10):.2f}")
print(f"and one more, of size 1.01:  {torchmetrics_ece(*one_more, 10):.2f}")

# %% [markdown]
# Our functions take confidences only and refuse 1.01: nothing is guessed.
#
# **5. Not a number.** One NaN among the confidences. Two answers, and an error that is worth more than
# both. (relplot casts the NaN to a whole number; what comes of that depends on the processor.)

# %%
broken = chatbot.clone()
broken[0] = math.nan
for name in ("netcal", "torchmetrics", "coursekit"):
    ece, _ = libraries[name]
    try:
        print(f"{name:>13}: {ece(broken, was_right, 10):.3f}")
    except ValueError as error:
        print(f"{name:>13}: {error}")

# %% [markdown]
# **6. The default.** Five bins in scikit-learn's curve, ten in netcal, fifteen in torchmetrics and
# here: you saw in "How many bins?" what that alone does. A result without its convention cannot be
# compared with anything.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## What you learned
#
# - An ECE is an estimate with choices in it: bins, borders, event, number of predictions. Confidences
#   that take few values need no bins, and libraries can differ twofold on them.
# - It is biased upward, as $1 / \sqrt{N}$, and the more bins, the larger is the bias: with 15, a perfect
#   model shows 0.11 with 100 words, 0.01 with 10,000.
# - A good model's MCE is mostly noise; debiased, sweep and smooth errors mend part of the bias; none can be compared
#   with another kind.
# - The bootstrap of an ECE repeats its bias. Toss the coins yourself: for every ECE that might be true,
#   and you have an interval that contains the truth; for 0, and you have a test whose false alarms
#   came out at 5 %. In a diagram with a band for each bin, one point outside is no finding.
# - CORP needs no bins and splits the Brier score; slope and intercept say how the confidences err.
# - Plan: at a confidence of 80 %, a gap of 5 points needs some 500 answers, a gap of 1 point nearly 13,000.
# - Resample documents, not words.
# - AUROC sees the order alone, F1 one threshold alone, and the ECE nothing of what a model knows.
#
# **A report to trust:** a proper score; the ECE with its N, bins and event, without chance, with a valid
# interval; a diagram with bands or intervals that respect documents.
#
# ## Common misconceptions
#
# - *"ECE 0.03 means the model is off by three points."* A perfect one shows that with 1,000 words.
# - *"More bins, more precise."* More bins, more bias.
# - *"The interval excludes 0, so it is miscalibrated."* Of a bootstrap interval that says nothing.
# - *"A point lies outside its band, so it is miscalibrated."* The oracle's diagrams often have one.
# - *"Perplexity is proper, being the exponential of the NLL."* Its expectation is another matter.
# - *"p = 0.4, so it is calibrated."* It was not caught.
# - *"Good AUROC, so the confidences can be trusted."* Their order can.
# - *"F1 is a better accuracy."* It ignores true negatives and depends on which class is called
#   positive; the best forecaster there is can have 0.
#
# ## Further reading
#
# - J. Bröcker, L. A. Smith, *Increasing the reliability of reliability diagrams*, Weather and
#   Forecasting 22, 2007: consistency bands.
# - M. Pakdaman Naeini, G. Cooper, M. Hauskrecht, *Obtaining well calibrated probabilities using
#   Bayesian binning*, AAAI 2015: ECE and MCE.
# - C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger, *On calibration of modern neural networks*, ICML 2017.
# - A. Kumar, P. Liang, T. Ma, *Verified uncertainty calibration*, NeurIPS 2019: the debiased error.
# - J. Nixon et al., *Measuring calibration in deep learning*, CVPR Workshops 2019: ACE.
# - R. Roelofs, N. Cain, J. Shlens, M. C. Mozer, *Mitigating bias in calibration error estimation*,
#   AISTATS 2022: the sweep.
# - J. Błasiok, P. Nakkiran, *Smooth ECE: principled reliability diagrams via kernel smoothing*, ICLR
#   2024.
# - A. Kumar, S. Sarawagi, U. Jain, *Trainable calibration measures for neural networks from kernel mean
#   embeddings*, ICML 2018: the kernel error.
# - D. Widmann, F. Lindsten, D. Zachariah, *Calibration tests in multi-class classification: a unifying
#   framework*, NeurIPS 2019: its unbiased form.
# - T. Dimitriadis, T. Gneiting, A. I. Jordan, *Stable reliability diagrams for probabilistic
#   classifiers*, Proceedings of the National Academy of Sciences 118, 2021: CORP.
# - Y. Sun, P. Chaudhari, I. J. Barnett, E. Dobriban, *A confidence interval for the l2 expected
#   calibration error*, arXiv:2408.08998, 2024: another valid interval.
# - D. R. Cox, *Two further applications of a model for binary regression*, Biometrika 45, 1958: slope and
#   intercept.
# - J. A. Hanley, B. J. McNeil, *The meaning and use of the area under a receiver operating
#   characteristic (ROC) curve*, Radiology 143, 1982: AUROC.
# - R. El-Yaniv, Y. Wiener, *On the foundations of noise-free selective classification*, Journal of Machine
#   Learning Research 11, 2010: risk and coverage.

# %% tags=["nbval-ignore-output"]
from coursekit.chapters import progress

progress()

# %% [markdown]
# **Next:** [09 Bias and variance](09_bias_and_variance.ipynb): where wrong probabilities come from.
