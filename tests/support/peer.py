"""A raw SIP peer on the simulated wire: it says what the test tells it to, right or wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import count

from support.wire import Node, Wire

from sipclient.message import DEFAULT, Limits, Request, Response, parse
from sipclient.protocol.build import response
from sipclient.protocol.events import Effect, Flow, Input, Packet, Send


class Peer:
    """Looks like an engine to the wire. `handler(message, flow)` is called for each message and returns replies."""

    deadline: float | None = None
    limits: Limits = DEFAULT  # of what it takes

    def __init__(self, wire: Wire, host: str = "10.0.0.1", port: int = 5060) -> None:
        self.wire = wire
        self.node = Node(wire, host, port, 0, None)
        self.node.agent = self  # type: ignore[assignment]
        wire.nodes[host, port] = self.node
        self.inbox: list[Request | Response] = []
        self.flows: list[Flow] = []
        self.at: list[float] = []
        self.raw: list[bytes] = []
        self.handler: Callable[[Request | Response, Flow], Iterable[bytes]] = lambda message, flow: ()
        self._cseq = count(1)

    def receive(self, input: Input, now: float) -> list[Effect]:
        if not isinstance(input, Packet):
            return []
        self.raw.append(input.data)
        if input.data in (b"\r\n", b"\r\n\r\n"):
            return []
        message = parse(input.data, self.limits)
        self.inbox.append(message)
        self.flows.append(input.flow)
        self.at.append(now)
        return [Send(input.flow, data) for data in self.handler(message, input.flow)]

    def tick(self, now: float) -> list[Effect]:
        return []

    # --- looking ------------------------------------------------------------------------------------

    def requests(self, method: str) -> list[Request]:
        return [message for message in self.inbox if isinstance(message, Request) and message.method == method]

    def responses(self, method: str = "") -> list[Response]:
        return [m for m in self.inbox if isinstance(m, Response) and (not method or m.cseq.method == method)]

    # --- speaking -----------------------------------------------------------------------------------

    def send(self, flow: Flow, data: bytes) -> None:
        self.wire.perform(self.node, [Send(flow, data)])

    def reply(
        self,
        request: Request,
        status: int,
        *headers: tuple[str, str],
        tag: str = "peer",
        body: bytes = b"",
        reason: str = "",
        contact: bool = False,
    ) -> bytes:
        flow = Flow("udp", self.node.host, self.node.port, "10.9.9.9", 5060)
        if contact:
            headers = (("Contact", f"<sip:pbx@{self.node.host}:{self.node.port}>"), *headers)
        content = "application/sdp" if body else ""
        data = response(request, flow, status, reason, to_tag=tag, headers=headers, body=body, content_type=content)
        return data.replace(b";received=10.9.9.9;rport=5060", b"")

    def request(
        self,
        method: str,
        uri: str,
        *headers: tuple[str, str],
        call_id: str = "peer-call",
        from_: str = "<sip:1001@pbx.test>;tag=peer",
        to: str = "<sip:robot@pbx.test>",
        cseq: int | None = None,
        branch: str = "",
        body: bytes = b"",
        content_type: str = "application/sdp",
        cseq_method: str = "",
    ) -> bytes:
        number = next(self._cseq) if cseq is None else cseq
        branch = branch or f"z9hG4bKpeer{next(self._cseq)}"
        lines = [
            f"{method} {uri} SIP/2.0",
            f"Via: SIP/2.0/UDP {self.node.host}:{self.node.port};branch={branch};rport",
            "Max-Forwards: 70",
            f"From: {from_}",
            f"To: {to}",
            f"Call-ID: {call_id}",
            f"CSeq: {number} {cseq_method or method}",
            *(f"{name}: {value}" for name, value in headers),
        ]
        if body:
            lines.append(f"Content-Type: {content_type}")
        lines.append(f"Content-Length: {len(body)}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def transaction_free(
    replies: Callable[[Request], Iterable[bytes]],
) -> Callable[[Request | Response, Flow], Iterable[bytes]]:
    """A handler for requests only."""
    return lambda message, flow: replies(message) if isinstance(message, Request) else ()
