"""`sipclient run robot.toml`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from importlib import import_module
from importlib.util import find_spec
from typing import Annotated

import typer

from sipclient.cli.options import DEFAULT_FILE, ConfigFile, File
from sipclient.config import WebConfig, WebhookConfig
from sipclient.errors import InvalidValue, ListenFailed
from sipclient.robot.journal import Journal
from sipclient.robot.outlets import Front, Outlets, Posts
from sipclient.robot.robot import utc_now
from sipclient.robot.service import run as run_service
from sipclient.robot.told import Told
from sipclient.store import Outbox


def run(
    file: File = "",
    config: ConfigFile = "",
    log_format: Annotated[str, typer.Option("--log-format", metavar="FORMAT", help="text or json")] = "text",
    verbose: Annotated[
        int, typer.Option("--verbose", "-v", count=True, help="-v: first lines of SIP messages; -vv: all of them")
    ] = 0,
    trace_dir: Annotated[
        str, typer.Option("--trace-dir", metavar="DIR", help="Keep there what an exact replay of this run needs.")
    ] = "",
) -> None:
    """Run until SIGTERM or SIGINT; SIGHUP reads the file again."""
    path = one_file(file, config)
    if log_format not in ("text", "json"):
        raise InvalidValue(f"--log-format is text or json, not {log_format!r}")
    journal = Journal(sys.stdout, "json" if log_format == "json" else "text", verbose, utc_now)
    run_service(path, journal, trace_dir, Outlets(open_front, open_posts))


def open_front(web: WebConfig, folder: str) -> Front:
    """The HTTP API and the page. Raises ListenFailed where they cannot be served.

    What serves is loaded only where it is wanted: it is an extra, and takes as long to load as all the rest.
    """
    if find_spec("litestar") is None or find_spec("uvicorn") is None:
        raise ListenFailed("[web] needs the extra: pip install 'sipclient[web]'")
    front: Front = import_module("sipclient.web.front").Front(web, folder)
    return front


def open_posts(hooks: Iterable[WebhookConfig], outbox: Outbox, tell: Callable[[Told], None]) -> Posts:
    """Who brings events to webhooks. Raises InvalidValue where that is not installed."""
    if find_spec("httpx") is None:
        raise InvalidValue("[[webhooks]] need the extra: pip install 'sipclient[web]'")
    posts: Posts = import_module("sipclient.web.webhooks").open_webhooks(hooks, outbox, tell)
    return posts


def one_file(file: str, config: str) -> str:
    """The file, given by its place or by --config. Raises InvalidValue where both are."""
    if file and config:
        raise InvalidValue("the file is given twice: by its place and by --config")
    return file or config or DEFAULT_FILE
