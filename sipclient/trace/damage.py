"""What forums, mail and loggers do to a line of a message, undone. Each function says what it did, in words."""

from __future__ import annotations

import html
import re

METHODS = "INVITE|ACK|BYE|CANCEL|OPTIONS|REGISTER|SUBSCRIBE|NOTIFY|PUBLISH|MESSAGE|INFO|REFER|UPDATE|PRACK"
NAMES = (
    "Via", "From", "To", "Call-ID", "CSeq", "Contact", "Max-Forwards", "Route", "Record-Route", "Content-Type",
    "Content-Length", "User-Agent", "Server", "Allow", "Supported", "Require", "Proxy-Require", "Unsupported",
    "Expires", "Min-Expires", "Event", "Allow-Events", "Subscription-State", "Authorization", "Proxy-Authorization",
    "WWW-Authenticate", "Proxy-Authenticate", "Reason", "Warning", "Accept", "Accept-Encoding", "Accept-Language",
    "Remote-Party-ID", "P-Asserted-Identity", "P-Preferred-Identity", "Privacy", "Session-Expires", "Min-SE",
    "Refer-To", "Referred-By", "Replaces", "RSeq", "RAck", "Date", "Timestamp", "Subject", "Path", "Service-Route",
    "Retry-After", "Content-Disposition", "Content-Encoding", "Diversion", "History-Info", "Organization",
    "P-Charging-Vector", "P-Access-Network-Info", "Alert-Info", "Call-Info", "Reply-To", "SIP-ETag", "SIP-If-Match",
    "MIME-Version", "Authentication-Info",
)  # fmt: skip
KNOWN = frozenset(name.lower() for name in NAMES)
HEADER = re.compile(r"([A-Za-z][\w.!%*+`'~-]*)[ \t]*:")
START = re.compile(
    rf"(?:(?:{METHODS}|[A-Z]{{3,16}}) (?:sips?|tel|im|pres|urn):\S* SIP/2\.0|SIP/2\.0 [1-6]\d\d(?= |$).*)\s*$"
)
_INSIDE = re.compile(rf"(?<![A-Z/.-])(?:{METHODS}) (?:sips?|tel):\S* SIP/2\.0(?=\s|$)|SIP/2\.0 [1-6]\d\d [A-Z]")
_SUSPECT = re.compile(
    r"SIP/2\.0 |SIP/2\.0$|[\u2018-\u201f\u2013\u2014\u00a0\u200b\ufeff\udc91-\udc97\udca0]|&[a-z#]|#01[25]|\\n|\]\(|"
    r"email|^\s*>|\*\*|edacted>"
)
_NAMED = re.compile(rf"(?<!\s)\s+(?=(?:{'|'.join(map(re.escape, NAMES))})\s*:)")
_ESCAPES = re.compile(r"(?:#015)?#012|(?:\\r)?\\n")
_ENTITY = re.compile(r"&(?:lt|gt|quot|amp|nbsp|apos|#\d{1,5}|#x[0-9a-fA-F]{1,4});")
_LINK = re.compile(r"\[([^\[\]\s]+)\]\((?:mailto:|sips?:|https?://|tel:)[^)\s]*\)")
# Of bytes that are no UTF-8 (\udc91 is byte 0x91), what Windows means by them.
_QUOTES = str.maketrans(dict.fromkeys("\u201c\u201d\u201e\u201f\udc93\udc94", '"'))
_LONE = "[\u2018\u2019\u201a\u201b\udc91\udc92]"
_SINGLE = re.compile(rf"(?<![^\W\d_]){_LONE}|{_LONE}(?![^\W\d_])")
_BLANKS = str.maketrans({"\u00a0": " ", "\udca0": " ", "\u200b": None, "\ufeff": None})
_HIDDEN = re.compile(r"\[email[ \u00a0]protected\]")
_REDACTED = re.compile(r"<redacted>", re.I)
_BOLD = re.compile(r"\*\*([^*\s]+)\*\*")
_DASHES = re.compile(r"^[\u2013\u2014\udc96\udc97](?=\S)")
_SDP = re.compile(r"(?<!\s)\s+(?=[vosictmbkaruezp]=)")
_PROSE = 200  # characters in which words after a header's last parameter are looked for
_TRAILER = re.compile(r"(=[^\s;]+)(\s+[A-Za-z][\w ,.:'-]*)$")

