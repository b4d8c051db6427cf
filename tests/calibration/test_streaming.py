"""What holds for every streaming metric, and the two that hold single predictions."""

from __future__ import annotations

import copy
import json
import subprocess
import sys

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given
from torchmetrics import MetricCollection

from coursekit.calibration import (
    StreamingReliability,
    StreamingScores,
    VocabularyCalibration,
    accuracy,
    brier_score,
    expected_calibration_error,
    negative_log_likelihood,
    reliability_bins,
    top_label,
)

N, VOCABULARY = 60, 12

#: A name for each metric, and how to make it.
METRICS = {
    "reliability": StreamingReliability,
    "scores": StreamingScores,
    "vocabulary": lambda **kwargs: VocabularyCalibration(n_groups=4, **kwargs),
}


def data(n=N, seed=0):
    """One batch of arguments, by name, for all metrics."""
    generator = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(n, VOCABULARY, generator=generator)
    labels = torch.randint(VOCABULARY, (n,), generator=generator)
    confidence, correct = top_label(logits.softmax(1), labels)
    return {
        "logits": logits,
        "labels": labels,
        "confidence": confidence,
        "correct": correct,
        "groups": torch.randint(4, (n,), generator=generator),
    }


def update(metric, batch):
    metric.update(**metric._filter_kwargs(**batch))
    return metric


def rows(batch, start, stop):
    return {name: values[start:stop] for name, values in batch.items()}


def state(metric):
    return {name: value.clone() for name, value in metric.metric_state.items()}


def assert_same_state(found, expected):
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name].dtype == value.dtype
        if value.dtype == torch.int64:
            assert found[name].equal(value), name
        else:
            torch.testing.assert_close(found[name], value, rtol=1e-13, atol=1e-13, msg=name)


@pytest.fixture(params=METRICS)
def make(request):
    return METRICS[request.param]


# ----------------------------------------------------------------------- sums of whatever parts


@given(
    cuts=st.lists(st.integers(1, N - 1), max_size=6, unique=True).map(sorted),
    name=st.sampled_from(sorted(METRICS)),
    seed=st.integers(0, 100),
)
def test_batches_and_shards_do_not_matter(cuts, name, seed):
    """One update, many, or metrics of many processes merged in any order: one state."""
    make, batch = METRICS[name], data()
    whole = state(update(make(), batch))
    parts = [rows(batch, *ends) for ends in zip([0, *cuts], [*cuts, N], strict=True)]

    in_batches = make()
    for part in parts:
        update(in_batches, part)
    assert_same_state(state(in_batches), whole)

    shards = [update(make(), part) for part in parts]
    order = torch.randperm(len(shards), generator=torch.Generator().manual_seed(seed))
    merged = make()
    for index in order:
        merged.merge_state(shards[index])
    assert_same_state(state(merged), whole)


def test_the_states_are_exact(make):
    assert {value.dtype for value in make().metric_state.values()} == {torch.int64, torch.float64}


@pytest.mark.parametrize("size", [2**24, 2**40])
def test_counts_do_not_stall(make, size):
    """Where a float32 count of 2^24 swallows the next prediction, these count on."""
    metric, batch = update(make(), data()), data(1, seed=1)
    step = {name: value for name, value in state(update(make(), batch)).items()}
    for name in step:
        setattr(metric, name, torch.full_like(step[name], size))
    update(metric, batch)
    for name, value in metric.metric_state.items():
        torch.testing.assert_close(value - size, step[name], rtol=0, atol=size * 2**-50, msg=name)


@pytest.mark.parametrize(
    "convert",
    [
        lambda metric: metric.half(),
        lambda metric: metric.bfloat16(),
        lambda metric: metric.to(torch.float16),
        lambda metric: metric.to("cpu", torch.float32),
        lambda metric: metric.set_dtype(torch.float32),
        lambda metric: torch.nn.ModuleList([metric]).half()[0],
        lambda metric: torch.nn.ModuleList([metric]).to(torch.bfloat16)[0],
        lambda metric: copy.deepcopy(metric),
        lambda metric: metric.clone(),
    ],
)
def test_conversions_keep_the_sums(make, convert):
    metric = update(make(), data())
    before = state(metric)
    converted = convert(metric)
    for name, value in before.items():
        assert getattr(converted, name).dtype == value.dtype
        assert getattr(converted, name).equal(value)
    converted.reset()
    assert {v.dtype for v in converted.metric_state.values()} == {torch.int64, torch.float64}


def test_it_follows_to_another_device(make):
    moved = make().to("meta")
    assert {value.device.type for value in moved.metric_state.values()} == {"meta"}
    assert {value.dtype for value in moved.metric_state.values()} == {torch.int64, torch.float64}


# ------------------------------------------------------------------------------ save and restore


