"""Claims of notebook 20: two damages that are known, and five reports that are not."""

from __future__ import annotations

from functools import cache
from unittest.mock import patch

from coursekit.audit import Report, audit, compare, text
from coursekit.calibration import Interval
from coursekit.chapters.audit_your_model import diagnosis
from coursekit.chapters.audit_your_model.patients import rounded, sharpened
from docs.claims.ledger import IN_NOTEBOOK, Ledger
from docs.claims.subjects import lm

LEDGER = Ledger("audit_your_model")

# By definition, and by what the package does

LEDGER.proved(
    "A temperature never changes which option is on top.",
    stands="It never changes which option is on top.",
    proof="Dividing by a positive number keeps the order.",
    test="tests/audit/test_calibrator.py::test_probabilities_are_those_of_the_divided_logits",
)
LEDGER.proved(
    "The ECE of a calibrated model, estimated from outcomes, is above zero: it adds up distances.",
    stands="error counts without its sign, so that chance always adds and never cancels.",
    proof="With one bin it is the distance of a binomial share from its chance.",
    test="tests/calibration/test_errors.py::test_null_distribution_for_one_bin_is_binomial",
)
LEDGER.proved(
    "A temperature is judged on entities that it was not fitted on.",
    stands='So "after" is never the data that the temperature was fitted on.',
    proof="The halves share no entity.",
    test="tests/audit/test_run.py::test_numbers_of_questions_can_be_computed_by_hand",
)
LEDGER.proved(
    "A report says no more than its interval.",
    stands='*"The report says calibrated."* It can only say that nothing was detected',
    proof="The sentence of a task depends on whether zero lies in the interval.",
    test="tests/audit/test_page.py::test_a_verdict_is_no_bolder_than_its_interval",
)
LEDGER.proved(
    "Sums of processes add up to the sums of one.",
    stands="Sums make it scale: one process or many, the same numbers.",
    proof="Each batch is read once, by whichever process, and sums can be added.",
    test="tests/audit/test_run.py::test_each_process_reads_its_share_and_all_are_read_once",
)
LEDGER.proved(
    "A limit is held against an interval, and a repair is kept with what it was proven for.",
    stands="A table of results can be audited without its model; a limit is held against an",
    proof="A limit inside the interval is undecided; another model or task is refused.",
    test="tests/audit/test_gate.py::test_the_interval_decides",
)
LEDGER.proved(
    "No code of a model is run.",
    stands="Code that comes\nwith a model is never run",
    proof="Hub models are read without `trust_remote_code`, and pickles are refused.",
    test="tests/llm/test_pretrained.py::test_code_that_comes_with_a_model_is_not_run",
)
LEDGER.passing(
    "A report is read with five questions",
    "What it\nshows is a coarser model, not what a good quantiser costs.",
    "### What one temperature can and cannot give back",
    "seen by no model.",
    "which\nit had never seen",
    why="what to ask, a limit of what was done, a heading, and how the exam was made",
)

# Two damages that are known


@cache
def report(patient: str, task: str, seed: int, context: int = text.CONTEXT) -> Report:
    """Audit one of three models on eight windows of text."""
    models = {"healthy": lm, "doubled": lambda: sharpened(lm(), 2), "coarse": lambda: rounded(lm())}
    with patch.object(text, "CONTEXT", context):
        return audit(models[patient](), [task], 8, seed=seed, progress=False)


def change(patient: str, **where: int | str) -> dict[str, Interval]:
    """Return the paired change of every number, damaged minus healthy."""
    pair = (report(name, **where) for name in ("healthy", patient))  # type: ignore[arg-type]
    return compare(*pair)[str(where["task"])].difference


TEXTS = {
    "prose": {"task": "prose", "seed": 0, "context": 128},
    "other documents": {"task": "prose", "seed": 1, "context": 128},
    "other documents again": {"task": "prose", "seed": 2, "context": 128},
    "code": {"task": "code", "seed": 0, "context": 128},
}


