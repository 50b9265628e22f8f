"""The processes: what their command lines refuse, and that they run, serve and end cleanly."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import parse_qs

import httpx
import numpy as np
import pytest

from headstart.__main__ import main
from headstart.live_forecaster import LiveForecaster
from headstart.service_options import Address, address_of
from models.series import DemandSeries
from predictor.fitting import FitPool
from tests.builders import CHAT
from tests.parts.loopback_server import LoopbackServer

POLICY = """\
apiVersion: headstart.dev/v1alpha1
kind: PreRestorePolicy
metadata: {name: chat}
spec:
  mode: Act
  demand: {prometheus: {query: demand, stepSeconds: 10, historyDays: 0.05}}
  capacity: {demandPerReplica: 10}
  limits: {minReplicas: 1, maxReplicas: 20}
"""


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY, encoding="utf-8")
    return path


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    """A service sets logging up for its whole process, which here is the tests' own."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@contextmanager
def a_prometheus(per_second: float) -> Iterator[str]:
    """Serve a constant demand at every step asked for."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            form = parse_qs(self.rfile.read(int(self.headers["content-length"])).decode())
            start, end, step = (float(form[name][0]) for name in ("start", "end", "step"))
            values = [[at, str(per_second)] for at in np.arange(start, end + 1e-6, step)]
            result = [{"metric": {}, "values": values}]
            data = {"resultType": "matrix", "result": result}
            body = json.dumps({"status": "success", "data": data}).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Keep quiet."""

    server = LoopbackServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def a_process(
    *words: str, said: list[str] | None = None
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run a service on a free port; yield it with its address once it serves.

    ``said`` is given what it says until then.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "headstart", *words, "--listen", "127.0.0.1:0", "--json"],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    try:
        yield process, _address(process, [] if said is None else said)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        if process.stderr is not None:
            process.stderr.close()


def _address(process: subprocess.Popen[str], said: list[str]) -> str:
    assert process.stderr is not None
    for line in process.stderr:
        text = json.loads(line)["text"]
        said.append(text)
        if text.startswith("serving on "):
            return str(text.removeprefix("serving on "))
    raise AssertionError(f"it never served: {said}")


def until_answered(url: str, wanted: str) -> httpx.Response:
    """Ask until an answer has what is wanted; generous, for a machine that is busy."""
    give_up_at = time.monotonic() + 60
    answer = httpx.get(url)
    while wanted not in answer.text:
        assert time.monotonic() < give_up_at, answer.text
        threading.Event().wait(0.1)
        answer = httpx.get(url)
    return answer


def test_up_forecasts_plans_serves_and_ends_cleanly(policy: Path, tmp_path: Path) -> None:
    said: list[str] = []
    with (
        a_prometheus(42.0) as url,
        a_process(
            "up", "--policy", str(policy), "--prometheus", url, "--tick-seconds", "0.2",
            "--state", str(tmp_path / "state.db"), said=said,
        ) as (process, address),
    ):  # fmt: skip
        assert [line for line in said if "simulated" in line]
        until_answered(f"{address}/readyz", "ready\n")
        plan = until_answered(f"{address}/v1/plans/chat", '"demandPerSecond":42.0').json()
        assert plan["target"] >= 5
        metrics = httpx.get(f"{address}/metrics").text
        assert "headstart_target_replicas" in metrics
        assert "headstart_fit_crashes_total 0.0" in metrics
        assert "headstart_stream_clients_dropped_total 0.0" in metrics
        assert main(["explain", "chat", "--url", address]) == 0
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0


def test_a_controller_follows_a_predictor(policy: Path) -> None:
    with (
        a_prometheus(42.0) as url,
        a_process(
            "predictor", "--policy", str(policy), "--prometheus", url, "--tick-seconds", "0.2"
        ) as (_, predictor),
        a_process(
            "controller", "--policy", str(policy), "--predictor", predictor,
            "--tick-seconds", "0.2",
        ) as (process, address),
    ):  # fmt: skip
        until_answered(f"{address}/v1/plans/chat", '"demandPerSecond":42.0')
        assert "headstart_predictor_connected 1.0" in httpx.get(f"{address}/metrics").text
        assert httpx.get(f"{address}/readyz").status_code == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0


