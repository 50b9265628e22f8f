"""The command line: what it prints, and the codes that scripts rely on."""

from __future__ import annotations

import argparse
import subprocess
import sys

import pytest

from controller.errors import InvalidFileError
from headstart.__main__ import main, run_safely
from headstart.command_line import COMMANDS, load
from headstart.errors import RunFailedError, UsageError


def raising(error: BaseException) -> argparse.Namespace:
    def run(_: argparse.Namespace) -> int:
        raise error

    return argparse.Namespace(run=run, debug=False)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_says_of_itself_what_the_overview_says(name: str) -> None:
    command = load(name)
    assert name == command.NAME
    assert COMMANDS[name] == command.HELP


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name, "--help"]) == 0
    assert f"headstart {name}" in capsys.readouterr().out


def test_without_a_word_the_overview_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    shown = capsys.readouterr().out
    assert [name for name in COMMANDS if name not in shown] == []


def test_a_mistyped_command_is_answered_with_the_one_that_was_meant(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["explan"]) == 2
    assert capsys.readouterr().err == (
        "headstart: 'explan' is no command: did you mean explain? (see headstart --help)\n"
    )


def test_an_unknown_option_is_one_line_and_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "--colour"]) == 2
    assert capsys.readouterr().err == (
        "headstart: unrecognized arguments: --colour (see headstart --help)\n"
    )


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (UsageError("--at: no"), 2, "headstart: --at: no\n"),
        (RunFailedError("no answer"), 1, "headstart: no answer\n"),
        (InvalidFileError(("a:1: x", "a:2: y")), 2, "headstart: a:1: x\nheadstart: a:2: y\n"),
        (KeyboardInterrupt(), 130, "headstart: interrupted\n"),
        (
            ZeroDivisionError("division\nby zero"),
            1,
            "headstart: unexpected ZeroDivisionError: division by zero; "
            "run with --debug for the traceback\n",
        ),
    ],
)
def test_a_failure_is_a_line_a_problem_and_its_code(
    error: BaseException, code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_safely(raising(error)) == code
    assert capsys.readouterr().err == said


def test_with_debug_the_traceback_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = raising(ZeroDivisionError("oh"))
    arguments.debug = True
    assert run_safely(arguments) == 1
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["--debug", "explain"], ["explain", "--debug"]])
def test_debug_may_stand_before_or_after_the_command(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    assert "Traceback" in capsys.readouterr().err


def test_a_reader_that_leaves_early_causes_no_traceback() -> None:
    script = (
        "import sys\n"
        "from headstart.__main__ import run_safely\n"
        "import argparse\n"
        "def run(_):\n"
        "    sys.stdout.write('x' * 1_000_000)\n"
        "    return 0\n"
        "sys.exit(run_safely(argparse.Namespace(run=run, debug=False)))\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        said = process.stderr.read()
        assert (process.wait(), said) == (1, b"")


def test_help_does_not_wait_for_what_only_a_run_needs() -> None:
    script = (
        "import sys\n"
        "from headstart.__main__ import main\n"
        "main(['--help'])\n"
        "print(sorted({'numpy', 'sklearn', 'rich', 'httpx'} & sys.modules.keys()))\n"
    )
    out = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout
    assert out.splitlines()[-1] == "[]"
