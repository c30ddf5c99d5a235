"""Text traces: headings found, the lines below each put together to a message. One pass, in bounded memory."""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from sipclient.trace.compose import Composed, Piece, carries_sip, compose, length_of
from sipclient.trace.damage import KNOWN, START, undone
from sipclient.trace.forms import BARE, LOG_LINE, NEXT_PART
from sipclient.trace.headings import Heading, bare, heading, peeled
from sipclient.trace.inference import inferred
from sipclient.trace.lines import Line, Lines
from sipclient.trace.moments import moment
from sipclient.trace.record import Clock, Record
from sipclient.trace.remarks import Remark, remark

_MOST_REMARKS = 200
_MAX_BLOCK = 1 << 18  # characters of one message with what surrounds it
_LINE = 24  # characters that a line counts at least
_DAY, _HALF_DAY = 86400, 43200


class _Block(msgspec.Struct):
    """The lines below a heading, until the next."""

    heading: Heading
    pieces: list[Piece] = msgspec.field(default_factory=list)
    done: list[str] = msgspec.field(default_factory=list)
    form: str = ""  # the form that the lines' prefixes tell, where the heading tells none
    prefixed: bool | None = None  # whether each line has a logger's prefix; None: no line was seen
    size: int = 0  # characters, and some for each line
    sip_inside: bool = False  # its body is one in which start lines may stand
    need: int = -1  # bytes of the body that its head promises; -1: the head is not over
    have: int = 0  # bytes of the body so far
    promised: int = 0
    begun: bool = False  # the start line was seen
    stamp: str = ""  # the time in a logger's prefix
    indent: int = 0  # blanks before the start line, and before each of its lines
    cut: bool = False  # the next line goes on where the last one was cut

    def go_on(self) -> None:
        """The next part of the message begins, which was cut wherever a packet was full."""
        self.cut = True
        if self.pieces and not self.pieces[-1].text and self.pieces[-1].end == "\n":  # the logger's, after a whole line
            self.pieces.pop()
            self.cut, self.need = False, -1


