"""The robot's parts alone: what is written when the disk fails, whose turn it is, what an account becomes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from sipclient.config import AccountConfig, DialConfig, load
from sipclient.config.events import EVENTS
from sipclient.errors import InvalidValue, ListenFailed, StoreError
from sipclient.protocol.account import Account
from sipclient.protocol.events import Watch
from sipclient.robot import files, told
from sipclient.robot.accounts import accounts_of
from sipclient.robot.alarm import Alarm
from sipclient.robot.files import store_url
from sipclient.robot.ledger import DAY, KEPT, PAUSE, SOON, Ledger
from sipclient.robot.service import check_ports
from sipclient.robot.told import Told
from sipclient.robot.turns import Turns
from sipclient.store import ExtensionRecord, JobRecord, JobState

ACCOUNT = """
[accounts.pbx]
address = "sip:robot@pbx.example.com"
password = "p"
username = "u"
realm = "r"
display_name = "d"
server = "tls:pbx.example.com"
local = "127.0.0.1:0"
expires = "10m"
register = false
identity = ["from", "rpid"]
media = "none"
keepalive = "5s"
peers = ["10.0.0.0/8"]
tls_ca = "ca.pem"
tls_verify = false
require_strong_digest = true
codecs = ["PCMA"]
rtp_ports = "10000-10010"
dscp = "cs5"
public_address = "192.0.2.1"
stun = "stun:stun.example.com"
turn = { url = "turn:turn.example.com", username = "t", password = "tp" }
"""


def test_every_setting_of_an_account_reaches_it() -> None:
    config = load(ACCOUNT)
    account = accounts_of(config, "/etc/sip")["pbx"]
    assert account.tls_ca == "/etc/sip/ca.pem" and account.rtp_ports == (10000, 10010)
    default = Account("sip:robot@pbx.example.com")
    shared = set(Account.__struct_fields__) & set(AccountConfig.__struct_fields__) - {"refer"}
    assert len(shared) == 22
    turn = (account.turn, account.turn_username, account.turn_password)
    assert turn == ("turn:turn.example.com", "t", "tp") and "tp" not in repr(account)
    for field in shared - {"address", "tls_ca", "rtp_ports", "turn"}:
        value = getattr(account, field)
        assert value != getattr(default, field), field
        assert value == getattr(config.accounts["pbx"], field)
        assert type(value).__module__ == "builtins"
    assert len(msgspec.msgpack.encode(account)) > 100  # of plain types only


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("sqlite:robot.db", "sqlite:/etc/sip/robot.db"),
        ("sqlite:/var/r.db", "sqlite:/var/r.db"),
        ("sqlite::memory:", "sqlite::memory:"),
    ],
)
def test_the_store_lies_beside_the_file(url: str, expected: str) -> None:
    assert store_url(load(ACCOUNT + f'[store]\nurl = "{url}"\n'), "/etc/sip") == expected


def test_ports_are_asked_for_what_they_are() -> None:
    check_ports([Account("sip:a@b", local="127.0.0.1:0"), Account("sip:a@b", server="tcp:b", local="192.0.2.1:1")])
    for local in ("192.0.2.1:5060", "nonsense:1"):
        with pytest.raises(ListenFailed, match="account sip:a@b: "):
            check_ports([Account("sip:a@b", local=local)])


async def test_an_alarm_moves(stage: Any) -> None:
    clock, rings = stage.world.clock, []
    alarm = Alarm(clock, lambda: rings.append(clock.now))
    alarm.set(1010.0)
    alarm.set(1010.0)
    alarm.set(1005.0)
    await clock.advance(20)
    alarm.set(1030.0)
    alarm.set(None)
    await clock.advance(20)
    assert rings == [1005.0]


# --- the ledger -------------------------------------------------------------------------------------


def a_job(world: Any, state: JobState = JobState.CALLING, attempt: int = 1) -> JobRecord:
    at = world.clock.wall()
    return JobRecord(
        id="q/pbx/1001/1",
        rule="q",
        account="pbx",
        extension="1001",
        created=at,
        updated=at,
        state=state,
        attempt=attempt,
    )


def a_state(world: Any, state: str) -> ExtensionRecord:
    return ExtensionRecord(account="pbx", extension="1001", state=state, changed=world.clock.wall())


def a_ledger(stage: Any) -> tuple[Ledger, list[str]]:
    troubles: list[str] = []
    clock = stage.world.clock
    return Ledger(stage.store, clock, clock.wall, troubles.append), troubles


async def test_states_gather_and_a_job_takes_them_along(stage: Any) -> None:
    world = stage.world
    ledger, _ = a_ledger(stage)
    ledger.state(a_state(world, "ringing"))
    ledger.state(a_state(world, "on-the-phone"))
    await world.clock.advance(SOON / 2)
    assert world.steps == 0
    assert await ledger.add(a_job(world), a_state(world, "ready"))
    await world.clock.advance(SOON)
    assert world.steps == 2  # one write, before and after
    assert world.extensions["pbx", "1001"].state == "ready"


async def test_a_later_word_on_a_job_is_never_overtaken_by_an_earlier_one(stage: Any) -> None:
    world = stage.world
    ledger, _ = a_ledger(stage)
    await ledger.add(a_job(world), None)
    ledger.outcome(a_job(world, JobState.PENDING, 2))
    flushing = asyncio.create_task(ledger.flush())
    await ledger.update(a_job(world, JobState.CALLING, 2))
    await flushing
    assert world.jobs["q/pbx/1001/1"].state is JobState.CALLING


async def test_what_could_not_be_written_is_written_later(stage: Any) -> None:
    world = stage.world
    ledger, troubles = a_ledger(stage)
    await ledger.add(a_job(world), None)
    stage.store.trouble = "the disk is full"
    ledger.state(a_state(world, "ready"))
    await world.clock.advance(SOON * 2)
    assert "the disk is full" in troubles[0]
    stage.store.trouble = ""
    await world.clock.advance(PAUSE)
    assert world.extensions["pbx", "1001"].state == "ready"


@pytest.mark.parametrize(("state", "kept"), [(JobState.DONE, True), (JobState.PENDING, False)])
async def test_only_a_jobs_last_word_is_said_again(stage: Any, state: JobState, kept: bool) -> None:
    """`pending` said again could follow the next attempt's `calling`, and make a restart call twice."""
    world = stage.world
    ledger, troubles = a_ledger(stage)
    await ledger.add(a_job(world), None)
    stage.store.trouble = "the disk is full"
    ledger.outcome(a_job(world, state, 2))
    await world.clock.advance(SOON * 2)
    assert len(troubles) == 1
    stage.store.trouble = ""
    await world.clock.advance(PAUSE)
    assert world.jobs["q/pbx/1001/1"].state is (state if kept else JobState.CALLING)


