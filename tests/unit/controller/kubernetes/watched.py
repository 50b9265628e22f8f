"""A scripted list and watch, policy objects, and a clock, for tests of what builds on caches."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from typing import Any

from controller.adapters.kubernetes.cache import CacheSettings, ObjectCache
from controller.adapters.kubernetes.exchange import ApiSettings, Json, Listing
from controller.policy import Mode

QUICK = CacheSettings(
    first_pause_seconds=0.001, longest_pause_seconds=0.002, good_after_seconds=0.0
)


@dataclass
class HandClock:
    """A clock that moves when told."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class FakeSource:
    """Answers lists in turn and streams in turn; a stream without an end stays open."""

    listings: deque[Listing | Exception] = field(default_factory=deque)
    streams: deque[list[Json | Exception]] = field(default_factory=deque)
    versions: list[str] = field(default_factory=list)
    settings: ApiSettings = field(default_factory=ApiSettings)

    async def list(self, path: str, query: Mapping[str, str] | None = None) -> Listing:
        answer = self.listings.popleft()
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def watch(
        self, path: str, query: Mapping[str, str], *, resource_version: str
    ) -> AsyncGenerator[Json | None]:
        self.versions.append(resource_version)
        if not self.streams:
            yield None
            await asyncio.Event().wait()
        stream = self.streams.popleft()
        yield None
        for event in stream:
            await asyncio.sleep(0)
            if isinstance(event, Exception):
                raise event
            yield event


def an_object(name: str = "one", version: int = 1, **more: Any) -> Json:
    """Return an object of namespace ``team``."""
    metadata = {"name": name, "namespace": "team", "resourceVersion": str(version)}
    return {"metadata": metadata, **more}


def a_policy_object(
    name: str = "chat",
    version: int = 1,
    *,
    mode: Mode = Mode.ACT,
    status: Json | None = None,
    **spec: Any,
) -> Json:
    """Return a PreRestorePolicy that is right, unless ``spec`` says otherwise."""
    obj = an_object(name, version)
    obj["metadata"] |= {"uid": f"uid-{name}", "generation": version}
    return {
        "apiVersion": "headstart.dev/v1alpha1",
        "kind": "PreRestorePolicy",
        **obj,
        "spec": {
            "mode": mode.value,
            "demand": {"prometheus": {"query": "q"}},
            "capacity": {"demandPerReplica": 2.0},
            "target": {
                "podTemplate": {"spec": {"containers": [{"name": "main"}]}},
                "podSnapshotName": "snap",
            },
            "restore": {"driver": "NvidiaSnapshot"},
            **spec,
        },
        **({"status": status} if status is not None else {}),
    }


def an_event(kind: str, obj: Json) -> Json:
    """Return a watch's event."""
    return {"type": kind, "object": obj}


def a_cache(source: FakeSource, clock: HandClock | None = None) -> ObjectCache:
    """Return a cache that tries again at once."""
    return ObjectCache(
        source, "/things", clock=clock or HandClock(), luck=lambda: 0.0, settings=QUICK
    )
