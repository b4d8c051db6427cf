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
# # 07 What is calibration?
#
# A forecaster says "70 %". What would it mean for that number to be *right*? On a single day there
# is no answer: it rains or it does not. In this notebook you meet six forecasters of rain, of whom
# we know the truth that real life never shows, take their scores apart, and see which scores can be
# cheated. Then the same questions are asked of a language model, word by word.
#
# **You will be able to**
# - define calibration, and compute it by hand: $E[Y \mid q] = q$;
# - split the Brier score into reliability, resolution and uncertainty, and the log score into
#   entropy, missing information and miscalibration;
# - tell a proper score from one that can be cheated, and say why accuracy and ECE are not proper;
# - recognise the calibrated and useless, and the sharp and wrong, and repair the latter;
# - say *of what, for whom and on which data* something is calibrated.
#
# **Time:** about 75 minutes; all cells together run in less than a minute.
#
# **On the map:** the first notebook of Part II. Before it, you built a language model and let it
# write. After it: how calibration is measured when the truth is *not* known.

# %%
import torch
from sklearn.metrics import brier_score_loss

from coursekit import calibration as cal, expect, plots, predict
from coursekit.chapters.what_is_calibration import exercises, figures, widget
from coursekit.data import weather_diary
from coursekit.data.languages.weather import ADJECTIVES, WORDS

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Before you start: three questions
#
# Answer from memory: replace each `...` by a letter in quotes. A wrong answer costs nothing and is
# explained.

# %%
exercises.what_softmax_promises.ask()
exercises.what_softmax_promises.check(...)

# %%
exercises.where_the_loss_stops.ask()
exercises.where_the_loss_stops.check(...)

# %%
exercises.what_keeps_probabilities.ask()
exercises.what_keeps_probabilities.check(...)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Will it rain in tomorrow's report?
#
# Back to the *weather diary* of notebook 05, the language whose true probabilities we know. It is
# kept in three towns. On the *coast* the weather rarely lasts, on the *plain* sometimes, in the
# *valley* nearly always.

# %%
towns = {
    "coast": weather_diary(weather_lasts=0.2),
    "plain": weather_diary(weather_lasts=0.5),
    "valley": weather_diary(weather_lasts=0.85),
}
diary = towns["plain"]
tokenizer = diary.tokenizer
print(tokenizer.decode(diary.sample(1, seed=1, length=22)[0]).replace(" .", "."), "...")

# %% [markdown]
# Every evening a forecaster reads the diary so far and states a probability for one **event**: *the
# next report calls the day by one of the five rainy words*. The event happens, $Y = 1$, or it does
# not, $Y = 0$.


# %%
def ids(words):
    return torch.tensor(tokenizer.encode(" ".join(words)))


rainy, very = ids(ADJECTIVES["rain"]), ids(WORDS["very"])
adjectives = ids(sorted({word for of_weather in ADJECTIVES.values() for word in of_weather}))
print("rainy words:", tokenizer.decode(rainy))

for number, (town, diary) in enumerate(towns.items()):
    words = diary.sample(1, seed=number, length=128)[0]
    print(f"{town}, day by day:", tokenizer.decode(words[torch.isin(words, adjectives)][:12]))

# %% [markdown]
# **Predict first:** in the valley the weather stays the same for another day with probability 0.85,
# plus what the season adds.

# %%
my_probability = ...
guess = predict(
    "rain-almost-certain",
    "On some evening, in one of the towns, rain is more than 95 % certain.",
    my_probability,
)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### The truth, which real life never shows
#
# The diary gives us the exact *law* of the next word, its probability distribution. Just before the adjective we read off how much
# of it belongs to rainy words: this is $P(Y = 1 \mid \text{all that was written})$, and nobody can
# know more. Between the evening and that point nothing is said about the weather, so it is the
# evening's probability.


# %%
def evenings(diary, tokens):
    """For each report but the first: true chance of rain, did it come, today's rain, diary."""
    probs = diary.next_token_probs(tokens)
    chance = probs[..., rainy].sum(dim=-1) / probs[..., adjectives].sum(dim=-1)
    row, column = torch.isin(tokens, adjectives).nonzero(as_tuple=True)
    intensified = torch.isin(tokens[row, column - 1], very)  # "was very wet": asked before "very"
    asked = column - 1 - intensified.long()
    rained = torch.isin(tokens[row, column], rainy)
    later = row[1:] == row[:-1]  # the report before this one belongs to the same diary
    return chance[row, asked][1:][later], rained[1:][later], rained[:-1][later], row[1:][later]


def year(seed, n=1200):
    """All evenings of n diaries a town; the diaries and the towns are numbered."""
    parts = []
    for i, diary in enumerate(towns.values()):
        truth, rained, today, row = evenings(diary, diary.sample(n, seed=seed + i))
        parts.append((truth, rained, today, row + i * n, torch.full_like(row, i)))
    return [torch.cat(columns) for columns in zip(*parts, strict=True)]


# %%
truth, rained, rained_today, diary_of, town_of = year(seed=10)
print(f"evenings: {len(truth):,} in {diary_of.max() + 1:,} diaries")
print(f"true chance of rain: from {truth.min():.2f} to {truth.max():.2f}")
guess.resolve((truth.max() > 0.95).item())

# %% [markdown]
# Not even in the valley is rain ever more than 93 % certain: on 15 evenings in 100 the weather is
# drawn anew, and even in spring only about half of these draws are rain. That chance belongs to the
# weather, not to the forecaster.
#
# **Check.** In the long run rainy reports have a frequency that follows from the language's
# stationary law alone, without any filtering. It is the same in the three towns. What we computed
# must agree with it, and so must what happened.

