"""Watches and subscriptions (RFC 6665): what keeps them alive, what ends them, and whom they believe."""

from __future__ import annotations

import pytest
from support.peer import transaction_free

from sipclient.message import Request, Response
from sipclient.presence import State
from sipclient.protocol.events import (
    ExtensionChanged,
    MessagesWaiting,
    Notified,
    RemoveAccount,
    Subscribe,
    SubscriptionEnded,
    Unsubscribe,
    Unwatch,
    Watch,
    WatchProblem,
)

PIDF = """<?xml version="1.0"?><presence entity="sip:1001@pbx" xmlns="urn:ietf:params:xml:ns:pidf">
<note>{note}</note><tuple id="1001"><status><basic>{basic}</basic></status></tuple></presence>"""
DIALOG = """<?xml version="1.0"?><dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="{version}"
 state="{full}" entity="sip:1001@pbx"><dialog id="{id}"><state>{state}</state></dialog></dialog-info>"""
CONTACT = ("Contact", "<sip:pbx@10.0.0.1:5060>")


def pidf(note: str, basic: str = "open") -> bytes:
    return PIDF.format(note=note, basic=basic).encode()


class Notifying:
    """A PBX that accepts subscriptions and sends what the test says."""

    def __init__(self, bench, status: int = 200, *headers: tuple[str, str]) -> None:
        self.bench = bench
        self.status = status
        self.headers = headers
        self.cseq = 100
        bench.pbx.handler = transaction_free(self.handle)

    def handle(self, request: Request) -> list[bytes]:
        if request.method == "SUBSCRIBE":
            granted = ("Expires", str(request.expires))
            more = self.headers or ((granted, CONTACT) if self.status < 300 else ())
            return [self.bench.pbx.reply(request, self.status, *more)]
        return [self.bench.pbx.reply(request, 200)]

    def notify(
        self,
        body: bytes = b"",
        state: str = "active;expires=300",
        *,
        package: str = "presence",
        content_type: str = "application/pidf+xml",
        cseq: int = 0,
        tag: str = "peer",
        subscribe: Request | None = None,
        event: str | None = None,
        source: tuple[str, int] = ("10.0.0.1", 5060),
    ) -> Response | None:
        request = subscribe or [r for r in self.bench.pbx.requests("SUBSCRIBE") if r.event[0] == package][-1]
        self.cseq = cseq or self.cseq + 1
        headers = [CONTACT, ("Subscription-State", state)]
        if event != "":
            headers.append(("Event", event or package))
        data = self.bench.pbx.request(
            "NOTIFY",
            "sip:robot@10.0.0.2",
            *headers,
            call_id=request.call_id,
            from_=f"<sip:1001@pbx.test>;tag={tag}",
            to=f"<sip:robot@pbx.test>;tag={request.from_tag}",
            cseq=self.cseq,
            body=body,
            content_type=content_type,
        )
        before = len(self.bench.pbx.inbox)
        self.bench.wire.inject(self.bench.robot, data, source=source)
        self.bench.wire.run(0.1)
        answers = [m for m in self.bench.pbx.inbox[before:] if isinstance(m, Response)]
        return answers[-1] if answers else None


@pytest.fixture
def watching(bench):
    bench.add(register=False, expires=300.0)
    pbx = Notifying(bench)
    bench.robot.do(Watch(1, "pbx", "1001", ("presence",)))
    bench.wire.run(0.1)
    return pbx


def changes(bench) -> list[tuple[str, str]]:
    return [(event.before.value, event.after.value) for event in bench.robot.of(ExtensionChanged)]


def subscribes(bench) -> list[Request]:
    return bench.pbx.requests("SUBSCRIBE")


def test_a_watch_subscribes_and_tells_changes_once(bench, watching) -> None:
    (subscribe,) = subscribes(bench)
    assert (subscribe.uri_text, subscribe.event[0], subscribe.expires) == ("sip:1001@pbx.test", "presence", 300)
    assert watching.notify(pidf("Ready")).status == 200
    assert watching.notify(pidf("Ready")).status == 200
    watching.notify(pidf("On the phone"))
    watching.notify(pidf("Ready"))
    assert changes(bench) == [("unknown", "ready"), ("ready", "on-the-phone"), ("on-the-phone", "ready")]
    opened, closed = bench.robot.of(ExtensionChanged)[1:]
    assert (opened.episode, opened.opened, closed.episode, closed.closed, closed.gap) == (1, True, 1, True, False)


