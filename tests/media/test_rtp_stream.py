"""A stream over any transport, in virtual time: what it sends, hears and reports."""

from __future__ import annotations

from itertools import pairwise

import pytest

from sipclient.errors import InvalidValue, MediaError
from sipclient.media.dtmf import KeyPress
from sipclient.media.engine import RtpEngine
from sipclient.media.rtcp import Goodbye, Report, middle, parse_rtcp, report
from sipclient.media.rtp import RtpPacket
from sipclient.media.xr import Delay, Extended, VoipMetrics
from sipclient.sdp import G722, OPUS, PCMA, PCMU, Codec, Direction
from tests.media.measure import level, share
from tests.media.virtual import VirtualLoop
from tests.media.wire import End, Tone, Wire, agreement, bad_network

L16 = Codec("L16", 16_000)


class Dice:
    """Different numbers each time, the same in each run."""

    def __init__(self) -> None:
        self._state = 7

    def __call__(self, bits: int) -> int:
        self._state = (self._state * 6_364_136_223_846_793_005 + 1_442_695_040_888_963_407) % 2**64
        return (self._state >> 8) % (1 << bits)


@pytest.fixture
def loop() -> VirtualLoop:
    return VirtualLoop()


@pytest.fixture
def engine(loop: VirtualLoop) -> RtpEngine:
    return RtpEngine(loop, Dice())


def sound(sequence: int, timestamp: int | None = None, ssrc: int = 77, payload_type: int = 0, **more: object) -> bytes:
    stamp = 160 * sequence if timestamp is None else timestamp
    return bytes(RtpPacket(payload_type, sequence & 0xFFFF, stamp & 0xFFFFFFFF, ssrc, b"\xff" * 160, **more))  # type: ignore[arg-type]


def event(code: int, ticks: int, end: bool = False) -> bytes:
    return bytes([code, 0x80 * end | 10]) + ticks.to_bytes(2, "big")


@pytest.mark.parametrize(
    ("codec", "number", "clock", "ticks"),
    [(PCMU, 0, 8000, 160), (PCMA, 8, 8000, 160), (L16, 96, 16_000, 320), (G722, 9, 8000, 160)],
    ids=lambda each: getattr(each, "name", ""),
)
def test_a_tone_from_end_to_end(
    loop: VirtualLoop, engine: RtpEngine, codec: Codec, number: int, clock: int, ticks: int
) -> None:
    a = End(engine, agreement(codec, number))
    b = a.to(End(engine, agreement(codec, number)))
    a.stream.source = Tone(440)
    b.stream.listen(b.ear)
    loop.run_for(3.01)
    packets = a.wire.packets()
    assert [packet.marker for packet in packets] == [True] + [False] * 149
    assert all((after.timestamp - before.timestamp) % 2**32 == ticks for before, after in pairwise(packets))
    assert share(b.ear.pcm[-b.ear.rate :], 440, b.ear.rate) > 0.99
    assert level(b.ear.pcm[-b.ear.rate :]) == pytest.approx(-10, abs=0.3)
    a.stream.source = None
    loop.run_for(1)
    assert level(b.ear.pcm[-b.ear.rate :]) < -60
    assert not any(packet.marker for packet in a.wire.packets())


