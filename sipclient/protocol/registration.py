"""The registration of one account (RFC 3261 §10, RFC 5626, RFC 5627): made, refreshed, made again, ended."""

from __future__ import annotations

from collections.abc import Callable

from sipclient.message import NameAddr, Response, SipUri, Uri, parse_uri
from sipclient.protocol.backoff import RAISES, Backoff, refresh_after
from sipclient.protocol.build import ALLOW, Draft
from sipclient.protocol.events import Flow, Registered, RegistrationLost
from sipclient.protocol.exchange import Exchange, Stack
from sipclient.protocol.line import Line
from sipclient.protocol.timers import Timer
from sipclient.protocol.wellformed import lenient

REFUSED_FIRST, REFUSED_MOST = 60.0, 1800.0  # a wrong password: not hammered, PBXs ban for that
EXPIRES_MOST = 7 * 86400
SETTLE = 60.0  # seconds between corrections of our address: a NAT may give each packet another one


class Registration:
    """Keeps one address-of-record bound to where we are."""

    __slots__ = (
        "_ending", "_exchange", "_lost", "_old_contact", "_outbound", "_raised", "_refused", "_settled", "_timer",
        "call_id", "cseq", "expires", "line", "on_back", "on_gone", "registered", "stack", "tag",
    )  # fmt: skip

    def __init__(self, stack: Stack, line: Line, on_back: Callable[[], None]) -> None:
        core = stack.core
        self.stack = stack
        self.line = line
        self.on_back = on_back  # called at each 2xx after a loss, the first one included
        self.on_gone: Callable[[], None] | None = None
        self.call_id = core.ids.token("call-id")
        self.tag = core.ids.token("tag")
        self.cseq = 0
        self.expires = line.account.expires
        self.registered = False
        line.instance = line.instance or _urn(core.ids.token("instance") + core.ids.token("instance"))
        keepalive = line.account.keepalive
        # Seconds between tries of a server that is away: the first of its answers must find us soon.
        self._lost = Backoff(core, "register", 1.0, min(max(keepalive, 4.0), 60.0) if keepalive else 30.0)
        self._refused = Backoff(core, "register", REFUSED_FIRST, REFUSED_MOST)
        self._old_contact = ""
        self._outbound = True  # until a 439 says that it is not for us
        self._raised = 0  # how often in a row a 423 was followed
        self._ending = False  # whether the REGISTER under way is the one that ends it
        self._settled = 0.0  # when our address may be corrected again
        self._timer: Timer | None = None
        self._exchange: Exchange | None = None

    def start(self) -> None:
        """Register now. No REGISTER is under way."""
        self.stack.core.timers.stop(self._timer)
        self._timer = None
        self._send(self.expires)

    def lost(self, reason: str) -> None:
        """The way to the server broke, or it fell silent: register anew."""
        if self.registered and self._exchange is None:
            self._failed(0, reason, self._lost.wait())
        elif self.registered:
            self.registered = False
            self.stack.core.emit(RegistrationLost(self.line.account.key, 0, reason, 0.0))

    def moved(self) -> None:
        """Packets go to another server, or over another stream: bind us there."""
        if self.registered and self._exchange is None and self.on_gone is None:
            self.start()

    def end(self, on_gone: Callable[[], None]) -> None:
        """Un-register, then call back. A REGISTER under way is awaited first: it may bind us once more."""
        self.on_gone = on_gone
        self.stack.core.timers.stop(self._timer)
        if self._exchange is None or self._exchange.abandon():
            self._unregister()

    def _unregister(self) -> None:
        if self.registered and not self._ending:
            self._ending = True
            self._send(0)
        else:
            self._gone()

    # --- REGISTER -----------------------------------------------------------------------------------

    def _send(self, expires: float) -> None:
        line, account = self.line, self.line.account
        host = line.uri.host if ":" not in line.uri.host or line.uri.host.startswith("[") else f"[{line.uri.host}]"
        uri = f"{line.uri.scheme}:{host}" + (f":{line.uri.port}" if line.uri.port else "")
        extra = (
            # Not `gruu`: many a server that mints one does not route to it (Kamailio's NOTIFYs are lost).
            ("Supported", "path, outbound" if self._outbound else "path"),
            ("Allow", ALLOW),
            ("User-Agent", account.user_agent or self.stack.core.product),
        )
        draft = Draft("REGISTER", uri, line.from_value(self.tag), line.own, self.call_id, extra=extra)
        self._exchange = Exchange(
            self.stack, line, draft, self, self._next_cseq, decorate=lambda flow: self._contact(flow, expires)
        ).start()

    def _next_cseq(self) -> int:
        self.cseq += 1
        return self.cseq

    def _contact(self, flow: Flow, expires: float) -> tuple[tuple[str, str], ...]:
        uri = self.line.contact_uri(flow)
        whole = int(expires)
        params = f';+sip.instance="<{self.line.instance}>"'
        if flow.reliable and self._outbound:
            params += ";reg-id=1"
        headers = [("Contact", f"<{uri}>;expires={whole}{params}")]
        if self._old_contact and self._old_contact != uri:
            headers.append(("Contact", f"<{self._old_contact}>;expires=0"))
        headers.append(("Expires", str(whole)))
        return tuple(headers)

    def on_provisional(self, exchange: Exchange, response: Response) -> None:
        """A registrar may say Trying; nothing to do."""

    def on_final(self, exchange: Exchange, response: Response) -> None:
        """The registrar answered."""
        self._exchange = None
        status = response.status
        if self.on_gone is not None:
            self.registered = self.registered or status < 300
            self._unregister()
        elif status < 300:
            self._granted(exchange, response)
        elif status == 423 and response.min_expires and self.expires < response.min_expires <= EXPIRES_MOST:
            self._raise_to(float(response.min_expires))
        elif status in (408, 430, 480) or 500 <= status < 600:
            retry = min(float(response.retry_after or 0), 3600.0)
            self._failed(status, response.reason, self._lost.wait(retry))
        elif status == 439 and self._outbound:
            # RFC 5626 §4.2.1: a proxy on the way does not know outbound, so the registrar must not either.
            self._outbound = False
            self._send(self.expires)
        else:
            self._failed(status, exchange.problem or response.reason, self._refused.wait())

    def _raise_to(self, least: float) -> None:
        """A 423 (RFC 3261 §10.3): ask for as much as it wants."""
        self.expires = least
        self._raised += 1
        if self._raised <= RAISES:
            self._send(least)
        else:
            self._raised = 0
            self._failed(423, "the registrar demands a longer registration each time", self._refused.wait())

    def on_failed(self, exchange: Exchange, status: int, reason: str) -> None:
        """Nobody answered."""
        self._exchange = None
        if self.on_gone is not None:
            self._gone()
        else:
            self._failed(0, reason, self._lost.wait())

    def _gone(self) -> None:
        self.registered = False
        on_gone = self.on_gone
        if on_gone is not None:  # pragma: no branch - only who leaves comes here
            on_gone()

    def _granted(self, exchange: Exchange, response: Response) -> None:
        line, core = self.line, self.stack.core
        flow = exchange.flow
        if flow is None:  # pragma: no cover - what was answered went somewhere
            return
        used = line.contact_uri(flow)
        binding = _ours(response, used, line.instance)
        granted = _seconds(response, binding, self.expires)
        if granted <= 0:
            self._failed(response.status, "the registrar granted no time", self._lost.wait(5.0))
            return
        line.service_routes = tuple(f"<{route.uri}>" for route in response.service_routes)
        line.gruu = _gruu(binding)
        line.flow_timer = float(sum(lenient(lambda: (response.flow_timer or 0,)))) if flow.reliable else 0.0
        was, self.registered = self.registered, True
        self._old_contact = used
        self._lost.reset()
        self._refused.reset()
        self._raised = 0
        corrected = core.now >= self._settled and line.learn_public(response, flow)
        if corrected:
            self._settled = core.now + SETTLE
        if corrected or _moved(flow, line.flow):
            # Behind NAT: bind the address the registrar saw, and release the one nobody reaches (RFC 3581 §9).
            self._send(self.expires)
        else:
            self._timer = core.timers.start(core.now + refresh_after(core, granted), self._due)
        core.emit(Registered(line.account.key, granted, used, again=was))
        if not was:
            self.on_back()

    def _due(self, _: object) -> None:
        self._timer = None
        self._send(self.expires)

    def _failed(self, status: int, reason: str, retry_in: float) -> None:
        core = self.stack.core
        self.registered = False
        core.timers.stop(self._timer)
        self._timer = core.timers.start(core.now + retry_in, self._due)
        core.emit(RegistrationLost(self.line.account.key, status, reason, retry_in))


