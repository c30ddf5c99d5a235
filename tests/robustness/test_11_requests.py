"""Robustness 11, requests.

NOTIFY, BYE, re-INVITE only in a matching dialog (Call-ID and both tags), else 481; a NOTIFY may also match a pending
SUBSCRIBE (Call-ID, our tag, Event); an older CSeq gets 500 (a NOTIFY's: then subscribe anew). Out-of-dialog requests
from peers outside the configured set are refused before any state.
"""

from __future__ import annotations

import random

import pytest
from robustness.common import CONTACT, ROBOT, SDP, SERVER, STRANGER, Bench, share
from support.peer import Peer

from sipclient.message import Request
from sipclient.presence import State
from sipclient.protocol.events import (
    Answered,
    CallEnded,
    ExtensionChanged,
    InCallRequest,
    IncomingCall,
    Invite,
    MessageReceived,
    MessagesWaiting,
    OfferReceived,
    RequestReceived,
    SubscribeReceived,
    Watch,
)

PIDF = (
    b'<presence xmlns="urn:ietf:params:xml:ns:pidf"><note>%s</note>'
    b'<tuple id="1"><status><basic>open</basic></status></tuple></presence>'
)
NEWS = (CallEnded, ExtensionChanged, InCallRequest, OfferReceived, MessagesWaiting, IncomingCall, MessageReceived)


def in_call() -> tuple[Bench, dict[str, str]]:
    """An answered call, and what identifies its dialog as the PBX writes it."""
    bench = Bench().obliging().add()
    bench.robot.do(Invite(1, "pbx", "7000", body=SDP))
    bench.wire.run(0.2)
    assert bench.robot.of(Answered)
    invite = bench.pbx.requests("INVITE")[0]
    to = f"<sip:robot@pbx.test>;tag={invite.from_tag}"
    return bench, {"call_id": invite.call_id, "from_": "<sip:7000@pbx.test>;tag=peer", "to": to}


def watching(answer: bool = True) -> tuple[Bench, dict[str, str]]:
    """A subscription, answered or pending, and what identifies it."""
    bench = Bench()
    if answer:
        bench.obliging()
    bench.add().robot.do(Watch(1, "pbx", "1001", ("presence",)))
    bench.wire.run(0.2)
    subscribe = bench.pbx.requests("SUBSCRIBE")[-1]
    to = f"<sip:robot@pbx.test>;tag={subscribe.from_tag}"
    return bench, {"call_id": subscribe.call_id, "from_": "<sip:1001@pbx.test>;tag=peer", "to": to}


def notify(bench: Bench, where: dict[str, str], note: str = "Ready", event: str = "presence", **more: object) -> bytes:
    headers = (CONTACT, ("Event", event), ("Subscription-State", "active;expires=300"))
    body = PIDF % note.encode()
    return bench.pbx.request(
        "NOTIFY",
        f"sip:robot@{ROBOT}",
        *headers,
        body=body,
        content_type="application/pidf+xml",
        **{**where, **more},  # type: ignore[arg-type]
    )


WRONG = {
    "another Call-ID": {"call_id": "guessed"},
    "another remote tag": {"from_": "<sip:7000@pbx.test>;tag=guessed"},
    "no remote tag": {"from_": "<sip:7000@pbx.test>"},
    "another local tag": {"to": "<sip:robot@pbx.test>;tag=guessed"},
    "tags the wrong way round": "swap",
}


def swapped(where: dict[str, str], wrong: dict[str, str] | str) -> dict[str, str]:
    if isinstance(wrong, str):
        return {**where, "from_": where["to"], "to": where["from_"]}
    return {**where, **wrong}


