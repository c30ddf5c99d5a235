"""Two sessions that call each other over everything there is, on loopback sockets: offers and answers as bytes."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Callable

import pytest
import uvloop

from sipclient import sdp
from sipclient.errors import MediaError
from sipclient.media import RtpEngine, RtpSession, RtpStream
from sipclient.media import carrier as carriers
from sipclient.media.repertoire import Repertoire
from tests.media.tone import Humming, Listener

Make = Callable[..., "Phone"]


class Phone(RtpSession):
    """A session, and why its media ended."""

    def __init__(self, kind: str = "rtp", host: str = "127.0.0.1", **settings: object) -> None:
        super().__init__(host, kind=kind, **settings)  # type: ignore[arg-type]
        self.failures: list[str] = []
        self.watch(self.failures.append)

    @property
    def flow(self) -> RtpStream:
        assert self.stream is not None
        return self.stream


@pytest.fixture
async def phone() -> AsyncIterator[Make]:
    phones: list[Phone] = []

    def one(kind: str = "rtp", **settings: object) -> Phone:
        phones.append(Phone(kind, **settings))
        return phones[-1]

    yield one
    for each in phones:
        await each.close()


async def hear(*phones: Phone, more: int = 3) -> None:
    """Each hears so many packets more: real sockets take real time."""
    before = [each.flow.stats.received for each in phones]
    async with asyncio.timeout(8):
        while any(each.flow.stats.received < was + more for each, was in zip(phones, before, strict=True)):  # noqa: ASYNC110
            await asyncio.sleep(0.005)


async def call(a: Phone, b: Phone, changed: Callable[[bytes], bytes] = bytes) -> tuple[bytes, bytes]:
    """a calls b; `changed` is what lies between them."""
    offer = await a.offer()
    answer = await b.answer(changed(offer))
    await a.apply(changed(answer))
    return offer, answer


async def each_hears_the_other(a: Phone, b: Phone) -> None:
    """A tone from each, found at the other."""
    ears = (Listener(350), Listener(440))
    for phone, tone, ear in ((a, 440, ears[0]), (b, 350, ears[1])):
        phone.flow.source = Humming(tone)
        phone.flow.listen(ear)
    await hear(a, b, more=15)  # what lay in the buffers is heard first
    for ear in ears:
        ear.again()
    async with asyncio.timeout(8):
        while any(ear.blocks < 10 for ear in ears):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert min(ear.score for ear in ears) > 0.8


def without(*attributes: str) -> Callable[[bytes], bytes]:
    lines = re.compile(rb"a=(?:" + "|".join(attributes).encode() + rb")[^\r\n]*\r\n")
    return lambda body: lines.sub(b"", body)


@pytest.mark.parametrize("kind", ["rtp", "srtp", "webrtc"])
async def test_two_of_us_talk(phone: Make, kind: str) -> None:
    a, b = phone(kind), phone("rtp")
    offer, answer = await call(a, b)
    await hear(a, b)
    agreed = b.flow.agreed
    assert agreed is not None
    assert (agreed.crypto is not None, agreed.dtls is not None, agreed.ice is not None) == (
        kind == "srtp",
        kind == "webrtc",
        kind == "webrtc",
    )
    assert (b"a=crypto:" in answer) == (kind == "srtp")
    assert (b"a=setup:active" in answer) == (kind == "webrtc")
    assert (b"a=candidate:" in offer) == (kind == "webrtc")
    await each_hears_the_other(a, b)
    assert (a.flow.stats.lost, b.flow.stats.lost, a.failures, b.failures) == (0, 0, [], [])


async def test_our_packets_can_be_told_from_others_in_a_bundle(phone: Make) -> None:
    """RFC 9143 §9.2: Chromium hears no source that is neither announced nor says its mid in each packet."""
    a, b = phone("webrtc"), phone("rtp")
    offer, answer = await call(a, b)
    for body, each in ((offer, a), (answer, b)):
        assert f"a=ssrc:{each.flow.ssrc} cname:{each.flow.cname}\r\n".encode() in body


@pytest.mark.parametrize("kind", ["srtp", "webrtc"])
async def test_a_late_offer_is_taken_both_ways(phone: Make, kind: str) -> None:
    """The offer in the 200, the answer in the ACK: RFC 3261 §13.2.1."""
    called, caller = phone(kind), phone("rtp")
    offer = await called.offer()
    await called.apply(await caller.answer(offer))
    await hear(called, caller)


@pytest.mark.parametrize("kind", ["rtp", "srtp", "webrtc"])
async def test_hold_and_resume_change_neither_keys_nor_ways(phone: Make, kind: str) -> None:
    a, b = phone(kind), phone(kind)
    await call(a, b)
    await hear(a, b)
    held = await a.offer(hold=True)
    assert b"a=sendonly" in held
    answer = await b.answer(held)
    assert b"a=recvonly" in answer
    await a.apply(answer)
    await hear(b)
    still = a.flow.stats.received
    resumed = await b.offer()  # the one that is held offers too, and may again
    assert b"a=sendrecv" in resumed
    await b.apply(await a.answer(resumed))
    back = await a.offer(hold=False)
    await a.apply(await b.answer(back))
    await hear(a, b)
    assert a.flow.stats.received > still
    assert (a.failures, b.failures) == ([], [])
    same = without("sendonly", "sendrecv")
    first, later = same(held).split(b"s=-")[1], same(back).split(b"s=-")[1]
    assert first == later


@pytest.mark.parametrize("kind", ["srtp", "webrtc"])
async def test_the_last_of_several_answers_counts(phone: Make, kind: str) -> None:
    """Early media from one phone, the answer from another."""
    a, early, final = phone(kind), phone(kind), phone(kind)
    offer = await a.offer()
    await a.apply(await early.answer(offer))
    await hear(a, early)
    await a.apply(await final.answer(offer))
    await hear(a, final)
    assert a.failures == []


async def test_a_transfer_from_one_kind_to_another_is_only_another_offer(phone: Make) -> None:
    """A PBX that connects its other leg to us in mid-call: plain, then a browser, then SRTP, then plain again."""
    us = phone("rtp")
    for kind in ("rtp", "webrtc", "srtp", "webrtc", "rtp"):
        them = phone(kind)
        await them.apply(await us.answer(await them.offer()))
        await hear(us, them)
        await them.close()
    assert us.failures == []


async def test_a_re_offer_with_new_keys_is_followed(phone: Make) -> None:
    """RFC 4568 §7.1.4."""
    us, one, other = phone("srtp"), phone("srtp"), phone("srtp")
    await call(one, us)
    await hear(us, one)
    await call(other, us)
    await hear(us, other)


async def test_ice_restarts_when_the_peer_asks_for_it(phone: Make) -> None:
    """RFC 8839 §4.4.1.1.1: new credentials, and DTLS goes on where the certificate is the same."""
    a, b = phone("webrtc"), phone("webrtc")
    await call(a, b)
    await hear(a, b)
    assert a._carrier is not None
    first = b"".join(re.findall(rb"a=ice-ufrag:\S+", await b.offer()))
    await a._carrier.candidates(True, restart=True)
    offer = await a.offer()
    answer = await b.answer(offer)
    assert first not in answer
    await a.apply(answer)
    await hear(a, b, more=10)
    assert (a.failures, b.failures) == ([], [])


@pytest.mark.parametrize(
    ("lost", "seen"),
    [
        (("ice-", "candidate", "end-of-candidates"), "dtls"),
        (("fingerprint", "setup"), "ice"),
        (("rtcp-mux", "mid", "group", "msid", "sendrecv"), "dtls"),
        (("candidate",), "dtls"),
    ],
    ids=["DTLS without ICE", "ICE without DTLS", "as FreeSWITCH writes it", "no candidates"],
)
async def test_what_peers_leave_out_is_lived_without(phone: Make, lost: tuple[str, ...], seen: str) -> None:
    a, b = phone("webrtc"), phone("rtp")
    dropped = without(*lost)

    def changed(body: bytes) -> bytes:
        body = dropped(body)
        return body.replace(b"UDP/TLS/RTP/SAVPF", b"RTP/AVP" if seen == "ice" else b"RTP/SAVPF")

    offer = changed(await a.offer())
    answer = await b.answer(offer)
    if seen == "ice":  # a itself cannot take that for an answer: an agent that offered no DTLS could
        assert b.flow.agreed is not None and b.flow.agreed.ice is not None and b.flow.agreed.dtls is None
        assert b"a=fingerprint" not in answer and b"a=ice-ufrag" in answer
        return
    await a.apply(answer)
    await hear(a, b)
    agreed = b.flow.agreed
    assert agreed is not None and agreed.dtls is not None
    assert (a.failures, b.failures) == ([], [])


@pytest.mark.parametrize("kind", ["rtp", "srtp"])
async def test_who_has_both_ip_versions_is_reached_by_the_one_that_is_offered(phone: Make, kind: str) -> None:
    """linphone names its IPv6 address to everybody once it has one, whatever brought the INVITE."""
    a, b = phone(kind, host="::1"), phone(kind, host="127.0.0.1", also=("::1",))
    offer, answer = await call(a, b)
    assert b"c=IN IP6 ::1" in offer and b"c=IN IP6 ::1" in answer
    await each_hears_the_other(a, b)
    nowhere = (await a.offer(hold=True)).replace(b"c=IN IP6 ::1", b"c=IN IP6 ::")
    assert b"c=IN IP6 ::1" in await b.answer(nowhere)  # a hold that says nothing of where
    again = await b.offer()
    assert b"c=IN IP6 ::1" in again
    await b.apply(await a.answer(again))
    b.move("127.0.0.2")  # which is not the address in use
    assert b"c=IN IP6 ::1" in await b.offer()


async def test_who_has_one_ip_version_says_so(phone: Make) -> None:
    a, b = phone(host="::1"), phone(host="127.0.0.1")
    with pytest.raises(MediaError, match=r"to an IPv6 address \(::1\), and this side has IPv4 only"):
        await b.answer(await a.offer())


async def test_the_public_address_is_told_to_its_own_ip_version_only(phone: Make) -> None:
    a, b = phone(host="::1"), phone(host="127.0.0.1", also=("::1",), public_address="192.0.2.77")
    assert b"c=IN IP6 ::1" in await b.answer(await a.offer())
    c = phone(host="127.0.0.1")
    assert b"c=IN IP4 192.0.2.77" in await b.answer(await c.offer())


async def test_plain_rtp_over_ice_flows(phone: Make) -> None:
    """RTP/AVP with ICE, as linphone and Asterisk offer it; without rtcp-mux RTCP has a port of its own."""
    a, b = phone("webrtc"), phone("rtp")
    plain = without("fingerprint", "setup", "rtcp-mux", "mid", "group", "msid")
    a._security = sdp.Security.PLAIN
    a._sent = None
    wanted = sdp.Wants(ice=True)
    able = await a._able(wanted, offering=True)
    a._sent = a._offered = sdp.make_offer(able)
    answer = await b.answer(plain(bytes(a._offered)))
    await a.apply(answer)
    await hear(a, b)
    assert b.flow.agreed is not None and b.flow.agreed.ice is not None and not b.flow.agreed.rtcp_mux
    assert len(re.findall(rb"a=candidate:\S+ 2 ", answer)) == 1


async def test_without_rtcp_mux_rtcp_has_a_handshake_of_its_own(phone: Make) -> None:
    """RFC 5764 §4.1.2, over ICE with two components and over two plain ports."""
    for lost in (("rtcp-mux",), ("rtcp-mux", "ice-", "candidate", "end-of-candidates")):
        a, b = phone("webrtc"), phone("webrtc")
        able = await a._able(sdp.Wants(ice=len(lost) == 1, dtls=True), offering=True)
        a._sent = a._offered = sdp.make_offer(able)
        dropped = without(*lost)
        await a.apply(await b.answer(dropped(bytes(a._offered))))
        await hear(a, b)
        for one, other in ((a, b), (b, a)):
            report = bytes.fromhex("80c90001cafebabe")
            before = other.flow.stats.reports
            async with asyncio.timeout(5):
                while other.flow.stats.reports == before:
                    one.flow.transport.send_rtcp(report)
                    await asyncio.sleep(0.02)
        assert (a.failures, b.failures) == ([], [])


async def test_a_wrong_fingerprint_ends_the_media_saying_so(phone: Make) -> None:
    a, b = phone("webrtc"), phone("webrtc")

    def forged(body: bytes) -> bytes:
        return re.sub(rb"(a=fingerprint:sha-256 )\S+", rb"\1" + b":".join([b"AB"] * 32), body)

    await call(a, b, forged)
    async with asyncio.timeout(5):
        while not (a.failures or b.failures):  # noqa: ASYNC110
            await asyncio.sleep(0.005)
    (failure,) = [*a.failures, *b.failures][:1]
    assert failure.startswith("the peer's certificate is not the one it announced")
    assert a.flow.stats.received == b.flow.stats.received == 0


async def test_encryption_that_was_asked_for_is_not_given_up(phone: Make) -> None:
    a, b = phone("rtp"), phone("srtp")
    with pytest.raises(MediaError, match="unencrypted"):
        await b.answer(await a.offer())
    with pytest.raises(MediaError, match="unencrypted"):
        await call(b, phone("rtp"), lambda body: without("crypto")(body).replace(b"RTP/SAVP", b"RTP/AVP"))


async def test_whoever_answers_ice_without_ice_is_spoken_to(phone: Make) -> None:
    """An old gateway that takes our WebRTC offer and leaves its ICE aside."""
    a, b = phone("webrtc"), phone("rtp")
    offer = await a.offer()
    await a.apply(await b.answer(without("ice-", "candidate", "end-of-candidates")(offer)))
    await hear(a, b)


async def test_without_the_extra_the_refusal_says_what_to_install(phone: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    offer = await phone("webrtc").offer()
    monkeypatch.setattr(carriers.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MediaError, match=r"pip install 'sipclient\[media\]'"):
        await phone("rtp").answer(offer)
    assert await phone("rtp").answer(await phone("rtp").offer())


@pytest.mark.parametrize("kind", ["srtp", "webrtc"])
async def test_without_the_extra_nothing_is_offered_that_needs_it(
    phone: Make, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr("sipclient.media.rtp_session.has_extra", lambda: False)
    with pytest.raises(MediaError, match=rf"media {kind} needs the extra: pip install 'sipclient\[media\]'"):
        await phone(kind).offer()
    await call(phone("rtp"), phone("rtp"))


async def test_closing_in_the_middle_of_anything_is_harmless(phone: Make) -> None:
    a, b = phone("webrtc"), phone("webrtc")
    offer = await a.offer()
    answering = asyncio.create_task(b.answer(offer))
    await asyncio.sleep(0)
    await b.close()
    with pytest.raises(MediaError):
        await answering
    c = phone("webrtc")
    await a.apply(await c.answer(offer))
    await a.close()
    await a.close()
    await c.close()
    assert (a.failures, c.failures) == ([], [])


def test_a_plain_call_imports_nothing_of_all_that() -> None:
    program = """
