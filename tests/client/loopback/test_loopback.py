"""The real engine on real sockets: a client and a PBX of the same making, talking over loopback."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import msgspec
import pytest

from sipclient import Account, CallEnded, CallFailed, Client, MediaError, RegistrationFailed, Unreachable, WatchFailed
from sipclient.errors import MalformedDescription
from sipclient.lab.server import LabServer
from sipclient.lab.values import User
from sipclient.protocol.events import Invite

TIMEOUT = 20  # seconds after which a test that hangs has failed


async def first(stream: Any, wanted: str, extension: str = "1001") -> Any:
    async for change in stream:
        if (change.extension, change.after) == (extension, wanted):
            return change
    pytest.fail(f"{extension} never became {wanted}")


async def test_a_watch_of_what_the_pbx_does_not_know_fails() -> None:
    async with asyncio.timeout(TIMEOUT), LabServer([User(each, "secret", each) for each in ("1001", "robot")]) as lab:
        account = Account("sip:robot@127.0.0.1", password="secret", server=lab.server(), media="none")
        async with Client(account) as client:
            with pytest.raises(WatchFailed, match=r"9998 \(and 1 more\): presence: 404 Not Found, dialog: 404"):
                async for change in client.watch("9998", "9999"):
                    pytest.fail(str(change))
            async with client.watch("1001", "9999") as changes:
                assert (await first(changes, "offline")).before == "unknown"
                assert list(changes.refused) in ([], ["9999"])


@pytest.mark.parametrize("transport", ["udp", "tcp", "ws"])
async def test_register_watch_call_and_leave(pbx: Any, transport: str) -> None:
    async with asyncio.timeout(TIMEOUT):
        calls = pbx.client.incoming()
        async with Client(pbx.account(transport, keepalive=0.0)) as client:
            assert client.is_registered()
            async with client.watch("1001", "1002") as changes:
                assert (await first(changes, "ready")).before == "unknown"
                pbx.set_state("1001", "on-the-phone")
                await first(changes, "on-the-phone")
                pbx.set_state("1001", "ready")
                change = await first(changes, "ready")
                assert (change.before, change.closed) == ("on-the-phone", True)
                assert client.extensions["1001"] == "ready"

            async def answer() -> Any:
                incoming = await anext(calls)
                incoming.ring()
                return incoming, await incoming.answer()

            async with asyncio.TaskGroup() as tasks:
                answering = tasks.create_task(answer())
                headers = {"X-Extension": "1001"}
                async with client.call("7000", '"Ext 1001 is free" <1001>', headers, timeout=10) as call:
                    incoming, theirs = await answering
                    assert call.state == theirs.state == "answered"
            assert (incoming.caller, incoming.caller_name) == ("1001", "Ext 1001 is free")
            assert incoming.headers.get("X-Extension") == "1001"
            assert [state async for state in call] == ["calling", "ringing", "answered", "ended"]
            assert (await theirs.ended()).by == "remote"
            assert (await call.ended()).cause == "NORMAL_CLEARING"
        assert client.failures == 0
        assert len(pbx.registered) == len(pbx.unregistered) == 1
        assert pbx.watchers("1001") == 0


async def test_the_pbx_hangs_up(pbx: Any) -> None:
    async with asyncio.timeout(TIMEOUT), Client(pbx.account(register=False)) as client:
        calls = pbx.client.incoming()

        async def answer_and_leave() -> None:
            async with await (await anext(calls)).answer():
                pass

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(answer_and_leave())
            async with client.call("7000") as call:
                end = await call.ended()
        assert (end.by, end.cause, end.answered) == ("remote", "NORMAL_CLEARING", True)


@pytest.mark.parametrize(
    ("why", "status", "cause"),
    [("USER_BUSY", 486, "USER_BUSY"), (603, 603, "CALL_REJECTED"), (488, 488, "INCOMPATIBLE_DESTINATION")],
)
async def test_a_refused_call(pbx: Any, why: int | str, status: int, cause: str) -> None:
    async with asyncio.timeout(TIMEOUT), Client(pbx.account(register=False)) as client:
        calls = pbx.client.incoming()

        async def refuse() -> None:
            (await anext(calls)).reject(why)

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(refuse())
            with pytest.raises(CallFailed) as failed:
                await client.call("7000")
        assert (failed.value.status, failed.value.cause) == (status, cause)


async def test_a_number_nobody_answers_for(pbx: Any) -> None:
    async with asyncio.timeout(TIMEOUT), Client(pbx.account(register=False)) as client:
        with pytest.raises(CallFailed, match="480 NO_USER_RESPONSE"):
            await client.call("7000")


async def test_a_cancelled_call_is_cancelled_at_the_other_end(pbx: Any) -> None:
    async with asyncio.timeout(TIMEOUT), Client(pbx.account(register=False)) as client:
        calls = pbx.client.incoming()
        calling = asyncio.create_task(client.call("7000").__aenter__())
        incoming = await anext(calls)
        incoming.ring()
        (call,) = client.calls
        async for state in call:
            if state == "ringing":
                calling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await calling
        assert (await incoming.call.ended()).cause == "ORIGINATOR_CANCEL"


async def test_a_redirected_call_goes_where_the_user_lets_it(pbx: Any) -> None:
    async with asyncio.timeout(TIMEOUT):
        calls = pbx.client.incoming()

        async def redirect() -> Any:
            while True:
                incoming = await anext(calls)
                if incoming.request.uri_text.startswith("sip:7001"):
                    return await incoming.answer()
                incoming.redirect(f"sip:7001@127.0.0.1:{pbx.ports['udp']}")

        account = pbx.account(register=False, media="none")
        async with asyncio.TaskGroup() as tasks:
            answering = tasks.create_task(redirect())
            async with Client(account) as client:
                with pytest.raises(CallFailed, match="302 NORMAL_UNSPECIFIED"):
                    await client.call("7000")
            following = Client(account, follow=lambda uri: uri.startswith("sip:7001@"))
            async with following as client, client.call("7000") as call:
                assert call.state == "answered"
                await answering


async def test_a_refused_registration(pbx: Any) -> None:
    pbx.refuse_with = 403
    async with asyncio.timeout(TIMEOUT):
        with pytest.raises(RegistrationFailed, match="403"):
            async with Client(pbx.account()):
                pytest.fail("entered")


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_a_server_that_is_not_there(transport: str) -> None:
    account = Account("sip:robot@127.0.0.1", server=f"{transport}:127.0.0.1:9")
    async with asyncio.timeout(TIMEOUT):
        with pytest.raises(Unreachable, match="connection refused"):
            async with Client(account, start_timeout=0.2):
                pytest.fail("entered")


async def test_options_is_answered(pbx: Any) -> None:
    async with asyncio.timeout(TIMEOUT), Client(pbx.account(register=False)) as client:
        response = await client.request("OPTIONS", f"sip:127.0.0.1:{pbx.ports['udp']}")
        assert response.status == 200


async def test_the_hooks_see_every_packet_both_ways(pbx: Any) -> None:
    received: list[Any] = []
    sent: list[Any] = []
    async with asyncio.timeout(TIMEOUT):
        async with Client(pbx.account(), on_receive=received.append, on_send=sent.append):
            pass
    starts = [send.data.split(b" ")[0] for send in sent]
    assert starts[0] == starts[-1] == b"REGISTER"
    answers = [item.data.split(b"\r\n")[0] for item in received if hasattr(item, "data")]
    assert answers.count(b"SIP/2.0 200 OK") >= 2


async def test_nothing_is_left_behind(pbx: Any) -> None:
    before = asyncio.all_tasks()
    async with asyncio.timeout(TIMEOUT):
        async with Client(pbx.account()) as client:
            client.watch("1001")
            call = client.dial("7000")
    assert call.state == "ended"
    assert asyncio.all_tasks() == before


async def test_both_sides_hear_each_other(pbx: Any) -> None:
    async with asyncio.timeout(TIMEOUT), Client(pbx.account(register=False)) as client:
        calls = pbx.client.incoming()

        async def answer() -> Any:
            return await (await anext(calls)).answer()

        answering = asyncio.create_task(answer())
        async with client.call("7000") as call:
            theirs = await answering
            streams = [call.media.stream, theirs.media.stream]
            while not all(stream.stats.received for stream in streams):  # noqa: ASYNC110 - packets set no event
                await asyncio.sleep(0)


VIDEO = b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=video 9000 RTP/AVP 96\r\n"


@pytest.mark.parametrize(("body", "error"), [(VIDEO, MediaError), (b"v", MalformedDescription)])
async def test_an_offer_that_cannot_be_answered_is_refused_with_488(
    pbx: Any, body: bytes, error: type[Exception]
) -> None:
    async with asyncio.timeout(TIMEOUT), Client(pbx.account(register=False, media="none")) as client:
        calls, news = pbx.client.incoming(), client.events()
        client.do(Invite(1000, "sip:robot@127.0.0.1", "7000", body=body))
        with pytest.raises(error):
            await (await anext(calls)).answer()
        async for event in news:
            if isinstance(event, CallEnded):
                assert (event.id, event.status, event.cause) == (1000, 488, "INCOMPATIBLE_DESTINATION")
                break


async def test_a_call_without_an_offer_is_answered_with_one(pbx: Any) -> None:
    async with asyncio.timeout(TIMEOUT), Client(pbx.account(register=False, media="none")) as client:
        calls = pbx.client.incoming()

        async def answer() -> Any:
            return await (await anext(calls)).answer()

        answering = asyncio.create_task(answer())
        async with client.call("7000") as call:
            theirs = await answering
            assert call.state == theirs.state == "answered"


async def test_no_port_for_sound_is_said_and_nothing_is_sent(pbx: Any) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1] & ~1
        sent: list[Any] = []
        account = pbx.account(register=False, rtp_ports=(port, port + 1))
        async with asyncio.timeout(TIMEOUT), Client(account, on_send=sent.append) as client:
            with pytest.raises(MediaError, match=f"no RTP port.*{port}"):
                await client.call("7000")
        assert not any(send.data.startswith(b"INVITE") for send in sent)


async def test_a_call_whose_encryption_fails_is_ended_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    """RFC 5763 §5: the certificate is not the one that was announced; RFC 3326 tells the other side why."""
    why = "the peer's certificate is not the one it announced"
    monkeypatch.setattr("sipclient.media.handshake.speaks_for", lambda certificate, fingerprints: why)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    there = Account("sip:phone@127.0.0.1", server="udp:127.0.0.1", local=f"127.0.0.1:{port}", register=False)
    here = Account("sip:robot@127.0.0.1", server=f"udp:127.0.0.1:{port}", register=False, media="webrtc", keepalive=0.0)
    peers = msgspec.structs.replace(there, peers=("127.0.0.1",), keepalive=0.0)
    async with asyncio.timeout(TIMEOUT), Client(peers) as phone, Client(here) as client:
        calls = phone.incoming()
        call = client.dial("phone")
        answered = await (await anext(calls)).answer()
        ends = [await each.ended() for each in (call, answered)]
    assert {(end.cause, end.q850) for end in ends} == {("INCOMPATIBLE_DESTINATION", 88)}
    assert any(end.by == "local" for end in ends)
    assert all(end.reason == why for end in ends if end.by == "local")
