"""The first asker's story behind Debian's Kamailio: real telephones call, and its dialog-info says who is busy.

1001 is a baresip that takes one call at a time; Kamailio sends whoever finds it busy on to `sipclient run`, a process
of its own. The agent of the queue is SIPp. All of them serve every test here, so each leaves 1001 ready, and nobody
waiting.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path

import pytest
from interop.baresip_phone import Baresip
from interop.kamailio_server import PLAIN, Kamailio
from interop.office import Queue
from interop.processes import HOST
from interop.robot_process import RobotProcess
from interop.sipp_peer import Sipp
from interop.waiting import until

from sipclient.message import Request, SipUri

LIMIT = 30
FIRST, SECOND, IMPATIENT, TALKER = CALLERS = ("2001", "2002", "2003", "2004")
EXTENSION = "sip:1001@pbx.test"
ROBOT = """
[accounts.pbx]
address   = "sip:robot@pbx.test"
password  = "{password}"
server    = "{transport}:{host}:{port}"
keepalive = "1s"
{tls}
[[watch]]
extensions = ["1001"]

[[incoming]]
match  = {{ from = "2003" }}
action = {{ camp_on = "{{to}}", expires = "1s", play = "%(300,0,440)" }}

[[incoming]]
match  = {{ to = "1*" }}
action = {{ camp_on = "{{to}}", play = "%(300,0,440)" }}

[[rules]]
name  = "call-the-queue"
armed = "on-request"

[rules.call]
to        = "7000"
caller_id = '"Ext {{extension}} is free" <{{extension}}>'
headers   = {{ X-Caller = "{{caller}}" }}

[dial]
allow = ["7000"]

