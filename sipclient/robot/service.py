"""The robot as a process: its start, its signals, its end."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
from collections.abc import Callable, Coroutine, Iterable
from importlib.util import find_spec
from typing import Any

from sipclient.config import Config
from sipclient.errors import ListenFailed, SipError
from sipclient.protocol.account import Account
from sipclient.robot import told
from sipclient.robot.accounts import accounts_of
from sipclient.robot.files import check_file, folder_of, load_file, store_url
from sipclient.robot.hooks import Hooks, load_hooks
from sipclient.robot.journal import Journal, LibraryLog
from sipclient.robot.robot import Robot
from sipclient.store import open_store
from sipclient.transport.addresses import family_of, parse_bind, shown, socket_address

GRACE = 4.8  # seconds from the signal to the end, whatever hangs


def run(path: str, journal: Journal) -> None:
    """Run the robot of a robot.toml until it is told to stop; raises SipError where it cannot start.

    SIGTERM and SIGINT stop it within 5 seconds, a second one at once; SIGHUP reads the file again.
    """
    handler = LibraryLog(journal)
    loggers = [logging.getLogger(name) for name in ("sipclient", "asyncio")]
    for logger in loggers:
        logger.addHandler(handler)
        logger.propagate = False
    try:
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            runner.run(serve(path, journal))
    finally:
        for logger in loggers:
            logger.removeHandler(handler)
            logger.propagate = True
        journal.flush()


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop's where it is installed (`pip install sipclient[fast]`); None: asyncio's own."""
    if find_spec("uvloop") is None:
        return None
    import uvloop  # only where it is there, and only by whoever runs a loop

    return uvloop.new_event_loop


async def serve(path: str, journal: Journal) -> None:
    """What `run` does, in a loop that runs already."""
    folder = folder_of(path)
    config, hooks = await _prepare(path, folder)
    check_ports(accounts_of(config, folder).values())
    url = store_url(config, folder)
    signals = Signals(journal)
    verbose = journal.verbosity > 0
    async with open_store(url) as store:
        robot = Robot(
            config,
            store=store,
            tell=journal.tell,
            hooks=hooks,
            folder=folder,
            on_send=journal.sent if verbose else None,
            on_receive=journal.received if verbose else None,
        )
        with signals:
            async with robot:
                _tell_findings(path, journal)
                while await signals.reload_wanted():
                    await signals.unless_stopped(_reload(robot, path, folder, url, journal))
    journal.tell(told.Stopped())


async def _prepare(path: str, folder: str) -> tuple[Config, Hooks]:
    config = load_file(path)
    return config, await load_hooks(config, folder)


async def _reload(robot: Robot, path: str, folder: str, url: str, journal: Journal) -> None:
    try:
        config, hooks = await _prepare(path, folder)
        await robot.reload(config, hooks)
    except SipError as error:
        journal.tell(told.NotReloaded(str(error)))
        return
    _tell_findings(path, journal)
    if store_url(config, folder) != url:
        journal.tell(told.Notice("warning", "[store] url has changed: that needs a restart"))


def _tell_findings(path: str, journal: Journal) -> None:
    """What `check` warns of, whoever did not ask it."""
    try:
        findings = check_file(path)
    except SipError as error:  # it has changed since it was loaded, a moment ago
        journal.tell(told.Notice("warning", str(error)))
        return
    for finding in findings:
        if finding.severity != "error":
            level = "warning" if finding.severity == "warning" else "info"
            journal.tell(told.Notice(level, f"{finding.file}:{finding.line}: {finding.message}"))


def check_ports(accounts: Iterable[Account]) -> None:
    """Whether the UDP ports that accounts ask for by number are free; raises ListenFailed."""
    wanted = {account.local: account.key for account in accounts if not account.server.startswith(("tcp:", "tls:"))}
    for local, name in wanted.items():
        try:
            host, port = parse_bind(local)
        except ValueError as error:
            raise ListenFailed(f"account {name}: {error}") from error
        host = host or "0.0.0.0"
        with socket.socket(family_of(host), socket.SOCK_DGRAM) as probe:
            try:
                probe.bind(socket_address(host, port))
            except OSError as error:
                raise ListenFailed(
                    f"account {name}: {shown(host, port)}/udp cannot be used: {error.strerror}"
                ) from error


class Signals:
    """What the process is told from outside."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        self._heard = asyncio.Event()
        self._reload = False

    def __enter__(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self._stopped_by, number)
        self._loop.add_signal_handler(signal.SIGHUP, self._reload_by_signal)

    def __exit__(self, *_: object) -> None:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            self._loop.remove_signal_handler(number)

    async def reload_wanted(self) -> bool:
        """Wait for a signal: True for one to reload, False for one to stop."""
        await self._heard.wait()
        self._heard.clear()
        reload, self._reload = self._reload, False
        return reload and not self._stop.is_set()

    async def unless_stopped(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something, but no further than to a signal to stop."""
        task, stop = self._loop.create_task(work), self._loop.create_task(self._stop.wait())
        try:
            await asyncio.wait((task, stop), return_when=asyncio.FIRST_COMPLETED)
        finally:
            stop.cancel()
            task.cancel()
            await asyncio.wait((task, stop))
        if not task.cancelled():
            task.result()

    def _stopped_by(self, number: signal.Signals) -> None:
        if self._stop.is_set():
            self._journal.flush()
            os._exit(128 + number)  # asked twice: whatever still hangs is not waited for
        self._journal.tell(told.Stopping(signal.Signals(number).name))
        self._stop.set()
        self._heard.set()
        self._loop.call_later(GRACE, self._give_up)

    def _reload_by_signal(self) -> None:
        self._reload = True
        self._heard.set()

    def _give_up(self) -> None:
        self._journal.tell(told.Notice("error", f"not done after {GRACE:g} s, leaving as it is"))
        self._journal.flush()
        os._exit(1)
