"""Text with names in braces: `{extension} is free`. `{{` and `}}` stand for the braces themselves.

What is filled in may come from the network (a NOTIFY's note, a caller's name), so rendering refuses control
characters, and a caller ID cannot be broken out of: inside its quotes a value is escaped, outside them quotes
and angle brackets are refused.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import ClassVar, Self

import msgspec

from sipclient.config.values import Mistake, Plain, did_you_mean, one_of, text_of
from sipclient.errors import InvalidValue

EXTENSION_NAMES = (
    "extension",
    "before",
    "after",
    "account",
    "note",
    "episode",
    "rule",
    "at",
    "caller",
    "caller_name",
)
REQUEST_NAMES = ("caller", "caller_name")  # of the above: who camps on the extension
INCOMING_NAMES = ("to", "caller", "caller_name", "account", "at", "digits")
VARIABLES = "variables."  # {variables.NAME}: what whoever asked for the call gave along
LONGEST_RESULT = 4096

_PART = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_VARIABLE = re.compile(r"variables\.[A-Za-z_][A-Za-z0-9_-]{0,63}")
_DIAL_PART = re.compile(r"\{\{|\}\}|\{([A-Za-z_][A-Za-z0-9_.-]*)\}|[]{}[]")
_ESCAPED_IN_BRACKETS = "\\'\"[]{}(),"
_MARKS = ",|[]{}<>/\\%^ "  # of dial strings, outside brackets
_NAMED = re.compile(r"\{[A-Za-z_][A-Za-z0-9_.-]*\}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_TOKEN = re.compile(r"[A-Za-z0-9.!%*_+`'~-]+")


class Slot(msgspec.Struct, frozen=True):
    """A name to be filled in; `quoted` where it stands between double quotes."""

    name: str
    quoted: bool


class DialSlot(Slot, frozen=True):
    """A slot of a dial string; `quoted` within brackets, where `mark` is what parts their values besides the comma."""

    mark: str = ""


class Template:
    """A text and its slots."""

    __slots__ = ("_parts", "constant", "text")

    text: str
    constant: str | None  # the text it always gives, None where it has a slot

    names: ClassVar[tuple[str, ...]] = EXTENSION_NAMES
    strict: ClassVar[bool] = False  # a caller ID: values are escaped or refused

    def __init__(self, text: str, parts: tuple[str | Slot, ...]) -> None:
        self.text = text
        self._parts = parts
        self.constant = None
        if not any(isinstance(part, Slot) for part in parts):
            self.constant = self.render({})

    @property
    def used(self) -> tuple[str, ...]:
        """The names that are filled in, in their order."""
        return tuple(part.name for part in self._parts if isinstance(part, Slot))

    @classmethod
    def parse(cls, text: str, names: Collection[str] | None = None) -> Self:
        """Raises Mistake that names the unknown name or stray brace and its position (from 1)."""
        known = cls.names if names is None else names
        parts: list[str | Slot] = []
        place, quoted = 0, False
        for found in _PART.finditer(text):
            literal = text[place : found.start()] + (found[0][0] if found[0] in ("{{", "}}") else "")
            place = found.end()
            quoted ^= literal.count('"') % 2 == 1
            parts += [literal] if literal else []
            if found[1] is not None:
                parts.append(Slot(_known(found[1], known, found.start() + 1), quoted))
            elif len(found[0]) == 1:
                raise Mistake(
                    f"a stray {found[0]} at character {found.start() + 1}: write {found[0] * 2} for the brace"
                )
        return cls(text, (*parts, text[place:]) if text[place:] else tuple(parts))

    @classmethod
    def from_toml(cls, value: object) -> Self:
        """What robot.toml gives: a string."""
        return cls.parse(text_of(value, "a template"))

    def render(self, values: Mapping[str, str]) -> str:
        """Fill in. A name without a value gives nothing.

        Raises InvalidValue where a value or the result must not reach the wire.
        """
        if self.constant is not None:
            return self.constant
        result = "".join(part if isinstance(part, str) else self._fill(part, values) for part in self._parts)
        if bad := _CONTROL.search(result):
            raise InvalidValue(
                f'"{self.text}" would hold the control character {bad[0]!r} at character {bad.start() + 1}'
            )
        if len(result) > LONGEST_RESULT:
            raise InvalidValue(
                f'"{self.text}" would be {len(result)} characters long; at most {LONGEST_RESULT} are sent'
            )
        return result

    def _fill(self, slot: Slot, values: Mapping[str, str]) -> str:
        value = values.get(slot.name, "")
        if not self.strict:
            return value
        if slot.quoted:
            return value.replace("\\", "\\\\").replace('"', '\\"')
        if bad := next((character for character in value if character in '"<>\\'), None):
            raise InvalidValue(
                f'"{self.text}": the value of {{{slot.name}}} holds {bad}, which only fits between quotes'
            )
        return value

    def __eq__(self, other: object) -> bool:
        return self.text == other.text if isinstance(other, Template) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.text)

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.text!r})"


class CallerId(Template):
    """`"Name" <number>`, or a number, with slots."""

    __slots__ = ()
    strict = True


class IncomingTemplate(Template):
    """A template of [[incoming]]: it knows the call, not an extension's change."""

    __slots__ = ()
    names = INCOMING_NAMES


