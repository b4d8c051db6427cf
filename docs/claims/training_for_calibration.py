"""Claims of notebook 18: what a reward does to a forecaster, and a loss to a real model."""

from __future__ import annotations

from functools import cache, partial

import torch
import torch.nn.functional as F

from coursekit import calibration as cal, llm
from coursekit.chapters.training_for_calibration import forecaster, tuning
from coursekit.chapters.training_for_calibration.forecaster import Spoken, examined, practised
from coursekit.lm import regularised_optimum
from docs.claims.ledger import IN_NOTEBOOK, Ledger

LEDGER = Ledger("training_for_calibration")

# By definition, and by others

LEDGER.proved(
    "The gradient of the expected reward with respect to a logit is the answer's probability times "
    "its advantage.",
    stands=(
        "an answer's logit rises if it is better than the average, in proportion to how often",
    ),
    proof="d/dz_k of the sum of pi_j r_j is pi_k (r_k - sum of pi_j r_j).",
    test="tests/lm/test_policy.py::test_the_gradient_is_probability_times_advantage",
)
LEDGER.proved(
    "On a leash the best policy is the old one times exp(r / beta).",
    stands="On a leash the best policy is the old one times exp(r / beta)",
    proof="The objective is beta times the log of the normaliser minus beta KL(policy || optimum).",
    test="tests/lm/test_policy.py::test_no_policy_on_a_leash_is_better_than_the_formula",
)
LEDGER.proved(
    "Right or wrong brings the same at each stated confidence; the Brier score and the point for "
    "being right make a more probable answer worth more; Brier alone and the log score do not.",
    stands=(
        "*Brier alone* pays as much for a surely wrong answer at confidence 0",
        "The log score has no lower bound, and beats the point for being right",
        "Right or wrong has no opinion about the stated confidence.",
    ),
    proof="At the best confidence, p, they are worth p, p^2, p - H(p) and -p (1 - p).",
    test="tests/chapters/training_for_calibration/test_forecaster.py"
    "::test_what_an_answer_is_worth_at_its_best_confidence",
)
LEDGER.cited(
    "A bounded proper score added to the point for being right wants the most probable answer.",
    stands="prove that a *bounded* proper score added to the point is safe",
    source="damani2025beyond",
)
LEDGER.cited(
    "Frontier models hardly ever abstain under a penalty.",
    stands="frontier models hardly ever abstain, whatever confidence they state",
    source="wang2026decisions",
)
LEDGER.passing(
    "It is *the same answers*, given always instead of often.",
    "It does not say that losses never matter",
    'Now it may say "unknown", which brings 0, and a wrong answer costs $t / (1 - t)$',
    why="what was trained and by which rule; how far the conclusion reaches",
)

# The forecaster

SEEDS = {f"seed {seed}": {"seed": seed} for seed in range(5)}
VARIATIONS = {
    **SEEDS,
    "other questions for practice": {"seed": 5, "half": 1},
    "shorter seasons": {"seed": 6, "season_lasts": 0.9},
    "half the width": {"seed": 7, "width": 16},
}
ALIKE = (0.2, 0.2, 0.2, 0.2)
DULL = {f"seed {seed}": {"seed": seed, "lasts": ALIKE} for seed in range(5)}


def right_or_wrong(y, c):
    return y + 0 * c


def with_brier(y, c):
    return y - (c - y) ** 2


def with_log(y, c):
    return y + y * c.log() + (1 - y) * (1 - c).log()


def brier_alone(y, c):
    return -((c - y) ** 2)


def penalised(t):
    return lambda y, c: y - (1 - y) * t / (1 - t) + 0 * c


RULES = {
    "right or wrong": right_or_wrong,
    "+ Brier": with_brier,
    "+ log score": with_log,
    "Brier alone": brier_alone,
}


