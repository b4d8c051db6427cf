"""Claims of notebook 19: judges on known truth and on public pairs, a decider, bills, and time."""

from __future__ import annotations

from functools import cache

import torch
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from coursekit import calibration as cal, llm
from coursekit.chapters.judges_and_decisions import probing, vendor
from coursekit.data import benchmarks
from docs.claims.ledger import IN_NOTEBOOK, Ledger
from docs.claims.subjects import lm

LEDGER = Ledger("judges_and_decisions")

# By definition, and by others

LEDGER.proved(
    "Verdicts of a judge that errs measure a s + (1 - a)(1 - c), however many there are.",
    stands=(
        "More verdicts of a judge that errs find a wrong share more precisely.",
        "They have a direction.",
    ),
    proof="That is the expectation of a verdict; solved for a it gives the truth back.",
    test="tests/calibration/test_judged.py::test_the_estimate_solves_the_judges_equation",
)
LEDGER.proved(
    "With endless verdicts and the best weight a grade is worth 1 / (1 - rho^2): 1.54 at 0.8.",
    stands=(
        "A judge that is right in 80 % of the cases makes each grade worth one and a half",
        "Below 0.8 a judge saves little, however often it is asked.",
    ),
    proof="The best weight is that of a control variate.",
    test="tests/calibration/test_judged.py::"
    "test_endless_verdicts_are_worth_what_their_correlation_says",
)
LEDGER.proved(
    "The decider's field `confidence` is the margin over chance.",
    stands=(
        "Its field `confidence` is no probability.",
        "Here it was a margin over chance",
    ),
    proof="It equals (n p - 1) / (n - 1) of the highest probability p of n options.",
    test="tests/chapters/judges_and_decisions/test_vendor.py::"
    "test_confidence_is_the_margin_over_chance_and_no_probability",
)
LEDGER.proved(
    "To check where the doubt exceeds cost over loss is cheapest, with true probabilities.",
    stands=(
        "With a calibrated probability the cheapest threshold is the cost of a check over the loss",
        "not to check costs $(1 - p) L$ on average",
        "a needless check costs $r$, an error that gets through $1 - r$",
    ),
    proof="The expected bill of each answer is the smaller of C and (1 - p) L.",
    test="tests/calibration/test_decisions.py::test_true_probabilities_are_best_for_every_user",
)
LEDGER.proved(
    "The CUSUM adds up what exceeds its slack and never falls below zero.",
    stands="Page's CUSUM (1954) adds up what exceeds a slack $k$ and never falls below zero",
    proof="By its definition.",
    test="tests/calibration/test_monitoring.py::"
    "test_agrees_with_its_definition_for_one_stream_and_for_many",
)
LEDGER.cited(
    "As a detector of errors in free answers, length rivals far more costly ones.",
    stands="as a detector of errors in free answers it rivals far more costly ones",
    source="janiak2025illusion",
)
LEDGER.passing(
    "An answer may be used as it is; if it is wrong that costs $L$",
    "Or somebody checks it, at a *cost* $C$.",
    '"open-ended language it never trained on"',
    "Length is the baseline that a probe must beat",
    "About which questions?",
    why="definitions, words of the vendor's page, a rule of the course, and a question",
)

# Judges on known truth

JUDGES = {
    "as in the notebook": {},
    "another seed": {"seed": 1},
    "twice the grades": {"n": 200},
    "half of them right": {"share": 0.5},
    "s = c = 0.8": {"s": 0.8, "c": 0.8},
    "s = 0.75, c = 0.9": {"s": 0.75, "c": 0.9},
}
METHODS = {
    "alone": lambda y, f, judged: cal.prediction_powered_mean(y, f, judged, weight=0.0),
    "RG": cal.rogan_gladen,
    "PPI": lambda *of: cal.prediction_powered_mean(*of, weight=1.0),
    "PPI++": cal.prediction_powered_mean,
}


def _answers(n: int, share: float, s: float, c: float, draw: torch.Generator) -> tuple:
    right = torch.rand(n, generator=draw) < share
    return right, torch.rand(n, generator=draw) < torch.where(right, s, 1 - c)


