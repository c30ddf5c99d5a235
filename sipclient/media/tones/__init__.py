"""Tones: written as FreeSWITCH writes them or named by country, made exact to the sample, found again in a sound."""

from sipclient.media.tones.detector import DtmfDetector, ToneDetector, tone_level, tone_power
from sipclient.media.tones.notation import parse_tones
from sipclient.media.tones.script import ToneScript, ToneStep, dtmf_tones
from sipclient.media.tones.synthesis import ToneReader

__all__ = [
    "DtmfDetector",
    "ToneDetector",
    "ToneReader",
    "ToneScript",
    "ToneStep",
    "dtmf_tones",
    "parse_tones",
    "tone_level",
    "tone_power",
]
