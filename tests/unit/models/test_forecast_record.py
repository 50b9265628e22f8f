"""Records of the forecast topic: what was encoded is decoded, and late words are told."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from models.codec import CodecError, encode_outlook
from models.forecast_record import (
    FENCE_HEADER,
    Fence,
    ForecastRecord,
    decode_record,
    encode_record,
    next_fence,
)
from tests.unit.models.test_codec import OUTLOOK

FENCE = Fence(group="predictors", era=2, generation=17)
RECORD = ForecastRecord(workload=OUTLOOK.workload, fence=FENCE, outlook=OUTLOOK)
KEY, VALUE, HEADERS = encode_record(RECORD)


def test_what_was_encoded_is_decoded() -> None:
    decoded = decode_record(KEY, VALUE, HEADERS)
    assert (decoded.workload, decoded.fence) == ("chat", FENCE)
    assert decoded.outlook is not None
    assert encode_outlook(decoded.outlook) == encode_outlook(OUTLOOK)


def test_the_value_is_the_document_that_http_serves_under_the_workload_s_name() -> None:
    assert VALUE is not None
    assert json.loads(VALUE) == encode_outlook(OUTLOOK)
    assert KEY == b"chat"


def test_a_workload_that_is_gone_leaves_a_record_without_a_value() -> None:
    gone = replace(RECORD, outlook=None)
    key, value, headers = encode_record(gone)
    assert value is None
    assert decode_record(key, value, headers) == gone


def test_headers_of_others_are_ignored() -> None:
    assert decode_record(KEY, VALUE, [("traceparent", None), *HEADERS]).fence == FENCE


@pytest.mark.parametrize(
    ("key", "value", "headers", "complaint"),
    [
        (None, VALUE, HEADERS, "key: nothing given"),
        (b"\xff", VALUE, HEADERS, "key: no UTF-8"),
        (b"code", VALUE, HEADERS, "value.workload: 'chat' given, the key is 'code'"),
        (KEY, b"{", HEADERS, "value: no JSON"),
        (KEY, b"[" * 100_000, HEADERS, "value: no JSON"),
        (KEY, b"[]", HEADERS, "value: no object"),
        (KEY, b'{"workload": "chat"}', HEADERS, "outlook.reading: nothing given"),
        (KEY, VALUE, [], f"header {FENCE_HEADER}: nothing given"),
        (KEY, VALUE, [(FENCE_HEADER, None)], "header: no JSON"),
        (KEY, None, [(FENCE_HEADER, b'{"group": "a", "era": -1}')], "header.era: -1 given"),
    ],
)
def test_what_can_t_be_read_is_refused_in_words(
    key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes]], complaint: str
) -> None:
    with pytest.raises(CodecError) as refused:
        decode_record(key, value, headers)
    assert str(refused.value).startswith(complaint)


@pytest.mark.parametrize(
    ("other", "took_over"),
    [
        (replace(FENCE, generation=18), True),
        (replace(FENCE, era=3, generation=1), True),
        (FENCE, False),
        (replace(FENCE, generation=16), False),
        (replace(FENCE, era=1, generation=99), False),
        (replace(FENCE, group="others", era=3), False),
    ],
)
def test_who_took_over_later_in_the_same_group_is_right(other: Fence, took_over: bool) -> None:
    assert FENCE.yields_to(other) is took_over


@pytest.mark.parametrize(
    ("highest", "generation", "era"),
    [
        (None, 5, 1),
        (FENCE, 18, 2),
        (FENCE, 17, 3),  # the same partition once more without a rebalance between
        (FENCE, 1, 3),  # the broker had forgotten the group
        (replace(FENCE, group="others"), 1, 1),
    ],
)
def test_a_takeover_outranks_all_before_it(
    highest: Fence | None, generation: int, era: int
) -> None:
    fence = next_fence(highest, group="predictors", generation=generation)
    assert (fence.era, fence.generation) == (era, generation)
    if highest is not None and highest.group == fence.group:
        assert highest.yields_to(fence)
