"""Tones: what a script says is what sounds, to the sample and the decibel; what is wrong in it is told."""

from __future__ import annotations

import re
from array import array
from itertools import pairwise
from operator import add

import pytest
from hypothesis import given
from hypothesis import strategies as st
from media.measure import level, samples, share, sine

from sipclient.errors import MediaError
from sipclient.media.codecs import decoder, encoder
from sipclient.media.tones import (
    DtmfDetector,
    ToneDetector,
    ToneReader,
    ToneScript,
    ToneStep,
    dtmf_tones,
    parse_tones,
    tone_level,
)
from sipclient.media.tones.countries import ALIASES, COUNTRIES, KINDS
from sipclient.sdp.codecs import Codec


def sound(text: str, rate: int = 8000, most: int = 100_000) -> bytes:
    return ToneReader(parse_tones(text), rate).read(most)


def step(on: float, off: float, *frequencies: float, **more: float) -> ToneStep:
    return ToneStep(on, off, frequencies, **more)


# What people write, and what libteletone makes of it.
SCRIPTS: list[tuple[str, ToneScript]] = [
    ("%(2000,4000,440,480)", ToneScript((step(2000, 4000, 440, 480),))),
    ("tone_stream://%(2000,4000,440,480);loops=-1", ToneScript((step(2000, 4000, 440, 480),), None)),
    ("tone_stream://L=3;%(100,100,350,440)", ToneScript((step(100, 100, 350, 440),), 3)),
    ("L=2;%(100,0,350);loops=3", ToneScript((step(100, 0, 350),), 6)),
    ("%(400,200,400,450);%(400,2200,400,450)", ToneScript((step(400, 200, 400, 450), step(400, 2200, 400, 450)))),
    (
        "v=-7;%(100,0,941.0,1477.0);v=-7;>=2;+=.1;%(1400,0,350,440)",
        ToneScript((step(100, 0, 941, 1477), step(1400, 0, 350, 440, ramp=-0.1, ramp_every=2))),
    ),
    ("<=10;+=2;v=-40;%(500,0,400)", ToneScript((step(500, 0, 400, volume=-40, ramp=2, ramp_every=10),))),
    ("d=60;w=40;1#", ToneScript((step(60, 40, 697, 1209), step(60, 40, 941, 1477)))),
    ("7(1000, 500)", ToneScript((step(1000, 500, 852, 1209),))),
    ("d", ToneScript((step(250, 62.5, 941, 1633),))),
    ("l=3;%(80,20,1000);%(80,20,500)", ToneScript((*[step(80, 20, 1000)] * 3, step(80, 20, 500)))),
    (" %(167, 0, 659)\n%(167, 0, 0) ", ToneScript((step(167, 0, 659), step(167, 0)))),
    ("c=1;r=8000;%(10,10,900)", ToneScript((step(10, 10, 900),))),
    ("us-ring", ToneScript((step(2000, 4000, 440, 480),), None)),
    ("${us-ring}", ToneScript((step(2000, 4000, 440, 480),), None)),
    ("$${uk-ring};loops=2", ToneScript((step(400, 200, 400, 450), step(400, 2000, 400, 450)), 2)),
    ("de-busy", ToneScript((step(480, 480, 425),), None)),
    ("fr-dial", ToneScript((step(1000, 0, 440),), None)),
    ("sit", ToneScript((step(274, 0, 913.8), step(274, 0, 1370.6), step(380, 0, 1776.7)))),
]


@pytest.mark.parametrize(("text", "script"), SCRIPTS, ids=[text for text, _ in SCRIPTS])
def test_a_script_means_what_freeswitch_makes_of_it(text: str, script: ToneScript) -> None:
    assert parse_tones(text) == script


