"""The transaction layer: four machines driven by their tables (RFC 3261 §17, RFC 6026)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final, Protocol, TypeAlias

from sipclient.message import Request, Response
from sipclient.protocol.core import Core
from sipclient.protocol.events import Flow
from sipclient.protocol.machines import ANSWERS, BEGIN, DOUBLING, OVER, WAITING, Place, Start
from sipclient.protocol.tables import A, E, S
from sipclient.protocol.timers import T1, T2, Timer
from sipclient.protocol.wellformed import skeleton

Key: TypeAlias = tuple[str, ...]
Acknowledge: TypeAlias = Callable[[str], bytes]  # the ACK of a final response but a 2xx, from the value of its To

# What every step asks for: a member of an enum is looked up at each use.
_SEND: Final = A.SEND
_PASS: Final = A.PASS
_COMPLETED: Final = S.COMPLETED
_ACCEPTED: Final = S.ACCEPTED


class ClientOwner(Protocol):
    """Who sent the request of a client transaction."""

    def on_response(self, transaction: ClientTransaction, response: Response) -> None:
        """A response the TU must see: provisional, final, and each 2xx to an INVITE."""

    def on_broken(self, transaction: ClientTransaction, response: Response, reason: str) -> None:
        """A 2xx to an INVITE that is malformed: `response` is what of it is readable, and it must be acknowledged."""

    def on_failure(self, transaction: ClientTransaction, status: int, reason: str) -> None:
        """No final response: 408 for a timeout, 503 for a transport error (RFC 3261 §8.1.3.1), 502 for a broken one."""


class ServerOwner(Protocol):
    """Who answers the request of a server transaction."""

    def on_ack(self, transaction: ServerTransaction, ack: Request) -> None:
        """The ACK of a 2xx that came with the INVITE's own branch."""

    def on_cancel(self, transaction: ServerTransaction, cancel: Request) -> None:
        """A CANCEL matched this transaction while it waits for a final response."""

    def on_failure(self, transaction: ServerTransaction, reason: str) -> None:
        """The way back to the peer broke while it waits for a final response (RFC 3261 §17.2.4)."""


class _Transaction:
    """What the four machines share: the table, the state, the timers."""

    __slots__ = ("data", "ends", "flow", "interval", "key", "kind", "last", "layer", "place", "repeat", "timer")

    def __init__(self, layer: Transactions, kind: str, key: Key, flow: Flow) -> None:
        self.layer = layer
        self.kind = kind
        self.place = BEGIN[kind]
        self.key = key
        self.flow = flow
        self.data = b""  # the request a client, the last response a server sends again
        self.interval = T1
        self.repeat: E | None = None  # A, E or G, while it runs
        self.last: E | None = None  # B, F, H, or one of those that only end
        self.ends = 0.0  # when the last one runs
        self.timer: Timer | None = None  # whichever comes first

    def __repr__(self) -> str:
        return f"<{self.kind} transaction {self.place.state} {' '.join(self.key)}>"

    def step(self, event: E, message: Request | Response | None = None, text: str = "") -> None:
        """Take the table's row for `event`, if it has one."""
        row = self.place.rows.get(event)
        if row is None:
            return
        after, actions = row
        if after is not self.place:
            self._enter(after)
        elif event in DOUBLING:
            self._again(event)
        for action in actions:
            if action is _SEND:  # what nearly all do
                self.layer.core.send(self.flow, self.data)
            else:
                self._act(action, message, text)

    def destroy(self) -> None:
        """End it while it still waits, without a word to its owner."""
        if self.place.state in WAITING:
            self._enter(OVER)

    def _event(self, status: int) -> E:
        return ANSWERS[self.kind][0 if status < 200 else 1 if status < 300 else 2]

    def _act(self, action: A, message: Request | Response | None, text: str) -> None:
        if action is A.RESEND:
            self.layer.core.send(self.flow, self.data)
        elif action is A.QUIET:
            self.layer.core.timers.stop(self.timer)
            self.repeat = None
            self._wait()

    def _enter(self, place: Place) -> None:
        layer = self.layer
        self.place = place
        if self.timer is not None:
            layer.core.timers.stop(self.timer)
            self.timer = self.repeat = None
        if place is OVER:
            layer.forget(self)
            return
        for start in place.unreliable if self.flow.transport == "udp" else place.reliable:
            if start.doubles:
                self.repeat = start.event
                self.interval = start.seconds
                if place.state is _COMPLETED:  # G: an answer that is repeated by itself
                    layer.depend(self)
            else:
                self.last = start.event
                self.ends = layer.core.now + start.seconds
                if start.ends:  # 0 runs at the end of the input that started it
                    layer.linger(self, start)
        if place.waits:
            self._wait()

    def _wait(self) -> None:
        """Until it sends again, or, where that comes first, until the end."""
        core = self.layer.core
        when = core.now + self.interval
        if self.repeat is None or when >= self.ends:
            self.timer = core.timers.start(self.ends, self._expired, self.last)
        else:
            self.timer = core.timers.start(when, self._expired, self.repeat)

    def _again(self, event: E) -> None:
        # Timer A doubles without bound (§17.1.1.2); E and G stop at T2 (§17.1.2.2, §17.2.1).
        self.interval = self.interval * 2 if event is E.A else min(self.interval * 2, T2)
        self._wait()

    def _expired(self, event: E) -> None:
        self.step(event)


