"""Writing what we send: requests from drafts, responses from the request they answer."""

from __future__ import annotations

from typing import Final

from sipclient.message import Request, quote, reason_phrase
from sipclient.protocol.events import Flow, Headers

Warnings = tuple[tuple[int, str], ...]  # warn-codes and words

MAX_FORWARDS: Final = "70"
ALLOW: Final = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, MESSAGE, NOTIFY, PRACK, REFER, UPDATE"
SUPPORTED: Final = "100rel, replaces, timer"
ACCEPT: Final = "application/sdp"
_MOST_WARNINGS, _LONGEST_WARNING = 5, 160  # so that a refusal fits into a datagram
_ROUTED: Final = frozenset({"INVITE", "SUBSCRIBE", "NOTIFY", "REFER"})


def told(host: str) -> str:
    """An address of a flow as others are told of it: the zone of a link-local one means something here only, and SIP
    has no word for it (RFC 4007 §11.2, RFC 3261 §25.1)."""
    return host.partition("%")[0] if "%" in host else host


def host_port(host: str, port: int | None) -> str:
    """`host:port` with an IPv6 literal in brackets and without its zone; no port where it is None or 0."""
    if ":" in host:
        host = f"[{told(host)}]"
    return f"{host}:{port}" if port else host


def routed(uri: str, routes: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """Request-URI and Route values of a request to `uri` by way of a route set; a strict router, which knows no `lr`,
    finds itself in the Request-URI and the target at the end (RFC 3261 §12.2.1.1)."""
    if routes and not _is_loose(routes[0]):
        return uri_of(routes[0]), (*routes[1:], f"<{uri}>")
    return uri, routes


def _is_loose(route: str) -> bool:
    return any(param.partition("=")[0].strip().lower() == "lr" for param in uri_of(route).split(";")[1:])


def uri_of(route: str) -> str:
    """The URI of a Route or Record-Route value, without display name and header parameters."""
    return route.rpartition("<")[2].partition(">")[0]


def one_line(text: str) -> str:
    """The text without anything that a header cannot hold."""
    return "".join(character if character.isprintable() else " " for character in text)


def warning_headers(agent: str, warnings: Warnings) -> Headers:
    """Why we refuse, a header a reason: warn-code, who says so, and words (RFC 3261 §20.43)."""
    told = ((code, one_line(text)[:_LONGEST_WARNING]) for code, text in warnings[:_MOST_WARNINGS])
    return tuple(("Warning", f"{code} {agent} {quote(text)}") for code, text in told)


class Draft:
    """A request before it knows where it goes: no Via, no CSeq number, no credentials."""

    __slots__ = ("body", "call_id", "content_type", "extra", "from_", "method", "routes", "to", "uri")

    def __init__(
        self,
        method: str,
        uri: str,
        from_: str,
        to: str,
        call_id: str,
        *,
        routes: tuple[str, ...] = (),
        extra: Headers = (),
        body: bytes = b"",
        content_type: str = "",
    ) -> None:
        self.method = method
        self.uri = uri
        self.routes = routes
        self.from_ = from_
        self.to = to
        self.call_id = call_id
        self.extra = extra
        self.body = body
        self.content_type = content_type

    def encode(self, via: str, cseq: int, more: Headers = ()) -> bytes:
        """The bytes of the request, with this Via value, CSeq number and further headers (RFC 3261 §8.1.1)."""
        head = self._head(self.method, via, self.to, cseq)
        further = "".join([f"{name}: {value}\r\n" for name, value in self.extra + more])
        body = self.body
        length = f"Content-Type: {self.content_type}\r\nContent-Length: {len(body)}" if body else "Content-Length: 0"
        lines = f"{head}{further}{length}\r\n\r\n".encode("utf-8", "surrogateescape")
        return lines + body if body else lines

    def ack(self, via: str, cseq: int, to: str) -> bytes:
        """The ACK of a non-2xx: Via, Route and Call-ID are the request's, To is the response's (RFC 3261 §17.1.1.3)."""
        text = self._head("ACK", via, to, cseq) + "Content-Length: 0\r\n\r\n"
        return text.encode("utf-8", "surrogateescape")

    def _head(self, method: str, via: str, to: str, cseq: int) -> str:
        """The lines that every request begins with."""
        routes = "".join([f"Route: {route}\r\n" for route in self.routes]) if self.routes else ""
        return (
            f"{method} {self.uri} SIP/2.0\r\nVia: {via}\r\n{routes}Max-Forwards: {MAX_FORWARDS}\r\n"
            f"From: {self.from_}\r\nTo: {to}\r\nCall-ID: {self.call_id}\r\nCSeq: {cseq} {method}\r\n"
        )


def response_flow(request: Request, flow: Flow) -> Flow:
    """Where the response to a request goes (RFC 3261 §18.2.2, RFC 3581 §4)."""
    if flow.transport != "udp":
        return flow
    hop = request.hop
    if hop.rport is not None or (hop.port or 5060) == flow.remote_port:
        return flow
    return Flow(flow.transport, flow.local_host, flow.local_port, flow.remote_host, hop.port or 5060)


def _stamped(text: str, request: Request, flow: Flow) -> str:
    """The top Via as it stands, with `received` and `rport` filled in (RFC 3261 §18.2.1, RFC 3581 §4)."""
    hop, received = request.hop, told(flow.remote_host)
    if hop.bare:  # as of nearly every request
        return text.replace(";rport", f";received={received};rport={flow.remote_port}")
    if hop.rport is None and hop.host == received:
        return text
    parts = str(request.via).split(";")
    parts = [part for part in parts if part.partition("=")[0].strip().lower() not in ("rport", "received")]
    parts.append(f"received={received}")
    if hop.rport is not None:
        parts.append(f"rport={flow.remote_port}")
    return f" {';'.join(parts)}"


def response(
    request: Request,
    flow: Flow,
    status: int,
    reason: str = "",
    *,
    to_tag: str = "",
    headers: Headers = (),
    body: bytes = b"",
    content_type: str = "",
) -> bytes:
    """The bytes of a response to `request` (RFC 3261 §8.2.6.2).

    `to_tag` is added where the request has none and the status is above 100. A 2xx or 1xx to an INVITE
    copies Record-Route (§12.1.1).
    """
    source = request.headers
    index = source.index
    via = index["via"]
    before = after = ""  # what stands between the Via and From, and behind CSeq
    if "," in via or source.repeats:
        via, *below = [f" {hop}" for hop in source.values("Via")]
        before = "".join([f"Via:{hop}\r\n" for hop in below])
    if status < 300 and "record-route" in index and request.method in _ROUTED:
        before += "".join([f"Record-Route: {route}\r\n" for route in source.all("Record-Route")])
    if status == 100 and "timestamp" in index:
        # RFC 3261 §8.2.6.1; we never wait, so there is no delay to add
        before += f"Timestamp:{index['timestamp']}\r\n"
    to = index["to"]
    if to_tag and status > 100 and not request.to_tag:
        to = f"{to.rstrip()};tag={to_tag}"
    for name, value in headers:
        after += f"{name}: {value}\r\n"
    if body:
        after += f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    else:
        after += "Content-Length: 0\r\n\r\n"
    # The values keep the blanks they came with.
    text = (
        f"SIP/2.0 {status} {reason or reason_phrase(status)}\r\nVia:{_stamped(via, request, flow)}\r\n{before}"
        f"From:{index['from']}\r\nTo:{to}\r\nCall-ID:{index['call-id']}\r\nCSeq:{index['cseq']}\r\n{after}"
    )
    data = text.encode("utf-8", "surrogateescape")
    return data + body if body else data
