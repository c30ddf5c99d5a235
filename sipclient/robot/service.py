"""The robot as a process: its start, its signals, its end."""

from __future__ import annotations

import asyncio
import gc
import logging
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager, nullcontext
from importlib.util import find_spec
from typing import Any, NamedTuple

from sipclient.config import Config, Finding
from sipclient.errors import ListenFailed, SipError
from sipclient.protocol.account import Account
from sipclient.robot import told
from sipclient.robot.accounts import accounts_of
from sipclient.robot.files import check_file, folder_of, load_file, store_url, text_of
from sipclient.robot.hooks import Hooks, described, load_hooks
from sipclient.robot.journal import Journal, LibraryLog
from sipclient.robot.mirror import Mirror
from sipclient.robot.observer import Observer
from sipclient.robot.outlets import NO_OUTLETS, Front, OpenPosts, Outlets, Posts
from sipclient.robot.robot import Robot, both, utc_now
from sipclient.robot.signals import Signals
from sipclient.robot.tape import Tape
from sipclient.robot.threads import in_thread
from sipclient.robot.told import Told
from sipclient.robot.trace_dir import taped
from sipclient.store import Store, open_store
from sipclient.transport.addresses import family_of, parse_bind, shown, socket_address

LOADING = 30.0  # seconds that reading robot.toml and running the hook files may take
YOUNG = 10_000  # objects made since, before the garbage collector looks at them; Python's own is 700
_STREAMS = ("tcp:", "tls:", "ws:", "wss:")


def run(path: str, journal: Journal, traces: str = "", outlets: Outlets = NO_OUTLETS) -> None:
    """Run the robot of a robot.toml until it is told to stop; raises SipError where it cannot start.

    `traces` is a folder in which its journal is kept, for a replay (see TraceDir).

    SIGTERM and SIGINT stop it within 5 seconds whatever a hook does, a second one at once; SIGHUP reads the file again.
    """
    handler = LibraryLog(journal)
    loggers = [logging.getLogger(name) for name in ("sipclient", "asyncio", "uvicorn")]
    for logger in loggers:
        logger.addHandler(handler)
        logger.propagate = False
    try:
        with Signals(journal.tell) as signals, asyncio.Runner(loop_factory=loop_factory()) as runner:
            _drive(runner.get_loop(), serve(path, journal, signals, traces, outlets), journal)
    finally:
        for logger in loggers:
            logger.removeHandler(handler)
            logger.propagate = True
        journal.flush()


