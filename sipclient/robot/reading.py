"""Reading a file of the user's, and finding it."""

from __future__ import annotations

import errno
import os
import stat


def read_text(path: str, most: int) -> str:
    """The text of a file, at once: a pipe or a device, which may never end or never begin, is none.

    Raises OSError, UnicodeDecodeError where it is no UTF-8, ValueError where it has more than `most` bytes.
    """
    opened = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    with open(opened, "rb") as file:
        if not stat.S_ISREG(os.fstat(opened).st_mode):
            raise OSError(errno.EINVAL, "this is no ordinary file")
        data = file.read(most + 1)
    if len(data) > most:
        raise ValueError(f"it is longer than {most} bytes")
    return data.decode()


def store_path(url: str, folder: str) -> str | None:
    """The file of a store of SQLite's, found from `folder`; None where it is in memory or elsewhere."""
    scheme, _, path = url.partition(":")
    return None if scheme != "sqlite" or path == ":memory:" else os.path.join(folder, path)
