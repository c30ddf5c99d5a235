"""ICE over loopback sockets: two of ours, lite and silent peers, strangers, restarts, forks, ranges, ends."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable

import aioice.ice
import msgspec
import pytest

from sipclient import sdp
from sipclient.errors import MediaError
from sipclient.media import RtpEngine, ice
from sipclient.media.ice import IceTransport
from sipclient.media.ice_agent import Agent
from sipclient.media.ice_servers import IceServers, Place
from tests.media.pipe import Ear

SOUND = b"\x80\x00" + b"sound" * 4
REPORT = b"\x80\xc9\x00\x01report.."
HELLO = b"\x16\xfe\xfd hello"

Make = Callable[..., "Side"]


class Side:
    """A transport, what it hears, and whether a way was found."""

    def __init__(self, **settings: object) -> None:
        self.ear = Ear()
        self.flows = 0
        hosts = settings.pop("hosts", ("127.0.0.1",))
        span = settings.pop("span", (0, 0))
        engine = RtpEngine(asyncio.get_running_loop())
        self.transport = IceTransport(engine, hosts, span, flowing=self._flowing, **settings)  # type: ignore[arg-type]
        self.transport.start(self.ear.take_rtp, self.ear.take_rtcp, self.ear.failures.append)

    def _flowing(self) -> None:
        self.flows += 1

    async def gathered(self, controlling: bool = False, **how: object) -> sdp.Ice:
        return await self.transport.gather(controlling, **how)  # type: ignore[arg-type]


@pytest.fixture
async def make() -> AsyncIterator[Make]:
    sides: list[Side] = []

    def one(**settings: object) -> Side:
        sides.append(Side(**settings))
        return sides[-1]

    yield one
    for side in sides:
        side.transport.close()
        await side.transport.closed()


async def until(true: Callable[[], object], within: float = 5.0) -> None:
    """Real sockets take real time."""
    async with asyncio.timeout(within):
        while not true():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


async def met(a: Side, b: Side, **how: object) -> None:
    """Both gathered, and a way found."""
    ours, theirs = await a.gathered(True, **how), await b.gathered(**how)
    b.transport.connect(ours)
    a.transport.connect(theirs)
    await until(lambda: a.flows and b.flows)


async def talk(a: Side, b: Side) -> None:
    for one, other in ((a, b), (b, a)):
        before = (len(other.ear.rtp), len(other.ear.rtcp))
        one.transport.send_rtp(bytearray(SOUND))
        one.transport.send_rtcp(REPORT)
        await until(lambda: (len(other.ear.rtp), len(other.ear.rtcp)) == (before[0] + 1, before[1] + 1))  # noqa: B023


def without_candidates(side: sdp.Ice) -> sdp.Ice:
    return msgspec.structs.replace(side, candidates=())


@pytest.mark.parametrize("hosts", [("127.0.0.1",), ("::1",), ("127.0.0.1", "::1")], ids=["IPv4", "IPv6", "both"])
async def test_two_of_us_find_a_way_and_talk(make: Make, hosts: tuple[str, ...]) -> None:
    """RFC 8445 §2."""
    a, b = make(hosts=hosts), make(hosts=hosts)
    await met(a, b)
    await talk(a, b)
    ours = a.transport.ours
    assert ours is not None
    assert [each.host for each in ours.candidates] == list(hosts)
    assert {each.kind for each in ours.candidates} == {"host"}
    assert len(ours.ufrag) == 8 and len(ours.pwd) == 24
    assert (a.transport.dropped, a.transport.unsent) == (0, 0)
    assert a.ear.failures == b.ear.failures == []


async def test_reports_have_a_port_of_their_own_where_they_are_not_muxed(make: Make) -> None:
    a, b = make(), make()
    ours, theirs = await a.gathered(True, components=2), await b.gathered(components=2)
    assert sorted(each.component for each in ours.candidates) == [1, 2]
    rtp, rtcp = sorted(ours.candidates, key=lambda each: each.component)
    assert rtcp.port == rtp.port + 1
    b.transport.connect(ours, mux=False)
    a.transport.connect(theirs, mux=False)
    await until(lambda: a.flows and b.flows)
    await talk(a, b)


@pytest.mark.parametrize("silent", ["a", "b"])
async def test_a_peer_that_names_no_candidate_is_found_by_its_checks(make: Make, silent: str) -> None:
    """RFC 8445 §7.3.1.3: peer-reflexive; browsers that trickle send few or none."""
    a, b = make(), make()
    ours, theirs = await a.gathered(True), await b.gathered()
    b.transport.connect(without_candidates(ours) if silent == "a" else ours)
    a.transport.connect(without_candidates(theirs) if silent == "b" else theirs)
    await until(lambda: a.flows and b.flows)
    await talk(a, b)


async def test_a_name_of_multicast_dns_does_no_harm_where_nobody_knows_it(make: Make) -> None:
    a, b = make(), make()
    ours, theirs = await a.gathered(True), await b.gathered()
    (only,) = theirs.candidates
    hidden = msgspec.structs.replace(only, host="3b2b4b1a-0000-4000-8000-000000000000.local")
    tcp = msgspec.structs.replace(only, transport="tcp")
    wrong = msgspec.structs.replace(only, host="not an address")
    a.transport.connect(msgspec.structs.replace(theirs, candidates=(hidden, tcp, wrong)))
    b.transport.connect(ours)
    await until(lambda: a.flows and b.flows)
    await talk(a, b)


async def test_multicast_dns_that_another_loop_asks_does_no_harm(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """aioice has one lock for a thread, which belongs to the first loop that waited for it."""
    lock = asyncio.Lock()

    async def hold() -> None:
        await lock.acquire()
        second = asyncio.create_task(lock.acquire())
        await asyncio.sleep(0)
        second.cancel()

    await asyncio.to_thread(asyncio.run, hold())
    monkeypatch.setattr(aioice.ice._mdns, "lock", lock, raising=False)
    a, b = make(), make()
    ours, theirs = await a.gathered(True), await b.gathered()
    (only,) = theirs.candidates
    hidden = msgspec.structs.replace(only, host="3b2b4b1a-0000-4000-8000-000000000000.local")
    a.transport.connect(msgspec.structs.replace(theirs, candidates=(hidden,)))
    b.transport.connect(ours)
    await until(lambda: a.flows and b.flows)
    await talk(a, b)
    assert a.transport._agent is not None and a.transport._agent.malformed == 1


async def test_more_candidates_may_follow(make: Make) -> None:
    """RFC 8838: an offer again, with the same credentials and more addresses."""
    a, b = make(), make()
    ours, theirs = await a.gathered(True), await b.gathered()
    a.transport.connect(without_candidates(theirs))
    b.transport.connect(without_candidates(ours))
    a.transport.connect(theirs)
    await until(lambda: a.flows and b.flows)
    await talk(a, b)


async def test_a_lite_peer_only_answers(make: Make) -> None:
    """RFC 8445 §2.5, §8.1.1: then we control, whoever offered."""
    a, lite = make(), make()
    await a.gathered(False)
    theirs = await lite.gathered()
    agent = lite.transport._agent
    assert agent is not None and a.transport.ours is not None
    agent.remote_username, agent.remote_password = a.transport.ours.ufrag, a.transport.ours.pwd  # and never a check
    a.transport.connect(msgspec.structs.replace(theirs, lite=True))
    await until(lambda: a.flows)
    assert a.transport._agent is not None and a.transport._agent.ice_controlling


async def test_a_role_conflict_is_settled(make: Make) -> None:
    """RFC 8445 §7.3.1.1."""
    a, b = make(), make()
    ours, theirs = await a.gathered(True), await b.gathered(True)
    b.transport.connect(ours)
    a.transport.connect(theirs)
    await until(lambda: a.flows and b.flows)
    await talk(a, b)


async def test_strangers_are_not_heard(make: Make) -> None:
    a, b = make(), make()
    ours = await a.gathered(True)
    where = (ours.candidates[0].host, ours.candidates[0].port)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        for early in (
            HELLO,
            SOUND,
            b"",
            b"\x00",
            b"\x01\x01\x00\x04\x21\x12\xa4\x42" + b"x" * 12 + b"\x00\x24\x00\x00",
        ):
            stranger.sendto(early, where)
        await met(a, b)
        for late in (HELLO, SOUND, REPORT):
            stranger.sendto(late, where)
        await talk(a, b)
    assert a.ear.rtp == [SOUND] and a.ear.rtcp == [REPORT]
    assert a.transport.dropped >= 4


async def test_a_hello_before_the_end_of_checks_waits_for_consent(make: Make) -> None:
    """A peer that is ready first need not repeat its ClientHello; anybody else's is forgotten."""
    a, b = make(), make()
    ours, theirs = await a.gathered(True), await b.gathered()
    b.transport.connect(ours)
    where = (ours.candidates[0].host, ours.candidates[0].port)
    agent = b.transport._agent
    assert agent is not None
    agent._protocols[0].transport.sendto(HELLO, where)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.sendto(HELLO + b" of another", where)
    await asyncio.sleep(0.02)
    assert a.ear.rtp == []
    a.transport.connect(theirs)
    await until(lambda: a.ear.rtp)
    assert a.ear.rtp == [HELLO]