def _moved(used: Flow, now: Flow | None) -> bool:
    """Whether the way to the server changed while a REGISTER was under way (a large one takes a way of its own)."""
    return now is not None and now != used and now.transport == used.transport


def _urn(token: str) -> str:
    """A UUID URN of 32 hex digits, version 4 marked (RFC 5626 §4.1, RFC 4122 §4.4)."""
    digits = (token * 2)[:32]
    variant = "89ab"[int(digits[16], 16) & 3]
    return f"urn:uuid:{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:32]}"


def _ours(response: Response, used: str, instance: str) -> NameAddr | None:
    """Our binding among those the registrar lists: by instance, by URI (RFC 3261 §19.1.4), by user and place (some add
    parameters of their own), else the only one."""
    contacts, ours = response.contacts, parse_uri(used)
    ways: tuple[Callable[[NameAddr], bool], ...] = (
        lambda each: each.params.get("+sip.instance", "").strip("<>") == instance,
        lambda each: each.uri.equals(ours),
        lambda each: _place(each.uri) == _place(ours),
        lambda each: len(contacts) == 1,
    )
    return next((each for fits in ways for each in contacts if fits(each)), None)


def _place(uri: Uri) -> tuple[str, str, int | None] | Uri:
    return (uri.user_text, uri.host.lower(), uri.port) if isinstance(uri, SipUri) else uri


def _seconds(response: Response, binding: NameAddr | None, asked: float) -> float:
    """What was granted: our Contact's `expires`, else the Expires header, else what we asked (RFC 3261 §10.2.4)."""
    if binding is not None and binding.expires is not None:
        return float(min(binding.expires, EXPIRES_MOST))
    if response.expires is not None:
        return float(min(response.expires, EXPIRES_MOST))
    return asked


def _gruu(binding: NameAddr | None) -> str:
    """The public GRUU the registrar gave us (RFC 5627 §3.1), if it is a SIP URI."""
    gruu = binding.params.get("pub-gruu", "").strip('"') if binding is not None else ""
    return gruu if gruu.startswith(("sip:", "sips:")) and not set(gruu) & set('<>" \r\n') else ""
