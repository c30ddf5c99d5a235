"""SIP messages out of what a connection carried: by Content-Length, or in WebSocket messages. RFC 3261 §18.3."""

from __future__ import annotations

import re

from sipclient.trace.hep import MAGIC as HEP
from sipclient.trace.hep import size_of
from sipclient.trace.websocket import FRAME_HEADS, WebSocketReader, begins_frame

START = re.compile(rb"(?:[A-Za-z0-9.!%*_+`'~-]{1,32} [^\s]{1,8192} SIP/2\.0[ \t]*\r?\n|SIP/2\.0 [1-6]\d\d[ \r\n])")
_FOLLOWS = re.compile(rb"(?<=\n)" + START.pattern)
_LENGTH = re.compile(rb"(?:\A|\n)(?:content-length|l)[ \t]*:[ \t]*(\d{1,7})[ \t]*\r?\n", re.I)
_HEAD_END = re.compile(rb"\r?\n\r?\n")
_UPGRADE = re.compile(rb"\A(?:GET [^\r\n]+ HTTP/1\.1|HTTP/1\.1 101[^\r\n]*)\r\n", re.I)
_LIMIT = 1 << 18  # bytes of one message
_KEPT = 1 << 13  # bytes kept of what is not understood, for a start line that lies across two segments


def is_sip(data: bytes) -> bool:
    """Whether a datagram is a SIP message, by its first line."""
    return START.match(data) is not None


class StreamReader:
    """One direction of a connection. `kind` is "" until it is known, then `sip`, `websocket`, `hep` or `tls`."""

    __slots__ = ("_buffer", "_frames", "_scanned", "kind")

    def __init__(self) -> None:
        self.kind = ""
        self._buffer = bytearray()
        self._scanned = 0
        self._frames: WebSocketReader | None = None

    def gap(self) -> list[bytes]:
        """Bytes are missing here: begin anew with whatever comes."""
        self._buffer.clear()
        self._scanned = 0
        self._frames = None
        self.kind = self.kind if self.kind == "tls" else ""
        return []

    def feed(self, data: bytes) -> list[bytes]:
        """The messages that these bytes complete."""
        if self.kind == "tls":
            return []
        if self._frames is not None:
            found = [message for message in self._frames.feed(data) if is_sip(message)]
            if self._frames.lost:
                self.gap()
            return found
        self._buffer += data
        found = []
        while self._buffer and self._step(found):
            pass
        return found

    def _step(self, found: list[bytes]) -> bool:
        buffer = self._buffer
        if self.kind not in ("sip", "hep") and not self._recognised(found):
            return False
        if self._frames is not None or self.kind == "tls":
            return False
        if self.kind == "hep":
            return self._capture(found)
        blank = len(buffer) - len(buffer.lstrip(b"\r\n"))
        if blank and not self._scanned:
            del buffer[:blank]
            if not buffer:
                return False
        end = _HEAD_END.search(buffer, max(0, self._scanned - 3))
        if end is None:
            self._scanned = len(buffer)
            return self._too_long()
        place = end.end()
        del end
        length = _LENGTH.search(buffer, 0, place)
        total = place + (int(length[1]) if length else 0)
        del length
        if total > _LIMIT:  # nobody sends that: look for what comes after this head
            del buffer[:place]
            self.kind, self._scanned = "", 0
            return True
        if len(buffer) < total:
            return False
        found.append(bytes(buffer[:total]))
        del buffer[:total]
        self._scanned = 0
        if buffer.lstrip(b"\r\n") and not START.match(buffer.lstrip(b"\r\n")) and b"\n" in buffer:
            self.kind = ""  # what follows is no SIP: search it
        return True

    def _capture(self, found: list[bytes]) -> bool:
        """One packet of HEP3."""
        size = size_of(self._buffer[:6])
        if size < 6 or len(self._buffer) < size:
            self.kind = "hep" if size >= 6 or len(self._buffer) < 6 else ""
            return False
        found.append(bytes(self._buffer[:size]))
        del self._buffer[:size]
        return True

    def _too_long(self) -> bool:
        if len(self._buffer) > _LIMIT:
            self.gap()
        return False

    def _recognised(self, found: list[bytes]) -> bool:
        """Find where SIP begins in a stream that is new or was lost; False when more bytes are needed."""
        buffer = self._buffer
        if buffer[:2] == b"\x16\x03":
            self.kind = "tls"
            buffer.clear()
            return False
        if buffer[:4] == HEP:
            self.kind = "hep"
            return True
        if _UPGRADE.match(buffer):
            return self._upgraded(found)
        if buffer[0] in FRAME_HEADS and begins_frame(bytes(buffer[:_LIMIT])):
            self._become_websocket(0, found)
            return True
        begin = (START.match(buffer) or _FOLLOWS.search(buffer)) if b"SIP/2.0" in buffer else None
        if begin is None:
            if len(buffer) > _KEPT:
                del buffer[: len(buffer) - _KEPT]
            return False
        place = begin.start()
        del begin
        del buffer[:place]
        self.kind = "sip"
        return True

    def _upgraded(self, found: list[bytes]) -> bool:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(self._buffer) > _KEPT:
                self._buffer.clear()
            return False
        if b"websocket" in self._buffer[:end].lower():
            self._become_websocket(end + 4, found)
        else:
            del self._buffer[: end + 4]
        return True

    def _become_websocket(self, place: int, found: list[bytes]) -> None:
        self.kind = "websocket"
        self._frames = WebSocketReader()
        data = bytes(self._buffer[place:])
        self._buffer.clear()
        found += [message for message in self._frames.feed(data) if is_sip(message)]
