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
# # 13 Free-form answers
#
# Nobody offers four options to a chatbot. You ask, it writes, and you wonder whether to believe it.
# Where is its confidence now? In the probability of the text it wrote? In whether it says the same
# when asked again? In what it says about itself? Here all of them are put to the test on the same
# answers, and the best of them is turned into a probability.
#
# **You will be able to**
# - sample many answers to one question, and turn their agreement into a confidence;
# - compare likelihood, agreement, semantic entropy, P(True) and stated confidence on equal terms;
# - judge by sentence embeddings whether two answers mean the same, and tell when that helps;
# - see that *how you turn a text into a number* decides whether the model looks too sure or too
#   modest.
#
# **Time:** about 65 minutes; all cells together run in two to three minutes on two processor cores.
#
# **On the map:** Part III, a real LLM. Before it: choosing among given answers (12). After it:
# when the model should rather stay silent (14).

# %%
import torch

from coursekit import calibration as cal, data, expect, llm, plots, predict
from coursekit.chapters.free_form_answers import exercises, figures

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
# ## Ask ten times
#
# The prompt shows four answered questions, one from each of four continents, and then asks about
# another country. The four are never asked themselves.

# %%
capitals = {question.key: question for question in data.capital_questions(n_options=10)}
shown = [capitals.pop(code) for code in ("PL", "JP", "KE", "PE")]
examples = [(question.question, question.answer) for question in shown]


def prompts_for(questions):
    """A prompt for each question, after the four examples."""
    return llm.few_shot_prompts([question.question for question in questions], examples)


print(prompts_for([capitals["FR"]])[0])

# %% [markdown]
# `sample_answers` draws from the model at temperature 1, so an answer comes exactly as often as the
# model's probability says. Draws that agree so far share their work, so ten answers cost much less
# than ten times one.
#
# **Predict first:** Australia's capital is Canberra; its best-known city is not. How probable is it
# that more than half of ten samples name the same *wrong* city?

# %%
my_probability = ...
guess = predict(
    "australia-wrong-in-chorus",
    "More than half of the samples name the same wrong capital of Australia.",
    my_probability,
)

# %%
three = [capitals["AR"], capitals["AU"], capitals["AM"]]
drawn = llm.sample_answers(lm, prompts_for(three), 10, max_new_tokens=12)
texts = [[answer.text for answer in answers] for answers in drawn]

counts = {q.subject: {t: said.count(t) for t in said} for q, said in zip(three, texts, strict=True)}
plots.show(figures.sample_panels(counts, {question.subject: question.answer for question in three}))

# %%
sydney = texts[1].count("Sydney")
guess.resolve(sydney > 5)
expect("samples that say Sydney, of 10", sydney, at_least=6)
expect("samples that say Buenos Aires, of 10", texts[0].count("Buenos Aires"), at_least=8)
expect("different answers about Armenia", len(set(texts[2])), at_least=5)

# %% [markdown]
# Three ways to fail or not: it knows, it is *confidently wrong*, it makes things up. Sampling shows
# the third at once. It cannot show the second: a common error is repeated as faithfully as a fact.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## One answer, four confidences
#
# Now all countries. The answer to be judged is the *greedy* one, the most probable token at every
# step. Ten samples serve as witnesses. From these come
#
# | confidence | what it is |
# | --- | --- |
# | likelihood | $P(\text{answer}) = \prod_t p_t$, over its tokens, the stop included |
# | likelihood a token | $\bigl(\prod_t p_t\bigr)^{1/T}$, the geometric mean |
# | agreement | share of the ten samples that give the same answer |
# | low entropy | $1 - H / \ln 10$, where $H$ is the entropy over the clusters of the samples |

# %%
questions = list(capitals.values())
prompts = prompts_for(questions)
answers = llm.greedy_answers(lm, prompts, max_new_tokens=12)
samples = llm.sample_answers(lm, prompts, 10, max_new_tokens=12)


def confidences(answers, samples):
    """Four confidences for each answer, from itself and from its samples."""
    texts = [[sample.text for sample in drawn] for drawn in samples]
    agree = [llm.agreement(a.text, said) for a, said in zip(answers, texts, strict=True)]
    entropy = torch.tensor([llm.semantic_entropy(llm.cluster_by_string(said)) for said in texts])
    return {
        "likelihood": torch.tensor([a.log_prob for a in answers]).exp(),
        "likelihood a token": torch.tensor([a.log_prob_per_token for a in answers]).exp(),
        "agreement": torch.tensor(agree),
        "low entropy": (1 - entropy / torch.tensor(10.0).log()).clamp(0, 1),
    }


sure = confidences(answers, samples)
right = torch.tensor([data.matches(a.text, q) for a, q in zip(answers, questions, strict=True)])
print(f"{len(questions)} countries")
expect("accuracy of the greedy answers", right.double().mean(), 0.47, within=0.05)

# %% [markdown]
# Likelihood and agreement are two views of one thing. The likelihood is the exact probability of
# *this string of tokens*. Agreement estimates, from ten draws, the probability of this answer *in
# any spelling* ("Paris", "paris."), so on average it is at least as large.

