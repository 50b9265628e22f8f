"""How fast requests go out, and which goes first."""

from __future__ import annotations

import asyncio

import pytest

from controller.adapters.kubernetes.budget import Bucket, Priority, RequestBudget
from controller.adapters.kubernetes.errors import (
    DISRUPTION_BUDGET,
    ConflictError,
    GoneError,
    NotFoundError,
    RefusedError,
    UnavailableError,
    error_of,
)


def test_a_bucket_fills_at_its_rate_and_no_further_than_its_burst() -> None:
    bucket = Bucket(per_second=2.0, burst=3.0, tokens=0.0, at=10.0)
    assert bucket.seconds_until(1.0) == 0.5
    assert bucket.seconds_until(0.0) == 0.0
    assert bucket.refilled(10.5).tokens == 1.0
    assert bucket.refilled(1e6).tokens == 3.0
    assert bucket.refilled(9.0) == bucket


async def test_those_that_wait_go_by_priority_then_in_order() -> None:
    # Time stands still until all have asked, however slow the machine.
    loop, begun = asyncio.get_running_loop(), list[float]()
    budget = RequestBudget(
        per_second=200.0, burst=1, clock=lambda: loop.time() - begun[0] if begun else 0.0
    )
    await budget.take(Priority.READ)
    order: list[str] = []

    async def ask(name: str, priority: Priority) -> None:
        await budget.take(priority)
        order.append(name)

    async with asyncio.TaskGroup() as group:
        for name, priority in (
            ("status", Priority.BACKGROUND),
            ("list", Priority.READ),
            ("start 1", Priority.ACTION),
            ("start 2", Priority.ACTION),
            ("lease", Priority.URGENT),
        ):
            group.create_task(ask(name, priority))
        await asyncio.sleep(0.02)
        begun.append(loop.time())
    assert order == ["lease", "start 1", "start 2", "list", "status"]


async def test_what_nobody_waits_for_leaves_half_of_the_burst() -> None:
    budget = RequestBudget(per_second=10.0, burst=8, clock=lambda: 0.0)
    statuses = [asyncio.create_task(budget.take(Priority.BACKGROUND)) for _ in range(8)]
    await asyncio.sleep(0)
    assert sum(status.done() for status in statuses) == 4
    async with asyncio.timeout(10):
        for _ in range(4):
            await budget.take(Priority.ACTION)
    late = asyncio.create_task(budget.take(Priority.ACTION))
    await asyncio.sleep(0)
    assert not late.done()
    for task in (late, *statuses):
        task.cancel()


async def test_what_later_actions_need_leaves_a_quarter_but_not_for_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("controller.adapters.kubernetes.budget._PATIENCE_SECONDS", 0.1)
    budget = RequestBudget(per_second=10.0, burst=8, clock=lambda: 0.0)
    cordons = [asyncio.create_task(budget.take(Priority.SOON)) for _ in range(9)]
    await asyncio.sleep(0)
    assert sum(cordon.done() for cordon in cordons) == 6
    async with asyncio.timeout(10):
        await cordons[6]
        await cordons[7]
    assert not cordons[8].done()
    cordons[8].cancel()


async def test_a_pause_that_the_server_asked_for_holds_all_but_the_lease() -> None:
    budget = RequestBudget(per_second=1000.0, burst=10)
    budget.hold(0.2)
    await budget.take(Priority.URGENT)
    waiting = asyncio.create_task(budget.take(Priority.ACTION))
    await asyncio.sleep(0.02)
    assert not waiting.done()
    await asyncio.wait_for(waiting, 10)


async def test_one_that_gave_up_takes_nobody_s_turn() -> None:
    budget = RequestBudget(per_second=100.0, burst=1)
    await budget.take(Priority.READ)
    first = asyncio.create_task(budget.take(Priority.ACTION))
    await asyncio.sleep(0)
    second = asyncio.create_task(budget.take(Priority.ACTION))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.wait_for(second, 10)
    assert first.cancelled()


def test_answers_become_errors_that_say_what_was_asked() -> None:
    status = '{"kind": "Status", "message": "pods \\"x\\" not found", "reason": "NotFound"}'
    error = error_of("GET /x", 404, status)
    assert isinstance(error, NotFoundError)
    assert (str(error), error.reason) == ('GET /x: 404 pods "x" not found', "NotFound")
    assert isinstance(error_of("x", 409, "{}"), ConflictError)
    assert isinstance(error_of("x", 410, "{}"), GoneError)
    refused = error_of("x", 422, "plain words")
    assert type(refused) is RefusedError
    assert str(refused) == "x: 422 plain words"
    assert str(error_of("x", 403, "[]")) == "x: 403 without a message"


def test_too_many_requests_and_failures_are_for_later() -> None:
    error = error_of("x", 429, "{}", "7")
    assert isinstance(error, UnavailableError)
    assert (error.status, error.retry_after_seconds) == (429, 7.0)
    error = error_of("x", 503, "no", "Wed, 21 Oct 2026 07:28:00 GMT")
    assert isinstance(error, UnavailableError)
    assert error.retry_after_seconds is None


def test_an_eviction_that_a_budget_forbids_is_refused_not_unavailable() -> None:
    body = '{"details": {"causes": [{"reason": "DisruptionBudget"}]}, "message": "no"}'
    error = error_of("POST /eviction", 429, body, "10")
    assert isinstance(error, RefusedError)
    assert (error.status, error.reason) == (429, DISRUPTION_BUDGET)
