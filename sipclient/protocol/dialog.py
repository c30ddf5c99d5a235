"""Dialogs (RFC 3261 §12): who talks to whom, over which route, and in which order."""

from __future__ import annotations

from collections.abc import Callable, Set
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final, Protocol, TypeAlias

from sipclient.errors import MalformedMessage
from sipclient.message import Request, Response, SipUri, parse_uri
from sipclient.message.memo import Memo
from sipclient.protocol.build import Draft, routed, uri_of
from sipclient.protocol.events import Flow, Headers, Target
from sipclient.protocol.exchange import Exchange, ExchangeOwner, Stack
from sipclient.protocol.line import Line
from sipclient.protocol.transaction import ServerTransaction

DialogKey: TypeAlias = tuple[str, str, str]  # Call-ID, local tag, remote tag
NextHop: TypeAlias = Callable[[Flow | None, tuple[Target, ...]], object]


class DialogUsage(Protocol):
    """What lives in a dialog: a call or a subscription."""

    def on_request(self, transaction: ServerTransaction, request: Request, flow: Flow) -> None:
        """A request inside the dialog, its CSeq already checked."""

    def on_ack(self, request: Request) -> None:
        """An ACK inside the dialog."""


class Awaiting(Protocol):
    """A subscription without a dialog yet."""

    def awaits(self, request: Request) -> bool:
        """Whether a NOTIFY with its Call-ID and tag is for it."""

    def adopt(self, request: Request, flow: Flow) -> Dialog:
        """Make the dialog from its first NOTIFY."""


class Asked(Protocol):
    """A transfer that the peer of a call asked for."""

    def answer(self, status: int, reason: str) -> None:
        """Whether it is followed."""

    def tell(self, status: int, reason: str) -> None:
        """What becomes of it."""


class Dialog:
    """One side of a dialog. From and To values are kept as they go on the wire."""

    __slots__ = (
        "call_id", "flow", "hosts", "line", "local", "local_cseq", "local_tag", "remote", "remote_cseq", "remote_tag",
        "remote_target", "routes", "usage",
    )  # fmt: skip

    def __init__(
        self,
        line: Line,
        flow: Flow,
        *,
        usage: DialogUsage | None = None,
        call_id: str,
        local: str,
        local_tag: str,
        remote: str,
        remote_tag: str,
        remote_target: str,
        routes: tuple[str, ...],
        local_cseq: int,
        remote_cseq: int = -1,
    ) -> None:
        self.line = line
        self.usage = usage
        self.flow = flow
        self.hosts: tuple[str, ...] = ()  # the addresses its next hop was found at, where that is a name
        self.call_id = call_id
        self.local = local
        self.local_tag = local_tag
        self.remote = remote
        self.remote_tag = remote_tag
        self.remote_target = remote_target
        self.routes = routes
        self.local_cseq = local_cseq
        self.remote_cseq = remote_cseq

    @property
    def key(self) -> DialogKey:
        """What identifies the dialog (RFC 3261 §12)."""
        return (self.call_id, self.local_tag, self.remote_tag)

    def next_cseq(self) -> int:
        """The number of our next request in the dialog."""
        self.local_cseq += 1
        return self.local_cseq

    def in_order(self, request: Request) -> bool:
        """Whether a request's CSeq rises (RFC 3261 §12.2.2); takes note of it."""
        number = request.cseq.number
        if number <= self.remote_cseq:
            return False
        self.remote_cseq = number
        return True

    def follow_line(self, opened: Set[Flow] = frozenset()) -> bool:
        """Leave the address that is no longer ours (RFC 5626 §5.3 the other way round); False where it was not ours.

        Of streams other than the account's only those that we `opened`, from there, are left.
        """
        left, now, flow = self.line.left, self.line.flow, self.flow
        if left is None or now is None:
            return False
        if flow == left or (flow in opened and flow.local_host == left.local_host != now.local_host):
            self.flow = now
        elif not (flow.reliable or now.reliable) and flow.local_host == left.local_host:
            self.flow = Flow(flow.transport, now.local_host, now.local_port, flow.remote_host, flow.remote_port)
        else:
            return False
        return self.flow != flow

    def admits(self, flow: Flow) -> bool:
        """Whether the far end of a flow may speak in the dialog, whose tags it knows (robustness 11).

        The account's server and `peers` may, the host the dialog began with, and whom its route set and remote
        target name: a PBX may hand a call to another of its addresses, or to the other end itself. A name that was
        never looked up may be anybody's.
        """
        host = flow.remote_host
        if host == self.flow.remote_host or host in self.hosts or self.line.admits(flow):
            return True
        address = _address(host)
        hops = [_HOPS[text] for text in (self.remote_target, *(uri_of(each) for each in self.routes))]
        named = [_address(hop.host) if hop is not None else None for hop in hops]
        return (address is not None and address in named) or (not self.hosts and None in named)

    def refresh_target(self, message: Request | Response) -> None:
        """A target refresh moves the remote target (RFC 3261 §12.2.1.2, §12.2.2)."""
        target = contact_of(message)
        if target:
            self.remote_target = target

    def draft(self, method: str, extra: Headers = (), body: bytes = b"", content_type: str = "") -> Draft:
        """A request in this dialog (RFC 3261 §12.2.1.1), strict routers included."""
        uri, routes = routed(self.remote_target, self.routes)
        return Draft(
            method,
            uri,
            self.local,
            self.remote,
            self.call_id,
            routes=routes,
            extra=extra,
            body=body,
            content_type=content_type,
        )

    def send(self, stack: Stack, owner: ExchangeOwner, draft: Draft, *, contact: bool = False) -> Exchange:
        """Send a draft to the dialog's next hop, with a Contact where the method refreshes targets."""
        decorate = self.contact_header if contact else None
        exchange = Exchange(stack, self.line, draft, owner, self.next_cseq, decorate=decorate)
        with_next_hop(stack, self, draft, exchange.start)
        return exchange

    def send_ack(self, stack: Stack, draft: Draft, cseq: int, credentials: Headers) -> Ack:
        """ACK a 2xx to our INVITE (RFC 3261 §13.2.2.4): a request without a transaction."""
        ack = Ack(stack, draft, cseq, credentials, self.line)
        with_next_hop(stack, self, draft, ack.start)
        return ack

    def contact_header(self, flow: Flow) -> Headers:
        """Our Contact on a flow."""
        return self.line.contact(flow)