# %%
difference = cal.bootstrap_interval(
    lambda agree, like: (agree - like).mean().item(), sure["agreement"], sure["likelihood"]
)
print(f"agreement minus likelihood, mean: {difference:.2f}")
expect("the lower end of that interval", difference.low, at_least=0.0)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Exercise 1: agreement

# %%


def my_agreement(answer, samples):
    """Return the share of the samples (a list of texts) that give this answer."""
    ...


exercises.agreement_of_samples.check(my_agreement)

# %% [markdown]
# Stuck? `exercises.agreement_of_samples.hint()`, and at last `.solution()`.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Too sure, or too modest?
#
# **Predict first:** the same model, the same answers. How probable is it that one of these
# confidences is more than ten points too *high* on average, and another more than ten too *low*?

# %%
my_probability = ...
guess = predict(
    "both-too-sure-and-too-modest",
    "One confidence is over 0.10 too high on average, another over 0.10 too low.",
    my_probability,
)


# %%
probabilities = ["likelihood", "agreement", "likelihood a token"]
gaps = {name: cal.bootstrap_interval(cal.gap, sure[name], right) for name in probabilities}
estimates = [interval.estimate for interval in gaps.values()]
guess.resolve(max(estimates) > 0.1 and min(estimates) < -0.1)

plots.show(
    plots.interval_rows(
        gaps,
        "mean confidence minus accuracy",
        "One model, one set of answers, three confidences",
        (0.0, "as sure as right"),
    )
)

# %%
expect("gap of the likelihood", gaps["likelihood"].estimate, -0.15, within=0.05)
expect("gap of the agreement", gaps["agreement"].estimate, -0.07, within=0.05)
expect("gap of the likelihood a token", gaps["likelihood a token"].estimate, 0.17, within=0.05)

# %% [markdown]
# Is the model overconfident? The question has no answer until you say *how you read its
# confidence*. The likelihood punishes every further token and every other spelling. The geometric
# mean forgives too much: an answer of three tokens at 0.5 each comes out at 0.5, and it had many
# chances to go wrong. Agreement counts answers, and it comes nearest.

# %%
plots.show(
    plots.reliability_diagram(sure["agreement"], right, n_bins=10, title="Agreement of ten samples")
)

# %% [markdown]
# The ECE lies above what chance alone would give (the note in the corner): agreement is a little too
# modest, most of all where it says 0.2 or 0.3.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Exercise 2: length normalisation


# %%
def my_confidence_per_token(log_probs, text):
    """Return the geometric mean probability of an answer's tokens, log_probs (T,)."""
    ...


exercises.length_normalised_confidence.check(my_confidence_per_token)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Which of them knows?
#
# A gap can be repaired afterwards. What no calibrator can repair is a bad *order*: does a right
# answer have more confidence than a wrong one? That is the AUROC.

# %%
known = {name: cal.bootstrap_interval(cal.auroc, values, right) for name, values in sure.items()}
plots.show(
    plots.interval_rows(
        known,
        "AUROC (0.5: knows nothing, 1: knows everything)",
        "Does confidence tell right answers from wrong ones?",
        (0.5, "chance"),
    )
)

# %% [markdown]
# The intervals overlap. Does that mean that no order can be given? No: all four judge the *same*
# answers, so we look at the *difference* on each resample. That is the paired bootstrap.


# %%
def auroc_difference(first, second):
    """How much better the first confidence orders the answers, with a paired interval."""
    return cal.bootstrap_interval(
        lambda a, b, y: cal.auroc(a, y) - cal.auroc(b, y), sure[first], sure[second], right
    )


differences = {
    f"{a} over {b}": auroc_difference(a, b)
    for a, b in [
        ("likelihood a token", "likelihood"),
        ("likelihood a token", "agreement"),
        ("likelihood", "agreement"),
        ("low entropy", "agreement"),
    ]
}
plots.show(
    plots.interval_rows(
        differences, "difference in AUROC", "Paired comparisons", (0.0, "no difference")
    )
)

# %%
expect("AUROC, likelihood a token", known["likelihood a token"].estimate, 0.87, within=0.04)
expect("AUROC, agreement", known["agreement"].estimate, 0.82, within=0.05)
expect("AUROC, low entropy", known["low entropy"].estimate, 0.79, within=0.05)
better = differences["likelihood a token over likelihood"]
expect("a token over the whole: lower end", better.low, at_least=0.0)

# %% [markdown]
# A probability that is far too sure orders the answers better than one that is too modest:
# *calibration and order are two virtues*, and only the first is cheap to add. And semantic entropy, which looks at all the
# samples, is no better here than counting those that agree. What it adds is to count answers
# together that say the same in other words; names of cities leave little to paraphrase.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Exercise 3: semantic entropy


# %%
def my_semantic_entropy(clusters):
    """Return the entropy over clusters; clusters[i] is the cluster of sample i."""
    ...


exercises.entropy_of_clusters.check(my_semantic_entropy)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## A comparison that fools you
#
# Someone takes *one random sample* as the answer, and its likelihood as the confidence. The AUROC
# is the highest of all. Have they found the best confidence?

