"""The predictor's routes over a real connection."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import httpx
import pytest
from starlette.applications import Starlette

from models.codec import decode_outlook
from models.forecast import WorkloadName
from predictor.adapters.http import routes, serve
from predictor.errors import ListenError
from predictor.metrics import PredictorMetrics
from predictor.service import ForecastService
from predictor.settings import ServiceSettings
from predictor.sharding import ShardReport
from predictor.workload import WorkloadDemand
from tests.unit.predictor.builders import CHAT, START, STEP, FakeForecaster, FakeSource


class Served:
    """A service of two workloads, ``chat`` and ``team/code``, behind a client."""

    def __init__(self) -> None:
        self.metrics = PredictorMetrics()
        self.service = ForecastService(
            forecaster=FakeForecaster(), settings=ServiceSettings(), metrics=self.metrics
        )
        self.sources = {name: FakeSource() for name in ("chat", "team/code")}

    async def begin(self) -> None:
        demands = [
            WorkloadDemand(
                workload=WorkloadName(name),
                step_seconds=STEP,
                history_seconds=50,
                sources=(source,),
            )
            for name, source in self.sources.items()
        ]
        await self.service.set_workloads(demands, now=START)

    @contextlib.asynccontextmanager
    async def client(
        self, shard: Callable[[], ShardReport] | None = None
    ) -> AsyncIterator[httpx.AsyncClient]:
        """Serve while the context lasts."""
        await self.begin()
        app = Starlette(routes=list(routes(self.service, self.metrics.registry, shard=shard)))
        port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        serving = asyncio.create_task(serve(app, "127.0.0.1", 0, on_listening=port.set_result))
        try:
            url = f"http://127.0.0.1:{await port}"
            async with httpx.AsyncClient(base_url=url, timeout=30) as client:
                yield client
        finally:
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)


async def test_an_outlook_comes_over_the_wire_as_it_is() -> None:
    served = Served()
    async with served.client() as client:
        await served.service.tick(START)
        answer = (await client.get("/v1/forecasts/chat")).json()
        listed = (await client.get("/v1/forecasts")).json()["forecasts"]
    latest = served.service.latest(CHAT)
    assert latest is not None
    decoded = decode_outlook(answer)
    assert (decoded.workload, decoded.reading) == (latest.workload, latest.reading)
    assert decoded.forecast is not None
    assert latest.forecast is not None
    assert decoded.forecast.values.tolist() == latest.forecast.values.tolist()
    assert [one["workload"] for one in listed] == ["chat", "team/code"]


async def test_a_workload_may_have_a_namespace_in_its_name() -> None:
    served = Served()
    async with served.client() as client:
        await served.service.tick(START)
        answer = await client.get("/v1/forecasts/team/code")
    assert answer.json()["workload"] == "team/code"


@pytest.mark.parametrize(
    ("path", "status", "problem"),
    [
        ("/v1/forecasts/nosuch", 404, "workload: 'nosuch' is not forecast here"),
        ("/v1/stream?workload=nosuch", 404, "workload: 'nosuch' is not forecast here"),
        ("/v1/forecasts/chat", 503, "workload: 'chat' has no outlook yet"),
    ],
)
async def test_what_is_not_there_is_said(path: str, status: int, problem: str) -> None:
    async with Served().client() as client:
        answer = await client.get(path)
    assert (answer.status_code, answer.json()) == (status, {"error": problem})


async def test_ready_once_each_workload_has_demand() -> None:
    served = Served()
    async with served.client() as client:
        assert (await client.get("/healthz")).status_code == 200
        served.sources["chat"].problem = "connection refused"
        await served.service.tick(START)
        waiting = await client.get("/readyz")
        served.sources["chat"].problem = None
        await served.service.tick(START + 10)
        ready = await client.get("/readyz")
    assert (waiting.status_code, waiting.text) == (503, "no demand or forecast yet: chat\n")
    assert ready.status_code == 200


async def test_metrics_are_exposed() -> None:
    served = Served()
    async with served.client() as client:
        await served.service.tick(START)
        answer = await client.get("/metrics")
    assert 'headstart_demand_per_second{source="combined",workload="chat"} 5.0' in answer.text
    assert answer.headers["content-type"].startswith("text/plain; version=")


async def test_the_stream_begins_with_the_newest_and_goes_on_with_each_new_outlook() -> None:
    served = Served()
    async with served.client() as client:
        await served.service.tick(START)
        async with client.stream("GET", "/v1/stream", params={"workload": "chat"}) as stream:
            lines = stream.aiter_lines()
            first = await event(lines)
            await served.service.tick(START + 10)
            second = await event(lines)
    assert first["event"] == "outlook"
    assert '"publishedAt": 1000000.0' in first["data"]
    assert '"publishedAt": 1000010.0' in second["data"]
    assert int(second["id"]) > int(first["id"])


async def event(lines: AsyncIterator[str]) -> dict[str, str]:
    """Return the next server-sent event."""
    fields: dict[str, str] = {}
    async for line in lines:
        if not line and fields:
            return fields
        name, _, value = line.partition(": ")
        if name:
            fields[name] = value
    raise AssertionError("the stream ended")


async def test_a_stop_ends_streams_that_are_open() -> None:
    served, is_open = Served(), asyncio.Event()

    async def listen(client: httpx.AsyncClient) -> None:
        async with client.stream("GET", "/v1/stream") as stream:
            async for _ in stream.aiter_lines():
                is_open.set()

    async with served.client() as client:
        await served.service.tick(START)
        listening = asyncio.create_task(listen(client))
        await is_open.wait()
    with pytest.raises((httpx.HTTPError, RuntimeError)):
        await asyncio.wait_for(listening, 20)


async def test_a_port_that_is_taken_is_one_clear_line() -> None:
    app = Starlette()
    port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    first = asyncio.create_task(serve(app, "127.0.0.1", 0, on_listening=port.set_result))
    taken = await port
    with pytest.raises(ListenError, match=rf"can't listen on 127.0.0.1:{taken}: address already"):
        await serve(app, "127.0.0.1", taken)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)


async def test_one_of_several_says_what_is_its_own_and_is_ready_once_it_publishes_that() -> None:
    served = Served()
    shard = ShardReport(
        partitions=32, assigned=(3, 7), publishing=(3,), workloads=(CHAT,), problem=None
    )
    reports = [shard, replace(shard, problem="no word from the group")]
    async with served.client(lambda: reports[-1]) as client:
        await served.service.tick(START)
        answer = await client.get("/readyz")
        assert (answer.status_code, answer.text) == (503, "the group: no word from the group\n")
        reports.append(shard)
        assert "1 partitions are being taken over" in (await client.get("/readyz")).text
        reports.append(replace(shard, publishing=(3, 7)))
        answer = await client.get("/readyz")
        assert (answer.status_code, answer.text) == (
            200,
            "ready: 2 of 32 partitions, 1 workloads\n",
        )
        told = (await client.get("/v1/shard")).json()
        assert (told["assigned"], told["workloads"]) == ([3, 7], ["chat"])


async def test_one_by_itself_has_no_shard() -> None:
    async with Served().client() as client:
        assert (await client.get("/v1/shard")).status_code == 404
