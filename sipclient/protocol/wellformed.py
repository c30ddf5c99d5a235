"""Reading what may be broken without harm."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from sipclient.errors import MalformedMessage
from sipclient.message import Headers, Response, canonical, check, parse_name_addr, split_commas

_T = TypeVar("_T")
_NEEDED = frozenset({"via", "from", "to", "call-id", "cseq"})  # to know whose answer it is
_MOST = 512  # bindings that are looked at
_INFORMING = frozenset(
    {"expires", "retry-after", "min-se", "min-expires", "authentication-info", "proxy-authentication-info"}
)


def lenient(read: Callable[[], tuple[_T, ...]]) -> tuple[_T, ...]:
    """What only informs (Reason, Allow) may be broken: a BYE counts all the same."""
    try:
        return read()
    except MalformedMessage:
        return ()


def skeleton(response: Response) -> Response | None:
    """Of a 2xx that is malformed, what its ACK and BYE need: the dialog, and the way there as far as it is readable.

    None where not even the dialog's tag is.
    """
    headers = Headers()
    headers.carry(response.headers, "Via", "From", "To", "Call-ID", "CSeq")
    if not lenient(lambda: (Response(200, headers=headers).to_tag,)):
        return None
    for name in ("Contact", "Record-Route"):
        way = Headers()
        way.carry(response.headers, name)
        probe = Response(200, headers=way)
        if lenient(lambda probe=probe: (probe.contact_uri, probe.record_routes)):  # type: ignore[misc]
            headers.carry(way, name)
    return Response(response.status, response.reason, headers, checked=True)


def mended(response: Response) -> bool:
    """Leave out of an answer what nobody can read and nothing depends on; whether it can be acted upon then.

    Of a refusal that is anything but whose answer it is: a 486 means busy whatever its Retry-After says. Of any other
    answer it is what only informs; and of a registrar's the bindings, for it lists those of every device of the user
    (RFC 3261 §10.3), and what another one wrote is no fault of ours.
    """
    refused, registers = response.status >= 300, response.cseq.method == "REGISTER"
    lines = [(canonical(name).lower(), name, value) for name, value in response.headers]
    needed = [line for line in lines if line[0] in _NEEDED]
    kept, left = [], _MOST
    for line in lines:
        key, name, value = line
        if key == "contact" and (refused or registers):
            bindings = _apart(value)[:left]
            left -= len(bindings)
            kept += [(key, name, each) for each in bindings if _is_address(each)]
        elif key in _NEEDED or not (refused or key in _INFORMING) or _reads(response, [*needed, line]):
            kept.append(line)
    response.headers = Headers.of_entries(kept)
    return _reads(response, kept)


def _reads(response: Response, lines: list[tuple[str, str, str]]) -> bool:
    """Whether an answer with these headers can be acted upon."""
    try:
        check(Response(response.status, headers=Headers.of_entries(list(lines)), checked=True), deciding=True)
    except MalformedMessage:
        return False
    return True


def _apart(value: str) -> list[str]:
    """The elements of a list, also where a quote or bracket in one of them does not close."""
    return list(lenient(lambda: tuple(split_commas(value)))) or value.split(",")


def _is_address(text: str) -> bool:
    return bool(lenient(lambda: (parse_name_addr(text),)))