def _tried(
    graded: tuple[float, float, float],
    judged: tuple[float, float, float],
    n: int,
    seed: int,
    n_samples: int = 600,
) -> dict[str, Tensor]:
    """Return whether it covers, width and error of each method, by sample `(S, 3)`."""
    draw = torch.Generator().manual_seed(100 + seed)
    found: dict[str, list] = {name: [] for name in METHODS}
    for _ in range(n_samples):
        gold, said = _answers(n, *graded, draw), _answers(2_000, *judged, draw)[1]
        for name, method in METHODS.items():
            of = method(*gold, said)
            found[name].append((judged[0] in of, of.high - of.low, of.estimate - judged[0]))
    return {name: torch.tensor(rows).double() for name, rows in found.items()}


@LEDGER.measured(
    "Rogan and Gladen's interval covers with grades of another system, the prediction-powered one "
    "does not; both miss where the judge errs otherwise on the graded answers.",
    stands=(
        "Rogan and Gladen carry over how the judge errs; prediction-powered inference needs grades",
        "Each correction carries over one thing.",
    ),
    refuted_by="a coverage of Rogan and Gladen below 0.92 with another system, of PPI above 0.9 "
    "there, or one of either above 0.9 with another specificity",
    variations=JUDGES,
    quick=IN_NOTEBOOK,
)
def carried_over(
    n: int = 100, share: float = 0.6, s: float = 0.9, c: float = 0.7, seed: int = 0
) -> tuple[bool, str]:
    here = (share, s, c)
    other = {
        name: of[:, 0].mean() for name, of in _tried((share + 0.2, s, c), here, n, seed).items()
    }
    bent = (share, s, min(c + 0.2, 0.99))
    wrong = {name: of[:, 0].mean() for name, of in _tried(bent, here, n, seed).items()}
    held = other["RG"] >= 0.92 and max(other["PPI"], wrong["RG"], wrong["PPI"]) <= 0.9
    return bool(held), (
        f"another system: RG {other['RG']:.2f}, PPI {other['PPI']:.2f}; other specificity: RG "
        f"{wrong['RG']:.2f}, PPI {wrong['PPI']:.2f}"
    )


@LEDGER.measured(
    "With grades of a random part all corrections cover; for judges like ours Rogan and Gladen's "
    "interval is wider than that of the grades alone, and PPI++'s narrower.",
    stands=(
        "With grades of a random part and a judge like ours, Rogan and Gladen's interval was wider",
        "Rogan and Gladen's interval is valid and *wider than that of the 100 grades alone*",
    ),
    refuted_by="a coverage below 0.91, a ratio of Rogan and Gladen below 1.05, of PPI++ above 0.97",
    variations=JUDGES,
    quick=IN_NOTEBOOK,
)
def wider(
    n: int = 100, share: float = 0.6, s: float = 0.9, c: float = 0.7, seed: int = 0
) -> tuple[bool, str]:
    found = _tried((share, s, c), (share, s, c), n, seed)
    width = {name: of[:, 1].mean().item() for name, of in found.items()}
    least = min(of[:, 0].mean().item() for of in found.values())
    rg, tuned = width["RG"] / width["alone"], width["PPI++"] / width["alone"]
    held = least >= 0.91 and rg > 1.05 and tuned < 0.97
    return (
        held,
        f"least coverage {least:.2f}; width over grades alone: RG {rg:.2f}, PPI++ {tuned:.2f}",
    )


@LEDGER.measured(
    "With ten grades the corrected share is farther from the truth than the verdicts of our judge.",
    stands=(
        "With ten grades the corrected share was farther from the truth on average.",
        "the uncorrected number was *nearer* to the truth than the corrected one",
    ),
    refuted_by="a root mean squared error of PPI++ below the bias of the verdicts",
    variations={
        **{f"seed {seed}": {"seed": seed} for seed in range(3)},
        "half of them right": {"share": 0.5},
        "share 0.75, where the judge has no bias": {"share": 0.75},
        "twenty grades": {"n": 20},
    },
    quick=IN_NOTEBOOK,
)
def few_grades(n: int = 10, share: float = 0.6, seed: int = 0) -> tuple[bool, str]:
    kind = (share, 0.9, 0.7)
    off = _tried_weights(kind, n, seed)
    bias = abs(share * 0.9 + (1 - share) * 0.3 - share)
    return off > bias, f"PPI++ off by {off:.3f}, the verdicts by {bias:.3f}"