# %%
for town, diary in towns.items():
    long_run = diary.stationary @ diary.emission
    base_rate = (long_run[rainy].sum() / long_run[adjectives].sum()).item()
    expect(f"base rate of rainy reports, {town}", base_rate, 0.298, within=0.0005)
expect("mean of the true chances", truth.mean(), 0.298, within=0.006)
expect("share of rainy reports", rained.double().mean(), 0.298, within=0.01)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## What "calibrated" means
#
# The article this course grew from says it so: *calibration* is to make the difference between the
# probability distribution that a model states and the distribution of the events that really happen
# as small as possible, so that it predicts better how likely events are.
#
# In symbols, for an event $Y$ that is 0 or 1 and a **statement** $q$, the probability that is stated
# (others say *forecast*, or *predicted probability*):
#
# $$E[\,Y \mid q\,] = q .$$
#
# Read it from the inside: *take all the evenings on which $q$ was stated. Among them, the event
# happens with frequency $q$.* Nothing is asked of a single evening. In this notebook $q$ is always
# what is *stated*; $p$ will be what is *true*.
#
# **Predict first:** a forecaster who knows the truth says 90 % on about two thousand evenings.

# %%
my_probability = ...
guess = predict(
    "ninety-percent-fails",
    "On more than 150 of these evenings it does not rain.",
    my_probability,
)
# %% [markdown] slideshow={"slide_type": "slide"}
# ### By hand
#
# Our forecasters speak in steps of 2 %. Our first one is the **oracle**, who states the truth to
# the nearest step. For each value that was ever stated we need two numbers: on how many evenings,
# and how often it rained after it.


# %%
def in_steps(q):
    return (50 * q).round() / 50


def by_value(stated, happened):
    """For each value that was stated: the value, on how many days, how often it happened."""
    value, index = stated.unique(return_inverse=True)
    count = index.bincount().double()
    return value, count, index.bincount(weights=happened.double()) / count


# %%
oracle = in_steps(truth)
value, count, frequency = by_value(oracle, rained)
low, high = cal.wilson_interval(frequency, count)
print("stated  evenings  it rained  95 % interval")
for v, n, f, a, b in zip(value, count, frequency, low, high, strict=True):
    if n >= 700:
        print(f"{v:6.0%}{n:10,.0f}{f:11.1%}    {a:.1%} to {b:.1%}")
guess.resolve((~rained[oracle == 0.9]).sum().item() > 150)

# %% [markdown]
# The third column follows the first. The oracle is calibrated: by construction here, and visibly
# so. To be calibrated at 90 % it *must* be dry on one of ten such evenings. (Values stated on fewer
# than 700 evenings are left out of the print, not of what follows.)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Exercise 1: accurate or calibrated?

# %%
exercises.accurate_or_calibrated.ask()
exercises.accurate_or_calibrated.check(...)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Six forecasters
#
# All but the first know the truth, and each makes something else of it. Write a probability $x$ as
# *log-odds*, $\ln \frac{x}{1 - x}$, which runs over all numbers and is 0 at $x = 1/2$. Then a
# **power** above 1 drives statements away from one half, one below 1 draws them towards it, and a
# **bias** moves all of them up.
#
# $$\text{log-odds of the statement} = \text{power} \cdot \text{log-odds of the truth} +
# \text{bias}$$


# %%
def turn(p, power=1.0, bias=0.0):
    return torch.sigmoid(power * torch.logit(p) + bias)


forecasters = {
    "base rate": torch.full_like(truth, 0.3),  # says the same every evening
    "oracle": truth,
    "sharpened": turn(truth, power=2),  # the odds squared
    "hedger": turn(truth, power=0.5),  # nearer to one half than the truth
    "alarmist": turn(truth, bias=1),  # who warns too often is not blamed
    "liar": 1 - truth,
}
forecasters = {name: in_steps(stated) for name, stated in forecasters.items()}

# %%
plots.show(figures.attributes_panels(forecasters, rained))

# %% [markdown] slideshow={"slide_type": "fragment"}
# Values stated on fewer than 50 evenings are not drawn. In each panel look at two distances. From a
# point to the **diagonal** (orange): how wrong the number is. From a point to the **base rate**
# (green, dotted): how much the evenings with this statement differ from ordinary evenings, that is,
# what the statement *tells*. The base rate forecaster has neither.
#
# **Predict first:** the liar states one minus the truth.

# %%
my_probability = ...
guess = predict(
    "liar-tells-less",
    "What the liar states tells less about the rain than what the oracle states.",
    my_probability,
)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Three numbers in one score
#
# The Brier score is the mean of $(q - Y)^2$. Allan Murphy (1973) found that it is made of exactly
# these two distances. Let $v$ run over the stated values, $w_v$ be the share of evenings with that
# statement, $\bar y_v$ how often it rained after it, and $\bar y$ the base rate:
#
# $$\text{Brier} = \underbrace{\sum_v w_v (v - \bar y_v)^2}_{\text{reliability (small is good)}}
# - \underbrace{\sum_v w_v (\bar y_v - \bar y)^2}_{\text{resolution (large is good)}}
# + \underbrace{\bar y (1 - \bar y)}_{\text{uncertainty (of the weather)}}$$
#
# Reliability is a calibration error: a squared distance, weighted by how often it occurs.


