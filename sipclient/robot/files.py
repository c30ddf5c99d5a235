"""robot.toml from the disk: the only place that reads it, its password files and the environment for it."""

from __future__ import annotations

import os
from collections.abc import Callable

from sipclient.config import Config, Finding, check, load
from sipclient.errors import ConfigError

_LONGEST_SECRET = 64 * 1024  # characters of a password file


def folder_of(path: str) -> str:
    """Where relative paths in a robot.toml begin: at the file itself, wherever it is run from."""
    return os.path.dirname(os.path.abspath(path))


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
        with open(path, encoding="utf-8") as file:
            return file.read()
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", file=path) from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"this is no UTF-8 text: byte {error.start} is not", file=path) from error


def _reader(path: str) -> Callable[[str], str]:
    folder = folder_of(path)

    def read(name: str) -> str:
        with open(os.path.join(folder, name), encoding="utf-8") as file:
            return file.read(_LONGEST_SECRET)

    return read
