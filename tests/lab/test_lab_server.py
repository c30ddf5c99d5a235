"""The lab on loopback sockets, with the library's own client as its phones."""

from __future__ import annotations

import asyncio
import socket
import ssl
from pathlib import Path

import pytest
from support.certificates import certificate

from sipclient import Account, Client, RegistrationFailed
from sipclient.errors import CallFailed, InvalidValue, ListenFailed
from sipclient.lab.phone import Phone
from sipclient.lab.server import LabServer
from sipclient.lab.values import Queue, Settings, User
from sipclient.presence import State

USERS = tuple(User(each, "secret", f"Phone {each}") for each in ("1001", "1002", "2001", "robot"))
QUEUES = (Queue("7000", ("2001",)),)
TIMEOUT = 20


def robot(lab: LabServer, transport: str = "udp", **more: object) -> Account:
    settings = {"password": "secret", "server": lab.server(transport), "keepalive": 0.0} | more
    return Account("sip:robot@127.0.0.1", **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.parametrize("algorithms", [("MD5",), ("SHA-256", "MD5")])
async def test_the_main_job(transport: str, algorithms: tuple[str, ...]) -> None:
    log: list[str] = []
    async with asyncio.timeout(TIMEOUT):
        settings = Settings(algorithms=algorithms)
        async with LabServer(USERS, QUEUES, settings, log=log.append) as lab:
            server = lab.server(transport)
            async with (
                Phone(USERS[0], server) as first,
                Phone(USERS[1], server, answer_after=0.05) as second,
                Phone(USERS[2], server, answer_after=0.05) as agent,
                Client(robot(lab, transport)) as client,
                client.watch("1001") as changes,
            ):
                call = first.dial("1002")
                async for change in changes:
                    if change.after == "on-the-phone":
                        await call.answered()
                        first.hangup()
                    if (change.before, change.after) == ("on-the-phone", "ready"):
                        break
                headers = {"X-Extension": "1001"}
                async with client.call("7000", '"Ext 1001 is free" <1001>', headers, timeout=5) as queued:
                    assert queued.status == 200
                assert second.seen[0].number == "1001"
                (seen,) = agent.seen
                assert (seen.number, seen.name, seen.header("X-Extension")) == ("1001", "Ext 1001 is free", "1001")
                assert "1001" in seen.asserted
                with pytest.raises(CallFailed) as refused:
                    await client.call("486")
                assert refused.value.status == 486
            assert lab.failures == 0
    assert "queue 7000 rings 2001" in log


async def test_a_wrong_password() -> None:
    async with asyncio.timeout(TIMEOUT), LabServer(USERS) as lab:
        with pytest.raises(RegistrationFailed):
            async with Client(robot(lab, password="wrong")):
                pass


async def test_states_set_by_command_and_a_lab_that_leaves_with_calls_up() -> None:
    async with asyncio.timeout(TIMEOUT):
        async with LabServer(USERS) as lab:
            client = Client(robot(lab))
            async with client, client.watch("1001") as changes:
                lab.set_state("1001", State.ON_HOLD)
                async for change in changes:
                    if change.after == "on-hold":
                        break
                with pytest.raises(InvalidValue):
                    lab.set_state("9999", State.READY)
                lab.set_messages("1001", 2)
                call = await client.call("9196")
                await lab.aclose()
                assert (await call.ended()).by == "remote"


async def test_a_port_in_use() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        lab = LabServer(USERS, ports={"tcp": 0, "udp": taken.getsockname()[1]})
        with pytest.raises(ListenFailed, match="another program uses"):
            async with lab:
                pass


async def test_over_tls(tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate(tmp_path))
    async with (
        asyncio.timeout(TIMEOUT),
        LabServer(USERS, ports={"tls": 0}, tls=context) as lab,
        Client(robot(lab, "tls", tls_verify=False)) as client,
        client.call("9196") as call,
    ):
        assert call.status == 200


async def test_a_phone_that_is_told_to_hang_up_and_one_that_never_answers() -> None:
    async with (
        asyncio.timeout(TIMEOUT),
        LabServer(USERS) as lab,
        Phone(USERS[0], lab.server(), answer_after=0.05, talk_for=0.05) as talker,
        Phone(USERS[1], lab.server(), answer_after=None),
        Client(robot(lab)) as client,
    ):
        call = await client.call("1001")
        assert (await call.ended()).by == "remote"
        with pytest.raises(CallFailed) as unanswered:
            await client.call("1002", timeout=0.3)
        assert unanswered.value.cause == "NO_ANSWER"
        assert len(talker.seen) == 1
