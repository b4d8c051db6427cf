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
# # 20 Audit your model
#
# You have seen one model from many sides. Now take what you learned to *any* model: one command
# measures how far its probabilities can be trusted, and writes a report. A report is easy to make
# and easy to misread, so this notebook is about reading: first the report of a model you know, then
# the reports of two copies of it that we damage on purpose, and in the end five anonymous reports,
# of which you say what was done to each model. If the audit is any good, it must find the damage;
# and you must find it in the report.
#
# **You will be able to**
# - audit a causal language model from Python or from the command line, on a laptop, a GPU or many;
# - read a report critically: event, sample, chance, groups, held-out repair;
# - compare two models on the same items, with intervals that use the pairing;
# - say what a damaged model shows, and what a benchmark of accuracy would have missed;
# - name the damage behind an anonymous report, with a number that shows it;
# - judge a model of your own with a rubric.
#
# **Time:** about 90 minutes; all cells together run in about two and a half minutes on two processor
# cores.
#
# **On the map:** Part III, a real LLM, and the end of the course. Before it: judges and decisions (19),
# the last of many measurements of single models; here everything comes together.

# %%
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import torch
from IPython.display import HTML

from coursekit import expect, llm, plots, predict
from coursekit.audit import (
    Repair,
    Report,
    audit,
    audit_results,
    compare,
    held_against,
    load_calibrator,
    page,
)
from coursekit.chapters.audit_your_model import diagnosis, exercises, figures, widget
from coursekit.chapters.audit_your_model.patients import rounded, sharpened

lm = llm.load()

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Before you start: three questions
#
# Answer from memory: replace each `...` by a letter in quotes.

# %%
exercises.why_many_groups.ask()
exercises.why_many_groups.check(...)

# %%
exercises.what_size_buys.ask()
exercises.what_size_buys.check(...)

# %%
exercises.what_belongs_to_calibration.ask()
exercises.what_belongs_to_calibration.check(...)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## One call, a whole report
#
# In a terminal the audit of the course's model is one line,
#
# ```
# python -m coursekit audit smollm2-135m-instruct --output my-report
# ```
#
# and writes `report.json` for programs and `report.html` for people: one page with all figures,
# which opens without network. It asks five things:
#
# | task | event whose probability is judged | what varies independently |
# | --- | --- | --- |
# | `prose`, `code` | the most likely token is the one that comes | a document |
# | `samples` | the same, in text that the model wrote itself: a positive control | a sampled text |
# | `choices` | the option with the most probable text is the right one | a country, an element, a sum |
# | `answers` | the most frequent of ten sampled answers is right | the same |
#
# On request it asks a sixth, `stated`: the model answers, and then says in words how sure it is. The
# report sets that beside the probability of the same answer's tokens.
#
# Here we call the same from Python, with few items, so that several models can be audited in two
# minutes.

# %% [markdown]
# **Predict first.** The questions are about capitals, currencies, chemical symbols and sums. How
# probable is it, do you think, that on choices the model is surer than right by more than five
# points?

# %%
my_probability = ...
guess = predict(
    "audit-choices-overconfident",
    "On choices, mean confidence exceeds accuracy by more than 0.05.",
    my_probability,
)

# %%
limits = {"prose": 12, "choices": 64, "answers": 24}
report = audit(lm, list(limits), limits, progress=False)
guess.resolve(report.metrics("choices")["gap"].estimate > 0.05)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### The page
#
# This writes `report.html` and shows two parts of it as they stand there: the summary, and the task
# of choices. Its figures are left out here; you will meet them below. (The digits may differ on your
# machine, so this output is not compared.)

# %% tags=["nbval-ignore-output"]
with TemporaryDirectory() as folder:
    text = page.write_html(report, folder).read_text(encoding="utf-8")
HTML(page.excerpt(text, "summary", "choices"))

