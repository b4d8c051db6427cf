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
# # 14 Knowing when to be silent
#
# A wrong answer often does more harm than none. Whoever asks for a dose, a law or a capital can look
# elsewhere after "I don't know", but acts on a wrong reply. So the last notebook's confidences are now
# put to use: the model may stay silent, or name several answers. And somebody will ask you: *how many
# errors will get through?*
#
# A threshold that worked on your data is a hope. This notebook turns hopes into promises, with nothing
# but counting, for any model, calibrated or not. It also finds what the promises do not say.
#
# **You will be able to**
# - let a model abstain below a threshold, and tell a hope about its error rate from a promise;
# - build prediction sets that hold the truth 90 % of the time, and check that against its exact law;
# - give each group a promise of its own, and say what it takes;
# - keep the expected harm of free answers below a limit, by conformal risk control;
# - say what these promises do not promise: groups that nobody named, and data of another kind.
#
# **Time:** about 80 minutes; all cells together run in about a minute on two processor cores.
#
# **On the map:** Part III, a real LLM. Before it: free-form answers (13). After it: question
# answering, translation and summarization (15).

# %%
from math import ceil

import torch
from scipy.stats import betabinom, binom

from coursekit import calibration as cal, data, expect, llm, plots, predict
from coursekit.chapters.knowing_when_to_be_silent import exercises, figures, widget

lm = llm.load()

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Before you start: three questions
#
# Answer from memory: replace each `...` by a letter in quotes. A wrong answer costs nothing and is
# explained.

# %%
exercises.what_repair_leaves.ask()
exercises.what_repair_leaves.check(...)

# %%
exercises.what_agreement_misses.ask()
exercises.what_agreement_misses.check(...)

# %%
exercises.what_none_wrong_says.ask()
exercises.what_none_wrong_says.check(...)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## The answers, once more
#
# As in notebook 13 the model is asked for the capital of each country, after four answered examples, as
# raw text. It gives its greedy answer, and five samples at temperature 1.

# %%
capitals = {question.key: question for question in data.capital_questions(n_options=10)}
shown = [capitals.pop(code) for code in ("PL", "JP", "KE", "PE")]
examples = [(question.question, question.answer) for question in shown]
questions = list(capitals.values())
prompts = llm.few_shot_prompts([question.question for question in questions], examples)

answers = llm.greedy_answers(lm, prompts, max_new_tokens=12)
samples = llm.sample_answers(lm, prompts, 5, max_new_tokens=12)

# %% [markdown]
# Two confidences of the greedy answer: the *likelihood a token* (the geometric mean of its tokens'
# probabilities) had the best order in notebook 13; the *agreement* is the share of the five samples
# that say the same.


# %%
def said(sampled):
    """The texts of the samples of one question."""
    return [sample.text for sample in sampled]


per_token = torch.tensor([answer.log_prob_per_token for answer in answers]).exp()
agree = [llm.agreement(a.text, said(s)) for a, s in zip(answers, samples, strict=True)]
sure = {"likelihood a token": per_token, "agreement": torch.tensor(agree)}
right = torch.tensor([data.matches(a.text, q) for a, q in zip(answers, questions, strict=True)])
accuracy = cal.bootstrap_interval(torch.mean, right.double())
print(f"{len(questions)} countries, accuracy {accuracy:.2f}")
expect("accuracy of the greedy answers", accuracy.estimate, 0.47, within=0.05)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## When to stay silent
#
# A model that may abstain answers only where its confidence is high enough. *Coverage* is the share
# it answers, *risk* the share of those answers that are wrong.

# %%
shares = [share / 10 for share in range(1, 11)]


def risk_at(share):
    """The error rate among the surest, as a function of confidence and correctness."""
    return lambda confidence, correct: 1 - cal.selective_accuracy(confidence, correct, share)


risks = {
    name: [cal.bootstrap_interval(risk_at(s), values, right, n_resamples=300) for s in shares]
    for name, values in sure.items()
}
plots.show(figures.risk_coverage_bands(shares, risks, "Fewer answers, fewer errors"))

