"""What the robot tells: one value for each line of its log, and for each event of its JSON.

`event` is the name in JSON, the fields are the rest of the object; `mark` and `words` make the readable line:
`>` what we sent or began, `<` what others sent, `=` what is so now.
"""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

import msgspec

from sipclient.config.values import counted, lasting
from sipclient.protocol.events import CallEnded
from sipclient.transport.addresses import shown


def _kebab(name: str) -> str:
    return "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("-")


class Told(msgspec.Struct, frozen=True, tag_field="event", tag=_kebab):
    """The base of everything told."""

    mark: ClassVar[str] = "="

    def words(self) -> str:
        """The line for people."""
        return ""

    def name(self) -> str:
        """What `event` says in JSON."""
        return str(self.__struct_config__.tag)


def as_json(news: Told, at: datetime) -> str:
    """One object, the same in the log, in the stream of events and for webhooks."""
    body = msgspec.json.encode(news).decode()
    return f'{{"at":"{at.isoformat(timespec="milliseconds")}",{body[1:]}'


# --- the robot itself -------------------------------------------------------------------------------


class Started(Told, frozen=True):
    """It runs."""

    accounts: int
    extensions: int
    rules: int

    def words(self) -> str:
        extensions = counted(self.extensions, "watched extension")
        return f"started: {counted(self.accounts, 'account')}, {extensions}, {counted(self.rules, 'rule')}"


class Listening(Told, frozen=True):
    """Browsers may call us, over secure WebSocket."""

    host: str
    port: int

    def words(self) -> str:
        return f"listening for browsers at wss://{shown(self.host, self.port)}"


class Serving(Told, frozen=True):
    """The HTTP API and the page are there."""

    host: str
    port: int

    def words(self) -> str:
        return f"serving at http://{shown(self.host, self.port)}/"


class Stopping(Told, frozen=True):
    """It was told to stop: hangs up, un-subscribes, un-registers."""

    reason: str

    def words(self) -> str:
        return f"stopping: {self.reason}"


class Stopped(Told, frozen=True):
    """It stopped; the last line."""

    def words(self) -> str:
        return "stopped"


class Reloaded(Told, frozen=True):
    """A new robot.toml is in force. Accounts that were changed count as removed and added."""

    accounts_added: tuple[str, ...]
    accounts_removed: tuple[str, ...]
    watches_added: int
    watches_removed: int
    rules: int

    def words(self) -> str:
        accounts = [f"+{name}" for name in self.accounts_added] + [f"-{name}" for name in self.accounts_removed]
        watches = f"+{self.watches_added} -{self.watches_removed} watched extensions"
        return f"reloaded: accounts {' '.join(accounts) or 'unchanged'}, {watches}, {counted(self.rules, 'rule')}"


class NotReloaded(Told, frozen=True):
    """A new robot.toml cannot be used: the old one stays in force."""

    reason: str

    def words(self) -> str:
        return f"not reloaded, the old configuration stays in force: {self.reason}"


class Notice(Told, frozen=True):
    """Anything else worth a line. `level` is `debug`, `info`, `warning` or `error`."""

    level: str
    text: str

    def words(self) -> str:
        return self.text if self.level in ("debug", "info") else f"{self.level}: {self.text}"


# --- accounts and extensions ------------------------------------------------------------------------


class AccountRegistered(Told, frozen=True):
    """The PBX holds a registration. `expires` in seconds."""

    account: str
    expires: float
    again: bool

    def words(self) -> str:
        return f"{self.account}: registered{' again' if self.again else ''} for {self.expires:g} s"


class AccountNotRegistered(Told, frozen=True):
    """A registration failed or was lost; `retry_in` seconds until the next try, negative for none."""

    account: str
    status: int
    reason: str
    retry_in: float
    next_try: str = ""  # the time of day

    def words(self) -> str:
        why = f"{self.status or ''} {self.reason}".strip()
        return f"{self.account}: not registered: {why}{_next(self.retry_in, self.next_try)}"


class StateChanged(Told, frozen=True):
    """An extension's state changed; see ExtensionChanged for the fields."""

    account: str
    extension: str
    before: str
    after: str
    episode: int
    opened: bool
    closed: bool
    gap: bool
    note: str

    def words(self) -> str:
        part = "opens" if self.opened else "closes" if self.closed else "within"
        episode = f" ({part} episode {self.episode})" if self.episode else ""
        gap = ", partly unseen" if self.gap else ""
        return f"{self.extension}: {self.before} -> {self.after}{episode}{gap}"