# %% [markdown]
# Every value comes with its interval, each task says what its event is, and "In short" says no more
# than the intervals allow. To keep the page, call `page.write_html(report, "my-report")` and open it
# in a browser.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### First of all, the control
#
# Is the instrument sound? In text that a model writes itself, each token is drawn with the very
# probability that it states, so there the model is calibrated by construction. If the audit finds
# a gap in `samples`, mistrust the audit (or the sampler), not the model.

# %%
control = audit(lm, ["samples"], 16, progress=False).metrics("samples")
expect("gap on its own samples", control["gap"].estimate, 0.0, within=0.03)
expect("its interval holds zero", 0 in control["gap"], True)
expect("width of that interval", control["gap"].high - control["gap"].low, at_most=0.08)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## First question to a report: what, and how many?
#
# A confidence is about an *event*, and a number is only as good as its sample. Twelve windows of
# text hold thousands of tokens, but tokens of one document go wrong together: what counts are the
# documents. So every interval in the report resamples the last column.

# %%
for name in report.tasks:
    task = report.task(name)
    print(f"{name:8} {task['predictions']:5,} predictions; {task['entity']}: {task['entities']}")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Second question: more than chance?

# %%
gaps = {report.task(name)["title"]: report.metrics(name)["gap"] for name in report.tasks}
plots.show(
    plots.interval_rows(
        gaps,
        "mean confidence minus accuracy (right of 0: surer than right)",
        "SmolLM2-135M, three tasks",
        reference=(0.0, "calibrated on average"),
    )
)

# %%
choices, prose = report.metrics("choices"), report.metrics("prose")
expect("gap on prose", prose["gap"].estimate, 0.025, within=0.01)
expect("gap on choices", choices["gap"].estimate, 0.2, within=0.06)
expect("lower end of the gap on choices", choices["gap"].low, at_least=0.05)
expect("ECE on choices, without what chance adds", choices["ece"].estimate, 0.18, within=0.06)
expect("its interval begins at", choices["ece"].low, 0.0, within=0.03)

# %% [markdown]
# Two or three points on tokens, about twenty on choices: one model, two answers. With 24 free answers
# the interval reaches from almost nothing to more than twenty points: what the report does *not* know
# there is as important as what it knows.
#
# The calibration error of choices is large, too, but its interval begins near zero, and that of the
# gap does not. Sixty-four answers in fifteen bins are few in each, and every bin's error counts
# without its sign, so that chance always adds and never cancels. The gap adds all bins up first.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Exercise 1: what may you write?

# %%
exercises.which_claim.ask()
exercises.which_claim.check(...)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Third question: for whom?
#
# An average hides groups. The same choices, by kind of question:

# %%
by_kind = report.groups("choices", "kind")
plots.show(
    plots.interval_rows(
        {kind: metrics["gap"] for kind, metrics in by_kind.items()},
        "mean confidence minus accuracy (right of 0: surer than right)",
        "Choices, by kind of question",
        reference=(0.0, "calibrated on average"),
    )
)

# %%
expect("gap on currencies, lower end", by_kind["currency"]["gap"].low, at_least=0.05)
for kind in by_kind:
    print(f"{kind:10} {report.task('choices')['groups']['kind'][kind]['items']:3} questions")

# %% [markdown]
# Currencies are the worst, and the only group whose interval lies well clear of zero. About the
# others sixteen questions say little: the intervals are as wide as the effects. That is the honest
# picture of a small audit; the command asks 200 questions by default, and with `--limit` more.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Fourth question: what does it say when it is sure and wrong?
#
# Numbers say how often, words say what. On these wrong answers its ten samples agreed most.
# (Samples may differ on your machine, so this output is not compared.)

# %% tags=["nbval-ignore-output"]
for answer in report.task("answers")["surest_wrong"][:6]:
    print(
        f"{answer['question']}\n    {answer['agreeing']} of 10 samples: {answer['said']!r}"
        f", right is {answer['right']!r}"
    )

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Fifth question: can it be mended, on data it has not seen?
#
# The audit divides the entities into two halves, fits one temperature on the first, and judges it on
# the second. So "after" is never the data that the temperature was fitted on.

