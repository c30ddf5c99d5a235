"""`sipclient explain TRACE`."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich.console import Console

from sipclient.cli.traced import TraceFile, gathered
from sipclient.errors import LoneDescription
from sipclient.trace.explain import explain as explanation_of
from sipclient.trace.explain.lone import explain_description
from sipclient.trace.explain.report import Role, report

_STYLES: dict[Role, str] = {
    "head": "bold",
    "high": "bold red",
    "medium": "bold yellow",
    "low": "bold",
    "quote": "cyan",
    "text": "",
    "fine": "green",
}


def explain(
    trace: TraceFile,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """What went wrong in a trace; status 1 where a finding stands, 0 where nothing is wrong."""
    try:
        told = explanation_of(gathered(trace))
    except LoneDescription as error:
        told = explain_description(error.description)
    if as_json:
        print(json.dumps(told.as_json, indent=2, ensure_ascii=False))
    else:
        console = Console(highlight=False)
        for text, role in report(told, console.width):
            console.print(text, style=_STYLES[role] or None, markup=False, soft_wrap=True)
    if told.findings:
        raise typer.Exit(1)
