"""A file of results, without a model: what is read, what is refused, and that numbers are right.

The folder `harness` holds what lm-evaluation-harness 0.4.13 logged of smollm2-135m-instruct on
two little tasks of our own.
"""

from __future__ import annotations

import json
import math
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.metrics import log_loss, roc_auc_score

from coursekit import __main__, calibration as cal
from coursekit.audit import Report, audit_results, audit_results_by_model, page
from coursekit.audit.page import summary, to_html
from coursekit.audit.results.assembling import MOST_BLOCKS
from coursekit.calibration.auroc_intervals import auroc_interval

HARNESS = Path(__file__).parent / "harness"


def write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


def table(n: int = 40, sure: str = "0.8", right: str = "yes", wrong: str = "no") -> str:
    """Text of a table whose answers are right three times of four."""
    rows = [f"q{i},{sure},{wrong if i % 4 == 0 else right},d{i // 2}" for i in range(n)]
    return "\n".join(["id,confidence,correct,document", *rows]) + "\n"


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    confidence = rng.random(600).round(3)
    correct = rng.random(600) < confidence
    return confidence, correct, np.where(rng.random(600) < 0.5, "a", "b")


@pytest.fixture(scope="module")
def rows_csv(rows, tmp_path_factory) -> Path:
    lines = [f"{i},{c},{r},{k}" for i, (c, r, k) in enumerate(zip(*rows, strict=True))]
    folder = tmp_path_factory.mktemp("rows")
    return write(folder / "answers.csv", "\n".join(["id,sure,right,kind", *lines]))


# --- the numbers are those of others --------------------------------------------------------------


def test_our_accuracy_is_that_of_the_harness():
    logged = json.loads(next(HARNESS.glob("results_*.json")).read_text(encoding="utf-8"))[
        "results"
    ]["everyday"]
    report = audit_results(HARNESS, group=["kind"])
    assert report.model == "smollm2-135m-instruct"
    assert report.tasks == ["everyday", "everyday-norm"]
    for task, metric in (("everyday", "acc,none"), ("everyday-norm", "acc_norm,none")):
        assert report.metrics(task)["accuracy"].estimate == logged[metric]
    assert logged["acc,none"] != logged["acc_norm,none"]
    assert report.task("everyday")["entity"] == "question"
    assert "10 generated answers, of which 0.8000 match exactly" in report.notes[0]


def test_the_confidence_of_the_harness_is_the_softmax_of_its_log_likelihoods():
    [log] = HARNESS.glob("samples_everyday*")
    records = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    scores = torch.tensor([[float(a) for a, _ in r["filtered_resps"]] for r in records]).double()
    gold = torch.tensor([int(record["target"]) for record in records])
    found = audit_results(log).metrics("everyday")
    assert found["nll"].estimate == pytest.approx(
        cal.negative_log_likelihood(scores.softmax(dim=1), gold), abs=1e-9
    )
    assert found["confidence"].estimate == pytest.approx(
        scores.softmax(dim=1).max(dim=1).values.mean().item(), abs=1e-9
    )


def test_the_metrics_of_a_table_are_those_of_the_package(rows, rows_csv):
    confidence, correct, kind = rows
    report = audit_results(rows_csv, confidence="sure", correct="right", group=["kind"])
    assert report.model == "answers"
    for chosen, metrics in [
        (slice(None), report.metrics("results")),
        (kind == "a", report.metrics("results", "kind", "a")),
    ]:
        sure, right = confidence[chosen], correct[chosen]
        assert metrics["accuracy"].estimate == pytest.approx(right.mean())
        assert metrics["gap"].estimate == pytest.approx(sure.mean() - right.mean())
        assert metrics["brier"].estimate == pytest.approx(((sure - right) ** 2).mean())
        assert metrics["auroc"].estimate == pytest.approx(roc_auc_score(right, sure))
    assert report.metrics("results")["ece"].estimate == pytest.approx(
        cal.ece_interval(confidence, correct).estimate, abs=0.005
    )
    assert "nll" not in report.metrics("results")  # unknown without the other options
    assert "temperature" not in report.task("results")


