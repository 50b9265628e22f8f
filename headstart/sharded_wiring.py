"""The composition root of a predictor that shares its workloads with others. Decides nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

from headstart.demand_sources import Connections, check_connections, demands_of
from headstart.forecast_options import ShardSetting
from headstart.process import together
from headstart.process_metrics import process_registry, show_shard
from headstart.wiring import Setting, forecast_service, open_store
from models.forecast import WorkloadName
from predictor.adapters import http as predictor_http
from predictor.adapters.forecast_publisher import ForecastPublisher
from predictor.adapters.shard_member import ShardMember
from predictor.fitting import FitPool
from predictor.sharded_service import ShardedService
from predictor.workload import WorkloadDemand


async def run_sharded_predictor(
    setting: Setting, shard: ShardSetting, connections: Connections, state_file: Path | None
) -> None:
    """Run one predictor of a group, and its server, until cancelled."""
    check_connections(setting.policies, connections)
    registry = process_registry()
    member, publisher = _kafka_parts(shard)
    async with AsyncExitStack() as stack:
        pool = FitPool(max_workers=1)
        stack.callback(pool.close)
        store = open_store(state_file, stack)
        # What was said in time goes out before the others are told to take over.
        stack.push_async_callback(asyncio.to_thread, member.stop)
        stack.push_async_callback(asyncio.to_thread, publisher.close)
        service = forecast_service(setting, registry, pool, store)
        sharded = ShardedService(
            service,
            member,
            publisher,
            workloads=(policy.workload for policy in setting.policies),
            demand_of=_demand_of(setting, connections),
            least_seconds=setting.tick_seconds,
        )
        show_shard(registry, sharded.report, publisher.counts)
        member.start()
        await together(
            predictor_http.routes(service, registry, shard=sharded.report),
            setting.listen,
            setting.on_listening,
            service.run_forever(time.time, asyncio.sleep),
            sharded.run_forever(time.time, asyncio.sleep),
        )


def _kafka_parts(shard: ShardSetting) -> tuple[ShardMember, ForecastPublisher]:
    member = ShardMember(
        shard.connection,
        topic=shard.topic,
        group=shard.group,
        new_partitions=shard.new_partitions,
    )
    publisher = ForecastPublisher(
        shard.connection, topic=shard.topic, may_publish=member.may_publish
    )
    return member, publisher


def _demand_of(
    setting: Setting, connections: Connections
) -> Callable[[WorkloadName], WorkloadDemand]:
    """Return what makes the sources of one workload, once that is ours."""
    policies = {policy.workload: policy for policy in setting.policies}

    def demand_of(workload: WorkloadName) -> WorkloadDemand:
        [demand] = demands_of([policies[workload]], connections)
        return demand

    return demand_of
