"""The tones of national networks, after ITU-T E.180 Supplement 2 and the operators' own documents. Pure.

Each is written as frequencies (Hz, at once) and then ms of sound and of silence in turn; without times it does
not pause. Where a country modulates one frequency by another, both sidebands stand here (400 by 25 Hz: 375 and 425).
"""

from __future__ import annotations

from sipclient.media.tones.script import ToneScript, ToneStep

KINDS = ("dial", "ring", "busy", "congestion")

_EUROPE = "425", "425 1000 4000", "425 500 500", "425 200 200"
_AMERICA = "350+440", "440+480 2000 4000", "480+620 500 500", "480+620 250 250"

COUNTRIES: dict[str, tuple[str, str, str, str]] = {
    "ar": ("425", "425 1000 4000", "425 300 200", "425 300 400"),
    "at": ("420", "420 1000 5000", "420 400 400", "420 200 200"),
    "au": ("413+438", "413+438 400 200 400 2000", "425 375 375", "425 375 375"),
    "be": ("425", "425 1000 3000", "425 500 500", "425 167 167"),
    "bg": ("425", "425 1000 4000", "425 500 500", "425 250 250"),
    "br": ("425", "425 1000 4000", "425 250 250", "425 250 250 750 250"),
    "ca": _AMERICA,
    "ch": _EUROPE,
    "cl": ("400", "400 1000 3000", "400 500 500", "400 200 200"),
    "cn": ("450", "450 1000 4000", "450 350 350", "450 700 700"),
    "cz": ("425 330 330 660 660", "425 1000 4000", "425 330 330", "425 165 165"),
    "de": ("425", "425 1000 4000", "425 480 480", "425 240 240"),
    "dk": _EUROPE,
    "ee": ("425", "425 1000 4000", "425 300 300", "425 200 200"),
    "es": ("425", "425 1500 3000", "425 200 200", "425 200 200 200 200 200 600"),
    "fi": ("425", "425 1000 4000", "425 300 300", "425 200 200"),
    "fr": ("440", "440 1500 3500", "440 500 500", "440 250 250"),
    "gb": ("350+440", "400+450 400 200 400 2000", "400 375 375", "400 400 350 225 525"),
    "gr": ("425 200 300 700 800", "425 1000 4000", "425 300 300", "425 200 200"),
    "hu": ("425", "425 1250 3750", "425 300 300", "425 300 300"),
    "ie": ("425", "400+450 400 200 400 2000", "425 500 500", "425 250 250"),
    "il": ("414", "414 1000 3000", "414 500 500", "414 250 250"),
    "in": ("375+425", "375+425 400 200 400 2000", "400 750 750", "400 250 250"),
    "it": ("425 200 200 600 1000", "425 1000 4000", "425 500 500", "425 200 200"),
    "jp": ("400", "384+416 1000 2000", "400 500 500", "400 500 500"),
    "kr": ("350+440", "440+480 1000 2000", "480+620 500 500", "480+620 300 200"),
    "lt": ("425", "425 1000 4000", "425 350 350", "425 200 200"),
    "mx": ("425", "425 1000 4000", "425 250 250", "425 250 250"),
    "my": ("425", "425 400 200 400 2000", "425 500 500", "425 500 500"),
    "nl": ("425", "425 1000 4000", "425 500 500", "425 250 250"),
    "no": _EUROPE,
    "nz": ("400", "400+450 400 200 400 2000", "400 500 500", "400 250 250"),
    "ph": ("425", "425+480 1000 4000", "480+620 500 500", "480+620 250 250"),
    "pl": ("425", "425 1000 4000", "425 500 500", "425 500 500"),
    "pt": ("425", "425 1000 5000", "425 500 500", "425 200 200"),
    "ru": ("425", "425 1000 4000", "425 400 400", "425 200 200"),
    "se": ("425", "425 1000 5000", "425 250 250", "425 250 750"),
    "sg": ("425", "401+449 400 200 400 2000", "425 750 750", "425 250 250"),
    "th": ("400", "400 1000 4000", "400 500 500", "400 300 300"),
    "tr": ("450", "450 2000 4000", "450 500 500", "450 200 200 200 200 200 200 600 200"),
    "tw": ("350+440", "440+480 1000 2000", "480+620 500 500", "480+620 250 250"),
    "us": _AMERICA,
    "za": ("367+433", "367+433 400 200 400 2000", "400 500 500", "400 250 250"),
}
ALIASES = {"uk": "gb"}

# ITU-T E.180 §7 with the timing of North American networks: what precedes "the number you have dialled".
_SIT = ToneScript((ToneStep(274.0, 0.0, (913.8,)), ToneStep(274.0, 0.0, (1370.6,)), ToneStep(380.0, 0.0, (1776.7,))))
_WHOLE = 1000.0  # ms of a tone without a pause: a whole number of periods of each frequency, so it can follow itself


def named_tone(name: str) -> ToneScript | None:
    """A country's tone (`us-ring`, `fr-busy`, `uk-dial`, `de-congestion`: two letters of ISO 3166 and the kind), which
    has no end, or `sit`, the special information tones, once. None: there is none of that name."""
    if name == "sit":
        return _SIT
    country, _, kind = name.partition("-")
    tones = COUNTRIES.get(ALIASES.get(country, country))
    if tones is None or kind not in KINDS:
        return None
    frequencies, *times = tones[KINDS.index(kind)].split()
    hertz = tuple(float(each) for each in frequencies.split("+"))
    lengths = [float(each) for each in times] or [_WHOLE, 0.0]
    pairs = zip(lengths[::2], lengths[1::2], strict=True)
    return ToneScript(tuple(ToneStep(on, off, hertz) for on, off in pairs), None)
