"""Who we are in a trace: the accounts of one address of ours, as its messages show them, or as robot.toml has them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import pairwise

import msgspec

from sipclient.config import AccountConfig, Config
from sipclient.message import Message, Request, SipUri
from sipclient.protocol.account import Account, user_at
from sipclient.protocol.events import Target
from sipclient.trace.record import Address
from sipclient.trace.replaying.sides import Seen, is_address

_INSTANCE = re.compile(r"\+sip\.instance=\"<urn:uuid:([0-9A-Fa-f-]{36})>\"")
STAND_IN = "not-the-password"
SERVES = frozenset({"REGISTER", "PUBLISH", "SUBSCRIBE"})  # what a PBX is asked, and a telephone is not


class Cast(msgspec.Struct, frozen=True):
    """One account in the replay. `rules` is how robot.toml calls it; `call` the Call-ID of its registration."""

    account: Account
    target: Target
    rules: str
    call: str = ""
    known_password: bool = False

    @property
    def user(self) -> str:
        """The user of its address."""
        return self.account.user


class Casting:
    """The accounts of one address of ours, in the order of their first message."""

    def __init__(self, address: Address, seen: Iterable[Seen], config: Config | None) -> None:
        self.casts: list[Cast] = []
        self.inferred: list[str] = []
        self._config = config
        mine = [each for each in seen if each.message is not None]
        self._address = address
        self._sent = [each for each in mine if each.source == address]
        self._passwords = any(each.message and each.message.authorizations for each in self._sent)
        self.pings = [each for each in self._sent if self.is_ping(each)]
        gaps = [after.at - before.at for before, after in pairwise(self.pings)]
        self.interval = max((1.0, *gaps)) if self.pings else 0.0  # seconds; of keep-alives
        registers: dict[str, Seen] = {}
        for each in self._sent:
            if each.is_request and each.method == "REGISTER" and (each.call in registers or not ends(each.message)):
                registers.setdefault(each.call, each)
        for each in registers.values():
            self._add(each, each.call)
        if not registers and (first := self._first(mine)) is not None:
            self._add(first, "")

    def _first(self, mine: list[Seen]) -> Seen | None:
        asked = [each for each in self._sent if each.is_request]
        return next(iter(asked or [each for each in mine if each.is_request] or mine), None)

    @property
    def instance(self) -> str:
        """The digits of the instance in our Contacts; empty for none."""
        for each in self._sent:
            found = _INSTANCE.search(each.message.headers.get("Contact") or "") if each.message is not None else None
            if found is not None:
                return found[1].replace("-", "").lower()
        return ""

    @staticmethod
    def is_ping(seen: Seen) -> bool:
        """Whether a message keeps a flow alive as ours does: OPTIONS to the server itself, with nothing of our own."""
        message = seen.message
        return (
            isinstance(message, Request)
            and message.method == "OPTIONS"
            and not message.to_tag
            and "Contact" not in message.headers
            and "@" not in message.uri_text
        )

    def account_for(self, user: str) -> Cast:
        """The account of that user; else the first."""
        return next((each for each in self.casts if each.user == user), self.casts[0])

    def _add(self, seen: Seen, call: str) -> None:
        message = seen.message
        outward = seen.source == self._address
        there = seen.destination if outward else seen.source
        address, name = _own(message, outward=outward == seen.is_request)
        user = user_at(address)
        taken = sum(each.user == user for each in self.casts)
        key = f"{user or address}#{taken + 1}" if taken else user or address
        found = self._configured(address)
        host = there.host if is_address(there.host) else "192.0.2.1"
        target = Target(seen.transport, host, there.port or 5060, name=there.host)
        account = Account(
            address,
            name=key if found is None or taken else found[0],
            password=STAND_IN if self._passwords else "",
            username=self._username(),
            display_name=name,
            server=f"{seen.transport}:{there}",
            expires=_expires(message) or 300.0,
            register=bool(call),
            identity=("from", "pai") if self._asserts() else ("from",),
            media="none",
            keepalive=self.interval,
            handles=self._handles(),
            refer="allow" if any(each.method == "REFER" and each.status == 202 for each in self._sent) else "deny",
            user_agent=self._value("User-Agent"),
        )
        if found is not None:
            account = _with(account, found[1])
        else:
            kind = "registers" if call else "does not register"
            self.inferred.append(f"account {account.key} = {address} at {account.server}, {kind}")
        known = found is not None and bool(found[1].password)
        self.casts.append(Cast(account, target, found[0] if found else account.key, call, known))

    def _configured(self, address: str) -> tuple[str, AccountConfig] | None:
        """The account of robot.toml that this is: by its address, else by its user."""
        accounts = self._config.accounts if self._config is not None else {}
        user = user_at(address)
        alike = [name for name, each in accounts.items() if str(each.address).lower() == address.lower()]
        alike += [name for name, each in accounts.items() if user_at(str(each.address)) == user]
        return (alike[0], accounts[alike[0]]) if alike else None

    def _asserts(self) -> bool:
        """Whether our calls name their caller in P-Asserted-Identity just as in From (RFC 3325)."""
        calls = [each.message for each in self._sent if each.is_request and each.method == "INVITE" and each.message]
        named = [_asserted(each) for each in calls if not each.to_tag]
        return any(named) and all(each is not False for each in named)

    def _username(self) -> str:
        for each in self._sent:
            for given in each.message.authorizations if each.message is not None else ():
                return given.params.get("username", "")
        return ""

    def _value(self, header: str) -> str:
        for each in self._sent:
            if each.is_request and each.message is not None and (value := each.message.headers.get(header)):
                return value
        return ""

    def _handles(self) -> frozenset[str]:
        """What we answer ourselves because the trace shows that we serve it."""
        return frozenset(each.method for each in self._sent if each.status and each.method in SERVES)


def _asserted(invite: Message) -> bool | None:
    """Whether P-Asserted-Identity says what From says; None where From is the account's own, and nothing need."""
    shown = (invite.headers.get("From") or "").rpartition(";tag=")[0]
    given = invite.headers.get("P-Asserted-Identity")
    own = next((each.uri.user for each in invite.contacts if isinstance(each.uri, SipUri)), None)
    if given is None and isinstance(invite.from_.uri, SipUri) and invite.from_.uri.user == own:
        return None
    return given == shown