def _drive(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, None], journal: Journal) -> None:
    """Run the work to its end, whoever stops the loop on the way: the end of the robot is a signal's to say.

    A loop lets SystemExit and KeyboardInterrupt through, also out of a task or a callback that a hook began.
    """
    main = loop.create_task(work)
    while not main.done():
        try:
            loop.run_until_complete(main)
        except (SystemExit, KeyboardInterrupt, RuntimeError) as error:
            if main.done():
                break
            journal.tell(told.Notice("error", f"a hook tried to end the robot ({described(error)}): it goes on"))
    main.result()


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop's where it is installed (`pip install sipclient[fast]`); None: asyncio's own."""
    if find_spec("uvloop") is None:
        return None
    import uvloop  # only where it is there, and only by whoever runs a loop

    return uvloop.new_event_loop


async def serve(path: str, journal: Journal, signals: Signals, traces: str = "", outlets: Outlets = NO_OUTLETS) -> None:
    """What `run` does, in a loop that runs already."""
    signals.attach()
    folder = folder_of(path)
    prepared = await signals.unless_stopped(_prepare(path, folder))
    if prepared is not None:
        web = prepared.config.web
        async with _spanning(prepared.config, journal) as spans:
            front = outlets.front(web, folder) if web is not None else None
            try:
                await _serve(path, folder, prepared, journal, signals, traces, front, outlets.posts, spans)
            finally:
                if front is not None:
                    await front.closed()
            signals.left()  # whatever the collector of spans does now
    signals.left()
    journal.tell(told.Stopped())


async def _serve(
    path: str,
    folder: str,
    prepared: Prepared,
    journal: Journal,
    signals: Signals,
    traces: str,
    front: Front | None,
    open_posts: OpenPosts,
    spans: tuple[Observer, ...],
) -> None:
    config = prepared.config
    check_ports(accounts_of(config, folder).values())
    url = store_url(config, folder)
    verbose = journal.verbosity > 0
    with taped(traces, prepared.text, lambda text: journal.tell(told.Notice("error", text))) as tape:
        async with (
            open_store(url) as store,
            _mirroring(config, journal) as mirror,
            _posts(config, store, open_posts, lambda news: robot.tell(news)) as posts,
        ):
            robot = Robot(
                config,
                store=store,
                tell=both(journal.tell, posts.hear if posts is not None else None),
                hooks=prepared.hooks,
                folder=folder,
                tape=tape,
                observers=(*spans, *(front.observers if front is not None else ())),
                mirror=mirror,
                on_send=journal.sent if verbose else None,
                on_receive=journal.received if verbose else None,
            )
            signals.unfinished = robot.unfinished
            if posts is not None:
                await posts.begin()
            async with robot:
                with front.serving(robot) if front is not None else nullcontext():
                    spare_the_collector()
                    _tell_findings(prepared.findings, robot)
                    for end in posts.owed() if posts is not None else ():
                        robot.tell(end)
                    while await signals.reload_wanted():
                        await signals.unless_stopped(_reload(robot, path, folder, url, tape, posts))


@asynccontextmanager
async def _posts(
    config: Config, store: Store, open_posts: OpenPosts, tell: Callable[[Told], None]
) -> AsyncIterator[Posts | None]:
    """Who brings events to the webhooks of the file, until the robot has left; None where there are none."""
    if not config.webhooks:
        yield None
        return
    posts = open_posts(config.webhooks, store.outbox, tell)
    try:
        yield posts
    finally:
        await posts.aclose()


@asynccontextmanager
async def _mirroring(config: Config, journal: Journal) -> AsyncIterator[Mirror | None]:
    if config.hep is None:
        yield None
        return
    async with Mirror(config.hep, utc_now, lambda text: journal.tell(told.Notice("warning", text))) as mirror:
        yield mirror


@asynccontextmanager
async def _spanning(config: Config, journal: Journal) -> AsyncIterator[tuple[Observer, ...]]:
    if config.otel is None:
        yield ()
        return
    from sipclient.robot.spans import exported  # an extra, and slow to load: only for whoever asks for it

    async with exported(config.otel, lambda text: journal.tell(told.Notice("warning", text))) as spans:
        yield (spans,)


def spare_the_collector() -> None:
    """What is there after the start stays: the garbage collector need not walk it again and again.

    And it looks less often at what is young: of that nearly nothing is in cycles, and what a finished transaction
    holds lives for its last timer's 32 seconds anyway. Together 4 % of the CPU of a transition. This is the process's
    affair, so it is done here and not in the library.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, 10, 10)


class Prepared(NamedTuple):
    """A robot.toml that can be run."""

    config: Config
    findings: list[Finding]
    hooks: Hooks
    text: str  # the file as it was read


async def _prepare(path: str, folder: str) -> Prepared:
    # In a thread: a file may lie on a disk that is asleep, and the calls go on meanwhile.
    config, findings, text = await in_thread(lambda: (load_file(path), check_file(path), text_of(path)), LOADING, path)
    return Prepared(config, findings, await load_hooks(config, folder, LOADING), text)


async def _reload(robot: Robot, path: str, folder: str, url: str, tape: Tape | None, posts: Posts | None) -> None:
    try:
        prepared = await _prepare(path, folder)
        if tape is not None:
            tape.reread(prepared.text)
        await robot.reload(prepared.config, prepared.hooks)
    except SipError as error:
        robot.tell(told.NotReloaded(str(error)))
        return
    _tell_findings(prepared.findings, robot)
    if posts is not None:
        posts.adopt(prepared.config.webhooks)
    elif prepared.config.webhooks:
        robot.tell(told.Notice("warning", "there are [[webhooks]] now: that needs a restart"))
    if store_url(prepared.config, folder) != url:
        robot.tell(told.Notice("warning", "[store] url has changed: that needs a restart"))


def _tell_findings(findings: list[Finding], robot: Robot) -> None:
    """What `check` warns of, whoever did not ask it."""
    warnings = [f"{each.file}:{each.line}: {each.message}" for each in findings if each.severity == "warning"]
    if robot.views is not None:
        robot.views.findings = warnings
    for text in warnings:
        robot.tell(told.Notice("warning", text))


def check_ports(accounts: Iterable[Account]) -> None:
    """Whether the UDP ports that accounts ask for by number are free; raises ListenFailed."""
    wanted = {account.local: account.key for account in accounts if not account.server.startswith(_STREAMS)}
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