# %%
first = [drawn[0] for drawn in samples]
first_right = torch.tensor([data.matches(a.text, q) for a, q in zip(first, questions, strict=True)])
first_sure = torch.tensor([a.log_prob for a in first]).exp()
expect("AUROC of one random sample", cal.auroc(first_sure, first_right), 0.94, within=0.04)
expect("accuracy of one random sample", first_right.double().mean(), 0.27, within=0.06)

# %% [markdown]
# They judge *other answers*. A random sample is often an absurd one, which is easy to tell from a
# right one; the model is also right half as often. An AUROC belongs to a set of answers: compare
# confidences on the same answers, or not at all.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## The same in other words
#
# Is "Peking" the same answer as "Beijing"? To a normalised string, no.

# %%
for one, other in [("The Hague", "the hague."), ("Beijing", "Peking"), ("Rome", "Romania")]:
    print(f"{one} = {other}: {data.normalise(one) == data.normalise(other)}")

# %% [markdown]
# The papers on semantic entropy ask another model, trained to judge whether one sentence entails
# another. First ask SmolLM2 itself, in both directions. Sixteen questions, each with an answer,
# another name for it, and an answer that is something else:

# %%
table = """
What is the capital of the United States? | Washington | Washington, D.C. | New York
What is the capital of Ukraine? | Kyiv | Kiev | Lviv
What is the capital of China? | Beijing | Peking | Nanjing
What is the capital of Mexico? | Mexico City | Ciudad de Mexico | Guadalajara
What is the largest city of Myanmar? | Yangon | Rangoon | Mandalay
What is the capital of Italy? | Rome | Roma | Romania
Where is the seat of the Dutch government? | The Hague | Den Haag | Haarlem
What is the largest city of India? | Mumbai | Bombay | Delhi
What is the largest city of Vietnam? | Ho Chi Minh City | Saigon | Hanoi
What is the largest city of the United States? | New York | New York City | Los Angeles
What is 3 + 5? | 8 | eight | nine
What is 7 + 5? | 12 | twelve | twenty
What do plants drink? | water | H2O | oxygen
Which war ended in 1945? | World War II | the Second World War | World War I
Who wrote Hamlet? | Shakespeare | William Shakespeare | Marlowe
Who was the first president of the United States? | Washington | George Washington | Lincoln
"""
rows = [line.split(" | ") for line in table.strip().splitlines()]
asked = [question for question, *_ in rows] * 2
pairs = [(a, same) for _, a, same, _ in rows] + [(a, other) for _, a, _, other in rows]
is_same = torch.arange(len(pairs)) < len(rows)

# %% [markdown]
# Two ways to ask. *By question*: "Same meaning?", and compare P(Yes) with P(No). *By ratio*: is the
# second answer more probable after "..., also called" than after the question alone? Beside them
# stands a judge that knows nothing of meaning: how many letters do the two share?
#
# **Predict first:** how probable is it that one of the model's two judgements beats the counting of
# letters, with an interval that excludes zero?

# %%
my_probability = ...
guess = predict(
    "meaning-beats-letters",
    "A judgement by SmolLM2 tells same from different better than shared letters do.",
    my_probability,
)

# %%
from difflib import SequenceMatcher

ratios = llm.meaning_by_ratio(lm, asked, pairs)
judges = {
    "by question": llm.meaning_by_question(lm, asked, pairs).sigmoid(),
    "by ratio": (ratios / 4).sigmoid(),  # any rising function will do: the AUROC sees the order
    "shared letters": torch.tensor(
        [SequenceMatcher(None, a.casefold(), b.casefold()).ratio() for a, b in pairs]
    ),
}
judged = {
    name: cal.bootstrap_interval(cal.auroc, score, is_same, groups=asked)
    for name, score in judges.items()
}
plots.show(
    plots.interval_rows(judged, "AUROC, same against different", "Same meaning?", (0.5, "chance"))
)


# %%
def over_letters(judge):
    """By how much a judge orders the pairs better than shared letters do."""
    return cal.bootstrap_interval(
        lambda a, b, y: cal.auroc(a, y) - cal.auroc(b, y),
        judges[judge],
        judges["shared letters"],
        is_same,
        groups=asked,
    )


guess.resolve(over_letters("by ratio").low > 0)
expect("AUROC by question", judged["by question"].estimate, 0.52, within=0.1)
expect("AUROC by ratio", judged["by ratio"].estimate, 0.71, within=0.1)

# %% [markdown]
# Asked outright, the model is at chance. The ratio says something, but no more than the letters do,
# and sixteen questions leave wide intervals.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## A judge made for the task
#
# Another kind of model turns a whole text into one vector, such that texts which belong together
# point in one direction: a *sentence embedding* (Reimers and Gurevych 2019). Ours,
# all-MiniLM-L6-v2, has six layers and learned from a billion pairs of sentences; it is fetched once
# (84 MB). Its judgement is the cosine between the vectors of two answers, each read after its
# question, since "Washington" may be a city or a president.
#
# **Predict first:** how probable is it that this judge beats the counting of letters, with an interval
# that excludes zero?

