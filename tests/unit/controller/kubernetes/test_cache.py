"""What events and lists change, and how a cache gets over streams that break."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass, field

import pytest

from controller.adapters.kubernetes.cache import CacheSettings, ObjectCache
from controller.adapters.kubernetes.cache_changes import change_of, key_of, overtaken, relisted
from controller.adapters.kubernetes.errors import GoneError, RefusedError, UnavailableError
from controller.adapters.kubernetes.exchange import Json, Listing
from tests.unit.controller.kubernetes.watched import (
    FakeSource,
    HandClock,
    a_cache,
    an_event,
    an_object,
)

OLD, SAME, NEW = an_object(version=4), an_object(version=5), an_object(version=6)


@pytest.mark.parametrize(
    ("known", "event", "expected"),
    [
        (None, an_event("ADDED", SAME), "ADDED"),
        (None, an_event("MODIFIED", SAME), "ADDED"),
        (None, an_event("DELETED", SAME), None),
        (SAME, an_event("MODIFIED", NEW), "MODIFIED"),
        (SAME, an_event("ADDED", NEW), "MODIFIED"),
        (SAME, an_event("MODIFIED", SAME), None),
        (SAME, an_event("MODIFIED", OLD), None),
        (SAME, an_event("DELETED", NEW), "DELETED"),
        (SAME, an_event("DELETED", OLD), None),
        (SAME, an_event("BOOKMARK", NEW), None),
    ],
)
def test_an_event_changes_what_is_not_known_yet(
    known: Json | None, event: Json, expected: str | None
) -> None:
    change = change_of({"team/one": known} if known else {}, event)
    assert (change.type if change else None) == expected


def test_a_new_list_tells_what_went_came_and_changed() -> None:
    known = {key_of(obj): obj for obj in (an_object("gone"), an_object("same"), an_object("old"))}
    items = [an_object("same"), an_object("old", 2), an_object("new")]
    changes = [
        (change.type, change.object["metadata"]["name"]) for change in relisted(known, items)
    ]
    assert changes == [("DELETED", "gone"), ("MODIFIED", "old"), ("ADDED", "new")]


def test_of_a_list_read_beside_a_watch_and_the_watch_the_newer_word_counts() -> None:
    versions = {"gone": 4, "late": 9, "new": 8, "old": 3}
    known = {f"team/{name}": an_object(name, version) for name, version in versions.items()}
    items = [an_object("new", 5), an_object("old", 6), an_object("fresh", 7)]
    changes = [(one.type, one.object["metadata"]["name"]) for one in overtaken(known, items, "7")]
    assert changes == [("DELETED", "gone"), ("MODIFIED", "old"), ("ADDED", "fresh")]


def test_an_object_without_a_namespace_is_known_by_its_name() -> None:
    assert key_of({"metadata": {"name": "node-1"}}) == "node-1"


async def test_a_watch_goes_on_where_the_list_ended_and_bookmarks_move_it_on() -> None:
    source = FakeSource(listings=deque([a_listing(an_object("a", 3), version=10)]))
    bookmark = an_event("BOOKMARK", {"metadata": {"resourceVersion": "17"}})
    source.streams = deque([[an_event("ADDED", an_object("b", 12)), bookmark]])
    cache = a_cache(source)
    await running(cache, until=lambda: len(source.versions) == 2)
    assert source.versions == ["10", "17"]
    assert sorted(cache.objects) == ["team/a", "team/b"]
    assert cache.relists == 1


async def test_a_version_that_is_too_old_makes_it_list_anew() -> None:
    gone = GoneError("expired", status=410)
    source = FakeSource(
        listings=deque([a_listing(an_object("a", 1), version=5), a_listing(version=9)]),
        streams=deque([[gone]]),
    )
    cache = a_cache(source)
    told: list[str] = []
    cache.subscribe(lambda kind, obj, _: told.append(f"{kind} {obj['metadata']['name']}"))
    await running(cache, until=lambda: len(source.versions) == 2)
    assert (source.versions, cache.relists) == (["5", "9"], 2)
    assert told == ["ADDED a", "DELETED a"]


async def test_versions_that_are_always_too_old_are_waited_out_until_something_is_told() -> None:
    @dataclass(frozen=True, slots=True, kw_only=True)
    class Counted(CacheSettings):
        failures: list[int] = field(default_factory=list)

        def pause_seconds(self, failures: int, *, luck: float) -> float:
            self.failures.append(failures)
            return 0.0

    clock, settings = HandClock(), Counted()

    class Slow(FakeSource):
        async def list(self, path: str, query: Mapping[str, str] | None = None) -> Listing:
            clock.now += 20.0
            return a_listing(version=5)

    gone = GoneError("expired", status=410)
    told = an_event("ADDED", an_object("b", 12))
    source = Slow(streams=deque([[gone], [gone], [gone], [told, gone], [gone]]))
    cache = ObjectCache(source, "/things", clock=clock, luck=lambda: 0.0, settings=settings)
    await running(cache, until=lambda: len(source.versions) == 6)
    assert settings.failures == [1, 2, 3, 1, 2]


async def test_a_broken_stream_goes_on_without_a_new_list() -> None:
    source = FakeSource(
        listings=deque([a_listing(version=5)]), streams=deque([[UnavailableError("reset")]])
    )
    cache = a_cache(source)
    await running(cache, until=lambda: len(source.versions) == 2)
    assert (source.versions, cache.relists) == (["5", "5"], 1)


async def test_a_list_that_is_refused_is_tried_again_and_said() -> None:
    refused = RefusedError("403 forbidden", status=403)
    source = FakeSource(listings=deque([refused, UnavailableError("down"), a_listing(version=5)]))
    cache = a_cache(source)
    await running(cache, until=lambda: bool(source.versions))
    assert cache.is_synced


async def test_it_is_fresh_while_heard_of_and_ages_from_when_it_was_last() -> None:
    clock = HandClock(1000.0)
    source = FakeSource(listings=deque([a_listing(version=5)]))
    cache = a_cache(source, clock)
    assert cache.fresh_at(1000.0) == float("-inf")
    await running(cache, until=lambda: bool(source.versions), then=lambda: fresh(cache))
    # The stream was closed at 1000 when the task was cancelled.
    assert cache.fresh_at(1500.0) == 1000.0


def fresh(cache: ObjectCache) -> None:
    silence = 75.0
    assert cache.fresh_at(1000.0 + silence) == 1000.0 + silence
    assert cache.fresh_at(1001.0 + silence) == 1000.0


async def test_a_stream_that_fell_silent_was_right_only_until_it_was_last_heard() -> None:
    clock = HandClock(1000.0)

    class Silent(FakeSource):
        async def watch(
            self, path: str, query: Mapping[str, str], *, resource_version: str
        ) -> AsyncGenerator[Json | None]:
            self.versions.append(resource_version)
            if len(self.versions) > 1:
                await asyncio.Event().wait()
            yield None
            clock.now += 80.0
            raise UnavailableError("no answer in time")

    source = Silent(listings=deque([a_listing(version=5)]))
    cache = a_cache(source, clock)
    await running(cache, until=lambda: len(source.versions) == 2)
    assert cache.fresh_at(clock.now) == 1000.0


async def test_a_stream_that_is_told_at_once_that_its_version_is_too_old_proves_nothing() -> None:
    clock = HandClock(1000.0)

    class Forgetful(FakeSource):
        async def watch(
            self, path: str, query: Mapping[str, str], *, resource_version: str
        ) -> AsyncGenerator[Json | None]:
            self.versions.append(resource_version)
            if len(self.versions) == 1:
                yield None
                clock.now += 5.0
                raise UnavailableError("reset")
            clock.now += 60.0
            yield None
            ages.append(clock.now - cache.fresh_at(clock.now))
            raise GoneError("expired", status=410)

    ages: list[float] = []
    source = Forgetful(listings=deque([a_listing(version=5), UnavailableError("down")]))
    cache = a_cache(source, clock)
    await running(cache, until=lambda: bool(ages))
    assert (ages, cache.fresh_at(clock.now)) == ([60.0], 1005.0)


async def test_the_answer_to_an_own_write_comes_ahead_and_older_news_does_not_undo_it() -> None:
    source = FakeSource(listings=deque([a_listing(an_object("a", 3), version=10)]))
    source.streams = deque([[an_event("MODIFIED", an_object("a", 11, step="old"))]])
    cache = a_cache(source)
    await running(cache, until=lambda: cache.is_synced)
    cache.take_own(an_object("a", 12, step="own"))
    assert cache.objects["team/a"]["step"] == "own"
    cache._hear(an_event("MODIFIED", an_object("a", 11, step="old")))
    assert cache.objects["team/a"]["step"] == "own"


async def test_an_own_write_does_not_bring_back_what_was_deleted_since() -> None:
    source = FakeSource(listings=deque([a_listing(an_object("a", 3), version=10)]))
    cache = a_cache(source)
    await running(cache, until=lambda: cache.is_synced)
    cache._hear(an_event("DELETED", an_object("a", 13)))
    cache.take_own(an_object("a", 12))
    assert dict(cache.objects) == {}
    cache.take_own(an_object("b", 14))
    assert list(cache.objects) == ["team/b"]


async def test_a_subscriber_that_fails_does_not_end_the_stream() -> None:
    source = FakeSource(listings=deque([a_listing(an_object("a"), an_object("b"), version=5)]))
    cache = a_cache(source)

    def fail(kind: str, obj: Json, at: float) -> None:
        raise ValueError(kind)

    cache.subscribe(fail)
    await running(cache, until=lambda: bool(source.versions))
    assert len(cache.objects) == 2
    assert cache.received_at("team/a") == 1000.0


def test_pauses_double_up_to_a_limit_and_are_spread() -> None:
    settings = CacheSettings(first_pause_seconds=1.0, longest_pause_seconds=10.0)
    pauses = [settings.pause_seconds(failures, luck=0.0) for failures in (1, 2, 3, 9)]
    assert pauses == [1.0, 2.0, 4.0, 10.0]
    assert settings.pause_seconds(3, luck=0.999) == pytest.approx(2.0, rel=0.01)


def a_listing(*items: Json, version: int) -> Listing:
    return Listing(items=items, resource_version=str(version))


async def running(
    cache: ObjectCache, *, until: Callable[[], bool], then: Callable[[], None] = lambda: None
) -> None:
    """Run a cache until something is so, and then a few turns more."""
    task = asyncio.create_task(cache.run_forever())
    try:
        async with asyncio.timeout(10):
            while not until():  # noqa: ASYNC110 - the cache tells nobody of a new stream
                await asyncio.sleep(0.001)
            for _ in range(5):
                await asyncio.sleep(0)
        assert not task.done()
        then()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
