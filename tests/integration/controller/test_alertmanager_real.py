"""What a real Alertmanager makes of one alert that is told in several ways."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from starlette.applications import Starlette

from controller.adapters.alertmanager import AlertIntake
from predictor.adapters.http import serve
from tests.builders import CHAT
from tests.conftest import started
from tests.parts.alertmanager import AlertmanagerServer
from tests.parts.service import until

LABELS = {"alertname": "Queue", "headstart_policy": CHAT, "headstart_boost_replicas": "3"}


class Told:
    """An intake behind an Alertmanager, which is told of one alert at the moments given."""

    def __init__(self, intake: AlertIntake, url: str) -> None:
        self.intake, self._url = intake, url

    async def tell(self, *, began_at: float, ends_at: float) -> None:
        alert = {"labels": LABELS, "startsAt": _text(began_at), "endsAt": _text(ends_at)}
        async with httpx.AsyncClient() as client:
            answer = await client.post(f"{self._url}/api/v2/alerts", json=[alert])
        assert answer.status_code == 200, answer.text

    async def begins(self) -> list[str]:
        """Return when the alerts began, as Alertmanager has it."""
        async with httpx.AsyncClient() as client:
            alerts: list[dict[str, Any]] = (await client.get(f"{self._url}/api/v2/alerts")).json()
        return [alert["startsAt"] for alert in alerts]

    async def until(self, holds: Callable[[AlertIntake], bool]) -> None:
        await asyncio.to_thread(until, lambda: holds(self.intake) or None, "the boost")


@contextlib.asynccontextmanager
async def an_alertmanager() -> AsyncIterator[Told]:
    intake = AlertIntake(lambda: (CHAT,), None, time.time)
    app = Starlette(routes=intake.routes())
    port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(serve(app, "127.0.0.1", 0, on_listening=port.set_result))
    hook = {"url": f"http://127.0.0.1:{await port}/v1/alerts", "send_resolved": True}
    route = {"receiver": "headstart", "group_by": ["alertname"], "group_wait": "0s"}
    pace = {"group_interval": "1s", "repeat_interval": "1s"}
    receivers = [{"name": "headstart", "webhook_configs": [hook]}]
    server = AlertmanagerServer({"route": {**route, **pace}, "receivers": receivers})
    with contextlib.ExitStack() as stack:
        await asyncio.to_thread(started, server, stack)
        yield Told(intake, f"http://{server.address}")
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)


def _text(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()


def _is_boosted(intake: AlertIntake) -> bool:
    return CHAT in intake.in_force(time.time())


async def test_a_boost_ends_though_another_prometheus_told_an_earlier_beginning(
    folder_of_alertmanager: Path,
) -> None:
    async with an_alertmanager() as told:
        now = time.time()
        await told.tell(began_at=now, ends_at=now + 600.0)
        await told.until(_is_boosted)
        [first] = await told.begins()
        await told.tell(began_at=now - 20.0, ends_at=now + 600.0)
        assert (await told.begins())[0] < first
        await told.tell(began_at=now - 20.0, ends_at=time.time())
        await told.until(lambda intake: not _is_boosted(intake))
        again = time.time()
        await told.tell(began_at=again, ends_at=again + 600.0)
        await told.until(_is_boosted)
        assert told.intake.counts.begun == {CHAT: 2}
