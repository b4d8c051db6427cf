"""Claims of notebook 10: overtrained patients, their repairs, and what would have spared them."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import torch
from scipy.optimize import isotonic_regression
from torch import Tensor

from coursekit import calibration as cal
from coursekit.data import grammar
from coursekit.lm import GPT, GPTConfig, TrainingConfig, sequence_logits, train
from docs.claims.ledger import IN_NOTEBOOK, Ledger

LEDGER = Ledger("calibration_methods")
LANGUAGE = grammar()
N_WORDS = LANGUAGE.vocab_size

# By definition, and by tests

LEDGER.proved(
    "At the fitted temperature the expected logit equals, on average, that of what came.",
    stands="found where the expected logit equals that of the truth",
    proof="The slope of the loss in 1/T is their difference.",
    test="tests/calibration/calibrators/test_temperature.py::"
    "test_the_expected_logit_equals_the_observed_one",
)
LEDGER.proved(
    "A temperature keeps the order of all words, so it changes no answer.",
    stands=(
        '"Calibration makes a model better."* A temperature changes no answer',
        "| temperature | always | always | yes |",
    ),
    proof="Dividing by a positive number keeps every order.",
    test="tests/calibration/calibrators/test_temperature.py::"
    "test_temperature_keeps_the_ranking_and_lowers_the_loss",
)
LEDGER.proved(
    "A map of the confidence cannot pull apart what got the same confidence: what it then lacks is "
    "missing information.",
    stands=(
        "A rising map of the confidence cannot pull apart what got the same confidence",
        "which a calibrator can mend, and **information that is missing**",
        '"Information is missing" always means:',
    ),
    proof="Whatever a constant is read as, it remains a constant.",
    test="tests/calibration/test_decompositions.py::"
    "test_known_truth_of_a_constant_prediction_is_all_grouping",
)
LEDGER.passing(
    "A split that cannot come out differently says nothing",
    "| | the top word, and so the accuracy |",
    why="a rule of the course's own, and the head of a table",
)


# Patients


class Patient(NamedTuple):
    """Logits on calibration and test words, at 200 steps and at the end: (N, V) each."""

    early: tuple[Tensor, Tensor]
    late: tuple[Tensor, Tensor]
    model: GPT


def _tokens(draw: int, n: int) -> Tensor:
    return LANGUAGE.sample(n, seed=draw)


@cache
def _calibration(draw: int = 901) -> Tensor:
    return _tokens(draw, 80)


@cache
def _test() -> tuple[Tensor, Tensor, Tensor]:
    """Return test sequences, the truth of each next word (N, V) and the words (N,)."""
    tokens = _tokens(900, 150)
    truth = LANGUAGE.next_token_probs(tokens)[:, :-1].flatten(0, 1)
    return tokens, truth.double(), tokens[:, 1:].flatten()


def _logits(model: GPT, tokens: Tensor) -> Tensor:
    return sequence_logits(model, tokens).flatten(0, 1)


def _trained(tokens: Tensor, steps: int, seed: int, watch=None, **settings) -> GPT:
    shape = GPTConfig(N_WORDS, context=64, width=64, n_layers=1, n_heads=4)
    model = GPT(shape, torch.Generator().manual_seed(seed))
    config = TrainingConfig(steps=steps, batch_size=16, seed=seed, **settings)
    train(model, tokens, config, evaluate=watch, progress=False)
    return model


@cache
def patient(seed: int = 0, texts: int = 100, n: int = 200, steps: int = 600, **settings) -> Patient:
    """Train a patient on n sequences, and keep what it said after 200 steps and at the end."""
    stages = []

    def watch(model: GPT) -> dict[str, float]:
        stages.append((_logits(model, _calibration()), _logits(model, _test()[0])))
        return {}

    model = _trained(_tokens(texts, n), steps, seed, watch, **settings)
    return Patient(stages[1], stages[-1], model)


PATIENTS = {
    "seed 0": {"seed": 0},
    "seed 1": {"seed": 1},
    "other training texts": {"texts": 110},
    "400 steps": {"steps": 400},
}


def _labels(tokens: Tensor) -> Tensor:
    return tokens[:, 1:].flatten()


def _repaired(z: tuple[Tensor, Tensor], method: object = None, n: int = 80) -> Tensor:
    """Fit a calibrator, a temperature by default, on n sequences; return test probabilities."""
    rows = n * (_calibration().shape[1] - 1)
    fitted = (method or cal.TemperatureScaling()).fit(z[0][:rows], _labels(_calibration())[:rows])
    return fitted.predict_proba(z[1])


def _ece(probs: Tensor, labels: Tensor | None = None) -> float:
    labels = _test()[2] if labels is None else labels
    return cal.expected_calibration_error(*cal.top_label(probs, labels))


def _kl(probs: Tensor) -> float:
    return cal.kl_divergence(_test()[1], probs.double())


def _parts(probs: Tensor) -> tuple[float, float, float]:
    """Return miscalibration and missing information of the top word, and the other words."""
    truth = _test()[1]
    confidence, top = probs.double().max(dim=1)
    chance = truth.gather(1, top[:, None])[:, 0]
    level, place, count = confidence.unique(return_inverse=True, return_counts=True)
    mean = torch.zeros_like(level).index_add(0, place, chance) / count
    honest = torch.tensor(isotonic_regression(mean.numpy(), weights=count.double().numpy()).x)[
        place
    ]

    def event(p: Tensor) -> Tensor:
        return torch.stack((1 - p, p), dim=1)

    of_event = cal.kl_divergence(event(chance), event(confidence))
    missing = cal.known_truth_decomposition(event(honest), event(chance)).grouping
    return of_event - missing, missing, _kl(probs) - of_event


# What a temperature does


@LEDGER.measured(
    "A temperature heals the diagram of an overfit model and leaves half or more of its divergence "
    "from the truth.",
    stands=(
        "It healed the reliability diagram of an overfit model, and left half of its divergence",
        '"After temperature scaling the model is calibrated."* Its top label is',
        "It undoes the",
    ),
    refuted_by="more than a quarter of the ECE left, or less than 0.4 of the divergence",
    variations=PATIENTS,
    quick=IN_NOTEBOOK,
    was="left half of its divergence from the truth",
)
def half_is_left(**of_patient: int) -> tuple[bool, str]:
    z = patient(**of_patient).late
    ill, healed = z[1].softmax(dim=-1), _repaired(z)
    ece, kl = _ece(healed) / _ece(ill), _kl(healed) / _kl(ill)
    return ece < 0.25 and kl > 0.4, f"left: {ece:.2f} of the ECE, {kl:.2f} of the KL"


@LEDGER.measured(
    "The temperature takes the miscalibration of the top word and little of what is missing there.",
    stands="The temperature took the first away, and little of the second",
    refuted_by="more than a tenth of the miscalibration left, or less than 0.7 of what is missing",
    variations=PATIENTS,
    quick=IN_NOTEBOOK,
)
def takes_miscalibration(**of_patient: int) -> tuple[bool, str]:
    z = patient(**of_patient).late
    before, after = _parts(z[1].softmax(dim=-1)), _parts(_repaired(z))
    left = [b / a for a, b in zip(before, after, strict=True)]
    held = left[0] < 0.1 and left[1] > 0.7
    return held, f"left: {left[0]:.2f} of the miscalibration, {left[1]:.2f} of what is missing"


@LEDGER.measured(
    "A hundred labelled words are enough for a temperature.",
    stands="and needs a hundred labelled words",
    refuted_by="a loss with 126 words more than 0.06 nats above that with 5,040",
    variations=PATIENTS,
    quick=IN_NOTEBOOK,
)
def hundred_words(**of_patient: int) -> tuple[bool, str]:
    z, labels = patient(**of_patient).late, _test()[2]
    few, many = (cal.negative_log_likelihood(_repaired(z, n=n), labels) for n in (2, 80))
    return few - many < 0.06, f"loss {few - many:+.3f} nats"


@LEDGER.measured(
    "A calibrated forecaster may lack nearly everything: the unigram's diagram is on the diagonal.",
    stands='"A diagram on the diagonal shows a good forecast."* So is the diagram of the unigram',
    refuted_by="an ECE of the unigram above 0.02, or less than 0.15 nats missing at its top word",
    variations={f"{n} texts": {"n": n} for n in (50, 200, 1000)}
    | {"other texts": {"n": 200, "texts": 110}},
)
def ignorant_and_calibrated(n: int, texts: int = 100) -> tuple[bool, str]:
    counts = _tokens(texts, n).flatten().bincount(minlength=N_WORDS) + 0.5
    unigram = (counts / counts.sum()).double().expand(len(_test()[2]), -1)
    ece, missing = _ece(unigram), _parts(unigram)[1]
    return ece < 0.02 and missing > 0.15, f"ECE {ece:.3f}, {missing:.2f} nats missing"


# More numbers

_METHODS = {
    "Platt": cal.PlattScaling,
    "beta": cal.BetaCalibration,
    "vector": cal.VectorScaling,
    "matrix": cal.MatrixScaling,
}


@cache
def _with(name: str, n: int = 80, **of_patient: int) -> Tensor:
    return _repaired(patient(**of_patient).late, _METHODS[name](), n)


_TREATED = {
    f"{name}, {who}": {"name": name, **PATIENTS[who]}
    for who in ("seed 0", "seed 1", "other training texts")
    for name in _METHODS
}


@LEDGER.measured(
    "With 5,040 labelled words the methods with more numbers come closer to the truth than a "
    "temperature, and miss less at the top word.",
    stands=("Methods with more numbers heal more and need more data",),
    refuted_by="a divergence not below the temperature's, or more than 0.85 of what it misses",
    variations=_TREATED,
    quick=IN_NOTEBOOK,
)
def more_numbers(name: str, **of_patient: int) -> tuple[bool, str]:
    plain, found = _repaired(patient(**of_patient).late), _with(name, **of_patient)
    kl, missing = _kl(found) / _kl(plain), _parts(found)[1] / _parts(plain)[1]
    return kl < 1 and missing < 0.85, f"KL {kl:.2f}, missing {missing:.2f} of the temperature's"


@LEDGER.measured(
    "With 126 labelled words they are worse than a temperature.",
    stands='"Matrix scaling overfits."* With little data',
    refuted_by="a loss no more than 0.1 nats above the temperature's",
    variations=_TREATED,
    quick=IN_NOTEBOOK,
)
def few_words(name: str, **of_patient: int) -> tuple[bool, str]:
    labels = _test()[2]
    plain = cal.negative_log_likelihood(_repaired(patient(**of_patient).late, n=2), labels)
    worse = cal.negative_log_likelihood(_with(name, 2, **of_patient), labels) - plain
    return worse > 0.1, f"loss {worse:+.2f} nats against a temperature"


@LEDGER.measured(
    "Matrix scaling has the highest ECE of the repairs and comes closest to the truth, for it "
    "learns the task: its answers are right more often.",
    stands=(
        "By ECE matrix scaling came last of the repairs",
        "beyond some point they no longer",
        "| vector, matrix, Dirichlet | not always | not always | hardly |",
    ),
    refuted_by="another method with a higher ECE or a lower divergence, or an accuracy less than "
    "a point above the temperature's",
    variations={who: PATIENTS[who] for who in ("seed 0", "seed 1", "other training texts")},
    quick=IN_NOTEBOOK,
)
def matrix_learns(**of_patient: int) -> tuple[bool, str]:
    labels = _test()[2]
    probs = {name: _with(name, **of_patient) for name in _METHODS}
    probs["temperature"] = _repaired(patient(**of_patient).late)
    kl = {name: _kl(each) for name, each in probs.items()}
    ece = {name: _ece(each) for name, each in probs.items()}
    right = {
        name: cal.accuracy(probs[name].argmax(-1), labels) for name in ("matrix", "temperature")
    }
    more = right["matrix"] - right["temperature"]
    held = min(kl, key=kl.get) == "matrix" == max(ece, key=ece.get) and more > 0.01
    closest, worst = min(kl, key=kl.get), max(ece, key=ece.get)
    return held, f"closest {closest}, highest ECE {worst}; accuracy {100 * more:+.1f} points"


@LEDGER.measured(
    "Isotonic calibration and histogram binning say 0 of a word that then comes, and so have an "
    "infinite loss, isotonic calibration with a small ECE; fitted class by class, they change some "
    "top words.",
    stands=(
        "Those that can say 0 can be infinitely wrong",
        "isotonic calibration looked fine, with an infinite loss",
        "| Platt, beta, isotonic, each class alone | not always | not always |",
    ),
    refuted_by="a finite loss, an ECE of isotonic calibration above 0.065, or no top word changed",
    variations={
        f"{name}, {who}": {"name": name, **of_patient}
        for who, of_patient in PATIENTS.items()
        for name in ("isotonic", "histogram binning")
    },
    quick=IN_NOTEBOOK,
)
def infinitely_wrong(name: str, **of_patient: int) -> tuple[bool, str]:
    method = cal.IsotonicCalibration() if name == "isotonic" else cal.HistogramBinning()
    z = patient(**of_patient).late
    probs = _repaired(z, method)
    loss = cal.negative_log_likelihood(probs, _test()[2])
    changed = (probs.argmax(-1) != z[1].argmax(-1)).double().mean().item()
    looks_fine = name != "isotonic" or _ece(probs) < 0.065
    held = loss == float("inf") and looks_fine and changed > 0
    return held, f"loss {loss:.2f}, ECE {_ece(probs):.3f}, top words changed {changed:.2f}"


# Prevention


@LEDGER.measured(
    "Overtraining lost information: more is missing at the end than at step 200, and twice as much "
    "after 600 steps.",
    stands="Overtraining lost information, not only honesty",
    refuted_by="no more missing than at step 200, or, after 600 steps, less than twice as much",
    variations=PATIENTS,
    quick=IN_NOTEBOOK,
)
def overtraining_loses(**of_patient: int) -> tuple[bool, str]:
    seen = patient(**of_patient)
    early, late = (_parts(stage[1].softmax(dim=-1))[1] for stage in (seen.early, seen.late))
    least = early if "steps" in of_patient else 2 * early
    return late > least, f"missing {early:.3f} nats at step 200, {late:.3f} at the end"


@LEDGER.measured(
    "Stopping at step 200 or strong weight decay, then a temperature, come closer to the truth "
    "than every calibrator of the finished patient, and keep more of the information.",
    stands=(
        "Early stopping and strong weight decay, at equal",
        "leave every calibrator of the finished patient behind",
    ),
    refuted_by="a divergence not below that of matrix scaling, or more than half of the missing "
    "information of the patient after a temperature",
    variations={
        f"{way}, {who}": {"way": way, **PATIENTS[who]}
        for way in ("early", "decay")
        for who in ("seed 0", "seed 1")
    },
    quick=IN_NOTEBOOK,
)
def prevention(way: str, **of_patient: int) -> tuple[bool, str]:
    finished = patient(**of_patient)
    spared = finished.early
    if way == "decay":
        spared = patient(**of_patient, weight_decay=6.0).late
    probs = _repaired(spared)
    matrix, kl = _kl(_with("matrix", **of_patient)), _kl(probs)
    kept = _parts(probs)[1] / _parts(_repaired(finished.late))[1]
    return kl < matrix and kept < 0.5, (
        f"KL {kl:.2f}, matrix {matrix:.2f}; {kept:.2f} of the missing information"
    )


@LEDGER.measured(
    "With all data used for training, for 200 steps, there is hardly anything left to calibrate, "
    "and cross-fitting in four folds can tell; in two folds it asks models of half the data.",
    stands=("for training there was hardly anything left to calibrate",),
    refuted_by="an ECE above 0.04, a divergence above that of stopping early on part of the data, "
    "or a cross-fitted temperature outside 0.9 to 1.15 in four folds, or inside it in two",
    variations={
        "seed 0": {"seed": 0},
        "seed 1": {"seed": 1},
        "seed 0, two folds": {"seed": 0, "folds": 2},
        "seed 1, two folds": {"seed": 1, "folds": 2},
        "other texts, two folds": {"seed": 0, "texts": 110, "folds": 2},
    },
    quick=IN_NOTEBOOK,
    was="which cross-fitting can tell",
)
def all_for_training(seed: int, texts: int = 100, folds: int = 4) -> tuple[bool, str]:
    everything = torch.cat((_tokens(texts, 200), _calibration()))
    probs = _logits(_trained(everything, 200, seed), _test()[0]).softmax(dim=-1)
    fold = torch.arange(len(everything)) % folds
    unread = torch.zeros(len(everything), everything.shape[1] - 1, N_WORDS)
    for k in range(folds):
        model = _trained(everything[fold != k], 200, seed + k)
        unread[fold == k] = sequence_logits(model, everything[fold == k])
    fitted = cal.TemperatureScaling().fit(unread.flatten(0, 1), _labels(everything)).temperature_
    stopped = _kl(_repaired(patient(seed=seed, texts=texts).early))
    ece, kl = _ece(probs), _kl(probs)
    held = ece < 0.04 and kl < stopped and (0.9 < fitted < 1.15) == (folds > 2)
    return held, f"ECE {ece:.3f}, KL {kl:.3f} (stopped {stopped:.3f}), temperature {fitted:.2f}"


# Label smoothing, the wrong split, another world


@LEDGER.measured(
    "A well-fed model trained with smoothed labels states what theory says.",
    stands="Label smoothing bends even a good model, by exactly what theory says",
    refuted_by="a fitted temperature more than 0.05 from that of (1 - epsilon) p + epsilon / V, or "
    "a mean confidence more than 0.03 from it",
    variations={
        "epsilon 0.1": {"epsilon": 0.1},
        "epsilon 0.2": {"epsilon": 0.2},
        "seed 1": {"epsilon": 0.1, "seed": 1},
    },
    quick=IN_NOTEBOOK,
)
def smoothing_as_theory(epsilon: float, seed: int = 0) -> tuple[bool, str]:
    tokens, truth, labels = _test()
    model = _trained(_tokens(101, 6400), 400, seed, label_smoothing=epsilon)
    pair = (1 - epsilon) * truth + epsilon / N_WORDS, _logits(model, tokens).softmax(dim=-1)
    theory, practice = (
        cal.TemperatureScaling().fit(probs.log(), labels).temperature_ for probs in pair
    )
    sure = [probs.amax(dim=-1).mean().item() for probs in pair]
    held = abs(theory - practice) < 0.05 and abs(sure[0] - sure[1]) < 0.03
    return (
        held,
        f"temperature {practice:.2f}, in theory {theory:.2f}; "
        f"confidence {sure[1]:.2f}, in theory {sure[0]:.2f}",
    )


@LEDGER.measured(
    "Smoothing lowers the patient's ECE and, after a temperature, raises its divergence.",
    stands="On the patient it lowered",
    refuted_by="an ECE not lower, or a divergence after a temperature not higher",
    variations={
        "seed 0": {"seed": 0},
        "seed 1": {"seed": 1},
        "other training texts": {"texts": 110},
    },
    quick=IN_NOTEBOOK,
)
def smoothing_the_patient(**of_patient: int) -> tuple[bool, str]:
    plain, soft = patient(**of_patient).late, patient(**of_patient, label_smoothing=0.1).late
    eces = [_ece(z[1].softmax(dim=-1)) for z in (plain, soft)]
    kls = [_kl(_repaired(z)) for z in (plain, soft)]
    return eces[1] < eces[0] and kls[1] > kls[0], (
        f"ECE {eces[0]:.2f} to {eces[1]:.2f}; KL after a temperature {kls[0]:.2f} to {kls[1]:.2f}"
    )


@LEDGER.measured(
    "A temperature fitted on the training texts makes the patient surer still.",
    stands="Fit on held-out data of the world in which you report, and nowhere else",
    refuted_by="a temperature of 1 or more, or an ECE no higher than without it",
    variations=PATIENTS,
    quick=IN_NOTEBOOK,
)
def wrong_split(**of_patient: int) -> tuple[bool, str]:
    seen, read = patient(**of_patient), _tokens(of_patient.get("texts", 100), 200)
    fitted = cal.TemperatureScaling().fit(_logits(seen.model, read), _labels(read))
    before, after = (
        _ece(probs) for probs in (seen.late[1].softmax(-1), fitted.predict_proba(seen.late[1]))
    )
    held = fitted.temperature_ < 1 and after > before
    return held, f"temperature {fitted.temperature_:.2f}; ECE {before:.2f} to {after:.2f}"


@LEDGER.measured(
    "Fitted on clean text, a temperature leaves the patient overconfident on noisy text.",
    stands="## When calibration cannot help:",
    refuted_by="an ECE on noisy text less than twice that on clean text, or below 0.06",
    variations={f"seed {seed}": {"seed": seed} for seed in (0, 1)}
    | {"a tenth replaced": {"seed": 0, "rate": 0.1}, "two fifths": {"seed": 0, "rate": 0.4}},
    quick=IN_NOTEBOOK,
)
def another_world(seed: int, rate: float = 0.2) -> tuple[bool, str]:
    seen, noisy = patient(seed=seed), LANGUAGE.with_noise(rate).sample(150, seed=904)
    fitted = cal.TemperatureScaling().fit(seen.late[0], _labels(_calibration()))
    clean = _ece(fitted.predict_proba(seen.late[1]))
    shifted = _ece(fitted.predict_proba(_logits(seen.model, noisy)), _labels(noisy))
    return shifted > max(0.06, 2 * clean), f"ECE {clean:.3f} on clean text, {shifted:.3f} on noisy"
