"""NOTIFYs without a body: a PBX to which nobody published anything (Kamailio) takes the SUBSCRIBE and says nothing.

An extension whose phone publishes no presence is then known by its dialogs alone, and one that never called by its
presence alone. What was said once stands until something else is said.
"""

from __future__ import annotations

import pytest
from support.peer import transaction_free

from sipclient.message import Request
from sipclient.protocol.events import ExtensionChanged, Watch

CONTACT = ("Contact", "<sip:pbx@10.0.0.1:5060>")
TYPES = {"presence": "application/pidf+xml", "dialog": "application/dialog-info+xml"}
PIDF = """<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:1001@pbx">
<note>{}</note><tuple id="1"><status><basic>open</basic></status></tuple></presence>"""
DIALOG = """<dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="{}" state="full" entity="sip:1001@pbx">
<dialog id="a"><state>{}</state></dialog></dialog-info>"""


class Pbx:
    def __init__(self, bench) -> None:
        self.bench = bench
        self.version = 0
        bench.pbx.handler = transaction_free(
            lambda request: [bench.pbx.reply(request, 200, CONTACT, ("Expires", "300"))]
        )
        bench.add(register=False)
        bench.robot.do(Watch(1, "pbx", "1001"))
        bench.wire.run(0.1)

    def tell(self, package: str, word: str = "", state: str = "active;expires=300") -> None:
        subscribe = next(r for r in reversed(self.subscribes()) if r.event[0] == package)
        self.version += 1
        text = PIDF.format(word) if package == "presence" else DIALOG.format(self.version, word)
        data = self.bench.pbx.request(
            "NOTIFY",
            "sip:robot@10.0.0.2",
            ("Event", package),
            ("Subscription-State", state),
            CONTACT,
            call_id=subscribe.call_id,
            from_="<sip:1001@pbx.test>;tag=peer",
            to=subscribe.headers.get("From") or "",
            content_type=TYPES[package],
            body=text.encode() if word else b"",
        )
        self.bench.wire.inject(self.bench.robot, data, source=("10.0.0.1", 5060))
        self.bench.wire.run(0.1)

    def subscribes(self) -> list[Request]:
        return self.bench.pbx.requests("SUBSCRIBE")

    def changes(self) -> list[tuple[str, bool]]:
        return [(str(change.after), change.gap) for change in self.bench.robot.of(ExtensionChanged)]


@pytest.fixture
def pbx(bench) -> Pbx:
    return Pbx(bench)


def test_a_phone_that_publishes_no_presence_is_known_by_its_dialogs(pbx) -> None:
    pbx.tell("presence")
    pbx.tell("dialog")
    assert pbx.changes() == []
    pbx.tell("dialog", "confirmed")
    pbx.tell("dialog", "terminated")
    assert pbx.changes() == [("on-the-phone", False), ("ready", False)]


def test_a_phone_without_dialogs_yet_is_known_by_its_presence(pbx) -> None:
    pbx.tell("dialog")
    for word in ("Ready", "On the phone", "Ready"):
        pbx.tell("presence", word)
    assert pbx.changes() == [("ready", False), ("on-the-phone", False), ("ready", False)]


def test_what_was_said_once_stands(pbx) -> None:
    pbx.tell("presence", "On the phone")
    pbx.tell("presence")
    pbx.tell("dialog", "terminated")
    assert pbx.changes() == [("on-the-phone", False)]


def test_pending_is_not_silence(pbx) -> None:
    pbx.tell("presence", state="pending;expires=300")
    pbx.tell("dialog", "terminated")
    assert pbx.changes() == []
    pbx.tell("presence")
    assert pbx.changes() == [("ready", False)]


def test_a_pbx_that_forgot_a_call_leaves_a_gap(pbx) -> None:
    """Kamailio restarts while somebody talks: that they look ready afterwards was not seen to happen."""
    pbx.tell("presence", "Ready")
    pbx.tell("dialog", "confirmed")
    for package in ("presence", "dialog"):
        pbx.tell(package, state="terminated;reason=deactivated")
    pbx.bench.wire.run(1)
    pbx.tell("dialog")
    pbx.tell("presence", "Ready")
    assert pbx.changes() == [("on-the-phone", False), ("unknown", False), ("ready", True)]