# %%
def murphy(stated, happened):
    """Reliability, resolution and uncertainty."""
    value, count, frequency = by_value(stated, happened)
    weight, base_rate = count / count.sum(), happened.double().mean()
    reliability = (weight * (value - frequency) ** 2).sum()
    resolution = (weight * (frequency - base_rate) ** 2).sum()
    return reliability.item(), resolution.item(), (base_rate * (1 - base_rate)).item()


parts = {name: murphy(stated, rained) for name, stated in forecasters.items()}
guess.resolve(parts["liar"][1] < parts["oracle"][1] - 0.001)

# %% [markdown]
# **Check:** against the Brier score of scikit-learn, against the package, and against a closed
# form. For the closed form put the *true* chance in place of what happened: then the liar is off by
# one minus twice the truth on every evening, and no luck is left in it.

# %%
for name, stated in forecasters.items():
    reliability, resolution, uncertainty = parts[name]
    score = brier_score_loss(rained, stated)
    assert abs(reliability - resolution + uncertainty - score) < 1e-12
    package = cal.brier_decomposition(stated, rained, binning="discrete")
    assert abs(package.reliability - reliability) + abs(package.resolution - resolution) < 1e-12

print("six forecasters: the three parts add up to scikit-learn's Brier score")
closed_form = ((1 - 2 * truth) ** 2).mean().item()
expect("reliability of the liar, minus the closed form", parts["liar"][0] - closed_form, 0.0, 0.01)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Who is best?
#
# Accuracy, too, for comparison: how often the more likely outcome, rain or no rain, is what
# happened. Intervals draw whole diaries, because the evenings of one diary are not independent.
#
# **Predict first:** the base rate is perfectly reliable, the sharpened forecaster is not.

# %%
my_probability = ...
guess = predict(
    "knowledge-beats-honesty",
    "The sharpened forecaster has the better Brier score of the two.",
    my_probability,
)


# %%
def interval(statistic, *arrays, inside=slice(None), n_resamples=200):
    """A 95 % interval that resamples diaries."""
    arrays = [array[inside] for array in arrays]
    return cal.bootstrap_interval(
        statistic, *arrays, groups=diary_of[inside], n_resamples=n_resamples
    )


def accuracy(stated, happened):
    return ((stated > 0.5) == happened).double().mean().item()


print(f"{'':11}{'accuracy':>8}  {'Brier score':22}{'reliability':22}{'resolution':22}")
for name, stated in forecasters.items():
    brier = interval(cal.binary_brier_score, stated, rained)
    reliability = interval(lambda s, y: murphy(s, y)[0], stated, rained)
    resolution = interval(lambda s, y: murphy(s, y)[1], stated, rained)
    right = accuracy(stated, rained)
    print(f"{name:11}{right:8.2f}  {brier:.3f}  {reliability:.3f}  {resolution:.3f}")
of_base_rate = cal.binary_brier_score(forecasters["base rate"], rained)
guess.resolve(cal.binary_brier_score(forecasters["sharpened"], rained) < of_base_rate)

# %% slideshow={"slide_type": "slide"}
plots.show(figures.brier_parts(parts, "Six forecasters of the same rain"))

# %%
expect("Brier score of the base rate", of_base_rate, 0.208, within=0.004)
expect("Brier score of the oracle", cal.binary_brier_score(oracle, rained), 0.136, within=0.004)
expect("resolution of the oracle", parts["oracle"][1], 0.072, within=0.004)
expect("the liar's minus the oracle's", parts["liar"][1] - parts["oracle"][1], 0.0, within=0.001)
expect("reliability of the sharpened", parts["sharpened"][0], 0.0115, within=0.002)

# %% [markdown]
# Read the table by columns.
#
# - *Accuracy* cannot tell the oracle from the sharpened or the hedger: all three have the same side
#   of one half. **Accuracy is not calibration.**
# - *Resolution* is the same for everybody but the base rate. Even the liar knows exactly as much as
#   the oracle: whoever knows that he lies can turn his numbers round.
# - *Reliability* tells them apart. It is what each pays for the wrong number. It is less here than
#   what knowledge is worth: sharpened, hedger and alarmist all beat the honest base rate.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Exercise 2: the three parts
#
# Half of it is there.


# %%
def my_murphy_parts(stated, happened):
    """Return reliability, resolution and uncertainty of stated (N,) and happened (N,)."""
    base_rate = happened.double().mean()
    reliability, resolution = 0, 0
    for value in stated.unique():
        of_these = stated == value
        weight = of_these.double().mean()
        frequency = ...
        reliability += weight * (value - frequency) ** 2
        resolution += ...
    return reliability, resolution, base_rate * (1 - base_rate)


exercises.murphy_parts.check(my_murphy_parts)

# %% [markdown]
# Stuck? Run `exercises.murphy_parts.hint()`, and in the end `.solution()`.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Reliability can be repaired, resolution cannot
#
# Suppose we have last year's diaries. Look up how often it rained whenever the liar said 80 %, and
# from now on read his "80 %" as that number. No knowledge of the weather is needed, only a table.

# %% [markdown]
# **Predict first.**

# %%
my_probability = ...
guess = predict(
    "liar-repaired",
    "Read with last year's table, the liar's Brier score is within 0.002 of the oracle's.",
    my_probability,
)

# %%
last_truth, last_rained, *_ = year(seed=110)
last_year = {
    "base rate": torch.full_like(last_truth, 0.3),
    "alarmist": turn(last_truth, bias=1),
    "liar": 1 - last_truth,
}

