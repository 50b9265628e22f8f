"""What the schemas of our files share: strict models, and pydantic's errors as problems.

Each type carries the sentence that says what is allowed, so that every refusal can quote it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    ValidationError,
)
from pydantic.alias_generators import to_camel
from pydantic.fields import FieldInfo
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, ErrorDetails, PydanticCustomError, core_schema

from controller.yaml_document import FieldPath, Problem, YamlDocument, field_name

#: Fields whose values may hold a secret (a calendar's private address), so are never shown.
_NEVER_SHOWN = frozenset({"ical"})
#: Where a JSON schema keeps a type's sentence.
SAYS = "x-says"
_KINDS = {"model_type": "a mapping", "dict_type": "a mapping", "list_type": "a list"}


class Schema(BaseModel):
    """A mapping of a file: camelCase, no unknown field, no conversion between types."""

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, alias_generator=to_camel, allow_inf_nan=False
    )


@dataclass(frozen=True, slots=True)
class Says:
    """Makes any refusal of a type say what is allowed, in these words."""

    allowed: str

    def __get_pydantic_core_schema__(
        self, source: type[Any], handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Wrap the type's own check."""
        return core_schema.no_info_wrap_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Hand the sentence on to what is generated from the schema."""
        return {**handler(schema), SAYS: self.allowed}

    def _check(self, value: object, check: Callable[[object], object]) -> object:
        try:
            return check(value)
        except ValidationError as error:
            raise PydanticCustomError("not_allowed", "{said}", {"said": self.allowed}) from error


@dataclass(frozen=True, slots=True)
class Checked:
    """Adds a check, which raises ValueError, to a type of text."""

    check: Callable[[str], None]

    def __get_pydantic_core_schema__(
        self, source: type[Any], handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Put the check after the type's own."""
        return core_schema.no_info_after_validator_function(self._checked, handler(source))

    def _checked(self, text: str) -> str:
        self.check(text)
        return text


def given(schema: Schema | None) -> dict[str, Any]:
    """Return what a file gives of a mapping, by Python name; nothing if it was left out."""
    if schema is None:
        return {}
    return {name: value for name, value in schema if value is not None}


def schema_problems(
    error: ValidationError, schema: type[Schema], document: YamlDocument
) -> Iterator[Problem]:
    """Yield what pydantic found, in our words and with the lines of the document."""
    for detail in error.errors(include_url=False, include_input=False):
        path: FieldPath = detail["loc"]
        yield Problem(
            line=document.line_of(path),
            field=field_name(path),
            text=_text(detail, schema, document),
        )


def refusal(document: YamlDocument, path: FieldPath, allowed: str) -> Problem:
    """Return the problem of a value that is not allowed; a missing one is called missing."""
    if document.get(*path) is None:
        text = f"is missing: {allowed}"
    elif path[-1] in _NEVER_SHOWN:
        text = f"the value is not allowed: {allowed}"
    else:
        text = f"{document.shown(path)} is not allowed: {allowed}"
    return Problem(line=document.line_of(path), field=field_name(path), text=text)


def fault(document: YamlDocument, path: FieldPath, text: str) -> Problem:
    """Return the problem of a field, in free words."""
    return Problem(line=document.line_of(path), field=field_name(path), text=text)


def _text(detail: ErrorDetails, schema: type[Schema], document: YamlDocument) -> str:
    path, kind = detail["loc"], detail["type"]
    if kind == "extra_forbidden":
        return f"unknown field: {_mend(str(path[-1]), _fields_at(schema, path[:-1]))}"
    if kind == "missing":
        found = _fields_at(schema, path[:-1]).get(str(path[-1]))
        said = (
            [entry.allowed for entry in found.metadata if isinstance(entry, Says)] if found else []
        )
        return f"is missing: {said[0]}" if said else "is missing: must be a mapping"
    if kind in _KINDS:
        value = document.get(*path)
        # A scalar out of place is not quoted: nobody knows what it was meant to be.
        shown = document.shown(path) if isinstance(value, dict | list) else _scalar_kind(value)
        return f"{shown} is not allowed: must be {_KINDS[kind]}"
    return refusal(document, path, detail["msg"]).text


def _scalar_kind(value: object) -> str:
    if isinstance(value, bool):
        return "true or false"
    return "text" if isinstance(value, str) else "a number"


def _mend(name: str, known: dict[str, FieldInfo]) -> str:
    lowered = {alias.lower(): alias for alias in known}
    near = get_close_matches(name.lower(), lowered, n=1, cutoff=0.6)
    if near:
        return f"did you mean {lowered[near[0]]}?"
    return f"known here: {', '.join(known)}"


def _fields_at(schema: type[Schema], path: FieldPath) -> dict[str, FieldInfo]:
    """Return the fields, by alias, of the mapping at a path of a schema."""
    fields = {info.alias or name: info for name, info in schema.model_fields.items()}
    for depth, part in enumerate(path):
        if isinstance(part, str):
            inner = _schema_in(fields[part].annotation)
            return _fields_at(inner, path[depth + 1 :]) if inner else {}
    return fields


def _schema_in(annotation: Any) -> type[Schema] | None:
    if isinstance(annotation, type) and issubclass(annotation, Schema):
        return annotation
    return next(filter(None, map(_schema_in, get_args(annotation))), None)