def test_a_predictor_serves_what_a_controller_on_kubernetes_asks_for(policy: Path) -> None:
    with (
        a_prometheus(42.0) as url,
        a_process(
            "predictor", "--policy", str(policy), "--prometheus", url, "--tick-seconds", "0.2",
            "--qualified-names",
        ) as (process, address),
    ):  # fmt: skip
        served = until_answered(f"{address}/v1/forecasts/default/chat", '"perSecond":42.0').json()
        assert served["workload"] == "default/chat"
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--listen", "8080"], "--listen: 8080 is not allowed: must be HOST:PORT"),
        (["--listen", "a:99999"], "--listen: 'a:99999' is not allowed: must be HOST:PORT"),
        (["--tick-seconds", "0"], "--tick-seconds: 0 is not allowed: must be from 0.1 to 3600"),
        ([], "--prometheus: missing, the policy chat has a query"),
        (["--prometheus", "x"], "prometheus.url: 'x' is not an http:// or https:// address"),
        (["--policy", "/nowhere.yaml"], "/nowhere.yaml: "),
    ],
)
def test_up_refuses_what_cannot_work_in_one_line(
    words: list[str], said: str, policy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["up", "--policy", str(policy), *words]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"headstart: {said}")
    assert error.count("\n") == 1


def test_up_does_not_pretend_to_act_with_another_driver(
    policy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = (
        "  restore: {driver: NvidiaSnapshot, snapshot: warm}\n"
        "  target: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: chat}}\n"
        "  actuator: Scale\n"
    )
    policy.write_text(POLICY + target, encoding="utf-8")
    assert main(["up", "--policy", str(policy), "--prometheus", "http://127.0.0.1:1"]) == 2
    assert "spec.restore.driver: 'NvidiaSnapshot' can't act here" in capsys.readouterr().err


def test_a_port_in_use_is_said_and_exits_1(
    policy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with a_prometheus(1.0) as url:
        taken = url.removeprefix("http://")
        code = main(["up", "--policy", str(policy), "--prometheus", url, "--listen", taken])
    assert code == 1
    assert f"--listen: can't listen on {taken}: address already in use" in capsys.readouterr().err


def test_replay_takes_what_prometheus_has_recorded(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with a_prometheus(42.0) as url:
        words = ["--prometheus", url, "--query", "demand", "--days", "0.02", "--out", str(out)]
        assert main(["replay", *words]) == 0
    summary = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    assert summary["capacity_per_replica"] == pytest.approx(42.0 / 20)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ([], 2, "TRACE: give either a file, --prometheus URL with --query, or --kafka HOST:PORT"),
        (["t.csv", "--kafka", "x:1"], 2, "TRACE: give either a file"),
        (["--kafka", "x:1"], 2, "--topic: missing"),
        (["--kafka", "", "--topic", "t"], 2, "--kafka: '' is not allowed: must be HOST:PORT"),
        (["--prometheus", "http://x"], 2, "--query: missing"),
        (["--prometheus", "x", "--query", "q"], 2, "--prometheus: prometheus.url: 'x' is not"),
        (["--prometheus", "http://x", "--query", "q", "--days", "0"], 2, "--days: 0 is not"),
        (["--prometheus", "http://127.0.0.1:1", "--query", "q"], 1, "--prometheus: "),
    ],
)
def test_replay_refuses_what_is_no_demand(
    words: list[str], code: int, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["replay", *words, "--out", str(tmp_path / "out")]) == code
    assert capsys.readouterr().err.startswith(f"headstart: {said}")


def test_an_address_may_be_of_ipv6() -> None:
    assert address_of("[::1]:80") == Address(host="::1", port=80)


def steps(start: float, values: list[float]) -> DemandSeries:
    return DemandSeries(start=start, step_seconds=10.0, values=np.array(values))


def test_the_live_forecaster_forecasts_from_the_last_step_on() -> None:
    forecaster = LiveForecaster(FitPool(max_workers=1), reach_seconds=300.0, tick_seconds=2.0)
    assert not forecaster.forecast([CHAT])
    forecaster.extend(CHAT, steps(0.0, [40.0] * 60))
    forecaster.extend(CHAT, steps(600.0, [40.0] * 60))
    forecast = forecaster.forecast([CHAT])[CHAT]
    assert forecast.issued_at == 1200.0
    assert forecast.horizon_seconds >= 300.0
    assert forecast.values[:, 0] == pytest.approx(40.0, rel=0.05)


def test_a_gap_in_the_steps_begins_anew() -> None:
    forecaster = LiveForecaster(FitPool(max_workers=1), reach_seconds=300.0, tick_seconds=2.0)
    forecaster.extend(CHAT, steps(0.0, [40.0] * 60))
    forecaster.extend(CHAT, steps(10_000.0, [5.0] * 60))
    forecast = forecaster.forecast([CHAT])[CHAT]
    assert forecast.values[:, 0].max() < 10.0
