"""Messages out of a stream: Content-Length framing, and the CRLFs in between. RFC 3261 §18.3, RFC 5626 §3.5.1."""

from __future__ import annotations

import re
from typing import Final

from sipclient.errors import MalformedMessage
from sipclient.message.limits import DEFAULT, Limits

PING: Final = b"\r\n\r\n"
PONG: Final = b"\r\n"
_PINGS: Final = 4  # of one run that are given as frames
_CRLFS: Final = re.compile(rb"(?:\r\n)++")
_LENGTH: Final = re.compile(rb"\r\n(?:content-length|l)[ \t]*+:([^\r\n]*+(?:\r\n[ \t][^\r\n]*+)*+)", re.I)


class FramingLost(MalformedMessage):
    """Nobody can tell where the next message begins: the stream must be closed.

    `frames` are those that were complete before the fault, in the same input.
    """

    def __init__(self, reason: str, status: int, frames: list[bytes]) -> None:
        super().__init__(reason, status)
        self.frames = frames


class Framer:
    """Cuts a stream into whole messages and keep-alives, however the bytes arrive.

    Between messages a CRLF is a pong and is given at once, for a pong that waits would make a live flow look
    dead; two CRLFs in a row are a ping. When the halves of a ping arrive apart, the first has been given as a
    pong and the second is given as the ping: so a ping is always answered, and a pong too many does no harm.
    Two pongs with nothing in between look the same and cost one needless CRLF, which is never answered by itself.
    Of a run of pings a few are given: one answer is enough to know that we live, and millions would cost too much.
    """

    __slots__ = ("_buffer", "_half", "_limits", "_lost", "_scanned", "_total")

    def __init__(self, limits: Limits = DEFAULT) -> None:
        self._limits = limits
        self._buffer = bytearray()
        self._scanned = 0  # of the head in the buffer: no end before here
        self._total = 0  # length of the message at the start of the buffer, 0 while unknown
        self._half = False  # the last frame was a CRLF that may be the first half of a ping
        self._lost: FramingLost | None = None

    @property
    def pending(self) -> int:
        """How many bytes of an unfinished message wait."""
        return len(self._buffer)

    def feed(self, data: bytes) -> list[bytes]:
        """The frames that `data` completes: messages, b"\\r\\n\\r\\n" (ping) and b"\\r\\n" (pong).

        Raises FramingLost (a MalformedMessage), then and ever after, for a head or message above the limits
        (413) and for a Content-Length that is missing, malformed or contradicted (400).
        """
        if self._lost is not None:
            raise FramingLost(self._lost.reason, self._lost.status, [])
        self._buffer += data
        frames: list[bytes] = []
        try:
            while self._buffer and self._step(frames):
                pass
        except MalformedMessage as error:
            self._buffer.clear()
            self._lost = FramingLost(error.reason, error.status, frames)
            raise self._lost from None
        return frames

    def _step(self, frames: list[bytes]) -> bool:
        """Take one frame off the buffer; False when more bytes are needed."""
        buffer = self._buffer
        if not self._total:
            if buffer[0] == 13 and not self._scanned:
                return self._keepalive(frames)
            end = buffer.find(PING, max(0, self._scanned - 3))
            if end < 0:
                self._scanned = len(buffer)
                if self._scanned > self._limits.message:
                    raise MalformedMessage(f"the headers are longer than {self._limits.message} bytes", 413)
                return False
            self._total = end + 4 + self._length(end)
        if len(buffer) < self._total:
            return False
        frames.append(bytes(buffer[: self._total]))
        del buffer[: self._total]
        self._total = self._scanned = 0
        self._half = False
        return True

    def _keepalive(self, frames: list[bytes]) -> bool:
        buffer = self._buffer
        if len(buffer) == 1:
            return False
        run = _CRLFS.match(buffer)
        if run is None:
            raise MalformedMessage("a CR stands alone between messages")
        end = run.end()
        del run  # a buffer that is looked at cannot shrink
        del buffer[:end]
        pings, half = divmod(end // 2 + self._half, 2)
        frames += [PING] * min(pings, _PINGS)
        if half:
            frames.append(PONG)
        self._half = bool(half)
        return True

    def _length(self, end: int) -> int:
        found = {value.strip(b" \t\r\n") for value in _LENGTH.findall(self._buffer, 0, end)}
        if len(found) != 1:
            raise MalformedMessage("two Content-Length lines disagree" if found else "there is no Content-Length")
        text = found.pop()
        if not text.isdigit() or len(text) > 10:
            raise MalformedMessage("Content-Length is not a number")
        length = int(text)
        if end + 4 + length > self._limits.message:
            raise MalformedMessage(f"the message is longer than {self._limits.message} bytes", 413)
        return length
