"""`sipclient lab`: an embedded PBX to point a robot or a softphone at, with a console of a few commands."""

from __future__ import annotations

import asyncio
import secrets
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import datetime
from ipaddress import ip_address
from ssl import SSLContext, SSLError
from typing import Annotated

import typer

from sipclient.cli.lines import lines_of
from sipclient.cli.loop import INTERRUPTED
from sipclient.cli.loop import run as run_loop
from sipclient.errors import InvalidValue, ListenFailed
from sipclient.face.tasks import Tasks
from sipclient.lab.phone import Phone
from sipclient.lab.script import HELP, Help, Quit, Status, Step, parse_command, parse_script
from sipclient.lab.server import LabServer
from sipclient.lab.stage import Stage
from sipclient.lab.values import Dialect, Queue, Settings, Strategy, User
from sipclient.robot.reading import read_text
from sipclient.transport.tls import server_context

PASSWORD = "lab-secret"  # on loopback, where only this machine's users could use it
NAMES = {"1001": "Alice", "1002": "Bob", "1003": "Carol", "1004": "Dave", "1005": "Erin"}
AGENT_TALKS = 5.0  # seconds, after which the lab's agents hang up: the next call wants one
EXAMPLE = "1001 calls 1002, talks 3 s, hangs up"  # a line of a script
LONGEST_SCRIPT = 1 << 20  # bytes
PHONES = "1001,1002,1003,2001"


def lab(
    host: Annotated[str, typer.Option("--host", help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="For UDP and TCP.")] = 5060,
    tls_port: Annotated[int, typer.Option("--tls-port", min=0, max=65535, help="For TLS.")] = 5061,
    certificate: Annotated[str, typer.Option("--certificate", help="PEM with key and certificate: TLS too.")] = "",
    dialect: Annotated[Dialect, typer.Option("--dialect", help="Whose manners and documents.")] = Dialect.ASTERISK,
    algorithms: Annotated[str, typer.Option("--digest", help="MD5, SHA-256, SHA-512-256; or several.")] = "MD5",
    strategy: Annotated[Strategy, typer.Option("--queue", help="How 7000 rings its agents.")] = Strategy.ALL,
    phones: Annotated[str, typer.Option("--phones", help="Extensions whose phone the lab plays.")] = PHONES,
    busy_to: Annotated[str, typer.Option("--busy-to", help="Whose phone gets calls to a busy extension.")] = "",
    script: Annotated[str, typer.Option("--script", help=f"A file of lines such as '{EXAMPLE}'.")] = "",
) -> None:
    """Run until `quit` or Ctrl-C."""
    try:
        loopback = ip_address(host).is_loopback
    except ValueError:
        raise InvalidValue(f"--host is an IP address, not {host!r}") from None
    password = PASSWORD if loopback else secrets.token_urlsafe(9)
    others = {"2001": "Agent One", "2002": "Agent Two", "robot": "Robot"}
    users = [User(each, password, name) for each, name in (NAMES | others).items()]
    wanted = [each.strip() for each in phones.split(",") if each.strip()]
    for each in wanted:
        if each not in {user.extension for user in users}:
            raise InvalidValue(f"--phones: there is no extension {each!r}")
    if busy_to and busy_to not in {user.extension for user in users}:
        raise InvalidValue(f"--busy-to: there is no extension {busy_to!r}")
    settings = Settings(
        busy_to=busy_to,
        domain=f"[{host}]" if ":" in host else host,
        dialect=dialect,
        algorithms=_algorithms(algorithms),
    )
    ports = {"udp": port, "tcp": port} | ({"tls": tls_port} if certificate else {})
    server = LabServer(
        users,
        (Queue("7000", ("2001", "2002"), strategy),),
        settings,
        host=host,
        ports=ports,
        tls=_tls(certificate),
        log=_log,
    )
    status = run_loop(_lab(server, wanted, password, _steps(script)))
    raise typer.Exit(0 if status == INTERRUPTED else status)


