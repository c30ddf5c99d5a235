"""What passes through the lab, as arrows between people: messages in, at most one arrow each out."""

from __future__ import annotations

from collections.abc import Iterable

from sipclient.errors import MalformedBody, MalformedMessage
from sipclient.message import Request, Response, SipUri, parse
from sipclient.presence import DialogInfo, Presence
from sipclient.presence import parse as parse_body
from sipclient.protocol.events import Flow, Value

PBX = "PBX"
_CHALLENGED = frozenset({"REGISTER", "INVITE", "SUBSCRIBE", "PUBLISH"})
_REMEMBERED = 4096  # messages by which a retransmission is known


class Arrow(Value, frozen=True):
    """One message from one column to another. `detail` may be left out where there is no room."""

    at: float
    source: str
    target: str
    label: str
    detail: str
    status: int  # 0 for a request


class Wiretap:
    """Knows who is behind which address since they registered, and which messages say something to a person.

    Left out, unless `everything`: retransmissions, 100s, ACKs, answers to NOTIFYs, and the round trip of a digest
    challenge.
    """

    def __init__(self, columns: Iterable[str], *, everything: bool = False) -> None:
        self._columns = frozenset(columns)
        self._everything = everything
        self._people: dict[tuple[str, str, int], str] = {}
        self._seen: dict[tuple[Flow, bytes], None] = {}

    def hear(self, data: bytes, flow: Flow, at: float, *, sent: bool) -> Arrow | None:
        """One message that the lab sent or received; None where it is nothing to draw."""
        if not data.strip() or (flow, data) in self._seen:
            return None
        self._seen[flow, data] = None
        if len(self._seen) > _REMEMBERED:
            del self._seen[next(iter(self._seen))]
        try:
            return self._arrow(parse(data), flow, at, sent)
        except MalformedMessage:
            return None

    def _arrow(self, message: Request | Response, flow: Flow, at: float, sent: bool) -> Arrow | None:
        place = (flow.transport, flow.remote_host, flow.remote_port)
        if isinstance(message, Request) and message.method == "REGISTER" and not sent:
            uri = message.to.uri
            self._people[place] = uri.user_text if isinstance(uri, SipUri) else str(uri)
        person = self._people.get(place, "")
        if person not in self._columns or (not self._everything and self._is_noise(message, sent)):
            return None
        source, target = (PBX, person) if sent else (person, PBX)
        if isinstance(message, Response):
            return Arrow(
                at, source, target, f"{message.status} {message.reason}", f"({message.cseq.method})", message.status
            )
        return Arrow(at, source, target, *_words(message, sent), 0)

    @staticmethod
    def _is_noise(message: Request | Response, sent: bool) -> bool:
        if isinstance(message, Response):
            return message.status in (100, 401, 407) or message.cseq.method in ("NOTIFY", "PRACK")
        if message.method in ("ACK", "PRACK", "OPTIONS"):
            return True
        return not sent and message.method in _CHALLENGED and not message.authorizations and not message.to_tag


def _words(request: Request, sent: bool) -> tuple[str, str]:
    """The method and what goes with it."""
    method, uri = request.method, request.uri
    user = uri.user_text if isinstance(uri, SipUri) else ""
    if method == "INVITE" and sent:
        sender = request.from_
        name = f'"{sender.display_name}" ' if sender.display_name else ""
        number = sender.uri.user_text if isinstance(sender.uri, SipUri) else str(sender.uri)
        return method, f"{name}<{number}>"
    if method == "INVITE":
        return f"{method} {user}", ""
    if method == "SUBSCRIBE":
        return method, request.event[0] if request.expires != 0 else "ends"
    if method == "NOTIFY":
        return method, _told(request)
    if method == "REGISTER":
        leaves = request.expires == 0 or any(contact.expires == 0 for contact in request.contacts)
        return method, "leaves" if leaves else "digest"
    return method, ""


def _told(notify: Request) -> str:
    try:
        document = parse_body(notify.headers.get("Content-Type") or "", notify.body)
    except MalformedBody:
        return ""
    if isinstance(document, Presence):
        return str(document.state)
    if isinstance(document, DialogInfo):
        return " ".join(dict.fromkeys(dialog.state for dialog in document.dialogs)) or "no dialog"
    return ""