WRONG: list[tuple[str, str]] = [
    ("", "no tone that lasts"),
    ("loops=-1", "no tone that lasts"),
    ("%(0,0,440);loops=-1", "no tone that lasts"),
    ("%(2000,4000)", "a tone is %(ms on, ms off, Hz, Hz, ...)"),
    ("%()", "a tone is %(ms on, ms off, Hz, Hz, ...)"),
    ("%", "a tone is %(ms on, ms off, Hz, Hz, ...)"),
    ("%(2000,4000,440", "the ( after % is not closed"),
    ("%(a,4000,440)", "'a' is no number"),
    ("%(1e3,4000,440)", "'1e3' is no number"),
    ("%(100,100,٤٤٠)", "is no number"),
    ("%(-5,0,440)", "-5 ms is no time"),
    ("%(99999999999,0,440)", "is no time"),
    ("%(10,0,5)", "5 Hz cannot be heard"),
    ("%(10,0,50000)", "50000 Hz cannot be heard"),
    ("%(10,0," + ",".join(["440"] * 19) + ")", "19 frequencies at once: 18 is the most"),
    ("7(100)", "a key is 7 or 7(ms on, ms off)"),
    ("v=3;1", "a volume is from -63 to 0 dB"),
    ("v=loud;1", "'loud' is no number"),
    ("L=-1;%(10,10,440)", "L=-1 is no number of times: 1 and more is; for no end write loops=-1"),
    ("%(10,10,440);loops=0", "loops=0 is no number of times: 1 and more is, or -1 for no end"),
    ("l=1.5;1", "l=1.5 is no number of times"),
    ("l=20000;1", "more than 10000 tones"),
    ("c=6;1", "c=6: that many channels"),
    ("r=1;1", "r=1: that many samples a second"),
    ("x=4;1", "'x=4' is neither"),
    ("us-rang", "is neither a tone, a key nor a setting"),
    ("xx-ring", "is neither a tone, a key nor a setting"),
    ("1" * 65537, "65536 is the most"),
]


@pytest.mark.parametrize(("text", "why"), WRONG, ids=[why for _, why in WRONG])
def test_what_cannot_be_meant_is_an_error_that_says_so(text: str, why: str) -> None:
    with pytest.raises(MediaError, match=re.escape(why)) as caught:
        parse_tones(text)
    assert len(str(caught.value)) < 250


@given(st.text(alphabet="%(),;=0123456789.-+<>lLvwdcr*#ABab $\n{}loops-ring", max_size=60))
def test_any_text_is_a_script_or_the_documented_error(text: str) -> None:
    try:
        script = parse_tones(text)
    except MediaError:
        return
    try:
        reader = ToneReader(script, 8000)
    except MediaError:
        return
    assert len(reader.read(400)) <= 800


def test_the_cadence_is_exact_to_the_sample() -> None:
    heard = samples(sound("%(30,20,1000);%(0.5,10,500)"))
    assert len(heard) == 240 + 160 + 4 + 80
    assert all(heard[n] for n in range(1, 240) if n % 4)  # 1000 Hz at 8 kHz is nought at every fourth sample only
    assert not any(heard[240:400])
    assert any(heard[400:404])
    assert not any(heard[404:])


def test_a_cadence_that_loops_does_not_drift() -> None:
    reader = ToneReader(parse_tones("us-ring"), 8000)
    minute = b"".join(reader.read(160) for _ in range(50 * 60))
    assert len(minute) == 2 * 8000 * 60
    ring = minute[: 2 * 8000 * 6]
    assert minute == ring * 10
    assert any(samples(ring)[15990:16000])
    assert not any(samples(ring)[16000:])


@pytest.mark.parametrize("rate", [8000, 16000, 44100, 48000])
@pytest.mark.parametrize("frequencies", [(440.0,), (350.0, 440.0), (913.8,), (1336.25,)])
def test_the_frequencies_and_level_are_those_of_the_script(rate: int, frequencies: tuple[float, ...]) -> None:
    pcm = ToneReader(ToneScript((ToneStep(500, 0, frequencies),)), rate).read(rate)
    assert len(pcm) == rate
    total = sum(share(pcm, each, rate) for each in frequencies)
    assert total == pytest.approx(1, abs=0.01)
    for each in frequencies:  # -7 dBm0 is -13.2 dBov; of two, each has half the amplitude
        assert tone_level(pcm, each, rate) == pytest.approx(-13.16 - 6.02 * (len(frequencies) - 1), abs=0.1)


def test_a_volume_is_in_dbm0_and_a_ramp_in_steps() -> None:
    assert level(sound("v=0;%(100,0,1000)")) == pytest.approx(-6.16, abs=0.05)
    assert level(sound("v=-20;%(100,0,1000)")) == pytest.approx(-26.16, abs=0.05)
    falling = sound("v=-10;>=100;+=5;%(300,0,1000)")
    assert [round(level(falling[at : at + 1598]), 1) for at in (0, 1600, 3200)] == [-16.2, -21.2, -26.2]
    rising = sound("v=-10;<=50;+=20;%(200,0,1000)")
    assert level(rising[-800:]) == pytest.approx(-6.16, abs=0.05)  # no louder than 0 dBm0
    assert level(sound("v=-7;>=0;+=60;%(50,0,1000)")[16:]) == pytest.approx(-69, abs=2)


