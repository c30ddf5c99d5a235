"""Levels, mixing and sampling rates, by numbers."""

from __future__ import annotations

from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st
from media import measure
from media.measure import share, sine

from sipclient.errors import MediaError
from sipclient.media.sound import pcm, resample
from sipclient.media.sound.resample import Resampler

RATES = [8000, 11025, 16000, 22050, 24000, 32000, 44100, 48000]
SAMPLES = st.lists(st.integers(-32768, 32767), max_size=300).map(lambda each: array("h", each).tobytes())


@pytest.mark.parametrize("dbov", [-3.1, -20, -60])
def test_level_is_that_of_the_tone(dbov: float) -> None:
    assert pcm.level(sine(1000, 0.1, 8000, dbov)) == pytest.approx(dbov, abs=0.1)


def test_the_ends_of_the_level() -> None:
    assert pcm.level(array("h", [-32768] * 160).tobytes()) == 0
    assert pcm.level(pcm.silence(160)) == pcm.level(b"") == -127


@given(one=SAMPLES, other=SAMPLES)
def test_a_mix_is_the_sum_cut_off_at_what_sixteen_bits_hold(one: bytes, other: bytes) -> None:
    left, right = array("h", one), array("h", other)
    longest = max(len(left), len(right))
    left.extend([0] * (longest - len(left)))
    right.extend([0] * (longest - len(right)))
    assert list(array("h", pcm.mix(one, other))) == [
        max(-32768, min(32767, a + b)) for a, b in zip(left, right, strict=True)
    ]


def test_two_voices_in_a_mix_are_both_there() -> None:
    mixed = pcm.mix(sine(400, 0.5, 8000, -16), sine(1000, 0.5, 8000, -16))
    assert share(mixed, 400, 8000) == pytest.approx(0.5, abs=0.01)
    assert share(mixed, 1000, 8000) == pytest.approx(0.5, abs=0.01)


def test_gain_saturates() -> None:
    assert pcm.level(pcm.gain(sine(1000, 0.1, 8000, -20), 6)) == pytest.approx(-14, abs=0.1)
    assert max(array("h", pcm.gain(sine(1000, 0.1, 8000, -6), 20))) == 32767


def test_channels_become_one_and_two_become_stereo() -> None:
    left, right = array("h", [100, -100, 32767]).tobytes(), array("h", [300, -301, 32767]).tobytes()
    both = pcm.interleaved(left, right)
    assert list(array("h", both)) == [100, 300, -100, -301, 32767, 32767]
    assert list(array("h", pcm.mono(both, 2))) == [200, -201, 32767]
    assert pcm.mono(left, 1) == left


@pytest.fixture(params=["PyAV", "own"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways of resampling: the extra's and that of the base install."""
    monkeypatch.setattr(resample.pyav, "installed", lambda: request.param == "PyAV")
    return str(request.param)


@pytest.mark.parametrize("source", RATES)
@pytest.mark.parametrize("target", [8000, 16000, 48000])
def test_a_tone_keeps_its_frequency_level_and_length_at_any_rate(source: int, target: int, way: str) -> None:
    made = Resampler(source, target)
    tone = sine(1000, 0.5, source)
    step = source // 50 * 2
    parts = [made.resample(tone[at : at + step]) for at in range(0, len(tone), step)]
    heard = b"".join(parts)
    assert len(heard) // 2 == len(tone) // 2 * target // source
    assert {len(part) // 2 for part in parts[:-1]} <= {step // 2 * target // source, step // 2 * target // source + 1}
    settled = heard[target // 10 * 2 :]
    assert measure.level(settled) == pytest.approx(-10, abs=0.1)
    assert share(settled, 1000, target) > 0.9998


@pytest.mark.parametrize("source", [16000, 44100, 48000])
def test_what_the_lower_rate_cannot_hold_is_filtered_out_and_speech_is_not(source: int, way: str) -> None:
    high = Resampler(source, 8000).resample(sine(5000, 0.5, source))
    assert measure.level(high[2000:]) < -55
    speech = Resampler(source, 8000).resample(sine(3000, 0.5, source))
    assert measure.level(speech[2000:]) == pytest.approx(-10, abs=0.5)


def test_one_rate_is_left_alone_and_nothing_gives_nothing(way: str) -> None:
    assert Resampler(8000, 8000).resample(b"\x01\x02") == b"\x01\x02"
    assert Resampler(8000, 16000).resample(b"") == b""


def test_a_minute_of_odd_pieces_loses_no_sample(way: str) -> None:
    made = Resampler(11025, 8000)
    given = sum(len(made.resample(bytes(2 * (n % 700)))) // 2 for n in range(1900))
    taken = sum(n % 700 for n in range(1900))
    assert given == taken * 8000 // 11025


@pytest.mark.parametrize("rate", [0, -8000, 3999, 192001, 4_000_000_000])
def test_a_rate_that_is_none_is_refused(rate: int) -> None:
    with pytest.raises(MediaError, match="sampling rate"):
        Resampler(rate, 8000)
    with pytest.raises(MediaError, match="sampling rate"):
        Resampler(8000, rate)