def _tried_weights(kind: tuple[float, float, float], n: int, seed: int) -> float:
    draw, errors = torch.Generator().manual_seed(seed), []
    for _ in range(600):
        graded, said = _answers(n, *kind, draw), _answers(2_000, *kind, draw)[1]
        errors.append(cal.prediction_powered_mean(*graded, said).estimate - kind[0])
    return torch.tensor(errors).square().mean().sqrt().item()


# A model as the judge


def _asked(q: str, a: str, b: str, letters: str) -> str:
    first, second = sorted(letters)
    return f"{llm.lettered(q, [a, b], letters)}\nWhich answer is right, {first} or {second}?"


FORMS = {
    "raw text": lambda q, a, b, ab: llm.few_shot_prompts([llm.lettered(q, [a, b], ab)])[0],
    "chat": lambda q, a, b, ab: llm.Chat(_asked(q, a, b, ab)),
    "chat, reply begun": lambda q, a, b, ab: llm.Chat(
        _asked(q, a, b, ab), reply="The right answer is"
    ),
    "raw text, two examples": lambda q, a, b, ab: llm.few_shot_prompts(
        [llm.lettered(q, [a, b], ab)],
        [
            (llm.lettered("Where do fish live?", ["water", "trees"]), "A"),
            (llm.lettered("What cuts bread?", ["a spoon", "a knife"]), "B"),
        ],
    )[0],
}


@cache
def _first(form: str, name: str, seed: int, letters: str = "AB", n: int = 40) -> Tensor:
    """Return P(it names the first), right answer first and second (n, 2)."""
    ask, prompts = FORMS[form], []
    for i, q in enumerate(benchmarks.load(name, limit=n, seed=seed, accept_licence=True)):
        wrong = [option for option in q.options if option != q.answer]
        pair = (q.answer, wrong[i % len(wrong)])
        prompts += [ask(q.question, *order, letters) for order in (pair, pair[::-1])]
    options = llm.continuations(prompts, [list(letters)] * len(prompts))
    return llm.choice_probs(llm.score_choices(lm(), prompts, options))[:, 0].view(-1, 2)


PAIRS = {
    f"{form}, {name}, seed {seed}": {"form": form, "name": name, "seed": seed}
    for form, name, seed in (
        ("raw text", "commonsense_qa", 0),
        ("raw text", "commonsense_qa", 1),
        ("raw text", "arc_easy", 0),
        ("raw text, two examples", "commonsense_qa", 0),
        ("chat", "commonsense_qa", 0),
        ("chat", "commonsense_qa", 1),
        ("chat", "arc_easy", 0),
        ("chat, reply begun", "commonsense_qa", 0),
    )
}


@LEDGER.measured(
    "The verdict of SmolLM2 about two answers changes with their order in nearly every pair.",
    stands=(
        "SmolLM2 changed its verdict with the order in nearly every pair",
        "Whatever stands at A wins, with high confidence.",
    ),
    refuted_by="fewer than 80 % of the pairs in which the verdict changes",
    variations=PAIRS,
    quick=IN_NOTEBOOK,
    was="Asked which of two answers is right, SmolLM2 named the letter A nearly always. (Where its "
    "reply was begun for it, it named A in about half of the pairs, and still changed.)",
)
def changes_with_the_order(form: str, name: str, seed: int) -> tuple[bool, str]:
    p = _first(form, name, seed)
    changes = ((p[:, 0] > 0.5) == (p[:, 1] > 0.5)).double().mean()
    says_first = (p > 0.5).double().mean()
    return bool(changes >= 0.8), f"changes in {changes:.2f}, names the first in {says_first:.2f}"


@LEDGER.measured(
    "Where the first answer is called B and the second A, the verdict goes with the letter.",
    stands=(
        "Between A and B the verdict goes with the letter, and hardly with the place.",
        "nor does a list whose first letter is always A",
    ),
    refuted_by="the first answer, now B, named in more than half of the prompts",
    variations={
        name: of
        for name, of in PAIRS.items()
        if of["form"] != "chat, reply begun" and of["seed"] == 0
    },
    quick=IN_NOTEBOOK,
)
def letter_not_place(form: str, name: str, seed: int) -> tuple[bool, str]:
    share = (_first(form, name, seed, "BA") > 0.5).double().mean()
    return bool(share < 0.5), f"names the first, now B, in {share:.2f}"


