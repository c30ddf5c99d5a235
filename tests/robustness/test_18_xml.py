"""Robustness 18, XML.

Entities and external references refused, depth and size bounded: under 100 ms and +16 MiB; the subscription lives.
Shown at the engine: NOTIFYs of a hostile PBX. Every make of hostile document is in tests/presence.
"""

from __future__ import annotations

import time
import tracemalloc

import pytest
from robustness.common import CONTACT, ROBOT, Bench

from sipclient.presence import State
from sipclient.protocol.events import ExtensionChanged, Watch, WatchProblem

SECONDS, BYTES = 0.1, 16 * 2**20
SIZE = 60_000  # what fits into one datagram


def pidf(inside: bytes, doctype: bytes = b"") -> bytes:
    start = b'<?xml version="1.0"?>' + doctype + b'<presence xmlns="urn:ietf:params:xml:ns:pidf"><note>'
    return start + inside + b'</note><tuple id="1"><status><basic>open</basic></status></tuple></presence>'


def dialogs(inside: bytes, doctype: bytes = b"") -> bytes:
    start = b'<?xml version="1.0"?>' + doctype + b'<dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" '
    return start + b'version="0" state="full" entity="sip:1001@pbx">' + inside + b"</dialog-info>"


LAUGHS = b"<!DOCTYPE p [<!ENTITY l0 'ha'>" + b"".join(
    b"<!ENTITY l%d '%s'>" % (n, b"&l%d;" % (n - 1) * 10) for n in range(1, 10)
)
QUADRATIC = b"<!DOCTYPE p [<!ENTITY a '" + b"a" * 20_000 + b"'>]>"
FILE = b"<!DOCTYPE p [<!ENTITY a SYSTEM 'file:///etc/passwd'>]>"
WEB = b"<!DOCTYPE p [<!ENTITY a SYSTEM 'http://192.0.2.1/a'>]>"
PARAMETER = b"<!DOCTYPE p [<!ENTITY % a SYSTEM 'http://192.0.2.1/a.dtd'> %a;]>"
HOSTILE = {
    "billion laughs": (b"&l9;", LAUGHS + b"]>"),
    "quadratic blow-up": (b"&a;" * 10_000, QUADRATIC),
    "a file": (b"&a;", FILE),
    "the web": (b"&a;", WEB),
    "a parameter entity": (b"Ready", PARAMETER),
    "an unused entity": (b"Ready", b"<!DOCTYPE p [<!ENTITY a 'a'>]>"),
    "depth": (b"<a>" * (SIZE // 3), b""),
    "depth, closed": (b"<a>" * 40 + b"</a>" * 40, b""),
    "breadth": (b"<a/>" * (SIZE // 4), b""),
    "attributes": (b"<a " + b" ".join(b'a%d=""' % n for n in range(SIZE // 10)) + b"/>", b""),
    "namespaces": (b"<a " + b" ".join(b'xmlns:a%d="u"' % n for n in range(SIZE // 16)) + b"/>", b""),
    "an open tag": (b"<a " + b"x" * SIZE, b""),
    "an open comment": (b"<!--" + b"- -" * (SIZE // 3), b""),
    "an open CDATA section": (b"<![CDATA[" + b"]]" * (SIZE // 2), b""),
    "controls": (b"\x01\x02", b""),
    "half a surrogate pair": (b"&#xD800;", b""),
}
PACKAGES = {"presence": (pidf, "application/pidf+xml"), "dialog": (dialogs, "application/dialog-info+xml")}
BUSY = {
    "presence": pidf(b"On the phone"),
    "dialog": dialogs(b'<dialog id="1"><state>confirmed</state></dialog>'),
}


class Watching(Bench):
    """A robot that watches 1001, and a PBX that sends it documents."""

    def __init__(self, package: str) -> None:
        super().__init__()
        self.package = package
        self.obliging().add(expires=3600.0)
        self.robot.do(Watch(1, "pbx", "1001", (package,)))
        self.wire.run(0.2)
        self.cseq = 0
        self.subscribe = self.pbx.requests("SUBSCRIBE")[-1]

    def notify(self, body: bytes, content_type: str = "") -> int:
        subscribe = self.subscribe
        self.cseq += 1
        data = self.pbx.request(
            "NOTIFY",
            f"sip:robot@{ROBOT}",
            CONTACT,
            ("Event", self.package),
            ("Subscription-State", "active;expires=3600"),
            call_id=subscribe.call_id,
            from_="<sip:1001@pbx.test>;tag=peer",
            to=f"<sip:robot@pbx.test>;tag={subscribe.from_tag}",
            cseq=self.cseq,
            body=body,
            content_type=content_type or PACKAGES[self.package][1],
        )
        return self.send(data)[-1].status

    def lives(self) -> bool:
        """Whether the subscription is the first one, still heard, and its state the last good word."""
        changes = len(self.robot.of(ExtensionChanged))
        before = self.robot.of(ExtensionChanged)[-1].after if changes else State.UNKNOWN
        assert self.notify(BUSY[self.package]) == 200
        after = self.robot.of(ExtensionChanged)[-1].after
        assert after is State.ON_THE_PHONE
        self.notify(PACKAGES[self.package][0](b"Ready" if self.package == "presence" else b""))
        return len(self.pbx.requests("SUBSCRIBE")) == 1 and before is not State.ON_THE_PHONE


@pytest.mark.parametrize("package", PACKAGES)
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_document_costs_little_and_changes_nothing(package: str, name: str) -> None:
    watching = Watching(package)
    make = PACKAGES[package][0]
    assert watching.notify(make(b"Ready" if package == "presence" else b"")) == 200
    told = len(watching.robot.of(ExtensionChanged))
    body = make(*HOSTILE[name])
    tracemalloc.start()
    try:
        assert watching.notify(body) == 400
        assert tracemalloc.get_traced_memory()[1] < BYTES
    finally:
        tracemalloc.stop()
    seconds = []
    for _ in range(3):
        begun = time.process_time()
        assert watching.notify(body) == 400
        seconds.append(time.process_time() - begun)
    assert min(seconds) < SECONDS
    assert len(watching.robot.of(ExtensionChanged)) == told
    assert not watching.robot.of(WatchProblem)
    assert watching.lives()


def test_a_body_that_is_none_of_ours_is_415_and_the_subscription_lives() -> None:
    watching = Watching("presence")
    for content_type in ("text/html", "application/xml", "application/x-evil", "image/svg+xml"):
        assert watching.notify(pidf(b"&a;", FILE), content_type) == 415
    assert watching.lives()


def test_hundreds_of_hostile_notifies_leave_nothing_behind() -> None:
    watching = Watching("presence")
    bodies = [pidf(*hostile) for hostile in HOSTILE.values()]
    for body in bodies:
        watching.notify(body)
    watching.wire.run(40)
    tracemalloc.start()
    try:
        for number in range(300):
            watching.notify(bodies[number % len(bodies)])
            for kept in (
                watching.pbx.inbox,
                watching.pbx.raw,
                watching.pbx.at,
                watching.pbx.flows,
                watching.robot.sent,
            ):
                kept.clear()
            watching.robot.events.clear()
            watching.robot.times.clear()
        watching.wire.run(40)
        assert tracemalloc.get_traced_memory()[0] < 2**20
    finally:
        tracemalloc.stop()
