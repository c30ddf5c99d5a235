"""`sipclient replay TRACE`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from sipclient.cli.traced import TraceFile, gathered
from sipclient.config import Config
from sipclient.robot.files import load_file
from sipclient.trace import Replay, Trace
from sipclient.trace import replay as replay_records
from sipclient.trace.replaying.exact import replay_run
from sipclient.trace.replaying.journal import is_journal, read_journal, records_of


def _of_run(path: Path, rules: Config | None) -> Replay:
    """The journal of a run; where its beginning was rotated away, its messages as those of any capture."""
    entries = read_journal(path)
    count = f"the journal of a run, {len(entries)} entries"
    if entries and entries[0].what == "begin":
        return replay_run(entries, rules, form=count)
    records = tuple(records_of(entries))
    return replay_records(Trace(f"{count}, its beginning gone", records), rules)


def replay(
    trace: TraceFile,
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
    outcome = _of_run(Path(trace), rules) if is_journal(Path(trace)) else replay_records(gathered(trace), rules, us=us)
    if not as_json:
        print(outcome, end="")
        return
    for each in outcome.objects():
        print(json.dumps(each, ensure_ascii=False))