@LEDGER.measured(
    "Between C and D the verdict goes with the place: the first answer is named more often than "
    "not, whichever of the two letters it has.",
    stands="between C and D the first is named more often, whichever letter it has",
    refuted_by="the first answer named in half of the prompts or fewer, as C or as D",
    variations={name: of for name, of in PAIRS.items() if of["form"] in ("raw text", "chat")},
    quick=IN_NOTEBOOK,
    was="The verdict goes with the letter, and hardly with the place: tried with A and B alone.",
)
def place_with_other_letters(form: str, name: str, seed: int) -> tuple[bool, str]:
    shares = [(_first(form, name, seed, ab) > 0.5).double().mean().item() for ab in ("CD", "DC")]
    return min(shares) > 0.5, f"names the first, C, in {shares[0]:.2f}, D in {shares[1]:.2f}"


@LEDGER.measured(
    "Averaged over both orders the judge is right about as often as a coin.",
    stands=(
        "Averaged over both orders it was modest, and as good as a coin.",
        "right about as often as a coin",
    ),
    refuted_by="a 95 % interval of the share of right verdicts without 0.5, or a mean confidence "
    "above 0.6",
    variations=PAIRS,
    quick=IN_NOTEBOOK,
)
def coin(form: str, name: str, seed: int) -> tuple[bool, str]:
    p = _first(form, name, seed)
    of_right = torch.stack([p[:, 0], 1 - p[:, 1]], dim=1).mean(dim=1)
    right = cal.bootstrap_interval(torch.mean, (of_right > 0.5).double())
    sure = torch.maximum(of_right, 1 - of_right).mean()
    return bool(0.5 in right and sure < 0.6), f"right {right:.2f}, mean confidence {sure:.2f}"


# Probes


@cache
def _read(name: str, seed: int, n: int) -> probing.Read:
    """Read n questions of a set, each with its right and a wrong answer."""
    loaded = benchmarks.load(name, limit=2 * n, seed=seed)
    texts = []
    for i, q in enumerate([q for q in loaded if len(q.options) > 3][:n]):
        wrong = [option for option in q.options if option != q.answer]
        texts += [(q.question, q.answer), (q.question, wrong[i % len(wrong)])]
    return probing.read_answers(lm(), [q for q, _ in texts], [a for _, a in texts])


def _probe() -> object:
    return make_pipeline(StandardScaler(), LogisticRegression(C=1e-3, max_iter=500))


def _won(score: Tensor) -> Tensor:
    pairs = score.double().view(-1, 2)
    return (pairs[:, 0] > pairs[:, 1]).double() + 0.5 * (pairs[:, 0] == pairs[:, 1]).double()


READ = {
    f"{name}, seed {seed}, {n} pairs": {"name": name, "seed": seed, "n": n}
    for name, seed, n in (
        ("arc_easy", 1, 100),
        ("commonsense_qa", 1, 100),
        ("arc_easy", 2, 100),
        ("commonsense_qa", 2, 100),
    )
}


