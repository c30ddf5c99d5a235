"""Whether the file that is written to is still the one that will be found."""

from __future__ import annotations

import logging
import os

log = logging.getLogger("sipclient")


class Place:
    """The file of an open database. SQLite goes on writing to one that was removed, and says nothing."""

    def __init__(self, path: str, url: str) -> None:
        self._path = os.path.realpath(path)
        self._url = url
        self._known: tuple[int, int] | None = None
        self._lost = False

    def look(self) -> None:
        """Say so once where the file is another one now, or none; the first look tells which it is."""
        found = self._found()
        self._known = self._known or found
        lost = found != self._known
        if lost and not self._lost:
            log.error(
                "%s was removed or replaced while it was in use: what is written from now on is lost when the robot "
                "ends; restart it, so that it makes a new one",
                self._url,
            )
        self._lost = lost

    def _found(self) -> tuple[int, int] | None:
        try:
            status = os.stat(self._path)
        except OSError:
            return None
        return status.st_dev, status.st_ino
