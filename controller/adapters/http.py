"""The controller's read-only routes: the last plans, those before them, and the fleet."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Protocol

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from controller.cluster_view import Fleet
from controller.plan import Plan
from controller.plan_codec import encode_fleet, encode_plan, encode_plans
from models.forecast import WorkloadName


class PlanSource(Protocol):
    """Who knows the plans; the reconciler does. Answers come from memory, never from a query."""

    @property
    def plans(self) -> Mapping[WorkloadName, Plan]:
        """The newest plans."""
        ...

    @property
    def fleet(self) -> Fleet | None:
        """The cluster as last seen."""
        ...

    def plan_at(self, workload: WorkloadName, at: float) -> Plan | None:
        """Return the plan in force at a time."""
        ...


def routes(source: PlanSource) -> list[Route]:
    """Return the routes, to be mounted in whichever app serves this process.

    ``GET /v1/plans``, ``/v1/plans/{workload}`` (``?at=`` seconds since the epoch: the plan then
    in force) and ``/v1/fleet``. Errors are ``{"error": one line}`` with 400, 404 or 503.
    """

    async def all_plans(_request: Request) -> Response:
        return JSONResponse(encode_plans(source.plans))

    async def one_plan(request: Request) -> Response:
        return _plan(source, request.path_params["workload"], request.query_params.get("at"))

    async def fleet(_request: Request) -> Response:
        if source.fleet is None:
            return _error(503, "the cluster has not been seen yet")
        return JSONResponse(encode_fleet(source.fleet))

    return [
        Route("/v1/plans", all_plans, methods=["GET"]),
        Route("/v1/plans/{workload:path}", one_plan, methods=["GET"]),
        Route("/v1/fleet", fleet, methods=["GET"]),
    ]


def _plan(source: PlanSource, name: str, at_text: str | None) -> Response:
    workload = WorkloadName(name)
    newest = source.plans.get(workload)
    if newest is None:
        known = ", ".join(sorted(source.plans)) or "none yet"
        return _error(404, f"workload: {name!r} has no plan; those that have: {known}")
    if at_text is None:
        return JSONResponse(encode_plan(newest))
    at = _seconds(at_text)
    if at is None:
        return _error(400, f"at: {at_text!r} is not a number of seconds since the epoch")
    plan = source.plan_at(workload, at)
    if plan is None:
        return _error(404, f"at: no plan of {name} as old as {at_text} s is kept")
    return JSONResponse(encode_plan(plan))


def _seconds(text: str) -> float | None:
    try:
        seconds = float(text)
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) else None


def _error(status: int, line: str) -> Response:
    return JSONResponse({"error": line}, status_code=status)
