"""robot.toml from the disk: the only place that reads it, its password files and the environment for it."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable

from sipclient.config import LONGEST_FILE, Config, Finding, check, load
from sipclient.errors import ConfigError

_LONGEST_SECRET = 64 * 1024  # bytes of a password file


def folder_of(path: str) -> str:
    """Where relative paths in a robot.toml begin: at the file itself, wherever it is run from."""
    try:
        return os.path.dirname(os.path.abspath(path))
    except FileNotFoundError:
        raise ConfigError("the folder it is run in is not there any more: go to another", file=path) from None


def load_file(path: str) -> Config:
    """The file as checked values. Raises ConfigError for its first mistake, or where it cannot be read."""
    return load(_text(path), file=path, environ=os.environ, read=_reader(path))


def check_file(path: str) -> list[Finding]:
    """Everything there is to say about the file. Raises ConfigError where it cannot be read."""
    return check(_text(path), file=path, environ=os.environ, read=_reader(path))


def store_url(config: Config, folder: str) -> str:
    """The URL of the store, a relative path of SQLite's completed."""
    scheme, _, path = str(config.store.url).partition(":")
    if scheme != "sqlite" or path == ":memory:":
        return str(config.store.url)
    return f"{scheme}:{os.path.join(folder, path)}"


def _text(path: str) -> str:
    try:
        return read_text(path, LONGEST_FILE)
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", file=path) from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"this is no UTF-8 text: byte {error.start} is not", file=path) from error
    except ValueError as error:  # a NUL in the path itself, or too long
        raise ConfigError(f"cannot be read: {error}", file=path) from error


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


def _reader(path: str) -> Callable[[str], str]:
    folder = folder_of(path)

    def read(name: str) -> str:
        return read_text(os.path.join(folder, name), _LONGEST_SECRET)

    return read