# %%
temperature = report.temperature("choices")
after = report.held_out("choices", "after")
change = report.held_out("choices", "change")
expect("the temperature of choices", temperature.estimate, at_least=1.5)
expect(
    "what it does to the likelihood of the other half, nats", change["nll"].estimate, at_most=0.0
)
expect("what it does to the accuracy", change["accuracy"].estimate, 0.0)

# %% [markdown]
# A temperature above one makes the choices more modest. It never changes which option is on top.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## A first patient: every logit doubled
#
# Now we damage the model. The last normalisation multiplies all features by a weight; doubling it
# doubles every logit, as if each probability were squared and the result made to sum to one again.


# %%
doubled = sharpened(lm, 2)

# %% [markdown]
# **Predict first:** how many of the next tokens will it get right that the healthy model gets wrong?

# %%
my_probability = ...
guess = predict(
    "audit-sharpened-accuracy",
    "With doubled logits, the accuracy of the next token changes by more than a point.",
    my_probability,
)

# %%
asked = ["prose", "choices"]
few = {name: limits[name] for name in asked}
sharp_report = audit(doubled, asked, few, progress=False)
sharp = compare(report, sharp_report)["prose"].difference
guess.resolve(abs(sharp["accuracy"].estimate) > 0.01)

# %%
panels = {"SmolLM2": report.points("prose"), "every logit doubled": sharp_report.points("prose")}
plots.show(plots.binned_diagrams(panels, "Next token, prose"))

# %%
expect("change of accuracy", sharp["accuracy"].estimate, 0.0, within=0.001)
expect("change of the gap", sharp["gap"].estimate, 0.28, within=0.03)
expect("the change of the likelihood, nats per token", sharp["nll"].low, at_least=0.8)

# %% [markdown]
# A benchmark of accuracy would have passed this model without a word. The report cannot miss it.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### The report names the damage
#
# Doubling was our secret. The audit of the patient knows nothing of it, nor of the healthy model, and
# fits a temperature.

# %%
alone = sharp_report.temperature("prose")
expect("the patient's temperature, lower end of its interval", alone.low, at_least=1.5)
ratio = sharp_report.temperature("prose").estimate / report.temperature("prose").estimate
healed = sharp_report.held_out("prose", "after")["nll"].estimate
healthy = report.held_out("prose", "after")["nll"].estimate
expect("its temperature, divided by that of the healthy model", ratio, 2.0, within=0.02)
expect("likelihood after the repair, minus that of the healthy model", healed - healthy, 0, 0.001)

# %% [markdown]
# Far above 1: the damage is plain without any healthy model to compare with. That it is *exactly*
# twice the healthy temperature is no discovery but arithmetic: doubled logits divided by $2T$ are
# logits divided by $T$. For the same reason one number repairs this damage completely.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Exercise 2: what the benchmark missed

# %%
exercises.what_accuracy_misses.ask()
exercises.what_accuracy_misses.check(...)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## A second patient: four bits a weight
#
# The second damage is done to save memory: each weight matrix keeps 15 different values a row, by
# rounding. In code, the whole of it:
#
# ```python
# step = weight.abs().amax(dim=1, keepdim=True) / 7
# weight.copy_((weight / step).round() * step)
# ```
#
# Our healthy model was quantised before we got it, to 16 values for each 32 weights
# (`Q4_1`, notebook 11); so this is four bits on top of four bits, and with a cruder scale. What it
# shows is a coarser model, not what a good quantiser costs.


# %% [markdown]
# **Predict first.** The calibration error of the healthy model on prose is about 0.03.

# %%
my_probability = ...
guess = predict(
    "audit-coarse-ece",
    "With coarse weights, the ECE on prose rises by more than 0.05.",
    my_probability,
)

# %%
coarse_report = audit(rounded(lm, bits=4), asked, few, progress=False)
coarse = compare(report, coarse_report)["prose"].difference
guess.resolve(coarse["ece"].estimate > 0.05)

