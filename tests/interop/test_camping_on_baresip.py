"""The first asker's story with a real telephone: baresip calls a busy extension, hears us, and is called for, once."""

from __future__ import annotations

from pathlib import Path

from interop.baresip_phone import Baresip
from interop.processes import HOST, free_port
from interop.waiting import until

from sipclient.config import load
from sipclient.lab.phone import Phone
from sipclient.lab.server import LabServer
from sipclient.lab.values import Queue, User
from sipclient.presence import State
from sipclient.robot import Robot, told
from sipclient.store import open_store

ROBOT = """
[accounts.pbx]
address = "sip:robot@127.0.0.1"
password = "secret"
server = "{server}"
local = "127.0.0.1:{port}"
peers = ["127.0.0.1"]
[[watch]]
extensions = ["1001"]
[[incoming]]
match = {{ to = "1001" }}
action = {{ camp_on = "{{to}}", play = "%(700,0,440)" }}
[[rules]]
name = "camped"
armed = "on-request"
[rules.call]
to = "7000"
caller_id = '"Ext {{extension}} is free" <{{extension}}>'
headers = {{ X-Caller = "{{caller}}" }}
timeout = "5s"
[dial]
allow = ["7000"]
"""
USERS = tuple(User(each, "secret", each) for each in ("1001", "2001", "robot"))


async def test_the_caller_of_a_busy_extension_is_camped_on(tmp_path: Path) -> None:
    port, news = free_port(), list[told.Told]()
    lab = LabServer(USERS, (Queue("7000", ("2001",)),))
    baresip = Baresip(tmp_path)
    try:
        async with lab, Phone(USERS[1], lab.server("udp"), answer_after=0.05, talk_for=0.1) as agent:
            config = load(ROBOT.format(server=lab.server("udp"), port=port))
            lab.set_state("1001", State.ON_THE_PHONE)
            async with (
                open_store(f"sqlite:{tmp_path}/robot.db") as store,
                Robot(config, store=store, tell=news.append) as robot,
                baresip as phone,
            ):
                await until(lambda: robot.judge.memory.state("pbx", "1001") == "on-the-phone", "1001 is busy")
                phone.do("dial", f"sip:1001@{HOST}:{port}")
                await until(lambda: "CALL_RTPESTAB" in phone.told, "baresip hears us", now=lambda: phone.told)
                await until(lambda: "CALL_CLOSED" in phone.told, "we hang up", now=lambda: phone.told)
                assert [each.caller for each in robot.callbacks.waiting] == ["phone"]
                lab.set_state("1001", State.READY)
                await until(lambda: len(agent.seen) == 1, "the queue is called", now=lambda: news)
                await until(lambda: not robot.client.calls, "and hung up")
                (seen,) = agent.seen
                shown = (seen.number, seen.name, seen.header("X-Caller"))
                assert shown == ("1001", "Ext 1001 is free", "phone")
                lab.set_state("1001", State.ON_THE_PHONE)
                lab.set_state("1001", State.READY)
                await until(lambda: robot.judge.memory.state("pbx", "1001") == "ready", "1001 is ready")
                assert len(agent.seen) == 1
                assert robot.client.failures == 0
    finally:
        baresip.stop()
