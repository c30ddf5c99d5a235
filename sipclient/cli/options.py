"""What several commands take, and the values made of it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import Annotated, TypeVar

import msgspec
import typer

from sipclient.config import Config, Mistake, Seconds, SipAddress, allowed
from sipclient.config import Server as ServerText
from sipclient.errors import InvalidValue
from sipclient.protocol.account import Account
from sipclient.robot.accounts import account_of
from sipclient.robot.files import folder_of, load_file

T = TypeVar("T")

DEFAULT_FILE = "robot.toml"
PASSWORD = "SIPCLIENT_PASSWORD"
LEAVING = 3.0  # seconds that a command's leaving may take
_NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?")

File = Annotated[str, typer.Argument(metavar="[FILE]", help="The robot.toml.", show_default=False)]
ConfigFile = Annotated[str, typer.Option("--config", metavar="FILE", help="The robot.toml.")]
AccountName = Annotated[str, typer.Option("--account", metavar="NAME", help="Which account; default: the first.")]
Address = Annotated[
    str,
    typer.Option("--address", metavar="URI", help=f"Without a file: sip:user@domain, the password in ${PASSWORD}."),
]
Server = Annotated[
    str, typer.Option("--server", metavar="WHERE", help="With --address: udp:host:port, tcp:host, tls:host.")
]
Register = Annotated[
    bool,
    typer.Option(
        "--register", help="Register first. A PBX that keeps one contact an account then forgets a running robot."
    ),
]
CallerId = Annotated[str, typer.Option("--caller-id", help="'\"Name\" <user>' or a user.")]
VariableTexts = Annotated[
    list[str] | None,
    typer.Option("--variable", help="NAME=VALUE: for {variables.NAME}, and the header X-NAME; may be repeated."),
]
HeaderTexts = Annotated[list[str] | None, typer.Option("--header", help="'X-Name: value'; may be repeated.")]


class Caller(msgspec.Struct, frozen=True):
    """The account a command acts for, and the configuration where there is one."""

    account: Account
    config: Config | None = None
    others: tuple[Account, ...] = ()  # of the file, for a command that takes gateways by name

    def may_call(self, target: str, account: str = "") -> bool:
        """Whether the file's `[dial] allow` names it, called through `account` or the one a command acts for; without
        a file whoever types it is asked by nobody."""
        if self.config is None:
            return True
        return allowed(self.config.dial.allow, target, self.config.domain(account or self.account.key))


def caller(config: str, name: str, address: str, server: str, register: bool) -> Caller:
    """From the options. Raises ConfigError for the file, InvalidValue for the rest."""
    if address:
        if config or name:
            raise InvalidValue("--address stands in place of --config and --account: give one or the other")
        taken = typed("--address", SipAddress.from_toml, address)
        where = typed("--server", ServerText.from_toml, server) if server else ""
        return Caller(Account(str(taken), server=str(where), password=_password(), register=register, media="rtp"))
    if server:
        raise InvalidValue("--server goes with --address: a robot.toml says where its accounts are")
    path = config or DEFAULT_FILE
    if not config and not os.path.exists(path):
        raise InvalidValue(f"there is no {path} here: name one by --config, or say who calls by --address")
    loaded = load_file(path)
    chosen = name or next(iter(loaded.accounts), "")
    if chosen not in loaded.accounts:
        raise InvalidValue(f"{path} has no account {chosen!r}; it has: {', '.join(loaded.accounts) or 'none'}")
    accounts = {
        each: msgspec.structs.replace(  # the ports are the running robot's
            account_of(each, settings, folder_of(path)), register=register, local=""
        )
        for each, settings in loaded.accounts.items()
    }
    return Caller(accounts.pop(chosen), loaded, tuple(accounts.values()))


def _password() -> str:
    password = os.environ.get(PASSWORD, "")
    if not password.isprintable():
        raise InvalidValue(f"what {PASSWORD} holds has a line break or another control character in it")
    return password


def typed(option: str, read: Callable[[object], T], text: str) -> T:
    """A value as robot.toml would read it. Raises InvalidValue that names the option."""
    try:
        return read(text)
    except Mistake as mistake:
        raise InvalidValue(f"{option}: {mistake}") from mistake


def seconds(option: str, text: str) -> float:
    """A duration: `45s`, `2m`, or a number of seconds; 0 where the option was not given."""
    if not text:
        return 0.0
    return float(typed(option, Seconds.from_toml, f"{text}s" if _NUMBER.fullmatch(text) else text))


def ringing_time(option: str, text: str) -> float:
    """How long a call may ring. Raises InvalidValue for no time at all."""
    limit = seconds(option, text)
    if not limit:
        raise InvalidValue(f"{option}: a call that rings for no time is never answered: say how long it may")
    return limit


def headers_of(texts: list[str] | None) -> list[tuple[str, str]]:
    """Headers as `--header` has them. Raises InvalidValue."""
    parted = [(text, *text.partition(":")) for text in texts or ()]
    for text, _, colon, _ in parted:
        if not colon:
            raise InvalidValue(f"--header is like 'X-Name: value', not {text!r}")
    return [(name.strip(), value.strip()) for _, name, _, value in parted]


def variables_of(texts: list[str] | None) -> dict[str, str]:
    """Variables as `--variable` has them. Raises InvalidValue."""
    parted = [(text, *text.partition("=")) for text in texts or ()]
    for text, name, equals, _ in parted:
        if not equals or not name.strip():
            raise InvalidValue(f"--variable is like order=17, not {text!r}")
    return {name.strip(): value for _, name, _, value in parted}