class Trained:
    """One pretrained forecaster, and what training makes of it."""

    def __init__(
        self,
        seed: int,
        *,
        half: int = 0,
        lasts: tuple[float, ...] = forecaster.LASTS,
        season_lasts: float = 0.95,
        width: int = 32,
    ) -> None:
        self.world = forecaster.the_world(seed=half, lasts=lasts, season_lasts=season_lasts)
        self.model = forecaster.pretrained(self.world, seed, width=width)
        self._practised = partial(practised, self.world, self.model)
        rows = self.world.examination
        self.questions, self.truth = self.world.questions[rows], self.world.truth[rows]
        self.weights = self.world.weights[rows] / self.world.weights[rows].sum()
        self.rows = rows
        self.before = examined(self.world, self.model)
        self._kept: dict[str, Spoken] = {}

    def after(self, name: str) -> Spoken:
        """What it says after training by a rule."""
        if name not in self._kept:
            self._kept[name] = examined(self.world, self._practised(RULES[name])[0])
        return self._kept[name]

    @cache  # noqa: B019 (a handful live as long as the process)
    def law(self, name: str, beta: float) -> torch.Tensor:
        """What it says after training on a leash, `(N, 4, 10)`."""
        rule = RULES.get(name) or self.world.truth.log()[..., None].expand(-1, -1, 10)
        model, _ = self._practised(rule, beta=beta)
        return forecaster.log_policy(model, self.questions).detach()

    @cache  # noqa: B019
    def silence(self, t: float) -> tuple[float, float, float]:
        """Trained with "unknown" allowed: silence, the best one's, and how often they agree."""
        model, _ = self._practised(penalised(t), unknown=True)
        spoken = examined(self.world, model, unknown=True)
        should = (self.truth.max(dim=1).values <= t).float()
        says = (spoken.answer_probs.argmax(dim=1) == forecaster.UNKNOWN).float()
        return spoken.silence, spoken.mean(should), spoken.mean((says == should).float())


@cache
def trained(**of: float) -> Trained:
    """Return the forecaster of a variation, trained once for all claims."""
    return Trained(**of)


@LEDGER.measured(
    "After reading, the token probability is near the truth, and the stated confidence tells "
    "nothing.",
    stands=(
        "the token probabilities lie on the diagonal",
        "The stated confidence is a flat line: it tells nothing.",
    ),
    refuted_by="a mean distance of the token probability above 0.07, or mean stated confidences "
    "that differ by more than 0.1 between the questions with the highest and the lowest truth",
    variations=VARIATIONS,
    quick=IN_NOTEBOOK,
)
def after_reading(**of: float) -> tuple[bool, str]:
    spoken = trained(**of).before
    order = spoken.true_probability.argsort()
    low, high = (spoken.stated_confidence[part].mean().item() for part in (order[:32], order[-32:]))
    held = spoken.token_distance < 0.07 and abs(high - low) < 0.1
    return held, f"token off by {spoken.token_distance:.3f}; stated {low:.2f} to {high:.2f}"


@LEDGER.measured(
    "Right or wrong makes accuracy rise to nearly the best and the token probability go to 1; the "
    "stated confidence stays as far from the truth as it was.",
    stands=(
        "of a drawn answer rises to nearly what the best forecaster has.",
        "Trained for right or wrong, the model gave its most probable answer always",
        "It sharpens the token probability.",
    ),
    refuted_by="an accuracy more than 0.04 below the best, a mean token probability below 0.95, or "
    "a stated distance that moved by more than 0.05, or is below that of the best constant",
    variations=VARIATIONS,
    quick=IN_NOTEBOOK,
)
def right_or_wrong_sharpens(**of: float) -> tuple[bool, str]:
    this = trained(**of)
    spoken, best = this.after("right or wrong"), this.before.mean(this.truth.max(dim=1).values)
    sure = spoken.mean(spoken.token_probability)
    moved = spoken.stated_distance - this.before.stated_distance
    held = spoken.accuracy > best - 0.04 and sure > 0.95 and abs(moved) < 0.05
    held &= spoken.stated_distance > spoken.constant_distance
    return held, (
        f"accuracy {this.before.accuracy:.2f} to {spoken.accuracy:.2f} of {best:.2f}; token "
        f"{sure:.2f}; stated off by {this.before.stated_distance:.2f}, then "
        f"{spoken.stated_distance:.2f}"
    )


