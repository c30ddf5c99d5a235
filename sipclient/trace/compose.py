"""The lines of one message to its bytes: head and body told apart, line ends put back, the length made true.

A text trace has lost how lines ended. Content-Length tells: the ends under which the body has its length are
right. RFC 3261 §7, §18.3.
"""

from __future__ import annotations

import re
from itertools import takewhile

import msgspec

from sipclient.trace.damage import HEADER, KNOWN, START
from sipclient.trace.lines import bytes_of
from sipclient.trace.repair import Mended, mend

_RULER = re.compile(r"[=\-_*#]{3,}")
_LENGTH = re.compile(r"^(content-length|l)[ \t]*:[ \t]*(\d{1,7})[ \t]*$", re.I)
_TYPE = re.compile(r"^(?:content-type|c)[ \t]*:[ \t]*([^\s;]+)", re.I)
_SDP_LINE = re.compile(r"^[a-z]=")
_ROOT = re.compile(r"<([A-Za-z_][\w:.-]*)")
_WIDE = 70  # characters; a longer line was broken where the window ended, within a word
_LEAST = 2  # headers that a message has at least, when it is one


class Piece(msgspec.Struct):
    """A line of a message: where it stands, its text and the end it has in the file.

    `done` says what was done to the text; `raw` is the line before that, None where it was not a line by itself.
    """

    number: int
    text: str
    end: str = "\n"
    done: tuple[str, ...] = ()
    raw: str | None = None


class Composed(msgspec.Struct):
    """The bytes of a message, in its second reading too (b"": there is none), and what was done to get them."""

    data: bytes
    other: bytes
    repairs: tuple[str, ...]
    missing: tuple[str, ...]


def carries_sip(text: str) -> bool:
    """Whether a header line announces a body in which start lines of SIP may stand."""
    found = _TYPE.match(text)
    return found is not None and found[1].lower().startswith(("message/sip", "multipart/"))


def length_of(text: str) -> int:
    """What a Content-Length line says; 0 for any other line."""
    found = _LENGTH.match(text)
    return int(found[2]) if found is not None else 0


def compose(pieces: list[Piece], done: list[str]) -> Composed | None:
    """A message from its lines, the first of which is its start line; None where it has hardly a header.

    `done` are repairs that the message as a whole has seen already.
    """
    repairs = dict.fromkeys(done)
    headers, place, spaced = _head(pieces, repairs)
    repairs = {**dict.fromkeys(words for piece in pieces[:place] for words in piece.done), **repairs}
    if sum(1 for line in headers if HEADER.match(line) and _known(line)) < _LEAST:
        return None
    rest = pieces[place:]
    if spaced:
        rest = _unspaced(rest)
    length = next((int(found[2]) for line in headers if (found := _LENGTH.match(line))), -1)
    kind = next((found[1].lower() for line in headers if (found := _TYPE.match(line))), "")
    exact = _exact(_as_they_were(rest), length)
    if exact is None:
        exact = _exact(rest, length)
        repairs |= dict.fromkeys(words for piece in _content(rest) for words in piece.done)
    lines = _body(rest, kind, length) if exact is None else _texts(exact)
    message = Mended(pieces[0].text.strip(), headers, list(lines), repairs)
    mend(message)
    if exact is None or message.body != lines:
        exact = _joined(message.body, kind)
        _lengthen(message, length, len(exact))
    _name_missing(message)
    data = _bytes(message.start, message.headers, exact)
    other = _bytes(message.start, message.other, exact) if message.other else b""
    return Composed(data, other, tuple(message.repairs), tuple(message.missing))


def _as_they_were(pieces: list[Piece]) -> list[Piece]:
    """A body's lines before anything was done to them: what looks like damage in a body is often meant."""
    return [Piece(piece.number, piece.text if piece.raw is None else piece.raw, piece.end) for piece in pieces]


def _content(pieces: list[Piece]) -> list[Piece]:
    """The lines up to the first empty one after others: what comes then is hardly the body any more."""
    begin = next((place for place, piece in enumerate(pieces) if piece.text.strip()), len(pieces))
    end = next((place for place in range(begin, len(pieces)) if not pieces[place].text.strip()), len(pieces))
    return pieces[:end]


def _known(line: str) -> bool:
    return line.partition(":")[0].strip().lower() in KNOWN or line[:2].lower() in ("v:", "f:", "t:", "i:", "m:", "l:")


def _head(pieces: list[Piece], repairs: dict[str, None]) -> tuple[list[str], int, bool]:
    """The header lines, where the body begins, and whether every line is followed by an empty one."""
    headers: list[str] = []
    spaced = len(pieces) > 2 and not pieces[1].text.strip() and _is_known(pieces[2].text)
    place = 1
    while place < len(pieces):
        text = pieces[place].text
        if not text.strip():
            after = next((at for at in range(place + 1, len(pieces)) if pieces[at].text.strip()), len(pieces))
            if after < len(pieces) and _goes_on(headers, pieces[after].text, spaced and after - place < 3):
                repairs["empty lines between the headers left out"] = None
                place = after
                continue
            return headers, place + 1 if not spaced else after, spaced
        if text[0] in " \t" and headers and not _is_known(text.strip()):
            headers[-1] += f"\r\n{text}"
        elif HEADER.match(text.strip()):
            headers.append(text.strip())
        elif _SDP_LINE.match(text) and headers:
            repairs["the empty line before the body put back"] = None
            return headers, place, spaced
        elif headers and _broken(pieces, place):
            repairs["a header that was broken over two lines joined"] = None
            headers[-1] += text.strip() if len(pieces[place - 1].text) > _WIDE else f" {text.strip()}"
        else:
            return headers, place, spaced
        place += 1
    return headers, place, spaced


