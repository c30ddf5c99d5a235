"""The main job on Debian's Kamailio: register, watch, and call the queue for each busy → ready, for nothing else."""

from __future__ import annotations

import asyncio

import pytest
from interop.kamailio_server import Kamailio
from interop.office import Office
from interop.robots import Robot, working
from interop.sipp_peer import Sipp
from interop.waiting import until

from sipclient import Account, Client, RegistrationFailed, SipError

LIMIT = 40  # seconds for one test


@pytest.fixture
def office(kamailio: Kamailio, sipp: Sipp) -> Office:
    return Office(kamailio, sipp)


async def shows(robot: Robot, state: str) -> None:
    await until(lambda: robot.state("1001") == state, f"1001 becomes {state}", now=lambda: robot.changes)


async def called(office: Office, times: int) -> None:
    await until(lambda: len(office.queue.calls) >= times, f"call {times} reaches the queue")
    assert len(office.queue.calls) == times


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
async def test_each_busy_to_ready_is_one_call_and_nothing_else_is(office: Office, transport: str) -> None:
    phone = office.phone("1001")
    async with asyncio.timeout(LIMIT):
        await phone.says("Ready")
        async with working(office.kamailio.account(transport), "1001") as robot:
            await shows(robot, "ready")
            await phone.says("On the phone")
            await shows(robot, "on-the-phone")
            assert not office.queue.calls
            await phone.says("Ready")
            await called(office, 1)

            told = robot.received["NOTIFY"]
            await phone.says("Ready")
            await until(lambda: robot.received["NOTIFY"] > told, "Kamailio repeats its NOTIFY")
            await phone.says("On the phone")
            await shows(robot, "on-the-phone")
            await phone.says("Unavailable", "closed")
            await shows(robot, "offline")
            await phone.says("Ready")
            await shows(robot, "ready")
            await phone.says("Ringing")
            await shows(robot, "ringing")
            await phone.says("Ready")
            await shows(robot, "ready")

            # Whatever of this had called falsely has done so by the time the next true one arrives.
            await phone.says("On the phone")
            await shows(robot, "on-the-phone")
            await phone.says("Ready")
            await called(office, 2)
        assert len(office.queue.calls) == 2
    for invite in office.queue.calls:
        assert (invite.headers.get("From") or "").startswith('"Ext 1001 is free" <sip:1001@pbx.test>;tag=')
        assert invite.headers.get("P-Asserted-Identity") == '"Ext 1001 is free" <sip:1001@pbx.test>'
        assert (invite.headers.get("X-Extension"), invite.headers.get("X-Source")) == ("1001", "robot")
        came_by = invite.vias[1].transport.lower()
        assert came_by == transport or (transport == "udp" and came_by == "tcp")  # 1300 bytes are TCP's


@pytest.mark.parametrize("events", [("presence", "dialog"), ("dialog",)], ids="+".join)
async def test_real_calls_through_kamailio_are_told_by_dialog_info(office: Office, events: tuple[str, ...]) -> None:
    """1001 publishes no presence: pua_dialoginfo alone tells, of real calls, and of ours in the name of 1001 too."""
    async with (
        asyncio.timeout(LIMIT),
        working(office.kamailio.account(), "1001", events=events) as robot,
    ):
        await until(lambda: robot.received["NOTIFY"] >= len(events), "the first NOTIFYs come")
        for times in (1, 2):
            # 1002 calls, 1001 answers, one of them hangs up: one call to the queue. And the queue's call, which
            # Kamailio takes for one of 1001 because of its From, is no reason for another.
            caller, callee = office.start_call()
            await shows(robot, "on-the-phone")
            assert len(office.queue.calls) == times - 1
            await caller.finish()
            await callee.finish()
            await called(office, times)
            await until(lambda: not robot.client.calls, "the call to the queue ends")
            # A call that is refused rings, and never makes busy.
            await office.call(answered=False)
            await shows(robot, "ready")
        edges = [f"{change.before} → {change.after}" for change in robot.changes]
        assert edges.count("on-the-phone → ready") == 2
        assert edges.count("ringing → ready") == 2
        await called(office, 2)


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
async def test_the_server_is_killed_and_comes_back(office: Office, transport: str) -> None:
    phone, kamailio = office.phone("1001"), office.kamailio
    async with asyncio.timeout(LIMIT):
        await phone.says("Ready")
        async with working(kamailio.account(transport, keepalive=5.0), "1001") as robot:
            await shows(robot, "ready")
            await phone.says("On the phone")
            await shows(robot, "on-the-phone")
            kamailio.kill()
            phone.forget()
            await until(lambda: not robot.client.is_registered(), "the loss is noticed", 15)
            told = robot.received["NOTIFY"]
            kamailio.start()
            async with asyncio.timeout(10):
                await until(robot.client.is_registered, "registered again")
                await until(lambda: robot.received["NOTIFY"] >= told + 2, "subscribed again, to both packages")
            await phone.says("Ready")
            await shows(robot, "ready")
            assert not office.queue.calls
            await phone.says("On the phone")
            await shows(robot, "on-the-phone")
            await phone.says("Ready")
            await called(office, 1)


async def test_a_wrong_password_is_said_so(office: Office) -> None:
    right = office.kamailio.account()
    account = Account(right.address, password="wrong", server=right.server)
    async with asyncio.timeout(LIMIT):
        with pytest.raises(RegistrationFailed, match="401"):
            async with Client(account):
                pytest.fail("entered")


async def test_a_certificate_nobody_vouches_for_is_refused(office: Office) -> None:
    right = office.kamailio.account("tls")
    account = Account(right.address, password=right.password, server=right.server)
    async with asyncio.timeout(LIMIT):
        with pytest.raises(SipError, match="certificate"):
            async with Client(account, start_timeout=1.0):
                pytest.fail("entered")