def test_probabilities_of_all_options_give_a_likelihood_and_a_temperature(tmp_path):
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(400, 3)) * 2
    probs = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    label = np.array([rng.choice(3, p=p) for p in probs])
    sure = probs**3 / (probs**3).sum(axis=1, keepdims=True)  # three times too sure
    names = ["red", "green", "blue"]
    wide = [",".join([*map(repr, p.tolist()), names[y]]) for p, y in zip(sure, label, strict=True)]
    path = write(tmp_path / "wide.csv", "\n".join(["red,green,blue,truth", *wide]))
    report = audit_results(path, probs=names, label="truth")
    assert report.metrics("results")["nll"].estimate == pytest.approx(log_loss(label, sure))
    assert report.temperature("results").low < 3 < report.temperature("results").high
    assert report.held_out("results", "change")["nll"].high < 0
    lists = [
        json.dumps({"logprobs": np.log(p).tolist(), "truth": int(y)})
        for p, y in zip(sure, label, strict=True)
    ]
    path = write(tmp_path / "wide.jsonl", "\n".join(lists))
    again = audit_results(path, logprobs=["logprobs"], label="truth")
    for name, found in report.metrics("results").items():
        assert again.metrics("results")[name].estimate == pytest.approx(found.estimate, abs=1e-9)


def test_more_entities_than_blocks_have_nearly_the_same_intervals(tmp_path, rows, monkeypatch):
    from coursekit.audit.results import assembling

    confidence, correct, _ = rows
    lines = [f"{c},{r}" for c, r in zip(confidence, correct, strict=True)]
    path = write(tmp_path / "r.csv", "\n".join(["confidence,correct", *lines]))
    alone = audit_results(path)
    monkeypatch.setattr(assembling, "MOST_BLOCKS", 150)
    together = audit_results(path)
    assert len(together.task("results")["by_item"]["name"]) <= 150 < MOST_BLOCKS
    assert together.task("results")["entities"] == 600
    for name in ("accuracy", "gap", "brier", "auroc"):
        one, other = alone.metrics("results")[name], together.metrics("results")[name]
        assert other.estimate == pytest.approx(one.estimate)
        assert other.high - other.low == pytest.approx(one.high - one.low, rel=0.25)


def test_clusters_widen_intervals(tmp_path):
    text = "\n".join(f"0.5,{(i // 20) % 2},d{i // 20}" for i in range(400))
    path = write(tmp_path / "c.csv", "confidence,correct,document\n" + text)
    alone, together = (
        audit_results(path, cluster=c).metrics("results")["gap"] for c in (None, "document")
    )
    assert together.high - together.low > 3 * (alone.high - alone.low)


def test_the_interval_of_an_auroc_holds_the_truth():
    generator = torch.Generator().manual_seed(0)
    inside = 0
    truth = 0.8413447  # P(x + 1 > y), x and y of variance 1/2
    for _ in range(300):
        correct = torch.arange(80) % 2 == 0
        score = torch.randn(80, generator=generator) / 2**0.5 + correct
        found = auroc_interval(score, correct, torch.arange(80))
        inside += truth in found
    assert 0.91 <= inside / 300 <= 0.99
    perfect = auroc_interval(
        torch.tensor([0.1, 0.2, 0.8, 0.9]), torch.arange(4) > 1, torch.arange(4)
    )
    assert perfect.estimate == perfect.high == 1 and perfect.low < 0.4


# --- what people write ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text", "encoding"),
    [
        ("plain.csv", table(), "utf-8"),
        ("excel.csv", table(right="TRUE", wrong="FALSE").replace(",", ";"), "utf-8-sig"),
        ("unicode.csv", table(right="True", wrong="0.0").replace(",", "\t"), "utf-16"),
        ("tabs.tsv", table(right="1", wrong="0").replace(",", "\t"), "utf-8"),
        ("windows.csv", table(right="Y", wrong="N").replace("\n", "\r\n"), "utf-8"),
        ("quoted.csv", table().replace("q1,", '"q1,\n""and"" more",'), "utf-8"),
        ("spaced.csv", table(sure=" 0.8 ", right=" Yes "), "utf-8"),
        ("gaps.csv", table().replace("q5,", "\n\nq5,"), "utf-8"),
    ],
)
def test_tables_as_programs_write_them(tmp_path, name, text, encoding):
    path = write(tmp_path / name, text, encoding)
    found = audit_results(path).metrics("results")
    assert found["accuracy"].estimate == 0.75
    assert found["confidence"].estimate == pytest.approx(0.8)


@pytest.mark.parametrize("form", ["list", "lines"])
def test_json_with_values_of_mixed_kinds(tmp_path, form):
    rights = [False, 1, "yes", True, 0, "TRUE", 1.0, "correct"]
    records = [
        {"confidence": 0.8 if i % 2 else "0.8", "correct": rights[i % 8], "id": i}
        for i in range(40)
    ]
    text = json.dumps(records) if form == "list" else "\n".join(map(json.dumps, records))
    path = write(tmp_path / f"r.json{'l' * (form == 'lines')}", text)
    assert audit_results(path).metrics("results")["accuracy"].estimate == 0.75


