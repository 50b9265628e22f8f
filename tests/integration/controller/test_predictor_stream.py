import asyncio
import json
import tracemalloc
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import httpx
import numpy as np
import pytest

from controller.adapters.predictor import PredictorStream, StreamSettings
from controller.adapters.server_sent_events import (
    MOST_CHARACTERS,
    EventParser,
    LineCutter,
    ServerEvent,
)
from models.codec import encode_outlook
from models.forecast import QUANTILES, Forecast, WorkloadName
from models.outlook import DemandReading, Outlook
from tests.builders import CHAT


def an_outlook(published_at: float = 100.0) -> Outlook:
    return Outlook(
        workload=CHAT,
        published_at=published_at,
        reading=DemandReading(measured_at=95.0, window_seconds=10.0, per_second=3.5),
        forecast=Forecast(
            workload=CHAT,
            issued_at=95.0,
            step_seconds=10.0,
            quantiles=QUANTILES,
            values=np.ones((6, len(QUANTILES))),
            basis="test",
        ),
    )


def an_event(outlook: Outlook) -> str:
    return f"event: outlook\nid: 1\ndata: {json.dumps(encode_outlook(outlook))}\n\n"


class Body(httpx.AsyncByteStream):
    """What one connection sends before it ends; silence, if so told, instead of an end."""

    def __init__(self, *parts: str, fails: bool = False) -> None:
        self._parts = parts
        self._fails = fails

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for part in self._parts:
            yield part.encode()
        if self._fails:
            raise httpx.ReadTimeout("")


class Predictor:
    """Answers one connection after the other as told; ends the test after the last."""

    def __init__(self, *answers: httpx.AsyncByteStream | int) -> None:
        self._answers = list(answers)
        self.waits: list[float] = []
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self._answers.pop(0)
        if isinstance(answer, int):
            return httpx.Response(answer)
        return httpx.Response(200, stream=answer)

    async def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        if not self._answers:
            raise asyncio.CancelledError


async def after_following(
    predictor: Predictor, luck: Callable[[], float] = lambda: 0.0, now: float = 1_000.0
) -> PredictorStream:
    """Return the stream once it has had all answers."""
    transport = httpx.MockTransport(predictor)
    async with httpx.AsyncClient(transport=transport, base_url="http://predictor") as client:
        settings = StreamSettings(first_retry_seconds=1.0, longest_retry_seconds=4.0)
        stream = PredictorStream(
            client, luck=luck, settings=settings, wait=predictor.wait, clock=lambda: now
        )
        with pytest.raises(asyncio.CancelledError):
            await stream.follow()
        return stream


def same(outlook: Outlook | None, other: Outlook) -> bool:
    return outlook is not None and encode_outlook(outlook) == encode_outlook(other)


async def test_the_newest_outlook_is_kept() -> None:
    body = Body(an_event(an_outlook(100.0)), ": heartbeat\n\n", an_event(an_outlook(105.0)))
    stream = await after_following(Predictor(body))
    assert same(stream.latest(CHAT), an_outlook(105.0))


async def test_an_outlook_older_than_the_one_known_is_not_taken() -> None:
    body = Body(an_event(an_outlook(105.0)), an_event(an_outlook(100.0)))
    assert same((await after_following(Predictor(body))).latest(CHAT), an_outlook(105.0))


async def test_once_a_clock_that_was_ahead_is_set_right_what_comes_is_the_newest() -> None:
    body = Body(*(an_event(an_outlook(at)) for at in (3_700.0, 100.0, 105.0, 102.0)))
    stream = await after_following(Predictor(body), now=110.0)
    assert same(stream.latest(CHAT), an_outlook(105.0))


async def test_before_the_first_there_is_none() -> None:
    assert (await after_following(Predictor(503))).latest(CHAT) is None


@pytest.mark.parametrize("end", [503, Body(fails=True), Body()])
async def test_the_last_outlook_stays_whatever_becomes_of_the_stream(end: Body | int) -> None:
    stream = await after_following(Predictor(Body(an_event(an_outlook())), end))
    assert same(stream.latest(CHAT), an_outlook())
    assert not stream.is_connected


async def test_an_event_may_arrive_in_pieces() -> None:
    text = an_event(an_outlook())
    stream = await after_following(Predictor(Body(*text)))
    assert same(stream.latest(CHAT), an_outlook())


@pytest.mark.parametrize(
    "data", ["{", "[]", '{"workload": "chat"}', "NaN", "[" * 100_000, '{"workload": 3}']
)
async def test_a_malformed_event_is_counted_and_skipped(data: str) -> None:
    bad = f"event: outlook\ndata: {data}\n\n"
    stream = await after_following(Predictor(Body(bad, an_event(an_outlook()))))
    assert stream.malformed_events == 1
    assert same(stream.latest(CHAT), an_outlook())


def a_poison_event(workload: str, **reading: float) -> str:
    """An event that a planner could not divide by."""
    wire = encode_outlook(an_outlook(105.0))
    assert isinstance(wire["reading"], dict)
    wire = {**wire, "workload": workload, "reading": {**wire["reading"], **reading}}
    return f"event: outlook\ndata: {json.dumps(wire)}\n\n"