def test_a_notify_before_the_200_makes_the_dialog(bench) -> None:
    bench.add(register=False)
    pbx = Notifying(bench)
    bench.pbx.handler = lambda message, flow: ()
    bench.robot.do(Watch(1, "pbx", "1001", ("presence",)))
    bench.wire.run(0.1)
    assert pbx.notify(pidf("Ready")).status == 200
    assert changes(bench) == [("unknown", "ready")]
    bench.pbx.handler = transaction_free(pbx.handle)
    bench.wire.run(1)
    assert pbx.notify(pidf("On the phone")).status == 200


def test_refreshes_in_the_dialog_with_spread_and_before_expiry(bench, watching) -> None:
    watching.notify(pidf("Ready"))
    start = bench.wire.now
    bench.wire.run(290)
    first, second = subscribes(bench)
    assert second.to_tag == "peer"
    assert second.call_id == first.call_id
    assert second.cseq.number == first.cseq.number + 1
    at = next(when for when, m in zip(bench.pbx.at, bench.pbx.inbox, strict=True) if m is second)
    assert 208 <= at - start <= 260.1


def test_481_to_a_refresh_subscribes_anew_at_once(bench, watching) -> None:
    watching.notify(pidf("On the phone"))

    def handle(request: Request) -> list[bytes]:
        if request.method == "SUBSCRIBE" and request.to_tag:
            return [bench.pbx.reply(request, 481)]
        return watching.handle(request)

    bench.pbx.handler = transaction_free(handle)
    bench.wire.run(261)
    assert [bool(r.to_tag) for r in subscribes(bench)] == [False, True, False]
    assert subscribes(bench)[0].call_id != subscribes(bench)[2].call_id
    assert changes(bench)[-1] == ("on-the-phone", "unknown")
    watching.notify(pidf("Ready"))
    last = bench.robot.of(ExtensionChanged)[-1]
    assert (last.before, last.after, last.closed, last.gap) == (State.UNKNOWN, State.READY, True, True)


@pytest.mark.parametrize("status", [408, 500, 503])
def test_one_failed_refresh_does_not_end_the_subscription(bench, watching, status) -> None:
    watching.notify(pidf("On the phone"))
    watching.status = status
    bench.wire.run(275)
    watching.status = 200
    bench.wire.run(25)
    assert changes(bench) == [("unknown", "on-the-phone")]
    assert all(r.to_tag for r in subscribes(bench)[1:])
    watching.notify(pidf("Ready"))
    assert changes(bench)[-1] == ("on-the-phone", "ready")


def test_nothing_stays_stale_after_expiry(bench, watching) -> None:
    watching.notify(pidf("Ready"))
    bench.pbx.handler = lambda message, flow: ()
    bench.wire.run(305)
    assert changes(bench)[-1] == ("ready", "unknown")


@pytest.mark.parametrize(
    ("state", "soonest", "latest"),
    [
        ("terminated", 0, 0.1),
        ("terminated;reason=deactivated", 0, 0.1),
        ("terminated;reason=timeout", 0, 0.1),
        ("terminated;reason=probation;retry-after=20", 20, 21),
        ("terminated;reason=giveup", 0.5, 2),
        ("terminated;reason=giveup;retry-after=10", 10, 11),
        ("terminated;reason=rejected", 80, 121),
        ("terminated;reason=noresource", 80, 121),
        ("terminated;reason=invented", 0, 0.1),
    ],
)
def test_every_reason_of_termination(bench, watching, state, soonest, latest) -> None:
    watching.notify(pidf("Ready"))
    bench.wire.run(31)
    start = bench.wire.now
    count = len(subscribes(bench))
    assert watching.notify(pidf("Ready"), state).status == 200
    assert changes(bench)[-1] == ("ready", "unknown")
    bench.wire.run(200)
    again = [at for at, m in zip(bench.pbx.at, bench.pbx.inbox, strict=True) if m in subscribes(bench)[count:]]
    assert soonest <= again[0] - start <= latest
    assert bench.robot.of(WatchProblem)[0].refused is (state.rpartition("=")[2] in ("rejected", "noresource"))


def test_invariant_is_never_asked_again(bench, watching) -> None:
    watching.notify(pidf("Ready"), "terminated;reason=invariant")
    bench.wire.run(4000)
    assert len(subscribes(bench)) == 1


