"""Outlooks from the predictor service: its stream of server-sent events, followed for ever."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import httpx

from controller.adapters.server_sent_events import (
    EndlessLineError,
    EventParser,
    LineCutter,
    ServerEvent,
)
from models.codec import CodecError, decode_outlook
from models.fields import as_object
from models.forecast import WorkloadName
from models.outlook import CLOCKS_APART_SECONDS, Outlook, with_refusal

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamSettings:
    """How long the stream may be silent, and how the connection is tried again.

    The predictor's heartbeat keeps a quiet stream from reaching ``silence_seconds``.
    """

    connect_seconds: float = 5.0
    silence_seconds: float = 60.0
    first_retry_seconds: float = 0.5
    longest_retry_seconds: float = 30.0


class PredictorStream:
    """The newest outlook of every workload; what was last known stays while the stream is away.

    An outlook carries its own times, so whoever reads one sees how old it is. ``follow`` is to
    run as a task; ``luck`` draws from [0, 1) and spreads the retries of many controllers.
    """

    def __init__(
        self,
        client: httpx.AsyncClient,
        *,
        luck: Callable[[], float],
        settings: StreamSettings | None = None,
        wait: Callable[[float], Awaitable[None]] = asyncio.sleep,
        on_outlook: Callable[[Outlook], None] = lambda _: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Read with a client whose base URL is the predictor's; hand each newest outlook on."""
        self._client = client
        self._settings = settings or StreamSettings()
        self._luck = luck
        self._wait = wait
        self._on_outlook = on_outlook
        self._clock = clock
        self._latest: dict[WorkloadName, Outlook] = {}
        self._refusing: dict[WorkloadName, Outlook] = {}
        self._failures = 0
        self.malformed_events = 0
        self.is_connected = False

    def latest(self, workload: WorkloadName) -> Outlook | None:
        """Return the newest outlook, None before the first; it says if a newer one was refused."""
        return self._refusing.get(workload) or self._latest.get(workload)

    async def follow(self) -> None:
        """Read the stream until cancelled, and connect again whenever it ends."""
        while True:
            try:
                await self._read_once()
                why = "the stream ended"
            except (
                httpx.HTTPError,
                httpx.InvalidURL,
                httpx.StreamError,
                EndlessLineError,
            ) as error:
                why = f"{type(error).__name__}: {error}".rstrip(": ")
            self.is_connected = False
            self._failures += 1
            pause = self._retry_seconds()
            _log.warning("predictor: %s; next attempt in %.1f s", why, pause)
            await self._wait(pause)

    async def _read_once(self) -> None:
        settings = self._settings
        timeout = httpx.Timeout(settings.connect_seconds, read=settings.silence_seconds)
        headers = {"accept": "text/event-stream", "cache-control": "no-store"}
        async with self._client.stream(
            "GET", "/v1/stream", timeout=timeout, headers=headers
        ) as response:
            response.raise_for_status()
            parser, cutter = EventParser(), LineCutter()
            # Not by lines: those that httpx makes may grow without a bound.
            async for text in response.aiter_text():
                self.is_connected = True
                for event in map(parser.feed, cutter.feed(text)):
                    if event is not None and event.name == "outlook":
                        self._take(event)
            self.malformed_events += parser.dropped

    def _take(self, event: ServerEvent) -> None:
        wire: object = None
        try:
            wire = json.loads(event.data)
            outlook = decode_outlook(as_object(wire, "outlook"))
        except (CodecError, ValueError, RecursionError) as error:
            self.malformed_events += 1
            _log.warning("predictor: an event was skipped: %s", str(error)[:200])
            self._note_refused(wire, str(error)[:200])
            return
        # Only now is the predictor known to be of use: earlier, retries would not slow down.
        self._failures = 0
        self._refusing.pop(outlook.workload, None)
        if self._is_newest(outlook):
            self._latest[outlook.workload] = outlook
            self._on_outlook(outlook)

    def _note_refused(self, wire: object, why: str) -> None:
        name = wire.get("workload") if isinstance(wire, dict) else None
        if isinstance(name, str):
            workload = WorkloadName(name)
            known = self._latest.get(workload)
            self._refusing[workload] = with_refusal(known, workload, why, at=self._clock())

    def _is_newest(self, outlook: Outlook) -> bool:
        """Say whether an outlook that arrived goes before the one that is known.

        A reconnect may lead to a predictor that is behind. But one published in the future came of
        a clock that was ahead: once that is set right, what comes is older and yet the newest.
        """
        known = self._latest.get(outlook.workload)
        if known is None or outlook.published_at >= known.published_at:
            return True
        return known.published_at - self._clock() > CLOCKS_APART_SECONDS

    def _retry_seconds(self) -> float:
        settings = self._settings
        doubled: float = settings.first_retry_seconds * 2.0 ** min(self._failures - 1, 32)
        return min(settings.longest_retry_seconds, doubled) * (1.0 - self._luck() / 2.0)
