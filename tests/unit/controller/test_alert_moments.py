"""When an alert began or ended, and which of both it says."""

from __future__ import annotations

import pytest

from tests.unit.controller.test_boost_payload import STARTED_AT, a_payload, an_alert, only


@pytest.mark.parametrize(
    ("ends_at", "seconds"),
    [
        ("2026-11-24T06:00:01.123456789Z", STARTED_AT + 1.123456),
        ("2026-11-24T07:00:01+01:00", STARTED_AT + 1.0),
        # A clock that was set back: nothing ends before it begins.
        ("2026-11-24T05:00:00Z", STARTED_AT),
        ("0001-01-01T00:00:00Z", None),
        ("0001-01-01T00:00:00+14:00", None),
        ("2026-11-24T06:00:01", None),
        ("soon", None),
        (7, None),
        (None, None),
    ],
)
def test_a_resolved_alert_tells_when_it_ended(ends_at: object, seconds: float | None) -> None:
    alert = only(a_payload(an_alert(status="resolved", endsAt=ends_at)))
    assert alert.moment == (None if seconds is None else pytest.approx(seconds, abs=1e-5))


@pytest.mark.parametrize(
    ("own", "whole", "is_firing"),
    [
        ({}, "resolved", False),
        ({}, "firing", True),
        ({}, None, True),
        ({"status": "firing"}, "resolved", True),
        ({"status": "resolved"}, "firing", False),
        ({"status": 7}, "resolved", False),
    ],
)
def test_an_alert_without_a_status_has_that_of_the_whole(
    own: dict[str, object], whole: str | None, is_firing: bool
) -> None:
    alert = an_alert()
    del alert["status"]
    assert only(a_payload({**alert, **own}, status=whole)).is_firing is is_firing