repaired = {"oracle": parts["oracle"]}
for name, stated in last_year.items():
    value, _, frequency = by_value(in_steps(stated), last_rained)
    place = torch.searchsorted(value, forecasters[name]).clamp(max=len(value) - 1)
    repaired[f"{name}, reread"] = murphy(frequency[place], rained)

# %%
plots.show(figures.brier_parts(repaired, "The same statements, read with last year's table"))

# %%
score = {name: rel - res + unc for name, (rel, res, unc) in repaired.items()}
guess.resolve(abs(score["liar, reread"] - score["oracle"]) < 0.002)
expect("reliability of the liar, reread", repaired["liar, reread"][0], 0.0, within=0.002)
expect("his Brier score minus the oracle's", score["liar, reread"] - score["oracle"], 0.0, 0.002)

# %% [markdown]
# The liar has become an oracle. The base rate forecaster has not: no table can tell evenings apart
# on which he said the same. *A calibration method repairs reliability and creates no knowledge.*
# You will build such methods in notebook 10.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Try it: the forecaster's dial
#
# Power and bias on two sliders. Below is the position power 2, bias 0; run the cell after it and
# turn. Can you find a position with *less* reliability than the honest one? With *more* resolution?

# %%
plots.show(widget.dial_view(truth, rained, power=2.0, bias=0.0))

# %% tags=["nbval-ignore-output"]

widget.forecaster_dial(truth, rained)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## A score that cannot be cheated
#
# Let $q$ be the statement, as before, and $p$ the truth. The true chance tonight is $p = 0.3$. What
# should be stated? Whoever states $q$ meets rain with probability 0.3, and their score is *on
# average*
#
# $$S(q) = 0.3 \cdot \text{score}(q, \text{rain}) + 0.7 \cdot \text{score}(q, \text{no rain}).$$
#
# Weigh with the **truth**, not with $q$: it is the sky that decides. (A score of which small is good
# is also called a *loss*.) A score is **proper** when no
# statement does better than the truth, and *strictly* proper when all others do worse. Four
# candidates:

# %%
p, q = 0.3, torch.linspace(0.01, 0.99, 99, dtype=torch.double)
curves = {
    "Brier score": p * (1 - q) ** 2 + (1 - p) * q**2,
    "log score (nats)": -p * q.log() - (1 - p) * (1 - q).log(),
    "plain distance": p * (1 - q) + (1 - p) * q,
    "error rate": torch.where(q > 0.5, 1 - p, p).double(),
}
plots.show(
    figures.expected_score_curves(
        q, curves, truth=p, title="What it pays to say when the truth is 0.3"
    )
)

# %%
for name in ("Brier score", "log score (nats)"):
    expect(f"{name}: lowest at", q[curves[name].argmin()], 0.3, within=0.001)
expect("plain distance: lowest at the smallest q", q[curves["plain distance"].argmin()], 0.01, 1e-9)
expect(
    "error rate: difference between q = 0.01 and q = 0.49",
    (curves["error rate"][48] - curves["error rate"][0]).abs(),
    0.0,
    within=1e-9,
)

# %% [markdown]
# The Brier and the log score are lowest at the truth. *Plain distance* looks just as reasonable,
# and rewards who says 0: it is not proper. The *error rate*, one minus accuracy, does not care:
# 0.01 or 0.49 cost the same. It is proper, but not strictly, and a model trained or chosen by it
# has no reason to be honest.
#
# Change `p` in the cell above and run it again. At $p = 0.5$, what does the plain distance reward?

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Why the truth wins
#
# For the log score the expected loss of stating $q$ when $p$ is true splits:
#
# $$-\sum_y p(y) \ln q(y) = \underbrace{-\sum_y p(y) \ln p(y)}_{\text{entropy } H(p)} +
# \underbrace{\sum_y p(y) \ln \frac{p(y)}{q(y)}}_{\mathrm{KL}(p \,\|\, q) \;\ge\; 0}$$
#
# The first part does not depend on $q$. The second, the *Kullback-Leibler divergence* from the truth
# to the statement, is zero only at $q = p$. For the Brier score the
# same holds with $p (1 - p)$ and $(p - q)^2$. This is why maximum likelihood training pushes a
# model towards honest probabilities.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Exercise 3: what will it cost?


# %%
def my_expected_log_score(stated, truth):
    """Return the mean log score, in nats, of stating a number when the truth is another."""
    ...


exercises.expected_log_score.check(my_expected_log_score)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## A score that can: the ECE
#
# The **expected calibration error** is the mean distance between statement and frequency, not
# squared: $\text{ECE} = \sum_v w_v \, |v - \bar y_v|$. It looks at reliability alone. So there is a
# cheap way to a good ECE, and it is not honesty.


# %%
def ece(stated, happened):
    value, count, frequency = by_value(stated, happened)
    return ((count / count.sum()) * (value - frequency).abs()).sum().item()


for name, stated in forecasters.items():
    package = cal.expected_calibration_error(stated, rained, binning="discrete")
    assert abs(ece(stated, rained) - package) < 1e-12
    chance = cal.ece_null_distribution(stated, binning="discrete", n_simulations=200).quantile(0.95)
    print(f"{name:11} ECE {ece(stated, rained):.3f}, by chance alone up to {chance:.3f}")

# %% [markdown]
# *By chance alone*: what a perfectly calibrated forecaster with the same statements stays below in
# 95 % of all cases. Base rate and oracle are both below it. The sharpened forecaster, suppose,
# believes what he says. He can improve his ECE from 0.10 to almost nothing by **lying**: by saying
# 30 % every evening, as the base rate does. His Brier score would get much worse, from 0.15 to
# 0.21.
#
# It is worse still. **Predict first:** an honest oracle and somebody who always says 30 % are
# judged by their ECE on 100 evenings.