# %%
my_probability = ...
guess = predict(
    "embeddings-beat-letters",
    "Sentence embeddings tell same from different better than shared letters do.",
    my_probability,
)

# %%
judges["embedding"] = llm.meaning_by_embedding(asked, pairs).clamp(0, 1)
judges["embedding, answer alone"] = llm.meaning_by_embedding(None, pairs).clamp(0, 1)
for name in ("embedding", "embedding, answer alone"):
    judged[name] = cal.bootstrap_interval(cal.auroc, judges[name], is_same, groups=asked)
plots.show(
    plots.interval_rows(
        judged, "AUROC, same against different", "Same meaning? Five judges", (0.5, "chance")
    )
)

# %%
guess.resolve(over_letters("embedding").low > 0)
expect("AUROC by embedding", judged["embedding"].estimate, 0.875, within=0.04)
expect("its lead over letters", over_letters("embedding").estimate, 0.17, within=0.05)
expect("AUROC, answer alone", judged["embedding, answer alone"].estimate, 0.78, within=0.04)

# %% [markdown]
# It has the best estimate of the five, and sixteen questions do not settle whether it beats the
# letters. To say *same* or *different*, a judge needs a threshold. Chosen on half of the questions,
# how many pairs does it tell apart there, and how many on the other half? The means of a hundred cuts
# into halves:


# %%
def best_cut(score, same):
    """The threshold that tells most of these pairs apart: between two scores, never on one."""
    ordered = score.sort().values
    cuts = (ordered[1:] + ordered[:-1]) / 2
    hits = ((score >= cuts[:, None]) == same).double().mean(dim=1)
    return cuts[hits.argmax()].item()


def told_apart(score, seed):
    """Share of the pairs told apart on the questions of the threshold, and on the others."""
    order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(seed))
    here, there = (torch.cat((half, half + len(rows))) for half in order.chunk(2))
    cut = best_cut(score[here], is_same[here])
    return [((score[i] >= cut) == is_same[i]).double().mean() for i in (here, there)]


shares = {
    name: torch.tensor([told_apart(score, seed) for seed in range(100)]).mean(dim=0)
    for name, score in judges.items()
}
for name, (here, there) in shares.items():
    print(f"{name:24} {here:.1f} where chosen, {there:.1f} elsewhere")
expect("embedding, elsewhere", shares["embedding"][1], 0.84, within=0.04)
expect("by ratio, elsewhere", shares["by ratio"][1], 0.6, within=0.08)
expect("shared letters, elsewhere", shares["shared letters"][1], 0.67, within=0.04)

# %% [markdown]
# Every judge looks better where its threshold was chosen. Where does the best one still err? And what
# does it make of five answers to one question, with the threshold from all pairs?

# %%
near, far = judges["embedding"].view(2, -1)
for (_, answer, name, other), same, different in zip(rows, near, far, strict=True):
    if same < different:
        print(f"to the judge, {answer} is more like {other} than like {name}")

five = ["Washington", "New York City", "Washington, D.C.", "Philadelphia", "New York"]
[kernel] = llm.similarity_kernels([capitals["US"].question], [five])
clusters = llm.cluster_by_similarity(five, kernel, best_cut(judges["embedding"], is_same))
for cluster in sorted(set(clusters)):
    print(" = ".join(t for t, c in zip(five, clusters, strict=True) if c == cluster))

# %% [markdown]
# What is *alike* is not always the *same*: to this judge Haarlem lies nearer to The Hague than its own
# Dutch name does. It was trained on texts that belong together; the papers' classifiers of entailment
# were trained on whether one text follows from the other.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Does a better judge of meaning make a better confidence?
#
# Back to the countries and their ten samples. With a judge of meaning there are three ways to count:
# the agreement and the semantic entropy with clusters by embedding, and the *kernel entropy* (Nikitin
# et al. 2024), which needs no threshold. Put the cosines of the S samples into a table K; the
# eigenvalues of K / S add up to 1, so take them for probabilities:
#
# $$H = -\sum_i \lambda_i \ln \lambda_i .$$
#
# It is 0 where all samples are the same, ln S where they have nothing in common, and the semantic
# entropy where K holds a 1 within each cluster and a 0 outside:

# %%
clusters = torch.tensor([0, 0, 0, 1, 1, 2])
blocks = (clusters[:, None] == clusters).double()
expect("semantic entropy of six samples, nats", llm.semantic_entropy(clusters), 1.01, within=0.01)
expect("their kernel entropy, nats", llm.kernel_entropy(blocks), 1.01, within=0.01)

# %% [markdown]
# **Predict first:** how probable is it that one of the three orders right and wrong answers better
# than its counterpart by strings (for the kernel entropy: the semantic entropy), with an interval
# that excludes zero?

# %%
my_probability = ...
guess = predict(
    "meaning-helps-on-capitals",
    "On capitals, counting by meaning orders answers better than counting by strings.",
    my_probability,
)


