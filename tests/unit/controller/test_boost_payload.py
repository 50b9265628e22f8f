from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.adapters.alert_payload import Payload, PayloadError, payload_of
from controller.boosts import Alert, Boost
from models.forecast import WorkloadName

CHAT = WorkloadName("inference/chat")
WORKLOADS = (CHAT, WorkloadName("inference/search"), WorkloadName("web/search"))
TWO = {"headstart_boost_replicas": "2"}
STARTED, STARTED_AT = "2026-11-24T06:00:00Z", 1_795_500_000.0


def an_alert(**changes: Any) -> dict[str, Any]:
    """Return one alert as Alertmanager writes it."""
    return {
        "status": "firing",
        "labels": {"alertname": "QueueGrows", "headstart_policy": "inference/chat"},
        "annotations": {"headstart_boost_replicas": "2"},
        "startsAt": STARTED,
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus.example/graph",
        "fingerprint": "c0ffee",
        **changes,
    }


def a_payload(*alerts: object, **changes: Any) -> bytes:
    """Return a webhook body of version 4."""
    document = {
        "version": "4",
        "groupKey": '{}:{alertname="QueueGrows"}',
        "truncatedAlerts": 0,
        "status": "firing",
        "receiver": "headstart",
        "groupLabels": {"alertname": "QueueGrows"},
        "commonLabels": {},
        "commonAnnotations": {},
        "externalURL": "http://alertmanager.example",
        "alerts": list(alerts),
        **changes,
    }
    return json.dumps(document).encode()


def read(body: bytes) -> Payload:
    return payload_of(body, WORKLOADS)


def only(body: bytes) -> Alert:
    payload = read(body)
    assert payload.faults == ()
    [alert] = payload.alerts
    return alert


def test_an_alert_asks_for_replicas_more() -> None:
    assert only(a_payload(an_alert())) == Alert(
        fingerprint="c0ffee",
        moment=STARTED_AT,
        workload=CHAT,
        boost=Boost(replicas=2.0),
    )


def test_labels_go_before_annotations() -> None:
    labels = {"headstart_policy": "chat", "headstart_boost_multiplier": "1.5"}
    annotations = {"headstart_policy": "search", "headstart_boost_multiplier": "9"}
    alert = only(a_payload(an_alert(labels=labels, annotations=annotations)))
    assert (alert.workload, alert.boost) == (CHAT, Boost(multiplier=1.5))


def test_a_policy_out_of_a_file_is_found_by_its_name_with_any_namespace() -> None:
    payload = payload_of(a_payload(an_alert()), [WorkloadName("chat")])
    assert [alert.workload for alert in payload.alerts] == ["chat"]


def test_a_resolved_alert_needs_no_number() -> None:
    alert = only(a_payload(an_alert(status="resolved", annotations={})))
    assert not alert.is_firing


def test_an_alert_that_names_no_policy_is_passed_over() -> None:
    payload = read(a_payload(an_alert(labels={"alertname": "DiskFull"}), an_alert()))
    assert (payload.passed_over, len(payload.alerts)) == (1, 1)


def test_what_was_cut_is_counted() -> None:
    assert read(a_payload(an_alert(), truncatedAlerts=7)).truncated == 7


def test_what_was_cut_is_a_number_that_metrics_can_show() -> None:
    body = b'{"alerts": [], "truncatedAlerts": 1' + b"0" * 400 + b"}"
    assert read(body).truncated == 1_000_000
    assert read(a_payload(truncatedAlerts=-1)).truncated == 0


def test_an_alert_is_the_same_in_another_group_and_whenever_it_began() -> None:
    moved = an_alert(startsAt="2026-11-24T05:59:40Z")
    assert only(a_payload(an_alert())).id == only(a_payload(moved, groupKey="other")).id