# %%
patients = {"doubled": sharp, "coarse": coarse}
for names, unit in ((("accuracy", "ece"), "probability"), (("nll",), "nats per token")):
    rows = {f"{name}: {who}": found[name] for name in names for who, found in patients.items()}
    plots.show(
        plots.interval_rows(
            rows,
            f"damaged minus healthy model, next token on prose ({unit})",
            f"Which damage does the {' or the '.join(names)} see?",
            reference=(0.0, "no change"),
        )
    )

# %%
expect("accuracy lost by coarse weights, upper end", coarse["accuracy"].high, at_most=-0.03)
expect("the interval of its change of the ECE holds zero", 0 in coarse["ece"], True)
expect("likelihood lost, nats per token, lower end", coarse["nll"].low, at_least=0.4)
expect("its gap on prose", coarse_report.metrics("prose")["gap"].estimate, at_most=0.0)

# %% [markdown]
# The coarse model forgot a lot, and *noticed*: its confidence fell with its accuracy, even a little
# further. So the calibration error says almost nothing, as accuracy said nothing about the first
# patient. Only the likelihood, a proper score, sees both.
#
# Why is the interval of "accuracy: doubled" so long, when not one token of 3,072 changed? Twelve
# documents without a change leave open what others would show. Here arithmetic closes it: doubling
# moves no token past another.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### What one temperature can and cannot give back

# %%
coarse_healed = coarse_report.held_out("prose", "after")["nll"].estimate
expect("doubled, after its temperature: nats above the healthy model", healed - healthy, 0, 0.001)
expect("coarse, after its temperature: nats above it", coarse_healed - healthy, at_least=0.4)

# %% [markdown]
# The first patient had lost the scale of its beliefs; the second has lost knowledge, and no
# calibration brings knowledge back.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Why the same items?
#
# Both models read the same windows, and a hard window is hard for both. The comparison gives each
# resample of documents to both models and takes the difference inside: *paired*. Had we looked at
# the two reports separately, the interval would have been the two widths together: the root of
# the sum of their squares.

# %%
paired = coarse["nll"].high - coarse["nll"].low
first, second = report.metrics("prose")["nll"], coarse_report.metrics("prose")["nll"]
apart = ((first.high - first.low) ** 2 + (second.high - second.low) ** 2) ** 0.5
expect("width of the paired interval, divided by the unpaired one", paired / apart, at_most=0.5)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Exercise 3: the standard error of a paired difference


# %%
def my_paired_error(first, second):
    """Return the standard error of the mean of second - first, each (N,)."""
    ...


exercises.paired_error.check(my_paired_error)

# %% [markdown]
# Stuck? Run `exercises.paired_error.hint()`, and in the end `.solution()`.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## From one process to many
#
# On eight GPUs each process reads every eighth batch, and keeps nothing but sums: in each bin the
# number of predictions, of correct ones, and of confidence. Sums can be added, so many processes
# give the numbers of one.
#
# ### Exercise 4: put two processes together


# %%
def my_merged_ece(count, correct, confidence):
    """Return the ECE of sums (2, B): a row a process, a column a bin."""
    ...


exercises.merged_ece.check(my_merged_ece)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## A report that outlives the session
#
# `report.json` has a version and a documented form, and is checked when it is read. It holds no
# times and no paths: the same model, items and seed give the same file.

# %%
with TemporaryDirectory() as folder:
    report.save(folder)
    again = Report.read(folder)
nothing = compare(report, again)["choices"].difference["nll"]
print("read as it was written:", again.data == report.data)
expect("a report compared with itself", nothing.high - nothing.low, 0.0)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Results that you have already
#
# Often there is no model at hand, only a table: a confidence and whether it came true. The same
# command reads it, as it reads the samples of lm-evaluation-harness and the logs of Inspect:
#
# ```
# python -m coursekit audit answers.csv --group language
# ```
#
# Can its numbers be trusted? Give it a table whose truth we know: 1,500 answers in English that are
# right as often as stated, and 500 in Swahili that are right 12 points less often.