async def test_finished_jobs_are_forgotten_after_ninety_days(stage: Any) -> None:
    world = stage.world
    ledger, _ = a_ledger(stage)
    await ledger.add(a_job(world, JobState.DONE), None)
    await ledger.flush()
    world.clock.now += KEPT.total_seconds() - 1
    await ledger.flush()
    assert world.jobs
    world.clock.now += DAY + 1
    await ledger.flush()
    assert not world.jobs


async def test_a_ledger_that_cannot_be_closed_says_what_is_lost(stage: Any) -> None:
    ledger, troubles = a_ledger(stage)
    stage.store.trouble = "the disk is full"
    ledger.state(a_state(stage.world, "ready"))
    await ledger.close()
    assert troubles == ["what was still to be written down is lost: the disk is full"]
    with pytest.raises(StoreError):
        await ledger.add(a_job(stage.world), None)


# --- turns ------------------------------------------------------------------------------------------


async def test_too_many_wait(stage: Any) -> None:
    turns = Turns(DialConfig(calls_at_once=1), stage.world.clock)
    assert turns.now_or_never("first") and not turns.now_or_never("second")
    for number in range(1000):
        assert turns.turn(f"{number}") is not None
    assert turns.turn("one more") is None
    assert await turns.wait("one more") is False
    assert not turns.now_or_never("one more")


async def test_a_job_that_finds_too_many_waiting_is_told(stage: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    robot = await stage.start()
    monkeypatch.setattr(robot._turns, "turn", lambda id: None)
    await stage.world.go("1001", "on-the-phone", "ready")
    await stage.world.clock.advance(1)
    assert "too many calls wait" in stage.world.of(told.CallNotPlaced)[0].words()
    assert stage.world.jobs["queue/pbx/1001/1"].state is JobState.FAILED


async def test_what_the_engine_will_not_watch_is_told_and_the_others_are_watched(
    stage: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sipclient.robot.robot import GuardedClient

    given = GuardedClient.do

    def refuse(self: Any, command: Any) -> None:
        if isinstance(command, Watch) and command.extension == "1002":
            raise InvalidValue("no address")
        given(self, command)

    monkeypatch.setattr(GuardedClient, "do", refuse)
    await stage.start()
    assert stage.world.of(told.Notice)[0].text == "1002 of pbx cannot be watched: no address"
    assert stage.world.of(told.Started)[0].extensions == 2


def test_webhooks_can_name_every_event_and_no_other() -> None:
    def kinds(kind: type[Told]) -> Iterator[str]:
        for each in kind.__subclasses__():
            if each.__module__.startswith("sipclient."):
                yield str(each.__struct_config__.tag)
            yield from kinds(each)

    assert set(kinds(Told)) == EVENTS


def test_an_extra_lacks_where_any_part_of_it_does(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "web" not in files.lacking_extras()
    found = files.find_spec
    for name in ("litestar", "uvicorn", "httpx", "prometheus_client"):
        monkeypatch.setattr(files, "find_spec", lambda asked, name=name: None if asked == name else found(asked))
        assert "web" in files.lacking_extras()
