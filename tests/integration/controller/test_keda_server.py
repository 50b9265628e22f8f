from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from controller.adapters.keda.credentials import TlsFiles
from controller.adapters.keda.server import ScalerListenError, ScalerSettings, serve_scaler
from controller.plan import Plan
from controller.policy import Actuator, WorkloadPolicy
from controller.tick_report import TickReport
from models.forecast import WorkloadName
from tests.builders import a_plan
from tests.integration.controller.keda_client import KedaClient, Poll, Trigger, tls_channel
from tests.parts.pki import issue, make_authority
from tests.unit.controller.builders import a_policy

NAME = WorkloadName("inference/chat")
WAIT_SECONDS = 20.0


class FakePlans:
    """A loop whose plans the test makes, with the clock that goes with them."""

    def __init__(self) -> None:
        self.plans: Mapping[WorkloadName, Plan] = MappingProxyType({})
        self.policies = {NAME: replace(a_policy(NAME), actuator=Actuator.KEDA)}
        self.now = 1_000.0
        self.receivers: list[Callable[[TickReport], None]] = []

    def subscribe(self, receive: Callable[[TickReport], None]) -> Callable[[], None]:
        self.receivers.append(receive)
        return lambda: self.receivers.remove(receive)

    def plan(self, target: int, *, ready: int = 0) -> None:
        """Have a tick plan so many replicas now."""
        made = a_plan(workload=NAME, at=self.now, target=target)._replace(ready=ready)
        self.plans = MappingProxyType({NAME: made})
        for receive in self.receivers:
            receive(TickReport(now=self.now, fleet=None))


class Scaler:
    """A running server of the plans given."""

    def __init__(self, plans: FakePlans, settings: ScalerSettings, folder: Path) -> None:
        self.plans, self.settings, self.folder = plans, settings, folder
        self.port = 0
        self._serving: asyncio.Task[None] | None = None

    async def start(self) -> None:
        listening = asyncio.Event()

        def take(port: int) -> None:
            self.port = port
            listening.set()

        def policies() -> Mapping[WorkloadName, WorkloadPolicy]:
            return self.plans.policies

        self._serving = asyncio.create_task(
            serve_scaler(
                self.plans, policies, self.settings, lambda: self.plans.now, on_listening=take
            )
        )
        began = asyncio.create_task(listening.wait())
        await asyncio.wait([self._serving, began], return_when=asyncio.FIRST_COMPLETED)
        if self._serving.done():
            began.cancel()
            await self._serving

    async def stop(self) -> None:
        serving, self._serving = self._serving, None
        if serving is not None:
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)

    def client(self, trigger: Trigger | None = None) -> KedaClient:
        return KedaClient(tls_channel(self.port, self.folder), trigger)


@pytest.fixture
def pki(tmp_path: Path) -> Path:
    authority = make_authority(tmp_path, "ca")
    issue(authority, tmp_path, "scaler", hosts=("127.0.0.1",))
    issue(authority, tmp_path, "keda")
    issue(make_authority(tmp_path, "strangers"), tmp_path, "stranger")
    return tmp_path


def settings_of(folder: Path) -> ScalerSettings:
    files = TlsFiles(
        certificate=folder / "scaler.crt", key=folder / "scaler.key", client_ca=folder / "ca.crt"
    )
    return ScalerSettings(tls=files, stale_after_seconds=30.0)


@pytest.fixture
def plans() -> Iterator[FakePlans]:
    made = FakePlans()
    yield made
    assert made.receivers == [], "the server did not unsubscribe"


@pytest.fixture
async def scaler(plans: FakePlans, pki: Path) -> AsyncIterator[Scaler]:
    running = Scaler(plans, settings_of(pki), pki)
    await running.start()
    yield running
    await running.stop()


async def next_push(client: KedaClient) -> bool:
    return await asyncio.wait_for(client.pushes.get(), WAIT_SECONDS)