@LEDGER.measured(
    "With the Brier or the log score added, the stated confidence comes near the truth, and the "
    "token probability goes to 1 all the same.",
    stands=(
        "**The token probability is lost**, whatever the reward.",
        "The proper score does not prevent that: it scores the number that is *stated*.",
        "With a proper score added, the stated confidence learned the truth, where it differs",
        "It makes that number calibrated which it scores.",
    ),
    refuted_by="a stated distance above 0.1, or above 0.7 of that of the best constant, or a mean "
    "token probability below 0.95",
    variations=VARIATIONS,
    quick=IN_NOTEBOOK,
)
def proper_score_calibrates_what_it_scores(**of: float) -> tuple[bool, str]:
    this, held, found = trained(**of), True, []
    for name in ("+ Brier", "+ log score"):
        spoken = this.after(name)
        sure, off = spoken.mean(spoken.token_probability), spoken.stated_distance
        constant = spoken.constant_distance
        held &= sure > 0.95 and off < min(0.1, 0.7 * constant)
        found.append(f"{name}: token {sure:.2f}, stated off by {off:.3f} of {constant:.3f}")
    return held, f"{'; '.join(found)}; before {this.before.stated_distance:.2f}"


@LEDGER.measured(
    "In a duller diary a hundred steps teach the average confidence and hardly more.",
    stands="a hundred steps taught it the average confidence and hardly more",
    refuted_by="a stated distance below 0.7 of that of the best constant, or a mean stated "
    "confidence more than 0.1 from the mean truth",
    variations=DULL,
)
def dull_average(**of: float) -> tuple[bool, str]:
    spoken = trained(**of).after("+ Brier")
    mean = spoken.mean(spoken.stated_confidence) - spoken.mean(spoken.true_probability)
    held = spoken.stated_distance > 0.7 * spoken.constant_distance and abs(mean) < 0.1
    return held, (
        f"off by {spoken.stated_distance:.3f} of {spoken.constant_distance:.3f}; mean {mean:+.2f}"
    )


@LEDGER.measured(
    "The Brier score alone teaches mostly wrong answers, stated at low confidence.",
    stands=(
        "It forecasts weather that will *not* come, and says that it will not.",
        "the Brier score alone mostly taught wrong ones",
        "low confidences, and gave wrong answers",
    ),
    refuted_by="an accuracy above 0.35, or a mean stated confidence above 0.45",
    variations=SEEDS,
    quick=IN_NOTEBOOK,
    was="It is well calibrated, whatever the seed. Seed 3 stated 0.12 too much, and other practice "
    "or other seasons led to right answers.",
)
def brier_alone_answers_wrongly(**of: float) -> tuple[bool, str]:
    spoken = trained(**of).after("Brier alone")
    stated = spoken.mean(spoken.stated_confidence)
    held = spoken.accuracy < 0.35 and stated < 0.45
    return held, f"accuracy {spoken.accuracy:.2f}, stated {stated:.2f}"


@LEDGER.measured(
    "In two other settings the Brier score alone ended at right answers.",
    stands=(
        "with another half of the questions for practice, or in shorter seasons, it gave right",
        "where training ends is an accident of where it begins",
    ),
    refuted_by="an accuracy below 0.6",
    variations={
        "other questions for practice": {"seed": 5, "half": 1},
        "shorter seasons": {"seed": 6, "season_lasts": 0.9},
    },
)
def brier_alone_may_stay_right(**of: float) -> tuple[bool, str]:
    accuracy = trained(**of).after("Brier alone").accuracy
    return accuracy > 0.6, f"accuracy {accuracy:.2f}"