def test_a_pbx_that_ends_every_subscription_at_once_is_not_hammered(bench, watching) -> None:
    for _ in range(20):
        watching.notify(pidf("Ready"), "terminated;reason=deactivated")
        bench.wire.run(0.1)
    assert len(subscribes(bench)) <= 4


@pytest.mark.parametrize("status", [403, 404, 489])
def test_an_extension_the_pbx_refuses_is_unknown_and_the_others_go_on(bench, status) -> None:
    bench.add(register=False)
    pbx = Notifying(bench)

    def handle(request: Request) -> list[bytes]:
        if "1009" in request.uri_text:
            return [bench.pbx.reply(request, status)]
        return pbx.handle(request)

    bench.pbx.handler = transaction_free(handle)
    bench.robot.do(Watch(1, "pbx", "1009", ("presence",)))
    bench.robot.do(Watch(2, "pbx", "1001", ("presence",)))
    bench.wire.run(0.1)
    (problem,) = bench.robot.of(WatchProblem)
    assert (problem.extension, problem.status, problem.refused) == ("1009", status, True)
    pbx.notify(pidf("Ready"))
    assert changes(bench) == [("unknown", "ready")]
    bench.wire.run(60)
    assert len([r for r in subscribes(bench) if "1009" in r.uri_text]) == 1


def test_423_is_answered_with_the_time_it_asks_for(bench) -> None:
    bench.add(register=False, expires=60.0)
    pbx = Notifying(bench)

    def handle(request: Request) -> list[bytes]:
        if (request.expires or 0) < 120:
            return [bench.pbx.reply(request, 423, ("Min-Expires", "120"))]
        return pbx.handle(request)

    bench.pbx.handler = transaction_free(handle)
    bench.robot.do(Watch(1, "pbx", "1001", ("presence",)))
    bench.wire.run(0.2)
    assert [r.expires for r in subscribes(bench)] == [60, 120]


def test_no_notify_after_the_200_is_a_failure(bench, watching) -> None:
    bench.wire.run(33)
    assert "no NOTIFY" in bench.robot.of(WatchProblem)[0].reason
    bench.wire.run(2)
    assert len(subscribes(bench)) == 2


def test_a_cseq_that_goes_back_is_500_and_subscribes_anew(bench, watching) -> None:
    watching.notify(pidf("Ready"), cseq=50)
    assert watching.notify(pidf("On the phone"), cseq=3).status == 500
    bench.wire.run(0.1)
    assert len(subscribes(bench)) == 2
    watching.notify(pidf("On the phone"), cseq=4)
    assert changes(bench)[-1] == ("ready", "on-the-phone")


def test_a_fork_of_the_subscription_gets_481(bench, watching) -> None:
    watching.notify(pidf("Ready"))
    assert watching.notify(pidf("On the phone"), tag="fork").status == 481
    assert changes(bench) == [("unknown", "ready")]


@pytest.mark.parametrize("source", [("10.0.0.66", 5060)])
def test_a_notify_from_elsewhere_gets_481_and_changes_nothing(bench, watching, source) -> None:
    from support.peer import Peer

    stranger = Peer(bench.wire, "10.0.0.66")
    watching.notify(pidf("Ready"))
    watching.notify(pidf("On the phone"), source=source)
    assert [r.status for r in stranger.responses()] == [481]
    assert changes(bench) == [("unknown", "ready")]


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"<presence", "application/pidf+xml", 400),
        (b"<!DOCTYPE x [<!ENTITY a 'b'>]><presence>&a;</presence>", "application/pidf+xml", 400),
        (b"hello", "text/plain", 415),
        (b"", "application/pidf+xml", 200),
    ],
)
def test_a_bad_body_leaves_the_state_as_it_was(bench, watching, body, content_type, status) -> None:
    watching.notify(pidf("Ready"))
    assert watching.notify(body, content_type=content_type).status == status
    assert changes(bench) == [("unknown", "ready")]
    assert watching.notify(pidf("On the phone")).status == 200
    assert changes(bench)[-1] == ("ready", "on-the-phone")