def flat(result):
    """The tensors of whatever `compute` returns."""
    if isinstance(result, torch.Tensor):
        return [result]
    return list(result.values() if isinstance(result, dict) else result)


def assert_same_result(found, expected):
    for a, b in zip(flat(found), flat(expected), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-13, atol=1e-13)


def test_a_restored_metric_goes_on(make, tmp_path, recwarn):
    batch = data()
    first = update(make(), rows(batch, 0, 20))
    torch.save(first.state_dict(), tmp_path / "state.pt")
    resumed = make()
    resumed.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    assert_same_result(resumed.compute(), first.compute())
    update(resumed, rows(batch, 20, N))
    assert_same_result(resumed.compute(), update(make(), batch).compute())
    assert not [warning for warning in recwarn if "compute" in str(warning.message)]


def test_what_was_computed_before_is_forgotten(make):
    stale = update(make(), data(seed=1))
    stale.compute()
    stale.load_state_dict(update(make(), data()).state_dict())
    assert_same_result(stale.compute(), update(make(), data()).compute())
    stale.merge_state(update(make(), data(seed=2)))
    expected = update(update(make(), data()), data(seed=2)).compute()
    assert_same_result(stale.compute(), expected)


def test_metrics_restored_from_one_state_do_not_share_it(make):
    saved = update(make(), data()).state_dict()
    one, other = make(), make()
    one.load_state_dict(saved)
    other.load_state_dict(saved)
    update(one, data(seed=1))
    assert_same_state(state(other), state(update(make(), data())))


def test_a_state_of_another_shape_is_refused():
    saved = update(StreamingReliability(n_bins=10), data()).state_dict()
    with pytest.raises(ValueError, match=r"state 'count' must be torch\.int64 of shape"):
        StreamingReliability(n_bins=15).load_state_dict(saved)


def test_a_rounded_state_is_refused(make):
    saved = update(make(), data()).state_dict()
    with pytest.raises(ValueError, match="Use a metric with the arguments"):
        make().load_state_dict({name: value.float() for name, value in saved.items()})


def test_a_missing_state_is_refused(make):
    with pytest.raises(RuntimeError, match="Missing key"):
        make().load_state_dict({})


@pytest.mark.parametrize(
    ("ours", "theirs", "message"),
    [
        (StreamingReliability(10), StreamingReliability(15), "same n_bins"),
        (VocabularyCalibration(2, 6), VocabularyCalibration(6, 2), "same decades"),
        (StreamingScores(), StreamingReliability(), "instance of StreamingScores"),
        (StreamingReliability(10), {"count": torch.zeros(10)}, "must be torch.int64 of"),
        (StreamingScores(), {"counts": torch.zeros(())}, "state must be one of .* found 'counts'"),
    ],
)
def test_states_that_do_not_belong_together(ours, theirs, message):
    with pytest.raises(ValueError, match=message):
        ours.merge_state(theirs)


# -------------------------------------------------------------------------- life in torchmetrics


def test_forward_gives_the_batch_and_keeps_the_whole(make):
    batch = data()
    metric = update(make(), rows(batch, 0, 20))
    part = rows(batch, 20, N)
    assert_same_result(metric(**metric._filter_kwargs(**part)), update(make(), part).compute())
    assert_same_result(metric.compute(), update(make(), batch).compute())


def test_in_a_collection():
    collection = MetricCollection({name: make() for name, make in METRICS.items()})
    batch = data()
    for start in range(0, N, 20):
        collection.update(**rows(batch, start, start + 20))
    assert collection["reliability"].bins().count.sum() == N
    found = collection.compute()
    assert found["reliability"].item() == pytest.approx(
        expected_calibration_error(batch["confidence"], batch["correct"])
    )
    assert found["accuracy"] == batch["correct"].double().mean()


@pytest.mark.parametrize("given", ["probs and labels", "probs", "logits", "everything"])
def test_one_update_serves_a_collection(given):
    """As typed blind: `MetricCollection([...]).update(probs, labels)`."""
    logits, labels = data()["logits"].double(), data()["labels"]
    probs = logits.softmax(1)
    confidence, correct = top_label(probs, labels)
    collection = MetricCollection([StreamingReliability(), StreamingScores()])
    for block in (slice(0, 25), slice(25, N)):
        if given == "probs and labels":
            collection.update(probs[block], labels[block])
        elif given == "probs":
            collection.update(probs=probs[block], labels=labels[block])
        elif given == "logits":
            collection.update(logits=logits[block], labels=labels[block])
        else:  # what some want and others do not
            collection.update(
                confidence=confidence[block],
                correct=correct[block],
                logits=logits[block],
                labels=labels[block],
            )
    found = {name: value.item() for name, value in collection.compute().items()}
    assert found == pytest.approx(
        {
            "StreamingReliability": expected_calibration_error(confidence, correct),
            "accuracy": accuracy(probs, labels),
            "negative_log_likelihood": negative_log_likelihood(probs, labels),
            "brier_score": brier_score(probs, labels),
            "entropy": torch.distributions.Categorical(probs).entropy().mean().item(),
        },
        rel=1e-12,
    )