@LEDGER.measured(
    "Where the log score's optimum is a wrong answer, training did not give it.",
    stands=(
        "It did not. Training climbs from where it begins",
        "optimum was here and there a wrong answer, and training did not give it",
    ),
    refuted_by="no such question, or a mean probability of that answer above 0.2 there",
    variations=VARIATIONS,
    quick=IN_NOTEBOOK,
)
def log_score_stays(**of: float) -> tuple[bool, str]:
    this = trained(**of)
    wanted = this.world.rewards(with_log)[this.rows].max(dim=2).values.argmax(dim=1, keepdim=True)
    tempted = this.weights * (wanted != this.truth.argmax(dim=1, keepdim=True))[:, 0]
    gave = this.after("+ log score").answer_probs.gather(1, wanted)[:, 0]
    share = (tempted.sum()).item()
    mean = ((tempted * gave).sum() / tempted.sum()).item()
    return share > 0 and mean < 0.2, f"{share:.3f} of the questions; probability {mean:.2f}"


@LEDGER.measured(
    "On a leash of 0.2, training for right or wrong gets to the formula.",
    stands="training found it, and one temperature",
    refuted_by="answers further than 0.05 from the formula's in total variation",
    variations=VARIATIONS,
    quick=IN_NOTEBOOK,
)
def leash_formula(**of: float) -> tuple[bool, str]:
    this = trained(**of)
    reference = forecaster.log_policy(this.model, this.questions).detach()
    best = regularised_optimum(reference, this.world.rewards(right_or_wrong)[this.rows], 0.2)
    answers = [law.exp().sum(dim=-1) for law in (this.law("right or wrong", 0.2), best)]
    off = (this.weights[:, None] * (answers[0] - answers[1]).abs()).sum().item() / 2
    return off < 0.05, f"total variation {off:.3f}"


@LEDGER.measured(
    "One temperature takes back what training on a leash sharpened.",
    stands=(
        "What training on a leash sharpened, one temperature softens again",
        "For the log of the truth that is arithmetic; for right or wrong it was found.",
    ),
    refuted_by="with the best temperature more than a tenth of the divergence from the truth left; "
    "for the log of the truth and beta 1, a temperature outside 1.7 to 2.3",
    variations=VARIATIONS,
    quick=IN_NOTEBOOK,
)
def temperature_undoes(**of: float) -> tuple[bool, str]:
    this, held, found = trained(**of), True, []
    for name, beta in (("right or wrong", 0.2), ("log of the truth", 1.0)):
        answers = this.law(name, beta).exp().sum(dim=-1).log()
        gaps = {}
        for t in torch.arange(50, 501).div(100).tolist():
            log_probs = (answers / t).log_softmax(dim=1)
            each = F.kl_div(log_probs, this.truth, reduction="none").sum(dim=1)
            gaps[t] = (this.weights * each).sum().item()
        best = min(gaps, key=gaps.__getitem__)
        held &= gaps[best] < gaps[1.0] / 10 and (beta != 1 or 1.7 < best < 2.3)
        found.append(f"{name}: {gaps[1.0]:.3f}, at T = {best:.2f} {gaps[best]:.3f}")
    return held, "; ".join(found)


@LEDGER.measured(
    "Penalised for errors, it learns to be silent about as the best policy is.",
    stands=(
        "The penalty teaches silence where it pays",
        "it learned to be silent about as the best policy is",
    ),
    refuted_by="an agreement with the best policy below 0.85, with t = 0.5 or 0.75",
    variations=VARIATIONS,
    quick=IN_NOTEBOOK,
)
def learns_silence(**of: float) -> tuple[bool, str]:
    this = trained(**of)
    found = {t: this.silence(t) for t in (0.5, 0.75)}
    held = min(agreed for *_, agreed in found.values()) > 0.85
    return held, "; ".join(
        f"t = {t}: silent {silent:.2f}, best {best:.2f}, agree {agreed:.2f}"
        for t, (silent, best, agreed) in found.items()
    )


@LEDGER.measured(
    "In the duller diary training with t = 0.5 ends silent far too often.",
    stands="training with $t = 0.5$ ended silent far too often",
    refuted_by="a silence less than 0.1 above the best policy's",
    variations=DULL,
)
def dull_silence(**of: float) -> tuple[bool, str]:
    silent, best, agreed = trained(**of).silence(0.5)
    return silent > best + 0.1, f"silent {silent:.2f}, best {best:.2f}, agree {agreed:.2f}"


# SmolLM2


