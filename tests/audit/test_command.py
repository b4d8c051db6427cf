"""`python -m coursekit audit`: what it prints and keeps, how it fails, and many processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from accelerate.state import AcceleratorState
from transformers import BertConfig, BertForMaskedLM, GPT2Config, GPT2Model

from coursekit import __main__
from coursekit.audit import TASKS, Report, page, questions

SMALL = ["--limit=8", "--device=cpu", "--tasks", "code", "answers"]


@pytest.fixture(autouse=True)
def on_the_cpu(monkeypatch):
    monkeypatch.setenv("ACCELERATE_USE_CPU", "true")
    AcceleratorState._reset_state(reset_partial_state=True)
    yield
    AcceleratorState._reset_state(reset_partial_state=True)


@pytest.fixture
def no_page(monkeypatch):
    """Where the page does not matter: its figures take seconds."""
    monkeypatch.setattr(page, "write_html", lambda report, folder: None)


def command(model, folder, *options) -> int:
    return __main__.main(["audit", str(model), "--output", str(folder), *SMALL, *options])


@pytest.fixture(scope="module")
def audited(byte_model, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("audited")
    assert __main__.main(["audit", str(byte_model), "--output", str(folder), *SMALL]) == 0
    return folder


def test_it_writes_two_files_and_says_what_it_found(byte_model, tmp_path, capsys):
    folder = tmp_path / "new" / "folder"
    assert command(byte_model, folder) == 0
    printed = capsys.readouterr().out
    assert sorted(path.name for path in folder.iterdir()) == ["report.html", "report.json"]
    report = Report.read(folder)
    assert report.tasks == ["code", "answers"]
    for task in report.tasks:
        assert report.task(task)["title"] in printed
        assert f"{report.metrics(task)['gap']:+.3f}" in printed
    assert f"Written: report.json and report.html in {folder}." in printed


def test_every_option_arrives(byte_model, tmp_path, no_page):
    options = ["--dtype=bfloat16", "--seed=3", "--batch-size=2", "--limit=9"]
    assert command(byte_model, tmp_path, *options) == 0
    data = Report.read(tmp_path).data
    assert data["model"]["dtype"] == "bfloat16"
    assert data["settings"]["seed"] == 3
    assert set(data["settings"]["limit"].values()) == {9}


def test_the_tasks_of_the_command_are_those_of_the_package():
    assert tuple(TASKS) == questions.TASKS


def test_resume_repeats_nothing_and_mends_a_lost_page(byte_model, audited, monkeypatch, capsys):
    page = (audited / "report.html").read_bytes()
    (audited / "report.html").unlink()
    monkeypatch.setattr(type(TASKS["code"]), "read", None)
    assert command(byte_model, audited, "--resume") == 0
    assert (audited / "report.html").read_bytes() == page
    assert command(byte_model, audited) == 1
    assert "Add --resume" in capsys.readouterr().err


def test_two_reports_side_by_side(audited, capsys):
    assert __main__.main(["audit", "--compare", str(audited), str(audited / "report.json")]) == 0
    printed = capsys.readouterr().out
    assert "Second minus first, paired" in printed
    assert "+0.000 [+0.000, +0.000]" in printed
    only = ["audit", "--compare", str(audited), str(audited), "--tasks", "answers"]
    assert __main__.main(only) == 0
    assert "code" not in capsys.readouterr().out


@pytest.fixture
def broken(byte_model, tmp_path) -> dict[str, str]:
    """Things that are no causal language model, by name."""
    import shutil

    made = {}
    tiny = {"vocab_size": 257, "num_hidden_layers": 1, "num_attention_heads": 2}
    bert = BertForMaskedLM(
        BertConfig(hidden_size=8, intermediate_size=8, initializer_range=0.5, **tiny)
    )
    headless = GPT2Model(GPT2Config(vocab_size=257, n_embd=8, n_layer=1, n_head=2))
    for name, model in (("masked", bert), ("headless", headless)):
        folder = shutil.copytree(byte_model, tmp_path / name)
        model.save_pretrained(folder)
        made[name] = str(folder)
    for name in ("no weights", "pickle", "no tokenizer"):
        made[name] = str(shutil.copytree(byte_model, tmp_path / name.replace(" ", "-")))
    (Path(made["no weights"]) / "model.safetensors").unlink()
    (Path(made["pickle"]) / "model.safetensors").rename(Path(made["pickle"]) / "weights.bin")
    for path in Path(made["no tokenizer"]).glob("token*"):
        path.unlink()
    for name, content in (("text.txt", b"words"), ("bad.gguf", b"GGUX" + bytes(64))):
        (tmp_path / name).write_bytes(content)
        made[name] = str(tmp_path / name)
    return made


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("masked", "is not a causal language model: it reads the tokens that it should predict"),
        ("no weights", "has no weights in the safetensors format. Save it with"),
        ("pickle", "weights.bin is a pickle, which can run any code"),
        ("no tokenizer", "has no tokenizer: save it there with tokenizer.save_pretrained"),
        ("text.txt", "is a file, but not a GGUF file"),
        ("bad.gguf", "is no GGUF file, or a damaged one"),
        ("missing.gguf", "there is no such file"),
        ("no/such/folder/at/all", "not a folder on this machine"),
        ("", "name must be"),
    ],
)
def test_a_bad_model_leaves_nothing_behind(broken, tmp_path, capsys, model, said):
    folder = tmp_path / "out"
    assert command(broken.get(model, model), folder) == 1
    printed = capsys.readouterr()
    assert said in printed.err
    assert "Traceback" not in printed.err
    assert printed.out == ""
    assert list(folder.iterdir()) == []


def test_a_model_that_is_not_to_be_had(monkeypatch, tmp_path, capsys):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    assert command("someone/nothing", tmp_path / "out") == 1
    assert "the Hugging Face hub cannot be reached" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["audit"], "no model was named"),
        (["audit", "x", "--compare", "a", "b"], "--compare takes two reports and no model"),
        (["audit", "--compare", "nowhere", "nowhere"], "found no such report"),
        (["audit", "x", "--tasks", "poetry"], "tasks must be some of prose, code, samples"),
        (["audit", "answers.csv", "--dtype=float16"], "--dtype is for a model, and the subject"),
        (["audit", "x", "--device", "nonsense"], "device='nonsense' cannot be used here"),
        (["audit", "smollm2-135m-instruct", "--limit", "3"], "limit must be at least 8, found 3"),
    ],
)
def test_bad_arguments(arguments, said, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert __main__.main(arguments) == 1
    printed = capsys.readouterr()
    assert said in printed.err
    assert printed.out == ""


@pytest.mark.parametrize("option", [["--dtype", "int8"], ["--limit", "x"]])
def test_unknown_words_are_refused_before_torch_is_imported(option, capsys):
    with pytest.raises(SystemExit) as end:
        __main__.main(["audit", "x", *option])
    assert end.value.code == 2
    assert "invalid" in capsys.readouterr().err


def test_an_output_that_cannot_be_written(byte_model, tmp_path, capsys):
    (tmp_path / "file").touch()
    assert command(byte_model, tmp_path / "file") == 1
    assert f"cannot write into {tmp_path / 'file'}" in capsys.readouterr().err
    assert command(byte_model, tmp_path / "file" / "below") == 1


def test_out_of_memory_says_the_batch_size_to_try(byte_model, tmp_path, monkeypatch, capsys):
    def full(*_):
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(type(TASKS["code"]), "read", full)
    assert command(byte_model, tmp_path, "--batch-size=6") == 1
    assert "--batch-size 3" in capsys.readouterr().err
    assert not list(tmp_path.glob("report.*"))


def test_a_model_too_large_for_the_device_says_what_to_try(
    byte_model, tmp_path, monkeypatch, capsys
):
    from coursekit.llm import pretrained

    def full(*_, **__):
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(pretrained, "_read_other", full)
    assert command(byte_model, tmp_path) == 1
    assert "--dtype bfloat16" in capsys.readouterr().err


def test_an_interrupt_says_how_to_go_on(byte_model, tmp_path, monkeypatch, capsys, no_page):
    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(type(TASKS["answers"]), "read", interrupted)
        assert command(byte_model, tmp_path) == 130
    assert "Add --resume" in capsys.readouterr().err
    assert command(byte_model, tmp_path, "--resume") == 0


def launch(n: int, model: Path, folder: Path, *options: str) -> subprocess.CompletedProcess:
    start = [sys.executable, "-m"]
    if n > 1:
        start += ["accelerate.commands.launch", "--multi_gpu", f"--num_processes={n}"]
        start += ["--num_machines=1", "--mixed_precision=no", "--dynamo_backend=no"]
        start += ["--main_process_port=0", "-m"]
    small = [option for option in SMALL if not option.startswith("--device")]
    command = [*start, "coursekit", "audit", str(model), "--output", str(folder), *small, *options]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"}
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=600)


def test_two_processes_give_the_numbers_of_one(byte_model, tmp_path):
    options = ["--batch-size=1", "--limit=17"]
    for n in (1, 2):
        done = launch(n, byte_model, tmp_path / str(n), *options)
        assert done.returncode == 0, done.stderr
        assert done.stdout.count("Calibration of") == 1
        assert sorted(path.name for path in (tmp_path / str(n)).iterdir()) == [
            "report.html",
            "report.json",
        ]
    one, two = (Report.read(tmp_path / str(n)) for n in (1, 2))
    assert numbers(one.data) == pytest.approx(numbers(two.data), abs=1e-6)
    assert (
        json.loads((tmp_path / "2" / "report.json").read_text(encoding="utf-8"))["settings"]
        == (one.data["settings"])
    )


def numbers(data) -> list[float]:
    """Every number of a report, in order."""
    if isinstance(data, dict):
        data = [data[key] for key in sorted(data)]
    if isinstance(data, list):
        return [number for part in data for number in numbers(part)]
    return [data] if isinstance(data, int | float) else []


def test_processes_share_the_work_and_all_stop_at_an_error(byte_model, tmp_path):
    done = launch(2, byte_model, tmp_path / "out", "--device=cpu")
    assert done.returncode != 0
    assert "several processes choose their devices themselves" in done.stderr
    assert not list((tmp_path / "out").glob("report.*"))