def test_an_empty_batch_changes_nothing(make):
    metric, batch = update(make(), data()), data()
    before = state(metric)
    update(metric, rows(batch, 0, 0))
    metric.update(torch.zeros(0, VOCABULARY), torch.zeros(0, dtype=torch.int64))
    assert_same_state(state(metric), before)


def test_empty_lists_change_nothing():
    metric = StreamingReliability()
    metric.update([0.9], [1])
    metric.update([], [])
    assert metric.bins().count.sum() == 1


def test_half_an_empty_batch_is_refused():
    with pytest.raises(ValueError, match="confidence must not be empty"):
        StreamingReliability().update([], [1])
    with pytest.raises(ValueError, match="correct must not be empty"):
        StreamingReliability().update([0.5], [])
    with pytest.raises(ValueError, match="logits must not be empty"):
        StreamingScores().update(logits=torch.zeros(0, 3), labels=[1])


@pytest.mark.filterwarnings("ignore:The ``compute`` method")
def test_a_batch_that_is_refused_leaves_the_state_alone(make):
    """Also in `forward`, which puts the state aside while it computes the batch."""
    batch = data()
    metric = update(make(), rows(batch, 0, 20))
    before = state(metric)
    bad = {**rows(batch, 20, N), "labels": torch.full((40,), VOCABULARY), "correct": [2] * 40}
    for refused in (bad, rows(batch, 0, 0)):
        with pytest.raises(ValueError, match="must"):
            metric(**metric._filter_kwargs(**refused))
        assert_same_state(state(metric), before)
    update(metric, rows(batch, 20, N))
    assert_same_result(metric.compute(), update(make(), batch).compute())


@pytest.mark.filterwarnings("ignore:The ``compute`` method")
def test_no_data_is_an_error(make):
    for metric in (make(), update(make(), data())):
        metric.reset()
        with pytest.raises(ValueError, match="must have seen data, found none"):
            metric.compute()


WORKER = """
import json, sys, torch, torch.distributed
from coursekit.calibration import *
rank, meeting, folder = int(sys.argv[1]), sys.argv[2], sys.argv[3]
torch.distributed.init_process_group("gloo", init_method=meeting, rank=rank, world_size=2)
data = torch.load(folder + "/data.pt", weights_only=True)
metrics = [StreamingReliability(), StreamingScores(), VocabularyCalibration(n_groups=4)]
cut = 13
part = slice(0, cut) if rank == 0 else slice(cut, None)
found = []
for metric in metrics:
    metric.update(**metric._filter_kwargs(**{k: v[part] for k, v in data.items()}))
    with metric.sync_context():
        found.append({k: v.tolist() for k, v in metric.metric_state.items()})
    metric.compute()
# The second process has nothing to add, and still gets the result.
late = StreamingReliability()
if rank == 0:
    late.update(data["confidence"], data["correct"])
found.append({"bins": late.bins().count.tolist(), "ece": late.compute().item()})
assert late.count.sum().item() == (60 if rank == 0 else 0)
open(f"{folder}/{rank}.json", "w").write(json.dumps(found))
torch.distributed.destroy_process_group()
"""


def test_two_processes_equal_one(tmp_path):
    batch = data()
    torch.save(batch, tmp_path / "data.pt")
    arguments = [(tmp_path / "meeting").as_uri(), str(tmp_path)]
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, str(rank), *arguments], stderr=subprocess.PIPE, text=True
        )
        for rank in range(2)
    ]
    for worker in workers:
        _, errors = worker.communicate(timeout=600)
        assert worker.returncode == 0, errors
    first, second = (
        json.loads((tmp_path / f"{rank}.json").read_text(encoding="utf-8")) for rank in range(2)
    )
    assert first == second
    for name, found in zip(METRICS, first, strict=False):
        expected = state(update(METRICS[name](), batch))
        found = {key: torch.tensor(v, dtype=expected[key].dtype) for key, v in found.items()}
        assert_same_state(found, expected)
    bins = reliability_bins(batch["confidence"], batch["correct"])
    assert first[-1]["bins"] == bins.count.tolist()
    assert first[-1]["ece"] == pytest.approx(
        expected_calibration_error(batch["confidence"], batch["correct"])
    )


