"""Which codecs a session offers and takes: what its account names, or what fits."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from sipclient import sdp
from sipclient.errors import MediaError
from sipclient.media import pyav

_BASE = (sdp.PCMU, sdp.PCMA)
_WIDE = (sdp.OPUS, sdp.G722)  # with PyAV
_RAW = (sdp.L16, msgspec.structs.replace(sdp.L16, clock=8000))
_BESIDE = (sdp.CN, sdp.TELEPHONE_EVENT)


class Repertoire(msgspec.Struct, frozen=True):
    """Codecs in order of preference: what a first offer has, and what any later description may."""

    offered: tuple[sdp.Codec, ...]
    taken: tuple[sdp.Codec, ...]

    @classmethod
    def of(cls, names: Sequence[str], kind: str) -> Repertoire:
        """What these names say, in offers and answers alike. None: phones and PBXs are offered G.711, which costs
        nothing, browsers opus too, and offers of others are taken with all there is. Raises MediaError for a
        name there is not, and for one that needs the extra where that is not installed."""
        if names:
            named = tuple(_codec(name) for name in names)
            if not any(codec.is_sound for codec in named):
                raise MediaError("the codecs leave nothing for speech: add PCMU or PCMA")
            return cls(named, named)
        wide = _WIDE if pyav.installed() else ()
        first = (*(wide if kind == sdp.Security.DTLS else ()), *_BASE, sdp.TELEPHONE_EVENT)
        return cls(first, (*wide, *_BASE, *_RAW, *_BESIDE))

    @staticmethod
    def libraries(agreed: sdp.Codec) -> tuple[str, ...]:
        """What a codec loads when it is used first."""
        return ("av",) if agreed in _WIDE else ()

    def again(self, agreed: sdp.Codec) -> tuple[sdp.Codec, ...]:
        """What a later offer in the same call has: the same as the first, or, where the peer's offer brought
        another codec, that first of all, so that it stays."""
        if agreed in self.offered:
            return self.offered
        return (agreed, *(codec for codec in self.taken if codec != agreed))


def _codec(name: str) -> sdp.Codec:
    codec = sdp.codec_named(name)
    if codec is None:
        known = ", ".join(each.name for each in (*_WIDE, *_BASE, sdp.L16, *_BESIDE))
        raise MediaError(f"codec {name!r} is not available: there are {known}")
    if codec in _WIDE and not pyav.installed():
        raise MediaError(f"{codec.name} needs the extra: pip install 'sipclient[media]'")
    return codec
