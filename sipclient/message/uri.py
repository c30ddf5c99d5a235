"""sip:, sips:, tel: and other URIs, as values. RFC 3261 §19.1, RFC 3966."""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import AddressValueError, IPv6Address
from typing import Final, TypeAlias

import msgspec

from sipclient.errors import MalformedMessage
from sipclient.message.limits import DEFAULT, MAX_VALUES
from sipclient.message.text import EMPTY, Params

# The user part may also hold a raw `#`, which dial strings have and RFC 3261 wants escaped.
_USER: Final = r"A-Za-z0-9\-_.!~*'()&=+$,;?/#%"
_SIP: Final = re.compile(
    rf"""(?:([{_USER}]++)(?::([A-Za-z0-9\-_.!~*'()&=+$,%]*+))?+@)?+
    (?:\[([0-9A-Fa-f:.]++)\]|([A-Za-z0-9_.\-]++))(?::([0-9]{{1,5}}+))?+
    (;[^?]++)?+(?:\?(.*+))?+""",
    re.X,
)
_USER_CHARACTER: Final = re.compile(rf"%[0-9A-Fa-f]{{2}}|[^{_USER}]|%", re.S)
_BAD_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
_ESCAPE: Final = re.compile(r"((?:%[0-9A-Fa-f]{2})+)")
_URI_PARAMS: Final = re.compile(r"(?:;[!#-:@-~]++(?:=[!#-:=@-~]*+)?+)++")
_URI_HEADERS: Final = re.compile(r"[!#-%'-;?-~]++=[!#-%'-;=?-~]*+(?:&[!#-%'-;?-~]++=[!#-%'-;=?-~]*+)*+")
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*+")
_OPAQUE: Final = re.compile(r"[!#-;=?-~]++")
_TEL: Final = re.compile(r"(\+?[0-9A-Fa-f*#().\-]++)(;.++)?+")
_SEPARATORS: Final = str.maketrans("", "", "-.()")
_RESERVED: Final = frozenset(";/?:@&=+$,")
_DECISIVE: Final = ("user", "ttl", "method", "maddr", "transport")  # in one URI only: never equal


def unescape(text: str) -> str:
    """The text with each %HH resolved; bytes that are no UTF-8 become surrogates, as in received headers."""
    if "%" not in text:
        return text
    return _ESCAPE.sub(lambda run: bytes.fromhex(run[0].replace("%", "")).decode("utf-8", "surrogateescape"), text)


def escape(text: str, allowed: re.Pattern[str]) -> str:
    """The text with what `allowed` does not match in full written as %HH; valid escapes stay."""
    return "".join(
        piece if len(piece) == 3 or allowed.fullmatch(piece) else _percent(piece)
        for piece in re.findall(r"%[0-9A-Fa-f]{2}|.", text, re.S)
    )


def _percent(character: str) -> str:
    return "".join(f"%{byte:02X}" for byte in character.encode("utf-8", "surrogateescape"))


_USER_ALLOWED: Final = re.compile(rf"[{_USER.replace('%', '')}]")
_PASSWORD_ALLOWED: Final = re.compile(r"[A-Za-z0-9\-_.!~*'()&=+$,]")
_PARAM_ALLOWED: Final = re.compile(r"[A-Za-z0-9\-_.!~*'()\[\]/:&+$]")
_HEADER_ALLOWED: Final = re.compile(r"[A-Za-z0-9\-_.!~*'()\[\]/?:+$]")


def _uri_params(text: str) -> Params:
    if _URI_PARAMS.fullmatch(text) is None or _BAD_ESCAPE.search(text):
        raise MalformedMessage("a parameter of the URI is not `;name` or `;name=value`")
    parts = text.split(";")
    if len(parts) > MAX_VALUES:
        raise MalformedMessage(f"more than {MAX_VALUES} parameters")
    values: dict[str, str] = {}
    for part in parts[1:]:
        name, _, value = part.partition("=")
        values.setdefault(unescape(name).lower(), unescape(value))
    return Params(values, text)


def _uri_headers(text: str) -> tuple[tuple[str, str], ...]:
    if _URI_HEADERS.fullmatch(text) is None or _BAD_ESCAPE.search(text):
        raise MalformedMessage("the headers of the URI are not `name=value` joined by &")
    pairs = (part.partition("=") for part in text.split("&"))
    return tuple((unescape(name), unescape(value)) for name, _, value in pairs)


