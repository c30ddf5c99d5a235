"""What a lab consists of: its users, its queues, and whose manners it has."""

from __future__ import annotations

from enum import StrEnum

from sipclient.presence import State
from sipclient.protocol.events import Headers, Value


class Dialect(StrEnum):
    """Whose manners the lab has: how it challenges, and what its presence documents look like."""

    ASTERISK = "asterisk"
    FREESWITCH = "freeswitch"
    KAMAILIO = "kamailio"


class Strategy(StrEnum):
    """How a queue rings its agents."""

    ALL = "all"  # every free agent at once
    IN_TURN = "in-turn"  # one after another, beginning behind the one who was rung last


class User(Value, frozen=True):
    """Somebody with an account: an extension, or a robot. The password is in no repr."""

    extension: str
    password: str
    name: str = ""

    def __repr__(self) -> str:
        return f"User({self.extension!r}, name={self.name!r})"


class Queue(Value, frozen=True):
    """A number behind which agents wait. Durations in seconds."""

    number: str
    agents: tuple[str, ...]
    strategy: Strategy = Strategy.ALL
    ring_for: float = 15.0  # how long one agent (or all) may ring before the next
    pause: float = 2.0  # between two rounds in which nobody answered
    patience: float = 150.0  # a caller who waited that long gets 480


class Settings(Value, frozen=True, kw_only=True):
    """Everything else. Durations in seconds."""

    domain: str = "127.0.0.1"  # the host part of addresses in presence documents and caller IDs
    realm: str = "sipclient-lab"
    dialect: Dialect = Dialect.ASTERISK
    algorithms: tuple[str, ...] = ("MD5",)  # offered for digest, in this order; SHA-256, SHA-512-256 too
    nonce_life: float = 300.0  # after which a nonce is stale
    min_expires: float = 10.0  # of a registration; below it Asterisk clamps, the others answer 423
    max_expires: float = 3600.0
    max_contacts: int = 1  # of one user; a further one evicts the oldest
    ring_for: float = 60.0  # how long a phone may ring
    echo: str = "9196"  # answers by itself, with the caller's own description: who calls it hears themselves
    busy_to: str = ""  # whose phone gets the calls to an extension that is on the phone; empty: that rings all the same
    never: str = "9198"  # rings and never answers


class Dialog(Value, frozen=True):
    """One call of an extension, as its dialog-info tells it."""

    id: str
    state: State  # RINGING, ON_THE_PHONE or ON_HOLD
    caller: bool  # the extension placed it
    other: str  # the number at the other end
    other_name: str = ""


class View(Value, frozen=True):
    """What there is to tell of an extension now."""

    extension: str
    name: str
    state: State
    dialogs: tuple[Dialog, ...] = ()


class Refusal(Value, frozen=True):
    """Why a request is not done: a final status, and the headers that go with it."""

    status: int
    reason: str = ""
    headers: Headers = ()
