"""Training: equal to a loop by hand, to itself cut off and resumed, to itself in two processes."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from accelerate.state import AcceleratorState

from coursekit.data.languages import weather_diary
from coursekit.lm.batches import PADDING
from coursekit.lm.checkpoints import FILE, load_checkpoint, load_gpt
from coursekit.lm.gpt import GPT, GPTConfig
from coursekit.lm.training import History, TrainingConfig, evaluate_loss, train

SHAPE = GPTConfig(vocab_size=11, context=8, width=8, n_layers=1, n_heads=2, dropout=0.1)
SHORT = TrainingConfig(steps=12, batch_size=4, warmup_steps=3, evaluate_every=5, checkpoint_every=4)
SIGNALS = pytest.mark.skipif(
    os.name == "nt", reason="Windows has neither SIGKILL nor SIGINT to send"
)


@pytest.fixture(autouse=True)
def on_the_cpu(monkeypatch):
    """On one thread, as in the processes below; and accelerate forgets what was chosen before."""
    monkeypatch.setenv("ACCELERATE_USE_CPU", "true")
    AcceleratorState._reset_state(reset_partial_state=True)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
    AcceleratorState._reset_state(reset_partial_state=True)


def a_model(seed: int = 0, **changes) -> GPT:
    return GPT(GPTConfig(**vars(SHAPE) | changes), torch.Generator().manual_seed(seed))


def some_data(n: int = 48, length: int = 9, seed: int = 0) -> torch.Tensor:
    """Sequences that count upwards from a random start, so that there is something to learn."""
    start = torch.randint(11, (n, 1), generator=torch.Generator().manual_seed(seed))
    return (start + torch.arange(length)) % 11


def padded(data: torch.Tensor) -> torch.Tensor:
    """The same, row i with i % 6 tokens less."""
    data = data.clone()
    for row, tokens in enumerate(data):
        tokens[len(tokens) - row % 6 :] = PADDING
    return data


def config(**changes) -> TrainingConfig:
    return TrainingConfig(**vars(SHORT) | changes)


def run(model, data, settings=SHORT, **options) -> History:
    return train(model, data, settings, progress=False, **options)


def same(a: GPT, b: GPT) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a.parameters(), b.parameters(), strict=True))


# The loop


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("clip", [0.05, 100.0])
@pytest.mark.parametrize("pad", [False, True])
def test_it_is_a_loop_that_one_could_write_by_hand(smoothing, clip, pad):
    data = padded(some_data()) if pad else some_data()
    ours, theirs = a_model(dropout=0.0), a_model(dropout=0.0)
    settings = config(
        steps=12, evaluate_every=1, label_smoothing=smoothing, clip_norm=clip, weight_decay=0.0
    )
    history = run(ours, data, settings)

    order = np.random.default_rng((0, 0)).permutation(48)  # 12 batches of 4: one epoch
    optimizer = torch.optim.AdamW(theirs.parameters(), betas=(0.9, 0.99), weight_decay=0.0)
    loss_function = torch.nn.CrossEntropyLoss(label_smoothing=smoothing)
    losses, rates = [], []
    for step in range(12):
        done = (step - 3) / 9
        rate = 1e-2 * ((step + 1) / 3 if step < 3 else 0.5 + 0.5 * math.cos(math.pi * done))
        batch = data[order[4 * step : 4 * step + 4]]
        inputs = torch.where(batch == PADDING, 7, batch)[:, :-1]  # any token will do
        loss = loss_function(theirs(inputs).flatten(0, 1), batch[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        norm = math.sqrt(sum(float((p.grad**2).sum()) for p in theirs.parameters()))
        for parameter in theirs.parameters():
            parameter.grad *= min(1.0, clip / norm)
        optimizer.param_groups[0]["lr"] = rate
        optimizer.step()
        losses.append(loss.item())
        rates.append(rate)

    assert history.column("train_loss") == pytest.approx(losses, rel=2e-5)
    assert history.column("learning_rate") == pytest.approx(rates, rel=1e-9)
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(a, b, atol=2e-4, rtol=0)


def test_records_are_plain_data():
    data, validation = padded(some_data()), some_data(6, seed=1)
    model = a_model()
    seen = []

    def evaluate(model):
        assert not model.training
        assert not torch.is_grad_enabled()
        seen.append(evaluate_loss(model, validation))
        torch.rand(5)  # randomness used here leaves training as it is
        return {"own": torch.tensor(len(seen))}

    history = run(model, data, config(batch_size=16), validation=validation, evaluate=evaluate)
    assert history.column("step") == [5, 10, 12]
    per_epoch = int((data[:, 1:] != PADDING).sum())  # 3 batches of 16 are one epoch
    assert history.column("tokens")[-1] == 4 * per_epoch
    assert history.column("own") == [1.0, 2.0, 3.0]
    assert history.column("validation_loss") == pytest.approx(seen, rel=1e-6)
    assert not history.interrupted
    assert json.loads(json.dumps(history.records)) == history.records
    with pytest.raises(ValueError, match=r"name must be one of \['step'.*found 'loss'"):
        history.column("loss")
    again = a_model()
    run(again, data, config(batch_size=16))
    assert same(model, again)


def test_the_train_loss_is_the_mean_over_the_tokens_since_the_record_before():
    data = padded(some_data())
    each = run(a_model(), data, config(evaluate_every=1)).records
    for record in run(a_model(), data, config(evaluate_every=5)).records:
        first = (record["step"] - 1) // 5 * 5
        tokens = [0] + [r["tokens"] for r in each]
        nats = sum(
            r["train_loss"] * (r["tokens"] - tokens[r["step"] - 1])
            for r in each[first : record["step"]]
        )
        assert record["train_loss"] == pytest.approx(nats / (record["tokens"] - tokens[first]))


def test_a_stream_teaches_too():
    stream = torch.arange(500) % 11
    model = a_model(dropout=0.0)
    before = evaluate_loss(model, stream)
    history = run(model, stream, config(steps=150, learning_rate=3e-2), validation=stream)
    assert before > 0.9 * math.log(11)
    assert history.column("validation_loss")[-1] == pytest.approx(evaluate_loss(model, stream))
    assert evaluate_loss(model, stream) < 0.1


def test_it_learns_more_of_the_weather_than_any_bigram():
    language = weather_diary()
    data = language.sample(16 * 300, seed=1, length=33)
    held_out = language.sample(400, seed=2, length=33)
    model = GPT(GPTConfig(language.vocab_size, 32, 32, 2, 4), torch.Generator().manual_seed(0))
    run(model, data, TrainingConfig(steps=300, batch_size=16, evaluate_every=300))
    assert evaluate_loss(model, held_out) < language.ngram_entropy(1) - 0.02


def test_the_model_and_the_randomness_of_the_caller_are_left_alone():
    model = a_model().eval()
    torch.manual_seed(5)
    state = torch.get_rng_state()
    run(model, some_data())
    assert torch.equal(torch.get_rng_state(), state)
    assert not model.training
    assert all(parameter.grad is None for parameter in model.parameters())
    assert set(vars(model)) == set(vars(a_model()))


def test_dropout_is_on_and_the_seed_decides_it():
    weights = []
    for dropout, seed in [(0.1, 0), (0.1, 0), (0.1, 1), (0.0, 0)]:
        torch.manual_seed(len(weights))
        model = a_model(dropout=dropout)
        run(model, some_data(4), config(batch_size=4, seed=seed))
        weights.append(model)
    assert same(weights[0], weights[1])
    assert not same(weights[0], weights[2])
    assert not same(weights[0], weights[3])


def test_a_short_forward_pass_keeps_long_weights():
    long, short = a_model(dropout=0.0), a_model(dropout=0.0)
    exact = run(long, some_data(), config()).column("train_loss")
    rough = run(short, some_data(), config(precision="bfloat16")).column("train_loss")
    assert rough != exact
    assert rough == pytest.approx(exact, rel=1e-2)
    assert short.head.weight.dtype == torch.float32


def test_the_bar_can_be_silenced(capsys):
    run(a_model(), some_data())
    assert capsys.readouterr() == ("", "")
    train(a_model(), some_data(), SHORT)
    assert "12/12" in capsys.readouterr().err


# Cut off and resumed


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("stop", [1, 3, 5, 10, 12])
def test_resuming_is_as_if_nothing_had_happened(tmp_path, stop, stream):
    data = some_data().flatten() if stream else padded(some_data())
    whole, cut = a_model(), a_model()
    expected = run(whole, data, config(evaluate_every=1), validation=data)

    def interrupt(model):
        if len(calls) == stop - 1:
            raise KeyboardInterrupt
        calls.append(None)
        return {}

    calls = []
    settings = config(evaluate_every=1, checkpoint_every=100)
    first = run(cut, data, settings, validation=data, evaluate=interrupt, folder=tmp_path)
    assert first.interrupted
    assert first.column("step") == list(range(1, stop))
    assert load_checkpoint(tmp_path)[1]["progress"]["step"] == stop
    assert same(load_gpt(tmp_path), cut)
    other = a_model(seed=1)  # the weights come from the checkpoint
    second = run(other, data, settings, validation=data, folder=tmp_path)
    assert second == expected
    assert same(other, whole)


def test_a_finished_training_is_not_repeated(tmp_path):
    model, again = a_model(), a_model(seed=1)
    history = run(model, some_data(), folder=tmp_path / "new" / "folder")
    assert run(again, some_data(), folder=tmp_path / "new" / "folder") == history
    assert same(model, again)


def test_a_fresh_start_on_request(tmp_path):
    run(a_model(), some_data(), config(seed=1), folder=tmp_path)
    model, expected = a_model(), a_model()
    run(model, some_data(), folder=tmp_path, resume=False)
    run(expected, some_data())
    assert same(model, expected)
    assert same(load_gpt(tmp_path), expected)


def test_checkpoints_come_when_they_are_due(tmp_path):
    steps = []

    def evaluate(model):
        found = (tmp_path / FILE).exists()
        steps.append(load_checkpoint(tmp_path)[1]["progress"]["step"] if found else 0)
        return {}

    run(a_model(), some_data(), config(evaluate_every=1), evaluate=evaluate, folder=tmp_path)
    assert steps == [0, 0, 0, 0, 4, 4, 4, 4, 8, 8, 8, 8]  # the record precedes the checkpoint
    assert load_checkpoint(tmp_path)[1]["progress"]["step"] == 12


@pytest.mark.parametrize(
    ("model", "data", "settings", "said"),
    [
        ({"width": 16}, some_data(), {}, "model width: 8 there, 16 here"),
        ({"dropout": 0.2}, some_data(), {}, "model dropout: 0.1 there, 0.2 here"),
        ({}, some_data(), {"learning_rate": 0.5}, "training learning_rate: 0.01 there, 0.5 here"),
        ({}, some_data(), {"steps": 13}, "training steps: 12 there, 13 here"),
        ({}, some_data(seed=1), {}, "data sha256"),
        ({}, some_data(49), {}, r"data shape: \[48, 9\] there, \[49, 9\] here"),
    ],
)
def test_another_training_is_refused_by_name(tmp_path, model, data, settings, said):
    run(a_model(), some_data(), folder=tmp_path)
    with pytest.raises(ValueError, match=said):
        run(a_model(**model), data, config(**settings), folder=tmp_path)


def test_more_checkpoints_are_no_other_training(tmp_path):
    history = run(a_model(), some_data(), folder=tmp_path)
    assert run(a_model(), some_data(), config(checkpoint_every=2), folder=tmp_path) == history


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=r"folder must be one that you may write into, found .*file"):
        run(a_model(), some_data(), folder=tmp_path / "file")


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps folders writable for their owner")
def test_a_folder_without_permission(tmp_path):
    tmp_path.chmod(0o500)
    if os.access(tmp_path, os.W_OK):
        pytest.skip("this user may write everywhere")
    with pytest.raises(OSError, match="folder must be one that you may write into"):
        run(a_model(), some_data(), folder=tmp_path)


def test_a_damaged_checkpoint_stops_training_before_it_starts(tmp_path):
    (tmp_path / FILE).write_bytes(b"nonsense")
    model, before = a_model(), a_model()
    with pytest.raises(ValueError, match="damaged, or no safetensors file"):
        run(model, some_data(), folder=tmp_path)
    assert same(model, before)


# Bad ends


def spoil_at(step, value):
    """An evaluate that spoils a weight after so many steps."""
    calls = []

    def evaluate(model):
        calls.append(None)
        if len(calls) == step:
            model.final_norm.weight.fill_(value)
        return {}

    return evaluate


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_explains_itself_and_spares_the_checkpoint(tmp_path, value):
    with pytest.raises(FloatingPointError) as caught:
        run(
            a_model(),
            some_data(),
            config(evaluate_every=1),
            evaluate=spoil_at(6, value),
            folder=tmp_path,
        )
    assert "at step 6, with a learning rate of 0.0075, the loss is nan" in str(caught.value)
    assert "smaller learning_rate than 0.01" in str(caught.value)
    assert load_checkpoint(tmp_path)[1]["progress"]["step"] == 4
    assert evaluate_loss(load_gpt(tmp_path), some_data()) < math.inf


def test_spoilt_weights_are_never_saved(tmp_path):
    with pytest.raises(FloatingPointError, match=r"at step 7, .* a weight is not finite"):
        run(
            a_model(),
            some_data(),
            config(evaluate_every=1),
            evaluate=spoil_at(8, math.nan),  # between the step and its checkpoint
            folder=tmp_path,
        )
    assert load_checkpoint(tmp_path)[1]["progress"]["step"] == 4


def test_a_learning_rate_far_too_large_diverges():
    settings = config(steps=200, learning_rate=1e30, warmup_steps=0)
    with pytest.raises(FloatingPointError, match=r"learning rate of 1e\+30|smaller learning_rate"):
        run(a_model(), some_data(), settings)


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ((torch.nn.Linear(2, 2), some_data()), TypeError, "model must be a GPT .*found Linear"),
        (
            (a_model().half(), some_data()),
            TypeError,
            r"found torch.float16.*model.float\(\)",
        ),
        ((a_model(), some_data().float()), TypeError, "data must be .*found torch.float32"),
        ((a_model(), some_data()[:0]), ValueError, "not empty"),
        (
            (a_model(), torch.arange(8)),
            ValueError,
            "stream of at least context .*found 8",
        ),
        (
            (a_model(), some_data() + 1),
            ValueError,
            "data must lie in 0 .. .* = 10, found 11",
        ),
        ((a_model(), some_data(length=10)), ValueError, "data must be sequences of .*found 10"),
    ],
)
def test_what_cannot_be_trained_is_refused(arguments, error, said):
    with pytest.raises(error, match=said):
        train(*arguments)


def test_validation_is_checked_before_training():
    with pytest.raises(ValueError, match=r"validation must lie in .*found 11"):
        run(a_model(), some_data(), validation=some_data() + 1)


def test_evaluate_may_not_take_a_name_of_the_history():
    with pytest.raises(ValueError, match=r"evaluate must return names .*found 'step'"):
        run(a_model(), some_data(), evaluate=lambda model: {"step": 1.0})


# Signals and processes

SETTING = f"""
import json, os, random, signal, sys
from pathlib import Path
import torch, torch._dynamo  # imported by the first optimizer: once is enough
torch.set_num_threads(1)
sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_training import a_model, config, padded, some_data
from coursekit.lm.checkpoints import FILE, load_checkpoint
from coursekit.lm.training import train
"""


def python(code: str, *arguments, launcher=()) -> list[str]:
    environment = {**os.environ, "ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1"}
    environment["PYTHONDONTWRITEBYTECODE"] = "1"
    return subprocess.Popen(
        [
            sys.executable,
            *launcher,
            *(["-c", code] if not launcher else [code]),
            *map(str, arguments),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )


INTERRUPTED = """
def report(model):
    print("step", flush=True)
    return {}