@LEDGER.measured(
    "Doubled logits keep the accuracy of the next token, open a gap, and cost likelihood.",
    stands=(
        "The audit found both damages.",
        "Accuracy is blind to the first",
        '*"Same accuracy, so the smaller or faster model is as good."*',
        "The report cannot miss it.",
    ),
    refuted_by="a change of accuracy, or a gap or a loss of likelihood that is not sure",
    variations=TEXTS,
    quick=IN_NOTEBOOK,
)
def doubled_logits(**where):
    """Compare the two on the same windows.

    Where the accuracy is the same, the gap changes by the confidence; that has the interval of what
    was seen, and the gap one that allows for outcomes which eight documents did not show.
    """
    found = change("doubled", **where)
    held = abs(found["accuracy"].estimate) < 0.002 and found["confidence"].low > 0.1
    return held and found["nll"].low > 0, (
        f"accuracy {found['accuracy'].estimate:+.3f}, confidence {found['confidence']:+.2f}, "
        f"nll {found['nll']:+.2f}"
    )


@LEDGER.measured(
    "Coarse weights cost accuracy and likelihood, and the ECE hardly shows it.",
    stands=(
        "the calibration error nearly so to the second",
        '*"A low calibration error means a good model."* The coarse model has one, too.',
    ),
    refuted_by="no sure loss of accuracy and likelihood, or an ECE that rises for sure",
    variations=TEXTS,
    quick=IN_NOTEBOOK,
    was="Accuracy is blind to the first, the calibration error to the second.",
)
def coarse_weights(**where):
    """Compare the two on the same windows."""
    found = change("coarse", **where)
    lost = found["accuracy"].high < 0 < found["nll"].low
    return (
        lost and found["ece"].low <= 0,
        f"accuracy {found['accuracy']:+.2f}, nll {found['nll']:+.2f}, ece {found['ece']:+.2f}",
    )


@LEDGER.measured(
    "A temperature heals doubled logits completely, and coarse weights by little.",
    stands=(
        "coarse weights\ncost knowledge, which no temperature returns",
        '*"We recalibrated, so the model is repaired."* A temperature returns the scale',
    ),
    refuted_by="coarse weights that a temperature brings to half of their loss, or doubled logits "
    "that it leaves above the healthy model",
    variations=TEXTS,
    quick=IN_NOTEBOOK,
)
def what_a_temperature_returns(**where):
    """Compare likelihoods of the held-out half, after the repair, with the healthy model's."""
    task = str(where["task"])
    after, before = (
        {
            name: report(name, **where).held_out(task, when)["nll"].estimate
            for name in ("healthy", "doubled", "coarse")
        }
        for when in ("after", "before")
    )
    left = {name: after[name] - after["healthy"] for name in ("doubled", "coarse")}
    lost = before["coarse"] - before["healthy"]
    held = abs(left["doubled"]) < 0.005 and left["coarse"] > 0.5 * lost > 0
    return held, f"left {left['doubled']:.3f} and {left['coarse']:.2f} of {lost:.2f} nats"


@LEDGER.measured(
    "An interval that uses the pairing is narrower than the two reports' own together.",
    stands="Compare on the same items, paired",
    refuted_by="a paired interval of more than 0.8 of the unpaired width",
    variations=TEXTS,
    quick=IN_NOTEBOOK,
)
def pairing(**where):
    """Set the width of one beside the root of the sum of squares of the other two."""
    task = str(where["task"])
    paired = change("coarse", **where)["nll"]
    own = [report(name, **where).metrics(task)["nll"] for name in ("healthy", "coarse")]
    apart = sum((found.high - found.low) ** 2 for found in own) ** 0.5
    ratio = (paired.high - paired.low) / apart
    return ratio < 0.8, f"{ratio:.2f}"


@LEDGER.measured(
    "Tokens of one document go wrong together: as if independent, they would promise too much.",
    stands='*"Thousands of tokens, so the interval must be narrow."* Count documents.',
    refuted_by="an interval by documents that is no wider than that of independent tokens",
    variations=TEXTS,
    quick="prose",
)
def documents_count(**where):
    """Set the interval of the likelihood's place, the accuracy, beside that of single tokens."""
    task = str(where["task"])
    found, n = report("healthy", **where), report("healthy", **where).task(task)["predictions"]
    accuracy = found.metrics(task)["accuracy"]
    alone = 2 * 1.96 * (accuracy.estimate * (1 - accuracy.estimate) / n) ** 0.5
    ratio = (accuracy.high - accuracy.low) / alone
    return ratio > 1, f"{ratio:.1f} times as wide"