import asyncio, sys
from sipclient.media import RtpSession
async def main():
    a, b = RtpSession("127.0.0.1"), RtpSession("127.0.0.1")
    await a.apply(await b.answer(await a.offer()))
    await a.close(), await b.close()
asyncio.run(main())
print(sorted({name.partition(".")[0] for name in sys.modules}
    & {"aioice", "aiortc", "OpenSSL", "pylibsrtp", "cryptography", "av", "ifaddr"}))
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


@pytest.mark.parametrize("factory", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def test_on_either_loop(factory: object) -> None:
    async def talk() -> None:
        engine = RtpEngine(asyncio.get_running_loop())
        a, b = Phone("webrtc", engine=engine), Phone("webrtc", engine=engine)
        await call(a, b)
        await hear(a, b)
        await a.close()
        await b.close()

    with asyncio.Runner(loop_factory=factory) as runner:  # type: ignore[arg-type]
        runner.run(talk())


@pytest.mark.parametrize(("kind", "codec"), [("webrtc", "opus"), ("rtp", "PCMU")])
async def test_a_codec_once_agreed_on_stays_whoever_offers_next(phone: Make, kind: str, codec: str) -> None:
    a, b = phone(kind), phone("rtp")
    await call(a, b)
    for one, other in ((b, a), (a, b)):
        await call(one, other)
        assert one.flow.agreed is not None and other.flow.agreed is not None
        assert one.flow.agreed.codec.name == other.flow.agreed.codec.name == codec
    await hear(a, b)


def test_without_pyav_there_is_g711_and_what_needs_more_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sipclient.media.pyav.installed", lambda: False)
    assert Repertoire.of((), "webrtc").offered == (sdp.PCMU, sdp.PCMA, sdp.TELEPHONE_EVENT)
    assert Repertoire.of(("pcma", "l16/8000"), "rtp").taken[1].clock == 8000
    with pytest.raises(MediaError, match="opus needs the extra"):
        Repertoire.of(("opus", "PCMU"), "rtp")