def _broken(pieces: list[Piece], place: int) -> bool:
    """Whether a line that is no header is the rest of the one above: headers or the end of the head follow."""
    after = pieces[place + 1].text.strip() if place + 1 < len(pieces) else "-"
    return not after or _is_known(after)


def _is_known(text: str) -> bool:
    found = HEADER.match(text)
    return found is not None and found[1].lower() in KNOWN


def _goes_on(headers: list[str], text: str, spaced: bool) -> bool:
    """Whether a known header after an empty line still belongs to the head."""
    if not _is_known(text) or START.match(text):
        return False
    names = {line.partition(":")[0].strip().lower() for line in headers}
    return spaced or not names & {"cseq", "call-id", "i", "content-length", "l"}


def _unspaced(pieces: list[Piece]) -> list[Piece]:
    """Lines without the empty one that follows each."""
    kept, place = [], 0
    while place < len(pieces):
        kept.append(pieces[place])
        place += 2 if place + 1 < len(pieces) and not pieces[place + 1].text.strip() else 1
    return kept


def _exact(pieces: list[Piece], length: int) -> bytes | None:
    """The body, where some way of ending its lines gives it just the length that its head says.

    Where several do, the one is taken after which nothing is left but empty lines or a line of rules (`=====`), and
    which has no empty one itself.
    """
    if length < 1:
        return b"" if length == 0 else None
    found = [made for end in ("\r\n", "", "\n") if (made := _ended(pieces, length, end))]
    return max(found, key=lambda made: made[1])[0] if found else None


def _ended(pieces: list[Piece], length: int, end: str) -> tuple[bytes, int] | None:
    """The body with its lines ended so ("": as in the file), and how well it fits; None where it does not."""
    body = bytearray()
    for place, piece in enumerate(pieces):
        body += bytes_of(piece.text)
        if len(body) != length:
            body += (end or piece.end).encode()
        if len(body) == length:
            left = takewhile(lambda rest: not _RULER.fullmatch(rest.text.strip()), pieces[place + 1 :])
            clean = not any(rest.text.strip() for rest in left)
            return bytes(body), 2 * clean + bool(piece.text.strip())
        if len(body) > length:
            break
    return None


def _texts(body: bytes) -> list[str]:
    """The lines of a body that was found whole."""
    lines = body.decode("utf-8", "surrogateescape").replace("\r\n", "\n").split("\n")
    return lines if lines[-1] else lines[:-1]


def _body(pieces: list[Piece], kind: str, length: int) -> list[str]:
    """The lines of a body of no known length, by what its type says of lines."""
    texts = [piece.text for piece in pieces]
    while texts and not texts[0].strip():
        texts.pop(0)
    if not texts or (length < 0 and not kind and not _SDP_LINE.match(texts[0])):
        return []
    if kind.endswith("sdp") or (not kind and _SDP_LINE.match(texts[0])):
        return _sdp(texts)
    if "xml" in kind:
        return _xml(texts)
    while texts and not texts[-1].strip():
        texts.pop()
    return texts


def _sdp(texts: list[str]) -> list[str]:
    lines: list[str] = []
    for text in texts:
        if not text.strip():
            continue
        if not _SDP_LINE.match(text.strip()):
            break
        lines.append(text.strip())
    return lines


def _xml(texts: list[str]) -> list[str]:
    root = next((found[1] for text in texts if (found := _ROOT.search(text))), "")
    for place, text in enumerate(texts):
        if root and (f"</{root}>" in text or (f"<{root}" in text and text.rstrip().endswith("/>"))):
            return texts[: place + 1]
    return texts


def _joined(lines: list[str], kind: str) -> bytes:
    end = "\n" if "xml" in kind else "\r\n"
    return bytes_of("".join(f"{line}{end}" for line in lines))


def _lengthen(message: Mended, said: int, is_: int) -> None:
    """Make the Content-Length that of the body."""
    if said < 0 or said == is_:
        return
    message.repairs[f"Content-Length said {said}, the body has {is_} bytes here"] = None
    for lines in (message.headers, message.other):
        for place, line in enumerate(lines):
            found = _LENGTH.match(line)
            if found is not None:
                lines[place] = f"{found[1]}: {is_}"


def _name_missing(message: Mended) -> None:
    """Say which of the headers that every message has are not there; only of what was damaged anyway."""
    if not message.repairs:
        return
    names = {line.partition(":")[0].strip().lower() for line in message.headers}
    for long, short in (("Via", "v"), ("From", "f"), ("To", "t"), ("Call-ID", "i"), ("CSeq", "cseq")):
        if long.lower() not in names and short not in names:
            message.missing[f"the header {long}"] = None


def _bytes(start: str, headers: list[str], body: bytes) -> bytes:
    return bytes_of("\r\n".join([start, *headers, "", ""])) + body