async def test_a_trigger_is_served_from_its_creation_to_zero(scaler: Scaler) -> None:
    scaler.plans.plan(0)
    async with scaler.client() as keda:
        assert await keda.create() == Poll(replicas=0, is_active=False)
        assert await next_push(keda) is False
        [spec] = (await asyncio.wait_for(keda.specs.get(), WAIT_SECONDS)).metricSpecs
        assert (spec.metricName, spec.targetSizeFloat) == ("headstart-target", 1.0)
        for target in (1, 7, 3):
            scaler.plans.plan(target)
            assert await keda.poll() == Poll(replicas=target, is_active=True)
        assert await next_push(keda) is True
        scaler.plans.plan(0)
        assert await next_push(keda) is False
        assert await keda.poll() == Poll(replicas=0, is_active=False)
        assert keda.streams_opened == 1


async def test_a_stale_plan_is_an_error_of_the_value_alone(scaler: Scaler) -> None:
    scaler.plans.plan(2)
    async with scaler.client() as keda:
        await keda.create()
        assert await next_push(keda) is True
        scaler.plans.now += 31.0
        with pytest.raises(grpc.aio.AioRpcError) as failure:
            await keda.poll()
        assert failure.value.code() is grpc.StatusCode.UNAVAILABLE
        assert failure.value.details() == "inference/chat: the last plan is 31 s old"
        assert await keda.is_active()
        scaler.plans.plan(2)
        assert await keda.poll() == Poll(replicas=2, is_active=True)
        assert await next_push(keda) is True
        assert keda.streams_opened == 2


async def test_nothing_is_pushed_before_there_is_a_plan(scaler: Scaler) -> None:
    async with scaler.client() as keda:
        with pytest.raises(grpc.aio.AioRpcError, match="no plan made yet"):
            await keda.create()
        assert await keda.is_active() is False
        keda.open_streams()
        await asyncio.wait_for(keda.specs.get(), WAIT_SECONDS)
        assert keda.pushes.empty()
        scaler.plans.plan(1)
        assert await next_push(keda) is True
        assert keda.pushes.empty()


@pytest.mark.parametrize(
    ("metadata", "code", "line"),
    [
        ({}, grpc.StatusCode.INVALID_ARGUMENT, "must name a PreRestorePolicy"),
        ({"policy": "search"}, grpc.StatusCode.NOT_FOUND, "'inference/search' is not a policy"),
    ],
)
async def test_a_trigger_that_names_no_policy_fails_where_keda_can_bear_it(
    scaler: Scaler, metadata: dict[str, str], code: grpc.StatusCode, line: str
) -> None:
    async with scaler.client(Trigger(metadata=metadata)) as keda:
        with pytest.raises(grpc.aio.AioRpcError, match=line) as failure:
            await keda.create()
        assert failure.value.code() is code
        assert await keda.is_active() is False
        await keda.spec()


async def test_streams_end_well_when_the_server_stops(scaler: Scaler) -> None:
    scaler.plans.plan(1)
    async with scaler.client() as keda:
        await keda.create()
        assert await next_push(keda) is True
        await scaler.stop()
        await keda.ended()
        assert keda.ends == [grpc.StatusCode.OK, grpc.StatusCode.OK]


async def test_a_connection_ends_when_it_is_old_and_its_streams_end_well_before(
    plans: FakePlans, pki: Path
) -> None:
    old = Scaler(plans, replace(settings_of(pki), connection_seconds=2.0), pki)
    await old.start()
    try:
        plans.plan(1)
        channel = tls_channel(old.port, pki)
        async with KedaClient(channel) as keda:
            await keda.create()
            plans.now += 1.6
            plans.plan(1)
            await keda.ended()
            assert keda.ends == [grpc.StatusCode.OK, grpc.StatusCode.OK]
            ready = grpc.ChannelConnectivity.READY
            await asyncio.wait_for(channel.wait_for_state_change(ready), WAIT_SECONDS)
            assert await until_answered(keda) == Poll(replicas=1, is_active=True)
    finally:
        await old.stop()


