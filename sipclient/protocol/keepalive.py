"""Is the server still there? CRLF on streams (RFC 5626 §4.4.1), OPTIONS on UDP; silence is a loss."""

from __future__ import annotations

from collections.abc import Callable

from sipclient.message import Response
from sipclient.protocol.build import Draft, host_port
from sipclient.protocol.events import CloseFlow, Flow
from sipclient.protocol.exchange import Exchange, Stack
from sipclient.protocol.line import Line
from sipclient.protocol.timers import Timer

PING, PONG = b"\r\n\r\n", b"\r\n"
PONG_WAIT = 10.0  # seconds, RFC 5626 §4.4.1
OFTENEST = 5.0  # seconds between two questions, whatever the server asks for
ANSWER_WAIT = 8.0  # seconds an OPTIONS may stay unanswered: five retransmissions
AWAY = (408, 502, 503)  # the answers of a proxy whose PBX is away


class Keepalive:
    """Asks at every interval, and tells `on_silent` when no answer comes."""

    __slots__ = (
        "_call_id", "_cseq", "_exchange", "_interval", "_line", "_on_back", "_on_silent", "_pongs", "_quiet", "_stack",
        "_tag", "_timer", "_wait",
    )  # fmt: skip

    def __init__(self, stack: Stack, line: Line, on_silent: Callable[[str], None], on_back: Callable[[], None]) -> None:
        self._stack = stack
        self._line = line
        self._interval = line.account.keepalive
        self._on_silent = on_silent
        self._on_back = on_back  # an answer after silence; a registration has its own way to learn that
        self._quiet = False
        self._call_id = stack.core.ids.token("call-id")
        self._tag = stack.core.ids.token("tag")
        self._cseq = 0
        self._pongs: Flow | None = None  # the stream whose far end is known to answer pings
        self._exchange: Exchange | None = None
        self._timer: Timer | None = None
        self._wait: Timer | None = None

    def start(self) -> None:
        """Ask from now on; or the server took us again."""
        self._quiet = False
        if self._interval > 0 and self._timer is None:
            self._again()

    def stop(self) -> None:
        """Ask no more."""
        self._stack.core.timers.stop(self._timer)
        self._stack.core.timers.stop(self._wait)
        self._timer = self._wait = self._exchange = None

    def turn(self) -> None:
        """The server is reached another way: what was asked on the old one counts no more."""
        self._settle()

    def pong(self, flow: Flow) -> None:
        """CRLF came on a stream: its far end answers pings."""
        if flow == self._line.flow:
            self._pongs = flow
            self._answered()

    def _again(self) -> None:
        core, interval = self._stack.core, self._interval
        if self._line.flow_timer:
            interval = min(interval, max(self._line.flow_timer, OFTENEST))
        wait = core.ids.spread("keepalive", 0.8, 1.0) * interval  # RFC 5626 §4.4.1: 80 to 100 %
        self._timer = core.timers.start(core.now + wait, self._ask)

    def _ask(self, _: object) -> None:
        core, flow = self._stack.core, self._line.flow
        self._again()
        if self._wait is not None or (self._quiet and self._line.account.register):
            return  # asked already; or the registration is on its way to find the server again
        stream = flow is not None and flow.reliable
        if flow is not None and stream:
            core.send(flow, PING)
        if not stream or self._pongs != flow:
            self._options()
        patience = PONG_WAIT if stream else ANSWER_WAIT
        self._wait = core.timers.start(core.now + patience, self._silent)

    def _options(self) -> None:
        line = self._line
        draft = options(line, self._tag, self._call_id)
        self._exchange = Exchange(self._stack, line, draft, self, self._next_cseq).start(line.flow)

    def _next_cseq(self) -> int:
        self._cseq += 1
        return self._cseq

    def on_provisional(self, exchange: Exchange, response: Response) -> None:
        """Any answer proves life."""
        self._answered()

    def on_final(self, exchange: Exchange, response: Response) -> None:
        """Any answer proves life, a refusal too."""
        if response.status in AWAY:
            self._lost(f"the server answers {response.status} {response.reason}")
        else:
            self._answered()

    def on_failed(self, exchange: Exchange, status: int, reason: str) -> None:
        """Refused by the network, or silent; a broken answer is one."""
        if status == 502:
            self._answered()
        elif exchange is self._exchange:
            self._lost(reason)

    def _answered(self) -> None:
        self._settle()
        if self._quiet:
            self._quiet = False
            self._on_back()

    def _settle(self) -> None:
        self._stack.core.timers.stop(self._wait)
        self._wait = self._exchange = None

    def _silent(self, _: object) -> None:
        self._lost("the server does not answer")

    def _lost(self, reason: str) -> None:
        if self._timer is None:
            return  # stopped; the account leaves by the way that is there
        flow = self._line.flow
        if flow is not None and flow.reliable:
            self._stack.core.emit(CloseFlow(flow))
        self._line.drop(reason)
        self.lost(reason)

    def lost(self, reason: str) -> None:
        """The way to the server broke, however that was found out: told once, until an answer comes again."""
        self._settle()
        if not self._quiet:
            self._quiet = self._interval > 0
            self._on_silent(reason)


class Probe:
    """One OPTIONS to a server that is not used at the moment; `then()` if it is alive."""

    __slots__ = ("_cseq", "_then")

    def __init__(self, stack: Stack, line: Line, flow: Flow, then: Callable[[], None]) -> None:
        ids = stack.core.ids
        self._then = then
        self._cseq = 0
        draft = options(line, ids.token("tag"), ids.token("call-id"))
        Exchange(stack, line, draft, self, self._next_cseq).start(flow)

    def _next_cseq(self) -> int:
        self._cseq += 1
        return self._cseq

    def on_provisional(self, exchange: Exchange, response: Response) -> None:
        """The final one tells."""

    def on_final(self, exchange: Exchange, response: Response) -> None:
        """Any answer proves life, a refusal too."""
        if response.status not in AWAY:
            self._then()

    def on_failed(self, exchange: Exchange, status: int, reason: str) -> None:
        """Not back yet."""


def options(line: Line, tag: str, call_id: str) -> Draft:
    """An OPTIONS to the account's domain (RFC 3261 §11.1)."""
    uri = f"{line.uri.scheme}:{host_port(line.uri.host, line.uri.port)}"
    return Draft("OPTIONS", uri, line.from_value(tag), f"<{uri}>", call_id)