signal.signal(signal.SIGINT, signal.default_int_handler)
history = train(
    a_model(), some_data(), config(steps=100_000, evaluate_every=50, checkpoint_every=100_000),
    evaluate=report, folder=sys.argv[1], progress=False,
)
assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
print(history.interrupted, flush=True)
"""


@SIGNALS
def test_control_c_stops_after_the_step_and_saves(tmp_path):
    process = python(SETTING + INTERRUPTED, tmp_path)
    assert process.stdout.readline() == "step\n"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=600)
    assert process.returncode == 0, err
    assert out.split()[-1] == "True"
    step = load_checkpoint(tmp_path)[1]["progress"]["step"]
    assert 50 <= step < 100_000
    settings = config(steps=100_000, evaluate_every=50, checkpoint_every=100_000)

    def stop(model):
        raise KeyboardInterrupt

    run(a_model(), some_data(), settings, evaluate=stop, folder=tmp_path)  # to the next record
    expected = a_model()
    seen = []

    def stop_there(model):
        seen.append(None)
        if len(seen) == step // 50 + 1:
            raise KeyboardInterrupt
        return {}

    run(expected, some_data(), settings, evaluate=stop_there)
    assert same(load_gpt(tmp_path), expected)


@SIGNALS
def test_a_second_control_c_stops_at_once():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a job may ignore it

    def impatient(model):
        for _ in range(2):
            signal.raise_signal(signal.SIGINT)
        raise AssertionError("not reached")

    # evaluate is between two steps, where even that is a clean end
    try:
        assert run(a_model(), some_data(), evaluate=impatient).interrupted
    finally:
        signal.signal(signal.SIGINT, before)


def test_outside_the_main_thread_it_trains_without_listening():
    found = []
    thread = threading.Thread(target=lambda: found.append(run(a_model(), some_data())))
    thread.start()
    thread.join()
    assert found[0].column("step") == [5, 10, 12]


TOGETHER = """
from accelerate import PartialState
settings = config(steps=20, evaluate_every=1)
model = a_model(dropout=0.0)
data = padded(some_data())
history = train(
    model, data, settings, validation=data[:7], folder=sys.argv[1], progress=False
)
try:
    train(model, data, config(batch_size=3), progress=False)
