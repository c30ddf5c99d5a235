"""FreeSWITCH dial strings as people type them: `{a=b,...}sofia/gateway/NAME/NUMBER`, `user/1001`, `,` and `|`.

What is not supported is named in the error; nothing is dropped in silence.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from types import MappingProxyType

from sipclient.config.addresses import Target
from sipclient.config.values import quoted
from sipclient.dialling.plan import Leg, Plan
from sipclient.dialling.variables import Settings
from sipclient.errors import InvalidValue
from sipclient.message import check_header_value

LONGEST = 16_384  # characters
MOST_LEGS = 100

_CLOSING = {"{": "}", "[": "]"}
_PAREN = re.compile(r"\([^()\\]*\)|\$\{[^{}]*\}")
_ENDPOINT = re.compile(r"([A-Za-z_.]+)/")
_ESCAPED = MappingProxyType({"s": " ", "n": "\n", "r": "\r", "t": "\t"})  # as FreeSWITCH has them after a backslash
_PLAIN = "\\'\"[]{}(),"  # stands for itself after a backslash; before anything else the backslash stands for itself
_NAMED = ("sip:", "sips:", "tel:")


def parse_dial_string(text: str, accounts: Collection[str] = ()) -> Plan:
    """What a dial string, a number or a URI stands for. `accounts` are the names of ours: FreeSWITCH's gateways.

    `sofia/gateway/NAME/NUMBER` calls NUMBER through the account NAME; `sofia/PROFILE/USER@HOST` calls that address,
    through the account PROFILE where there is one of that name; `user/NNNN` calls an extension. `{...}` before all
    holds for all, `[...]` before one for that one. Raises InvalidValue with one sentence.
    """
    check_header_value(text, "dial string")
    if len(text) > LONGEST:
        raise InvalidValue(f"a dial string of {len(text)} characters: {LONGEST} is the most")
    if bad := next((each for each in text if not each.isprintable()), ""):
        raise InvalidValue(f"a dial string must not hold {bad!r}")
    return _Reader(text.strip(), accounts).plan()


class _Reader:
    """One dial string being read, from left to right."""

    def __init__(self, text: str, accounts: Collection[str]) -> None:
        self._text = text
        self._at = 0
        self._accounts = accounts

    def plan(self) -> Plan:
        settings = Settings()
        while self._text.startswith("{", self._at):
            settings.read(self._block())
        if self._text.startswith("<", self._at):
            raise InvalidValue('"<...>" and ":_:" (enterprise originate) are not supported: write "," or "|"')
        rounds: list[tuple[Leg, ...]] = []
        together: list[Leg] = []
        count = 0
        while True:
            together.append(self._leg())
            count += 1
            if count > MOST_LEGS:
                raise InvalidValue(f"a dial string of more than {MOST_LEGS} targets")
            mark = self._text[self._at : self._at + 1]
            self._at += 1
            if mark != ",":
                rounds.append(tuple(together))
                together = []
            if not mark:
                return settings.plan(tuple(rounds))

    def _block(self) -> tuple[str, ...]:
        """The parts between the brackets that begin here, which are passed over."""
        opening = self._text[self._at]
        parts, self._at = _parts(self._text, self._at + 1, _CLOSING[opening])
        while self._text.startswith(" ", self._at):
            self._at += 1
        return parts

    def _leg(self) -> Leg:
        own = Settings(of_one=True)
        while self._text.startswith((" ", "["), self._at):
            if self._text[self._at] == "[":
                own.read(self._block())
            else:
                self._at += 1
        if self._text.startswith("{", self._at):
            raise InvalidValue('"{...}" stands before the whole dial string: before one target write "[...]"')
        end = next((at for at in range(self._at, len(self._text)) if self._text[at] in ",|"), len(self._text))
        target, self._at = self._text[self._at : end].strip(), end
        return own.leg(self._target(target))

    # --- whom ---------------------------------------------------------------------------------------

    def _target(self, text: str) -> Leg:
        if not text:
            raise InvalidValue(f"{quoted(self._text)}: a target is missing" if self._text else "a dial string is empty")
        if ":_:" in text:
            raise InvalidValue('"<...>" and ":_:" (enterprise originate) are not supported: write "," or "|"')
        if " " in text:
            raise InvalidValue(
                f"{quoted(text)}: a target has no space in it; an application after it (&park) is not supported"
            )
        if "${" in text:
            raise InvalidValue(f"{quoted(text)}: ${{...}} is not filled in here: write the target itself")
        endpoint = None if text.lower().startswith(_NAMED) else _ENDPOINT.match(text)
        if endpoint is None:
            return _checked(Leg(text), text)
        kind, rest = endpoint[1].lower(), text[endpoint.end() :]
        if kind == "user":
            return _checked(Leg(rest), text)
        if kind == "sofia":
            return self._sofia(rest, text)
        raise InvalidValue(
            f'{quoted(text)}: the endpoint "{endpoint[1]}/" is not supported; sofia/gateway/NAME/NUMBER, '
            "sofia/PROFILE/USER@HOST and user/NUMBER are"
        )

    def _sofia(self, rest: str, text: str) -> Leg:
        profile, slash, target = rest.partition("/")
        if not slash:
            raise InvalidValue(f"{quoted(text)}: after sofia/ comes gateway/NAME/NUMBER or PROFILE/USER@HOST")
        if profile == "gateway":
            return self._gateway(target, text)
        if "fs_path=" in target:
            raise InvalidValue(f"{quoted(text)}: fs_path is not supported; the account's server is where calls go")
        bare = target[target.index(":") + 1 :] if target.lower().startswith(("sip:", "sips:")) else target
        if "@" not in bare and "%" in bare:  # FreeSWITCH's way to write a user that is registered there
            target = "@".join(target.rsplit("%", 1))
        elif "@" not in bare:
            raise InvalidValue(f"{quoted(text)}: sofia/PROFILE/ is followed by USER@HOST; by number it is user/NUMBER")
        uri = target if target.lower().startswith(("sip:", "sips:")) else f"sip:{target}"
        return _checked(Leg(uri, account=profile if profile in self._accounts else ""), text)

    def _gateway(self, rest: str, text: str) -> Leg:
        name, slash, number = rest.partition("/")
        if not slash or not number:
            raise InvalidValue(f"{quoted(text)}: a gateway is called as sofia/gateway/NAME/NUMBER")
        if name not in self._accounts:
            known = ", ".join(self._accounts) or "none"
            raise InvalidValue(
                f"{quoted(text)}: there is no account {quoted(name)}, and gateways are accounts by name; "
                f"there {'is' if len(self._accounts) < 2 else 'are'}: {known}"
            )
        return _checked(Leg(number, account=name), text)


def _checked(leg: Leg, text: str) -> Leg:
    if Target.parse(leg.to) is None:
        raise InvalidValue(f"{quoted(text)} is no number, no URI and no dial string")
    return leg


def _parts(text: str, at: int, closing: str) -> tuple[tuple[str, ...], int]:
    """The parts of a block, and where it ends. They part at `,` or at what `^^` names, but not within quotes, `(...)`
    or `${...}`; brackets of its own kind within it are closed before it is."""
    mark, opening, depth = ",", "{" if closing == "}" else "[", 0
    if text.startswith("^^", at) and len(text) > at + 2:
        mark, at = text[at + 2], at + 3
        if mark.isalnum() or mark in "=_{}[] '\"\\":
            raise InvalidValue(f'"^^{mark}": a separator is a mark like ":" or ";"')
    parts: list[str] = []
    part: list[str] = []
    quote = ""
    while at < len(text):
        here = text[at]
        at += 1
        if here == "\\" and at < len(text):
            part.append(_ESCAPED.get(text[at]) or (text[at] if text[at] in _PLAIN + mark else here + text[at]))
            at += 1
        elif not quote and (whole := _PAREN.match(text, at - 1)):
            part.append(whole[0])
            at = whole.end()
        elif quote:
            if here == quote:
                quote = ""
            else:
                part.append(here)
        elif here in "'\"" and part and part[-1] == "=" and text.find(here, at) >= 0:
            quote = here
        elif here == opening or (here == closing and depth):
            depth += 1 if here == opening else -1
            part.append(here)
        elif here == closing:
            parts.append("".join(part))
            return tuple(each.strip() for each in parts if each.strip()), at
        elif here == mark:
            parts.append("".join(part))
            part = []
        else:
            part.append(here)
    raise InvalidValue(f'{quoted(text)}: the "{opening}" or a quote in it is not closed')
