"""States as watchers see them: from calls, by command, published, in each dialect."""

from __future__ import annotations

from typing import Any

import pytest
from lab.bench import HOST, Bench, Phone

from sipclient.errors import InvalidValue
from sipclient.lab.values import Dialect, Settings
from sipclient.presence import State
from sipclient.protocol.events import (
    Answer,
    ExtensionChanged,
    Hangup,
    IncomingCall,
    MessagesWaiting,
    Notified,
    RemoveAccount,
    Responded,
    SendRequest,
    Subscribe,
    SubscriptionEnded,
    Unwatch,
    WatchProblem,
)

PIDF = b"""<?xml version="1.0"?><presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:1001@x">
<note>%s</note><tuple id="1"><status><basic>open</basic></status></tuple></presence>"""


def watching(dialect: Dialect = Dialect.ASTERISK, *phones: str, **settings: Any) -> Bench:
    bench = Bench(*(phones or ("1001", "1002", "robot")), settings=Settings(domain=HOST, dialect=dialect, **settings))
    bench["robot"].watch("1001", "1002")
    bench.run(1)
    return bench


@pytest.mark.parametrize("dialect", Dialect)
def test_a_real_call_goes_through_every_state(dialect: Dialect) -> None:
    bench = watching(dialect)
    bench["1002"].answers = False
    bench["1001"].call("1002")
    bench.run(1)
    bench["1002"].node.do(Answer(bench["1002"].last(IncomingCall).id, body=bench["1002"].sdp))
    bench.run(1)
    bench["1001"].node.do(Hangup(1))
    bench.run(1)
    assert bench["robot"].states("1001") == ["ready", "on-the-phone", "ready"]
    assert bench["robot"].states("1002") == ["ready", "ringing", "on-the-phone", "ready"]
    changes = [each for each in bench["robot"].of(ExtensionChanged) if each.extension == "1002"]
    assert [each.closed for each in changes] == [False, False, False, True]


@pytest.mark.parametrize("dialect", Dialect)
def test_a_call_nobody_answered_opens_no_episode_for_who_was_called(dialect: Dialect) -> None:
    bench = watching(dialect)
    bench["1002"].answers = False
    bench["1001"].call("1002")
    bench.run(1)
    bench["1001"].node.do(Hangup(1))
    bench.run(1)
    assert bench["robot"].states("1002") == ["ready", "ringing", "ready"]
    assert not any(each.episode for each in bench["robot"].of(ExtensionChanged) if each.extension == "1002")


@pytest.mark.parametrize("dialect", Dialect)
def test_a_phone_that_leaves_makes_its_extension_offline(dialect: Dialect) -> None:
    bench = watching(dialect)
    bench["1001"].call("1002")
    bench.run(1)
    bench["1001"].node.do(RemoveAccount("pbx"))
    bench.run(5)
    assert bench["robot"].states("1001")[-1] == "offline"


@pytest.mark.parametrize("dialect", [Dialect.ASTERISK, Dialect.FREESWITCH])
@pytest.mark.parametrize("state", [State.RINGING, State.ON_THE_PHONE, State.ON_HOLD, State.OFFLINE])
def test_a_state_said_by_command_holds_until_it_is_taken_back(dialect: Dialect, state: State) -> None:
    bench = watching(dialect)
    bench.node.set_state("1001", state)
    bench.run(1)
    assert bench["robot"].states("1001")[-1] == state == bench.pbx.state("1001")
    bench["1001"].call("1002")
    bench.run(1)
    assert bench["robot"].states("1001")[-1] == state
    bench.node.set_state("1001", None)
    bench.run(1)
    assert bench["robot"].states("1001")[-1] == "on-the-phone"


def test_no_such_extension() -> None:
    bench = watching()
    for wrong in (
        lambda: bench.pbx.set_state("9999", State.READY, bench.wire.now),
        lambda: bench.pbx.set_messages("9999", 1, 0, bench.wire.now),
        lambda: bench.pbx.state("9999"),
    ):
        with pytest.raises(InvalidValue, match="9999"):
            wrong()