# ------------------------------------------------------------------------------ equal to one shot


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
@pytest.mark.parametrize("norm", ["l1", "l2", "max"])
def test_reliability_equals_the_function(norm, dtype):
    batch = data(5000)
    confidence, correct = batch["confidence"].to(dtype), batch["correct"]
    metric = StreamingReliability(n_bins=10, norm=norm)
    for start in range(0, 5000, 700):
        metric.update(confidence[start : start + 700], correct[start : start + 700])
    expected = expected_calibration_error(confidence, correct, 10, norm=norm)
    assert metric.compute().item() == pytest.approx(expected, abs=1e-14)
    ours, theirs = metric.bins(), reliability_bins(confidence, correct, 10)
    assert ours.count.equal(theirs.count)
    assert ours.correct_count.equal(theirs.correct_count)
    torch.testing.assert_close(ours.confidence_sum, theirs.confidence_sum, rtol=1e-14, atol=0)
    eps = torch.finfo(dtype).eps
    torch.testing.assert_close(ours.edges, theirs.edges, rtol=0, atol=eps)


def test_one_bin():
    metric = StreamingReliability(n_bins=1)
    metric.update([0.9, 0.5], [1, 0])
    assert metric.compute().item() == pytest.approx(0.2)
    assert metric.bins().count.tolist() == [2]


@pytest.mark.parametrize("given_as", ["logits", "probs"])
def test_scores_equal_the_functions(given_as):
    batch = data(3000)
    logits, labels = batch["logits"].double(), batch["labels"]
    probs = logits.softmax(1)
    table = {"logits": logits, "probs": probs}[given_as]
    metric = StreamingScores()
    for start in range(0, 3000, 700):
        block = slice(start, start + 700)
        metric.update(labels=labels[block], **{given_as: table[block]})
    found = {name: value.item() for name, value in metric.compute().items()}
    assert found == pytest.approx(
        {
            "accuracy": accuracy(probs, labels),
            "negative_log_likelihood": negative_log_likelihood(probs, labels),
            "brier_score": brier_score(probs, labels),
            "entropy": torch.distributions.Categorical(probs).entropy().mean().item(),
        },
        rel=1e-12,
    )


def test_logits_and_probabilities_are_told_apart_by_name():
    """A table that could be either: torchmetrics would take it for probabilities."""
    table, labels = [[0.25, 0.75], [0.5, 0.5]], [1, 1]
    as_probs, as_logits = StreamingScores(), StreamingScores()
    as_probs.update(probs=table, labels=labels)
    as_logits.update(logits=table, labels=labels)
    of_softmax = torch.tensor(table).softmax(1)
    nll = "negative_log_likelihood"
    assert as_probs.compute()[nll].item() == pytest.approx(negative_log_likelihood(table, labels))
    assert as_logits.compute()[nll].item() == pytest.approx(
        negative_log_likelihood(of_softmax, labels)
    )


def test_a_truth_called_impossible_costs_infinitely_much():
    metric = StreamingScores()
    metric.update(probs=[[1.0, 0.0], [0.5, 0.5]], labels=[1, 0])
    found = metric.compute()
    assert found["negative_log_likelihood"] == torch.inf
    assert found["entropy"].item() == pytest.approx(torch.tensor(2.0).log().item() / 2)
    assert found["brier_score"].item() == pytest.approx((2 + 0.5) / 2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "either probs or logits must be given, found neither"),
        ({"logits": [[1.0, 2.0]], "probs": [[0.5, 0.5]]}, "found both"),
        ({"probs": [[1.0, 2.0]]}, "probs must lie in"),
        ({"probs": [[0.5, 0.6]]}, "sum to 1"),
        ({"logits": [[1.0, float("nan")]]}, "logits must be finite"),
        ({"logits": [1.0, 2.0]}, "logits must have shape"),
    ],
)
def test_bad_scores(arguments, message):
    metric = StreamingScores()
    with pytest.raises(ValueError, match=message):
        metric.update(labels=[0], **arguments)
    assert metric.count == 0


def test_labels_must_come_along():
    with pytest.raises(ValueError, match="labels must be given with probs, found None"):
        StreamingScores().update([[0.5, 0.5]])
    with pytest.raises(ValueError, match="labels must be given with logits, found None"):
        StreamingReliability().update(logits=[[0.5, 0.5]])
    with pytest.raises(ValueError, match="correct must be given with confidence, found None"):
        StreamingReliability().update([0.5])
    with pytest.raises(ValueError, match="either probs or logits must be given, found neither"):
        StreamingReliability().update()


def test_bad_reliability():
    with pytest.raises(ValueError, match="n_bins must be at most"):
        StreamingReliability(n_bins=2**40)
    with pytest.raises(ValueError, match="norm must be one of"):
        StreamingReliability(norm="l3")
    with pytest.raises(ValueError, match="n_bins must be at least 1"):
        StreamingReliability(n_bins=0)
    with pytest.raises(ValueError, match="confidence must lie in"):
        StreamingReliability().update([1.5], [1])
