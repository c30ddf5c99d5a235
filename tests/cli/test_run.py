"""`sipclient run`, the process: the main job, the signals, and the errors of its start."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import time
from pathlib import Path
from typing import Any

import pytest


async def busy_to_ready(pbx: Any, command: Any, extension: str) -> None:
    pbx.set_state(extension, "on-the-phone")
    await command.until(f"{extension}: ready -> on-the-phone")
    pbx.set_state(extension, "ready")


async def test_the_main_job(pbx: Any, sipclient: Any, robot_toml: Any) -> None:
    run = await sipclient("run", "robot.toml")
    await run.until("1002: unknown -> ready")
    await busy_to_ready(pbx, run, "1001")
    await run.until("answered (queue/pbx/1001/1)")
    (call,) = pbx.calls
    assert str(call.request.from_.display_name) == "Ext 1001" and call.request.headers.get("X-Ext") == "1001"
    began = time.monotonic()
    run.signal(signal.SIGTERM)
    assert await run.end(5) == 0
    assert time.monotonic() - began < 5
    assert pbx.registers == [True, False]
    assert sorted(pbx.gone) == ["1001", "1002"]
    assert run.lines[-1].endswith("= stopped")
    assert "secret" not in "\n".join(run.lines)
    assert (robot_toml.folder / "robot.db").exists()


async def test_a_restart_calls_nothing_again(pbx: Any, sipclient: Any, robot_toml: Any) -> None:
    run = await sipclient("run")
    await run.until("1002: unknown -> ready")
    await busy_to_ready(pbx, run, "1001")
    await run.until("answered")
    run.signal(signal.SIGKILL)
    await run.end()
    again = await sipclient("run", "--config", "robot.toml")
    assert "abandoned a call to 7000" in await again.until("abandoned")
    await again.until("1002: unknown -> ready")
    await busy_to_ready(pbx, again, "1001")
    await again.until("answered (queue/pbx/1001/2)")
    assert len(pbx.calls) == 2


async def test_json_and_whole_messages(pbx: Any, sipclient: Any, robot_toml: Any) -> None:
    run = await sipclient("run", "--log-format", "json", "-vv")
    await run.until('"state-changed"')
    run.signal(signal.SIGINT)
    assert await run.end(5) == 0
    events = [json.loads(line) for line in run.lines]
    assert {"started", "sent", "received", "account-registered", "stopping"} <= {each["event"] for each in events}
    assert events[-1]["event"] == "stopped"
    assert any(each["message"].startswith("REGISTER ") for each in events if each["event"] == "sent")


async def test_reloading(pbx: Any, sipclient: Any, robot_toml: Any) -> None:
    run = await sipclient("run")
    await run.until("1002: unknown -> ready")
    text = robot_toml.text
    robot_toml.write(text.replace("[[watch]]", "[[watch"))
    run.signal(signal.SIGHUP)
    assert "not reloaded, the old configuration stays in force: robot.toml:" in await run.until("reloaded")
    robot_toml.write(text.replace('"1002"]', '"1003"]').replace('"7000"', '"7001"'))
    run.signal(signal.SIGHUP)
    assert "accounts unchanged, +1 -1 watched extensions" in await run.until("reloaded:")
    await run.until("1003: unknown -> ready")
    await busy_to_ready(pbx, run, "1001")
    await run.until("> call to 7001")
    assert pbx.registers == [True]
    run.signal(signal.SIGTERM)
    assert await run.end(5) == 0


async def test_a_second_signal_ends_it_at_once(sipclient: Any, tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        port = silent.getsockname()[1]
        (tmp_path / "robot.toml").write_text(
            f'[accounts.pbx]\naddress = "sip:r@127.0.0.1"\nserver = "udp:127.0.0.1:{port}"\nmedia = "none"\n'
        )
        run = await sipclient("run")
        await run.until("started")
        silent.recv(2000)
        run.signal(signal.SIGTERM)
        await run.until("stopping")
        run.signal(signal.SIGTERM)
        assert await run.end(2) in (143, 0, -signal.SIGTERM)


async def test_a_server_that_does_not_answer_is_told_and_stopping_takes_no_longer(
    sipclient: Any, tmp_path: Path
) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        (tmp_path / "robot.toml").write_text(
            f'[accounts.pbx]\naddress = "sip:r@127.0.0.1"\nserver = "tcp:127.0.0.1:{port}"\nmedia = "none"\n'
        )
        run = await sipclient("run")
        assert "next try in" in await run.until("pbx: not registered")
        run.signal(signal.SIGTERM)
        assert await run.end(5) == 0


async def test_a_pbx_that_has_gone_silent_does_not_keep_it(pbx: Any, sipclient: Any, robot_toml: Any) -> None:
    run = await sipclient("run")
    await run.until("1002: unknown -> ready")
    pbx.mute = True
    run.signal(signal.SIGTERM)
    assert await run.end(5) == 0
    assert run.lines[-1].endswith("= stopped")


async def test_a_collector_of_spans_that_never_answers_does_not_keep_it(
    pbx: Any, sipclient: Any, robot_toml: Any
) -> None:
    posted = bytearray()

    async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(4096):
            posted.extend(data)
        writer.close()

    collector = await asyncio.start_server(swallow, "127.0.0.1", 0)
    port = collector.sockets[0].getsockname()[1]
    robot_toml.write(f'{robot_toml.text}\n[otel]\nendpoint = "http://127.0.0.1:{port}"\n')
    run = await sipclient("run")
    await run.until("1002: unknown -> ready")
    await busy_to_ready(pbx, run, "1001")
    await run.until("answered")
    began = time.monotonic()
    run.signal(signal.SIGTERM)
    assert await run.end(5) == 0
    assert time.monotonic() - began < 5
    assert pbx.registers == [True, False] and run.lines[-1].endswith("= stopped")
    assert posted.startswith(b"POST /v1/traces") and b"rule queue" in posted
    collector.close()


async def test_a_wrong_password_is_told_with_the_next_try(pbx: Any, sipclient: Any, robot_toml: Any) -> None:
    pbx.refuse_with = 403
    run = await sipclient("run")
    line = await run.until("pbx: not registered: 403")
    assert "next try in" in line and ", at " in line
    run.signal(signal.SIGTERM)
    assert await run.end(5) == 0


async def refused(command: Any, text: str) -> None:
    assert await command.end() == 2
    errors = await command.errors()
    assert text in errors, errors
    assert errors.startswith("sipclient: ") and errors.count("\n") == 1


async def test_no_file(sipclient: Any) -> None:
    await refused(await sipclient("run", "nowhere.toml"), "nowhere.toml: cannot be read: No such file or directory")


async def test_a_mistake_in_the_file(sipclient: Any, tmp_path: Path) -> None:
    (tmp_path / "robot.toml").write_text('[accounts.pbx]\naddres = "sip:r@127.0.0.1"\n')
    await refused(await sipclient("run"), "robot.toml:")


async def test_a_folder_in_place_of_a_file_and_no_utf8(sipclient: Any, tmp_path: Path) -> None:
    await refused(await sipclient("run", "."), "cannot be read: Is a directory")
    (tmp_path / "robot.toml").write_bytes(b"# \xff\n")
    await refused(await sipclient("run"), "this is no UTF-8 text")


async def test_a_port_in_use(sipclient: Any, tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        (tmp_path / "robot.toml").write_text(
            f'[accounts.pbx]\naddress = "sip:r@127.0.0.1"\nlocal = "127.0.0.1:{port}"\nregister = false\n'
        )
        await refused(
            await sipclient("run"), f"account pbx: 127.0.0.1:{port}/udp cannot be used: Address already in use"
        )


async def test_a_store_in_use(pbx: Any, sipclient: Any, robot_toml: Any) -> None:
    first = await sipclient("run")
    await first.until("started")
    await refused(await sipclient("run"), "is in use by another robot")


async def test_a_hook_that_is_not_there(pbx: Any, sipclient: Any, robot_toml: Any) -> None:
    robot_toml.write(robot_toml.text + '[[rules]]\nname = "h"\nrun = "hooks.py:on_ready"\n')
    await refused(await sipclient("run"), "hooks.py: cannot be read: No such file or directory")


async def test_a_hook_that_fails_harms_nothing(pbx: Any, sipclient: Any, robot_toml: Any) -> None:
    robot_toml.write("async def on_ready(change, client):\n    raise ValueError('oh')\n", "hooks.py")
    robot_toml.write(robot_toml.text + '[[rules]]\nname = "h"\nrun = "hooks.py:on_ready"\n')
    run = await sipclient("run")
    await run.until("1002: unknown -> ready")
    await busy_to_ready(pbx, run, "1001")
    await run.until("hooks.py:on_ready failed: ValueError: oh")
    await busy_to_ready(pbx, run, "1002")
    await run.until("answered (queue/pbx/1002/1)")


# --- what a hook may do, and a signal all the same ----------------------------------------------------

HOOK = '[[rules]]\nname = "h"\nrun = "hooks.py:on_ready"\n'


async def hooked(pbx: Any, sipclient: Any, robot_toml: Any, *body: str, before: str = "") -> Any:
    """A robot whose hook has begun to run these lines."""
    text = f"{before}\nasync def on_ready(change, client):\n    " + "\n    ".join(body) + "\n"
    robot_toml.write("import asyncio, sys, threading, time\n" + text, "hooks.py")
    robot_toml.write(robot_toml.text + HOOK)
    run = await sipclient("run")
    await run.until("1002: unknown -> ready")
    await busy_to_ready(pbx, run, "1001")
    await run.until("> running hooks.py:on_ready")
    return run


async def stops(run: Any, *lines: str) -> int:
    """The exit status after SIGTERM, which it leaves on within 5 seconds, saying this."""
    began = time.monotonic()
    run.signal(signal.SIGTERM)
    status = await run.end(6)
    assert time.monotonic() - began < 5
    for line in lines:
        assert any(line in each for each in run.lines), run.lines
    return int(status)


@pytest.mark.parametrize("blocking", ["time.sleep(60)", "while True: pass", "lock.acquire()"])
async def test_a_hook_that_blocks_does_not_keep_it(pbx: Any, sipclient: Any, robot_toml: Any, blocking: str) -> None:
    lock = "lock = threading.Lock(); lock.acquire()"
    run = await hooked(pbx, sipclient, robot_toml, blocking, before=lock)
    what = "not done after 4.7 s, leaving as it is: "
    assert await stops(run, what, "not un-registered: pbx; hooks.py:4 keeps everything waiting") == 1


async def test_a_second_signal_ends_a_hook_that_blocks_at_once(pbx: Any, sipclient: Any, robot_toml: Any) -> None:
    run = await hooked(pbx, sipclient, robot_toml, "time.sleep(60)")
    run.signal(signal.SIGTERM)
    await asyncio.sleep(0.3)
    run.signal(signal.SIGTERM)
    assert await run.end(2) == 143


@pytest.mark.parametrize(
    "ending",
    [
        "asyncio.create_task(end(SystemExit(3)))",
        "asyncio.create_task(end(KeyboardInterrupt()))",
        "await asyncio.create_task(end(SystemExit(3)))",
        "asyncio.get_running_loop().call_soon(sys.exit)",
        "asyncio.get_running_loop().stop()",
    ],
)
async def test_no_hook_ends_the_robot(pbx: Any, sipclient: Any, robot_toml: Any, ending: str) -> None:
    before = "async def end(error): raise error"
    run = await hooked(pbx, sipclient, robot_toml, ending, "await asyncio.sleep(0.2)", before=before)
    await run.until("a hook tried to end the robot")
    await busy_to_ready(pbx, run, "1002")
    await run.until("answered (queue/pbx/1002/1)")
    assert await stops(run) == 0
    assert pbx.registers == [True, False]


@pytest.mark.parametrize(
    "thread",
    [
        "threading.Thread(target=time.sleep, args=(60,)).start()",
        "asyncio.create_task(asyncio.to_thread(time.sleep, 60))",
    ],
)
async def test_a_thread_of_a_hook_that_never_ends_does_not_keep_it(
    pbx: Any, sipclient: Any, robot_toml: Any, thread: str
) -> None:
    run = await hooked(pbx, sipclient, robot_toml, thread)
    await run.until("hooks.py:on_ready is done")
    assert await stops(run, "a thread of a hook still runs") == 0
    assert pbx.registers == [True, False]


async def test_a_hook_file_that_raises_stop_iteration(pbx: Any, sipclient: Any, robot_toml: Any) -> None:
    robot_toml.write("next(iter(()))\n", "hooks.py")
    robot_toml.write(robot_toml.text + HOOK)
    await refused(await sipclient("run"), "hooks.py:1: StopIteration")


async def test_a_file_that_cannot_be_loaded_any_more_does_not_keep_it(
    pbx: Any, sipclient: Any, robot_toml: Any
) -> None:
    """Neither a hook file that never comes to its end nor a robot.toml that is a pipe nobody writes to."""
    run = await sipclient("run")
    await run.until("1002: unknown -> ready")
    robot_toml.write("import time\ntime.sleep(60)\n", "hooks.py")
    robot_toml.write(robot_toml.text + HOOK)
    run.signal(signal.SIGHUP)
    await busy_to_ready(pbx, run, "1001")
    await run.until("answered (queue/pbx/1001/1)")
    assert await stops(run, "= stopped") == 0

    robot_toml.write(robot_toml.text)
    run = await sipclient("run")
    await run.until("1002: unknown -> ready")
    (robot_toml.folder / "robot.toml").unlink()
    os.mkfifo(robot_toml.folder / "robot.toml")
    run.signal(signal.SIGHUP)
    await busy_to_ready(pbx, run, "1001")
    await run.until("answered (queue/pbx/1001/2)")
    assert await stops(run, "= stopped") == 0
    assert pbx.registers == [True, False] * 2


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGHUP, 7)])
async def test_a_signal_while_it_is_being_loaded(
    sipclient: Any, tmp_path: Path, number: signal.Signals, status: int
) -> None:
    stub = "import sys, time\nprint('loading', flush=True)\ntime.sleep(1)\nsys.exit(7)\n"
    (tmp_path / "typer.py").write_text(stub)
    run = await sipclient("run", PYTHONPATH=f"{tmp_path}:{Path(__file__).parents[2]}")
    await run.until("loading")
    run.signal(number)
    assert await run.end(5) == status
    assert "Traceback" not in await run.errors()


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM])
async def test_a_signal_while_it_starts(pbx: Any, sipclient: Any, robot_toml: Any, number: signal.Signals) -> None:
    """SIGHUP is no reason to die, SIGTERM none to go on."""
    loading = "import time\nprint('loading', flush=True)\ntime.sleep(0.5)\n"
    robot_toml.write(loading + "async def on_ready(change, client): ...\n", "hooks.py")
    robot_toml.write(robot_toml.text + HOOK)
    run = await sipclient("run")
    await run.until("loading")
    run.signal(number)
    if number == signal.SIGHUP:
        await run.until("reloaded: accounts unchanged")
        assert await stops(run) == 0
    else:
        assert await run.end(2) == 0
        assert [line[24:] for line in run.lines[1:]] == ["= stopping: SIGTERM", "= stopped"]


@pytest.mark.parametrize("arguments", [("--log-format", "xml"), ("a.toml", "--config", "b.toml"), ("--nonsense",)])
async def test_wrong_use(sipclient: Any, arguments: tuple[str, ...]) -> None:
    command = await sipclient("run", *arguments)
    assert await command.end() == 2
    assert "Traceback" not in await command.errors()


def test_the_loop_is_uvloops_where_that_is_installed() -> None:
    from sipclient.robot.service import loop_factory

    factory = loop_factory()
    loop = factory() if factory is not None else asyncio.new_event_loop()
    assert type(loop).__module__.startswith(("uvloop", "asyncio"))
    loop.close()
