"""Bytes to messages: the start line is read and the header lines are told apart, nothing more."""

from __future__ import annotations

import re
from typing import Final

from sipclient.errors import MalformedMessage
from sipclient.message.headers import GOOD_LINES, Entry, Headers
from sipclient.message.limits import DEFAULT, Limits
from sipclient.message.memo import Memo
from sipclient.message.message import Request, Response
from sipclient.message.names import KEYS, is_token, read_name

_FOLD: Final = re.compile(r"\r\n[ \t]+")
_VERSION: Final = re.compile(r"SIP/[0-9]+\.[0-9]+", re.I)
_USUAL_START: Final = re.compile(r'([A-Z]++) ([^\x00-\x20"<>\x7f]++) SIP/2\.0|SIP/2\.0 ([1-6][0-9]{2}) ([^\r\n]*+)')
_NOT_IN_URI: Final = re.compile(r'[\x00-\x20"<>\x7f]')


def parse(data: bytes, limits: Limits = DEFAULT) -> Request | Response:
    """The message that a datagram (or a frame of a stream) holds. Raises MalformedMessage, nothing else.

    Bytes beyond Content-Length are dropped, a body shorter than it is a 400, and without Content-Length the
    body is the rest (RFC 3261 §18.3). CRLFs before the start line do not count (§7.5); lines must end in CRLF.
    Statuses: 413 and 414 for size, 505 for another SIP version, 400 for everything else. Typed headers are
    not looked at: `check` does that, and `salvage` saves what an answer needs of a request refused here.
    """
    if len(data) > limits.message:
        raise MalformedMessage(f"the message is longer than {limits.message} bytes", 413)
    if data[:1] in (b"\r", b"\n"):
        data = data.lstrip(b"\r\n")
    head, end, body = data.partition(b"\r\n\r\n")
    if not end:
        raise MalformedMessage("no empty line ends the headers")
    start, headers = _split(head, limits)
    message = _start(start, headers, limits)
    given = headers.index.get("content-length")
    length = None if given is None else LENGTH[given] if not headers.repeats else _same_length(headers)
    if length is not None and length != len(body):
        if length > len(body):
            raise MalformedMessage("the body is shorter than Content-Length")
        body = body[:length]
    if body:
        message.body = body
    return message


def _split(head: bytes, limits: Limits) -> tuple[str, Headers]:
    text = head.decode("utf-8", "surrogateescape")
    lines = text.split("\r\n")
    start = lines.pop(0)
    index: dict[str, str] = {}
    fresh: dict[str, str] = {}
    try:
        for line in lines:
            good = GOOD_LINES.get(line)
            if good is not None:
                key, value = good
            else:
                name, _, value = line.partition(":")
                if not value or "\n" in value or "\r" in value:
                    break
                key = fresh[line] = KEYS[name]
            index[key] = value
        else:
            count = len(lines)
            if count <= limits.headers:
                if len(index) == count:
                    return start, Headers.of_lines(lines, index, fresh)
                parts = [line.split(":", 1) for line in lines]
                return start, Headers.of_entries([(KEYS[name], name, value) for name, value in parts])
    except KeyError:
        pass
    return _split_slowly(text, limits)


def _split_slowly(text: str, limits: Limits) -> tuple[str, Headers]:
    """The same for what is rare: folded lines, names with blanks behind them, empty values, lines that are none."""
    _check_ends(text)
    start, *lines = _FOLD.sub(" ", text).split("\r\n")
    if len(lines) > limits.headers:
        raise MalformedMessage(f"there are more than {limits.headers} header lines")
    entries: list[Entry] = []
    for line in lines:
        name, _, value = line.partition(":")
        entries.append((*read_name(name, line), value))
    return start, Headers.of_entries(entries)


def _check_ends(text: str) -> None:
    bare = text.replace("\r\n", "")
    if "\r" in bare or "\n" in bare:
        raise MalformedMessage("a line ends in CR or LF alone")