class ClientTransaction(_Transaction):
    """A request of ours, until its final response (RFC 3261 §17.1)."""

    __slots__ = ("ack", "broken", "owner")

    def __init__(
        self, layer: Transactions, key: Key, flow: Flow, data: bytes, ack: Acknowledge, owner: ClientOwner
    ) -> None:
        invite = key[1] == "INVITE"
        super().__init__(layer, "INVITE client" if invite else "client", key, flow)
        self.data = data
        self.ack: Acknowledge | None = ack  # for an INVITE; few are refused, so it is not written before
        self.owner = owner
        self.broken = ""  # what is wrong with the 2xx being passed on, in words

    def start(self) -> None:
        """Send the request and start the timers."""
        self._enter(self.place)
        self.layer.core.send(self.flow, self.data)

    def spoil(self, response: Response, reason: str) -> None:
        """Its final response matched but is malformed: no better one will come.

        A 2xx to an INVITE made a dialog at the other end all the same, so it goes on as one (RFC 3261 §13.2.2.4).
        """
        readable = skeleton(response) if self.kind == "INVITE client" and response.status < 300 else None
        if readable is not None:
            self.broken = reason
            self.step(E.SUCCESS, readable)
            self.broken = ""
            return
        waits = self.place.state in WAITING
        self.destroy()
        if waits:
            self.owner.on_failure(self, 502, reason)

    def respond(self, response: Response) -> None:
        """A response matched this transaction."""
        self.step(self._event(response.status), response)
        state = self.place.state
        if state is _COMPLETED:
            # Only copies of the answer can come now, and an INVITE's are acknowledged: what was sent and who wanted
            # to know is let go, seconds before the last timer.
            self.data = b""
            self.owner = _NOBODY
        elif state is _ACCEPTED:
            self.data = b""
            self.ack = None

    def _act(self, action: A, message: Request | Response | None, text: str) -> None:
        if action is _PASS and isinstance(message, Response):
            if self.broken:
                self.owner.on_broken(self, message, self.broken)
            else:
                self.owner.on_response(self, message)
        elif action is A.ACK and self.ack is not None and isinstance(message, Response):
            self.layer.core.send(self.flow, self.ack(message.headers.get("To") or ""))
        elif action is A.TIMEOUT:
            self.owner.on_failure(self, 408, f"no answer within {64 * T1:.0f} seconds")
        elif action is A.FAIL:
            self.owner.on_failure(self, 503, text)
        else:
            super()._act(action, message, text)


