"""What is known of a recording and not in its sound, in a hidden file beside it: `.talk.wav.json` is of `talk.wav`."""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import msgspec

_ROOM = 1024  # bytes: a label is written into the room of the first, so that a disk that is full takes its end too
_REASON = 300  # characters


class Label(msgspec.Struct):
    """Whose a recording is (`call` or `bridge`), since when, and how it ended: `complete`, or why it `failed`."""

    call: str
    bridge: str
    created: datetime
    complete: bool = False
    failed: str | None = None
    seconds: float | None = None

    def fail(self, reason: str) -> None:
        """It broke off."""
        self.failed = reason[:_REASON]


def read_label(path: Path) -> Label | None:
    """That of a recording; None where there is none, or it is not to be read."""
    with suppress(OSError, msgspec.MsgspecError, ValueError), _place(path).open("rb") as file:
        return msgspec.json.decode(file.read(4 * _ROOM), type=Label)
    return None


def write_label(path: Path, label: Label) -> None:
    """Raises OSError where the disk takes none."""
    text = msgspec.json.encode(label).ljust(_ROOM)
    file = os.open(_place(path), os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0), 0o666)
    try:
        if os.write(file, text) == len(text):
            os.ftruncate(file, len(text))
    finally:
        os.close(file)


def _place(path: Path) -> Path:
    return path.with_name(f".{path.name}.json")
