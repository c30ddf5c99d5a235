"""The table `sip_trace` of Kamailio and OpenSIPS, as CSV or as an SQL dump."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping

from sipclient.errors import TraceError
from sipclient.trace.lines import Lines, bytes_of
from sipclient.trace.moments import moment
from sipclient.trace.places import place
from sipclient.trace.record import Direction, Record
from sipclient.trace.source import Source
from sipclient.trace.streams import is_sip

SQL = re.compile(r"^[ \t]*INSERT[ \t]+INTO[ \t]+[`\"\w.]*sip_trace[`\"]?", re.I | re.M)
CSV = re.compile(r"^[\"\w,;\t]*\bmsg\b[\"\w,;\t]*\r?$", re.M)
_COLUMNS = (
    "id", "time_stamp", "time_us", "callid", "traced_user", "msg", "method", "status", "fromip", "toip", "fromtag",
    "totag", "direction",
)  # fmt: skip
_NAMED = re.compile(r"\(([^()']*)\)\s*VALUES", re.I)
_VALUE = re.compile(r"\s*(?:'((?:[^'\\]|\\.|'')*)'|([^\s,()';]+))\s*([,)])", re.S)
_ROW = re.compile(r"\s*,?\s*\(", re.S)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "0": "\0"}
_HEADLINE = 2048  # characters in which the names of the columns are
_LIMIT = 32 << 20  # characters of one statement, and of one field
_WAYS: Mapping[str, Direction] = {"in": "received", "out": "sent"}
_MAX_FIELD = 1 << 17


def is_table(head: str) -> str:
    """The name of the form, "" when the text is no such table."""
    if SQL.search(head):
        return "SQL dump of sip_trace"
    first = head[:_HEADLINE].lstrip().partition("\n")[0]
    if CSV.match(first) and re.search(r"\b(?:fromip|from_ip)\b", first) and re.search(r"\btoip|to_ip\b", first):
        return "CSV of sip_trace"
    return ""


def table(name: str, source: Source) -> Iterator[Record]:
    """Its records."""
    rows = _statements(source) if name.startswith("SQL") else _sheet(source)
    for number, row in enumerate(rows, 1):
        record = _record(row, number)
        if record is not None:
            yield record


def _record(row: Mapping[str, str], number: int) -> Record | None:
    text = row.get("msg", "")
    if "\n" not in text and "\\n" in text:
        text = _unescaped(text)
    data = bytes_of(text)
    if b"\r\n" not in data:
        data = data.replace(b"\n", b"\r\n")
    if not is_sip(data):
        return None
    at, clock = moment(row.get("time_stamp", ""))
    fraction = row.get("time_us", "")
    if clock and fraction.isdecimal() and len(fraction) < 7:
        at = int(at) + int(fraction) / 1e6
    via, source = place(row.get("fromip", row.get("from_ip", "")))
    _, destination = place(row.get("toip", row.get("to_ip", "")))
    direction: Direction = _WAYS.get(row.get("direction", "").lower(), "")
    return Record(data, at, clock, direction, via, source, destination, line=number)


def _sheet(source: Source) -> Iterator[dict[str, str]]:
    """Rows of a file with a head line, apart at commas, semicolons or tabs."""
    csv.field_size_limit(_MAX_FIELD)
    lines = _texts(source)
    head = next(lines, "")
    mark = max(",;\t", key=head.count)
    names = [name.strip().strip('"').lower() for name in head.strip().split(mark)]
    try:
        for row in csv.reader(lines, delimiter=mark):
            yield dict(zip(names, row, strict=False))
    except csv.Error as error:
        raise TraceError(f"{source.name} is damaged as CSV: {error}") from None


def _texts(source: Source) -> Iterator[str]:
    lines = Lines(source)
    while (line := lines.next()) is not None:
        yield line.text + line.end


def _statements(source: Source) -> Iterator[dict[str, str]]:
    """Rows of the INSERT statements of a dump."""
    parts: list[str] = []
    size = 0
    for text in _texts(source):
        if SQL.match(text) and parts:
            yield from _rows("".join(parts))
            parts, size = [], 0
        if parts or SQL.match(text):
            parts.append(text)
            size += len(text)
        if size > _LIMIT:
            raise TraceError(
                f"{source.name} has one statement of more than {_LIMIT >> 20} MB: it is no dump of a table"
            )
    yield from _rows("".join(parts))


def _rows(statement: str) -> Iterable[dict[str, str]]:
    begin = re.search(r"VALUES", statement, re.I)
    if begin is None:
        return
    named = _NAMED.search(statement, 0, begin.end())
    columns = [name.strip().strip('`"').lower() for name in named[1].split(",")] if named else list(_COLUMNS)
    spot = begin.end()
    while found := _ROW.match(statement, spot):
        spot, values = found.end(), list[str]()
        while value := _VALUE.match(statement, spot):
            spot = value.end()
            values.append(_unescaped(value[1].replace("''", "'")) if value[1] is not None else value[2])
            if value[3] == ")":
                break
        if not values:
            return
        yield dict(zip(columns, values, strict=False))


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", lambda found: _ESCAPES.get(found[1], found[1]), text, flags=re.S)
