from collections.abc import Mapping

import httpx
import pytest
from starlette.applications import Starlette

from controller.adapters.http import routes
from controller.cluster_view import Fleet
from controller.plan import Plan
from controller.plan_codec import decode_plan, encode_plan
from controller.plan_history import PlanHistory
from models.forecast import WorkloadName
from tests.builders import CHAT, a_fleet, a_plan, a_replica


class FakePlans:
    """Two plans of one workload, made at 100 s and 105 s."""

    def __init__(self, fleet: Fleet | None = None) -> None:
        self.fleet = fleet
        self._history = PlanHistory(plans_per_workload=10)
        for at in (100.0, 105.0):
            self._history.add([a_plan(at=at)])

    @property
    def plans(self) -> Mapping[WorkloadName, Plan]:
        return self._history.newest

    def plan_at(self, workload: WorkloadName, at: float) -> Plan | None:
        return self._history.at(workload, at)


async def get(path: str, fleet: Fleet | None = None) -> httpx.Response:
    transport = httpx.ASGITransport(Starlette(routes=routes(FakePlans(fleet))))
    async with httpx.AsyncClient(transport=transport, base_url="http://controller") as client:
        return await client.get(path)


async def test_the_newest_plans_are_served() -> None:
    assert (await get("/v1/plans")).json() == {"plans": [encode_plan(a_plan(at=105.0))]}


async def test_a_workloads_last_plan_is_served() -> None:
    answer = await get("/v1/plans/chat")
    assert decode_plan(answer.json()) == a_plan(at=105.0)


async def test_the_plan_in_force_at_a_time_is_served() -> None:
    assert (await get("/v1/plans/chat?at=104.9")).json()["at"] == 100.0


@pytest.mark.parametrize(
    ("path", "status", "message"),
    [
        ("/v1/plans/search", 404, "workload: 'search' has no plan; those that have: chat"),
        ("/v1/plans/chat?at=noon", 400, "at: 'noon' is not a number of seconds since the epoch"),
        ("/v1/plans/chat?at=nan", 400, "at: 'nan' is not a number of seconds since the epoch"),
        ("/v1/plans/chat?at=99", 404, "at: no plan of chat as old as 99 s is kept"),
        ("/v1/fleet", 503, "the cluster has not been seen yet"),
    ],
)
async def test_what_is_not_there_is_said_in_one_line(path: str, status: int, message: str) -> None:
    answer = await get(path)
    assert (answer.status_code, answer.json()) == (status, {"error": message})


async def test_the_fleet_is_served() -> None:
    answer = await get("/v1/fleet", a_fleet(a_replica(), nodes=2))
    assert [replica["name"] for replica in answer.json()["replicas"]] == ["chat-1"]


async def test_nothing_can_be_changed() -> None:
    transport = httpx.ASGITransport(Starlette(routes=routes(FakePlans())))
    async with httpx.AsyncClient(transport=transport, base_url="http://controller") as client:
        assert (await client.post(f"/v1/plans/{CHAT}")).status_code == 405