class ServerTransaction(_Transaction):
    """A request of somebody else's, until our final response is delivered (RFC 3261 §17.2)."""

    __slots__ = ("merge_key", "owner")

    def __init__(self, layer: Transactions, key: Key, merge_key: Key | None, flow: Flow, method: str) -> None:
        invite = method == "INVITE"
        super().__init__(layer, "INVITE server" if invite else "server", key, flow)
        self.merge_key = merge_key  # of a request outside any dialog: no other can be merged
        self.owner: ServerOwner | None = None
        if invite:  # no other hears of a transport error
            layer.depend(self)

    @property
    def answered(self) -> bool:
        """Whether a final response left."""
        return self.place.state not in (S.TRYING, S.PROCEEDING)

    def respond(self, status: int, data: bytes) -> None:
        """Send our response, where the table has a row for it: a second final one has none."""
        event = self._event(status)
        if event in self.place.rows:
            self.data = data
            self.step(event)

    def _act(self, action: A, message: Request | Response | None, text: str) -> None:
        if action is A.PASS and isinstance(message, Request) and self.owner is not None:
            self.owner.on_ack(self, message)
        elif action is A.FAIL and self.owner is not None:
            self.owner.on_failure(self, text)
        else:
            super()._act(action, message, text)


class _Nobody:
    """The owner of a client transaction whose final response was passed on."""

    __slots__ = ()

    def on_response(self, transaction: ClientTransaction, response: Response) -> None:
        """Never: nothing is passed on twice."""

    def on_broken(self, transaction: ClientTransaction, response: Response, reason: str) -> None:
        """Never."""

    def on_failure(self, transaction: ClientTransaction, status: int, reason: str) -> None:
        """Never: it has succeeded."""


_NOBODY = _Nobody()


