"""An hour of a robot on a PBX, written as the engine itself would: a registration, and lamps that change."""

from __future__ import annotations

from sipclient.message import Request, parse
from sipclient.protocol.account import Account
from sipclient.protocol.agent import UserAgent
from sipclient.protocol.events import (
    AddAccount,
    Connect,
    Effect,
    Flow,
    FlowOpened,
    Packet,
    Resolve,
    Resolved,
    Send,
    Target,
    Watch,
)
from sipclient.trace import Address, Record

HERE, THERE = Address("192.0.2.1", 5060), Address("192.0.2.2", 5060)
FLOW = Flow("udp", HERE.host, HERE.port, THERE.host, THERE.port)
PIDF = (
    '<?xml version="1.0"?><presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:{0}@b"><tuple id="{0}">'
    "<status><basic>open</basic></status><note>{1}</note></tuple></presence>"
)
START = 1_700_000_000.0


class Counted:
    """Draws that are the same each time."""

    def __init__(self) -> None:
        self._count = 0

    def token(self, role: str) -> str:
        self._count += 1
        return f"{self._count:032x}"

    def spread(self, role: str, low: float, high: float) -> float:
        return (low + high) / 2


class Hour:
    """The engine and a PBX that answers at once, both written down."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.now = 1000.0
        self.agent = UserAgent(Counted(), user_agent="sipclient/hour")
        self._subscriptions: dict[str, tuple[Request, int]] = {}

    def run(self, effects: list[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Resolve):
                answer = Resolved(effect.request, (Target("udp", THERE.host, THERE.port),))
                self.run(self.agent.receive(answer, self.now))
            elif isinstance(effect, Connect):
                self.run(self.agent.receive(FlowOpened(effect.request, FLOW), self.now))
            elif isinstance(effect, Send):
                self._write(effect.data, sent=True)
                self._answer(effect.data)

    def _write(self, data: bytes, *, sent: bool) -> None:
        ends = (HERE, THERE) if sent else (THERE, HERE)
        self.records.append(Record(data, START + self.now - 1000.0, "wall", "", "UDP", *ends, line=len(self.records)))

    def hear(self, data: bytes) -> None:
        self._write(data, sent=False)
        self.run(self.agent.receive(Packet(FLOW, data), self.now))

    def _answer(self, data: bytes) -> None:
        request = parse(data)
        if not isinstance(request, Request):
            return
        heads = "".join(f"{name}: {request.headers.get(name)}\r\n" for name in ("Via", "From", "Call-ID", "CSeq"))
        to = request.headers.get("To") or ""
        tag = "" if request.to_tag else f";tag=pbx{request.call_id}"
        expires = f"Expires: {request.headers.get('Expires')}\r\n" if "Expires" in request.headers else ""
        contact = request.headers.get("Contact") or "<sip:pbx@192.0.2.2>"
        contact = contact if request.method == "REGISTER" else "<sip:pbx@192.0.2.2>"
        more = f"To: {to}{tag}\r\nContact: {contact}\r\n{expires}Content-Length: 0\r\n\r\n"
        self.hear(f"SIP/2.0 200 OK\r\n{heads}{more}".encode())
        if request.method == "SUBSCRIBE":
            user = request.to.uri.user or ""  # type: ignore[union-attr]
            self._subscriptions[user] = request, self._subscriptions.get(user, (request, 0))[1]
            self.tell(user, "Ready")

    def tell(self, extension: str, note: str) -> None:
        """A NOTIFY."""
        subscribe, number = self._subscriptions[extension]
        self._subscriptions[extension] = subscribe, number + 1
        body = PIDF.format(extension, note)
        to = (subscribe.headers.get("To") or "").partition(";tag=")[0]
        self.hear(
            (
                f"NOTIFY sip:robot@192.0.2.1 SIP/2.0\r\n"
                f"Via: SIP/2.0/UDP 192.0.2.2;branch=z9hG4bKn{extension}-{number}\r\n"
                f"From: {to};tag=pbx{subscribe.call_id}\r\nTo: {subscribe.headers.get('From')}\r\nMax-Forwards: 70\r\n"
                f"Call-ID: {subscribe.call_id}\r\nCSeq: {number + 1} NOTIFY\r\nEvent: presence\r\n"
                f"Subscription-State: active;expires=3600\r\nContact: <sip:pbx@192.0.2.2>\r\n"
                f"Content-Type: application/pidf+xml\r\nContent-Length: {len(body)}\r\n\r\n{body}"
            ).encode()
        )

    def until(self, when: float) -> None:
        """Let the time pass."""
        while (deadline := self.agent.deadline) is not None and deadline <= when:
            self.now = deadline
            self.run(self.agent.tick(deadline))
        self.now = when


def hour(messages: int, extensions: int = 20) -> list[Record]:
    """At least so many messages, spread over an hour."""
    made = Hour()
    account = Account("sip:robot@b", server="udp:192.0.2.2", keepalive=30.0, expires=300.0)
    made.run(made.agent.do(AddAccount(account), made.now))
    names = [str(1000 + number) for number in range(extensions)]
    for number, name in enumerate(names):
        made.run(made.agent.do(Watch(number + 1, account.key, name, ("presence",)), made.now))
    steps = (messages - len(made.records)) // 2
    for step in range(steps):
        made.until(1000.0 + 3600.0 * (step + 1) / steps)
        made.tell(names[step % extensions], ("Ringing", "On the phone", "Ready")[step // extensions % 3])
    return made.records