[store]
url = "sqlite:robot.db"
"""


class Office:
    """Kamailio, its telephones, the queue and the robot; whatever was started is put among what is `ending`."""

    def __init__(self, directory: Path, ending: ExitStack) -> None:
        for name in ("kamailio", "1001", *CALLERS):
            (directory / name).mkdir()
        self.phone = Baresip(directory / "1001", "audio_codecs=PCMU", answers=False, user="1001", most=1)
        ending.callback(self.phone.stop)
        self.kamailio = Kamailio(directory / "kamailio", phone=self.phone.port, busy_to_robot=True)
        ending.callback(self.kamailio.stop)
        self.kamailio.start()
        settings = f'auth_pass={PLAIN};outbound="sip:{HOST}:{self.kamailio.port}";audio_codecs=PCMU;auth_user='
        self.callers: dict[str, Baresip] = {}
        for each in CALLERS:
            self.callers[each] = Baresip(directory / each, settings + each, user=each)
            ending.callback(self.callers[each].stop)
        sipp = Sipp(directory)
        ending.callback(sipp.stop)
        self.queue = Queue(sipp, self.kamailio.queue, talk=100)
        self.robot = RobotProcess(directory, self.kamailio, "udp", text=ROBOT)
        ending.callback(self.robot.kill)
        self.robot.start()
        self._seen = 0

    # --- what happens -------------------------------------------------------------------------------

    async def busy(self) -> None:
        """Somebody talks to 1001. It rings first: Kamailio publishes what comes at once in any order."""
        self.callers[TALKER].do("dial", EXTENSION)
        await self.robot.shows("ringing")
        self.phone.do("accept")
        await self.robot.shows("on-the-phone")

    async def free(self) -> None:
        """1001 is ready again."""
        self.callers[TALKER].do("hangup")
        await self.robot.shows("ready")

    async def camp_on(self, caller: str) -> None:
        """A caller finds 1001 busy, hears us out, and is hung up."""
        phone, before = self.callers[caller], len(self.robot.told("callback-waits", caller=caller))
        phone.told.clear()
        phone.do("dial", EXTENSION)
        await until(lambda: "CALL_CLOSED" in phone.told, "we hang up", now=lambda: (phone.told, self.robot.tail()))
        assert "CALL_RTPESTAB" in phone.told  # it heard us
        assert len(self.robot.told("callback-waits", caller=caller)) == before + 1

    async def calls(self, count: int) -> list[Request]:
        """The calls that reached the queue since this was last asked: so many, and no more once the agent hung up."""
        wanted = self._seen + count
        await until(lambda: self.queue.hung_up >= wanted, f"call {wanted} is over", now=self.robot.tail)
        found = list(self.queue.calls[self._seen :])
        assert len(found) == count
        self._seen = wanted
        return found


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    with ExitStack() as ending:
        yield Office(tmp_path_factory.mktemp("camping"), ending)


@pytest.fixture
async def office(started: Office) -> AsyncIterator[Office]:
    """With its telephones telling what happens to them."""
    async with AsyncExitStack() as stack, asyncio.timeout(LIMIT):
        for each in (started.phone, *started.callers.values()):
            await stack.enter_async_context(each)
        await until(lambda: started.robot.notifies >= 2, "subscribed", now=started.robot.tail)
        yield started


def shown(call: Request) -> tuple[str | None, str, str | None]:
    """What the agent sees: the name and number of the caller, and who camped on the extension."""
    caller = call.from_
    assert isinstance(caller.uri, SipUri)
    return caller.display_name, caller.uri.user, call.headers.get("X-Caller")


async def test_the_agent_sees_the_extension_and_who_called_it_once(office: Office) -> None:
    await office.busy()
    await office.camp_on(FIRST)
    assert await office.calls(0) == []
    await office.free()
    (call,) = await office.calls(1)
    assert shown(call) == ("Ext 1001 is free", "1001", FIRST)
    assert call.headers.get("P-Asserted-Identity") == '"Ext 1001 is free" <sip:1001@pbx.test>'
    await office.busy()
    await office.free()
    assert await office.calls(0) == []


async def test_who_camps_is_served_in_turn_and_whoever_asks_again_keeps_his_place(office: Office) -> None:
    await office.busy()
    for caller in (FIRST, SECOND, FIRST):
        await office.camp_on(caller)
    served = []
    for count in (1, 1, 0):
        await office.free()
        served += [shown(call)[2] for call in await office.calls(count)]
        await office.busy()
    await office.free()
    assert served == [FIRST, SECOND]
    assert await office.calls(0) == []


async def test_a_caller_who_hangs_up_before_the_end_is_served_and_one_whose_request_expired_is_not(
    office: Office,
) -> None:
    await office.busy()
    await office.camp_on(IMPATIENT)
    hasty = office.callers[FIRST]
    hasty.told.clear()
    hasty.do("dial", EXTENSION)
    await until(lambda: "CALL_ESTABLISHED" in hasty.told, "we answer", now=lambda: hasty.told)
    hasty.do("hangup")
    await until(lambda: office.robot.told("call-over", by="remote"), "he leaves", now=office.robot.tail)
    await until(
        lambda: office.robot.told("callback-over", caller=IMPATIENT, reason="expired"),
        "it expires",
        now=office.robot.tail,
    )
    await office.free()
    (call,) = await office.calls(1)
    assert shown(call)[2] == FIRST
    await office.busy()
    await office.free()
    assert await office.calls(0) == []


async def test_who_camps_is_served_although_kamailio_was_killed_in_between(office: Office) -> None:
    robot = office.robot
    await office.busy()
    await office.camp_on(SECOND)
    office.kamailio.kill()
    await until(lambda: robot.told("account-not-registered"), "the loss is noticed", now=robot.tail)
    registered, told = len(robot.told("account-registered")), robot.notifies
    office.kamailio.start()
    await until(lambda: len(robot.told("account-registered")) > registered, "registered again", now=robot.tail)
    await until(lambda: robot.notifies >= told + 2, "subscribed again", now=robot.tail)
    office.callers[TALKER].do("hangup")  # a call that the new one knows nothing of
    assert (robot.state, await office.calls(0)) == ("unknown", [])
    await office.busy()
    await office.free()
    (call,) = await office.calls(1)
    assert shown(call) == ("Ext 1001 is free", "1001", SECOND)
