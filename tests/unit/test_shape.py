"""The shape of the source: small files, small functions, telling names, nothing of one machine."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("models", "kafka_link", "predictor", "controller", "headstart")
WRITTEN = (*PACKAGES, "tests", "benchmarks", "deploy", ".ci")
WRITTEN_KINDS = {".py", ".md", ".toml", ".yaml", ".yml", ".html", ".js", ".css", ".xml", ".in"}
WRITTEN_NAMES = {"Makefile", "run"}
LOCKS = ("requirements.lock", "requirements-dev.lock")

FUNCTION_LINES = 40
FILE_LINES = 250
EMPTY_NAMES = {"utils.py", "common.py", "helpers.py", "types.py", "base.py", "misc.py"}
# The modules of the services that may do I/O, wait, log or read files; all others are core, and
# pyproject.toml has them in the contract that forbids these.
SHELL = {
    "controller.acting",
    "controller.reconciler",
    "controller.loop_settings",
    "controller.metrics",
    "controller.environment_file",
    "controller.environment_schema",
    "controller.policy_file",
    "controller.policy_rules",
    "controller.policy_schema",
    "controller.field_types",
    "controller.schema",
    "controller.start_metrics",
    "controller.template_rules",
    "controller.yaml_document",
    "controller.yaml_lines",
    "predictor.fitting",
    "predictor.learning",
    "predictor.metrics",
    "predictor.reading",
    "predictor.service",
    "predictor.sharded_service",
    "predictor.subscriptions",
    "predictor.worker_process",
}
MACHINE_PATH = re.compile(r"(?<![\w.~-])/(?:work|root|home|Users)/\w+")


def test_no_function_is_longer_than_a_screen() -> None:
    assert [f"{path}: {long}" for path in sources() for long in long_functions(read(path))] == []


def test_no_file_is_longer_than_a_few_screens() -> None:
    lengths = {path: len(read(path).splitlines()) for path in sources()}
    assert {path: lines for path, lines in lengths.items() if lines > FILE_LINES} == {}


def test_every_file_is_named_by_a_noun_of_the_field() -> None:
    assert [path for path in sources() if Path(path).name in EMPTY_NAMES] == []


def test_no_text_names_a_path_of_one_machine() -> None:
    found = {path: MACHINE_PATH.findall(read(path)) for path in texts()}
    assert {path: paths for path, paths in found.items() if paths} == {}


def test_every_module_of_a_service_is_either_core_or_shell() -> None:
    modules = {
        f"{service}.{path.stem}"
        for service in ("controller", "predictor")
        for path in (ROOT / service).glob("*.py")
        if path.stem != "__init__"
    }
    assert modules - SHELL == core_modules() - {"models"}
    assert modules >= SHELL


@pytest.mark.parametrize("lock", LOCKS)
def test_every_pinned_package_has_a_hash_and_the_lock_names_no_host(lock: str) -> None:
    text = read(lock)
    assert "://" not in text
    assert unhashed(text) == []


def test_the_docstring_does_not_count_as_a_function_s_length() -> None:
    body = "    a = 1\n" * (FUNCTION_LINES - 1)
    docstring = '    """Say it.\n\n    At length.\n    """\n'
    assert long_functions(f"def fits():\n{docstring}{body}") == []
    assert long_functions(f"def too_long():\n{docstring}{body}    b = 2\n") == ["too_long (41)"]


def test_a_path_of_one_machine_is_told_from_a_web_path() -> None:
    assert MACHINE_PATH.findall("open('/ro" + "ot/x')") == ["/ro" + "ot/x"]
    assert MACHINE_PATH.findall("GET example.dev/home/page, ./home/x, /v1/work") == []


def test_a_pin_without_a_hash_is_found() -> None:
    hashed = "a==1 \\\n    --hash=sha256:00\n"
    assert unhashed(f"# header\n{hashed}    # via x\nb==2\n{hashed}") == ["b==2"]


def sources() -> Iterator[str]:
    """The product's modules, relative to the checkout."""
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            yield str(path.relative_to(ROOT))


def texts() -> Iterator[str]:
    """Everything that people wrote: code, tests, documents, settings."""
    folders = (path for name in WRITTEN for path in (ROOT / name).rglob("*"))
    for path in sorted((*ROOT.glob("*"), *folders)):
        if path.is_file() and (path.suffix in WRITTEN_KINDS or path.name in WRITTEN_NAMES):
            yield str(path.relative_to(ROOT))


def core_modules() -> set[str]:
    """The modules that the import contracts keep free of I/O."""
    contracts = tomllib.loads(read("pyproject.toml"))["tool"]["importlinter"]["contracts"]
    [core] = [one for one in contracts if one["name"] == "The core does no I/O and reads no clock"]
    return set(core["source_modules"])


def read(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def long_functions(source: str) -> list[str]:
    """Name the functions of a module that are too long, with their lines."""
    functions = (
        node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )
    lengths = [(function.name, _lines(function)) for function in functions]
    return [f"{name} ({lines})" for name, lines in lengths if lines > FUNCTION_LINES]


def _lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    assert function.end_lineno is not None
    whole = function.end_lineno - function.lineno + 1
    if ast.get_docstring(function) is None:
        return whole
    docstring = function.body[0]
    assert docstring.end_lineno is not None
    return whole - (docstring.end_lineno - docstring.lineno + 1)


def unhashed(lock: str) -> list[str]:
    """Return the pins of a lock file that no hash follows."""
    lines = lock.splitlines()
    pins = [i for i, line in enumerate(lines) if line and line[0] not in "# "]
    return [lines[i] for i in pins if not "".join(lines[i + 1 : i + 2]).startswith("    --hash=")]