def test_subscriptions_are_refreshed_and_ended() -> None:
    bench = watching()
    assert bench.pbx.watchers("1001") == 2
    bench.run(1000)
    assert bench.pbx.watchers("1001") == 2
    bench["robot"].node.do(Unwatch(1))
    bench.run(2)
    assert (bench.pbx.watchers("1001"), bench.pbx.watchers("1002")) == (0, 2)
    last = [each for each in bench["robot"].received("NOTIFY") if "terminated" in (each.subscription_state[0])]
    assert len(last) == 2 and all(each.body for each in last)


def test_a_watcher_that_is_gone_is_forgotten() -> None:
    bench = watching()
    bench.wire.power_off(bench["robot"].node)
    bench.node.set_state("1001", State.ON_THE_PHONE)
    bench.run(40)
    assert bench.pbx.watchers("1001") == 0


@pytest.mark.parametrize(("extension", "packages", "status"), [("9999", ("presence",), 404), ("1001", ("winfo",), 489)])
def test_what_cannot_be_watched(extension: str, packages: tuple[str, ...], status: int) -> None:
    bench = Bench("robot")
    bench["robot"].node.do(Subscribe(1, "pbx", extension, packages[0]))
    bench.run(2)
    assert bench["robot"].last(SubscriptionEnded).status == status


def test_a_wrong_password_watches_nothing() -> None:
    bench = Bench()
    stranger = bench.phone("robot", password="wrong", register=False)
    stranger.watch("1001")
    bench.run(5)
    assert stranger.of(WatchProblem) and not stranger.states("1001")
    assert bench.pbx.watchers("1001") == 0


def test_messages_are_told() -> None:
    bench = watching()
    bench["robot"].node.do(Subscribe(50, "pbx", "1001", "message-summary"))
    bench.run(1)
    bench.node.do(bench.pbx.set_messages("1001", 3, 1, bench.wire.now))
    bench.node.set_state("1001", State.OFFLINE)  # tells only those who asked for it
    bench.run(1)
    bodies = [each.body for each in bench["robot"].of(Notified)]
    assert [b"Voice-Message: 0/0" in bodies[0], b"Voice-Message: 3/1" in bodies[1]] == [True, True]
    assert len(bodies) == 2 and not bench["robot"].of(MessagesWaiting)


class Publisher:
    """A phone that says what it does."""

    def __init__(self) -> None:
        self.bench = watching()
        self.phone: Phone = self.bench["1001"]
        self._request = 100

    def publish(self, body: bytes = b"", etag: str = "", **more: Any) -> Any:
        self._request += 1
        headers = [("Event", more.get("event", "presence")), ("Expires", str(more.get("expires", 60)))]
        headers += [("SIP-If-Match", etag)] if etag else []
        content_type = more.get("content_type", "application/pidf+xml") if body else ""
        to = more.get("to", "1001")
        self.phone.node.do(SendRequest(self._request, "pbx", "PUBLISH", to, tuple(headers), body, content_type))
        self.bench.run(1)
        return self.phone.last(Responded).response

    @property
    def states(self) -> list[str]:
        return self.bench["robot"].states("1001")


def test_a_publication_counts_until_it_ends() -> None:
    one = Publisher()
    etag = one.publish(PIDF % b"On the phone").headers.get("SIP-ETag")
    assert one.states[-1] == "on-the-phone"
    etag = one.publish(etag=etag).headers.get("SIP-ETag")  # a refresh
    one.bench.run(50)
    assert one.states[-1] == "on-the-phone"
    etag = one.publish(PIDF % b"Ringing", etag).headers.get("SIP-ETag")
    assert one.states[-1] == "ringing"
    assert one.publish(etag=etag, expires=0).status == 200
    assert one.states[-1] == "ready"
    one.publish(PIDF % b"On hold")
    one.bench.run(61)
    assert one.states[-2:] == ["on-hold", "ready"]


@pytest.mark.parametrize(
    ("body", "more", "status"),
    [
        (b"", {}, 400),
        (b"<nonsense", {}, 400),
        (b"Messages-Waiting: no\r\n", {"content_type": "application/simple-message-summary"}, 415),
        (PIDF % b"Ready", {"etag": "wrong"}, 412),
        (PIDF % b"Ready", {"to": "9999"}, 404),
        (PIDF % b"Ready", {"event": "dialog"}, 489),
    ],
)
def test_what_is_not_published(body: bytes, more: dict[str, Any], status: int) -> None:
    one = Publisher()
    assert one.publish(body, **more).status == status
    assert one.states == ["ready"]
