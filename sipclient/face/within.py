"""What goes on within one call, between its beginning and its end."""

from __future__ import annotations

from sipclient.face.asking import Keypad, Line, News
from sipclient.face.connected_line import ConnectedLine
from sipclient.face.descriptions import Described, Descriptions, OpenMedia
from sipclient.face.voice import Voice


class Within:
    """Its sound and keys, its descriptions, what is asked of the far end, and who is shown to talk.

    `open_media` None: a call without sound, of which most need none of all this.
    """

    __slots__ = ("connected_line", "descriptions", "keypad", "news", "voice")

    def __init__(self, call: Described, line: Line, open_media: OpenMedia | None) -> None:
        self.voice = Voice(line.spawn)
        self.news = News()  # answers to what we asked for within the call
        self.keypad = Keypad(call.id, line, self.news, self.voice)
        self.connected_line = ConnectedLine(call.id, line)
        self.descriptions = Descriptions(call, line, self.news, self.voice, open_media)

    def close(self) -> None:
        """The call ended."""
        self.news.close()
        self.voice.close()
        self.descriptions.close()
