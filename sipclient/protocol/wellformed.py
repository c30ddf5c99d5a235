"""Reading headers before anything depends on them, so that a broken one is met at the border and not halfway."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import TypeVar

from sipclient.errors import MalformedMessage
from sipclient.message import Request, Response

_T = TypeVar("_T")


# Read by name of the header, and only those that are there: a message has a dozen headers, not all of these.
_OF_REQUEST: Mapping[str, Callable[[Request], object]] = {
    "require": attrgetter("require"),
    "supported": attrgetter("supported"),
    "session-expires": attrgetter("session_expires"),
    "expires": attrgetter("expires"),
    "event": attrgetter("event"),
    "subscription-state": attrgetter("subscription_state"),
    "rack": attrgetter("rack"),
}
_OF_RESPONSE: Mapping[str, Callable[[Response], object]] = {
    "require": attrgetter("require"),
    "session-expires": attrgetter("session_expires"),
    "min-se": attrgetter("min_se"),
    "min-expires": attrgetter("min_expires"),
    "expires": attrgetter("expires"),
    "retry-after": attrgetter("retry_after"),
    "rseq": attrgetter("rseq"),
    "www-authenticate": attrgetter("challenges"),
    "proxy-authenticate": attrgetter("challenges"),
    "authentication-info": attrgetter("authentication_info"),
    "proxy-authentication-info": attrgetter("authentication_info"),
    "service-route": attrgetter("service_routes"),
    "event": attrgetter("event"),
}


def check_request(request: Request) -> None:
    """Raise MalformedMessage where a header that decides what happens to a request cannot be read."""
    for key in request.headers.index:
        read = _OF_REQUEST.get(key)
        if read is not None:
            read(request)


def check_response(response: Response) -> None:
    """Raise MalformedMessage where a header that decides what a response means cannot be read."""
    for key in response.headers.index:
        read = _OF_RESPONSE.get(key)
        if read is not None:
            read(response)


def lenient(read: Callable[[], tuple[_T, ...]]) -> tuple[_T, ...]:
    """What only informs (Reason, Allow) may be broken: a BYE counts all the same."""
    try:
        return read()
    except MalformedMessage:
        return ()