@pytest.mark.parametrize(
    "method", ["BYE", "INVITE", "UPDATE", "INFO", "MESSAGE", "NOTIFY", "PRACK", "REFER", "OPTIONS"]
)
@pytest.mark.parametrize("name", WRONG)
def test_no_request_reaches_a_call_but_by_all_three_names(method: str, name: str) -> None:
    bench, where = in_call()
    wrong = swapped(where, WRONG[name])
    headers = (CONTACT, ("Event", "presence"), ("Subscription-State", "active"), ("RAck", "1 1 INVITE"))
    before = [event for event in bench.robot.events if isinstance(event, NEWS)]
    (answer,) = bench.send(bench.pbx.request(method, f"sip:robot@{ROBOT}", *headers, cseq=50, **wrong))
    assert answer.status == (481 if answer.status != 400 else 400)
    assert (answer.status == 400) <= (name == "no remote tag")
    assert [event for event in bench.robot.events if isinstance(event, NEWS)] == before
    bye = bench.pbx.request("BYE", f"sip:robot@{ROBOT}", cseq=60, **where)
    assert bench.send(bye)[0].status == 200  # the call was still there
    assert bench.robot.of(CallEnded)


# A pending subscription does not know its notifier's tag yet.
_NAMES = [(True, name) for name in WRONG] + [(False, name) for name in WRONG if "remote tag" not in name]


@pytest.mark.parametrize(("answered", "name"), _NAMES)
def test_no_notify_reaches_a_subscription_but_by_its_names(answered: bool, name: str) -> None:
    bench, where = watching(answered)
    if answered:
        bench.send(
            notify(bench, where)
        )  # it makes the dialog, not the 2xx, which may be another fork's (RFC 6665 §4.4.1)
    before = bench.robot.of(ExtensionChanged)
    (answer,) = bench.send(notify(bench, swapped(where, WRONG[name]), "On the phone"))
    assert answer.status in ((481, 400) if name == "no remote tag" else (481,))
    assert bench.robot.of(ExtensionChanged) == before


@pytest.mark.parametrize("event", ["dialog", "message-summary", "presence.winfo", "", "PRESENCE2"])
def test_a_pending_subscription_takes_only_its_own_event(event: str) -> None:
    bench, where = watching(answer=False)
    (answer,) = bench.send(notify(bench, where, event=event or "x"))
    assert answer.status in (481, 489)
    assert not bench.robot.of(ExtensionChanged)
    assert bench.send(notify(bench, where))[0].status == 200
    assert bench.robot.of(ExtensionChanged)[0].after is State.READY


@pytest.mark.parametrize("source", [(STRANGER, 5060), (STRANGER, 1)])
def test_no_stranger_reaches_a_subscription_whatever_it_knows(source: tuple[str, int]) -> None:
    """Even one that has all three names and the next CSeq: presence is believed from the server only."""
    for answered in (True, False):
        bench, where = watching(answered)
        stranger = Peer(bench.wire, *source)
        bench.wire.inject(bench.robot, notify(bench, where, "On the phone", cseq=1000), source=source)
        bench.wire.run(0.1)
        assert not bench.robot.of(ExtensionChanged)
        assert all(each.status in (403, 481) for each in stranger.responses())
        assert bench.send(notify(bench, where, cseq=7))[0].status == 200  # its CSeq was not taken note of


@pytest.mark.parametrize("method", ["BYE", "INVITE", "UPDATE", "INFO", "MESSAGE"])
def test_an_older_cseq_in_a_call_gets_500_and_changes_nothing(method: str) -> None:
    bench, where = in_call()
    assert bench.send(bench.pbx.request("INFO", f"sip:robot@{ROBOT}", cseq=100, **where))[0].status == 200
    told = len(bench.robot.events)
    for number in (100, 99, 1, 0):
        data = bench.pbx.request(method, f"sip:robot@{ROBOT}", CONTACT, cseq=number, **where)
        assert bench.send(data)[0].status == 500
    assert len(bench.robot.events) == told
    assert bench.send(bench.pbx.request("BYE", f"sip:robot@{ROBOT}", cseq=101, **where))[0].status == 200


def test_an_older_notify_gets_500_and_then_we_subscribe_anew() -> None:
    bench, where = watching()
    assert bench.send(notify(bench, where, "Ready", cseq=100))[0].status == 200
    assert bench.send(notify(bench, where, "On the phone", cseq=99))[0].status == 500
    assert [change.after for change in bench.robot.of(ExtensionChanged)] == [State.READY]
    bench.wire.run(1)
    first, second = bench.pbx.requests("SUBSCRIBE")
    assert second.call_id != first.call_id
    again = {**where, "call_id": second.call_id, "to": f"<sip:robot@pbx.test>;tag={second.from_tag}"}
    assert bench.send(notify(bench, again, "On the phone", cseq=1))[0].status == 200
    assert bench.robot.of(ExtensionChanged)[-1].after is State.ON_THE_PHONE


