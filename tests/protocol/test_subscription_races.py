"""SUBSCRIBE, 2xx and NOTIFY cross each other, fork, or cross the user's second thoughts (RFC 6665)."""

from __future__ import annotations

import pytest
from support.peer import transaction_free

from sipclient.message import Request, Response
from sipclient.protocol.events import (
    AccountRemoved,
    ExtensionChanged,
    RemoveAccount,
    Subscribe,
    SubscriptionEnded,
    Unwatch,
    Watch,
    WatchProblem,
)

PIDF = b"""<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:1001@pbx">
<note>Ready</note><tuple id="1"><status><basic>open</basic></status></tuple></presence>"""
CONTACT = ("Contact", "<sip:pbx@10.0.0.1:5060>")


class Pbx:
    """A PBX that says nothing by itself."""

    def __init__(self, bench, package: str = "presence") -> None:
        self.bench = bench
        self.wire = bench.wire
        self.cseq = 0
        bench.add(register=False)
        bench.robot.do(Watch(1, "pbx", "1001", (package,)))
        bench.wire.run(0.1)

    def subscribes(self) -> list[Request]:
        return list({r.via.branch: r for r in self.bench.pbx.requests("SUBSCRIBE")}.values())

    def answer(self, status: int = 200, *headers: tuple[str, str], tag: str = "peer", which: int = -1) -> None:
        request = self.subscribes()[which]
        more = headers or ((("Expires", str(request.expires)), CONTACT) if status < 300 else ())
        self.bench.pbx.send(self.bench.pbx.flows[0], self.bench.pbx.reply(request, status, *more, tag=tag))
        self.wire.run(0.1)

    def notify(self, state: str = "active;expires=300", *, tag: str = "peer", which: int = -1, contact=CONTACT) -> int:
        request = self.subscribes()[which]
        self.cseq += 1
        data = self.bench.pbx.request(
            "NOTIFY",
            "sip:robot@10.0.0.2",
            contact,
            ("Event", "presence"),
            ("Subscription-State", state),
            call_id=request.call_id,
            from_=f"<sip:1001@pbx.test>;tag={tag}",
            to=request.headers.get("From") or "",
            cseq=self.cseq,
            content_type="application/pidf+xml",
            body=PIDF,
        )
        self.bench.wire.inject(self.bench.robot, data, source=("10.0.0.1", 5060))
        self.wire.run(0.1)
        answers = [m for m in self.bench.pbx.inbox if isinstance(m, Response) and m.cseq.method == "NOTIFY"]
        return answers[-1].status

    def idle(self) -> bool:
        self.wire.run(40)
        return bool(self.bench.robot.agent.idle)


@pytest.fixture
def pbx(bench) -> Pbx:
    return Pbx(bench)


# --- forks and order --------------------------------------------------------------------------------


def test_the_notify_of_another_fork_than_the_2xx_makes_the_dialog(bench, pbx) -> None:
    """RFC 6665 §4.4.1: not the 2xx, which may be another fork's, or a proxy's own."""
    pbx.answer(tag="proxy")
    assert pbx.notify(tag="pbx") == 200
    assert bench.robot.of(ExtensionChanged)
    assert pbx.notify(tag="proxy") == 481
    pbx.wire.run(261)
    assert pbx.subscribes()[1].to_tag == "pbx"
    assert pbx.subscribes()[1].cseq.number == 2


def test_the_2xx_of_another_fork_than_the_notify_does_not_move_the_dialog(bench, pbx) -> None:
    pbx.notify(tag="one")
    pbx.answer(200, ("Expires", "300"), ("Contact", "<sip:two@10.0.0.1>"), tag="two")
    bench.robot.do(Unwatch(1))
    pbx.wire.run(0.1)
    last = pbx.subscribes()[-1]
    assert (last.to_tag, last.uri_text) == ("one", "sip:pbx@10.0.0.1:5060")


def test_a_refused_subscribe_leaves_nothing_that_waits_for_its_notify(bench, pbx) -> None:
    """A PBX that is away for days is asked thousands of times."""
    first = pbx.subscribes()[0]
    for _ in range(20):
        pbx.answer(503)
        pbx.wire.run(70)
    assert len(pbx.subscribes()) > 10
    assert len(bench.robot.agent._dialogs._awaiting) <= 1
    assert pbx.notify(which=0) == 481
    assert pbx.subscribes()[-1].call_id != first.call_id
    assert not bench.robot.of(ExtensionChanged)


