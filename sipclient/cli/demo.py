"""`sipclient demo`: the main job in one process, against the embedded PBX."""

from __future__ import annotations

import asyncio
import os
import secrets
import tempfile
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console

from sipclient.cli.arrows import Ladder
from sipclient.cli.loop import run as run_loop
from sipclient.errors import SipError
from sipclient.lab.phone import Phone, Seen
from sipclient.lab.server import LabServer
from sipclient.lab.values import Queue, User
from sipclient.lab.wiretap import PBX, Wiretap
from sipclient.protocol.events import Flow, Input, Packet, Send
from sipclient.robot import Robot, Told, load_file, load_hooks, store_url, told
from sipclient.store import open_store

PATIENCE = 6.0  # seconds for everything; it takes about three
TALK = 0.8  # seconds of each call
NAME, NUMBER, HEADER = "Ext 1001 is free", "1001", "X-Extension"
COLUMNS = {"1001": "1001", PBX: "PBX, queue 7000", "robot": "robot", "2001": "agent 2001"}
ROBOT_TOML = """\
[accounts.pbx]
address  = "sip:robot@127.0.0.1"
server   = "{server}"
password = "{password}"
[[watch]]
extensions = ["1001"]
[[rules]]
name = "ready-calls-queue"
call = {{ to = "7000", caller_id = '"Ext {{extension}} is free" <{{extension}}>', \
headers = {{ X-Extension = "{{extension}}" }} }}
[dial]
allow = ["7000"]
"""


class Check(msgspec.Struct, frozen=True):
    """One thing to prove."""

    text: str
    proven: bool
    found: str = ""


def demo(
    everything: Annotated[
        bool, typer.Option("--all", help="Draw every message: digest challenges, ACKs, 100s too.")
    ] = False,
) -> None:
    """Status 0: everything was proven; 1: something was not, and the list says what."""
    raise typer.Exit(run_loop(_demo(Console(highlight=False), everything)))


async def _demo(console: Console, everything: bool) -> int:
    stage = Stage(console, everything)
    problem = ""
    try:
        async with asyncio.timeout(PATIENCE):
            await stage.play()
    except TimeoutError:
        problem = f"it was not done after {PATIENCE:g} seconds"
    except SipError as error:
        problem = str(error)
    checks = stage.checks()
    _show(console, checks, problem)
    return 0 if all(check.proven for check in checks) and not problem else 1


def _show(console: Console, checks: list[Check], problem: str) -> None:
    tick, cross = ("✔", "✘") if console.encoding.lower().startswith("utf") else ("ok", "MISSING")
    console.print("\nProven:" if not problem else f"\nNot finished: {problem}", style="bold", markup=False)
    for check in checks:
        found = f" (found: {check.found})" if check.found and not check.proven else ""
        sign, style = (tick, "green") if check.proven else (cross, "bold red")
        console.print(f"  {sign} {check.text}{found}", style=style, markup=False, soft_wrap=True)
    missing = sum(not check.proven for check in checks)
    if missing:
        console.print(f"{missing} of {len(checks)} not proven.", style="bold red")


