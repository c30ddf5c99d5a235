"""`sipclient ladder TRACE`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from sipclient.cli.traced import TraceFile, gathered
from sipclient.config.values import did_you_mean
from sipclient.errors import InvalidValue
from sipclient.trace import Trace
from sipclient.trace.explain import explain
from sipclient.trace.ladder import page, picture, sequence, sheet, terminal
from sipclient.trace.ladder.arrows import signs_for
from sipclient.trace.ladder.sheet import hidden
from sipclient.trace.ladder.terminal import Style

_STYLES: Mapping[Style, str] = MappingProxyType({
    "head": "bold", "bar": "dim", "dim": "dim", "text": "", "request": "bold cyan", "provisional": "yellow",
    "success": "green", "redirect": "magenta", "failure": "bold red", "sound": "blue",
})  # fmt: skip


def ladder(
    trace: TraceFile,
    form: Annotated[str, typer.Option("--format", metavar="FORM", help="text, svg, html or mermaid.")] = "text",
    redact: Annotated[
        bool | None,
        typer.Option(
            "--redact/--no-redact", help="Replace numbers, names, addresses and secrets; all but text do so anyway."
        ),
    ] = None,
) -> None:
    """Draw a trace; to a terminal, or as a file on standard output."""
    if form != "text" and form not in _FILES:
        forms = ["text", *_FILES]
        raise InvalidValue(f"--format {form}{did_you_mean(form, forms)}: there are {', '.join(forms)}")
    given = gathered(trace)
    given = hidden(given) if (form != "text" if redact is None else redact) else given
    if form == "text":
        _print(given)
    else:
        sys.stdout.write(_FILES[form](given))


def _page(trace: Trace) -> str:
    return page(sheet(trace), trace, explain(trace).findings)


_FILES: Mapping[str, Callable[[Trace], str]] = MappingProxyType({
    "svg": lambda trace: picture(sheet(trace)),
    "html": _page,
    "mermaid": lambda trace: sequence(sheet(trace)),
})  # fmt: skip


def _print(trace: Trace) -> None:
    console = Console(highlight=False)
    for pieces in terminal(sheet(trace), console.width, signs_for(console.encoding)):
        line = Text.assemble(*((text, _STYLES[style]) for text, style in pieces))
        line.rstrip()
        console.print(line, no_wrap=True, crop=False, soft_wrap=True)
