"""Two streams bridged: packets pass untouched where both speak one codec, sound does where they do not."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sipclient.media.dtmf import KeyPress
from sipclient.media.engine import RtpEngine
from sipclient.media.pipe import Pipe
from sipclient.media.rtp import RtpPacket
from sipclient.sdp import G722, OPUS, PCMA, PCMU, Codec, Direction
from tests.media.measure import level, share
from tests.media.virtual import VirtualLoop, numbers
from tests.media.wire import End, Tone, agreement

L16 = Codec("L16", 16_000)
CN = Codec("CN", static=13)


class Bridge:
    """Two phones, each at the other end of a stream of ours, and these bridged; all in virtual time."""

    def __init__(self, left: object = None, right: object = None) -> None:
        self.loop = VirtualLoop()
        engine = RtpEngine(self.loop, numbers)
        self.a = End(engine, left or agreement())  # type: ignore[arg-type]
        self.b = End(engine, right or agreement())  # type: ignore[arg-type]
        self.a.stream.relay_to(self.b.stream)
        self.b.stream.relay_to(self.a.stream)

    def say(
        self, sequence: int, timestamp: int | None = None, *, ssrc: int = 77, kind: int = 0, **more: object
    ) -> None:
        """The phone on the left sends a packet."""
        stamp = 160 * sequence if timestamp is None else timestamp
        fields: dict[str, object] = {"payload": bytes([sequence & 0xFF]) * 160} | more
        self.a.wire.come(bytes(RtpPacket(kind, sequence & 0xFFFF, stamp & 0xFFFFFFFF, ssrc, **fields)))  # type: ignore[arg-type]

    def heard(self) -> list[RtpPacket]:
        """What the phone on the right got."""
        return self.b.wire.packets()


def test_payloads_pass_untouched_under_our_name_and_numbers() -> None:
    bridge = Bridge(agreement(PCMU, 0), agreement(PCMU, 100))
    for n in range(10):
        bridge.say(65_530 + n, 2**32 - 500 + 160 * n)
        bridge.loop.run_for(0.02)
    packets = bridge.heard()
    assert [packet.payload for packet in packets] == [bytes([65_530 + n & 0xFF]) * 160 for n in range(10)]
    assert {(packet.payload_type, packet.ssrc) for packet in packets} == {(100, bridge.b.stream.stats.ssrc)}
    assert [(packet.sequence - packets[0].sequence) & 0xFFFF for packet in packets] == list(range(10))
    assert [(packet.timestamp - packets[0].timestamp) & 0xFFFFFFFF for packet in packets] == [
        160 * n for n in range(10)
    ]
    assert [packet.marker for packet in packets] == [True] + [False] * 9
    assert bridge.a.stream.stats.relayed == 10


def test_a_stream_whose_packets_are_passed_on_needs_no_clock() -> None:
    bridge = Bridge()
    assert bridge.loop.waiting == 1  # housekeeping, for all streams
    bridge.loop.run_for(5)
    assert [packet.payload for packet in bridge.heard()] == [b"\xff" * 160]  # one, to open the way


def test_losses_and_order_are_left_as_they_are() -> None:
    bridge = Bridge()
    for sequence in (10, 11, 13, 12, 15, 15, 16):
        bridge.say(sequence)
    packets = bridge.heard()
    assert [packet.sequence - packets[0].sequence for packet in packets] == [0, 1, 3, 2, 5, 5, 6]
    assert [packet.timestamp - packets[0].timestamp for packet in packets] == [160 * n for n in (0, 1, 3, 2, 5, 5, 6)]


def test_whoever_speaks_the_numbers_go_on() -> None:
    """Another SSRC, and numbers that jump without one, in the sequence or in the timestamp."""
    bridge = Bridge()
    said = [(n, 160 * n, 77) for n in range(5)]
    said += [(40_000 + n, 2**31 + 160 * n, 78) for n in range(5)]  # another source
    said += [(9 + n, 160 * n, 78) for n in range(5)]  # the same, begun anew
    said += [(14 + n, 10**9 + 160 * n, 78) for n in range(5)]  # its timestamp alone
    for sequence, timestamp, ssrc in said:
        bridge.say(sequence, timestamp, ssrc=ssrc)
        bridge.loop.run_for(0.02)
    packets = bridge.heard()
    assert [packet.sequence - packets[0].sequence for packet in packets] == list(range(20))
    assert [packet.timestamp - packets[0].timestamp for packet in packets] == pytest.approx(
        [160 * n for n in range(20)], abs=2
    )
    assert [n for n, packet in enumerate(packets) if packet.marker] == [0, 5, 10, 15]


def test_what_comes_late_of_a_run_that_is_over_is_dropped() -> None:
    bridge = Bridge()
    for sequence in (100, 101, 102, 103):
        bridge.say(sequence)
    bridge.say(4, ssrc=78)
    bridge.say(3, ssrc=78)  # before the first we heard of it: its number is another packet's
    bridge.say(5, ssrc=78)
    packets = bridge.heard()
    assert [packet.sequence - packets[0].sequence for packet in packets] == [0, 1, 2, 3, 4, 5]


def test_a_long_silence_of_the_speaker_keeps_its_length() -> None:
    bridge = Bridge()
    for n in range(3):
        bridge.say(n)
    bridge.loop.run_for(12)
    bridge.say(3, 160 * 3 + 12 * 8000, marker=True)
    packets = bridge.heard()
    assert packets[-1].timestamp - packets[0].timestamp == 160 * 3 + 12 * 8000
    assert [packet.marker for packet in packets] == [True, False, False, True]


def test_pcmu_and_pcma_pass_by_a_table() -> None:
    bridge = Bridge(agreement(PCMU, 0), agreement(PCMA, 8))
    bridge.say(1, payload=bytes(range(160)))
    (packet,) = bridge.heard()
    assert packet.payload_type == 8
    assert len(packet.payload) == 160 and packet.payload != bytes(range(160))
    bridge.a.stream.source = bridge.b.stream.source = None
    back = Bridge(agreement(PCMA, 8), agreement(PCMU, 0))
    back.say(1, kind=8, payload=packet.payload)
    (again,) = back.heard()
    same = sum(a == b for a, b in zip(again.payload, range(160), strict=True))
    assert same > 150  # A-law is coarser where it is quietest


def test_comfort_noise_where_it_is_known() -> None:
    left = agreement(receives=((0, PCMU), (13, CN)))
    bridge = Bridge(left, agreement(comfort_noise=13))
    bridge.say(1)
    bridge.say(2, kind=13, payload=b"\x28")
    assert [packet.payload_type for packet in bridge.heard()] == [0, 13]
    bridge = Bridge(left, agreement())
    bridge.say(1)
    bridge.say(2, kind=13, payload=b"\x28")
    bridge.say(3)
    assert [packet.payload_type for packet in bridge.heard()] == [0, 0]
    assert bridge.loop.waiting == 1  # nothing was decoded for it


def test_who_is_held_hears_nothing_and_goes_on_after() -> None:
    bridge = Bridge()
    bridge.say(1)
    bridge.b.stream.agree(agreement(direction=Direction.INACTIVE))
    bridge.say(2)
    assert len(bridge.heard()) == 1
    bridge.b.stream.agree(agreement())
    bridge.loop.run_for(1)
    bridge.say(3)
    (packet,) = bridge.heard()
    assert packet.marker


def test_what_we_play_goes_before_what_is_relayed() -> None:
    bridge = Bridge()
    for n in range(10):
        bridge.say(n)
        bridge.loop.run_for(0.02)
    bridge.b.stream.source = Tone(440)
    for n in range(10, 60):
        bridge.say(n)
        bridge.loop.run_for(0.02)
    bridge.b.stream.source = None
    for n in range(60, 110):
        bridge.say(n)
        bridge.loop.run_for(0.02)
    packets = bridge.heard()
    assert all((after.sequence - before.sequence) & 0xFFFF == 1 for before, after in pairwise(packets))
    assert len({packet.payload for packet in packets[:10]}) == 10
    assert packets[-1].timestamp - packets[0].timestamp == pytest.approx(160 * 109, abs=330)
    assert all(80 <= (after.timestamp - before.timestamp) & 0xFFFFFFFF <= 400 for before, after in pairwise(packets))
    assert sum(packet.marker for packet in packets) == 3
    assert bridge.loop.waiting == 1


def test_keys_of_ours_in_between() -> None:
    bridge = Bridge()
    for n in range(50):
        bridge.say(n)
        bridge.loop.run_for(0.02)
        if n == 10:
            bridge.b.stream.press("5", 0.1)
    packets = bridge.heard()
    assert all((after.sequence - before.sequence) & 0xFFFF == 1 for before, after in pairwise(packets))
    assert [packet.payload_type for packet in packets if packet.payload_type != 0] == [101] * 7
    assert len(packets) > 45
    assert bridge.loop.waiting == 1


def press(code: int, ticks: int, end: bool = False) -> bytes:
    return bytes([code, 0x80 * end | 10]) + ticks.to_bytes(2, "big")


@pytest.mark.parametrize(
    ("theirs", "ours"), [((101, 8000), (110, 8000)), ((101, 8000), (110, 48_000)), ((101, 48_000), (110, 8000))]
)
@pytest.mark.parametrize("seconds", [0.1, 3.0])
def test_keys_across_payload_types_and_clock_rates(
    theirs: tuple[int, int], ours: tuple[int, int], seconds: float
) -> None:
    """A press that fits one event at 8 kHz needs several at 48 kHz (RFC 4733 §2.5.1.3), and is one press still."""
    bridge = Bridge(agreement(event=theirs), agreement(event=ours))
    far = End(RtpEngine(bridge.loop, numbers), agreement(event=ours))
    near = End(RtpEngine(bridge.loop, numbers), agreement(event=theirs))
    near.wire.other, bridge.b.wire.other = bridge.a.wire, far.wire
    bridge.loop.run_for(0.1)
    near.stream.press("7*", seconds, gap=0.1)
    bridge.loop.run_for(2 * seconds + 1)
    assert far.ear.keys == [KeyPress("7", pytest.approx(seconds)), KeyPress("*", pytest.approx(seconds))]  # type: ignore[arg-type]
    assert [each.key for each in bridge.a.ear.keys] == ["7", "*"]
    packets = bridge.heard()
    assert all((after.sequence - before.sequence) & 0xFFFF == 1 for before, after in pairwise(packets))
    assert far.stream.stats.lost == 0


def test_keys_for_whom_takes_none_are_dropped() -> None:
    bridge = Bridge(agreement(), agreement(event=None))
    bridge.say(1, kind=101, payload=press(5, 160, end=True))
    bridge.say(2, kind=101, payload=b"")
    assert bridge.heard() == []
    assert [each.key for each in bridge.a.ear.keys] == ["5"]


def two_voices(left: Codec, right: Codec, seconds: float = 3.0) -> tuple[Bridge, End, End]:
    """Both phones speak, 440 Hz on the left and 700 on the right, and hear each other through the bridge."""
    bridge = Bridge(agreement(left, 96), agreement(right, 97))
    a = End(RtpEngine(bridge.loop, numbers), agreement(left, 96))
    b = End(RtpEngine(bridge.loop, numbers), agreement(right, 97))
    a.to(bridge.a)
    b.to(bridge.b)
    a.stream.source, b.stream.source = Tone(440), Tone(700)
    a.stream.listen(a.ear)
    b.stream.listen(b.ear)
    bridge.loop.run_for(seconds)
    return bridge, a, b


@pytest.mark.parametrize(
    ("left", "right"), [(PCMU, L16), (L16, PCMA), (PCMU, PCMA), (PCMU, PCMU), (L16, Codec("L16", 8000))]
)
def test_both_hear_each_other(left: Codec, right: Codec) -> None:
    bridge, a, b = two_voices(left, right)
    assert share(b.ear.pcm[-2 * b.ear.rate :], 440, b.ear.rate) > 0.98
    assert share(a.ear.pcm[-2 * a.ear.rate :], 700, a.ear.rate) > 0.98
    assert level(b.ear.pcm[-2 * b.ear.rate :]) == pytest.approx(-10, abs=1)
    assert b.stream.stats.lost == a.stream.stats.lost == 0
    bridge.a.stream.close()
    bridge.loop.run_for(1)
    assert level(b.ear.pcm[-b.ear.rate :]) < -60  # the other call goes on, in silence


@pytest.mark.parametrize("other", [PCMU, G722, L16], ids=lambda codec: codec.name)
def test_a_browser_and_a_phone(other: Codec) -> None:
    """The call that got 488, as a call: opus on one side, and it is decoded at the rate of the other."""
    pytest.importorskip("av")
    _, a, b = two_voices(OPUS, other)
    assert share(b.ear.pcm[-2 * b.ear.rate :], 440, b.ear.rate) > 0.97
    assert share(a.ear.pcm[-2 * a.ear.rate :], 700, a.ear.rate) > 0.97


def test_keys_while_sound_is_transcoded() -> None:
    bridge, a, b = two_voices(PCMU, L16)
    a.stream.press("123", 0.1)
    bridge.loop.run_for(2)
    assert [each.key for each in b.ear.keys] == ["1", "2", "3"]
    assert share(b.ear.pcm[-16_000:], 440, 16_000) > 0.98
    assert b.stream.stats.lost == 0


def test_a_phone_that_changes_its_codec_is_followed() -> None:
    """From what can pass to what must be transcoded and back, without a new agreement."""
    both = ((0, PCMU), (96, L16))
    bridge = Bridge(agreement(receives=both), agreement())
    phone = End(RtpEngine(bridge.loop, numbers), agreement())
    far = End(RtpEngine(bridge.loop, numbers), agreement())
    phone.to(bridge.a)
    far.to(bridge.b)
    far.stream.listen(far.ear)
    phone.stream.source = Tone(440)
    for codec in (agreement(), agreement(L16, 96), agreement()):
        phone.stream.agree(codec)
        bridge.loop.run_for(2)
        assert share(far.ear.pcm[-16_000:], 440, 8000) > 0.98
    assert far.stream.stats.lost == 0


def test_a_recorder_hears_what_is_relayed() -> None:
    bridge, _, _ = two_voices(PCMU, PCMU, 1.0)
    bridge.a.stream.listen(bridge.a.ear)
    bridge.loop.run_for(2)
    assert share(bridge.a.ear.pcm[-16_000:], 440, 8000) > 0.99
    bridge.a.stream.leave(bridge.a.ear)


def test_the_way_is_kept_open_while_nobody_speaks() -> None:
    """RFC 6263: NATs forget who says nothing."""
    bridge = Bridge()
    bridge.say(1)
    bridge.loop.run_for(61)
    packets = bridge.heard()
    assert len(packets) == 5
    assert all(packet.payload == b"\xff" * 160 and packet.marker for packet in packets[1:])
    times = [packet.timestamp - packets[0].timestamp for packet in packets]
    assert times == pytest.approx([0, *(8000 * 15 * n for n in range(1, 5))], rel=0.02)


def test_one_stream_takes_from_one_other() -> None:
    bridge = Bridge()
    third = End(RtpEngine(bridge.loop, numbers), agreement())
    third.stream.relay_to(bridge.b.stream)
    bridge.say(1)
    assert bridge.heard() == []
    third.stream.relay_to(None)
    bridge.loop.run_for(0.1)
    assert {packet.payload for packet in bridge.heard()} == {b"\xff" * 160}  # silence again, of its own


def test_a_bridge_before_the_answer() -> None:
    loop = VirtualLoop()
    engine = RtpEngine(loop, numbers)
    a, b = End(engine, agreement()), End(engine)
    a.stream.relay_to(b.stream)
    a.wire.come(bytes(RtpPacket(0, 1, 160, 77, b"\x01" * 160)))
    assert b.wire.packets() == []
    b.stream.agree(agreement(PCMA, 8))
    a.wire.come(bytes(RtpPacket(0, 2, 320, 77, b"\x01" * 160)))
    assert [packet.payload_type for packet in b.wire.packets()] == [8]
    b.stream.close()
    assert a.wire.come(bytes(RtpPacket(0, 3, 480, 77, b"\x01" * 160)))


def test_a_pipe_keeps_little_and_gives_whole_frames() -> None:
    pipe = Pipe()
    pipe.heard(b"\1\0" * 160, 8000, 0.0)
    assert pipe.frame(160, 8000) is None  # what came before anybody asked is not kept
    pipe.heard(b"\1\0" * 100, 8000, 0.0)
    assert pipe.frame(160, 8000) is None
    pipe.heard(b"\1\0" * 100, 8000, 0.02)
    assert pipe.frame(160, 8000) == b"\1\0" * 160
    for _ in range(100):
        pipe.heard(b"\1\0" * 160, 8000, 0.04)
    frames = 0
    while pipe.frame(160, 8000) is not None:
        frames += 1
    assert 3 <= frames <= 10


@settings(max_examples=50)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 0xFFFF),
            st.integers(0, 2**32 - 1),
            st.integers(76, 78),
            st.sampled_from((0, 101, 8)),
            st.floats(0, 0.3),
        ),
        max_size=60,
    )
)
def test_whatever_comes_no_number_is_used_twice(said: list[tuple[int, int, int, int, float]]) -> None:
    """Of one run of the peer's own numbers a copy stays a copy; but what another source says is never one."""
    bridge = Bridge(agreement(receives=((0, PCMU),)), agreement())
    sources: dict[int, int] = {}
    for sequence, timestamp, ssrc, kind, passed in said:
        bridge.say(sequence, timestamp, ssrc=ssrc, kind=kind, payload=b"\5\x0a\0\xa0" if kind == 101 else b"\xff")
        bridge.loop.run_for(passed)
        for packet in bridge.heard():
            assert sources.setdefault(packet.sequence, ssrc) == ssrc
