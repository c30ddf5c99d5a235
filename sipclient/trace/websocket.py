"""The messages in one direction of a WebSocket connection. RFC 6455 §5, RFC 7692."""

from __future__ import annotations

import zlib

_MAX_MESSAGE = 1 << 18  # bytes; a longer message is passed over
FRAME_HEADS = frozenset({0x81, 0x82, 0xC1, 0xC2})  # whole messages: text or binary, plain or deflated
_TEXT, _BINARY, _CONTINUATION = 1, 2, 0


class WebSocketReader:
    """Takes bytes, gives whole messages. Control frames are passed over; `lost` is set by what is no frame."""

    __slots__ = ("_buffer", "_deflated", "_inflater", "_message", "_skip", "lost")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._message: bytearray | None = None
        self._deflated = False
        self._inflater = zlib.decompressobj(-15)
        self._skip = 0
        self.lost = False

    def feed(self, data: bytes) -> list[bytes]:
        """The messages that `data` completes."""
        self._buffer += data
        found: list[bytes] = []
        while not self.lost and self._step(found):
            pass
        return found

    def _step(self, found: list[bytes]) -> bool:
        buffer = self._buffer
        if self._skip:
            passed = min(self._skip, len(buffer))
            del buffer[:passed]
            self._skip -= passed
        if len(buffer) < 2:
            return False
        size, place = buffer[1] & 0x7F, 2
        if size >= 126:
            wide = 2 if size == 126 else 8
            if len(buffer) < 2 + wide:
                return False
            size, place = int.from_bytes(buffer[2 : 2 + wide], "big"), 2 + wide
        masked = bool(buffer[1] & 0x80)
        end = place + 4 * masked + size
        opcode = buffer[0] & 15
        if buffer[0] & 0x30 or opcode not in (0, 1, 2, 8, 9, 10) or size > 1 << 40:
            self.lost = True
            return False
        if size > _MAX_MESSAGE:
            self._skip, self._message = end, None
            return bool(buffer)
        if len(buffer) < end:
            return False
        payload = bytes(buffer[place + 4 * masked : end])
        if masked:
            payload = _unmasked(payload, bytes(buffer[place : place + 4]))
        head = buffer[0]
        del buffer[:end]
        self._frame(head, opcode, payload, found)
        return True

    def _frame(self, head: int, opcode: int, payload: bytes, found: list[bytes]) -> None:
        if opcode in (_TEXT, _BINARY):
            self._message, self._deflated = bytearray(), bool(head & 0x40)
        if opcode >= 8 or self._message is None:
            return
        self._message += payload
        if len(self._message) > _MAX_MESSAGE:
            self._message = None
        elif head & 0x80:
            message, self._message = bytes(self._message), None
            found.append(self._inflated(message) if self._deflated else message)

    def _inflated(self, message: bytes) -> bytes:
        try:
            return self._inflater.decompress(message + b"\0\0\xff\xff", _MAX_MESSAGE)
        except zlib.error:
            self._inflater = zlib.decompressobj(-15)
            return b""


def _unmasked(payload: bytes, mask: bytes) -> bytes:
    """RFC 6455 §5.3, the whole at once."""
    size = len(payload)
    key = (mask * (size // 4 + 1))[:size]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")).to_bytes(size, "big")


def begins_frame(data: bytes) -> bool:
    """Whether a stream that was met half-way goes on with a frame that could hold a SIP message."""
    if len(data) < 8 or data[0] not in FRAME_HEADS:
        return False
    reader = WebSocketReader()
    return any(b"SIP/2.0" in message for message in reader.feed(data))
