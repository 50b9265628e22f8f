"""One field of the policy's schema as a structural schema: type, description, rules in CEL.

What a field allows is a rule with our sentence, not a bound of the schema: an API server words
the refusal of a bound itself, and a file's refusal would read differently.
"""

from __future__ import annotations

from typing import Any

from controller.schema import SAYS
from headstart.manifests.cron_pattern import CRON_PATTERN, TIMEZONE_PATTERN

Structural = dict[str, Any]

# These two are checked by code, not by bounds; what a pattern can't know (an unknown time zone, a
# range that runs backwards) the controller refuses, and says so in the policy's condition Ready.
_PATTERNS = {"cron": CRON_PATTERN, "timezone": TIMEZONE_PATTERN}
# A rule's cost is reckoned from the longest text, and these patterns are long.
_PATTERN_CHARACTERS = 512
_BOUNDS = (
    ("minimum", ">="),
    ("exclusiveMinimum", ">"),
    ("maximum", "<="),
    ("exclusiveMaximum", "<"),
)


def field_schema(name: str, field: dict[str, Any]) -> Structural:
    """Return the schema of a scalar field; ``field`` is its JSON schema."""
    schema: Structural = {"type": field.get("type", "string")}
    if schema["type"] == "integer":
        schema["format"] = "int64"
    condition = _condition(name, field)
    if name in _PATTERNS:
        schema["maxLength"] = _PATTERN_CHARACTERS
    if condition:
        schema["x-kubernetes-validations"] = [{"rule": condition, "message": field[SAYS]}]
    return schema


def required_rules(required: list[str], fields: dict[str, dict[str, Any]]) -> list[Structural]:
    """Return the rules that ask for fields, in a file's words."""
    return [
        {
            "rule": f"has(self.{name})",
            "message": f"is missing: {fields[name].get(SAYS, 'must be a mapping')}",
            "fieldPath": f".{name}",
            "reason": "FieldValueRequired",
        }
        for name in required
    ]


def _condition(name: str, field: dict[str, Any]) -> str:
    if "enum" in field:
        return f"self in [{', '.join(map(_quoted, field['enum']))}]"
    if name in _PATTERNS:
        return f"self.matches({_quoted(_PATTERNS[name])})"
    if "pattern" in field:
        return f"self.matches({_quoted(field['pattern'])})"
    if "minLength" in field:
        return f"size(self) >= {field['minLength']}"
    return " && ".join(
        f"self {sign} {_number(field[bound], field['type'])}"
        for bound, sign in _BOUNDS
        if bound in field
    )


def _number(value: float, kind: str) -> str:
    return (
        str(int(value))
        if kind == "integer"
        else f"{float(value):.12f}".rstrip("0") + "0" * (float(value).is_integer())
    )


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
