"""A line: one account's way to its server, and what it knows there (targets, flow, credentials, contact)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import TypeAlias

from sipclient.errors import InvalidValue, MalformedMessage
from sipclient.message import Challenge, Response, SipUri, parse_uri, quote
from sipclient.message.memo import Memo
from sipclient.protocol.account import Account
from sipclient.protocol.build import host_port, told
from sipclient.protocol.checks import check_target, uri_text
from sipclient.protocol.core import Core
from sipclient.protocol.digest import Secret, Session, choose
from sipclient.protocol.events import Flow, Headers, ServerChanged, Target
from sipclient.protocol.flows import Flows
from sipclient.protocol.identity import Identities
from sipclient.protocol.timers import Timer

Waiter: TypeAlias = Callable[[Flow | None, str], None]
SessionKey: TypeAlias = tuple[bool, str]

# What the Contact says of the transport; ws stands for both, whether it is secure or not (RFC 7118 §5.2).
_IN_CONTACT = {"udp": "", "wss": ";transport=ws"}
_WEBSOCKETS = ("ws", "wss")

FAIL_BACK = 60.0  # seconds on a later target before the first is tried again


class Line:
    """One account in the engine. At most one flow to the server is used at a time."""

    __slots__ = (
        "_fail_back", "_flows", "_last", "_named", "_phase", "_uris", "_waiting", "account", "aor", "ask", "call_mark",
        "core", "flow", "flow_timer", "gruu", "hosts", "identities", "index", "instance", "large_over_tcp", "left",
        "networks", "on_moved", "own", "problem", "public", "realm", "removing", "secret", "service_routes", "sessions",
        "targets", "uri",
    )  # fmt: skip

    def __init__(self, core: Core, flows: Flows, account: Account) -> None:
        try:
            uri = parse_uri(account.address)
        except MalformedMessage as error:
            raise InvalidValue(f"account {account.key}: address {account.address!r}: {error.reason}") from None
        if not isinstance(uri, SipUri) or not uri.host:
            raise InvalidValue(
                f"account {account.key}: address {account.address!r} is not a SIP address like sip:robot@pbx"
            )
        self.core = core
        self._flows = flows
        self.account = account
        self.uri = uri
        user = f"{uri.user}@" if uri.user else ""
        self.aor = f"{uri.scheme}:{user}{host_port(uri.host, uri.port)}"
        name = f"{quote(account.display_name)} " if account.display_name else ""
        self.own = f"{name}<{self.aor}>"  # the From of the account itself, without its tag
        self.identities = Identities(account, uri, self.own)
        self._uris = Memo(self._uri_of)
        self.secret = Secret(account.username or uri.user or "", account.password)
        self.realm = account.realm
        self.networks = _networks(account)
        self.instance = ""
        self.targets: tuple[Target, ...] = ()
        self.hosts: frozenset[str] = frozenset()
        self.index = 0
        self.flow: Flow | None = None
        self.problem = ""
        # Where the server sees us (RFC 3581), and the transport and port of the socket it sees there.
        self.public: tuple[str, int, tuple[str, int]] | None = None
        self._named: _Named | None = None
        self.flow_timer = 0.0  # seconds after which the server gives up a silent stream of ours; 0: it said nothing
        self.gruu = ""
        self.service_routes: tuple[str, ...] = ()
        self.sessions: dict[SessionKey, Session] = {}
        self.large_over_tcp = True
        self.removing = False
        self.call_mark = sha256(self.aor.lower().encode()).hexdigest()[:12]  # how the Call-IDs of our calls end
        core.call_marks.add(self.call_mark)
        self._phase = "closed"
        self._waiting: list[Waiter] = []
        self._fail_back: Timer | None = None
        self._last: Flow | None = None  # the flow that was open last
        self.left: Flow | None = None  # the flow from an address that is no longer ours
        self.on_moved: Callable[[], None] = _nothing  # packets go another way now
        self.ask: Callable[[Flow, Callable[[], None]], None] = _ask_nobody  # whether a server is alive

    # --- the flow -----------------------------------------------------------------------------------

    def with_flow(self, then: Waiter) -> None:
        """Call `then(flow, "")` once a flow to the server is open, `then(None, why)` if none can be had."""
        if self._flows.usable(self.flow):
            then(self.flow, "")
            return
        self._waiting.append(then)
        if self._phase in ("closed", "open"):  # open: the stream closed a moment ago, and nobody dropped it yet
            self._phase = "resolving"
            self._flows.resolve(self.account.server or self.aor, self.account.key, self._resolved)

    def _resolved(self, targets: tuple[Target, ...], reason: str) -> None:
        if not targets:
            self._give_up(reason or f"{self.account.server or self.aor} has no address")
            return
        self.targets = targets
        self.hosts = frozenset(target.host for target in targets)
        self.index = 0
        self.problem = ""
        self._connect()

    def _connect(self) -> None:
        self._phase = "connecting"
        target = self.targets[self.index]
        self._flows.connect(target, self.account.key, self._opened)

    def _opened(self, flow: Flow | None, reason: str) -> None:
        target = self.targets[self.index]
        if flow is None:
            self.problem = f"{target.transport}:{host_port(target.host, target.port)}: {reason}"
            self.core.trace(f"cannot connect to {self.problem}", self.account.key)
            if self.index + 1 < len(self.targets):
                self.index += 1
                self._connect()
            else:
                self._give_up(self.problem)
            return
        self._phase = "open"
        moved = self._last is not None and flow != self._last
        self.flow = self._last = flow
        self.core.emit(ServerChanged(self.account.key, flow, target))
        if self.index and self._fail_back is None:
            self._fail_back = self.core.timers.start(self.core.now + FAIL_BACK, self._back)
        waiting, self._waiting = self._waiting, []
        for then in waiting:
            then(flow, "")
        if moved:
            self.on_moved()

    def _give_up(self, reason: str) -> None:
        self._phase = "closed"
        self.flow = None
        self.problem = reason
        waiting, self._waiting = self._waiting, []
        for then in waiting:
            then(None, reason)

    def fail_over(self, flow: Flow, reason: str) -> bool:
        """`flow` does not answer: move on to the next target (RFC 3263 §4.3). False where there is none."""
        if self._phase in ("connecting", "resolving") or (self.flow is not None and self.flow != flow):
            return True  # somebody else moved on already
        if self.index + 1 >= len(self.targets):
            self.drop(reason)
            return False
        self.core.trace(
            f"{host_port(flow.remote_host, flow.remote_port)}: {reason}; trying the next server",
            self.account.key,
        )
        self.flow = None
        self.index += 1
        self._connect()
        return True

    def drop(self, reason: str) -> None:
        """Forget the flow: the next request resolves and connects anew."""
        if self._phase == "open":
            self._phase = "closed"
        self.flow = None
        self.problem = reason

    def leave(self, reason: str) -> None:
        """Our address is another one: the flow goes, and what the server said of where it sees us."""
        self.left = self.flow
        self.public = self._named = None
        self.drop(reason)

    def _back(self, _: object) -> None:
        """A while on a later target: ask the first one again, without leaving the one that works."""
        self._fail_back = None
        if self.index and self._phase == "open" and not self.removing:
            self._fail_back = self.core.timers.start(self.core.now + FAIL_BACK, self._back)
            self._flows.connect(self.targets[0], self.account.key, self._first_opened)

    def _first_opened(self, flow: Flow | None, reason: str) -> None:
        # An open stream proves that the server is back; a UDP "connection" proves nothing, so there it is asked.
        if flow is not None and flow.reliable:
            self._first_answers(flow)
        elif flow is not None:
            self.ask(flow, lambda: self._first_answers(flow))

    def _first_answers(self, flow: Flow) -> None:
        if self.index and self._phase == "open":
            self.index = 0
            self.flow = self._last = flow
            self.core.timers.stop(self._fail_back)
            self._fail_back = None
            self.core.emit(ServerChanged(self.account.key, flow, self.targets[0]))
            self.on_moved()

    def is_own_call(self, call_id: str) -> bool:
        """Whether a call was placed by an account of ours: by this run, an earlier one, or by its double elsewhere."""
        return call_id.rpartition("-")[2] in self.core.call_marks

    # --- what we are called there -------------------------------------------------------------------

    def via(self, flow: Flow, branch: str) -> str:
        """The Via of a request that leaves on a flow: `rport` is always asked for (RFC 3581 §3)."""
        return f"{self._named_on(flow).via}{branch};rport"

    def contact(self, flow: Flow) -> Headers:
        """The Contact of a message that leaves on a flow; the GRUU where we have one."""
        return (("Contact", f"<{self.gruu}>"),) if self.gruu else self._named_on(flow).contact

    def _named_on(self, flow: Flow) -> _Named:
        named = self._named
        if named is None or named.flow is not flow:
            place = host_port(self.account.public_address or flow.local_host, flow.local_port)
            via = f"SIP/2.0/{flow.transport.upper()} {place};branch="
            named = self._named = _Named(flow, via, (("Contact", f"<{self.contact_uri(flow)}>"),))
        return named

    def contact_uri(self, flow: Flow) -> str:
        """The URI at which we can be reached over a flow, by its address."""
        host, port = self._reached_at(flow)
        user = f"{self.uri.user}@" if self.uri.user else ""
        transport = _IN_CONTACT.get(flow.transport, f";transport={flow.transport}")
        if self.uri.scheme == "sips":
            transport = ";transport=tcp" if flow.transport == "tls" else transport
        return f"{self.uri.scheme}:{user}{host_port(host, port)}{transport}"

    def learn_public(self, response: Response, flow: Flow) -> bool:
        """Take `received` and `rport` of our Via as our address; True if that changes our Contact."""
        if self.account.public_address or flow != self.flow:
            return False
        via = response.via
        host = via.received or via.host
        port = via.rport if isinstance(via.rport, int) else (via.port or flow.local_port)
        if not _is_address(host) or (host, port) == self._reached_at(flow):
            return False
        self.public = (host, port, (flow.transport, flow.local_port))
        self._named = None
        return True

    def _reached_at(self, flow: Flow) -> tuple[str, int]:
        """Address and port under which the far end of a flow reaches us: behind a NAT, those of the same socket."""
        if self.public is not None and self.public[2] == (flow.transport, flow.local_port):
            return self.public[:2]
        return self.account.public_address or told(flow.local_host), flow.local_port

    def from_value(self, tag: str) -> str:
        """The From of the account itself."""
        return f"{self.own};tag={tag}"

    def target_uri(self, to: str) -> str:
        """A number or user becomes a URI at the account's domain; a URI stays what it is.

        InvalidValue for what no request can be sent to.
        """
        return self._uris[to]

    def _uri_of(self, to: str) -> str:
        check_target(to)
        if to.partition(":")[0].lower() in ("sip", "sips", "tel"):
            uri = to
        elif "@" in to:
            uri = f"{self.uri.scheme}:{to}"
        else:
            uri = f"{self.uri.scheme}:{to}@{host_port(self.uri.host, self.uri.port)}"
        uri_text(uri)
        return uri

    # --- whom we trust ------------------------------------------------------------------------------

    def is_server(self, flow: Flow) -> bool:
        """Whether the far end of a flow is the account's server: only it may challenge us."""
        return flow.remote_host in self.hosts

    def admits(self, flow: Flow) -> bool:
        """Whether requests outside a dialog are taken from the far end: the server, or one of `peers`."""
        if flow.remote_host in self.hosts:
            return True
        if not self.networks or not _is_address(flow.remote_host):
            return False
        address = ip_address(flow.remote_host)
        return any(address in network for network in self.networks)

    def welcomes(self, flow: Flow) -> bool:
        """Whether calls are taken from the far end of a flow because it is a browser that came to us."""
        return self.account.browsers and flow.transport in _WEBSOCKETS and flow not in self._flows.ours

    def session_for(self, challenges: Sequence[Challenge], flow: Flow, *, any_realm: bool) -> Session | str:
        """The session to answer a challenge with, or in words why it is not answered.

        The password answers for one realm: the account's, else the one the server named for a REGISTER
        (`any_realm`: there a server may rename it), else the first it named.
        """
        realm = self.account.realm if any_realm else self.realm
        if not self.is_server(flow):
            return f"{flow.remote_host} asked for a password that belongs to {self.account.server or self.uri.host}"
        if not self.secret.password:
            return "the server asks for a password and the account has none"
        strong = self.account.require_strong_digest and flow.transport not in ("tls", "wss")
        return choose(challenges, realm=realm, strong_only=strong)


class _Named:
    """What we are called on one flow: kept, as nearly all that leaves leaves on the same."""

    __slots__ = ("contact", "flow", "via")

    def __init__(self, flow: Flow, via: str, contact: Headers) -> None:
        self.flow = flow
        self.via = via  # up to its branch
        self.contact = contact


def _nothing() -> None:
    """Nobody needs to know."""


def _ask_nobody(flow: Flow, then: Callable[[], None]) -> None:
    """There is nobody to ask by."""


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _networks(account: Account) -> tuple[IPv4Network | IPv6Network, ...]:
    networks = []
    for peer in account.peers:
        try:
            networks.append(ip_network(peer, strict=False))
        except ValueError:
            raise InvalidValue(f"account {account.key}: peers: {peer!r} is no address and no network") from None
    return tuple(networks)
