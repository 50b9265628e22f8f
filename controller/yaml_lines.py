"""YAML text read into documents whose values remember their lines.

Scalars follow YAML 1.2's core schema, so that ``no`` is text, and ``1e3`` a number. Field
rules are not here: this module knows no policy.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from controller.errors import InvalidFileError
from controller.yaml_document import FieldPath, Problem, YamlDocument, field_name

_MAX_BYTES = 1_048_576
# What a file may grow to once its aliases are followed: enough for 500 long policies.
_MAX_NODES = 50_000
_PLAIN = "plain"
_STANDARD = "tag:yaml.org,2002:"
_INTEGER = re.compile(r"[-+]?[0-9]{1,4000}")
_NUMBER = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WORDS: dict[str, object] = {"": None, "~": None, "null": None, "Null": None, "NULL": None}
_WORDS |= dict.fromkeys(("true", "True", "TRUE"), True)
_WORDS |= dict.fromkeys(("false", "False", "FALSE"), False)
_WORDS |= {".inf": float("inf"), "-.inf": float("-inf"), ".nan": float("nan")}


def read_text(path: Path) -> str:
    """Return the text of a file of at most 1 MiB.

    Raises:
        InvalidFileError: if it can't be read, is larger, or is no text.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise InvalidFileError((f"{path}: no such file",)) from error
    except OSError as error:
        raise InvalidFileError((f"{path}: can't be read: {error.strerror or error}",)) from error
    if len(content) > _MAX_BYTES:
        raise InvalidFileError((f"{path}: is too large: at most 1 MiB is allowed",))
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidFileError((f"{path}: is not a text file (UTF-8)",)) from error


def read_documents(text: str, name: str) -> tuple[YamlDocument, ...]:
    """Return the documents of a YAML text that are not empty.

    Raises:
        InvalidFileError: if the text is not YAML, in one line with the line's number.
    """
    try:
        nodes = list(_nodes(text))
        return tuple(
            document for node in nodes if (document := _Walk().document(node)).value is not None
        )
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        code = f"U+{int(error.character):04X}"
        problem = Problem(line=line, field="", text=f"the character {code} is not allowed in YAML")
    except yaml.MarkedYAMLError as error:
        problem = _syntax_problem(error)
    except RecursionError:
        problem = Problem(line=0, field="", text="is nested too deeply")
    raise InvalidFileError((problem.render(name),))


class _Loader(yaml.SafeLoader):
    """Composes nodes only, and marks plain scalars so that they are told from quoted ones."""

    def resolve(self, kind: type[Any], value: Any, implicit: Any) -> str:
        if kind is yaml.ScalarNode:
            return _PLAIN if implicit[0] else _STANDARD + "str"
        return _STANDARD + ("seq" if kind is yaml.SequenceNode else "map")


def _nodes(text: str) -> Iterator[yaml.Node]:
    loader = _Loader(text)
    try:
        while loader.check_node():
            node = loader.get_node()
            if node is not None:
                yield node
    finally:
        loader.dispose()


def _syntax_problem(error: yaml.MarkedYAMLError) -> Problem:
    mark = error.problem_mark or error.context_mark
    reason = error.problem or "can't be read"
    if "\\t" in reason:
        reason = "a tab is not allowed here: indent with spaces"
    line = mark.line + 1 if mark else 0
    return Problem(line=line, field="", text=f"is not valid YAML: {reason}")


@dataclass(slots=True)
class _Walk:
    """Turns one document's nodes into values; every alias is followed, but not for ever."""

    lines: dict[FieldPath, int] = field(default_factory=dict)
    texts: dict[FieldPath, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    open_nodes: set[int] = field(default_factory=set)
    count: int = 0

    def document(self, node: yaml.Node) -> YamlDocument:
        return YamlDocument(
            value=self.value(node, ()),
            line=node.start_mark.line + 1,
            lines=self.lines,
            texts=self.texts,
            problems=tuple(self.problems),
        )

    def value(self, node: yaml.Node, path: FieldPath) -> object:
        self.count += 1
        if self.count > _MAX_NODES or id(node) in self.open_nodes:
            grows = "is too large once its aliases are followed"
            reason = grows if self.count > _MAX_NODES else "an alias must not contain itself"
            raise yaml.MarkedYAMLError(problem=reason, problem_mark=node.start_mark)
        self.lines.setdefault(path, node.start_mark.line + 1)
        if isinstance(node, yaml.ScalarNode):
            return self.scalar(node, path)
        self.open_nodes.add(id(node))
        try:
            if isinstance(node, yaml.MappingNode):
                return self.mapping(node, path)
            return [self.value(item, (*path, i)) for i, item in enumerate(node.value)]
        finally:
            self.open_nodes.discard(id(node))

    def mapping(self, node: yaml.MappingNode, path: FieldPath) -> dict[str, object]:
        values: dict[str, object] = {}
        seen: dict[str, int] = {}
        for key, item in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode) or (key.value == "<<" and key.tag == _PLAIN):
                text = "a key must be text; merge keys (<<) are not allowed"
                self.problems.append(Problem(line=line, field=field_name(path), text=text))
                continue
            inner = (*path, key.value)
            if key.value in seen:
                text = f"is given twice, first in line {seen[key.value]}"
                self.problems.append(Problem(line=line, field=field_name(inner), text=text))
                continue
            seen[key.value] = self.lines[inner] = line
            # As in Kubernetes, a field that is null is a field left out.
            if (value := self.value(item, inner)) is not None:
                values[key.value] = value
        return values

    def scalar(self, node: yaml.ScalarNode, path: FieldPath) -> object:
        text = self.texts[path] = str(node.value)
        if node.tag == _STANDARD + "str":
            return text
        if node.tag == _PLAIN:
            return _plain(text)
        problem = Problem(
            line=node.start_mark.line + 1,
            field=field_name(path),
            text=f"the tag {node.tag.replace(_STANDARD, '!!')} is not allowed",
        )
        self.problems.append(problem)
        return None


def _plain(text: str) -> object:
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _NUMBER.fullmatch(text) else text