async def test_a_server_that_comes_back_is_found_again(scaler: Scaler) -> None:
    scaler.plans.plan(1)
    async with scaler.client() as keda:
        await keda.create()
        scaler.settings = replace(scaler.settings, port=scaler.port)
        await scaler.stop()
        await keda.ended()
        with pytest.raises(grpc.aio.AioRpcError):
            await keda.spec()
        await keda.close_streams()
        await scaler.start()
        assert await until_answered(keda) == Poll(replicas=1, is_active=True)
        assert await next_push(keda) is True


async def test_a_push_is_said_again_while_nothing_came_of_it(scaler: Scaler) -> None:
    scaler.plans.plan(1)
    async with scaler.client() as keda:
        await keda.create()
        assert await next_push(keda) is True
        scaler.plans.now += 10.0
        scaler.plans.plan(1)
        assert await next_push(keda) is True
        scaler.plans.now += 10.0
        scaler.plans.plan(1, ready=1)
        scaler.plans.plan(0)
        assert await next_push(keda) is False


async def test_whoever_shows_no_certificate_of_ours_is_not_answered(scaler: Scaler) -> None:
    scaler.plans.plan(1)
    for client in (None, "stranger"):
        channel = tls_channel(scaler.port, scaler.folder, client=client)
        async with KedaClient(channel) as keda:
            with pytest.raises(grpc.aio.AioRpcError) as failure:
                await keda.spec()
            assert failure.value.code() is grpc.StatusCode.UNAVAILABLE
    channel = grpc.aio.insecure_channel(f"127.0.0.1:{scaler.port}")
    async with KedaClient(channel) as keda:
        with pytest.raises(grpc.aio.AioRpcError):
            await keda.spec()


async def test_new_certificates_are_taken_without_a_restart(scaler: Scaler) -> None:
    folder = scaler.folder
    scaler.plans.plan(1)
    async with scaler.client() as before:
        await before.create()
        authority = make_authority(folder, "ca")
        issue(authority, folder, "scaler", hosts=("127.0.0.1",))
        issue(authority, folder, "keda")
        # Neither trusts the other's old certificate; a connection that stands, stays.
        async with scaler.client() as after:
            assert (await after.create()).replicas == 1
        assert (await before.poll()).replicas == 1


async def test_a_certificate_that_is_gone_leaves_the_last_one_in_force(scaler: Scaler) -> None:
    scaler.plans.plan(1)
    (scaler.folder / "scaler.key").unlink()
    async with scaler.client() as keda:
        assert (await keda.create()).replicas == 1


async def test_health_and_reflection_are_served(scaler: Scaler) -> None:
    async with tls_channel(scaler.port, scaler.folder) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        for service in ("", "externalscaler.ExternalScaler"):
            answer = await stub.Check(health_pb2.HealthCheckRequest(service=service))
            assert answer.status == health_pb2.HealthCheckResponse.SERVING
        reflected = reflection_pb2_grpc.ServerReflectionStub(channel)
        asked = reflection_pb2.ServerReflectionRequest(list_services="")
        answers = reflected.ServerReflectionInfo(iter([asked]))
        listed = {one.name async for a in answers for one in a.list_services_response.service}
        assert "externalscaler.ExternalScaler" in listed


async def test_an_address_in_use_is_said_in_one_line(scaler: Scaler) -> None:
    second = Scaler(scaler.plans, replace(scaler.settings, port=scaler.port), scaler.folder)
    with pytest.raises(ScalerListenError, match=f"can't listen on 127.0.0.1:{scaler.port}"):
        await second.start()


async def test_a_missing_certificate_is_named(plans: FakePlans, pki: Path) -> None:
    (pki / "scaler.crt").unlink()
    with pytest.raises(ScalerListenError, match=r"can't read .*scaler.crt: no such file"):
        await Scaler(plans, settings_of(pki), pki).start()


async def until_answered(keda: KedaClient) -> Poll:
    """Poll as often as it takes; gRPC itself waits longer and longer before it connects anew."""
    async with asyncio.timeout(WAIT_SECONDS):
        while True:
            with contextlib.suppress(grpc.aio.AioRpcError):
                return await keda.poll()
            await asyncio.sleep(0.1)
