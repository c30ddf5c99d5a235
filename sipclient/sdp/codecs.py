"""Codecs by name, and the payload types that need no rtpmap. RFC 3551 §6."""

from __future__ import annotations

import msgspec


class Codec(msgspec.Struct, frozen=True):
    """An encoding as an rtpmap names it. `clock` is RTP timestamp ticks per second, `static` the payload
    type RFC 3551 gave it (None: it needs a dynamic one), `fmtp` what we say of it in our descriptions."""

    name: str
    clock: int = 8000
    channels: int = 1
    static: int | None = None
    fmtp: str = ""

    @property
    def is_event(self) -> bool:
        """Whether it carries key presses (RFC 4733) rather than sound."""
        return self.name == "telephone-event"

    @property
    def is_sound(self) -> bool:
        """Whether it carries what is said: no key presses, no comfort noise."""
        return self.name not in ("telephone-event", "CN")

    def is_called(self, name: str, clock: int, channels: int) -> bool:
        """Whether an rtpmap means this codec: names are compared without case (RFC 8866 §6.6). Opus is called
        stereo whatever it carries (RFC 7587 §7), but some forget to."""
        if self.clock != clock or self.name.lower() != name.lower():
            return False
        return self.channels == channels or (self.name == "opus" and channels == 1)


PCMU = Codec("PCMU", static=0)
PCMA = Codec("PCMA", static=8)
G722 = Codec("G722", static=9)  # 16000 samples a second under a clock of 8000, by an old mistake: RFC 3551 §4.5.2
OPUS = Codec("opus", 48000, 2, fmtp="minptime=10;useinbandfec=1")  # always called stereo: RFC 7587 §7
L16 = Codec("L16", 16000)
CN = Codec("CN", static=13)
TELEPHONE_EVENT = Codec("telephone-event", fmtp="0-15")

_OURS = {codec.name.lower(): codec for codec in (PCMU, PCMA, G722, OPUS, L16, CN, TELEPHONE_EVENT)}

_ANY_CLOCK = frozenset({"l16", "telephone-event"})
CLOCKS = (48000, 32000, 24000, 16000, 8000)  # those sound is carried at, the best first

# What a payload type below 96 is where no rtpmap says otherwise: name, clock, channels.
STATIC: dict[int, tuple[str, int, int]] = {
    0: ("PCMU", 8000, 1),
    3: ("GSM", 8000, 1),
    4: ("G723", 8000, 1),
    5: ("DVI4", 8000, 1),
    6: ("DVI4", 16000, 1),
    7: ("LPC", 8000, 1),
    8: ("PCMA", 8000, 1),
    9: ("G722", 8000, 1),
    10: ("L16", 44100, 2),
    11: ("L16", 44100, 1),
    12: ("QCELP", 8000, 1),
    13: ("CN", 8000, 1),
    14: ("MPA", 90000, 1),
    15: ("G728", 8000, 1),
    16: ("DVI4", 11025, 1),
    17: ("DVI4", 22050, 1),
    18: ("G729", 8000, 1),
    25: ("CelB", 90000, 1),
    26: ("JPEG", 90000, 1),
    28: ("nv", 90000, 1),
    31: ("H261", 90000, 1),
    32: ("MPV", 90000, 1),
    33: ("MP2T", 90000, 1),
    34: ("H263", 90000, 1),
}


def codec_named(name: str) -> Codec | None:
    """The codec of ours that a user calls so, whatever the case; None where we have none of that name.

    A clock and channels may stand behind it, as in an rtpmap: `L16/8000`, `opus/48000/2`.
    """
    name, _, clock = name.lower().partition("/")
    known = _OURS.get(name)
    if known is None or not clock or clock == f"{known.clock}" or clock == f"{known.clock}/{known.channels}":
        return known
    wished = next((number for number in CLOCKS if str(number) == clock), 0) if name in _ANY_CLOCK else 0
    return msgspec.structs.replace(known, clock=wished) if wished else None


def events(clock: int) -> Codec:
    """Key presses counted by this clock."""
    return TELEPHONE_EVENT if clock == TELEPHONE_EVENT.clock else msgspec.structs.replace(TELEPHONE_EVENT, clock=clock)


def codec_meant(name: str, clock: int, channels: int) -> Codec:
    """The codec an rtpmap means: one of ours, or else what the rtpmap says of it."""
    known = _OURS.get(name.lower())
    if known is None or known.is_called(name, clock, channels):
        return known or Codec(name, clock, channels)
    return events(clock) if known.is_event and channels == 1 else Codec(name, clock, channels)
