"""What a policy's pod template must be for pods to be made of it, looked at as it is written.

Kubernetes checks a template no sooner than a pod is created; what Headstart itself reads of one,
to place and to restore the pod, is checked here, so that a policy is refused and not its starts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from controller.policy import Standby
from controller.schema import fault, refusal
from controller.yaml_document import FieldPath, Problem, YamlDocument

#: Kubernetes' own limit of a label's value: each pod carries the name of its policy.
LONGEST_NAME = 63
TEMPLATE: FieldPath = ("spec", "target", "podTemplate")

_GPU = "nvidia.com/gpu"
_PER_REPLICA: FieldPath = ("spec", "standby", "gpusPerReplica")
_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_CONTAINERS = ("initContainers", "containers")
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_WHOLE = re.compile(r"[0-9]{1,6}")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shape:
    """A mapping with some known fields, or, ``of_each``, a list of such mappings."""

    fields: Mapping[str, _Shape] = field(default_factory=dict)
    of_each: bool = False
    of_texts: bool = False


def _each(**fields: _Shape) -> _Shape:
    return _Shape(fields=fields, of_each=True)


def _with(**fields: _Shape) -> _Shape:
    return _Shape(fields=fields)


_TEXTS = _Shape(of_texts=True)
_CONTAINER = _each(
    env=_each(),
    volumeMounts=_each(),
    securityContext=_with(),
    resources=_with(limits=_with(), requests=_with()),
)
_TERMS = _each(matchFields=_each())
_AFFINITY = _with(nodeAffinity=_with(**{_REQUIRED: _with(nodeSelectorTerms=_TERMS)}))
_SHAPE = _with(
    metadata=_with(labels=_TEXTS, annotations=_TEXTS),
    spec=_with(
        containers=_CONTAINER,
        initContainers=_CONTAINER,
        volumes=_each(),
        tolerations=_each(),
        readinessGates=_each(),
        affinity=_AFFINITY,
    ),
)


def template_problems(document: YamlDocument) -> Iterator[Problem]:
    """Yield what keeps pods from being made of a policy's template."""
    name = document.get("metadata", "name")
    if isinstance(name, str) and len(name) > LONGEST_NAME:
        text = f"must have at most {LONGEST_NAME} characters: it is a label of the policy's pods"
        yield fault(document, ("metadata", "name"), text)
    if not isinstance(document.get(*TEMPLATE), dict):
        return
    misfits = list(_misfits(document, TEMPLATE, _SHAPE))
    yield from misfits
    if not misfits:
        yield from _containers(document)


def _misfits(document: YamlDocument, path: FieldPath, shape: _Shape) -> Iterator[Problem]:
    """Yield what is no mapping, list or text where it must be."""
    value = document.get(*path)
    if shape.of_each:
        if not isinstance(value, list):
            yield refusal(document, path, "must be a list")
            return
        for index in range(len(value)):
            yield from _misfits(document, (*path, index), _Shape(fields=shape.fields))
        return
    if not isinstance(value, dict):
        yield refusal(document, path, "must be a mapping")
        return
    if shape.of_texts:
        for key in value:
            if not isinstance(value[key], str):
                allowed = "must be text; put a number or a true in quotes"
                yield refusal(document, (*path, str(key)), allowed)
        return
    for key, inner in shape.fields.items():
        if value.get(key) is not None:
            yield from _misfits(document, (*path, key), inner)


def _containers(document: YamlDocument) -> Iterator[Problem]:
    """Yield what containers lack, of a template whose shape is right."""
    if not document.get(*TEMPLATE, "spec", "containers"):
        allowed = "must be a list of at least one container"
        yield refusal(document, (*TEMPLATE, "spec", "containers"), allowed)
        return
    faults: list[Problem] = []
    for kind in _CONTAINERS:
        for index in range(len(_list(document, kind))):
            faults += _container(document, (*TEMPLATE, "spec", kind, index))
    yield from faults or _gpus(document)


def _container(document: YamlDocument, path: FieldPath) -> Iterator[Problem]:
    name = document.get(*path, "name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        allowed = "must be a name of lower-case letters, digits and - (at most 63)"
        yield refusal(document, (*path, "name"), allowed)
    for index, variable in enumerate(_list_at(document, (*path, "env"))):
        if not isinstance(variable, dict) or not isinstance(variable.get("name"), str):
            yield refusal(document, (*path, "env", index, "name"), "must be text")
    for kind in ("limits", "requests"):
        asked: FieldPath = (*path, "resources", kind, _GPU)
        given = document.get(*asked)
        if given is not None and _whole(given) is None:
            yield refusal(document, asked, "must be a whole number, without a unit")


def _gpus(document: YamlDocument) -> Iterator[Problem]:
    """Yield that a replica is planned with other GPUs than its pod takes.

    The budget, the pool's shares and the room on a node all count ``gpusPerReplica``. A template
    that names no GPUs gets as many.
    """
    # Init containers run one after another before the others, so the largest counts.
    before = max(_gpus_of(document, "initContainers"), default=0)
    taken = max(sum(_gpus_of(document, "containers")), before)
    planned = document.get(*_PER_REPLICA)
    planned = Standby().gpus_per_replica if planned is None else planned
    if taken and isinstance(planned, int) and planned != taken:
        allowed = f"must be {taken}: as many as target.podTemplate asks for as {_GPU}"
        yield refusal(document, _PER_REPLICA, allowed)


def _gpus_of(document: YamlDocument, kind: str) -> list[int]:
    """Return how many GPUs each container of a kind takes."""
    taken = []
    for index in range(len(_list(document, kind))):
        path: FieldPath = (*TEMPLATE, "spec", kind, index, "resources")
        limit = document.get(*path, "limits", _GPU)
        given = limit if limit is not None else document.get(*path, "requests", _GPU)
        taken.append(_whole(given) or 0)
    return taken


def _whole(value: object) -> int | None:
    """Return a count of GPUs, which may stand in quotes; None if it is none."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    return int(value) if _WHOLE.fullmatch(str(value)) else None


def _list(document: YamlDocument, kind: str) -> list[object]:
    return _list_at(document, (*TEMPLATE, "spec", kind))


def _list_at(document: YamlDocument, path: FieldPath) -> list[object]:
    value = document.get(*path)
    return value if isinstance(value, list) else []
