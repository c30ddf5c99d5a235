"""Key presses: as telephone events in RTP (RFC 4733), and in the body of a SIP INFO. Pure."""

from __future__ import annotations

import struct
from collections import deque

import msgspec

from sipclient.errors import InvalidValue, MalformedBody

KEYS = "0123456789*#ABCD"  # by event code (RFC 4733 §3.2); 16 is a hook flash
FLASH = "!"
_CODES = {key: code for code, key in enumerate(KEYS + FLASH)}
_PAYLOAD = struct.Struct("!BBH")
_END = 0x80
_VOLUME = 10  # -10 dBm0, what telephones use
_LONGEST = 0xFFFF  # ticks in one segment of an event
_END_COPIES = 3
_LOST_END = 0.2  # seconds without an update after which a key is taken as released
_LONGEST_PRESS = 60  # seconds we hold a key at most
_PENDING = 256  # keys that may wait to be sent
_INFO_BYTES = 200  # of a body that are looked at
_BY_NUMBER = {str(code): key for key, code in _CODES.items() if code > 9}  # some write 10 for * and 11 for #


class KeyPress(msgspec.Struct, frozen=True):
    """A key of `0-9 * # A-D`, or `!` for a hook flash, that was held for so many `seconds`."""

    key: str
    seconds: float


def check_keys(keys: str) -> str:
    """These keys in capitals. Raises InvalidValue, naming the first that is none."""
    for key in keys.upper():
        if key not in _CODES:
            raise InvalidValue(f"{key!r} is no key of a telephone: 0-9, *, #, A-D, and ! for a hook flash")
    return keys.upper()


class EventReader:
    """Makes key presses of the event packets of one stream.

    Each packet repeats what is known of its event, so that any of them may be lost, the ends too: an event
    whose updates stop, or after which another begins, is over. RFC 4733 §2.5.2.
    """

    __slots__ = ("_before", "_code", "_heard_at", "_spent", "_start")

    def __init__(self) -> None:
        self._code = -1  # -1: no key is down
        self._start = -1  # timestamp of the segment that is going on, or was the last
        self._spent = 0.0  # seconds of this segment, as far as it got
        self._before = 0.0  # seconds of the segments before it
        self._heard_at = 0.0

    @property
    def down(self) -> bool:
        """Whether a key is down now."""
        return self._code >= 0

    def packet(self, timestamp: int, payload: bytes, clock: int, now: float) -> list[KeyPress]:
        """An event packet came, with durations in ticks of `clock`; the presses that are over by it. What is
        no event of a key says nothing."""
        if len(payload) < _PAYLOAD.size:
            return []
        code, flags, ticks = _PAYLOAD.unpack_from(payload)
        if code >= len(_CODES) or (self._start >= 0 and (timestamp - self._start) & 0x80000000):
            return []  # a tone of modems or trunks, or an event that is over, late
        over: list[KeyPress] = []
        if timestamp != self._start:
            if code == self._code and self._spent * clock > _LONGEST - clock * _LOST_END:
                self._before += _LONGEST / clock  # a further segment of a long press (RFC 4733 §2.5.1.3)
            else:
                over += self.release()
                self._before = 0.0
            self._code, self._start, self._spent = code, timestamp, 0.0
        if code == self._code:  # otherwise it is over: this is a copy of its end
            self._spent = max(self._spent, ticks / clock)
            self._heard_at = now
            if flags & _END:
                over += self.release()
        return over

    def silence(self, now: float) -> list[KeyPress]:
        """Time passed: the press whose end was lost, if there is one. RFC 4733 §2.5.2.2."""
        return self.release() if self.down and now - self._heard_at >= _LOST_END else []

    def release(self) -> list[KeyPress]:
        """The key that is down, if one is, goes up now."""
        if not self.down:
            return []
        press = KeyPress((KEYS + FLASH)[self._code], self._before + self._spent)
        self._code = -1
        return [press]


class EventPacket(msgspec.Struct, frozen=True):
    """One packet to send. Its timestamp is that of the moment the key went down, plus `offset` seconds where
    the press is longer than one event can be; `first` is the first of its press, which has the marker bit."""

    payload: bytes
    offset: float
    first: bool