async def test_a_restart_keeps_the_old_way_until_there_is_a_new_one(make: Make) -> None:
    """RFC 8445 §9."""
    a, b = make(), make()
    await met(a, b)
    first = a.transport.ours
    ours, theirs = await a.gathered(True, restart=True), await b.gathered(restart=True)
    assert first is not None and ours.restarts(first) and await a.gathered(True, restart=True) == ours
    await talk(a, b)
    b.transport.connect(ours)
    await talk(a, b)
    a.transport.connect(theirs)
    await until(lambda: a.flows == 2 and b.flows == 2)
    await talk(a, b)
    assert a.transport.ours == ours
    assert a.ear.failures == b.ear.failures == []


async def test_a_restart_that_leads_nowhere_changes_nothing(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = make(), make()
    await met(a, b)
    monkeypatch.setattr(ice, "PATIENCE", 0.1)
    ours = a.transport.ours
    await a.gathered(True, restart=True)
    a.transport.connect(sdp.Ice("nobody", "n" * 24))
    await until(lambda: a.transport.ours == ours)
    await talk(a, b)
    assert a.ear.failures == []


async def test_the_last_of_several_answers_counts(make: Make) -> None:
    """A forked INVITE: early media of one phone, the answer of another; RFC 3261 §13.2.2.4."""
    a, b, c = make(), make(), make()
    await met(a, b)
    ours = a.transport.ours
    assert ours is not None
    c_side = await c.gathered()
    c.transport.connect(ours)
    a.transport.connect(c_side)
    await until(lambda: a.flows == 2 and c.flows)
    await talk(a, c)
    assert a.transport.ours == ours
    b.transport.send_rtp(SOUND)
    await talk(a, c)
    assert len(a.ear.rtp) == 2


async def test_a_peer_without_ice_is_spoken_to_all_the_same(make: Make) -> None:
    """Our offer had ICE, the answer has none: RFC 8839 §4.2.5."""
    a = make()
    await a.gathered(True)
    assert a.transport.ours is not None
    port = a.transport.ours.candidates[0].port
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone, socket.socket() as _:
        phone.bind(("127.0.0.1", 0))
        phone.setblocking(False)
        a.transport.direct("127.0.0.1", phone.getsockname()[1])
        assert a.flows == 1
        a.transport.send_rtp(SOUND)
        phone.sendto(SOUND, ("127.0.0.1", port))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            await until(lambda: a.ear.rtp)
            stranger.sendto(SOUND, ("127.0.0.1", port))
            await until(lambda: a.transport.dropped)
        assert await asyncio.get_running_loop().sock_recv(phone, 100) == SOUND
    assert a.ear.rtp == [SOUND]
    with pytest.raises(MediaError, match="no socket here reaches ::1"):
        a.transport.direct("::1", 4000)


async def test_where_there_is_no_way_it_says_so(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ice, "PATIENCE", 0.1)
    a, b = make(), make()
    await a.gathered(True)
    theirs = await b.gathered()
    port = theirs.candidates[0].port
    a.transport.connect(msgspec.structs.replace(theirs, pwd="x" * 24))
    await until(lambda: a.ear.failures)
    assert a.ear.failures == [f"ICE found no way to the peer in 0 seconds; tried 127.0.0.1 port {port}"]
    c = make()
    await c.gathered()
    c.transport.connect(sdp.Ice("nobody", "n" * 24))
    await until(lambda: c.ear.failures)
    assert c.ear.failures[0].endswith("tried no address of it")


async def test_a_peer_that_is_gone_is_missed(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """RFC 7675 §5.1: consent expires; here in tenths of its seconds."""
    monkeypatch.setattr(aioice.ice, "CONSENT_INTERVAL", 0.02)
    monkeypatch.setattr(aioice.ice, "CONSENT_FAILURES", 1)
    a, b = make(), make()
    await met(a, b)
    b.transport.close()
    await until(lambda: a.ear.failures)
    assert a.ear.failures == ["the peer no longer answers: its consent to media expired"]
    before = a.transport.unsent
    a.transport.send_rtp(SOUND)
    a.transport.send_rtcp(REPORT)
    assert a.transport.unsent == before + 2


async def test_sockets_come_from_the_range_and_go_back(make: Make) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        low = probe.getsockname()[1] & ~1
    engine = RtpEngine(asyncio.get_running_loop())
    for _ in range(2):
        transport = IceTransport(engine, ["127.0.0.1"], (low, low + 1))
        ours = await transport.gather(True)
        assert [each.port for each in ours.candidates] == [low]
        with pytest.raises(MediaError, match="no RTP port free"):
            await IceTransport(engine, ["127.0.0.1"], (low, low + 1)).gather(True)
        transport.close()
        transport.close()
        await transport.closed()
        transport.send_rtp(SOUND)
        assert (transport.unsent, transport.ours) == (1, None)


async def test_behind_a_nat_the_public_address_is_a_candidate_too(make: Make) -> None:
    a = make(public_address="203.0.113.7", hosts=("127.0.0.1", "::1"))
    ours = await a.gathered(True)
    told = [(each.kind, each.host, each.related_host) for each in ours.candidates]
    assert told == [("host", "127.0.0.1", ""), ("srflx", "203.0.113.7", "127.0.0.1"), ("host", "::1", "")]
    assert ours.candidates[0].port == ours.candidates[1].port


async def test_servers_that_do_not_answer_cost_a_bounded_wait(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sipclient.media.ice_agent.GATHERING", 0.05)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as deaf:
        deaf.bind(("127.0.0.1", 0))
        place = f"127.0.0.1:{deaf.getsockname()[1]}"
        a = make(servers=IceServers(f"stun:{place}", f"turn:{place}", "user", "secret"))
        assert [each.kind for each in (await a.gathered(True)).candidates] == ["host"]
        relay = make(servers=IceServers("", f"turn:{place}?transport=tcp", "user", "secret", relay_only=True))
        with pytest.raises(MediaError, match="ICE found no address of ours to offer"):
            await relay.gathered()


async def test_what_a_stun_server_says_is_a_candidate(make: Make) -> None:
    """RFC 8445 §5.1.1.2; any of our own sockets answers as a STUN server would."""
    server = aioice.ice.Connection(ice_controlling=False)

    class Mirror(asyncio.DatagramProtocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport = transport

        def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
            request = aioice.stun.parse_message(data)
            answer = aioice.stun.Message(request.message_method, aioice.stun.Class.RESPONSE, request.transaction_id)
            answer.attributes["XOR-MAPPED-ADDRESS"] = ("198.51.100.9", 40000)
            self.transport.sendto(bytes(answer), addr)  # type: ignore[attr-defined]

    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(Mirror, local_addr=("127.0.0.1", 0))
    port = transport.get_extra_info("sockname")[1]
    a = make(servers=IceServers(f"stun:127.0.0.1:{port}"))
    found = (await a.gathered(True)).candidates
    assert [(each.kind, each.host, each.port) for each in found[1:]] == [("srflx", "198.51.100.9", 40000)]
    transport.close()
    await server.close()


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("stun:stun.example.com", Place("stun.example.com", 3478)),
        ("turn:[2001:db8::1]:99?transport=tcp", Place("2001:db8::1", 99, "tcp")),
        ("turns:turn.example.com", Place("turn.example.com", 5349, "tcp", True)),
        ("TURN:10.0.0.1?transport=udp", Place("10.0.0.1", 3478)),
    ],
)
def test_urls_of_servers(url: str, place: Place) -> None:
    """RFC 7064 §3.1, RFC 7065 §3.1."""
    assert Place.of(url) == place


@pytest.mark.parametrize("url", ["", "http://x", "stun:", "stun:x:99999", "stun:x:0", "turns:x?transport=udp"])
def test_urls_that_are_none(url: str) -> None:
    with pytest.raises(MediaError):
        Place.of(url)


def test_the_password_is_not_shown() -> None:
    assert "secret" not in repr(IceServers("stun:x", "turn:y", "user", "secret"))


async def test_what_is_closed_while_it_gathers_keeps_no_socket() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        low = probe.getsockname()[1] & ~1
    engine = RtpEngine(asyncio.get_running_loop())
    transport = IceTransport(engine, ["127.0.0.1"], (low, low + 1))
    gathering = asyncio.create_task(transport.gather(True))
    await asyncio.sleep(0)
    transport.close()
    with pytest.raises(MediaError, match="the call ended while"):
        await gathering
    await transport.closed()
    other = IceTransport(engine, ["127.0.0.1"], (low, low + 1))
    assert (await other.gather(True)).candidates[0].port == low
    other.close()
    await other.closed()


@pytest.mark.parametrize("turns", range(6))
async def test_what_is_closed_when_the_way_is_found_ends(
    make: Make, monkeypatch: pytest.MonkeyPatch, turns: int
) -> None:
    """Whoever hangs up in that very moment: every task ends, and every socket is given back."""
    found = asyncio.Event()

    async def connect(agent: Agent) -> None:
        await found.wait()

    monkeypatch.setattr(Agent, "connect", connect)
    a, b = make(), make()
    ours, theirs = await a.gathered(True), await b.gathered()
    assert ours.candidates
    a.transport.connect(theirs)
    await asyncio.sleep(0.01)
    found.set()
    for _ in range(turns):
        await asyncio.sleep(0)
    a.transport.close()
    async with asyncio.timeout(2):
        await a.transport.closed()