@pytest.mark.parametrize(
    ("event", "state", "status"),
    [("", "active", 200), ("winfo", "active", 489), ("presence", "", 400), ("presence", ";x", 400)],
)
def test_headers_of_a_notify(bench, watching, event, state, status) -> None:
    watching.notify(pidf("Ready"))
    answer = watching.notify(pidf("Ready"), state, event=event)
    assert answer.status == status


def test_presence_and_dialog_are_merged(bench) -> None:
    bench.add(register=False)
    pbx = Notifying(bench)
    bench.robot.do(Watch(1, "pbx", "1001"))
    bench.wire.run(0.1)
    dialog = {"package": "dialog", "content_type": "application/dialog-info+xml"}

    def dialog_says(state: str, version: int) -> None:
        body = DIALOG.format(version=version, full="full", id="1001", state=state).encode()
        pbx.notify(body, **dialog)

    pbx.notify(pidf("Ready"))
    dialog_says("terminated", 0)
    dialog_says("confirmed", 1)
    pbx.notify(pidf("On the phone"))
    dialog_says("terminated", 2)
    assert changes(bench) == [("unknown", "ready"), ("ready", "on-the-phone")]
    pbx.notify(pidf("Unavailable", "closed"))
    assert changes(bench)[-1] == ("on-the-phone", "offline")


def test_a_package_the_pbx_does_not_have_is_left_out_of_the_merge(bench) -> None:
    bench.add(register=False)
    pbx = Notifying(bench)

    def handle(request: Request) -> list[bytes]:
        if request.method == "SUBSCRIBE" and request.event[0] == "dialog":
            return [bench.pbx.reply(request, 489)]
        return pbx.handle(request)

    bench.pbx.handler = transaction_free(handle)
    bench.robot.do(Watch(1, "pbx", "1001"))
    bench.wire.run(0.1)
    pbx.notify(pidf("On the phone"))
    pbx.notify(pidf("Ready"))
    assert changes(bench) == [("unknown", "on-the-phone"), ("on-the-phone", "ready")]


def test_a_version_gap_asks_for_the_full_state_and_believes_nothing_meanwhile(bench) -> None:
    bench.add(register=False)
    pbx = Notifying(bench)
    bench.robot.do(Watch(1, "pbx", "1001", ("dialog",)))
    bench.wire.run(0.1)

    def say(version: int, full: str, id: str, state: str) -> None:
        body = DIALOG.format(version=version, full=full, id=id, state=state).encode()
        pbx.notify(body, package="dialog", content_type="application/dialog-info+xml")

    say(0, "full", "a", "confirmed")
    say(2, "partial", "a", "terminated")
    assert changes(bench) == [("unknown", "on-the-phone")]
    assert subscribes(bench)[-1].to_tag == "peer"
    say(3, "full", "b", "confirmed")
    assert changes(bench) == [("unknown", "on-the-phone")]


def test_unwatch_unsubscribes(bench, watching) -> None:
    watching.notify(pidf("Ready"))
    bench.robot.do(Unwatch(1))
    bench.wire.run(0.1)
    assert subscribes(bench)[-1].expires == 0
    bench.wire.run(100)
    assert bench.robot.agent.idle


def test_leaving_unsubscribes(bench, watching) -> None:
    watching.notify(pidf("Ready"))
    bench.robot.do(RemoveAccount("pbx"))
    bench.wire.run(0.1)
    assert subscribes(bench)[-1].expires == 0
    bench.wire.run(100)
    assert bench.robot.agent.idle


def test_an_unsolicited_message_summary_is_taken_and_other_notifies_are_not(bench) -> None:
    bench.add(register=False)

    def unsolicited(package: str, content_type: str, body: bytes) -> int:
        headers = (("Event", package), ("Subscription-State", "terminated"), CONTACT)
        data = bench.pbx.request("NOTIFY", "sip:robot@10.0.0.2", *headers, body=body, content_type=content_type)
        bench.wire.inject(bench.robot, data, source=("10.0.0.1", 5060))
        bench.wire.run(0.1)
        return bench.pbx.responses("NOTIFY")[-1].status

    summary = b"Messages-Waiting: yes\r\nVoice-Message: 3/1 (0/0)\r\n"
    assert unsolicited("message-summary", "application/simple-message-summary", summary) == 200
    assert bench.robot.of(MessagesWaiting)[0].summary.new == 3
    assert unsolicited("message-summary", "application/simple-message-summary", b"\xff\xfe") == 400
    assert unsolicited("presence", "application/pidf+xml", pidf("Ready")) == 481
    assert unsolicited("check-sync", "text/plain", b"x") == 481


