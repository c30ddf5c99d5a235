"""Opus and G.722, as measured: level and purity after a round trip, repair of losses, what parameters do."""

from __future__ import annotations

import random
from array import array
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from media.measure import level, samples, share, sine

from sipclient.errors import MediaError
from sipclient.media.codecs import Encoder, decoder, encoder, libopus
from sipclient.media.codecs.opus import OpusDecoder, OpusEncoder
from sipclient.media.rtp import MalformedPacket
from sipclient.sdp.codecs import Codec

OPUS, G722 = Codec("opus", clock=48000, channels=2), Codec("G722")
OCTETS = st.one_of(st.binary(max_size=1500), st.binary(max_size=60))


def frames(pcm: bytes, samples_each: int) -> list[bytes]:
    return [pcm[at : at + 2 * samples_each] for at in range(0, len(pcm), 2 * samples_each)]


def coded(made: Encoder, pcm: bytes, seconds: float = 0.02) -> list[bytes]:
    return [made.encode(each) for each in frames(pcm, round(made.rate * seconds))]


@pytest.mark.parametrize("rate", libopus.RATES)
def test_a_tone_passes_opus_at_each_of_its_rates(rate: int) -> None:
    to, back = encoder(OPUS, rate=rate), decoder(OPUS, rate=rate)
    assert (to.rate, back.rate) == (rate, rate)
    heard = b"".join(map(back.decode, coded(to, sine(440, 1, rate))))
    assert len(heard) == 2 * rate
    settled = heard[rate // 2 :]
    assert level(settled) == pytest.approx(-10, abs=1)
    assert share(settled, 440, rate) > 0.97


def test_the_rates_of_both_ends_are_their_own() -> None:
    """What G.711 bridges to a browser is coded as the 8 kHz it is: no conversion of ours in between."""
    heard = b"".join(map(decoder(OPUS).decode, coded(encoder(OPUS, rate=8000), sine(1000, 1, 8000))))
    assert len(heard) == 2 * 48000
    assert share(heard[48000:], 1000, 48000) > 0.97


def test_a_rate_opus_has_not_leaves_it_at_48_khz() -> None:
    assert (encoder(OPUS, rate=44100).rate, decoder(OPUS, rate=11025).rate, decoder(OPUS).rate) == (48000, 48000, 48000)


@pytest.mark.parametrize("seconds", [0.0025, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.12])
def test_every_length_of_an_opus_packet_comes_out_as_long(seconds: float) -> None:
    pcm = sine(300, seconds, 48000)
    assert len(decoder(OPUS).decode(encoder(OPUS).encode(pcm))) == len(pcm)


@pytest.mark.parametrize("seconds", [0.0075, 0.03, 0.05, 0.07, 0.11])
@pytest.mark.parametrize("rate", [8000, 48000])
def test_other_lengths_are_put_together_of_frames(seconds: float, rate: int) -> None:
    """RFC 7587 §7: ptime is any multiple of a frame, and phones do say 30."""
    to, back = encoder(OPUS, rate=rate), decoder(OPUS, rate=rate)
    packets = coded(to, sine(440, 40 * seconds, rate), seconds)
    parts = list(map(back.decode, packets))
    assert {len(part) for part in parts} == {2 * round(seconds * rate)}
    heard = b"".join(parts)
    assert share(heard[len(heard) // 8 * 2 :], 440, rate) > 0.95


def test_a_long_packet_without_anything_to_say_is_not_sent() -> None:
    made = encoder(OPUS, {"usedtx": "1"}, rate=16000)
    quiet = coded(made, bytes(2 * 16000 * 3), 0.03)
    assert sum(map(bool, quiet[20:])) < len(quiet[20:]) / 4


@pytest.mark.parametrize("count", [0, 1, 1441, 5880])
def test_a_length_opus_has_not_is_refused_in_words(count: int) -> None:
    with pytest.raises(MediaError, match=f"no packet of {count} samples at 48000 Hz"):
        encoder(OPUS).encode(bytes(2 * count))


def test_a_stereo_stream_comes_out_as_one_channel() -> None:
    """The TOC byte's stereo bit: both channels of a browser's music are heard."""
    av = pytest.importorskip("av")
    context = av.CodecContext.create("libopus", "w")
    context.format, context.layout, context.sample_rate, context.bit_rate = "s16", "stereo", 48000, 64000
    tone = samples(sine(440, 0.02, 48000))
    left_only = bytearray(4 * len(tone))
    left_only[0::4], left_only[1::4] = tone.tobytes()[0::2], tone.tobytes()[1::2]
    back = decoder(OPUS)
    heard = b""
    for _ in range(30):
        frame = av.AudioFrame(format="s16", layout="stereo", samples=960)
        frame.sample_rate = 48000
        frame.planes[0].update(bytes(left_only))
        heard += b"".join(back.decode(bytes(packet)) for packet in context.encode(frame))
    assert level(heard[-20 * 1920 :]) == pytest.approx(-16, abs=2)  # half the amplitude, as a mix of two


def speech(rate: int, seconds: float) -> bytes:
    """What voice is to a codec: a pulse train of a wandering pitch, at a level that rises and falls."""
    pitch, out = 0.0, []
    for n in range(int(rate * seconds)):
        pitch += (110 + 30 * ((n / rate) % 1)) / rate
        loud = 4000 + 3000 * ((n / rate * 3) % 1)
        out.append(loud * (2 * (pitch % 1) - 1))
    return array("h", map(round, out)).tobytes()


def likeness(a: bytes, b: bytes) -> float:
    """The correlation of two stretches of sound."""
    left, right = samples(a), samples(b)
    power = (sum(x * x for x in left) * sum(x * x for x in right)) ** 0.5
    return sum(x * y for x, y in zip(left, right, strict=True)) / power if power else 0.0


def test_fec_brings_a_lost_packet_back_better_than_concealment() -> None:
    packets = coded(OpusEncoder({"useinbandfec": "1"}, 16000), speech(16000, 2))
    whole = OpusDecoder(16000)
    truth = [whole.decode(packet) for packet in packets]
    scores = []
    for lost in range(30, 90, 6):
        by_fec, by_guess = OpusDecoder(16000), OpusDecoder(16000)
        for packet in packets[:lost]:
            by_fec.decode(packet)
            by_guess.decode(packet)
        recovered, guessed = by_fec.recover(packets[lost + 1]), by_guess.conceal(320)
        assert recovered is not None
        assert len(recovered) == 640
        if recovered != guessed:  # not every packet carries the one before it: libopus leaves out what matters little
            scores.append((likeness(truth[lost], recovered), likeness(truth[lost], guessed)))
    assert len(scores) >= 4
    assert min(fec for fec, _ in scores) > 0.9
    assert all(fec > guess for fec, guess in scores)


def test_fec_is_spent_only_where_the_peer_asked_for_it() -> None:
    plain = coded(encoder(OPUS, rate=16000), speech(16000, 1))
    with_fec = coded(encoder(OPUS, {"useinbandfec": "1"}, rate=16000), speech(16000, 1))
    assert sum(map(len, with_fec)) > 1.1 * sum(map(len, plain))


def test_dtx_sends_next_to_nothing_in_silence_and_everything_in_speech() -> None:
    made = encoder(OPUS, [("usedtx", "1")], rate=16000)
    assert all(coded(made, speech(16000, 1)))
    quiet = coded(made, bytes(2 * 16000 * 3))
    assert sum(map(bool, quiet[25:])) < len(quiet[25:]) / 8
    assert all(coded(encoder(OPUS, rate=16000), bytes(2 * 16000)))


def test_the_peer_limits_bitrate_bandwidth_and_its_variation() -> None:
    noise = random.Random(1)
    pcm = array("h", [noise.randint(-9000, 9000) for _ in range(48000)]).tobytes()
    slow = coded(encoder(OPUS, {"maxaveragebitrate": "8000"}), pcm)
    assert sum(map(len, slow)) * 8 < 12000
    constant = coded(encoder(OPUS, {"cbr": "1", "maxaveragebitrate": "20000"}), pcm)
    assert {len(packet) for packet in constant} == {50}
    narrow = b"".join(
        map(decoder(OPUS).decode, coded(encoder(OPUS, {"maxplaybackrate": "8000"}), sine(6000, 1, 48000)))
    )
    assert level(narrow) < -35


@pytest.mark.parametrize("value", ["", "x", "-1", "99999999999", "٣"])
def test_parameters_that_are_no_numbers_change_nothing(value: str) -> None:
    assert encoder(OPUS, {"maxaveragebitrate": value, "maxplaybackrate": value}).encode(bytes(1920))


@given(payloads=st.lists(OCTETS, max_size=4))
def test_any_bytes_give_opus_sound_of_bounded_length_or_the_documented_error(payloads: list[bytes]) -> None:
    made = decoder(OPUS)
    for payload in payloads:
        with suppress(MalformedPacket):
            assert len(made.decode(payload)) <= 2 * 5760
        recovered = made.recover(payload)
        assert recovered is None or len(recovered) <= 2 * 5760
    assert len(made.conceal(960)) == 1920


@pytest.mark.parametrize("count", [1, 119, 960, 5760, 6000, 48000])
def test_opus_conceals_any_number_of_samples(count: int) -> None:
    made = decoder(OPUS)
    for packet in coded(encoder(OPUS), sine(300, 0.2, 48000)):
        made.decode(packet)
    assert len(made.conceal(count)) == 2 * count


def test_opus_conceals_a_packet_of_a_tone_with_the_tone() -> None:
    made = decoder(OPUS, rate=16000)
    packets = coded(encoder(OPUS, rate=16000), sine(200, 1, 16000))
    heard = b"".join(made.conceal(320) if n == 30 else made.decode(packet) for n, packet in enumerate(packets))
    assert share(heard[2 * 20 * 320 :], 200, 16000) > 0.9


def test_without_libopus_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libopus, "_places", lambda: ["libopus-that-is-not-there.so"])
    libopus.library.cache_clear()
    try:
        with pytest.raises(MediaError, match=r"pip install 'sipclient\[media\]'"):
            encoder(OPUS)
    finally:
        libopus.library.cache_clear()


@pytest.mark.parametrize("seconds", [0.01, 0.02, 0.03, 0.06])
def test_a_tone_passes_g722_in_packets_of_any_length(seconds: float) -> None:
    to, back = encoder(G722), decoder(G722)
    assert (to.rate, back.rate) == (16000, 16000)
    packets = coded(to, sine(1000, 1.2, 16000), seconds)
    assert {len(packet) for packet in packets} == {round(8000 * seconds)}
    heard = b"".join(map(back.decode, packets))
    assert len(heard) == 2 * 16000 * 1.2
    assert level(heard[16000:]) == pytest.approx(-10, abs=0.5)
    assert share(heard[16000:], 1000, 16000) > 0.995


def test_g722_hears_what_g711_cannot() -> None:
    heard = b"".join(map(decoder(G722).decode, coded(encoder(G722), sine(6000, 1, 16000))))
    assert share(heard[8000:], 6000, 16000) > 0.9


@given(payloads=st.lists(OCTETS, max_size=4))
def test_any_bytes_are_g722(payloads: list[bytes]) -> None:
    made = decoder(G722)
    for payload in payloads:
        assert len(made.decode(payload)) == 4 * len(payload)


def test_without_pyav_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sipclient.media.pyav.import_module", _missing)
    with pytest.raises(MediaError, match=r"G\.722 needs the extra: pip install 'sipclient\[media\]'"):
        encoder(G722)


def _missing(name: str) -> None:
    raise ImportError(name)
