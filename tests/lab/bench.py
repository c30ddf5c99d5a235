"""The lab's PBX on the simulated wire, with phones that are engines too."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from support.wire import Node, SeededIdentifiers, Wire

from sipclient.errors import InvalidValue
from sipclient.lab.pbx import Pbx, lab_account
from sipclient.lab.values import Queue, Settings, User
from sipclient.message import Request, parse
from sipclient.presence import State
from sipclient.protocol.account import Account
from sipclient.protocol.events import (
    AddAccount,
    Answer,
    Command,
    Event,
    ExtensionChanged,
    IncomingCall,
    Invite,
    Ring,
    Watch,
)

HOST = "10.0.0.1"
SDP = b"v=0\r\no=- 1 1 IN IP4 10.0.0.9\r\ns=-\r\nc=IN IP4 10.0.0.9\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"
USERS = tuple(User(each, f"secret-{each}", f"Phone {each}") for each in ("1001", "1002", "2001", "2002", "robot"))


class PbxNode:
    """The PBX as a host: what the shell does around it, in virtual time. Between events it looks at its own clock."""

    def __init__(self, wire: Wire, users: Iterable[User], queues: Iterable[Queue], settings: Settings) -> None:
        self.wire = wire
        self.log: list[str] = []
        self.pbx = Pbx(users, queues, settings, ids=SeededIdentifiers(77), log=self.log.append)
        self.node = wire.node(HOST, seed=99)
        self.node.on_event = self._event
        self.node.do(AddAccount(lab_account(settings)))

    def do(self, commands: list[Command]) -> None:
        for command in commands:
            try:
                self.node.do(command)
            except InvalidValue:
                self.do(self.pbx.refused(command, self.wire.now))

    def _event(self, event: Event) -> None:
        self.do(self.pbx.handle(event, self.wire.now))

    def set_state(self, extension: str, state: State | None) -> None:
        self.do(self.pbx.set_state(extension, state, self.wire.now))


class Phone:
    """An engine with one account. `answer` in seconds (None: it only rings), or a command in place of it."""

    def __init__(self, bench: Bench, extension: str, **account: Any) -> None:
        self.bench = bench
        self.extension = extension
        number = len(bench.wire.nodes) + 1
        self.node: Node = bench.wire.node(f"10.0.1.{number}")
        self.node.on_event = self._event
        self.rings = True
        self.answers = True
        self.sdp = SDP
        settings = {"server": f"udp:{HOST}:5060", "password": f"secret-{extension}", "keepalive": 0.0} | account
        self.node.do(AddAccount(Account(f"sip:{extension}@{HOST}", name="pbx", **settings)))

    def _event(self, event: Event) -> None:
        if isinstance(event, IncomingCall):
            if self.rings:
                self.node.do(Ring(event.id))
            if self.answers:
                self.node.do(Answer(event.id, body=self.sdp))

    def call(self, to: str, id: int = 1, **more: Any) -> int:
        self.node.do(Invite(id, "pbx", to, **({"body": SDP} | more)))
        return id

    def of(self, kind: type) -> list[Any]:
        return self.node.of(kind)

    def last(self, kind: type) -> Any:
        return self.node.of(kind)[-1]

    def received(self, method: str) -> list[Request]:
        """The requests of this method that the PBX sent here."""
        sent = [parse(data) for data in self.bench.node.node.requests(method)]
        mine = f"{self.node.host}:"
        return [each for each in sent if isinstance(each, Request) and mine in each.uri_text]

    def watch(self, *extensions: str, packages: tuple[str, ...] = ("presence", "dialog")) -> None:
        for id, extension in enumerate(extensions, 1):
            self.node.do(Watch(id, "pbx", extension, packages))

    def states(self, extension: str) -> list[str]:
        return [str(each.after) for each in self.node.of(ExtensionChanged) if each.extension == extension]


class Bench:
    """A wire, a PBX, and phones."""

    def __init__(
        self,
        *phones: str,
        users: Iterable[User] = USERS,
        queues: Iterable[Queue] = (),
        settings: Settings | None = None,
        **wire: Any,
    ) -> None:
        self.wire = Wire(**wire)
        settings = settings or Settings(domain=HOST)
        self.node = PbxNode(self.wire, users, queues, settings)
        self.pbx = self.node.pbx
        self.phones = {each: Phone(self, each) for each in phones}
        self.run(1)

    def __getitem__(self, extension: str) -> Phone:
        return self.phones[extension]

    def phone(self, extension: str, **account: Any) -> Phone:
        phone = self.phones[extension] = Phone(self, extension, **account)
        return phone

    def run(self, seconds: float) -> None:
        """Virtual time passes, with the PBX's own deadlines in it."""
        end = self.wire.now + seconds
        while True:
            deadline = self.pbx.deadline
            if deadline is None or deadline > end:
                self.wire.run(end - self.wire.now)
                if self.pbx.deadline is None or self.pbx.deadline > end:
                    return
                continue
            # A step at a time: what arrives before may move the deadline.
            self.wire.run(max(0.0, min(deadline - self.wire.now, 0.05)))
            if self.pbx.deadline is not None and self.pbx.deadline <= self.wire.now:
                self.node.do(self.pbx.tick(self.wire.now))

    def quiet(self) -> None:
        """Nothing is left of any call."""
        assert self.pbx.calls == 0
        for node in self.wire.nodes.values():
            assert all(not station.calls for station in node.agent._stations.values()), node.host
