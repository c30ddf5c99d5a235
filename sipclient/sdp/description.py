"""A session description: its lines as they were written, and typed views of what they say. RFC 8866.

Nothing is lost on a round trip because nothing but the lines is kept. The views are made when first asked
for; a line whose value makes no sense is simply absent from them, so that no view ever raises.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from enum import StrEnum
from functools import cached_property

import msgspec

from sipclient.sdp.codecs import STATIC

_RTPMAP = re.compile(r"(\d{1,3})[ \t]+([^/\s]+)/(\d{1,9})(?:/(\d{1,4}))?", re.ASCII)
_NUMBER = re.compile(r"\s*(\d{1,9})\s*", re.ASCII)


class Direction(StrEnum):
    """Which way a stream flows, as the side that writes it sees it. RFC 8866 §6.7."""

    SENDRECV = "sendrecv"
    SENDONLY = "sendonly"
    RECVONLY = "recvonly"
    INACTIVE = "inactive"

    @property
    def sends(self) -> bool:
        """Whether its writer sends."""
        return self in (Direction.SENDRECV, Direction.SENDONLY)

    @property
    def receives(self) -> bool:
        """Whether its writer receives."""
        return self in (Direction.SENDRECV, Direction.RECVONLY)

    @classmethod
    def of(cls, sends: bool, receives: bool) -> Direction:
        """The direction of a side that does these two things."""
        if sends:
            return cls.SENDRECV if receives else cls.SENDONLY
        return cls.RECVONLY if receives else cls.INACTIVE


_DIRECTIONS = frozenset(Direction)


class Attribute(msgspec.Struct, frozen=True):
    """One `a=` line: `value` is empty for a property. `line` counts from 1 in the whole description."""

    name: str
    value: str
    line: int


class Origin(msgspec.Struct, frozen=True):
    """Who made the session, and which version of it this is. RFC 8866 §5.2. The numbers stay text: peers
    write any length of them, and only equality means something to us."""

    username: str
    session_id: str
    version: str
    family: str
    address: str


class Connection(msgspec.Struct, frozen=True):
    """Where media go: `family` is `IP4` or `IP6`, `address` without TTL and count. RFC 8866 §5.7."""

    family: str
    address: str
    line: int

    @property
    def nowhere(self) -> bool:
        """Whether this is the old way to say "on hold": 0.0.0.0 (RFC 3264 §8.4)."""
        if self.address.strip("0:."):
            return False
        try:
            return ipaddress.ip_address(self.address).is_unspecified
        except ValueError:
            return False


class Payload(msgspec.Struct, frozen=True):
    """One format of an RTP m-line: what its payload type means. `name` is empty where nothing says it.

    `line` is its rtpmap's, or the m-line's where it has none.
    """

    number: int
    name: str
    clock: int
    channels: int
    fmtp: str
    line: int


class Rtcp(msgspec.Struct, frozen=True):
    """Where RTCP goes, if not to the port above RTP's (RFC 3605). `address` is empty where c= holds."""

    port: int
    address: str


class Section(msgspec.Struct, frozen=True, dict=True):
    """The session's part of a description, or one m-line's. `line` is the number of its first line."""

    lines: tuple[str, ...]
    line: int

    @cached_property
    def _attributes(self) -> dict[str, list[Attribute]]:
        found: dict[str, list[Attribute]] = {}
        for number, line in enumerate(self.lines, self.line):
            if line[:2] == "a=":
                name, _, value = line[2:].partition(":")
                attribute = Attribute(name, value, number)
                if name in found:
                    found[name].append(attribute)
                else:
                    found[name] = [attribute]
        return found

    @property
    def attributes(self) -> Iterator[Attribute]:
        """Every attribute, those of one name together."""
        for attributes in self._attributes.values():
            yield from attributes

    def all(self, name: str) -> tuple[Attribute, ...]:
        """Every attribute of this name, in order."""
        return tuple(self._attributes.get(name, ()))

    def first(self, name: str) -> Attribute | None:
        """The first attribute of this name, None where there is none."""
        found = self._attributes.get(name)
        return found[0] if found else None

    def value(self, name: str) -> str:
        """What the first attribute of this name says, empty where there is none."""
        found = self._attributes.get(name)
        return found[0].value.strip() if found else ""

    def number(self, name: str) -> int | None:
        """The whole number an attribute holds, None where it is absent or no number."""
        attribute = self.first(name)
        found = _NUMBER.fullmatch(attribute.value) if attribute else None
        return int(found[1]) if found else None

    @cached_property
    def own_connection(self) -> Connection | None:
        """The c= line of this very section, None where it has none that names an address."""
        for number, line in enumerate(self.lines, self.line):
            if line[:2] == "c=":
                fields = line[2:].split()
                if len(fields) == 3 and fields[0] == "IN" and fields[1] in ("IP4", "IP6"):
                    return Connection(fields[1], fields[2].partition("/")[0], number)
        return None

    @property
    def own_direction(self) -> Direction | None:
        """The direction this very section states; the first counts where it states several."""
        stated = [self._attributes[name][0] for name in _DIRECTIONS if name in self._attributes]
        return Direction(min(stated, key=lambda attribute: attribute.line).name) if stated else None