# %%
my_probability = ...
guess = predict(
    "oracle-wins-by-ece",
    "On 100 evenings, the oracle usually has the lower ECE of the two.",
    my_probability,
)

# %%
generator = torch.Generator().manual_seed(0)
wins = []
for _ in range(500):
    some = torch.randint(len(truth), (100,), generator=generator)
    always_30 = torch.full((100,), 0.3, dtype=torch.double)
    wins.append(ece(oracle[some], rained[some]) < ece(always_30, rained[some]))

share = torch.tensor(wins).double().mean().item()
guess.resolve(share > 0.5)
expect("share of samples in which the oracle has the lower ECE", share, at_most=0.05)

# %% [markdown]
# The oracle loses nearly every time. He states many values, each on few evenings, and in each
# group chance leaves a distance; who says one number has one group. Sorted into ten bins, he still
# wins only about once in ten times. *Never choose between models by
# ECE alone.* Report it next to a proper score.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Exercise 4: an ECE of zero

# %%
exercises.what_zero_ece_means.ask()
exercises.what_zero_ece_means.check(...)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## The true error, and what we estimate
#
# Because the truth is known here, so is the *true* calibration error of these statements: put the
# true chance in place of what happened. With fewer evenings, how far is the estimate from it? In each
# sample the weather is drawn anew.

# %%
for stated in forecasters.values():
    package = cal.true_calibration_error(stated, truth, binning="discrete")
    assert abs(ece(stated, truth) - package) < 1e-6

print(f"{'':11}{'true ECE':>8}   estimated from 100       from 1,000            from 10,000")
for name in ("oracle", "sharpened"):
    stated, line = forecasters[name], ""
    for n in (100, 1000, 10_000):
        draws = [torch.randint(len(stated), (n,), generator=generator) for _ in range(200)]
        luck = torch.rand(200, n, generator=generator)
        estimates = torch.tensor(
            [ece(stated[some], luck[i] < truth[some]) for i, some in enumerate(draws)]
        )
        low, high = estimates.quantile(torch.tensor([0.025, 0.975])).tolist()
        line += f"   {estimates.mean():.3f} [{low:.3f}, {high:.3f}]"
    print(f"{name:11}{ece(stated, truth):8.3f}{line}")

# %%
expect("true ECE of the oracle (rounding)", ece(oracle, truth), at_most=0.003)
expect("true ECE of the sharpened", ece(forecasters["sharpened"], truth), 0.10, within=0.01)

# %% [markdown]
# Each cell: the mean over 200 samples, and the middle 95 % of them. An estimate from few data is
# **too high** on average, because distances do not cancel. For the oracle, 100 evenings show 0.14
# where the truth is 0.001, and 10,000 evenings still show ten times too much. Notebook 08 is about
# this.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## From rain to words
#
# A language model is a forecaster, too: at each position it states a whole distribution over 49
# words. The log score of a distribution is the negative log-probability of the word that came, and
# its mean is the loss the model was trained on, the **NLL**.
#
# Six "models" read the same text. Four of them know the truth and bend it, as with the rain: they
# raise every probability to a power and divide by the sum. The other two know only the *word
# frequencies* (a unigram model), and nothing of what was just written.

# %%
language = weather_diary()
n_texts, n_words = 400, 64
tokens = language.sample(n_texts, seed=20, length=2 * n_words)
probs = language.next_token_probs(tokens)[:, n_words - 1 : -1].flatten(0, 1)
came = tokens[:, n_words:].flatten()  # the first half is only read, to learn the season
text_of = torch.arange(n_texts).repeat_interleave(n_words)


def sharpen(p, power):
    return p**power / (p**power).sum(dim=-1, keepdim=True)


frequencies = (language.stationary @ language.emission).expand_as(probs)
models = {
    "the truth": probs,
    "truth to the power 1/2": sharpen(probs, 0.5),
    "truth to the power 2": sharpen(probs, 2),
    "truth to the power 4": sharpen(probs, 4),
    "word frequencies": frequencies,
    "frequencies to the power 2": sharpen(frequencies, 2),
}

# %% [markdown]
# For now the event is *the model's most likely word comes*. Its probability is the model's
# **confidence**; the gap is mean confidence minus accuracy.
#
# **Predict first:** the word frequencies ignore the text and state "." with 0.12 at every position.

# %%
my_probability = ...
guess = predict(
    "unigram-calibrated",
    "Confidence and accuracy of the word frequencies differ by less than 0.01.",
    my_probability,
)


# %%
print(f"{'':28}accuracy   gap with interval        ECE  by chance    NLL")
gaps, losses = {}, {}
for name, stated in models.items():
    sure, right = cal.top_label(stated, came)
    gaps[name] = cal.bootstrap_interval(cal.gap, sure, right, groups=text_of, n_resamples=200)
    error = cal.expected_calibration_error(sure, right)
    chance = cal.ece_null_distribution(sure, n_simulations=200).quantile(0.95)
    losses[name] = cal.negative_log_likelihood(stated, came)
    print(
        f"{name:28}{right.double().mean():8.2f}   {gaps[name]:6.3f}{error:9.3f}{chance:9.3f}"
        f"{losses[name]:9.2f}"
    )
guess.resolve(abs(gaps["word frequencies"].estimate) < 0.01)

