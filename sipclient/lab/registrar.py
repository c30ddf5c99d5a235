"""Where the phones are: the registrar of RFC 3261 §10.3."""

from __future__ import annotations

from collections.abc import Callable

from sipclient.errors import MalformedMessage
from sipclient.lab.values import Dialect, Refusal, Settings, User
from sipclient.message import NameAddr, Request, SipUri
from sipclient.protocol.events import Flow, Headers, Value
from sipclient.protocol.timers import Timer, Timers

DEFAULT_EXPIRES = 300.0
MOST_CONTACTS = 8  # in one REGISTER


class Binding(Value, frozen=True):
    """One phone of a user: its contact, the flow it registered from, and when it expires."""

    contact: str
    flow: Flow
    expires_at: float
    call_id: str
    cseq: int


class Registrar:
    """The bindings of every user. `changed` hears the extension of whoever comes or goes."""

    def __init__(self, settings: Settings, timers: Timers, changed: Callable[[str], None]) -> None:
        self._settings = settings
        self._timers = timers
        self._changed = changed
        self._bindings: dict[str, dict[str, tuple[Binding, Timer]]] = {}

    def bindings(self, extension: str) -> list[Binding]:
        """Where the user's phones are, the latest first."""
        return [binding for binding, _ in reversed(self._bindings.get(extension, {}).values())]

    def registered(self, extension: str) -> bool:
        """Whether the user has a phone."""
        return bool(self._bindings.get(extension))

    def register(self, user: User, request: Request, flow: Flow, now: float) -> Headers | Refusal:
        """Do what an authenticated REGISTER asks: the headers of its 200, or why not."""
        to = request.to.uri
        if not isinstance(to, SipUri) or to.user_text != user.extension:
            return Refusal(403, "Not your address")
        try:
            refusal = self._update(user.extension, request, flow, now)
        except MalformedMessage as error:
            return Refusal(400, error.reason[:80])
        if refusal is not None:
            return refusal
        return tuple(
            ("Contact", f"<{binding.contact}>;expires={int(binding.expires_at - now)}")
            for binding in self.bindings(user.extension)
        )

    def _update(self, extension: str, request: Request, flow: Flow, now: float) -> Refusal | None:
        if request.contact_star:
            if request.expires != 0:
                return Refusal(400, "Contact: * goes with Expires: 0")
            for contact in list(self._bindings.get(extension, {})):
                self._remove((extension, contact))
            return None
        contacts = request.contacts[: MOST_CONTACTS + 1]
        if len(contacts) > MOST_CONTACTS:
            return Refusal(403, "Too many contacts")
        wanted = [(str(each.uri), self._seconds(each, request)) for each in contacts]
        if any(seconds is None for _, seconds in wanted):
            return Refusal(423, "", (("Min-Expires", str(int(self._settings.min_expires))),))
        bound = self._bindings.get(extension, {})
        for contact, _ in wanted:
            before = bound.get(contact)
            if before and before[0].call_id == request.call_id and request.cseq.number <= before[0].cseq:
                return Refusal(500, "CSeq out of order")
        for contact, seconds in wanted:
            if seconds:
                expires_at = now + seconds
                self._bind(extension, Binding(contact, flow, expires_at, request.call_id, request.cseq.number))
            else:
                self._remove((extension, contact))
        return None

    def _seconds(self, contact: NameAddr, request: Request) -> float | None:
        """For how long a contact is bound; None where that is too short for us."""
        asked = contact.expires if contact.expires is not None else request.expires
        seconds = DEFAULT_EXPIRES if asked is None else float(asked)
        if not seconds:
            return 0.0
        if seconds < self._settings.min_expires and self._settings.dialect is not Dialect.ASTERISK:
            return None
        return min(max(seconds, self._settings.min_expires), self._settings.max_expires)

    def _bind(self, extension: str, binding: Binding) -> None:
        bound = self._bindings.setdefault(extension, {})
        before = bound.pop(binding.contact, None)
        if before is not None:
            self._timers.stop(before[1])
        while len(bound) >= self._settings.max_contacts:
            _, timer = bound.pop(next(iter(bound)))
            self._timers.stop(timer)
        timer = self._timers.start(binding.expires_at, self._remove, (extension, binding.contact))
        bound[binding.contact] = (binding, timer)
        self._changed(extension)

    def _remove(self, key: tuple[str, str]) -> None:
        extension, contact = key
        bound = self._bindings.get(extension, {})
        entry = bound.pop(contact, None)
        if entry is not None:
            self._timers.stop(entry[1])
            if not bound:
                del self._bindings[extension]
            self._changed(extension)
