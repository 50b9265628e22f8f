"""Webhook payloads as they must not be: what comes of a right one by chance, cut, or templated."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

from tests.builders import CHAT

#: What a field may be turned into.
_ODD: tuple[Any, ...] = (
    None, True, 0, -1, 2**70, -1e308, 3.5, "", "firing", "resolved", "2", "1e999", "nan", "-0",
    "é\ud800", "\x00", "x" * 5_000, [], {}, [[]], {"": None}, ["2", {}], CHAT, "../chat",
)  # fmt: skip
_FIELDS = ("status", "labels", "annotations", "startsAt", "endsAt", "fingerprint", "generatorURL")
_LABELS = ("headstart_policy", "headstart_boost_replicas", "headstart_boost_multiplier", "x")


def garbage(luck: random.Random) -> bytes:
    """Return a body; which one depends on luck alone."""
    document = _right(luck)
    for _ in range(luck.randint(0, 6)):
        luck.choice(_HARMS)(document, luck)
    body = json.dumps(document).encode()
    return luck.choice(_CUTS)(body, luck)


def _right(luck: random.Random) -> dict[str, Any]:
    alerts = [
        {
            "status": luck.choice(["firing", "resolved"]),
            "labels": {"alertname": "Queue", "headstart_policy": CHAT},
            "annotations": {"headstart_boost_replicas": str(luck.randint(1, 40))},
            "startsAt": f"2026-11-24T06:00:{luck.randint(0, 59):02d}Z",
            "endsAt": "0001-01-01T00:00:00Z",
            "fingerprint": f"{luck.getrandbits(16):x}",
        }
        for _ in range(luck.randint(0, 4))
    ]
    return {
        "version": "4", "groupKey": f"g{luck.randint(0, 9)}", "truncatedAlerts": 0,
        "status": "firing", "receiver": "headstart", "alerts": alerts,
    }  # fmt: skip


def _change_top(document: dict[str, Any], luck: random.Random) -> None:
    document[luck.choice(["alerts", "groupKey", "truncatedAlerts", "version", "x"])] = _odd(luck)


def _lose_top(document: dict[str, Any], luck: random.Random) -> None:
    document.pop(luck.choice(list(document) or [""]), None)


def _change_alert(document: dict[str, Any], luck: random.Random) -> None:
    _an_alert(document, luck)[luck.choice(_FIELDS)] = _odd(luck)


def _change_label(document: dict[str, Any], luck: random.Random) -> None:
    words = _an_alert(document, luck).get(luck.choice(["labels", "annotations"]))
    if isinstance(words, dict):
        words[luck.choice(_LABELS)] = _odd(luck)


def _add_oddity(document: dict[str, Any], luck: random.Random) -> None:
    alerts = document.get("alerts")
    if isinstance(alerts, list):
        alerts.append(_odd(luck))


def _an_alert(document: dict[str, Any], luck: random.Random) -> dict[str, Any]:
    alerts = document.get("alerts")
    dicts = [one for one in alerts if isinstance(one, dict)] if isinstance(alerts, list) else []
    return luck.choice(dicts) if dicts else {}


def _odd(luck: random.Random) -> Any:
    # A copy: what is changed here must not be what is put in elsewhere.
    return json.loads(json.dumps(luck.choice(_ODD)))


def _whole(body: bytes, _: random.Random) -> bytes:
    return body


def _cut(body: bytes, luck: random.Random) -> bytes:
    return body[: luck.randint(0, len(body))]


def _scratched(body: bytes, luck: random.Random) -> bytes:
    at = luck.randrange(len(body))
    return body[:at] + bytes([luck.randrange(256)]) + body[at + 1 :]


def _wrapped(body: bytes, luck: random.Random) -> bytes:
    return luck.choice([b"[%s]", b'"%s', b"%s%s", b"\xef\xbb\xbf%s", b"{{ %s }}"]).replace(
        b"%s", body
    )


def _noise(_: bytes, luck: random.Random) -> bytes:
    return luck.randbytes(luck.randint(0, 200))


def _deep(_: bytes, luck: random.Random) -> bytes:
    return luck.choice([b"[", b'{"alerts":']) * luck.randint(1, 5_000)


_HARMS: tuple[Callable[[dict[str, Any], random.Random], None], ...] = (
    _change_top, _lose_top, _change_alert, _change_label, _add_oddity,
)  # fmt: skip
_CUTS: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    _whole, _whole, _whole, _whole, _cut, _scratched, _wrapped, _noise, _deep,
)  # fmt: skip