def test_a_plain_subscription_hands_bodies_on_unread(bench) -> None:
    bench.add(register=False)
    pbx = Notifying(bench)
    bench.robot.do(Subscribe(5, "pbx", "1001", "conference", "application/conference-info+xml"))
    bench.wire.run(0.1)
    pbx.notify(b"<x", package="conference", content_type="application/conference-info+xml")
    (notified,) = bench.robot.of(Notified)
    assert (notified.id, notified.state, notified.body) == (5, "active", b"<x")
    pbx.notify(b"", "terminated;reason=noresource", package="conference")
    assert bench.robot.of(SubscriptionEnded)[0].retry_in > 0
    bench.robot.do(Unsubscribe(5))
    bench.wire.run(200)
    assert bench.robot.agent.idle


def test_watches_wait_for_the_registration_and_are_refreshed_when_the_server_comes_back(bench) -> None:
    pbx = Notifying(bench)

    def handle(request: Request) -> list[bytes]:
        return bench.answer_register(request) if request.method == "REGISTER" else pbx.handle(request)

    bench.pbx.handler = lambda message, flow: ()
    bench.add(keepalive=5.0)
    bench.robot.do(Watch(1, "pbx", "1001", ("presence",)))
    bench.wire.run(0.2)
    assert not subscribes(bench)
    bench.pbx.handler = transaction_free(handle)
    bench.wire.run(5)
    assert len(subscribes(bench)) == 1
    pbx.notify(pidf("On the phone"))
    bench.wire.power_off(bench.pbx.node)
    bench.wire.run(60)
    bench.pbx.node.up = True
    forgotten = {subscribes(bench)[-1].call_id}
    pbx.status = 481

    def handle_again(request: Request) -> list[bytes]:
        pbx.status = 481 if request.method == "SUBSCRIBE" and request.call_id in forgotten else 200
        return handle(request)

    bench.pbx.handler = transaction_free(handle_again)
    bench.wire.run(10)
    assert subscribes(bench)[-1].call_id not in forgotten
    pbx.notify(pidf("Ready"))
    last = bench.robot.of(ExtensionChanged)[-1]
    assert (last.after, last.closed, last.gap) == (State.READY, True, True)


def test_what_is_subscribed_to_can_be_looked_at(bench) -> None:
    pbx = Notifying(bench)
    bench.pbx.handler = lambda message, flow: ()
    bench.add(register=False)
    bench.robot.do(Watch(1, "pbx", "1001", ("presence",)))
    bench.robot.do(Subscribe(2, "pbx", "1002", "conference"))
    packages = ("presence", "conference")
    agent = bench.robot.agent
    bench.wire.run(0.2)
    assert list(agent.subscriptions()) == [("pbx", package, "asking") for package in packages]
    assert list(agent.states()) == [("pbx", State.UNKNOWN)]
    bench.pbx.handler = transaction_free(pbx.handle)
    bench.wire.run(5)
    assert list(agent.subscriptions()) == [("pbx", package, "active") for package in packages]
    pbx.notify(pidf("Ready"), package="presence")
    assert list(agent.states()) == [("pbx", State.READY)]
    pbx.status = 403
    pbx.notify(b"", "terminated;reason=timeout", package="presence")
    pbx.notify(b"", "terminated;reason=probation;retry-after=60", package="conference")
    bench.wire.run(3)
    assert list(agent.subscriptions()) == [("pbx", "presence", "refused"), ("pbx", "conference", "waiting")]


def test_ten_thousand_subscriptions_ask_a_window_at_a_time(bench) -> None:
    from support.peer import Peer
    from support.wire import Wire

    from sipclient.protocol.limits import Limits

    wire = Wire()
    robot = wire.node("10.0.0.2", limits=Limits(subscribe_window=10))
    pbx = Peer(wire)
    bench.wire, bench.robot, bench.pbx = wire, robot, pbx
    bench.add(register=False)
    for number in range(200):
        robot.do(Watch(number + 1, "pbx", str(2000 + number), ("presence",)))
    wire.run(0.05)
    assert len(pbx.requests("SUBSCRIBE")) == 10
    Notifying(bench)
    wire.run(3)
    assert len({r.uri_text for r in pbx.requests("SUBSCRIBE")}) == 200