class WatchRefused(Told, frozen=True):
    """A subscription was refused or lost; `retry_in` seconds until the next try, negative for none."""

    account: str
    extension: str
    package: str
    status: int
    reason: str
    retry_in: float
    next_try: str = ""

    def words(self) -> str:
        why = f"{self.status or ''} {self.reason}".strip()
        return f"{self.extension}: no {self.package} subscription: {why}{_next(self.retry_in, self.next_try)}"


class VoiceMail(Told, frozen=True):
    """A message summary came."""

    account: str
    waiting: bool
    new: int
    old: int
    mark: ClassVar[str] = "<"

    def words(self) -> str:
        return f"{self.account}: voice messages: {self.new} new, {self.old} old"


# --- rules ------------------------------------------------------------------------------------------


class RuleFired(Told, frozen=True):
    """A rule acts: `job` is the id of its call or hook."""

    rule: str
    account: str
    extension: str
    episode: int
    job: str
    because: str

    def words(self) -> str:
        return f"rule {self.rule} fires: {self.because}"


class RuleSuppressed(Told, frozen=True):
    """A rule does not act on a change of its: `condition` is the first that failed."""

    rule: str
    account: str
    extension: str
    episode: int
    condition: str
    detail: str

    def words(self) -> str:
        return f"rule {self.rule} does not act on {self.extension}: {self.condition}: {self.detail}"


class RuleWaits(Told, frozen=True):
    """A rule waits for its settle time, or for its next attempt."""

    rule: str
    account: str
    extension: str
    episode: int
    condition: str
    seconds: float

    def words(self) -> str:
        return f"rule {self.rule} waits {lasting(self.seconds)} for {self.extension} ({self.condition})"


# --- calls that reach us -----------------------------------------------------------------------------


class CallReceived(Told, frozen=True):
    """A call reached us: `entry` is the number of the [[incoming]] entry that takes it, from 1, 0 for none; `passed`
    says why those before it do not. `job` stands for the call in what follows."""

    job: str
    account: str
    caller: str
    caller_name: str
    to: str
    call_id: str
    entry: int
    passed: tuple[str, ...] = ()
    mark: ClassVar[str] = "<"

    def words(self) -> str:
        name = f'"{self.caller_name}" ' if self.caller_name else ""
        how = f"entry {self.entry}" if self.entry else f"no entry takes it: {'; '.join(self.passed)}"
        return f"call from {name}{self.caller} for {self.to}: {how} ({self.job})"


class IncomingStep(Told, frozen=True):
    """What is done with a call that reached us: `answered`, `playing`, `recording`, `digits`, `camps-on`, `bridging`,
    `bridged`, `redirected`, `rejected`, or `failed`, where `what` says why."""

    job: str
    step: str
    what: str
    mark: ClassVar[str] = ">"

    def words(self) -> str:
        return f"{self.step.replace('-', ' ')}{f': {self.what}' if self.what else ''} ({self.job})"


# --- who camps on an extension ----------------------------------------------------------------------


class CallbackWaits(Told, frozen=True):
    """Somebody camps on an extension from now on, for `expires` seconds; `renewed`: he did before."""

    callback: str
    account: str
    extension: str
    caller: str
    caller_name: str
    expires: float
    renewed: bool
    mark: ClassVar[str] = "<"

    def words(self) -> str:
        how = "camps on" if not self.renewed else "still camps on"
        return f"{self.caller or 'somebody'} {how} {self.extension} for {self.expires:.0f} s ({self.callback})"


class CallbackServed(Told, frozen=True):
    """A rule acts for whoever camped on the extension: `job` is the id of its call or hook."""

    callback: str
    account: str
    extension: str
    caller: str
    job: str

    def words(self) -> str:
        return f"{self.caller or 'whoever camped'} on {self.extension} is served: {self.job} ({self.callback})"


class CallbackOver(Told, frozen=True):
    """Somebody camps on an extension no longer, and no rule acted: it expired, or was cancelled."""

    callback: str
    account: str
    extension: str
    caller: str
    reason: str

    def words(self) -> str:
        return f"{self.caller or 'somebody'} camps on {self.extension} no longer: {self.reason} ({self.callback})"


class CallbackRefused(Told, frozen=True):
    """Somebody cannot camp on an extension."""

    extension: str
    caller: str
    reason: str

    def words(self) -> str:
        return f"{self.caller or 'somebody'} cannot camp on {self.extension}: {self.reason}"


# --- calls and hooks --------------------------------------------------------------------------------


class CallPlaced(Told, frozen=True):
    """The INVITE left."""

    job: str
    attempt: int
    account: str
    to: str
    caller_id: str
    call_id: str
    mark: ClassVar[str] = ">"

    def words(self) -> str:
        again = f", attempt {self.attempt}" if self.attempt > 1 else ""
        caller = f" as {self.caller_id}" if self.caller_id else ""
        return f"call to {self.to}{caller} ({self.job}{again})"


