"""The driver: order of effects, the one timer, and the border where bugs stop."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from sipclient.errors import InvalidValue, SipError
from sipclient.face.shell import Driver
from sipclient.protocol.account import Account
from sipclient.protocol.events import AddAccount, Hangup, Packet, Send, Traced, Unwatch


def driver_of(bench: Any, on_event: Any = lambda event: None, **hooks: Any) -> Driver:
    return Driver(bench.engine, bench.connect, on_event, bench.clock, **hooks)


def test_a_batch_goes_through_the_engine_before_anything_is_performed(bench: Any) -> None:
    driver = driver_of(bench)
    performed_then: list[int] = []

    def answer(packet: Packet) -> list[Any]:
        performed_then.append(len(bench.wires.performed))
        return [Send(bench.flow, packet.data)]

    bench.engine.script[Packet] = answer
    driver.receive([Packet(bench.flow, b"1"), Packet(bench.flow, b"2")])
    assert performed_then == [0, 0]
    assert [send.data for send in bench.wires.performed] == [b"1", b"2"]


def test_a_command_given_while_effects_are_performed_does_not_overtake_them(bench: Any) -> None:
    seen: list[Any] = []

    def on_event(event: Traced) -> None:
        seen.append(event.text)
        if event.text == "first":
            driver.do(Hangup(1))

    driver = driver_of(bench, on_event)
    bench.engine.script[Hangup] = lambda _: [Send(bench.flow, b"BYE")]
    bench.engine.script[Unwatch] = lambda _: [Traced("first"), Send(bench.flow, b"100"), Traced("second")]
    driver.do(Unwatch(7))
    assert seen == ["first", "second"]
    assert [send.data for send in bench.wires.performed] == [b"100", b"BYE"]


def test_trouble_that_the_network_reports_at_once_waits_its_turn(bench: Any) -> None:
    seen: list[str] = []
    driver = driver_of(bench, lambda event: seen.append(event.text))
    bench.engine.script[Packet] = lambda _: [Traced("refused")]
    bench.engine.script[Hangup] = lambda _: [Send(bench.flow, b"x"), Traced("after")]
    bench.wires.perform = lambda effect: bench.wires.deliver([Packet(bench.flow, b"")])
    driver.do(Hangup(1))
    assert seen == ["after", "refused"]


def test_one_alarm_is_set_for_the_deadline_and_ticks_then(bench: Any) -> None:
    driver = driver_of(bench)
    bench.engine.deadline = 1005.0
    bench.engine.on_tick = lambda: setattr(bench.engine, "deadline", None) or []
    driver.do(Hangup(1))
    assert [alarm.when for alarm in bench.clock.alarms] == [1005.0]
    bench.clock.advance(4.9)
    assert bench.engine.ticks == []
    bench.clock.advance(0.2)
    assert bench.engine.ticks == [1005.0]
    assert bench.clock.alarms == []


@pytest.mark.parametrize(
    ("later", "alarms", "scheduled"),
    [(1003.0, [1003.0], 2), (1005.0, [1005.0], 1), (1009.0, [1005.0], 1), (None, [], 1)],
)
def test_the_alarm_moves_only_when_the_deadline_comes_nearer(
    bench: Any, later: float | None, alarms: list[float], scheduled: int
) -> None:
    driver = driver_of(bench)
    bench.engine.deadline = 1005.0
    driver.do(Hangup(1))
    bench.engine.deadline = later
    driver.do(Hangup(1))
    assert [alarm.when for alarm in bench.clock.alarms] == alarms
    assert bench.clock.scheduled == scheduled


def test_an_alarm_that_rings_before_a_deadline_that_moved_does_not_tick(bench: Any) -> None:
    driver = driver_of(bench)
    bench.engine.deadline = 1005.0
    driver.do(Hangup(1))
    bench.engine.deadline = 1009.0
    bench.clock.advance(5.0)
    assert bench.engine.ticks == []
    assert [alarm.when for alarm in bench.clock.alarms] == [1009.0]


def test_a_bug_in_the_engine_costs_one_input_and_is_logged_without_secrets(
    bench: Any, caplog: pytest.LogCaptureFixture
) -> None:
    driver = driver_of(bench)

    def bug(packet: Packet) -> list[Any]:
        if packet.data.startswith(b"bad"):
            raise KeyError("oops")
        return [Send(bench.flow, packet.data)]

    bench.engine.script[Packet] = bug
    bad = b'bad\r\nAuthorization: Digest cnonce="c0ffee", response="deadbeef"\r\nX-End: 1'
    driver.receive([Packet(bench.flow, bad), Packet(bench.flow, b"good")])
    assert [send.data for send in bench.wires.performed] == [b"good"]
    assert driver.failures == 1
    assert "KeyError" in caplog.text
    assert "X-End" in caplog.text
    assert "deadbeef" not in caplog.text and "c0ffee" not in caplog.text


def test_a_bug_while_an_account_is_added_shows_no_password(bench: Any, caplog: pytest.LogCaptureFixture) -> None:
    driver = driver_of(bench)
    bench.engine.script[AddAccount] = lambda _: 1 // 0
    with pytest.raises(SipError, match="AddAccount failed inside the engine"):
        driver.do(AddAccount(Account("sip:a@b", password="hunter2")))
    assert driver.failures == 1
    assert "hunter2" not in caplog.text


def test_what_the_user_may_not_say_is_raised_and_no_bug(bench: Any) -> None:
    driver = driver_of(bench)

    def refuse(_: Any) -> list[Any]:
        raise InvalidValue("CR in caller ID")

    bench.engine.script[Hangup] = refuse
    with pytest.raises(InvalidValue):
        driver.do(Hangup(1))
    assert driver.failures == 0


def test_a_tick_that_fails_is_tried_again_a_second_later_not_at_once(bench: Any) -> None:
    driver = driver_of(bench)
    bench.engine.deadline = 1005.0
    bench.engine.on_tick = lambda: 1 // 0
    driver.do(Hangup(1))
    bench.clock.advance(7.5)
    assert bench.engine.ticks == [1005.0, 1006.0, 1007.0]
    assert driver.failures == 3


def test_a_listener_that_raises_does_not_keep_the_rest_from_happening(
    bench: Any, caplog: pytest.LogCaptureFixture
) -> None:
    def on_event(event: Traced) -> None:
        raise RuntimeError("listener")

    driver = driver_of(bench, on_event)
    bench.engine.script[Hangup] = lambda _: [Traced("x"), Send(bench.flow, b"BYE")]
    with caplog.at_level(logging.ERROR):
        driver.do(Hangup(1))
    assert [send.data for send in bench.wires.performed] == [b"BYE"]
    assert driver.failures == 1


def test_the_hooks_see_every_input_and_every_send(bench: Any) -> None:
    received: list[Any] = []
    sent: list[Any] = []
    driver = driver_of(bench, on_receive=received.append, on_send=sent.append)
    bench.engine.script[Packet] = lambda packet: [Send(bench.flow, b"200"), Traced("no send")]
    packet = Packet(bench.flow, b"OPTIONS")
    driver.receive([packet])
    assert received == [packet]
    assert [send.data for send in sent] == [b"200"]


def test_a_closed_driver_hears_nothing_and_sets_no_alarm(bench: Any) -> None:
    driver = driver_of(bench)
    bench.engine.deadline = 1005.0
    driver.do(Hangup(1))
    driver.close()
    driver.receive([Packet(bench.flow, b"late")])
    assert bench.engine.of(Packet) == []
    assert bench.clock.alarms == []
    with pytest.raises(SipError, match="closed"):
        driver.do(Hangup(2))
