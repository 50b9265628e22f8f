"""The schemas that are shipped, and what holds for every event: it fits them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from referencing import Registry, Resource

FOLDER = Path(__file__).parents[3] / "deploy" / "events"
#: Of what is sent; the one left out is of what is read.
SCHEMAS: dict[str, Any] = {
    path.stem: json.loads(path.read_text(encoding="utf-8"))
    for path in FOLDER.glob("*.json")
    if path.stem != "demand.announced"
}
_REGISTRY: Registry[Any] = Registry().with_resources(
    (schema["$id"], Resource.from_contents(schema)) for schema in SCHEMAS.values()
)


def fitting(events: Iterable[str | bytes]) -> list[dict[str, Any]]:
    """Return the events decoded.

    Raises:
        jsonschema.ValidationError: naming what does not fit.
    """
    decoded = [json.loads(text) for text in events]
    for event in decoded:
        schema = SCHEMAS[event["type"].removeprefix("dev.headstart.")]
        checker = Draft202012Validator.FORMAT_CHECKER
        validator = Draft202012Validator(schema, registry=_REGISTRY, format_checker=checker)
        validator.validate(event)
        # Exactly what is described: a field that is not would be a promise nobody can read.
        assert set(event["data"]) == set(schema["properties"]["data"]["properties"])
    return decoded