@cache
def _asked() -> tuple[llm.LanguageModel, tuning.Asked]:
    lm = llm.load(device="cpu")
    return lm, tuning.ask(lm, tuning.short_questions(lm, 600))


def plus_brier(scores, labels):
    squares = (scores.softmax(dim=1) - F.one_hot(labels, 4)) ** 2
    return F.cross_entropy(scores, labels) + squares.sum(dim=1).mean()


def focal(scores, labels):
    each = F.cross_entropy(scores, labels, reduction="none")
    return ((1 - torch.exp(-each)) ** 2 * each).mean()


LOSSES = {
    "cross-entropy": F.cross_entropy,
    "+ Brier": plus_brier,
    "label smoothing": partial(F.cross_entropy, label_smoothing=0.1),
    "focal": focal,
}
SPLITS = {f"seed {seed}": {"seed": seed} for seed in range(5)}


@cache
def tuned(seed: int) -> dict[str, tuple[float, float, float]]:
    """Return (loss as it is, loss with a temperature, gap as it is) of each model on the test."""
    lm, asked = _asked()
    order = torch.randperm(600, generator=torch.Generator().manual_seed(seed))
    learn, repair, test = order[:200], order[200:320], order[320:]
    found = {}
    for name, loss in {"untrained": None, **LOSSES}.items():
        model = tuning.LastLayers(lm, seed=seed)
        if loss:
            tuning.fine_tune(model, asked, learn, loss, seed=seed)
        scores, labels = model.scores(asked, test), asked.labels[test]
        scaling = cal.TemperatureScaling().fit(model.scores(asked, repair), asked.labels[repair])
        raw, mended = (
            F.cross_entropy(logits, labels).item()
            for logits in (scores, scores / scaling.temperature_)
        )
        gap = cal.gap(*cal.top_label(scores.softmax(dim=1), labels))
        found[name] = (raw, mended, float(gap))
    return found


@LEDGER.measured(
    "Trained on 200 questions, none of four losses gets below the loss of the untrained model with "
    "one temperature, and each leaves the model too sure.",
    stands=(
        "No loss beat the temperature",
        "On SmolLM2 none of four losses, trained on 200 questions, beat one temperature",
        "First try one temperature on held-out questions.",
    ),
    refuted_by="a loss, as trained, below that of the untrained model with a temperature, or a gap "
    "below 0.1",
    variations=SPLITS,
    quick=IN_NOTEBOOK,
)
def temperature_beats_losses(**of: float) -> tuple[bool, str]:
    found = tuned(**of)
    baseline = found["untrained"][1]
    raw = {name: found[name][0] for name in LOSSES}
    gaps = [found[name][2] for name in LOSSES]
    return min(raw.values()) > baseline and min(gaps) > 0.1, (
        f"temperature {baseline:.2f}; losses {min(raw.values()):.2f} to {max(raw.values()):.2f}, "
        f"too sure by {min(gaps):.2f} to {max(gaps):.2f}"
    )


@LEDGER.measured(
    "The four losses hardly differ.",
    stands="and they hardly differ from each other",
    refuted_by="a log loss, as trained, that differs by more than 0.1 between two of them",
    variations=SPLITS,
    quick=IN_NOTEBOOK,
)
def losses_are_alike(**of: float) -> tuple[bool, str]:
    raw = [tuned(**of)[name][0] for name in LOSSES]
    return max(raw) - min(raw) < 0.1, f"{min(raw):.3f} to {max(raw):.3f}"


@LEDGER.measured(
    "Training and a temperature is a little better than a temperature alone.",
    stands="Training *and* a temperature is a little better than the temperature alone",
    refuted_by="a loss with a temperature that is above the untrained model's, or more than 0.08 "
    "below it",
    variations=SPLITS,
    quick=IN_NOTEBOOK,
)
def both_together(**of: float) -> tuple[bool, str]:
    found = tuned(**of)
    gains = [found["untrained"][1] - found[name][1] for name in LOSSES]
    held = min(gains) > 0 and max(gains) < 0.08
    return held, f"better by {min(gains):.3f} to {max(gains):.3f} nats"
