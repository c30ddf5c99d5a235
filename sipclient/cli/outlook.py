"""What a PBX does not tell of watched extensions: said once each, and given up where that is everything."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from sipclient.cli.words import and_more
from sipclient.config.values import visible
from sipclient.presence import State
from sipclient.protocol.events import ExtensionChanged, WatchProblem


class Outlook:
    """The troubles of each extension, which is watched through those event packages. `later` is given what is to
    run in a moment: packages are refused one by one, mostly for the same reason, and one line tells of both; `say`
    is given an extension and the line."""

    def __init__(
        self,
        extensions: Mapping[str, Sequence[str]],
        later: Callable[[Callable[[], None]], object],
        say: Callable[[str, str], None],
    ) -> None:
        self._troubles: dict[str, dict[str, WatchProblem]] = {extension: {} for extension in extensions}
        self._packages = extensions
        self._later = later
        self._say = say
        self._said: dict[str, str] = {}
        self._pending: dict[str, None] = {}
        self._dark: set[str] = set()
        self._seen = False

    @property
    def hopeless(self) -> bool:
        """Whether every package of every extension failed, and nothing was ever told: nothing can be seen here."""
        return not self._seen and len(self._dark) == len(self._troubles)

    def changed(self, change: ExtensionChanged) -> None:
        """News of an extension: what was wrong with it is over."""
        if change.after is State.UNKNOWN:
            return
        self._seen = True
        if change.before is State.UNKNOWN and change.extension not in self._pending:
            self._troubles[change.extension] = {}
            self._said.pop(change.extension, None)

    def problem(self, event: WatchProblem) -> None:
        """A subscription was refused or lost. One that is asked for anew at once is none."""
        troubles = self._troubles.get(event.extension)
        if troubles is None or event.retry_in == 0.0:
            return
        troubles[event.package] = event
        if len(troubles) == len(self._packages[event.extension]):
            self._dark.add(event.extension)
        if not self._pending:
            self._later(self._tell)
        self._pending[event.extension] = None

    def verdict(self) -> str:
        """Why nothing can be seen, in a sentence."""
        reasons: dict[str, list[str]] = {}
        for extension, troubles in self._troubles.items():
            reasons.setdefault(_why(troubles.values()), []).append(extension)
        parts = [f"{and_more(extensions)}: {why}" for why, extensions in reasons.items()]
        return f"nothing can be seen of {'; of '.join(parts)}"

    def _tell(self) -> None:
        pending, self._pending = self._pending, {}
        if self.hopeless:
            return  # the verdict says it
        for extension in pending:
            troubles = self._troubles[extension].values()
            what = _what(troubles)
            if self._said.get(extension) != what:
                self._said[extension] = what
                self._say(extension, f"{what}; {_then(troubles)}")


def _reason(event: WatchProblem) -> str:
    return visible(f"{event.status or ''} {event.reason}".strip())  # the words are the server's


def _why(troubles: Iterable[WatchProblem]) -> str:
    return ", ".join(dict.fromkeys(map(_reason, troubles)))


def _what(troubles: Iterable[WatchProblem]) -> str:
    """`no presence or dialog: 404 Not Found`."""
    packages: dict[str, list[str]] = {}
    for event in troubles:
        packages.setdefault(_reason(event), []).append(event.package)
    return ", ".join(f"no {' or '.join(names)}: {why}" for why, names in packages.items())


def _then(troubles: Iterable[WatchProblem]) -> str:
    waits = [event.retry_in for event in troubles if event.retry_in >= 0]
    return f"next try in {min(waits):.0f} s" if waits else "not tried again"
