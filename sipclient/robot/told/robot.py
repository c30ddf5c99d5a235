"""What is told of the robot itself: it starts, reads its file again, stops."""

from __future__ import annotations

from sipclient.config.values import counted
from sipclient.robot.told.base import Told
from sipclient.transport.addresses import shown


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
