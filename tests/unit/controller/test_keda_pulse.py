from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

from controller.adapters.keda import externalscaler_pb2 as wire
from controller.adapters.keda.answers import Known
from controller.adapters.keda.pulse import Pulse
from controller.adapters.keda.service import ExternalScaler
from controller.policy import Actuator
from models.forecast import WorkloadName
from tests.builders import a_plan
from tests.unit.controller.builders import a_policy

NAME = WorkloadName("inference/chat")
LONG_SECONDS = 3600.0
ANY_CONTEXT: Any = None


async def test_a_beat_wakes_all_who_wait() -> None:
    pulse = Pulse()
    waiting = [asyncio.create_task(pulse.wait(LONG_SECONDS)) for _ in range(3)]
    await asyncio.sleep(0)
    pulse.beat()
    await asyncio.wait_for(asyncio.gather(*waiting), 10.0)


async def test_one_who_leaves_does_not_take_the_beat_with_it() -> None:
    pulse = Pulse()
    leaving = asyncio.create_task(pulse.wait(LONG_SECONDS))
    staying = asyncio.create_task(pulse.wait(LONG_SECONDS))
    await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.gather(leaving, return_exceptions=True)
    assert not staying.done()
    pulse.beat()
    await asyncio.wait_for(staying, 10.0)


async def test_a_beat_that_nobody_waits_for_is_not_kept() -> None:
    pulse = Pulse()
    pulse.beat()
    waiting = asyncio.create_task(pulse.wait(LONG_SECONDS))
    await asyncio.sleep(0)
    assert not waiting.done()
    pulse.end()
    await asyncio.wait_for(waiting, 10.0)


async def test_after_the_end_nobody_waits() -> None:
    pulse = Pulse()
    pulse.end()
    await asyncio.wait_for(pulse.wait(LONG_SECONDS), 10.0)
    assert pulse.has_ended


async def test_a_wait_ends_with_its_time() -> None:
    await asyncio.wait_for(Pulse().wait(0.01), 10.0)


async def test_a_slow_reader_skips_what_lay_between() -> None:
    pulse, target = Pulse(), 1
    policy = replace(a_policy(NAME), actuator=Actuator.KEDA)

    def known() -> Known:
        plan = a_plan(workload=NAME, at=100.0, target=target)
        return Known(
            plans={NAME: plan}, policies={NAME: policy}, now=100.0, stale_after_seconds=30.0
        )

    scaler = ExternalScaler(known, pulse, stream_seconds=LONG_SECONDS)
    ref = wire.ScaledObjectRef(namespace="inference", scalerMetadata={"policy": "chat"})
    pushes = scaler.stream_is_active(ref, ANY_CONTEXT)
    assert (await anext(pushes)).result is True
    for step in range(1001):
        target = step % 2
        pulse.beat()
    target = 0
    assert (await anext(pushes)).result is False
    waiting = asyncio.ensure_future(anext(pushes))
    await asyncio.sleep(0)
    assert not waiting.done()
    target = 1
    pulse.beat()
    assert (await asyncio.wait_for(waiting, 10.0)).result is True
    pulse.end()
    assert [message async for message in pushes] == []