class Transactions:
    """Every live transaction of an engine, and the matching of §17.1.3 and §17.2.3."""

    __slots__ = ("_clients", "_depending", "_lingering", "_merged", "_servers", "core")

    def __init__(self, core: Core) -> None:
        self.core = core
        self._depending: dict[Flow, dict[_Transaction, None]] = {}  # those that must hear when their flow fails
        self._clients: dict[Key, ClientTransaction] = {}
        self._servers: dict[Key, ServerTransaction] = {}
        self._merged: dict[Key, ServerTransaction] = {}
        self._lingering: dict[Start, deque[_Transaction]] = {}

    def __len__(self) -> int:
        return len(self._clients) + len(self._servers)

    def send(
        self, branch: str, method: str, flow: Flow, data: bytes, ack: Acknowledge, owner: ClientOwner
    ) -> ClientTransaction:
        """Start a client transaction. `ack` writes the ACK of an INVITE that is refused."""
        key = (branch, method)
        transaction = ClientTransaction(self, key, flow, data, ack, owner)
        self._clients[key] = transaction
        self.depend(transaction)
        transaction.start()
        return transaction

    def client_for(self, response: Response, flow: Flow) -> ClientTransaction | None:
        """The transaction a response belongs to: its branch, its method, and the place the request went.

        A response from elsewhere is nobody's, even with the right branch (the forged 200), and what has two hops is
        not for us (RFC 3261 §8.1.3.3).
        """
        hop = response.hop
        transaction = self._clients.get((hop.branch, response.cseq.method))
        if transaction is None or hop.below:
            return None
        if transaction.flow is flow:
            return transaction
        sent = transaction.flow
        if sent.remote_host != flow.remote_host or sent.remote_port != flow.remote_port:
            return None
        return transaction if sent.transport == flow.transport else None

    def is_ours(self, branch: str, method: str) -> bool:
        """Whether a request with this branch left here and is still under way (a loop, RFC 3261 §16.3)."""
        return (branch, method) in self._clients

    def server_key(self, request: Request, method: str) -> Key:
        """RFC 3261 §17.2.3: branch, sent-by and method; for an RFC 2543 branch, what stands in for it.

        A branch that is the magic cookie alone counts as one of RFC 2543 (RFC 4475 §3.2.1).
        """
        hop = request.hop
        branch = hop.branch
        if len(branch) > 7 and branch.startswith("z9hG4bK"):
            return (branch, hop.sent_by, method)
        cseq = str(request.cseq.number)
        return (request.uri_text, request.from_tag, request.call_id, cseq, str(request.via), method)

    def server_for(self, request: Request, method: str = "") -> ServerTransaction | None:
        """The transaction a request retransmits, or (`method` INVITE) the one an ACK or CANCEL is for."""
        return self.server_of(self.server_key(request, method or request.method))

    def server_of(self, key: Key) -> ServerTransaction | None:
        """The transaction of this key."""
        return self._servers.get(key)

    def merged(self, request: Request) -> bool:
        """Whether the same request arrived over another path (RFC 3261 §8.2.2.2)."""
        return not request.to_tag and self._merge_key(request) in self._merged

    def receive(self, request: Request, flow: Flow, key: Key | None = None) -> ServerTransaction | None:
        """A new server transaction, or None where there is no room for one. `key`: where that is known already."""
        if len(self._servers) >= self.core.limits.server_transactions:
            return None
        key = key or self.server_key(request, request.method)
        merge_key = None if request.to_tag else self._merge_key(request)
        transaction = ServerTransaction(self, key, merge_key, flow, request.method)
        self._servers[key] = transaction
        if merge_key is not None:
            self._merged.setdefault(merge_key, transaction)
        return transaction

    def too_large(self, flow: Flow, least: int, reason: str) -> None:
        """A datagram was too large to leave: so is every request of `least` bytes or more on this flow."""
        for transaction in list(self._depending.get(flow, ())):
            if isinstance(transaction, ClientTransaction) and len(transaction.data) >= least:
                transaction.step(E.ERROR, None, reason)

    def depend(self, transaction: _Transaction) -> None:
        """It must hear when its flow fails: it waits for an answer there, or sends again by itself."""
        self._depending.setdefault(transaction.flow, {})[transaction] = None

    def flow_failed(self, flow: Flow, reason: str) -> None:
        """Every transaction on this flow has a transport error.

        Each hears it once, until it begins to repeat itself again: a dead peer gives one error for each datagram, and
        ten thousand transactions that hear each other's errors would stop everything else.
        """
        for transaction in self._depending.pop(flow, ()):
            transaction.step(E.ERROR, None, reason)

    def linger(self, transaction: _Transaction, last: Start) -> None:
        """End it by its last timer; one that ended before takes no notice.

        Those that wait equally long end in the order they came, so one timer does for all of them. They are nearly all
        transactions there are: with a timer for each the engine took 4 % longer.
        """
        queue = self._lingering.get(last)
        if queue is None:
            queue = self._lingering[last] = deque()
        if not queue:
            self.core.timers.start(transaction.ends, self._end_lingering, last)
        queue.append(transaction)

    def _end_lingering(self, last: Start) -> None:
        core, queue = self.core, self._lingering[last]
        while queue and queue[0].ends <= core.now:
            transaction = queue.popleft()
            transaction.step(last.event)
            if isinstance(transaction, ClientTransaction):
                transaction.owner = _NOBODY  # who knows the transaction, too: else only the collector would free both
        if queue:
            core.timers.start(queue[0].ends, self._end_lingering, last)

    def forget(self, transaction: _Transaction) -> None:
        """Called by a transaction that terminated."""
        if transaction.kind != "server":  # all others depend
            depending = self._depending.get(transaction.flow)
            if depending is not None:
                depending.pop(transaction, None)
                if not depending:
                    del self._depending[transaction.flow]
        if isinstance(transaction, ServerTransaction):
            self._servers.pop(transaction.key, None)
            if transaction.merge_key is not None and self._merged.get(transaction.merge_key) is transaction:
                del self._merged[transaction.merge_key]
        else:
            self._clients.pop(transaction.key, None)

    @staticmethod
    def _merge_key(request: Request) -> Key:
        cseq = request.cseq
        return (request.from_tag, request.call_id, str(cseq.number), cseq.method)
