"""Who hears what the engine says: the part of the client that keeps such things, and whoever asked to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from sipclient.face.progress import BridgeProgress
from sipclient.face.streams import Stream
from sipclient.protocol.events import Event

News: TypeAlias = Event | BridgeProgress
Handler: TypeAlias = Callable[[Any], None]

UNREAD = 4096  # news that a stream keeps for whoever does not read it


class Dispatch:
    """Hands each event to the part that `handlers` names for its type, to `on_event` and to every stream."""

    def __init__(self, on_event: Callable[[Event], None] | None) -> None:
        self.handlers: dict[type, Handler] = {}
        self._on_event = on_event
        self._streams: list[Stream[News]] = []

    def tell(self, event: Event) -> None:
        """Hand on an event, of the engine or of our own."""
        handler = self.handlers.get(type(event))
        if handler is not None:
            handler(event)
        if self._on_event is not None:
            self._on_event(event)
        if self._streams:
            self.publish(event)

    def publish(self, news: News) -> None:
        """Give something to the streams alone."""
        for stream in self._streams:
            stream.put(news)

    def stream(self) -> Stream[News]:
        """Everything from now on, to iterate."""
        stream: Stream[News] = Stream("events", UNREAD, lambda: self._streams.remove(stream))
        self._streams.append(stream)
        return stream

    def end(self) -> None:
        """Nothing will be told any more: the streams come to their end."""
        for stream in self._streams:
            stream.end()
