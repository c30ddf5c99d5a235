"""Ten thousand watched extensions: what each costs in memory, and that waiting costs nothing. In virtual time."""

from __future__ import annotations

import gc
import tracemalloc
from collections import Counter, deque

import pytest
from support.wire import SeededIdentifiers

from sipclient.message import Request, parse
from sipclient.presence import State
from sipclient.protocol.account import Account
from sipclient.protocol.agent import UserAgent
from sipclient.protocol.build import response
from sipclient.protocol.events import (
    AddAccount,
    Connect,
    Effect,
    ExtensionChanged,
    Flow,
    FlowOpened,
    Packet,
    Resolve,
    Resolved,
    Send,
    Target,
    Watch,
)

FLOW = Flow("udp", "10.0.0.2", 5060, "10.0.0.1", 5060)
KIB = 1024
BODIES = {
    "presence": (
        "application/pidf+xml",
        '<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:{ext}@pbx"><note>Ready</note>'
        '<tuple id="{ext}"><status><basic>open</basic></status></tuple></presence>',
    ),
    "dialog": (
        "application/dialog-info+xml",
        '<dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="0" state="full" entity="sip:{ext}@pbx">'
        '<dialog id="{ext}"><state>terminated</state></dialog></dialog-info>',
    ),
}


class Watcher:
    """An engine and, in one object, its network and its PBX, which remember nothing but how often they were asked."""

    def __init__(self, *, expires: float, keepalive: float = 30.0) -> None:
        self.engine = UserAgent(SeededIdentifiers(1))
        self.now = 1000.0
        self.expires = expires
        self.asked: Counter[str] = Counter()
        self.seconds: Counter[int] = Counter()  # SUBSCRIBEs in each
        self.ready = 0
        self._replies: deque[bytes] = deque()
        account = Account("sip:robot@pbx", name="pbx", server="udp:10.0.0.1:5060", expires=expires, keepalive=keepalive)
        self.perform(self.engine.do(AddAccount(account), self.now))

    def watch(self, count: int, packages: tuple[str, ...]) -> None:
        for id in range(count):
            self.perform(self.engine.do(Watch(id, "pbx", str(10000 + id), packages), self.now))

    def perform(self, effects: list[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Send):
                self._sent(effect.data)
            elif isinstance(effect, Resolve):
                answer = Resolved(effect.request, (Target("udp", "10.0.0.1", 5060),))
                self.perform(self.engine.receive(answer, self.now))
            elif isinstance(effect, Connect):
                self.perform(self.engine.receive(FlowOpened(effect.request, FLOW), self.now))
            elif isinstance(effect, ExtensionChanged) and effect.after is State.READY:
                self.ready += 1
        while self._replies:
            self.perform(self.engine.receive(Packet(FLOW, self._replies.popleft()), self.now))

    def _sent(self, data: bytes) -> None:
        request = parse(data)
        if not isinstance(request, Request):
            return
        self.asked[request.method] += 1
        extra: tuple[tuple[str, str], ...] = ()
        if request.method == "SUBSCRIBE":
            self.seconds[int(self.now)] += 1
            extra = (("Contact", "<sip:pbx@10.0.0.1:5060>"),)
        expires = (("Expires", str(int(self.expires))),) if request.expires is not None else ()
        here = Flow("udp", "10.0.0.1", 5060, "10.0.0.2", 5060)
        self._replies.append(response(request, here, 200, to_tag="pbx", headers=(*expires, *extra)))
        if request.method == "SUBSCRIBE":
            self._replies.append(self._notify(request))

    def _notify(self, request: Request) -> bytes:
        package = request.event[0]
        kind, body = BODIES[package]
        extension = (request.headers.get("To") or "").partition(":")[2].partition("@")[0]
        content = body.format(ext=extension).encode()
        lines = [
            f"NOTIFY {request.contact_uri} SIP/2.0",
            f"Via: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bK{request.call_id}{request.cseq.number};rport",
            f"From: <sip:{extension}@pbx>;tag=pbx",
            f"To: {request.headers.get('From')}",
            f"Call-ID: {request.call_id}",
            f"CSeq: {request.cseq.number} NOTIFY",
            "Contact: <sip:pbx@10.0.0.1:5060>",
            f"Event: {package}",
            f"Subscription-State: active;expires={int(self.expires)}",
            f"Content-Type: {kind}",
            f"Content-Length: {len(content)}\r\n\r\n",
        ]
        return "\r\n".join(lines).encode() + content

    def run(self, seconds: float) -> int:
        """Let time pass; gives how often the engine had to be woken."""
        end, woken = self.now + seconds, 0
        while (deadline := self.engine.deadline) is not None and deadline <= end:
            self.now = max(self.now, deadline)
            woken += 1
            self.perform(self.engine.tick(self.now))
        self.now = end
        return woken


@pytest.mark.parametrize("packages", [("presence",), ("presence", "dialog")])
def test_a_watched_extension_needs_at_most_8_kib(packages: tuple[str, ...]) -> None:
    count = 1000
    watcher = Watcher(expires=3600.0)
    watcher.watch(50, packages)  # what is made once is there now
    watcher.run(60.0)
    gc.collect()
    tracemalloc.start()
    try:
        for id in range(1000, 1000 + count):
            watcher.perform(watcher.engine.do(Watch(id, "pbx", str(10000 + id), packages), watcher.now))
        watcher.run(60.0)  # past Timer J: the transactions are gone
        gc.collect()
        used, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert watcher.ready == 50 + count
    assert used / count <= 8 * KIB
    assert peak / count <= 16 * KIB


def test_ten_thousand_are_refreshed_in_time_with_spread_and_wait_for_nothing() -> None:
    count, expires = 10_000, 600.0
    watcher = Watcher(expires=expires, keepalive=0.0)
    watcher.watch(count, ("presence",))
    watcher.run(40.0)
    assert watcher.ready == count
    assert watcher.asked["SUBSCRIBE"] == count
    # Until the first refresh is due nothing runs at all.
    assert watcher.run(300.0) == 0
    watcher.seconds.clear()
    watcher.run(expires - 340.0)
    assert watcher.asked["SUBSCRIBE"] == 2 * count
    assert max(watcher.seconds.values()) <= 2 * count / len(watcher.seconds)
    assert len(watcher.seconds) >= 100


def test_an_idle_engine_wakes_for_nothing_but_keepalive() -> None:
    watcher = Watcher(expires=3600.0, keepalive=30.0)
    watcher.watch(100, ("presence", "dialog"))
    watcher.run(60.0)
    watcher.asked.clear()
    woken = watcher.run(600.0)
    options = watcher.asked.pop("OPTIONS")
    assert 20 <= options <= 25  # each 24 to 30 s
    assert not watcher.asked
    assert woken <= 2 * options  # the question, and the end of its transaction