# %% [markdown]
# **Calibrated and useless:** the word frequencies have no gap, and a loss more than three times as
# high as the truth allows. **Sharp and wrong:** the powers 2 and 4 choose the same best word as the
# truth, with the same accuracy, and are much too sure of it.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### What the loss is made of
#
# We can say exactly how much of each loss is which. Write $q$ for what is stated, $p$ for the
# truth, and $c = E[\,p \mid q\,]$ for what *should* be stated by somebody who knows no more than
# $q$: its **calibrated version**. Then
#
# $$\text{NLL} = \underbrace{H(p)}_{\text{nobody can know}} +
# \underbrace{\mathrm{KL}(p \,\|\, c)}_{\text{information missing}} +
# \underbrace{\mathrm{KL}(c \,\|\, q)}_{\text{miscalibration}}$$
#
# all averaged over the text. The sum of the first two is called *refinement*; it is to the log
# score what uncertainty minus resolution is to the Brier score, and the last part is its
# reliability.


# %%
def calibrated_version(stated, truth):
    """E[truth | stated]: the mean truth over equal rows of stated (N, C)."""
    _, index = stated.unique(dim=0, return_inverse=True)
    total = torch.zeros(int(index.max()) + 1, truth.shape[1], dtype=truth.dtype)
    total.index_add_(0, index, truth)
    return (total / index.bincount()[:, None])[index]


def kl(p, q):
    """Mean KL divergence of the rows, in nats."""
    return (torch.special.xlogy(p, p) - torch.special.xlogy(p, q)).sum(dim=-1).mean().item()


# %% [markdown]
# **Predict first:** the word frequencies lose 2.3 nats more than the truth.

# %%
my_probability = ...
guess = predict(
    "unigram-loss-repairable",
    "More than half of what the word frequencies lose could be repaired by calibration.",
    my_probability,
)

# %%
entropy = torch.special.entr(probs).sum(dim=-1).mean().item()
bars = {}
for name, stated in models.items():
    calibrated = calibrated_version(stated, probs)
    bars[name] = {
        "entropy": entropy,
        "information missing": kl(probs, calibrated),
        "miscalibration": kl(calibrated, stated),
    }
    package = cal.known_truth_decomposition(stated, probs)
    assert abs(package.grouping - bars[name]["information missing"]) < 1e-6
    assert abs(package.calibration - bars[name]["miscalibration"]) < 1e-6
of_frequencies = bars["word frequencies"]
guess.resolve(of_frequencies["miscalibration"] > of_frequencies["information missing"])
plots.show(
    figures.loss_parts(bars, "expected log score (nats a word)", "Where the loss comes from")
)

# %%
rate = language.entropy_rate()
expect("entropy minus entropy rate, nats a word", entropy - rate.value, 0.0, within=0.02)
expect(
    "information missing in word frequencies",
    bars["word frequencies"]["information missing"],
    2.28,
    within=0.05,
)
expect(
    "miscalibration of the power 4",
    bars["truth to the power 4"]["miscalibration"],
    0.79,
    within=0.05,
)
expect("observed NLL of the truth minus entropy", losses["the truth"] - entropy, 0.0, within=0.03)

# %% [markdown]
# The observed NLL of the table above is this sum, up to chance. The bars also say what can be
# *repaired*: the red part. The orange part takes a better model.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Sharp and wrong: one number repairs it
#
# Raising probabilities to a power $k$ multiplies all logits by $k$. **Temperature scaling** divides
# them by $T$, chosen so that the NLL on some text is lowest. It is told nothing of the truth: it
# sees the logits and the words that came. So we have an exam for the method, with a known answer.
#
# **Predict first:**

# %%
my_probability = ...
guess = predict(
    "temperature-finds-the-power",
    "For the truth to the power 4, the fitted temperature lies between 3.9 and 4.1.",
    my_probability,
)


# %%
def fitted_temperature(texts, power):
    """The temperature that fits these texts (numbers of them), from a model that is too sharp."""
    rows = (texts[:, None] * n_words + torch.arange(n_words)).flatten()
    logits = power * probs[rows].clamp_min(1e-30).log()  # -inf is no logit
    return cal.TemperatureScaling().fit(logits, came[rows]).temperature_


fitted = {}
for power in (2, 4):
    fitted[power] = cal.bootstrap_interval(
        lambda texts, power=power: fitted_temperature(texts, power),
        torch.arange(n_texts),
        n_resamples=30,
    )
    print(f"power {power}: fitted temperature {fitted[power]:.2f}")
guess.resolve(3.9 < fitted[4].estimate < 4.1)

# %%
expect("temperature for the power 2", fitted[2].estimate, 2.0, within=0.08)
expect("temperature for the power 4", fitted[4].estimate, 4.0, within=0.15)
healed = sharpen(models["truth to the power 4"], 1 / fitted[4].estimate)
expect("KL from the truth after it, nats", kl(probs, healed), 0.0, within=0.002)

# %% [markdown]
# The method finds the number that was hidden from it. With it the loss returns to the entropy: here
# *all* that was wrong was one number, so one number repairs all. A real model is rarely wrong in so
# tidy a way, and then the temperature repairs what it can (notebook 10).

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Calibrated about what?
#
# A statement about 49 words is a statement about many events. Each choice of event gives another
# meaning of "calibrated":
#
# | meaning | the event | $E[Y \mid q] = q$ asks that ... |
# | --- | --- | --- |
# | **top-label** | the most likely word comes | of best guesses at 60 %, 60 % are right |
# | **token-level** | a word comes; all words pooled | of all statements of 2 %, 2 % come true |
# | **class-wise** | one certain word comes | "snowy" comes as often as stated; so does each |
# | **full** | the whole distribution | all words at once, among equal distributions |
#
# Full implies all others. Do the others imply it? Here is a model made to find out: it gives its
# best guess the *true* probability, and shares the rest evenly among the other 48 words.

