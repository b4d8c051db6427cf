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
# TODO
#
# **You will be able to**
# - let a model abstain below a threshold, and tell a hope about its error rate from a promise;
# - build prediction sets that hold the truth 90 % of the time, and say what that does not promise.
#
# **Time:** about 60 minutes; all cells together run in about a minute on two processor cores.
#
# **On the map:** Part III, a real LLM. Before it: free-form answers (13). After it: question
# answering, translation and summarization (15).

# %%
import torch
from scipy.stats import beta, betabinom

from coursekit import calibration as cal, data, expect, llm, plots, predict
from coursekit.chapters.free_form_answers import exercises, figures, widget

# %%

lm = llm.load()

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Before you start: three questions
#
# Answer from memory: replace each `...` by a letter in quotes. A wrong answer costs nothing and is
# explained.

# %%
exercises.what_a_prior_divides_out.ask()
exercises.what_a_prior_divides_out.check(...)

# %%
exercises.what_auroc_ignores.ask()
exercises.what_auroc_ignores.check(...)

# %%
exercises.what_calibration_data_are_for.ask()
exercises.what_calibration_data_are_for.check(...)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## When to stay silent
#
# A model that may abstain answers only where its confidence is high enough. *Coverage* is the share
# it answers, *risk* the share of those answers that are wrong.

# %%
shares = [share / 20 for share in range(2, 21)]


def risk_at(share):
    """The error rate among the surest, as a function of confidence and correctness."""
    return lambda confidence, correct: 1 - cal.selective_accuracy(confidence, correct, share)


risks = {
    name: [cal.bootstrap_interval(risk_at(s), sure[name], right, n_resamples=300) for s in shares]
    for name in ("likelihood a token", "agreement")
}
plots.show(figures.risk_coverage_bands(shares, risks, "Fewer answers, fewer errors"))

# %%
half_answered = risks["likelihood a token"][shares.index(0.5)]
print(f"risk when the surest half is answered: {half_answered:.1f}")
expect("risk at coverage 0.5", half_answered.estimate, 0.23, within=0.08)
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
# ### Exercise 5: where to pick the threshold

# %%
exercises.where_to_pick_the_threshold.ask()
exercises.where_to_pick_the_threshold.check(...)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## A hope and a promise
#
# "At most 30 % of the answers shall be wrong." On the calibration half, take the lowest threshold
# whose answers keep that. What will happen on the test half?
#
# **Predict first:** over 200 random halves, how often does the test half break the limit?

# %%
my_probability = ...
guess = predict(
    "threshold-breaks-its-limit",
    "The limit is broken on the test half in more than a quarter of the splits.",
    my_probability,
)


# %%
def hoped(confidence, correct, limit):
    """The lowest threshold whose observed risk is within the limit; 2, never, if there is none."""
    curve = cal.risk_coverage_curve(confidence, correct)
    kept = curve.threshold[curve.risk <= limit]
    return kept[-1].item() if len(kept) else 2.0


def promised(confidence, correct, limit, doubt=0.1, start=20):
    """Lower the threshold while even an upper bound of the risk keeps the limit."""
    curve = cal.risk_coverage_curve(confidence, correct)
    n = (curve.coverage * len(confidence)).round()
    wrong = (curve.risk * n).round()
    bound = torch.tensor(beta.ppf(1 - doubt, wrong + 1, (n - wrong).clamp(min=1e-9)))
    lowest = 2.0
    for t, n_answered, upper in zip(curve.threshold, n, bound, strict=True):
        if n_answered >= start and upper > limit:
            break
        if n_answered >= start:
            lowest = t.item()
    return lowest


# %% [markdown]
# The second rule begins at the 20 surest answers and goes down. At each step it asks what the true
# risk could be, given the errors seen: the upper end of a one-sided 90 % interval (Clopper and
# Pearson, 1934). At the first step where that exceeds the limit, it stops. Because the steps have an order
# that was fixed beforehand, the chance to break the limit stays at most 10 % (*fixed-sequence
# testing*, Angelopoulos et al., 2021).

# %%
limit, token_sure = 0.3, sure["likelihood a token"]
broken, answered = {"hope": 0, "promise": 0}, {"hope": 0.0, "promise": 0.0}
for seed in range(200):
    choose_on, report_on = halves(seed)
    for name, rule in {"hope": hoped, "promise": promised}.items():
        t = rule(token_sure[choose_on], right[choose_on], limit)
        speaks = token_sure[report_on] >= t
        wrong = (speaks & ~right[report_on]).sum().item()
        broken[name] += wrong > limit * speaks.sum().item()
        answered[name] += speaks.double().mean().item()

guess.resolve(broken["hope"] / 200 > 0.25)
for name in broken:
    print(f"{name:8} answers {answered[name] / 200:.1f} of the questions on average")