METHODS = ["INVITE", "OPTIONS", "MESSAGE", "NOTIFY", "SUBSCRIBE", "REGISTER", "PUBLISH", "REFER", "INFO", "BYE", "FROB"]


def test_strangers_are_refused_before_any_state() -> None:
    """Not a transaction, not a timer, not an event, not a byte that stays: however many they are."""
    bench = Bench().add(handles=frozenset({"REGISTER", "SUBSCRIBE", "PUBLISH", "REFER"}))
    stranger = Peer(bench.wire, STRANGER)
    rng = random.Random(11)
    for number in range(share(300, 20_000)):
        method = rng.choice(METHODS)
        headers = [CONTACT, ("Event", "presence"), ("Subscription-State", "active"), ("Refer-To", "<sip:a@b>")]
        to = "<sip:robot@pbx.test>" + rng.choice(("", ";tag=guessed"))
        data = stranger.request(method, f"sip:robot@{ROBOT}", *headers, call_id=f"s{number}", to=to, body=SDP)
        bench.wire.inject(bench.robot, data, source=(STRANGER, 5060))
        assert bench.robot.agent.idle
    bench.wire.run(0.1)
    told = (*NEWS, RequestReceived, SubscribeReceived)
    assert not [event for event in bench.robot.events if isinstance(event, told)]
    assert {each.status for each in stranger.responses()} == {403, 481}
    assert len(stranger.responses()) == share(300, 20_000)
    assert {each.to_tag for each in stranger.responses()} > {"guessed"}


def test_what_a_stranger_cannot_cancel_or_acknowledge() -> None:
    bench = Bench().add()
    Peer(bench.wire, STRANGER)
    data = bench.pbx.request("INVITE", f"sip:robot@{ROBOT}", CONTACT, body=SDP, branch="z9hG4bKknown", cseq=1)
    bench.send(data)
    (call,) = bench.robot.of(IncomingCall)
    cancel = bench.pbx.request("CANCEL", f"sip:robot@{ROBOT}", branch="z9hG4bKknown", cseq=1)
    bench.wire.inject(bench.robot, cancel, source=(STRANGER, 5060))
    bench.wire.run(0.1)
    assert not bench.robot.of(CallEnded)
    assert bench.send(cancel)
    assert bench.robot.of(CallEnded)[0].id == call.id


@pytest.mark.parametrize(
    ("peers", "admitted"), [((), False), ((STRANGER,), True), (("10.0.0.64/26",), True), (("10.1.0.0/16",), False)]
)
def test_the_configured_set_is_the_server_and_its_peers(peers: tuple[str, ...], admitted: bool) -> None:
    bench = Bench().add(peers=peers)
    stranger = Peer(bench.wire, STRANGER)
    data = stranger.request("INVITE", f"sip:robot@{ROBOT}", CONTACT, body=SDP)
    bench.wire.inject(bench.robot, data, source=(STRANGER, 5060))
    bench.wire.run(0.1)
    assert bool(bench.robot.of(IncomingCall)) is admitted
    assert stranger.responses()[-1].status == (100 if admitted else 403)
    ours = bench.pbx.request("INVITE", f"sip:robot@{ROBOT}", CONTACT, body=SDP, call_id="ours")
    assert bench.send(ours)[0].status == 100
    assert SERVER not in peers


def test_a_request_is_no_stranger_for_the_headers_it_wears() -> None:
    """Only where it came from counts: not Via, From, Contact, P-Asserted-Identity or Route."""
    bench = Bench().add()
    data = bench.pbx.request(
        "INVITE",
        f"sip:robot@{ROBOT}",
        CONTACT,
        ("P-Asserted-Identity", "<sip:1001@pbx.test>"),
        ("Route", f"<sip:{SERVER};lr>"),
        body=SDP,
    )
    stranger = Peer(bench.wire, STRANGER)
    bench.wire.inject(bench.robot, data, source=(STRANGER, 5060))
    bench.wire.run(0.1)
    assert not bench.robot.of(IncomingCall)
    assert [each.status for each in stranger.inbox if not isinstance(each, Request)] == [403]
