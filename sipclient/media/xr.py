"""Extended reports of RTCP: reference times for whoever only listens, and how a call sounds. RFC 3611. Pure."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import msgspec

_XR = 207
_REFERENCE_TIME, _DELAYS, _VOIP = 4, 5, 7
_DELAY = struct.Struct("!III")
_METRICS = struct.Struct("!IBBBBHHHHbbBBBBBBBxHHH")
_WORD = 0xFFFFFFFF
UNKNOWN = 127  # of a level, a rating or a MOS that was not measured (RFC 3611 §4.7)


class Delay(msgspec.Struct, frozen=True):
    """For the receiver `ssrc`: the reference time of its `last` report, and the `delay` since it came, both in
    1/65536 s. RFC 3611 §4.5."""

    ssrc: int
    last: int
    delay: int


class VoipMetrics(msgspec.Struct, frozen=True):
    """How a call sounds at the reporter, in the units of RFC 3611 §4.7: rates and densities in 256ths, times
    in milliseconds, levels in dBm0, `r_factor` 0 to 100, `mos_listening` and `mos_conversation` times ten."""

    ssrc: int
    loss_rate: int = 0
    discard_rate: int = 0
    burst_density: int = 0
    gap_density: int = 0
    burst_duration: int = 0
    gap_duration: int = 0
    round_trip_delay: int = 0
    end_system_delay: int = 0
    signal_level: int = UNKNOWN
    noise_level: int = UNKNOWN
    echo_return_loss: int = UNKNOWN
    gap_minimum: int = 16
    r_factor: int = UNKNOWN
    external_r_factor: int = UNKNOWN
    mos_listening: int = UNKNOWN
    mos_conversation: int = UNKNOWN
    configuration: int = 0
    buffer_nominal: int = 0
    buffer_maximum: int = 0
    buffer_absolute_maximum: int = 0


class Extended(msgspec.Struct, frozen=True):
    """An extended report of `ssrc`. `reference_time` is NTP seconds; blocks of other types are not kept."""

    ssrc: int
    reference_time: float | None = None
    delays: tuple[Delay, ...] = ()
    metrics: tuple[VoipMetrics, ...] = ()

    def __bytes__(self) -> bytes:
        blocks = b""
        if self.reference_time is not None:
            seconds = int(self.reference_time)
            fraction = int((self.reference_time - seconds) * 2**32)
            blocks += struct.pack("!BBHII", _REFERENCE_TIME, 0, 2, seconds & _WORD, fraction)
        if self.delays:
            blocks += struct.pack("!BBH", _DELAYS, 0, 3 * len(self.delays))
            blocks += b"".join(_DELAY.pack(each.ssrc, each.last, each.delay) for each in self.delays)
        for each in self.metrics:
            blocks += struct.pack("!BBH", _VOIP, 0, 8) + _METRICS.pack(*msgspec.structs.astuple(each))
        return struct.pack("!BBHI", 0x80, _XR, 1 + len(blocks) // 4, self.ssrc) + blocks


def parse_extended(body: bytes) -> Extended:
    """What follows the first word of an extended report; blocks that are cut short or unknown are skipped."""
    time: float | None = None
    delays: list[Delay] = []
    metrics: list[VoipMetrics] = []
    for kind, block in _blocks(body):
        if kind == _REFERENCE_TIME and len(block) == 8:
            seconds, fraction = struct.unpack("!II", block)
            time = seconds + fraction / 2**32
        elif kind == _DELAYS:
            delays += (Delay(*_DELAY.unpack_from(block, at)) for at in range(0, len(block) - 11, 12))
        elif kind == _VOIP and len(block) == _METRICS.size:
            metrics.append(VoipMetrics(*_METRICS.unpack(block)))
    return Extended(int.from_bytes(body[:4], "big"), time, tuple(delays), tuple(metrics))


def _blocks(body: bytes) -> Iterator[tuple[int, bytes]]:
    at = 4
    while at + 4 <= len(body):
        after = at + 4 + 4 * int.from_bytes(body[at + 2 : at + 4], "big")
        if after <= len(body):
            yield body[at], body[at + 4 : after]
        at = after
