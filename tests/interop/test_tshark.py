"""What tshark reads in our packets is what we meant, and it finds nothing wrong with them."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest
from interop.capture import Capture
from interop.kamailio_server import Kamailio
from interop.office import Office
from interop.sipp_line import account, asked_all
from interop.sipp_peer import Sipp
from interop.waiting import until

from sipclient import Account, Client, State
from sipclient.message import Request, Response, parse
from sipclient.protocol.events import Send

LIMIT = 60
SCENARIOS = ("answer", "reliable", "update", "forked", "offer_again", "asks_inside", "bye_unknown")


@pytest.fixture
async def capture(tmp_path: Path) -> AsyncIterator[Capture]:
    capture = Capture(tmp_path)
    try:
        await capture.start()
        yield capture
    finally:
        capture.stop()


class Sent:
    """What left us, by our own account."""

    def __init__(self) -> None:
        self.messages: list[tuple[int, Request | Response]] = []
        self.ports: set[tuple[str, int]] = set()

    def __call__(self, send: Send) -> None:
        flow = send.flow
        self.ports |= {(flow.transport, flow.local_port), (flow.transport, flow.remote_port)}
        if send.data.strip():
            self.messages.append((flow.local_port, parse(send.data)))


async def main_job(office: Office, account: Account, sent: Sent) -> None:
    """Register, watch, see a call of 1001, and call the queue."""
    async with Client(account, on_send=sent) as client, client.watch("1001") as changes:
        phone = office.phone("1001")
        await phone.says("Ready")
        await office.call()
        async for change in changes:
            if change.closed and change.after == State.READY:
                break
        async with client.call("7000", '"Ext 1001 ist frei – ü" <1001>', {"X-Extension": "1001"}):
            pass


async def troubled_calls(sipp: Sipp, sent: Sent) -> None:
    """PRACK, UPDATE, forks, re-INVITE, answers to requests in the call."""
    for scenario in SCENARIOS:
        run = sipp.start(scenario)
        async with Client(account(run.port, media="rtp"), on_send=sent) as client:
            async with client.call("7000"):
                await until(partial(asked_all, run, scenario), f"{scenario}: SIPp has asked all it wants")
            await run.finish()


async def test_tshark_reads_what_we_meant(kamailio: Kamailio, sipp: Sipp, capture: Capture) -> None:
    sent = Sent()
    async with asyncio.timeout(LIMIT):
        office = Office(kamailio, sipp)
        for transport in ("udp", "tcp"):
            await main_job(office, kamailio.account(transport), sent)
        await troubled_calls(sipp, sent)
        await capture.finish()
    ours = {port for port, _ in sent.messages}
    frames = [frame for frame in capture.frames(sent.ports) if frame.port in ours]

    assert [frame for frame in frames if frame.trouble] == []
    read = Counter(start for frame in frames for start in frame.starts)
    meant = Counter(start_line(message) for _, message in sent.messages)
    assert read == meant
    assert {"REGISTER", "SUBSCRIBE", "INVITE", "ACK", "BYE", "PRACK"} <= {start.split()[0] for start in read}
    for name, values in {
        "call_ids": Counter(message.call_id for _, message in sent.messages),
        "cseqs": Counter(message.headers.get("CSeq") for _, message in sent.messages),
        "tags": Counter(message.from_tag for _, message in sent.messages),
        "branches": Counter(message.via.branch for _, message in sent.messages),
    }.items():
        assert Counter(value for frame in frames for value in getattr(frame, name)) == values, name


def start_line(message: Request | Response) -> str:
    """As tshark shows it."""
    return bytes(message).split(b"\r\n", 1)[0].decode()
