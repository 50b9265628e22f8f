"""Who leads: two candidates, one Lease, and clocks that the test moves."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from controller.adapters.kubernetes.budget import Priority
from controller.adapters.kubernetes.errors import (
    ConflictError,
    NotFoundError,
    RefusedError,
    UnavailableError,
)
from controller.adapters.kubernetes.exchange import Json
from controller.adapters.kubernetes.lease import Leadership
from controller.adapters.kubernetes.lease_rules import (
    Intent,
    LeaseSettings,
    Sighting,
    intent,
    lease_to_write,
    micro_time,
    sighted,
)
from tests.unit.controller.kubernetes.watched import HandClock

OURS = LeaseSettings(namespace="headstart-system", identity="a")


@dataclass
class OneLease:
    """An API server with one Lease; it can be down, or lose its answers."""

    lease: Json | None = None
    version: int = 0
    is_down: bool = False
    loses_answers: bool = False
    refusal: RefusedError | None = None
    priorities: set[Priority] = field(default_factory=set)

    async def get(
        self, path: str, query: Mapping[str, str] | None = None, *, priority: Priority
    ) -> Json:
        self._reach(priority)
        if self.lease is None:
            raise NotFoundError("no lease", status=404)
        return copy.deepcopy(self.lease)

    async def create(self, path: str, body: Mapping[str, Any], *, priority: Priority) -> Json:
        self._reach(priority)
        if self.lease is not None:
            raise ConflictError("exists", status=409, reason="AlreadyExists")
        return self._write(body)

    async def replace(self, path: str, body: Mapping[str, Any], *, priority: Priority) -> Json:
        self._reach(priority)
        if self.lease is None:
            raise NotFoundError("no lease", status=404)
        known = self.lease["metadata"]["resourceVersion"]
        if body["metadata"]["resourceVersion"] != known:
            raise ConflictError("changed meanwhile", status=409)
        return self._write(body)

    def _reach(self, priority: Priority) -> None:
        self.priorities.add(priority)
        if self.is_down:
            raise UnavailableError("connection refused")
        if self.refusal is not None:
            raise self.refusal

    def _write(self, body: Mapping[str, Any]) -> Json:
        self.version += 1
        self.lease = copy.deepcopy(dict(body))
        self.lease["metadata"]["resourceVersion"] = str(self.version)
        if self.loses_answers:
            raise UnavailableError("no answer in time")
        return copy.deepcopy(self.lease)


@dataclass
class Table:
    """Two candidates on one server, and one clock that both see."""

    api: OneLease = field(default_factory=OneLease)
    clock: HandClock = field(default_factory=HandClock)

    def candidate(self, identity: str) -> Leadership:
        settings = LeaseSettings(namespace="headstart-system", identity=identity)
        return Leadership(self.api, settings, monotonic=self.clock, clock=lambda: 1.7e9)


async def test_the_first_creates_the_lease_and_leads() -> None:
    table = Table()
    a, b = table.candidate("a"), table.candidate("b")
    await a.attempt()
    await b.attempt()
    assert (a.is_held(), b.is_held()) == (True, False)
    assert (b.holder, b.epoch) == ("a", 0)
    assert table.api.priorities == {Priority.URGENT}


async def test_another_takes_over_only_after_its_own_patience_and_the_fence_is_down_by_then() -> (
    None
):
    table = Table()
    a, b = table.candidate("a"), table.candidate("b")
    await a.attempt()  # and then it freezes
    overlap = []
    while not b.is_held():
        await b.attempt()
        overlap.append(a.is_held() and b.is_held())
        table.clock.now += 1.0
    assert not any(overlap)
    assert table.clock.now == 1000.0 + 15.0 + 1.0
    assert (b.epoch, a.is_held()) == (1, False)


async def test_one_that_renews_is_not_taken_over() -> None:
    table = Table()
    a, b = table.candidate("a"), table.candidate("b")
    for _ in range(20):
        await a.attempt()
        await b.attempt()
        assert (a.is_held(), b.is_held()) == (True, False)
        table.clock.now += 5.0
    assert a.epoch == 0


async def test_one_that_wakes_up_after_a_hand_over_does_not_act_and_learns_who_leads() -> None:
    table = Table()
    a, b = table.candidate("a"), table.candidate("b")
    await a.attempt()
    await b.attempt()
    table.clock.now += 15.0
    await b.attempt()
    assert not a.is_held()
    await a.attempt()  # its renewal meets a newer version
    assert not a.is_held()
    await a.attempt()
    assert (a.is_held(), b.is_held(), a.holder) == (False, True, "b")


async def test_without_answers_leading_ends_at_the_fence_and_comes_back_with_them() -> None:
    table = Table()
    a = table.candidate("a")
    await a.attempt()
    table.api.is_down = True
    table.clock.now += 9.9
    assert not await a.attempt()
    assert a.is_held()
    table.clock.now += 0.2
    assert not a.is_held()
    table.api.is_down = False
    assert await a.attempt()
    assert (a.is_held(), a.epoch) == (True, 0)


async def test_a_renewal_whose_answer_is_lost_counts_from_none() -> None:
    table = Table()
    a = table.candidate("a")
    await a.attempt()
    table.api.loses_answers = True
    table.clock.now += 5.0
    await a.attempt()
    assert a.remaining_seconds() == 5.0  # of the first write
    table.api.loses_answers = False
    await a.attempt()  # meets its own write as a newer version
    await a.attempt()
    assert (a.is_held(), a.remaining_seconds(), a.epoch) == (True, 10.0, 0)


async def test_released_it_is_free_at_once_for_the_next() -> None:
    table = Table()
    a, b = table.candidate("a"), table.candidate("b")
    await a.attempt()
    await b.attempt()
    await a._release()
    assert not a.is_held()
    await b.attempt()
    assert (b.is_held(), b.epoch) == (True, 1)


async def test_one_that_does_not_lead_releases_nothing() -> None:
    table = Table()
    a, b = table.candidate("a"), table.candidate("b")
    await a.attempt()
    await b.attempt()
    await b._release()
    assert a.is_held()
    assert (table.api.lease or {})["spec"]["holderIdentity"] == "a"


async def test_a_lease_that_was_deleted_is_made_anew() -> None:
    table = Table()
    a = table.candidate("a")
    await a.attempt()
    table.api.lease = None
    await a.attempt()
    assert not a.is_held()
    await a.attempt()
    assert a.is_held()


async def test_who_may_not_write_does_not_lead() -> None:
    table = Table()
    a = table.candidate("a")
    table.api.refusal = RefusedError("forbidden", status=403)
    assert not await a.attempt()
    assert not a.is_held()


@pytest.mark.parametrize(
    ("holder", "seconds", "seen_for", "expected"),
    [
        ("a", 15, 0.0, Intent.RENEW),
        ("", 1, 0.0, Intent.TAKE),
        ("b", 15, 14.9, Intent.WAIT),
        ("b", 15, 15.0, Intent.TAKE),
        # A holder may have asked for more patience than we would have; less counts for nothing.
        ("b", 60, 30.0, Intent.WAIT),
        ("b", 60, 60.0, Intent.TAKE),
        ("b", 1, 5.0, Intent.WAIT),
    ],
)
def test_what_to_do_depends_on_the_holder_and_on_how_long_nothing_changed(
    holder: str, seconds: int, seen_for: float, expected: Intent
) -> None:
    lease = {"spec": {"holderIdentity": holder, "leaseDurationSeconds": seconds}}
    seen = Sighting(version="1", since=100.0)
    assert intent(lease, seen, OURS, 100.0 + seen_for) is expected


def test_a_lease_without_a_sighting_is_waited_for_and_none_is_created() -> None:
    lease = {"spec": {"holderIdentity": "b", "leaseDurationSeconds": 15}}
    assert intent(lease, None, OURS, 1e9) is Intent.WAIT
    assert intent(None, None, OURS, 0.0) is Intent.CREATE


def test_a_sighting_begins_anew_with_every_version() -> None:
    first = sighted({"metadata": {"resourceVersion": "7"}}, None, 10.0)
    assert sighted({"metadata": {"resourceVersion": "7"}}, first, 20.0) == first
    assert sighted({"metadata": {"resourceVersion": "8"}}, first, 20.0).since == 20.0


def test_what_others_put_into_the_lease_stays() -> None:
    lease = {
        "metadata": {"name": "x", "labels": {"a": "b"}, "resourceVersion": "3"},
        "spec": {
            "holderIdentity": "b",
            "leaseTransitions": 4,
            "strategy": "OldestEmulationVersion",
        },
    }
    written = lease_to_write(lease, OURS, 0.0)
    assert written["metadata"] == lease["metadata"]
    assert written["spec"]["strategy"] == "OldestEmulationVersion"
    assert written["spec"]["leaseTransitions"] == 5


def test_times_have_microseconds() -> None:
    assert micro_time(1_700_000_000.25) == "2023-11-14T22:13:20.250000Z"
