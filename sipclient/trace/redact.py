"""Traces without what is nobody else's business: numbers, names, addresses, passwords, keys.

The same is replaced by the same all through a trace, so that what belongs together still does: a number keeps its
length, an address stays private or public, IPv4 or IPv6, a host stays a name. Two passes: what is to be replaced is
gathered from every message first, for a name that one message puts in a URI may stand bare in another.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

import msgspec

from sipclient.trace.record import Address, Record

_V4 = re.compile(r"(?<![\w.-])(?:\d{1,3}\.){3}\d{1,3}(?![\w-]|\.\d)")
_V6 = re.compile(r"(?<![\w:.])(?:[0-9a-fA-F]{0,4}:){2,7}[0-9a-fA-F]{0,4}(?:%\w+)?(?![\w:])")
_URI = re.compile(r"\b(sips?:|pres:|im:)(?:([^\s@<>\";:]+)(?::([^\s@<>\";]+))?@)?([A-Za-z0-9.-]+|\[[0-9a-fA-F:.]+\])")
_TEL = re.compile(r"\b(tel:)([+\d][\d().-]+)")
_VIA = re.compile(r"^((?:via|v)[ \t]*:[ \t]*SIP/2\.0/\w+[ \t]+)([A-Za-z0-9.-]+)", re.I | re.M)
_NAME = re.compile(
    r"^((?:from|f|to|t|contact|m|remote-party-id|p-asserted-identity|p-preferred-identity|diversion|refer-to|r|"
    r"referred-by|b|reply-to|history-info|call-info)[ \t]*:[ \t]*)(\"(?:[^\"\\\r\n]|\\.)*\"|[^<\"\r\n,]+?)(?=[ \t]*<)",
    re.I | re.M,
)
_SECRETS = re.compile(
    r"\b(response|nonce|cnonce|opaque|nextnonce|rspauth|username|realm)=(\"[^\"\r\n]*\"|[^\s,;]+)", re.I
)
_TOKENS = re.compile(r"^((?:proxy-)?authorization[ \t]*:[ \t]*(?:basic|bearer)[ \t]+)\S+", re.I | re.M)
_KEYS = re.compile(r"^(a=(?:ice-pwd|ice-ufrag):|a=crypto:\d+ \S+ inline:)([^\s|]+)", re.M)
_TEXTS = re.compile(r"^((?:subject|s|organization|comment)[ \t]*:[ \t]*)\S[^\r\n]*", re.I | re.M)
_SESSION = re.compile(r"^(o=)(\S+)(?= \d)|^([iuep]=)[^\r\n]+|^(s=)[^\r\n]*[^\s-][^\r\n]*", re.M)
_DISPLAY = re.compile(r"\b(display(?:-name)?=)([\"'])([^\"'<>]*)(?=[\"'])[\"']")
_PHONE = re.compile(r"(?<![\w.@=/-])\+?\d{7,15}(?![\w.@/-])")
_FREE = re.compile(
    r"^(?:x-[\w-]+|p-[\w-]+|subject|s|alert-info|call-info|reason|warning|call-id|i|event|o)[ \t]*:.*$", re.I | re.M
)
_WORD = re.compile(r"(?<![\w.+-])\+?[A-Za-z0-9][\w-]*(?:\.[\w-]+)*(?!\w)")
_FULL_NAME = re.compile(r"(?<![\w.-])[A-Za-z0-9](?:[\w-]*\.)+[A-Za-z][\w-]*(?!\w)")
_AGENT = re.compile(r"^((?:user-agent|server)[ \t]*:)[^\r\n]*", re.I | re.M)
_LENGTH = re.compile(r"^((?:content-length|l)[ \t]*:[ \t]*)\d+", re.I | re.M)
_KEPT_USERS = frozenset({"anonymous", "unknown", "restricted", "unavailable", "invalid", "ping", "-"})
_KEPT_HOSTS = frozenset({"localhost", "anonymous.invalid", "unknown.invalid"})
_SERVICE = re.compile(r"[*#]\d{1,3}\Z|\d{1,2}\Z")  # feature codes, and numbers too short to be anybody's
_V4_KINDS = tuple(
    map(IPv4Network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16"))
)
_V6_KINDS = ((IPv6Network("fc00::/7"), IPv6Network("fd00::/64")), (IPv6Network("fe80::/10"), IPv6Network("fe80::/64")))
_PUBLIC = tuple(int(IPv4Address(each)) for each in ("203.0.113.0", "198.51.100.0", "192.0.2.0"))
_MORE = int(IPv4Address("198.18.0.0"))  # when the three networks of RFC 5737 are used up
_PRIVATE, _MOST = 0xF0000, 0xFFFD
_MARKS = re.compile("[\U000f0000-\U000ffffd]")


def redacted(records: Sequence[Record]) -> list[Record]:
    """The records, with nothing in them that names somebody."""
    cover = _Cover()
    for record in records:
        cover.learn(_text(record.data))
    return [cover.record(record) for record in records]


class _Cover:
    """What stands for what.

    What has been replaced is one character of a private plane of Unicode until a message is done, so that nothing is
    replaced twice.
    """

    def __init__(self) -> None:
        self._users: dict[str, str] = {}
        self._hosts: dict[str, str] = {}
        self._names: dict[str, str] = {}
        self._addresses: dict[str, str] = {}
        self._secrets: dict[str, str] = {}
        self._counts: dict[str, int] = {}
        self._marks: dict[str, str] = {}

    def learn(self, text: str) -> None:
        """Gather the users and hosts of a message."""
        for found in _URI.finditer(text):
            self.user(found[2] or "")
            self.host(found[4])
        for found in _TEL.finditer(text):
            self.user(found[2])
        for found in _VIA.finditer(text):
            self.host(found[2])
        for found in _SECRETS.finditer(text):
            value = found[2].strip('"')
            if found[1].lower() == "username":
                self.user(value.partition("@")[0])
            elif found[1].lower() == "realm" and "." in value:
                self.host(value)

    def record(self, record: Record) -> Record:
        """One record."""
        return msgspec.structs.replace(
            record,
            data=self._message(record.data),
            other=self._message(record.other) if record.other else b"",
            source=Address(self.host(record.source.host), record.source.port),
            destination=Address(self.host(record.destination.host), record.destination.port),
            repairs=tuple(self._shown(self._addresses_of(words)) for words in record.repairs),
            missing=tuple(self._shown(self._addresses_of(words)) for words in record.missing),
        )

    # --- what stands for one thing ------------------------------------------------------------------

    def user(self, user: str) -> str:
        """What stands for the user part of an address: a number of the same length, or a name."""
        if not user or user.lower() in _KEPT_USERS or _SERVICE.match(user):
            return user
        if user not in self._users:
            digits = len(re.sub(r"\D", "", user))
            if digits >= 3 and not re.search(r"[A-Za-z]", user):
                number = 5 * 10 ** (digits - 1) + self._next(f"number of {digits}")
                self._users[user] = f"{user[: user.startswith('+')]}{number}"
            else:
                self._users[user] = f"user{self._next('user')}"
        return self._users[user]

    def host(self, host: str) -> str:
        """What stands for a host: an address of the same kind, or a name."""
        bare = host.strip("[]")
        if not bare or bare.lower() in _KEPT_HOSTS:
            return host
        try:
            address = ip_address(bare.partition("%")[0])
        except ValueError:
            return self._host_name(bare)
        made = self._address(address)
        return f"[{made}]" if host.startswith("[") else made

    def _host_name(self, name: str) -> str:
        key = name.lower().rstrip(".")
        if not re.search(r"[a-z]", key) or len(key) < 2:
            return name
        if key not in self._hosts:
            ending = next((end for end in (".invalid", ".local") if key.endswith(end)), ".example.com")
            self._hosts[key] = f"host{self._next('host')}{ending}"
        return self._hosts[key]

    def _address(self, address: IPv4Address | IPv6Address) -> str:
        text = str(address)
        if address.is_loopback or address.is_unspecified or address.is_multicast or text == "255.255.255.255":
            return text
        if text not in self._addresses:
            self._addresses[text] = self._fresh(address)
        return self._addresses[text]

    def _fresh(self, address: IPv4Address | IPv6Address) -> str:
        if isinstance(address, IPv6Address):
            net = next((shown for real, shown in _V6_KINDS if address in real), IPv6Network("2001:db8::/32"))
            return str(net[self._next(str(net))])
        for net4 in _V4_KINDS:
            if address in net4:
                return str(net4[self._next(str(net4)) % (net4.num_addresses - 2) + 1])
        block, place = divmod(self._next("public") - 1, 254)
        if block < len(_PUBLIC):
            return str(IPv4Address(_PUBLIC[block] + place + 1))
        return str(IPv4Address(_MORE + (block * 254 + place) % (1 << 17)))

    def _name(self, name: str) -> str:
        if name.lower() in _KEPT_USERS or not name:
            return name
        if re.fullmatch(r"[+\d*#() -]+", name):
            return self.user(name)
        if name not in self._names:
            self._names[name] = f"Name {self._next('name')}"
        return self._names[name]

    def _hidden(self, value: str, kind: str) -> str:
        """What stands for a secret: something as long as it."""
        if value and value not in self._secrets:
            word = "" if kind in ("response", "rspauth") else kind
            filler = "0" if not word else "x"
            self._secrets[value] = f"{word}{self._next(kind)}".ljust(len(value), filler)
        return self._secrets.get(value, value)

    def _next(self, kind: str) -> int:
        self._counts[kind] = self._counts.get(kind, 0) + 1
        return self._counts[kind]

    # --- a message ----------------------------------------------------------------------------------

    def _mark(self, value: str) -> str:
        """The character that stands for a value until the message is done."""
        if value not in self._marks:
            if len(self._marks) > _MOST:
                return value
            self._marks[value] = chr(_PRIVATE + len(self._marks))
        return self._marks[value]

    def _shown(self, text: str) -> str:
        """The text with the values in place of their characters."""
        values = list(self._marks)
        return _MARKS.sub(lambda found: values[ord(found[0]) - _PRIVATE], text)

    def _message(self, data: bytes) -> bytes:
        text = _MARKS.sub("?", _text(data))
        head, gap, body = text.partition("\r\n\r\n")
        head, body = self._shown(self._head(head)), self._shown(self._body(body))
        if gap:
            size = len(body.encode("utf-8", "surrogateescape"))
            head = _LENGTH.sub(lambda found: f"{found[1]}{size}", head, count=1)
        return (head + gap + body).encode("utf-8", "surrogateescape")

    def _head(self, text: str) -> str:
        text = _AGENT.sub(lambda found: self._mark(found[0]), text)
        text = _TOKENS.sub(lambda found: found[1] + self._mark("redacted"), text)
        text = _SECRETS.sub(self._secret, text)
        text = _NAME.sub(self._named, text)
        text = _TEXTS.sub(lambda found: found[1] + self._mark("redacted"), text)
        text = self._addresses_of(text)
        return _FREE.sub(lambda found: self._words(found[0]), text)

    def _body(self, text: str) -> str:
        text = _KEYS.sub(self._key, text)
        if text.startswith("v=0"):
            return self._addresses_of(_SESSION.sub(self._session, text))
        text = _DISPLAY.sub(lambda found: f"{found[1]}{found[2]}{self._mark(self._name(found[3]))}{found[2]}", text)
        return self._words(self._addresses_of(text))

    def _addresses_of(self, text: str) -> str:
        """Addresses and hosts, wherever they stand."""
        text = _URI.sub(self._uri, text)
        text = _TEL.sub(lambda found: found[1] + self._mark(self.user(found[2])), text)
        text = _VIA.sub(lambda found: found[1] + self._mark(self.host(found[2])), text)
        text = _V4.sub(self._ip, text)
        text = _V6.sub(self._ip, text)
        return _FULL_NAME.sub(self._known, text)

    def _words(self, text: str) -> str:
        """Users that were met in any message, and what looks like a telephone number, in text of no known form."""
        return _PHONE.sub(lambda found: self._mark(self.user(found[0])), _WORD.sub(self._known, text))

    def _known(self, found: re.Match[str]) -> str:
        word = found[0]
        made = self._hosts.get(word.lower()) or (self._users.get(word) if len(word) > 2 else None)
        return self._mark(made) if made else word

    def _uri(self, found: re.Match[str]) -> str:
        user = self._mark(self.user(found[2])) if found[2] else ""
        password = f":{self._mark('redacted')}" if found[3] else ""
        return f"{found[1]}{user}{password}{'@' if found[2] else ''}{self._mark(self.host(found[4]))}"

    def _ip(self, found: re.Match[str]) -> str:
        try:
            return self._mark(self._address(ip_address(found[0].partition("%")[0])))
        except ValueError:
            return found[0]

    def _secret(self, found: re.Match[str]) -> str:
        kind, value = found[1].lower(), found[2]
        bare = value.strip('"')
        if kind == "username":
            user, mark, domain = bare.partition("@")
            made = self.user(user) + mark + (self.host(domain) if domain else "")
        elif kind == "realm":
            made = self.host(bare) if "." in bare else bare
        else:
            made = self._hidden(bare, kind)
        quote = '"' if value.startswith('"') else ""
        return f"{found[1]}={quote}{self._mark(made)}{quote}"

    def _key(self, found: re.Match[str]) -> str:
        value = found[2]
        return found[1] + self._mark(self._hidden(value, "key")[: len(value)])

    def _session(self, found: re.Match[str]) -> str:
        if found[1]:
            return found[1] + self._mark(self.user(found[2]))
        return f"{found[3] or found[4]}{self._mark('redacted' if found[3] else '-')}"

    def _named(self, found: re.Match[str]) -> str:
        name = found[2].strip().strip('"')
        return f'{found[1]}"{self._mark(self._name(name))}"' if name else found[0]


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")
