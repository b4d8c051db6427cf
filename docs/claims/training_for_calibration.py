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
        "what rises early is given often, and what is given often rises",
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
    why="what was trained and what was not; how far the conclusion reaches",
)

# The forecaster

VARIATIONS = {
    **{f"seed {seed}": {"seed": seed} for seed in range(5)},
    "weather lasts": {"seed": 5, "days_like_before": 0.4},
    "shorter seasons": {"seed": 6, "season_lasts": 0.9},
    "half the learning rate, twice the steps": {"seed": 7, "learning_rate": 2.5e-3, "steps": 200},
    "other questions for practice": {"seed": 8, "half": 1},
    "half the width": {"seed": 9, "width": 16},
}


def right_or_wrong(y, c):
    return y + 0 * c


def with_brier(y, c):
    return y - (c - y) ** 2


def with_log(y, c):
    return y + y * c.log() + (1 - y) * (1 - c).log()


def brier_alone(y, c):
    return -((c - y) ** 2)


def penalised(y, c):
    return y - (1 - y) + 0 * c


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
        days_like_before: float = 0.2,
        season_lasts: float = 0.95,
        width: int = 32,
        steps: int = 100,
        learning_rate: float = 5e-3,
    ) -> None:
        self.world = forecaster.the_world(
            seed=half, days_like_before=days_like_before, season_lasts=season_lasts
        )
        self.model = forecaster.pretrained(self.world, seed, width=width)
        self._practised = partial(
            practised, self.world, self.model, steps=steps, learning_rate=learning_rate
        )
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
    def silent(self, beta: float) -> Spoken:
        """What it says after training for the penalised reward."""
        model, _ = self._practised(penalised, beta=beta, unknown=True)
        return examined(self.world, model, unknown=True)


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
        "of a drawn answer rises from below 0.4 to nearly what the best forecaster has.",
        "Trained for right or wrong, the model gave its most probable answer always",
        "It sharpens the token probability.",
    ),
    refuted_by="an accuracy more than 0.04 below the best, a mean token probability below 0.95, or "
    "a stated distance that moved by more than 0.05",
    variations=VARIATIONS,
    quick=IN_NOTEBOOK,
)
def right_or_wrong_sharpens(**of: float) -> tuple[bool, str]:
    this = trained(**of)
    spoken, best = this.after("right or wrong"), this.before.mean(this.truth.max(dim=1).values)
    sure = spoken.mean(spoken.token_probability)
    moved = spoken.stated_distance - this.before.stated_distance
    held = spoken.accuracy > best - 0.04 and sure > 0.95 and abs(moved) < 0.05
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
        "With a proper score added, the stated confidence learned the truth.",
        "It makes that number calibrated which it scores.",
    ),
    refuted_by="a stated distance above 0.12 or above half of that before, or a mean token "
    "probability below 0.95",
    variations=VARIATIONS,
    quick=IN_NOTEBOOK,
)
def proper_score_calibrates_what_it_scores(**of: float) -> tuple[bool, str]:
    this, held, found = trained(**of), True, []
    for name in ("+ Brier", "+ log score"):
        spoken = this.after(name)
        sure, off = spoken.mean(spoken.token_probability), spoken.stated_distance
        held &= sure > 0.95 and off < min(0.12, this.before.stated_distance / 2)
        found.append(f"{name}: token {sure:.2f}, stated off by {off:.2f}")
    return held, f"{'; '.join(found)}; before {this.before.stated_distance:.2f}"


@LEDGER.measured(
    "The Brier score alone teaches surely wrong answers, with a low and honest confidence.",
    stands=(
        "It forecasts the weather that will *not* come, says that it will not",
        "A proper score alone taught to answer wrongly on purpose and to say so",
        "The one that was trained by the Brier score alone was, and gave wrong answers on purpose.",
    ),
    refuted_by="an accuracy above 0.2, or a stated distance above 0.1",
    variations=VARIATIONS,
    quick=IN_NOTEBOOK,
)
def brier_alone_answers_wrongly(**of: float) -> tuple[bool, str]:
    spoken = trained(**of).after("Brier alone")
    held = spoken.accuracy < 0.2 and spoken.stated_distance < 0.1
    return held, f"accuracy {spoken.accuracy:.2f}, stated off by {spoken.stated_distance:.2f}"


@LEDGER.measured(
    "With the point for being right, the log score did not lead to wrong answers here.",
    stands="did not lead there",
    refuted_by="an accuracy more than 0.04 below the best",
    variations=VARIATIONS,
    quick=IN_NOTEBOOK,
)
def log_score_stays(**of: float) -> tuple[bool, str]:
    this = trained(**of)
    best, accuracy = (
        this.before.mean(this.truth.max(dim=1).values),
        this.after("+ log score").accuracy,
    )
    return accuracy > best - 0.04, f"accuracy {accuracy:.2f}, best {best:.2f}"


@LEDGER.measured(
    "On a leash of 0.2, training for right or wrong gets to the formula.",
    stands="training found it, and one temperature undid the sharpening",
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
    "Penalised for errors, without a leash it is silent about too much; on one it comes closer to "
    "the best rule.",
    stands=(
        "The penalty taught silence, and without a leash too much of it.",
        "On the leash it came much closer.",
        'Under a penalty with "unknown" allowed, training without a leash ended too silent',
        'With "unknown" allowed it was not.',
    ),
    refuted_by="without a leash a silence less than 0.05 above the best one's, or an agreement "
    "with the best rule that a leash of 0.05 does not raise",
    variations=VARIATIONS,
    quick=IN_NOTEBOOK,
)
def penalty_and_leash(**of: float) -> tuple[bool, str]:
    this = trained(**of)
    should = (this.truth.max(dim=1).values <= 0.5).float()
    needed = this.before.mean(should)
    agreement, silence = {}, {}
    for beta in (0.0, 0.05):
        spoken = this.silent(beta)
        says = (spoken.answer_probs.argmax(dim=1) == forecaster.UNKNOWN).float()
        agreement[beta] = spoken.mean((says == should).float())
        silence[beta] = spoken.silence
    held = silence[0.0] > needed + 0.05 and agreement[0.05] > agreement[0.0]
    return held, (
        f"silent {silence[0.0]:.2f}, on a leash {silence[0.05]:.2f}, best {needed:.2f}; as the "
        f"best {agreement[0.0]:.2f} and {agreement[0.05]:.2f}"
    )


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
SPLITS = {
    **{f"seed {seed}": {"seed": seed} for seed in range(5)},
    "a third of the learning rate": {"seed": 5, "learning_rate": 3e-4},
}


@cache
def tuned(seed: int, learning_rate: float = 1e-3) -> dict[str, tuple[float, float, float]]:
    """Return (loss as it is, loss with a temperature, gap as it is) of each model on the test."""
    lm, asked = _asked()
    order = torch.randperm(600, generator=torch.Generator().manual_seed(seed))
    learn, repair, test = order[:200], order[200:320], order[320:]
    found = {}
    for name, loss in {"untrained": None, **LOSSES}.items():
        model = tuning.LastLayers(lm, seed=seed)
        if loss:
            tuning.fine_tune(model, asked, learn, loss, seed=seed, learning_rate=learning_rate)
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