async def test_an_outlook_that_is_refused_leaves_the_last_one_which_says_so() -> None:
    body = Body(an_event(an_outlook()), a_poison_event(CHAT, windowSeconds=0.0))
    known = (await after_following(Predictor(body))).latest(CHAT)
    assert known is not None
    assert known.degraded == (
        "predictor: what it says now is not used: outlook.reading.windowSeconds: 0.0 given,"
        " a number from 0.001 to 86400 is allowed",
    )
    assert same(replace(known, degraded=()), an_outlook())


async def test_the_next_good_outlook_ends_what_is_said_of_one_refused() -> None:
    bad = a_poison_event(CHAT, perSecond=1e308)
    body = Body(bad, bad, an_event(an_outlook(90.0)))
    assert same((await after_following(Predictor(body))).latest(CHAT), an_outlook(90.0))


async def test_of_a_workload_whose_first_outlook_is_refused_only_that_is_known() -> None:
    body = Body(a_poison_event("code", windowSeconds=1e308), an_event(an_outlook()))
    stream = await after_following(Predictor(body))
    code = stream.latest(WorkloadName("code"))
    assert code is not None
    assert (code.reading, code.forecast, len(code.degraded)) == (None, None, 1)
    assert same(stream.latest(CHAT), an_outlook())


async def test_events_of_other_kinds_are_none_of_ours() -> None:
    stream = await after_following(Predictor(Body("event: ping\ndata: {\n\n")))
    assert (stream.malformed_events, stream.latest(CHAT)) == (0, None)


async def test_retries_come_later_and_later_until_an_outlook_arrives() -> None:
    predictor = Predictor(503, 503, 503, 503, Body(an_event(an_outlook())), 503)
    await after_following(predictor)
    assert predictor.waits == [1.0, 2.0, 4.0, 4.0, 1.0, 2.0]


async def test_luck_spreads_the_retries() -> None:
    predictor = Predictor(503)
    await after_following(predictor, luck=lambda: 0.5)
    assert predictor.waits == [0.75]


async def test_silence_has_a_limit() -> None:
    predictor = Predictor(Body())
    await after_following(predictor)
    (request,) = predictor.requests
    assert request.extensions["timeout"]["read"] == StreamSettings().silence_seconds
    assert request.url.path == "/v1/stream"


def events_of(*lines: str, most_characters: int = 100) -> tuple[list[ServerEvent], int]:
    parser = EventParser(most_characters=most_characters)
    events = [event for line in lines if (event := parser.feed(line)) is not None]
    return events, parser.dropped


def test_the_lines_of_an_event_are_joined_and_comments_are_skipped() -> None:
    events, _ = events_of("event:x", "data: a", ": comment", "data:b", "retry: 5", "")
    assert events == [ServerEvent(name="x", data="a\nb")]


def test_an_event_without_a_name_is_a_message_and_one_without_data_is_none() -> None:
    events, _ = events_of("data: a", "", "event: x", "", "")
    assert events == [ServerEvent(name="message", data="a")]


def test_an_event_that_is_too_long_is_dropped_whole() -> None:
    events, dropped = events_of("data: 12345", "data: 6", "", "data: 1", "", most_characters=5)
    assert (events, dropped) == ([ServerEvent(name="message", data="1")], 1)


class EndlessBody(httpx.AsyncByteStream):
    """One outlook, and then a line that never ends; ``sent`` counts its pieces."""

    def __init__(self) -> None:
        self.sent = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield an_event(an_outlook()).encode() + b"data: "
        while self.sent < 1000:
            self.sent += 1
            yield b"x" * 1_000_000


async def test_a_line_that_never_ends_is_given_up_with_its_connection() -> None:
    body = EndlessBody()
    tracemalloc.start()
    stream = await after_following(Predictor(body, 503))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert body.sent < 50
    assert peak < 6 * MOST_CHARACTERS
    assert same(stream.latest(CHAT), an_outlook())


async def test_a_line_that_is_too_long_costs_its_event_alone() -> None:
    long = f"event: outlook\ndata: {'x' * (MOST_CHARACTERS + 1)}\n\n"
    stream = await after_following(Predictor(Body(long, an_event(an_outlook()))))
    assert same(stream.latest(CHAT), an_outlook())
    assert stream.malformed_events == 1


def lines_of(*texts: str, most_characters: int = 100) -> list[str]:
    cutter = LineCutter(most_characters=most_characters)
    return [line for text in texts for line in cutter.feed(text)]


def test_lines_end_in_three_ways_wherever_the_text_is_cut() -> None:
    text = "a: 1\r\n\r\nb\rc\n\nd\u2028e\n"
    wanted = ["a: 1", "", "b", "c", "", "d\u2028e"]
    assert lines_of(text) == wanted
    assert lines_of(*text) == wanted
    assert lines_of("no end yet") == []


def test_of_a_line_that_is_too_long_no_more_is_kept_than_shows_it() -> None:
    [line, after] = lines_of("data: 12", "345678", "90\nok\n", most_characters=3)
    assert (line, after) == ("data: 12345", "ok")