# %%
half_answered = risks["likelihood a token"][shares.index(0.5)]
print(f"risk when the surest half is answered: {half_answered:.2f}")
expect("risk at coverage 0.5", half_answered.estimate, 0.23, within=0.06)
expect("its upper end", half_answered.high, at_most=0.36)
expect("risk when all is answered", risks["agreement"][-1].estimate, 0.53, within=0.05)

# %% [markdown]
# Silence halves the errors. It does not remove them, and these are the first to come:

# %%
surest = sure["likelihood a token"].argsort(descending=True).tolist()
for i in [i for i in surest if not right[i]][:5]:
    print(f"{questions[i].subject}: {answers[i].text} (right: {questions[i].answer})")

# %% [markdown]
# *Abstention cures what the model does not know, not what it knows wrongly.*

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Exercise 1: where to pick the threshold

# %%
exercises.where_to_pick_the_threshold.ask()
exercises.where_to_pick_the_threshold.check(...)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## A hope and a promise
#
# "At most 30 % of the answers shall be wrong." The hope: on the calibration questions, take the lowest
# threshold whose answers keep that.


# %%
def hoped(confidence, correct, limit):
    """The lowest threshold whose observed risk is within the limit; 2, silence, if there is none."""
    curve = cal.risk_coverage_curve(confidence, correct)
    kept = curve.threshold[curve.risk <= limit]
    return kept[-1].item() if len(kept) else 2.0


# %% [markdown]
# The promise: fix a list of thresholds *before* looking, here 0.8, 0.75, 0.7 and so on, and go down it.
# At each step ask: if the true risk were above the limit, how probable were so few errors as these, or
# fewer? Of $n$ answers at a risk of 0.3, the number of errors is binomial. Where that probability
# exceeds 10 %, stop, and keep the step before.
#
# The chance to end with a broken limit is then at most 10 %: to do so, you must have passed the *first*
# step whose true risk is too high, and that alone has at most a chance of 10 %. (*Fixed-sequence
# testing*; Angelopoulos et al., 2021.)


# %%
def promised(confidence, correct, limit, doubt=0.1, steps=range(16, -1, -1)):
    """Go down fixed thresholds (in twentieths) while too high a risk is ruled out by the errors."""
    lowest = 2.0
    for step in steps:
        speaks = confidence >= step / 20
        n_wrong = (speaks & ~correct).sum().item()
        if binom.cdf(n_wrong, speaks.sum().item(), limit) > doubt:
            break
        lowest = step / 20
    return lowest


# %% [markdown]
# Does it hold? To see the *true* risk we need a world that we know. Let these countries be the world:
# every question that comes is one of them, drawn by chance. Draw 78 for calibration, choose a threshold,
# and look up its risk in the whole world. A thousand times.
#
# **Predict first:** in how many of the draws will the hope break the limit?

# %%
my_probability = ...
guess = predict(
    "threshold-breaks-its-limit",
    "The threshold that kept the limit breaks it in the world in more than a quarter of the draws.",
    my_probability,
)


# %%
def tried(rule, confidence, limit=0.3, n=78, n_draws=1000):
    """How often the true risk breaks the limit, with an interval, and the mean share answered."""
    generator = torch.Generator().manual_seed(0)
    broken, answered = [], []
    for drawn in torch.randint(len(right), (n_draws, n), generator=generator):
        speaks = confidence >= rule(confidence[drawn], right[drawn], limit)
        broken.append((speaks & ~right).sum() > limit * speaks.sum())
        answered.append(speaks.double().mean())
    return cal.bootstrap_interval(torch.mean, torch.stack(broken).double()), torch.stack(answered)


torch.set_num_threads(1)  # small tables: a second thread waits more than it works
hope, hope_answers = tried(hoped, per_token)
promise, promise_answers = tried(promised, per_token)
guess.resolve(hope.estimate > 0.25)