UNKNOWN = "unknown.invalid"


def undone(text: str) -> list[tuple[str, list[str]]]:
    """A line as the lines it was, each with what was done to get it."""
    if not _SUSPECT.search(text):
        return [(text, [])]
    done: list[str] = []
    text = _layout(text, done)
    pieces = [text]
    if len(_ESCAPES.findall(text)) > 2:
        pieces = _ESCAPES.split(text)
        done.append("line breaks that were written out are line breaks again")
    result: list[tuple[str, list[str]]] = []
    for piece, own in (each for whole in pieces for each in _apart(whole)):
        words = [*done, *own]
        result.append((_characters(piece, words), words))
    return result


def _changed(words: str, old: str, new: str, done: list[str]) -> str:
    if new != old:
        done.append(words)
    return new


def _layout(text: str, done: list[str]) -> str:
    """The text without what hides where its messages and lines begin."""
    text = _changed("non-breaking and invisible blanks taken for plain ones", text, text.translate(_BLANKS), done)
    if text.lstrip().startswith(">"):
        plain = re.sub(r"^\s*(?:> ?)+", "", text)
        text = _changed("quotation marks (>) before the lines taken off", text, plain, done)
    if _ENTITY.search(text) and _is_escaped(text):
        text = _changed("HTML entities written as their characters", text, html.unescape(text), done)
    text = _changed("links taken for the text they show", text, _LINK.sub(r"\1", text), done)
    return _changed("asterisks of bold text taken off", text, _BOLD.sub(r"\1", text), done)


def _is_escaped(text: str) -> bool:
    """Whether entities stand for what was written, and are not XML's own."""
    header = HEADER.match(text)
    known = header is not None and header[1].lower() in KNOWN
    return "<" not in text and (known or "&lt;" in text or "&gt;" in text)


def _characters(text: str, done: list[str]) -> str:
    """A line with the characters it had."""
    text = _changed("curly quotes made straight", text, _SINGLE.sub("'", text.translate(_QUOTES)), done)
    text = _changed("a long dash before a boundary is two hyphens", text, _DASHES.sub("--", text), done)
    hidden = f"unknown@{UNKNOWN}"
    words = f"an address hidden as [email protected] is written as {hidden}"
    text = _changed(words, text, _HIDDEN.sub(hidden, text), done)
    return _changed("<redacted> is written without its brackets", text, _REDACTED.sub("redacted", text), done)


def _apart(text: str) -> list[tuple[str, list[str]]]:
    """Messages that stand within a line, and lines that were joined by blanks."""
    cuts, quotes, place = [0], 0, 0
    for found in _INSIDE.finditer(text):
        quotes += text.count('"', place, found.start())
        place = found.start()
        if quotes % 2 == 0 and text[cuts[-1] : place].strip():
            cuts.append(place)
    pieces: list[tuple[str, list[str]]] = []
    for begin, end in zip(cuts, [*cuts[1:], len(text)], strict=True):
        part, done = text[begin:end], list[str]()
        if begin:
            done.append("a message that began within a line stands on its own")
        if end < len(text):
            part = part.rstrip()
        if not _INSIDE.match(part.lstrip()):
            pieces.append((_trimmed(part, done) if end < len(text) else part, done))
            continue
        names = _NAMED.split(part)
        if len(names) > 2:
            done.append("lines that were joined by blanks are apart again")
            pieces += [(each, done) for each in (*names[:-1], *_body(names[-1]))]
        else:
            pieces.append((part, done))
    return pieces


def _body(last: str) -> list[str]:
    """The last header of a joined message, and the SDP that follows it on the same line."""
    place = re.search(r"(?<!\s)\s+v=0\s", last)
    if place is None:
        return [last, ""]
    return [last[: place.start()], "", *_SDP.split(last[place.start() :].strip())]


def _trimmed(before: str, done: list[str]) -> str:
    """A header without the prose that follows its last parameter."""
    tail = before[-_PROSE:]
    found = _TRAILER.search(tail) if HEADER.match(before) else None
    if found is None:
        return before
    done.append(f"the words {found[2].strip()!r} that stood in a header's line are left out")
    return before[: len(before) - len(tail) + found.start(2)]
