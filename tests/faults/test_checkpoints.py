"""Training that is killed, disks that fill, files that rot: nothing is lost or wrong in silence.

Each test says how many tries it made. Quick ones run by default, the long ones at night.
"""

from __future__ import annotations

import errno
import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from accelerate.state import AcceleratorState

from coursekit import __main__
from coursekit.lm import GPT, ByteLevelBPE, GPTConfig, TrainingConfig, load_gpt, train
from coursekit.lm.checkpoints import FILE, load_checkpoint, own_folder

SHAPE = GPTConfig(vocab_size=11, context=8, width=8, n_layers=1, n_heads=2, dropout=0.1)
DATA = (torch.arange(48)[:, None] + torch.arange(9)) % 11


@pytest.fixture(autouse=True)
def on_the_cpu(monkeypatch):
    monkeypatch.setenv("ACCELERATE_USE_CPU", "true")
    AcceleratorState._reset_state(reset_partial_state=True)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
    AcceleratorState._reset_state(reset_partial_state=True)


def trained(folder: Path | None = None, steps: int = 12, **options) -> GPT:
    """A model after its training, which is the same training whenever it has as many steps."""
    model = GPT(SHAPE, torch.Generator().manual_seed(0))
    config = TrainingConfig(
        steps=steps, batch_size=4, warmup_steps=3, evaluate_every=1, checkpoint_every=4
    )
    train(model, DATA, config, folder=folder, progress=False, **options)
    return model


def same(a: GPT, b: GPT) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a.parameters(), b.parameters(), strict=True))


def at_step(step: int, what):
    """An `evaluate` that does something after so many steps."""
    calls = []

    def evaluate(_):
        calls.append(None)
        if len(calls) == step:
            what()
        return {}

    return evaluate


# Kills

# A process that forks itself for each try: importing torch once is enough. After some steps the
# child starts a timer of its own processor time, whose signal kills it wherever it is then: however
# busy the machine is, it comes no further.
KILLS = f"""
import json, os, random, signal, sys
import torch, torch._dynamo  # imported by the first optimizer
torch.set_num_threads(1)
sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_checkpoints import FILE, Path, at_step, load_checkpoint, trained

folder, tries, all_steps = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
luck, lost = random.Random(tries), []

def saved():
    return load_checkpoint(folder)[1]["progress"]["step"] if (folder / FILE).exists() else 0

for _ in range(tries):
    start, moment = saved(), luck.uniform(1e-4, 0.004)
    soon = at_step(luck.randint(1, 20), lambda: signal.setitimer(signal.ITIMER_PROF, moment))
    pipe_out, pipe_in = os.pipe()
    child = os.fork()
    if child == 0:
        told = lambda model: {{"told": os.write(pipe_in, b"."), **soon(model)}}
        trained(folder, all_steps, evaluate=told)
        os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WTERMSIG(status) == signal.SIGPROF, "the child ended by itself"
    steps = len(os.read(pipe_out, 10_000))
    os.close(pipe_in)
    os.close(pipe_out)
    lost.append(start + steps - saved())
reached = saved()
trained(folder, all_steps)
print(json.dumps({{"lost": lost, "reached": reached}}))
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows cannot fork, nor set a timer")
@pytest.mark.parametrize("tries", [5, pytest.param(60, marks=pytest.mark.slow)])
def test_killed_again_and_again_it_ends_with_the_same_weights(tmp_path, tries, tried):
    steps = 30 * tries  # more than the tries can reach
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", KILLS, str(tmp_path), str(tries), str(steps)],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    tried(kills=tries, steps_lost=sum(told["lost"]), steps_reached=told["reached"])
    assert len(told["lost"]) == tries
    assert all(0 <= lost <= 4 for lost in told["lost"]), told  # one interval, at most
    assert tries < told["reached"] < steps
    assert same(load_gpt(tmp_path), trained(steps=steps))


# Files


@pytest.mark.parametrize("tries", [200, pytest.param(4000, marks=pytest.mark.slow)])
def test_a_spoiled_checkpoint_is_refused_with_the_reason(tmp_path, tries, spoil, tried):
    trained(tmp_path)
    path, luck, refused = tmp_path / FILE, random.Random(tries), 0
    whole = path.read_bytes()
    while refused < tries:
        content = spoil(whole, luck)
        if content == whole:  # zeros where there were zeros
            continue
        path.write_bytes(content)
        with pytest.raises(ValueError, match=rf"^folder must hold .*, found .*{FILE}"):
            load_gpt(tmp_path)
        refused += 1
    tried(spoiled=tries, refused=refused)


def test_training_does_not_go_on_from_a_spoiled_checkpoint_nor_overwrite_it(tmp_path):
    trained(tmp_path)
    path = tmp_path / FILE
    path.write_bytes(path.read_bytes()[:-1])
    before = path.read_bytes()
    with pytest.raises(ValueError, match="damaged"):
        trained(tmp_path)
    assert path.read_bytes() == before


# Disks


def test_a_full_disk_is_named_and_training_goes_on_when_there_is_room(tmp_path, monkeypatch):
    saves = []

    def fsync(_):
        saves.append(None)
        if len(saves) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("coursekit._files.os.fsync", fsync)
        with pytest.raises(OSError, match=rf"No space left on device: .*{FILE}.*Make room") as full:
            trained(tmp_path)
    assert str(full.value).startswith("folder must take a checkpoint of ")
    assert load_checkpoint(tmp_path)[1]["progress"]["step"] == 4
    assert sorted(os.listdir(tmp_path)) == [FILE, "training.lock"]
    assert same(trained(tmp_path), trained())


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps a folder whose lock is held")
@pytest.mark.parametrize("step", [2, 6, 12])
def test_a_folder_that_is_deleted_midway_is_made_anew(tmp_path, step):
    folder = tmp_path / "run"
    model = trained(folder, evaluate=at_step(step, lambda: shutil.rmtree(folder)))
    assert same(model, trained())
    assert same(load_gpt(folder), model)


# Two at once


def test_a_second_training_changes_nothing_in_the_folder_of_the_first(tmp_path):
    folder = tmp_path / "run"
    tokenizer = ByteLevelBPE.train("the first text", 260)
    seen = []

    def second_begins():
        before = {path.name: path.read_bytes() for path in folder.iterdir()}
        with pytest.raises(ValueError, match="folder must be free, found another training"):
            trained(folder, tokenizer=ByteLevelBPE.train("quite another one", 260))
        seen.append(before == {path.name: path.read_bytes() for path in folder.iterdir()})

    for step in (1, 6):  # before the first checkpoint, and after it
        trained(folder, resume=False, evaluate=at_step(step, second_begins), tokenizer=tokenizer)
    assert seen == [True, True]
    assert ByteLevelBPE.from_pretrained(folder).merges == tokenizer.merges


def test_the_command_writes_nothing_into_the_folder_of_another_training(tmp_path, capsys):
    folder = tmp_path / "run"
    (tmp_path / "text.txt").write_text("a b c d e f g " * 100, encoding="utf-8")
    with own_folder(folder):
        assert __main__.main(["train", str(tmp_path / "text.txt"), "--output", str(folder)]) == 1
        assert os.listdir(folder) == ["training.lock"]
    assert "another training that writes into" in capsys.readouterr().err