def test_a_tone_that_the_rate_cannot_hold_is_refused() -> None:
    with pytest.raises(MediaError, match="a tone of 4000 Hz needs more than 8000 samples a second"):
        ToneReader(parse_tones("%(100,0,4000)"), 8000)
    with pytest.raises(MediaError, match="shorter than a sample"):
        ToneReader(parse_tones("%(0.01,0,400);loops=-1"), 8000)


def test_a_reader_ends_begins_again_and_gives_what_is_left() -> None:
    reader = ToneReader(parse_tones("%(10,5,440)"), 8000)
    first = reader.read(100)
    rest = reader.read(100)
    assert (len(first), len(rest), reader.read(100)) == (200, 40, b"")
    reader.rewind()
    assert reader.read(100) == first
    reader.close()


@pytest.mark.parametrize("country", [*COUNTRIES, *ALIASES])
@pytest.mark.parametrize("kind", KINDS)
def test_every_tone_of_every_country_sounds_and_loops_without_a_click(country: str, kind: str) -> None:
    script = parse_tones(f"{country}-{kind}")
    assert script.loops is None
    length = round(sum(each.on + each.off for each in script.steps) * 8)
    reader = ToneReader(script, 8000)
    twice = reader.read(2 * length)
    assert twice[: 2 * length] == twice[2 * length :]
    assert level(twice) > -30
    if kind == "dial" and not script.steps[0].off:
        steps = [abs(b - a) for a, b in pairwise(samples(twice))]
        assert max(steps[length - 4 : length + 4]) <= max(steps[: length - 4])


ALL_KEYS = "1234567890*#ABCD"


@pytest.mark.parametrize("codec", ["PCMU", "PCMA"])
@pytest.mark.parametrize(("on", "off"), [(100, 100), (50, 50), (40, 40)])
@pytest.mark.parametrize("shift", [0, 37, 80])
def test_keys_in_the_band_of_the_voice_are_found_again_after_g711(codec: str, on: int, off: int, shift: int) -> None:
    pcm = bytes(2 * shift) + ToneReader(dtmf_tones(ALL_KEYS + "11", on, off), 8000).read(10**6) + bytes(640)
    heard = decoder(Codec(codec)).decode(encoder(Codec(codec)).encode(pcm))
    detector = DtmfDetector(8000)
    assert "".join(detector.feed(heard[at : at + 320]) for at in range(0, len(heard), 320)) == ALL_KEYS + "11"


def test_keys_take_pauses_and_refuse_what_is_none() -> None:
    assert dtmf_tones("1w2W", 50, 50).steps[1:4:2] == (
        ToneStep(500, 0) if False else ToneStep(0, 500),
        ToneStep(0, 1000),
    )
    with pytest.raises(MediaError, match="'x' is no key of a telephone"):
        dtmf_tones("12x")


def test_neither_silence_nor_one_tone_nor_a_dial_tone_is_a_key() -> None:
    detector = DtmfDetector(8000)
    for pcm in (bytes(16000), sine(697, 1, 8000), sine(1209, 1, 8000), sound("us-dial", most=8000), b"\x01\x00" * 8000):
        assert detector.feed(pcm) == ""


def test_a_detector_scores_the_part_of_the_time_in_which_its_tone_sounds() -> None:
    detector = ToneDetector(440, rate=8000)
    assert (detector.score, detector.now) == (0.0, False)
    assert detector.feed(sine(440, 0.6, 8000, -20))
    assert not detector.feed(sine(1000, 0.2, 8000) + bytes(3200))
    assert (detector.blocks, detector.heard, detector.score) == (50, 30, 0.6)
    assert not ToneDetector(440, rate=8000).feed(sine(440, 0.1, 8000, -50))
    assert not ToneDetector(425, rate=8000, block=0.1).feed(sine(450, 0.5, 8000))
    assert ToneDetector(440, 480, rate=16000).feed(sound("%(500,0,440,480)", 16000))


def test_the_level_of_a_tone_among_others() -> None:
    mixed = array("h", map(add, samples(sine(400, 1, 8000, -20)), samples(sine(900, 1, 8000, -30))))
    assert tone_level(mixed.tobytes(), 400, 8000) == pytest.approx(-20, abs=0.05)
    assert tone_level(mixed.tobytes(), 900, 8000) == pytest.approx(-30, abs=0.05)
    assert tone_level(bytes(320), 900, 8000) == tone_level(b"", 900, 8000) == -127
