"""`sipclient watch EXT...`: a live table on a terminal, plain lines elsewhere."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import partial
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from sipclient.cli.loop import INTERRUPTED
from sipclient.cli.loop import run as run_loop
from sipclient.cli.options import (
    AccountName,
    Address,
    Caller,
    ConfigFile,
    Register,
    Server,
    caller,
    typed,
)
from sipclient.cli.outlook import Outlook
from sipclient.cli.patience import Patience
from sipclient.client import Client
from sipclient.config import Pattern
from sipclient.errors import InvalidValue, WatchFailed
from sipclient.presence import State
from sipclient.protocol.account import Account
from sipclient.protocol.events import Event, ExtensionChanged, Watch, WatchProblem

# Told apart by shape and word, for whoever sees no colours.
SHAPES = {
    State.READY: ("●", "green"),
    State.RINGING: ("◐", "yellow"),
    State.ON_THE_PHONE: ("■", "red"),
    State.ON_HOLD: ("‖", "magenta"),
    State.OFFLINE: ("○", "bright_black"),
    State.UNKNOWN: ("?", "bright_black"),
}
WIDE, NARROW = 60, 40  # characters of a terminal that has room for all columns, for all but one
PER_SECOND = 4
PACKAGES = ("presence", "dialog")
GATHER = 0.1  # seconds in which the refusals of an extension's packages become one line


class Row(msgspec.Struct):
    """What is shown of one extension."""

    state: State = State.UNKNOWN
    since: datetime | None = None
    last: str = ""


def watch(
    extensions: Annotated[
        list[str] | None, typer.Argument(metavar="EXT...", help="1001, 2000-2009, sip:boss@host. Default: the file's.")
    ] = None,
    config: ConfigFile = "",
    account: AccountName = "",
    address: Address = "",
    server: Server = "",
    register: Register = False,
) -> None:
    """Show states until Ctrl-C. Status 1: nothing can be seen, and the reason is said."""
    who = caller(config, account, address, server, register)
    wanted = dict(_wanted(who, extensions or []))
    if not wanted:
        raise InvalidValue("no extension to watch: name some, such as 1001 2000-2009")
    status = run_loop(_watch(who.account, wanted))
    # To watch until interrupted is what was asked for.
    raise typer.Exit(0 if status == INTERRUPTED else status)


async def _watch(account: Account, wanted: Mapping[str, tuple[str, ...]]) -> int:
    """Until interrupted. Raises WatchFailed where nothing can be seen."""
    rows = {extension: Row() for extension in wanted}
    console = Console()
    screen: Screen = LiveTable(rows, console) if console.is_terminal else Lines()
    loop = asyncio.get_running_loop()
    nothing_to_see: asyncio.Future[None] = loop.create_future()
    outlook = Outlook(wanted, partial(loop.call_later, GATHER), screen.trouble)
    news = Patience(account, screen.waiting)

    def hear(event: Event) -> None:
        news.hear(event)
        if isinstance(event, ExtensionChanged):
            outlook.changed(event)
            row = rows[event.extension]
            row.state, row.since = event.after, datetime.now().astimezone()
            row.last = f"{event.before} -> {event.after}"
            screen.changed(event)
        elif isinstance(event, WatchProblem):
            outlook.problem(event)
            if outlook.hopeless and not nothing_to_see.done():
                nothing_to_see.set_result(None)

    with screen, news:
        async with Client(account, on_event=hear) as client:
            for extension, packages in wanted.items():
                client.do(Watch(client.next_id(), client.account().key, extension, packages))
            await nothing_to_see
    raise WatchFailed(outlook.verdict())


class Lines:
    """One line for each change; what is wrong goes to stderr."""

    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...

    def changed(self, change: ExtensionChanged) -> None:
        """A change."""
        print(f"{_now()} {change.extension} {change.after} (was {change.before})", flush=True)

    def trouble(self, extension: str, text: str) -> None:
        """What is refused or lost."""
        print(f"{_now()} {extension} {text}", file=sys.stderr, flush=True)

    def waiting(self, text: str) -> None:
        """Nothing has come yet."""
        print(f"{_now()} {text}", file=sys.stderr, flush=True)


class LiveTable:
    """The table, drawn anew where something changed."""

    def __init__(self, rows: dict[str, Row], console: Console) -> None:
        self._rows = rows
        self._console = console
        self._live = Live(console=console, auto_refresh=False, transient=False, get_renderable=self._table)
        self._drawn = False

    def __enter__(self) -> None:
        self._live.start(refresh=True)

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def changed(self, change: ExtensionChanged) -> None:
        """A change."""
        self._draw_soon()

    def trouble(self, extension: str, text: str) -> None:
        """What is refused or lost, told in the row."""
        self._rows[extension].last = f"{datetime.now().astimezone():%H:%M:%S} {text}"
        self._draw_soon()

    def waiting(self, text: str) -> None:
        """Nothing has come yet: told in each row."""
        for extension in self._rows:
            self.trouble(extension, text)

    def _draw_soon(self) -> None:
        """Many changes at once are drawn once."""
        if not self._drawn:
            self._drawn = True
            asyncio.get_running_loop().call_later(1 / PER_SECOND, self._draw)

    def _draw(self) -> None:
        self._drawn = False
        if self._live.is_started:
            self._live.refresh()

    def _table(self) -> Table:
        return table_of(self._rows, self._console)


Screen = Lines | LiveTable


def table_of(rows: dict[str, Row], console: Console) -> Table:
    """The table as it is now, with so many columns as the terminal has room for."""
    shapes = console.encoding.lower().startswith("utf")
    headings = ["extension", "state", "since", "last change"]
    if console.width < WIDE:
        headings.remove("since")
    if console.width < NARROW:
        headings.remove("last change")
    table = Table(title="extensions", title_justify="left")
    for heading in headings:
        table.add_column(heading, no_wrap=heading != "last change")
    for extension, row in rows.items():
        shape, colour = SHAPES[row.state]
        cells = {
            "extension": Text(extension),
            "state": Text(f"{shape} {row.state}" if shapes else str(row.state), style=colour),
            "since": Text(row.since.strftime("%H:%M:%S") if row.since is not None else ""),
            "last change": Text(row.last),
        }
        table.add_row(*(cells[heading] for heading in headings))
    return table


def _now() -> str:
    return datetime.now().astimezone().isoformat(timespec="seconds")


def _wanted(who: Caller, texts: list[str]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The extensions, or those of the file; each with the event packages that the file says for it."""
    packages: dict[str, tuple[str, ...]] = {}
    for watch in who.config.watch if who.config is not None else ():
        if watch.account == who.account.key:
            for extension in watch.expand():
                packages.setdefault(extension, tuple(map(str, watch.events)))  # the first counts, as for `run`
    named = [each for text in texts for each in typed("EXT", lambda value: Pattern.from_toml(value).expand(), text)]
    for extension in named or packages:
        yield extension, packages.get(extension, PACKAGES)