def test_terminated_before_the_2xx_subscribes_anew_and_the_late_2xx_is_nobodys(bench, pbx) -> None:
    assert pbx.notify("terminated;reason=deactivated") == 200
    assert len(pbx.subscribes()) == 2
    pbx.answer(which=0)
    assert pbx.notify(which=1) == 200
    assert pbx.notify(which=0) == 481
    assert len(bench.robot.agent._dialogs) == 1


def test_a_2xx_that_grants_nothing_is_no_subscription(bench, pbx) -> None:
    pbx.answer(200, ("Expires", "0"), CONTACT)
    assert "no time" in bench.robot.of(WatchProblem)[0].reason
    pbx.wire.run(2)
    assert len(pbx.subscribes()) == 2


def test_a_2xx_without_expires_grants_what_was_asked(bench, pbx) -> None:
    pbx.answer(200, CONTACT)
    pbx.notify("active")
    pbx.wire.run(200)
    assert len(pbx.subscribes()) == 1
    pbx.wire.run(61)
    assert len(pbx.subscribes()) == 2


def test_active_without_expires_before_the_2xx_keeps_what_the_2xx_grants(bench, pbx) -> None:
    pbx.notify("active")
    pbx.answer(200, ("Expires", "100"), CONTACT)
    pbx.wire.run(61)
    assert len(pbx.subscribes()) == 2


def test_a_notify_that_leaves_less_time_brings_the_refresh_forward(bench, pbx) -> None:
    pbx.answer()
    pbx.notify("active;expires=300")
    pbx.notify("active;expires=30")
    pbx.wire.run(16)
    assert len(pbx.subscribes()) == 2


def test_terminated_while_a_refresh_is_under_way_ends_it_once(bench, pbx) -> None:
    pbx.answer()
    pbx.notify()
    pbx.wire.run(261)
    refresh = len(pbx.subscribes()) - 1
    assert pbx.subscribes()[refresh].to_tag
    pbx.notify("terminated;reason=timeout", which=0)
    pbx.answer(481, which=refresh)
    pbx.wire.run(0.2)
    assert len([r for r in pbx.subscribes() if not r.to_tag]) == 2
    assert len(bench.robot.of(WatchProblem)) == 1


def test_a_refresh_refused_by_name_ends_the_subscription(bench, pbx) -> None:
    pbx.answer()
    pbx.notify()
    pbx.wire.run(261)
    pbx.answer(489)
    assert bench.robot.of(WatchProblem)[0].status == 489
    assert bench.robot.of(WatchProblem)[0].retry_in >= 60


def test_a_notify_of_another_method_in_the_dialog_is_refused(bench, pbx) -> None:
    pbx.answer()
    pbx.notify()
    request = pbx.subscribes()[0]
    data = bench.pbx.request(
        "INFO",
        "sip:robot@10.0.0.2",
        call_id=request.call_id,
        from_="<sip:1001@pbx.test>;tag=peer",
        to=request.headers.get("From") or "",
        cseq=99,
    )
    bench.wire.inject(bench.robot, data, source=("10.0.0.1", 5060))
    ack = data.replace(b"INFO", b"ACK")
    bench.wire.inject(bench.robot, ack, source=("10.0.0.1", 5060))
    bench.wire.run(0.1)
    (refused,) = bench.pbx.responses("INFO")
    assert (refused.status, refused.headers.get("Allow")) == (405, "NOTIFY")


# --- second thoughts --------------------------------------------------------------------------------


def test_the_last_notify_after_unsubscribing_is_taken(bench, pbx) -> None:
    """RFC 6665 §4.1.2.3: it follows the 2xx, as a rule."""
    pbx.answer()
    pbx.notify()
    bench.robot.do(Unwatch(1))
    pbx.wire.run(0.1)
    pbx.answer(200, ("Expires", "0"))
    assert pbx.notify("terminated;reason=timeout") == 200
    assert pbx.notify("terminated;reason=timeout") == 481
    assert len(bench.robot.of(ExtensionChanged)) == 1
    assert pbx.idle()


def test_without_a_last_notify_it_is_forgotten_all_the_same(bench, pbx) -> None:
    pbx.answer()
    pbx.notify()
    bench.robot.do(RemoveAccount("pbx"))
    pbx.wire.run(0.1)
    pbx.answer(200, ("Expires", "0"))
    assert bench.robot.of(AccountRemoved)
    assert pbx.idle()


