"""What a replay writes can be read back, and what is wrong with a file is said in one line."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from controller.plan import Plan, Reason
from headstart.errors import UsageError
from headstart.output import prepare_folder, write_whole
from headstart.plan_log import PlanLog
from headstart.results import (
    Summary,
    write_forecasts,
    write_plans,
    write_replicas,
    write_summary,
)
from headstart.results_reading import PlanRow, ReplicaRow, read_plans, read_replicas
from headstart.scoring import Score
from models.forecast import WorkloadName

ORIGIN = 1_700_000_000.0


@dataclass(frozen=True)
class Record:
    """A replica's life on the epoch's clock."""

    replica: str = "chat-1"
    node: str = "node-1"
    kind: str = "restore"
    decided_at: float | None = ORIGIN + 1
    started_at: float | None = ORIGIN + 1.25
    ready_at: float | None = ORIGIN + 61.5
    released_at: float | None = None
    outcome: str = "serving"


def a_plan(*, at: float = ORIGIN + 10, demand: float | None = 12.3456789) -> Plan:
    return Plan(
        workload=WorkloadName("chat"),
        at=at,
        target=5,
        floor=5,
        reactive=3,
        ready=4,
        restoring=1,
        demand_per_second=demand,
        lead_time_seconds=61.25,
        quantile_level=0.95,
        reason=Reason.FORECAST,
    )


def a_summary() -> Summary:
    reactive = Score(
        attained_share=0.98,
        demand=100,
        missed=2,
        gpu_seconds=900,
        idle_gpu_seconds=400,
        violation_seconds=9,
        duration_seconds=60,
    )
    return Summary(
        trace="hour.csv",
        scored_from_seconds=600,
        scored_until_seconds=3600,
        objective_attainment=0.99,
        objective_wait_seconds=2,
        capacity_per_replica=0.5,
        attained_share=0.995,
        gpu_seconds=700,
        restores=12,
        failures=1,
        hits=10,
        misses=0.5,
        wasted_gpu_seconds=30,
        wall_seconds=2.5,
        comparison={"reactive": reactive},
    )


def test_replicas_are_written_in_seconds_since_the_traces_start(tmp_path: Path) -> None:
    path = tmp_path / "replicas.csv"

    write_replicas(path, [Record()], origin=ORIGIN)

    assert path.read_text() == (
        "replica,node,kind,decided_at,started_at,ready_at,released_at,outcome\n"
        "chat-1,node-1,restore,1,1.25,61.5,,serving\n"
    )


def test_replicas_are_written_in_the_order_of_their_starts(tmp_path: Path) -> None:
    path = tmp_path / "replicas.csv"

    write_replicas(path, [Record(), Record(replica="chat-0", started_at=ORIGIN)], origin=ORIGIN)

    assert [row.replica for row in read_replicas(path)] == ["chat-0", "chat-1"]


def test_replicas_come_back_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "replicas.csv"

    write_replicas(path, [Record(node='rack "3", left')], origin=ORIGIN)

    assert read_replicas(path) == (
        ReplicaRow(
            replica="chat-1",
            node='rack "3", left',
            kind="restore",
            decided_at=1,
            started_at=1.25,
            ready_at=61.5,
            released_at=None,
            outcome="serving",
        ),
    )


def test_times_late_in_a_long_trace_keep_their_milliseconds(tmp_path: Path) -> None:
    path = tmp_path / "replicas.csv"

    write_replicas(path, [Record(started_at=ORIGIN + 2_419_199.123)], origin=ORIGIN)

    assert read_replicas(path)[0].started_at == 2_419_199.123


def test_plans_come_back_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "plans.csv"

    log = PlanLog.sized(2)
    log.add(10.0, a_plan())
    log.add(15.0, a_plan(demand=None))

    write_plans(path, log)

    first, second = read_plans(path)
    assert first == PlanRow(
        time=10,
        demand_per_second=12.3456789,
        target=5,
        floor=5,
        reactive=3,
        ready=4,
        restoring=1,
        lead_time_seconds=61.25,
        quantile_level=0.95,
        reason="forecast",
    )
    assert second.demand_per_second is None


def test_plans_have_the_documented_columns(tmp_path: Path) -> None:
    path = tmp_path / "plans.csv"

    write_plans(path, PlanLog.sized(0))

    assert path.read_text() == (
        "time,demand_per_second,target,floor,reactive,ready,restoring,"
        "lead_time_seconds,quantile_level,reason\n"
    )


def test_the_summary_compares_policies_by_name(tmp_path: Path) -> None:
    path = tmp_path / "summary.json"

    write_summary(path, a_summary())

    summary = json.loads(path.read_text())
    assert summary["attained_share"] == 0.995
    assert summary["comparison"]["reactive"]["gpu_seconds"] == 900


def test_forecasts_have_a_row_an_origin_and_horizon(tmp_path: Path) -> None:
    path = tmp_path / "forecasts.csv"

    write_forecasts(
        path,
        origins=np.array([600.0, 1_209_600.0]),
        horizons_seconds=(10, 60),
        quantiles=(0.5, 0.9),
        values=np.array([[[1, 2], [3, 4.5]], [[5, 6], [7, 1234567.0]]]),
    )

    assert path.read_text().splitlines() == [
        "origin,horizon_seconds,0.5,0.9",
        "600,10,1,2",
        "600,60,3,4.5",
        "1209600,10,5,6",
        "1209600,60,7,1.23457e+06",
    ]


def test_forecasts_that_never_were_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "forecasts.csv"

    write_forecasts(
        path,
        origins=np.array([0.0, 10.0]),
        horizons_seconds=(10,),
        quantiles=(0.5,),
        values=np.array([[[np.nan]], [[4.0]]]),
    )

    assert path.read_text().splitlines()[1:] == ["10,10,4"]


def test_a_file_that_fails_half_way_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "plans.csv"
    path.write_text("old")

    def pieces() -> object:
        yield "new"
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write_whole(path, pieces())  # type: ignore[arg-type]

    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_an_output_folder_is_made_with_its_parents(tmp_path: Path) -> None:
    assert prepare_folder(tmp_path / "a" / "b").is_dir()


@pytest.mark.parametrize("name", ["taken", "taken/below"])
def test_an_output_folder_that_is_a_file_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "taken").write_text("")

    with pytest.raises(UsageError, match="must be a folder, not a file"):
        prepare_folder(tmp_path / name)


def test_a_folder_that_went_away_is_said_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "gone" / "plans.csv"

    with pytest.raises(UsageError) as error:
        write_whole(path, ["x"])

    assert str(error.value) == f"--out: {path} can't be written: No such file or directory"


HEADER = "time,demand_per_second,target,floor,reactive,ready,restoring,"
HEADER += "lead_time_seconds,quantile_level,reason\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", f":1: header: '' is not allowed: must be {HEADER.strip()}"),
        ("a,b\n", f":1: header: 'a,b' is not allowed: must be {HEADER.strip()}"),
        (HEADER + "1,2\n", ":2: 2 fields are not allowed: must be 10"),
        (
            HEADER + "soon,1,1,1,1,1,1,1,1,hold\n",
            ":2: time: 'soon' is not allowed: must be a number",
        ),
        (
            HEADER + "nan,1,1,1,1,1,1,1,1,hold\n",
            ":2: time: 'nan' is not allowed: must be a number",
        ),
        (HEADER + ",1,1,1,1,1,1,1,1,hold\n", ":2: time: '' is not allowed: must be a number"),
        (
            HEADER + "1,1,-2,1,1,1,1,1,1,hold\n",
            ":2: target: -2 is not allowed: must be a whole number of at least 0",
        ),
    ],
)
def test_a_wrong_file_is_refused_in_one_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "plans.csv"
    path.write_text(text)

    with pytest.raises(UsageError) as error:
        read_plans(path)

    assert str(error.value) == f"{path}{message}"


def test_a_file_that_is_not_there_is_said_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "replicas.csv"

    with pytest.raises(UsageError) as error:
        read_replicas(path)

    assert str(error.value) == f"{path}: can't be read: No such file or directory"


def test_a_binary_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "replicas.csv"
    path.write_bytes(b"\xff\xfe\x00")

    with pytest.raises(UsageError, match="is not a text file"):
        read_replicas(path)
