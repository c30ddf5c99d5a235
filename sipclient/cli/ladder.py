"""Drawing arrows between columns, a line each, as they come."""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import Console
from rich.text import Text

from sipclient.lab.wiretap import Arrow

_LEFT = 10  # where the first column stands; the time is left of it
_GAP = 21  # from column to column: 80 characters hold four
_UNICODE = ("│", "─", "▶", "◀")
_ASCII = ("|", "-", ">", "<")
_REQUESTS = {"NOTIFY": "blue", "SUBSCRIBE": "magenta", "BYE": "yellow", "CANCEL": "yellow", "REGISTER": "magenta"}


class Ladder:
    """Columns with titles, and arrows between them; `began` is the time that counts as 0."""

    def __init__(self, console: Console, columns: Mapping[str, str], began: float) -> None:
        self._console = console
        self._columns = list(columns)
        self._titles = list(columns.values())
        self._began = began
        self._signs = _UNICODE if console.encoding.lower().startswith("utf") else _ASCII

    def head(self) -> None:
        """The titles."""
        line = [" "] * (_LEFT + _GAP * (len(self._columns) - 1) + 10)
        for place, title in zip(self._places(), self._titles, strict=True):
            start = place - len(title) // 2
            line[start : start + len(title)] = title
        self._print(Text("".join(line).rstrip(), style="bold"))

    def say(self, text: str) -> None:
        """A line between the arrows."""
        self._print(Text(text, style="bold"))

    def draw(self, arrow: Arrow) -> None:
        """One more arrow."""
        places = dict(zip(self._columns, self._places(), strict=True))
        start, end = places[arrow.source], places[arrow.target]
        left, right = min(start, end) + 1, max(start, end)
        upright, dash, to_right, to_left = self._signs
        room = right - left - 1
        words = f"{arrow.label} {arrow.detail}".strip()
        if len(words) > room:
            words = arrow.label if len(arrow.label) <= room else arrow.label[:room]
        filled = words.center(room, dash) if len(words) > room - 2 else f" {words} ".center(room, dash)
        shaft = f"{filled}{to_right}" if end > start else f"{to_left}{filled}"
        line = Text.assemble((f"{arrow.at - self._began:6.3f}", "dim"))
        line.append(" " * (_LEFT - 6))
        for place in self._places():
            if len(line) < place:
                line.append(" " * (place - len(line)))
            if len(line) > place:
                continue  # the arrow passes over this column
            line.append(upright, style="dim")
            if place == left - 1:
                line.append(shaft, style=_style(arrow))
        self._print(line)

    def _places(self) -> list[int]:
        return [_LEFT + _GAP * number for number in range(len(self._columns))]

    def _print(self, line: Text) -> None:
        self._console.print(line, no_wrap=True, crop=False, soft_wrap=True, highlight=False)


def _style(arrow: Arrow) -> str:
    if not arrow.status:
        return _REQUESTS.get(arrow.label.partition(" ")[0], "bold cyan")
    if arrow.status < 200:
        return "yellow"
    return "green" if arrow.status < 300 else "red"
