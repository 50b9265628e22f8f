"""What a policy's status says, when it is written, and what of it outlives a restart."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from controller.adapters.kubernetes.api import PatchKind
from controller.adapters.kubernetes.budget import Priority
from controller.adapters.kubernetes.errors import NotFoundError, UnavailableError
from controller.adapters.kubernetes.exchange import Json
from controller.adapters.kubernetes.fleet_summary import fleet_summary
from controller.adapters.kubernetes.policies import WatchedPolicies
from controller.adapters.kubernetes.status import StatusWriter
from controller.adapters.kubernetes.status_text import (
    MEASUREMENTS,
    Known,
    differs,
    remembered_measurements,
    remembered_memory,
    remembered_tally,
    status_of,
)
from controller.cluster_view import Fleet, Node, NodeName, Phase
from controller.feedback import key_of
from controller.learned import learned
from controller.level_account import Account
from controller.objective import Calibration
from controller.outcomes import Outcomes
from controller.plan import Plan, Reason
from controller.policy import Mode
from controller.shadow_fleets import LEVELS, Shadows
from controller.tallies import Tally
from controller.tick_report import TickReport
from controller.tick_state import TickState, WorkloadState
from models.forecast import WorkloadName
from models.lead_time import LeadTimeMeasurement, LeadTimes, learn
from models.outlook import Outlook
from tests.builders import a_replica
from tests.unit.bad_memories import BAD_MEMORIES
from tests.unit.controller.builders import a_forecast, a_policy, an_outlook
from tests.unit.controller.kubernetes.test_cluster import until
from tests.unit.controller.kubernetes.watched import (
    FakeSource,
    HandClock,
    a_cache,
    a_policy_object,
    an_event,
)

NAME = WorkloadName("team/chat")
NOW = 1_700_000_000.0
NODE = Node(name=NodeName("node-00"), gpus=2)


def a_fleet(*phases: Phase, node: Node = NODE) -> Fleet:
    replicas = [a_replica(f"r{i}", workload=NAME, phase=one) for i, one in enumerate(phases)]
    return Fleet(seen_at=NOW, nodes=(node,), replicas=tuple(replicas))


def a_plan(**more: Any) -> Plan:
    return Plan(
        **{
            "workload": NAME,
            "at": NOW,
            "target": 3,
            "floor": 3,
            "reactive": 1,
            "ready": 1,
            "restoring": 1,
            "demand_per_second": 2.0,
            "lead_time_seconds": 41.26,
            "quantile_level": 0.9,
            "reason": Reason.FORECAST,
            **more,
        }
    )


def known(**more: Any) -> Known:
    policy = more.pop("policy", a_policy(NAME))
    state = more.pop("state", TickState())
    fleet = more.pop("fleet", a_fleet(Phase.READY))
    return Known(
        **{
            "policy": policy,
            "generation": 4,
            "now": NOW,
            "state": state,
            "learned": learned(state, policy),
            "plan": a_plan(),
            "fleet": fleet_summary(fleet) if fleet is not None else None,
            "outlook": an_outlook(forecast=a_forecast(2.0, workload=NAME), workload=NAME),
            **more,
        }
    )


def conditions(status: Json) -> dict[str, tuple[str, str]]:
    return {one["type"]: (one["status"], one["reason"]) for one in status["conditions"]}


def test_all_is_well() -> None:
    status = status_of(known(fleet=a_fleet(Phase.READY, Phase.RESTORING)), {})
    # Two GPUs, both taken: there is no room for one more.
    assert conditions(status) == {
        "Ready": ("True", "PolicyAccepted"),
        "ForecastAccurate": ("True", "ForecastTrusted"),
        "StandbyAvailable": ("False", "NoStandbyNode"),
        "Acting": ("True", "ModeAct"),
    }
    assert status["replicas"] == {"target": 3, "ready": 1, "restoring": 1, "draining": 0}
    assert status["leadTime"]["seconds"] == 41.3
    assert status["lastPlan"] == {"at": "2023-11-14T22:13:20Z", "reason": "forecast"}
    assert status["observedGeneration"] == 4
    assert {one["observedGeneration"] for one in status["conditions"]} == {4}


def test_the_peak_is_the_highest_demand_foreseen_and_when() -> None:
    forecast = a_forecast([1.0, 5.0, 2.0], issued_at=NOW, workload=NAME)
    status = status_of(known(outlook=an_outlook(forecast=forecast, workload=NAME)), {})
    assert status["forecastPeak"] == {"perSecond": 5.0, "at": "2023-11-14T22:13:40Z"}


def test_every_trouble_is_said_by_its_condition() -> None:
    degraded = Outlook(
        workload=NAME,
        published_at=NOW,
        reading=None,
        forecast=a_forecast(workload=NAME),
        degraded=("prometheus is down",),
    )
    told = known(
        policy=a_policy(NAME, mode=Mode.OBSERVE),
        problems=("spec.mode: 'Fly' is not allowed",),
        outlook=degraded,
        plan=a_plan(waiting=2),
    )
    status = status_of(told, {})
    assert conditions(status) == {
        "Ready": ("False", "PolicyInvalid"),
        "ForecastAccurate": ("False", "Degraded"),
        "StandbyAvailable": ("False", "PoolExhausted"),
        "Acting": ("False", "ModeObserve"),
    }
    messages = {one["type"]: one["message"] for one in status["conditions"]}
    assert "the last good form stays in force" in messages["Ready"]
    assert messages["ForecastAccurate"] == "prometheus is down"


def test_what_is_not_known_is_unknown() -> None:
    status = status_of(known(outlook=None, fleet=None, plan=None, trouble="cluster: down"), {})
    assert conditions(status)["ForecastAccurate"] == ("Unknown", "NoOutlook")
    assert conditions(status)["StandbyAvailable"] == ("Unknown", "NotSeen")
    assert conditions(status)["Acting"] == ("False", "Trouble")
    assert status["forecastPeak"] is None
    assert status["lastPlan"] is None


def test_the_reason_why_no_node_will_do_is_said() -> None:
    unfit = dataclasses.replace(NODE, unfit_reason="not Ready")
    status = status_of(known(fleet=a_fleet(node=unfit)), {})
    message = {one["type"]: one["message"] for one in status["conditions"]}["StandbyAvailable"]
    assert message == "no standby node has room (unfit: node-00: not Ready)"


def test_a_time_of_transition_stays_until_a_condition_turns() -> None:
    before = status_of(known(), {})
    after = status_of(known(now=NOW + 60, outlook=None), before)
    times = {one["type"]: one["lastTransitionTime"] for one in after["conditions"]}
    assert times["Ready"] == "2023-11-14T22:13:20Z"
    assert times["ForecastAccurate"] == "2023-11-14T22:14:20Z"


def test_what_moves_at_every_tick_is_no_reason_to_write() -> None:
    before = status_of(known(), {})
    later = status_of(known(now=NOW + 5, plan=a_plan(at=NOW + 5)), before)
    assert not differs(later, before, calmly=True)
    assert differs(later, before, calmly=False)
    more = status_of(known(plan=a_plan(target=4)), before)
    assert differs(more, before, calmly=True)


def test_a_start_of_kin_is_no_reason_to_write_one_of_ones_own_is() -> None:
    nothing = TickState(workloads={NAME: WorkloadState()})
    policy, before = a_policy(NAME), status_of(known(state=nothing), {})
    one = LeadTimeMeasurement(key=key_of(policy), at=NOW, seconds=40.0, ready=True)
    taught = dataclasses.replace(nothing, lead_times=learn(LeadTimes(), one))
    later = status_of(known(state=taught), before)
    assert later["leadTimeMeasurements"] != before["leadTimeMeasurements"]
    assert not differs(later, before, calmly=True)
    mine = status_of(known(state=taught, fleet=a_fleet(Phase.READY, Phase.READY)), before)
    assert differs(mine, before, calmly=True)


def test_measured_starts_come_back_from_the_status_to_the_last_bit() -> None:
    policy = a_policy(NAME)
    lead_times = LeadTimes()
    for i in range(MEASUREMENTS + 7):
        seconds = 40.1 + i % 3
        one = LeadTimeMeasurement(key=key_of(policy), at=NOW + i, seconds=seconds, ready=True)
        lead_times = learn(lead_times, one)
    state = TickState(workloads={NAME: WorkloadState()}, lead_times=lead_times)
    status = status_of(known(policy=policy, state=state), {})
    kept = remembered_measurements(status)
    assert len(kept) == MEASUREMENTS
    assert [one.at for one in kept] == [NOW + i for i in range(7, MEASUREMENTS + 7)]
    assert [one.seconds for one in kept] == [40.1 + i % 3 for i in range(7, MEASUREMENTS + 7)]
    assert {one.key for one in kept} == {key_of(policy)}


def test_others_measurements_and_what_can_t_be_read_are_left_out() -> None:
    other = LeadTimeMeasurement(key=key_of(a_policy("team/b")), at=NOW, seconds=9.0, ready=True)
    state = TickState(workloads={NAME: WorkloadState()}, lead_times=learn(LeadTimes(), other))
    assert status_of(known(state=state), {})["leadTimeMeasurements"] == []
    assert remembered_measurements({"leadTimeMeasurements": [{"at": "x"}, 7, None]}) == ()
    assert remembered_measurements({"leadTimeMeasurements": "none"}) == ()


def test_before_a_first_tick_has_taken_it_up_what_was_learned_is_left_as_it_stands() -> None:
    assert {"calibration", "leadTimeMeasurements"}.isdisjoint(status_of(known(), {}))


def test_calibration_and_counts_come_back() -> None:
    memory = WorkloadState(
        calibration=Calibration(level=1.25, lead_time_quantile=0.9),
        outcomes=Outcomes(peak_per_second=9.0, usual_per_second=3.0, seen_seconds=60.0),
    )
    tally = Tally(hits=3, misses=4.2, waste_gpu_seconds=100.06)
    status = status_of(known(state=TickState(workloads={NAME: memory}), tally=tally), {})
    assert remembered_memory(status) == memory
    again = remembered_tally(status)
    assert (again.hits, again.misses, again.waste_gpu_seconds) == (3, 4, 100.1)
    assert remembered_memory({}) is None
    assert remembered_tally({"outcomes": {"hits": -1}}) == Tally()


@pytest.mark.parametrize(("field", "value"), BAD_MEMORIES)
def test_a_calibration_beyond_what_can_be_learned_is_begun_anew(field: str, value: object) -> None:
    memory = WorkloadState(calibration=Calibration(level=1.25))
    wire = status_of(known(state=TickState(workloads={NAME: memory})), {})["calibration"]
    assert remembered_memory({"calibration": wire}) == memory
    assert remembered_memory({"calibration": {**wire, field: value}}) is None


def test_what_was_found_of_levels_comes_back_and_if_it_can_t_the_rest_does() -> None:
    found = Account.of(9.0, np.full(len(LEVELS), 2.0), np.full(len(LEVELS), 3.0))
    memory = WorkloadState(
        calibration=Calibration(level=1.25), shadows=Shadows(began_at_level=2.0, long=found)
    )
    status = json.loads(json.dumps(status_of(known(state=TickState(workloads={NAME: memory})), {})))
    again = remembered_memory(status)
    assert again is not None
    assert again.shadows is not None
    assert again.shadows.long.of_levels.tolist() == found.of_levels.tolist()
    status["calibration"]["evidence"]["late"] = None
    assert remembered_memory(status) == memory._replace(shadows=None)


@dataclass
class Patches:
    """Takes patches down; can fail."""

    error: Exception | None = None
    spec: Json = field(default_factory=dict)
    bodies: list[Any] = field(default_factory=list)

    async def patch(self, path: str, body: object, *, kind: PatchKind, priority: Priority) -> Json:
        assert (kind, priority) == (PatchKind.MERGE, Priority.BACKGROUND)
        assert path.endswith("/namespaces/team/prerestorepolicies/chat/status")
        if self.error is not None:
            raise self.error
        self.bodies.append(body)
        version = 100 + len(self.bodies)
        obj = a_policy_object(version=version, status=self.bodies[-1]["status"], **self.spec)
        obj["metadata"]["generation"] = 1  # a status makes no new one
        return obj


def a_writer(api: Patches, clock: HandClock, **spec: Any) -> StatusWriter:
    cache, api.spec = a_cache(FakeSource(), clock), spec
    policies = WatchedPolicies(cache, ["NvidiaSnapshot"])
    cache._hear(an_event("ADDED", a_policy_object(**spec)))
    cache._synced.set()
    return StatusWriter(api, policies, TickState, is_leading=lambda: True, clock=clock)


def a_report(target: int, now: float) -> TickReport:
    return TickReport(
        now=now, fleet=a_fleet(), plans=(a_plan(target=target, at=now),), modes={NAME: Mode.ACT}
    )


async def test_a_change_is_written_soon_but_not_at_every_tick() -> None:
    api, clock = Patches(), HandClock(NOW)
    writer = a_writer(api, clock)
    written = []
    for second in range(0, 30, 5):
        clock.now = NOW + second
        writer.observe(a_report(3 if second < 20 else 4, clock.now))
        written.append(await writer.write_if_due(NAME))
    assert written == [True, False, False, False, True, False]
    targets = [body["status"]["replicas"]["target"] for body in api.bodies]
    assert targets == [3, 4]


async def test_what_moves_all_the_time_is_written_once_a_minute() -> None:
    api, clock = Patches(), HandClock(NOW)
    writer = a_writer(api, clock)
    for second in range(0, 125, 5):
        clock.now = NOW + second
        writer.observe(a_report(3, clock.now))
        await writer.write_if_due(NAME)
    assert writer.writes == 3


async def test_a_policy_that_never_was_good_is_told_so() -> None:
    api, clock = Patches(), HandClock(NOW)
    writer = a_writer(api, clock, capacity={"demandPerReplica": 0})
    assert await writer.write_if_due(NAME)
    [body] = api.bodies
    assert conditions(body["status"])["Ready"] == ("False", "PolicyInvalid")
    clock.now += 120.0
    assert not await writer.write_if_due(NAME)


async def test_trouble_is_waited_out_and_a_deleted_policy_is_left() -> None:
    api, clock = Patches(error=UnavailableError("down")), HandClock(NOW)
    writer = a_writer(api, clock)
    assert not await writer.write_if_due(NAME)
    api.error = None
    assert not await writer.write_if_due(NAME)  # not yet
    clock.now += 11.0
    assert await writer.write_if_due(NAME)
    api.error = NotFoundError("gone", status=404)
    clock.now += 100.0
    assert not await writer.write_if_due(NAME)


async def test_a_policy_that_comes_again_has_nothing_of_the_one_that_was_deleted() -> None:
    api, clock = Patches(), HandClock(NOW)
    writer = a_writer(api, clock)
    cache = writer._policies.cache
    old = a_policy_object(version=2, status={"outcomes": {"hits": 3, "misses": 1}})
    old["status"]["outcomes"]["wasteGpuSeconds"] = 7.0
    cache._hear(an_event("MODIFIED", old))
    writer.observe(a_report(3, NOW))
    assert await writer.write_if_due(NAME)
    clock.now += 1.0
    cache._hear(an_event("DELETED", a_policy_object(version=200)))
    cache._hear(an_event("ADDED", a_policy_object(version=201)))
    writer.observe(a_report(3, clock.now))
    assert await writer.write_if_due(NAME)
    hits = [body["status"]["outcomes"]["hits"] for body in api.bodies]
    assert hits == [3, 0]


async def test_what_a_tick_or_a_new_spec_brings_is_looked_at_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("controller.adapters.kubernetes.status._LOOK_SECONDS", 0.01)
    monkeypatch.setattr("controller.adapters.kubernetes.status._IDLE_SECONDS", 3600.0)
    api, clock = Patches(), HandClock(NOW)
    writer = a_writer(api, clock)
    task = asyncio.create_task(writer.run_forever())
    try:
        await until(lambda: len(api.bodies) == 1, "status 1")
        clock.now += 10.0
        writer.observe(a_report(7, clock.now))
        await until(lambda: len(api.bodies) == 2, "status 2")
        assert api.bodies[-1]["status"]["replicas"]["target"] == 7
        clock.now += 10.0
        wrong = a_policy_object(version=200, capacity={"demandPerReplica": -1})
        writer._policies.cache._hear(an_event("MODIFIED", wrong))
        await until(lambda: len(api.bodies) == 3, "status 3")
        assert conditions(api.bodies[-1]["status"])["Ready"][0] == "False"
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