# %%
def by_meaning(asked, judge, said):
    """Three confidences for each said[i][0], from how alike it and its samples said[i][1:] are."""
    cut = best_cut(judges[judge], is_same)
    found = {"agreement": [], "low entropy": [], "low kernel entropy": []}
    for (_, *drawn), kernel in zip(said, llm.similarity_kernels(asked, said), strict=True):
        among = kernel[1:, 1:]
        clusters = llm.cluster_by_similarity(drawn, among, cut)
        entropies = torch.tensor([llm.semantic_entropy(clusters), llm.kernel_entropy(among)])
        low = (1 - entropies / torch.tensor(float(len(drawn))).log()).clamp(0, 1)
        for row, value in zip(found, [(kernel[0, 1:] >= cut).double().mean(), *low], strict=True):
            found[row].append(value)
    how = judge.removeprefix("embedding, ")
    return {f"{name}, {how}": torch.tensor(values) for name, values in found.items()}


asked_of = [question.question for question in questions]
said = [[a.text, *(s.text for s in d)] for a, d in zip(answers, samples, strict=True)]
meant = by_meaning(asked_of, "embedding", said)
meant |= by_meaning(None, "embedding, answer alone", said)

# %%
by_strings = {
    "agreement": sure["agreement"],
    "low entropy": sure["low entropy"],
    "low kernel entropy": sure["low entropy"],
}


def over_strings(meant, by_strings, correct):
    """By how much each count by meaning orders better than its counterpart by strings."""
    return {
        name: cal.bootstrap_interval(
            lambda a, b, y: cal.auroc(a, y) - cal.auroc(b, y),
            values,
            by_strings[name.partition(",")[0]],
            correct,
            n_resamples=300,
        )
        for name, values in meant.items()
    }


# %%
gains = over_strings(meant, by_strings, right)
guess.resolve(any(interval.low > 0 for interval in gains.values()))
plots.show(
    plots.interval_rows(
        gains,
        "AUROC by meaning minus AUROC by strings",
        "Capitals: what a judge of meaning adds",
        (0.0, "no difference"),
    )
)

# %%
kernel_auroc = cal.auroc(meant["low kernel entropy, embedding"], right)
expect("AUROC, low kernel entropy", kernel_auroc, 0.74, within=0.05)
expect("the best gain of the six", max(i.estimate for i in gains.values()), 0.01, within=0.02)
expect("the upper end, agreement", gains["agreement, embedding"].high, at_most=0.0)
token_lead = cal.bootstrap_interval(
    lambda a, b, y: cal.auroc(a, y) - cal.auroc(b, y),
    sure["likelihood a token"],
    meant["low kernel entropy, embedding"],
    right,
)
expect("likelihood a token ahead of kernel entropy: lower end", token_lead.low, at_least=0.0)

# %% [markdown]
# An honest finding: on these answers of a word or two, the better judge of meaning makes no better
# confidence, and reading the question as well makes a worse agreement and a worse kernel entropy. The
# likelihood a token, which needs no samples, stays ahead.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## A control: the same samples in other words
#
# Is the judge too weak, or is there nothing for it to do? Give it something to do: put each sample
# into one of four sentences, at random. What was said stays the same and only the words vary, so we
# know what belongs together. (The judge reads the answers alone, for which no loss showed above.)

# %%
forms = ["{}", "It is {}.", "The capital is {}.", "I think that it is {}."]
draw = torch.Generator().manual_seed(0)
spoken = []
for first_text, *drawn in said:
    chosen = torch.randint(len(forms), (len(drawn),), generator=draw).tolist()
    spoken.append([first_text, *(forms[f].format(t) for f, t in zip(chosen, drawn, strict=True))])
print(" | ".join(spoken[1][1:6]))

wordy = by_meaning(None, "embedding, answer alone", spoken)
entropy = torch.tensor([llm.semantic_entropy(llm.cluster_by_string(s)) for _, *s in spoken])
scattered = {"agreement": torch.tensor([llm.agreement(a, s) for a, *s in spoken])}
scattered["low entropy"] = (1 - entropy / torch.tensor(10.0).log()).clamp(0, 1)
scattered["low kernel entropy"] = scattered["low entropy"]

# %%
level = {
    "agreement by strings, as sampled": sure["agreement"],
    "agreement by strings, in sentences": scattered["agreement"],
    "agreement by meaning, as sampled": meant["agreement, answer alone"],
    "agreement by meaning, in sentences": wordy["agreement, answer alone"],
}
for name, values in level.items():
    print(f"{name:36} mean {values.mean():.1f}")
wordy_gains = over_strings(wordy, scattered, right)
plots.show(
    plots.interval_rows(
        wordy_gains,
        "AUROC by meaning minus AUROC by strings",
        "The same samples in sentences: what a judge adds",
        (0.0, "no difference"),
    )
)

# %%
expect("mean agreement by strings, in sentences", scattered["agreement"].mean(), 0.10, within=0.02)
in_sentences = wordy["agreement, answer alone"]
expect("mean agreement by meaning, in sentences", in_sentences.mean(), 0.43, within=0.03)
gain = wordy_gains["agreement, answer alone"]
expect("AUROC gained by agreement", gain.estimate, 0.10, within=0.04)
expect("the lower end of that gain", gain.low, at_least=0.0)

