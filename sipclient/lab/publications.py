"""What extensions say of themselves: PUBLISH of presence (RFC 3903)."""

from __future__ import annotations

from collections.abc import Callable, Container

from sipclient.errors import MalformedBody
from sipclient.lab.values import Refusal
from sipclient.message import Request, SipUri
from sipclient.presence import Presence, State, parse
from sipclient.protocol.events import Headers
from sipclient.protocol.identifiers import Identifiers
from sipclient.protocol.timers import Timer, Timers

MAX_EXPIRES = 3600.0


class Publications:
    """One publication for each extension; `publish` hears its state, None where it ended."""

    def __init__(self, timers: Timers, ids: Identifiers, publish: Callable[[str, State | None], None]) -> None:
        self._timers = timers
        self._ids = ids
        self._publish = publish
        self._current: dict[str, tuple[str, Timer]] = {}

    def take(self, request: Request, extensions: Container[str], now: float) -> Headers | Refusal:
        """Do what an authenticated PUBLISH asks (RFC 3903 §6): the headers of its 200, or why not."""
        uri = request.uri
        extension = uri.user_text if isinstance(uri, SipUri) else ""
        if extension not in extensions:
            return Refusal(404)
        if request.event[0] != "presence":
            return Refusal(489, "", (("Allow-Events", "presence"),))
        etag = (request.headers.get("SIP-If-Match") or "").strip()
        current = self._current.get(extension)
        if etag and (current is None or current[0] != etag):
            return Refusal(412)
        seconds = min(MAX_EXPIRES if request.expires is None else float(request.expires), MAX_EXPIRES)
        state: State | None = None
        if request.body:
            try:
                document = parse(request.headers.get("Content-Type") or "", request.body)
            except MalformedBody as error:
                return Refusal(400, str(error)[:80])
            if not isinstance(document, Presence):
                return Refusal(415, "", (("Accept", "application/pidf+xml"),))
            state = document.state
        elif not etag:
            return Refusal(400, "Missing body")
        if current is not None:
            self._timers.stop(current[1])
        if not seconds:
            self._end(extension)
            return (("Expires", "0"),)
        fresh = self._ids.token("tag")
        self._current[extension] = (fresh, self._timers.start(now + seconds, self._end, extension))
        if state is not None:
            self._publish(extension, state)
        return (("SIP-ETag", fresh), ("Expires", str(int(seconds))))

    def _end(self, extension: str) -> None:
        self._current.pop(extension, None)
        self._publish(extension, None)
