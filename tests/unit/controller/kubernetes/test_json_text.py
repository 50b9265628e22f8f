"""Objects that others wrote are read however deep they are, and passed over where they are none."""

from __future__ import annotations

import json

import pytest

from controller.adapters.kubernetes.errors import UnavailableError, error_of
from controller.adapters.kubernetes.exchange import watch_event
from controller.adapters.kubernetes.json_text import MOST_DEPTH, decoded

DEEP = 100_000


def nested(depth: int) -> str:
    return '{"a":[' * depth + '"]}"' + "]}" * depth


def test_what_is_nested_too_deep_is_null_and_all_around_it_stays() -> None:
    text = f'{{"before":"]}}\\\\\\"[{{","deep":{nested(DEEP)},"after":[1,{{"b":"[[["}}]}}'
    found = decoded(text.encode())
    assert (found["before"], found["after"]) == (']}\\"[{', [1, {"b": "[[["}])
    depth, inner = 1, found["deep"]
    while inner is not None:
        depth, inner = depth + 1, inner["a"] if isinstance(inner, dict) else inner[0]
    assert depth == MOST_DEPTH


def test_what_can_be_read_as_it_is_stays_as_it_is() -> None:
    text = nested(MOST_DEPTH)
    assert decoded(text) == json.loads(text)


@pytest.mark.parametrize("text", ["[" * DEEP, '{"a":' * DEEP, "]" * DEEP, "[" * DEEP + "1}" * DEEP])
def test_what_is_no_json_is_refused_as_any_other(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        decoded(text)


def test_one_object_that_is_nested_too_deep_does_not_end_a_watch() -> None:
    line = f'{{"type":"ADDED","object":{{"metadata":{{"name":"x"}},"spec":{nested(DEEP)}}}}}'
    event = watch_event("GET /x", line.encode())
    assert (event["type"], event["object"]["metadata"]) == ("ADDED", {"name": "x"})
    with pytest.raises(UnavailableError, match="cut short"):
        watch_event("GET /x", b"[" * DEEP)
    assert error_of("GET /x", 400, "[" * DEEP).status == 400