class MediaDescription(Section, frozen=True, dict=True):
    """One m-line with all that belongs to it. What it does not say itself, the `session` may say for it."""

    session: Section

    @cached_property
    def _fields(self) -> list[str]:
        return self.lines[0][2:].split()

    @property
    def kind(self) -> str:
        """`audio`, `video`, `image`, `application` ..., in lower case."""
        return self._fields[0].lower()

    @property
    def port(self) -> int:
        """0 says that the stream is refused or ended."""
        return int(self._fields[1].partition("/")[0])

    @property
    def port_count(self) -> int:
        """How many ports in a row, 1 where nothing is said."""
        return int(self._fields[1].partition("/")[2] or 1)

    @property
    def proto(self) -> str:
        """The profile, in upper case: `RTP/AVP`."""
        return self._fields[2].upper()

    @property
    def formats(self) -> tuple[str, ...]:
        """What stands behind the profile: payload types for RTP."""
        return tuple(self._fields[3:])

    @property
    def connection(self) -> Connection | None:
        """Where this stream goes: its own c= line, or the session's."""
        return self.own_connection or self.session.own_connection

    @property
    def direction(self) -> Direction:
        """Its own direction, or the session's, or both ways (RFC 8866 §6.7)."""
        return self.own_direction or self.session.own_direction or Direction.SENDRECV

    def inherited(self, name: str) -> Attribute | None:
        """The first attribute of this name, here or else in the session's part."""
        return self.first(name) or self.session.first(name)

    def inherited_all(self, name: str) -> tuple[Attribute, ...]:
        """Every attribute of this name: those here, or else those of the session's part."""
        return self.all(name) or self.session.all(name)

    @property
    def ptime(self) -> int | None:
        """Milliseconds of sound in a packet that its writer would like to receive."""
        return self.number("ptime")

    @property
    def maxptime(self) -> int | None:
        """Milliseconds of sound in a packet that its writer can take at most."""
        return self.number("maxptime")

    @property
    def rtcp(self) -> Rtcp | None:
        """The rtcp attribute, None where it is absent or no port."""
        attribute = self.first("rtcp")
        fields = attribute.value.split() if attribute else []
        found = _NUMBER.fullmatch(fields[0]) if fields else None
        if found is None or not 0 < int(found[1]) <= 65535:
            return None
        return Rtcp(int(found[1]), fields[3] if len(fields) == 4 else "")

    @cached_property
    def payloads(self) -> tuple[Payload, ...]:
        """The payload types of the m-line in its order, each once, with what rtpmap and fmtp say of it."""
        maps: dict[int, tuple[str, int, int, int]] = {}
        for attribute in self.all("rtpmap"):
            if written := _RTPMAP.fullmatch(attribute.value.strip()):
                number, name, clock, channels = written.groups()
                maps.setdefault(int(number), (name, int(clock), int(channels or 1), attribute.line))
        parameters: dict[str, str] = {}
        for attribute in self.all("fmtp"):
            text, _, fmtp = attribute.value.strip().partition(" ")
            parameters.setdefault(text, fmtp.strip())
        payloads: dict[int, Payload] = {}
        for text in self.formats:
            if _NUMBER.fullmatch(text) and (value := int(text)) < 128 and value not in payloads:
                meaning = maps.get(value) or (*STATIC.get(value, ("", 0, 1)), self.line)
                name, clock_rate, count, line = meaning
                payloads[value] = Payload(value, name, clock_rate, count, parameters.get(text, ""), line)
        return tuple(payloads.values())


class SessionDescription(msgspec.Struct, frozen=True, dict=True):
    """A whole description: `lines` without their ends. `str()` gives them back with CRLF."""

    lines: tuple[str, ...]

    @cached_property
    def _sections(self) -> tuple[Section, tuple[MediaDescription, ...]]:
        starts = [index for index, line in enumerate(self.lines) if line[:2] == "m="]
        ends = [*starts[1:], len(self.lines)]
        session = Section(self.lines[: starts[0]] if starts else self.lines, 1)
        media = (
            MediaDescription(self.lines[start:end], start + 1, session)
            for start, end in zip(starts, ends, strict=False)
        )
        return session, tuple(media)

    @property
    def session(self) -> Section:
        """What stands before the first m-line."""
        return self._sections[0]

    @property
    def media(self) -> tuple[MediaDescription, ...]:
        """The m-lines, in order, those with port 0 too."""
        return self._sections[1]

    @cached_property
    def bundles(self) -> tuple[tuple[str, ...], ...]:
        """The streams, by their mid, that are to share one transport: a tuple a group. RFC 9143 §5."""
        groups = (attribute.value.split() for attribute in self.session.all("group"))
        return tuple(tuple(words[1:]) for words in groups if words and words[0].upper() == "BUNDLE")

    @property
    def origin(self) -> Origin | None:
        """The o= line, None where it is absent or lacks a field. A user name with blanks in it is taken."""
        for line in self.session.lines:
            if line.startswith("o="):
                fields = line[2:].split()
                if len(fields) >= 6:
                    name, (session_id, version, _, family, address) = fields[:-5], fields[-5:]
                    return Origin(" ".join(name), session_id, version, family, address)
        return None

    def __str__(self) -> str:
        return "\r\n".join((*self.lines, ""))

    def __bytes__(self) -> bytes:
        return str(self).encode("utf-8", "surrogateescape")