# %% [markdown]
# Now there is something to do, and the judge does it: in other words, agreement by strings breaks
# down and agreement by meaning hardly moves, and it orders the answers better. For the entropies one
# draw of sentences does not decide: change the seed and see. So before you take a judge of meaning,
# ask whether your answers come in many wordings; names of cities do not. (Real sentences vary in more
# than four ways: this is a control, not a forecast.)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Ask it whether it is right
#
# *P(True)*: show the model its own answer, ask "true or false?", and compare the probabilities of
# the two words. Large models do this well (Kadavath et al. 2022). To ask is to choose a wording, so
# here are three, each with four judged examples. From now on the questions are split by country:
# a *calibration* half to fit and choose on, a *test* half to report on.

# %%
calibration, test = data.split_questions(questions, seed=0)
in_test = torch.tensor([question in test for question in questions])
test_rows = in_test.nonzero().squeeze(1).tolist()
print(f"{len(calibration)} countries to calibrate, {len(test)} to test")

judged_examples = [("Poland", "Warsaw", True), ("Japan", "Osaka", False)]
judged_examples += [("Peru", "Cusco", False), ("Kenya", "Nairobi", True)]
wordings = {
    "yes or no": ("Question: Is {a} the capital of {c}?\nAnswer:", "Yes", "No"),
    "true or false": ("The capital of {c} is {a}. True or false?", "True", "False"),
    "proposed answer": (
        "Question: What is the capital of {c}?\nProposed answer: {a}\nIs the proposed answer true "
        "or false? Answer:",
        "True",
        "False",
    ),
}


# %%
def about_answers(form, shots):
    """Prompts that ask about the model's own answers to the test questions."""
    asked = [form.format(c=questions[i].subject, a=answers[i].text) for i in test_rows]
    done = [(form.format(c=c, a=a), verdict) for c, a, verdict in shots]
    return llm.few_shot_prompts(asked, done, template="{question} {answer}")


believed = {}
for name, (form, yes, no) in wordings.items():
    shots = [(c, a, yes if ok else no) for c, a, ok in judged_examples]
    believed[name] = llm.p_true(lm, about_answers(form, shots), yes, no)

test_right = right[in_test]
p_true_auroc = {
    f"P(True), {name}": cal.bootstrap_interval(cal.auroc, found.probs, test_right)
    for name, found in believed.items()
}
for name, found in believed.items():
    print(f"{name:16} both words together: {found.mass.mean():.1f}")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Ask it how sure it is
#
# *Verbalized confidence*: let the model write a number from 0 to 100. First without an example.
#
# **Predict first:** what share of what it writes can be read as a number?

# %%
my_probability = ...
guess = predict(
    "verbalized-unreadable",
    "Without examples, more than one in five stated confidences cannot be read.",
    my_probability,
)


# %%
def stated(ask, shots):
    """What the model writes about its test answers after these examples, read strictly."""
    form = "Question: What is the capital of {c}?\nAnswer: {a}\n" + ask
    written = llm.greedy_answers(lm, about_answers(form, shots), max_new_tokens=5)
    return llm.read_confidences([answer.text for answer in written])


without = stated("Confidence:", [])
unreadable = 1 - without.parsed.double().mean().item()
guess.resolve(unreadable > 0.2)
expect("share that cannot be read", unreadable, 0.4, within=0.15)
print("written most often, unreadable:", max(without.unparsed, key=without.unparsed.count))

# %% [markdown]
# What cannot be read stays in the evaluation, here as 0.5: a model must not look better for having
# said nothing. With examples every answer can be read. But which examples, in which order?

# %%
shots = [("Poland", "Warsaw", "95%"), ("Japan", "Osaka", "20%")]
shots += [("Peru", "Cusco", "35%"), ("Kenya", "Nairobi", "80%")]
orders = {"last 80": shots, "last 35": [shots[i] for i in (1, 0, 3, 2)]}
orders["last 95"] = [shots[i] for i in (3, 2, 1, 0)]
numbers = {"no examples": without}
numbers |= {name: stated("Confidence (0 to 100):", order) for name, order in orders.items()}

for name, found in numbers.items():
    mode = found.confidence[found.parsed].mode().values
    print(f"{name:12} says most often {100 * mode:.0f} %")

# %%
stated_auroc = {
    f"stated, {name}": cal.bootstrap_interval(cal.auroc, found.filled(0.5), test_right)
    for name, found in numbers.items()
}
on_test = {
    name: cal.bootstrap_interval(cal.auroc, sure[name][in_test], test_right)
    for name in ("likelihood a token", "agreement")
}
plots.show(
    plots.interval_rows(
        on_test | p_true_auroc | stated_auroc,
        "AUROC",
        "Nine confidences in the same test answers",
        (0.5, "chance"),
    )
)

# %%
spread = [interval.estimate for interval in p_true_auroc.values()]
expect("the best minus the worst wording of P(True)", max(spread) - min(spread), at_least=0.12)
expect("AUROC of the best wording", max(spread), at_most=0.72)
worst = min(p_true_auroc.values(), key=lambda interval: interval.estimate)
expect("the upper end of the worst wording", worst.high, at_most=0.5)
for name in ("stated, last 35", "stated, last 95"):
    expect(f"AUROC, {name}", stated_auroc[name].estimate, 0.5, within=0.08)


