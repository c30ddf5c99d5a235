"""Subscriptions that were there before the trace began: told from the first NOTIFY of each, and set up unseen."""

from __future__ import annotations

from sipclient.errors import MalformedMessage
from sipclient.message import Request, SipUri
from sipclient.trace.replaying.prompting import STATES
from sipclient.trace.replaying.sides import Seen

LONG = 3600  # seconds that such a subscription has, where its NOTIFY does not say


class Earlier:
    """The NOTIFYs of one address of ours whose SUBSCRIBE the trace does not show."""

    def __init__(self, received: list[Seen], sent: list[Seen]) -> None:
        begun = {each.call for each in sent if each.is_request and each.method == "SUBSCRIBE"}
        self._first: dict[str, dict[str, Seen]] = {}  # by extension and package
        for each in received:
            request = each.message
            if not isinstance(request, Request) or request.method != "NOTIFY" or not request.to_tag:
                continue
            package, extension = request.event[0], _extension(request)
            if _lasts(request) is None:
                continue  # nobody can say whether it is a subscription
            if each.call not in begun and package in STATES and extension:
                self._first.setdefault(extension, {}).setdefault(package, each)

    def of(self, seen: Seen) -> tuple[str, dict[str, Seen]]:
        """The extension that this message is the first to tell of, and the first NOTIFY of each package; once only."""
        for extension, packages in self._first.items():
            if any(each is seen for each in packages.values()):
                return extension, self._first.pop(extension)
        return "", {}


def accepted(subscribe: Request, notify: Request) -> bytes:
    """The 200 that the notifier must have sent to our SUBSCRIBE."""
    expires = _lasts(notify) or LONG
    heads = "".join(f"{name}: {subscribe.headers.get(name)}\r\n" for name in ("Via", "From", "Call-ID", "CSeq"))
    to = f"To: {subscribe.headers.get('To')};tag={notify.from_tag}\r\n"
    contact = f"Contact: {notify.headers.get('Contact') or notify.headers.get('From')}\r\n"
    whole = f"SIP/2.0 200 OK\r\n{heads}{to}{contact}Expires: {expires}\r\nContent-Length: 0\r\n\r\n"
    return whole.encode("utf-8", "surrogateescape")


def _lasts(notify: Request) -> int | None:
    """The seconds that a subscription has left, 0 where its NOTIFY does not say; None where that cannot be read."""
    try:
        text = notify.subscription_state[1].get("expires", "")
    except MalformedMessage:
        return None
    return int(text) if text.isdecimal() and len(text) < 10 else 0


def _extension(notify: Request) -> str:
    uri = notify.from_.uri
    return (uri.user or "") if isinstance(uri, SipUri) else ""
