"""What takes as long as the RFC says, all at once: half a minute to learn that nobody is there."""

from __future__ import annotations

import asyncio

import pytest
from interop.sipp_line import called, calling
from interop.sipp_peer import Sipp
from interop.waiting import until

from sipclient import CallFailed

LIMIT = 60


async def nobody_answers(sipp: Sipp) -> None:
    """Timer B (RFC 3261 §17.1.1.2): seven INVITEs in 32 seconds, and then it is over."""
    run = sipp.start("silent", pause=40_000)
    clock = asyncio.get_running_loop().time
    async with calling(run.port) as client:
        began = clock()
        with pytest.raises(CallFailed) as failed:
            await client.call("7000")
        assert failed.value.cause == "RECOVERY_ON_TIMER_EXPIRE"
        assert clock() - began == pytest.approx(32, abs=1.5)
    assert len(run.received(b"INVITE")) == 7
    run.stop()


async def nobody_acknowledges(sipp: Sipp) -> None:
    """RFC 3261 §13.3.1.4: our 200 again and again for 32 seconds, and then BYE."""
    async with called() as (client, port):
        calls = client.incoming()
        run = sipp.start("call_without_ack", to=port)
        incoming = await anext(calls)
        answering = asyncio.create_task(incoming.answer())
        end = await incoming.call.ended()
        assert end.by == "network"
        await run.finish()
        assert len(run.received(b"SIP/2.0 200")) >= 9
        assert b"No ACK" in run.received(b"BYE")[0]
        await asyncio.wait([answering])
        assert isinstance(answering.exception(), CallFailed)


async def we_refresh_the_session(sipp: Sipp) -> None:
    """RFC 4028 §7.2: the refresher asks again at half of the interval, here after 45 seconds."""
    run = sipp.start("refreshed_by_us")
    async with calling(run.port) as client:
        async with client.call("7000"):
            await until(lambda: run.sent(b"SIP/2.0 200") and run.received(b"UPDATE"), "the UPDATE", 50)
        await run.finish()


async def test_the_slow_ones_together(sipp: Sipp) -> None:
    """RFC 3261 §17.1.1.2, RFC 3261 §13.3.1.4, RFC 4028 §7.2."""
    async with asyncio.timeout(LIMIT), asyncio.TaskGroup() as tasks:
        for slow in (nobody_answers, nobody_acknowledges, we_refresh_the_session):
            tasks.create_task(slow(sipp))
