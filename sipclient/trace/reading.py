"""Any trace, read: what form it has is found out from its content, never from its name."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from sipclient.errors import LoneDescription, TraceError
from sipclient.trace import hep, pcap
from sipclient.trace.database import is_table, table
from sipclient.trace.documents import Documents
from sipclient.trace.lines import Lines, coding_of
from sipclient.trace.packets import PacketReader, record_of
from sipclient.trace.record import MediaStream, Record, Trace
from sipclient.trace.remarks import Remark
from sipclient.trace.replaying import journal
from sipclient.trace.source import Progress, Source, open_source
from sipclient.trace.text import TextReader
from sipclient.trace.tree import MARK, TreeReader

_3CX = re.compile(r"\[CM50\d{4}\]: |\[MS\d{6}\] ")
_PACKED = (
    (b"PK\x03\x04", "a zip archive"), (b"\xfd7zXZ", "packed with xz"), (b"BZh", "packed with bzip2"),
    (b"\x28\xb5\x2f\xfd", "packed with zstd"), (b"7z\xbc\xaf", "a 7z archive"), (b"Rar!", "a rar archive"),
    (b"\x1f\x8b\x08", "packed with gzip twice"), (b"%PDF", "a PDF, not its text"),
    (b"\x89PNG", "a picture, not its text"), (b"\xff\xd8\xff", "a picture, not its text"),
)  # fmt: skip
_DESCRIPTION = re.compile(r"v=0\s*\n(?:[^\n]*\n){0,200}?m=")
_HEAD = 1 << 16  # bytes by which a form is told
JSON = re.compile(r"[{\[]\s*(?:[\"{\[\]}]|$)")


class Scan:
    """A trace read record by record, in bounded memory: iterate over it once.

    `form`, `notes`, `streams` and `remarks` are complete when the iteration has ended. Raises TraceError, while it is
    made or iterated over, for what is no trace: one sentence that says what was found instead.
    """

    def __init__(self, trace: str | Path | bytes | io.BufferedReader, progress: Progress | None = None) -> None:
        self.form = ""
        self.notes: list[str] = []
        self.streams: tuple[MediaStream, ...] = ()
        self.remarks: list[Remark] = []
        self._is_3cx = False
        self._alone = ""  # a session description with which the file begins
        self._more: list[Path] = []  # the further files of a run's journal
        self._is_run = isinstance(trace, str | Path) and journal.is_run(Path(trace))
        if self._is_run and isinstance(trace, str | Path):
            trace, *self._more = journal.files_of(Path(trace))
        self._source = open_source(trace, progress)
        try:
            head = self._source.peek(8)
            what = next((words for magic, words in _PACKED if head.startswith(magic)), "")
            if what:
                raise TraceError(f"{self._source.name} is {what}: give the trace that is in it")
            if not head:
                raise TraceError(self._source.cut or f"{self._source.name} is empty: there is no trace in it")
        except BaseException:
            self._source.close()
            raise

    def __iter__(self) -> Iterator[Record]:
        source = self._source
        try:
            count = 0
            for record in self._records(source):
                count += 1
                yield record
            if source.cut:
                self.notes.append(source.cut)
            if not count and self._alone:
                words = "is a session description without the SIP message that carried it"
                raise LoneDescription(f"{source.name} {words}: sipclient explain looks at it as an offer", self._alone)
            if not count and not self.streams:
                raise TraceError(self._nothing(source))
        finally:
            source.close()

    def _records(self, source: Source) -> Iterator[Record]:
        head = source.peek(8)
        if pcap.is_capture(head):
            yield from self._capture(source, head)
        elif head[:4] == hep.MAGIC:
            self.form = "HEP3"
            yield from _hep(source, self.notes)
        elif self._is_run or head == journal.BEGIN[:8]:
            self.form = "sipclient journal"
            lines = chain(journal.lines_of(source), *map(journal.lines_in, self._more))
            yield from journal.records_of(journal.decode(lines, source.name))
        else:
            yield from self._text(source)

    def _capture(self, source: Source, head: bytes) -> Iterator[Record]:
        self.form = pcap.name_of(head)
        reader, last = PacketReader(), None
        for last in pcap.frames(source, self.notes):
            yield from reader.take(last)
        yield from reader.finish(last)
        self.notes += reader.notes()
        self.streams = reader.media.streams()

    def _text(self, source: Source) -> Iterator[Record]:
        start = source.peek(_HEAD)
        if start.count(0) * 4 > len(start) and coding_of(start) != "utf-16":
            return  # no text, however long it goes on
        text = start.decode(coding_of(start), "replace").lstrip()
        self._is_3cx = _3CX.search(text) is not None
        self._alone = text if _DESCRIPTION.match(text) else ""
        reader: TextReader | TreeReader | Documents
        if text[:1] in ("{", "[") and JSON.match(text):
            reader = Documents(source)
        elif name := is_table(text):
            self.form = name
            yield from table(name, source)
            return
        else:
            reader = TreeReader(Lines(source)) if MARK.search(text) else TextReader(Lines(source))
        if isinstance(reader, TextReader):
            self.remarks = reader.remarks
        yield from reader
        self.form = _in_words(list(reader.forms))

    def _nothing(self, source: Source) -> str:
        if self.form:
            because = f" ({'; '.join(self.notes)})" if self.notes else ""
            return f"{source.name} is {self.form}, but there is no SIP message in it{because}"
        if self._is_3cx:
            return f"{source.name} is a log of 3CX, which holds no SIP messages: export a capture (pcap) there instead"
        said = f"; its line {self.remarks[0].line} says: {self.remarks[0].text}" if self.remarks else ""
        return f"{source.name} is no trace of a form that is known here, and holds no SIP message{said}"


def _in_words(names: list[str]) -> str:
    """Names of forms, as one says them: "A", "A and B", "A, B and C"."""
    return " and ".join(part for part in (", ".join(names[:-1]), names[-1] if names else "") if part)


def _hep(source: Source, notes: list[str]) -> Iterator[Record]:
    """A file of HEP3 packets, one after the other."""
    number = 0
    while head := source.read(6):
        number += 1
        size = hep.size_of(head)
        body = source.read(max(0, size - 6))
        if size < 6 or len(body) < size - 6:
            notes.append(f"the file is cut or damaged at HEP packet {number}: the rest is not read")
            return
        capture = hep.decode(head + body)
        record = record_of(capture, number) if capture is not None else None
        if record is not None:
            yield record


def read(trace: str | Path | bytes, progress: Progress | None = None) -> Trace:
    """A trace, whole: the path of a file, or its bytes; of a folder that `run --trace-dir` wrote, its last run.

    `progress(done, total)` is called now and then with bytes of the file. Raises TraceError.
    """
    scan = Scan(trace, progress)
    records = tuple(scan)
    return Trace(scan.form, records, tuple(scan.notes), scan.streams, tuple(scan.remarks))
