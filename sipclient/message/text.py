"""The small grammar under all headers: quoted strings, comma lists, parameters, numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final, TypeVar, overload

from sipclient.errors import MalformedMessage
from sipclient.message.limits import MAX_DELTA, MAX_VALUES

T = TypeVar("T")

QUOTED: Final = re.compile(r'"((?:[^"\\]++|\\.)*+)"', re.S)
_PAIR: Final = re.compile(r"\\(.)", re.S)
_PIECE: Final = re.compile(r'[^,"<]++|"(?:[^"\\]++|\\.)*+"|<[^>]*+>|(,)', re.S)
_VALUE: Final = r'[^\x00-\x20\x7f"<>;,]++'
_PARAM: Final = re.compile(
    rf"""[ \t]*+;[ \t]*+([A-Za-z0-9\-.!%*_+`'~]++)(?:[ \t]*+=[ \t]*+({_VALUE}|"(?:[^"\\]++|\\.)*+"))?+[ \t]*+""",
    re.S,
)
# What most parameters look like: names in lower case, plain values, no blanks.
USUAL_PARAMS: Final = r"(?:;[a-z0-9\-]++(?:=[A-Za-z0-9\-.!%*_+`'~:]++)?+)"
_USUAL_PARAMS: Final = re.compile(f"{USUAL_PARAMS}++")
_PLAIN: Final = re.compile(r"[A-Za-z0-9\-.!%*_+`'~:\[\]]+")  # token or host: what needs no quotes


def quote(text: str) -> str:
    """The text as a quoted-string (RFC 3261 §25.1). Controls are left for `check_header_value` to refuse."""
    if "\\" in text or '"' in text:
        text = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


def unquote(text: str) -> str:
    """What a quoted-string says; anything else comes back as it is."""
    if len(text) < 2 or text[0] != '"' or text[-1] != '"':
        return text
    inner = text[1:-1]
    return _PAIR.sub(r"\1", inner) if "\\" in inner else inner


def split_commas(value: str) -> list[str]:
    """The elements of a comma-separated value, blanks around them removed.

    Commas in quoted strings and in `<...>` do not separate. Empty elements are kept. Raises 400 where a quote
    or bracket does not close, or for more elements than anyone needs.
    """
    if "," not in value:
        return [value.strip(" \t")]
    if '"' not in value and "<" not in value:
        parts = value.split(",")
    else:
        parts = []
        start = position = 0
        while position < len(value):
            piece = _PIECE.match(value, position)
            if piece is None:
                raise MalformedMessage("a quoted string or bracket does not close")
            position = piece.end()
            if piece[1]:
                parts.append(value[start : position - 1])
                start = position
        parts.append(value[start:])
    if len(parts) > MAX_VALUES:
        raise MalformedMessage(f"more than {MAX_VALUES} values in one header line")
    return [part.strip(" \t") for part in parts]


class Params(Mapping[str, str]):
    """The parameters of a value, in order: a read-only mapping whose names ignore case.

    Values are given as meant (unquoted, or unescaped in a URI), "" where there is none (`;lr`); `str()` gives
    them as written, each with its semicolon. Of a name that comes twice the first counts (RFC 3261 §7.3.1
    forbids it; phones do it). Equal when they say the same, in whatever order.
    """

    __slots__ = ("_text", "_values")

    def __init__(self, values: dict[str, str], text: str) -> None:
        self._values = values
        self._text = text

    def __getitem__(self, name: str) -> str:
        return self._values[name.lower()]

    # What Mapping would do by way of exceptions, but these are asked often.

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._values

    @overload
    def get(self, name: str, /) -> str | None: ...

    @overload
    def get(self, name: str, /, default: str | T) -> str | T: ...

    def get(self, name: str, /, default: object = None) -> object:
        """The value of a parameter, `default` where there is no such parameter."""
        return self._values.get(name.lower(), default)

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __str__(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return f"Params({self._text!r})"

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Params):
            return self._values == other._values
        return self._values == dict(other) if isinstance(other, Mapping) else NotImplemented

    def __hash__(self) -> int:
        return hash(frozenset(self._values.items()))


EMPTY: Final = Params({}, "")


def parse_params(text: str) -> Params:
    """The parameters of a header value; `text` begins at the first semicolon (or its blanks), or is empty.

    RFC 3261 §25.1 generic-param, with a wider unquoted value: whatever cannot be mistaken for a delimiter, as
    PBXs put URIs and base64 there. Raises 400 otherwise, for an empty parameter (`;;`) as well.
    """
    if _USUAL_PARAMS.fullmatch(text) is not None and text.count(";") <= MAX_VALUES:
        return usual_params(text)
    values: dict[str, str] = {}
    position, end, count = 0, len(text), 0
    while position < end:
        match = _PARAM.match(text, position)
        if match is None:
            raise MalformedMessage("a parameter is not `;name` or `;name=value`")
        name, value = match.groups("")
        if value[:1] == '"':
            value = unquote(value)
        values.setdefault(name.lower(), value)
        position = match.end()
        count += 1
        if count > MAX_VALUES:
            raise MalformedMessage(f"more than {MAX_VALUES} parameters")
    return Params(values, text.strip(" \t")) if values else EMPTY


def usual_params(text: str) -> Params:
    """Parameters of which the form is known: `USUAL_PARAMS` matches."""
    values: dict[str, str] = {}
    for part in text[1:].split(";"):
        name, _, value = part.partition("=")
        if name not in values:
            values[name] = value
    return Params(values, text)


def changed_params(params: Params, changes: Mapping[str, str | None]) -> Params:
    """Header parameters with `changes` made: a value sets, "" sets a bare name, None removes.

    What is not a token or a host is written as a quoted-string.
    """
    wanted = {name.lower(): (name, value) for name, value in changes.items()}
    parts = []
    position = 0
    while match := _PARAM.match(params._text, position):
        position = match.end()
        if match[1].lower() not in wanted:
            parts.append(match[0].strip(" \t"))
    for name, value in wanted.values():
        if value:
            parts.append(f";{name}={value if _PLAIN.fullmatch(value) else quote(value)}")
        elif value is not None:
            parts.append(f";{name}")
    return parse_params("".join(parts))


def number(text: str, what: str, limit: int = MAX_DELTA, *, clamp: bool = False) -> int:
    """A decimal number of ASCII digits up to `limit`; leading zeros are fine (RFC 4475 §3.1.1.1).

    Raises 400 for anything else, and beyond the limit unless told to `clamp` to it.
    """
    text = text.strip(" \t")
    if not (text.isascii() and text.isdigit()):
        raise MalformedMessage(f"{what} is not a number")
    if len(text) > 10:
        text = text.lstrip("0") or "0"
    value = int(text) if len(text) <= 10 else limit + 1
    if value > limit:
        if clamp:
            return limit
        raise MalformedMessage(f"{what} is above {limit}")
    return value
