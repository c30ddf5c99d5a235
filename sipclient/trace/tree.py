"""What `tshark -V` prints, and Wireshark's "export as plain text": packets as trees, put back to messages."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sipclient.trace.compose import Piece, compose
from sipclient.trace.lines import Line, Lines
from sipclient.trace.moments import moment
from sipclient.trace.record import NOWHERE, Address, Clock, Record

MARK = re.compile(r"^Session Initiation Protocol \(", re.M)
_FRAME = re.compile(r"^Frame (\d+)\b")
_WHEN = re.compile(r"^\s+(?:Epoch (?:Arrival )?Time|Arrival Time): (.*)")
_IP = re.compile(r"^Internet Protocol Version [46], Src: (?:\S+ \()?([^\s,()]+)\)?, Dst: (?:\S+ \()?([^\s,()]+)")
_PORTS = re.compile(
    r"^(User Datagram|Transmission Control|Stream Control Transmission) Protocol, Src Port: (?:\S+ \()?(\d+)\)?"
    r"(?: \(\S+\))?, Dst Port: (?:\S+ \()?(\d+)"
)
_START = re.compile(r"^    (?:Request|Status)-Line: (.*)")
_CUT = re.compile(r"^((?: {4})+) ?\[[Tt]runcated\]\s*|(?<=\w) \[[Tt]runcated\](?=:)")
_PLAIN = re.compile(r"^ {8,12}(\S.*?)?\\r\\n$")
_HEADER = re.compile(r"^        ([A-Za-z][\w.!%*+`'~-]*: ?.*)")
_SDP = re.compile(r"^ {12}[^\[\s][^()]*(?:\([^()]*\) ?)*\(([a-z])\): ?(.*)")
_KINDS = {"U": "UDP", "T": "TCP", "S": "SCTP"}
_MAX_LINES = 4096  # of one message


class TreeReader:
    """Iterate over it for the records."""

    def __init__(self, lines: Lines) -> None:
        self.forms: dict[str, int] = {}
        self._lines = lines
        self._at = 0.0
        self._clock: Clock = ""
        self._hosts = ("", "")
        self._ports = (0, 0)
        self._via = ""
        self._tree: list[Line] = []

    def __iter__(self) -> Iterator[Record]:
        inside = False
        while (line := self._lines.next()) is not None:
            text = line.text
            if inside and text[:1] == " " and len(self._tree) < _MAX_LINES:
                self._tree.append(line)
                continue
            if inside and text.strip():
                inside = False
                yield from self._message()
            if MARK.match(text):
                inside = True
            else:
                self._outside(text)
        yield from self._message()

    def _outside(self, text: str) -> None:
        if _FRAME.match(text):
            self._at, self._clock, self._hosts, self._ports, self._via = 0.0, "", ("", ""), (0, 0), ""
        elif found := _WHEN.match(text):
            if self._clock == "" or "Epoch" in text:
                self._at, self._clock = moment(found[1])
        elif found := _IP.match(text):
            self._hosts = (found[1], found[2])
        elif found := _PORTS.match(text):
            self._via = _KINDS[found[1][0]]
            self._ports = (int(found[2]) % 65536, int(found[3]) % 65536)
        elif text.startswith("WebSocket"):
            self._via = "WS"

    def _message(self) -> Iterator[Record]:
        tree, self._tree = self._tree, []
        pieces: list[Piece] = []
        body: list[str] = []
        xml: list[str] = []
        head = False
        done: dict[str, None] = {}
        for line in tree:
            text = _CUT.sub(r"\1", line.text)
            if text != line.text and head:
                done["a long header was cut by tshark"] = None
            if found := _START.match(text):
                pieces = [Piece(line.number, found[1], "\r\n")]
            elif text.startswith("    Message Header"):
                head = bool(pieces)
            elif text.startswith("    Message Body"):
                body, head = [""], False
            elif body and (found := _PLAIN.match(text)):
                body.append(found[1] or "")
            elif head and (found := _HEADER.match(text)):
                pieces.append(Piece(line.number, found[1].replace("\\r\\n", ""), "\r\n"))
            elif body and (found := _SDP.match(text)):
                body.append(f"{found[1]}={found[2]}")
            elif body and (xml or text.lstrip().startswith("<")):
                xml.append(text.strip())
        if not pieces:
            return
        texts = body + ([_markup(xml)] if xml else [])
        if xml:
            done["the XML of the body was put together from its tree: its blanks are not those it had"] = None
        made = compose(pieces + [Piece(pieces[-1].number, text, "\r\n") for text in texts], list(done))
        if made is not None:
            source, destination = (
                Address(host, port) if host else NOWHERE for host, port in zip(self._hosts, self._ports, strict=True)
            )
            self.forms = {"tshark -V text": 1}
            yield Record(
                made.data, self._at, self._clock, "", self._via, source, destination, made.repairs, made.other,
                made.missing, pieces[0].number,
            )  # fmt: skip


def _markup(lines: list[str]) -> str:
    """XML from the lines of its tree: attributes stand on lines of their own."""
    text, open_tag = "", False
    for line in lines:
        if line.startswith("["):
            continue
        text += f" {line}" if open_tag else line
        if line.startswith("<") and not line.startswith("</"):
            open_tag = True
        if line.endswith(">"):
            open_tag = False
    return text