# %%
print(
    f"hope: broken in {hope:.2f} of the draws, answers {hope_answers.mean():.1f} of the questions"
)
print(f"promise: broken in {promise:.2f} of the draws, answers {promise_answers.mean():.1f}")
expect("hope: share of draws that break the limit", hope.estimate, 0.55, within=0.1)
expect("promise: upper end of the share of draws that break it", promise.high, at_most=0.1)
expect(
    "share answered, hope minus promise", (hope_answers - promise_answers).mean(), 0.3, within=0.09
)

# %% [markdown]
# The threshold that looks best on the calibration questions looks so partly by luck. The promise is kept,
# with room to spare, and its price is silence: about half as many answers.

# %% [markdown]
# And the first step? Let the list begin at 0.9, where hardly any answer stands:

# %%
late, late_answers = tried(
    lambda c, y, limit: promised(c, y, limit, steps=range(18, -1, -1)), per_token
)
expect("share answered when the list begins at 0.9", late_answers.mean(), at_most=0.1)

# %% [markdown]
# A handful of answers rules out nothing, so the first test stops and the model stays silent. Begin where
# you expect about twenty answers; to know where that is takes no label.


# %%
def halves(seed):
    """Two random halves of the rows, of n and m questions."""
    order = torch.randperm(len(questions), generator=torch.Generator().manual_seed(seed))
    return order[: len(order) // 2], order[len(order) // 2 :]


choose_on, report_on = halves(0)
t = promised(per_token[choose_on], right[choose_on], limit=0.3)
speaks = per_token[report_on] >= t
curve = cal.risk_coverage_curve(per_token[report_on], right[report_on])
share, risk = speaks.double().mean().item(), (~right[report_on])[speaks].double().mean().item()
title = "The test half, threshold from the calibration half"
plots.show(figures.abstention_curve(curve, share, risk, title))
in_world = per_token >= t
risk_in_world = (~right)[in_world].double().mean()
expect("risk of this threshold in the whole world", risk_in_world, at_most=0.3)

# %% [markdown]
# One split, one threshold. On a test half of this size the *observed* risk scatters about the true one: a
# point a little above 0.3 is no broken promise.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Sets instead of answers
#
# Instead of staying silent, a model may name several answers. *Conformal prediction* chooses how
# many, so that the set holds the truth 90 % of the time, whatever the model. It needs a score for
# every candidate; here ten capitals of the same continent, by log-probability (notebook 12).

# %%
options = [[f" {option}" for option in question.options] for question in questions]
choice_probs = torch.stack(llm.score_choices(lm, prompts, options)).softmax(dim=1)
labels = torch.tensor([question.correct for question in questions])

fitted = cal.ConformalSets(level=0.9).fit(choice_probs[choose_on], labels[choose_on])
sets = fitted.predict_sets(choice_probs[report_on])
for row in (0, 1, 2):
    question = questions[report_on[row]]
    inside = [option for option, yes in zip(question.options, sets[row], strict=True) if yes]
    print(f"{question.subject}: {', '.join(inside) or '(nothing)'}")

# %% [markdown]
# How strange does the truth look? Its score is 1 minus its probability. Of $n$ calibration questions take
# the $k$-th smallest score, $k = \lceil 0.9 (n + 1) \rceil$; into the set goes every capital that looks no
# stranger. Why $n + 1$? The new question is one more, and its score is as likely to be the smallest of
# all $n + 1$ as the second, the third or the last.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Exercise 2: the conformal quantile


# %%
def my_quantile(scores, level):
    """Return up to which score a class enters the set; scores (n,) of truths."""
    ...


exercises.conformal_quantile.check(my_quantile)

# %% [markdown]
# Stuck? `exercises.conformal_quantile.hint()`, and at last `.solution()`.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Is the promise kept?
#
# In 200 random splits, the coverage on the test half must scatter about 90 % as theory says: with
# $n$ calibration and $m$ test questions, the number of covered test questions follows a beta-binomial law
# with parameters $m$, $k$ and $n + 1 - k$. (Here *coverage* is the share of sets that hold the truth.)
#
# The next cell writes the sets out, for the whole world or for each group by itself: a quantile a group,
# and everything where a group has too few questions for $k \le n$.


# %%
def sets_for(fit_rows, use_rows, group):
    """Conformal sets (m, 10): each group gets a quantile of its own."""
    sets = torch.ones(len(use_rows), 10, dtype=torch.bool)  # everything
    for g in group.unique():
        mine, theirs = fit_rows[group[fit_rows] == g], group[use_rows] == g
        scores = 1 - choice_probs[mine, labels[mine]]
        k = ceil(0.9 * (len(mine) + 1))
        if k <= len(mine):
            sets[theirs] = 1 - choice_probs[use_rows[theirs]] <= scores.sort().values[k - 1]
    return sets


# %%
def over_splits(group, n_splits=200):
    """Whether each test question's set held the truth, and its size (S, N); NaN where not tested."""
    held = torch.full((n_splits, len(questions)), torch.nan, dtype=torch.double)
    sizes = held.clone()
    for seed in range(n_splits):
        fit_rows, use_rows = halves(seed)
        sets = sets_for(fit_rows, use_rows, group)
        held[seed, use_rows] = sets.gather(1, labels[use_rows, None])[:, 0].double()
        sizes[seed, use_rows] = sets.sum(1).double()
    return held, sizes


everyone = torch.zeros(len(questions), dtype=torch.long)
held, sizes = over_splits(everyone)
n, m = (len(half) for half in halves(0))
k = ceil(0.9 * (n + 1))
title = "200 splits: does the set hold the truth?"
plots.show(figures.coverage_histogram(held.nanmean(dim=1), n, m, k, title))

# %%
coverages = held.nanmean(dim=1)
low, high = betabinom.ppf([0.025, 0.975], m, k, n + 1 - k) / m
inside = ((coverages >= low) & (coverages <= high)).double().mean()
print(f"mean coverage: {cal.bootstrap_interval(torch.mean, coverages):.2f}")
expect("mean coverage over 200 splits", coverages.mean(), k / (n + 1), within=0.02)
expect("share of splits inside the 95 % interval of theory", inside, at_least=0.9)
expect("capitals in a set, on average", sizes.nanmean(), 2.4, within=0.5)
print(f"one split of {m} questions may cover anything from {low:.2f} to {high:.2f}")

# %% [markdown]
# The promise is kept, and it is a promise about the average. One split of this size may cover 82 %
# or 98 %, and nothing went wrong.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## What the promise does not say
#
# 90 % of *all* countries. Of the small ones as well?
#
# **Predict first:** how probable is it that the sets cover the third of countries with the most
# inhabitants at least ten points more often than the third with the fewest?

# %%
my_probability = ...
guess = predict(
    "conformal-small-countries",
    "Coverage differs by at least ten points between populous and small countries.",
    my_probability,
)

# %%
population = torch.tensor([question.population for question in questions]).double()
third = torch.bucketize(population, population.quantile(torch.tensor([1 / 3, 2 / 3]).double()))
thirds = ["few inhabitants", "in between", "many inhabitants"]


def by_group(values, group, names):
    """The mean over the splits and countries of each group, with an interval over countries."""
    of_country = values.nanmean(dim=0)
    return {
        name: cal.bootstrap_interval(torch.mean, of_country[group == i])
        for i, name in enumerate(names)
    }


one_for_all = by_group(held, third, thirds)
title = "One promise, three kinds of country"
plots.show(plots.interval_rows(one_for_all, "coverage", title, (0.9, "promised")))

# %%
difference = cal.bootstrap_interval(
    lambda c, t: (c[t == 2].mean() - c[t == 0].mean()).item(), held.nanmean(dim=0), third
)
guess.resolve(difference.estimate > 0.1)
print(f"many minus few inhabitants: {difference:.2f}")
expect("coverage, few inhabitants", one_for_all["few inhabitants"].estimate, 0.81, within=0.06)
expect("coverage, many inhabitants", one_for_all["many inhabitants"].estimate, 0.98, within=0.03)
expect("the lower end of their difference", difference.low, at_least=0.0)

# %% [markdown]
# One number, 90 %, and the countries are not treated alike: where the model knows little, the truth
# is left out more often than where it knows much. The average hides it.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## A promise for each group
#
# If you can name the groups, and have calibration questions of each, give each a quantile of its own
# (Vovk, 2012; *Mondrian* conformal prediction). The rank argument then holds within each group.
#
# **Predict first:** what will that do to the size of the sets?

# %%
my_probability = ...
guess = predict(
    "conformal-price-of-groups",
    "Sets of the smallest countries grow by more than half; those of the largest become smaller.",
    my_probability,
)

# %%
held_by_third, sizes_by_third = over_splits(third)
own = by_group(held_by_third, third, thirds)
before, after = by_group(sizes, third, thirds), by_group(sizes_by_third, third, thirds)
lines = {"one quantile for all": one_for_all, "a quantile a group": own}
plots.show(
    plots.lines_with_intervals(
        thirds,
        {name: list(rows.values()) for name, rows in lines.items()},
        "third of the countries",
        "coverage (promised: 0.9)",
        "The same promise, kept for each group",
    )
)

# %%
few, most = thirds[0], thirds[2]
guess.resolve(
    after[few].estimate > 1.5 * before[few].estimate
    and after[most].estimate < before[most].estimate
)
for name in thirds:
    print(f"{name}: {before[name]:.1f} capitals in a set before, {after[name]:.1f} after")
expect("lowest coverage of a group", min(row.estimate for row in own.values()), at_least=0.89)
expect("size, few inhabitants, after", after[few].estimate, 5.3, within=1.2)
expect("size, many inhabitants, after", after[most].estimate, 1.1, within=0.3)

# %% [markdown]
# The promise now holds in each third. Its price is paid where the model knows little: more than five of
# ten capitals in a set, which is nearly to say nothing. For the large countries one capital will do. Both
# are honest, and the single quantile hid it.
#
# Now by continent. South America has nine countries here, so a calibration half holds four or five.

# %%
names = sorted({question.group for question in questions})
continent = torch.tensor([names.index(question.group) for question in questions])
held_by_continent, sizes_by_continent = over_splits(continent)
cover, size = (by_group(v, continent, names) for v in (held_by_continent, sizes_by_continent))
for i, name in enumerate(names):
    print(f"{name:14} {(continent == i).sum():3} countries, {size[name].estimate:4.1f} in a set")
expect("size of a set, South America", size["South America"].estimate, at_least=9.9)
expect("lowest coverage of a continent", min(c.estimate for c in cover.values()), at_least=0.89)

# %% [markdown]
# With fewer than nine calibration questions no finite quantile keeps 90 %, and the set holds everything.
# That keeps the promise, and says: *I have no data about you.*

# %% [markdown] slideshow={"slide_type": "slide"}
# ### A group that nobody named
#
# The thirds now have their promise. Have the continents?

# %%
unnamed = by_group(held_by_third, continent, names)
title = "A quantile for each third, seen by continent"
plots.show(plots.interval_rows(unnamed, "coverage", title, (0.9, "promised")))
lowest, highest = (f(c.estimate for c in unnamed.values()) for f in (min, max))
expect("highest minus lowest coverage of a continent", highest - lowest, 0.13, within=0.04)

# %% [markdown]
# Europe is covered almost every time, Oceania less than promised, if anything: its interval is wide. Nobody
# promised a continent anything, and no method promises all groups at once. Which groups count is a
# decision, and not one of statistics.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Free answers: keep the harm small
#
# And where there is no list of options? From the *sampled* answers one could make a set, but it can only
# hold what was sampled:

# %%
said_truth = [
    any(data.matches(s.text, q) for s in d) for d, q in zip(samples, questions, strict=True)
]
found = cal.bootstrap_interval(torch.mean, torch.tensor(said_truth).double())
print(f"the truth is among five samples: {found:.2f}")
expect("share of questions whose truth was sampled", found.estimate, 0.55, within=0.06)

# %% [markdown]
# No set made of these five samples can hold the truth 90 % of the time. An honest set must be able to say
# "or something else".
#
# So let us promise something else: little *harm*. Five people ask the same question, and each gets one
# sample, or silence if its likelihood a token is below $\lambda$. The loss $L_i(\lambda)$ of question $i$
# is the share of the five who get a wrong answer: 0, 0.2, ... or 1. A higher $\lambda$ can only lower it.
# The limit: $\alpha = 0.1$ on average over questions.

# %%
thresholds = torch.cat([torch.arange(101) / 100, torch.tensor([2.0])])  # fixed; 2 is silence
per_sample = torch.tensor([[s.log_prob_per_token for s in d] for d in samples]).exp()
correct = torch.tensor(
    [[data.matches(s.text, q) for s in d] for d, q in zip(samples, questions, strict=True)]
)
speaks = per_sample[:, :, None] >= thresholds  # (N, 5, K)
losses = (speaks & ~correct[:, :, None]).double().mean(dim=1)  # (N, K)
helped = (speaks & correct[:, :, None]).double().mean(dim=1)
harm = cal.bootstrap_interval(torch.mean, losses[:, 0])
print(f"wrong answers that reach people if nothing is held back: {harm:.2f}")
expect("loss without a threshold", harm.estimate, 0.69, within=0.07)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### One more question, at its worst
#
# The hope takes the first threshold with a mean calibration loss of at most $\alpha$. *Conformal risk
# control* (Angelopoulos et al., 2024) adds the new question, of which it knows only that its loss is at
# most $B$, here 1:
#
# $$\frac{n}{n + 1} \hat R_n(\lambda) + \frac{B}{n + 1} \le \alpha .$$
#
# Then the *expected* loss of a new question is at most $\alpha$: for any model, any $n$, any loss that
# falls as $\lambda$ rises. With a loss of 1 where a set misses the truth, it is the rank
# $\lceil 0.9 (n + 1) \rceil$ again.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Exercise 3: the threshold of risk control


# %%
def my_threshold(losses, thresholds, limit):
    """Return the first of K thresholds that will do; losses (n, K) fall in a row."""
    ...


exercises.risk_controlled_threshold.check(my_threshold)

# %% [markdown]
# Without the term, what happens? **Predict first:** with only ten calibration questions.

# %%
my_probability = ...
guess = predict(
    "risk-without-correction",
    "Without the correction, ten questions lead to an expected loss above 0.11 instead of 0.10.",
    my_probability,
)


# %%
def hoped_threshold(losses, limit):
    """The first threshold whose mean loss on the calibration questions is within the limit."""
    return thresholds[(losses.mean(dim=0) <= limit).nonzero()[0, 0]].item()


def expected(n, rule, values=losses, n_draws=1000, limit=0.1):
    """Mean of `values` on the other questions, over draws of n for calibration, with an interval."""
    generator, found = torch.Generator().manual_seed(n), []
    for _ in range(n_draws):
        order = torch.randperm(len(losses), generator=generator)
        column = thresholds == rule(losses[order[:n]], limit)
        found.append(values[order[n:]][:, column].mean())
    return cal.bootstrap_interval(torch.mean, torch.stack(found))


# %%
def controlled(losses, limit):
    """The threshold of conformal risk control."""
    return cal.conformal_risk_threshold(losses, thresholds, limit)


many = [10, 20, 40, 78]
without, kept = ([expected(n, rule) for n in many] for rule in (hoped_threshold, controlled))
plots.show(
    plots.lines_with_intervals(
        [str(n) for n in many],
        {"without the correction": without, "risk control": kept},
        "calibration questions",
        "expected loss (limit: 0.1)",
        "Ten wrong answers in a hundred: promised and kept",
    )
)

# %%
guess.resolve(without[0].estimate > 0.11)
print(f"10 calibration questions: {without[0]:.3f} without the correction, {kept[0]:.3f} with it")
expect("without, 10 questions: lower end", without[0].low, at_least=0.105)
expect("risk control: highest upper end", max(loss.high for loss in kept), at_most=0.1)
expect("risk control, 78 questions", kept[-1].estimate, 0.09, within=0.01)

# %%
useful = expected(78, controlled, helped)
everything = helped[:, 0].mean()
print(f"right answers that reach people: {useful:.2f}, and {everything:.2f} without a threshold")
expect("right answers that are kept, as a share", useful.estimate / everything, 0.79, within=0.1)

# %% [markdown]
# At a limit of 0.1 seven in eight wrong answers are held back, and about a fifth of the right ones. The
# correction matters where data are few: it is a question in eleven, and one in seventy-nine.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Two kinds of promise
#
# The tested threshold kept its limit in nine of ten calibration sets, at least. Risk control keeps an
# *average* over calibration sets. How many of them lead above the limit? Again the countries are the world.
#
# **Predict first:** one in ten, or more?

# %%
my_probability = ...
guess = predict(
    "risk-control-single-sets",
    "More than one calibration set in ten leads to an expected loss above the limit.",
    my_probability,
)

# %%
generator = torch.Generator().manual_seed(0)
true_losses = torch.stack(
    [
        losses[:, thresholds == controlled(losses[drawn], 0.1)].mean()
        for drawn in torch.randint(len(losses), (1000, 78), generator=generator)
    ]
)
above = cal.bootstrap_interval(torch.mean, (true_losses > 0.1).double())
guess.resolve(above.estimate > 0.1)
print(f"calibration sets that lead above the limit: {above:.2f}")
print(f"mean over calibration sets: {cal.bootstrap_interval(torch.mean, true_losses):.3f}")
expect("share of sets that lead above the limit", above.estimate, 0.27, within=0.08)
expect("mean over calibration sets", true_losses.mean(), at_most=0.1)

# %% [markdown]
# About one set in four, and the average keeps the limit all the same. If you calibrate once, that average
# is little comfort: test the thresholds, as above. If you calibrate often, it is what you will see.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### A world of which all is known
#
# Let a question be lost (loss 1) where its score, uniform between 0 and 1, lies above the threshold. Then
# the expected loss can be computed: a threshold at the $k$-th smallest of ten scores leaves out
# $1 - k / 11$. The hope takes $k = 9$, and loses $2/11 = 0.18$. Risk control takes $k = 10$: $1/11 = 0.09$.

# %%
grid = torch.arange(1001, dtype=torch.double) / 1000
scores = torch.rand(2000, 10, 1, dtype=torch.double, generator=torch.Generator().manual_seed(0))
lost = {"hope": [], "risk control": []}
for ten in scores:
    misses = (ten > grid).double()
    lost["hope"].append(1 - grid[misses.mean(dim=0) <= 0.1].min())
    lost["risk control"].append(1 - cal.conformal_risk_threshold(misses, grid, 0.1))
exact = {"hope": round(2 / 11, 3), "risk control": round(1 / 11, 3)}
for name, values in lost.items():
    loss = cal.bootstrap_interval(torch.mean, torch.tensor(values).double())
    print(f"{name}: {loss:.3f}, exactly {exact[name]:.3f}")
    expect(f"expected loss, {name}", loss.estimate, exact[name], within=0.01)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## When the data are of another kind
#
# Every promise here has one condition: the new questions come as the calibration questions came
# (*exchangeable*: in any order, equally likely). Suppose you had calibrated on Europe alone.
#
# **Predict first:** how often will 90 % sets from Europe hold the capital of a country elsewhere?

# %%
my_probability = ...
guess = predict(
    "conformal-from-europe",
    "Sets calibrated on Europe hold the truth elsewhere less than 85 % of the time.",
    my_probability,
)

# %%
in_europe = continent == names.index("Europe")
europe, elsewhere = in_europe.nonzero()[:, 0], (~in_europe).nonzero()[:, 0]
sets = sets_for(europe, elsewhere, everyone)
holds = sets.gather(1, labels[elsewhere, None])[:, 0].double()
abroad = cal.bootstrap_interval(torch.mean, holds)
guess.resolve(abroad.estimate < 0.85)
print(f"sets from {len(europe)} countries of Europe cover elsewhere: {abroad:.2f}")
expect("coverage elsewhere", abroad.estimate, 0.82, within=0.05)
expect("the upper end of that interval", abroad.high, at_most=0.9)

# %%
t = controlled(losses[europe], 0.1)
harm = cal.bootstrap_interval(torch.mean, losses[elsewhere][:, thresholds == t][:, 0])
print(f"risk control from Europe, wrong answers elsewhere: {harm:.2f} (limit 0.10)")
expect("expected loss elsewhere", harm.estimate, 0.14, within=0.04)

# %% [markdown]
# The sets break their promise elsewhere: Europe is what this model knows best. Risk
# control lets more wrong answers through than its limit, though the interval just reaches it.
# Nothing in the calibration data warns of it. A promise is worth as much as the likeness of tomorrow's
# questions to yesterday's.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Try it: move the threshold
#
# Run the next cell, choose a confidence and slide the threshold. How many questions are answered
# when a fifth of the answers are wrong? (The static form stands above, after "a hope and a
# promise".)

# %% tags=["nbval-ignore-output"]

widget.abstention_explorer(sure, right)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## What you learned
#
# - Silence below a threshold lowers the share of errors (here, as raw text, it halves when half is
#   answered) and leaves those of which the model is sure.
# - A threshold that kept its limit on the calibration questions is a hope; with a test of each step, in an
#   order fixed beforehand, it is a promise, and the price is fewer answers.
# - Conformal sets keep their promise on average over questions and splits, and for no group in
#   particular.
# - A quantile a group keeps it for each group that you named, with larger sets where the model knows
#   less, and with everything in the set where a group has too few questions.
# - Conformal risk control keeps an expected loss of free answers; what makes it a promise is to count the
#   new question, at its worst. It is a promise about the average: some calibration sets lead above it.
# - Data of another kind break these promises, and the calibration data do not tell.
#
# ## Common misconceptions
#
# - *"A 90 % set is right for nine in ten of my questions."* Of questions like the calibration
#   questions, on average; of yours, only if yours are like them.
# - *"My split covered 84 %, so the method failed."* With 79 test questions anything from 0.81 to 0.99 is
#   as theory says.
# - *"Conformal prediction makes a bad model good."* It makes it honest: where the model knows little, its
#   sets are large.
# - *"Risk control keeps the limit with the data I have."* On average over data sets. For yours, with a
#   chance that you choose, test the thresholds.
# - *"It works for every group, since it needs no assumption."* It needs exchangeability, and then promises
#   the average.
#
# ## Further reading
#
# - Y. Geifman, R. El-Yaniv, *Selective classification for deep neural networks*, NeurIPS 2017.
# - A. N. Angelopoulos, S. Bates, *Conformal prediction: a gentle introduction*, Foundations and
#   Trends in Machine Learning 16, 2023.
# - V. Vovk, *Conditional validity of inductive conformal predictors*, ACML 2012.
# - A. N. Angelopoulos, S. Bates, A. Fisch, L. Lei, T. Schuster, *Conformal risk control*, ICLR 2024.
# - A. N. Angelopoulos, S. Bates, E. J. Candès, M. I. Jordan, L. Lei, *Learn then test: calibrating
#   predictive algorithms to achieve risk control*, arXiv:2110.01052, 2021 (fixed-sequence testing).
# - V. Quach et al., *Conformal language modeling*, ICLR 2024: sets of sampled answers, with a rule for
#   when to stop sampling.
# - Q. Wang, Y. Fan, X. E. Wang, *SAFER: risk-constrained sample-then-filter in large language
#   models*, arXiv:2510.10193, 2025: sampling may never find a right answer, so a Clopper-Pearson
#   bound first says how many samples are enough, or to abstain; conformal risk control then filters
#   them, and both limits held on three sets of questions.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## And you?

# %% tags=["nbval-ignore-output"]

from coursekit.chapters import progress

plots.my_predictions()
progress()

# %% [markdown]
# **Next:** [15 Applications](15_applications.ipynb): question answering, translation and summarization.
# Back to [00 Start here](00_start_here.ipynb).
