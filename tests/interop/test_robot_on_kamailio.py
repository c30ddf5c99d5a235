"""`sipclient run robot.toml` on Debian's Kamailio, as its administrator starts, kills and stops it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from interop.kamailio_server import Kamailio
from interop.office import Office
from interop.robot_process import RobotProcess
from interop.sipp_peer import Sipp
from interop.waiting import until

LIMIT = 60


@pytest.fixture
def office(kamailio: Kamailio, sipp: Sipp) -> Office:
    return Office(kamailio, sipp)


@pytest.fixture
def robot(kamailio: Kamailio, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[RobotProcess]:
    robot = RobotProcess(tmp_path, kamailio, getattr(request, "param", "udp"))
    try:
        robot.start()
        yield robot
    finally:
        robot.kill()


async def called(office: Office, robot: RobotProcess, times: int) -> None:
    await until(lambda: len(office.queue.calls) >= times, f"call {times} reaches the queue", now=robot.tail)
    assert len(office.queue.calls) == times


@pytest.mark.parametrize("robot", ["udp", "tcp", "tls"], indirect=True)
async def test_one_call_for_each_busy_to_ready_through_the_death_of_kamailio(
    office: Office, robot: RobotProcess
) -> None:
    phone, kamailio = office.phone("1001"), office.kamailio
    async with asyncio.timeout(LIMIT):
        await phone.says("Ready")
        await robot.shows("ready")
        await phone.says("On the phone")
        await robot.shows("on-the-phone")
        await phone.says("Ready")
        await called(office, robot, 1)

        told = robot.notifies
        await phone.says("Ready")
        await until(lambda: robot.notifies > told, "Kamailio repeats its NOTIFY")
        await phone.says("On the phone")
        await robot.shows("on-the-phone")
        await phone.says("Unavailable", "closed")
        await robot.shows("offline")
        await phone.says("Ringing")
        await robot.shows("ringing")
        await phone.says("Ready")
        await robot.shows("ready")

        await phone.says("On the phone")
        await robot.shows("on-the-phone")
        kamailio.kill()
        phone.forget()
        await until(lambda: robot.told("account-not-registered"), "the loss is noticed", 15, now=robot.tail)
        registered, told = len(robot.told("account-registered")), robot.notifies
        kamailio.start()
        async with asyncio.timeout(10):
            await until(lambda: len(robot.told("account-registered")) > registered, "registered again", now=robot.tail)
            await until(lambda: robot.notifies >= told + 2, "subscribed again, to both packages", now=robot.tail)
        # Busy when Kamailio died, ready when it is back: nobody saw the edge, so it is told and not acted on.
        await phone.says("Ready")
        await robot.shows("ready")
        await phone.says("On the phone")
        await robot.shows("on-the-phone")
        assert len(office.queue.calls) == 1
        await phone.says("Ready")
        await called(office, robot, 2)

        status, seconds = robot.stop()
    assert (status, seconds < 5) == (0, True), robot.tail()
    assert len(office.queue.calls) == 2
    for invite in office.queue.calls:
        assert (invite.headers.get("From") or "").startswith('"Ext 1001 is free" <sip:1001@pbx.test>;tag=')
        assert invite.headers.get("P-Asserted-Identity") == '"Ext 1001 is free" <sip:1001@pbx.test>'
        assert (invite.headers.get("X-Extension"), invite.headers.get("X-Source")) == ("1001", "robot")


async def test_real_calls_and_crashes_of_the_robot(kamailio: Kamailio, sipp: Sipp, robot: RobotProcess) -> None:
    """Dialog-info by pua_dialoginfo. The robot is killed in its call to the queue, and again while 1001 talks."""
    office = Office(kamailio, sipp, talk=4000)
    async with asyncio.timeout(LIMIT):
        await until(lambda: robot.notifies >= 2, "subscribed", now=robot.tail)
        await office.call()
        await called(office, robot, 1)
        await until(lambda: office.queue.answered, "the agent talks to the robot")
        robot.kill()
        robot.start()
        await until(lambda: robot.notifies >= 2, "subscribed again", now=robot.tail)
        # The call of the earlier run lives on at Kamailio, which goes by its From: to it, 1001 is on the phone until
        # the agent hangs up, and ready then.
        told = robot.notifies
        await until(lambda: office.queue.hung_up, "the agent hangs up")
        await until(lambda: robot.notifies > told, "Kamailio tells of that", now=robot.tail)
        assert not robot.told("state-changed", after="on-the-phone")

        caller, callee = office.start_call(pause=3000)
        await robot.shows("on-the-phone")
        robot.kill()
        await caller.finish()
        await callee.finish()
        robot.start()
        # It was not there when 1001 hung up: by `missed = "tell"` that is told, and nobody is called.
        await robot.shows("ready")
        await office.call()
        await called(office, robot, 2)
        await until(lambda: office.queue.hung_up >= 2, "the agent hangs up again")
        # Ringing alone is no reason for a call.
        await office.call(answered=False)
        await until(lambda: robot.told("state-changed", before="ringing", after="ready"), "the ringing is told")
        assert robot.stop()[0] == 0
    assert len(office.queue.calls) == 2