def test_five_percent_loss_and_forty_milliseconds_of_jitter(loop: VirtualLoop, engine: RtpEngine) -> None:
    """Issue number 6, through the whole of both streams."""
    a = End(engine, agreement())
    b = a.to(End(engine, agreement()))
    a.wire.delay = bad_network(5, 0.05, 0.04)
    a.stream.source = Tone(440)
    b.stream.listen(b.ear)
    loop.run_for(60)
    windows = [b.ear.pcm[at : at + 1600] for at in range(16_000, len(b.ear.pcm) - 1600, 1600)]
    scores = sorted(share(window, 440, 8000) for window in windows)
    assert sum(scores) / len(scores) > 0.95
    assert scores[len(scores) // 20] > 0.75
    stats = b.stream.stats
    assert stats.lost_share == pytest.approx(0.05, abs=0.015)
    assert 0.006 < stats.jitter < 0.02  # a third of 40 ms, evenly spread
    assert 0.02 < stats.buffer < 0.06
    assert stats.mos is not None and 3.5 < stats.mos < 4.2
    assert stats.concealed < 200 and stats.late < 30


def test_packets_are_put_in_order_only_while_somebody_listens(loop: VirtualLoop, engine: RtpEngine) -> None:
    a = End(engine, agreement())
    b = a.to(End(engine, agreement()))
    a.stream.source = Tone(440)
    loop.run_for(1)
    assert b.stream.stats.buffer == 0.0
    b.stream.listen(b.ear)
    loop.run_for(1)
    assert len(b.ear.pcm) == 50 * 320
    b.stream.leave(b.ear)
    b.stream.leave(b.ear)
    loop.run_for(10)
    assert len(b.ear.pcm) == 50 * 320
    b.stream.listen(b.ear)
    loop.run_for(1)
    assert share(b.ear.pcm[-8000:], 440, 8000) > 0.99
    assert b.stream.stats.late == 0


def test_keys_go_in_the_place_of_sound(loop: VirtualLoop, engine: RtpEngine) -> None:
    """RFC 4733 §2.5.1.2: one timestamp, that of the beginning; sequence numbers go on; so does the time of sound."""
    a = End(engine, agreement())
    b = a.to(End(engine, agreement()))
    a.stream.source = Tone(440)
    loop.run_for(0.5)
    a.wire.packets()
    a.stream.press("5#", 0.1)
    loop.run_for(1)
    packets = a.wire.packets()
    assert [packet.sequence - packets[0].sequence for packet in packets] == list(range(50))
    keys = [packet for packet in packets if packet.payload_type == 101]
    assert len(keys) == 14
    assert [packet.marker for packet in packets] == [packet in (keys[0], keys[7]) for packet in packets]
    assert len({packet.timestamp for packet in keys}) == 2
    for n, packet in enumerate(packets):
        if packet.payload_type == 0:
            assert packet.timestamp == packets[0].timestamp + 160 * n
    assert b.ear.keys == [KeyPress("5", 0.1), KeyPress("#", 0.1)]
    assert b.stream.stats.lost == 0
    assert b.stream.stats.jitter < 0.001  # an event's timestamp says nothing of jitter


@pytest.mark.parametrize("lost", [0.0, 0.3])
def test_every_key_arrives_through_loss(loop: VirtualLoop, engine: RtpEngine, lost: float) -> None:
    a = End(engine, agreement())
    b = a.to(End(engine, agreement()))
    a.wire.delay = bad_network(3, lost, 0.03)
    a.stream.press("0123456789*#ABCD", 0.1)
    loop.run_for(6)
    assert "".join(press.key for press in b.ear.keys) == "0123456789*#ABCD"


def test_keys_at_another_clock_than_the_voice(loop: VirtualLoop, engine: RtpEngine) -> None:
    a = End(engine, agreement(L16, 96, event=(101, 8000)))
    b = a.to(End(engine, agreement(L16, 96, event=(101, 8000))))
    a.stream.press("7", 0.2)
    loop.run_for(1)
    assert b.ear.keys == [KeyPress("7", 0.2)]


def test_keys_that_cannot_be_sent(engine: RtpEngine) -> None:
    end = End(engine, agreement(event=None))
    with pytest.raises(MediaError, match="SIP INFO"):
        end.stream.press("1")
    end.stream.agree(agreement())
    with pytest.raises(InvalidValue, match="'X' is no key"):
        end.stream.press("x")


def test_a_key_whose_ends_were_lost_is_up_after_a_while(loop: VirtualLoop, engine: RtpEngine) -> None:
    end = End(engine, agreement())
    end.wire.come(bytes(RtpPacket(101, 1, 0, 77, event(9, 160))))
    end.wire.come(bytes(RtpPacket(101, 2, 0, 77, event(9, 320))))
    loop.run_for(0.15)
    assert end.ear.keys == []
    loop.run_for(0.3)
    assert end.ear.keys == [KeyPress("9", 0.04)]


def test_another_source_in_the_middle_of_a_key(loop: VirtualLoop, engine: RtpEngine) -> None:
    end = End(engine, agreement())
    end.wire.come(bytes(RtpPacket(101, 1, 0, 77, event(9, 160))))
    end.wire.come(bytes(RtpPacket(101, 1, 0, 78, event(9, 320))))
    assert end.ear.keys == [KeyPress("9", 0.02)]


def test_silence_suppression_of_the_source(loop: VirtualLoop, engine: RtpEngine) -> None:
    """A pause of the source is silence, packet for packet; what is not sent at all ends in a marker."""

    class Halting(Tone):
        def frame(self, samples: int, rate: int) -> bytes | None:
            return None if 1 <= loop.time() - 1000 < 2 else super().frame(samples, rate)

    a = End(engine, agreement())
    a.stream.source = Halting(440)
    loop.run_for(3.01)
    packets = a.wire.packets()
    assert len(packets) == 150
    assert {packet.payload for packet in packets[55:95]} == {b"\xff" * 160}
    a.stream.agree(agreement(direction=Direction.RECVONLY))
    loop.run_for(1)
    assert a.wire.packets() == []
    a.stream.agree(agreement())
    loop.run_for(0.1)
    after = a.wire.packets()
    assert [packet.marker for packet in after] == [True, False, False, False, False]
    assert (after[0].sequence, after[0].timestamp) == (packets[-1].sequence + 1, packets[-1].timestamp + 160 * 51)


def test_a_short_frame_is_filled_with_silence_and_a_long_one_cut(loop: VirtualLoop, engine: RtpEngine) -> None:
    class Odd:
        def __init__(self, size: int) -> None:
            self.size = size

        def frame(self, samples: int, rate: int) -> bytes | None:
            return b"\x10" * self.size

    end = End(engine, agreement(ptime=30))
    for size in (0, 100, 1000):
        end.stream.source = Odd(size)
        loop.run_for(0.03)
    assert {len(packet.payload) for packet in end.wire.packets()} == {240}


def test_a_packet_length_that_the_codec_does_not_have(loop: VirtualLoop, engine: RtpEngine) -> None:
    pytest.importorskip("av")
    end = End(engine, agreement(OPUS, 111, event=None, ptime=21))
    end.stream.source = Tone(440)
    loop.run_for(1)
    assert end.wire.packets() == []
    assert "opus has no packet" in end.stream.trouble


def test_a_codec_that_cannot_be_had_is_told_and_nothing_breaks(loop: VirtualLoop, engine: RtpEngine) -> None:
    end = End(engine, agreement(Codec("G729", static=18), 18))
    loop.run_for(1)
    assert end.wire.packets() == []
    end.wire.come(sound(1, payload_type=18))
    assert end.stream.stats.received == 1
    end.stream.listen(end.ear)
    loop.run_for(1)
    assert "G729" in end.stream.trouble
    assert end.ear.pcm and not any(end.ear.pcm)
    end.stream.close()


# --- reports ----------------------------------------------------------------------------------------


def test_loss_jitter_and_round_trip_of_both_sides(loop: VirtualLoop, engine: RtpEngine) -> None:
    """RFC 3550 §6.4.1: the round trip is known after two reports, one there and one back."""
    a = End(engine, agreement())
    b = a.to(End(engine, agreement()))
    a.wire.delay = lambda: 0.03
    b.wire.delay = lambda: 0.07
    loop.run_for(20)
    for end in (a, b):
        stats = end.stream.stats
        assert stats.round_trip == pytest.approx(0.1, abs=0.001)
        assert (stats.remote_lost, stats.remote_lost_share, stats.lost_share) == (0, 0.0, 0.0)
        assert stats.remote_jitter is not None and stats.remote_jitter < 0.001
        assert stats.reports >= 3
        assert stats.mos is not None and stats.mos > 4.3
    assert a.stream.stats.remote_ssrc == b.stream.stats.ssrc


def test_what_is_lost_on_the_way_there_is_told_by_the_peer(loop: VirtualLoop, engine: RtpEngine) -> None:
    a = End(engine, agreement())
    a.to(End(engine, agreement()))
    a.wire.delay = bad_network(9, 0.2, 0.002)
    loop.run_for(60)
    stats = a.stream.stats
    assert stats.remote_lost is not None and stats.remote_lost_share is not None
    assert stats.remote_lost == pytest.approx(600, rel=0.2)
    assert 0.1 < stats.remote_lost_share < 0.3


def test_a_report_tells_the_timestamp_of_its_moment(loop: VirtualLoop, engine: RtpEngine) -> None:
    """RFC 3550 §6.4.1: the RTP timestamp is that of the same instant as the NTP timestamp."""
    end = End(engine, agreement())
    loop.run_for(30)
    first = end.wire.packets()[0]
    for data in end.wire.rtcp:
        (sender, *_) = parse_rtcp(data)
        assert isinstance(sender, Report) and sender.sent is not None
        since = sender.sent.elapsed - 1000.02
        assert (sender.sent.timestamp - first.timestamp) % 2**32 == pytest.approx(8000 * since, abs=2)


def test_a_listener_learns_the_round_trip_by_extended_reports(loop: VirtualLoop, engine: RtpEngine) -> None:
    """RFC 3611 §4.4, §4.5: a receiver's reference time comes back with the delay it had there."""
    end = End(engine, agreement(direction=Direction.RECVONLY))
    loop.run_for(6)
    assert not any(isinstance(packet, Extended) for data in end.wire.rtcp for packet in parse_rtcp(data))
    end.wire.rtcp.clear()
    end.wire.come(sound(1))
    end.wire.come(report(77, "peer", None, (), Extended(77, reference_time=5.5)), 1)
    loop.run_for(8)
    told = [packet for packet in parse_rtcp(end.wire.rtcp[-1]) if isinstance(packet, Extended)]
    assert told[0].delays[0].ssrc == 77 and told[0].delays[0].last == middle(5.5)
    assert told[0].reference_time is not None
    assert told[0].metrics[0].ssrc == 77 and told[0].metrics[0].r_factor > 80
    sent_at = told[0].reference_time
    loop.run_for(0.2)
    delay = middle(loop.time() - sent_at - 0.05)
    ssrc = end.stream.stats.ssrc
    back = Extended(77, None, (Delay(ssrc, middle(sent_at), delay),), (VoipMetrics(ssrc, r_factor=70),))
    end.wire.come(report(77, "peer", None, (), back), 1)
    assert end.stream.stats.round_trip == pytest.approx(0.05, abs=0.001)


def test_rtcp_that_is_none_is_counted(engine: RtpEngine) -> None:
    end = End(engine, agreement())
    assert not end.wire.come(b"\x80\xc8\xff\xff", 1)
    assert end.wire.come(bytes.fromhex("81cd0003 00000001 00000002 00050000"), 1)  # feedback, reduced in size
    assert (end.stream.stats.malformed, end.stream.stats.reports) == (1, 1)


def test_goodbye_at_the_end_and_once(loop: VirtualLoop, engine: RtpEngine) -> None:
    end = End(engine, agreement())
    loop.run_for(0.1)
    end.stream.close()
    end.stream.close()
    (last,) = end.wire.rtcp
    assert parse_rtcp(last)[-1] == Goodbye((end.stream.stats.ssrc,))
    assert end.wire.closed and loop.waiting == 0
    silent = End(engine)
    silent.stream.close()
    assert silent.wire.rtcp == [] and silent.wire.closed


# --- sources ----------------------------------------------------------------------------------------


def test_loss_is_counted_over_sources(engine: RtpEngine) -> None:
    end = End(engine, agreement())
    for sequence in (1, 2, 4):
        end.wire.come(sound(sequence))
    for sequence in (9, 11):
        end.wire.come(sound(sequence, ssrc=78))
    stats = end.stream.stats
    assert (stats.received, stats.lost, stats.remote_ssrc) == (5, 2, 78)
    assert stats.lost_share == pytest.approx(2 / 7)


def test_two_with_one_ssrc_part(loop: VirtualLoop, engine: RtpEngine) -> None:
    """RFC 3550 §8.2: on a collision we say goodbye and take another SSRC, once: what comes back again is a loop."""
    end = End(engine, agreement())
    loop.run_for(0.1)
    before = end.stream.stats.ssrc
    end.wire.rtcp.clear()
    end.wire.come(sound(1, ssrc=before))
    after = end.stream.stats.ssrc
    assert after != before
    assert parse_rtcp(end.wire.rtcp[-1])[-1] == Goodbye((before,))
    end.wire.packets()
    loop.run_for(0.1)
    assert {packet.ssrc for packet in end.wire.packets()} == {after}
    end.wire.come(sound(1, ssrc=after))
    assert end.stream.stats.ssrc == after
    assert end.stream.stats.received == 2


def test_a_transport_may_be_changed_and_may_fail(loop: VirtualLoop, engine: RtpEngine) -> None:
    end = End(engine, agreement())
    reasons: list[str] = []
    end.stream.on_failure = reasons.append
    end.wire.dropped, end.wire.unsent = 3, 4
    loop.run_for(0.1)
    other = Wire(loop)
    other.dropped = 1
    end.stream.use(other)
    loop.run_for(0.1)
    assert (len(end.wire.rtp), len(other.rtp)) == (5, 5)
    assert (end.stream.stats.ignored, end.stream.stats.unsent) == (4, 4)
    other.fail("the certificate is another than the description says")
    assert reasons == [end.stream.failure] == ["the certificate is another than the description says"]


def test_an_idle_stream_takes_what_it_is_told_for_later(loop: VirtualLoop, engine: RtpEngine) -> None:
    end = End(engine)
    tone = Tone(440)
    end.stream.source = tone
    assert end.stream.source is tone
    end.stream.listen(end.ear)
    end.stream.on_key = None
    assert end.stream.on_key is None
    loop.run_for(0.1)
    assert (end.wire.rtp, end.ear.pcm) == ([], b"")
    end.stream.agree(agreement())
    end.wire.come(bytes(RtpPacket(101, 1, 0, 77, event(9, 160, end=True))))
    loop.run_for(0.11)
    assert len(end.wire.rtp) == 5 and len(end.ear.pcm) == 5 * 320
    assert end.stream.stats.late == 0


def test_stats_of_nothing(engine: RtpEngine) -> None:
    stats = End(engine).stream.stats
    assert (stats.codec, stats.sent, stats.mos, stats.round_trip, stats.silent_for) == ("", 0, None, None, None)


def test_how_long_the_peer_has_been_silent(loop: VirtualLoop, engine: RtpEngine) -> None:
    end = End(engine, agreement())
    end.wire.come(sound(1))
    loop.run_for(3)
    assert end.stream.stats.silent_for == pytest.approx(3)


def test_header_extensions_and_padding_are_no_sound(loop: VirtualLoop, engine: RtpEngine) -> None:
    end = End(engine, agreement())
    end.stream.listen(end.ear)
    for sequence in range(20):
        end.wire.come(sound(sequence, extension=(0xBEDE, b"\x10\xff\0\0"), csrcs=(1, 2)))
        loop.run_for(0.02)
    assert (end.stream.stats.received, end.stream.stats.malformed) == (20, 0)
    assert end.ear.pcm == bytes(19 * 320)


def test_a_payload_that_is_none_of_its_codec_is_counted_as_malformed(loop: VirtualLoop, engine: RtpEngine) -> None:
    pytest.importorskip("av")
    end = End(engine, agreement(OPUS, 111, event=None))
    end.stream.listen(end.ear)
    for sequence in range(20):
        end.wire.come(bytes(RtpPacket(111, sequence, 960 * sequence, 7, b"\xff\xff\xff\xff\xff")))
        loop.run_for(0.02)
    assert end.stream.stats.malformed > 10
    assert len(end.ear.pcm) == 19 * 1920