expect("hope: share of splits that break the limit", broken["hope"] / 200, 0.5, within=0.15)
expect("promise: share of splits that break it", broken["promise"] / 200, at_most=0.2)

# %% [markdown]
# The best threshold on the calibration half looks best partly by luck, and on new questions the
# limit breaks about every other time. The promise costs answers and buys safety. (The observed risk
# of a small test half scatters about the true one, so even a kept promise shows some splits above
# the limit.)

# %%
choose_on, report_on = fit_on, use_on
t = promised(token_sure[choose_on], right[choose_on], limit)
speaks = token_sure[report_on] >= t
curve = cal.risk_coverage_curve(token_sure[report_on], right[report_on])
share, risk = speaks.double().mean().item(), (~right[report_on])[speaks].double().mean().item()
plots.show(
    figures.abstention_curve(
        curve, share, risk, "The test half, threshold from the calibration half"
    )
)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Sets instead of answers
#
# Instead of staying silent, a model may name several answers. *Conformal prediction* chooses how
# many, so that the set holds the truth 90 % of the time, whatever the model. It needs a score for
# every candidate; here ten capitals of the same continent, scored by log-probability (notebook 12).

# %%
torch.set_num_threads(n_threads)  # the model is asked again
options = [[f" {option}" for option in question.options] for question in questions]
choice_probs = torch.stack(llm.score_choices(lm, prompts, options)).softmax(dim=1)
labels = torch.tensor([question.correct for question in questions])

fitted = cal.ConformalSets(level=0.9).fit(choice_probs[fit_on], labels[fit_on])
sets = fitted.predict_sets(choice_probs[use_on])
for row in (0, 1, 2):
    question = questions[use_on[row]]
    inside = [option for option, yes in zip(question.options, sets[row], strict=True) if yes]
    print(f"{question.subject}: {', '.join(inside) or '(nothing)'}")

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Exercise 6: the conformal quantile


# %%
def my_quantile(scores, level):
    """Return up to which score a class enters the set; scores (n,) of truths."""
    ...


exercises.conformal_quantile.check(my_quantile)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Is the promise kept?
#
# In 200 random splits, the coverage on the test half must scatter about 90 % as theory says: with
# $n$ calibration and $m$ test questions and $k = \lceil 0.9 (n + 1) \rceil$, the number of covered
# test questions follows a beta-binomial law with parameters $m$, $k$ and $n + 1 - k$.

