"""Reading headers before anything depends on them, so that a broken one is met at the border and not halfway."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from sipclient.errors import MalformedMessage
from sipclient.message import Request, Response

_T = TypeVar("_T")


def check_request(request: Request) -> None:
    """Raise MalformedMessage where a header that decides what happens to a request cannot be read."""
    _ = request.require, request.supported, request.session_expires, request.expires
    _ = request.event, request.subscription_state, request.rack


def check_response(response: Response) -> None:
    """Raise MalformedMessage where a header that decides what a response means cannot be read."""
    _ = response.require, response.session_expires, response.min_se, response.min_expires, response.expires
    _ = response.retry_after, response.rseq, response.challenges, response.authentication_info
    _ = response.service_routes, response.event


def lenient(read: Callable[[], tuple[_T, ...]]) -> tuple[_T, ...]:
    """What only informs (Reason, Allow) may be broken: a BYE counts all the same."""
    try:
        return read()
    except MalformedMessage:
        return ()