# %%
def ahead_of(other):
    """By how much agreement orders the test answers better than another confidence does."""
    return cal.bootstrap_interval(
        lambda a, b, y: cal.auroc(a, y) - cal.auroc(b, y),
        sure["agreement"][in_test],
        other,
        test_right,
    )


ahead = {name: ahead_of(found.probs) for name, found in believed.items()}
ahead |= {name: ahead_of(found.filled(0.5)) for name, found in numbers.items()}
for name, interval in ahead.items():
    print(f"agreement ahead of {name:16} {interval.low > 0}")

# %% [markdown]
# An honest failure, at this size. P(True) depends more on its wording than on the truth: one
# wording is even *worse* than chance. The stated numbers follow the examples: change the order of the
# same four, and the same answers get 90 %, 25 % or 10 %. One order does a little better than chance;
# whoever had tried that one only would have published it. Larger models do better; the test is the
# same.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Exercise 4: what could not be read


# %%
def my_brier_score(stated, correct):
    """Return the Brier score of stated, a list; a None in it counts as 0.5."""
    ...


exercises.unparsed_confidence.check(my_brier_score)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Negative control: countries that do not exist
#
# "What is the capital of Quelzostan?" has no right answer. A confidence that knows what it knows
# must be low here, and it must tell invented countries from real ones.

# %%
invented = data.control_questions(24)
invented_prompts = prompts_for(invented)
invented_sure = confidences(
    llm.greedy_answers(lm, invented_prompts, max_new_tokens=12),
    llm.sample_answers(lm, invented_prompts, 10, max_new_tokens=12),
)
rows = {"real": sure, "invented": invented_sure}
means = {
    f"{name}, {kind}": cal.bootstrap_interval(lambda c: c.mean().item(), values[name])
    for name in ("agreement", "likelihood", "likelihood a token")
    for kind, values in rows.items()
}
plots.show(plots.interval_rows(means, "mean confidence", "Real countries and invented ones"))

# %%
expect("agreement on invented countries", means["agreement, invented"].estimate, at_most=0.12)
expect("likelihood on invented ones", means["likelihood, invented"].estimate, at_most=0.08)

# %% [markdown]
# Agreement and likelihood pass. The likelihood a token does not come down to zero: raw, it must not
# be read as the probability of being right.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Fresh data: sums
#
# The model may have read every capital many times. Sums of one, two and three digits are of graded
# difficulty, and of the longer ones there are too many to learn by heart. Does its confidence follow the difficulty?

# %%
sums = [q for digits in (1, 2, 3) for q in data.arithmetic_questions(40, digits=digits, seed=1)]
worked = [("What is 3 + 5?", "8"), ("What is 41 + 27?", "68"), ("What is 512 + 236?", "748")]
sum_prompts = llm.few_shot_prompts([question.question for question in sums], worked)
sum_answers = llm.greedy_answers(lm, sum_prompts, max_new_tokens=8)
sum_sure = confidences(sum_answers, llm.sample_answers(lm, sum_prompts, 10, max_new_tokens=8))
sum_right = torch.tensor([data.matches(a.text, q) for a, q in zip(sum_answers, sums, strict=True)])

# %%
mean = lambda values: values.double().mean().item()  # noqa: E731
accuracy, confidence = {}, {}
for digits in (1, 2, 3):
    part = slice(40 * (digits - 1), 40 * digits)
    name = f"{digits} digit{'s' * (digits > 1)}"
    accuracy[name] = cal.bootstrap_interval(mean, sum_right[part])
    confidence[name] = cal.bootstrap_interval(mean, sum_sure["likelihood"][part])
plots.show(
    plots.accuracy_and_confidence(
        accuracy, confidence, "Sums: how often right, how likely", of="answers"
    )
)

# %%
expect("accuracy, 1 digit minus 3", accuracy["1 digit"].estimate - accuracy["3 digits"].estimate,
       at_least=0.3)  # fmt: skip
expect("AUROC of the likelihood on sums", cal.auroc(sum_sure["likelihood"], sum_right), 0.85, 0.08)
sum_gap = cal.bootstrap_interval(cal.gap, sum_sure["likelihood"], sum_right)
expect("gap of the likelihood on sums", sum_gap.estimate, -0.16, within=0.08)
expect("the upper end of that gap", sum_gap.high, at_most=0.0)

# %% [markdown]
# The likelihood falls with the difficulty, and pooled over all sums it is too modest, as on capitals.
# The pooled AUROC mixes two things: to see that a sum of one digit is easier than a sum of three is no
# insight into a single answer. Do not read it as knowing right from wrong within one difficulty.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Repair: from confidence to probability
#
# Back to the capitals. Platt scaling (notebook 10) learns a slope and an offset. Each half of the
# countries is calibrated with what was learned on the *other* half, so every probability is judged
# on a country that it was not fitted on.


# %%
def platt(confidence, fit_on, use_on):
    """Probabilities on one set of rows, calibrated on another."""
    logits = cal.binary_logits(confidence)
    calibrator = cal.PlattScaling().fit(logits[fit_on], right[fit_on].long())
    return calibrator.predict_proba(logits[use_on])[:, 1]


