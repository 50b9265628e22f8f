"""Records that announce demand: what is taken, and what is refused by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from models.fields import CodecError
from models.forecast import WorkloadName
from predictor.announcement import (
    Announcement,
    AnnouncementLimits,
    Cancelled,
    parse_announcement,
)

CHAT = WorkloadName("chat")
LIMITS = AnnouncementLimits()
SCHEMA = Path(__file__).parents[3] / "deploy" / "events" / "demand.announced.json"
CAMPAIGN = {
    "workload": "chat",
    "start": "2026-11-24T18:00:00Z",
    "end": "2026-11-24T19:00:00+00:00",
    "multiplier": 3,
}
SIX = 1_795_543_200.0


def an_event(data: object = None, **attributes: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": "campaign-7",
        "source": "/marketing",
        "type": "dev.headstart.demand.announced",
        "data": CAMPAIGN if data is None else data,
        **attributes,
    }


def parsed(event: object, *headers: tuple[str, bytes | None]) -> Announcement | Cancelled | None:
    value = event if isinstance(event, bytes | None) else json.dumps(event).encode()
    return parse_announcement(value, headers, LIMITS)


def test_a_campaign_is_read_in_structured_and_in_binary_mode() -> None:
    campaign = Announcement(
        id="campaign-7", workload=CHAT, start=SIX, end=SIX + 3600.0, multiplier=3.0
    )
    binary = {"ce_specversion": b"1.0", "ce_id": b"campaign-7", "ce_source": b"/marketing"}
    headers = {**binary, "ce_type": b"dev.headstart.demand.announced", "content-type": b"a/json"}
    assert parsed(an_event()) == campaign
    assert parsed(CAMPAIGN, *headers.items()) == campaign


def test_a_header_without_value_is_one_that_is_not_there() -> None:
    binary = {
        "ce_specversion": b"1.0",
        "ce_id": b"launch-7",
        "ce_type": b"dev.headstart.demand.announced",
    }
    announced = parsed(CAMPAIGN, *binary.items(), ("content-type", None), ("ce_subject", None))
    assert announced is not None
    assert (announced.id, announced.workload) == ("launch-7", CHAT)
    with pytest.raises(CodecError, match=r"event\.id: nothing given"):
        parsed(CAMPAIGN, *{**binary, "ce_id": None}.items())
    assert parsed(an_event(), ("ce_type", None)) == parsed(an_event())


def test_a_floor_times_as_numbers_and_an_id_of_its_own_are_read() -> None:
    data = {"workload": "chat", "start": 60, "end": 120.5, "floorPerSecond": 40, "id": "mine"}
    assert parsed(an_event(data)) == Announcement(
        id="mine", workload=CHAT, start=60.0, end=120.5, floor_per_second=40.0
    )


def test_an_announcement_can_be_taken_back() -> None:
    data = {"workload": "chat", "id": "mine", "cancelled": True}
    assert parsed(an_event(data)) == Cancelled(id="mine", workload=CHAT)
    assert isinstance(parsed(an_event({**CAMPAIGN, "cancelled": False})), Announcement)


def test_events_of_other_types_are_left_alone() -> None:
    assert parsed(an_event({"anything": 1}, type="com.example.order")) is None


@pytest.mark.parametrize(
    ("event", "complaint"),
    [
        (b"\xff", "event: is no JSON"),
        (b"[" * 100_000, "event: is no JSON"),
        (None, "event: None given, an object is allowed"),
        ([], "event: [] given, an object is allowed"),
        ({"id": "x"}, "event.type: nothing given"),
        (an_event(specversion="0.3"), "event.specversion: '0.3' given, 1.0 is allowed"),
        (an_event([]), "data: [] given, an object is allowed"),
        (an_event({**CAMPAIGN, "workload": ""}), "data.workload: '' given"),
        (an_event({**CAMPAIGN, "id": ""}), "data.id: '' given, a text that is not empty"),
        (an_event({**CAMPAIGN, "start": "soon"}), "data.start: 'soon' given, a time such as"),
        (an_event({**CAMPAIGN, "start": True}), "data.start: True given"),
        (an_event({**CAMPAIGN, "start": "2026-11-24T18:00:00"}), "with its zone is allowed"),
        (an_event({**CAMPAIGN, "end": SIX}), "data.end: 1795543200.0 given, a time after"),
        (an_event({**CAMPAIGN, "end": SIX + 90_000}), "by at most 86400 s, is allowed"),
        (an_event({**CAMPAIGN, "multiplier": 0.5}), "data.multiplier: 0.5 given, a number from 1"),
        (an_event({**CAMPAIGN, "multiplier": 1000}), "a number from 1 to 10 is allowed"),
        (an_event({**CAMPAIGN, "floorPerSecond": 5}), "exactly one of multiplier and floorPer"),
        (an_event({**CAMPAIGN, "multiplier": None}), "exactly one of multiplier and floorPer"),
        (an_event({**CAMPAIGN, "cancelled": 1}), "data.cancelled: 1 given, true or false"),
    ],
)
def test_what_can_t_be_used_is_refused_by_name(event: object, complaint: str) -> None:
    with pytest.raises(CodecError) as refused:
        parsed(event)
    assert complaint in str(refused.value)


def test_the_schema_that_is_shipped_takes_what_we_take() -> None:
    validator = Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8")))
    good = [an_event(), an_event({"workload": "chat", "id": "mine", "cancelled": True})]
    bad = [
        an_event({**CAMPAIGN, "floorPerSecond": 5}),
        an_event({**CAMPAIGN, "multiplier": 0.5}),
        an_event({"workload": "chat"}),
        an_event(specversion="0.3"),
    ]
    assert [validator.is_valid(event) for event in (*good, *bad)] == [True] * 2 + [False] * 4