def _with(account: Account, config: AccountConfig) -> Account:
    """What robot.toml says of the account, where a replay has a use for it. Where it is, the trace knows better."""
    return msgspec.structs.replace(
        account,
        password=str(config.password) or account.password,
        username=str(config.username) or account.username,
        realm=str(config.realm),
        display_name=str(config.display_name),
        expires=float(config.expires),
        identity=tuple(map(str, config.identity)),
        require_strong_digest=config.require_strong_digest,
        refer=str(config.refer),
        public_address=str(config.public_address),
    )


def _own(message: Message | None, *, outward: bool) -> tuple[str, str]:
    """Our address-of-record and display name in a message: its From where we asked, its To where we were asked."""
    address = (message.from_ if outward else message.to) if message is not None else None
    if address is None or not isinstance(address.uri, SipUri):
        return "sip:unknown@192.0.2.1", ""
    uri = address.uri
    host = f"[{uri.host}]" if ":" in uri.host and not uri.host.startswith("[") else uri.host
    port = f":{uri.port}" if uri.port else ""
    return f"{uri.scheme}:{uri.user}@{host}{port}" if uri.user else f"{uri.scheme}:{host}{port}", address.display_name


def ends(message: Message | None) -> bool:
    """Whether a REGISTER ends what was registered (RFC 3261 §10.2.2)."""
    return message is not None and (message.expires == 0 or any(each.expires == 0 for each in message.contacts))


def _expires(message: Message | None) -> float:
    """What a REGISTER asks for: in its Contact, or its Expires."""
    if not isinstance(message, Request) or message.method != "REGISTER":
        return 0.0
    asked = [each.expires for each in message.contacts if each.expires is not None]
    return float(asked[0] if asked else message.expires or 0)