# %%
random = np.random.default_rng(0)
language = np.repeat(["en", "sw"], [1500, 500])
confidence = random.uniform(0.4, 1, len(language))
chance = confidence - 0.12 * (language == "sw")
correct = random.random(len(language)) < chance
table = pd.DataFrame({"language": language, "confidence": confidence, "correct": correct})

with TemporaryDirectory() as folder:
    table.to_csv(Path(folder, "answers.csv"), index=False)
    results = audit_results(Path(folder, "answers.csv"), group=["language"])

# %%
gaps = {"all answers": results.metrics("results")["gap"]}
for name, metrics in results.groups("results", "language").items():
    gaps[name] = metrics["gap"]
plots.show(
    plots.interval_rows(
        gaps,
        "mean confidence minus accuracy (right of 0: surer than right)",
        "A table of 2,000 answers",
        reference=(0.0, "calibrated on average"),
    )
)
expect("gap in English: the truth is 0", gaps["en"].estimate, 0.0, within=0.03)
expect("gap in Swahili: the truth is 0.12", gaps["sw"].estimate, 0.12, within=0.05)

# %% [markdown]
# The truth lies in each of the three intervals: 0 in English, 0.12 in Swahili, and 0.03 for all,
# the mean of what the rows were given.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### A limit for a build
#
# A build should fail when a model becomes worse, and not when chance was unkind. So a limit is held
# against the *interval*: exceeded for sure, kept for sure, or undecided.
#
# **Predict first.** The limit is a gap of 0.05.

# %%
my_probability = ...
guess = predict(
    "audit-limit-undecided",
    "For all 2,000 answers together, a limit of 0.05 on the gap is undecided.",
    my_probability,
)

# %%
limits_of_gap = ["gap > 0.05", "gap[language=en] > 0.05", "gap[language=sw] > 0.05"]
found = held_against(results, *limits_of_gap)
for finding in found:
    print(finding.sentence())
guess.resolve(found[0].verdict == "undecided")
expect("Swahili exceeds the limit for sure", found[2].verdict == "exceeded", True)

# %% [markdown]
# All answers together keep the limit: the larger group hides the smaller one, so set limits by group,
# too. On the command line `--fail-if "gap[language=sw] > 0.05"` ends with exit code 3, which a build
# takes for a failure. What is undecided comes with the number of answers that would decide.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### A repair to deploy
#
# The audit has proven a temperature on the half it was not fitted on. It can be kept, with what it
# was proven for, and be used where the model serves.

# %%
repair = Repair.of(report, "choices")
print(repair)
with TemporaryDirectory() as folder:
    path = repair.save(Path(folder, "choices.json"))
    deployed = load_calibrator(path, model=lm, task="choices")
    try:
        load_calibrator(path, model=doubled, task="choices")
    except ValueError as error:
        print("another model:", error)

options = torch.tensor([[-1.0, -3.0, -6.0, -7.0]])  # log-probabilities of four answers
before, after_it = options.softmax(dim=-1)[0, 0], deployed.predict_proba(options)[0, 0]
expect("confidence in the first of four options, as it is", before, 0.87, within=0.01)
expect("with the repair", after_it, at_most=0.75)

# %% [markdown]
# A repair that is not sure to help is not saved, and one of another model is refused: its weights
# have another fingerprint.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Choose a task, compare the patients
#
# Static first: the choices of all three models. They are 64 each, so three bins of the report are
# drawn as one: a bin of a single answer would have an interval that says nothing.

# %%
reports = {"SmolLM2": report, "logits doubled": sharp_report, "four bits": coarse_report}
plots.show(widget.diagrams_of(reports, "choices"))

# %% [markdown]
# Run the next cell and switch to `prose`. Where do the three differ more clearly, and why?

# %% tags=["nbval-ignore-output"]

