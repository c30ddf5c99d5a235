"""What a command makes of a world that is short of something: output, folders, locales, whole files."""

from __future__ import annotations

import asyncio
import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sipclient.cli.app import installed
from sipclient.cli.main import main
from sipclient.cli.output import Output, OutputLost, standard_streams

ROOT = Path(__file__).resolve().parents[2]
GOOD = ROOT / "examples" / "minimal.toml"


def shell(command: str, folder: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """A shell's command in which `sipclient` is ours."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("LC_", "PYTHON"))}
    mine = {"PYTHONPATH": str(ROOT), "PBX_PASSWORD": "x"}
    text = f'sipclient() {{ "{sys.executable}" -m sipclient "$@"; }}; {command}'
    return subprocess.run(
        ["bash", "-c", text],
        cwd=folder,
        env=inherited | mine | environ,
        capture_output=True,
        text=True,
        timeout=30,
        encoding="utf-8",
        errors="backslashreplace",
    )


NO_ROOM = "sipclient: the output cannot be written: no space left on device\n"


@pytest.mark.parametrize("arguments", ["--version", "--help", f"check {GOOD}", "check --help", "demo", "lab --port 0"])
def test_a_full_disk_is_said_in_a_sentence(arguments: str, tmp_path: Path) -> None:
    done = shell(f"sipclient {arguments} > /dev/full", tmp_path)
    assert (done.returncode, done.stderr) == (1, NO_ROOM)


@pytest.mark.parametrize("arguments", [f"check {GOOD}", "demo"])
def test_whoever_reads_may_have_read_enough(arguments: str, tmp_path: Path) -> None:
    done = shell(f"sipclient {arguments} | head -c 3 >/dev/null; exit ${{PIPESTATUS[0]}}", tmp_path)
    assert done.returncode in (0, 1) and done.stderr == ""


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_streams_may_be_closed(closed: str, tmp_path: Path) -> None:
    done = shell(f"sipclient demo {closed}", tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_folder_may_be_gone(tmp_path: Path) -> None:
    gone = "mkdir gone && cd gone && rmdir ../gone && "
    (tmp_path / "robot.toml").write_text(GOOD.read_text())
    done = shell(gone + f"sipclient check {GOOD}", tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    done = shell(gone + "sipclient run", tmp_path)
    assert done.returncode == 2
    assert done.stderr == "sipclient: robot.toml: the folder it is run in is not there any more: go to another\n"


@pytest.mark.parametrize("command", ["check {}", "run {}", "call 7000 --config {}", "watch --config {}"])
def test_what_is_no_ordinary_file_is_not_read(command: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in ("pipe", "/dev/zero"):
        done = shell("sipclient " + command.format(path), tmp_path)
        assert done.returncode == 2
        assert done.stderr == f"sipclient: {path}: cannot be read: this is no ordinary file\n"


def test_a_script_of_the_lab_is_a_file_too(tmp_path: Path) -> None:
    done = shell("sipclient lab --port 0 --script /dev/zero", tmp_path)
    assert done.returncode == 2
    assert done.stderr == "sipclient: --script /dev/zero: cannot be read: this is no ordinary file\n"


def test_a_certificate_that_is_none(tmp_path: Path) -> None:
    done = shell(f"sipclient lab --port 0 --certificate {GOOD}", tmp_path)
    assert done.returncode == 2
    assert done.stderr == f"sipclient: --certificate {GOOD}: this is no PEM file with a certificate and its key\n"


def test_a_file_that_is_far_too_long(tmp_path: Path) -> None:
    with (tmp_path / "robot.toml").open("wb") as file:
        file.truncate(1 << 32)
    done = shell("sipclient check", tmp_path)
    assert (done.returncode, done.stderr) == (
        2,
        "sipclient: robot.toml: cannot be read: it is longer than 4194304 bytes\n",
    )


@pytest.mark.parametrize("locale", [{"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, {"LC_ALL": "C"}])
def test_any_locale_will_do(locale: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "bö.toml").write_text(GOOD.read_text().replace("allow", "ällow"), encoding="utf-8")
    done = shell("sipclient check bö.toml", tmp_path, **locale)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert ".toml:10: error: " in done.stdout
    done = shell("sipclient check nö.toml", tmp_path, **locale)
    assert done.stderr in (
        "sipclient: nö.toml: cannot be read: No such file or directory\n",
        "sipclient: n\\xf6.toml: cannot be read: No such file or directory\n",
    )


def test_an_argument_that_is_no_text(tmp_path: Path) -> None:
    done = shell("sipclient check $'\\xff.toml'", tmp_path)
    assert done.returncode == 2 and done.stderr.startswith("sipclient: \\xff.toml: cannot be read")


async def test_a_call_is_hung_up_where_its_output_breaks(pbx: Any, robot_toml: Any, tmp_path: Path) -> None:
    done = await asyncio.to_thread(shell, "sipclient call 7000 > /dev/full", tmp_path, ROBOT_PASSWORD="secret")
    assert (done.returncode, done.stderr) == (1, NO_ROOM)
    assert pbx.client.calls == ()


class Full(io.StringIO):
    """Takes what is written, and cannot keep it."""

    def flush(self) -> None:
        raise OSError(28, "No space left on device")


def test_an_output_that_breaks_is_told_of_once() -> None:
    told: list[str] = []
    output = Output(Full(), lambda: told.append("lost"))
    print("x", file=output, flush=True)
    print("y", file=output, flush=True)
    assert told == ["lost"] and output.complaint.endswith("no space left on device")
    with pytest.raises(OutputLost):
        print("x", file=Output(Full()), flush=True)


def test_the_streams_of_whoever_calls_are_given_back(capsys: Any) -> None:
    before = sys.stdin, sys.stdout, sys.stderr
    with standard_streams() as output:
        assert sys.stdout is output and not output.complaint
    assert (sys.stdin, sys.stdout, sys.stderr) == before


# --- wrong use --------------------------------------------------------------------------------------

WRONG_USE = [
    (["nonsense"], f"there is no command 'nonsense'; there are {', '.join(installed())}"),
    (["lba"], "there is no command 'lba' (did you mean \"lab\"?); there are demo, run, check, "),
    (["originate", "1", "2"], "there is no command 'originate'; there are demo, run, check, "),
    (["call"], "missing argument 'URI': see sipclient call --help"),
    (["--nonsense"], "no such option: --nonsense: see sipclient --help"),
    (["lab", "--port", "x"], "invalid value for '--port': "),
    (["lab", "--dialect", "x"], "invalid value for '--dialect': "),
]


@pytest.mark.parametrize(("arguments", "words"), WRONG_USE)
def test_wrong_use_is_one_sentence(capsys: Any, arguments: list[str], words: str) -> None:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert left.value.code == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.startswith(f"sipclient: {words}") and said.err.count("\n") == 1


def test_no_command_at_all_is_met_with_help(capsys: Any) -> None:
    with pytest.raises(SystemExit) as left:
        main([])
    assert left.value.code == 2 and "check" in capsys.readouterr().out


def test_a_very_long_argument_is_not_said_back_whole(capsys: Any) -> None:
    with pytest.raises(SystemExit):
        main(["check", "\u202e" + "x" * 100_000])
    said = capsys.readouterr().err
    assert len(said) < 1100 and said.startswith("sipclient: \\u202exxx") and said.count("\n") == 1


def test_a_password_with_a_line_break_is_refused(capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIPCLIENT_PASSWORD", "hunter2\r")
    with pytest.raises(SystemExit) as left:
        main(["call", "7000", "--address", "sip:me@127.0.0.1"])
    assert left.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith("sipclient: what SIPCLIENT_PASSWORD holds has a line break") and "hunter2" not in said