except ValueError as error:
    refusal = str(error)
state = PartialState()
print(json.dumps({
    "processes": state.num_processes, "records": history.records, "refusal": refusal,
    "total": sum(float(p.detach().double().sum()) for p in model.parameters()),
}) if state.is_main_process else "", flush=True)
state.destroy_process_group()
"""


def test_two_processes_train_as_one(tmp_path):
    script = tmp_path / "together.py"
    script.write_text(SETTING + TOGETHER, encoding="utf-8")
    launcher = ["-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes=2"]
    launcher += ["--num_machines=1", "--mixed_precision=no", "--dynamo_backend=no"]
    launcher += ["--main_process_port=0"]
    process = python(str(script), tmp_path / "two", launcher=launcher)
    out, err = process.communicate(timeout=600)
    assert process.returncode == 0, err
    told = json.loads(out.strip().splitlines()[-1])
    assert told["processes"] == 2
    assert "batch_size must be a multiple of the 2 processes" in told["refusal"]

    data, alone = padded(some_data()), a_model(dropout=0.0)
    settings = config(steps=20, evaluate_every=1)
    expected = run(alone, data, settings, validation=data[:7]).records
    for ours, theirs in zip(told["records"], expected, strict=True):
        assert ours == pytest.approx(theirs, abs=1e-4)
    two = load_gpt(tmp_path / "two")
    for a, b in zip(two.parameters(), alone.parameters(), strict=True):
        torch.testing.assert_close(a, b, atol=1e-4, rtol=0)


def test_processes_that_do_not_find_each_other_are_told(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setattr("coursekit.lm.training.Accelerator", lambda **_: Alone())
    with pytest.raises(RuntimeError, match=r"2 processes were launched, .* ACCELERATE_USE_CPU=1"):
        run(a_model(), some_data())


class Alone:
    num_processes = 1


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("precision", ["auto", "float32", "bfloat16", "float16"])
def test_on_a_gpu_it_learns_the_same_and_comes_back(monkeypatch, tmp_path, precision):
    data = some_data()
    expected = run(a_model(dropout=0.0), data).column("train_loss")
    monkeypatch.delenv("ACCELERATE_USE_CPU")
    AcceleratorState._reset_state(reset_partial_state=True)
    model = a_model(dropout=0.0)
    devices = set()

    def where(model):
        devices.add(model.head.weight.device.type)
        return {}

    history = run(model, data, config(precision=precision), evaluate=where, folder=tmp_path)
    assert devices == {"cuda"}
    assert model.head.weight.device.type == "cpu"
    assert history.column("train_loss") == pytest.approx(expected, rel=0.05)
    assert same(load_gpt(tmp_path), model)