widget.report_explorer(reports)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Five anonymous reports
#
# Now you are the doctor. Five copies of the model were audited, and a lot decided which letter stands
# for which:
#
# | in the diagnosis | what was done |
# | --- | --- |
# | `"healthy"` | nothing |
# | `"temperature"` | every logit multiplied by one number |
# | `"noise"` | noise in the weights of the last layer, and so in every logit |
# | `"rounding"` | four bits a weight, as above |
# | `"leak"` | the last layers trained on answers of the exam |
#
# The *exam* asks for the currencies of 48 countries. It comes in two editions, divided by lot:
# *published* and *fresh*. Whoever leaked items leaked the published ones; the fresh ones are the
# control, drawn by the same lot and seen by no model.

# %%
blind = diagnosis.anonymous_reports(lm)
read = {letter: diagnosis.readings(found) for letter, found in blind.items()}
editions = blind["A"].task("exam")["groups"]["edition"]
print({name: found["items"] for name, found in editions.items()})

# %% [markdown]
# **Predict first.** A number *sets a report apart* if its interval overlaps that of none of the other
# four.

# %%
my_probability = ...
guess = predict(
    "audit-one-number-for-all",
    "Some number of these reports sets all five apart.",
    my_probability,
)

# %% [markdown]
# What the reports say, in a table to read from, and as a picture. (Digits of the table may differ on
# your machine, so it is not compared.)

# %% tags=["nbval-ignore-output"]
print(diagnosis.table(read))

# %%
fields = ["prose accuracy", "prose gap", "exam nll, published", "exam nll, fresh"]
plots.show(figures.readings_by_letter(read, fields))

# %%
most = max(
    sum(not diagnosis.not_apart(read, letter, field) for letter in read) for field in read["A"]
)
guess.resolve(most == 5)
expect("reports that the best single number sets apart, of five", most, at_most=4)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Exercise 5: name the damage
#
# For each letter give the damage, the field that shows it, and its number, read from the table: a
# number that other reports have, too, shows nothing. The healthy model is the hardest to prove, as
# some damages leave some numbers alone: its number must be apart from those of three others.

# %%
my_blind_diagnosis = {  # damage, the field that shows it, its number
    "A": (..., ..., ...),
    "B": (..., ..., ...),
    "C": (..., ..., ...),
    "D": (..., ..., ...),
    "E": (..., ..., ...),
}
exercises.blind_diagnosis.check(my_blind_diagnosis)

# %%
expect("your reports and those of the checker, farthest apart", diagnosis.farthest(read), 0, 0.01)