def _changed(params: Params, changes: Mapping[str, str | None]) -> Params:
    wanted = {name.lower(): (name, value) for name, value in changes.items()}
    parts = [part for part in str(params).split(";")[1:] if unescape(part.partition("=")[0]).lower() not in wanted]
    for name, value in wanted.values():
        if value is not None:
            name = escape(name, _PARAM_ALLOWED)
            parts.append(f"{name}={escape(value, _PARAM_ALLOWED)}" if value else name)
    return _uri_params("".join(f";{part}" for part in parts)) if parts else EMPTY


class SipUri(msgspec.Struct, frozen=True):
    """A sip: or sips: URI. `==` compares as written; `equals` as RFC 3261 §19.1.4 says.

    `user` and `password` are kept as written, escapes and all (`user_text` is what the user part says); `host`
    has no brackets and `port` is None where none was written. `headers` are (name, value), unescaped.
    """

    scheme: str
    host: str
    user: str = ""
    password: str | None = None
    port: int | None = None
    params: Params = EMPTY
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def user_text(self) -> str:
        """The user part with its escapes resolved."""
        return unescape(self.user)

    @property
    def is_ipv6(self) -> bool:
        """Whether the host is an IPv6 literal."""
        return ":" in self.host

    @property
    def transport(self) -> str:
        """The transport parameter in lower case, "" if there is none."""
        return self.params.get("transport", "").lower()

    @property
    def lr(self) -> bool:
        """Whether the URI names a loose router (RFC 3261 §19.1.1)."""
        return "lr" in self.params

    def with_params(self, changes: Mapping[str, str | None]) -> SipUri:
        """This URI with parameters changed: a value sets, "" sets a bare name, None removes."""
        return self.replace(params=_changed(self.params, changes))

    def replace(self, **changes: object) -> SipUri:
        """This URI with other fields."""
        return msgspec.structs.replace(self, **changes)

    def equals(self, other: object) -> bool:
        """Whether both name the same resource by RFC 3261 §19.1.4. Not transitive, as the RFC says itself."""
        return isinstance(other, SipUri) and _equal(self, other)

    def __str__(self) -> str:
        parts = [self.scheme, ":"]
        if self.user:
            parts.append(escape(self.user, _USER_ALLOWED) if _USER_CHARACTER.search(self.user) else self.user)
            if self.password is not None:
                parts += ":", escape(self.password, _PASSWORD_ALLOWED)
            parts.append("@")
        parts.append(f"[{self.host}]" if ":" in self.host else self.host)
        if self.port is not None:
            parts.append(f":{self.port}")
        parts.append(str(self.params))
        mark = "?"
        for name, value in self.headers:
            parts.append(f"{mark}{escape_all(name)}={escape_all(value)}")
            mark = "&"
        return "".join(parts)


def escape_all(text: str) -> str:
    """The text for a header of a URI: every character that hname and hvalue do not have as %HH."""
    return "".join(c if _HEADER_ALLOWED.fullmatch(c) else _percent(c) for c in text)


def _plain(text: str) -> str:
    """A user part or parameter as compared: escapes resolved but for reserved characters (§19.1.4)."""
    if "%" not in text:
        return text

    def resolve(found: re.Match[str]) -> str:
        character = chr(int(found[0][1:], 16))
        return found[0].upper() if character in _RESERVED or character == "%" else character

    return re.sub(r"%[0-9A-Fa-f]{2}", resolve, text)


def same_host(one: str, other: str) -> bool:
    """Whether two hosts are the same text, or two spellings of one IPv6 address."""
    if one.lower() == other.lower():
        return True
    if ":" not in one or ":" not in other:
        return False
    try:
        return IPv6Address(one) == IPv6Address(other)
    except AddressValueError:
        return False


def _equal(one: SipUri, other: SipUri) -> bool:
    if one.scheme != other.scheme or one.port != other.port or not same_host(one.host, other.host):
        return False
    if _plain(one.user) != _plain(other.user) or _plain(one.password or "") != _plain(other.password or ""):
        return False
    if (one.password is None) != (other.password is None):
        return False
    for name in one.params.keys() | other.params.keys():
        here, there = one.params.get(name), other.params.get(name)
        if here is None or there is None:
            if name in _DECISIVE:
                return False
        elif here.lower() != there.lower():
            return False
    return _header_set(one) == _header_set(other)


