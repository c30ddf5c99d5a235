"""Who camps on which extension: first come, first served."""

from __future__ import annotations

from collections.abc import Callable

from sipclient.rules.values import Requested

MOST_AN_EXTENSION = 100
MOST_REQUESTS = 10_000


class Requests:
    """The requests of each extension in the order they came."""

    def __init__(self) -> None:
        self._by_id: dict[str, Requested] = {}
        self._by_extension: dict[tuple[str, str], dict[str, Requested]] = {}

    def __contains__(self, id: str) -> bool:
        return id in self._by_id

    def __len__(self) -> int:
        return len(self._by_id)

    def add(self, request: Requested) -> bool:
        """False where too many ask already."""
        queue = self._by_extension.get((request.account, request.extension), {})
        if len(queue) >= MOST_AN_EXTENSION or len(self._by_id) >= MOST_REQUESTS:
            return False
        self._by_id[request.id] = request
        queue[request.id] = request
        self._by_extension[request.account, request.extension] = queue
        return True

    def first(self, account: str, extension: str) -> Requested | None:
        """The one to be served next."""
        queue = self._by_extension.get((account, extension))
        return next(iter(queue.values())) if queue else None

    def count(self, account: str, extension: str) -> int:
        """How many camp on one extension."""
        return len(self._by_extension.get((account, extension), ()))

    def remove(self, id: str) -> Requested | None:
        """Take one out; None where it is unknown."""
        request = self._by_id.pop(id, None)
        if request is not None:
            key = request.account, request.extension
            del self._by_extension[key][id]
            if not self._by_extension[key]:
                del self._by_extension[key]
        return request

    def keep(self, wanted: Callable[[str, str], bool]) -> None:
        """Drop those of extensions that are not wanted."""
        for request in list(self._by_id.values()):
            if not wanted(request.account, request.extension):
                self.remove(request.id)