def test_leaving_before_the_2xx_unsubscribes_what_it_makes(bench, pbx) -> None:
    bench.robot.do(RemoveAccount("pbx"))
    pbx.wire.run(0.1)
    pbx.answer()
    assert [(r.expires, r.to_tag) for r in pbx.subscribes()] == [(300, ""), (0, "peer")]
    pbx.answer(200, ("Expires", "0"))
    assert bench.robot.of(AccountRemoved)
    assert pbx.idle()


def test_leaving_before_the_2xx_but_after_the_notify_unsubscribes_too(bench, pbx) -> None:
    pbx.notify()
    bench.robot.do(Unwatch(1))
    pbx.wire.run(0.1)
    assert len(pbx.subscribes()) == 1
    pbx.answer()
    assert pbx.subscribes()[-1].expires == 0
    pbx.answer(481)
    assert pbx.idle()
    assert len(pbx.subscribes()) == 2


@pytest.mark.parametrize(("status", "asked"), [(200, [300, 300, 0]), (503, [300, 300, 0]), (481, [300, 300])])
def test_leaving_while_a_refresh_is_under_way_unsubscribes(bench, pbx, status, asked) -> None:
    pbx.answer()
    pbx.notify()
    pbx.wire.run(261)
    bench.robot.do(Unwatch(1))
    pbx.wire.run(0.01)
    pbx.answer(status)
    assert [(r.cseq.number, r.expires) for r in pbx.subscribes()] == list(enumerate(asked, 1))
    pbx.answer(200, ("Expires", "0"))
    assert pbx.idle()


@pytest.mark.parametrize("status", [403, 503, None])
def test_leaving_before_a_refusal_sends_no_more(bench, pbx, status) -> None:
    bench.robot.do(Unwatch(1))
    pbx.wire.run(0.1)
    if status:
        pbx.answer(status)
    assert pbx.idle()
    assert len(pbx.subscribes()) == 1


def test_leaving_before_there_is_a_way_to_the_server_sends_nothing(bench) -> None:
    bench.add(register=False)
    bench.robot.agent._stations["pbx"].line.drop("a test")
    bench.robot.do(Watch(1, "pbx", "1001", ("presence",)))
    bench.robot.do(Unwatch(1))
    bench.wire.run(1)
    assert not bench.pbx.inbox
    assert bench.robot.agent.idle


def test_a_unsubscribe_that_has_no_dialog_flow_is_sent_once(bench) -> None:
    """Over a stream that broke, with a Contact nobody resolves, it goes to the server anew; and only once."""
    from sipclient.protocol.account import Account
    from sipclient.protocol.events import AddAccount

    def handle(request: Request) -> list[bytes]:
        granted = ("Expires", str(request.expires or 0))
        return [bench.pbx.reply(request, 200, granted, ("Contact", "<sip:pbx@nowhere.invalid;transport=tcp>"))]

    bench.pbx.handler = transaction_free(handle)
    account = Account("sip:robot@pbx.test", name="pbx", register=False, keepalive=0.0, server="tcp:10.0.0.1:5060")
    bench.robot.do(AddAccount(account))
    bench.robot.do(Subscribe(5, "pbx", "1001", "presence"))
    bench.wire.run(1)
    bench.wire.close(bench.robot.agent._stations["pbx"].line.flow, "reset")
    bench.wire.run(0.5)
    bench.robot.do(RemoveAccount("pbx"))
    bench.wire.run(10)
    assert [r.expires for r in bench.pbx.requests("SUBSCRIBE")] == [300, 0]
    assert bench.robot.of(AccountRemoved)
    assert not bench.robot.of(SubscriptionEnded)


# --- what is left -----------------------------------------------------------------------------------


DIALOG = """<dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="{}" state="{}" entity="sip:1001@pbx">
<dialog id="a"><state>{}</state></dialog></dialog-info>"""


