import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence

import httpx
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette

from controller.adapters.predictor import PredictorStream
from models.forecast import WorkloadName
from models.outlook import DemandReading, Outlook
from predictor.adapters import http as predictor_http
from predictor.subscriptions import Subscriptions
from tests.builders import CHAT


class Published(Subscriptions):
    """What a predictor publishes, without one that forecasts."""

    def workloads(self) -> Sequence[WorkloadName]:
        return [CHAT]


def an_outlook(per_second: float) -> Outlook:
    reading = DemandReading(measured_at=100.0, window_seconds=10.0, per_second=per_second)
    return Outlook(workload=CHAT, published_at=100.0 + per_second, reading=reading, forecast=None)


@contextlib.asynccontextmanager
async def served(published: Published, port: int = 0) -> AsyncIterator[int]:
    """Serve on a free port, or a given one, of the loopback; yield the port."""
    listening: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    app = Starlette(routes=list(predictor_http.routes(published, CollectorRegistry())))
    serving = asyncio.create_task(
        predictor_http.serve(app, "127.0.0.1", port, on_listening=listening.set_result)
    )
    try:
        yield await listening
    finally:
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)


async def test_what_the_predictor_publishes_arrives_also_after_it_was_away() -> None:
    published = Published()
    published.publish(an_outlook(1.0))
    async with contextlib.AsyncExitStack() as stack:
        async with served(published) as port:
            client = httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}")
            await stack.enter_async_context(client)
            arrived: asyncio.Queue[Outlook] = asyncio.Queue()
            stream = PredictorStream(client, luck=lambda: 0.9, on_outlook=arrived.put_nowait)
            following = asyncio.create_task(stream.follow())
            assert await arrived.get() == an_outlook(1.0)
            published.publish(an_outlook(2.0))
            assert await arrived.get() == an_outlook(2.0)
        published.publish(an_outlook(3.0))
        async with served(published, port):
            assert await arrived.get() == an_outlook(3.0)
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
    assert stream.latest(CHAT) == an_outlook(3.0)
    assert stream.malformed_events == 0