def _header_set(uri: SipUri) -> list[tuple[str, str]]:
    return sorted((name.lower(), value) for name, value in uri.headers)


class TelUri(msgspec.Struct, frozen=True):
    """A tel: URI (RFC 3966). `number` is as written, with its visual separators."""

    number: str
    params: Params = EMPTY
    scheme: str = "tel"

    @property
    def is_global(self) -> bool:
        """Whether the number is in international form (`+...`)."""
        return self.number.startswith("+")

    @property
    def digits(self) -> str:
        """The number without visual separators."""
        return self.number.translate(_SEPARATORS)

    def equals(self, other: object) -> bool:
        """Whether both are the same number by RFC 3966 §5: separators, case and order do not count."""
        return (
            isinstance(other, TelUri)
            and self.digits.lower() == other.digits.lower()
            and _tel_params(self) == _tel_params(other)
        )

    def __str__(self) -> str:
        return f"tel:{self.number}{self.params}"


def _tel_params(uri: TelUri) -> dict[str, str]:
    values = {name: value.lower() for name, value in uri.params.items()}
    for name in ("ext", "phone-context"):
        value = values.get(name, "")
        if name == "ext" or value.startswith("+"):
            value = value.translate(_SEPARATORS)
        if value:
            values[name] = value
    return values


class OtherUri(msgspec.Struct, frozen=True):
    """A URI of a scheme we do not speak. Whoever needs to reach it answers 416 (RFC 3261 §21.4.14)."""

    scheme: str
    opaque: str

    def equals(self, other: object) -> bool:
        """Whether both are the same text, the scheme's case aside."""
        return self == other

    def __str__(self) -> str:
        return f"{self.scheme}:{self.opaque}"


Uri: TypeAlias = SipUri | TelUri | OtherUri


def parse_uri(text: str, limit: int = DEFAULT.uri) -> Uri:
    """The URI that `text` is, in full. Raises 414 when it is longer than `limit` characters, 400 when it is none."""
    if len(text) > limit:
        raise MalformedMessage(f"a URI is longer than {limit} characters", 414)
    scheme, colon, rest = text.partition(":")
    if scheme not in ("sip", "sips", "tel"):
        if not colon or _SCHEME.fullmatch(scheme) is None:
            raise MalformedMessage("a URI does not begin with a scheme")
        scheme = scheme.lower()
    if scheme in ("sip", "sips"):
        return _sip_uri(scheme, rest)
    if scheme == "tel":
        return _tel_uri(rest)
    if _OPAQUE.fullmatch(rest) is None:
        raise MalformedMessage(f"the {scheme}: URI is empty or holds a character that no URI has")
    return OtherUri(scheme, rest)


def _sip_uri(scheme: str, rest: str) -> SipUri:
    match = _SIP.fullmatch(rest)
    if match is None:
        raise MalformedMessage(f"the {scheme}: URI is malformed")
    user, password, literal, host, port, params, headers = match.groups()
    if user is None:
        user = ""
    elif _BAD_ESCAPE.search(user) or (password and _BAD_ESCAPE.search(password)):
        raise MalformedMessage("the user part of the URI holds a % that is no escape")
    if literal is not None:
        host = read_ipv6(literal)
    number = None
    if port is not None:
        number = int(port)
        if number > 65535:
            raise MalformedMessage("the port of the URI is above 65535")
    return SipUri(
        scheme,
        host,
        user,
        password,
        number,
        EMPTY if params is None else _uri_params(params),
        () if headers is None else _uri_headers(headers),
    )


def read_ipv6(text: str) -> str:
    """The IPv6 address that stands between brackets, in canonical colons. Raises 400.

    `2001:db8:::192.0.2.1`, which a fault in RFC 3261's grammar makes peers write, is taken for what it means
    (RFC 5118 §4.10).
    """
    if ":::" in text and "." in text:
        text = text.replace(":::", "::")
    try:
        IPv6Address(text)
    except AddressValueError:
        raise MalformedMessage("an IPv6 address is malformed") from None
    return text


def _tel_uri(rest: str) -> TelUri:
    match = _TEL.fullmatch(rest)
    if match is None or not match[1].strip("+-.()"):
        raise MalformedMessage("the tel: URI has no number")
    return TelUri(match[1], _uri_params(match[2]) if match[2] else EMPTY)
