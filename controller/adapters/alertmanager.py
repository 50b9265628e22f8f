"""Takes Alertmanager's webhook, ``POST /v1/alerts``, and has the boosts kept that come of it.

Alertmanager tries again after a 5xx and never after a 4xx, so 503 is said only of what may go
better later. Must not know how many replicas there are: an alert asks for more, never for a number.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from controller.adapters.alert_payload import Payload, PayloadError, payload_of
from controller.adapters.boost_memory import BoostMemory, LocalBoosts
from controller.boosts import Boost, BoostLimits, Boosts
from controller.errors import BoostsNotKeptError
from models.forecast import WorkloadName

_log = logging.getLogger(__name__)

#: What may become of an alert: a truncated one was cut by the sender's ``max_alerts``.
ALERT_OUTCOMES = ("taken", "left_out", "faulty", "passed_over", "truncated")

#: Where a secret comes from, read at each request so that it can be changed; None: not now.
TokenSource = Callable[[], bytes | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class IntakeSettings:
    """How much is taken at once, and for how long one request may be read."""

    limits: BoostLimits = field(default_factory=BoostLimits)
    most_bytes: int = 1024 * 1024
    most_at_once: int = 8
    read_seconds: float = 10.0
    retry_after_seconds: int = 15


@dataclass(slots=True)
class IntakeCounts:
    """What came in so far: requests by status code, alerts by outcome, boosts begun by workload."""

    requests: Counter[int] = field(default_factory=Counter)
    alerts: Counter[str] = field(default_factory=lambda: Counter(dict.fromkeys(ALERT_OUTCOMES, 0)))
    begun: Counter[WorkloadName] = field(default_factory=Counter)


class _RequestError(Exception):
    """A request that is answered by a status and one line."""

    def __init__(self, status: int, line: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(line)
        self.status, self.line, self.headers = status, line, headers


class AlertIntake:
    """The boosts in force, and the route that alerts come in by. For one event loop's thread.

    ``workloads`` returns those that there are policies for, None while they are not known yet, as
    after a start: an alert told then is asked for again. ``token`` of None leaves it to others
    (mutual TLS before it) who may send. ``memory`` keeps the boosts; by itself only this process.
    """

    def __init__(
        self,
        workloads: Callable[[], Collection[WorkloadName] | None],
        token: TokenSource | None,
        clock: Callable[[], float],
        settings: IntakeSettings | None = None,
        memory: BoostMemory | None = None,
    ) -> None:
        """Begin with the boosts that the memory knows."""
        self._workloads = workloads
        self._token = token
        self._clock = clock
        self._settings = settings or IntakeSettings()
        self._memory = memory or LocalBoosts()
        self._reading = 0
        self.counts = IntakeCounts()

    @property
    def boosts(self) -> Boosts:
        """Everything heard, as a value that is swapped whole."""
        return self._memory.known()

    def workloads(self) -> Collection[WorkloadName]:
        """Return the workloads that may be boosted now."""
        return self._workloads() or ()

    def in_force(self, now: float) -> Mapping[WorkloadName, Boost]:
        """Return what the tick at ``now`` is to be given."""
        return self.boosts.in_force(now, self._settings.limits)

    def routes(self) -> list[Route]:
        """Return the route, to be mounted in whichever app serves this process."""
        return [Route("/v1/alerts", self._post, methods=["POST"])]

    async def _post(self, request: Request) -> Response:
        response = await self._answer(request)
        self.counts.requests[response.status_code] += 1
        return response

    async def _answer(self, request: Request) -> Response:
        try:
            self._authenticate(request)
            body = await self._body(request)
            payload = payload_of(body, self._known_workloads())
            await self._take(payload)
        except _RequestError as error:
            return JSONResponse(
                {"error": error.line}, status_code=error.status, headers=error.headers
            )
        except PayloadError as error:
            return JSONResponse({"error": str(error)}, status_code=400)
        return JSONResponse(
            {
                "taken": len(payload.alerts),
                "passed_over": payload.passed_over,
                "faults": list(payload.faults),
            }
        )

    def _known_workloads(self) -> Collection[WorkloadName]:
        workloads = self._workloads()
        if workloads is None:
            raise self._overloaded("the policies are not known yet")
        return workloads

    def _authenticate(self, request: Request) -> None:
        if self._token is None:
            return
        wanted = self._token()
        if not wanted:
            raise self._overloaded("the token to compare with can't be had")
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        is_it = hmac.compare_digest(given.strip().encode("latin-1"), wanted)
        if scheme.lower() != "bearer" or not is_it:
            headers = {"WWW-Authenticate": "Bearer"}
            raise _RequestError(401, "authorization: a bearer token is needed", headers)

    async def _body(self, request: Request) -> bytes:
        if self._reading >= self._settings.most_at_once:
            raise self._overloaded("too many requests at once")
        self._reading += 1
        try:
            async with asyncio.timeout(self._settings.read_seconds):
                return await self._read(request)
        except TimeoutError as error:
            raise self._overloaded("the body took too long to come") from error
        except ClientDisconnect as error:
            raise _RequestError(400, "the body broke off") from error
        finally:
            self._reading -= 1

    async def _read(self, request: Request) -> bytes:
        most = self._settings.most_bytes
        too_large = _RequestError(413, f"the body is too large: must be at most {most} bytes")
        announced = request.headers.get("content-length", "")
        if announced.isdecimal() and int(announced[:20]) > most:
            raise too_large
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > most:
                raise too_large
        return bytes(body)

    async def _take(self, payload: Payload) -> None:
        now, limits = self._clock(), self._settings.limits
        before = self.boosts.at(now, limits)
        after, left_out = before.with_alerts(payload.alerts, now=now, limits=limits)
        try:
            await self._memory.keep(before, after)
        except BoostsNotKeptError as error:
            self._count_in_force(before, after)
            raise self._overloaded(str(error)) from error
        self.counts.begun.update(after.begun_since(before))
        self._count(payload, left_out)
        for fault in payload.faults:
            _log.warning("faulty alert, not taken: %s", fault)
        if payload.truncated:
            _log.warning("%d alerts were cut by the sender's max_alerts", payload.truncated)
        if left_out:
            raise self._overloaded(f"more than {limits.most_alerts} alerts at once")

    def _count_in_force(self, before: Boosts, after: Boosts) -> None:
        """Count what began though not all could be kept: when it is told again, it is no news."""
        known = self.boosts
        mine = {key: one for key, one in after.heard.items() if known.is_boosted_by(key)}
        self.counts.begun.update(Boosts(heard=mine).begun_since(before))

    def _count(self, payload: Payload, left_out: int) -> None:
        alerts = self.counts.alerts
        alerts["taken"] += len(payload.alerts) - left_out
        alerts["left_out"] += left_out
        alerts["faulty"] += payload.faulty
        alerts["passed_over"] += payload.passed_over
        alerts["truncated"] += payload.truncated

    def _overloaded(self, line: str) -> _RequestError:
        return _RequestError(503, line, {"Retry-After": str(self._settings.retry_after_seconds)})


def token_of_file(path: Path) -> TokenSource:
    """Return the token in a file, whatever it is at the time; surrounding space does not count."""

    def read() -> bytes | None:
        try:
            return path.read_bytes().strip()
        except OSError as error:
            _log.warning("the alerts' token can't be read: %s: %s", path, error.strerror)
            return None

    return read


def token_of_text(text: str) -> TokenSource:
    """Return a token that stays as it is, say one out of the environment."""
    token = text.strip().encode()
    return lambda: token
