"""Request and Response: a start line, headers that are read when asked for, and a body."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from sipclient.errors import InvalidValue, MalformedMessage
from sipclient.message import readers
from sipclient.message.address import NameAddr
from sipclient.message.headers import Headers
from sipclient.message.names import check_header_value, is_token
from sipclient.message.reasons import reason_phrase
from sipclient.message.text import EMPTY, Params
from sipclient.message.uri import Uri, parse_uri
from sipclient.message.values import Challenge, Credentials, RAck, Reason, Replaces
from sipclient.message.via import CSeq, Hop, Via

_NOTHING: Final = ("", EMPTY)


class Message:
    """What requests and responses share.

    The typed properties read their header when first asked, keep the value until a header changes, and raise
    MalformedMessage (400) when the header is not what its grammar says; the mandatory ones also when it is
    missing. Those that every message is asked for are looked up among what was read before, of whatever message.
    `bytes(message)` writes it, headers in order and named as received, Content-Length recomputed.
    """

    __slots__ = ("body", "headers")

    headers: Headers
    body: bytes

    def start_line(self) -> str:
        """The first line, without its CRLF."""
        raise NotImplementedError

    def __bytes__(self) -> bytes:
        lines = [self.start_line()]
        length = f": {len(self.body)}"
        written = False
        for name, value in self.headers:
            if name.lower() in ("content-length", "l"):
                if not written:
                    lines.append(name + length)
                written = True
            else:
                lines.append(f"{name}: {value}")
        if not written:
            lines.append("Content-Length" + length)
        lines.append("\r\n")
        return "\r\n".join(lines).encode("utf-8", "surrogateescape") + self.body

    def __eq__(self, other: object) -> bool:
        """Same start line, headers and body; a Content-Length that merely says so does not count."""
        if not isinstance(other, Message):
            return NotImplemented
        return (
            self.start_line() == other.start_line()
            and self.body == other.body
            and _without_length(self.headers) == _without_length(other.headers)
        )

    __hash__ = None  # type: ignore[assignment]  # it can change

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.start_line()!r}>"

    # What every message has (RFC 3261 §8.1.1).

    @property
    def via(self) -> Via:
        """The top Via."""
        return self.headers.read(readers.via)

    @property
    def hop(self) -> Hop:
        """What matching and answering need of the top Via (RFC 3261 §17.1.3, §17.2.3, §18.2.2)."""
        headers = self.headers
        if headers.repeats:
            return headers.read(readers.hop)
        try:
            return readers.HOP[headers.index["via"]]
        except KeyError:
            raise MalformedMessage("there is no Via") from None

    @property
    def vias(self) -> tuple[Via, ...]:
        """All hops, top first."""
        return self.headers.read(readers.vias)

    @property
    def from_(self) -> NameAddr:
        """From."""
        return self.headers.read(readers.from_)

    @property
    def to(self) -> NameAddr:
        """To."""
        return self.headers.read(readers.to)

    @property
    def from_tag(self) -> str:
        """The tag of From, "" if there is none."""
        try:
            return readers.TAG[self.headers.index["from"]]
        except KeyError:
            raise MalformedMessage("there is no From") from None

    @property
    def to_tag(self) -> str:
        """The tag of To, "" if there is none."""
        try:
            return readers.TAG[self.headers.index["to"]]
        except KeyError:
            raise MalformedMessage("there is no To") from None

    @property
    def call_id(self) -> str:
        """Call-ID."""
        try:
            return readers.CALL_ID[self.headers.index["call-id"]]
        except KeyError:
            raise MalformedMessage("there is no Call-ID") from None

    @property
    def cseq(self) -> CSeq:
        """CSeq."""
        try:
            return readers.CSEQ[self.headers.index["cseq"]]
        except KeyError:
            raise MalformedMessage("there is no CSeq") from None

    @property
    def max_forwards(self) -> int | None:
        """Max-Forwards, 0 to 255; None where it is missing."""
        value = self.headers.index.get("max-forwards")
        return readers.MAX_FORWARDS[value] if value is not None else None

    # Where to send what comes next.

    @property
    def contacts(self) -> tuple[NameAddr, ...]:
        """The addresses of Contact; none for `*`."""
        return self.headers.read(readers.contacts)

    @property
    def contact_uri(self) -> str:
        """The URI of the first Contact as text, "" if there is none: where requests in a dialog go."""
        value = self.headers.index.get("contact")
        if value is None:
            return ""
        if self.headers.repeats:
            return str(self.contacts[0].uri) if self.contacts else ""
        return readers.CONTACT[value]

    @property
    def contact_star(self) -> bool:
        """Whether Contact is `*`: all bindings (RFC 3261 §10.2.2)."""
        return self.headers.read(readers.contact_star)

    @property
    def routes(self) -> tuple[NameAddr, ...]:
        """Route."""
        return self.headers.read(readers.routes)

    @property
    def record_routes(self) -> tuple[NameAddr, ...]:
        """Record-Route, as it stands."""
        return self.headers.read(readers.record_routes)

    @property
    def paths(self) -> tuple[NameAddr, ...]:
        """Path (RFC 3327)."""
        return self.headers.read(readers.paths)

    @property
    def service_routes(self) -> tuple[NameAddr, ...]:
        """Service-Route (RFC 3608)."""
        return self.headers.read(readers.service_routes)

    @property
    def asserted_identities(self) -> tuple[NameAddr, ...]:
        """P-Asserted-Identity (RFC 3325)."""
        return self.headers.read(readers.asserted_identities)

    @property
    def refer_to(self) -> NameAddr | None:
        """Refer-To (RFC 3515)."""
        return self.headers.read(readers.refer_to)

    @property
    def referred_by(self) -> NameAddr | None:
        """Referred-By (RFC 3892)."""
        return self.headers.read(readers.referred_by)

    @property
    def replaces(self) -> Replaces | None:
        """Replaces (RFC 3891)."""
        return self.headers.read(readers.replaces)

    # How long.

    @property
    def expires(self) -> int | None:
        """Expires in seconds, at most 2**32 - 1."""
        return self.headers.read(readers.expires)

    @property
    def min_expires(self) -> int | None:
        """Min-Expires in seconds."""
        return self.headers.read(readers.min_expires)

    @property
    def retry_after(self) -> int | None:
        """Retry-After in seconds, its comment and parameters left aside."""
        return self.headers.read(readers.retry_after)

    @property
    def flow_timer(self) -> int | None:
        """Flow-Timer in seconds (RFC 5626)."""
        return self.headers.read(readers.flow_timer)

    @property
    def session_expires(self) -> tuple[int, str]:
        """Session-Expires (RFC 4028): seconds, 0 where it is missing, and "uac", "uas" or ""."""
        return self.headers.read(readers.session_expires)

    @property
    def min_se(self) -> int | None:
        """Min-SE in seconds (RFC 4028)."""
        return self.headers.read(readers.min_se)

    # What is spoken.

    @property
    def content_type(self) -> str:
        """`type/subtype` in lower case, "" where it is missing."""
        value = self.headers.index.get("content-type")
        return readers.MEDIA_TYPE[value][0] if value is not None else ""

    @property
    def content_type_params(self) -> Params:
        """The parameters of Content-Type."""
        value = self.headers.index.get("content-type")
        return readers.MEDIA_TYPE[value][1] if value is not None else EMPTY

    @property
    def require(self) -> tuple[str, ...]:
        """The option tags of Require, in lower case."""
        return self.headers.read(readers.require)

    @property
    def supported(self) -> tuple[str, ...]:
        """The option tags of Supported, in lower case."""
        return self.headers.read(readers.supported)

    @property
    def proxy_require(self) -> tuple[str, ...]:
        """The option tags of Proxy-Require, in lower case."""
        return self.headers.read(readers.proxy_require)

    @property
    def unsupported(self) -> tuple[str, ...]:
        """The option tags of Unsupported, in lower case."""
        return self.headers.read(readers.unsupported)

    @property
    def allow(self) -> tuple[str, ...]:
        """The methods of Allow, as written."""
        return self.headers.read(readers.allow)

    @property
    def event(self) -> tuple[str, Params]:
        """Event: package as written and parameters; ("", none) where it is missing."""
        value = self.headers.index.get("event")
        return readers.EVENT[value] if value is not None else _NOTHING

    @property
    def subscription_state(self) -> tuple[str, Params]:
        """Subscription-State: state in lower case and parameters; ("", none) where it is missing."""
        value = self.headers.index.get("subscription-state")
        return readers.SUBSCRIPTION_STATE[value] if value is not None else _NOTHING

    @property
    def rseq(self) -> int | None:
        """RSeq (RFC 3262)."""
        return self.headers.read(readers.rseq)

    @property
    def rack(self) -> RAck | None:
        """RAck (RFC 3262)."""
        return self.headers.read(readers.rack)

    @property
    def reason_header(self) -> tuple[Reason, ...]:
        """The values of Reason (RFC 3326); what cannot be read is left out."""
        return self.headers.read(readers.reasons)

    # Who may.

    @property
    def challenges(self) -> tuple[Challenge, ...]:
        """WWW-Authenticate, then Proxy-Authenticate."""
        return self.headers.read(readers.challenges)

    @property
    def authorizations(self) -> tuple[Credentials, ...]:
        """Authorization, then Proxy-Authorization."""
        return self.headers.read(readers.authorizations)

    @property
    def authentication_info(self) -> dict[str, str]:
        """Authentication-Info; empty where it is missing."""
        return self.headers.read(readers.authentication_info)


def _without_length(headers: Headers) -> Headers:
    copy = headers.copy()
    copy.remove("Content-Length")
    return copy


def _as_headers(headers: Headers | Iterable[tuple[str, str]], checked: bool) -> Headers:
    if isinstance(headers, Headers):
        return headers if checked else headers.copy()
    return Headers(headers)


class Request(Message):
    """A request. `method` is as written (methods are case-sensitive), `uri_text` the Request-URI as written.

    Headers are taken over where `checked` says that all parts were looked at already, as the parser does.
    """

    __slots__ = ("_uri", "method", "uri_text")

    def __init__(
        self,
        method: str,
        uri: str | Uri,
        headers: Headers | Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        *,
        checked: bool = False,
    ) -> None:
        text = str(uri)
        if not checked:
            check_header_value(text, "Request-URI")
            if not is_token(method):
                raise InvalidValue(f"{method!r} is no method name")
            if not text or " " in text or "\t" in text or "<" in text or ">" in text:
                raise InvalidValue(f"{text!r} is no Request-URI")
        self.method = method
        self.uri_text = text
        self._uri: tuple[str, Uri] | None = None
        self.headers = _as_headers(headers, checked)
        self.body = body

    @property
    def uri(self) -> Uri:
        """The Request-URI. Raises MalformedMessage (400); a scheme we do not speak is an OtherUri."""
        kept = self._uri
        if kept is None or kept[0] is not self.uri_text:
            kept = self._uri = (self.uri_text, parse_uri(self.uri_text))
        return kept[1]

    def start_line(self) -> str:
        """`METHOD uri SIP/2.0`."""
        return f"{self.method} {self.uri_text} SIP/2.0"


class Response(Message):
    """A response. An empty `reason` given by hand becomes the standard phrase; `checked` as of a Request."""

    __slots__ = ("reason", "status")

    def __init__(
        self,
        status: int,
        reason: str = "",
        headers: Headers | Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        *,
        checked: bool = False,
    ) -> None:
        if not checked:
            if not 100 <= status <= 699:
                raise InvalidValue(f"{status} is no status: 100 to 699")
            check_header_value(reason, "reason phrase")
            reason = reason or reason_phrase(status)
        self.status = status
        self.reason = reason
        self.headers = _as_headers(headers, checked)
        self.body = body

    @property
    def status_class(self) -> int:
        """The first digit of the status: 1 provisional, 2 success, 3 redirection, 4 to 6 failure."""
        return self.status // 100

    def start_line(self) -> str:
        """`SIP/2.0 status reason`."""
        return f"SIP/2.0 {self.status} {self.reason}"