def check_times(seconds: float, gap: float) -> None:
    """Raises InvalidValue for a time no key is held, or no gap lasts."""
    if not 0 < seconds <= _LONGEST_PRESS or not 0 <= gap <= _LONGEST_PRESS:
        raise InvalidValue(f"a key is held for more than 0 and up to {_LONGEST_PRESS} seconds, so is its gap")


class EventWriter:
    """Makes event packets of keys, one each time it is asked: updates while the key is down, then its end three
    times (RFC 4733 §2.5.1.4), then nothing for the gap. `waiting` counts the keys that are not done, the one that
    is down included."""

    __slots__ = ("_code", "_ends", "_gap", "_held", "_keys", "_offset", "_seconds", "waiting")

    def __init__(self) -> None:
        self.waiting = 0
        self._keys: deque[tuple[int, float, float]] = deque()  # code, seconds it is held, seconds of gap after it
        self._code = -1
        self._seconds = 0.0  # the key that is down is to be held so long
        self._gap = 0.0  # seconds to keep silent yet, or after this key
        self._held = 0.0  # seconds it has been down
        self._offset = 0.0  # of these, what went into earlier segments
        self._ends = 0

    def press(self, keys: str, seconds: float = 0.1, gap: float = 0.1) -> None:
        """Let these keys follow, each held for so long and followed by a gap. Raises InvalidValue."""
        codes = [_CODES[key] for key in check_keys(keys)]
        if self.waiting + len(codes) > _PENDING:
            raise InvalidValue(f"more than {_PENDING} keys would wait to be sent")
        check_times(seconds, gap)
        self._keys.extend((code, seconds, gap) for code in codes)
        self.waiting += len(codes)

    def next(self, interval: float, clock: int) -> EventPacket | None:
        """The packet of this interval (seconds), None where none is due; durations are ticks of `clock`."""
        first = False
        if self._code < 0:
            if self._gap > interval / 2:
                self._gap -= interval
                return None
            if not self._keys:
                return None
            self._code, self._seconds, self._gap = self._keys.popleft()
            self._held = self._offset = 0.0
            self._ends = _END_COPIES
            first = True
        self._held = min(self._held + interval, self._seconds)
        ticks = round((self._held - self._offset) * clock)
        if ticks > _LONGEST:  # this segment is full: the next begins where it ends (RFC 4733 §2.5.1.3)
            packet = self._packet(0, _LONGEST, first)
            self._offset += _LONGEST / clock
            return packet
        if self._held < self._seconds:
            return self._packet(0, ticks, first)
        packet = self._packet(_END, ticks, first)
        self._ends -= 1
        if not self._ends:
            self._code = -1
            self.waiting -= 1
        return packet

    def _packet(self, end: int, ticks: int, first: bool) -> EventPacket:
        return EventPacket(_PAYLOAD.pack(self._code, end | _VOLUME, ticks), self._offset, first)


def parse_info(content_type: str, body: bytes) -> KeyPress | None:
    """The key that a SIP INFO tells of; None where its body is of another type than `application/dtmf-relay`
    (`Signal=5`, `Duration=160` in milliseconds) or `application/dtmf` (the key). Raises MalformedBody."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind not in ("application/dtmf-relay", "application/dtmf"):
        return None
    text = body[:_INFO_BYTES].decode("latin-1")
    values = {
        name.strip().lower(): value.strip()
        for name, sign, value in (line.partition("=") for line in text.splitlines())
        if sign
    }
    signal = values.get("signal") or ("" if values else text.strip())
    key = signal.upper() if len(signal) == 1 else _BY_NUMBER.get(signal, "")
    if key not in _CODES:
        raise MalformedBody(f"the {kind} body of an INFO names no key: {signal[:20]!r}")
    duration = values.get("duration", "")
    milliseconds = int(duration) if duration.isascii() and duration.isdigit() and len(duration) < 7 else 100
    return KeyPress(key, milliseconds / 1000)


def info_body(press: KeyPress) -> bytes:
    """The `application/dtmf-relay` body of an INFO that tells of this press."""
    return f"Signal={press.key}\r\nDuration={round(1000 * press.seconds)}\r\n".encode()