# Five reports


@cache
def blind(seed: int) -> dict[str, diagnosis.Readings]:
    """Return what five reports say, by what was done."""
    reports = diagnosis.anonymous_reports(lm(), seed)
    names = diagnosis.letters_of()
    return {names[letter]: diagnosis.readings(found) for letter, found in reports.items()}


SEEDS = {f"seed {seed}": {"seed": seed} for seed in (1, 2, 3)}


@LEDGER.measured(
    "A temperature keeps the accuracy and opens a gap, noise loses it and opens one, rounding "
    "loses it and turns the gap.",
    stands="Four kinds of damage leave four marks",
    refuted_by="a mark that is missing on other items, with another noise",
    variations=SEEDS,
    quick=IN_NOTEBOOK,
)
def four_marks(seed):
    """Hold the marks against the healthy report."""
    found = blind(seed)
    accuracy = {name: fields["prose accuracy"].estimate for name, fields in found.items()}
    gap = {name: fields["prose gap"] for name, fields in found.items()}
    held = (
        abs(accuracy["temperature"] - accuracy["healthy"]) < 0.002
        and max(accuracy["noise"], accuracy["rounding"]) < accuracy["healthy"] - 0.05
        and diagnosis.apart(gap["temperature"], gap["healthy"])
        and gap["noise"].low > gap["healthy"].high
        and gap["rounding"].high < gap["healthy"].estimate
        and gap["rounding"].estimate < 0
    )
    return held, ", ".join(f"{name} {value:+.2f}" for name, value in gap.items())


@LEDGER.measured(
    "Beside the healthy model on the same exam, the leaked one gains on published items and not on "
    "fresh ones.",
    stands=(
        '*"It passed the exam, so it knows the subject."* So did the model with the leak',
        "the one with the leak gained on published items and not on fresh ones",
        "What held each time needs a second report",
    ),
    refuted_by="published items that lose more than half of the healthy model's nats, or fresh "
    "ones that lose fewer",
    variations=SEEDS,
    quick=IN_NOTEBOOK,
    was="A leak shows within one report: published items far better than fresh ones.",
)
def leaks(seed):
    """Compare the editions of the leaked model with those of the healthy one."""
    found = blind(seed)
    told = {
        name: [found[name][f"exam nll, {edition}"] for edition in ("published", "fresh")]
        for name in ("leak", "healthy")
    }
    (leaked, fresh), (published, control) = (
        [one.estimate for one in pair] for pair in told.values()
    )
    said = "; ".join(f"{name} {one} and {other}" for name, (one, other) in told.items())
    return leaked < published / 2 and fresh > control, said


@LEDGER.measured(
    "No number sets all five reports apart; a temperature and noise are set apart by some.",
    stands=(
        "No number sees everything, so a report needs several.",
        "A temperature and noise were set apart each time.",
        "Small reports show the last two by luck alone.",
    ),
    refuted_by="a number that sets all five apart, or a report with a wrong temperature or with "
    "noise that none does",
    variations=SEEDS,
    quick=IN_NOTEBOOK,
)
def several_numbers(seed):
    """Count the fields that show each."""
    found = blind(seed)
    shown = {name: len(diagnosis.showing(found, name, name)) for name in found}
    alone = max(
        sum(not diagnosis.not_apart(found, name, field) for name in found)
        for field in diagnosis.FIELDS
    )
    said = ", ".join(f"{name} {count}" for name, count in shown.items())
    held = min(shown["temperature"], shown["noise"]) > 0 and alone < len(found)
    return held, f"fields: {said}; one at most {alone}"


LEDGER.withdrawn(
    "Each of the five damages has a number that sets its report apart from the other four.",
    found="So it is in the draw that the notebook shows. In three others rounding had none once, "
    "and the leak none twice: 22 published items have long intervals.",
)
LEDGER.withdrawn(
    "Of a healthy model, published and fresh items come out alike, as a lot divided them.",
    found="In one of three draws they lost 0.68 [0.05, 1.31] and 3.90 [1.98, 5.81] nats: too few "
    "items, of which many share an answer.",
)