class Stage:
    """The lab, its phones, the robot, and what was seen of them."""

    def __init__(self, console: Console, everything: bool) -> None:
        self._loop = asyncio.get_running_loop()
        passwords = {each: secrets.token_urlsafe(12) for each in ("1001", "1002", "2001", "robot")}
        names = {"1001": "Alice", "1002": "Bob", "2001": "Agent", "robot": "Robot"}
        self._users = {each: User(each, password, names[each]) for each, password in passwords.items()}
        self._console = console
        self._tap = Wiretap(COLUMNS, everything=everything)
        self._ladder = Ladder(console, COLUMNS, self._loop.time())
        self._told: list[Told] = []
        self._seen: list[Seen] = []
        self._subscriptions = 0
        self._invites: set[str] = set()
        self._failures = -1
        self._news = asyncio.Event()

    async def play(self) -> None:
        """The whole story."""
        with tempfile.TemporaryDirectory(prefix="sipclient-demo-") as folder:
            async with AsyncExitStack() as stack:
                await self._set_up(stack, folder)
                await self._talk()
                await self._until(lambda: bool(self._of(told.CallOver)))
                await asyncio.sleep(0.2)  # a second call would come now
                self._ladder.say("The robot leaves")

    async def _set_up(self, stack: AsyncExitStack, folder: str) -> None:
        lab = LabServer(
            self._users.values(),
            (Queue("7000", ("2001",)),),
            on_receive=self._received,
            on_send=self._sent,
        )
        await stack.enter_async_context(lab)
        stack.callback(self._count_failures, lab)
        text = ROBOT_TOML.format(server=lab.server("udp"), password=self._users["robot"].password)
        shown = text.replace(self._users["robot"].password, "...")
        self._console.print("The robot.toml, as the robot reads it:\n", style="bold")
        self._console.print(shown, markup=False, soft_wrap=True)
        self._ladder.head()
        self._ladder.say("The phones register")
        self._phones = {
            "1001": Phone(self._users["1001"], lab.server("udp")),
            "1002": Phone(self._users["1002"], lab.server("tcp"), answer_after=0.2),
            "2001": Phone(self._users["2001"], lab.server("udp"), answer_after=0.4, talk_for=TALK),
        }
        self._seen = self._phones["2001"].seen
        for phone in self._phones.values():
            await stack.enter_async_context(phone)
        self._ladder.say("The robot registers, and watches 1001")
        path = os.path.join(folder, "robot.toml")
        with open(path, "w", encoding="utf-8") as file:  # noqa: ASYNC230  # ten lines, before anything runs
            file.write(text)
        config = load_file(path)
        store = await stack.enter_async_context(open_store(store_url(config, folder)))
        hooks = await load_hooks(config, folder)
        await stack.enter_async_context(Robot(config, store=store, tell=self._tell, hooks=hooks, folder=folder))
        await self._until(lambda: "ready" in self._states() and self._subscriptions >= 2)

    async def _talk(self) -> None:
        self._ladder.say("1001 calls 1002, they talk, 1001 hangs up")
        async with self._phones["1001"].dial("1002") as call:
            await self._until(lambda: "on-the-phone" in self._states())
            with suppress(TimeoutError):
                async with asyncio.timeout(TALK):
                    await call.ended()
        self._ladder.say("1001 is ready again: the robot calls the queue")

    # --- what was seen ------------------------------------------------------------------------------

    def checks(self) -> list[Check]:
        """What was to be proven, and whether it was."""
        states = " -> ".join(self._states())
        placed = self._of(told.CallPlaced)
        seen = self._seen[0] if self._seen else None
        shown = f'"{seen.name}" <{seen.number}>' if seen else "no call"
        over = self._of(told.CallOver)
        return [
            Check("the robot registered, challenged by digest", bool(self._of(told.AccountRegistered))),
            Check("it subscribed to presence and dialog of 1001", self._subscriptions >= 2),
            Check("it saw 1001 go on the phone and become ready", "on-the-phone -> ready" in states, states),
            Check("it placed exactly one call to 7000", len(placed) == 1 == len(self._invites), f"{len(placed)}"),
            Check(f'the agent\'s phone showed "{NAME}" <{NUMBER}>', shown == f'"{NAME}" <{NUMBER}>', shown),
            Check(
                f"the agent's phone got {HEADER}: {NUMBER}",
                seen is not None and seen.header(HEADER) == NUMBER,
                seen.header(HEADER) if seen else "no call",
            ),
            Check(
                "the agent answered, and the call ended cleanly",
                len(over) == 1 and over[0].answered and over[0].cause == "NORMAL_CLEARING",
                over[0].cause if over else "no call",
            ),
            Check("nothing went wrong inside the PBX", self._failures == 0),
        ]

    def _of(self, kind: type[Told]) -> list[Any]:
        return [each for each in self._told if isinstance(each, kind)]

    def _states(self) -> list[str]:
        return [each.after for each in self._of(told.StateChanged) if each.extension == "1001"]

    def _count_failures(self, lab: LabServer) -> None:
        self._failures = lab.failures

    async def _until(self, so: Callable[[], bool]) -> None:
        while not so():
            self._news.clear()
            await self._news.wait()

    def _tell(self, news: Told) -> None:
        self._told.append(news)
        self._news.set()

    # --- the wire -----------------------------------------------------------------------------------

    def _received(self, item: Input) -> None:
        if isinstance(item, Packet):
            self._draw(item.data, item.flow, sent=False)

    def _sent(self, item: Send) -> None:
        self._draw(item.data, item.flow, sent=True)

    def _draw(self, data: bytes, flow: Flow, *, sent: bool) -> None:
        arrow = self._tap.hear(data, flow, self._loop.time(), sent=sent)
        if arrow is None:
            return
        self._news.set()
        self._ladder.draw(arrow)
        if (arrow.source, arrow.label) == ("robot", "SUBSCRIBE") and arrow.detail != "ends":
            self._subscriptions += 1
        if arrow.source == "robot" and arrow.label.startswith("INVITE "):
            self._invites.add(arrow.label + str(arrow.at))