def test_percentages_are_refused_with_the_remedy_or_accepted(tmp_path):
    for sure in ("80", "80 %", "80%"):
        path = write(tmp_path / "p.csv", table(sure=sure))
        with pytest.raises(ValueError, match=r"line 2 .*percentages\? add --percent"):
            audit_results(path)
        found = audit_results(path, percent=True).metrics("results")
        assert found["confidence"].estimate == pytest.approx(0.8)


def test_shares_that_are_called_percentages(tmp_path):
    path = write(tmp_path / "p.csv", table())
    with pytest.raises(ValueError, match=r"they are no percentages\. Leave out --percent"):
        audit_results(path, percent=True)
    path = write(tmp_path / "p.csv", table().replace("q1,0.8", "q1,80"))
    [note] = audit_results(path, percent=True).notes
    assert "39 confidences lie between 0 and 1 %, and 1 above" in note


def test_a_great_loss_is_not_offered(tmp_path):
    half = table(20) + table(20, sure="90").split("\n", 1)[1]
    with pytest.raises(ValueError, match="20 of 40 rows") as caught:
        audit_results(write(tmp_path / "p.csv", half))
    assert "--unreadable" not in str(caught.value)


def test_rows_that_cannot_be_read_are_told_and_never_dropped_in_silence(tmp_path):
    bad = {
        "q3,0.8,": "q3,nan,",
        "q5,0.8,": "q5,inf,",
        "q7,0.8,": "q7,-0.1,",
        "q9,0.8,": "q9,,",
        "q11,0.8,yes": "q11,0.8,maybe",
        "q13,0.8,": 'q13,"0,8",',
        "q15,0.8,": "q15,0.8,x,",
        "q17,0.8,": f"q17,{'9' * 5000},",
    }
    text = table(1000)
    for before, after in bad.items():
        text = text.replace(before, after, 1)
    path = write(tmp_path / "b.csv", text)
    report = audit_results(path)
    assert report.task("results")["items"] == 992
    [note] = report.notes
    assert note.startswith("b.csv: 8 of 1,000 rows could not be read: line")
    assert "and 3 more. They are left out of all numbers." in note
    assert note in summary(report).replace("Note: ", "")
    html = to_html(report)
    assert "1,000 rows could not be read" in html
    assert "no model was asked" in html
    with pytest.raises(ValueError, match=r"8 of 1,000 rows .*--unreadable 0\.01"):
        audit_results(path, unreadable=0.001)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.csv", "", "found an empty file"),
        ("a.csv", "id,confidence,correct\n", "found no row"),
        ("a.csv", "\n\n", "must begin with the names of its columns"),
        ("a.csv", "p,ok\n0.5,1\n", "--confidence must name a column of a.csv .*found 'p', 'ok'"),
        ("a.csv", "confidence,ok\n0.5,1\n", "--correct must name a column"),
        ("a.csv", "confidence,correct,correct\n0.5,1,1\n", "found it twice"),
        ("a.csv", table(7), "at least 8 rows of at least 4 entities .*found 7"),
        ("a.csv", 'confidence,correct\n0.5,"1\n', "is no table: line 2: unexpected end of data"),
        ("a.csv", "confidence,correct\n0.5,\x00\n", "NUL|found '.x00'"),
        ("a.jsonl", "nonsense\n" * 9, r"9 of 9 rows .*line 1 \(it is no JSON"),
        ("a.jsonl", "[1]\n" * 9, "must be an object with names, found list"),
        ("a.jsonl", '{"confidence": ' + "9" * 5000 + ', "correct": 1}\n', "it is no JSON"),
        ("a.jsonl", '{"confidence": true, "correct": 1}\n' * 9, "must be a number, found True"),
        ("a.jsonl", '{"confidence": 0.5, "correct": [1]}\n' * 9, "true or false, 1 or 0"),
        ("a.json", "[1, 2]", "must hold a list of records"),
        ("a.json", '{"a": 1}', "must hold a list of records"),
        ("a.json", "[" * 100_000, "is no JSON"),
        ("a.json", '{"format": "coursekit-audit"}', "the report of an audit"),
        ("a.eval", "PK", "inspect log convert --to json"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_file_is_said(tmp_path, name, text, said):
    with pytest.raises(ValueError, match=said):
        audit_results(write(tmp_path / name, text))


def test_a_missing_file_and_other_bytes(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such file of results"):
        audit_results(tmp_path / "none.csv")
    path = tmp_path / "latin.csv"
    path.write_bytes(b"confidence,correct\n0.5,caf\xe9\n")
    with pytest.raises(ValueError, match=r"must be text in UTF-8.*Save it as CSV UTF-8"):
        audit_results(path)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"probs": ["confidence"]}, "--label must be given"),
        ({"label": "correct"}, "--label must be given with --probs"),
        ({"probs": ["a"], "logprobs": ["b"], "label": "c"}, "cannot be given together"),
        ({"probs": ["a"], "label": "c", "correct": "d"}, "--confidence and --correct follow from"),
        ({"probs": ["correct", "correct"], "label": "id"}, "found one of them twice"),
        ({"probs": ["confidence", "a"], "label": "correct"}, "'a' is asked for"),
        ({"group": ["id"]}, "must have at most 200 values"),
        ({"cluster": "color"}, "--cluster must name a column"),
        ({"unreadable": 2}, "unreadable must be a share"),
    ],
)
def test_bad_options(tmp_path, options, said):
    path = write(tmp_path / "t.csv", table(300))
    with pytest.raises(ValueError, match=said):
        audit_results(path, **options)


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ("[0.5, 0.6]", "probabilities must be at least 0 and add up to 1, found 1.1"),
        ("[50, 50]", r"found 100 \(percentages\? add --percent"),
        ("[1]", "must hold a list of each probability"),
        ("x", "must hold a list of each probability"),
    ],
)
def test_probabilities_that_are_none(tmp_path, cells, said):
    path = write(tmp_path / "t.tsv", "probs\tlabel\n" + f"{cells}\t1\n" * 20)
    with pytest.raises(ValueError, match=said):
        audit_results(path, probs=["probs"], label="label")


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ("[0.2, 0.8]", "they are probabilities. Use --probs"),
        (
            "[1.6, 0.2]",
            "found none below 0 in 20 rows. Of negative log-likelihoods change the sign",
        ),
    ],
)
def test_what_is_no_log_likelihood_is_refused(tmp_path, cells, said):
    path = write(tmp_path / "t.tsv", "scores\tlabel\n" + f"{cells}\t1\n" * 20)
    with pytest.raises(ValueError, match=said):
        audit_results(path, logprobs=["scores"], label="label")


