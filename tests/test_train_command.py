"""`python -m coursekit train`: what it prints, what it keeps, and how it fails."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import torch
from accelerate.state import AcceleratorState

from coursekit import __main__
from coursekit.data.languages import weather_diary
from coursekit.lm.checkpoints import FILE, load_checkpoint, load_gpt
from coursekit.lm.prediction import evaluate_loss
from coursekit.lm.tokenization import ByteLevelBPE
from coursekit.lm.training import History

SHAPE = ["--width=8", "--layers=1", "--heads=2", "--context=12"]
SMALL = ["--steps=8", "--batch-size=4", *SHAPE]
TEXT = "a b c d e f g h i j k l m n o p q r s t u v w x y z " * 40


@pytest.fixture(autouse=True)
def on_the_cpu(monkeypatch):
    monkeypatch.setenv("ACCELERATE_USE_CPU", "true")
    AcceleratorState._reset_state(reset_partial_state=True)
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)
    AcceleratorState._reset_state(reset_partial_state=True)


def command(source, folder, *options) -> int:
    return __main__.main(["train", str(source), "--output", str(folder), *SMALL, *options])


def test_a_known_language_is_compared_with_its_truth(tmp_path, capsys):
    assert command("weather", tmp_path) == 0
    trained, loss, truth, rate = capsys.readouterr().out.splitlines()
    language = weather_diary()
    held_out = language.sample(200, seed=1, length=13)
    model = load_gpt(tmp_path)
    assert trained == f"Trained for 8 steps on {8 * 4 * 12} tokens; kept in {tmp_path}."
    assert loss.endswith(f"on held-out data {evaluate_loss(model, held_out):.4f} nats a token.")

    laws = language.next_token_probs(held_out)[:, :-1].flatten(0, 1)
    with torch.no_grad():
        log_probs = model(held_out[:, :-1]).double().flatten(0, 1).log_softmax(dim=-1)
    floor = torch.nn.functional.nll_loss(laws.log(), held_out[:, 1:].flatten())
    kl = torch.nn.functional.kl_div(log_probs, laws, reduction="batchmean")
    assert truth == (
        f"The true probabilities have {floor:.4f} on the same data; KL to the truth {kl:.4f}."
    )
    assert f"{language.entropy_rate().value:.4f}" in rate


def test_the_same_command_goes_on(tmp_path, capsys):
    assert command("grammar", tmp_path, "--seed", "3") == 0
    first = capsys.readouterr().out
    assert command("grammar", tmp_path, "--seed", "3") == 0
    assert capsys.readouterr().out == first


def test_a_text_is_learnt_with_a_tokenizer_of_its_own(tmp_path, capsys):
    path = tmp_path / "text.txt"
    path.write_text(TEXT, encoding="utf-8")
    folder = tmp_path / "model"
    assert command(path, folder) == 0
    printed = capsys.readouterr().out
    assert "nats a token" in printed
    assert "truth" not in printed
    tokenizer = ByteLevelBPE.from_pretrained(folder)
    model = load_gpt(folder)
    assert model.config.vocab_size == tokenizer.vocab_size > 256
    held_out = torch.tensor(tokenizer.encode(TEXT[round(0.9 * len(TEXT)) :]))
    assert f"held-out data {evaluate_loss(model, held_out):.4f}" in printed

    assert command(path, folder) == 0
    assert capsys.readouterr().out == printed
    path.write_text(TEXT.replace("a", "b"), encoding="utf-8")
    assert command(path, folder) == 1
    assert "another training" in capsys.readouterr().err


def test_a_byte_order_mark_is_no_text(tmp_path, capsys):
    told = []
    for name, encoding in (("plain", "utf-8"), ("marked", "utf-8-sig")):
        (tmp_path / f"{name}.txt").write_text(TEXT, encoding=encoding)
        assert command(tmp_path / f"{name}.txt", tmp_path / name) == 0
        told.append(capsys.readouterr().out.replace(name, ""))
    assert told[0] == told[1]


def test_every_option_arrives(tmp_path):
    options = ["--learning-rate", "0.02", "--seed", "5", "--checkpoint-every", "3"]
    assert command("weather", tmp_path, *options) == 0
    header = load_checkpoint(tmp_path)[1]
    training = header["progress"]["training"]
    given = {"steps": 8, "batch_size": 4, "learning_rate": 0.02, "seed": 5}
    assert {name: training[name] for name in given} == given
    shape = {"width": 8, "n_layers": 1, "n_heads": 2, "context": 12}
    assert {name: header["model"][name] for name in shape} == shape


@pytest.mark.parametrize(
    ("source", "options", "said"),
    [
        (
            "wether",
            [],
            "train: source must be weather, grammar or the name of a text file",
        ),
        ("weather", ["--steps", "0"], "train: steps must be at least 1, found 0"),
        ("weather", ["--heads", "3"], "width must be a multiple of n_heads = 3"),
        ("short.txt", [], "data must be a stream of at least"),
        ("latin.txt", [], "source must be UTF-8 text, found 'latin.txt'"),
        ("empty.txt", [], "text must have at least one character"),
        ("weather", ["--learning-rate", "1e30"], "Training diverged"),
    ],
)
def test_errors_are_said_without_a_traceback(tmp_path, monkeypatch, capsys, source, options, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "short.txt").write_text("brief", encoding="utf-8")
    (tmp_path / "latin.txt").write_bytes("né".encode("latin-1") * 100)
    (tmp_path / "empty.txt").touch()
    assert command(source, "model", *options) == 1
    printed = capsys.readouterr()
    assert said in printed.err
    assert "Traceback" not in printed.err
    assert printed.out == ""


def test_a_folder_that_is_a_file(tmp_path, capsys):
    (tmp_path / "file").touch()
    assert command("weather", tmp_path / "file") == 1
    assert "folder must be one that you may write into" in capsys.readouterr().err


def test_an_interrupt_says_how_to_go_on(tmp_path, monkeypatch, capsys):
    from coursekit import train_command

    def interrupted(*_, **__):
        return History(interrupted=True)

    monkeypatch.setattr(train_command, "train", interrupted)
    assert command("weather", tmp_path) == 130
    assert f"The same command goes on from what {tmp_path} holds" in capsys.readouterr().err


def test_a_folder_must_be_given(capsys):
    with pytest.raises(SystemExit) as end:
        __main__.main(["train", "weather"])
    assert end.value.code == 2
    assert "--output" in capsys.readouterr().err


def test_two_processes_say_it_once(tmp_path):
    command = [sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu"]
    command += ["--num_processes=2", "--num_machines=1", "--mixed_precision=no"]
    command += ["--dynamo_backend=no", "--main_process_port=0", "-m", "coursekit"]
    command += ["train", "weather", "--output", str(tmp_path), *SMALL]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=600)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Trained for 8 steps") == 1
    assert (tmp_path / FILE).exists()
