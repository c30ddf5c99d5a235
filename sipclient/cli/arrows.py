"""Drawing arrows between columns, a line each, as they come."""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import Console
from rich.text import Text

from sipclient.lab.wiretap import Arrow
from sipclient.trace.ladder.arrows import across, heads, signs_for

_LEFT = 10  # where the first column stands; the time is left of it
_GAP = 21  # from column to column: 80 characters hold four
_REQUESTS = {"NOTIFY": "blue", "SUBSCRIBE": "magenta", "BYE": "yellow", "CANCEL": "yellow", "REGISTER": "magenta"}


class Ladder:
    """Columns with titles, and arrows between them; `began` is the time that counts as 0."""

    def __init__(self, console: Console, columns: Mapping[str, str], began: float) -> None:
        self._console = console
        self._columns = list(columns)
        self._titles = list(columns.values())
        self._began = began
        self._signs = signs_for(console.encoding)
        self._places = [_LEFT + _GAP * number for number in range(len(self._columns))]

    def head(self) -> None:
        """The titles."""
        self._print(Text(heads(self._places, self._titles), style="bold"))

    def say(self, text: str) -> None:
        """A line between the arrows."""
        self._print(Text(text, style="bold"))

    def draw(self, arrow: Arrow) -> None:
        """One more arrow."""
        source, target = self._columns.index(arrow.source), self._columns.index(arrow.target)
        words = f"{arrow.label} {arrow.detail}".strip()
        line = Text.assemble((f"{arrow.at - self._began:6.3f}", "dim"))
        for text, is_arrow in across(len(line), self._places, source, target, words, arrow.label, self._signs):
            line.append(text, style=_style(arrow) if is_arrow else "dim")
        self._print(line)

    def _print(self, line: Text) -> None:
        self._console.print(line, no_wrap=True, crop=False, soft_wrap=True, highlight=False)


def _style(arrow: Arrow) -> str:
    if not arrow.status:
        return _REQUESTS.get(arrow.label.partition(" ")[0], "bold cyan")
    if arrow.status < 200:
        return "yellow"
    return "green" if arrow.status < 300 else "red"