# %% [markdown]
# **Predict first:** its top-label calibration error is zero, like that of the truth.

# %%
my_probability = ...
guess = predict(
    "top-label-is-enough",
    "Its loss is more than half a nat above the loss of the truth.",
    my_probability,
)

# %%
best = probs.max(dim=-1, keepdim=True)
rest = (1 - best.values) / (language.vocab_size - 1)
models["best guess only"] = rest.expand_as(probs).scatter(-1, best.indices, best.values)


def true_errors(stated):
    """The four true calibration errors of statements (N, V), in probability at each position."""
    at_top = stated.argmax(dim=-1, keepdim=True)
    tops = stated.gather(-1, at_top).flatten(), probs.gather(-1, at_top).flatten()
    of_words = [
        cal.true_calibration_error(q, p, 1000) for q, p in zip(stated.T, probs.T, strict=True)
    ]
    return {
        "top-label": cal.true_calibration_error(*tops, 1000),
        "token": cal.true_calibration_error(stated.flatten(), probs.flatten(), 1000)
        * len(of_words),
        "class-wise": sum(of_words),
        "full": (stated - calibrated_version(stated, probs)).abs().sum(dim=-1).mean().item(),
    }


# %%
chosen = ("the truth", "best guess only", "word frequencies", "truth to the power 2")
errors = {name: true_errors(models[name]) for name in chosen}
print(f"{'':22}" + "".join(f"{kind:>12}" for kind in errors["the truth"]) + "     NLL")
for name, of_model in errors.items():
    row = "".join(f"{max(error, 0):12.2f}" for error in of_model.values())
    print(f"{name:22}{row}{cal.negative_log_likelihood(models[name], came):8.2f}")

# %%
lazy = errors["best guess only"]
lazy_loss = cal.negative_log_likelihood(models["best guess only"], came)
guess.resolve(lazy_loss - losses["the truth"] > 0.5)
expect("top-label error of the best guess only", lazy["top-label"], 0.0, within=0.001)
expect("token-level error, all words pooled", lazy["token"], 0.0, within=0.005)
expect("class-wise error, summed over the words", lazy["class-wise"], 0.6, within=0.1)
expect("full error", lazy["full"], 0.66, within=0.05)

# %% [markdown]
# (These errors use the truth and 1,000 bins, so what happened by luck is not in them; the 0.02 of
# the word frequencies come from which 400 texts were drawn. The last three are summed over the
# words of a position.)
#
# *Best guess only* has a perfect reliability diagram, and even all its word probabilities pooled
# look fine, because too high for one word and too low for another cancel in the pool. Yet most of
# what it states beyond its first guess is invented, and its loss is twice that of the truth. **The
# ECE that papers report is top-label: of one event in 49.** If you sample from a model, or compare
# answers by their probability, the other events matter too.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Exercise 5: which calibration?

# %%
exercises.which_calibration.ask()
exercises.which_calibration.check(...)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Calibrated for whom?
#
# Back to the three towns. The **rule of thumb** looks at one thing: was today's report rainy? If so
# it states how often rain followed last year, all towns together; if not, likewise.

# %%
_, last_rained, last_today, *_ = year(seed=110)
wet, dry = (last_rained[last_today == today].double().mean() for today in (True, False))
print(f"after rain it says {wet:.0%}, otherwise {dry:.0%}")
rule = torch.where(rained_today, wet, dry)

for today, name in ((True, "after rain"), (False, "otherwise")):
    inside = rained_today == today
    print(f"{name}: gap {interval(cal.gap, rule, rained, inside=inside):.3f}")

# %% [markdown]
# Calibrated: both of its statements come true as often as stated, up to chance. So is it calibrated
# for somebody who lives on the coast? For one event that sums it up, let the rule say which it
# thinks more likely, rain or no rain, and how sure it is.
#
# **Predict first.**

# %%
my_probability = ...
guess = predict(
    "calibrated-in-every-town",
    "In each of the three towns, the rule's mean confidence is within 0.05 of its accuracy.",
    my_probability,
)

# %%
confidence, correct = torch.maximum(rule, 1 - rule), (rule > 0.5) == rained
everywhere = torch.ones_like(rained)
groups = {"all towns": everywhere} | {town: town_of == i for i, town in enumerate(towns)}


def mean(values):
    return values.double().mean().item()


right = {name: interval(mean, correct, inside=inside) for name, inside in groups.items()}
sure = {name: interval(mean, confidence, inside=inside) for name, inside in groups.items()}
ax = plots.accuracy_and_confidence(right, sure, "The rule of thumb, together and town by town")
ax.set_xlabel("probability, or fraction of evenings")
plots.show(ax)

# %%
in_town = {
    name: interval(cal.gap, confidence, correct, inside=inside) for name, inside in groups.items()
}
guess.resolve(all(abs(found.estimate) < 0.05 for found in in_town.values()))
for name, found in in_town.items():
    print(f"{name:10} gap {found:.3f}")
expect("gap on the coast", in_town["coast"].estimate, 0.10, within=0.03)
expect("gap in the valley", in_town["valley"].estimate, -0.10, within=0.03)
expect("gap in all towns together", in_town["all towns"].estimate, 0.0, within=0.015)

