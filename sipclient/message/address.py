"""name-addr and addr-spec: the display name, URI and parameters of From, To, Contact, Route and their kin."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import msgspec

from sipclient.errors import MalformedMessage
from sipclient.message.limits import MAX_DELTA
from sipclient.message.text import (
    EMPTY,
    QUOTED,
    Params,
    changed_params,
    number,
    parse_params,
    quote,
    split_commas,
    unquote,
)
from sipclient.message.uri import Uri, parse_uri

_Q: Final = re.compile(r"0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?")
_NOT_IN_NAME: Final = re.compile(r'[",;:<>\x00-\x08\x0a-\x1f\x7f]')
_DEFAULT_EXPIRES: Final = 3600
# What most addresses look like: nothing escaped, a plain host, and no parameter behind the bracket but the tag.
# Whatever USUAL matches `parse_name_addr` takes, with group 1 as its URI and group 2 as its tag; most addresses are
# only asked whether they are one, and no value need be made of them.
_USUAL_URI: Final = r"""sips?:(?:[A-Za-z0-9\-_.!~*'()&=+$,;?/\#]++@)?+[A-Za-z0-9.\-]++
    (?::(?:[1-5][0-9]{4}|6[0-4][0-9]{3}|[1-9][0-9]{0,3})(?![0-9]))?+(?:;[a-z]++(?:=[A-Za-z0-9.\-]++)?+){0,8}+"""
USUAL: Final = re.compile(
    rf"""[ \t]*+(?:"[^"\\\x00-\x1f\x7f]*+"[ \t]*+|[A-Za-z0-9\-.!%*_+`'~ ]*+)
    <({_USUAL_URI})>(?:;tag=([A-Za-z0-9\-.!%*_+`'~]++))?+[ \t]*+""",
    re.X,
)
# A sip: or sips: URI of the usual form, without headers.
USUAL_URI: Final = re.compile(_USUAL_URI, re.X)


class NameAddr(msgspec.Struct, frozen=True):
    """A display name (unescaped, "" if none), a URI, and the parameters of the header (not of the URI)."""

    display_name: str
    uri: Uri
    params: Params = EMPTY

    @property
    def tag(self) -> str:
        """The tag, "" if there is none."""
        return self.params.get("tag", "")

    @property
    def q(self) -> float | None:
        """The q value, 0 to 1; None if there is none. Raises 400 for anything else."""
        text = self.params.get("q")
        if text is None:
            return None
        if _Q.fullmatch(text) is None:
            raise MalformedMessage("q is not a number from 0 to 1")
        return float(text)

    @property
    def expires(self) -> int | None:
        """The expires parameter in seconds, None if there is none; nonsense counts as 3600 (RFC 3261 §10.2.1.1)."""
        text = self.params.get("expires")
        if text is None:
            return None
        try:
            return number(text, "expires", MAX_DELTA, clamp=True)
        except MalformedMessage:
            return _DEFAULT_EXPIRES

    def with_params(self, changes: Mapping[str, str | None]) -> NameAddr:
        """This value with parameters changed: a value sets, "" sets a bare name, None removes."""
        return NameAddr(self.display_name, self.uri, changed_params(self.params, changes))

    def __str__(self) -> str:
        name = f"{quote(self.display_name)} " if self.display_name else ""
        return f"{name}<{self.uri}>{self.params}"


def parse_name_addr(text: str) -> NameAddr:
    """One name-addr or addr-spec with its parameters. Raises 400 (414 for a URI beyond all measure).

    Liberal where it harms nobody: a display name without quotes may hold more than tokens (UTF-8, brackets),
    and blanks inside `<...>` do not count (RFC 4475 §3.1.2.14). Not in commas, which would be a list (§3.1.2.15).
    Without `<>`, parameters are the header's and a `?` is refused (RFC 3261 §20.10, RFC 4475 §3.1.2.13).
    """
    text = text.strip(" \t")
    first = text[:1]
    name = ""
    if first == "<":
        start = 0
    elif first == '"':
        quoted = QUOTED.match(text)
        start = text.find("<", quoted.end()) if quoted is not None else -1
        if quoted is None or start < 0 or text[quoted.end() : start].strip(" \t"):
            raise MalformedMessage("a display name does not end in a quote before `<`")
        name = unquote(quoted[0])
    else:
        start = text.find("<")
        if start < 0:
            return _addr_spec(text)
        name = text[:start].rstrip(" \t")
        if _NOT_IN_NAME.search(name) is not None:
            raise MalformedMessage("a display name holds a character that needs quotes")
    end = text.find(">", start)
    if end < 0:
        raise MalformedMessage("an address does not end in `>`")
    params = text[end + 1 :]
    return NameAddr(name, parse_uri(text[start + 1 : end].strip(" \t")), parse_params(params) if params else EMPTY)


def _addr_spec(text: str) -> NameAddr:
    spec, semicolon, params = text.partition(";")
    if "?" in spec or "," in spec:
        raise MalformedMessage("an address with `?` or `,` needs `<` and `>`")
    return NameAddr("", parse_uri(spec.rstrip(" \t")), parse_params(semicolon + params))


def parse_name_addrs(text: str) -> list[NameAddr]:
    """A comma-separated list of at least one. Raises 400 for an empty element."""
    return [parse_name_addr(part) for part in split_commas(text)]
