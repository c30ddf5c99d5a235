"""A message in a few words: what it is, and what its description offers."""

from __future__ import annotations

from sipclient.errors import MalformedBody
from sipclient.message import Request
from sipclient.presence import DialogInfo, MessageWaiting, Presence, parse
from sipclient.sdp import MediaDescription, SessionDescription
from sipclient.trace.damage import UNKNOWN
from sipclient.trace.entry import Entry, safely

_MOST_CODECS = 5
_MOST_LINES = 4
_SILENT = frozenset({"telephone-event", "CN", "red", ""})


def label(entry: Entry) -> str:
    """`INVITE 7000`, `180 Ringing`, `200 OK (BYE)`."""
    if isinstance(entry.message, Request):
        return f"{entry.title} {entry.called}".strip() if entry.method != "ACK" else "ACK"
    return entry.title if entry.method == "INVITE" else f"{entry.title} ({entry.method})"


def detail(entry: Entry) -> str:
    """What its description offers, or what else is worth a line: an event and its state, how long, why."""
    if entry.sdp is not None:
        return described(entry.sdp)
    if entry.sdp_text:
        return "an SDP that cannot be read"
    method, header = entry.method, entry.header
    words: list[str] = []
    if entry.is_request and method in ("SUBSCRIBE", "NOTIFY", "PUBLISH"):
        state = header("Subscription-State").partition(";")[0]
        words = [header("Event").partition(";")[0], state, _told(entry)]
    if method in ("REGISTER", "SUBSCRIBE") and (entry.is_request or entry.status < 300):
        seconds = safely(lambda: entry.message.expires, None)
        words.append("ends it" if seconds == 0 else f"for {seconds} s" if seconds is not None else "")
    if entry.status in (401, 407):
        words.append("asks for credentials")
    if entry.is_request and method == "REFER":
        words.append(f"to {header('Refer-To')[:60]}")
    words += [header(name)[:80] for name in ("Warning", "Reason") if header(name)]
    return " ".join(word for word in words if word)


def _told(entry: Entry) -> str:
    """What the body of a NOTIFY says, in a word for each dialog or extension."""
    try:
        body = parse(entry.header("Content-Type"), entry.message.body) if entry.message.body else None
    except MalformedBody:
        return "a body that cannot be read"
    if isinstance(body, DialogInfo):
        return " ".join(dict.fromkeys(dialog.state for dialog in body.dialogs[:_MOST_LINES])) or "no dialog"
    if isinstance(body, MessageWaiting):
        return f"{body.new} new messages"
    return body.state.value if isinstance(body, Presence) else ""


def described(description: SessionDescription) -> str:
    """`PCMU PCMA at 192.0.2.1:4000`, each m-line after the other."""
    lines = [_line(media) for media in description.media[:_MOST_LINES]]
    more = len(description.media) - len(lines)
    return " | ".join([*lines, f"{more} more lines"] if more > 0 else lines) or "no media"


def _line(media: MediaDescription) -> str:
    kind = "" if media.kind == "audio" else f"{media.kind} "
    if not media.port:
        return f"{kind or 'audio '}refused"
    names = list(dict.fromkeys(each.name for each in media.payloads if each.name not in _SILENT))
    codecs = " ".join(names[:_MOST_CODECS]) + ("…" if len(names) > _MOST_CODECS else "")
    place = media.connection.address if media.connection is not None else "?"
    host = "?" if place == UNKNOWN else f"[{place}]" if ":" in place else place
    words = [f"{kind}{codecs or media.proto} at {host}:{media.port}"]
    if media.direction != "sendrecv":
        words.append(media.direction.value)
    if media.inherited("fingerprint"):
        words.append("DTLS")
    elif media.first("crypto"):
        words.append("SDES")
    if media.inherited("ice-ufrag") or media.first("candidate"):
        words.append(f"ICE×{len(media.all('candidate'))}")
    return " ".join(words)
