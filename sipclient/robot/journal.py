"""The robot's log: readable lines, or one JSON object a line.

What strangers sent stands in it: control characters are made visible, so that nobody's terminal obeys them.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from functools import lru_cache
from threading import RLock
from typing import Literal, TextIO, TypeAlias

from sipclient.protocol.events import Flow, Input, Packet, Send
from sipclient.robot.masked import first_line, whole
from sipclient.robot.told import Notice, Received, Sent, Told, as_json

Format: TypeAlias = Literal["text", "json"]

_VISIBLE = {code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0)) if code != 0x0A}
_VISIBLE[0x0D] = ""
_LEVELS = {"DEBUG": "debug", "INFO": "info", "WARNING": "warning", "ERROR": "error", "CRITICAL": "error"}
_INDENT = "\n    "


class Journal:
    """Writes what is told to `out`, at once or, inside a loop, at the end of its turn.

    `verbosity` 0 tells events, 1 the first line of every SIP message too, 2 the messages themselves with their
    credentials masked.
    """

    def __init__(self, out: TextIO, form: Format, verbosity: int, wall: Callable[[], datetime]) -> None:
        self.verbosity = verbosity
        self._out = out
        self._line = _json if form == "json" else _text
        self._wall = wall
        self._lines: deque[str] = deque()
        self._writing = RLock()  # the store's thread may have something to say too
        self._flushing = False

    def tell(self, news: Told) -> None:
        """One more line."""
        if isinstance(news, Notice) and news.level == "debug" and not self.verbosity:
            return
        self._lines.append(self._line(news, self._wall()))
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:  # no loop, or another thread than the loop's, which may never come to an end of its turn
            self.flush()
            return
        if not self._flushing:
            self._flushing = True
            loop.call_soon(self.flush)

    def sent(self, send: Send) -> None:
        """A message left."""
        if send.data.strip():
            self.tell(Sent(_peer(send.flow), self._shown(send.data)))

    def received(self, input: Input) -> None:
        """The network spoke; only messages are told here."""
        if isinstance(input, Packet) and input.data.strip():
            self.tell(Received(from_=_peer(input.flow), message=self._shown(input.data)))

    def flush(self) -> None:
        """Write what waits, all of it at once: unbuffered, as in a container, each write is one of the system's."""
        self._flushing = False
        with self._writing:
            text = "".join([self._lines.popleft() for _ in range(len(self._lines))])
            with suppress(OSError, ValueError):  # whoever read it has gone; the calls go on
                self._out.write(text)
                self._out.flush()

    def _shown(self, data: bytes) -> str:
        return whole(data) if self.verbosity > 1 else first_line(data)


class LibraryLog(logging.Handler):
    """Leads the library's own warnings into the journal."""

    def __init__(self, journal: Journal) -> None:
        super().__init__(logging.DEBUG if journal.verbosity else logging.WARNING)
        self._journal = journal
        self.setFormatter(logging.Formatter())

    def emit(self, record: logging.LogRecord) -> None:
        """See logging.Handler."""
        self._journal.tell(Notice(_LEVELS.get(record.levelname, "info"), self.format(record)))


def _json(news: Told, at: datetime) -> str:
    return f"{as_json(news, at)}\n"


def _text(news: Told, at: datetime) -> str:
    words = news.words()
    if not words.isprintable():  # it may hold a control character
        words = words.translate(_VISIBLE).rstrip("\n").replace("\n", _INDENT)
    return f"{_local(int(at.timestamp()))}.{at.microsecond // 1000:03d} {news.mark} {words}\n"


@lru_cache(1)
def _local(second: int) -> str:
    """By the clock on the wall here. Lines come several in a second; working it out for each cost half the line."""
    return datetime.fromtimestamp(second).isoformat(" ")  # noqa: DTZ006 - the time of day here is what is wanted


def _peer(flow: Flow) -> str:
    host = f"[{flow.remote_host}]" if ":" in flow.remote_host else flow.remote_host
    return f"{flow.transport}:{host}:{flow.remote_port}"