# %% [markdown]
# Two lessons lie in the table. No number sees everything, so a report needs several. And the exam as
# a whole would have praised the model with the leak: what gives it away is the second edition, which
# it had never seen. *A test that everybody can read needs a twin that nobody has.*
#
# How much of this was luck? The same five were made three times more, with other documents, other
# noise and another lot. A temperature and noise were set apart each time. Rounding was so in two of
# three draws and the leak in one: with twenty-odd questions, the intervals of an edition are long.
# Once even the *healthy* model seemed to have seen the published items, as the lot had dealt it the
# easier countries. What held each time needs a second report: beside a healthy model on the same
# exam, the one with the leak gained on published items and not on fresh ones. So take editions of
# hundreds, or compare with a model that has seen neither.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Your own model: a rubric
#
# Audit a model that you use, then answer in writing. Two points for each line that you can support
# with a number and its interval, one where you can only say why not, none for "it looks fine".
#
# | question | where to look |
# | --- | --- |
# | Which event, which prompt, which data does each number belong to? | head of each task |
# | How many independent units stand behind it? | entities, not predictions |
# | Did the positive control come out calibrated (own samples)? | task `samples` |
# | Is the ECE above what chance explains? | does its interval begin above zero |
# | Is the gap's sign certain? | does its interval hold zero |
# | Which group is worst off, and how many did you look at? | groups |
# | Which wrong answers is it sure of? Is there a pattern? | "surely wrong" |
# | Does a temperature help on the half it was not fitted on? | before, after, change |
# | Does the same temperature suit all tasks? | compare their intervals |
# | Against what do you compare: a smaller model, a quantised one, last month's? | `--compare` |
#
# Sixteen points or more: you may show it to somebody who decides something with it.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## On a GPU, or on many
#
# ```
# python -m coursekit audit MODEL --output out                      # the best device there is
# python -m coursekit audit MODEL --output out --dtype bfloat16     # half the memory
# python -m coursekit audit MODEL --output out --device auto        # one large model, all devices
# python -m coursekit audit model.gguf --output out                 # a GGUF file
# python -m coursekit audit MODEL --output out --limit 400          # narrower intervals
# python -m coursekit audit MODEL --output out --resume             # after an interruption
# python -m coursekit audit --compare out-a out-b                   # second minus first, paired
# python -m coursekit audit MODEL --questions exam.csv              # questions of your own
# python -m coursekit audit MODEL --tasks arc_easy commonsense_qa   # public ones
# python -m coursekit audit http://127.0.0.1:8080/v1                # a served model
# accelerate launch --multi_gpu --num_processes 8 -m coursekit audit MODEL --output out
# ```
#
# `MODEL` is a folder that `save_pretrained` wrote or a name on the Hugging Face hub. Code that comes
# with a model is never run, and weights that are pickles are refused. Where memory is too small, the
# message names the batch size to try; what was finished is kept.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## What you learned
#
# - A report is read with five questions: which event and how many, more than chance, for whom, sure
#   and wrong about what, mended on unseen data? And first: is the control calibrated?
# - The audit found both damages. Doubled logits keep the accuracy and open a gap; coarse weights
#   cost knowledge, which no temperature returns.
# - Accuracy is blind to the first, the calibration error nearly so to the second; a proper score sees
#   both.
# - Four kinds of damage leave four marks: a temperature keeps the accuracy and opens a gap; noise
#   loses accuracy and opens one; rounding loses accuracy, and the gap goes below zero; a leak makes the
#   published items likely and not the fresh ones. Small reports show the last two by luck alone.
# - Compare on the same items, paired; ask for narrow intervals with more items, not more digits.
# - Sums make it scale: one process or many, the same numbers.
# - A table of results can be audited without its model; a limit is held against an interval; a repair
#   is kept with what it was proven for.
#
# ## Common misconceptions
#
# - *"Same accuracy, so the smaller or faster model is as good."* Not for anything that uses its
#   probabilities.
# - *"The report says calibrated."* It can only say that nothing was detected, with this much data.
# - *"A low calibration error means a good model."* The coarse model has one, too.
# - *"We recalibrated, so the model is repaired."* A temperature returns the scale, not the knowledge.
# - *"It passed the exam, so it knows the subject."* So did the model with the leak, on the published
#   edition.
# - *"Thousands of tokens, so the interval must be narrow."* Count documents.
#
# ## Further reading
#
# - C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger, *On calibration of modern neural networks*, ICML 2017.
# - P. Koehn, *Statistical significance tests for machine translation evaluation*, EMNLP 2004.
# - M. Mitchell et al., *Model cards for model reporting*, FAT* 2019.
# - P. Liang et al., *Holistic evaluation of language models*, arXiv:2211.09110, 2022.
# - H. Zhang, J. Da, D. Lee et al., *A careful examination of large language model performance on grade
#   school arithmetic*, NeurIPS 2024: a fresh twin of a public test.
# - S. Bowyer, L. Aitchison, D. R. Ivanova, *Position: don't use the CLT in LLM evals with fewer
#   than a few hundred datapoints*, ICML 2025: on small benchmarks, error bars by the central limit
#   theorem (CLT) were usually far too short.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## And you?
#
# All predictions that you made in this course, as a reliability diagram: are *you* calibrated?

# %% tags=["nbval-ignore-output"]

from coursekit.chapters import progress

plots.my_predictions()
progress()

# %% [markdown]
# **Next:** a model of your own. You have reached the end of the course; what you measure from here on
# is yours. Back to [00 Start here](00_start_here.ipynb).