def crossed(confidence, a, b):
    """Each half calibrated on the other: probabilities for all rows."""
    probs = torch.zeros(len(confidence), dtype=torch.double)
    probs[a], probs[b] = platt(confidence, b, a), platt(confidence, a, b)
    return probs


torch.set_num_threads(1)  # small tables: a second thread waits more than it works
fit_on, use_on = (~in_test).nonzero().squeeze(1), in_test.nonzero().squeeze(1)
raw = {name: sure[name].double().clamp(0.01, 0.99) for name in probabilities}
calibrated = {name: crossed(raw[name], fit_on, use_on) for name in probabilities}
methods = {}
for name in probabilities:
    methods |= {name: raw[name], f"{name}, Platt": calibrated[name]}

# %% [markdown]
# Every score of every method, with its interval. (Agreement may say 0 or 1; so that its NLL stays
# finite, no probability lies outside 0.01 to 0.99.)


# %%
def nll(probs, correct):
    """Mean negative log-probability of what happened, in nats."""
    return cal.negative_log_likelihood(torch.stack((1 - probs, probs), dim=1), correct.long())


def ece(probs, correct):
    """Expected calibration error in ten bins."""
    return cal.expected_calibration_error(probs, correct, n_bins=10)


# %%
def for_all(score):
    """A score of every method, with its interval."""
    return {n: cal.bootstrap_interval(score, p, right, n_resamples=300) for n, p in methods.items()}


scores = {"gap": cal.gap, "ECE": ece, "AUROC": cal.auroc, "Brier score": cal.binary_brier_score}
scores["NLL (nats)"] = nll
panels = {title: {"": for_all(score)} for title, score in scores.items()}
chance = {
    n: cal.ece_null_distribution(p, n_bins=10).quantile(0.95).item() for n, p in methods.items()
}
plots.show(
    plots.scores_by_method(
        panels,
        {"ECE": chance},
        {"AUROC": 0.5},
        "Three confidences in the same answers, before and after Platt scaling",
    )
)


# %%
def gained(before, after):
    """By how much the Brier score falls, with a paired interval."""
    return cal.bootstrap_interval(
        lambda a, b, y: cal.binary_brier_score(a, y) - cal.binary_brier_score(b, y),
        before,
        after,
        right,
    )


best = calibrated["likelihood a token"]
by_platt = gained(raw["likelihood a token"], best)
over_agreement = gained(calibrated["agreement"], best)
expect("Brier score gained by Platt, likelihood a token", by_platt.estimate, 0.04, within=0.025)
expect("the lower end of that gain", by_platt.low, at_least=0.0)
expect("the lower end of its lead over agreement", over_agreement.low, at_least=0.0)
expect("gap of the calibrated", cal.gap(best, right), 0.0, within=0.06)

# %% [markdown]
# A confidence that was far too sure ends with a lower Brier score than agreement, both after Platt
# scaling. Is the gain by Platt scaling the luck of one cut into halves? A hundred other random cuts:


# %%
def halves(seed):
    """Two random halves of the rows, of n and m questions."""
    order = torch.randperm(len(questions), generator=torch.Generator().manual_seed(seed))
    return order[: len(order) // 2], order[len(order) // 2 :]


for name in probabilities:
    before = cal.binary_brier_score(raw[name], right)
    after = [
        cal.binary_brier_score(crossed(raw[name], *halves(seed)), right) for seed in range(100)
    ]
    expect(f"cuts in which {name} gains", sum(a < before for a in after) / 100, at_least=0.75)

# %%
plots.show(
    plots.reliability_diagram(best, right, n_bins=8, title="Likelihood a token, Platt-scaled")
)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## What you learned
#
# - The same answers of the same model look too modest by likelihood, a little too modest by agreement
#   and far too sure by likelihood a token. Say how you read confidence before you call a model
#   overconfident, and how you asked: here as raw text with examples, and in no other form.
# - Order and calibration are two virtues: the likelihood a token was far too sure, ordered the
#   answers better than the likelihood, and after Platt scaling had a lower Brier score than
#   agreement.
# - Agreement finds what the model makes up, and not what it knows wrongly: Sydney, in most of its
#   ten samples.
# - Sentence embeddings judge meaning best of our five judges, and on names of cities no better
#   confidence came of it. Where the same is said in other words, agreement needs such a judge.
# - P(True) and stated confidence failed at this size, and followed the wording and the examples more
#   than the truth.
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
# - L. H. McCabe et al., *Estimating semantic alphabet size for LLM uncertainty quantification*,
#   arXiv:2509.14478, 2025: from few samples the semantic entropy comes out too low, and a
#   correction for the meanings not sampled yet makes it more accurate.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## And you?

# %% tags=["nbval-ignore-output"]

from coursekit.chapters import progress

plots.my_predictions()
progress()

# %% [markdown]
# **Next:** [14 Knowing when to be silent](14_knowing_when_to_be_silent.ipynb): a threshold, a
# promise, and sets of answers.
# Back to [00 Start here](00_start_here.ipynb).