async def _lab(server: LabServer, wanted: list[str], password: str, steps: tuple[Step, ...]) -> int:
    tasks = Tasks()
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(server)
        _introduce(server, password)
        phones: dict[str, Phone] = {}
        for extension in wanted:
            user = server.pbx.users[extension]
            talk_for = AGENT_TALKS if any(extension in queue.agents for queue in server.pbx.queues.values()) else None
            phone = Phone(user, server.server("udp"), domain=server.settings.domain, talk_for=talk_for)
            phones[extension] = await stack.enter_async_context(phone)
        stage = Stage(server, phones)
        stack.push_async_callback(tasks.close, 0.0)
        if steps:
            tasks.spawn(_play(stage, steps))
        async with lines_of(sys.stdin) as lines:
            await _console(stage, lines)
    return 0


async def _console(stage: Stage, lines: AsyncIterator[str]) -> None:
    """Do what each line says, until `quit`; where there is nobody to type, until interrupted."""
    async for line in lines:
        try:
            action = parse_command(line)
            match action:
                case None:
                    continue
                case Quit():
                    return
                case Help():
                    print(HELP, flush=True)
                case Status():
                    print("\n".join(stage.status()), flush=True)
                case _:
                    stage.do(action)
        except InvalidValue as error:
            print(f"! {error}", flush=True)
    await asyncio.get_running_loop().create_future()


async def _play(stage: Stage, steps: tuple[Step, ...]) -> None:
    try:
        await stage.play(steps)
    except InvalidValue as error:
        print(f"! script: {error}", flush=True)
    else:
        _log("the script is done")


def _introduce(server: LabServer, password: str) -> None:
    where = " ".join(server.server(transport) for transport in server.ports)
    extensions = ", ".join(server.pbx.users)
    print(
        f"""\
A PBX listens on {where}

extensions  {extensions}: password {password}
queue       7000, agents 2001 and 2002
numbers     9196 answers with your own sound, 9198 rings for ever, 404 486 603 ... refuse with that status

A robot.toml for it:

    [accounts.pbx]
    address  = "sip:robot@{server.settings.domain}"
    server   = "{server.server("udp")}"
    password = "{password}"
    [[watch]]
    extensions = ["1001-1005"]
    [[rules]]
    name = "ready-calls-queue"
    call = {{ to = "7000", caller_id = '"Ext {{extension}} is free" <{{extension}}>' }}
    [dial]
    allow = ["7000"]

Commands: call 1001 1002, hangup 1001, state 1004 on-the-phone, status, help, quit
""",
        flush=True,
    )


def _log(text: str) -> None:
    shown = "".join(character if character.isprintable() else "?" for character in text)
    print(f"{datetime.now().astimezone():%H:%M:%S} {shown}", flush=True)


def _algorithms(text: str) -> tuple[str, ...]:
    known = {"md5": "MD5", "sha-256": "SHA-256", "sha-512-256": "SHA-512-256"}
    found = [known.get(each.strip().lower(), "") for each in text.split(",")]
    if not all(found):
        raise InvalidValue(f"--digest takes {', '.join(known.values())}, not {text!r}")
    return tuple(found)


def _tls(certificate: str) -> SSLContext | None:
    if not certificate:
        return None
    try:
        return server_context(certificate)
    except SSLError:
        raise ListenFailed(f"--certificate {certificate}: this is no PEM file with a certificate and its key") from None
    except OSError as error:
        raise ListenFailed(f"--certificate {certificate}: {error.strerror or error}") from None


def _steps(path: str) -> tuple[Step, ...]:
    if not path:
        return ()
    try:
        text = read_text(path, LONGEST_SCRIPT)
    except OSError as error:
        raise InvalidValue(f"--script {path}: cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise InvalidValue(f"--script {path}: cannot be read: {error}") from None
    try:
        return parse_script(text)
    except InvalidValue as error:
        raise InvalidValue(f"{path}: {error}") from None
