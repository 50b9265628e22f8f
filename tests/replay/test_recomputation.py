"""What a replay says it attained and cost is what its own files and the trace amount to."""

from __future__ import annotations

import csv
import gzip
import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from headstart.__main__ import main
from models.forecast import FloatArray
from tests.replay.independent import judge, read_replicas

SHARE_TOLERANCE = 0.002
GPU_TOLERANCE = 0.005
ORIGIN = 1_700_000_100
TICK_SECONDS = 5.0
CONTRACT = ("plans.csv", "replicas.csv", "report.html", "summary.json")
TROUBLED_WORLD = """\
restore: {medianSeconds: 40, failureShare: 0.2, hangShare: 0.1, timeoutSeconds: 120}
seed: 3
"""
PARKING_WORLD = """\
restore: {medianSeconds: 10, failureShare: 0.1, hangShare: 0.1, timeoutSeconds: 120}
parking: {medianSeconds: 30, perNode: 2}
seed: 3
"""


def waves(bins: int, bin_seconds: float, *, mean: float, seed: int) -> FloatArray:
    """Return whole requests of each bin: a wave of 40 minutes, bursts and chance."""
    generator = np.random.default_rng(seed)
    seconds = np.arange(bins) * bin_seconds
    rate = mean * (1 + 0.6 * np.sin(seconds / 380) + 0.8 * (seconds % 1500 > 1380))
    requests = generator.poisson(rate * bin_seconds)
    requests[0] = requests[-1] = max(1, round(mean * bin_seconds))
    return requests.astype(np.float64)


def counts_csv(requests: FloatArray, bin_seconds: float) -> str:
    rows = [f"{ORIGIN + i * bin_seconds:.0f},{n:.0f}" for i, n in enumerate(requests)]
    return "\n".join(["timestamp,requests", *rows]) + "\n"


def arrivals(requests: FloatArray) -> list[float]:
    """Return the time of each request, evenly within its second."""
    return [
        ORIGIN + second + (place + 0.5) / count
        for second, count in enumerate(requests)
        for place in range(int(count))
    ]


def log_csv(requests: FloatArray, _: float) -> str:
    stamps = [datetime.fromtimestamp(at, UTC) for at in arrivals(requests)]
    rows = [f"{stamp:%Y-%m-%d %H:%M:%S.%f},512,64" for stamp in stamps]
    return "\n".join(["TIMESTAMP,ContextTokens,GeneratedTokens", *rows]) + "\n"


def log_jsonl(requests: FloatArray, _: float) -> str:
    return "".join(f'{{"timestamp": {at:.3f}, "model": "chat"}}\n' for at in arrivals(requests))


@dataclass(frozen=True, kw_only=True)
class Case:
    """A trace, how it is written, and the world that it is played in."""

    name: str
    bins: int
    bin_seconds: float
    mean: float
    write: Callable[[FloatArray, float], str] = counts_csv
    warmup_seconds: float = 600.0
    environment: str = ""

    @property
    def requests(self) -> FloatArray:
        return waves(self.bins, self.bin_seconds, mean=self.mean, seed=len(self.name))


CASES = (
    Case(name="ten.csv", bins=760, bin_seconds=10, mean=40, warmup_seconds=3800),
    Case(name="minutes.csv.gz", bins=100, bin_seconds=60, mean=40),
    Case(name="log.csv", bins=2400, bin_seconds=1, mean=3, write=log_csv),
    Case(name="log.jsonl", bins=2400, bin_seconds=1, mean=3, write=log_jsonl),
    Case(name="coarse.csv", bins=22, bin_seconds=300, mean=40),
    Case(name="troubled.csv", bins=360, bin_seconds=10, mean=40, environment=TROUBLED_WORLD),
    Case(name="parked.csv", bins=360, bin_seconds=10, mean=40, environment=PARKING_WORLD),
)


def replayed(case: Case, folder: Path) -> Path:
    """Write the trace, run the command, and return the folder of its results."""
    trace, out = folder / case.name, folder / "out"
    text = case.write(case.requests, case.bin_seconds).encode()
    trace.write_bytes(gzip.compress(text) if case.name.endswith(".gz") else text)
    words = ["replay", str(trace), "--out", str(out)]
    if case.environment:
        world = folder / "world.yaml"
        world.write_text(case.environment, encoding="utf-8")
        words += ["--environment", str(world)]
    assert main(words) == 0
    return out


def summary_of(out: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    return content


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_summary_is_what_replicas_and_trace_amount_to(case: Case, tmp_path: Path) -> None:
    out = replayed(case, tmp_path)

    assert [name for name in CONTRACT if not (out / name).is_file()] == []
    summary = summary_of(out)
    end = case.bins * case.bin_seconds
    span = (summary["scored_from_seconds"], summary["scored_until_seconds"])
    assert span == (case.warmup_seconds, end)
    opinion = judge(
        read_replicas(out / "replicas.csv"),
        list(case.requests),
        case.bin_seconds,
        span,
        summary["capacity_per_replica"],
        step_seconds=0.05,
    )
    assert summary["attained_share"] == pytest.approx(opinion.attained_share, abs=SHARE_TOLERANCE)
    assert summary["gpu_seconds"] == pytest.approx(opinion.gpu_seconds, rel=GPU_TOLERANCE)
    assert summary["misses"] == pytest.approx(
        (1 - summary["attained_share"]) * opinion.demand, rel=1e-3, abs=1e-6
    )
    plans = rows_of(out / "plans.csv")
    assert len(plans) == math.ceil((end - case.warmup_seconds) / TICK_SECONDS)
    assert float(plans[0]["time"]) == case.warmup_seconds
    _assert_counted(summary, rows_of(out / "replicas.csv"), is_troubled=bool(case.environment))


def _assert_counted(
    summary: dict[str, Any], rows: list[dict[str, str]], *, is_troubled: bool
) -> None:
    begun = [row for row in rows if row["kind"] != "initial"]
    started = [row for row in begun if row["started_at"]]
    if "parking" in summary:
        _assert_parked(summary["parking"], begun)
    else:
        assert started == begun
    failed = [row for row in started if row["outcome"] in ("failed", "hung", "lost")]
    assert summary["restores"] == len(started)
    assert summary["failures"] == len(failed)
    # In a sound world too one in hundreds takes so long that it is given up, but none fails.
    assert failed if is_troubled else [row["outcome"] for row in failed] in ([], ["hung"])
    assert started


def _assert_parked(counted: dict[str, Any], begun: list[dict[str, str]]) -> None:
    never = [row for row in begun if not row["started_at"]]
    assert counted["unparked"] == sum(1 for row in never if row["outcome"] == "unparked")
    failed = [row for row in never if row["outcome"] in ("failed", "hung", "lost")]
    assert counted["failures"] == len(failed) > 0
    # A cold start needs no worker.
    warm = [row for row in begun if row["started_at"] and row["kind"] == "restore"]
    assert counted["promotions"] == len(warm) > 0
    assert {row["ready_at"] for row in never} == {""}