# %%
n, m = len(halves(0)[0]), len(halves(0)[1])
k = -int(-0.9 * (n + 1) // 1)
held = torch.zeros(200, len(questions))  # 1 where the set held the truth
tested = torch.zeros(200, len(questions), dtype=torch.bool)
coverages = torch.zeros(200, dtype=torch.double)
sizes = torch.zeros(200)
for seed in range(200):
    fit_rows, use_rows = halves(seed)
    fitted = cal.ConformalSets(0.9).fit(choice_probs[fit_rows], labels[fit_rows])
    sets = fitted.predict_sets(choice_probs[use_rows])
    coverages[seed] = cal.coverage(sets, labels[use_rows])
    sizes[seed] = cal.mean_set_size(sets)
    held[seed, use_rows] = sets.gather(1, labels[use_rows, None]).squeeze(1).float()
    tested[seed, use_rows] = True

plots.show(
    figures.coverage_histogram(coverages, n, m, k, "200 splits: does the set hold the truth?")
)

# %%
low, high = betabinom.ppf([0.025, 0.975], m, k, n + 1 - k) / m
inside = ((coverages >= low) & (coverages <= high)).double().mean()
expect("mean coverage over 200 splits", coverages.mean(), k / (n + 1), within=0.02)
expect("share of splits inside the 95 % interval of theory", inside, at_least=0.9)
expect("answers in a set, on average", sizes.mean(), 2.2, within=0.6)
print(f"one split of {m} questions may cover anything from {low:.2f} to {high:.2f}")

# %% [markdown]
# The promise is kept, and it is a promise about the average. One split of this size may cover 80 %
# or 97 %, and nothing went wrong.

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
covered = held.sum(dim=0) / tested.sum(dim=0)  # for each country, over the splits that tested it
by_size = {
    name: cal.bootstrap_interval(mean, covered[third == i])
    for i, name in enumerate(["few inhabitants", "in between", "many inhabitants"])
}
difference = cal.bootstrap_interval(
    lambda c, t: (c[t == 2].mean() - c[t == 0].mean()).item(), covered, third
)
guess.resolve(difference.estimate > 0.1)

plots.show(
    plots.interval_rows(
        by_size, "coverage", "One promise, three kinds of country", (0.9, "promised")
    )
)

# %%
expect("coverage, few inhabitants", by_size["few inhabitants"].estimate, 0.81, within=0.07)
expect("coverage, many inhabitants", by_size["many inhabitants"].estimate, 0.97, within=0.04)
expect("the lower end of their difference", difference.low, at_least=0.0)

# %% [markdown]
# One number, 90 %, and the countries are not treated alike: where the model knows little, the truth
# is left out more often than where it knows much. The average hides it, as always. (A quantile for
# each group mends it, if you know the groups and have calibration data for each.)
#
# And from the *sampled* answers? A set of samples can only hold what was sampled:

# %%
said_truth = [
    any(data.matches(s.text, q) for s in d) for d, q in zip(samples, questions, strict=True)
]
share = sum(said_truth) / len(said_truth)
low, high = cal.wilson_interval([share], [len(said_truth)])
print(f"the truth is among ten samples: {share:.1f} [{low.item():.1f}, {high.item():.1f}]")
expect("share of questions whose truth was sampled", share, 0.6, within=0.06)

# %% [markdown]
# No set made of ten samples can hold the truth 90 % of the time: four in ten truths were never said.
# An honest set must be able to say "or something else".

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Try it: move the threshold
#
# Run the next cell, choose a confidence and slide the threshold. How many questions are answered
# when a fifth of the answers are wrong? (The static form stands above, after "a hope and a
# promise".)

# %% tags=["nbval-ignore-output"]

widget.abstention_explorer({name: sure[name] for name in probabilities}, right)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## What you learned
#
# - The same answers of the same model look too modest by likelihood, a little too modest by agreement
#   and far too sure by likelihood a token. Say how you read confidence before you call a model
#   overconfident, and how you asked: here as raw text with examples, and in no other form.
# - Order and calibration are two virtues: the likelihood a token had the best AUROC and the worst
#   gap, and after Platt scaling the best Brier score.
# - Agreement finds what the model makes up, and not what it knows wrongly: Sydney, in most of its
#   ten samples.
# - Sentence embeddings judge meaning best of our five judges, and on names of cities no better
#   confidence came of it. Where the same is said in other words, agreement needs such a judge.
# - P(True) and stated confidence failed at this size, and followed the wording and the examples more
#   than the truth.
# - A threshold that kept its limit on the calibration half is a hope; with an upper bound and a
#   fixed order it is a promise.
# - Conformal sets keep their promise on average over questions and splits, and for no group in
#   particular.
#
# ## Common misconceptions
#
# - *"If it says so every time, it must be true."* A common error is said every time.
# - *"Agreement of the most common answer is an unbiased estimate."* Of an answer chosen beforehand,
#   yes. The luckiest of ten samples is picked for its share, which is then too large.
# - *"Alike is the same."* Haarlem is more like The Hague than Den Haag is, to the best of our judges.
# - *"Ask the model how sure it is."* First measure, with several wordings, whether its answer means
#   anything.
# - *"AUROC 0.94 beats 0.87."* Not when the two judged different answers.
# - *"A 90 % set is right for nine in ten of my questions."* Of questions like the calibration
#   questions, on average; of yours, only if yours are like them.
#
# ## Further reading
#
# - L. Kuhn, Y. Gal, S. Farquhar, *Semantic uncertainty*, ICLR 2023; S. Farquhar, J. Kossen, L. Kuhn,
#   Y. Gal, *Detecting hallucinations in large language models using semantic entropy*, Nature 630,
#   2024.
# - A. Nikitin, J. Kossen, Y. Gal, P. Marttinen, *Kernel language entropy*, NeurIPS 2024; N. Reimers,
#   I. Gurevych, *Sentence-BERT: sentence embeddings using Siamese BERT-networks*, EMNLP 2019.
# - S. Kadavath et al., *Language models (mostly) know what they know*, arXiv:2207.05221, 2022.
# - S. Lin, J. Hilton, O. Evans, *Teaching models to express their uncertainty in words*, TMLR 2022;
#   K. Tian et al., *Just ask for calibration*, EMNLP 2023.
# - X. Wang et al., *Self-consistency improves chain of thought reasoning in language models*, ICLR
#   2023.
# - Y. Geifman, R. El-Yaniv, *Selective classification for deep neural networks*, NeurIPS 2017.
# - A. N. Angelopoulos, S. Bates, *Conformal prediction: a gentle introduction*, Foundations and
#   Trends in Machine Learning 16, 2023.
# - C. J. Clopper, E. S. Pearson, *The use of confidence or fiducial limits illustrated in the case
#   of the binomial*, Biometrika 26, 1934; A. N. Angelopoulos, S. Bates, E. J. Candès, M. I. Jordan,
#   L. Lei, *Learn then test: calibrating predictive algorithms to achieve risk control*,
#   arXiv:2110.01052, 2021 (fixed-sequence testing).

# %% [markdown] slideshow={"slide_type": "slide"}
# ## And you?

# %% tags=["nbval-ignore-output"]

from coursekit.chapters import progress

plots.my_predictions()
progress()

# %% [markdown]
# **Next:** [15 Applications](15_applications.ipynb): question answering, translation and summarization.
# Back to [00 Start here](00_start_here.ipynb).