@LEDGER.measured(
    "A probe with 70 graded pairs is not clearly better than the answer's likelihood, and length "
    "tells nothing.",
    stands=(
        "was not clearly better: the interval of the difference holds 0",
        "Length knows nothing here",
    ),
    refuted_by="a lower end of probe minus likelihood above 0, or of length no 0.5 inside",
    variations=READ,
    quick=IN_NOTEBOOK,
)
def probe_against_likelihood(name: str, seed: int, n: int) -> tuple[bool, str]:
    read, half = _read(name, seed, n), 2 * (n // 2)
    marks, pair_of = [True, False] * (half // 2), torch.arange(half) // 2
    held_out = {}
    for layer in range(4, read.states.shape[1], 5):
        values = cross_val_predict(
            _probe(), read.states[:half, layer], marks, groups=pair_of,
            cv=GroupKFold(5), method="decision_function",
        )  # fmt: skip
        held_out[layer] = _won(torch.from_numpy(values)).mean().item()
    layer = max(held_out, key=held_out.__getitem__)
    model = _probe().fit(read.states[:half, layer], marks)
    probe = _won(torch.from_numpy(model.decision_function(read.states[half:, layer])))
    likelihood = _won((read.log_prob * read.length)[half:])
    length = cal.bootstrap_interval(torch.mean, _won(read.length[half:]))
    ahead = cal.bootstrap_interval(lambda a, b: a.mean() - b.mean(), probe, likelihood)
    return ahead.low <= 0 and 0.5 in length, (
        f"probe {probe.mean():.2f} (block {layer + 1}), likelihood {likelihood.mean():.2f}, "
        f"difference {ahead:.2f}; length {length:.2f}"
    )


# The decider


@cache
def _decider(model: str) -> object:
    return vendor.load_decider(model)


WAYS = {
    "passage as state": lambda passage, asked: (passage, asked),
    "all as state": lambda passage, asked: (f"{passage}\n{asked}", "Which answer is correct?"),
    "question as state": lambda passage, asked: (asked, "Which answer is correct?"),
    "question as instruction": lambda passage, asked: ("", asked),
}


@cache
def _replies(name: str, way: str, model: str = vendor.MODEL) -> tuple[Tensor, Tensor, Tensor]:
    """Return probability of the choice, the field, and whether right, in the order of the set."""
    limit = None if name == "sciq" else 1000
    passages = way in ("passage as state", "all as state")
    rows = []
    for q in benchmarks.load(name, limit=limit, passages=passages, accept_licence=True):
        passage, _, asked = q.question.rpartition("\n") if passages else ("", "", q.question)
        reply = vendor.decide(_decider(model), *WAYS[way](passage, asked), q.options)
        top = max(reply["probabilities"].values())
        rows.append((top, reply["confidence"], reply["choice"] == q.answer))
    top, field, right = torch.tensor(rows, dtype=torch.float64).T
    return top.clamp(max=1), field, right.bool()


PARTS = {"all": slice(None), "first half": slice(0, 498), "second half": slice(498, None)}


@LEDGER.measured(
    "About passages that it is given the decider's mean confidence is its accuracy.",
    stands=(
        "The vendor's decider was calibrated on questions about a passage before it",
        "the decider is calibrated within what 997 questions can show",
    ),
    refuted_by="a 95 % interval of the gap without 0",
    variations={
        f"{way}, {part}": {"way": way, "part": part}
        for way in ("passage as state", "all as state")
        for part in PARTS
    },
)
def calibrated_about_a_passage(way: str, part: str) -> tuple[bool, str]:
    top, _, right = (column[PARTS[part]] for column in _replies("sciq", way))
    gap = cal.bootstrap_interval(cal.gap, top, right)
    return (
        0 in gap,
        f"confidence {top.mean():.3f}, accuracy {right.double().mean():.3f}, gap {gap:.3f}",
    )


@LEDGER.measured(
    "About what no text tells it the decider is too sure.",
    stands=(
        "too sure where nothing told it the answer",
        "Asked what no text tells, it is too sure",
    ),
    refuted_by="a lower end of the gap below 0.03",
    variations={
        f"{name}, {way}, {model}": {"name": name, "way": way, "model": model}
        for name in ("sciq", "arc_easy", "commonsense_qa", "medmcqa")
        for way, model in (
            ("question as state", vendor.MODEL),
            ("question as instruction", vendor.MODEL),
            ("question as state", "sparrow-nano-robot-v1.2"),
        )
    },
)
def too_sure_without(name: str, way: str, model: str) -> tuple[bool, str]:
    top, _, right = _replies(name, way, model)
    gap = cal.bootstrap_interval(cal.gap, top, right)
    return gap.low > 0.03, f"accuracy {right.double().mean():.3f}, gap {gap:.3f}"


@LEDGER.measured(
    "Taking the field for a probability costs a user with r = 0.7 much, with r = 0.1 little.",
    stands=(
        "A wrong number costs one user much and another nearly nothing.",
        "The same order at another level sent somebody the higher bill.",
        "it hardly matters which number they read",
    ),
    refuted_by="less than three times as much at r = 0.7, or more than 50 euros for 1,000 answers "
    "at r = 0.1, or another AUROC",
    variations={
        f"{way}, {part}": {"way": way, "part": part}
        for way in ("passage as state", "all as state")
        for part in PARTS
    },
)
def who_pays(way: str, part: str) -> tuple[bool, str]:
    top, field, right = (column[PARTS[part]] for column in _replies("sciq", way))

    def more(r: float) -> float:
        bills = [cal.expense(sure, right, cost=10 * r, loss=10) for sure in (field, top)]
        return 1_000 * (bills[0] - bills[1])

    same = abs(cal.auroc(field, right) - cal.auroc(top, right)) < 0.002
    cheap, dear = more(0.1), more(0.7)
    return (
        dear >= 3 * cheap and cheap <= 50 and same,
        f"r = 0.1: {cheap:.0f} euros, r = 0.7: {dear:.0f}",
    )


# Time

STREAMS = {
    "as in the notebook": {},
    "another seed": {"seed": 1},
    "confidences from 0.6 to 0.8": {"low": 0.6, "high": 0.8},
    "confidences from 0.9 to 1": {"low": 0.9, "high": 1.0},
}


def _stream(
    n_answers: int, breaks: int, drop: float, low: float, high: float, seed: int
) -> tuple[Tensor, Tensor, Tensor]:
    draw = torch.Generator().manual_seed(200 + seed)
    confidence = low + (high - low) * torch.rand(600, n_answers, generator=draw).double()
    truth = confidence.clone()
    truth[:, breaks:] -= drop
    right = torch.rand(600, n_answers, generator=draw) < truth
    return confidence, truth, confidence - right.double()


@LEDGER.measured(
    "A test of the gap so far, after each of 1,000 answers, raises many false alarms.",
    stands=(
        "An alarm that looks after each answer goes off sooner or later.",
        "In two of five quiet streams, or more, it called.",
    ),
    refuted_by="false alarms in less than 25 % of the streams",
    variations={**STREAMS, "from the 100th answer on": {"start": 100}},
    quick=IN_NOTEBOOK,
)
def many_looks(
    low: float = 0.5, high: float = 1.0, seed: int = 0, start: int = 20
) -> tuple[bool, str]:
    confidence, _, excess = _stream(1_000, 1_000, 0.0, low, high, seed)
    z = excess.cumsum(dim=1) / (confidence * (1 - confidence)).cumsum(dim=1).sqrt()
    share = (z[:, start - 1 :].abs() > 1.96).any(dim=1).double().mean()
    return bool(share >= 0.25), f"false alarms in {share:.2f}"


@LEDGER.measured(
    "A moving window costs about the variance of an outcome over its width while nothing is wrong, "
    "and repairs after a break that is larger than the root of that.",
    stands=(
        "A moving window repairs after a break and costs before it.",
        "it costs about $0.17 / w$, the variance of a mean of $w$ outcomes",
    ),
    refuted_by="a cost more than a quarter off, or probabilities no nearer to the truth later",
    variations={
        "as in the notebook": {},
        "another seed": {"seed": 1},
        "30 answers": {"w": 30},
        "300 answers": {"w": 300},
        "a break of 0.3": {"drop": 0.3},
        "confidences from 0.6 to 0.8": {"low": 0.6, "high": 0.8},
    },
    quick=IN_NOTEBOOK,
)
def window(
    w: int = 100, drop: float = 0.15, low: float = 0.5, high: float = 1.0, seed: int = 0
) -> tuple[bool, str]:
    confidence, truth, excess = _stream(2_000, 1_000, drop, low, high, seed)
    total = torch.nn.functional.pad(excess.cumsum(dim=1), (1, 0))[:, :-1]
    shift = torch.zeros_like(excess)
    shift[:, w:] = (total[:, w:] - total[:, :-w]) / w
    off = ((confidence - shift).clamp(0, 1) - truth).square()
    cost = off[:, 400:1_000].mean().item()
    expected = (confidence * (1 - confidence)).mean().item() / w
    later = off[:, 1_400:].mean().item()
    held = abs(cost / expected - 1) < 0.25 and later < drop**2
    return (
        held,
        f"cost {cost:.5f}, variance over w {expected:.5f}; later {later:.5f} of {drop**2:.4f}",
    )