class Dialogs:
    """Every dialog of an engine by its key, the subscriptions that wait for theirs, the transfers asked for in one."""

    __slots__ = ("_awaiting", "_by_key", "asked")

    def __init__(self) -> None:
        self._by_key: dict[DialogKey, Dialog] = {}
        self._awaiting: dict[tuple[str, str], Awaiting] = {}
        self.asked: dict[int, Asked] = {}

    def __len__(self) -> int:
        return len(self._by_key)

    def add(self, dialog: Dialog) -> None:
        """Make a dialog reachable for requests."""
        self._by_key[dialog.key] = dialog

    def drop(self, dialog: Dialog | None) -> None:
        """Forget a dialog; requests in it get 481 from now on."""
        if dialog is not None:
            self._by_key.pop(dialog.key, None)

    def find(self, request: Request) -> Dialog | None:
        """The dialog a request belongs to (RFC 3261 §12.2.2)."""
        return self._by_key.get((request.call_id, request.to_tag, request.from_tag))

    def named(self, call_id: str, local_tag: str, remote_tag: str) -> Dialog | None:
        """The dialog of these three."""
        return self._by_key.get((call_id, local_tag, remote_tag))

    def expect(self, call_id: str, tag: str, who: Awaiting) -> None:
        """A SUBSCRIBE leaves: its first NOTIFY may come before the 2xx (RFC 6665 §4.1.2.4)."""
        self._awaiting[call_id, tag] = who

    def expect_no_more(self, call_id: str, tag: str) -> None:
        """There is a dialog now, or there never will be."""
        self._awaiting.pop((call_id, tag), None)

    def awaiting(self, request: Request) -> Awaiting | None:
        """Who waits for this NOTIFY as the first of its dialog."""
        who = self._awaiting.get((request.call_id, request.to_tag))
        return who if who is not None and who.awaits(request) else None


class Ack:
    """The ACK of a 2xx, kept for the retransmissions of that 2xx."""

    __slots__ = ("_credentials", "_cseq", "_data", "_draft", "_flow", "_line", "_stack")

    def __init__(self, stack: Stack, draft: Draft, cseq: int, credentials: Headers, line: Line) -> None:
        self._stack = stack
        self._draft: Draft | None = draft  # until it is written
        self._cseq = cseq
        self._credentials = credentials
        self._line = line
        self._data = b""
        self._flow: Flow | None = None

    def start(self, flow: Flow | None, others: tuple[Target, ...] = ()) -> None:
        """Send it on this flow, from the account's server on where there is none."""
        self._flow = flow or self._line.flow
        draft, self._draft = self._draft, None
        if self._flow is not None and draft is not None:
            branch = "z9hG4bK" + self._stack.core.ids.token("branch")
            via = self._line.via(self._flow, branch)
            # RFC 3261 §22.1 wants the INVITE's credentials here; a Contact that leads elsewhere gets none.
            credentials = self._credentials if self._line.is_server(self._flow) else ()
            self._data = draft.encode(via, self._cseq, credentials)
            self.again()

    def again(self) -> None:
        """The 2xx came again: so does the ACK, the same bytes."""
        if self._flow is not None and self._data:
            self._stack.core.send(self._flow, self._data)


