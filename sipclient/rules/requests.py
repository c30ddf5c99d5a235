"""Who camps on which extension: first come, first served."""

from __future__ import annotations

from collections.abc import Callable

from sipclient.rules.values import Requested

MOST_AN_EXTENSION = 100
MOST_REQUESTS = 10_000
NOBODY = ("", "anonymous")  # callers of whom it is not known whether they are the same (RFC 3323 §4.1.1.3)


class Requests:
    """The requests of each extension in the order they came; a caller has one at most for each."""

    def __init__(self) -> None:
        self._by_id: dict[str, Requested] = {}
        self._by_extension: dict[tuple[str, str], dict[str, Requested]] = {}

    def __contains__(self, id: str) -> bool:
        return id in self._by_id

    def __len__(self) -> int:
        return len(self._by_id)

    def add(self, request: Requested) -> bool:
        """At the end, or in its old place where the id is known. False where too many ask already."""
        queue = self._by_extension.get((request.account, request.extension), {})
        full = len(queue) >= MOST_AN_EXTENSION or len(self._by_id) >= MOST_REQUESTS
        if full and request.id not in self._by_id:
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

    def of_the_same(self, request: Requested) -> Requested | None:
        """What this caller asked for this extension before."""
        if request.caller in NOBODY:
            return None
        queue = self._by_extension.get((request.account, request.extension), {})
        return next((each for each in queue.values() if each.caller == request.caller), None)

    def remove(self, id: str) -> Requested | None:
        """Take one out; None where it is unknown."""
        request = self._by_id.pop(id, None)
        if request is not None:
            key = request.account, request.extension
            del self._by_extension[key][id]
            if not self._by_extension[key]:
                del self._by_extension[key]
        return request

    def keep(self, wanted: Callable[[str, str], bool]) -> list[Requested]:
        """Drop those of extensions that are not wanted, and give them."""
        dropped = [each for each in self._by_id.values() if not wanted(each.account, each.extension)]
        for request in dropped:
            self.remove(request.id)
        return dropped