def test_what_is_missing_is_asked_for_after_the_refresh_under_way(bench) -> None:
    """The answer to the SUBSCRIBE under way may have been on its way already when the version went missing."""
    pbx = Pbx(bench, "dialog")

    def say(version: int, full: str) -> None:
        request = pbx.subscribes()[0]
        pbx.cseq += 1
        data = bench.pbx.request(
            "NOTIFY",
            "sip:robot@10.0.0.2",
            CONTACT,
            ("Event", "dialog"),
            ("Subscription-State", "active;expires=300"),
            call_id=request.call_id,
            from_="<sip:1001@pbx.test>;tag=peer",
            to=request.headers.get("From") or "",
            cseq=pbx.cseq,
            content_type="application/dialog-info+xml",
            body=DIALOG.format(version, full, "confirmed").encode(),
        )
        bench.wire.inject(bench.robot, data, source=("10.0.0.1", 5060))
        bench.wire.run(0.1)

    say(0, "full")  # the 2xx is still to come
    say(2, "partial")
    assert len(pbx.subscribes()) == 1
    pbx.answer()
    assert len(pbx.subscribes()) == 2
    say(4, "partial")
    bench.robot.do(Unwatch(1))
    pbx.answer()
    assert [r.expires for r in pbx.subscribes()] == [300, 300, 0]
    assert len(bench.robot.of(ExtensionChanged)) == 1


def test_a_refresh_nobody_answers_after_its_subscription_ended_is_nobodys(bench, pbx) -> None:
    pbx.answer()
    pbx.notify()
    pbx.wire.run(261)
    assert len(pbx.subscribes()) == 2
    pbx.notify("terminated;reason=rejected", which=0)
    pbx.wire.run(40)
    assert len(bench.robot.of(WatchProblem)) == 1


def test_a_short_notify_before_the_2xx_does_not_ask_twice_at_once(bench) -> None:
    """Its refresh falls due while the first SUBSCRIBE still waits for its answer."""
    bench.add(register=False, name="short", expires=40.0)
    bench.robot.do(Watch(2, "short", "1002", ("presence",)))
    bench.wire.run(0.1)
    pbx = Pbx.__new__(Pbx)
    pbx.bench, pbx.wire, pbx.cseq = bench, bench.wire, 0
    pbx.notify()
    pbx.wire.run(25)
    assert len(pbx.subscribes()) == 1
    pbx.wire.run(10)
    assert len(pbx.subscribes()) > 1


def test_a_notify_without_a_state_is_refused(bench, pbx) -> None:
    pbx.answer()
    pbx.notify()
    request = pbx.subscribes()[0]
    data = bench.pbx.request(
        "NOTIFY",
        "sip:robot@10.0.0.2",
        ("Event", "presence"),
        call_id=request.call_id,
        from_="<sip:1001@pbx.test>;tag=peer",
        to=request.headers.get("From") or "",
        cseq=9,
    )
    bench.wire.inject(bench.robot, data, source=("10.0.0.1", 5060))
    bench.wire.run(0.1)
    answer = bench.pbx.responses("NOTIFY")[-1]
    assert (answer.status, answer.reason) == (400, "Missing Subscription-State")


def test_notifies_that_go_back_again_and_again_do_not_make_us_ask_again_and_again(bench, pbx) -> None:
    for _ in range(3):
        pbx.answer()
        pbx.cseq = 50
        pbx.notify()
        pbx.cseq = 3
        assert pbx.notify() == 500
    assert len(pbx.subscribes()) == 2


def test_ringing_again_within_an_episode_opens_no_second(bench) -> None:
    from sipclient.presence import State
    from sipclient.protocol.watch import Episode

    episode = Episode(7, False)
    steps = [State.READY, State.ON_THE_PHONE, State.RINGING, State.ON_THE_PHONE, State.UNKNOWN, State.ON_THE_PHONE]
    followed = [episode.follow(state) for state in steps]
    assert followed == [(False,) * 3, (True, False, False), *[(False,) * 3] * 3, (False, False, True)]
    assert episode.number == 8


def test_a_watch_of_the_mailbox_tells_its_messages(bench) -> None:
    from sipclient.protocol.events import MessagesWaiting

    bench.add(register=False)
    bench.robot.do(Watch(1, "pbx", "1001", ("message-summary",)))
    bench.wire.run(0.1)
    request = bench.pbx.requests("SUBSCRIBE")[0]
    data = bench.pbx.request(
        "NOTIFY",
        "sip:robot@10.0.0.2",
        ("Event", "message-summary"),
        ("Subscription-State", "active"),
        call_id=request.call_id,
        from_="<sip:1001@pbx.test>;tag=peer",
        to=request.headers.get("From") or "",
        content_type="application/simple-message-summary",
        body=b"Messages-Waiting: yes\r\nVoice-Message: 2/0\r\n",
    )
    bench.wire.inject(bench.robot, data, source=("10.0.0.1", 5060))
    assert bench.robot.of(MessagesWaiting)[0].summary.new == 2
    assert not bench.robot.of(ExtensionChanged)