def with_next_hop(stack: Stack, dialog: Dialog, draft: Draft, then: NextHop) -> None:
    """Call `then(flow, rest)` with the flow an in-dialog request leaves on (RFC 3261 §12.2.1.1, §8.1.2), and
    where to try if nobody answers there.

    A stream that is open serves its dialog to the end: behind NAT, TLS or WebSocket the Contact often names a
    host nobody can reach. Over UDP the first Route, or the remote target, says where to go; where its name
    cannot be resolved, back to where the dialog came from. None: the account's server is the last resort.
    """
    flow = dialog.flow
    udp = flow.transport == "udp"
    if not udp and stack.flows.usable(flow):
        then(flow, ())
        return
    # A strict router is the Request-URI by now.
    hop = _HOPS[uri_of(dialog.routes[0]) if dialog.routes else draft.uri]
    if hop is None:
        then(flow if stack.flows.usable(flow) else None, ())
    elif udp and hop.literal:
        then(_beside(flow, hop), ())
    else:
        _look_up(stack, dialog, hop, then)


def _look_up(stack: Stack, dialog: Dialog, hop: _Hop, then: NextHop) -> None:
    """Of `with_next_hop` what takes its time: a name to resolve, or a stream to open."""
    flow = dialog.flow

    def found(opened: Flow | None, rest: tuple[Target, ...]) -> None:
        if opened is not None and opened.transport == "udp" and not flow.reliable:
            then(opened, rest)
            return
        if opened is not None:
            dialog.flow = opened
        then(opened or (flow if stack.flows.usable(flow) else None), rest)

    def resolved(targets: tuple[Target, ...], reason: str) -> None:
        dialog.hosts = tuple(target.host for target in targets)
        stack.flows.first_of(targets, dialog.line.account.key, flow, found)

    stack.flows.resolve(hop.uri, dialog.line.account.key, resolved)


class _Hop:
    """Where a SIP URI leads to."""

    __slots__ = ("host", "literal", "port", "uri")

    def __init__(self, uri: SipUri) -> None:
        self.uri = str(uri)
        self.host: str = (uri.params.get("maddr") or uri.host).strip("[]")
        self.port = uri.port or 5060
        udp = uri.scheme == "sip" and (uri.transport or "udp").lower() == "udp"
        # Whether a datagram can go there at once.
        self.literal = udp and (":" in self.host or self.host.replace(".", "").isdigit())


def _hop(text: str) -> _Hop | None:
    try:
        uri = parse_uri(text)
    except MalformedMessage:  # pragma: no cover - Contact and Record-Route were read at the border
        return None
    return _Hop(uri) if isinstance(uri, SipUri) else None


_HOPS: Final = Memo(_hop)  # a peer's Contact is the same for call after call


def _beside(flow: Flow, hop: _Hop) -> Flow:
    """The flow to an address somebody told us, which is on the link of `flow` where it means nothing without one."""
    host, remote = hop.host, flow.remote_host
    if host == remote and hop.port == flow.remote_port:
        return flow
    if "%" in remote and (address := _address(host)) is not None and address.is_link_local:
        host = f"{host}%{remote.partition('%')[2]}"
    return Flow("udp", flow.local_host, flow.local_port, host, hop.port)


def _address(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def contact_of(message: Request | Response) -> str:
    """The URI of the (first) Contact, or empty."""
    return message.contact_uri


def route_set(message: Request | Response, *, reverse: bool) -> tuple[str, ...]:
    """The Record-Route values of a message as a route set: reversed for the caller (RFC 3261 §12.1.2).

    One without brackets gets them: its parameters are the URI's, else `lr` would be lost.
    """
    if "record-route" not in message.headers.index:
        return ()
    values = message.headers.values("Record-Route")
    routes = [value if "<" in value else f"<{value}>" for value in values]
    return tuple(reversed(routes)) if reverse else tuple(routes)
