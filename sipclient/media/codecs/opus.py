"""Opus, as speech: mono, with forward error correction and discontinuous transmission where the peer wants
them. RFC 6716; RFC 7587 for the payload and its parameters."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping

from sipclient.errors import MediaError
from sipclient.media.codecs import libopus
from sipclient.media.rtp import MalformedPacket

_BITRATE = 32000  # of mono speech, wideband to fullband: RFC 7587 §3.1.1 counts 28 to 40 kbit/s as such
_LOWEST, _HIGHEST = 6000, 510000
_PACKET = 1275 * 6 + 32  # bytes of the longest packet, RFC 6716 §3.2
_LOSS = 10  # percent that FEC prepares for until something better is known
_COMPLEXITY = 5
_UNIT = 400  # a part of a second, 2.5 ms: every length in Opus is a multiple
_AT_ONCE = (1, 2, 4, 8, 16, 24, 32, 40, 48)  # units that libopus makes one packet of: 2.5 to 120 ms
_FRAMES = (8, 4, 2, 1)  # units of the frames of which any other packet is put together


def _number(fmtp: Mapping[str, str], name: str, otherwise: int) -> int:
    value = fmtp.get(name, "")
    return int(value) if value.isascii() and value.isdigit() and len(value) < 10 else otherwise


class OpusEncoder:
    """PCM at `rate`, one of libopus's five, to Opus. What the peer's parameters ask for is heeded:
    `useinbandfec`, `usedtx`, `cbr`, `maxaveragebitrate`, `maxplaybackrate`. Raises MediaError without libopus."""

    def __init__(self, fmtp: Mapping[str, str], rate: int) -> None:
        self._library = libopus.library()
        self.rate = rate
        self._state = ctypes.create_string_buffer(self._library.opus_encoder_get_size(1))
        self._out = ctypes.create_string_buffer(_PACKET)
        _checked(self._library.opus_encoder_init(self._state, rate, 1, libopus.VOIP))
        wanted = _number(fmtp, "maxaveragebitrate", _BITRATE)
        self._set(libopus.SET_BITRATE, max(_LOWEST, min(wanted, _BITRATE, _HIGHEST)))
        self._set(libopus.SET_SIGNAL, libopus.SIGNAL_VOICE)
        self._set(libopus.SET_COMPLEXITY, _COMPLEXITY)
        plays = _number(fmtp, "maxplaybackrate", 48000)
        self._set(libopus.SET_MAX_BANDWIDTH, next((band for top, band in libopus.BANDWIDTHS if plays <= top), 1105))
        if fmtp.get("cbr") == "1":
            self._set(libopus.SET_VBR, 0)
        if fmtp.get("usedtx") == "1":
            self._set(libopus.SET_DTX, 1)
        if fmtp.get("useinbandfec") == "1":
            self._set(libopus.SET_INBAND_FEC, 1)
            self.expect_loss(_LOSS)

    def encode(self, pcm: bytes) -> bytes:
        """One packet of up to 120 ms, a multiple of 2.5; `b""` where DTX has nothing to send. Raises MediaError for
        any other length."""
        samples = len(pcm) // 2
        units, rest = divmod(samples, self.rate // _UNIT)
        if rest or not 0 < units <= _AT_ONCE[-1]:
            raise MediaError(
                f"opus has no packet of {samples} samples at {self.rate} Hz: 2.5 to 120 ms, in steps of 2.5"
            )
        return self._packet(pcm) if units in _AT_ONCE else self._joined(pcm, units)

    def _packet(self, pcm: bytes) -> bytes:
        size = self._library.opus_encode(self._state, pcm, len(pcm) // 2, self._out, _PACKET)
        _checked(size)
        return self._out.raw[:size] if size > 2 else b""

    def _joined(self, pcm: bytes, units: int) -> bytes:
        """Several frames in one packet, as for a `ptime` of 30. Should libopus change its mode between them, the packet
        is shorter, and the rest of it is lost."""
        step = 2 * next(frame for frame in _FRAMES if not units % frame) * self.rate // _UNIT
        frames = [self._packet(pcm[at : at + step]) for at in range(0, len(pcm), step)]
        if not all(frames):
            return b""
        joiner = ctypes.create_string_buffer(self._library.opus_repacketizer_get_size())
        self._library.opus_repacketizer_init(joiner)
        for frame in frames:
            if self._library.opus_repacketizer_cat(joiner, frame, len(frame)):
                break
        size = self._library.opus_repacketizer_out(joiner, self._out, _PACKET)
        _checked(size)
        return self._out.raw[:size]

    def expect_loss(self, percent: int) -> None:
        """How much the peer reports as lost: the more, the more of each packet is spent on FEC."""
        self._set(libopus.SET_PACKET_LOSS_PERC, max(0, min(percent, 100)))

    def _set(self, what: int, value: int) -> None:
        _checked(self._library.opus_encoder_ctl(self._state, what, ctypes.c_int32(value)))


class OpusDecoder:
    """Opus, mono or stereo, to mono PCM at `rate`, one of libopus's five. Raises MediaError without libopus."""

    def __init__(self, rate: int) -> None:
        self._library = libopus.library()
        self.rate = rate
        self._longest = int(libopus.LONGEST * rate)
        self._state = ctypes.create_string_buffer(self._library.opus_decoder_get_size(1))
        self._out = ctypes.create_string_buffer(2 * self._longest)
        _checked(self._library.opus_decoder_init(self._state, rate, 1))

    def decode(self, payload: bytes) -> bytes:
        """The sound of one packet, at most 120 ms. Raises MalformedPacket."""
        if not payload:
            raise MalformedPacket("an Opus packet has at least one byte, not 0")
        return self._decoded(payload, self._longest, 0)

    def conceal(self, samples: int) -> bytes:
        """So many samples in the place of a packet that did not come."""
        unit = self.rate // _UNIT
        made: list[bytes] = []
        left = samples
        while left > 0:
            made.append(self._decoded(None, min(-(-left // unit) * unit, self._longest), 0))
            left -= self._longest
        return b"".join(made)[: 2 * samples]

    def recover(self, following: bytes) -> bytes | None:
        """The lost packet, out of what `following` repeats of it; where it repeats nothing, concealment.
        None: it is no Opus packet."""
        lasts = self._library.opus_packet_get_nb_samples(following, len(following), self.rate) if following else 0
        if not 0 < lasts <= self._longest:
            return None
        try:
            return self._decoded(following, lasts, 1)
        except MalformedPacket:
            return None

    def _decoded(self, payload: bytes | None, most: int, recovering: int) -> bytes:
        size = len(payload) if payload else 0
        made = self._library.opus_decode(self._state, payload, size, self._out, most, recovering)
        if made < 0:
            raise MalformedPacket(f"an Opus packet of {size} bytes that is none: {libopus.fault(made)}")
        return ctypes.string_at(self._out, 2 * made)


def _checked(result: int) -> None:
    if result < 0:
        raise MediaError(f"libopus refuses: {libopus.fault(result)}")
