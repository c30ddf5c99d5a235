"""A robot and a PBX on a simulated wire."""

from __future__ import annotations

import pytest
from support.peer import Peer
from support.wire import Node, Wire

from sipclient.message import Request
from sipclient.protocol.account import Account
from sipclient.protocol.events import AddAccount

CHALLENGE = ("WWW-Authenticate", 'Digest realm="pbx", nonce="n1", algorithm=MD5, qop="auth"')


class Bench:
    """The robot (10.0.0.2) and its PBX (10.0.0.1)."""

    def __init__(self) -> None:
        self.wire = Wire()
        self.robot: Node = self.wire.node("10.0.0.2")
        self.pbx = Peer(self.wire)

    def account(self, **changes: object) -> Account:
        values: dict[str, object] = {
            "address": "sip:robot@pbx.test",
            "name": "pbx",
            "password": "secret",
            "server": "udp:10.0.0.1:5060",
            "keepalive": 0.0,
        }
        return Account(**{**values, **changes})  # type: ignore[arg-type]

    def add(self, **changes: object) -> None:
        self.robot.do(AddAccount(self.account(**changes)))
        self.wire.run(0.5)

    def answer_register(self, request: Request) -> list[bytes]:
        """Challenge once, then grant an hour."""
        if not request.authorizations:
            return [self.pbx.reply(request, 401, CHALLENGE)]
        expires = str(request.expires)
        contact = request.headers.get("Contact") or ""
        return [self.pbx.reply(request, 200, ("Contact", contact), ("Expires", expires))]


@pytest.fixture
def bench() -> Bench:
    return Bench()