class CallRinging(Told, frozen=True):
    """A provisional response came."""

    job: str
    status: int
    reason: str
    mark: ClassVar[str] = "<"

    def words(self) -> str:
        return f"{self.status} {self.reason} ({self.job})"


class CallRedirected(Told, frozen=True):
    """A 3xx came; `followed` is the contact the call goes on to, empty where [dial] allow names none of them."""

    job: str
    status: int
    contacts: tuple[str, ...]
    followed: str
    mark: ClassVar[str] = "<"

    def words(self) -> str:
        where = " ".join(self.contacts) or "nowhere"
        then = f"following {self.followed}" if self.followed else "[dial] allow names none of it, not followed"
        return f"{self.status} to {where}: {then} ({self.job})"


class CallAnswered(Told, frozen=True):
    """The call was answered."""

    job: str
    mark: ClassVar[str] = "<"

    def words(self) -> str:
        return f"answered ({self.job})"


class CallOver(Told, frozen=True):
    """The call ended, answered or not."""

    job: str
    attempt: int
    status: int
    cause: str
    q850: int
    reason: str
    by: str
    answered: bool

    @property
    def _code(self) -> str:
        return f"{self.status} {self.cause}" if self.status else self.cause

    def words(self) -> str:
        how = "ended" if self.answered else "not answered"
        reason = f", {self.reason}" if self.reason and not self.answered else ""
        return f"call {how}: {self._code} by {self.by}{reason} ({self.job})"


class CallNotPlaced(Told, frozen=True):
    """A job whose INVITE was never sent, and will not be."""

    job: str
    reason: str

    def words(self) -> str:
        return f"not called: {self.reason} ({self.job})"


class JobAbandoned(Told, frozen=True):
    """A job of an earlier run that is not carried on; it is never called again."""

    job: str
    to: str
    reason: str
    attempt: int = 1

    def words(self) -> str:
        to = f" to {self.to}" if self.to else ""
        return f"abandoned a call{to} of an earlier run: {self.reason} ({self.job})"


class HookStarted(Told, frozen=True):
    """A hook runs."""

    job: str
    hook: str
    mark: ClassVar[str] = ">"

    def words(self) -> str:
        return f"running {self.hook} ({self.job})"


class HookEnded(Told, frozen=True):
    """A hook returned, or failed: then `error` says how, and `trace` where."""

    job: str
    hook: str
    error: str = ""
    trace: str = ""

    def words(self) -> str:
        if not self.error:
            return f"{self.hook} is done ({self.job})"
        return f"{self.hook} failed: {self.error} ({self.job})" + (f"\n{self.trace}" if self.trace else "")


class RecordingBegan(Told, frozen=True):
    """A recording is made; `recording` is its name. Of `call` and `bridge` one says whose it is."""

    recording: str
    call: str
    bridge: str

    def words(self) -> str:
        return f"recording {self.recording} ({self.bridge or self.call})"


class RecordingComplete(Told, frozen=True):
    """The file is complete. `seconds` is its length, `lost` how much of it a slow disk could not take."""

    recording: str
    call: str
    bridge: str
    seconds: float
    bytes: int
    lost: float = 0.0

    def words(self) -> str:
        lost = f", {self.lost:.1f} s of them lost to a slow disk" if self.lost else ""
        return f"recorded {self.recording}: {self.seconds:.1f} s{lost} ({self.bridge or self.call})"


class RecordingFailed(Told, frozen=True):
    """The disk would not take it; the call goes on. What is in the file by then can be heard."""

    recording: str
    call: str
    bridge: str
    reason: str

    def words(self) -> str:
        return f"recording {self.recording} broke off: {self.reason} ({self.bridge or self.call})"


# --- messages, with -v ------------------------------------------------------------------------------


class Sent(Told, frozen=True):
    """A message left: its first line, or all of it."""

    to: str
    message: str
    mark: ClassVar[str] = ">"

    def words(self) -> str:
        return f"{self.to} {self.message}"


class Received(Told, frozen=True):
    """A message came."""

    from_: str = msgspec.field(name="from")
    message: str
    mark: ClassVar[str] = "<"

    def words(self) -> str:
        return f"{self.from_} {self.message}"


def over(job: str, attempt: int, event: CallEnded) -> CallOver:
    """The end of a call, as the engine has it."""
    end = (event.status, event.cause, event.q850, event.reason, event.by, event.answered)
    return CallOver(job, attempt, *end)


def _next(retry_in: float, at: str) -> str:
    if retry_in < 0:
        return "; not tried again"
    return f"; next try in {retry_in:.0f} s" + (f", at {at}" if at else "")