class DialTemplate(IncomingTemplate):
    """A dial string with slots. Braces that hold `name=value` are FreeSWITCH's own, and stay.

    What is filled in stays where it is put: within brackets its marks are escaped, and outside them, where nothing
    escapes, a value with a mark of dial strings is refused.
    """

    __slots__ = ()

    @classmethod
    def parse(cls, text: str, names: Collection[str] | None = None) -> Self:
        """See Template.parse; no brace is stray here: what does not fit is told by who reads the dial string."""
        known = cls.names if names is None else names
        parts: list[str | Slot] = []
        place, depth, mark = 0, 0, ""
        for found in _DIAL_PART.finditer(text):
            literal = text[place : found.start()]
            place = found.end()
            if found[1] is not None:
                parts += [literal, DialSlot(_known(found[1], known, found.start() + 1), depth > 0, mark)]
                continue
            parts.append(literal + found[0][0])
            if found[0][0] in "{[":
                mark = text[place + 2 : place + 3] if depth == 0 and text.startswith("^^", place) else mark
                depth += 1
            else:
                depth = max(0, depth - 1)
                mark = mark if depth else ""
        return cls(text, tuple(part for part in (*parts, text[place:]) if part))

    def _fill(self, slot: Slot, values: Mapping[str, str]) -> str:
        value = values.get(slot.name, "")
        if slot.quoted:
            marks = _ESCAPED_IN_BRACKETS + (slot.mark if isinstance(slot, DialSlot) else "")
            return "".join(f"\\{each}" if each in marks else each for each in value)
        if bad := next((each for each in value if each in _MARKS), None):
            raise InvalidValue(
                f'"{self.text}": the value of {{{slot.name}}} holds {bad!r}, which would be a mark there'
            )
        return value


def fill(text: str, variables: Mapping[str, str], kind: type[Template] = Template) -> str:
    """The text of a request with `{variables.NAME}` filled in.

    It is a template where it names a variable, and, where there are variables, where it holds any name in braces; any
    other text stays as it is, braces included. Raises InvalidValue for a name that is no variable of these, a stray
    brace, and a value that must not reach the wire.
    """
    if "{" not in text:
        return text
    if f"{{{VARIABLES}" not in text and not (variables and _NAMED.search(text)):
        return text
    known = {f"{VARIABLES}{name}": value for name, value in variables.items()}
    try:
        template = kind.parse(text, known)
    except Mistake as mistake:
        raise InvalidValue(f'"{text}": {mistake}') from mistake
    if unknown := next((name for name in template.used if name not in known), ""):
        there = f"there is {one_of(variables)}" if variables else "there is none"
        raise InvalidValue(f'"{text}": there is no variable "{unknown.removeprefix(VARIABLES)}"; {there}')
    return template.render(known)


class HeaderTemplates(Plain):
    """Header names and the templates of their values, in the order of the file."""

    __slots__ = ("fields",)

    def __init__(self, fields: tuple[tuple[str, Template], ...] = ()) -> None:
        self.fields = fields

    @classmethod
    def from_toml(cls, value: object) -> Self:
        """A table of name = "value". Headers that the protocol itself writes are refused."""
        if not isinstance(value, dict):
            raise Mistake('headers are a table: { X-Name = "value" }')
        fields: list[tuple[str, Template]] = []
        for name, text in value.items():
            if not _TOKEN.fullmatch(name):
                raise Mistake(f'"{name}" is no header name', (name,))
            if name.lower() in _OURS:
                raise Mistake(f"{name} is written by the protocol itself and cannot be set", (name,))
            try:
                fields.append((name, Template.from_toml(text)))
            except Mistake as mistake:
                raise Mistake(f"header {name}: {mistake}", (name,)) from mistake
        return cls(tuple(fields))

    def render(self, values: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
        """The headers to send. Raises InvalidValue as Template.render does."""
        return tuple((name, template.render(values)) for name, template in self.fields)


_OURS = frozenset(
    (
        "via",
        "v",
        "from",
        "f",
        "to",
        "t",
        "call-id",
        "i",
        "cseq",
        "contact",
        "m",
        "max-forwards",
        "route",
        "record-route",
        "content-length",
        "l",
        "content-type",
        "c",
        "content-encoding",
        "e",
        "require",
        "proxy-require",
        "supported",
        "k",
        "allow",
        "authorization",
        "proxy-authorization",
        "rack",
        "rseq",
        "session-expires",
        "x",
        "min-se",
        "path",
        "service-route",
        "www-authenticate",
        "proxy-authenticate",
    )
)


def _known(name: str, known: Collection[str], position: int) -> str:
    if name in known or _VARIABLE.fullmatch(name):
        return name
    hint = did_you_mean(name, known) or (f"; known are {one_of(known)}" if known else "")
    raise Mistake(f"unknown name {{{name}}} at character {position}{hint}")
