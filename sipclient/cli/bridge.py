"""`sipclient bridge A B`."""

from __future__ import annotations

import sys
import time
from typing import Annotated

import typer

from sipclient.cli.loop import run as run_loop
from sipclient.cli.options import (
    LEAVING,
    AccountName,
    Address,
    Caller,
    CallerId,
    ConfigFile,
    HeaderTexts,
    Register,
    Server,
    VariableTexts,
    caller,
    headers_of,
    ringing_time,
    seconds,
    variables_of,
)
from sipclient.cli.patience import Patience
from sipclient.client import Client
from sipclient.config.values import visible
from sipclient.dialling import parse_dial_string
from sipclient.errors import BridgeFailed, NotAllowed
from sipclient.face.progress import BridgeProgress
from sipclient.face.wishes import BridgeOptions

_WORDS = {"early": "early media", "ended": "ended"}


def bridge(
    a: Annotated[str, typer.Argument(metavar="A", help="Who is called first: a number, a URI or a dial string.")],
    b: Annotated[str, typer.Argument(metavar="B", help="Who is called once A has answered.")],
    caller_id: CallerId = "",
    header: HeaderTexts = None,
    variable: VariableTexts = None,
    id: Annotated[str, typer.Option("--id", help="Your own id: it is in each Call-ID.")] = "",
    ringback: Annotated[
        str | None,
        typer.Option("--ringback", help="Heard by A while B rings: us-ring, %(2000,4000,440,480), a file."),
    ] = None,
    announcement: Annotated[str, typer.Option("--announcement", help="What A hears where B is not reached.")] = "",
    record: Annotated[str, typer.Option("--record", metavar="FILE", help="A on the left, B on the right.")] = "",
    timeout: Annotated[str, typer.Option("--timeout", help="Until both talk, retries included: 5m.")] = "",
    leg_timeout: Annotated[str, typer.Option("--leg-timeout", help="Until each must answer: 45s.")] = "45s",
    progress_timeout: Annotated[str, typer.Option("--progress-timeout", help="Until each must ring: 5s.")] = "",
    retry_on: Annotated[
        list[str] | None,
        typer.Option("--retry-on", help="A cause or statuses: USER_BUSY, 5xx; may be repeated."),
    ] = None,
    retries: Annotated[int, typer.Option("--retries", help="Further attempts, with --retry-on.")] = 3,
    retry_wait: Annotated[str, typer.Option("--retry-wait", help="Between attempts: 10s, 2h.")] = "10s",
    ignore_early_media: Annotated[
        bool, typer.Option("--ignore-early-media", help="A hears ringback until B answers, whatever B's network says.")
    ] = False,
    at_once: Annotated[bool, typer.Option("--at-once", help="Call both at the same time.")] = False,
    config: ConfigFile = "",
    account: AccountName = "",
    address: Address = "",
    server: Server = "",
    register: Register = False,
) -> None:
    """Status 0: they talked; 1: one was not reached. Ctrl-C hangs up both."""
    who = caller(config, account, address, server, register)
    allowed_only(who, a, b)
    retry: dict[str, object] = {"on": retry_on, "times": retries, "wait": seconds("--retry-wait", retry_wait)}
    how: BridgeOptions = {
        "caller_id": caller_id,
        "headers": headers_of(header),
        "variables": variables_of(variable),
        "id": id,
        "ringback": ringback,
        "announcement": announcement,
        "record": record,
        "timeout": seconds("--timeout", timeout) or None,
        "leg_timeout": ringing_time("--leg-timeout", leg_timeout),
        "progress_timeout": seconds("--progress-timeout", progress_timeout),
        "retry": retry if retry_on else None,
        "ignore_early_media": ignore_early_media,
        "at_once": at_once,
    }
    raise typer.Exit(run_loop(_bridge(who, a, b, how)))


def allowed_only(who: Caller, *dial_strings: str) -> None:
    """Raises NotAllowed where a target of these is none that `[dial] allow` names, InvalidValue for what is none."""
    names = [each.key for each in (who.account, *who.others)]
    for text in dial_strings:
        for leg in parse_dial_string(text, names).legs:
            if not who.may_call(leg.to, leg.account):
                raise NotAllowed(f'[dial] allow does not name "{leg.to}": nothing was sent')


async def _bridge(who: Caller, a: str, b: str, how: BridgeOptions) -> int:
    began = time.monotonic()

    def show(progress: BridgeProgress) -> None:
        patience.over()
        print(f"{time.monotonic() - began:7.2f} s  {words_of(progress)}", flush=True)

    with Patience(who.account, lambda text: print(f"         {text}", file=sys.stderr, flush=True)) as patience:
        async with Client(
            who.account, *who.others, follow=who.may_call, on_event=patience.hear, stop_timeout=LEAVING
        ) as client:
            try:
                async with client.bridge(a, b, **(how | {"on_progress": show})) as joined:
                    await joined
            except BridgeFailed:
                return 1  # which `show` has told
    return 0


def words_of(progress: BridgeProgress) -> str:
    """One line of what happened: `a  ringing 1001`."""
    if progress.state == "waiting":
        return f"{progress.leg}  {progress.cause}: another attempt in {progress.seconds:.0f} s"
    if progress.state in ("failed", "announcing", "not-recorded"):
        return f"{progress.state.replace('-', ' ')}: {visible(progress.reason)}"
    if not progress.leg:
        return f"ended: {progress.cause}" if progress.state == "ended" else progress.state
    how = f": {progress.status or ''} {progress.cause}".rstrip() if progress.state == "ended" else ""
    return f"{progress.leg}  {_WORDS.get(progress.state, progress.state)} {progress.to}{how}"