def test_some_log_likelihoods_above_zero_are_told(tmp_path):
    path = write(tmp_path / "t.tsv", "scores\tlabel\n" + "[1, -2]\t0\n[-1, -2]\t1\n" * 20)
    report = audit_results(path, logprobs=["scores"], label="label")
    assert "of 40 rows, 20 hold a log-likelihood above 0" in report.notes[0]


def test_a_label_names_a_column_or_a_place_and_never_either(tmp_path):
    """Columns 1 and 2, and labels 0 and 1: 1 would be the first of them, and the second."""
    rows = "0.9,0.1,{}\n0.2,0.8,{}\n" * 20
    by_name = write(tmp_path / "name.csv", "1,2,truth\n" + rows.format(*[1, 2] * 20))
    report = audit_results(by_name, probs=["1", "2"], label="truth")
    assert report.metrics("results")["accuracy"].estimate == 1
    by_place = write(tmp_path / "place.csv", "1,2,truth\n" + rows.format(*[0, 1] * 20))
    with pytest.raises(ValueError, match=r"label must be one of 1, 2, found '0'"):
        audit_results(by_place, probs=["1", "2"], label="truth")


def test_a_label_is_an_option_of_its_own_row(tmp_path):
    """Counted from 1, the last of two options is no option, though other rows have three."""
    rows = '{"p": [0.3, 0.7], "y": 2}\n{"p": [0.2, 0.3, 0.5], "y": 1}\n' * 20
    with pytest.raises(ValueError, match="label must be one of its place, or 0 to 1, found 2"):
        audit_results(write(tmp_path / "t.jsonl", rows), probs=["p"], label="y")


def test_rows_without_a_model_are_told(tmp_path):
    rows = [f"{'' if i == 7 else 'ab'[i % 2]},{i // 2},0.7,{i % 3 % 2}" for i in range(400)]
    path = write(tmp_path / "t.csv", "\n".join(["model,id,confidence,correct", *rows]))
    found = audit_results_by_model(path, by="model")
    assert list(found.reports) == ["a", "b"]
    assert "line 9 (it has no model)" in found.reports["a"].notes[0]


