"""PCMU, PCMA and L16: the standard's values, what a round trip costs, what hostile payloads do."""

from __future__ import annotations

import math
from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st
from media.measure import level, noise_ratio, samples, share, sine

from sipclient.errors import MediaError
from sipclient.media.codecs import decoder, encoder
from sipclient.sdp.codecs import Codec

PCMU, PCMA = Codec("PCMU"), Codec("PCMA")
L16 = Codec("L16", clock=16000)
G722, OPUS = Codec("G722"), Codec("opus", clock=48000, channels=2)
BASE = [PCMU, PCMA, L16]
FILLED = [*BASE, G722]  # by the last pitch period; opus has its own way


def named(codec: Codec) -> str:
    return codec.name


def frames(pcm: bytes, samples_each: int) -> list[bytes]:
    return [pcm[at : at + 2 * samples_each] for at in range(0, len(pcm), 2 * samples_each)]


# Sample, PCMU, PCMA: decision values of ITU-T G.711, tables 1a to 2b, and what stands on each side of zero.
VALUES = [
    (0, 0xFF, 0xD5),
    (-1, 0x7E, 0x55),
    (4, 0xFE, 0xD5),
    (8, 0xFE, 0xD5),
    (12, 0xFD, 0xD5),
    (16, 0xFD, 0xD4),
    (-16, 0x7D, 0x55),
    (-17, 0x7C, 0x54),
    (1000, 0xCE, 0xFA),
    (-1000, 0x4E, 0x7A),
    (32124, 0x80, 0xAA),
    (32767, 0x80, 0xAA),
    (-32768, 0x00, 0x2A),
]


@pytest.mark.parametrize(("sample", "pcmu", "pcma"), VALUES)
def test_g711_gives_the_codes_of_the_standard(sample: int, pcmu: int, pcma: int) -> None:
    pcm = array("h", [sample]).tobytes()
    assert (encoder(PCMU).encode(pcm)[0], encoder(PCMA).encode(pcm)[0]) == (pcmu, pcma)


@pytest.mark.parametrize("name", ["PCMU", "PCMA"])
def test_g711_agrees_with_the_code_of_python_2_to_3_12_on_every_sample(name: str) -> None:
    audioop = pytest.importorskip("audioop", reason="it left Python with 3.13")
    every = array("h", range(-32768, 32768)).tobytes()
    to, back = (audioop.lin2ulaw, audioop.ulaw2lin) if name == "PCMU" else (audioop.lin2alaw, audioop.alaw2lin)
    assert encoder(Codec(name)).encode(every) == to(every, 2)
    codes = bytes(range(256))
    assert decoder(Codec(name)).decode(codes) == back(codes, 2)


@pytest.mark.parametrize("codec", [PCMU, PCMA], ids=named)
def test_every_g711_code_survives_being_decoded_and_encoded(codec: Codec) -> None:
    """But one: µ-law's second zero becomes the first."""
    codes = bytes(range(256))
    again = encoder(codec).encode(decoder(codec).decode(codes))
    assert again == (codes.replace(b"\x7f", b"\xff") if codec is PCMU else codes)


@pytest.mark.parametrize("codec", [PCMU, PCMA], ids=named)
@pytest.mark.parametrize("dbov", [-6.0, -20.0, -35.0])
def test_g711_keeps_a_tone_36_db_above_its_noise_over_30_db_of_levels(codec: Codec, dbov: float) -> None:
    tone = sine(440, 0.5, 8000, dbov)
    heard = decoder(codec).decode(encoder(codec).encode(tone))
    assert noise_ratio(tone, heard) > 35
    assert level(heard) == pytest.approx(dbov, abs=0.1)


def test_l16_is_the_samples_most_significant_byte_first() -> None:
    assert encoder(L16).encode(array("h", [1, -2, 0x1234]).tobytes()) == b"\x00\x01\xff\xfe\x12\x34"
    tone = sine(1000, 0.1, 16000)
    assert decoder(L16).decode(encoder(L16).encode(tone)) == tone
    assert (encoder(L16).rate, decoder(L16).rate) == (16000, 16000)


@pytest.mark.parametrize("codec", BASE, ids=named)
@given(payload=st.binary(max_size=2000))
def test_any_payload_gives_sound_of_its_length(codec: Codec, payload: bytes) -> None:
    pcm = decoder(codec).decode(payload)
    assert len(pcm) == (len(payload) & ~1 if codec is L16 else 2 * len(payload))


@pytest.mark.parametrize("codec", FILLED, ids=named)
def test_a_lost_packet_of_a_tone_is_filled_with_the_tone(codec: Codec) -> None:
    made = decoder(codec)
    size = made.rate // 50
    coded = list(map(encoder(codec).encode, frames(sine(200, 1, made.rate), size)))
    heard = b"".join(made.conceal(size) if n == 20 else made.decode(each) for n, each in enumerate(coded))
    lost = heard[2 * 20 * size : 2 * 21 * size]
    assert len(heard) == 2 * made.rate
    assert level(lost) > -13
    assert share(heard[2 * 15 * size : 2 * 25 * size], 200, made.rate) > 0.97


@pytest.mark.parametrize("codec", FILLED, ids=named)
def test_what_is_made_up_fades_out_within_60_ms_and_does_not_click(codec: Codec) -> None:
    made = decoder(codec)
    size = made.rate // 50
    to = encoder(codec)
    for each in frames(sine(300, 0.2, made.rate), size):
        made.decode(to.encode(each))
    gap = [made.conceal(size) for _ in range(5)]
    assert [level(each) for each in gap[:3]] == sorted((level(each) for each in gap[:3]), reverse=True)
    assert gap[3:] == [bytes(2 * size)] * 2
    after = samples(made.decode(to.encode(sine(300, 0.02, made.rate, -6))))
    steps = [abs(b - a) for a, b in zip((0, *after), after, strict=False)]
    largest = 32768 * math.sqrt(2) * 10 ** (-6 / 20) * 2 * math.pi * 300 / made.rate
    assert max(steps) < 1.5 * largest


@pytest.mark.parametrize("codec", BASE, ids=named)
def test_a_loss_before_anything_was_heard_is_silence(codec: Codec) -> None:
    made = decoder(codec)
    assert made.conceal(160) == bytes(320)
    assert made.recover(bytes(160)) is None
    assert len(made.decode(bytes(160))) in (160, 320)


@pytest.mark.parametrize("codec", [Codec("G729"), Codec("L16", channels=2), Codec("telephone-event")], ids=named)
def test_a_codec_that_is_not_there_is_named(codec: Codec) -> None:
    with pytest.raises(MediaError, match=f"no encoder for {codec.name}/8000/{codec.channels}"):
        encoder(codec)
    with pytest.raises(MediaError, match=f"no decoder for {codec.name}"):
        decoder(codec)
