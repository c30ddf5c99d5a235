"""The asyncio side of the engine's effects: Send, Connect, Resolve and CloseFlow in, inputs out."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable, Coroutine, Iterable
from typing import TypeAlias

from sipclient.errors import ListenFailed
from sipclient.protocol.account import Account
from sipclient.protocol.events import (
    CloseFlow,
    Connect,
    ConnectFailed,
    FlowOpened,
    Input,
    Resolve,
    Resolved,
    Send,
    Target,
    Traced,
)
from sipclient.transport import words
from sipclient.transport.addresses import WILDCARDS, canonical, family_of, is_numeric, parse_bind, shown
from sipclient.transport.connecting import SECURE, CannotConnect
from sipclient.transport.datagrams import Datagrams
from sipclient.transport.dns import Resolver, Resolving
from sipclient.transport.limits import DEFAULT, Limits
from sipclient.transport.streams import Streams
from sipclient.transport.whereabouts import Whereabouts

Work: TypeAlias = Send | Connect | Resolve | CloseFlow

_SPOKEN = ("udp", "tcp", "tls", "ws", "wss")
_LISTEN_NAMES = {"": "0.0.0.0", "localhost": "127.0.0.1"}


class Network:
    """All sockets of a user agent, all its tasks, and their end.

    `deliver` takes inputs in the order in which they happened, in batches; it is never called from within
    `perform`, nor once `close` was called. `accounts` gives the account of a key, and raises KeyError where
    there is none. `trace` hears what a user should know and no input tells. Needs a running loop.
    """

    def __init__(
        self,
        deliver: Callable[[list[Input]], None],
        accounts: Callable[[str], Account],
        *,
        limits: Limits = DEFAULT,
        resolver: Resolving | None = None,
        trace: Callable[[Traced], None] | None = None,
        log: logging.Logger | None = None,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._deliver_to = deliver
        self._accounts = accounts
        self._resolver = resolver or Resolver(limits=limits)
        self._trace = trace
        self._log = log or logging.getLogger("sipclient.transport")
        self._datagrams = Datagrams(self._deliver, self._report, limits)
        self._streams = Streams(self._deliver, self._report, limits)
        self._whereabouts = Whereabouts(self._report, limits.look_around)
        self._pending: list[Input] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._warned: set[str] = set()
        self._closed = False

    def perform(self, effect: Work) -> None:
        """Begin the work at once. Never blocks, and trouble comes back as an input."""
        if self._closed:
            return
        if isinstance(effect, Send):
            if effect.flow.transport == "udp":
                self._datagrams.send(effect)
            else:
                self._streams.send(effect)
        elif isinstance(effect, Connect):
            self._connect(effect)
        elif isinstance(effect, Resolve):
            self._spawn(self._resolve(effect))
        else:
            self._streams.close_flow(effect)

    async def listen(
        self,
        transport: str,
        host: str,
        port: int,
        *,
        tls: ssl.SSLContext | None = None,
        origins: Iterable[str] = (),
    ) -> tuple[str, int]:
        """Take datagrams or connections at an IP literal and port (0 for any); gives what was bound.

        `transport` is "udp", "tcp", "tls", "ws" or "wss"; "tls" and "wss" need a context (`tls.server_context`).
        `origins` are the pages whose browsers may open a WebSocket, "*" for any client. Raises ListenFailed.
        """
        address = _LISTEN_NAMES.get(host, host).strip("[]")
        where = f"{transport}:{shown(address, port)}"
        if not is_numeric(address):
            raise ListenFailed(f"cannot listen on {where}: {host!r} is not an IP address")
        if transport not in _SPOKEN:
            raise ListenFailed(f"cannot listen on {where}: this version speaks {', '.join(_SPOKEN)}")
        if (transport in SECURE) != (tls is not None):
            raise ListenFailed(f"cannot listen on {where}: a certificate goes with tls and wss, and only with them")
        address = canonical(address)
        try:
            if transport == "udp":
                udp = self._datagrams.bind(address, port)
                return udp.host, udp.port
            listener = self._streams.listen(transport, address, port, tls, origins)
        except CannotConnect as error:
            raise ListenFailed(f"cannot listen on {where}: {error}") from None
        except OSError as error:
            raise ListenFailed(f"cannot listen on {where}: {words.of_error(error)}") from None
        return listener.host, listener.port

    def sweep(self, now: float) -> None:
        """Close connections that keep us waiting, `now` in the loop's seconds. Done every second anyway."""
        self._streams.sweep(now)

    async def close(self) -> None:
        """Let what was written leave (for a moment), then close every socket and await every task."""
        if self._closed:
            return
        self._closed = True
        self._pending.clear()
        self._whereabouts.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._datagrams.close()
        await self._streams.close()

    # --- the work -----------------------------------------------------------------------------------

    def _connect(self, effect: Connect) -> None:
        target = effect.target
        try:
            account = self._accounts(effect.account)
        except KeyError:
            self._report(ConnectFailed(effect.request, f"there is no account {effect.account}"))
            return
        if target.transport not in _SPOKEN:
            reason = f"this version does not speak {target.transport}: use {', '.join(_SPOKEN)}"
        elif not is_numeric(target.host) or not 0 < target.port <= 65535:
            reason = f"{shown(target.host, target.port)} is not an address and port"
        elif target.transport == "udp":
            self._connect_udp(effect, account)
            return
        else:
            if target.transport in SECURE and not account.tls_verify:
                self._warn_unverified(account)
            if not self._streams.joins(effect):
                self._spawn(self._streams.open(effect, account))
            return
        self._report(ConnectFailed(effect.request, reason))

    def _connect_udp(self, effect: Connect, account: Account) -> None:
        try:
            self._report(FlowOpened(effect.request, self._datagrams.flow_to(effect.target, account.local)))
        except CannotConnect as error:
            self._report(ConnectFailed(effect.request, str(error)))

    async def _resolve(self, effect: Resolve) -> None:
        targets: tuple[Target, ...] = ()
        reason = f"{effect.server} could not be looked up"
        try:
            targets, reason = await self._resolver.resolve(effect.server, self._family(effect.account))
        finally:  # the engine gets its answer even where a resolver has a bug, which `_finished` then shows
            self._report(Resolved(effect.request, targets, reason))

    def _family(self, key: str) -> socket.AddressFamily | None:
        """The family an account is bound to; None where it may use both."""
        try:
            host, _ = parse_bind(self._accounts(key).local)
        except (KeyError, ValueError):
            return None
        return None if host in WILDCARDS else family_of(host)

    def _warn_unverified(self, account: Account) -> None:
        if account.key in self._warned:
            return
        self._warned.add(account.key)
        text = (
            f"tls_verify = false: the certificate of {account.server or account.address} is NOT checked; "
            "whoever stands in between can read and change everything"
        )
        self._log.warning("account %s: %s", account.key, text)
        if self._trace is not None:
            self._trace(Traced(text, account.key))

    # --- inputs and tasks ---------------------------------------------------------------------------

    def _deliver(self, inputs: list[Input]) -> None:
        """Hand inputs on, behind whatever was reported before them."""
        if self._closed:
            return
        if self._pending:
            inputs, self._pending = self._pending + inputs, []
        self._deliver_to(inputs)

    def _report(self, item: Input) -> None:
        """Hand an input on soon: whoever caused it is still at work."""
        if self._closed:
            return
        if isinstance(item, FlowOpened):
            self._whereabouts.note(item.flow)
        if not self._pending:
            self._loop.call_soon(self._flush)
        self._pending.append(item)

    def _flush(self) -> None:
        if self._pending:
            self._deliver([])

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._log.error("a bug in sipclient.transport, please report it", exc_info=error)