# %% [markdown]
# Overconfident by ten points on the coast, underconfident by ten in the valley, and in the mixture
# the two cancel. Nothing in the overall diagram gives it away. *Calibration on average is a promise
# to nobody in particular.* Of all forecasters only the oracle keeps the promise to every group that
# can be told apart beforehand.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Exercise 6: gaps by group
#
# The tool you will use most in Part III. `group` holds a number for each statement.


# %%
def my_gaps_by_group(stated, happened, group):
    """Return mean statement minus frequency, one for each of the sorted groups (G,)."""
    ...


exercises.gaps_by_group.check(my_gaps_by_group)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Calibrated for which event, on which data?
#
# Last, keep the forecaster and change the data. A reader who has learned the *northern* diary, and
# knows its law exactly, is given one from the *south*: the same climate, the same vocabulary, but
# other favourites among the synonyms. We ask about two events: the next word, and tomorrow's rain.
#
# **Predict first.**

# %%
my_probability = ...
guess = predict(
    "same-gap-abroad",
    "On the southern diary its gap is about the same for both events, within 0.05.",
    my_probability,
)

# %%
north, n_diaries = weather_diary(), 600
shifted = {}
for name, writer in {"north": north, "south": weather_diary(dialect="south")}.items():
    written = writer.sample(n_diaries, seed=30)
    stated = north.next_token_probs(written)[:, :-1]
    sure, right = cal.top_label(stated.flatten(0, 1), written[:, 1:].flatten())
    diary = torch.arange(n_diaries).repeat_interleave(stated.shape[1])
    shifted[name, "next word"] = sure, right, diary

    chance, rain, _, diary = evenings(north, written)
    shifted[name, "rain"] = torch.maximum(chance, 1 - chance), (chance > 0.5) == rain, diary

# %%
print(f"{'diary':7}{'event':12}accuracy  confidence   gap with interval")
for (name, event), (sure, right, diary) in shifted.items():
    found = cal.bootstrap_interval(cal.gap, sure, right, groups=diary, n_resamples=200)
    print(f"{name:7}{event:12}{mean(right):8.2f}{mean(sure):12.2f}   {found:.3f}")

# %%
gap_of = {key: cal.gap(sure, right) for key, (sure, right, _) in shifted.items()}
guess.resolve(abs(gap_of["south", "next word"] - gap_of["south", "rain"]) < 0.05)
expect("gap, north, next word", gap_of["north", "next word"], 0.0, within=0.015)
expect("gap, north, rain", gap_of["north", "rain"], 0.0, within=0.02)
expect("gap, south, next word", gap_of["south", "next word"], 0.20, within=0.03)
expect("gap, south, rain", gap_of["south", "rain"], 0.03, within=0.02)

# %% [markdown]
# One reader, with not a single number changed: calibrated about both events at home; abroad,
# overconfident by twenty points about words, and by three about rain, on the same pages. "Is this
# model calibrated?" has no answer. The question needs four words:
#
# > **Calibration belongs to (model, event, prompt, data).**
#
# The *prompt*, what the model is given to read and how it is asked, is missing here. It will have
# its turn with a real model in Part III.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## What you learned
#
# - Calibrated means $E[Y \mid q] = q$: among all cases with the statement $q$ the event has
#   frequency $q$.
# - Brier = reliability - resolution + uncertainty. Calibration is the first; knowledge is the
#   second. The first can be repaired with a table, the second cannot.
# - The log score splits likewise: entropy, missing information, miscalibration.
# - Proper scores are best for who says what is true. The plain distance and the ECE can be cheated,
#   and accuracy does not listen.
# - Calibrated and useless (word frequencies), sharp and wrong (powers of the truth): two different
#   faults. Temperature scaling found the hidden powers 2 and 4.
# - Top-label, token-level, class-wise and full calibration are different claims.
# - A forecaster can be calibrated overall and ten points wrong in a group: too sure in one, not sure
#   enough in another.
#
# ## Common misconceptions
#
# - *"Accurate means calibrated."* Oracle, sharpened and hedger are right equally often.
# - *"A small ECE means a good model."* The base rate has the best ECE on 100 evenings.
# - *"A large loss means bad calibration."* The word frequencies: a loss of more than 3 nats, and no
#   miscalibration.
# - *"The model is calibrated."* About which event, after which prompt, on which data?
# - *"The expected score is what the forecaster expects."* It is what the world makes of it.
#
# ## Further reading
#
# - G. W. Brier, *Verification of forecasts expressed in terms of probability*, Monthly Weather
#   Review 78, 1950.
# - A. H. Murphy, *A new vector partition of the probability score*, Journal of Applied Meteorology
#   12, 1973.
# - M. H. DeGroot, S. E. Fienberg, *The comparison and evaluation of forecasters*, The Statistician
#   32, 1983: calibration and refinement.
# - T. Gneiting, A. E. Raftery, *Strictly proper scoring rules, prediction, and estimation*, Journal
#   of the American Statistical Association 102, 2007.
# - J. Vaicenavicius et al., *Evaluating model calibration in classification*, AISTATS 2019: the
#   kinds of multi-class calibration.
# - Ú. Hébert-Johnson, M. Kim, O. Reingold, G. Rothblum, *Multicalibration: calibration for the
#   (computationally-identifiable) masses*, ICML 2018: calibrated in every group.

# %% tags=["nbval-ignore-output"]
from coursekit.chapters import progress

progress()

# %% [markdown]
# **Next:** [08 Calibration metrics](08_calibration_metrics.ipynb): what to do when the truth is not
# known, and why every ECE needs its bins, its chance level and its interval.
