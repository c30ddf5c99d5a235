"""Our own calls, told back to us as calls of the extension whose number they carry.

A PBX that goes by the From header (Kamailio's pua_dialoginfo) says of `From: <sip:1001@pbx>` that 1001 is on the
phone. Believed, each call to the queue for 1001 would be the reason of the next one, for ever.
"""

from __future__ import annotations

import pytest
from support.peer import transaction_free
from support.wire import Wire

from sipclient.message import Request
from sipclient.protocol.events import AddAccount, Calling, ExtensionChanged, Hangup, Invite, Watch

DIALOG = """<?xml version="1.0"?><dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="{version}"
 state="{full}" entity="sip:1001@pbx"><dialog id="{call_id}" call-id="{call_id}" direction="{direction}">
<state>{state}</state></dialog></dialog-info>"""
CONTACT = ("Contact", "<sip:pbx@10.0.0.1:5060>")


class Kamailio:
    def __init__(self, bench) -> None:
        self.bench = bench
        self.version = 0
        bench.pbx.handler = transaction_free(self.handle)
        bench.add(register=False)
        bench.robot.do(Watch(1, "pbx", "1001", ("dialog",)))
        bench.wire.run(1)

    def handle(self, request: Request) -> list[bytes]:
        headers = (CONTACT, ("Expires", "300")) if request.method == "SUBSCRIBE" else (CONTACT,)
        return [] if request.method == "ACK" else [self.bench.pbx.reply(request, 200, *headers)]

    def tell(self, state: str, call_id: str, direction: str = "initiator", full: str = "full") -> None:
        (subscribe,) = self.bench.pbx.requests("SUBSCRIBE")
        self.version += 1
        data = self.bench.pbx.request(
            "NOTIFY",
            "sip:robot@10.0.0.2",
            ("Event", "dialog"),
            ("Subscription-State", "active;expires=300"),
            CONTACT,
            call_id=subscribe.call_id,
            from_="<sip:1001@pbx.test>;tag=peer",
            to=subscribe.headers.get("From") or "",
            content_type="application/dialog-info+xml",
            body=DIALOG.format(
                version=self.version, full=full, call_id=call_id, direction=direction, state=state
            ).encode(),
        )
        self.bench.wire.inject(self.bench.robot, data, source=("10.0.0.1", 5060))
        self.bench.wire.run(0.1)

    def changes(self) -> list[str]:
        return [str(change.after) for change in self.bench.robot.of(ExtensionChanged)]


@pytest.fixture
def kamailio(bench) -> Kamailio:
    return Kamailio(bench)


@pytest.fixture
def ours(bench, kamailio) -> str:
    """The Call-ID of a call we placed in the name of 1001."""
    bench.robot.do(Invite(2, "pbx", "7000", '"1001 is free" <1001>'))
    bench.wire.run(0.1)
    return bench.pbx.requests("INVITE")[0].call_id


@pytest.mark.parametrize("full", ["full", "partial"])
def test_a_call_of_ours_is_no_call_of_the_extension_it_names(bench, kamailio, ours, full) -> None:
    kamailio.tell("terminated", "earlier")
    for state in ("early", "confirmed"):
        kamailio.tell(state, ours, full=full)
    bench.robot.do(Hangup(2))
    bench.wire.run(40)
    kamailio.tell("confirmed", ours, full=full)  # late: the call is over here
    kamailio.tell("terminated", ours, full=full)
    assert kamailio.changes() == ["ready"]


def test_the_extension_we_call_is_on_the_phone(kamailio, ours) -> None:
    kamailio.tell("confirmed", ours, direction="recipient")
    assert kamailio.changes() == ["on-the-phone"]


def test_calls_of_others_count(kamailio, ours) -> None:
    kamailio.tell("confirmed", "theirs")
    assert kamailio.changes() == ["on-the-phone"]


def placed_elsewhere(bench, **account: object) -> str:
    """The Call-ID of a call that another run of the same program placed."""
    elsewhere = Wire().node("10.0.0.2", seed=99)
    elsewhere.do(AddAccount(bench.account(register=False, **account)))
    elsewhere.do(Invite(2, "pbx", "7000", '"1001 is free" <1001>'))
    elsewhere.wire.run(1)
    (calling,) = elsewhere.of(Calling)
    return calling.call_id


def test_a_call_of_an_earlier_run_is_ours_too(bench, kamailio) -> None:
    """The robot crashed during its call, and the PBX still has it: when that ends, nobody became ready."""
    for state in ("confirmed", "terminated"):
        kamailio.tell(state, placed_elsewhere(bench))
    assert kamailio.changes() == ["ready"]


def test_a_call_by_another_account_of_ours_is_ours(bench, kamailio) -> None:
    bench.robot.do(AddAccount(bench.account(name="trunk", address="sip:trunk@pbx.test", register=False)))
    bench.robot.do(Invite(2, "trunk", "7000", "1001"))
    bench.wire.run(0.1)
    (calling,) = bench.robot.of(Calling)
    kamailio.tell("confirmed", calling.call_id)
    assert kamailio.changes() == ["ready"]


def test_a_call_by_an_account_of_somebody_else_counts(bench, kamailio) -> None:
    kamailio.tell("confirmed", placed_elsewhere(bench, address="sip:other@pbx.test"))
    assert kamailio.changes() == ["on-the-phone"]
