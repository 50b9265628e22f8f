"""Building parts from Go modules, with a program of our own in place of Go."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.parts import go_build
from tests.parts.errors import RealPartError
from tests.parts.go_build import CLUSTER, HELM, KEDA, GoPart, build, built_programs, main

TOY = GoPart("toy", "1.0", {"one": "example.org/toy/one", "two": "example.org/toy/two"})
# `go build … -o FILE PACKAGE` writes FILE and counts itself; `go env` names a version.
GO = """\
case $1 in
  env) echo "${FAKE_GO_VERSION:-go1.26.8}";;
  build)
    echo built >> "$HEADSTART_PARTS/count"
    shift; while [ $# -gt 2 ]; do shift; done
    echo "$2" > "$1";;
esac
"""


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine whose PATH is this folder, and a module called toy."""
    folder, module = tmp_path / "bin", tmp_path / "go" / "toy"
    folder.mkdir()
    module.mkdir(parents=True)
    (module / "go.mod").write_text("module toy\n", encoding="ascii")
    (module / "go.sum").write_text("", encoding="ascii")
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("HEADSTART_PARTS", str(tmp_path / "parts"))
    monkeypatch.setattr(go_build, "MODULES", tmp_path / "go")
    return folder


def put_go(programs: Path, script: str = GO) -> None:
    path = programs / "go"
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)


def times_built(tmp_path: Path) -> int:
    return len((tmp_path / "parts" / "count").read_text(encoding="ascii").splitlines())


def test_a_part_is_built_once(programs: Path, tmp_path: Path) -> None:
    put_go(programs)
    folder = build(TOY)
    assert sorted(path.name for path in folder.iterdir()) == ["one", "two"]
    assert build(TOY) == folder
    assert times_built(tmp_path) == 2
    assert built_programs([TOY]) == {"one": folder / "one", "two": folder / "two"}


def test_another_pin_or_another_go_is_another_build(
    programs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_go(programs)
    first = build(TOY)
    (tmp_path / "go" / "toy" / "go.sum").write_text("pinned anew\n", encoding="ascii")
    second = build(TOY)
    monkeypatch.setenv("FAKE_GO_VERSION", "go1.27.0")
    assert len({first, second, build(TOY)}) == 3


EDITED = GoPart(
    "toy",
    "1.0",
    {"one": "example.org/source/cmd/one"},
    module="example.org/source",
    edits={"one": ("everywhere", "here")},
    kept={"things": "config/things"},
)
# The program that comes out is the main.go that went in.
GO_WITH_SOURCE = """\
case $1 in
  env) echo go1.26.8;;
  mod) echo "{\\"Dir\\": \\"$HEADSTART_PARTS/source\\"}";;
  build)
    shift; while [ $# -gt 2 ]; do shift; done
    while read line; do echo "$line"; done < "$2/main.go" > "$1";;
esac
"""


@pytest.fixture
def source(programs: Path, tmp_path: Path) -> Path:
    """The source of one program and of a folder that is kept; returns the program's main.go."""
    put_go(programs, GO_WITH_SOURCE)
    folder = tmp_path / "parts" / "source"
    (folder / "config" / "things").mkdir(parents=True)
    (folder / "config" / "things" / "a.yaml").write_text("a: 1\n", encoding="ascii")
    main = folder / "cmd" / "one" / "main.go"
    main.parent.mkdir(parents=True)
    main.write_text("listen everywhere\n", encoding="ascii")
    return main


def test_a_program_can_be_built_with_one_text_changed(source: Path) -> None:
    assert (build(EDITED) / "one").read_text(encoding="ascii") == "listen here\n"
    assert source.read_text(encoding="ascii") == "listen everywhere\n"


def test_a_text_that_is_not_there_any_more_is_named(source: Path) -> None:
    source.write_text("listen on 1.2.3.4\n", encoding="ascii")
    with pytest.raises(RealPartError, match=r"^toy: everywhere is 0 times in one's main\.go$"):
        build(EDITED)


def test_folders_of_the_source_are_kept_beside_the_programs(source: Path) -> None:
    build(EDITED)
    things = built_programs([EDITED])["things"]
    assert (things / "a.yaml").read_text(encoding="ascii") == "a: 1\n"


def test_a_missing_go_is_named_in_one_line(programs: Path) -> None:
    with pytest.raises(RealPartError, match=r"^toy: go is not on PATH \(https://go\.dev/dl\)$"):
        build(TOY)


def test_a_failed_build_leaves_nothing_that_looks_whole(programs: Path, tmp_path: Path) -> None:
    put_go(programs, "[ $1 = env ] && exit 0; echo 'no such package' >&2; exit 1")
    with pytest.raises(RealPartError, match=r"^toy: go build failed: no such package$"):
        build(TOY)
    assert [path.name for path in (tmp_path / "parts").iterdir()] == ["lock-toy"]


def test_what_was_not_built_is_said_with_how_to_build_it(programs: Path) -> None:
    put_go(programs)
    with pytest.raises(RealPartError, match=r"^toy: not built yet; python -m .*go_build toy$"):
        built_programs([TOY])


def test_an_unknown_part_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["nonsense"]) == 2
    assert capsys.readouterr().err == (
        "nonsense: must be one of etcd, kubernetes, kwok, helm, keda\n"
    )


@pytest.mark.parametrize("part", [*CLUSTER, *HELM, *KEDA], ids=lambda part: part.name)
def test_each_part_is_pinned_to_the_version_that_it_claims(part: GoPart) -> None:
    folder = go_build.MODULES / part.name
    pins = (folder / "go.mod").read_text(encoding="utf-8").split()
    assert f"v{part.version}" in pins
    assert (folder / "go.sum").is_file()
