"""Every way in for files: what is wrong with one is told in exact, single lines."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from controller.environment_file import read_environment
from controller.errors import InvalidFileError
from controller.policy_file import read_policies
from headstart.errors import InvalidTraceError
from headstart.traces import read_trace
from tests.unit.bad_environments import BAD_ENVIRONMENTS
from tests.unit.bad_input import BadInput
from tests.unit.bad_logs import BAD_GZIPS, BAD_LOGS
from tests.unit.bad_objectives import BAD_OBJECTIVES
from tests.unit.bad_policies import BAD_POLICIES
from tests.unit.bad_traces import BAD_TRACES


def named(cases: Iterable[BadInput]) -> list[object]:
    return [pytest.param(case, id=case.what) for case in cases]


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def written(case: BadInput, name: str) -> Path:
    path = Path(name)
    content = case.content
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize("case", named((*BAD_POLICIES, *BAD_OBJECTIVES)))
def test_a_bad_policy_is_refused_in_these_words(case: BadInput) -> None:
    with pytest.raises(InvalidFileError) as caught:
        read_policies(written(case, "policy.yaml"))
    assert caught.value.problems == case.problems


@pytest.mark.parametrize("case", named(BAD_ENVIRONMENTS))
def test_a_bad_environment_is_refused_in_these_words(case: BadInput) -> None:
    with pytest.raises(InvalidFileError) as caught:
        read_environment(written(case, "environment.yaml"))
    assert caught.value.problems == case.problems


@pytest.mark.parametrize("case", named((*BAD_TRACES, *BAD_LOGS)))
def test_a_bad_trace_is_refused_in_these_words(case: BadInput) -> None:
    with pytest.raises(InvalidTraceError) as caught:
        read_trace(written(case, "trace.csv"))
    assert (str(caught.value),) == case.problems


@pytest.mark.parametrize("case", named(BAD_GZIPS))
def test_a_bad_gzip_is_refused_in_these_words(case: BadInput) -> None:
    with pytest.raises(InvalidTraceError) as caught:
        read_trace(written(case, "trace.csv.gz"))
    assert (str(caught.value),) == case.problems


@pytest.mark.parametrize(
    ("read", "error"),
    [
        (read_policies, InvalidFileError),
        (read_environment, InvalidFileError),
        (read_trace, InvalidTraceError),
    ],
)
def test_a_file_that_is_not_there_or_is_a_folder_is_refused(
    read: Callable[[Path], object], error: type[Exception]
) -> None:
    with pytest.raises(error) as caught:
        read(Path("missing"))
    assert str(caught.value) == "missing: no such file"
    Path("folder").mkdir()
    with pytest.raises(error) as caught:
        read(Path("folder"))
    assert str(caught.value) == "folder: can't be read: Is a directory"