def test_alerts_without_labels_are_told_apart_by_their_policies() -> None:
    bare = [
        an_alert(labels={}, fingerprint="", annotations={"headstart_policy": name, **TWO})
        for name in WORKLOADS
    ]
    assert len({alert.id for alert in read(a_payload(*bare)).alerts}) == len(WORKLOADS)


def test_a_templated_payload_is_read_as_far_as_it_goes() -> None:
    labels = {"headstart_policy": "chat", "headstart_boost_replicas": 3}
    first = only(json.dumps({"alerts": [{"labels": labels}]}).encode())
    again = only(json.dumps({"alerts": [{"labels": labels}], "more": [1]}).encode())
    assert first.boost == Boost(replicas=3.0)
    assert first.id == again.id
    assert first.fingerprint
    assert first.moment is None


@pytest.mark.parametrize(
    ("alert", "fault"),
    [
        (7, "alerts[0].is not an object"),
        (
            an_alert(labels={"headstart_policy": "mail"}),
            "alerts[0].headstart_policy: 'mail' has no policy",
        ),
        (
            an_alert(labels={"headstart_policy": "search"}),
            "alerts[0].headstart_policy: 'search' is in several namespaces: must be one of "
            "inference/search, web/search",
        ),
        (
            an_alert(annotations={}),
            "alerts[0].headstart_boost_replicas: missing: give it or headstart_boost_multiplier",
        ),
        (
            an_alert(annotations={"headstart_boost_replicas": "many"}),
            "alerts[0].headstart_boost_replicas: 'many' is not allowed: must be a number above 0",
        ),
        (
            an_alert(annotations={"headstart_boost_replicas": "-1"}),
            "alerts[0].headstart_boost_replicas: '-1' is not allowed: must be a number above 0",
        ),
        (
            an_alert(annotations={"headstart_boost_multiplier": "inf"}),
            "alerts[0].headstart_boost_multiplier: 'inf' is not allowed: must be a number above 1",
        ),
    ],
)
def test_a_bad_alert_is_named_and_spoils_no_other(alert: object, fault: str) -> None:
    payload = read(a_payload(alert, an_alert()))
    assert payload.faults == (fault,)
    assert len(payload.alerts) == 1


@pytest.mark.parametrize(
    ("body", "line"),
    [
        (b"", "the body is not JSON"),
        (b"\xff\xfe", "the body is not JSON"),
        (b"[" * 100_000, "the body is not JSON"),
        (b"1" * 5000, "the body is not JSON"),
        (b"[]", "the body is not a JSON object"),
        (b"{}", "alerts: missing: must be a list"),
        (b'{"alerts": {}}', "alerts: missing: must be a list"),
    ],
)
def test_garbage_is_said_to_be(body: bytes, line: str) -> None:
    with pytest.raises(PayloadError) as error:
        read(body)
    assert str(error.value) == line


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
_WORDS = st.dictionaries(
    st.sampled_from(
        ["headstart_policy", "headstart_boost_replicas", "headstart_boost_multiplier", "alertname"]
    ),
    st.sampled_from(["chat", "inference/chat", "2", "1.5", "nan", "-0", "1e999"]) | _JSON,
)
_ALERTS = st.fixed_dictionaries({}, optional=dict.fromkeys(an_alert(), _WORDS | _JSON))
_PAYLOADS = st.fixed_dictionaries(
    {"alerts": st.lists(_ALERTS | _JSON, max_size=5) | _JSON},
    optional=dict.fromkeys(("groupKey", "truncatedAlerts", "version", "status"), _JSON),
)


@given(document=_PAYLOADS | _JSON)
def test_any_json_is_read_or_refused(document: object) -> None:
    try:
        payload = read(json.dumps(document).encode())
    except PayloadError:
        return
    assert all(alert.workload in WORKLOADS for alert in payload.alerts)
    assert all("\n" not in line and len(line) < 300 for line in payload.faults)
    assert all(alert.id for alert in payload.alerts)


@given(body=st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    try:
        payload = read(body)
    except PayloadError:
        return
    assert payload.alerts == ()
