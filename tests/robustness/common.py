"""What the robustness tests share: how much a run shows, and a robot with its PBX on the simulated wire.

The tests run a bounded share of each promise; `make soak` (SIPCLIENT_SOAK=1) runs what it names in full.
"""

from __future__ import annotations

import os
import resource

from support.peer import Peer, transaction_free
from support.wire import Node, Wire

from sipclient.message import Request, Response, parse
from sipclient.protocol.account import Account
from sipclient.protocol.events import AddAccount
from sipclient.protocol.limits import Limits

SOAK = os.environ.get("SIPCLIENT_SOAK") == "1"
ROBOT, SERVER, STRANGER = "10.0.0.2", "10.0.0.1", "10.0.0.66"
CONTACT = ("Contact", f"<sip:pbx@{SERVER}:5060>")
SDP = b"v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"
SECRET = "correct-horse-battery"


def share(bounded: int, full: int) -> int:
    """How many rounds this run makes: `full` of them when soaking."""
    return full if SOAK else bounded


def resident() -> int:
    """The memory of this process in bytes."""
    with open("/proc/self/statm", encoding="ascii") as statm:
        return int(statm.read().split()[1]) * resource.getpagesize()


class Bench:
    """The robot and its PBX: one engine, and one raw peer that says what the test tells it to.

    What the robot sends must be SIP: the peer parses all of it, and a message that is none fails the test.
    """

    def __init__(self, *, limits: Limits | None = None, seed: int | None = None) -> None:
        self.wire = Wire()
        self.robot: Node = self.wire.node(ROBOT, limits=limits, seed=seed)
        self.pbx = Peer(self.wire, SERVER)

    def account(self, **changes: object) -> Account:
        """An account at the PBX, without registration and keep-alive unless asked for."""
        values: dict[str, object] = {
            "address": "sip:robot@pbx.test",
            "name": "pbx",
            "password": SECRET,
            "server": f"udp:{SERVER}:5060",
            "keepalive": 0.0,
            "register": False,
        }
        return Account(**{**values, **changes})  # type: ignore[arg-type]

    def add(self, **changes: object) -> Bench:
        self.robot.do(AddAccount(self.account(**changes)))
        self.wire.run(0.2)
        return self

    def obliging(self) -> Bench:
        """The PBX takes everything: registers, accepts subscriptions, answers calls."""
        self.pbx.handler = transaction_free(self._oblige)
        return self

    def _oblige(self, request: Request) -> list[bytes]:
        if request.method == "ACK":
            return []
        expires = () if request.expires is None else (("Expires", str(request.expires)),)
        return [self.pbx.reply(request, 200, CONTACT, *expires)]

    def send(self, data: bytes, source: tuple[str, int] = (SERVER, 5060)) -> list[Response]:
        """A datagram to the robot, and the responses it caused at whoever sent it."""
        peer = self.wire.nodes[source].agent
        before = len(peer.inbox)  # type: ignore[attr-defined]
        self.wire.inject(self.robot, data, source=source)
        self.wire.run(0.1)
        return [each for each in peer.inbox[before:] if isinstance(each, Response)]  # type: ignore[attr-defined]

    def options(self) -> int:
        """The status of an OPTIONS asked now: proof of life."""
        call_id = f"life-{self.wire.now}"
        answers = self.send(self.pbx.request("OPTIONS", f"sip:robot@{ROBOT}", call_id=call_id))
        return next((each.status for each in answers if each.call_id == call_id), 0)

    def requests_sent(self, method: str) -> list[Request]:
        """The distinct requests of the robot, parsed, wherever they went."""
        parsed = [parse(data) for data in self.robot.requests(method)]
        return [each for each in parsed if isinstance(each, Request)]
