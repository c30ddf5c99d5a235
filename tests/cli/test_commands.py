"""`check`, `call`, `watch` and the entry itself, as a user meets them."""

from __future__ import annotations

import io
import re
import signal
import socket
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from sipclient import __version__
from sipclient.cli.app import COMMANDS, build, installed
from sipclient.cli.main import main
from sipclient.cli.watch import SHAPES, Row, table_of
from sipclient.errors import CallFailed, InvalidValue
from sipclient.presence import State


def status_of(*arguments: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    return int(left.value.code or 0)


# --- the entry --------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [("--version",), ("--version", "run")])
def test_version(capsys: Any, arguments: tuple[str, ...]) -> None:
    assert status_of(*arguments) == 0
    assert capsys.readouterr().out == f"sipclient {__version__}\n"


def test_help_names_every_command(capsys: Any) -> None:
    assert status_of("--help") == 0
    text = capsys.readouterr().out
    assert all(name in text for name in installed())
    assert {"run", "check", "watch", "call"} <= set(installed())


@pytest.mark.parametrize("name", installed())
def test_every_command_has_help(capsys: Any, name: str) -> None:
    assert status_of(name, "--help") == 0
    text = capsys.readouterr().out
    assert "--password" not in text
    assert COMMANDS[name] in text


@pytest.mark.parametrize("arguments", [("nonsense",), ("call",), ("check", "--nonsense")])
def test_wrong_use_is_2(capsys: Any, arguments: tuple[str, ...]) -> None:
    assert status_of(*arguments) == 2


def test_only_the_module_of_the_command_is_imported() -> None:
    assert [each.name for each in build(["check", "x"]).registered_commands] == ["check"]
    assert len(build([]).registered_commands) == len(installed())


@pytest.mark.parametrize(("error", "status"), [(CallFailed(486, "USER_BUSY"), 1), (InvalidValue("no address"), 2)])
def test_errors_are_one_sentence(capsys: Any, monkeypatch: pytest.MonkeyPatch, error: Exception, status: int) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("sipclient.cli.check.check_file", fail)
    assert status_of("check", "robot.toml") == status
    assert capsys.readouterr().err == f"sipclient: {error}\n"


# --- check ------------------------------------------------------------------------------------------

GOOD = """[accounts.pbx]
address = "sip:robot@pbx.example.com"
[[watch]]
extensions = ["1001"]
[[rules]]
name = "q"
call = { to = "7000" }
[dial]
allow = ["7000"]
"""


def test_check(tmp_path: Any, capsys: Any) -> None:
    file = tmp_path / "robot.toml"
    file.write_text(GOOD)
    assert status_of("check", str(file)) == 0
    assert capsys.readouterr().out == f"{file}: 0 errors, 0 warnings\n"
    file.write_text(GOOD.replace("address", 'password = "x"\naddress'))
    assert status_of("check", "--config", str(file)) == 0
    assert re.match(rf"{file}:2: warning: .*\n{file}: 0 errors, 1 warning\n", capsys.readouterr().out)
    assert status_of("check", "--strict", str(file)) == 1
    file.write_text(GOOD.replace("extensions", "extension"))
    assert status_of("check", str(file)) == 1
    assert f"{file}:4: error: " in capsys.readouterr().out


def test_check_of_a_file_that_is_not_there(capsys: Any) -> None:
    assert status_of("check", "/nowhere/robot.toml") == 2
    assert capsys.readouterr().err == "sipclient: /nowhere/robot.toml: cannot be read: No such file or directory\n"


def test_check_reads_password_files_beside_the_file(tmp_path: Any, capsys: Any) -> None:
    (tmp_path / "secret").write_text("hunter2\n")
    file = tmp_path / "robot.toml"
    file.write_text(GOOD.replace("address", 'password_file = "secret"\naddress'))
    assert status_of("check", str(file)) == 0
    (tmp_path / "secret").unlink()
    assert status_of("check", "--strict", str(file)) == 1
    assert "hunter2" not in capsys.readouterr().out


# --- call -------------------------------------------------------------------------------------------


async def test_a_call_from_the_file(pbx: Any, sipclient: Any, robot_toml: Any) -> None:
    call = await sipclient(
        "call", "7000", "--caller-id", '"Ann" <55>', "--header", "X-A: b: c", "--hold-for", "100ms", "--timeout", "20"
    )
    assert await call.end() == 0
    words = [line.split(" s  ")[1] for line in call.lines]
    assert words[0] == "calling 7000" and "answered 7000" in words
    assert words[-1] == "ended: 200 NORMAL_CLEARING by local"
    request = pbx.calls[0].request
    assert (request.from_.display_name, request.headers.get("X-A")) == ("Ann", "b: c")
    assert pbx.registers == []  # it would take the contact of a robot that runs


async def test_a_refused_call(pbx: Any, sipclient: Any, robot_toml: Any) -> None:
    call = await sipclient("call", "486")
    assert await call.end() == 1
    assert "failed: 486 USER_BUSY by remote" in call.lines[-1]


async def test_a_call_without_a_file(pbx: Any, sipclient: Any) -> None:
    where = ("--address", "sip:me@127.0.0.1", "--server", f"udp:127.0.0.1:{pbx.port}")
    call = await sipclient("call", "7000", *where, "--hold-for", "0.1", "--register", SIPCLIENT_PASSWORD="x")
    assert await call.end() == 0
    assert pbx.registers == [True, False]


@pytest.mark.parametrize(("number", "status"), [("7000", 0), ("7999", 130)])
async def test_an_interrupt_hangs_up(pbx: Any, sipclient: Any, robot_toml: Any, number: str, status: int) -> None:
    call = await sipclient("call", number)
    await call.until("answered" if status == 0 else "ringing")
    call.signal(signal.SIGINT)
    assert await call.end(5) == status
    assert (
        call.lines[-1]
        .split(" s  ")[1]
        .startswith("ended: 200" if status == 0 else "failed: ORIGINATOR_CANCEL by local")
    )


BY_ADDRESS = ("--address", "sip:me@127.0.0.1", "--server", "udp:127.0.0.1:9")
BAD_CALLS = [
    (("900",), '[dial] allow does not name "900": nothing was sent'),
    (("7000", "--header", "nonsense"), "--header is like 'X-Name: value', not 'nonsense'"),
    (("7000", "--header", "X A: b"), "X A"),
    (("7000", "--caller-id", "a\r\nX: y"), "caller ID"),
    (("7000", "--timeout", "soon"), "--timeout: "),
    (("7000", "--account", "other"), "robot.toml has no account 'other'; it has: pbx"),
    (("7000", "--server", "udp:192.0.2.1"), "--server goes with --address"),
    (("7000", "--address", "nonsense"), "--address: "),
    (("7000", "--address", "sip:a@b", "--server", "nonsense"), "--server: "),
    (("7000", "--address", "sip:a@b", "--account", "pbx"), "give one or the other"),
    (("7000", "--config", "nowhere.toml"), "nowhere.toml: cannot be read"),
    (("7000", "--timeout", "0"), "--timeout: a call that rings for no time"),
    (("7000", "--header", "Via: x"), "the header Via is written by sipclient itself"),
    (("7000", "--caller-id", '"x'), "caller ID"),
    (("sip:", *BY_ADDRESS), "'sip:' is not a SIP address"),
    (("", *BY_ADDRESS), "'' is not a number or a SIP address"),
    (("http://x", *BY_ADDRESS), "is not a SIP address"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD_CALLS)
async def test_what_cannot_be_called_is_said(
    sipclient: Any, robot_toml: Any, arguments: tuple[str, ...], message: str
) -> None:
    call = await sipclient("call", *arguments)
    assert await call.end() == 2
    assert call.lines == []
    errors = await call.errors()
    assert message in errors and errors.startswith("sipclient: ") and errors.count("\n") == 1


async def test_a_server_whose_name_is_not_known(sipclient: Any) -> None:
    call = await sipclient("call", "7000", "--address", "sip:me@no-such-host.invalid")
    assert await call.end() == 1
    assert "failed: " in call.lines[-1] and "no-such-host.invalid" in call.lines[-1] and "Errno" not in call.lines[-1]


async def test_no_file_and_no_address(sipclient: Any) -> None:
    call = await sipclient("call", "7000")
    assert await call.end() == 2
    assert "there is no robot.toml here: name one by --config, or say who calls by --address" in await call.errors()


# --- watch ------------------------------------------------------------------------------------------


async def test_watching_prints_lines_where_there_is_no_terminal(pbx: Any, sipclient: Any, robot_toml: Any) -> None:
    watch = await sipclient("watch", "1001", "1003-1004")
    for extension in ("1001", "1003", "1004"):
        await watch.until(f"{extension} ready (was unknown)")
    pbx.set_state("1003", "ringing")
    await watch.until("1003 ringing (was ready)")
    watch.signal(signal.SIGINT)
    assert await watch.end(5) == 0
    assert pbx.registers == []


async def test_watching_what_the_file_watches(pbx: Any, sipclient: Any, robot_toml: Any) -> None:
    watch = await sipclient("watch")
    await watch.until("1002 ready")
    watch.signal(signal.SIGTERM)
    assert await watch.end(5) == 0


@pytest.mark.parametrize(
    ("arguments", "password", "why"),
    [
        (("9999",), "secret", "9999: 404 Not Found"),
        (("9998-9999",), "secret", "9998, 9999: 404 Not Found"),
        (("1001",), "wrong", '1001: 401 the password for "robot" is wrong'),
    ],
)
async def test_where_nothing_can_be_seen_watch_ends_with_1(
    lab: Any, sipclient: Any, arguments: tuple[str, ...], password: str, why: str
) -> None:
    where = ("--address", "sip:robot@127.0.0.1", "--server", lab.server())
    watch = await sipclient("watch", *arguments, *where, SIPCLIENT_PASSWORD=password)
    assert await watch.end() == 1
    assert (await watch.errors()).startswith(f"sipclient: nothing can be seen of {why}")
    assert watch.lines == []


async def test_a_server_that_is_not_there_is_no_status_of_anybody(sipclient: Any) -> None:
    watch = await sipclient("watch", "1001", *BY_ADDRESS)
    assert await watch.end() == 1
    assert (await watch.errors()).startswith("sipclient: nothing can be seen of 1001: 127.0.0.1:9: connection refused")


async def test_a_refusal_is_told_once_with_its_time_and_the_rest_is_watched(lab: Any, sipclient: Any) -> None:
    where = ("--address", "sip:robot@127.0.0.1", "--server", lab.server())
    watch = await sipclient("watch", "9999", "1001", *where, SIPCLIENT_PASSWORD="secret")
    await watch.until("1001 offline")
    assert watch.process.stderr is not None
    line = (await watch.process.stderr.readline()).decode()
    assert re.fullmatch(r"\S+T\S+ 9999 no presence or dialog: 404 Not Found; next try in \d+ s\n", line)
    watch.signal(signal.SIGINT)
    assert await watch.end(5) == 0
    assert await watch.errors() == ""


async def test_what_is_watched_is_asked_for_by_the_packages_the_file_says(
    lab: Any, sipclient: Any, tmp_path: Path
) -> None:
    (tmp_path / "robot.toml").write_text(
        f"""
[accounts.pbx]
address = "sip:robot@127.0.0.1"
server = "{lab.server()}"
password = "secret"
[[watch]]
extensions = ["1001"]
events = ["dialog"]
[[watch]]
extensions = ["1001", "robot"]
"""
    )
    watch = await sipclient("watch")
    await watch.until("1001 ready")  # dialog alone says so of an extension that is offline
    await watch.until("robot offline")
    assert {key: lab.pbx.watchers(key) for key in ("1001", "robot")} == {"1001": 1, "robot": 2}
    watch.signal(signal.SIGINT)
    assert await watch.end(5) == 0


@pytest.mark.parametrize("command", ["watch", "call"])
@pytest.mark.parametrize("option", [(), ("--register",)])
async def test_whoever_waits_for_a_silent_server_is_told(sipclient: Any, command: str, option: tuple[str, ...]) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        server = f"udp:127.0.0.1:{silent.getsockname()[1]}"
        process = await sipclient(command, "1001", "--address", "sip:robot@127.0.0.1", "--server", server, *option)
        if (command, option) == ("call", ()):
            await process.until("calling 1001")  # the INVITE left: who is called may take his time
        else:
            line = (await process.process.stderr.readline()).decode()
            assert line.endswith(f" no answer yet from {server}; it has 32 seconds\n")
        process.signal(signal.SIGINT)
        await process.end(6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(("1*",), "cannot be watched"), (("sip:@",), "is not a SIP address"), (("2000-1000",), "EXT")],
)
async def test_what_cannot_be_watched_is_said(
    sipclient: Any, robot_toml: Any, arguments: tuple[str, ...], message: str
) -> None:
    watch = await sipclient("watch", *arguments)
    assert await watch.end() == 2
    assert message in await watch.errors()


def test_states_differ_in_shape_word_and_colour() -> None:
    assert set(SHAPES) == set(State)
    assert len({shape for shape, _ in SHAPES.values()}) == len(State)
    rows = {"1001": Row(State.ON_THE_PHONE, None, "ready -> on-the-phone"), "[red]x": Row()}
    out = io.StringIO()
    console = Console(file=out, width=100)
    console.print(table_of(rows, console))
    assert "■ on-the-phone" in out.getvalue() and "[red]x" in out.getvalue()


@pytest.mark.parametrize(("width", "headings"), [(60, 4), (40, 3), (31, 2)])
def test_the_table_has_the_columns_there_is_room_for(width: int, headings: int) -> None:
    out = io.StringIO()
    console = Console(file=out, width=width)
    table = table_of({"1001": Row(State.ON_THE_PHONE, None, "ready -> on-the-phone")}, console)
    console.print(table)
    assert len(table.columns) == headings
    assert "1001" in out.getvalue() and "■ on-the-phone" in out.getvalue()


def test_a_terminal_without_unicode_gets_the_words() -> None:
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    console = Console(file=out, width=80)
    console.print(table_of({"1001": Row(State.READY)}, console))
    out.flush()
    assert b"ready" in out.buffer.getvalue()  # type: ignore[attr-defined]


# --- bridge -----------------------------------------------------------------------------------------


async def test_two_numbers_are_called_and_joined(pbx: Any, sipclient: Any, robot_toml: Any) -> None:
    robot_toml.write(robot_toml.text.replace('media = "none"', 'media = "rtp"'))
    told = ("--variable", "order=17", "--caller-id", '"Order {variables.order}" <{variables.order}>')
    targets = ("7001", "sofia/gateway/pbx/7002")
    bridge = await sipclient("bridge", *targets, "--id", "order-17", "--ringback", "uk-ring", *told)
    await bridge.until("b  ringing 7002")
    assert {str(call.request.from_).partition(";")[0] for call in pbx.calls} == {'"Order 17" <sip:17@127.0.0.1>'}
    assert {call.request.headers.get("X-order") for call in pbx.calls} == {"17"}
    assert [call.request.call_id[:11] for call in pbx.calls] == ["order-17-a1", "order-17-b1"]
    bridge.signal(signal.SIGINT)
    assert await bridge.end(8) in (0, 130)


async def test_a_bridge_to_nobody(pbx: Any, sipclient: Any, robot_toml: Any) -> None:
    robot_toml.write(robot_toml.text.replace('media = "none"', 'media = "rtp"'))
    bridge = await sipclient(
        "bridge", "486", "7002", "--retry-on", "USER_BUSY", "--retries", "1", "--retry-wait", "0.1"
    )
    assert await bridge.end() == 1
    words = [line.split(" s  ")[1] for line in bridge.lines]
    assert words[-1] == "failed: a: 486 USER_BUSY (Busy Here)"
    assert "a  USER_BUSY: another attempt in 0 s" in words
    assert len(pbx.calls) == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("7001", "8000"), '[dial] allow does not name "8000": nothing was sent'),
        (("7001", "7002|user/8000"), '[dial] allow does not name "8000": nothing was sent'),
        (("7001", "loopback/7002"), '"loopback/" is not supported'),
        (
            ("7001", "7002", "--caller-id", "{variables.a}", "--variable", "b=1"),
            'there is no variable "a"; there is "b"',
        ),
        (("7001", "7002", "--variable", "b"), "--variable is like order=17, not 'b'"),
        (("sofia/gateway/other/1", "7002"), 'there is no account "other"'),
        (("7001", "7002", "--retry-on", "BUSY"), "unknown hangup cause"),
        (("7001", "7002", "--leg-timeout", "0"), "--leg-timeout"),
        (("7001", "7002", "--ringback", "nothing.wav"), "nothing.wav"),
    ],
)
async def test_a_bridge_that_is_wrong_use(
    pbx: Any, sipclient: Any, robot_toml: Any, arguments: tuple[str, ...], words: str
) -> None:
    robot_toml.write(robot_toml.text.replace('media = "none"', 'media = "rtp"'))
    bridge = await sipclient("bridge", *arguments)
    assert await bridge.end() == 2
    errors = await bridge.errors()
    assert words in errors and errors.count("\n") == 1
    assert pbx.calls == []
