"""Environment files: one YAML document with the simulated world's settings, all of them optional.

An empty file is the default world.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from pydantic import ValidationError

from controller.environment import (
    Change,
    Environment,
    Metrics,
    NodeLoss,
    Outage,
    Parking,
    StandbyNodes,
    StartLatency,
)
from controller.environment_schema import ChangeSchema, EnvironmentSchema
from controller.errors import InvalidFileError
from controller.schema import fault, given, refusal, schema_problems
from controller.yaml_document import FieldPath, Problem, YamlDocument
from controller.yaml_lines import read_documents, read_text


def read_environment(path: Path) -> Environment:
    """Return the simulated world of a file.

    Raises:
        InvalidFileError: with one line for each fault, in the order of the file's lines.
    """
    return parse_environment(read_text(path), str(path))


def parse_environment(text: str, name: str) -> Environment:
    """Return the simulated world of a text; ``name`` is what messages call it.

    Raises:
        InvalidFileError: with one line for each fault, in the order of the text's lines.
    """
    documents = read_documents(text, name)
    if not documents:
        return Environment()
    document = documents[0]
    problems = [*document.problems, *_shape(documents)]
    schema: EnvironmentSchema | None = None
    if isinstance(document.value, dict):
        try:
            schema = EnvironmentSchema.model_validate(document.value)
        except ValidationError as error:
            problems += schema_problems(error, EnvironmentSchema, document)
        problems += _rules(document)
    if schema is not None:
        environment = _environment(schema)
        problems += _share_problems(environment, document)
        if not problems:
            return environment
    ordered = sorted(problems, key=lambda problem: problem.line)
    raise InvalidFileError(tuple(dict.fromkeys(problem.render(name) for problem in ordered)))


def _shape(documents: tuple[YamlDocument, ...]) -> Iterator[Problem]:
    if not isinstance(documents[0].value, dict):
        known = (
            "restore, coldStart, changes, standby, metrics, nodeLosses, parking, learning and seed"
        )
        text = f"must be a mapping of {known}"
        yield Problem(line=documents[0].line, field="", text=text)
    if len(documents) > 1:
        text = "a second document is not allowed: an environment is one"
        yield Problem(line=documents[1].line, field="", text=text)


def _rules(document: YamlDocument) -> Iterator[Problem]:
    if ("parking",) in document.lines and document.get("parking") is None:
        text = "must not be empty: write parking: {} for two stages, or leave it out for one"
        yield fault(document, ("parking",), text)
    for path in _entries(document, "changes"):
        changed = set(document.get(*path))
        if not {"restore", "coldStart", "parking"} & changed:
            yield fault(document, path, "needs restore, coldStart or parking: what changes")
        if "parking" in changed and document.get("parking") is None:
            text = "must not be given where the world has no parking: restores have one stage"
            yield fault(document, (*path, "parking"), text)
    for path in _entries(document, "metrics", "outages"):
        yield from _later(document, path, "fromSeconds", "toSeconds")
    yield from _repeated(document)
    nodes = document.get("standby", "nodes") or StandbyNodes().nodes
    for path in _entries(document, "nodeLosses"):
        yield from _later(document, path, "atSeconds", "backAtSeconds")
        node = document.get(*path, "node")
        if isinstance(node, int) and isinstance(nodes, int) and node >= nodes:
            allowed = f"must be from 0 to {nodes - 1}, as standby has {nodes} nodes"
            yield refusal(document, (*path, "node"), allowed)


def _repeated(document: YamlDocument) -> Iterator[Problem]:
    """Yield the changes that begin when another one does: which would hold is anybody's guess."""
    seen: set[object] = set()
    for path in _entries(document, "changes"):
        at = document.get(*path, "atSeconds")
        if isinstance(at, int | float) and at in seen:
            yield refusal(document, (*path, "atSeconds"), "must differ from every other change's")
        seen.add(at if isinstance(at, int | float) else None)


def _later(document: YamlDocument, path: FieldPath, first: str, then: str) -> Iterator[Problem]:
    begin, end = document.get(*path, first), document.get(*path, then)
    if isinstance(begin, int | float) and isinstance(end, int | float) and end <= begin:
        shown = document.shown((*path, first))
        yield refusal(document, (*path, then), f"must be later than {first}, {shown}")


def _entries(document: YamlDocument, *path: str) -> Iterator[FieldPath]:
    entries = document.get(*path)
    for index, entry in enumerate(entries if isinstance(entries, list) else ()):
        if isinstance(entry, dict):
            yield (*path, index)


def _share_problems(environment: Environment, document: YamlDocument) -> Iterator[Problem]:
    """Yield where failures and hangs, with what was in force before, are more than all starts."""
    checked: list[tuple[FieldPath, StartLatency | None]] = [
        (("restore",), environment.restore),
        (("coldStart",), environment.cold_start),
    ]
    # The changes as written, not as sorted: a message names the entry of the file.
    times = [
        document.get("changes", index, "atSeconds") for index in range(len(environment.changes))
    ]
    order = sorted(range(len(times)), key=times.__getitem__)
    for index, change in zip(order, environment.changes, strict=True):
        checked.append((("changes", index, "restore"), change.restore))
        checked.append((("changes", index, "coldStart"), change.cold_start))
    for path, latency in checked:
        if latency is not None and latency.failure_share + latency.hang_share > 1:
            text = "failureShare and hangShare must not add up to more than 1"
            yield fault(document, path, text)


def _environment(schema: EnvironmentSchema) -> Environment:
    default = Environment()
    restore = replace(default.restore, **given(schema.restore))
    cold_start = replace(default.cold_start, **given(schema.cold_start))
    parking = None if schema.parking is None else Parking(**given(schema.parking))
    metrics = given(schema.metrics)
    outages = metrics.pop("outages", ())
    switches = {name: value for name, value in schema if name in ("learning", "seed")}
    return Environment(
        restore=restore,
        cold_start=cold_start,
        changes=tuple(_changes(schema.changes or [], restore, cold_start, parking)),
        standby=StandbyNodes(**given(schema.standby)),
        node_losses=tuple(NodeLoss(**given(loss)) for loss in schema.node_losses or ()),
        parking=parking,
        metrics=Metrics(outages=tuple(Outage(**given(outage)) for outage in outages), **metrics),
        **{name: value for name, value in switches.items() if value is not None},
    )


def _changes(
    schemas: list[ChangeSchema],
    restore: StartLatency,
    cold_start: StartLatency,
    parking: Parking | None,
) -> Iterator[Change]:
    """Yield the changes by time, each field that one leaves out as it was before."""
    for schema in sorted(schemas, key=lambda schema: schema.at_seconds):
        restore = replace(restore, **given(schema.restore))
        cold_start = replace(cold_start, **given(schema.cold_start))
        parking = None if parking is None else replace(parking, **given(schema.parking))
        yield Change(
            at_seconds=schema.at_seconds,
            restore=restore if schema.restore else None,
            cold_start=cold_start if schema.cold_start else None,
            parking=parking if schema.parking else None,
        )
