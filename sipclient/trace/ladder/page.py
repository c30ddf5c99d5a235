"""A ladder as one HTML file: the picture, the calls, what was found, and every message. Nothing comes from outside."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sipclient.trace.explain.finding import Finding
from sipclient.trace.ladder.paint import FONT, GROUPS, MONO, safe, style
from sipclient.trace.ladder.picture import MOST, header, picture
from sipclient.trace.ladder.sheet import Group, Sheet
from sipclient.trace.record import Trace

_SHOWN = 16_000  # characters of one message
_STYLE = (
    f"body{{margin:0;padding:20px 24px;background:var(--paper);color:var(--ink);font:14px/1.5 {FONT}}}"
    "h1{font-size:20px;margin:0 0 4px}h2{font-size:16px;margin:28px 0 8px}a{color:inherit;text-decoration:none}"
    "p{margin:4px 0;color:var(--muted)}.scroll{overflow:auto;max-height:86vh;border:1px solid var(--faint);"
    "border-radius:9px}.scroll .top{position:sticky;top:0;background:var(--paper);width:max-content;"
    "border-bottom:1px solid var(--faint)}svg{display:block}table{border-collapse:collapse}"
    "td,th{text-align:left;padding:3px 14px 3px 0;vertical-align:top}th{color:var(--muted);font-weight:500}"
    f"pre{{font:12px/1.45 {MONO};background:var(--box);padding:10px 12px;border-radius:7px;overflow:auto;"
    "white-space:pre-wrap;overflow-wrap:anywhere;margin:4px 0 10px}"
    "summary{cursor:pointer;padding:2px 0}.mark{display:inline-block;min-width:14px;padding:0 4px;border-radius:4px;"
    "color:#fff;font-weight:700;font-size:11px;text-align:center}.found{border-left:4px solid var(--faint);"
    "padding:2px 12px;margin:10px 0}.high{border-color:var(--failure)}.medium{border-color:var(--provisional)}"
    "g:hover .label{text-decoration:underline}@media print{.scroll{max-height:none;overflow:visible}}"
)
_SCRIPT = (  # a message that an arrow leads to is opened
    "addEventListener('hashchange',function o(){var m=document.getElementById(location.hash.slice(1));"
    "if(m){m.open=true;m.scrollIntoView()}});"
)


def page(drawn: Sheet, trace: Trace, findings: Sequence[Finding] = ()) -> str:
    """The page of a trace and its sheet; both redacted before, where the page is to be shown to others."""
    return "\n".join(_page(drawn, trace, findings))


def _page(drawn: Sheet, trace: Trace, findings: Sequence[Finding]) -> Iterator[str]:
    yield "<!DOCTYPE html>"
    yield '<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    yield '<meta name="color-scheme" content="light dark">'
    yield f"<title>{safe(drawn.title)}</title><style>{style(':root')}{_STYLE}</style></head><body>"
    yield f"<h1>{safe(drawn.title)}</h1>"
    for note in drawn.notes:
        yield f"<p>{safe(note)}</p>"
    yield f'<div class="scroll"><div class="top">{header(drawn)}</div>{picture(drawn, linked=True)}</div>'
    if findings:
        yield "<h2>What stands out</h2>"
        for finding in findings:
            yield from _found(finding)
    yield "<h2>Calls</h2><table><tr><th></th><th>what</th><th>how it ended</th><th>Call-ID</th></tr>"
    for place, group in enumerate(drawn.groups[:MOST]):
        yield _call(place, group)
    yield "</table><h2>Messages</h2>"
    yield from _messages(drawn, trace)
    yield f"<script>{_SCRIPT}</script></body></html>"


def _found(finding: Finding) -> Iterator[str]:
    where = f'<a href="#m{finding.message}">message {finding.message}</a>: ' if finding.message else ""
    yield f'<div class="found {finding.confidence}"><b>{safe(finding.title)}</b> ({finding.confidence} confidence)<br>'
    yield f"{where}{safe(finding.evidence)}<br><b>Fix:</b> {safe(finding.fix)}<br>"
    yield f"<b>Not so if:</b> {safe(finding.disproved_by)}</div>"


def _call(place: int, group: Group) -> str:
    mark = f'<span class="mark" style="background:{GROUPS[place % len(GROUPS)]}">{group.letter}</span>'
    ids = "<br>".join(safe(each[:120]) for each in group.call_ids[:8])
    why = "".join(f"<br>legs by {safe(each)}" for each in group.why[:4])
    return f"<tr><td>{mark}</td><td>{safe(group.title)}{why}</td><td>{safe(group.outcome)}</td><td>{ids}</td></tr>"


def _messages(drawn: Sheet, trace: Trace) -> Iterator[str]:
    for row in drawn.rows[:MOST]:
        if not row.number:
            continue
        record = trace.records[row.number - 1]
        at = f"{row.at:.3f} s " if row.at is not None else ""
        mended = "".join(f"<p>mended: {safe(each)}</p>" for each in record.repairs)
        lines = record.data[:_SHOWN].decode("utf-8", "replace").replace("\r\n", "\n").split("\n")
        body = "\n".join(safe(line) for line in lines).rstrip()
        yield f'<details id="m{row.number}"><summary>{row.number} {at}{safe(row.label)}</summary>{mended}'
        yield f"<pre>{body}</pre></details>"