class TextReader:
    """Iterate over it for the records; `forms` counts them by the name of their form, `remarks` are lines between them
    that say why something failed."""

    def __init__(self, lines: Lines) -> None:
        self.forms: dict[str, int] = {}
        self.remarks: list[Remark] = []
        self._lines = lines
        self._block: _Block | None = None
        self._days: dict[str, tuple[float, int]] = {}

    def __iter__(self) -> Iterator[Record]:
        while (line := self._lines.next()) is not None:
            yield from self._line(line)
        yield from self._flush()

    def _line(self, line: Line) -> Iterator[Record]:
        if len(self.remarks) < _MOST_REMARKS and (said := remark(line.number, line.text)) is not None:
            self.remarks.append(said)
        if not line.text.strip(" \t\f"):  # of no form, and very many in some files
            if self._block is not None:
                yield from self._content(line, "", self._block.prefixed or False, "", "")
            return
        if self._block is not None and "[Part " in line.text and NEXT_PART.search(line.text):
            self._block.go_on()
            return
        text, stamp, name, found = line.text, "", "", None
        if not _is_of_message(text):
            text, stamp, name = peeled(line.text)
            found = heading(line, line.text, stamp, self._lines)
            if found is None and text is not line.text:
                found = heading(line, text, stamp, self._lines)
        if found is not None:
            yield from self._flush()
            self._block = _Block(found)
            if found.rest:
                yield from self._content(Line(line.number, found.rest, line.end), found.rest, True, "", "")
            return
        block = self._block
        if block is not None and self._ends(block, line, text):
            yield from self._flush()
        yield from self._content(line, text, text is not line.text, stamp, name)

    def _ends(self, block: _Block, line: Line, text: str) -> bool:
        """Whether the block is over before this line."""
        end = block.heading.form.end
        if end is not None and block.begun and end.search(text):
            return True
        if block.size > _MAX_BLOCK:
            return True
        return block.begun and block.prefixed is False and LOG_LINE.match(line.text) is not None

    def _content(self, line: Line, text: str, was_prefixed: bool, stamp: str, name: str) -> Iterator[Record]:
        block = self._block
        if block is not None and block.heading.form.manner == "chunks":
            block.size += len(text)
            block.begun = True
            block.pieces.append(Piece(line.number, text, line.end))
            return
        if block is not None and block.heading.form.manner == "dots":
            yield from self._dotted(line, text)
            return
        if (block is None or not block.begun) and "SIP/2.0" not in text:
            return  # most lines of most logs
        pieces = undone(text)
        for place, (each, done) in enumerate(pieces):
            end = line.end if place == len(pieces) - 1 else "\r\n"
            piece = Piece(line.number, each, end, tuple(done), text if len(pieces) == 1 else None)
            yield from self._piece(piece, was_prefixed, stamp, name)

    def _dotted(self, line: Line, text: str) -> Iterator[Record]:
        """A line as ngrep writes it: every CR a dot; or the whole message in one line, every line end two dots."""
        texts = [text]
        if START.match(text.partition("..")[0]) and ".." in text:
            texts = _split_dots(text)
        elif text.endswith("."):
            texts = [text[:-1]]
        for each in texts:
            yield from self._piece(Piece(line.number, each, "\r\n"), False, "", "")

    def _piece(self, piece: Piece, was_prefixed: bool, stamp: str, name: str) -> Iterator[Record]:
        block = self._block
        stripped = piece.text.strip()
        if "SIP/2.0" in stripped and START.match(stripped) and not (block and block.begun and _within(block)):
            if block is None or block.begun:
                glued = block is not None and block.heading.form is not BARE
                yield from self._flush()
                block = self._block = _Block(bare(piece.number))
                if glued:
                    block.done.append("it stood under the heading of the message before it")
            block.begun, block.prefixed, block.stamp, block.form = True, was_prefixed, stamp, name
            block.indent = len(piece.text) - len(piece.text.lstrip())
        if block is None or not block.begun:
            return
        last = block.pieces[-1] if block.pieces else None
        cut, block.cut = block.cut, False
        if cut and last is not None and last.end != "\r\n" and not _is_of_message(piece.text):
            last.text, last.end, last.raw = last.text + piece.text, piece.end, None
            return
        if block.indent and not piece.text[: block.indent].strip():
            piece.text = piece.text[block.indent :]
            piece.raw = None if piece.raw is None else piece.raw[block.indent :]
        block.pieces.append(piece)
        block.size += len(piece.text) + _LINE
        if block.need >= 0:
            block.have += len(piece.text) + 2
        elif not piece.text.strip():
            block.need = block.promised
        else:
            block.sip_inside = block.sip_inside or carries_sip(piece.text)
            block.promised = length_of(piece.text) or block.promised

    def _flush(self) -> Iterator[Record]:
        block, self._block = self._block, None
        if block is None or not block.pieces:
            return
        if block.heading.form.manner == "chunks":
            yield from self._joined(block)
            return
        made = compose(block.pieces, block.done)
        if made is not None:
            yield self._record(block, made)

    def _joined(self, block: _Block) -> Iterator[Record]:
        """A message that syslog cut into packets wherever they were full."""
        if any("#012" in piece.text for piece in block.pieces):
            whole = "".join(piece.text for piece in block.pieces).replace("#015", "")
            texts = whole.split("#012")
        else:
            texts = [piece.text for piece in block.pieces]
        first = next((place for place, text in enumerate(texts) if START.match(text.strip())), -1)
        if first >= 0:
            number = block.pieces[0].number
            made = compose([Piece(number, text, "\r\n") for text in texts[first:]], block.done)
            if made is not None:
                yield self._record(block, made)

    def _record(self, block: _Block, made: Composed) -> Record:
        above = block.heading
        name = above.form.name if above.form is not BARE else block.form or BARE.name
        self.forms[name] = self.forms.get(name, 0) + 1
        at, clock = (above.at, above.clock) if above.clock else moment(block.stamp)
        record = Record(
            made.data, self._passing_midnight(at, clock, name), clock, above.direction, above.transport,
            above.source, above.destination, made.repairs, made.other, made.missing, block.pieces[0].number,
        )  # fmt: skip
        return inferred(record) if above.form.web else record

    def _passing_midnight(self, at: float, clock: Clock, name: str) -> float:
        """The time; of a clock without dates, days later where it has gone back by half a day."""
        if clock != "day":
            return at
        before, days = self._days.get(name, (at, 0))
        days += at < before - _HALF_DAY
        self._days[name] = at, days
        return at + days * _DAY


def _is_of_message(text: str) -> bool:
    """Whether a line begins as a header or an SDP line does, and so as no heading or prefix: most lines do."""
    return (text[1:2] == "=" and text[0].islower()) or text.partition(":")[0].lower() in KNOWN


def _within(block: _Block) -> bool:
    """Whether the lines to come are still of a body in which a start line may stand."""
    return block.sip_inside and block.have < block.need


def _split_dots(text: str) -> list[str]:
    """A message in one line, apart at every two dots; of an odd number the first belongs to the value."""
    texts, begin = list[str](), 0
    for found in re.finditer(r"\.{2,}", text):
        run = found.end() - found.start()
        texts.append(text[begin : found.start() + run % 2])
        texts += [""] * (run // 2 - 1)
        begin = found.end()
    return [*texts, text[begin:].removesuffix(".")]