def _usual_start(line: str) -> tuple[int, str, str] | None:
    """Status and reason, or 0, method and Request-URI of what most start lines look like."""
    usual = _USUAL_START.fullmatch(line)
    if usual is None:
        return None
    method, uri, status, reason = usual.groups()
    return (0, method, uri) if method else (int(status), reason, "")


_STARTS: Final = Memo(_usual_start)


def _start(line: str, headers: Headers, limits: Limits) -> Request | Response:
    usual = _STARTS[line]
    if usual is not None:
        status, word, uri = usual
        if status:
            return Response(status, word, headers, checked=True)
        if len(uri) <= limits.uri:
            return Request(word, uri, headers, checked=True)
    _check_ends(line)
    if line[:4].upper() == "SIP/":
        return _status_line(line, headers)
    method, _, rest = line.partition(" ")
    uri, _, version = rest.rpartition(" ")
    if version.upper() != "SIP/2.0":
        if _VERSION.fullmatch(version) is not None:
            raise MalformedMessage(f"the version is {version[:20]}, not SIP/2.0", 505)
        raise MalformedMessage("the start line is not `METHOD uri SIP/2.0`")
    if not is_token(method):
        raise MalformedMessage("the method is not a token")
    if len(uri) > limits.uri:
        raise MalformedMessage(f"the Request-URI is longer than {limits.uri} characters", 414)
    if not uri or _NOT_IN_URI.search(uri) is not None:
        raise MalformedMessage("the Request-URI is empty, or holds blanks, quotes or brackets")
    return Request(method, uri, headers, checked=True)


def _status_line(line: str, headers: Headers) -> Response:
    status = line[8:11]
    if line[:8].upper() != "SIP/2.0 " or not (status.isascii() and status.isdigit()) or line[11:12] not in ("", " "):
        raise MalformedMessage("the status line is not `SIP/2.0 status reason`")
    number = int(status)
    if not 100 <= number <= 699:
        raise MalformedMessage(f"{number} is no status")
    return Response(number, line[12:], headers, checked=True)


def _content_length(text: str) -> int:
    text = text.strip(" \t")
    if not (text.isascii() and text.isdigit() and len(text) <= 10):
        raise MalformedMessage("Content-Length is not a number")
    return int(text)


LENGTH: Final = Memo(_content_length)


def _same_length(headers: Headers) -> int:
    lengths = {LENGTH[text] for text in headers.lines("content-length")}
    if len(lengths) > 1:
        raise MalformedMessage("two Content-Length lines disagree")
    return lengths.pop()


def salvage(data: bytes, limits: Limits = DEFAULT) -> Request | None:
    """What can be saved of a request that `parse` refused, so that it can be answered; None where nothing can.

    The method may be any token, the Request-URI anything; lines that are no headers are left out, the body is
    empty. Without a top Via, From, To, Call-ID and CSeq in good form there is nothing to answer, or to
    recognise a retransmission by (RFC 3261 §8.2.6, §17.2.3); an ACK is never answered (§17).
    """
    if len(data) > limits.message:
        data = data[: limits.message]
    head = data.lstrip(b"\r\n").partition(b"\r\n\r\n")[0]
    text = _FOLD.sub(" ", head.decode("utf-8", "surrogateescape"))
    start, *lines = text.split("\r\n", limits.headers + 1)
    method, _, rest = start.partition(" ")
    if not is_token(method) or method == "ACK" or "SIP/" not in rest.upper():
        return None
    entries: list[Entry] = []
    for line in lines[: limits.headers]:
        if "\r" in line or "\n" in line:
            continue
        name, _, value = line.partition(":")
        try:
            entries.append((*read_name(name, line), value))
        except MalformedMessage:
            continue
    request = Request(method, rest.rpartition(" ")[0], Headers.of_entries(entries), checked=True)
    try:
        _ = request.via, request.from_, request.to, request.call_id, request.cseq
    except MalformedMessage:
        return None
    return request
