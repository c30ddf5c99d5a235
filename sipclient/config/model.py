"""robot.toml as values: one Struct for each table, one field for each key. All durations are seconds.

docs/configuration.md describes each key; a test holds the two together.
"""

from __future__ import annotations

import msgspec

from sipclient.config.addresses import Collector, HostPort, IceServer, IpAddress, Network, Server, SipAddress
from sipclient.config.causes import RejectWith, RetryOn
from sipclient.config.hours import Hours
from sipclient.config.patterns import Pattern
from sipclient.config.templates import CallerId, DialTemplate, HeaderTemplates, IncomingTemplate, Template
from sipclient.config.values import (
    Armed,
    Codec,
    Dscp,
    Hook,
    Identity,
    Media,
    Missed,
    Mistake,
    Package,
    Plain,
    Ports,
    Rate,
    Refer,
    Seconds,
    StateName,
    text_of,
)

ANY = (Pattern("*"),)
LONGEST_PAUSE = 86400.0  # seconds between two attempts


class Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The base of every table."""


class Text(str):
    """A string without control characters."""

    __slots__ = ()

    @classmethod
    def from_toml(cls, value: object) -> Text:
        """A string."""
        return cls(text_of(value, "this"))


class States(Plain):
    """One state or a list of states."""

    __slots__ = ("names", "text")

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names
        self.text = " or ".join(names)

    @classmethod
    def from_toml(cls, value: object) -> States:
        """A string or a list of strings, at least one."""
        texts = value if isinstance(value, list) else [value]
        if not texts:
            raise Mistake(f"at least one state: {', '.join(StateName.choices)}")
        return cls(tuple(str(StateName.from_toml(text)) for text in texts))

    def __contains__(self, name: str) -> bool:
        return name in self.names

    def __str__(self) -> str:
        return self.text


class Turn(Table, frozen=True, kw_only=True):
    """A TURN server and the credentials for it (RFC 8656)."""

    url: IceServer
    username: Text = Text("")
    password: Text = Text("")
    password_env: Text = Text("")
    password_file: Text = Text("")

    def __repr__(self) -> str:
        return f"Turn(url={self.url!r}, username={self.username!r})"


class AccountConfig(Table, frozen=True, kw_only=True):
    """`[accounts.NAME]`: one identity at one PBX.

    `password` is filled in from `password_env` or `password_file`, and never appears in a `repr`.
    """

    address: SipAddress
    password: Text = Text("")
    password_env: Text = Text("")
    password_file: Text = Text("")
    username: Text = Text("")
    realm: Text = Text("")
    display_name: Text = Text("")
    server: Server = Server("")
    local: HostPort = HostPort("")
    expires: Seconds = Seconds(300)
    register: bool = True
    identity: tuple[Identity, ...] = (Identity("from"), Identity("pai"))
    media: Media = Media("rtp")
    keepalive: Seconds = Seconds(30)
    peers: tuple[Network, ...] = ()
    tls_ca: Text = Text("")
    tls_verify: bool = True
    require_strong_digest: bool = False
    codecs: tuple[Codec, ...] = ()
    rtp_ports: Ports = Ports()
    dscp: Dscp = Dscp(46)
    public_address: IpAddress = IpAddress("")
    stun: IceServer = IceServer("")
    turn: Turn | None = None
    refer: Refer = Refer("deny")

    def __repr__(self) -> str:
        return f"AccountConfig(address={self.address!r}, server={self.server!r})"


class WatchConfig(Table, frozen=True, kw_only=True):
    """`[[watch]]`: extensions whose state the PBX is asked for. `account` is filled in where there is one."""

    extensions: tuple[Pattern, ...]
    account: Text = Text("")
    events: tuple[Package, ...] = (Package("presence"), Package("dialog"))
    missed: Missed = Missed("tell")

    def expand(self) -> list[str]:
        """Every extension, ranges written out, each once, in the order of the file."""
        return list(dict.fromkeys(text for pattern in self.extensions for text in pattern.expand()))


class When(Table, frozen=True, kw_only=True):
    """The change of state a rule is about."""

    account: Text = Text("")
    extensions: tuple[Pattern, ...] = ANY
    from_: States = msgspec.field(name="from", default=States(("on-the-phone",)))
    to: States = States(("ready",))


class Retry(Table, frozen=True, kw_only=True):
    """Further attempts: at most `times` after the first, the n-th after wait · backoff^(n-1) seconds."""

    on: tuple[RetryOn, ...]
    times: int = 3
    wait: Seconds = Seconds(10)
    backoff: float = 1.0

    def matches(self, status: int, cause: str) -> bool:
        """Whether a call that ended so is tried again."""
        return any(entry.matches(status, cause) for entry in self.on)

    def pause(self, attempt: int) -> float:
        """Seconds between the end of attempt number `attempt` (from 1) and the next; a day at most."""
        try:
            return min(self.wait * self.backoff ** (attempt - 1), LONGEST_PAUSE)
        except OverflowError:
            return LONGEST_PAUSE if self.wait else 0.0


class CallConfig(Table, frozen=True, kw_only=True):
    """The call a rule places. `account` empty: that of the extension."""

    to: Template
    account: Text = Text("")
    caller_id: CallerId = CallerId("", ())
    headers: HeaderTemplates = HeaderTemplates()
    timeout: Seconds = Seconds(45)
    retry: Retry | None = None


class RuleConfig(Table, frozen=True, kw_only=True):
    """`[[rules]]`: one change, some conditions, and a call or a hook."""

    name: Text
    when: When = When()
    settle: Seconds = Seconds(0)
    hours: Hours | None = None
    limit: Rate | None = None
    armed: Armed = Armed("always")
    call: CallConfig | None = None
    run: Hook | None = None


class Digits(Table, frozen=True, kw_only=True):
    """Digits asked of a caller: at most `most`, until `end` or until none came for `timeout`."""

    most: int = 1
    timeout: Seconds = Seconds(5)
    end: Text = Text("#")


class Match(Table, frozen=True, kw_only=True):
    """Which incoming calls an entry is about."""

    account: Text = Text("")
    to: Pattern = Pattern("*")
    from_: Pattern = msgspec.field(name="from", default=Pattern("*"))
    hours: Hours | None = None


class IncomingAction(Table, frozen=True, kw_only=True):
    """What is done with an incoming call."""

    answer: bool = False
    play: Text = Text("")
    record: bool | str = False  # true, or the name of the file
    digits: Digits | None = None
    camp_on: IncomingTemplate = IncomingTemplate("", ())
    expires: Seconds = Seconds(3600)  # of camping on
    reject: RejectWith = RejectWith("")
    redirect: IncomingTemplate = IncomingTemplate("", ())
    bridge: DialTemplate = DialTemplate("", ())
    run: Hook | None = None


class IncomingConfig(Table, frozen=True, kw_only=True):
    """`[[incoming]]`: calls that reach us; the first match wins."""

    match: Match = Match()
    action: IncomingAction


class StoreConfig(Table, frozen=True, kw_only=True):
    """`[store]`: where jobs and states survive."""

    url: Text = Text("sqlite:robot.db")

    def __repr__(self) -> str:
        return f"StoreConfig(scheme={self.url.partition(':')[0]!r})"  # a URL may hold a password


class WebConfig(Table, frozen=True, kw_only=True):
    """`[web]`: the HTTP API and the page."""

    listen: HostPort = HostPort("127.0.0.1:8080")
    hosts: tuple[Text, ...] = ()
    tokens: Text = Text("")
    recordings: Text = Text("")
    dry_run: bool = False


class WebhookConfig(Table, frozen=True, kw_only=True):
    """`[[webhooks]]`: events told to somebody by HTTP POST. `secret` signs them."""

    url: Text
    events: tuple[Pattern, ...] = ANY
    secret: Text = Text("")
    secret_env: Text = Text("")
    secret_file: Text = Text("")

    def __repr__(self) -> str:
        return f"WebhookConfig(events={self.events!r})"  # a URL may hold a token


class ListenConfig(Table, frozen=True, kw_only=True):
    """`[listen]`: browsers that call us over secure WebSocket (RFC 7118)."""

    wss: HostPort
    origins: tuple[Text, ...] = ()
    certificate: Text
    key: Text = Text("")


class HepConfig(Table, frozen=True, kw_only=True):
    """`[hep]`: every SIP message, as HEP3, to a collector such as Homer."""

    server: Collector
    id: int = 2001
    password: Text = Text("")
    password_env: Text = Text("")
    password_file: Text = Text("")

    def __repr__(self) -> str:
        return f"HepConfig(server={self.server!r}, id={self.id})"


class OtelConfig(Table, frozen=True, kw_only=True):
    """`[otel]`: what the robot does, as OpenTelemetry spans, by OTLP over HTTP."""

    endpoint: Text = Text("")
    service_name: Text = Text("")


class DialConfig(Table, frozen=True, kw_only=True):
    """`[dial]`: what may be called at all, and how fast."""

    allow: tuple[Pattern, ...] = ()
    calls_per_second: float = 5.0
    calls_at_once: int = 20


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """A whole robot.toml, checked."""

    accounts: dict[str, AccountConfig]
    watch: tuple[WatchConfig, ...] = ()
    rules: tuple[RuleConfig, ...] = ()
    incoming: tuple[IncomingConfig, ...] = ()
    store: StoreConfig = StoreConfig()
    web: WebConfig | None = None
    webhooks: tuple[WebhookConfig, ...] = ()
    listen: ListenConfig | None = None
    hep: HepConfig | None = None
    otel: OtelConfig | None = None
    dial: DialConfig = DialConfig()
    recordings: str = ""
    dry_run: bool = False

    def domain(self, account: str) -> str:
        """The host of the account's address, where its bare numbers are dialled; empty for no account."""
        return self.accounts[account].address.domain if account in self.accounts else ""


TABLES: dict[str, type[Table]] = {
    "accounts": AccountConfig,
    "watch": WatchConfig,
    "rules": RuleConfig,
    "incoming": IncomingConfig,
    "store": StoreConfig,
    "web": WebConfig,
    "webhooks": WebhookConfig,
    "listen": ListenConfig,
    "hep": HepConfig,
    "otel": OtelConfig,
    "dial": DialConfig,
}
ARRAYS = ("watch", "rules", "incoming", "webhooks")
