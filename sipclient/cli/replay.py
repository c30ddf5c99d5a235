"""`sipclient replay TRACE`."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from sipclient.config import Config
from sipclient.robot.files import load_file
from sipclient.trace import read
from sipclient.trace import replay as replay_records


def replay(
    trace: Annotated[str, typer.Argument(metavar="TRACE", help="A capture, a log, a paste.")],
    config: Annotated[
        str, typer.Option("--config", metavar="FILE", help="The robot.toml whose accounts and rules are asked.")
    ] = "",
    us: Annotated[
        str, typer.Option("--as", metavar="ADDRESS", help="Which side we are: host, host:port or sip:user@host.")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="One object a line, the summary last.")] = False,
) -> None:
    """What would we have done? The trace's times are the clock, its peers the network."""
    rules: Config | None = load_file(config, secrets="if there") if config else None
    outcome = replay_records(read(trace), rules, us=us)
    if not as_json:
        print(outcome, end="")
        return
    for each in outcome.objects():
        print(json.dumps(each, ensure_ascii=False))