def test_a_probability_of_zero_for_the_truth_leaves_out_the_likelihood(tmp_path):
    path = write(tmp_path / "t.tsv", "probs\tlabel\n" + "[1, 0]\t1\n[0.7, 0.3]\t0\n" * 20)
    report = audit_results(path, probs=["probs"], label="label")
    assert "nll" not in report.metrics("results")
    assert "give what is right the probability 0: 20." in report.notes[0]


def test_one_class_and_repeated_items_are_told(tmp_path):
    text = table(40, wrong="yes").replace("q1,", "q2,")
    report = audit_results(write(tmp_path / "t.csv", text))
    assert report.metrics("results")["accuracy"].low < 1
    assert "auroc" not in report.metrics("results")
    said = " ".join(report.notes)
    assert "rows that repeat the item of another one: 1." in said
    assert "every prediction is right" in said


def test_parquet_without_pyarrow_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ValueError, match="pip install pyarrow, or save the table as CSV"):
        audit_results(write(tmp_path / "t.parquet", "PAR1"))


def test_a_log_whose_acc_does_not_follow_is_refused(tmp_path):
    [log] = HARNESS.glob("samples_everyday*")
    text = log.read_text(encoding="utf-8").replace('"acc": 1.0', '"acc": 0.0', 3)
    with pytest.raises(ValueError, match=r"3 of 24 rows .*its acc of 0.0 does not follow"):
        audit_results(write(tmp_path / log.name, text))


def test_answers_without_any_confidence_are_refused_with_their_accuracy():
    [log] = HARNESS.glob("samples_little_sums*")
    with pytest.raises(ValueError, match=r"found none.*of which 0.8000 match exactly"):
        audit_results(log)


def test_each_filter_of_generated_answers_has_its_share(tmp_path):
    [log] = HARNESS.glob("samples_little_sums*")
    rows = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    strict = [row | {"filter": "strict", "exact_match": 0.0} for row in rows]
    path = write(tmp_path / "samples_sums.jsonl", "\n".join(map(json.dumps, rows + strict)))
    with pytest.raises(
        ValueError,
        match=r"10 generated answers, of which 0.8000 match exactly \(exact_match, filter trimmed\)"
        r".*10 generated answers, of which 0.0000 match exactly \(exact_match, filter strict\)",
    ):
        audit_results(path)


def test_the_model_is_that_of_the_same_run_and_of_no_neighbour(tmp_path):
    [log] = HARNESS.glob("samples_everyday*")
    for day, model in (("01", "one"), ("02", "two")):
        write(tmp_path / f"results_2026-01-{day}.json", json.dumps({"model_name": model}))
    samples = log.read_text(encoding="utf-8")
    for name, model in (("samples_x_2026-01-01", "one"), ("samples_x", "samples_x")):
        assert audit_results(write(tmp_path / f"{name}.jsonl", samples)).model == model
    assert audit_results(write(tmp_path / "quiz.csv", table())).model == "quiz"


# --- Inspect --------------------------------------------------------------------------------------


