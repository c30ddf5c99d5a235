"""Watches: sharing, lagging readers, and refusals."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest

from sipclient.errors import InvalidValue, WatchFailed
from sipclient.face import watching
from sipclient.face.watching import Memory, Watches, Watching
from sipclient.presence import State
from sipclient.protocol.events import ExtensionChanged, Unwatch, Watch, WatchProblem

BOTH = ("presence", "dialog")


class Bench:
    def __init__(self) -> None:
        self.told: list[Any] = []
        self.refuse = ""
        self.watches = Watches(self.do, count(1).__next__)

    def do(self, command: Any) -> None:
        if isinstance(command, Watch) and command.extension == self.refuse:
            raise InvalidValue("no address")
        self.told.append(command)

    def open(
        self, *extensions: str, account: str = "pbx", packages: tuple[str, ...] = BOTH, **memory: Memory
    ) -> Watching:
        return self.watches.open(account, extensions, packages, memory)

    def change(self, watch: int, before: State, after: State, extension: str = "1001", **more: Any) -> ExtensionChanged:
        event = ExtensionChanged(watch, "pbx", extension, before, after, **more)
        self.watches.changed(event)
        return event


@pytest.fixture(name="desk")
def desk_fixture() -> Bench:
    return Bench()


async def drain(reader: Watching) -> list[ExtensionChanged]:
    reader.end()
    return [change async for change in reader]


async def test_each_extension_is_watched_once_and_its_changes_come_in_order(desk: Bench) -> None:
    reader = desk.open("1001", "1002", "1001")
    assert desk.told == [Watch(1, "pbx", "1001", BOTH), Watch(2, "pbx", "1002", BOTH)]
    first = desk.change(1, State.UNKNOWN, State.ON_THE_PHONE)
    second = desk.change(2, State.UNKNOWN, State.READY, "1002")
    assert await drain(reader) == [first, second]


async def test_states_compare_with_the_users_words(desk: Bench) -> None:
    reader = desk.open("1001")
    desk.change(1, State.ON_THE_PHONE, State.READY)
    async for change in reader:
        assert (change.before, change.after) == ("on-the-phone", "ready")
        break


def test_what_an_earlier_run_knew_goes_into_the_watch() -> None:
    told: list[Any] = []
    watches = Watches(told.append, count(5).__next__)
    watches.open("pbx", ["1001", "1002"], BOTH, {"1001": Memory(State.ON_THE_PHONE, 4, True)})
    assert told == [
        Watch(5, "pbx", "1001", BOTH, State.ON_THE_PHONE, 4, True),
        Watch(6, "pbx", "1002", BOTH),
    ]


async def test_two_watches_of_one_extension_share_a_subscription_until_both_are_left(desk: Bench) -> None:
    first, second = desk.open("1001"), desk.open("1001")
    assert len(desk.told) == 1
    change = desk.change(1, State.UNKNOWN, State.RINGING)
    await first.aclose()
    assert desk.told[1:] == []
    await second.aclose()
    await second.aclose()
    assert desk.told[1:] == [Unwatch(1)]
    desk.watches.changed(change)
    assert desk.watches.states() == {}


@pytest.mark.parametrize(("account", "packages"), [("other", BOTH), ("pbx", ("dialog",))])
def test_another_account_or_package_is_another_subscription(
    desk: Bench, account: str, packages: tuple[str, ...]
) -> None:
    desk.open("1001")
    desk.open("1001", account=account, packages=packages)
    assert len(desk.told) == 2


async def test_a_late_reader_hears_what_is_known_but_opens_and_closes_no_episode(desk: Bench) -> None:
    desk.open("1001")
    desk.change(1, State.ON_THE_PHONE, State.READY, episode=3, closed=True, note="Ready")
    late = await drain(desk.open("1001"))
    assert late == [ExtensionChanged(1, "pbx", "1001", State.UNKNOWN, State.READY, episode=3, gap=True)]


async def test_a_late_reader_hears_nothing_of_what_is_not_known_any_more(desk: Bench) -> None:
    desk.open("1001")
    desk.change(1, State.READY, State.UNKNOWN)
    assert await drain(desk.open("1001")) == []


async def test_a_reader_that_lags_gets_the_latest_of_each_extension_and_is_told(
    desk: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(watching, "UNREAD", 6)
    reader = desk.open("1001", "1002")
    desk.change(2, State.UNKNOWN, State.OFFLINE, "1002")
    for _ in range(50):
        desk.change(1, State.READY, State.ON_THE_PHONE)
        last = desk.change(1, State.ON_THE_PHONE, State.READY)
    waiting = len(reader._items)
    assert waiting <= 6
    changes = await drain(reader)
    assert (changes[0].extension, changes[0].after) == ("1002", State.OFFLINE)
    assert changes[-1] == last
    assert reader.dropped == 101 - waiting
    assert caplog.text.count("dropped") == 1


async def test_a_lagging_reader_of_many_extensions_keeps_one_change_of_each(
    desk: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "UNREAD", 4)
    names = [str(1000 + number) for number in range(20)]
    reader = desk.open(*names)
    for after in (State.READY, State.RINGING, State.OFFLINE):
        for number, name in enumerate(names, 1):
            desk.change(number, State.UNKNOWN, after, name)
    waiting = len(reader._items)
    changes = await drain(reader)
    assert waiting <= 40
    assert {change.extension: change.after for change in changes} == dict.fromkeys(names, State.OFFLINE)
    assert reader.dropped == 60 - waiting


def test_an_extension_that_is_no_address_ends_the_watches_begun_with_it(desk: Bench) -> None:
    desk.refuse = "bad"
    with pytest.raises(InvalidValue):
        desk.open("1001", "bad", "1002")
    assert desk.told == [Watch(1, "pbx", "1001", BOTH), Unwatch(1)]


def problem(watch: int, package: str, refused: bool = True, status: int = 404) -> WatchProblem:
    retry_in = 120.0 if refused else 4.0
    return WatchProblem(watch, "pbx", "1001", package, status, "Not Found", retry_in, refused)


async def test_a_watch_fails_when_every_package_of_every_extension_is_refused(desk: Bench) -> None:
    reader = desk.open("1001", "1002")
    for watch in (1, 2):
        desk.watches.problem(problem(watch, "presence"))
        desk.watches.problem(problem(watch, "dialog", status=489))
    with pytest.raises(WatchFailed, match=r"1001 \(and 1 more\): presence: 404 Not Found, dialog: 489"):
        await anext(reader)
    assert desk.told[2:] == [Unwatch(1), Unwatch(2)]
    await reader.aclose()
    assert len(desk.told) == 4


@pytest.mark.parametrize(
    "problems",
    [
        [problem(1, "presence"), problem(1, "dialog")],  # 1002 goes on
        [problem(1, "presence"), problem(1, "dialog", refused=False), problem(2, "presence"), problem(2, "dialog")],
        [problem(9, "presence"), problem(9, "dialog")],
    ],
)
async def test_a_watch_goes_on_while_there_is_hope(desk: Bench, problems: list[WatchProblem]) -> None:
    reader = desk.open("1001", "1002")
    for each in problems:
        desk.watches.problem(each)
    change = desk.change(2, State.UNKNOWN, State.READY, "1002")
    assert await anext(reader) == change


async def test_what_is_refused_of_many_can_be_asked(desk: Bench) -> None:
    reader = desk.open("1001", "1002")
    desk.watches.problem(problem(1, "presence"))
    assert reader.refused == {}
    desk.watches.problem(problem(1, "dialog", status=0))
    assert reader.refused == {"1001": "presence: 404 Not Found, dialog: Not Found"}
    desk.watches.problem(problem(1, "dialog", refused=False))
    assert reader.refused == {}
    await reader.aclose()


async def test_a_second_watch_of_what_is_refused_already_fails_at_once(desk: Bench) -> None:
    first = desk.open("1001", "1002")
    desk.watches.problem(problem(1, "presence"))
    desk.watches.problem(problem(1, "dialog"))
    with pytest.raises(WatchFailed):
        await anext(desk.open("1001"))
    assert Unwatch(1) not in desk.told
    await first.aclose()


async def test_what_was_told_once_is_waited_for(desk: Bench) -> None:
    reader = desk.open("1001")
    desk.change(1, State.UNKNOWN, State.READY)
    desk.change(1, State.READY, State.UNKNOWN)
    for package in BOTH:
        desk.watches.problem(problem(1, package))
    assert list(reader.refused) == ["1001"]
    assert Unwatch(1) not in desk.told
    assert [(await anext(reader)).after for _ in range(2)] == ["ready", "unknown"]
    await reader.aclose()


async def test_news_of_an_extension_ends_earlier_despair(desk: Bench) -> None:
    reader = desk.open("1001")
    desk.watches.problem(problem(1, "presence"))
    change = desk.change(1, State.UNKNOWN, State.READY)
    desk.watches.problem(problem(1, "dialog"))
    assert await anext(reader) == change


async def test_removing_an_account_ends_the_readers_that_watch_nothing_else(desk: Bench) -> None:
    here, elsewhere = desk.open("1001"), desk.open("1001", account="other")
    desk.watches.account_removed("pbx")
    assert [change async for change in here] == []
    await here.aclose()
    assert [type(command) for command in desk.told] == [Watch, Watch]
    change = ExtensionChanged(2, "other", "1001", State.UNKNOWN, State.READY)
    desk.watches.changed(change)
    assert await anext(elsewhere) == change


async def test_closing_ends_every_reader(desk: Bench) -> None:
    reader = desk.open("1001")
    desk.watches.close()
    assert [change async for change in reader] == []
    await reader.aclose()
    assert [type(command) for command in desk.told] == [Watch]


def test_states_are_those_of_one_account_or_of_all(desk: Bench) -> None:
    desk.open("1001", "1002", packages=("dialog",))
    desk.open("1001", account="other")
    desk.open("1001")
    assert desk.watches.states() == {"1001": State.UNKNOWN, "1002": State.UNKNOWN}
    desk.watches.changed(ExtensionChanged(3, "other", "1001", State.UNKNOWN, State.RINGING))
    desk.change(4, State.UNKNOWN, State.READY)
    assert desk.watches.states("pbx") == {"1001": State.READY, "1002": State.UNKNOWN}
    assert desk.watches.states("other") == {"1001": State.RINGING}
    assert desk.watches.states()["1001"] == State.RINGING
