from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest

from controller.adapters.kubernetes.api import PatchKind
from controller.adapters.kubernetes.budget import Priority
from controller.adapters.kubernetes.cache import ObjectCache
from controller.adapters.kubernetes.errors import NotFoundError, UnavailableError
from controller.adapters.kubernetes.exchange import Json
from controller.adapters.kubernetes.status_boosts import StatusBoosts
from controller.boosts import Alert, Boost, BoostLimits, Boosts
from controller.errors import BoostsNotKeptError
from models.forecast import WorkloadName
from tests.unit.controller.kubernetes.watched import (
    FakeSource,
    a_cache,
    a_policy_object,
    an_event,
)

CHAT, SEARCH = WorkloadName("team/chat"), WorkloadName("team/search")
LIMITS, NOW = BoostLimits(), 1_000.0


@dataclass
class Server:
    """An API server that keeps the status of policies, and tells each controller's watch."""

    error: Exception | None = None
    statuses: dict[str, Json] = field(default_factory=dict)
    caches: list[ObjectCache] = field(default_factory=list)
    bodies: list[Any] = field(default_factory=list)
    version: int = 100
    slow: dict[str, asyncio.Event] = field(default_factory=dict)

    async def patch(self, path: str, body: object, *, kind: PatchKind, priority: Priority) -> Json:
        assert (kind, priority) == (PatchKind.MERGE, Priority.ACTION)
        for name, goes_on in self.slow.items():
            if f"/{name}/" in path:
                await goes_on.wait()
        if self.error is not None:
            raise self.error
        assert isinstance(body, dict)
        self.bodies.append(body)
        name = path.removesuffix("/status").rpartition("/")[2]
        known = self.statuses.setdefault(name, {"boosts": {}})["boosts"]
        for key, text in body["status"]["boosts"].items():
            known.pop(key, None)
            if text is not None:
                known[key] = text
        self.version += 1
        obj = a_policy_object(name, self.version, status={"boosts": dict(known)})
        for cache in self.caches:
            cache._hear(an_event("MODIFIED", obj))
        return obj


class Controller:
    """One controller's boosts, and how often it was told that they changed."""

    def __init__(self, server: Server) -> None:
        self.cache = a_cache(FakeSource())
        for name in ("chat", "search"):
            self.cache._hear(an_event("ADDED", a_policy_object(name)))
        self.cache._synced.set()
        server.caches.append(self.cache)
        self.changes = 0
        self.boosts = StatusBoosts(server, self.cache, self._changed)

    async def hear(self, *alerts: Alert, now: float = NOW) -> None:
        before = self.boosts.known().at(now, LIMITS)
        after, _ = before.with_alerts(alerts, now=now, limits=LIMITS)
        await self.boosts.keep(before, after)

    def in_force(self, now: float = NOW) -> dict[WorkloadName, Boost]:
        return dict(self.boosts.known().in_force(now, LIMITS))

    def _changed(self) -> None:
        self.changes += 1


def an_alert(
    name: str = "a", workload: WorkloadName = CHAT, *, replicas: float = 2.0, is_firing: bool = True
) -> Alert:
    return Alert(
        fingerprint=name,
        moment=NOW if is_firing else NOW + 1.0,
        workload=workload,
        boost=Boost(replicas=replicas),
        is_firing=is_firing,
    )


async def test_what_one_controller_hears_all_know_and_also_one_that_comes_later() -> None:
    server = Server()
    one, other = Controller(server), Controller(server)
    await one.hear(an_alert(), an_alert("b", SEARCH, replicas=3.0))
    wanted = {CHAT: Boost(replicas=2.0), SEARCH: Boost(replicas=3.0)}
    assert one.in_force() == other.in_force() == wanted
    assert one.changes == other.changes == 2
    late = Controller(Server())
    late.cache._hear(
        an_event("MODIFIED", a_policy_object("chat", 999, status=server.statuses["chat"]))
    )
    assert late.in_force() == {CHAT: Boost(replicas=2.0)}


async def test_an_end_told_to_another_controller_ends_it_for_all() -> None:
    server = Server()
    one, other = Controller(server), Controller(server)
    await one.hear(an_alert())
    await other.hear(an_alert(is_firing=False))
    assert one.in_force() == other.in_force() == {}
    await one.hear(an_alert())  # told late
    assert one.in_force() == {}


async def test_repeats_are_seldom_written_and_what_has_ended_is_taken_out() -> None:
    server = Server()
    one = Controller(server)
    for second in range(0, 50, 5):
        await one.hear(an_alert(), now=NOW + second)
    assert len(server.bodies) == 1
    await one.hear(an_alert("b"), now=NOW + LIMITS.lasts_seconds)
    assert list(server.statuses["chat"]["boosts"]) == [an_alert("b").id]


async def test_what_is_heard_while_another_workload_is_written_stays() -> None:
    server = Server()
    one, other = Controller(server), Controller(server)
    await one.hear(an_alert("old", SEARCH))
    late = NOW + LIMITS.lasts_seconds
    goes_on = server.slow["chat"] = asyncio.Event()
    both = asyncio.create_task(one.hear(an_alert(), an_alert("b", SEARCH), now=late))
    await asyncio.sleep(0)
    await other.hear(an_alert("c", SEARCH), an_alert("old", SEARCH, replicas=4.0), now=late)
    goes_on.set()
    await both
    kept = server.statuses["search"]["boosts"]
    assert set(kept) == {an_alert(name).id for name in ("b", "c", "old")}


async def test_a_server_that_does_not_answer_is_said_and_a_policy_that_went_is_not() -> None:
    server = Server(error=UnavailableError("down"))
    one = Controller(server)
    with pytest.raises(
        BoostsNotKeptError, match=r"^the status of team/chat can't be written: down$"
    ):
        await one.hear(an_alert())
    assert one.in_force() == {}
    server.error = NotFoundError("gone", status=404)
    await one.hear(an_alert())
    assert one.in_force() == {}


async def test_a_policy_that_is_deleted_takes_its_boosts_with_it() -> None:
    server = Server()
    one = Controller(server)
    await one.hear(an_alert())
    one.cache._hear(an_event("DELETED", a_policy_object("chat", 900)))
    assert one.boosts.known() == Boosts()


async def test_what_somebody_else_wrote_there_is_passed_over() -> None:
    one = Controller(Server())
    texts = {
        "x": {"replicas": "many"},
        "y": 7,
        "z": {"replicas": 1, "multiplier": 1, "endsAt": 1.6e3},
    }
    status = {"boosts": texts}
    one.cache._hear(an_event("MODIFIED", a_policy_object("chat", 900, status=status)))
    assert one.in_force() == {CHAT: Boost(replicas=1.0)}
    one.cache._hear(an_event("MODIFIED", a_policy_object("chat", 901, status={"boosts": [1]})))
    assert one.in_force() == {}