def inspect_log(n: int = 20) -> dict:
    def sample(i: int) -> dict:
        stated = {"metadata": {"confidence": 0.7}} if i % 2 else {"metadata": None}
        tokens = [{"token": "a", "logprob": math.log(0.8)}, {"token": "b", "logprob": 0.0}]
        return {
            "id": i // 2,
            "epoch": i % 2 + 1,
            "scores": {"match": {"value": "CIN"[0 if i % 4 else 1 + i // 4 % 2], **stated}},
            "metadata": {"topic": "even" if i % 4 < 2 else "odd"},
            "output": {"choices": [{"logprobs": {"content": tokens}}]},
        }

    about = {"model": "openai/tiny", "task": "quiz/one"}
    return {"version": 2, "eval": about, "samples": [sample(i) for i in range(n)]}


@pytest.mark.parametrize("form", ["json", "eval"])
def test_logs_of_inspect(tmp_path, form):
    log = inspect_log(40)
    path = tmp_path / f"log.{form}"
    if form == "json":
        write(path, json.dumps(log))
    else:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("header.json", json.dumps({"eval": log["eval"]}))
            for i, sample in enumerate(log["samples"]):
                archive.writestr(f"samples/{i}.json", json.dumps(sample))
    report = audit_results(path, group=["topic"])
    assert (report.model, report.tasks) == ("openai/tiny", ["quiz-one"])
    found = report.task("quiz-one")
    assert (found["items"], found["entities"], found["entity"]) == (40, 20, "sample")
    assert report.metrics("quiz-one")["accuracy"].estimate == 0.75
    assert report.metrics("quiz-one")["confidence"].estimate == pytest.approx(0.75)
    assert set(report.groups("quiz-one", "topic")) == {"even", "odd"}


def test_a_log_of_inspect_without_confidence_says_so(tmp_path):
    log = inspect_log()
    for sample in log["samples"]:
        sample["output"] = sample["scores"]["match"]["metadata"] = None
    with pytest.raises(ValueError, match="has none, and no logprobs were kept"):
        audit_results(write(tmp_path / "log.json", json.dumps(log)))


# --- several models, and the command --------------------------------------------------------------


def two_models(path: Path, n: int = 200, *, with_ids: bool = True) -> Path:
    rows = [
        f"{m},{f'q{i}' if with_ids else ''},0.8,{int(i % 5 > (m == 'new') * 2)}"
        for m, start in (("org/old", 0), ("new", 20))
        for i in range(start, start + n)
    ]
    return write(path, "\n".join(["model,id,confidence,correct", *rows]))


def test_several_models_are_compared_on_the_items_that_both_have(tmp_path):
    found = audit_results_by_model(two_models(tmp_path / "two.csv"), by="model")
    assert list(found.reports) == ["org/old", "new"]
    difference = found.comparisons["new"]["results"].difference
    assert difference["accuracy"].estimate == pytest.approx(-0.4)
    assert difference["accuracy"].high < 0
    assert found.comparisons["new"]["results"].first["accuracy"].estimate == pytest.approx(0.8)
    with pytest.raises(ValueError, match="audit_results_by_model"):
        audit_results(tmp_path / "two.csv", by="model")


def test_models_that_were_never_right_alone_may_be_unlike_for_all_that(tmp_path):
    """Eight items on which both are right prove no equality; the same predictions are the same."""
    rows = [f"{model},{i},0.{sure},1" for model, sure in (("a", 7), ("b", 8)) for i in range(8)]
    path = write(tmp_path / "t.csv", "\n".join(["model,id,confidence,correct", *rows]))
    found = audit_results_by_model(path, by="model").comparisons["b"]["results"].difference
    assert found["accuracy"].low == pytest.approx(-0.324, abs=0.001)  # Wilson, of 0 of 8
    assert found["accuracy"].high == -found["accuracy"].low
    assert found["gap"].high == pytest.approx(0.1 + 0.324, abs=0.001)


def test_models_whose_items_cannot_be_told_apart_are_not_compared(tmp_path):
    rows = [f"{m},0.8,{i % 4 > 0}" for m in ("a", "b") for i in range(40)]
    path = write(tmp_path / "two.csv", "\n".join(["model,confidence,correct", *rows]))
    found = audit_results_by_model(path, by="model")
    assert found.comparisons == {}
    assert "Name the column: --id" in found.notes[0]


def audit(*arguments: object) -> int:
    return __main__.main(["audit", *map(str, arguments)])


def test_the_command(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(page, "write_html", lambda report, folder: None)  # figures take seconds
    path = two_models(tmp_path / "two.csv")
    out = tmp_path / "out"
    assert audit(path, "--by", "model", "--output", out) == 0
    printed = capsys.readouterr().out
    assert "Calibration of org/old" in printed
    assert "Second minus first, paired. First: org/old. Second: new." in printed
    assert {p.name for p in out.iterdir()} == {"1-org-old", "2-new"}
    report = Report.read(out / "1-org-old")
    assert report.data["model"]["kind"] == "results"
    assert audit(path, "--by", "model", "--output", out) == 0  # results may be read again


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["t.csv", "--limit", "9"], "--limit is for a model that is asked"),
        (["t.csv", "--tasks", "prose"], "--tasks is for a model that is asked"),
        (["t.csv", "--device", "cpu"], "--device is for a model, and the subject is a file"),
        (["gpt2", "--cluster", "x"], "--cluster is for a file of results"),
        (["none.csv"], "there is no such file of results"),
        (["t.csv", "--output", "of-a-model"], "holds a report that is not of results"),
    ],
)
def test_the_command_refuses_what_it_would_ignore(tmp_path, monkeypatch, capsys, arguments, said):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "t.csv", table())
    (tmp_path / "of-a-model").mkdir()
    write(tmp_path / "of-a-model" / "report.json", '{"model": {"kind": "weights"}}')
    assert audit(*arguments) == 1
    assert said in capsys.readouterr().err
